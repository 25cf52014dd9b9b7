//! IPv4 (RFC 791), and the datagrams that were sent in fragments (section 3.2).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use busyhour_trace::SimTime;

use super::{Fault, Layer, Unreadable, sum, u16_at};

/// The protocol number of ICMP.
pub const ICMP: u8 = 1;
/// The protocol number of TCP.
pub const TCP: u8 = 6;
/// The protocol number of UDP.
pub const UDP: u8 = 17;

/// An IPv4 packet.
///
/// ```
/// use busyhour_oracle::read::ipv4::{self, Packet};
///
/// let bytes = [
///     0x45, 0, 0, 21, 0, 7, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 1, 10, 0, 0, 2, // header
///     b'!',
/// ];
/// let packet = Packet::read(&bytes)?;
/// assert_eq!(packet.source.to_string(), "10.0.0.1");
/// assert_eq!((packet.protocol, packet.payload), (ipv4::UDP, &b"!"[..]));
/// assert!(packet.checksum_is_right());
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The header's bytes, options included.
    pub header: &'a [u8],
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The receiver's.
    pub destination: Ipv4Addr,
    /// The protocol of the payload.
    pub protocol: u8,
    /// Hops that it may still take.
    pub ttl: u8,
    /// What fragments of one datagram have in common.
    pub identification: u16,
    /// It must not be fragmented.
    pub dont_fragment: bool,
    /// It's a fragment, and not the last.
    pub more_fragments: bool,
    /// Where in its datagram's payload this one's begins, in bytes.
    pub fragment_offset: usize,
    /// What it carries, without whatever a link may have added behind it.
    pub payload: &'a [u8],
}

/// The length of the shortest header.
const HEADER: usize = 20;
/// The payload of the largest datagram.
const LARGEST: usize = 65_535 - HEADER;

impl<'a> Packet<'a> {
    /// Reads a packet. A wrong checksum isn't an error: ask [`checksum_is_right`](Packet::checksum_is_right).
    #[inline]
    pub fn read(bytes: &'a [u8]) -> Result<Packet<'a>, Unreadable> {
        let packet = Packet::read_beginning(bytes)?;
        let needed = usize::from(u16_at(packet.header, 2));
        if bytes.len() < needed {
            return Err(unreadable(2, Fault::Truncated { needed, found: bytes.len() }));
        }
        Ok(packet)
    }

    /// Reads the beginning of a packet, as an ICMP message quotes it: the payload may be cut short.
    #[inline]
    pub fn read_beginning(bytes: &'a [u8]) -> Result<Packet<'a>, Unreadable> {
        if bytes.len() < HEADER {
            return Err(unreadable(0, Fault::Truncated { needed: HEADER, found: bytes.len() }));
        }
        let version = bytes[0] >> 4;
        if version != 4 {
            return Err(unreadable(0, Fault::Version(version)));
        }
        let header = usize::from(bytes[0] & 0x0f) * 4;
        if header < HEADER {
            return Err(unreadable(0, Fault::HeaderLength(header)));
        }
        if bytes.len() < header {
            return Err(unreadable(0, Fault::Truncated { needed: header, found: bytes.len() }));
        }
        let length = usize::from(u16_at(bytes, 2));
        if length < header {
            return Err(unreadable(2, Fault::Length(length)));
        }
        let flags = u16_at(bytes, 6);
        let packet = Packet {
            header: &bytes[..header],
            source: Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]),
            destination: Ipv4Addr::new(bytes[16], bytes[17], bytes[18], bytes[19]),
            protocol: bytes[9],
            ttl: bytes[8],
            identification: u16_at(bytes, 4),
            dont_fragment: flags & 0x4000 != 0,
            more_fragments: flags & 0x2000 != 0,
            fragment_offset: usize::from(flags & 0x1fff) * 8,
            payload: &bytes[header..length.min(bytes.len())],
        };
        let end = packet.fragment_offset + (length - header);
        if end > LARGEST {
            return Err(unreadable(6, Fault::FragmentEnd(end)));
        }
        if packet.more_fragments && (length - header) % 8 != 0 {
            return Err(unreadable(6, Fault::FragmentLength(length - header)));
        }
        Ok(packet)
    }

    /// True if the header's checksum is right.
    pub fn checksum_is_right(&self) -> bool {
        sum(&[self.header]) == 0xffff
    }

