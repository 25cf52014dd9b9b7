//! `busyhour check`: what's wrong with feature files, found without running them.
//!
//! It finds all that a run refuses ([`crate::lint`]), and what a run would only find out step by step or never: columns
//! that nobody uses, names that nobody introduced, network profiles, senders and invariants that there aren't, tables
//! with wrong columns.
//!
//! What it can't tell without running: whether a lead, a customer or a call is there when a step speaks of it (an API call
//! or the dialer may have brought it), and who is there at all in a scenario with a step of another crate, which may
//! introduce whom it likes.

mod names;
mod tables;
mod told;

use std::path::PathBuf;
use std::sync::Arc;

use busyhour_oracle::Panel;

use crate::beside::{Beside, Shelf};
use crate::feature::{self, FeatureText, FindError};
use crate::lint::{self, Look};
use crate::phrasebook::Bookshelf;
use crate::problem::{Lead, Place, Problem};
use crate::script::{Case, ScriptStep};
use crate::similar;
use crate::vocabulary::Vocabulary;

pub use told::{github, json, text};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How many files were read.
    pub files: usize,
    /// How many scenarios stand in them, each row of an outline one.
    pub scenarios: usize,
    /// All that's wrong, in the order of files and lines.
    pub problems: Vec<Problem>,
}

/// Checks the feature files of some paths; without a path, those of the folder `features`.
pub fn check(paths: &[PathBuf], vocabulary: &Vocabulary) -> Result<Checked, FindError> {
    let texts = feature::find(paths)?;
    let mut checked = Checked { files: texts.len(), scenarios: 0, problems: Vec::new() };
    let mut books = Bookshelf::default();
    let shelf = Shelf::default();
    for text in &texts {
        let (book, amiss) = books.of(&text.path, vocabulary);
        let look = lint::look(text, vocabulary, book);
        checked.scenarios += look.read.as_ref().map_or(0, |read| read.cases.len());
        let mut found = File { text, lines: text.text.lines().collect(), problems: Vec::new() };
        found.look(&look, &shelf);
        // One line may have several faults; what makes the line unreadable is told alone.
        let unreadable: Vec<usize> = look.problems.iter().map(|problem| problem.place.line).collect();
        let told =
            |line: usize| unreadable.contains(&line) || found.rows_around(line).any(|row| unreadable.contains(&row));
        let fresh = |problem: &Problem| problem.place.file != text.shown || !told(problem.place.line);
        let problems: Vec<Problem> = found.problems.iter().filter(|problem| fresh(problem)).cloned().collect();
        found.problems = problems;
        let mut all: Vec<Problem> = look.problems.into_iter().chain(look.remarks).chain(found.problems).collect();
        all.extend(amiss);
        all.sort();
        checked
            .problems
            .extend(all.into_iter().filter(|problem| !checked.problems.contains(problem)).collect::<Vec<_>>());
    }
    checked.problems.dedup();
    Ok(checked)
}

/// One feature file, and what's found beyond what lint finds.
struct File<'a> {
    text: &'a FeatureText,
    lines: Vec<&'a str>,
    problems: Vec<Problem>,
}

