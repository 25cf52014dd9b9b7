//! TCP sockets: turmoil-net's TCP behind types that know their host, or the operating system's.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil_net::shim::tokio::net as shim;

use crate::trace::HostId;
use crate::world::Power;
use crate::world::kernel::kernel_here;

use super::live::{LiveListener, LiveTcp};
use super::stacks::SocketKind;
use super::{crashed, net_here, the_net};

/// A reader that takes less than half of turmoil-net's 64 KiB window at once would never open it again: our streams
/// read ahead by as much as the window holds.
const READ_AHEAD: usize = 64 * 1024;
/// A stack tells its peer that there's room again once this much is read at once.
const WINDOW_UPDATE: usize = READ_AHEAD / 2;

/// What stream and listener share: the name of a socket, and of the life that it belongs to.
struct Owned {
    host: HostId,
    epoch: u32,
    key: u64,
}

impl Owned {
    fn new(host: HostId, kind: SocketKind) -> Owned {
        let net = the_net();
        let key = net.stacks().keep(host, kind);
        Owned { host, epoch: net.kernel.host(host).epoch(), key }
    }

    /// Runs an operation on the socket as its host, unless the host has crashed (an error) or sleeps (later).
    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(&mut SocketKind, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if poll_alive(self.host, self.epoch, cx)?.is_pending() {
            return Poll::Pending;
        }
        let net = the_net();
        let mut stacks = net.stacks();
        stacks.pin(self.host);
        let Some(socket) = stacks.socket(self.host, self.key) else {
            return Poll::Ready(Err(crashed()));
        };
        let polled = operation(&mut socket.kind, cx);
        if polled.is_ready() {
            socket.wakers.clear();
        } else if !socket.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            socket.wakers.push(cx.waker().clone());
        }
        polled
    }
}

/// Ready while the host's life lasts and it's awake; an error once that life is over.
fn poll_alive(host: HostId, epoch: u32, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let state = kernel_here().host(host);
    if state.epoch() != epoch || state.power() == Power::Down {
        return Poll::Ready(Err(crashed()));
    }
    if state.power() == Power::Asleep {
        state.freeze(cx.waker());
        return Poll::Pending;
    }
    Poll::Ready(Ok(()))
}

impl Drop for Owned {
    fn drop(&mut self) {
        let Some(net) = net_here() else { return };
        let mut stacks = net.stacks();
        stacks.pin(self.host);
        stacks.close(self.host, self.key);
        drop(stacks);
        net.stir_tcp();
    }
}

// --- streams -----------------------------------------------------------------------------------------------------

/// A TCP connection of a host: see [`Host::connect`](crate::world::Host::connect). It reads and writes as tokio's
/// does.
pub struct TcpStream(StreamKind);

enum StreamKind {
    Simulated(Box<SimStream>),
    Live(LiveTcp),
}

struct SimStream {
    owned: Owned,
    local: SocketAddrV4,
    peer: SocketAddrV4,
    ahead: Vec<u8>,
    taken: usize,
}

impl TcpStream {
    pub(crate) fn live(stream: LiveTcp) -> TcpStream {
        TcpStream(StreamKind::Live(stream))
    }

    fn simulated(host: HostId, socket: shim::TcpStream) -> io::Result<TcpStream> {
        let (local, peer) = the_net().stacks().ends(host, &socket)?;
        let owned = Owned::new(host, SocketKind::Stream(socket));
        Ok(TcpStream(StreamKind::Simulated(Box::new(SimStream { owned, local, peer, ahead: Vec::new(), taken: 0 }))))
    }

    /// Opens a simulated connection.
    pub(crate) async fn connect(host: HostId, to: SocketAddrV4) -> io::Result<TcpStream> {
        let epoch = kernel_here().host(host).epoch();
        the_net().ready_for_tcp();
        let target = the_net().stacks().target(host, to);
        let future = Box::pin(shim::TcpStream::connect(SocketAddr::V4(target)));
        let mut attempt = Connecting { host, to, number: None, future: Some(future) };
        let connected = poll_fn(|cx| {
            if poll_alive(host, epoch, cx)?.is_pending() {
                return Poll::Pending;
            }
            let net = the_net();
            net.stacks().pin(host);
            if attempt.number.is_none() {
                attempt.number = Some(net.stacks().dial(host, to));
                net.stir_tcp();
            }
            attempt.future.as_mut().expect("polled until it's ready").as_mut().poll(cx)
        })
        .await;
        match connected {
            Ok(socket) => {
                attempt.future = None;
                TcpStream::simulated(host, socket)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let net = the_net();
                if attempt.number.is_some_and(|number| net.stacks().gave_up_dialing(number, host, to)) {
                    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{to} never answered")))
                } else {
                    Err(io::Error::new(error.kind(), format!("nobody listens at {to}")))
                }
            }
            Err(error) => Err(error),
        }
    }

