//! Webhooks: what is told, by which contract, and how it's signed; who sends, and who receives.
//!
//! - [`event`]: what happened, and how it's written down.
//! - [`signature`]: signing and verifying, by the schemes of the presets.
//! - [`receiver`]: receivers written in wiremock's words. [`crm`]: the sample CRM, and the naive one. [`own`]: a
//!   developer's own.

pub mod crm;
mod date;
pub mod event;
pub mod own;
pub mod receiver;
pub mod signature;
