//! What people do with their browsers, and what becomes of the computers under them.
//!
//! Each deed is written into the event log as a step's entry `tab`, with whose tab it is, which one, and what became of
//! it: who watches knows from there since when a page is gone.

use std::time::Duration;

use busyhour::phone::browser::{Browser, BrowserError, Permission, Tab};
use busyhour::phone::{Phone, Registration, Screen};
use busyhour::world::{Host, Power};

use super::center::{Agent, Device};
use super::floor::Computer;
use super::{LOOK_AGAIN, PATIENCE, Scene, wait_until};
use crate::argument::{self, AgentTab};
use crate::phrase::{StepFailure, StepResult};
use busyhour::media::cadence;

/// To which network somebody changes, unless it's said.
const OTHER_NETWORK: &str = "4G";
/// How long a person looks at what she has done before she does something else: a tab that was closed is gone by then,
/// and so is its connection (the slowest kind takes 130 ms).
const LOOK: Duration = Duration::from_millis(300);

/// How a page comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The user closes the tab.
    Closed,
    /// The user loads the page again.
    Reloaded,
    /// The user goes to another site.
    NavigatedAway,
    /// The tab's process dies.
    Crashed,
    /// The browser's own process is killed.
    BrowserKilled,
    /// All its processes are.
    AllKilled,
}

impl Ending {
    /// As the event log has it.
    fn word(self) -> &'static str {
        match self {
            Ending::Closed => "closed",
            Ending::Reloaded => "reloaded",
            Ending::NavigatedAway => "navigated-away",
            Ending::Crashed => "crashed",
            Ending::BrowserKilled => "browser-killed",
            Ending::AllKilled => "all-killed",
        }
    }
}

/// What becomes of a microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Microphone {
    /// Pages may not have it.
    Denied,
    /// They may.
    Allowed,
    /// The device is gone.
    Unplugged,
    /// It's there again.
    PluggedIn,
}

impl From<BrowserError> for StepFailure {
    fn from(error: BrowserError) -> Self {
        StepFailure::because(error.to_string())
    }
}

fn cant(agent: &str, deed: &str, why: impl std::fmt::Display) -> StepFailure {
    StepFailure::because(format!("{agent} can't {deed}: {why}"))
}

fn which(tab: usize) -> &'static str {
    if tab == 0 { "the tab" } else { "the second tab" }
}

impl Device {
    /// The tab that the webphone is in, if it's open.
    pub(crate) fn open_tab(&self) -> Option<Tab> {
        self.phone.tab().filter(Tab::is_open)
    }

    /// True if it could ring, as far as it goes: it has power, and a webphone has a page.
    pub(crate) fn is_alive(&self) -> bool {
        self.host.power() == Power::Up && (self.browser.is_none() || self.has_page())
    }

    /// True if a page is in a tab that can run.
    pub(crate) fn has_page(&self) -> bool {
        self.open_tab().is_some_and(|tab| tab.has_page())
    }
}

/// What is in a tab of somebody's: her webphone, or her agent screen alone.
#[derive(Clone)]
pub(super) enum Seat {
    /// A webphone, and her screen around it if there's a floor.
    Webphone(Device),
    /// The agent screen of somebody whose phone is elsewhere: on which computer, in which of its tabs.
    Screen(Computer, usize),
}

impl Seat {
    /// Its tab, if it's open.
    pub(super) fn open_tab(&self) -> Option<Tab> {
        match self {
            Seat::Webphone(device) => device.open_tab(),
            Seat::Screen(computer, place) => computer.tab(*place),
        }
    }

    /// True if a page is in a tab that can run.
    pub(super) fn has_page(&self) -> bool {
        self.open_tab().is_some_and(|tab| tab.has_page())
    }

    /// The phone in it.
    pub(super) fn webphone(&self) -> Option<&Device> {
        match self {
            Seat::Webphone(device) => Some(device),
            Seat::Screen(..) => None,
        }
    }
}

impl Scene {
    /// Writes down what became of a tab.
    pub(super) fn tell_tab(&self, agent: &str, tab: usize, what: &str) {
        self.universe.note("tab", |event| event.with("agent", agent).with("tab", tab + 1).with("what", what));
    }

