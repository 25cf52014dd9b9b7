//! TCP sockets: turmoil-net's TCP behind types that know their host, or the operating system's.
//!
//! turmoil-net keeps a TCP stack a host and finds "the current host" by a thread-local, so each operation here, a
//! drop included, first says whose it is. Its stacks are numbered by addresses of their own (100.64.0.0/10), which
//! never show: the wire's addresses belong to the wire, so that a host can move, sit behind a NAT box, or join late.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil_net::shim::tokio::net as shim;
use turmoil_net::{EnterGuard, KernelConfig, TcpFlags, TcpSegment, Transport};

use crate::trace::HostId;
use crate::world::Power;
use crate::world::kernel::kernel_here;

use super::live::{LiveListener, LiveTcp};
use super::packet::{Body, Packet, Segment};
use super::{crashed, net_here, the_net};

/// A reader that takes less than half of turmoil-net's 64 KiB window at once would never open it again: our streams
/// read ahead by as much as the window holds.
const READ_AHEAD: usize = 64 * 1024;
/// Hosts that may still join once TCP has been used.
const LATECOMERS: usize = 64;

/// Addresses that a stack has. A listener that is bound again takes the next: turmoil-net doesn't let go of a port
/// while a connection that was accepted on it is still closing.
const ALIASES: u8 = 16;

/// A stack's address. Each alias is a network of its own, 100.64.0.0/16, 100.65.0.0/16, ..., and the host its number.
fn stack_address(host: usize, alias: u8) -> Ipv4Addr {
    let [high, low] = u16::try_from(host).expect("hosts are numbered by 16 bits").to_be_bytes();
    Ipv4Addr::new(100, 64 + alias, high, low)
}

fn host_of(address: IpAddr) -> (HostId, u8) {
    let IpAddr::V4(address) = address else { unreachable!("our stacks have IPv4 addresses") };
    let [_, network, high, low] = address.octets();
    (HostId(u16::from_be_bytes([high, low])), network - 64)
}

/// Where a connection's end is: its address on the wire, and the one that its stack knows it by.
#[derive(Clone, Copy)]
struct Local {
    address: Ipv4Addr,
    alias: u8,
    /// Its program has closed it: nobody will read what still comes.
    closed: bool,
    /// The number of the next byte that it sends.
    next: u32,
}

/// All TCP stacks of a universe.
pub(crate) struct Stacks {
    ids: Vec<turmoil_net::HostId>,
    /// The wire's address of each connection: (host, local port, peer).
    locals: FxHashMap<(HostId, u16, SocketAddrV4), Local>,
    /// The ports that a host listens on, and by which of its stack's addresses.
    listening: FxHashMap<(HostId, u16), u8>,
    /// Connections that were given up: they end in a time-out, not in a reset.
    gave_up: FxHashSet<(HostId, u16, SocketAddrV4)>,
    /// Connections whose handshake waits for its last ACK, with the number that it must bear.
    half_open: FxHashMap<(HostId, u16, SocketAddrV4), u32>,
    outgoing: Vec<turmoil_net::Packet>,
    /// Resets to be sent, with their sequence numbers.
    resets: Vec<((HostId, u16, SocketAddrV4), u32)>,
    /// Every socket, by its host and its number: where a crash finds it.
    sockets: BTreeMap<(HostId, u64), Socket>,
    next_socket: u64,
    /// Connections that were asked for and whose SYN hasn't left its stack yet, in the order of asking.
    dialing: VecDeque<(HostId, SocketAddrV4, u64)>,
    /// The local ports of connections that are being opened, by their number.
    dialed: FxHashMap<u64, u16>,
    next_dial: u64,
    /// Behind the sockets, which want it to be there while they're dropped.
    guard: EnterGuard,
}

