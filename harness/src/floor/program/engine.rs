//! The core with its store, its orders and its senders.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::Notify;

use super::{Destination, Shared};
use crate::floor::core::{Core, Now, Occurred, Stretch};
use crate::floor::switch::{Order, Switch};
use crate::store::{Batch, Change, Store};
use crate::trace::SimTime;
use crate::webhook::event::Event;
use crate::webhook::sender::{self, Dispatcher, Sender};
use crate::world::{Host, Random};

/// The table of the tables' names.
const TABLES: &str = "tables";
/// The table of agents' sessions.
const AGENT_LOG: &str = "agent_log";

/// Nothing can be done: the floor's process has stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the floor has stopped: {0}")]
pub struct Stopped(pub String);

/// A running floor.
pub(in crate::floor) struct Engine {
    host: Host,
    core: RefCell<Core>,
    store: RefCell<Store>,
    /// The tables that the store knows.
    tables: RefCell<BTreeSet<String>>,
    orders: RefCell<VecDeque<Order>>,
    /// The sender of what survives a crash, and that of VICIdial's URLs.
    pub(in crate::floor) outbox: Sender,
    pub(in crate::floor) urls: Sender,
    durable: RefCell<BTreeSet<String>>,
    bell: Notify,
    /// Until when the loop sleeps.
    sleeps_until: Cell<Option<SimTime>>,
    failed: RefCell<Option<Stopped>>,
}

impl Engine {
    /// Opens the books, or begins them.
    pub(super) fn open(shared: &Shared) -> Result<Engine, String> {
        let host = &shared.host;
        let store = Store::open(host.disk(), "floor").map_err(|error| error.to_string())?;
        let tables: BTreeSet<String> = store.iter(TABLES).map(|(name, _)| name.to_owned()).collect();
        let rows = || {
            let store = &store;
            tables.iter().flat_map(move |table| store.iter(table).map(move |(key, row)| (table.as_str(), key, row)))
        };
        let now = now(host);
        let random = |concern: &str| host.random(|random| Random::stream(random.next_u64(), concern));
        let settings = shared.settings.borrow().clone();
        let core = if tables.is_empty() {
            Core::new(settings, now, random("floor"))
        } else {
            let is_senders = |table: &str| table == sender::ENDPOINTS || table == sender::DELIVERIES;
            let books = rows().filter(|(table, ..)| !is_senders(table));
            Core::restore(settings, now, random("floor"), books).map_err(|error| error.to_string())?
        };
        let dispatcher = Dispatcher::restore(random("outbox"), &shared.contracts.borrow(), rows());
        let outbox = Sender::new(host, dispatcher.map_err(|error| error.to_string())?);
        let urls = Sender::new(host, Dispatcher::new(random("urls")));
        let engine = Engine {
            host: host.clone(),
            core: RefCell::new(core),
            store: RefCell::new(store),
            tables: RefCell::new(tables),
            orders: RefCell::default(),
            outbox,
            urls,
            durable: RefCell::default(),
            bell: Notify::new(),
            sleeps_until: Cell::new(None),
            failed: RefCell::default(),
        };
        for destination in shared.endpoints.borrow().iter() {
            engine.add_destination(destination, true);
        }
        // A life that begins changes the books, and may have something to tell of the one before.
        engine.act(|_, _| ()).map_err(|error| error.to_string())?;
        Ok(engine)
    }

    /// Somebody is to be told. At a start one whom the store knows stays as it is: its secret may be another by now.
    pub(in crate::floor) fn add_destination(&self, destination: &Destination, at_start: bool) {
        let Destination { hook, endpoint, durable } = destination;
        let sender = if *durable { &self.outbox } else { &self.urls };
        sender.with(|dispatcher, _| {
            if !at_start || !dispatcher.endpoints().any(|known| known == hook) {
                dispatcher.add_endpoint(hook, endpoint.clone());
            }
        });
        if *durable {
            self.durable.borrow_mut().insert(hook.clone());
        } else {
            self.durable.borrow_mut().remove(hook);
        }
    }

    /// The sender that a hook's events go by.
    pub(in crate::floor) fn sender(&self, hook: &str) -> &Sender {
        if self.durable.borrow().contains(hook) { &self.outbox } else { &self.urls }
    }

    /// Now, by both clocks.
    pub(in crate::floor) fn now(&self) -> Now {
        now(&self.host)
    }

    /// What the books hold.
    pub(in crate::floor) fn see<R>(&self, look: impl FnOnce(&Core, Now) -> R) -> R {
        look(&self.core.borrow(), self.now())
    }

