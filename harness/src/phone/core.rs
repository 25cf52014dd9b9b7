//! The phone itself, wherever it is: what it's told and what is due go in, messages come out.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use super::Inbox;
use super::account::{self, Account};
use super::call::{Leg, LegId};
use super::place::{Finding, Place};
use super::screen::{Line, Screen};
use super::settings::{Behaviour, Model, PhoneSettings};
use super::transfer::{Consultation, Transfer};
use crate::sip::digest::Credentials;
use crate::sip::transport::Received;
use crate::sip::ua::{ALLOW, Event, Settings, UserAgent};
use crate::sip::{Flow, Message, Method, Name, Transport, Writer};
use crate::trace::SimTime;
use crate::world::Random;

/// How often a softphone looks whether its computer slept, or has another address.
const LOOK: Duration = Duration::from_secs(2);
/// A look that comes so much late was slept through.
const SLEPT: Duration = Duration::from_secs(1);
/// How long the other end of a connection has to answer a keepalive (RFC 5626 4.4.1).
const PONG: Duration = Duration::from_secs(10);

/// What is due at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Look around: is the address still the same, did we sleep?
    Look,
    /// Ask DNS again.
    LookUp,
    /// Show that we're there.
    Keepalive,
    /// The keepalive wasn't answered.
    Pong(Flow),
    /// Begin to ring.
    Ring(LegId),
    /// Answer.
    Answer(LegId),
    /// Nobody has told what became of a transfer.
    Transfer(LegId),
    /// The packets of a call have had their time to come back.
    Media(LegId),
}

/// What is to be done with connections.
pub(super) enum Out {
    Ping(Flow),
    Close(Flow),
}

/// The phone, while it's on. Nothing in it waits: who runs it carries messages in and out, and its place finds what
/// takes time.
pub(super) struct Core {
    pub(super) place: Box<dyn Place>,
    pub(super) settings: Rc<RefCell<PhoneSettings>>,
    pub(super) inbox: Rc<Inbox>,
    pub(super) ua: UserAgent,
    pub(super) random: Random,
    pub(super) account: Account,
    pub(super) legs: Vec<Leg>,
    pub(super) next_leg: u32,
    /// The call that the buttons mean.
    pub(super) selected: Option<LegId>,
    /// The calls that are over and still shown.
    pub(super) ended: Vec<Line>,
    pub(super) transfer: Option<Transfer>,
    pub(super) consultation: Option<Consultation>,
    pub(super) message: String,
    /// The digits of the last call.
    pub(super) digits: String,
    due: Vec<(SimTime, Due)>,
    out: VecDeque<Out>,
    connections: BTreeSet<Flow>,
}

impl Core {
    pub(super) fn new(place: Box<dyn Place>, shared: Rc<RefCell<PhoneSettings>>, inbox: Rc<Inbox>) -> Core {
        let settings = shared.borrow().clone();
        let (mut random, for_ua) = (place.random("phone"), place.random("user agent"));
        let ua = UserAgent::new(
            Settings {
                user_agent: match settings.model {
                    Model::Hardphone => "busyhour hardphone".into(),
                    Model::Softphone => "busyhour softphone".into(),
                    Model::Webphone => "busyhour webphone".into(),
                },
                timers: settings.timers,
                session: settings.session,
                renews_offers: true,
                quirks: settings.quirks,
                credentials: Some(Credentials { user: settings.user.clone(), password: settings.password.clone() }),
                ..Settings::at(place.sent_by())
            },
            for_ua,
        );
        let account = Account::new(&settings, account::registration(&*place, &settings, &mut random));
        Core {
            place,
            settings: shared,
            inbox,
            ua,
            random,
            account,
            legs: Vec::new(),
            next_leg: 0,
            selected: None,
            ended: Vec::new(),
            transfer: None,
            consultation: None,
            message: String::new(),
            digits: String::new(),
            due: Vec::new(),
            out: VecDeque::new(),
            connections: BTreeSet::new(),
        }
    }

    /// What a phone does first.
    pub(super) fn begin(&mut self, now: SimTime) {
        if self.settings.borrow().model == Model::Softphone {
            self.set(now + LOOK, Due::Look);
        }
    }

