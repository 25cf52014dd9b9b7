//! What runs on the phone's host.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use super::account::{self, Account};
use super::audio::Audio;
use super::call::{Leg, LegId};
use super::screen::{Line, Screen};
use super::settings::{Behaviour, Model, PhoneSettings};
use super::transfer::{Consultation, Transfer};
use super::{Inbox, Shared};
use crate::sip::digest::Credentials;
use crate::sip::transport::{Ports, Received, Transports};
use crate::sip::ua::{ALLOW, Event, Settings, UserAgent};
use crate::sip::{Flow, Message, Method, Name, Transport, Writer};
use crate::trace::SimTime;
use crate::world::{Host, Random};

/// How often a softphone looks whether its computer slept, or has another address.
const LOOK: Duration = Duration::from_secs(2);
/// A look that comes so much late was slept through.
const SLEPT: Duration = Duration::from_secs(1);
/// How long the other end of a connection has to answer a keepalive (RFC 5626 4.4.1).
const PONG: Duration = Duration::from_secs(10);

/// What a helper of the program found.
pub(super) enum Finding {
    /// The servers of the account's domain.
    Servers(io::Result<Vec<SocketAddrV4>>),
    /// What a call needs: its audio, and where it goes (nowhere for one that came in).
    Ready { leg: LegId, audio: io::Result<Audio>, ways: io::Result<Vec<SocketAddrV4>> },
}

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
}

/// What the main loop does with the transports for the phone.
enum Out {
    Ping(Flow),
    Close(Flow),
}

/// The phone, while it's on. Nothing in it waits: the main loop carries messages in and out, and helpers find what
/// takes time.
pub(super) struct Core {
    pub(super) host: Host,
    pub(super) settings: Rc<RefCell<PhoneSettings>>,
    pub(super) inbox: Rc<Inbox>,
    pub(super) ua: UserAgent,
    pub(super) random: Random,
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
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

/// Runs the phone from power to power cut.
pub(super) async fn run(host: Host, shared: Rc<Shared>) {
    let settings = shared.settings.borrow().clone();
    let life = shared.lives.get() + 1;
    shared.lives.set(life);
    // When it's installed it has been on for long.
    if life > 1 {
        host.sleep(settings.behaviour.boot_time).await;
    }
    let port = Some(settings.port);
    let ports = match settings.transport {
        Transport::Udp => Ports { udp: port, ..Ports::default() },
        Transport::Tcp => Ports { tcp: port, ..Ports::default() },
        Transport::Ws => Ports::default(),
    };
    let mut transports = match Transports::open(&host, ports).await {
        Ok(transports) => transports,
        Err(error) => {
            *shared.broken.borrow_mut() = format!("no network: {error}");
            return;
        }
    };
    let port = transports.local_port(settings.transport).unwrap_or(settings.port);
    let mut core = Core::new(&host, &shared, &settings, port);
    core.begin(host.now());
    *shared.running.borrow_mut() = Some((life, core));
    let _on = On { shared: &shared, life };
    loop {
        let Some(wake) = shared.turn(&mut transports, host.now()) else { return };
        // Far away stands for never.
        let wait = wake.map_or(Duration::from_secs(86_400), |at| at.since(host.now()));
        tokio::select! {
            biased;
            received = transports.receive() => shared.with(|core| core.received(host.now(), received)),
            () = shared.inbox.bell.notified() => {}
            () = host.sleep(wait) => shared.with(|core| core.time_passed(host.now())),
        }
    }
}

/// The phone is dark when this is gone: its life ends with its host's.
struct On<'a> {
    shared: &'a Shared,
    life: u64,
}

impl Drop for On<'_> {
    fn drop(&mut self) {
        let mut running = self.shared.running.borrow_mut();
        // The next life may have begun before the host got round to clearing up after this one.
        let gone = running.take_if(|(life, _)| *life == self.life);
        drop(running);
        drop(gone);
    }
}

impl Shared {
    fn with(&self, work: impl FnOnce(&mut Core)) {
        if let Some((_, core)) = &mut *self.running.borrow_mut() {
            work(core);
        }
    }

