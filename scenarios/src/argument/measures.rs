//! How much: durations, shares, counts, rates.

use std::fmt;
use std::time::Duration;

use super::{Argument, ArgumentError};

const MS_PER_SECOND: u64 = 1_000;
const MS_PER_MINUTE: u64 = 60 * MS_PER_SECOND;
const MS_PER_HOUR: u64 = 60 * MS_PER_MINUTE;
const MS_PER_DAY: u64 = 24 * MS_PER_HOUR;
const DAYS_MAX: u64 = 10_000;

/// A decimal number as whole millionths, so that no rounding comes between what was written and what is done.
fn millionths(number: &str) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let fraction_millionths: u64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction_millionths)
}

impl Argument for Duration {
    const NAME: &'static str = "duration";
    const PATTERN: &'static str = r"\S*\d\S*(?: \p{L}+)?";
    const DOC: &'static str = "a duration: 500 ms, 3 seconds, 2 minutes, 1 hour, 2 days";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotADuration(words.to_owned());
        let (number, unit) = words.split_once(' ').ok_or_else(not_one)?;
        let unit_ms = match unit {
            "ms" => 1,
            "second" | "seconds" => MS_PER_SECOND,
            "minute" | "minutes" => MS_PER_MINUTE,
            "hour" | "hours" => MS_PER_HOUR,
            "day" | "days" => MS_PER_DAY,
            _ => return Err(not_one()),
        };
        let number = millionths(number).ok_or_else(not_one)?;
        let too_long = || ArgumentError::TooLong(words.to_owned());
        let millionths_of_ms = number.checked_mul(unit_ms).ok_or_else(too_long)?;
        let ms = millionths_of_ms / 1_000_000;
        if millionths_of_ms % 1_000_000 != 0 {
            return Err(ArgumentError::TooFine(words.to_owned()));
        }
        if ms > DAYS_MAX * MS_PER_DAY {
            return Err(too_long());
        }
        Ok(Duration::from_millis(ms))
    }
}

/// A duration behind a lead word, or nothing: ` within 5 seconds`.
fn tail(words: &str, lead: &str) -> Result<Option<Duration>, ArgumentError> {
    match words.trim() {
        "" => Ok(None),
        said => Duration::read(said.strip_prefix(lead).unwrap_or(said).trim()).map(Some),
    }
}

/// How long a check may wait: the optional tail ` within 5 seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within(pub Option<Duration>);

impl Argument for Within {
    const NAME: &'static str = "within";
    const PATTERN: &'static str = r"(?: within \S*\d\S*(?: \p{L}+)?)?";
    const SHOWN: Option<&'static str> = Some(" [within {duration}]");
    const DOC: &'static str = "nothing, or how long to wait: within 5 seconds";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        tail(words, "within").map(Within)
    }
}

/// How long a state lasts: the optional tail ` for 10 seconds`. Without it the state stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct For(pub Option<Duration>);

impl Argument for For {
    const NAME: &'static str = "for";
    const PATTERN: &'static str = r"(?: for \S*\d\S*(?: \p{L}+)?)?";
    const SHOWN: Option<&'static str> = Some(" [for {duration}]");
    const DOC: &'static str = "nothing, or how long it lasts before the next step: for 10 seconds";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        tail(words, "for").map(For)
    }
}

/// A share of something, kept exactly: `2.5%` is 25,000 parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    parts_per_million: u32,
}

impl Share {
    /// The share in parts per million.
    pub fn parts_per_million(self) -> u32 {
        self.parts_per_million
    }

    /// The share as a probability from 0 to 1.
    pub fn probability(self) -> f64 {
        f64::from(self.parts_per_million) / 1e6
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} ppm)", self.parts_per_million)
    }
}

