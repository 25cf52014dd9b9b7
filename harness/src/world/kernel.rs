//! What everybody in a universe shares: its clock, its cast, its log, its hash, its faults, and how it fails.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::trace::{Event, HostId, Log, PacketSeen, RunHash, SimTime, Source};

use super::crash::CrashPoints;
use super::fault::{FaultId, FaultKind, Faults};
use super::host::{HostState, Power};
use super::interpose;
use super::random::Random;
use super::thread::Pulse;

/// Whether a universe is simulated or made of real sockets and clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One thread, one seed, simulated parts.
    Simulated,
    /// The real network, the real clock, real files (law 4).
    Live,
}

/// Sees everything that happens: packets at the wire's taps and entries of the log.
pub trait Tap {
    /// A packet was seen.
    fn packet(&mut self, seen: &PacketSeen<'_>, log: &Log);
    /// An entry was written.
    fn event(&mut self, event: &Event, log: &Log);
    /// The run is over.
    fn finish(&mut self, at: SimTime, log: &Log);
}

impl<T: Tap> Tap for std::sync::Arc<std::sync::Mutex<T>> {
    fn packet(&mut self, seen: &PacketSeen<'_>, log: &Log) {
        self.lock().expect("no tap panics").packet(seen, log);
    }

    fn event(&mut self, event: &Event, log: &Log) {
        self.lock().expect("no tap panics").event(event, log);
    }

    fn finish(&mut self, at: SimTime, log: &Log) {
        self.lock().expect("no tap panics").finish(at, log);
    }
}

/// A part of the universe that must know when a host dies, sleeps and returns: the network.
pub trait Lifecycle {
    /// A host joined the cast.
    fn joined(&self, host: &Rc<HostState>);
    /// The host lost power: everything of its old life must be gone when this returns.
    fn crashed(&self, host: &Rc<HostState>);
    /// The host has power again; its programs start after this.
    fn restarted(&self, host: &Rc<HostState>);
    /// The lid was closed.
    fn paused(&self, host: &Rc<HostState>);
    /// The lid was opened.
    fn resumed(&self, host: &Rc<HostState>);
    /// At this instant nobody has anything more to do.
    fn all_quiet(&self);
}

/// Why a run ended before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A task panicked, or the test itself.
    Panicked {
        /// The host whose task it was; none for the test's own code.
        host: Option<String>,
        /// What it said.
        message: String,
        /// The file and line.
        location: String,
    },
    /// Something real was opened inside a universe.
    Forbidden {
        /// Who did it.
        host: Option<String>,
        /// What it was: `a real socket`.
        what: &'static str,
    },
    /// The run reached its deadline in simulated time.
    Deadline {
        /// The deadline.
        limit: Duration,
    },
    /// The run reached its budget of events.
    TooManyEvents {
        /// The budget.
        limit: u64,
        /// Who ran when it was spent.
        host: Option<String>,
    },
    /// Tasks keep waking each other and time stands still.
    Livelock {
        /// Who ran when it was noticed.
        host: Option<String>,
        /// How many turns tasks took in the same instant.
        turns: u64,
    },
    /// Code ran on for this much real time without giving the thread back.
    Busy {
        /// Whose code it is.
        host: Option<String>,
        /// How long it was given.
        limit: Duration,
    },
}

fn whose(host: &Option<String>) -> String {
    match host {
        Some(name) => format!("on {name}"),
        None => "by the test or step itself".to_owned(),
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Panicked { host: Some(host), message, location } => {
                write!(f, "a task on {host} panicked at {location}: {message}")
            }
            Cause::Panicked { host: None, message, location } => write!(f, "panicked at {location}: {message}"),
            Cause::Forbidden { host, what } => {
                write!(f, "{what} was used {}, where everything is simulated: use the host's own", whose(host))
            }
            Cause::Deadline { limit } => {
                write!(f, "still not finished after {limit:?} of simulated time, the run's deadline")
            }
            Cause::TooManyEvents { limit, host } => {
                write!(f, "the budget of {limit} events is spent; the last turn was taken {}", whose(host))
            }
            Cause::Livelock { host, turns } => write!(
                f,
                "time stands still: tasks took {turns} turns in one instant, the last of them {}",
                whose(host)
            ),
            Cause::Busy { host, limit } => write!(
                f,
                "code {} has run for {limit:?} of real time without giving the thread back (a busy loop, or a blocking call)",
                whose(host)
            ),
        }
    }
}

