//! A capture file of the wire, for Wireshark and everything else that reads pcapng
//! (draft-ietf-opsawg-pcapng).
//!
//! A packet is written once, when its fate is known: when it arrives, or is lost. So time only goes forward in the
//! file, and each packet carries a comment that says what became of it: `arrived: alice -> server, packet 7, sent
//! 500000 ns before`, or `lost: the network was cut (alice -> server), packet 8, sent 0 ns before`. In Wireshark,
//! `frame.comment contains "lost"` finds them.
//!
//! [`PcapngReader`] reads what [`PcapngWriter`] wrote, to make another file of it; [`replay`](crate::replay) makes
//! sightings of it again.

use std::io::{self, Read, Write};

use rustc_hash::FxHashMap;

use crate::event::Log;
use crate::tap::{PacketId, PacketSeen, Stage};
use crate::time::SimTime;

/// Section header block.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Interface description block.
const INTERFACE_DESCRIPTION: u32 = 1;
/// Enhanced packet block.
const ENHANCED_PACKET: u32 = 6;
/// Tells a reader in which order this file's bytes are.
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Raw IP: each packet begins with its IP header.
const LINKTYPE_RAW: u16 = 101;

/// The end of a list of options.
const OPT_END: u16 = 0;
/// A comment, in any block.
const OPT_COMMENT: u16 = 1;
/// The name of the application that wrote the section.
const SHB_USERAPPL: u16 = 4;
/// The interface's name.
const IF_NAME: u16 = 2;
/// The resolution of the interface's timestamps, as a negative power of ten.
const IF_TSRESOL: u16 = 9;

/// Writes a capture file, packet by packet.
///
/// ```
/// use busyhour_trace::{HostId, Log, PacketId, PacketSeen, PcapngWriter, SimTime, Stage};
///
/// let mut log = Log::default();
/// let (alice, server) = (log.name_host("alice"), log.name_host("server"));
/// // Monday 2026-11-23 09:00 in New York.
/// let mut capture = PcapngWriter::new(Vec::new(), 1_795_442_400_000_000_000, "seed 7").unwrap();
/// let seen = PacketSeen {
///     at: SimTime(1_000_000),
///     id: PacketId(0),
///     stage: Stage::Arrived,
///     from: Some(alice),
///     to: Some(server),
///     bytes: &[0x45; 20],
/// };
/// capture.packet(&seen, &log).unwrap();
/// assert_eq!(capture.packets(), 1);
/// let file = capture.finish().unwrap();
/// assert!(file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
/// ```
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    out: W,
    epoch_ns: u64,
    block: Vec<u8>,
    last: SimTime,
    packets: u64,
    /// Packets that are on their way: when they were sent or made, and what they are a copy of.
    under_way: FxHashMap<PacketId, (SimTime, Option<PacketId>)>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file. `epoch_ns` is the universe's birth, in nanoseconds since 1970; `comment` describes the file.
    /// Many small writes go to `out`: buffer it.
    pub fn new(out: W, epoch_ns: u64, comment: &str) -> io::Result<PcapngWriter<W>> {
        let mut writer = PcapngWriter {
            out,
            epoch_ns,
            block: Vec::new(),
            last: SimTime::ZERO,
            packets: 0,
            under_way: FxHashMap::default(),
        };

        writer.begin(SECTION_HEADER);
        writer.u32(BYTE_ORDER_MAGIC);
        writer.u16(1); // major version
        writer.u16(0); // minor version
        writer.block.extend_from_slice(&(-1i64).to_le_bytes()); // section length: not told
        if !comment.is_empty() {
            writer.option(OPT_COMMENT, comment.as_bytes());
        }
        writer.option(SHB_USERAPPL, b"busyhour");
        writer.option(OPT_END, &[]);
        writer.end()?;

        writer.begin(INTERFACE_DESCRIPTION);
        writer.u16(LINKTYPE_RAW);
        writer.u16(0); // reserved
        writer.u32(0); // snapshot length: no limit
        writer.option(IF_NAME, b"wire");
        writer.option(IF_TSRESOL, &[9]);
        writer.option(OPT_END, &[]);
        writer.end()?;
        Ok(writer)
    }

    /// Takes a sighting: writes the packet if it arrived or was lost, and nothing otherwise. `log` has the names.
    ///
    /// # Panics
    /// If time goes backwards: a tap sees packets in the order in which things happen.
    pub fn packet(&mut self, seen: &PacketSeen<'_>, log: &Log) -> io::Result<()> {
        let from = seen.from.map_or("network", |host| log.host_name(host));
        let to = seen.to.map_or("unknown", |host| log.host_name(host));
        let mut comment = match seen.stage {
            Stage::Sent => {
                self.under_way.insert(seen.id, (seen.at, None));
                return Ok(());
            }
            Stage::Copied { of } => {
                self.under_way.insert(seen.id, (seen.at, Some(of)));
                return Ok(());
            }
            Stage::Arrived => format!("arrived: {from} -> {to}"),
            Stage::Lost(loss) => format!("lost: {} ({from} -> {to})", loss.words()),
        };
        if let Some((sent, copy)) = self.under_way.remove(&seen.id) {
            use std::fmt::Write as _;
            let (id, ns) = (seen.id.0, seen.at.0.saturating_sub(sent.0));
            match copy {
                None => write!(comment, ", packet {id}, sent {ns} ns before"),
                Some(of) => write!(comment, ", packet {id}, copied from {} {ns} ns before", of.0),
            }
            .expect("writing to a string succeeds");
        }
        assert!(seen.at >= self.last, "packet {} at {} is seen after {}", seen.id, seen.at, self.last);
        self.last = seen.at;
        self.write(self.epoch_ns + seen.at.0, seen.bytes, &comment)
    }

    /// Writes a packet of another capture, at its time since 1970.
    pub fn copy(&mut self, at_ns: u64, bytes: &[u8], comment: &str) -> io::Result<()> {
        self.write(at_ns, bytes, comment)
    }

    fn write(&mut self, at: u64, bytes: &[u8], comment: &str) -> io::Result<()> {
        self.packets += 1;
        let length = u32::try_from(bytes.len()).expect("an IPv4 packet has at most 65,535 bytes");
        self.begin(ENHANCED_PACKET);
        self.u32(0); // interface
        self.u32((at >> 32) as u32);
        self.u32(at as u32);
        self.u32(length); // captured
        self.u32(length); // on the wire
        self.padded(bytes);
        self.option(OPT_COMMENT, comment.as_bytes());
        self.option(OPT_END, &[]);
        self.end()
    }

    /// How many packets were written.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Flushes the file and hands back what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.u32(kind);
        self.u32(0); // the length, when it's known
    }

    fn end(&mut self) -> io::Result<()> {
        let length = self.block.len() as u32 + 4;
        self.block[4..8].copy_from_slice(&length.to_le_bytes());
        self.u32(length);
        self.out.write_all(&self.block)
    }

    fn u16(&mut self, n: u16) {
        self.block.extend_from_slice(&n.to_le_bytes());
    }

    fn u32(&mut self, n: u32) {
        self.block.extend_from_slice(&n.to_le_bytes());
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        // An option's length has 16 bits; nobody reads a comment of 64 KB, so the rest of it is left out.
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        self.u16(code);
        self.u16(value.len() as u16);
        self.padded(value);
    }

    /// Bytes, filled up to a multiple of four.
    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }
}

