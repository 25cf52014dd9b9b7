//! Jobs: each scenario with each seed, performed on some threads, told in one order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use busyhour::media::Cadence;

use crate::determinism;
use crate::outcome::ScenarioResult;
use crate::partition::Partition;
use crate::play;
use crate::script::Case;
use crate::stage::Stage;

/// One scenario with one seed.
#[derive(Debug, Clone)]
pub struct Job {
    /// The scenario.
    pub case: Arc<Case>,
    /// The seed of the run.
    pub seed: u64,
    /// The seed of the scenario's universe.
    pub scenario_seed: u64,
    /// Where its record belongs. Nobody has made the folder yet.
    pub record_folder: PathBuf,
    /// With how many seeds the scenario is run in this run.
    pub seeds: usize,
    /// Whether the record stays if the scenario passes.
    pub keep_if_passed: bool,
    /// Where to leave a trail of all that went into the run's hash, for the check of determinism.
    pub trail: Option<PathBuf>,
    /// Which frames of audio are sent.
    pub cadence: Cadence,
    /// Whether it's played on real sockets, in real time.
    pub live: bool,
}

impl Job {
    /// That scenario with that seed, its record somewhere below `out`.
    pub fn new(case: &Arc<Case>, seed: u64, out: &Path) -> Job {
        let record_folder = out.join(folder_of(case)).join(format!("seed-{seed}"));
        let case = Arc::clone(case);
        Job {
            scenario_seed: case.seed(seed),
            case,
            seed,
            record_folder,
            seeds: 1,
            keep_if_passed: true,
            trail: None,
            cadence: Cadence::Auto,
            live: false,
        }
    }
}

impl Job {
    /// The flag that makes a run of it the same again; a live one can only be tried again.
    pub fn flag(&self) -> String {
        if self.live { "--live".to_owned() } else { format!("--seed {}", self.seed) }
    }
}

/// Where the records of a test binary belong: below cargo's target folder, wherever that is, and never in the source
/// tree. Cargo starts tests in their package's folder, which needn't be the workspace's.
pub fn records_of_tests() -> PathBuf {
    // Cargo marks its target folder so that backups leave it out.
    let is_target = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    let target = std::env::current_exe().ok().and_then(|exe| exe.ancestors().find(is_target).map(Path::to_owned));
    target.unwrap_or_else(|| "target".into()).join("busyhour")
}

/// The folder of a scenario: readable, and no other scenario's.
pub(crate) fn folder_of(case: &Case) -> PathBuf {
    let slug = |text: &str| {
        let mut slug = String::new();
        for sign in text.chars() {
            match sign {
                _ if sign.is_alphanumeric() => slug.extend(sign.to_lowercase()),
                _ if slug.ends_with('-') || slug.is_empty() => {}
                _ => slug.push('-'),
            }
        }
        slug.chars().take(60).collect::<String>().trim_end_matches('-').to_owned()
    };
    let feature = case.feature.key.strip_suffix(".feature").unwrap_or(&case.feature.key);
    // Two names that differ in their signs alone have the same slug.
    let apart = xxhash_rust::xxh3::xxh3_64(case.to_string().as_bytes()) & 0xff_ffff;
    Path::new(&slug(feature)).join(format!("{}-{apart:06x}", slug(&case.title())))
}

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenarios, in the order in which they're told.
    pub cases: Vec<Arc<Case>>,
    /// The seeds; each scenario is run with each of them.
    pub seeds: Range<u64>,
    /// How many are run at once.
    pub workers: NonZeroUsize,
    /// The folder below which the records belong.
    pub out: PathBuf,
    /// Whether each job leaves a trail.
    pub trails: bool,
    /// Which frames of audio are sent.
    pub cadence: Cadence,
    /// The part of all this that is run; nothing if it's the whole.
    pub partition: Option<Partition>,
    /// Whether they're played on real sockets, in real time.
    pub live: bool,
}

