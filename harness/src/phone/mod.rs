//! Phones: a hardphone on a desk, and a softphone on a computer that sleeps and changes networks.
//!
//! A [`Phone`] is installed on a host and is driven as a person drives it: by buttons ([`hand`]), looking at the
//! screen ([`screen`]). What it knows of the world it learned by packets. A button that can't be pressed, such as
//! answering when nothing rings, is an error that says what is seen instead.
//!
//! - [`settings`]: how it's provisioned, and which step of its behaviour is slowed or withheld.
//! - [`hand`], [`screen`]: the two doors for steps and tests.
//! - `program`: what runs on the host: its main loop.
//! - `account`: the registration and its servers; `servers`: how those are found.
//! - [`browser`]: tabs and the Web APIs, for pages.
//! - `call`, `audio`: calls and what is heard in them; `transfer`: handing them on.

mod account;
mod audio;
pub mod browser;
mod call;
pub mod hand;
mod program;
pub mod screen;
mod servers;
pub mod settings;
mod transfer;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use tokio::sync::Notify;

pub use hand::NoSuchButton;
pub use screen::{Direction, Line, LineState, Registration, Screen, TransferState};
pub use settings::{Behaviour, Model, PhoneSettings};

use self::program::{Core, Finding};
use crate::media::StreamStats;
use crate::world::{Host, Power};

/// A phone, as somebody who stands before it has it: its buttons and its screen.
///
/// The handle is cheap to clone. The phone itself runs on its host, loses power with it, and boots again by itself.
///
/// ```
/// # #[cfg(tokio_unstable)] {
/// use std::time::Duration;
/// use busyhour::phone::{LineState, Phone, PhoneSettings};
///
/// busyhour::simulate(1, |u| async move {
///     let (desk, other) = (u.host("alice"), u.host("bob"));
///     let alice = Phone::install(&desk, PhoneSettings::hardphone("alice", "secret", "pbx.test"));
///     let bob = Phone::install(&other, PhoneSettings::hardphone("bob", "secret", "pbx.test"));
///     u.sleep(Duration::from_secs(1)).await;
///
///     // A full address goes straight there, without a server.
///     alice.dial(&format!("sip:bob@{}:5060", other.address())).unwrap();
///     u.sleep(Duration::from_secs(1)).await;
///     bob.answer().unwrap();
///     u.sleep(Duration::from_secs(1)).await;
///     assert_eq!(alice.screen().lines[0].state, LineState::Talking);
/// });
/// # }
/// ```
#[derive(Clone)]
pub struct Phone {
    host: Host,
    shared: Rc<Shared>,
}

/// What the program and those who stand before the phone have in common.
struct Shared {
    settings: Rc<RefCell<PhoneSettings>>,
    inbox: Rc<Inbox>,
    /// The life of the phone, if it's on: and which.
    running: RefCell<Option<(u64, Core)>>,
    lives: Cell<u64>,
    /// Why it doesn't come up.
    broken: RefCell<String>,
}

/// What the program's helpers found, and the bell that wakes it.
#[derive(Default)]
struct Inbox {
    found: RefCell<VecDeque<Finding>>,
    bell: Notify,
}

impl Inbox {
    fn put(&self, finding: Finding) {
        self.found.borrow_mut().push_back(finding);
        self.bell.notify_one();
    }
}

impl Phone {
    /// Installs a phone on a host. It's on at once; after each power cut it boots by itself, and registers if its
    /// account was on.
    pub fn install(host: &Host, settings: PhoneSettings) -> Phone {
        let shared = Rc::new(Shared {
            settings: Rc::new(RefCell::new(settings)),
            inbox: Rc::default(),
            running: RefCell::default(),
            lives: Cell::new(0),
            broken: RefCell::default(),
        });
        let program = shared.clone();
        host.boot(move |host| program::run(host, program.clone()));
        Phone { host: host.clone(), shared }
    }

    /// The host that it runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// How it's provisioned.
    pub fn settings(&self) -> PhoneSettings {
        self.shared.settings.borrow().clone()
    }

    /// Changes what it does well or badly, from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.settings.borrow_mut().behaviour);
        if let Some((_, core)) = &mut *self.shared.running.borrow_mut() {
            core.behaviour_changed();
        }
        self.shared.inbox.bell.notify_one();
    }

    /// Changes how it's provisioned. What it is told only at its boot (transport, port, domain, SIP quirks) is as it was
    /// until then.
    pub fn provision(&self, change: impl FnOnce(&mut PhoneSettings)) {
        change(&mut self.shared.settings.borrow_mut());
        self.shared.inbox.bell.notify_one();
    }

    /// What it shows.
    pub fn screen(&self) -> Screen {
        if self.host.power() != Power::Up {
            return Screen::default();
        }
        match &*self.shared.running.borrow() {
            Some((_, core)) => core.screen(self.host.now()),
            None => {
                let broken = self.shared.broken.borrow();
                let message = if broken.is_empty() { "starting".to_owned() } else { broken.clone() };
                Screen { power: true, message, ..Screen::default() }
            }
        }
    }

    /// The digits that the other side pressed in the present call, or in the last one.
    pub fn digits_received(&self) -> String {
        self.shared.running.borrow().as_ref().map_or_else(String::new, |(_, core)| core.digits_received())
    }

    /// What is measured of the audio of the present call.
    pub fn audio(&self) -> Option<StreamStats> {
        self.shared.running.borrow().as_ref().and_then(|(_, core)| core.audio_stats())
    }

    /// Where it says that it can be reached: its contact, as it registers it.
    pub fn contact(&self) -> Option<String> {
        self.shared.running.borrow().as_ref().map(|(_, core)| core.contact_uri())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s phone: {}", self.host.name(), self.screen())
    }
}
