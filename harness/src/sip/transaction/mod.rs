//! Transactions: requests repeated until they're answered, answers repeated until they're heard (RFC 3261 section 17,
//! with RFC 6026's Accepted state).
//!
//! All four machines live in one [`Transactions`]. It does no I/O and reads no clock (law 2):
//!
//! - `client`: INVITE and other requests that are sent; the ACK of a refused INVITE is sent here.
//! - `server`: INVITE and other requests that come; repetitions are answered here.
//! - `timers`: the RFC's times ([`Timers`]), and the clocks that run.
//!
//! | timer | of | after | zero when reliable |
//! |---|---|---|---|
//! | A | INVITE repeated | T1, doubling | never set |
//! | B, F | no answer: [`TransactionEvent::TimedOut`] | 64*T1 | |
//! | C | it rings and rings: [`TransactionEvent::TimedOut`] | [`Timers::c`] | |
//! | D | repeated refusals acknowledged | 64*T1 | yes |
//! | E | another request repeated | T1, doubling up to T2; T2 once provisionally answered | never set |
//! | G | a refusal repeated | T1, doubling up to T2 | never set |
//! | H | no ACK: [`TransactionEvent::AckMissing`] | 64*T1 | |
//! | I | repeated ACKs swallowed | T4 | yes |
//! | J | repeated requests answered | 64*T1 | yes |
//! | K | repeated answers swallowed | T4 | yes |
//! | L, M | 2xx of an INVITE passed through | 64*T1 | |
//!
//! A 2xx to an INVITE is repeated by whoever answers calls, not here (13.3.1.4), and so is its ACK.

mod client;
mod server;
mod timers;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use super::{Flow, Message, Method, Name};
use crate::trace::SimTime;

use client::Client;
use server::{Acknowledged, Server};
use timers::{Alarm, Alarms, Clock, Side};

pub use timers::Timers;

/// How a branch begins that is unique, as RFC 3261 wants it (8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// A request that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(u64);

/// A request that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(u64);

/// Bytes that are to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To whom, and how.
    pub flow: Flow,
    /// One message.
    pub payload: Bytes,
}

/// What the user of the transactions is to know.
#[derive(Debug, Clone)]
pub enum TransactionEvent {
    /// A new request. Its repetitions are answered without a word. It must be answered, sooner or later.
    Request {
        /// What [`Transactions::respond`] wants to know.
        server: ServerId,
        /// The request.
        request: Message,
        /// Where it came from.
        flow: Flow,
    },
    /// An ACK that no transaction waits for: that of a 2xx.
    Ack {
        /// The ACK.
        request: Message,
        /// Where it came from.
        flow: Flow,
    },
    /// A CANCEL. Whoever hears of it answers both it and what it cancels.
    Cancel {
        /// The CANCEL's own transaction.
        server: ServerId,
        /// The INVITE that it means, if it's known.
        invite: Option<ServerId>,
        /// The CANCEL.
        request: Message,
        /// Where it came from.
        flow: Flow,
    },
    /// A response to one of our requests: each provisional one, the final one, and to an INVITE each 2xx.
    Response {
        /// Which request.
        client: ClientId,
        /// The response.
        response: Message,
        /// Where it came from.
        flow: Flow,
    },
    /// A response to nothing that's known.
    Stray {
        /// The response.
        response: Message,
        /// Where it came from.
        flow: Flow,
    },
    /// A request that was never answered (timers B and F), or an INVITE that was never answered finally (timer C): that
    /// one can still be cancelled, and what comes then is acknowledged.
    TimedOut {
        /// Which request.
        client: ClientId,
    },
    /// The way of a request broke before it was answered finally.
    FlowFailed {
        /// Which request.
        client: ClientId,
    },
    /// We refused an INVITE and nobody acknowledged it (timer H).
    AckMissing {
        /// Which INVITE.
        server: ServerId,
    },
}

