//! DTLS 1.2 records and handshakes (RFC 6347), as far as they're visible.
//!
//! Until the keys are in force (epoch 0) handshake messages can be read: who speaks, the randoms, the certificates.
//! Behind that a record shows its type and epoch alone. DTLS 1.3 (RFC 9147) hides the certificates; its records are
//! told from those of 1.2 and not read.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::u16_at;

const RECORD: usize = 13;
const HANDSHAKE: usize = 12;
/// No handshake message is longer than a few certificates.
const LONGEST: usize = 65_536;
/// So many messages may be in the making at once.
const IN_THE_MAKING: usize = 16;

/// What a record holds (RFC 5246 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// Keys are in force from here.
    ChangeCipherSpec,
    /// A warning, a failure or the end.
    Alert,
    /// A part of the handshake.
    Handshake,
    /// What the two have to say.
    Data,
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it holds.
    pub content: Content,
    /// 0 until keys are in force.
    pub epoch: u16,
    /// Its number within the epoch.
    pub sequence: u64,
    /// Its fragment, encrypted unless the epoch is 0.
    pub fragment: &'a [u8],
}

impl Record<'_> {
    /// An alert's level and description, where they can be read (RFC 5246 section 7.2).
    pub fn alert(&self) -> Option<(u8, u8)> {
        match *self.fragment {
            [level, description] if self.content == Content::Alert && self.epoch == 0 => Some((level, description)),
            _ => None,
        }
    }
}

/// True if a datagram's first byte is one of DTLS's (RFC 7983 section 7).
pub fn begins_like_dtls(bytes: &[u8]) -> bool {
    bytes.len() >= RECORD && (20..64).contains(&bytes[0]) && bytes[1] == 0xfe
}

/// The records of a datagram, up to the first that can't be read.
///
/// ```
/// use busyhour_oracle::read::dtls::{Content, records};
///
/// let goodbye = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 1, 0];
/// let record = records(&goodbye).next().unwrap();
/// assert_eq!((record.content, record.epoch, record.sequence), (Content::Alert, 0, 5));
/// assert_eq!(record.alert(), Some((1, 0)));
/// ```
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.len() < RECORD || rest[1] != 0xfe {
            return None;
        }
        let content = match rest[0] {
            20 => Content::ChangeCipherSpec,
            21 => Content::Alert,
            22 => Content::Handshake,
            23 => Content::Data,
            _ => return None,
        };
        let sequence = rest[5..11].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let (epoch, length) = (u16_at(rest, 3), usize::from(u16_at(rest, 11)));
        let fragment = rest.get(RECORD..RECORD + length)?;
        rest = &rest[RECORD + length..];
        Some(Record { content, epoch, sequence, fragment })
    })
}

/// What a handshake message says that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// The client begins, or begins again with a cookie.
    ClientHello {
        /// Its random.
        random: [u8; 32],
        /// It has the server's cookie.
        has_cookie: bool,
    },
    /// The server agrees.
    ServerHello {
        /// Its random.
        random: [u8; 32],
    },
    /// Who its sender is.
    Certificate {
        /// The SHA-256 of the first certificate, as `a=fingerprint` has it (RFC 8122 section 5).
        fingerprint: [u8; 32],
    },
    /// Any other.
    Other(u8),
}

impl Handshake {
    fn read(kind: u8, body: &[u8]) -> Option<Handshake> {
        let random = || body.get(2..34)?.first_chunk().copied();
        match kind {
            1 => {
                let session = usize::from(*body.get(34)?);
                let has_cookie = body.get(35 + session).is_some_and(|length| *length > 0);
                Some(Handshake::ClientHello { random: random()?, has_cookie })
            }
            2 => Some(Handshake::ServerHello { random: random()? }),
            11 => {
                let length =
                    |at: usize| Some(u32::from_be_bytes([0, *body.get(at)?, *body.get(at + 1)?, *body.get(at + 2)?]));
                let certificate = body.get(6..6 + length(3)? as usize)?;
                Some(Handshake::Certificate { fingerprint: Sha256::digest(certificate).into() })
            }
            other => Some(Handshake::Other(other)),
        }
    }
}

/// A message in the making.
#[derive(Debug, Clone)]
struct Part {
    kind: u8,
    bytes: Vec<u8>,
    /// Which bytes are there: begin and end of each piece, in order and apart.
    there: Vec<(usize, usize)>,
}

/// Puts a direction's handshake messages together (RFC 6347 section 4.2.3).
#[derive(Debug, Clone, Default)]
pub struct Assembly {
    parts: BTreeMap<u16, Part>,
}

impl Assembly {
    /// Takes a record of epoch 0 and returns the messages that it makes whole. One that's sent again is told again.
    pub fn take(&mut self, record: &Record<'_>) -> Vec<Handshake> {
        let mut whole = Vec::new();
        let mut rest = record.fragment;
        while record.content == Content::Handshake && record.epoch == 0 && rest.len() >= HANDSHAKE {
            let number = |at: usize| u32::from_be_bytes([0, rest[at], rest[at + 1], rest[at + 2]]) as usize;
            let (kind, length, sequence, offset, count) = (rest[0], number(1), u16_at(rest, 4), number(6), number(9));
            let Some(piece) = rest.get(HANDSHAKE..HANDSHAKE + count) else { break };
            rest = &rest[HANDSHAKE + count..];
            if length > LONGEST || offset + count > length {
                break;
            }
            if count == length {
                whole.extend(Handshake::read(kind, piece));
                self.parts.remove(&sequence);
                continue;
            }
            if self.parts.get(&sequence).is_none_or(|part| part.kind != kind || part.bytes.len() != length) {
                if self.parts.len() >= IN_THE_MAKING {
                    self.parts.pop_first();
                }
                self.parts.insert(sequence, Part { kind, bytes: vec![0; length], there: Vec::new() });
            }
            let Some(part) = self.parts.get_mut(&sequence) else { break };
            part.bytes[offset..offset + count].copy_from_slice(piece);
            part.there.push((offset, offset + count));
            part.there.sort_unstable();
            part.there.dedup_by(|next, before| {
                let joins = next.0 <= before.1;
                if joins {
                    before.1 = before.1.max(next.1);
                }
                joins
            });
            if part.there == [(0, length)] {
                whole.extend(Handshake::read(kind, &part.bytes));
                self.parts.remove(&sequence);
            }
        }
        whole
    }
}
