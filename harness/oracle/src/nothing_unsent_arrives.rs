//! Nothing arrives that wasn't sent.
//!
//! A network may lose, delay, reorder and copy; it doesn't invent, and but for what NAT rewrites (RFC 3022 section 4:
//! addresses, ports, checksums; and every hop takes from the TTL) it doesn't alter. Each arrival is matched with an
//! earlier sighting of the same packet, sent or copied, of the same transport payload; each such sighting is good for
//! one arrival.
//!
//! Judged are arrivals, and copies against their originals.

use std::collections::hash_map::{Entry, OccupiedEntry};

use busyhour_trace::{Event, Log, PacketId, PacketSeen, SimTime, Stage};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

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
}

/// A packet on its way.
#[derive(Debug, Clone, Copy)]
struct Flight {
    essence: u64,
    arrivals_left: u32,
}

impl NothingUnsentArrives {
    fn see(&mut self, seen: &PacketSeen<'_>) {
        let PacketSeen { at, id, .. } = *seen;
        match seen.stage {
            Stage::Sent => self.takes_off(id, essence(seen.bytes)),
            Stage::Copied { of } => {
                let essence = essence(seen.bytes);
                self.judgement.judged += 1;
                match self.flying.get(&of) {
                    Some(original) if original.essence != essence => {
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
                self.takes_off(id, essence);
            }
            Stage::Arrived => {
                self.judgement.judged += 1;
                let Entry::Occupied(flight) = self.flying.entry(id) else {
                    let what = if self.ever.contains(id.0) {
                        format!("packet {id} arrived, though it had arrived or was lost before")
                    } else {
                        format!("packet {id} arrived, and nobody sent it")
                    };
                    self.judgement.violate(at, what, [id]);
                    return;
                };
                if flight.get().essence != essence(seen.bytes) {
                    self.judgement.violate(at, format!("packet {id} arrived as another than was sent"), [id]);
                }
                land(flight);
            }
            Stage::Lost(_) => {
                if let Entry::Occupied(flight) = self.flying.entry(id) {
                    land(flight);
                }
            }
        }
    }

    fn takes_off(&mut self, id: PacketId, essence: u64) {
        self.ever.add(id.0);
        let flight = self.flying.entry(id).or_insert(Flight { essence, arrivals_left: 0 });
        flight.essence = essence;
        flight.arrivals_left += 1;
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

/// One of a packet's sightings has arrived or was lost.
fn land(mut flight: OccupiedEntry<'_, PacketId, Flight>) {
    flight.get_mut().arrivals_left -= 1;
    if flight.get().arrivals_left == 0 {
        flight.remove();
    }
}

/// A digest of what must not change on the way: the protocol, the place in the datagram, and the transport packet but
/// for ports and checksum. Of an ICMP message that quotes a packet, the quotation's addresses and ports change with
/// NAT too (RFC 3022 section 4.3): type and code are what is left.
fn essence(bytes: &[u8]) -> u64 {
    let Ok(packet) = ipv4::Packet::read(bytes) else {
        return xxh3_64_with_seed(bytes, u64::MAX);
    };
    let place = (packet.fragment_offset as u64) << 32 | u64::from(packet.more_fragments) << 24;
    let seed = place | u64::from(packet.protocol) << 16;
    let payload = packet.payload;
    let hash = |kept: &[&[u8]]| kept.iter().fold(seed, |hash, part| xxh3_64_with_seed(part, hash));
    let begins = packet.fragment_offset == 0;
    match (packet.protocol, payload) {
        // Length; payload.
        (ipv4::UDP, [_, _, _, _, high, low, _, _, data @ ..]) if begins => {
            xxh3_64_with_seed(data, seed | u64::from(*high) << 8 | u64::from(*low))
        }
        // Numbers, flags, window; what follows the checksum.
        (ipv4::TCP, _) if begins && payload.len() >= 20 => hash(&[&payload[4..16], &payload[18..]]),
        (ipv4::ICMP, _) if begins && payload.len() >= 2 => hash(&[&payload[..2]]),
        _ => hash(&[payload]),
    }
}
