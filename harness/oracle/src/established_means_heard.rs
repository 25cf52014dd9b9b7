//! Established means heard.
//!
//! A call is there to be heard: three seconds after an INVITE was accepted and acknowledged, with both descriptions
//! saying that media goes both ways, RTP has arrived at both places that they name (RFC 3264 section 5.1: an agent
//! must be prepared to receive at the address and port of its offer, and section 7: media goes to the place that the
//! answer names).
//!
//! Judged are offers and answers that took effect at the one who was called: plain RTP, `sendrecv` on both sides. Of
//! media that DTLS secures, each side names no place but its fragment of the ICE session: five seconds later a packet
//! that a recorded key opens has arrived where its checks for that session go. Not
//! judged, and counted as exempt: a place that is no host's own address; a call that was changed or ended meanwhile,
//! or that its caller had given up; a hold that came near; another call at one of the two that isn't acknowledged, as
//! what's to be heard may come by that one; a host that went down, slept or moved; a network that was cut, tampered
//! with or has lost media; calls through a proxy. A loss for which no fault is to blame (no route to a private address, a NAT that
//! refuses a stranger) is no exemption: one-way audio is made of those.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{HostId, PacketId, SimTime, Stage};
use rustc_hash::FxHashMap;

use crate::dues::{Dues, PATIENCE};
use crate::hearing::{Frame, Heard, digest};
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Wants, Witness};

/// How long it may take until both hear each other.
const SOON: Duration = Duration::from_secs(3);
/// And with a handshake before it.
const SOON_SECURED: Duration = Duration::from_secs(5);
/// What isn't established by then never will be.
const OVER: Duration = Duration::from_secs(300);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct EstablishedMeansHeard {
    judgement: Judgement,
    /// Offers at those who are called: by host, branch of the INVITE.
    offers: FxHashMap<(HostId, u64), Offer>,
    /// Which INVITE an ACK is for: host, Call-ID and number.
    accepted: FxHashMap<(HostId, u64, u32), u64>,
    /// The places that are to hear something now, and whether they have.
    listening: FxHashMap<Spot, Ear>,
    /// How many of them are sessions of ICE.
    sessions: u32,
    dues: Dues<Call>,
    secured: Dues<Call>,
    forget: Dues<(HostId, u64)>,
    /// When a call was last changed or ended, by Call-ID.
    changed: FxHashMap<u64, SimTime>,
    /// When a host last saw a description that isn't both ways.
    held: FxHashMap<HostId, SimTime>,
}

/// Where media is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Spot {
    /// At an address.
    Place(SocketAddrV4),
    /// Wherever that ICE session's own side is: a digest of its fragment.
    Session(u64),
}

#[derive(Debug, Clone, Copy)]
struct Ear {
    /// How many calls wait for it.
    waiting: u32,
    last: Option<SimTime>,
}

#[derive(Debug, Default)]
struct Offer {
    call: u64,
    cseq: u32,
    theirs: Option<Said>,
    ours: Option<Said>,
    cancelled: bool,
    established: bool,
}

/// What a description says.
#[derive(Debug, Clone, Copy)]
struct Said {
    place: Option<SocketAddrV4>,
    both_ways: bool,
    plain: bool,
    /// The side's fragment of the ICE session, where DTLS secures its media.
    session: Option<u64>,
}

#[derive(Debug)]
struct Call {
    id: u64,
    host: HostId,
    since: SimTime,
    packet: PacketId,
    /// Each with its owner.
    spots: [(Spot, Option<HostId>); 2],
}

impl Default for EstablishedMeansHeard {
    fn default() -> Self {
        EstablishedMeansHeard {
            judgement: Judgement::default(),
            offers: FxHashMap::default(),
            accepted: FxHashMap::default(),
            listening: FxHashMap::default(),
            sessions: 0,
            dues: Dues::after(SOON),
            secured: Dues::after(SOON_SECURED),
            forget: Dues::after(OVER),
            changed: FxHashMap::default(),
            held: FxHashMap::default(),
        }
    }
}

