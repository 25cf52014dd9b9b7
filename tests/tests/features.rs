//! Every scenario of the repository's `features` folder as a test of its own, by its name:
//! `cargo test "Nothing crosses a cut"`, `cargo nextest run --partition hash:1/2`.

use std::env;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Cargo starts a test in its package's folder; feature files are named, and replayed, from the repository's.
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = env::set_current_dir(&repository) {
        eprintln!("{}: {error}", repository.display());
        return ExitCode::FAILURE;
    }
    busyhour_scenarios::libtest::main(&["features"])
}
