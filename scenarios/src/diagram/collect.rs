//! What a tap keeps for a diagram: the bytes of SIP messages and what became of them, and stretches of audio. SIP is
//! read when somebody wants it drawn; what only has to be told (a WebSocket opens, a handshake begins) is told at once.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use busyhour_oracle::read::ipv4::{self, Packet, Reassembly};
use busyhour_oracle::read::sip::{self, begins_like_sip};
use busyhour_oracle::read::{tcp, udp, websocket};
use busyhour_trace::{HostId, Log, Loss, PacketId, PacketSeen, SimTime, Stage};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Diagram;
use super::audio::Audios;
use super::setup::Setups;

/// SIP's port; on it, what isn't SIP is kept too.
const SIP: u16 = 5060;
/// A longer run keeps so many messages of its beginning...
const FIRST_MAX: usize = 500;
/// ... and so many of its end...
const LAST_MAX: usize = 8_000;
/// ... and no more bytes of those than this.
const BYTES_MAX: usize = 8 << 20;
/// A stream that goes on so long without a message's end isn't SIP.
const STREAM_MAX: usize = 1 << 18;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    OnItsWay,
    Arrived(SimTime),
    Lost(Loss),
}

/// A message as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub sent: SimTime,
    pub from: Option<HostId>,
    pub to: Option<HostId>,
    /// Where it was sent to.
    pub address: Ipv4Addr,
    pub fate: Fate,
    /// The first packet that carried it.
    pub packet: PacketId,
    /// What became of it when it was sent first: TCP sends again what was lost.
    pub first: Fate,
    /// The packets that carried it again, or some of it.
    pub again: Vec<Again>,
    /// Packets that carry it and haven't arrived: several if it's sent in fragments.
    missing: u16,
    /// The network made it, as a copy of another.
    pub copied: bool,
    pub raw: Box<[u8]>,
    /// What it is, if it isn't SIP's.
    pub told: Option<Box<str>>,
}

impl Seen {
    /// A packet that carried it has ended.
    fn ended(&mut self, seen: &PacketSeen<'_>, fate: Fate) {
        self.to = seen.to.or(self.to);
        match (self.again.iter_mut().find(|again| again.packet == seen.id), fate) {
            (Some(again), fate) => again.fate = fate,
            (None, Fate::Arrived(_)) if self.missing > 1 || self.first != Fate::OnItsWay => {}
            (None, fate) => self.first = fate,
        }
        match fate {
            Fate::Arrived(_) if self.missing > 1 => self.missing -= 1,
            // A repeated segment may arrive twice; the first time counts.
            Fate::Arrived(at) if !matches!(self.fate, Fate::Arrived(_)) => self.fate = Fate::Arrived(at),
            Fate::Lost(loss) if self.fate == Fate::OnItsWay => self.fate = Fate::Lost(loss),
            _ => {}
        }
    }
}

/// A packet that carried a message, or some of it, once more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Again {
    pub packet: PacketId,
    pub sent: SimTime,
    pub fate: Fate,
}

/// Keeps what a sequence diagram is drawn from. It's a tap: give it to a universe.
#[derive(Debug, Default)]
pub struct Collector {
    first: Vec<Seen>,
    last: VecDeque<Seen>,
    /// How many were dropped between the two.
    dropped: usize,
    bytes: usize,
    /// Which messages a packet carries that's on its way, by their numbers.
    carried: FxHashMap<PacketId, Vec<usize>>,
    fragments: Reassembly,
    /// The packets of datagrams that aren't whole.
    pieces: BTreeMap<(Ipv4Addr, Ipv4Addr, u16), Vec<PacketId>>,
    streams: BTreeMap<(Ipv4Addr, u16, Ipv4Addr, u16), Stream>,
    /// Packets of those that haven't arrived.
    flying: FxHashSet<PacketId>,
    audio: Audios,
    setups: Setups,
}

/// How a connection's bytes make messages.
#[derive(Debug)]
enum Framing {
    /// One message of SIP after the other.
    Sip,
    /// A WebSocket's handshake comes first.
    Handshake,
    /// WebSocket frames; true once its last one was sent.
    Frames(websocket::Reader, bool),
}

/// A message in a stream.
enum Piece {
    Sip(Vec<u8>),
    Told(String),
    /// Nothing that anybody has to know.
    Nothing,
}