impl File<'_> {
    fn look(&mut self, look: &Look, shelf: &Shelf) {
        let beside = match shelf.of(&self.text.shown) {
            Ok(beside) => Some(beside),
            Err(error) => {
                self.problems.push(of_another_file(&error.to_string()));
                None
            }
        };
        self.look_at_tags();
        let Some(read) = &look.read else { return };
        for (case, whole) in read.cases.iter().zip(&look.whole) {
            for step in &case.script.steps {
                for leaf in crate::script::leaves(std::slice::from_ref(step)) {
                    self.look_at_beside(step, leaf, beside.as_ref());
                    self.look_at_table(step, leaf);
                }
            }
            // What isn't known to do anything may be what introduces somebody.
            if *whole {
                self.look_at_names(case);
            }
        }
        self.problems.sort();
        self.problems.dedup();
    }

    fn source(&self, line: usize) -> String {
        self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default().to_owned()
    }

    fn say(&mut self, line: usize, column: usize, sentence: String, offers: Vec<String>) {
        let place = Place { file: self.text.shown.clone(), line, column };
        let problem = Problem { place, source: self.source(line), sentence, lead: Lead::Write, offers };
        self.problems.push(problem);
    }

    /// Says what's wrong with a word of a step. `step` is the one that stands in the file; `leaf` has the word, and is either
    /// that step or lies within it.
    fn say_of(&mut self, step: &ScriptStep, leaf: &ScriptStep, word: &str, sentence: String) {
        let column = Some(word).filter(|word| !word.is_empty()).and_then(|word| self.column_of(step.line, word));
        let column = column.unwrap_or(step.column);
        let within = match step.inner() {
            [] => String::new(),
            _ => format!(" (in `{} {}`, {}:{})", leaf.keyword, leaf.text, leaf.file, leaf.line),
        };
        self.say(step.line, column, format!("{sentence}{within}"), Vec::new());
    }

    /// The column in which a word stands by itself in a line.
    fn column_of(&self, line: usize, word: &str) -> Option<usize> {
        let text = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let joined = |sign: Option<char>| sign.is_some_and(|sign| sign.is_alphanumeric() || "-_".contains(sign));
        // Behind the keyword: `Given` is nobody's name.
        let from = text.len() - text.trim_start().len();
        let from = from + text[from..].find(' ').unwrap_or(0);
        let mut found = text[from..].match_indices(word).map(|(at, _)| from + at);
        let at = found
            .find(|at| !joined(text[..*at].chars().next_back()) && !joined(text[at + word.len()..].chars().next()))?;
        Some(text[..at].chars().count() + 1)
    }

    /// Tags `@breaks:NAME` name invariants.
    fn look_at_tags(&mut self) {
        let panel = Panel::always_on();
        let mut found = Vec::new();
        for (index, line) in self.lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with('@')) {
            for word in line.split_whitespace() {
                let Some(name) = word.strip_prefix("@breaks:").filter(|name| !name.is_empty()) else {
                    // `@breaks` alone may be about somebody's breaks.
                    let Some((tag, name)) = word.split_once(':') else { continue };
                    if similar::distance(&tag.to_lowercase(), "@breaks") <= 1 {
                        let rule = if name.is_empty() { "RULE" } else { name };
                        let sentence = format!("`{word}` asks for no broken rule: that is written @breaks:{rule}");
                        found.push((index + 1, word.to_owned(), sentence));
                    }
                    continue;
                };
                let Err(unknown) = panel.get(name) else { continue };
                let all: Vec<&str> = panel.witnesses().map(|witness| witness.name()).collect();
                let hint =
                    if unknown.nearest.is_empty() { format!("; there are {}", all.join(", ")) } else { String::new() };
                found.push((index + 1, word.to_owned(), format!("{unknown}{hint}")));
            }
        }
        for (line, tag, sentence) in found {
            let text = self.source(line);
            let column = text.find(&tag).map_or(1, |at| text[..at].chars().count() + 1);
            self.say(line, column, sentence, Vec::new());
        }
    }

    /// Network profiles and senders are built in or stand beside the file.
    fn look_at_beside(&mut self, step: &ScriptStep, leaf: &ScriptStep, beside: Option<&Beside>) {
        let Some(Beside { profiles, contracts }) = beside else { return };
        let own = |nearest: &[String], folder: &str| match nearest.len() {
            ..=2 => String::new(),
            _ => format!("; your own stand in a folder `{folder}` beside the feature files"),
        };
        if let Some(name) = names::profile_of(leaf)
            && let Err(unknown) = profiles.get(&name)
        {
            let sentence = format!("{unknown}{}", own(&unknown.nearest, crate::beside::NETWORKS));
            self.say_of(step, leaf, &format!("{name:?}"), sentence);
        }
        if let Some(name) = names::sender_of(leaf)
            && let Err(unknown) = contracts.get(&name)
        {
            let sentence = format!("{unknown}{}", own(&unknown.nearest, crate::beside::SENDERS));
            self.say_of(step, leaf, &format!("{name:?}"), sentence);
        }
    }

    fn look_at_names(&mut self, case: &Arc<Case>) {
        for names::Stranger { at, leaf, name, sentence } in names::strangers(&case.script) {
            let (step, leaf) = (case.script.steps[at].clone(), leaf.clone());
            self.say_of(&step, &leaf, &name, sentence);
        }
    }

    fn look_at_table(&mut self, step: &ScriptStep, leaf: &ScriptStep) {
        let Some(tables::Wrong { row, cell, sentence }) = tables::wrong(leaf) else { return };
        if !step.inner().is_empty() {
            return self.say_of(step, leaf, "", sentence);
        }
        let line = self.row_below(step.line, row).unwrap_or(step.line);
        let column = cell.as_deref().and_then(|cell| self.column_of_cell(line, cell));
        let indent = self.source(line).chars().take_while(|sign| sign.is_whitespace()).count() + 1;
        self.say(line, column.unwrap_or(indent), sentence, Vec::new());
    }

    /// The lines of the table that a line is part of; none if it's no row.
    fn rows_around(&self, line: usize) -> impl Iterator<Item = usize> {
        let is_row = |line: &&str| line.trim_start().starts_with('|');
        let at = line.saturating_sub(1).min(self.lines.len());
        let (above, below) = self.lines.split_at(at);
        let below = below.iter().take_while(|line| is_row(line)).count();
        let above = if below == 0 { 0 } else { above.iter().rev().take_while(|line| is_row(line)).count() };
        at + 1 - above..at + 1 + below
    }

    /// The line of a row of the table below a line; the heading is row 0.
    fn row_below(&self, line: usize, row: usize) -> Option<usize> {
        let below = self.lines.iter().enumerate().skip(line);
        let mut rows = below.filter(|(_, text)| text.trim_start().starts_with('|'));
        rows.nth(row).map(|(at, _)| at + 1)
    }

    fn column_of_cell(&self, line: usize, cell: &str) -> Option<usize> {
        let text = self.lines.get(line.saturating_sub(1))?;
        let mut from = 0;
        for part in text.split('|') {
            if part.trim() == cell {
                let blank = part.len() - part.trim_start().len();
                return Some(text[..from + blank].chars().count() + 1);
            }
            from += part.len() + 1;
        }
        None
    }
}

/// A problem that another reader has told, with the place that it begins with: `networks/van.toml:3: …`.
fn of_another_file(said: &str) -> Problem {
    let mut parts = said.splitn(3, ':');
    let place = match (parts.next(), parts.next().and_then(|line| line.parse::<usize>().ok()), parts.next()) {
        (Some(file), Some(line), Some(sentence)) => Some((file.to_owned(), line, sentence.trim().to_owned())),
        _ => None,
    };
    let (file, line, sentence) = place.unwrap_or_else(|| match said.split_once(": ") {
        Some((file, sentence)) => (file.to_owned(), 1, sentence.to_owned()),
        None => (String::new(), 1, said.to_owned()),
    });
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let source = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_owned();
    let column = source.chars().take_while(|sign| sign.is_whitespace()).count() + 1;
    Problem { place: Place { file, line, column }, source, sentence, lead: Lead::Write, offers: Vec::new() }
}
