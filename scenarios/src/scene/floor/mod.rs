//! The floor of the contact center: campaigns and leads, agents at their screens, receivers of webhooks, and whoever calls
//! the APIs.
//!
//! - `setup`: what was arranged. `screens`: agents' tabs and computers. `people`: what agents do at their screens, and what is seen of them.
//! - `dialer`: the dialer and the leads. `apis`: the CRM that calls the floor, and a poller.
//! - `webhooks`: receivers, the sender, strangers.

mod apis;
mod dialer;
mod people;
mod screens;
mod setup;
mod webhooks;

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::floor::core::AgentStatus;
use busyhour::floor::settings::{FloorSettings, Profile, User};
use busyhour::floor::switch::SwitchSettings;
use busyhour::floor::{Floor, FloorError};
use busyhour::phone::AutoAnswer;
use busyhour::webhook::event::EventKind;
use busyhour::world::{Host, Power};

use self::apis::ApiClient;
use self::webhooks::Receiver;
use super::center::{Center, DOMAIN, SIP};
use super::{PATIENCE, Scene, similar, wait_until};
use crate::argument::{Argument as _, LeadName, Number, ProfileName};
use crate::phrase::{StepFailure, StepResult};

pub(super) use self::screens::Computer;

/// The floor's host, and its account at the SIP server.
const FLOOR: &str = "floor";
/// Who asks at the APIs.
const API_USER: &str = "crm";
const API_PASSWORD: &str = "crm-api-1";
/// Where a supervisor stands.
const SUPERVISOR: u8 = 8;
/// How long people wait for a screen, and for a session's call.
const SCREEN: Duration = Duration::from_secs(10);
/// After a deed a person takes a breath before the next.
const BREATH: Duration = Duration::from_millis(300);

impl From<FloorError> for StepFailure {
    fn from(error: FloorError) -> Self {
        StepFailure::because(error.to_string())
    }
}

/// What there is of the floor in a contact center.
pub(super) struct Place {
    host: Host,
    floor: Floor,
    /// The campaigns, in the order in which they were named.
    campaigns: Vec<String>,
    /// What customers do whose number comes with a lead.
    shares: Option<Shares>,
    /// The dialer runs until the end.
    runs_on: bool,
}

/// Whom webhooks go to, who calls the APIs, and who shouldn't be here at all.
#[derive(Default)]
pub(super) struct Outside {
    /// In the order in which they were named.
    receivers: Vec<Receiver>,
    api: Option<ApiClient>,
    stranger: Option<Host>,
    /// The lead that somebody polls for.
    polled: Option<u64>,
    /// Leads of which was spoken before there was a campaign: they're in the first one's list. And those of them whom
    /// nobody may call.
    early_leads: Vec<LeadRow>,
    early_dnc: Vec<u64>,
}

impl Outside {
    /// The host of the receiver of that name.
    pub(super) fn host_of(&self, name: &str) -> Option<Host> {
        self.receivers.iter().find(|receiver| receiver.name == name).map(|receiver| receiver.host().clone())
    }

    /// The host that the CRM has: where it receives webhooks, or calls the APIs from.
    pub(super) fn crm_host(&self) -> Option<Host> {
        let api = self.api.as_ref().map(|api| api.host().clone());
        api.or_else(|| self.receivers.first().map(|receiver| receiver.host().clone()))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.receivers.iter().map(|receiver| receiver.name.as_str())
    }
}

impl Place {
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// True if a campaign has that name.
    pub(super) fn has_campaign(&self, name: &str) -> bool {
        self.campaigns.iter().any(|campaign| campaign == name)
    }

    /// Its clock on the wall hangs so far ahead of UTC.
    pub(super) fn hangs_clock(&self, utc_offset_minutes: i32) {
        self.floor.configure(|settings| settings.utc_offset_minutes = utc_offset_minutes);
    }

    /// How an agent stands, if she's logged in.
    pub(super) fn agent(&self, name: &str) -> Option<AgentStatus> {
        self.floor.agent(name)
    }

    /// The number of the customer whom an agent has, or had last.
    pub(super) fn customer_of(&self, agent: &str) -> Option<String> {
        let present = self.floor.agent(agent).map(|status| status.phone_number).filter(|number| !number.is_empty());
        let last = || {
            let look = |core: &busyhour::floor::core::Core, _| {
                let mut calls = core.call_records().rev();
                calls.find(|call| call.user == agent).map(|call| call.phone_number.clone())
            };
            self.floor.see(look).flatten()
        };
        present.or_else(last)
    }

    /// True if an agent has a customer on the line.
    pub(super) fn is_talking(&self, agent: &str) -> bool {
        let status = self.floor.agent(agent);
        status.is_some_and(|status| status.call.is_some() && status.sub_status.is_empty())
    }

