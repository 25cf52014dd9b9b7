//! No password on a wire.
//!
//! Digest authentication is there so that "the password can't be seen" (RFC 3261 section 22, RFC 7616 section 5.1):
//! neither the password nor H(user:realm:password), which is as good as one, may be sent in the clear.
//!
//! A step's or the world's entry `secret` names what must not be seen: `value` is a password, the list `ha1` its
//! digests in hexadecimal, in any case. Searched are the payloads of UDP datagrams and of TCP segments, also where a
//! secret straddles two segments of a connection; not RTP.
//!
//! Judged are payloads, once a secret is known. Secrets of fewer than six bytes aren't looked for, and counted as
//! exempt: a PIN is found in any number. Those of six and seven must stand alone, without a letter or digit beside.

use busyhour_trace::{Event, Log, Source};
use rustc_hash::FxHashMap;

use crate::hearing::Payload;
use crate::read::stream::Flow;
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct NoPasswordOnAWire {
    judgement: Judgement,
    secrets: Vec<Secret>,
    /// The secrets by their first six bytes.
    by_front: FxHashMap<u64, Vec<usize>>,
    /// A bit for each digest that a front has: most places are passed by with one look.
    sieve: Vec<u64>,
    longest: usize,
    /// The last bytes of each connection's last segment.
    tails: FxHashMap<Flow, Vec<u8>>,
}

#[derive(Debug)]
struct Secret {
    bytes: Vec<u8>,
    what: &'static str,
    any_case: bool,
    alone: bool,
}

/// A secret is looked for by so many bytes at its front.
const FRONT: usize = 6;
/// From this length on it's found inside words too.
const SURE: usize = 8;

/// The six bytes at the front, in lower case.
fn front(bytes: &[u8]) -> u64 {
    let mut front = [0; 8];
    front[..FRONT].copy_from_slice(&bytes[..FRONT]);
    // ASCII letters differ from their capitals in this bit; other bytes may fall together, which costs a comparison.
    u64::from_le_bytes(front) | 0x0000_2020_2020_2020
}

fn bit(front: u64, bits: usize) -> usize {
    (front.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (bits - 1)
}

impl NoPasswordOnAWire {
    fn learn(&mut self, secret: &str, what: &'static str, any_case: bool) {
        let bytes = secret.as_bytes().to_vec();
        if bytes.len() < FRONT {
            self.judgement.exempt("a secret of fewer than six bytes isn't looked for");
            return;
        }
        if self.secrets.iter().any(|known| known.bytes == bytes) {
            return;
        }
        self.longest = self.longest.max(bytes.len());
        let front = front(&bytes);
        self.by_front.entry(front).or_default().push(self.secrets.len());
        self.secrets.push(Secret { alone: bytes.len() < SURE, bytes, what, any_case });
        // At most one bit in 16 is set.
        let bits = (self.secrets.len() * 16).next_power_of_two().max(1_024);
        if self.sieve.len() * 64 != bits {
            self.sieve = vec![0; bits / 64];
            let all: Vec<u64> = self.secrets.iter().map(|secret| self::front(&secret.bytes)).collect();
            all.into_iter().for_each(|front| self.sift(front));
        } else {
            self.sift(front);
        }
    }

    fn sift(&mut self, front: u64) {
        let bit = bit(front, self.sieve.len() * 64);
        self.sieve[bit / 64] |= 1 << (bit % 64);
    }

    fn find(&self, bytes: &[u8]) -> Option<&Secret> {
        let bits = self.sieve.len() * 64;
        for (place, window) in bytes.windows(8).enumerate() {
            let window: [u8; 8] = window.try_into().expect("a window of eight bytes");
            let front = u64::from_le_bytes(window) & 0x0000_ffff_ffff_ffff | 0x0000_2020_2020_2020;
            let bit = bit(front, bits);
            if self.sieve[bit / 64] >> (bit % 64) & 1 == 1
                && let Some(secret) = self.compare(bytes, place, front)
            {
                return Some(secret);
            }
        }
        // The last places have no eight bytes behind them.
        let last = bytes.len().saturating_sub(7)..(bytes.len() + 1).saturating_sub(FRONT);
        last.into_iter().find_map(|place| self.compare(bytes, place, front(&bytes[place..])))
    }

    fn compare(&self, bytes: &[u8], place: usize, front: u64) -> Option<&Secret> {
        let here = &bytes[place..];
        let candidates = self.by_front.get(&front)?.iter().map(|secret| &self.secrets[*secret]);
        candidates.into_iter().find(|secret| {
            let length = secret.bytes.len();
            let Some(found) = here.get(..length) else { return false };
            let same = if secret.any_case { found.eq_ignore_ascii_case(&secret.bytes) } else { found == secret.bytes };
            let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let before = place.checked_sub(1).and_then(|before| bytes.get(before));
            same && !(secret.alone && (is_word(before) || is_word(here.get(length))))
        })
    }
}

impl Witness for NoPasswordOnAWire {
    fn name(&self) -> &'static str {
        "no_password_on_a_wire"
    }

    fn rule(&self) -> &'static str {
        "neither a password nor its H(user:realm:password) is sent in the clear (RFC 3261 section 22; RFC 7616 \
         section 5.1)"
    }

    fn payload(&mut self, payload: &Payload<'_>) {
        if self.secrets.is_empty() {
            return;
        }
        self.judgement.judged += 1;
        let mut joined = Vec::new();
        let mut bytes = payload.bytes;
        if let Some(flow) = payload.connection {
            let keep = self.longest - 1;
            let tail = self.tails.entry(flow).or_default();
            joined.append(tail);
            let before = joined.len();
            joined.extend_from_slice(payload.bytes);
            tail.extend_from_slice(&joined[joined.len().saturating_sub(keep)..]);
            if before > 0 {
                bytes = &joined;
            }
        }
        let Some(Secret { what, .. }) = self.find(bytes) else { return };
        let what = format!("packet {} shows {what}", payload.packet);
        // Found once, it isn't found again in what's kept of it.
        if let Some(tail) = payload.connection.and_then(|flow| self.tails.get_mut(&flow)) {
            tail.clear();
        }
        self.judgement.violate(payload.at, what, [payload.packet]);
    }

    fn event(&mut self, event: &Event, _log: &Log) {
        if event.kind != "secret" || event.source == Source::Claim {
            return;
        }
        if let Some(value) = event.text("value") {
            self.learn(value, "a password", false);
        }
        for digest in event.list("ha1").unwrap_or_default() {
            self.learn(digest, "the digest of a password", true);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
