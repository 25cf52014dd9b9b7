//! What's due after a time that is the same for all.

use std::collections::VecDeque;
use std::time::Duration;

use busyhour_trace::SimTime;

/// T1 (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// T2.
pub const T2: Duration = Duration::from_secs(4);
/// 64*T1: how long a transaction is patient.
pub const PATIENCE: Duration = Duration::from_secs(32);
/// 64*T1, and what a good program may need beyond it.
pub const OVERDUE: Duration = Duration::from_secs(36);

/// Things to look at again, each after the same time. In the order in which they were put in.
#[derive(Debug)]
pub struct Dues<T> {
    after: Duration,
    queue: VecDeque<(SimTime, T)>,
}

impl<T> Dues<T> {
    /// Nothing is due yet; what will be put in is due `after` that.
    pub fn after(after: Duration) -> Dues<T> {
        Dues { after, queue: VecDeque::new() }
    }

    /// True if nothing will be due.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Looks at `what` again in a while. `now` never goes back.
    pub fn push(&mut self, now: SimTime, what: T) {
        self.queue.push_back((now + self.after, what));
    }

    /// What has come due before `now`, the oldest first, and when.
    pub fn pop(&mut self, now: SimTime) -> Option<(SimTime, T)> {
        if self.queue.front()?.0 >= now {
            return None;
        }
        self.queue.pop_front()
    }
}
