//! Calls that we make.

use bytes::Bytes;

use super::super::transaction::ClientId;
use super::super::{Flow, Message, Method, Name, Writer};
use super::call::{Call, Cancel, Role, State, finish, head};
use super::dialog::Dialog;
use super::provisional::Provisionals;
use super::settings::ReliableProvisionals;
use super::timers::Timer;
use super::{ALLOW, CallId, Ending, Event, Failure, Purpose, UserAgent, written};
use crate::trace::SimTime;

/// A call to make.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The Request-URI.
    pub target: String,
    /// Whom we call, as it stands in To.
    pub to: String,
    /// Who we are, as it stands in From, without a tag.
    pub from: String,
    /// Where we can be reached, as it stands in Contact: `<sip:alice@10.0.0.5:5060>`.
    pub contact: String,
    /// The way there.
    pub flow: Flow,
    /// Proxies on the way, as they stand in Route.
    pub routes: Vec<String>,
    /// Our offer; without one, the other side makes it.
    pub offer: Option<Bytes>,
    /// More headers: name and value.
    pub headers: Vec<(String, String)>,
    /// How many more may pass it on.
    pub max_forwards: u8,
}

impl Outgoing {
    /// A call without extras.
    pub fn new(target: impl Into<String>, from: impl Into<String>, contact: impl Into<String>, flow: Flow) -> Outgoing {
        let target = target.into();
        Outgoing {
            to: format!("<{target}>"),
            target,
            from: from.into(),
            contact: contact.into(),
            flow,
            routes: Vec::new(),
            offer: None,
            headers: Vec::new(),
            max_forwards: 70,
        }
    }

    /// With an offer.
    #[must_use]
    pub fn offering(mut self, offer: impl Into<Bytes>) -> Outgoing {
        self.offer = Some(offer.into());
        self
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Outgoing {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A request outside of any call.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its method.
    pub method: RequestMethod,
    /// The Request-URI.
    pub target: String,
    /// Whom it is about, as it stands in To.
    pub to: String,
    /// Who we are, as it stands in From, without a tag.
    pub from: String,
    /// The way there.
    pub flow: Flow,
    /// The Call-ID; requests that belong together, such as a binding's refreshes, share one.
    pub call_id: String,
    /// The number; it rises with each request of a Call-ID. One that's challenged is repeated with the next.
    pub cseq: u32,
    /// More headers: name and value.
    pub headers: Vec<(String, String)>,
    /// The body with its type.
    pub body: Option<(String, Bytes)>,
}

/// The methods of requests outside of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestMethod {
    /// REGISTER.
    Register,
    /// OPTIONS.
    Options,
    /// MESSAGE.
    Message,
}

impl RequestMethod {
    /// As the codec knows it.
    pub fn method(self) -> Method<'static> {
        match self {
            RequestMethod::Register => Method::Register,
            RequestMethod::Options => Method::Options,
            RequestMethod::Message => Method::Message,
        }
    }
}

impl UserAgent {
    /// Calls somebody.
    pub fn call(&mut self, now: SimTime, outgoing: Outgoing) -> CallId {
        let id = CallId(self.number());
        let (call_id, local_tag) = (self.token(), self.token());
        let local = format!("{};tag={local_tag}", outgoing.from);
        let cseq = 1;
        let invite = self.write_invite(&outgoing, &call_id, &local, cseq);
        let client = self.send(now, Purpose::Invite(id), invite.clone(), outgoing.flow);
        self.tags.insert(local_tag.as_str().into(), id);
        let call = Call {
            id,
            role: Role::Caller,
            state: State::Calling,
            call_id,
            local_tag,
            local,
            contact: outgoing.contact,
            flow: outgoing.flow,
            cseq,
            remote_cseq: None,
            invite,
            client: Some(client),
            server: None,
            heard: false,
            cancel: Cancel::No,
            early: Vec::new(),
            dialog: None,
            acks: Vec::new(),
            answer: None,
            bye_wanted: false,
            ending: None,
            reason: None,
            told: false,
            offer_out: None,
            offer_in: None,
            description: outgoing.offer,
            session: None,
            provisionals: Provisionals::default(),
            takes_update: false,
            refer: None,
        };
        self.calls.insert(id, Box::new(call));
        id
    }

