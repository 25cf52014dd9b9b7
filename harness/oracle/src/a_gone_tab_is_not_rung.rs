//! A tab that's gone isn't rung.
//!
//! A webphone is reached by the WebSocket that it registered by and by no other way (RFC 7118 section 5.1; RFC 5626
//! section 5.3: requests go over the flow of the binding). Once the end of that connection has arrived at the registrar
//! (a Close frame, a FIN, an RST) it knows that nobody is there: no call goes to that connection any more, and none to
//! the contact that was registered by it, unless the contact has registered by another one since (RFC 5626 section 7:
//! a flow that has failed is no flow).
//!
//! Judged are INVITEs that begin a call and go over a WebSocket, or to a contact that was registered by one. What was
//! sent in the same tenth of a second is not yet known to be in vain. Exempt is a server that the scenario told to keep
//! contacts until they expire (a step's entry `server-setting` with `lost_connection` = `keeps-until-expiry`).

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_trace::{Event, HostId, Log, SimTime, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::bindings_expire::contact;
use crate::dues::Dues;
use crate::hearing::{Carrier, Heard};
use crate::read::sip::Method;
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

/// What's on its way between a server's parts.
const MARGIN: Duration = Duration::from_millis(100);
/// An INVITE isn't repeated after this.
const OVER: Duration = Duration::from_secs(64);

/// The kind of entry by which a step says how a server was set.
pub(crate) const SETTING: &str = "server-setting";

/// True if the entry says that its host keeps the contacts of lost connections.
pub(crate) fn keeps_lost_connections(event: &Event) -> bool {
    event.source == Source::Step && event.kind == SETTING && event.text("lost_connection") == Some("keeps-until-expiry")
}

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct AGoneTabIsNotRung {
    judgement: Judgement,
    /// REGISTERs by a WebSocket that wait for their answer, by registrar and branch.
    registering: FxHashMap<(HostId, u64), Registering>,
    /// The connection that a registrar knows a contact by: its own end and the other's.
    flows: FxHashMap<(HostId, u64), (SocketAddrV4, SocketAddrV4)>,
    sent: FxHashSet<(HostId, u64)>,
    forget: Dues<(HostId, u64)>,
    keepers: FxHashSet<HostId>,
}

#[derive(Debug)]
struct Registering {
    contacts: Vec<u64>,
    ends: Option<(SocketAddrV4, SocketAddrV4)>,
}

impl Default for AGoneTabIsNotRung {
    fn default() -> Self {
        AGoneTabIsNotRung {
            judgement: Judgement::default(),
            registering: FxHashMap::default(),
            flows: FxHashMap::default(),
            sent: FxHashSet::default(),
            forget: Dues::after(OVER),
            keepers: FxHashSet::default(),
        }
    }
}

impl Witness for AGoneTabIsNotRung {
    fn name(&self) -> &'static str {
        "a_gone_tab_is_not_rung"
    }

    fn rule(&self) -> &'static str {
        "no call goes to a WebSocket that is over, or to a contact that was registered by it (RFC 7118 section 5.1; \
         RFC 5626 sections 5.3 and 7)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let key = (heard.host, heard.branch);
        match (heard.method, heard.is_request(), heard.is_sent()) {
            (Method::Register, true, false) => {
                let ends = (heard.over == Carrier::WebSocket).then_some((heard.here, heard.there));
                if ends.is_none() && self.flows.is_empty() {
                    return;
                }
                let expires = heard.message.expires();
                let stays = |seconds: Option<u32>| seconds.or(expires) != Some(0);
                let contacts = heard.message.contacts().filter(|address| stays(address.expires()));
                let contacts = contacts.filter_map(|address| contact(address.uri)).collect();
                self.registering.entry(key).or_insert(Registering { contacts, ends });
            }
            (Method::Register, false, true) if heard.is_final() => {
                let Some(asked) = self.registering.remove(&key).filter(|_| heard.accepts(Method::Register)) else {
                    return;
                };
                for contact in asked.contacts {
                    match asked.ends {
                        Some(ends) => self.flows.insert((heard.host, contact), ends),
                        None => self.flows.remove(&(heard.host, contact)),
                    };
                }
            }
            (Method::Invite, true, true) if heard.to_tag == 0 => self.rings(heard, around),
            _ => {}
        }
    }

    fn due(&mut self, now: SimTime, _around: &Surroundings) {
        while let Some((_, key)) = self.forget.pop(now) {
            self.sent.remove(&key);
        }
    }

    fn event(&mut self, event: &Event, _log: &Log) {
        if keeps_lost_connections(event) {
            self.keepers.extend(event.host);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl AGoneTabIsNotRung {
    fn rings(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let by_socket = heard.over == Carrier::WebSocket;
        if !by_socket && self.flows.is_empty() {
            return;
        }
        let known = contact(heard.message.target()).and_then(|contact| self.flows.get(&(heard.host, contact)));
        if !by_socket && known.is_none() {
            return;
        }
        if !self.sent.insert((heard.host, heard.branch)) {
            return;
        }
        self.forget.push(heard.at, (heard.host, heard.branch));
        self.judgement.judged += 1;
        let over = |(here, there): (SocketAddrV4, SocketAddrV4)| {
            around.web_socket_over(heard.host, here, there).filter(|since| *since + MARGIN < heard.at)
        };
        let own = (heard.here, heard.there);
        let (since, whose) = match (over(own).filter(|_| by_socket), known.filter(|known| **known != own)) {
            (Some(since), _) => (since, "by a WebSocket"),
            (None, Some(known)) => match over(*known) {
                Some(since) => (since, "to a contact whose WebSocket"),
                None => return,
            },
            _ => return,
        };
        if self.keepers.contains(&heard.host) {
            self.judgement.exempt("its server was set to keep the contacts of lost connections");
            return;
        }
        let (name, target) = (around.name(heard.host), heard.message.target());
        let ending = if by_socket && whose.starts_with("by") { "that is over" } else { "is over" };
        let what = format!("{name} sends a call for {target} {whose} {ending} since {since}");
        self.judgement.violate(heard.at, what, [heard.packet]);
    }
}
