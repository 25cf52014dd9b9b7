//! The byte streams that TCP segments carry (RFC 9293 section 3.4), one a direction.
//!
//! Feed it the segments that *arrived* to learn what the receiver was told, or those that were *sent* to learn what
//! the sender said. A byte that was transmitted again with another value is no news: the first one stands, as at the
//! receiver, and the stream remembers the conflict.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

use busyhour_trace::{PacketId, SimTime};
use rustc_hash::FxHashMap;

use super::tcp::Segment;

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// Who speaks.
    pub from: SocketAddrV4,
    /// Who listens.
    pub to: SocketAddrV4,
}

impl Flow {
    /// The other direction.
    #[must_use]
    pub fn reversed(self) -> Flow {
        Flow { from: self.to, to: self.from }
    }
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a FIN, and every byte before it is there.
    Finished(SimTime),
    /// With an RST, from either side.
    Reset(SimTime),
}

/// Bytes, and which packet brought them.
#[derive(Debug, Clone)]
struct Piece {
    at: SimTime,
    packet: PacketId,
    bytes: Vec<u8>,
}

/// One direction of one connection.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The sequence number of byte 0: one more than the SYN's.
    first: u32,
    /// How many bytes in front were consumed.
    consumed: u64,
    /// The bytes behind those, without a gap.
    bytes: Vec<u8>,
    /// Where each packet's bytes begin, for those that aren't consumed; in their order.
    marks: VecDeque<(u64, (SimTime, PacketId))>,
    /// What came too early, by its place.
    early: BTreeMap<u64, Piece>,
    /// The place of the FIN, and when it came.
    fin: Option<(u64, SimTime)>,
    end: Option<End>,
    conflicts: Vec<(u64, PacketId)>,
}

impl Stream {
    fn beginning_at(first: u32) -> Stream {
        Stream {
            first,
            consumed: 0,
            bytes: Vec::new(),
            marks: VecDeque::new(),
            early: BTreeMap::new(),
            fin: None,
            end: None,
            conflicts: Vec::new(),
        }
    }

