//! A profile: what outlives tabs, and what the tabs of a site share.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::error::WebError;
use super::event::{RequestId, WebEvent};
use super::fetch::Pool;
use super::settings::{BrowserSettings, Permission};
use super::socket::{Ending, Socket};
use super::storage::Store;
use super::window::Window;
use crate::media::webrtc::Certificate;
use crate::world::Host;

/// How long after a change the store is synced: Chrome's default [modelled].
const COMMIT: Duration = Duration::from_secs(5);
/// Where a browser keeps what the user has allowed: a store, with the sites as keys.
const PERMISSIONS: &str = "microphone";

/// A browser's profile.
pub(super) struct Profile {
    pub(super) host: Host,
    pub(super) settings: BrowserSettings,
    stores: RefCell<BTreeMap<String, Store>>,
    permissions: RefCell<Option<Store>>,
    /// The pages that are there.
    windows: RefCell<Vec<Weak<Window>>>,
    locks: RefCell<BTreeMap<(String, String), VecDeque<Waiting>>>,
    /// The connections whose pages are gone, and who take their leave.
    farewells: RefCell<Vec<Weak<Socket>>>,
    /// The requests that outlive their pages.
    keepalives: RefCell<Vec<AbortHandle>>,
    /// The connections that wait for another request.
    pub(super) pool: Pool,
    /// What its calls prove themselves by: one for a profile, made when the first call needs it.
    certificate: OnceCell<Certificate>,
}

/// Somebody who has a lock, or waits for it.
struct Waiting {
    window: Weak<Window>,
    request: RequestId,
}

impl Waiting {
    fn is(&self, window: &Window, request: Option<RequestId>) -> bool {
        std::ptr::eq(self.window.as_ptr(), window) && request.is_none_or(|request| request == self.request)
    }
}

impl Profile {
    pub(super) fn new(host: &Host, settings: BrowserSettings) -> Profile {
        Profile {
            host: host.clone(),
            settings,
            stores: RefCell::default(),
            permissions: RefCell::default(),
            windows: RefCell::default(),
            locks: RefCell::default(),
            farewells: RefCell::default(),
            keepalives: RefCell::default(),
            pool: Pool::default(),
            certificate: OnceCell::new(),
        }
    }

    pub(super) fn certificate(&self) -> Certificate {
        self.certificate.get_or_init(Certificate::generate).clone()
    }

    /// A browser starts: what it knows, it knows from the disk.
    pub(super) fn start(&self) {
        self.stores.borrow_mut().clear();
        *self.permissions.borrow_mut() = None;
        self.windows.borrow_mut().clear();
        self.locks.borrow_mut().clear();
        self.farewells.borrow_mut().clear();
        self.keepalives.borrow_mut().clear();
        self.pool.clear();
    }

    /// A connection's page is gone.
    pub(super) fn sees_off(&self, socket: &Rc<Socket>) {
        let mut farewells = self.farewells.borrow_mut();
        farewells.retain(|socket| socket.strong_count() > 0);
        farewells.push(Rc::downgrade(socket));
    }

    /// A request that outlives its page.
    pub(super) fn carries_on(&self, request: AbortHandle) {
        let mut keepalives = self.keepalives.borrow_mut();
        keepalives.retain(|request| !request.is_finished());
        keepalives.push(request);
    }

    /// The browser is gone, and what it did for pages that are gone with it.
    pub(super) fn killed(&self, farewell: Ending) {
        for socket in self.farewells.borrow_mut().drain(..).filter_map(|socket| socket.upgrade()) {
            socket.end(farewell);
        }
        for request in self.keepalives.borrow_mut().drain(..) {
            request.abort();
        }
        self.pool.clear();
    }

    pub(super) fn join(&self, window: &Rc<Window>) {
        let mut windows = self.windows.borrow_mut();
        windows.retain(|window| window.strong_count() > 0);
        windows.push(Rc::downgrade(window));
    }

