//! Reaching somebody: what was dialed, which phones ring, who answers first.

use std::collections::BTreeSet;
use std::rc::Rc;

use bytes::Bytes;

use super::admission::Sender;
use super::bridge::Bridge;
use super::calls::{Destination, Dial, DialId, Due, Invitation, Purpose, Refusal, Route, Session, SessionId};
use super::exchange::{Chore, Exchange, Then};
use super::gate::Gate;
use super::leg::{Leg, Line, Place, Wish, asks_for_webrtc, in_plain_rtp, with_our_origin};
use super::records::CallEnding;
use super::settings::MediaPath;
use crate::media::Side;
use crate::sip::ua::{CallId, Outgoing};
use crate::sip::{Flow, Message, Name, Uri, escape_user};
use crate::trace::SimTime;

/// A telephone number, as the carrier takes it.
fn is_number(dialed: &str) -> bool {
    let digits = dialed.strip_prefix('+').unwrap_or(dialed);
    (10..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// A call that may be made.
#[derive(Debug)]
pub(super) struct Admitted {
    dialed: Rc<str>,
    sender: Sender,
    flow: Flow,
    replaces: Option<CallId>,
}

impl Exchange {
    /// Somebody calls.
    pub(super) fn incoming(
        &mut self,
        now: SimTime,
        call: CallId,
        request: &Message,
        flow: Flow,
        replaces: Option<CallId>,
    ) {
        self.counters.calls += 1;
        let hops = request.max_forwards().ok().flatten().unwrap_or(70);
        let own = [self.settings.udp, self.settings.tcp, self.settings.ws];
        let from_itself = *flow.remote.ip() == self.address && own.contains(&Some(flow.remote.port()));
        if hops == 0 {
            return self.ua.reject(now, call, 483, &[]);
        }
        if from_itself {
            // RFC 3261 16.3: what we sent has come back to us.
            return self.ua.reject(now, call, 482, &[]);
        }
        let sender = match self.sender(now, request, flow) {
            Ok(sender) => sender,
            Err((status, headers)) => return self.ua.reject(now, call, status, &headers),
        };
        let Ok(target) = request.target_uri() else { return self.ua.reject(now, call, 400, &[]) };
        if !target.is_sip() && !target.scheme.eq_ignore_ascii_case("tel") {
            return self.ua.reject(now, call, 416, &[]);
        }
        let Some(dialed) = target.user_name().filter(|_| self.is_ours(&target)) else {
            return self.ua.reject(now, call, 404, &[]);
        };
        let mut offer = (!request.body().is_empty()).then(|| request.body_bytes());
        let mut webrtc = match &offer {
            Some(offer) => asks_for_webrtc(offer),
            // She leaves it to us.
            None => self.speaks_webrtc(flow),
        };
        if webrtc && !self.settings.webrtc {
            let warning = format!("302 {} \"no WebRTC is spoken here\"", self.settings.domain);
            return self.ua.reject(now, call, 488, &[(Name::Warning, warning)]);
        }
        if let Some(offer) = &mut offer {
            if webrtc && self.settings.behaviour.answers_webrtc_in_plain_rtp {
                *offer = in_plain_rtp(offer);
                webrtc = false;
            }
            if Wish::of(offer).is_none() {
                return self.ua.reject(now, call, 488, &[]);
            }
        }
        if self.settings.max_calls.is_some_and(|most| self.sessions.len() >= most) && replaces.is_none() {
            self.counters.overloaded += 1;
            return self.ua.reject(now, call, 503, &[(Name::RetryAfter, "10".to_owned())]);
        }
        let (party, from) = self.identity(&sender, request);
        let number = self.asserted(&sender, request);
        let id = self.number();
        let mut line = Line::new(self.address, 0, id);
        line.received = offer;
        let leg = Leg {
            party: party.clone(),
            from,
            number,
            flow,
            device: self.device_at(now, &party, flow),
            webrtc,
            unplugged: None,
            check_at: None,
            place: Place::Leaving,
            answered: false,
            max_forwards: hops,
            line,
            waits: None,
            offered: None,
            next_offer: None,
            ack_answers: false,
        };
        self.add_leg(call, leg);
        let request = Admitted { dialed: dialed.as_ref().into(), sender, flow, replaces };
        if webrtc && !self.goes_through(now, &request) {
            self.chores.push_back(Chore::Admit { call, request: Box::new(request) });
        } else {
            self.admitted(now, call, request);
        }
    }

    /// Whether what a party that speaks WebRTC says of itself is for whom she calls, and not for us: where audio goes from
    /// phone to phone, and each phone that is to ring speaks WebRTC. One that doesn't makes all of them ring for us:
    /// nobody knows who will answer, and an offer can't be for two.
    fn goes_through(&self, now: SimTime, request: &Admitted) -> bool {
        let Admitted { dialed, sender, flow, replaces } = request;
        self.settings.media == MediaPath::Direct
            && replaces.is_none()
            && match self.route(now, dialed, sender, Some(*flow)) {
                Route::Phones(phones) => phones.iter().all(|phone| self.speaks_webrtc(phone.flow)),
                Route::Room(_) | Route::Nobody(_) => false,
            }
    }

    /// A caller's WebRTC end is ready. Without one there's no call.
    pub(super) fn gate_ready(&mut self, now: SimTime, call: CallId, request: Admitted, gate: Option<Gate>) {
        match gate {
            Some(gate) if self.legs.contains_key(&call) => {
                self.put_gate(call, gate);
                self.admitted(now, call, request);
            }
            // She has given up meanwhile.
            Some(gate) => gate.close(),
            None => self.ua.reject(now, call, 503, &[]),
        }
        self.work(now);
    }

    /// Somebody may call, and has what she needs for it.
    fn admitted(&mut self, now: SimTime, call: CallId, request: Admitted) {
        let Admitted { dialed, sender, flow, replaces } = request;
        if let Some(replaced) = replaces {
            let stays = self.other_of(replaced).into_iter().filter(|other| self.is_out_of_reach(*other)).collect();
            return self.take_over(now, stays, Then::Replace { call, replaced });
        }
        let Some(party) = self.legs.get(&call).map(|leg| leg.party.clone()) else { return };
        let route = self.route(now, &dialed, &sender, Some(flow));
        let record = self.records.begin(now, party.clone(), dialed.clone());
        self.host.claim("call-began", |e| e.with("caller", &*party).with("called", &*dialed));
        let session = SessionId(self.number());
        let place = match &route {
            Route::Room(room) => Place::Room { session, room: room.clone(), member: None },
            _ => Place::Call(session, Side::A),
        };
        self.set_place(call, place);
        let new = Session {
            caller: call,
            callee: None,
            record,
            dial: None,
            relay: None,
            transfer: None,
            retired: Vec::new(),
        };
        self.sessions.insert(session, new);
        match route {
            Route::Room(room) => self.chores.push_back(Chore::Join { call, room }),
            Route::Nobody(status) => self.fail_call(now, session, &Refusal::of(status)),
            Route::Phones(phones) => match self.dial(now, Purpose::Call(session), call, phones) {
                Ok((dial, relay)) => {
                    if let (Some(relay), Some(leg)) = (&relay, self.legs.get_mut(&call)) {
                        leg.line.local.port = relay.port(Side::A);
                    }
                    if let Some(session) = self.sessions.get_mut(&session) {
                        session.dial = Some(dial);
                        session.relay = relay;
                    }
                }
                Err(status) => self.fail_call(now, session, &Refusal::of(status)),
            },
        }
    }

    /// Who calls, for the books, and how that's shown to who is called.
    fn identity(&self, sender: &Sender, request: &Message) -> (Rc<str>, Rc<str>) {
        let display = request.from().ok().map(|from| from.display.to_owned()).unwrap_or_default();
        let space = if display.is_empty() { "" } else { " " };
        let party = match sender {
            Sender::User(user) | Sender::Trunk(user) => user.clone(),
        };
        let user = escape_user(&party);
        let from = format!("{display}{space}<sip:{user}@{}>", self.settings.domain);
        (party, from.into())
    }

    /// The number that somebody calls by, if we believe what she says.
    fn asserted(&self, sender: &Sender, request: &Message) -> Option<Rc<str>> {
        let Sender::User(user) = sender else { return None };
        if !self.settings.trusted.contains(&**user) {
            return None;
        }
        let identity = request.named("P-Asserted-Identity")?;
        let (_, uri) = identity.split_once('<')?;
        let uri = Uri::read(uri.split_once('>')?.0).ok()?;
        let number = uri.user_name().filter(|number| is_number(number))?;
        Some(number.as_ref().into())
    }

    /// Where a call goes.
    pub(super) fn route(&self, now: SimTime, dialed: &str, sender: &Sender, own: Option<Flow>) -> Route {
        let settings = &self.settings;
        // Who is called by a number is told which one that was (RFC 3261 8.1.1.2: To is whom the caller means).
        let mut number = None;
        let dialed = match sender {
            Sender::Trunk(_) => match settings.inbound.get(dialed) {
                Some(inside) => {
                    number = Some(dialed);
                    inside.as_str()
                }
                // Nobody calls through us from the carrier to the carrier.
                None => return Route::Nobody(404),
            },
            Sender::User(_) => dialed,
        };
        if settings.rooms.contains(dialed) {
            return Route::Room(dialed.into());
        }
        let mut users = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        if !self.members(dialed, &mut users, &mut numbers, &mut BTreeSet::new()) {
            return Route::Nobody(404);
        }
        let caller = match sender {
            Sender::User(user) => Some(&**user),
            Sender::Trunk(_) => None,
        };
        let mut phones: Vec<Destination> = Vec::new();
        let mut only_caller = false;
        for user in users {
            for contact in self.registrar.to_call(now, user) {
                if caller == Some(user) && own == Some(contact.flow) {
                    // Nobody calls the phone in her hand.
                    only_caller = true;
                    continue;
                }
                if phones.iter().any(|known| known.flow == contact.flow && known.target == contact.uri) {
                    continue;
                }
                phones.push(Destination {
                    party: user.into(),
                    to: format!("<sip:{}@{}>", escape_user(number.unwrap_or(user)), settings.domain),
                    device: Some(contact.device()),
                    target: contact.uri,
                    flow: contact.flow,
                });
            }
        }
        if let Some(trunk) = settings.trunk {
            phones.extend(numbers.into_iter().map(|number| Destination {
                party: number.into(),
                target: format!("sip:{number}@{trunk}"),
                to: format!("<sip:{number}@{trunk}>"),
                flow: Flow::udp(trunk),
                device: None,
            }));
        }
        match phones.is_empty() {
            true if only_caller => Route::Nobody(486),
            true => Route::Nobody(480),
            false => Route::Phones(phones),
        }
    }

    /// Whom a name stands for. False if for nobody.
    fn members<'a>(
        &'a self,
        name: &'a str,
        users: &mut BTreeSet<&'a str>,
        numbers: &mut BTreeSet<&'a str>,
        seen: &mut BTreeSet<&'a str>,
    ) -> bool {
        if !seen.insert(name) {
            // A group that has itself as a member.
            return true;
        }
        if let Some(group) = self.settings.hunt_groups.get(name) {
            for member in group {
                self.members(member, users, numbers, seen);
            }
            return true;
        }
        if let Some((user, _)) = self.settings.users.get_key_value(name) {
            users.insert(user);
            return true;
        }
        if self.settings.trunk.is_some() && is_number(name) {
            numbers.insert(name);
            return true;
        }
        false
    }

    /// Rings phones, on behalf of a leg. Comes with the relay by which they'll talk, if they do so by one.
    pub(super) fn dial(
        &mut self,
        now: SimTime,
        purpose: Purpose,
        on_behalf: CallId,
        phones: Vec<Destination>,
    ) -> Result<(DialId, Option<Bridge>), u16> {
        let goes_through = self.is_out_of_reach(on_behalf);
        let relayed = self.settings.media == MediaPath::Relay
            || self.is_gateway_leg(on_behalf)
            || (!goes_through && phones.iter().any(|phone| self.speaks_webrtc(phone.flow)));
        let relay = self.relay_for(relayed)?;
        let Some(leg) = self.legs.get(&on_behalf) else { return Err(480) };
        let joined = matches!(purpose, Purpose::Transfer(_));
        let received = leg.line.received.clone();
        let wish = if joined {
            leg.line.wish()
        } else {
            received.as_deref().and_then(Wish::of).unwrap_or_default().passed_on()
        };
        let invitation = Rc::new(Invitation {
            party: leg.party.clone(),
            from: leg.from.clone(),
            number: leg.number.clone(),
            hops: leg.max_forwards.saturating_sub(1),
            wish,
            passed: received.filter(|_| !relayed).map(|body| (body, joined)),
            port: relay.as_ref().map(|relay| relay.port(Side::B)),
        });
        let id = DialId(self.number());
        self.dials.insert(id, Dial { purpose, branches: Vec::new(), opening: 0, best: None, early: None, rang: false });
        for phone in phones {
            if relayed && self.speaks_webrtc(phone.flow) {
                if let Some(dial) = self.dials.get_mut(&id) {
                    dial.opening += 1;
                }
                self.chores.push_back(Chore::Ring { dial: id, phone, invitation: invitation.clone() });
            } else {
                self.ring_phone(now, id, phone, &invitation, None);
            }
        }
        self.at(now + self.settings.ring_timeout, Due::RingTimeout(id));
        Ok((id, relay))
    }

    /// The WebRTC end for a phone is ready, and the phone is called, if it's still wanted.
    pub(super) fn ring_ready(
        &mut self,
        now: SimTime,
        id: DialId,
        phone: Destination,
        invitation: &Invitation,
        gate: Option<Gate>,
    ) {
        match (self.dials.get_mut(&id), gate) {
            (None, Some(gate)) => gate.close(),
            (None, None) => {}
            (Some(dial), Some(gate)) => {
                dial.opening -= 1;
                self.ring_phone(now, id, phone, invitation, Some(gate));
            }
            (Some(dial), None) => {
                dial.opening -= 1;
                self.phone_fails(now, id, Refusal::of(503));
            }
        }
        self.work(now);
    }

    fn ring_phone(
        &mut self,
        now: SimTime,
        id: DialId,
        phone: Destination,
        invitation: &Invitation,
        gate: Option<Gate>,
    ) {
        let Invitation { party, from, number, hops, wish, passed, port } = invitation;
        let session = self.number();
        let mut line = Line::new(self.address, port.unwrap_or(0), session);
        line.gate = gate;
        let offer: Option<Bytes> = match port {
            Some(_) => Some(line.offer(wish)),
            None => passed
                .as_ref()
                .map(|(body, joined)| with_our_origin(body, self.address, session, line.local.version, *joined)),
        };
        line.sent.clone_from(&offer);
        let to_trunk = self.is_trunk(phone.flow);
        let outbound = self.settings.outbound_number.as_deref().filter(|_| !is_number(party));
        let from = match number.as_deref().or(outbound) {
            Some(number) if to_trunk => format!("<sip:{number}@{}>", self.settings.domain),
            _ => (**from).to_owned(),
        };
        let user = escape_user(party).into_owned();
        let contact = format!("<sip:{user}@{}{}>", self.sent_by, phone.transport_parameter());
        let mut outgoing = Outgoing::new(phone.target, from, contact, phone.flow);
        outgoing.to = phone.to;
        outgoing.offer = offer;
        outgoing.max_forwards = *hops;
        let call = self.ua.call(now, outgoing);
        let gate = line.gate.take();
        let leg = Leg {
            from: format!("<sip:{}@{}>", escape_user(&phone.party), self.settings.domain).into(),
            number: None,
            party: phone.party,
            flow: phone.flow,
            device: phone.device,
            webrtc: self.speaks_webrtc(phone.flow),
            unplugged: None,
            check_at: None,
            place: Place::Branch(id),
            answered: false,
            max_forwards: *hops,
            line,
            waits: None,
            offered: None,
            next_offer: None,
            ack_answers: false,
        };
        self.add_leg(call, leg);
        if let Some(gate) = gate {
            self.put_gate(call, gate);
        }
        if let Some(dial) = self.dials.get_mut(&id) {
            dial.branches.push(call);
        }
    }

    /// A phone rings, or has something to be heard.
    pub(super) fn progress(&mut self, now: SimTime, call: CallId, response: &Message) {
        let Some(Leg { place: Place::Branch(dial), .. }) = self.legs.get(&call) else { return };
        let id = *dial;
        let Some(dial) = self.dials.get_mut(&id) else { return };
        let status = response.status().unwrap_or(180);
        let rings_first = !std::mem::replace(&mut dial.rang, true);
        let purpose = dial.purpose;
        let mut has_media = !response.body().is_empty() && dial.early.is_none_or(|early| early == call);
        match purpose {
            Purpose::Call(session) => {
                let Some(caller) = self.sessions.get(&session).map(|session| session.caller) else { return };
                // Several may ring, and a browser's transport is one other's: whoever answers.
                has_media &= !self.is_out_of_reach(caller);
                let body = response.body_bytes();
                let is_new = self.legs.get(&call).is_some_and(|leg| leg.line.received.as_ref() != Some(&body));
                if has_media && is_new {
                    if let Some(dial) = self.dials.get_mut(&id) {
                        dial.early = Some(call);
                    }
                    if let Some(answer) = self.take_answer(call, caller, &body) {
                        self.ua.ring(now, caller, 183, Some(answer));
                        self.wire(session, Some(call));
                        return;
                    }
                }
                if rings_first {
                    self.ua.ring(now, caller, status, None);
                }
            }
            Purpose::Transfer(session) => self.transfer_rings(now, session),
        }
    }

    /// The answerer's description becomes ours to the caller. None where the caller made no offer that could be
    /// answered before the call is.
    pub(super) fn take_answer(&mut self, answerer: CallId, caller: CallId, body: &Bytes) -> Option<Bytes> {
        let relayed = self.is_relayed(caller);
        let address = self.address;
        let leg = self.legs.get_mut(&answerer)?;
        if !relayed {
            leg.line.received = Some(body.clone());
            let to = self.legs.get_mut(&caller)?;
            return Some(to.line.pass(body, address, false));
        }
        if !leg.line.agree(body) {
            return None;
        }
        let wish = leg.line.wish_agreed();
        let to = self.legs.get_mut(&caller)?;
        match to.line.received.clone() {
            Some(offer) => to.line.answer(&offer, &wish),
            None => None,
        }
    }

    /// Whether a leg's audio goes by the server.
    pub(super) fn is_relayed(&self, call: CallId) -> bool {
        match self.legs.get(&call).map(|leg| &leg.place) {
            Some(Place::Call(id, _)) => self.sessions.get(id).is_some_and(|session| session.relay.is_some()),
            Some(Place::Room { .. }) => true,
            Some(Place::Branch(_) | Place::Leaving) | None => self.settings.media == MediaPath::Relay,
        }
    }

    /// A phone has answered.
    pub(super) fn answered(&mut self, now: SimTime, call: CallId, response: &Message, wants_answer: bool) {
        let place = self.legs.get(&call).map(|leg| leg.place.clone());
        let Some(Place::Branch(id)) = place else {
            // Too late: somebody else has the call, or nobody wants it any more.
            if wants_answer {
                self.ua.acknowledge(call, None);
            }
            return self.end_leg(now, call);
        };
        let body = response.body_bytes();
        if let Some(leg) = self.legs.get_mut(&call) {
            leg.answered = true;
        }
        self.wins(now, id, call, &body, wants_answer);
    }

    /// It has the call; the others stop ringing.
    pub(super) fn wins(&mut self, now: SimTime, id: DialId, call: CallId, body: &Bytes, wants_answer: bool) {
        let Some(dial) = self.dials.remove(&id) else { return self.end_leg(now, call) };
        for other in dial.branches {
            if other != call && self.legs.get(&other).is_some_and(|leg| matches!(leg.place, Place::Branch(_))) {
                self.set_place(other, Place::Leaving);
                if !self.settings.behaviour.rings_on {
                    self.end_leg(now, other);
                }
            }
        }
        match dial.purpose {
            Purpose::Call(session) => self.connect(now, session, call, body, wants_answer),
            Purpose::Transfer(session) => self.transfer_answered(now, session, call, body),
        }
    }

    /// The caller of a call gets whom she called.
    fn connect(&mut self, now: SimTime, id: SessionId, callee: CallId, body: &Bytes, wants_answer: bool) {
        let Some(session) = self.sessions.get_mut(&id) else { return self.hang_up(now, callee) };
        session.callee = Some(callee);
        session.dial = None;
        let (caller, record) = (session.caller, session.record);
        self.set_place(callee, Place::Call(id, Side::B));
        let party = self.legs[&callee].party.clone();
        self.records.answer(now, record, party.clone());
        let caller_offered = self.legs.get(&caller).is_some_and(|leg| leg.line.received.is_some());
        let answer = match self.take_answer(callee, caller, body) {
            Some(answer) => Some(answer),
            None if caller_offered => {
                // What it answered fits nothing that was offered.
                self.ua.reject(now, caller, 488, &[]);
                return self.end_session(now, id, None, CallEnding::Refused(488));
            }
            None => self.offer_to_caller(caller, callee),
        };
        if let Some(leg) = self.legs.get_mut(&caller) {
            leg.answered = true;
            leg.ack_answers = !caller_offered || wants_answer;
        }
        self.ua.accept(now, caller, answer);
        self.wire(id, None);
        self.expect_signs(now, caller);
        self.expect_signs(now, callee);
        if let Some(after) = self.settings.rtp_timeout {
            self.at(now + after, Due::Audio(id));
        }
        self.host.claim("call-answered", |e| e.with("by", &*party));
    }

    /// The caller left the offer to us: what the callee agreed to.
    fn offer_to_caller(&mut self, caller: CallId, callee: CallId) -> Option<Bytes> {
        let wish = self.legs.get(&callee)?.line.wish_agreed();
        Some(self.legs.get_mut(&caller)?.line.offer(&wish))
    }

    /// One phone less.
    pub(super) fn branch_ended(&mut self, now: SimTime, id: DialId, call: CallId, refusal: Refusal) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        dial.branches.retain(|branch| *branch != call);
        if dial.early == Some(call) {
            dial.early = None;
        }
        self.phone_fails(now, id, refusal);
    }

    fn phone_fails(&mut self, now: SimTime, id: DialId, refusal: Refusal) {
        let Some(dial) = self.dials.get_mut(&id) else { return };
        let is_final = refusal.is_final();
        dial.best = Some(Refusal::better(dial.best.take(), refusal));
        if (dial.branches.is_empty() && dial.opening == 0) || is_final {
            self.dial_failed(now, id);
        }
    }

    pub(super) fn ring_timeout(&mut self, now: SimTime, id: DialId) {
        if let Some(dial) = self.dials.get_mut(&id) {
            dial.best = Some(Refusal::better(dial.best.take(), Refusal::of(480)));
            self.dial_failed(now, id);
        }
    }

    /// Nobody answers: who still rings is told to stop.
    fn dial_failed(&mut self, now: SimTime, id: DialId) {
        let Some(dial) = self.drop_dial(now, id) else { return };
        let best = dial.best.unwrap_or_else(|| Refusal::of(480));
        match dial.purpose {
            Purpose::Call(session) => self.fail_call(now, session, &best),
            Purpose::Transfer(session) => self.transfer_failed(now, session, best.status),
        }
    }

    /// Ends an attempt.
    pub(super) fn drop_dial(&mut self, now: SimTime, id: DialId) -> Option<Dial> {
        let dial = self.dials.remove(&id)?;
        for &branch in &dial.branches {
            self.set_place(branch, Place::Leaving);
            self.end_leg(now, branch);
        }
        Some(dial)
    }

    /// The caller hears that there's nobody.
    fn fail_call(&mut self, now: SimTime, id: SessionId, refusal: &Refusal) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.dial = None;
        let caller = session.caller;
        let mut headers = Vec::new();
        if let Some(reason) = &refusal.reason {
            headers.push((Name::Reason, reason.clone()));
        }
        if let Some(retry_after) = &refusal.retry_after {
            headers.push((Name::RetryAfter, retry_after.clone()));
        }
        self.set_place(caller, Place::Leaving);
        self.ua.reject(now, caller, refusal.status, &headers);
        self.end_session(now, id, None, CallEnding::Refused(refusal.status));
    }

    /// What a phone's refusal means to the caller.
    pub(super) fn refusal(&self, flow: Flow, status: u16, message: Option<&Message>) -> Refusal {
        let status = match status {
            // No answer at all, or no way to it.
            408 | 503 if message.is_none() && self.is_trunk(flow) => 503,
            408 | 503 if message.is_none() => 480,
            // It asks for credentials that nobody has, or is somewhere else: that's not the caller's affair.
            401 | 407 if self.is_trunk(flow) => 503,
            300..=399 | 401 | 407 => 480,
            // The binding's phone is another by now, or serves another name.
            404 | 481 | 482 if !self.is_trunk(flow) => 480,
            status => status,
        };
        let header = |name| message.and_then(|message: &Message| message.first(name)).map(str::to_owned);
        Refusal { status, reason: header(Name::Reason), retry_after: header(Name::RetryAfter) }
    }

    pub(super) fn add_leg(&mut self, call: CallId, leg: Leg) {
        self.parties.entry(leg.party.clone()).or_default().push(call);
        self.legs.insert(call, leg);
    }

    pub(super) fn remove_leg(&mut self, call: CallId) -> Option<Leg> {
        self.close_gate(call);
        let leg = self.legs.remove(&call)?;
        if let Some(calls) = self.parties.get_mut(&leg.party) {
            calls.retain(|known| *known != call);
            if calls.is_empty() {
                self.parties.remove(&leg.party);
            }
        }
        Some(leg)
    }

    pub(super) fn set_place(&mut self, call: CallId, place: Place) {
        if let Some(leg) = self.legs.get_mut(&call) {
            leg.place = place;
        }
    }

    /// The user part of a URI that is ours.
    pub(super) fn dialed(&self, uri: &Uri<'_>) -> Option<String> {
        if self.is_ours(uri) { uri.user_name().map(|user| user.into_owned()) } else { None }
    }
}
