//! The kernel.
mod random;
pub use random::Random;
