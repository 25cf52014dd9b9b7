//! The exchange: what the server knows, and what it does about what happens. Its sockets are the program's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::Ipv4Addr;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use tokio::sync::mpsc::UnboundedSender;

use super::bridge::Bridge;
use super::calls::{Destination, Dial, DialId, Due, Invitation, Session, SessionId};
use super::dialing::Admitted;
use super::gate::Gate;
use super::keeping;
use super::leg::Leg;
use super::records::Records;
use super::registrar::{Registrar, Rules};
use super::settings::{LostConnection, ServerSettings};
use crate::media::webrtc::{Certificate, PeerEvent};
use crate::media::{Conference, MemberId, Relay};
use crate::sip::transaction::Transmit;
use crate::sip::ua::{CallId, Event, Settings, UserAgent};
use crate::sip::{Flow, Message, digest};
use crate::trace::SimTime;
use crate::world::{Host, Random};

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// What came to the port and was no SIP.
    pub noise: u64,
    /// Messages that couldn't be read.
    pub malformed: u64,
    /// Of those, how many were answered.
    pub malformed_answered: u64,
    /// Messages that were too large.
    pub oversized: u64,
    /// Requests that were asked for credentials.
    pub challenged: u64,
    /// Requests with wrong credentials, or of somebody else.
    pub forbidden: u64,
    /// REGISTERs that were taken.
    pub registrations: u64,
    /// Calls that came.
    pub calls: u64,
    /// Calls that were refused because there were too many.
    pub overloaded: u64,
}

/// What the program has to do, because it takes time.
pub(super) enum Chore {
    /// A party that speaks WebRTC calls: it needs an end to speak to.
    Admit {
        call: CallId,
        request: Box<Admitted>,
    },
    /// A phone that speaks WebRTC is to be called.
    Ring {
        dial: DialId,
        phone: Destination,
        invitation: Rc<Invitation>,
    },
    /// Parties that spoke WebRTC with each other will with us: each needs an end to speak to, and then that is done.
    TakeOver {
        calls: Vec<CallId>,
        then: Then,
    },
    Join {
        call: CallId,
        room: Rc<str>,
    },
    Leave {
        room: Rc<str>,
        member: MemberId,
    },
}

/// What is done when all who need it have a WebRTC end to speak to.
pub(super) enum Then {
    /// A party's REFER is carried out.
    Refer { call: CallId, request: Message },
    /// An INVITE takes a leg's place.
    Replace { call: CallId, replaced: CallId },
}

pub(super) struct Exchange {
    pub host: Host,
    pub address: Ipv4Addr,
    pub sent_by: Rc<str>,
    pub settings: Rc<ServerSettings>,
    pub ua: UserAgent,
    pub random: Random,
    pub registrar: Registrar,
    pub digest: digest::Server,
    pub legs: FxHashMap<CallId, Leg>,
    /// The legs of each party that's in more than none.
    pub parties: FxHashMap<Rc<str>, Vec<CallId>>,
    pub sessions: BTreeMap<SessionId, Session>,
    pub dials: FxHashMap<DialId, Dial>,
    pub due: BinaryHeap<Reverse<(SimTime, Due)>>,
    pub records: Records,
    pub counters: Counters,
    /// Relays that are open and not used yet: a call takes one without waiting.
    pub spare: Vec<Relay>,
    /// What all its WebRTC ends are known by, once there was one.
    pub certificate: Option<Certificate>,
    /// Where they tell what happens to them.
    pub gate_events: UnboundedSender<(CallId, PeerEvent)>,
    /// Ends of calls that are over, for a server that keeps them.
    pub haunted_gates: Vec<Gate>,
    /// Relays of calls that are over, for a server that goes on sending.
    pub haunted: Vec<Bridge>,
    pub rooms: BTreeMap<Rc<str>, Conference>,
    pub chores: VecDeque<Chore>,
    /// Answers that need no transaction.
    pub replies: VecDeque<Transmit>,
    pub next_id: u64,
}

fn rules(settings: &ServerSettings) -> Rules {
    Rules {
        expires: settings.expires,
        least_expires: settings.least_expires,
        max_contacts: settings.max_contacts,
        serves_expired: settings.behaviour.serves_expired_bindings,
        prefers_the_dead: settings.behaviour.calls_the_dead,
        ignores_instances: settings.behaviour.ignores_instances,
    }
}

