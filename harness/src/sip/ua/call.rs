//! A call: its state, the requests within it, and its end.

use std::time::Duration;

use bytes::Bytes;

use super::super::transaction::{ClientId, ServerId};
use super::super::{Flow, Message, Method, Name, Writer};
use super::dialog::Dialog;
use super::offer::{OfferIn, OfferOut};
use super::provisional::Provisionals;
use super::session::Session;
use super::timers::Timer;
use super::{CallId, Ending, Event, Purpose, UserAgent, written};
use crate::trace::SimTime;

/// Who began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Callee,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Our INVITE has no final answer.
    Calling,
    /// We haven't answered their INVITE.
    Ringing,
    /// We've answered, and wait for the ACK.
    Answered,
    /// Both know.
    Confirmed,
    /// Our BYE is on its way.
    Closing,
    /// It ended, and is about to be dropped.
    Over,
}

/// Where we are with giving up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// As soon as there is a provisional response: before that no CANCEL may be sent (9.1).
    Wanted,
    Sent,
}

/// A 2xx of ours that goes out again until its ACK comes.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub server: ServerId,
    pub response: Message,
    pub cseq: u32,
    pub interval: Duration,
}

#[derive(Debug)]
pub(super) struct Call {
    pub id: CallId,
    pub role: Role,
    pub state: State,
    pub call_id: String,
    pub local_tag: String,
    /// We, as we stand in From or To, tag included.
    pub local: String,
    /// What stands in Contact.
    pub contact: String,
    pub flow: Flow,
    pub cseq: u32,
    pub remote_cseq: Option<u32>,
    /// The INVITE that began it.
    pub invite: Message,
    /// Our INVITE.
    pub client: Option<ClientId>,
    /// Their INVITE, as long as it isn't answered finally.
    pub server: Option<ServerId>,
    /// True as soon as anything was heard of our INVITE.
    pub heard: bool,
    pub cancel: Cancel,
    /// The caller's: dialogs that may come to be, one a fork.
    pub early: Vec<Dialog>,
    pub dialog: Option<Dialog>,
    /// Our ACKs to the last 2xx with their numbers, for when one of those comes again.
    pub acks: Vec<(u32, Bytes)>,
    pub answer: Option<Answer>,
    /// What we wait for before a BYE may go out: the ACK (15).
    pub bye_wanted: bool,
    pub ending: Option<Ending>,
    /// Why we hang up, for the other side to read (RFC 3326).
    pub reason: Option<Box<str>>,
    /// Its owner knows that it's over.
    pub told: bool,
    pub offer_out: Option<OfferOut>,
    pub offer_in: Option<OfferIn>,
    /// The session as we described it last.
    pub description: Option<Bytes>,
    pub session: Option<Session>,
    pub provisionals: Provisionals,
    /// The other side takes UPDATE.
    pub takes_update: bool,
    pub refer: Option<ServerId>,
}

impl Call {
    /// A dialog to send requests in: the one, or the last early one.
    pub(super) fn any_dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref().or(self.early.last())
    }
}

impl UserAgent {
    /// Ends a call in the way that fits: gives up, refuses, hangs up.
    pub fn end(&mut self, now: SimTime, call: CallId) {
        self.with(call, |ua, call| {
            if ua.settings.quirks.never_hangs_up && call.state != State::Ringing {
                return ua.over(call, Ending::HungUp);
            }
            match call.state {
                State::Calling => ua.give_up(now, call),
                State::Ringing => ua.refuse(now, call, 480, &[], Ending::Rejected(480)),
                State::Answered if call.answer.is_some() => call.bye_wanted = true,
                State::Answered | State::Confirmed => ua.bye(now, call, Ending::HungUp),
                State::Closing | State::Over => {}
            }
        });
    }