    /// Takes what was found, and lets everything happen that has been caused.
    pub(super) fn settle(&mut self, now: SimTime) {
        loop {
            let found = self.inbox.found.borrow_mut().pop_front();
            let Some(finding) = found else { break };
            self.found(now, finding);
        }
        self.pump(now);
    }

    /// What is to be done with connections, before anything is sent.
    pub(super) fn outs(&mut self) -> impl Iterator<Item = Out> + '_ {
        self.out.drain(..)
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        self.settings.borrow().behaviour
    }

    /// It's a page in a browser's tab.
    pub(super) fn is_page(&self) -> bool {
        self.settings.borrow().model == Model::Webphone
    }

    /// A test has changed its mind.
    pub(super) fn behaviour_changed(&self) {
        let behaviour = self.behaviour();
        for leg in &self.legs {
            if let Some(audio) = &leg.audio {
                audio.behave(behaviour);
            }
        }
    }

    /// Sets an alarm; another of the same kind is dropped.
    pub(super) fn set(&mut self, at: SimTime, what: Due) {
        self.stop(what);
        self.due.push((at, what));
    }

    pub(super) fn stop(&mut self, what: Due) {
        self.due.retain(|(_, other)| *other != what);
    }

    pub(super) fn is_set(&self, what: Due) -> bool {
        self.due.iter().any(|(_, other)| *other == what)
    }

    pub(super) fn next_due(&mut self, now: SimTime) -> Option<SimTime> {
        let own = self.due.iter().map(|(at, _)| *at).min();
        [own, self.ua.poll_timeout(), self.registration_due(now)].into_iter().flatten().min()
    }

    pub(super) fn time_passed(&mut self, now: SimTime) {
        self.ua.handle_timeout(now);
        while let Some(index) = self.due.iter().position(|(at, _)| *at <= now) {
            let (at, due) = self.due.remove(index);
            match due {
                Due::Look => {
                    self.set(now + LOOK, Due::Look);
                    if now.since(at) >= SLEPT && !self.behaviour().never_notices_moves {
                        self.woke(now);
                    }
                }
                Due::LookUp => self.look_up(now),
                Due::Keepalive => self.keep_alive(now),
                Due::Pong(flow) => self.give_up(now, flow),
                Due::Ring(leg) => self.ring(now, leg),
                Due::Answer(leg) => self.answer(now, leg),
                Due::Transfer(leg) => self.transfer_unanswered(now, leg),
                Due::Media(leg) => self.media_still_lost(now, leg),
            }
        }
    }

    /// Lets everything happen that has been caused.
    pub(super) fn pump(&mut self, now: SimTime) {
        loop {
            self.upkeep(now);
            let Some(event) = self.ua.poll_event() else { return };
            self.happened(now, event);
        }
    }

    pub(super) fn received(&mut self, now: SimTime, received: Received) {
        match received {
            Received::Message { message, flow } => {
                self.connected(flow);
                if self.behaviour().ignores_bye && message.is_request() && message.method() == Method::Bye {
                    return;
                }
                self.ua.receive(now, message, flow);
            }
            Received::Connected { flow } | Received::Ping { flow } => self.connected(flow),
            Received::Pong { flow } => {
                self.connected(flow);
                self.stop(Due::Pong(flow));
            }
            Received::Broken { flow, .. } => self.broken(now, flow),
            // A phone has no use for what it can't read.
            Received::Malformed { .. } => {}
        }
    }

    fn connected(&mut self, flow: Flow) {
        if flow.connection.is_some() {
            self.connections.insert(flow);
        }
    }

    /// A connection is gone, or somebody said that nobody listens there.
    pub(super) fn broken(&mut self, now: SimTime, flow: Flow) {
        self.connections.remove(&flow);
        self.stop(Due::Pong(flow));
        self.ua.flow_failed(now, flow);
        self.way_lost(now, flow);
    }

    /// A connection that's there and carries nothing.
    pub(super) fn give_up(&mut self, now: SimTime, flow: Flow) {
        self.out.push_back(Out::Close(flow));
        self.broken(now, flow);
    }

    /// The connection that a phone in a browser has, which opens no other by itself.
    pub(super) fn own_connection(&self) -> Option<Flow> {
        self.connections.iter().find(|flow| flow.transport == Transport::Ws).copied()
    }

    /// How long until the next keepalive: on connections a random part of it, so that not all phones of a server send
    /// theirs at once (RFC 5626 4.4.1).
    pub(super) fn until_keepalive(&mut self, every: Duration) -> Duration {
        if !self.is_page() {
            return every;
        }
        Duration::from_millis(every.mul_f64(0.8 + 0.2 * self.random.unit()).as_millis() as u64)
    }

    /// None of the connections is worth anything any more.
    pub(super) fn drop_connections(&mut self, now: SimTime) {
        for flow in std::mem::take(&mut self.connections) {
            self.stop(Due::Pong(flow));
            self.out.push_back(Out::Close(flow));
            self.ua.flow_failed(now, flow);
        }
    }

    pub(super) fn keep_alive(&mut self, now: SimTime) {
        let Some(every) = self.settings.borrow().keepalive else { return };
        if !self.account.on || self.behaviour().web.never_sends_keepalives {
            return;
        }
        let wait = self.until_keepalive(every);
        self.set(now + wait, Due::Keepalive);
        let Some(server) = self.server_flow() else { return };
        if server.transport == Transport::Udp {
            return self.out.push_back(Out::Ping(server));
        }
        let there = |flow: &&Flow| flow.transport == server.transport && flow.remote == server.remote;
        match self.connections.iter().find(there).copied() {
            Some(flow) => {
                self.out.push_back(Out::Ping(flow));
                self.set(now + PONG, Due::Pong(flow));
            }
            None => self.way_lost(now, server),
        }
    }

    fn found(&mut self, now: SimTime, finding: Finding) {
        match finding {
            Finding::Servers(servers) => self.servers_found(now, servers),
            Finding::Ready { leg, outcome } => self.ready(now, leg, outcome),
            Finding::Described(leg) => self.is_described(now, leg),
            Finding::Media { leg, state } => self.media_changed(now, leg, state),
        }
    }

    fn happened(&mut self, now: SimTime, event: Event) {
        match event {
            Event::Response { id, outcome, .. } => self.request_answered(now, id, &outcome),
            Event::Request { server, request, .. } => {
                let response = self.answer_outside(&request);
                self.ua.respond(now, server, response);
            }
            Event::Incoming { call, request, replaces, .. } => self.incoming(now, call, &request, replaces),
            Event::Progress { call, response } => self.progress(now, call, &response),
            Event::Answered { call, response, wants_answer } => self.answered(now, call, &response, wants_answer),
            Event::Confirmed { call, body } => self.confirmed(call, body),
            Event::Offered { call, request } => self.offered(now, call, &request),
            Event::OfferAnswered { call, response } => self.offer_answered(now, call, &response),
            Event::OfferRefused { call, status } => self.offer_refused(now, call, status),
            Event::OfferPostponed { call } => self.offer_postponed(call),
            Event::OfferWanted { call } => self.offer_wanted(now, call),
            Event::Referred { call, request } => self.referred(now, call, &request),
            Event::ReferAnswered { call, status } => self.refer_answered(now, call, status),
            Event::Notified { call, status, last } => self.notified(now, call, status, last),
            Event::Info { .. } => {}
            Event::Ended { call, ending, message } => self.ended(now, call, ending, message.as_ref()),
        }
    }

    /// A request that belongs to no call: somebody asks what we can do, or tells of something that we don't show.
    fn answer_outside(&mut self, request: &Message) -> bytes::Bytes {
        let status = match request.method() {
            Method::Options if self.legs.len() >= self.settings.borrow().lines => 486,
            Method::Options => 200,
            Method::Notify => 489,
            Method::Refer => 603,
            _ => 405,
        };
        let tag = format!("{:016x}", self.random.next_u64());
        Writer::answer(request, status, crate::sip::reason(status), Some(&tag)).header(Name::Allow, ALLOW).end()
    }

    pub(super) fn screen(&self, now: SimTime) -> Screen {
        let mut lines = self.ended.clone();
        lines.extend(self.legs.iter().filter_map(Leg::shown));
        Screen {
            power: true,
            registration: self.registration_shown(now),
            lines,
            transfer: self.transfer.as_ref().map(|transfer| transfer.state),
            message: self.trouble().or_else(|| self.silence(now)).unwrap_or_else(|| self.message.clone()),
        }
    }
}
