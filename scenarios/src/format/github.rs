//! What GitHub shows of a run: annotations at the lines of feature files, and the summary of a workflow's step.
//!
//! GitHub takes ten annotations of a kind from a step and drops the rest without a word, so the ten worst are written,
//! and how many there are besides. A summary may have one MiB; a longer one isn't shown at all.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::telling::{Closed, Counts, Told};
use super::{End, Word, Writer, visible};
use crate::chart::Chart;
use crate::chart::mermaid::mermaid;
use crate::outcome::ScenarioResult;
use crate::report::{self, Launcher};
use crate::run::{Job, Plan};
use crate::script::Case;

/// So many annotations of a kind are taken from a step.
const ANNOTATIONS_MAX: usize = 10;
/// So many bytes a step's summary may have.
const SUMMARY_MAX: usize = 1 << 20;
/// So many bytes of it are for one thing: a row's sentence, the diagram.
const SENTENCE_MAX: usize = 300;
const DIAGRAM_MAX: usize = 60_000;
/// Rows are written up to so many bytes.
const ROWS_MAX: usize = 300_000;
/// A chart of more messages is nothing that somebody reads in a summary: the lines of the failure are.
const ARROWS_MAX: usize = 120;
/// A capture that is larger has more of them.
const CAPTURE_MAX: u64 = 8 << 20;

/// What is kept of a scenario's worst run.
struct Shown {
    job: Job,
    result: ScenarioResult,
    different: Option<String>,
    word: Word,
}

/// A scenario that didn't just pass.
struct Entry {
    case: Arc<Case>,
    word: Word,
    counts: Counts,
    worst: Option<Shown>,
    never_hit: Vec<String>,
}

impl Entry {
    /// Where it's wrong: at its step, or at the scenario.
    fn line(&self) -> usize {
        let failed = self.worst.as_ref().filter(|worst| worst.word == Word::Failed);
        let step = failed.and_then(|worst| worst.result.failed_step());
        step.filter(|step| *step.file == *self.case.feature.file).map_or(self.case.line, |step| step.line)
    }

    /// Why it didn't pass.
    fn why(&self) -> String {
        match &self.worst {
            Some(Shown { different: Some(different), word: Word::Nondeterministic, .. }) => {
                let difference = different.lines().map(str::trim).find(|line| line.starts_with("event "));
                let how = difference.map(|line| format!(": {line}")).unwrap_or_default();
                format!("nondeterministic: another result with the same seed{how}")
            }
            Some(worst) if worst.word == Word::NotExercised => worst.result.spared().join("; "),
            Some(worst) => worst.result.why(),
            None => self.never_hit.join("; "),
        }
    }

    /// The flags by which it's replayed.
    fn flag(&self) -> String {
        match &self.worst {
            Some(Shown { job, word: Word::Nondeterministic, .. }) => format!("{} --check-determinism", job.flag()),
            Some(Shown { job, .. }) => job.flag(),
            None => String::new(),
        }
    }
}

/// Writes annotations and the summary at the end of the run.
pub struct Github {
    out: Box<dyn Write>,
    summary: Option<PathBuf>,
    launcher: Launcher,
    seeds: std::ops::Range<u64>,
    planned: usize,
    entries: Vec<Entry>,
    worst: Option<Shown>,
    whole: Counts,
    runs: Counts,
    sim_time: Duration,
    packets: u64,
}

