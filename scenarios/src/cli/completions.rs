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
    /// The verb that the page is about, and one below it, as in `bench wire` [default: the command as a whole]
    verb: Vec<String>,
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
    for verb in &arguments.verb {
        let found = command.find_subcommand(verb).cloned();
        let Some(found) = found else {
            let verbs: Vec<&str> = command.get_subcommands().map(|verb| verb.get_name()).collect();
            let those = if verbs.is_empty() { String::new() } else { format!("; there are {}", verbs.join(", ")) };
            complain(&format!("busyhour: there is no verb `{verb}`{those}"));
            return ExitCode::from(EXIT_USAGE);
        };
        let name = format!("{}-{verb}", command.get_display_name().unwrap_or("busyhour"));
        command = found.display_name(name);
    }
    let mut page = Vec::new();
    let written = Man::new(command).render(&mut page).and_then(|()| io::stdout().write_all(&page));
    exit_unless_read(written, EXIT_PASSED)
}
