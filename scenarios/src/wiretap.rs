//! What checks ask of the wire while a scenario is played: how media travels and whether it can be read, and which
//! WebSockets are open.
//!
//! It's a tap like the witnesses', with their readers (law 5): what a phone says of itself is asked by nobody here. Keys
//! are tried; a false one opens nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex};

use busyhour_oracle::read::ipv4::{self, Packet};
use busyhour_oracle::read::srtp::{Profile, Session};
use busyhour_oracle::read::{stun, tcp, udp};
use busyhour_trace::{Event, HostId, Log, Loss, PacketId, PacketSeen, SimTime, Stage};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::argument::CandidateName;

/// The port of STUN and TURN.
const TURN: u16 = 3478;
/// The port of names.
const DNS: u16 = 53;
/// RTP's second byte is none of these: they are RTCP's (RFC 5761 4).
const RTCP: std::ops::RangeInclusive<u8> = 192..=223;
const RTP_HEADER: usize = 12;

/// A wiretap that steps and the tap of a universe have in common.
pub(crate) type SharedWiretap = Arc<Mutex<Wiretap>>;

/// What is known of media one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Media {
    /// Packets that a key of their handshake opens.
    pub(crate) sealed: u64,
    /// Packets that none does.
    pub(crate) open: u64,
    /// Those of both that arrived.
    pub(crate) arrived: u64,
}

impl Media {
    /// Both together.
    pub(crate) fn and(self, other: Media) -> Media {
        Media {
            sealed: self.sealed + other.sealed,
            open: self.open + other.open,
            arrived: self.arrived + other.arrived,
        }
    }
}

/// A TCP connection that became a WebSocket, as the server's end sees it.
#[derive(Debug, Clone, Copy)]
struct Connection {
    /// Not known before the server's answer has found its way through the NAT.
    client: Option<HostId>,
    server: HostId,
    is_open: bool,
}

/// Keeps what checks ask for.
#[derive(Default)]
pub(crate) struct Wiretap {
    /// From, to, and whether a TURN relay's wrapping was around it.
    media: BTreeMap<(HostId, HostId, bool), Media>,
    /// Whoever has told of keys.
    handshakes: FxHashSet<HostId>,
    sessions: Vec<Session>,
    known_keys: FxHashSet<Vec<u8>>,
    /// Which session opened a sender's packets last.
    opened_by: FxHashMap<(HostId, u32), usize>,
    scratch: Vec<u8>,
    /// The address from which each host's media arrived last, and whether it was wrapped.
    sources: BTreeMap<HostId, (SocketAddrV4, bool)>,
    /// What STUN servers told hosts of their addresses.
    reflexive: BTreeMap<HostId, BTreeSet<SocketAddrV4>>,
    /// Client and server.
    connections: BTreeMap<(SocketAddrV4, SocketAddrV4), Connection>,
    /// Servers' answers to handshakes that are on their way.
    answers: FxHashMap<PacketId, (SocketAddrV4, SocketAddrV4)>,
}

impl Wiretap {
    /// Takes a sighting.
    pub(crate) fn packet(&mut self, seen: &PacketSeen<'_>) {
        let Ok(packet) = Packet::read(seen.bytes) else { return };
        if packet.is_fragment() {
            return;
        }
        match packet.protocol {
            // What becomes of a packet is known when it comes by for the second time, and so is whom it was for.
            ipv4::UDP => match seen.stage {
                Stage::Arrived => self.datagram(seen, &packet, true),
                Stage::Lost(loss) if loss != Loss::StillInFlight => self.datagram(seen, &packet, false),
                _ => {}
            },
            ipv4::TCP => {
                let Ok(segment) = tcp::Segment::read(packet.payload) else { return };
                let from = SocketAddrV4::new(packet.source, segment.source_port);
                let to = SocketAddrV4::new(packet.destination, segment.destination_port);
                if seen.stage == Stage::Arrived {
                    self.stream(seen, from, &segment);
                }
                self.connection(seen, from, to, &segment);
            }
            _ => {}
        }
    }

    /// Takes an entry of the event log.
    pub(crate) fn event(&mut self, event: &Event) {
        match (&*event.kind, event.host) {
            ("webrtc-keys", Some(host)) => {
                self.handshakes.insert(host);
                let profile = event.text("profile").and_then(Profile::of);
                for side in ["client", "server"] {
                    let part = |part: &str| event.text(&format!("{side}_{part}")).and_then(bytes);
                    if let (Some(profile), Some(key), Some(salt)) = (profile, part("key"), part("salt"))
                        && self.known_keys.insert([key.as_slice(), &salt].concat())
                    {
                        self.sessions.extend(Session::new(profile, &key, &salt));
                    }
                }
            }
            // Nobody closes the connections of a host that lost its power, nor of an address that's nobody's any more.
            ("crash" | "address", Some(host)) => {
                let of_host = |one: &&mut Connection| one.client == Some(host) || one.server == host;
                self.connections.values_mut().filter(of_host).for_each(|one| one.is_open = false);
            }
            _ => {}
        }
    }

