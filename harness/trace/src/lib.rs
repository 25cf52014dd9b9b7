//! What a universe leaves behind.
//!
//! Everything that is shown of a run later (a report, a diagram, a verdict) is made from what this crate holds, so
//! it knows nothing of how a universe works, and the oracles can depend on it alone (law 5).
//!
//! - [`time`]: simulated time.
//! - [`event`]: the append-only event log; each entry is the world's own, a step, or an actor's claim.
//! - [`tap`]: what a tap on the wire sees, packet by packet.
//! - [`hash`]: the run's hash, over every event and every header and payload byte.

pub mod event;
pub mod hash;
pub mod tap;
pub mod time;

pub use event::{Event, Field, Log, Source, Value};
pub use hash::{Digest, RunHash};
pub use tap::{HostId, Loss, PacketId, PacketSeen, Stage};
pub use time::SimTime;
