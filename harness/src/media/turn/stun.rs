//! The mapped address of a socket (RFC 8489).

use std::net::SocketAddrV4;

use bytes::Bytes;
use rtc_stun::attributes::ATTR_XORMAPPED_ADDRESS;
use rtc_stun::message::{BINDING_ERROR, BINDING_SUCCESS, CLASS_REQUEST, METHOD_BINDING, TransactionId};

use super::TurnTransport;
use super::message::{self, Draft, draw_id};
use super::transaction::{Step, Transaction};
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
///
/// ```
/// use busyhour::media::turn::{StunClient, StunEvent};
/// use busyhour::trace::SimTime;
/// use busyhour::world::Random;
///
/// let server = "198.51.100.2:3478".parse()?;
/// let mut client = StunClient::new(SimTime::ZERO, server, &mut Random::stream(0, "ice"));
/// let mut requests = 0;
/// while let Some(due) = client.poll_timeout() {
///     requests += client.poll_transmit().iter().count();
///     client.handle_timeout(due);
/// }
/// assert_eq!((requests, client.poll_event()), (7, Some(StunEvent::NoAnswer)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StunClient {
    server: SocketAddrV4,
    id: TransactionId,
    transaction: Option<Transaction>,
    transmit: Option<Bytes>,
    event: Option<StunEvent>,
}

impl StunClient {
    /// Begins to ask.
    pub fn new(now: SimTime, server: SocketAddrV4, random: &mut Random) -> StunClient {
        let id = draw_id(random);
        let request = Draft::new(METHOD_BINDING, CLASS_REQUEST, id).finish();
        let transaction = Transaction::new(now, request.clone(), TurnTransport::Udp);
        StunClient { server, id, transaction: Some(transaction), transmit: Some(request), event: None }
    }

    /// Whom it asks.
    pub fn server(&self) -> SocketAddrV4 {
        self.server
    }

    /// Takes a datagram that came from the server; false if it's nothing of ours.
    pub fn handle(&mut self, _now: SimTime, datagram: &[u8]) -> bool {
        let Some(answer) = message::read(datagram) else { return false };
        if answer.transaction_id != self.id || ![BINDING_SUCCESS, BINDING_ERROR].contains(&answer.typ) {
            return false;
        }
        // A repetition's answer comes too late.
        if self.transaction.take().is_some() {
            let mapped = message::address(&answer, ATTR_XORMAPPED_ADDRESS).filter(|_| answer.typ == BINDING_SUCCESS);
            self.event = Some(mapped.map_or(StunEvent::NoAnswer, StunEvent::Mapped));
            self.transmit = None;
        }
        true
    }

    /// A timer is due.
    pub fn handle_timeout(&mut self, now: SimTime) {
        match self.transaction.as_mut().map(|transaction| transaction.step(now)) {
            Some(Step::Repeat(request)) => self.transmit = Some(request),
            Some(Step::GiveUp) => {
                self.transaction = None;
                self.event = Some(StunEvent::NoAnswer);
            }
            Some(Step::Wait) | None => {}
        }
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.transaction.as_ref().map(Transaction::due)
    }

    /// The next datagram for the server.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transmit.take()
    }

    /// What it has found out: one event, ever.
    pub fn poll_event(&mut self) -> Option<StunEvent> {
        self.event.take()
    }
}