    /// The bytes that are there without a gap and weren't consumed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The place of the first of [`bytes`](Stream::bytes) in the whole stream.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Drops the first `count` of [`bytes`](Stream::bytes): whoever reads the stream has understood them.
    ///
    /// # Panics
    /// If there aren't as many: nobody can have understood them.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.bytes.len(), "{count} bytes consumed of {}", self.bytes.len());
        self.bytes.drain(..count);
        self.consumed += count as u64;
        // The mark that covers the first byte stays, whatever it says of bytes before.
        while self.marks.get(1).is_some_and(|(next, _)| *next <= self.consumed) {
            self.marks.pop_front();
        }
    }

    /// When the byte at `place` of the whole stream came, and in which packet. Consumed bytes aren't remembered.
    pub fn brought(&self, place: u64) -> Option<(SimTime, PacketId)> {
        let end = self.consumed + self.bytes.len() as u64;
        if place < self.consumed || place >= end {
            return None;
        }
        let behind = self.marks.partition_point(|(begin, _)| *begin <= place);
        Some(self.marks.get(behind.checked_sub(1)?)?.1)
    }

    /// How it ended, if it did. A FIN counts once every byte before it is there.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// True if bytes are there that can't be read yet, for want of those before them.
    pub fn has_gap(&self) -> bool {
        !self.early.is_empty() || (self.fin.is_some() && self.end.is_none())
    }

    /// Where bytes were transmitted again with other values, and by which packet.
    pub fn conflicts(&self) -> &[(u64, PacketId)] {
        &self.conflicts
    }

    /// The place of the next byte that is expected.
    fn next(&self) -> u64 {
        self.consumed + self.bytes.len() as u64
    }

    /// The place in the stream that a sequence number means: the one that is nearest to what's expected next.
    fn place(&self, sequence: u32) -> i64 {
        let next = self.next();
        let ahead = sequence.wrapping_sub(self.first.wrapping_add(next as u32)) as i32;
        next as i64 + i64::from(ahead)
    }

    fn take(&mut self, at: SimTime, packet: PacketId, segment: &Segment<'_>) {
        // A SYN takes a number of its own, before the data that may come with it (RFC 7413).
        let sequence = segment.sequence.wrapping_add(u32::from(segment.flags.syn()));
        let start = self.place(sequence);
        let mut payload = segment.payload;
        let mut place = start;
        if place < 0 {
            // From before the stream's first byte: a keep-alive probe, or nonsense.
            let skip = usize::try_from(-place).unwrap_or(usize::MAX).min(payload.len());
            payload = &payload[skip..];
            place = 0;
        }
        if let Some((fin, _)) = self.fin {
            // Nothing comes after the end.
            let room = usize::try_from(fin as i64 - place).unwrap_or(0);
            if payload.len() > room {
                self.conflicts.push((fin, packet));
                payload = &payload[..room];
            }
        }
        if segment.flags.fin() {
            let fin = start + segment.payload.len() as i64;
            // A FIN before bytes that are there already contradicts them.
            if fin < self.next() as i64 || self.fin.is_some_and(|(known, _)| known as i64 != fin) {
                self.conflicts.push((fin.max(0) as u64, packet));
            } else if self.fin.is_none() {
                self.fin = Some((fin as u64, at));
            }
        }
        self.put(place as u64, at, packet, payload);
        while let Some(early) = self.early.first_entry() {
            if *early.key() > self.consumed + self.bytes.len() as u64 {
                break;
            }
            let (place, piece) = early.remove_entry();
            self.put(place, piece.at, piece.packet, &piece.bytes);
        }
        if let Some((fin, came)) = self.fin
            && self.next() >= fin
            && self.end.is_none()
        {
            self.end = Some(End::Finished(at.max(came)));
        }
    }

    fn put(&mut self, place: u64, at: SimTime, packet: PacketId, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let next = self.next();
        if place > next {
            self.put_early(place, Piece { at, packet, bytes: bytes.to_vec() });
            return;
        }
        let known = ((next - place) as usize).min(bytes.len());
        let (again, new) = bytes.split_at(known);
        // What was consumed can't be compared any more.
        let forgotten = (self.consumed.saturating_sub(place) as usize).min(known);
        let from = place.saturating_sub(self.consumed) as usize;
        let there = self.bytes.get(from..).unwrap_or_default();
        if let Some(differs) = again[forgotten..].iter().zip(there).position(|(new, old)| new != old) {
            self.conflicts.push((place + (forgotten + differs) as u64, packet));
        }
        if !new.is_empty() {
            self.marks.push_back((next, (at, packet)));
            self.bytes.extend_from_slice(new);
        }
    }

    /// Keeps a piece that came too early, unless a longer one is kept at its place.
    fn put_early(&mut self, place: u64, piece: Piece) {
        match self.early.get_mut(&place) {
            Some(kept) => {
                if let Some(differs) = kept.bytes.iter().zip(&piece.bytes).position(|(a, b)| a != b) {
                    self.conflicts.push((place + differs as u64, piece.packet));
                }
                if kept.bytes.len() < piece.bytes.len() {
                    let rest = kept.bytes.len();
                    let tail = Piece { bytes: piece.bytes[rest..].to_vec(), ..piece };
                    let place = place + rest as u64;
                    self.put_early(place, tail);
                }
            }
            None => {
                self.early.insert(place, piece);
            }
        }
    }
}

