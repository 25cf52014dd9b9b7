//! STUN (RFC 8489), with the attributes of ICE (RFC 8445) and TURN (RFC 8656) that the witnesses need.
//!
//! A [`Message`] is recognised by its magic cookie. What TURN wraps is found in [`Message::data`], or in a
//! [`ChannelData`], which nothing but a channel's binding tells from other bytes: it's read where one is known.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Fault, Layer, Unreadable, u16_at, u32_at};

const HEADER: usize = 20;
const COOKIE: u32 = 0x2112_a442;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It wants an answer.
    Request,
    /// It wants none.
    Indication,
    /// It was done.
    Success,
    /// It wasn't.
    Error,
}

/// What it's about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// An ICE check, or a question for one's address.
    Binding,
    /// TURN: an address on the relay is wanted.
    Allocate,
    /// TURN: for longer, or no longer.
    Refresh,
    /// TURN: the client sends something to a peer.
    Send,
    /// TURN: something came from a peer.
    Data,
    /// TURN: these peers may send.
    CreatePermission,
    /// TURN: a number stands for a peer.
    ChannelBind,
    /// Any other.
    Other(u16),
}

/// A message.
///
/// ```
/// use busyhour_oracle::read::stun::{Class, Message, Method};
///
/// let mut bytes = vec![0x00, 0x01, 0, 12, 0x21, 0x12, 0xa4, 0x42];
/// bytes.extend([7; 12]); // the transaction
/// bytes.extend([0x00, 0x06, 0, 5, b'a', b':', b'b', b'c', b'd', 0, 0, 0]);
/// let check = Message::read(&bytes)?;
/// assert_eq!((check.class, check.method), (Class::Request, Method::Binding));
/// assert_eq!((check.username, check.is_signed), (Some("a:bcd"), false));
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Request, indication, success or error.
    pub class: Class,
    /// What it's about.
    pub method: Method,
    /// Its transaction.
    pub transaction: [u8; 12],
    /// USERNAME: of an ICE check the receiver's fragment, a colon, the sender's (RFC 8445 section 7.2.2).
    pub username: Option<&'a str>,
    /// It has a MESSAGE-INTEGRITY, of either kind.
    pub is_signed: bool,
    /// XOR-MAPPED-ADDRESS.
    pub mapped: Option<SocketAddrV4>,
    /// ERROR-CODE.
    pub error: Option<u16>,
    /// ICE-CONTROLLING (true) or ICE-CONTROLLED (false).
    pub controlling: Option<bool>,
    /// USE-CANDIDATE.
    pub nominates: bool,
    /// XOR-RELAYED-ADDRESS.
    pub relayed: Option<SocketAddrV4>,
    /// XOR-PEER-ADDRESS, each.
    pub peers: Vec<SocketAddrV4>,
    /// LIFETIME, in seconds.
    pub lifetime: Option<u32>,
    /// CHANNEL-NUMBER.
    pub channel: Option<u16>,
    /// DATA.
    pub data: Option<&'a [u8]>,
}

fn unreadable(offset: usize, fault: Fault) -> Unreadable {
    Unreadable { layer: Layer::Stun, offset, fault }
}

/// True if these bytes begin as a message does.
pub fn begins_like_stun(bytes: &[u8]) -> bool {
    bytes.len() >= 8 && bytes[0] < 4 && u32_at(bytes, 4) == COOKIE
}

/// An address XORed with the cookie (RFC 8489 section 14.2); none of IPv6.
fn xored(value: &[u8]) -> Option<SocketAddrV4> {
    let (&[_, 1, high, low, a, b, c, d], []) = value.split_first_chunk()? else { return None };
    let port = u16::from_be_bytes([high, low]) ^ (COOKIE >> 16) as u16;
    let address = u32::from_be_bytes([a, b, c, d]) ^ COOKIE;
    Some(SocketAddrV4::new(Ipv4Addr::from(address), port))
}

