//! What a STUN and TURN server knows and answers (RFC 8489, RFC 8656), sans-I/O.
//!
//! It is our own, on `rtc-stun`'s codec, and not `turn-server-proto`'s (0.7.3): that one shows nobody its allocations, has
//! no quota, fixed lifetimes, and takes a repeated Allocate for a second one (437), so that who loses the first answer
//! gets none. Keeping a second set of books beside it would be more code than this.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use rtc_crypto::providers::RingCrypto;
use rtc_crypto::{HmacAlgorithm, RTCCrypto};
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_PRIORITY, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE,
    ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_BINDING,
    METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, Message, TransactionId,
};

use super::message::{self, Draft, FIRST_CHANNEL, Key, LARGEST_PAYLOAD, LAST_CHANNEL, UDP, draw_id};
use super::{AllocationView, TurnCounters, TurnSettings, TurnTransport};
use crate::trace::SimTime;
use crate::world::Random;

/// RFC 8656 9.
const PERMISSION: Duration = Duration::from_secs(300);
/// RFC 8656 12.
const CHANNEL: Duration = Duration::from_secs(600);
/// What is understood of a request; any other attribute below 0x8000 is answered 420. PRIORITY and USE-CANDIDATE are ICE's.
const UNDERSTOOD: [AttrType; 12] = [
    ATTR_USERNAME,
    ATTR_REALM,
    ATTR_NONCE,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_LIFETIME,
    ATTR_REQUESTED_TRANSPORT,
    ATTR_REQUESTED_ADDRESS_FAMILY,
    ATTR_XOR_PEER_ADDRESS,
    ATTR_CHANNEL_NUMBER,
    ATTR_DATA,
    ATTR_PRIORITY,
    ATTR_USE_CANDIDATE,
];

/// A client and how it comes: with the server's own address, which is one, the 5-tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    pub(super) transport: TurnTransport,
    pub(super) client: SocketAddrV4,
}

/// What the program has to do, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    ToClient(Flow, Bytes),
    /// From the relay socket of a port.
    ToPeer(u16, SocketAddrV4, Bytes),
    /// A relay socket is wanted, on the first free of these ports; [`Books::opened`] hears of it.
    Open(Flow, Vec<u16>),
    Close(u16),
}

/// The server, without its sockets.
pub(super) struct Books {
    address: Ipv4Addr,
    random: Random,
    /// What nonces are sealed with: another one after a crash, so that all nonces are stale.
    seal: [u8; 16],
    allocations: BTreeMap<Flow, Allocation>,
    /// For [`TurnSettings::keeps_for_ever`]: they should be gone.
    kept: Vec<Allocation>,
    /// Allocations that wait for their socket.
    wanted: BTreeMap<Flow, Wanted>,
    ports: BTreeMap<u16, Flow>,
    expiries: BTreeSet<(SimTime, Flow)>,
    made: u64,
    work: VecDeque<Work>,
}

struct Allocation {
    /// How many were made before.
    number: u64,
    user: String,
    flow: Flow,
    relayed: SocketAddrV4,
    expires: SimTime,
    permissions: BTreeMap<Ipv4Addr, SimTime>,
    channels: BTreeMap<u16, (SocketAddrV4, SimTime)>,
    by_peer: BTreeMap<SocketAddrV4, u16>,
    /// The request that made it, and its answer: the request may be repeated.
    request: TransactionId,
    answer: Bytes,
}

struct Wanted {
    user: String,
    key: Key,
    request: TransactionId,
    lifetime: Duration,
}

/// Who asks, once it's proven.
struct Proven {
    user: String,
    key: Key,
}

impl Books {
    pub(super) fn new(address: Ipv4Addr, mut random: Random) -> Books {
        let mut seal = [0; 16];
        random.fill(&mut seal);
        Books {
            address,
            random,
            seal,
            allocations: BTreeMap::new(),
            kept: Vec::new(),
            wanted: BTreeMap::new(),
            ports: BTreeMap::new(),
            expiries: BTreeSet::new(),
            made: 0,
            work: VecDeque::new(),
        }
    }

