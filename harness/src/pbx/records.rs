//! Call records: what is billed, and what the books must agree on.

use std::rc::Rc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::trace::SimTime;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnding {
    /// The caller hung up.
    CallerHungUp,
    /// The callee hung up.
    CalleeHungUp,
    /// The caller gave up before an answer.
    Cancelled,
    /// Nobody took it, or somebody refused: the status that the caller was told.
    Refused(u16),
    /// One of the two handed the other on to somebody else: that is another record.
    Transferred,
    /// A side was lost: it no longer knew the call, never acknowledged it, or let its session expire.
    Lost,
    /// A side was silent for longer than the RTP timeout.
    NoAudio,
    /// A side ended its encryption (DTLS close_notify) without a BYE: a page that was left.
    DtlsClosed,
    /// A side's WebSocket was gone, and then its STUN checks, too: a tab that was closed. Where media doesn't come by the
    /// server it sees none, and waits for longer.
    WebSocketLost,
    /// A side's STUN checks stopped for longer than consent lasts (RFC 7675), though its WebSocket seemed to be there.
    ConsentLost,
    /// A side's ICE or DTLS never came up.
    NeverConnected,
    /// The server was restarted in the middle of it.
    ServerRestarted,
}

impl CallEnding {
    /// What the others are told when the server ends a call because of what became of a side's connection: a Reason
    /// header (RFC 3326).
    pub fn reason(self) -> Option<&'static str> {
        match self {
            CallEnding::DtlsClosed => Some("Q.850;cause=16;text=\"DTLS was closed\""),
            CallEnding::WebSocketLost => Some("Q.850;cause=27;text=\"WebSocket and STUN lost\""),
            CallEnding::ConsentLost => Some("Q.850;cause=27;text=\"consent expired\""),
            CallEnding::NeverConnected => Some("Q.850;cause=41;text=\"ICE or DTLS never connected\""),
            _ => None,
        }
    }
}

/// A call as the books have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Who called.
    pub caller: Rc<str>,
    /// Whom: a user, group, room or number, as it was dialed.
    pub called: Rc<str>,
    /// Who answered.
    pub answered_by: Option<Rc<str>>,
    /// When it began.
    pub began: SimTime,
    /// When it was answered.
    pub answered: Option<SimTime>,
    /// When it ended.
    pub ended: SimTime,
    /// How it ended.
    pub ending: CallEnding,
}

impl CallRecord {
    /// How long the two talked.
    pub fn talked(&self) -> Duration {
        self.answered.map_or(Duration::ZERO, |answered| self.ended.since(answered))
    }
}

/// Which record a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RecordId(u64);

/// A call that goes on.
#[derive(Debug)]
pub(super) struct Open {
    pub caller: Rc<str>,
    pub called: Rc<str>,
    answered_by: Option<Rc<str>>,
    pub began: SimTime,
    pub answered: Option<SimTime>,
}

/// The books: records of calls that are over, and of those that aren't.
#[derive(Debug, Default)]
pub(super) struct Records {
    open: FxHashMap<RecordId, Open>,
    pub(super) closed: Vec<CallRecord>,
    next: u64,
}

impl Records {
    pub(super) fn begin(&mut self, now: SimTime, caller: Rc<str>, called: Rc<str>) -> RecordId {
        self.next += 1;
        let id = RecordId(self.next);
        self.open.insert(id, Open { caller, called, answered_by: None, began: now, answered: None });
        id
    }

    pub(super) fn answer(&mut self, now: SimTime, id: RecordId, by: Rc<str>) {
        if let Some(record) = self.open.get_mut(&id) {
            record.answered.get_or_insert(now);
            record.answered_by.get_or_insert(by);
        }
    }

    /// Ends a record. It has one end: the first.
    pub(super) fn end(&mut self, now: SimTime, id: RecordId, ending: CallEnding) -> Option<&CallRecord> {
        let Open { caller, called, answered_by, began, answered } = self.open.remove(&id)?;
        self.closed.push(CallRecord { caller, called, answered_by, began, answered, ended: now, ending });
        self.closed.last()
    }

    pub(super) fn of(&self, id: RecordId) -> Option<&Open> {
        self.open.get(&id)
    }

    /// The process died: what it was about is over, as the next one finds.
    pub(super) fn end_all(&mut self, now: SimTime) {
        let mut ids: Vec<RecordId> = self.open.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.end(now, id, CallEnding::ServerRestarted);
        }
    }
}
