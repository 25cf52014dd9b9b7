//! What came of a scenario.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use busyhour_trace::SimTime;
use busyhour_trace::record;
pub use busyhour_trace::record::{FaultKind, FaultOutcome as Exercise};

use crate::phrase::StepFailure;
use crate::run::Job;

/// What came of one scenario with one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every step passed, and every fault was hit.
    Passed,
    /// Every step passed, and chance spared every packet from a random fault: with this seed the scenario shows less
    /// than its words say.
    NotExercised,
    /// It failed.
    Failed,
    /// The harness itself failed; nothing is known of the scenario.
    Bug,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Passed => "passed",
            Verdict::NotExercised => "not exercised",
            Verdict::Failed => "FAILED",
            Verdict::Bug => "BUG",
        })
    }
}

/// What came of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// A step before it failed.
    NotReached,
}

/// One step and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepOutcome {
    /// The keyword as it was written.
    pub keyword: String,
    /// The words behind it.
    pub text: String,
    /// The feature file.
    pub file: Arc<str>,
    /// Its line.
    pub line: usize,
    /// Whether it stands in a background.
    pub background: bool,
    /// What came of it.
    pub status: StepStatus,
    /// When it began, in simulated time; nothing if it wasn't reached.
    pub started: Option<SimTime>,
    /// When it ended, in simulated time.
    pub ended: Option<SimTime>,
    /// Why it failed.
    pub failure: Option<StepFailure>,
    /// What came of the steps that it's made of, if its phrase is made of others.
    pub inner: Vec<StepOutcome>,
}

impl StepOutcome {
    /// The innermost step that failed: itself, or one that it's made of.
    pub fn culprit(&self) -> &StepOutcome {
        let inner = self.inner.iter().find(|step| step.status == StepStatus::Failed);
        inner.map_or(self, StepOutcome::culprit)
    }

    /// The step and all that it's made of, each with how deep it lies; the step itself lies at 0.
    pub fn unfolded(&self) -> Vec<(usize, &StepOutcome)> {
        let inner = self.inner.iter().flat_map(StepOutcome::unfolded).map(|(depth, step)| (depth + 1, step));
        std::iter::once((0, self)).chain(inner).collect()
    }
}

/// A fault that a scenario installed, and what it met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultOutcome {
    /// What it is, in the words of the step that installed it. The same fault has the same words with every seed.
    pub what: String,
    /// How it chooses.
    pub kind: FaultKind,
    /// How many it could have hit.
    pub seen: u64,
    /// How many it hit.
    pub hits: u64,
    /// What that comes to.
    pub outcome: Exercise,
}

impl FaultOutcome {
    /// Judges a fault by what it saw and hit.
    pub fn new(what: impl Into<String>, kind: FaultKind, seen: u64, hits: u64) -> FaultOutcome {
        let outcome = match kind {
            _ if hits > 0 => Exercise::Hit,
            FaultKind::Random if seen > 0 => Exercise::Spared,
            _ => Exercise::MetNothing,
        };
        FaultOutcome { what: what.into(), kind, seen, hits, outcome }
    }

    /// Why the scenario fails for it.
    fn complaint(&self) -> Option<String> {
        let why = match (self.outcome, self.kind) {
            (Exercise::Hit | Exercise::Spared, _) => return None,
            (Exercise::MetNothing, FaultKind::Random | FaultKind::Always) => "saw no traffic",
            (Exercise::MetNothing, FaultKind::Aimed) => "met nothing",
        };
        Some(format!("a fault was never hit: `{}` {why}", self.what))
    }
}

impl From<&record::Fault> for FaultOutcome {
    fn from(fault: &record::Fault) -> FaultOutcome {
        let record::Fault { what, kind, seen, hits, outcome, .. } = fault.clone();
        FaultOutcome { what, kind, seen, hits, outcome }
    }
}

/// What a named invariant had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OracleOutcome {
    /// The invariant.
    pub name: String,
    /// Its rule, with its citation.
    pub rule: String,
    /// How many things it judged.
    pub judged: u64,
    /// Each breach in one sentence, or the first of them.
    pub breaches: Vec<String>,
    /// How many breaches there were.
    pub breach_count: u64,
    /// How often it looked away, by an exemption of its own.
    pub exempt: u64,
}

impl OracleOutcome {
    /// Why the scenario fails for it: the first breach stands for all, which the record lists.
    fn complaint(&self) -> Option<String> {
        let first = self.breaches.first()?;
        let more = match self.breach_count.saturating_sub(1) {
            0 => String::new(),
            1 => " (and once more)".to_owned(),
            times => format!(" (and {times} times more)"),
        };
        Some(format!("{} is broken, {first}{more}\nthe rule: {}", self.name, self.rule))
    }
}

