//! A browser as a page sees it: a profile, tabs, and the Web APIs.
//!
//! A [`Browser`] is installed on a host. It has a profile (what sites store, and what the user has allowed), which is on
//! the host's disk, and [`Tab`]s. The [`Page`] in a tab is a tenant: it gets [`WebEvent`]s, acts by its window, [`Web`],
//! and knows nothing else of the machine that it's on.
//!
//! How a tab ends is a matter of packets and of what still runs: see [`Tab`] and [`Browser`].

mod error;
mod event;
mod fetch;
mod media;
mod page;
pub mod peer_connection;
mod settings;
mod tab;
mod web;
mod window;

use std::rc::Rc;

pub use error::{Exception, WebError};
pub use event::{Data, ElementId, PeerId, ReadyState, RequestId, SocketId, TabId, TimerId, WebEvent};
pub use fetch::{FetchError, FetchRequest, FetchResponse};
pub use media::{MediaError, MediaStream, MediaStreamTrack, TrackId, TrackSource};
pub use page::{Page, Site};
pub use peer_connection::{PeerConnection, PeerConnectionEvent, RtcConfiguration};
pub use settings::{Autoplay, BrowserSettings, Permission};
pub use tab::Tab;
pub use web::Web;

use crate::world::Host;

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

/// A browser, as somebody who sits before it has it. The handle is cheap to clone.
#[derive(Clone)]
pub struct Browser {
    inner: Rc<Inner>,
}

struct Inner {}

impl Browser {
    /// Installs a browser on a host. It runs from the first tab that is opened on.
    pub fn install(host: &Host, settings: BrowserSettings) -> Browser {
        let _ = (host, settings, Inner {});
        unimplemented!()
    }

    /// The host that it's installed on.
    pub fn host(&self) -> &Host {
        unimplemented!()
    }

    /// How it's set up.
    pub fn settings(&self) -> BrowserSettings {
        unimplemented!()
    }

    /// Opens a site in a new tab, which is in front; the browser is started if it isn't running.
    ///
    /// # Errors
    /// The computer is off or asleep.
    pub fn open(&self, site: &Site) -> Result<Tab, BrowserError> {
        let _ = site;
        unimplemented!()
    }

    /// Opens the site of the tab that was last there, in a new tab.
    ///
    /// # Errors
    /// No tab was ever there, or as for [`Browser::open`].
    pub fn reopen(&self) -> Result<Tab, BrowserError> {
        unimplemented!()
    }

    /// The tabs that are there, in the order of their opening.
    pub fn tabs(&self) -> Vec<Tab> {
        unimplemented!()
    }

    /// Whether it's running.
    pub fn is_running(&self) -> bool {
        unimplemented!()
    }

    /// The browser's own process is killed: no page hears anything, calls are cut off, and the WebSockets close with 1001
    /// and FIN, 80 ms later.
    ///
    /// # Errors
    /// It isn't running, or the computer is off or asleep.
    pub fn kill(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// All its processes are killed at once: FIN without a Close, 72 ms later.
    ///
    /// # Errors
    /// As for [`Browser::kill`].
    pub fn kill_all(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// What a site may do from now on, as set by the user in the browser's settings. A track that a page already has
    /// ends if the microphone is denied.
    pub fn set_microphone(&self, site: &Site, permission: Permission) {
        let _ = (site, permission);
        unimplemented!()
    }

    /// Whether a site may listen to the microphone.
    pub fn microphone(&self, site: &Site) -> Permission {
        let _ = site;
        unimplemented!()
    }
}
