//! Cadence: how many of its frames a line really sends.
//!
//! An agent sits in a room all day, and 50 packets a second each way would be the most of a run's work, though nobody
//! listens. In `auto` a line sends every frame for 5 s after any change of its own media (it's connected, elsewhere or
//! another way than before, or plays something else), and while somebody measures ([`attend`]) or the network is
//! disturbed ([`under_fault`]); else one in ten, as silence suppression does it: the sequence goes on by one, the
//! timestamp by 1,600, the marker is set, and nobody counts loss. A speaker plays nothing in between.
//!
//! Who comes or goes elsewhere in a conference, or is moved to another one, changes nobody's media: what is said from
//! then on is heard one frame in ten, unless somebody measures.
//!
//! Nobody hears who is alone in a conference. The room sends her silence once a second, and a line to which nothing
//! else comes takes it for what it is: it sends one frame in forty ([`ONE_IN_UNHEARD`]). The first packet that says
//! anything, or comes sooner, makes it one in ten again.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::trace::SimTime;
use crate::world::kernel::kernel_here;

/// How long every frame is sent after a change.
pub const AFTER_A_CHANGE: Duration = Duration::from_secs(5);
/// Of how many frames one is sent when nobody measures.
pub const ONE_IN: u32 = 10;
/// And where nobody hears it. More often than once a second: after so much silence a latch lets anybody in.
pub const ONE_IN_UNHEARD: u32 = 40;

/// Which frames are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cadence {
    /// As many as somebody could notice.
    #[default]
    Auto,
    /// All of them.
    Full,
    /// One in ten, whatever happens.
    Probe,
}

impl Cadence {
    /// Its name, as a run's record has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Cadence::Auto => "auto",
            Cadence::Full => "full",
            Cadence::Probe => "probe",
        }
    }

    /// The cadence of a name.
    pub fn of(name: &str) -> Option<Cadence> {
        [Cadence::Auto, Cadence::Full, Cadence::Probe].into_iter().find(|cadence| cadence.as_str() == name)
    }
}

/// The universe's setting; each begins with its own.
#[derive(Debug, Default)]
pub(super) struct Setting {
    cadence: Cell<Cadence>,
    attended_until: Cell<SimTime>,
    faults: Cell<u32>,
    /// Those that rest between their frames, to be woken when each is wanted.
    resting: RefCell<Vec<Weak<Notify>>>,
    /// How many of them there may be until those that are gone are left out.
    room: Cell<usize>,
}

/// This universe's setting, for those who ask often.
pub(super) fn here() -> Rc<Setting> {
    kernel_here().slot::<Setting>()
}

/// Sets the cadence of this universe.
pub fn set(cadence: Cadence) {
    let setting = here();
    setting.cadence.set(cadence);
    setting.wake();
}

/// The cadence of this universe.
pub fn current() -> Cadence {
    here().cadence.get()
}

/// Somebody measures audio: every line sends every frame until then.
pub fn attend(until: SimTime) {
    let setting = here();
    let before = setting.attended_until.get();
    setting.attended_until.set(before.max(until));
    if before <= kernel_here().now() {
        setting.wake();
    }
}

/// The network does something to packets from now on, until [`fault_over`]: every line sends every frame.
pub fn under_fault() {
    let setting = here();
    let before = setting.faults.replace(setting.faults.get() + 1);
    if before == 0 {
        setting.wake();
    }
}

/// What was told by [`under_fault`] is over; when all are, lines may be sparing again.
pub fn fault_over() {
    let setting = here();
    setting.faults.set(setting.faults.get().saturating_sub(1));
}

impl Setting {
    /// Whether a line whose media changed at `changed` sends every frame now.
    pub(super) fn every_frame(&self, now: SimTime, changed: SimTime) -> bool {
        match self.cadence.get() {
            Cadence::Full => true,
            Cadence::Probe => false,
            Cadence::Auto => now < changed + AFTER_A_CHANGE || now < self.attended_until.get() || self.faults.get() > 0,
        }
    }

    /// A line rests between its frames from now on, and is woken by this when every one may be wanted.
    pub(super) fn rests(&self, line: &Rc<Notify>) {
        let mut resting = self.resting.borrow_mut();
        if resting.len() >= self.room.get() {
            resting.retain(|line| line.strong_count() > 0);
            self.room.set(2 * resting.len() + 16);
        }
        resting.push(Rc::downgrade(line));
    }

    fn wake(&self) {
        for line in self.resting.borrow().iter().filter_map(Weak::upgrade) {
            line.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_full_for_five_seconds_and_while_somebody_attends() {
        crate::simulate(1, |_| async {
            let (changed, just) = (SimTime(1), Duration::from_nanos(1));
            let every_frame = |now, changed| here().every_frame(now, changed);
            let calm = changed + AFTER_A_CHANGE;
            assert!(every_frame(SimTime(calm.0 - 1), changed) && !every_frame(calm, changed));
            attend(calm + just);
            attend(calm);
            assert!(every_frame(calm, changed) && !every_frame(calm + just, changed));
            under_fault();
            under_fault();
            fault_over();
            assert!(every_frame(calm + just, changed));
            fault_over();
            assert!(!every_frame(calm + just, changed));
            set(Cadence::Full);
            assert!(every_frame(calm + just, changed));
            set(Cadence::Probe);
            assert!(!every_frame(changed, changed));
        });
        crate::simulate(1, |_| async { assert_eq!(current(), Cadence::Auto, "another universe, another setting") });
    }
}