impl Argument for Share {
    const NAME: &'static str = "share";
    const PATTERN: &'static str = r"\S*\d\S*(?: ?%| percent)?";
    const DOC: &'static str = "a share: 5%, 2.5%";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotAShare(words.to_owned());
        let number = words.strip_suffix('%').ok_or_else(not_one)?;
        if number.strip_prefix('-').is_some_and(|rest| millionths(rest).is_some()) {
            return Err(ArgumentError::ShareOutOfRange(words.to_owned()));
        }
        let percent_millionths = millionths(number).ok_or_else(not_one)?;
        if percent_millionths > 100_000_000 {
            return Err(ArgumentError::ShareOutOfRange(words.to_owned()));
        }
        if percent_millionths % 100 != 0 {
            return Err(not_one());
        }
        let parts_per_million = u32::try_from(percent_millionths / 100).map_err(|_| not_one())?;
        Ok(Share { parts_per_million })
    }
}

const COUNT_PATTERN: &str = r"(?:\S*\d\S*|once|twice|never|no)";

/// How many: digits, `no`, `once`, `twice`, `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

impl Argument for Count {
    const NAME: &'static str = "count";
    const PATTERN: &'static str = COUNT_PATTERN;
    const DOC: &'static str = "a count: digits, no, once, twice, never";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words {
            "no" | "never" => Ok(Count(0)),
            "once" => Ok(Count(1)),
            "twice" => Ok(Count(2)),
            digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map(Count).map_err(|_| ArgumentError::NotACount(words.to_owned()))
            }
            _ => Err(ArgumentError::NotACount(words.to_owned())),
        }
    }
}

/// How many are right: exactly, at least, at most, between, all, none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// That many. `none` is zero.
    Exactly(u64),
    /// That many or more.
    AtLeast(u64),
    /// That many or fewer.
    AtMost(u64),
    /// From the first to the second, both included.
    Between(u64, u64),
    /// As many as there are.
    All,
}

impl Amount {
    /// Is `count` right, where there are `of` in all?
    pub fn admits(self, count: u64, of: u64) -> bool {
        match self {
            Amount::Exactly(exactly) => count == exactly,
            Amount::AtLeast(least) => count >= least,
            Amount::AtMost(most) => count <= most,
            Amount::Between(least, most) => (least..=most).contains(&count),
            Amount::All => count == of,
        }
    }

    /// Is `count` already too many, so that waiting longer can't make it right?
    pub fn is_exceeded_by(self, count: u64) -> bool {
        match self {
            Amount::Exactly(most) | Amount::AtMost(most) | Amount::Between(_, most) => count > most,
            Amount::AtLeast(_) | Amount::All => false,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Exactly(0) => f.write_str("none"),
            Amount::Exactly(exactly) => write!(f, "exactly {exactly}"),
            Amount::AtLeast(least) => write!(f, "at least {least}"),
            Amount::AtMost(most) => write!(f, "at most {most}"),
            Amount::Between(least, most) => write!(f, "between {least} and {most}"),
            Amount::All => f.write_str("all"),
        }
    }
}

impl Argument for Amount {
    const NAME: &'static str = "amount";
    const PATTERN: &'static str = r"(?:(?:at least |at most |exactly |between |more than |less than |fewer than )?\S*\d\S*(?: (?:and|to) \S*\d\S*)?|no|all|none)";
    const DOC: &'static str = "an amount: 5, at least 5, at most 5, between 930 and 970, no, all, none";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let number = |text: &str| {
            Count::read(text).map(|count| count.0).map_err(|_| ArgumentError::NotAnAmount(words.to_owned()))
        };
        if let Some(least) = words.strip_prefix("at least ") {
            return number(least).map(Amount::AtLeast);
        }
        if let Some(most) = words.strip_prefix("at most ") {
            return number(most).map(Amount::AtMost);
        }
        if let Some((least, most)) = words.strip_prefix("between ").and_then(|range| range.split_once(" and ")) {
            let (least, most) = (number(least)?, number(most)?);
            if least > most {
                return Err(ArgumentError::EmptyRange { least, most });
            }
            return Ok(Amount::Between(least, most));
        }
        match words {
            "all" => Ok(Amount::All),
            "none" => Ok(Amount::Exactly(0)),
            _ => number(words).map(Amount::Exactly),
        }
    }
}

