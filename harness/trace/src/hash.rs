//! The run's hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use crate::divergence::Trail;
use crate::event::Log;
use crate::tap::{PacketId, Stage};
use crate::time::SimTime;

/// A hash's value: equal runs have equal ones, in every process and on every machine of the same build.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Digest, Self::Err> {
        u128::from_str_radix(text, 16).map(Digest)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How many bytes are gathered until they're hashed: an update costs more than the few that most entries have.
const BATCH: usize = 4_096;

/// A running hash (XXH3, 128 bits) over packets and events, in the order in which they happened.
///
/// XXH3 and not a cryptographic hash: nobody forges a run, and it must cost less than the packet it hashes.
/// `examples/hash_cost.rs` measures what a packet costs.
///
/// ```
/// use busyhour_trace::{PacketId, RunHash, SimTime, Stage};
///
/// let mut one = RunHash::default();
/// let mut other = RunHash::default();
/// one.sent(SimTime(0), PacketId(0), &[0x45; 28], b"NOTIFY");
/// other.sent(SimTime(0), PacketId(0), &[0x45; 28], b"NOTIFY");
/// assert_eq!(one.digest(), other.digest());
///
/// one.fate(SimTime(1_000_000), PacketId(0), Stage::Arrived);
/// other.fate(SimTime(1_000_001), PacketId(0), Stage::Arrived);
/// assert_ne!(one.digest(), other.digest());
/// ```
#[derive(Default)]
pub struct RunHash {
    state: Xxh3Default,
    /// What isn't hashed yet.
    batch: Vec<u8>,
    entries: u64,
    trail: Option<Box<Trail>>,
}

impl fmt::Debug for RunHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHash").field("entries", &self.entries).field("digest", &self.digest()).finish()
    }
}

impl RunHash {
    /// A hash that keeps a [`Trail`] of what it takes, so that two runs which should be equal can be compared entry
    /// by entry. It costs 32 bytes of memory an entry and a second hash of each; the digest is the same.
    pub fn with_trail() -> RunHash {
        RunHash { trail: Some(Box::default()), ..RunHash::default() }
    }

    /// The trail that was kept, if one was asked for. Nothing more is kept after this.
    pub fn take_trail(&mut self) -> Option<Trail> {
        self.trail.take().map(|trail| *trail)
    }

    /// Takes a packet that was put on the wire: every byte of its headers and its payload.
    pub fn sent(&mut self, at: SimTime, id: PacketId, header: &[u8], payload: &[u8]) {
        self.entries += 1;
        let mut head = [0u8; 24];
        head[0] = 1;
        head[1] = u8::try_from(header.len()).expect("IPv4 and TCP headers together are at most 120 bytes");
        head[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        head[8..16].copy_from_slice(&at.0.to_le_bytes());
        head[16..24].copy_from_slice(&id.0.to_le_bytes());
        self.take(&[&head, header, payload]);
        if let Some(trail) = &mut self.trail {
            trail.sent(at, id, header, payload);
        }
    }

    /// Takes what became of a packet.
    pub fn fate(&mut self, at: SimTime, id: PacketId, stage: Stage) {
        self.entries += 1;
        let (tag, detail) = match stage {
            Stage::Sent => (2, 0),
            Stage::Copied { of } => (3, of.0),
            Stage::Arrived => (4, 0),
            Stage::Lost(loss) => (5, loss as u64),
        };
        let mut head = [0u8; 32];
        head[0] = tag;
        head[8..16].copy_from_slice(&at.0.to_le_bytes());
        head[16..24].copy_from_slice(&id.0.to_le_bytes());
        head[24..32].copy_from_slice(&detail.to_le_bytes());
        self.take(&[&head]);
        if let Some(trail) = &mut self.trail {
            trail.fate(at, id, stage);
        }
    }

    /// Takes the newest entry of the log, as its line reads.
    pub fn event(&mut self, log: &Log) {
        self.entries += 1;
        let event = log.events().last().expect("an entry was just pushed");
        let line = log.line(event);
        let mut head = [0u8; 16];
        head[0] = 6;
        // The line's length keeps its last bytes apart from the next entry's first.
        head[4..8].copy_from_slice(&(line.len() as u32).to_le_bytes());
        head[8..16].copy_from_slice(&event.at.0.to_le_bytes());
        self.take(&[&head, line.as_bytes()]);
        if let Some(trail) = &mut self.trail {
            trail.event(event.at, &line);
        }
    }

    /// Takes the bytes of an entry.
    fn take(&mut self, pieces: &[&[u8]]) {
        for piece in pieces {
            self.batch.extend_from_slice(piece);
        }
        if self.batch.len() >= BATCH {
            self.state.update(&self.batch);
            self.batch.clear();
        }
    }

    /// How many packets and events it has taken.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Its value now; it can go on.
    pub fn digest(&self) -> Digest {
        let mut state = self.state.clone();
        state.update(&self.batch);
        Digest(state.digest128())
    }
}
