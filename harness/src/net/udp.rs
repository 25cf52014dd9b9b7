//! UDP sockets: ours, straight on the wire, or the operating system's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::trace::{HostId, Loss};
use crate::world::interpose::Life;
use crate::world::kernel::kernel_here;
use crate::world::{HostState, Power, crash};

use super::live::LiveUdp;
use super::{Net, crashed, net_here, the_net};

/// How many bytes wait for a program to read them: Linux's default receive buffer (net.core.rmem_default).
pub const RECEIVE_BUFFER: usize = 212_992;
/// RFC 768 with RFC 791: 65,535 bytes less both headers.
const LARGEST_PAYLOAD: usize = 65_507;

/// Takes what comes at once, in the place of a task that waits for it.
pub(crate) type Taker = Rc<dyn Fn(Bytes, SocketAddrV4)>;

/// The wire's end of a simulated socket.
pub(crate) struct UdpPort {
    local: SocketAddrV4,
    queue: RefCell<VecDeque<(SocketAddrV4, Bytes)>>,
    queued: Cell<usize>,
    capacity: Cell<usize>,
    wakers: RefCell<Vec<Waker>>,
    connected: Cell<Option<SocketAddrV4>>,
    refused: Cell<bool>,
    taker: RefCell<Option<Taker>>,
    /// Whose socket it is.
    pub(crate) life: Life,
}

impl UdpPort {
    /// Whoever takes what comes at once, if anybody does.
    pub(crate) fn taker(&self) -> Option<Taker> {
        self.taker.borrow().clone()
    }

    pub(crate) fn has_taker(&self) -> bool {
        self.taker.borrow().is_some()
    }

    /// Whether a datagram of that sender is wanted, and has room.
    pub(crate) fn wants(&self, from: SocketAddrV4, length: usize) -> Result<(), Loss> {
        if self.connected.get().is_some_and(|peer| peer != from) {
            return Err(Loss::NoSocket);
        }
        if self.queued.get() + length > self.capacity.get() && !self.has_taker() {
            return Err(Loss::BufferFull);
        }
        Ok(())
    }

    pub(crate) fn takes(&self, address: Ipv4Addr) -> bool {
        self.local.ip().is_unspecified() || *self.local.ip() == address
    }

    /// Takes a datagram in that's wanted.
    pub(crate) fn push(&self, from: SocketAddrV4, payload: Bytes) {
        self.queued.set(self.queued.get() + payload.len());
        self.queue.borrow_mut().push_back((from, payload));
        self.wake();
    }

    /// The network said that nobody listens at `peer`. Only a connected socket hears of it, as on Linux.
    pub(crate) fn refuse(&self, peer: SocketAddrV4) {
        if self.connected.get() == Some(peer) {
            self.refused.set(true);
            self.wake();
        }
    }

    pub(crate) fn close(&self) {
        self.wake();
    }

    fn wake(&self) {
        for waker in self.wakers.borrow_mut().drain(..) {
            waker.wake();
        }
    }
}

/// A UDP socket of a host: see [`Host::udp`](crate::world::Host::udp).
pub struct UdpSocket(Kind);

enum Kind {
    Simulated(SimUdp),
    Live(LiveUdp),
}

/// A simulated socket is a name only: what it names is on the wire.
struct SimUdp {
    host: HostId,
    epoch: u32,
    local: SocketAddrV4,
}

impl UdpSocket {
    pub(crate) fn live(socket: LiveUdp) -> UdpSocket {
        UdpSocket(Kind::Live(socket))
    }

