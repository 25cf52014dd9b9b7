//! Tabs: how a page's time in a browser begins and ends.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::event::{TabId, WebEvent};
use super::page::{Page, Site, find, find_mut};
use super::profile::Profile;
use super::socket::Ending;
use super::web::Web;
use super::window::{Window, Wish};
use super::{BrowserError, Inner};
use crate::world::Host;

/// When the connections of a page end after the page does, in milliseconds from and to [measured: domain facts, part 5].
const CLOSED: (u64, u64) = (20, 130);
const CRASHED: (u64, u64) = (52, 52);
const LEFT: (u64, u64) = (29, 58);
const KILLED: (u64, u64) = (80, 80);
const ALL_KILLED: (u64, u64) = (72, 72);
/// How long a page takes to be there again: it registers 0.12 s after the reload [measured].
const LOADS: (u64, u64) = (80, 110);

/// How a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Reloaded,
    Left,
    Crashed,
    Killed,
    AllKilled,
}

impl End {
    /// Whether the page hears of it.
    fn is_heard(self) -> bool {
        matches!(self, End::Closed | End::Reloaded | End::Left)
    }

    /// Whether its calls take their leave of the other side.
    fn hangs_up(self) -> bool {
        matches!(self, End::Reloaded | End::Left)
    }

    fn name(self) -> &'static str {
        match self {
            End::Closed => "closed",
            End::Reloaded => "reloaded",
            End::Left => "navigated-away",
            End::Crashed => "crashed",
            End::Killed => "browser-killed",
            End::AllKilled => "all-processes-killed",
        }
    }

    /// How its connections end.
    pub(super) fn farewell(self, host: &Host) -> Ending {
        let (least, most) = match self {
            End::Closed => CLOSED,
            End::Reloaded | End::Left => LEFT,
            End::Crashed => CRASHED,
            End::Killed => KILLED,
            End::AllKilled => ALL_KILLED,
        };
        let after = draw(host, (least, most));
        if self == End::AllKilled { Ending::Cut(after) } else { Ending::GoingAway(after) }
    }
}

fn draw(host: &Host, (least, most): (u64, u64)) -> Duration {
    Duration::from_millis(host.random(|random| least + random.below(most - least + 1)))
}

/// A tab, as somebody who sits before it has it. The handle is cheap to clone, and stays when the tab is gone.
#[derive(Clone)]
pub struct Tab {
    pub(super) inner: Rc<TabInner>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A page is in it, or is being loaded.
    Page,
    /// "Aw, snap."
    Crashed,
    /// Some other site.
    Away,
    Closed,
}

pub(super) struct TabInner {
    pub(super) id: TabId,
    host: Host,
    epoch: u32,
    profile: Rc<Profile>,
    browser: Weak<Inner>,
    pub(super) site: Site,
    state: Cell<State>,
    hidden: Cell<bool>,
    document: RefCell<Option<Rc<Document>>>,
    loading: RefCell<Option<AbortHandle>>,
}

/// A page in its window.
struct Document {
    window: Rc<Window>,
    /// It's out of here while its handler runs.
    page: RefCell<Option<Box<dyn Page>>>,
    task: Cell<Option<AbortHandle>>,
}

impl Document {
    /// Lets the page hear something. False: it's in a handler already, or gone.
    fn handle(&self, event: WebEvent) -> bool {
        self.with_page(|page, web| page.handle(web, event)).is_some()
    }

    fn with_page<R>(&self, work: impl FnOnce(&mut dyn Page, &Web) -> R) -> Option<R> {
        let mut page = self.page.borrow_mut().take()?;
        let result = work(page.as_mut(), &Web { window: self.window.clone() });
        self.window.handler_over();
        *self.page.borrow_mut() = Some(page);
        Some(result)
    }

    /// The page is dropped here, after its window can't do anything for it any more.
    fn drop_page(&self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        let page = self.page.borrow_mut().take();
        drop(page);
    }
}

