//! No event is lost at rest.
//!
//! What has happened at the source is at the receiver in the end: when the network has healed and the sender's schedule has
//! run out (Standard Webhooks 1.0.0, "at least once"; domain Part 6), unless its contract says that it gives up. "At the
//! receiver" is a request that tells of it and is answered with a 2xx, or one behind which the receiver has claimed an
//! effect that its disk confirms.
//!
//! Who is to be told of what stands in the log (`hook`: see [`crate::floor`]). That it has happened is seen on the wire:
//!
//! | event | has happened when |
//! |---|---|
//! | `disposition.saved`, `sale.closed`, `callback.scheduled` | `updateDISPO` is answered `ok` |
//! | `call.started` | a screen is shown the call, INCALL, with a customer who is there |
//! | `call.ended` | the customer's SIP call is over: a BYE, a CANCEL, or a refusal; a No Agent Call URL is owed where no screen has shown him |
//! | `lead.added` | the Non-Agent API answers `SUCCESS: add_lead LEAD HAS BEEN ADDED` |
//! | `agent.state_changed` | a screen is shown another status, sub-status or pause code than before |
//!
//! Judged at the end of a run is, for each of those and each hook that it concerns: was it told?
//!
//! Broken is the rule if nobody even tried within a minute: so VICIdial loses a disposition whose tab is closed before it
//! comes back to have the URL called (the quirk `two-step-urls`); and if it was tried less often than the contract
//! promises for the answer that it got, and no retry is due any more.
//!
//! Not judged: what the contract has given up, or may try again; an endpoint that it has disabled; a run that ends with
//! a cut, or with sender or receiver down. Nor what nobody on the wire can see:
//!
//! - of leads, those that a fixture has put there, and those that an unknown caller has become;
//! - of agents, states that come and go between two answers to a screen, those of a screen that is silent, and logouts;
//! - of calls, those that VICIdial's agents dial by hand (they have no Start Call URL); the end of a call that was handed
//!   on to a colleague, whose customer stays; those of a floor that was down meanwhile; callers whom the floor never
//!   answered; calls to a number that somebody was given to; and those that no screen has shown where the floor has several
//!   campaigns (an INVITE doesn't tell which) or an agent's screen has fallen silent (she may have had it).
//!
//! What a webhook doesn't say can't tell it from others: a URL without the event's kind is told apart by its path alone,
//! and one without call, lead or number may be about any.

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{Event, HostId, Log, SimTime, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::disks::Disks;
use crate::floor::{Hook, Leg, LegChange};
use crate::occasions::{Campaigns, Occasion, Occasions, Subject};
use crate::surroundings::Surroundings;
use crate::tellings::Tellings;
use crate::web::{Knock, Screen, Web};
use crate::witness::{Judgement, Witness};

/// Within that it's tried for the first time.
const FIRST_TRY: Duration = Duration::from_secs(60);

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoEventLostAtRest {
    judgement: Judgement,
    disks: Disks,
    occasions: Occasions,
    tellings: Tellings,
    owed: Vec<Owed>,
    /// Connections that were wanted, and over which nothing has come yet: by who wants them, of whom.
    knocks: FxHashMap<(HostId, HostId), VecDeque<SimTime>>,
    /// Connections over which something has come: the server's host and the client's address.
    heard: FxHashSet<(HostId, SocketAddrV4)>,
    /// When a server last failed, by what it answered.
    failed: FxHashMap<HostId, SimTime>,
}

/// Something that somebody is to be told.
#[derive(Debug)]
struct Owed {
    hook: Hook,
    receiver: Option<HostId>,
    occasion: Occasion,
}

/// What became of it.
#[derive(Debug, Default)]
struct Tries {
    /// Requests that have reached the receiver.
    arrived: u64,
    /// Of those, the ones that were answered, and with what; none with a 2xx.
    refused: u64,
    last: Option<(SimTime, u16)>,
    is_there: bool,
}

impl Owed {
    fn tries(&self, tellings: &Tellings, hooks: &[Hook]) -> Tries {
        let Occasion { subject, status, from, .. } = &self.occasion;
        let mut tries = Tries::default();
        let mut first = None;
        for telling in tellings.about(subject, *from) {
            if !telling.is_by(&self.hook, self.receiver, hooks) || !telling.is_about(subject, status.as_deref()) {
                continue;
            }
            tries.is_there |= telling.is_taken();
            tries.arrived += 1;
            first.get_or_insert(telling.at);
            if let Some(answer) = telling.answer {
                tries.refused += 1;
                tries.last = Some(answer);
            }
        }
        // The answer may have been lost, and the sender needn't try again: the work was done.
        if let (Some(first), Some(receiver), Subject::Call { lead, .. }) = (first, self.receiver, subject) {
            tries.is_there |= tellings.has_effect(receiver, lead, first);
        }
        tries
    }
}

impl NoEventLostAtRest {
    /// What has been found is owed to whom it concerns.
    fn owe(&mut self, around: &Surroundings) {
        for occasion in self.occasions.take() {
            let floor = around.floor();
            let is_of = |campaign: &str| match &occasion.campaigns {
                Campaigns::One(name) => name == campaign,
                Campaigns::OfList(list) => {
                    let named = floor.campaigns().iter().find(|known| known.name == campaign);
                    named.is_some_and(|campaign| campaign.lists.contains(list))
                }
            };
            for hook in floor.hooks() {
                let is_meant = hook.event == occasion.event && hook.host == occasion.host;
                let is_set_off = hook.trigger != "no-agent" || occasion.is_without_agent;
                if !is_meant || !is_set_off || !(hook.campaign.is_empty() || is_of(&hook.campaign)) {
                    continue;
                }
                let receiver = around.host_called(hook.receiver());
                self.owed.push(Owed { hook: hook.clone(), receiver, occasion: occasion.clone() });
            }
        }
    }

    /// Why it isn't a loss, if it isn't.
    fn excuse(&self, owed: &Owed, tries: &Tries, at: SimTime, around: &Surroundings) -> Option<&'static str> {
        let Owed { hook, receiver, occasion } = owed;
        let is_up = |host: HostId| around.is_up(host);
        if around.is_cut() || !is_up(hook.host) || receiver.is_some_and(|receiver| !is_up(receiver)) {
            return Some("the run ends with a cut, or with one of the two down");
        }
        let age = at.since(occasion.at);
        let spent = age > hook.spent_after;
        if hook.disables && receiver.is_some_and(|receiver| self.failed.contains_key(&receiver)) && spent {
            return Some("the endpoint may be disabled");
        }
        let may_retry = |spent: bool| if spent { "the contract has given up" } else { "the schedule isn't spent" };
        if let Some((last, status)) = tries.last {
            let promised = hook.tries(status);
            return if tries.arrived >= promised {
                Some("the contract has given up")
            } else if at.since(last) <= hook.spent_after || tries.arrived > tries.refused {
                Some(may_retry(spent))
            } else if status == 410 && hook.disables {
                Some("the endpoint may be disabled")
            } else {
                None
            };
        }
        let vain = receiver.and_then(|receiver| self.knocks.get(&(hook.host, receiver)));
        let knocked = vain.is_some_and(|knocks| knocks.iter().any(|knock| *knock >= occasion.at));
        if tries.arrived > 0 || knocked {
            return Some(may_retry(spent));
        }
        let waits = receiver.is_some_and(|receiver| self.failed.contains_key(&receiver)) && !spent;
        (age <= FIRST_TRY || waits).then_some("the schedule isn't spent")
    }
}

