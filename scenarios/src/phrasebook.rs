//! Phrases that are made of others: `phrases.toml`, beside the feature files or in a folder around them.
//!
//! ```toml
//! [[phrase]]
//! phrase = "{agent} sells to lead {lead}"
//! doc = "A call with a sale at its end."      # shown by `busyhour steps`; may be left out
//! steps = [
//!   "When the dialer calls lead {lead}",
//!   "And {agent} saves disposition \"SALE\"",
//! ]
//! ```
//!
//! A gap is called like a kind of argument (`{agent}`, `{duration}`) and reads what that kind reads; `{seller:agent}` gives
//! it a name of its own; under any other name (`{what}`) it takes whatever words stand there. In the steps the
//! same name stands for those words. A step may be a phrase of the same book, as long as none is made of itself; it may have a
//! table on lines of its own below it. Each step begins with its keyword, in English. What is made of checks alone stands under
//! Then; what needs Given in it stands under Given; all else under Given and When.
//!
//! A phrase of a nearer folder takes the place of one that reads letter by letter the same in a folder around it.

mod read;
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gherkin::StepType;
use regex::Regex;

use crate::argument::ArgumentKind;
use crate::beside;
use crate::phrase::keyword_word;
use crate::problem::Problem;
use crate::script::ScriptStep;
use crate::vocabulary::Vocabulary;

/// The file of phrases beside feature files, or beside a folder of them.
pub const PHRASES: &str = "phrases.toml";

/// A gap of a composite phrase.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// By which the steps call it.
    pub(crate) name: String,
    /// What it reads; nothing if it takes any words.
    pub(crate) kind: Option<&'static ArgumentKind>,
}

/// One step of a composite phrase, its gaps not yet filled.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The keyword as it was written.
    pub(crate) keyword: String,
    /// What it counts as.
    pub(crate) counts_as: StepType,
    /// The words behind it.
    pub(crate) words: String,
    /// The table below it.
    pub(crate) table: Option<Vec<Vec<String>>>,
    /// Its line in the book.
    pub(crate) line: usize,
    /// Its column there.
    pub(crate) column: usize,
    /// The text of that line.
    source: String,
}

/// A phrase that is made of others.
#[derive(Debug)]
pub struct Composite {
    /// As it's written in the book.
    pub phrase: String,
    /// What is said of it there.
    pub doc: Option<String>,
    /// The book.
    pub file: Arc<str>,
    /// Its line there.
    pub line: usize,
    column: usize,
    /// The text of that line.
    source: String,
    parameters: Vec<Parameter>,
    /// The same as a cucumber expression, with our kinds in the gaps and nothing in those that take any words.
    expression: String,
    pattern: Regex,
    steps: Vec<Line>,
    /// Something is wrong with it, which is told at its place and not again where it's used.
    broken: bool,
}

impl Composite {
    pub(crate) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    pub(crate) fn steps(&self) -> &[Line] {
        &self.steps
    }

    /// The same as a cucumber expression: each gap is a kind of argument, or `{}` where any words may stand.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The keyword that its first step stands under.
    pub fn home(&self) -> StepType {
        self.steps.first().map_or(StepType::Given, |line| line.counts_as)
    }

    /// File and line.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Its steps as they're written.
    pub fn shown_steps(&self) -> impl Iterator<Item = String> {
        self.steps.iter().map(|line| format!("{} {}", line.keyword, line.words))
    }

    /// Without the marks of its gaps: the words by which it may be looked for.
    pub(crate) fn bare(&self) -> String {
        self.phrase.replace(['{', '}', '(', ')'], " ")
    }

    /// How it's offered to somebody who may have meant it.
    pub(crate) fn offer(&self) -> String {
        format!("{} {}", keyword_word(self.home()), self.phrase)
    }

    /// The words that stand in its gaps, if a step reads like it.
    fn words_of(&self, step: &str) -> Option<Vec<String>> {
        let found = self.pattern.captures(step)?;
        Some(
            found
                .iter()
                .skip(1)
                .map(|words| words.map(|words| words.as_str().to_owned()).unwrap_or_default())
                .collect(),
        )
    }

