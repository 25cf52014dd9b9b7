//! `busyhour steps`: the vocabulary.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{EXIT_BUG, EXIT_NOTHING_CHOSEN, EXIT_PASSED, EXIT_USAGE, complain, exit_unless_read};
use crate::feature;
use crate::problem;
use crate::steps::{self, Sought, vscode};
use crate::vocabulary::Vocabulary;

/// What `steps` is told.
#[derive(Debug, Args)]
pub(super) struct StepsArgs {
    /// Show the phrases that have all these words in themselves, their explanation or their examples
    words: Vec<String>,

    /// List them in this form; `vscode` writes what the Cucumber extension of Visual Studio Code needs
    #[arg(
        long,
        value_enum,
        default_value_t = Format::Text,
        hide_possible_values = true,
        value_name = "text|vscode|markdown"
    )]
    format: Format,

    /// With --format vscode: the folder that is opened in the editor
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// Look for the phrases of `phrases.toml` in this folder and those below it
    #[arg(long = "in", value_name = "DIR", default_value = feature::FEATURES)]
    features: PathBuf,
}

/// How phrases are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// As files for an editor.
    Vscode,
    /// As a page.
    Markdown,
}

/// Lists the phrases that are sought, or all.
pub(super) fn list_steps(arguments: &StepsArgs) -> ExitCode {
    if arguments.features != Path::new(feature::FEATURES) && !arguments.features.is_dir() {
        complain(&format!("busyhour: there is no folder `{}`", arguments.features.display()));
        return ExitCode::from(EXIT_USAGE);
    }
    let vocabulary = Vocabulary::of_this_build();
    let own = match steps::books_below(&arguments.features, &vocabulary) {
        Ok(own) => own,
        Err(problems) => {
            let each: Vec<String> = problems.iter().map(problem::Problem::to_string).collect();
            complain(each.join("\n").trim_end_matches('\n'));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let sought = Sought::new(&vocabulary, &own, &arguments.words);
    if sought.is_empty() {
        complain(sought.missed(&arguments.words).trim_end_matches('\n'));
        return ExitCode::from(EXIT_NOTHING_CHOSEN);
    }
    let listed = match arguments.format {
        Format::Text => sought.listed(),
        Format::Markdown => sought.markdown(),
        Format::Vscode => return write_for_vscode(arguments, &sought),
    };
    exit_unless_read(io::stdout().write_all(listed.as_bytes()), EXIT_PASSED)
}

fn write_for_vscode(arguments: &StepsArgs, sought: &Sought<'_>) -> ExitCode {
    match vscode::write(&arguments.out, sought) {
        Ok(files) => {
            let told: String = files.iter().map(|file| format!("Wrote {}.\n", file.display())).collect();
            exit_unless_read(io::stdout().write_all(told.as_bytes()), EXIT_PASSED)
        }
        Err(error @ vscode::VscodeError::Io { .. }) => {
            complain(&format!("busyhour: {error}"));
            ExitCode::from(EXIT_BUG)
        }
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}
