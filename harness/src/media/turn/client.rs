//! A client of a TURN server: one allocation (RFC 8656, with the long-term credentials of RFC 8489 9.2).
//!
//! It is our own, on `rtc-stun`'s codec, and not `rtc-turn`'s: that one gives error codes as prose only, tells nobody the
//! mapped address of an allocation nor its loss (437, or an expiry), takes a 438 at an Allocate for the end, checks no
//! answer's integrity, cuts no stream into messages, and draws its transaction ids from the thread instead of a stream of
//! numbers that its owner gives.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME,
    ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_BINDING,
    METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, Message, Method,
    TRANSACTION_ID_SIZE, TransactionId,
};

use super::message::{self, Draft, FIRST_CHANNEL, Frames, Key, LARGEST_PAYLOAD, LAST_CHANNEL, UDP, draw_id};
use super::transaction::{Step, Transaction};
use super::{TurnAccount, TurnError, TurnTransport};
use crate::trace::SimTime;
use crate::world::Random;

/// RFC 8656 9.
const PERMISSION: Duration = Duration::from_secs(300);
/// RFC 8656 12.
const CHANNEL: Duration = Duration::from_secs(600);
/// A refresh begins so long before the end that every repetition of it still comes in time.
const AHEAD: Duration = Duration::from_secs(60);
/// How often in a row a nonce may be stale as soon as it's there.
const STALE: u8 = 3;
/// How many packets to an address wait for its permission.
const WAITING: usize = 16;

/// What a [`TurnClient`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEvent {
    /// There is an allocation.
    Allocated {
        /// Where peers send to.
        relayed: SocketAddrV4,
        /// The client's own address as the server sees it.
        mapped: SocketAddrV4,
    },
    /// There will be no allocation.
    Failed(TurnError),
    /// A peer's packet came by the relay.
    Data {
        /// The peer, as the server sees it.
        from: SocketAddrV4,
        /// What it sent.
        payload: Bytes,
    },
    /// The server lets no packet to or from that peer through.
    Forbidden {
        /// The peer.
        peer: SocketAddrV4,
        /// What the server said.
        error: TurnError,
    },
    /// The allocation is lost: it ran out, the server forgot it, or the connection to it broke.
    Expired(TurnError),
    /// The allocation was given back, after [`TurnClient::close`]: confirmed, or nobody answers any more.
    Released,
}

/// What a client does against its own interest, for tests of those who watch it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnBehaviour {
    /// Allocation, permissions and channels are never refreshed.
    pub never_refreshes: bool,
    /// [`TurnClient::close`] says nothing to the server.
    pub never_gives_back: bool,
    /// Packets to peers always go as indications.
    pub never_binds_channels: bool,
}

/// One allocation at a TURN server, for one socket or one connection.
///
/// Its owner hands it what comes from the server, sends the server what it has to send, and keeps its time:
///
/// ```
/// use busyhour::media::turn::{TurnAccount, TurnClient, TurnError, TurnEvent, TurnTransport};
/// use busyhour::trace::SimTime;
/// use busyhour::world::Random;
///
/// let account = TurnAccount {
///     server: "198.51.100.2:3478".parse()?,
///     transport: TurnTransport::Udp,
///     user: "alice".into(),
///     password: "secret".into(),
/// };
/// let mut client = TurnClient::new(SimTime::ZERO, account, &mut Random::stream(0, "turn"));
/// let allocate = client.poll_transmit().unwrap();
/// assert_eq!(allocate[..2], [0x00, 0x03]);
/// // Nobody answers.
/// while let Some(due) = client.poll_timeout() {
///     client.handle_timeout(due);
/// }
/// assert_eq!(client.poll_event(), Some(TurnEvent::Failed(TurnError::NoAnswer)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TurnClient {
    account: TurnAccount,
    behaviour: TurnBehaviour,
    random: Random,
    phase: Phase,
    closing: bool,
    credentials: Option<Credentials>,
    open: BTreeMap<[u8; TRANSACTION_ID_SIZE], Open>,
    permissions: BTreeMap<Ipv4Addr, Permission>,
    channels: BTreeMap<SocketAddrV4, Channel>,
    numbers: BTreeMap<u16, SocketAddrV4>,
    frames: Frames,
    transmits: VecDeque<Bytes>,
    events: VecDeque<TurnEvent>,
}