    fn datagram(&mut self, seen: &PacketSeen<'_>, packet: &Packet<'_>, arrived: bool) {
        let Ok(datagram) = udp::Datagram::read(packet.payload) else { return };
        // An answer of DNS may begin as RTP does: its number is any.
        if datagram.source_port == DNS || datagram.destination_port == DNS {
            return;
        }
        let of_server = datagram.source_port == TURN || datagram.destination_port == TURN;
        let source = SocketAddrV4::new(packet.source, datagram.source_port);
        if is_rtp(datagram.payload) {
            self.media(seen, datagram.payload, false, arrived.then_some(source));
        } else if of_server && let Some(data) = unwrapped(datagram.payload) {
            self.media(seen, data, true, arrived.then_some(source));
        } else if of_server
            && arrived
            && let Ok(message) = stun::Message::read(datagram.payload)
            && let (stun::Method::Binding, Some(mapped), Some(host)) = (message.method, message.mapped, seen.to)
        {
            self.reflexive.entry(host).or_default().insert(mapped);
        }
    }

    /// What is wrapped in a TURN server's connection: whoever writes there writes a frame at once.
    fn stream(&mut self, seen: &PacketSeen<'_>, source: SocketAddrV4, segment: &tcp::Segment<'_>) {
        if segment.source_port != TURN && segment.destination_port != TURN {
            return;
        }
        let mut rest = segment.payload;
        while let Ok(Some(length)) = stun::framed_length(rest) {
            let Some(frame) = rest.get(..length) else { return };
            if let Some(data) = unwrapped(frame) {
                self.media(seen, data, true, Some(source));
            }
            rest = &rest[length..];
        }
    }

    /// Media, which arrived from that address unless it was lost.
    fn media(&mut self, seen: &PacketSeen<'_>, packet: &[u8], wrapped: bool, arrived: Option<SocketAddrV4>) {
        let (Some(from), Some(to)) = (seen.from, seen.to) else { return };
        if let Some(source) = arrived {
            self.sources.insert(from, (source, wrapped));
        }
        let sealed = self.is_sealed(from, to, wrapped, packet);
        let media = self.media.entry((from, to, wrapped)).or_default();
        media.sealed += u64::from(sealed);
        media.open += u64::from(!sealed);
        media.arrived += u64::from(arrived.is_some());
    }

    fn is_sealed(&mut self, from: HostId, to: HostId, wrapped: bool, packet: &[u8]) -> bool {
        let shook_hands = |host: &HostId| self.handshakes.contains(host);
        let concerned =
            if wrapped { shook_hands(&from) || shook_hands(&to) } else { shook_hands(&from) && shook_hands(&to) };
        if !concerned {
            return false;
        }
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let last = self.opened_by.get(&(from, ssrc)).copied();
        let others = (0..self.sessions.len()).rev().filter(|session| Some(*session) != last);
        for session in last.into_iter().chain(others) {
            if self.sessions[session].open_rtp(packet, &mut self.scratch).is_some() {
                self.opened_by.insert((from, ssrc), session);
                return true;
            }
        }
        false
    }

    fn connection(&mut self, seen: &PacketSeen<'_>, from: SocketAddrV4, to: SocketAddrV4, segment: &tcp::Segment<'_>) {
        let over = segment.flags.fin() || segment.flags.rst();
        let begins = segment.payload.starts_with(b"HTTP/1.1 101");
        if !over && !begins {
            return;
        }
        // A NAT box may be between the two: what arrives at the server, and what leaves it, has the addresses that it
        // knows; who the client is shows when the answer has arrived.
        match seen.stage {
            Stage::Sent => {
                if begins && let Some(server) = seen.from {
                    self.connections.insert((to, from), Connection { client: seen.to, server, is_open: true });
                    self.answers.insert(seen.id, (to, from));
                }
                if over && let Some(connection) = self.connections.get_mut(&(to, from)) {
                    connection.is_open = false;
                }
            }
            Stage::Arrived => {
                let answered = self.answers.remove(&seen.id).and_then(|key| self.connections.get_mut(&key));
                if let Some(connection) = answered {
                    connection.client = seen.to;
                }
                if over && let Some(connection) = self.connections.get_mut(&(from, to)) {
                    connection.is_open = false;
                }
            }
            _ => {}
        }
    }