/// A packet of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// When, in nanoseconds since 1970.
    pub at_ns: u64,
    /// What became of it.
    pub comment: String,
    /// The IPv4 packet.
    pub bytes: Vec<u8>,
}

/// Reads a capture file that a [`PcapngWriter`] wrote, packet by packet; files by others may be more than it can read.
///
/// ```
/// use busyhour_trace::{PcapngReader, PcapngWriter};
///
/// let mut capture = PcapngWriter::new(Vec::new(), 0, "one packet").unwrap();
/// capture.copy(7, &[0x45; 21], "arrived: alice -> server").unwrap();
/// let file = capture.finish().unwrap();
/// let packets: Vec<_> = PcapngReader::new(&file[..]).collect::<Result<_, _>>().unwrap();
/// assert_eq!((packets.len(), packets[0].at_ns, packets[0].bytes.len()), (1, 7, 21));
/// assert_eq!(packets[0].comment, "arrived: alice -> server");
/// ```
#[derive(Debug)]
pub struct PcapngReader<R: Read> {
    input: R,
}

impl<R: Read> PcapngReader<R> {
    /// Reads from `input`, in small pieces: buffer it.
    pub fn new(input: R) -> PcapngReader<R> {
        PcapngReader { input }
    }

    /// The next block's kind and body; none at the end.
    fn block(&mut self) -> io::Result<Option<(u32, Vec<u8>)>> {
        let mut head = Vec::new();
        self.input.by_ref().take(8).read_to_end(&mut head)?;
        let (Some(kind), Some(length)) = (word(&head, 0), word(&head, 4)) else {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        };
        let bad = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
        let Some(rest) = length.checked_sub(8).filter(|rest| (4..1 << 24).contains(rest)) else {
            return bad("a block of a capture has an impossible length");
        };
        let mut body = vec![0; rest as usize];
        self.input.read_exact(&mut body)?;
        body.truncate(body.len() - 4);
        Ok(Some((kind, body)))
    }

    fn packet(&mut self) -> io::Result<Option<Captured>> {
        while let Some((kind, body)) = self.block()? {
            if kind != ENHANCED_PACKET {
                continue;
            }
            let read = || {
                let at_ns = u64::from(word(&body, 4)?) << 32 | u64::from(word(&body, 8)?);
                let length = word(&body, 12)? as usize;
                let bytes = body.get(20..20usize.checked_add(length)?)?.to_vec();
                let mut options = body.get(20 + length.next_multiple_of(4)..)?;
                let mut comment = String::new();
                while let [a, b, c, d, rest @ ..] = options {
                    let (code, length) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
                    if code == OPT_COMMENT {
                        comment = String::from_utf8_lossy(rest.get(..length)?).into_owned();
                    }
                    options = rest.get(length.next_multiple_of(4)..)?;
                }
                Some(Captured { at_ns, comment, bytes })
            };
            let cut = || io::Error::new(io::ErrorKind::InvalidData, "a packet of a capture is cut short");
            return read().ok_or_else(cut).map(Some);
        }
        Ok(None)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl<R: Read> Iterator for PcapngReader<R> {
    type Item = io::Result<Captured>;

    fn next(&mut self) -> Option<io::Result<Captured>> {
        self.packet().transpose()
    }
}
