//! Faults that are aimed: cuts between hosts, and single packets picked by a predicate.

use crate::trace::HostId;
use crate::world::FaultId;

use super::packet::{Packet, Protocol};

/// Which packets a cut stops, of those between its hosts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Only {
    /// Those of this protocol.
    pub protocol: Option<Protocol>,
    /// Those from or to this port.
    pub port: Option<u16>,
    /// All but those from or to this port.
    pub but_port: Option<u16>,
}

/// A cut of the way from one host to another.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    pub(crate) id: u32,
    pub(crate) fault: FaultId,
    pub(crate) only: Only,
}

impl Cut {
    pub(crate) fn stops(&self, packet: &Packet) -> bool {
        let is_of = |port: u16| packet.src.port() == port || packet.dst.port() == port;
        self.only.protocol.is_none_or(|protocol| protocol == packet.protocol())
            && self.only.port.is_none_or(is_of)
            && !self.only.but_port.is_some_and(is_of)
    }
}

/// Picks one packet: the n-th from now on that goes this way and matches.
pub struct Aim {
    pub(crate) fault: FaultId,
    pub(crate) from: Vec<HostId>,
    pub(crate) to: Vec<HostId>,
    pub(crate) matches: Box<dyn Fn(&Packet) -> bool>,
    /// How many more must match before it strikes; zero once it has.
    pub(crate) countdown: u32,
}

impl Aim {
    pub(crate) fn meets(&mut self, packet: &Packet, from: Option<HostId>, to: HostId) -> Option<FaultId> {
        let from_fits = self.from.is_empty() || from.is_some_and(|from| self.from.contains(&from));
        let to_fits = self.to.is_empty() || self.to.contains(&to);
        if self.countdown == 0 || !from_fits || !to_fits || !(self.matches)(packet) {
            return None;
        }
        self.countdown -= 1;
        (self.countdown == 0).then_some(self.fault)
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.countdown == 0
    }
}

/// Breaks the kernel's own rules, so that an oracle can be shown to notice. For the oracles' proofs, not for users'
/// scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The next datagram arrives a second time, as a packet that nobody sent.
    DeliverUnsent,
    /// Cuts stop nothing.
    LeakThroughCuts,
    /// A crashed host still gets packets.
    DeliverToTheDead,
}
