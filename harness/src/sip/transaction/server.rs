//! The server's machines: RFC 3261 sections 17.2.1 and 17.2.2, with RFC 6026's Accepted state.

use std::time::Duration;

use bytes::Bytes;

use crate::sip::{Flow, Message, Method, Writer};
use crate::trace::SimTime;

use super::timers::{Clock, Side};
use super::{Desk, Fate, Key, ServerId, TransactionEvent};

/// How long the user of the transactions may think about an INVITE before a 100 goes out by itself (17.2.1).
const THINKING: Duration = Duration::from_millis(200);

/// A request of somebody's and what was said to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) key: Key,
    pub(super) flow: Flow,
    id: ServerId,
    is_invite: bool,
    state: State,
    interval: Duration,
    again: Option<SimTime>,
    end: Option<SimTime>,
}

#[derive(Debug)]
enum State {
    /// Nothing was said yet. An INVITE is kept, for the 100.
    Trying(Option<Message>),
    /// The last provisional response.
    Proceeding(Bytes),
    /// The final response; to an INVITE not a 2xx.
    Completed(Bytes),
    /// The final response to an INVITE was acknowledged.
    Confirmed,
    /// The INVITE was answered by a 2xx, which its user repeats until it's acknowledged.
    Accepted,
}

impl Server {
    pub(super) fn start(
        desk: &mut Desk,
        now: SimTime,
        id: ServerId,
        key: Key,
        request: &Message,
        flow: Flow,
    ) -> Server {
        let is_invite = request.method() == Method::Invite;
        let state = State::Trying(is_invite.then(|| request.clone()));
        let mut server = Server { key, flow, id, is_invite, state, interval: desk.timers.t1, again: None, end: None };
        if is_invite {
            server.repeat_after(desk, now, THINKING);
        } else {
            // Whoever sent it waits no longer than 64*T1 (timer F), and hears nothing that is said later: RFC 4320 section
            // 4.2 has the server keep silent then. Its last repetition may be on its way for T4 still.
            server.end_after(desk, now, desk.timers.patience() + desk.timers.t4);
        }
        server
    }

    /// The same request has come again.
    pub(super) fn repeated(&self, desk: &mut Desk) {
        match &self.state {
            State::Proceeding(response) | State::Completed(response) => desk.send(self.flow, response.clone()),
            State::Trying(_) | State::Confirmed | State::Accepted => {}
        }
    }

    /// An ACK with its branch has come. Gives it back if it isn't this transaction's.
    pub(super) fn acknowledged(&mut self, desk: &mut Desk, now: SimTime) -> Acknowledged {
        match &self.state {
            State::Completed(_) if self.is_invite => {
                self.state = State::Confirmed;
                self.again = None;
                self.end_after(desk, now, desk.timers.t4);
                // Timer I is zero where nothing is repeated.
                Acknowledged::Here(if self.flow.transport.is_reliable() { Fate::Ends } else { Fate::Lives })
            }
            // An ACK of a 2xx with the INVITE's own branch, as RFC 2543 had it.
            State::Accepted => Acknowledged::Above,
            _ => Acknowledged::Here(Fate::Lives),
        }
    }

    /// Its user answers.
    pub(super) fn respond(&mut self, desk: &mut Desk, now: SimTime, response: &Message) -> Fate {
        let status = response.status().unwrap_or_default();
        let bytes = response.raw().clone();
        let is_final = status >= 200;
        let is_2xx = (200..=299).contains(&status);
        match &self.state {
            State::Trying(_) | State::Proceeding(_) => {}
            State::Accepted if is_2xx => {
                desk.send(self.flow, bytes);
                return Fate::Lives;
            }
            // One final response is enough.
            _ => return Fate::Lives,
        }
        desk.send(self.flow, bytes.clone());
        self.again = None;
        if !is_final {
            self.state = State::Proceeding(bytes);
            return Fate::Lives;
        }
        let is_reliable = self.flow.transport.is_reliable();
        self.end_after(desk, now, desk.timers.patience());
        if self.is_invite && is_2xx {
            self.state = State::Accepted;
            return Fate::Lives;
        }
        self.state = State::Completed(bytes);
        if self.is_invite {
            if !is_reliable {
                self.repeat_after(desk, now, desk.timers.t1);
            }
            return Fate::Lives;
        }
        // Timer J is zero where nothing is repeated.
        if is_reliable { Fate::Ends } else { Fate::Lives }
    }

    /// One of its clocks has rung.
    pub(super) fn rings(&mut self, desk: &mut Desk, now: SimTime, clock: Clock) -> Fate {
        match clock {
            Clock::Again => {
                self.again = None;
                if self.end.is_some_and(|end| end <= now) {
                    // Somebody slept: it's over.
                    return Fate::Lives;
                }
                match &self.state {
                    State::Trying(Some(invite)) => {
                        let trying = Writer::answer(invite, 100, "Trying", None).end();
                        desk.send(self.flow, trying.clone());
                        self.state = State::Proceeding(trying);
                    }
                    State::Completed(response) => {
                        desk.send(self.flow, response.clone());
                        let next = (2 * self.interval).min(desk.timers.t2);
                        self.repeat_after(desk, now, next);
                    }
                    _ => {}
                }
                Fate::Lives
            }
            Clock::End => {
                self.end = None;
                if self.is_invite && matches!(self.state, State::Completed(_)) {
                    desk.tell(TransactionEvent::AckMissing { server: self.id });
                }
                Fate::Ends
            }
        }
    }

    /// The connection that its request came by is gone: what was said finally won't be asked for again on it. What
    /// wasn't said yet is still its user's to say.
    pub(super) fn breaks(&self) -> Fate {
        match self.state {
            State::Completed(_) | State::Confirmed => Fate::Ends,
            State::Trying(_) | State::Proceeding(_) | State::Accepted => Fate::Lives,
        }
    }

    pub(super) fn is_due(&self, clock: Clock, due: SimTime) -> bool {
        let waiting = match clock {
            Clock::Again => self.again,
            Clock::End => self.end,
        };
        waiting == Some(due)
    }

    fn repeat_after(&mut self, desk: &mut Desk, now: SimTime, interval: Duration) {
        self.interval = interval;
        self.again = desk.ring_after(now, interval, Side::Server, self.id.0, Clock::Again);
    }

    fn end_after(&mut self, desk: &mut Desk, now: SimTime, wait: Duration) {
        self.end = desk.ring_after(now, wait, Side::Server, self.id.0, Clock::End);
    }
}

/// Whose an ACK was.
pub(super) enum Acknowledged {
    /// The transaction's own.
    Here(Fate),
    /// Its user's: that of a 2xx.
    Above,
}
