//! The page's data: short keys, whole microseconds, each text once.

use std::path::Path;

use busyhour_trace::record::EVENTS;
use busyhour_trace::{HostId, SimTime};
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::Gathered;
use super::entry::{Entry, Kind, Step};
use crate::chart::svg::state_class;
use crate::chart::{Arrow, Band, Chart, Fate, Protocol};
use crate::report::time_shown;

/// The run: its scenarios, and why some of their charts aren't in the page.
pub(super) fn run(gathered: &Gathered, charts: &[Result<String, String>], home: &Path) -> String {
    let both = gathered.entries.iter().zip(charts);
    let scenarios: Vec<Value> = both.map(|(entry, chart)| scenario(entry, chart, home)).collect();
    let [passed, not_exercised, failed, different] = gathered.counts;
    let known = (gathered.seeds.first().copied().unwrap_or(0), gathered.seeds.len() as u64);
    let (first_seed, seeds) = gathered.seeds_of_whole.unwrap_or(known);
    script(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "passed": passed,
        "notExercised": not_exercised,
        "failed": failed,
        "different": different,
        "neverHit": gathered.never_hit,
        "unlisted": gathered.unlisted,
        "seeds": seeds,
        "firstSeed": first_seed.to_string(),
        "simulated": time_shown(gathered.simulated),
        "cpu": gathered.cpu.map(|cpu| cpu.as_secs_f64()),
        "packets": gathered.packets,
        "judged": gathered.judged,
        "faults": gathered.faults,
        "scenarios": scenarios,
    }))
}

fn scenario(entry: &Entry, chart: &Result<String, String>, home: &Path) -> Value {
    let link = entry.folder.as_deref().map(|folder| link(folder, home));
    // The same, whoever tells of the record; the events are there for people too, in `events.txt`.
    let mut files: Vec<&String> = entry.files.iter().filter(|file| *file != EVENTS).collect();
    files.sort();
    json!({
        "feature": entry.feature,
        "title": entry.title,
        "line": entry.line,
        "tags": entry.tags,
        "seed": entry.seed.to_string(),
        "runs": entry.runs,
        "kind": match entry.kind {
            Kind::Passed => "passed",
            Kind::NotExercised => "not-exercised",
            Kind::Failed => "failed",
            Kind::Nondeterministic => "nondeterministic",
            Kind::Bug => "bug",
        },
        "reasons": entry.reasons,
        "steps": entry.steps.iter().map(step).collect::<Vec<_>>(),
        "simulated": time_shown(entry.simulated),
        "cpu": entry.cpu.map(|cpu| cpu.as_secs_f64()),
        "packets": entry.packets,
        "judged": entry.judged,
        "faults": [entry.faults.0, entry.faults.1],
        "replay": entry.replay,
        "folder": link,
        "files": files,
        "missing": chart.as_ref().err(),
    })
}

/// The way from the page to a folder, if that lies below it; else where the folder is.
fn link(folder: &Path, home: &Path) -> String {
    let way = folder.strip_prefix(home).unwrap_or(folder);
    let way = if way.as_os_str().is_empty() { Path::new(".") } else { way };
    way.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/").replace("//", "/")
}

fn step(step: &Step) -> Value {
    json!([step.keyword, step.text, step.status, step.begin.map(micros), step.end.map(micros), step.message])
}

fn micros(at: SimTime) -> u64 {
    at.0 / 1_000
}

/// Texts, each once.
#[derive(Default)]
struct Texts {
    places: FxHashMap<String, usize>,
    list: Vec<String>,
}

impl Texts {
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.list.len();
        self.places.insert(text.to_owned(), place);
        self.list.push(text.to_owned());
        place
    }
}

/// A chart. What each list holds is said in `page.js`, where it's read.
pub(super) fn chart(chart: &Chart) -> String {
    let mut texts = Texts::default();
    texts.place("");
    let lane = |host: Option<HostId>| chart.lane(host).map_or(-1, |lane| lane as i64);
    let arrows: Vec<Value> = chart.arrows.iter().map(|one| arrow(one, chart, &mut texts)).collect();
    let bands: Vec<Value> = chart.bands.iter().map(|one| band(one, chart)).collect();
    let states: Vec<Value> = chart
        .states
        .iter()
        .map(|one| {
            json!([lane(one.host), micros(one.begin), micros(one.end), one.agent, one.status, state_class(&one.status)])
        })
        .collect();
    let doings: Vec<Value> = chart
        .doings
        .iter()
        .map(|one| {
            let lanes: Vec<i64> = one.hosts.iter().map(|host| lane(Some(*host))).collect();
            json!([micros(one.begin), one.end.map(micros), lanes, one.what, one.outcome, one.manner as u8])
        })
        .collect();
    let violations: Vec<Value> = chart
        .record
        .oracles
        .iter()
        .flat_map(|oracle| {
            oracle.violations.iter().map(|one| {
                let packets: Vec<u64> = one.packets.iter().map(|packet| packet.0).collect();
                json!([micros(one.at), oracle.name, one.what, oracle.rule, packets])
            })
        })
        .collect();
    script(&json!({
        "end": micros(chart.record.simulated),
        "parties": chart.parties.iter().map(|party| chart.name(*party)).collect::<Vec<_>>(),
        "protocols": Protocol::ALL.map(Protocol::name),
        "arrows": arrows,
        "bands": bands,
        "states": states,
        "doings": doings,
        "violations": violations,
        "leftOut": chart.left_out,
        "texts": texts.list,
    }))
}

fn arrow(arrow: &Arrow, chart: &Chart, texts: &mut Texts) -> Value {
    let protocol = Protocol::ALL.iter().position(|one| *one == arrow.protocol).unwrap_or(0);
    let lane = |host| chart.lane(host).map_or(-1, |lane| lane as i64);
    let ended = match arrow.fate {
        Fate::Arrived(at) => micros(at) as i64,
        _ => -1,
    };
    let told = arrow.told().join(" · ");
    let flags = u8::from(arrow.lost().is_some()) | u8::from(arrow.repeated) << 1 | u8::from(arrow.copied) << 2;
    json!([
        protocol,
        lane(arrow.from),
        lane(arrow.to),
        micros(arrow.sent),
        ended,
        texts.place(&arrow.label),
        texts.place(&told),
        texts.place(&arrow.text),
        flags,
        arrow.reply_to,
        arrow.packet.0
    ])
}

fn band(band: &Band, chart: &Chart) -> Value {
    let lane = |host| chart.lane(Some(host)).map_or(-1, |lane| lane as i64);
    let windows: Vec<Value> = band
        .windows
        .iter()
        .map(|one| {
            json!([micros(one.begin), one.width.as_micros() as u64, one.arrived, one.lost, hundredths(one.mos())])
        })
        .collect();
    let why = band.why.map(|why| why.words());
    json!([
        lane(band.from),
        lane(band.to),
        micros(band.begin),
        micros(band.end),
        band.arrived,
        band.lost,
        why,
        hundredths(band.mos()),
        windows
    ])
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// JSON that may stand in a page's script: nothing in it ends the script.
fn script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}
