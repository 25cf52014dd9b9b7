//! The busyhour command, with the steps of this crate.

mod steps;

use std::process::ExitCode;

fn main() -> ExitCode {
    busyhour_scenarios::cli::main()
}
