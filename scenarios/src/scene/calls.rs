//! What people do with their phones, and what is seen of it.
//!
//! Each deed presses a button and then waits as a person would: until the phone shows what came of it, good or bad, and
//! no longer than a person has patience. It fails only where the button isn't there to be pressed.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::floor::core::Transfer;
use busyhour::net::Network;
use busyhour::net::nat::Protocol;
use busyhour::sip::Transport;
use busyhour::world::{Host, Power};

use super::center::{Agent, Device, SIP, WEB_SOCKET};
use super::{PATIENCE, Scene, judge_amount, judge_level, wait_until};
use crate::argument::{self, Amount, Button, Callee, Customer, Deed, PhoneKind, Server};
use crate::phrase::{StepFailure, StepResult};
use busyhour::phone::{Line, LineState, NoSuchButton, Phone, Registration, Screen, TransferState};

/// How long a person waits for the ring.
const RING: Duration = Duration::from_secs(10);
/// How long a phone may take to boot and to register.
const BOOT: Duration = Duration::from_secs(15);
/// After a deed a person takes a breath before the next: enough for packets to cross an office and a country, and for a
/// phone to show what they brought.
const BREATH: Duration = Duration::from_millis(300);
/// How long a digit and the pause behind it take.
const DIGIT: Duration = Duration::from_millis(250);

impl From<NoSuchButton> for StepFailure {
    fn from(error: NoSuchButton) -> Self {
        StepFailure::because(error.to_string())
    }
}

/// The state of the call that began last.
fn newest(screen: &Screen) -> Option<&LineState> {
    screen.lines.last().map(|line: &Line| &line.state)
}

fn is_settled(registration: Registration) -> bool {
    registration != Registration::Trying
}

/// True as long as nothing is known of the call that was dialed last.
fn is_dialing(screen: &Screen) -> bool {
    newest(screen) == Some(&LineState::Dialing)
}

/// True if a packet that a server sends to that address, on a connection that's there, would reach a host.
pub(super) fn reaches(network: &Network, server: &Host, client: SocketAddrV4, host: &Host) -> bool {
    network.would_reach(server, WEB_SOCKET, Protocol::Tcp, client) == Some(host.id())
}

impl Scene {
    /// The agents whom somebody names, in a center that is open.
    pub(crate) fn agents(&mut self, who: &argument::Agent) -> Result<Vec<Agent>, StepFailure> {
        if let argument::Agent::Named(name) = who {
            self.check_agent(name)?;
        }
        let center = self.center()?;
        center.open();
        center.arrange_ways()?;
        center.agents(who)
    }

    /// An agent whose surroundings are arranged: that switches nothing on.
    pub(crate) fn names_of(&mut self, who: &argument::Agent) -> Result<Vec<String>, StepFailure> {
        if let argument::Agent::Named(name) = who {
            self.check_agent(name)?;
        }
        Ok(self.center()?.agents(who)?.into_iter().map(|agent| agent.name).collect())
    }

    /// Adds an agent with a phone.
    pub(crate) fn add_agent(&mut self, name: &str, kind: PhoneKind) -> StepResult {
        self.center()?;
        let host = self.new_host(name, "agent")?;
        self.center()?.add_agent(host, kind)
    }

    /// The phones that are meant, each with its agent.
    fn phones(&mut self, phone: &argument::AgentPhone) -> Result<Vec<(Agent, Device)>, StepFailure> {
        let agents = self.agents(&phone.agent)?;
        let device = |agent: Agent| agent.device(Some(phone.device), |_| true).cloned().map(|device| (agent, device));
        agents.into_iter().map(device).collect()
    }

    /// Waits until all of these phones show what is expected; whether they do is for a check to say.
    async fn settle(&self, phones: &[Phone], patience: Duration, shows: impl Fn(&Screen) -> bool) {
        wait_until(&self.universe, Some(patience), || phones.iter().all(|phone| shows(&phone.screen()))).await;
    }

