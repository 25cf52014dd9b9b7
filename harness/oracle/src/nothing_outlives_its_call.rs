//! Nothing outlives its call.
//!
//! What a call was given is given back when it's over. A gateway's leg is a port that answers whoever knows its password:
//! once its call has ended its ICE session is over (RFC 8445 section 12), so that it neither answers checks nor sends any,
//! and sends no media. An address on a relay is given back with a lifetime of zero, or left to expire; nobody refreshes it
//! for a call that's over, and no relay refreshes what has expired (RFC 8656 sections 3.2, 7 and 7.2).
//!
//! A leg is judged two seconds after its end, and whenever it shows itself later: legs of those who serve WebSockets,
//! where ICE was seen. Its end is a BYE that came, the answer to one that was sent (or 32 seconds without), a refusal of
//! the call, or the DTLS alert of its other side (a page that was left). Of a tab that falls silent without any of that,
//! the leg is [`without_consent_no_media`](crate::without_consent_no_media)'s, and the end of the call
//! [`a_gone_tab_ends_its_calls`](crate::a_gone_tab_ends_its_calls)'s.
//!
//! An address on a relay belongs to the calls in whose descriptions its client tells of it. It's judged when it's given
//! back, or at the end of the run if it has expired by then: whether it was refreshed more than forty seconds after the
//! last of those calls had ended, the time for which a request is repeated (RFC 8489 section 6.2.1). Of a relay each
//! refresh that it grants is judged. What goes through an address that has expired is
//! [`no_relaying_after_expiry`](crate::no_relaying_after_expiry)'s.
//!
//! Exempt are hosts that were down, asleep or moved since, and addresses that no SIP message told of.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{HostId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::{Dues, PATIENCE};
use crate::hearing::{Check, Heard, Place, Record, Relaying, Secured, SocketChange, digest};
use crate::read::dtls::Content;
use crate::read::sdp::relayed;
use crate::read::sip::Method;
use crate::read::stun::Class;
use crate::relays::{Grant, Seat};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// What a gateway may need to close a leg.
const CLOSING: Duration = Duration::from_secs(2);
/// RFC 8489 section 6.2.1, and what an answer needs.
const REPEATED: Duration = Duration::from_secs(40);
/// What clocks of whole seconds make of a time.
const MARGIN: Duration = Duration::from_secs(1);

/// A host's side of a call: the digest of its Call-ID.
type Side = (HostId, u64);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct NothingOutlivesItsCall {
    judgement: Judgement,
    /// Who has agreed to a WebSocket.
    servers: FxHashSet<HostId>,
    /// Calls with descriptions of WebRTC.
    calls: FxHashMap<Side, Call>,
    /// BYEs that may stay without an answer.
    unanswered: Dues<Side>,
    /// Servers' sessions in which there were checks, by their own fragment.
    checked: FxHashSet<(HostId, u64)>,
    /// Servers' sessions that are over.
    over: FxHashMap<(HostId, u64), Over>,
    legs: Dues<Side>,
    /// The calls that an address on a relay is told of in.
    users: FxHashMap<SocketAddrV4, Vec<Side>>,
    /// What clients have of relays.
    held: FxHashMap<Seat, Held>,
    /// Until when relays have lent something.
    lent: FxHashMap<Seat, Lent>,
}

#[derive(Debug, Default)]
struct Call {
    /// The host's own fragments.
    sessions: Vec<u64>,
    accepted: bool,
    ended: Option<SimTime>,
    life: u32,
}

#[derive(Debug)]
struct Over {
    since: SimTime,
    why: &'static str,
    is_told: bool,
}

#[derive(Debug)]
struct Held {
    relayed: SocketAddrV4,
    until: SimTime,
    life: u32,
    is_told: bool,
}

#[derive(Debug)]
struct Lent {
    relayed: SocketAddrV4,
    /// From then on a refresh is refused.
    refused_from: SimTime,
    life: u32,
}

impl Default for NothingOutlivesItsCall {
    fn default() -> Self {
        NothingOutlivesItsCall {
            judgement: Judgement::default(),
            servers: FxHashSet::default(),
            calls: FxHashMap::default(),
            unanswered: Dues::after(PATIENCE),
            checked: FxHashSet::default(),
            over: FxHashMap::default(),
            legs: Dues::after(CLOSING),
            users: FxHashMap::default(),
            held: FxHashMap::default(),
            lent: FxHashMap::default(),
        }
    }
}

