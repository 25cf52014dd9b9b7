//! A peer: one side of a WebRTC connection, on a host's sockets. The only I/O in this folder.
//!
//! A browser's RTCPeerConnection and a gateway's leg both are one. It opens its sockets, asks STUN and TURN servers
//! where it can be reached, and carries datagrams between the sockets and the [`Transport`].

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::candidate::Candidate;
use super::data::{ChannelId, DataChannels, DataEvent};
use super::transport::{DtlsState, IceState, Keys, Selected, Transport, TransportEvent, TransportSettings};
use super::{Certificate, Clock};
use crate::media::OneStream;
use crate::media::sdp::{Secure, Setup, Source};
use crate::media::turn::{StunClient, StunEvent, TurnAccount, TurnClient, TurnEvent, TurnTransport};
use crate::net::{TcpStream, UdpSocket};
use crate::trace::SimTime;
use crate::world::kernel::kernel_here;
use crate::world::{Host, Random};

/// How long candidates are waited for before gathering counts as done. Browsers wait about ten seconds for a STUN
/// server that doesn't answer; clients that send their candidates with the offer give up earlier.
const GATHERING: Duration = Duration::from_secs(4);
/// How many packets wait for somebody who doesn't listen.
const WAITING: usize = 100;
/// A timer far away: nothing is due.
const LONG: Duration = Duration::from_secs(3_600);

/// By what a host may be reached from outside.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Who says what address the outside sees.
    pub stun: Option<SocketAddrV4>,
    /// Who relays.
    pub turn: Vec<TurnAccount>,
    /// Nothing but relays is used (`iceTransportPolicy: "relay"`).
    pub only_relay: bool,
}

/// How a peer is set up.
#[derive(Debug, Clone, Default)]
pub struct PeerSettings {
    /// The transport.
    pub transport: TransportSettings,
    /// By what it may be reached.
    pub reach: Reach,
    /// Candidates are told as they're found.
    pub trickle: bool,
}

/// What happens to a peer.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerEvent {
    /// Connectivity is another.
    Ice(IceState),
    /// The handshake, or its end.
    Dtls(DtlsState),
    /// It can be reached there, too.
    Candidate(Candidate),
    /// No more candidates will be found.
    Gathered,
    /// The other side said that it's over (close_notify).
    PeerClosed,
    /// The other side hasn't agreed to be sent to for too long (RFC 7675): nothing more is sent.
    ConsentLost,
    /// Something about data channels.
    Channel(DataEvent),
}

/// One side of a WebRTC connection. Cheap to clone.
///
/// [`Peer::close`] ends it as a page or a server does. When the last clone is dropped it's gone without a word: its
/// sockets close, and what comes later meets a closed port.
#[derive(Clone)]
pub struct Peer(Rc<Handle>);

struct Handle {
    shared: Rc<Shared>,
    driver: AbortHandle,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // One that was closed still has its farewell to send, and ends by itself.
        if !self.shared.closed.get() {
            self.driver.abort();
            self.shared.let_go(true);
        }
    }
}

struct Shared {
    host: Host,
    settings: PeerSettings,
    clock: Clock,
    core: RefCell<Core>,
    closed: Cell<bool>,
    /// There is something to be sent, or another time to wake.
    bell: Notify,
    /// When the driver wakes by itself.
    planned: Cell<SimTime>,
    happened: Notify,
    gathered: Notify,
    rtp: Inbox,
    rtcp: Inbox,
    /// What all audio leaves as, if it's united.
    united: RefCell<Option<OneStream>>,
}

struct Core {
    transport: Transport,
    random: Random,
    sockets: Vec<Socket>,
    relays: Vec<Relayed>,
    candidates: Vec<Candidate>,
    /// A socket is to be opened.
    wants_socket: bool,
    gathering_until: Option<SimTime>,
    last_relay: u64,
    events: VecDeque<PeerEvent>,
    uses_data: bool,
    data: Option<DataChannels>,
    keys: Option<Keys>,
    /// Between whom the keys were told last.
    told: Option<(SocketAddrV4, SocketAddrV4)>,
    peers: Vec<Ipv4Addr>,
}