impl Stacks {
    pub(crate) fn new(hosts: usize) -> Stacks {
        // Retransmission is the wire's: turmoil-net counts passes of its own loop, not time.
        let mut net = turmoil_net::Net::with_config(KernelConfig::default().retx_threshold(u32::MAX));
        let addresses = |host| (0..ALIASES).map(move |alias| IpAddr::V4(stack_address(host, alias)));
        let ids: Vec<_> =
            (0..hosts + LATECOMERS).map(|host| net.add_host(addresses(host).collect::<Vec<_>>())).collect();
        Stacks {
            guard: net.enter(),
            ids,
            locals: FxHashMap::default(),
            listening: FxHashMap::default(),
            gave_up: FxHashSet::default(),
            half_open: FxHashMap::default(),
            outgoing: Vec::new(),
            resets: Vec::new(),
            sockets: BTreeMap::new(),
            next_socket: 0,
            dialing: VecDeque::new(),
            dialed: FxHashMap::default(),
            next_dial: 0,
        }
    }

    fn pin(&self, host: HostId) -> io::Result<()> {
        let id = self.ids.get(usize::from(host.0)).ok_or_else(|| {
            let message = format!("more than {LATECOMERS} hosts joined after TCP was first used: declare them before");
            io::Error::other(message)
        })?;
        self.guard.set_current(*id);
        Ok(())
    }

