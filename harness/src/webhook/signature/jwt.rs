//! The body is a JSON Web Token signed by HS256 (RFC 7519, RFC 7515).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::{Rejection, Sha256, any, hmac, same};

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub(super) fn encode(key: &[u8], payload: &[u8]) -> Bytes {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(payload));
    let code = hmac::<Sha256>(key, &[signed.as_bytes()]);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code)).into()
}

/// Header, payload and signature, as they're written, and the two in front together.
fn split(token: &[u8]) -> Option<(&str, &str, &str, &str)> {
    let token = std::str::from_utf8(token).ok()?;
    let (signed, code) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    (!payload.contains('.')).then_some((header, payload, code, signed))
}

pub(super) fn verify(keys: &[Vec<u8>], token: &[u8]) -> Result<(), Rejection> {
    let (header, payload, code, signed) = split(token).ok_or(Rejection::Malformed)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Rejection::Malformed);
    let header: serde_json::Value = serde_json::from_slice(&decode(header)?).map_err(|_| Rejection::Malformed)?;
    decode(payload)?;
    // Whoever lets the token choose lets it choose "none".
    match header.get("alg").and_then(serde_json::Value::as_str) {
        Some("HS256") => {}
        Some(_) => return Err(Rejection::NoSignature),
        None => return Err(Rejection::Malformed),
    }
    let given = decode(code)?;
    any(keys, |key| same(&hmac::<Sha256>(key, &[signed.as_bytes()]), &given))
}

pub(super) fn payload(token: &[u8]) -> Option<Bytes> {
    let (_, payload, ..) = split(token)?;
    URL_SAFE_NO_PAD.decode(payload).ok().map(Bytes::from)
}