    /// This end's address.
    pub fn local_addr(&self) -> SocketAddrV4 {
        match &self.0 {
            StreamKind::Simulated(stream) => stream.local,
            StreamKind::Live(stream) => stream.local(),
        }
    }

    /// The other end's address, as it is seen from here.
    pub fn peer_addr(&self) -> SocketAddrV4 {
        match &self.0 {
            StreamKind::Simulated(stream) => stream.peer,
            StreamKind::Live(stream) => stream.peer(),
        }
    }
}

fn the_epoch(host: HostId) -> u32 {
    kernel_here().host(host).epoch()
}

impl TcpStream {
    /// Closes the connection by a reset (RST), as a program does that lets a socket linger for no time.
    pub fn reset(self) {
        match self.0 {
            StreamKind::Simulated(stream) => {
                let Some(net) = net_here() else { return };
                if the_epoch(stream.owned.host) == stream.owned.epoch {
                    // What was written before goes out before.
                    net.tcp_egress();
                    net.stacks().abort(stream.owned.host, stream.local.port(), stream.peer);
                    net.stir_tcp();
                }
            }
            StreamKind::Live(stream) => stream.reset(),
        }
    }
}

/// A connection attempt: dropped half-way, it's dropped as its host.
struct Connecting {
    host: HostId,
    to: SocketAddrV4,
    /// What the stacks know it by, once it has begun.
    number: Option<u64>,
    future: Option<Pin<Box<dyn Future<Output = io::Result<shim::TcpStream>> + Send>>>,
}

impl Drop for Connecting {
    fn drop(&mut self) {
        let Some(net) = net_here() else {
            // turmoil-net's own clean-up would look for a network that's gone.
            std::mem::forget(self.future.take());
            return;
        };
        let Some(number) = self.number else { return };
        if net.stacks().is_dialing(number) {
            // Dropped before its SYN has left, which it does now: the system call was made.
            net.tcp_egress();
        }
        let port = net.stacks().forget_dial(number);
        let Some(future) = self.future.take() else { return };
        net.stacks().pin(self.host);
        drop(future);
        // Nobody waits for an answer any more, so nobody asks again.
        if let Some(port) = port
            && let Some(address) = net.stacks().forget_local(self.host, port, self.to)
        {
            net.wire.borrow_mut().abandon((SocketAddrV4::new(address, port), self.to));
        }
        net.stir_tcp();
    }
}

impl SimStream {
    fn explain(&self, error: io::Error) -> io::Error {
        let gave_up = || the_net().stacks().gave_up(self.owned.host, self.local.port(), self.peer);
        if error.kind() == io::ErrorKind::ConnectionReset && gave_up() {
            let message = format!("{} hasn't acknowledged anything for too long", self.peer);
            return io::Error::new(io::ErrorKind::TimedOut, message);
        }
        error
    }

