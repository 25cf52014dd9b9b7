//! Scenarios.
pub mod bench;
