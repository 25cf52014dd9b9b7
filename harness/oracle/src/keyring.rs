//! The keys that were claimed so far, and what they open.
//!
//! Whose key a packet is under is found by trying: those that its sender claimed first, the newest first, then all
//! others. The tag tells which fits (RFC 3711 section 3.3), and a flow's key is remembered.

use std::net::SocketAddrV4;

use busyhour_trace::keys::bytes_of_hex;
use busyhour_trace::{HostId, MediaKeys};
use rustc_hash::FxHashMap;

use crate::read::srtp::{Index, Profile, Session};
use crate::read::stream::Flow;

/// What a key has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Which key: equal keys have equal numbers, whoever claimed them.
    pub key: u32,
    /// Which packet under that key.
    pub index: Index,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Keyring {
    sessions: Vec<Session>,
    by_key: FxHashMap<(Profile, Vec<u8>, Vec<u8>), u32>,
    /// Which keys a host has claimed.
    of_host: FxHashMap<HostId, Vec<u32>>,
    /// Which key a flow's packets are under.
    flows: FxHashMap<Flow, u32>,
    /// Flows that no key opened, and how many keys there were then.
    closed: FxHashMap<Flow, u32>,
    /// How many packets in a row a closed flow has brought since.
    in_vain: FxHashMap<Flow, u32>,
}

/// A flow that no key opens is tried again at every so many packets: one of them may have been bent.
const AGAIN: u32 = 64;

impl Keyring {
    /// True if there's no key.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Takes a claim: keys that can't be of any use are left out.
    pub fn learn(&mut self, host: Option<HostId>, keys: &MediaKeys) {
        let Some(profile) = Profile::of(&keys.profile) else { return };
        for (key, salt) in [(&keys.client_key, &keys.client_salt), (&keys.server_key, &keys.server_salt)] {
            let (Some(key), Some(salt)) = (bytes_of_hex(key), bytes_of_hex(salt)) else { continue };
            let Some(session) = Session::new(profile, &key, &salt) else { continue };
            let next = self.sessions.len() as u32;
            let number = *self.by_key.entry((profile, key, salt)).or_insert(next);
            if number == next {
                self.sessions.push(session);
            }
            if let Some(host) = host {
                let own = self.of_host.entry(host).or_default();
                if !own.contains(&number) {
                    own.push(number);
                }
            }
        }
    }

    /// Opens an SRTP or SRTCP packet that went along a flow, into `opened`; none if no key fits.
    pub fn open(
        &mut self,
        sender: Option<HostId>,
        from: SocketAddrV4,
        to: SocketAddrV4,
        packet: &[u8],
        opened: &mut Vec<u8>,
    ) -> Option<Opened> {
        if self.sessions.is_empty() {
            return None;
        }
        let flow = Flow { from, to };
        let known = self.flows.get(&flow).copied();
        if let Some(key) = known
            && let Some(session) = self.sessions.get_mut(key as usize)
            && let Some(index) = open(session, packet, opened)
        {
            return Some(Opened { key, index });
        }
        let count = self.sessions.len() as u32;
        if self.closed.get(&flow) == Some(&count) {
            let in_vain = self.in_vain.entry(flow).or_default();
            *in_vain += 1;
            if !in_vain.is_multiple_of(AGAIN) {
                return None;
            }
        }
        let own: Vec<u32> = sender.and_then(|host| self.of_host.get(&host)).into_iter().flatten().copied().collect();
        let others = (0..count).rev().filter(|key| !own.contains(key));
        let found = own.iter().rev().copied().chain(others).filter(|key| Some(*key) != known).find_map(|key| {
            // A key's counters move only where the tag fits.
            let index = open(self.sessions.get_mut(key as usize)?, packet, opened)?;
            Some(Opened { key, index })
        });
        match found {
            Some(found) => {
                self.flows.insert(flow, found.key);
                self.closed.remove(&flow);
            }
            None => {
                self.closed.insert(flow, count);
            }
        }
        found
    }
}

fn open(session: &mut Session, packet: &[u8], opened: &mut Vec<u8>) -> Option<Index> {
    // RFC 5761 section 4: the second byte tells control from media.
    if packet.get(1).is_some_and(|kind| (192..=223).contains(kind)) {
        session.open_rtcp(packet, opened)
    } else {
        session.open_rtp(packet, opened)
    }
}