enum Phase {
    Allocating,
    Up(Allocation),
    Over,
}

struct Allocation {
    relayed: SocketAddrV4,
    expires: SimTime,
    /// Nothing while a refresh is on its way.
    refresh: Option<SimTime>,
    /// Why the last refresh failed.
    trouble: TurnError,
}

struct Credentials {
    realm: String,
    nonce: Vec<u8>,
    key: Key,
}

/// A request without an answer.
struct Open {
    what: What,
    transaction: Transaction,
    /// Without credentials, to learn the realm.
    anonymous: bool,
    /// How many nonces were stale before.
    stale: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Allocate,
    Refresh,
    Release,
    Permit(Ipv4Addr),
    Bind(SocketAddrV4),
}

impl What {
    fn method(self) -> Method {
        match self {
            What::Allocate => METHOD_ALLOCATE,
            What::Refresh | What::Release => METHOD_REFRESH,
            What::Permit(_) => METHOD_CREATE_PERMISSION,
            What::Bind(_) => METHOD_CHANNEL_BIND,
        }
    }
}

struct Permission {
    /// Who was the first at this address.
    peer: SocketAddrV4,
    state: PermissionState,
    refresh: Option<SimTime>,
    waiting: Vec<(SocketAddrV4, Bytes)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PermissionState {
    Asked,
    Granted,
    Forbidden,
}

struct Channel {
    number: u16,
    state: ChannelState,
    refresh: Option<SimTime>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ChannelState {
    Asked,
    Bound { until: SimTime },
    RanOut,
    Refused,
}

impl TurnClient {
    /// Begins to allocate.
    pub fn new(now: SimTime, account: TurnAccount, random: &mut Random) -> TurnClient {
        let mut client = TurnClient {
            account,
            behaviour: TurnBehaviour::default(),
            random: Random::stream(random.next_u64(), "turn client"),
            phase: Phase::Allocating,
            closing: false,
            credentials: None,
            open: BTreeMap::new(),
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            numbers: BTreeMap::new(),
            frames: Frames::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        client.ask(now, What::Allocate, 0);
        client
    }

    /// Whose account it uses, and where.
    pub fn account(&self) -> &TurnAccount {
        &self.account
    }

    /// Changes what it does against its own interest.
    pub fn set_behaviour(&mut self, behaviour: TurnBehaviour) {
        self.behaviour = behaviour;
    }

    /// Where peers send to, while there is an allocation.
    pub fn relayed(&self) -> Option<SocketAddrV4> {
        match &self.phase {
            Phase::Up(allocation) => Some(allocation.relayed),
            Phase::Allocating | Phase::Over => None,
        }
    }

    /// Takes a datagram from the server, or the next bytes of its connection, however they're cut. False for a datagram
    /// that's nothing of TURN's.
    pub fn handle(&mut self, now: SimTime, bytes: &[u8]) -> bool {
        if self.account.transport == TurnTransport::Udp {
            return self.take(now, bytes);
        }
        self.frames.push(bytes);
        loop {
            match self.frames.next() {
                Ok(Some(frame)) => {
                    self.take(now, &frame);
                }
                Ok(None) => return true,
                Err(error) => {
                    self.end(TurnError::Nonsense(error.to_string()));
                    return true;
                }
            }
        }
    }

    fn take(&mut self, now: SimTime, frame: &[u8]) -> bool {
        if let Some((number, payload)) = message::read_channel_frame(frame) {
            if let Some(&from) = self.numbers.get(&number) {
                self.events.push_back(TurnEvent::Data { from, payload: Bytes::copy_from_slice(payload) });
            }
            return true;
        }
        let Some(message) = message::read(frame) else { return false };
        match message.typ.class {
            CLASS_INDICATION if message.typ.method == METHOD_DATA => {
                let from = message::address(&message, ATTR_XOR_PEER_ADDRESS);
                if let (Some(from), Some(payload)) = (from, message::value(&message, ATTR_DATA)) {
                    self.events.push_back(TurnEvent::Data { from, payload: Bytes::copy_from_slice(payload) });
                }
                true
            }
            CLASS_SUCCESS_RESPONSE | CLASS_ERROR_RESPONSE => {
                // Binding is another client's, or ICE's.
                let ours = message.typ.method != METHOD_BINDING;
                self.answered(now, message);
                ours
            }
            _ => false,
        }
    }

    /// The connection to the server is gone, and the allocation with it.
    pub fn connection_lost(&mut self, _now: SimTime) {
        self.end(TurnError::ConnectionLost);
    }

    // --- requests and answers ----------------------------------------------------------------------------------------

    fn ask(&mut self, now: SimTime, what: What, stale: u8) {
        let id = draw_id(&mut self.random);
        let request = self.write(what, id);
        self.transmits.push_back(request.clone());
        let transaction = Transaction::new(now, request, self.account.transport);
        self.open.insert(id.0, Open { what, transaction, anonymous: self.credentials.is_none(), stale });
    }

    fn write(&self, what: What, id: TransactionId) -> Bytes {
        let draft = Draft::new(what.method(), CLASS_REQUEST, id);
        let draft = match what {
            What::Allocate => draft.number(ATTR_REQUESTED_TRANSPORT, UDP),
            What::Refresh => draft,
            What::Release => draft.number(ATTR_LIFETIME, 0),
            What::Permit(address) => draft.address(ATTR_XOR_PEER_ADDRESS, SocketAddrV4::new(address, 0)),
            What::Bind(peer) => {
                let number = self.channels.get(&peer).map_or(FIRST_CHANNEL, |channel| channel.number);
                draft.number(ATTR_CHANNEL_NUMBER, u32::from(number) << 16).address(ATTR_XOR_PEER_ADDRESS, peer)
            }
        };
        let Some(credentials) = &self.credentials else { return draft.finish() };
        let draft = draft.bytes(ATTR_USERNAME, self.account.user.as_bytes());
        let draft = draft.bytes(ATTR_REALM, credentials.realm.as_bytes()).bytes(ATTR_NONCE, &credentials.nonce);
        draft.sign(&credentials.key).finish()
    }

    fn answered(&mut self, now: SimTime, mut answer: Message) {
        let id = answer.transaction_id.0;
        let Some(open) = self.open.get(&id) else { return };
        let (what, anonymous, stale) = (open.what, open.anonymous, open.stale);
        if answer.typ.method != what.method() {
            return;
        }
        let key = self.credentials.as_ref().filter(|_| !anonymous).map(|credentials| &credentials.key);
        if answer.typ.class == CLASS_SUCCESS_RESPONSE {
            // RFC 8489 9.2.5: as if it had never come.
            if key.is_some_and(|key| !message::is_signed_with(&mut answer, key)) {
                return;
            }
            self.open.remove(&id);
            return self.granted(now, what, &answer);
        }
        let Some((code, reason)) = message::error(&answer) else { return };
        // Whoever doesn't know the password signs with another key, or not at all.
        let false_key = |key| message::is_signed(&answer) && !message::is_signed_with(&mut answer.clone(), key);
        if ![401, 438].contains(&code) && key.is_some_and(false_key) {
            return;
        }
        self.open.remove(&id);
        let again = match code {
            401 => anonymous && self.challenged(&answer),
            438 => stale < STALE && self.challenged(&answer),
            _ => false,
        };
        if again {
            self.ask(now, what, stale + u8::from(code == 438));
        } else {
            self.refused(now, what, TurnError::Refused { code, reason });
        }
    }

    /// Takes the realm and the nonce of an answer; false if it has none.
    fn challenged(&mut self, answer: &Message) -> bool {
        let realm = message::text(answer, ATTR_REALM);
        let realm = realm.or(self.credentials.as_ref().map(|credentials| credentials.realm.as_str()));
        let (Some(realm), Some(nonce)) = (realm, message::value(answer, ATTR_NONCE)) else { return false };
        let (realm, nonce) = (realm.to_owned(), nonce.to_vec());
        let key = message::long_term_key(&self.account.user, &realm, &self.account.password);
        self.credentials = Some(Credentials { realm, nonce, key });
        true
    }

    fn granted(&mut self, now: SimTime, what: What, answer: &Message) {
        match what {
            What::Allocate => self.allocated(now, answer),
            What::Refresh => {
                let lifetime = lifetime(answer);
                if let Phase::Up(allocation) = &mut self.phase {
                    allocation.expires = now + lifetime;
                    allocation.refresh = Some(now + before(lifetime));
                    allocation.trouble = TurnError::RanOut;
                }
            }
            What::Release => self.released(),
            What::Permit(address) => {
                let Some(permission) = self.permissions.get_mut(&address) else { return };
                permission.state = PermissionState::Granted;
                permission.refresh = Some(now + before(PERMISSION));
                for (peer, payload) in std::mem::take(&mut permission.waiting) {
                    self.forward(now, peer, &payload);
                }
            }
            What::Bind(peer) => {
                if let Some(channel) = self.channels.get_mut(&peer) {
                    channel.state = ChannelState::Bound { until: now + CHANNEL };
                    channel.refresh = Some(now + before(CHANNEL));
                }
            }
        }
    }

    fn allocated(&mut self, now: SimTime, answer: &Message) {
        let relayed = message::address(answer, ATTR_XOR_RELAYED_ADDRESS);
        let mapped = message::address(answer, ATTR_XORMAPPED_ADDRESS);
        let (Some(relayed), Some(mapped)) = (relayed, mapped) else {
            return self.end(TurnError::Nonsense("it allocates no IPv4 address".to_owned()));
        };
        let lifetime = lifetime(answer);
        self.phase = Phase::Up(Allocation {
            relayed,
            expires: now + lifetime,
            refresh: Some(now + before(lifetime)),
            trouble: TurnError::RanOut,
        });
        if self.closing {
            return self.ask(now, What::Release, 0);
        }
        self.events.push_back(TurnEvent::Allocated { relayed, mapped });
        for address in self.permissions.keys().copied().collect::<Vec<_>>() {
            self.ask(now, What::Permit(address), 0);
        }
    }

    fn refused(&mut self, now: SimTime, what: What, error: TurnError) {
        let gone = matches!(error, TurnError::Refused { code: 437, .. });
        match what {
            What::Allocate => self.end(error),
            What::Release => self.released(),
            What::Refresh | What::Permit(_) | What::Bind(_) if gone => self.end(error),
            What::Refresh => {
                let Phase::Up(allocation) = &mut self.phase else { return };
                // It's held until it runs out; who got no answer asks on.
                let silence = error == TurnError::NoAnswer;
                allocation.trouble = error;
                if silence {
                    self.ask(now, What::Refresh, 0);
                }
            }
            What::Permit(_) if error == TurnError::NoAnswer => self.ask(now, what, 0),
            What::Permit(address) => {
                let Some(permission) = self.permissions.get_mut(&address) else { return };
                permission.state = PermissionState::Forbidden;
                permission.waiting.clear();
                self.events.push_back(TurnEvent::Forbidden { peer: permission.peer, error });
            }
            What::Bind(peer) => {
                let Some(channel) = self.channels.get_mut(&peer) else { return };
                if error != TurnError::NoAnswer {
                    channel.state = ChannelState::Refused;
                } else if channel.state == ChannelState::RanOut {
                    // The next packet will ask for it.
                } else {
                    self.ask(now, what, 0);
                }
            }
        }
    }

    /// There's no allocation, and there will be none.
    fn end(&mut self, error: TurnError) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Over => return,
            _ if self.closing => return self.released(),
            Phase::Allocating => self.events.push_back(TurnEvent::Failed(error)),
            Phase::Up(_) => self.events.push_back(TurnEvent::Expired(error)),
        }
        self.forget();
    }

