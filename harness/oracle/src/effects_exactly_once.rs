//! Effects take place exactly once.
//!
//! Senders deliver at least once: what is repeated must not be done again (domain Part 6: "dedupe by id"; sendgrid#2933,
//! open-saas#688, stellarBank#39: a sale counted twice), and what was acknowledged must be done ("persist then 2xx").
//!
//! An effect is what a receiver claims (`effect`: `what` it is, and the `key` that copies of it have in common: a sale's is
//! its call, a status's the event that set it), and what its disk confirms: the world has synced the file that it names,
//! as far as it says (`disk-sync`). A claim of the same `number` is the same effect, told again after a crash.
//!
//! Judged are effects, by receiver, what and key; and sales that a known sender has told, and that were answered with a
//! 2xx: a minute later, the receiver being up, there's an effect of them. Not judged: claims that no disk confirms; for
//! the latter, receivers whose effects have keys that no webhook has told, and those that ask the floor's API themselves.

use std::time::Duration;

use busyhour_trace::{Event, HostId, Log, PacketId, SimTime, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::disks::Disks;
use crate::dues::Dues;
use crate::read::telling::Told;
use crate::surroundings::Surroundings;
use crate::web::{NON_AGENT_API, Web};
use crate::witness::{Judgement, Witness};

/// Within that the work is done.
const WORK: Duration = Duration::from_secs(60);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct EffectsExactlyOnce {
    judgement: Judgement,
    disks: Disks,
    /// Effects by receiver, what and key.
    effects: FxHashMap<(HostId, String), FxHashMap<String, u64>>,
    /// Claims that were heard, by the file and the number in it.
    numbers: FxHashSet<(HostId, String, i64)>,
    /// What was acknowledged, and its effect isn't there yet.
    acknowledged: Dues<Acknowledged>,
    /// Events that were acknowledged: each counts once.
    known: FxHashSet<(HostId, String)>,
    /// Who asks a floor's API.
    pollers: FxHashSet<HostId>,
}

#[derive(Debug)]
struct Acknowledged {
    receiver: HostId,
    told: Told,
    at: SimTime,
    packet: PacketId,
}

impl Default for EffectsExactlyOnce {
    fn default() -> Self {
        EffectsExactlyOnce {
            judgement: Judgement::default(),
            disks: Disks::default(),
            effects: FxHashMap::default(),
            numbers: FxHashSet::default(),
            acknowledged: Dues::after(WORK),
            known: FxHashSet::default(),
            pollers: FxHashSet::default(),
        }
    }
}

impl EffectsExactlyOnce {
    fn claimed(&mut self, event: &Event, host: HostId, log: &Log) {
        let text = |name: &str| event.text(name).unwrap_or_default().to_owned();
        let (what, key, path) = (text("what"), text("key"), text("path"));
        let number = event.number("number").unwrap_or(-1);
        if !self.numbers.insert((host, path, number)) && number >= 0 {
            return;
        }
        if !self.disks.confirm(host, event) {
            self.judgement.exempt("no disk confirms the claim");
            return;
        }
        self.judgement.judged += 1;
        let count = self.effects.entry((host, what.clone())).or_default().entry(key.clone()).or_default();
        *count += 1;
        if *count > 1 {
            let (name, lead) = (log.host_name(host), text("lead_id"));
            let times = if *count == 2 { "twice".to_owned() } else { format!("{count} times") };
            let what = format!("{name} has done {what} {key} of lead {lead} {times}");
            self.judgement.violate(event.at, what, []);
        }
    }

    /// True if there's a sale of what was told.
    fn has_sale(&self, receiver: HostId, told: &Told) -> bool {
        let sales = self.effects.get(&(receiver, "sale".to_owned()));
        sales.is_some_and(|sales| sales.keys().any(|key| told.is_about(key)))
    }
}

impl Witness for EffectsExactlyOnce {
    fn name(&self) -> &'static str {
        "effects_exactly_once"
    }

    fn rule(&self) -> &'static str {
        "what a webhook tells is done once, however often it's delivered, and what was acknowledged is done (Standard \
         Webhooks 1.0.0, webhook-id as the idempotency key)"
    }

    fn event(&mut self, event: &Event, log: &Log) {
        let Some(host) = event.host else { return };
        self.disks.event(event);
        if (event.source, &*event.kind) == (Source::Claim, "effect") {
            self.claimed(event, host, log);
        }
    }

    fn answered(&mut self, web: &Web<'_>, around: &Surroundings) {
        if web.path == NON_AGENT_API {
            self.pollers.extend(web.client);
        }
        let Some(told) = web.told.filter(|told| web.is_taken() && told.is_disposition()) else { return };
        let is_sale = told.status.as_deref().is_some_and(|status| around.floor().is_sale(status));
        let Some(call) = told.call_id.as_ref().filter(|_| is_sale) else { return };
        let is_genuine = web.client.is_some_and(|client| around.floor().is_sender(client));
        if is_genuine && self.known.insert((web.server, call.clone())) {
            let acknowledged =
                Acknowledged { receiver: web.server, told: told.clone(), at: web.at, packet: web.packet };
            self.acknowledged.push(web.at, acknowledged);
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, acknowledged)) = self.acknowledged.pop(now) {
            let Acknowledged { receiver, told, packet, .. } = &acknowledged;
            if self.has_sale(*receiver, told) {
                self.judgement.judged += 1;
                continue;
            }
            if around.disturbed(*receiver, SimTime(at.0 - WORK.as_nanos() as u64)) {
                // Once it's up again it has a minute.
                self.acknowledged.push(now, acknowledged);
                continue;
            }
            // A receiver whose sales have other names, or that has none.
            let known = self.known.iter().any(|(host, call)| {
                let told = Told { call_id: Some(call.clone()), ..Told::default() };
                host == receiver && self.has_sale(*receiver, &told)
            });
            if !known || self.pollers.contains(receiver) {
                self.judgement.exempt("which effect it should have isn't known");
                continue;
            }
            self.judgement.judged += 1;
            let (name, call) = (around.name(*receiver), told.call_id.as_deref().unwrap_or_default());
            let what =
                format!("{name} has acknowledged the sale of {call} at {}, and never counted it", acknowledged.at);
            self.judgement.violate(at, what, [*packet]);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
