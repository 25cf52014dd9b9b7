//! A packet on the wire, and the bytes that a capture of it holds.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use turmoil_net::TcpFlags;

use crate::trace::PacketId;

/// Bytes of an IPv4 header without options.
pub(crate) const IPV4_HEADER: usize = 20;
/// Bytes of a UDP header.
pub(crate) const UDP_HEADER: usize = 8;
/// Bytes of a TCP header without options.
pub(crate) const TCP_HEADER: usize = 20;
/// What fits on a link that says nothing else: Ethernet's 1,500 bytes.
pub const DEFAULT_MTU: u32 = 1500;

/// The transport protocol of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// ICMP: port unreachable is all that we send.
    Icmp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
            Protocol::Icmp => "ICMP",
        })
    }
}

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A UDP datagram's payload.
    Udp(Bytes),
    /// A TCP segment.
    Tcp(Segment),
    /// "Nobody listens on that port" (ICMP type 3, code 3): the two ends of the datagram that it speaks of.
    PortUnreachable {
        /// The datagram's sender.
        src: SocketAddrV4,
        /// Where it was sent to.
        dst: SocketAddrV4,
    },
}

/// A TCP segment without its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// SYN, ACK, FIN, RST, PSH.
    pub flags: TcpFlags,
    /// The receive window.
    pub window: u16,
    /// The payload.
    pub payload: Bytes,
}

impl Segment {
    /// It acknowledges, and does nothing else.
    pub fn is_bare_ack(&self) -> bool {
        let flags = self.flags;
        flags.ack && !flags.syn && !flags.fin && !flags.rst && self.payload.is_empty()
    }

    /// It takes up sequence numbers, so its receiver acknowledges it (RFC 9293 section 3.4).
    pub(crate) fn wants_ack(&self) -> bool {
        !self.flags.rst && (self.flags.syn || self.flags.fin || !self.payload.is_empty())
    }

    /// The sequence number behind those that it takes up.
    pub(crate) fn end(&self) -> u32 {
        let taken = self.payload.len() as u32 + u32::from(self.flags.syn) + u32::from(self.flags.fin);
        self.seq.wrapping_add(taken)
    }

    /// An acknowledgement of `ack` speaks of all of it.
    pub(crate) fn is_covered_by(&self, ack: u32) -> bool {
        // Sequence numbers wrap around: half of them are behind each.
        ack.wrapping_sub(self.end()) < 1 << 31
    }
}

/// Which piece of a datagram a fragment carries (RFC 791 section 3.2). The whole datagram travels along, so that a
/// NAT box needn't reassemble it to see the ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Where the piece begins, in bytes of the datagram with its UDP header.
    pub offset: u32,
    /// Its length.
    pub length: u32,
    /// More pieces follow.
    pub more: bool,
}

/// An IPv4 packet on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Its number.
    pub id: PacketId,
    /// The sender's address and port (port 0 for ICMP).
    pub src: SocketAddrV4,
    /// The receiver's address and port (for ICMP, the port that the bad news is for).
    pub dst: SocketAddrV4,
    /// IPv4's identification: the fragments of one datagram share it.
    pub ident: u16,
    /// What it carries.
    pub body: Body,
    /// Set if it's one fragment of a larger datagram.
    pub fragment: Option<Fragment>,
    /// Set if bits of it have flipped: which one, counted over the bytes behind the IP header.
    pub corrupt: Option<u32>,
}

impl Packet {
    /// UDP, TCP or ICMP.
    pub fn protocol(&self) -> Protocol {
        match &self.body {
            Body::Udp(_) => Protocol::Udp,
            Body::Tcp(_) => Protocol::Tcp,
            Body::PortUnreachable { .. } => Protocol::Icmp,
        }
    }

    /// The payload of the datagram or segment; empty for ICMP.
    pub fn payload(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        match &self.body {
            Body::Udp(payload) => payload,
            Body::Tcp(segment) => &segment.payload,
            Body::PortUnreachable { .. } => &NOTHING,
        }
    }

    /// The TCP segment, if it's one.
    pub fn segment(&self) -> Option<&Segment> {
        match &self.body {
            Body::Tcp(segment) => Some(segment),
            _ => None,
        }
    }

