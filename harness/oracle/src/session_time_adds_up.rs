//! A session's time adds up.
//!
//! Every second of an agent's session is in one part of its record: pausing, waiting, talking, with a dead line, or saying
//! what became of a call (domain Part 2, `vicidial_agent_log`: pause_sec, wait_sec, talk_sec, dead_sec, dispo_sec).
//!
//! The record is the floor's claim (`agent-log`, one for each stretch that is over), and is confronted: a stretch's parts
//! add up to its length; the next one begins when it ends; all of them are as long as the session was on the wire, from
//! the login's answer to the logout's, and the talking as long as the screen has shown it.
//!
//! Judged are stretches, and sessions that were logged out. Not judged: floors whose clock was set wrong; of the talking,
//! screens that didn't ask for three seconds (who sleeps doesn't know).

use std::time::Duration;

use busyhour_trace::{Event, HostId, Log, SimTime, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::surroundings::Surroundings;
use crate::web::Screen;
use crate::witness::{Judgement, Witness};

/// What a poll each second doesn't see of a change, and a message on its way.
const TOLERANCE: i64 = 1_500;
/// A screen that doesn't ask for so long isn't there.
const SILENT: Duration = Duration::from_secs(3);

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct SessionTimeAddsUp {
    judgement: Judgement,
    records: FxHashMap<String, Record>,
    screens: FxHashMap<String, Shown>,
    skewed: FxHashSet<HostId>,
}

/// What is claimed of a session, in milliseconds.
#[derive(Debug, Default)]
struct Record {
    ended: Option<i64>,
    total: i64,
    talking: i64,
    stretches: FxHashSet<i64>,
}

/// What its screen has shown.
#[derive(Debug)]
struct Shown {
    since: SimTime,
    last: SimTime,
    is_talking: bool,
    talking: Duration,
    changes: i64,
    is_sure: bool,
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Witness for SessionTimeAddsUp {
    fn name(&self) -> &'static str {
        "session_time_adds_up"
    }

    fn rule(&self) -> &'static str {
        "an agent's session is as long as the pauses, waits, talks and wrap-ups of its record (VICIdial, \
         vicidial_agent_log)"
    }

    fn event(&mut self, event: &Event, _log: &Log) {
        let Some(host) = event.host else { return };
        if event.source == Source::World && event.kind == "clock-skew" {
            self.skewed.insert(host);
        }
        if event.source != Source::Claim || event.kind != "agent-log" {
            return;
        }
        let number = |name: &str| event.number(name).unwrap_or(0);
        let agent = event.text("agent").unwrap_or_default();
        let record = self.records.entry(event.text("session").unwrap_or_default().to_owned()).or_default();
        if !record.stretches.insert(number("id")) {
            return;
        }
        if self.skewed.contains(&host) {
            self.judgement.exempt("the floor's clock was set wrong");
            return;
        }
        self.judgement.judged += 1;
        let (began, ended, talking) = (number("began"), number("ended"), number("talking"));
        let parts = number("paused") + number("waiting") + talking + number("dead") + number("wrapping");
        if parts != ended - began {
            let what = format!("{agent}'s record has {parts} ms in a stretch of {} ms", ended - began);
            self.judgement.violate(event.at, what, []);
        }
        if let Some(before) = record.ended.filter(|before| *before != began) {
            let what = format!("{agent}'s record misses {} ms between two stretches", began - before);
            self.judgement.violate(event.at, what, []);
        }
        record.ended = Some(ended);
        record.total += parts;
        record.talking += talking;
    }

    fn screen(&mut self, screen: &Screen<'_>, _around: &Surroundings) {
        let (at, shown) = (screen.at, screen.shown);
        if screen.is_overtaken || screen.user.is_empty() {
            return;
        }
        if screen.action == "login" && shown.is_ok {
            let shown =
                Shown { since: at, last: at, is_talking: false, talking: Duration::ZERO, changes: 0, is_sure: true };
            self.screens.insert(screen.session.to_owned(), shown);
            return;
        }
        let Some(seen) = self.screens.get_mut(screen.session) else { return };
        let gap = at.since(seen.last);
        seen.last = at;
        seen.is_sure &= gap <= SILENT;
        if seen.is_talking {
            seen.talking += gap;
        }
        let is_talking = shown.status == "INCALL" && shown.sub_status.is_empty();
        if is_talking != seen.is_talking {
            seen.changes += 1;
        }
        seen.is_talking = is_talking;
        if screen.action != "userLOGout" || !shown.is_ok || shown.session != "disabled" {
            if shown.session == "disabled" {
                self.screens.remove(screen.session);
            }
            return;
        }
        let Some(seen) = self.screens.remove(screen.session) else { return };
        let Some(record) = self.records.get(screen.session) else {
            self.judgement.exempt("nobody has claimed a record of the session");
            return;
        };
        if self.skewed.contains(&screen.host) {
            self.judgement.exempt("the floor's clock was set wrong");
            return;
        }
        self.judgement.judged += 1;
        let (agent, total) = (screen.user, millis(at.since(seen.since)));
        if (record.total - total).abs() > TOLERANCE {
            let what = format!("{agent}'s session took {total} ms, and its record has {} ms", record.total);
            self.judgement.violate(at, what, [screen.packet]);
        }
        let talking = millis(seen.talking);
        if !seen.is_sure {
            self.judgement.exempt("her screen was silent for a while");
        } else if (record.talking - talking).abs() > TOLERANCE * (seen.changes + 1) {
            let what = format!("{agent} talked for {talking} ms, and her record has {} ms", record.talking);
            self.judgement.violate(at, what, [screen.packet]);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