    // --- registration --------------------------------------------------------------------------------------------

    /// Phones register, with the password that they have or with another.
    pub(crate) async fn register(&mut self, phone: &argument::AgentPhone, password: Option<&str>) -> StepResult {
        let devices = self.phones(phone)?;
        let mut phones = Vec::new();
        for (phone, opened) in self.open_for(&devices, password.is_none()).await? {
            match password {
                // A page that's opened for it registers by itself, unless somebody has switched that off.
                None if opened && phone.screen().registration != Registration::Off => {}
                None => phone.register()?,
                Some(password) => phone.register_with(password)?,
            }
            phones.push(phone);
        }
        // The icon is still what it was until the program has noticed the button.
        self.universe.sleep(super::LOOK_AGAIN).await;
        self.settle(&phones, PATIENCE, |screen| {
            is_settled(screen.registration) && screen.registration != Registration::Off
        })
        .await;
        Ok(())
    }

    /// Phones unregister.
    pub(crate) async fn unregister(&mut self, phone: &argument::AgentPhone) -> StepResult {
        let phones = self.phones(phone)?;
        for (_, device) in &phones {
            device.phone.unregister()?;
        }
        let phones: Vec<Phone> = phones.into_iter().map(|(_, device)| device.phone).collect();
        self.universe.sleep(super::LOOK_AGAIN).await;
        self.settle(&phones, PATIENCE, |screen| is_settled(screen.registration)).await;
        Ok(())
    }

    /// Phones lose power.
    pub(crate) fn lose_power(&mut self, phone: &argument::AgentPhone) -> StepResult {
        for (agent, device) in self.phones(phone)? {
            if device.host.power() == Power::Down {
                return Err(StepFailure::because(format!("{phone} has no power already")));
            }
            if device.open_tab().is_some() {
                self.tell_tab(&agent.name, 0, "power-lost");
            }
            device.host.crash();
        }
        Ok(())
    }

    /// Phones have power again. They boot, and register if they were switched on before.
    pub(crate) async fn come_back(&mut self, phone: &argument::AgentPhone) -> StepResult {
        let phones = self.phones(phone)?;
        for (_, device) in &phones {
            if device.host.power() == Power::Up {
                return Err(StepFailure::because(format!("{phone} never lost power, so it can't come back")));
            }
            device.host.restart();
        }
        let phones: Vec<Phone> = self.open_for(&phones, true).await?.into_iter().map(|(phone, _)| phone).collect();
        self.settle(&phones, BOOT, |screen| {
            screen.power && screen.message != "starting" && is_settled(screen.registration)
        })
        .await;
        Ok(())
    }

    /// True if a call would ring this phone now: the active server has a contact of hers by which a packet would reach it.
    /// A server that nobody can look into is believed to have what the phone shows.
    fn would_ring(&mut self, agent: &Agent, device: &Device) -> Result<bool, StepFailure> {
        if !self.center()?.server_is_ours() {
            let screen = device.phone.screen();
            return Ok(screen.power && screen.registration == Registration::Registered);
        }
        let network = self.universe.network();
        let (host, server) = self.center()?.server(Server::Active)?;
        if host.power() != Power::Up || device.host.power() != Power::Up {
            return Ok(false);
        }
        let now = host.now();
        let contacts = server.contacts(&agent.name).into_iter().filter(|contact| contact.expires_at > now);
        if device.browser.is_some() {
            // A page is reached by its connection or not at all, and another page's contact is none of its own.
            let (own, wiretap) = (device.phone.contact(), self.wiretap.clone());
            let is_open =
                |client| wiretap.as_ref().is_none_or(|tap| tap.lock().expect("no tap panics").is_open(client));
            return Ok(device.has_page()
                && contacts.into_iter().any(|contact| {
                    let client = contact.flow.remote;
                    own.as_ref() == Some(&contact.uri)
                        && is_open(client)
                        && reaches(&network, &host, client, &device.host)
                }));
        }
        Ok(contacts.into_iter().any(|contact| {
            let protocol = match contact.flow.transport {
                Transport::Udp => Protocol::Udp,
                Transport::Tcp | Transport::Ws => Protocol::Tcp,
            };
            network.would_reach(&host, SIP, protocol, contact.flow.remote) == Some(device.host.id())
        }))
    }