    /// Does all that can be done now; returns when the next thing is due. None: another life has begun.
    #[allow(clippy::option_option)]
    fn turn(&self, transports: &mut Transports, now: SimTime) -> Option<Option<SimTime>> {
        let mut running = self.running.borrow_mut();
        let (_, core) = running.as_mut()?;
        loop {
            let found = self.inbox.found.borrow_mut().pop_front();
            let Some(finding) = found else { break };
            core.found(now, finding);
        }
        core.pump(now);
        for out in core.out.drain(..) {
            match out {
                Out::Ping(flow) => transports.ping(flow),
                Out::Close(flow) => transports.close(flow),
            }
        }
        // After the connections that are given up: nothing new should go there.
        while let Some(transmit) = core.ua.poll_transmit() {
            transports.send(transmit);
        }
        Some(core.next_due(now))
    }
}

impl Core {
    fn new(host: &Host, shared: &Shared, settings: &PhoneSettings, port: u16) -> Core {
        let stream = |concern: &str| host.random(|random| Random::stream(random.next_u64(), concern));
        let (mut random, for_ua) = (stream("phone"), stream("user agent"));
        let address = host.address();
        let ua = UserAgent::new(
            Settings {
                user_agent: match settings.model {
                    Model::Hardphone => "busyhour hardphone".into(),
                    Model::Softphone => "busyhour softphone".into(),
                },
                timers: settings.timers,
                session: settings.session,
                quirks: settings.quirks,
                credentials: Some(Credentials { user: settings.user.clone(), password: settings.password.clone() }),
                ..Settings::at(format!("{address}:{port}"))
            },
            for_ua,
        );
        let contact = account::contact(settings, address, port);
        let account = Account::new(settings, account::registration(host, settings, contact, &mut random));
        Core {
            host: host.clone(),
            settings: shared.settings.clone(),
            inbox: shared.inbox.clone(),
            ua,
            random,
            address,
            port,
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
    fn begin(&mut self, now: SimTime) {
        self.inbox.found.borrow_mut().clear();
        if self.settings.borrow().model == Model::Softphone {
            self.set(now + LOOK, Due::Look);
        }
        if let Some(password) = account::load(&self.host) {
            self.switch_on(now, password.as_deref());
        }
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        self.settings.borrow().behaviour
    }

    /// A test has changed its mind.
    pub(super) fn behaviour_changed(&mut self) {
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

    fn next_due(&mut self, now: SimTime) -> Option<SimTime> {
        let own = self.due.iter().map(|(at, _)| *at).min();
        [own, self.ua.poll_timeout(), self.registration_due(now)].into_iter().flatten().min()
    }

    fn time_passed(&mut self, now: SimTime) {
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
                Due::Pong(flow) => {
                    self.out.push_back(Out::Close(flow));
                    self.broken(now, flow);
                }
                Due::Ring(leg) => self.ring(now, leg),
                Due::Answer(leg) => self.answer(now, leg),
                Due::Transfer(leg) => self.transfer_unanswered(now, leg),
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

    fn received(&mut self, now: SimTime, received: Received) {
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
    fn broken(&mut self, now: SimTime, flow: Flow) {
        self.connections.remove(&flow);
        self.stop(Due::Pong(flow));
        self.ua.flow_failed(now, flow);
        self.way_lost(now, flow);
    }

    /// None of the connections is worth anything any more.
    pub(super) fn drop_connections(&mut self, now: SimTime) {
        for flow in std::mem::take(&mut self.connections) {
            self.stop(Due::Pong(flow));
            self.out.push_back(Out::Close(flow));
            self.ua.flow_failed(now, flow);
        }
    }

    fn keep_alive(&mut self, now: SimTime) {
        let Some(every) = self.settings.borrow().keepalive else { return };
        if !self.account.on {
            return;
        }
        self.set(now + every, Due::Keepalive);
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
            Finding::Ready { leg, audio, ways } => self.ready(now, leg, audio, ways),
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
            message: self.silence(now).unwrap_or_else(|| self.message.clone()),
        }
    }
}
