//! SIP: the codec, transactions, dialogs, digest, and the transports that carry it.
//!
//! Law 2 is at home here: everything but the transports is sans-I/O. `now` and messages go in; messages, timers and
//! events come out.

mod flow;

pub use flow::{ConnectionId, Flow, Transport};
