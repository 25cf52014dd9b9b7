//! busyhour.
pub use busyhour_trace as trace;

pub mod world;