    pub(super) fn leave(&self, window: &Window) {
        self.windows.borrow_mut().retain(|other| !std::ptr::eq(other.as_ptr(), window));
        self.release(window, None);
    }

    /// The pages that are there.
    pub(super) fn windows(&self) -> Vec<Rc<Window>> {
        self.windows.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    // --- storage ---------------------------------------------------------------------------------------------------

    pub(super) fn store<R>(&self, origin: &str, work: impl FnOnce(&mut Store) -> R) -> R {
        let mut stores = self.stores.borrow_mut();
        let load = || Store::load(&self.host.disk(), "storage", origin);
        work(stores.entry(origin.to_owned()).or_insert_with(load))
    }

    /// Changes a site's store; its other pages learn of it.
    pub(super) fn set(self: &Rc<Self>, by: &Window, key: &str, value: Option<&str>) -> Result<(), WebError> {
        let disk = self.host.disk();
        let (changed, first, path) = self.store(&by.origin, |store| {
            let changed = store.set(&disk, key, value)?;
            let first = changed && !store.sync_is_due;
            store.sync_is_due |= changed;
            Ok::<_, WebError>((changed, first, store.path().to_owned()))
        })?;
        if first {
            let (profile, origin) = (Rc::clone(self), by.origin.clone());
            self.host.spawn(async move {
                profile.host.sleep(COMMIT).await;
                profile.store(&origin, |store| store.sync_is_due = false);
                // A broken disk is found out when it's read.
                let _ = profile.host.disk().sync(&path);
            });
        }
        if changed {
            for window in self.windows() {
                if window.origin == by.origin && !std::ptr::eq(&*window, by) {
                    let (key, value) = (Some(key.to_owned()), value.map(str::to_owned));
                    window.post(WebEvent::Storage { key, value });
                }
            }
        }
        Ok(())
    }

    // --- permissions -----------------------------------------------------------------------------------------------

    fn permissions<R>(&self, work: impl FnOnce(&mut Store) -> R) -> R {
        let mut permissions = self.permissions.borrow_mut();
        work(permissions.get_or_insert_with(|| Store::load(&self.host.disk(), "permissions", PERMISSIONS)))
    }

    pub(super) fn microphone(&self, origin: &str) -> Permission {
        self.permissions(|store| match store.get(origin) {
            Some("granted") => Permission::Granted,
            Some("denied") => Permission::Denied,
            Some(_) => Permission::Ask,
            None => self.settings.microphone,
        })
    }

    pub(super) fn set_microphone(&self, origin: &str, permission: Permission) {
        let word = match permission {
            Permission::Granted => "granted",
            Permission::Denied => "denied",
            Permission::Ask => "ask",
        };
        let disk = self.host.disk();
        self.permissions(|store| {
            // A full disk forgets it at the next start.
            if store.set(&disk, origin, Some(word)).is_ok() {
                let _ = disk.sync(store.path());
            }
        });
        if permission == Permission::Denied {
            for window in self.windows() {
                if *window.origin == *origin {
                    window.lose_microphone();
                }
            }
        }
    }

    // --- locks -----------------------------------------------------------------------------------------------------

    pub(super) fn request(&self, window: &Rc<Window>, name: &str, request: RequestId) {
        let mut locks = self.locks.borrow_mut();
        let queue = locks.entry((window.origin.to_string(), name.to_owned())).or_default();
        queue.push_back(Waiting { window: Rc::downgrade(window), request });
        if queue.len() == 1 {
            window.post(WebEvent::LockGranted { request });
        }
    }

    /// Gives a lock back; all of a window's, if it isn't said which.
    pub(super) fn release(&self, window: &Window, request: Option<RequestId>) {
        self.locks.borrow_mut().retain(|_, queue| {
            let held = queue.front().is_some_and(|first| first.is(window, request));
            queue.retain(|waiting| !waiting.is(window, request));
            if held
                && let Some(next) = queue.front()
                && let Some(window) = next.window.upgrade()
            {
                window.post(WebEvent::LockGranted { request: next.request });
            }
            !queue.is_empty()
        });
    }
}
