//! A browser as a page sees it: a profile, tabs, and the Web APIs.
//!
//! A [`Browser`] is installed on a host. It has a profile (what sites store, and what the user has allowed), which is on
//! the host's disk, and [`Tab`]s. The [`Page`] in a tab is a tenant: it gets [`WebEvent`]s, acts by its window, [`Web`],
//! and knows nothing else of the machine that it's on.
//!
//! How a tab ends is a matter of packets and of what still runs: see [`Tab`] and [`Browser`]. A page that's gone never
//! runs again; what the browser still does for it is to end its connections.
//!
//! - `page`, `event`, `web`: what a page is, hears and calls; `error`: what calls throw.
//! - `tab`, and [`Browser`] here: what a user does, and how pages end; `window`: what belongs to one loading of a page.
//! - `timers`, `socket`, `fetch`, `media`, [`peer_connection`]: the Web APIs' insides; `url`: addresses.
//! - `profile`, `storage`: what tabs share, and what outlives them; `settings`.
//!
//! There's no CORS here and no TLS: a page may ask any server, by `http` and `ws`.

mod error;
mod event;
mod fetch;
mod media;
mod page;
pub mod peer_connection;
mod profile;
mod settings;
mod socket;
mod storage;
mod tab;
mod timers;
mod url;
mod web;
mod window;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::AbortHandle;

pub use error::{Exception, WebError};
pub use event::{Data, ElementId, PeerId, ReadyState, RequestId, SocketId, TabId, TimerId, WebEvent};
pub use fetch::{FetchError, FetchRequest, FetchResponse};
pub use media::{MediaError, MediaStream, MediaStreamTrack, TrackId, TrackSource};
pub use page::{Page, Site};
pub use peer_connection::{PeerConnection, PeerConnectionEvent, RtcConfiguration};
pub use settings::{Autoplay, BrowserSettings, Permission};
pub use tab::Tab;
pub use web::Web;

use self::profile::Profile;
use self::tab::{End, TabInner};
use crate::world::{Host, Power};

/// How often a browser looks whether the computer has another address, or lost its microphone [modelled: a real one is
/// told by the system].
const LOOK: Duration = Duration::from_secs(1);
/// The same while a page listens to the microphone.
const LOOK_CLOSELY: Duration = Duration::from_millis(100);

/// Why something can't be done with a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    /// The computer has no power.
    #[error("the computer is off")]
    Off,
    /// The lid is closed.
    #[error("the computer sleeps")]
    Asleep,
    /// The browser was killed, or never opened.
    #[error("the browser isn't running")]
    NotRunning,
    /// The tab was closed.
    #[error("the tab is closed")]
    NoTab,
    /// There's no page in the tab.
    #[error("the tab has no page")]
    NoPage,
    /// The page asks for nothing.
    #[error("nothing is asked")]
    NothingAsked,
}

/// A browser, as somebody who sits before it has it. The handle is cheap to clone; the browser runs on without it.
///
/// ```
/// # #[cfg(tokio_unstable)] {
/// use std::time::Duration;
/// use busyhour::phone::browser::{Browser, BrowserSettings, Page, Site, Web, WebEvent};
///
/// /// A page that counts seconds.
/// struct Clock(u32);
///
/// impl Page for Clock {
///     fn handle(&mut self, web: &Web, event: WebEvent) {
///         match event {
///             WebEvent::Load => _ = web.set_interval(Duration::from_secs(1)),
///             WebEvent::Timer(_) => self.0 += 1,
///             _ => {}
///         }
///     }
/// }
///
/// busyhour::simulate(1, |u| async move {
///     let browser = Browser::install(&u.host("alice"), BrowserSettings::default());
///     let tab = browser.open(&Site::new("http://clock.test", || Clock(0))).unwrap();
///     u.sleep(Duration::from_millis(3_500)).await;
///     assert_eq!(tab.page(|clock: &Clock| clock.0), Some(3));
///
///     tab.reload().unwrap();
///     u.sleep(Duration::from_millis(500)).await;
///     assert_eq!(tab.page(|clock: &Clock| clock.0), Some(0), "a fresh page");
///     tab.close().unwrap();
///     assert_eq!(tab.page(|clock: &Clock| clock.0), None);
/// });
/// # }
/// ```
#[derive(Clone)]
pub struct Browser {
    inner: Rc<Inner>,
}

