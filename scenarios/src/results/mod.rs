//! The results of a run: one document, `results.json`, which each run leaves in the folder of its records. The gate, the
//! merge of parts and `--format json` are made of it.
//!
//! It holds sums, so that a million seeds take no more room than one, and the first failures of each scenario whole. Two
//! runs of one build with the same seeds leave the same bytes, apart from `cpu_us`, the time that processors took.
//! Numbers of 64 bits that mean more than a count, the seeds, are written as text: readers that hold numbers as doubles
//! would spoil them.

mod gather;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use busyhour_trace::record::as_text;
use serde::{Deserialize, Serialize};

pub use busyhour_trace::record::{FaultKind, Named};
pub use gather::Gathering;

use crate::partition::Partition;

/// The version of the document. It's raised when a reader of the version before would misunderstand it; a new field that it
/// may ignore doesn't raise it.
pub const FORMAT: u32 = 1;
/// The document's file, in the folder of a run's records.
pub const RESULTS: &str = "results.json";
/// So many failures of a scenario are told whole; the rest is counted.
pub const FAILURES_MAX: usize = 20;
/// So many of these have their sequence diagram with them; the others' records have theirs.
pub const DIAGRAMS_MAX: usize = 5;

/// The results of one run, or of its parts when they were merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Results {
    /// The document's version: [`FORMAT`] when this build wrote it.
    pub format: u32,
    /// What ran.
    pub product: Product,
    /// What was chosen to be run.
    pub chosen: Chosen,
    /// The seeds that each scenario was run with.
    pub seeds: Seeds,
    /// Which part of a run it is; nothing if it's whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// Which frames of audio were sent: `auto`, `full` or `probe`.
    pub cadence: String,
    /// Whether it ran on real sockets, in real time.
    pub live: bool,
    /// Whether each scenario ran twice, in two processes.
    pub checked_determinism: bool,
    /// Whether it was broken off.
    pub interrupted: bool,
    /// What it all comes to: the worst of the scenarios' verdicts.
    pub verdict: Verdict,
    /// All scenarios, in the order in which they were told. Those that no part of the run has had yet are there, too.
    pub scenarios: Vec<Scenario>,
}

/// Which build ran. Runs are the same between runs of one build only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// `busyhour`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A hash of the program, as the records have it.
    pub build: String,
    /// The commit that it was built from, or `unknown`.
    pub commit: String,
}

/// What was chosen: two runs with the same digest had the same scenarios, word for word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// How many scenarios.
    pub scenarios: u64,
    /// A hash over their names, tags and steps, and over the network profiles and senders beside them.
    pub digest: String,
}

/// A range of seeds; `to` is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// The first.
    #[serde(with = "as_text")]
    pub from: u64,
    /// The one behind the last.
    #[serde(with = "as_text")]
    pub to: u64,
}

impl Seeds {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    /// Whether that is one of them.
    pub fn holds(&self, seed: u64) -> bool {
        (self.from..self.to).contains(&seed)
    }
}

/// What something came to, from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It wasn't run: its turn is another part's, or the run was broken off.
    NotRun,
    /// Everything that was to hold held.
    Passed,
    /// It would have passed, but chance spared everything that a random fault was to strike.
    NotExercised,
    /// Something didn't hold, or the scenario proved nothing.
    Failed,
    /// The same build with the same seed did something else the second time.
    Nondeterministic,
    /// The harness itself failed; nothing is known.
    Bug,
}

impl Verdict {
    /// In words, as a sentence has it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::NotRun => "not run",
            Verdict::Passed => "passed",
            Verdict::NotExercised => "not exercised",
            Verdict::Failed => "failed",
            Verdict::Nondeterministic => "not deterministic",
            Verdict::Bug => "ended in a bug of busyhour",
        }
    }
}