    /// An operation that makes the stack send something if it `sends` as much as it comes to.
    fn stream(
        &self,
        sends: impl FnOnce(usize) -> bool,
        cx: &mut Context<'_>,
        operation: impl FnOnce(Pin<&mut shim::TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let polled = self.owned.poll(cx, |socket, cx| match socket {
            SocketKind::Stream(stream) => operation(Pin::new(stream), cx),
            SocketKind::Listener(_) => unreachable!("a stream names a stream"),
        });
        if let Poll::Ready(Ok(done)) = &polled
            && sends(*done)
        {
            the_net().stir_tcp();
        }
        polled.map_err(|error| self.explain(error))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken == self.ahead.len() {
            let net = the_net();
            let mut scratch = net.scratch.borrow_mut();
            scratch.resize(READ_AHEAD, 0);
            let mut window = ReadBuf::new(&mut scratch);
            let opens = |read| read >= WINDOW_UPDATE;
            let polled = self.stream(opens, cx, |stream, cx| {
                let polled = stream.poll_read(cx, &mut window);
                polled.map_ok(|()| window.filled().len())
            });
            std::task::ready!(polled)?;
            let filled = window.filled();
            let now = filled.len().min(buffer.remaining());
            buffer.put_slice(&filled[..now]);
            self.ahead.clear();
            self.ahead.extend_from_slice(&filled[now..]);
            self.taken = 0;
            return Poll::Ready(Ok(()));
        }
        std::task::ready!(poll_alive(self.owned.host, self.owned.epoch, cx))?;
        let rest = &self.ahead[self.taken..];
        let now = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..now]);
        self.taken += now;
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream(|_| true, cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(|_| true, cx, |stream, cx| stream.poll_shutdown(cx).map_ok(|()| 0)).map_ok(|_| ())
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            StreamKind::Simulated(stream) => stream.poll_read(cx, buffer),
            StreamKind::Live(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            StreamKind::Simulated(stream) => stream.poll_write(cx, bytes),
            StreamKind::Live(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            // The stack has the bytes as soon as they're written.
            StreamKind::Simulated(_) => Poll::Ready(Ok(())),
            StreamKind::Live(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            StreamKind::Simulated(stream) => stream.poll_shutdown(cx),
            StreamKind::Live(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl std::fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TcpStream {} -> {}", self.local_addr(), self.peer_addr())
    }
}

// --- listeners ---------------------------------------------------------------------------------------------------

/// A listening TCP socket of a host: see [`Host::listen`](crate::world::Host::listen).
pub struct TcpListener(ListenerKind);

enum ListenerKind {
    Simulated { owned: Owned, local: SocketAddrV4 },
    Live(LiveListener),
}

impl TcpListener {
    pub(crate) fn live(listener: LiveListener) -> TcpListener {
        TcpListener(ListenerKind::Live(listener))
    }

    pub(crate) async fn bind(host: HostId, port: u16) -> io::Result<TcpListener> {
        let name = {
            let state = kernel_here().host(host);
            if state.power() == Power::Down {
                return Err(crashed());
            }
            state.name().to_owned()
        };
        the_net().ready_for_tcp();
        let taken = || io::Error::new(io::ErrorKind::AddrInUse, format!("TCP port {port} of {name} is taken"));
        if port != 0 && the_net().stacks().listens(host, port) {
            return Err(taken());
        }
        let bind = |address: SocketAddr| {
            let mut binding = std::pin::pin!(shim::TcpListener::bind(address));
            match binding.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(bound) => bound,
                Poll::Pending => unreachable!("a stack binds at once"),
            }
        };
        let bound = the_net().stacks().listen(host, port, bind);
        let (socket, port) = bound.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => taken(),
            kind => io::Error::new(kind, format!("TCP port {port} of {name}: {error}")),
        })?;
        let local = SocketAddrV4::new(the_net().wire.borrow().address(host), port);
        let owned = Owned::new(host, SocketKind::Listener(socket));
        Ok(TcpListener(ListenerKind::Simulated { owned, local }))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddrV4 {
        match &self.0 {
            ListenerKind::Simulated { local, .. } => *local,
            ListenerKind::Live(listener) => listener.local(),
        }
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The host has crashed, or (live) what the system says.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddrV4)> {
        match &self.0 {
            ListenerKind::Simulated { owned, .. } => {
                let accept = |socket: &mut SocketKind, cx: &mut Context<'_>| match socket {
                    SocketKind::Listener(listener) => listener.poll_accept(cx),
                    SocketKind::Stream(_) => unreachable!("a listener names a listener"),
                };
                loop {
                    let (socket, _) = poll_fn(|cx| owned.poll(cx, accept)).await?;
                    the_net().stacks().pin(owned.host);
                    // Reset before anybody accepted it: a real stack has forgotten such a connection.
                    let reset = socket.try_read(&mut []).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset);
                    if !reset {
                        let stream = TcpStream::simulated(owned.host, socket)?;
                        let peer = stream.peer_addr();
                        return Ok((stream, peer));
                    }
                }
            }
            ListenerKind::Live(listener) => listener.accept().await,
        }
    }
}

impl std::fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TcpListener {}", self.local_addr())
    }
}

/// Served by axum: `axum::serve(host.listen(80).await?, router)`.
#[cfg(feature = "axum")]
impl axum::serve::Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddrV4;

    /// Never returns once the host has crashed: axum would ask again and again.
    async fn accept(&mut self) -> (TcpStream, SocketAddrV4) {
        match TcpListener::accept(self).await {
            Ok(accepted) => accepted,
            Err(_) => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddrV4> {
        Ok(TcpListener::local_addr(self))
    }
}