/// What a host says over a connection that may be SIP's.
#[derive(Debug)]
struct Stream {
    framing: Framing,
    /// The sequence number of the first of `bytes`.
    next: u32,
    bytes: Vec<u8>,
    /// The packets of `bytes`, by the sequence number behind them.
    packets: VecDeque<(u32, PacketId)>,
    /// Messages that may be sent again: where they begin and end in the stream, and their numbers.
    open: VecDeque<(u32, u32, usize)>,
}

impl Stream {
    fn beginning(segment: &tcp::Segment<'_>) -> Stream {
        let framing = match websocket::begins_like_handshake(segment.payload) {
            true => Framing::Handshake,
            false => Framing::Sip,
        };
        Stream { framing, next: segment.sequence, bytes: Vec::new(), packets: VecDeque::new(), open: VecDeque::new() }
    }

    /// The next message and how many bytes it takes; nothing if it isn't whole. An error: these bytes are none of ours.
    fn piece(&mut self) -> Result<Option<(Piece, usize)>, ()> {
        match &mut self.framing {
            Framing::Sip => match sip::Message::read_framed(&self.bytes) {
                Ok(Some((message, taken))) => Ok(Some((Piece::Sip(message.raw().to_vec()), taken))),
                Ok(None) if self.bytes.len() <= STREAM_MAX => Ok(None),
                _ => Err(()),
            },
            Framing::Handshake => {
                let asks = self.bytes.starts_with(b"GET ");
                let read = if asks { websocket::read_request } else { websocket::read_response };
                match read(&self.bytes) {
                    Ok(Some((handshake, taken))) => {
                        let words = if asks { "WebSocket" } else { "WebSocket is open" };
                        let protocols = handshake.protocols.join(", ");
                        let told =
                            if protocols.is_empty() { words.to_owned() } else { format!("{words}, {protocols}") };
                        self.framing = Framing::Frames(websocket::Reader::default(), false);
                        Ok(Some((Piece::Told(told), taken)))
                    }
                    Ok(None) if self.bytes.len() <= STREAM_MAX => Ok(None),
                    _ => Err(()),
                }
            }
            Framing::Frames(reader, closed) => match reader.next(&self.bytes) {
                Ok(Some((item, taken))) => {
                    let piece = match item {
                        websocket::Item::Message { payload, .. } if begins_like_sip(&payload) => Piece::Sip(payload),
                        websocket::Item::Close { code } => {
                            *closed = true;
                            Piece::Told(format!("WebSocket close {}", websocket::words(code)))
                        }
                        _ => Piece::Nothing,
                    };
                    Ok(Some((piece, taken)))
                }
                Ok(None) => Ok(None),
                Err(_) => Err(()),
            },
        }
    }

    /// What it means that this direction ends here, if it's a WebSocket that never said so.
    fn end(&mut self, flags: tcp::Flags) -> Option<&'static str> {
        let Framing::Frames(_, closed) = &mut self.framing else { return None };
        if !flags.fin() && !flags.rst() || std::mem::replace(closed, true) {
            return None;
        }
        Some(if flags.rst() { "WebSocket is reset" } else { "WebSocket ends without a close" })
    }
}

impl Collector {
    /// Takes a sighting.
    pub fn packet(&mut self, seen: &PacketSeen<'_>) {
        match seen.stage {
            Stage::Sent => self.sent(seen),
            Stage::Copied { of } => self.copied(seen, of),
            Stage::Arrived => self.ended(seen, Fate::Arrived(seen.at)),
            Stage::Lost(loss) => self.ended(seen, Fate::Lost(loss)),
        }
    }

    /// Everything is seen: what there is to draw, with the steps and the world's doings of that log.
    pub fn into_diagram(self, log: &Log) -> Diagram {
        let Collector { first, last, dropped, audio, .. } = self;
        super::rows::diagram(first, last.into(), dropped, audio, log)
    }

    fn sent(&mut self, seen: &PacketSeen<'_>) {
        let Ok(packet) = Packet::read(seen.bytes) else { return };
        match packet.protocol {
            ipv4::UDP if packet.is_fragment() => self.fragment(seen, &packet),
            ipv4::UDP => self.datagram(seen, packet.destination, packet.payload, &[seen.id]),
            ipv4::TCP => self.segment(seen, &packet),
            _ => {}
        }
    }

