//! `busyhour merge`: the parts of a run, put together.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{EXIT_BUG, EXIT_USAGE, complain, exit_code_of, exit_unless_read};
use crate::lock::Lock;
use crate::merge;
use crate::report::{counted, grouped, time_shown};
use crate::report_html;
use crate::results::{Results, Verdict};

/// What `merge` is told.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The folders that the parts have left their records in, all of them
    #[arg(required = true, value_name = "DIR")]
    parts: Vec<PathBuf>,

    /// Put the whole below this folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Puts parts together, and exits as the whole run would have.
pub(super) fn put_together(arguments: &MergeArgs) -> ExitCode {
    let MergeArgs { parts: folders, out } = arguments;
    let refuse = |error: &dyn std::fmt::Display| {
        complain(&format!("busyhour: {error}"));
        ExitCode::from(EXIT_USAGE)
    };
    let (parts, whole) = match merge::load(folders).and_then(|parts| Ok((merge::merged(&parts)?, parts))) {
        Ok((whole, parts)) => (parts, whole),
        Err(error) => return refuse(&error),
    };
    if let Err(error) = fs::create_dir_all(out) {
        return refuse(&format!("the whole can't be put into `{}`: {error}", out.display()));
    }
    let same =
        |folder: &PathBuf| matches!((folder.canonicalize(), out.canonicalize()), (Ok(one), Ok(other)) if one == other);
    if let Some(part) = folders.iter().find(|folder| same(folder)) {
        return refuse(&format!("`{}` is a part: put the whole into another folder", part.display()));
    }
    let _lock = match Lock::take(out) {
        Ok(lock) => lock,
        Err(error) => return refuse(&error),
    };
    // The verdict is told whatever can't be written: it's what was waited for.
    let mut trouble: Vec<String> = Vec::new();
    let records = merge::take_records(&whole, &parts, out).unwrap_or_else(|error| {
        trouble.push(error.to_string());
        0
    });
    trouble.extend(whole.write(out).err().map(|error| error.to_string()));
    let page = report_html::Gathered::of_results(&whole, out).write(out);
    let said = told(&whole, parts.len(), records, out.display());
    let written = io::stdout().write_all(said.as_bytes());
    match page {
        Ok(file) => complain(&format!("The report is in {}", file.display())),
        Err(error) => trouble.push(error.to_string()),
    }
    let code = exit_unless_read(written, exit_code_of(&whole));
    if trouble.is_empty() {
        return code;
    }
    trouble.iter().for_each(|trouble| complain(&format!("busyhour: {trouble}")));
    ExitCode::from(EXIT_BUG)
}

/// The scenarios that failed, a line each, and the sum.
fn told(whole: &Results, parts: usize, records: usize, out: std::path::Display<'_>) -> String {
    let seeds = whole.seeds.count();
    let mut lines = Vec::new();
    for scenario in whole.scenarios.iter().filter(|scenario| scenario.verdict >= Verdict::Failed) {
        let bad = scenario.failed + scenario.bugs + scenario.nondeterministic;
        let times = if bad > 0 && seeds > 1 { format!(" with {bad} of {seeds} seeds") } else { String::new() };
        let verdict = scenario.verdict.word();
        lines.push(format!("{}  {}:{}  {verdict}{times}", scenario.title(), scenario.file, scenario.line));
        lines.extend(scenario.never_hit(seeds).iter().map(|fault| {
            format!(
                "  `{}` hit nothing with any of {seeds} seeds, though {} could have been hit",
                fault.what, fault.seen
            )
        }));
        if let Some(first) = scenario.failures.first() {
            lines.push(format!("  replay    {}", first.replay));
            lines.extend(first.record.iter().map(|record| format!("  record    {out}/{record}")));
        }
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    let count = |verdict: Verdict| whole.scenarios.iter().filter(|one| one.verdict == verdict).count();
    let mut counts = vec![format!("{} passed", count(Verdict::Passed))];
    for verdict in [Verdict::NotExercised, Verdict::Failed, Verdict::Nondeterministic, Verdict::Bug] {
        let count = count(verdict);
        if count > 0 {
            counts.push(format!("{count} {}", verdict.word()));
        }
    }
    let packets = whole.scenarios.iter().map(|scenario| scenario.packets).sum();
    let simulated = whole.scenarios.iter().fold(0u64, |sum, scenario| sum.saturating_add(scenario.simulated_us));
    lines.push(format!(
        "{}: {}; seeds {}..{}; {} packets; {} simulated",
        counted(whole.scenarios.len(), "scenario"),
        counts.join(", "),
        whole.seeds.from,
        whole.seeds.to,
        grouped(packets),
        time_shown(Duration::from_micros(simulated))
    ));
    let parts = counted(parts, "part");
    lines.push(format!("Merged of {parts} into {out}, with {} of failures.", counted(records, "record")));
    lines.push(String::new());
    lines.join("\n")
}
