//! WebRTC by the thin layer, each part sans-I/O.
//!
//! - [`candidate`]: where an end may be reached.
//! - [`data`]: data channels.
//! - [`clock`]: the universe's time, as the crates underneath want it.

pub mod candidate;
pub mod clock;
pub mod data;

pub use candidate::{Candidate, CandidateAddress, CandidateKind, Protocol};
pub use clock::Clock;
pub use data::{ChannelId, DataChannels, DataError, DataEvent};
