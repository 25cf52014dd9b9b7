//! Nothing crosses a cut.
//!
//! While a network is partitioned, every message from a node of one part to a node of another is lost (Gilbert and
//! Lynch, "Brewer's conjecture", 2002, section 2.3). Ours may be finer: one way, of one protocol, of one port.
//!
//! The world's `cut` has the fields `from` and `to` (lists of hosts' names), `cut` (its number), and perhaps
//! `protocol` (`udp`, `tcp` or `icmp`), `port` and `but_port` (all but that one); `heal` has `cut`. A cut goes one way: a symmetric one is two entries. A
//! packet is of a port if one of its two ports is that: of a connection to port 5060, both directions.
//!
//! Judged are the packets that a cut is meant for, arrived or lost, while it's open. A packet that was on its way when
//! the network was cut may not arrive either.

use std::collections::BTreeMap;

use busyhour_trace::{Event, HostId, Log, PacketSeen, SimTime, Source, Stage};
use rustc_hash::FxHashMap;

use crate::read::ipv4;
use crate::witness::{Judgement, Wants, Witness};

/// The witness of this rule; see the [module](self).
///
/// ```
/// use busyhour_oracle::{NothingCrossesACut, Witness};
/// use busyhour_trace::{Event, Log, PacketId, PacketSeen, SimTime, Source, Stage};
///
/// let mut log = Log::default();
/// let (alice, server) = (log.name_host("alice"), log.name_host("server"));
/// let cut = Event::new(SimTime::ZERO, Source::World, "cut")
///     .with("from", vec!["alice".to_owned()])
///     .with("to", vec!["server".to_owned()])
///     .with("cut", 0u64);
/// let mut witness = NothingCrossesACut::default();
/// witness.event(&cut, &log);
/// witness.packet(&PacketSeen {
///     at: SimTime(1), id: PacketId(0), stage: Stage::Arrived, from: Some(alice), to: Some(server), bytes: &[],
/// });
/// assert_eq!(
///     witness.judgement().violations[0].what,
///     "packet #0 arrived across cut 0, which is open since 0.000000s",
/// );
/// ```
#[derive(Debug, Default)]
pub struct NothingCrossesACut {
    judgement: Judgement,
    /// The cuts that are open, by number; one number may have several entries, a direction each.
    open: BTreeMap<i64, Vec<Cut>>,
    /// The ports of fragmented datagrams: only the first fragment has them. Only looked up.
    fragments: FxHashMap<Fragmented, (u16, u16)>,
}

/// A datagram in fragments: sender, protocol and identification. NAT changes none of them.
type Fragmented = (Option<HostId>, u8, u16);

#[derive(Debug)]
struct Cut {
    from: Vec<HostId>,
    to: Vec<HostId>,
    protocol: Option<u8>,
    port: Option<u16>,
    but_port: Option<u16>,
    since: SimTime,
}

impl Cut {
    /// Reads the world's entry, or says what's wrong with it.
    fn read(event: &Event, log: &Log) -> Result<(i64, Cut), String> {
        let number = event.number("cut").ok_or("no number `cut`")?;
        let hosts = |field: &str| -> Result<Vec<HostId>, String> {
            let names = event.list(field).ok_or(format!("no list `{field}`"))?;
            let host = |name: &String| log.host_called(name).ok_or(format!("no host is called {name:?}"));
            names.iter().map(host).collect()
        };
        let protocol = match (event.field("protocol"), event.text("protocol")) {
            (None, _) => None,
            (_, Some("udp")) => Some(ipv4::UDP),
            (_, Some("tcp")) => Some(ipv4::TCP),
            (_, Some("icmp")) => Some(ipv4::ICMP),
            (Some(other), _) => return Err(format!("`protocol` is {other}, not udp, tcp or icmp")),
        };
        let port = |field: &str| match (event.field(field), event.number(field).map(u16::try_from)) {
            (None, _) => Ok(None),
            (_, Some(Ok(port))) => Ok(Some(port)),
            (Some(other), _) => Err(format!("`{field}` is {other}, not a port's number")),
        };
        let (port, but_port) = (port("port")?, port("but_port")?);
        Ok((number, Cut { from: hosts("from")?, to: hosts("to")?, protocol, port, but_port, since: event.at }))
    }
}

/// What a cut may ask of a packet besides its hosts.
struct Traits {
    protocol: u8,
    /// Unknown for a fragment whose first one wasn't seen, and for what has no ports.
    ports: Option<(u16, u16)>,
    is_fragment: bool,
}