    /// Its size on the wire, in bytes, IP header included.
    pub fn size(&self) -> u32 {
        let behind = match (&self.fragment, &self.body) {
            (Some(fragment), _) => fragment.length as usize,
            (None, Body::Udp(payload)) => UDP_HEADER + payload.len(),
            (None, Body::Tcp(segment)) => TCP_HEADER + segment.payload.len(),
            (None, Body::PortUnreachable { .. }) => 8 + IPV4_HEADER + UDP_HEADER,
        };
        (IPV4_HEADER + behind) as u32
    }

    /// Its headers as they'd stand on the wire, the transport's checksum left out, for the run's hash: the payload is
    /// hashed beside them.
    pub(crate) fn headers(&self, out: &mut [u8; 48]) -> usize {
        let (ipv4, transport) = out.split_at_mut(IPV4_HEADER);
        ipv4.copy_from_slice(&self.ipv4_header());
        if self.fragment.is_some_and(|fragment| fragment.offset > 0) {
            // The datagram's own header travels in its first piece.
            return IPV4_HEADER;
        }
        transport[..2].copy_from_slice(&self.src.port().to_be_bytes());
        transport[2..4].copy_from_slice(&self.dst.port().to_be_bytes());
        IPV4_HEADER
            + match &self.body {
                Body::Udp(payload) => {
                    transport[4..6].copy_from_slice(&((UDP_HEADER + payload.len()) as u16).to_be_bytes());
                    UDP_HEADER
                }
                Body::Tcp(segment) => {
                    transport[4..8].copy_from_slice(&segment.seq.to_be_bytes());
                    transport[8..12].copy_from_slice(&segment.ack.to_be_bytes());
                    transport[12..14].copy_from_slice(&[0x50, flag_bits(segment.flags)]);
                    transport[14..16].copy_from_slice(&segment.window.to_be_bytes());
                    TCP_HEADER
                }
                Body::PortUnreachable { src, dst } => {
                    transport[..4].copy_from_slice(&[3, 3, 0, 0]);
                    transport[8..12].copy_from_slice(&src.ip().octets());
                    transport[12..16].copy_from_slice(&dst.ip().octets());
                    transport[16..18].copy_from_slice(&src.port().to_be_bytes());
                    transport[18..20].copy_from_slice(&dst.port().to_be_bytes());
                    20
                }
            }
    }

    fn ipv4_header(&self) -> [u8; IPV4_HEADER] {
        let (number, length) = (self.protocol_number(), self.size() as u16);
        ipv4_header(*self.src.ip(), *self.dst.ip(), number, self.ident, length, self.fragment_field())
    }

    fn protocol_number(&self) -> u8 {
        match self.protocol() {
            Protocol::Udp => 17,
            Protocol::Tcp => 6,
            Protocol::Icmp => 1,
        }
    }

    /// The flags and the offset of an IPv4 header (RFC 791 section 3.1): "more fragments", and eighths of bytes.
    fn fragment_field(&self) -> u16 {
        self.fragment.map_or(0, |piece| (piece.offset / 8) as u16 | if piece.more { 0x2000 } else { 0 })
    }

    /// The part of the payload that this packet carries: all of it, or a fragment's piece.
    pub(crate) fn carried(&self) -> &[u8] {
        let payload = self.payload();
        match self.fragment {
            None => payload,
            Some(fragment) => {
                let from = (fragment.offset as usize).saturating_sub(UDP_HEADER).min(payload.len());
                let to =
                    (fragment.offset as usize + fragment.length as usize).saturating_sub(UDP_HEADER).min(payload.len());
                &payload[from..to]
            }
        }
    }

