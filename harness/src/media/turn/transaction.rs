//! How often a request is repeated, and when its sender gives up (RFC 8489 6.2).

use std::time::Duration;

use bytes::Bytes;

use super::TurnTransport;
use crate::trace::SimTime;

/// The first repetition comes after this; each next one waits twice as long.
const RTO: Duration = Duration::from_millis(500);
/// How often a request is sent, the first time included: Rc.
const TIMES: u32 = 7;
/// How long an answer is waited for after the last repetition, in units of the RTO: Rm.
const LAST_WAIT: u32 = 16;
/// How long an answer is waited for on a connection: Ti.
const RELIABLE_WAIT: Duration = Duration::from_millis(39_500);

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Transaction {
    raw: Bytes,
    sent: u32,
    wait: Duration,
    due: SimTime,
}

/// What to do as time has passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Repeat(Bytes),
    GiveUp,
}

impl Transaction {
    /// The request was sent for the first time.
    pub(super) fn new(now: SimTime, raw: Bytes, transport: TurnTransport) -> Transaction {
        let (sent, wait) = match transport {
            TurnTransport::Udp => (1, RTO),
            TurnTransport::Tcp => (TIMES, RELIABLE_WAIT),
        };
        Transaction { raw, sent, wait, due: now + wait }
    }

    pub(super) fn due(&self) -> SimTime {
        self.due
    }

    pub(super) fn step(&mut self, now: SimTime) -> Step {
        if now < self.due {
            return Step::Wait;
        }
        if self.sent == TIMES {
            return Step::GiveUp;
        }
        self.sent += 1;
        self.wait = if self.sent == TIMES { RTO * LAST_WAIT } else { self.wait * 2 };
        self.due = now + self.wait;
        Step::Repeat(self.raw.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(transport: TurnTransport) -> (Vec<u64>, u64) {
        let mut transaction = Transaction::new(SimTime::ZERO, Bytes::from_static(b"request"), transport);
        let mut repeated = Vec::new();
        loop {
            let due = transaction.due();
            assert_eq!(transaction.step(SimTime(due.0 - 1)), Step::Wait);
            match transaction.step(due) {
                Step::Repeat(_) => repeated.push(due.0 / 1_000_000),
                Step::GiveUp => return (repeated, due.0 / 1_000_000),
                Step::Wait => unreachable!("it's due"),
            }
        }
    }

    /// RFC 8489 6.2.1: with an RTO of 500 ms requests leave at 0, 500, 1500, ..., 31500 ms, and it's over at 39500 ms.
    #[test]
    fn a_request_is_sent_seven_times_in_growing_distances() {
        assert_eq!(life(TurnTransport::Udp), (vec![500, 1500, 3500, 7500, 15_500, 31_500], 39_500));
    }

    /// RFC 8489 6.2.2.
    #[test]
    fn a_connection_repeats_nothing_itself() {
        assert_eq!(life(TurnTransport::Tcp), (vec![], 39_500));
    }
}