    fn released(&mut self) {
        self.phase = Phase::Over;
        self.forget();
        self.events.push_back(TurnEvent::Released);
    }

    fn forget(&mut self) {
        self.open.clear();
        self.permissions.clear();
        self.channels.clear();
        self.numbers.clear();
    }

    // --- what its owner wants ----------------------------------------------------------------------------------------

    /// Lets packets from that peer's address in; again and again until the client is closed.
    pub fn permit(&mut self, now: SimTime, peer: SocketAddrV4) {
        if self.closing || matches!(self.phase, Phase::Over) || self.permissions.contains_key(peer.ip()) {
            return;
        }
        let permission = Permission { peer, state: PermissionState::Asked, refresh: None, waiting: Vec::new() };
        self.permissions.insert(*peer.ip(), permission);
        if matches!(self.phase, Phase::Up(_)) {
            self.ask(now, What::Permit(*peer.ip()), 0);
        }
    }

    /// Sends to a peer by the relay. It's permitted thereby; what is sent before the server has confirmed that waits for
    /// it. The first payload that isn't STUN binds a channel. False: there is no allocation, the peer is forbidden, or
    /// the payload is too large.
    pub fn send(&mut self, now: SimTime, peer: SocketAddrV4, payload: &[u8]) -> bool {
        if self.closing || !matches!(self.phase, Phase::Up(_)) || payload.len() > LARGEST_PAYLOAD {
            return false;
        }
        self.permit(now, peer);
        let Some(permission) = self.permissions.get_mut(peer.ip()) else { return false };
        match permission.state {
            PermissionState::Granted => self.forward(now, peer, payload),
            PermissionState::Forbidden => return false,
            PermissionState::Asked if permission.waiting.len() < WAITING => {
                permission.waiting.push((peer, Bytes::copy_from_slice(payload)));
            }
            PermissionState::Asked => {}
        }
        true
    }

