//! Where two runs of one seed parted.
//!
//! Two hashes that differ say that a universe isn't deterministic, not where. A [`Trail`] holds 32 bytes for each
//! entry that the hash took, enough to find the first one that differs and to say what it was.
//!
//! ```
//! use busyhour_trace::{PacketId, RunHash, SimTime, first_difference};
//!
//! let udp = [
//!     0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
//!     0x13, 0xc4, 0x13, 0xc4, 0, 12, 0, 0, // UDP, 5060 to 5060
//! ];
//! let run = |payload: &[u8]| {
//!     let mut hash = RunHash::with_trail();
//!     hash.sent(SimTime(1_204_000_000), PacketId(0), &udp, payload);
//!     hash.take_trail().expect("the hash was made with a trail")
//! };
//! assert!(first_difference(&run(b"ping"), &run(b"ping")).is_none());
//! assert_eq!(
//!     first_difference(&run(b"ping"), &run(b"hello")).unwrap().to_string(),
//!     "event 1 differs: at 1.204000s UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 4 bytes, \
//!      against at 1.204000s UDP 10.0.0.1:5060 -> 10.0.0.2:5060, 5 bytes",
//! );
//! ```

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::tap::{Loss, PacketId, Stage};
use crate::time::SimTime;

/// What a trail's file begins with; its last character is the format's version.
const MAGIC: &str = "busyhour trail 1";
/// Bytes of an entry in memory and in a file.
const ENTRY: usize = 32;
/// The IPv4 protocol number of TCP.
const TCP: u8 = 6;
/// The IPv4 protocol number of UDP.
const UDP: u8 = 17;

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sent,
    Copied,
    Arrived,
    Lost,
    Event,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Sent, Kind::Copied, Kind::Arrived, Kind::Lost, Kind::Event];
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: u64,
    /// Sent: the addresses. Copied: the original's number, big-endian.
    addresses: [u8; 8],
    /// Sent: source and destination port.
    ports: [u16; 2],
    /// Sent: bytes of payload.
    length: u16,
    kind: Kind,
    /// Sent: the IPv4 protocol. Lost: the loss's number.
    detail: u8,
    /// Packets: the low half of the number. Events: the line's place.
    id: u32,
    /// The low half of the chain after this entry.
    digest: u32,
}

/// Every entry that a [`RunHash`](crate::RunHash) took, in 32 bytes each; of an event also its line.
///
/// Each entry's digest covers its bytes and, by chaining, every entry before it.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    entries: Vec<Entry>,
    lines: Vec<Box<str>>,
    chain: u64,
}

/// Why a trail's file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The file system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It's something else, or of another version.
    #[error("{}: no trail that this build reads: it begins with {found:?}, not {MAGIC:?}", file.display())]
    NotATrail {
        /// The file.
        file: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// It ends too early, or holds what no trail holds.
    #[error("{}: {what}, at byte {offset}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// Where.
        offset: usize,
    },
}

