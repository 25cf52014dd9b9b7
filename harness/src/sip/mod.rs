//! SIP: the codec, transactions, dialogs, digest, and the transports that carry it.
//!
//! Law 2 is at home here: everything but the transports is sans-I/O. `now` and messages go in; messages, timers and
//! events come out.
//!
//! A [`Message`] is read without copying it, and says what's in it when it's asked; a [`Writer`] writes one; a
//! [`Framer`] cuts them from a stream.

pub mod digest;
mod error;
mod flow;
mod framing;
mod header;
mod message;
mod method;
mod params;
#[cfg(feature = "rsip")]
mod rsip;
mod text;
pub mod transaction;
pub mod transport;
pub mod ua;
mod uri;
mod values;
mod write;

pub use error::{Field, Problem, ReadError};
pub use flow::{ConnectionId, Flow, Transport};
pub use framing::{Framed, Framer, LONGEST_HEAD, LONGEST_MESSAGE};
pub use header::{Header, Name};
pub use message::Message;
pub use method::Method;
pub use params::Params;
pub use uri::{Uri, escape_user, unescape};
pub use values::{Address, CSeq, SentBy, Via, quote};
pub use write::{Writer, answer_unreadable, reason};
