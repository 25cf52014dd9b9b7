//! What time it is, and where.

use std::fmt;

use super::floor::quoted;
use super::{Argument, ArgumentError};

const DAY: i64 = 86_400;

/// Days from 1970-01-01 to a date of the Gregorian calendar (the count of March-based years is the usual one).
fn days(year: i64, month: u32, day: u32) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The time on a clock on the wall, in double quotes: `"2026-11-23 08:59"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    year: i64,
    /// Seconds since 1970-01-01 00:00 by that clock.
    seconds: i64,
}

impl Argument for LocalTime {
    const NAME: &'static str = "local_time";
    const PATTERN: &'static str = r#"(?:"[^"]*"|[\d:-]+(?: [\d:]+)?)"#;
    const DOC: &'static str = "date and time on the wall, in double quotes: \"2026-11-23 08:59\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let text = quoted(words)?;
        let not_one = || ArgumentError::NotALocalTime(text.to_owned());
        let number = |text: &str, digits: usize| {
            let is_one = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_one { text.parse::<u32>().ok() } else { None }
        };
        let read = || {
            let (date, time) = text.split_once(' ')?;
            let mut date = date.split('-');
            let (year, month, day) = (date.next()?, date.next()?, date.next()?);
            let (year, month, day) = (i64::from(number(year, 4)?), number(month, 2)?, number(day, 2)?);
            let mut time = time.split(':');
            let (hour, minute) = (number(time.next()?, 2)?, number(time.next()?, 2)?);
            let second = time.next().map_or(Some(0), |second| number(second, 2))?;
            let is_date = (1970..2200).contains(&year)
                && (1..=12).contains(&month)
                && (1..=month_length(year, month)).contains(&day);
            if !is_date || hour > 23 || minute > 59 || second > 59 || date.next().is_some() || time.next().is_some() {
                return None;
            }
            let of_day = i64::from(hour * 3_600 + minute * 60 + second);
            Some(LocalTime { year, seconds: days(year, month, day) * DAY + of_day })
        };
        read().ok_or_else(not_one)
    }
}

/// When clocks are set an hour ahead for the summer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summer {
    /// Never.
    None,
    /// From the second Sunday of March to the first of November, at 2 o'clock by the clock on the wall.
    American,
    /// From the last Sunday of March to the last of October, at 1 o'clock UTC.
    European,
}

/// A time zone, in double quotes, by its name in the tz database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    name: &'static str,
    /// From UTC, in winter.
    winter_minutes: i64,
    summer: Summer,
}

const fn zone(name: &'static str, winter_minutes: i64, summer: Summer) -> Zone {
    Zone { name, winter_minutes, summer }
}

/// The zones that contact centers of these features are in: rules as they have been since 2007, and no history.
const ZONES: [Zone; 12] = [
    zone("America/New_York", -300, Summer::American),
    zone("America/Chicago", -360, Summer::American),
    zone("America/Denver", -420, Summer::American),
    zone("America/Phoenix", -420, Summer::None),
    zone("America/Los_Angeles", -480, Summer::American),
    zone("Europe/London", 0, Summer::European),
    zone("Europe/Berlin", 60, Summer::European),
    zone("Europe/Warsaw", 60, Summer::European),
    zone("Europe/Kyiv", 120, Summer::European),
    zone("Asia/Kolkata", 330, Summer::None),
    zone("Asia/Manila", 480, Summer::None),
    zone("UTC", 0, Summer::None),
];

/// The first second of the n-th Sunday of a month, counted from 1; 0 is the last one.
fn sunday(year: i64, month: u32, nth: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    let to_sunday = |day: i64| (3 - day).rem_euclid(7);
    let day = if nth == 0 {
        let last = days(year, month, month_length(year, month));
        last - (last - 3).rem_euclid(7)
    } else {
        let first = days(year, month, 1);
        first + to_sunday(first) + 7 * (nth - 1)
    };
    day * DAY
}

impl Zone {
    /// How many minutes its clocks are ahead of UTC at that time on the wall. An hour that's skipped is read as if it
    /// weren't, one that comes twice as the first.
    fn offset_at(self, time: LocalTime) -> i64 {
        let at = time.seconds;
        let winter = self.winter_minutes * 60;
        let is_summer = match self.summer {
            Summer::None => false,
            Summer::American => (sunday(time.year, 3, 2) + 7_200..sunday(time.year, 11, 1) + 7_200).contains(&at),
            Summer::European => {
                let begins = sunday(time.year, 3, 0) + 3_600 + winter;
                let ends = sunday(time.year, 10, 0) + 3_600 + winter + 3_600;
                (begins..ends).contains(&at)
            }
        };
        self.winter_minutes + if is_summer { 60 } else { 0 }
    }

    /// The offset from UTC in minutes, and the seconds since 1970 in UTC, at that time on its walls.
    pub fn at(self, time: LocalTime) -> (i32, u64) {
        let offset = self.offset_at(time);
        let seconds = time.seconds - offset * 60;
        (i32::try_from(offset).unwrap_or(0), u64::try_from(seconds).unwrap_or(0))
    }
}

impl Argument for Zone {
    const NAME: &'static str = "zone";
    const PATTERN: &'static str = r#"(?:"[^"]*"|\S+)"#;
    const DOC: &'static str = "a time zone in double quotes: \"America/New_York\", \"Europe/London\", \"UTC\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let name = quoted(words)?;
        let found = ZONES.iter().find(|zone| zone.name == name).copied();
        found.ok_or_else(|| {
            let all = ZONES.map(|zone| zone.name).join(", ");
            ArgumentError::NotAZone { written: name.to_owned(), all }
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str, zone: &str) -> (i32, u64) {
        let (time, zone) = (format!("{time:?}"), format!("{zone:?}"));
        Zone::read(&zone).unwrap().at(LocalTime::read(&time).unwrap())
    }

    #[test]
    fn a_time_on_the_wall_is_a_moment_by_its_zone() {
        // Where the universe begins unless it's said.
        assert_eq!(at("2026-11-23 09:00", "America/New_York"), (-300, busyhour::DEFAULT_BIRTH));
        assert_eq!(at("2026-11-23 08:59:30", "America/New_York").1, busyhour::DEFAULT_BIRTH - 30);
        assert_eq!(at("2026-11-23 14:00", "UTC").1, busyhour::DEFAULT_BIRTH);
        assert_eq!(at("1970-01-01 00:00", "UTC"), (0, 0));
        assert_eq!(at("2024-02-29 12:00", "UTC").1, 1_709_208_000);
    }

    #[test]
    fn clocks_are_set_ahead_for_the_summer_on_the_right_sundays() {
        for (time, zone, offset) in [
            ("2026-03-08 01:59", "America/New_York", -300),
            ("2026-03-08 03:00", "America/New_York", -240),
            ("2026-11-01 00:59", "America/New_York", -240),
            ("2026-11-01 02:00", "America/New_York", -300),
            ("2026-03-29 01:59", "Europe/Berlin", 60),
            ("2026-03-29 03:00", "Europe/Berlin", 120),
            ("2026-10-25 03:00", "Europe/Berlin", 60),
            ("2026-07-01 12:00", "America/Phoenix", -420),
        ] {
            assert_eq!(at(time, zone).0, offset, "{time} {zone}");
        }
    }

    #[test]
    fn what_is_no_time_and_no_zone_says_how_one_looks() {
        for wrong in
            ["2026-11-31 08:59", "2026-02-29 08:59", "26-11-23 08:59", "2026-11-23", "2026-11-23 24:00", "8:59"]
        {
            assert_eq!(LocalTime::read(&format!("{wrong:?}")), Err(ArgumentError::NotALocalTime(wrong.into())));
        }
        assert_eq!(LocalTime::read("2026-11-23 08:59"), Err(ArgumentError::NotQuoted("2026-11-23 08:59".into())));
        assert!(Zone::read("\"New York\"").unwrap_err().to_string().contains("America/New_York"));
    }
}