    /// Whether phones are registered: whether a call would ring them now.
    pub(crate) async fn is_registered(
        &mut self,
        phone: &argument::AgentPhone,
        wanted: bool,
        within: Option<Duration>,
    ) -> StepResult {
        let phones = self.phones(phone)?;
        let deadline = self.universe.now() + within.unwrap_or(Duration::ZERO);
        loop {
            let mut wrong = None;
            for (agent, device) in &phones {
                if self.would_ring(agent, device)? != wanted {
                    wrong = Some((agent, device));
                }
            }
            let Some((agent, device)) = wrong else { return Ok(()) };
            if self.universe.now() >= deadline {
                let seen = self.registration_seen(agent, device)?;
                let wanted = if wanted { "a call would ring" } else { "no call would ring" };
                return Err(StepFailure::differs(format!("{wanted} {phone}"), seen));
            }
            self.universe.sleep(super::LOOK_AGAIN.min(deadline.since(self.universe.now()))).await;
        }
    }

    fn registration_seen(&mut self, agent: &Agent, device: &Device) -> Result<String, StepFailure> {
        if !self.center()?.server_is_ours() {
            return Ok(format!("{}'s phone shows {}", device.host.name(), device.phone.screen()));
        }
        let (host, server) = self.center()?.server(Server::Active)?;
        let contacts = match host.power() {
            Power::Up => format!("{} has {} for her", host.name(), contacts(server.contacts(&agent.name).len())),
            _ => format!("{} is down", host.name()),
        };
        Ok(format!("{contacts}, and {}'s phone shows {}", device.host.name(), device.phone.screen()))
    }

    /// How many contacts a server has for an agent.
    pub(crate) async fn has_contacts(
        &mut self,
        server: Server,
        amount: Amount,
        who: &argument::Agent,
        within: Option<Duration>,
    ) -> StepResult {
        let agents = self.agents(who)?;
        let universe = self.universe.clone();
        for agent in agents {
            // Which one is active may change while it's waited.
            let center = std::cell::RefCell::new(self.center()?);
            center.borrow_mut().server(server)?;
            let count = || {
                let (host, program) = center.borrow_mut().server(server).expect("it was there a moment ago");
                let now = host.now();
                match host.power() {
                    Power::Up => program.contacts(&agent.name).iter().filter(|one| one.expires_at > now).count() as u64,
                    _ => 0,
                }
            };
            judge_level(&universe, amount, within, count, &format!("contacts for {}", agent.name)).await?;
        }
        Ok(())
    }

    /// A test call rings those phones of an agent that are alive, and nothing is rung that isn't.
    pub(crate) async fn rings_only_the_living(&mut self, who: &argument::Agent) -> StepResult {
        for agent in self.agents(who)? {
            let alive = agent.devices.iter().filter(|device| device.is_alive()).count();
            let test_phone = self.center()?.test_phone()?;
            let (host, server) = self.center()?.server(Server::Active)?;
            let rung = match host.power() {
                Power::Up => server.contacts(&agent.name).len(),
                _ => 0,
            };
            let before: Vec<usize> = agent.devices.iter().map(|device| ringing(&device.phone)).collect();
            let rings = |device: &Device, before: &usize| ringing(&device.phone) > *before;
            self.settle(std::slice::from_ref(&test_phone), BOOT, |screen| screen.power && screen.message != "starting")
                .await;
            test_phone.dial(&agent.name)?;
            let ringing_now =
                || agent.devices.iter().zip(&before).filter(|(device, before)| rings(device, before)).count();
            // All that can ring has begun to when as many ring as are called, or when patience is over.
            wait_until(&self.universe, Some(PATIENCE), || ringing_now() >= rung.max(1) || has_ended(&test_phone)).await;
            let rang = ringing_now();
            if !has_ended(&test_phone) {
                test_phone.hang_up()?;
            }
            wait_until(&self.universe, Some(PATIENCE), || has_ended(&test_phone) && ringing_now() == 0).await;
            if rang == 0 && alive > 0 {
                let seen = format!("none of them rang: {}", agent.seen());
                return Err(StepFailure::differs(
                    format!("a call to {} rings a phone that is alive", agent.name),
                    seen,
                ));
            }
            if rung > rang {
                let seen = format!("{} of {}, and {rang} of her phones rang", contacts(rung), host.name());
                let wanted = format!("a call to {} rings only phones that are alive", agent.name);
                return Err(StepFailure::differs(wanted, format!("it went to {seen}")));
            }
        }
        Ok(())
    }