    /// What is known of the media from one of these hosts to one of those: straight, and wrapped for a relay.
    pub(crate) fn between(&self, from: &[HostId], to: &[HostId], wrapped: bool) -> Media {
        let ways = self.media.iter().filter(|((a, b, w), _)| *w == wrapped && from.contains(a) && to.contains(b));
        sum(ways.map(|(_, media)| media))
    }

    /// What these hosts sent, whomever to.
    pub(crate) fn sent_by(&self, hosts: &[HostId], wrapped: bool) -> Media {
        sum(self.media.iter().filter(|((a, _, w), _)| *w == wrapped && hosts.contains(a)).map(|(_, media)| media))
    }

    /// What these hosts got, whoever sent it.
    pub(crate) fn sent_to(&self, hosts: &[HostId], wrapped: bool) -> Media {
        sum(self.media.iter().filter(|((_, b, w), _)| *w == wrapped && hosts.contains(b)).map(|(_, media)| media))
    }

    /// At which kind of candidate a host's media begins, whose own address that is: by what the other end saw of it last.
    pub(crate) fn candidate(&self, host: HostId, own: Ipv4Addr) -> Option<CandidateName> {
        let (source, wrapped) = *self.sources.get(&host)?;
        let is_known = self.reflexive.get(&host).is_some_and(|known| known.contains(&source));
        Some(match (wrapped, *source.ip() == own, is_known) {
            (true, ..) => CandidateName::Relay,
            (_, true, _) => CandidateName::Host,
            (_, _, true) => CandidateName::ServerReflexive,
            _ => CandidateName::PeerReflexive,
        })
    }

    /// True if a WebSocket is open whose client has this address, as its server sees it.
    pub(crate) fn is_open(&self, client: SocketAddrV4) -> bool {
        self.connections.iter().any(|((from, _), connection)| *from == client && connection.is_open)
    }

    /// The WebSockets that are open from one host to another: the clients' addresses, as the server sees them.
    pub(crate) fn open_sockets(&self, client: HostId, server: HostId) -> Vec<SocketAddrV4> {
        let between = |one: &Connection| one.client == Some(client) && one.server == server && one.is_open;
        self.connections.iter().filter(|(_, one)| between(one)).map(|((from, _), _)| *from).collect()
    }
}

impl busyhour::world::Tap for Wiretap {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        Wiretap::packet(self, seen);
    }

    fn event(&mut self, event: &Event, _: &Log) {
        Wiretap::event(self, event);
    }

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

fn sum<'a>(ways: impl Iterator<Item = &'a Media>) -> Media {
    ways.fold(Media::default(), |sum, way| sum.and(*way))
}

/// RTP, encrypted or not: what is in it can't be told from outside.
fn is_rtp(payload: &[u8]) -> bool {
    payload.len() >= RTP_HEADER && payload[0] >> 6 == 2 && !RTCP.contains(&payload[1])
}

/// The RTP that a message between a TURN server and its client carries.
fn unwrapped(message: &[u8]) -> Option<&[u8]> {
    let data = match stun::ChannelData::read(message) {
        Some(channel) => channel.data,
        None => stun::Message::read(message).ok()?.data?,
    };
    is_rtp(data).then_some(data)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks(2);
    hex.len().is_multiple_of(2).then(|| pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_in_hexadecimal() {
        assert_eq!(bytes("00ff7A"), Some(vec![0, 255, 0x7a]));
        assert_eq!(bytes("0"), None);
        assert_eq!(bytes("0g"), None);
    }

    #[test]
    fn rtp_is_told_from_what_shares_its_port() {
        let rtp = |second: u8| [&[0x80, second][..], &[0; 10]].concat();
        assert!(is_rtp(&rtp(0)) && is_rtp(&rtp(0x80)) && is_rtp(&rtp(101)));
        assert!(!is_rtp(&rtp(200)) && !is_rtp(&rtp(201)), "RTCP");
        assert!(!is_rtp(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "DTLS");
        assert!(!is_rtp(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0]), "STUN");
    }

    #[test]
    fn a_relays_wrapping_is_taken_off() {
        let rtp = [&[0x80, 0][..], &[7; 10]].concat();
        let channel = [&[0x40, 1, 0, 12][..], &rtp].concat();
        assert_eq!(unwrapped(&channel), Some(&rtp[..]));
        // A Send indication with nothing but DATA.
        let mut send = vec![0, 0x16, 0, 16, 0x21, 0x12, 0xa4, 0x42];
        send.extend([9; 12]);
        send.extend([0, 0x13, 0, 12]);
        send.extend(&rtp);
        assert_eq!(unwrapped(&send), Some(&rtp[..]));
        assert_eq!(unwrapped(&rtp), None);
    }
}
