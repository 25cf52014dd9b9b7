//! Parties that are there by a connection and a WebRTC transport, and how the server notices that they aren't any more.
//!
//! A tab that's closed says nothing: its WebSocket ends, and no more checks of its ICE agent come. What is seen first ends
//! the call for the other side.

use std::rc::Rc;
use std::time::Duration;

use super::bridge::Bridge;
use super::calls::{Due, Refusal};
use super::exchange::{Chore, Exchange, Then};
use super::gate::Gate;
use super::leg::Place;
use super::records::CallEnding;
use super::registrar::{Contact, Device};
use crate::media::webrtc::PeerEvent;
use crate::media::webrtc::transport::DtlsState;
use crate::sip::ua::CallId;
use crate::sip::{Flow, Message, Transport};
use crate::trace::SimTime;

/// A party whose connection is gone, and that shows no other sign for so long, is gone too. One that has lost nothing but
/// its connection shows one each three seconds.
const UNPLUGGED: Duration = Duration::from_secs(5);
/// ICE and DTLS come up within that time after an answer, or never.
const SETTING_UP: Duration = Duration::from_secs(30);

impl Exchange {
    /// Whether audio to and from a phone that is reached so is WebRTC's.
    pub(super) fn speaks_webrtc(&self, flow: Flow) -> bool {
        self.settings.webrtc && flow.transport == Transport::Ws
    }

    /// How many WebRTC ends are open.
    pub(super) fn peers(&self) -> usize {
        self.legs.values().filter(|leg| leg.line.gate.is_some()).count() + self.haunted_gates.len()
    }

    /// A leg that isn't over speaks WebRTC by this end.
    pub(super) fn put_gate(&mut self, call: CallId, mut gate: Gate) {
        let Some(leg) = self.legs.get_mut(&call) else { return gate.close() };
        gate.watch(call, &self.host, &self.gate_events);
        leg.line.gate = Some(gate);
    }

    /// A leg's WebRTC is over.
    pub(super) fn close_gate(&mut self, call: CallId) {
        if let Some(gate) = self.legs.get_mut(&call).and_then(|leg| leg.line.gate.take()) {
            self.dispose(gate);
        }
    }

    pub(super) fn dispose(&mut self, gate: Gate) {
        if self.settings.behaviour.keeps_peers_open { self.haunted_gates.push(gate) } else { gate.close() }
    }

    /// Ends a leg in the way that fits, its audio included.
    pub(super) fn end_leg(&mut self, now: SimTime, call: CallId) {
        self.ua.end(now, call);
        self.close_gate(call);
    }

    /// The same, and its party is told why.
    pub(super) fn end_leg_because(&mut self, now: SimTime, call: CallId, ending: CallEnding) {
        match ending.reason() {
            Some(reason) => self.ua.end_because(now, call, reason),
            None => self.ua.end(now, call),
        }
        self.close_gate(call);
    }

    /// It's answered: from now on its WebRTC should be up.
    pub(super) fn expect_signs(&mut self, now: SimTime, call: CallId) {
        let Some(gate) = self.legs.get_mut(&call).and_then(|leg| leg.line.gate.as_mut()) else { return };
        gate.expected.get_or_insert(now);
        self.check(now, call);
    }

    /// A connection is gone. Who called by it may make another, but not for long if nothing else is heard of her.
    pub(super) fn unplug(&mut self, now: SimTime, flow: Flow) {
        let mut gone: Vec<CallId> =
            self.legs.keys().copied().filter(|call| self.ua.flow(*call) == Some(flow)).collect();
        gone.sort_unstable();
        for call in gone {
            if let Some(leg) = self.legs.get_mut(&call) {
                leg.unplugged.get_or_insert(now);
                self.check(now, call);
            }
        }
    }

    /// A request or an answer came within a leg's dialog: by a connection that lives, unless it's gone again.
    pub(super) fn replug(&mut self, now: SimTime, call: CallId) {
        let Some(flow) = self.ua.flow(call) else { return };
        let Some(leg) = self.legs.get_mut(&call) else { return };
        if flow.connection.is_none() && flow.transport != Transport::Udp {
            return;
        }
        leg.flow = flow;
        if leg.unplugged.take().is_some() {
            leg.check_at = None;
            self.check(now, call);
        }
    }

