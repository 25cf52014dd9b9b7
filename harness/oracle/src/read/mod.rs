//! The witnesses' own readers of packets.
//!
//! They share no code with whoever wrote the packets (law 5), and none with each other's neighbours in the kernel: a
//! mistake that both sides make would be seen by nobody. They read what a capture would hold, so any bytes are
//! input: a reader answers with what it read or with an [`Unreadable`], and never panics.
//!
//! From the wire upwards: [`ipv4`] (with reassembly of fragments), [`udp`], [`icmp`], [`tcp`] segments, the byte
//! [`stream`]s that they carry, and [`http`] (with its
//! [`form`]s, and the webhooks that it carries: [`telling`]) and [`websocket`] on those; [`sip`] with its [`sdp`], in datagrams, on
//! streams and in frames; [`rtp`] in datagrams. Of WebRTC: [`stun`] with ICE and TURN, [`dtls`], and [`srtp`], which
//! is opened with keys that somebody recorded.

use std::fmt;

pub mod dtls;
pub mod form;
pub mod http;
pub mod icmp;
pub mod ipv4;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod srtp;
pub mod stream;
pub mod stun;
pub mod tcp;
pub mod telling;
pub mod udp;
pub mod websocket;

/// Which reader could make nothing of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// [`ipv4`].
    Ipv4,
    /// [`udp`].
    Udp,
    /// [`tcp`].
    Tcp,
    /// [`icmp`].
    Icmp,
    /// [`http`].
    Http,
    /// [`sip`].
    Sip,
    /// [`websocket`].
    WebSocket,
    /// [`stun`].
    Stun,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Layer::Ipv4 => "IPv4",
            Layer::Udp => "UDP",
            Layer::Tcp => "TCP",
            Layer::Icmp => "ICMP",
            Layer::Http => "HTTP",
            Layer::Sip => "SIP",
            Layer::WebSocket => "WebSocket",
            Layer::Stun => "STUN",
        })
    }
}

/// What's wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// They end before what they announce.
    #[error("{needed} bytes are announced or needed, {found} are there")]
    Truncated {
        /// So many are needed.
        needed: usize,
        /// So many are there.
        found: usize,
    },
    /// Another version of IP.
    #[error("version {0}, not 4")]
    Version(u8),
    /// A header that says it's shorter than any header is.
    #[error("a header of {0} bytes is too short")]
    HeaderLength(usize),
    /// A length that is less than the header that it includes.
    #[error("a length of {0} bytes doesn't even hold the header")]
    Length(usize),
    /// An option that is longer than the room for options, or shorter than itself.
    #[error("an option that doesn't fit")]
    Option,
    /// A fragment that ends beyond the largest datagram.
    #[error("a fragment that ends at {0}, beyond the largest datagram")]
    FragmentEnd(usize),
    /// A fragment in the middle whose length isn't a multiple of eight.
    #[error("a fragment of {0} bytes with more to come")]
    FragmentLength(usize),
    /// A start line that is neither a request's nor a status line.
    #[error("not a start line")]
    StartLine,
    /// Another version of SIP than 2.0.
    #[error("not SIP/2.0")]
    SipVersion,
    /// A header section that isn't UTF-8.
    #[error("a header section that isn't UTF-8")]
    NotUtf8,
    /// A header section that never ends.
    #[error("no empty line behind the header section")]
    NoEnd,
    /// Another version of HTTP than 1.0 or 1.1.
    #[error("not HTTP/1.0 or HTTP/1.1")]
    HttpVersion,
    /// A header field without a colon, with a space before it, with an illegal name, or folded.
    #[error("not a header field")]
    HeaderField,
    /// A line that goes on without an end.
    #[error("a line of more than {0} bytes")]
    LineTooLong(usize),
    /// A Content-Length that is no number, or several that differ.
    #[error("not one Content-Length")]
    ContentLength,
    /// Both Content-Length and Transfer-Encoding, or an encoding that isn't chunked.
    #[error("a body whose end is ambiguous")]
    Framing,
    /// A chunk without a proper size or end.
    #[error("not a chunk")]
    Chunk,
    /// A frame of no kind that there is, with a reserved bit set, or where its kind mustn't stand.
    #[error("not a frame: it begins with {0:#04x}")]
    Opcode(u8),
    /// A control frame that is long or in fragments.
    #[error("a control frame that is too long or in fragments")]
    ControlFrame,
    /// A frame that is longer than any.
    #[error("a frame of {0} bytes")]
    FrameLength(u64),
    /// No magic cookie where one must be.
    #[error("no magic cookie")]
    Cookie,
    /// A response, and no request that it could answer.
    #[error("a response that nobody asked for")]
    Unasked,
}

/// Bytes that a reader can make nothing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[error("{layer} at byte {offset}: {fault}")]
pub struct Unreadable {
    /// Whose reader says so.
    pub layer: Layer,
    /// Where, counted from the first byte that the reader was given.
    pub offset: usize,
    /// What's wrong.
    pub fault: Fault,
}

/// The ones' complement sum of 16-bit words (RFC 1071): 0xffff over bytes whose checksum is right.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        // Each part but the last has an even length, so that words don't straddle parts.
        let (words, odd) = part.as_chunks::<2>();
        sum += words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>();
        if let [last] = odd {
            sum += u64::from(*last) << 8;
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// True if the checksum of a TCP or UDP packet is right, over the pseudo-header that both have
/// (RFC 768; RFC 9293 section 3.1).
fn transport_sum_is_right(source: [u8; 4], destination: [u8; 4], protocol: u8, bytes: &[u8]) -> bool {
    let Ok(length) = u16::try_from(bytes.len()) else { return false };
    let [high, low] = length.to_be_bytes();
    sum(&[&source, &destination, &[0, protocol, high, low], bytes]) == 0xffff
}

/// The two bytes at `at`, which the caller knows to be there.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The four bytes at `at`, which the caller knows to be there.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
