//! The tab, as the phone in it sees it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::rc::Rc;

use super::audio::{PeerAudio, Wire};
use super::line::SERVER;
use super::page::Provision;
use crate::phone::Inbox;
use crate::phone::browser::{MediaError, MediaStream, PeerId, RequestId, TimerId, Web};
use crate::phone::call::LegId;
use crate::phone::place::{Finding, Place, Ready, Unready, Wanted};
use crate::phone::settings::PhoneSettings;
use crate::sip::escape_user;
use crate::sip::ua::Ending;
use crate::trace::Event;
use crate::world::Random;

/// What the page has asked the browser for, and what it has of it.
pub(super) struct Shelf {
    pub(super) web: Web,
    pub(super) inbox: Rc<Inbox>,
    pub(super) provision: Rc<Provision>,
    /// A connection leads to the server.
    pub(super) online: Cell<bool>,
    /// Who waits for the microphone.
    microphones: RefCell<BTreeMap<RequestId, Asker>>,
    /// The calls' connections.
    pub(super) wires: RefCell<BTreeMap<PeerId, Rc<Wire>>>,
    /// Until when which of them waits for its candidates.
    pub(super) patience: RefCell<BTreeMap<TimerId, Rc<Wire>>>,
}

/// Who waits for the microphone.
enum Asker {
    /// A call that begins.
    Call(LegId, Wanted),
    /// One whose microphone went away.
    Wire(Rc<Wire>),
}

impl Shelf {
    pub(super) fn new(web: &Web, inbox: Rc<Inbox>, provision: Rc<Provision>) -> Shelf {
        Shelf {
            web: web.clone(),
            inbox,
            provision,
            online: Cell::new(false),
            microphones: RefCell::default(),
            wires: RefCell::default(),
            patience: RefCell::default(),
        }
    }

    /// The browser has answered: here is the microphone, or there's none.
    pub(super) fn microphone(self: &Rc<Shelf>, request: RequestId, outcome: Result<MediaStream, MediaError>) {
        let asker = self.microphones.borrow_mut().remove(&request);
        match asker {
            Some(Asker::Call(leg, wanted)) => {
                let outcome = self.prepared(leg, &wanted, outcome);
                self.inbox.put(Finding::Ready { leg, outcome });
            }
            Some(Asker::Wire(wire)) => {
                if let Ok(microphone) = outcome {
                    wire.take_microphone(microphone);
                }
            }
            // The call is over, or never was.
            None => {
                if let Ok(microphone) = outcome {
                    microphone.stop();
                }
            }
        }
    }

    fn prepared(
        self: &Rc<Shelf>,
        leg: LegId,
        wanted: &Wanted,
        outcome: Result<MediaStream, MediaError>,
    ) -> Result<Ready, Unready> {
        let microphone = outcome.map_err(|error| {
            let why = match error {
                MediaError::NotAllowed => "the microphone isn't allowed".to_owned(),
                MediaError::NotFound => "there's no microphone".to_owned(),
            };
            // As when somebody is away: nobody would hear her.
            Unready { why, status: 480, ending: Ending::Abandoned }
        })?;
        let ways = if matches!(wanted, Wanted::Nowhere) { Vec::new() } else { vec![SERVER] };
        if !ways.is_empty() && !self.online.get() {
            microphone.stop();
            return Err(no_connection());
        }
        let audio = PeerAudio::new(self, leg, microphone).ok_or_else(|| Unready {
            why: "the browser can't make calls".to_owned(),
            status: 480,
            ending: Ending::Abandoned,
        })?;
        Ok(Ready { audio: Box::new(audio), ways })
    }

    /// A device came: calls that have lost their microphone may have it again.
    pub(super) fn devices_changed(self: &Rc<Shelf>) {
        let mute: Vec<Rc<Wire>> =
            self.wires.borrow().values().filter(|wire| wire.has_lost_microphone()).cloned().collect();
        if !self.web.has_microphone() {
            return;
        }
        for wire in mute {
            let request = self.web.get_user_media();
            self.microphones.borrow_mut().insert(request, Asker::Wire(wire));
        }
    }

    /// The computer is in another network, or was in none.
    pub(super) fn network_changed(&self) {
        self.wires.borrow().values().for_each(|wire| wire.is_stale.set(true));
    }
}

fn no_connection() -> Unready {
    Unready { why: "no connection to the server".to_owned(), status: 480, ending: Ending::Refused(503) }
}

/// The tab, as its phone sees it.
pub(super) struct InTab {
    pub(super) shelf: Rc<Shelf>,
    /// The name that stands for an address which nobody could connect to (RFC 7118 5).
    pub(super) name: String,
    pub(super) instance: String,
}

/// Where the page remembers that its account is on or off.
pub(super) fn account_key(user: &str) -> String {
    format!("webphone:{user}:account")
}

impl Place for InTab {
    fn claim(&self, kind: &'static str, fields: &[(&'static str, &str)]) {
        let with = |event, (name, value): &(&'static str, &str)| Event::with(event, *name, *value);
        self.shelf.web.console(kind, |event| fields.iter().fold(event, with));
    }

    fn name_of(&self, _: SocketAddrV4) -> String {
        self.shelf.provision.web.borrow().url.clone()
    }

    fn random(&self, concern: &str) -> Random {
        self.shelf.web.random(|random| Random::stream(random.next_u64(), concern))
    }

    fn sent_by(&self) -> String {
        self.name.clone()
    }

    fn contact(&self, settings: &PhoneSettings) -> String {
        format!("sip:{}@{};transport=ws", escape_user(&settings.user), self.name)
    }

    /// Calls belong to the flow that they came by (RFC 5626 4.3).
    fn contact_in_calls(&self, settings: &PhoneSettings) -> String {
        format!("{};ob", self.contact(settings))
    }

    fn instance(&self, _: &PhoneSettings) -> String {
        self.instance.clone()
    }

    /// A page doesn't know where it is.
    fn has_moved(&self) -> bool {
        false
    }

    fn settle(&self) {}

    fn remember(&self, on: bool, password: Option<&str>) {
        let state = if on { "on" } else { "off" };
        let key = account_key(&self.shelf.provision.phone.borrow().user);
        let stored = self.shelf.web.local_storage_set(&key, &format!("{state}\n{}", password.unwrap_or_default()));
        if let Err(error) = stored {
            self.shelf.web.console("phone-disk", |event| event.with("error", error.to_string()));
        }
    }

    /// The browser finds the server itself.
    fn look_up(&self, _: &PhoneSettings) {}

    fn prepare(&self, leg: LegId, wanted: Wanted) {
        if !matches!(wanted, Wanted::Nowhere) && !self.shelf.online.get() {
            return self.shelf.inbox.put(Finding::Ready { leg, outcome: Err(no_connection()) });
        }
        let request = self.shelf.web.get_user_media();
        self.shelf.microphones.borrow_mut().insert(request, Asker::Call(leg, wanted));
    }

    /// Whoever asks before is refused by people who don't know what for.
    fn asks_when_answering(&self) -> bool {
        true
    }
}
