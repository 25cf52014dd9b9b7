//! When something that failed is tried again.

use std::fmt;
use std::time::Duration;

use crate::world::Random;

/// The waits after the first, the second, ... failure.
#[derive(Debug, Clone, PartialEq)]
pub enum Waits {
    /// These, and then no more.
    List(Vec<Duration>),
    /// Each one by a factor longer than the one before.
    Exponential {
        /// The first.
        first: Duration,
        /// The factor.
        factor: f64,
        /// The longest.
        most: Duration,
    },
    /// Each one longer by the same.
    Linear {
        /// The first, and how much longer each is.
        step: Duration,
        /// The longest.
        most: Duration,
    },
}

/// What chance makes of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Jitter {
    /// Nothing.
    #[default]
    None,
    /// Anything from its half to the whole of it.
    Half,
    /// Anything from nothing to the whole of it.
    Full,
}

impl Jitter {
    /// The shortest that it makes of a wait.
    pub fn least(self, wait: Duration) -> Duration {
        match self {
            Jitter::None => wait,
            Jitter::Half => wait / 2,
            Jitter::Full => Duration::ZERO,
        }
    }

    fn apply(self, wait: Duration, random: &mut Random) -> Duration {
        let least = self.least(wait);
        let span = u64::try_from((wait - least).as_millis()).unwrap_or(u64::MAX);
        if span == 0 { wait } else { least + Duration::from_millis(random.below(span.saturating_add(1))) }
    }
}

/// A schedule of retries.
///
/// ```
/// use busyhour::webhook::schedule::{Jitter, Schedule, Waits};
/// use busyhour::world::Random;
/// use std::time::Duration;
///
/// let minute = Duration::from_secs(60);
/// let waits = Waits::Exponential { first: minute, factor: 2.0, most: 5 * minute };
/// let schedule = Schedule { waits, jitter: Jitter::None, retries: None, within: Some(20 * minute) };
/// let minutes: Vec<u64> = schedule.longest().map(|wait| wait.as_secs() / 60).collect();
/// assert_eq!(minutes, [1, 2, 4, 5, 5], "the next one would be after the 20 minutes");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The waits.
    pub waits: Waits,
    /// What chance makes of them.
    pub jitter: Jitter,
    /// How often at most it's tried again.
    pub retries: Option<u32>,
    /// How long after the beginning a retry may be at most.
    pub within: Option<Duration>,
}

impl Schedule {
    /// How long to wait after so many failures (one at least), so long after the beginning; `None` if that's all.
    pub fn wait(&self, failures: u32, since_beginning: Duration, random: &mut Random) -> Option<Duration> {
        let wait = self.jitter.apply(self.longest_wait(failures)?, random);
        let in_time = self.within.is_none_or(|within| since_beginning + wait <= within);
        in_time.then_some(wait)
    }

    /// The longest that the wait after so many failures can be.
    fn longest_wait(&self, failures: u32) -> Option<Duration> {
        let before = failures.checked_sub(1)?;
        if self.retries.is_some_and(|retries| before >= retries) {
            return None;
        }
        match &self.waits {
            Waits::List(waits) => waits.get(before as usize).copied(),
            Waits::Exponential { first, factor, most } => {
                let wait = first.as_secs_f64() * factor.powf(f64::from(before));
                Some(if wait < most.as_secs_f64() { Duration::from_secs_f64(wait) } else { *most })
            }
            Waits::Linear { step, most } => Some(step.saturating_mul(failures).min(*most)),
        }
    }

    /// All waits at their longest, if each attempt fails at once: an endless schedule has no end here.
    pub fn longest(&self) -> impl Iterator<Item = Duration> {
        let mut gone = Duration::ZERO;
        (1..=u32::MAX).map_while(move |failures| {
            let wait = self.longest_wait(failures)?;
            gone += wait;
            self.within.is_none_or(|within| gone <= within).then_some(wait)
        })
    }

    /// Whether it ends by itself.
    pub fn ends(&self) -> bool {
        matches!(self.waits, Waits::List(_)) || self.retries.is_some() || self.within.is_some()
    }
}

