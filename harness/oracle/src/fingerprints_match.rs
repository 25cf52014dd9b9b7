//! Fingerprints match.
//!
//! The certificate that a party presents in the DTLS handshake is the one whose fingerprint stands in its description,
//! and who is shown another one goes no further (RFC 8122 section 6.2: the connection must not be used; RFC 5763 section
//! 5): it's what ties keys to signalling.
//!
//! Which description a certificate belongs to is told by ICE: its checks name both sides' fragments of the session.
//! Judged five seconds after a certificate was sent: that its sender has sent a description of the session with its
//! SHA-256. And five seconds after one has arrived: that its receiver was told so too, or else sends no media and no
//! data on that association. Not judged, and counted as exempt: sessions that no SIP message described, descriptions
//! with another kind of fingerprint. Nor is DTLS 1.3 judged, in which certificates can't be seen.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::Dues;
use crate::hearing::{Heard, Place, Record, Secured, Way, digest};
use crate::read::dtls::{Content, Handshake};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// A description may come later than the handshake that it describes.
const LATER: Duration = Duration::from_secs(5);

/// What a description gives: the SHA-256 of a certificate, or none that can be compared.
type Fingerprint = Option<[u8; 32]>;

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct FingerprintsMatch {
    judgement: Judgement,
    /// The fingerprints in descriptions, by host, whether it sent them or was told, and the describing side's fragment.
    described: FxHashMap<(HostId, Way, u64), Vec<Fingerprint>>,
    seen: FxHashSet<(HostId, Way, u64, [u8; 32])>,
    dues: Dues<Presented>,
    /// When a host last sent media or data from there.
    spoke: FxHashMap<(HostId, SocketAddrV4), SimTime>,
    /// Where a host was shown another certificate than it was told of.
    cheated: FxHashMap<(HostId, SocketAddrV4), PacketId>,
}

/// A certificate, at the end where it was seen.
#[derive(Debug)]
struct Presented {
    host: HostId,
    way: Way,
    here: SocketAddrV4,
    /// The presenting side's fragment.
    session: u64,
    fingerprint: [u8; 32],
    since: SimTime,
    packet: PacketId,
}

impl Default for FingerprintsMatch {
    fn default() -> Self {
        FingerprintsMatch {
            judgement: Judgement::default(),
            described: FxHashMap::default(),
            seen: FxHashSet::default(),
            dues: Dues::after(LATER),
            spoke: FxHashMap::default(),
            cheated: FxHashMap::default(),
        }
    }
}

impl Witness for FingerprintsMatch {
    fn name(&self) -> &'static str {
        "fingerprints_match"
    }

    fn rule(&self) -> &'static str {
        "the certificate in the DTLS handshake is the one whose fingerprint the description gives, or the connection \
         isn't used (RFC 8122 section 6.2; RFC 5763 section 5)"
    }

    fn message(&mut self, heard: &Heard<'_>, _around: &Surroundings) {
        let Some(secure) = heard.secure else { return };
        let known = self.described.entry((heard.host, heard.way, digest(secure.fragment))).or_default();
        let fingerprint = secure.sha256();
        if !known.contains(&fingerprint) {
            known.push(fingerprint);
        }
    }

    fn record(&mut self, record: &Record<'_>, around: &Surroundings) {
        let Place { at, packet, way, host, here, .. } = record.place;
        if around.is_relayed(here) {
            return;
        }
        if way == Way::Sent && record.record.content == Content::Data && record.record.epoch > 0 {
            self.speaks(at, host, here, around);
        }
        for message in record.messages {
            let Handshake::Certificate { fingerprint } = *message else { continue };
            let Some(session) = around.ice_session(host, here) else {
                self.judgement.exempt("no check of ICE told which session the certificate belongs to");
                continue;
            };
            let session = if way == Way::Sent { session.local } else { session.remote };
            if self.seen.insert((host, way, session, fingerprint)) {
                self.dues.push(at, Presented { host, way, here, session, fingerprint, since: at, packet });
            }
        }
    }

    fn secured(&mut self, secured: &Secured<'_>, around: &Surroundings) {
        let Place { at, host, here, .. } = secured.place;
        self.speaks(at, host, here, around);
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, presented)) = self.dues.pop(now) {
            self.judge(at, &presented, around);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl FingerprintsMatch {
    fn judge(&mut self, at: SimTime, presented: &Presented, around: &Surroundings) {
        let Presented { host, way, here, session, fingerprint, since, packet } = *presented;
        let Some(described) = self.described.get(&(host, way, session)) else {
            return self.judgement.exempt("no SIP message described its session");
        };
        if described.iter().all(Option::is_none) {
            return self.judgement.exempt("its description has no SHA-256");
        }
        self.judgement.judged += 1;
        if described.contains(&Some(fingerprint)) {
            return;
        }
        let name = around.name(host);
        if way == Way::Sent {
            let what = format!("{name} presents a certificate from {here} that isn't the one of its description");
            self.judgement.violate(at, what, [packet]);
        } else if self.spoke.get(&(host, here)).is_some_and(|spoke| *spoke > since) {
            self.cheats(at, packet, host, here, around);
        } else {
            self.cheated.insert((host, here), packet);
        }
    }

    fn cheats(&mut self, at: SimTime, packet: PacketId, host: HostId, here: SocketAddrV4, around: &Surroundings) {
        let what = format!(
            "{} goes on at {here} with somebody whose certificate isn't the one that it was told of",
            around.name(host)
        );
        self.judgement.violate(at, what, [packet]);
    }

    fn speaks(&mut self, at: SimTime, host: HostId, here: SocketAddrV4, around: &Surroundings) {
        // Looked at only within the first seconds of an association.
        if !self.dues.is_empty() {
            self.spoke.insert((host, here), at);
        }
        if !self.cheated.is_empty()
            && let Some(certificate) = self.cheated.remove(&(host, here))
        {
            self.cheats(at, certificate, host, here, around);
        }
    }
}