impl Github {
    /// Annotations into there, the summary into the file that the workflow's runner names.
    pub fn new(out: Box<dyn Write>, plan: &Plan, launcher: Launcher) -> Github {
        let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()).map(PathBuf::from);
        Github {
            out,
            summary,
            launcher,
            seeds: plan.seeds.clone(),
            planned: plan.case_count(),
            entries: Vec::new(),
            worst: None,
            whole: Counts::default(),
            runs: Counts::default(),
            sim_time: Duration::ZERO,
            packets: 0,
        }
    }

    fn close(&mut self, closed: &Closed) {
        let word = closed.word();
        self.whole.count(word);
        self.runs.add(&closed.counts);
        self.sim_time += closed.sim_time;
        self.packets += closed.packets;
        let worst = self.worst.take();
        // Over many seeds chance may spare some of them.
        if word != Word::Passed {
            let (case, never_hit) = (Arc::clone(&closed.case), closed.never_hit.clone());
            let worst = worst.filter(|worst| worst.word == word || never_hit.is_empty());
            self.entries.push(Entry { case, word, counts: closed.counts, worst, never_hit });
        }
    }

    /// The scenarios that are held against the run, the worst first: by what they came to, then by how many of their
    /// seeds did.
    fn bad(&self) -> Vec<&Entry> {
        let mut bad: Vec<&Entry> = self.entries.iter().filter(|entry| entry.word.is_bad()).collect();
        bad.sort_by_key(|entry| std::cmp::Reverse((entry.word, entry.counts.bad())));
        bad
    }

    fn seeds_told(&self, entry: &Entry) -> String {
        match (self.seeds.end - self.seeds.start, &entry.worst) {
            (1, _) => format!("seed {}", self.seeds.start),
            (_, Some(worst)) => {
                let count = if entry.word.is_bad() { entry.counts.bad() } else { entry.counts.not_exercised };
                format!("{count} of {} seeds, first {}", entry.counts.all(), worst.job.seed)
            }
            (_, None) => format!("all of {} seeds", entry.counts.all()),
        }
    }

    fn replay(&self, entry: &Entry) -> String {
        let flag = match &entry.worst {
            Some(_) => entry.flag(),
            None => format!("--seeds {}..{}", self.seeds.start, self.seeds.end),
        };
        report::replay_shown(&entry.case, &flag, self.launcher)
    }

    fn annotations(&self) -> String {
        let bad = self.bad();
        let mut text = String::new();
        for entry in bad.iter().take(ANNOTATIONS_MAX) {
            let what = if entry.word == Word::Failed { String::new() } else { format!("{}: ", entry.word.as_str()) };
            let title = format!("{what}{} ({})", entry.case.title(), self.seeds_told(entry));
            let message = format!("{}\nreplay: {}", entry.why(), self.replay(entry));
            text.push_str(&format!(
                "::error file={},line={},title={}::{}\n",
                property(&entry.case.feature.file),
                entry.line(),
                property(&title),
                data(&message)
            ));
        }
        if let Some(more) = bad.len().checked_sub(ANNOTATIONS_MAX).filter(|more| *more > 0) {
            let scenarios = report::counted(more, "more scenario");
            text.push_str(&format!(
                "::notice title=busyhour::{scenarios} didn't pass; the step's summary has them all\n"
            ));
        }
        text
    }

    fn summary(&self, end: &End<'_>) -> String {
        let bad = self.bad();
        let told: u64 = self.whole.all();
        let scenarios = report::counted(usize::try_from(told).unwrap_or(usize::MAX), "scenario");
        let sign = if bad.is_empty() { "✅" } else { "❌" };
        let mut text = format!("## {sign} busyhour: {scenarios}, {}\n\n", self.whole.told());
        let runs = match self.seeds.end - self.seeds.start {
            1 => format!("Seed {}", self.seeds.start),
            _ => format!("Seeds {}..{}, {} runs", self.seeds.start, self.seeds.end, report::grouped(self.runs.all())),
        };
        let simulated = report::time_shown(self.sim_time);
        text.push_str(&format!("{runs}; {simulated} simulated; {} packets.\n", report::grouped(self.packets)));
        if end.cut_short {
            text.push_str(&format!("\n**Interrupted**: {told} of {} scenarios were begun.\n", self.planned));
        }
        let spared = self.entries.iter().filter(|entry| !entry.word.is_bad());
        let rows: Vec<&Entry> = bad.iter().copied().chain(spared).collect();
        if !rows.is_empty() {
            text.push_str("\n| Scenario | Place | Verdict | Seeds | Why |\n|---|---|---|---|---|\n");
        }
        let mut rows_shown = 0;
        for entry in &rows {
            if text.len() > ROWS_MAX {
                break;
            }
            rows_shown += 1;
            let place = format!("{}:{}", entry.case.feature.file, entry.line());
            text.push_str(&format!(
                "| {} | `{}` | {} | {} | {} |\n",
                cell(&entry.case.title()),
                code(&place),
                if entry.word.is_bad() {
                    format!("**{}**", entry.word.as_str())
                } else {
                    entry.word.as_str().to_owned()
                },
                self.seeds_told(entry),
                cell(&entry.why())
            ));
        }
        if rows_shown < rows.len() {
            text.push_str(&format!("\n{} more are in `results.json`.\n", rows.len() - rows_shown));
        }
        if let Some(first) = bad.first() {
            text.push_str(&format!(
                "\n### {}\n\n{}",
                heading(&cut(&first.case.title(), SENTENCE_MAX)),
                self.at_length(first)
            ));
        }
        assert!(text.len() <= SUMMARY_MAX, "the parts of a summary are bounded: {} bytes", text.len());
        text
    }

    /// The worst failure whole.
    fn at_length(&self, entry: &Entry) -> String {
        let mut text = format!("{}\n", fenced("", &cut(&entry.why(), DIAGRAM_MAX)));
        if let Some(worst) = entry.worst.as_ref().filter(|worst| worst.word == Word::Failed) {
            let diagram = &worst.result.account.diagram;
            if let Some(chart) = chart(&worst.result) {
                text.push_str(&fenced("mermaid", &chart));
                text.push('\n');
            } else if !diagram.is_empty() {
                text.push_str(&fenced("text", &cut(&diagram.join("\n"), DIAGRAM_MAX)));
                text.push('\n');
            }
        } else if let Some(different) = entry.worst.as_ref().and_then(|worst| worst.different.as_ref()) {
            text.push_str(&fenced("text", &cut(different, DIAGRAM_MAX)));
            text.push('\n');
        }
        text.push_str(&format!("Replay it:\n\n{}", fenced("sh", &cut(&self.replay(entry), DIAGRAM_MAX))));
        text
    }
}

