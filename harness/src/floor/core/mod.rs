//! The core of the floor: its books, its dialer, and the sessions of its agents. It does no I/O and reads no clock.
//!
//! Requests, reports of the switch and time go in ([`Core::screen`], [`Core::report`], [`Core::handle_timeout`] and the
//! APIs' methods). What comes out is fetched after each input: [`Core::take_changes`], which have to be on the disk before
//! anything else of that input is let out; then the reply, [`Core::poll_order`] and [`Core::poll_event`]; and when to come
//! back ([`Core::poll_timeout`]). An outbox takes the events before the changes are committed, and adds rows of its own
//! to the same transaction.

mod agent_log;
mod api;
mod callbacks;
mod calling;
mod calls;
mod clock;
mod dialer;
mod dispositions;
mod dnc;
mod event;
mod external;
mod hopper;
mod inbound;
mod lead_api;
mod leads;
mod legs;
mod login;
mod manual;
mod outcome;
mod phones;
mod polling;
mod predictive;
mod reads;
mod recycling;
mod restore;
mod routing;
mod screen;
mod sessions;
mod standing;
mod stats;
mod table;
mod telling;
#[cfg(test)]
mod tests;
mod timers;
mod transfers;
mod users;

pub use agent_log::{Phase, SessionTimes, Stretch, Times};
pub use api::{
    AddLead, AddLeadError, Added, AgentStatus, AuthError, CampaignStats, DuplicateCheck, ExternalError,
    ExternalRequest, LeadCallback, Likeness, Monitoring, Scope, UpdateCallback, UpdateLead, UpdateLeadError,
};
pub use callbacks::{Callback, CallbackId, CallbackStatus, Recipient};
pub use calls::{CallId, CallRecord, Direction};
pub use clock::{Civil, Now};
pub use dialer::DialError;
pub use event::Occurred;
pub use leads::{Lead, LeadId};
pub use screen::{
    Action, CallbackWish, Dialed, Disposition, Done, DueCallback, External, Screen, ScreenReply, ScreenRequest,
    Transfer, Wanted,
};
pub use sessions::{Status, Sub};
pub use table::{Change, RestoreError};

use std::collections::{BTreeMap, VecDeque};

use self::agent_log::AgentLog;
use self::callbacks::Callbacks;
use self::calls::Calls;
use self::dialer::Dialers;
use self::dnc::Dnc;
use self::hopper::Hopper;
use self::lead_api::Request;
use self::leads::Leads;
use self::legs::Legs;
use self::sessions::Sessions;
use self::stats::Tally;
use self::table::Table;
use self::telling::Urls;
use self::timers::Timers;
use self::users::Users;
use super::settings::FloorSettings;
use super::switch::Order;
use crate::world::Random;

/// The core of a floor.
#[derive(Debug)]
pub struct Core {
    settings: FloorSettings,
    random: Random,
    /// How often the floor was started: part of every number that must not come twice.
    life: u64,
    meta: Table<String, u64>,
    leads: Leads,
    hopper: Hopper,
    dnc: Dnc,
    callbacks: Callbacks,
    calls: Calls,
    sessions: Sessions,
    agent_log: AgentLog,
    users: Users,
    urls: Urls,
    requests: Table<String, Request>,
    dialers: Dialers,
    legs: Legs,
    /// The customers who wait, by campaign.
    queues: BTreeMap<String, VecDeque<CallId>>,
    tallies: BTreeMap<String, Tally>,
    timers: Timers,
    orders: VecDeque<Order>,
    events: VecDeque<Occurred>,
}

impl Core {
    /// A floor whose books are empty.
    pub fn new(settings: FloorSettings, now: Now, random: Random) -> Core {
        let mut core = Core::empty(settings, random);
        core.begin_life();
        core.keep_rounds(now);
        core
    }

    fn empty(settings: FloorSettings, random: Random) -> Core {
        Core {
            settings,
            random,
            life: 0,
            meta: Table::new("floor"),
            leads: Leads::new(),
            hopper: Hopper::new(),
            dnc: Dnc::new(),
            callbacks: Callbacks::new(),
            calls: Calls::new(),
            sessions: Sessions::new(),
            agent_log: AgentLog::new(),
            users: Users::new(),
            urls: Urls::new(),
            requests: Table::new("request"),
            dialers: Dialers::new(),
            legs: Legs::new(0),
            queues: BTreeMap::new(),
            tallies: BTreeMap::new(),
            timers: Timers::default(),
            orders: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn begin_life(&mut self) {
        let key = "life".to_owned();
        self.life = self.meta.get(&key).copied().unwrap_or(0) + 1;
        self.meta.insert(key, self.life);
        self.legs = Legs::new(self.life);
    }

    /// How the floor is set up.
    pub fn settings(&self) -> &FloorSettings {
        &self.settings
    }

    /// Sets it up otherwise; what runs goes on.
    pub fn configure(&mut self, now: Now, change: impl FnOnce(&mut FloorSettings)) {
        change(&mut self.settings);
        self.keep_rounds(now);
    }

    /// What the switch is to do, in that order.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Whom to tell of what, in that order.
    pub fn poll_event(&mut self) -> Option<Occurred> {
        self.events.pop_front()
    }

    /// The rows that are others since the last time: to be on the disk before a reply, an order or an event is let out.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.meta.take_changes(&mut changes);
        self.leads.take_changes(&mut changes);
        self.hopper.take_changes(&mut changes);
        self.dnc.take_changes(&mut changes);
        self.callbacks.take_changes(&mut changes);
        self.calls.take_changes(&mut changes);
        self.sessions.take_changes(&mut changes);
        self.agent_log.take_changes(&mut changes);
        self.users.take_changes(&mut changes);
        self.urls.take_changes(&mut changes);
        self.requests.take_changes(&mut changes);
        self.dialers.take_changes(&mut changes);
        changes
    }
}
