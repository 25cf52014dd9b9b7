//! The SIP server of a contact center: registrar, back-to-back user agent, conference rooms, trunk.
//!
//! A [`Server`] is installed on a host and runs as its program: it starts with the host, dies with it, and starts afresh
//! when the host does. What it knows it learned by packets and from its [`ServerSettings`]. The handle is its operator's
//! hand and view, for tests and steps.
//!
//! - `registrar`: who can be reached where; `keeping`: the same on disk.
//! - `admission`: credentials, and requests that are no calls.
//! - `dialing`: forking, hunt groups, who answers first; `bridging`: two that talk; `transfer`: REFER and Replaces;
//!   `rooms`: conferences. `leg` is one party's call with the server, `calls` what they add up to.
//! - `gate`: the WebRTC end of a leg; `bridge`: who stands where at a relay; `gateway`: how the server notices that a
//!   party is there no more.
//! - `exchange`: all that in one machine that does no I/O but for the audio's ports; `program`: its sockets.
//! - `records`: the books.
//!
//! Behind the trunk is the telephone network: a [`Carrier`] with its customers.

mod admission;
mod bridge;
mod bridging;
mod calls;
pub mod carrier;
pub mod customer;
mod dialing;
mod exchange;
mod gate;
mod gateway;
mod keeping;
mod leg;
mod program;
mod records;
mod registrar;
mod rooms;
mod settings;
mod transfer;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub use calls::CallView;
pub use carrier::{Carrier, CarrierSettings};
pub use exchange::Counters;
pub use records::{CallEnding, CallRecord};
pub use registrar::Contact;
pub use settings::{Behaviour, Hold, LostConnection, MediaPath, ServerSettings};

use self::exchange::Exchange;
use self::program::{Shared, serve};
use crate::world::{Host, Power};

/// A SIP server's operator: what she can change, and what she sees. Cheap to clone.
///
/// ```
/// use busyhour::pbx::{Server, ServerSettings};
/// use busyhour::phone::{Phone, PhoneSettings};
/// use std::net::SocketAddrV4;
/// use std::time::Duration;
///
/// # #[cfg(tokio_unstable)]
/// let contacts = busyhour::simulate(1, |u| async move {
///     let server = Server::install(&u.host("server"), ServerSettings::new("pbx.test").user("alice", "secret"));
///     let mut settings = PhoneSettings::hardphone("alice", "secret", "pbx.test");
///     settings.proxy = Some(SocketAddrV4::new(server.host().address(), 5060));
///     let alice = Phone::install(&u.host("alice"), settings);
///     u.sleep(Duration::from_millis(100)).await;
///     alice.register().unwrap();
///     u.sleep(Duration::from_secs(1)).await;
///     server.contacts("alice").len()
/// });
/// # #[cfg(tokio_unstable)]
/// assert_eq!(contacts, 1);
/// ```
#[derive(Clone)]
pub struct Server {
    host: Host,
    shared: Rc<RefCell<Shared>>,
}

impl Server {
    /// Installs a server on a host: it runs now, and again whenever the host restarts.
    pub fn install(host: &Host, settings: ServerSettings) -> Server {
        let shared = Shared { settings, exchange: None };
        let shared = Rc::new(RefCell::new(shared));
        let program = shared.clone();
        host.boot(move |host| serve(host, program.clone()));
        Server { host: host.clone(), shared }
    }

    /// Where it runs.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Changes its set-up, for requests and calls that come from now on. Ports and algorithms are read at its start.
    pub fn change(&self, change: impl FnOnce(&mut ServerSettings)) {
        let mut shared = self.shared.borrow_mut();
        change(&mut shared.settings);
        let shared = &mut *shared;
        if let Some(exchange) = &mut shared.exchange {
            exchange.set(&shared.settings);
        }
    }

    /// Bindings last that long from now on.
    pub fn set_expires(&self, expires: Duration) {
        self.change(|settings| {
            settings.expires = expires;
            settings.least_expires = settings.least_expires.min(expires);
        });
    }

    /// Its set-up.
    pub fn settings(&self) -> ServerSettings {
        self.shared.borrow().settings.clone()
    }

    fn see<R: Default>(&self, look: impl FnOnce(&Exchange) -> R) -> R {
        if self.host.power() == Power::Down {
            return R::default();
        }
        self.shared.borrow().exchange.as_ref().map(look).unwrap_or_default()
    }

    /// Where a user can be reached now.
    pub fn contacts(&self, user: &str) -> Vec<Contact> {
        let now = self.host.now();
        self.see(|exchange| exchange.registrar.live(now, user).cloned().collect())
    }

    /// The calls that are up, the oldest first.
    pub fn calls(&self) -> Vec<CallView> {
        self.see(Exchange::call_views)
    }

    /// The books: every call that has ended, also in a life before the last crash.
    pub fn records(&self) -> Vec<CallRecord> {
        self.shared.borrow().exchange.as_ref().map(|exchange| exchange.records.closed.clone()).unwrap_or_default()
    }

    /// What was counted since it was installed.
    pub fn counters(&self) -> Counters {
        self.shared.borrow().exchange.as_ref().map(|exchange| exchange.counters).unwrap_or_default()
    }

    /// How many SIP transactions it remembers.
    pub fn transactions(&self) -> usize {
        self.see(|exchange| exchange.ua.transactions())
    }

    /// How many dialogs it has that belong to no call. All of them should be on their way out.
    pub fn zombies(&self) -> usize {
        self.see(|exchange| {
            let in_calls = exchange.legs.values().filter(|leg| leg.place != leg::Place::Leaving).count();
            exchange.ua.calls().saturating_sub(in_calls)
        })
    }

    /// How many WebRTC ends of calls it has open.
    pub fn peers(&self) -> usize {
        self.see(Exchange::peers)
    }

    /// How many are in a conference room.
    pub fn members(&self, room: &str) -> usize {
        self.see(|exchange| exchange.room(room).map_or(0, |conference| conference.members()))
    }
}
