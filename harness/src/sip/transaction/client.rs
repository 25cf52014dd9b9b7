//! The client's machines: RFC 3261 sections 17.1.1 and 17.1.2, with RFC 6026's Accepted state.

use std::time::Duration;

use bytes::Bytes;

use crate::sip::{Flow, Message, Method, Name, Writer};
use crate::trace::SimTime;

use super::timers::{Clock, Side};
use super::{ClientId, Desk, Fate, Key, TransactionEvent};

/// A request of ours and what has become of it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) key: Key,
    pub(super) flow: Flow,
    id: ClientId,
    state: State,
    interval: Duration,
    again: Option<SimTime>,
    end: Option<SimTime>,
    /// Its user wants to hear of it.
    watched: bool,
}

#[derive(Debug)]
enum State {
    /// An INVITE that nobody has answered yet.
    Calling(Message),
    /// An INVITE that was answered provisionally.
    Ringing(Message),
    /// The same after timer C: its user was told that it's over, and what comes is still acknowledged.
    GivenUp(Message),
    /// Another request that nobody has answered yet.
    Trying(Bytes),
    /// Another request that was answered provisionally.
    Proceeding(Bytes),
    /// It has its final response, not a 2xx to an INVITE; this acknowledges it, if it's to be acknowledged.
    Completed(Option<Bytes>),
    /// An INVITE was accepted, by one or more.
    Accepted,
}

impl Client {
    /// Sends the request.
    pub(super) fn start(desk: &mut Desk, now: SimTime, id: ClientId, key: Key, request: Message, flow: Flow) -> Client {
        desk.send(flow, request.raw().clone());
        let state = match request.method() {
            Method::Invite => State::Calling(request),
            _ => State::Trying(request.raw().clone()),
        };
        let mut client =
            Client { key, flow, id, state, interval: desk.timers.t1, again: None, end: None, watched: true };
        if !flow.transport.is_reliable() {
            client.repeat_after(desk, now, desk.timers.t1);
        }
        client.end_after(desk, now, desk.timers.patience());
        client
    }

    /// A response with its branch and method has come.
    pub(super) fn response(&mut self, desk: &mut Desk, now: SimTime, response: Message, flow: Flow) -> Fate {
        let status = response.status().unwrap_or_default();
        match &self.state {
            State::Calling(request) | State::Ringing(request) | State::GivenUp(request) => match status {
                ..=199 => {
                    let request = request.clone();
                    self.invite_rings(desk, now, request, status);
                    self.tell(desk, response, flow);
                    Fate::Lives
                }
                200..=299 => {
                    self.state = State::Accepted;
                    self.again = None;
                    // Timer M runs over reliable transports too: each fork's 2xx has its own way.
                    self.end_after(desk, now, desk.timers.patience());
                    self.tell(desk, response, flow);
                    Fate::Lives
                }
                300.. => {
                    let ack = acknowledge(request, &response);
                    desk.send(self.flow, ack.clone());
                    let is_over = matches!(self.state, State::GivenUp(_));
                    self.complete(desk, now, Some(ack), desk.timers.patience());
                    if !is_over {
                        self.tell(desk, response, flow);
                    }
                    self.fate_when_reliable()
                }
            },
            State::Trying(request) | State::Proceeding(request) => {
                let request = request.clone();
                if status <= 199 {
                    // Timers E and F go on; E's next interval is T2.
                    self.state = State::Proceeding(request);
                    self.tell(desk, response, flow);
                    return Fate::Lives;
                }
                self.complete(desk, now, None, desk.timers.t4);
                self.tell(desk, response, flow);
                self.fate_when_reliable()
            }
            State::Completed(ack) => {
                match (ack, status) {
                    (Some(ack), 300..) => desk.send(self.flow, ack.clone()),
                    // A proxy passes a 2xx on even after it has refused (16.7 step 5): somebody waits for an ACK.
                    (Some(_), 200..=299) => desk.tell(TransactionEvent::Stray { response, flow }),
                    _ => {}
                }
                Fate::Lives
            }
            State::Accepted => {
                if (200..=299).contains(&status) {
                    self.tell(desk, response, flow);
                }
                Fate::Lives
            }
        }
    }

    fn invite_rings(&mut self, desk: &mut Desk, now: SimTime, request: Message, status: u16) {
        self.again = None;
        let begins = matches!(self.state, State::Calling(_));
        if matches!(self.state, State::GivenUp(_)) {
            return;
        }
        self.state = State::Ringing(request);
        if !self.watched {
            if begins {
                self.end_after(desk, now, desk.timers.patience());
            }
        } else if begins || status > 100 {
            self.end_after(desk, now, desk.timers.c);
        }
    }

