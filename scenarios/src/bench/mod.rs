//! `busyhour bench`: what a simulated second costs, measured in CPU seconds.

mod measure;
pub mod wire;
#[cfg(feature = "against-turmoil")]
mod turmoil;

pub use measure::Measurement;
