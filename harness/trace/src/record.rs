//! The run record: the folder that a scenario's run leaves behind, from which everything shown later is made.
//!
//! `RECORD.md` beside this crate's manifest documents the format for readers in other languages. A record holds
//! nothing of the machine or the moment that it was written on: two runs of one seed leave the same bytes.
//!
//! ```
//! use busyhour_trace::record::{Record, RecordWriter, Seeds, Verdict};
//! use busyhour_trace::{Digest, Event, Log, SimTime, Source};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("busyhour-doc-{}", std::process::id())).join("run");
//! let mut log = Log::default();
//! let crm = log.name_host("crm");
//! log.push(Event::new(SimTime(2_000_000_000), Source::World, "crash").on(crm));
//!
//! let writer = RecordWriter::create(&folder)?;
//! let mut record = Record::new("features/crm.feature", "The CRM goes down", Seeds { run: 0, scenario: 7 });
//! record.verdict = Verdict::Passed;
//! record.hash = Digest(42);
//! writer.finish(record, &log)?;
//!
//! let record = Record::load(&folder)?;
//! assert_eq!(record.scenario, "The CRM goes down");
//! assert_eq!(record.log(&folder)?, log);
//! # std::fs::remove_dir_all(folder.parent().unwrap())?;
//! # Ok(())
//! # }
//! ```

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Field, Log, Source};
use crate::hash::Digest;
use crate::keys::MediaKeys;
use crate::pcapng::PcapngWriter;
use crate::tap::{PacketId, Stage};
use crate::time::SimTime;

/// The format's version. It's raised when a reader of the version before would misunderstand a record; a new field
/// that it may ignore doesn't raise it.
pub const FORMAT: u32 = 2;

/// The record itself.
pub const RECORD: &str = "record.json";
/// The event log, one JSON object a line.
pub const EVENTS: &str = "events.ndjson";
/// The event log, for people.
pub const EVENTS_TEXT: &str = "events.txt";
/// The wire's capture.
pub const WIRE: &str = "wire.pcapng";
/// What was encrypted on the wire, in the clear.
pub const DECRYPTED: &str = "wire-decrypted.pcapng";
/// The key log file that opens the DTLS connections in the wire's capture.
pub const KEY_LOG: &str = "wire.keys";

/// What is known of one run of one scenario. Times are nanoseconds since the universe's birth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format's version: [`FORMAT`] when this build wrote it.
    pub format: u32,
    /// What wrote it.
    pub product: Product,
    /// The feature file's path, as it was given; with `/` between its parts on every system.
    pub feature: String,
    /// The scenario's name.
    pub scenario: String,
    /// The line on which the scenario stands in the feature file.
    pub line: u32,
    /// The row of the outline's examples that was run: column and cell.
    #[serde(default)]
    pub example: Vec<Named>,
    /// The tags, without `@`: the feature's, the rule's, the scenario's.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The seeds.
    pub seed: Seeds,
    /// Everything that was derived from the seed or left to a default, as `name value`.
    #[serde(default)]
    pub parameters: Vec<Named>,
    /// The profiles in force: the floor's, the links'.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it ended so, if it didn't just pass: sentences.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The run's hash.
    pub hash: Digest,
    /// How long the universe lived.
    pub simulated: SimTime,
    /// What became of its packets.
    pub packets: PacketCounts,
    /// The hosts' names, by their number in a capture's comments and in the log.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The steps, in the order in which they stand.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The faults, in the order in which they were installed.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What each witness judged.
    #[serde(default)]
    pub oracles: Vec<Oracle>,
    /// The keys of encrypted media, as they were claimed.
    #[serde(default)]
    pub keys: Vec<MediaKeys>,
    /// A command that runs this again.
    pub replay: String,
    /// The other files of the folder, sorted.
    #[serde(default)]
    pub files: Vec<String>,
}

/// Which build wrote a record. Runs are compared between runs of one build only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// `busyhour`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its build: whatever tells two builds of one version apart, a commit say.
    pub build: String,
    /// The commit that it was built from, or `unknown`; empty in records that were written before it was kept.
    #[serde(default)]
    pub commit: String,
}

/// A name and a value, in a list whose order is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The value, as text.
    pub value: String,
}

impl Named {
    /// A name and a value.
    pub fn new(name: impl Into<String>, value: impl ToString) -> Named {
        Named { name: name.into(), value: value.to_string() }
    }
}

