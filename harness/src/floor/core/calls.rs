//! Calls: every one that was placed or came in, from its first moment to what became of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::clock::{Civil, Now};
use super::leads::LeadId;
use super::table::{Change, Key, RestoreError, Table};
use crate::floor::switch::{LegId, RoomId};
use crate::trace::SimTime;

/// A call's name, as VICIdial writes it: a letter, month, day and time, and the lead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub String);

impl CallId {
    /// No call.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Key for CallId {
    fn to_text(&self) -> String {
        self.0.clone()
    }

    fn of_text(text: &str) -> Option<CallId> {
        Some(CallId(text.to_owned()))
    }
}

/// Who began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// The dialer.
    Auto,
    /// An agent, by hand.
    Manual,
    /// The customer.
    Inbound,
    /// An agent, by giving a customer to another.
    Transfer,
}

/// A call's entry in the log: written when it begins, completed when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its name.
    pub id: CallId,
    /// The lead.
    pub lead: LeadId,
    /// The lead's list.
    pub list: u64,
    /// The campaign.
    pub campaign: String,
    /// Who began it.
    pub direction: Direction,
    /// The customer's number.
    pub phone_number: String,
    /// When it began, in unix milliseconds.
    pub began: u64,
    /// When the customer was there, in unix milliseconds.
    pub answered: Option<u64>,
    /// When an agent got it, in unix milliseconds; of several, the last.
    pub routed: Option<u64>,
    /// When it was over, in unix milliseconds.
    pub ended: Option<u64>,
    /// Who had it; of several agents, the last.
    pub user: String,
    /// What became of it; empty until something has.
    pub status: String,
    /// Who ended it: CALLER, AGENT, XFER, QUEUETIMEOUT, ABANDON, NONE, CRASH.
    pub ended_by: String,
}

/// How a running call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Placed.
    Sent,
    /// It rings.
    Ringing,
    /// A customer has called and isn't connected yet.
    Arriving,
    /// Is it a man or a machine?
    Detecting,
    /// Answered, waits for an agent.
    Waiting,
    /// An agent has it.
    WithAgent { user: String },
    /// It was given away: the customer and a third are in a room without an agent.
    GivenAway { room: RoomId, third: LegId },
}

/// A running call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) lead: LeadId,
    pub(super) campaign: String,
    pub(super) direction: Direction,
    /// The customer's leg.
    pub(super) leg: LegId,
    pub(super) stage: Stage,
    /// When it began to wait for an agent.
    pub(super) waits_since: SimTime,
    /// Only this agent may get it.
    pub(super) only: Option<String>,
    /// The inbound line's number.
    pub(super) line: Option<String>,
    /// The customer's number.
    pub(super) phone_number: String,
}

/// The running calls and the log of all.
#[derive(Debug)]
pub(super) struct Calls {
    log: Table<CallId, CallRecord>,
    running: BTreeMap<CallId, Call>,
    of_lead: BTreeMap<LeadId, Vec<CallId>>,
    /// How many running calls each campaign has, those with agents included.
    of_campaign: BTreeMap<String, usize>,
}

impl Calls {
    pub(super) fn new() -> Calls {
        Calls {
            log: Table::new("call"),
            running: BTreeMap::new(),
            of_lead: BTreeMap::new(),
            of_campaign: BTreeMap::new(),
        }
    }

    /// A name that no call has had.
    pub(super) fn name(&self, now: Now, offset: i32, direction: Direction, lead: LeadId) -> CallId {
        let letter = match direction {
            Direction::Auto => 'V',
            Direction::Manual => 'M',
            Direction::Inbound => 'Y',
            Direction::Transfer => 'X',
        };
        // Two calls of one lead in one second, as a clock that's set back can make them: the later is named as if it
        // came a second later.
        (0..)
            .map(|later| {
                let Civil { month, day, hour, minute, second, .. } = Civil::of(now.wall + later * 1_000, offset);
                CallId(format!("{letter}{month:02}{day:02}{hour:02}{minute:02}{second:02}{:010}", lead.0))
            })
            .find(|id| !self.log.contains(id))
            .expect("there's always a later second")
    }

    pub(super) fn begin(&mut self, call: Call, record: CallRecord) {
        assert_eq!(call.id, record.id);
        *self.of_campaign.entry(call.campaign.clone()).or_default() += 1;
        self.of_lead.entry(record.lead).or_default().push(record.id.clone());
        self.log.insert(record.id.clone(), record);
        let before = self.running.insert(call.id.clone(), call);
        assert!(before.is_none(), "a call's name is given once");
    }

    pub(super) fn get(&self, id: &CallId) -> Option<&Call> {
        self.running.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &CallId) -> Option<&mut Call> {
        self.running.get_mut(id)
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &Call> {
        self.running.values()
    }

    pub(super) fn count(&self, campaign: &str) -> usize {
        self.of_campaign.get(campaign).copied().unwrap_or(0)
    }

    /// A call is over: it isn't running any more, its record stays.
    pub(super) fn end(&mut self, id: &CallId, wall: u64, by: &str) -> Option<Call> {
        let call = self.running.remove(id)?;
        if let Some(count) = self.of_campaign.get_mut(&call.campaign) {
            *count -= 1;
        }
        if let Some(record) = self.log.edit(id) {
            record.ended = Some(wall);
            record.ended_by = by.to_owned();
        }
        Some(call)
    }

    /// A call is another campaign's from now on.
    pub(super) fn moves(&mut self, id: &CallId, campaign: &str) {
        let Some(call) = self.running.get_mut(id) else { return };
        if let Some(count) = self.of_campaign.get_mut(&call.campaign) {
            *count -= 1;
        }
        call.campaign = campaign.to_owned();
        *self.of_campaign.entry(campaign.to_owned()).or_default() += 1;
        if let Some(record) = self.log.edit(id) {
            record.campaign = campaign.to_owned();
        }
    }

    pub(super) fn record(&self, id: &CallId) -> Option<&CallRecord> {
        self.log.get(id)
    }

    pub(super) fn edit_record(&mut self, id: &CallId) -> Option<&mut CallRecord> {
        self.log.edit(id)
    }

    /// A lead's calls, oldest first.
    pub(super) fn of_lead(&self, lead: LeadId) -> &[CallId] {
        self.of_lead.get(&lead).map_or(&[], Vec::as_slice)
    }

    pub(super) fn records(&self) -> impl DoubleEndedIterator<Item = &CallRecord> {
        self.log.iter().map(|(_, record)| record)
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.log.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.log.load(key, value)
    }

    /// After the whole log was read: whose calls they were.
    pub(super) fn index(&mut self) {
        let mut calls: Vec<(LeadId, u64, CallId)> =
            self.log.iter().map(|(id, record)| (record.lead, record.began, id.clone())).collect();
        calls.sort();
        for (lead, _, id) in calls {
            self.of_lead.entry(lead).or_default().push(id);
        }
    }
}
