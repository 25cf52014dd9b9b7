//! What a floor is told when it starts: its profile and quirks, campaigns, inbound lines and users.

use std::time::Duration;

use crate::webhook::event::EventKind;

/// How a floor is set up.
#[derive(Debug, Clone)]
pub struct FloorSettings {
    /// Whose behaviour it has.
    pub profile: Profile,
    /// Where it behaves as nobody should wish. Begins as the profile has it; each can be switched alone.
    pub quirks: Quirks,
    /// The campaigns.
    pub campaigns: Vec<Campaign>,
    /// The numbers that can be called.
    pub inbound: Vec<InboundLine>,
    /// Who may log in, as an agent or at the APIs.
    pub users: Vec<User>,
    /// Where the floor's clock on the wall hangs, in minutes from UTC: New York in winter.
    pub utc_offset_minutes: i32,
    /// How long the parts of its machinery take.
    pub timing: Timing,
}

impl FloorSettings {
    /// A floor without campaigns and users.
    pub fn new(profile: Profile) -> FloorSettings {
        FloorSettings {
            profile,
            quirks: Quirks::of(profile),
            campaigns: Vec::new(),
            inbound: Vec::new(),
            users: Vec::new(),
            utc_offset_minutes: -5 * 60,
            timing: Timing::default(),
        }
    }

    /// The campaign of that name.
    pub fn campaign(&self, name: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|campaign| campaign.name == name)
    }
}

impl Default for FloorSettings {
    fn default() -> FloorSettings {
        FloorSettings::new(Profile::Vicidial)
    }
}

/// Whose behaviour a floor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// VICIdial's, quirks included: what integrators must survive.
    #[default]
    Vicidial,
    /// One with a server-side outbox, signed webhooks and idempotent APIs.
    Modern,
}

impl Profile {
    /// Its name in feature files.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Vicidial => "vicidial",
            Profile::Modern => "modern",
        }
    }

    /// The profile of that name.
    pub fn named(name: &str) -> Option<Profile> {
        [Profile::Vicidial, Profile::Modern].into_iter().find(|profile| profile.name() == name)
    }
}

/// Behaviour that costs money, each a switch of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// `two-step-urls`: saving a disposition hands the URLs' ids to the screen, which must come back to have them called.
    /// A tab that is closed in between leaves a saved disposition of which nobody is told.
    pub two_step_urls: bool,
    /// `repeated-run-urls`: a URL that was called already is called again when the screen asks for it again.
    pub repeated_run_urls: bool,
    /// `saves-twice`: a disposition that arrives twice is saved twice, with its events and URLs.
    pub saves_twice: bool,
    /// `success-from-dead-tabs`: the Agent API says SUCCESS as soon as its flag is written, whether or not there's a screen
    /// that will act on it.
    pub success_from_dead_tabs: bool,
    /// `retried-add-lead`: an `add_lead` that is repeated makes a second lead.
    pub retried_add_lead: bool,
    /// `leads-left-in-call`: the lead of an agent who vanished stays QUEUE, INCALL or DISPO until she logs in again.
    /// Without it the lead becomes ERI as soon as the floor gives her up.
    pub leads_left_in_call: bool,
    /// `calls-to-empty-rooms`: an agent whose phone isn't in her room gets calls nevertheless; the customer hears nobody.
    pub calls_to_empty_rooms: bool,
}

impl Quirks {
    /// Those of a profile.
    pub fn of(profile: Profile) -> Quirks {
        let all = profile == Profile::Vicidial;
        Quirks {
            two_step_urls: all,
            repeated_run_urls: all,
            saves_twice: all,
            success_from_dead_tabs: all,
            retried_add_lead: all,
            leads_left_in_call: all,
            calls_to_empty_rooms: all,
        }
    }
}

/// How calls are placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// So many lines for each active agent.
    Ratio {
        /// Lines an agent.
        level: f64,
    },
    /// As many lines as the drop target allows.
    Predictive {
        /// Never more lines an agent.
        most: f64,
    },
    /// Agents dial by hand; the dialer places nothing.
    Manual,
}

/// A campaign.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// How calls are placed.
    pub method: Method,
    /// The lists that it dials.
    pub lists: Vec<u64>,
    /// The statuses of leads that it dials.
    pub dial_statuses: Vec<String>,
    /// How long a customer's phone rings.
    pub dial_timeout: Duration,
    /// How long an answered customer waits for an agent.
    pub drop_after: Duration,
    /// The share of answered calls that predictive dialing may drop.
    pub drop_target: f64,
    /// How many leads the hopper holds after a fill; without a figure it goes by agents and level.
    pub hopper_level: Option<usize>,
    /// Machines are told from men before an agent gets the call.
    pub detects_machines: bool,
    /// The number that customers see.
    pub caller_id: Option<String>,
    /// Numbers on the do-not-call list aren't dialed, and the disposition DNC puts them there.
    pub uses_dnc: bool,
    /// Which statuses are dialed again, and when.
    pub recycling: Vec<Recycling>,
    /// Which dispositions are a sale.
    pub sale_statuses: Vec<String>,
    /// An agent who has saved a disposition must wait so long until she gets a call.
    pub wrap_up: Duration,
    /// What the agent's screen opens when a call starts, with `--A--field--B--` in it.
    pub pop_url: Option<String>,
    /// Who is told of what.
    pub hooks: Vec<Hook>,
}

