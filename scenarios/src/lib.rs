//! Scenarios.
pub mod argument;
pub mod phrase;
pub mod vocabulary;
pub mod world;
pub use world::World;