    fn write_invite(&mut self, out: &Outgoing, call_id: &str, local: &str, cseq: u32) -> Message {
        let mut writer = Writer::request(Method::Invite, &out.target).header(Name::Via, self.via(out.flow));
        for route in &out.routes {
            writer = writer.header(Name::Route, route);
        }
        writer = writer
            .header(Name::From, local)
            .header(Name::To, &out.to)
            .header(Name::CallId, call_id)
            .header(Name::CSeq, format_args!("{cseq} INVITE"))
            .header(Name::Contact, &out.contact)
            .header(Name::MaxForwards, out.max_forwards)
            .header(Name::UserAgent, &self.settings.user_agent)
            .header(Name::Allow, ALLOW);
        writer = match self.settings.reliable_provisionals {
            ReliableProvisionals::No => writer.header(Name::Supported, "timer, replaces"),
            ReliableProvisionals::Supported => writer.header(Name::Supported, "timer, replaces, 100rel"),
            ReliableProvisionals::Required => {
                writer.header(Name::Supported, "timer, replaces").header(Name::Require, "100rel")
            }
        };
        if let Some(interval) = self.settings.session.interval {
            writer = writer
                .header(Name::SessionExpires, interval.as_secs())
                .header(Name::MinSe, self.settings.session.least.as_secs());
        }
        for (name, value) in &out.headers {
            writer = writer.header(name.as_str(), value);
        }
        if let Some((name, value)) = self.authorization(Method::Invite, &out.target) {
            writer = writer.header(name, value);
        }
        written(finish(writer, out.offer.as_ref()))
    }

    pub(super) fn write_request(&mut self, method: Method<'_>, request: &Request) -> Message {
        let tag = self.token();
        let mut writer = Writer::request(method, &request.target)
            .header(Name::Via, self.via(request.flow))
            .header(Name::From, format_args!("{};tag={tag}", request.from))
            .header(Name::To, &request.to)
            .header(Name::CallId, &request.call_id)
            .header(Name::CSeq, format_args!("{} {method}", request.cseq))
            .header(Name::MaxForwards, 70)
            .header(Name::UserAgent, &self.settings.user_agent);
        for (name, value) in &request.headers {
            writer = writer.header(name.as_str(), value);
        }
        if let Some((name, value)) = self.authorization(method, &request.target) {
            writer = writer.header(name, value);
        }
        written(match &request.body {
            Some((content_type, body)) => writer.body(content_type, body),
            None => writer.end(),
        })
    }

    /// We give up before an answer.
    pub(super) fn give_up(&mut self, now: SimTime, call: &mut Call) {
        if call.cancel != Cancel::No {
            return;
        }
        call.cancel = Cancel::Wanted;
        if call.heard {
            self.cancel(now, call);
        }
    }

    /// A CANCEL goes out (9.1): as the INVITE, with its branch.
    fn cancel(&mut self, now: SimTime, call: &mut Call) {
        call.cancel = Cancel::Sent;
        let invite = call.client.and_then(|client| self.pending.get(&client)).map(|pending| pending.request.clone());
        let invite = invite.unwrap_or_else(|| call.invite.clone());
        let Ok(cseq) = invite.cseq() else { return };
        let mut cancel = Writer::request(Method::Cancel, invite.target())
            .header(Name::Via, invite.first(Name::Via).unwrap_or_default())
            .copy(&invite, Name::Route)
            .copy(&invite, Name::From)
            .copy(&invite, Name::To)
            .copy(&invite, Name::CallId)
            .header(Name::CSeq, format_args!("{} CANCEL", cseq.number))
            .header(Name::MaxForwards, 70);
        if let Some(reason) = &call.reason {
            cancel = cancel.header(Name::Reason, reason);
        }
        let flow = call.flow;
        self.send(now, Purpose::Nobody, written(cancel.end()), flow);
        self.timers.set(call.id, Timer::CancelUnanswered, now + self.settings.timers.patience());
    }

