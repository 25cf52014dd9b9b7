//! A phrase of the language: what QA writes, and what it does.

use std::fmt;
use std::panic;

use cucumber::step;
use futures::future::LocalBoxFuture;
use gherkin::StepType;

use crate::World;
use crate::argument::{Argument, ArgumentError, ArgumentKind};

/// What a phrase is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It sets something up.
    Arranges {
        /// It changes the world around (a fault, a customer, a receiver), so it may also come in the middle of things,
        /// under `When`.
        around: bool,
    },
    /// Somebody does something.
    Acts,
    /// It asks whether something is so.
    Checks,
    /// Somebody waits for something as a person would, and goes on when it's there; under `Then` it asks whether it is.
    Waits,
}

impl Kind {
    /// The one word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Arranges { .. } => "arranges",
            Kind::Acts => "acts",
            Kind::Checks => "checks",
            Kind::Waits => "waits",
        }
    }

    /// May a phrase of this kind stand under that keyword? `And`, `But` and `*` count as the keyword before them.
    pub fn stands_under(self, keyword: StepType) -> bool {
        match keyword {
            StepType::Given => matches!(self, Kind::Arranges { .. } | Kind::Acts | Kind::Waits),
            StepType::When => matches!(self, Kind::Arranges { around: true } | Kind::Acts | Kind::Waits),
            StepType::Then => matches!(self, Kind::Checks | Kind::Waits),
        }
    }

    /// The keyword under which a phrase of this kind is at home.
    pub fn home(self) -> StepType {
        match self {
            Kind::Arranges { around: false } => StepType::Given,
            Kind::Arranges { around: true } | Kind::Acts => StepType::When,
            Kind::Checks | Kind::Waits => StepType::Then,
        }
    }
}

/// The word that stands before a step.
pub fn keyword_word(keyword: StepType) -> &'static str {
    match keyword {
        StepType::Given => "Given",
        StepType::When => "When",
        StepType::Then => "Then",
    }
}

/// What may hang below a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// Nothing.
    None,
    /// A table.
    Table,
    /// A text between `"""`.
    Text,
}

/// What a step came to.
pub type StepResult = Result<(), StepFailure>;

/// The function behind a phrase.
pub type StepFn = for<'a> fn(&'a mut World, Matches) -> LocalBoxFuture<'a, StepResult>;

/// A built-in phrase. It's declared in one place with all that is known of it; the lists, the errors and the runner
/// are made from that.
#[derive(Debug, Clone, Copy)]
pub struct Phrase {
    /// The cucumber expression; its parameters are the kinds in [`crate::argument::KINDS`].
    pub expression: &'static str,
    /// What it's for.
    pub kind: Kind,
    /// One line of what it does.
    pub doc: &'static str,
    /// A step that reads so, keyword included.
    pub example: &'static str,
    /// Other ways to write it that deserve to be shown, keyword included.
    pub variants: &'static [&'static str],
    /// The step that does under the wrong keyword what this one can't do there, keyword included.
    pub twin: Option<&'static str>,
    /// What people write who look for this phrase and don't know it.
    pub sought_as: &'static [&'static str],
    /// What may hang below it.
    pub attachment: Attachment,
    /// It's a fault, or asks what a fault did: only a simulated universe has such.
    pub fault: bool,
    /// What it does.
    pub step: StepFn,
    /// Where it's declared. It is also the key by which a match is traced back to its phrase.
    pub declared: step::Location,
}

impl Phrase {
    #[track_caller]
    const fn new(kind: Kind, expression: &'static str, step: StepFn) -> Phrase {
        let caller = panic::Location::caller();
        Phrase {
            expression,
            kind,
            doc: "",
            example: "",
            variants: &[],
            twin: None,
            sought_as: &[],
            attachment: Attachment::None,
            fault: false,
            step,
            declared: step::Location { path: caller.file(), line: caller.line(), column: caller.column() },
        }
    }

