//! What a universe leaves behind.
//!
//! Everything that is shown of a run later (a report, a diagram, a verdict) is made from what this crate holds, so
//! it knows nothing of how a universe works, and the oracles can depend on it alone (law 5).
//!
//! - [`time`]: simulated time.
//! - [`event`]: the append-only event log; each entry is the world's own, a step, or an actor's claim.
//! - [`tap`]: what a tap on the wire sees, packet by packet.
//! - [`hash`]: the run's hash, over every event and every header and payload byte.
//! - [`divergence`]: where two runs that should be equal parted.
//! - [`pcapng`]: the wire as a capture file.
//! - [`keys`]: the keys of encrypted media, as they're claimed.
//! - [`replay`]: a capture's packets, sighted again.
//! - [`record`]: the run record, the folder that a run leaves behind; its format is in `RECORD.md`.

pub mod divergence;
pub mod event;
pub mod hash;
pub mod keys;
pub mod pcapng;
pub mod record;
pub mod replay;
pub mod tap;
pub mod time;

pub use divergence::{Difference, Trail, TrailError, first_difference};
pub use event::{Event, Field, Log, Source, Value};
pub use hash::{Digest, RunHash};
pub use keys::MediaKeys;
pub use pcapng::{PcapngReader, PcapngWriter};
pub use record::{Record, RecordError, RecordWriter};
pub use tap::{HostId, Loss, PacketId, PacketSeen, Stage};
pub use time::SimTime;
