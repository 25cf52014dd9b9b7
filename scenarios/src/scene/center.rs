//! The contact center: its servers, the carrier and the customers behind it, the agents with their phones.
//!
//! It's there as soon as somebody speaks of it. Its hosts are, that is: the servers and the carrier are switched on by
//! the first step that does more than arrange, so that what was arranged before is in their set-up.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use busyhour::Universe;
use busyhour::net::NatHandle;
use busyhour::net::nat::NatKind;
use busyhour::webhook::contract::Contracts;
use busyhour::world::{Host, Power, Random};

use super::floor;
use super::messages::{self, Correspondence};
use super::service::{Elsewhere, ServerChoice};
use crate::argument::{self, Callee, Customer, Party, PhoneKind};
use crate::phrase::{StepFailure, StepResult};
use busyhour::media::Codec;
use busyhour::media::tone::Voice;
use busyhour::media::turn::StunTurnServer;
use busyhour::pbx::carrier::{CallState, CarrierSettings};
use busyhour::pbx::customer::Behaviour;
use busyhour::pbx::{Carrier, LostConnection, Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings, Tab};
use busyhour::phone::webphone::WebphoneSettings;
use busyhour::phone::{Phone, PhoneSettings, Screen};
use busyhour::sip::digest::{Algorithm, Credentials};

/// The SIP domain.
pub(crate) const DOMAIN: &str = "pbx.test";
/// The priorities of the servers in DNS.
const FIRST: u16 = 10;
const SECOND: u16 = 20;
/// The port of SIP.
pub(crate) const SIP: u16 = 5060;
/// The port of WebSockets.
pub(crate) const WEB_SOCKET: u16 = 8080;
/// The host of the test phone, and its account.
pub(crate) const TEST_PHONE: &str = "test-phone";
/// A number that nobody has, neither here nor at the carrier.
const NOBODY: &str = "999";

/// The contact center of a scenario.
pub(crate) struct Center {
    pub(super) universe: Universe,
    pub(super) random: Random,
    service: ServerChoice,
    /// The senders by whose contracts the floor may tell of things.
    pub(super) contracts: Contracts,
    /// On how many hosts somebody else's server was switched on.
    others_on: usize,
    servers: Vec<Seat<Server>>,
    settings: ServerSettings,
    carrier: Seat<Carrier>,
    /// What the carrier is told when it's switched on.
    orders: Orders,
    pub(super) agents: Vec<Agent>,
    seats: Rc<Seats>,
    /// What customers do of whom nothing else is said.
    default_customer: Behaviour,
    test_phone: Option<Phone>,
    pub(super) last_named: Option<String>,
    /// Who was connected with whom, by whatever deed: what "the call" is made of.
    links: Vec<(String, String)>,
    /// The phone that handed on a call last.
    pub(super) last_transfer: Option<Phone>,
    /// Who picked up within a step that told of more than that.
    pub(super) picked_up: Option<String>,
    /// The STUN and TURN server, if somebody has need of it.
    pub(super) turn: Option<StunTurnServer>,
    pub(super) without_turn: bool,
    /// Firewalls that aren't there yet: whose, and whom it lets through.
    pub(super) firewalls: Vec<(String, Vec<Host>)>,
    mailboxes: bool,
    /// Those who write to each other.
    pub(super) letters: Vec<Correspondence>,
    /// The floor, once somebody has spoken of it, and whose behaviour it has.
    pub(super) place: Option<floor::Place>,
    pub(super) profile: busyhour::floor::settings::Profile,
    /// How far the clocks on the walls are ahead of UTC.
    pub(super) utc_offset_minutes: i32,
    pub(super) outside: floor::Outside,
}

/// A host, and what runs on it once it's switched on.
struct Seat<T> {
    host: Host,
    program: Option<T>,
}

/// What was said of the carrier before it was switched on.
#[derive(Default)]
struct Orders {
    refusals: Vec<(u16, u32)>,
    only: Option<Codec>,
}

/// Everybody's voice, and the customers: also those of whom nobody knew before they were called.
struct Seats {
    universe: Universe,
    customers: RefCell<BTreeMap<String, Seated>>,
    voices: std::cell::Cell<u32>,
}

/// A customer: a number, and a room in which it's spoken and heard.
#[derive(Clone)]
struct Seated {
    host: Host,
    voice: Voice,
    /// If anything was said of her.
    behaviour: Option<Behaviour>,
}

