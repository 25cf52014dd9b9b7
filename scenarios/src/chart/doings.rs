//! What the world did: spans that it began and ended, and what happened in a moment.

use busyhour_trace::record::{Fault, Record};
use busyhour_trace::{Event, HostId, Log, SimTime, Source};

use crate::diagram::rows::{Way, ways_in_words, world};
use crate::report::time_shown;

/// How something holds while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Nothing goes on: a cut, a crash, a lid that's closed.
    Outage,
    /// All goes on, worse than usual: packets are lost or late, a disk is full, a clock is wrong.
    Condition,
    /// Nothing is felt of it until it strikes, and nothing behind that.
    Aim,
}

/// Something that the world did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doing {
    /// When it began.
    pub begin: SimTime,
    /// When it ended; nothing if it's a moment.
    pub end: Option<SimTime>,
    /// How it holds in between.
    pub manner: Manner,
    /// To whom; nobody if it's to all.
    pub hosts: Vec<HostId>,
    /// What, in words.
    pub what: String,
    /// What became of it, in words; empty if there's nothing to say.
    pub outcome: String,
}

impl Doing {
    /// All that is to be said of it, in a run that ended at `end`.
    pub fn told(&self, end: SimTime) -> String {
        let after = |until: SimTime| time_shown(until.since(self.begin));
        let lasts = match (self.end, self.manner) {
            (None, _) => String::new(),
            (Some(until), _) if until == end => " to the end".to_owned(),
            (Some(until), Manner::Aim) => format!(", struck after {}", after(until)),
            (Some(until), _) => format!(" for {}", after(until)),
        };
        let outcome = if self.outcome.is_empty() { String::new() } else { format!(" ({})", self.outcome) };
        format!("{}{lasts}{outcome}", self.what)
    }
}

/// A packet that a fault was aimed at: when it was lost, on its way from whom to whom.
pub(super) type Strike = (SimTime, Option<HostId>, Option<HostId>);

/// A span that has begun.
struct Open {
    place: usize,
    /// Whatever of this kind happens to the host ends it.
    ends_with: &'static str,
    host: Option<HostId>,
    cut: Option<i64>,
}

/// All that the world did in this run, which ended at `end`. Nothing lifts an impairment once it's there: it lasts to the
/// end. A host has one access network, one clock and one size of its disk: the next takes the place of the one before.
pub(super) fn doings(record: &Record, log: &Log, strikes: &[Strike], end: SimTime) -> Vec<Doing> {
    let mut doings: Vec<Doing> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut faults: Vec<&Fault> = record.faults.iter().collect();
    let mut strikes: Vec<&Strike> = strikes.iter().collect();
    let mut events = log.events().iter().peekable();
    while let Some(event) = events.next() {
        if !matches!((event.source, &*event.kind), (Source::World, _) | (Source::Step, "tab")) {
            continue;
        }
        let ended: Vec<Open> = open.extract_if(.., |open| open.ended_by(event)).collect();
        for one in &ended {
            doings[one.place].end = Some(event.at);
        }
        let mut doing = Doing {
            begin: event.at,
            end: None,
            manner: Manner::Outage,
            hosts: event.host.into_iter().collect(),
            what: String::new(),
            outcome: String::new(),
        };
        let place = doings.len();
        let lasts = |ends_with, cut| Open { place, ends_with, host: event.host, cut };
        // The record has a name for it, where it's one of several of a kind.
        let named = |words: &str| {
            let is_it = |fault: &&&Fault| fault.installed_at == event.at && fault.what.contains(words);
            faults.iter().find(is_it).map(|fault| fault.what.clone())
        };
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
                open.push(lasts("heal", event.number("cut")));
            }
            // One cut of several ways has several ends.
            "heal" => continue,
            "restart" | "wake" if !ended.is_empty() => continue,
            "tab" => match tab(event, log) {
                Some((host, what)) => (doing.hosts, doing.what) = (host.into_iter().collect(), what),
                None => continue,
            },
            "crash" | "sleep" => {
                doing.what = world(event, log).unwrap_or_default();
                open.push(lasts(if event.kind == "crash" { "restart" } else { "wake" }, None));
            }
            "impaired" => {
                let Some(what) = event.text("what") else { continue };
                (doing.what, doing.manner) = (what.to_owned(), Manner::Condition);
                doing.hosts = hosts_named(what, log);
                doing.end = Some(end);
            }
            "aimed-fault" => {
                let Some(what) = event.text("what") else { continue };
                (doing.what, doing.manner) = (what.to_owned(), Manner::Aim);
                doing.hosts = hosts_named(what, log);
                let concerns = |(at, from, to): &Strike| {
                    let of = |host: &Option<HostId>| host.is_some_and(|host| doing.hosts.contains(&host));
                    *at >= doing.begin && (doing.hosts.is_empty() || of(from) || of(to))
                };
                let struck = strikes.iter().position(|strike| concerns(strike)).map(|place| strikes.remove(place));
                doing.end = Some(struck.map_or(end, |(at, ..)| *at));
            }
            "access" => {
                let (Some(host), Some(profile)) = (event.host, event.text("profile")) else { continue };
                doing.what = format!("{} is on {profile:?}", log.host_name(host));
                doing.manner = Manner::Condition;
                open.push(lasts("access", None));
            }
            "clock-skew" => {
                doing.what = named("'s clock is ").or(world(event, log)).unwrap_or_default();
                doing.manner = Manner::Condition;
                if event.number("nanos") != Some(0) {
                    open.push(lasts("clock-skew", None));
                }
            }
            "disk-full" => {
                let Some(what) = named("'s disk holds ") else { continue };
                (doing.what, doing.manner) = (what, Manner::Condition);
                open.push(lasts("disk-full", None));
            }
            // Nobody writes down when the last of them failed.
            "disk-error" => match named("'s disk fail") {
                Some(what) => doing.what = what,
                None => continue,
            },
            "nat-reset" => doing.what = named(" forgets its bindings").or(world(event, log)).unwrap_or_default(),
            _ => match world(event, log) {
                Some(what) => doing.what = what,
                None => continue,
            },
        }
        if let Some(told) = faults.iter().position(|fault| fault.what == doing.what) {
            let fault = faults.remove(told);
            doing.outcome = format!("hit {} of {}", fault.hits, fault.seen);
        }
        doings.push(doing);
    }
    // What was never lifted goes on to the end.
    for open in open {
        doings[open.place].end = Some(end);
    }
    doings
}

/// The hosts of which the words of a fault speak; nobody, if they speak of all.
fn hosts_named(what: &str, log: &Log) -> Vec<HostId> {
    // A name in quotes may hold any words.
    let bare: String = what.split('"').step_by(2).collect();
    let words = bare.split(|sign: char| sign.is_whitespace() || sign == ',');
    let mut hosts: Vec<HostId> =
        words.map(|word| word.strip_suffix("'s").unwrap_or(word)).filter_map(|word| log.host_called(word)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

impl Open {
    fn ended_by(&self, event: &Event) -> bool {
        event.kind == self.ends_with
            && event.host == self.host
            && (self.cut.is_none() || event.number("cut") == self.cut)
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