/// One scenario over all its seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// What names it among all others: `features/network.feature::Rule::Scenario [row]`.
    pub id: String,
    /// The feature file, as it was given or found.
    pub file: String,
    /// The line of the scenario, or of the row.
    pub line: u32,
    /// Its name, with the values of the row in place.
    pub scenario: String,
    /// The row of the outline's examples: column and cell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub example: Vec<Named>,
    /// The tags, without `@`: the feature's, the rule's, the scenario's, the examples'.
    pub tags: Vec<String>,
    /// The folder below which its records lie, each as `seed-N`, seen from the document.
    pub records: String,
    /// What it comes to over its seeds.
    pub verdict: Verdict,
    /// How many seeds it was run with: the sum of the five below.
    pub runs: u64,
    /// With how many it passed.
    pub passed: u64,
    /// With how many chance spared something, and all else was well.
    pub not_exercised: u64,
    /// With how many it failed.
    pub failed: u64,
    /// With how many the harness failed.
    pub bugs: u64,
    /// With how many it was another the second time.
    pub nondeterministic: u64,
    /// How much time was simulated, in microseconds.
    pub simulated_us: u64,
    /// How much CPU time that took, in microseconds. Of all that's here it alone differs from run to run.
    pub cpu_us: u64,
    /// How many packets were sent.
    pub packets: u64,
    /// The faults, by what they are.
    pub faults: Vec<Fault>,
    /// The invariants that listened.
    pub oracles: Vec<Oracle>,
    /// The first failures by their seeds, at most [`FAILURES_MAX`].
    pub failures: Vec<Failure>,
}

/// A fault over all seeds of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What it is, in the words of the step that installed it.
    pub what: String,
    /// What it owes.
    pub kind: FaultKind,
    /// What sort of fault it is: see [`family`].
    pub family: String,
    /// How much came its way.
    pub seen: u64,
    /// How much of that it struck.
    pub hits: u64,
}

/// An invariant over all seeds of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracle {
    /// Its name, as `@breaks:NAME` says it.
    pub name: String,
    /// How much it judged.
    pub judged: u64,
    /// How often its rule was broken.
    pub violations: u64,
    /// How often it looked away, by an exemption of its own.
    pub exempt: u64,
}

/// One failure whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The seed of the run.
    #[serde(with = "as_text")]
    pub seed: u64,
    /// `failed`, `bug` or `nondeterministic`.
    pub verdict: Verdict,
    /// The step that failed, with its keyword; nothing if it wasn't a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The file in which the step stands, or the scenario.
    pub file: String,
    /// The line of the step, or of the scenario.
    pub line: u32,
    /// What the step expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What it saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Why it failed otherwise: sentences.
    pub reasons: Vec<String>,
    /// The messages that the failure concerns, as lines of text; of the first [`DIAGRAMS_MAX`] failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagram: Option<String>,
    /// The folder of its record, seen from the document; nothing if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The line that runs it again.
    pub replay: String,
}

/// What sort of fault has these words; the sorts have one name each, for sums over scenarios.
pub fn family(what: &str) -> &'static str {
    const FAMILIES: &[(&str, &str)] = &[
        (" loses packets in bursts", "burst-loss"),
        (" loses ", "loss"),
        (" duplicates ", "duplication"),
        (" reorders ", "reordering"),
        (" corrupts ", "corruption"),
        (" carries at most ", "bandwidth"),
        (" takes packets of at most ", "mtu"),
        (" ms latency", "latency"),
        (" is on \"", "access"),
        (" is cut", "cut"),
        (" is lost", "lost-message"),
        ("'s clock is ", "clock"),
        (" forgets its bindings", "nat"),
        (" crashes ", "crash"),
        ("'s disk ", "disk"),
    ];
    // A name in quotes may hold any words.
    let bare: String = what.split('"').step_by(2).collect::<Vec<_>>().join("\"");
    FAMILIES.iter().find(|(words, _)| bare.contains(words)).map_or("other", |(_, family)| family)
}

/// The names of all sorts of faults, and of what faults owe: what a gate may require.
pub const FAMILIES: &[&str] = &[
    "burst-loss",
    "loss",
    "duplication",
    "reordering",
    "corruption",
    "bandwidth",
    "mtu",
    "latency",
    "access",
    "cut",
    "lost-message",
    "clock",
    "nat",
    "crash",
    "disk",
    "other",
];

impl Scenario {
    /// Judges it anew, as one that is due with so many seeds. With fewer runs than that nothing is held against chance.
    pub fn judge(&mut self, seeds: u64) {
        self.verdict = if self.bugs > 0 {
            Verdict::Bug
        } else if self.nondeterministic > 0 {
            Verdict::Nondeterministic
        } else if self.failed > 0 || !self.never_hit(seeds).is_empty() {
            Verdict::Failed
        } else if self.runs == 0 {
            Verdict::NotRun
        } else if self.not_exercised == self.runs {
            Verdict::NotExercised
        } else {
            Verdict::Passed
        };
    }

    /// The random faults that chance spared with every seed: over several seeds each must have hit at least once (law 6).
    /// Nothing is said before the last seed was run.
    pub fn never_hit(&self, seeds: u64) -> Vec<&Fault> {
        if seeds < 2 || self.runs < seeds {
            return Vec::new();
        }
        self.faults
            .iter()
            .filter(|fault| fault.kind == FaultKind::Random && fault.hits == 0 && fault.seen > 0)
            .collect()
    }

