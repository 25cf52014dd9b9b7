//! No agent in two calls.
//!
//! An agent has one room and one call in it (domain Part 2: routing takes agents whose `lead_id` is none): before she is
//! given another one, the customer of the former is gone or given away (FreeSWITCH#2540, asterisk#176: who isn't, talks
//! to a room that has forgotten him).
//!
//! Judged are the calls that screens show. Broken is the rule if two seconds after an agent's screen has shown another
//! call, the floor's SIP call with the customer of the one before is still up. Not judged: customers whom she has
//! transferred, or has tried to.

use std::time::Duration;

use busyhour_trace::{HostId, PacketId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::Dues;
use crate::surroundings::Surroundings;
use crate::web::{Screen, Web};
use crate::witness::{Judgement, Witness};

/// What a floor's BYE may need on its way out.
const GRACE: Duration = Duration::from_secs(2);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct NoAgentInTwoCalls {
    judgement: Judgement,
    /// What each agent's screen has shown last.
    calls: FxHashMap<String, Call>,
    /// Calls whose customers were to be given away.
    given_away: FxHashSet<String>,
    suspects: Dues<Suspect>,
}

#[derive(Debug, Clone)]
struct Call {
    id: String,
    number: String,
    session: String,
}

#[derive(Debug)]
struct Suspect {
    user: String,
    before: Call,
    now: String,
    host: HostId,
    leg: u64,
    packets: [PacketId; 2],
}

impl Default for NoAgentInTwoCalls {
    fn default() -> Self {
        NoAgentInTwoCalls {
            judgement: Judgement::default(),
            calls: FxHashMap::default(),
            given_away: FxHashSet::default(),
            suspects: Dues::after(GRACE),
        }
    }
}

impl Witness for NoAgentInTwoCalls {
    fn name(&self) -> &'static str {
        "no_agent_in_two_calls"
    }

    fn rule(&self) -> &'static str {
        "before an agent is given another call, the customer of her last one is gone or given away (VICIdial, \
         agi-VDAD_ALL_outbound.agi: only agents without a lead are taken)"
    }

    fn asked(&mut self, web: &Web<'_>, _around: &Surroundings) {
        if let Some(order) = web.order.filter(|order| order.get("ACTION") == Some("transfer")) {
            let session = order.get("session_name").unwrap_or_default();
            let call = self.calls.values().find(|call| call.session == session);
            self.given_away.extend(call.map(|call| call.id.clone()));
        }
    }

    fn screen(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let shown = screen.shown;
        if screen.user.is_empty() || shown.call_id.is_empty() || screen.is_overtaken {
            return;
        }
        if let Some(known) = self.calls.get_mut(screen.user)
            && known.id == shown.call_id
        {
            if known.session != screen.session {
                screen.session.clone_into(&mut known.session);
            }
            return;
        }
        self.judgement.judged += 1;
        let call = Call {
            id: shown.call_id.clone(),
            number: shown.phone_number.trim_start_matches('+').to_owned(),
            session: screen.session.to_owned(),
        };
        let Some(before) = self.calls.insert(screen.user.to_owned(), call) else { return };
        if self.given_away.contains(&before.id) {
            self.judgement.exempt("the customer was transferred");
            return;
        }
        if before.number == shown.phone_number.trim_start_matches('+') {
            return;
        }
        for leg in around.floor().live(&before.number, screen.at).filter(|leg| leg.host == screen.host) {
            let suspect = Suspect {
                user: screen.user.to_owned(),
                before: before.clone(),
                now: shown.call_id.clone(),
                host: leg.host,
                leg: leg.call,
                packets: [leg.packet, screen.packet],
            };
            self.suspects.push(screen.at, suspect);
        }
    }

    fn due(&mut self, now: busyhour_trace::SimTime, around: &Surroundings) {
        while let Some((at, suspect)) = self.suspects.pop(now) {
            if around.floor().leg(suspect.host, suspect.leg).is_some() {
                let Suspect { user, before, now, packets, .. } = suspect;
                let what =
                    format!("{user} has {now}, and the customer {} of {} is still there", before.number, before.id);
                self.judgement.violate(at, what, packets);
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
