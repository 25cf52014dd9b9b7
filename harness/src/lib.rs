//! busyhour.
pub use busyhour_trace as trace;