    fn complete(&mut self, desk: &mut Desk, now: SimTime, ack: Option<Bytes>, absorb: Duration) {
        self.state = State::Completed(ack);
        self.again = None;
        self.end_after(desk, now, absorb);
    }

    /// Timers D and K are zero where nothing is repeated.
    fn fate_when_reliable(&self) -> Fate {
        if self.flow.transport.is_reliable() { Fate::Ends } else { Fate::Lives }
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
                let next = match &self.state {
                    State::Calling(request) => {
                        desk.send(self.flow, request.raw().clone());
                        2 * self.interval
                    }
                    State::Trying(request) => {
                        desk.send(self.flow, request.clone());
                        (2 * self.interval).min(desk.timers.t2)
                    }
                    State::Proceeding(request) => {
                        desk.send(self.flow, request.clone());
                        desk.timers.t2
                    }
                    _ => return Fate::Lives,
                };
                self.repeat_after(desk, now, next);
                Fate::Lives
            }
            Clock::End => {
                self.end = None;
                match &self.state {
                    State::Calling(_) | State::Trying(_) | State::Proceeding(_) => {
                        self.report(desk, TransactionEvent::TimedOut { client: self.id });
                        Fate::Ends
                    }
                    State::Ringing(request) if self.watched => {
                        // Its user cancels now; the 487 to come wants its ACK.
                        self.state = State::GivenUp(request.clone());
                        self.end_after(desk, now, desk.timers.patience());
                        desk.tell(TransactionEvent::TimedOut { client: self.id });
                        Fate::Lives
                    }
                    _ => Fate::Ends,
                }
            }
        }
    }

    /// Its user won't hear of it any more; one that rings is kept a while for the sake of its ACK.
    pub(super) fn forget(&mut self, desk: &mut Desk, now: SimTime) {
        self.watched = false;
        if matches!(self.state, State::Ringing(_)) {
            self.end_after(desk, now, desk.timers.patience());
        }
    }

    /// Its way is broken.
    pub(super) fn breaks(&mut self, desk: &mut Desk) -> Fate {
        if !matches!(self.state, State::Completed(_) | State::Accepted | State::GivenUp(_)) {
            self.report(desk, TransactionEvent::FlowFailed { client: self.id });
        }
        // Other 2xx may still come, another way.
        if matches!(self.state, State::Accepted) { Fate::Lives } else { Fate::Ends }
    }

    pub(super) fn is_due(&self, clock: Clock, due: SimTime) -> bool {
        let waiting = match clock {
            Clock::Again => self.again,
            Clock::End => self.end,
        };
        waiting == Some(due)
    }

    fn tell(&self, desk: &mut Desk, response: Message, flow: Flow) {
        self.report(desk, TransactionEvent::Response { client: self.id, response, flow });
    }

    fn report(&self, desk: &mut Desk, event: TransactionEvent) {
        if self.watched {
            desk.tell(event);
        }
    }

    fn repeat_after(&mut self, desk: &mut Desk, now: SimTime, interval: Duration) {
        self.interval = interval;
        self.again = desk.ring_after(now, interval, Side::Client, self.id.0, Clock::Again);
    }

    fn end_after(&mut self, desk: &mut Desk, now: SimTime, wait: Duration) {
        self.end = desk.ring_after(now, wait, Side::Client, self.id.0, Clock::End);
    }
}

/// The ACK of a final response other than 2xx (17.1.1.3): the request's own first Via and Route, the response's To.
fn acknowledge(invite: &Message, response: &Message) -> Bytes {
    let number = invite.cseq().map_or(0, |cseq| cseq.number);
    let via = invite.listed(Name::Via).next().unwrap_or_default();
    let to = response.first(Name::To).or_else(|| invite.first(Name::To)).unwrap_or_default();
    Writer::request(Method::Ack, invite.target())
        .header(Name::Via, via)
        .header(Name::MaxForwards, 70)
        .copy(invite, Name::Route)
        .copy(invite, Name::From)
        .header(Name::To, to)
        .copy(invite, Name::CallId)
        .header(Name::CSeq, format_args!("{number} ACK"))
        // A proxy that asked for credentials wants them with the ACK too (22.1).
        .copy(invite, Name::Authorization)
        .copy(invite, Name::ProxyAuthorization)
        .end()
}
