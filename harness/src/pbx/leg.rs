//! The legs of calls: one user agent's call each, and what the server and that party agreed to send each other.

use std::net::Ipv4Addr;
use std::rc::Rc;

use bytes::Bytes;

use super::calls::{DialId, SessionId};
use super::gate::Gate;
use super::registrar::Device;
use crate::media::sdp::{Agreed, Carries, Description, Local, Media, Section, secure_of};
use crate::media::{Codec, Direction, MemberId, Side};
use crate::sip::Flow;
use crate::trace::SimTime;

/// What a leg is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// One of the two of a call.
    Call(SessionId, Side),
    /// It's called, among others perhaps, and hasn't answered.
    Branch(DialId),
    /// In a conference room.
    Room { session: SessionId, room: Rc<str>, member: Option<MemberId> },
    /// It's over, or about to be: nobody else is concerned.
    Leaving,
}

/// Why we offered a leg another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfferedFor {
    /// The other side of the call asked for it, and waits for the answer.
    Peer,
    /// It gets somebody else to talk to, who is to be offered what comes of it.
    JoinFirst,
    /// It gets somebody else to talk to, who knows already.
    JoinLast,
}

/// One party's call with the server.
#[derive(Debug)]
pub(super) struct Leg {
    /// Who it is: a user, or a number.
    pub party: Rc<str>,
    /// As it stands in From, for those that are called on its behalf.
    pub from: Rc<str>,
    /// The number that it calls by, if it may choose one.
    pub number: Option<Rc<str>>,
    pub flow: Flow,
    /// Its phone as the registrar knows it, wherever it is.
    pub device: Option<Device>,
    /// It speaks WebRTC: with us by its line's gate, or else with whom it talks to, without us.
    pub webrtc: bool,
    /// Since when its connection is known to be gone.
    pub unplugged: Option<SimTime>,
    /// When a sign of it is looked for next.
    pub check_at: Option<SimTime>,
    pub place: Place,
    pub answered: bool,
    pub max_forwards: u8,
    pub line: Line,
    /// Its offer waits for our answer.
    pub waits: Option<Bytes>,
    /// Ours waits for its answer.
    pub offered: Option<OfferedFor>,
    /// And this one is made when that has come.
    pub next_offer: Option<(Bytes, OfferedFor)>,
    /// Our offer was in a 2xx: the ACK has the answer.
    pub ack_answers: bool,
}

/// What the server and a party agreed to send each other.
#[derive(Debug)]
pub(super) struct Line {
    pub local: Local,
    /// The last description that we sent.
    pub sent: Option<Bytes>,
    /// The last that came.
    pub received: Option<Bytes>,
    pub agreed: Option<Agreed>,
    /// Its WebRTC transport, if it speaks that.
    pub gate: Option<Gate>,
}

/// What an offer has that matters to whom it's passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub codecs: Vec<Codec>,
    pub telephone_event: Option<u8>,
    pub direction: Direction,
}

impl Line {
    pub(super) fn new(address: Ipv4Addr, port: u16, session: u64) -> Line {
        Line { local: Local::new(address, port, session), sent: None, received: None, agreed: None, gate: None }
    }

    /// Our offer to this party. It's another version if it says anything else than before (RFC 3264 8).
    pub(super) fn offer(&mut self, wish: &Wish) -> Bytes {
        self.local.codecs.clone_from(&wish.codecs);
        self.local.telephone_event = wish.telephone_event;
        self.local.direction = wish.direction;
        self.local.secure = self.gate.as_ref().map(Gate::to_offer);
        self.local.source = self.gate.as_ref().and_then(|gate| gate.peer().source());
        let mut body = self.local.offer();
        if self.sent.as_ref().is_some_and(|sent| *sent != body) {
            self.local.version += 1;
            body = self.local.offer();
        }
        self.sent = Some(body.clone());
        body
    }

    /// Our answer to its offer; none if there's nothing that both can.
    pub(super) fn answer(&mut self, offer: &Bytes, wish: &Wish) -> Option<Bytes> {
        self.local.codecs.clone_from(&wish.codecs);
        self.local.telephone_event = wish.telephone_event;
        self.local.direction = wish.direction;
        if let Some(gate) = &self.gate {
            // Who speaks WebRTC goes on to.
            self.local.secure = Some(gate.to_answer(&secure_of(offer).ok()??));
            self.local.source = gate.peer().source();
        }
        let (mut body, agreed) = self.local.answer(offer).ok()?;
        let agreed = agreed?;
        if self.sent.as_ref().is_some_and(|sent| *sent != body) {
            self.local.version += 1;
            body = self.local.answer(offer).ok()?.0;
        }
        self.received = Some(offer.clone());
        self.settle(agreed);
        self.sent = Some(body.clone());
        Some(body)
    }

