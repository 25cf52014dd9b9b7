//! Two parties that talk: what one offers the other is told, and when one goes the other does.

use std::time::Duration;

use bytes::Bytes;

use super::bridge::Bridge;
use super::calls::{COURTESY, Due, Refusal, SessionId};
use super::exchange::{Chore, Exchange};
use super::leg::{OfferedFor, Place, Wish};
use super::records::CallEnding;
use super::settings::Hold;
use crate::media::{Feed, Side, tone};
use crate::sip::Message;
use crate::sip::ua::{CallId, Ending};
use crate::trace::SimTime;
use crate::world::audio::Sound;

impl Exchange {
    /// A party offers another session: it holds, resumes, moves, or refreshes.
    pub(super) fn offered(&mut self, now: SimTime, call: CallId, request: &Message) {
        let relayed = self.is_relayed(call);
        let Some(leg) = self.legs.get_mut(&call) else { return self.ua.refuse_offer(now, call, 488) };
        let body = (!request.body().is_empty()).then(|| request.body_bytes());
        let place = leg.place.clone();
        let Some(body) = body else {
            // It asks for an offer of ours: what we have. The ACK brings its answer.
            let wish = leg.line.wish();
            let offer = if relayed { Some(leg.line.offer(&wish)) } else { leg.line.sent.clone() };
            leg.ack_answers = true;
            return self.ua.answer_offer(now, call, offer);
        };
        if leg.line.received.as_ref() == Some(&body) && leg.line.sent.is_some() && leg.answered {
            // The same as before: it only refreshes the session.
            let again = leg.line.sent.clone();
            return self.ua.answer_offer(now, call, again);
        }
        match place {
            Place::Room { room, member, .. } => {
                let Some(answer) = leg.line.answer(&body, &Wish::default()) else {
                    return self.ua.refuse_offer(now, call, 488);
                };
                self.ua.answer_offer(now, call, Some(answer));
                self.connect_member(call, &room, member);
            }
            Place::Call(id, _) if leg.answered => self.pass_offer(now, id, call, body),
            // RFC 3311 5.2: the first offer isn't settled.
            Place::Call(..) | Place::Branch(_) => self.ua.refuse_offer(now, call, 491),
            Place::Leaving => self.ua.refuse_offer(now, call, 488),
        }
    }

    /// The other of the two is offered what one offers.
    fn pass_offer(&mut self, now: SimTime, id: SessionId, call: CallId, body: Bytes) {
        let relayed = self.is_relayed(call);
        let other = self.sessions.get(&id).and_then(|session| session.other(call));
        let wish = Wish::of(&body);
        if wish.is_none() && relayed {
            return self.ua.refuse_offer(now, call, 488);
        }
        let Some(peer) = other.and_then(|other| self.legs.get_mut(&other)).filter(|peer| peer.answered) else {
            // It's alone: whoever was there has just gone, or is about to be replaced.
            let wish = wish.unwrap_or_default();
            let answer = self.legs.get_mut(&call).and_then(|leg| {
                let direction = wish.direction.reversed();
                leg.line.answer(&body, &Wish { direction, ..wish })
            });
            return match answer {
                Some(answer) => {
                    self.ua.answer_offer(now, call, Some(answer));
                    self.wire(id, None);
                }
                None => self.ua.refuse_offer(now, call, 488),
            };
        };
        if peer.waits.is_some() || peer.offered == Some(OfferedFor::JoinFirst) {
            // Both at once. Theirs was first; this one tries again, as after a glare with the other side itself.
            return self.ua.refuse_offer(now, call, 491);
        }
        let offer = match wish {
            Some(wish) if relayed => peer.line.offer(&wish.passed_on()),
            _ => peer.line.pass(&body, self.address, false),
        };
        if let Some(leg) = self.legs.get_mut(&call) {
            leg.waits = Some(body);
        }
        if let Some(other) = other {
            self.send_offer(now, other, offer, OfferedFor::Peer);
        }
    }

    /// Offers a leg another session, now or when the one that's open is answered.
    pub(super) fn send_offer(&mut self, now: SimTime, call: CallId, body: Bytes, why: OfferedFor) {
        let Some(leg) = self.legs.get_mut(&call) else { return };
        if leg.offered.is_some() {
            leg.next_offer = Some((body, why));
            return;
        }
        leg.offered = Some(why);
        self.ua.offer(now, call, Some(body));
    }

