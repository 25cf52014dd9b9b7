//! Cadence: how many of its frames a line really sends.
//!
//! An agent sits in a room all day, and 50 packets a second each way would be the most of a run's work, though nobody
//! listens. In `auto` a line sends every frame for 5 s after any change of media, and while somebody measures
//! ([`attend`]) or the network is disturbed ([`under_fault`]); else one in ten, as silence suppression does it: the
//! sequence goes on by one, the timestamp by 1,600, the marker is set, and nobody counts loss. A speaker plays nothing
//! in between.

use std::cell::Cell;
use std::time::Duration;

use crate::trace::SimTime;
use crate::world::kernel::kernel_here;

/// How long every frame is sent after a change.
pub const AFTER_A_CHANGE: Duration = Duration::from_secs(5);
/// Of how many frames one is sent when nobody measures.
pub const ONE_IN: u32 = 10;

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
struct Setting {
    cadence: Cell<Cadence>,
    attended_until: Cell<SimTime>,
    faults: Cell<u32>,
}

/// Sets the cadence of this universe.
pub fn set(cadence: Cadence) {
    kernel_here().slot::<Setting>().cadence.set(cadence);
}

/// The cadence of this universe.
pub fn current() -> Cadence {
    kernel_here().slot::<Setting>().cadence.get()
}

/// Somebody measures audio: every line sends every frame until then. Lines notice within 200 ms.
pub fn attend(until: SimTime) {
    let setting = kernel_here().slot::<Setting>();
    setting.attended_until.set(setting.attended_until.get().max(until));
}

/// The network does something to packets from now on, until [`fault_over`]: every line sends every frame.
pub fn under_fault() {
    let setting = kernel_here().slot::<Setting>();
    setting.faults.set(setting.faults.get() + 1);
}

/// What was told by [`under_fault`] is over; when all are, lines may be sparing again.
pub fn fault_over() {
    let setting = kernel_here().slot::<Setting>();
    setting.faults.set(setting.faults.get().saturating_sub(1));
}

/// Whether a line whose media changed at `changed` sends every frame now.
pub(super) fn every_frame(now: SimTime, changed: SimTime) -> bool {
    let setting = kernel_here().slot::<Setting>();
    match setting.cadence.get() {
        Cadence::Full => true,
        Cadence::Probe => false,
        Cadence::Auto => {
            now < changed + AFTER_A_CHANGE || now < setting.attended_until.get() || setting.faults.get() > 0
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