    // --- calls ---------------------------------------------------------------------------------------------------

    /// Somebody calls.
    pub(crate) async fn call(&mut self, who: &argument::Agent, callee: &Callee) -> StepResult {
        if let Callee::Agent(name) = callee {
            self.check_agent(name)?;
        }
        let number = self.center()?.number_to_dial(callee)?;
        let mut phones = Vec::new();
        for agent in self.agents(who)? {
            let phone = agent.device(None, |screen| screen.power)?.phone.clone();
            phone.dial(&number)?;
            self.center()?.link(&agent.name, &number);
            phones.push(phone);
        }
        self.settle(&phones, PATIENCE, |screen| !is_dialing(screen)).await;
        Ok(())
    }

    /// A phone rings, or will in time.
    pub(crate) async fn rings(&mut self, phone: &argument::AgentPhone, patience: Option<Duration>) -> StepResult {
        let phones = self.phones(phone)?;
        let rings = || phones.iter().all(|(_, device)| device.phone.screen().rings());
        if wait_until(&self.universe, patience, rings).await {
            return Ok(());
        }
        Err(StepFailure::differs(format!("{phone} rings"), seen(&phones)))
    }

    /// A phone doesn't ring, nor will in that time.
    pub(crate) async fn does_not_ring(&mut self, phone: &argument::AgentPhone, within: Option<Duration>) -> StepResult {
        let phones = self.phones(phone)?;
        let rings = || phones.iter().any(|(_, device)| device.phone.screen().rings());
        if !wait_until(&self.universe, within, rings).await {
            return Ok(());
        }
        Err(StepFailure::differs(format!("{phone} doesn't ring"), seen(&phones)))
    }

    /// Somebody answers, as soon as it rings.
    pub(crate) async fn answer(&mut self, who: &argument::Agent, device: Option<usize>) -> StepResult {
        let picked_up = self.center()?.picked_up.take();
        for agent in self.agents(who)? {
            if picked_up.as_ref() == Some(&agent.name) && agent.is_in_a_call() {
                continue;
            }
            let phone = self.await_ring(&agent, device, "answer").await?;
            phone.answer()?;
            self.settle(&[phone], PATIENCE, |screen| !screen.rings()).await;
            self.universe.sleep(BREATH).await;
        }
        Ok(())
    }

    /// Somebody rejects the call, as soon as it rings.
    pub(crate) async fn reject(&mut self, who: &argument::Agent, device: Option<usize>) -> StepResult {
        for agent in self.agents(who)? {
            let phone = self.await_ring(&agent, device, "reject the call").await?;
            phone.reject()?;
            self.settle(&[phone], PATIENCE, |screen| !screen.rings()).await;
            self.universe.sleep(BREATH).await;
        }
        Ok(())
    }