/// A socket of ours, and who is asked about it.
struct Socket {
    base: SocketAddrV4,
    socket: Rc<UdpSocket>,
    stun: Option<StunClient>,
    reader: AbortHandle,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// An allocation at a TURN server, or the attempt to get one.
struct Relayed {
    id: u64,
    account: TurnAccount,
    client: TurnClient,
    by: By,
    base: SocketAddrV4,
    relayed: Option<SocketAddrV4>,
    pending: bool,
}

/// How a TURN server is talked to.
enum By {
    Socket(Rc<UdpSocket>),
    /// Its task ends when the outbox is gone, and everything in it has been sent.
    Stream {
        outbox: UnboundedSender<Bytes>,
        task: AbortHandle,
    },
}

/// Who takes what comes by a peer: the one who asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener(u64);

/// Packets that came and wait for whoever listens.
#[derive(Default)]
struct Inbox {
    packets: RefCell<VecDeque<Bytes>>,
    came: Notify,
    listener: Cell<u64>,
}

impl Inbox {
    fn put(&self, packet: Bytes) {
        let mut packets = self.packets.borrow_mut();
        if packets.len() == WAITING {
            packets.pop_front();
        }
        packets.push_back(packet);
        drop(packets);
        self.came.notify_one();
    }

    async fn take(&self, listener: Listener) -> Bytes {
        loop {
            if self.listener.get() != listener.0 {
                // Another one listens now.
                std::future::pending::<()>().await;
            }
            if let Some(packet) = self.packets.borrow_mut().pop_front() {
                return packet;
            }
            self.came.notified().await;
        }
    }
}

impl Peer {
    /// Makes one that has no socket yet: it can describe itself, and can't be reached.
    pub fn new(host: &Host, settings: PeerSettings, certificate: Certificate, mut random: Random) -> Peer {
        let now = host.now();
        let clock = Clock::new(kernel_here().instant(now).into_std(), now);
        let transport = Transport::new(clock, now, settings.transport.clone(), certificate, &mut random);
        let core = Core {
            transport,
            random,
            sockets: Vec::new(),
            relays: Vec::new(),
            candidates: Vec::new(),
            wants_socket: false,
            gathering_until: None,
            last_relay: 0,
            events: VecDeque::new(),
            uses_data: false,
            data: None,
            keys: None,
            told: None,
            peers: Vec::new(),
        };
        let shared = Rc::new(Shared {
            host: host.clone(),
            settings,
            clock,
            core: RefCell::new(core),
            closed: Cell::new(false),
            bell: Notify::new(),
            planned: Cell::new(SimTime::ZERO),
            happened: Notify::new(),
            gathered: Notify::new(),
            rtp: Inbox::default(),
            rtcp: Inbox::default(),
            united: RefCell::default(),
        });
        let driver = host.spawn(drive(shared.clone())).abort_handle();
        Peer(Rc::new(Handle { shared, driver }))
    }

    /// Makes one with a socket, which begins to look by what it can be reached.
    ///
    /// # Errors
    /// The host doesn't run, or has no ports left.
    pub async fn open(
        host: &Host,
        settings: PeerSettings,
        certificate: Certificate,
        random: Random,
    ) -> io::Result<Peer> {
        let socket = host.udp_here(0).await?;
        let peer = Peer::new(host, settings, certificate, random);
        peer.0.shared.gather(host.now(), socket);
        Ok(peer)
    }

    /// Opens a socket, and looks by what it can be reached.
    pub fn gather(&self) {
        let shared = &self.0.shared;
        let mut core = shared.core.borrow_mut();
        core.wants_socket = true;
        core.gathering_until = Some(shared.host.now() + GATHERING);
        drop(core);
        shared.bell.notify_one();
    }

    /// The host that it's on.
    pub fn host(&self) -> Host {
        self.0.shared.host.clone()
    }

    /// Our part of a description, with the candidates found so far.
    pub fn secure(&self, setup: Setup) -> Secure {
        let core = self.0.shared.core.borrow();
        let (ufrag, pwd) = core.transport.credentials();
        Secure {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
            fingerprint: core.transport.fingerprint(),
            setup,
            candidates: core.candidates.clone(),
            end_of_candidates: core.gathering_until.is_none(),
            lite: self.0.shared.settings.transport.lite,
            trickle: self.0.shared.settings.trickle,
        }
    }