impl Witness for NothingOutlivesItsCall {
    fn name(&self) -> &'static str {
        "nothing_outlives_its_call"
    }

    fn rule(&self) -> &'static str {
        "when a call is over its gateway leg neither checks, answers nor sends, and its address on a relay isn't refreshed \
         any more (RFC 8445 section 12; RFC 8656 sections 3.2, 7 and 7.2)"
    }

    fn message(&mut self, heard: &Heard<'_>, _around: &Surroundings) {
        if heard.is_forwarding {
            return;
        }
        let side = (heard.host, heard.call);
        if heard.is_sent()
            && let Some(secure) = heard.secure
        {
            self.describes(heard, side, digest(secure.fragment));
        }
        let Some(call) = self.calls.get_mut(&side) else { return };
        match heard.method {
            Method::Invite if heard.accepts(Method::Invite) => call.accepted = true,
            // Others than these are the end of an INVITE that isn't made again.
            Method::Invite
                if heard.status >= 300 && !call.accepted && !matches!(heard.status, 401 | 407 | 422 | 491) =>
            {
                self.ends(side, heard.at);
            }
            Method::Bye if heard.is_request() && heard.has_arrived() => self.ends(side, heard.at),
            Method::Bye if heard.is_request() => self.unanswered.push(heard.at, side),
            Method::Bye if heard.is_final() && !matches!(heard.status, 401 | 407) => self.ends(side, heard.at),
            _ => {}
        }
    }

    fn check(&mut self, check: &Check<'_>, around: &Surroundings) {
        let place = &check.place;
        if !self.servers.contains(&place.host) {
            return;
        }
        match check.stun.class {
            Class::Request if !place.is_sent() => {
                if let Some(session) = around.ice_session(place.host, place.here) {
                    self.checked.insert((place.host, session.local));
                }
            }
            Class::Request => self.shows(place, "checks", around),
            Class::Success if place.is_sent() => self.shows(place, "answers checks", around),
            _ => {}
        }
    }

    fn record(&mut self, record: &Record<'_>, around: &Surroundings) {
        let Place { at, host, here, .. } = record.place;
        if record.record.epoch == 0 || !self.servers.contains(&host) {
            return;
        }
        match record.record.content {
            Content::Data if record.place.is_sent() => self.shows(&record.place, "sends data", around),
            Content::Alert if !record.place.is_sent() => {
                if let Some(session) = around.ice_session(host, here) {
                    let over = Over { since: at, why: "whose other side has closed it", is_told: false };
                    self.over.entry((host, session.local)).or_insert(over);
                }
            }
            _ => {}
        }
    }

    fn secured(&mut self, secured: &Secured<'_>, around: &Surroundings) {
        self.shows(&secured.place, if secured.is_control { "sends control" } else { "sends media" }, around);
    }

    fn socket(&mut self, place: &Place, change: SocketChange, _around: &Surroundings) {
        if change == SocketChange::Opened && place.is_sent() {
            self.servers.insert(place.host);
        }
    }

    fn relay(&mut self, place: &Place, relaying: &Relaying, around: &Surroundings) {
        let Relaying::Granted(grant) = relaying else { return };
        if place.is_sent() { self.lends(place, grant, around) } else { self.holds(place, grant, around) }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, side)) = self.unanswered.pop(now) {
            self.ends(side, at);
        }
        while let Some((_, side)) = self.legs.pop(now) {
            self.leg(side, around);
        }
    }

    fn finish(&mut self, at: SimTime) {
        // Nothing was refreshed, or it would have been told: left to expire is as good as given back.
        let is_over =
            |held: &&Held| !held.is_told && held.until < at && ended(&self.users, &self.calls, held.relayed).is_some();
        self.judgement.judged += self.held.values().filter(is_over).count() as u64;
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

/// When the last of the calls ended that an address was told of in; none while one is up, or if there's none.
fn ended(
    users: &FxHashMap<SocketAddrV4, Vec<Side>>,
    calls: &FxHashMap<Side, Call>,
    relayed: SocketAddrV4,
) -> Option<SimTime> {
    let mut last = None;
    for side in users.get(&relayed)? {
        last = last.max(Some(calls.get(side)?.ended?));
    }
    last
}

impl NothingOutlivesItsCall {
    fn describes(&mut self, heard: &Heard<'_>, side: Side, session: u64) {
        let begins = heard.is(Method::Invite) && heard.to_tag == 0;
        let call = self.calls.entry(side).or_default();
        if begins && call.ended.take().is_some() {
            // Somebody who was refused tries again.
            for session in &call.sessions {
                self.over.remove(&(heard.host, *session));
            }
        }
        call.life = heard.life;
        if !call.sessions.contains(&session) {
            call.sessions.push(session);
        }
        for address in heard.message.sdp().into_iter().flat_map(relayed) {
            let users = self.users.entry(address).or_default();
            if !users.contains(&side) {
                users.push(side);
            }
        }
    }

    fn ends(&mut self, side: Side, at: SimTime) {
        let Some(call) = self.calls.get_mut(&side).filter(|call| call.ended.is_none()) else { return };
        call.ended = Some(at);
        if !self.servers.contains(&side.0) {
            return;
        }
        self.legs.push(at, side);
        for session in &call.sessions {
            let over = Over { since: at, why: "whose call ended", is_told: false };
            self.over.entry((side.0, *session)).or_insert(over);
        }
    }

    /// A leg's time is over. That it has closed is seen by what it doesn't do from now on.
    fn leg(&mut self, (host, call): Side, around: &Surroundings) {
        let Some(call) = self.calls.get(&(host, call)) else { return };
        let Some(ended) = call.ended else { return };
        if !call.sessions.iter().any(|session| self.checked.contains(&(host, *session))) {
            return;
        }
        if around.life(host) != call.life || around.disturbed(host, ended) {
            return self.judgement.exempt("its host was down, asleep or moved");
        }
        self.judgement.judged += 1;
    }

    /// A server does something by an ICE session of its own.
    fn shows(&mut self, place: &Place, what: &str, around: &Surroundings) {
        if self.over.is_empty() {
            return;
        }
        let Some(session) = around.ice_session(place.host, place.here) else { return };
        let Some(over) = self.over.get_mut(&(place.host, session.local)) else { return };
        if over.is_told || place.at <= over.since + CLOSING {
            return;
        }
        over.is_told = true;
        if around.disturbed(place.host, over.since) {
            return self.judgement.exempt("its host was down, asleep or moved");
        }
        let Over { since, why, .. } = over;
        let name = around.name(place.host);
        let what = format!("{name} still {what} at {}, by a leg {why} at {since}", place.here);
        self.judgement.violate(place.at, what, [place.packet]);
    }

    /// A client is granted something.
    fn holds(&mut self, place: &Place, grant: &Grant, around: &Surroundings) {
        let (seat, life) = (place.seat(), around.life(place.host));
        let until = |seconds: u32| place.at + Duration::from_secs(u64::from(seconds));
        match *grant {
            Grant::Allocated { relayed, lifetime } => {
                self.held.insert(seat, Held { relayed, until: until(lifetime), life, is_told: false });
            }
            Grant::Refreshed { lifetime: 0 } => {
                let Some(held) = self.held.remove(&seat) else { return };
                if !self.users.contains_key(&held.relayed) {
                    self.judgement.exempt("no SIP message told of that address on a relay");
                } else if !held.is_told {
                    self.judgement.judged += 1;
                }
            }
            Grant::Refreshed { lifetime } => {
                let Some(held) = self.held.get_mut(&seat) else { return };
                held.until = until(lifetime);
                let Some(ended) = ended(&self.users, &self.calls, held.relayed) else { return };
                if held.is_told || place.at <= ended + REPEATED {
                    return;
                }
                held.is_told = true;
                if held.life != life || around.disturbed(place.host, ended) {
                    return self.judgement.exempt("its host was down, asleep or moved");
                }
                self.judgement.judged += 1;
                let (name, relayed) = (around.name(place.host), held.relayed);
                let what = format!("{name} refreshes {relayed} on a relay, though its call ended at {ended}");
                self.judgement.violate(place.at, what, [place.packet]);
            }
            Grant::Permitted { .. } | Grant::Bound { .. } => {}
        }
    }

    /// A relay grants something.
    fn lends(&mut self, place: &Place, grant: &Grant, around: &Surroundings) {
        let (seat, life) = (place.seat(), around.life(place.host));
        let after = |seconds: u32| place.at + Duration::from_secs(u64::from(seconds)) + MARGIN;
        match *grant {
            Grant::Allocated { relayed, lifetime } => {
                self.lent.insert(seat, Lent { relayed, refused_from: after(lifetime), life });
            }
            // An earlier request may come once more, and is answered as it was.
            Grant::Refreshed { lifetime: 0 } => {
                if let Some(lent) = self.lent.get_mut(&seat) {
                    lent.refused_from = place.at + REPEATED;
                }
            }
            Grant::Refreshed { lifetime } => {
                let Some(lent) = self.lent.get_mut(&seat) else { return };
                self.judgement.judged += 1;
                let is_over = lent.life != life || place.at > lent.refused_from;
                lent.refused_from = after(lifetime);
                lent.life = life;
                if is_over {
                    let (name, relayed) = (around.name(place.host), lent.relayed);
                    let what = format!("{name} refreshes {relayed}, which was over");
                    self.judgement.violate(place.at, what, [place.packet]);
                }
            }
            Grant::Permitted { .. } | Grant::Bound { .. } => {}
        }
    }
}
