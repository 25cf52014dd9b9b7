//! No lead in two calls.
//!
//! A lead is called when it isn't in a call: the hopper gives it out once (domain Part 2, "Dialer": READY to QUEUE), however
//! many dialers run (juspay/clairvoyance#668: 51 calls in place of 3; FreePBX#525). On the wire: while a floor's SIP call
//! to a number is up or under way, it sends no other INVITE there. And on the screens: no two agents have the same lead
//! on the line.
//!
//! Judged are the calls that floors place, and the leads that screens show with a customer. Not judged: numbers that
//! several leads have, as far as answers on the wire have told (the quirk `retried-add-lead` makes such); a customer who
//! calls while he is called; a screen that isn't heard of any more.

use busyhour_trace::{PacketId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::floor::{Leg, LegChange};
use crate::surroundings::Surroundings;
use crate::web::{NON_AGENT_API, Screen, Web};
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoLeadInTwoCalls {
    judgement: Judgement,
    /// The leads with a number.
    leads: FxHashMap<String, FxHashSet<u64>>,
    /// Who has a lead on the line, by her screen's session.
    holders: FxHashMap<u64, FxHashMap<String, String>>,
    /// What each session has on the line.
    held: FxHashMap<String, u64>,
    /// Two sessions that have shown one lead: it's to be seen whether the first one has it still.
    suspects: FxHashMap<String, Suspect>,
}

#[derive(Debug)]
struct Suspect {
    lead: u64,
    other: String,
    since: u64,
    packet: PacketId,
}

impl NoLeadInTwoCalls {
    fn release(&mut self, session: &str) {
        self.suspects.remove(session);
        if let Some(lead) = self.held.remove(session)
            && let Some(holders) = self.holders.get_mut(&lead)
        {
            holders.remove(session);
            if holders.is_empty() {
                self.holders.remove(&lead);
            }
        }
    }
}

impl Witness for NoLeadInTwoCalls {
    fn name(&self) -> &'static str {
        "no_lead_in_two_calls"
    }

    fn rule(&self) -> &'static str {
        "a lead is in one call at a time (VICIdial, AST_VDauto_dial.pl: the hopper gives a lead out once)"
    }

    fn leg(&mut self, at: SimTime, leg: &Leg, change: LegChange, around: &Surroundings) {
        if change != LegChange::Placed {
            return;
        }
        self.judgement.judged += 1;
        let live = around.floor().live(&leg.number, at);
        let Some(other) = live.into_iter().find(|other| other.host == leg.host && other.call != leg.call) else {
            return;
        };
        if other.is_inbound {
            self.judgement.exempt("he was calling himself");
        } else if self.leads.get(&leg.number).is_some_and(|leads| leads.len() > 1) {
            self.judgement.exempt("several leads have this number");
        } else {
            let what = format!("{} is called, and is in a call since {}", leg.number, other.since);
            self.judgement.violate(at, what, [other.packet, leg.packet]);
        }
    }

    fn answered(&mut self, web: &Web<'_>, _around: &Surroundings) {
        let Some(response) = web.response.filter(|_| web.path == NON_AGENT_API) else { return };
        // phone|user|list|lead|zone
        let text = String::from_utf8_lossy(&response.message.body);
        let added = text.lines().filter_map(|line| line.strip_prefix("SUCCESS: add_lead LEAD HAS BEEN ADDED - "));
        for line in added {
            let mut parts = line.split('|');
            if let (Some(phone), Some(Ok(lead))) = (parts.next(), parts.nth(2).map(str::parse)) {
                self.leads.entry(phone.to_owned()).or_default().insert(lead);
            }
        }
    }

    fn screen(&mut self, screen: &Screen<'_>, _around: &Surroundings) {
        let shown = screen.shown;
        if screen.is_overtaken {
            return;
        }
        let (session, lead) = (screen.session, shown.lead_id);
        if lead == 0 || !shown.has_customer() || screen.user.is_empty() {
            if !self.held.is_empty() {
                self.release(session);
            }
            return;
        }
        if self.held.get(session) == Some(&lead) {
            let Some(suspect) = self.suspects.get(session) else { return };
            let is_both = self.held.get(&suspect.other) == Some(&lead);
            // What the other has been given was taken from this one meanwhile, if all is well.
            if suspect.lead == lead && is_both && suspect.since < screen.number {
                let other = self.holders.get(&lead).and_then(|holders| holders.get(&suspect.other));
                let what =
                    format!("{} and {} both have lead {lead} on the line", screen.user, other.map_or("", |name| name));
                self.judgement.violate(screen.at, what, [suspect.packet, screen.packet]);
            }
            self.suspects.remove(session);
            return;
        }
        self.release(session);
        self.judgement.judged += 1;
        self.leads.entry(shown.phone_number.trim_start_matches('+').to_owned()).or_default().insert(lead);
        self.held.insert(session.to_owned(), lead);
        let holders = self.holders.entry(lead).or_default();
        for (other, user) in holders.iter() {
            // The same agent's older session is told by another witness.
            if user != screen.user {
                let suspect = Suspect { lead, other: session.to_owned(), since: screen.number, packet: screen.packet };
                self.suspects.insert(other.clone(), suspect);
            }
        }
        holders.insert(session.to_owned(), screen.user.to_owned());
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