    fn fragment(&mut self, seen: &PacketSeen<'_>, packet: &Packet<'_>) {
        let key = (packet.source, packet.destination, packet.identification);
        self.pieces.entry(key).or_default().push(seen.id);
        if let Some(datagram) = self.fragments.push(seen.at, packet) {
            let packets = self.pieces.remove(&key).unwrap_or_default();
            self.datagram(seen, packet.destination, &datagram.payload, &packets);
        }
        if self.pieces.len() > 64 {
            self.pieces.pop_first();
        }
    }

    fn datagram(&mut self, seen: &PacketSeen<'_>, to: Ipv4Addr, payload: &[u8], packets: &[PacketId]) {
        // Audio is counted when it arrives; it's by far the most there is.
        if is_media(payload.get(8..).unwrap_or_default()) {
            return;
        }
        let Ok(datagram) = udp::Datagram::read(payload) else { return };
        let ends = (datagram.source_port, datagram.destination_port);
        if let Some(told) = self.setups.told(seen, to, ends, datagram.payload) {
            self.tell(seen, to, told, packets);
            return;
        }
        let port = datagram.source_port == SIP || datagram.destination_port == SIP;
        let blank = datagram.payload.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if begins_like_sip(datagram.payload) || port && !blank {
            self.keep(seen, to, datagram.payload, packets, false);
        }
    }

    fn segment(&mut self, seen: &PacketSeen<'_>, packet: &Packet<'_>) {
        let Ok(segment) = tcp::Segment::read(packet.payload) else { return };
        let key = (packet.source, segment.source_port, packet.destination, segment.destination_port);
        if !segment.payload.is_empty() {
            self.bytes_of(seen, packet.destination, key, &segment);
        }
        if let Some(told) = self.streams.get_mut(&key).and_then(|stream| stream.end(segment.flags)) {
            self.tell(seen, packet.destination, told.to_owned(), &[seen.id]);
        }
    }

    fn bytes_of(
        &mut self,
        seen: &PacketSeen<'_>,
        to: Ipv4Addr,
        key: (Ipv4Addr, u16, Ipv4Addr, u16),
        segment: &tcp::Segment<'_>,
    ) {
        let named = segment.source_port == SIP || segment.destination_port == SIP;
        let begins = begins_like_sip(segment.payload) || websocket::begins_like_handshake(segment.payload);
        if !named && !self.streams.contains_key(&key) && !begins {
            return;
        }
        let stream = self.streams.entry(key).or_insert_with(|| Stream::beginning(segment));
        let end = segment.sequence.wrapping_add(u32::try_from(segment.payload.len()).unwrap_or(0));
        let expected = stream.next.wrapping_add(u32::try_from(stream.bytes.len()).unwrap_or(0));
        // Sent again: it carries what it carried before.
        let carries =
            |(begin, end_of, _): &&(u32, u32, usize)| is_before(segment.sequence, *end_of) && is_before(*begin, end);
        let again: Vec<usize> = stream.open.iter().filter(carries).map(|(.., number)| *number).collect();
        let known = expected.wrapping_sub(segment.sequence);
        self.flying.insert(seen.id);
        match segment.payload.get(known as usize..) {
            Some(new) => {
                stream.bytes.extend_from_slice(new);
                // One that was lost is in the other's place now.
                stream.packets.retain(|(before, _)| *before != end);
                stream.packets.push_back((end, seen.id));
            }
            // Another connection of the same ports, or bytes that were never seen.
            None if known > u32::MAX / 2 => {
                *stream = Stream::beginning(segment);
                stream.bytes.extend_from_slice(segment.payload);
                stream.packets.push_back((end, seen.id));
            }
            None => return self.again(seen, &again),
        }
        let mut pieces = Vec::new();
        loop {
            match stream.piece() {
                Ok(Some((piece, taken))) => {
                    stream.bytes.drain(..taken);
                    let begin = stream.next;
                    stream.next = begin.wrapping_add(taken as u32);
                    let (next, is_of) = (stream.next, |end: u32| is_before(begin, end));
                    let of_it = stream.packets.iter().filter(|(end, _)| is_of(*end)).map(|(_, id)| *id);
                    // What came before the message was whole isn't missing.
                    let packets: Vec<PacketId> = of_it.filter(|packet| self.flying.contains(packet)).collect();
                    // The last may carry the beginning of the next.
                    stream.packets.retain(|(end, _)| is_before(next, *end));
                    pieces.push((piece, (begin, next), packets));
                }
                Ok(None) => break,
                Err(()) if matches!(stream.framing, Framing::Sip) => {
                    stream.next = stream.next.wrapping_add(stream.bytes.len() as u32);
                    stream.bytes.clear();
                    break;
                }
                // A page that is fetched, or something that can't be read on.
                Err(()) => {
                    self.streams.remove(&key);
                    break;
                }
            }
        }
        self.again(seen, &again);
        for (piece, (begin, end), packets) in pieces {
            let number = match piece {
                Piece::Sip(raw) => self.keep(seen, to, &raw, &packets, false),
                Piece::Told(told) => self.tell(seen, to, told, &packets),
                Piece::Nothing => continue,
            };
            let Some(stream) = self.streams.get_mut(&key) else { continue };
            stream.open.push_back((begin, end, number));
            // A segment that comes again after so many others isn't worth to be remembered.
            if stream.open.len() > 16 {
                stream.open.pop_front();
            }
        }
    }

