//! Tabs: how a page's time in a browser begins and ends.

use std::rc::Rc;

use super::BrowserError;
use super::event::TabId;
use super::page::Page;
use super::web::Web;

/// A tab, as somebody who sits before it has it. The handle is cheap to clone, and stays when the tab is gone.
#[derive(Clone)]
pub struct Tab {
    pub(super) inner: Rc<TabInner>,
}

pub(super) struct TabInner {}

impl Tab {
    /// Which it is.
    pub fn id(&self) -> TabId {
        unimplemented!()
    }

    /// Whether the tab is there: a crashed one is, without a page.
    pub fn is_open(&self) -> bool {
        unimplemented!()
    }

    /// Whether a page is in it that can run: not while it's being loaded, and not when it has crashed.
    pub fn has_page(&self) -> bool {
        unimplemented!()
    }

    /// The user does something in the page: a click, a key. The page's own code runs, as a handler of it; none if there
    /// is no such page.
    pub fn press<P: Page, R>(&self, button: impl FnOnce(&mut P, &Web) -> R) -> Option<R> {
        let _ = button;
        unimplemented!()
    }

    /// What the page shows; none if there is no such page.
    pub fn page<P: Page, R>(&self, look: impl FnOnce(&P) -> R) -> Option<R> {
        let _ = look;
        unimplemented!()
    }

    /// The user closes the tab. The page hears it, and what it sends while it hears it leaves; then nothing of it runs any
    /// more. Calls are not hung up, their sockets close; the WebSockets close with 1001, 20 to 130 ms later.
    ///
    /// # Errors
    /// There's no such tab any more, or the computer is off or asleep.
    pub fn close(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// The user loads the page again. As with [`Tab::close`], but calls end with a DTLS alert, and a fresh page is there
    /// after about 0.1 s. A crashed tab comes back that way.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn reload(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// The user goes to another site, of which nothing is known: the tab is there, and has no page of ours.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn navigate_away(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// The user comes back to the site (or reloads it).
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn navigate_back(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// The page's process crashes: it hears nothing. The WebSockets close with 1001, 52 ms later; calls are cut off.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn crash(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// Something else covers the tab, or it's seen again.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn set_background(&self, hidden: bool) -> Result<(), BrowserError> {
        let _ = hidden;
        unimplemented!()
    }

    /// The browser freezes the page: nothing of it runs until it's resumed, or seen.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn freeze(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// The browser lets a frozen page run again.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn resume(&self) -> Result<(), BrowserError> {
        unimplemented!()
    }

    /// Whether the browser asks, here, if the site may listen to the microphone.
    pub fn asks_for_microphone(&self) -> bool {
        unimplemented!()
    }

    /// The user answers that question; the browser remembers it for the site.
    ///
    /// # Errors
    /// Nothing is asked, or as for [`Tab::close`].
    pub fn answer_microphone(&self, allowed: bool) -> Result<(), BrowserError> {
        let _ = allowed;
        unimplemented!()
    }
}
