//! Media: what a call sounds like, from a microphone's samples to packets and back to a speaker.
//!
//! Law 2 is at home here too: all but those that hold a host's sockets are sans-I/O. `now`, samples and datagrams go in;
//! samples and datagrams come out.
//!
//! - [`g711`]: the codecs. [`rtp`], [`rtcp`]: packets, and what a receiver knows of a source. [`noise`]: comfort noise.
//! - [`Frame`]: 20 ms of sound. [`dtmf`]: digits as events. [`jitter`]: the playout buffer, with concealment. [`mos`]: the E-model.
//! - [`sdp`]: descriptions, offers and answers. [`mixer`]: everybody but oneself.
//! - [`tone`]: whose voice is heard. [`cadence`]: how many frames are really sent.
//! - [`stream`](Stream): all of that for one end of a call.
//! - `one_stream` ([`OneStream`]): a gateway leg's stream, whoever speaks behind it.
//! - [`webrtc`]: ICE, DTLS and SRTP; data channels. [`turn`]: STUN and TURN, client and server.
//! - [`line`](AudioLine), [`relay`](Relay), [`room`](Conference): a call's audio on a host's sockets; `way` is how its
//!   packets get out and in.

pub mod cadence;
mod coder;
mod conceal;
pub mod dtmf;
mod frame;
pub mod g711;
pub mod jitter;
mod latch;
mod line;
pub mod mixer;
pub mod mos;
pub mod noise;
mod one_stream;
mod ports;
mod relay;
mod room;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod stream;
pub mod tone;
pub mod turn;
mod way;
pub mod webrtc;

pub use cadence::Cadence;
pub use frame::Frame;
pub use g711::Codec;
pub use line::{AudioLine, Behaviour, LineEvent, TIMEOUT};
pub use one_stream::OneStream;
pub use relay::{Feed, LegStats, RELAY_TIMEOUT, Relay, Side};
pub use room::{Conference, Ear, HeardBy, MemberId};
pub use sdp::Direction;
pub use stream::{FRAME_TIME, Heard, Remote, Stream, StreamStats};

/// The samples of a frame: 20 ms.
pub const FRAME: usize = 160;
