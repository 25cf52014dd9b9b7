//! A universe's thread: its runtime, its supervisor, its watchdog.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, Once, mpsc};
use std::task::Poll;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use crate::trace::HostId;

use super::crash;
use super::interpose::{self, Interposed, Life};
use super::kernel::{Cause, Kernel, Mode, all_quiet, set_kernel, set_supervisor, time_passed};

/// How much a run may take before it's ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Simulated time.
    pub deadline: Duration,
    /// Turns that tasks take.
    pub events: u64,
    /// Turns that tasks take in one and the same instant.
    pub turns_in_an_instant: u64,
    /// Real time in which some code doesn't give the thread back.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            deadline: Duration::from_secs(30 * 24 * 3600),
            events: 2_000_000_000,
            turns_in_an_instant: 20_000_000,
            stall: Duration::from_secs(60),
        }
    }
}

/// What the watchdog on another thread can see of a universe.
#[derive(Default)]
pub(crate) struct Pulse {
    turns: AtomicU64,
    /// The host whose task runs, plus one; zero for none.
    host: AtomicU32,
    names: Mutex<Vec<String>>,
}

impl Pulse {
    pub(crate) fn name_host(&self, name: &str) {
        self.names.lock().expect("nobody panics while holding the names").push(name.to_owned());
    }

    fn running(&self) -> Option<String> {
        let index = (self.host.load(Ordering::Relaxed) as usize).checked_sub(1)?;
        self.names.lock().expect("nobody panics while holding the names").get(index).cloned()
    }
}

#[derive(Debug, Clone)]
struct PanicNote {
    host: Option<HostId>,
    message: String,
    location: String,
    /// It was thrown in a task, where nobody may ever look; elsewhere it goes up to the test by itself.
    in_task: bool,
}

impl PanicNote {
    fn cause(self, kernel: &Kernel) -> Cause {
        let host = self.host.map(|host| kernel.host_name(host));
        Cause::Panicked { host, message: self.message, location: self.location }
    }
}

thread_local! {
    static TASKS: RefCell<FxHashMap<tokio::task::Id, Life>> = RefCell::default();
    static TURNS: Cell<u64> = const { Cell::new(0) };
    static PULSE: RefCell<Option<Arc<Pulse>>> = const { RefCell::new(None) };
    static PANICS: RefCell<Vec<PanicNote>> = const { RefCell::new(Vec::new()) };
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    static IN_UNIVERSE: Cell<bool> = const { Cell::new(false) };
    static SPENT: Cell<Option<Spent>> = const { Cell::new(None) };
    static BUDGET: Cell<Budget> = const { Cell::new(Budget { events: u64::MAX, turns_in_an_instant: u64::MAX }) };
    static INSTANT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

#[derive(Clone, Copy)]
struct Budget {
    events: u64,
    turns_in_an_instant: u64,
}

/// A budget that ran out, and who ran when it did.
#[derive(Clone, Copy)]
enum Spent {
    Events(Option<HostId>),
    Instant(Option<HostId>, u64),
}

/// Tells universes apart from the rest of the process in the panic hook: a panic inside is noted with its host, for
/// the supervisor; elsewhere the hook that was there before goes on.
fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IN_UNIVERSE.try_with(Cell::get).unwrap_or(false) {
                return previous(info);
            }
            let location = info.location().map_or_else(|| "?".to_owned(), ToString::to_string);
            let note = PanicNote {
                host: interpose::current_host(),
                message: panic_message(info.payload()),
                location,
                in_task: in_task(),
            };
            let _ = PANICS.try_with(|panics| panics.borrow_mut().push(note));
            super::kernel::wake_supervisor();
        }));
    });
}

/// What a panic's payload says.
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without words".to_owned()
    }
}

#[cfg(tokio_unstable)]
fn task_spawned(meta: &tokio::runtime::TaskMeta<'_>) {
    if let Some(life) = interpose::current_life() {
        TASKS.with(|tasks| tasks.borrow_mut().insert(meta.id(), life));
    }
}

#[cfg(tokio_unstable)]
fn task_terminated(meta: &tokio::runtime::TaskMeta<'_>) {
    let _ = TASKS.try_with(|tasks| tasks.borrow_mut().remove(&meta.id()));
}

#[cfg(tokio_unstable)]
fn before_turn(meta: &tokio::runtime::TaskMeta<'_>) {
    let life = TASKS.with(|tasks| tasks.borrow().get(&meta.id()).copied());
    interpose::set_current_life(life);
    IN_TASK.set(true);
    count_turn(life.map(|life| life.host));
}

