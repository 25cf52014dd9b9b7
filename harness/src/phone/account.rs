//! The account: the registration and its upkeep, and the servers that it may be kept at.

use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::call::Stage;
use super::core::{Core, Due};
use super::place::Place;
use super::screen;
use super::settings::PhoneSettings;
use crate::sip::digest::Credentials;
use crate::sip::ua::{
    Failure, Registration, RegistrationSettings, RegistrationState, Request, RequestId, RequestMethod,
};
use crate::sip::{Flow, Message};
use crate::trace::SimTime;
use crate::world::Random;

/// How long after DNS had no answer it's asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long before the end a phone refreshes that waits for the last moment: in ns.
const LAST_MOMENT: u64 = 100_000_000;

pub(super) struct Account {
    pub(super) on: bool,
    registration: Registration,
    /// The REGISTER that's on its way.
    request: Option<RequestId>,
    /// We've moved since it left: what its answer says is about another contact.
    request_is_stale: bool,
    servers: Vec<SocketAddrV4>,
    current: usize,
    /// How many servers in a row have failed.
    failed: usize,
    looking_up: bool,
    /// DNS knows no server, or no connection to it can be had.
    nowhere: bool,
    /// A server that we prefer is asked if it's back.
    probe: Option<RequestId>,
    /// The contact that a registrar may still have.
    bound: Option<String>,
    not_before: SimTime,
    /// It was said that we're registered, with whom.
    claimed: Option<SocketAddrV4>,
    was_registered: bool,
    /// The calls that are up go on over another connection: as soon as the server knows it.
    renews_calls: bool,
}

impl Account {
    pub(super) fn new(settings: &PhoneSettings, registration: Registration) -> Account {
        Account {
            on: false,
            registration,
            request: None,
            request_is_stale: false,
            servers: settings.proxy.into_iter().collect(),
            current: 0,
            failed: 0,
            looking_up: false,
            nowhere: false,
            probe: None,
            bound: None,
            not_before: SimTime::ZERO,
            claimed: None,
            was_registered: false,
            renews_calls: false,
        }
    }

    /// The servers to try for a call, the one that we're registered with first.
    pub(super) fn ways(&self) -> Vec<SocketAddrV4> {
        let (before, from) = self.servers.split_at(self.current.min(self.servers.len()));
        [from, before].concat()
    }
}

/// The registration of a phone that is there.
pub(super) fn registration(place: &dyn Place, settings: &PhoneSettings, random: &mut Random) -> Registration {
    let settings = RegistrationSettings {
        aor: settings.aor(),
        registrar: format!("sip:{}", settings.domain),
        contact: place.contact(settings),
        expires: settings.expires,
        instance: Some(place.instance(settings)),
    };
    Registration::new(settings, random)
}

impl Core {
    /// Where we say that we can be reached.
    pub(super) fn contact_uri(&self) -> String {
        self.place.contact(&self.settings.borrow())
    }

    /// The way to the server that we're registered with, or try to be.
    pub(super) fn server_flow(&self) -> Option<Flow> {
        let transport = self.settings.borrow().transport;
        self.account.servers.get(self.account.current).map(|server| Flow::to(transport, *server))
    }

    /// The account is switched on, or its password was typed in.
    pub(super) fn switch_on(&mut self, now: SimTime, password: Option<&str>) {
        let settings = self.settings.borrow().clone();
        let password = password.map_or(settings.password.clone(), str::to_owned);
        self.ua.set_credentials(Some(Credentials { user: settings.user.clone(), password }));
        self.account.registration.set_expires(settings.expires);
        self.message.clear();
        self.account.on = true;
        self.account.failed = 0;
        self.account.not_before = now + settings.behaviour.registers_after;
        self.account.registration.register(now);
        if self.account.servers.is_empty() {
            self.look_up(now);
        }
    }

    /// The account is switched off. False if it wasn't on.
    pub(super) fn switch_off(&mut self, now: SimTime) -> bool {
        if !std::mem::take(&mut self.account.on) {
            return false;
        }
        self.stop(Due::Keepalive);
        if self.behaviour().forgets_to_unregister {
            self.account.registration = registration(&*self.place, &self.settings.borrow(), &mut self.random);
            self.account.request = None;
            self.account.claimed = None;
        } else {
            self.account.not_before = now;
            self.account.registration.unregister(now);
        }
        true
    }

