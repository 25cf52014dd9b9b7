//! TOML files of people's: each key with its line, and a sentence for each thing that's wrong.

use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::similar::distance;
use crate::text;

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It can't be opened.
    #[error("`{}` can't be read: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("{place}: {what}")]
    Wrong {
        /// Where, as `file:line`.
        place: String,
        /// What.
        what: String,
    },
}

/// A file's text.
pub(crate) struct Source {
    /// As it's named to people.
    pub(crate) file: PathBuf,
    text: String,
}

impl Source {
    /// Reads a file.
    pub(crate) fn read(file: &Path) -> Result<Source, KeyError> {
        Source::read_as(file, file)
    }

    /// Reads a file that people would name otherwise.
    pub(crate) fn read_as(file: &Path, shown: &Path) -> Result<Source, KeyError> {
        let unreadable = |source| KeyError::Unreadable { file: shown.to_owned(), source };
        Ok(Source { file: shown.to_owned(), text: text::read(file).map_err(|error| unreadable(error.into()))? })
    }

    /// This text, as if a file of that name held it.
    #[cfg(test)]
    pub(crate) fn of(file: &str, text: &str) -> Source {
        Source { file: file.into(), text: text.to_owned() }
    }

    /// Its TOML.
    pub(crate) fn parsed(&self) -> Result<Spanned<DeTable<'_>>, KeyError> {
        DeTable::parse(&self.text).map_err(|error| KeyError::Wrong {
            place: self.place(error.span().map_or(0, |span| span.start)),
            what: error.message().to_owned(),
        })
    }

    /// Its outermost keys.
    pub(crate) fn table<'a>(&'a self, parsed: &'a Spanned<DeTable<'a>>) -> Table<'a> {
        Table { source: self, path: String::new(), table: parsed.get_ref(), starts: 0 }
    }

    /// The line of a place in this file.
    pub(crate) fn line_at(&self, place: &str) -> Option<&str> {
        let number: usize = place.rsplit(':').next()?.parse().ok()?;
        self.text.lines().nth(number.checked_sub(1)?)
    }

    fn place(&self, at: usize) -> String {
        let line = 1 + self.text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count();
        format!("{}:{line}", self.file.display())
    }
}

/// A table of a file.
pub(crate) struct Table<'a> {
    source: &'a Source,
    path: String,
    table: &'a DeTable<'a>,
    starts: usize,
}

/// A key, its value and its place.
pub(crate) struct Entry<'a> {
    source: &'a Source,
    /// The key.
    pub(crate) key: &'a str,
    /// The key with those of the tables around it.
    path: String,
    at: usize,
    value: &'a DeValue<'a>,
}

impl<'a> Table<'a> {
    /// Its keys in the order of the file, so that of two errors the upper one is told.
    pub(crate) fn entries(&self) -> Vec<Entry<'a>> {
        let entry = |(name, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let key: &'a std::borrow::Cow<'a, str> = name.get_ref();
            let path = if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) };
            Entry { source: self.source, key, path, at: name.span().start, value: value.get_ref() }
        };
        let mut entries: Vec<_> = self.table.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    /// Where it begins.
    pub(crate) fn place(&self) -> String {
        self.source.place(self.starts)
    }

    /// Something about it is wrong.
    pub(crate) fn wrong(&self, what: impl Into<String>) -> KeyError {
        KeyError::Wrong { place: self.place(), what: what.into() }
    }
}

impl<'a> Entry<'a> {
    /// Where it stands, as `file:line`.
    pub(crate) fn place(&self) -> String {
        self.source.place(self.at)
    }

    /// Something about it is wrong.
    pub(crate) fn wrong(&self, what: impl std::fmt::Display) -> KeyError {
        KeyError::Wrong { place: self.place(), what: format!("{}: {what}", self.path) }
    }

    /// Nobody knows it.
    pub(crate) fn unknown(&self, known: &[&str]) -> KeyError {
        self.wrong(format!("there is no such key; {}", suggestion(self.key, known)))
    }

    fn other(&self, wanted: &str) -> KeyError {
        self.wrong(format!("{wanted} is needed here, not a TOML {}", self.value.type_str()))
    }

    /// A text.
    pub(crate) fn text(&self) -> Result<&'a str, KeyError> {
        self.value.as_str().ok_or_else(|| self.other("a string"))
    }

    /// A text that says something.
    pub(crate) fn words(&self) -> Result<String, KeyError> {
        match self.text()?.trim() {
            "" => Err(self.wrong("it says nothing")),
            words => Ok(words.to_owned()),
        }
    }

    /// One text or several.
    pub(crate) fn texts(&self) -> Result<Vec<&'a str>, KeyError> {
        match self.value {
            DeValue::Array(array) => array
                .iter()
                .map(|value| value.get_ref().as_str().ok_or_else(|| self.other("a list of strings")))
                .collect(),
            _ => Ok(vec![self.text()?]),
        }
    }

    /// A count.
    pub(crate) fn count(&self) -> Result<u64, KeyError> {
        let DeValue::Integer(integer) = self.value else { return Err(self.other("a whole number")) };
        u64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| self.wrong("a count is needed, from 0 on"))
    }

    /// Yes or no.
    pub(crate) fn flag(&self) -> Result<bool, KeyError> {
        self.value.as_bool().ok_or_else(|| self.other("true or false"))
    }

    /// A day, as a date of TOML or as a text; as a text.
    pub(crate) fn day(&self) -> Result<String, KeyError> {
        match self.value {
            DeValue::Datetime(day) => Ok(day.to_string()),
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.other("a date")),
        }
    }

    /// The table behind it.
    pub(crate) fn table(&self) -> Result<Table<'a>, KeyError> {
        let table = self.value.as_table().ok_or_else(|| self.other("a table"))?;
        Ok(Table { source: self.source, path: self.path.clone(), table, starts: self.at })
    }

    /// The tables behind it, written as `[[key]]`.
    pub(crate) fn tables(&self) -> Result<Vec<Table<'a>>, KeyError> {
        let DeValue::Array(array) = self.value else { return Err(self.other(&format!("[[{}]]", self.path))) };
        let table = |value: &'a Spanned<DeValue<'a>>| {
            let table = value.get_ref().as_table().ok_or_else(|| self.other(&format!("[[{}]]", self.path)))?;
            Ok(Table { source: self.source, path: self.path.clone(), table, starts: value.span().start })
        };
        array.iter().map(table).collect()
    }
}

/// What may have been meant: the likest of the words, or all if it's like none.
pub(crate) fn suggestion(typed: &str, known: &[&str]) -> String {
    let far = typed.chars().count() / 3 + 1;
    let distances = known.iter().map(|word| distance(typed, word));
    let best = distances.min().filter(|best| *best <= far);
    let near: Vec<String> = match best {
        Some(best) => {
            known.iter().filter(|word| distance(typed, word) == best).map(|word| format!("{word:?}")).collect()
        }
        None => known.iter().map(|word| format!("{word:?}")).collect(),
    };
    match near.as_slice() {
        [one] => format!("did you mean {one}?"),
        [one, other] => format!("did you mean {one} or {other}?"),
        many => format!("there are {}", many.join(", ")),
    }
}