struct Inner {
    host: Host,
    profile: Rc<Profile>,
    running: RefCell<Option<Running>>,
    next_tab: Cell<u32>,
    runs: Cell<u32>,
    /// The site of the tab that was there last.
    last: RefCell<Option<Site>>,
}

/// A browser that runs.
struct Running {
    /// Which run of it this is.
    run: u32,
    /// The host's life that it belongs to.
    epoch: u32,
    /// In the order of their opening.
    tabs: Vec<Rc<TabInner>>,
    process: AbortHandle,
}

fn has_power(host: &Host) -> bool {
    host.power() != Power::Down
}

/// Somebody sits before the computer: is it there?
fn check_power(host: &Host) -> Result<(), BrowserError> {
    match host.power() {
        Power::Up => Ok(()),
        Power::Down => Err(BrowserError::Off),
        Power::Asleep => Err(BrowserError::Asleep),
    }
}

impl Browser {
    /// Installs a browser on a host. It runs from the first tab that is opened on, until the last is closed.
    pub fn install(host: &Host, settings: BrowserSettings) -> Browser {
        Browser {
            inner: Rc::new(Inner {
                host: host.clone(),
                profile: Rc::new(Profile::new(host, settings)),
                running: RefCell::default(),
                next_tab: Cell::new(0),
                runs: Cell::new(0),
                last: RefCell::default(),
            }),
        }
    }

    /// The host that it's installed on.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    /// How it's set up.
    pub fn settings(&self) -> BrowserSettings {
        self.inner.profile.settings.clone()
    }

    /// Opens a site in a new tab, in front of all others; the browser is started if it isn't running. The page is there at
    /// once, and hears [`WebEvent::Load`] in a moment.
    ///
    /// # Errors
    /// The computer is off or asleep.
    pub fn open(&self, site: &Site) -> Result<Tab, BrowserError> {
        let inner = &self.inner;
        check_power(&inner.host)?;
        inner.start();
        inner.next_tab.set(inner.next_tab.get() + 1);
        let tab = TabInner::new(inner, TabId(inner.next_tab.get()), site);
        if let Some(running) = &mut *inner.running.borrow_mut() {
            running.tabs.push(tab.clone());
        }
        *inner.last.borrow_mut() = Some(site.clone());
        inner.bring_to_front(&tab);
        tab.load();
        Ok(Tab { inner: tab })
    }

    /// Opens the site of the tab that was last there, in a new tab.
    ///
    /// # Errors
    /// No tab was ever there, or as for [`Browser::open`].
    pub fn reopen(&self) -> Result<Tab, BrowserError> {
        let last = self.inner.last.borrow().clone();
        self.open(&last.ok_or(BrowserError::NoTab)?)
    }

    /// The tabs that are there, in the order of their opening.
    pub fn tabs(&self) -> Vec<Tab> {
        self.inner.tabs().into_iter().map(|inner| Tab { inner }).collect()
    }

    /// Whether it's running.
    pub fn is_running(&self) -> bool {
        self.inner.is_running()
    }

    /// The browser's own process is killed: no page hears anything, calls are cut off, and the WebSockets close with 1001
    /// and FIN, 80 ms later.
    ///
    /// # Errors
    /// It isn't running, or the computer is off or asleep.
    pub fn kill(&self) -> Result<(), BrowserError> {
        self.inner.kill(End::Killed)
    }

    /// All its processes are killed at once: FIN without a Close, 72 ms later.
    ///
    /// # Errors
    /// As for [`Browser::kill`].
    pub fn kill_all(&self) -> Result<(), BrowserError> {
        self.inner.kill(End::AllKilled)
    }

    /// What a site may do from now on, as the user sets it in the browser. The tracks that its pages have end if the
    /// microphone is denied. On a computer that is off nothing is set.
    pub fn set_microphone(&self, site: &Site, permission: Permission) {
        if has_power(&self.inner.host) {
            self.inner.profile.set_microphone(site.origin(), permission);
        }
    }

