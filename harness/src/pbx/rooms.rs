//! Conference rooms: numbers where everybody hears everybody.

use std::rc::Rc;

use super::calls::{CallView, Due};
use super::exchange::Exchange;
use super::leg::{OfferedFor, Place, Wish};
use super::records::CallEnding;
use crate::media::{Conference, MemberId};
use crate::sip::ua::CallId;
use crate::trace::SimTime;

impl Exchange {
    /// A place in a room was made ready. Gives it back if nobody wants it any more.
    #[must_use]
    pub(super) fn joined(&mut self, now: SimTime, call: CallId, place: Option<MemberId>) -> Option<MemberId> {
        let Some(leg) = self.legs.get_mut(&call) else { return place };
        let Place::Room { session, room, member } = &mut leg.place else { return place };
        let (session, room) = (*session, room.clone());
        let Some(joined) = place else {
            // The host has no port left.
            self.ua.reject(now, call, 503, &[]);
            self.end_session(now, session, None, CallEnding::Refused(503));
            return None;
        };
        *member = Some(joined);
        let Some(conference) = self.rooms.get(&room) else { return place };
        leg.line.local.port = conference.port(joined);
        let (party, record) = (leg.party.clone(), self.sessions.get(&session).map(|session| session.record));
        if leg.answered {
            // It was in another call before.
            let wish = leg.line.wish();
            let offer = leg.line.offer(&wish);
            self.send_offer(now, call, offer, OfferedFor::JoinLast);
        } else {
            leg.answered = true;
            let answer = match leg.line.received.clone() {
                Some(offer) => leg.line.answer(&offer, &Wish::default()),
                None => {
                    leg.ack_answers = true;
                    Some(leg.line.offer(&Wish::default()))
                }
            };
            if answer.is_none() {
                self.ua.reject(now, call, 488, &[]);
                self.end_session(now, session, None, CallEnding::Refused(488));
                return place;
            }
            self.ua.accept(now, call, answer);
            self.connect_member(call, &room, place);
            self.expect_signs(now, call);
        }
        if let Some(after) = self.settings.rtp_timeout {
            self.at(now + after, Due::Audio(session));
        }
        if let Some(record) = record {
            self.records.answer(now, record, room.clone());
        }
        self.host.claim("room-joined", |e| e.with("room", &*room).with("party", &*party));
        None
    }

    /// Points a room's member to where it is.
    pub(super) fn connect_member(&mut self, call: CallId, room: &Rc<str>, member: Option<MemberId>) {
        let (Some(member), Some(conference)) = (member, self.rooms.get(room)) else { return };
        let Some(leg) = self.legs.get(&call) else { return };
        let Some(agreed) = &leg.line.agreed else { return };
        let mut remote = agreed.remote();
        if remote.address.ip() != leg.flow.remote.ip() {
            remote = remote.latching();
        }
        conference.connect(member, remote);
    }

    /// The room of that number, if somebody has been in it.
    pub(super) fn room(&self, number: &str) -> Option<Conference> {
        self.rooms.get(number).cloned()
    }

    /// The calls that are up, the oldest first.
    pub(super) fn call_views(&self) -> Vec<CallView> {
        let party = |call: CallId| self.legs.get(&call).map(|leg| leg.party.clone());
        self.sessions
            .values()
            .filter_map(|session| {
                let record = self.records.of(session.record)?;
                let room = self.legs.get(&session.caller).and_then(|leg| match &leg.place {
                    Place::Room { room, .. } => Some(room.clone()),
                    _ => None,
                });
                let callee = session.callee.and_then(party);
                Some(CallView {
                    caller: record.caller.clone(),
                    called: record.called.clone(),
                    callee,
                    began: record.began,
                    answered: record.answered,
                    room,
                })
            })
            .collect()
    }
}