/// An HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl Argument for Status {
    const NAME: &'static str = "status";
    const PATTERN: &'static str = r"\S*\d\S*";
    const DOC: &'static str = "an HTTP status: 200, 503";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.parse::<u16>() {
            Ok(status @ 100..=599) => Ok(Status(status)),
            _ => Err(ArgumentError::NotAStatus(words.to_owned())),
        }
    }
}

/// How many bits a second a wire carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Bits per second; 1 kbit is 1,000 bits.
    pub bits_per_second: u64,
}

impl Argument for Rate {
    const NAME: &'static str = "rate";
    const PATTERN: &'static str = r"\S*\d\S* \S+(?: per second)?";
    const DOC: &'static str = "a rate: 256 kbit per second, 2 Mbit per second";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotARate(words.to_owned());
        let (number, unit) = words.split_once(' ').ok_or_else(not_one)?;
        let unit_bits = match unit.strip_suffix(" per second").ok_or_else(not_one)? {
            "bit" => 1,
            "kbit" => 1_000,
            "Mbit" => 1_000_000,
            "Gbit" => 1_000_000_000,
            _ => return Err(not_one()),
        };
        let millionths = millionths(number).and_then(|number| number.checked_mul(unit_bits)).ok_or_else(not_one)?;
        // A wire that carries nothing is a cut, which has a phrase of its own.
        if millionths == 0 || millionths % 1_000_000 != 0 {
            return Err(not_one());
        }
        Ok(Rate { bits_per_second: millionths / 1_000_000 })
    }
}

/// Where a clock stands beside the true time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// It shows a later time.
    Ahead(Duration),
    /// It shows an earlier time.
    Behind(Duration),
}