    /// True if a request that's due won't be sent, since the phone is that way.
    fn is_withheld(&self) -> bool {
        let registered = matches!(self.account.registration.state(), RegistrationState::Registered { .. });
        let behaviour = self.behaviour();
        let forgets = behaviour.web.forgets_to_register_again && self.account.was_registered;
        self.account.on && (registered && behaviour.never_refreshes || forgets && self.account.claimed.is_none())
    }

    /// When a refresh that's due leaves, in a phone that waits for the last moment.
    fn held_back(&self) -> Option<SimTime> {
        let RegistrationState::Registered { until } = self.account.registration.state() else { return None };
        let dawdles = self.account.on && self.behaviour().web.refreshes_at_the_last_moment;
        (dawdles && self.account.claimed.is_some()).then(|| SimTime(until.0.saturating_sub(LAST_MOMENT)))
    }

    /// No connection leads to the server: whoever speaks now isn't heard. A phone on a host opens one when it needs it.
    pub(super) fn is_offline(&self) -> bool {
        self.is_page() && self.account.servers.is_empty()
    }

    /// The connection to the server is gone, and nobody knows what happens there.
    pub(super) fn went_offline(&mut self) {
        self.account.servers.clear();
        self.account.claimed = None;
        self.stop(Due::Keepalive);
    }

    /// It can't be had at the moment.
    pub(super) fn stays_offline(&mut self, now: SimTime) {
        self.account.nowhere = true;
        // Who calls couldn't be answered any more: the server has long found somebody else, or nobody.
        self.drop_calls(now, |leg| matches!(leg.stage, Stage::Coming | Stage::Ringing));
    }

    /// There's a connection to the server, and the way to it is that.
    pub(super) fn went_online(&mut self, now: SimTime, server: SocketAddrV4) {
        self.account.nowhere = false;
        self.account.looking_up = false;
        self.account.current = 0;
        self.account.servers = vec![server];
        self.account.renews_calls = !self.behaviour().web.never_renews_calls;
        if !self.account.on {
            return self.renew_calls(now);
        }
        self.account.registration.register(now);
    }

    /// The other side of each call learns by which way we're to be reached now.
    fn renew_calls(&mut self, now: SimTime) {
        if std::mem::take(&mut self.account.renews_calls) {
            self.refresh_calls(now);
        }
    }

    /// The page takes its leave: what can be said at once is said.
    pub(super) fn say_goodbye(&mut self, now: SimTime) {
        for id in self.legs.iter().map(|leg| leg.id).collect::<Vec<_>>() {
            self.end(now, id);
        }
        if self.account.on && !self.behaviour().forgets_to_unregister {
            // A page's library asks without credentials each time, and would have to live to hear the challenge.
            let credentials = self.ua.settings().credentials.clone();
            self.ua.set_credentials(credentials);
            self.account.request = None;
            self.account.registration.unregister(now);
            self.account.on = false;
        }
        self.pump(now);
    }

    /// Sends what the registration wants sent, and sees to our own address.
    pub(super) fn upkeep(&mut self, now: SimTime) {
        if self.place.has_moved() && !self.behaviour().never_notices_moves {
            self.moved(now);
        }
        if self.account.request.is_some() || self.account.not_before > now || self.is_withheld() {
            return;
        }
        if self.held_back().is_some_and(|at| at > now) {
            return;
        }
        let Some(flow) = self.server_flow() else { return };
        let is_refresh = self.account.claimed.is_some() && self.account.registration.poll_timeout() <= Some(now);
        if is_refresh && self.account.on && self.behaviour().web.new_call_id_each_refresh {
            self.account.registration = registration(&*self.place, &self.settings.borrow(), &mut self.random);
            self.account.registration.register(now);
        }
        if let Some(request) = self.account.registration.next(now, flow) {
            self.account.request = Some(self.ua.request(now, request));
            self.account.request_is_stale = false;
        }
    }

    /// When [`Core::upkeep`] will have something to send.
    pub(super) fn registration_due(&self, now: SimTime) -> Option<SimTime> {
        let account = &self.account;
        if account.request.is_some() || account.servers.is_empty() || self.is_withheld() {
            return None;
        }
        let due = account.registration.poll_timeout()?;
        Some(due.max(account.not_before).max(self.held_back().unwrap_or(SimTime::ZERO)).max(now))
    }

