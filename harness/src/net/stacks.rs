//! The TCP stacks behind a universe's sockets: a few of turmoil-net's, which all hosts share.
//!
//! turmoil-net looks through each of its hosts, and each host's sockets, whenever anything may have to be sent, and
//! takes no host once it runs. So it knows a few hosts only, the stacks, and each of ours lives in one of them by
//! ports: what a host calls port 80 is an inside port of its stack that nobody else has. The stacks' own addresses and
//! ports never show: what leaves gets the host's address and port, as the wire knows them, so that a host can move, sit
//! behind a NAT box, or join late.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::task::Waker;

use rustc_hash::{FxHashMap, FxHashSet};
use turmoil_net::shim::tokio::net as shim;
use turmoil_net::{EnterGuard, KernelConfig, Netstat, TcpFlags, TcpSegment, Transport};

use crate::trace::HostId;

use super::packet::{Body, Packet, Segment};

/// One stack dials by 16,384 ports at a time: this many stacks do for every host of a universe.
const STACKS: u8 = 4;
/// Where ephemeral ports begin, a stack's and a host's alike.
const FIRST_EPHEMERAL: u16 = 49_152;

/// A connection as its host knows it: who it is, by which port, and with whom.
type Connection = (HostId, u16, SocketAddrV4);
/// A port inside a stack.
type Inside = (u8, u16);

fn stack_of(host: HostId) -> u8 {
    (host.0 % u16::from(STACKS)) as u8
}

fn stack_address(stack: u8) -> Ipv4Addr {
    Ipv4Addr::new(100, 64, 0, stack + 1)
}

fn is_stack_address(address: &Ipv4Addr) -> bool {
    address.octets()[..3] == [100, 64, 0]
}

/// What is known of a connection beside its stack.
#[derive(Clone, Copy)]
struct Local {
    /// The address of this end on the wire.
    address: Ipv4Addr,
    /// The port that its stack knows it by.
    inside: u16,
    /// Its program has closed it: nobody will read what still comes.
    closed: bool,
    /// The number of the next byte that it sends.
    next: u32,
    /// The number of the first byte that its peer's window has no room for.
    edge: u32,
    /// It has acknowledged something: a handshake's last ACK has left.
    acknowledged: bool,
}

/// Whose an inside port is.
#[derive(Clone, Copy)]
struct Owner {
    host: HostId,
    port: u16,
    /// Whom it was dialed to reach; none for a listener's.
    dialed: Option<SocketAddrV4>,
}