impl<'a> Message<'a> {
    /// Reads a datagram.
    pub fn read(bytes: &'a [u8]) -> Result<Message<'a>, Unreadable> {
        let found = bytes.len();
        if found < HEADER {
            return Err(unreadable(0, Fault::Truncated { needed: HEADER, found }));
        }
        if !begins_like_stun(bytes) {
            return Err(unreadable(0, Fault::Cookie));
        }
        let length = usize::from(u16_at(bytes, 2));
        let needed = HEADER + length;
        if found < needed {
            return Err(unreadable(2, Fault::Truncated { needed, found }));
        }
        let kind = u16_at(bytes, 0);
        // The class's two bits stand among the method's (RFC 8489 section 5).
        let class = match kind >> 7 & 2 | kind >> 4 & 1 {
            0 => Class::Request,
            1 => Class::Indication,
            2 => Class::Success,
            _ => Class::Error,
        };
        let method = match kind & 0x000f | kind >> 1 & 0x0070 | kind >> 2 & 0x0f80 {
            1 => Method::Binding,
            3 => Method::Allocate,
            4 => Method::Refresh,
            6 => Method::Send,
            7 => Method::Data,
            8 => Method::CreatePermission,
            9 => Method::ChannelBind,
            other => Method::Other(other),
        };
        let transaction = *bytes[8..].first_chunk().expect("the header is there");
        let (username, is_signed, mapped, error, controlling) = (None, false, None, None, None);
        let (nominates, relayed, peers, lifetime, channel, data) = (false, None, Vec::new(), None, None, None);
        let mut message = Message {
            class,
            method,
            transaction,
            username,
            is_signed,
            mapped,
            error,
            controlling,
            nominates,
            relayed,
            peers,
            lifetime,
            channel,
            data,
        };
        let mut place = HEADER;
        while place + 4 <= needed {
            let (kind, length) = (u16_at(bytes, place), usize::from(u16_at(bytes, place + 2)));
            let Some(value) = bytes[..needed].get(place + 4..place + 4 + length) else {
                return Err(unreadable(place, Fault::Option));
            };
            // What stands behind the integrity isn't protected by it, and means nothing but the fingerprint.
            if !message.is_signed {
                message.attribute(kind, value);
            }
            place += 4 + length.next_multiple_of(4);
        }
        Ok(message)
    }

    fn attribute(&mut self, kind: u16, value: &'a [u8]) {
        let word = || value.first_chunk().map(|word| u32::from_be_bytes(*word));
        match kind {
            0x0006 => self.username = std::str::from_utf8(value).ok(),
            0x0008 | 0x001c => self.is_signed = true,
            0x0009 => {
                self.error = value.get(2..4).map(|code| u16::from(code[0] & 7) * 100 + u16::from(code[1]));
            }
            0x000c => self.channel = word().map(|word| (word >> 16) as u16),
            0x000d => self.lifetime = word(),
            0x0012 => self.peers.extend(xored(value)),
            0x0013 => self.data = Some(value),
            0x0016 => self.relayed = xored(value),
            0x0020 => self.mapped = xored(value),
            0x0025 => self.nominates = true,
            0x8029 => self.controlling = Some(false),
            0x802a => self.controlling = Some(true),
            _ => {}
        }
    }

    /// An ICE check's fragments: the receiver's and the sender's.
    pub fn fragments(&self) -> Option<(&'a str, &'a str)> {
        self.username.filter(|_| self.method == Method::Binding)?.split_once(':')
    }
}

/// What goes through a channel (RFC 8656 section 12.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel's number, 0x4000 to 0x4fff.
    pub number: u16,
    /// What it carries.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads a datagram.
    pub fn read(bytes: &'a [u8]) -> Option<ChannelData<'a>> {
        if bytes.len() < 4 || !(0x40..0x50).contains(&bytes[0]) {
            return None;
        }
        let (number, length) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
        Some(ChannelData { number, data: bytes.get(4..4 + length)? })
    }
}

/// The length of what stands at the beginning of a stream of TURN (RFC 8656 section 12.5: channel data is padded
/// there); nothing if that can't be told yet.
pub fn framed_length(bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
    if bytes.len() < 8 {
        // Four bytes would do for channel data, and an empty one is padded to nothing.
        return match *bytes {
            [first, _, high, low, ..] if (0x40..0x50).contains(&first) => {
                Ok(Some(4 + usize::from(u16::from_be_bytes([high, low])).next_multiple_of(4)))
            }
            _ => Ok(None),
        };
    }
    let length = usize::from(u16_at(bytes, 2));
    match bytes[0] {
        0..4 if u32_at(bytes, 4) == COOKIE => Ok(Some(HEADER + length)),
        0x40..0x50 => Ok(Some(4 + length.next_multiple_of(4))),
        _ => Err(unreadable(0, Fault::Cookie)),
    }
}
