//! `busyhour gate`: may this be released?

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{EXIT_PASSED, EXIT_REFUSED, EXIT_USAGE, complain, exit_unless_read};
use crate::gate::day::Day;
use crate::gate::{RULES, Rules, Ruling};
use crate::results::Results;

/// What `gate` is told.
#[derive(Debug, Args)]
pub(super) struct GateArgs {
    /// The folder that a run has left its records in
    #[arg(default_value = "target/busyhour")]
    run: PathBuf,

    /// The rules
    #[arg(long, value_name = "FILE", default_value = RULES)]
    gate: PathBuf,

    /// Ask as on this day, for the quarantines [default: today, in UTC]
    #[arg(long, value_name = "DATE")]
    today: Option<Day>,

    /// How to tell the verdict
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences
    Text,
    /// One JSON object
    Json,
}

/// Asks the gate.
pub(super) fn ask(arguments: &GateArgs) -> ExitCode {
    let ruling = match rule(arguments) {
        Ok(ruling) => ruling,
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let said = match arguments.format {
        Format::Text => ruling.shown(),
        Format::Json => {
            let json = serde_json::to_string_pretty(&ruling).expect("a ruling has no value that JSON can't hold");
            format!("{json}\n")
        }
    };
    let code = if ruling.accepted { EXIT_PASSED } else { EXIT_REFUSED };
    exit_unless_read(io::stdout().write_all(said.as_bytes()).and_then(|()| io::stdout().flush()), code)
}

fn rule(arguments: &GateArgs) -> Result<Ruling, Box<dyn std::error::Error>> {
    if !arguments.gate.exists() {
        let file = arguments.gate.display();
        return Err(
            format!("there is no file `{file}`: it would say what must have been shown; --gate names another").into()
        );
    }
    let rules = Rules::load(&arguments.gate)?;
    let results = Results::load(&arguments.run)?;
    Ok(Ruling::of(&results, &rules, arguments.today.unwrap_or_else(Day::today))?)
}
