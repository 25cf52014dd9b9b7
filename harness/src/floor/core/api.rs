//! What the two APIs ask of the core, typed: parameters and line formats are their programs' matter.

use super::calls::CallId;
use super::leads::LeadId;
use super::screen::External;

/// A lead that's to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddLead {
    /// Its number, when the caller chooses it: fixtures do.
    pub id: Option<LeadId>,
    /// 6 to 16 digits.
    pub phone_number: String,
    /// The country's code.
    pub phone_code: String,
    /// The list.
    pub list: u64,
    /// The number by which the customer's own system knows it.
    pub vendor_lead_code: String,
    /// Whatever else is known.
    pub fields: Vec<(String, String)>,
    /// NEW unless it's said.
    pub status: Option<String>,
    /// Which duplicates are refused.
    pub duplicates: Vec<DuplicateCheck>,
    /// Refuse a number that nobody may call.
    pub dnc_check: bool,
    /// Refuse a number that this campaign may not call.
    pub campaign_dnc_check: Option<String>,
    /// Into the hopper at once, with this priority (-99 to 99).
    pub hopper_priority: Option<i32>,
    /// Have it called back.
    pub callback: Option<LeadCallback>,
}

impl AddLead {
    /// A lead of which only list and number are known.
    pub fn new(list: u64, phone_number: &str) -> AddLead {
        AddLead {
            id: None,
            phone_number: phone_number.to_owned(),
            phone_code: "1".to_owned(),
            list,
            vendor_lead_code: String::new(),
            fields: Vec::new(),
            status: None,
            duplicates: Vec::new(),
            dnc_check: false,
            campaign_dnc_check: None,
            hopper_priority: None,
            callback: None,
        }
    }
}

/// Among which leads a duplicate is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateCheck {
    /// By what.
    pub by: Likeness,
    /// Where.
    pub scope: Scope,
    /// Only among leads that were added within so many days.
    pub days: Option<u64>,
}

/// By what one lead is another one's duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// The number is the other's number.
    Phone,
    /// The number is the other's number, or its other one (`alt_phone`).
    PhoneOrAlt,
    /// Title and other number are the same.
    TitleAndAlt,
    /// First name, last name and number are the same.
    NameAndPhone,
}

/// Where duplicates are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// DUPLIST: in the same list.
    List,
    /// DUPCAMP: in all lists of the list's campaign.
    Campaign,
    /// DUPSYS: everywhere.
    System,
}

impl Scope {
    /// As the APIs' error lines have it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::List => "LIST",
            Scope::Campaign => "CAMPAIGN",
            Scope::System => "SYSTEM",
        }
    }
}

/// A callback that's asked for by an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadCallback {
    /// When, in unix milliseconds.
    pub at: u64,
    /// The only agent who may call; without one, anyone.
    pub only: Option<String>,
    /// For which campaign; without one, that of the lead's list.
    pub campaign: Option<String>,
    /// The lead's status by which it's scheduled.
    pub status: String,
    /// Comments.
    pub comments: String,
}

/// A lead that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Its number.
    pub lead: LeadId,
    /// It's in the hopper; `Some(false)`: it was to be and couldn't.
    pub in_hopper: Option<bool>,
    /// A callback is scheduled; `Some(false)`: it was to be and couldn't.
    pub callback: Option<bool>,
    /// The modern profile had this very request before, and gives the same answer.
    pub repeated: bool,
}

/// Why a lead wasn't added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddLeadError {
    /// A telephone number has 6 to 16 digits.
    #[error("{0} is no telephone number of 6 to 16 digits")]
    NoNumber(String),
    /// There's one already.
    #[error("it's like lead {lead} in list {list}")]
    Duplicate {
        /// By what.
        by: Likeness,
        /// The number was found as the other one's `alt_phone`.
        as_alt: bool,
        /// Where it was looked for.
        scope: Scope,
        /// Which lead.
        lead: LeadId,
        /// Its list.
        list: u64,
    },
    /// Nobody may call it.
    #[error("{0} is on the do-not-call list")]
    Dnc(String),
    /// This campaign may not call it.
    #[error("{0} is on the do-not-call list of the campaign {1}")]
    CampaignDnc(String, String),
    /// The chosen lead number is another lead's.
    #[error("there's a lead {0} already")]
    NumberTaken(LeadId),
}

