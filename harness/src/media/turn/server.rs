//! The STUN and TURN server of a host.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{TurnSettings, TurnTransport};
use crate::trace::SimTime;
use crate::world::Host;

/// An allocation, as its server's operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationView {
    /// Whose it is.
    pub user: String,
    /// How the client reaches the server.
    pub transport: TurnTransport,
    /// The client, as the server sees it.
    pub client: SocketAddrV4,
    /// Where peers send to.
    pub relayed: SocketAddrV4,
    /// When it ends without a refresh.
    pub expires: SimTime,
    /// Whose packets are let in, and until when.
    pub permissions: Vec<(Ipv4Addr, SimTime)>,
    /// The channels and their peers.
    pub channels: Vec<(u16, SocketAddrV4)>,
}

/// What a server has counted since it was installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnCounters {
    /// Binding requests that were answered.
    pub bindings: u64,
    /// Allocations that were made.
    pub allocated: u64,
    /// Allocations that their clients gave back.
    pub given_back: u64,
    /// Allocations that ran out, or whose connection was lost.
    pub expired: u64,
    /// Requests that were refused with another code than 401 without credentials, and 438.
    pub refused: u64,
    /// Packets from clients to peers.
    pub relayed_out: u64,
    /// Packets from peers to clients.
    pub relayed_in: u64,
    /// Packets of strangers, and to them: nobody permitted them.
    pub dropped: u64,
}

/// A STUN and TURN server's operator: what she can change, and what she sees. Cheap to clone.
#[derive(Clone)]
pub struct StunTurnServer {
    host: Host,
}

impl StunTurnServer {
    /// Installs a server on a host: it runs now, and again whenever the host restarts. A crash loses all allocations.
    pub fn install(_host: &Host, _settings: TurnSettings) -> StunTurnServer {
        unimplemented!()
    }

    /// Where it runs.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Where it listens, UDP and TCP.
    pub fn address(&self) -> SocketAddrV4 {
        unimplemented!()
    }

    /// Changes its set-up, for requests that come from now on. The port is read at its start.
    pub fn change(&self, _change: impl FnOnce(&mut TurnSettings)) {
        unimplemented!()
    }

    /// Its set-up.
    pub fn settings(&self) -> TurnSettings {
        unimplemented!()
    }

    /// The allocations that are alive, the oldest first.
    pub fn allocations(&self) -> Vec<AllocationView> {
        unimplemented!()
    }

    /// What was counted since it was installed.
    pub fn counters(&self) -> TurnCounters {
        unimplemented!()
    }
}
