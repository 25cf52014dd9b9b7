//! A gone tab ends its calls.
//!
//! A webphone whose tab is gone says no BYE. Whoever holds its leg knows of it all the same, and owes an end to the other
//! leg (RFC 3261 section 15; RFC 7675 section 5.1 for what is known by silence):
//!
//! - the tab's DTLS alert has arrived (a page that was left, RFC 5246 section 7.2.1): at once;
//! - its WebSocket is over and nothing of ICE comes any more (a tab that was closed, has crashed, or was killed): five
//!   seconds after the last check;
//! - nothing of ICE comes any more, and that's all (a lid that was closed, a cable): thirty seconds after the last check.
//!
//! In each case two seconds more. Judged are legs by a WebSocket, with media that DTLS secures, that are bridged with
//! another leg as [`when_one_leg_ends_the_other_ends`](crate::when_one_leg_ends_the_other_ends) tells it: the other leg
//! is over by then. Not judged, and counted as exempt: legs that were transferred or taken elsewhere, servers that were
//! down, asleep or moved. Of a server that was set to keep the contacts of lost connections (see
//! [`a_gone_tab_is_not_rung`](crate::a_gone_tab_is_not_rung)) the thirty seconds alone are judged.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{Event, HostId, Log, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::a_gone_tab_is_not_rung::keeps_lost_connections;
use crate::hearing::{Carrier, Check, Heard, Place, Record, SocketChange, digest};
use crate::read::dtls::Content;
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::when_one_leg_ends_the_other_ends::WhenOneLegEndsTheOtherEnds;
use crate::witness::{Judgement, Witness};

/// Silence that ends a leg whose WebSocket is over.
const SILENT: Duration = Duration::from_secs(5);
/// Silence that ends any leg (RFC 7675).
const CONSENT: Duration = Duration::from_secs(30);
/// Who has checked within this time isn't gone, for all that's known.
const QUIET: Duration = Duration::from_secs(10);
/// What a server may need.
const MARGIN: Duration = Duration::from_secs(2);
/// So often it's looked whether anything is due.
const LOOK: Duration = Duration::from_millis(250);

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct AGoneTabEndsItsCalls {
    judgement: Judgement,
    /// Who has agreed to a WebSocket: a server.
    servers: FxHashSet<HostId>,
    /// Which leg belongs to which; only fed once there's a server.
    bridges: WhenOneLegEndsTheOtherEnds,
    /// Legs by a WebSocket, by server and Call-ID; in the order in which they were made.
    legs: Vec<Leg>,
    /// What has arrived for a server's ICE session, by its own fragment.
    signs: FxHashMap<(HostId, u64), Signs>,
    keepers: FxHashSet<HostId>,
    look: SimTime,
}

#[derive(Debug)]
struct Leg {
    host: HostId,
    call: u64,
    /// The server's own end of the WebSocket, and the other.
    ends: (SocketAddrV4, SocketAddrV4),
    /// The server's own fragment, as its last description says.
    session: Option<u64>,
    accepted: Option<SimTime>,
}

/// What tells of a tab's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Alert,
    SocketOver,
    Silence,
}

#[derive(Debug, Clone, Copy)]
struct TabEnd {
    sign: Sign,
    /// When the sign came.
    since: SimTime,
    /// When the other leg has to have ended.
    due: SimTime,
}

#[derive(Debug, Default, Clone, Copy)]
struct Signs {
    checked: Option<SimTime>,
    alerted: Option<SimTime>,
}

