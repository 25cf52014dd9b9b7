//! A scenario of the list: from a run that has just ended, or from what one has left.

use std::path::PathBuf;
use std::time::Duration;

use busyhour_trace::SimTime;
use busyhour_trace::record;

use crate::outcome::{ScenarioResult, StepStatus, Verdict};
use crate::records::{self, Found};
use crate::report;
use crate::run::Job;

/// How it ended; what is worse comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It passed.
    Passed,
    /// It exercised nothing.
    NotExercised,
    /// It failed.
    Failed,
    /// It was another when it was run again with the same seed.
    Nondeterministic,
    /// The harness failed.
    Bug,
}

/// A step as the page shows it.
#[derive(Debug, Clone)]
pub struct Step {
    /// `Given`, `When`, `Then`, ...
    pub keyword: String,
    /// The rest of the line.
    pub text: String,
    /// `passed`, `failed` or `skipped`.
    pub status: &'static str,
    /// When it began.
    pub begin: Option<SimTime>,
    /// When it ended.
    pub end: Option<SimTime>,
    /// Why it failed.
    pub message: Option<String>,
}

/// One scenario with one seed.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The feature file.
    pub feature: String,
    /// The scenario's name, with its row of examples.
    pub title: String,
    /// Its line.
    pub line: u64,
    /// Its tags.
    pub tags: Vec<String>,
    /// The run's seed.
    pub seed: u64,
    /// Of how many runs this is the sum; of a single one, nearly always.
    pub runs: u64,
    /// How it ended.
    pub kind: Kind,
    /// Why.
    pub reasons: Vec<String>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// How much time was simulated.
    pub simulated: Duration,
    /// How long a processor was busy with it, where that is known.
    pub cpu: Option<Duration>,
    /// How many packets were sent.
    pub packets: u64,
    /// What the invariants judged, all together.
    pub judged: u64,
    /// How many faults were hit, and how many there were.
    pub faults: (usize, usize),
    /// The command that runs it again.
    pub replay: String,
    /// Its record, if one was kept.
    pub folder: Option<PathBuf>,
    /// The record's files.
    pub files: Vec<String>,
}

impl Entry {
    /// What a record tells.
    pub fn of_record(found: &Found) -> Entry {
        let record = &found.record;
        let hit = |fault: &&record::Fault| fault.outcome == record::FaultOutcome::Hit;
        Entry {
            feature: record.feature.clone(),
            title: records::title(record),
            line: u64::from(record.line),
            tags: record.tags.clone(),
            seed: record.seed.run,
            runs: 1,
            kind: match record.verdict {
                record::Verdict::Passed => Kind::Passed,
                record::Verdict::NotExercised => Kind::NotExercised,
                record::Verdict::Failed => Kind::Failed,
            },
            reasons: record.reasons.clone(),
            steps: record.steps.iter().map(Step::of_record).collect(),
            simulated: Duration::from_nanos(record.simulated.0),
            cpu: None,
            packets: record.packets.sent,
            judged: record.oracles.iter().map(|oracle| oracle.judged).sum(),
            faults: (record.faults.iter().filter(hit).count(), record.faults.len()),
            replay: record.replay.clone(),
            folder: Some(found.folder.clone()),
            files: record.files.clone(),
        }
    }

    /// What came of a job.
    pub fn of_result(job: &Job, result: &ScenarioResult) -> Entry {
        let account = &result.account;
        let hit = account.faults.iter().filter(|fault| fault.hits > 0).count();
        Entry {
            feature: job.case.feature.file.to_string(),
            title: job.case.title(),
            line: job.case.line as u64,
            tags: job.case.tags.clone(),
            seed: result.seed,
            runs: 1,
            kind: match result.verdict {
                Verdict::Passed => Kind::Passed,
                Verdict::NotExercised => Kind::NotExercised,
                Verdict::Failed => Kind::Failed,
                Verdict::Bug => Kind::Bug,
            },
            reasons: result.reasons.clone(),
            steps: account.steps.iter().map(Step::of_outcome).collect(),
            simulated: account.sim_time,
            cpu: Some(account.cpu_time),
            packets: account.packets.unwrap_or(0),
            judged: account.oracles.iter().map(|oracle| oracle.judged).sum(),
            faults: (hit, account.faults.len()),
            replay: report::replay(&job.case, &job.flag()),
            folder: account.record_folder.clone(),
            files: account
                .record_files
                .iter()
                .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
                .collect(),
        }
    }
}

impl Entry {
    /// It was another when it was run again, and so differed.
    pub fn is_different(&mut self, said: &str) {
        self.kind = self.kind.max(Kind::Nondeterministic);
        self.reasons.insert(0, said.to_owned());
    }
}

impl Step {
    fn of_record(step: &record::Step) -> Step {
        Step {
            keyword: step.keyword.clone(),
            text: step.text.clone(),
            status: match step.status {
                record::StepStatus::Passed => "passed",
                record::StepStatus::Failed | record::StepStatus::Invalid => "failed",
                record::StepStatus::Skipped => "skipped",
            },
            begin: step.started_at,
            end: step.ended_at,
            message: step.message.clone(),
        }
    }

    fn of_outcome(step: &crate::outcome::StepOutcome) -> Step {
        Step {
            keyword: step.keyword.clone(),
            text: step.text.clone(),
            status: match step.status {
                StepStatus::Passed => "passed",
                StepStatus::Failed => "failed",
                StepStatus::NotReached => "skipped",
            },
            begin: step.started,
            end: step.ended,
            message: step.failure.as_ref().map(ToString::to_string),
        }
    }
}