/// All TCP stacks of a universe.
pub(crate) struct Stacks {
    ids: Vec<turmoil_net::HostId>,
    locals: FxHashMap<Connection, Local>,
    /// Whose each inside port is, or was last.
    owners: FxHashMap<Inside, Owner>,
    /// The ports that a host listens on, and the inside port of each.
    listening: FxHashMap<(HostId, u16), u16>,
    /// The ports that a host dialed by, and the inside port of each.
    outward: FxHashMap<(HostId, u16), u16>,
    /// The ephemeral port that a host takes next, unless it's taken.
    next_port: FxHashMap<HostId, u16>,
    /// The inside port that the next listener is offered.
    next_inside: u16,
    /// Connections that were given up: they end in a time-out, not in a reset.
    gave_up: FxHashSet<Connection>,
    /// Connections whose handshake waits for its last ACK, with the number that it must bear.
    half_open: FxHashMap<Connection, u32>,
    outgoing: Vec<turmoil_net::Packet>,
    /// Resets to be sent that no stack sends: the host, its end, its peer.
    resets: Vec<(HostId, SocketAddrV4, SocketAddrV4, Segment)>,
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
    pub(crate) fn new() -> Stacks {
        // Retransmission is the wire's: turmoil-net counts passes of its own loop, not time.
        let mut net = turmoil_net::Net::with_config(KernelConfig::default().retx_threshold(u32::MAX));
        let ids = (0..STACKS).map(|stack| net.add_host(IpAddr::V4(stack_address(stack)))).collect();
        Stacks {
            guard: net.enter(),
            ids,
            locals: FxHashMap::default(),
            owners: FxHashMap::default(),
            listening: FxHashMap::default(),
            outward: FxHashMap::default(),
            next_port: FxHashMap::default(),
            next_inside: 1,
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

    /// turmoil-net finds "the current host" by a thread-local: each operation on a socket, a drop included, first says
    /// whose it is.
    pub(super) fn pin(&self, host: HostId) {
        self.guard.set_current(self.ids[usize::from(stack_of(host))]);
    }

    // --- ports -------------------------------------------------------------------------------------------------------

    /// Gives an inside port to its next owner; what was left of the last one's connections by it is forgotten.
    fn hand_over(&mut self, inside: Inside, owner: Owner) {
        let Some(last) = self.owners.insert(inside, owner) else { return };
        if let Some(peer) = last.dialed {
            let key = (last.host, last.port, peer);
            if self.locals.get(&key).is_some_and(|local| local.inside == inside.1) {
                self.locals.remove(&key);
            }
            if self.outward.get(&(last.host, last.port)) == Some(&inside.1) {
                self.outward.remove(&(last.host, last.port));
            }
        } else {
            self.locals.retain(|(host, ..), local| (stack_of(*host), local.inside) != inside);
        }
    }

    /// The next of a host's ephemeral ports that nothing uses.
    fn free_port(&mut self, host: HostId) -> u16 {
        let mut port = self.next_port.get(&host).copied().unwrap_or(FIRST_EPHEMERAL);
        let mut in_use = None;
        for _ in FIRST_EPHEMERAL..=u16::MAX {
            let dialed = self.outward.get(&(host, port)).is_some_and(|inside| {
                // It was dialed by before. Is that connection still there?
                let in_use = in_use.get_or_insert_with(|| -> FxHashSet<u16> {
                    netstat(stack_of(host)).entries.iter().map(|entry| entry.local.port()).collect()
                });
                in_use.contains(inside)
            });
            if !dialed && !self.listening.contains_key(&(host, port)) {
                break;
            }
            port = following(port);
        }
        self.next_port.insert(host, following(port));
        port
    }

    /// Whether a host listens on a port.
    pub(super) fn listens(&self, host: HostId, port: u16) -> bool {
        self.listening.contains_key(&(host, port))
    }

    /// Binds a listener of the host, on any free port if it's 0. A port may be listened on again while connections that
    /// were accepted on it are still closing: its inside port is another.
    pub(super) fn listen(
        &mut self,
        host: HostId,
        port: u16,
        mut bind: impl FnMut(SocketAddr) -> io::Result<shim::TcpListener>,
    ) -> io::Result<(shim::TcpListener, u16)> {
        self.pin(host);
        let stack = stack_of(host);
        let mut bound = Err(io::Error::from(io::ErrorKind::AddrInUse));
        for _ in 1..FIRST_EPHEMERAL {
            let inside = self.next_inside;
            self.next_inside = if inside + 1 == FIRST_EPHEMERAL { 1 } else { inside + 1 };
            bound = bind(SocketAddr::from((stack_address(stack), inside))).map(|socket| (socket, inside));
            if !bound.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
                break;
            }
        }
        let (socket, inside) = bound?;
        let port = if port == 0 { self.free_port(host) } else { port };
        self.hand_over((stack, inside), Owner { host, port, dialed: None });
        self.listening.insert((host, port), inside);
        Ok((socket, port))
    }

    // --- connections are opened --------------------------------------------------------------------------------------

    /// Where a host's stack finds `to`: a loopback address is the host itself, whose packets never leave the stack.
    pub(super) fn target(&self, host: HostId, to: SocketAddrV4) -> SocketAddrV4 {
        if !to.ip().is_loopback() {
            return to;
        }
        // Nobody ever listens on an inside port 0.
        let inside = self.listening.get(&(host, to.port())).copied().unwrap_or(0);
        SocketAddrV4::new(stack_address(stack_of(host)), inside)
    }

    /// A connection is about to be opened: its stack will choose an inside port and queue a SYN.
    pub(super) fn dial(&mut self, host: HostId, to: SocketAddrV4) -> u64 {
        self.next_dial += 1;
        if !to.ip().is_loopback() {
            self.dialing.push_back((host, to, self.next_dial));
        }
        self.next_dial
    }

    /// Whether a connection's SYN is still to leave.
    pub(super) fn is_dialing(&self, number: u64) -> bool {
        self.dialing.iter().any(|(.., waiting)| *waiting == number)
    }

    /// Nobody waits for a connection any more; the local port that it was asked for by, once it has one.
    pub(super) fn forget_dial(&mut self, number: u64) -> Option<u16> {
        self.dialing.retain(|(.., waiting)| *waiting != number);
        self.dialed.remove(&number)
    }

    /// Nobody asks again for a connection that was never opened. The address that it was to have.
    pub(super) fn forget_local(&mut self, host: HostId, port: u16, to: SocketAddrV4) -> Option<Ipv4Addr> {
        self.locals.remove(&(host, port, to)).map(|local| local.address)
    }

    /// Whether it was given up that a connection, asked for by this number, would ever be answered.
    pub(super) fn gave_up_dialing(&mut self, number: u64, host: HostId, to: SocketAddrV4) -> bool {
        let port = self.dialed.get(&number).copied();
        port.is_some_and(|port| self.gave_up.remove(&(host, port, to)))
    }

    /// Whether a connection was given up.
    pub(super) fn gave_up(&self, host: HostId, port: u16, peer: SocketAddrV4) -> bool {
        self.gave_up.contains(&(host, port, peer))
    }

    /// A SYN leaves its stack, which queues them in the order of asking: so that is whose it is.
    fn note_dialed(&mut self, inside: Inside, to: SocketAddrV4, seq: u32, address: impl Fn(HostId) -> Ipv4Addr) {
        let first = self.dialing.iter().position(|(who, whom, _)| stack_of(*who) == inside.0 && *whom == to);
        let (host, _, number) =
            first.and_then(|place| self.dialing.remove(place)).expect("a stack sends the SYNs that it was asked for");
        let port = self.free_port(host);
        self.hand_over(inside, Owner { host, port, dialed: Some(to) });
        self.outward.insert((host, port), inside.1);
        self.dialed.insert(number, port);
        let key = (host, port, to);
        self.gave_up.remove(&key);
        let next = seq.wrapping_add(1);
        self.locals.insert(
            key,
            Local { address: address(host), inside: inside.1, closed: false, next, edge: next, acknowledged: false },
        );
    }

    // --- packets -----------------------------------------------------------------------------------------------------

    /// What the stacks have to send: (host, local address, peer, segment).
    pub(crate) fn egress(
        &mut self,
        address_of: impl Fn(HostId) -> Ipv4Addr,
        mut send: impl FnMut(HostId, SocketAddrV4, SocketAddrV4, Segment),
    ) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        self.guard.egress_all(&mut outgoing);
        let mut packets = outgoing.drain(..);
        while let Some(packet) = packets.next() {
            let later = packets.as_slice();
            let Transport::Tcp(tcp) = packet.payload else { unreachable!("UDP doesn't go through these stacks") };
            let (IpAddr::V4(src), IpAddr::V4(peer)) = (packet.src, packet.dst) else { unreachable!("IPv4 only") };
            let inside = (src.octets()[3] - 1, tcp.src_port);
            let peer = SocketAddrV4::new(peer, tcp.dst_port);
            if tcp.flags.syn && !tcp.flags.ack {
                self.note_dialed(inside, peer, tcp.seq, &address_of);
            }
            let Owner { host, port, .. } = self.owners[&inside];
            let key = (host, port, peer);
            let segment =
                Segment { seq: tcp.seq, ack: tcp.ack, flags: tcp.flags, window: tcp.window, payload: tcp.payload };
            let address = match self.locals.get_mut(&key) {
                Some(local) => {
                    if local.acknowledged && segment.is_bare_ack() && is_told_later(inside.1, src, peer, later) {
                        continue;
                    }
                    local.acknowledged |= segment.flags.ack;
                    local.next = segment.end();
                    local.address
                }
                None => address_of(host),
            };
            if segment.flags.syn && segment.flags.ack {
                self.half_open.insert(key, segment.seq.wrapping_add(1));
            }
            send(host, SocketAddrV4::new(address, port), peer, segment);
        }
        drop(packets);
        self.outgoing = outgoing;
        for (host, local, peer, segment) in std::mem::take(&mut self.resets) {
            send(host, local, peer, segment);
        }
    }