    /// Writes the packet as a capture holds it: IPv4 header and all, checksums right. A corrupt packet has its bits
    /// flipped behind the checksum's back.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut headers = [0; 48];
        let length = self.headers(&mut headers);
        self.encode_with(&headers[..length], out);
    }

    /// The same, with its [headers](Packet::headers) at hand.
    pub(crate) fn encode_with(&self, headers: &[u8], out: &mut Vec<u8>) {
        out.clear();
        match (&self.fragment, &self.body) {
            (Some(fragment), _) => self.encode_fragment(fragment, out),
            (None, Body::PortUnreachable { src, dst }) => self.encode_unreachable(*src, *dst, out),
            (None, Body::Udp(payload)) => {
                out.extend_from_slice(headers);
                out.extend_from_slice(payload);
                // RFC 768: a sum of zero is sent as all ones, zero says "none".
                let sum = match self.transport_checksum(17, &out[IPV4_HEADER..]) {
                    0 => 0xffff,
                    sum => sum,
                };
                out[IPV4_HEADER + 6..IPV4_HEADER + 8].copy_from_slice(&sum.to_be_bytes());
            }
            (None, Body::Tcp(segment)) => {
                out.extend_from_slice(headers);
                out.extend_from_slice(&segment.payload);
                let sum = self.transport_checksum(6, &out[IPV4_HEADER..]);
                out[IPV4_HEADER + 16..IPV4_HEADER + 18].copy_from_slice(&sum.to_be_bytes());
            }
        }
        if let Some(bit) = self.corrupt {
            let bits = ((out.len() - IPV4_HEADER) * 8) as u32;
            let bit = (bit % bits) as usize;
            out[IPV4_HEADER + bit / 8] ^= 0x80 >> (bit % 8);
        }
    }

    /// A piece of the datagram, cut out of the whole with its checksum.
    fn encode_fragment(&self, fragment: &Fragment, out: &mut Vec<u8>) {
        Packet { fragment: None, corrupt: None, ..self.clone() }.encode(out);
        let from = IPV4_HEADER + fragment.offset as usize;
        out.copy_within(from..from + fragment.length as usize, IPV4_HEADER);
        out.truncate(IPV4_HEADER + fragment.length as usize);
        out[..IPV4_HEADER].copy_from_slice(&self.ipv4_header());
    }

    /// The bad news, and the headers of the datagram that it speaks of (RFC 792).
    fn encode_unreachable(&self, src: SocketAddrV4, dst: SocketAddrV4, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ipv4_header());
        out.extend_from_slice(&[3, 3, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&ipv4_header(*src.ip(), *dst.ip(), 17, 0, (IPV4_HEADER + UDP_HEADER) as u16, 0));
        out.extend_from_slice(&src.port().to_be_bytes());
        out.extend_from_slice(&dst.port().to_be_bytes());
        out.extend_from_slice(&[0, UDP_HEADER as u8, 0, 0]);
        let sum = checksum(0, &out[IPV4_HEADER..]);
        out[IPV4_HEADER + 2..IPV4_HEADER + 4].copy_from_slice(&sum.to_be_bytes());
    }

    /// The sum over the pseudo header, and the transport's own with the payload behind it.
    fn transport_checksum(&self, protocol: u8, transport: &[u8]) -> u16 {
        let [a, b, c, d] = self.src.ip().octets();
        let [e, f, g, h] = self.dst.ip().octets();
        let [hi, lo] = (transport.len() as u16).to_be_bytes();
        let pseudo = [a, b, c, d, e, f, g, h, 0, protocol, hi, lo];
        checksum(sum_words(0, &pseudo), transport)
    }
}

impl fmt::Display for Packet {
    /// One line: `UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 172 bytes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}, {} bytes", self.protocol(), self.src, self.dst, self.payload().len())?;
        if let Some(segment) = self.segment() {
            let flags = segment.flags;
            for (set, name) in [(flags.syn, "SYN"), (flags.fin, "FIN"), (flags.rst, "RST"), (flags.ack, "ACK")] {
                if set {
                    write!(f, " {name}")?;
                }
            }
        }
        if let Some(fragment) = self.fragment {
            write!(f, ", fragment {}+{}", fragment.offset, fragment.length)?;
        }
        Ok(())
    }
}

fn flag_bits(flags: TcpFlags) -> u8 {
    u8::from(flags.fin)
        | u8::from(flags.syn) << 1
        | u8::from(flags.rst) << 2
        | u8::from(flags.psh) << 3
        | u8::from(flags.ack) << 4
        | u8::from(flags.urg) << 5
}

