//! Messages, by `rtc-stun`'s codec, and the frames of channels and streams.

use std::net::{IpAddr, SocketAddrV4};

use bytes::{BufMut, Bytes, BytesMut};
use rtc_crypto::providers::RingCrypto;
use rtc_stun::attributes::{ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_MESSAGE_INTEGRITY, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{MESSAGE_HEADER_SIZE, Message, MessageClass, MessageType, Method, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::world::Random;

/// More than this isn't relayed: with all headers around it it wouldn't fit a datagram.
pub(super) const LARGEST_PAYLOAD: usize = 65_000;
/// RFC 8656 12: the numbers of channels.
pub(super) const FIRST_CHANNEL: u16 = 0x4000;
/// The last of them.
pub(super) const LAST_CHANNEL: u16 = 0x4fff;
/// REQUESTED-TRANSPORT of UDP, in the first of four bytes.
pub(super) const UDP: u32 = 17 << 24;

const CHANNEL_HEADER: usize = 4;

/// The key of long-term credentials (RFC 8489 9.2.2).
pub(super) type Key = Vec<u8>;

pub(super) fn long_term_key(user: &str, realm: &str, password: &str) -> Key {
    MessageIntegrity::long_term_integrity_key(user.to_owned(), realm.to_owned(), password.to_owned(), &RingCrypto)
        .expect("MD5 takes any text")
}

/// `rtc-stun` would draw one itself, from the thread's entropy.
pub(super) fn draw_id(random: &mut Random) -> TransactionId {
    let mut id = TransactionId::default();
    random.fill(&mut id.0);
    id
}

/// A message that is being written.
pub(super) struct Draft(Message);

impl Draft {
    pub(super) fn new(method: Method, class: MessageClass, id: TransactionId) -> Draft {
        let mut message = Message::new();
        message.typ = MessageType::new(method, class);
        message.transaction_id = id;
        message.write_header();
        Draft(message)
    }

    pub(super) fn bytes(mut self, attribute: AttrType, value: &[u8]) -> Draft {
        self.0.add(attribute, value);
        self
    }

    pub(super) fn number(self, attribute: AttrType, value: u32) -> Draft {
        self.bytes(attribute, &value.to_be_bytes())
    }

    pub(super) fn address(mut self, attribute: AttrType, address: SocketAddrV4) -> Draft {
        let xored = XorMappedAddress { ip: IpAddr::V4(*address.ip()), port: address.port() };
        xored.add_to_as(&mut self.0, attribute).expect("an IPv4 address has a fixed length");
        self
    }

    pub(super) fn error(self, code: u16) -> Draft {
        let [class, number] = [code / 100, code % 100].map(|part| part.to_be_bytes()[1]);
        let value: Vec<u8> = [0, 0, class, number].into_iter().chain(reason(code).bytes()).collect();
        self.bytes(ATTR_ERROR_CODE, &value)
    }

    pub(super) fn sign(mut self, key: &Key) -> Draft {
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(key.clone(), &RingCrypto);
        integrity.add_to(&mut self.0).expect("nothing was written behind the fingerprint");
        self
    }

    /// With a fingerprint.
    pub(super) fn finish(mut self) -> Bytes {
        FINGERPRINT.add_to(&mut self.0).expect("a fingerprint is added to anything");
        self.0.raw.into()
    }

    /// Without one: indications are many.
    pub(super) fn finish_indication(self) -> Bytes {
        self.0.raw.into()
    }
}

/// The words of an error code (RFC 8489 14.8, RFC 8656 19).
fn reason(code: u16) -> &'static str {
    match code {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        420 => "Unknown Attribute",
        437 => "Allocation Mismatch",
        438 => "Stale Nonce",
        440 => "Address Family not Supported",
        441 => "Wrong Credentials",
        442 => "Unsupported Transport Protocol",
        443 => "Peer Address Family Mismatch",
        486 => "Allocation Quota Reached",
        508 => "Insufficient Capacity",
        _ => "Server Error",
    }
}

/// RFC 8489 5: two zero bits, the cookie, and a length that is the datagram's.
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    let [kind, _, high, low, 0x21, 0x12, 0xa4, 0x42, ..] = datagram else { return false };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    *kind < 0x40 && length % 4 == 0 && datagram.len() == MESSAGE_HEADER_SIZE + length
}

