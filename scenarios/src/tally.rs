//! What came of one scenario over all its seeds.

use std::time::Duration;

use crate::format::Word;
use crate::outcome::{FaultKind, ScenarioResult, Verdict};
use crate::run::Job;

/// What one random fault met over the seeds of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chance {
    what: String,
    seen: u64,
    hits: u64,
}

/// The sum of a scenario's results.
#[derive(Debug, Clone)]
pub struct Tally {
    /// How many seeds it was run with.
    pub runs: usize,
    /// With which seeds it failed.
    pub failed: Vec<u64>,
    /// With which seeds chance spared something.
    pub not_exercised: Vec<u64>,
    /// With which seeds it was another when it was run again.
    pub different: Vec<u64>,
    /// The first of those, whole, and how it differed.
    pub first_difference: Option<(Job, ScenarioResult, String)>,
    /// The first failure, whole.
    pub first_failure: Option<(Job, ScenarioResult)>,
    /// How much time was simulated in all.
    pub sim_time: Duration,
    /// How many packets the wires carried in all, if there was a wire.
    pub packets: Option<u64>,
    /// Notes of all runs, each once.
    pub notes: Vec<String>,
    /// What chance spared, in the first run in which it did, each in a sentence.
    pub spared: Vec<String>,
    seeds: usize,
    of_part: bool,
    bugs: usize,
    chances: Vec<Chance>,
}

impl Tally {
    /// Nothing yet, of so many seeds.
    pub fn of(seeds: usize) -> Tally {
        Tally {
            seeds,
            of_part: false,
            runs: 0,
            failed: Vec::new(),
            different: Vec::new(),
            first_difference: None,
            not_exercised: Vec::new(),
            first_failure: None,
            sim_time: Duration::ZERO,
            packets: None,
            notes: Vec::new(),
            spared: Vec::new(),
            bugs: 0,
            chances: Vec::new(),
        }
    }

    /// The same in a part of a run: what chance spared here it may have struck in another part, so nothing is held
    /// against it before the parts are merged.
    #[must_use]
    pub fn in_part(mut self, of_part: bool) -> Tally {
        self.of_part = of_part;
        self
    }

    /// Counts one more result. What it says of itself isn't held against a run that was another when it was run again:
    /// that it differs is worse than whatever it came to.
    pub fn add(&mut self, job: &Job, result: &ScenarioResult, different: Option<&str>) {
        self.runs += 1;
        self.sim_time = self.sim_time.saturating_add(result.account.sim_time);
        if let Some(packets) = result.account.packets {
            self.packets = Some(self.packets.unwrap_or(0) + packets);
        }
        match result.verdict {
            Verdict::Passed | Verdict::NotExercised | Verdict::Failed if different.is_some() => {
                self.different.push(result.seed);
                if let (None, Some(said)) = (&self.first_difference, different) {
                    self.first_difference = Some((job.clone(), result.clone(), said.to_owned()));
                }
            }
            Verdict::Passed => {}
            Verdict::NotExercised => {
                self.not_exercised.push(result.seed);
                if self.spared.is_empty() {
                    self.spared = result.spared();
                }
            }
            Verdict::Failed | Verdict::Bug => {
                self.failed.push(result.seed);
                self.bugs += usize::from(result.verdict == Verdict::Bug);
                if self.first_failure.is_none() {
                    self.first_failure = Some((job.clone(), result.clone()));
                }
            }
        }
        for note in &result.account.notes {
            if !self.notes.contains(note) {
                self.notes.push(note.clone());
            }
        }
        for fault in result.account.faults.iter().filter(|fault| fault.kind == FaultKind::Random) {
            match self.chances.iter_mut().find(|chance| chance.what == fault.what) {
                Some(chance) => {
                    chance.seen += fault.seen;
                    chance.hits += fault.hits;
                }
                None => {
                    self.chances.push(Chance { what: fault.what.clone(), seen: fault.seen, hits: fault.hits });
                }
            }
        }
    }

    /// Were all seeds run?
    pub fn is_whole(&self) -> bool {
        self.runs == self.seeds
    }