    /// Our INVITE was answered, provisionally or finally.
    pub(super) fn invite_answered(&mut self, now: SimTime, client: ClientId, id: CallId, response: Message) {
        let status = response.status().expect("transactions report responses as responses");
        if !self.calls.contains_key(&id) {
            // The call is long over, and somebody answers it: acknowledged, and hung up.
            if (200..300).contains(&status) {
                self.end_lost_fork(now, client, &response);
            }
            return;
        }
        if matches!(status, 401 | 407) && self.answer_challenge(now, client, &response) {
            return;
        }
        self.with(id, |ua, call| {
            if call.client != Some(client) {
                return;
            }
            match status {
                100..=199 => ua.progress(now, call, response),
                200..=299 => ua.accepted(now, call, client, response),
                422 if ua.session_too_small(now, call, client, &response) => {}
                _ => {
                    ua.pending.remove(&client);
                    ua.timers.stop(call.id, Timer::CancelUnanswered);
                    let ending = match call.cancel {
                        Cancel::No => Ending::Refused(status),
                        _ => call.ending.clone().unwrap_or(Ending::Abandoned),
                    };
                    ua.over_by(call, ending, Some(response));
                }
            }
        });
    }

    fn progress(&mut self, now: SimTime, call: &mut Call, response: Message) {
        call.heard = true;
        if call.cancel == Cancel::Wanted {
            self.cancel(now, call);
        }
        if call.state != State::Calling || response.status() == Some(100) {
            return;
        }
        if let Ok(dialog) = Dialog::of_response(&response)
            && !dialog.remote_tag.is_empty()
        {
            match call.early.iter_mut().find(|early| early.remote_tag == dialog.remote_tag) {
                Some(early) if !dialog.target.is_empty() => early.target = dialog.target,
                Some(_) => {}
                None => call.early.push(dialog),
            }
            if !self.acknowledge_provisional(now, call, &response) {
                return;
            }
        }
        self.events.push_back(Event::Progress { call: call.id, response });
    }

    fn accepted(&mut self, now: SimTime, call: &mut Call, client: ClientId, response: Message) {
        let Ok(mut dialog) = Dialog::of_response(&response) else {
            return self.over_by(call, Ending::Lost, Some(response));
        };
        let cseq = response.cseq().map_or(call.cseq, |cseq| cseq.number);
        if call.state != State::Calling {
            if call.dialog.as_ref().is_some_and(|known| known.remote_tag != dialog.remote_tag) {
                // A second fork answers. Only one can have the call (13.2.2.4).
                return self.end_lost_fork(now, client, &response);
            }
            // The 2xx again: so our ACK was lost.
            return self.acknowledge_again(call, cseq);
        }
        // An early dialog may know a target that the final response doesn't repeat.
        if dialog.target.is_empty()
            && let Some(early) = call.early.iter().find(|early| early.remote_tag == dialog.remote_tag)
        {
            dialog.target.clone_from(&early.target);
        }
        self.timers.stop(call.id, Timer::CancelUnanswered);
        self.accepted.push_back((now + self.settings.timers.patience(), client));
        call.early.clear();
        call.dialog = Some(dialog.clone());
        call.heard = true;
        call.state = State::Confirmed;
        call.takes_update = allows_update(&response);
        let wants_answer = call.description.is_none();
        if call.cancel != Cancel::No {
            self.ack(call, &dialog, cseq, None);
            if self.settings.quirks.keeps_what_it_cancelled {
                return;
            }
            let ending = call.ending.clone().unwrap_or(Ending::Abandoned);
            return self.bye(now, call, ending);
        }
        if !wants_answer {
            self.ack(call, &dialog, cseq, None);
        }
        self.agree_on_session(now, call, &response);
        self.events.push_back(Event::Answered { call: call.id, response, wants_answer });
    }

    /// Acknowledges an answer that had the offer, with ours.
    pub fn acknowledge(&mut self, call: CallId, answer: Option<Bytes>) {
        self.with(call, |ua, call| {
            let Some(dialog) = call.dialog.clone() else { return };
            if !call.acks.is_empty() {
                return;
            }
            let cseq = call.invite.cseq().map_or(call.cseq, |cseq| cseq.number);
            ua.ack(call, &dialog, cseq, answer.as_ref());
            call.description = answer;
        });
    }