    /// One of its steps, with these words in the gaps.
    pub(crate) fn filled(&self, line: &Line, words: &[String]) -> gherkin::Step {
        let fill = |text: &str| {
            read::fill(text, |name| {
                let at = self.parameters.iter().position(|parameter| parameter.name == name)?;
                words.get(at).cloned()
            })
        };
        let table = line.table.as_ref().map(|rows| {
            let rows = rows.iter().map(|row| row.iter().map(|cell| fill(cell)).collect()).collect();
            gherkin::Table::builder().rows(rows).build()
        });
        gherkin::Step::builder()
            .keyword(line.keyword.clone())
            .ty(line.counts_as)
            .value(fill(&line.words))
            .table(table)
            .build()
    }
}

/// A composite phrase as a step uses it: its steps, with their gaps filled, bound.
#[derive(Debug)]
pub struct Composed {
    /// The phrase.
    pub phrase: Arc<Composite>,
    /// What it does, one after the other.
    pub steps: Vec<ScriptStep>,
}

/// The composite phrases that are in force for the feature files of one folder.
#[derive(Debug, Clone, Default)]
pub struct Phrasebook {
    phrases: Vec<Arc<Composite>>,
    problems: Vec<Problem>,
    /// The places of phrases that can't be bound.
    broken: BTreeSet<String>,
}

impl Phrasebook {
    /// Reads the books that are in force in a folder: its own, and those of the folders around it, up to the one that is
    /// named `features`. What's wrong with them is found at once: see [`Phrasebook::problems`].
    pub fn of_folder(folder: &Path, vocabulary: &Vocabulary) -> Phrasebook {
        let files: Vec<PathBuf> = beside::in_force(folder, PHRASES, Path::is_file);
        let mut book = Phrasebook::default();
        for file in &files {
            let (phrases, problems) = read::book(file);
            book.problems.extend(problems);
            for phrase in phrases {
                // The nearer one wins.
                book.phrases.retain(|earlier| earlier.phrase != phrase.phrase || earlier.file == phrase.file);
                book.phrases.push(Arc::new(phrase));
            }
        }
        if !book.phrases.is_empty() {
            for (place, problem) in samples::problems(&book, vocabulary) {
                book.problems.push(problem);
                book.broken.insert(place);
            }
        }
        book.problems.sort();
        book.problems.dedup();
        book
    }

    /// All that's wrong with the books.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether something is wrong with a phrase, so that nothing more is to be said where it's used.
    pub(crate) fn is_broken(&self, phrase: &Composite) -> bool {
        phrase.broken || self.broken.contains(&phrase.place())
    }

    /// The phrases, those of the outermost folder first.
    pub fn phrases(&self) -> impl Iterator<Item = &Composite> {
        self.phrases.iter().map(|phrase| &**phrase)
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> Vec<Arc<Composite>> {
        self.phrases.clone()
    }

    /// The phrases that a step reads like, each with the words in its gaps.
    pub(crate) fn find(&self, step: &str) -> Vec<(Arc<Composite>, Vec<String>)> {
        let found = self.phrases.iter().filter_map(|phrase| Some((Arc::clone(phrase), phrase.words_of(step)?)));
        found.collect()
    }
}

/// The books of some folders, each read once.
#[derive(Debug, Default)]
pub(crate) struct Bookshelf {
    books: BTreeMap<PathBuf, Phrasebook>,
    told: BTreeSet<Problem>,
}

impl Bookshelf {
    /// The book that's in force for a feature file, and what's wrong with it, if that wasn't told for another folder.
    pub(crate) fn of(&mut self, feature: &Path, vocabulary: &Vocabulary) -> (&Phrasebook, Vec<Problem>) {
        let folder = feature.parent().unwrap_or(Path::new("")).to_owned();
        let book = self.books.entry(folder.clone()).or_insert_with(|| Phrasebook::of_folder(&folder, vocabulary));
        let fresh = book.problems.iter().filter(|problem| self.told.insert((*problem).clone())).cloned().collect();
        (book, fresh)
    }
}