    /// True if no more candidates will be found.
    pub fn is_gathered(&self) -> bool {
        self.0.shared.core.borrow().gathering_until.is_none()
    }

    /// Waits until no more candidates will be found: some seconds at most.
    pub async fn gathered(&self) {
        while !self.is_gathered() {
            self.0.shared.gathered.notified().await;
        }
        // Whoever else waits gets to know too.
        self.0.shared.gathered.notify_one();
    }

    /// The other side has described itself: checks begin. With other credentials than before it has restarted.
    pub fn connect(&self, remote: &Secure, dtls_client: bool) {
        let shared = &self.0.shared;
        let now = shared.host.now();
        let mut core = shared.core.borrow_mut();
        core.transport.start(now, remote, dtls_client);
        for candidate in &remote.candidates {
            core.add_remote(now, candidate);
        }
        drop(core);
        shared.bell.notify_one();
    }

    /// The other side can be reached there, too.
    pub fn add_remote(&self, candidate: &Candidate) {
        let shared = &self.0.shared;
        let now = shared.host.now();
        shared.core.borrow_mut().add_remote(now, candidate);
        shared.bell.notify_one();
    }

    /// Begins anew to look for a way to the other side, with other credentials. What was connected stays so meanwhile.
    /// On a host that has another address now, it opens another socket.
    pub fn restart(&self) {
        let shared = &self.0.shared;
        let now = shared.host.now();
        let mut core = shared.core.borrow_mut();
        core.transport.restart(now);
        let here = shared.host.address();
        let gone: Vec<SocketAddrV4> =
            core.sockets.iter().map(|socket| socket.base).filter(|base| *base.ip() != here).collect();
        for base in gone {
            core.forget(base);
        }
        let bare = core.sockets.is_empty();
        drop(core);
        // A NAT may have forgotten what it knew of the socket. A server that stands in the open hasn't moved.
        if bare || !shared.settings.transport.lite {
            self.gather();
        }
        shared.bell.notify_one();
    }

    /// How connected it is.
    pub fn ice(&self) -> IceState {
        self.0.shared.core.borrow().transport.ice()
    }

    /// How far the handshake is.
    pub fn dtls(&self) -> DtlsState {
        self.0.shared.core.borrow().transport.dtls()
    }

    /// The pair of candidates that's used.
    pub fn selected(&self) -> Option<Selected> {
        self.0.shared.core.borrow().transport.selected()
    }

    /// When the other side last showed that it's there.
    pub fn last_heard(&self) -> Option<SimTime> {
        self.0.shared.core.borrow().transport.last_heard()
    }

    /// Waits for the next thing that happens. Nothing is missed if it's asked for later.
    pub async fn event(&self) -> PeerEvent {
        loop {
            if let Some(event) = self.poll_event() {
                return event;
            }
            self.0.shared.happened.notified().await;
        }
    }

    /// The next thing that has happened.
    pub fn poll_event(&self) -> Option<PeerEvent> {
        self.0.shared.core.borrow_mut().events.pop_front()
    }

    /// Data channels are agreed on: they come up with the handshake.
    pub fn use_data(&self) {
        let shared = &self.0.shared;
        let now = shared.host.now();
        let mut core = shared.core.borrow_mut();
        core.uses_data = true;
        core.begin_data(now, shared.clock);
        drop(core);
        shared.bell.notify_one();
    }

    /// Data channels aren't agreed on any more: they are closed.
    pub fn end_data(&self) {
        let shared = &self.0.shared;
        let mut core = shared.core.borrow_mut();
        core.uses_data = false;
        if let Some(data) = core.data.take() {
            core.events.extend(data.channels().map(|id| PeerEvent::Channel(DataEvent::Closed { id })));
            drop(core);
            shared.happened.notify_one();
        }
    }

    /// Opens a data channel, if data is agreed on and the handshake is done.
    pub fn open_channel(&self, label: &str) -> Option<ChannelId> {
        self.with_data(|data, now| data.open(now, label).ok()).flatten()
    }

