//! The STUN messages of ICE (RFC 8445 7): binding requests and their answers, authenticated by short-term credentials.

use bytes::Bytes;
use rtc_crypto::RTCCrypto;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, Getter, METHOD_BINDING, Message, MessageType, Setter, TransactionId,
    is_stun_message,
};
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::{IpAddr, SocketAddrV4};

/// One end's half of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

/// What a check says beside who it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    pub id: [u8; 12],
    pub controlling: bool,
    pub tie_breaker: u64,
    pub priority: u32,
    pub nominates: bool,
}

/// A well-formed binding message with a good FINGERPRINT, which ICE always has.
pub(super) fn read(datagram: &[u8]) -> Option<Message> {
    // Each of those lengths is looked at before the decoder is: it believes what the header says.
    let length = usize::from(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]));
    if !is_stun_message(datagram) || datagram.len() != length + 20 || !length.is_multiple_of(4) {
        return None;
    }
    let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
    message.decode().ok()?;
    (message.typ.method == METHOD_BINDING && FINGERPRINT.check(&message).is_ok()).then_some(message)
}

/// A check from `local` to `remote`.
pub(super) fn request(
    crypto: &dyn RTCCrypto,
    check: Check,
    local: &Credentials,
    remote: &Credentials,
) -> Option<Bytes> {
    let mut message = begin(BINDING_REQUEST, TransactionId(check.id));
    message.add(ATTR_USERNAME, format!("{}:{}", remote.ufrag, local.ufrag).as_bytes());
    message.add(ATTR_PRIORITY, &check.priority.to_be_bytes());
    let role = if check.controlling { ATTR_ICE_CONTROLLING } else { ATTR_ICE_CONTROLLED };
    message.add(role, &check.tie_breaker.to_be_bytes());
    if check.nominates {
        message.add(ATTR_USE_CANDIDATE, &[]);
    }
    seal(crypto, message, &remote.pwd)
}

/// The good answer to `request`, that came from `from`.
pub(super) fn success(
    crypto: &dyn RTCCrypto,
    request: &Message,
    from: SocketAddrV4,
    local: &Credentials,
) -> Option<Bytes> {
    let mut message = begin(BINDING_SUCCESS, request.transaction_id);
    XorMappedAddress { ip: IpAddr::V4(*from.ip()), port: from.port() }.add_to(&mut message).ok()?;
    seal(crypto, message, &local.pwd)
}

fn begin(kind: MessageType, id: TransactionId) -> Message {
    let mut message = Message::new();
    message.set_type(kind);
    message.transaction_id = id;
    message.write_header();
    message
}

fn seal(crypto: &dyn RTCCrypto, mut message: Message, pwd: &str) -> Option<Bytes> {
    MessageIntegrity::new_raw_integrity_with_provider(pwd, crypto).add_to(&mut message).ok()?;
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(Bytes::from(message.raw))
}

/// Whether MESSAGE-INTEGRITY is made with this password.
pub(super) fn is_authentic(crypto: &dyn RTCCrypto, message: &mut Message, pwd: &str) -> bool {
    MessageIntegrity::check(message, pwd.as_bytes(), crypto).is_ok()
}

/// Whether a request is meant for these two (RFC 8445 7.3): `local:remote`. Before the other's description is here,
/// only the first half can be known.
pub(super) fn is_for(message: &Message, local: &Credentials, remote: Option<&Credentials>) -> bool {
    let Ok(name) = message.get(ATTR_USERNAME) else { return false };
    let Some((to, from)) = std::str::from_utf8(&name).ok().and_then(|name| name.split_once(':')) else { return false };
    to == local.ufrag && remote.is_none_or(|remote| remote.ufrag == from)
}

/// Whether a request nominates its pair.
pub(super) fn nominates(message: &Message) -> bool {
    message.contains(ATTR_USE_CANDIDATE)
}

/// Where an answer says that the request came from.
pub(super) fn mapped(message: &Message) -> Option<SocketAddrV4> {
    let mut mapped = XorMappedAddress { ip: IpAddr::from([0, 0, 0, 0]), port: 0 };
    mapped.get_from(message).ok()?;
    match mapped.ip {
        IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, mapped.port)),
        IpAddr::V6(_) => None,
    }
}