    /// A fork that may not have the call: ACK, then BYE.
    fn end_lost_fork(&mut self, now: SimTime, client: ClientId, response: &Message) {
        if self.settings.quirks.forgets_lost_forks || self.settings.quirks.never_acknowledges {
            return;
        }
        let Some(pending) = self.pending.get(&client) else { return };
        let (invite, flow) = (pending.request.clone(), pending.flow);
        let Ok(dialog) = Dialog::of_response(response) else { return };
        let Ok(cseq) = invite.cseq().map(|cseq| cseq.number) else { return };
        let mut message = |method: Method<'_>, number: u32| {
            head(method, &dialog, false)
                .header(Name::Via, self.via(flow))
                .copy(&invite, Name::From)
                .header(Name::To, &dialog.remote)
                .copy(&invite, Name::CallId)
                .header(Name::CSeq, format_args!("{number} {method}"))
                .header(Name::MaxForwards, 70)
                .end()
        };
        let ack = message(Method::Ack, cseq);
        // A number that no request of the surviving dialog had at that time.
        let bye = message(Method::Bye, cseq + 1);
        self.transactions.send(ack, flow);
        self.send(now, Purpose::Nobody, written(bye), flow);
    }

    /// A 2xx came again, so our ACK to it was lost.
    pub(super) fn acknowledge_again(&mut self, call: &Call, cseq: u32) {
        if let Some((_, ack)) = call.acks.iter().find(|(number, _)| *number == cseq) {
            self.transactions.send(ack.clone(), call.flow);
        }
    }

    /// A response came for which there is no transaction any more: a 2xx whose ACK was lost.
    pub(super) fn answered_again(&mut self, response: &Message) {
        let is_2xx = response.status().is_some_and(|status| (200..300).contains(&status));
        if !is_2xx || response.method() != Method::Invite {
            return;
        }
        let Ok(from) = response.from() else { return };
        let Some(id) = from.tag().and_then(|tag| self.tags.get(tag)) else { return };
        let Ok(cseq) = response.cseq().map(|cseq| cseq.number) else { return };
        self.with(*id, |ua, call| ua.acknowledge_again(call, cseq));
    }

    /// An INVITE rings for too long (timer C): it's cancelled. False if that's not what happened.
    pub(super) fn rings_for_too_long(&mut self, now: SimTime, client: ClientId, failure: Failure) -> bool {
        let Some(Purpose::Invite(id)) = self.pending.get(&client).map(|pending| pending.purpose) else { return false };
        let work = |ua: &mut UserAgent, call: &mut Call| {
            let rings = call.state == State::Calling && call.heard && call.cancel == Cancel::No;
            if rings {
                ua.give_up(now, call);
                // One that accepts it at the last moment is told so: what's pending is kept for that.
                ua.accepted.push_back((now + ua.settings.timers.patience(), client));
                ua.over(call, Ending::Refused(408));
            }
            rings
        };
        failure == Failure::TimedOut && self.with(id, work) == Some(true)
    }

    /// Nothing was heard of a CANCEL in 64*T1: the call counts as cancelled (9.1).
    pub(super) fn cancel_unanswered(&mut self, now: SimTime, call: &mut Call) {
        if let Some(client) = call.client {
            self.accepted.push_back((now + self.settings.timers.patience(), client));
        }
        let ending = call.ending.clone().unwrap_or(Ending::Abandoned);
        self.over(call, ending);
    }

    /// Our INVITE got no final answer.
    pub(super) fn invite_unanswered(&mut self, call: CallId, failure: Failure) {
        self.with(call, |ua, call| {
            let ending = match (call.cancel, failure) {
                (Cancel::No, Failure::TimedOut) => Ending::Refused(408),
                (Cancel::No, Failure::FlowFailed) => Ending::Refused(503),
                _ => Ending::Abandoned,
            };
            if call.state == State::Calling {
                ua.over(call, ending);
            }
        });
    }
}

/// True if the other side says that it takes UPDATE.
pub(super) fn allows_update(message: &Message) -> bool {
    message.all(Name::Allow).flat_map(|line| line.split(',')).any(|method| method.trim() == "UPDATE")
}
