//! The universe's time, as the crates of WebRTC's thin layer want it.

use crate::trace::SimTime;
use std::time::{Duration, Instant};

/// Turns [`SimTime`] into `Instant` and back.
///
/// An `Instant` can't be made from nothing, so a clock is anchored once: an instant, and the simulated time of that
/// moment. Both are arguments (law 2): on a host they're the kernel's. The cores only ever see differences.
///
/// ```
/// use busyhour::media::webrtc::Clock;
/// use busyhour::trace::SimTime;
/// use std::time::{Duration, Instant};
///
/// let clock = Clock::new(Instant::now(), SimTime::ZERO + Duration::from_secs(3));
/// let later = SimTime::ZERO + Duration::from_secs(5);
/// assert_eq!(clock.time(clock.instant(later)), later);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Instant,
    offset: i128,
}

impl Clock {
    /// A clock for which `anchor` is the moment `now`.
    pub fn new(anchor: Instant, now: SimTime) -> Clock {
        Clock { anchor, offset: i128::from(now.as_nanos()) }
    }

    /// The instant of a simulated time.
    pub fn instant(&self, time: SimTime) -> Instant {
        let nanos = i128::from(time.as_nanos()) - self.offset;
        let distance = Duration::from_nanos(u64::try_from(nanos.unsigned_abs()).unwrap_or(u64::MAX));
        // An instant that the platform can't say is as good as the anchor: nothing here waits for it.
        if nanos >= 0 { self.anchor.checked_add(distance) } else { self.anchor.checked_sub(distance) }
            .unwrap_or(self.anchor)
    }

    /// The simulated time of an instant.
    pub fn time(&self, instant: Instant) -> SimTime {
        let nanos = match instant.checked_duration_since(self.anchor) {
            Some(after) => self.offset + after.as_nanos() as i128,
            None => self.offset - self.anchor.duration_since(instant).as_nanos() as i128,
        };
        SimTime(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}
