//! The parts of a run, put together: what comes of it is what the whole run would have left, byte for byte but for the
//! CPU time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use busyhour_trace::record::{self, Record};

use crate::partition::Partition;
use crate::report::counted;
use crate::results::{FAILURES_MAX, Results, ResultsError, Scenario};

/// Why parts can't be put together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One can't be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// One isn't a part.
    #[error("`{}` holds a whole run, not a part of one", .0.display())]
    Whole(PathBuf),
    /// One isn't done.
    #[error("`{}` holds part {partition}, which was broken off: run it again", folder.display())]
    Interrupted {
        /// Its folder.
        folder: PathBuf,
        /// Which part.
        partition: Partition,
    },
    /// Two aren't of one run.
    #[error("`{}` and `{}` are not of one run: {what}", one.display(), other.display())]
    Apart {
        /// The first folder.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// How they differ.
        what: String,
    },
    /// Two are the same.
    #[error("`{}` and `{}` both hold part {partition}", one.display(), other.display())]
    Twice {
        /// The first folder.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// Which part.
        partition: Partition,
    },
    /// Some aren't there.
    #[error("of {of} parts {given} given: {missing}")]
    Missing {
        /// How many there should be.
        of: u64,
        /// Which are missing, in words.
        missing: String,
        /// How many there are, in words.
        given: String,
    },
    /// They say that they are all, and they aren't.
    #[error("`{id}` was run with {runs} of {seeds} seeds: these parts are not the whole")]
    Short {
        /// The scenario.
        id: String,
        /// How many runs it had.
        runs: u64,
        /// How many it should have had.
        seeds: u64,
    },
    /// A record can't be taken along.
    #[error("the record `{}` can't be put into `{}`: {source}", from.display(), to.display())]
    Record {
        /// Where it is.
        from: PathBuf,
        /// Where it belongs.
        to: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A part, and the folder that it's from.
#[derive(Debug)]
pub struct Part {
    /// The folder.
    pub folder: PathBuf,
    /// What's in it.
    pub results: Results,
}

/// Reads the parts in some folders.
pub fn load(folders: &[PathBuf]) -> Result<Vec<Part>, MergeError> {
    let load = |folder: &PathBuf| Ok(Part { folder: folder.clone(), results: Results::load(folder)? });
    folders.iter().map(load).collect()
}

/// Puts parts together. They must be all parts of one run of one build, each once.
pub fn merged(parts: &[Part]) -> Result<Results, MergeError> {
    let mut by_part: Vec<(Partition, &Part)> = Vec::new();
    for part in parts {
        let partition = part.results.partition.ok_or_else(|| MergeError::Whole(part.folder.clone()))?;
        if part.results.interrupted {
            return Err(MergeError::Interrupted { folder: part.folder.clone(), partition });
        }
        by_part.push((partition, part));
    }
    by_part.sort_by_key(|(partition, _)| *partition);
    let Some((Partition { of, .. }, first)) = by_part.first().copied() else {
        return Err(MergeError::Missing { of: 0, missing: "all are missing".to_owned(), given: "none was".to_owned() });
    };
    for pair in by_part.windows(2) {
        let [(one, before), (other, part)] = pair else { continue };
        if let Some(what) = apart(&first.results, &part.results) {
            return Err(MergeError::Apart { one: first.folder.clone(), other: part.folder.clone(), what });
        }
        if one == other {
            let (one, other) = (before.folder.clone(), part.folder.clone());
            return Err(MergeError::Twice { one, other, partition: pair[0].0 });
        }
    }
    let missing: Vec<u64> =
        (1..=of).filter(|part| by_part.iter().all(|(partition, _)| partition.part != *part)).collect();
    if !missing.is_empty() {
        let given = by_part.len();
        return Err(MergeError::Missing {
            of,
            missing: missing_shown(&missing),
            given: if given == 1 { "1 was".to_owned() } else { format!("{given} were") },
        });
    }
    let mut whole = first.results.clone();
    whole.partition = None;
    for (_, part) in &by_part[1..] {
        for (sum, scenario) in whole.scenarios.iter_mut().zip(&part.results.scenarios) {
            add(sum, scenario);
        }
    }
    let seeds = whole.seeds.count();
    if let Some(short) = whole.scenarios.iter().find(|scenario| scenario.runs != seeds) {
        return Err(MergeError::Short { id: short.id.clone(), runs: short.runs, seeds });
    }
    whole.settle();
    Ok(whole)
}

/// How two parts can be seen not to be of one run.
fn apart(one: &Results, other: &Results) -> Option<String> {
    let of = |results: &Results| results.partition.map(|partition| partition.of).unwrap_or_default();
    let differ = |what: &str, one: &dyn std::fmt::Display, other: &dyn std::fmt::Display| {
        Some(format!("{what} {one} and {other}"))
    };
    match () {
        () if one.product != other.product => {
            let build = |results: &Results| {
                let product = &results.product;
                format!("{} {} (build {}, commit {})", product.name, product.version, product.build, product.commit)
            };
            differ("they are by", &build(one), &build(other))
        }
        () if of(one) != of(other) => differ("their runs have so many parts:", &of(one), &of(other)),
        () if one.seeds != other.seeds => {
            let seeds = |results: &Results| format!("{}..{}", results.seeds.from, results.seeds.to);
            differ("their seeds are", &seeds(one), &seeds(other))
        }
        () if one.chosen != other.chosen => Some(format!(
            "other scenarios were chosen, or the feature files differ ({} and {})",
            counted(one.chosen.scenarios as usize, "scenario"),
            counted(other.chosen.scenarios as usize, "scenario")
        )),
        () if one.cadence != other.cadence => differ("their cadences are", &one.cadence, &other.cadence),
        () if one.live != other.live => Some("one of them was live".to_owned()),
        () if one.checked_determinism != other.checked_determinism => {
            Some("one of them was with --check-determinism, and the other without".to_owned())
        }
        () => {
            let ids = |results: &Results| results.scenarios.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
            (ids(one) != ids(other)).then(|| "their scenarios are in another order".to_owned())
        }
    }
}

fn missing_shown(missing: &[u64]) -> String {
    const SHOWN_MAX: usize = 8;
    let shown: Vec<String> = missing.iter().take(SHOWN_MAX).map(u64::to_string).collect();
    let (parts, are) = if missing.len() == 1 { ("part", "is") } else { ("parts", "are") };
    match missing.len().saturating_sub(SHOWN_MAX) {
        0 => format!("{parts} {} {are} missing", shown.join(", ")),
        more => format!("{parts} {} and {more} more {are} missing", shown.join(", ")),
    }
}

fn add(sum: &mut Scenario, part: &Scenario) {
    sum.runs += part.runs;
    sum.passed += part.passed;
    sum.not_exercised += part.not_exercised;
    sum.failed += part.failed;
    sum.bugs += part.bugs;
    sum.nondeterministic += part.nondeterministic;
    sum.simulated_us = sum.simulated_us.saturating_add(part.simulated_us);
    sum.cpu_us = sum.cpu_us.saturating_add(part.cpu_us);
    sum.packets += part.packets;
    for fault in &part.faults {
        match sum.faults.iter_mut().find(|known| known.what == fault.what && known.kind == fault.kind) {
            Some(known) => {
                known.seen += fault.seen;
                known.hits += fault.hits;
            }
            None => sum.faults.push(fault.clone()),
        }
    }
    for oracle in &part.oracles {
        match sum.oracles.iter_mut().find(|known| known.name == oracle.name) {
            Some(known) => {
                known.judged += oracle.judged;
                known.violations += oracle.violations;
                known.exempt += oracle.exempt;
            }
            None => sum.oracles.push(oracle.clone()),
        }
    }
    sum.failures.extend(part.failures.iter().cloned());
}

/// Takes along the records that the whole run would have kept, and says how many of them are of failures. On one disk
/// they're linked and take no room. What somebody swept away, or didn't bring here, stays away: the line that runs it
/// again is in the results.
pub fn take_records(whole: &Results, parts: &[Part], out: &Path) -> Result<usize, MergeError> {
    let mut of_failures = 0;
    for scenario in &whole.scenarios {
        let mut spared = 0;
        for (seed, from) in records(scenario, parts) {
            let failed = scenario.failures.iter().any(|failure| failure.seed == seed);
            if !failed {
                // What an earlier run has left there is none of this one's.
                let Ok(record) = Record::load(&from) else { continue };
                let is_ours = record.product.build == whole.product.build && whole.seeds.holds(seed);
                let is_spared = record.verdict == record::Verdict::NotExercised;
                spared += usize::from(is_ours && is_spared);
                let is_kept = whole.seeds.count() == 1 || is_spared && spared <= FAILURES_MAX;
                if !is_ours || !is_kept {
                    continue;
                }
            }
            let to = out.join(&scenario.records).join(from.file_name().unwrap_or_default());
            replace(&from, &to).map_err(|source| MergeError::Record { from, to, source })?;
            of_failures += usize::from(failed);
        }
    }
    Ok(of_failures)
}

/// The records of a scenario that lie in the parts, by their seeds.
fn records(scenario: &Scenario, parts: &[Part]) -> BTreeMap<u64, PathBuf> {
    let mut found = BTreeMap::new();
    for part in parts {
        let Ok(entries) = fs::read_dir(part.folder.join(&scenario.records)) else { continue };
        for folder in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("seed-"));
            let seed = name.and_then(|seed| seed.parse::<u64>().ok());
            if let Some(seed) = seed.filter(|_| folder.join(record::RECORD).is_file()) {
                found.entry(seed).or_insert(folder);
            }
        }
    }
    found
}