/// `5s 5m 30m 2h`, each wait at its longest; runs of the same one as `12h x4`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut runs: Vec<(Duration, u32)> = Vec::new();
        for wait in self.longest().take(100) {
            match runs.last_mut() {
                Some((last, count)) if *last == wait => *count += 1,
                _ => runs.push((wait, 1)),
            }
        }
        let words = runs.iter().map(|(wait, count)| match count {
            1 => short(*wait),
            _ => format!("{} x{count}", short(*wait)),
        });
        f.write_str(&words.collect::<Vec<_>>().join(" "))?;
        f.write_str(match self.jitter {
            Jitter::None => "",
            Jitter::Half => ", each from its half on",
            Jitter::Full => ", each from nothing on",
        })
    }
}

/// `2h`, `1h30m`, `200ms`: as sender files write it.
pub fn short(duration: Duration) -> String {
    let ms = duration.as_millis();
    let parts = [(ms / 3_600_000, "h"), (ms / 60_000 % 60, "m"), (ms / 1000 % 60, "s"), (ms % 1000, "ms")];
    let text: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads what [`short`] writes, days (`3d`) as well.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        sum = sum.checked_add(Duration::from_millis(count.parse::<u64>().ok()?.checked_mul(unit)?))?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(waits: Waits) -> Schedule {
        Schedule { waits, jitter: Jitter::None, retries: None, within: None }
    }

    #[test]
    fn a_linear_schedule_grows_by_its_step_up_to_its_most() {
        let wget = Schedule { retries: Some(5), ..schedule(Waits::Linear { step: SECOND, most: 3 * SECOND }) };
        assert_eq!(wget.to_string(), "1s 2s 3s x3");
        let mut random = Random::stream(1, "jitter");
        assert_eq!(wget.wait(5, Duration::ZERO, &mut random), Some(3 * SECOND));
        assert_eq!(wget.wait(6, Duration::ZERO, &mut random), None);
    }

    #[test]
    fn a_retry_at_the_last_moment_is_made_and_one_after_it_is_not() {
        let short = Schedule { within: Some(10 * SECOND), ..schedule(Waits::List(vec![4 * SECOND])) };
        let mut random = Random::stream(1, "jitter");
        assert_eq!(short.wait(1, 6 * SECOND, &mut random), Some(4 * SECOND));
        assert_eq!(short.wait(1, 6 * SECOND + Duration::from_millis(1), &mut random), None);
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_reaches_both() {
        let wait = Duration::from_millis(4);
        for (jitter, all) in [(Jitter::None, 4..=4), (Jitter::Half, 2..=4), (Jitter::Full, 0..=4)] {
            let one = Schedule { jitter, ..schedule(Waits::List(vec![wait])) };
            let mut random = Random::stream(1, "jitter");
            let mut drawn: Vec<u128> =
                (0..200).filter_map(|_| one.wait(1, Duration::ZERO, &mut random)).map(|w| w.as_millis()).collect();
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn, all.collect::<Vec<u128>>(), "{jitter:?}");
        }
    }

    #[test]
    fn an_exponential_schedule_of_many_years_stays_at_its_most() {
        let most = 3600 * SECOND;
        let endless = schedule(Waits::Exponential { first: SECOND, factor: 2.0, most });
        let mut random = Random::stream(1, "jitter");
        assert_eq!(endless.wait(12, Duration::ZERO, &mut random), Some(2048 * SECOND));
        assert_eq!(endless.wait(u32::MAX, Duration::ZERO, &mut random), Some(most));
        assert!(!endless.ends());
    }

    #[test]
    fn durations_are_read_as_they_are_written() {
        for (text, ms) in [("0s", 0), ("200ms", 200), ("1h30m", 5_400_000), ("75h35m5s", 272_105_000)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)));
            assert_eq!(short(Duration::from_millis(ms)), text);
        }
        assert_eq!(parse_duration("3d"), parse_duration("72h"));
        for wrong in ["", "5", "s", "5 s", "-5s", "5x", "1.5h", "99999999999999999999s", "9999999999999999d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong:?}");
        }
    }
}