/// The run's seed, and the scenario's own that was derived from it. They're written as text: 64 bits don't survive
/// in a JSON reader that holds numbers as doubles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// What `--seed` said.
    #[serde(with = "as_text")]
    pub run: u64,
    /// The scenario's own.
    #[serde(with = "as_text")]
    pub scenario: u64,
}

/// Seeds as text, for `#[serde(with = "as_text")]`: numbers of 64 bits are more than many a reader of JSON takes.
pub mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes one.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    /// Reads one.
    ///
    /// # Errors
    /// It's no text, or none of such a number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom(format!("a seed is a number below 2^64, not {text:?}")))
    }
}

/// How a scenario ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was to hold held.
    Passed,
    /// Something didn't, or the scenario proved nothing.
    Failed,
    /// It would have passed, but chance spared everything that a random fault was to strike.
    NotExercised,
}

/// What became of a run's packets.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Put on the wire by a host, a NAT box or the network itself.
    pub sent: u64,
    /// Copied by the network.
    pub copied: u64,
    /// Arrived.
    pub arrived: u64,
    /// Lost.
    pub lost: u64,
}

impl PacketCounts {
    /// On their way now.
    pub fn in_flight(&self) -> u64 {
        self.sent + self.copied - self.arrived - self.lost
    }

    /// Counts a sighting.
    pub fn count(&mut self, stage: Stage) {
        *match stage {
            Stage::Sent => &mut self.sent,
            Stage::Copied { .. } => &mut self.copied,
            Stage::Arrived => &mut self.arrived,
            Stage::Lost(_) => &mut self.lost,
        } += 1;
    }
}

/// A step of the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `Given`, `When`, `Then`, `And`, `But` or `*`, as written.
    pub keyword: String,
    /// The rest of its line.
    pub text: String,
    /// The file that it stands in.
    pub file: String,
    /// The line.
    pub line: u32,
    /// How it ended.
    pub status: StepStatus,
    /// When it began; nothing if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<SimTime>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<SimTime>,
    /// What is to be said of it: why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How deep it lies within a step that's made of others and stands before it; a step of a feature file lies at 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u64,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// It did what it says.
    Passed,
    /// It didn't.
    Failed,
    /// A step before it failed.
    Skipped,
    /// It's no phrase of the language, or stands where it may not.
    Invalid,
}

/// A fault, and what it met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number.
    pub id: u32,
    /// What it does, in words.
    pub what: String,
    /// What it owes.
    pub kind: FaultKind,
    /// When it was installed.
    pub installed_at: SimTime,
    /// How much came its way.
    pub seen: u64,
    /// How much of that it struck.
    pub hits: u64,
    /// What became of it.
    pub outcome: FaultOutcome,
}

/// What a fault owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It's aimed at something: it must hit.
    Aimed,
    /// It strikes by chance: it must see traffic.
    Random,
    /// It strikes everything that comes its way, a latency say: it must see traffic.
    Always,
}

/// What became of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultOutcome {
    /// It hit at least once.
    Hit,
    /// Nothing came its way.
    MetNothing,
    /// There was traffic, and chance spared all of it.
    Spared,
}

/// What a witness says at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracle {
    /// Its name, as `@breaks:NAME` says it.
    pub name: String,
    /// The rule that it watches over, with its citation.
    pub rule: String,
    /// How much it judged.
    pub judged: u64,
    /// Where the rule was broken.
    #[serde(default)]
    pub violations: Vec<Violation>,
    /// How many violations more there were than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// What it didn't judge.
    #[serde(default)]
    pub exemptions: Vec<Exemption>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A rule was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When.
    pub at: SimTime,
    /// What happened, in a sentence.
    pub what: String,
    /// The packets that prove it.
    #[serde(default)]
    pub packets: Vec<PacketId>,
}

/// A witness looked away, and says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemption {
    /// Why.
    pub why: String,
    /// How often.
    pub count: u64,
}

/// Why a record can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file system refused.
    #[error("{doing} {}: {source}", file.display())]
    Io {
        /// What was being done to the file.
        doing: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file isn't there.
    #[error("{}: no such file; a run record has one", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The folder is something else: it's left alone.
    #[error("{}: in the way, and no run record: it has no {RECORD}", folder.display())]
    InTheWay {
        /// The folder.
        folder: PathBuf,
    },
    /// The record is of another version.
    #[error("{}: this record has format {found}, this build reads {FORMAT}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// The version that it has.
        found: u32,
    },
    /// A file isn't what it should be.
    #[error("{}, line {line}, column {column}: {message}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
        /// What's wrong.
        message: String,
    },
    /// An event is of a host that the record doesn't name.
    #[error("{}, line {line}: no host is called {host:?}", file.display())]
    UnknownHost {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The host.
        host: String,
    },
    /// A further file's name isn't a plain one, or is taken.
    #[error("{name:?} can't be a file of a record: {why}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        why: &'static str,
    },
}

