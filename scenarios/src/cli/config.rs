//! `busyhour config`: what `busyhour run` would do, and who says so. And the place where `busyhour.toml` joins the
//! command line.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _};

use super::{Command, EXIT_PASSED, EXIT_USAGE, complain, exit_unless_read, run};
use crate::config::{self, Config, Origin};
use crate::keys::KeyError;

/// What `config` is told: what `run` would be.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    run: run::RunArgs,
}

/// What stands behind a flag that nobody mentions, where it's no value of the flag's own.
const SILENT: &[(&str, &str)] = &[("paths", "features"), ("seed", "0"), ("jobs", "all cores"), ("formats", "pretty")];

/// Reads the command line, with what `busyhour.toml` adds to it.
pub(super) fn read_line() -> Result<Command, ExitCode> {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let matches = Command::command().get_matches_from(&typed);
    let line = match matches.subcommand() {
        // The second process of a check of determinism is told everything by the first.
        Some(("run", run)) if run.get_flag("fingerprints") => typed,
        Some((verb @ ("run" | "watch" | "check"), told)) => {
            let command = Command::command();
            let verb = command.find_subcommand(verb).expect("a verb that was read is one");
            config_here()?.complete(&typed, told, verb).map_err(refuse)?
        }
        // What they look at is where a run has put it.
        Some(("gate" | "show", told)) if told.value_source("run") != Some(ValueSource::CommandLine) => {
            typed.into_iter().chain(config_here()?.values("out").map(OsString::from)).collect()
        }
        _ => typed,
    };
    let matches = Command::command().get_matches_from(line);
    Ok(Command::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
}

fn config_here() -> Result<Config, ExitCode> {
    let command = Command::command();
    let run = command.find_subcommand("run").expect("the command has that verb");
    let here = std::env::current_dir().unwrap_or_default();
    Config::find(&here, run).map_err(refuse)
}

fn refuse(error: KeyError) -> ExitCode {
    complain(&format!("busyhour: {error}"));
    ExitCode::from(EXIT_USAGE)
}

/// Shows each value in force and where it's from.
pub(super) fn show() -> ExitCode {
    let config = match config_here() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let command = Command::command();
    let matches = command.clone().get_matches();
    let matches = matches.subcommand_matches("config").expect("that verb was typed");
    let run = command.find_subcommand("run").expect("the command has that verb");
    let mut rows = Vec::new();
    for argument in run.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let flag = argument.get_id().as_str();
        if ["help", "version"].contains(&flag) {
            continue;
        }
        let origin = config.origin(flag, matches);
        let value = match origin {
            Origin::Flag => config::typed(flag, matches),
            Origin::File(_) => config.values(flag).unwrap_or_default(),
            Origin::Default => {
                let silent = SILENT.iter().find(|(silent, _)| *silent == flag).map(|(_, value)| (*value).to_owned());
                let own = argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
                silent.or(own).unwrap_or_else(|| "-".to_owned())
            }
        };
        let from = match origin {
            Origin::Flag => "flag".to_owned(),
            Origin::File(place) => place,
            Origin::Default => "default".to_owned(),
        };
        rows.push((flag.to_owned(), value, from));
    }
    // Of the two ways to say which seeds, the one that was used.
    let said = |rows: &[(String, String, String)], flag: &str| {
        rows.iter().any(|(name, _, from)| name == flag && from != "default")
    };
    let other = if said(&rows, "seeds") { "seed" } else { "seeds" };
    rows.retain(|(name, _, _)| name != other);
    let width = |of: fn(&(String, String, String)) -> &String| {
        rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0)
    };
    let (names, values) = (width(|row| &row.0), width(|row| &row.1));
    let lines: String =
        rows.iter().map(|(name, value, from)| format!("{name:names$}  {value:values$}  {from}\n")).collect();
    exit_unless_read(io::stdout().write_all(lines.as_bytes()), EXIT_PASSED)
}