    /// A phone has registered by a connection. What is sent to it in calls that it has goes by that one from now on; and
    /// answers that it waits for, too. A page that was loaded again has no calls: those of the page before end by the
    /// loss of that one's connection.
    pub(super) fn follow_device(&mut self, now: SimTime, user: &Rc<str>, request: &Message, flow: Flow) {
        if flow.transport != Transport::Ws {
            return;
        }
        let (Ok(contacts), Ok(call_id)) = (request.contacts(), request.call_id()) else { return };
        let mut calls = self.parties.get(user).cloned().unwrap_or_default();
        calls.sort_unstable();
        for contact in &contacts {
            let instance = contact.instance();
            let device = Device::of(instance.as_deref(), contact.uri.raw, call_id);
            for &call in &calls {
                let Some(leg) = self.legs.get_mut(&call) else { continue };
                if leg.device.as_ref() != Some(&device) || leg.flow == flow {
                    continue;
                }
                leg.flow = flow;
                self.ua.move_call(call, flow);
                if !leg.answered {
                    // Nothing but a connection is to be expected of it yet.
                    leg.unplugged = None;
                }
                self.check(now, call);
            }
        }
    }

    /// The device behind a user's flow.
    pub(super) fn device_at(&self, now: SimTime, user: &str, flow: Flow) -> Option<Device> {
        self.registrar.live(now, user).find(|contact| contact.flow == flow).map(Contact::device)
    }

    /// Something has happened to a leg's transport.
    pub(super) fn gate_happened(&mut self, now: SimTime, call: CallId, event: &PeerEvent) {
        match event {
            PeerEvent::PeerClosed => self.lose(now, call, CallEnding::DtlsClosed),
            PeerEvent::Dtls(DtlsState::Failed) => self.lose(now, call, CallEnding::NeverConnected),
            // Nothing is known of it but its last check: that's looked at when it's due.
            PeerEvent::Dtls(_) | PeerEvent::ConsentLost => self.check(now, call),
            PeerEvent::Ice(_) | PeerEvent::Candidate(_) | PeerEvent::Gathered | PeerEvent::Channel(_) => {}
        }
        self.work(now);
    }

    /// Looks again for signs of a leg's party when they are due: now, perhaps.
    pub(super) fn signs_due(&mut self, now: SimTime, at: SimTime, call: CallId) {
        if let Some(leg) = self.legs.get_mut(&call)
            && leg.check_at == Some(at)
        {
            leg.check_at = None;
            self.check(now, call);
        }
    }

    /// Looks for signs of a leg's party: until when it's believed to be there, and what it is if it isn't.
    fn patience(&self, call: CallId) -> Option<(SimTime, CallEnding)> {
        let leg = self.legs.get(&call).filter(|leg| leg.place != Place::Leaving)?;
        let Some(gate) = &leg.line.gate else {
            // Who was answered will be missed by her silence, if her audio comes here. Of one who talks past us nothing
            // else is ever seen: she may be well, and has as long to come back as the other browser has patience.
            let patience = match leg.answered {
                false => UNPLUGGED,
                true if self.is_relayed(call) => return None,
                true => self.settings.consent,
            };
            let at = leg.unplugged.filter(|_| leg.flow.transport == Transport::Ws)?;
            return Some((at + patience, CallEnding::WebSocketLost));
        };
        let heard = gate.last_heard();
        if let Some(at) = leg.unplugged {
            // What was shown before it lost its connection counts where it's more than nothing.
            let last = if gate.is_up() { heard.unwrap_or(at) } else { heard.map_or(at, |heard| heard.max(at)) };
            return Some((last + UNPLUGGED, CallEnding::WebSocketLost));
        }
        let expected = gate.expected?;
        if gate.is_up() {
            return Some((heard.unwrap_or(expected).max(expected) + self.settings.consent, CallEnding::ConsentLost));
        }
        Some((expected + SETTING_UP, CallEnding::NeverConnected))
    }

