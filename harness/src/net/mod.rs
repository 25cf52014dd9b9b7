//! The network: sockets, the wire, links, faults, NAT, partitions, taps; simulated or live. It knows no telephony.
//!
//! - `wire`: the one wire that every packet crosses.
//! - [`packet`]: a packet, and the bytes that a capture of it holds.
//! - [`link`]: what a stretch of network does to packets.
//! - [`nat`]: NAT boxes, as RFC 4787 names their behaviours.
//! - [`profile`]: named access networks, from files.
//! - `fault`: cuts, and single packets picked by a predicate.
//! - `udp`, `tcp`: a host's sockets; `live`: the same on the operating system's; `stacks`: the TCP behind them.
//! - [`dns`]: names on the wire; `names`: the host that answers them.
//! - [`network`](Network): what a test does to all that.

pub mod dns;
mod fault;
pub mod link;
mod live;
mod names;
pub mod nat;
mod network;
pub mod packet;
pub mod profile;
mod stacks;
mod tcp;
mod udp;
mod wire;

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::trace::{HostId, PacketId, PacketSeen, SimTime, Stage};
use crate::world::thread::take_turn;
use crate::world::{Host, HostState, Kernel, Lifecycle, Mode, Power, crash, crashed};

use dns::Zone;
use live::{LiveListener, LiveTcp, LiveUdp};
use packet::{Body, Packet};
use profile::Profiles;
use stacks::Stacks;
use udp::UdpPort;
use wire::{Access, ForTcp, Owner, Wire};

pub use crate::trace::record::PacketCounts;
pub use fault::{Only, Sabotage};
pub(crate) use names::serve as serve_names;
pub use names::{Endpoint, Service};
pub use network::{Between, NatHandle, Network};
pub use tcp::{TcpListener, TcpStream};
pub use udp::{RECEIVE_BUFFER, UdpSocket};
pub use wire::{PairCounts, Patience};

/// The name of the host that answers DNS.
pub const DNS_HOST: &str = "dns";
/// How long a resolver may keep an answer, in seconds. Ours keeps none.
const TTL: u32 = 60;
/// Half of an office LAN's millisecond: the way from a host to the office's middle.
const OFFICE_LAN_HALF: u64 = 500_000;

thread_local! {
    static NET: RefCell<Option<Rc<Net>>> = const { RefCell::new(None) };
}

/// The network of the universe that lives on this thread.
pub(crate) fn net_here() -> Option<Rc<Net>> {
    NET.try_with(|net| net.borrow().clone()).ok().flatten()
}

pub(crate) fn set_net(net: Option<Rc<Net>>) {
    NET.with(|slot| *slot.borrow_mut() = net);
}

/// The network of an operation's universe.
pub(crate) fn the_net() -> Rc<Net> {
    net_here().expect("a socket is used on the thread of its universe, while it lasts")
}

/// The network of a universe, as its sockets see it.
pub(crate) struct Net {
    pub(crate) kernel: Rc<Kernel>,
    pub(crate) wire: RefCell<Wire>,
    stacks: RefCell<Option<Stacks>>,
    pub(crate) scratch: RefCell<Vec<u8>>,
    pub(crate) profiles: RefCell<Profiles>,
    zone: Rc<RefCell<Zone>>,
    waker: RefCell<Option<Waker>>,
    /// When the wire's task will wake by itself.
    armed: Cell<SimTime>,
    tcp_is_dirty: Cell<bool>,
    /// TCP stacks owe an answer to what has reached them.
    tcp_owes: Cell<bool>,
    live: RefCell<LiveNet>,
}

/// What live mode keeps: every host's real address, and the datagrams that are on their way, by their ends.
#[derive(Default)]
struct LiveNet {
    base: [u8; 2],
    addresses: Vec<Ipv4Addr>,
    next_id: u64,
    on_their_way: BTreeMap<(SocketAddrV4, SocketAddrV4), VecDeque<(Body, PacketId)>>,
}

impl Net {
    pub(crate) fn new(kernel: Rc<Kernel>, profiles: Profiles) -> Rc<Net> {
        let live = LiveNet { base: live_network(), ..LiveNet::default() };
        Rc::new(Net {
            wire: RefCell::new(Wire::new(kernel.clone())),
            kernel,
            stacks: RefCell::default(),
            scratch: RefCell::default(),
            profiles: RefCell::new(profiles),
            zone: Rc::default(),
            waker: RefCell::default(),
            armed: Cell::new(SimTime(u64::MAX)),
            tcp_is_dirty: Cell::new(false),
            tcp_owes: Cell::new(false),
            live: RefCell::new(live),
        })
    }