/// Does `doing` to `file`.
fn attempt<T>(doing: &'static str, file: &Path, result: io::Result<T>) -> Result<T, RecordError> {
    result.map_err(|source| RecordError::Io { doing, file: file.to_owned(), source })
}

impl Record {
    /// The record of a run of which only this much is known: failed, until somebody says otherwise.
    pub fn new(feature: impl Into<String>, scenario: impl Into<String>, seed: Seeds) -> Record {
        Record {
            format: FORMAT,
            product: Product {
                name: "busyhour".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                build: String::new(),
                commit: String::new(),
            },
            feature: feature.into(),
            scenario: scenario.into(),
            line: 0,
            example: Vec::new(),
            tags: Vec::new(),
            seed,
            parameters: Vec::new(),
            profiles: Vec::new(),
            verdict: Verdict::Failed,
            reasons: Vec::new(),
            hash: Digest(0),
            simulated: SimTime::ZERO,
            packets: PacketCounts::default(),
            hosts: Vec::new(),
            steps: Vec::new(),
            faults: Vec::new(),
            oracles: Vec::new(),
            keys: Vec::new(),
            replay: String::new(),
            files: Vec::new(),
        }
    }

    /// Reads the record in `folder`, and sees that the files which it lists are there.
    pub fn load(folder: &Path) -> Result<Record, RecordError> {
        /// All that may be read of a record whose version isn't known yet.
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }

        let file = folder.join(RECORD);
        let text = read(&file)?;
        let Versioned { format } = parse(&file, 1, &text)?;
        if format != FORMAT {
            return Err(RecordError::Format { file, found: format });
        }
        let record: Record = parse(&file, 1, &text)?;
        for name in &record.files {
            let listed = folder.join(name);
            if !listed.is_file() {
                return Err(RecordError::Missing { file: listed });
            }
        }
        Ok(record)
    }

    /// Reads the event log of the record in `folder`.
    pub fn log(&self, folder: &Path) -> Result<Log, RecordError> {
        let file = folder.join(EVENTS);
        let mut log = Log::default();
        for host in &self.hosts {
            log.name_host(host);
        }
        for (number, text) in (1..).zip(read(&file)?.lines()) {
            let line: EventLine = parse(&file, number, text)?;
            let host = match line.host {
                None => None,
                Some(name) => Some(log.host_called(&name).ok_or_else(|| RecordError::UnknownHost {
                    file: file.clone(),
                    line: number,
                    host: name,
                })?),
            };
            if log.events().last().is_some_and(|last| last.at > line.at) {
                let message = "this event is older than the one before it".to_owned();
                return Err(RecordError::Json { file, line: number, column: 1, message });
            }
            log.push(Event { at: line.at, source: line.source, host, kind: line.kind.into(), fields: line.fields });
        }
        Ok(log)
    }
}

/// An event as a line of the file has it: with its host's name, for whoever reads it without us.
#[derive(Serialize, Deserialize)]
struct EventLine {
    at: SimTime,
    source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    kind: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "crate::event::as_object")]
    fields: Vec<Field>,
}

fn read(file: &Path) -> Result<String, RecordError> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RecordError::Missing { file: file.to_owned() }),
        result => attempt("reading", file, result),
    }
}

/// Parses `text`, which begins on line `first` of `file`.
fn parse<T: DeserializeOwned>(file: &Path, first: usize, text: &str) -> Result<T, RecordError> {
    serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = said.strip_suffix(&place).unwrap_or(&said).to_owned();
        RecordError::Json {
            file: file.to_owned(),
            line: first + error.line().saturating_sub(1),
            column: error.column(),
            message,
        }
    })
}

/// Writes a record's folder: all of it, or nothing.
///
/// Files go into `<folder>.part`, which takes the folder's place at the end. A run that is broken off leaves at most
/// the part, which the next one sweeps away, as does a writer that is dropped.
#[derive(Debug)]
pub struct RecordWriter {
    folder: PathBuf,
    part: PathBuf,
    files: Vec<String>,
    finished: bool,
}