impl Witness for EstablishedMeansHeard {
    fn name(&self) -> &'static str {
        "established_means_heard"
    }

    fn rule(&self) -> &'static str {
        "three seconds after a call was established both ways, media has arrived at both places that its descriptions \
         name (RFC 3264 sections 5.1 and 7)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let said = heard.audio.map(|audio| Said {
            place: audio.place(),
            both_ways: audio.goes_both_ways(),
            plain: audio.is_plain(),
            session: heard.secure.filter(|_| audio.is_secured_by_dtls()).map(|secure| digest(secure.fragment)),
        });
        if said.is_some_and(|said| !said.both_ways) {
            self.held.insert(heard.host, heard.at);
        }
        let again = matches!(heard.method, Method::Invite | Method::Update | Method::Refer) && heard.to_tag != 0;
        if heard.is_request() && (heard.method == Method::Bye || again) {
            self.changed.insert(heard.call, heard.at);
        }
        match (heard.method, heard.is_request(), heard.is_sent()) {
            (Method::Invite, true, false) => {
                let (call, cseq) = (heard.call, heard.cseq);
                let key = (heard.host, heard.branch);
                self.offers.entry(key).or_insert_with(|| {
                    self.forget.push(heard.at, key);
                    Offer { call, cseq, theirs: said, ours: None, cancelled: false, established: false }
                });
            }
            (Method::Invite, false, true) => {
                let Some(offer) = self.offers.get_mut(&(heard.host, heard.branch)) else { return };
                offer.ours = said.or(offer.ours);
                if heard.accepts(Method::Invite) {
                    self.accepted.insert((heard.host, offer.call, offer.cseq), heard.branch);
                }
            }
            (Method::Cancel, true, false) => {
                if let Some(offer) = self.offers.get_mut(&(heard.host, heard.branch)) {
                    offer.cancelled = true;
                }
                self.changed.insert(heard.call, heard.at);
            }
            (Method::Ack, true, false) => {
                let Some(branch) = self.accepted.remove(&(heard.host, heard.call, heard.cseq)) else { return };
                let Some(offer) = self.offers.get_mut(&(heard.host, branch)) else { return };
                offer.theirs = said.or(offer.theirs);
                if !std::mem::replace(&mut offer.established, true) {
                    if offer.cancelled {
                        return self.judgement.exempt("it had been cancelled when it was answered");
                    }
                    let (theirs, ours) = (offer.theirs, offer.ours);
                    self.established(heard, theirs, ours, around);
                }
            }
            _ => {}
        }
    }

    fn media(&mut self, frame: &Frame<'_>, around: &Surroundings) -> Wants {
        self.hear(frame, around);
        Wants::Next
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((at, call)) = self.dues.pop(now) {
            self.judge(at, &call, around);
        }
        while let Some((at, call)) = self.secured.pop(now) {
            self.judge(at, &call, around);
        }
        while let Some((_, key)) = self.forget.pop(now) {
            if let Some(offer) = self.offers.remove(&key) {
                self.accepted.remove(&(key.0, offer.call, offer.cseq));
                self.changed.remove(&offer.call);
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl EstablishedMeansHeard {
    fn hear(&mut self, frame: &Frame<'_>, around: &Surroundings) {
        if frame.stage != Stage::Arrived || self.listening.is_empty() {
            return;
        }
        if frame.is_secured {
            let session = frame.to.filter(|_| self.sessions > 0);
            let session = session.and_then(|host| around.ice_session(host, frame.destination));
            if let Some(ear) = session.and_then(|session| self.listening.get_mut(&Spot::Session(session.local))) {
                ear.last = Some(frame.at);
            }
            return;
        }
        if let Some(ear) = self.listening.get_mut(&Spot::Place(frame.destination)) {
            ear.last = Some(frame.at);
        } else if frame.to.is_some() && around.owner(*frame.destination.ip()) != frame.to {
            // It was sent to a NAT box's address: which of the host's ports that stands for can't be seen.
            let is_own = |spot: &Spot| match spot {
                Spot::Place(place) => around.owner(*place.ip()) == frame.to,
                Spot::Session(_) => false,
            };
            let own = self.listening.iter_mut().filter(|(spot, _)| is_own(spot));
            own.for_each(|(_, ear)| ear.last = Some(frame.at));
        }
    }

    fn established(&mut self, heard: &Heard<'_>, theirs: Option<Said>, ours: Option<Said>, around: &Surroundings) {
        let (Some(theirs), Some(ours)) = (theirs, ours) else { return };
        if !theirs.both_ways || !ours.both_ways {
            return;
        }
        let is_secured = theirs.session.is_some() && ours.session.is_some();
        if !is_secured && (!theirs.plain || !ours.plain) {
            self.judgement.exempt("its media isn't plain RTP");
            return;
        }
        if heard.is_forwarding {
            self.judgement.exempt("it goes through a proxy");
            return;
        }
        let (id, host, since, packet) = (heard.call, heard.host, heard.at, heard.packet);
        let spots = if let (Some(theirs), Some(ours)) = (theirs.session, ours.session) {
            [(Spot::Session(theirs), heard.peer), (Spot::Session(ours), Some(host))]
        } else {
            let (Some(theirs), Some(ours)) = (theirs.place, ours.place) else { return };
            let owned = [theirs, ours].map(|place| (Spot::Place(place), around.owner(*place.ip())));
            if owned.iter().any(|(_, owner)| owner.is_none()) {
                self.judgement.exempt("a place that its description names is no host's own address");
                return;
            }
            owned
        };
        for (spot, _) in spots {
            self.listening.entry(spot).or_insert(Ear { waiting: 0, last: None }).waiting += 1;
        }
        let call = Call { id, host, since, packet, spots };
        if is_secured {
            self.sessions += 2;
            self.secured.push(heard.at, call);
        } else {
            self.dues.push(heard.at, call);
        }
    }

    fn judge(&mut self, at: SimTime, call: &Call, around: &Surroundings) {
        let since = call.since;
        let mut deaf = Vec::new();
        for (spot, owner) in call.spots {
            let Some(ear) = self.listening.get_mut(&spot) else { continue };
            ear.waiting -= 1;
            self.sessions -= u32::from(matches!(spot, Spot::Session(_)));
            // The one who answered may have been heard before the ACK came.
            if ear.last.is_none() {
                deaf.push((spot, owner));
            }
            if ear.waiting == 0 {
                self.listening.remove(&spot);
            }
        }
        if deaf.is_empty() {
            self.judgement.judged += 1;
            return;
        }
        let owners: Vec<HostId> = call.spots.iter().filter_map(|(_, owner)| *owner).collect();
        let near = SimTime(since.0.saturating_sub(PATIENCE.as_nanos() as u64));
        // What sets up ICE and DTLS may have been lost before.
        let is_secured = call.spots.iter().any(|(spot, _)| matches!(spot, Spot::Session(_)));
        let lost = if is_secured { near } else { since };
        let exempt = if self.changed.get(&call.id).is_some_and(|changed| *changed >= since) {
            Some("the call was changed or ended meanwhile")
        } else if around.anybody_disturbed(since) || owners.iter().any(|host| around.disturbed(*host, since)) {
            Some("a host went down, slept or moved")
        } else if around.network_disturbed(since) {
            Some("the network was cut or tampered with")
        } else if owners.iter().any(|host| around.media_lost(*host, lost)) {
            Some("the network has lost media")
        } else if owners.iter().any(|host| self.held.get(host).is_some_and(|held| *held >= near)) {
            Some("somebody was on hold")
        } else if self.accepted.keys().any(|(host, ..)| owners.contains(host)) {
            // What's to be heard may come by that one.
            Some("another call of a party wasn't acknowledged")
        } else {
            None
        };
        if let Some(why) = exempt {
            self.judgement.exempt(why);
            return;
        }
        self.judgement.judged += 1;
        let (name, packet) = (around.name(call.host), call.packet);
        for (spot, owner) in deaf {
            let owner = owner.map_or("nobody".to_owned(), |host| around.name(host));
            let what = match spot {
                Spot::Place(place) => {
                    format!("{name}'s call was established at {since}, and no media has arrived at {owner}'s {place}")
                }
                Spot::Session(_) => format!(
                    "{name}'s call was established at {since}, and no media that a key opens has arrived at {owner}"
                ),
            };
            self.judgement.violate(at, what, [packet]);
        }
    }
}
