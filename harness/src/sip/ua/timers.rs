//! When what is due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use super::CallId;
use crate::trace::SimTime;

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The 2xx goes out again.
    RepeatAnswer,
    /// No ACK came in 64*T1.
    AnswerUnacknowledged,
    /// The reliable provisional response goes out again.
    RepeatProvisional,
    /// No PRACK came in 64*T1.
    ProvisionalUnacknowledged,
    /// Neither 487 nor anything else came in 64*T1 after a CANCEL.
    CancelUnanswered,
    /// After a glare, the offer is made again.
    OfferAgain,
    /// The session is to be refreshed.
    Refresh,
    /// The session wasn't refreshed.
    SessionExpires,
}

/// The timers of all calls. One that is set again or stopped leaves a dead entry behind, which is skipped.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(SimTime, CallId, Timer)>>,
    set: FxHashMap<(CallId, Timer), SimTime>,
}

impl Timers {
    pub(super) fn set(&mut self, call: CallId, timer: Timer, at: SimTime) {
        self.set.insert((call, timer), at);
        self.heap.push(Reverse((at, call, timer)));
    }

    pub(super) fn stop(&mut self, call: CallId, timer: Timer) {
        self.set.remove(&(call, timer));
    }

    /// Stops all timers of a call.
    pub(super) fn forget(&mut self, call: CallId) {
        use Timer::*;
        let all = [
            RepeatAnswer,
            AnswerUnacknowledged,
            RepeatProvisional,
            ProvisionalUnacknowledged,
            CancelUnanswered,
            OfferAgain,
            Refresh,
            SessionExpires,
        ];
        for timer in all {
            self.stop(call, timer);
        }
    }

    /// The time of the next.
    pub(super) fn next(&mut self) -> Option<SimTime> {
        while let Some(Reverse((at, call, timer))) = self.heap.peek() {
            if self.set.get(&(*call, *timer)) == Some(at) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the next that's due.
    pub(super) fn due(&mut self, now: SimTime) -> Option<(CallId, Timer)> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, call, timer)) = self.heap.pop()?;
        self.stop(call, timer);
        Some((call, timer))
    }
}