/// Reads a whole message, whose fingerprint, if it has one, must be right.
pub(super) fn read(datagram: &[u8]) -> Option<Message> {
    if !is_stun(datagram) {
        return None;
    }
    let mut message = Message::new();
    message.unmarshal_binary(datagram).ok()?;
    let whole = !message.contains(ATTR_FINGERPRINT) || FINGERPRINT.check(&message).is_ok();
    whole.then_some(message)
}

pub(super) fn is_signed(message: &Message) -> bool {
    message.contains(ATTR_MESSAGE_INTEGRITY)
}

pub(super) fn is_signed_with(message: &mut Message, key: &Key) -> bool {
    MessageIntegrity::check(message, key, &RingCrypto).is_ok()
}

pub(super) fn value(message: &Message, attribute: AttrType) -> Option<&[u8]> {
    message.attributes.0.iter().find(|one| one.typ == attribute).map(|one| one.value.as_slice())
}

pub(super) fn text(message: &Message, attribute: AttrType) -> Option<&str> {
    std::str::from_utf8(value(message, attribute)?).ok()
}

pub(super) fn number(message: &Message, attribute: AttrType) -> Option<u32> {
    Some(u32::from_be_bytes(value(message, attribute)?.try_into().ok()?))
}

pub(super) fn address(message: &Message, attribute: AttrType) -> Option<SocketAddrV4> {
    let mut xored = XorMappedAddress::default();
    xored.get_from_as(message, attribute).ok()?;
    match xored.ip {
        IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, xored.port)),
        IpAddr::V6(_) => None,
    }
}

/// The code of an error response, with its words.
pub(super) fn error(message: &Message) -> Option<(u16, String)> {
    let [_, _, class, number, reason @ ..] = value(message, ATTR_ERROR_CODE)? else { return None };
    let code = u16::from(class & 0x7) * 100 + u16::from(*number);
    Some((code, String::from_utf8_lossy(reason).into_owned()))
}

/// RFC 8656 12.4. On a stream, and only there, it's filled up to a multiple of four.
pub(super) fn channel_frame(number: u16, payload: &[u8], padded: bool) -> Bytes {
    let mut frame = BytesMut::with_capacity(CHANNEL_HEADER + payload.len() + 3);
    frame.put_u16(number);
    frame.put_u16(u16::try_from(payload.len()).expect("larger payloads are refused before"));
    frame.put_slice(payload);
    if padded {
        frame.put_bytes(0, payload.len().next_multiple_of(4) - payload.len());
    }
    frame.freeze()
}

/// A channel's number and its data; what a datagram holds beyond the length is padding.
pub(super) fn read_channel_frame(frame: &[u8]) -> Option<(u16, &[u8])> {
    let (header, rest) = frame.split_at_checked(CHANNEL_HEADER)?;
    let number = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    (FIRST_CHANNEL..=LAST_CHANNEL).contains(&number).then_some(())?;
    Some((number, rest.get(..length)?))
}

/// The bytes on a stream are no TURN: nobody knows where the next message would begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message begins with {0:#04x}, which is neither STUN nor a channel")]
pub(super) struct NotTurn(u8);