impl Trail {
    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes it to `file`.
    pub fn save(&self, file: &Path) -> Result<(), TrailError> {
        let mut bytes = Vec::with_capacity(MAGIC.len() + 16 + self.entries.len() * ENTRY);
        bytes.extend_from_slice(MAGIC.as_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.at.to_le_bytes());
            bytes.extend_from_slice(&entry.addresses);
            bytes.extend_from_slice(&entry.ports[0].to_le_bytes());
            bytes.extend_from_slice(&entry.ports[1].to_le_bytes());
            bytes.extend_from_slice(&entry.length.to_le_bytes());
            bytes.push(entry.kind as u8);
            bytes.push(entry.detail);
            bytes.extend_from_slice(&entry.id.to_le_bytes());
            bytes.extend_from_slice(&entry.digest.to_le_bytes());
        }
        for line in &self.lines {
            bytes.extend_from_slice(&(line.len() as u32).to_le_bytes());
            bytes.extend_from_slice(line.as_bytes());
        }
        fs::write(file, bytes).map_err(|source| TrailError::Io { file: file.to_owned(), source })
    }

    /// Reads what [`save`](Trail::save) wrote.
    pub fn load(file: &Path) -> Result<Trail, TrailError> {
        let bytes = fs::read(file).map_err(|source| TrailError::Io { file: file.to_owned(), source })?;
        if !bytes.starts_with(MAGIC.as_bytes()) {
            let found = String::from_utf8_lossy(&bytes[..bytes.len().min(MAGIC.len())]).into_owned();
            return Err(TrailError::NotATrail { file: file.to_owned(), found });
        }
        let mut reader = Reader { bytes: &bytes, offset: MAGIC.len() };
        let damaged = |(what, offset)| TrailError::Damaged { file: file.to_owned(), what, offset };
        reader.trail().map_err(damaged)
    }

    /// Takes a packet that was put on the wire.
    pub(crate) fn sent(&mut self, at: SimTime, id: PacketId, header: &[u8], payload: &[u8]) {
        self.link(&id.0.to_le_bytes());
        self.link(header);
        self.link(payload);
        let mut addresses = [0; 8];
        let mut ports = [0; 2];
        let mut protocol = 0;
        if let Some(ip) = header.get(..20) {
            addresses.copy_from_slice(&ip[12..20]);
            protocol = ip[9];
            let transport = usize::from(ip[0] & 0x0f) * 4;
            if let Some(bytes) = header.get(transport..transport + 4)
                && matches!(protocol, TCP | UDP)
            {
                ports = [u16::from_be_bytes([bytes[0], bytes[1]]), u16::from_be_bytes([bytes[2], bytes[3]])];
            }
        }
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        self.push(Entry { addresses, ports, length, ..Entry::blank(at, Kind::Sent, protocol, id.0 as u32) });
    }

    /// Takes what became of a packet.
    pub(crate) fn fate(&mut self, at: SimTime, id: PacketId, stage: Stage) {
        self.link(&id.0.to_le_bytes());
        let entry = |kind, detail| Entry::blank(at, kind, detail, id.0 as u32);
        let entry = match stage {
            Stage::Sent => entry(Kind::Sent, 0),
            Stage::Copied { of } => Entry { addresses: of.0.to_be_bytes(), ..entry(Kind::Copied, 0) },
            Stage::Arrived => entry(Kind::Arrived, 0),
            Stage::Lost(loss) => entry(Kind::Lost, loss as u8),
        };
        self.push(entry);
    }

    /// Takes an entry of the log, as its line reads.
    pub(crate) fn event(&mut self, at: SimTime, line: &str) {
        self.link(line.as_bytes());
        let place = u32::try_from(self.lines.len()).expect("a run logs fewer than 2^32 events");
        self.lines.push(line.into());
        self.push(Entry::blank(at, Kind::Event, 0, place));
    }

    fn link(&mut self, bytes: &[u8]) {
        self.chain = xxh3_64_with_seed(bytes, self.chain);
    }

    fn push(&mut self, entry: Entry) {
        self.entries.push(Entry { digest: self.chain as u32, ..entry });
    }

    /// The entry in words.
    fn describe(&self, place: usize) -> Option<String> {
        let entry = self.entries.get(place)?;
        let at = SimTime(entry.at);
        let id = entry.id;
        Some(match entry.kind {
            Kind::Sent => format!("at {at} {entry}"),
            Kind::Arrived => format!("at {at} packet #{id} arrived{}", self.was(place, id)),
            Kind::Copied => {
                let of = u64::from_be_bytes(entry.addresses);
                format!("at {at} packet #{id}, a copy of #{of}{}", self.was(place, of as u32))
            }
            Kind::Lost => {
                let loss = Loss::ALL[usize::from(entry.detail)];
                format!("at {at} packet #{id} lost: {loss}{}", self.was(place, id))
            }
            Kind::Event => {
                // The line is set in columns; a sentence isn't.
                let line: Vec<&str> = self.lines[id as usize].split_whitespace().collect();
                format!("at {}", line.join(" "))
            }
        })
    }

    /// What packet `id` was, as the nearest entry before `place` tells it: a copy is what its original was.
    fn was(&self, place: usize, id: u32) -> String {
        let mut id = id;
        for entry in self.entries[..place].iter().rev().filter(|entry| entry.kind != Kind::Event) {
            match entry.kind {
                Kind::Sent if entry.id == id => return format!(" ({entry})"),
                Kind::Copied if entry.id == id => id = u64::from_be_bytes(entry.addresses) as u32,
                _ => {}
            }
        }
        String::new()
    }
}

impl Entry {
    /// An entry that says nothing of addresses; its digest is filled in when it's pushed.
    fn blank(at: SimTime, kind: Kind, detail: u8, id: u32) -> Entry {
        Entry { at: at.0, addresses: [0; 8], ports: [0; 2], length: 0, kind, detail, id, digest: 0 }
    }
}

