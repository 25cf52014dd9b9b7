//! WebSocket (RFC 6455): the handshake that turns a connection into one, and the frames behind it.
//!
//! Frames are read masked and not; fragments become one message, with the control frames between them told in their
//! place (section 5.4). No extension is understood, as none is offered by anybody here: a frame with a reserved bit
//! set is unreadable. Whether who has to mask did so is told, and judged by nobody.

use std::borrow::Cow;

use super::http::{self, Request, Response};
use super::{Fault, Layer, Unreadable};

/// A longer frame or message is none that anybody here sends.
const LONGEST: u64 = 16 << 20;

/// What a connection's direction brings next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A whole message, its fragments put together.
    Message {
        /// Text, or binary.
        is_text: bool,
        /// Its last frame was masked.
        is_masked: bool,
        /// The bytes, unmasked.
        payload: Vec<u8>,
    },
    /// A fragment; the message isn't whole yet.
    Fragment,
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// The last frame of this direction (section 5.5.1).
    Close {
        /// Why; none if the frame says nothing.
        code: Option<u16>,
    },
}

/// Reads one direction's frames.
///
/// ```
/// use busyhour_oracle::read::websocket::{Item, Reader};
///
/// // RFC 6455 section 5.7: "Hel" and "lo", and a masked "Hello".
/// let mut reader = Reader::default();
/// let mut bytes = vec![0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
/// bytes.extend([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// let hello = |is_masked| Item::Message { is_text: true, is_masked, payload: b"Hello".to_vec() };
/// assert_eq!(reader.next(&bytes)?, Some((Item::Fragment, 5)));
/// assert_eq!(reader.next(&bytes[5..])?, Some((hello(false), 4)));
/// assert_eq!(reader.next(&bytes[9..])?, Some((hello(true), 11)));
/// assert_eq!(reader.next(&bytes[9..19])?, None, "a byte is missing");
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// The fragments so far, and whether they are text.
    begun: Option<(bool, Vec<u8>)>,
}

fn unreadable(offset: usize, fault: Fault) -> Unreadable {
    Unreadable { layer: Layer::WebSocket, offset, fault }
}

impl Reader {
    /// Reads the frame at the beginning of `bytes`, and says how many bytes it took; nothing if it isn't whole yet.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<(Item, usize)>, Unreadable> {
        let [first, second, ..] = *bytes else { return Ok(None) };
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 || matches!(opcode, 3..=7 | 11..) {
            return Err(unreadable(0, Fault::Opcode(first)));
        }
        let (is_masked, short) = (second & 0x80 != 0, u64::from(second & 0x7f));
        let is_control = opcode >= 8;
        if is_control && (!is_last || short > 125) {
            return Err(unreadable(1, Fault::ControlFrame));
        }
        let number = |length: usize| {
            let digits = bytes.get(2..2 + length)?;
            Some((digits.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)), 2 + length))
        };
        let read = match short {
            126 => number(2),
            127 => number(8),
            short => Some((short, 2)),
        };
        let Some((length, mut begin)) = read else { return Ok(None) };
        let known = self.begun.as_ref().map_or(0, |(_, begun)| begun.len() as u64);
        if length > LONGEST || known + length > LONGEST {
            return Err(unreadable(1, Fault::FrameLength(length)));
        }
        let mut mask = [0; 4];
        if is_masked {
            let Some(key) = bytes.get(begin..begin + 4) else { return Ok(None) };
            mask.copy_from_slice(key);
            begin += 4;
        }
        let Some(covered) = bytes.get(begin..begin + length as usize) else { return Ok(None) };
        let payload: Vec<u8> = covered.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        let taken = begin + length as usize;
        let item = match opcode {
            8 => Item::Close { code: payload.first_chunk().map(|code| u16::from_be_bytes(*code)) },
            9 => Item::Ping,
            10 => Item::Pong,
            _ => {
                // A message begins with its kind and goes on with continuations, and none begins in another.
                let (is_text, mut whole) = match (opcode, self.begun.take()) {
                    (0, Some(begun)) => begun,
                    (1 | 2, None) => (opcode == 1, Vec::new()),
                    _ => return Err(unreadable(0, Fault::Opcode(first))),
                };
                whole.extend(payload);
                if is_last {
                    Item::Message { is_text, is_masked, payload: whole }
                } else {
                    self.begun = Some((is_text, whole));
                    Item::Fragment
                }
            }
        };
        Ok(Some((item, taken)))
    }
}

/// Half of a handshake (section 4): what a client asks for, or what a server agrees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The subprotocols: those asked for, or the one agreed on.
    pub protocols: Vec<String>,
}

fn protocols(message: &http::Message) -> Vec<String> {
    let lists = message.all("Sec-WebSocket-Protocol").map(String::from_utf8_lossy);
    lists.flat_map(|list| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()).collect()
}

fn upgrades(message: &http::Message) -> bool {
    message.text("Upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Reads a client's half at the beginning of a stream, and how long it is; nothing if it isn't whole yet. What asks
/// for no WebSocket is no half, however good a request it may be.
pub fn read_request(bytes: &[u8]) -> Result<Option<(Handshake, usize)>, Unreadable> {
    match http::read_request(bytes)? {
        None => Ok(None),
        Some((Request { method, message, .. }, length)) if method == "GET" && upgrades(&message) => {
            Ok(Some((Handshake { protocols: protocols(&message) }, length)))
        }
        Some(_) => Err(unreadable(0, Fault::StartLine)),
    }
}

/// Reads a server's half at the beginning of a stream; what doesn't agree is none.
pub fn read_response(bytes: &[u8]) -> Result<Option<(Handshake, usize)>, Unreadable> {
    match http::read_response(bytes, "GET", false)? {
        None => Ok(None),
        Some((Response { status: 101, message, .. }, length)) if upgrades(&message) => {
            Ok(Some((Handshake { protocols: protocols(&message) }, length)))
        }
        Some(_) => Err(unreadable(0, Fault::StartLine)),
    }
}

/// True if these bytes may begin a handshake: the first line of one begins so.
pub fn begins_like_handshake(bytes: &[u8]) -> bool {
    bytes.starts_with(b"GET ") || bytes.starts_with(b"HTTP/1.1 101")
}

/// A close code in words (section 7.4.1).
pub fn words(code: Option<u16>) -> Cow<'static, str> {
    match code {
        None => "no code".into(),
        Some(1000) => "1000, normal closure".into(),
        Some(1001) => "1001, going away".into(),
        Some(1002) => "1002, protocol error".into(),
        Some(code) => code.to_string().into(),
    }
}
