//! UDP (RFC 768).

use super::{Fault, Layer, Unreadable, ipv4, transport_sum_is_right, u16_at};

/// A UDP datagram.
///
/// ```
/// use busyhour_oracle::read::udp::Datagram;
///
/// let datagram = Datagram::read(&[0x13, 0xc4, 0x13, 0xc5, 0, 10, 0, 0, b'h', b'i'])?;
/// assert_eq!((datagram.source_port, datagram.destination_port, datagram.payload), (5060, 5061, &b"hi"[..]));
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Header and payload.
    pub bytes: &'a [u8],
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's.
    pub destination_port: u16,
    /// What it carries.
    pub payload: &'a [u8],
}

const HEADER: usize = 8;

impl<'a> Datagram<'a> {
    /// Reads a datagram, the payload of a whole IPv4 datagram.
    pub fn read(bytes: &'a [u8]) -> Result<Datagram<'a>, Unreadable> {
        let unreadable = |offset, fault| Unreadable { layer: Layer::Udp, offset, fault };
        let found = bytes.len();
        if found < HEADER {
            return Err(unreadable(0, Fault::Truncated { needed: HEADER, found }));
        }
        let length = usize::from(u16_at(bytes, 4));
        if length < HEADER {
            return Err(unreadable(4, Fault::Length(length)));
        }
        if found < length {
            return Err(unreadable(4, Fault::Truncated { needed: length, found }));
        }
        Ok(Datagram {
            bytes: &bytes[..length],
            source_port: u16_at(bytes, 0),
            destination_port: u16_at(bytes, 2),
            payload: &bytes[HEADER..length],
        })
    }

    /// True if the checksum is right, or the sender has computed none: a sum of zero says so.
    pub fn checksum_is_right(&self, ip: &ipv4::Datagram<'_>) -> bool {
        u16_at(self.bytes, 6) == 0
            || transport_sum_is_right(ip.source.octets(), ip.destination.octets(), ipv4::UDP, self.bytes)
    }
}
