//! Forged or replayed requests have no effect.
//!
//! A receiver believes who can sign, and believes it once, and not for ever (domain Part 6: "verify raw body", "reject
//! stale timestamps"; flipper#1022: replayed without end; Standard Webhooks 1.0.0, "verifying webhook authenticity").
//!
//! Who sends in earnest is known: a floor, and hosts of which the log has a `hook` (see [`crate::floor`]). Everybody else
//! who posts an event to a receiver is a stranger. What's an effect, and what one is of, see
//! [`effects_exactly_once`](crate::effects_exactly_once).
//!
//! Judged are effects of what was delivered, and deliveries by strangers. Broken is the rule by an effect of what only
//! strangers have told; and, where strangers have told it too, by more effects than the true sender has told. Not
//! judged: effects whose key no webhook has told; receivers whose senders nobody knows.

use busyhour_trace::{Event, HostId, Log, PacketId, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::disks::Disks;
use crate::read::telling::Told;
use crate::surroundings::Surroundings;
use crate::web::Web;
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoForgedEffect {
    judgement: Judgement,
    disks: Disks,
    /// How often something was told to a receiver, by the keys that effects of it may have.
    told: FxHashMap<(HostId, String), Deliveries>,
    effects: FxHashMap<(HostId, String, String), u64>,
    /// Claims that were heard, by the file and the number in it.
    numbers: FxHashSet<(HostId, String, i64)>,
    has_senders: bool,
}

#[derive(Debug, Default)]
struct Deliveries {
    genuine: u64,
    /// By strangers, and the last one's packet.
    strange: u64,
    packet: Option<PacketId>,
}

/// The keys that effects of it may have.
fn keys(told: &Told) -> impl Iterator<Item = String> + use<> {
    let with_status = match (&told.call_id, &told.status) {
        (Some(call), Some(status)) => Some(format!("{call}/{status}")),
        _ => None,
    };
    let mut keys: Vec<String> = [told.id.clone(), told.call_id.clone(), with_status].into_iter().flatten().collect();
    keys.dedup();
    keys.into_iter()
}

impl Witness for NoForgedEffect {
    fn name(&self) -> &'static str {
        "no_forged_effect"
    }

    fn rule(&self) -> &'static str {
        "what a stranger posts to a receiver has no effect, forged or replayed (Standard Webhooks 1.0.0, verification and \
         tolerance)"
    }

    fn asked(&mut self, web: &Web<'_>, around: &Surroundings) {
        let Some(told) = web.told else { return };
        self.has_senders = around.floor().has_senders();
        if !self.has_senders {
            return;
        }
        let is_genuine = web.client.is_some_and(|client| around.floor().is_sender(client));
        if !is_genuine {
            self.judgement.judged += 1;
        }
        for key in keys(told) {
            let deliveries = self.told.entry((web.server, key)).or_default();
            if is_genuine {
                deliveries.genuine += 1;
            } else {
                deliveries.strange += 1;
                deliveries.packet = Some(web.packet);
            }
        }
    }

    fn event(&mut self, event: &Event, log: &Log) {
        self.disks.event(event);
        let (Source::Claim, "effect", Some(host)) = (event.source, &*event.kind, event.host) else { return };
        let text = |name: &str| event.text(name).unwrap_or_default().to_owned();
        let (what, key) = (text("what"), text("key"));
        let number = event.number("number").unwrap_or(-1);
        if !self.numbers.insert((host, text("path"), number)) && number >= 0 {
            return;
        }
        if !self.disks.confirm(host, event) {
            self.judgement.exempt("no disk confirms the claim");
            return;
        }
        if !self.has_senders {
            self.judgement.exempt("nobody knows who sends in earnest");
            return;
        }
        let Some(deliveries) = self.told.get(&(host, key.clone())) else {
            self.judgement.exempt("no webhook has told it");
            return;
        };
        self.judgement.judged += 1;
        let effects = self.effects.entry((host, what.clone(), key.clone())).or_default();
        *effects += 1;
        if deliveries.strange > 0 && *effects > deliveries.genuine {
            let (name, kind) = (log.host_name(host), if deliveries.genuine == 0 { "forged" } else { "replayed" });
            let what = format!("{name} has done {what} {key} for a {kind} request");
            self.judgement.violate(event.at, what, deliveries.packet.into_iter().collect::<Vec<_>>());
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
