//! A command with steps of its own: what a crate of QA's looks like.
//!
//! `cargo run --example own_steps -- run scenarios/tests/features`

mod gossip;
mod orders;

use std::process::ExitCode;

fn main() -> ExitCode {
    busyhour_scenarios::cli::main()
}
