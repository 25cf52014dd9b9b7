//! Feature files: found, read, and unfolded into scenarios.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::text;

/// Where feature files are looked for when no path is given.
pub const FEATURES: &str = "features";

/// Why no feature file could be read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Nothing is there.
    #[error("there is no file or folder `{}`", .0.display())]
    Missing(PathBuf),
    /// The folder that's looked into by default isn't there.
    #[error("there is no folder `features` here: name the feature files or their folder")]
    NoFeatures,
    /// A folder without a feature file.
    #[error("there is no feature file in the folder `{}`: their names end with .feature", .0.display())]
    Empty(PathBuf),
    /// A file that is something else.
    #[error("`{}` is not a feature file: their names end with .feature", .0.display())]
    NotAFeature(PathBuf),
    /// Two files that would have the same seeds, test names and records.
    #[error("`{one}` and `{other}` are both called `{key}` in seeds and records: run them apart")]
    SameKey {
        /// The file that was found first.
        one: String,
        /// The other.
        other: String,
        /// What both are called: see [`key`].
        key: String,
    },
    /// A file that can't be read.
    #[error("`{}` can't be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A feature file and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureText {
    /// Where it is.
    pub path: PathBuf,
    /// How it's shown: as it was given or found, with `/` between folders.
    pub shown: String,
    /// What it's called in seeds and test names, wherever the command was started: see [`key`].
    pub key: String,
    /// What stands in it.
    pub text: String,
}

/// Finds and reads the feature files of some paths; those of a folder in the order of their names, folders within it
/// included. A file that is reached twice is read once. Without a path it's the folder `features`.
pub fn find(paths: &[PathBuf]) -> Result<Vec<FeatureText>, FindError> {
    if paths.is_empty() {
        let features = PathBuf::from(FEATURES);
        return if features.exists() { find(&[features]) } else { Err(FindError::NoFeatures) };
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            walk(path, &mut found)?;
            if found.len() == before {
                return Err(FindError::Empty(path.clone()));
            }
        } else if !path.exists() {
            return Err(FindError::Missing(path.clone()));
        } else if is_feature(path) {
            found.push(path.clone());
        } else {
            return Err(FindError::NotAFeature(path.clone()));
        }
    }
    let mut seen = BTreeSet::new();
    let mut texts: Vec<FeatureText> = Vec::new();
    for path in found {
        let unreadable = |source| FindError::Unreadable { path: path.clone(), source };
        let absolute = path.canonicalize().map_err(unreadable)?;
        if !seen.insert(absolute.clone()) {
            continue;
        }
        let text = text::read(&path).map_err(|error| unreadable(error.into()))?;
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
        let text = FeatureText { shown: slashed(&path), key: key(&absolute, &here), path, text };
        if let Some(one) = texts.iter().find(|earlier| earlier.key == text.key) {
            return Err(FindError::SameKey { one: one.shown.clone(), other: text.shown, key: text.key });
        }
        texts.push(text);
    }
    Ok(texts)
}

/// The feature files of some paths, as far as they're there and their folders can be read.
pub(crate) fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            // What was found before the trouble is as good as without it.
            let _ = walk(path, &mut found);
        } else if path.is_file() && is_feature(path) {
            found.push(path.clone());
        }
    }
    found
}

fn is_feature(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "feature")
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), FindError> {
    let unreadable = |source| FindError::Unreadable { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    // The order of a directory is the file system's own; the order of a run is not.
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A linked folder is not followed, for it may hold the folder that it's linked from.
        if path.is_dir() && !path.is_symlink() && !hidden {
            walk(&path, found)?;
        } else if path.is_file() && is_feature(&path) && !hidden {
            found.push(path);
        }
    }
    Ok(())
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    let parts: Vec<_> = parts.iter().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/").replace("//", "/")
}

/// What a feature file is called, the same from wherever a run is started: seeds and test names are made from it, and a
/// line that replays one scenario of a folder must find the seed that it had in the run of the whole folder.
///
/// It is the path from the nearest folder named `features` on; without such a folder, the path from `here` on, or
/// the bare name of a file that lies elsewhere.
pub fn key(absolute: &Path, here: &Path) -> String {
    let parts: Vec<_> = absolute.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    if let Some(at) = folders.iter().rposition(|part| part == FEATURES) {
        return parts[at..].join("/");
    }
    match absolute.strip_prefix(here) {
        Ok(relative) => slashed(relative),
        Err(_) => parts.last().map(|name| name.to_string()).unwrap_or_default(),
    }
}

/// One row of an outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Its cells.
    pub values: Vec<String>,
    /// Its line.
    pub line: usize,
}

impl Row {
    /// Each cell with its column's name.
    pub fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.iter().map(String::as_str).zip(self.values.iter().map(String::as_str))
    }
}

/// One scenario as it's run: an outline makes one of each row.
#[derive(Debug, Clone)]
pub struct Unfolded {
    /// The rule it stands in, by its place among the feature's rules.
    pub rule: Option<usize>,
    /// The scenario with the row's values in place.
    pub scenario: gherkin::Scenario,
    /// The row.
    pub row: Option<Row>,
    /// Tags of the feature, the rule, the scenario and the examples, each once, without their `@`.
    pub tags: Vec<String>,
}

