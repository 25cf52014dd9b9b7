//! No event is lost at rest.
//!
//! What was saved at the source is at the receiver in the end: when the network has healed and the sender's schedule has run
//! out (Standard Webhooks 1.0.0, "at least once"; domain Part 6), unless its contract says that it gives up. "Saved" is
//! the answer `ok` to `updateDISPO`; "at the receiver" is a request that tells of it and is answered with a 2xx, or one
//! behind which the receiver has claimed an effect that its disk confirms.
//!
//! Who is to be told of what stands in the log (`hook`: see [`crate::floor`]). Judged at the end of a run is, for each
//! disposition that was saved and each hook that it concerns (`disposition.saved`, `sale.closed` for a sale,
//! `callback.scheduled` where one was): was it told?
//!
//! Broken is the rule if nobody even tried within a minute: so VICIdial loses a disposition whose tab is closed before it
//! comes back to have the URL called (the quirk `two-step-urls`); and if it was tried less often than the contract
//! promises for the answer that it got, and no retry is due any more.
//!
//! Not judged: what the contract has given up, or may try again; an endpoint that it has disabled; a run that ends with
//! a cut, or with sender or receiver down.

use std::collections::VecDeque;
use std::time::Duration;

use busyhour_trace::{Event, HostId, Log, PacketId, SimTime, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::disks::Disks;
use crate::floor::Hook;
use crate::read::telling::Told;
use crate::surroundings::Surroundings;
use crate::web::{Knock, Screen, Web};
use crate::witness::{Judgement, Witness};

/// Within that it's tried for the first time.
const FIRST_TRY: Duration = Duration::from_secs(60);

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoEventLostAtRest {
    judgement: Judgement,
    disks: Disks,
    owed: Vec<Owed>,
    /// By call, and by lead where a call isn't told.
    of_call: FxHashMap<String, Vec<usize>>,
    of_lead: FxHashMap<String, Vec<usize>>,
    sessions: FxHashMap<String, Session>,
    /// Connections that were wanted, and over which nothing has come yet: by who wants them, of whom.
    knocks: FxHashMap<(HostId, HostId), VecDeque<SimTime>>,
    /// Connections over which something has come: the server's host and the client's address.
    heard: FxHashSet<(HostId, std::net::SocketAddrV4)>,
    /// When a server last failed, by what it answered.
    failed: FxHashMap<HostId, SimTime>,
}

#[derive(Debug, Default)]
struct Session {
    campaign: String,
    call: String,
    lead: String,
}

/// Something that somebody is to be told.
#[derive(Debug)]
struct Owed {
    hook: Hook,
    receiver: Option<HostId>,
    call: String,
    lead: String,
    status: String,
    at: SimTime,
    packet: PacketId,
    /// Requests that have reached the receiver.
    arrived: u64,
    /// Of those, the ones that were answered, and with what; none with a 2xx.
    refused: u64,
    last: Option<(SimTime, u16)>,
    is_there: bool,
}

impl Owed {
    /// True if the request tells of it.
    fn is_told(&self, server: HostId, told: &Told) -> bool {
        let is_kind = told.kind.as_ref().is_none_or(|kind| *kind == self.hook.event);
        let is_receiver = self.hook.fallback || self.receiver.is_none_or(|receiver| receiver == server);
        let is_call = match &told.call_id {
            Some(call) => *call == self.call,
            None => told.lead_id.as_ref() == Some(&self.lead),
        };
        is_kind && is_receiver && is_call && told.status.as_ref().is_none_or(|status| *status == self.status)
    }
}

impl NoEventLostAtRest {
    fn told(&mut self, web: &Web<'_>, change: impl Fn(&mut Owed)) {
        let Some(told) = web.told else { return };
        let places = match (&told.call_id, &told.lead_id) {
            (Some(call), _) => self.of_call.get(call),
            (None, Some(lead)) => self.of_lead.get(lead),
            _ => None,
        };
        for place in places.into_iter().flatten() {
            let owed = &mut self.owed[*place];
            let is_genuine = web.client.is_none_or(|client| client == owed.hook.host);
            if is_genuine && owed.is_told(web.server, told) {
                change(owed);
            }
        }
    }

    fn saved(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let Some(session) = self.sessions.get(screen.session) else { return };
        let named = screen.form.get("call_id").filter(|call| !call.is_empty());
        let call = named.unwrap_or(&session.call).to_owned();
        let lead = screen.form.get("lead_id").filter(|lead| !lead.is_empty()).unwrap_or(&session.lead).to_owned();
        if call.is_empty() || self.of_call.contains_key(&call) {
            return;
        }
        let status = screen.form.get("dispo_choice").unwrap_or_default();
        let has_callback = screen.form.get("callback_at").is_some();
        let campaign = session.campaign.clone();
        for hook in around.floor().hooks() {
            let is_meant = match &*hook.event {
                "disposition.saved" => true,
                "sale.closed" => around.floor().is_sale(status),
                "callback.scheduled" => has_callback,
                _ => false,
            };
            let is_campaign = hook.campaign.is_empty() || hook.campaign == campaign;
            if !is_meant || !is_campaign || hook.host != screen.host || hook.trigger == "no-agent" {
                continue;
            }
            self.of_call.entry(call.clone()).or_default().push(self.owed.len());
            self.of_lead.entry(lead.clone()).or_default().push(self.owed.len());
            self.owed.push(Owed {
                receiver: around.host_called(hook.receiver()),
                hook: hook.clone(),
                call: call.clone(),
                lead: lead.clone(),
                // A callback's lead may be told under another status.
                status: status.to_owned(),
                at: screen.at,
                packet: screen.packet,
                arrived: 0,
                refused: 0,
                last: None,
                is_there: false,
            });
        }
    }

    /// Why it isn't a loss, if it isn't.
    fn excuse(&self, owed: &Owed, at: SimTime, around: &Surroundings) -> Option<&'static str> {
        let Owed { hook, receiver, .. } = owed;
        let is_up = |host: HostId| around.is_up(host);
        if around.is_cut() || !is_up(hook.host) || receiver.is_some_and(|receiver| !is_up(receiver)) {
            return Some("the run ends with a cut, or with one of the two down");
        }
        let age = at.since(owed.at);
        let spent = age > hook.spent_after;
        if hook.disables && receiver.is_some_and(|receiver| self.failed.contains_key(&receiver)) && spent {
            return Some("the endpoint may be disabled");
        }
        let may_retry = |spent: bool| if spent { "the contract has given up" } else { "the schedule isn't spent" };
        if let Some((last, status)) = owed.last {
            let promised = hook.tries(status);
            return if owed.arrived >= promised {
                Some("the contract has given up")
            } else if at.since(last) <= hook.spent_after || owed.arrived > owed.refused {
                Some(may_retry(spent))
            } else if status == 410 && hook.disables {
                Some("the endpoint may be disabled")
            } else {
                None
            };
        }
        let vain = receiver.and_then(|receiver| self.knocks.get(&(hook.host, receiver)));
        let knocked = vain.is_some_and(|knocks| knocks.iter().any(|knock| *knock >= owed.at));
        if owed.arrived > 0 || knocked {
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

    fn asked(&mut self, web: &Web<'_>, _around: &Surroundings) {
        if web.is_for_floor() {
            return;
        }
        if let Some(client) = web.client
            && self.heard.insert((web.server, web.there))
            && let Some(knocks) = self.knocks.get_mut(&(client, web.server))
        {
            // One of those that were wanted has become this connection, retransmitted SYNs included.
            knocks.pop_back();
        }
        self.told(web, |owed| owed.arrived += 1);
    }

    fn answered(&mut self, web: &Web<'_>, _around: &Surroundings) {
        let Some(response) = web.response.filter(|_| !web.is_for_floor()) else { return };
        if web.is_taken() {
            self.told(web, |owed| owed.is_there = true);
        } else {
            self.failed.insert(web.server, web.at);
            self.told(web, |owed| {
                owed.refused += 1;
                owed.last = Some((web.at, response.status));
            });
        }
    }

    fn screen(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let shown = screen.shown;
        if screen.action == "login" && shown.is_ok {
            let campaign = screen.form.get("campaign").unwrap_or_default().to_owned();
            self.sessions.entry(screen.session.to_owned()).or_default().campaign = campaign;
        }
        if screen.action == "updateDISPO" && shown.is_ok {
            self.saved(screen, around);
        }
        if shown.call_id.is_empty() || screen.is_overtaken {
            return;
        }
        let session = match self.sessions.get_mut(screen.session) {
            Some(session) => session,
            None => self.sessions.entry(screen.session.to_owned()).or_default(),
        };
        if session.call != shown.call_id {
            session.call.clone_from(&shown.call_id);
            session.lead = shown.lead_id.to_string();
        }
    }

    fn event(&mut self, event: &Event, _log: &Log) {
        self.disks.event(event);
        // The answer may have been lost, and the sender needn't try again: the work was done.
        let (Source::Claim, "effect", Some(host)) = (event.source, &*event.kind, event.host) else { return };
        if !self.disks.confirm(host, event) {
            return;
        }
        let lead = event.text("lead_id").unwrap_or_default();
        for place in self.of_lead.get(lead).into_iter().flatten() {
            let owed = &mut self.owed[*place];
            if owed.arrived > 0 && owed.receiver == Some(host) {
                owed.is_there = true;
            }
        }
    }

    fn ending(&mut self, at: SimTime, around: &Surroundings) {
        for owed in &self.owed {
            if owed.is_there {
                self.judgement.judged += 1;
                continue;
            }
            if let Some(excuse) = self.excuse(owed, at, around) {
                self.judgement.exempt(excuse);
                continue;
            }
            self.judgement.judged += 1;
            let Owed { hook, call, status, .. } = owed;
            let tried = match owed.arrived {
                0 => "was never sent".to_owned(),
                tries => format!("was tried {tries} times, and never again"),
            };
            let what =
                format!("{status} of {call} was saved at {}, and {} to {} {tried}", owed.at, hook.event, hook.url);
            self.judgement.violate(at, what, [owed.packet]);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
