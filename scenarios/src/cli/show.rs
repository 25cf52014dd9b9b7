//! `busyhour show`: a run's record, to be looked at.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{EXIT_BUG, EXIT_NOTHING_CHOSEN, EXIT_PASSED, EXIT_USAGE, complain, exit_unless_read};
use crate::chart::{Chart, mermaid, svg};
use crate::records::{self, Found};
use crate::report_html;

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The folder that a run left (its --out), or one record of it
    #[arg(default_value = "target/busyhour")]
    run: PathBuf,

    /// The scenario: its number in the list that is shown without this, or part of its name
    #[arg(long, value_name = "N|NAME")]
    scenario: Option<String>,

    /// Show it like this; html shows all scenarios in one page unless one is chosen
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Svg,
    Mermaid,
    Html,
}

pub(super) fn show(arguments: &ShowArgs) -> ExitCode {
    let found = match records::below(&arguments.run) {
        Ok(found) => found,
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let chosen: Vec<&Found> = match chosen(&found, arguments.scenario.as_deref()) {
        Ok(chosen) => chosen,
        Err(why) => {
            complain(&format!("busyhour: {why}\n{}", listed(&found)));
            return ExitCode::from(EXIT_NOTHING_CHOSEN);
        }
    };
    let shown = match (arguments.format, chosen.as_slice()) {
        (Format::Html, chosen) => Ok(report_html::of_records(chosen, &arguments.run)),
        (_, [one]) => drawn(arguments.format, &one.folder),
        (_, several) if arguments.scenario.is_none() => Ok(listed(&found)).inspect(|_| {
            let count = several.len();
            complain(&format!("busyhour: this run has {count} records; choose one with --scenario"));
        }),
        (_, _) => {
            let wanted = arguments.scenario.as_deref().unwrap_or_default();
            complain(&format!(
                "busyhour: several scenarios have `{wanted}` in their names; say the number\n{}",
                listed(&found)
            ));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match shown {
        Ok(shown) => exit_unless_read(io::stdout().write_all(shown.as_bytes()), EXIT_PASSED),
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            ExitCode::from(EXIT_BUG)
        }
    }
}

fn drawn(format: Format, folder: &Path) -> Result<String, crate::chart::ChartError> {
    let chart = Chart::load(folder)?;
    Ok(match format {
        Format::Svg => svg::svg(&chart),
        Format::Mermaid => mermaid::mermaid(&chart),
        _ => chart.text(),
    })
}

/// Those that are asked for: one by its number, or all whose name has that text.
fn chosen<'a>(found: &'a [Found], wanted: Option<&str>) -> Result<Vec<&'a Found>, String> {
    let Some(wanted) = wanted else { return Ok(found.iter().collect()) };
    if let Ok(number) = wanted.parse::<usize>() {
        let one = number.checked_sub(1).and_then(|index| found.get(index));
        return one.map(|one| vec![one]).ok_or_else(|| format!("there is no scenario {number}; these are there:"));
    }
    let exact: Vec<&Found> = found.iter().filter(|one| one.record.scenario == wanted).collect();
    if !exact.is_empty() {
        return Ok(exact);
    }
    let wanted = wanted.to_lowercase();
    let alike: Vec<&Found> = found.iter().filter(|one| one.title().to_lowercase().contains(&wanted)).collect();
    if alike.is_empty() { Err(format!("no scenario has `{wanted}` in its name; these are there:")) } else { Ok(alike) }
}

/// The scenarios of a run, with the numbers by which they're chosen.
fn listed(found: &[Found]) -> String {
    let mut list = String::new();
    let mut feature = "";
    for (index, one) in found.iter().enumerate() {
        if one.record.feature != feature {
            feature = &one.record.feature;
            list.push_str(&format!("{feature}\n"));
        }
        let verdict = report_html::verdict_shown(one.record.verdict);
        let number = index + 1;
        list.push_str(&format!("{number:>5}  {verdict:13} {}  (seed {})\n", one.title(), one.record.seed.run));
    }
    list
}
