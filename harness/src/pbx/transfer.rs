//! Transfers, which the server carries out itself: it calls whom a REFER names, or takes two calls of one party and
//! joins the others (RFC 3515, 3891, 5589).

use std::rc::Rc;

use bytes::Bytes;

use super::admission::Sender;
use super::bridge::Bridge;
use super::bridging::close;
use super::calls::{COURTESY, Due, Purpose, Route, Session, SessionId, Transfer};
use super::exchange::{Chore, Exchange, Then};
use super::leg::{OfferedFor, Place};
use super::records::CallEnding;
use crate::media::{Feed, Side};
use crate::sip::ua::CallId;
use crate::sip::{Message, Uri, unescape};
use crate::trace::SimTime;

/// The Replaces header that a URI carries.
fn replaces_in(uri: &Uri<'_>) -> Option<String> {
    let (_, value) = uri
        .headers
        .split('&')
        .filter_map(|header| header.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("Replaces"))?;
    Some(unescape(value).into_owned())
}

impl Exchange {
    /// A party wants somebody else to take its place. Whoever will talk to another then and spoke WebRTC past us so far
    /// does so with us from now on: who that other is, and what it speaks, is known only when it answers.
    pub(super) fn refer_came(&mut self, now: SimTime, call: CallId, request: Message) {
        let consultation = || {
            let party = &self.legs.get(&call)?.party;
            let replaces = replaces_in(&request.refer_to().ok()?.uri)?;
            self.other_of(self.consultation(party, &replaces)?)
        };
        let stay = [self.other_of(call), consultation()];
        let mut stay: Vec<CallId> = stay.into_iter().flatten().filter(|leg| self.is_out_of_reach(*leg)).collect();
        stay.dedup();
        self.take_over(now, stay, Then::Refer { call, request });
    }

    /// Who talks to a leg's party in a call of two.
    pub(super) fn other_of(&self, call: CallId) -> Option<CallId> {
        let Place::Call(id, _) = self.legs.get(&call)?.place else { return None };
        self.sessions.get(&id)?.other(call).filter(|other| self.legs.get(other).is_some_and(|leg| leg.answered))
    }

    /// A party wants somebody else to take its place.
    pub(super) fn referred(&mut self, now: SimTime, call: CallId, request: &Message) {
        let in_call = match self.legs.get(&call) {
            // The carrier's customers have no say in whom we call.
            Some(leg) if leg.answered && !self.is_trunk(leg.flow) => match leg.place {
                Place::Call(id, _) => Some((id, leg.party.clone())),
                _ => None,
            },
            _ => None,
        };
        let Some((id, party)) = in_call else { return self.ua.refuse_refer(now, call, request, 403) };
        let Some(session) = self.sessions.get(&id) else { return self.ua.refuse_refer(now, call, request, 403) };
        if session.transfer.is_some() {
            return self.ua.refuse_refer(now, call, request, 491);
        }
        let survivor = session.other(call).filter(|other| self.legs.get(other).is_some_and(|leg| leg.answered));
        let Some(survivor) = survivor else { return self.ua.refuse_refer(now, call, request, 403) };
        let Ok(refer_to) = request.refer_to() else { return self.ua.refuse_refer(now, call, request, 400) };
        let target = self.dialed(&refer_to.uri);
        let replaces = replaces_in(&refer_to.uri);
        self.ua.accept_refer(now, call, request);
        self.host.claim("transfer-asked", |e| e.with("by", &*party).with("to", target.as_deref().unwrap_or_default()));
        match replaces {
            Some(replaces) => match self.consultation(&party, &replaces).filter(|other| *other != call) {
                Some(consultation) => self.attended(now, id, call, survivor, consultation),
                None => self.notify(now, call, 481),
            },
            None => self.blind(now, id, call, survivor, &party, target.as_deref().unwrap_or_default()),
        }
    }

    /// The call of a party that a Replaces header of hers names, from her point of view.
    fn consultation(&self, party: &str, replaces: &str) -> Option<CallId> {
        let mut parts = replaces.split(';').map(str::trim);
        let call_id = parts.next()?;
        let (mut to, mut from) = (None, None);
        for part in parts {
            match part.split_once('=') {
                Some(("to-tag", tag)) => to = Some(tag),
                Some(("from-tag", tag)) => from = Some(tag),
                _ => {}
            }
        }
        // We'd name it the other way round.
        let ours = format!("{call_id};to-tag={};from-tag={}", from?, to?);
        let calls = self.parties.get(party)?;
        calls.iter().copied().find(|call| self.ua.replaces(*call).is_some_and(|known| known == ours))
    }