    /// A request outside of calls was answered.
    pub(super) fn request_answered(&mut self, now: SimTime, id: RequestId, outcome: &Result<Message, Failure>) {
        if self.account.probe == Some(id) {
            return self.probe_answered(now, outcome);
        }
        if self.account.request != Some(id) {
            return;
        }
        self.account.request = None;
        self.account.registration.answered(now, outcome, &mut self.random);
        if outcome.as_ref().is_err_and(|failure| *failure == Failure::TimedOut)
            && let Some(flow) = self.own_connection()
        {
            // RFC 5626 4.4: what carries no answer is no way to the server.
            self.give_up(now, flow);
        }
        let server = self.account.servers.get(self.account.current).copied();
        match self.account.registration.state() {
            RegistrationState::Registered { .. } => {
                self.account.failed = 0;
                self.account.bound = Some(self.contact_uri());
                let is_new = self.account.claimed != server;
                if is_new {
                    self.account.claimed = server;
                    let (user, server) = (self.settings.borrow().user.clone(), server.map(|at| self.place.name_of(at)));
                    let server = server.unwrap_or_default();
                    self.place.claim("phone-registered", &[("user", &user), ("server", &server)]);
                }
                let keepalive = self.settings.borrow().keepalive;
                if let Some(every) = keepalive
                    && self.account.on
                    && !self.is_set(Due::Keepalive)
                {
                    let wait = self.until_keepalive(every);
                    self.set(now + wait, Due::Keepalive);
                }
                self.account.was_registered = true;
                self.renew_calls(now);
                // Not at once: one that has just failed needs its time.
                if !is_new {
                    self.probe(now);
                }
            }
            RegistrationState::Unregistered => {
                self.account.bound = None;
                self.account.claimed = None;
                let user = self.settings.borrow().user.clone();
                self.place.claim("phone-unregistered", &[("user", &user)]);
            }
            RegistrationState::Refused(status) => {
                self.account.claimed = None;
                self.account.bound = None;
                self.message = format!("registration refused: {status} {}", crate::sip::reason(status));
            }
            RegistrationState::Failed { .. } => {
                self.account.claimed = None;
                if !self.account.request_is_stale {
                    self.fail_over(now);
                }
            }
            RegistrationState::Registering => {}
        }
    }

    /// The present server has failed: the next one is asked at once, until all have failed in a row.
    fn fail_over(&mut self, now: SimTime) {
        let count = self.account.servers.len();
        if !self.account.on || self.behaviour().never_fails_over {
            return;
        }
        if count < 2 {
            // There may be another by now.
            self.account.failed = 1;
            return self.look_up(now);
        }
        self.account.failed += 1;
        self.account.current = (self.account.current + 1) % count;
        if self.account.failed < count {
            self.ask_again(now);
        } else {
            self.account.failed = 0;
            self.look_up(now);
        }
    }

    /// Registered with a server that isn't the first: the first is asked if it's back. A REGISTER would wait for half a
    /// minute where nobody answers, and the binding with it; an OPTIONS keeps nobody waiting.
    fn probe(&mut self, now: SimTime) {
        let account = &self.account;
        if account.current == 0 || account.probe.is_some() || !account.on || self.behaviour().never_fails_over {
            return;
        }
        let settings = self.settings.borrow().clone();
        let aor = format!("<{}>", settings.aor());
        let request = Request {
            method: RequestMethod::Options,
            target: format!("sip:{}", settings.domain),
            to: format!("<sip:{}>", settings.domain),
            from: aor,
            flow: Flow::to(settings.transport, self.account.servers[0]),
            call_id: format!("{:016x}", self.random.next_u64()),
            cseq: 1,
            headers: Vec::new(),
            body: None,
        };
        self.account.probe = Some(self.ua.request(now, request));
    }

    /// The first server answers, and has no trouble: we go back to it, and the binding at the other goes.
    fn probe_answered(&mut self, now: SimTime, outcome: &Result<Message, Failure>) {
        self.account.probe = None;
        let is_well = outcome.as_ref().is_ok_and(|response| response.status().is_some_and(|status| status < 500));
        if !is_well || !self.account.on || self.account.current == 0 {
            return;
        }
        if let (Some(bound), Some(flow)) = (self.account.bound.take(), self.server_flow()) {
            self.unbind(now, &bound, flow);
        }
        self.account.current = 0;
        self.account.failed = 0;
        self.ask_again(now);
    }

    /// Registers as soon as possible, without forgetting how often it has failed.
    fn ask_again(&mut self, now: SimTime) {
        let contact = self.contact_uri();
        self.account.registration.set_contact(now, contact);
    }

    /// A call found that this server doesn't answer.
    pub(super) fn server_is_dead(&mut self, now: SimTime, server: SocketAddrV4) {
        let account = &self.account;
        if account.request.is_none() && account.servers.get(account.current) == Some(&server) && account.failed == 0 {
            self.fail_over(now);
        }
    }