impl Seats {
    fn voice(&self) -> Voice {
        self.voices.set(self.voices.get() + 1);
        Voice::number(self.voices.get())
    }

    fn get(&self, number: &str) -> Option<Seated> {
        self.customers.borrow().get(number).cloned()
    }

    fn is_known(&self, number: &str) -> bool {
        self.customers.borrow().contains_key(number)
    }

    fn numbers(&self) -> Vec<String> {
        self.customers.borrow().keys().cloned().collect()
    }

    /// Sees that somebody is at a number.
    fn seat(&self, number: &str) -> Result<Host, StepFailure> {
        if let Some(seated) = self.get(number) {
            return Ok(seated.host);
        }
        let host = self.universe.try_host(&format!("customer-{number}")).map_err(failed)?;
        let voice = self.voice();
        host.room().say(voice.sound());
        self.customers.borrow_mut().insert(number.to_owned(), Seated { host: host.clone(), voice, behaviour: None });
        Ok(host)
    }
}

/// An agent.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) voice: Voice,
    pub(crate) devices: Vec<Device>,
    password: String,
    pub(super) nat: Option<NatHandle>,
    /// What the TURN server asks her page for; empty without one.
    pub(super) turn_password: String,
    pub(super) turn_password_is_wrong: bool,
    /// Where her screen is, if her phone isn't in a browser.
    pub(super) computer: Option<floor::Computer>,
    /// She listens to others, and is none of `every agent`.
    pub(super) is_supervisor: bool,
}

/// One of an agent's phones.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) host: Host,
    pub(crate) phone: Phone,
    pub(crate) kind: PhoneKind,
    /// Whose tab it's in, if it's a webphone.
    pub(crate) browser: Option<Browser>,
}

impl Device {
    /// True if it runs on a computer, which can be closed and carried away.
    pub(crate) fn is_on_a_computer(&self) -> bool {
        self.kind != PhoneKind::Hardphone
    }
}

/// Somebody who hears.
#[derive(Clone)]
pub(crate) struct Ear {
    pub(crate) name: String,
    pub(crate) hosts: Vec<Host>,
    pub(crate) voice: Voice,
}

impl Agent {
    /// One of her phones: the one that is meant, else the first that can, else the first.
    pub(crate) fn device(&self, which: Option<usize>, can: impl Fn(&Screen) -> bool) -> Result<&Device, StepFailure> {
        match which {
            Some(which) => self.devices.get(which).ok_or_else(|| {
                let name = &self.name;
                let why = format!("{name} has no second phone: `Given {name} has a second hardphone` puts one there");
                StepFailure::because(why)
            }),
            None => Ok(self.devices.iter().find(|device| can(&device.phone.screen())).unwrap_or(&self.devices[0])),
        }
    }

