//! WebRTC by the thin layer: ICE, DTLS and SRTP as one sans-I/O [`Transport`], without a peer connection around them.
//!
//! - [`transport`]: one ICE session with its DTLS association and its SRTP, for one bundled stream.
//! - [`certificate`]: what an endpoint shows in the handshake, and its fingerprint.
//! - [`clock`]: the universe's time, as the crates underneath want it.

pub mod certificate;
pub mod clock;
mod description;
pub mod transport;

pub use certificate::Certificate;
pub use clock::Clock;
pub use description::{Candidate, CandidateAddress, CandidateKind, Fingerprint, Protocol, Secure, Setup};
pub use transport::{
    Datagram, DtlsState, IceState, Keys, Selected, SrtpProfile, Transport, TransportEvent, TransportQuirks,
    TransportSettings,
};
