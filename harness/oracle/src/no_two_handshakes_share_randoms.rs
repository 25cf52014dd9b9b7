//! No two handshakes share randoms.
//!
//! Client and server each put 28 fresh random bytes into a handshake (RFC 5246 sections 7.4.1.2 and 7.4.1.3): keys of
//! two connections under one master secret differ by them alone, and a generator that says the same twice has no secrets
//! left. A ClientHello with a cookie, and one that's sent again, has the random of the first (RFC 6347 section 4.2.1).
//!
//! Judged is each random that a host sends. What the same host says in the same ICE session is one handshake, by
//! whatever addresses it goes. Not judged is what a relay passes on.

use busyhour_trace::{HostId, PacketId};
use rustc_hash::FxHashMap;

use crate::hearing::{Record, digest};
use crate::read::dtls::Handshake;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoTwoHandshakesShareRandoms {
    judgement: Judgement,
    /// By the random bytes, which stand behind the time.
    randoms: FxHashMap<[u8; 28], Said>,
}

#[derive(Debug)]
struct Said {
    host: HostId,
    /// In which ICE session, or else at which address.
    session: u64,
    packet: PacketId,
}

impl Witness for NoTwoHandshakesShareRandoms {
    fn name(&self) -> &'static str {
        "no_two_handshakes_share_randoms"
    }

    fn rule(&self) -> &'static str {
        "each DTLS handshake has randoms of its own (RFC 5246 sections 7.4.1.2 and 7.4.1.3)"
    }

    fn record(&mut self, record: &Record<'_>, around: &Surroundings) {
        let place = &record.place;
        if !place.is_sent() || around.is_relayed(place.here) {
            return;
        }
        for message in record.messages {
            let (Handshake::ClientHello { random, .. } | Handshake::ServerHello { random }) = message else { continue };
            let random: [u8; 28] = *random.last_chunk().expect("a random has 32 bytes");
            let session = around.ice_session(place.host, place.here);
            let session = session.map_or_else(|| digest(&place.here.to_string()), |session| session.local);
            let own = Said { host: place.host, session, packet: place.packet };
            let Some(said) = self.randoms.get(&random) else {
                self.judgement.judged += 1;
                self.randoms.insert(random, own);
                continue;
            };
            if (said.host, said.session) != (own.host, own.session) {
                self.judgement.judged += 1;
                let (name, other) = (around.name(own.host), around.name(said.host));
                let what = format!("{name} begins a handshake with a random that {other} had in another one");
                self.judgement.violate(place.at, what, [said.packet, place.packet]);
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