    /// A packet reaches `host`'s stack. Whether that may make it send something: most bare acknowledgements don't.
    pub(crate) fn deliver(&mut self, host: HostId, packet: Packet) -> bool {
        let Body::Tcp(segment) = packet.body else { unreachable!("only TCP is delivered here") };
        let key = (host, packet.dst.port(), packet.src);
        let mut may_answer = !segment.is_bare_ack();
        if segment.flags.syn && !segment.flags.ack {
            let Some(inside) = self.listening.get(&(host, packet.dst.port())).copied() else {
                self.refuse(host, packet.dst, packet.src, &segment);
                return true;
            };
            self.locals.insert(
                key,
                Local { address: *packet.dst.ip(), inside, closed: false, next: 0, edge: 0, acknowledged: true },
            );
        } else if segment.flags.rst {
            self.complete_handshake(key);
        } else {
            self.half_open.remove(&key);
        }
        let Some(local) = self.locals.get_mut(&key) else {
            self.refuse(host, packet.dst, packet.src, &segment);
            return true;
        };
        if segment.flags.ack {
            // Bytes wait in the stack only while the peer's window is full.
            may_answer |= local.next == local.edge;
            local.edge = segment.ack.wrapping_add(u32::from(segment.window));
        }
        if local.closed && !segment.payload.is_empty() && !segment.flags.rst {
            // RFC 1122 section 4.2.2.13: whoever goes on writing to a closed connection is reset. turmoil-net would
            // take it all in, until its window is full.
            self.abort_at(key, segment.ack);
            return true;
        }
        let inside = local.inside;
        let tcp = TcpSegment {
            src_port: packet.src.port(),
            dst_port: inside,
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            window: segment.window,
            payload: segment.payload,
        };
        self.inject(stack_of(host), *packet.src.ip(), tcp);
        may_answer
    }