    /// What the stacks have to send: (host, local address, peer, segment).
    pub(crate) fn egress(
        &mut self,
        address_of: impl Fn(HostId) -> Ipv4Addr,
        mut send: impl FnMut(HostId, SocketAddrV4, SocketAddrV4, Segment),
    ) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        self.guard.egress_all(&mut outgoing);
        for packet in outgoing.drain(..) {
            let Transport::Tcp(tcp) = packet.payload else { unreachable!("UDP doesn't go through these stacks") };
            let IpAddr::V4(peer) = packet.dst else { unreachable!("IPv4 only") };
            let (host, alias) = host_of(packet.src);
            let peer = SocketAddrV4::new(peer, tcp.dst_port);
            let key = (host, tcp.src_port, peer);
            let local = if tcp.flags.syn && !tcp.flags.ack {
                let address = address_of(host);
                self.locals.insert(key, Local { address, alias, closed: false, next: tcp.seq.wrapping_add(1) });
                self.gave_up.remove(&key);
                self.note_dialed(key);
                address
            } else if let Some(local) = self.locals.get_mut(&key) {
                let numbers = tcp.payload.len() as u32 + u32::from(tcp.flags.syn) + u32::from(tcp.flags.fin);
                local.next = tcp.seq.wrapping_add(numbers);
                local.address
            } else {
                address_of(host)
            };
            if tcp.flags.syn && tcp.flags.ack {
                self.half_open.insert(key, tcp.seq.wrapping_add(1));
            }
            let segment =
                Segment { seq: tcp.seq, ack: tcp.ack, flags: tcp.flags, window: tcp.window, payload: tcp.payload };
            send(host, SocketAddrV4::new(local, tcp.src_port), peer, segment);
        }
        self.outgoing = outgoing;
        for (key, seq) in std::mem::take(&mut self.resets) {
            let (host, port, peer) = key;
            let Some(local) = self.locals.remove(&key) else { continue };
            let flags = TcpFlags { rst: true, ..TcpFlags::default() };
            let segment = Segment { seq, ack: 0, flags, window: 0, payload: bytes::Bytes::new() };
            send(host, SocketAddrV4::new(local.address, port), peer, segment);
        }
    }

    /// A connection is about to be opened: its stack will choose a port and queue a SYN.
    fn dial(&mut self, host: HostId, to: SocketAddrV4) -> u64 {
        self.next_dial += 1;
        self.dialing.push_back((host, to, self.next_dial));
        self.next_dial
    }

    /// A SYN leaves its stack, which queues them in the order of asking: so that is whose port it is.
    fn note_dialed(&mut self, (host, port, to): (HostId, u16, SocketAddrV4)) {
        let first = self.dialing.iter().position(|(who, whom, _)| *who == host && *whom == to);
        if let Some((_, _, number)) = first.and_then(|place| self.dialing.remove(place)) {
            self.dialed.insert(number, port);
        }
    }

    /// A packet reaches `host`'s stack.
    pub(crate) fn deliver(&mut self, host: HostId, packet: Packet) {
        let Body::Tcp(segment) = packet.body else { unreachable!("only TCP is delivered here") };
        let key = (host, packet.dst.port(), packet.src);
        if segment.flags.syn && !segment.flags.ack {
            let alias = self.listening.get(&(host, packet.dst.port())).copied().unwrap_or(0);
            self.locals.insert(key, Local { address: *packet.dst.ip(), alias, closed: false, next: 0 });
        } else if segment.flags.rst {
            self.complete_handshake(host, packet.dst.port(), packet.src);
        } else {
            self.half_open.remove(&key);
            if !segment.payload.is_empty() && self.locals.get(&key).is_some_and(|local| local.closed) {
                // RFC 1122 section 4.2.2.13: whoever goes on writing to a closed connection is reset. turmoil-net would
                // take it all in, until its window is full.
                self.reset(host, packet.dst.port(), packet.src);
                self.resets.push((key, segment.ack));
                return;
            }
        }
        let tcp = TcpSegment {
            src_port: packet.src.port(),
            dst_port: packet.dst.port(),
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            window: segment.window,
            payload: segment.payload,
        };
        self.inject(host, *packet.src.ip(), tcp);
    }

    fn inject(&self, host: HostId, src: Ipv4Addr, tcp: TcpSegment) {
        let peer = SocketAddrV4::new(src, tcp.src_port);
        let alias = self.locals.get(&(host, tcp.dst_port, peer)).map_or(0, |local| local.alias);
        let dst = IpAddr::V4(stack_address(usize::from(host.0), alias));
        self.guard.deliver(turmoil_net::Packet { src: IpAddr::V4(src), dst, ttl: 64, payload: Transport::Tcp(tcp) });
    }

    /// turmoil-net keeps a connection that was reset in the middle of its handshake for ever, and its port with it.
    /// So the handshake is completed first: the listener then owns the connection, and drops it.
    fn complete_handshake(&mut self, host: HostId, local_port: u16, peer: SocketAddrV4) {
        let Some(ack) = self.half_open.remove(&(host, local_port, peer)) else { return };
        let tcp = TcpSegment {
            src_port: peer.port(),
            dst_port: local_port,
            seq: 0,
            ack,
            flags: TcpFlags { ack: true, ..TcpFlags::default() },
            window: u16::MAX,
            payload: bytes::Bytes::new(),
        };
        self.inject(host, *peer.ip(), tcp);
    }

    /// Ends a connection from inside its own host, as if its peer had reset it.
    fn reset(&mut self, host: HostId, local_port: u16, peer: SocketAddrV4) {
        self.complete_handshake(host, local_port, peer);
        let tcp = TcpSegment {
            src_port: peer.port(),
            dst_port: local_port,
            seq: 0,
            ack: 0,
            flags: TcpFlags { rst: true, ..TcpFlags::default() },
            window: 0,
            payload: bytes::Bytes::new(),
        };
        self.inject(host, *peer.ip(), tcp);
    }

    /// Ends a connection from inside its own host, by its own program's wish: its peer is sent a reset.
    fn abort(&mut self, host: HostId, local_port: u16, peer: SocketAddrV4) {
        let key = (host, local_port, peer);
        let Some(next) = self.locals.get(&key).map(|local| local.next) else { return };
        self.reset(host, local_port, peer);
        self.resets.push((key, next));
    }

    /// The wire gave up on a segment: its sender's connection times out; its peer learns nothing.
    pub(crate) fn give_up(&mut self, host: HostId, packet: &Packet) {
        self.gave_up.insert((host, packet.src.port(), packet.dst));
        self.reset(host, packet.src.port(), packet.dst);
    }

    /// Closes all of a host's sockets. What that makes the stack send is never sent: the host is down.
    pub(crate) fn crash(&mut self, host: HostId) {
        if self.pin(host).is_err() {
            return;
        }
        let mut sockets = self.sockets.split_off(&(host, 0));
        let mut others = sockets.split_off(&(HostId(host.0 + 1), 0));
        self.sockets.append(&mut others);
        let (listeners, streams): (Vec<Socket>, Vec<Socket>) =
            sockets.into_values().partition(|socket| matches!(socket.kind, SocketKind::Listener(_)));
        // Listeners first: they take the connections with them that nobody has accepted yet.
        self.drop_as_host(listeners);
        self.listening.retain(|(owner, _), _| *owner != host);
        for entry in turmoil_net::netstat(IpAddr::V4(stack_address(usize::from(host.0), 0))).entries {
            if let Some(SocketAddr::V4(peer)) = entry.peer {
                self.reset(host, entry.local.port(), peer);
            }
        }
        self.drop_as_host(streams);
        self.locals.retain(|(owner, ..), _| *owner != host);
        self.half_open.retain(|(owner, ..), _| *owner != host);
    }

    /// Drops sockets of the pinned host; whoever waits on one learns of it.
    fn drop_as_host(&self, sockets: Vec<Socket>) {
        for socket in sockets {
            drop(socket.kind);
            for waker in socket.wakers {
                waker.wake();
            }
        }
    }

    /// How many sockets a host has, in any state.
    pub(crate) fn socket_count(&self, host: HostId) -> usize {
        if usize::from(host.0) >= self.ids.len() {
            return 0;
        }
        turmoil_net::netstat(IpAddr::V4(stack_address(usize::from(host.0), 0))).entries.len()
    }

    fn keep(&mut self, host: HostId, kind: SocketKind) -> u64 {
        self.next_socket += 1;
        self.sockets.insert((host, self.next_socket), Socket { kind, wakers: Vec::new() });
        self.next_socket
    }

    fn wire_address(&self, host: HostId, local: SocketAddr, peer: Option<SocketAddrV4>) -> SocketAddrV4 {
        let SocketAddr::V4(local) = local else { unreachable!("IPv4 only") };
        match peer.and_then(|peer| self.locals.get(&(host, local.port(), peer))) {
            Some(known) => SocketAddrV4::new(known.address, local.port()),
            None => local,
        }
    }
}

