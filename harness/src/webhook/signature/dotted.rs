//! Standard Webhooks 1.0.0: the id, the timestamp and the body, joined by dots.
//!
//! What a secret looks like tells by which of the two versions it signs: `whsk_` and `whpk_` are the private and the
//! public half of a pair (`v1a`, ed25519), everything else is shared (`v1`, HMAC-SHA256). A list of signatures may have
//! both, as it has when a sender goes from the one to the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::{Parts, Received, Rejection, Scheme, Secret, Sha256, Signed, hmac, same, timestamp};

/// The fields' names: id, timestamp, signature.
pub(super) type Names = [&'static str; 3];

pub(super) fn names(scheme: Scheme) -> Names {
    match scheme {
        Scheme::Svix => ["svix-id", "svix-timestamp", "svix-signature"],
        _ => ["webhook-id", "webhook-timestamp", "webhook-signature"],
    }
}

/// An ed25519 key pair's private half: 32 bytes, and 32 of the public half behind them, as Svix writes it, or not.
pub(super) const PRIVATE: &str = "whsk_";
/// Its public half.
pub(super) const PUBLIC: &str = "whpk_";

/// What a secret is good for.
pub(super) enum Key {
    /// To sign, and to verify.
    Shared(Vec<u8>),
    /// To sign, and by its other half to verify.
    Private(Box<Ed25519KeyPair>),
    /// To verify.
    Public(Vec<u8>),
    /// For nothing: it says that it's half of a pair, and is none. Whoever took it for a shared one would verify with
    /// what everybody may know.
    Nothing,
}

impl Key {
    pub(super) fn of(secret: &Secret) -> Key {
        let text = secret.text();
        if let Some(private) = text.strip_prefix(PRIVATE) {
            let pair = STANDARD.decode(private).ok().and_then(|bytes| match bytes.len() {
                32 => Ed25519KeyPair::from_seed_unchecked(&bytes).ok(),
                64 => Ed25519KeyPair::from_seed_and_public_key(&bytes[..32], &bytes[32..]).ok(),
                _ => None,
            });
            return pair.map_or(Key::Nothing, |pair| Key::Private(Box::new(pair)));
        }
        if let Some(public) = text.strip_prefix(PUBLIC) {
            let bytes = STANDARD.decode(public).ok().filter(|bytes| bytes.len() == 32);
            return bytes.map_or(Key::Nothing, Key::Public);
        }
        let encoded = text.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        Key::Shared(encoded.unwrap_or_else(|| text.as_bytes().to_vec()))
    }

    pub(super) fn can_sign(&self) -> bool {
        matches!(self, Key::Shared(_) | Key::Private(_))
    }

    /// The public half, where there is one.
    pub(super) fn public(&self) -> Option<&[u8]> {
        match self {
            Key::Private(pair) => Some(pair.public_key().as_ref()),
            Key::Public(bytes) => Some(bytes),
            Key::Shared(_) | Key::Nothing => None,
        }
    }

    fn sign(&self, content: &[u8]) -> Option<String> {
        match self {
            Key::Shared(key) => Some(format!("v1,{}", code(key, content))),
            Key::Private(pair) => Some(format!("v1a,{}", STANDARD.encode(pair.sign(content)))),
            Key::Public(_) | Key::Nothing => None,
        }
    }

    /// Whether this is its signature: one of the other version never is.
    fn made(&self, signature: &str, content: &[u8]) -> bool {
        match (signature.split_once(','), self.public()) {
            (Some(("v1", given)), None) => match self {
                Key::Shared(key) => same(code(key, content).as_bytes(), given.as_bytes()),
                _ => false,
            },
            (Some(("v1a", given)), Some(public)) => STANDARD
                .decode(given)
                .is_ok_and(|given| UnparsedPublicKey::new(&ED25519, public).verify(content, &given).is_ok()),
            _ => false,
        }
    }
}

/// A pair's private half, as it's handed out, made of 32 random bytes.
pub(super) fn private(seed: &[u8; 32]) -> Secret {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are a key");
    Secret::new(format!("{PRIVATE}{}", STANDARD.encode([&seed[..], pair.public_key().as_ref()].concat())))
}

fn code(key: &[u8], content: &[u8]) -> String {
    STANDARD.encode(hmac::<Sha256>(key, &[content]))
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

pub(super) fn sign(names: Names, unix_seconds: u64, secrets: &[Secret], parts: &Parts<'_>) -> Signed {
    let at = unix_seconds.to_string();
    let content = content(parts.id, &at, parts.body);
    let signatures: Vec<String> = secrets.iter().filter_map(|secret| Key::of(secret).sign(&content)).collect();
    let mut signed = Signed::header(names[0], parts.id);
    signed.add(names[1], &at);
    signed.add(names[2], &signatures.join(" "));
    signed
}

pub(super) fn verify(
    names: Names,
    secrets: &[Secret],
    received: &Received<'_>,
    timely: impl Fn(u64) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let (id, at, list) = (received.header(names[0])?, received.header(names[1])?, received.header(names[2])?);
    timely(timestamp(at)?)?;
    // What's of a version that nobody knows yet isn't ours to judge.
    let given: Vec<&str> = list.split(' ').filter(|one| one.starts_with("v1,") || one.starts_with("v1a,")).collect();
    if given.is_empty() {
        return Err(Rejection::NoSignature);
    }
    let content = content(id, at, received.body);
    let right = secrets
        .iter()
        .map(Key::of)
        .fold(false, |right, key| given.iter().fold(right, |right, signature| key.made(signature, &content) | right));
    if right { Ok(()) } else { Err(Rejection::WrongSignature) }
}
