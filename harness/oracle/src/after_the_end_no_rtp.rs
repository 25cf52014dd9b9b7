//! After the end, no RTP.
//!
//! Who ends a session stops sending media (RFC 3261 section 15: a BYE terminates the session and all its media
//! streams). The end is when a BYE's 2xx or 481 has reached whoever sent it; a second later nobody sends from a port
//! that was announced for the call, unless it's announced for another call too, within another second: that message
//! may be waiting for its connection.
//!
//! Of media that DTLS secures the ports are those from which ICE checks for the session that a description names.
//!
//! Judged are the ports of calls that ended so. The last session of a fork ends the call. Not judged are the ports
//! of hosts that were down, asleep or moved, and those of calls that never were established.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{SimTime, Stage};
use rustc_hash::FxHashMap;

use crate::hearing::{Frame, Heard, digest};
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Wants, Witness};

/// How long whoever sends may need to notice.
const MARGIN: Duration = Duration::from_secs(1);

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct AfterTheEndNoRtp {
    judgement: Judgement,
    /// By Call-ID.
    calls: FxHashMap<u64, Call>,
    /// In how many calls that haven't ended a port is announced.
    live: FxHashMap<Port, u32>,
    /// Since when a port has to be quiet.
    quiet: FxHashMap<Port, Quiet>,
}

/// Where media comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Port {
    /// An address.
    Place(SocketAddrV4),
    /// Wherever that ICE session's own side is: a digest of its fragment.
    Session(u64),
}

#[derive(Debug, Clone, Copy)]
struct Quiet {
    since: SimTime,
    /// When it first wasn't, after the margin.
    heard: Option<SimTime>,
}

#[derive(Debug, Default)]
struct Call {
    ports: Vec<Port>,
    /// Its sessions: both tags.
    sessions: Vec<(u64, u64)>,
}

impl Witness for AfterTheEndNoRtp {
    fn name(&self) -> &'static str {
        "after_the_end_no_rtp"
    }

    fn rule(&self) -> &'static str {
        "a second after a BYE was answered, nobody sends media from the call's ports (RFC 3261 section 15)"
    }

    fn message(&mut self, heard: &Heard<'_>, _around: &Surroundings) {
        if heard.is_sent()
            && let Some(audio) = heard.audio
        {
            let port = if audio.is_plain() {
                audio.place().map(Port::Place)
            } else {
                let secure = heard.secure.filter(|_| audio.is_secured_by_dtls());
                secure.map(|secure| Port::Session(digest(secure.fragment)))
            };
            if let Some(port) = port {
                self.announced(heard.call, port);
            }
        }
        let session = (heard.from_tag.min(heard.to_tag), heard.from_tag.max(heard.to_tag));
        if heard.accepts(Method::Invite)
            && let Some(call) = self.calls.get_mut(&heard.call)
            && !call.sessions.contains(&session)
        {
            call.sessions.push(session);
        }
        if !heard.has_arrived() || !heard.is_final() {
            return;
        }
        match heard.method {
            Method::Bye if heard.status < 300 || heard.status == 481 => {
                let Some(call) = self.calls.get_mut(&heard.call) else { return };
                let known = call.sessions.len();
                call.sessions.retain(|other| *other != session);
                if call.sessions.is_empty() && known > 0 {
                    self.ended(heard.call, Some(heard.at));
                }
            }
            // A call that comes to nothing; some refusals are followed by another try.
            Method::Invite if heard.status >= 300 && !matches!(heard.status, 401 | 407 | 491 | 422) => {
                self.refused(heard.call);
            }
            _ => {}
        }
    }

    fn media(&mut self, frame: &Frame<'_>, around: &Surroundings) -> Wants {
        self.hear(frame, around);
        Wants::Next
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl AfterTheEndNoRtp {
    fn hear(&mut self, frame: &Frame<'_>, around: &Surroundings) {
        if frame.stage != Stage::Sent || self.quiet.is_empty() {
            return;
        }
        let port = if frame.is_secured {
            let session = frame.from.and_then(|host| around.ice_session(host, frame.source));
            let Some(session) = session else { return };
            Port::Session(session.local)
        } else {
            Port::Place(frame.source)
        };
        let Some(quiet) = self.quiet.get_mut(&port) else { return };
        let since = quiet.since;
        if frame.at <= since + MARGIN {
            return;
        }
        // Another call may have the port, whose description is still on its way into a connection.
        if frame.at <= *quiet.heard.get_or_insert(frame.at) + MARGIN {
            return;
        }
        self.quiet.remove(&port);
        let Some(host) = frame.from else { return };
        if around.tcp_in_trouble(host, around.owner(*frame.destination.ip()), since) {
            self.judgement.exempt("a TCP connection was in trouble, by which the port may be announced again");
            return;
        }
        if around.disturbed(host, since) {
            self.judgement.exempt("its host was down, asleep or moved");
            return;
        }
        let what =
            format!("{} still sends media from {}, whose call ended at {since}", around.name(host), frame.source);
        self.judgement.violate(frame.at, what, [frame.packet]);
    }

    fn announced(&mut self, id: u64, port: Port) {
        let call = self.calls.entry(id).or_default();
        if call.ports.contains(&port) {
            return;
        }
        call.ports.push(port);
        *self.live.entry(port).or_default() += 1;
        self.quiet.remove(&port);
    }

    fn refused(&mut self, id: u64) {
        if self.calls.get(&id).is_some_and(|call| call.sessions.is_empty()) {
            self.ended(id, None);
        }
    }

    /// A call is over; `since` then its ports have to be quiet, if it ever was established.
    fn ended(&mut self, id: u64, since: Option<SimTime>) {
        for port in self.calls.remove(&id).unwrap_or_default().ports {
            let Some(calls) = self.live.get_mut(&port) else { continue };
            *calls -= 1;
            if *calls > 0 {
                continue;
            }
            self.live.remove(&port);
            if let Some(since) = since {
                self.judgement.judged += 1;
                self.quiet.insert(port, Quiet { since, heard: None });
            }
        }
    }
}
