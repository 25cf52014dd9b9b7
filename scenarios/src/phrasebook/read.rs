//! Reading a book of phrases, and all that can be said of it without knowing the vocabulary.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use cucumber_expressions::Expression;
use gherkin::StepType;
use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::{Composite, Line, Parameter};
use crate::argument;
use crate::problem::{Lead, Place, Problem};
use crate::text::{self, TextError};

/// Whatever words stand there, as few as will do.
const ANY_WORDS: &str = r"\S(?:.*?\S)?";

pub(super) static GAP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{([\w-]*)(?::(\w*))?\}").expect("the pattern of a gap is in order"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    #[serde(default)]
    phrase: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    phrase: Spanned<String>,
    steps: Spanned<Vec<Spanned<String>>>,
    doc: Option<String>,
}

/// Puts words into the gaps of a text; a gap that has none stays as it is.
pub(super) fn fill(text: &str, words: impl Fn(&str) -> Option<String>) -> String {
    GAP.replace_all(text, |gap: &regex::Captures<'_>| words(&gap[1]).unwrap_or_else(|| gap[0].to_owned())).into_owned()
}

/// The names of the gaps in a text.
pub(super) fn gaps(text: &str) -> impl Iterator<Item = &str> {
    GAP.captures_iter(text).filter_map(|gap| gap.get(1)).map(|name| name.as_str())
}

/// The phrases of one book, and what's wrong with it.
pub(super) fn book(file: &Path) -> (Vec<Composite>, Vec<Problem>) {
    let shown = file.to_string_lossy().into_owned();
    let text = match text::read(file) {
        Ok(text) => text,
        Err(error) => {
            let mut reader = Reader::new(&shown, "");
            reader.say(0, format!("this file can't be read: {error}"), Vec::new());
            let line = if let TextError::NotUtf8 { line, .. } = error { line } else { 1 };
            reader.problems.iter_mut().for_each(|problem| problem.place.line = line);
            return (Vec::new(), reader.problems);
        }
    };
    let mut reader = Reader::new(&shown, &text);
    let book: Book = match toml::from_str(&text) {
        Ok(book) => book,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let said = error.message().lines().collect::<Vec<_>>().join("; ");
            reader.say(at, format!("this can't be read as a book of phrases: {said}"), Vec::new());
            return (Vec::new(), reader.problems);
        }
    };
    let mut phrases = Vec::new();
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for entry in book.phrase {
        let at = entry.phrase.span().start;
        let phrase = entry.phrase.get_ref().trim().to_owned();
        if let Some(earlier) = lines.insert(phrase, reader.place(at).0) {
            reader.say(at, format!("line {earlier} has the same phrase"), Vec::new());
            continue;
        }
        phrases.extend(reader.composite(entry));
    }
    (phrases, reader.problems)
}

