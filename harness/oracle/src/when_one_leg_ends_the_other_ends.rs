//! When one leg ends, the other ends.
//!
//! A back-to-back user agent takes a call and makes another for it (RFC 3261 section 6: B2BUA); who hangs up on one
//! leg ends the session that both are (section 15). A leg that stays up after the other has ended is a call that
//! somebody pays for and nobody is in.
//!
//! Which legs belong together is nowhere written. Taken for a pair are an INVITE that arrived at a host and one that
//! the host sent, under another Call-ID, while the first was unanswered, in the name of the first's caller (From or
//! P-Asserted-Identity), if only one such call was unanswered. What was made before the other leg was accepted, and
//! accepted first, is bridged with it. Then:
//!
//! - when one of two bridged legs ends (a BYE, either way), the host ends the other within 64*T1;
//! - when the call that came in is refused, cancelled or bridged with another leg, each leg that isn't over is
//!   cancelled or hung up on within 64*T1. One that never was answered at all ends by itself (timer B).
//!
//! Judged are legs whose other leg ended. Not judged, and counted as exempt: calls that were transferred (REFER,
//! Replaces), legs made within a second of a REFER, calls whose surviving leg was taken elsewhere (a new INVITE in its party's name, a re-INVITE); hosts that
//! were down, asleep or moved; TCP connections in trouble; legs by a WebSocket that was gone.

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::FxHashMap;

use crate::dues::{Dues, OVERDUE};
use crate::hearing::{Heard, digest};
use crate::read::sip::{Method, Name};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

use std::net::SocketAddrV4;
use std::time::Duration;

/// What a host does so soon after a REFER may be for the transfer.
const SOON: Duration = Duration::from_secs(1);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct WhenOneLegEndsTheOtherEnds {
    judgement: Judgement,
    /// Calls that have come to a host and aren't answered, by host.
    pending: FxHashMap<HostId, Vec<Pending>>,
    /// Calls that came in, and the legs made for them.
    groups: FxHashMap<u64, Group>,
    /// Which leg of which group a host's Call-ID is: leg 0 came in.
    legs: FxHashMap<(HostId, u64), (u64, usize)>,
    /// Bridged groups by host and a party's name.
    parties: FxHashMap<(HostId, u64), Vec<u64>>,
    /// When a host was last asked to transfer a call.
    referred: FxHashMap<HostId, SimTime>,
    next: u64,
    dues: Dues<(u64, usize)>,
}

#[derive(Debug)]
struct Pending {
    /// The host's life in which it came.
    life: u32,
    call: u64,
    branch: u64,
    caller: u64,
    asserted: u64,
    leg: Leg,
}

#[derive(Debug)]
struct Group {
    host: HostId,
    /// The host's life in which it was made.
    life: u32,
    legs: Vec<Leg>,
    /// The leg that is bridged with the first.
    bridged: Option<usize>,
    /// It was transferred or taken elsewhere.
    untied: bool,
    /// The names of the first leg's party and of the bridged one's.
    parties: [u64; 2],
}

#[derive(Debug, Clone)]
struct Leg {
    call: u64,
    packet: PacketId,
    peer: Option<HostId>,
    /// The two ends of what carries it, the host's own first.
    ends: (SocketAddrV4, SocketAddrV4),
    over_tcp: bool,
    party: u64,
    /// Some response was heard.
    has_heard: bool,
    accepted: Option<SimTime>,
    cancelled: bool,
    /// It was refused, or hung up on.
    ended: Option<SimTime>,
    /// When the other leg's end asked for this one's.
    due_since: Option<SimTime>,
}

impl Leg {
    fn of(heard: &Heard<'_>, party: u64) -> Leg {
        let (call, packet, peer) = (heard.call, heard.packet, heard.peer);
        let (ends, over_tcp) = ((heard.here, heard.there), heard.over.is_stream());
        let (has_heard, accepted, cancelled, ended, due_since) = (false, None, false, None, None);
        Leg { call, packet, peer, ends, over_tcp, party, has_heard, accepted, cancelled, ended, due_since }
    }
}

