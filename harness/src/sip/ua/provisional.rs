//! Provisional responses that are acknowledged (RFC 3262).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::super::transaction::ServerId;
use super::super::{Message, Method, Name, Writer};
use super::call::{Call, State, finish};
use super::settings::ReliableProvisionals;
use super::timers::Timer;
use super::{ALLOW, Ending, Purpose, UserAgent, written};
use crate::trace::SimTime;

/// The one who's called: what's sent reliably.
#[derive(Debug, Default)]
pub(super) struct Provisionals {
    reliable: bool,
    /// One of them was.
    pub acknowledged: bool,
    rseq: u32,
    /// The one that goes out again until its PRACK comes, and when next.
    waiting: Option<(Message, Duration)>,
    /// Those behind it.
    queue: VecDeque<(u16, Option<Bytes>)>,
    /// The answer that waits for the PRACK of a description.
    #[allow(clippy::option_option)]
    pub accept_when_acknowledged: Option<Option<Bytes>>,
}

impl Provisionals {
    /// As that INVITE wants them.
    pub(super) fn of(invite: &Message, ours: ReliableProvisionals) -> Provisionals {
        let required = invite.has_option(Name::Require, "100rel");
        let supported = required || invite.has_option(Name::Supported, "100rel");
        let reliable = required || supported && ours != ReliableProvisionals::No;
        Provisionals { reliable, ..Provisionals::default() }
    }

    pub(super) fn is_waiting_with_description(&self) -> bool {
        self.waiting.as_ref().is_some_and(|(response, _)| !response.body().is_empty())
    }
}

impl UserAgent {
    pub(super) fn send_provisional(&mut self, now: SimTime, call: &mut Call, status: u16, description: Option<Bytes>) {
        let Some(server) = call.server else { return };
        if call.provisionals.waiting.is_some() {
            // One at a time (section 3).
            return call.provisionals.queue.push_back((status, description));
        }
        let mut writer = Writer::answer(&call.invite, status, super::super::reason(status), Some(&call.local_tag))
            .header(Name::Contact, &call.contact)
            .header(Name::Allow, ALLOW);
        if call.provisionals.reliable {
            call.provisionals.rseq += 1;
            writer = writer.header(Name::Require, "100rel").header(Name::RSeq, call.provisionals.rseq);
        }
        if description.is_some() {
            call.description.clone_from(&description);
        }
        let response = written(finish(writer, description.as_ref()));
        self.transactions.respond(now, server, response.clone());
        if call.provisionals.reliable {
            let t1 = self.settings.timers.t1;
            call.provisionals.waiting = Some((response, t1));
            self.timers.set(call.id, Timer::RepeatProvisional, now + t1);
            self.timers.set(call.id, Timer::ProvisionalUnacknowledged, now + self.settings.timers.patience());
        }
    }

    pub(super) fn repeat_provisional(&mut self, now: SimTime, call: &mut Call) {
        let (Some(server), Some((response, interval))) = (call.server, &mut call.provisionals.waiting) else { return };
        *interval *= 2;
        self.timers.set(call.id, Timer::RepeatProvisional, now + *interval);
        self.transactions.respond(now, server, response.clone());
    }

    pub(super) fn give_up_on_prack(&mut self, now: SimTime, call: &mut Call) {
        if call.state == State::Ringing && call.provisionals.waiting.take().is_some() {
            self.refuse(now, call, 500, &[], Ending::Rejected(500));
        }
    }

    /// A PRACK came.
    pub(super) fn prack_came(&mut self, now: SimTime, call: &mut Call, server: ServerId, request: &Message) {
        let rack: Vec<&str> = request.first(Name::RAck).unwrap_or_default().split_ascii_whitespace().collect();
        let number = call.invite.cseq().map_or(0, |cseq| cseq.number);
        let wanted = [call.provisionals.rseq.to_string(), number.to_string(), "INVITE".into()];
        if call.provisionals.waiting.is_none() || rack != wanted {
            return self.reply(now, server, request, 481);
        }
        call.provisionals.waiting = None;
        call.provisionals.acknowledged = true;
        self.timers.stop(call.id, Timer::RepeatProvisional);
        self.timers.stop(call.id, Timer::ProvisionalUnacknowledged);
        self.reply(now, server, request, 200);
        if let Some((status, description)) = call.provisionals.queue.pop_front() {
            self.send_provisional(now, call, status, description);
        } else if let Some(description) = call.provisionals.accept_when_acknowledged.take() {
            self.accept_now(now, call, description);
        }
    }

    /// The caller: acknowledges a provisional response that asks for it. False if it's one that was acknowledged
    /// before, or came out of order.
    pub(super) fn acknowledge_provisional(&mut self, now: SimTime, call: &mut Call, response: &Message) -> bool {
        if !response.has_option(Name::Require, "100rel") {
            return true;
        }
        let Some(rseq) = response.first(Name::RSeq).and_then(|value| value.trim().parse::<u32>().ok()) else {
            return true;
        };
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        let Some(at) = call.early.iter().position(|early| early.remote_tag == tag) else { return false };
        if call.early[at].rseq.is_some_and(|last| rseq != last + 1) {
            return false;
        }
        call.early[at].rseq = Some(rseq);
        let number = response.cseq().map_or(0, |cseq| cseq.number);
        // A request of this fork's dialog: the fork that spoke last is the one that requests go to.
        let early = call.early.remove(at);
        call.early.push(early);
        let prack =
            self.in_dialog(call, Method::Prack).header(Name::RAck, format_args!("{rseq} {number} INVITE")).end();
        let flow = call.flow;
        self.send(now, Purpose::Nobody, written(prack), flow);
        true
    }
}