impl Plan {
    /// How many jobs there are.
    pub fn job_count(&self) -> usize {
        self.part().count(self.cases.len() * self.seeds_count())
    }

    fn part(&self) -> Partition {
        self.partition.unwrap_or(Partition::WHOLE)
    }

    /// How many scenarios have a job in this run: a part of a run needn't have one of each.
    pub fn case_count(&self) -> usize {
        (0..self.cases.len()).filter(|case| self.seeds_of(*case) > 0).count()
    }

    /// How many seeds of the scenario at that place are run.
    fn seeds_of(&self, case: usize) -> usize {
        let per_case = self.seeds_count();
        self.part().count_between(case * per_case, (case + 1) * per_case)
    }

    /// How many seeds there are.
    pub fn seeds_count(&self) -> usize {
        usize::try_from(self.seeds.end.saturating_sub(self.seeds.start)).unwrap_or(usize::MAX)
    }

    /// The job at a place in the order: all seeds of the first scenario, then all of the second.
    fn job(&self, place: usize) -> Job {
        let per_case = self.seeds_count();
        let index = self.part().job(place);
        let seed = self.seeds.start + (index % per_case) as u64;
        let mut job = Job::new(&self.cases[index / per_case], seed, &self.out);
        // One seed is somebody looking; of many, those are of interest that didn't pass.
        job.seeds = self.seeds_of(index / per_case);
        job.keep_if_passed = per_case == 1;
        job.cadence = self.cadence;
        job.live = self.live;
        job.trail = self.trails.then(|| determinism::trail_file(&job.record_folder));
        job
    }
}

/// What happens while jobs are run.
pub enum Event<'a> {
    /// A job was taken up; these come as they happen, and are good for a progress bar alone.
    TakenUp(&'a Job),
    /// A job is done; these come in the order of jobs, whatever order they end in.
    Done(&'a Job, &'a ScenarioResult),
}

