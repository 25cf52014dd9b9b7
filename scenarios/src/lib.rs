//! Scenarios.
pub mod argument;
pub mod feature;
pub mod lint;
pub mod outcome;
pub mod phrase;
pub mod play;
pub mod problem;
pub mod run;
mod scan;
pub mod script;
pub mod similar;
pub mod stage;
pub mod tags;
pub mod tally;
pub mod vocabulary;
pub mod world;
pub use world::World;
