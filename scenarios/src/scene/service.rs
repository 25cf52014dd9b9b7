//! Who plays the SIP server: ours, a program of somebody else's in its place, or one that runs outside.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::str::FromStr;
use std::sync::Arc;

use busyhour::sip::Transport;
use busyhour::world::Host;
use futures::future::LocalBoxFuture;

use crate::phrase::StepFailure;

/// A program that is booted on the server's host.
type Program = dyn Fn(Host) -> LocalBoxFuture<'static, ()> + Send + Sync;

/// Who plays the SIP server.
///
/// With another than ours every account's password is its name, and phrases that look into our server's books or
/// registrar fail: nobody can look into another's.
#[derive(Clone, Default)]
pub enum ServerChoice {
    /// Ours.
    #[default]
    Ours,
    /// A program in its place, on its host.
    Program(Arc<Program>),
    /// One that runs outside, for live mode.
    Elsewhere(Elsewhere),
}

impl ServerChoice {
    /// A program in the place of ours.
    pub fn program<F, Fut>(program: F) -> ServerChoice
    where
        F: Fn(Host) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        ServerChoice::Program(Arc::new(move |host| Box::pin(program(host))))
    }

    /// True if we can look into it.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, ServerChoice::Ours)
    }

    /// Switches it on, if it's a program.
    pub(crate) fn boot(&self, host: &Host) {
        if let ServerChoice::Program(program) = self {
            let program = Arc::clone(program);
            host.boot(move |host| program(host));
        }
    }

    /// What is said to those who want to look into it.
    pub(crate) fn closed(&self) -> StepFailure {
        StepFailure::because(
            "this step looks into busyhour's own server, and the server here is another one: ask what the phones show",
        )
    }
}

impl fmt::Debug for ServerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerChoice::Ours => f.write_str("Ours"),
            ServerChoice::Program(_) => f.write_str("Program"),
            ServerChoice::Elsewhere(elsewhere) => write!(f, "Elsewhere({elsewhere:?})"),
        }
    }
}

/// A SIP server that runs outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere {
    /// What carries the messages: datagrams or TCP.
    pub transport: Transport,
    /// Where it listens.
    pub address: SocketAddrV4,
}

impl FromStr for Elsewhere {
    type Err = String;

    fn from_str(text: &str) -> Result<Elsewhere, String> {
        let wrong = || format!("`{text}` is no SIP server: write udp:HOST:PORT or tcp:HOST:PORT");
        let (transport, address) = text.split_once(':').ok_or_else(wrong)?;
        let transport = match Transport::named(transport) {
            Some(transport @ (Transport::Udp | Transport::Tcp)) => transport,
            _ => return Err(wrong()),
        };
        if !address.contains(':') {
            return Err(wrong());
        }
        let found = address.to_socket_addrs().map_err(|error| format!("`{address}` can't be found: {error}"))?;
        let mut found = found.filter_map(|address| match address {
            SocketAddr::V4(address) => Some(address),
            SocketAddr::V6(_) => None,
        });
        let address = found.next().ok_or_else(|| format!("`{text}` has no IPv4 address"))?;
        Ok(Elsewhere { transport, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_a_transport_an_address_and_a_port() {
        let read: Elsewhere = "tcp:127.0.0.1:5070".parse().unwrap();
        assert_eq!(read, Elsewhere { transport: Transport::Tcp, address: "127.0.0.1:5070".parse().unwrap() });
        assert_eq!("udp:127.0.0.1:5060".parse::<Elsewhere>().unwrap().transport, Transport::Udp);
        for wrong in ["127.0.0.1:5060", "ws:127.0.0.1:80", "udp:127.0.0.1", "udp:", ""] {
            assert!(wrong.parse::<Elsewhere>().unwrap_err().contains("udp:HOST:PORT"), "{wrong}");
        }
    }
}