    /// RFC 9293 section 3.5.1: what belongs to no connection is reset, unless it is a reset itself.
    fn refuse(&mut self, host: HostId, local: SocketAddrV4, peer: SocketAddrV4, segment: &Segment) {
        if segment.flags.rst {
            return;
        }
        let (seq, ack) = if segment.flags.ack { (segment.ack, 0) } else { (0, segment.end()) };
        let flags = TcpFlags { rst: true, ack: !segment.flags.ack, ..TcpFlags::default() };
        self.resets.push((host, local, peer, Segment { seq, ack, flags, window: 0, payload: bytes::Bytes::new() }));
    }

    fn inject(&self, stack: u8, src: Ipv4Addr, tcp: TcpSegment) {
        let dst = IpAddr::V4(stack_address(stack));
        self.guard.deliver(turmoil_net::Packet { src: IpAddr::V4(src), dst, ttl: 64, payload: Transport::Tcp(tcp) });
    }

    fn inject_bare(&self, key: Connection, ack: u32, flags: TcpFlags, window: u16) {
        let (host, _, peer) = key;
        let Some(local) = self.locals.get(&key) else { return };
        let tcp = TcpSegment {
            src_port: peer.port(),
            dst_port: local.inside,
            seq: 0,
            ack,
            flags,
            window,
            payload: bytes::Bytes::new(),
        };
        self.inject(stack_of(host), *peer.ip(), tcp);
    }

