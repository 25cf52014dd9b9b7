//! Calls: how they begin, what is heard in them, hold, and how they end.

use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;

use super::audio::{CallAudio, Described};
use super::core::{Core, Due};
use super::place::{Ready, Unready, Wanted};
use super::screen::{Direction, Line, LineState, in_words};
use super::servers::SIP_PORT;
use super::settings::Model;
use crate::media::webrtc::CandidateKind;
use crate::media::{self, StreamStats};
use crate::sip::ua::{CallId, Ending, Outgoing};
use crate::sip::{Flow, Message, Transport, Uri, escape_user, quote, unescape};
use crate::trace::SimTime;

/// After so long without audio that should come, the screen says so.
const SILENCE: Duration = Duration::from_secs(5);

/// A call of the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LegId(u32);

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// An INVITE came, and it doesn't ring yet.
    Coming,
    Ringing,
    Dialing,
    RingingThere,
    Up,
}

/// What follows when the other side has agreed to be on hold, or hasn't.
#[derive(Debug, Clone)]
pub(super) struct AfterHold {
    pub(super) refer_to: String,
}

/// What a description of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// To be the offer of our INVITE.
    Call,
    /// To be in our answer to their INVITE.
    Accept,
    /// To be the offer of a re-INVITE.
    Offer,
    /// To be in our answer to their re-INVITE.
    AnswerOffer,
}

/// A call of ours that is being made, or was.
#[derive(Debug)]
pub(super) struct Dialed {
    pub(super) target: String,
    headers: Vec<(String, String)>,
    transport: Transport,
    ways: Vec<SocketAddrV4>,
    way: usize,
}

/// One call.
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) call: Option<CallId>,
    pub(super) stage: Stage,
    pub(super) direction: Direction,
    pub(super) peer: String,
    pub(super) dialed: Option<Dialed>,
    pub(super) audio: Option<Box<dyn CallAudio>>,
    /// Their offer in the INVITE.
    offer: Option<Bytes>,
    /// Our description was an offer, and the answer is still to come.
    awaits_answer: bool,
    /// The button was pressed, and it's time: it's answered as soon as there is audio.
    answers: bool,
    pub(super) we_hold: bool,
    pub(super) they_hold: bool,
    /// What our open offer asks for: hold, or its end.
    asks_hold: Option<bool>,
    pub(super) after_hold: Option<AfterHold>,
    /// The call in which we were asked to make this one.
    pub(super) reports_to: Option<CallId>,
    /// The call whose place this one takes (RFC 3891).
    replaces: Option<CallId>,
    /// What the description is for that isn't complete yet.
    pub(super) describes: Option<Then>,
    /// The packets were lost, and it's being mended.
    pub(super) mending: bool,
}

impl Leg {
    /// As the screen shows it.
    pub(super) fn shown(&self) -> Option<Line> {
        let state = match self.stage {
            Stage::Coming => return None,
            Stage::Ringing => LineState::Ringing,
            Stage::Dialing => LineState::Dialing,
            Stage::RingingThere => LineState::RingingThere,
            Stage::Up if self.we_hold => LineState::OnHold,
            Stage::Up if self.they_hold => LineState::HeldByPeer,
            Stage::Up => LineState::Talking,
        };
        Some(Line { state, peer: self.peer.clone(), direction: self.direction })
    }

    /// The direction that we'd like the audio to take.
    fn wanted(&self) -> media::Direction {
        if self.we_hold { media::Direction::SendOnly } else { media::Direction::SendRecv }
    }

    /// The direction that an offer of ours asks for. A stream that they don't want to hear anyway is put on hold by
    /// making it inactive.
    pub(super) fn offered(&self) -> media::Direction {
        match (self.we_hold, self.they_hold) {
            (true, true) => media::Direction::Inactive,
            (true, false) => media::Direction::SendOnly,
            (false, _) => media::Direction::SendRecv,
        }
    }
}

/// Who that is, for the screen: a user, a number, or else a host.
fn shown_as(uri: &Uri<'_>) -> String {
    uri.user_name().map_or_else(|| uri.host.to_owned(), |user| user.into_owned())
}