/// All transactions of one SIP element.
///
/// ```
/// use busyhour::sip::transaction::{TransactionEvent, Timers, Transactions};
/// use busyhour::sip::{Flow, Message, Writer};
/// use busyhour::trace::SimTime;
/// use std::time::Duration;
///
/// let server: std::net::SocketAddrV4 = "10.0.0.1:5060".parse().unwrap();
/// let request = Message::read(
///     "OPTIONS sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n\
///      To: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
/// )
/// .unwrap();
///
/// let mut transactions = Transactions::new(Timers::default());
/// let client = transactions.request(SimTime::ZERO, request.clone(), Flow::udp(server));
/// assert_eq!(transactions.poll_transmit().unwrap().payload, *request.raw());
///
/// // Half a second later it's sent again.
/// let later = transactions.poll_timeout().unwrap();
/// assert_eq!(later, SimTime::ZERO + Duration::from_millis(500));
/// transactions.handle_timeout(later);
/// assert_eq!(transactions.poll_transmit().unwrap().payload, *request.raw());
///
/// let answer = Message::read(Writer::answer(&request, 200, "OK", Some("2")).end()).unwrap();
/// transactions.receive(later, answer, Flow::udp(server));
/// assert!(matches!(transactions.poll_event(), Some(TransactionEvent::Response { client: c, .. }) if c == client));
/// ```
///
/// # What it keeps
/// A request that was sent ends by itself. One that came ends 64*T1 after it was answered, or without an answer 64*T1 + T4
/// after it came; but an INVITE may ring for ever: whoever hears of one must answer it finally. Nothing is kept of ACKs and stray responses.
#[derive(Debug)]
pub struct Transactions {
    clients: FxHashMap<ClientId, Client>,
    servers: FxHashMap<ServerId, Server>,
    client_keys: FxHashMap<Key, ClientId>,
    server_keys: FxHashMap<Key, ServerId>,
    desk: Desk,
    last_id: u64,
    /// The latest moment that anybody told.
    latest: SimTime,
    scratch: Vec<u8>,
}

/// What names a transaction on the wire, hashed: branch, sent-by, method (17.1.3, 17.2.3). 128 bits, so that two never
/// meet by chance.
type Key = u128;

/// If a transaction goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lives,
    Ends,
}

/// What the machines put their work on.
#[derive(Debug)]
struct Desk {
    timers: Timers,
    alarms: Alarms,
    transmits: VecDeque<Transmit>,
    events: VecDeque<TransactionEvent>,
}

impl Desk {
    fn send(&mut self, flow: Flow, payload: Bytes) {
        self.transmits.push_back(Transmit { flow, payload });
    }

    fn tell(&mut self, event: TransactionEvent) {
        self.events.push_back(event);
    }

    fn ring_after(&mut self, now: SimTime, wait: Duration, side: Side, id: u64, clock: Clock) -> Option<SimTime> {
        let due = now + wait;
        self.alarms.set(Alarm { due, id, clock, side });
        Some(due)
    }
}

impl Transactions {
    /// None yet.
    pub fn new(timers: Timers) -> Transactions {
        Transactions {
            clients: FxHashMap::default(),
            servers: FxHashMap::default(),
            client_keys: FxHashMap::default(),
            server_keys: FxHashMap::default(),
            desk: Desk { timers, alarms: Alarms::default(), transmits: VecDeque::new(), events: VecDeque::new() },
            last_id: 0,
            latest: SimTime::ZERO,
            scratch: Vec::new(),
        }
    }

    /// A message has come.
    pub fn receive(&mut self, now: SimTime, message: Message, flow: Flow) {
        self.latest = self.latest.max(now);
        if !message.is_request() {
            self.receive_response(now, message, flow);
        } else {
            match message.method() {
                Method::Ack => self.receive_ack(now, message, flow),
                _ => self.receive_request(now, message, flow),
            }
        }
        self.tidy();
    }

    fn receive_response(&mut self, now: SimTime, response: Message, flow: Flow) {
        let key = client_key(&mut self.scratch, &response);
        let Some(&id) = self.client_keys.get(&key) else {
            self.desk.tell(TransactionEvent::Stray { response, flow });
            return;
        };
        let client = self.clients.get_mut(&id).expect("a key names a transaction that lives");
        if client.flow == (Flow { connection: None, ..flow }) {
            // It went by this connection, then; that another one to there breaks is nothing to it.
            client.flow = flow;
        }
        if client.response(&mut self.desk, now, response, flow) == Fate::Ends {
            self.end_client(id);
        }
    }

    fn receive_ack(&mut self, now: SimTime, request: Message, flow: Flow) {
        let key = server_key(&mut self.scratch, &request, "INVITE");
        let server = self.server_keys.get(&key).copied();
        if let Some(id) = server {
            let server = self.servers.get_mut(&id).expect("a key names a transaction that lives");
            match server.acknowledged(&mut self.desk, now) {
                Acknowledged::Here(Fate::Lives) => return,
                Acknowledged::Here(Fate::Ends) => return self.end_server(id),
                Acknowledged::Above => {}
            }
        }
        self.desk.tell(TransactionEvent::Ack { request, flow });
    }