    /// How many failures there are beyond those that are told whole.
    pub fn failures_untold(&self) -> u64 {
        (self.failed + self.bugs + self.nondeterministic).saturating_sub(self.failures.len() as u64)
    }

    /// The name and the row, by which it can be chosen: `Packets are lost [5%, 930]`.
    pub fn title(&self) -> String {
        if self.example.is_empty() {
            return self.scenario.clone();
        }
        let cells: Vec<&str> = self.example.iter().map(|cell| cell.value.as_str()).collect();
        format!("{} [{}]", self.scenario, cells.join(", "))
    }
}

/// Why results can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file system refused.
    #[error("the results can't be {doing}: {}: {source}", file.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are none.
    #[error("there is no {RESULTS} in `{}`: `busyhour run --out {}` leaves one there", .0.display(), .0.display())]
    Missing(PathBuf),
    /// They are of another version.
    #[error("{}: these results have format {found}, this build reads {FORMAT}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// The version that it has.
        found: u32,
    },
    /// The file isn't what it should be.
    #[error("{}:{line}: these are no results of a run: {message}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What's wrong.
        message: String,
    },
}

impl Results {
    /// Judges the whole anew from its scenarios.
    pub fn judge(&mut self) {
        let seeds = self.seeds.count();
        self.scenarios.iter_mut().for_each(|scenario| scenario.judge(seeds));
        let worst = self.scenarios.iter().map(|scenario| scenario.verdict).max();
        self.verdict = worst.unwrap_or(Verdict::NotRun);
    }

    /// Brings it into the order in which it's written, and judges it.
    pub(crate) fn settle(&mut self) {
        for scenario in &mut self.scenarios {
            // Which fault was met first hangs on the order of seeds, and on the parts of a run.
            scenario.faults.sort_by(|one, other| one.what.cmp(&other.what));
            scenario.oracles.sort_by(|one, other| one.name.cmp(&other.name));
            scenario.failures.sort_by_key(|failure| failure.seed);
            scenario.failures.truncate(FAILURES_MAX);
            scenario.failures.iter_mut().skip(DIAGRAMS_MAX).for_each(|failure| failure.diagram = None);
        }
        self.judge();
    }

    /// How many runs there were: each scenario with each seed is one.
    pub fn runs(&self) -> u64 {
        self.scenarios.iter().map(|scenario| scenario.runs).sum()
    }

    /// The document.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("results have no value that JSON can't hold");
        json.push('\n');
        json
    }

    /// Writes the document into a folder: whole, or not at all.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, ResultsError> {
        let file = folder.join(RESULTS);
        let part = folder.join(format!(".{RESULTS}.{}.part", std::process::id()));
        let written = fs::File::create(&part)
            .and_then(|mut part| part.write_all(self.to_json().as_bytes()).and_then(|()| part.sync_all()))
            .and_then(|()| fs::rename(&part, &file));
        written.map_err(|source| {
            // What's left of it would be in nobody's way for long, but it may be what fills the disk.
            let _ = fs::remove_file(&part);
            ResultsError::Io { doing: "written", file: file.clone(), source }
        })?;
        Ok(file)
    }

    /// Takes the document out of a folder, if there is one. Where that can't be, none can be written either, and whoever
    /// tries will say so.
    pub fn forget(folder: &Path) {
        let _ = fs::remove_file(folder.join(RESULTS));
    }

    /// Reads the document in a folder, or that file.
    pub fn load(place: &Path) -> Result<Results, ResultsError> {
        /// All that may be read of a document whose version isn't known yet.
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }

        let file = if place.is_file() { place.to_owned() } else { place.join(RESULTS) };
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ResultsError::Missing(place.to_owned()));
            }
            Err(source) => return Err(ResultsError::Io { doing: "read", file, source }),
        };
        let parsed = serde_json::from_str(&text).and_then(|Versioned { format }| match format {
            FORMAT => serde_json::from_str(&text).map(Ok),
            found => Ok(Err(found)),
        });
        match parsed {
            Ok(Ok(results)) => Ok(results),
            Ok(Err(found)) => Err(ResultsError::Format { file, found }),
            Err(error) => {
                let said = error.to_string();
                let place = format!(" at line {} column {}", error.line(), error.column());
                let message = said.strip_suffix(&place).unwrap_or(&said).to_owned();
                Err(ResultsError::Json { file, line: error.line(), message })
            }
        }
    }
}
