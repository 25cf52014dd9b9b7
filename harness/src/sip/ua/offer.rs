//! Offers within a call: re-INVITE and UPDATE, and what happens when both sides make one at once (RFC 3261 14).

use std::time::Duration;

use bytes::Bytes;

use super::super::transaction::ServerId;
use super::super::{Message, Method, Name, Writer};
use super::call::{Call, Role, State, finish};
use super::timers::Timer;
use super::{ALLOW, CallId, Event, Purpose, UserAgent, written};
use crate::trace::SimTime;

/// An offer of ours that isn't answered yet.
#[derive(Debug, Clone)]
pub(super) struct OfferOut {
    /// Without one it's a refresh that offers nothing, or asks for an offer.
    pub description: Option<Bytes>,
    pub update: bool,
    /// True while we wait to make it again, after a glare.
    pub waiting: bool,
}

/// A re-INVITE or UPDATE of theirs that we haven't answered.
#[derive(Debug, Clone)]
pub(super) struct OfferIn {
    pub server: ServerId,
    pub request: Message,
}

/// 14.1: no offer while another INVITE is in progress, in either direction.
fn is_busy(call: &Call) -> bool {
    call.offer_in.is_some() || call.answer.is_some()
}

impl UserAgent {
    /// Offers another session in a call that's up. After a glare it's made again by itself, or asked for anew
    /// ([`Settings::renews_offers`](super::Settings::renews_offers)); one that's made while another of ours is open takes
    /// its place when that one was answered.
    pub fn offer(&mut self, now: SimTime, call: CallId, description: Option<Bytes>) {
        self.with(call, |ua, call| {
            if matches!(call.state, State::Answered | State::Confirmed) {
                ua.make_offer(now, call, OfferOut { description, update: false, waiting: false });
            }
        });
    }

    /// Offers another session by UPDATE, which an early dialog takes too, once a provisional response was acknowledged
    /// (RFC 3311).
    pub fn update(&mut self, now: SimTime, call: CallId, description: Option<Bytes>) {
        self.with(call, |ua, call| {
            // Only then does the other side know the dialog for sure (RFC 3311 5.1).
            let early = match call.state {
                State::Calling => call.early.last().is_some_and(|early| early.rseq.is_some()),
                State::Ringing => call.provisionals.acknowledged,
                _ => false,
            };
            if early || matches!(call.state, State::Answered | State::Confirmed) {
                ua.make_offer(now, call, OfferOut { description, update: true, waiting: false });
            }
        });
    }