impl Default for WhenOneLegEndsTheOtherEnds {
    fn default() -> Self {
        WhenOneLegEndsTheOtherEnds {
            judgement: Judgement::default(),
            pending: FxHashMap::default(),
            groups: FxHashMap::default(),
            legs: FxHashMap::default(),
            parties: FxHashMap::default(),
            referred: FxHashMap::default(),
            next: 0,
            dues: Dues::after(OVERDUE),
        }
    }
}

impl Witness for WhenOneLegEndsTheOtherEnds {
    fn name(&self) -> &'static str {
        "when_one_leg_ends_the_other_ends"
    }

    fn rule(&self) -> &'static str {
        "when one leg of a call through a back-to-back user agent ends, the other is ended within 64*T1 \
         (RFC 3261 sections 6 and 15)"
    }

    fn message(&mut self, heard: &Heard<'_>, _around: &Surroundings) {
        if heard.is_forwarding {
            return;
        }
        match (heard.method, heard.is_request()) {
            (Method::Invite, true) => self.invite(heard),
            (Method::Invite, false) => self.response(heard),
            (Method::Cancel, true) if heard.is_sent() => {
                if let Some(leg) = self.leg(heard) {
                    leg.cancelled = true;
                }
            }
            (Method::Bye, true) => self.bye(heard),
            (Method::Refer, true) => self.transferred(heard),
            (Method::Update, true) if heard.is_sent() => self.moved(heard),
            _ => {}
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, (id, leg))) = self.dues.pop(now) {
            self.judge(now, at, id, leg, around);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

/// The leg that is bridged with another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partner {
    pub(crate) packet: PacketId,
    pub(crate) peer: Option<HostId>,
    /// It was hung up on.
    pub(crate) has_ended: bool,
    /// It was transferred or taken elsewhere.
    pub(crate) is_untied: bool,
    /// The host's life in which the two were bridged.
    pub(crate) life: u32,
}

impl WhenOneLegEndsTheOtherEnds {
    /// The leg that a host's is bridged with: none if it has none, or both are over.
    pub(crate) fn partner(&self, host: HostId, call: u64) -> Option<Partner> {
        let (id, place) = self.legs.get(&(host, call))?;
        let group = self.groups.get(id)?;
        let other = match (*place, group.bridged?) {
            (0, partner) => partner,
            (own, partner) if own == partner => 0,
            _ => return None,
        };
        let leg = group.legs.get(other)?;
        let (packet, peer, has_ended) = (leg.packet, leg.peer, leg.ended.is_some());
        Some(Partner { packet, peer, has_ended, is_untied: group.untied, life: group.life })
    }

    fn leg(&mut self, heard: &Heard<'_>) -> Option<&mut Leg> {
        let (id, leg) = self.legs.get(&(heard.host, heard.call))?;
        self.groups.get_mut(id)?.legs.get_mut(*leg)
    }

    fn untie(&mut self, host: HostId, call: u64) {
        if let Some((id, _)) = self.legs.get(&(host, call))
            && let Some(group) = self.groups.get_mut(id)
        {
            group.untied = true;
        }
    }

    /// Who transfers may mean any of its calls (RFC 5589 section 7: the one that REFER's Replaces names).
    fn transferred(&mut self, heard: &Heard<'_>) {
        if heard.has_arrived() {
            self.referred.insert(heard.host, heard.at);
        }
        for group in self.groups.values_mut().filter(|group| group.host == heard.host) {
            group.untied |= group.legs.iter().any(|leg| leg.call == heard.call || leg.peer == heard.peer);
        }
    }

    /// The host changes a session: if its other leg has ended, it takes this one elsewhere.
    fn moved(&mut self, heard: &Heard<'_>) {
        if self.leg(heard).is_some_and(|leg| leg.due_since.is_some()) {
            self.untie(heard.host, heard.call);
        }
    }

