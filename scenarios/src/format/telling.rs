//! What the writers of formats are told, and how much of it.
//!
//! While there are few runs, each is told by itself. A million of them would make a file that nothing opens: then those
//! that passed are told as a sum for their scenario, and of the others as many as somebody may look at.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Word;
use crate::outcome::ScenarioResult;
use crate::run::{Job, Plan};
use crate::script::Case;
use crate::tally::Tally;

/// Up to so many runs each is told by itself: what the readers of such files bear.
pub const EACH_UP_TO: usize = 10_000;
/// Of one scenario, so many runs that didn't pass are told with all that's known of them, or, of more than
/// [`EACH_UP_TO`], at all.
pub const AT_LENGTH: u64 = 20;

/// What a writer is told.
#[derive(Debug)]
pub enum Told<'a> {
    /// A scenario was run with a seed.
    One(One<'a>),
    /// All that will be told of a scenario was told.
    Closed(&'a Closed),
}

/// One run of one scenario.
#[derive(Debug, Clone, Copy)]
pub struct One<'a> {
    /// The job.
    pub job: &'a Job,
    /// What came of it.
    pub result: &'a ScenarioResult,
    /// How it differed from its second run, if it did.
    pub different: Option<&'a str>,
    /// Whether there's room for all that's known of it, its diagram included.
    pub at_length: bool,
}

impl One<'_> {
    /// What came of it.
    pub fn word(&self) -> Word {
        Word::of(self.result.verdict, self.different.is_some())
    }
}

/// How many runs came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: u64,
    /// Not exercised.
    pub not_exercised: u64,
    /// Failed.
    pub failed: u64,
    /// Not the same a second time.
    pub nondeterministic: u64,
    /// Ended in a bug of the harness.
    pub bugs: u64,
}

impl Counts {
    /// Counts one.
    pub fn count(&mut self, word: Word) {
        *match word {
            Word::Passed => &mut self.passed,
            Word::NotExercised => &mut self.not_exercised,
            Word::Failed => &mut self.failed,
            Word::Nondeterministic => &mut self.nondeterministic,
            Word::Bug => &mut self.bugs,
        } += 1;
    }

    /// Counts all of another's.
    pub fn add(&mut self, other: &Counts) {
        self.passed += other.passed;
        self.not_exercised += other.not_exercised;
        self.failed += other.failed;
        self.nondeterministic += other.nondeterministic;
        self.bugs += other.bugs;
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        self.passed + self.not_exercised + self.bad()
    }

    /// Those that are held against the run.
    pub fn bad(&self) -> u64 {
        self.failed + self.nondeterministic + self.bugs
    }

    /// The worst of them.
    pub fn worst(&self) -> Word {
        [
            (self.bugs, Word::Bug),
            (self.nondeterministic, Word::Nondeterministic),
            (self.failed, Word::Failed),
            (self.passed, Word::Passed),
            (self.not_exercised, Word::NotExercised),
        ]
        .into_iter()
        .find(|(count, _)| *count > 0)
        .map_or(Word::Passed, |(_, word)| word)
    }

    /// In words: `3 passed, 1 failed`.
    pub fn told(&self) -> String {
        let parts = [
            (self.passed, Word::Passed),
            (self.not_exercised, Word::NotExercised),
            (self.failed, Word::Failed),
            (self.nondeterministic, Word::Nondeterministic),
            (self.bugs, Word::Bug),
        ];
        let told: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| match word {
                Word::Bug => format!("{count} ended in a bug of busyhour"),
                word => format!("{count} {}", word.as_str()),
            })
            .collect();
        if told.is_empty() { "none was run".to_owned() } else { told.join(", ") }
    }
}

/// A scenario of which all was told.
#[derive(Debug)]
pub struct Closed {
    /// The scenario.
    pub case: Arc<Case>,
    /// What it came to over all its seeds.
    pub counts: Counts,
    /// Those of them that weren't told one by one.
    pub untold: Counts,
    /// How much time those took: simulated, and of the processor.
    pub untold_time: (Duration, Duration),
    /// The random faults that hit nothing with any seed, each in a sentence: they fail the scenario (law 6), and no run
    /// of it alone.
    pub never_hit: Vec<String>,
    /// How much time was simulated in all.
    pub sim_time: Duration,
    /// How many packets there were in all.
    pub packets: u64,
}

impl Closed {
    /// What the scenario came to.
    pub fn word(&self) -> Word {
        if self.never_hit.is_empty() { self.counts.worst() } else { self.counts.worst().max(Word::Failed) }
    }
}

