//! TCP segments (RFC 9293 section 3.1). What they carry together is a [`stream`](super::stream).

use std::fmt;

use super::{Fault, Layer, Unreadable, ipv4, transport_sum_is_right, u16_at, u32_at};

/// A segment's control bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub fn fin(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Synchronise sequence numbers: a connection begins.
    pub fn syn(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Reset the connection.
    pub fn rst(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// Push.
    pub fn psh(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// The acknowledgement number means something.
    pub fn ack(self) -> bool {
        self.0 & 0x10 != 0
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let set: Vec<&str> = (0..8).filter(|bit| self.0 >> bit & 1 == 1).map(|bit| names[bit]).collect();
        f.pad(&set.join(" "))
    }
}

/// A TCP segment.
///
/// ```
/// use busyhour_oracle::read::tcp::Segment;
///
/// let mut bytes = vec![0xc0, 0, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0];
/// bytes.extend(b"GET");
/// let segment = Segment::read(&bytes)?;
/// assert_eq!((segment.source_port, segment.destination_port, segment.sequence), (49152, 80, 9));
/// assert_eq!((segment.flags.to_string(), segment.payload), ("PSH ACK".into(), &b"GET"[..]));
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's.
    pub destination_port: u16,
    /// The number of its first byte, or of its SYN.
    pub sequence: u32,
    /// The number of the byte that its sender expects next.
    pub acknowledgement: u32,
    /// The control bits.
    pub flags: Flags,
    /// How much its sender takes now, unscaled.
    pub window: u16,
    /// The options, with their padding.
    pub options: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
}

const HEADER: usize = 20;

impl<'a> Segment<'a> {
    /// Reads a segment, the payload of a whole IPv4 datagram.
    pub fn read(bytes: &'a [u8]) -> Result<Segment<'a>, Unreadable> {
        let unreadable = |offset, fault| Unreadable { layer: Layer::Tcp, offset, fault };
        let found = bytes.len();
        if found < HEADER {
            return Err(unreadable(0, Fault::Truncated { needed: HEADER, found }));
        }
        let header = usize::from(bytes[12] >> 4) * 4;
        if header < HEADER {
            return Err(unreadable(12, Fault::HeaderLength(header)));
        }
        if found < header {
            return Err(unreadable(12, Fault::Truncated { needed: header, found }));
        }
        let options = &bytes[HEADER..header];
        if let Some(place) = misfit(options) {
            return Err(unreadable(HEADER + place, Fault::Option));
        }
        Ok(Segment {
            bytes,
            source_port: u16_at(bytes, 0),
            destination_port: u16_at(bytes, 2),
            sequence: u32_at(bytes, 4),
            acknowledgement: u32_at(bytes, 8),
            flags: Flags(bytes[13]),
            window: u16_at(bytes, 14),
            options,
            payload: &bytes[header..],
        })
    }

    /// True if the checksum is right.
    pub fn checksum_is_right(&self, ip: &ipv4::Datagram<'_>) -> bool {
        transport_sum_is_right(ip.source.octets(), ip.destination.octets(), ipv4::TCP, self.bytes)
    }
}

/// The place of the first option that doesn't fit into `options`.
fn misfit(options: &[u8]) -> Option<usize> {
    let mut place = 0;
    while place < options.len() {
        match options[place] {
            0 => return None, // the end: padding follows
            1 => place += 1,  // no operation
            _ => match options.get(place + 1) {
                Some(&length) if length >= 2 && place + usize::from(length) <= options.len() => {
                    place += usize::from(length);
                }
                _ => return Some(place),
            },
        }
    }
    None
}
