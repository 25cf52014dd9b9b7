//! Where a message goes to, or came from.

use std::fmt;
use std::net::SocketAddrV4;

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams: a message may be lost, repeated, overtaken.
    Udp,
    /// A TCP connection.
    Tcp,
    /// A WebSocket (RFC 7118).
    Ws,
}

impl Transport {
    /// True if nothing is lost while the connection lives, so that transactions don't repeat.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// As a Via header says it: `UDP`, `TCP`, `WS`.
    pub fn via(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Ws => "WS",
        }
    }

    /// As the `transport` parameter of a URI says it: `udp`, `tcp`, `ws`.
    pub fn parameter(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Ws => "ws",
        }
    }

    /// The transport of that name, in either case.
    pub fn named(name: &str) -> Option<Transport> {
        [Transport::Udp, Transport::Tcp, Transport::Ws].into_iter().find(|t| t.via().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.via())
    }
}

/// One connection among those that a host has or had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A way to somebody: over datagrams an address, else an address and the connection to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// What carries it.
    pub transport: Transport,
    /// The other end.
    pub remote: SocketAddrV4,
    /// That very connection, and no other; without it, one to the address is found or opened.
    pub connection: Option<ConnectionId>,
}

impl Flow {
    /// Datagrams to and from that address.
    pub fn udp(remote: SocketAddrV4) -> Flow {
        Flow { transport: Transport::Udp, remote, connection: None }
    }

    /// Any connection to that address.
    pub fn to(transport: Transport, remote: SocketAddrV4) -> Flow {
        Flow { transport, remote, connection: None }
    }
}