impl Witness for AGoneTabEndsItsCalls {
    fn name(&self) -> &'static str {
        "a_gone_tab_ends_its_calls"
    }

    fn rule(&self) -> &'static str {
        "a call with a tab that's gone ends for the other side: at once after its DTLS alert, five seconds after the last \
         ICE check once its WebSocket is over, thirty seconds after the last check otherwise (RFC 3261 section 15; RFC \
         7675 section 5.1)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        if self.servers.is_empty() || !self.servers.contains(&heard.host) {
            return;
        }
        self.bridges.message(heard, around);
        if heard.is(Method::Bye) {
            self.ends(heard, around);
        }
        if heard.over != Carrier::WebSocket {
            return;
        }
        let own = self.legs.iter_mut().find(|leg| (leg.host, leg.call) == (heard.host, heard.call));
        let ends = (heard.here, heard.there);
        let leg = match own {
            Some(leg) => leg,
            None if heard.is(Method::Invite) && heard.to_tag == 0 => {
                let (host, call) = (heard.host, heard.call);
                self.legs.push(Leg { host, call, ends, session: None, accepted: None });
                self.legs.last_mut().expect("just pushed")
            }
            None => return,
        };
        // Who has connected again is reached by the new flow (RFC 5626).
        if heard.has_arrived() {
            leg.ends = ends;
        }
        if heard.is_sent()
            && let Some(secure) = heard.secure
        {
            leg.session = Some(digest(secure.fragment));
        }
        if heard.accepts(Method::Invite) {
            leg.accepted.get_or_insert(heard.at);
        }
        let is_refused = heard.method == Method::Invite && heard.status >= 300 && leg.accepted.is_none();
        if heard.method == Method::Bye || (is_refused && !matches!(heard.status, 401 | 407 | 422 | 491)) {
            let (host, call) = (heard.host, heard.call);
            self.legs.retain(|leg| (leg.host, leg.call) != (host, call));
        }
    }

    fn check(&mut self, check: &Check<'_>, around: &Surroundings) {
        let Place { at, host, here, .. } = check.place;
        if check.place.is_sent() || !self.servers.contains(&host) {
            return;
        }
        if let Some(session) = around.ice_session(host, here) {
            self.signs.entry((host, session.local)).or_default().checked = Some(at);
        }
    }

    fn record(&mut self, record: &Record<'_>, around: &Surroundings) {
        let Place { at, host, here, .. } = record.place;
        let is_alert = record.record.content == Content::Alert && record.record.epoch > 0;
        if !is_alert || record.place.is_sent() || !self.servers.contains(&host) {
            return;
        }
        if let Some(session) = around.ice_session(host, here) {
            self.signs.entry((host, session.local)).or_default().alerted.get_or_insert(at);
        }
    }

    fn socket(&mut self, place: &Place, change: SocketChange, _around: &Surroundings) {
        if change == SocketChange::Opened && place.is_sent() {
            self.servers.insert(place.host);
        }
    }

    fn event(&mut self, event: &Event, _log: &Log) {
        if keeps_lost_connections(event) {
            self.keepers.extend(event.host);
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        if self.servers.is_empty() {
            return;
        }
        self.bridges.due(now, around);
        if now < self.look || self.legs.is_empty() {
            return;
        }
        self.look = now + LOOK;
        let mut legs = std::mem::take(&mut self.legs);
        legs.retain(|leg| !self.is_judged(leg, now, around));
        self.legs = legs;
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl AGoneTabEndsItsCalls {
    /// A leg is hung up on: if that's because the tab at its other leg is gone, all is well with that one.
    fn ends(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let mut legs = std::mem::take(&mut self.legs);
        legs.retain(|leg| {
            if leg.host != heard.host || leg.call == heard.call {
                return true;
            }
            let Some(end) = self.end(leg, around) else { return true };
            // Between two checks it's silent, too.
            let is_gone = end.sign != Sign::Silence || heard.at > end.since + QUIET;
            let has_ended = self.bridges.partner(leg.host, leg.call).is_some_and(|partner| partner.has_ended);
            let is_well = is_gone && has_ended && heard.at <= end.due;
            self.judgement.judged += u64::from(is_well);
            !is_well
        });
        self.legs = legs;
    }

    /// By what the tab's end is known, as things are.
    fn end(&self, leg: &Leg, around: &Surroundings) -> Option<TabEnd> {
        let accepted = leg.accepted?;
        let signs = self.signs.get(&(leg.host, leg.session?)).copied().unwrap_or_default();
        let of = |sign, since, due: SimTime| TabEnd { sign, since, due: due.max(accepted) + MARGIN };
        let alerted = signs.alerted.map(|at| of(Sign::Alert, at, at));
        let last = signs.checked.map(|at| at.max(accepted));
        let over = around.web_socket_over(leg.host, leg.ends.0, leg.ends.1);
        let over = over.filter(|_| !self.keepers.contains(&leg.host));
        // Without any check there was no media yet: it's silent from the end of its WebSocket on.
        let over = over.map(|over| {
            let silent = last.unwrap_or(over.max(accepted)) + SILENT;
            of(Sign::SocketOver, over, over.max(silent))
        });
        let silent = last.map(|last| of(Sign::Silence, last, last + CONSENT));
        [alerted, over, silent].into_iter().flatten().min_by_key(|end| end.due)
    }

    fn is_judged(&mut self, leg: &Leg, now: SimTime, around: &Surroundings) -> bool {
        let Some(TabEnd { sign, since, due }) = self.end(leg, around) else { return false };
        if now <= due {
            return false;
        }
        let sign = match sign {
            Sign::Alert => "its DTLS alert came",
            Sign::SocketOver => "its WebSocket was over",
            Sign::Silence => "its last ICE check came",
        };
        let Some(partner) = self.bridges.partner(leg.host, leg.call) else { return true };
        if partner.is_untied {
            self.judgement.exempt("it was transferred or taken elsewhere");
        } else if around.disturbed(leg.host, since) || around.life(leg.host) != partner.life {
            self.judgement.exempt("its host was down, asleep or moved");
        } else {
            self.judgement.judged += 1;
            if !partner.has_ended {
                let name = around.name(leg.host);
                let peer = partner.peer.map_or("somebody".to_owned(), |peer| around.name(peer));
                let what =
                    format!("{name}'s leg to {peer} is still up, whose other leg's tab is gone: {sign} at {since}");
                self.judgement.violate(due, what, [partner.packet]);
            }
        }
        true
    }
}