/// What is known of a scenario when its universe has ended.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Every step.
    pub steps: Vec<StepOutcome>,
    /// What ended the universe before its time: a host that panicked, a deadline, a livelock.
    pub ruin: Option<String>,
    /// The hash over all that happened.
    pub hash: Option<String>,
    /// How much time was simulated.
    pub sim_time: Duration,
    /// How much CPU time the universe took. It differs from run to run, and nothing is judged by it.
    pub cpu_time: Duration,
    /// How many packets the wire carried, if there was a wire.
    pub packets: Option<u64>,
    /// What became of them, a line for each way: see [`crate::traffic`].
    pub traffic: Vec<String>,
    /// Of a scenario that failed: the calls that the failure concerns, a line for each message. See
    /// [`crate::diagram`].
    pub diagram: Vec<String>,
    /// Every fault that was installed.
    pub faults: Vec<FaultOutcome>,
    /// Every invariant that listened.
    pub oracles: Vec<OracleOutcome>,
    /// The folder that holds the record of the run.
    pub record_folder: Option<PathBuf>,
    /// Files of the record that are worth naming when the scenario fails: the capture, the event log.
    pub record_files: Vec<PathBuf>,
    /// What else should be said.
    pub notes: Vec<String>,
}

/// What came of one scenario with one seed, judged.
#[derive(Debug, Clone)]
pub struct ScenarioResult {
    /// The judgement.
    pub verdict: Verdict,
    /// Why it failed, apart from a failed step.
    pub reasons: Vec<String>,
    /// The seed of the run.
    pub seed: u64,
    /// The scenario's own seed.
    pub scenario_seed: u64,
    /// What is known.
    pub account: Account,
}

impl Account {
    /// Judges a scenario. A fault that met nothing is held against it only where every step passed: behind a step that
    /// failed, nothing could have met it.
    pub fn conclude(self, job: &Job) -> ScenarioResult {
        let said_by_step = |why: &&String| {
            self.steps
                .iter()
                .any(|step| step.culprit().failure.as_ref().is_some_and(|failure| failure.message == **why))
        };
        let mut reasons: Vec<String> = self.ruin.iter().filter(|why| !said_by_step(why)).cloned().collect();
        let step_failed = self.steps.iter().any(|step| step.status != StepStatus::Passed);
        let breaks: Vec<String> = job.case.breaks().collect();
        let unwanted = self.oracles.iter().filter(|oracle| !breaks.contains(&oracle.name));
        reasons.extend(unwanted.filter_map(OracleOutcome::complaint));
        let ended_well = !step_failed && self.ruin.is_none();
        if ended_well {
            reasons.extend(self.faults.iter().filter_map(FaultOutcome::complaint));
            reasons.extend(breaks.iter().filter_map(|name| self.unbroken(name)));
        }
        let verdict = if step_failed || !reasons.is_empty() {
            Verdict::Failed
        } else if self.faults.iter().any(|fault| fault.outcome == Exercise::Spared) {
            Verdict::NotExercised
        } else {
            Verdict::Passed
        };
        ScenarioResult { verdict, reasons, seed: job.seed, scenario_seed: job.scenario_seed, account: self }
    }

    /// Why a scenario that's meant to break this invariant didn't.
    fn unbroken(&self, name: &str) -> Option<String> {
        match self.oracles.iter().find(|oracle| oracle.name == name) {
            None => Some(format!("the scenario is to break {name}, and no invariant of that name listened")),
            Some(oracle) if oracle.judged == 0 && oracle.breaches.is_empty() => {
                Some(format!("the scenario is to break {name}, which judged nothing at all"))
            }
            Some(oracle) if oracle.breaches.is_empty() => {
                Some(format!("the scenario is to break {name}, and it held each of {} times", oracle.judged))
            }
            Some(_) => None,
        }
    }
}

impl ScenarioResult {
    /// The harness itself failed.
    pub fn bug(job: &Job, what: String) -> ScenarioResult {
        ScenarioResult {
            verdict: Verdict::Bug,
            reasons: vec![what],
            seed: job.seed,
            scenario_seed: job.scenario_seed,
            account: Account::default(),
        }
    }

    /// The step that failed.
    pub fn failed_step(&self) -> Option<&StepOutcome> {
        self.account.steps.iter().find(|step| step.status == StepStatus::Failed)
    }

    /// Why it failed: what the step that failed expected and saw, or why it gave up; and whatever else there is against it.
    pub fn why(&self) -> String {
        let step = self.failed_step().and_then(|step| step.failure.as_ref());
        let of_step = step.map(|failure| match (&failure.expected, &failure.seen) {
            (Some(expected), Some(seen)) => format!("expected {expected}, saw {seen}"),
            _ => failure.to_string(),
        });
        of_step.into_iter().chain(self.reasons.iter().cloned()).collect::<Vec<_>>().join("\n")
    }