    /// True if an agent's phone is in the room of her session.
    pub(super) fn has_session_leg(&self, agent: &str) -> bool {
        self.floor.agent(agent).is_some_and(|status| status.phone_in_session)
    }

    /// True if the floor has called anybody, or was called.
    pub(super) fn has_had_calls(&self) -> bool {
        self.floor.see(|core, _| core.call_records().next().is_some()).unwrap_or_default()
    }

    /// True if an agent has ever logged in.
    pub(super) fn has_had_a_session(&self, agent: &str) -> bool {
        !self.floor.session_times(agent).is_empty()
    }

    /// The floor's account in the SIP server's books.
    pub(super) fn is_floors(user: &str) -> bool {
        user == FLOOR
    }
}

impl Center {
    /// The floor, if there is one.
    pub(super) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Whose behaviour the floor has.
    fn set_profile(&mut self, profile: ProfileName) -> StepResult {
        let profile = match profile {
            ProfileName::Vicidial => Profile::Vicidial,
            ProfileName::Modern => Profile::Modern,
        };
        self.profile = profile;
        let Some(place) = &self.place else { return Ok(()) };
        if place.floor.profile() == profile {
            return Ok(());
        }
        if self.outside.receivers.iter().any(Receiver::is_told) {
            return Err(StepFailure::because("say the profile first, and then who is told of what"));
        }
        place.floor.configure(|settings| {
            settings.profile = profile;
            settings.quirks = busyhour::floor::settings::Quirks::of(profile);
        });
        let floor = place.floor.clone();
        if self.agents.iter().any(|agent| agent.computer.is_none()) {
            return Err(StepFailure::because("say the profile first, and then who has a webphone"));
        }
        for agent in &mut self.agents {
            let site = busyhour::floor::screen::AgentScreen::site(floor.screen_of(&agent.name));
            if let Some(computer) = &mut agent.computer {
                computer.shows(site);
            }
        }
        Ok(())
    }

    /// Puts the floor there: its host, its account at the SIP server, and a screen for each agent.
    fn add_floor(&mut self) -> StepResult {
        if self.place.is_some() {
            return Ok(());
        }
        if !self.server_is_ours() {
            return Err(StepFailure::because("the floor needs an account at the SIP server, and that's another one"));
        }
        let host = self.universe.try_host(FLOOR).map_err(super::center::failed)?;
        let password = self.add_switch(FLOOR);
        self.open();
        let server = SocketAddrV4::new(self.server_address(), SIP);
        let settings =
            FloorSettings { utc_offset_minutes: self.utc_offset_minutes, ..FloorSettings::new(self.profile) };
        let floor = Floor::install(&host, settings, SwitchSettings::new(server, DOMAIN, FLOOR, &password));
        floor.contracts(self.contracts.clone());
        floor.user(User::api(API_USER, API_PASSWORD));
        self.place = Some(Place { host, floor, campaigns: Vec::new(), shares: None, runs_on: false });
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        names.iter().try_for_each(|name| self.seat_at_floor(name))
    }

    /// Gives an agent an account on the floor, a phone that answers it, and a screen.
    pub(super) fn seat_at_floor(&mut self, name: &str) -> StepResult {
        let Some(place) = &self.place else { return Ok(()) };
        let floor = place.floor.clone();
        floor.user(User::agent(name, &format!("{name}-screen-1")));
        let site = busyhour::floor::screen::AgentScreen::site(floor.screen_of(name));
        let agent = self.agents.iter().find(|agent| agent.name == name).expect("the name was looked up");
        for device in &agent.devices {
            device.phone.provision(|settings| settings.auto_answer = AutoAnswer::From(FLOOR.to_owned()));
        }
        let has_webphone = agent.devices.iter().any(|device| device.browser.is_some());
        let computer = if has_webphone { None } else { Some(self.computer_for(name, site.clone())?) };
        let agent = self.agents.iter_mut().find(|agent| agent.name == name).expect("it was just there");
        agent.computer = computer;
        for device in agent.devices.iter_mut().filter(|device| device.browser.is_some()) {
            device.phone = device.phone.clone().framed_in(&site);
        }
        Ok(())
    }
}

impl Scene {
    /// The floor, which is there as soon as somebody speaks of it, and runs as long as its host does.
    async fn floor(&mut self) -> Result<Floor, StepFailure> {
        let universe = self.universe.clone();
        let center = self.center()?;
        center.add_floor()?;
        let place = center.place().expect("it was just added");
        let (floor, host) = (place.floor.clone(), place.host.clone());
        if host.power() == Power::Up {
            wait_until(&universe, Some(PATIENCE), || floor.is_running()).await;
        }
        Ok(floor)
    }

    /// The floor, to look at.
    fn place(&mut self) -> Result<&mut Place, StepFailure> {
        let center = self.center()?;
        center.place.as_mut().ok_or_else(no_floor)
    }

