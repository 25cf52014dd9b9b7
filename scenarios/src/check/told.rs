//! What a check found, as people read it and as programs do.

use std::collections::BTreeSet;

use serde_json::json;

use super::Checked;
use crate::problem::{self, Lead, Problem};
use crate::report::counted;

/// For people: each problem with its line and a caret below it.
pub fn text(checked: &Checked) -> String {
    let Checked { files, scenarios, problems } = checked;
    let among = format!("{} in {}", counted(*scenarios, "scenario"), counted(*files, "file"));
    if problems.is_empty() {
        return format!("{among}: no problems\n");
    }
    let each: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let files: BTreeSet<&str> = problems.iter().map(|problem| problem.place.file.as_str()).collect();
    let places = counted(files.len(), "file");
    format!("{}\n{among}: {} in {places}\n", each.join("\n"), problem::counted_all(problems))
}

/// For programs. The fields stay; new ones may come.
pub fn json(checked: &Checked) -> String {
    let problems: Vec<_> = checked
        .problems
        .iter()
        .map(|problem| {
            let lead = match problem.lead {
                Lead::Write => "write",
                Lead::Nearest => "nearest",
                Lead::Either => "either",
            };
            json!({
                "file": problem.place.file,
                "line": problem.place.line,
                "column": problem.place.column,
                "message": problem.sentence,
                "source": problem.source,
                "offers": { "kind": lead, "lines": problem.offers },
            })
        })
        .collect();
    let all = json!({ "format": 1, "files": checked.files, "scenarios": checked.scenarios, "problems": problems });
    format!("{all:#}\n")
}

/// For GitHub, which shows each problem beside its line.
pub fn github(checked: &Checked) -> String {
    let each = checked.problems.iter().map(|problem| {
        let place = &problem.place;
        let offers = match problem.offers.as_slice() {
            [] => String::new(),
            offers => format!("\n{}: {}", problem.lead, offers.join(" | ")),
        };
        format!(
            "::error file={},line={},col={},title=busyhour check::{}\n",
            escaped(&place.file, true),
            place.line,
            place.column,
            escaped(&format!("{}{offers}", problem.sentence), false)
        )
    });
    each.collect()
}

/// GitHub takes a command from one line; in what stands before its text, `:` and `,` mean something too.
fn escaped(text: &str, in_property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if in_property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}
