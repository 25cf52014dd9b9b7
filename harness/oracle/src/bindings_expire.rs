//! Bindings expire, and a dead one isn't all that a call tries.
//!
//! A binding is gone when its time is over without a refresh, and when it's taken back (RFC 3261 sections 10.2.2 and
//! 10.3): from then on the registrar sends no call there. What it keeps, and until when, it says itself in its 200s to
//! REGISTER. And a request goes to the contacts that there are (16.5, 16.6): a call that was tried at dead contacts
//! only, and failed, though a living device was registered, has failed for nothing. Dead is a contact whose device was
//! down or asleep when it was called, or has been since it registered.
//!
//! Judged are INVITEs to contacts that were ever bound, and calls to a user who had a living device. Not judged: a
//! second around the expiry; a call that came before it and is still being tried; registrars whose clock was set wrong
//! or that were down meanwhile; devices that were engaged.

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::Dues;
use crate::hearing::{Heard, digest, digest_all};
use crate::read::sip::{Address, Method, Uri};
use crate::surroundings::Surroundings;
use crate::witness::{Judgement, Witness};

use std::time::Duration;

/// What clocks of whole seconds, and a message on its way, may make of an expiry.
const MARGIN: Duration = Duration::from_secs(1);
/// An INVITE isn't repeated after this.
const OVER: Duration = Duration::from_secs(64);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct BindingsExpire {
    judgement: Judgement,
    /// By contact: user, host and port.
    bindings: FxHashMap<u64, Vec<Binding>>,
    /// The contacts of a user, as a registrar has them.
    users: FxHashMap<(HostId, u64), Vec<u64>>,
    /// REGISTERs that wait for their answer.
    registering: FxHashMap<(HostId, u64), Registering>,
    /// INVITEs that were sent, by host and branch.
    sent: FxHashSet<(HostId, u64)>,
    /// Calls that have come to a registrar, by host and branch.
    calls: FxHashMap<(HostId, u64), Call>,
    /// Whose phone is in which call.
    engaged: FxHashSet<(HostId, u64)>,
    forget: Dues<(HostId, u64)>,
}

#[derive(Debug)]
struct Binding {
    registrar: HostId,
    user: u64,
    since: SimTime,
    until: SimTime,
    /// Where the REGISTER came from.
    device: Option<HostId>,
}

#[derive(Debug)]
struct Registering {
    at: SimTime,
    device: Option<HostId>,
    contacts: Vec<u64>,
    expires: Option<u32>,
    /// The contacts that it takes back.
    taken_back: Vec<u64>,
    takes_all_back: bool,
}

#[derive(Debug)]
struct Call {
    user: u64,
    since: SimTime,
    packet: PacketId,
    tried: Vec<(u64, bool)>,
}

impl Default for BindingsExpire {
    fn default() -> Self {
        BindingsExpire {
            judgement: Judgement::default(),
            bindings: FxHashMap::default(),
            users: FxHashMap::default(),
            registering: FxHashMap::default(),
            sent: FxHashSet::default(),
            calls: FxHashMap::default(),
            engaged: FxHashSet::default(),
            forget: Dues::after(OVER),
        }
    }
}

/// What stays the same of a contact, however its parameters are written.
pub(crate) fn contact(uri: &str) -> Option<u64> {
    let uri = Uri::read(uri)?;
    Some(digest_all([uri.user, uri.host].into_iter()).wrapping_add(u64::from(uri.port.unwrap_or(5060))))
}

fn user(address: Option<Address<'_>>) -> Option<u64> {
    address.map(|address| address.user()).filter(|user| !user.is_empty()).map(digest)
}