    /// Ends a call like [`UserAgent::end`], and tells the other side why: `SIP;cause=408;text="..."` (RFC 3326).
    pub fn end_because(&mut self, now: SimTime, call: CallId, reason: impl Into<Box<str>>) {
        let reason = reason.into();
        self.with(call, |_, call| call.reason = Some(reason));
        self.end(now, call);
    }

    /// A BYE goes out; the call is over when it's answered.
    pub(super) fn bye(&mut self, now: SimTime, call: &mut Call, ending: Ending) {
        if self.settings.quirks.never_hangs_up {
            return self.over(call, ending);
        }
        // What is still unanswered in the dialog is answered before it ends.
        if let Some(offer) = call.offer_in.take() {
            let response = Writer::answer(&offer.request, 487, "Request Terminated", None).end();
            self.respond(now, offer.server, response);
        }
        call.state = State::Closing;
        if !matches!(ending, Ending::HungUp | Ending::Abandoned) {
            // Nobody asked for this: whoever has the other end of the call needn't wait for the answer to our BYE.
            call.told = true;
            self.events.push_back(Event::Ended { call: call.id, ending: ending.clone(), message: None });
        }
        call.ending = Some(ending);
        call.answer = None;
        self.timers.forget(call.id);
        let mut writer = self.in_dialog(call, Method::Bye);
        if let Some(reason) = &call.reason {
            writer = writer.header(Name::Reason, reason);
        }
        let request = writer.end();
        let (id, flow) = (call.id, call.flow);
        self.send(now, Purpose::Bye(id), written(request), flow);
    }

    /// The other side no longer knows the call, or can't be reached: a BYE tells it so, in case that one arrives.
    pub(super) fn lose(&mut self, now: SimTime, call: &mut Call) {
        match call.state {
            State::Closing | State::Over => {}
            State::Calling => {
                call.ending = Some(Ending::Lost);
                self.give_up(now, call);
            }
            State::Ringing => self.refuse(now, call, 500, &[], Ending::Lost),
            // Not before the ACK, as always (15).
            State::Answered if call.answer.is_some() => {
                call.bye_wanted = true;
                call.ending = Some(Ending::Lost);
            }
            State::Answered | State::Confirmed => self.bye(now, call, Ending::Lost),
        }
    }

    /// It's over, and its owner hears of it.
    pub(super) fn over(&mut self, call: &mut Call, ending: Ending) {
        self.over_by(call, ending, None);
    }

    pub(super) fn over_by(&mut self, call: &mut Call, ending: Ending, message: Option<Message>) {
        if call.state == State::Over {
            return;
        }
        if let Some(server) = call.server.take() {
            self.invites.remove(&server);
        }
        call.state = State::Over;
        if !std::mem::replace(&mut call.told, true) {
            self.events.push_back(Event::Ended { call: call.id, ending, message });
        }
    }

    /// The head of a request within a call's dialog.
    pub(super) fn in_dialog(&mut self, call: &mut Call, method: Method<'_>) -> Writer {
        let quirks = self.settings.quirks;
        call.cseq = if quirks.counts_backwards { call.cseq.saturating_sub(1) } else { call.cseq + 1 };
        let local = if quirks.changes_its_tag {
            let other = self.token();
            call.local.replace(call.local_tag.as_str(), &other)
        } else {
            call.local.clone()
        };
        let via = self.via(call.flow);
        let dialog = call.any_dialog().expect("a request within a call needs a dialog");
        head(method, dialog, quirks.ignores_routes)
            .header(Name::Via, via)
            .header(Name::From, local)
            .header(Name::To, &dialog.remote)
            .header(Name::CallId, &call.call_id)
            .header(Name::CSeq, format_args!("{} {method}", call.cseq))
            .header(Name::MaxForwards, 70)
            .header(Name::UserAgent, &self.settings.user_agent)
    }

