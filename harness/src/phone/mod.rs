//! Phones: a hardphone on a desk, a softphone on a computer that sleeps and changes networks, a webphone in a tab.
//!
//! A [`Phone`] is installed on a host and is driven as a person drives it: by buttons ([`hand`]), looking at the
//! screen ([`screen`]). What it knows of the world it learned by packets. A button that can't be pressed, such as
//! answering when nothing rings, is an error that says what is seen instead.
//!
//! - [`settings`]: how it's provisioned, and which step of its behaviour is slowed or withheld.
//! - [`hand`], [`screen`]: the two doors for steps and tests.
//! - `core`: the phone itself; `place`: what it needs of where it is, which is a host (`desk`, where `servers` finds
//!   its servers) or a tab ([`webphone`]).
//! - `account`: the registration and its servers.
//! - `call`, `audio`: calls and what is heard in them; `transfer`: handing them on; `mending`: when nothing is heard.
//! - [`browser`]: tabs and the Web APIs, for pages.

mod account;
mod audio;
pub mod browser;
mod call;
mod core;
mod desk;
pub mod hand;
mod mending;
mod place;
pub mod screen;
mod servers;
pub mod settings;
mod transfer;
pub mod webphone;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use tokio::sync::Notify;

pub use hand::NoSuchButton;
pub use screen::{Direction, Line, LineState, Registration, Screen, TransferState};
pub use settings::{AutoAnswer, Behaviour, Model, PhoneSettings};

use self::browser::{Browser, BrowserError, Site, Tab};
use self::core::Core;
use self::place::Finding;
use self::webphone::{Provision, Webphone, WebphoneSettings};
use crate::media::StreamStats;
use crate::media::webrtc::CandidateKind;
use crate::trace::SimTime;
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
    body: Body,
}

/// What a phone runs in.
#[derive(Clone)]
enum Body {
    /// On its host.
    Desk(Rc<Desk>),
    /// In a browser's tab: that one, or else the newest that has its page.
    Tab { browser: Browser, site: Site, provision: Rc<Provision>, tab: Option<Tab> },
}