    fn invite(&mut self, heard: &Heard<'_>) {
        if let Some((call_id, _, _)) = heard.message.replaces() {
            self.untie(heard.host, digest(call_id));
        }
        if heard.to_tag != 0 {
            if heard.is_sent() {
                self.moved(heard);
            }
            return;
        }
        let caller = heard.user(Name::From);
        let asserted = heard.user(Name::Identity);
        if heard.has_arrived() {
            let (life, pending) = (heard.life, self.pending.entry(heard.host).or_default());
            pending.retain(|known| known.life == life);
            if pending.iter().all(|known| known.branch != heard.branch) {
                let leg = Leg::of(heard, caller);
                pending.push(Pending { life, call: heard.call, branch: heard.branch, caller, asserted, leg });
            }
            return;
        }
        // In whose name it calls, that one's leg has another partner now.
        for name in [caller, asserted].into_iter().filter(|name| *name != 0) {
            for id in self.parties.get(&(heard.host, name)).into_iter().flatten() {
                if let Some(group) = self.groups.get_mut(id) {
                    group.untied = true;
                }
            }
        }
        if self.legs.contains_key(&(heard.host, heard.call)) {
            return;
        }
        let Some(pending) = self.pending.get(&heard.host) else { return };
        let same = |a: u64, b: u64| a != 0 && a == b;
        let mut meant = pending.iter().filter(|pending| {
            pending.call != heard.call
                && (same(pending.caller, caller)
                    || same(pending.caller, asserted)
                    || same(pending.asserted, caller)
                    || same(pending.asserted, asserted))
        });
        let (Some(pending), another) = (meant.next(), meant.next()) else { return };
        if self.referred.get(&heard.host).is_some_and(|referred| *referred + SOON > heard.at) {
            self.judgement.exempt("it may have been made for a transfer");
            return;
        }
        if another.is_some() {
            self.judgement.exempt("two calls of one caller were unanswered");
            return;
        }
        let own = Leg::of(heard, heard.user(Name::To));
        let at = (heard.host, pending.call);
        let id = match self.legs.get(&at) {
            Some((id, 0)) => *id,
            // The call that came in is itself a leg that the host made: it calls itself.
            Some(_) => return,
            None => {
                let id = self.next;
                self.next += 1;
                let parties = [pending.caller, 0];
                let legs = vec![pending.leg.clone()];
                self.groups.insert(
                    id,
                    Group { host: heard.host, life: heard.life, legs, bridged: None, untied: false, parties },
                );
                self.legs.insert(at, (id, 0));
                id
            }
        };
        let Some(group) = self.groups.get_mut(&id) else { return };
        self.legs.insert((heard.host, heard.call), (id, group.legs.len()));
        group.legs.push(own);
    }

    fn response(&mut self, heard: &Heard<'_>) {
        let Heard { host, call, at, .. } = *heard;
        if heard.is_sent()
            && heard.is_final()
            && let Some(pending) = self.pending.get_mut(&host)
        {
            pending.retain(|pending| pending.branch != heard.branch);
            if pending.is_empty() {
                self.pending.remove(&host);
            }
        }
        let Some(&(id, place)) = self.legs.get(&(host, call)) else { return };
        let Some(group) = self.groups.get_mut(&id) else { return };
        let leg = &mut group.legs[place];
        // The host answers what came in, and is answered what it made.
        if heard.is_sent() != (place == 0) || leg.ended.is_some() {
            return;
        }
        leg.has_heard = true;
        if !heard.is_final() || leg.accepted.is_some() {
            return;
        }
        if heard.status < 300 {
            leg.accepted = Some(at);
            if place == 0 {
                self.bridge(id, at);
            }
            return;
        }
        // After a challenge it tries again.
        if matches!(heard.status, 401 | 407 | 422 | 491) {
            return;
        }
        leg.ended = Some(at);
        self.judgement.judged += u64::from(leg.due_since.is_some());
        if place == 0 {
            let others = group.legs.len();
            for other in 1..others {
                self.has_to_end(id, other, at);
            }
        }
        self.forget_if_over(id);
    }