    fn copied(&mut self, seen: &PacketSeen<'_>, of: PacketId) {
        for number in self.carried.get(&of).cloned().unwrap_or_default() {
            let Some(original) = self.get(number) else { continue };
            let (raw, address, told) = (original.raw.clone(), original.address, original.told.clone());
            let number = self.keep(seen, address, &raw, &[seen.id], true);
            if let Some(copy) = self.get_mut(number) {
                copy.told = told;
            }
        }
    }

    /// A packet that carries messages once more.
    fn again(&mut self, seen: &PacketSeen<'_>, numbers: &[usize]) {
        for number in numbers {
            if let Some(message) = self.get_mut(*number) {
                message.again.push(Again { packet: seen.id, sent: seen.at, fate: Fate::OnItsWay });
                self.carried.entry(seen.id).or_default().push(*number);
            }
        }
    }

    /// Keeps something that is told in words.
    fn tell(&mut self, seen: &PacketSeen<'_>, address: Ipv4Addr, told: String, packets: &[PacketId]) -> usize {
        let number = self.keep(seen, address, &[], packets, false);
        if let Some(kept) = self.get_mut(number) {
            kept.told = Some(told.into());
        }
        number
    }

    fn ended(&mut self, seen: &PacketSeen<'_>, fate: Fate) {
        // By the header's length: options are rare, and audio is most of what there is.
        let header = usize::from(seen.bytes.first().copied().unwrap_or(0) & 0x0f) * 4;
        if seen.bytes.get(9) == Some(&ipv4::UDP) {
            let payload = seen.bytes.get(header + 8..).unwrap_or_default();
            if is_media(payload) {
                return self.audio.packet(seen, payload, fate);
            }
            if let Some(wrapped) = super::setup::unwrapped(payload).filter(|wrapped| is_media(wrapped)) {
                return self.audio.packet(seen, wrapped, fate);
            }
        }
        if matches!(fate, Fate::Arrived(_)) {
            self.flying.remove(&seen.id);
        }
        for number in self.carried.remove(&seen.id).unwrap_or_default() {
            if let Some(message) = self.get_mut(number) {
                message.ended(seen, fate);
            }
        }
    }

    fn keep(
        &mut self,
        seen: &PacketSeen<'_>,
        address: Ipv4Addr,
        raw: &[u8],
        packets: &[PacketId],
        copied: bool,
    ) -> usize {
        let number = self.first.len() + self.dropped + self.last.len();
        let message = Seen {
            sent: seen.at,
            from: seen.from,
            to: seen.to,
            address,
            fate: Fate::OnItsWay,
            packet: seen.id,
            first: Fate::OnItsWay,
            again: Vec::new(),
            missing: u16::try_from(packets.len()).unwrap_or(u16::MAX),
            copied,
            raw: raw.into(),
            told: None,
        };
        for packet in packets {
            self.carried.entry(*packet).or_default().push(number);
        }
        if self.first.len() < FIRST_MAX {
            self.first.push(message);
            return number;
        }
        self.bytes += raw.len();
        self.last.push_back(message);
        while self.last.len() > LAST_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.last.pop_front() else { break };
            self.bytes -= oldest.raw.len();
            self.dropped += 1;
        }
        number
    }

    fn get(&self, number: usize) -> Option<&Seen> {
        match number.checked_sub(self.first.len()) {
            None => self.first.get(number),
            Some(behind) => self.last.get(behind.checked_sub(self.dropped)?),
        }
    }

    fn get_mut(&mut self, number: usize) -> Option<&mut Seen> {
        match number.checked_sub(self.first.len()) {
            None => self.first.get_mut(number),
            Some(behind) => self.last.get_mut(behind.checked_sub(self.dropped)?),
        }
    }
}