    /// Whether a site may listen to the microphone.
    pub fn microphone(&self, site: &Site) -> Permission {
        self.inner.profile.microphone(site.origin())
    }
}

impl Inner {
    fn is_running(&self) -> bool {
        let epoch = self.host.state().epoch();
        has_power(&self.host) && self.running.borrow().as_ref().is_some_and(|running| running.epoch == epoch)
    }

    fn tabs(&self) -> Vec<Rc<TabInner>> {
        if !self.is_running() {
            return Vec::new();
        }
        self.running.borrow().as_ref().map(|running| running.tabs.clone()).unwrap_or_default()
    }

    fn start(self: &Rc<Self>) {
        if self.is_running() {
            return;
        }
        // What a power cut has left of the last one.
        self.stop_after_power_cut(None);
        self.profile.start();
        let (epoch, run) = (self.host.epoch(), self.runs.get() + 1);
        self.runs.set(run);
        let process = Process { inner: self.clone(), run };
        let process = self.host.spawn(async move { process.look_around().await }).abort_handle();
        *self.running.borrow_mut() = Some(Running { run, epoch, tabs: Vec::new(), process });
    }

    /// Ends that run of the browser; any, if it isn't said which.
    fn stop_after_power_cut(&self, run: Option<u32>) {
        let gone = self.running.borrow_mut().take_if(|running| run.is_none_or(|run| run == running.run));
        let Some(running) = gone else { return };
        self.profile.pool.clear();
        for tab in running.tabs {
            tab.vanish();
        }
    }

    fn stop(&self) {
        let gone = self.running.borrow_mut().take();
        if let Some(running) = gone {
            running.process.abort();
            self.profile.pool.clear();
        }
    }

    fn kill(&self, end: End) -> Result<(), BrowserError> {
        check_power(&self.host)?;
        if !self.is_running() {
            return Err(BrowserError::NotRunning);
        }
        for tab in self.tabs() {
            tab.end(end);
            tab.shut();
        }
        self.profile.killed(end.farewell(&self.host));
        self.stop();
        Ok(())
    }

    fn tab_closed(&self, tab: &Rc<TabInner>) {
        let next = {
            let mut running = self.running.borrow_mut();
            let Some(running) = running.as_mut() else { return };
            running.tabs.retain(|other| !Rc::ptr_eq(other, tab));
            running.tabs.last().cloned()
        };
        *self.last.borrow_mut() = Some(tab.site.clone());
        match next {
            // The browser ends with its last tab.
            None => self.stop(),
            Some(next) if !tab.is_hidden() => self.bring_to_front(&next),
            Some(_) => {}
        }
    }

    fn bring_to_front(&self, tab: &Rc<TabInner>) {
        for other in self.tabs() {
            other.set_hidden(!Rc::ptr_eq(&other, tab));
        }
    }
}

/// The browser's own process: it looks at the computer that it runs on.
struct Process {
    /// A browser runs on when nobody sits before it.
    inner: Rc<Inner>,
    run: u32,
}

impl Process {
    async fn look_around(&self) {
        let host = &self.inner.host;
        let mut address = host.address();
        let mut microphone = host.microphone().said(host.now(), &mut []).is_ok();
        loop {
            let windows = self.inner.profile.windows();
            let now = host.address();
            if std::mem::replace(&mut address, now) != now {
                self.inner.profile.pool.clear();
                windows.iter().for_each(|window| window.address_changed());
            }
            let now = host.microphone().said(host.now(), &mut []).is_ok();
            if std::mem::replace(&mut microphone, now) != now {
                for window in &windows {
                    if !now {
                        window.lose_microphone();
                    }
                    window.post(WebEvent::DeviceChange);
                }
            }
            self.inner.profile.pool.tidy(host.now());
            let capturing = windows.iter().any(|window| window.is_capturing());
            drop(windows);
            host.sleep(if capturing { LOOK_CLOSELY } else { LOOK }).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with the computer's life; otherwise nothing of this run is left.
        self.inner.stop_after_power_cut(Some(self.run));
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s browser: {} tabs", self.inner.host.name(), self.inner.tabs().len())
    }
}
