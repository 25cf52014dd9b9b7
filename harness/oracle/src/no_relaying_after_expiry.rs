//! No relaying after expiry.
//!
//! An address on a relay is lent for a time, which a refresh prolongs, and zero seconds give it back (RFC 8656 sections
//! 3.2 and 7.2); a permission to send to it lasts for five minutes, and a channel's binding renews it (sections 9 and
//! 12). When the time is over nothing more goes through: neither to a peer nor to the client. A relay that goes down
//! forgets what it has lent.
//!
//! Judged is what a relay passes on, either way, and a second more. What it granted is known from its responses. An
//! allocation that nobody refreshes is over when its time is, so that none can be left by a client that's gone: what
//! might be left of one is what goes through it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use busyhour_trace::SimTime;
use rustc_hash::FxHashMap;

use crate::hearing::{Place, Relaying};
use crate::relays::{Grant, Seat};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// RFC 8656 section 9.
const PERMISSION: Duration = Duration::from_secs(300);
/// What clocks of whole seconds make of a time.
const MARGIN: Duration = Duration::from_secs(1);

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoRelayingAfterExpiry {
    judgement: Judgement,
    /// What a relay has lent, by the address.
    lent: FxHashMap<SocketAddrV4, Lent>,
    /// The address that a client has, by the relay's seat.
    clients: FxHashMap<Seat, SocketAddrV4>,
}

#[derive(Debug)]
struct Lent {
    until: SimTime,
    /// The relay's life.
    life: u32,
    permissions: FxHashMap<Ipv4Addr, SimTime>,
    is_told: bool,
}

impl Witness for NoRelayingAfterExpiry {
    fn name(&self) -> &'static str {
        "no_relaying_after_expiry"
    }

    fn rule(&self) -> &'static str {
        "a relay passes nothing on for an allocation that has expired or was given back, and nothing without a permission \
         (RFC 8656 sections 3.2, 7.2 and 9)"
    }

    fn relay(&mut self, place: &Place, relaying: &Relaying, around: &Surroundings) {
        if !place.is_sent() {
            return;
        }
        let seat = place.seat();
        match relaying {
            Relaying::Granted(grant) => self.grants(place, seat, grant, around),
            Relaying::ToPeer => self.passes_on(place, place.here, place.there, "to", around),
            Relaying::ToClient { peer } => {
                let Some(relayed) = self.clients.get(&seat).copied() else { return };
                self.passes_on(place, relayed, *peer, "from", around);
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl NoRelayingAfterExpiry {
    fn grants(&mut self, place: &Place, seat: Seat, grant: &Grant, around: &Surroundings) {
        let after = |seconds: u32| place.at + Duration::from_secs(u64::from(seconds));
        if let Grant::Allocated { relayed, lifetime } = *grant {
            let life = around.life(place.host);
            let lent = Lent { until: after(lifetime), life, permissions: FxHashMap::default(), is_told: false };
            self.lent.insert(relayed, lent);
            self.clients.insert(seat, relayed);
            return;
        }
        let Some(lent) = self.clients.get(&seat).and_then(|relayed| self.lent.get_mut(relayed)) else { return };
        match grant {
            Grant::Refreshed { lifetime } => lent.until = after(*lifetime),
            Grant::Permitted { peers } => {
                lent.permissions.extend(peers.iter().map(|peer| (*peer.ip(), place.at + PERMISSION)));
            }
            Grant::Bound { peer, .. } => {
                lent.permissions.insert(*peer.ip(), place.at + PERMISSION);
            }
            Grant::Allocated { .. } => {}
        }
    }

    fn passes_on(
        &mut self,
        place: &Place,
        relayed: SocketAddrV4,
        peer: SocketAddrV4,
        way: &str,
        around: &Surroundings,
    ) {
        let Some(lent) = self.lent.get_mut(&relayed) else { return };
        self.judgement.judged += 1;
        let permitted = lent.permissions.get(peer.ip()).copied();
        let why = if around.life(place.host) != lent.life {
            "lent in another life".to_owned()
        } else if place.at > lent.until + MARGIN {
            format!("lent until {}", lent.until)
        } else {
            match permitted {
                Some(until) if place.at <= until + MARGIN => return,
                Some(until) => format!("permitted to that peer until {until}"),
                None => "never permitted to that peer".to_owned(),
            }
        };
        if !std::mem::replace(&mut lent.is_told, true) {
            let name = around.name(place.host);
            let what = format!("{name} passes on something {way} {peer} by {relayed}, which was {why}");
            self.judgement.violate(place.at, what, [place.packet]);
        }
    }
}