    /// What chance spared with this seed, each fault in a sentence.
    pub fn spared(&self) -> Vec<String> {
        let spared = self.account.faults.iter().filter(|fault| fault.outcome == Exercise::Spared);
        spared.map(|fault| format!("`{}` hit none of {} with this seed", fault.what, fault.seen)).collect()
    }

    /// A hash over all that must be the same when the scenario is run again: the hash of what happened, and what is shown
    /// of it. Paths and wall time are no part of it.
    pub fn fingerprint(&self) -> u64 {
        let account = &self.account;
        let shown = format!(
            "{:?}",
            (
                self.verdict,
                &self.reasons,
                self.scenario_seed,
                &account.hash,
                account.sim_time,
                account.packets,
                &account.steps,
                &account.faults,
                &account.oracles,
                &account.notes,
            )
        );
        xxhash_rust::xxh3::xxh3_64(shown.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::job;

    fn step(status: StepStatus) -> StepOutcome {
        StepOutcome {
            keyword: "When".into(),
            text: "1 second passes".into(),
            file: "features/f.feature".into(),
            line: 3,
            background: false,
            status,
            started: None,
            ended: None,
            failure: None,
            inner: Vec::new(),
        }
    }

    fn judged(tags: &[&str], account: Account) -> (Verdict, Vec<String>) {
        let result = account.conclude(&job("s", tags, 0));
        (result.verdict, result.reasons)
    }

    #[test]
    fn an_aimed_fault_or_a_cut_that_met_nothing_fails_a_scenario_that_passed() {
        for kind in [FaultKind::Aimed, FaultKind::Always] {
            let faults = vec![FaultOutcome::new("x", kind, 9, 0)];
            let (verdict, reasons) =
                judged(&[], Account { steps: vec![step(StepStatus::Passed)], faults, ..Account::default() });
            assert_eq!((verdict, reasons.len()), (Verdict::Failed, 1), "{reasons:?}");
        }
    }

    #[test]
    fn a_random_fault_fails_without_traffic_and_is_not_exercised_when_chance_spared_all() {
        let of = |seen, hits| {
            let faults = vec![FaultOutcome::new("x", FaultKind::Random, seen, hits)];
            judged(&[], Account { steps: vec![step(StepStatus::Passed)], faults, ..Account::default() }).0
        };
        assert_eq!(of(0, 0), Verdict::Failed);
        assert_eq!(of(9, 0), Verdict::NotExercised);
        assert_eq!(of(9, 1), Verdict::Passed);
    }

    #[test]
    fn behind_a_failed_step_no_fault_is_to_blame() {
        let steps = vec![step(StepStatus::Failed), step(StepStatus::NotReached)];
        let faults = vec![FaultOutcome::new("x", FaultKind::Aimed, 0, 0)];
        assert_eq!(
            judged(&[], Account { steps, faults, ..Account::default() }),
            (Verdict::Failed, vec![]),
            "the step speaks for itself"
        );
    }

    #[test]
    fn a_scenario_that_is_to_break_an_invariant_passes_only_if_it_does() {
        let of = |tags: &[&str], breaches: &[&str]| {
            let (breach_count, rule) = (breaches.len() as u64, "be silent".into());
            let breaches = breaches.iter().map(|breach| (*breach).to_owned()).collect();
            let oracles =
                vec![OracleOutcome { name: "silence".into(), rule, judged: 4, breaches, breach_count, exempt: 0 }];
            judged(tags, Account { steps: vec![step(StepStatus::Passed)], oracles, ..Account::default() }).0
        };
        assert_eq!(of(&["breaks:silence"], &["a spoke"]), Verdict::Passed);
        assert_eq!(of(&["breaks:silence"], &[]), Verdict::Failed);
        assert_eq!(of(&["breaks:other"], &[]), Verdict::Failed);
        assert_eq!(of(&["breaks:silence", "breaks:other"], &["a spoke"]), Verdict::Failed);
        assert_eq!(of(&[], &["a spoke"]), Verdict::Failed);
        assert_eq!(of(&[], &[]), Verdict::Passed);
    }

    #[test]
    fn a_ruined_universe_fails_even_if_every_step_passed() {
        let ruin = Some("host b panicked".to_owned());
        let (verdict, reasons) =
            judged(&[], Account { steps: vec![step(StepStatus::Passed)], ruin, ..Account::default() });
        assert_eq!((verdict, reasons), (Verdict::Failed, vec!["host b panicked".to_owned()]));
    }
}