    pub(super) fn make_offer(&mut self, now: SimTime, call: &mut Call, offer: OfferOut) {
        if is_busy(call) {
            return self.postpone_offer(now, call, offer, Duration::from_millis(100));
        }
        if let Some(open) = &mut call.offer_out
            && !open.waiting
        {
            call.session.get_or_insert_default().next_offer = Some(offer.description);
            return;
        }
        let method = if offer.update { Method::Update } else { Method::Invite };
        let mut writer = self
            .in_dialog(call, method)
            .header(Name::Contact, &call.contact)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, "timer, replaces, 100rel");
        writer = self.ask_for_session(call, writer);
        if offer.description.is_some() {
            call.description.clone_from(&offer.description);
        }
        let request = written(finish(writer, offer.description.as_ref()));
        call.offer_out = Some(offer);
        // It may be another than the one that waited.
        self.timers.stop(call.id, Timer::OfferAgain);
        let (id, flow) = (call.id, call.flow);
        self.send(now, Purpose::Offer(id), request, flow);
    }

    /// The wait after a glare is over.
    pub(super) fn offer_again(&mut self, now: SimTime, call: &mut Call) {
        if !matches!(call.state, State::Answered | State::Confirmed) {
            return;
        }
        let Some(mut offer) = call.offer_out.take() else { return };
        if self.is_renewed(&offer) && !is_busy(call) {
            return self.events.push_back(Event::OfferWanted { call: call.id });
        }
        offer.waiting = false;
        self.make_offer(now, call, offer);
    }

    /// An offer of ours has to wait that long.
    fn postpone_offer(&mut self, now: SimTime, call: &mut Call, mut offer: OfferOut, wait: Duration) {
        if self.is_renewed(&offer) {
            self.events.push_back(Event::OfferPostponed { call: call.id });
        }
        offer.waiting = true;
        call.offer_out = Some(offer);
        self.timers.set(call.id, Timer::OfferAgain, now + wait);
    }

    /// Whether it's made anew by its owner when it couldn't be made.
    fn is_renewed(&self, offer: &OfferOut) -> bool {
        self.settings.renews_offers && !offer.update && offer.description.is_some()
    }

    /// An offer of ours was answered, or refused.
    pub(super) fn offer_answered(&mut self, now: SimTime, id: CallId, request: &Message, response: Message) {
        let status = response.status().expect("transactions report responses as responses");
        let is_invite = request.method() == Method::Invite;
        self.with(id, |ua, call| {
            if (200..300).contains(&status) && is_invite {
                let cseq = request.cseq().map_or(0, |cseq| cseq.number);
                if let Some(dialog) = &mut call.dialog {
                    dialog.refresh(&response);
                    let dialog = dialog.clone();
                    ua.ack(call, &dialog, cseq, None);
                }
            }
            if matches!(call.state, State::Closing | State::Over) {
                return;
            }
            let Some(offer) = call.offer_out.take() else { return };
            match status {
                200..=299 => {
                    if !is_invite && let Some(dialog) = &mut call.dialog {
                        dialog.refresh(&response);
                    }
                    ua.agree_on_session(now, call, &response);
                    ua.events.push_back(Event::OfferAnswered { call: call.id, response });
                    ua.make_next_offer(now, call);
                }
                491 => {
                    // 14.1: who made the Call-ID waits longer.
                    let wait = match call.role {
                        Role::Caller => ua.random_wait(Duration::from_millis(2_100), Duration::from_secs(4)),
                        Role::Callee => ua.random_wait(Duration::ZERO, Duration::from_secs(2)),
                    };
                    ua.postpone_offer(now, call, offer, wait);
                }
                500 if response.first(Name::RetryAfter).is_some() => {
                    let wait = response.first(Name::RetryAfter).and_then(|value| value.trim().parse().ok());
                    ua.postpone_offer(now, call, offer, Duration::from_secs(wait.unwrap_or(1).min(10)));
                }
                408 | 481 => ua.lose(now, call),
                _ => {
                    let has_next = call.session.as_ref().is_some_and(|session| session.next_offer.is_some());
                    ua.events.push_back(match has_next && ua.settings.renews_offers {
                        // Whoever wants something else already has no use for the refusal.
                        true => Event::OfferPostponed { call: call.id },
                        false => Event::OfferRefused { call: call.id, status },
                    });
                    ua.make_next_offer(now, call);
                }
            }
        });
    }

    /// Makes the offer that came up while another was open.
    fn make_next_offer(&mut self, now: SimTime, call: &mut Call) {
        let Some(next) = call.session.as_mut().and_then(|session| session.next_offer.take()) else { return };
        let next = OfferOut { description: next, update: false, waiting: false };
        if self.is_renewed(&next) && !is_busy(call) {
            return self.events.push_back(Event::OfferWanted { call: call.id });
        }
        self.make_offer(now, call, next);
    }

    /// A re-INVITE or UPDATE came.
    pub(super) fn offer_came(&mut self, now: SimTime, call: &mut Call, server: ServerId, request: Message) {
        let is_invite = request.method() == Method::Invite;
        let has_offer = !request.body().is_empty();
        if is_invite && matches!(call.state, State::Calling | State::Ringing) {
            // The INVITE that began it isn't answered yet (14.2).
            let wait = self.random_seconds(10);
            return self.refuse_busy(now, server, &request, wait);
        }
        if call.offer_in.is_some() {
            let wait = self.random_seconds(10);
            return self.refuse_busy(now, server, &request, wait);
        }
        let ours_open = call.offer_out.as_ref().is_some_and(|offer| !offer.waiting);
        if ours_open && (is_invite || has_offer) && !self.settings.quirks.ignores_glare {
            return self.reply(now, server, &request, 491);
        }
        if is_invite && call.answer.is_some() {
            // Our answer isn't acknowledged, so its session isn't settled.
            return self.reply(now, server, &request, 491);
        }
        if let Some(least) = self.session_of_request_too_small(&request) {
            let response = Writer::answer(&request, 422, "Session Interval Too Small", None);
            return self.respond(now, server, response.header(Name::MinSe, least).end());
        }
        if let Some(dialog) = &mut call.dialog {
            dialog.refresh(&request);
        }
        call.offer_in = Some(OfferIn { server, request: request.clone() });
        if !is_invite && !has_offer {
            // A refresh of the session, or of the target: nothing to decide.
            return self.grant_offer(now, call, None);
        }
        self.events.push_back(Event::Offered { call: call.id, request });
    }

    fn refuse_busy(&mut self, now: SimTime, server: ServerId, request: &Message, seconds: u64) {
        let response = Writer::answer(request, 500, "Server Internal Error", None).header(Name::RetryAfter, seconds);
        self.respond(now, server, response.end());
    }

    /// Agrees to an offer of the other side, with our answer, or our offer where it asked for one.
    pub fn answer_offer(&mut self, now: SimTime, call: CallId, description: Option<Bytes>) {
        self.with(call, |ua, call| ua.grant_offer(now, call, description));
    }

    fn grant_offer(&mut self, now: SimTime, call: &mut Call, description: Option<Bytes>) {
        let Some(OfferIn { server, request }) = call.offer_in.take() else { return };
        let mut writer = Writer::answer(&request, 200, "OK", None)
            .header(Name::Contact, &call.contact)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, "timer, replaces, 100rel");
        writer = self.grant_session(now, call, &request, writer);
        if description.is_some() {
            call.description.clone_from(&description);
        }
        let response = written(finish(writer, description.as_ref()));
        self.transactions.respond(now, server, response.clone());
        if request.method() == Method::Invite {
            let cseq = request.cseq().map_or(0, |cseq| cseq.number);
            self.repeat_until_acknowledged(now, call, server, response, cseq);
        }
    }

    /// Refuses an offer of the other side: the session stays as it was.
    pub fn refuse_offer(&mut self, now: SimTime, call: CallId, status: u16) {
        assert!(status >= 300, "{status} refuses nothing");
        self.with(call, |ua, call| {
            if let Some(OfferIn { server, request }) = call.offer_in.take() {
                ua.reply(now, server, &request, status);
            }
        });
    }
}