    /// Waits for the ring as a person would.
    async fn await_ring(&mut self, agent: &Agent, device: Option<usize>, to: &str) -> Result<Phone, StepFailure> {
        let rings = || match agent.device(device, Screen::rings) {
            Ok(device) => device.phone.screen().rings(),
            Err(_) => true,
        };
        if !wait_until(&self.universe, Some(RING), rings).await {
            let why = format!("{} can't {to}: it never rings, and {}", agent.name, agent.seen());
            return Err(StepFailure::because(why));
        }
        Ok(agent.device(device, Screen::rings)?.phone.clone())
    }

    /// Somebody hangs up, or gives up calling.
    pub(crate) async fn hang_up(&mut self, who: &argument::Agent, device: Option<usize>) -> StepResult {
        if device.is_none() && self.by_screen(who)? {
            return self.hang_up_by_screen(who).await;
        }
        let mut phones = Vec::new();
        for agent in self.agents(who)? {
            let phone = agent.device(device, |screen| screen.calls().next().is_some())?.phone.clone();
            let calls = phone.screen().calls().count();
            phone.hang_up()?;
            phones.push((phone, calls));
        }
        let fewer = || phones.iter().all(|(phone, before)| phone.screen().calls().count() < *before);
        wait_until(&self.universe, Some(PATIENCE), fewer).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// The customer hangs up.
    pub(crate) async fn customer_hangs_up(&mut self, customer: &Customer) -> StepResult {
        let center = self.center()?;
        let number = center.number_of(customer)?;
        center.carrier().hang_up(&number).map_err(|error| StepFailure::because(error.to_string()))?;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// Somebody puts the call on hold.
    pub(crate) async fn hold(&mut self, who: &argument::Agent) -> StepResult {
        if self.by_screen(who)? {
            return self.hold_by_screen(who, true).await;
        }
        self.on_the_line(who, Phone::hold, |screen| !talks(screen)).await
    }

    /// Somebody takes the call off hold.
    pub(crate) async fn resume(&mut self, who: &argument::Agent) -> StepResult {
        if self.by_screen(who)? {
            return self.hold_by_screen(who, false).await;
        }
        self.on_the_line(who, Phone::resume, talks).await
    }

    /// Presses a button on the phone that is in a call, and waits until it shows what is expected.
    async fn on_the_line(
        &mut self,
        who: &argument::Agent,
        button: impl Fn(&Phone) -> Result<(), NoSuchButton>,
        shows: impl Fn(&Screen) -> bool,
    ) -> StepResult {
        let mut phones = Vec::new();
        for agent in self.agents(who)? {
            let phone = self.phone_in_a_call(&agent).await?;
            button(&phone)?;
            phones.push(phone);
        }
        self.settle(&phones, PATIENCE, shows).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// The phone on which somebody is in a call. One who has just been answered, or has just answered, is so in a moment.
    async fn phone_in_a_call(&self, agent: &Agent) -> Result<Phone, StepFailure> {
        let talks = |screen: &Screen| screen.answered().next().is_some();
        let begins = || agent.devices.iter().any(|device| talks(&device.phone.screen())) || !agent.is_in_a_call();
        wait_until(&self.universe, Some(PATIENCE), begins).await;
        Ok(agent.device(None, talks)?.phone.clone())
    }

    /// Somebody presses digits.
    pub(crate) async fn press(&mut self, who: &argument::Agent, digits: &str) -> StepResult {
        if self.by_screen(who)? {
            self.press_by_screen(who, digits).await?;
        } else {
            for agent in self.agents(who)? {
                self.phone_in_a_call(&agent).await?.press(digits)?;
            }
        }
        let count = u32::try_from(digits.len()).unwrap_or(u32::MAX);
        self.universe.sleep(DIGIT * count + DIGIT).await;
        Ok(())
    }

    // --- transfers -----------------------------------------------------------------------------------------------

    /// The phone on which somebody is in a call, and what to dial there.
    async fn before_a_transfer(&mut self, who: &argument::Agent, to: &Callee) -> Result<(Phone, String), StepFailure> {
        if let Callee::Agent(name) = to {
            self.check_agent(name)?;
        }
        let agent = self.one_agent(who)?;
        let center = self.center()?;
        let number = center.number_to_dial(to)?;
        center.link(&agent.name, &number);
        let phone = self.phone_in_a_call(&agent).await?;
        self.center()?.last_transfer = Some(phone.clone());
        Ok((phone, number))
    }

    fn one_agent(&mut self, who: &argument::Agent) -> Result<Agent, StepFailure> {
        let mut agents = self.agents(who)?;
        match agents.len() {
            1 => Ok(agents.remove(0)),
            several => Err(StepFailure::because(format!("one agent does this, and there are {several}: name her"))),
        }
    }

    /// True if the phones of a callee ring; nobody's, for a number.
    fn rings_at(&self, callee: &Callee) -> bool {
        let Callee::Agent(name) = callee else { return false };
        let Ok(hosts) = self.hosts_of(name) else { return false };
        let center = self.center.as_ref().expect("there are agents");
        hosts.iter().any(|host| center.phone_on(host).is_some_and(|phone| phone.screen().rings()))
    }

    /// Somebody hands the call on without asking.
    pub(crate) async fn transfer(&mut self, who: &argument::Agent, to: &Callee) -> StepResult {
        if self.by_screen(who)? {
            let to = self.third(who, to)?;
            return self.transfer_by_screen(who, Transfer::Blind { to }).await;
        }
        let (phone, number) = self.before_a_transfer(who, to).await?;
        phone.transfer(&number)?;
        let progress =
            || self.rings_at(to) || phone.screen().transfer.is_some_and(|state| state != TransferState::Trying);
        wait_until(&self.universe, Some(PATIENCE), progress).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// Somebody puts the call on hold and asks somebody else.
    pub(crate) async fn consult(&mut self, who: &argument::Agent, whom: &Callee) -> StepResult {
        if self.by_screen(who)? {
            let to = self.third(who, whom)?;
            return self.transfer_by_screen(who, Transfer::Consult { to }).await;
        }
        let (phone, number) = self.before_a_transfer(who, whom).await?;
        let before = phone.screen().lines.len();
        phone.consult(&number)?;
        let progress = || {
            let screen = phone.screen();
            screen.lines.len() > before && !is_dialing(&screen)
        };
        wait_until(&self.universe, Some(PATIENCE), progress).await;
        Ok(())
    }

    /// Somebody connects those whom she talks to.
    pub(crate) async fn complete_transfer(&mut self, who: &argument::Agent) -> StepResult {
        if self.by_screen(who)? {
            return self.transfer_by_screen(who, Transfer::Complete).await;
        }
        let agent = self.one_agent(who)?;
        let phone = agent.device(None, |screen| screen.calls().count() > 1)?.phone.clone();
        phone.complete_transfer()?;
        self.center()?.last_transfer = Some(phone.clone());
        self.settle(&[phone], PATIENCE, |screen| screen.transfer.is_some_and(|state| state != TransferState::Trying))
            .await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// Somebody asks, is answered, and connects the two.
    pub(crate) async fn consult_and_complete(&mut self, who: &argument::Agent, whom: &Callee) -> StepResult {
        self.consult(who, whom).await?;
        if let Callee::Agent(name) = whom
            && self.rings_at(whom)
        {
            self.answer(&argument::Agent::Named(name.clone()), None).await?;
            self.center()?.picked_up = Some(name.clone());
        }
        if !self.by_screen(who)? {
            let agent = self.one_agent(who)?;
            let phone = agent.device(None, |screen| screen.calls().count() > 1)?.phone.clone();
            self.settle(&[phone], PATIENCE, |screen| newest(screen) != Some(&LineState::RingingThere)).await;
        }
        self.complete_transfer(who).await
    }

    /// Somebody goes back to whom she put on hold for a consultation.
    pub(crate) async fn take_back(&mut self, who: &argument::Agent) -> StepResult {
        if self.by_screen(who)? {
            return self.transfer_by_screen(who, Transfer::TakeBack).await;
        }
        let agent = self.one_agent(who)?;
        let phone = agent.device(None, |screen| screen.calls().count() > 1)?.phone.clone();
        phone.take_back()?;
        self.settle(&[phone], PATIENCE, |screen| talks(screen) && screen.calls().count() == 1).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// The last transfer came to nothing.
    pub(crate) async fn transfer_has_failed(&mut self, within: Option<Duration>) -> StepResult {
        let Some(phone) = self.center()?.last_transfer.clone() else {
            return Err(StepFailure::because("nobody has transferred a call"));
        };
        let failed = || matches!(phone.screen().transfer, Some(TransferState::Failed(_)));
        if wait_until(&self.universe, within, failed).await {
            return Ok(());
        }
        let seen = match phone.screen().transfer {
            None => "no transfer".to_owned(),
            Some(TransferState::Trying) => "a transfer of which nothing is known yet".to_owned(),
            Some(TransferState::Done) => "a transfer that was done".to_owned(),
            Some(TransferState::Failed(status)) => format!("a transfer that failed ({status})"),
        };
        Err(StepFailure::differs("a transfer that has failed", seen))
    }

    // --- races ---------------------------------------------------------------------------------------------------

    /// Two people do something, the second that much later than the first.
    pub(crate) async fn race(&mut self, first: &Deed, second: &Deed, later: Duration) -> StepResult {
        let (one, other) = (self.ready(first).await?, self.ready(second).await?);
        press(&one, first.button)?;
        if !later.is_zero() {
            self.universe.sleep(later).await;
        }
        // By then the first deed may have taken the button away: the second came too late, as it does in life.
        let missed = press(&other, second.button).is_err();
        if missed && later.is_zero() {
            return Err(StepFailure::because(format!(
                "{}'s phone has no such button: it shows {}",
                second.agent,
                other.screen()
            )));
        }
        self.settle(&[one, other], PATIENCE, |screen| !screen.rings() && !is_dialing(screen)).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// The phone with which somebody does it, waited for as a person would.
    async fn ready(&mut self, deed: &Deed) -> Result<Phone, StepFailure> {
        let agent = self.one_agent(&deed.agent)?;
        match deed.button {
            Button::Answer => self.await_ring(&agent, deed.device, "answer").await,
            Button::Reject => self.await_ring(&agent, deed.device, "reject the call").await,
            Button::HangUp => Ok(agent.device(deed.device, |screen| screen.calls().next().is_some())?.phone.clone()),
            Button::Hold | Button::Resume => self.phone_in_a_call(&agent).await,
        }
    }

    /// Several people press the same button at the same moment.
    pub(crate) async fn all_at_once(&mut self, names: &[String], button: Button) -> StepResult {
        let mut phones = Vec::new();
        for name in names {
            let agent = argument::Agent::Named(name.clone());
            phones.push(self.ready(&Deed { agent, button, device: None }).await?);
        }
        phones.iter().try_for_each(|phone| press(phone, button))?;
        let done = |screen: &Screen| match button {
            Button::Answer | Button::Reject => !screen.rings(),
            Button::HangUp => screen.calls().next().is_none(),
            Button::Hold => !talks(screen),
            Button::Resume => talks(screen),
        };
        self.settle(&phones, PATIENCE, done).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    /// Two people call each other at the same moment.
    pub(crate) async fn call_each_other(&mut self, one: &str, other: &str) -> StepResult {
        let [a, b] = [one, other].map(|name| argument::Agent::Named(name.to_owned()));
        let (a, b) = (self.one_agent(&a)?, self.one_agent(&b)?);
        let phone_of = |agent: &Agent| agent.device(None, |screen| screen.power).map(|device| device.phone.clone());
        let phones = [phone_of(&a)?, phone_of(&b)?];
        phones[0].dial(&b.name)?;
        phones[1].dial(&a.name)?;
        self.center()?.link(&a.name, &b.name);
        self.settle(&phones, PATIENCE, |screen| screen.lines.iter().all(|line| line.state != LineState::Dialing)).await;
        Ok(())
    }

    // --- what is seen --------------------------------------------------------------------------------------------

    /// Whether somebody is in a call.
    pub(crate) async fn in_a_call(
        &mut self,
        who: &argument::Agent,
        wanted: bool,
        within: Option<Duration>,
    ) -> StepResult {
        let agents = self.agents(who)?;
        let center = self.center.as_ref().expect("there are agents");
        let is_right = |agent: &Agent| center.is_in_a_call(agent) == wanted;
        if wait_until(&self.universe, within, || agents.iter().all(is_right)).await {
            return Ok(());
        }
        let wrong: Vec<String> = agents.iter().filter(|agent| !is_right(agent)).map(Agent::seen).collect();
        let wanted = if wanted { "in a call" } else { "in no call" };
        Err(StepFailure::differs(format!("{who} {wanted}"), wrong.join("; ")))
    }

    /// Nobody is in the call any more, and the server has forgotten it.
    pub(crate) async fn has_ended_for_everybody(&mut self, within: Option<Duration>) -> StepResult {
        let center = self.center()?;
        center.open();
        if center.has_no_calls() {
            return Err(StepFailure::because("nobody has called anybody, so no call can have ended"));
        }
        let center = self.center.as_ref().expect("it was just there");
        if wait_until(&self.universe, within, || center.still_in_the_call().is_empty()).await {
            return Ok(());
        }
        Err(StepFailure::differs("a call that has ended for everybody", center.still_in_the_call().join("; ")))
    }

    /// Somebody's call was refused with that status.
    pub(crate) async fn was_refused(
        &mut self,
        who: &argument::Agent,
        status: u16,
        within: Option<Duration>,
    ) -> StepResult {
        let agent = self.one_agent(who)?;
        let phone = agent.device(None, |screen| !screen.lines.is_empty())?.phone.clone();
        let refused = || newest(&phone.screen()).and_then(refusal) == Some(status);
        if wait_until(&self.universe, within, refused).await {
            return Ok(());
        }
        Err(StepFailure::differs(format!("a call that was refused with {status}"), agent.seen()))
    }

    /// How many calls the server has in its books that somebody answered.
    pub(crate) async fn recorded(&mut self, server: Server, amount: Amount, within: Option<Duration>) -> StepResult {
        let (_, program) = self.center()?.server(server)?;
        let count = || program.records().iter().filter(|record| record.answered.is_some()).count() as u64;
        let all = program.records().len() as u64;
        judge_amount(&self.universe, amount, all, within, count, "answered calls in its records").await
    }
}

fn refusal(state: &LineState) -> Option<u16> {
    use busyhour::sip::ua::Ending;
    match state {
        LineState::Ended { reason: Ending::Refused(status) } => Some(*status),
        _ => None,
    }
}

fn press(phone: &Phone, button: Button) -> Result<(), NoSuchButton> {
    match button {
        Button::Answer => phone.answer(),
        Button::Reject => phone.reject(),
        Button::HangUp => phone.hang_up(),
        Button::Hold => phone.hold(),
        Button::Resume => phone.resume(),
    }
}

/// True if somebody is talked to.
fn talks(screen: &Screen) -> bool {
    screen.lines.iter().any(|line| line.state == LineState::Talking)
}

/// How many calls ring there.
fn ringing(phone: &Phone) -> usize {
    phone.screen().lines.iter().filter(|line| line.state == LineState::Ringing).count()
}

fn has_ended(phone: &Phone) -> bool {
    phone.screen().calls().next().is_none()
}

fn contacts(count: usize) -> String {
    match count {
        0 => "no contact".to_owned(),
        1 => "1 contact".to_owned(),
        several => format!("{several} contacts"),
    }
}

fn seen(phones: &[(Agent, Device)]) -> String {
    phones.iter().map(|(agent, _)| agent.seen()).collect::<Vec<_>>().join("; ")
}
