//! Time as the core gets it, and the clock on the floor's wall.

use std::time::Duration;

use crate::trace::SimTime;

/// Now, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The steady clock: what timers go by.
    pub at: SimTime,
    /// The machine's wall clock in unix milliseconds: what's written into books. It may jump.
    pub wall: u64,
}

impl Now {
    /// Both clocks, so much later.
    pub fn after(self, time: Duration) -> Now {
        Now { at: self.at + time, wall: self.wall + millis(time) }
    }
}

/// A duration in whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A date and time of day, as a clock on a wall shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// 2026.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar, counted in years that begin in March, so that a
/// leap day is a year's last.
fn days(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl Civil {
    /// What a clock shows that is `offset_minutes` ahead of UTC.
    ///
    /// ```
    /// use busyhour::floor::core::Civil;
    ///
    /// let opening = Civil::of(1_795_442_400_000, -5 * 60);
    /// assert_eq!(opening.to_string(), "2026-11-23 09:00:00");
    /// assert_eq!(opening.to_unix_ms(-5 * 60), 1_795_442_400_000);
    /// ```
    pub fn of(unix_ms: u64, offset_minutes: i32) -> Civil {
        let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX / 2) + i64::from(offset_minutes) * 60;
        let (day, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        // Each of these is within its clock's figures: no cast can lose anything.
        Civil {
            year,
            month: month as u32,
            day: (of_year - (153 * march_month + 2) / 5 + 1) as u32,
            hour: (of_day / 3_600) as u32,
            minute: (of_day / 60 % 60) as u32,
            second: (of_day % 60) as u32,
        }
    }

    /// The moment at which a clock so far ahead of UTC shows this; zero for one before 1970.
    pub fn to_unix_ms(self, offset_minutes: i32) -> u64 {
        let seconds = days(self.year, self.month, self.day) * 86_400
            + i64::from(self.hour * 3_600 + self.minute * 60 + self.second)
            - i64::from(offset_minutes) * 60;
        u64::try_from(seconds).unwrap_or(0) * 1_000
    }

    /// Reads `2026-11-23 09:00:00`, with `+` or `T` for the blank and without seconds too.
    pub fn read(text: &str) -> Option<Civil> {
        let (date, time) = text.split_once([' ', '+', 'T'])?;
        let mut date = date.splitn(3, '-').map(str::parse::<u32>);
        let mut time = time.splitn(3, ':').map(str::parse::<u32>);
        let next = |parts: &mut dyn Iterator<Item = Result<u32, std::num::ParseIntError>>| parts.next()?.ok();
        let civil = Civil {
            year: i64::from(next(&mut date)?),
            month: next(&mut date)?,
            day: next(&mut date)?,
            hour: next(&mut time)?,
            minute: next(&mut time)?,
            second: match time.next() {
                Some(second) => second.ok()?,
                None => 0,
            },
        };
        // A 31st of February would come back as another day.
        let sound = (1..=12).contains(&civil.month)
            && civil.year < 10_000
            && civil.day <= 31
            && civil.hour < 24
            && civil.minute < 60
            && civil.second < 60;
        (sound && Civil::of(civil.to_unix_ms(0), 0) == civil).then_some(civil)
    }
}

impl std::fmt::Display for Civil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Civil { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}
