//! Callbacks: a customer is to be called again at a time, by anyone or by one agent only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::leads::LeadId;
use super::table::{Change, Key, RestoreError, Table};

/// A callback's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallbackId(pub u64);

impl Key for CallbackId {
    fn to_text(&self) -> String {
        self.0.to_text()
    }

    fn of_text(text: &str) -> Option<CallbackId> {
        u64::of_text(text).map(CallbackId)
    }
}

/// Who calls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recipient {
    /// The dialer, for whichever agent is ready.
    #[serde(rename = "ANYONE")]
    Anyone,
    /// The agent who scheduled it, by hand: her screen reminds her.
    #[serde(rename = "USERONLY")]
    UserOnly,
}

/// How a callback stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallbackStatus {
    /// Its time hasn't come.
    #[serde(rename = "ACTIVE")]
    Active,
    /// It's due.
    #[serde(rename = "LIVE")]
    Live,
    /// It was called.
    #[serde(rename = "INACTIVE")]
    Inactive,
    /// It was taken back: the lead has been given another status, or removed.
    #[serde(rename = "DEAD")]
    Dead,
}

impl CallbackStatus {
    /// Its name in VICIdial.
    pub fn name(self) -> &'static str {
        match self {
            CallbackStatus::Active => "ACTIVE",
            CallbackStatus::Live => "LIVE",
            CallbackStatus::Inactive => "INACTIVE",
            CallbackStatus::Dead => "DEAD",
        }
    }
}

/// A callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Its number.
    pub id: CallbackId,
    /// Who is to be called.
    pub lead: LeadId,
    /// In which list the lead is.
    pub list: u64,
    /// For which campaign.
    pub campaign: String,
    /// How it stands.
    pub status: CallbackStatus,
    /// When it was scheduled, in unix milliseconds.
    pub entered: u64,
    /// When it's due, in unix milliseconds.
    pub at: u64,
    /// Who scheduled it.
    pub user: String,
    /// Who calls.
    pub recipient: Recipient,
    /// What the agent wrote.
    pub comments: String,
    /// The lead's status by which it was scheduled.
    pub lead_status: String,
}

/// All callbacks, those that come found by time, those that are due found by lead and agent. A lead has one at most
/// that is still to be called: so nobody is called back twice.
#[derive(Debug)]
pub(super) struct Callbacks {
    table: Table<CallbackId, Callback>,
    /// The ACTIVE ones.
    coming: BTreeSet<(u64, CallbackId)>,
    /// The ACTIVE or LIVE one of a lead.
    open: BTreeMap<LeadId, CallbackId>,
    /// The LIVE ones of an agent alone.
    due_for: BTreeMap<String, BTreeSet<CallbackId>>,
    /// The LIVE ones for whichever agent: until the dialer has taken them.
    live: BTreeSet<CallbackId>,
    of_lead: BTreeSet<(LeadId, CallbackId)>,
    next: u64,
}

impl Callbacks {
    pub(super) fn new() -> Callbacks {
        Callbacks {
            table: Table::new("callback"),
            coming: BTreeSet::new(),
            open: BTreeMap::new(),
            due_for: BTreeMap::new(),
            live: BTreeSet::new(),
            of_lead: BTreeSet::new(),
            next: 1,
        }
    }

    pub(super) fn get(&self, id: CallbackId) -> Option<&Callback> {
        self.table.get(&id)
    }

    /// Schedules one, in place of the lead's former.
    pub(super) fn schedule(&mut self, mut callback: Callback) -> CallbackId {
        self.close(callback.lead, CallbackStatus::Dead);
        let id = CallbackId(self.next);
        callback.id = id;
        self.index(&callback);
        self.table.insert(id, callback);
        id
    }

    /// The one of a lead that is still to be called.
    pub(super) fn open_of(&self, lead: LeadId) -> Option<&Callback> {
        self.open.get(&lead).and_then(|id| self.table.get(id))
    }

    /// All of a lead, oldest first.
    pub(super) fn of_lead(&self, lead: LeadId) -> impl Iterator<Item = &Callback> {
        self.of_lead
            .range((lead, CallbackId(0))..=(lead, CallbackId(u64::MAX)))
            .filter_map(|(_, id)| self.table.get(id))
    }

    /// A lead's callback isn't to be called any more.
    pub(super) fn close(&mut self, lead: LeadId, status: CallbackStatus) {
        let Some(id) = self.open.remove(&lead) else { return };
        let Some(callback) = self.table.edit(&id) else { return };
        self.coming.remove(&(callback.at, id));
        self.live.remove(&id);
        if let Some(due) = self.due_for.get_mut(&callback.user) {
            due.remove(&id);
        }
        callback.status = status;
    }

    /// Makes those LIVE whose time has come.
    pub(super) fn come_due(&mut self, wall: u64) {
        while let Some(&(at, id)) = self.coming.first()
            && at <= wall
        {
            self.coming.pop_first();
            let callback = self.table.edit(&id).expect("what comes is in the book");
            callback.status = CallbackStatus::Live;
            match callback.recipient {
                Recipient::Anyone => drop(self.live.insert(id)),
                Recipient::UserOnly => drop(self.due_for.entry(callback.user.clone()).or_default().insert(id)),
            }
        }
    }

    /// The LIVE ones for whichever agent that the dialer hasn't taken yet.
    pub(super) fn live(&self) -> Vec<Callback> {
        self.live.iter().filter_map(|id| self.table.get(id)).cloned().collect()
    }

    /// The due ones of an agent alone.
    pub(super) fn due_for(&self, user: &str) -> impl Iterator<Item = &Callback> {
        self.due_for.get(user).into_iter().flatten().filter_map(|id| self.table.get(id))
    }

    /// Whether any is still to come due, or to be taken by the dialer.
    pub(super) fn any_comes(&self) -> bool {
        !self.coming.is_empty() || !self.live.is_empty()
    }

    /// How many of them.
    pub(super) fn count_due_for(&self, user: &str) -> u64 {
        self.due_for.get(user).map_or(0, |due| due.len() as u64)
    }

    fn index(&mut self, callback: &Callback) {
        let id = callback.id;
        self.next = self.next.max(id.0 + 1);
        self.of_lead.insert((callback.lead, id));
        match callback.status {
            CallbackStatus::Active => {
                self.coming.insert((callback.at, id));
                self.open.insert(callback.lead, id);
            }
            CallbackStatus::Live => {
                self.open.insert(callback.lead, id);
                match callback.recipient {
                    Recipient::Anyone => drop(self.live.insert(id)),
                    Recipient::UserOnly => drop(self.due_for.entry(callback.user.clone()).or_default().insert(id)),
                }
            }
            CallbackStatus::Inactive | CallbackStatus::Dead => {}
        }
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)?;
        if let Some(callback) = CallbackId::of_text(key).and_then(|id| self.table.get(&id)).cloned() {
            self.index(&callback);
        }
        Ok(())
    }
}
