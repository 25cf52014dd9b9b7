//! Calls that come in.

use std::time::Duration;

use bytes::Bytes;

use super::super::transaction::ServerId;
use super::super::{Flow, Message, Name, Writer};
use super::call::{Call, Cancel, Role, State, finish};
use super::dialog::Dialog;
use super::outgoing::allows_update;
use super::provisional::Provisionals;
use super::timers::Timer;
use super::{ALLOW, CallId, Ending, Event, UserAgent};
use crate::trace::SimTime;

impl UserAgent {
    /// An INVITE came that belongs to no dialog.
    pub(super) fn invited(&mut self, now: SimTime, server: ServerId, request: Message, flow: Flow) {
        let dialog = match Dialog::of_request(&request) {
            Ok(dialog) if !dialog.target.is_empty() => dialog,
            // 8.1.1.8: an INVITE has a Contact.
            _ => return self.reply(now, server, &request, 400),
        };
        if self.is_merged(&request) {
            return self.reply(now, server, &request, 482);
        }
        if let Some(least) = self.session_of_request_too_small(&request) {
            let tag = self.token();
            let response = Writer::answer(&request, 422, "Session Interval Too Small", Some(&tag));
            return self.respond(now, server, response.header(Name::MinSe, least).end());
        }
        let replaces = match self.replaced(&request) {
            Ok(replaces) => replaces,
            Err(status) => return self.reply(now, server, &request, status),
        };
        let id = CallId(self.number());
        let local_tag = self.token();
        self.tags.insert(local_tag.as_str().into(), id);
        self.invites.insert(server, id);
        if let Ok(call_id) = request.call_id() {
            self.called.insert(call_id.into(), id);
        }
        let call = Call {
            id,
            role: Role::Callee,
            state: State::Ringing,
            call_id: request.call_id().unwrap_or_default().to_owned(),
            local: format!("{};tag={local_tag}", request.first(Name::To).unwrap_or_default()),
            local_tag,
            contact: self.own_contact(&request, flow),
            flow,
            // 12.1.1: empty until we send something; any number will do.
            cseq: 0,
            remote_cseq: request.cseq().ok().map(|cseq| cseq.number),
            client: None,
            server: Some(server),
            heard: true,
            cancel: Cancel::No,
            early: Vec::new(),
            dialog: Some(dialog),
            acks: Vec::new(),
            answer: None,
            bye_wanted: false,
            ending: None,
            reason: None,
            told: false,
            offer_out: None,
            offer_in: None,
            description: None,
            session: None,
            provisionals: Provisionals::of(&request, self.settings.reliable_provisionals),
            takes_update: allows_update(&request),
            refer: None,
            invite: request.clone(),
        };
        self.calls.insert(id, Box::new(call));
        self.events.push_back(Event::Incoming { call: id, request, flow, replaces });
    }

    /// A Contact for a call that came in: whom was called, here.
    fn own_contact(&self, request: &Message, flow: Flow) -> String {
        let user = request.target_uri().ok().and_then(|uri| uri.user.map(str::to_owned));
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let transport = match flow.transport {
            super::super::Transport::Udp => String::new(),
            other => format!(";transport={}", other.parameter()),
        };
        format!("<sip:{user}{}{transport}>", self.settings.sent_by)
    }

    /// The contact that the other side of a call is told, if it should be another than ours by default.
    pub fn set_contact(&mut self, call: CallId, contact: impl Into<String>) {
        self.with(call, |_, call| call.contact = contact.into());
    }

    /// RFC 3261 8.2.2.2: the same request by two ways.
    fn is_merged(&self, request: &Message) -> bool {
        let key = |message: &Message| {
            let from_tag = message.from().ok()?.tag()?.to_owned();
            Some((from_tag, message.cseq().ok()?.number))
        };
        let Ok(call_id) = request.call_id() else { return false };
        let Some(call) = self.called.get(call_id).and_then(|id| self.calls.get(id)) else { return false };
        key(request).is_some_and(|wanted| key(&call.invite) == Some(wanted))
    }

    /// The call that an INVITE is to take the place of (RFC 3891 section 3), or the status that refuses it.
    fn replaced(&self, request: &Message) -> Result<Option<CallId>, u16> {
        let Some(value) = request.first(Name::Replaces) else { return Ok(None) };
        if request.all(Name::Replaces).count() > 1 {
            return Err(400);
        }
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().unwrap_or_default();
        let (mut to, mut from, mut early_only) = (None, None, false);
        for part in parts {
            match part.split_once('=') {
                Some(("to-tag", tag)) => to = Some(tag),
                Some(("from-tag", tag)) => from = Some(tag),
                None if part == "early-only" => early_only = true,
                _ => {}
            }
        }
        let (Some(to), Some(from)) = (to, from) else { return Err(400) };
        let Some(id) = self.tags.get(to).copied() else { return Err(481) };
        let call = &self.calls[&id];
        let matches = call.call_id == call_id && call.any_dialog().is_some_and(|dialog| dialog.remote_tag == from);
        match call.state {
            _ if !matches => Err(481),
            State::Closing | State::Over => Err(603),
            State::Answered | State::Confirmed if early_only => Err(486),
            // An early dialog that we didn't begin can't be replaced.
            State::Ringing => Err(481),
            _ => Ok(Some(id)),
        }
    }

