//! The STUN and TURN server of a host, as its operator has it.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use super::program::{Shared, serve};
use super::{TurnSettings, TurnTransport};
use crate::trace::SimTime;
use crate::world::{Host, Power};

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
    /// Requests that were refused, but for what leads to a nonce: 401 to who named nobody, and 438.
    pub refused: u64,
    /// Packets from clients to peers.
    pub relayed_out: u64,
    /// Packets from peers to clients.
    pub relayed_in: u64,
    /// Packets of strangers, and to them: nobody permitted them.
    pub dropped: u64,
}

/// A STUN and TURN server's operator: what she can change, and what she sees. Cheap to clone.
///
/// ```
/// use busyhour::media::turn::{StunClient, StunEvent, StunTurnServer, TurnSettings};
///
/// # #[cfg(tokio_unstable)]
/// let seen = busyhour::simulate(1, |u| async move {
///     let server = StunTurnServer::install(&u.host("turn"), TurnSettings::new("turn.test").user("alice", "secret"));
///     let socket = u.host("alice").udp(4000).await.unwrap();
///     let mut client = StunClient::new(u.now(), server.address(), &mut u.random("stun"));
///     socket.send_to(client.poll_transmit().unwrap(), client.server()).await.unwrap();
///     let (answer, _) = socket.recv().await.unwrap();
///     client.handle(u.now(), &answer);
///     client.poll_event() == Some(StunEvent::Mapped(socket.local_addr()))
/// });
/// # #[cfg(tokio_unstable)]
/// assert!(seen, "there's no NAT in between");
/// ```
#[derive(Clone)]
pub struct StunTurnServer {
    host: Host,
    shared: Rc<RefCell<Shared>>,
}

impl StunTurnServer {
    /// Installs a server on a host: it runs now, and again whenever the host restarts. A crash loses all allocations.
    pub fn install(host: &Host, settings: TurnSettings) -> StunTurnServer {
        let shared = Rc::new(RefCell::new(Shared::new(settings)));
        let program = shared.clone();
        host.boot(move |host| serve(host, program.clone()));
        StunTurnServer { host: host.clone(), shared }
    }

    /// Where it runs.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Where it listens, UDP and TCP.
    pub fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.host.address(), self.shared.borrow().settings.port)
    }

    /// Changes its set-up, for requests that come from now on. The port is read at its start.
    pub fn change(&self, change: impl FnOnce(&mut TurnSettings)) {
        change(&mut self.shared.borrow_mut().settings);
    }

    /// Its set-up.
    pub fn settings(&self) -> TurnSettings {
        self.shared.borrow().settings.clone()
    }

    /// The allocations that are alive, the oldest first.
    pub fn allocations(&self) -> Vec<AllocationView> {
        if self.host.power() == Power::Down {
            return Vec::new();
        }
        let now = self.host.now();
        self.shared.borrow().books.as_ref().map(|books| books.views(now)).unwrap_or_default()
    }

    /// What was counted since it was installed.
    pub fn counters(&self) -> TurnCounters {
        self.shared.borrow().counters
    }
}
