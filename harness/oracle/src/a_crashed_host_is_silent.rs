//! A crashed host is silent, and so is one that sleeps.
//!
//! A crash failure is one in which a server puts out nothing more until it restarts (Cristian, "Understanding
//! fault-tolerant distributed systems", 1991, on the classes of failures). Between the world's `crash` and `restart`
//! of a host nothing is sent from it, and nothing arrives at it; likewise between `sleep` and `wake`: a computer with
//! a closed lid has no network. What it had sent before may still arrive elsewhere.
//!
//! Judged are silences: each crash and each sleep is one.

use busyhour_trace::{Event, HostId, Log, PacketSeen, SimTime, Source, Stage};

use crate::witness::{Judgement, Wants, Witness};

/// The witness of this rule; see the [module](self).
///
/// ```
/// use busyhour_oracle::{ACrashedHostIsSilent, Witness};
/// use busyhour_trace::{Event, Log, PacketId, PacketSeen, SimTime, Source, Stage};
///
/// let mut log = Log::default();
/// let crm = log.name_host("crm");
/// let mut witness = ACrashedHostIsSilent::default();
/// witness.event(&Event::new(SimTime::ZERO, Source::World, "crash").on(crm), &log);
/// witness.packet(&PacketSeen {
///     at: SimTime(1), id: PacketId(0), stage: Stage::Sent, from: Some(crm), to: None, bytes: &[],
/// });
/// assert_eq!(witness.judgement().violations[0].what, "packet #0 left crm, which is down since 0.000000s");
/// ```
#[derive(Debug, Default)]
pub struct ACrashedHostIsSilent {
    judgement: Judgement,
    /// By the host's number.
    hosts: Vec<Host>,
}

/// Why a host is silent, if it is. One may crash in its sleep.
#[derive(Debug, Clone, Default)]
struct Host {
    name: String,
    crashed: Option<SimTime>,
    asleep: Option<SimTime>,
}

impl ACrashedHostIsSilent {
    fn see(&mut self, seen: &PacketSeen<'_>) {
        let (host, did) = match seen.stage {
            Stage::Sent => (seen.from, "left"),
            Stage::Arrived => (seen.to, "arrived at"),
            Stage::Copied { .. } | Stage::Lost(_) => return,
        };
        let Some(host) = self.host(host) else { return };
        let (state, since) = match (host.crashed, host.asleep) {
            (Some(since), _) => ("down", since),
            (None, Some(since)) => ("asleep", since),
            (None, None) => return,
        };
        let what = format!("packet {} {did} {}, which is {state} since {since}", seen.id, host.name);
        self.judgement.violate(seen.at, what, [seen.id]);
    }

    fn host(&self, host: Option<HostId>) -> Option<&Host> {
        self.hosts.get(usize::from(host?.0))
    }
}

impl Witness for ACrashedHostIsSilent {
    fn name(&self) -> &'static str {
        "a_crashed_host_is_silent"
    }

    fn rule(&self) -> &'static str {
        "between its crash and its restart a host sends nothing and nothing arrives at it, and likewise in its sleep \
         (Cristian 1991: crash failures)"
    }

    fn packet(&mut self, seen: &PacketSeen<'_>) -> Wants {
        self.see(seen);
        Wants::Next
    }

    fn event(&mut self, event: &Event, log: &Log) {
        let changes = matches!(&*event.kind, "crash" | "restart" | "sleep" | "wake");
        if event.source != Source::World || !changes {
            return;
        }
        let Some(id) = event.host else {
            let what = format!("the world's `{}` names no host", event.kind);
            self.judgement.violate(event.at, what, []);
            return;
        };
        let place = usize::from(id.0);
        if self.hosts.len() <= place {
            self.hosts.resize_with(place + 1, Host::default);
        }
        let host = &mut self.hosts[place];
        host.name = log.host_name(id).to_owned();
        let (silence, begins) = match &*event.kind {
            "crash" => (&mut host.crashed, true),
            "restart" => (&mut host.crashed, false),
            "sleep" => (&mut host.asleep, true),
            _ => (&mut host.asleep, false),
        };
        match (begins, *silence) {
            (true, None) => {
                *silence = Some(event.at);
                self.judgement.judged += 1;
            }
            (false, _) => *silence = None,
            // Down is down.
            (true, Some(_)) => {}
        }
        // A host that lost power in its sleep doesn't sleep any more when it's back.
        if event.kind == "restart" {
            host.asleep = None;
        }
    }

    fn finish(&mut self, _at: SimTime) {}

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
