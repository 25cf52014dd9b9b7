//! The one place with `unsafe`: libc's entropy and clocks, answered from the universe's seed and clock.
//!
//! Libraries ask the operating system for random bytes and for the time. On a universe's thread these questions are
//! answered here; on every other thread they reach the real function. ring and old getrandom crates go through
//! `syscall(SYS_getrandom)`, so that is intercepted as well. Sockets, threads and blocking sleeps would tie a run to
//! the real world: asked for on a universe's thread, they are refused and the run fails, naming who asked.
//!
//! The definitions take precedence over libc's because the linker resolves a symbol to the program itself first;
//! `dlsym(RTLD_NEXT)` finds the ones behind.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{clockid_t, size_t, ssize_t, timespec};

use super::random::Random;
use crate::trace::{HostId, SimTime};

/// The monotonic clock at a universe's birth: far from zero, so that `Instant - Duration` has room.
const MONOTONIC_AT_BIRTH: u64 = 1_000_000 * 1_000_000_000;

thread_local! {
    /// Set on a universe's thread only.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Whose code runs now; nobody's while the kernel or a step runs.
    static CURRENT: Cell<Option<Life>> = const { Cell::new(None) };
    static READING_CLOCK: Cell<bool> = const { Cell::new(false) };
    static BIRTH: Cell<Option<std::time::Instant>> = const { Cell::new(None) };
    static LAST_NANOS: Cell<u64> = const { Cell::new(0) };
    /// How long refused sleeps would have taken: libraries that sleep until a moment has come look at the clock
    /// afterwards, and sleep again, for ever, if it hasn't.
    static OVERSLEPT: Cell<u64> = const { Cell::new(0) };
    static STATE: RefCell<Option<Inside>> = const { RefCell::new(None) };
}

/// A host, in one of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) host: HostId,
    pub(crate) epoch: u32,
}

/// What a universe's thread answers from.
struct Inside {
    seed: u64,
    wall_at_birth: u64,
    harness: Random,
    hosts: Vec<HostSenses>,
    forbidden: Vec<Forbidden>,
}

/// What one host's programs sense of the world beside packets: entropy and the time of day.
struct HostSenses {
    random: Random,
    skew_nanos: i64,
    wall_clock_reads: u64,
}

/// A piece of the real world that was asked for inside a universe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forbidden {
    pub(crate) host: Option<HostId>,
    pub(crate) what: &'static str,
}

/// Makes this thread a universe's; dropping it gives the thread back.
pub(crate) struct Interposed(());

impl Interposed {
    /// `wall_at_birth` is the time of day at the universe's birth, in nanoseconds since 1970.
    pub(crate) fn enter(seed: u64, wall_at_birth: u64) -> Interposed {
        assert!(!INSIDE.get(), "a universe's thread holds one universe");
        let inside = Inside {
            seed,
            wall_at_birth,
            harness: Random::stream(seed, "harness"),
            hosts: Vec::new(),
            forbidden: Vec::new(),
        };
        STATE.with(|state| *state.borrow_mut() = Some(inside));
        CURRENT.set(None);
        LAST_NANOS.set(0);
        OVERSLEPT.set(0);
        INSIDE.set(true);
        BIRTH.set(Some(std::time::Instant::now()));
        // std draws one pair of keys a thread for its hash maps, at the first map: draw it now, from the harness's
        // stream, so that it's not taken from the host that happens to make the first map.
        let _ = std::collections::hash_map::RandomState::new();
        Interposed(())
    }
}

impl Drop for Interposed {
    fn drop(&mut self) {
        INSIDE.set(false);
        STATE.with(|state| *state.borrow_mut() = None);
    }
}

/// The host whose code runs now.
pub(crate) fn current_host() -> Option<HostId> {
    CURRENT.get().map(|life| life.host)
}

/// The host whose code runs now, and which of its lives that code belongs to.
pub(crate) fn current_life() -> Option<Life> {
    CURRENT.get()
}

/// Says whose code runs from now on.
pub(crate) fn set_current_life(life: Option<Life>) {
    CURRENT.set(life);
}

/// Says whose code runs until the result is dropped.
pub(crate) fn run_as(life: Life) -> RunsAs {
    RunsAs(CURRENT.replace(Some(life)))
}

/// See [`run_as`]: remembers whose code ran before.
pub(crate) struct RunsAs(Option<Life>);

