//! The kernel: seed, thread, clock, entropy, scheduler, hosts. It knows no telephony, and no network either: that
//! room comes below it.
//!
//! - [`random`](Random): seeded streams, one a concern.
//! - `interpose`: libc's clocks and entropy, answered from the universe.
//! - `thread`: a universe's thread, its supervisor and its watchdog ([`Limits`]).
//! - `kernel`: what everybody shares, and how a run fails ([`Cause`]).
//! - `host`: machines ([`Host`]).
//! - [`disk`], `files`: a machine's disk, and its programs' way to it ([`Disk`]).
//! - [`audio`], `sound`: its microphone and speaker, and the room that they stand in ([`Room`]).
//! - `crash`: a crash at a chosen point of a host's life ([`Point`]).
//! - `fault`: what was installed and what it hit ([`Faults`]).

pub mod audio;
pub(crate) mod crash;
pub mod disk;
mod fault;
mod files;
mod host;
pub(crate) mod interpose;
pub(crate) mod kernel;
mod random;
mod sound;
pub(crate) mod thread;

pub use crash::Point;
pub use fault::{Fault, FaultId, FaultKind, FaultOutcome, Faults, in_words};
pub use files::Disk;
pub(crate) use host::crashed;
pub use host::{Host, HostState, Power};
pub use interpose::{process_cpu_time, thread_cpu_time};
pub use kernel::{CastError, Cause, Kernel, Lifecycle, Mode, Tap};
pub use random::Random;
pub use sound::{HostMicrophone, HostSpeaker, Room};
pub use thread::{Limits, last_panic_location, panic_message};
