//! The `busyhour` command; see [`busyhour_scenarios::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    busyhour_scenarios::cli::main()
}
