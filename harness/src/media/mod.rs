//! Media: what a call sounds like, from a microphone's samples to packets and back to a speaker.
//!
//! Law 2 is at home here too: all but the last three files, and one in [`turn`], are sans-I/O. `now`, samples and
//! datagrams go in; samples and datagrams come out.
//!
//! - [`g711`]: the codecs. [`rtp`], [`rtcp`]: packets, and what a receiver knows of a source. [`noise`]: comfort noise.
//! - [`dtmf`]: digits as events. [`jitter`]: the playout buffer, with concealment. [`mos`]: the E-model.
//! - [`sdp`]: descriptions, offers and answers. [`mixer`]: everybody but oneself.
//! - [`tone`]: whose voice is heard. [`cadence`]: how many frames are really sent.
//! - [`turn`]: STUN and TURN: the clients, sans-I/O, and the server, a program.
//! - [`stream`](Stream): all of that for one end of a call.
//! - [`line`](AudioLine), [`relay`](Relay), [`room`](Conference): the same on a host's sockets.

pub mod cadence;
mod conceal;
pub mod dtmf;
pub mod g711;
pub mod jitter;
mod latch;
mod line;
pub mod mixer;
pub mod mos;
pub mod noise;
mod ports;
mod relay;
mod room;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod stream;
pub mod tone;
pub mod turn;

pub use cadence::Cadence;
pub use g711::Codec;
pub use line::{AudioLine, Behaviour, LineEvent, TIMEOUT};
pub use relay::{Feed, LegStats, RELAY_TIMEOUT, Relay, Side};
pub use room::{Conference, MemberId};
pub use sdp::Direction;
pub use stream::{FRAME_TIME, Heard, Remote, Stream, StreamStats};

/// The samples of a frame: 20 ms.
pub const FRAME: usize = 160;
