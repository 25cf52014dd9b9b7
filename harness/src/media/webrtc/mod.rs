//! WebRTC by the thin layer, each part sans-I/O and without a peer connection around them.
//!
//! - [`transport`]: one ICE session with its DTLS association and its SRTP, for one bundled stream.
//! - [`candidate`]: where an end may be reached.
//! - [`certificate`]: what an endpoint shows in the handshake, and its fingerprint.
//! - [`data`]: data channels.
//! - [`clock`]: the universe's time, as the crates underneath want it.

pub mod candidate;
pub mod certificate;
pub mod clock;
mod consent;
pub mod data;
mod dtls;
mod ice;
mod provider;
mod srtp;
mod stun;
pub mod transport;

pub use candidate::{Candidate, CandidateAddress, CandidateKind, Protocol};
pub use certificate::Certificate;
pub use clock::Clock;
pub use data::{ChannelId, DataChannels, DataError, DataEvent};
pub use transport::{
    Datagram, DtlsState, IceState, Keys, Selected, SrtpProfile, Transport, TransportEvent, TransportQuirks,
    TransportSettings,
};
