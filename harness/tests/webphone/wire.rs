//! Who looks at the wire: what leaves hosts by WebSockets and datagrams, and from where media arrives. Its readers are its
//! own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use busyhour::trace::{Event, HostId, Log, PacketSeen, SimTime, Stage};
use busyhour::world::Tap;

/// The port of the server's WebSocket.
const WEB_SOCKET: u16 = 8080;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A SIP message.
    Sip(String),
    /// The keepalive of a connection.
    Ping,
    /// A connection to the WebSocket's port begins.
    Syn,
    /// The Close frame, with its code.
    Close(u16),
    Fin,
    Rst,
    /// An alert of DTLS.
    Alert,
    /// RTP, encrypted or not.
    Media,
    /// STUN.
    Check,
}

impl Word {
    /// The method of a SIP request.
    pub(crate) fn method(&self) -> Option<&str> {
        match self {
            Word::Sip(message) if !message.starts_with("SIP/2.0") => message.split(' ').next(),
            _ => None,
        }
    }
}

/// Something that left a host.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) at: SimTime,
    pub(crate) from: HostId,
    pub(crate) to: Ipv4Addr,
    pub(crate) what: Word,
}

/// One direction of a connection.
#[derive(Default)]
struct Stream {
    next: Option<u32>,
    unread: Vec<u8>,
}

/// All that was said.
#[derive(Default)]
pub(crate) struct Wire {
    said: Vec<Said>,
    streams: BTreeMap<(SocketAddrV4, SocketAddrV4), Stream>,
    media: BTreeMap<HostId, Vec<(SimTime, SocketAddrV4)>>,
}

impl Wire {
    /// What has left a host since then.
    pub(crate) fn of(&self, host: HostId, since: SimTime) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(move |said| said.from == host && said.at >= since)
    }

    /// From where media arrived at a host since then, each address once.
    pub(crate) fn sources(&self, host: HostId, since: SimTime) -> Vec<SocketAddrV4> {
        let arrived = self.media.get(&host).into_iter().flatten().filter(|(at, _)| *at >= since);
        let mut sources: Vec<SocketAddrV4> = arrived.map(|(_, from)| *from).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }
}

fn word16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

impl Tap for Wire {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        let packet = seen.bytes;
        let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        let (source, target) = (address(12), address(16));
        let body = &packet[usize::from(packet[0] & 15) * 4..];
        if !matches!(packet[9], 6 | 17) || word16(packet, 6) & 0x1fff != 0 {
            return;
        }
        let (source, target) = (SocketAddrV4::new(source, word16(body, 0)), SocketAddrV4::new(target, word16(body, 2)));
        match (seen.stage, packet[9]) {
            (Stage::Sent, 6) if source.port() == WEB_SOCKET || target.port() == WEB_SOCKET => {
                let Some(from) = seen.from else { return };
                for what in self.segment(source, target, body) {
                    self.said.push(Said { at: seen.at, from, to: *target.ip(), what });
                }
            }
            (Stage::Sent, 17) => {
                let (Some(from), Some(what)) = (seen.from, datagram(&body[8..])) else { return };
                self.said.push(Said { at: seen.at, from, to: *target.ip(), what });
            }
            (Stage::Arrived, 17) if datagram(&body[8..]) == Some(Word::Media) => {
                let Some(to) = seen.to else { return };
                self.media.entry(to).or_default().push((seen.at, source));
            }
            _ => {}
        }
    }

    fn event(&mut self, _: &Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

impl Wire {
    fn segment(&mut self, source: SocketAddrV4, target: SocketAddrV4, tcp: &[u8]) -> Vec<Word> {
        let sequence = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let (flags, payload) = (tcp[13], &tcp[usize::from(tcp[12] >> 4) * 4..]);
        let mut words = Vec::new();
        let stream = self.streams.entry((source, target)).or_default();
        if flags & 2 != 0 {
            *stream = Stream { next: Some(sequence.wrapping_add(1)), unread: Vec::new() };
            if flags & 16 == 0 {
                words.push(Word::Syn);
            }
        }
        // What comes again was read already.
        if !payload.is_empty() && stream.next == Some(sequence) {
            stream.next = Some(sequence.wrapping_add(payload.len() as u32));
            stream.unread.extend_from_slice(payload);
            read_frames(&mut stream.unread, &mut words);
        }
        if flags & 4 != 0 {
            words.push(Word::Rst);
        } else if flags & 1 != 0 {
            words.push(Word::Fin);
        }
        words
    }
}

/// Frames of a WebSocket (RFC 6455 section 5.2), after the handshake of HTTP.
fn read_frames(unread: &mut Vec<u8>, words: &mut Vec<Word>) {
    if unread.starts_with(b"GET ") || unread.starts_with(b"HTTP/") {
        let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") else { return };
        unread.drain(..end + 4);
    }
    while let Some((opcode, content, length)) = frame(unread) {
        unread.drain(..length);
        match opcode {
            8 if content.len() >= 2 => words.push(Word::Close(word16(&content, 0))),
            8 => words.push(Word::Close(1005)),
            1 | 2 if content.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => words.push(Word::Ping),
            1 | 2 => words.push(Word::Sip(String::from_utf8_lossy(&content).into_owned())),
            _ => {}
        }
    }
}

/// The first frame, if it's whole: its opcode, its content, its length.
fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, mut at) = match second & 127 {
        126 => (usize::from(word16(bytes.get(..4)?, 2)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let mut mask = [0; 4];
    if second & 128 != 0 {
        mask.copy_from_slice(bytes.get(at..at + 4)?);
        at += 4;
    }
    let content = bytes.get(at..at + length)?.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((first & 15, content, at + length))
}

/// RFC 7983: the first byte tells.
fn datagram(bytes: &[u8]) -> Option<Word> {
    match *bytes.first()? {
        b'A'..=b'Z' => Some(Word::Sip(String::from_utf8_lossy(bytes).into_owned())),
        0 | 1 if bytes.get(4..8) == Some(&[0x21, 0x12, 0xa4, 0x42]) => Some(Word::Check),
        20..=63 => has_alert(bytes).then_some(Word::Alert),
        // 192 to 223 is RTCP's (RFC 5761).
        128..=191 if bytes.len() > 12 && !matches!(bytes[1], 192..=223) => Some(Word::Media),
        _ => None,
    }
}

fn has_alert(mut records: &[u8]) -> bool {
    while let Some(header) = records.get(..13) {
        if header[0] == 21 {
            return true;
        }
        records = records.get(13 + usize::from(word16(header, 11))..).unwrap_or_default();
    }
    false
}
