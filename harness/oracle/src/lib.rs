//! The witnesses: one file an invariant, each citing its rule. They read packets with readers of their own (law 5).
//!
//! - [`read`]: the readers, from IPv4 up to HTTP.
//! - [`witness`]: the mechanism: what a witness is fed, what it says, and the panel that all of them sit on.
//! - the invariants that always hold: [`nothing_unsent_arrives`], [`nothing_crosses_a_cut`],
//!   [`a_crashed_host_is_silent`].
//!
//! A new invariant is a file here that implements [`Witness`], and a line in [`Panel::always_on`].

pub mod a_crashed_host_is_silent;
pub mod nothing_crosses_a_cut;
pub mod nothing_unsent_arrives;
pub mod read;
pub mod witness;

pub use a_crashed_host_is_silent::ACrashedHostIsSilent;
pub use nothing_crosses_a_cut::NothingCrossesACut;
pub use nothing_unsent_arrives::NothingUnsentArrives;
pub use witness::{Complaint, Judgement, Panel, UnknownWitness, Verdict, Witness};

pub use busyhour_trace::record::{Exemption, Violation};