impl fmt::Display for Entry {
    /// The packet that was sent: protocol, ends and length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, w, x, y, z] = self.addresses;
        let source = Ipv4Addr::new(a, b, c, d);
        let destination = Ipv4Addr::new(w, x, y, z);
        match self.detail {
            TCP | UDP => {
                let name = if self.detail == TCP { "TCP" } else { "UDP" };
                let source = SocketAddrV4::new(source, self.ports[0]);
                let destination = SocketAddrV4::new(destination, self.ports[1]);
                write!(f, "{name} {source} -> {destination}")?;
            }
            1 => write!(f, "ICMP {source} -> {destination}")?,
            other => write!(f, "IP protocol {other} {source} -> {destination}")?,
        }
        write!(f, ", {} {}", self.length, if self.length == 1 { "byte" } else { "bytes" })
    }
}

/// Reads a trail's file.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], (&'static str, usize)> {
        let taken = self.bytes.get(self.offset..).and_then(|rest| rest.first_chunk()).copied();
        let taken = taken.ok_or(("the file ends here", self.bytes.len()))?;
        self.offset += N;
        Ok(taken)
    }

    fn trail(&mut self) -> Result<Trail, (&'static str, usize)> {
        let count = u64::from_le_bytes(self.take()?);
        let mut trail = Trail::default();
        let mut events = 0u32;
        for _ in 0..count {
            let start = self.offset;
            let at = u64::from_le_bytes(self.take()?);
            let addresses = self.take()?;
            let ports = [u16::from_le_bytes(self.take()?), u16::from_le_bytes(self.take()?)];
            let length = u16::from_le_bytes(self.take()?);
            let [kind, detail] = self.take()?;
            let id = u32::from_le_bytes(self.take()?);
            let digest = u32::from_le_bytes(self.take()?);
            let kind = *Kind::ALL.get(usize::from(kind)).ok_or(("an entry of no known kind", start))?;
            if kind == Kind::Lost && usize::from(detail) >= Loss::ALL.len() {
                return Err(("a loss for no known reason", start));
            }
            if kind == Kind::Event {
                if id != events {
                    return Err(("an event out of order", start));
                }
                events += 1;
            }
            trail.entries.push(Entry { at, addresses, ports, length, kind, detail, id, digest });
        }
        for _ in 0..events {
            let length = u32::from_le_bytes(self.take()?) as usize;
            let line = self.bytes[self.offset..].get(..length).ok_or(("the file ends here", self.bytes.len()))?;
            let line = std::str::from_utf8(line).map_err(|_| ("a line that isn't UTF-8", self.offset))?;
            trail.lines.push(line.into());
            self.offset += length;
        }
        if self.offset < self.bytes.len() {
            return Err(("more bytes than the trail has", self.offset));
        }
        Ok(trail)
    }
}

/// The first entry in which two trails differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which entry, counted from 1.
    pub number: u64,
    /// What the one run did there; nothing if it had ended.
    pub one: Option<String>,
    /// What the other did there.
    pub other: Option<String>,
    /// What tells the two apart, if their descriptions don't.
    pub unseen: Option<String>,
}

/// Finds the first entry in which two runs differ.
pub fn first_difference(one: &Trail, other: &Trail) -> Option<Difference> {
    let common = one.entries.iter().zip(&other.entries).position(|(a, b)| a != b);
    let place = match common {
        Some(place) => place,
        None if one.entries.len() == other.entries.len() => return None,
        None => one.entries.len().min(other.entries.len()),
    };
    let (a, b) = (one.describe(place), other.describe(place));
    let unseen = match (one.entries.get(place), other.entries.get(place)) {
        (Some(x), Some(y)) if a == b && x.at != y.at => Some(format!("at {} ns, against {} ns", x.at, y.at)),
        (Some(x), Some(y)) if a == b && x.id != y.id => Some(format!("as #{}, against #{}", x.id, y.id)),
        (Some(_), Some(_)) if a == b => Some("with other bytes".to_owned()),
        _ => None,
    };
    Some(Difference { number: place as u64 + 1, one: a, other: b, unseen })
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} differs: ", Thousands(self.number))?;
        let before = Thousands(self.number - 1);
        let events = if self.number == 2 { "event" } else { "events" };
        match (&self.one, &self.other, &self.unseen) {
            (Some(one), Some(_), Some(unseen)) => write!(f, "{one}, but {unseen}"),
            (Some(one), Some(other), None) => write!(f, "{one}, against {other}"),
            (Some(one), None, _) => write!(f, "{one}, against nothing: the other run ended after {before} {events}"),
            (None, Some(other), _) => write!(f, "nothing, the run ended after {before} {events}, against {other}"),
            (None, None, _) => f.write_str("nothing, against nothing"),
        }
    }
}

/// A number as people read it: 1,204.
struct Thousands(u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.char_indices() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}
