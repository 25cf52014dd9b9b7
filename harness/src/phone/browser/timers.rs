//! A page's timers, and how a browser slows them down. No I/O: `now` is an argument.
//!
//! HTML's timers section: one that was set in a chain of more than five waits 4 ms at least. Chrome, since version 88:
//! timers of a hidden page run on whole seconds; those of a chain of five or more, once the page was hidden for five
//! minutes, on whole minutes, unless it plays sound or is in a call.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::TimerId;
use crate::trace::SimTime;

/// How long a chain is before its timers are held back.
const CHAIN: u32 = 5;
/// What they wait at least.
const CLAMP: Duration = Duration::from_millis(4);
/// A wait of more milliseconds than 31 bits hold isn't waited at all, in all browsers.
const LONGEST: u128 = i32::MAX as u128;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

/// How fast timers may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// When they're due.
    Full,
    /// On whole seconds.
    Seconds,
    /// Those of a chain on whole minutes, the others on whole seconds.
    Minutes,
}

struct Timer {
    id: TimerId,
    due: SimTime,
    every: Option<Duration>,
    /// How many timers had to run for this one to be set.
    chain: u32,
}

/// The timers of a page.
#[derive(Default)]
pub(super) struct Timers {
    /// In the order of their setting.
    timers: BTreeMap<u64, Timer>,
    next: u64,
    /// The chain of the timer whose handler runs.
    running: u32,
}

impl Timers {
    pub(super) fn set(&mut self, now: SimTime, id: TimerId, wait: Duration, repeats: bool) {
        let wait = self.wait(wait, repeats, self.running);
        self.next += 1;
        let timer = Timer { id, due: now + wait, every: repeats.then_some(wait), chain: self.running + 1 };
        self.timers.insert(self.next, timer);
    }

    fn wait(&self, asked: Duration, repeats: bool, chain: u32) -> Duration {
        let millis = asked.as_millis();
        let millis = if millis > LONGEST { 0 } else { u64::try_from(millis).unwrap_or(0) };
        let wait = Duration::from_millis(if repeats { millis.max(1) } else { millis });
        if chain >= CHAIN { wait.max(CLAMP) } else { wait }
    }

    pub(super) fn clear(&mut self, id: TimerId) {
        self.timers.retain(|_, timer| timer.id != id);
    }

    pub(super) fn clear_all(&mut self) {
        self.timers.clear();
    }

    /// When the next one runs.
    pub(super) fn next_due(&self, pace: Pace) -> Option<SimTime> {
        self.timers.values().map(|timer| timer.runs_at(pace)).min()
    }

    /// A timer that is due: its handler runs until [`Timers::handler_over`]. Those that are late run in the order in which
    /// they were due.
    pub(super) fn pop_due(&mut self, now: SimTime, pace: Pace) -> Option<TimerId> {
        let due = self.timers.iter().filter(|(_, timer)| timer.runs_at(pace) <= now);
        let place = *due.min_by_key(|(place, timer)| (timer.due, **place))?.0;
        let timer = self.timers.remove(&place)?;
        let id = timer.id;
        self.running = timer.chain;
        if let Some(every) = timer.every {
            let every = self.wait(every, true, timer.chain);
            // What was slept through isn't made up for.
            let due = if timer.due + every > now { timer.due + every } else { now + every };
            self.next += 1;
            let chain = timer.chain.saturating_add(1);
            self.timers.insert(self.next, Timer { due, every: Some(every), chain, ..timer });
        }
        Some(id)
    }

    pub(super) fn handler_over(&mut self) {
        self.running = 0;
    }
}