    /// Its answer to our offer.
    pub(super) fn agree(&mut self, answer: &Bytes) -> bool {
        match self.local.agree(answer) {
            Ok(Some(agreed)) => {
                self.received = Some(answer.clone());
                self.settle(agreed);
                true
            }
            _ => false,
        }
    }

    fn settle(&mut self, agreed: Agreed) {
        self.local.settle(&agreed);
        if let Some(gate) = &mut self.gate {
            gate.connect(&agreed);
        }
        self.agreed = Some(agreed);
    }

    /// It talked WebRTC with somebody else so far, and does with us from now on: our offers have the sections of that
    /// session (RFC 3264 8), and refuse all but its audio.
    pub(super) fn take_over(&mut self) {
        let Some(Ok(known)) = self.received.as_deref().map(Description::read) else { return };
        let mut has_audio = false;
        let section = |media: Media| {
            let is_first = media.kind == "audio" && !std::mem::replace(&mut has_audio, true);
            let carries = if is_first { Carries::Audio } else { Carries::Nothing };
            Section { carries, mid: media.attribute("mid").map(|mid| mid.trim().to_owned()), media }
        };
        self.local.sections = known.media.into_iter().map(section).collect();
    }

    /// What came, passed on to this party with an origin of our own.
    pub(super) fn pass(&mut self, body: &[u8], address: Ipv4Addr, resumed: bool) -> Bytes {
        let session = self.local.session;
        let mut passed = with_our_origin(body, address, session, self.local.version, resumed);
        if self.sent.as_ref().is_some_and(|sent| *sent != passed) {
            self.local.version += 1;
            passed = with_our_origin(body, address, session, self.local.version, resumed);
        }
        self.sent = Some(passed.clone());
        passed
    }

    /// Just what was agreed on.
    pub(super) fn wish_agreed(&self) -> Wish {
        self.agreed.as_ref().map_or_else(Wish::default, |agreed| Wish {
            codecs: vec![agreed.codec],
            telephone_event: agreed.telephone_event,
            direction: agreed.direction.reversed(),
        })
    }

    /// What it would offer again: the codec in use first, then the others.
    pub(super) fn wish(&self) -> Wish {
        let mut wish = self.received.as_ref().and_then(|body| Wish::of(body)).unwrap_or_default();
        if let Some(agreed) = &self.agreed {
            wish.codecs.retain(|codec| *codec != agreed.codec);
            wish.codecs.insert(0, agreed.codec);
            wish.telephone_event = agreed.telephone_event.or(wish.telephone_event);
        }
        wish.direction = Direction::SendRecv;
        wish
    }
}

impl Default for Wish {
    fn default() -> Wish {
        Wish { codecs: vec![Codec::Pcmu, Codec::Pcma], telephone_event: Some(101), direction: Direction::SendRecv }
    }
}

impl Wish {
    /// What an offer wishes for, passed on; none if it's no offer of audio that we can carry.
    pub(super) fn of(offer: &[u8]) -> Option<Wish> {
        let description = Description::read(offer).ok()?;
        let audio = description.media.iter().find(|media| media.kind == "audio")?;
        let codecs = audio.codecs();
        let (telephone_event, direction) = (audio.telephone_event(), description.direction_of(audio));
        (!codecs.is_empty()).then_some(Wish { codecs, telephone_event, direction })
    }

    /// How that sounds to the other party. Who is put on hold, in whatever way, gets something to hear from us.
    pub(super) fn passed_on(mut self) -> Wish {
        if matches!(self.direction, Direction::SendOnly | Direction::Inactive) {
            self.direction = Direction::SendOnly;
        }
        self
    }
}

/// Whether an offer's audio is WebRTC's.
pub(super) fn asks_for_webrtc(offer: &[u8]) -> bool {
    audio_lines(offer).any(|line| line.contains(SAVPF))
}

/// An offer of WebRTC's audio as if it were one of plain RTP.
pub(super) fn in_plain_rtp(offer: &[u8]) -> Bytes {
    String::from_utf8_lossy(offer).replace(SAVPF, " RTP/AVP ").into()
}

const SAVPF: &str = " UDP/TLS/RTP/SAVPF ";

fn audio_lines(offer: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(offer).unwrap_or_default().lines().filter(|line| line.starts_with("m=audio "))
}

/// The session's description with an origin of our own, for audio that goes from phone to phone: a party that gets
/// somebody else to talk to still talks to the same server.
pub(super) fn with_our_origin(body: &[u8], address: Ipv4Addr, session: u64, version: u64, resumed: bool) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + 32);
    for line in String::from_utf8_lossy(body).lines() {
        match line {
            _ if line.starts_with("o=") => {
                out.extend_from_slice(format!("o=busyhour {session} {version} IN IP4 {address}").as_bytes());
            }
            "a=sendonly" | "a=recvonly" | "a=inactive" if resumed => out.extend_from_slice(b"a=sendrecv"),
            _ => out.extend_from_slice(line.as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }
    out.into()
}
