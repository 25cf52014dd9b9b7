//! The user agent core: calls with their dialogs, and requests outside of any.
//!
//! A [`UserAgent`] is what a phone and a server are built on. It's sans-I/O: messages from a transport go in by
//! [`UserAgent::receive`], what it has to say comes out by [`UserAgent::poll_transmit`], and what its owner should know
//! by [`UserAgent::poll_event`]. A back-to-back user agent is one of these with two calls.
//!
//! Here live RFC 3261's rules above the transactions (dialogs, 2xx repeated until its ACK, CANCEL and BYE in every
//! order), RFC 3262 (PRACK), 3311 (UPDATE), 3515 (REFER), 3891 (Replaces) and 4028 (session timers).

mod call;
mod challenge;
mod dialog;
mod event;
mod incoming;
mod offer;
mod outgoing;
mod provisional;
mod refer;
mod registration;
mod session;
mod settings;
mod timers;

use std::collections::VecDeque;

use bytes::Bytes;
use rustc_hash::FxHashMap;

pub use event::{Ending, Event, Failure};
pub use outgoing::{Outgoing, Request, RequestMethod};
pub use registration::{Registration, RegistrationSettings, RegistrationState};
pub use settings::{Quirks, ReliableProvisionals, SessionSettings, Settings};

use self::call::{Call, State};
use self::timers::{Timer, Timers};
use super::digest;
use super::transaction::{ClientId, ServerId, TransactionEvent, Transactions, Transmit};
use super::{Flow, Message, Method, Name, Writer};
use crate::trace::SimTime;
use crate::world::Random;

/// A call of a [`UserAgent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u64);

/// A request that a [`UserAgent`] sent outside of any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u64);

/// The methods that are understood, as an Allow header lists them.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, INFO";

/// What a client transaction was begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Invite(CallId),
    /// A re-INVITE or an UPDATE.
    Offer(CallId),
    Bye(CallId),
    Refer(CallId),
    /// NOTIFY, INFO: a refusal is reported, and that the dialog is gone ends the call.
    Other(CallId),
    /// CANCEL, PRACK, a BYE to a fork that lost: nobody waits for the answer.
    Nobody,
    Request(RequestId),
}

/// A client transaction that runs.
#[derive(Debug)]
struct Pending {
    purpose: Purpose,
    request: Message,
    flow: Flow,
    /// How often it was sent again with credentials.
    challenged: u8,
}

/// Calls, and the dialogs that carry them.
#[derive(Debug)]
pub struct UserAgent {
    settings: Settings,
    random: Random,
    transactions: Transactions,
    credentials: Option<digest::Client>,
    // Boxed: a call is taken out while it's worked on.
    #[allow(clippy::vec_box)]
    calls: FxHashMap<CallId, Box<Call>>,
    /// Which call a tag of ours belongs to.
    tags: FxHashMap<Box<str>, CallId>,
    /// The last call that came in with a Call-ID.
    called: FxHashMap<Box<str>, CallId>,
    pending: FxHashMap<ClientId, Pending>,
    /// INVITEs that aren't answered finally, and whose call they are.
    invites: FxHashMap<ServerId, CallId>,
    timers: Timers,
    /// INVITEs that were accepted, and until when another fork may accept them too.
    accepted: VecDeque<(SimTime, ClientId)>,
    events: VecDeque<Event>,
    next: u64,
}

