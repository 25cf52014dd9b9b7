//! Signing webhooks and verifying them, by the schemes of those who send them.
//!
//! - `dotted`: Standard Webhooks 1.0.0 (HMAC-SHA256, or ed25519, over id, timestamp and body) and Svix's, the same by
//!   other names.
//! - `stripe`: `t=..,v1=..` over timestamp and body.
//! - `bare`: the body alone: GitHub and Shopify.
//! - `params`: the URL and the sorted parameters, HMAC-SHA1: Twilio and DIDWW. Twilio's URL has the hash of a body that
//!   is no form.
//! - `jwt`: the body is a token: Dialpad.
//!
//! Every one of them works on the raw body: parsed and written again, it's another text. Signatures are compared in
//! constant time. The moment that it is comes as an argument (law 2), in seconds since 1970.
//!
//! ```
//! use busyhour::http::Request;
//! use busyhour::webhook::signature::{DEFAULT_TOLERANCE, Parts, Received, Rejection, Scheme, Secret};
//! use bytes::Bytes;
//!
//! let secrets = [Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")];
//! let parts = Parts { id: "msg_1", url: "http://crm.test/hook", content_type: "application/json", body: b"{}" };
//! let signed = Scheme::Standard.sign(1_649_367_553, &secrets, &parts);
//!
//! let mut request = Request::post("/hook").header("Host", "crm.test").body(Bytes::from("{}")).unwrap();
//! request.headers_mut().extend(signed.headers);
//! let received = Received::of(&request);
//! assert_eq!(Scheme::Standard.verify(1_649_367_553, &secrets, DEFAULT_TOLERANCE, &received), Ok(()));
//! let later = 1_649_367_553 + 301;
//! assert_eq!(Scheme::Standard.verify(later, &secrets, DEFAULT_TOLERANCE, &received), Err(Rejection::TooOld));
//! ```

mod bare;
mod dotted;
mod jwt;
mod params;
mod stripe;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HOST};
use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::world::Random;

