//! What the APIs and a view of the books read.

use super::Core;
use super::agent_log::{SessionTimes, Stretch};
use super::api::AgentStatus;
use super::callbacks::Callback;
use super::calls::{CallId, CallRecord};
use super::clock::{Now, millis};
use super::leads::{Lead, LeadId};
use super::sessions::{Customer, Phone, Session, Status, Sub};

impl Core {
    /// A lead.
    pub fn lead(&self, lead: LeadId) -> Option<&Lead> {
        self.leads.get(lead)
    }

    /// All leads, by number.
    pub fn leads(&self) -> impl DoubleEndedIterator<Item = &Lead> {
        self.leads.iter()
    }

    /// How many leads there are.
    pub fn lead_count(&self) -> usize {
        self.leads.len()
    }

    /// The leads of a list, by number.
    pub fn leads_of_list(&self, list: u64) -> impl Iterator<Item = &Lead> {
        self.leads.of_list(list).filter_map(|id| self.leads.get(id))
    }

    /// The leads with a telephone number, oldest first.
    pub fn leads_with_phone(&self, phone: &str) -> &[LeadId] {
        self.leads.with_phone(phone)
    }

    /// The leads with a code of the customer's own system, oldest first.
    pub fn leads_with_vendor_code(&self, code: &str) -> &[LeadId] {
        self.leads.with_vendor_code(code)
    }

    /// A lead's callbacks, oldest first.
    pub fn callbacks_of(&self, lead: LeadId) -> Vec<&Callback> {
        self.callbacks.of_lead(lead).collect()
    }

    /// The callback of a lead that's still to be called.
    pub fn open_callback_of(&self, lead: LeadId) -> Option<&Callback> {
        self.callbacks.open_of(lead)
    }

    /// How an agent stands; none: she isn't logged in.
    pub fn agent_status(&self, now: Now, user: &str) -> Option<AgentStatus> {
        self.sessions.get(user).map(|session| self.status_of(now, session))
    }

    /// The agents who are logged in, by name; of one campaign, or all.
    pub fn logged_in_agents(&self, now: Now, campaign: Option<&str>) -> Vec<AgentStatus> {
        let sessions = self.sessions.iter().filter(|session| campaign.is_none_or(|name| session.campaign == name));
        sessions.map(|session| self.status_of(now, session)).collect()
    }

    fn status_of(&self, now: Now, session: &Session) -> AgentStatus {
        let user = self.user(&session.user);
        AgentStatus {
            user: session.user.clone(),
            status: session.status.name(),
            sub_status: session.sub.name(),
            real_time_sub_status: self.real_time(session),
            pause_code: session.pause_code.clone(),
            call: session.call.clone(),
            lead: session.lead,
            phone_number: session.phone_number.clone(),
            vendor_lead_code: session
                .lead
                .and_then(|lead| self.leads.get(lead))
                .map(|lead| lead.vendor_lead_code.clone())
                .unwrap_or_default(),
            campaign: session.campaign.clone(),
            calls_today: session.calls_today,
            full_name: user.map_or_else(String::new, |user| user.full_name.clone()),
            group: user.map_or_else(String::new, |user| user.group.clone()),
            level: user.map_or(0, |user| user.level),
            session_id: session.room.0,
            since: session.since,
            phone_in_session: matches!(session.phone, Phone::There(_)),
            unseen_for: millis(now.at.since(session.last_seen)),
        }
    }

    /// What VICIdial's reports look up beside an agent's own row.
    fn real_time(&self, session: &Session) -> &'static str {
        let shares = |other: &Session| {
            other.user != session.user && other.status == Status::InCall && other.lead == session.lead
        };
        match (session.sub, &session.customer) {
            (Sub::None, Customer::Parked) => "PARK",
            (Sub::None, Customer::Dialing) => "DIAL",
            (Sub::None, _) if session.status == Status::InCall && session.lead.is_some() => {
                if self.sessions.iter().any(shares) { "3-WAY" } else { "" }
            }
            _ => session.sub.name(),
        }
    }

    /// An agent's sessions and how they were spent, oldest first. The last may still run.
    pub fn session_times(&self, now: Now, user: &str) -> Vec<SessionTimes> {
        self.agent_log.sessions(user, now.wall)
    }

    /// The stretches of an agent's sessions, oldest first.
    pub fn stretches(&self, user: &str) -> impl Iterator<Item = &Stretch> {
        self.agent_log.of(user)
    }

    /// A call's entry in the log.
    pub fn call_record(&self, call: &CallId) -> Option<&CallRecord> {
        self.calls.record(call)
    }

    /// Every call's entry, by name.
    pub fn call_records(&self) -> impl DoubleEndedIterator<Item = &CallRecord> {
        self.calls.records()
    }

    /// A lead's calls, oldest first.
    pub fn calls_of_lead(&self, lead: LeadId) -> impl DoubleEndedIterator<Item = &CallRecord> {
        self.calls.of_lead(lead).iter().filter_map(|id| self.calls.record(id))
    }

    /// The calls that run, by name.
    pub fn running_calls(&self) -> impl Iterator<Item = &CallRecord> {
        self.calls.running().filter_map(|call| self.calls.record(&call.id))
    }

    /// How many legs the core knows of: none are left when nobody is logged in and no call runs.
    pub fn legs(&self) -> usize {
        self.legs.count()
    }
}
