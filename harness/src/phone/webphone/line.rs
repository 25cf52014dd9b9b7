//! The page's connection to the server: one WebSocket after another.

use std::time::Duration;

use super::settings::Recovery;
use crate::phone::browser::{Data, SocketId, Web};
use crate::sip::{ConnectionId, Flow, Transport};
use crate::trace::SimTime;
use crate::world::Random;

/// The subprotocol (RFC 7118 4.1).
const SUBPROTOCOL: &str = "sip";
/// How long a WebSocket may take to open.
const OPENING: Duration = Duration::from_secs(10);

/// How the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is none, and the next is tried then; or never.
    Down(Option<SimTime>),
    /// One is being opened, until then.
    Opening(SocketId, SimTime),
    Open(SocketId),
}

/// The page's connection to the server.
pub(super) struct Line {
    /// Its own server's, and those of the standbys.
    urls: Vec<String>,
    state: State,
    /// Attempts in a row that came to nothing.
    failures: u32,
}

impl Line {
    pub(super) fn new(url: &str, standbys: &[String]) -> Line {
        let urls = std::iter::once(url.to_owned()).chain(standbys.iter().cloned()).collect();
        Line { urls, state: State::Down(None), failures: 0 }
    }

    /// Opens a connection, unless there is one.
    pub(super) fn connect(&mut self, web: &Web, now: SimTime) {
        if !matches!(self.state, State::Down(_)) {
            return;
        }
        let turn = self.failures as usize % self.urls.len();
        match web.web_socket(&self.urls[turn], &[SUBPROTOCOL]) {
            Ok(socket) => self.state = State::Opening(socket, now + OPENING),
            // No address is ever made of that one.
            Err(error) => {
                web.console("webphone-url", |event| event.with("error", error.to_string()));
                self.state = State::Down(None);
            }
        }
    }

    /// A WebSocket is open: is it ours?
    pub(super) fn opened(&mut self, socket: SocketId) -> bool {
        let ours = matches!(self.state, State::Opening(one, _) if one == socket);
        if ours {
            self.state = State::Open(socket);
        }
        ours
    }

    /// Something was heard on it: so it's good for something.
    pub(super) fn heard(&mut self) {
        self.failures = 0;
    }

    /// Ours is that WebSocket.
    pub(super) fn is(&self, socket: SocketId) -> bool {
        matches!(self.state, State::Open(one) | State::Opening(one, _) if one == socket)
    }

    /// The WebSocket that's open.
    pub(super) fn socket(&self) -> Option<SocketId> {
        match self.state {
            State::Open(socket) => Some(socket),
            _ => None,
        }
    }

    /// It isn't there any more, or never was. The first attempt follows at once.
    pub(super) fn lost(&mut self, now: SimTime, recovery: Option<Recovery>, random: &mut Random) {
        let again = recovery.map(|recovery| now + self.wait(recovery, random));
        self.failures += 1;
        self.state = State::Down(again);
    }

    fn wait(&self, Recovery { first, longest }: Recovery, random: &mut Random) -> Duration {
        if self.failures == 0 {
            return Duration::ZERO;
        }
        let most = first.saturating_mul(1 << (self.failures - 1).min(16)).min(longest);
        Duration::from_millis(most.mul_f64(0.5 + 0.5 * random.unit()).as_millis() as u64)
    }

    /// How many attempts in a row came to nothing.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// There's a reason to try now: the computer has a network again.
    pub(super) fn hurry(&mut self, now: SimTime) {
        if let State::Down(Some(_)) = self.state {
            self.failures = 0;
            self.state = State::Down(Some(now));
        }
    }

    /// When [`Line::is_due`] will be.
    pub(super) fn due(&self) -> Option<SimTime> {
        match self.state {
            State::Down(at) => at,
            State::Opening(_, until) => Some(until),
            State::Open(_) => None,
        }
    }

    /// True if another attempt is due.
    pub(super) fn is_due(&self, now: SimTime) -> bool {
        matches!(self.state, State::Down(Some(at)) if at <= now)
    }

    /// The attempt that takes too long.
    pub(super) fn overdue(&self, now: SimTime) -> Option<SocketId> {
        match self.state {
            State::Opening(socket, until) if until <= now => Some(socket),
            _ => None,
        }
    }

    /// Sends a message. False: there's no connection.
    pub(super) fn send(&self, web: &Web, message: &[u8]) -> bool {
        let Some(socket) = self.socket() else { return false };
        // RFC 7118 4.2: text where it's UTF-8.
        let data = match std::str::from_utf8(message) {
            Ok(text) => Data::from(text),
            Err(_) => Data::Binary(message.to_vec().into()),
        };
        web.socket_send(socket, data).is_ok()
    }
}

/// A page doesn't know the server's address: that's the browser's business. This stands for it.
pub(super) const SERVER: std::net::SocketAddrV4 = std::net::SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);

/// The flow of a WebSocket.
pub(super) fn flow_of(socket: SocketId) -> Flow {
    Flow { transport: Transport::Ws, remote: SERVER, connection: Some(ConnectionId(u64::from(socket.0))) }
}
