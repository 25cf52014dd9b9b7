//! Results, as they come in.

use std::collections::BTreeMap;
use std::path::Path;

use busyhour_trace::record::Named;

use super::{
    Chosen, DIAGRAMS_MAX, FAILURES_MAX, FORMAT, Failure, Fault, Oracle, Product, Results, Scenario, Seeds, Verdict,
    family,
};
use crate::beside;
use crate::build;
use crate::outcome::{self, ScenarioResult};
use crate::report;
use crate::run::{Job, Plan, folder_of};
use crate::script::Case;
use crate::script::ScriptStep;
use crate::vocabulary::Bound;

/// The results of a run that is under way.
#[derive(Debug)]
pub struct Gathering {
    results: Results,
    places: BTreeMap<String, usize>,
}

impl Gathering {
    /// Of that plan; nothing is done yet.
    pub fn of(plan: &Plan, checked_determinism: bool) -> Gathering {
        let scenarios: Vec<Scenario> = plan.cases.iter().map(|case| empty(case)).collect();
        let places = scenarios.iter().enumerate().map(|(place, scenario)| (scenario.id.clone(), place)).collect();
        let results = Results {
            format: FORMAT,
            product: Product {
                name: "busyhour".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                build: build::id().to_owned(),
                commit: build::COMMIT.to_owned(),
            },
            chosen: Chosen { scenarios: scenarios.len() as u64, digest: digest(plan) },
            seeds: Seeds { from: plan.seeds.start, to: plan.seeds.end },
            partition: plan.partition,
            cadence: plan.cadence.as_str().to_owned(),
            live: plan.live,
            checked_determinism,
            interrupted: false,
            verdict: Verdict::NotRun,
            scenarios,
        };
        Gathering { results, places }
    }

    fn scenario(&mut self, job: &Job) -> &mut Scenario {
        let place = self.places[&job.case.to_string()];
        &mut self.results.scenarios[place]
    }

    /// One more job is done. They come in the order of jobs. True if its record is worth keeping: of a million that chance
    /// has spared, or that fail alike, the first tell as much as all, and the disk would be full of the others.
    pub fn add(&mut self, job: &Job, result: &ScenarioResult) -> bool {
        let scenario = self.scenario(job);
        let account = &result.account;
        scenario.runs += 1;
        *count_of(scenario, result.verdict) += 1;
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        scenario.simulated_us = scenario.simulated_us.saturating_add(micros(account.sim_time));
        scenario.cpu_us = scenario.cpu_us.saturating_add(micros(account.cpu_time));
        scenario.packets += account.packets.unwrap_or(0);
        for outcome::FaultOutcome { what, kind, seen, hits, .. } in &account.faults {
            let known = scenario.faults.iter_mut().find(|fault| fault.what == *what && fault.kind == *kind);
            match known {
                Some(fault) => {
                    fault.seen += seen;
                    fault.hits += hits;
                }
                None => scenario.faults.push(Fault {
                    what: what.clone(),
                    kind: *kind,
                    family: family(what).to_owned(),
                    seen: *seen,
                    hits: *hits,
                }),
            }
        }
        for outcome::OracleOutcome { name, judged, breach_count, exempt, .. } in &account.oracles {
            match scenario.oracles.iter_mut().find(|oracle| oracle.name == *name) {
                Some(oracle) => {
                    oracle.judged += judged;
                    oracle.violations += breach_count;
                    oracle.exempt += exempt;
                }
                None => scenario.oracles.push(Oracle {
                    name: name.clone(),
                    judged: *judged,
                    violations: *breach_count,
                    exempt: *exempt,
                }),
            }
        }
        let failed = matches!(result.verdict, outcome::Verdict::Failed | outcome::Verdict::Bug);
        if failed && scenario.failures.len() < FAILURES_MAX {
            let diagram = scenario.failures.len() < DIAGRAMS_MAX;
            scenario.failures.push(failure(job, result, diagram));
            return true;
        }
        let spared = result.verdict == outcome::Verdict::NotExercised;
        job.keep_if_passed || (spared && scenario.not_exercised <= FAILURES_MAX as u64)
    }

    /// A job that is done was another in a second process; `first` is what it came to in the first.
    pub fn different(&mut self, job: &Job, first: outcome::Verdict, said: &str) {
        let record = job.record_folder.is_dir().then(|| below_out(job));
        let scenario = self.scenario(job);
        *count_of(scenario, first) -= 1;
        scenario.nondeterministic += 1;
        let reason = said.trim_end().to_owned();
        let place = scenario.failures.binary_search_by_key(&job.seed, |failure| failure.seed);
        match place {
            Ok(known) => {
                scenario.failures[known].verdict = Verdict::Nondeterministic;
                scenario.failures[known].reasons.insert(0, reason);
            }
            Err(place) => scenario.failures.insert(
                place,
                Failure {
                    seed: job.seed,
                    verdict: Verdict::Nondeterministic,
                    step: None,
                    file: job.case.feature.file.to_string(),
                    line: line(job.case.line),
                    expected: None,
                    seen: None,
                    reasons: vec![reason],
                    diagram: None,
                    record,
                    replay: report::replay(&job.case, &format!("{} --check-determinism", job.flag())),
                },
            ),
        }
        scenario.failures.truncate(FAILURES_MAX);
    }