    fn forward(&mut self, now: SimTime, peer: SocketAddrV4, payload: &[u8]) {
        let state = self.channels.get(&peer).map(|channel| channel.state);
        if let (Some(ChannelState::Bound { .. }), Some(channel)) = (state, self.channels.get(&peer)) {
            let padded = self.account.transport == TurnTransport::Tcp;
            return self.transmits.push_back(message::channel_frame(channel.number, payload, padded));
        }
        // RFC 7983: STUN begins with 0 to 3. Checks go to many, of whom one will be talked to.
        let is_stun = payload.first().is_none_or(|&first| first < 4);
        let unbound = matches!(state, None | Some(ChannelState::RanOut));
        if unbound && !is_stun && !self.behaviour.never_binds_channels {
            self.bind(now, peer);
        }
        let draft = Draft::new(METHOD_SEND, CLASS_INDICATION, draw_id(&mut self.random));
        let draft = draft.address(ATTR_XOR_PEER_ADDRESS, peer).bytes(ATTR_DATA, payload);
        self.transmits.push_back(draft.finish_indication());
    }

    fn bind(&mut self, now: SimTime, peer: SocketAddrV4) {
        let number = match self.channels.get(&peer) {
            Some(channel) => channel.number,
            // A number is never another peer's: RFC 8656 12 would have it rest for five minutes.
            None => match self.numbers.keys().next_back().map_or(FIRST_CHANNEL, |last| last + 1) {
                number if number > LAST_CHANNEL => return,
                number => number,
            },
        };
        self.channels.insert(peer, Channel { number, state: ChannelState::Asked, refresh: None });
        self.numbers.insert(number, peer);
        self.ask(now, What::Bind(peer), 0);
    }