    fn receive_request(&mut self, now: SimTime, request: Message, flow: Flow) {
        let method = request.method();
        let key = server_key(&mut self.scratch, &request, method.as_str());
        if let Some(id) = self.server_keys.get(&key) {
            self.servers[id].repeated(&mut self.desk);
            return;
        }
        self.last_id += 1;
        let server = ServerId(self.last_id);
        self.servers.insert(server, Server::start(&mut self.desk, now, server, key, &request, flow));
        self.server_keys.insert(key, server);
        self.desk.tell(if method == Method::Cancel {
            let key = server_key(&mut self.scratch, &request, "INVITE");
            let invite = self.server_keys.get(&key).copied();
            TransactionEvent::Cancel { server, invite, request, flow }
        } else {
            TransactionEvent::Request { server, request, flow }
        });
    }

    /// Sends a request, again and again until it's answered. Its first Via has a branch of its own; an ACK isn't sent so
    /// ([`Transactions::send`]).
    ///
    /// # Panics
    /// It isn't a request, or an ACK, or its branch is in use for a request of that method.
    pub fn request(&mut self, now: SimTime, request: Message, flow: Flow) -> ClientId {
        self.latest = self.latest.max(now);
        assert!(request.is_request(), "a client transaction begins with a request");
        assert!(request.method() != Method::Ack, "an ACK has no transaction: nobody answers it");
        let key = client_key(&mut self.scratch, &request);
        self.last_id += 1;
        let id = ClientId(self.last_id);
        let before = self.client_keys.insert(key, id);
        assert!(
            before.is_none(),
            "each request of a method has a branch of its own, or answers couldn't be told apart"
        );
        self.clients.insert(id, Client::start(&mut self.desk, now, id, key, request, flow));
        self.tidy();
        id
    }

    /// Sends what has no transaction: the ACK of a 2xx.
    pub fn send(&mut self, bytes: Bytes, flow: Flow) {
        self.desk.send(flow, bytes);
    }

    /// Answers a request, by the way that it came. Nothing happens if it was answered finally before (but for a 2xx to
    /// an INVITE, which its user repeats), or if its sender has given up meanwhile.
    ///
    /// # Panics
    /// It isn't a response.
    pub fn respond(&mut self, now: SimTime, server: ServerId, response: Message) {
        self.latest = self.latest.max(now);
        assert!(response.status().is_some(), "a request is answered by a response");
        let Some(transaction) = self.servers.get_mut(&server) else { return };
        if transaction.respond(&mut self.desk, now, &response) == Fate::Ends {
            self.end_server(server);
        }
        self.tidy();
    }

    /// Who sent a request can be reached another way now, and that's how it's answered: the connection that it came by
    /// has broken, and its sender has opened another (RFC 5626 5.3 has flows for that).
    pub fn reroute(&mut self, server: ServerId, flow: Flow) {
        if let Some(transaction) = self.servers.get_mut(&server) {
            transaction.flow = flow;
        }
    }

    /// Nobody wants to hear of that request any more. What must be done for the other side's sake is still done: a
    /// refusal of an INVITE is acknowledged, for 64*T1 more if it rings.
    pub fn forget(&mut self, client: ClientId) {
        self.desk.events.retain(|event| match event {
            TransactionEvent::Response { client: other, .. }
            | TransactionEvent::TimedOut { client: other }
            | TransactionEvent::FlowFailed { client: other } => *other != client,
            _ => true,
        });
        if let Some(transaction) = self.clients.get_mut(&client) {
            transaction.forget(&mut self.desk, self.latest);
        }
        self.tidy();
    }