impl Writer for Github {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        match told {
            Told::One(one) => {
                let word = one.word();
                let worse = self.worst.as_ref().is_none_or(|worst| worst.word < word);
                if word != Word::Passed && worse {
                    self.worst = Some(Shown {
                        job: one.job.clone(),
                        result: one.result.clone(),
                        different: one.different.map(str::to_owned),
                        word,
                    });
                }
            }
            Told::Closed(closed) => self.close(closed),
        }
        Ok(())
    }

    fn finish(&mut self, end: &End<'_>) -> io::Result<()> {
        self.out.write_all(self.annotations().as_bytes())?;
        self.out.flush()?;
        let Some(file) = &self.summary else { return Ok(()) };
        let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
        // A step may have several commands, each with something to say.
        let mut file_of_step = OpenOptions::new().append(true).create(true).open(file).map_err(told)?;
        file_of_step.write_all(self.summary(end).as_bytes()).map_err(told)
    }
}

/// The chart of a run that has a record, if it's one to be looked at here.
fn chart(result: &ScenarioResult) -> Option<String> {
    let folder = result.account.record_folder.as_ref()?;
    // Without it there are still the lines.
    let chart = Chart::load_up_to(folder, CAPTURE_MAX).ok()?;
    (1..=ARROWS_MAX).contains(&chart.arrows.len()).then(|| mermaid(&chart))
}

/// A text as the message of an annotation.
fn data(text: &str) -> String {
    visible(text).replace('%', "%25").replace('\n', "%0A")
}

/// A text as a property of one.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A text as the cell of a table.
fn cell(text: &str) -> String {
    heading(&cut(text, SENTENCE_MAX)).replace('|', "\\|")
}

/// A text in one line, none of it taken for markup.
fn heading(text: &str) -> String {
    let mut out = String::new();
    for sign in visible(text).replace('\n', " ").chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' => {
                out.push('\\');
                out.push(sign);
            }
            _ => out.push(sign),
        }
    }
    out
}

/// A text between backquotes, within a table.
fn code(text: &str) -> String {
    visible(text).replace('\n', " ").replace('`', "'").replace('|', "\\|")
}

/// A block of text as it is, whatever stands in it.
fn fenced(language: &str, text: &str) -> String {
    let text = visible(text);
    let longest = text.split(|sign| sign != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// The beginning of a text that is too long.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_the_runner_can_not_be_broken_out_of() {
        assert_eq!(data("50% of\r\n::error::a,b"), "50%25 of%0A::error::a,b");
        assert_eq!(property("a: 5%, [b]"), "a%3A 5%25%2C [b]");
    }

    #[test]
    fn a_table_and_a_block_hold_whatever_is_put_into_them() {
        assert_eq!(cell("a | <b> *c*\nd"), r"a \| &lt;b&gt; \*c\* d");
        assert_eq!(fenced("", "a```b\n"), "````\na```b\n````\n");
        assert_eq!(cut("äöü", 3), "ä…");
    }
}