impl Argument for Skew {
    const NAME: &'static str = "skew";
    const PATTERN: &'static str = r"\S*\d\S*(?: \p{L}+)? (?:ahead|behind|late|early|fast|slow)";
    const DOC: &'static str = "where a clock stands: 10 minutes ahead, 10 minutes behind";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.rsplit_once(' ') {
            Some((by, "ahead")) => Duration::read(by).map(Skew::Ahead),
            Some((by, "behind")) => Duration::read(by).map(Skew::Behind),
            _ => Err(ArgumentError::NotASkew(words.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit_singular_and_plural() {
        for (words, ms) in [
            ("500 ms", 500),
            ("1 second", 1_000),
            ("3 seconds", 3_000),
            ("1 minute", 60_000),
            ("2 minutes", 120_000),
            ("1 hour", 3_600_000),
            ("36 hours", 129_600_000),
            ("1 day", 86_400_000),
            ("2 days", 172_800_000),
            ("0 seconds", 0),
            ("1.5 seconds", 1_500),
            ("10000 days", 864_000_000_000),
        ] {
            assert_eq!(Duration::read(words), Ok(Duration::from_millis(ms)), "{words}");
        }
    }

    #[test]
    fn what_is_no_duration_says_what_one_looks_like() {
        for words in ["5", "5s", "5 sec", "-3 seconds", "1,5 seconds", "five seconds", "1e3 ms", ". seconds", "5  ms"] {
            assert_eq!(Duration::read(words), Err(ArgumentError::NotADuration(words.into())));
        }
        assert_eq!(Duration::read("0.5 ms"), Err(ArgumentError::TooFine("0.5 ms".into())));
        assert_eq!(Duration::read("10001 days"), Err(ArgumentError::TooLong("10001 days".into())));
        assert_eq!(
            Duration::read("9999999999999 days"),
            Err(ArgumentError::TooLong("9999999999999 days".into())),
            "an overflow is no panic"
        );
    }

    #[test]
    fn an_optional_tail_is_nothing_or_a_duration() {
        assert_eq!(Within::read(""), Ok(Within(None)));
        assert_eq!(Within::read(" within 2 seconds"), Ok(Within(Some(Duration::from_secs(2)))));
        assert_eq!(For::read(" for 1 minute"), Ok(For(Some(Duration::from_secs(60)))));
        assert_eq!(For::read(" for 1 min"), Err(ArgumentError::NotADuration("1 min".into())));
    }

    #[test]
    fn shares_are_exact_and_stay_between_nothing_and_all() {
        assert_eq!(Share::read("5%").map(Share::parts_per_million), Ok(50_000));
        assert_eq!(Share::read("2.5%").map(Share::parts_per_million), Ok(25_000));
        assert_eq!(Share::read("0%").map(Share::parts_per_million), Ok(0));
        assert_eq!(Share::read("100%").map(Share::parts_per_million), Ok(1_000_000));
        assert_eq!(Share::read("100.1%"), Err(ArgumentError::ShareOutOfRange("100.1%".into())));
        assert_eq!(Share::read("-5%"), Err(ArgumentError::ShareOutOfRange("-5%".into())));
        assert_eq!(Share::read("5"), Err(ArgumentError::NotAShare("5".into())));
        assert!((Share::read("2.5%").unwrap().probability() - 0.025).abs() < 1e-12);
    }

    #[test]
    fn counts_are_digits_or_the_four_words() {
        for (words, count) in [("1000", 1000), ("no", 0), ("never", 0), ("once", 1), ("twice", 2)] {
            assert_eq!(Count::read(words), Ok(Count(count)));
        }
        for words in ["1,000", "-1", "3.5", "thrice", "99999999999999999999", "+3", ""] {
            assert_eq!(Count::read(words), Err(ArgumentError::NotACount(words.into())));
        }
    }

    #[test]
    fn amounts_admit_their_bounds_and_nothing_beyond() {
        let between = Amount::read("between 930 and 970").unwrap();
        assert_eq!(between, Amount::Between(930, 970));
        assert!(between.admits(930, 1000) && between.admits(970, 1000));
        assert!(!between.admits(929, 1000) && !between.admits(971, 1000));
        assert!(Amount::read("at least 1").unwrap().admits(1, 9) && !Amount::AtLeast(1).admits(0, 9));
        assert!(Amount::read("at most 5").unwrap().admits(5, 9) && !Amount::AtMost(5).admits(6, 9));
        assert!(Amount::read("all").unwrap().admits(9, 9) && !Amount::All.admits(8, 9));
        assert_eq!(Amount::read("none"), Ok(Amount::Exactly(0)));
        assert_eq!(Amount::read("no"), Ok(Amount::Exactly(0)));
        assert!(Amount::Exactly(2).is_exceeded_by(3) && !Amount::Exactly(2).is_exceeded_by(2));
        assert_eq!(Amount::read("between 5 and 3"), Err(ArgumentError::EmptyRange { least: 5, most: 3 }));
        assert_eq!(Amount::read("more than 3"), Err(ArgumentError::NotAnAmount("more than 3".into())));
    }

    #[test]
    fn rates_and_statuses_and_skews_refuse_what_they_are_not() {
        assert_eq!(Rate::read("256 kbit per second"), Ok(Rate { bits_per_second: 256_000 }));
        assert_eq!(Rate::read("1.5 Mbit per second"), Ok(Rate { bits_per_second: 1_500_000 }));
        assert!(Rate::read("256 kB per second").is_err());
        assert!(Rate::read("0 kbit per second").is_err());
        assert_eq!(Status::read("599"), Ok(Status(599)));
        assert_eq!(Status::read("600"), Err(ArgumentError::NotAStatus("600".into())));
        assert_eq!(Status::read("99"), Err(ArgumentError::NotAStatus("99".into())));
        assert_eq!(Skew::read("10 minutes ahead"), Ok(Skew::Ahead(Duration::from_secs(600))));
        assert_eq!(Skew::read("1 day behind"), Ok(Skew::Behind(Duration::from_secs(86_400))));
        assert!(Skew::read("10 minutes fast").is_err());
    }
}