/// Runs the jobs of a plan and tells of each. Once `interrupted` is set no further job is taken up, and those that
/// run are seen to their end. Returns how many were done.
pub fn run(plan: &Plan, stage: &dyn Stage, interrupted: &AtomicBool, mut tell: impl FnMut(Event<'_>)) -> usize {
    enum Message {
        TakenUp(Box<Job>),
        Done(usize, Box<(Job, ScenarioResult)>),
    }
    let count = plan.job_count();
    let next = AtomicUsize::new(0);
    let (sender, messages) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..plan.workers.get().min(count) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while !interrupted.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let job = plan.job(index);
                    // The listener goes away only when it panics, and then the scope ends with that panic.
                    let _ = sender.send(Message::TakenUp(Box::new(job.clone())));
                    let result = play::quietly(|| stage.perform(&job))
                        .unwrap_or_else(|panic| ScenarioResult::bug(&job, format!("the stage panicked: {panic}")));
                    let _ = sender.send(Message::Done(index, Box::new((job, result))));
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut told = 0;
        for message in messages {
            match message {
                Message::TakenUp(job) => tell(Event::TakenUp(&job)),
                Message::Done(index, done) => {
                    early.insert(index, done);
                    while let Some(done) = early.remove(&told) {
                        tell(Event::Done(&done.0, &done.1));
                        told += 1;
                    }
                }
            }
        }
        // Every job that was taken up is done, so nothing is left waiting for one before it.
        assert!(early.is_empty(), "a job that was taken up never ended");
        told
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::outcome::{Account, Verdict};
    use crate::phrase::{Matches, Phrase, StepFn};
    use crate::script::{FeatureHead, Script, ScriptStep};
    use crate::vocabulary::Bound;
    use gherkin::StepType;
    use std::sync::Mutex;
    use std::time::Duration;

    /// A script of bare step functions.
    pub(crate) fn script_of(steps: &[StepFn]) -> Script {
        let step = |(index, step): (usize, &StepFn)| ScriptStep {
            keyword: "When".into(),
            counts_as: StepType::When,
            text: format!("step {index}"),
            file: "features/f.feature".into(),
            line: index + 3,
            column: 5,
            background: false,
            bound: Bound::Phrase(
                Box::leak(Box::new(Phrase::acts("a step", *step))),
                Matches::new("a step", Vec::new()),
            ),
        };
        Script { steps: steps.iter().enumerate().map(step).collect() }
    }

    pub(crate) fn case(name: &str, tags: &[&str]) -> Arc<Case> {
        let feature =
            FeatureHead { name: "f".into(), file: "features/f.feature".into(), key: "features/f.feature".into() };
        Arc::new(Case {
            feature: Arc::new(feature),
            rule: None,
            scenario: name.into(),
            row: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            line: 2,
            script: Script::default(),
        })
    }

    pub(crate) fn job(name: &str, tags: &[&str], seed: u64) -> Job {
        Job::new(&case(name, tags), seed, Path::new("out"))
    }

    pub(crate) fn plan(names: &[&str], seeds: Range<u64>, workers: usize) -> Plan {
        Plan {
            cases: names.iter().map(|name| case(name, &[])).collect(),
            seeds,
            workers: NonZeroUsize::new(workers).unwrap(),
            out: "out".into(),
            trails: false,
            cadence: Cadence::Auto,
            partition: None,
            live: false,
        }
    }

    /// The earlier the job, the longer it takes; one name panics.
    struct Backwards;

    impl Stage for Backwards {
        fn perform(&self, job: &Job) -> ScenarioResult {
            assert_ne!(job.case.scenario, "bad", "this one panics");
            thread::sleep(Duration::from_millis(20u64.saturating_sub(5 * job.seed)));
            Account { notes: vec![job.case.title()], ..Account::default() }.conclude(job)
        }
    }

    fn told(plan: &Plan) -> Vec<(String, u64, Verdict)> {
        let mut told = Vec::new();
        run(plan, &Backwards, &AtomicBool::new(false), |event| {
            if let Event::Done(job, result) = event {
                told.push((job.case.scenario.clone(), job.seed, result.verdict));
            }
        });
        told
    }

    #[test]
    fn results_are_told_in_the_order_of_jobs_however_many_run_at_once() {
        let alone = told(&plan(&["a", "b"], 0..4, 1));
        assert_eq!(alone.len(), 8);
        assert_eq!(alone[1], ("a".into(), 1, Verdict::Passed));
        assert_eq!(alone, told(&plan(&["a", "b"], 0..4, 3)));
        assert_eq!(alone, told(&plan(&["a", "b"], 0..4, 64)));
    }

    #[test]
    fn a_stage_that_panics_is_a_bug_and_the_run_goes_on() {
        let verdicts: Vec<_> =
            told(&plan(&["a", "bad", "b"], 0..1, 2)).into_iter().map(|(_, _, verdict)| verdict).collect();
        assert_eq!(verdicts, [Verdict::Passed, Verdict::Bug, Verdict::Passed]);
    }

    #[test]
    fn an_interrupt_ends_the_run_behind_the_jobs_that_were_taken_up() {
        let interrupted = AtomicBool::new(false);
        let done = Mutex::new(0);
        let told = run(&plan(&["a", "b"], 0..50, 2), &Backwards, &interrupted, |event| {
            if let Event::Done(..) = event {
                *done.lock().unwrap() += 1;
                interrupted.store(true, Ordering::Relaxed);
            }
        });
        assert_eq!(told, *done.lock().unwrap());
        assert!((1..10).contains(&told), "{told} were done");
    }

    #[test]
    fn names_that_differ_in_their_signs_alone_have_folders_of_their_own() {
        let one = job("A cut, one way", &[], 3).record_folder;
        let other = job("A cut: one way", &[], 3).record_folder;
        assert_ne!(one, other);
        let shown = one.to_string_lossy().into_owned();
        assert!(shown.starts_with("out/features-f/a-cut-one-way-") && shown.ends_with("/seed-3"), "{shown}");
    }
}