fn replace(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    copy(from, to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else if fs::hard_link(entry.path(), &to).is_err() {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Account, FaultKind, FaultOutcome, StepOutcome, StepStatus};
    use crate::phrase::StepFailure;
    use crate::results::Gathering;
    use crate::run::{self, Job, Plan, tests::plan};
    use crate::stage::Stage;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    /// What comes of a scenario hangs on its name and seed.
    struct Fate;

    impl Stage for Fate {
        fn perform(&self, job: &Job) -> crate::outcome::ScenarioResult {
            let seed = job.seed;
            let failed = job.case.scenario == "breaks" && seed.is_multiple_of(3);
            let step = StepOutcome {
                keyword: "Then".into(),
                text: "it holds".into(),
                file: "features/f.feature".into(),
                line: 4,
                background: false,
                status: if failed { StepStatus::Failed } else { StepStatus::Passed },
                started: None,
                ended: None,
                failure: failed.then(|| StepFailure::differs("yes", format!("no, with {seed}"))),
                inner: Vec::new(),
            };
            let hits = match job.case.scenario.as_str() {
                "spared" => 0,
                "lucky" => u64::from(seed == 7),
                _ => seed,
            };
            // Not each seed meets each fault.
            let what = format!("every network loses {}% of packets", seed % 2);
            let faults = vec![
                FaultOutcome::new("x", FaultKind::Random, 100, hits),
                FaultOutcome::new(what, FaultKind::Random, 9, 1),
            ];
            let account = Account {
                steps: vec![step],
                faults,
                sim_time: Duration::from_nanos(1_000_000_999 + seed),
                cpu_time: Duration::from_micros(5),
                packets: Some(seed),
                diagram: vec![format!("a -> b {seed}")],
                ..Account::default()
            };
            account.conclude(job)
        }
    }

    fn results(plan: &Plan) -> Results {
        let mut gathering = Gathering::of(plan, false);
        let mut told = 0;
        run::run(plan, &Fate, &AtomicBool::new(false), |event| {
            if let run::Event::Done(job, result) = event {
                let _ = gathering.add(job, result);
                told += 1;
            }
        });
        assert_eq!(told, plan.job_count());
        gathering.finish(false)
    }

    fn part(of: u64, part: u64, seeds: std::ops::Range<u64>) -> Part {
        let mut plan = plan(&["fine", "breaks", "spared", "lucky"], seeds, 2);
        plan.partition = Some(Partition { part, of });
        Part { folder: format!("part-{part}").into(), results: results(&plan) }
    }

    #[test]
    fn parts_put_together_are_the_whole_byte_for_byte_however_many_they_are() {
        for seeds in [0..1, 0..2, 3..13, 0..100] {
            let whole = results(&plan(&["fine", "breaks", "spared", "lucky"], seeds.clone(), 3));
            for of in [1, 2, 3, 7, 50] {
                // In any order.
                let parts: Vec<Part> = (1..=of).rev().map(|number| part(of, number, seeds.clone())).collect();
                let merged = merged(&parts).unwrap();
                assert_eq!(merged.to_json(), whole.to_json(), "{of} parts of {seeds:?}");
            }
        }
    }

    #[test]
    fn what_no_part_hit_fails_the_whole_and_no_part_of_it() {
        let parts = [part(2, 1, 0..10), part(2, 2, 0..10)];
        let verdict = |results: &Results, name: &str| {
            results.scenarios.iter().find(|one| one.scenario == name).map(|one| one.verdict).unwrap()
        };
        use crate::results::Verdict;
        for part in &parts {
            assert_ne!(verdict(&part.results, "spared"), Verdict::Failed);
        }
        let whole = merged(&parts).unwrap();
        assert_eq!(verdict(&whole, "spared"), Verdict::Failed);
        assert_eq!(verdict(&whole, "lucky"), Verdict::Passed);
    }

    #[test]
    fn parts_that_are_not_the_whole_of_one_run_are_refused_and_told_why() {
        let error = |parts: &[Part]| merged(parts).unwrap_err().to_string();
        let with = |change: &dyn Fn(&mut Results)| {
            let mut other = part(2, 2, 0..4);
            change(&mut other.results);
            error(&[part(2, 1, 0..4), other])
        };
        let told = [
            error(&[]),
            error(&[part(3, 2, 0..4)]),
            error(&[part(3, 1, 0..4), part(3, 3, 0..4)]),
            error(&[part(2, 1, 0..4), part(2, 1, 0..4)]),
            error(&[part(2, 1, 0..4), part(3, 2, 0..4)]),
            error(&[part(2, 1, 0..4), part(2, 2, 0..5)]),
            with(&|other| other.partition = None),
            with(&|other| other.interrupted = true),
            with(&|other| other.product.build = "another".into()),
            with(&|other| other.chosen.digest = "another".into()),
            with(&|other| other.cadence = "full".into()),
            with(&|other| other.checked_determinism = true),
            with(&|other| other.scenarios[0].runs -= 1),
        ];
        let build = crate::build::id();
        insta::assert_snapshot!(told.join("\n").replace(build, "(build)").replace(crate::build::COMMIT, "(commit)"));
    }
}