impl NothingCrossesACut {
    fn see(&mut self, seen: &PacketSeen<'_>) {
        let reached = match seen.stage {
            Stage::Sent | Stage::Copied { .. } => {
                if may_be_fragment(seen.bytes) {
                    self.traits(seen);
                }
                return;
            }
            Stage::Arrived => true,
            Stage::Lost(_) => false,
        };
        let (Some(from), Some(to), false) = (seen.from, seen.to, self.open.is_empty()) else { return };
        let between = |cut: &&Cut| cut.from.contains(&from) && cut.to.contains(&to);
        if !self.open.values().flatten().any(|cut| between(&cut)) {
            return;
        }
        let traits = self.traits(seen);
        let mut meant = None;
        let mut unsure = false;
        for (number, cuts) in &self.open {
            for cut in cuts.iter().filter(between) {
                let protocol_fits = match (cut.protocol, &traits) {
                    (None, _) => true,
                    (Some(protocol), Some(traits)) => protocol == traits.protocol,
                    (Some(_), None) => false,
                };
                let is_of = |port: u16, ports: &(u16, u16)| port == ports.0 || port == ports.1;
                let port_fits = match (cut.port, cut.but_port, &traits) {
                    (None, None, _) => true,
                    (port, but_port, Some(Traits { ports: Some(ports), .. })) => {
                        port.is_none_or(|port| is_of(port, ports)) && !but_port.is_some_and(|port| is_of(port, ports))
                    }
                    (_, _, Some(Traits { is_fragment: true, .. })) => {
                        unsure |= protocol_fits;
                        false
                    }
                    // What has no ports is of none.
                    (port, _, _) => port.is_none(),
                };
                if protocol_fits && port_fits {
                    meant.get_or_insert((*number, cut.since));
                }
            }
        }
        match meant {
            Some((number, since)) => {
                self.judgement.judged += 1;
                if reached {
                    let what = format!("packet {} arrived across cut {number}, which is open since {since}", seen.id);
                    self.judgement.violate(seen.at, what, [seen.id]);
                }
            }
            None if unsure => self.judgement.exempt("a fragment whose ports nobody saw, with only a port cut"),
            None => {}
        }
    }

    /// Reads protocol and ports; remembers the ports of a datagram's first fragment for those that follow.
    fn traits(&mut self, seen: &PacketSeen<'_>) -> Option<Traits> {
        let packet = ipv4::Packet::read(seen.bytes).ok()?;
        let key = (seen.from, packet.protocol, packet.identification);
        let ports = match (packet.protocol, packet.fragment_offset, packet.payload) {
            (ipv4::UDP | ipv4::TCP, 0, [a, b, c, d, ..]) => {
                Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
            }
            (_, 1.., _) => self.fragments.get(&key).copied(),
            _ => None,
        };
        if let Some(ports) = ports
            && packet.more_fragments
            && packet.fragment_offset == 0
        {
            self.fragments.insert(key, ports);
        }
        Some(Traits { protocol: packet.protocol, ports, is_fragment: packet.is_fragment() })
    }
}

/// True if these bytes may be a fragment of a datagram: worth reading even when nothing is cut.
fn may_be_fragment(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, _, _, _, _, flags, offset, ..] if flags & 0x3f != 0 || *offset != 0)
}

impl Witness for NothingCrossesACut {
    fn name(&self) -> &'static str {
        "nothing_crosses_a_cut"
    }

    fn rule(&self) -> &'static str {
        "while a network is cut, every message from the one side to the other is lost (Gilbert and Lynch 2002, \
         section 2.3)"
    }

    fn packet(&mut self, seen: &PacketSeen<'_>) -> Wants {
        self.see(seen);
        Wants::Next
    }

    fn event(&mut self, event: &Event, log: &Log) {
        if event.source != Source::World {
            return;
        }
        // An entry of the world's that can't be read is a violation too: what it meant can't be watched over.
        match &*event.kind {
            "cut" => match Cut::read(event, log) {
                Ok((number, cut)) => self.open.entry(number).or_default().push(cut),
                Err(why) => self.judgement.violate(event.at, format!("the world's `cut` can't be read: {why}"), []),
            },
            "heal" => {
                let healed = event.number("cut").and_then(|number| self.open.remove(&number));
                if healed.is_none() {
                    let what = "the world's `heal` names no cut that is open";
                    self.judgement.violate(event.at, what, []);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, _at: SimTime) {}

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