/// What the libraries of Standard Webhooks, Svix and Stripe allow a timestamp to be off, both ways.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Not at all.
    None,
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature: v1,..`; several at a rotation.
    Standard,
    /// The same with a key pair: `webhook-signature: v1a,..`, ed25519. The receiver has the public half alone.
    StandardV1a,
    /// The same as `svix-id`, `svix-timestamp`, `svix-signature`.
    Svix,
    /// `Stripe-Signature: t=..,v1=..`; several `v1` at a rotation.
    Stripe,
    /// `X-Hub-Signature-256: sha256=..`, of the body alone: a copy of it is good for ever.
    GitHub,
    /// `X-Shopify-Hmac-Sha256: ..`, of the body alone.
    Shopify,
    /// `X-Twilio-Signature: ..`, HMAC-SHA1 of the URL and the form's sorted parameters; of JSON, the URL gets a
    /// `bodySHA256`, and is signed alone.
    Twilio,
    /// The body is a JSON Web Token, signed by HS256.
    Dialpad,
    /// `X-DIDWW-Signature: ..`, HMAC-SHA1 of the URL with its port and the sorted parameters.
    Didww,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 10] = [
        Scheme::None,
        Scheme::Standard,
        Scheme::StandardV1a,
        Scheme::Svix,
        Scheme::Stripe,
        Scheme::GitHub,
        Scheme::Shopify,
        Scheme::Twilio,
        Scheme::Dialpad,
        Scheme::Didww,
    ];

    /// Its name in a sender's file.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::None => "none",
            Scheme::Standard => "standard",
            Scheme::StandardV1a => "standard-v1a",
            Scheme::Svix => "svix",
            Scheme::Stripe => "stripe",
            Scheme::GitHub => "github",
            Scheme::Shopify => "shopify",
            Scheme::Twilio => "twilio",
            Scheme::Dialpad => "dialpad",
            Scheme::Didww => "didww",
        }
    }

    /// Whether the moment of sending is signed, so that a copy grows too old.
    pub fn has_timestamp(self) -> bool {
        self.is_dotted() || self == Scheme::Stripe
    }

    /// Whether one request can bear the signatures of several secrets.
    pub fn bears_several(self) -> bool {
        self.is_dotted() || self == Scheme::Stripe
    }

    fn is_dotted(self) -> bool {
        matches!(self, Scheme::Standard | Scheme::StandardV1a | Scheme::Svix)
    }

    /// Whether a secret can sign: a pair's public half can't, nor what says that it's half of a pair and is none.
    pub fn can_sign_with(self, secret: &Secret) -> bool {
        !self.is_dotted() || dotted::Key::of(secret).can_sign()
    }

    /// Signs a request: with every secret, if the scheme can bear several, else with the first.
    ///
    /// # Panics
    /// There's no secret, and the scheme needs one.
    pub fn sign(self, unix_seconds: u64, secrets: &[Secret], parts: &Parts<'_>) -> Signed {
        let newest = || secrets.first().expect("whoever signs has a secret").0.as_bytes();
        let one = |name: &'static str, value: String| Signed::header(name, &value);
        match self {
            Scheme::None => Signed::default(),
            Scheme::Standard | Scheme::StandardV1a | Scheme::Svix => {
                assert!(!secrets.is_empty(), "whoever signs has a secret");
                dotted::sign(dotted::names(self), unix_seconds, secrets, parts)
            }
            Scheme::Stripe => {
                assert!(!secrets.is_empty(), "whoever signs has a secret");
                one(stripe::HEADER, stripe::sign(unix_seconds, &keys(secrets), parts.body))
            }
            Scheme::GitHub => one(bare::GITHUB, bare::github(newest(), parts.body)),
            Scheme::Shopify => one(bare::SHOPIFY, bare::shopify(newest(), parts.body)),
            Scheme::Twilio => {
                let url = params::with_hash(parts.url, parts.content_type, parts.body);
                let signed_url = url.as_deref().unwrap_or(parts.url);
                let signed = one(params::TWILIO, params::twilio(newest(), signed_url, &parts.params()));
                Signed { url, ..signed }
            }
            Scheme::Didww => one(params::DIDWW, params::didww(newest(), parts.url, &parts.params())),
            Scheme::Dialpad => Signed { body: Some(jwt::encode(newest(), parts.body)), ..Signed::default() },
        }
    }

    /// Whether a request is signed with one of these secrets, not longer ago than the tolerance, nor further ahead.
    ///
    /// # Errors
    /// It isn't, and how.
    pub fn verify(
        self,
        unix_seconds: u64,
        secrets: &[Secret],
        tolerance: Duration,
        received: &Received<'_>,
    ) -> Result<(), Rejection> {
        let keys = keys(secrets);
        let timely = |timestamp: u64| match tolerance.as_secs() {
            tolerance if timestamp.saturating_add(tolerance) < unix_seconds => Err(Rejection::TooOld),
            tolerance if timestamp > unix_seconds.saturating_add(tolerance) => Err(Rejection::TooNew),
            _ => Ok(()),
        };
        let body = received.body;
        let params = || params::of(received.content_type(), body);
        let one = |name: &'static str, sign: &dyn Fn(&[u8]) -> String| {
            let given = received.header(name)?;
            any(&keys, |key| same(sign(key).as_bytes(), given.as_bytes()))
        };
        match self {
            Scheme::None => Ok(()),
            Scheme::Standard | Scheme::StandardV1a | Scheme::Svix => {
                dotted::verify(dotted::names(self), secrets, received, timely)
            }
            Scheme::Stripe => stripe::verify(&keys, received, timely),
            Scheme::GitHub => one(bare::GITHUB, &|key| bare::github(key, body)),
            Scheme::Shopify => one(bare::SHOPIFY, &|key| bare::shopify(key, body)),
            Scheme::Twilio => {
                one(params::TWILIO, &|key| params::twilio(key, &received.url, &params()))?;
                if params::covers(&received.url, received.content_type(), body) {
                    Ok(())
                } else {
                    Err(Rejection::WrongSignature)
                }
            }
            Scheme::Didww => one(params::DIDWW, &|key| params::didww(key, &received.url, &params())),
            Scheme::Dialpad => jwt::verify(&keys, body),
        }
    }

    /// What the sender meant to say by a body: the body itself, or what a token holds. Nothing is verified.
    pub fn payload(self, body: &Bytes) -> Option<Bytes> {
        if self == Scheme::Dialpad { jwt::payload(body) } else { Some(body.clone()) }
    }

    /// Draws a secret as its issuers make them up.
    pub fn draw_secret(self, random: &mut Random) -> Secret {
        if self == Scheme::StandardV1a {
            let mut seed = [0; 32];
            random.fill(&mut seed);
            return dotted::private(&seed);
        }
        let mut bytes = [0; 24];
        random.fill(&mut bytes);
        match self {
            Scheme::Standard | Scheme::Svix | Scheme::Stripe => Secret(format!("whsec_{}", STANDARD.encode(bytes))),
            _ => Secret(hex(&bytes)),
        }
    }
}

/// Who writes no keys in base64 signs with the text.
fn keys(secrets: &[Secret]) -> Vec<Vec<u8>> {
    secrets.iter().map(|secret| secret.0.as_bytes().to_vec()).collect()
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There's no scheme of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no signature scheme {0:?}; there are {all}", all = Scheme::ALL.map(Scheme::name).join(", "))]
pub struct UnknownScheme(pub String);

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Scheme, UnknownScheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.name() == name).ok_or_else(|| UnknownScheme(name.to_owned()))
    }
}

/// What sender and receiver share: `whsec_..` in base64 for Standard Webhooks and Svix, any text for others. Standard
/// Webhooks and Svix know pairs, too: `whsk_..` is the sender's half, `whpk_..` the receiver's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// A secret as it's handed out.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// As it's handed out.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What a receiver is given of it: of a pair the public half, otherwise the same.
    #[must_use]
    pub fn for_receiver(&self) -> Secret {
        if !self.0.starts_with(dotted::PRIVATE) {
            return self.clone();
        }
        match dotted::Key::of(self).public() {
            Some(public) => Secret(format!("{}{}", dotted::PUBLIC, STANDARD.encode(public))),
            None => self.clone(),
        }
    }
}

/// Secrets don't get into logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What of a request is signed.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The event's id.
    pub id: &'a str,
    /// Where it goes, as the receiver will see it: see [`url_of`].
    pub url: &'a str,
    /// The body's type.
    pub content_type: &'a str,
    /// The raw body.
    pub body: &'a [u8],
}

impl Parts<'_> {
    fn params(&self) -> Vec<(String, String)> {
        params::of(self.content_type, self.body)
    }
}

/// What signing adds to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signed {
    /// Header fields.
    pub headers: HeaderMap,
    /// Another body, where the signature is in there.
    pub body: Option<Bytes>,
    /// Another URL, where it has the hash of the body.
    pub url: Option<String>,
}

impl Signed {
    fn header(name: &'static str, value: &str) -> Signed {
        let mut signed = Signed::default();
        signed.add(name, value);
        signed
    }

    fn add(&mut self, name: &'static str, value: &str) {
        // An id that can't stand in a header leaves a request that nobody accepts, as it should.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// A request as its receiver sees it.
#[derive(Debug, Clone)]
pub struct Received<'a> {
    /// The URL that it was sent to.
    pub url: String,
    /// Its header.
    pub headers: &'a HeaderMap,
    /// Its raw body.
    pub body: &'a [u8],
}

impl<'a> Received<'a> {
    /// A request that came in; its URL is that of its `Host` field and its request line.
    pub fn of(request: &'a Request<Bytes>) -> Received<'a> {
        let (uri, headers) = (request.uri(), request.headers());
        let url = if uri.scheme().is_some() {
            url_of(uri)
        } else {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            format!("http://{}{uri}", host.strip_suffix(":80").unwrap_or(host))
        };
        Received { url, headers, body: request.body() }
    }

    fn header(&self, name: &str) -> Result<&str, Rejection> {
        let value = self.headers.get(name).ok_or(Rejection::NoSignature)?;
        value.to_str().map_err(|_| Rejection::Malformed)
    }

    fn content_type(&self) -> &str {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A URL as both ends write it: without the port if that's 80.
pub fn url_of(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().filter(|port| *port != 80).map(|port| format!(":{port}")).unwrap_or_default();
    format!("http://{host}{port}{}", uri.path_and_query().map_or("/", |target| target.as_str()))
}

/// Why a request isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It bears no signature of this scheme.
    #[error("there is no signature")]
    NoSignature,
    /// None of its signatures is right.
    #[error("the signature is wrong")]
    WrongSignature,
    /// It was signed longer ago than the tolerance: a replay, or a clock that's off.
    #[error("it was signed too long ago")]
    TooOld,
    /// It was signed in the future.
    #[error("it was signed in the future")]
    TooNew,
    /// What should be a signature or a timestamp is none.
    #[error("the signature can't be read")]
    Malformed,
}

type Sha256 = Hmac<sha2::Sha256>;
type Sha1 = Hmac<sha1::Sha1>;

fn hmac<M: Mac + KeyInit>(key: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes a key of any length");
    for piece in pieces {
        mac.update(piece);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether two texts are the same, in a time that doesn't tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// Tries every key, whether or not one was right before.
fn any(keys: &[Vec<u8>], mut is_right: impl FnMut(&[u8]) -> bool) -> Result<(), Rejection> {
    let right = keys.iter().fold(false, |right, key| is_right(key) | right);
    if right { Ok(()) } else { Err(Rejection::WrongSignature) }
}

/// A timestamp: digits and nothing else. What parses to a strange number could never be too old.
fn timestamp(text: &str) -> Result<u64, Rejection> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().map_err(|_| Rejection::Malformed) } else { Err(Rejection::Malformed) }
}

#[cfg(test)]
mod tests;
