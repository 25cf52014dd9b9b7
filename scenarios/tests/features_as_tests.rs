//! Every scenario of `tests/features` as a test of its own, with the steps of another crate.

#[path = "../examples/own_steps/orders.rs"]
mod orders;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use busyhour_scenarios::libtest;
use busyhour_scenarios::stage::UniverseStage;

fn main() -> ExitCode {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("features_as_tests");
    libtest::main_on(Arc::new(UniverseStage::default()), &["tests/features"], &out)
}
