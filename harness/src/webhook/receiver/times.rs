//! How often a mock expects to match.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// A number of requests, or a range of numbers: `2`, `1..`, `..=3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    least: u64,
    /// One more than the most; none for any number.
    below: Option<u64>,
    written: Written,
}

/// How it was written, to be shown so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Exact,
    Any,
    Below,
    From,
    FromBelow,
    UpTo,
    FromUpTo,
}

impl Times {
    /// Any number.
    pub const ANY: Times = Times { least: 0, below: None, written: Written::Any };

    fn of(range: impl RangeBounds<u64>, written: Written) -> Times {
        let least = match range.start_bound() {
            Bound::Included(least) => *least,
            Bound::Excluded(below) => below + 1,
            Bound::Unbounded => 0,
        };
        let below = match range.end_bound() {
            Bound::Included(most) => Some(most.saturating_add(1)),
            Bound::Excluded(below) => Some(*below),
            Bound::Unbounded => None,
        };
        Times { least, below, written }
    }

    /// Whether this number is one of them.
    pub fn contains(&self, number: u64) -> bool {
        number >= self.least && self.below.is_none_or(|below| number < below)
    }
}

/// As wiremock writes it.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, below) = (self.least, self.below.unwrap_or(u64::MAX));
        let most = below.saturating_sub(1);
        match self.written {
            Written::Exact => write!(f, "== {least}"),
            Written::Any => f.write_str("0 <= x"),
            Written::Below => write!(f, "0 <= x < {below}"),
            Written::From => write!(f, "{least} <= x"),
            Written::FromBelow => write!(f, "{least} <= x < {below}"),
            Written::UpTo => write!(f, "0 <= x <= {most}"),
            Written::FromUpTo => write!(f, "{least} <= x <= {most}"),
        }
    }
}

impl From<u64> for Times {
    fn from(number: u64) -> Times {
        Times::of(number..=number, Written::Exact)
    }
}

impl From<RangeFull> for Times {
    fn from(_: RangeFull) -> Times {
        Times::ANY
    }
}

impl From<Range<u64>> for Times {
    fn from(range: Range<u64>) -> Times {
        Times::of(range, Written::FromBelow)
    }
}

impl From<RangeFrom<u64>> for Times {
    fn from(range: RangeFrom<u64>) -> Times {
        Times::of(range, Written::From)
    }
}

impl From<RangeTo<u64>> for Times {
    fn from(range: RangeTo<u64>) -> Times {
        Times::of(range, Written::Below)
    }
}

impl From<RangeInclusive<u64>> for Times {
    fn from(range: RangeInclusive<u64>) -> Times {
        Times::of(range, Written::FromUpTo)
    }
}

impl From<RangeToInclusive<u64>> for Times {
    fn from(range: RangeToInclusive<u64>) -> Times {
        Times::of(range, Written::UpTo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_write_it_holds_what_it_says() {
        let held = |times: Times| (0..6).filter(|number| times.contains(*number)).collect::<Vec<u64>>();
        assert_eq!(held(2.into()), [2]);
        assert_eq!(held((..).into()), [0, 1, 2, 3, 4, 5]);
        assert_eq!(held((1..3).into()), [1, 2]);
        assert_eq!(held((4..).into()), [4, 5]);
        assert_eq!(held((..2).into()), [0, 1]);
        assert_eq!(held((1..=3).into()), [1, 2, 3]);
        assert_eq!(held((..=1).into()), [0, 1]);
    }

    #[test]
    fn it_reads_as_wiremock_writes_it() {
        let all: [Times; 7] =
            [2.into(), (..).into(), (1..3).into(), (4..).into(), (..2).into(), (1..=3).into(), (..=1).into()];
        let shown = all.map(|times| times.to_string());
        assert_eq!(shown, ["== 2", "0 <= x", "1 <= x < 3", "4 <= x", "0 <= x < 2", "1 <= x <= 3", "0 <= x <= 1"]);
    }
}
