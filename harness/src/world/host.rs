//! Hosts: the machines of a universe, as explicit handles.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tokio::task::{AbortHandle, JoinHandle};

use crate::trace::{Event, HostId, SimTime, Source};

use super::disk::Filesystem;
use super::fault::{FaultId, in_words};
use super::files::{self, CAPACITY, WaitsFor};
use super::interpose::{self, Life};
use super::kernel::{Kernel, Mode, kernel_here, now_here};
use super::random::Random;
use super::sound::Devices;

/// Whether a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It runs.
    Up,
    /// It has crashed, or lost power.
    Down,
    /// Its lid is closed.
    Asleep,
}

type Program = Rc<dyn Fn(Host) -> Pin<Box<dyn Future<Output = ()>>>>;

/// The part of a host that others refer to.
pub struct HostState {
    id: HostId,
    name: String,
    power: Cell<Power>,
    epoch: Cell<u32>,
    tasks: RefCell<BTreeMap<u64, AbortHandle>>,
    next_task: Cell<u64>,
    frozen: RefCell<Vec<Waker>>,
    programs: RefCell<Vec<Program>>,
    random: RefCell<Random>,
    pub(crate) disk: RefCell<Filesystem>,
    pub(crate) disk_faults: RefCell<Vec<(FaultId, WaitsFor)>>,
    pub(crate) devices: RefCell<Devices>,
    /// Decides what a crash leaves of unsynced files.
    pub(crate) crash_random: RefCell<Random>,
}

impl HostState {
    pub(crate) fn new(id: HostId, name: &str, random: Random, crash_random: Random) -> Rc<HostState> {
        Rc::new(HostState {
            id,
            name: name.to_owned(),
            power: Cell::new(Power::Up),
            epoch: Cell::new(0),
            tasks: RefCell::default(),
            next_task: Cell::new(0),
            frozen: RefCell::default(),
            programs: RefCell::default(),
            random: RefCell::new(random),
            disk: RefCell::new(Filesystem::new(CAPACITY)),
            disk_faults: RefCell::default(),
            devices: RefCell::default(),
            crash_random: RefCell::new(crash_random),
        })
    }

    /// Its place in the cast.
    pub fn id(&self) -> HostId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it runs.
    pub fn power(&self) -> Power {
        self.power.get()
    }

    /// Which life it lives: each crash begins another.
    pub fn epoch(&self) -> u32 {
        self.epoch.get()
    }

    /// Parks a task of a sleeping host until the lid is opened.
    pub(crate) fn freeze(&self, waker: &Waker) {
        let mut frozen = self.frozen.borrow_mut();
        if !frozen.iter().any(|one| one.will_wake(waker)) {
            frozen.push(waker.clone());
        }
    }

    fn thaw(&self) {
        for waker in std::mem::take(&mut *self.frozen.borrow_mut()) {
            waker.wake();
        }
    }

    /// Forgets everything that could hold the universe alive.
    pub(crate) fn dismantle(&self) {
        self.programs.borrow_mut().clear();
        self.frozen.borrow_mut().clear();
    }
}

impl fmt::Debug for HostState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}, life {})", self.name, self.power.get(), self.epoch.get())
    }
}

/// What an operation says once its host has crashed.
pub(crate) fn crashed() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the host has crashed")
}

/// A machine: what a program running on it can see and do.
///
/// A program gets the handle of the host it runs on and does everything through it, so it can't tell a simulated
/// machine from a real one (law 4). The handle is cheap to clone. Sockets, names, files and audio devices are on it
/// too: see [`crate::net`] and [`crate::world`].
///
/// It's `Send` and `Sync`, as the state of an axum handler must be, but means something on its universe's thread only.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    id: HostId,
    name: Arc<str>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}", self.name)
    }
}

impl Host {
    pub(crate) fn of(state: &HostState) -> Host {
        Host { id: state.id, name: state.name.as_str().into() }
    }