impl busyhour::world::Tap for Collector {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        Collector::packet(self, seen);
    }

    fn event(&mut self, _: &busyhour_trace::Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

/// RTP's version number and the shortest header: no SIP message begins so, nor does DNS of ours.
fn is_media(payload: &[u8]) -> bool {
    payload.len() >= 12 && payload[0] >> 6 == 2
}

/// True if one sequence number lies before another, as they go round.
fn is_before(one: u32, other: u32) -> bool {
    let reach = other.wrapping_sub(one);
    reach > 0 && reach <= u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment from port 5060 of 10.0.0.1 to that of 10.0.0.2.
    fn segment(sequence: u32, payload: &[u8]) -> Vec<u8> {
        let length = (40 + payload.len()) as u16;
        let mut packet = vec![0x45, 0, 0, 0, 0, 1, 0, 0, 64, ipv4::TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        packet.extend([0x13, 0xc4, 0x13, 0xc4]);
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(payload);
        packet
    }

    fn message(call: &str) -> String {
        format!("BYE sip:b@b SIP/2.0\r\nCall-ID: {call}\r\nContent-Length: 0\r\n\r\n")
    }

    /// What becomes of packets: number, when it left, sequence number, payload, when it ended, whether it arrived.
    fn collected(packets: &[(u64, u64, u32, &str, u64, bool)]) -> Collector {
        let mut collector = Collector::default();
        let mut sightings: Vec<(u64, PacketId, Stage, Vec<u8>)> = Vec::new();
        for (id, sent, sequence, payload, ended, arrived) in packets {
            let bytes = segment(*sequence, payload.as_bytes());
            let end = if *arrived { Stage::Arrived } else { Stage::Lost(Loss::Random) };
            sightings.push((*sent, PacketId(*id), Stage::Sent, bytes.clone()));
            sightings.push((*ended, PacketId(*id), end, bytes));
        }
        sightings.sort_by_key(|(at, ..)| *at);
        for (at, id, stage, bytes) in &sightings {
            let (from, to) = (Some(HostId(0)), Some(HostId(1)));
            collector.packet(&PacketSeen { at: SimTime(*at), id: *id, stage: *stage, from, to, bytes });
        }
        collector
    }

    #[test]
    fn a_message_that_comes_again_has_a_fate_for_each_time_and_one_for_all() {
        let one = message("1");
        let seen =
            collected(&[(1, 10, 7, &one, 11, false), (2, 20, 7, &one, 22, true), (3, 30, 7, &one, 31, true)]).first;
        let [bye] = seen.as_slice() else { panic!("{seen:?}") };
        assert_eq!((bye.first, bye.fate), (Fate::Lost(Loss::Random), Fate::Arrived(SimTime(22))));
        let again: Vec<_> = bye.again.iter().map(|again| (again.packet.0, again.sent.0, again.fate)).collect();
        assert_eq!(again, [(2, 20, Fate::Arrived(SimTime(22))), (3, 30, Fate::Arrived(SimTime(31)))]);
    }

    #[test]
    fn two_messages_in_one_packet_arrive_with_it_and_one_in_two_packets_with_the_last() {
        let both = message("1") + &message("2");
        let seen = collected(&[(1, 10, 7, &both, 12, true)]).first;
        assert_eq!(seen.iter().map(|seen| seen.fate).collect::<Vec<_>>(), [Fate::Arrived(SimTime(12)); 2]);
        let one = message("1");
        let (head, tail) = one.split_at(20);
        let seen = collected(&[(1, 10, 7, head, 12, true), (2, 11, 27, tail, 15, true)]).first;
        assert_eq!(
            (seen.len(), seen[0].first, seen[0].fate),
            (1, Fate::Arrived(SimTime(15)), Fate::Arrived(SimTime(15)))
        );
        // The first half was lost: it comes again, and the message is there when that is.
        let packets = [(1, 10, 7, head, 12, false), (2, 11, 27, tail, 15, true), (3, 40, 7, head, 44, true)];
        let seen = collected(&packets).first;
        assert_eq!((seen[0].first, seen[0].fate), (Fate::Lost(Loss::Random), Fate::Arrived(SimTime(44))));
        assert_eq!(seen[0].again.len(), 1);
    }
}
