//! WebRTC by the thin layer: ICE, DTLS and SRTP without a peer connection around them. All but the peer is sans-I/O.
//!
//! - [`transport`]: one ICE session with its DTLS association and its SRTP, for one bundled stream. Inside: `ice` and
//!   `consent`, `dtls`, `srtp`, what `stun` says in passing.
//! - [`candidate`]: where an end may be reached. [`certificate`]: what it shows in the handshake, and its fingerprint.
//! - [`data`]: data channels.
//! - [`clock`]: the universe's time, as the crates underneath want it; `provider`: their ciphers.
//! - [`peer`](Peer): all of that on a host's sockets.

pub mod candidate;
pub mod certificate;
pub mod clock;
mod consent;
pub mod data;
mod dtls;
mod ice;
mod peer;
mod provider;
mod srtp;
mod stun;
pub mod transport;

pub use super::sdp::{Fingerprint, Secure, Setup};
pub use candidate::{Candidate, CandidateAddress, CandidateKind, Protocol};
pub use certificate::Certificate;
pub use clock::Clock;
pub use data::{ChannelId, DataChannels, DataError, DataEvent};
pub use peer::{Listener, Peer, PeerEvent, PeerSettings, Reach};
pub use transport::{
    Datagram, DtlsState, IceState, Keys, Selected, SrtpProfile, Transport, TransportEvent, TransportQuirks,
    TransportSettings,
};
