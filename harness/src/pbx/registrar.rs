//! Who can be reached where (RFC 3261 10.3, RFC 5626).

use std::net::{IpAddr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::sip::{ConnectionId, Flow, Message, Name, Transport, Uri};
use crate::trace::SimTime;

/// A binding: where calls to a user go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The contact, as the phone wrote it.
    pub uri: String,
    /// The way to it: for datagrams where its REGISTER came from, else the connection that it came by.
    pub flow: Flow,
    /// When it ends.
    pub expires_at: SimTime,
    /// Which device it is, if it says (RFC 5626).
    pub instance: Option<String>,
    /// Which of the device's flows.
    pub reg_id: Option<u32>,
    /// Its preference, in thousandths.
    pub q: u16,
    pub(super) call_id: String,
    pub(super) cseq: u32,
}

impl Contact {
    /// What is known by it wherever it is.
    pub(super) fn device(&self) -> Device {
        Device::of(self.instance.as_deref(), &self.uri, &self.call_id)
    }
}

/// A phone that registers, from one start of it to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// Its instance (RFC 5626), or else what it calls itself.
    name: Rc<str>,
    /// RFC 3261 10.2.4: it's the same while the phone runs. One that has started again, such as a page that was loaded
    /// again, has another, and has none of the calls from before.
    call_id: Rc<str>,
}

impl Device {
    pub(super) fn of(instance: Option<&str>, uri: &str, call_id: &str) -> Device {
        Device { name: instance.unwrap_or(uri).into(), call_id: call_id.into() }
    }
}

/// The rules of a registrar.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub expires: Duration,
    pub least_expires: Duration,
    pub max_contacts: usize,
    /// Bindings that ended are called all the same.
    pub serves_expired: bool,
    /// Those before all others.
    pub prefers_the_dead: bool,
    /// Whatever instance a contact names.
    pub ignores_instances: bool,
}

/// Why a REGISTER wasn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 423: it has to last so long at least.
    TooBrief(Duration),
    /// Any other status.
    Status(u16),
}

/// What a REGISTER changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It only asked.
    None,
    /// A binding lives longer.
    Refreshed,
    /// A binding was made.
    Bound,
    /// One was taken back, and none made.
    Unbound,
}

/// The bindings of all users.
#[derive(Debug)]
pub(super) struct Registrar {
    rules: Rules,
    bindings: FxHashMap<Rc<str>, Vec<Contact>>,
    /// Who came by a connection.
    by_connection: FxHashMap<ConnectionId, Vec<Rc<str>>>,
    /// Bindings that are gone, for a server that prefers those.
    dead: FxHashMap<Rc<str>, Vec<Contact>>,
}

impl Registrar {
    pub(super) fn new(rules: Rules) -> Registrar {
        Registrar {
            rules,
            bindings: FxHashMap::default(),
            by_connection: FxHashMap::default(),
            dead: FxHashMap::default(),
        }
    }

    pub(super) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Takes a REGISTER of a user who has proved who he is. All of it counts, or nothing.
    pub(super) fn register(
        &mut self,
        now: SimTime,
        user: &Rc<str>,
        request: &Message,
        flow: Flow,
    ) -> Result<Change, Refusal> {
        let bad = |_| Refusal::Status(400);
        let call_id = request.call_id().map_err(bad)?;
        let cseq = request.cseq().map_err(bad)?.number;
        let general = request.expires().map_err(bad)?;
        let mut mine = self.bindings.get(user).cloned().unwrap_or_default();
        mine.retain(|known| known.expires_at > now);
        let before = mine.len();
        let is_late = |known: &Contact| known.call_id == call_id && known.cseq >= cseq;
        if request.contact_is_star() {
            // 10.3 step 6: all of them, with Expires 0 and nothing else.
            if general != Some(0) || request.all(Name::Contact).count() != 1 {
                return Err(Refusal::Status(400));
            }
            if mine.iter().any(is_late) {
                return Err(Refusal::Status(500));
            }
            mine.clear();
            self.store(user, mine);
            return Ok(if before > 0 { Change::Unbound } else { Change::None });
        }
        let contacts = request.contacts().map_err(bad)?;
        let mut change = Change::None;
        for contact in &contacts {
            let asked = contact.expires().or(general).map_or(self.rules.expires, |s| Duration::from_secs(s.into()));
            if !asked.is_zero() && asked < self.rules.least_expires {
                return Err(Refusal::TooBrief(self.rules.least_expires));
            }
            let instance = contact.instance().map(|urn| urn.into_owned());
            let reg_id = contact.reg_id();
            let is_same = |known: &Contact| match (&instance, &known.instance) {
                // RFC 5626 6: the device counts, not the address that it has today.
                (Some(new), Some(old)) if !self.rules.ignores_instances => new == old && reg_id == known.reg_id,
                _ => Uri::read(&known.uri).is_ok_and(|uri| uri.same_as(&contact.uri)),
            };
            let at = mine.iter().position(is_same);
            if at.is_some_and(|at| is_late(&mine[at])) {
                // 10.3 step 7: it was overtaken by a later one.
                return Err(Refusal::Status(500));
            }
            if asked.is_zero() {
                if let Some(at) = at {
                    mine.remove(at);
                    if change == Change::None {
                        change = Change::Unbound;
                    }
                }
                continue;
            }
            let binding = Contact {
                uri: contact.uri.raw.to_owned(),
                flow: way_to(&contact.uri, request, flow),
                expires_at: now + asked.min(self.rules.expires),
                instance,
                reg_id,
                q: contact.q().unwrap_or(1000),
                call_id: call_id.to_owned(),
                cseq,
            };
            match at {
                Some(at) => {
                    if change != Change::Bound {
                        change = Change::Refreshed;
                    }
                    mine[at] = binding;
                }
                None => {
                    change = Change::Bound;
                    mine.push(binding);
                }
            }
        }
        if mine.len() > self.rules.max_contacts.max(before) {
            return Err(Refusal::Status(403));
        }
        if change != Change::None {
            self.store(user, mine);
        }
        Ok(change)
    }

