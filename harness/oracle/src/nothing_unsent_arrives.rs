//! Nothing arrives that wasn't sent.
//!
//! A network may lose, delay, reorder and copy; it doesn't invent, and but for what NAT rewrites (RFC 3022 section 4:
//! addresses, ports, checksums; and every hop takes from the TTL) it doesn't alter. Each arrival is matched with an
//! earlier sighting of the same packet, sent or copied, of the same transport payload; each such sighting is good for
//! one arrival.
//!
//! Judged are arrivals, and copies against their originals.

use busyhour_trace::{Event, Log, PacketId, PacketSeen, SimTime, Stage};
use rustc_hash::FxHashMap;

use crate::numbers::Numbers;
use crate::read::ipv4;
use crate::witness::{Judgement, Wants, Witness};

/// The witness of this rule; see the [module](self).
///
/// ```
/// use busyhour_oracle::{NothingUnsentArrives, Witness};
/// use busyhour_trace::{PacketId, PacketSeen, SimTime, Stage};
///
/// let mut witness = NothingUnsentArrives::default();
/// let sent = PacketSeen {
///     at: SimTime::ZERO, id: PacketId(0), stage: Stage::Sent, from: None, to: None, bytes: b"RING",
/// };
/// witness.packet(&sent);
/// witness.packet(&PacketSeen { stage: Stage::Arrived, ..sent });
/// assert!(!witness.judgement().is_broken());
/// witness.packet(&PacketSeen { stage: Stage::Arrived, ..sent });
/// assert!(witness.judgement().is_broken(), "it was sent once");
/// ```
#[derive(Debug, Default)]
pub struct NothingUnsentArrives {
    judgement: Judgement,
    /// What is on its way. Only looked up, never gone through: its order is nobody's business.
    flying: FxHashMap<PacketId, Flight>,
    /// Every packet that was ever on its way.
    ever: Numbers,
    /// Room for the bytes of those to come.
    spare: Vec<Vec<u8>>,
}

/// A packet on its way: as it was sent, since comparing it costs less than digesting it twice.
#[derive(Debug)]
struct Flight {
    bytes: Vec<u8>,
    arrivals_left: u32,
}

impl NothingUnsentArrives {
    fn see(&mut self, seen: &PacketSeen<'_>) {
        let PacketSeen { at, id, .. } = *seen;
        match seen.stage {
            Stage::Sent => self.takes_off(id, seen.bytes),
            Stage::Copied { of } => {
                self.judgement.judged += 1;
                match self.flying.get(&of) {
                    Some(original) if !may_become(&original.bytes, seen.bytes) => {
                        let what = format!("packet {id}, a copy of {of}, isn't the same as its original");
                        self.judgement.violate(at, what, [of, id]);
                    }
                    Some(_) => {}
                    None if self.ever.contains(of.0) => {
                        self.judgement.exempt("a copy was made of a packet that had landed: not compared with it");
                    }
                    None => {
                        let what = format!("packet {id} is a copy of {of}, which was never sent");
                        self.judgement.violate(at, what, [id]);
                    }
                }
                self.takes_off(id, seen.bytes);
            }
            Stage::Arrived => {
                self.judgement.judged += 1;
                let Some(flight) = self.flying.remove(&id) else {
                    let what = if self.ever.contains(id.0) {
                        format!("packet {id} arrived, though it had arrived or was lost before")
                    } else {
                        format!("packet {id} arrived, and nobody sent it")
                    };
                    self.judgement.violate(at, what, [id]);
                    return;
                };
                if !may_become(&flight.bytes, seen.bytes) {
                    self.judgement.violate(at, format!("packet {id} arrived as another than was sent"), [id]);
                }
                self.lands(id, flight);
            }
            Stage::Lost(_) => {
                if let Some(flight) = self.flying.remove(&id) {
                    self.lands(id, flight);
                }
            }
        }
    }

    fn takes_off(&mut self, id: PacketId, bytes: &[u8]) {
        self.ever.add(id.0);
        let spare = &mut self.spare;
        let new = || Flight { bytes: spare.pop().unwrap_or_default(), arrivals_left: 0 };
        let flight = self.flying.entry(id).or_insert_with(new);
        flight.bytes.clear();
        flight.bytes.extend_from_slice(bytes);
        flight.arrivals_left += 1;
    }

    /// One of a packet's sightings has arrived or was lost.
    fn lands(&mut self, id: PacketId, mut flight: Flight) {
        flight.arrivals_left -= 1;
        if flight.arrivals_left > 0 {
            self.flying.insert(id, flight);
        } else {
            self.spare.push(flight.bytes);
        }
    }
}

impl Witness for NothingUnsentArrives {
    fn name(&self) -> &'static str {
        "nothing_unsent_arrives"
    }

    fn rule(&self) -> &'static str {
        "what arrives was sent, and unchanged but for addresses, ports, TTL and checksums (RFC 791 section 1.4; \
         RFC 3022 section 4)"
    }

    fn packet(&mut self, seen: &PacketSeen<'_>) -> Wants {
        self.see(seen);
        Wants::Next
    }

    fn event(&mut self, _event: &Event, _log: &Log) {}

    fn finish(&mut self, _at: SimTime) {}

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

/// True if what was sent may be seen so on its way: the protocol, the place in the datagram and what the transport keeps
/// are the same. Of what is no packet nothing may change.
fn may_become(sent: &[u8], seen: &[u8]) -> bool {
    if sent == seen {
        return true;
    }
    let (Ok(sent), Ok(seen)) = (ipv4::Packet::read(sent), ipv4::Packet::read(seen)) else { return false };
    let place = |packet: &ipv4::Packet<'_>| (packet.protocol, packet.fragment_offset, packet.more_fragments);
    place(&sent) == place(&seen) && kept(&sent) == kept(&seen)
}

/// What of a transport packet must not change on the way: all but ports and checksum. Of an ICMP message that quotes a
/// packet, the quotation's addresses and ports change with NAT too (RFC 3022 section 4.3): type and code are what is left.
fn kept<'a>(packet: &ipv4::Packet<'a>) -> [&'a [u8]; 2] {
    let begins = packet.fragment_offset == 0;
    match (packet.protocol, packet.payload) {
        // Length; payload.
        (ipv4::UDP, payload) if begins && payload.len() >= 8 => [&payload[4..6], &payload[8..]],
        // Numbers, flags, window; what follows the checksum.
        (ipv4::TCP, payload) if begins && payload.len() >= 20 => [&payload[4..16], &payload[18..]],
        (ipv4::ICMP, payload) if begins && payload.len() >= 2 => [&payload[..2], &[]],
        (_, payload) => [payload, &[]],
    }
}
