//! Every scenario of `tests/features` as a test of its own, with the steps of another crate.

#[path = "../examples/own_steps/orders.rs"]
mod orders;

use std::process::ExitCode;

fn main() -> ExitCode {
    busyhour_scenarios::libtest::main(&["tests/features"])
}
