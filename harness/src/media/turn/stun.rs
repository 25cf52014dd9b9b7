//! The mapped address of a socket (RFC 8489).

use std::net::SocketAddrV4;

use bytes::Bytes;

use crate::trace::SimTime;
use crate::world::Random;

/// What a [`StunClient`] has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StunEvent {
    /// The socket's address as the server sees it.
    Mapped(SocketAddrV4),
    /// Every repetition was in vain, or the server refused.
    NoAnswer,
}

/// Asks a server, once, for the mapped address of the socket that it's asked from.
pub struct StunClient;

impl StunClient {
    /// Begins to ask.
    pub fn new(_now: SimTime, _server: SocketAddrV4, _random: &mut Random) -> StunClient {
        unimplemented!()
    }

    /// Whom it asks.
    pub fn server(&self) -> SocketAddrV4 {
        unimplemented!()
    }

    /// Takes a datagram that came from the server; false if it's nothing of ours.
    pub fn handle(&mut self, _now: SimTime, _datagram: &[u8]) -> bool {
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

    /// The next datagram for the server.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        unimplemented!()
    }

    /// What it has found out: one event, ever.
    pub fn poll_event(&mut self) -> Option<StunEvent> {
        unimplemented!()
    }
}