impl UserAgent {
    /// A user agent without calls.
    pub fn new(settings: Settings, random: Random) -> UserAgent {
        UserAgent {
            transactions: Transactions::new(settings.timers),
            credentials: settings.credentials.clone().map(digest::Client::new),
            settings,
            random,
            calls: FxHashMap::default(),
            tags: FxHashMap::default(),
            called: FxHashMap::default(),
            pending: FxHashMap::default(),
            invites: FxHashMap::default(),
            timers: Timers::default(),
            accepted: VecDeque::new(),
            events: VecDeque::new(),
            next: 0,
        }
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes what it does wrong, from now on.
    pub fn set_quirks(&mut self, quirks: Quirks) {
        self.settings.quirks = quirks;
    }

    /// It has another address now (`10.0.0.7:5060`); calls that are up keep their dialogs, and tell it by their next
    /// request.
    pub fn set_sent_by(&mut self, sent_by: impl Into<String>) {
        self.settings.sent_by = sent_by.into();
    }

    /// Other credentials, from now on.
    pub fn set_credentials(&mut self, credentials: Option<digest::Credentials>) {
        self.credentials = credentials.clone().map(digest::Client::new);
        self.settings.credentials = credentials;
    }

    /// How many calls are up, or on their way up or down.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How many transactions run.
    pub fn transactions(&self) -> usize {
        self.transactions.live()
    }

    /// A message came.
    pub fn receive(&mut self, now: SimTime, message: Message, flow: Flow) {
        if self.settings.quirks.deaf && message.is_request() {
            return;
        }
        self.transactions.receive(now, message, flow);
        self.digest_events(now);
    }

    /// A connection broke, or couldn't be made.
    pub fn flow_failed(&mut self, now: SimTime, flow: Flow) {
        self.transactions.flow_failed(now, flow);
        for call in self.calls.values_mut() {
            if call.flow == flow {
                // The next request opens another connection, where the other side listens for one.
                call.flow.connection = None;
            }
        }
        self.digest_events(now);
    }

    /// The way to the other side of a call, as far as we know.
    pub fn flow(&self, call: CallId) -> Option<Flow> {
        self.calls.get(&call).map(|call| call.flow)
    }

    /// The other side of a call is reached another way from now on, by requests and by answers that it still waits for:
    /// its connection broke and it has made another.
    pub fn move_call(&mut self, call: CallId, flow: Flow) {
        self.with(call, |ua, call| ua.follow(call, flow));
    }

    fn follow(&mut self, call: &mut Call, flow: Flow) {
        if call.flow == flow {
            return;
        }
        call.flow = flow;
        let waits = [call.server, call.answer.as_ref().map(|answer| answer.server)];
        for server in waits.into_iter().flatten() {
            self.transactions.reroute(server, flow);
        }
    }

    /// Time has gone by: whatever is due happens.
    pub fn handle_timeout(&mut self, now: SimTime) {
        self.transactions.handle_timeout(now);
        self.digest_events(now);
        while let Some((owner, timer)) = self.timers.due(now) {
            self.fire(now, owner, timer);
            self.digest_events(now);
        }
    }

    /// When [`UserAgent::handle_timeout`] should be called next.
    pub fn poll_timeout(&mut self) -> Option<SimTime> {
        match (self.transactions.poll_timeout(), self.timers.next()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transactions.poll_transmit()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Sends a request outside of any call.
    pub fn request(&mut self, now: SimTime, request: Request) -> RequestId {
        let id = RequestId(self.number());
        let message = self.write_request(request.method.method(), &request);
        self.send(now, Purpose::Request(id), message, request.flow);
        id
    }

    /// Answers a request that came by [`Event::Request`].
    pub fn respond(&mut self, now: SimTime, server: ServerId, response: Bytes) {
        self.transactions.respond(now, server, written(response));
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A random token: for tags, branches, Call-IDs.
    fn token(&mut self) -> String {
        format!("{:016x}", self.random.next_u64())
    }

    fn via(&mut self, flow: Flow) -> String {
        let rport = if flow.transport.is_reliable() { "" } else { ";rport" };
        let branch = self.random.next_u64();
        format!("SIP/2.0/{} {}{rport};branch=z9hG4bK{branch:016x}", flow.transport, self.settings.sent_by)
    }

    /// Sends a request in a transaction of its own.
    fn send(&mut self, now: SimTime, purpose: Purpose, request: Message, flow: Flow) -> ClientId {
        let client = self.transactions.request(now, request.clone(), flow);
        self.pending.insert(client, Pending { purpose, request, flow, challenged: 0 });
        client
    }

    /// Works on a call; one that's over afterwards is dropped.
    fn with<R>(&mut self, id: CallId, work: impl FnOnce(&mut Self, &mut Call) -> R) -> Option<R> {
        let mut call = self.calls.remove(&id)?;
        let result = work(self, &mut call);
        if call.state == State::Over {
            self.tags.remove(call.local_tag.as_str());
            if self.called.get(call.call_id.as_str()) == Some(&id) {
                self.called.remove(call.call_id.as_str());
            }
            self.timers.forget(id);
        } else {
            self.calls.insert(id, call);
        }
        Some(result)
    }

    /// What the transactions had to say.
    fn digest_events(&mut self, now: SimTime) {
        while let Some((until, client)) = self.accepted.front().copied()
            && until <= now
        {
            self.accepted.pop_front();
            self.pending.remove(&client);
        }
        while let Some(event) = self.transactions.poll_event() {
            match event {
                TransactionEvent::Request { server, request, flow } => self.requested(now, server, request, flow),
                TransactionEvent::Ack { request, .. } => self.acknowledged(now, &request),
                TransactionEvent::Cancel { server, invite, request, .. } => {
                    self.cancelled(now, server, invite, &request);
                }
                TransactionEvent::Response { client, response, flow } => self.answered(now, client, response, flow),
                TransactionEvent::Stray { response, .. } => self.answered_again(&response),
                TransactionEvent::TimedOut { client } => self.unanswered(now, client, Failure::TimedOut),
                TransactionEvent::FlowFailed { client } => self.unanswered(now, client, Failure::FlowFailed),
                // The refusal was given; that nobody confirmed it changes nothing.
                TransactionEvent::AckMissing { .. } => {}
            }
        }
    }

    /// A response came.
    fn answered(&mut self, now: SimTime, client: ClientId, response: Message, flow: Flow) {
        let status = response.status().expect("transactions report responses as responses");
        let Some(pending) = self.pending.get(&client) else {
            // The answer to an offer again: so our ACK was lost.
            return self.answered_again(&response);
        };
        let purpose = pending.purpose;
        if let Purpose::Invite(call) = purpose {
            return self.invite_answered(now, client, call, response);
        }
        if status < 200 {
            return;
        }
        if matches!(status, 401 | 407) && self.answer_challenge(now, client, &response) {
            return;
        }
        let pending = self.pending.remove(&client).expect("it was there a moment ago");
        match purpose {
            Purpose::Offer(call) => self.offer_answered(now, call, &pending.request, response),
            Purpose::Bye(call) => {
                self.with(call, |ua, call| ua.over(call, call.ending.clone().unwrap_or(Ending::HungUp)));
            }
            Purpose::Refer(call) => self.refer_answered(now, call, status),
            Purpose::Other(call) => {
                if matches!(status, 408 | 481) {
                    self.with(call, |ua, call| ua.lose(now, call));
                }
            }
            Purpose::Request(id) => self.events.push_back(Event::Response { id, outcome: Ok(response), flow }),
            Purpose::Nobody | Purpose::Invite(_) => {}
        }
    }

    /// A request got no final response.
    fn unanswered(&mut self, now: SimTime, client: ClientId, failure: Failure) {
        if self.rings_for_too_long(now, client, failure) {
            return;
        }
        let Some(pending) = self.pending.remove(&client) else { return };
        match pending.purpose {
            Purpose::Invite(call) => self.invite_unanswered(call, failure),
            Purpose::Offer(call) | Purpose::Other(call) | Purpose::Refer(call) => {
                // RFC 3261 12.2.1.2: a dialog whose request times out is to be ended.
                self.with(call, |ua, call| ua.lose(now, call));
            }
            Purpose::Bye(call) => {
                self.with(call, |ua, call| ua.over(call, call.ending.clone().unwrap_or(Ending::HungUp)));
            }
            Purpose::Request(id) => {
                self.events.push_back(Event::Response { id, outcome: Err(failure), flow: pending.flow });
            }
            Purpose::Nobody => {}
        }
    }

    /// A request came, not an ACK and not a CANCEL.
    fn requested(&mut self, now: SimTime, server: ServerId, request: Message, flow: Flow) {
        if let Err(error) = request.check() {
            let (status, reason) = error.status().unwrap_or((400, "Bad Request"));
            // The To header may be what's broken: a tag is added only to one that can be read.
            let tag = request.to().ok().and_then(|to| to.tag().is_none().then(|| self.token()));
            let response =
                Writer::answer(&request, status, reason, tag.as_deref()).header(Name::Warning, warning(&error)).end();
            return self.respond(now, server, response);
        }
        let tag = request.to().ok().and_then(|to| to.tag().map(str::to_owned));
        match tag {
            Some(tag) => self.requested_in_dialog(now, server, request, flow, &tag),
            None => self.requested_outside(now, server, request, flow),
        }
    }

    fn requested_outside(&mut self, now: SimTime, server: ServerId, request: Message, flow: Flow) {
        if let Some(unknown) = unsupported(&request) {
            let tag = self.token();
            let response =
                Writer::answer(&request, 420, "Bad Extension", Some(&tag)).header(Name::Unsupported, unknown);
            return self.respond(now, server, response.end());
        }
        match request.method() {
            Method::Invite => self.invited(now, server, request, flow),
            Method::Bye | Method::Prack | Method::Update => {
                let tag = self.token();
                let response = Writer::answer(&request, 481, "Call/Transaction Does Not Exist", Some(&tag));
                self.respond(now, server, response.end());
            }
            _ => self.events.push_back(Event::Request { server, request, flow }),
        }
    }

    /// Answers a request in the simplest way.
    fn reply(&mut self, now: SimTime, server: ServerId, request: &Message, status: u16) {
        let tag = request.to().ok().and_then(|to| to.tag().is_none().then(|| self.token()));
        let mut response = Writer::answer(request, status, super::reason(status), tag.as_deref());
        if status == 405 {
            response = response.header(Name::Allow, ALLOW);
        }
        self.respond(now, server, response.end());
    }

    /// A timer of ours went off.
    fn fire(&mut self, now: SimTime, id: CallId, timer: Timer) {
        self.with(id, |ua, call| match timer {
            Timer::RepeatAnswer => ua.repeat_answer(now, call),
            Timer::AnswerUnacknowledged => ua.give_up_on_ack(now, call),
            Timer::RepeatProvisional => ua.repeat_provisional(now, call),
            Timer::ProvisionalUnacknowledged => ua.give_up_on_prack(now, call),
            Timer::CancelUnanswered => ua.cancel_unanswered(now, call),
            Timer::OfferAgain => ua.offer_again(now, call),
            Timer::Refresh => ua.refresh(now, call),
            Timer::SessionExpires => ua.session_expired(now, call),
        });
    }
}

/// A message of our own making.
fn written(bytes: Bytes) -> Message {
    Message::read(bytes).expect("what we write can be read")
}

/// The text of a Warning header (RFC 3261 20.43): what was wrong with a message.
fn warning(error: &super::ReadError) -> String {
    format!("399 busyhour \"{}\"", error.to_string().replace(['"', '\\', '\r', '\n'], "'"))
}

/// The option tags that a request requires and nobody here knows.
fn unsupported(request: &Message) -> Option<String> {
    const KNOWN: [&str; 6] = ["100rel", "timer", "replaces", "outbound", "path", "norefersub"];
    let unknown: Vec<&str> = request
        .all(Name::Require)
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|tag| !tag.is_empty() && !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(tag)))
        .collect();
    (!unknown.is_empty()).then(|| unknown.join(", "))
}
