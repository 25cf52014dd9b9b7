//! What the world did: spans that it began and ended, and what happened in a moment.

use std::collections::BTreeMap;

use busyhour_trace::record::Record;
use busyhour_trace::{Event, HostId, Log, SimTime, Source};

use crate::diagram::rows::{Way, ways_in_words, world};

/// Something that the world did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doing {
    /// When it began.
    pub begin: SimTime,
    /// When it ended; nothing if it's a moment.
    pub end: Option<SimTime>,
    /// To whom; nobody if it's to all.
    pub hosts: Vec<HostId>,
    /// What, in words.
    pub what: String,
    /// What became of it, in words; empty if there's nothing to say.
    pub outcome: String,
}

/// A span that has begun.
struct Open {
    place: usize,
    ends_with: &'static str,
    host: Option<HostId>,
    cut: Option<i64>,
}

/// All that the world did in this run, which ended at `end`.
pub(super) fn doings(record: &Record, log: &Log, end: SimTime) -> Vec<Doing> {
    let mut doings: Vec<Doing> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut outcomes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for fault in &record.faults {
        outcomes.entry(&fault.what).or_default().push(format!("hit {} of {}", fault.hits, fault.seen));
    }
    let mut events = log.events().iter().peekable();
    while let Some(event) = events.next() {
        if !matches!((event.source, &*event.kind), (Source::World, _) | (Source::Step, "tab")) {
            continue;
        }
        if let Some(at) = open.iter().position(|open| open.ended_by(event)) {
            let place = open.swap_remove(at).place;
            doings[place].end = Some(event.at);
            continue;
        }
        let mut doing =
            Doing { begin: event.at, end: None, hosts: Vec::new(), what: String::new(), outcome: String::new() };
        let place = doings.len();
        match &*event.kind {
            "cut" => {
                // One cut of several ways is as many events.
                let mut ways: Vec<Way> = Way::of(event, log).into_iter().collect();
                while let Some(next) = events.next_if(|next| next.at == event.at && next.kind == event.kind) {
                    ways.extend(Way::of(next, log).filter(|way| !ways.contains(way)));
                }
                if ways.is_empty() {
                    continue;
                }
                doing.hosts = ways.iter().flat_map(|way| way.hosts.clone()).collect();
                doing.hosts.sort_unstable();
                doing.hosts.dedup();
                doing.what = ways_in_words(&ways, "is cut");
                open.push(Open { place, ends_with: "heal", host: None, cut: event.number("cut") });
            }
            // One cut of several ways has several ends.
            "heal" => continue,
            "tab" => match tab(event, log) {
                Some((host, what)) => (doing.hosts, doing.what) = (host.into_iter().collect(), what),
                None => continue,
            },
            kind => {
                let Some(what) = world(event, log) else { continue };
                doing.what = what;
                doing.hosts = event.host.into_iter().collect();
                match kind {
                    "crash" => open.push(Open { place, ends_with: "restart", host: event.host, cut: None }),
                    "sleep" => open.push(Open { place, ends_with: "wake", host: event.host, cut: None }),
                    _ => {}
                }
            }
        }
        if let Some(told) = outcomes.get_mut(doing.what.as_str()).filter(|told| !told.is_empty()) {
            doing.outcome = told.remove(0);
        }
        doings.push(doing);
    }
    // What was never lifted goes on to the end.
    for open in open {
        doings[open.place].end = Some(end);
    }
    doings
}

impl Open {
    fn ended_by(&self, event: &Event) -> bool {
        event.kind == self.ends_with && event.host == self.host && event.number("cut") == self.cut
    }
}

/// What became of a tab, and on whose machine. The step tells it as a person would; of pages that load nobody needs to know.
fn tab(event: &Event, log: &Log) -> Option<(Option<HostId>, String)> {
    let (agent, what) = (event.text("agent")?, event.text("what").filter(|what| *what != "opened")?);
    let tab = match event.number("tab") {
        Some(1) | None => "tab".to_owned(),
        Some(number) => format!("tab {number}"),
    };
    let host = log.host_called(&format!("{agent}-pc")).or_else(|| log.host_called(agent));
    Some((host, format!("{agent}'s {tab}: {what}")))
}