    /// All that will be done is done; `interrupted` if that isn't all that was planned.
    pub fn finish(mut self, interrupted: bool) -> Results {
        self.results.interrupted = interrupted;
        self.results.settle();
        self.results
    }
}

fn empty(case: &Case) -> Scenario {
    Scenario {
        id: case.to_string(),
        file: case.feature.file.to_string(),
        line: line(case.line),
        scenario: case.scenario.clone(),
        example: case.row.iter().flat_map(|row| row.named()).map(|(name, value)| Named::new(name, value)).collect(),
        tags: case.tags.clone(),
        records: slashed(&folder_of(case)),
        verdict: Verdict::NotRun,
        runs: 0,
        passed: 0,
        not_exercised: 0,
        failed: 0,
        bugs: 0,
        nondeterministic: 0,
        simulated_us: 0,
        cpu_us: 0,
        packets: 0,
        faults: Vec::new(),
        oracles: Vec::new(),
        failures: Vec::new(),
    }
}

fn count_of(scenario: &mut Scenario, verdict: outcome::Verdict) -> &mut u64 {
    match verdict {
        outcome::Verdict::Passed => &mut scenario.passed,
        outcome::Verdict::NotExercised => &mut scenario.not_exercised,
        outcome::Verdict::Failed => &mut scenario.failed,
        outcome::Verdict::Bug => &mut scenario.bugs,
    }
}

fn failure(job: &Job, result: &ScenarioResult, with_diagram: bool) -> Failure {
    let step = result.failed_step();
    let failure = step.and_then(|step| step.failure.as_ref());
    let (expected, seen) = match failure.map(|failure| (&failure.expected, &failure.seen)) {
        Some((Some(expected), Some(seen))) => (Some(expected.clone()), Some(seen.clone())),
        _ => (None, None),
    };
    let mut reasons = result.reasons.clone();
    if let (Some(failure), None) = (failure, &expected) {
        reasons.insert(0, failure.to_string());
    }
    let account = &result.account;
    Failure {
        seed: job.seed,
        verdict: if result.verdict == outcome::Verdict::Bug { Verdict::Bug } else { Verdict::Failed },
        step: step.map(|step| format!("{} {}", step.keyword.trim(), step.text)),
        file: step.map_or(&job.case.feature.file, |step| &step.file).to_string(),
        line: line(step.map_or(job.case.line, |step| step.line)),
        expected,
        seen,
        reasons,
        diagram: (with_diagram && !account.diagram.is_empty()).then(|| account.diagram.join("\n")),
        record: account.record_folder.is_some().then(|| below_out(job)),
        replay: report::replay(&job.case, &job.flag()),
    }
}

/// Where the record of a job lies, seen from the folder of all records.
fn below_out(job: &Job) -> String {
    let name = job.record_folder.file_name().unwrap_or_default();
    slashed(&folder_of(&job.case).join(name))
}

fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Hands on what a step says, those that it's made of included.
fn take_step(step: &ScriptStep, take: &mut impl FnMut(&[u8])) {
    take(step.keyword.trim().as_bytes());
    take(step.text.as_bytes());
    match &step.bound {
        Bound::Phrase(_, matches) => take(matches.hanging().as_bytes()),
        Bound::Foreign(_, context) => {
            let table = context.step.table.as_ref().map(|table| &table.rows);
            take(format!("{table:?} {:?}", context.step.docstring).as_bytes());
        }
        Bound::Composed(composed) => composed.steps.iter().for_each(|step| take_step(step, take)),
    }
}

/// A hash over everything that scenarios are made of.
fn digest(plan: &Plan) -> String {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    // Each part behind its length, so that no two lists of parts are written alike.
    let mut take = |part: &[u8]| {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    let mut folders = std::collections::BTreeSet::new();
    for case in &plan.cases {
        take(case.to_string().as_bytes());
        case.tags.iter().for_each(|tag| take(tag.as_bytes()));
        case.script.steps.iter().for_each(|step| take_step(step, &mut take));
        folders.insert(Path::new(&*case.feature.file).parent().unwrap_or(Path::new("")).to_owned());
    }
    for file in folders.iter().flat_map(|folder| beside::files(folder)) {
        take(file.file_name().unwrap_or_default().as_encoded_bytes());
        // One that can't be read has stopped the run before.
        take(&std::fs::read(&file).unwrap_or_default());
    }
    format!("{:016x}", hash.digest())
}