/// Cuts a stream into messages (RFC 8656 2.1, 12.5).
#[derive(Default)]
pub(super) struct Frames(BytesMut);

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole message, a channel's without its padding.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, NotTurn> {
        let [kind, _, ..] = *self.0 else { return Ok(None) };
        if kind >= 0x80 {
            return Err(NotTurn(kind));
        }
        let [_, _, high, low, ..] = *self.0 else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (frame, with_padding) = if kind < 0x40 {
            (MESSAGE_HEADER_SIZE + length, MESSAGE_HEADER_SIZE + length)
        } else {
            (CHANNEL_HEADER + length, CHANNEL_HEADER + length.next_multiple_of(4))
        };
        if self.0.len() < with_padding {
            return Ok(None);
        }
        let mut whole = self.0.split_to(with_padding);
        whole.truncate(frame);
        Ok(Some(whole.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use rtc_stun::attributes::{ATTR_REALM, ATTR_USERNAME, ATTR_XORMAPPED_ADDRESS};
    use rtc_stun::message::{CLASS_ERROR_RESPONSE, CLASS_REQUEST, METHOD_ALLOCATE, METHOD_BINDING};

    use super::*;

    fn an_id() -> TransactionId {
        draw_id(&mut Random::stream(1, "id"))
    }

    /// RFC 5769 2.4: a request with long-term credentials, "Matrix" III in Japanese as user, and its integrity.
    #[test]
    fn the_rfcs_own_sample_with_long_term_credentials_is_verified() {
        let sample = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c\
                      662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014\
                      f67024656dd64a3e02b8e0712e85c9a28ca89666";
        let bytes: Vec<u8> =
            (0..sample.len()).step_by(2).map(|at| u8::from_str_radix(&sample[at..at + 2], 16).unwrap()).collect();
        let mut message = read(&bytes).unwrap();
        let user = text(&message, ATTR_USERNAME).unwrap().to_owned();
        assert_eq!((user.as_str(), text(&message, ATTR_REALM)), ("マトリックス", Some("example.org")));
        assert!(is_signed_with(&mut message, &long_term_key(&user, "example.org", "TheMatrIX")));
        assert!(!is_signed_with(&mut message, &long_term_key(&user, "example.org", "TheMatrix")));
    }

    #[test]
    fn what_was_written_is_read_alike() {
        let seen = SocketAddrV4::new([203, 0, 113, 9].into(), 40_001);
        let key = long_term_key("alice", "turn.test", "secret");
        let draft = Draft::new(METHOD_ALLOCATE, CLASS_ERROR_RESPONSE, an_id());
        let bytes = draft.error(486).address(ATTR_XORMAPPED_ADDRESS, seen).sign(&key).finish();
        let mut message = read(&bytes).unwrap();
        assert_eq!(error(&message), Some((486, "Allocation Quota Reached".to_owned())));
        assert_eq!(address(&message, ATTR_XORMAPPED_ADDRESS), Some(seen));
        assert!(is_signed_with(&mut message, &key));
    }

    #[test]
    fn a_flipped_bit_breaks_the_fingerprint() {
        let bytes = Draft::new(METHOD_BINDING, CLASS_REQUEST, an_id()).finish();
        assert!(read(&bytes).is_some());
        let mut flipped = bytes.to_vec();
        flipped[9] ^= 1;
        assert!(read(&flipped).is_none());
    }

    /// RFC 8656 12.5: on a stream a channel's data is filled up, and the length doesn't count that.
    #[test]
    fn a_stream_is_cut_into_the_same_messages_wherever_its_segments_end() {
        let request = Draft::new(METHOD_BINDING, CLASS_REQUEST, an_id()).finish();
        let frames = [channel_frame(0x4001, b"hello", true), request.clone(), channel_frame(0x4002, b"", true)];
        assert_eq!(frames[0].len(), 12);
        let stream = frames.concat();
        for cut in 0..=stream.len() {
            let (mut frames, mut read) = (Frames::default(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                frames.push(part);
                while let Some(frame) = frames.next().unwrap() {
                    read.push(frame);
                }
            }
            assert_eq!(
                read,
                [channel_frame(0x4001, b"hello", false), request.clone(), channel_frame(0x4002, b"", false)]
            );
        }
    }

    #[test]
    fn a_stream_of_something_else_is_noticed() {
        let mut frames = Frames::default();
        frames.push(b"\x80\x60");
        assert_eq!(frames.next(), Err(NotTurn(0x80)));
    }

    #[test]
    fn a_datagrams_padding_is_no_data_and_a_short_one_is_none() {
        let frame = channel_frame(0x4000, b"hello", true);
        assert_eq!(read_channel_frame(&frame), Some((0x4000, &b"hello"[..])));
        assert_eq!(read_channel_frame(&frame[..8]), None);
        assert_eq!(read_channel_frame(&channel_frame(0x5000, b"hello", false)), None);
    }
}
