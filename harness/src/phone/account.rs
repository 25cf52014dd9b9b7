//! The account: the registration and its upkeep, and the servers that it may be kept at.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use super::program::{Core, Due, Finding};
use super::{screen, servers};
use crate::sip::digest::Credentials;
use crate::sip::ua::{
    Failure, Registration, RegistrationSettings, RegistrationState, Request, RequestId, RequestMethod,
};
use crate::sip::{Flow, Message, Transport, escape_user};
use crate::trace::SimTime;
use crate::world::{Host, Random};

use super::settings::PhoneSettings;

/// Where the phone remembers that its account is on, and a password that was typed in.
const FILE: &str = "phone/account";
/// How long after DNS had no answer it's asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Writes down whether the account is on. A disk that doesn't take it is no reason not to register now.
pub(super) fn save(host: &Host, on: bool, password: Option<&str>) {
    let disk = host.disk();
    let state = if on { "on" } else { "off" };
    let saved = disk.write(FILE, format!("{state}\n{}", password.unwrap_or_default())).and_then(|()| disk.sync(FILE));
    if let Err(error) = saved {
        host.claim("phone-disk", |event| event.with("error", error.to_string()));
    }
}

/// What was written down: Some if the account is on, with the password that was typed in, if one was.
#[allow(clippy::option_option)]
pub(super) fn load(host: &Host) -> Option<Option<String>> {
    let file = host.disk().read(FILE).ok()?;
    let text = String::from_utf8(file).ok()?;
    let (state, password) = text.split_once('\n')?;
    (state == "on").then(|| (!password.is_empty()).then(|| password.to_owned()))
}

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
    /// DNS knows no server.
    nowhere: bool,
    /// A server that we prefer is asked if it's back.
    probe: Option<RequestId>,
    /// The contact that a registrar may still have.
    bound: Option<String>,
    not_before: SimTime,
    /// It was said that we're registered, with whom.
    claimed: Option<SocketAddrV4>,
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
        }
    }

    /// The servers to try for a call, the one that we're registered with first.
    pub(super) fn ways(&self) -> Vec<SocketAddrV4> {
        let (before, from) = self.servers.split_at(self.current.min(self.servers.len()));
        [from, before].concat()
    }
}

/// The registration of a phone that can be reached there.
pub(super) fn registration(
    host: &Host,
    settings: &PhoneSettings,
    contact: String,
    random: &mut Random,
) -> Registration {
    let settings = RegistrationSettings {
        aor: settings.aor(),
        registrar: format!("sip:{}", settings.domain),
        contact,
        expires: settings.expires,
        instance: Some(instance(host, &settings.user)),
    };
    Registration::new(settings, random)
}

/// The URI of a contact.
pub(super) fn contact(settings: &PhoneSettings, address: Ipv4Addr, port: u16) -> String {
    let transport = match settings.transport {
        Transport::Udp => String::new(),
        other => format!(";transport={}", other.parameter()),
    };
    format!("sip:{}@{address}:{port}{transport}", escape_user(&settings.user))
}

/// What tells this device from the user's others, at whatever address it is: a UUID made of its name (RFC 5626 4.1).
fn instance(host: &Host, user: &str) -> String {
    let number = xxh3_128(format!("{user}@{}", host.name()).as_bytes());
    let hex = format!("{number:032x}");
    format!("urn:uuid:{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

impl Core {
    /// Where we say that we can be reached.
    pub(super) fn contact_uri(&self) -> String {
        contact(&self.settings.borrow(), self.address, self.port)
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
            let contact = self.contact_uri();
            self.account.registration = registration(&self.host, &self.settings.borrow(), contact, &mut self.random);
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
        self.account.on && registered && self.behaviour().never_refreshes
    }

    /// Sends what the registration wants sent, and sees to our own address.
    pub(super) fn upkeep(&mut self, now: SimTime) {
        if self.host.address() != self.address && !self.behaviour().never_notices_moves {
            self.moved(now);
        }
        if self.account.request.is_some() || self.account.not_before > now || self.is_withheld() {
            return;
        }
        let Some(flow) = self.server_flow() else { return };
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
        Some(due.max(account.not_before).max(now))
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
        let server = self.account.servers.get(self.account.current).copied();
        match self.account.registration.state() {
            RegistrationState::Registered { .. } => {
                self.account.failed = 0;
                self.account.bound = Some(self.contact_uri());
                let is_new = self.account.claimed != server;
                if is_new {
                    self.account.claimed = server;
                    let (user, server) = (self.settings.borrow().user.clone(), server.map(|at| at.to_string()));
                    let server = server.unwrap_or_default();
                    self.host.claim("phone-registered", |event| event.with("user", user).with("server", server));
                }
                let keepalive = self.settings.borrow().keepalive;
                if let Some(every) = keepalive
                    && self.account.on
                    && !self.is_set(Due::Keepalive)
                {
                    self.set(now + every, Due::Keepalive);
                }
                // Not at once: one that has just failed needs its time.
                if !is_new {
                    self.probe(now);
                }
            }
            RegistrationState::Unregistered => {
                self.account.bound = None;
                self.account.claimed = None;
                let user = self.settings.borrow().user.clone();
                self.host.claim("phone-unregistered", |event| event.with("user", user));
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
        if self.host.address() == self.address {
            self.refresh_calls(now);
        }
    }

    /// We have another address.
    fn moved(&mut self, now: SimTime) {
        let old = self.account.bound.take();
        self.address = self.host.address();
        self.ua.set_sent_by(format!("{}:{}", self.address, self.port));
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
        let (host, inbox) = (self.host.clone(), self.inbox.clone());
        let (domain, transport) = (settings.domain.clone(), settings.transport);
        self.host.spawn(async move {
            let found = servers::find(&host, &domain, None, transport).await;
            inbox.put(Finding::Servers(found));
        });
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
        match state {
            RegistrationState::Unregistered => Registration::Off,
            RegistrationState::Registering if account.nowhere => Registration::Unreachable,
            RegistrationState::Registering => Registration::Trying,
            RegistrationState::Registered { until } if until > now => Registration::Registered,
            RegistrationState::Registered { .. } => Registration::Off,
            RegistrationState::Refused(status) => Registration::Refused(status),
            RegistrationState::Failed { .. } if account.request.is_some() && account.failed > 0 => Registration::Trying,
            RegistrationState::Failed { .. } => Registration::Unreachable,
        }
    }
}
