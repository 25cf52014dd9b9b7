//! Bring your own receiver: a developer's axum `Router`, or any tower `Service`, on a host of the universe.
//!
//! - [`serve`] and [`install`]: what a real server would do with the service, over the host's sockets, by hyper.
//! - [`client`] and [`Connector`]: what the service itself asks of others, by hyper-util's client.
//! - [`Probe`]: by which it names its effects, so that somebody can count them.
//!
//! The service runs as it is, as long as it stays inside: a real socket, a thread (`spawn_blocking` among them) or a
//! blocking sleep would tie the run to the real world, so the run fails and says whose it was. Timers by tokio, clocks and
//! random numbers are the universe's by themselves.
//!
//! `harness/examples/own_webhook_receiver.rs` is one to copy.

mod connector;
mod probe;
mod serve;

pub use connector::{Connecting, Connection, Connector, client};
pub use probe::{Named, Probe};
pub use serve::{install, serve};
