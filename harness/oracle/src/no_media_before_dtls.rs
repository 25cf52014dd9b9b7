//! No media before DTLS is done.
//!
//! Whose certificate it is that media is encrypted for is known when the handshake is over: until the other's Finished
//! has arrived, nobody sends media or control (RFC 5763 section 5: an endpoint must not send before the handshake has
//! completed; RFC 5764 section 4.1).
//!
//! Judged is each packet of media or control that a host sends from where ICE or DTLS was seen, by what has arrived
//! there: a handshake record under the new keys, which is the Finished. A handshake that was finished at another address
//! of the same ICE session, or whose key the host has used before, is finished. Each address is complained of once. Not
//! judged is what a relay passes on; exempt are hosts that have moved, were down or asleep: the handshake may be that of
//! another address.

use std::net::SocketAddrV4;

use busyhour_trace::{HostId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::hearing::{Record, Secured};
use crate::read::dtls::{Content, Handshake};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoMediaBeforeDtls {
    judgement: Judgement,
    /// Where a Finished has arrived.
    finished: FxHashSet<(HostId, SocketAddrV4)>,
    /// The ICE sessions in which one has.
    sessions: FxHashSet<(HostId, u64)>,
    /// Which handshake goes on there, by its client's random.
    handshakes: FxHashMap<(HostId, SocketAddrV4), [u8; 32]>,
    /// The keys that a host has rightly used.
    keys: FxHashSet<(HostId, u32)>,
    told: FxHashSet<(HostId, SocketAddrV4)>,
}

impl Witness for NoMediaBeforeDtls {
    fn name(&self) -> &'static str {
        "no_media_before_dtls"
    }

    fn rule(&self) -> &'static str {
        "nobody sends media before the DTLS handshake is done (RFC 5763 section 5; RFC 5764 section 4.1)"
    }

    fn record(&mut self, record: &Record<'_>, around: &Surroundings) {
        let place = &record.place;
        let at = (place.host, place.here);
        for message in record.messages {
            if let Handshake::ClientHello { random, .. } = message
                && self.handshakes.insert(at, *random).is_some_and(|before| before != *random)
            {
                self.finished.remove(&at);
            }
        }
        if !place.is_sent() && record.record.content == Content::Handshake && record.record.epoch > 0 {
            self.finished.insert(at);
            if let Some(session) = around.ice_session(place.host, place.here) {
                self.sessions.insert((place.host, session.local));
            }
        }
    }

    fn secured(&mut self, secured: &Secured<'_>, around: &Surroundings) {
        let place = &secured.place;
        let at = (place.host, place.here);
        if around.is_relayed(place.here) {
            return;
        }
        self.judgement.judged += 1;
        let key = secured.opened.map(|opened| (place.host, opened.key));
        let session = || around.ice_session(place.host, place.here).map(|session| (place.host, session.local));
        if self.finished.contains(&at) || session().is_some_and(|session| self.sessions.contains(&session)) {
            // Asked for once a key and host, mostly: the set has it already.
            if let Some(key) = key
                && !self.keys.contains(&key)
            {
                self.keys.insert(key);
            }
            return;
        }
        if key.is_some_and(|key| self.keys.contains(&key)) || !self.told.insert(at) {
            return;
        }
        if around.disturbed(place.host, SimTime::ZERO) {
            self.judgement.exempt("its host has moved, or was down or asleep");
            return;
        }
        let (name, kind) = (around.name(place.host), if secured.is_control { "control" } else { "media" });
        let what = format!("{name} sends {kind} from {} to {} before DTLS is done there", place.here, place.there);
        self.judgement.violate(place.at, what, [place.packet]);
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