    /// Sends text on a data channel.
    pub fn send_text(&self, channel: ChannelId, text: &str) -> bool {
        self.with_data(|data, now| data.send_text(now, channel, text).is_ok()).unwrap_or(false)
    }

    /// Sends bytes on a data channel.
    pub fn send_bytes(&self, channel: ChannelId, bytes: &[u8]) -> bool {
        self.with_data(|data, now| data.send(now, channel, bytes).is_ok()).unwrap_or(false)
    }

    /// Closes a data channel.
    pub fn close_channel(&self, channel: ChannelId) {
        self.with_data(|data, now| data.close(now, channel));
    }

    fn with_data<R>(&self, work: impl FnOnce(&mut DataChannels, SimTime) -> R) -> Option<R> {
        let shared = &self.0.shared;
        let now = shared.host.now();
        let result = shared.core.borrow_mut().data.as_mut().map(|data| work(data, now));
        shared.bell.notify_one();
        result
    }

    /// Ends it: the other side is told (close_notify), relays are given back, the sockets close.
    pub fn close(&self) {
        let shared = &self.0.shared;
        if shared.closed.replace(true) {
            return;
        }
        let now = shared.host.now();
        let mut core = shared.core.borrow_mut();
        core.transport.close(now);
        if !shared.settings.transport.quirks.keeps_relays {
            for relay in &mut core.relays {
                relay.client.close(now);
            }
        }
        drop(core);
        shared.bell.notify_one();
    }

    /// From now on whoever asks with this gets what comes, and nobody else.
    pub fn listen(&self) -> Listener {
        let shared = &self.0.shared;
        let listener = shared.rtp.listener.get() + 1;
        for inbox in [&shared.rtp, &shared.rtcp] {
            inbox.listener.set(listener);
            inbox.came.notify_waiters();
        }
        Listener(listener)
    }

    /// A packet of the other side's, decrypted.
    pub async fn receive_rtp(&self, listener: Listener) -> Bytes {
        self.0.shared.rtp.take(listener).await
    }

    /// A report of the other side's, decrypted.
    pub async fn receive_rtcp(&self, listener: Listener) -> Bytes {
        self.0.shared.rtcp.take(listener).await
    }

    /// From now on all that is sent leaves as this stream, whoever it comes from, and reports about it come as if they
    /// were about who speaks.
    pub fn unite(&self, stream: OneStream) {
        *self.0.shared.united.borrow_mut() = Some(stream);
    }

    /// How a description tells of what is sent, if it's all one stream.
    pub fn source(&self) -> Option<Source> {
        self.0.shared.united.borrow().as_ref().map(OneStream::source)
    }

    /// Sends a packet, encrypted, if the transport is up.
    pub async fn send_rtp(&self, packet: &[u8]) {
        let shared = &self.0.shared;
        let now = shared.host.now();
        let Some(packet) = shared.as_one(packet, |stream| stream.packet(now, packet)) else { return };
        if shared.core.borrow_mut().transport.send_rtp(now, &packet) {
            if let Some(stream) = &mut *shared.united.borrow_mut() {
                stream.has_sent(&packet);
            }
            shared.flush().await;
        }
    }