    pub(crate) fn stacks(&self) -> RefMut<'_, Stacks> {
        RefMut::map(self.stacks.borrow_mut(), |stacks| stacks.as_mut().expect("TCP was made ready before"))
    }

    /// Makes the TCP stacks, when the first socket is.
    pub(crate) fn ready_for_tcp(&self) {
        self.stacks.borrow_mut().get_or_insert_with(Stacks::new);
    }

    /// Something was put on the wire: its task must wake in time.
    pub(crate) fn stir(&self) {
        if self.wire.borrow().next_due().is_some_and(|due| due < self.armed.get()) {
            self.wake();
        }
    }

    /// A TCP stack may have something to send.
    pub(crate) fn stir_tcp(&self) {
        if !self.tcp_is_dirty.replace(true) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Datagrams for those who take them at once.
    pub(crate) fn give(&self, datagrams: impl IntoIterator<Item = (Rc<UdpPort>, SocketAddrV4, Bytes)>) {
        self.wire.borrow_mut().for_takers.extend(datagrams);
        self.wake();
    }

    /// Lets those take what came who take it at once.
    fn hand_out(&self) {
        loop {
            let next = self.wire.borrow_mut().for_takers.pop_front();
            let Some((port, from, payload)) = next else { return };
            let host = self.kernel.host(port.life.host);
            let Some(taker) = port.taker().filter(|_| host.power() == Power::Up && host.epoch() == port.life.epoch)
            else {
                continue;
            };
            take_turn(port.life, || taker(payload, from));
        }
    }

    /// The wire's task: it moves what is due, and sleeps until the next is.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut sleep = pin!(tokio::time::sleep(std::time::Duration::ZERO));
        loop {
            let now = self.kernel.now();
            // Whatever is put on the wire meanwhile, it needn't be woken for.
            self.armed.set(SimTime::ZERO);
            self.move_all(now);
            let next = self.wire.borrow().next_due();
            self.armed.set(next.unwrap_or(SimTime(u64::MAX)));
            if let Some(next) = next {
                sleep.as_mut().reset(self.kernel.instant(next));
            }
            std::future::poll_fn(|cx| {
                let due = self.wire.borrow().next_due();
                let given = !self.wire.borrow().for_takers.is_empty();
                if given || self.tcp_is_dirty.get() || due.is_some_and(|due| due < self.armed.get()) {
                    return Poll::Ready(());
                }
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                if next.is_some() { sleep.as_mut().poll(cx) } else { Poll::Pending }
            })
            .await;
        }
    }

    fn move_all(&self, now: SimTime) {
        loop {
            if self.tcp_is_dirty.take() {
                self.tcp_egress();
            }
            let moved = self.wire.borrow_mut().step(now);
            self.hand_out();
            self.tcp_deliver();
            crash::carry_out();
            if !moved && !self.tcp_is_dirty.get() {
                return;
            }
        }
    }

    fn tcp_egress(&self) {
        self.tcp_owes.set(false);
        let mut stacks = self.stacks.borrow_mut();
        let Some(running) = stacks.as_mut() else { return };
        let mut leaving = Vec::new();
        {
            let wire = self.wire.borrow();
            running
                .egress(|host| wire.address(host), |host, src, dst, segment| leaving.push((host, src, dst, segment)));
        }
        drop(stacks);
        for (host, src, dst, segment) in leaving {
            let host = self.kernel.host(host);
            self.wire.borrow_mut().send_tcp(&host, src, dst, segment);
            crash::carry_out();
        }
    }

    fn tcp_deliver(&self) {
        let mut wire = self.wire.borrow_mut();
        if wire.for_tcp.is_empty() {
            return;
        }
        let news = std::mem::take(&mut wire.for_tcp);
        drop(wire);
        for item in news {
            match item {
                ForTcp::Deliver { host, packet } => {
                    self.ready_for_tcp();
                    if self.stacks().deliver(host, packet) {
                        self.tcp_owes.set(true);
                    }
                }
                ForTcp::GaveUp { host, packet } => {
                    self.stacks().give_up(host, &packet);
                    self.tcp_is_dirty.set(true);
                }
            }
        }
    }

    /// Takes the network down, after everything that holds a socket is gone, and accounts for what's on its way.
    pub(crate) fn finish(&self, at: SimTime) -> PacketCounts {
        self.stacks.borrow_mut().take();
        self.waker.borrow_mut().take();
        let mut wire = self.wire.borrow_mut();
        wire.finish(at);
        wire.counts
    }

    pub(crate) fn zone(&self) -> Rc<RefCell<Zone>> {
        self.zone.clone()
    }

    // --- live ----------------------------------------------------------------------------------------------------

    fn live_address(&self, host: HostId) -> Ipv4Addr {
        self.live.borrow().addresses[usize::from(host.0)]
    }

    /// Shows what passed a real socket to the taps.
    pub(crate) fn tap_live(&self, host: HostId, src: SocketAddrV4, dst: SocketAddrV4, body: Body, stage: Stage) {
        let mut live = self.live.borrow_mut();
        let peer = if stage == Stage::Sent { dst } else { src };
        let peer = live.addresses.iter().position(|address| address == peer.ip());
        let peer = peer.map(|index| HostId(u16::try_from(index).expect("hosts are numbered by 16 bits")));
        live.next_id += 1;
        let mut id = PacketId(live.next_id);
        let waiting = live.on_their_way.entry((src, dst)).or_default();
        if stage == Stage::Sent {
            waiting.push_back((body.clone(), id));
        } else if let Some(place) = waiting.iter().position(|(sent, _)| *sent == body) {
            (_, id) = waiting.remove(place).expect("it was just found");
        }
        let (from, to) = if stage == Stage::Sent { (Some(host), peer) } else { (peer, Some(host)) };
        let packet = Packet { id, src, dst, ident: 0, body, fragment: None, corrupt: None };
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        if self.kernel.is_tapped() {
            self.kernel.show_packet(&PacketSeen { at: self.kernel.now(), id, stage, from, to, bytes: &bytes });
        }
    }

    pub(crate) fn dns_address(&self) -> Ipv4Addr {
        let dns = self.kernel.find_host(DNS_HOST).expect("every universe has a host that answers DNS");
        self.wire.borrow().address(dns.id())
    }

    fn public_address(index: usize) -> Ipv4Addr {
        let number = u32::try_from(index + 1).expect("hosts are numbered by 16 bits");
        Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number)
    }

    /// Gives a host another address: the old one is nobody's.
    fn readdress(&self, host: &HostState, address: Ipv4Addr, lan: Option<usize>) {
        let mut wire = self.wire.borrow_mut();
        let before = std::mem::replace(&mut wire.attachment(host.id()).addresses, vec![address]);
        for address in before {
            wire.owners.remove(&address);
        }
        let taken = wire.owners.insert(address, Owner::Host(host.id()));
        assert!(taken.is_none(), "{address} is taken");
        wire.attachment(host.id()).lan = lan;
        drop(wire);
        self.name(host.name(), lan.is_none().then_some(address));
        let event = self.kernel.world_event("address").on(host.id()).with("address", address.to_string());
        self.kernel.record(event);
    }

    /// Puts a host's address into DNS; one behind a NAT box has none that anybody could use.
    fn name(&self, name: &str, address: Option<Ipv4Addr>) {
        let mut zone = self.zone.borrow_mut();
        zone.remove(name);
        if let Some(address) = address {
            // A name that DNS can't write is one that nobody can ask for.
            let _ = zone.a(name, address, TTL);
        }
    }
}

