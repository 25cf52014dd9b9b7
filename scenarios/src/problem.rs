//! What is wrong with a feature file, told so that it can be mended.

use std::fmt;

use crate::report::counted;

/// A place in a feature file; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as it was given or found.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that's wrong, in one sentence, with what to write instead where that is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The line that stands there.
    pub source: String,
    /// What's wrong.
    pub sentence: String,
    /// What the offers are.
    pub lead: Lead,
    /// What to write instead, the likeliest first.
    pub offers: Vec<String>,
}

/// What stands before the offers of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lead {
    /// One of them is right.
    Write,
    /// They are near to what was written; nobody knows whether they're right.
    Nearest,
    /// They are what it could be.
    Either,
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lead::Write => "write",
            Lead::Nearest => "nearest phrases",
            Lead::Either => "they are",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.place, self.sentence)?;
        let shown = self.source.trim();
        if !shown.is_empty() {
            let indent = self.source.chars().take_while(|sign| sign.is_whitespace()).count();
            writeln!(f, "    {shown}")?;
            writeln!(f, "    {}^", " ".repeat(self.place.column.saturating_sub(indent + 1)))?;
        }
        match self.offers.as_slice() {
            [] => Ok(()),
            [one] if self.lead == Lead::Write => writeln!(f, "    write: {one}"),
            several => {
                let one_of = if self.lead == Lead::Write { " one of" } else { "" };
                writeln!(f, "    {}{one_of}:", self.lead)?;
                several.iter().try_for_each(|offer| writeln!(f, "      {offer}"))
            }
        }
    }
}

/// So many problems of a file are told; whoever has mended those looks again.
pub(crate) const PROBLEMS_MAX: usize = 100;

/// What stands in place of those that aren't told.
pub(crate) fn more() -> String {
    format!("there is more wrong from here on; {PROBLEMS_MAX} problems are enough to begin with")
}

/// How many problems there are, as far as anybody has counted.
pub fn counted_all(problems: &[Problem]) -> String {
    let more = more();
    let told = problems.iter().filter(|problem| problem.sentence != more).count();
    let more = if told < problems.len() { "more than " } else { "" };
    format!("{more}{}", counted(told, "problem"))
}

/// All problems as one text, in the order of files and lines.
pub fn shown(problems: &[Problem]) -> String {
    let each: Vec<String> = problems.iter().map(Problem::to_string).collect();
    format!("{}\n{}; nothing was run.\n", each.join("\n"), counted_all(problems))
}

/// The last line below some problems.
pub fn count_shown(problems: usize) -> String {
    format!("{}; nothing was run.", counted(problems, "problem"))
}