type Tell<'a> = &'a mut dyn FnMut(&Told<'_>) -> io::Result<()>;

/// Decides what is told.
#[derive(Debug)]
pub struct Telling {
    whole: bool,
    of_part: bool,
    current: Option<(Tally, Closed)>,
}

impl Telling {
    /// Of the runs of that plan.
    pub fn of(plan: &Plan) -> Telling {
        Telling { whole: plan.job_count() <= EACH_UP_TO, of_part: plan.partition.is_some(), current: None }
    }

    /// Whether each run is told by itself.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Takes in a result, and tells what's to be told of it and of the scenario before.
    pub fn add(
        &mut self,
        job: &Job,
        result: &ScenarioResult,
        different: Option<&str>,
        tell: Tell<'_>,
    ) -> io::Result<()> {
        let mut written = Ok(());
        if self.current.as_ref().is_some_and(|(_, closed)| !Arc::ptr_eq(&closed.case, &job.case)) {
            written = self.close(tell);
        }
        let (tally, closed) = self.current.get_or_insert_with(|| {
            let closed = Closed {
                case: Arc::clone(&job.case),
                counts: Counts::default(),
                untold: Counts::default(),
                untold_time: (Duration::ZERO, Duration::ZERO),
                never_hit: Vec::new(),
                sim_time: Duration::ZERO,
                packets: 0,
            };
            (Tally::of(job.seeds).in_part(self.of_part), closed)
        });
        tally.add(job, result, different);
        let word = Word::of(result.verdict, different.is_some());
        closed.counts.count(word);
        let alike = if word == Word::NotExercised { closed.counts.not_exercised } else { closed.counts.bad() };
        let at_length = alike <= AT_LENGTH;
        if self.whole || (word != Word::Passed && at_length) {
            written = written.and(tell(&Told::One(One { job, result, different, at_length })));
        } else {
            closed.untold.count(word);
            closed.untold_time.0 += result.account.sim_time;
            closed.untold_time.1 += result.account.cpu_time;
        }
        written
    }

    /// Tells of the scenario that was told last that this is all.
    pub fn close(&mut self, tell: Tell<'_>) -> io::Result<()> {
        let Some((tally, mut closed)) = self.current.take() else { return Ok(()) };
        closed.never_hit = tally.never_hit();
        closed.sim_time = tally.sim_time;
        closed.packets = tally.packets.unwrap_or(0);
        tell(&Told::Closed(&closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::plan;
    use std::path::Path;

    /// What is told of scenarios of which each fails with its odd seeds.
    fn told(seeds: u64) -> Vec<String> {
        let plan = plan(&["a", "b"], 0..seeds, 1);
        let mut telling = Telling::of(&plan);
        let mut lines = Vec::new();
        let mut tell = |told: &Told<'_>| {
            lines.push(match told {
                Told::One(one) => format!("{} {} {}", one.job.case.scenario, one.job.seed, one.word().as_str()),
                Told::Closed(closed) => {
                    format!("{}: {}, untold: {}", closed.case.scenario, closed.counts.told(), closed.untold.told())
                }
            });
            Ok(())
        };
        for case in &plan.cases {
            for seed in 0..seeds {
                let job = Job { seeds: seeds as usize, ..Job::new(case, seed, Path::new("out")) };
                let account = crate::outcome::Account::default();
                let mut result = account.conclude(&job);
                if seed % 2 == 1 {
                    result.verdict = crate::outcome::Verdict::Failed;
                }
                telling.add(&job, &result, None, &mut tell).unwrap();
            }
        }
        telling.close(&mut tell).unwrap();
        lines
    }

    #[test]
    fn few_runs_are_told_one_by_one() {
        assert_eq!(
            told(2),
            [
                "a 0 passed",
                "a 1 failed",
                "a: 1 passed, 1 failed, untold: none was run",
                "b 0 passed",
                "b 1 failed",
                "b: 1 passed, 1 failed, untold: none was run",
            ]
        );
        assert_eq!(told(EACH_UP_TO as u64 / 2).len(), EACH_UP_TO + 2);
    }

    #[test]
    fn of_many_runs_those_that_failed_are_told_and_the_rest_is_summed() {
        let lines = told(EACH_UP_TO as u64 / 2 + 1);
        assert_eq!(lines.len(), 2 * (AT_LENGTH as usize + 1));
        assert_eq!(lines[19], "a 39 failed");
        assert_eq!(lines[20], "a: 2501 passed, 2500 failed, untold: 2501 passed, 2480 failed");
    }
}