    pub(super) fn check(&mut self, now: SimTime, call: CallId) {
        let Some((until, ending)) = self.patience(call) else { return };
        if until <= now {
            return self.lose(now, call, ending);
        }
        if let Some(leg) = self.legs.get_mut(&call)
            && leg.check_at.is_none_or(|at| until < at || at <= now)
        {
            leg.check_at = Some(until);
            self.at(until, Due::Signs(call));
        }
    }

    /// A leg's party is gone without a word. It's told so all the same, in case it hears that.
    fn lose(&mut self, now: SimTime, call: CallId, ending: CallEnding) {
        if self.settings.behaviour.never_notices_lost_media {
            return;
        }
        let Some(leg) = self.legs.get(&call) else { return };
        let (place, party) = (leg.place.clone(), leg.party.clone());
        if place == Place::Leaving {
            return;
        }
        self.host.claim("party-lost", |e| e.with("party", &*party).with("why", format!("{ending:?}")));
        self.let_go(now, call);
        self.end_leg_because(now, call, ending);
        match place {
            Place::Call(id, _) => self.side_ended(now, id, call, ending),
            Place::Room { session, room, member } => {
                if let Some(member) = member {
                    self.chores.push_back(Chore::Leave { room, member });
                }
                self.end_session(now, session, Some(call), ending);
            }
            Place::Branch(dial) => self.branch_ended(now, dial, call, Refusal::of(480)),
            Place::Leaving => {}
        }
    }

    /// The relay of a call between parties of which one speaks WebRTC, or of any where all audio is relayed.
    pub(super) fn relay_for(&mut self, needed: bool) -> Result<Option<Bridge>, u16> {
        if !needed {
            return Ok(None);
        }
        self.spare.pop().map(|relay| Some(Bridge::new(relay))).ok_or(503)
    }

    /// Whether a leg speaks WebRTC, and not with us: what it says of itself is for whom it talks to.
    pub(super) fn is_out_of_reach(&self, call: CallId) -> bool {
        self.legs.get(&call).is_some_and(|leg| leg.webrtc && leg.line.gate.is_none())
    }

    /// Gives those who spoke WebRTC with each other so far an end of ours to speak to, and goes on then. They learn of it
    /// by the next offer that they get: another transport and another certificate, so that they shake hands anew.
    pub(super) fn take_over(&mut self, now: SimTime, calls: Vec<CallId>, then: Then) {
        match calls.is_empty() {
            true => self.go_on(now, then),
            false => self.chores.push_back(Chore::TakeOver { calls, then }),
        }
    }

    /// The ends are ready, unless the host had no port left for one.
    pub(super) fn taken_over(&mut self, now: SimTime, gates: Vec<(CallId, Option<Gate>)>, then: Then) {
        let is_complete = gates.iter().all(|(_, gate)| gate.is_some());
        for (call, gate) in gates {
            let Some(gate) = gate else { continue };
            if let Some(leg) = self.legs.get_mut(&call).filter(|_| is_complete) {
                leg.line.take_over();
                self.put_gate(call, gate);
            } else {
                gate.close();
            }
        }
        match (is_complete, then) {
            (true, then) => self.go_on(now, then),
            (false, Then::Refer { call, request }) => self.ua.refuse_refer(now, call, &request, 503),
            (false, Then::Replace { call, .. }) => self.ua.reject(now, call, 503, &[]),
        }
        self.work(now);
    }

    fn go_on(&mut self, now: SimTime, then: Then) {
        match then {
            Then::Refer { call, request } => self.referred(now, call, &request),
            Then::Replace { call, replaced } => self.replace(now, call, replaced),
        }
    }

    /// A leg's call is as it was, and nothing of ours is needed for it.
    pub(super) fn leave_alone(&mut self, call: CallId) {
        if !self.is_relayed(call) && self.legs.get(&call).is_some_and(|leg| leg.webrtc) {
            self.close_gate(call);
        }
    }

    /// Whether a leg speaks WebRTC with us.
    pub(super) fn is_gateway_leg(&self, call: CallId) -> bool {
        self.legs.get(&call).is_some_and(|leg| leg.line.gate.is_some())
    }
}