/// The scenarios of a feature in the order of the file. A placeholder that no column fills stays as it is. `line_of_row`
/// finds the line of a row from the line of its table's heading and the number of the row, counted from 1.
pub fn unfold(feature: &gherkin::Feature, line_of_row: &dyn Fn(usize, usize) -> usize) -> Vec<Unfolded> {
    let bare = feature.scenarios.iter().map(|scenario| (None, scenario));
    let in_rules = feature
        .rules
        .iter()
        .enumerate()
        .flat_map(|(at, rule)| rule.scenarios.iter().map(move |scenario| (Some(at), scenario)));
    let mut unfolded = Vec::new();
    for (rule, scenario) in bare.chain(in_rules) {
        let rule_tags = rule.map(|at| feature.rules[at].tags.as_slice()).unwrap_or_default();
        let tags = |examples: &[String]| {
            let mut tags: Vec<String> = Vec::new();
            for tag in feature.tags.iter().chain(rule_tags).chain(&scenario.tags).chain(examples) {
                if !tags.contains(tag) {
                    tags.push(tag.clone());
                }
            }
            tags
        };
        if scenario.examples.is_empty() {
            unfolded.push(Unfolded { rule, scenario: scenario.clone(), row: None, tags: tags(&[]) });
        }
        // Without the rows, since each of them gets a copy.
        let bare = gherkin::Scenario { examples: Vec::new(), ..scenario.clone() };
        for examples in &scenario.examples {
            let Some(table) = &examples.table else { continue };
            let Some((heading, rows)) = table.rows.split_first() else { continue };
            let used = gherkin::Examples { table: None, ..examples.clone() };
            let used_table = gherkin::Table { rows: Vec::new(), ..table.clone() };
            for (at, values) in rows.iter().enumerate() {
                let line = line_of_row(table.position.line, at + 1);
                let mut filled = bare.clone();
                filled.position.line = line;
                filled.tags.extend(examples.tags.iter().cloned());
                fill(&mut filled, heading, values);
                // What is left of the examples is the row that was used, so that unfolding twice changes nothing.
                let table = gherkin::Table { rows: vec![heading.clone(), values.clone()], ..used_table.clone() };
                filled.examples = vec![gherkin::Examples { table: Some(table), ..used.clone() }];
                let row = Some(Row { columns: heading.clone(), values: values.clone(), line });
                unfolded.push(Unfolded { rule, scenario: filled, row, tags: tags(&examples.tags) });
            }
        }
    }
    unfolded
}

fn fill(scenario: &mut gherkin::Scenario, heading: &[String], values: &[String]) {
    let put = |text: &mut String| {
        if text.contains('<') {
            *text = filled(text, heading, values);
        }
    };
    put(&mut scenario.name);
    for step in &mut scenario.steps {
        put(&mut step.value);
        step.docstring.iter_mut().for_each(put);
        step.table.iter_mut().flat_map(|table| &mut table.rows).flatten().for_each(put);
    }
}

/// A text with its placeholders filled in one pass, so that a value that looks like a placeholder stays a value.
fn filled(text: &str, heading: &[String], values: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let value = rest.find('>').and_then(|end| {
            let column = heading.iter().position(|name| *name == rest[1..end])?;
            Some((values.get(column)?, end))
        });
        match value {
            Some((value, end)) => {
                out.push_str(value);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The placeholders that stand in a text.
pub fn placeholders(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(end) = rest.find('>') {
            let name = &rest[..end];
            // `<` is also the sign for "less than", with blanks around it.
            if !name.is_empty() && !name.contains('<') && name.trim() == name {
                found.push(name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_called_the_same_from_wherever_a_run_is_started() {
        let file = Path::new("/home/q/shop/features/sip/calls.feature");
        assert_eq!(key(file, Path::new("/home/q/shop")), "features/sip/calls.feature");
        assert_eq!(key(file, Path::new("/home/q/shop/features/sip")), "features/sip/calls.feature");
        assert_eq!(key(Path::new("/q/specs/x.feature"), Path::new("/q")), "specs/x.feature");
        assert_eq!(key(Path::new("/q/x.feature"), Path::new("/elsewhere")), "x.feature");
        assert_eq!(key(Path::new("/q/features"), Path::new("/")), "q/features", "a file may have that name too");
    }

    #[test]
    fn a_value_that_looks_like_a_placeholder_stays_a_value() {
        let heading = ["a".to_owned(), "b".to_owned()];
        let values = ["<b>".to_owned(), "2".to_owned()];
        assert_eq!(filled("<a> < <b> <c>", &heading, &values), "<b> < 2 <c>");
    }

    #[test]
    fn less_than_is_no_placeholder() {
        assert_eq!(placeholders("a < b and c > d <e> <f g>"), ["e", "f g"]);
    }
}
