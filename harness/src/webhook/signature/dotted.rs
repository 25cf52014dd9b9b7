//! Standard Webhooks 1.0.0: the id, the timestamp and the body, joined by dots.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Parts, Received, Rejection, Scheme, Sha256, Signed, any, hmac, same, timestamp};

/// The fields' names: id, timestamp, signature.
pub(super) type Names = [&'static str; 3];

pub(super) fn names(scheme: Scheme) -> Names {
    match scheme {
        Scheme::Svix => ["svix-id", "svix-timestamp", "svix-signature"],
        _ => ["webhook-id", "webhook-timestamp", "webhook-signature"],
    }
}

fn code(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    hmac::<Sha256>(key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
}

pub(super) fn sign(names: Names, unix_seconds: u64, keys: &[Vec<u8>], parts: &Parts<'_>) -> Signed {
    let at = unix_seconds.to_string();
    let sign = |key: &Vec<u8>| format!("v1,{}", STANDARD.encode(code(key, parts.id, &at, parts.body)));
    let signatures: Vec<String> = keys.iter().map(sign).collect();
    let mut signed = Signed::header(names[0], parts.id);
    signed.add(names[1], &at);
    signed.add(names[2], &signatures.join(" "));
    signed
}

pub(super) fn verify(
    names: Names,
    keys: &[Vec<u8>],
    received: &Received<'_>,
    timely: impl Fn(u64) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let (id, at, list) = (received.header(names[0])?, received.header(names[1])?, received.header(names[2])?);
    timely(timestamp(at)?)?;
    // What's of another version (v1a, ed25519) isn't ours to judge.
    let given: Vec<&str> = list.split(' ').filter_map(|one| one.strip_prefix("v1,")).collect();
    if given.is_empty() {
        return Err(Rejection::NoSignature);
    }
    any(keys, |key| {
        let expected = STANDARD.encode(code(key, id, at, received.body));
        given.iter().fold(false, |right, given| same(expected.as_bytes(), given.as_bytes()) | right)
    })
}