impl TabInner {
    pub(super) fn new(browser: &Rc<Inner>, id: TabId, site: &Site) -> Rc<TabInner> {
        Rc::new(TabInner {
            id,
            host: browser.host.clone(),
            epoch: browser.host.epoch(),
            profile: browser.profile.clone(),
            browser: Rc::downgrade(browser),
            site: site.clone(),
            state: Cell::new(State::Page),
            hidden: Cell::new(false),
            document: RefCell::default(),
            loading: RefCell::default(),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.get() != State::Closed && self.host.state().epoch() == self.epoch && super::has_power(&self.host)
    }

    fn document(&self) -> Option<Rc<Document>> {
        self.document.borrow().clone().filter(|document| document.window.is_alive())
    }

    fn check(&self) -> Result<(), BrowserError> {
        super::check_power(&self.host)?;
        if self.is_open() { Ok(()) } else { Err(BrowserError::NoTab) }
    }

    /// Loads the site: a fresh page is there, and runs.
    pub(super) fn load(self: &Rc<Self>) {
        let window = Window::new(&self.profile, self.site.origin(), self.id, self.hidden.get());
        window.post(WebEvent::Load);
        let page = RefCell::new(Some(self.site.load()));
        let document = Rc::new(Document { window, page, task: Cell::new(None) });
        let task = self.host.spawn(run(Rc::downgrade(self), document.clone()));
        document.task.set(Some(task.abort_handle()));
        self.state.set(State::Page);
        *self.document.borrow_mut() = Some(document);
        self.record("loaded");
    }

    /// Loads it in a moment.
    fn load_soon(self: &Rc<Self>) {
        let tab = Rc::downgrade(self);
        let (host, takes) = (self.host.clone(), draw(&self.host, LOADS));
        self.state.set(State::Page);
        let task = self.host.spawn(async move {
            host.sleep(takes).await;
            if let Some(tab) = tab.upgrade() {
                tab.loading.borrow_mut().take();
                tab.load();
            }
        });
        *self.loading.borrow_mut() = Some(task.abort_handle());
    }

    fn record(&self, what: &'static str) {
        let kernel = self.host.kernel();
        let event = kernel.world_event("tab").on(self.host.id());
        kernel.record(event.with("tab", i64::from(self.id.0)).with("site", self.site.origin()).with("is", what));
    }

    /// Ends the page that is in it.
    pub(super) fn end(&self, end: End) {
        if let Some(loading) = self.loading.borrow_mut().take() {
            loading.abort();
        }
        let document = self.document.borrow_mut().take();
        let Some(document) = document else { return };
        if end.is_heard() && !document.window.is_frozen() {
            document.handle(WebEvent::BeforeUnload);
            document.handle(WebEvent::PageHide { persisted: false });
            if document.window.set_hidden(true) {
                document.handle(WebEvent::VisibilityChange { hidden: true });
            }
            document.handle(WebEvent::Unload);
        }
        self.record(end.name());
        document.window.end(|| end.farewell(&self.host), end.hangs_up());
        document.drop_page();
    }

    /// What a user, or the page itself, wants done with it.
    fn end_or_wait(self: &Rc<Self>, wish: Wish) {
        // In the middle of a handler, it's done after that.
        if let Some(document) = self.document().filter(|document| document.page.borrow().is_none()) {
            return document.window.wish(wish);
        }
        match wish {
            Wish::Reload => {
                self.end(End::Reloaded);
                self.load_soon();
            }
            Wish::Close => {
                self.end(End::Closed);
                self.shut();
                if let Some(browser) = self.browser.upgrade() {
                    browser.tab_closed(self);
                }
            }
        }
    }

    /// It's no tab any more.
    pub(super) fn shut(&self) {
        self.state.set(State::Closed);
    }

    /// The computer has lost power.
    pub(super) fn vanish(&self) {
        self.shut();
        self.loading.borrow_mut().take();
        let document = self.document.borrow_mut().take();
        if let Some(document) = document {
            document.window.vanish();
            document.drop_page();
        }
    }

    pub(super) fn set_hidden(&self, hidden: bool) {
        self.hidden.set(hidden);
        let Some(document) = self.document() else { return };
        if !hidden {
            thaw(&document);
        }
        if document.window.set_hidden(hidden) {
            hear(&document, WebEvent::VisibilityChange { hidden });
        }
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.hidden.get()
    }

    fn carry_out_wish(self: &Rc<Self>, document: &Document) {
        if let Some(wish) = document.window.take_wish() {
            self.end_or_wait(wish);
        }
    }
}

/// The page hears something at once; in its turn, if it's busy.
fn hear(document: &Document, event: WebEvent) {
    if !document.handle(event.clone()) {
        document.window.post(event);
    }
}

fn thaw(document: &Document) {
    if document.window.is_frozen() {
        document.window.set_frozen(false);
        hear(document, WebEvent::Resume);
    }
}

fn freeze(document: &Document) {
    if !document.window.is_frozen() {
        hear(document, WebEvent::Freeze);
        document.window.set_frozen(true);
    }
}

/// A page's life: its events and timers, one after the other.
async fn run(tab: Weak<TabInner>, document: Rc<Document>) {
    let window = document.window.clone();
    let host = window.host.clone();
    loop {
        while let Some(event) = window.next_event(host.now()) {
            if !document.handle(event) {
                return;
            }
            let Some(tab) = tab.upgrade() else { return };
            tab.carry_out_wish(&document);
            if !window.is_alive() {
                return;
            }
        }
        if window.freezes_now(host.now()) {
            freeze(&document);
        }
        match window.next_due(host.now()) {
            None => window.rung().await,
            Some(due) => tokio::select! {
                biased;
                () = window.rung() => {}
                () = host.sleep(due.since(host.now())) => {}
            },
        }
    }
}

impl Tab {
    /// Which it is.
    pub fn id(&self) -> TabId {
        self.inner.id
    }

    /// The site that it was opened for.
    pub fn site(&self) -> &Site {
        &self.inner.site
    }

    /// Whether the tab is there: a crashed one is, without a page.
    pub fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    /// Whether a page is in it that can run: not while it's being loaded, and not when it has crashed.
    pub fn has_page(&self) -> bool {
        self.inner.document().is_some()
    }

    /// Whether the page has crashed, and the tab says so.
    pub fn has_crashed(&self) -> bool {
        self.is_open() && self.inner.state.get() == State::Crashed
    }

    /// Whether something else covers it.
    pub fn is_hidden(&self) -> bool {
        self.inner.is_hidden()
    }

    /// The user does something in the page, or in one that's framed in it: a click, a key. The page's own code runs, as a
    /// handler of it; none if there is no such page, or the computer sleeps.
    pub fn press<P: Page, R>(&self, button: impl FnOnce(&mut P, &Web) -> R) -> Option<R> {
        super::check_power(&self.inner.host).ok()?;
        let document = self.inner.document()?;
        let pressed = document.with_page(|page, web| {
            let page = find_mut(page, TypeId::of::<P>())?.downcast_mut::<P>()?;
            web.window.state.borrow_mut().active = true;
            Some(button(page, web))
        });
        self.inner.carry_out_wish(&document);
        pressed.flatten()
    }

    /// What the page shows, or one that's framed in it; none if there is no such page, or the computer is off.
    pub fn page<P: Page, R>(&self, look: impl FnOnce(&P) -> R) -> Option<R> {
        let document = self.inner.document()?;
        let page = document.page.borrow();
        Some(look(find(page.as_deref()?, TypeId::of::<P>())?.downcast_ref::<P>()?))
    }

    /// The user closes the tab. The page hears it, and what it sends while it hears it leaves; then nothing of it runs any
    /// more. Calls are not hung up, their sockets close; the WebSockets close with 1001, 20 to 130 ms later.
    ///
    /// # Errors
    /// There's no such tab any more, or the computer is off or asleep.
    pub fn close(&self) -> Result<(), BrowserError> {
        self.inner.check()?;
        self.inner.end_or_wait(Wish::Close);
        Ok(())
    }

    /// The user loads the page again. As with [`Tab::close`], but calls end with a DTLS alert, and a fresh page is there
    /// after about 0.1 s. A crashed tab comes back that way, and one that was navigated away comes back to the site.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn reload(&self) -> Result<(), BrowserError> {
        self.inner.check()?;
        self.inner.end_or_wait(Wish::Reload);
        Ok(())
    }

    /// The user goes to another site, of which nothing is known: the tab is there, and has no page of ours.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn navigate_away(&self) -> Result<(), BrowserError> {
        self.inner.check()?;
        self.inner.end(End::Left);
        self.inner.state.set(State::Away);
        Ok(())
    }