    /// A connection broke or couldn't be opened, or nobody is at the address. Whatever was sent to `flow` fails: over
    /// connections also what was sent to its address by whichever connection there'd be.
    pub fn flow_failed(&mut self, now: SimTime, flow: Flow) {
        self.latest = self.latest.max(now);
        let mut clients: Vec<ClientId> =
            self.clients.iter().filter(|(_, client)| goes_by(client.flow, flow)).map(|(id, _)| *id).collect();
        clients.sort_unstable();
        for id in clients {
            let client = self.clients.get_mut(&id).expect("it was just found");
            if client.breaks(&mut self.desk) == Fate::Ends {
                self.end_client(id);
            }
        }
        let over: Vec<ServerId> = self
            .servers
            .iter()
            .filter(|(_, server)| flow.transport.is_reliable() && goes_by(server.flow, flow))
            .filter(|(_, server)| server.breaks() == Fate::Ends)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.end_server(id);
        }
        self.tidy();
    }

    /// Lets everything happen that is due.
    pub fn handle_timeout(&mut self, now: SimTime) {
        self.latest = self.latest.max(now);
        while let Some(alarm) = self.desk.alarms.first() {
            if alarm.due > now {
                break;
            }
            self.desk.alarms.drop_first();
            // What repeats itself is late if its clock is: the next interval counts from now.
            self.ring(now, alarm);
        }
        self.tidy();
    }

    fn ring(&mut self, now: SimTime, Alarm { due, id, clock, side }: Alarm) {
        match side {
            Side::Client => {
                let Some(client) = self.clients.get_mut(&ClientId(id)) else { return };
                if client.is_due(clock, due) && client.rings(&mut self.desk, now, clock) == Fate::Ends {
                    self.end_client(ClientId(id));
                }
            }
            Side::Server => {
                let Some(server) = self.servers.get_mut(&ServerId(id)) else { return };
                if server.is_due(clock, due) && server.rings(&mut self.desk, now, clock) == Fate::Ends {
                    self.end_server(ServerId(id));
                }
            }
        }
    }

    /// When [`Transactions::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.desk.alarms.first().map(|alarm| alarm.due)
    }

    /// The next message to be sent.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.desk.transmits.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<TransactionEvent> {
        self.desk.events.pop_front()
    }

    /// How many transactions there are, of whatever state. None is left once everything has ended.
    pub fn live(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    fn end_client(&mut self, id: ClientId) {
        let client = self.clients.remove(&id).expect("a transaction ends once");
        self.client_keys.remove(&client.key);
    }

    fn end_server(&mut self, id: ServerId) {
        let server = self.servers.remove(&id).expect("a transaction ends once");
        self.server_keys.remove(&server.key);
    }

    /// Leaves a clock at the top that somebody waits for.
    fn tidy(&mut self) {
        let (clients, servers) = (&self.clients, &self.servers);
        let stands = |alarm: Alarm| match alarm.side {
            Side::Client => clients.get(&ClientId(alarm.id)).is_some_and(|one| one.is_due(alarm.clock, alarm.due)),
            Side::Server => servers.get(&ServerId(alarm.id)).is_some_and(|one| one.is_due(alarm.clock, alarm.due)),
        };
        while self.desk.alarms.first().is_some_and(|alarm| !stands(alarm)) {
            self.desk.alarms.drop_first();
        }
        self.desk.alarms.shrink(clients.len() + servers.len(), stands);
    }
}

/// If what goes by `one` fails together with `failed`. A flow without a connection goes by any to its address.
fn goes_by(one: Flow, failed: Flow) -> bool {
    let same = one.transport == failed.transport && one.remote == failed.remote;
    same && (one.connection == failed.connection || one.connection.is_none() || failed.connection.is_none())
}

/// A response belongs to the request with the branch of its first Via and the method of its CSeq (17.1.3).
fn client_key(scratch: &mut Vec<u8>, message: &Message) -> Key {
    scratch.clear();
    if let Ok(via) = message.via()
        && let Some(branch) = via.branch()
    {
        scratch.extend_from_slice(branch.as_bytes());
    }
    scratch.push(0);
    scratch.extend_from_slice(message.method().as_str().as_bytes());
    xxh3_128(scratch)
}

/// A request is the same as one with the branch, sent-by and method of it, where ACK counts as INVITE (17.2.3). Without
/// a branch that is known to be unique, RFC 2543's rule: target, From, Call-ID, CSeq number and first Via.
fn server_key(scratch: &mut Vec<u8>, message: &Message, method: &str) -> Key {
    scratch.clear();
    fn part(scratch: &mut Vec<u8>, bytes: &[u8]) {
        scratch.extend_from_slice(bytes);
        scratch.push(0);
    }
    part(scratch, method.as_bytes());
    let via = message.via().ok();
    match via.as_ref().and_then(|via| Some((via, via.branch()?))) {
        Some((via, branch)) if has_cookie(branch) => {
            part(scratch, branch.as_bytes());
            part(scratch, &via.port.unwrap_or_default().to_be_bytes());
            scratch.extend(via.host.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        _ => {
            part(scratch, message.target().as_bytes());
            for name in [Name::Via, Name::From, Name::CallId] {
                part(scratch, message.first(name).unwrap_or_default().as_bytes());
            }
            let cseq = message.first(Name::CSeq).unwrap_or_default();
            part(scratch, cseq.split_ascii_whitespace().next().unwrap_or_default().as_bytes());
        }
    }
    xxh3_128(scratch)
}

fn has_cookie(branch: &str) -> bool {
    let cookie = branch.get(..MAGIC_COOKIE.len());
    branch.len() > MAGIC_COOKIE.len() && cookie.is_some_and(|cookie| cookie.eq_ignore_ascii_case(MAGIC_COOKIE))
}

#[cfg(test)]
mod tests;
