//! Transfers: REFER, and NOTIFY of what became of it (RFC 3515).

use super::super::transaction::ServerId;
use super::super::{Message, Method, Name, Writer};
use super::call::{Call, State};
use super::{CallId, Event, Purpose, UserAgent, written};
use crate::trace::SimTime;

impl UserAgent {
    /// Asks the other side to call somebody: a URI in angle brackets, with Replaces in it for an attended transfer.
    pub fn refer(&mut self, now: SimTime, call: CallId, refer_to: &str, referred_by: &str) {
        self.with(call, |ua, call| {
            // Before the ACK the other side may not even know the dialog.
            if call.state != State::Confirmed {
                return;
            }
            let writer = ua.in_dialog(call, Method::Refer);
            let request = writer
                .header(Name::Contact, &call.contact)
                .header(Name::ReferTo, refer_to)
                .header(Name::ReferredBy, referred_by)
                .end();
            let (id, flow) = (call.id, call.flow);
            ua.send(now, Purpose::Refer(id), written(request), flow);
        });
    }

    /// The identity of a call's dialog, as a Replaces header of somebody else's INVITE to the other side names it
    /// (RFC 3891): Call-ID, that side's tag, ours.
    pub fn replaces(&self, call: CallId) -> Option<String> {
        let call = self.calls.get(&call)?;
        let dialog = call.any_dialog()?;
        Some(format!("{};to-tag={};from-tag={}", call.call_id, dialog.remote_tag, call.local_tag))
    }

    pub(super) fn refer_answered(&mut self, now: SimTime, id: CallId, status: u16) {
        self.with(id, |ua, call| {
            ua.events.push_back(Event::ReferAnswered { call: id, status });
            if matches!(status, 408 | 481) {
                ua.lose(now, call);
            }
        });
    }

    pub(super) fn refer_came(&mut self, now: SimTime, call: &mut Call, server: ServerId, request: Message) {
        if request.all(Name::ReferTo).count() != 1 || request.refer_to().is_err() {
            return self.reply(now, server, &request, 400);
        }
        if call.refer.is_some() {
            // One at a time: the first hasn't been decided.
            return self.reply(now, server, &request, 491);
        }
        call.refer = Some(server);
        // Kept for its answer.
        self.events.push_back(Event::Referred { call: call.id, request });
    }

    /// Agrees to call somebody: 202, and a first NOTIFY at once (2.4.4).
    pub fn accept_refer(&mut self, now: SimTime, call: CallId, request: &Message) {
        self.with(call, |ua, call| {
            let Some(server) = call.refer.take() else { return };
            let response = Writer::answer(request, 202, "Accepted", None).header(Name::Contact, &call.contact).end();
            ua.respond(now, server, response);
            ua.send_notify(now, call, 100);
        });
    }

    /// Refuses to.
    pub fn refuse_refer(&mut self, now: SimTime, call: CallId, request: &Message, status: u16) {
        self.with(call, |ua, call| {
            if let Some(server) = call.refer.take() {
                ua.reply(now, server, request, status);
            }
        });
    }

    /// Reports what became of it; a final status is the last that's reported.
    pub fn notify(&mut self, now: SimTime, call: CallId, status: u16) {
        self.with(call, |ua, call| {
            if call.state == State::Confirmed {
                ua.send_notify(now, call, status);
            }
        });
    }

    fn send_notify(&mut self, now: SimTime, call: &mut Call, status: u16) {
        let state = if status < 200 { "active;expires=60" } else { "terminated;reason=noresource" };
        let fragment = format!("SIP/2.0 {status} {}\r\n", super::super::reason(status));
        let request = self
            .in_dialog(call, Method::Notify)
            .header(Name::Contact, &call.contact)
            .header(Name::Event, "refer")
            .header(Name::SubscriptionState, state)
            .body("message/sipfrag;version=2.0", fragment.as_bytes());
        let (id, flow) = (call.id, call.flow);
        self.send(now, Purpose::Other(id), written(request), flow);
    }

    pub(super) fn notify_came(&mut self, now: SimTime, call: &mut Call, server: ServerId, request: &Message) {
        let is_refer = request.first(Name::Event).is_some_and(|event| event.split(';').next() == Some("refer"));
        if !is_refer {
            return self.reply(now, server, request, 489);
        }
        self.reply(now, server, request, 200);
        let last = request.first(Name::SubscriptionState).is_some_and(|state| state.trim().starts_with("terminated"));
        let line = std::str::from_utf8(request.body()).ok().and_then(|body| body.lines().next()).unwrap_or_default();
        let status = line.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        if let Some(status) = status {
            self.events.push_back(Event::Notified { call: call.id, status, last: last || status >= 200 });
        } else if last {
            // It ended without a word of how.
            self.events.push_back(Event::Notified { call: call.id, status: 500, last });
        }
    }
}
