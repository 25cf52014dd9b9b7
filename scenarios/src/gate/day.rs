//! Days, as a quarantine has them.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// A day of the calendar. The later day is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// Today by the machine's clock, in UTC: a gate is asked in real time.
    pub fn today() -> Day {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Day::after_epoch(since.as_secs() / 86_400)
    }

    /// The day that is so many days after 1970-01-01.
    fn after_epoch(mut days: u64) -> Day {
        let mut year = 1970;
        while days >= days_of(year) {
            days -= days_of(year);
            year += 1;
        }
        let mut month = 1;
        while days >= u64::from(length(year, month)) {
            days -= u64::from(length(year, month));
            month += 1;
        }
        Day { year, month, day: days as u8 + 1 }
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u16) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn length(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Day, String> {
        let parts: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        let read =
            |part: &str| part.bytes().all(|sign| sign.is_ascii_digit()).then(|| part.parse::<u16>().ok()).flatten();
        let numbers: Option<Vec<u16>> = parts.iter().map(|part| read(part)).collect();
        let (Some([year, month, day]), [4, 2, 2]) = (numbers.as_deref(), lengths.as_slice()) else {
            return Err(format!("`{text}` is no date: write it as 2027-01-31"));
        };
        let (year, month, day) = (*year, *month as u8, *day as u8);
        if !(1..=12).contains(&month) || day == 0 || day > length(year, month) {
            return Err(format!("there is no day {text}"));
        }
        Ok(Day { year, month, day })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(Day::after_epoch(0).to_string(), "1970-01-01");
        assert_eq!(Day::after_epoch(11_016).to_string(), "2000-02-29");
        assert_eq!(Day::after_epoch(20_778).to_string(), "2026-11-21");
        assert_eq!("2024-02-29".parse::<Day>().unwrap().to_string(), "2024-02-29");
        assert!("2026-11-30".parse::<Day>().unwrap() < "2026-12-01".parse().unwrap());
        let error = |text: &str| text.parse::<Day>().unwrap_err();
        assert_eq!(error("2026-02-29"), "there is no day 2026-02-29");
        assert_eq!(error("2026-13-01"), "there is no day 2026-13-01");
        for text in ["", "tomorrow", "2026-1-1", "26-01-01", "+026-01-01", "2026-01-01T00:00:00"] {
            assert!(error(text).contains("write it as"), "{text}");
        }
    }
}