    /// Does something. What it has changed is on the disk when this returns, and what follows from it is on its way.
    pub(in crate::floor) fn act<R>(&self, input: impl FnOnce(&mut Core, Now) -> R) -> Result<R, Stopped> {
        if let Some(stopped) = &*self.failed.borrow() {
            return Err(stopped.clone());
        }
        let now = self.now();
        let mut core = self.core.borrow_mut();
        let result = input(&mut core, now);
        let mut batch = Batch::new();
        let changes = core.take_changes();
        let stretches: Vec<Stretch> = changes
            .iter()
            .filter(|change| change.table == AGENT_LOG)
            .filter_map(|change| serde_json::from_slice(change.value.as_deref()?).ok())
            .filter(|stretch: &Stretch| stretch.ended.is_some())
            .collect();
        batch.extend(changes.into_iter().map(|change| Change {
            table: change.table.to_owned(),
            key: change.key,
            value: change.value,
        }));
        // Events that survive a crash do so together with what happened.
        let events = std::iter::from_fn(|| core.poll_event());
        let (durable, urls): (Vec<Occurred>, Vec<Occurred>) =
            events.partition(|occurred| self.durable.borrow().contains(&occurred.hook));
        let saving = (!durable.is_empty()).then(|| {
            self.outbox.with(|dispatcher, at| {
                for occurred in &durable {
                    // A hook that's disabled is told nothing.
                    let _ = dispatcher.enqueue(at, &occurred.hook, told(occurred));
                }
                let changes = dispatcher.take_changes();
                batch.extend(changes.rows.into_iter().map(row));
                changes.saving
            })
        });
        self.commit(batch)?;
        stretches.iter().for_each(|stretch| self.claim(stretch));
        if let Some(saving) = saving {
            self.outbox.with(|dispatcher, _| dispatcher.saved(saving));
        }
        for occurred in urls {
            self.urls.with(|dispatcher, at| {
                // As above; and who isn't there any more can't be told.
                let _ = dispatcher.enqueue(at, &occurred.hook, told(&occurred));
            });
        }
        let mut orders = self.orders.borrow_mut();
        let before = orders.len();
        orders.extend(std::iter::from_fn(|| core.poll_order()));
        let is_earlier = core.poll_timeout() < self.sleeps_until.get() && core.poll_timeout().is_some();
        let sleeps_for_ever = self.sleeps_until.get().is_none() && core.poll_timeout().is_some();
        if orders.len() > before || is_earlier || sleeps_for_ever {
            self.bell.notify_one();
        }
        Ok(result)
    }

    /// Says what the record of an agent's session has of a stretch that's over.
    fn claim(&self, stretch: &Stretch) {
        let times = stretch.times;
        self.host.claim("agent-log", |event| {
            let event = event.with("id", stretch.id).with("agent", stretch.user.as_str());
            let event = event.with("session", stretch.session.as_str()).with("began", stretch.began);
            let event = event.with("ended", stretch.ended.unwrap_or(stretch.began)).with("paused", times.paused);
            let event = event.with("waiting", times.waiting).with("talking", times.talking);
            event.with("dead", times.dead).with("wrapping", times.wrapping)
        });
    }

    fn commit(&self, mut batch: Batch) -> Result<(), Stopped> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut tables = self.tables.borrow_mut();
        let new: BTreeSet<String> = batch
            .changes()
            .iter()
            .map(|change| &change.table)
            .filter(|table| !tables.contains(*table))
            .cloned()
            .collect();
        for table in &new {
            batch = batch.put(TABLES, table.as_str(), []);
        }
        match self.store.borrow_mut().commit(batch) {
            Ok(_) => {
                tables.extend(new);
                Ok(())
            }
            Err(error) => {
                // The core is ahead of its books now: nobody may see that.
                let stopped = Stopped(error.to_string());
                *self.failed.borrow_mut() = Some(stopped.clone());
                self.bell.notify_one();
                Err(stopped)
            }
        }
    }

    /// Rows of the outbox that nothing else belongs to.
    pub(super) fn save(&self, rows: Vec<sender::Change>) -> io::Result<()> {
        if let Some(stopped) = &*self.failed.borrow() {
            return Err(stopped.clone().into());
        }
        Ok(self.commit(rows.into_iter().map(row).collect())?)
    }

    /// Lets orders out to the switch and reports in, and does what's due.
    pub(super) async fn run(&self, mut switch: Switch) -> io::Result<Infallible> {
        loop {
            if let Some(stopped) = self.failed.borrow().clone() {
                return Err(stopped.into());
            }
            self.orders.borrow_mut().drain(..).for_each(|order| switch.order(order));
            let due = self.core.borrow().poll_timeout();
            self.sleeps_until.set(due);
            let rest = due.map_or(Duration::from_secs(3_600), |due| due.since(self.host.now()));
            let sleep = pin!(self.host.sleep(rest));
            tokio::select! {
                biased;
                report = switch.next() => self.act(|core, now| core.report(now, report))?,
                () = self.bell.notified() => {}
                () = sleep => self.act(|core, now| core.handle_timeout(now))?,
            }
        }
    }
}

fn now(host: &Host) -> Now {
    let wall = host.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { at: host.now(), wall: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX) }
}

fn row(change: sender::Change) -> Change {
    Change { table: change.table.to_owned(), key: change.key, value: change.value }
}

/// An event as the senders tell it.
fn told(occurred: &Occurred) -> Event {
    Event {
        id: occurred.id.clone(),
        kind: occurred.kind,
        occurred_at: occurred.at,
        sequence: occurred.sequence,
        data: occurred.data.clone(),
    }
}
