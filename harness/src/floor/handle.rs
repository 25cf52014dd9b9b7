//! The floor as those have it who administrate it, and those who look on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::core::{
    AddLead, AddLeadError, AgentStatus, CallId, CallRecord, Callback, CampaignStats, Core, DialError, ExternalError,
    Lead, LeadId, Monitoring, Now, SessionTimes, Stretch,
};
use super::program::{self, Destination, Engine, Shared, Stopped};
use super::screen::ScreenSettings;
use super::settings::{Campaign, FloorSettings, Hook, InboundLine, Profile, Recycling, User};
use super::switch::{RoomId, SwitchSettings};
use super::urls::{self, NoWay};
use crate::webhook::contract::{BadOverride, Contracts, UnknownContract};
use crate::webhook::event::EventKind;
use crate::webhook::sender::{Disabled, Endpoint, Tally};
use crate::webhook::signature::{Scheme, Secret};
use crate::world::Host;

/// Why something can't be done with a floor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FloorError {
    /// Its host is down, or its process has stopped.
    #[error("the floor isn't running: {0}")]
    NotRunning(String),
    /// There's no such campaign.
    #[error("there's no campaign {0}")]
    NoCampaign(String),
    /// There's no such hook.
    #[error("nobody is told as {0}")]
    NoHook(String),
    /// There's no such sender.
    #[error(transparent)]
    NoContract(#[from] UnknownContract),
    /// The URL overrides of its sender what can't be overridden so.
    #[error(transparent)]
    BadOverride(#[from] BadOverride),
    /// The profile can't tell of that event.
    #[error(transparent)]
    NoWay(#[from] NoWay),
    /// A lead isn't taken.
    #[error(transparent)]
    Lead(#[from] AddLeadError),
    /// Nobody can be listened to there.
    #[error(transparent)]
    Monitoring(#[from] ExternalError),
    /// The dialer doesn't do it.
    #[error(transparent)]
    Dialer(#[from] DialError),
}

impl From<Stopped> for FloorError {
    fn from(stopped: Stopped) -> FloorError {
        FloorError::NotRunning(stopped.0)
    }
}

/// A lead, as the books have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadView {
    /// The lead.
    pub lead: Lead,
    /// How often it was called.
    pub dialed: usize,
    /// Nobody may call it.
    pub blocked: bool,
}

/// The floor: its administrator's hands, and a view of its books that sends no packet. The handle is cheap to clone; the
/// floor runs on its host, and begins again by itself when that restarts.
///
/// ```
/// use busyhour::floor::settings::{Campaign, FloorSettings, Profile, User};
/// use busyhour::floor::switch::SwitchSettings;
/// use busyhour::floor::Floor;
/// use busyhour::pbx::{Server, ServerSettings};
/// use std::net::SocketAddrV4;
///
/// # #[cfg(tokio_unstable)]
/// busyhour::simulate(1, |u| async move {
///     let server = Server::install(&u.host("server"), ServerSettings::new("pbx.test").switch("floor", "its secret"));
///     let at = SocketAddrV4::new(server.host().address(), 5060);
///     let switch = SwitchSettings::new(at, "pbx.test", "floor", "its secret");
///     let floor = Floor::install(&u.host("floor"), FloorSettings::new(Profile::Vicidial), switch);
///     floor.user(User::agent("alice", "secret"));
///     floor.campaign(Campaign::new("renewals", 1.0));
///     floor.leads("renewals", 500)?;
///     assert_eq!(floor.leads_with_status("NEW").len(), 500);
///     assert_eq!(floor.agent("alice"), None, "she isn't logged in");
///     Ok::<(), busyhour::floor::FloorError>(())
/// })?;
/// # Ok::<(), busyhour::floor::FloorError>(())
/// ```
#[derive(Clone)]
pub struct Floor(Rc<Shared>);

impl Floor {
    /// Installs a floor on a host, whose port 80 must be free, and the SIP port of its switch.
    pub fn install(host: &Host, settings: FloorSettings, switch: SwitchSettings) -> Floor {
        super::entries::settings(host, &settings);
        let shared = Rc::new(Shared {
            host: host.clone(),
            settings: RefCell::new(settings),
            switch,
            contracts: RefCell::new(Contracts::builtin()),
            endpoints: RefCell::default(),
            running: RefCell::default(),
            broken: RefCell::new("it hasn't begun".to_owned()),
        });
        let boots = shared.clone();
        host.boot(move |_| program::boot(boots.clone()));
        Floor(shared)
    }

    /// The host that it's on.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// Whose behaviour it has.
    pub fn profile(&self) -> Profile {
        self.0.settings.borrow().profile
    }

    /// Whether its process is there.
    pub fn is_running(&self) -> bool {
        self.engine().is_ok()
    }

    fn engine(&self) -> Result<Rc<Engine>, FloorError> {
        let down = || FloorError::NotRunning(self.0.broken.borrow().clone());
        if self.0.host.power() == crate::world::Power::Down {
            return Err(FloorError::NotRunning("its host is down".to_owned()));
        }
        self.0.running.borrow().clone().ok_or_else(down)
    }

    fn act<R>(&self, input: impl FnOnce(&mut Core, Now) -> R) -> Result<R, FloorError> {
        Ok(self.engine()?.act(input)?)
    }

    /// Looks into the books; nothing when the floor isn't running.
    pub fn see<R>(&self, look: impl FnOnce(&Core, Now) -> R) -> Option<R> {
        Some(self.engine().ok()?.see(look))
    }

    // --- settings, which survive everything ------------------------------------------------------------------------

    /// Changes the settings from now on.
    pub fn configure(&self, change: impl FnOnce(&mut FloorSettings)) {
        change(&mut self.0.settings.borrow_mut());
        let settings = self.0.settings.borrow().clone();
        super::entries::settings(&self.0.host, &settings);
        // A floor that isn't running has them from its next life on.
        let _ = self.act(|core, now| core.configure(now, |old| *old = settings));
    }

    /// Adds a campaign, or gives one of that name other settings. One without a list gets a list of its own, from 101 on.
    pub fn campaign(&self, mut campaign: Campaign) {
        self.configure(|settings| {
            let known = settings.campaigns.iter().position(|other| other.name == campaign.name);
            if campaign.lists.is_empty() {
                let number = known.unwrap_or(settings.campaigns.len());
                campaign.lists = vec![101 + number as u64];
            }
            match known {
                Some(place) => settings.campaigns[place] = campaign,
                None => settings.campaigns.push(campaign),
            }
        });
    }

    /// Changes a campaign from now on.
    ///
    /// # Errors
    /// There's none of that name.
    pub fn change_campaign(&self, name: &str, change: impl FnOnce(&mut Campaign)) -> Result<(), FloorError> {
        if self.0.settings.borrow().campaign(name).is_none() {
            return Err(FloorError::NoCampaign(name.to_owned()));
        }
        self.configure(|settings| {
            if let Some(campaign) = settings.campaigns.iter_mut().find(|campaign| campaign.name == name) {
                change(campaign);
            }
        });
        Ok(())
    }

    /// Adds a number that can be called.
    pub fn inbound_line(&self, line: InboundLine) {
        self.configure(|settings| {
            settings.inbound.retain(|other| other.number != line.number);
            settings.inbound.push(line);
        });
    }

    /// Adds somebody who may log in, or gives her other settings.
    pub fn user(&self, user: User) {
        self.configure(|settings| {
            settings.users.retain(|other| other.user != user.user);
            settings.users.push(user);
        });
    }

    /// Leads of that status are dialed again after a time.
    ///
    /// # Errors
    /// There's no such campaign.
    pub fn recycle(&self, campaign: &str, status: &str, after: Duration) -> Result<(), FloorError> {
        let recycling = Recycling { status: status.to_owned(), after, at_most: 10 };
        self.change_campaign(campaign, |campaign| {
            campaign.recycling.retain(|other| other.status != recycling.status);
            campaign.recycling.push(recycling);
        })
    }

    /// The contracts that senders keep; at first the presets.
    pub fn contracts(&self, contracts: Contracts) {
        *self.0.contracts.borrow_mut() = contracts;
    }

    /// A campaign tells a URL of an event from now on, by the profile's own contract or by the one that's named. The
    /// hook's name comes back. A contract that signs draws a secret, if none is given ([`Floor::secret_of`]).
    ///
    /// # Errors
    /// The profile can't do that, or there's no such campaign or contract.
    pub fn sends(
        &self,
        campaign: &str,
        event: EventKind,
        url: &str,
        sender: Option<&str>,
        secret: Option<Secret>,
    ) -> Result<String, FloorError> {
        let way = urls::way(self.profile(), event, sender)?;
        let contract = self.0.contracts.borrow().get(&way.sender)?.clone();
        contract.at(url)?;
        let signs = contract.signature != Scheme::None;
        let drawn = || self.0.host.random(|random| contract.signature.draw_secret(random));
        let secret = secret.or_else(|| signs.then(drawn));
        let mut endpoint = Endpoint::new(url, contract);
        if let Some(secret) = secret {
            endpoint = endpoint.signed_with(secret);
        }
        let name = format!("{campaign}:{}:{url}", event.name());
        let hook = Hook { name: name.clone(), event, trigger: way.trigger };
        super::entries::hook(&self.0.host, campaign, self.profile(), &hook, &endpoint);
        self.change_campaign(campaign, |campaign| {
            campaign.hooks.retain(|other| other.name != hook.name);
            campaign.hooks.push(hook);
        })?;
        let destination = Destination { hook: name.clone(), endpoint, durable: way.durable };
        if let Ok(engine) = self.engine() {
            engine.add_destination(&destination, false);
        }
        let mut endpoints = self.0.endpoints.borrow_mut();
        endpoints.retain(|other| other.hook != name);
        endpoints.push(destination);
        Ok(name)
    }

    /// The secret that a hook signs with; none if its contract doesn't sign.
    pub fn secret_of(&self, hook: &str) -> Option<Secret> {
        let endpoints = self.0.endpoints.borrow();
        endpoints.iter().find(|destination| destination.hook == hook)?.endpoint.secrets.first().cloned()
    }

    /// A hook signs with another secret from now on.
    ///
    /// # Errors
    /// There's no such hook, or the floor isn't running.
    pub fn rotate_secret(&self, hook: &str, secret: Secret) -> Result<(), FloorError> {
        let sender = self.engine()?.sender(hook).clone();
        let rotated = sender.with(|dispatcher, now| dispatcher.rotate_secret(now, hook, secret.clone()));
        rotated.map_err(|_| FloorError::NoHook(hook.to_owned()))?;
        for destination in &mut *self.0.endpoints.borrow_mut() {
            if destination.hook == hook {
                destination.endpoint.secrets = vec![secret.clone()];
            }
        }
        Ok(())
    }

    /// What came of a hook's events in this life of the floor.
    pub fn tally(&self, hook: &str) -> Option<Tally> {
        self.engine().ok()?.sender(hook).with(|dispatcher, _| dispatcher.tally(hook))
    }

    /// Why a hook is told nothing any more.
    pub fn disabled(&self, hook: &str) -> Option<Disabled> {
        self.engine().ok()?.sender(hook).with(|dispatcher, _| dispatcher.disabled(hook))
    }

    /// How many events wait to be told, or told again.
    pub fn untold(&self) -> usize {
        let Ok(engine) = self.engine() else { return 0 };
        let pending = |sender: &crate::webhook::sender::Sender| sender.with(|dispatcher, _| dispatcher.pending());
        pending(&engine.outbox) + pending(&engine.urls)
    }

    // --- books -----------------------------------------------------------------------------------------------------

    /// Adds a lead.
    ///
    /// # Errors
    /// It isn't taken, or the floor isn't running.
    pub fn lead(&self, lead: AddLead) -> Result<LeadId, FloorError> {
        Ok(self.act(|core, now| core.add_lead(now, "admin", lead))??.lead)
    }

    /// Adds so many leads to a campaign's list: numbers from 1 on, telephone numbers from 15550000001 on.
    ///
    /// # Errors
    /// There's no such campaign, or as for [`Floor::lead`].
    pub fn leads(&self, campaign: &str, count: u64) -> Result<(), FloorError> {
        let list = self.list_of(campaign)?;
        self.act(|core, now| {
            for number in 1..=count {
                let lead = AddLead::new(list, &(15_550_000_000 + number).to_string());
                core.add_lead(now, "admin", AddLead { id: Some(LeadId(number)), ..lead })?;
            }
            Ok(())
        })?
    }

    /// The list that a campaign's new leads are put into.
    ///
    /// # Errors
    /// There's no such campaign.
    pub fn list_of(&self, campaign: &str) -> Result<u64, FloorError> {
        let settings = self.0.settings.borrow();
        let list = settings.campaign(campaign).and_then(|campaign| campaign.lists.first().copied());
        list.ok_or_else(|| FloorError::NoCampaign(campaign.to_owned()))
    }

    /// Nobody may call that number from now on.
    ///
    /// # Errors
    /// The floor isn't running.
    pub fn do_not_call(&self, number: &str) -> Result<(), FloorError> {
        super::entries::do_not_call(&self.0.host, number);
        self.act(|core, now| core.add_dnc(now, number, None))
    }

    // --- the dialer's switch ---------------------------------------------------------------------------------------

    /// The dialer runs for a campaign, in each life of the floor from now on.
    ///
    /// # Errors
    /// There's no such campaign, or the floor isn't running.
    pub fn dialer_on(&self, campaign: &str) -> Result<(), FloorError> {
        Ok(self.act(|core, now| core.run_dialer(now, campaign))??)
    }

    /// It doesn't any more; calls that run go on.
    pub fn dialer_off(&self, campaign: &str) {
        let _ = self.act(|core, now| core.stop_dialer(now, campaign));
    }

    /// The dialer calls this lead now, whether it runs or not.
    ///
    /// # Errors
    /// It can't, or the floor isn't running.
    pub fn dial_lead(&self, campaign: &str, lead: LeadId) -> Result<CallId, FloorError> {
        Ok(self.act(|core, now| core.call_lead(now, campaign, lead))??)
    }

    /// Calls somebody's phone into the room of an agent.
    ///
    /// # Errors
    /// Nobody can be listened to there, or the floor isn't running.
    pub fn monitor(&self, listener: &str, agent: &str, how: Monitoring) -> Result<(), FloorError> {
        Ok(self.act(|core, now| core.monitor(now, listener, agent, how))??)
    }

    // --- a view of the books ---------------------------------------------------------------------------------------

    /// What the page of an agent's screen is made with.
    pub fn screen_of(&self, user: &str) -> ScreenSettings {
        let settings = self.0.settings.borrow();
        let password = settings.users.iter().find(|other| other.user == user).map(|user| user.password.as_str());
        let floor = format!("http://{}", self.0.host.address());
        let screen = ScreenSettings::new(floor, user, password.unwrap_or_default());
        if settings.profile == Profile::Modern { screen.naming_calls() } else { screen }
    }

    /// An agent who is logged in.
    pub fn agent(&self, user: &str) -> Option<AgentStatus> {
        self.see(|core, now| core.agent_status(now, user))?
    }

    /// The room of an agent's session.
    pub fn session_of(&self, user: &str) -> Option<RoomId> {
        self.agent(user).map(|agent| RoomId(agent.session_id))
    }

    /// An agent's sessions, and how they were spent.
    pub fn session_times(&self, user: &str) -> Vec<SessionTimes> {
        self.see(|core, now| core.session_times(now, user)).unwrap_or_default()
    }

    /// Every stretch of an agent's sessions.
    pub fn stretches(&self, user: &str) -> Vec<Stretch> {
        self.see(|core, _| core.stretches(user).cloned().collect()).unwrap_or_default()
    }

    /// A lead.
    pub fn lead_view(&self, lead: LeadId) -> Option<LeadView> {
        self.see(|core, _| {
            let lead = core.lead(lead)?.clone();
            let blocked = core.is_dnc(&lead.phone_number, None);
            Some(LeadView { dialed: core.calls_of_lead(lead.id).count(), blocked, lead })
        })?
    }

    /// The leads with a status.
    pub fn leads_with_status(&self, status: &str) -> Vec<LeadId> {
        self.see(|core, _| core.leads().filter(|lead| lead.status == status).map(|lead| lead.id).collect())
            .unwrap_or_default()
    }

    /// The leads with a telephone number.
    pub fn leads_with_number(&self, phone: &str) -> Vec<LeadId> {
        self.see(|core, _| core.leads_with_phone(phone).to_vec()).unwrap_or_default()
    }

    /// Every lead that was called more than once.
    pub fn dialed_more_than_once(&self) -> BTreeSet<LeadId> {
        let mut seen = BTreeSet::new();
        self.see(|core, _| core.call_records().map(|call| call.lead).filter(|lead| !seen.insert(*lead)).collect())
            .unwrap_or_default()
    }

    /// A campaign's figures.
    pub fn stats(&self, campaign: &str) -> CampaignStats {
        self.see(|core, _| core.campaign_stats(campaign)).unwrap_or_default()
    }

    /// How many customers wait for an agent.
    pub fn waiting(&self, campaign: &str) -> usize {
        self.stats(campaign).waiting
    }

    /// Drops of answers, from 0 to 1.
    pub fn drop_rate(&self, campaign: &str) -> f64 {
        self.stats(campaign).drop_rate()
    }

    /// A lead's callbacks.
    pub fn callbacks(&self, lead: LeadId) -> Vec<Callback> {
        self.see(|core, _| core.callbacks_of(lead).into_iter().cloned().collect()).unwrap_or_default()
    }

    /// A lead's calls.
    pub fn calls(&self, lead: LeadId) -> Vec<CallRecord> {
        self.see(|core, _| core.calls_of_lead(lead).cloned().collect()).unwrap_or_default()
    }
}

impl fmt::Debug for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} floor on {}", self.profile().name(), self.0.host.name())
    }
}
