//! Scenarios.
pub mod argument;
pub mod feature;
pub mod lint;
pub mod phrase;
pub mod problem;
mod scan;
pub mod script;
pub mod similar;
pub mod tags;
pub mod vocabulary;
pub mod world;
pub use world::World;