/// All streams that a tap sees.
///
/// ```
/// use busyhour_oracle::read::stream::{Flow, Streams};
/// use busyhour_oracle::read::tcp::Segment;
/// use busyhour_trace::{PacketId, SimTime};
///
/// let flow = Flow { from: "10.0.0.1:49152".parse().unwrap(), to: "10.0.0.2:80".parse().unwrap() };
/// let mut streams = Streams::default();
/// let mut arrive = |id, sequence: u8, flags, payload: &[u8]| {
///     let mut bytes = vec![0xc0, 0, 0, 80, 0, 0, 0, sequence, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
///     bytes.extend(payload);
///     streams.segment(SimTime(id), PacketId(id), flow, &Segment::read(&bytes).unwrap());
/// };
/// arrive(0, 9, 0x02, b""); // SYN
/// arrive(1, 13, 0x18, b" / HTTP/1.1"); // out of order
/// arrive(2, 10, 0x18, b"GET");
/// assert_eq!(streams.get(flow).unwrap().bytes(), b"GET / HTTP/1.1");
/// ```
#[derive(Debug, Default)]
pub struct Streams {
    flows: FxHashMap<Flow, Vec<Stream>>,
    strays: u64,
}

impl Streams {
    /// Takes a segment that was seen in `packet`, going along `flow`.
    pub fn segment(&mut self, at: SimTime, packet: PacketId, flow: Flow, segment: &Segment<'_>) {
        if segment.flags.rst() {
            self.reset(at, flow, segment);
            return;
        }
        let lives = self.flows.entry(flow).or_default();
        if segment.flags.syn() {
            let first = segment.sequence.wrapping_add(1);
            // The same SYN again is a retransmission; another one, or one after the end, is another connection.
            let again = lives.last().is_some_and(|life| life.first == first && life.end.is_none());
            if !again {
                lives.push(Stream::beginning_at(first));
            }
        }
        match lives.last_mut() {
            Some(life) if !matches!(life.end, Some(End::Reset(_))) => life.take(at, packet, segment),
            _ if segment.payload.is_empty() && !segment.flags.fin() => {}
            _ => self.strays += 1,
        }
    }

    /// An RST ends both directions, unless it's an old one (RFC 5961 section 3): it must not lie before what is
    /// expected next.
    fn reset(&mut self, at: SimTime, flow: Flow, segment: &Segment<'_>) {
        let own = self.flows.get_mut(&flow).and_then(|lives| lives.last_mut());
        if let Some(own) = own {
            let old = own.place(segment.sequence) < own.next() as i64;
            if old && own.end.is_none() {
                self.strays += 1;
                return;
            }
            own.end.get_or_insert(End::Reset(at));
        }
        if let Some(other) = self.flows.get_mut(&flow.reversed()).and_then(|lives| lives.last_mut()) {
            other.end.get_or_insert(End::Reset(at));
        }
    }

    /// The newest stream along `flow`.
    pub fn get(&self, flow: Flow) -> Option<&Stream> {
        self.flows.get(&flow)?.last()
    }

    /// The newest stream along `flow`, to consume from.
    pub fn get_mut(&mut self, flow: Flow) -> Option<&mut Stream> {
        self.flows.get_mut(&flow)?.last_mut()
    }

    /// The newest streams along `flow` and against it, to read them together.
    pub fn both_mut(&mut self, flow: Flow) -> Option<(&mut Stream, &mut Stream)> {
        if flow.from == flow.to {
            // Who talks with himself has one stream for both.
            return None;
        }
        let [there, back] = self.flows.get_disjoint_mut([&flow, &flow.reversed()]);
        Some((there?.last_mut()?, back?.last_mut()?))
    }

    /// Forgets the streams along `flow` and against it: nobody will read them.
    pub fn forget(&mut self, flow: Flow) {
        self.flows.remove(&flow);
        self.flows.remove(&flow.reversed());
    }

    /// Every stream, by flow, and by age where ports were used again.
    pub fn iter(&self) -> impl Iterator<Item = (Flow, &Stream)> {
        let mut flows: Vec<_> = self.flows.iter().collect();
        flows.sort_unstable_by_key(|(flow, _)| **flow);
        flows.into_iter().flat_map(|(flow, lives)| lives.iter().map(|life| (*flow, life)))
    }

    /// How many segments with data belonged to no stream, or to one that was reset, and how many RSTs were too old.
    pub fn strays(&self) -> u64 {
        self.strays
    }
}
