//! HMAC-SHA1 over the URL and the parameters, sorted by name, each name right before its value: Twilio, DIDWW.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Sha1, hex, hmac};

pub(super) const TWILIO: &str = "x-twilio-signature";
pub(super) const DIDWW: &str = "x-didww-signature";

/// The parameters of a form.
pub(super) fn of(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
    if content_type.starts_with("application/x-www-form-urlencoded") {
        form_urlencoded::parse(body).into_owned().collect()
    } else {
        Vec::new()
    }
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
