//! `busyhour bench`: figures of this build on this machine.

use std::process::ExitCode;

/// Runs the benchmarks that the arguments name. There is none in this build, and that's said.
pub fn run(_arguments: &[String]) -> ExitCode {
    eprintln!("busyhour: this build has no benchmarks");
    ExitCode::from(crate::cli::EXIT_USAGE)
}