    /// Binds a simulated socket; port 0 takes a free one.
    pub(crate) fn bind(net: &Net, host: &HostState, address: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
        if host.power() == Power::Down {
            return Err(crashed());
        }
        let mut wire = net.wire.borrow_mut();
        let attachment = wire.attachment(host.id());
        if !address.is_unspecified() && !address.is_loopback() && !attachment.addresses.contains(&address) {
            let message = format!("{} has no address {address}", host.name());
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
        }
        let port = match port {
            0 => attachment.free_port().ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))?,
            port if attachment.ports.contains_key(&port) => {
                let message = format!("UDP port {port} of {} is taken", host.name());
                return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
            }
            port => port,
        };
        let port = Rc::new(UdpPort {
            local: SocketAddrV4::new(address, port),
            queue: RefCell::default(),
            queued: Cell::new(0),
            capacity: Cell::new(RECEIVE_BUFFER),
            wakers: RefCell::default(),
            connected: Cell::new(None),
            refused: Cell::new(false),
            taker: RefCell::default(),
            life: Life { host: host.id(), epoch: host.epoch() },
        });
        let local = port.local;
        attachment.ports.insert(local.port(), port);
        Ok(UdpSocket(Kind::Simulated(SimUdp { host: host.id(), epoch: host.epoch(), local })))
    }

    /// Where it's bound; the address is the host's own, also if it listens on all.
    pub fn local_addr(&self) -> SocketAddrV4 {
        match &self.0 {
            Kind::Simulated(socket) => socket.local(),
            Kind::Live(socket) => socket.local(),
        }
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// It's too large for UDP, the host has crashed, or (live) what the system says.
    pub async fn send_to(&self, payload: impl Into<Bytes>, to: SocketAddrV4) -> io::Result<()> {
        match &self.0 {
            Kind::Simulated(socket) => {
                poll_fn(|cx| socket.poll_awake(cx)).await?;
                socket.send(payload.into(), to)
            }
            Kind::Live(socket) => socket.send_to(payload.into(), to).await,
        }
    }

    /// Sends a datagram without waiting; false where that can't be, live and on a host that sleeps.
    pub(crate) fn send_now(&self, payload: Bytes, to: SocketAddrV4) -> bool {
        match &self.0 {
            // A host that has crashed sends nothing, and nobody is left there who would care.
            Kind::Simulated(socket) => {
                let host = kernel_here().host(socket.host);
                let awake = host.power() == Power::Up && host.epoch() == socket.epoch;
                if awake {
                    let _ = socket.send(payload, to);
                }
                awake
            }
            Kind::Live(_) => false,
        }
    }

    /// From now on what comes is given to `taker` as it comes, rather than to a task that waits for it, which costs more
    /// than most datagrams are worth. It runs as the host, in between two turns, and may send but not wait. The socket
    /// holds on to it. False in live mode: there somebody must wait.
    pub(crate) fn give_to(&self, taker: impl Fn(Bytes, SocketAddrV4) + 'static) -> bool {
        let Kind::Simulated(socket) = &self.0 else { return false };
        let net = the_net();
        if let Ok(port) = socket.port(&net, &net.kernel.host(socket.host)) {
            let waiting = std::mem::take(&mut *port.queue.borrow_mut());
            port.queued.set(0);
            *port.taker.borrow_mut() = Some(Rc::new(taker));
            net.give(waiting.into_iter().map(|(from, payload)| (port.clone(), from, payload)));
        }
        true
    }

    /// What comes waits to be received again.
    pub(crate) fn keep(&self) {
        let Kind::Simulated(socket) = &self.0 else { return };
        let net = the_net();
        if let Ok(port) = socket.port(&net, &net.kernel.host(socket.host)) {
            port.taker.borrow_mut().take();
        }
    }

    /// Receives a datagram, whole, with its sender.
    ///
    /// # Errors
    /// The host has crashed; on a connected socket also that nobody listens at its peer.
    pub async fn recv(&self) -> io::Result<(Bytes, SocketAddrV4)> {
        match &self.0 {
            Kind::Simulated(socket) => poll_fn(|cx| socket.poll_recv(cx)).await,
            Kind::Live(socket) => socket.recv().await,
        }
    }

    /// Receives a datagram into `buffer`, as `tokio::net::UdpSocket` does: what doesn't fit is cut off.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (payload, from) = self.recv().await?;
        let length = payload.len().min(buffer.len());
        buffer[..length].copy_from_slice(&payload[..length]);
        Ok((length, from.into()))
    }

    /// Receives a datagram if one is there, without waiting.
    ///
    /// # Errors
    /// As [`UdpSocket::recv`].
    pub fn try_recv(&self) -> io::Result<Option<(Bytes, SocketAddrV4)>> {
        match &self.0 {
            Kind::Simulated(socket) => match socket.poll_recv(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(received) => received.map(Some),
                Poll::Pending => Ok(None),
            },
            Kind::Live(socket) => socket.try_recv(),
        }
    }

    /// Talks to `peer` only: datagrams of others are dropped, and its refusals are heard.
    ///
    /// # Errors
    /// Live: what the system says.
    pub async fn connect(&self, peer: SocketAddrV4) -> io::Result<()> {
        match &self.0 {
            Kind::Simulated(socket) => {
                socket.port(&the_net(), &kernel_here().host(socket.host))?.connected.set(Some(peer));
                Ok(())
            }
            Kind::Live(socket) => socket.connect(peer).await,
        }
    }
}

