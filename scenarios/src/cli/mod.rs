//! The `busyhour` command: its verbs, and the numbers that it exits with. A verb is a module.

mod check;
mod completions;
mod config;
#[cfg(test)]
mod deployed;
mod gate;
mod init;
mod merge;
mod run;
mod show;
mod steps;
mod watch;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::bench;
use crate::build;
use crate::results::{self, Results};
use crate::stage::{Stage, UniverseStage};

/// Every scenario passed.
pub const EXIT_PASSED: u8 = 0;
/// A scenario failed.
pub const EXIT_FAILED: u8 = 1;
/// The command was used wrongly, or a feature file can't be read or holds a step that nobody knows.
pub const EXIT_USAGE: u8 = 2;
/// The gate refuses a run.
pub const EXIT_REFUSED: u8 = 3;
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
#[command(name = "busyhour", version = build::VERSION, max_term_width = 100, disable_help_subcommand = true)]
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
    /// Ask whether a run will do, by the rules of gate.toml
    #[command(
        after_help = "It reads results.json in the folder of a run and the rules of gate.toml, and says in a sentence \
        what was run, which faults struck, what was judged, and how rare failures must be.\n\n\
        Exit codes: 0 accepted, 2 usage or rules that can't be read, 3 refused."
    )]
    Gate(gate::GateArgs),
    /// Put the parts of a run together
    #[command(after_help = "It exits as the whole run would have; 2 if the parts aren't those of one run, or not all.")]
    Merge(merge::MergeArgs),
    /// Show what a run would be told, and by whom: a flag, a line of busyhour.toml, or nobody
    Config(Box<config::ConfigArgs>),
    /// Print what a shell completes this command's lines by
    Completions(completions::CompletionsArgs),
    /// Print a manual page
    Man(completions::ManArgs),
    /// Show what a run has left: a scenario as text, SVG or Mermaid, or all in one page
    Show(show::ShowArgs),
    /// Make a folder with scenarios that work at once, to begin from
    Init(init::InitArgs),
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
    // A file that may grow no further is an error of whoever writes it, and no reason to be killed. Where this can't be
    // listened for, it is one.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let command = match config::read_line() {
        Ok(command) => command,
        Err(code) => return code,
    };
    match command.verb {
        Verb::Run(arguments) => run::run_features(&arguments, &*stage),
        Verb::Gate(arguments) => gate::ask(&arguments),
        Verb::Merge(arguments) => merge::put_together(&arguments),
        Verb::Config(_) => config::show(),
        Verb::Completions(arguments) => completions::complete(&arguments),
        Verb::Man(arguments) => completions::man(&arguments),
        Verb::Show(arguments) => show::show(&arguments),
        Verb::Init(arguments) => init::init(&arguments),
        Verb::Check(arguments) => check::check_features(&arguments),
        Verb::Steps(arguments) => steps::list_steps(&arguments),
        Verb::Watch(arguments) => watch::watch_features(&arguments, &*stage),
        Verb::Bench(bench) => bench::run(&bench),
    }
}

/// The number for what a run came to, be it one or merged of parts.
fn exit_code_of(results: &Results) -> u8 {
    match results.verdict {
        results::Verdict::Bug => EXIT_BUG,
        _ if results.interrupted => EXIT_INTERRUPTED,
        results::Verdict::Nondeterministic => EXIT_NOT_DETERMINISTIC,
        results::Verdict::Failed => EXIT_FAILED,
        results::Verdict::NotRun | results::Verdict::Passed | results::Verdict::NotExercised => EXIT_PASSED,
    }
}

/// Says something on standard error. Where nobody reads that, on a full disk say, there's nobody who could be told.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// A reader that has seen enough (`busyhour steps | head`) is no failure; a full disk is.
fn exit_unless_read(written: io::Result<()>, code: u8) -> ExitCode {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("busyhour: the output can't be written: {error}"));
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