    fn blind(
        &mut self,
        now: SimTime,
        id: SessionId,
        transferor: CallId,
        survivor: CallId,
        party: &Rc<str>,
        target: &str,
    ) {
        match self.route(now, target, &Sender::User(party.clone()), None) {
            Route::Nobody(status) => {
                self.leave_alone(survivor);
                self.notify(now, transferor, status);
            }
            Route::Room(room) => {
                self.notify(now, transferor, 200);
                self.move_to_room(now, id, transferor, survivor, room);
            }
            Route::Phones(phones) => match self.dial(now, Purpose::Transfer(id), survivor, phones) {
                Ok((dial, relay)) => {
                    let transfer = Transfer {
                        transferor: Some(transferor),
                        party: party.clone(),
                        survivor,
                        dial,
                        relay,
                        target: target.into(),
                        told_of_ringing: false,
                        is_recall: false,
                    };
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.transfer = Some(transfer);
                    }
                }
                Err(status) => {
                    self.leave_alone(survivor);
                    self.notify(now, transferor, status);
                }
            },
        }
    }

    /// She has talked to somebody, and joins the two others.
    fn attended(&mut self, now: SimTime, id: SessionId, transferor: CallId, survivor: CallId, consultation: CallId) {
        let Some(leg) = self.legs.get(&consultation) else { return self.notify(now, transferor, 481) };
        let (party, place) = (leg.party.clone(), leg.place.clone());
        match place {
            Place::Room { session, room, member } => {
                if let Some(member) = member {
                    self.chores.push_back(Chore::Leave { room: room.clone(), member });
                }
                self.set_place(consultation, Place::Leaving);
                self.end_session(now, session, Some(consultation), CallEnding::Transferred);
                self.leave(now, consultation);
                self.notify(now, transferor, 200);
                self.move_to_room(now, id, transferor, survivor, room);
            }
            Place::Call(other, side) if other != id => {
                let Some(session) = self.sessions.get_mut(&other) else {
                    return self.notify(now, transferor, 481);
                };
                if session.dial.is_some() && self.is_out_of_reach(consultation) {
                    // Whoever rings there was offered her transport: it's called anew, with another.
                    let Some(session) = self.sessions.get(&other) else { return };
                    let target = self.records.of(session.record).map_or_else(Rc::default, |it| it.called.clone());
                    self.set_place(consultation, Place::Leaving);
                    self.end_session(now, other, Some(consultation), CallEnding::Transferred);
                    self.ua.reject(now, consultation, 487, &[]);
                    return self.blind(now, id, transferor, survivor, &party, &target);
                }
                let Some(session) = self.sessions.get_mut(&other) else { return };
                if let Some(dial) = session.dial.take().filter(|_| side == Side::A) {
                    // It still rings there: whoever answers gets the one who waits.
                    let relay = session.relay.take();
                    if let Some(dial) = self.dials.get_mut(&dial) {
                        dial.purpose = Purpose::Transfer(id);
                    }
                    let target =
                        self.records.of(session.record).map_or_else(|| "".into(), |record| record.called.clone());
                    let transfer = Transfer {
                        transferor: Some(transferor),
                        party,
                        survivor,
                        dial,
                        relay,
                        target,
                        told_of_ringing: false,
                        is_recall: false,
                    };
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.transfer = Some(transfer);
                    }
                    self.set_place(consultation, Place::Leaving);
                    self.end_session(now, other, Some(consultation), CallEnding::Transferred);
                    return self.ua.reject(now, consultation, 487, &[]);
                }
                let third = session.other(consultation);
                match third.filter(|third| self.legs.get(third).is_some_and(|leg| leg.answered)) {
                    Some(third) => self.join(now, (id, transferor, survivor), (other, consultation, third)),
                    None => self.notify(now, transferor, 481),
                }
            }
            _ => self.notify(now, transferor, 481),
        }
    }

    /// Two calls become one. The survivor keeps its place at the first call's relay; where only the second has one, the
    /// third does there.
    fn join(
        &mut self,
        now: SimTime,
        (first, transferor, survivor): (SessionId, CallId, CallId),
        (second, consultation, third): (SessionId, CallId, CallId),
    ) {
        let is_relayed = |id| self.sessions.get(id).is_some_and(|session: &Session| session.relay.is_some());
        let needs_relay = self.is_gateway_leg(survivor) || self.is_gateway_leg(third);
        let new = match self.relay_for(needs_relay && !is_relayed(&first) && !is_relayed(&second)) {
            Ok(new) => new,
            Err(status) => {
                self.leave_alone(survivor);
                self.leave_alone(third);
                return self.notify(now, transferor, status);
            }
        };
        let (Some(mut one), Some(other)) = (self.sessions.remove(&first), self.sessions.remove(&second)) else {
            return;
        };
        if let Some(relay) = new {
            // Neither had one. The survivor's place there is the one that it has in its call.
            let side = if one.caller == survivor { Side::A } else { Side::B };
            if let Some(leg) = self.legs.get_mut(&survivor) {
                leg.line.local.port = relay.port(side);
            }
            one.relay = Some(relay);
        }
        self.end_record(now, one.record, CallEnding::Transferred);
        self.end_record(now, other.record, CallEnding::Transferred);
        self.notify(now, transferor, 200);
        self.leave(now, transferor);
        self.leave(now, consultation);
        let third_stays = one.relay.is_none() && other.relay.is_some();
        let (stays, moves, was_caller) = if third_stays {
            (third, survivor, other.caller == third)
        } else {
            (survivor, third, one.caller == survivor)
        };
        let (caller, callee) = if was_caller { (stays, moves) } else { (moves, stays) };
        let moved_to = if was_caller { Side::B } else { Side::A };
        let (relay, retired) = if third_stays { (other.relay, one.relay) } else { (one.relay, other.relay) };
        if let (Some(relay), Some(leg)) = (&relay, self.legs.get_mut(&moves)) {
            leg.line.local.port = relay.port(moved_to);
        }
        if let Some(retired) = &retired {
            retired.release(moves);
        }
        let id = self.begin_joined(now, caller, callee, None, relay, retired.into_iter().collect());
        // The survivor says first what it can: it may have been on hold, and so may the third.
        let relayed = self.is_relayed(survivor);
        let address = self.address;
        let Some(body) = self.legs.get(&third).map(|leg| (leg.line.wish(), leg.line.received.clone())) else { return };
        let Some(leg) = self.legs.get_mut(&survivor) else { return };
        if let Some(waiting) = leg.waits.take() {
            // It had asked the transferor something.
            let answer = leg.line.answer(&waiting, &body.0);
            return match answer {
                Some(answer) => {
                    self.ua.answer_offer(now, survivor, Some(answer));
                    self.join_second(now, third, survivor);
                    self.wire(id, None);
                }
                None => self.ua.refuse_offer(now, survivor, 488),
            };
        }
        let offer = match body {
            (_, Some(passed)) if !relayed => leg.line.pass(&passed, address, true),
            (wish, _) => leg.line.offer(&wish),
        };
        self.send_offer(now, survivor, offer, OfferedFor::JoinFirst);
    }

    /// A call between two who were in others before.
    fn begin_joined(
        &mut self,
        now: SimTime,
        caller: CallId,
        callee: CallId,
        called: Option<Rc<str>>,
        relay: Option<Bridge>,
        retired: Vec<Bridge>,
    ) -> SessionId {
        let name = |call: &CallId| self.legs.get(call).map_or_else(|| Rc::from(""), |leg| leg.party.clone());
        let (calling, answering) = (name(&caller), name(&callee));
        let record = self.records.begin(now, calling.clone(), called.unwrap_or_else(|| answering.clone()));
        self.records.answer(now, record, answering.clone());
        self.host.claim("transfer-done", |e| e.with("caller", &*calling).with("callee", &*answering));
        let id = SessionId(self.number());
        self.set_place(caller, Place::Call(id, Side::A));
        self.set_place(callee, Place::Call(id, Side::B));
        let session = Session { caller, callee: Some(callee), record, dial: None, relay, transfer: None, retired };
        self.sessions.insert(id, session);
        if let Some(after) = self.settings.rtp_timeout {
            self.at(now + after, Due::Audio(id));
        }
        id
    }

    /// She's out of it, and has a moment to hear so before she's hung up on.
    fn leave(&mut self, now: SimTime, call: CallId) {
        self.let_go(now, call);
        self.at(now + COURTESY, Due::HangUp(call));
    }

    fn move_to_room(&mut self, now: SimTime, id: SessionId, transferor: CallId, survivor: CallId, room: Rc<str>) {
        let Some(session) = self.sessions.remove(&id) else { return };
        silence_towards_the_other(&session, survivor);
        if let Some(relay) = &session.relay {
            relay.release(survivor);
        }
        self.end_record(now, session.record, CallEnding::Transferred);
        self.leave(now, transferor);
        let party = self.legs.get(&survivor).map_or_else(|| Rc::from(""), |leg| leg.party.clone());
        let record = self.records.begin(now, party.clone(), room.clone());
        self.host.claim("transfer-done", |e| e.with("caller", &*party).with("callee", &*room));
        let id = SessionId(self.number());
        self.set_place(survivor, Place::Room { session: id, room: room.clone(), member: None });
        let new = Session {
            caller: survivor,
            callee: None,
            record,
            dial: None,
            relay: None,
            transfer: None,
            retired: session.relay.into_iter().collect(),
        };
        self.sessions.insert(id, new);
        self.chores.push_back(Chore::Join { call: survivor, room });
    }

    /// The transferor is told how it goes.
    pub(super) fn notify(&mut self, now: SimTime, call: CallId, status: u16) {
        if status >= 300 {
            self.host.claim("transfer-failed", |e| e.with("status", status));
        }
        if !self.settings.behaviour.never_notifies {
            self.ua.notify(now, call, status);
        }
    }

    pub(super) fn transfer_rings(&mut self, now: SimTime, id: SessionId) {
        let Some(transfer) = self.sessions.get_mut(&id).and_then(|session| session.transfer.as_mut()) else { return };
        if let Some(transferor) = transfer.transferor
            && !std::mem::replace(&mut transfer.told_of_ringing, true)
        {
            self.notify(now, transferor, 180);
        }
    }

    /// Whom she named has answered, and takes her place.
    pub(super) fn transfer_answered(&mut self, now: SimTime, id: SessionId, call: CallId, body: &Bytes) {
        let session = self.sessions.get(&id);
        let transfer = session.and_then(|session| session.transfer.as_ref());
        let meets = transfer.is_some_and(|transfer| transfer.relay.is_some());
        let waits = session.is_some_and(|session| session.relay.is_some());
        let address = self.address;
        let agreed = self.legs.get_mut(&call).is_some_and(|leg| {
            if meets {
                leg.line.agree(body)
            } else {
                leg.line.received = Some(body.clone());
                true
            }
        });
        if !agreed {
            self.hang_up(now, call);
            return self.transfer_failed(now, id, 488);
        }
        let Some(mut session) = self.sessions.remove(&id) else { return self.hang_up(now, call) };
        let Some(transfer) = session.transfer.take() else {
            self.sessions.insert(id, session);
            return self.hang_up(now, call);
        };
        let survivor = transfer.survivor;
        self.end_record(now, session.record, CallEnding::Transferred);
        if let Some(transferor) = transfer.transferor {
            self.notify(now, transferor, 200);
            self.leave(now, transferor);
        }
        if !meets && waits {
            // The survivor's audio can't go without the relay where it is: whoever answered comes there.
            let side = if session.caller == survivor { Side::B } else { Side::A };
            if let (Some(relay), Some(leg)) = (&session.relay, self.legs.get_mut(&call)) {
                leg.line.local.port = relay.port(side);
            }
            let (caller, callee) = if side == Side::B { (survivor, call) } else { (call, survivor) };
            let id = self.begin_joined(now, caller, callee, Some(transfer.target), session.relay, session.retired);
            let wish = self.legs.get(&call).map(|leg| leg.line.wish()).unwrap_or_default();
            if let Some(leg) = self.legs.get_mut(&survivor) {
                let offer = leg.line.offer(&wish);
                self.send_offer(now, survivor, offer, OfferedFor::JoinFirst);
            }
            return self.wire(id, None);
        }
        if let (Some(relay), Some(leg)) = (&transfer.relay, self.legs.get_mut(&survivor)) {
            leg.line.local.port = relay.port(Side::A);
        }
        silence_towards_the_other(&session, survivor);
        let mut retired = session.retired;
        if let Some(relay) = session.relay {
            relay.release(survivor);
            retired.push(relay);
        }
        let id = self.begin_joined(now, survivor, call, Some(transfer.target), transfer.relay, retired);
        if self.legs.get(&survivor).is_some_and(|leg| leg.waits.is_some()) {
            self.answer_waiting(now, survivor, call);
        } else if let Some(wish) = self.legs.get(&call).map(|leg| leg.line.wish_agreed())
            && let Some(leg) = self.legs.get_mut(&survivor)
        {
            let offer = if meets { leg.line.offer(&wish) } else { leg.line.pass(body, address, true) };
            self.send_offer(now, survivor, offer, OfferedFor::JoinLast);
        }
        self.wire(id, None);
        self.expect_signs(now, call);
    }

    /// Nobody takes her place: she keeps the call, or gets it back.
    pub(super) fn transfer_failed(&mut self, now: SimTime, id: SessionId, status: u16) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(transfer) = session.transfer.take() else { return };
        close(transfer.relay);
        if let Some(transferor) = transfer.transferor {
            self.leave_alone(transfer.survivor);
            return self.notify(now, transferor, status);
        }
        if transfer.is_recall {
            return self.end_session(now, id, None, CallEnding::Refused(status));
        }
        let back = match self.route(now, &transfer.party, &Sender::User(transfer.party.clone()), None) {
            Route::Phones(phones) => self.dial(now, Purpose::Transfer(id), transfer.survivor, phones),
            _ => Err(status),
        };
        match (back, self.sessions.get_mut(&id)) {
            (Ok((dial, relay)), Some(session)) => {
                session.transfer = Some(Transfer {
                    transferor: None,
                    survivor: transfer.survivor,
                    dial,
                    relay,
                    target: transfer.party.clone(),
                    party: transfer.party,
                    told_of_ringing: true,
                    is_recall: true,
                });
            }
            _ => self.end_session(now, id, None, CallEnding::Refused(status)),
        }
    }

    /// An INVITE takes a leg's place (RFC 3891).
    pub(super) fn replace(&mut self, now: SimTime, call: CallId, replaced: CallId) {
        let place = self.legs.get(&replaced).filter(|leg| leg.answered).map(|leg| leg.place.clone());
        let Some(Place::Call(id, side)) = place else { return self.ua.reject(now, call, 481, &[]) };
        let Some(session) = self.sessions.get(&id).filter(|session| session.transfer.is_none()) else {
            return self.ua.reject(now, call, 481, &[]);
        };
        let Some(other) = session.other(replaced).filter(|other| self.legs.contains_key(other)) else {
            return self.ua.reject(now, call, 481, &[]);
        };
        let record = session.record;
        let mut relay = session.relay.clone();
        if relay.is_none() && (self.is_gateway_leg(call) || self.is_gateway_leg(other)) {
            // Their audio went from phone to phone so far.
            relay = match self.relay_for(true) {
                Ok(relay) => relay,
                Err(status) => return self.ua.reject(now, call, status, &[]),
            };
            if let (Some(relay), Some(leg)) = (&relay, self.legs.get_mut(&other)) {
                leg.line.local.port = relay.port(side.other());
            }
        }
        let port = relay.as_ref().map_or(0, |relay| relay.port(side));
        let wish = self.legs[&other].line.wish();
        let passed = self.legs[&other].line.received.clone();
        let relayed = relay.is_some();
        let address = self.address;
        let Some(leg) = self.legs.get_mut(&call) else { return };
        leg.line.local.port = port;
        let answer = match (leg.line.received.clone(), passed) {
            (Some(_), Some(passed)) if !relayed => Some(leg.line.pass(&passed, address, true)),
            (Some(offer), _) => leg.line.answer(&offer, &wish),
            (None, _) => {
                leg.ack_answers = true;
                Some(leg.line.offer(&wish))
            }
        };
        let Some(answer) = answer else { return self.ua.reject(now, call, 488, &[]) };
        leg.answered = true;
        self.end_record(now, record, CallEnding::Transferred);
        let Some(session) = self.sessions.remove(&id) else { return };
        let (caller, callee) = if side == Side::A { (call, other) } else { (other, call) };
        self.ua.accept(now, call, Some(answer));
        self.hang_up(now, replaced);
        let id = self.begin_joined(now, caller, callee, None, relay, session.retired);
        self.join_second(now, other, call);
        self.wire(id, None);
        self.expect_signs(now, call);
    }
}

/// Who isn't in a call any more hears no more of it, though its relay is needed until the one who stays has moved.
fn silence_towards_the_other(session: &Session, stays: CallId) {
    if let Some(relay) = &session.relay {
        relay.feed(if session.caller == stays { Side::B } else { Side::A }, Feed::Nothing);
    }
}