/// Two bytes of a loopback network that this universe has for itself: 127.x.y.0.
fn live_network() -> [u8; 2] {
    use std::sync::atomic::{AtomicU32, Ordering};
    static UNIVERSES: AtomicU32 = AtomicU32::new(0);
    let number = UNIVERSES.fetch_add(1, Ordering::Relaxed).wrapping_mul(251).wrapping_add(std::process::id());
    [(number >> 8) as u8 | 0x40, number as u8]
}

impl Lifecycle for Net {
    fn joined(&self, host: &Rc<HostState>) {
        let index = usize::from(host.id().0);
        let address = match self.kernel.mode() {
            Mode::Simulated => Net::public_address(index),
            Mode::Live => {
                let mut live = self.live.borrow_mut();
                let [a, b] = live.base;
                let last = u8::try_from(index + 1).expect("a live universe has at most 254 hosts");
                let address = Ipv4Addr::new(127, a, b, last);
                live.addresses.push(address);
                address
            }
        };
        self.wire.borrow_mut().attach(host.id(), address, Access::Plain(OFFICE_LAN_HALF));
        self.name(host.name(), Some(address));
        let event = self.kernel.world_event("joined").on(host.id()).with("address", address.to_string());
        self.kernel.record(event);
    }

    fn crashed(&self, host: &Rc<HostState>) {
        // What the stack still holds is drained into a wire that takes nothing from a host that's down.
        self.tcp_egress();
        let mut wire = self.wire.borrow_mut();
        wire.crashed(host.id());
        drop(wire);
        let has_stacks = self.stacks.borrow().is_some();
        if has_stacks {
            self.stacks().crash(host.id());
            self.tcp_egress();
        }
    }