impl Drop for RunsAs {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

fn with_inside<R>(f: impl FnOnce(&mut Inside) -> R) -> Option<R> {
    STATE.try_with(|state| state.try_borrow_mut().ok().and_then(|mut state| state.as_mut().map(f))).ok().flatten()
}

/// Gives the newest host its entropy and its clock.
pub(crate) fn add_host(name: &str) {
    with_inside(|inside| {
        let random = Random::stream(inside.seed, &format!("host {name}"));
        inside.hosts.push(HostSenses { random, skew_nanos: 0, wall_clock_reads: 0 });
    });
}

/// Sets how far the time of day on `host` is ahead of the universe's.
pub(crate) fn set_skew(host: HostId, skew_nanos: i64) {
    with_inside(|inside| inside.hosts[usize::from(host.0)].skew_nanos = skew_nanos);
}

/// How often programs on `host` have read the time of day.
pub(crate) fn wall_clock_reads(host: HostId) -> u64 {
    with_inside(|inside| inside.hosts[usize::from(host.0)].wall_clock_reads).unwrap_or(0)
}

/// What was asked for and refused since the last call.
pub(crate) fn take_forbidden() -> Vec<Forbidden> {
    with_inside(|inside| std::mem::take(&mut inside.forbidden)).unwrap_or_default()
}

/// Nanoseconds since the universe's birth.
pub(crate) fn nanos_since_birth() -> u64 {
    if let Some(moment) = super::kernel::moment()
        && super::thread::in_task()
    {
        return moment.0;
    }
    // Before it lets tasks run tokio itself asks for the time: so what was known of it is looked up anew then, for a
    // program may have set tokio's clock forward. And that clock may itself ask (while the runtime is being built, or
    // outside of it): that question is answered with the last known moment.
    if READING_CLOCK.replace(true) {
        return LAST_NANOS.get();
    }
    if let Some(birth) = BIRTH.get() {
        let now = tokio::time::Instant::now().into_std();
        LAST_NANOS.set(u64::try_from(now.saturating_duration_since(birth).as_nanos()).unwrap_or(u64::MAX));
        if INSIDE.get() {
            super::kernel::note_moment(SimTime(LAST_NANOS.get()));
        }
    }
    READING_CLOCK.set(false);
    LAST_NANOS.get()
}

/// CPU time that this process has taken so far: what a bench measures. It is no universe's business, so it's never
/// simulated.
pub fn process_cpu_time() -> std::time::Duration {
    cpu_time(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time that this thread has taken so far: what a universe has cost, for it has its thread for itself.
pub fn thread_cpu_time() -> std::time::Duration {
    cpu_time(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn cpu_time(clock: clockid_t) -> std::time::Duration {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    let result = unsafe { clock_gettime(clock, &mut time) };
    assert_eq!(result, 0, "every Linux has this clock");
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// # Safety
/// `buffer` holds `length` writable bytes; it may be null if that's none, which is how some libraries ask whether there
/// is such a function.
unsafe fn fill_from_seed(buffer: *mut u8, length: usize) {
    if length == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
    let host = current_host();
    with_inside(|inside| {
        let stream = match host.and_then(|host| inside.hosts.get_mut(usize::from(host.0))) {
            Some(senses) => &mut senses.random,
            None => &mut inside.harness,
        };
        stream.fill(bytes);
    })
    .expect("nothing draws entropy while entropy is drawn");
}

fn refuse(what: &'static str, errno: c_int) {
    let host = current_host();
    with_inside(|inside| inside.forbidden.push(Forbidden { host, what }));
    super::kernel::wake_supervisor();
    set_errno(errno);
}

fn set_errno(errno: c_int) {
    // SAFETY: __errno_location returns this thread's errno, which is always valid to write.
    unsafe { *libc::__errno_location() = errno };
}

/// The real function called `name`, looked up once.
fn real(slot: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    let known = slot.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: `name` is a C string, and RTLD_NEXT needs no open library.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr().cast::<c_char>()) };
    assert!(!found.is_null(), "libc has no {name:?}");
    slot.store(found, Ordering::Relaxed);
    found
}

macro_rules! real_function {
    ($name:literal as $signature:ty) => {{
        static SLOT: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
        // SAFETY: the symbol of this name has this signature in glibc.
        unsafe { std::mem::transmute::<*mut c_void, $signature>(real(&SLOT, $name)) }
    }};
}

/// libc's `getrandom`.
///
/// # Safety
/// As libc's: `buffer` holds `length` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    if INSIDE.get() {
        // SAFETY: the caller's promise.
        unsafe { fill_from_seed(buffer.cast::<u8>(), length) };
        return length as ssize_t;
    }
    let real = real_function!(c"getrandom" as unsafe extern "C" fn(*mut c_void, size_t, c_uint) -> ssize_t);
    // SAFETY: the caller's promise.
    unsafe { real(buffer, length, flags) }
}

/// libc's `getentropy`.
///
/// # Safety
/// As libc's: `buffer` holds `length` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getentropy(buffer: *mut c_void, length: size_t) -> c_int {
    if INSIDE.get() {
        if length > 256 {
            set_errno(libc::EIO);
            return -1;
        }
        // SAFETY: the caller's promise.
        unsafe { fill_from_seed(buffer.cast::<u8>(), length) };
        return 0;
    }
    let real = real_function!(c"getentropy" as unsafe extern "C" fn(*mut c_void, size_t) -> c_int);
    // SAFETY: the caller's promise.
    unsafe { real(buffer, length) }
}

/// libc's `syscall`. It is variadic in C; both platforms that we run on pass variadic integers as they pass others.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if number == libc::SYS_getrandom && INSIDE.get() {
        // SAFETY: the caller's promise; these are getrandom's buffer and length.
        unsafe { fill_from_seed(a as *mut u8, b as usize) };
        return b;
    }
    // A futex is what std's and parking_lot's locks, channels and parked threads wait on. To wait for another thread's
    // lock is fine; to wait until the real clock says so isn't.
    if number == libc::SYS_futex && INSIDE.get() {
        let waits = matches!(b as c_int & libc::FUTEX_CMD_MASK, libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET);
        if waits && d != 0 {
            // SAFETY: the caller's promise; this is a futex's time-out.
            let until = nanos_of(unsafe { &*(d as *const timespec) });
            // One kind counts from now, the other, which std uses, is a moment.
            let is_moment = b as c_int & libc::FUTEX_CMD_MASK == libc::FUTEX_WAIT_BITSET;
            oversleep(if is_moment { until.saturating_sub(monotonic_nanos()) } else { until });
            refuse("a blocking wait with a time-out", libc::ETIMEDOUT);
            return -1;
        }
    }
    type Syscall = unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;
    let real = real_function!(c"syscall" as Syscall);
    // SAFETY: the caller's promise.
    unsafe { real(number, a, b, c, d, e, f) }
}