    fn send_next_offer(&mut self, now: SimTime, call: CallId) {
        if let Some((body, why)) = self.legs.get_mut(&call).and_then(|leg| leg.next_offer.take()) {
            self.send_offer(now, call, body, why);
        }
    }

    /// A leg has answered an offer of ours.
    pub(super) fn offer_answered(&mut self, now: SimTime, call: CallId, response: &Message) {
        let relayed = self.is_relayed(call);
        let Some(leg) = self.legs.get_mut(&call) else { return };
        // Without one it was the session's refresh, which nobody waits for.
        let Some(why) = leg.offered.take() else { return };
        let body = response.body_bytes();
        if relayed {
            if !leg.line.agree(&body) {
                return self.offer_failed(now, call, why, 488);
            }
        } else {
            leg.line.received = Some(body);
        }
        match leg.place.clone() {
            Place::Call(id, _) => {
                let other = self.sessions.get(&id).and_then(|session| session.other(call));
                match (why, other) {
                    (OfferedFor::Peer, Some(other)) => self.answer_waiting(now, other, call),
                    (OfferedFor::JoinFirst, Some(other)) => self.join_second(now, other, call),
                    (OfferedFor::JoinLast, _) => self.retire(id),
                    _ => {}
                }
                self.wire(id, None);
            }
            Place::Room { session, room, member } => {
                self.connect_member(call, &room, member);
                self.retire(session);
            }
            Place::Branch(_) | Place::Leaving => {}
        }
        if relayed {
            self.expect_signs(now, call);
        }
        self.send_next_offer(now, call);
    }

    /// Who waits for the other side's answer gets it.
    pub(super) fn answer_waiting(&mut self, now: SimTime, waiting: CallId, answerer: CallId) {
        let relayed = self.is_relayed(waiting);
        let Some(answered) = self.legs.get(&answerer) else { return };
        let (wish, passed) = (answered.line.wish_agreed(), answered.line.received.clone());
        let address = self.address;
        let Some(leg) = self.legs.get_mut(&waiting) else { return };
        let Some(offer) = leg.waits.take() else { return };
        let answer = if relayed {
            leg.line.answer(&offer, &wish)
        } else {
            leg.line.received = Some(offer);
            passed.map(|body| leg.line.pass(&body, address, false))
        };
        match answer {
            Some(answer) => self.ua.answer_offer(now, waiting, Some(answer)),
            None => self.ua.refuse_offer(now, waiting, 488),
        }
    }

    /// The second of two who were strangers is offered what the first agreed to.
    pub(super) fn join_second(&mut self, now: SimTime, second: CallId, first: CallId) {
        let relayed = self.is_relayed(second);
        if self.legs.get(&second).is_some_and(|leg| leg.waits.is_some()) {
            return self.answer_waiting(now, second, first);
        }
        let Some(answered) = self.legs.get(&first) else { return };
        let (wish, passed) = (answered.line.wish_agreed(), answered.line.received.clone());
        let address = self.address;
        let Some(leg) = self.legs.get_mut(&second) else { return };
        let offer = match passed {
            Some(body) if !relayed => leg.line.pass(&body, address, true),
            _ => leg.line.offer(&wish),
        };
        self.send_offer(now, second, offer, OfferedFor::JoinLast);
    }