    /// turmoil-net keeps a connection that was reset in the middle of its handshake for ever, and its port with it.
    /// So the handshake is completed first: the listener then owns the connection, and drops it.
    fn complete_handshake(&mut self, key: Connection) {
        let Some(ack) = self.half_open.remove(&key) else { return };
        self.inject_bare(key, ack, TcpFlags { ack: true, ..TcpFlags::default() }, u16::MAX);
    }

    // --- connections end ---------------------------------------------------------------------------------------------

    /// Ends a connection from inside its own host, as if its peer had reset it.
    fn reset(&mut self, key: Connection) {
        self.complete_handshake(key);
        self.inject_bare(key, 0, TcpFlags { rst: true, ..TcpFlags::default() }, 0);
    }

    /// Ends a connection from inside its own host, by its own program's wish: its peer is sent a reset.
    pub(super) fn abort(&mut self, host: HostId, local_port: u16, peer: SocketAddrV4) {
        let key = (host, local_port, peer);
        let Some(next) = self.locals.get(&key).map(|local| local.next) else { return };
        self.abort_at(key, next);
    }

    fn abort_at(&mut self, key: Connection, seq: u32) {
        self.reset(key);
        let (host, port, peer) = key;
        let Some(local) = self.locals.remove(&key) else { return };
        let flags = TcpFlags { rst: true, ..TcpFlags::default() };
        let segment = Segment { seq, ack: 0, flags, window: 0, payload: bytes::Bytes::new() };
        self.resets.push((host, SocketAddrV4::new(local.address, port), peer, segment));
    }

    /// The wire gave up on a segment: its sender's connection times out; its peer learns nothing.
    pub(crate) fn give_up(&mut self, host: HostId, packet: &Packet) {
        let key = (host, packet.src.port(), packet.dst);
        self.gave_up.insert(key);
        self.reset(key);
    }

    /// Closes all of a host's sockets. What that makes the stack send is never sent: the host is down.
    pub(crate) fn crash(&mut self, host: HostId) {
        self.pin(host);
        let mut sockets = self.sockets.split_off(&(host, 0));
        let mut others = sockets.split_off(&(HostId(host.0 + 1), 0));
        self.sockets.append(&mut others);
        let (listeners, streams): (Vec<Socket>, Vec<Socket>) =
            sockets.into_values().partition(|socket| matches!(socket.kind, SocketKind::Listener(_)));
        // Listeners first: they take the connections with them that nobody has accepted yet.
        drop_all(listeners);
        self.listening.retain(|(owner, _), _| *owner != host);
        for (inside, peer) in self.open_ports(host) {
            let Some(peer) = peer.filter(|peer| !is_stack_address(peer.ip())) else { continue };
            self.reset((host, self.owners[&inside].port, peer));
        }
        drop_all(streams);
        self.locals.retain(|(owner, ..), _| *owner != host);
        self.half_open.retain(|(owner, ..), _| *owner != host);
    }

    /// The inside ports of a host's sockets, in any state, each with its peer.
    fn open_ports(&self, host: HostId) -> Vec<(Inside, Option<SocketAddrV4>)> {
        let stack = stack_of(host);
        let mut ports = Vec::new();
        for entry in netstat(stack).entries {
            let inside = (stack, entry.local.port());
            if self.owners.get(&inside).is_some_and(|owner| owner.host == host) {
                let peer = match entry.peer {
                    Some(SocketAddr::V4(peer)) => Some(peer),
                    _ => None,
                };
                ports.push((inside, peer));
            }
        }
        ports
    }

    /// How many sockets a host has, in any state.
    pub(crate) fn socket_count(&self, host: HostId) -> usize {
        self.open_ports(host).len()
    }

    // --- sockets -----------------------------------------------------------------------------------------------------

    /// Keeps a socket, by a number.
    pub(super) fn keep(&mut self, host: HostId, kind: SocketKind) -> u64 {
        self.next_socket += 1;
        self.sockets.insert((host, self.next_socket), Socket { kind, wakers: Vec::new() });
        self.next_socket
    }

