//! IPv4 packets with right checksums, built by hand, and sightings of them.

use std::net::{Ipv4Addr, SocketAddrV4};

use busyhour_oracle::{Judgement, Witness};
use busyhour_trace::{Event, HostId, Log, Loss, PacketId, PacketSeen, SimTime, Stage};

/// Alice's address.
pub const ALICE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The server's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// What an IPv4 header says of fragments.
#[derive(Default, Clone, Copy)]
pub struct Piece {
    pub identification: u16,
    pub offset: u16,
    pub more: bool,
}

/// The ones' complement sum of RFC 1071.
fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += (u32::from(pair[0]) << 8) | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub fn ipv4(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, piece: Piece, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let flags = (piece.offset / 8) | if piece.more { 0x2000 } else { 0 };
    let mut packet = vec![0x45, 0];
    for word in [length, piece.identification, flags] {
        packet.extend_from_slice(&word.to_be_bytes());
    }
    packet.extend_from_slice(&[64, protocol, 0, 0]);
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn summed(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    let [high, low] = (bytes.len() as u16).to_be_bytes();
    let sum = checksum(&[&source.octets(), &destination.octets(), &[0, protocol, high, low], &bytes]);
    bytes[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// A UDP datagram without its IP header.
pub fn bare_udp(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [from.port(), to.port(), (8 + payload.len()) as u16, 0] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(payload);
    summed(17, *from.ip(), *to.ip(), bytes, 6)
}

/// A UDP datagram between two addresses.
pub fn udp(from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
    let (from, to): (SocketAddrV4, SocketAddrV4) = (from.parse().unwrap(), to.parse().unwrap());
    ipv4(17, *from.ip(), *to.ip(), Piece::default(), &bare_udp(from, to, payload))
}

/// A UDP datagram in two fragments, the first with so many bytes behind its IP header.
pub fn udp_in_two(from: &str, to: &str, payload: &[u8], identification: u16, first: u16) -> [Vec<u8>; 2] {
    let (from, to): (SocketAddrV4, SocketAddrV4) = (from.parse().unwrap(), to.parse().unwrap());
    let whole = bare_udp(from, to, payload);
    let (one, two) = whole.split_at(usize::from(first));
    [
        ipv4(17, *from.ip(), *to.ip(), Piece { identification, offset: 0, more: true }, one),
        ipv4(17, *from.ip(), *to.ip(), Piece { identification, offset: first, more: false }, two),
    ]
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// A TCP segment without its IP header.
pub fn bare_tcp(from: SocketAddrV4, to: SocketAddrV4, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&from.port().to_be_bytes());
    bytes.extend_from_slice(&to.port().to_be_bytes());
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend_from_slice(payload);
    summed(6, *from.ip(), *to.ip(), bytes, 16)
}

/// A TCP segment between two addresses.
pub fn tcp(from: &str, to: &str, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (from, to): (SocketAddrV4, SocketAddrV4) = (from.parse().unwrap(), to.parse().unwrap());
    ipv4(6, *from.ip(), *to.ip(), Piece::default(), &bare_tcp(from, to, sequence, flags, payload))
}

/// "Port unreachable", from the server to alice, quoting the beginning of `about`.
pub fn port_unreachable(about: &[u8]) -> Vec<u8> {
    let mut bytes = vec![3, 3, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(&about[..28]);
    let sum = checksum(&[&bytes]);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4(1, SERVER, ALICE, Piece::default(), &bytes)
}

/// Shows packets and events to one witness, in a universe of three hosts.
pub struct Scene<W> {
    pub witness: W,
    pub log: Log,
    now: u64,
}

impl<W: Witness + Default> Scene<W> {
    pub fn new() -> Scene<W> {
        let mut log = Log::default();
        for name in ["alice", "server", "crm"] {
            log.name_host(name);
        }
        Scene { witness: W::default(), log, now: 0 }
    }

    pub fn host(&self, name: &str) -> HostId {
        self.log.host_called(name).unwrap()
    }

    /// Shows a packet, a millisecond after whatever was shown last.
    pub fn see(&mut self, id: u64, stage: Stage, from: &str, to: &str, bytes: &[u8]) {
        self.now += 1_000_000;
        let (from, to) = (self.log.host_called(from), self.log.host_called(to));
        self.witness.packet(&PacketSeen { at: SimTime(self.now), id: PacketId(id), stage, from, to, bytes });
    }

    pub fn sent(&mut self, id: u64, bytes: &[u8]) {
        self.see(id, Stage::Sent, "alice", "server", bytes);
    }

    pub fn arrived(&mut self, id: u64, bytes: &[u8]) {
        self.see(id, Stage::Arrived, "alice", "server", bytes);
    }

    pub fn lost(&mut self, id: u64, loss: Loss, bytes: &[u8]) {
        self.see(id, Stage::Lost(loss), "alice", "server", bytes);
    }

    /// Writes an entry, a millisecond after whatever was shown last.
    pub fn event(&mut self, event: Event) {
        self.now += 1_000_000;
        self.log.push(Event { at: SimTime(self.now), ..event });
        let event = self.log.events().last().unwrap();
        self.witness.event(event, &self.log);
    }

    pub fn judgement(&self) -> &Judgement {
        self.witness.judgement()
    }

    /// What the violations say, a line each.
    pub fn violations(&self) -> String {
        let lines = self.judgement().violations.iter().map(|v| format!("{} {} {:?}", v.at, v.what, v.packets));
        lines.collect::<Vec<_>>().join("\n")
    }
}