    /// What all of her phones show.
    pub(crate) fn seen(&self) -> String {
        let several = self.devices.len() > 1;
        let shown = self.devices.iter().enumerate().map(|(index, device)| match (several, index) {
            (false, _) => format!("{}'s phone shows {}", self.name, device.phone.screen()),
            (true, 0) => format!("{}'s first phone shows {}", self.name, device.phone.screen()),
            (true, _) => format!("her second one shows {}", device.phone.screen()),
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    /// True if one of her phones has a call that hasn't ended.
    pub(crate) fn is_in_a_call(&self) -> bool {
        self.devices.iter().any(|device| device.phone.screen().calls().next().is_some())
    }

    /// Her phones' hosts, and that of the computer beside them.
    fn hosts(&self) -> Vec<Host> {
        let mut hosts: Vec<Host> = self.devices.iter().map(|device| device.host.clone()).collect();
        if let Some(computer) = &self.computer
            && !hosts.iter().any(|host| host.id() == computer.host.id())
        {
            hosts.push(computer.host.clone());
        }
        hosts
    }

    fn ear(&self) -> Ear {
        // Two tabs are on one computer.
        let mut hosts: Vec<Host> = Vec::new();
        for device in &self.devices {
            if !hosts.iter().any(|host| host.id() == device.host.id()) {
                hosts.push(device.host.clone());
            }
        }
        Ear { name: self.name.clone(), hosts, voice: self.voice }
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> StepFailure {
    StepFailure::because(error.to_string())
}

impl Center {
    pub(super) fn new(universe: &Universe, service: ServerChoice, contracts: Contracts) -> Result<Center, StepFailure> {
        let seat = |name: &str| universe.try_host(name).map_err(failed);
        let (server, carrier) = (seat("server")?, seat("carrier")?);
        let mut center = Center {
            universe: universe.clone(),
            random: universe.random("accounts"),
            service,
            contracts,
            others_on: 0,
            servers: Vec::new(),
            settings: ServerSettings::new(DOMAIN),
            carrier: Seat { host: carrier, program: None },
            orders: Orders::default(),
            agents: Vec::new(),
            seats: Rc::new(Seats {
                universe: universe.clone(),
                customers: RefCell::default(),
                voices: std::cell::Cell::new(0),
            }),
            default_customer: Behaviour::default(),
            test_phone: None,
            last_named: None,
            links: Vec::new(),
            last_transfer: None,
            picked_up: None,
            turn: None,
            without_turn: false,
            firewalls: Vec::new(),
            mailboxes: false,
            letters: Vec::new(),
            place: None,
            profile: busyhour::floor::settings::Profile::default(),
            utc_offset_minutes: -5 * 60,
            outside: floor::Outside::default(),
        };
        center.settings.trunk = Some(SocketAddrV4::new(center.carrier.host.address(), SIP));
        center.announce(&server, FIRST)?;
        center.servers.push(Seat { host: server, program: None });
        let password = center.password(TEST_PHONE);
        center.settings.users.insert(TEST_PHONE.to_owned(), password);
        Ok(center)
    }

    fn announce(&self, server: &Host, priority: u16) -> StepResult {
        if let ServerChoice::Elsewhere(Elsewhere { transport, address }) = self.service {
            let network = self.universe.network();
            let name = format!("elsewhere.{DOMAIN}");
            network.name_address(&name, *address.ip()).map_err(failed)?;
            let service = format!("_sip._{}.{DOMAIN}", transport.parameter());
            return network.announce(&service, priority, 0, address.port(), &name).map_err(failed);
        }
        // Browsers know nothing of services: a page's server is the one that has the domain's name.
        if priority == FIRST {
            self.universe.network().name_address(DOMAIN, server.address()).map_err(failed)?;
        }
        for service in ["_sip._udp", "_sip._tcp"] {
            let service = format!("{service}.{DOMAIN}");
            self.universe.network().announce(&service, priority, 0, SIP, server.name()).map_err(failed)?;
        }
        Ok(())
    }

    /// A password that nobody has yet. What may be on no wire is told to those who watch for it. A server of somebody
    /// else's can't be told of it: there it's the name of the account.
    fn password(&mut self, name: &str) -> String {
        if !self.service.is_ours() {
            return name.to_owned();
        }
        let password = format!("pw-{:016x}", self.random.next_u64());
        let account = Credentials { user: name.to_owned(), password: password.clone() };
        let ha1 = [Algorithm::Md5, Algorithm::Sha256].map(|algorithm| account.ha1(algorithm, DOMAIN));
        self.universe.note("secret", |event| event.with("value", account.password).with("ha1", ha1.to_vec()));
        password
    }

    fn voice(&mut self) -> Voice {
        self.seats.voice()
    }

    // --- servers and carrier -------------------------------------------------------------------------------------

    /// A second server that takes over when the first is down: phones find it by DNS.
    pub(crate) fn add_second_server(&mut self) -> StepResult {
        if self.servers.len() > 1 {
            return Err(StepFailure::because("there is a second SIP server already"));
        }
        if matches!(self.service, ServerChoice::Elsewhere(_)) {
            return Err(StepFailure::because("the SIP server runs elsewhere, and there is only that one"));
        }
        let host = self.universe.try_host("server2").map_err(failed)?;
        self.announce(&host, SECOND)?;
        if self.settings.lost_connection == LostConnection::KeepsUntilExpiry {
            self.tell_setting(&host);
        }
        let program = self.servers[0].program.is_some().then(|| Server::install(&host, self.settings.clone()));
        self.servers.push(Seat { host, program });
        Ok(())
    }

    /// Switches on whatever isn't on yet.
    pub(crate) fn open(&mut self) {
        if self.service.is_ours() {
            for seat in &mut self.servers {
                seat.program.get_or_insert_with(|| Server::install(&seat.host, self.settings.clone()));
            }
        } else {
            self.servers[self.others_on..].iter().for_each(|seat| self.service.boot(&seat.host));
            self.others_on = self.servers.len();
        }
        if self.carrier.program.is_none() {
            let servers = self.servers.iter().map(|seat| SocketAddrV4::new(seat.host.address(), SIP)).collect();
            let settings = CarrierSettings { servers, ..CarrierSettings::default() };
            let seats = Rc::clone(&self.seats);
            let carrier = Carrier::install(&self.carrier.host, settings, move |number| {
                seats.seat(number).unwrap_or_else(|error| panic!("nobody can be at {number}: {error}"))
            });
            carrier.default_customer(self.default_customer.clone());
            for number in self.seats.numbers() {
                if let Some(Seated { host, behaviour: Some(behaviour), .. }) = self.seats.get(&number) {
                    carrier.customer(&number, host, behaviour);
                }
            }
            for (status, times) in self.orders.refusals.drain(..) {
                carrier.answer_next_with(status, times);
            }
            if let Some(codec) = self.orders.only {
                carrier.speaks_only(codec);
            }
            self.carrier.program = Some(carrier);
        }
    }

    fn running(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter_map(|seat| seat.program.as_ref())
    }

    /// The carrier, switched on.
    pub(crate) fn carrier(&mut self) -> Carrier {
        self.open();
        self.carrier.program.clone().expect("it was just switched on")
    }

    fn active(&self) -> usize {
        self.servers.iter().position(|seat| seat.host.power() == Power::Up).unwrap_or(0)
    }

    /// A host whose clock is right.
    pub(super) fn clock(&self) -> Host {
        self.carrier.host.clone()
    }

    /// How far the clocks on the walls are ahead of UTC.
    pub(super) fn hangs_clocks(&mut self, utc_offset_minutes: i32) {
        self.utc_offset_minutes = utc_offset_minutes;
        if let Some(place) = &self.place {
            place.hangs_clock(utc_offset_minutes);
        }
    }

    /// The address of the first server.
    pub(super) fn server_address(&self) -> Ipv4Addr {
        self.servers[0].host.address()
    }

    /// An account of a floor at the SIP server; its password.
    pub(super) fn add_switch(&mut self, name: &str) -> String {
        let password = self.password(name);
        self.settings = self.settings.clone().switch(name, password.clone());
        self.running().for_each(|server| {
            server.change(|settings| *settings = settings.clone().switch(name, password.clone()));
        });
        password
    }

    /// Calls to a number come in at that account.
    pub(super) fn brings_in(&mut self, number: &str, user: &str) {
        self.settings.inbound.insert(number.to_owned(), user.to_owned());
        self.running().for_each(|server| {
            server.change(|settings| {
                settings.inbound.insert(number.to_owned(), user.to_owned());
            });
        });
    }

    /// True if the server is ours, so that it can be looked into.
    pub(crate) fn server_is_ours(&self) -> bool {
        self.service.is_ours()
    }

    /// One of the servers, with its host.
    pub(crate) fn server(&mut self, which: argument::Server) -> Result<(Host, Server), StepFailure> {
        self.open();
        let index = match which {
            argument::Server::Active => self.active(),
            argument::Server::First => 0,
            argument::Server::Second => 1,
        };
        let seat = self.servers.get(index).ok_or_else(no_second_server)?;
        let program = seat.program.clone().ok_or_else(|| self.service.closed())?;
        Ok((seat.host.clone(), program))
    }

    /// From now on a registration lasts that long at most.
    pub(crate) fn registrations_last(&mut self, expires: Duration) {
        self.settings.expires = expires;
        self.settings.least_expires = self.settings.least_expires.min(expires);
        self.running().for_each(|server| server.set_expires(expires));
    }

    /// The server keeps what came by a connection that's lost.
    pub(crate) fn keeps_lost_contacts(&mut self) {
        for seat in &self.servers {
            self.tell_setting(&seat.host);
        }
        self.settings.lost_connection = LostConnection::KeepsUntilExpiry;
        self.running().for_each(|server| {
            server.change(|settings| settings.lost_connection = LostConnection::KeepsUntilExpiry);
        });
    }

    /// Writes down how a server is set where others are set otherwise: who watches has to know.
    fn tell_setting(&self, host: &Host) {
        self.universe.note("server-setting", |event| event.on(host.id()).with("lost_connection", "keeps-until-expiry"));
    }

    /// Where browsers leave each other mail: the first server's address.
    pub(super) fn mailboxes(&mut self) -> Result<std::net::Ipv4Addr, StepFailure> {
        if !self.service.is_ours() {
            return Err(self.service.closed());
        }
        self.open();
        let host = &self.servers[0].host;
        if !std::mem::replace(&mut self.mailboxes, true) {
            messages::keep_mailboxes(host);
        }
        Ok(host.address())
    }

    /// The carrier refuses the next calls.
    pub(crate) fn carrier_refuses(&mut self, status: u16, times: u32) {
        match &self.carrier.program {
            Some(carrier) => carrier.answer_next_with(status, times),
            None => self.orders.refusals.push((status, times)),
        }
    }

    /// The carrier speaks one codec only.
    pub(crate) fn carrier_speaks_only(&mut self, codec: Codec) {
        match &self.carrier.program {
            Some(carrier) => carrier.speaks_only(codec),
            None => self.orders.only = Some(codec),
        }
    }

    // --- agents --------------------------------------------------------------------------------------------------

    /// The names of the agents.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.agents.iter().map(|agent| agent.name.as_str())
    }

    /// Adds an agent whose phone stands on `host`.
    pub(super) fn add_agent(&mut self, host: Host, kind: PhoneKind) -> StepResult {
        let name = host.name().to_owned();
        let (password, voice) = (self.password(&name), self.voice());
        self.settings.users.insert(name.clone(), password.clone());
        self.running().for_each(|server| {
            server.change(|settings| {
                settings.users.insert(name.clone(), password.clone());
            });
        });
        let mut agent = Agent {
            name,
            voice,
            devices: Vec::new(),
            password,
            nat: None,
            turn_password: String::new(),
            turn_password_is_wrong: false,
            computer: None,
            is_supervisor: false,
        };
        let name = agent.name.clone();
        install(&mut agent, host, kind, &self.service);
        self.agents.push(agent);
        self.seat_at_floor(&name)
    }

    /// Gives an agent one more phone.
    pub(crate) fn add_second_phone(&mut self, name: &str, kind: PhoneKind) -> StepResult {
        let agent = self.agents.iter_mut().find(|agent| agent.name == name).expect("the name was looked up");
        if agent.devices.len() > 1 {
            return Err(StepFailure::because(format!("{name} has a second phone already")));
        }
        let host = self.universe.try_host(&format!("{name}-2")).map_err(failed)?;
        if let Some(nat) = agent.nat {
            self.universe.network().put_behind(&host, nat);
        }
        install(agent, host, kind, &self.service);
        Ok(())
    }

    /// Gives an agent one more tab in a browser of hers: the same page, and so a phone of the same set-up.
    pub(super) fn add_tab(&mut self, name: &str) -> Result<Device, StepFailure> {
        let agent = self.agents.iter_mut().find(|agent| agent.name == name).expect("the name was looked up");
        if agent.devices.len() > 1 {
            return Err(StepFailure::because(format!("{name} has a second phone already, which isn't a tab")));
        }
        let device = agent.devices[0].clone();
        agent.devices.push(device.clone());
        Ok(device)
    }

    /// From now on one of an agent's webphones is the one in that tab.
    pub(super) fn pin(&mut self, name: &str, device: usize, tab: &Tab) -> Phone {
        let agent = self.agents.iter_mut().find(|agent| agent.name == name).expect("the name was looked up");
        let device = &mut agent.devices[device];
        device.phone = device.phone.in_tab(tab);
        device.phone.clone()
    }

    /// The agents whom somebody names.
    pub(super) fn agents(&mut self, who: &argument::Agent) -> Result<Vec<Agent>, StepFailure> {
        match who {
            argument::Agent::Named(name) => {
                self.last_named = Some(name.clone());
                Ok(self.agents.iter().filter(|agent| agent.name == *name).cloned().collect())
            }
            argument::Agent::Every if self.agents.is_empty() => {
                Err(StepFailure::because("there are no agents here: `Given 3 agents with hardphones` names three"))
            }
            argument::Agent::Every => Ok(self.agents.iter().filter(|agent| !agent.is_supervisor).cloned().collect()),
        }
    }

    /// Puts an agent behind a NAT.
    pub(crate) fn put_behind_nat(&mut self, name: &str, kind: NatKind, lifetime: Option<Duration>) -> StepResult {
        let agent = self.agents.iter_mut().find(|agent| agent.name == name).expect("the name was looked up");
        if agent.nat.is_some() {
            return Err(StepFailure::because(format!("{name} works behind a NAT already")));
        }
        let network = self.universe.network();
        let nat = network.nat(&format!("{name}'s NAT"), kind, lifetime);
        agent.hosts().iter().for_each(|host| network.put_behind(host, nat));
        agent.nat = Some(nat);
        Ok(())
    }

    /// An agent's NAT box.
    pub(crate) fn nat_of(&self, name: &str) -> Result<NatHandle, StepFailure> {
        let agent = self.agents.iter().find(|agent| agent.name == name);
        agent.and_then(|agent| agent.nat).ok_or_else(|| {
            StepFailure::because(format!(
                "{name} works behind no NAT: `Given {name} works behind a symmetric NAT` puts one there"
            ))
        })
    }

    /// The hosts of an agent, if there is one of that name.
    pub(super) fn hosts_of(&self, name: &str) -> Option<Vec<Host>> {
        if let Some(host) = self.outside.host_of(name) {
            return Some(vec![host]);
        }
        let agent = self.agents.iter().find(|agent| agent.name == name)?;
        Some(agent.hosts())
    }

    /// True if an agent has that name.
    pub(super) fn is_agent(&self, name: &str) -> bool {
        self.agents.iter().any(|agent| agent.name == name)
    }

    /// The names of the webhook receivers.
    pub(super) fn receivers(&self) -> impl Iterator<Item = &str> {
        self.outside.names()
    }

    /// The addresses of the servers behind the first.
    pub(super) fn standbys(&self) -> Vec<std::net::Ipv4Addr> {
        self.servers.iter().skip(1).map(|seat| seat.host.address()).collect()
    }

    /// Every host at which media could end: servers, carrier, agents.
    pub(super) fn everybodys_hosts(&self) -> Vec<Host> {
        let servers = self.servers.iter().map(|seat| seat.host.clone());
        let agents = self.agents.iter().flat_map(|agent| &agent.devices).map(|device| device.host.clone());
        servers.chain([self.carrier.host.clone()]).chain(agents).collect()
    }

    /// The hosts of a role.
    pub(super) fn hosts(&self, party: &Party) -> Result<Vec<Host>, StepFailure> {
        let server = |index: usize| match self.servers.get(index) {
            Some(seat) => Ok(vec![seat.host.clone()]),
            None => Err(no_second_server()),
        };
        match party {
            Party::Named(name) => Ok(self.hosts_of(name).unwrap_or_default()),
            // One address stands for all of it in people's minds: the dialer's box with the SIP server's.
            Party::Server => {
                let mut hosts = server(self.active())?;
                hosts.extend(self.place.iter().map(|place| place.host().clone()));
                Ok(hosts)
            }
            Party::FirstServer => server(0),
            Party::SecondServer => server(1),
            Party::Carrier => Ok(vec![self.carrier.host.clone()]),
            Party::TurnServer => Ok(self.turn.iter().map(|turn| turn.host().clone()).collect()),
            Party::Floor => match &self.place {
                Some(place) => Ok(vec![place.host().clone()]),
                None => Err(StepFailure::because("there is no floor here: `Given a campaign renewals` puts one there")),
            },
            Party::Crm => match self.outside.crm_host() {
                Some(host) => Ok(vec![host]),
                None => {
                    Err(StepFailure::because("there is no CRM here: `Given a webhook receiver crm` puts one there"))
                }
            },
            Party::EveryAgent if self.agents.is_empty() => {
                Err(StepFailure::because("there are no agents here: `Given 3 agents with hardphones` names three"))
            }
            Party::EveryAgent => {
                let agents = self.agents.iter().filter(|agent| !agent.is_supervisor);
                Ok(agents.flat_map(Agent::hosts).collect())
            }
        }
    }

    /// The phone that belongs to no agent, with its account. It's there when it's first needed.
    pub(super) fn test_phone(&mut self) -> Result<Phone, StepFailure> {
        self.open();
        if self.test_phone.is_none() {
            let host = self.universe.try_host(TEST_PHONE).map_err(failed)?;
            let password = &self.settings.users[TEST_PHONE];
            self.test_phone = Some(Phone::install(&host, PhoneSettings::hardphone(TEST_PHONE, password, DOMAIN)));
        }
        Ok(self.test_phone.clone().expect("it was just installed"))
    }

    // --- customers -----------------------------------------------------------------------------------------------

    /// What the customer at a number does when somebody calls.
    pub(crate) fn customer_behaves(&mut self, number: &str, behaviour: Behaviour) -> StepResult {
        let host = self.seats.seat(number)?;
        if let Some(seated) = self.seats.customers.borrow_mut().get_mut(number) {
            seated.behaviour = Some(behaviour.clone());
        }
        if let Some(carrier) = &self.carrier.program {
            carrier.customer(number, host, behaviour);
        }
        Ok(())
    }

    /// What every customer does of whom nothing else is said.
    pub(super) fn default_customer(&mut self, behaviour: Behaviour) {
        self.default_customer = behaviour.clone();
        if let Some(carrier) = &self.carrier.program {
            carrier.default_customer(behaviour);
        }
    }

    /// True if it was said what the customer at a number does.
    pub(super) fn is_told_of(&self, number: &str) -> bool {
        self.seats.get(number).is_some_and(|seated| seated.behaviour.is_some())
    }

    /// Sees that somebody is at a number.
    pub(super) fn seat(&mut self, number: &str) -> StepResult {
        self.seats.seat(number).map(|_| ())
    }

    /// The number of a customer. The one of the call is whom the agent last named talks to, or was connected with.
    pub(super) fn number_of(&self, customer: &Customer) -> Result<String, StepFailure> {
        match customer {
            Customer::At(number) if self.seats.is_known(number) => Ok(number.clone()),
            Customer::At(number) => {
                let why = format!("nobody has called {number:?}, and nothing was said of a customer there");
                Err(StepFailure::because(why))
            }
            Customer::OfTheCall => {
                if let (Some(agent), Some(place)) = (&self.last_named, &self.place) {
                    // A supervisor's customer is that of the agent whom she listens to.
                    let party = self.party_of(agent);
                    let all = std::iter::once(agent).chain(party.iter().filter(|one| *one != agent));
                    let mut numbers = all.filter_map(|one| place.customer_of(one));
                    if let Some(number) = numbers.find(|number| self.seats.is_known(number)) {
                        return Ok(number);
                    }
                }
                let (who, party) = match &self.last_named {
                    Some(agent) => (format!("{agent}'s call"), self.party_of(agent)),
                    None => ("any call".to_owned(), self.seats.numbers().into_iter().collect()),
                };
                let mut numbers: Vec<&String> = party.iter().filter(|one| self.seats.is_known(one)).collect();
                if numbers.len() > 1
                    && let Some(carrier) = &self.carrier.program
                {
                    // One who has hung up is not meant while another talks.
                    let talking: Vec<&String> =
                        numbers.iter().copied().filter(|number| is_in_call(carrier, number)).collect();
                    numbers = if talking.is_empty() { numbers } else { talking };
                }
                match numbers.as_slice() {
                    [number] => Ok((*number).clone()),
                    [] => Err(StepFailure::because(format!("there is no customer in {who}"))),
                    several => {
                        let all: Vec<_> = several.iter().map(|number| format!("{number:?}")).collect();
                        let why = format!(
                            "several customers were in {who}: write `the customer at {}` or at {}",
                            all[0],
                            all[1..].join(", ")
                        );
                        Err(StepFailure::because(why))
                    }
                }
            }
        }
    }

    /// What somebody types to call that one. A customer who is called is there.
    pub(super) fn number_to_dial(&mut self, callee: &Callee) -> Result<String, StepFailure> {
        Ok(match callee {
            Callee::Agent(name) => name.clone(),
            Callee::Nobody => NOBODY.to_owned(),
            Callee::Number(number) => {
                if number.len() >= 10 {
                    self.seat(number)?;
                }
                number.clone()
            }
        })
    }

    // --- calls ---------------------------------------------------------------------------------------------------

    /// Remembers that somebody was connected with somebody.
    pub(super) fn link(&mut self, one: &str, other: &str) {
        self.links.push((one.to_owned(), other.to_owned()));
    }

    /// True if nobody has called anybody yet.
    pub(super) fn has_no_calls(&self) -> bool {
        let at_the_floor = self.place.as_ref().is_some_and(|place| {
            place.has_had_calls() || self.agents.iter().any(|agent| place.has_had_a_session(&agent.name))
        });
        self.links.is_empty() && !at_the_floor
    }

    /// The phone that stands on a host.
    pub(super) fn phone_on(&self, host: &Host) -> Option<Phone> {
        let mut devices = self.agents.iter().flat_map(|agent| &agent.devices);
        devices.find(|device| device.host.id() == host.id()).map(|device| device.phone.clone())
    }

    /// Everybody who has to do with an agent's call.
    pub(super) fn party_of(&self, agent: &str) -> BTreeSet<String> {
        let mut party = BTreeSet::from([agent.to_owned()]);
        loop {
            let more: Vec<String> = self
                .links
                .iter()
                .filter_map(|(one, other)| match (party.contains(one), party.contains(other)) {
                    (true, false) => Some(other.clone()),
                    (false, true) => Some(one.clone()),
                    _ => None,
                })
                .collect();
            if more.is_empty() {
                return party;
            }
            party.extend(more);
        }
    }

    /// True if an agent is in a call: her session's own is none.
    pub(super) fn is_in_a_call(&self, agent: &Agent) -> bool {
        let Some(place) = &self.place else { return agent.is_in_a_call() };
        let calls: usize = agent.devices.iter().map(|device| device.phone.screen().calls().count()).sum();
        let of_the_session = usize::from(place.has_session_leg(&agent.name));
        place.is_talking(&agent.name) || calls > of_the_session
    }

    /// Those of the call of the agent last named who are still in it, in words; none when it has ended for everybody.
    pub(super) fn still_in_the_call(&self) -> Vec<String> {
        let mut party: BTreeSet<String> = match &self.last_named {
            Some(agent) => self.party_of(agent),
            None => self.names().map(str::to_owned).chain(self.seats.numbers()).collect(),
        };
        if let (Some(agent), Some(place)) = (&self.last_named, &self.place) {
            party.extend(place.customer_of(agent));
        }
        let agents = self.agents.iter().filter(|agent| party.contains(&agent.name) && self.is_in_a_call(agent));
        let mut still: Vec<String> = agents.map(Agent::seen).collect();
        if let Some(carrier) = &self.carrier.program {
            let customers = self.seats.numbers().into_iter().filter(|number| party.contains(number));
            let talking = customers.filter(|number| is_in_call(carrier, number));
            still.extend(talking.map(|number| format!("the customer at {number:?} is in a call")));
        }
        let is_a_session = |one: &str, other: &str| {
            let session = self.place.as_ref().is_some_and(|place| place.has_session_leg(other));
            session && floor::Place::is_floors(one)
        };
        for seat in self.servers.iter().filter(|seat| seat.host.power() == Power::Up) {
            let calls = seat.program.iter().flat_map(Server::calls);
            let of_them = calls.filter(|call| {
                let sides = [Some(&call.caller), Some(&call.called), call.callee.as_ref()];
                !is_a_session(&call.caller, &call.called)
                    && sides.into_iter().flatten().any(|side| party.contains(&**side))
            });
            still.extend(
                of_them.map(|call| format!("{} has a call from {} to {}", seat.host.name(), call.caller, call.called)),
            );
        }
        still
    }

    // --- hearing -------------------------------------------------------------------------------------------------

    /// The customer's ear.
    pub(super) fn customers_ear(&self, number: &str) -> Ear {
        let customer = self.seats.get(number).expect("the number was looked up");
        Ear { name: format!("the customer at {number:?}"), hosts: vec![customer.host.clone()], voice: customer.voice }
    }

    /// Everybody who can be heard.
    pub(super) fn everybody(&self) -> Vec<Ear> {
        let numbers = self.seats.numbers();
        let customers = numbers.iter().map(|number| self.customers_ear(number));
        self.agents.iter().map(Agent::ear).chain(customers).collect()
    }
}

/// True if a customer is in a call: it rings, or they talk.
fn is_in_call(carrier: &Carrier, number: &str) -> bool {
    carrier.calls(number).iter().any(|call| call.state != CallState::Ended)
}

fn no_second_server() -> StepFailure {
    StepFailure::because(
        "there is no second server: `Given a second SIP server that takes over when the first is down` adds one",
    )
}

/// Puts a phone on a host of the agent's, into whose microphone she speaks. A webphone's tab isn't opened yet.
fn install(agent: &mut Agent, host: Host, kind: PhoneKind, service: &ServerChoice) {
    host.room().say(agent.voice.sound());
    let make = match kind {
        PhoneKind::Hardphone => PhoneSettings::hardphone,
        PhoneKind::Softphone => PhoneSettings::softphone,
        PhoneKind::Webphone => {
            let browser = Browser::install(&host, BrowserSettings::default());
            let phone = Phone::webphone(&browser, WebphoneSettings::new(&agent.name, &agent.password, DOMAIN));
            agent.devices.push(Device { host, phone, kind, browser: Some(browser) });
            return;
        }
    };
    let mut settings = make(&agent.name, &agent.password, DOMAIN);
    if let ServerChoice::Elsewhere(elsewhere) = service {
        settings.transport = elsewhere.transport;
    }
    let phone = Phone::install(&host, settings);
    agent.devices.push(Device { host, phone, kind, browser: None });
}