    /// Sends a report, encrypted, if the transport is up.
    pub async fn send_rtcp(&self, packet: &[u8]) {
        let shared = &self.0.shared;
        let Some(packet) = shared.as_one(packet, |stream| stream.reports(packet)) else { return };
        if shared.core.borrow_mut().transport.send_rtcp(shared.host.now(), &packet) {
            shared.flush().await;
        }
    }
}

impl Shared {
    /// What is to be sent in a packet's place, if all is one stream; none if nothing is.
    fn as_one<'a>(
        &self,
        packet: &'a [u8],
        translate: impl FnOnce(&mut OneStream) -> Option<Vec<u8>>,
    ) -> Option<Cow<'a, [u8]>> {
        match &mut *self.united.borrow_mut() {
            Some(stream) => translate(stream).map(Cow::Owned),
            None => Some(Cow::Borrowed(packet)),
        }
    }

    /// Takes a socket in, and asks who may know what it looks like from outside.
    fn gather(self: &Rc<Self>, now: SimTime, socket: UdpSocket) {
        let (base, socket) = (socket.local_addr(), Rc::new(socket));
        let reach = &self.settings.reach;
        let reader = self.host.spawn(read(Rc::downgrade(self), socket.clone(), base)).abort_handle();
        let mut core = self.core.borrow_mut();
        if !reach.only_relay {
            core.found(now, Candidate::host(base), base);
        }
        let stun = reach.stun.filter(|_| !reach.only_relay);
        let stun = stun.map(|server| StunClient::new(now, server, &mut core.random));
        for account in &reach.turn {
            let id = core.last_relay + 1;
            core.last_relay = id;
            let client = TurnClient::new(now, account.clone(), &mut core.random);
            let by = match account.transport {
                TurnTransport::Udp => By::Socket(socket.clone()),
                TurnTransport::Tcp => {
                    let (outbox, posted) = unbounded_channel();
                    let talk = talk(Rc::downgrade(self), self.host.clone(), account.server, id, posted);
                    By::Stream { outbox, task: self.host.spawn(talk).abort_handle() }
                }
            };
            let account = account.clone();
            core.relays.push(Relayed { id, account, client, by, base, relayed: None, pending: true });
        }
        core.wants_socket = false;
        core.sockets.push(Socket { base, socket, stun, reader });
        core.gathering_until = Some(now + GATHERING);
        if core.settle_gathering(now) {
            self.gathered.notify_one();
        }
        drop(core);
        // What was found is an event, and so is the search's end.
        self.happened.notify_one();
    }

    /// Everything that is open closes; what waits to be sent is not, if it's at once.
    fn let_go(&self, at_once: bool) {
        let mut core = self.core.borrow_mut();
        core.sockets.clear();
        for relay in core.relays.drain(..) {
            if let (true, By::Stream { task, .. }) = (at_once, &relay.by) {
                task.abort();
            }
        }
    }

    /// Wakes the driver if something is due before it would look by itself.
    fn plan(&self) {
        if self.core.borrow().poll_timeout().is_some_and(|due| due < self.planned.get()) {
            self.bell.notify_one();
        }
    }

    /// Sends what there is to send, and hears what has happened.
    async fn flush(&self) {
        loop {
            let (socket, to, payload) = {
                let mut core = self.core.borrow_mut();
                self.hear(&mut core);
                match core.next_datagram(self.host.now()) {
                    Some(Out::Datagram(socket, to, payload)) => (socket, to, payload),
                    Some(Out::Posted) => continue,
                    None => return,
                }
            };
            // A host that is down sends nothing.
            let _ = socket.send_to(payload, to).await;
        }
    }

    /// Takes in what has become of the transport, the servers that were asked, and the channels.
    fn hear(&self, core: &mut Core) {
        let now = self.host.now();
        let before = core.events.len();
        core.hear_servers(now, self.settings.reach.only_relay);
        while let Some(event) = core.transport.poll_event() {
            match event {
                TransportEvent::Rtp(packet) => self.rtp.put(packet),
                TransportEvent::Rtcp(packet) => self.rtcp.put(match &*self.united.borrow() {
                    Some(stream) => stream.reports_back(packet),
                    None => packet,
                }),
                TransportEvent::Data(record) => {
                    if let Some(data) = &mut core.data {
                        data.receive(now, &record);
                    }
                }
                TransportEvent::Keys(keys) => {
                    core.keys = Some(keys);
                    core.told = None;
                    core.begin_data(now, self.clock);
                }
                TransportEvent::Ice(state) => {
                    if state == IceState::Connected {
                        core.forget_spare_sockets();
                    }
                    core.events.push_back(PeerEvent::Ice(state));
                }
                // It's asked for where it matters.
                TransportEvent::Selected(_) => {}
                TransportEvent::Dtls(state) => core.events.push_back(PeerEvent::Dtls(state)),
                TransportEvent::PeerClosed => core.events.push_back(PeerEvent::PeerClosed),
                TransportEvent::ConsentLost => core.events.push_back(PeerEvent::ConsentLost),
            }
        }
        if let Some(data) = &mut core.data {
            while let Some(event) = data.poll_event() {
                core.events.push_back(PeerEvent::Channel(event));
            }
        }
        core.tell_keys(&self.host);
        if core.settle_gathering(now) {
            self.gathered.notify_one();
        }
        if core.events.len() > before {
            self.happened.notify_one();
        }
    }
}

