//! How long transactions wait, and the clocks that tell them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::trace::SimTime;

/// The times that all of RFC 3261's timers are made of (its table 4), and timer C.
///
/// ```
/// use busyhour::sip::transaction::Timers;
/// use std::time::Duration;
///
/// let timers = Timers::default();
/// assert_eq!(timers.patience(), Duration::from_secs(32));
/// assert_eq!(Timers { t1: Duration::from_millis(100), ..timers }.patience(), Duration::from_millis(6_400));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// The estimate of a round trip: the first repetition comes after it, the following after twice as much each.
    pub t1: Duration,
    /// The longest wait between repetitions of a request other than INVITE, and of a response to an INVITE.
    pub t2: Duration,
    /// How long the network may keep a message.
    pub t4: Duration,
    /// Timer C: how long an INVITE that rings is waited for, counted from the last 101 to 199. Its user hears of it
    /// ([`TransactionEvent::TimedOut`](super::TransactionEvent::TimedOut)) and cancels.
    pub c: Duration,
}

impl Timers {
    /// How long a request is repeated, a final response stands ready and an ACK is waited for: timers B, D, F, H, J, L
    /// and M.
    pub fn patience(&self) -> Duration {
        64 * self.t1
    }
}

impl Default for Timers {
    /// RFC 3261's own. Timer C must be more than three minutes (its section 16.6): 181 s.
    fn default() -> Timers {
        Timers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            c: Duration::from_secs(181),
        }
    }
}

/// Which end of the machines a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Client,
    Server,
}

/// A transaction has two clocks at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Clock {
    /// Something is to be said again, or for the first time: A, E, G, and the 100 that comes by itself.
    Again,
    /// A state is to be left: B, C, D, F, H to M.
    End,
}

/// A clock that is set. In this order they ring; those of one moment in the order in which the transactions began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alarm {
    pub(super) due: SimTime,
    pub(super) id: u64,
    pub(super) clock: Clock,
    pub(super) side: Side,
}

/// All clocks that were set and haven't rung. One that is set anew, or whose transaction is over, isn't looked for: it
/// is dropped when it comes to the top, or when such ones are the most of the heap.
#[derive(Debug, Default)]
pub(super) struct Alarms(BinaryHeap<Reverse<Alarm>>);

impl Alarms {
    pub(super) fn set(&mut self, alarm: Alarm) {
        self.0.push(Reverse(alarm));
    }

    pub(super) fn first(&self) -> Option<Alarm> {
        self.0.peek().map(|Reverse(alarm)| *alarm)
    }

    pub(super) fn drop_first(&mut self) {
        self.0.pop();
    }

    /// Keeps memory in proportion to the transactions that live.
    pub(super) fn shrink(&mut self, live: usize, stands: impl Fn(Alarm) -> bool) {
        if self.0.len() > 64 + 8 * live {
            self.0.retain(|Reverse(alarm)| stands(*alarm));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
