//! `busyhour completions` and `busyhour man`: what a shell and its user want to know of the command.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Command, EXIT_PASSED, EXIT_USAGE, complain, exit_unless_read};

/// What `completions` is told.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell that they're for
    shell: Shell,
}

/// What `man` is told.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The verb that the page is about [default: the command as a whole]
    verb: Option<String>,
}

/// Prints what a shell completes command lines by.
pub(super) fn complete(arguments: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Command::command(), "busyhour", &mut script);
    exit_unless_read(io::stdout().write_all(&script), EXIT_PASSED)
}

/// Prints a manual page.
pub(super) fn man(arguments: &ManArgs) -> ExitCode {
    let mut command = Command::command();
    command.build();
    let command = match &arguments.verb {
        None => command,
        Some(verb) => match command.find_subcommand(verb) {
            Some(found) => found.clone().display_name(format!("busyhour-{verb}")),
            None => {
                let verbs: Vec<&str> = command.get_subcommands().map(|verb| verb.get_name()).collect();
                complain(&format!("busyhour: there is no verb `{verb}`; there are {}", verbs.join(", ")));
                return ExitCode::from(EXIT_USAGE);
            }
        },
    };
    let mut page = Vec::new();
    let written = Man::new(command).render(&mut page).and_then(|()| io::stdout().write_all(&page));
    exit_unless_read(written, EXIT_PASSED)
}