/// What the program on a phone's host and those who stand before the phone have in common.
struct Desk {
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
        let desk = Rc::new(Desk {
            settings: Rc::new(RefCell::new(settings)),
            inbox: Rc::default(),
            running: RefCell::default(),
            lives: Cell::new(0),
            broken: RefCell::default(),
        });
        let program = desk.clone();
        host.boot(move |host| desk::run(host, program.clone()));
        Phone { host: host.clone(), body: Body::Desk(desk) }
    }

    /// A phone that's a page in a browser's tab. There is none until a tab is opened ([`Phone::open_tab`]); each tab with
    /// the page is a phone of its own, and this one means the newest.
    ///
    /// ```
    /// # #[cfg(tokio_unstable)] {
    /// use busyhour::pbx::{Server, ServerSettings};
    /// use busyhour::phone::browser::{Browser, BrowserSettings};
    /// use busyhour::phone::webphone::WebphoneSettings;
    /// use busyhour::phone::{Phone, Registration};
    /// use std::time::Duration;
    ///
    /// busyhour::simulate(1, |u| async move {
    ///     let server = Server::install(&u.host("server"), ServerSettings::new("pbx.test").user("alice", "secret"));
    ///     let browser = Browser::install(&u.host("laptop"), BrowserSettings::default());
    ///     let url = format!("ws://{}:8080/", server.host().address());
    ///     let alice = Phone::webphone(&browser, WebphoneSettings::new("alice", "secret", "pbx.test").at(url));
    ///     assert_eq!(alice.screen().message, "no tab");
    ///     alice.open_tab()?;
    ///     u.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(alice.screen().registration, Registration::Registered);
    ///     Ok::<(), busyhour::phone::browser::BrowserError>(())
    /// })
    /// .unwrap();
    /// # }
    /// ```
    pub fn webphone(browser: &Browser, settings: WebphoneSettings) -> Phone {
        let origin = settings.origin.clone();
        let phone = Rc::new(RefCell::new(settings.phone.clone()));
        let provision = Rc::new(Provision { phone, web: RefCell::new(settings) });
        let made_with = provision.clone();
        let site = Site::new(&origin, move || Webphone::new(made_with.clone()));
        let body = Body::Tab { browser: browser.clone(), site, provision, tab: None };
        Phone { host: browser.host().clone(), body }
    }

    /// The same phone in a frame of another page: opened from now on, its tab has both. A phone on a desk stays as it is.
    #[must_use]
    pub fn framed_in(mut self, page: &Site) -> Phone {
        if let Body::Tab { site, .. } = &mut self.body {
            *site = page.framing(site);
        }
        self
    }

    /// The browser that it's in, if it's a page.
    pub fn browser(&self) -> Option<&Browser> {
        match &self.body {
            Body::Desk(_) => None,
            Body::Tab { browser, .. } => Some(browser),
        }
    }

    /// The site that its page comes from, if it's one.
    pub fn site(&self) -> Option<&Site> {
        match &self.body {
            Body::Desk(_) => None,
            Body::Tab { site, .. } => Some(site),
        }
    }

    /// Opens its site in another tab, which this phone means from now on.
    ///
    /// # Errors
    /// It's no page, or the computer is off or asleep.
    pub fn open_tab(&self) -> Result<Tab, BrowserError> {
        match &self.body {
            Body::Desk(_) => Err(BrowserError::NotRunning),
            Body::Tab { browser, site, .. } => browser.open(site),
        }
    }

    /// The phone in that tab, whatever others are opened.
    #[must_use]
    pub fn in_tab(&self, tab: &Tab) -> Phone {
        let mut phone = self.clone();
        if let Body::Tab { tab: meant, .. } = &mut phone.body {
            *meant = Some(tab.clone());
        }
        phone
    }

    /// The tab that it's in, if there's one.
    pub fn tab(&self) -> Option<Tab> {
        let Body::Tab { browser, provision, tab, .. } = &self.body else { return None };
        if let Some(tab) = tab {
            return tab.is_open().then(|| tab.clone());
        }
        let tabs = browser.tabs();
        let has_page = |tab: &&Tab| tab.page(|page: &Webphone| page.is_of(provision)) == Some(true);
        // One without a page is being loaded, or has crashed.
        tabs.iter().rev().find(has_page).or(tabs.iter().rev().find(|tab| !tab.has_page())).cloned()
    }

    /// Looks at the phone, if it's on.
    fn see<R>(&self, look: impl FnOnce(&Core, SimTime) -> R) -> Option<R> {
        if self.host.power() != Power::Up {
            return None;
        }
        match &self.body {
            Body::Desk(desk) => desk.running.borrow().as_ref().map(|(_, core)| look(core, self.host.now())),
            Body::Tab { .. } => self.tab()?.page(|page: &Webphone| page.see(look)).flatten(),
        }
    }

    /// Does something with the phone, if it's on.
    fn touch<R>(&self, act: impl FnOnce(&mut Core, SimTime) -> R) -> Option<R> {
        if self.host.power() != Power::Up {
            return None;
        }
        match &self.body {
            Body::Desk(desk) => {
                let now = self.host.now();
                let result = desk.running.borrow_mut().as_mut().map(|(_, core)| {
                    let result = act(core, now);
                    core.pump(now);
                    result
                });
                desk.inbox.bell.notify_one();
                result
            }
            Body::Tab { .. } => self.tab()?.press(|page: &mut Webphone, _| page.press(act)).flatten(),
        }
    }

    fn shared(&self) -> &Rc<RefCell<PhoneSettings>> {
        match &self.body {
            Body::Desk(desk) => &desk.settings,
            Body::Tab { provision, .. } => &provision.phone,
        }
    }

    /// The host that it runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// How it's provisioned.
    pub fn settings(&self) -> PhoneSettings {
        self.shared().borrow().clone()
    }

    /// Changes what it does well or badly, from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared().borrow_mut().behaviour);
        self.see(|core, _| core.behaviour_changed());
        if let Body::Desk(desk) = &self.body {
            desk.inbox.bell.notify_one();
        }
    }

    /// Changes how it's provisioned. What it is told only at its boot (transport, port, domain, SIP quirks) is as it was
    /// until then.
    pub fn provision(&self, change: impl FnOnce(&mut PhoneSettings)) {
        change(&mut self.shared().borrow_mut());
        if let Body::Desk(desk) = &self.body {
            desk.inbox.bell.notify_one();
        }
    }

    /// Changes what only a webphone has. A page that's loaded already has it from its next loading on.
    pub fn provision_page(&self, change: impl FnOnce(&mut WebphoneSettings)) {
        if let Body::Tab { provision, .. } = &self.body {
            change(&mut provision.web.borrow_mut());
        }
    }

    /// What it shows.
    pub fn screen(&self) -> Screen {
        if self.host.power() != Power::Up {
            return Screen::default();
        }
        let dark = |message: &str| Screen { message: message.to_owned(), ..Screen::default() };
        self.see(Core::screen).unwrap_or_else(|| match &self.body {
            Body::Desk(desk) => {
                let broken = desk.broken.borrow();
                let message = if broken.is_empty() { "starting".to_owned() } else { broken.clone() };
                Screen { power: true, message, ..Screen::default() }
            }
            Body::Tab { .. } => match self.tab() {
                Some(tab) if tab.has_page() => dark("the page is being loaded"),
                Some(_) => dark("no page in the tab"),
                None => dark("no tab"),
            },
        })
    }

    /// The digits that the other side pressed in the present call, or in the last one.
    pub fn digits_received(&self) -> String {
        self.see(|core, _| core.digits_received()).unwrap_or_default()
    }

    /// What the other side wrote by the data channel of the present call.
    pub fn messages(&self) -> Vec<String> {
        self.see(|core, _| core.messages()).unwrap_or_default()
    }

    /// By which kinds of candidates the packets of the present call go, in WebRTC: ours, and the other side's.
    pub fn media_way(&self) -> Option<(CandidateKind, CandidateKind)> {
        self.see(|core, _| core.media_way()).flatten()
    }

    /// What is measured of the audio of the present call.
    pub fn audio(&self) -> Option<StreamStats> {
        self.see(|core, _| core.audio_stats()).flatten()
    }

    /// Where it says that it can be reached: its contact, as it registers it.
    pub fn contact(&self) -> Option<String> {
        self.see(|core, _| core.contact_uri())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s phone: {}", self.host.name(), self.screen())
    }
}
