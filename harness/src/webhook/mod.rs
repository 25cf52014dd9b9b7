//! Webhooks: what is told, by which contract, and how it's signed; who sends, and who receives.
//!
//! - [`event`]: what happened, and how it's written down.
//! - [`contract`]: what a sender promises: time-outs, retries, order, success, signature. The presets are the files of
//!   `fixtures/senders`.
//! - [`schedule`]: when it's tried again.
//! - [`signature`]: signing and verifying, by the schemes of the presets.
//! - [`sender`]: a durable queue that keeps a contract, and the loop that sends.
//! - [`receiver`]: receivers written in wiremock's words. [`crm`]: the sample CRM, and the naive one. [`own`]: a
//!   developer's own.

pub mod contract;
pub mod crm;
mod date;
pub mod event;
pub mod own;
pub mod receiver;
pub mod schedule;
pub mod sender;
pub mod signature;
