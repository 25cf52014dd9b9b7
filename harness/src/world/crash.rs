//! Crashes at a chosen point of a host's life.
//!
//! A program that survives a crash at any point is tested by crashing it at every point: after its first turn, its
//! second, and so on until the flow that's tested ends before the crash comes ([`Host::crash_after`]).

use std::cell::{Cell, RefCell};

use crate::trace::HostId;

use super::fault::{FaultId, FaultKind};
use super::host::{Host, Power};
use super::interpose::Life;
use super::kernel::{Kernel, kernel_here};

/// A point in a host's life, counted from when it's named. Zero of anything is at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Its tasks have taken this many turns: they were polled so often, whatever they are and whoever spawned them.
    Poll(u64),
    /// This many packets have left it or reached it: the last of them has still left, or has reached its TCP, but no
    /// program.
    Packet(u64),
    /// It has made this many syncs of its disk: what was synced is safe, whoever waited for it never learns.
    Sync(u64),
}

/// What is counted towards a [`Point`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Poll,
    Packet,
    Sync,
}

/// A crash that is to come.
#[derive(Debug)]
struct Awaited {
    host: HostId,
    what: Happening,
    left: u64,
    fault: FaultId,
}

/// All crashes of a universe that are to come.
#[derive(Debug, Default)]
pub(crate) struct CrashPoints {
    awaited: RefCell<Vec<Awaited>>,
    /// Those whose point is reached, in that order.
    due: RefCell<Vec<(HostId, FaultId)>>,
}

thread_local! {
    /// Whether any crash is to come in this thread's universe: all that a packet or a turn costs otherwise.
    static AWAITED: Cell<bool> = const { Cell::new(false) };
}

/// A universe begins: no crash is to come.
pub(crate) fn reset() {
    AWAITED.set(false);
}

/// Counts what happens on a host. The crash that it may call for comes with [`carry_out`], which whoever calls this
/// calls as soon as nothing is borrowed.
pub(crate) fn count(kernel: &Kernel, host: HostId, what: Happening) {
    if AWAITED.get() {
        kernel.crash_points.count(host, what);
    }
}

/// A task of a host has taken a turn.
pub(crate) fn count_poll(life: Life) {
    if AWAITED.get() {
        let kernel = kernel_here();
        let state = kernel.host(life.host);
        // What a library left behind of an earlier life goes on with its timers.
        if state.epoch() == life.epoch && state.power() == Power::Up {
            kernel.crash_points.count(life.host, Happening::Poll);
        }
    }
}

/// Crashes the hosts whose point is reached.
pub(crate) fn carry_out() {
    if AWAITED.get() {
        kernel_here().carry_out_crashes();
    }
}

impl CrashPoints {
    fn count(&self, host: HostId, what: Happening) {
        self.awaited.borrow_mut().retain_mut(|awaited| {
            if awaited.host != host || awaited.what != what {
                return true;
            }
            awaited.left -= 1;
            if awaited.left == 0 {
                self.due.borrow_mut().push((host, awaited.fault));
            }
            awaited.left > 0
        });
    }
}

impl Kernel {
    #[cold]
    fn carry_out_crashes(&self) {
        let due = std::mem::take(&mut *self.crash_points.due.borrow_mut());
        for (host, fault) in due {
            let state = self.host(host);
            if state.power() != Power::Down {
                self.faults.hit(fault);
                Host::of(&state).crash();
            }
        }
        let over = self.crash_points.awaited.borrow().is_empty() && self.crash_points.due.borrow().is_empty();
        AWAITED.set(!over);
    }
}

impl Host {
    /// The host will crash at this point of its life. The fault has hit once it has: a flow that ends first leaves it
    /// unmet, and so a test knows that it has tried every point.
    ///
    /// ```
    /// use busyhour::world::{FaultOutcome, Point};
    ///
    /// # #[cfg(tokio_unstable)] {
    /// // A program that writes three lines and syncs each: crashed after each of its syncs.
    /// let lines_left = |k| {
    ///     busyhour::simulate(1, move |u| async move {
    ///         let host = u.host("clerk");
    ///         let fault = host.crash_after(Point::Sync(k));
    ///         host.spawn({
    ///             let disk = host.disk();
    ///             async move {
    ///                 for _ in 0..3 {
    ///                     disk.append("lines", b"a line\n")?;
    ///                     disk.sync("lines")?;
    ///                 }
    ///                 std::io::Result::Ok(())
    ///             }
    ///         });
    ///         u.sleep(std::time::Duration::from_secs(1)).await;
    ///         host.restart();
    ///         let lines = host.disk().read("lines").map_or(0, |text| text.len() / 7);
    ///         (lines, u.fault(fault).outcome())
    ///     })
    /// };
    /// assert_eq!(lines_left(2), (2, FaultOutcome::Hit));
    /// assert_eq!(lines_left(4), (3, FaultOutcome::MetNothing));
    /// # }
    /// ```
    pub fn crash_after(&self, point: Point) -> FaultId {
        self.assert_simulated("crash");
        let kernel = self.kernel();
        let (what, left, words) = match point {
            Point::Poll(k) => (Happening::Poll, k, format!("turn {k} of its tasks")),
            Point::Packet(k) => (Happening::Packet, k, format!("packet {k}")),
            Point::Sync(k) => (Happening::Sync, k, format!("sync {k} of its disk")),
        };
        let words = format!("{} crashes after {words}", self.name());
        let fault = kernel.faults.install(words, FaultKind::Aimed, kernel.now());
        if left == 0 {
            kernel.crash_points.due.borrow_mut().push((self.id(), fault));
        } else {
            kernel.crash_points.awaited.borrow_mut().push(Awaited { host: self.id(), what, left, fault });
        }
        AWAITED.set(true);
        carry_out();
        fault
    }
}
