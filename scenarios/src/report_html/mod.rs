//! The HTML report: a run in one page that needs no network.
//!
//! The page has the run's summary and its scenarios; of each scenario it may hold the whole [chart](crate::chart), as
//! JSON that is read when somebody opens it. **The rule**: charts go in until they come to 20 MB together, those of
//! scenarios that failed first, then those that exercised nothing, then the others, each in the order of the run. A chart
//! whose capture is larger than 64 MB stays out (8 MB, if the scenario passed). The page says of each one that is left out how it can be seen all the
//! same.

mod entry;
mod json;
mod whole;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

use busyhour_trace::record::Verdict;

pub use entry::{Entry, Kind};

use crate::chart::{Chart, ChartError};
use crate::records::Found;

/// All charts together take no more than this.
const CHARTS_MAX: usize = 20 << 20;
/// So many scenarios that passed are listed one by one, and so many of each other kind.
const PASSED_MAX: u64 = 2_000;
const OTHERS_MAX: u64 = 1_000;
/// Where less room is left, no further chart is tried.
const ROOM_MIN: usize = 64 << 10;
/// A larger capture isn't drawn...
const CAPTURE_MAX: u64 = 64 << 20;
/// ... and none of this size if the scenario passed.
const CAPTURE_MAX_PASSED: u64 = 8 << 20;

/// The page's name, in the folder of a run.
pub const FILE: &str = "report.html";

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A verdict as people read it.
pub fn verdict_shown(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::NotExercised => "not exercised",
    }
}

/// What a page is made of: scenarios, as they come in.
#[derive(Debug, Default)]
pub struct Gathered {
    entries: Vec<Entry>,
    /// Verdicts: passed, not exercised, failed, not the same a second time.
    counts: [u64; 4],
    /// So many scenarios have a fault that hit nothing with any seed: no run of theirs failed, and they did.
    never_hit: u64,
    seeds: BTreeSet<u64>,
    /// Of a whole that was merged: its first seed, and how many there are.
    seeds_of_whole: Option<(u64, u64)>,
    simulated: Duration,
    cpu: Option<Duration>,
    packets: u64,
    judged: u64,
    faults: usize,
    /// So many are counted, and not listed.
    unlisted: u64,
}

impl Gathered {
    /// Takes a scenario in. Behind the first thousands they're counted only: nobody looks through a list of a million.
    pub fn add(&mut self, entry: Entry) {
        let worse = match entry.kind {
            Kind::Passed => 0,
            Kind::NotExercised => 1,
            Kind::Failed | Kind::Bug => 2,
            Kind::Nondeterministic => 3,
        };
        self.counts[worse] += 1;
        self.seeds.insert(entry.seed);
        self.simulated += entry.simulated;
        self.cpu = entry.cpu.map(|cpu| cpu + self.cpu.unwrap_or_default()).or(self.cpu);
        self.packets += entry.packets;
        self.judged += entry.judged;
        self.faults += entry.faults.0;
        let listed = [PASSED_MAX, OTHERS_MAX][usize::from(worse > 0)];
        if self.counts[worse] > listed {
            self.unlisted += 1;
        } else {
            self.entries.push(entry);
        }
    }

    /// True if nothing came in.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The page; links lead to records from `home`, where it belongs.
    pub fn page(&self, home: &Path) -> String {
        page(self, home)
    }

    /// Writes the page into the folder `home`, whole or not at all, and says where it is.
    ///
    /// # Errors
    /// What the system said, and of which file.
    pub fn write(&self, home: &Path) -> Result<PathBuf, WriteError> {
        let file = home.join(FILE);
        let part = home.join(format!(".{FILE}.{}.part", std::process::id()));
        let written = fs::write(&part, self.page(home)).and_then(|()| fs::rename(&part, &file));
        written.map_err(|source| {
            // What's left of it may be what fills the disk.
            let _ = fs::remove_file(&part);
            WriteError { file: file.clone(), source }
        })?;
        Ok(file)
    }
}

/// The page can't be written.
#[derive(Debug, thiserror::Error)]
#[error("the report can't be written: {}: {source}", file.display())]
pub struct WriteError {
    file: PathBuf,
    source: io::Error,
}

/// A page of these records; links lead to them from `home`, where the page belongs.
pub fn of_records(records: &[&Found], home: &Path) -> String {
    let mut gathered = Gathered::default();
    records.iter().for_each(|found| gathered.add(Entry::of_record(found)));
    gathered.page(home)
}

fn page(gathered: &Gathered, home: &Path) -> String {
    let entries = &gathered.entries;
    let mut charts: Vec<Result<String, String>> = entries.iter().map(|_| Err(full())).collect();
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(entries[*index].kind));
    let mut room = CHARTS_MAX;
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    for some in order.chunks(at_once) {
        if room < ROOM_MIN {
            break;
        }
        let drawn: Vec<Result<String, String>> = thread::scope(|scope| {
            let drawing: Vec<_> = some.iter().map(|index| scope.spawn(|| chart(&entries[*index]))).collect();
            let panicked = |_| Err("it can't be drawn".to_owned());
            drawing.into_iter().map(|chart| chart.join().unwrap_or_else(panicked)).collect()
        });
        for (index, chart) in some.iter().zip(drawn) {
            charts[*index] = match chart {
                Ok(json) if json.len() > room => Err(full()),
                Ok(json) => {
                    room -= json.len();
                    Ok(json)
                }
                Err(why) => Err(why),
            };
        }
    }
    let mut data =
        format!("<script type=\"application/json\" id=\"run\">{}</script>\n", json::run(gathered, &charts, home));
    for (index, chart) in charts.iter().enumerate() {
        if let Ok(chart) = chart {
            data.push_str(&format!("<script type=\"application/json\" id=\"chart-{index}\">{chart}</script>\n"));
        }
    }
    // The data comes last: nothing in it may be taken for a place in the page.
    let page = PAGE.replace("/*style*/", STYLE).replace("/*script*/", SCRIPT);
    let (head, tail) = page.split_once("<!--data-->").expect("the page has a place for its data");
    [head, &data, tail].concat()
}

/// A scenario's chart as JSON, or why it isn't in the page.
fn chart(entry: &Entry) -> Result<String, String> {
    let Some(folder) = &entry.folder else {
        let these = if entry.runs == 1 { "this run" } else { "these runs, which came to the same" };
        return Err(format!("no record was kept of {these}"));
    };
    let capture_max = if entry.kind == Kind::Passed { CAPTURE_MAX_PASSED } else { CAPTURE_MAX };
    match Chart::load_up_to(folder, capture_max) {
        Ok(chart) => Ok(json::chart(&chart)),
        Err(ChartError::TooLarge { bytes, .. }) => {
            Err(format!("its capture of {} MB is too large for this page", bytes >> 20))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn full() -> String {
    format!("the charts in this page come to {} MB already, those of failed scenarios first", CHARTS_MAX >> 20)
}