impl RecordWriter {
    /// Begins a record that will be at `folder`. A record that is there already stays until this one is finished;
    /// anything else that is there is an error.
    pub fn create(folder: &Path) -> Result<RecordWriter, RecordError> {
        if folder.exists() && !folder.join(RECORD).is_file() {
            return Err(RecordError::InTheWay { folder: folder.to_owned() });
        }
        let part = beside(folder, ".part");
        sweep(&part)?;
        attempt("making", &part, fs::create_dir_all(&part))?;
        Ok(RecordWriter { folder: folder.to_owned(), part, files: Vec::new(), finished: false })
    }

    /// Begins the wire's capture. Finish it before the record.
    pub fn capture(&mut self, epoch_ns: u64, comment: &str) -> Result<PcapngWriter<BufWriter<File>>, RecordError> {
        self.capture_called(WIRE, epoch_ns, comment)
    }

    /// Begins another capture. Finish it before the record.
    pub fn capture_called(
        &mut self,
        name: &str,
        epoch_ns: u64,
        comment: &str,
    ) -> Result<PcapngWriter<BufWriter<File>>, RecordError> {
        let file = self.file(name)?;
        attempt("writing", &self.part.join(name), PcapngWriter::new(file, epoch_ns, comment))
    }

    /// Opens a file of the record that was written to its end, to make another one of it.
    pub fn written(&self, name: &str) -> Result<BufReader<File>, RecordError> {
        let path = self.part.join(name);
        Ok(BufReader::new(attempt("reading", &path, File::open(&path))?))
    }

    /// Begins one more file of the record: a diagram, a screen. Drop or flush it before the record is finished.
    pub fn file(&mut self, name: &str) -> Result<BufWriter<File>, RecordError> {
        let refuse = |why| Err(RecordError::Name { name: name.to_owned(), why });
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
            return refuse("it must be a plain name");
        }
        if [RECORD, EVENTS, EVENTS_TEXT].contains(&name) || self.files.iter().any(|taken| taken == name) {
            return refuse("the record has that file already");
        }
        let path = self.part.join(name);
        let file = attempt("making", &path, File::create_new(&path))?;
        self.files.push(name.to_owned());
        Ok(BufWriter::new(file))
    }

    /// Writes the record and the log, and puts the folder in its place. `format`, `hosts`, `keys`
    /// and `files` are filled in.
    pub fn finish(mut self, mut record: Record, log: &Log) -> Result<Record, RecordError> {
        let mut events = self.file_of_ours(EVENTS)?;
        for event in log.events() {
            let line = EventLine {
                at: event.at,
                source: event.source,
                host: event.host.map(|host| log.host_name(host).to_owned()),
                kind: event.kind.clone().into_owned(),
                fields: event.fields.clone(),
            };
            let line = serde_json::to_string(&line).expect("an event has no value that JSON can't hold");
            attempt("writing", &self.part.join(EVENTS), writeln!(events, "{line}"))?;
        }
        attempt("writing", &self.part.join(EVENTS), events.flush())?;
        let text = self.part.join(EVENTS_TEXT);
        attempt("writing", &text, fs::write(&text, log.to_text()))?;
        self.files.push(EVENTS_TEXT.to_owned());

        record.format = FORMAT;
        record.hosts = log.hosts().to_vec();
        record.keys = MediaKeys::all(log);
        record.files = std::mem::take(&mut self.files);
        record.files.sort_unstable();
        let mut json = serde_json::to_string_pretty(&record).expect("a record has no value that JSON can't hold");
        json.push('\n');
        let file = self.part.join(RECORD);
        attempt("writing", &file, fs::write(&file, json))?;

        // A folder can't be renamed onto one that has files: the old record steps aside first.
        let old = beside(&self.folder, ".old");
        sweep(&old)?;
        if self.folder.exists() {
            attempt("moving", &self.folder, fs::rename(&self.folder, &old))?;
        }
        attempt("moving", &self.part, fs::rename(&self.part, &self.folder))?;
        self.finished = true;
        sweep(&old)?;
        Ok(record)
    }

    fn file_of_ours(&mut self, name: &str) -> Result<BufWriter<File>, RecordError> {
        let path = self.part.join(name);
        let file = attempt("making", &path, File::create_new(&path))?;
        self.files.push(name.to_owned());
        Ok(BufWriter::new(file))
    }
}

impl Drop for RecordWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing can be done about a failure here; the next run sweeps again.
            let _ = fs::remove_dir_all(&self.part);
        }
    }
}

/// `folder` with `suffix` at its name's end.
fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn sweep(folder: &Path) -> Result<(), RecordError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => attempt("removing", folder, result),
    }
}
