//! The vocabulary as a page.

use super::{BESIDE, Sought, below, kind_of};
use crate::vocabulary;

/// What stands at the head of the page of the whole vocabulary.
const HEAD: &str = "\
# The vocabulary

Every phrase that a scenario may be written with, by subject. `{agent}` and the like are gaps; what may stand in them is
listed [at the end](#what-may-stand-in-the-gaps). `(s)` may be left out, `is/are` is a choice, and what stands in square
brackets may be left out too.

A phrase *arranges* something, *acts*, *checks* something or *waits* for it, and stands under the keywords that are named
with it; `And` and `But` count as the keyword before them. A phrase under the wrong keyword is an error, so that a check
never makes true what it asks about. `busyhour steps WORD` looks phrases up, `busyhour check` finds what's wrong with those
that were written.

This page is made by `busyhour steps --format markdown`.
";

/// The page of the phrases that are sought.
pub(super) fn page(sought: &Sought<'_>) -> String {
    let mut out = if sought.whole { HEAD.to_owned() } else { "# Phrases\n".to_owned() };
    for (subject, phrases) in &sought.subjects {
        out.push_str(&format!("\n## {}\n", subject.title));
        for phrase in phrases {
            let shown = vocabulary::shown(phrase.expression);
            out.push_str(&format!("\n### `{shown}`\n\n{}: {}{}\n\n", kind_of(phrase), phrase.doc, below(phrase)));
            out.push_str(&block(phrase.examples().map(str::to_owned), "gherkin"));
        }
    }
    let mut file = None;
    for phrase in &sought.own {
        if file.replace(&phrase.file) != Some(&phrase.file) {
            out.push_str(&format!("\n## {}\n", phrase.file));
        }
        let doc = phrase.doc.as_deref().map(|doc| format!("{doc}\n\n")).unwrap_or_default();
        out.push_str(&format!("\n### `{}`\n\n{doc}It is:\n\n", phrase.phrase));
        out.push_str(&block(phrase.shown_steps(), "gherkin"));
    }
    if !sought.foreign.is_empty() {
        out.push_str("\n## Steps of other crates in this build\n\n");
        for step in &sought.foreign {
            out.push_str(&format!("- {} `/{}/` ({})\n", step.keyword, step.pattern, step.location));
        }
    }
    let kinds = sought.kinds();
    if !kinds.is_empty() {
        out.push_str("\n## What may stand in the gaps\n\n| gap | what may stand there |\n| --- | --- |\n");
        for (name, doc) in kinds {
            out.push_str(&format!("| `{{{name}}}` | {} |\n", doc.replace('|', "\\|")));
        }
    }
    if sought.whole {
        out.push_str(&beside());
    }
    out
}

/// What stands beside feature files, its indented files as blocks.
fn beside() -> String {
    let mut out = String::new();
    let mut in_file = false;
    for line in BESIDE.lines() {
        let is_file = line.starts_with("      ");
        if is_file && !in_file {
            out.push_str("```toml\n");
        }
        if in_file && !is_file {
            out.push_str("```\n");
        }
        in_file = is_file;
        let is_heading = !line.is_empty() && !line.starts_with(' ');
        let marks = if is_heading { "## " } else { "" };
        let said = if is_file { &line[6..] } else { line.trim() };
        out.push_str(&format!("{marks}{said}\n"));
    }
    if in_file {
        out.push_str("```\n");
    }
    out
}

fn block(lines: impl Iterator<Item = String>, language: &str) -> String {
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    format!("```{language}\n{lines}```\n")
}