impl SimUdp {
    fn local(&self) -> SocketAddrV4 {
        if self.local.ip().is_unspecified() {
            SocketAddrV4::new(the_net().wire.borrow().address(self.host), self.local.port())
        } else {
            self.local
        }
    }

    /// The wire's end of it, while its life lasts.
    fn port(&self, net: &Net, host: &HostState) -> io::Result<Rc<UdpPort>> {
        if self.epoch != host.epoch() {
            return Err(crashed());
        }
        let mut wire = net.wire.borrow_mut();
        wire.attachment(self.host).ports.get(&self.local.port()).cloned().ok_or_else(crashed)
    }

    /// A host that sleeps does nothing, whoever asks.
    fn poll_awake(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let host = kernel_here().host(self.host);
        if self.epoch != host.epoch() {
            return Poll::Ready(Err(crashed()));
        }
        if host.power() == Power::Asleep {
            host.freeze(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn send(&self, payload: Bytes, to: SocketAddrV4) -> io::Result<()> {
        if payload.len() > LARGEST_PAYLOAD {
            let message = format!("{} bytes don't fit a datagram ({LARGEST_PAYLOAD} do)", payload.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let net = the_net();
        let host = net.kernel.host(self.host);
        if to.ip().is_loopback() {
            let from = SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.local.port());
            let port = net.wire.borrow_mut().attachment(self.host).ports.get(&to.port()).cloned();
            // A full buffer loses it, as on the wire.
            if let Some(port) = port.filter(|port| port.wants(from, payload.len()).is_ok()) {
                if port.has_taker() {
                    net.give([(port, from, payload)]);
                } else {
                    port.push(from, payload);
                }
            }
            return Ok(());
        }
        let mut wire = net.wire.borrow_mut();
        let address = if self.local.ip().is_unspecified() { wire.address(self.host) } else { *self.local.ip() };
        if !wire.attachment(self.host).addresses.contains(&address) {
            let message = format!("{} isn't at {address} any more", host.name());
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
        }
        wire.send_udp(&host, SocketAddrV4::new(address, self.local.port()), to, payload);
        drop(wire);
        net.stir();
        crash::carry_out();
        Ok(())
    }

    fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Bytes, SocketAddrV4)>> {
        let net = the_net();
        let host = net.kernel.host(self.host);
        let port = self.port(&net, &host)?;
        if host.power() == Power::Asleep {
            host.freeze(cx.waker());
            return Poll::Pending;
        }
        if port.refused.take() {
            let message = "nobody listens on the peer's port";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionRefused, message)));
        }
        if let Some((from, payload)) = port.queue.borrow_mut().pop_front() {
            port.queued.set(port.queued.get() - payload.len());
            return Poll::Ready(Ok((payload, from)));
        }
        let mut wakers = port.wakers.borrow_mut();
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for SimUdp {
    fn drop(&mut self) {
        let Some(net) = net_here() else { return };
        if net.kernel.host(self.host).epoch() == self.epoch {
            net.wire.borrow_mut().attachment(self.host).ports.remove(&self.local.port());
        }
    }
}