/// Whether a task's turn is being taken.
pub(crate) fn in_task() -> bool {
    IN_TASK.try_with(Cell::get).unwrap_or(false)
}

/// Somebody moves: a host's task, or the test itself.
fn count_turn(host: Option<HostId>) {
    let turns = TURNS.get() + 1;
    TURNS.set(turns);
    PULSE.with(|pulse| {
        if let Some(pulse) = pulse.borrow().as_ref() {
            pulse.host.store(host.map_or(0, |host| u32::from(host.0) + 1), Ordering::Relaxed);
            pulse.turns.store(turns, Ordering::Relaxed);
        }
    });
    if turns & 0xfff == 0 {
        check_budget(host, turns);
    }
}

#[cfg(tokio_unstable)]
fn after_turn(_: &tokio::runtime::TaskMeta<'_>) {
    let life = interpose::current_life();
    interpose::set_current_life(None);
    IN_TASK.set(false);
    if let Some(life) = life {
        crash::count_poll(life);
        crash::carry_out();
    }
    PULSE.with(|pulse| {
        if let Some(pulse) = pulse.borrow().as_ref() {
            pulse.host.store(0, Ordering::Relaxed);
        }
    });
}

/// Somebody's code runs in between two tasks' turns, and it's a turn of his.
pub(crate) fn take_turn(life: Life, turn: impl FnOnce()) {
    let _as_host = interpose::run_as(life);
    count_turn(Some(life.host));
    turn();
    crash::count_poll(life);
    crash::carry_out();
}

#[cold]
fn check_budget(host: Option<HostId>, turns: u64) {
    let budget = BUDGET.get();
    let (instant, since) = INSTANT.get();
    let now = interpose::nanos_since_birth();
    if now != instant {
        INSTANT.set((now, turns));
    } else if turns - since > budget.turns_in_an_instant {
        SPENT.set(Some(Spent::Instant(host, turns - since)));
        super::kernel::wake_supervisor();
    }
    if turns > budget.events {
        SPENT.set(Some(Spent::Events(host)));
        super::kernel::wake_supervisor();
    }
}

/// What makes a thread a universe's.
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) wall_at_birth: u64,
    pub(crate) limits: Limits,
}

fn build_runtime(plan: &Plan) -> std::io::Result<LocalRuntime> {
    let mut builder = Builder::new_current_thread();
    match plan.mode {
        Mode::Simulated => {
            builder.enable_time().start_paused(true).on_thread_park(all_quiet).on_thread_unpark(time_passed)
        }
        Mode::Live => builder.enable_all(),
    };
    #[cfg(tokio_unstable)]
    {
        builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&plan.seed.to_le_bytes()));
        builder.on_task_spawn(task_spawned);
        builder.on_task_terminate(task_terminated);
        builder.on_before_task_poll(before_turn);
        builder.on_after_task_poll(after_turn);
    }
    builder.build_local(LocalOptions::default())
}

/// Runs `life` on a fresh thread and waits for it; `Err` only where the thread had to be abandoned.
pub(crate) fn on_fresh_thread<T: Send + 'static>(
    limits: &Limits,
    life: impl FnOnce(Arc<Pulse>) -> T + Send + 'static,
) -> Result<T, Cause> {
    install_panic_hook();
    let pulse = Arc::new(Pulse::default());
    let (done, result) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("universe".to_owned())
        .stack_size(16 << 20)
        .spawn({
            let pulse = pulse.clone();
            move || {
                // The receiver waits, or has given this thread up.
                let _ = done.send(life(pulse));
            }
        })
        .expect("the system gives us a thread");
    let step = (limits.stall / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    let mut last_turns = u64::MAX;
    let mut stalled = Duration::ZERO;
    loop {
        match result.recv_timeout(step) {
            Ok(value) => {
                thread.join().expect("the thread has ended its life already");
                return Ok(value);
            }
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(payload) => std::panic::resume_unwind(payload),
                Ok(()) => unreachable!("a life that ends sends its result"),
            },
            Err(RecvTimeoutError::Timeout) => {
                let turns = pulse.turns.load(Ordering::Relaxed);
                stalled = if turns == last_turns { stalled + step } else { Duration::ZERO };
                last_turns = turns;
                if stalled >= limits.stall {
                    // Nothing can stop a thread that doesn't listen: it is left behind, and the run has failed.
                    return Err(Cause::Busy { host: pulse.running(), limit: limits.stall });
                }
            }
        }
    }
}

