//! The core of the floor: its books, its dialer, and the sessions of its agents. It does no I/O and reads no clock.
//!
//! Requests, reports of the switch and time go in ([`Core::screen`], [`Core::report`], [`Core::handle_timeout`] and the
//! APIs' methods). What comes out is fetched after each input, in this order: [`Core::take_changes`], which have to be
//! on the disk before anything else of that input is let out; then the reply, [`Core::poll_order`] and
//! [`Core::poll_event`]; and when to come back ([`Core::poll_timeout`]).

mod agent_log;
mod api;
mod callbacks;
mod calls;
mod clock;
mod event;
mod leads;
mod screen;
mod sessions;
mod table;

pub use agent_log::{Phase, SessionTimes, Stretch, Times};
pub use api::{
    AddLead, AddLeadError, Added, AgentStatus, AuthError, CampaignStats, DuplicateCheck, ExternalError,
    ExternalRequest, LeadCallback, Monitoring, Scope, UpdateCallback, UpdateLead, UpdateLeadError,
};
pub use callbacks::{Callback, CallbackId, CallbackStatus, Recipient};
pub use calls::{CallId, CallRecord, Direction};
pub use clock::{Civil, Now};
pub use event::{EventKind, Occurred, filled};
pub use leads::{Lead, LeadId};
pub use screen::{
    Action, CallbackWish, Dialed, Disposition, Done, DueCallback, External, Screen, ScreenReply, ScreenRequest,
    Transfer, Wanted,
};
pub use sessions::{Status, Sub};
pub use table::{Change, RestoreError};

use super::settings::{FloorSettings, User};
use super::switch::{Order, Report};
use crate::trace::SimTime;
use crate::world::Random;

/// The core of a floor.
#[derive(Debug)]
pub struct Core {}

#[expect(clippy::unimplemented, unused_variables, missing_docs, reason = "the signatures come first")]
impl Core {
    pub fn new(settings: FloorSettings, now: Now, random: Random) -> Core {
        unimplemented!()
    }
    /// With the rows (table, key, value) that former lives have committed.
    pub fn restore<'a>(
        settings: FloorSettings,
        now: Now,
        random: Random,
        rows: impl IntoIterator<Item = (&'a str, &'a str, &'a [u8])>,
    ) -> Result<Core, RestoreError> {
        unimplemented!()
    }
    /// The settings are others from now on; what runs goes on.
    pub fn configure(&mut self, now: Now, change: impl FnOnce(&mut FloorSettings)) {
        unimplemented!()
    }
    pub fn settings(&self) -> &FloorSettings {
        unimplemented!()
    }
    pub fn screen(&mut self, now: Now, request: ScreenRequest) -> ScreenReply {
        unimplemented!()
    }
    pub fn report(&mut self, now: Now, report: Report) {
        unimplemented!()
    }
    pub fn handle_timeout(&mut self, now: Now) {
        unimplemented!()
    }
    pub fn poll_timeout(&self) -> Option<SimTime> {
        unimplemented!()
    }
    pub fn poll_order(&mut self) -> Option<Order> {
        unimplemented!()
    }
    pub fn poll_event(&mut self) -> Option<Occurred> {
        unimplemented!()
    }
    pub fn take_changes(&mut self) -> Vec<Change> {
        unimplemented!()
    }

    /// Runs a campaign's dialer from now on (the hopper is filled at once); running twice is running once.
    pub fn run_dialer(&mut self, now: Now, campaign: &str) -> Result<(), String> {
        unimplemented!()
    }
    pub fn stop_dialer(&mut self, now: Now, campaign: &str) {
        unimplemented!()
    }
    /// The dialer calls this lead now, whether it runs or not.
    pub fn call_lead(&mut self, now: Now, campaign: &str, lead: LeadId) -> Result<CallId, String> {
        unimplemented!()
    }

    pub fn authenticate(&mut self, now: Now, user: &str, password: &str) -> Result<User, AuthError> {
        unimplemented!()
    }
    pub fn user(&self, user: &str) -> Option<&User> {
        unimplemented!()
    }
    /// Err: there's one already.
    pub fn add_user(&mut self, now: Now, user: User) -> Result<(), User> {
        unimplemented!()
    }

    pub fn add_lead(&mut self, now: Now, user: &str, lead: AddLead) -> Result<Added, AddLeadError> {
        unimplemented!()
    }
    pub fn update_lead(
        &mut self,
        now: Now,
        user: &str,
        lead: LeadId,
        change: UpdateLead,
    ) -> Result<(), UpdateLeadError> {
        unimplemented!()
    }
    pub fn lead(&self, lead: LeadId) -> Option<&Lead> {
        unimplemented!()
    }
    pub fn leads_with_phone(&self, phone: &str) -> &[LeadId] {
        unimplemented!()
    }
    pub fn leads_with_vendor_code(&self, code: &str) -> &[LeadId] {
        unimplemented!()
    }
    pub fn leads(&self) -> Box<dyn DoubleEndedIterator<Item = &Lead> + '_> {
        unimplemented!()
    }
    pub fn callbacks_of(&self, lead: LeadId) -> Vec<&Callback> {
        unimplemented!()
    }
    pub fn add_dnc(&mut self, now: Now, phone: &str, campaign: Option<&str>) {
        unimplemented!()
    }
    pub fn is_dnc(&self, phone: &str, campaign: Option<&str>) -> bool {
        unimplemented!()
    }

    pub fn agent_status(&self, now: Now, user: &str) -> Option<AgentStatus> {
        unimplemented!()
    }
    pub fn logged_in_agents(&self, now: Now, campaign: Option<&str>) -> Vec<AgentStatus> {
        unimplemented!()
    }
    pub fn session_times(&self, now: Now, user: &str) -> Vec<SessionTimes> {
        unimplemented!()
    }
    pub fn stretches<'a>(&'a self, user: &'a str) -> Box<dyn Iterator<Item = &'a Stretch> + 'a> {
        unimplemented!()
    }
    pub fn campaign_stats(&self, campaign: &str) -> CampaignStats {
        unimplemented!()
    }
    /// How many calls ended with each status.
    pub fn status_counts(&self, campaign: &str) -> std::collections::BTreeMap<String, u64> {
        unimplemented!()
    }
    pub fn call_record(&self, call: &CallId) -> Option<&CallRecord> {
        unimplemented!()
    }
    pub fn call_records(&self) -> Box<dyn DoubleEndedIterator<Item = &CallRecord> + '_> {
        unimplemented!()
    }
    pub fn calls_of_lead(&self, lead: LeadId) -> Vec<&CallRecord> {
        unimplemented!()
    }

    /// Passes a request of the Agent API to the agent's screen, which executes it after its next poll.
    pub fn external(&mut self, now: Now, request: ExternalRequest) -> Result<(), ExternalError> {
        unimplemented!()
    }
    /// Calls the phone of `listener` into the room of an agent.
    pub fn monitor(&mut self, now: Now, listener: &str, agent: &str, how: Monitoring) -> Result<(), ExternalError> {
        unimplemented!()
    }
}
