//! Calls placed are accounted for.
//!
//! Of each call that a floor places something becomes: it's refused, or ended, or an agent gets the customer; nobody is
//! left who has answered and is with no one ("lost", "stuck in various tables": AVA-AI-Voice-Agent#405; zombies:
//! FreeSWITCH#2529, #2530). A customer who has answered and gets no agent is dropped after the campaign's drop seconds
//! (domain Part 2: 5), and what rings isn't rung for ever (dial timeout, 60).
//!
//! Judged are the calls that floors place to numbers. Broken is the rule by a call of which nothing has become four minutes
//! after it was placed, and by a customer who has been there for a minute while no screen has shown him.
//!
//! Not judged: calls of a floor that was down meanwhile; customers who may have gone to an agent whose screen has fallen
//! silent, within the five seconds in which a floor still believes in it; numbers to which a customer was transferred, or
//! to which callers go who have waited too long; campaigns that let customers wait for longer than half a minute.

use std::time::Duration;

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::Dues;
use crate::floor::{Leg, LegChange};
use crate::surroundings::Surroundings;
use crate::web::{Screen, Web};
use crate::witness::{Judgement, Witness};

/// By then an unanswered call has come to something.
const RUNG_OUT: Duration = Duration::from_secs(240);
/// By then a customer who has answered is with somebody, or gone.
const LIMBO: Duration = Duration::from_secs(60);
/// A campaign that lets customers wait so long isn't judged.
const PATIENT: Duration = Duration::from_secs(30);
/// A screen that is there asks once a second.
const SILENT: Duration = Duration::from_secs(2);

type Key = (HostId, u64);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct CallsPlacedAreAccountedFor {
    judgement: Judgement,
    calls: FxHashMap<Key, Call>,
    unanswered: Dues<Key>,
    answered: Dues<Key>,
    /// Numbers that agents have given customers to.
    takers: FxHashSet<String>,
    /// When each agent's session was last heard of, and whether it waited for calls then.
    screens: FxHashMap<String, (SimTime, bool)>,
}

#[derive(Debug)]
struct Call {
    number: String,
    since: SimTime,
    packet: PacketId,
    /// A screen has shown him.
    has_agent: bool,
    is_answered: bool,
}

impl Default for CallsPlacedAreAccountedFor {
    fn default() -> Self {
        CallsPlacedAreAccountedFor {
            judgement: Judgement::default(),
            calls: FxHashMap::default(),
            unanswered: Dues::after(RUNG_OUT),
            answered: Dues::after(LIMBO),
            takers: FxHashSet::default(),
            screens: FxHashMap::default(),
        }
    }
}

impl CallsPlacedAreAccountedFor {
    fn in_limbo(&mut self, answered: SimTime, key: Key, around: &Surroundings) {
        let Some(call) = self.calls.get(&key).filter(|call| !call.has_agent) else { return };
        let floor = around.floor();
        let ghost = |(seen, waited): &(SimTime, bool)| *waited && *seen + SILENT < answered + LIMBO;
        if around.disturbed(key.0, call.since) {
            self.judgement.exempt("the floor was down meanwhile");
        } else if self.takers.contains(&call.number) || floor.is_overflow(&call.number) {
            self.judgement.exempt("a customer was given to this number");
        } else if floor.campaigns().iter().any(|campaign| campaign.drop_after > PATIENT) {
            self.judgement.exempt("the campaign lets customers wait");
        } else if self.screens.values().any(ghost) {
            self.judgement.exempt("an agent who has vanished may have got him");
        } else {
            let what = format!("{} has answered at {answered}, and is with nobody since", call.number);
            self.judgement.violate(answered + LIMBO, what, [call.packet]);
        }
    }
}

impl Witness for CallsPlacedAreAccountedFor {
    fn name(&self) -> &'static str {
        "calls_placed_are_accounted_for"
    }

    fn rule(&self) -> &'static str {
        "of each call that is placed something becomes, and who answers gets an agent or is dropped (VICIdial, \
         dial_timeout and drop_call_seconds)"
    }

    fn leg(&mut self, at: SimTime, leg: &Leg, change: LegChange, _around: &Surroundings) {
        let key = (leg.host, leg.call);
        match change {
            LegChange::Placed => {
                let call = Call {
                    number: leg.number.clone(),
                    since: at,
                    packet: leg.packet,
                    has_agent: false,
                    is_answered: false,
                };
                self.calls.insert(key, call);
                self.unanswered.push(at, key);
            }
            LegChange::Answered => {
                if let Some(call) = self.calls.get_mut(&key) {
                    call.is_answered = true;
                    self.answered.push(at, key);
                }
            }
            change if change.is_end() && self.calls.remove(&key).is_some() => self.judgement.judged += 1,
            _ => {}
        }
    }

    fn asked(&mut self, web: &Web<'_>, _around: &Surroundings) {
        self.takers.extend(web.transfers_to());
    }

    fn screen(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let shown = screen.shown;
        if shown.session == "disabled" {
            self.screens.remove(screen.session);
            return;
        }
        let waits = matches!(&*shown.status, "READY" | "CLOSER");
        match self.screens.get_mut(screen.session) {
            Some(known) => *known = (screen.at, waits),
            None => drop(self.screens.insert(screen.session.to_owned(), (screen.at, waits))),
        }
        if shown.phone_number.is_empty() {
            return;
        }
        for leg in around.floor().live(shown.phone_number.trim_start_matches('+'), screen.at) {
            if let Some(call) = self.calls.get_mut(&(leg.host, leg.call)) {
                call.has_agent = true;
            }
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((answered, key)) = self.answered.pop(now) {
            // `pop` tells when it was due.
            self.in_limbo(SimTime(answered.0 - LIMBO.as_nanos() as u64), key, around);
        }
        while let Some((at, key)) = self.unanswered.pop(now) {
            let Some(call) = self.calls.get(&key).filter(|call| !call.is_answered) else { continue };
            if around.disturbed(key.0, call.since) || around.network_disturbed(call.since) {
                self.judgement.exempt("the floor was down meanwhile, or its network");
            } else if around.floor().leg(key.0, key.1).is_some_and(|leg| leg.is_heard_of()) {
                let what = format!("{} is called since {}, and nothing has become of it", call.number, call.since);
                self.judgement.violate(at, what, [call.packet]);
            }
            self.calls.remove(&key);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
