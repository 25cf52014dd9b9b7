//! IPv4 packets with right checksums, built by hand.

use std::net::Ipv4Addr;

/// Alice's address.
pub const ALICE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The server's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The ones' complement sum of RFC 1071.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An IPv4 packet from `source` to `destination` around a transport packet.
pub fn ipv4(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, transport: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 7, 0, 0, 64, protocol, 0, 0];
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
    let length = (20 + transport.len()) as u16;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend_from_slice(transport);
    packet
}

fn with_sum(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr, mut transport: Vec<u8>, place: usize) -> Vec<u8> {
    let length = (transport.len() as u16).to_be_bytes();
    let pseudo = [&source.octets()[..], &destination.octets(), &[0, protocol], &length].concat();
    let sum = checksum(&[&pseudo, &transport]);
    transport[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    ipv4(protocol, source, destination, &transport)
}

/// A UDP datagram between two SIP ports.
pub fn udp(source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 0];
    datagram[4..6].copy_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
    datagram.extend_from_slice(payload);
    with_sum(17, source, destination, datagram, 6)
}

/// A TCP segment from port 49152 to port 80.
pub fn tcp(source: Ipv4Addr, destination: Ipv4Addr, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0xc0, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    segment[4..8].copy_from_slice(&seq.to_be_bytes());
    segment.extend_from_slice(payload);
    with_sum(6, source, destination, segment, 16)
}