    /// A socket of the host, unless a crash has closed it.
    pub(super) fn socket(&mut self, host: HostId, number: u64) -> Option<&mut Socket> {
        self.sockets.get_mut(&(host, number))
    }

    /// Its program closes a socket of the host, which must be pinned.
    pub(super) fn close(&mut self, host: HostId, number: u64) {
        let Some(socket) = self.sockets.remove(&(host, number)) else { return };
        match &socket.kind {
            SocketKind::Listener(listener) => {
                if let Ok(local) = listener.local_addr()
                    && let Some(owner) = self.owners.get(&(stack_of(host), local.port()))
                {
                    self.listening.remove(&(host, owner.port));
                }
            }
            SocketKind::Stream(stream) => {
                if let (Ok(local), Ok(SocketAddr::V4(peer))) = (stream.local_addr(), stream.peer_addr())
                    && let Some(owner) = self.owners.get(&(stack_of(host), local.port()))
                    && let Some(local) = self.locals.get_mut(&(host, owner.port, peer))
                {
                    local.closed = true;
                }
            }
        }
    }

    /// The ends of a connection of the host, as they are seen from outside of its stack: its own, and its peer.
    pub(super) fn ends(&mut self, host: HostId, socket: &shim::TcpStream) -> io::Result<(SocketAddrV4, SocketAddrV4)> {
        self.pin(host);
        let (SocketAddr::V4(local), SocketAddr::V4(peer)) = (socket.local_addr()?, socket.peer_addr()?) else {
            unreachable!("IPv4 only")
        };
        let stack = stack_of(host);
        if is_stack_address(peer.ip()) {
            // Over loopback a listener's port is its owner's, and whoever dialed has the one that the stack chose.
            for port in [local.port(), peer.port()] {
                if port >= FIRST_EPHEMERAL {
                    self.hand_over((stack, port), Owner { host, port, dialed: Some(peer) });
                }
            }
            let outside = |inside: u16| self.owners.get(&(stack, inside)).map_or(inside, |owner| owner.port);
            let loopback = |inside: u16| SocketAddrV4::new(Ipv4Addr::LOCALHOST, outside(inside));
            return Ok((loopback(local.port()), loopback(peer.port())));
        }
        let owner = self.owners.get(&(stack, local.port())).copied();
        let port = owner.map_or(local.port(), |owner| owner.port);
        let known = self.locals.get(&(host, port, peer));
        Ok((SocketAddrV4::new(known.map_or(*local.ip(), |known| known.address), port), peer))
    }
}

/// Whether a later segment of a connection acknowledges all that one before it does, which then needn't leave (RFC 1122
/// section 4.2.3.2).
fn is_told_later(inside: u16, src: Ipv4Addr, peer: SocketAddrV4, later: &[turmoil_net::Packet]) -> bool {
    later.iter().any(|packet| {
        let Transport::Tcp(tcp) = &packet.payload else { return false };
        let is_between = packet.src == src && packet.dst == *peer.ip();
        is_between && tcp.src_port == inside && tcp.dst_port == peer.port() && tcp.flags.ack && !tcp.flags.rst
    })
}

fn following(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(FIRST_EPHEMERAL)
}

fn netstat(stack: u8) -> Netstat {
    turmoil_net::netstat(IpAddr::V4(stack_address(stack)))
}

/// Drops sockets of the pinned host; whoever waits on one learns of it.
fn drop_all(sockets: Vec<Socket>) {
    for socket in sockets {
        drop(socket.kind);
        for waker in socket.wakers {
            waker.wake();
        }
    }
}

/// One of turmoil-net's sockets.
pub(super) enum SocketKind {
    Stream(shim::TcpStream),
    Listener(shim::TcpListener),
}

pub(super) struct Socket {
    pub(super) kind: SocketKind,
    pub(super) wakers: Vec<Waker>,
}