    pub(super) fn poll_work(&mut self) -> Option<Work> {
        self.work.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<SimTime> {
        self.expiries.first().map(|(at, _)| *at)
    }

    pub(super) fn has_allocation(&self, flow: Flow) -> bool {
        self.allocations.contains_key(&flow) || self.wanted.contains_key(&flow)
    }

    /// Those that are alive, the oldest first.
    pub(super) fn views(&self, now: SimTime) -> Vec<AllocationView> {
        let mut all: Vec<&Allocation> = self.allocations.values().chain(&self.kept).collect();
        all.sort_by_key(|allocation| allocation.number);
        all.into_iter().map(|allocation| allocation.view(now)).collect()
    }

    // --- packets -----------------------------------------------------------------------------------------------------

    /// A message came from a client.
    pub(super) fn take_message(
        &mut self,
        now: SimTime,
        settings: &TurnSettings,
        counters: &mut TurnCounters,
        flow: Flow,
        frame: &[u8],
    ) {
        if let Some((number, payload)) = message::read_channel_frame(frame) {
            let Some(allocation) = self.allocations.get(&flow) else { return counters.dropped += 1 };
            let bound = allocation.channels.get(&number).filter(|(_, until)| now < *until);
            let Some((peer, _)) = bound else { return counters.dropped += 1 };
            counters.relayed_out += 1;
            let work = Work::ToPeer(allocation.relayed.port(), *peer, Bytes::copy_from_slice(payload));
            return self.work.push_back(work);
        }
        let Some(mut message) = message::read(frame) else { return };
        match (message.typ.class, message.typ.method) {
            (CLASS_INDICATION, METHOD_SEND) => self.send(now, counters, flow, &message),
            (CLASS_REQUEST, _) => match self.answer(now, settings, counters, flow, &mut message) {
                Ok(Some(answer)) => self.work.push_back(Work::ToClient(flow, answer)),
                Ok(None) => {}
                Err(refusal) => {
                    let challenged = refusal.code == 401 && !message::is_signed(&message);
                    counters.refused += u64::from(!challenged && refusal.code != 438);
                    let answer = self.refuse(now, settings, &message, refusal);
                    self.work.push_back(Work::ToClient(flow, answer));
                }
            },
            _ => {}
        }
    }

    /// RFC 8656 11.2.
    fn send(&mut self, now: SimTime, counters: &mut TurnCounters, flow: Flow, message: &Message) {
        let peer = message::address(message, ATTR_XOR_PEER_ADDRESS);
        let (Some(peer), Some(payload)) = (peer, message::value(message, ATTR_DATA)) else { return };
        match self.allocations.get(&flow) {
            Some(allocation) if allocation.permits(now, *peer.ip()) => {
                counters.relayed_out += 1;
                let port = allocation.relayed.port();
                self.work.push_back(Work::ToPeer(port, peer, Bytes::copy_from_slice(payload)));
            }
            _ => counters.dropped += 1,
        }
    }

    /// A datagram came to a relay socket (RFC 8656 11.3).
    pub(super) fn take_from_peer(
        &mut self,
        now: SimTime,
        counters: &mut TurnCounters,
        port: u16,
        from: SocketAddrV4,
        payload: &[u8],
    ) {
        let allocation = self.ports.get(&port).and_then(|flow| self.allocations.get(flow));
        let Some(allocation) = allocation.filter(|allocation| {
            allocation.relayed.port() == port && allocation.permits(now, *from.ip()) && payload.len() <= LARGEST_PAYLOAD
        }) else {
            return counters.dropped += 1;
        };
        counters.relayed_in += 1;
        let flow = allocation.flow;
        let number = allocation.by_peer.get(&from);
        let number = number.filter(|number| allocation.channels.get(number).is_some_and(|(_, until)| now < *until));
        let packet = match number {
            Some(number) => message::channel_frame(*number, payload, flow.transport == TurnTransport::Tcp),
            None => {
                let draft = Draft::new(METHOD_DATA, CLASS_INDICATION, draw_id(&mut self.random));
                draft.address(ATTR_XOR_PEER_ADDRESS, from).bytes(ATTR_DATA, payload).finish_indication()
            }
        };
        self.work.push_back(Work::ToClient(flow, packet));
    }

    // --- requests ----------------------------------------------------------------------------------------------------

    fn answer(
        &mut self,
        now: SimTime,
        settings: &TurnSettings,
        counters: &mut TurnCounters,
        flow: Flow,
        request: &mut Message,
    ) -> Result<Option<Bytes>, Refusal> {
        let method = request.typ.method;
        let known = |one: AttrType| one.optional() || UNDERSTOOD.contains(&one);
        let unknown = request.attributes.0.iter().map(|attribute| attribute.typ).filter(|one| !known(*one));
        let unknown: Vec<u8> = unknown.flat_map(|one| one.value().to_be_bytes()).collect();
        if !unknown.is_empty() {
            return Err(Refusal { unknown, ..Refusal::with(420) });
        }
        if method == METHOD_BINDING {
            counters.bindings += 1;
            let draft = Draft::new(method, CLASS_SUCCESS_RESPONSE, request.transaction_id);
            return Ok(Some(draft.address(ATTR_XORMAPPED_ADDRESS, flow.client).finish()));
        }
        let turn = [METHOD_ALLOCATE, METHOD_REFRESH, METHOD_CREATE_PERMISSION, METHOD_CHANNEL_BIND];
        if settings.stun_only || !turn.contains(&method) {
            return Err(Refusal::with(400));
        }
        let proven = self.prove(now, settings, request)?;
        let signed = |code| Refusal { key: Some(proven.key.clone()), ..Refusal::with(code) };
        let granted = |draft: Draft| Ok(Some(draft.sign(&proven.key).finish()));
        let success = Draft::new(method, CLASS_SUCCESS_RESPONSE, request.transaction_id);
        if method == METHOD_ALLOCATE {
            let repeated = self.allocate(settings, flow, request, &proven).map_err(signed)?;
            return Ok(repeated);
        }
        let allocation = self.allocations.get_mut(&flow).ok_or_else(|| signed(437))?;
        if allocation.user != proven.user {
            return Err(signed(441));
        }
        match method {
            METHOD_REFRESH => {
                let lifetime = settings.lifetime_for(message::number(request, ATTR_LIFETIME));
                if lifetime.is_zero() {
                    counters.given_back += 1;
                    self.end(settings, flow);
                } else {
                    self.expiries.remove(&(allocation.expires, flow));
                    allocation.expires = now + lifetime;
                    self.expiries.insert((allocation.expires, flow));
                }
                granted(success.number(ATTR_LIFETIME, seconds(lifetime)))
            }
            METHOD_CREATE_PERMISSION => {
                let peers = peers(request).ok_or_else(|| signed(400))?;
                if peers.iter().any(|peer| settings.forbids(*peer.ip())) {
                    return Err(signed(403));
                }
                allocation.permissions.extend(peers.iter().map(|peer| (*peer.ip(), now + PERMISSION)));
                granted(success)
            }
            _ => {
                let number = message::number(request, ATTR_CHANNEL_NUMBER).map(|number| (number >> 16) as u16);
                let peer = message::address(request, ATTR_XOR_PEER_ADDRESS);
                let (Some(number), Some(peer)) = (number, peer) else { return Err(signed(400)) };
                if settings.forbids(*peer.ip()) {
                    return Err(signed(403));
                }
                allocation.bind(now, number, peer).map_err(signed)?;
                granted(success)
            }
        }
    }

    /// RFC 8489 9.2.4, with MD5 and SHA-1, which is what browsers speak.
    fn prove(&self, now: SimTime, settings: &TurnSettings, request: &mut Message) -> Result<Proven, Refusal> {
        if !message::is_signed(request) {
            return Err(Refusal::with(401));
        }
        let [user, realm] = [ATTR_USERNAME, ATTR_REALM].map(|name| message::text(request, name).map(str::to_owned));
        let nonce = message::value(request, ATTR_NONCE).map(<[u8]>::to_vec);
        let (Some(user), Some(realm), Some(nonce)) = (user, realm, nonce) else { return Err(Refusal::with(400)) };
        let password = settings.users.get(&user).filter(|_| realm == settings.realm);
        let password = password.ok_or(Refusal::with(401))?;
        let key = message::long_term_key(&user, &realm, password);
        if !message::is_signed_with(request, &key) {
            return Err(Refusal::with(401));
        }
        if !self.is_fresh(now, settings, &nonce) {
            return Err(Refusal::with(438));
        }
        Ok(Proven { user, key })
    }

    fn nonce(&self, made: SimTime) -> String {
        let mut tag = [0; 32];
        RingCrypto
            .new_hmac(HmacAlgorithm::Sha256, &self.seal)
            .and_then(|mut mac| mac.sign(&[&made.0.to_be_bytes()], &mut tag))
            .expect("SHA-256 takes any key and any text");
        let tag = u64::from_be_bytes([tag[0], tag[1], tag[2], tag[3], tag[4], tag[5], tag[6], tag[7]]);
        format!("{:016x}{tag:016x}", made.0)
    }

    fn is_fresh(&self, now: SimTime, settings: &TurnSettings, nonce: &[u8]) -> bool {
        let made = std::str::from_utf8(nonce).ok().and_then(|text| text.get(..16));
        let Some(made) = made.and_then(|made| u64::from_str_radix(made, 16).ok()).map(SimTime) else { return false };
        now.since(made) < settings.nonce_lifetime && self.nonce(made).as_bytes() == nonce
    }

    /// RFC 8656 7.2. The answer is known at once where the request is a repeated one.
    fn allocate(
        &mut self,
        settings: &TurnSettings,
        flow: Flow,
        request: &Message,
        proven: &Proven,
    ) -> Result<Option<Bytes>, u16> {
        if let Some(allocation) = self.allocations.get(&flow) {
            let repeated = allocation.request == request.transaction_id;
            return if repeated { Ok(Some(allocation.answer.clone())) } else { Err(437) };
        }
        if let Some(wanted) = self.wanted.get(&flow) {
            return if wanted.request == request.transaction_id { Ok(None) } else { Err(437) };
        }
        match message::number(request, ATTR_REQUESTED_TRANSPORT) {
            None => return Err(400),
            Some(transport) if transport >> 24 != UDP >> 24 => return Err(442),
            Some(_) => {}
        }
        if message::value(request, ATTR_REQUESTED_ADDRESS_FAMILY).is_some_and(|family| family.first() != Some(&1)) {
            return Err(440);
        }
        let theirs = self.allocations.values().chain(&self.kept).map(|allocation| &allocation.user);
        let theirs = theirs.chain(self.wanted.values().map(|wanted| &wanted.user));
        if settings.quota.is_some_and(|quota| theirs.filter(|user| **user == proven.user).count() >= quota) {
            return Err(486);
        }
        let asked = message::number(request, ATTR_LIFETIME).filter(|asked| *asked > 0);
        let wanted = Wanted {
            user: proven.user.clone(),
            key: proven.key.clone(),
            request: request.transaction_id,
            lifetime: settings.lifetime_for(asked),
        };
        self.wanted.insert(flow, wanted);
        let ports = self.free_ports(settings);
        self.work.push_back(Work::Open(flow, ports));
        Ok(None)
    }

    /// Some that could be free, from a drawn one upwards and around.
    fn free_ports(&mut self, settings: &TurnSettings) -> Vec<u16> {
        let (first, last) = (*settings.relay_ports.start(), *settings.relay_ports.end());
        if first > last {
            return Vec::new();
        }
        let drawn = self.random.below(u64::from(last - first) + 1);
        let drawn = first + u16::try_from(drawn).expect("it's below a u16");
        let ports = (drawn..=last).chain(first..drawn);
        ports.filter(|port| !self.ports.contains_key(port)).take(ATTEMPTS).collect()
    }

    /// The relay socket that was asked for is open, or there's no port.
    pub(super) fn opened(&mut self, now: SimTime, counters: &mut TurnCounters, flow: Flow, port: Option<u16>) {
        let Some(wanted) = self.wanted.remove(&flow) else {
            // Its connection is gone meanwhile.
            self.work.extend(port.map(Work::Close));
            return;
        };
        let Some(port) = port else {
            counters.refused += 1;
            let draft = Draft::new(METHOD_ALLOCATE, CLASS_ERROR_RESPONSE, wanted.request);
            return self.work.push_back(Work::ToClient(flow, draft.error(508).sign(&wanted.key).finish()));
        };
        let relayed = SocketAddrV4::new(self.address, port);
        let draft = Draft::new(METHOD_ALLOCATE, CLASS_SUCCESS_RESPONSE, wanted.request);
        let draft = draft.address(ATTR_XOR_RELAYED_ADDRESS, relayed).address(ATTR_XORMAPPED_ADDRESS, flow.client);
        let answer = draft.number(ATTR_LIFETIME, seconds(wanted.lifetime)).sign(&wanted.key).finish();
        let allocation = Allocation {
            number: self.made,
            user: wanted.user,
            flow,
            relayed,
            expires: now + wanted.lifetime,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            request: wanted.request,
            answer: answer.clone(),
        };
        self.made += 1;
        counters.allocated += 1;
        self.expiries.insert((allocation.expires, flow));
        self.ports.insert(port, flow);
        self.allocations.insert(flow, allocation);
        self.work.push_back(Work::ToClient(flow, answer));
    }

    fn refuse(&self, now: SimTime, settings: &TurnSettings, request: &Message, refusal: Refusal) -> Bytes {
        let draft = Draft::new(request.typ.method, CLASS_ERROR_RESPONSE, request.transaction_id).error(refusal.code);
        let draft = match refusal.code {
            401 | 438 => {
                let draft = draft.bytes(ATTR_REALM, settings.realm.as_bytes());
                draft.bytes(ATTR_NONCE, self.nonce(now).as_bytes())
            }
            420 => draft.bytes(ATTR_UNKNOWN_ATTRIBUTES, &refusal.unknown),
            _ => draft,
        };
        match &refusal.key {
            Some(key) => draft.sign(key).finish(),
            None => draft.finish(),
        }
    }

    // --- ends --------------------------------------------------------------------------------------------------------

    /// A client's connection is gone.
    pub(super) fn lost(&mut self, settings: &TurnSettings, counters: &mut TurnCounters, flow: Flow) {
        self.wanted.remove(&flow);
        if self.allocations.contains_key(&flow) {
            counters.expired += 1;
            self.end(settings, flow);
        }
    }

    /// Allocations run out.
    pub(super) fn handle_timeout(&mut self, now: SimTime, settings: &TurnSettings, counters: &mut TurnCounters) {
        while let Some(&(at, flow)) = self.expiries.first()
            && at <= now
        {
            counters.expired += 1;
            self.end(settings, flow);
        }
    }

    fn end(&mut self, settings: &TurnSettings, flow: Flow) {
        let Some(allocation) = self.allocations.remove(&flow) else { return };
        self.expiries.remove(&(allocation.expires, flow));
        if settings.keeps_for_ever {
            return self.kept.push(allocation);
        }
        self.ports.remove(&allocation.relayed.port());
        self.work.push_back(Work::Close(allocation.relayed.port()));
    }
}

/// How many ports are tried for a relay socket.
const ATTEMPTS: usize = 64;

impl TurnSettings {
    /// RFC 8656 7.2 and 8.2; zero gives it back.
    fn lifetime_for(&self, asked: Option<u32>) -> Duration {
        match asked.map(|seconds| Duration::from_secs(seconds.into())) {
            None => self.lifetime,
            Some(Duration::ZERO) => Duration::ZERO,
            Some(asked) => asked.min(self.longest_lifetime).max(self.lifetime),
        }
    }