    /// The campaign that's meant: with one it needn't be named.
    fn campaign(&mut self, name: Option<&str>) -> Result<String, StepFailure> {
        let place = self.place().map_err(|_| no_campaign())?;
        match (name, place.campaigns.as_slice()) {
            (_, []) => Err(no_campaign()),
            (Some(name), campaigns) if campaigns.iter().any(|one| one == name) => Ok(name.to_owned()),
            (Some(name), campaigns) => {
                let near = campaigns.iter().min_by_key(|known| similar::distance(name, known));
                let near = near.filter(|known| similar::distance(name, known) * 2 <= name.chars().count());
                let hint = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there is {}", campaigns.join(", ")),
                };
                Err(StepFailure::because(format!("no campaign here is called {name}; {hint}")))
            }
            (None, [only]) => Ok(only.clone()),
            (None, several) => {
                Err(StepFailure::because(format!("there are several campaigns, so say which: {}", several.join(", "))))
            }
        }
    }
}

fn no_floor() -> StepFailure {
    StepFailure::because("there is no floor here: `Given a campaign renewals` puts one there")
}

fn no_campaign() -> StepFailure {
    StepFailure::because("there is no campaign here: `Given a campaign renewals` adds one")
}

/// How a campaign's dialer works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dialing {
    /// So many lines an agent.
    Ratio(f64),
    /// As many as the drop rate allows.
    Predictive,
    /// Agents dial by hand.
    Manual,
}

/// A lead that's to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeadRow {
    /// Its number.
    pub(crate) id: u64,
    /// Where she's called.
    pub(crate) phone_number: String,
    /// Whatever else is known.
    pub(crate) fields: Vec<(String, String)>,
}

impl LeadRow {
    /// The leads of a table, whose heading names their fields.
    pub(crate) fn of_table(rows: &[Vec<String>]) -> Result<Vec<LeadRow>, StepFailure> {
        let Some((heading, rows)) = rows.split_first() else {
            return Err(StepFailure::because("the table has no heading: it begins with lead_id and phone_number"));
        };
        let column = |name: &str| {
            let found = heading.iter().position(|one| one == name);
            found.ok_or_else(|| StepFailure::because(format!("the table of leads has no column `{name}`")))
        };
        let (id, number) = (column("lead_id")?, column("phone_number")?);
        let read = |row: &Vec<String>| {
            let LeadName(lead) = LeadName::read(&row[id])?;
            let Number(phone_number) = Number::read(&format!("{:?}", row[number]))?;
            let others = heading.iter().zip(row).enumerate().filter(|(at, _)| *at != id && *at != number);
            let fields = others.map(|(_, (name, value))| (name.clone(), value.clone())).collect();
            Ok(LeadRow { id: lead, phone_number, fields })
        };
        rows.iter().map(read).collect()
    }
}

/// The parameters of a table: a row each, with an optional heading `parameter`, `value`.
pub(crate) fn parameters_of(table: Option<&[Vec<String>]>) -> Result<Vec<(String, String)>, StepFailure> {
    let rows = table.unwrap_or_default();
    let has_heading = rows.first().is_some_and(|row| row.first().is_some_and(|first| first == "parameter"));
    let read = |row: &Vec<String>| match row.as_slice() {
        [name, value] => Ok((name.clone(), value.clone())),
        _ => Err(StepFailure::because("each row of this table has two cells: a parameter and its value")),
    };
    rows.iter().skip(usize::from(has_heading)).map(read).collect()
}

/// What customers do of whom nothing else is said, as shares of all; the others never answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shares {
    pub(crate) answer: f64,
    pub(crate) busy: f64,
    pub(crate) machine: f64,
}

/// A callback that an agent schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Callback {
    /// In how long.
    pub(crate) after: Duration,
    /// She alone calls.
    pub(crate) only_me: bool,
}

/// How a disposition is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saving {
    /// As it's meant.
    Once,
    /// By an impatient click.
    Twice,
    /// In the last moment.
    AndClosesTheTab,
}

/// How a supervisor listens in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listening {
    /// Nobody hears her.
    Silently,
    /// The agent hears her.
    Whispering,
    /// All hear her.
    Barging,
}

/// What becomes of a delivery on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The work is done, and the sender never learns of it.
    ReplyLost,
    /// Two copies are worked on at once.
    TwiceAtOnce,
    /// It waits until the next one has come.
    HeldBack,
}

/// Which deliveries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deliveries {
    /// All that came, of that event, for that lead.
    Reached {
        /// Of which event.
        event: Option<EventKind>,
        /// For which lead.
        lead: Option<u64>,
    },
    /// Those that were accepted.
    Accepted,
    /// Those that were rejected.
    Rejected,
}