    /// An ACK to a 2xx (13.2.2.4): in a transaction of its own, with the number of the INVITE.
    pub(super) fn ack(&mut self, call: &mut Call, dialog: &Dialog, cseq: u32, body: Option<&Bytes>) {
        if self.settings.quirks.never_acknowledges {
            return;
        }
        let writer = head(Method::Ack, dialog, self.settings.quirks.ignores_routes)
            .header(Name::Via, self.via(call.flow))
            .header(Name::From, &call.local)
            .header(Name::To, &dialog.remote)
            .header(Name::CallId, &call.call_id)
            .header(Name::CSeq, format_args!("{cseq} ACK"))
            .header(Name::MaxForwards, 70);
        let ack = finish(writer, body);
        self.transactions.send(ack.clone(), call.flow);
        // pjproject#1725: an answer may come again while the next offer is under way.
        if call.acks.len() == 3 {
            call.acks.remove(0);
        }
        call.acks.push((cseq, ack));
    }

    /// A request came within a dialog, an ACK or CANCEL aside.
    pub(super) fn requested_in_dialog(
        &mut self,
        now: SimTime,
        server: ServerId,
        request: Message,
        flow: Flow,
        tag: &str,
    ) {
        let known = self.tags.get(tag).copied().filter(|id| {
            let call = &self.calls[id];
            request.call_id().is_ok_and(|call_id| call_id == call.call_id)
                && call.any_dialog().is_some_and(|dialog| {
                    let from = request.from().ok().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
                    // Of a caller's forks, any may speak.
                    dialog.remote_tag == from || call.early.iter().any(|early| early.remote_tag == from)
                })
        });
        let Some(id) = known else { return self.reply(now, server, &request, 481) };
        let Ok(number) = request.cseq().map(|cseq| cseq.number) else { return self.reply(now, server, &request, 400) };
        self.with(id, |ua, call| {
            // 12.2.2: what comes late is out of order.
            if call.remote_cseq.is_some_and(|last| number <= last) {
                return ua.reply(now, server, &request, 500);
            }
            call.remote_cseq = Some(number);
            if call.state == State::Closing && request.method() != Method::Bye {
                // We've hung up: whatever we'd say now would overtake the BYE.
                return ua.reply(now, server, &request, 481);
            }
            // Behind a NAT, the last request came the way that works.
            if flow.transport == call.flow.transport {
                ua.follow(call, flow);
            }
            match request.method() {
                Method::Bye => ua.bye_came(now, call, server, request),
                Method::Invite | Method::Update => ua.offer_came(now, call, server, request),
                Method::Prack => ua.prack_came(now, call, server, &request),
                Method::Refer => ua.refer_came(now, call, server, request),
                Method::Notify => ua.notify_came(now, call, server, &request),
                Method::Info => {
                    ua.reply(now, server, &request, 200);
                    ua.events.push_back(Event::Info { call: call.id, request });
                }
                Method::Options => {
                    let response = Writer::answer(&request, 200, "OK", None).header(Name::Allow, super::ALLOW).end();
                    ua.respond(now, server, response);
                }
                _ => ua.reply(now, server, &request, 405),
            }
        });
    }

    fn bye_came(&mut self, now: SimTime, call: &mut Call, server: ServerId, request: Message) {
        self.reply(now, server, &request, 200);
        // 15.1.2: what is still unanswered in the dialog is answered with 487.
        if let Some(invite) = call.server.take() {
            self.invites.remove(&invite);
            let response = Writer::answer(&call.invite, 487, "Request Terminated", Some(&call.local_tag)).end();
            self.respond(now, invite, response);
        }
        if let Some(offer) = call.offer_in.take() {
            let response = Writer::answer(&offer.request, 487, "Request Terminated", None).end();
            self.respond(now, offer.server, response);
        }
        if call.state == State::Closing {
            // Both hung up at once. Ours gets its answer, or doesn't: the call is over either way.
            let ending = call.ending.clone().unwrap_or(Ending::HungUp);
            return self.over(call, ending);
        }
        self.over_by(call, Ending::PeerHungUp, Some(request));
    }