    /// Both know where they are now: the relays of the calls before are used no more.
    fn retire(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            for relay in session.retired.drain(..) {
                relay.close();
            }
        }
    }

    pub(super) fn offer_refused(&mut self, now: SimTime, call: CallId, status: u16) {
        let Some(why) = self.legs.get_mut(&call).and_then(|leg| leg.offered.take()) else { return };
        self.offer_failed(now, call, why, status);
    }

    fn offer_failed(&mut self, now: SimTime, call: CallId, why: OfferedFor, status: u16) {
        let Some(Place::Call(id, _)) = self.legs.get(&call).map(|leg| leg.place.clone()) else { return };
        let other = self.sessions.get(&id).and_then(|session| session.other(call));
        match why {
            OfferedFor::Peer => {
                // The session stays as it was, on both sides.
                if let Some(other) = other
                    && self.legs.get_mut(&other).is_some_and(|leg| leg.waits.take().is_some())
                {
                    self.ua.refuse_offer(now, other, status);
                }
                self.send_next_offer(now, call);
            }
            // Two strangers who can't agree have no call.
            OfferedFor::JoinFirst | OfferedFor::JoinLast => self.end_session(now, id, None, CallEnding::Lost),
        }
    }

    /// An ACK came to a 2xx of ours.
    pub(super) fn confirmed(&mut self, call: CallId, body: Option<Bytes>) {
        let relayed = self.is_relayed(call);
        let Some(leg) = self.legs.get_mut(&call) else { return };
        if !std::mem::take(&mut leg.ack_answers) {
            return;
        }
        match leg.place.clone() {
            Place::Call(id, _) => {
                if relayed {
                    if let Some(body) = body {
                        leg.line.agree(&body);
                    }
                    self.wire(id, None);
                } else if let Some(other) = self.sessions.get(&id).and_then(|session| session.other(call)) {
                    leg.line.received.clone_from(&body);
                    let address = self.address;
                    let passed = body
                        .and_then(|body| self.legs.get_mut(&other).map(|peer| peer.line.pass(&body, address, false)));
                    self.ua.acknowledge(other, passed);
                }
            }
            Place::Room { room, member, .. } => {
                if let Some(body) = body {
                    leg.line.agree(&body);
                }
                self.connect_member(call, &room, member);
            }
            Place::Branch(_) | Place::Leaving => {}
        }
    }

    /// Points a call's relay to where its two parties are, and says what each hears. `early` is a branch that's heard
    /// before it has answered.
    pub(super) fn wire(&mut self, id: SessionId, early: Option<CallId>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(relay) = &session.relay else { return };
        let behaviour = self.settings.behaviour;
        let parties = [(Side::A, Some(session.caller)), (Side::B, session.callee.or(early))];
        let mut held = [false, false];
        let mut gone = [false, false];
        for (at, (side, call)) in parties.into_iter().enumerate() {
            let Some(leg) = call.and_then(|call| self.legs.get(&call)) else {
                // Whoever is left alone waits.
                held[at] = session.callee.is_some();
                gone[at] = true;
                continue;
            };
            let Some(agreed) = &leg.line.agreed else { continue };
            if let Some(call) = call {
                relay.stand(side, call, leg);
            }
            held[at] = agreed.held();
            let mut remote = agreed.remote();
            if remote.address.ip() != leg.flow.remote.ip() {
                // What it says isn't where it is: a NAT is between, or its audio has a host of its own.
                remote = remote.latching();
            }
            if early.is_some() {
                remote = remote.early();
            }
            relay.connect(side, remote);
        }
        // Nothing goes to who has hung up, though the other one stays for a while.
        let feed = |side: usize| match self.settings.hold {
            _ if behaviour.relays_nothing || gone[side] => Feed::Nothing,
            _ if !held[1 - side] => Feed::Other,
            Hold::Music => Feed::Music(tone::music()),
            // Packets of it: a phone that gets none at all thinks that the call is dead.
            Hold::Silence => Feed::Music(Sound::Silence),
        };
        relay.feed(Side::A, if behaviour.relays_one_way { Feed::Nothing } else { feed(0) });
        relay.feed(Side::B, feed(1));
    }

    /// A party that should be heard and isn't, for too long, is gone. One that rings or is on hold has nothing to say,
    /// and one that holds the other needn't.
    pub(super) fn check_audio(&mut self, now: SimTime, id: SessionId) {
        let (Some(session), Some(after)) = (self.sessions.get(&id), self.settings.rtp_timeout) else { return };
        let silence = |call: CallId, side: Side| {
            let leg = self.legs.get(&call)?;
            if leg.line.agreed.as_ref().is_none_or(|agreed| agreed.held()) {
                return None;
            }
            match &leg.place {
                Place::Room { room, member: Some(member), .. } => self.rooms.get(room)?.silent_for(*member, now),
                _ => session.relay.as_ref()?.silent_for(side, now),
            }
        };
        let parties = [(Some(session.caller), Side::A), (session.callee, Side::B)];
        let silent = parties.into_iter().filter_map(|(call, side)| silence(call?, side)).max();
        match silent {
            Some(silent) if silent >= after => self.end_session(now, id, None, CallEnding::NoAudio),
            _ => {
                let again = after - silent.unwrap_or_default();
                self.at(now + again.max(Duration::from_secs(1)), Due::Audio(id));
            }
        }
    }

    /// A leg is over.
    pub(super) fn ended(&mut self, now: SimTime, call: CallId, ending: &Ending, message: Option<&Message>) {
        let Some(leg) = self.remove_leg(call) else { return };
        match leg.place {
            Place::Leaving => {}
            Place::Branch(dial) => {
                let refusal = match ending {
                    Ending::Refused(status) => self.refusal(leg.flow, *status, message),
                    _ => Refusal::of(480),
                };
                self.branch_ended(now, dial, call, refusal);
            }
            Place::Room { session, room, member } => {
                if let Some(member) = member {
                    self.chores.push_back(Chore::Leave { room, member });
                }
                self.end_session(now, session, Some(call), how(ending, true));
            }
            Place::Call(id, side) => self.side_ended(now, id, call, how(ending, side == Side::A)),
        }
    }

    pub(super) fn side_ended(&mut self, now: SimTime, id: SessionId, call: CallId, ending: CallEnding) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(transfer) = &mut session.transfer
            && transfer.transferor == Some(call)
        {
            // She's done her part. Who stays hears how it goes on.
            transfer.transferor = None;
            let record = session.record;
            self.end_record(now, record, CallEnding::Transferred);
            return self.wire(id, None);
        }
        self.end_session(now, id, Some(call), ending);
    }

    pub(super) fn end_record(&mut self, now: SimTime, record: super::records::RecordId, ending: CallEnding) {
        if let Some(record) = self.records.end(now, record, ending) {
            let talked = record.talked().as_millis() as u64;
            let (caller, called) = (record.caller.clone(), record.called.clone());
            self.host.claim("call-ended", |e| {
                e.with("caller", &*caller)
                    .with("called", &*called)
                    .with("ending", format!("{ending:?}"))
                    .with("talked_ms", talked)
            });
        }
    }

    /// Ends a call for everybody who's still in it; `gone` has ended by itself.
    pub(super) fn end_session(&mut self, now: SimTime, id: SessionId, gone: Option<CallId>, ending: CallEnding) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(dial) = session.dial {
            self.drop_dial(now, dial);
        }
        let mut told = None;
        if let Some(transfer) = session.transfer {
            self.drop_dial(now, transfer.dial);
            close(transfer.relay);
            told = transfer.transferor.filter(|_| gone == Some(transfer.survivor));
            if let Some(transferor) = told {
                // She learns that there's nobody left to transfer, and has time to.
                self.notify(now, transferor, 487);
                self.at(now + COURTESY, Due::HangUp(transferor));
            }
        }
        self.end_record(now, session.record, ending);
        for relay in session.retired {
            relay.close();
        }
        if !self.settings.behaviour.relays_after_the_end {
            close(session.relay);
        } else if let Some(relay) = session.relay {
            for side in [Side::A, Side::B] {
                relay.feed(side, Feed::Music(tone::music()));
            }
            self.haunted.push(relay);
        }
        let forgets = self.settings.behaviour.forgets_the_other_leg && gone.is_some();
        for leg in [Some(session.caller), session.callee].into_iter().flatten() {
            if Some(leg) == gone {
                continue;
            }
            let left = std::mem::replace(
                match self.legs.get_mut(&leg) {
                    Some(leg) => &mut leg.place,
                    None => continue,
                },
                Place::Leaving,
            );
            if let Place::Room { room, member: Some(member), .. } = left {
                self.chores.push_back(Chore::Leave { room, member });
            }
            self.let_go(now, leg);
            if forgets {
                self.close_gate(leg);
            } else if told != Some(leg) {
                self.end_leg_because(now, leg, ending);
            }
        }
    }

    /// Ends a leg that nobody else is concerned with.
    pub(super) fn hang_up(&mut self, now: SimTime, call: CallId) {
        self.let_go(now, call);
        self.end_leg(now, call);
    }

    /// A leg leaves: an offer of its that still waits will have no other answer.
    pub(super) fn let_go(&mut self, now: SimTime, call: CallId) {
        let Some(leg) = self.legs.get_mut(&call) else { return };
        leg.place = Place::Leaving;
        if leg.waits.take().is_some() {
            self.ua.refuse_offer(now, call, 487);
        }
    }
}

pub(super) fn close(relay: Option<Bridge>) {
    if let Some(relay) = relay {
        relay.close();
    }
}

/// How a call ended, if one side's ended so.
fn how(ending: &Ending, is_caller: bool) -> CallEnding {
    match ending {
        Ending::PeerHungUp | Ending::HungUp if is_caller => CallEnding::CallerHungUp,
        Ending::PeerHungUp | Ending::HungUp => CallEnding::CalleeHungUp,
        Ending::Cancelled | Ending::Abandoned => CallEnding::Cancelled,
        Ending::Rejected(status) | Ending::Refused(status) => CallEnding::Refused(*status),
        Ending::Unacknowledged | Ending::SessionExpired | Ending::Lost => CallEnding::Lost,
    }
}
