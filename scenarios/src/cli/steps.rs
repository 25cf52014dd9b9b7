//! `busyhour steps`: the vocabulary.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{EXIT_PASSED, exit_unless_read};
use crate::steps;
use crate::vocabulary::Vocabulary;

/// Lists every phrase of this build.
pub(super) fn list_steps() -> ExitCode {
    let vocabulary = Vocabulary::of_this_build();
    let written = io::stdout().write_all(steps::listed(vocabulary.foreign()).as_bytes());
    exit_unless_read(written, EXIT_PASSED)
}