    fn restarted(&self, _: &Rc<HostState>) {}

    fn paused(&self, _: &Rc<HostState>) {}

    fn resumed(&self, host: &Rc<HostState>) {
        self.wire.borrow_mut().resumed(host.id());
        self.wake();
        self.stir_tcp();
    }

    /// What TCP stacks owe leaves now: until here a program could answer, and take the acknowledgement along.
    fn all_quiet(&self) {
        if self.tcp_owes.get() {
            self.stir_tcp();
        }
    }
}

/// A host's sockets and names.
impl Host {
    /// The host's address: the one that it sends from.
    pub fn address(&self) -> Ipv4Addr {
        match self.kernel().mode() {
            Mode::Simulated => the_net().wire.borrow().address(self.id()),
            Mode::Live => the_net().live_address(self.id()),
        }
    }

    /// Binds a UDP socket on all of the host's addresses; port 0 takes a free one.
    ///
    /// # Errors
    /// The port is taken, or the host has crashed.
    pub async fn udp(&self, port: u16) -> io::Result<UdpSocket> {
        self.check_alive()?;
        let mode = self.kernel().mode();
        match mode {
            Mode::Simulated => UdpSocket::bind(&the_net(), &self.state(), Ipv4Addr::UNSPECIFIED, port),
            Mode::Live => LiveUdp::bind(self.id(), self.address(), port).await.map(UdpSocket::live),
        }
    }

    /// Binds a UDP socket on the address that the host has now, and on no other: once the host has moved, nothing goes
    /// out by it or comes in. Port 0 takes a free one.
    ///
    /// # Errors
    /// The port is taken, or the host has crashed.
    pub async fn udp_here(&self, port: u16) -> io::Result<UdpSocket> {
        self.check_alive()?;
        let mode = self.kernel().mode();
        match mode {
            Mode::Simulated => UdpSocket::bind(&the_net(), &self.state(), self.address(), port),
            Mode::Live => LiveUdp::bind(self.id(), self.address(), port).await.map(UdpSocket::live),
        }
    }

    /// Listens for TCP connections; port 0 takes a free one.
    ///
    /// # Errors
    /// The port is taken, or the host has crashed.
    pub async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        self.check_alive()?;
        let mode = self.kernel().mode();
        match mode {
            Mode::Simulated => TcpListener::bind(self.id(), port).await,
            Mode::Live => LiveListener::bind(self.id(), self.address(), port).await.map(TcpListener::live),
        }
    }

    /// Opens a TCP connection to an address, or to a name and a port.
    ///
    /// # Errors
    /// Nobody listens there, nobody answers in time, the name is unknown, or the host has crashed.
    pub async fn connect(&self, to: impl Into<Endpoint>) -> io::Result<TcpStream> {
        self.check_alive()?;
        let to = match to.into() {
            Endpoint::Address(address) => address,
            Endpoint::Name(name, port) => {
                let addresses = self.resolve(&name).await?;
                let address = addresses
                    .first()
                    .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{name:?} has no address")))?;
                SocketAddrV4::new(*address, port)
            }
        };
        let mode = self.kernel().mode();
        match mode {
            Mode::Simulated => TcpStream::connect(self.id(), to).await,
            Mode::Live => LiveTcp::connect(self.id(), self.address(), to).await.map(TcpStream::live),
        }
    }

    /// Asks DNS for a name's addresses, over UDP, as a resolver does: two attempts of five seconds each.
    ///
    /// # Errors
    /// The name is unknown, or DNS doesn't answer.
    pub async fn resolve(&self, name: &str) -> io::Result<Vec<Ipv4Addr>> {
        names::resolve(self, name).await
    }

    /// Asks DNS for a service, `_sip._udp.example.test` for instance (RFC 2782), in the order of its priorities.
    ///
    /// # Errors
    /// The service is unknown, or DNS doesn't answer.
    pub async fn resolve_service(&self, name: &str) -> io::Result<Vec<Service>> {
        names::resolve_service(self, name).await
    }

    /// How many sockets the host has open: UDP ones, and TCP ones in any state.
    pub fn socket_count(&self) -> usize {
        let net = the_net();
        let udp = net.wire.borrow_mut().attachment(self.id()).ports.len();
        let tcp = net.stacks.borrow().as_ref().map_or(0, |stacks| stacks.socket_count(self.id()));
        udp + tcp
    }
}