    /// The random faults that chance spared with every seed: over several seeds each must have hit at least once (law 6).
    /// Nothing is said before the last seed was run.
    pub fn never_hit(&self) -> Vec<String> {
        if self.of_part || self.seeds < 2 || !self.is_whole() {
            return Vec::new();
        }
        let never = self.chances.iter().filter(|chance| chance.hits == 0 && chance.seen > 0);
        never
            .map(|chance| {
                format!(
                    "`{}` hit nothing with any of {} seeds, though {} could have been hit",
                    chance.what, self.runs, chance.seen
                )
            })
            .collect()
    }

    /// What it comes to over all seeds, in the word that every format has for it.
    pub fn word(&self) -> Word {
        Word::of(self.verdict(), !self.different.is_empty())
    }

    /// What its runs come to, each taken at its word.
    pub fn verdict(&self) -> Verdict {
        if self.bugs > 0 {
            Verdict::Bug
        } else if !self.failed.is_empty() || !self.never_hit().is_empty() {
            Verdict::Failed
        } else if self.not_exercised.len() == self.runs && self.runs > 0 {
            Verdict::NotExercised
        } else {
            Verdict::Passed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Account, FaultOutcome};
    use crate::run::tests::job;

    fn tally(hits: &[u64]) -> Tally {
        tally_of(hits.len(), hits)
    }

    fn tally_of(seeds: usize, hits: &[u64]) -> Tally {
        let mut tally = Tally::of(seeds);
        for (seed, hits) in hits.iter().enumerate() {
            let job = job("s", &[], seed as u64);
            let faults = vec![FaultOutcome::new("loses 5%", FaultKind::Random, 10, *hits)];
            tally.add(&job, &Account { faults, ..Account::default() }.conclude(&job), None);
        }
        tally
    }

    #[test]
    fn one_hit_over_several_seeds_is_enough() {
        let tally = tally(&[0, 1, 0]);
        assert_eq!((tally.verdict(), tally.not_exercised.as_slice()), (Verdict::Passed, &[0, 2][..]));
    }

    #[test]
    fn no_hit_over_several_seeds_fails_the_run_with_a_sentence() {
        let tally = tally(&[0, 0]);
        assert_eq!(tally.verdict(), Verdict::Failed);
        assert_eq!(tally.never_hit(), ["`loses 5%` hit nothing with any of 2 seeds, though 20 could have been hit"]);
    }

    #[test]
    fn a_run_that_was_cut_short_is_not_held_against_chance() {
        assert_eq!(tally_of(3, &[0, 0]).never_hit(), [""; 0]);
    }

    #[test]
    fn a_part_of_a_run_is_not_held_against_chance() {
        assert_eq!(tally(&[0, 0]).in_part(true).never_hit(), [""; 0]);
    }

    #[test]
    fn a_run_that_was_another_the_second_time_outweighs_one_that_failed_and_not_a_bug() {
        let of = |verdicts: &[(Verdict, Option<&str>)]| {
            let mut tally = Tally::of(verdicts.len());
            for (verdict, different) in verdicts {
                let job = job("s", &[], 4);
                let mut result = Account::default().conclude(&job);
                result.verdict = *verdict;
                tally.add(&job, &result, *different);
            }
            (tally.word(), tally.failed.len(), tally.different.len())
        };
        let (passed, failed, bug) = (Verdict::Passed, Verdict::Failed, Verdict::Bug);
        assert_eq!(of(&[(passed, None), (passed, Some("it differs"))]), (Word::Nondeterministic, 0, 1));
        assert_eq!(of(&[(failed, None), (passed, Some("it differs"))]), (Word::Nondeterministic, 1, 1));
        assert_eq!(of(&[(failed, Some("it differs")), (passed, None)]), (Word::Nondeterministic, 0, 1));
        assert_eq!(of(&[(bug, Some("it differs")), (passed, None)]), (Word::Bug, 1, 0));
        assert_eq!(of(&[(failed, None), (passed, None)]), (Word::Failed, 1, 0));
    }

    #[test]
    fn with_one_seed_chance_may_spare_all() {
        assert_eq!(tally(&[0]).verdict(), Verdict::NotExercised);
    }
}