fn ipv4_header(
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: u8,
    ident: u16,
    length: u16,
    fragment: u16,
) -> [u8; IPV4_HEADER] {
    let mut header = [0; IPV4_HEADER];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&length.to_be_bytes());
    header[4..6].copy_from_slice(&ident.to_be_bytes());
    header[6..8].copy_from_slice(&fragment.to_be_bytes());
    header[8] = 64;
    header[9] = protocol;
    header[12..16].copy_from_slice(&src.octets());
    header[16..20].copy_from_slice(&dst.octets());
    let sum = checksum(0, &header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

/// Adds 16-bit words, the last one padded with zero, as this machine reads them: which byte of a word comes first is no
/// matter until the sum is looked at, nor is how many of them are added at once (RFC 1071 section 2).
fn sum_words(start: u64, bytes: &[u8]) -> u64 {
    let add = |sum: u64, words: [u8; 8]| {
        let (sum, carry) = sum.overflowing_add(u64::from_ne_bytes(words));
        sum + u64::from(carry)
    };
    let (words, left) = bytes.as_chunks::<8>();
    let mut rest = [0; 8];
    rest[..left.len()].copy_from_slice(left);
    add(words.iter().fold(start, |sum, words| add(sum, *words)), rest)
}

/// The Internet checksum (RFC 1071).
fn checksum(start: u64, bytes: &[u8]) -> u16 {
    let mut sum = sum_words(start, bytes);
    for bits in [32, 16, 16, 16] {
        sum = (sum & ((1 << bits) - 1)) + (sum >> bits);
    }
    !u16::from_be(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(payload: &'static [u8]) -> Packet {
        Packet {
            id: PacketId(1),
            src: "10.0.0.1:5060".parse().unwrap(),
            dst: "10.0.0.2:5061".parse().unwrap(),
            ident: 7,
            body: Body::Udp(Bytes::from_static(payload)),
            fragment: None,
            corrupt: None,
        }
    }

    /// RFC 1071 section 3: 0001 f203 f4f5 f6f7 add up to ddf2 (with the carry).
    #[test]
    fn the_checksum_is_the_one_of_rfc_1071() {
        assert_eq!(checksum(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    /// A receiver adds everything up, checksum included, and gets zero.
    #[test]
    fn a_receiver_that_verifies_the_checksums_finds_them_right() {
        for payload in [&b""[..], b"x", b"odd", b"even"] {
            let packet = udp(payload.to_vec().leak());
            let mut bytes = Vec::new();
            packet.encode(&mut bytes);
            assert_eq!(checksum(0, &bytes[..20]), 0);
            assert_eq!(packet.transport_checksum(17, &bytes[20..]), 0);
        }
    }

    /// What goes into the run's hash is what stands on the wire, but for the transport's checksum.
    #[test]
    fn the_hashed_headers_are_those_of_the_capture() {
        let tcp = Body::Tcp(Segment {
            seq: 7,
            ack: 9,
            flags: TcpFlags { ack: true, psh: true, ..TcpFlags::default() },
            window: 512,
            payload: Bytes::from_static(b"data"),
        });
        for (body, sum_at) in [(udp(b"hello").body, 26), (tcp, 36)] {
            let packet = Packet { body, ..udp(b"") };
            let mut bytes = Vec::new();
            packet.encode(&mut bytes);
            bytes[sum_at..sum_at + 2].fill(0);
            let mut headers = [0; 48];
            let length = packet.headers(&mut headers);
            assert_eq!(headers[..length], bytes[..length]);
            assert_eq!(&bytes[length..], packet.carried());
        }
    }

    #[test]
    fn a_flipped_bit_shows_in_the_checksum() {
        let mut packet = udp(b"hello");
        packet.corrupt = Some(77);
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        assert_ne!(packet.transport_checksum(17, &bytes[20..]), 0);
        assert_eq!(checksum(0, &bytes[..20]), 0, "the IP header is whole: the packet reaches its receiver");
    }

    #[test]
    fn fragments_put_together_are_the_datagram() {
        let payload: Vec<u8> = (0..100u8).collect();
        let whole = udp(payload.leak());
        let mut whole_bytes = Vec::new();
        whole.encode(&mut whole_bytes);
        let mut together = Vec::new();
        for (offset, length, more) in [(0, 48, true), (48, 60, false)] {
            let mut piece = whole.clone();
            piece.fragment = Some(Fragment { offset, length, more });
            let mut bytes = Vec::new();
            piece.encode(&mut bytes);
            assert_eq!(bytes.len() as u32, piece.size());
            together.extend_from_slice(&bytes[20..]);
        }
        assert_eq!(together, whole_bytes[20..]);
    }
}