impl Witness for BindingsExpire {
    fn name(&self) -> &'static str {
        "bindings_expire"
    }

    fn rule(&self) -> &'static str {
        "no call goes to a binding that has expired or was taken back, and none fails at dead contacts while a living \
         one is registered (RFC 3261 sections 10.2.2, 10.3 and 16.5)"
    }

    fn message(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        match (heard.method, heard.is_request(), heard.is_sent()) {
            (Method::Register, true, false) => self.registering(heard),
            (Method::Register, false, true) => self.registered(heard),
            (Method::Invite, true, true) if heard.to_tag == 0 => self.calls_contact(heard, around),
            (Method::Invite, true, false) if heard.to_tag == 0 => self.called(heard),
            (Method::Invite, false, true) if heard.is_final() => self.answered(heard, around),
            _ => {}
        }
        if heard.accepts(Method::Invite) {
            self.engaged.insert((heard.host, heard.call));
        } else if heard.is(Method::Bye) {
            self.engaged.remove(&(heard.host, heard.call));
        }
    }

    fn due(&mut self, now: SimTime, _around: &Surroundings) {
        while let Some((_, key)) = self.forget.pop(now) {
            self.sent.remove(&key);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}

impl BindingsExpire {
    fn registering(&mut self, heard: &Heard<'_>) {
        let message = heard.message;
        let contacts = message.contacts().filter_map(|address| contact(address.uri)).collect();
        let (at, device, expires) = (heard.at, heard.peer, message.expires());
        let goes = |address: &Address<'_>| address.expires().or(expires) == Some(0);
        let taken_back = message.contacts().filter(goes).filter_map(|address| contact(address.uri)).collect();
        let takes_all_back = message.contact_is_star() && expires == Some(0);
        self.registering.entry((heard.host, heard.branch)).or_insert(Registering {
            at,
            device,
            contacts,
            expires,
            taken_back,
            takes_all_back,
        });
    }

    /// A registrar says which bindings it keeps of a user, and for how long.
    fn registered(&mut self, heard: &Heard<'_>) {
        if !heard.is_final() || heard.is_forwarding {
            return;
        }
        let Some(asked) = self.registering.remove(&(heard.host, heard.branch)) else { return };
        if !heard.accepts(Method::Register) {
            return;
        }
        let Some(user) = user(heard.message.to()) else { return };
        let registrar = heard.host;
        let kept: Vec<(u64, SimTime)> = heard
            .message
            .contacts()
            .filter_map(|address| {
                let expires = address.expires().or(heard.message.expires()).or(asked.expires);
                let until = match expires {
                    Some(seconds) => heard.at + Duration::from_secs(u64::from(seconds)),
                    None => SimTime(u64::MAX),
                };
                Some((contact(address.uri)?, until))
            })
            .collect();
        let users = self.users.entry((registrar, user)).or_default();
        // Gone is what was taken back; a registrar that lists too little is none of this rule's business.
        let is_gone = |known: &&u64| {
            let taken = asked.takes_all_back || asked.taken_back.contains(known);
            taken && kept.iter().all(|(contact, _)| contact != *known)
        };
        for gone in users.iter().filter(is_gone) {
            for binding in self.bindings.get_mut(gone).into_iter().flatten() {
                if binding.registrar == registrar && binding.user == user {
                    binding.until = binding.until.min(heard.at);
                }
            }
        }
        for (contact, until) in kept {
            if !users.contains(&contact) {
                users.push(contact);
            }
            let bindings = self.bindings.entry(contact).or_default();
            let refreshed = asked.contacts.contains(&contact);
            match bindings.iter_mut().find(|binding| binding.registrar == registrar && binding.user == user) {
                Some(binding) => {
                    binding.until = until;
                    if refreshed {
                        (binding.since, binding.device) = (asked.at, asked.device);
                    }
                }
                None => {
                    let device = if refreshed { asked.device } else { None };
                    bindings.push(Binding { registrar, user, since: asked.at, until, device });
                }
            }
        }
    }

    fn calls_contact(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let key = (heard.host, heard.branch);
        if !self.sent.insert(key) {
            return;
        }
        self.forget.push(heard.at, key);
        let Some(contact) = contact(heard.message.target()) else { return };
        let Some(bindings) = self.bindings.get(&contact) else { return };
        let Some(own) = bindings.iter().find(|binding| binding.registrar == heard.host) else { return };
        let dead = own.device.is_some_and(|device| around.disturbed(device, own.since));
        for call in self.calls.values_mut().filter(|call| call.user == own.user) {
            call.tried.push((contact, dead));
        }
        self.judgement.judged += 1;
        // Another registrar may have told this one of a binding: the longest counts.
        let until = bindings.iter().map(|binding| binding.until).max().unwrap_or(SimTime::ZERO);
        if until + MARGIN >= heard.at {
            return;
        }
        let waiting = self.calls.iter().any(|((host, _), call)| *host == heard.host && call.since <= until + MARGIN);
        if waiting {
            self.judgement.exempt("the call had come before the binding was gone");
        } else if around.is_skewed(heard.host) {
            self.judgement.exempt("the registrar's clock was set wrong");
        } else {
            let (name, target) = (around.name(heard.host), heard.message.target());
            let what = format!("{name} sent a call to {target}, a binding that is gone since {until}");
            self.judgement.violate(heard.at, what, [heard.packet]);
        }
    }

    fn called(&mut self, heard: &Heard<'_>) {
        let Some(uri) = Uri::read(heard.message.target()) else { return };
        let user = digest(uri.user);
        if !self.users.contains_key(&(heard.host, user)) {
            return;
        }
        let call = Call { user, since: heard.at, packet: heard.packet, tried: Vec::new() };
        self.calls.entry((heard.host, heard.branch)).or_insert(call);
    }

    fn answered(&mut self, heard: &Heard<'_>, around: &Surroundings) {
        let Some(call) = self.calls.remove(&(heard.host, heard.branch)) else { return };
        let registrar = heard.host;
        let Some(contacts) = self.users.get(&(registrar, call.user)) else { return };
        let living = contacts.iter().find(|contact| {
            let own = self.bindings.get(contact).into_iter().flatten();
            own.into_iter().any(|binding| {
                let Binding { since, until, device: Some(device), .. } = *binding else { return false };
                binding.registrar == registrar
                    && binding.user == call.user
                    && since < call.since
                    && until > heard.at + MARGIN
                    && !around.disturbed(device, since)
                    && !self.engaged.iter().any(|(host, _)| *host == device)
            })
        });
        let Some(living) = living else { return };
        let failed = matches!(heard.status, 404 | 408 | 410 | 480 | 500 | 502 | 503 | 504);
        let in_vain = !call.tried.is_empty()
            && call.tried.iter().all(|(_, dead)| *dead)
            && call.tried.iter().all(|(contact, _)| contact != living);
        self.judgement.judged += 1;
        if failed && in_vain && !around.disturbed(registrar, call.since) {
            let (name, status) = (around.name(registrar), heard.status);
            let what = format!(
                "{name} tried a call at dead contacts only and answered {status}, with a living one registered"
            );
            self.judgement.violate(heard.at, what, [call.packet, heard.packet]);
        }
    }
}