struct Reader<'a> {
    file: Arc<str>,
    text: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(file: &str, text: &'a str) -> Reader<'a> {
        Reader { file: file.into(), text, problems: Vec::new() }
    }

    /// Line and column of a byte.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at.min(self.text.len())];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }

    fn line_at(&self, line: usize) -> String {
        self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_owned()
    }

    fn say(&mut self, at: usize, sentence: impl Into<String>, offers: Vec<String>) {
        let (line, column) = self.place(at);
        self.problems.push(Problem {
            place: Place { file: self.file.to_string(), line, column },
            source: self.line_at(line),
            sentence: sentence.into(),
            lead: Lead::Write,
            offers,
        });
    }

    fn composite(&mut self, entry: Entry) -> Option<Composite> {
        let at = entry.phrase.span().start;
        let phrase = entry.phrase.get_ref().trim().to_owned();
        let before = self.problems.len();
        if let Some((keyword, rest)) = phrase.split_once(' ')
            && keyword_of(keyword).is_some()
        {
            let sentence = "a phrase is written without its keyword: that is for the steps that use it";
            self.say(at, sentence, vec![format!("phrase = {rest:?}")]);
        }
        if phrase.is_empty() {
            self.say(at, "this phrase has no words", Vec::new());
        }
        let parameters = self.parameters(&phrase, at);
        let pattern = self.pattern(&phrase, &parameters, at);
        let steps = self.steps(&entry.steps, &parameters);
        if entry.steps.get_ref().is_empty() {
            let at = entry.steps.span().start;
            self.say(at, "this phrase has no steps, so it would pass without a question", Vec::new());
        }
        let (line, column) = self.place(at);
        let expression = GAP.replace_all(&phrase, |gap: &regex::Captures<'_>| {
            let kind = parameters.iter().find(|parameter| parameter.name == gap[1]).and_then(|one| one.kind);
            format!("{{{}}}", kind.map_or("", |kind| kind.name))
        });
        let expression = expression.into_owned();
        let composite = Composite {
            expression,
            doc: entry.doc,
            file: Arc::clone(&self.file),
            line,
            column,
            source: self.line_at(line),
            parameters,
            pattern: pattern?,
            steps,
            phrase,
            broken: self.problems.len() > before,
        };
        Some(composite)
    }

    fn parameters(&mut self, phrase: &str, at: usize) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for gap in GAP.captures_iter(phrase) {
            let name = gap[1].to_owned();
            let kind = gap.get(2).map(|kind| kind.as_str());
            if name.is_empty() {
                self.say(at, "a gap needs a name, by which the steps call it: `{agent}`, `{what}`", Vec::new());
                continue;
            }
            if parameters.iter().any(|earlier| earlier.name == name) {
                let other =
                    format!("`{{{name}}}` stands there twice: give one a name of its own, as in `{{other:{name}}}`");
                self.say(at, other, Vec::new());
                continue;
            }
            let known = argument::kind(kind.unwrap_or(&name));
            if let (Some(kind), None) = (kind, known) {
                let near = argument::KINDS.iter().map(|known| (crate::similar::distance(kind, known.name), known.name));
                let near = near.min().filter(|(distance, _)| *distance <= 2).map(|(_, near)| near);
                let hint =
                    near.map_or("`busyhour steps` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
                self.say(at, format!("there is no kind of argument called `{kind}`; {hint}"), Vec::new());
            }
            parameters.push(Parameter { name, kind: known });
        }
        parameters
    }

    fn pattern(&mut self, phrase: &str, parameters: &[Parameter], at: usize) -> Option<Regex> {
        let mut number = 0;
        let numbered = GAP.replace_all(phrase, |_: &regex::Captures<'_>| {
            number += 1;
            format!("{{gap{}}}", number - 1)
        });
        let names: Vec<String> = (0..number).map(|number| format!("gap{number}")).collect();
        let patterns = parameters.iter().map(|parameter| parameter.kind.map_or(ANY_WORDS, |kind| kind.pattern));
        let kinds: HashMap<&str, &str> = names.iter().map(String::as_str).zip(patterns).collect();
        match Expression::regex_with_parameters(&*numbered, &kinds) {
            Ok(pattern) => Some(pattern),
            // A gap that is amiss was told of already.
            Err(_) if kinds.len() < number => None,
            Err(_) => {
                let sentence = "this is no cucumber expression: `(s)` is an optional part, `is/are` a choice, and a \
                    backslash stands before a sign of these that is meant as it is";
                self.say(at, sentence, Vec::new());
                None
            }
        }
    }

    fn steps(&mut self, steps: &Spanned<Vec<Spanned<String>>>, parameters: &[Parameter]) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut used: Vec<&str> = Vec::new();
        let mut whole = true;
        for step in steps.get_ref() {
            let at = step.span().start;
            for name in gaps(step.get_ref()).filter(|name| !name.is_empty()) {
                used.push(name);
                if !parameters.iter().any(|parameter| parameter.name == name) {
                    let there = match parameters {
                        [] => "it has none".to_owned(),
                        some => {
                            let names: Vec<String> = some.iter().map(|one| format!("`{{{}}}`", one.name)).collect();
                            format!("there is {}", names.join(", "))
                        }
                    };
                    self.say(at, format!("the phrase has no gap `{{{name}}}`; {there}"), Vec::new());
                }
            }
            let counted = lines.last().map(|line| line.counts_as);
            match self.line(step, counted) {
                Some(line) => lines.push(line),
                None => whole = false,
            }
        }
        let unused = parameters.iter().filter(|parameter| !used.contains(&parameter.name.as_str()));
        let unused: Vec<String> = unused.map(|parameter| format!("`{{{}}}`", parameter.name)).collect();
        if whole && !unused.is_empty() && !lines.is_empty() {
            self.say(steps.span().start, format!("no step here uses {}", unused.join(" or ")), Vec::new());
        }
        lines
    }

    /// One step: its keyword, its words, and perhaps a table on the lines below.
    fn line(&mut self, step: &Spanned<String>, before: Option<StepType>) -> Option<Line> {
        let at = step.span().start;
        let mut text = step.get_ref().trim().lines();
        let first = text.next().unwrap_or_default().trim();
        let (keyword, words) = first.split_once(' ').unwrap_or((first, ""));
        let counts_as = match (keyword_of(keyword), before) {
            (None, _) => {
                self.say(at, "a step begins with Given, When, Then, And or But", Vec::new());
                return None;
            }
            (Some(Some(counts_as)), _) | (Some(None), Some(counts_as)) => counts_as,
            (Some(None), None) => {
                let sentence = format!("`{keyword}` follows another step: the first begins with Given, When or Then");
                self.say(at, sentence, Vec::new());
                return None;
            }
        };
        if words.trim().is_empty() {
            self.say(at, format!("nothing stands after `{keyword}`"), Vec::new());
            return None;
        }
        let rows: Vec<&str> = text.map(str::trim).filter(|row| !row.is_empty()).collect();
        let table: Option<Vec<Vec<String>>> = rows.iter().map(|row| cells(row)).collect();
        let Some(table) = table else {
            self.say(
                at,
                "below the words of a step stands a table or nothing: its rows begin and end with |",
                Vec::new(),
            );
            return None;
        };
        if table.iter().any(|row| row.len() != table[0].len()) {
            self.say(at, "the rows of this table aren't all of the same width", Vec::new());
            return None;
        }
        let (line, column) = self.place(at);
        let source = self.line_at(line);
        let table = (!table.is_empty()).then_some(table);
        Some(Line {
            keyword: keyword.to_owned(),
            counts_as,
            words: words.trim().to_owned(),
            table,
            line,
            column,
            source,
        })
    }
}

/// What a keyword counts as; nothing of its own for those that follow another.
fn keyword_of(word: &str) -> Option<Option<StepType>> {
    match word {
        "Given" => Some(Some(StepType::Given)),
        "When" => Some(Some(StepType::When)),
        "Then" => Some(Some(StepType::Then)),
        "And" | "But" | "*" => Some(None),
        _ => None,
    }
}

/// The cells of a row; `\|` is a bar inside a cell.
fn cells(row: &str) -> Option<Vec<String>> {
    let inner = row.strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = vec![String::new()];
    let mut signs = inner.chars();
    while let Some(sign) = signs.next() {
        let cell = cells.last_mut()?;
        match sign {
            '|' => cells.push(String::new()),
            '\\' => match signs.next() {
                Some('n') => cell.push('\n'),
                Some(escaped) => cell.push(escaped),
                None => cell.push('\\'),
            },
            other => cell.push(other),
        }
    }
    Some(cells.into_iter().map(|cell| cell.trim().to_owned()).collect())
}
