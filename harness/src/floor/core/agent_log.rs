//! The record of an agent's session: every second of it is in one of its parts.

use serde::{Deserialize, Serialize};

use super::calls::CallId;
use super::leads::LeadId;
use super::table::{Change, RestoreError, Table};

/// What an agent's time is spent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Pausing.
    Paused,
    /// Waiting for a call.
    Waiting,
    /// In a call.
    Talking,
    /// In a call whose customer has gone.
    Dead,
    /// Saying what became of a call.
    Wrapping,
}

/// A stretch of a session: a pause, or a wait and the call that ended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Its number, which grows.
    pub id: u64,
    /// Who.
    pub user: String,
    /// The session's name.
    pub session: String,
    /// The campaign.
    pub campaign: String,
    /// When it began, in unix milliseconds.
    pub began: u64,
    /// When it was over, in unix milliseconds.
    pub ended: Option<u64>,
    /// What she does since `since`.
    pub phase: Phase,
    /// Since when, in unix milliseconds.
    pub since: u64,
    /// The times up to `since`.
    pub times: Times,
    /// Why she paused: LOGIN, LAGGED, LUNCH, ...
    pub pause_code: String,
    /// The lead of the call.
    pub lead: Option<LeadId>,
    /// The call.
    pub call: Option<CallId>,
    /// What became of it.
    pub status: String,
}

/// How long an agent did what, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Pausing.
    pub paused: u64,
    /// Waiting for calls.
    pub waiting: u64,
    /// In calls.
    pub talking: u64,
    /// In calls whose customer had gone.
    pub dead: u64,
    /// Saying what became of calls.
    pub wrapping: u64,
}

impl Times {
    /// All of it: how long the session lasted.
    pub fn total(&self) -> u64 {
        self.paused + self.waiting + self.talking + self.dead + self.wrapping
    }

    /// After calls: with a dead line, and saying what became of them.
    pub fn wrap_up(&self) -> u64 {
        self.dead + self.wrapping
    }

    fn add(&mut self, phase: Phase, time: u64) {
        *match phase {
            Phase::Paused => &mut self.paused,
            Phase::Waiting => &mut self.waiting,
            Phase::Talking => &mut self.talking,
            Phase::Dead => &mut self.dead,
            Phase::Wrapping => &mut self.wrapping,
        } += time;
    }

    fn plus(self, other: Times) -> Times {
        Times {
            paused: self.paused + other.paused,
            waiting: self.waiting + other.waiting,
            talking: self.talking + other.talking,
            dead: self.dead + other.dead,
            wrapping: self.wrapping + other.wrapping,
        }
    }
}

/// A session as its record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTimes {
    /// The session's name.
    pub session: String,
    /// When it began, in unix milliseconds.
    pub began: u64,
    /// When it was over; none: it isn't.
    pub ended: Option<u64>,
    /// How it was spent. Adds up to its length.
    pub times: Times,
}

/// Every stretch of every session.
#[derive(Debug)]
pub(super) struct AgentLog {
    table: Table<u64, Stretch>,
    next: u64,
}

impl AgentLog {
    pub(super) fn new() -> AgentLog {
        AgentLog { table: Table::new("agent_log"), next: 1 }
    }

    /// Begins a stretch; tells its number.
    pub(super) fn begin(
        &mut self,
        user: &str,
        session: &str,
        campaign: &str,
        wall: u64,
        phase: Phase,
        code: &str,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        let stretch = Stretch {
            id,
            user: user.to_owned(),
            session: session.to_owned(),
            campaign: campaign.to_owned(),
            began: wall,
            ended: None,
            phase,
            since: wall,
            times: Times::default(),
            pause_code: code.to_owned(),
            lead: None,
            call: None,
            status: String::new(),
        };
        self.table.insert(id, stretch);
        id
    }

    /// From now on it's another phase of the same stretch.
    pub(super) fn turn(&mut self, id: u64, wall: u64, phase: Phase) {
        if let Some(stretch) = self.table.edit(&id) {
            assert!(stretch.ended.is_none(), "a stretch that's over doesn't change");
            let time = wall.saturating_sub(stretch.since);
            stretch.times.add(stretch.phase, time);
            stretch.phase = phase;
            stretch.since = wall.max(stretch.since);
        }
    }

    pub(super) fn edit(&mut self, id: u64) -> Option<&mut Stretch> {
        self.table.edit(&id)
    }

    /// Ends a stretch: what it has adds up to its length.
    pub(super) fn end(&mut self, id: u64, wall: u64) {
        let Some(phase) = self.table.get(&id).map(|stretch| stretch.phase) else { return };
        self.turn(id, wall, phase);
        if let Some(stretch) = self.table.edit(&id) {
            stretch.ended = Some(stretch.since);
            assert_eq!(stretch.times.total(), stretch.since - stretch.began, "a stretch's parts add up to its length");
        }
    }

    pub(super) fn of(&self, user: &str) -> impl Iterator<Item = &Stretch> {
        self.table.iter().map(|(_, stretch)| stretch).filter(move |stretch| stretch.user == user)
    }

    /// An agent's sessions, oldest first, up to now.
    pub(super) fn sessions(&self, user: &str, wall: u64) -> Vec<SessionTimes> {
        let mut sessions: Vec<SessionTimes> = Vec::new();
        for stretch in self.of(user) {
            let mut times = stretch.times;
            if stretch.ended.is_none() {
                times.add(stretch.phase, wall.saturating_sub(stretch.since));
            }
            match sessions.last_mut().filter(|last| last.session == stretch.session) {
                Some(last) => {
                    last.times = last.times.plus(times);
                    last.ended = stretch.ended;
                }
                None => sessions.push(SessionTimes {
                    session: stretch.session.clone(),
                    began: stretch.began,
                    ended: stretch.ended,
                    times,
                }),
            }
        }
        sessions
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)?;
        if let Some((last, _)) = self.table.iter().next_back() {
            self.next = self.next.max(last + 1);
        }
        Ok(())
    }
}
