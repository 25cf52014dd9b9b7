//! What is due when.

use std::collections::BTreeSet;

use super::Core;
use super::calls::CallId;
use super::clock::Now;
use crate::trace::SimTime;

/// What can be due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A round of the dialer, and a look at who lags.
    Round,
    /// The minute in which callbacks come due and hoppers are filled.
    Hopper,
    /// Predictive levels are adapted.
    Adapt,
    /// A customer may have waited too long.
    Waited(CallId),
    /// An agent's wrap-up is over.
    Wrapped(String),
}

/// What is due, in its order.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(SimTime, Due)>,
    round: bool,
    hopper: bool,
    adapt: bool,
}

impl Timers {
    pub(super) fn set(&mut self, at: SimTime, due: Due) {
        self.due.insert((at, due));
    }

    fn pop(&mut self, now: SimTime) -> Option<Due> {
        if self.due.first()?.0 > now {
            return None;
        }
        self.due.pop_first().map(|(_, due)| due)
    }
}

impl Core {
    /// When [`Core::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.timers.due.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.timers.pop(now.at) {
            match due {
                Due::Round => {
                    self.timers.round = false;
                    self.dialer_round(now);
                }
                Due::Hopper => {
                    self.timers.hopper = false;
                    self.hopper_minute(now);
                }
                Due::Adapt => {
                    self.timers.adapt = false;
                    self.adapt();
                }
                Due::Waited(call) => self.waited(now, &call),
                Due::Wrapped(user) => self.wrapped_up(now, &user),
            }
            self.keep_rounds(now);
        }
    }

    /// Sets the timers of the machinery, as far as there's anything for it to do.
    pub(super) fn keep_rounds(&mut self, now: Now) {
        let timing = self.settings.timing;
        let dials = self.dialers.running().next().is_some() || self.hopper.campaigns().next().is_some();
        if !self.timers.round && (dials || self.sessions.len() > 0) {
            self.timers.round = true;
            self.timers.set(now.at + timing.dialer, Due::Round);
        }
        if !self.timers.hopper && (dials || self.callbacks.any_comes()) {
            self.timers.hopper = true;
            self.timers.set(now.at + timing.hopper, Due::Hopper);
        }
        if !self.timers.adapt && self.dialers.running().next().is_some() {
            self.timers.adapt = true;
            self.timers.set(now.at + timing.adapt, Due::Adapt);
        }
    }
}
