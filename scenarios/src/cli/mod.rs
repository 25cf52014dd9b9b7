//! The `busyhour` command: its verbs, and the numbers that it exits with. A verb is a module.

mod check;
mod run;
mod steps;
mod watch;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::bench;
use crate::stage::{Stage, UniverseStage};

/// Every scenario passed.
pub const EXIT_PASSED: u8 = 0;
/// A scenario failed.
pub const EXIT_FAILED: u8 = 1;
/// The command was used wrongly, or a feature file can't be read or holds a step that nobody knows.
pub const EXIT_USAGE: u8 = 2;
/// There are scenarios, and none was chosen.
pub const EXIT_NOTHING_CHOSEN: u8 = 4;
/// A scenario was not the same when it was run again.
pub const EXIT_NOT_DETERMINISTIC: u8 = 5;
/// A bug of busyhour itself.
pub const EXIT_BUG: u8 = 70;
/// Interrupted at the keyboard.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Rehearses a contact center's worst hour in a second, the same way every time.
#[derive(Debug, Parser)]
#[command(name = "busyhour", version, max_term_width = 100, disable_help_subcommand = true)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the scenarios of feature files
    #[command(
        after_help = "A folder `networks` beside the feature files holds network profiles of your own, for phrases \
        such as `a is on \"my van\"`; `busyhour steps` shows what such a file looks like.\n\n\
        --live runs our phones and our server on loopback sockets. There are no faults: a scenario that has one is left \
        out, or is an error if its file was named; left out is also, unless its file was named, one in which more than \
        30 seconds pass. A server of somebody else's serves the domain pbx.test, and has an account for each agent and \
        for test-phone with its name as its password: alice/alice, bob/bob, carol/carol, dave/dave, erin/erin, \
        test-phone/test-phone.\n\nExit codes: 0 passed, 1 a scenario failed, 2 usage or a feature file that can't be read, \
        4 nothing chosen, 5 not deterministic, 70 a bug of busyhour, 130 interrupted."
    )]
    Run(Box<run::RunArgs>),
    /// Find what's wrong with feature files without running them
    #[command(
        after_help = "Exit codes: 0 no problems, 2 problems, usage, or a feature file that can't be read. What can't be told \
        without running: whether a lead, a customer or a call is there when a step speaks of it, and who is there at all in a \
        scenario with a step of another crate."
    )]
    Check(check::CheckArgs),
    /// List the phrases that a scenario may be written with
    Steps(steps::StepsArgs),
    /// Run the scenarios of each feature file that is saved
    Watch(Box<watch::WatchArgs>),
    /// Measure this build on this machine
    #[command(subcommand)]
    Bench(bench::Bench),
}

/// The command, each scenario in a universe of its own.
pub fn main() -> ExitCode {
    main_on(Arc::new(UniverseStage::default()))
}

/// The command on that stage. A crate with steps of its own calls it from its own `main`.
pub fn main_on(stage: Arc<dyn Stage>) -> ExitCode {
    let command = Command::parse();
    match command.verb {
        Verb::Run(arguments) => run::run_features(&arguments, &*stage),
        Verb::Check(arguments) => check::check_features(&arguments),
        Verb::Steps(arguments) => steps::list_steps(&arguments),
        Verb::Watch(arguments) => watch::watch_features(&arguments, &*stage),
        Verb::Bench(bench) => bench::run(&bench),
    }
}

/// A reader that has seen enough (`busyhour steps | head`) is no failure; a full disk is.
fn exit_unless_read(written: io::Result<()>, code: u8) -> ExitCode {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("busyhour: the output can't be written: {error}");
            ExitCode::from(EXIT_BUG)
        }
        _ => ExitCode::from(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Command::command().debug_assert();
    }
}
