//! A part of a run: `2/3` is the second of three parts, which together are the whole and never meet.
//!
//! The jobs of a run have one order (all seeds of the first scenario, then all of the second), and are dealt to the
//! parts like cards. So no two parts differ by more than one job, be it one seed of five hundred scenarios or a million
//! seeds of one.
//!
//! ```
//! use busyhour_scenarios::partition::Partition;
//!
//! let second: Partition = "2/3".parse().unwrap();
//! assert_eq!(second.jobs(8).collect::<Vec<_>>(), [1, 4, 7]);
//! assert!("4/3".parse::<Partition>().is_err());
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One part of several, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition {
    /// Which one.
    pub part: u64,
    /// Of how many.
    pub of: u64,
}

impl Partition {
    /// The whole as its only part.
    pub const WHOLE: Partition = Partition { part: 1, of: 1 };

    /// How many of so many jobs are this part's.
    pub fn count(self, jobs: usize) -> usize {
        let (jobs, before) = (jobs as u64, self.part - 1);
        usize::try_from(jobs.saturating_sub(before).div_ceil(self.of)).unwrap_or(usize::MAX)
    }

    /// The place in the order of all jobs that this part's job at that place has.
    pub fn job(self, place: usize) -> usize {
        let (part, of) = (self.part as usize, self.of as usize);
        part - 1 + place * of
    }

    /// The places of this part's jobs in the order of so many.
    pub fn jobs(self, jobs: usize) -> impl Iterator<Item = usize> {
        (0..self.count(jobs)).map(move |place| self.job(place))
    }

    /// How many of the jobs in a row, from one place up to another in the order of all, are this part's.
    pub fn count_between(self, from: usize, to: usize) -> usize {
        self.count(to) - self.count(from)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // More parts than this are no machine's business, and their number fits wherever it goes.
        const MOST: u64 = 1_000_000;
        let read = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match read {
            None => Err("write a part and how many there are, such as 1/3".to_owned()),
            Some((_, 0)) => Err("a run has at least one part".to_owned()),
            Some((0, of)) => Err(format!("parts are counted from 1: write 1/{of} for the first")),
            Some((part, of)) if part > of => Err(format!("there is no part {part} of {of}")),
            Some((_, of)) if of > MOST => Err(format!("a run has at most {MOST} parts")),
            Some((part, of)) => Ok(Partition { part, of }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_run_are_the_whole_run_and_each_job_is_in_one_of_them() {
        for jobs in 0..40 {
            for of in 1..12 {
                let parts = (1..=of).map(|part| Partition { part, of });
                let mut dealt: Vec<usize> = parts.clone().flat_map(|part| part.jobs(jobs)).collect();
                dealt.sort_unstable();
                assert_eq!(dealt, (0..jobs).collect::<Vec<_>>(), "{jobs} jobs in {of} parts");
                let counts: Vec<usize> = parts.clone().map(|part| part.count(jobs)).collect();
                assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
                for part in parts {
                    let between = part.jobs(jobs).filter(|job| (5..17).contains(job)).count();
                    assert_eq!(part.count_between(5.min(jobs), 17.min(jobs)), between);
                }
            }
        }
    }

    #[test]
    fn a_part_is_counted_from_one_and_is_one_of_those_there_are() {
        let error = |text: &str| text.parse::<Partition>().unwrap_err();
        assert_eq!("1/1".parse(), Ok(Partition::WHOLE));
        assert_eq!("3/3".parse(), Ok(Partition { part: 3, of: 3 }));
        assert_eq!(error("0/3"), "parts are counted from 1: write 1/3 for the first");
        assert_eq!(error("4/3"), "there is no part 4 of 3");
        assert_eq!(error("1/0"), "a run has at least one part");
        assert_eq!(error("1/1000001"), "a run has at most 1000000 parts");
        for text in ["", "1", "/", "a/b", "-1/2", "1/2/3"] {
            assert!(error(text).contains("such as 1/3"), "{text}");
        }
    }
}
