//! Simulated time.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment in a universe: nanoseconds since its birth.
///
/// ```
/// use busyhour_trace::SimTime;
/// use std::time::Duration;
///
/// let at = SimTime::ZERO + Duration::from_millis(1500);
/// assert_eq!(at.to_string(), "1.500000s");
/// assert_eq!(at - SimTime::ZERO, Duration::from_millis(1500));
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimTime(pub u64);

impl SimTime {
    /// The universe's birth.
    pub const ZERO: SimTime = SimTime(0);

    /// Nanoseconds since the universe's birth.
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time that passed between `earlier` and this moment; zero if `earlier` is later.
    #[inline]
    pub fn since(self, earlier: SimTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 / 1_000;
        let text = format!("{}.{:06}s", micros / 1_000_000, micros % 1_000_000);
        f.pad(&text)
    }
}

impl Add<Duration> for SimTime {
    type Output = SimTime;

    /// Saturates at the end of time: a schedule that lies 584 years ahead never comes.
    #[inline]
    fn add(self, rhs: Duration) -> SimTime {
        let nanos = u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX);
        SimTime(self.0.saturating_add(nanos))
    }
}

impl AddAssign<Duration> for SimTime {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub for SimTime {
    type Output = Duration;

    #[inline]
    fn sub(self, rhs: SimTime) -> Duration {
        self.since(rhs)
    }
}
