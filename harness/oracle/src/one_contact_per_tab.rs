//! One contact per tab.
//!
//! A webphone says which device it is and which of its flows registers (`+sip.instance` and `reg-id`), so that the
//! registrar puts the new binding in the old one's place when it comes again (RFC 5626 section 6): it never keeps two
//! bindings of a user that have both in common. And behind one WebSocket there's one page: it has one contact of a user,
//! or every call forks to it twice.
//!
//! Judged are the lists of bindings that registrars send in 2xx responses to REGISTER, where a contact in it was
//! registered by a WebSocket or has both parameters. What the registrar leaves out of its list is taken from the REGISTER
//! that the contact came in. There are no exemptions.

use std::net::SocketAddrV4;

use busyhour_trace::HostId;
use rustc_hash::FxHashMap;

use crate::bindings_expire::contact;
use crate::hearing::{Carrier, Heard, digest, digest_all};
use crate::read::sip::{Address, Method};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// The witness of this rule; see the [module](self).
#[derive(Debug, Default)]
pub struct OneContactPerTab {
    judgement: Judgement,
    /// REGISTERs that wait for their answer, by registrar and branch.
    registering: FxHashMap<(HostId, u64), Vec<(u64, Known)>>,
    /// What a registrar knows of a contact.
    known: FxHashMap<(HostId, u64), Known>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// A digest of instance and reg-id.
    device: Option<u64>,
    /// The WebSocket that it was last registered by: the registrar's end and the other.
    ends: Option<(SocketAddrV4, SocketAddrV4)>,
}

/// A digest of instance and reg-id; none unless both are there.
fn device(address: &Address<'_>) -> Option<u64> {
    let instance = address.param("+sip.instance")??.trim_matches('"');
    let flow = address.param("reg-id")??;
    Some(digest_all([instance, flow].into_iter()) | 1)
}

impl Witness for OneContactPerTab {
    fn name(&self) -> &'static str {
        "one_contact_per_tab"
    }

    fn rule(&self) -> &'static str {
        "a registrar keeps one binding of a user per instance and reg-id, and one per WebSocket (RFC 5626 section 6)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        if heard.method != Method::Register || heard.is_forwarding {
            return;
        }
        let key = (heard.host, heard.branch);
        if heard.is_request() && heard.has_arrived() {
            let ends = (heard.over == Carrier::WebSocket).then_some((heard.here, heard.there));
            let own = heard.message.contacts().filter_map(|address| {
                let device = device(&address);
                Some((contact(address.uri)?, Known { device, ends }))
            });
            let own: Vec<_> = own.collect();
            self.registering.entry(key).or_insert(own);
        } else if heard.is_final() && heard.is_sent() {
            let asked = self.registering.remove(&key).unwrap_or_default();
            if heard.accepts(Method::Register) {
                self.known.extend(asked.into_iter().map(|(contact, known)| ((heard.host, contact), known)));
                self.list(heard, around);
            }
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl OneContactPerTab {
    fn list(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let mut listed: Vec<(&str, u64, Known)> = Vec::new();
        for address in heard.message.contacts().filter(|address| address.expires() != Some(0)) {
            let Some(contact) = contact(address.uri) else { continue };
            let mut known = self.known.get(&(heard.host, contact)).copied().unwrap_or_default();
            known.device = device(&address).or(known.device);
            listed.push((address.uri, digest(address.uri), known));
        }
        if listed.iter().all(|(.., known)| known.device.is_none() && known.ends.is_none()) {
            return;
        }
        self.judgement.judged += 1;
        for (place, (uri, own, known)) in listed.iter().enumerate() {
            for (other_uri, other, before) in &listed[..place] {
                let same = if known.device.is_some() && known.device == before.device {
                    "of one instance and reg-id"
                } else if known.ends.is_some() && known.ends == before.ends {
                    "by one WebSocket"
                } else {
                    continue;
                };
                if own != other {
                    let what = format!("{} keeps two contacts {same}: {other_uri} and {uri}", around.name(heard.host));
                    self.judgement.violate(heard.at, what, [heard.packet]);
                }
            }
        }
    }
}