    /// Whom no relay may send to: the server itself by its back door, and groups.
    fn forbids(&self, peer: Ipv4Addr) -> bool {
        let nobody = peer.is_loopback() || peer.is_unspecified() || peer.is_multicast() || peer.is_broadcast();
        nobody || self.forbidden_peers.contains(&peer)
    }
}

/// LIFETIME counts whole seconds.
fn seconds(lifetime: Duration) -> u32 {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX)
}

/// The peers of a CreatePermission; nothing if there's none, or one that isn't IPv4.
fn peers(request: &Message) -> Option<Vec<SocketAddrV4>> {
    let all = request.attributes.0.iter().filter(|attribute| attribute.typ == ATTR_XOR_PEER_ADDRESS);
    let peers: Option<Vec<_>> = all
        .map(|attribute| {
            let mut alone = Message::new();
            alone.transaction_id = request.transaction_id;
            alone.add(ATTR_XOR_PEER_ADDRESS, &attribute.value);
            message::address(&alone, ATTR_XOR_PEER_ADDRESS)
        })
        .collect();
    peers.filter(|peers| !peers.is_empty())
}

struct Refusal {
    code: u16,
    /// What it's signed with, where the client has proven who it is.
    key: Option<Key>,
    /// The attributes that nobody understands.
    unknown: Vec<u8>,
}