    /// Gives the allocation back: [`TurnEvent::Released`] follows, at once where there's nothing to give.
    pub fn close(&mut self, now: SimTime) {
        if self.closing {
            return;
        }
        self.closing = true;
        if self.behaviour.never_gives_back {
            return self.released();
        }
        match self.phase {
            Phase::Up(_) => {
                self.forget();
                self.ask(now, What::Release, 0);
            }
            // The server may have made it already: what it answers is waited for.
            Phase::Allocating if self.credentials.is_some() => {}
            Phase::Allocating | Phase::Over => self.released(),
        }
    }

    // --- time --------------------------------------------------------------------------------------------------------

    /// A timer is due.
    pub fn handle_timeout(&mut self, now: SimTime) {
        let mut given_up = Vec::new();
        for (id, open) in &mut self.open {
            match open.transaction.step(now) {
                Step::Wait => {}
                Step::Repeat(request) => self.transmits.push_back(request),
                Step::GiveUp => given_up.push(*id),
            }
        }
        for id in given_up {
            if let Some(open) = self.open.remove(&id) {
                self.refused(now, open.what, TurnError::NoAnswer);
            }
        }
        if let Phase::Up(allocation) = &self.phase
            && allocation.expires <= now
        {
            let silence = self.open.values().any(|open| open.what == What::Refresh);
            let trouble = if silence { TurnError::NoAnswer } else { allocation.trouble.clone() };
            return self.end(trouble);
        }
        for what in self.due(now) {
            self.ask(now, what, 0);
        }
    }

