//! Stripe's: `t=TIMESTAMP,v1=HEX[,v1=HEX]`, HMAC-SHA256 over the timestamp, a dot and the body.

use super::{Received, Rejection, Sha256, any, hex, hmac, same, timestamp};

pub(super) const HEADER: &str = "stripe-signature";

fn code(key: &[u8], timestamp: &str, body: &[u8]) -> String {
    hex(&hmac::<Sha256>(key, &[timestamp.as_bytes(), b".", body]))
}

pub(super) fn sign(unix_seconds: u64, keys: &[Vec<u8>], body: &[u8]) -> String {
    let at = unix_seconds.to_string();
    keys.iter().fold(format!("t={at}"), |text, key| format!("{text},v1={}", code(key, &at, body)))
}

pub(super) fn verify(
    keys: &[Vec<u8>],
    received: &Received<'_>,
    timely: impl Fn(u64) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let (mut at, mut given) = (None, Vec::new());
    for item in received.header(HEADER)?.split(',') {
        match item.trim().split_once('=') {
            Some(("t", text)) => at = Some(text),
            Some(("v1", code)) => given.push(code),
            // v0 is what test clocks sign with.
            Some(_) => {}
            None => return Err(Rejection::Malformed),
        }
    }
    let at = at.ok_or(Rejection::Malformed)?;
    timely(timestamp(at)?)?;
    if given.is_empty() {
        return Err(Rejection::NoSignature);
    }
    any(keys, |key| {
        let expected = code(key, at, received.body);
        given.iter().fold(false, |right, given| same(expected.as_bytes(), given.as_bytes()) | right)
    })
}