impl Campaign {
    /// A campaign with VICIdial's defaults that dials `level` lines an agent.
    pub fn new(name: &str, level: f64) -> Campaign {
        Campaign {
            name: name.to_owned(),
            method: Method::Ratio { level },
            lists: Vec::new(),
            dial_statuses: vec!["NEW".to_owned()],
            dial_timeout: Duration::from_secs(60),
            drop_after: Duration::from_secs(5),
            drop_target: 0.03,
            hopper_level: None,
            detects_machines: false,
            caller_id: None,
            uses_dnc: true,
            recycling: Vec::new(),
            sale_statuses: vec!["SALE".to_owned()],
            wrap_up: Duration::ZERO,
            pop_url: None,
            hooks: Vec::new(),
        }
    }

    /// One whose agents dial by hand.
    pub fn manual(name: &str) -> Campaign {
        Campaign { method: Method::Manual, ..Campaign::new(name, 1.0) }
    }
}

/// A status whose leads are dialed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recycling {
    /// Which.
    pub status: String,
    /// How long after the last call.
    pub after: Duration,
    /// How often at most.
    pub at_most: u32,
}

/// A number that can be called.
#[derive(Debug, Clone)]
pub struct InboundLine {
    /// Which.
    pub number: String,
    /// Whose agents answer.
    pub campaign: String,
    /// How long a caller waits.
    pub wait_at_most: Duration,
    /// Where a caller goes who has waited that long. Without one the call is ended.
    pub then_to: Option<String>,
    /// The list of callers that no lead is known of.
    pub list: u64,
}

impl InboundLine {
    /// A line with VICIdial's defaults: 360 seconds, then hung up.
    pub fn new(number: &str, campaign: &str) -> InboundLine {
        InboundLine {
            number: number.to_owned(),
            campaign: campaign.to_owned(),
            wait_at_most: Duration::from_secs(360),
            then_to: None,
            list: 999,
        }
    }
}

/// Who is told of an event, and what sets that off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its name: what [`Occurred::hook`](super::core::Occurred::hook) says.
    pub name: String,
    /// The event.
    pub event: EventKind,
    /// What sets it off.
    pub trigger: Trigger,
}

/// What sets a hook off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The floor itself, in the transaction of what happened.
    AtOnce,
    /// The agent's screen, by a second request. Only a disposition has that.
    Screen,
    /// The floor itself, when a call that its dialer placed is over and no agent has had it; whichever the event.
    NoAgent,
}

/// Who may log in.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Name for reading.
    pub full_name: String,
    /// Group.
    pub group: String,
    /// 1 to 9; managers have 8 and more.
    pub level: u8,
    /// The user of the SIP server whose phones the agent's session calls.
    pub phone: String,
    /// May use the APIs.
    pub api: bool,
    /// The API functions that are allowed; empty: all.
    pub api_functions: Vec<String>,
}

impl User {
    /// An agent whose phone has her name.
    pub fn agent(user: &str, password: &str) -> User {
        User {
            user: user.to_owned(),
            password: password.to_owned(),
            full_name: user.to_owned(),
            group: "AGENTS".to_owned(),
            level: 1,
            phone: user.to_owned(),
            api: false,
            api_functions: Vec::new(),
        }
    }

    /// A program that uses the APIs.
    pub fn api(user: &str, password: &str) -> User {
        User { level: 9, api: true, phone: String::new(), group: "ADMIN".to_owned(), ..User::agent(user, password) }
    }
}

/// How long the parts of the machinery take. VICIdial's figures.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Between two rounds of the dialer, which also looks for agents that lag.
    pub dialer: Duration,
    /// Between two fills of the hopper.
    pub hopper: Duration,
    /// Between two adaptations of a predictive dial level.
    pub adapt: Duration,
    /// An agent whose screen has been silent that long lags.
    pub lagged: Duration,
    /// Calls go only to agents seen within.
    pub seen: Duration,
    /// How long an agent's phone has to answer her session's call.
    pub phone: Duration,
    /// A row of an agent who hasn't been seen for so long is removed.
    pub stale: Duration,
    /// How long a caller may be locked out after too many wrong passwords.
    pub lock_out: Duration,
    /// How many wrong passwords are too many.
    pub wrong_passwords: u32,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            dialer: Duration::from_millis(2_500),
            hopper: Duration::from_secs(60),
            adapt: Duration::from_secs(15),
            lagged: Duration::from_secs(30),
            seen: Duration::from_secs(5),
            phone: Duration::from_secs(60),
            stale: Duration::from_secs(12 * 3600),
            lock_out: Duration::from_secs(15 * 60),
            wrong_passwords: 10,
        }
    }
}