/// What's to be changed of a lead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpdateLead {
    /// Fields by VICIdial's names; an empty value empties the field.
    pub fields: Vec<(String, String)>,
    /// Another list.
    pub list: Option<u64>,
    /// It hasn't been called, for the dialer.
    pub reset: bool,
    /// It goes.
    pub delete: bool,
    /// Its callback.
    pub callback: Option<UpdateCallback>,
    /// Out of the hopper.
    pub leaves_hopper: bool,
    /// Into the hopper at once, with this priority.
    pub hopper_priority: Option<i32>,
}

/// What becomes of a lead's callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateCallback {
    /// Another.
    Set(LeadCallback),
    /// None.
    Remove,
}

/// Why a lead wasn't changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpdateLeadError {
    /// There's no such lead.
    #[error("there's no lead {0}")]
    Unknown(LeadId),
    /// It's in a call, and can't go.
    #[error("lead {0} is in a call")]
    InCall(LeadId),
}

/// An agent, as `agent_status` tells of her.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatus {
    /// Who.
    pub user: String,
    /// READY, QUEUE, INCALL, PAUSED or CLOSER.
    pub status: &'static str,
    /// DEAD or DISPO, or empty.
    pub sub_status: &'static str,
    /// The same, or what her call is like by now: PARK, DIAL, or 3-WAY with another agent.
    pub real_time_sub_status: &'static str,
    /// Why she pauses, or empty.
    pub pause_code: String,
    /// Her call.
    pub call: Option<CallId>,
    /// Her lead.
    pub lead: Option<LeadId>,
    /// The lead's number.
    pub phone_number: String,
    /// The lead's code in its own system.
    pub vendor_lead_code: String,
    /// The campaign.
    pub campaign: String,
    /// How many calls she has had in this session.
    pub calls_today: u32,
    /// Name for reading.
    pub full_name: String,
    /// Group.
    pub group: String,
    /// Level.
    pub level: u8,
    /// Her room's number.
    pub session_id: u64,
    /// Since when she stands so, in unix milliseconds.
    pub since: u64,
    /// Her own phone is in her room.
    pub phone_in_session: bool,
    /// How long ago her screen was last seen, in milliseconds.
    pub unseen_for: u64,
}

/// Why an Agent API request wasn't passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExternalError {
    /// She's not logged in.
    #[error("{0} isn't logged in")]
    NotLoggedIn(String),
    /// She has no call that could be ended, parked, transferred or named.
    #[error("{0} has no call")]
    NoCall(String),
    /// Her screen isn't there: only a floor without the quirk `success-from-dead-tabs` looks.
    #[error("the screen of {0} hasn't been heard of for {1} ms")]
    ScreenGone(String, u64),
    /// She may not: in a call, say.
    #[error("{0} can't do that as {1}")]
    WrongState(String, &'static str),
}

/// A request of the Agent API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalRequest {
    /// For whose screen.
    pub user: String,
    /// What.
    pub what: External,
}

/// How somebody is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Monitoring {
    /// Heard by nobody.
    Listen,
    /// Heard by the agent alone.
    Whisper,
    /// Heard by all.
    Barge,
}

/// Why a login isn't valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Wrong user or password.
    #[error("the login is incorrect")]
    Wrong,
    /// Too many wrong ones: nobody gets in by this name for a while.
    #[error("there were too many wrong logins")]
    LockedOut,
}

/// A campaign's figures since the floor's books began.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CampaignStats {
    /// Calls of the dialer that were placed.
    pub placed: u64,
    /// Calls that agents placed.
    pub manual: u64,
    /// Calls that came in.
    pub inbound: u64,
    /// Of the dialer's, those that a customer answered: machines that were told apart aren't counted.
    pub answered: u64,
    /// Of those, the ones that no agent got: DROP and PDROP.
    pub dropped: u64,
    /// Dispositions that are sales.
    pub sales: u64,
    /// Agents logged in, waiting, in calls and paused.
    pub agents: [usize; 4],
    /// Calls that run.
    pub running: usize,
    /// Customers who wait for an agent.
    pub waiting: usize,
    /// Leads in the hopper that can be dialed.
    pub hopper: usize,
    /// Lines an agent, as the dialer has it now.
    pub dial_level: f64,
}

impl CampaignStats {
    /// Drops of answers, from 0 to 1.
    pub fn drop_rate(&self) -> f64 {
        if self.answered == 0 { 0.0 } else { self.dropped as f64 / self.answered as f64 }
    }
}
