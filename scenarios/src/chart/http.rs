//! HTTP out of TCP: requests and their replies, with each try of them that the network saw.
//!
//! A connection's two directions are matched by their SYNs, not by their addresses: a NAT box may stand between the two,
//! and a capture has each packet as it arrived.

use std::collections::VecDeque;
use std::net::SocketAddrV4;

use busyhour_oracle::read::form::Form;
use busyhour_oracle::read::http::{self, Request, Response};
use busyhour_oracle::read::ipv4::{self, Packet};
use busyhour_oracle::read::stream::Flow;
use busyhour_oracle::read::tcp::Segment;
use busyhour_oracle::read::telling::Told;
use busyhour_oracle::web::{AGENT_API, NON_AGENT_API, SCREENS};
use busyhour_trace::{HostId, Loss, PacketId, PacketSeen, SimTime, Stage};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{Fate, Protocol};

/// What stands behind this in a message isn't shown.
const TEXT_MAX: usize = 16 * 1024;
/// A longer path is cut on its arrow.
const PATH_MAX: usize = 40;
/// A segment that comes again after so many messages isn't worth to be remembered.
const MESSAGES_BACK: usize = 32;
/// The methods that webhooks, pages and pollers use.
const METHODS: [&[u8]; 7] = [b"GET /", b"POST /", b"PUT /", b"HEAD /", b"OPTIONS /", b"DELETE /", b"PATCH /"];

pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

/// A message's way over the wire: once, or again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    pub packet: PacketId,
    pub sent: SimTime,
    pub fate: Fate,
}

/// A whole message.
#[derive(Debug)]
pub(super) struct Message {
    /// Where its bytes begin and end in the stream.
    pub begin: u32,
    pub end: u32,
    pub tries: Vec<Try>,
    /// Packets of it that were lost, apart from its last.
    pub lost: Vec<Loss>,
    pub what: What,
    pub text: String,
}

#[derive(Debug)]
pub(super) enum What {
    Request { protocol: Protocol, label: String, key: u64, screen: Option<Screen>, reply: Option<usize> },
    Reply { protocol: Protocol, status: u16, reason: String, body: Vec<u8>, to: usize },
}

/// What a screen asks.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    pub session: String,
    pub user: String,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub begun: bool,
    pub ended: bool,
    /// The sequence number of the first of `bytes`.
    pub next: u32,
    pub bytes: Vec<u8>,
    /// Where the packets of `bytes` begin.
    pub marks: VecDeque<(u32, SimTime, PacketId)>,
    pub messages: Vec<Message>,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub client: Option<HostId>,
    pub server: Option<HostId>,
    pub port: u16,
    pub first: u32,
    /// Its SYNs.
    pub knocks: Vec<Try>,
    /// The server wouldn't.
    pub refusal: Option<Try>,
    /// One side gave up before all was answered.
    pub reset: Option<(usize, Try)>,
    pub is_http: Option<bool>,
    pub halves: [Half; 2],
    pub waiting: VecDeque<usize>,
}

/// Reads HTTP where it's spoken. Give it every sighting of a run.
#[derive(Debug, Default)]
pub(super) struct Web {
    connections: Vec<Connection>,
    /// Which connection, and which side of it speaks.
    flows: FxHashMap<Flow, (usize, usize)>,
    carried: FxHashMap<PacketId, Carried>,
}

/// What a packet carries.
#[derive(Debug, Clone, Copy)]
enum Carried {
    Bytes { connection: usize, side: usize, begin: u32, end: u32 },
    Knock(usize),
    Refusal(usize),
    Reset(usize),
}

impl Web {
    /// Takes a sighting.
    pub(super) fn packet(&mut self, seen: &PacketSeen<'_>) {
        match seen.stage {
            Stage::Sent => self.sent(seen),
            Stage::Copied { .. } => {}
            Stage::Arrived => self.ended(seen.id, Fate::Arrived(seen.at)),
            Stage::Lost(loss) => self.ended(seen.id, Fate::Lost(loss)),
        }
    }

    fn sent(&mut self, seen: &PacketSeen<'_>) {
        let Ok(packet) = Packet::read(seen.bytes) else { return };
        if packet.protocol != ipv4::TCP || packet.is_fragment() {
            return;
        }
        let Ok(segment) = Segment::read(packet.payload) else { return };
        let flow = Flow {
            from: SocketAddrV4::new(packet.source, segment.source_port),
            to: SocketAddrV4::new(packet.destination, segment.destination_port),
        };
        let flags = segment.flags;
        if flags.syn() && !flags.ack() {
            return self.knock(seen, flow, &segment);
        }
        if flags.syn() || flags.rst() && !self.flows.contains_key(&flow) {
            self.answer(seen, flow, &segment);
        }
        let Some(&(number, side)) = self.flows.get(&flow) else { return };
        let connection = &mut self.connections[number];
        connection.halves[side].ended |= flags.fin();
        if flags.rst() && connection.reset.is_none() && !connection.waiting.is_empty() {
            connection.reset = Some((side, Try { packet: seen.id, sent: seen.at, fate: Fate::OnItsWay }));
            self.carried.insert(seen.id, Carried::Reset(number));
        }
        if segment.payload.is_empty() || connection.is_http == Some(false) {
            return;
        }
        let begin = segment.sequence;
        let end = begin.wrapping_add(segment.payload.len() as u32);
        self.carried.insert(seen.id, Carried::Bytes { connection: number, side, begin, end });
        connection.take(side, seen, &segment);
    }

