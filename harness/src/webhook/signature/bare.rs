//! HMAC-SHA256 over the body and nothing else: GitHub writes it in hexadecimal, Shopify in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Sha256, hex, hmac};

pub(super) const GITHUB: &str = "x-hub-signature-256";
pub(super) const SHOPIFY: &str = "x-shopify-hmac-sha256";

pub(super) fn github(key: &[u8], body: &[u8]) -> String {
    format!("sha256={}", hex(&hmac::<Sha256>(key, &[body])))
}

pub(super) fn shopify(key: &[u8], body: &[u8]) -> String {
    STANDARD.encode(hmac::<Sha256>(key, &[body]))
}
