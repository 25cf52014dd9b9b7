//! Sending by contract: a queue that keeps it, and the loop that sends.
//!
//! - `dispatcher`: [`Dispatcher`], which does no I/O: events and outcomes go in with the moment that it is, attempts,
//!   notes and rows come out.
//! - `endpoint`: an endpoint's secrets and its health; `rows`: what of all that a store keeps.
//! - `request`: an event as a request of its contract.
//! - `run`: [`Sender`], the loop around a dispatcher on a host.
//!
//! # At least once
//!
//! The queue is rows, so that whoever embeds the dispatcher can commit them in the transaction that the event belongs
//! to. Nothing is attempted before its row is saved ([`Dispatcher::saved`]), and a row goes when the event is
//! delivered or given up. A crash between an answer and that makes another attempt: what is sent has the same id then.
//!
//! Moments are milliseconds since 1970 by the host's own clock: they outlive a crash, and a clock that's set back
//! delays what was due.
//!
//! ```
//! # #[cfg(tokio_unstable)] {
//! use busyhour::http::{self, Answer, Response};
//! use busyhour::webhook::contract::Contracts;
//! use busyhour::webhook::event::{Event, EventKind};
//! use busyhour::webhook::sender::{Dispatcher, Endpoint, Sender};
//! use busyhour::webhook::signature::Secret;
//!
//! let attempts = busyhour::simulate(1, |u| async move {
//!     // A receiver that fails twice.
//!     let crm = u.host("crm");
//!     crm.boot(|crm| async move {
//!         let failures = std::cell::Cell::new(2u32);
//!         let handler = move |_| {
//!             let status = if failures.get() > 0 { 500 } else { 200 };
//!             failures.set(failures.get().saturating_sub(1));
//!             async move { Answer::from(Response::builder().status(status).body("".into()).unwrap()) }
//!         };
//!         let _ = http::serve(&crm, 80, handler).await;
//!     });
//!
//!     let floor = u.host("floor");
//!     let contract = Contracts::builtin().get("standard").unwrap().clone();
//!     let sender = Sender::install(&floor, Dispatcher::new(u.random("sender")));
//!     let endpoint = Endpoint::new("http://crm/hook", contract).signed_with(Secret::new("whsec_MfKQ9r8GKYqrTwjU"));
//!     sender.with(|dispatcher, _| dispatcher.add_endpoint("crm", endpoint));
//!     sender.with(|dispatcher, now| {
//!         let event = Event::new("evt_1", EventKind::DispositionSaved, now).with("lead_id", 1001);
//!         dispatcher.enqueue(now, "crm", event).unwrap();
//!     });
//!     sender.until(|dispatcher| dispatcher.pending() == 0).await;
//!     // The third attempt is 5 s and 5 min after the first.
//!     u.now().as_nanos() / 1_000_000_000
//! });
//! assert_eq!(attempts, 305);
//! # }
//! ```

mod dispatcher;
mod endpoint;
mod request;
mod rows;
mod run;

pub use dispatcher::{Attempt, DeliveryId, Dispatcher, EnqueueError, GaveUp, Note, Outcome, UnknownEndpoint};
pub use endpoint::{Disabled, Endpoint, Tally};
pub use request::compose;
pub use rows::{Change, Changes, DELIVERIES, ENDPOINTS, RestoreError, Saving};
pub use run::{Sender, perform};