    /// What is to be refreshed.
    fn due(&mut self, now: SimTime) -> Vec<What> {
        let mut due = Vec::new();
        let lazy = self.behaviour.never_refreshes || self.closing;
        let mut look = |timer: &mut Option<SimTime>, what| {
            if timer.take_if(|at| *at <= now).is_some() && !lazy {
                due.push(what);
            }
        };
        if let Phase::Up(allocation) = &mut self.phase {
            look(&mut allocation.refresh, What::Refresh);
        }
        for (address, permission) in &mut self.permissions {
            look(&mut permission.refresh, What::Permit(*address));
        }
        for (peer, channel) in &mut self.channels {
            look(&mut channel.refresh, What::Bind(*peer));
            if matches!(channel.state, ChannelState::Bound { until } if until <= now) && !lazy {
                channel.state = ChannelState::RanOut;
            }
        }
        due
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        let open = self.open.values().map(|open| open.transaction.due());
        let allocation = match &self.phase {
            Phase::Up(allocation) => [allocation.refresh, Some(allocation.expires)],
            Phase::Allocating | Phase::Over => [None, None],
        };
        let permissions = self.permissions.values().filter_map(|permission| permission.refresh);
        let channels = self.channels.values().filter_map(|channel| channel.refresh);
        open.chain(allocation.into_iter().flatten()).chain(permissions).chain(channels).min()
    }

    /// The next datagram for the server, or the next bytes for its connection.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transmits.pop_front()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<TurnEvent> {
        self.events.pop_front()
    }
}

/// RFC 8656 14.2; a server that doesn't say means the default.
fn lifetime(answer: &Message) -> Duration {
    Duration::from_secs(message::number(answer, ATTR_LIFETIME).unwrap_or(600).into())
}

/// How long a refresh waits.
fn before(lifetime: Duration) -> Duration {
    if lifetime > 2 * AHEAD { lifetime - AHEAD } else { lifetime / 2 }
}