    /// True if this is a piece of a datagram, not a whole one.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset > 0
    }
}

fn unreadable(offset: usize, fault: Fault) -> Unreadable {
    Unreadable { layer: Layer::Ipv4, offset, fault }
}

/// A whole datagram: what one packet carried, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The receiver's.
    pub destination: Ipv4Addr,
    /// The protocol of the payload.
    pub protocol: u8,
    /// What it carries.
    pub payload: Cow<'a, [u8]>,
}

/// Puts fragments together, for one receiver.
///
/// ```
/// use busyhour_oracle::read::ipv4::{Packet, Reassembly};
/// use busyhour_trace::SimTime;
///
/// let whole = [0x45, 0, 0, 21, 0, 7, 0, 0, 64, 17, 0x66, 0xcf, 10, 0, 0, 1, 10, 0, 0, 2, b'!'];
/// let mut reassembly = Reassembly::default();
/// let datagram = reassembly.push(SimTime::ZERO, &Packet::read(&whole)?);
/// assert_eq!(&*datagram.unwrap().payload, b"!");
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
///
/// As Linux does it: a repeated fragment is ignored, a fragment that overlaps another otherwise spoils its datagram
/// (RFC 5722's rule for IPv6), and what isn't whole after 30 seconds never will be.
#[derive(Debug, Default)]
pub struct Reassembly {
    open: BTreeMap<Key, Pieces>,
}

/// Source, destination, protocol, identification (RFC 791 section 2.3).
type Key = (Ipv4Addr, Ipv4Addr, u8, u16);

#[derive(Debug)]
struct Pieces {
    since: SimTime,
    /// By offset.
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Where the datagram ends, once its last fragment is there.
    end: Option<usize>,
    spoiled: bool,
}

/// How long a datagram may take to become whole.
pub const PATIENCE: Duration = Duration::from_secs(30);

impl Reassembly {
    /// Takes a packet that arrived; gives the datagram that is whole now, if one is.
    pub fn push<'a>(&mut self, at: SimTime, packet: &Packet<'a>) -> Option<Datagram<'a>> {
        let Packet { source, destination, protocol, .. } = *packet;
        if !packet.is_fragment() {
            return Some(Datagram { source, destination, protocol, payload: Cow::Borrowed(packet.payload) });
        }
        self.open.retain(|_, pieces| at.since(pieces.since) <= PATIENCE);
        let key = (source, destination, protocol, packet.identification);
        let pieces = self.open.entry(key).or_insert_with(|| Pieces::since(at));
        pieces.add(packet);
        let payload = pieces.whole()?;
        self.open.remove(&key);
        Some(Datagram { source, destination, protocol, payload: Cow::Owned(payload) })
    }

    /// How many datagrams are still waiting for fragments, spoiled ones included.
    pub fn waiting(&self) -> usize {
        self.open.len()
    }
}

impl Pieces {
    fn since(since: SimTime) -> Pieces {
        Pieces { since, pieces: BTreeMap::new(), end: None, spoiled: false }
    }

    fn add(&mut self, packet: &Packet<'_>) {
        let (start, end) = (packet.fragment_offset, packet.fragment_offset + packet.payload.len());
        if self.pieces.get(&start).is_some_and(|piece| piece == packet.payload) {
            return;
        }
        let before = self.pieces.range(..=start).next_back();
        let overlaps = before.is_some_and(|(place, piece)| place + piece.len() > start || *place == start)
            || self.pieces.range(start..end).next().is_some();
        let beyond = self.end.is_some_and(|last| end > last || (!packet.more_fragments && end != last));
        let cut = !packet.more_fragments && self.pieces.range(end..).next().is_some();
        if overlaps || beyond || cut {
            self.spoiled = true;
            return;
        }
        if !packet.more_fragments {
            self.end = Some(end);
        }
        self.pieces.insert(start, packet.payload.to_vec());
    }

    fn whole(&self) -> Option<Vec<u8>> {
        let end = self.end?;
        let there: usize = self.pieces.values().map(Vec::len).sum();
        // No two pieces overlap and none lies beyond the end, so enough bytes are all bytes.
        (!self.spoiled && there == end).then(|| self.pieces.values().flatten().copied().collect())
    }
}
