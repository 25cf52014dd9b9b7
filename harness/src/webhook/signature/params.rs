//! HMAC-SHA1 over the URL and the parameters, sorted by name, each name right before its value: Twilio, DIDWW.
//!
//! What is no form has no parameters: Twilio puts the hash of such a body into the URL, which is signed.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use sha2::Digest;

use super::{Sha1, hex, hmac, same};

pub(super) const TWILIO: &str = "x-twilio-signature";
pub(super) const DIDWW: &str = "x-didww-signature";

/// The parameter of Twilio's URLs that has the hash of the body.
const HASH: &str = "bodySHA256";

fn is_form(content_type: &str) -> bool {
    content_type.starts_with("application/x-www-form-urlencoded")
}

fn hash(body: &[u8]) -> String {
    hex(&sha2::Sha256::digest(body))
}

/// The URL with the hash of the body, if the body is there and is no form.
pub(super) fn with_hash(url: &str, content_type: &str, body: &[u8]) -> Option<String> {
    let joint = if url.contains('?') { '&' } else { '?' };
    (!is_form(content_type) && !body.is_empty()).then(|| format!("{url}{joint}{HASH}={}", hash(body)))
}

/// Whether a signed URL vouches for the body: a form's parameters are signed themselves.
pub(super) fn covers(url: &str, content_type: &str, body: &[u8]) -> bool {
    if is_form(content_type) || body.is_empty() {
        return true;
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let given = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == HASH);
    given.is_some_and(|(_, given)| same(given.as_bytes(), hash(body).as_bytes()))
}

/// The parameters of a form.
pub(super) fn of(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
    if is_form(content_type) { form_urlencoded::parse(body).into_owned().collect() } else { Vec::new() }
}

fn code(key: &[u8], url: &str, params: BTreeSet<(String, String)>) -> Vec<u8> {
    let text = params.into_iter().fold(url.to_owned(), |text, (name, value)| text + &name + &value);
    hmac::<Sha1>(key, &[text.as_bytes()])
}

pub(super) fn twilio(key: &[u8], url: &str, params: &[(String, String)]) -> String {
    STANDARD.encode(code(key, url, params.iter().cloned().collect()))
}

pub(super) fn didww(key: &[u8], url: &str, params: &[(String, String)]) -> String {
    let mut params: BTreeSet<(String, String)> = params.iter().cloned().collect();
    if let Some((_, query)) = url.split_once('?').filter(|_| params.is_empty()) {
        params.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
    }
    hex(&code(key, &with_port(url), params))
}

/// `http://crm.test:80/hook`: DIDWW signs the URL with its port.
fn with_port(url: &str) -> String {
    let Some(rest) = url.strip_prefix("http://") else { return url.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.contains(':') { url.to_owned() } else { format!("http://{authority}:80{target}") }
}