/// What is to be sent next.
enum Out {
    Datagram(Rc<UdpSocket>, SocketAddrV4, Bytes),
    /// A stream's task has it.
    Posted,
}

impl Core {
    fn add_remote(&mut self, now: SimTime, candidate: &Candidate) {
        self.transport.add_remote(now, candidate);
        let Some(address) = candidate.ip() else { return };
        if !self.peers.contains(address.ip()) {
            self.peers.push(*address.ip());
            for relay in self.relays.iter_mut().filter(|relay| relay.relayed.is_some()) {
                relay.client.permit(now, address);
            }
        }
    }

    fn found(&mut self, now: SimTime, candidate: Candidate, base: SocketAddrV4) {
        if self.candidates.iter().any(|known| known.address == candidate.address) {
            return;
        }
        self.candidates.push(candidate.clone());
        self.transport.add_local(now, candidate.clone(), base);
        self.events.push_back(PeerEvent::Candidate(candidate));
    }

    fn forget(&mut self, base: SocketAddrV4) {
        self.transport.forget_local(base);
        let relayed: Vec<SocketAddrV4> =
            self.relays.iter().filter(|relay| relay.base == base).filter_map(|relay| relay.relayed).collect();
        for relayed in relayed {
            self.transport.forget_local(relayed);
        }
        self.relays.retain(|relay| relay.base != base);
        self.sockets.retain(|socket| socket.base != base);
        let gone = |candidate: &Candidate| candidate.ip() == Some(base) || candidate.related == Some(base);
        self.candidates.retain(|candidate| !gone(candidate));
    }

    /// After a restart that came to something: sockets from before that nothing goes by.
    fn forget_spare_sockets(&mut self) {
        let Some(selected) = self.transport.selected() else { return };
        let relay = self.relays.iter().find(|relay| relay.relayed == Some(selected.local_base));
        let used = relay.map_or(selected.local_base, |relay| relay.base);
        let newest = self.sockets.last().map(|socket| socket.base);
        let spare = |base: &SocketAddrV4| *base != used && Some(*base) != newest;
        let spares: Vec<SocketAddrV4> = self.sockets.iter().map(|socket| socket.base).filter(spare).collect();
        for base in spares {
            self.forget(base);
        }
    }

    /// A socket is still to be opened, or a server to answer.
    fn waits_for_candidates(&self) -> bool {
        self.wants_socket
            || self.sockets.iter().any(|socket| socket.stun.is_some())
            || self.relays.iter().any(|relay| relay.pending)
    }

    /// True if the search has ended just now.
    fn settle_gathering(&mut self, now: SimTime) -> bool {
        let Some(until) = self.gathering_until else { return false };
        if self.waits_for_candidates() && now < until {
            return false;
        }
        self.gathering_until = None;
        self.events.push_back(PeerEvent::Gathered);
        true
    }

    /// What the STUN and TURN servers have said.
    fn hear_servers(&mut self, now: SimTime, only_relay: bool) {
        for index in 0..self.sockets.len() {
            let socket = &mut self.sockets[index];
            let base = socket.base;
            let Some(event) = socket.stun.as_mut().and_then(StunClient::poll_event) else { continue };
            socket.stun = None;
            if let StunEvent::Mapped(mapped) = event
                && mapped != base
            {
                self.found(now, Candidate::server_reflexive(mapped, base), base);
            }
        }
        for index in 0..self.relays.len() {
            while let Some(event) = self.relays[index].client.poll_event() {
                self.hear_relay(now, index, event, only_relay);
            }
        }
    }

