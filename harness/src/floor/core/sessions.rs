//! Agents' sessions: who is logged in, how she stands, and which screen is hers.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::api::Monitoring;
use super::calls::CallId;
use super::leads::LeadId;
use super::screen::Wanted;
use super::table::{Change, RestoreError, Table};
use crate::floor::switch::{LegId, RoomId};
use crate::trace::SimTime;

/// How an agent stands: VICIdial's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Waits for a call of the dialer.
    #[serde(rename = "READY")]
    Ready,
    /// Waits for a call of a customer or of the dialer.
    #[serde(rename = "CLOSER")]
    Closer,
    /// Has a call that her screen hasn't picked up yet.
    #[serde(rename = "QUEUE")]
    Queue,
    /// Has a call.
    #[serde(rename = "INCALL")]
    InCall,
    /// Pauses, or says what became of a call.
    #[serde(rename = "PAUSED")]
    Paused,
}

impl Status {
    /// Its name in VICIdial.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ready => "READY",
            Status::Closer => "CLOSER",
            Status::Queue => "QUEUE",
            Status::InCall => "INCALL",
            Status::Paused => "PAUSED",
        }
    }
}

/// What a status doesn't tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Sub {
    /// Nothing.
    #[default]
    #[serde(rename = "")]
    None,
    /// INCALL, and the customer has gone.
    #[serde(rename = "DEAD")]
    Dead,
    /// PAUSED, and what became of the call is still to be said.
    #[serde(rename = "DISPO")]
    Dispo,
}

impl Sub {
    /// Its name in VICIdial.
    pub fn name(self) -> &'static str {
        match self {
            Sub::None => "",
            Sub::Dead => "DEAD",
            Sub::Dispo => "DISPO",
        }
    }
}

/// How an agent's own phone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phone {
    /// Isn't in her room: it was never reached, or was lost.
    #[default]
    Away,
    /// Is being called.
    Called(LegId),
    /// Is in her room.
    There(LegId),
}

/// How the customer's leg stands, seen by the agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Customer {
    /// There's none.
    #[default]
    None,
    /// Is being called by hand.
    Dialing,
    /// Is in the room.
    Live,
    /// Hears music.
    Parked,
    /// Has gone; the agent knows after two polls.
    Ended,
    /// Was never reached: the status that tells why.
    Failed(String),
}

/// Somebody whom the agent has called in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Third {
    pub(super) leg: LegId,
    pub(super) answered: bool,
    /// An agent of the floor, whose own phone comes into the room.
    pub(super) agent: Option<String>,
}

/// An agent is asked for advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    /// By whom.
    pub(super) asked_by: String,
    /// She was pausing, with this code, and will again.
    pub(super) paused: Option<String>,
}

/// An agent who is logged in: the row that VICIdial calls a live agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) user: String,
    /// What her screen shows to be hers.
    pub(super) name: String,
    pub(super) campaign: String,
    /// The user of the SIP server whose phone is called.
    pub(super) phone_user: String,
    pub(super) room: RoomId,
    pub(super) status: Status,
    pub(super) sub: Sub,
    pub(super) pause_code: String,
    /// The call that she has, or whose disposition is open.
    pub(super) call: Option<CallId>,
    pub(super) lead: Option<LeadId>,
    pub(super) phone_number: String,
    pub(super) pop_url: String,
    /// She wants to pause after this call.
    pub(super) pause_next: Option<String>,
    pub(super) calls_today: u32,
    pub(super) logged_in: u64,
    /// In unix milliseconds: since when she has this status.
    pub(super) since: u64,
    /// The number of the last [`Wanted`].
    pub(super) last_wanted: u64,
    pub(super) wanted: Vec<Wanted>,
    /// The stretch of the agent log that runs.
    pub(super) stretch: u64,
    #[serde(skip)]
    pub(super) last_seen: SimTime,
    /// Since when she waits for a call; orders those who wait.
    #[serde(skip)]
    pub(super) waits_since: SimTime,
    #[serde(skip)]
    pub(super) phone: Phone,
    #[serde(skip)]
    pub(super) customer: Customer,
    /// On how many polls the customer was gone.
    #[serde(skip)]
    pub(super) dead_polls: u8,
    #[serde(skip)]
    pub(super) third: Option<Third>,
    /// Who was called to listen to her.
    #[serde(skip)]
    pub(super) monitors: Vec<(LegId, Monitoring)>,
    /// Another agent asks her for advice: her phone is in that one's room.
    #[serde(skip)]
    pub(super) advises: Option<Advice>,
    /// Her wrap-up lasts until.
    #[serde(skip)]
    pub(super) wraps_until: Option<SimTime>,
}