    /// The first browser of each of these agents, with what is in its tabs.
    pub(super) fn browsers(&mut self, who: &argument::Agent) -> Result<Vec<(Agent, Browser, Vec<Seat>)>, StepFailure> {
        let agents = self.agents(who)?;
        let of = |agent: Agent| {
            if let Some(computer) = agent.computer.clone() {
                let tabs = (0..computer.tabs()).map(|place| Seat::Screen(computer.clone(), place)).collect();
                return Ok((agent, computer.browser, tabs));
            }
            let Some((browser, host)) =
                agent.devices.iter().find_map(|device| Some((device.browser.clone()?, device.host.id())))
            else {
                let name = &agent.name;
                let why = format!("{name} has no browser: `Given agent {name} with a webphone` gives her one");
                return Err(StepFailure::because(why));
            };
            let tabs = agent.devices.iter().filter(|device| device.browser.is_some() && device.host.id() == host);
            let tabs = tabs.cloned().map(Seat::Webphone).collect();
            Ok((agent, browser, tabs))
        };
        agents.into_iter().map(of).collect()
    }

    /// The tab that's meant, of each of these agents, open or not.
    fn tabs(&mut self, who: &argument::Agent, tab: usize) -> Result<Vec<(Agent, Browser, Seat)>, StepFailure> {
        let of = |(agent, browser, tabs): (Agent, Browser, Vec<Seat>)| match tabs.into_iter().nth(tab) {
            Some(seat) => Ok((agent, browser, seat)),
            None => Err(StepFailure::because(format!("{} has no second tab: she opens one first", agent.name))),
        };
        self.browsers(who)?.into_iter().map(of).collect()
    }

    fn open_tabs(
        &mut self,
        who: &argument::Agent,
        tab: usize,
        deed: &str,
    ) -> Result<Vec<(Agent, Seat, Tab)>, StepFailure> {
        let of = |(agent, _, seat): (Agent, Browser, Seat)| match seat.open_tab() {
            Some(open) => Ok((agent, seat, open)),
            None => Err(cant(&agent.name, &format!("{deed} {}", which(tab)), "it isn't open")),
        };
        self.tabs(who, tab)?.into_iter().map(of).collect()
    }

    // --- how tabs end, and begin again ---------------------------------------------------------------------------

    /// A tab ends.
    pub(crate) async fn end_tab(&mut self, who: &argument::Agent, tab: usize, how: Ending) -> StepResult {
        let deed = match how {
            Ending::Reloaded => "reload",
            Ending::NavigatedAway => "navigate away from",
            Ending::Crashed => "crash",
            _ => "close",
        };
        let tabs = self.open_tabs(who, tab, deed)?;
        for (agent, _, open) in &tabs {
            self.tell_tab(&agent.name, tab, how.word());
            let done = match how {
                Ending::Reloaded => open.reload(),
                Ending::NavigatedAway => open.navigate_away(),
                Ending::Crashed => open.crash(),
                _ => open.close(),
            };
            done.map_err(|error| cant(&agent.name, &format!("{deed} {}", which(tab)), error))?;
        }
        self.universe.sleep(LOOK).await;
        if how == Ending::Reloaded {
            let pages = || tabs.iter().all(|(_, _, open)| open.has_page());
            wait_until(&self.universe, Some(PATIENCE), pages).await;
            let phones = tabs.iter().filter_map(|(_, seat, _)| seat.webphone().map(|device| device.phone.clone()));
            self.await_pages(&phones.collect::<Vec<_>>()).await;
        }
        Ok(())
    }

    /// A browser is killed, with all its tabs.
    pub(crate) async fn end_browser(&mut self, who: &argument::Agent, how: Ending) -> StepResult {
        for (agent, browser, tabs) in self.browsers(who)? {
            for tab in tabs.iter().enumerate().filter(|(_, seat)| seat.open_tab().is_some()).map(|(tab, _)| tab) {
                self.tell_tab(&agent.name, tab, how.word());
            }
            let done = if how == Ending::AllKilled { browser.kill_all() } else { browser.kill() };
            done.map_err(|error| StepFailure::because(format!("{}'s browser can't be killed: {error}", agent.name)))?;
        }
        self.universe.sleep(LOOK).await;
        Ok(())
    }