    /// A SYN of a client.
    fn knock(&mut self, seen: &PacketSeen<'_>, flow: Flow, segment: &Segment<'_>) {
        let knock = Try { packet: seen.id, sent: seen.at, fate: Fate::OnItsWay };
        let known = self.flows.get(&flow).filter(|(number, _)| self.connections[*number].first == segment.sequence);
        let number = match known {
            Some((number, _)) => *number,
            None => {
                let client = Half { begun: true, next: segment.sequence.wrapping_add(1), ..Half::default() };
                self.connections.push(Connection {
                    client: seen.from,
                    server: seen.to,
                    port: flow.to.port(),
                    first: segment.sequence,
                    knocks: Vec::new(),
                    refusal: None,
                    reset: None,
                    is_http: None,
                    halves: [client, Half::default()],
                    waiting: VecDeque::new(),
                });
                self.connections.len() - 1
            }
        };
        self.flows.insert(flow, (number, CLIENT));
        self.connections[number].knocks.push(knock);
        self.carried.insert(seen.id, Carried::Knock(number));
    }

    /// The answer to a SYN: another one, or a refusal.
    fn answer(&mut self, seen: &PacketSeen<'_>, flow: Flow, segment: &Segment<'_>) {
        let is_asked = |one: &Connection| {
            let between = one.client == seen.to && one.server == seen.from && one.port == flow.from.port();
            between && one.first.wrapping_add(1) == segment.acknowledgement
        };
        let Some(number) = self.connections.iter().rposition(is_asked) else { return };
        let connection = &mut self.connections[number];
        if segment.flags.rst() {
            if !connection.halves[SERVER].begun {
                connection.refusal = Some(Try { packet: seen.id, sent: seen.at, fate: Fate::OnItsWay });
                self.carried.insert(seen.id, Carried::Refusal(number));
            }
            return;
        }
        let half = &mut connection.halves[SERVER];
        if !half.begun {
            half.begun = true;
            half.next = segment.sequence.wrapping_add(1);
        }
        self.flows.insert(flow, (number, SERVER));
    }

    fn ended(&mut self, packet: PacketId, fate: Fate) {
        match self.carried.remove(&packet) {
            Some(Carried::Bytes { connection, side, begin, end }) => {
                let messages = &mut self.connections[connection].halves[side].messages;
                for message in messages.iter_mut().rev().take(MESSAGES_BACK) {
                    if let Some(carrier) = message.tries.iter_mut().find(|carrier| carrier.packet == packet) {
                        carrier.fate = fate;
                    } else if let Fate::Lost(loss) = fate
                        && within(begin, message.begin.wrapping_add(1), end)
                    {
                        message.lost.push(loss);
                    }
                }
            }
            Some(Carried::Knock(number)) => {
                let knocks = &mut self.connections[number].knocks;
                knocks.iter_mut().filter(|knock| knock.packet == packet).for_each(|knock| knock.fate = fate);
            }
            Some(Carried::Refusal(number)) => {
                if let Some(refusal) = &mut self.connections[number].refusal {
                    refusal.fate = fate;
                }
            }
            Some(Carried::Reset(number)) => {
                if let Some((_, reset)) = &mut self.connections[number].reset {
                    reset.fate = fate;
                }
            }
            None => {}
        }
    }

    /// The connections, in the order in which they were begun.
    pub(super) fn connections(&self) -> &[Connection] {
        &self.connections
    }
}

impl Connection {
    /// True once the server has answered the SYN.
    pub(super) fn is_up(&self) -> bool {
        self.halves[SERVER].begun
    }

    /// Takes the bytes of a segment that was sent, and reads the messages that are whole.
    fn take(&mut self, side: usize, seen: &PacketSeen<'_>, segment: &Segment<'_>) {
        let half = &mut self.halves[side];
        if !half.begun {
            return;
        }
        let end = segment.sequence.wrapping_add(segment.payload.len() as u32);
        for message in half.messages.iter_mut().rev().take(MESSAGES_BACK) {
            if within(segment.sequence, message.end, end) {
                message.tries.push(Try { packet: seen.id, sent: seen.at, fate: Fate::OnItsWay });
            }
        }
        let expected = half.next.wrapping_add(half.bytes.len() as u32);
        let known = expected.wrapping_sub(segment.sequence) as usize;
        let Some(new) = segment.payload.get(known..).filter(|new| !new.is_empty()) else { return };
        half.bytes.extend_from_slice(new);
        half.marks.push_back((expected, seen.at, seen.id));
        if self.is_http.is_none() && side == CLIENT {
            let begin = &self.halves[CLIENT].bytes;
            self.is_http = Some(METHODS.iter().any(|method| begin.starts_with(method)));
        }
        if self.is_http != Some(true) {
            self.halves[side] = Half { begun: true, ..Half::default() };
            return;
        }
        let read = if side == CLIENT { self.requests() } else { self.replies() };
        if !read {
            self.is_http = Some(false);
        }
    }