/// Lives a universe on this thread: builds its runtime, lets `begin` make kernel and network and return the test's
/// future, watches over it, and takes everything down again.
pub(crate) fn live_through<T, Fut>(
    plan: &Plan,
    pulse: Arc<Pulse>,
    begin: impl FnOnce() -> (Rc<Kernel>, Fut),
    end: impl FnOnce(&Rc<Kernel>),
) -> (Rc<Kernel>, Result<T, Cause>)
where
    Fut: Future<Output = T>,
{
    let interposed = (plan.mode == Mode::Simulated).then(|| Interposed::enter(plan.seed, plan.wall_at_birth));
    IN_UNIVERSE.set(true);
    TURNS.set(0);
    INSTANT.set((0, 0));
    SPENT.set(None);
    crash::reset();
    TASKS.with(|tasks| tasks.borrow_mut().clear());
    PANICS.with(|panics| panics.borrow_mut().clear());
    PULSE.with(|slot| *slot.borrow_mut() = Some(pulse));
    // Real time never stands still.
    let turns_in_an_instant = if interposed.is_some() { plan.limits.turns_in_an_instant } else { u64::MAX };
    BUDGET.set(Budget { events: plan.limits.events, turns_in_an_instant });
    let runtime = build_runtime(plan).expect("a runtime without sockets can always be built");
    let (kernel, result, said) = runtime.block_on(async {
        let (kernel, future) = begin();
        let mut future = Box::pin(future);
        let result = supervise(&kernel, plan, future.as_mut()).await;
        let said = PANICS.with(|panics| panics.borrow().len());
        // Noted like any other panic: it says nothing about why the run ended.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
        (kernel, result, said)
    });
    end(&kernel);
    for host in kernel.cast() {
        host.dismantle();
    }
    // Tasks are dropped here, and their sockets with them: the network is still there to take them.
    drop(runtime);
    // Mocks verify what they expected when they're dropped: a run whose last words are a panic hasn't succeeded.
    let last_words = PANICS.with(|panics| panics.borrow().get(said).cloned());
    let result = match last_words {
        Some(note) => result.and_then(|_| Err(note.cause(&kernel))),
        None => result,
    };
    set_supervisor(None);
    set_kernel(None);
    PULSE.with(|slot| *slot.borrow_mut() = None);
    IN_UNIVERSE.set(false);
    drop(interposed);
    (kernel, result)
}

async fn supervise<T>(
    kernel: &Rc<Kernel>,
    plan: &Plan,
    mut future: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Cause> {
    let mut deadline = pin!(tokio::time::sleep(plan.limits.deadline));
    std::future::poll_fn(move |cx| {
        set_supervisor(Some(cx.waker().clone()));
        time_passed();
        count_turn(None);
        if let Some(cause) = trouble(kernel, plan) {
            return Poll::Ready(Err(cause));
        }
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Cause::Deadline { limit: plan.limits.deadline }));
        }
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        if let Some(cause) = trouble(kernel, plan) {
            return Poll::Ready(Err(cause));
        }
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => {
                let message = panic_message(payload.as_ref());
                // A payload that resume_unwind threw has passed the hook by.
                let location = last_panic_location().unwrap_or_else(|| "an unknown place".to_owned());
                Poll::Ready(Err(Cause::Panicked { host: None, message, location }))
            }
        }
    })
    .await
}

/// Where the universe's own code (a test, a step) has panicked last: for whoever catches such a panic.
pub fn last_panic_location() -> Option<String> {
    PANICS.with(|panics| panics.borrow().iter().rev().find(|note| !note.in_task).map(|note| note.location.clone()))
}

/// What has gone wrong since the last look.
fn trouble(kernel: &Kernel, plan: &Plan) -> Option<Cause> {
    let name = |host: Option<HostId>| host.map(|host| kernel.host_name(host));
    let fatal = PANICS.with(|panics| panics.borrow().iter().find(|note| note.in_task).cloned());
    if let Some(note) = fatal {
        return Some(note.cause(kernel));
    }
    if let Some(forbidden) = interpose::take_forbidden().into_iter().next() {
        return Some(Cause::Forbidden { host: name(forbidden.host), what: forbidden.what });
    }
    match SPENT.take() {
        Some(Spent::Events(host)) => Some(Cause::TooManyEvents { limit: plan.limits.events, host: name(host) }),
        Some(Spent::Instant(host, turns)) => Some(Cause::Livelock { host: name(host), turns }),
        None => None,
    }
}