    /// Opens the webphone's tab, or that of the agent screen, in a browser that's started for it if it isn't there.
    pub(crate) async fn open_tab(&mut self, who: &argument::Agent) -> StepResult {
        let (mut phones, mut screens) = (Vec::new(), Vec::new());
        for (agent, _, seat) in self.tabs(who, 0)? {
            if seat.has_page() {
                return Err(cant(&agent.name, "open the tab", "it is open already"));
            }
            match seat {
                Seat::Webphone(device) => phones.push(self.load(&agent, &device, 0)?),
                Seat::Screen(computer, place) => screens.push(self.load_screen(&agent, &computer, place)?),
            }
        }
        wait_until(&self.universe, Some(PATIENCE), || screens.iter().all(Tab::has_page)).await;
        self.await_pages(&phones).await;
        Ok(())
    }

    /// Opens the same page in a second tab.
    pub(crate) async fn open_second_tab(&mut self, who: &argument::Agent) -> StepResult {
        let (mut phones, mut screens) = (Vec::new(), Vec::new());
        for (agent, _, tabs) in self.browsers(who)? {
            if !tabs[0].has_page() {
                return Err(cant(&agent.name, "open a second tab", "the first one isn't open"));
            }
            match (&tabs[0], tabs.get(1)) {
                (_, Some(second)) if second.has_page() => {
                    return Err(cant(&agent.name, "open a second tab", "it is open already"));
                }
                (Seat::Screen(computer, _), _) => screens.push(self.load_screen(&agent, computer, 1)?),
                (_, Some(Seat::Webphone(second))) => phones.push(self.load_anew(&agent, second, 1)?),
                _ => {
                    let second = self.center()?.add_tab(&agent.name)?;
                    phones.push(self.load_anew(&agent, &second, 1)?);
                }
            }
        }
        wait_until(&self.universe, Some(PATIENCE), || screens.iter().all(Tab::has_page)).await;
        self.await_pages(&phones).await;
        Ok(())
    }

    /// Loads the agent screen alone: in the tab that shows something else, or in a new one.
    fn load_screen(&mut self, agent: &Agent, computer: &Computer, place: usize) -> Result<Tab, StepFailure> {
        self.tell_tab(&agent.name, place, "opened");
        let trouble = |error| cant(&agent.name, "open the tab", error);
        match computer.tab(place) {
            Some(open) => {
                open.navigate_back().map_err(trouble)?;
                Ok(open)
            }
            None => computer.open(place).map_err(trouble),
        }
    }

    /// Loads the webphone's page: in the tab that shows something else, or in a new one.
    fn load(&mut self, agent: &Agent, device: &Device, tab: usize) -> Result<Phone, StepFailure> {
        let Some(open) = device.open_tab() else { return self.load_anew(agent, device, tab) };
        self.tell_tab(&agent.name, tab, "opened");
        open.navigate_back().map_err(|error| cant(&agent.name, "open the tab", error))?;
        Ok(device.phone.clone())
    }

    fn load_anew(&mut self, agent: &Agent, device: &Device, tab: usize) -> Result<Phone, StepFailure> {
        self.tell_tab(&agent.name, tab, "opened");
        let opened = device.phone.open_tab().map_err(|error| cant(&agent.name, "open the tab", error))?;
        // The first tab of a browser's is the device before the second.
        let of_browser = |one: &Device| one.browser.is_some() && one.host.id() == device.host.id();
        let first = agent.devices.iter().position(of_browser).unwrap_or(0);
        Ok(self.center()?.pin(&agent.name, first + tab, &opened))
    }