    pub(crate) fn state(&self) -> Rc<HostState> {
        kernel_here().host(self.id)
    }

    pub(crate) fn kernel(&self) -> Rc<Kernel> {
        kernel_here()
    }

    /// The host's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its place in the cast.
    pub fn id(&self) -> HostId {
        self.id
    }

    /// The life that whoever asks belongs to. What a library spawned can't be aborted by a crash: it goes on with its
    /// timers, and everything that it gets from the host is of the life that is over.
    pub(crate) fn epoch(&self) -> u32 {
        match interpose::current_life() {
            Some(life) if life.host == self.id => life.epoch,
            _ => self.state().epoch(),
        }
    }

    /// Fails unless the machine has power, and whoever asks belongs to its present life.
    pub(crate) fn check_alive(&self) -> io::Result<()> {
        let state = self.state();
        if state.power() == Power::Down || state.epoch() != self.epoch() { Err(crashed()) } else { Ok(()) }
    }

    /// Whether it runs.
    pub fn power(&self) -> Power {
        self.state().power()
    }

    /// Runs `future` as a task of this host. It ends with the host's life: a crash drops it where it stands. While
    /// the lid is closed it stands still. On a machine without power it never runs.
    ///
    /// Tasks that it spawns itself, by `tokio::spawn` inside a library for instance, belong to the host as well.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let state = self.state();
        let key = state.next_task.get();
        state.next_task.set(key + 1);
        let life = Life { host: self.id, epoch: self.epoch() };
        let scoped = Scoped { host: state.clone(), life, key, future: Some(Box::pin(future)) };
        let _as_host = interpose::run_as(life);
        let handle = tokio::task::spawn_local(scoped);
        if self.check_alive().is_ok() {
            state.tasks.borrow_mut().insert(key, handle.abort_handle());
        } else {
            handle.abort();
        }
        handle
    }

    /// Installs a program: it starts now, and again whenever the host restarts after a crash.
    pub fn boot<F, Fut>(&self, program: F)
    where
        F: Fn(Host) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let program: Program = Rc::new(move |host| Box::pin(program(host)));
        self.state().programs.borrow_mut().push(program.clone());
        if self.power() != Power::Down {
            self.spawn(program(self.clone()));
        }
    }

    /// Waits for `duration` of the host's time.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// The moment that it is, as the universe counts. For logs and measurements; programs have [`Host::wall_clock`].
    pub fn now(&self) -> SimTime {
        now_here()
    }

    /// The time of day as this host's clock shows it.
    pub fn wall_clock(&self) -> SystemTime {
        let _as_host = interpose::run_as(Life { host: self.id, epoch: self.epoch() });
        SystemTime::now()
    }

    /// Draws from the host's own stream of random numbers.
    pub fn random<R>(&self, draw: impl FnOnce(&mut Random) -> R) -> R {
        draw(&mut self.state().random.borrow_mut())
    }

    /// Writes down what a program on this host says of itself. An oracle may confront it, never believe it (law 5).
    pub fn claim(&self, kind: &'static str, fields: impl FnOnce(Event) -> Event) {
        if self.check_alive().is_err() {
            return;
        }
        let event = Event::new(self.kernel().now(), Source::Claim, kind).on(self.id);
        self.kernel().record(fields(event));
    }

    /// Writes down how somebody has set up what runs on this host: a step. Oracles build on it.
    pub fn set_up(&self, kind: &'static str, fields: impl FnOnce(Event) -> Event) {
        let event = Event::new(self.kernel().now(), Source::Step, kind).on(self.id);
        self.kernel().record(fields(event));
    }

    /// The machine loses power: its tasks and sockets are gone, no packet of its old life leaves any more, its peers
    /// see what they'd really see. Its files survive up to the last sync.
    pub fn crash(&self) {
        self.assert_simulated("crash");
        if self.power() == Power::Down {
            return;
        }
        let epoch = self.state().epoch() + 1;
        let files = files::crash(&self.state());
        let event = self.kernel().world_event("crash").on(self.id()).with("life", epoch);
        let event = event.with("writes_lost", files.lost).with("writes_torn", files.torn);
        self.kernel().record(event);
        self.state().power.set(Power::Down);
        self.state().epoch.set(epoch);
        self.kernel().network().crashed(&self.state());
        // The handles first: a task that is dropped takes its own out of the map.
        let tasks = std::mem::take(&mut *self.state().tasks.borrow_mut());
        for task in tasks.into_values() {
            task.abort();
        }
        // Whoever waited for the lid to open, in the test's own code or in a library's, learns that it's over.
        self.state().thaw();
    }

    /// The machine has power again; the programs that it boots start afresh.
    pub fn restart(&self) {
        self.assert_simulated("restart");
        if self.power() != Power::Down {
            return;
        }
        self.kernel().record(self.kernel().world_event("restart").on(self.id()).with("life", self.state().epoch()));
        self.state().power.set(Power::Up);
        self.kernel().network().restarted(&self.state());
        let programs = self.state().programs.borrow().clone();
        for program in programs {
            self.spawn(program(self.clone()));
        }
    }

    /// The lid is closed: nothing on the host moves, packets that arrive are lost, timers fire on waking.
    ///
    /// What libraries spawned by themselves (`tokio::spawn`) is cut off from sockets and devices for the time; a timer
    /// of theirs can still run inside it, and its files change, without anybody outside noticing.
    pub fn pause(&self) {
        self.assert_simulated("pause");
        if self.power() == Power::Up {
            self.kernel().record(self.kernel().world_event("sleep").on(self.id()));
            self.state().power.set(Power::Asleep);
            self.kernel().network().paused(&self.state());
        }
    }

    /// The lid is opened.
    pub fn resume(&self) {
        if self.power() == Power::Asleep {
            self.kernel().record(self.kernel().world_event("wake").on(self.id()));
            self.state().power.set(Power::Up);
            self.kernel().network().resumed(&self.state());
            self.state().thaw();
        }
    }

    /// Sets the host's time of day ahead of the true time.
    pub fn set_clock_ahead(&self, by: Duration) -> FaultId {
        self.skew(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX), format!("{} ahead", in_words(by)))
    }

    /// Sets the host's time of day behind the true time.
    pub fn set_clock_behind(&self, by: Duration) -> FaultId {
        self.skew(-i64::try_from(by.as_nanos()).unwrap_or(i64::MAX), format!("{} behind", in_words(by)))
    }

    fn skew(&self, nanos: i64, words: String) -> FaultId {
        self.assert_simulated("set a clock");
        self.kernel().skew_clock(&self.state(), nanos, format!("{}'s clock is {words}", self.name()))
    }

    pub(crate) fn assert_simulated(&self, what: &str) {
        assert!(self.kernel().mode() == Mode::Simulated, "live has no faults of its own: can't {what} {}", self.name());
    }
}

/// A task of a host: it ends with the host's life and stands still while the host sleeps.
struct Scoped<F> {
    host: Rc<HostState>,
    life: Life,
    key: u64,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.life.epoch != self.host.epoch() {
            // The abort is on its way.
            return Poll::Pending;
        }
        if self.host.power() == Power::Asleep {
            self.host.freeze(cx.waker());
            return Poll::Pending;
        }
        let future = self.future.as_mut().expect("a finished task isn't polled again");
        let result = future.as_mut().poll(cx);
        if result.is_ready() {
            self.future = None;
        }
        result
    }
}

impl<F> Drop for Scoped<F> {
    fn drop(&mut self) {
        self.host.tasks.borrow_mut().remove(&self.key);
        // At the universe's end no turn of the task says whose it is.
        let _as_host = interpose::run_as(self.life);
        self.future = None;
    }
}