    fn hear_relay(&mut self, now: SimTime, index: usize, event: TurnEvent, only_relay: bool) {
        let relay = &mut self.relays[index];
        let base = relay.base;
        match event {
            TurnEvent::Allocated { relayed, mapped } => {
                relay.pending = false;
                relay.relayed = Some(relayed);
                let by_datagrams = matches!(relay.by, By::Socket(_));
                for peer in &self.peers {
                    relay.client.permit(now, SocketAddrV4::new(*peer, 0));
                }
                if by_datagrams && !only_relay && mapped != base {
                    self.found(now, Candidate::server_reflexive(mapped, base), base);
                }
                self.found(now, Candidate::relay(relayed, base), relayed);
            }
            TurnEvent::Data { from, payload } => {
                if let Some(relayed) = relay.relayed {
                    self.transport.handle_datagram(now, relayed, from, &payload);
                }
            }
            TurnEvent::Failed(_) | TurnEvent::Expired(_) | TurnEvent::Released => {
                relay.pending = false;
                if let Some(relayed) = relay.relayed.take() {
                    self.transport.forget_local(relayed);
                    self.candidates.retain(|candidate| candidate.ip() != Some(relayed));
                }
            }
            // A candidate of the other side's that's no way.
            TurnEvent::Forbidden { .. } => {}
        }
    }

    /// The next thing to send.
    fn next_datagram(&mut self, now: SimTime) -> Option<Out> {
        if let Some(data) = &mut self.data {
            while let Some(record) = data.poll_transmit() {
                self.transport.send_data(now, &record);
            }
        }
        while let Some(datagram) = self.transport.poll_transmit() {
            if let Some(socket) = self.sockets.iter().find(|socket| socket.base == datagram.local) {
                return Some(Out::Datagram(socket.socket.clone(), datagram.to, datagram.payload));
            }
            let relay = self.relays.iter_mut().find(|relay| relay.relayed == Some(datagram.local));
            if let Some(relay) = relay {
                relay.client.send(now, datagram.to, &datagram.payload);
                break;
            }
        }
        for relay in &mut self.relays {
            if let Some(bytes) = relay.client.poll_transmit() {
                return Some(match &relay.by {
                    By::Socket(socket) => Out::Datagram(socket.clone(), relay.account.server, bytes),
                    By::Stream { outbox, .. } => {
                        // The stream's task is gone with its connection: the client will find out.
                        let _ = outbox.send(bytes);
                        Out::Posted
                    }
                });
            }
        }
        for socket in &mut self.sockets {
            if let Some(stun) = &mut socket.stun
                && let Some(bytes) = stun.poll_transmit()
            {
                return Some(Out::Datagram(socket.socket.clone(), stun.server(), bytes));
            }
        }
        None
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.transport.handle_timeout(now);
        for socket in &mut self.sockets {
            if let Some(stun) = &mut socket.stun {
                stun.handle_timeout(now);
            }
        }
        for relay in &mut self.relays {
            relay.client.handle_timeout(now);
        }
        if let Some(data) = &mut self.data {
            data.handle_timeout(now);
        }
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        let stun = self.sockets.iter().filter_map(|socket| socket.stun.as_ref()?.poll_timeout());
        let turn = self.relays.iter().filter_map(|relay| relay.client.poll_timeout());
        let data = self.data.as_ref().and_then(DataChannels::poll_timeout);
        let own = [self.transport.poll_timeout(), data, self.gathering_until];
        own.into_iter().flatten().chain(stun).chain(turn).min()
    }

    fn received(&mut self, now: SimTime, base: SocketAddrV4, from: SocketAddrV4, datagram: &Bytes) {
        let asked = self.sockets.iter_mut().find(|socket| socket.base == base).and_then(|socket| socket.stun.as_mut());
        if let Some(stun) = asked.filter(|stun| stun.server() == from)
            && stun.handle(now, datagram)
        {
            return;
        }
        let relay = self
            .relays
            .iter_mut()
            .find(|relay| matches!(relay.by, By::Socket(_)) && relay.base == base && relay.account.server == from);
        if let Some(relay) = relay
            && relay.client.handle(now, datagram)
        {
            return;
        }
        self.transport.handle_datagram(now, base, from, datagram);
    }