    /// A connection broke, or nobody listens at that address.
    pub(super) fn way_lost(&mut self, now: SimTime, flow: Flow) {
        let ours =
            self.server_flow().is_some_and(|server| server.transport == flow.transport && server.remote == flow.remote);
        // What can't be reached is tried again by and by; what was there a moment ago, at once.
        if ours && self.account.on && self.account.registration.is_registered(now) {
            self.ask_again(now);
        }
    }

    /// The computer has slept: nobody knows what happened meanwhile.
    pub(super) fn woke(&mut self, now: SimTime) {
        self.drop_connections(now);
        if self.account.on {
            self.account.registration.register(now);
        }
        // With another address there is more to tell, and it's told in a moment.
        if !self.place.has_moved() {
            self.refresh_calls(now);
        }
    }

    /// We have another address.
    fn moved(&mut self, now: SimTime) {
        let old = self.account.bound.take();
        self.place.settle();
        self.ua.set_sent_by(self.place.sent_by());
        self.drop_connections(now);
        if self.account.on {
            if let (Some(old), Some(flow)) = (old, self.server_flow()) {
                self.unbind(now, &old, flow);
            }
            self.account.request_is_stale = self.account.request.is_some();
            self.ask_again(now);
        }
        self.refresh_calls(now);
    }

    /// Takes a binding back that leads to where we no longer are. It names no instance: a registrar that knows ours has
    /// replaced the binding, and must not take the new one for the one that goes.
    fn unbind(&mut self, now: SimTime, contact: &str, flow: Flow) {
        let settings = self.settings.borrow().clone();
        let aor = format!("<{}>", settings.aor());
        let call_id = format!("{:016x}", self.random.next_u64());
        let headers = vec![("Contact".to_owned(), format!("<{contact}>;expires=0"))];
        let request = Request {
            method: RequestMethod::Register,
            target: format!("sip:{}", settings.domain),
            to: aor.clone(),
            from: aor,
            flow,
            call_id,
            cseq: 1,
            headers,
            body: None,
        };
        self.ua.request(now, request);
    }

    /// Asks DNS for the account's servers.
    pub(super) fn look_up(&mut self, _now: SimTime) {
        let settings = self.settings.borrow();
        if self.account.looking_up || settings.proxy.is_some() {
            return;
        }
        self.account.looking_up = true;
        self.place.look_up(&settings);
    }

    pub(super) fn servers_found(&mut self, now: SimTime, found: io::Result<Vec<SocketAddrV4>>) {
        self.account.looking_up = false;
        match found {
            Ok(servers) => {
                let account = &mut self.account;
                if std::mem::take(&mut account.nowhere) {
                    self.message.clear();
                }
                let present = account.servers.get(account.current);
                account.current = present.and_then(|at| servers.iter().position(|other| other == at)).unwrap_or(0);
                account.servers = servers;
                if account.failed > 0 && account.servers.len() > 1 {
                    account.current = (account.current + 1) % account.servers.len();
                    self.ask_again(now);
                }
            }
            Err(error) => {
                self.account.nowhere = self.account.servers.is_empty();
                self.message = error.to_string();
                if self.account.on {
                    self.set(now + ASK_AGAIN, Due::LookUp);
                }
            }
        }
    }

    pub(super) fn registration_shown(&self, now: SimTime) -> screen::Registration {
        use screen::Registration;
        let account = &self.account;
        let state = account.registration.state();
        if !account.on {
            let goes = matches!(state, RegistrationState::Registered { .. }) && account.request.is_some();
            return if goes { Registration::Trying } else { Registration::Off };
        }
        if self.is_offline() {
            return if account.nowhere { Registration::Unreachable } else { Registration::Trying };
        }
        match state {
            RegistrationState::Unregistered => Registration::Off,
            RegistrationState::Registering if account.nowhere => Registration::Unreachable,
            RegistrationState::Registering => Registration::Trying,
            // By another connection that was: nobody has confirmed it for this one.
            RegistrationState::Registered { .. }
                if self.is_page() && account.claimed.is_none() && !self.behaviour().web.shows_old_registration =>
            {
                Registration::Trying
            }
            RegistrationState::Registered { until } if until > now => Registration::Registered,
            RegistrationState::Registered { .. } => Registration::Off,
            RegistrationState::Refused(status) => Registration::Refused(status),
            RegistrationState::Failed { .. } if account.request.is_some() && account.failed > 0 => Registration::Trying,
            RegistrationState::Failed { .. } => Registration::Unreachable,
        }
    }
}
