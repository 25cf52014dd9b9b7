//! `busyhour bench`: what a simulated second costs, measured in CPU seconds.

mod measure;
#[cfg(feature = "against-turmoil")]
mod turmoil;
pub mod wire;

pub use measure::Measurement;
