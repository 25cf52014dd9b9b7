//! The keys of encrypted media, as those who negotiated them claim.
//!
//! A claim `webrtc-keys` is written when a DTLS handshake is done, and again when the pair of addresses changes. It's
//! a claim like any other: whoever opens packets with it tries it, and the packets' tags tell whether it's true.

use serde::{Deserialize, Serialize};

use crate::event::{Event, Log, Source};
use crate::time::SimTime;

/// The claim's kind.
pub const CLAIM: &str = "webrtc-keys";

/// What a party to a DTLS-SRTP handshake (RFC 5764) says it has agreed on. Bytes are written in hexadecimal.
///
/// ```
/// use busyhour_trace::{Event, Log, MediaKeys, SimTime, Source};
///
/// let mut log = Log::default();
/// let alice = log.name_host("alice");
/// let mut claim = Event::new(SimTime(7), Source::Claim, "webrtc-keys").on(alice);
/// for (name, value) in [
///     ("local", "10.0.0.1:4000"), ("remote", "10.0.0.2:5000"), ("profile", "aead-aes-128-gcm"),
///     ("client_random", "0c"), ("server_random", "05"), ("master_secret", "99"), ("client_key", "01"),
///     ("client_salt", "02"), ("server_key", "03"), ("server_salt", "04"),
/// ] {
///     claim = claim.with(name, value);
/// }
/// let keys = MediaKeys::claimed(&claim, &log).unwrap();
/// assert_eq!((keys.host.as_str(), keys.local.as_str()), ("alice", "10.0.0.1:4000"));
/// assert_eq!(keys.key_log_line(), "CLIENT_RANDOM 0c 99");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaKeys {
    /// When it was claimed.
    pub at: SimTime,
    /// Who claims it.
    pub host: String,
    /// Its own address.
    pub local: String,
    /// The other's.
    pub remote: String,
    /// `aead-aes-128-gcm` or `aes128-cm-sha1-80`.
    pub profile: String,
    /// The random of the ClientHello.
    pub client_random: String,
    /// The random of the ServerHello.
    pub server_random: String,
    /// The master secret of the DTLS connection.
    pub master_secret: String,
    /// The SRTP master key of what the DTLS client sends.
    pub client_key: String,
    /// Its salt.
    pub client_salt: String,
    /// The SRTP master key of what the DTLS server sends.
    pub server_key: String,
    /// Its salt.
    pub server_salt: String,
}

impl MediaKeys {
    /// The keys that an entry of the log claims; none if it's no such claim, or says too little.
    pub fn claimed(event: &Event, log: &Log) -> Option<MediaKeys> {
        if event.kind != CLAIM || event.source != Source::Claim {
            return None;
        }
        let text = |name: &str| event.text(name).map(str::to_owned);
        Some(MediaKeys {
            at: event.at,
            host: log.host_name(event.host?).to_owned(),
            local: text("local")?,
            remote: text("remote")?,
            profile: text("profile")?,
            client_random: text("client_random")?,
            server_random: text("server_random")?,
            master_secret: text("master_secret")?,
            client_key: text("client_key")?,
            client_salt: text("client_salt")?,
            server_key: text("server_key")?,
            server_salt: text("server_salt")?,
        })
    }

    /// All that were claimed in a log, in its order.
    pub fn all(log: &Log) -> Vec<MediaKeys> {
        log.events().iter().filter_map(|event| MediaKeys::claimed(event, log)).collect()
    }

    /// The line of a key log file (draft-ietf-tls-keylogfile) that opens the DTLS connection.
    pub fn key_log_line(&self) -> String {
        format!("CLIENT_RANDOM {} {}", self.client_random, self.master_secret)
    }

    /// A key log file: each connection once.
    pub fn key_log(keys: &[MediaKeys]) -> String {
        let mut lines: Vec<String> = Vec::new();
        for line in keys.iter().map(MediaKeys::key_log_line) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines.into_iter().map(|line| line + "\n").collect()
    }
}

/// The bytes that hexadecimal digits stand for; none if they aren't such digits.
pub fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