    /// Opens the tabs of devices that are to do something, where they aren't there, and waits until their pages are. Pages
    /// that are to be told another password mustn't register before. True: a page was opened.
    pub(super) async fn open_for(
        &mut self,
        devices: &[(Agent, Device)],
        by_itself: bool,
    ) -> Result<Vec<(Phone, bool)>, StepFailure> {
        let mut phones = Vec::new();
        for (agent, device) in devices {
            if device.browser.is_none() || device.has_page() {
                phones.push((device.phone.clone(), false));
                continue;
            }
            let of_browser = |one: &&Device| one.browser.is_some() && one.host.id() == device.host.id();
            let id_of = |device: &Device| device.phone.tab().map(|tab| tab.id());
            let mut tabs = agent.devices.iter().filter(of_browser);
            let tab = tabs.position(|one| id_of(one) == id_of(device)).unwrap_or(0);
            device.phone.provision_page(|settings| settings.registers_on_load = by_itself);
            phones.push((self.load(agent, device, tab)?, true));
        }
        let there = || phones.iter().all(|(phone, opened)| !opened || phone.screen().power);
        wait_until(&self.universe, Some(PATIENCE), there).await;
        for (phone, _) in phones.iter().filter(|(_, opened)| *opened) {
            phone.provision_page(|settings| settings.registers_on_load = true);
        }
        Ok(phones)
    }

    /// Pages that were just loaded register by themselves: waits as a person would, until they show how that went.
    pub(super) async fn await_pages(&self, phones: &[Phone]) {
        let settled =
            |screen: &Screen| screen.power && !matches!(screen.registration, Registration::Trying | Registration::Off);
        wait_until(&self.universe, Some(PATIENCE), || phones.iter().all(|phone| settled(&phone.screen()))).await;
    }

    // --- the background, the lid, the network ----------------------------------------------------------------------

    /// Another tab is looked at, for that time or until somebody comes back.
    pub(crate) async fn in_the_background(&mut self, tab: &AgentTab, lasts: Option<Duration>) -> StepResult {
        let tabs = self.open_tabs(&tab.agent, tab.tab, "leave")?;
        for (agent, _, open) in &tabs {
            self.tell_tab(&agent.name, tab.tab, "background");
            open.set_background(true)?;
        }
        if let Some(lasts) = lasts {
            self.universe.sleep(lasts).await;
            for (agent, _, open) in tabs.iter().filter(|(_, _, open)| open.is_open()) {
                self.tell_tab(&agent.name, tab.tab, "foreground");
                open.set_background(false)?;
            }
        }
        Ok(())
    }

    /// Somebody looks at the tab again.
    pub(crate) fn come_back_to(&mut self, tab: &AgentTab) -> StepResult {
        for (agent, _, open) in self.open_tabs(&tab.agent, tab.tab, "come back to")? {
            self.tell_tab(&agent.name, tab.tab, "foreground");
            open.set_background(false)?;
        }
        Ok(())
    }

    /// The computers of these agents: whatever is no desk phone runs on one.
    fn laptops(&mut self, who: &argument::Agent, deed: &str) -> Result<Vec<(Agent, Host)>, StepFailure> {
        let mut laptops: Vec<(Agent, Host)> = Vec::new();
        for agent in self.agents(who)? {
            let before = laptops.len();
            let under_phones =
                agent.devices.iter().filter(|device| device.is_on_a_computer()).map(|device| &device.host);
            for host in under_phones.chain(agent.computer.iter().map(|computer| &computer.host)) {
                if !laptops.iter().any(|(_, known)| known.id() == host.id()) {
                    laptops.push((agent.clone(), host.clone()));
                }
            }
            if laptops.len() == before {
                return Err(cant(&agent.name, deed, "a desk phone is no laptop, and nothing else is there"));
            }
        }
        Ok(laptops)
    }

    /// The lid is closed, for that time or until it's opened.
    pub(crate) async fn laptop_sleeps(&mut self, who: &argument::Agent, lasts: Option<Duration>) -> StepResult {
        let laptops = self.laptops(who, "close a lid")?;
        for (agent, host) in &laptops {
            match host.power() {
                Power::Up => host.pause(),
                Power::Asleep => return Err(StepFailure::because(format!("{}'s laptop sleeps already", agent.name))),
                Power::Down => return Err(StepFailure::because(format!("{}'s laptop has no power", agent.name))),
            }
            self.tell_tab(&agent.name, 0, "asleep");
        }
        if let Some(lasts) = lasts {
            self.universe.sleep(lasts).await;
            for (agent, host) in laptops.iter().filter(|(_, host)| host.power() == Power::Asleep) {
                self.tell_tab(&agent.name, 0, "awake");
                host.resume();
            }
        }
        Ok(())
    }

