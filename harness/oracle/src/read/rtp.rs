//! RTP and RTCP packets (RFC 3550), told apart by their second byte (RFC 5761 section 4), and digits (RFC 4733).

/// What a datagram is, that has RTP's version number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Media.
    Rtp(Rtp<'a>),
    /// Control.
    Rtcp(Rtcp),
}

/// A media packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtp<'a> {
    /// A talkspurt begins, or a digit.
    pub marker: bool,
    /// What it carries.
    pub payload_type: u8,
    /// Grows by one with each packet.
    pub sequence: u16,
    /// The moment of its first sample.
    pub timestamp: u32,
    /// Whose stream it is.
    pub ssrc: u32,
    /// The media, without padding.
    pub payload: &'a [u8],
}

/// The first packet of a compound one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtcp {
    /// 200 a sender's report, 201 a receiver's, 203 BYE, ...
    pub packet_type: u8,
    /// Whose it is.
    pub ssrc: u32,
}

/// A digit in the making (RFC 4733 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digit {
    /// 0 to 9, 10 is the star, 11 the pound sign, 12 to 15 are A to D.
    pub event: u8,
    /// It has ended.
    pub end: bool,
    /// How loud it is, in dBm0 below zero.
    pub volume: u8,
    /// How long it has lasted, in timestamp units.
    pub duration: u16,
}

const HEADER: usize = 12;

/// Reads a datagram as RTP or RTCP; none if it's neither.
///
/// ```
/// use busyhour_oracle::read::rtp::{self, Packet};
///
/// let bytes = [0x80, 0x80, 0, 7, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 0xff, 0xff];
/// let Some(Packet::Rtp(rtp)) = rtp::read(&bytes) else { panic!("it's RTP") };
/// assert_eq!((rtp.marker, rtp.payload_type, rtp.sequence, rtp.timestamp), (true, 0, 7, 160));
/// assert_eq!((rtp.ssrc, rtp.payload), (0xdead_beef, &[0xff, 0xff][..]));
/// ```
pub fn read(bytes: &[u8]) -> Option<Packet<'_>> {
    let [first, second, ..] = *bytes else { return None };
    if first >> 6 != 2 {
        return None;
    }
    if (192..=223).contains(&second) {
        let ssrc = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
        return Some(Packet::Rtcp(Rtcp { packet_type: second, ssrc }));
    }
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let mut begin = HEADER + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        // An extension: its length is counted in words.
        let length = bytes.get(begin + 2..begin + 4)?;
        begin += 4 + usize::from(u16::from_be_bytes([length[0], length[1]])) * 4;
    }
    let padding = if first & 0x20 != 0 { usize::from(bytes[bytes.len() - 1]) } else { 0 };
    let payload = bytes.get(begin..bytes.len().checked_sub(padding)?)?;
    Some(Packet::Rtp(Rtp {
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([header[2], header[3]]),
        timestamp: word(4),
        ssrc: word(8),
        payload,
    }))
}

impl Digit {
    /// Reads the payload of a packet whose payload type the session's description gives to digits.
    pub fn read(payload: &[u8]) -> Option<Digit> {
        let [event, flags, high, low, ..] = *payload else { return None };
        let duration = u16::from_be_bytes([high, low]);
        Some(Digit { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }
}
