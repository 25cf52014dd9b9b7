//! A page of results: of parts that were merged, and what only all seeds together can tell.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{Entry, Gathered, Kind, OTHERS_MAX};
use crate::records::Found;
use crate::report::counted;
use crate::results::{Failure, Results, Scenario, Verdict};

impl Gathered {
    /// The page of a whole, made of its results and of the records that lie below `home`. Of runs without a record their
    /// sum is listed: results know no more of them.
    pub fn of_results(results: &Results, home: &Path) -> Gathered {
        let mut gathered = Gathered::default();
        for scenario in &results.scenarios {
            gathered.add_whole(scenario, home);
        }
        gathered.add_never_hit(results);
        let sum = |of: fn(&Scenario) -> u64| results.scenarios.iter().map(of).fold(0, u64::saturating_add);
        gathered.counts = [
            sum(|scenario| scenario.passed),
            sum(|scenario| scenario.not_exercised),
            sum(|scenario| scenario.failed + scenario.bugs),
            sum(|scenario| scenario.nondeterministic),
        ];
        gathered.seeds_of_whole = Some((results.seeds.from, results.seeds.count()));
        gathered.simulated = Duration::from_micros(sum(|scenario| scenario.simulated_us));
        gathered.cpu = Some(Duration::from_micros(sum(|scenario| scenario.cpu_us)));
        gathered.packets = sum(|scenario| scenario.packets);
        gathered.judged = sum(|scenario| scenario.oracles.iter().map(|oracle| oracle.judged).sum());
        let hit = |scenario: &Scenario| scenario.faults.iter().filter(|fault| fault.hits > 0).count();
        gathered.faults = results.scenarios.iter().map(hit).sum();
        gathered
    }

    /// Lists the scenarios in which chance spared a fault with every seed: each of their runs may have been content.
    pub fn add_never_hit(&mut self, results: &Results) {
        let seeds = results.seeds.count();
        for scenario in &results.scenarios {
            let never = scenario.never_hit(seeds);
            if never.is_empty() {
                continue;
            }
            self.never_hit += 1;
            let reasons = never.iter().map(|fault| {
                let seen = fault.seen;
                format!("`{}` hit nothing with any of {seeds} seeds, though {seen} could have been hit", fault.what)
            });
            let replay = format!("--seeds {}..{}", results.seeds.from, results.seeds.to);
            let name = format!("^{}$", regex::escape(&scenario.title()));
            self.entries.push(Entry {
                reasons: reasons.collect(),
                replay: format!("busyhour run {} --name '{}' {replay}", scenario.file, name.replace('\'', r"'\''")),
                ..bare(scenario, Kind::Failed, results.seeds.from, scenario.runs)
            });
        }
    }

    fn add_whole(&mut self, scenario: &Scenario, home: &Path) {
        let mut records = records(scenario, home);
        let mut listed: BTreeMap<Kind, u64> = BTreeMap::new();
        let mut entries: Vec<Entry> = Vec::new();
        for failure in &scenario.failures {
            let mut entry = match records.remove(&failure.seed) {
                Some(found) => Entry { feature: scenario.file.clone(), ..Entry::of_record(&found) },
                None => of_failure(scenario, failure),
            };
            entry.kind = kind(failure.verdict);
            if failure.verdict == Verdict::Nondeterministic {
                entry.reasons.clone_from(&failure.reasons);
            }
            entries.push(entry);
        }
        let others = records.into_values();
        entries.extend(others.map(|found| Entry { feature: scenario.file.clone(), ..Entry::of_record(&found) }));
        entries.sort_by_key(|entry| entry.seed);
        for entry in entries {
            *listed.entry(entry.kind).or_default() += 1;
            if entry.kind > Kind::Passed && self.entries.len() as u64 >= OTHERS_MAX {
                self.unlisted += 1;
            } else {
                self.entries.push(entry);
            }
        }
        for (kind, all) in [
            (Kind::Bug, scenario.bugs),
            (Kind::Nondeterministic, scenario.nondeterministic),
            (Kind::Failed, scenario.failed),
            (Kind::NotExercised, scenario.not_exercised),
            (Kind::Passed, scenario.passed),
        ] {
            let left = all.saturating_sub(listed.get(&kind).copied().unwrap_or(0));
            if left > 0 {
                self.entries.push(bare(scenario, kind, 0, left));
            }
        }
    }
}

/// The records of a scenario that are there, by their seeds. One that can't be read is as good as none.
fn records(scenario: &Scenario, home: &Path) -> BTreeMap<u64, Found> {
    let folder = home.join(&scenario.records);
    let found = crate::records::below(&folder).unwrap_or_default();
    found.into_iter().map(|found| (found.record.seed.run, found)).collect()
}

fn kind(verdict: Verdict) -> Kind {
    match verdict {
        Verdict::NotRun | Verdict::Passed => Kind::Passed,
        Verdict::NotExercised => Kind::NotExercised,
        Verdict::Failed => Kind::Failed,
        Verdict::Nondeterministic => Kind::Nondeterministic,
        Verdict::Bug => Kind::Bug,
    }
}

fn of_failure(scenario: &Scenario, failure: &Failure) -> Entry {
    let mut reasons = failure.reasons.clone();
    if let (Some(expected), Some(seen)) = (&failure.expected, &failure.seen) {
        reasons.insert(0, format!("expected {expected}, saw {seen}"));
    }
    reasons.extend(failure.step.iter().map(|step| format!("at {}:{}: {step}", failure.file, failure.line)));
    Entry { reasons, replay: failure.replay.clone(), ..bare(scenario, kind(failure.verdict), failure.seed, 1) }
}

/// So many runs of which nothing more is known.
fn bare(scenario: &Scenario, kind: Kind, seed: u64, runs: u64) -> Entry {
    Entry {
        feature: scenario.file.clone(),
        title: scenario.title(),
        line: u64::from(scenario.line),
        tags: scenario.tags.clone(),
        seed,
        runs,
        kind,
        reasons: if runs > 1 && kind > Kind::Passed {
            vec![format!("{} came to this", counted(usize::try_from(runs).unwrap_or(usize::MAX), "more run"))]
        } else {
            Vec::new()
        },
        steps: Vec::new(),
        simulated: Duration::ZERO,
        cpu: None,
        packets: 0,
        judged: 0,
        faults: (0, 0),
        replay: String::new(),
        folder: None,
        files: Vec::new(),
    }
}