/// libc's `clock_gettime`.
///
/// # Safety
/// As libc's: `time` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    if INSIDE.get() {
        let nanos = match clock {
            libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => Some(wall_nanos()),
            libc::CLOCK_MONOTONIC | libc::CLOCK_MONOTONIC_RAW | libc::CLOCK_MONOTONIC_COARSE | libc::CLOCK_BOOTTIME => {
                Some(monotonic_nanos())
            }
            // CPU time is a measurement of the simulator, not of the universe.
            _ => None,
        };
        if let Some(nanos) = nanos {
            let answer =
                timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as c_long };
            // SAFETY: the caller's promise.
            unsafe { time.write(answer) };
            return 0;
        }
    }
    let real = real_function!(c"clock_gettime" as unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int);
    // SAFETY: the caller's promise.
    unsafe { real(clock, time) }
}

/// libc's `gettimeofday`, which asks the kernel by itself.
///
/// # Safety
/// As libc's: both are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut libc::timeval, zone: *mut c_void) -> c_int {
    if INSIDE.get() {
        if !time.is_null() {
            let nanos = wall_nanos();
            let answer = libc::timeval {
                tv_sec: (nanos / 1_000_000_000) as i64,
                tv_usec: (nanos % 1_000_000_000 / 1000) as libc::suseconds_t,
            };
            // SAFETY: the caller's promise.
            unsafe { time.write(answer) };
        }
        return 0;
    }
    let real = real_function!(c"gettimeofday" as unsafe extern "C" fn(*mut libc::timeval, *mut c_void) -> c_int);
    // SAFETY: the caller's promise.
    unsafe { real(time, zone) }
}

/// libc's `time`, which asks the kernel by itself.
///
/// # Safety
/// As libc's: `time` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(time: *mut libc::time_t) -> libc::time_t {
    if INSIDE.get() {
        let seconds = (wall_nanos() / 1_000_000_000) as libc::time_t;
        if !time.is_null() {
            // SAFETY: the caller's promise.
            unsafe { time.write(seconds) };
        }
        return seconds;
    }
    let real = real_function!(c"time" as unsafe extern "C" fn(*mut libc::time_t) -> libc::time_t);
    // SAFETY: the caller's promise.
    unsafe { real(time) }
}

