//! `busyhour check`: feature files looked through, and nothing run.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{EXIT_PASSED, EXIT_USAGE, complain, exit_unless_read};
use crate::check::{self, Checked};
use crate::vocabulary::Vocabulary;

/// What `check` is told.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Feature files and folders of them [default: features]
    paths: Vec<PathBuf>,

    /// Tell of the problems in this form
    #[arg(long, value_enum, default_value_t = Format::Text, hide_possible_values = true, value_name = "text|json|github")]
    format: Format,
}

/// How problems are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// As annotations of a workflow of GitHub's.
    Github,
}

/// Checks the feature files of the paths.
pub(super) fn check_features(arguments: &CheckArgs) -> ExitCode {
    let checked: Checked = match check::check(&arguments.paths, &Vocabulary::of_this_build()) {
        Ok(checked) => checked,
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let told = match arguments.format {
        Format::Text => check::text(&checked),
        Format::Json => check::json(&checked),
        Format::Github => check::github(&checked),
    };
    let code = if checked.problems.is_empty() { EXIT_PASSED } else { EXIT_USAGE };
    exit_unless_read(io::stdout().write_all(told.as_bytes()), code)
}
