//! Webhooks: what is told, by which contract, and how it's signed; who sends, and who receives.
//!
//! - [`event`]: what happened, and how it's written down.
//! - [`signature`]: signing and verifying, by the schemes of the presets.

mod date;
pub mod event;
pub mod signature;