    /// The lid is opened.
    pub(crate) fn laptop_wakes(&mut self, who: &argument::Agent) -> StepResult {
        for (agent, host) in self.laptops(who, "open a lid")? {
            if host.power() != Power::Asleep {
                return Err(StepFailure::because(format!("{}'s laptop doesn't sleep, so it can't wake", agent.name)));
            }
            self.tell_tab(&agent.name, 0, "awake");
            host.resume();
        }
        Ok(())
    }

    /// The computer has another address at once.
    pub(crate) fn change_network(&mut self, who: &argument::Agent, profile: Option<&str>) -> StepResult {
        cadence::under_fault();
        for (agent, host) in self.laptops(who, "change networks")? {
            self.tell_tab(&agent.name, 0, "moved");
            let moved = self.universe.network().move_host(&host, profile.unwrap_or(OTHER_NETWORK));
            moved.map_err(|unknown| StepFailure::because(unknown.to_string()))?;
        }
        Ok(())
    }

    // --- the microphone, and what else a page may do ---------------------------------------------------------------

    /// Something becomes of the microphone.
    pub(crate) fn microphone(&mut self, who: &argument::Agent, state: Microphone) -> StepResult {
        match state {
            Microphone::Denied | Microphone::Allowed => {
                let permission = if state == Microphone::Denied { Permission::Denied } else { Permission::Granted };
                for (_, browser, tabs) in self.browsers(who)? {
                    if let Some(site) = tabs[0].webphone().and_then(|device| device.phone.site()) {
                        browser.set_microphone(site, permission);
                    }
                }
            }
            Microphone::Unplugged => {
                let agents = self.agents(who)?;
                agents
                    .iter()
                    .flat_map(|agent| &agent.devices)
                    .for_each(|device| device.host.room().unplug_microphone());
            }
            Microphone::PluggedIn => {
                let agents = self.agents(who)?;
                agents
                    .iter()
                    .flat_map(|agent| &agent.devices)
                    .for_each(|device| device.host.room().plug_in_microphone());
            }
        }
        Ok(())
    }

    /// The page says goodbye in its last moment.
    pub(crate) fn says_goodbye(&mut self, who: &argument::Agent) -> StepResult {
        for (_, _, tabs) in self.browsers(who)? {
            let phones = tabs.iter().filter_map(Seat::webphone);
            phones.for_each(|device| device.phone.behave(|behaviour| behaviour.web.says_goodbye = true));
        }
        Ok(())
    }

    /// Whether a page of theirs has a WebSocket that is open at both ends.
    pub(crate) async fn is_connected(
        &mut self,
        who: &argument::Agent,
        wanted: bool,
        within: Option<Duration>,
    ) -> StepResult {
        let browsers = self.browsers(who)?;
        let wiretap = self.wiretap()?;
        let network = self.universe.network();
        let deadline = self.universe.now() + within.unwrap_or(Duration::ZERO);
        loop {
            let (server, _) = self.center()?.server(argument::Server::Active)?;
            let is_connected = |tabs: &[Seat]| {
                tabs.iter()
                    .filter_map(Seat::webphone)
                    .filter(|device| device.has_page() && device.host.power() == Power::Up)
                    .any(|device| {
                        let sockets =
                            wiretap.lock().expect("no tap panics").open_sockets(device.host.id(), server.id());
                        let reached = |client| super::calls::reaches(&network, &server, client, &device.host);
                        server.power() == Power::Up && sockets.into_iter().any(reached)
                    })
            };
            let wrong = browsers.iter().find(|(_, _, devices)| is_connected(devices) != wanted);
            let Some((agent, ..)) = wrong else { return Ok(()) };
            if self.universe.now() >= deadline {
                let (is, shows) = (if wanted { "a" } else { "no" }, agent.seen());
                let wanted = format!("{is} WebSocket between {} and {}", agent.name, server.name());
                let seen = format!("{} there, and {shows}", if is == "a" { "none is" } else { "one is" });
                return Err(StepFailure::differs(wanted, seen));
            }
            self.universe.sleep(LOOK_AGAIN.min(deadline.since(self.universe.now()))).await;
        }
    }
}
