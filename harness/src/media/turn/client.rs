//! A client of a TURN server: one allocation.

use std::net::SocketAddrV4;

use bytes::Bytes;

use super::{TurnAccount, TurnError};
use crate::trace::SimTime;
use crate::world::Random;

/// What a [`TurnClient`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEvent {
    /// There is an allocation.
    Allocated {
        /// Where peers send to.
        relayed: SocketAddrV4,
        /// The client's own address as the server sees it.
        mapped: SocketAddrV4,
    },
    /// There will be no allocation.
    Failed(TurnError),
    /// A peer's packet came by the relay.
    Data {
        /// The peer, as the server sees it.
        from: SocketAddrV4,
        /// What it sent.
        payload: Bytes,
    },
    /// The server lets no packet to or from that peer through.
    Forbidden {
        /// The peer.
        peer: SocketAddrV4,
        /// What the server said.
        error: TurnError,
    },
    /// The allocation is lost: it ran out, the server forgot it, or the connection to it broke.
    Expired(TurnError),
    /// The allocation was given back, after [`TurnClient::close`]: confirmed, or nobody answers any more.
    Released,
}

/// What a client does against its own interest, for tests of those who watch it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnBehaviour {
    /// Allocation, permissions and channels are never refreshed.
    pub never_refreshes: bool,
    /// [`TurnClient::close`] says nothing to the server.
    pub never_gives_back: bool,
    /// Packets to peers always go as indications.
    pub never_binds_channels: bool,
}

/// One allocation at a TURN server, for one socket or one connection.
pub struct TurnClient;

impl TurnClient {
    /// Begins to allocate.
    pub fn new(_now: SimTime, _account: TurnAccount, _random: &mut Random) -> TurnClient {
        unimplemented!()
    }

    /// Whose account it uses, and where.
    pub fn account(&self) -> &TurnAccount {
        unimplemented!()
    }

    /// Changes what it does against its own interest.
    pub fn set_behaviour(&mut self, _behaviour: TurnBehaviour) {
        unimplemented!()
    }

    /// Where peers send to, while there is an allocation.
    pub fn relayed(&self) -> Option<SocketAddrV4> {
        unimplemented!()
    }

    /// Takes a datagram from the server, or the next bytes of its connection, however they're cut. False for a datagram
    /// that's nothing of TURN's.
    pub fn handle(&mut self, _now: SimTime, _bytes: &[u8]) -> bool {
        unimplemented!()
    }

    /// The connection to the server is gone, and the allocation with it.
    pub fn connection_lost(&mut self, _now: SimTime) {
        unimplemented!()
    }

    /// Lets packets from that peer's address in; again and again until the client is closed.
    pub fn permit(&mut self, _now: SimTime, _peer: SocketAddrV4) {
        unimplemented!()
    }

    /// Sends to a peer by the relay. It's permitted thereby; what is sent before the server has confirmed that waits for
    /// it. The first payload that isn't STUN binds a channel. False: there is no allocation.
    pub fn send(&mut self, _now: SimTime, _peer: SocketAddrV4, _payload: &[u8]) -> bool {
        unimplemented!()
    }

    /// Gives the allocation back: [`TurnEvent::Released`] follows, at once where there's nothing to give.
    pub fn close(&mut self, _now: SimTime) {
        unimplemented!()
    }

    /// A timer is due.
    pub fn handle_timeout(&mut self, _now: SimTime) {
        unimplemented!()
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        unimplemented!()
    }

    /// The next datagram for the server, or the next bytes for its connection.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        unimplemented!()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<TurnEvent> {
        unimplemented!()
    }
}