fn nanos_of(time: &timespec) -> u64 {
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

fn oversleep(nanos: u64) {
    OVERSLEPT.set(OVERSLEPT.get().saturating_add(nanos));
}

fn monotonic_nanos() -> u64 {
    (MONOTONIC_AT_BIRTH + nanos_since_birth()).saturating_add(OVERSLEPT.get())
}

fn wall_nanos() -> u64 {
    let since_birth = nanos_since_birth().saturating_add(OVERSLEPT.get());
    let host = current_host();
    with_inside(|inside| {
        let true_time = inside.wall_at_birth + since_birth;
        match host.and_then(|host| inside.hosts.get_mut(usize::from(host.0))) {
            Some(senses) => {
                senses.wall_clock_reads += 1;
                true_time.saturating_add_signed(senses.skew_nanos)
            }
            None => true_time,
        }
    })
    .unwrap_or(since_birth)
}

/// libc's `socket`: refused inside a universe.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    if INSIDE.get() {
        refuse("a real socket", libc::EPERM);
        return -1;
    }
    let real = real_function!(c"socket" as unsafe extern "C" fn(c_int, c_int, c_int) -> c_int);
    // SAFETY: the caller's promise.
    unsafe { real(domain, kind, protocol) }
}

/// libc's `socketpair`: refused inside a universe.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn socketpair(domain: c_int, kind: c_int, protocol: c_int, pair: *mut c_int) -> c_int {
    if INSIDE.get() {
        refuse("a real pair of sockets", libc::EPERM);
        return -1;
    }
    let real = real_function!(c"socketpair" as unsafe extern "C" fn(c_int, c_int, c_int, *mut c_int) -> c_int);
    // SAFETY: the caller's promise.
    unsafe { real(domain, kind, protocol, pair) }
}

/// libc's `getaddrinfo`: refused inside a universe. glibc asks through sockets that it opens by itself.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    found: *mut *mut libc::addrinfo,
) -> c_int {
    if INSIDE.get() {
        refuse("a look-up in the real DNS", libc::EPERM);
        return libc::EAI_FAIL;
    }
    type Getaddrinfo =
        unsafe extern "C" fn(*const c_char, *const c_char, *const libc::addrinfo, *mut *mut libc::addrinfo) -> c_int;
    let real = real_function!(c"getaddrinfo" as Getaddrinfo);
    // SAFETY: the caller's promise.
    unsafe { real(node, service, hints, found) }
}

/// libc's `pthread_create`: refused inside a universe.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: *mut c_void,
    argument: *mut c_void,
) -> c_int {
    if INSIDE.get() {
        refuse("a real thread (a blocking task needs one as well)", libc::EAGAIN);
        return libc::EAGAIN;
    }
    type PthreadCreate =
        unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, *mut c_void, *mut c_void) -> c_int;
    let real = real_function!(c"pthread_create" as PthreadCreate);
    // SAFETY: the caller's promise.
    unsafe { real(thread, attributes, start, argument) }
}

/// libc's `nanosleep`: refused inside a universe.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(time: *const timespec, rest: *mut timespec) -> c_int {
    if INSIDE.get() {
        // Answered as if it had slept: std retries an interrupted sleep for ever.
        // SAFETY: the caller's promise.
        oversleep(nanos_of(unsafe { &*time }));
        refuse("a blocking sleep", 0);
        return 0;
    }
    let real = real_function!(c"nanosleep" as unsafe extern "C" fn(*const timespec, *mut timespec) -> c_int);
    // SAFETY: the caller's promise.
    unsafe { real(time, rest) }
}

/// libc's `clock_nanosleep`: refused inside a universe.
///
/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    time: *const timespec,
    rest: *mut timespec,
) -> c_int {
    if INSIDE.get() {
        // SAFETY: the caller's promise.
        let until = nanos_of(unsafe { &*time });
        oversleep(if flags & libc::TIMER_ABSTIME != 0 { until.saturating_sub(monotonic_nanos()) } else { until });
        refuse("a blocking sleep", 0);
        return 0;
    }
    type ClockNanosleep = unsafe extern "C" fn(clockid_t, c_int, *const timespec, *mut timespec) -> c_int;
    let real = real_function!(c"clock_nanosleep" as ClockNanosleep);
    // SAFETY: the caller's promise.
    unsafe { real(clock, flags, time, rest) }
}
