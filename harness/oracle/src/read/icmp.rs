//! ICMP's bad news: destination unreachable (RFC 792, RFC 1191).

use super::{Fault, Layer, Unreadable, ipv4, sum, u16_at};

/// The type of "destination unreachable".
pub const UNREACHABLE: u8 = 3;
/// The code of "port unreachable".
pub const PORT: u8 = 3;
/// The code of "fragmentation needed and DF set".
pub const FRAGMENTATION_NEEDED: u8 = 4;

/// An ICMP message.
///
/// ```
/// use busyhour_oracle::read::icmp::{self, Message};
///
/// let mut bytes = vec![3, 3, 0, 0, 0, 0, 0, 0]; // port unreachable, about
/// bytes.extend([0x45, 0, 0, 200, 0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
/// bytes.extend([0x13, 0xc4, 0x13, 0xc5, 0, 180, 0, 0]); // of the payload, eight bytes only
/// let message = Message::read(&bytes)?;
/// let about = message.unreachable().unwrap();
/// assert_eq!((about.packet.destination.to_string(), about.ports), ("10.0.0.2".into(), Some((5060, 5061))));
/// assert_eq!(message.code, icmp::PORT);
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// Its type.
    pub kind: u8,
    /// Its code, whose meaning depends on the type.
    pub code: u8,
    /// The packet that bad news is about.
    about: Option<About<'a>>,
}

/// The packet that was not delivered, as far as the message quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// Its header, and at least the first eight bytes of its payload.
    pub packet: ipv4::Packet<'a>,
    /// Source and destination port, if it was UDP or TCP and no later fragment.
    pub ports: Option<(u16, u16)>,
    /// The largest packet that the next hop takes, where that was the trouble.
    pub next_hop_mtu: Option<u16>,
}

const HEADER: usize = 8;
/// What a message quotes of a payload, at least.
const QUOTE: usize = 8;

impl<'a> Message<'a> {
    /// Reads a message, the payload of a whole IPv4 datagram.
    pub fn read(bytes: &'a [u8]) -> Result<Message<'a>, Unreadable> {
        let unreadable = |offset, fault| Unreadable { layer: Layer::Icmp, offset, fault };
        if bytes.len() < HEADER {
            return Err(unreadable(0, Fault::Truncated { needed: HEADER, found: bytes.len() }));
        }
        let (kind, code) = (bytes[0], bytes[1]);
        let mut about = None;
        if kind == UNREACHABLE {
            let packet = ipv4::Packet::read_beginning(&bytes[HEADER..])
                .map_err(|inner| unreadable(HEADER + inner.offset, inner.fault))?;
            let ports = if matches!(packet.protocol, ipv4::UDP | ipv4::TCP) && packet.fragment_offset == 0 {
                let found = packet.payload.len();
                if found < QUOTE {
                    let offset = HEADER + packet.header.len();
                    return Err(unreadable(offset, Fault::Truncated { needed: QUOTE, found }));
                }
                Some((u16_at(packet.payload, 0), u16_at(packet.payload, 2)))
            } else {
                None
            };
            let next_hop_mtu = (code == FRAGMENTATION_NEEDED).then(|| u16_at(bytes, 6));
            about = Some(About { packet, ports, next_hop_mtu });
        }
        Ok(Message { bytes, kind, code, about })
    }

    /// What couldn't be delivered, if that's what the message says.
    pub fn unreachable(&self) -> Option<&About<'a>> {
        self.about.as_ref()
    }

    /// True if the checksum is right.
    pub fn checksum_is_right(&self) -> bool {
        sum(&[self.bytes]) == 0xffff
    }
}