    /// A phrase that sets the scene and stands under `Given` alone.
    #[track_caller]
    pub const fn arranges(expression: &'static str, step: StepFn) -> Phrase {
        Phrase::new(Kind::Arranges { around: false }, expression, step)
    }

    /// A phrase that changes the world around, under `Given` or `When`.
    #[track_caller]
    pub const fn arranges_around(expression: &'static str, step: StepFn) -> Phrase {
        Phrase::new(Kind::Arranges { around: true }, expression, step)
    }

    /// A phrase by which somebody does something.
    #[track_caller]
    pub const fn acts(expression: &'static str, step: StepFn) -> Phrase {
        Phrase::new(Kind::Acts, expression, step)
    }

    /// A phrase that asks.
    #[track_caller]
    pub const fn checks(expression: &'static str, step: StepFn) -> Phrase {
        Phrase::new(Kind::Checks, expression, step)
    }

    /// A phrase that asks under `Then`, and waits as a person would under `When`.
    #[track_caller]
    pub const fn waits(expression: &'static str, step: StepFn) -> Phrase {
        Phrase::new(Kind::Waits, expression, step)
    }

    /// With one line of what it does.
    pub const fn doc(mut self, doc: &'static str) -> Phrase {
        self.doc = doc;
        self
    }

    /// With an example, keyword included.
    pub const fn example(mut self, example: &'static str) -> Phrase {
        self.example = example;
        self
    }

    /// With more examples.
    pub const fn variants(mut self, variants: &'static [&'static str]) -> Phrase {
        self.variants = variants;
        self
    }

    /// With the step to offer to those who write it under the wrong keyword.
    pub const fn twin(mut self, twin: &'static str) -> Phrase {
        self.twin = Some(twin);
        self
    }

    /// With what people write who look for it.
    pub const fn sought_as(mut self, sought_as: &'static [&'static str]) -> Phrase {
        self.sought_as = sought_as;
        self
    }

    /// It's a fault, or asks what a fault did: live mode refuses it.
    pub const fn fault(mut self) -> Phrase {
        self.fault = true;
        self
    }

    /// With a table below it.
    pub const fn takes_a_table(mut self) -> Phrase {
        self.attachment = Attachment::Table;
        self
    }

    /// Every example, the first one first.
    pub fn examples(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.example).chain(self.variants.iter().copied())
    }
}

/// What the words of a step gave for the gaps of its phrase, and what hangs below it.
#[derive(Debug, Clone)]
pub struct Matches {
    /// The expression that was matched.
    pub expression: &'static str,
    /// What the step's keyword counts as.
    pub keyword: StepType,
    arguments: Vec<(&'static ArgumentKind, String)>,
    table: Option<Vec<Vec<String>>>,
    text: Option<String>,
}

impl Matches {
    /// The words in each gap with the kinds they're to be read as.
    pub fn new(expression: &'static str, arguments: Vec<(&'static ArgumentKind, String)>) -> Matches {
        Matches { expression, keyword: StepType::Given, arguments, table: None, text: None }
    }

    /// Of a step that stands under this keyword.
    pub fn under(mut self, keyword: StepType) -> Matches {
        self.keyword = keyword;
        self
    }

    /// What hangs below the step, as one text: equal for equal tables and texts.
    pub(crate) fn hanging(&self) -> String {
        format!("{:?} {:?}", self.table, self.text)
    }

    /// With what hangs below the step.
    pub fn below(mut self, table: Option<&gherkin::Table>, text: Option<&str>) -> Matches {
        self.table = table.map(|table| table.rows.clone());
        self.text = text.map(text_below);
        self
    }

    /// The argument at `index`, counted from 0, as a `T`.
    pub fn get<T: Argument>(&self, index: usize) -> Result<T, StepFailure> {
        let (kind, words) = self.arguments.get(index).unwrap_or_else(|| {
            panic!(
                "the step of `{}` asks for argument {index}, and there are {}",
                self.expression,
                self.arguments.len()
            )
        });
        assert_eq!(kind.name, T::NAME, "the step of `{}` reads argument {index} as another kind", self.expression);
        Ok(T::read(words)?)
    }

