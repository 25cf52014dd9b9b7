//! How media finds its way and is protected: the few packets of STUN, TURN and DTLS that tell of it.

use std::net::Ipv4Addr;

use busyhour_oracle::read::stun::{self, Class, Method};
use busyhour_oracle::read::{dtls, stun::ChannelData};
use busyhour_trace::PacketSeen;
use rustc_hash::FxHashSet;

/// The port of STUN and TURN servers.
const SERVER: u16 = 3478;
/// A TURN server asks for credentials first, and for a fresh nonce now and then: that's how it is.
const ROUTINE: [u16; 2] = [401, 438];

/// What was told already: of checks and handshakes the first is enough.
#[derive(Debug, Default)]
pub(super) struct Setups {
    told: FxHashSet<(Ipv4Addr, Ipv4Addr, (u16, u16), String)>,
}

impl Setups {
    /// What a datagram tells, if it's worth a row.
    pub(super) fn told(
        &mut self,
        seen: &PacketSeen<'_>,
        to: Ipv4Addr,
        ports: (u16, u16),
        payload: &[u8],
    ) -> Option<String> {
        let at = |from: usize| Some(Ipv4Addr::from(*seen.bytes.get(from..)?.first_chunk::<4>()?));
        let from = at(12)?;
        if dtls::begins_like_dtls(payload) {
            return self.handshake(payload).filter(|told| told == ALERT || self.is_new(from, to, ports, told));
        }
        if !stun::begins_like_stun(payload) {
            return None;
        }
        let message = stun::Message::read(payload).ok()?;
        if message.method != Method::Binding && (ports.0 == SERVER || ports.1 == SERVER) {
            return turn(&message);
        }
        // A check has the names of both ends; who only asks for an address has none.
        let username = message.username.filter(|_| message.class == Class::Request)?;
        let words = if message.nominates { "ICE takes this way" } else { "ICE checks" };
        self.is_new(from, to, ports, &format!("{words} {username}")).then(|| words.to_owned())
    }

    fn handshake(&self, payload: &[u8]) -> Option<String> {
        dtls::records(payload).find_map(|record| {
            let words = match record.content {
                dtls::Content::Handshake if record.epoch == 0 && record.fragment.first() == Some(&CLIENT_HELLO) => {
                    "DTLS begins"
                }
                dtls::Content::ChangeCipherSpec => "DTLS has keys",
                dtls::Content::Alert => ALERT,
                _ => return None,
            };
            Some(words.to_owned())
        })
    }

    fn is_new(&mut self, from: Ipv4Addr, to: Ipv4Addr, ports: (u16, u16), what: &str) -> bool {
        self.told.insert((from, to, ports, what.to_owned()))
    }
}

const ALERT: &str = "DTLS alert";
/// The type of a handshake message (RFC 5246 7.4).
const CLIENT_HELLO: u8 = 1;

/// What is said to a TURN server and by it.
fn turn(message: &stun::Message<'_>) -> Option<String> {
    let name = match message.method {
        Method::Allocate => "TURN allocate",
        Method::Refresh if message.lifetime == Some(0) => "TURN give back",
        Method::ChannelBind => "TURN channel",
        Method::CreatePermission => "TURN permission",
        _ => return None,
    };
    match message.class {
        Class::Request => Some(name.to_owned()),
        Class::Success => message.relayed.map(|relayed| format!("{name}: {relayed}")),
        Class::Error => {
            let code = message.error.filter(|code| !ROUTINE.contains(code))?;
            Some(format!("{name}: {code}"))
        }
        Class::Indication => None,
    }
}

/// What a TURN server and its client wrap for each other, in a datagram.
pub(super) fn unwrapped(payload: &[u8]) -> Option<&[u8]> {
    match ChannelData::read(payload) {
        Some(channel) => Some(channel.data),
        None if stun::begins_like_stun(payload) => stun::Message::read(payload).ok()?.data,
        None => None,
    }
}