impl Witness for NoEventLostAtRest {
    fn name(&self) -> &'static str {
        "no_event_lost_at_rest"
    }

    fn rule(&self) -> &'static str {
        "what was saved at the source is at the receiver once the schedule has run out, unless the contract gives it up \
         (Standard Webhooks 1.0.0; VICIdial, CALL_URL_FEATURES)"
    }

    fn knock(&mut self, knock: &Knock) {
        if let Some(to) = knock.to {
            let knocks = self.knocks.entry((knock.from, to)).or_default();
            // A connection that's wanted again and again tells no more than once a second.
            if knocks.back().is_none_or(|last| knock.at.since(*last) > Duration::from_secs(1)) || knocks.len() < 64 {
                knocks.push_back(knock.at);
            }
            if knocks.len() > 256 {
                knocks.pop_front();
            }
        }
    }

    fn asked(&mut self, web: &Web<'_>, around: &Surroundings) {
        if web.is_for_floor() {
            self.occasions.asked(web);
            return;
        }
        if let Some(client) = web.client
            && self.heard.insert((web.server, web.there))
            && let Some(knocks) = self.knocks.get_mut(&(client, web.server))
        {
            // One of those that were wanted has become this connection, retransmitted SYNs included.
            knocks.pop_back();
        }
        if let Some(told) = web.told.filter(|_| !around.floor().hooks().is_empty()) {
            self.tellings.asked(web, told);
        }
    }

    fn answered(&mut self, web: &Web<'_>, around: &Surroundings) {
        if web.is_for_floor() {
            self.occasions.answered(web);
            self.owe(around);
            return;
        }
        let Some(response) = web.response else { return };
        self.tellings.answered(web, response.status);
        if !web.is_taken() {
            self.failed.insert(web.server, web.at);
        }
    }

    fn screen(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        self.occasions.screen(screen, around);
        self.owe(around);
    }

    fn leg(&mut self, at: SimTime, leg: &Leg, change: LegChange, _around: &Surroundings) {
        self.occasions.leg(at, leg, change);
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        self.occasions.due(now, around, &mut self.judgement);
        self.owe(around);
    }

    fn event(&mut self, event: &Event, _log: &Log) {
        self.disks.event(event);
        let (Source::Claim, "effect", Some(host)) = (event.source, &*event.kind, event.host) else { return };
        if self.disks.confirm(host, event) {
            self.tellings.effect(host, event.text("lead_id").unwrap_or_default(), event.at);
        }
    }

    fn ending(&mut self, at: SimTime, around: &Surroundings) {
        for owed in &self.owed {
            let tries = owed.tries(&self.tellings, around.floor().hooks());
            if tries.is_there {
                self.judgement.judged += 1;
                continue;
            }
            if let Some(excuse) = self.excuse(owed, &tries, at, around) {
                self.judgement.exempt(excuse);
                continue;
            }
            self.judgement.judged += 1;
            let Owed { hook, occasion, .. } = owed;
            let tried = match tries.arrived {
                0 => "was never sent".to_owned(),
                tries => format!("was tried {tries} times, and never again"),
            };
            let Occasion { what, at: when, packet, .. } = occasion;
            let what = format!("{what} at {when}, and {} to {} {tried}", hook.event, hook.url);
            self.judgement.violate(at, what, [*packet]);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