impl Exchange {
    pub(super) fn new(
        host: &Host,
        settings: &ServerSettings,
        records: Records,
        counters: Counters,
        gate_events: UnboundedSender<(CallId, PeerEvent)>,
    ) -> Exchange {
        let address = host.address();
        let sent_by: Rc<str> = format!("{address}:{}", settings.udp.or(settings.tcp).unwrap_or(5060)).into();
        let stream = |concern: &str| Random::stream(host.random(Random::next_u64), concern);
        let ua_settings = Settings {
            user_agent: "busyhour server".to_owned(),
            timers: settings.timers,
            session: settings.session,
            quirks: settings.quirks,
            ..Settings::at(&*sent_by)
        };
        let ua = UserAgent::new(ua_settings, stream("user agent"));
        let realm = settings.domain.clone();
        let digest = digest::Server::new(realm, settings.algorithms.clone(), settings.nonce_lifetime, stream("nonces"));
        let mut registrar = Registrar::new(rules(settings));
        if settings.keeps_registrations {
            keeping::restore(host, settings, &mut registrar);
        }
        Exchange {
            host: host.clone(),
            address,
            sent_by,
            settings: Rc::new(settings.clone()),
            ua,
            random: stream("server"),
            registrar,
            digest,
            legs: FxHashMap::default(),
            parties: FxHashMap::default(),
            sessions: BTreeMap::new(),
            dials: FxHashMap::default(),
            due: BinaryHeap::new(),
            records,
            counters,
            spare: Vec::new(),
            certificate: None,
            gate_events,
            haunted_gates: Vec::new(),
            haunted: Vec::new(),
            rooms: BTreeMap::new(),
            chores: VecDeque::new(),
            replies: VecDeque::new(),
            next_id: 0,
        }
    }

    /// The operator changed something.
    pub(super) fn set(&mut self, settings: &ServerSettings) {
        self.settings = Rc::new(settings.clone());
        self.registrar.set_rules(rules(settings));
        self.ua.set_quirks(settings.quirks);
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn tag(&mut self) -> String {
        format!("{:016x}", self.random.next_u64())
    }

    pub(super) fn at(&mut self, when: SimTime, due: Due) {
        self.due.push(Reverse((when, due)));
    }

    /// A message came.
    pub(super) fn receive(&mut self, now: SimTime, message: Message, flow: Flow) {
        if self.settle_without_state(now, &message, flow) {
            return;
        }
        self.ua.receive(now, message, flow);
        self.work(now);
    }

    /// A way broke.
    pub(super) fn broken(&mut self, now: SimTime, flow: Flow) {
        if let Some(connection) = flow.connection {
            if self.settings.behaviour.rings_gone_tabs {
                self.registrar.mislay_connection(connection);
            } else if self.settings.lost_connection == LostConnection::Drops {
                for user in self.registrar.connection_lost(connection) {
                    self.keep(&user);
                    self.host.claim("unregistered", |e| e.with("user", &*user).with("why", "the connection was lost"));
                }
            }
            self.unplug(now, flow);
        }
        self.ua.flow_failed(now, flow);
        self.work(now);
    }

    pub(super) fn poll_timeout(&mut self) -> Option<SimTime> {
        let due = self.due.peek().map(|Reverse((at, _))| *at);
        match (self.ua.poll_timeout(), due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: SimTime) {
        self.ua.handle_timeout(now);
        self.work(now);
        while let Some(Reverse((at, _))) = self.due.peek()
            && *at <= now
        {
            let Some(Reverse((at, due))) = self.due.pop() else { break };
            match due {
                Due::RingTimeout(dial) => self.ring_timeout(now, dial),
                Due::HangUp(call) => self.end_leg(now, call),
                Due::Audio(session) => self.check_audio(now, session),
                Due::Signs(call) => self.signs_due(now, at, call),
            }
            self.work(now);
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.replies.pop_front().or_else(|| self.ua.poll_transmit())
    }

    /// Writes a user's bindings down, if they're to survive a crash.
    pub(super) fn keep(&self, user: &str) {
        if self.settings.keeps_registrations {
            keeping::keep(&self.host, user, self.registrar.stored(user));
        }
    }

    /// What the user agent had to tell.
    pub(super) fn work(&mut self, now: SimTime) {
        while let Some(event) = self.ua.poll_event() {
            match event {
                Event::Request { server, request, flow } => self.requested(now, server, &request, flow),
                // The server asks nobody anything outside of calls.
                Event::Response { .. } => {}
                Event::Incoming { call, request, flow, replaces } => {
                    self.incoming(now, call, &request, flow, replaces);
                }
                Event::Progress { call, response } => self.progress(now, call, &response),
                Event::Answered { call, response, wants_answer } => self.answered(now, call, &response, wants_answer),
                Event::Confirmed { call, body } => {
                    self.replug(now, call);
                    self.confirmed(call, body);
                }
                Event::Offered { call, request } => {
                    self.replug(now, call);
                    self.offered(now, call, &request);
                }
                Event::OfferAnswered { call, response } => {
                    self.replug(now, call);
                    self.offer_answered(now, call, &response);
                }
                Event::OfferRefused { call, status } => self.offer_refused(now, call, status),
                // Its offers are made again as they were.
                Event::OfferPostponed { .. } | Event::OfferWanted { .. } => {}
                Event::Referred { call, request } => {
                    self.replug(now, call);
                    self.refer_came(now, call, request);
                }
                // The server refers nobody.
                Event::ReferAnswered { .. } | Event::Notified { .. } => {}
                Event::Info { .. } => {}
                Event::Ended { call, ending, message } => self.ended(now, call, &ending, message.as_ref()),
            }
        }
    }
}