    /// Reads requests; false if this is none of HTTP any more.
    fn requests(&mut self) -> bool {
        loop {
            let half = &mut self.halves[CLIENT];
            let (request, length) = match http::read_request(&half.bytes) {
                Ok(Some(read)) => read,
                Ok(None) => return true,
                Err(_) => return false,
            };
            // A WebSocket is told of by those who read it.
            if request.message.text("Upgrade").is_some() {
                return false;
            }
            let text = shown(&half.bytes[..length]);
            half.cut(length, asked(&request), text);
            self.waiting.push_back(half.messages.len() - 1);
        }
    }

    fn replies(&mut self) -> bool {
        loop {
            let [client, server] = &mut self.halves;
            let Some(&to) = self.waiting.front() else { return true };
            let Message { what: What::Request { protocol, reply, .. }, text, .. } = &mut client.messages[to] else {
                return false;
            };
            let method = text.split(' ').next().unwrap_or_default();
            let (response, length) = match http::read_response(&server.bytes, method, server.ended) {
                Ok(Some(read)) => read,
                Ok(None) => return true,
                Err(_) => return false,
            };
            let is_final = response.status >= 200;
            if is_final {
                *reply = Some(server.messages.len());
                self.waiting.pop_front();
            }
            let protocol = *protocol;
            let text = shown(&server.bytes[..length]);
            let Response { status, reason, message, .. } = response;
            server.cut(length, What::Reply { protocol, status, reason, body: message.body, to }, text);
        }
    }
}

impl Half {
    /// Makes a message of the first `length` bytes.
    fn cut(&mut self, length: usize, what: What, text: String) {
        let begin = self.next;
        let end = begin.wrapping_add(length as u32);
        while self.marks.get(1).is_some_and(|(at, ..)| begin.wrapping_sub(*at) as i32 >= 0) {
            self.marks.pop_front();
        }
        let first = self.marks.front().copied();
        while self.marks.get(1).is_some_and(|(at, ..)| end.wrapping_sub(*at) as i32 > 0) {
            self.marks.pop_front();
        }
        let tries = match (first, self.marks.front()) {
            (Some((_, sent, _)), Some((_, _, packet))) => vec![Try { packet: *packet, sent, fate: Fate::OnItsWay }],
            _ => Vec::new(),
        };
        self.bytes.drain(..length);
        self.next = end;
        if self.bytes.is_empty() {
            self.marks.clear();
        }
        self.messages.push(Message { begin, end, tries, lost: Vec::new(), what, text });
    }
}

/// What a request is about.
fn asked(request: &Request) -> What {
    let path = request.target.split('?').next().unwrap_or_default();
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let body = &request.message.body;
    let form = || Form::read(if body.is_empty() { query.as_bytes() } else { body });
    let told = if matches!(path, SCREENS | NON_AGENT_API | AGENT_API) { None } else { Told::read(request) };
    let mut screen = None;
    let (protocol, what) = match (path, &told) {
        (SCREENS, _) => {
            let form = form();
            let field = |name: &str| form.get(name).unwrap_or_default().to_owned();
            screen = Some(Screen { session: field("session_name"), user: field("user") });
            (Protocol::Screen, field("ACTION"))
        }
        (AGENT_API | NON_AGENT_API, _) => (Protocol::Http, form().any(&["function"]).unwrap_or_default().to_owned()),
        (_, Some(told)) => {
            let about = told.kind.clone().or_else(|| told.status.clone());
            (Protocol::Webhook, about.unwrap_or_default())
        }
        _ => (Protocol::Http, String::new()),
    };
    let mut label = match protocol {
        Protocol::Screen => "screen".to_owned(),
        _ => {
            let cut: String = path.chars().take(PATH_MAX).collect();
            format!("{} {cut}{}", request.method, if cut.len() < path.len() { "…" } else { "" })
        }
    };
    if !what.is_empty() {
        label.push_str(if protocol == Protocol::Screen { ": " } else { " " });
        label.push_str(&what);
    }
    let key = match told.and_then(|told| told.id) {
        Some(id) => xxh3_64(id.as_bytes()),
        None => xxh3_64(&[request.target.as_bytes(), body].concat()),
    };
    What::Request { protocol, label, key, screen, reply: None }
}

/// A message's bytes for people.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(TEXT_MAX)];
    let mut text = String::from_utf8_lossy(cut).replace("\r\n", "\n");
    if cut.len() < bytes.len() {
        text.push_str(&format!("\n… and {} bytes more", bytes.len() - cut.len()));
    }
    text
}

/// True if `end` lies behind `from` and not behind `to`, as sequence numbers go round.
fn within(from: u32, end: u32, to: u32) -> bool {
    let reach = end.wrapping_sub(from);
    reach > 0 && reach <= to.wrapping_sub(from)
}