impl Timer {
    fn runs_at(&self, pace: Pace) -> SimTime {
        let grid = match pace {
            Pace::Full => return self.due,
            Pace::Minutes if self.chain >= CHAIN => MINUTE,
            Pace::Seconds | Pace::Minutes => SECOND,
        };
        SimTime(self.due.0.div_ceil(grid).saturating_mul(grid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> SimTime {
        SimTime(millis * 1_000_000)
    }

    fn wait(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// HTML, "timer initialization steps": the sixth of a chain is the first that waits.
    #[test]
    fn five_timers_in_a_chain_run_at_once_and_from_the_sixth_on_each_waits_4_ms() {
        let mut timers = Timers::default();
        let mut now = ms(0);
        let mut ran = Vec::new();
        timers.set(now, TimerId(0), Duration::ZERO, false);
        for number in 1..8 {
            now = timers.next_due(Pace::Full).unwrap();
            assert!(timers.pop_due(now, Pace::Full).is_some());
            ran.push(now.0 / 1_000_000);
            timers.set(now, TimerId(number), Duration::ZERO, false);
            timers.handler_over();
        }
        assert_eq!(ran, [0, 0, 0, 0, 0, 4, 8]);
        // A chain ends where no timer's handler sets the next.
        timers.clear_all();
        timers.set(now, TimerId(9), Duration::ZERO, false);
        assert_eq!(timers.next_due(Pace::Full), Some(now));
    }

    #[test]
    fn a_hidden_pages_timers_run_on_whole_seconds() {
        let mut timers = Timers::default();
        timers.set(ms(500), TimerId(1), wait(500), false);
        timers.set(ms(500), TimerId(2), wait(501), false);
        assert_eq!(timers.pop_due(ms(999), Pace::Seconds), None);
        assert_eq!(timers.pop_due(ms(1000), Pace::Seconds), Some(TimerId(1)));
        assert_eq!(timers.pop_due(ms(1999), Pace::Seconds), None);
        assert_eq!(timers.pop_due(ms(1999), Pace::Full), Some(TimerId(2)), "the page is seen again");
    }

    /// Chrome 88: "chain count" of 5 or more.
    #[test]
    fn only_chains_of_five_are_held_back_to_whole_minutes() {
        let mut timers = Timers::default();
        timers.set(ms(0), TimerId(1), wait(10_000), true);
        let runs = |timers: &mut Timers| {
            let at = timers.next_due(Pace::Minutes).unwrap();
            assert_eq!(timers.pop_due(at, Pace::Minutes), Some(TimerId(1)));
            timers.handler_over();
            at.0 / SECOND
        };
        let ran: Vec<u64> = (0..7).map(|_| runs(&mut timers)).collect();
        assert_eq!(ran, [10, 20, 30, 40, 60, 120, 180]);
    }

    #[test]
    fn an_interval_that_was_slept_through_fires_once() {
        let mut timers = Timers::default();
        timers.set(ms(0), TimerId(1), wait(1000), true);
        assert_eq!(timers.pop_due(ms(60_500), Pace::Full), Some(TimerId(1)));
        assert_eq!(timers.pop_due(ms(60_500), Pace::Full), None);
        assert_eq!(timers.next_due(Pace::Full), Some(ms(61_500)));
    }

    #[test]
    fn late_timers_fire_in_the_order_in_which_they_were_due() {
        let mut timers = Timers::default();
        timers.set(ms(0), TimerId(1), wait(30), false);
        timers.set(ms(0), TimerId(2), wait(10), false);
        timers.set(ms(0), TimerId(3), wait(10), false);
        timers.set(ms(0), TimerId(4), wait(20), false);
        timers.clear(TimerId(4));
        let fired = std::iter::from_fn(|| {
            timers.pop_due(ms(100), Pace::Seconds).or_else(|| timers.pop_due(ms(1000), Pace::Seconds))
        });
        assert_eq!(fired.collect::<Vec<_>>(), [TimerId(2), TimerId(3), TimerId(1)]);
    }

    #[test]
    fn a_wait_that_31_bits_hold_is_waited_and_a_longer_one_not_at_all() {
        let mut timers = Timers::default();
        timers.set(ms(0), TimerId(1), wait(2_147_483_647), false);
        assert_eq!(timers.next_due(Pace::Full), Some(ms(2_147_483_647)));
        timers.set(ms(0), TimerId(2), wait(2_147_483_648), false);
        assert_eq!(timers.next_due(Pace::Full), Some(ms(0)));
    }
}