    /// The words of each argument with its kind.
    pub fn arguments(&self) -> impl Iterator<Item = (&'static ArgumentKind, &str)> {
        self.arguments.iter().map(|(kind, words)| (*kind, words.as_str()))
    }

    /// The rows of the table below the step, the heading first.
    pub fn table(&self) -> Option<&[Vec<String>]> {
        self.table.as_deref()
    }

    /// The text below the step.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

/// A text as it was meant: the reader leaves the line break after the opening quotes in it, and before the closing
/// ones; behind a media type (`"""json`) it leaves the indent too.
pub(crate) fn text_below(text: &str) -> String {
    let (_media_type, body) = text.split_once('\n').unwrap_or(("", text));
    let body = body.strip_suffix('\r').unwrap_or(body);
    let indent_of = |line: &str| line.chars().take_while(|sign| *sign == ' ' || *sign == '\t').count();
    let indent = body.lines().filter(|line| !line.trim().is_empty()).map(indent_of).min().unwrap_or(0);
    let lines: Vec<String> = body.lines().map(|line| line.chars().skip(indent).collect()).collect();
    let last_is_blank = lines.last().is_some_and(|line| line.trim().is_empty());
    lines[..lines.len() - usize::from(last_is_blank)].join("\n")
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct StepFailure {
    /// One sentence.
    pub message: String,
    /// What the step wanted to see.
    pub expected: Option<String>,
    /// What it saw instead.
    pub seen: Option<String>,
    /// The place in the code where a step gave up by panicking.
    pub at: Option<String>,
}

impl StepFailure {
    /// A failure for which there is one sentence and no more.
    pub fn because(message: impl Into<String>) -> StepFailure {
        StepFailure { message: message.into(), expected: None, seen: None, at: None }
    }

    /// A failure of something that should have been otherwise.
    pub fn differs(expected: impl Into<String>, seen: impl Into<String>) -> StepFailure {
        let (expected, seen) = (expected.into(), seen.into());
        StepFailure {
            message: format!("expected {expected}, saw {seen}"),
            expected: Some(expected),
            seen: Some(seen),
            at: None,
        }
    }
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.at {
            Some(at) => write!(f, " ({at})"),
            None => Ok(()),
        }
    }
}

impl From<ArgumentError> for StepFailure {
    fn from(error: ArgumentError) -> Self {
        StepFailure::because(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_stands_under_then_alone_and_nothing_else_does() {
        use StepType::{Given, Then, When};
        let around = Kind::Arranges { around: true };
        let scene = Kind::Arranges { around: false };
        let legal: Vec<_> = [scene, around, Kind::Acts, Kind::Checks, Kind::Waits]
            .iter()
            .map(|kind| [Given, When, Then].map(|keyword| kind.stands_under(keyword)))
            .collect();
        assert_eq!(
            legal,
            [[true, false, false], [true, true, false], [true, true, false], [false, false, true], [true; 3]],
            "rows: a scene, the world around, an act, a check, a wait; columns: Given, When, Then"
        );
    }

    #[test]
    fn a_text_below_a_step_is_the_same_with_a_media_type_and_without() {
        let of = |opening: &str| {
            let source = format!(
                "Feature: f\n  Scenario: s\n    Given x\n      {opening}\n      {{\n        1\n      }}\n      \"\"\"\n"
            );
            let feature = gherkin::Feature::parse(source, gherkin::GherkinEnv::default()).unwrap();
            text_below(feature.scenarios[0].steps[0].docstring.as_deref().unwrap())
        };
        assert_eq!(of("\"\"\""), "{\n  1\n}");
        assert_eq!(of("\"\"\"json"), "{\n  1\n}");
        assert_eq!(text_below("\n"), "");
    }

    #[test]
    fn every_kind_is_at_home_where_it_may_stand() {
        for kind in
            [Kind::Arranges { around: true }, Kind::Arranges { around: false }, Kind::Acts, Kind::Checks, Kind::Waits]
        {
            assert!(kind.stands_under(kind.home()));
        }
    }
}