thread_local! {
    /// The moment that it is, once somebody has asked, until the thread waits: simulated time stands still meanwhile.
    static MOMENT: Cell<Option<SimTime>> = const { Cell::new(None) };
    static KERNEL: RefCell<Option<Rc<Kernel>>> = const { RefCell::new(None) };
    static SUPERVISOR: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Wakes the future that watches over the run.
pub(crate) fn wake_supervisor() {
    let _ = SUPERVISOR.try_with(|waker| {
        if let Some(waker) = waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    });
}

pub(crate) fn set_supervisor(waker: Option<Waker>) {
    SUPERVISOR.with(|slot| *slot.borrow_mut() = waker);
}

/// The moment that it is, if anybody has asked since the thread waited.
pub(crate) fn moment() -> Option<SimTime> {
    MOMENT.get()
}

/// Somebody has looked: that is the moment until time passes.
pub(super) fn note_moment(now: SimTime) {
    MOMENT.set(Some(now));
}

/// The thread has waited: what was known of the time is over.
pub(crate) fn time_passed() {
    MOMENT.set(None);
}

/// At this instant nobody has anything more to do: what's woken now runs before time passes.
pub(crate) fn all_quiet() {
    KERNEL.with(|kernel| {
        if let Some(kernel) = kernel.borrow().as_ref()
            && let Some(network) = kernel.network.borrow().as_ref()
        {
            network.all_quiet();
        }
    });
}

/// The heart of a universe.
pub struct Kernel {
    mode: Mode,
    seed: u64,
    birth: tokio::time::Instant,
    wall_at_birth: u64,
    hosts: RefCell<Vec<Rc<HostState>>>,
    by_name: RefCell<BTreeMap<String, HostId>>,
    log: RefCell<Log>,
    hash: RefCell<RunHash>,
    taps: RefCell<Vec<Box<dyn Tap>>>,
    tapped: Cell<bool>,
    network: RefCell<Option<Rc<dyn Lifecycle>>>,
    /// What was installed, and what it hit.
    pub faults: Faults,
    pub(crate) crash_points: CrashPoints,
    skewed: RefCell<Vec<(HostId, FaultId, u64)>>,
    pulse: Arc<Pulse>,
    files: PathBuf,
    slots: RefCell<BTreeMap<TypeId, Rc<dyn Any>>>,
}

/// The kernel of the universe that lives on this thread.
///
/// Handles (hosts, sockets) are plain names, so that they can be sent to wherever a library's types want them; what
/// they name is found from here. They mean nothing on another thread.
pub(crate) fn kernel_here() -> Rc<Kernel> {
    KERNEL.with(|kernel| kernel.borrow().clone()).expect("a host is used on the thread of its universe, while it lasts")
}

/// The moment that it is in the universe that lives on this thread.
pub(crate) fn now_here() -> SimTime {
    moment().unwrap_or_else(|| kernel_here().now())
}

pub(crate) fn set_kernel(kernel: Option<Rc<Kernel>>) {
    time_passed();
    KERNEL.with(|slot| *slot.borrow_mut() = kernel);
}

impl Kernel {
    pub(crate) fn new(
        mode: Mode,
        seed: u64,
        wall_at_birth: u64,
        hash: RunHash,
        taps: Vec<Box<dyn Tap>>,
        pulse: Arc<Pulse>,
        files: PathBuf,
    ) -> Rc<Kernel> {
        Rc::new(Kernel {
            mode,
            seed,
            birth: tokio::time::Instant::now(),
            wall_at_birth,
            hosts: RefCell::default(),
            by_name: RefCell::default(),
            log: RefCell::default(),
            hash: RefCell::new(hash),
            tapped: Cell::new(!taps.is_empty()),
            taps: RefCell::new(taps),
            network: RefCell::default(),
            faults: Faults::default(),
            crash_points: CrashPoints::default(),
            skewed: RefCell::default(),
            pulse,
            files,
            slots: RefCell::default(),
        })
    }

    /// Simulated or live.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The universe's seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The random stream of a concern: the same for the same seed and name.
    pub fn stream(&self, concern: &str) -> Random {
        Random::stream(self.seed, concern)
    }

    /// The moment that it is.
    pub fn now(&self) -> SimTime {
        if let Some(moment) = MOMENT.get() {
            return moment;
        }
        let nanos = tokio::time::Instant::now().saturating_duration_since(self.birth).as_nanos();
        let now = SimTime(u64::try_from(nanos).unwrap_or(u64::MAX));
        if self.mode == Mode::Simulated {
            note_moment(now);
        }
        now
    }

    /// The moment `at` as tokio's clock has it, to sleep until.
    pub fn instant(&self, at: SimTime) -> tokio::time::Instant {
        self.birth + Duration::from_nanos(at.0)
    }

    /// The true time of day at the universe's birth, in nanoseconds since 1970.
    pub fn wall_at_birth(&self) -> u64 {
        self.wall_at_birth
    }

    /// The folder in which live hosts have theirs.
    pub(crate) fn files(&self) -> &PathBuf {
        &self.files
    }

    /// Connects the network, once.
    pub(crate) fn connect_network(&self, network: Rc<dyn Lifecycle>) {
        let before = self.network.borrow_mut().replace(network);
        assert!(before.is_none(), "a universe has one network");
    }

    pub(crate) fn network(&self) -> Rc<dyn Lifecycle> {
        self.network.borrow().clone().expect("a universe's network is connected at its birth")
    }

    /// Lets go of the network, which holds on to this kernel in turn.
    pub(crate) fn disconnect_network(&self) {
        self.network.borrow_mut().take();
    }

    /// Adds a host to the cast.
    ///
    /// # Errors
    /// The name is taken, or empty.
    pub(crate) fn add_host(self: &Rc<Self>, name: &str) -> Result<Rc<HostState>, CastError> {
        if name.is_empty() {
            return Err(CastError::Nameless);
        }
        if self.by_name.borrow().contains_key(name) {
            return Err(CastError::NameTaken(name.to_owned()));
        }
        let id = self.log.borrow_mut().name_host(name);
        if self.mode == Mode::Simulated {
            interpose::add_host(name);
        }
        self.pulse.name_host(name);
        let program = self.stream(&format!("program {name}"));
        let state = HostState::new(id, name, program, self.stream(&format!("crash {name}")));
        self.hosts.borrow_mut().push(state.clone());
        self.by_name.borrow_mut().insert(name.to_owned(), id);
        self.network().joined(&state);
        Ok(state)
    }

    /// The host called `name`.
    pub(crate) fn find_host(&self, name: &str) -> Option<Rc<HostState>> {
        self.by_name.borrow().get(name).map(|&id| self.host(id))
    }

    /// The host of this id.
    pub(crate) fn host(&self, id: HostId) -> Rc<HostState> {
        self.hosts.borrow()[usize::from(id.0)].clone()
    }

    /// All hosts, in the order in which they joined.
    pub(crate) fn cast(&self) -> Vec<Rc<HostState>> {
        self.hosts.borrow().clone()
    }

    /// The host's name.
    pub fn host_name(&self, id: HostId) -> String {
        self.log.borrow().host_name(id).to_owned()
    }

    /// Writes an entry of the log.
    pub fn record(&self, event: Event) {
        let mut log = self.log.borrow_mut();
        log.push(event);
        self.hash.borrow_mut().event(&log);
        if self.tapped.get() {
            let event = log.events().last().expect("just pushed");
            for tap in self.taps.borrow_mut().iter_mut() {
                tap.event(event, &log);
            }
        }
    }

    /// The one `T` of this universe, for a setting that a room below keeps for it. It's made when first asked for.
    pub(crate) fn slot<T: Default + 'static>(&self) -> Rc<T> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.entry(TypeId::of::<T>()).or_insert_with(|| Rc::new(T::default())).clone();
        slot.downcast().expect("a slot holds what its key says")
    }

    /// Begins an entry of the world's own, now.
    pub fn world_event(&self, kind: &'static str) -> Event {
        Event::new(self.now(), Source::World, kind)
    }

    /// True if somebody listens at the taps: packets needn't be written out otherwise.
    pub(crate) fn is_tapped(&self) -> bool {
        self.tapped.get()
    }

    /// Shows a packet to the taps.
    pub(crate) fn show_packet(&self, seen: &PacketSeen<'_>) {
        let log = self.log.borrow();
        for tap in self.taps.borrow_mut().iter_mut() {
            tap.packet(seen, &log);
        }
    }

    /// The running hash.
    pub(crate) fn hash(&self) -> std::cell::RefMut<'_, RunHash> {
        self.hash.borrow_mut()
    }

    /// Runs `f` on the log.
    pub fn read_log<R>(&self, f: impl FnOnce(&Log) -> R) -> R {
        f(&self.log.borrow())
    }

    /// Sets the time of day on `host` ahead of the universe's by `nanos`, or behind if negative.
    pub(crate) fn skew_clock(&self, host: &HostState, nanos: i64, what: String) -> FaultId {
        let fault = self.faults.install(what, FaultKind::Aimed, self.now());
        interpose::set_skew(host.id(), nanos);
        self.skewed.borrow_mut().push((host.id(), fault, interpose::wall_clock_reads(host.id())));
        self.record(self.world_event("clock-skew").on(host.id()).with("nanos", nanos));
        fault
    }

    /// Counts what can only be counted by looking: a skewed clock has hit once a program has read it, a full disk once
    /// it has refused a write.
    pub(crate) fn settle_faults(&self) {
        for (host, fault, reads_before) in self.skewed.borrow_mut().drain(..) {
            self.faults.hit_times(fault, interpose::wall_clock_reads(host) - reads_before);
        }
        for host in self.hosts.borrow().iter() {
            for (fault, met) in super::files::met(host) {
                self.faults.hit_times(fault, met);
            }
        }
    }

    /// Takes the universe apart: its log and its hash, after its taps have heard that it's over.
    pub(crate) fn finish(&self, at: SimTime) -> (Log, RunHash) {
        let log = self.log.take();
        for tap in self.taps.borrow_mut().iter_mut() {
            tap.finish(at, &log);
        }
        self.taps.borrow_mut().clear();
        (log, self.hash.take())
    }

    pub(crate) fn power_of(&self, id: HostId) -> Power {
        self.hosts.borrow()[usize::from(id.0)].power()
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("mode", &self.mode).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// Why a host couldn't join the cast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CastError {
    /// Two of one name.
    #[error("there is a host called {0:?} already")]
    NameTaken(String),
    /// No name.
    #[error("a host needs a name")]
    Nameless,
}
