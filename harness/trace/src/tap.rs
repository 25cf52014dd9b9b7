//! What a tap on the wire sees.
//!
//! A packet is seen when it leaves a host ([`Stage::Sent`]), and once more when it reaches one ([`Stage::Arrived`])
//! or is lost ([`Stage::Lost`]). Witnesses get it as the bytes of an IPv4 packet, as a capture would hold it: they
//! read it with readers of their own.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::SimTime;

/// A host of the universe: its place in the cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub u16);

/// A packet's number: each packet that is put on the wire has one of its own, copies and repeats too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PacketId(pub u64);

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Why a packet never arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// A lossy link dropped it.
    Random,
    /// A fault was aimed at it.
    Aimed,
    /// The network between the two was cut.
    Cut,
    /// A full queue in front of a slow link.
    QueueFull,
    /// Its bits flipped on the way: the checksum is wrong, the receiver drops it.
    Corrupt,
    /// The receiving host was down.
    HostDown,
    /// The receiving host was asleep.
    HostAsleep,
    /// A NAT box had no binding for it, or refused the sender.
    NatRefused,
    /// Nobody owns the destination address.
    NoRoute,
    /// The receiver's socket buffer was full.
    BufferFull,
    /// No socket was bound to the port.
    NoSocket,
    /// Other fragments of the same datagram never came.
    FragmentsMissing,
    /// The sender's address is no longer its own.
    AddressGone,
    /// The run ended while it was on its way.
    StillInFlight,
}

impl Loss {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Loss; 14] = [
        Loss::Random,
        Loss::Aimed,
        Loss::Cut,
        Loss::QueueFull,
        Loss::Corrupt,
        Loss::HostDown,
        Loss::HostAsleep,
        Loss::NatRefused,
        Loss::NoRoute,
        Loss::BufferFull,
        Loss::NoSocket,
        Loss::FragmentsMissing,
        Loss::AddressGone,
        Loss::StillInFlight,
    ];

    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Loss::Random => "dropped at random",
            Loss::Aimed => "dropped by an aimed fault",
            Loss::Cut => "the network was cut",
            Loss::QueueFull => "the link's queue was full",
            Loss::Corrupt => "corrupted, dropped for its checksum",
            Loss::HostDown => "the receiver was down",
            Loss::HostAsleep => "the receiver was asleep",
            Loss::NatRefused => "refused by the NAT",
            Loss::NoRoute => "nobody has that address",
            Loss::BufferFull => "the receive buffer was full",
            Loss::NoSocket => "no socket on that port",
            Loss::FragmentsMissing => "other fragments were missing",
            Loss::AddressGone => "the sender has left that address",
            Loss::StillInFlight => "still in flight at the end",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// Where in its life a packet was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It left a host.
    Sent,
    /// The network made a second copy of an earlier packet.
    Copied {
        /// The packet that it is a copy of.
        of: PacketId,
    },
    /// It reached a host.
    Arrived,
    /// It never will.
    Lost(Loss),
}

/// One sighting of a packet.
#[derive(Debug, Clone, Copy)]
pub struct PacketSeen<'a> {
    /// When.
    pub at: SimTime,
    /// Which packet.
    pub id: PacketId,
    /// Sent, copied, arrived or lost.
    pub stage: Stage,
    /// The host that sent it; nobody for what a NAT box or the network itself answers.
    pub from: Option<HostId>,
    /// The host that it reached or would have reached, where that is known.
    pub to: Option<HostId>,
    /// The IPv4 packet: as it left the sender, or as it reached the receiver (a NAT box may stand between).
    pub bytes: &'a [u8],
}