    /// The call that came in was accepted: with it goes the leg that was accepted before, if it's one.
    fn bridge(&mut self, id: u64, at: SimTime) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let mut up =
            (1..group.legs.len()).filter(|leg| group.legs[*leg].accepted.is_some() && group.legs[*leg].ended.is_none());
        let (Some(partner), None) = (up.next(), up.next()) else {
            // Something else answers it: a queue, a menu, a room.
            group.untied = true;
            return;
        };
        group.bridged = Some(partner);
        group.parties[1] = group.legs[partner].party;
        let (host, parties) = (group.host, group.parties);
        let losers: Vec<usize> = (1..group.legs.len()).filter(|leg| *leg != partner).collect();
        for party in parties.into_iter().filter(|party| *party != 0) {
            self.parties.entry((host, party)).or_default().push(id);
        }
        for loser in losers {
            self.has_to_end(id, loser, at);
        }
    }

    fn bye(&mut self, heard: &Heard<'_>) {
        let Heard { host, call, at, .. } = *heard;
        let Some(&(id, place)) = self.legs.get(&(host, call)) else { return };
        let Some(group) = self.groups.get_mut(&id) else { return };
        let leg = &mut group.legs[place];
        // A caller may end a dialog of a fork; only an accepted leg ends.
        if leg.accepted.is_none() || leg.ended.is_some() {
            return;
        }
        leg.ended = Some(at);
        self.judgement.judged += u64::from(leg.due_since.is_some());
        match group.bridged {
            Some(partner) if place == 0 => self.has_to_end(id, partner, at),
            Some(partner) if place == partner => self.has_to_end(id, 0, at),
            None if place == 0 => {
                let others = group.legs.len();
                (1..others).for_each(|other| self.has_to_end(id, other, at));
            }
            _ => {}
        }
        self.forget_if_over(id);
    }

    fn has_to_end(&mut self, id: u64, place: usize, at: SimTime) {
        let Some(leg) = self.groups.get_mut(&id).and_then(|group| group.legs.get_mut(place)) else { return };
        if leg.ended.is_none() {
            leg.due_since = Some(at);
            self.dues.push(at, (id, place));
        }
    }

    fn judge(&mut self, now: SimTime, at: SimTime, id: u64, place: usize, around: &Surroundings) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let host = group.host;
        let leg = &group.legs[place];
        let (Some(since), None) = (leg.due_since, leg.ended) else { return };
        if leg.accepted.is_some_and(|accepted| accepted > since) {
            // It was answered only then, and has its own time to end.
            group.legs[place].due_since = group.legs[place].accepted;
            self.dues.push(now, (id, place));
            return;
        }
        // Cancelled, unless it was answered all the same; or never answered at all.
        let is_over = leg.accepted.is_none() && (leg.cancelled || !leg.has_heard);
        let exempt = if is_over {
            None
        } else if group.untied {
            Some("it was transferred or taken elsewhere")
        } else if around.disturbed(host, since) || around.life(host) != group.life {
            Some("its host was down, asleep or moved")
        } else if leg.over_tcp && around.tcp_in_trouble(host, leg.peer, since) {
            Some("its TCP connection was in trouble")
        } else if around.web_socket_over(host, leg.ends.0, leg.ends.1).is_some() {
            Some("its WebSocket was gone: nothing can be said by it any more")
        } else {
            None
        };
        match exempt {
            Some(why) => self.judgement.exempt(why),
            None => {
                self.judgement.judged += 1;
                if !is_over {
                    let peer = leg.peer.map_or("somebody".to_owned(), |peer| around.name(peer));
                    let name = around.name(host);
                    let what = format!("{name}'s leg to {peer} is still up, whose other leg ended at {since}");
                    let packet = leg.packet;
                    self.judgement.violate(at, what, [packet]);
                }
            }
        }
        // It has been judged.
        if let Some(group) = self.groups.get_mut(&id) {
            group.legs[place].ended = Some(at);
        }
        self.forget_if_over(id);
    }

    fn forget_if_over(&mut self, id: u64) {
        let Some(group) = self.groups.get(&id) else { return };
        if group.legs.iter().any(|leg| leg.ended.is_none()) {
            return;
        }
        let group = self.groups.remove(&id).expect("just looked at");
        for leg in &group.legs {
            self.legs.remove(&(group.host, leg.call));
        }
        for party in group.parties {
            if let Some(groups) = self.parties.get_mut(&(group.host, party)) {
                groups.retain(|other| *other != id);
                if groups.is_empty() {
                    self.parties.remove(&(group.host, party));
                }
            }
        }
    }
}