    /// Says that it rings (180), or that something is to be heard (183 with a description).
    pub fn ring(&mut self, now: SimTime, call: CallId, status: u16, description: Option<Bytes>) {
        assert!((101..200).contains(&status), "{status} is no provisional response that makes a dialog");
        self.with(call, |ua, call| {
            if call.state == State::Ringing {
                ua.send_provisional(now, call, status, description);
            }
        });
    }

    /// Answers a call, with our description of the session.
    pub fn accept(&mut self, now: SimTime, call: CallId, description: Option<Bytes>) {
        self.with(call, |ua, call| ua.accept_now(now, call, description));
    }

    pub(super) fn accept_now(&mut self, now: SimTime, call: &mut Call, description: Option<Bytes>) {
        let (State::Ringing, Some(server)) = (call.state, call.server) else { return };
        if call.provisionals.is_waiting_with_description() {
            // RFC 3262 section 3: not before the offer or answer in it was acknowledged.
            call.provisionals.accept_when_acknowledged = Some(description);
            return;
        }
        call.server = None;
        self.invites.remove(&server);
        let mut writer = Writer::answer(&call.invite, 200, "OK", Some(&call.local_tag))
            .header(Name::Contact, &call.contact)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, "timer, replaces, 100rel");
        let invite = call.invite.clone();
        writer = self.grant_session(now, call, &invite, writer);
        if description.is_some() {
            call.description.clone_from(&description);
        }
        let response = super::written(finish(writer, description.as_ref()));
        let cseq = call.invite.cseq().map_or(0, |cseq| cseq.number);
        call.state = State::Answered;
        self.timers.stop(call.id, Timer::RepeatProvisional);
        self.timers.stop(call.id, Timer::ProvisionalUnacknowledged);
        self.transactions.respond(now, server, response.clone());
        self.repeat_until_acknowledged(now, call, server, response, cseq);
    }

    /// Refuses a call.
    pub fn reject(&mut self, now: SimTime, call: CallId, status: u16, headers: &[(Name, String)]) {
        assert!(status >= 300, "{status} refuses nothing");
        self.with(call, |ua, call| {
            if call.state == State::Ringing {
                ua.refuse(now, call, status, headers, Ending::Rejected(status));
            }
        });
    }

    pub(super) fn refuse(
        &mut self,
        now: SimTime,
        call: &mut Call,
        status: u16,
        headers: &[(Name, String)],
        ending: Ending,
    ) {
        let Some(server) = call.server.take() else { return };
        self.invites.remove(&server);
        let mut writer = Writer::answer(&call.invite, status, super::super::reason(status), Some(&call.local_tag));
        for (name, value) in headers {
            writer = writer.header(*name, value);
        }
        self.respond(now, server, writer.end());
        self.over(call, ending);
    }

    /// A CANCEL came (9.2).
    pub(super) fn cancelled(&mut self, now: SimTime, server: ServerId, invite: Option<ServerId>, request: &Message) {
        let Some(invite) = invite else { return self.reply(now, server, request, 481) };
        let call = self.invites.get(&invite).copied();
        // Its answer has the tag of the INVITE's, also where that one was answered already; and always one (8.2.6.2).
        let meant = call.or_else(|| self.called.get(request.call_id().ok()?).copied());
        let tag = meant.and_then(|call| Some(self.calls.get(&call)?.local_tag.clone())).unwrap_or_else(|| self.token());
        let response = Writer::answer(request, 200, "OK", Some(&tag)).end();
        self.respond(now, server, response);
        if let Some(call) = call {
            let request = request.clone();
            self.with(call, |ua, call| {
                let Some(server) = call.server.take() else { return };
                ua.invites.remove(&server);
                let response = Writer::answer(&call.invite, 487, "Request Terminated", Some(&call.local_tag)).end();
                ua.respond(now, server, response);
                ua.over_by(call, Ending::Cancelled, Some(request));
            });
        }
    }

    /// A random wait in whole seconds, up to that one.
    pub(super) fn random_seconds(&mut self, most: u64) -> u64 {
        self.random.below(most + 1)
    }

    /// A random wait in steps of 10 ms.
    pub(super) fn random_wait(&mut self, from: Duration, to: Duration) -> Duration {
        let step = Duration::from_millis(10);
        let steps = ((to - from).as_millis() / step.as_millis()) as u64;
        from + step * u32::try_from(self.random.below(steps + 1)).unwrap_or(0)
    }
}