impl Session {
    /// Whether she has a customer who hasn't gone.
    pub(super) fn has_live_customer(&self) -> bool {
        matches!(self.customer, Customer::Dialing | Customer::Live | Customer::Parked)
    }

    /// Whether she waits for a call.
    pub(super) fn waits(&self) -> bool {
        matches!(self.status, Status::Ready | Status::Closer)
    }
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    table: Table<String, Session>,
    by_name: FxHashMap<String, String>,
    /// Who waits in a campaign, longest first.
    waiting: BTreeMap<String, BTreeSet<(SimTime, String)>>,
    of_campaign: BTreeMap<String, BTreeSet<String>>,
}

impl Sessions {
    pub(super) fn new() -> Sessions {
        Sessions {
            table: Table::new("session"),
            by_name: FxHashMap::default(),
            waiting: BTreeMap::new(),
            of_campaign: BTreeMap::new(),
        }
    }

    pub(super) fn get(&self, user: &str) -> Option<&Session> {
        self.table.get(&user.to_owned())
    }

    /// The session that a screen says is its own.
    pub(super) fn named(&self, name: &str) -> Option<&Session> {
        self.by_name.get(name).and_then(|user| self.table.get(user))
    }

    /// A screen was heard of. Not worth the disk.
    pub(super) fn seen(&mut self, name: &str, now: SimTime) -> Option<&mut Session> {
        let session = self.by_name.get(name).and_then(|user| self.table.touch(user))?;
        session.last_seen = now;
        Some(session)
    }

    /// Changes a session, with all indexes.
    pub(super) fn edit<R>(&mut self, user: &str, change: impl FnOnce(&mut Session) -> R) -> Option<R> {
        let user = user.to_owned();
        let session = self.table.edit(&user)?;
        let before = (session.waits(), session.waits_since);
        let result = change(session);
        let after = (session.waits(), session.waits_since);
        assert!(session.status != Status::InCall || session.call.is_some(), "{user} is INCALL and has no call");
        assert!(!session.waits() || session.call.is_none(), "{user} waits for a call and has {:?}", session.call);
        if before != after {
            let waiting = self.waiting.entry(session.campaign.clone()).or_default();
            if before.0 {
                waiting.remove(&(before.1, user.clone()));
            }
            if after.0 {
                waiting.insert((after.1, user));
            }
        }
        Some(result)
    }

    pub(super) fn add(&mut self, session: Session) {
        let user = session.user.clone();
        assert!(!self.table.contains(&user), "{user} has a session already");
        self.index(&session);
        self.table.insert(user, session);
    }

    pub(super) fn remove(&mut self, user: &str) -> Option<Session> {
        let session = self.table.remove(&user.to_owned())?;
        self.by_name.remove(&session.name);
        if session.waits()
            && let Some(waiting) = self.waiting.get_mut(&session.campaign)
        {
            waiting.remove(&(session.waits_since, session.user.clone()));
        }
        if let Some(users) = self.of_campaign.get_mut(&session.campaign) {
            users.remove(user);
        }
        Some(session)
    }

    fn index(&mut self, session: &Session) {
        self.by_name.insert(session.name.clone(), session.user.clone());
        self.of_campaign.entry(session.campaign.clone()).or_default().insert(session.user.clone());
        if session.waits() {
            let waiting = self.waiting.entry(session.campaign.clone()).or_default();
            waiting.insert((session.waits_since, session.user.clone()));
        }
    }

    /// Who waits in a campaign, longest first.
    pub(super) fn waiting(&self, campaign: &str) -> impl Iterator<Item = &Session> {
        let waiting = self.waiting.get(campaign).into_iter().flatten();
        waiting.filter_map(|(_, user)| self.table.get(user))
    }

    pub(super) fn of_campaign(&self, campaign: &str) -> impl Iterator<Item = &Session> {
        let users = self.of_campaign.get(campaign).into_iter().flatten();
        users.filter_map(|user| self.table.get(user))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.table.iter().map(|(_, session)| session)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// After a restart nobody has been seen yet, and no leg of the former life is there.
    pub(super) fn begin_anew(&mut self, now: SimTime) {
        self.waiting.clear();
        let users: Vec<String> = self.iter().map(|session| session.user.clone()).collect();
        for user in users {
            let Some(session) = self.table.touch(&user) else { continue };
            session.last_seen = now;
            session.waits_since = now;
            if session.call.is_some() && session.sub != Sub::Dispo {
                session.customer = Customer::Ended;
            }
            if session.waits() {
                self.waiting.entry(session.campaign.clone()).or_default().insert((now, user));
            }
        }
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)?;
        if let Some(session) = self.table.get(&key.to_owned()).cloned() {
            self.index(&session);
        }
        Ok(())
    }
}
