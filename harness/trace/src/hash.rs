//! The run's hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

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

/// A running hash (XXH3, 128 bits) over packets and events, in the order in which they happened.
///
/// XXH3 and not a cryptographic hash: nobody forges a run, and it must cost less than the packet it hashes.
#[derive(Default)]
pub struct RunHash {
    state: Xxh3Default,
    entries: u64,
}

impl fmt::Debug for RunHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHash").field("entries", &self.entries).field("digest", &self.digest()).finish()
    }
}

impl RunHash {
    /// Takes a packet that was put on the wire: every byte of its headers and its payload.
    pub fn sent(&mut self, at: SimTime, id: PacketId, header: &[u8], payload: &[u8]) {
        self.entries += 1;
        let mut head = [0u8; 24];
        head[0] = 1;
        head[1] = u8::try_from(header.len()).expect("IPv4 and TCP headers together are at most 120 bytes");
        head[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        head[8..16].copy_from_slice(&at.0.to_le_bytes());
        head[16..24].copy_from_slice(&id.0.to_le_bytes());
        self.state.update(&head);
        self.state.update(header);
        self.state.update(payload);
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
        self.state.update(&head);
    }

    /// Takes the newest entry of the log, as its line reads.
    pub fn event(&mut self, log: &Log) {
        self.entries += 1;
        let event = log.events().last().expect("an entry was just pushed");
        self.state.update(&[6]);
        self.state.update(&event.at.0.to_le_bytes());
        self.state.update(log.line(event).as_bytes());
    }

    /// How many packets and events it has taken.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Its value now; it can go on.
    pub fn digest(&self) -> Digest {
        Digest(self.state.digest128())
    }
}