impl Refusal {
    fn with(code: u16) -> Refusal {
        Refusal { code, key: None, unknown: Vec::new() }
    }
}

impl Allocation {
    fn permits(&self, now: SimTime, peer: Ipv4Addr) -> bool {
        self.permissions.get(&peer).is_some_and(|until| now < *until)
    }

    /// RFC 8656 12.2: a channel is one peer's, and a peer has one channel.
    fn bind(&mut self, now: SimTime, number: u16, peer: SocketAddrV4) -> Result<(), u16> {
        if !(FIRST_CHANNEL..=LAST_CHANNEL).contains(&number) {
            return Err(400);
        }
        self.channels.retain(|_, (_, until)| now < *until);
        self.by_peer.retain(|_, number| self.channels.contains_key(number));
        let others = self.channels.get(&number).is_some_and(|(bound, _)| *bound != peer);
        if others || self.by_peer.get(&peer).is_some_and(|bound| *bound != number) {
            return Err(400);
        }
        self.channels.insert(number, (peer, now + CHANNEL));
        self.by_peer.insert(peer, number);
        self.permissions.insert(*peer.ip(), now + PERMISSION);
        Ok(())
    }

    fn view(&self, now: SimTime) -> AllocationView {
        let permissions = self.permissions.iter().filter(|(_, until)| now < **until);
        let channels = self.channels.iter().filter(|(_, (_, until))| now < *until);
        AllocationView {
            user: self.user.clone(),
            transport: self.flow.transport,
            client: self.flow.client,
            relayed: self.relayed,
            expires: self.expires,
            permissions: permissions.map(|(peer, until)| (*peer, *until)).collect(),
            channels: channels.map(|(number, (peer, _))| (*number, *peer)).collect(),
        }
    }
}