    /// The user comes back to the site: a fresh page is there after about 0.1 s.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn navigate_back(&self) -> Result<(), BrowserError> {
        self.reload()
    }

    /// The page's process crashes: it hears nothing. The WebSockets close with 1001, 52 ms later; calls are cut off.
    ///
    /// # Errors
    /// There's no page in it, or as for [`Tab::close`].
    pub fn crash(&self) -> Result<(), BrowserError> {
        self.inner.check()?;
        if !self.has_page() {
            return Err(BrowserError::NoPage);
        }
        self.inner.end(End::Crashed);
        self.inner.state.set(State::Crashed);
        Ok(())
    }

    /// Something else covers the tab, or it's seen again. Of the tabs of a browser one is seen at most.
    ///
    /// # Errors
    /// As for [`Tab::close`].
    pub fn set_background(&self, hidden: bool) -> Result<(), BrowserError> {
        self.inner.check()?;
        match self.inner.browser.upgrade() {
            Some(browser) if !hidden => browser.bring_to_front(&self.inner),
            _ => self.inner.set_hidden(hidden),
        }
        Ok(())
    }

    /// The browser freezes the page, which nobody sees from then on: nothing of it runs until it's resumed, or seen.
    ///
    /// # Errors
    /// There's no page in it, or as for [`Tab::close`].
    pub fn freeze(&self) -> Result<(), BrowserError> {
        self.inner.check()?;
        self.inner.set_hidden(true);
        freeze(&*self.inner.document().ok_or(BrowserError::NoPage)?);
        Ok(())
    }

    /// The browser lets a frozen page run again.
    ///
    /// # Errors
    /// As for [`Tab::freeze`].
    pub fn resume(&self) -> Result<(), BrowserError> {
        self.inner.check()?;
        thaw(&*self.inner.document().ok_or(BrowserError::NoPage)?);
        Ok(())
    }

    /// Whether the browser asks, here, if the site may listen to the microphone.
    pub fn asks_for_microphone(&self) -> bool {
        self.inner.document().is_some_and(|document| document.window.asks_for_microphone())
    }

    /// The user answers that question; the browser remembers it for the site.
    ///
    /// # Errors
    /// Nothing is asked, or as for [`Tab::close`].
    pub fn answer_microphone(&self, allowed: bool) -> Result<(), BrowserError> {
        self.inner.check()?;
        let document = self.inner.document().ok_or(BrowserError::NoPage)?;
        if !document.window.asks_for_microphone() {
            return Err(BrowserError::NothingAsked);
        }
        document.window.answer_microphone(allowed);
        Ok(())
    }
}

impl std::fmt::Debug for Tab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tab {} of {}: {:?}", self.inner.id.0, self.inner.host.name(), self.inner.state.get())
    }
}