    /// Channels come up when there are keys, and data was agreed on.
    fn begin_data(&mut self, now: SimTime, clock: Clock) {
        if let Some(keys) = self.keys.as_ref().filter(|_| self.uses_data && self.data.is_none()) {
            self.data = Some(DataChannels::new(clock, now, keys.is_client));
        }
    }

    /// Whoever looks at the run afterwards can read what was said.
    fn tell_keys(&mut self, host: &Host) {
        let (Some(keys), Some(selected)) = (&self.keys, self.transport.selected()) else { return };
        let pair = (selected.local_base, selected.remote_address);
        if self.told == Some(pair) || self.transport.dtls() != DtlsState::Connected {
            // A pair of another association has other keys, which are still to come.
            return;
        }
        self.told = Some(pair);
        let (client, server) = if keys.is_client { (&keys.local, &keys.remote) } else { (&keys.remote, &keys.local) };
        host.claim("webrtc-keys", |event| {
            event
                .with("local", pair.0.to_string())
                .with("remote", pair.1.to_string())
                .with("profile", keys.profile.as_str())
                .with("client_random", hex(&keys.client_random))
                .with("server_random", hex(&keys.server_random))
                .with("master_secret", hex(&keys.master_secret))
                .with("client_key", hex(&client.0))
                .with("client_salt", hex(&client.1))
                .with("server_key", hex(&server.0))
                .with("server_salt", hex(&server.1))
        });
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes in what arrives at a socket.
async fn read(shared: Weak<Shared>, socket: Rc<UdpSocket>, base: SocketAddrV4) {
    while let Ok((datagram, from)) = socket.recv().await {
        let Some(shared) = shared.upgrade() else { return };
        let now = shared.host.now();
        shared.core.borrow_mut().received(now, base, from, &datagram);
        shared.flush().await;
        shared.plan();
    }
}

/// Talks to a TURN server over TCP.
async fn talk(
    shared: Weak<Shared>,
    host: Host,
    server: SocketAddrV4,
    relay: u64,
    mut posted: UnboundedReceiver<Bytes>,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let failed = |shared: &Weak<Shared>| {
        let Some(shared) = shared.upgrade() else { return };
        let now = shared.host.now();
        if let Some(relay) = shared.core.borrow_mut().relays.iter_mut().find(|other| other.id == relay) {
            relay.client.connection_lost(now);
        }
        shared.bell.notify_one();
    };
    let Ok(stream) = host.connect(server).await else { return failed(&shared) };
    let (mut reader, mut writer) = tokio::io::split::<TcpStream>(stream);
    let mut buffer = vec![0; 4_096];
    loop {
        tokio::select! {
            biased;
            bytes = posted.recv() => {
                let Some(bytes) = bytes else { return };
                if writer.write_all(&bytes).await.is_err() {
                    return failed(&shared);
                }
            }
            read = reader.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return failed(&shared) };
                let Some(shared) = shared.upgrade() else { return };
                let now = shared.host.now();
                if let Some(relay) = shared.core.borrow_mut().relays.iter_mut().find(|other| other.id == relay) {
                    relay.client.handle(now, &buffer[..length]);
                }
                shared.flush().await;
                shared.plan();
            }
        }
    }
}

/// Sends what is due, until the end.
async fn drive(shared: Rc<Shared>) {
    loop {
        shared.flush().await;
        if shared.closed.get() && !shared.settings.transport.quirks.keeps_relays {
            return shared.let_go(false);
        }
        if shared.core.borrow().wants_socket {
            match shared.host.udp_here(0).await {
                Ok(socket) => shared.gather(shared.host.now(), socket),
                // Without a network there is no candidate.
                Err(_) => shared.core.borrow_mut().wants_socket = false,
            }
            continue;
        }
        let now = shared.host.now();
        let due = shared.core.borrow().poll_timeout().unwrap_or(now + LONG);
        shared.planned.set(due);
        tokio::select! {
            biased;
            () = shared.bell.notified() => {}
            () = tokio::time::sleep_until(kernel_here().instant(due)) => {
                let now = shared.host.now();
                shared.core.borrow_mut().handle_timeout(now);
            }
        }
    }
}
