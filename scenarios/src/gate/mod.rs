//! The gate: may this be released? It reads the [`rules`] that a team has set itself and the [`results`](crate::results)
//! of a run, and [`verdict`] says so in words that can be quoted.

pub mod day;
pub mod rules;
pub mod verdict;

pub use rules::Rules;
pub use verdict::Ruling;

/// Where the rules are looked for when no file is named.
pub const RULES: &str = "gate.toml";