impl Core {
    pub(super) fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }

    pub(super) fn leg_of(&mut self, call: CallId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.call == Some(call))
    }

    /// The call that the buttons mean: the one that was dealt with last, or else the first that fits best.
    pub(super) fn active(&self) -> Option<&Leg> {
        let rank = |leg: &&Leg| match leg.stage {
            Stage::Coming | Stage::Ringing => 3,
            _ if Some(leg.id) == self.selected => 0,
            Stage::Up if leg.we_hold => 2,
            _ => 1,
        };
        self.legs.iter().min_by_key(rank).filter(|leg| rank(leg) < 3)
    }

    fn active_and_up(&self) -> Option<&Leg> {
        self.active().filter(|leg| leg.stage == Stage::Up)
    }

    // --- the buttons ---------------------------------------------------------------------------------------------

    pub(super) fn dial(&mut self, now: SimTime, number: &str) -> bool {
        let Some(target) = self.target_of(number) else { return false };
        if self.legs.len() >= self.settings.borrow().lines {
            return false;
        }
        self.hold_others(now, None);
        self.transfer = None;
        let id = self.call_out(target, Vec::new(), None);
        self.selected = Some(id);
        true
    }

    pub(super) fn answer_button(&mut self, now: SimTime) -> bool {
        let Some(id) = self.ringing() else { return false };
        let after = self.behaviour().answers_after;
        if !self.is_set(Due::Answer(id)) {
            if after.is_zero() {
                self.answer(now, id);
            } else {
                self.set(now + after, Due::Answer(id));
            }
        }
        true
    }

    pub(super) fn reject_button(&mut self, now: SimTime) -> bool {
        let Some(id) = self.ringing() else { return false };
        let call = self.leg(id).and_then(|leg| leg.call);
        if let Some(call) = call {
            self.ua.reject(now, call, 486, &[]);
        }
        true
    }

    fn ringing(&self) -> Option<LegId> {
        self.legs.iter().find(|leg| leg.stage == Stage::Ringing && !leg.answers).map(|leg| leg.id)
    }

    pub(super) fn hang_up(&mut self, now: SimTime) -> bool {
        let Some(id) = self.active().map(|leg| leg.id) else { return false };
        self.end(now, id);
        true
    }

    /// Ends a call in whatever state it is.
    pub(super) fn end(&mut self, now: SimTime, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        match leg.call {
            Some(call) => {
                self.ua.end(now, call);
                // It's over for whoever hung up, whatever the other side says to it.
                self.closed(now, id, Ending::HungUp);
            }
            // It never left the phone.
            None => self.closed(now, id, Ending::Abandoned),
        }
    }

    pub(super) fn hold_button(&mut self, now: SimTime) -> bool {
        let Some(id) = self.active_and_up().filter(|leg| !leg.we_hold).map(|leg| leg.id) else { return false };
        self.set_hold(now, id, true);
        true
    }

    pub(super) fn resume_button(&mut self, now: SimTime) -> bool {
        let held = |leg: &&Leg| leg.stage == Stage::Up && leg.we_hold;
        let selected = self.active().filter(held).or_else(|| self.legs.iter().find(held));
        let Some(id) = selected.map(|leg| leg.id) else { return false };
        self.resume(now, id);
        true
    }

    pub(super) fn resume(&mut self, now: SimTime, id: LegId) {
        self.hold_others(now, Some(id));
        self.selected = Some(id);
        if self.leg(id).is_some_and(|leg| leg.we_hold) {
            self.set_hold(now, id, false);
        }
    }

    pub(super) fn press_digits(&mut self, digits: &str) -> bool {
        let audio = self.active_and_up().filter(|leg| !leg.we_hold).and_then(|leg| leg.audio.as_ref());
        audio.is_some_and(|audio| audio.press(digits))
    }

    // --- hold ----------------------------------------------------------------------------------------------------

    /// Nobody but that one is talked to.
    pub(super) fn hold_others(&mut self, now: SimTime, but: Option<LegId>) {
        let others = |leg: &&Leg| leg.stage == Stage::Up && !leg.we_hold && Some(leg.id) != but;
        let others: Vec<LegId> = self.legs.iter().filter(others).map(|leg| leg.id).collect();
        for id in others {
            self.set_hold(now, id, true);
        }
    }

    /// Offers to put the other side on hold, or to take it off (RFC 3264 section 8.4).
    pub(super) fn set_hold(&mut self, now: SimTime, id: LegId, hold: bool) {
        let Some(leg) = self.leg(id) else { return };
        let (Some(_), true) = (leg.call, leg.audio.is_some()) else { return };
        leg.we_hold = hold;
        leg.asks_hold = Some(hold);
        let direction = leg.offered();
        let Some(audio) = &mut leg.audio else { return };
        audio.mute(hold);
        let offer = audio.offer(direction);
        self.describe(now, id, Then::Offer, offer);
    }

    /// Tells the other side of each call where we are, and learns if it's still there.
    pub(super) fn refresh_calls(&mut self, now: SimTime) {
        let up = |leg: &&Leg| leg.stage == Stage::Up;
        let ids: Vec<LegId> = self.legs.iter().filter(up).map(|leg| leg.id).collect();
        for id in ids {
            self.refresh_call(now, id);
        }
    }

    pub(super) fn refresh_call(&mut self, now: SimTime, id: LegId) {
        let contact = self.own_contact();
        let Some(leg) = self.leg(id) else { return };
        let direction = leg.offered();
        let (Some(call), Some(audio)) = (leg.call, &mut leg.audio) else { return };
        let offer = audio.renew(direction);
        self.ua.set_contact(call, contact);
        self.describe(now, id, Then::Offer, offer);
    }

    pub(super) fn offered(&mut self, now: SimTime, call: CallId, request: &Message) {
        let Some(leg) = self.leg_of(call) else { return self.ua.refuse_offer(now, call, 488) };
        let (id, wanted) = (leg.id, leg.wanted());
        if leg.describes.is_some() {
            // Ours is about to leave: a glare, only earlier.
            return self.ua.refuse_offer(now, call, 491);
        }
        let Some(audio) = &mut leg.audio else { return self.ua.refuse_offer(now, call, 488) };
        if request.body().is_empty() {
            leg.awaits_answer = true;
            let offer = audio.offer(wanted);
            return self.describe(now, id, Then::AnswerOffer, offer);
        }
        match audio.answer(request.body(), wanted) {
            Some((answer, held)) => {
                leg.they_hold = held;
                self.describe(now, id, Then::AnswerOffer, answer);
            }
            None => self.ua.refuse_offer(now, call, 488),
        }
    }

    /// A description of ours goes its way, now or when it's complete.
    fn describe(&mut self, now: SimTime, id: LegId, then: Then, described: Described) {
        match described {
            Described::Now(description) => self.described(now, id, then, description),
            Described::Soon => {
                if let Some(leg) = self.leg(id) {
                    leg.describes = Some(then);
                }
            }
        }
    }

    /// A description of ours may be complete.
    pub(super) fn is_described(&mut self, now: SimTime, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        let (Some(then), Some(audio)) = (leg.describes, &mut leg.audio) else { return };
        let Some(description) = audio.description() else { return };
        leg.describes = None;
        self.described(now, id, then, description);
    }

    fn described(&mut self, now: SimTime, id: LegId, then: Then, description: Bytes) {
        let Some(leg) = self.leg(id) else { return };
        match (then, leg.call) {
            (Then::Call, _) => self.invite(now, id, description),
            (Then::Accept, Some(call)) => self.accept(now, id, call, description),
            // It would be lost, and the call with it: it's made again when there's a connection.
            (Then::Offer, Some(call)) if self.is_offline() => self.offer_postponed(call),
            (Then::Offer, Some(call)) => self.ua.offer(now, call, Some(description)),
            (Then::AnswerOffer, Some(call)) => self.ua.answer_offer(now, call, Some(description)),
            (_, None) => {}
        }
    }

    pub(super) fn offer_answered(&mut self, now: SimTime, call: CallId, response: &Message) {
        let Some(leg) = self.leg_of(call) else { return };
        leg.asks_hold = None;
        if let Some(audio) = &mut leg.audio
            && let Some(held) = audio.agree(response.body(), false)
        {
            leg.they_hold = held;
        }
        self.after_hold(now, call);
    }

    pub(super) fn offer_refused(&mut self, now: SimTime, call: CallId, status: u16) {
        let Some(leg) = self.leg_of(call) else { return };
        if let Some(asked) = leg.asks_hold.take() {
            // The session stays as it was.
            leg.we_hold = !asked;
            if let Some(audio) = &leg.audio {
                audio.mute(!asked);
            }
        }
        if let Some(audio) = &mut leg.audio {
            audio.refused();
        }
        self.message = format!("not possible: {status} {}", crate::sip::reason(status));
        self.after_hold(now, call);
    }

    /// An offer of ours couldn't be made yet: the session is as it was, and what's wanted stays wanted.
    pub(super) fn offer_postponed(&mut self, call: CallId) {
        if let Some(audio) = self.leg_of(call).and_then(|leg| leg.audio.as_mut()) {
            audio.refused();
        }
    }

    /// Now it can be.
    pub(super) fn offer_wanted(&mut self, now: SimTime, call: CallId) {
        let Some(leg) = self.leg_of(call).filter(|leg| leg.describes.is_none()) else { return };
        let (id, direction) = (leg.id, leg.offered());
        let Some(audio) = &mut leg.audio else { return };
        let offer = audio.offer(direction);
        self.describe(now, id, Then::Offer, offer);
    }

    fn after_hold(&mut self, now: SimTime, call: CallId) {
        if let Some(AfterHold { refer_to }) = self.leg_of(call).and_then(|leg| leg.after_hold.take()) {
            self.refer(now, call, &refer_to);
        }
    }

    // --- calling -------------------------------------------------------------------------------------------------

    /// What is dialed, as a URI.
    pub(super) fn target_of(&self, number: &str) -> Option<String> {
        let number = number.trim();
        if number.is_empty() {
            return None;
        }
        let target = match number.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("sip:") => number.to_owned(),
            _ if number.contains('@') => format!("sip:{number}"),
            _ => format!("sip:{}@{}", escape_user(number), self.settings.borrow().domain),
        };
        Uri::read(&target).is_ok().then_some(target)
    }

    fn new_leg(&mut self, stage: Stage, direction: Direction, peer: String) -> Leg {
        self.next_leg += 1;
        // What's over is no longer of interest.
        self.ended.clear();
        self.digits.clear();
        Leg {
            id: LegId(self.next_leg),
            call: None,
            stage,
            direction,
            peer,
            dialed: None,
            audio: None,
            offer: None,
            awaits_answer: false,
            answers: false,
            we_hold: false,
            they_hold: false,
            asks_hold: None,
            after_hold: None,
            reports_to: None,
            replaces: None,
            describes: None,
            mending: false,
        }
    }

    /// Begins a call: the INVITE leaves as soon as it's known where to, and there is a port for its audio.
    pub(super) fn call_out(
        &mut self,
        target: String,
        headers: Vec<(String, String)>,
        reports_to: Option<CallId>,
    ) -> LegId {
        let settings = self.settings.borrow().clone();
        let uri = Uri::read(&target).expect("a target was read before it's called");
        let mut leg = self.new_leg(Stage::Dialing, Direction::Outgoing, shown_as(&uri));
        let id = leg.id;
        let named = uri.params.value("transport").and_then(Transport::named);
        // From a browser there's one way to everybody.
        let own = uri.host.eq_ignore_ascii_case(&settings.domain) || settings.model == Model::Webphone;
        let transport = if own { settings.transport } else { named.unwrap_or(settings.transport) };
        let known = if own { self.account.ways() } else { Vec::new() };
        let wanted = match uri.host.parse() {
            _ if !known.is_empty() => Wanted::Known(known),
            Ok(address) => Wanted::Known(vec![SocketAddrV4::new(address, uri.port.unwrap_or(SIP_PORT))]),
            Err(_) => Wanted::Find { host: uri.host.to_owned(), port: uri.port, transport },
        };
        leg.reports_to = reports_to;
        leg.dialed = Some(Dialed { target, headers, transport, ways: Vec::new(), way: 0 });
        self.legs.push(leg);
        self.place.prepare(id, wanted);
        id
    }

    pub(super) fn ready(&mut self, now: SimTime, id: LegId, outcome: Result<Ready, Unready>) {
        let Ready { audio, ways } = match outcome {
            Ok(ready) => ready,
            Err(Unready { why, status, ending }) => {
                self.message = why;
                let call = self.leg(id).and_then(|leg| leg.call);
                match call {
                    Some(call) => self.ua.reject(now, call, status, &[]),
                    None => self.closed(now, id, ending),
                }
                return;
            }
        };
        let Some(leg) = self.leg(id) else { return audio.close() };
        leg.audio = Some(audio);
        let answers = leg.answers;
        match &mut leg.dialed {
            Some(dialed) => {
                dialed.ways = ways;
                self.place_call(now, id);
            }
            None if answers => self.answer(now, id),
            None => {}
        }
    }

    /// Describes what the INVITE offers.
    fn place_call(&mut self, now: SimTime, id: LegId) {
        let Some(audio) = self.leg(id).and_then(|leg| leg.audio.as_mut()) else { return };
        let offer = audio.offer(media::Direction::SendRecv);
        self.describe(now, id, Then::Call, offer);
    }

    /// Sends the INVITE.
    fn invite(&mut self, now: SimTime, id: LegId, offer: Bytes) {
        let contact = self.own_contact();
        let from = {
            let settings = self.settings.borrow();
            match settings.display_name.as_str() {
                "" => format!("<{}>", settings.aor()),
                name => format!("{} <{}>", quote(name), settings.aor()),
            }
        };
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.id == id) else { return };
        let Some(dialed) = &leg.dialed else { return };
        let Some(way) = dialed.ways.get(dialed.way) else { return };
        let flow = Flow::to(dialed.transport, *way);
        let mut outgoing = Outgoing::new(dialed.target.as_str(), from, contact, flow).offering(offer);
        outgoing.headers.extend(dialed.headers.iter().cloned());
        leg.call = Some(self.ua.call(now, outgoing));
    }

    /// Where we can be reached, as the other side of a call hears it.
    fn own_contact(&self) -> String {
        format!("<{}>", self.place.contact_in_calls(&self.settings.borrow()))
    }

    pub(super) fn progress(&mut self, now: SimTime, call: CallId, response: &Message) {
        let Some(leg) = self.leg_of(call) else { return };
        leg.stage = Stage::RingingThere;
        // Early media: what the network has to say before an answer is heard.
        if let Some(audio) = &mut leg.audio
            && !response.body().is_empty()
        {
            audio.agree(response.body(), true);
        }
        if let (Some(asked_in), Some(status)) = (leg.reports_to, response.status()) {
            self.ua.notify(now, asked_in, status);
        }
    }

    pub(super) fn answered(&mut self, now: SimTime, call: CallId, response: &Message, wants_answer: bool) {
        let Some(leg) = self.leg_of(call) else {
            // Hung up in the moment when it was answered.
            return self.ua.end(now, call);
        };
        leg.stage = Stage::Up;
        let (id, asked_in) = (leg.id, leg.reports_to.take());
        if let Some(audio) = &mut leg.audio {
            // Without a description here, the early one stands.
            if !response.body().is_empty() {
                match audio.agree(response.body(), false) {
                    None if audio.needs_agreement() => {
                        // RFC 3261 13.2.2.4: acknowledged it is, and then there's nothing to be heard.
                        leg.reports_to = asked_in;
                        self.message = "no audio in common".into();
                        return self.end(now, id);
                    }
                    held => leg.they_hold = held.unwrap_or(false),
                }
            } else {
                audio.confirm();
            }
        }
        if wants_answer {
            self.ua.acknowledge(call, None);
        }
        if let Some(asked_in) = asked_in {
            self.ua.notify(now, asked_in, 200);
        }
        self.claim_answered(id);
    }

    fn claim_answered(&mut self, id: LegId) {
        let Some(leg) = self.legs.iter().find(|leg| leg.id == id) else { return };
        let direction = match leg.direction {
            Direction::Incoming => "incoming",
            Direction::Outgoing => "outgoing",
        };
        self.place.claim("call-answered", &[("peer", &leg.peer), ("direction", direction)]);
    }

    // --- being called --------------------------------------------------------------------------------------------

    pub(super) fn incoming(&mut self, now: SimTime, call: CallId, request: &Message, replaces: Option<CallId>) {
        let behaviour = self.behaviour();
        if behaviour.never_rings {
            return;
        }
        let lines = self.settings.borrow().lines;
        let replaces = replaces.filter(|old| self.legs.iter().any(|leg| leg.call == Some(*old)));
        if replaces.is_none() && self.legs.len() >= lines {
            return self.ua.reject(now, call, 486, &[]);
        }
        let peer = request.from().map(|from| shown_as(&from.uri)).unwrap_or_default();
        // Nobody is put on hold by a phone's own decision.
        let answers_by_itself = self.legs.is_empty() && self.settings.borrow().auto_answer.answers(&peer);
        let mut leg = self.new_leg(Stage::Coming, Direction::Incoming, peer);
        let id = leg.id;
        leg.call = Some(call);
        leg.offer = (!request.body().is_empty()).then(|| request.body_bytes());
        leg.replaces = replaces;
        leg.answers = replaces.is_some();
        self.legs.push(leg);
        let contact = self.own_contact();
        self.ua.set_contact(call, contact);
        if !self.place.asks_when_answering() || replaces.is_some() {
            self.place.prepare(id, Wanted::Nowhere);
        }
        if replaces.is_some() {
            return;
        }
        if behaviour.rings_after.is_zero() {
            self.ring(now, id);
        } else {
            self.set(now + behaviour.rings_after, Due::Ring(id));
        }
        if answers_by_itself {
            self.set(now + behaviour.rings_after + behaviour.answers_after, Due::Answer(id));
        }
    }

    pub(super) fn ring(&mut self, now: SimTime, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        let (Some(call), Stage::Coming) = (leg.call, leg.stage) else { return };
        leg.stage = Stage::Ringing;
        let peer = leg.peer.clone();
        self.ua.ring(now, call, 180, None);
        self.place.claim("phone-rings", &[("peer", &peer)]);
    }

    /// It's time to answer: done as soon as there is audio.
    pub(super) fn answer(&mut self, now: SimTime, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        let (Some(call), Stage::Coming | Stage::Ringing) = (leg.call, leg.stage) else { return };
        let asked = std::mem::replace(&mut leg.answers, true);
        let Some(audio) = &mut leg.audio else {
            if !asked && self.place.asks_when_answering() {
                self.place.prepare(id, Wanted::Nowhere);
            }
            return;
        };
        let description = match leg.offer.take() {
            Some(offer) => match audio.answer(&offer, media::Direction::SendRecv) {
                Some((answer, held)) => {
                    leg.they_hold = held;
                    answer
                }
                // Nothing in common to speak.
                None => return self.ua.reject(now, call, 488, &[]),
            },
            None => {
                leg.awaits_answer = true;
                audio.offer(media::Direction::SendRecv)
            }
        };
        self.describe(now, id, Then::Accept, description);
    }

    fn accept(&mut self, now: SimTime, id: LegId, call: CallId, description: Bytes) {
        let Some(leg) = self.leg(id) else { return };
        leg.stage = Stage::Up;
        let replaced = leg.replaces.take();
        self.ua.accept(now, call, Some(description));
        match replaced.and_then(|old| self.leg_of(old)).map(|old| old.id) {
            Some(old) => self.end(now, old),
            None => self.hold_others(now, Some(id)),
        }
        self.selected = Some(id);
        self.claim_answered(id);
    }

    pub(super) fn confirmed(&mut self, call: CallId, body: Option<Bytes>) {
        let Some(leg) = self.leg_of(call) else { return };
        if !std::mem::take(&mut leg.awaits_answer) {
            return;
        }
        if let (Some(audio), Some(answer)) = (&mut leg.audio, body) {
            leg.they_hold = audio.agree(&answer, false).unwrap_or(false);
        }
    }

    // --- the end -------------------------------------------------------------------------------------------------

    pub(super) fn ended(&mut self, now: SimTime, call: CallId, ending: Ending, message: Option<&Message>) {
        let withheld = self.behaviour().never_fails_over;
        let Some(leg) = self.leg_of(call) else { return };
        let id = leg.id;
        // Nobody there: the next server may be.
        if let (Stage::Dialing, Some(dialed), None) = (leg.stage, &mut leg.dialed, message)
            && matches!(ending, Ending::Refused(408 | 503))
            && dialed.way + 1 < dialed.ways.len()
            && !withheld
        {
            let dead = dialed.ways[dialed.way];
            dialed.way += 1;
            leg.call = None;
            self.server_is_dead(now, dead);
            return self.place_call(now, id);
        }
        self.closed(now, id, ending);
    }

    /// Those calls are over, without a word to anybody: there's no way to say one.
    pub(super) fn drop_calls(&mut self, now: SimTime, which: impl Fn(&Leg) -> bool) {
        let calls: Vec<_> = self.legs.iter().filter(|leg| which(leg)).map(|leg| (leg.id, leg.call)).collect();
        for (id, call) in calls {
            self.closed(now, id, Ending::Lost);
            if let Some(call) = call {
                self.ua.end(now, call);
            }
        }
    }

    /// A call is over: nothing of it stays but a line on the screen.
    pub(super) fn closed(&mut self, now: SimTime, id: LegId, ending: Ending) {
        let Some(index) = self.legs.iter().position(|leg| leg.id == id) else { return };
        let leg = self.legs.remove(index);
        self.stop(Due::Ring(id));
        self.stop(Due::Answer(id));
        self.stop(Due::Media(id));
        let never_answered = leg.stage != Stage::Up;
        if let Some(audio) = leg.audio {
            self.digits = audio.digits();
            audio.close();
        }
        let reason = in_words(&ending);
        let peer = leg.peer.clone();
        self.place.claim("call-ended", &[("peer", &peer), ("reason", &reason)]);
        if let Some(asked_in) = leg.reports_to {
            let status = match ending {
                Ending::Refused(status) => status,
                _ => 487,
            };
            self.ua.notify(now, asked_in, status);
        }
        self.ended.push(Line {
            state: LineState::Ended { reason: ending.clone() },
            peer: leg.peer,
            direction: leg.direction,
        });
        if self.selected == Some(id) {
            self.selected = None;
        }
        self.leg_closed(now, id, &ending, never_answered);
    }

    // --- what is heard -------------------------------------------------------------------------------------------

    pub(super) fn digits_received(&self) -> String {
        match self.active_and_up().and_then(|leg| leg.audio.as_ref()) {
            Some(audio) => audio.digits(),
            None => self.digits.clone(),
        }
    }

    pub(super) fn write(&self, text: &str) -> bool {
        self.active_and_up().and_then(|leg| leg.audio.as_ref()).is_some_and(|audio| audio.write(text))
    }

    pub(super) fn messages(&self) -> Vec<String> {
        self.active_and_up().and_then(|leg| leg.audio.as_ref()).map(|audio| audio.messages()).unwrap_or_default()
    }

    pub(super) fn media_way(&self) -> Option<(CandidateKind, CandidateKind)> {
        self.active_and_up().and_then(|leg| leg.audio.as_ref()).and_then(|audio| audio.way())
    }

    pub(super) fn audio_stats(&self) -> Option<StreamStats> {
        self.active_and_up().and_then(|leg| leg.audio.as_ref()).and_then(|audio| audio.stats())
    }

    /// What the screen says when nothing is heard that should be.
    pub(super) fn silence(&self, now: SimTime) -> Option<String> {
        let silent = |leg: &&Leg| {
            let silent = leg.audio.as_ref().and_then(|audio| audio.silent_for(now));
            leg.stage == Stage::Up && !leg.we_hold && !leg.they_hold && silent.is_some_and(|long| long >= SILENCE)
        };
        self.legs.iter().find(silent).map(|leg| format!("no audio from {}", leg.peer))
    }

    /// What is wrong with the audio of a call that's talked in.
    pub(super) fn trouble(&self) -> Option<String> {
        let talks = |leg: &&Leg| leg.stage == Stage::Up && !leg.we_hold;
        self.legs.iter().filter(talks).find_map(|leg| leg.audio.as_ref()?.trouble())
    }

    /// The headers that a Refer-To URI wants in the INVITE, and the URI without them.
    pub(super) fn split_headers(uri: &str) -> (String, Vec<(String, String)>) {
        let Some((bare, headers)) = uri.split_once('?') else { return (uri.to_owned(), Vec::new()) };
        let headers = headers.split('&').filter_map(|header| header.split_once('='));
        let headers = headers.map(|(name, value)| (unescape(name).into_owned(), unescape(value).into_owned()));
        (bare.to_owned(), headers.collect())
    }
}
