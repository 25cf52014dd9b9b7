//! STUN and TURN: how a socket learns its outer address, and how a packet goes by a relay (RFC 8489, RFC 8656).
//!
//! - [`StunClient`]: the mapped address of a socket. [`TurnClient`]: an allocation, with its permissions and channels.
//!   Both are sans-I/O.
//! - [`StunTurnServer`]: the program of a host that answers both, on UDP and TCP.
//! - `message`: bytes from and to `rtc-stun`'s messages, and the framing of a stream. `transaction`: how often a request
//!   is repeated. `books`: what the server knows, sans-I/O. `program`: its sockets.

mod books;
mod client;
mod message;
mod program;
mod server;
mod settings;
mod stun;
mod transaction;

use std::net::SocketAddrV4;

pub use client::{TurnBehaviour, TurnClient, TurnEvent};
pub use server::{AllocationView, StunTurnServer, TurnCounters};
pub use settings::TurnSettings;
pub use stun::{StunClient, StunEvent};

/// The port of STUN and TURN, over UDP and TCP.
pub const PORT: u16 = 3478;

/// How a client reaches its TURN server. What is relayed is UDP in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnTransport {
    /// By datagrams.
    Udp,
    /// By a connection, where UDP is blocked.
    Tcp,
}

/// A TURN server, and who one is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnAccount {
    /// Where it listens.
    pub server: SocketAddrV4,
    /// How it's reached.
    pub transport: TurnTransport,
    /// The user's name there.
    pub user: String,
    /// Her password there.
    pub password: String,
}

/// Why there is no allocation, or none any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// The server said no.
    #[error("the TURN server refuses: {code} {reason}")]
    Refused {
        /// The STUN error code: 401 wrong credentials, 403 forbidden, 437 no such allocation, 486 quota, 508 no port.
        code: u16,
        /// The words that came with it.
        reason: String,
    },
    /// Every repetition of a request was in vain.
    #[error("the TURN server doesn't answer")]
    NoAnswer,
    /// What came from the server is no TURN.
    #[error("the TURN server's answer makes no sense: {0}")]
    Nonsense(String),
    /// Nobody refreshed it.
    #[error("the TURN allocation ran out")]
    RanOut,
    /// The connection to the server is gone.
    #[error("the connection to the TURN server is lost")]
    ConnectionLost,
}