    fn store(&mut self, user: &Rc<str>, contacts: Vec<Contact>) {
        for contact in &contacts {
            if let Some(connection) = contact.flow.connection {
                let users = self.by_connection.entry(connection).or_default();
                if !users.contains(user) {
                    users.push(user.clone());
                }
            }
        }
        let old =
            if contacts.is_empty() { self.bindings.remove(user) } else { self.bindings.insert(user.clone(), contacts) };
        if self.rules.prefers_the_dead
            && let Some(old) = old
        {
            let live = self.bindings.get(user);
            let gone = old.into_iter().filter(|old| live.is_none_or(|live| live.iter().all(|new| new.uri != old.uri)));
            self.dead.entry(user.clone()).or_default().extend(gone);
        }
    }

    /// Puts a binding back that was kept over a restart.
    pub(super) fn restore(&mut self, user: &Rc<str>, contacts: Vec<Contact>) {
        self.store(user, contacts);
    }

    /// All that's kept of a user, to be written down.
    pub(super) fn stored(&self, user: &str) -> &[Contact] {
        self.bindings.get(user).map_or(&[], Vec::as_slice)
    }

    /// Where a user can be reached now.
    pub(super) fn live(&self, now: SimTime, user: &str) -> impl Iterator<Item = &Contact> {
        self.stored(user).iter().filter(move |contact| contact.expires_at > now)
    }

    /// Where a call to a user goes, the preferred first.
    pub(super) fn to_call(&self, now: SimTime, user: &str) -> Vec<Contact> {
        if self.rules.prefers_the_dead {
            let expired = self.stored(user).iter().filter(|contact| contact.expires_at <= now);
            let dead: Vec<Contact> = self.dead.get(user).into_iter().flatten().chain(expired).cloned().collect();
            if !dead.is_empty() {
                return dead;
            }
        }
        let serves_expired = self.rules.serves_expired;
        let mut contacts: Vec<Contact> =
            self.stored(user).iter().filter(|contact| contact.expires_at > now || serves_expired).cloned().collect();
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q));
        contacts
    }

    /// A connection is gone, and the bindings stay all the same: as if datagrams got to where it came from.
    pub(super) fn mislay_connection(&mut self, connection: ConnectionId) {
        for contact in self.bindings.values_mut().flatten() {
            if contact.flow.connection == Some(connection) {
                contact.flow = Flow::udp(contact.flow.remote);
            }
        }
    }

    /// A connection is gone, and the bindings with it. Whose they were.
    pub(super) fn connection_lost(&mut self, connection: ConnectionId) -> Vec<Rc<str>> {
        let mut users = self.by_connection.remove(&connection).unwrap_or_default();
        users.retain(|user| {
            let mut contacts = self.stored(user).to_vec();
            let before = contacts.len();
            contacts.retain(|contact| contact.flow.connection != Some(connection));
            let lost = contacts.len() < before;
            if lost {
                self.store(user, contacts);
            }
            lost
        });
        users
    }
}

/// Where requests to a contact go. Behind a NAT its address means nothing here, so that a phone that registers its own
/// address is reached where it was heard from (RFC 3581), and one that came by a connection is reached by that one. Who
/// registers an address that isn't its own is taken at its word.
fn way_to(contact: &Uri<'_>, request: &Message, flow: Flow) -> Flow {
    if flow.transport != Transport::Udp {
        return flow;
    }
    let Some(IpAddr::V4(address)) = contact.ip() else { return flow };
    let port = contact.port.unwrap_or(5060);
    let is_own = request.via().is_ok_and(|via| via.host == contact.host && via.port.unwrap_or(5060) == port);
    let to = SocketAddrV4::new(address, port);
    if is_own || *flow.remote.ip() == address {
        return if is_own { flow } else { Flow::udp(to) };
    }
    // Neither its own by name nor by address: a NAT that rewrote Via (an ALG) or somebody else's phone.
    let sent_from_there = request.via().is_ok_and(|via| via.received_ip() == Some(IpAddr::V4(address)));
    if sent_from_there { flow } else { Flow::udp(to) }
}