    /// Starts repeating a 2xx until its ACK comes (13.3.1.4), over every transport.
    pub(super) fn repeat_until_acknowledged(
        &mut self,
        now: SimTime,
        call: &mut Call,
        server: ServerId,
        response: Message,
        cseq: u32,
    ) {
        let quirks = self.settings.quirks;
        if !quirks.never_repeats_its_answer {
            let interval = if quirks.repeats_hastily { Duration::from_millis(50) } else { self.settings.timers.t1 };
            self.timers.set(call.id, Timer::RepeatAnswer, now + interval);
            self.timers.set(call.id, Timer::AnswerUnacknowledged, now + self.settings.timers.patience());
            call.answer = Some(Answer { server, response, cseq, interval });
        }
    }

    pub(super) fn repeat_answer(&mut self, now: SimTime, call: &mut Call) {
        let Some(answer) = &mut call.answer else { return };
        if !self.settings.quirks.repeats_hastily {
            answer.interval = (answer.interval * 2).min(self.settings.timers.t2);
        }
        self.timers.set(call.id, Timer::RepeatAnswer, now + answer.interval);
        self.transactions.respond(now, answer.server, answer.response.clone());
    }

    pub(super) fn give_up_on_ack(&mut self, now: SimTime, call: &mut Call) {
        if call.answer.take().is_some() {
            self.bye(now, call, Ending::Unacknowledged);
        }
    }

    /// An ACK to a 2xx came.
    pub(super) fn acknowledged(&mut self, now: SimTime, ack: &Message) {
        let Ok(to) = ack.to() else { return };
        let Some(id) = to.tag().and_then(|tag| self.tags.get(tag)).copied() else { return };
        let Ok(number) = ack.cseq().map(|cseq| cseq.number) else { return };
        self.with(id, |ua, call| {
            if call.answer.as_ref().is_none_or(|answer| answer.cseq != number) {
                return;
            }
            call.answer = None;
            ua.timers.stop(call.id, Timer::RepeatAnswer);
            ua.timers.stop(call.id, Timer::AnswerUnacknowledged);
            if call.state == State::Answered {
                call.state = State::Confirmed;
            }
            let body = (!ack.body().is_empty()).then(|| ack.body_bytes());
            ua.events.push_back(Event::Confirmed { call: call.id, body });
            if call.bye_wanted {
                let ending = call.ending.clone().unwrap_or(Ending::HungUp);
                ua.bye(now, call, ending);
            }
        });
    }
}

/// The request line and the route of a request within a dialog (12.2.1.1).
pub(super) fn head(method: Method<'_>, dialog: &Dialog, ignore_routes: bool) -> Writer {
    if ignore_routes {
        return Writer::request(method, &dialog.target);
    }
    match dialog.routes.first() {
        // A strict router, which puts itself into the Request-URI.
        Some(first) if !is_loose(first) => {
            let mut writer = Writer::request(method, bare(first));
            for route in &dialog.routes[1..] {
                writer = writer.header(Name::Route, route);
            }
            writer.header(Name::Route, format_args!("<{}>", dialog.target))
        }
        _ => {
            dialog.routes.iter().fold(Writer::request(method, &dialog.target), |w, route| w.header(Name::Route, route))
        }
    }
}

fn bare(address: &str) -> &str {
    let inner = address.split_once('<').map_or(address, |(_, rest)| rest);
    inner.split_once('>').map_or(inner, |(uri, _)| uri)
}

fn is_loose(route: &str) -> bool {
    bare(route).split(';').skip(1).any(|parameter| parameter.eq_ignore_ascii_case("lr") || parameter.starts_with("lr="))
}

/// The end of a message, with a description of a session or without.
pub(super) fn finish(writer: Writer, body: Option<&Bytes>) -> Bytes {
    match body {
        Some(body) => writer.body("application/sdp", body),
        None => writer.end(),
    }
}