/// One of turmoil-net's sockets.
enum SocketKind {
    Stream(shim::TcpStream),
    Listener(shim::TcpListener),
}

struct Socket {
    kind: SocketKind,
    wakers: Vec<Waker>,
}

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
        stacks.pin(self.host)?;
        let Some(socket) = stacks.sockets.get_mut(&(self.host, self.key)) else {
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
        if stacks.pin(self.host).is_ok() {
            let socket = stacks.sockets.remove(&(self.host, self.key));
            match socket.as_ref().map(|socket| &socket.kind) {
                Some(SocketKind::Listener(listener)) => {
                    if let Ok(local) = listener.local_addr() {
                        stacks.listening.remove(&(self.host, local.port()));
                    }
                }
                Some(SocketKind::Stream(stream)) => {
                    if let (Ok(local), Ok(SocketAddr::V4(peer))) = (stream.local_addr(), stream.peer_addr())
                        && let Some(local) = stacks.locals.get_mut(&(self.host, local.port(), peer))
                    {
                        local.closed = true;
                    }
                }
                None => {}
            }
            drop(socket);
            drop(stacks);
            net.stir_tcp();
        }
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

    /// The host must be pinned.
    fn simulated(host: HostId, socket: shim::TcpStream) -> io::Result<TcpStream> {
        the_net().stacks().pin(host)?;
        let SocketAddr::V4(peer) = socket.peer_addr()? else { unreachable!("IPv4 only") };
        let local = the_net().stacks().wire_address(host, socket.local_addr()?, Some(peer));
        let owned = Owned::new(host, SocketKind::Stream(socket));
        Ok(TcpStream(StreamKind::Simulated(Box::new(SimStream { owned, local, peer, ahead: Vec::new(), taken: 0 }))))
    }

    /// Opens a simulated connection.
    pub(crate) async fn connect(host: HostId, to: SocketAddrV4) -> io::Result<TcpStream> {
        let epoch = kernel_here().host(host).epoch();
        the_net().ready_for_tcp();
        let future = Box::pin(shim::TcpStream::connect(SocketAddr::V4(to)));
        let mut attempt = Connecting { host, to, number: None, future: Some(future) };
        let connected = poll_fn(|cx| {
            if poll_alive(host, epoch, cx)?.is_pending() {
                return Poll::Pending;
            }
            let net = the_net();
            {
                let mut stacks = net.stacks();
                stacks.pin(host)?;
                if attempt.number.is_none() {
                    attempt.number = Some(stacks.dial(host, to));
                }
            }
            let polled = attempt.future.as_mut().expect("polled until it's ready").as_mut().poll(cx);
            net.stir_tcp();
            polled
        })
        .await;
        match connected {
            Ok(socket) => {
                attempt.future = None;
                TcpStream::simulated(host, socket)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let net = the_net();
                let mut stacks = net.stacks();
                let port = attempt.number.and_then(|number| stacks.dialed.get(&number).copied());
                if port.is_some_and(|port| stacks.gave_up.remove(&(host, port, to))) {
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
        if net.stacks().dialing.iter().any(|(.., waiting)| *waiting == number) {
            // Dropped before its SYN has left, which it does now: the system call was made.
            net.tcp_egress();
        }
        let mut stacks = net.stacks();
        stacks.dialing.retain(|(.., waiting)| *waiting != number);
        let port = stacks.dialed.remove(&number);
        let Some(future) = self.future.take() else { return };
        if stacks.pin(self.host).is_ok() {
            drop(stacks);
            drop(future);
        }
        // Nobody waits for an answer any more, so nobody asks again.
        if let Some(port) = port {
            let local = net.stacks().locals.remove(&(self.host, port, self.to));
            if let Some(Local { address, .. }) = local {
                net.wire.borrow_mut().abandon((SocketAddrV4::new(address, port), self.to));
            }
        }
        net.stir_tcp();
    }
}

impl SimStream {
    fn explain(&self, error: io::Error) -> io::Error {
        let me = (self.owned.host, self.local.port(), self.peer);
        if error.kind() == io::ErrorKind::ConnectionReset && the_net().stacks().gave_up.contains(&me) {
            let message = format!("{} hasn't acknowledged anything for too long", self.peer);
            return io::Error::new(io::ErrorKind::TimedOut, message);
        }
        error
    }

    fn stream(
        &self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(Pin<&mut shim::TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let polled = self.owned.poll(cx, |socket, cx| match socket {
            SocketKind::Stream(stream) => operation(Pin::new(stream), cx),
            SocketKind::Listener(_) => unreachable!("a stream names a stream"),
        });
        the_net().stir_tcp();
        polled.map_err(|error| self.explain(error))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken == self.ahead.len() {
            let net = the_net();
            let mut scratch = net.scratch.borrow_mut();
            scratch.resize(READ_AHEAD, 0);
            let mut window = ReadBuf::new(&mut scratch);
            let polled = self.stream(cx, |stream, cx| stream.poll_read(cx, &mut window).map_ok(|()| 0));
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
        self.stream(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx, |stream, cx| stream.poll_shutdown(cx).map_ok(|()| 0)).map_ok(|_| ())
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
        if port != 0 && the_net().stacks().listening.contains_key(&(host, port)) {
            return Err(taken());
        }
        let mut bound = Err(taken());
        for alias in 0..ALIASES {
            // All of the host's addresses at first: the loopback one is among them.
            let address = if alias == 0 { Ipv4Addr::UNSPECIFIED } else { stack_address(usize::from(host.0), alias) };
            the_net().stacks().pin(host)?;
            // It is ready at once; nobody comes in between.
            match shim::TcpListener::bind(SocketAddr::from((address, port))).await {
                Ok(socket) => {
                    bound = Ok((socket, alias));
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(io::Error::new(error.kind(), format!("TCP port {port} of {name}: {error}"))),
            }
        }
        let (socket, alias) = bound?;
        the_net().stacks().pin(host)?;
        let port = socket.local_addr()?.port();
        the_net().stacks().listening.insert((host, port), alias);
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
                    let (socket, peer) = poll_fn(|cx| owned.poll(cx, accept)).await?;
                    let SocketAddr::V4(peer) = peer else { unreachable!("IPv4 only") };
                    the_net().stacks().pin(owned.host)?;
                    // Reset before anybody accepted it: a real stack has forgotten such a connection.
                    let reset = socket.try_read(&mut []).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset);
                    if !reset {
                        return Ok((TcpStream::simulated(owned.host, socket)?, peer));
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
