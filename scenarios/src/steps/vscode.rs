//! What the official Cucumber extension of Visual Studio Code needs to complete and check our phrases.
//!
//! The extension knows steps by reading source files ("glue"). Of Rust it reads functions at the top level of a file, each with one attribute
//! `#[given("…")]`, whose text is a cucumber expression; of kinds of arguments it reads its settings. So there's a file of
//! such functions that nobody compiles, and a settings file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Sought;
use crate::argument;
use crate::phrase::keyword_word;

/// The editor's settings, below the folder that it opens.
pub const SETTINGS: &str = ".vscode/settings.json";
/// The phrases as the extension reads them.
pub const GLUE: &str = ".vscode/busyhour_steps.rs";

/// How the glue begins: a file that doesn't is somebody else's.
const HEAD: &str = "// Made by `busyhour steps --format vscode`, for the editor alone: nobody compiles this.\n";
/// The kinds of arguments that every cucumber knows; they can't be told again.
const BUILT_IN: &[&str] =
    &["int", "float", "word", "string", "double", "bigdecimal", "byte", "short", "long", "biginteger"];

/// Why the files aren't written.
#[derive(Debug, thiserror::Error)]
pub enum VscodeError {
    /// The settings hold more than ours.
    #[error(
        "{} has settings of yours and is left as it is; add these to it, or replace those of the same names:\n{add}",
        .file.display()
    )]
    OthersSettings {
        /// The file.
        file: PathBuf,
        /// What is to be added.
        add: String,
    },
    /// There's a file of that name that we didn't make.
    #[error("{} wasn't made by busyhour and is left as it is: move it away", .file.display())]
    OthersGlue {
        /// The file.
        file: PathBuf,
    },
    /// A file or folder can't be read or written.
    #[error("{} can't be written: {source}", .file.display())]
    Io {
        /// Which one.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes both files below a folder, and says which were written.
///
/// # Errors
/// One of them is somebody else's, or can't be written. The glue is written all the same if only the settings are.
pub fn write(folder: &Path, sought: &Sought<'_>) -> Result<Vec<PathBuf>, VscodeError> {
    let (settings_file, glue_file) = (folder.join(SETTINGS), folder.join(GLUE));
    let made_glue = read(&glue_file)?.is_none_or(|text| text.starts_with(HEAD));
    if !made_glue {
        return Err(VscodeError::OthersGlue { file: glue_file });
    }
    let mut written = vec![put(&glue_file, &glue(sought))?];
    let ours = settings();
    let there = read(&settings_file)?;
    if there.as_deref().is_none_or(|text| is_ours(text, &ours)) {
        let has_all = there.as_deref().is_some_and(|text| holds(text, &ours));
        if !has_all {
            written.push(put(&settings_file, &format!("{:#}\n", Value::Object(ours)))?);
        }
        return Ok(written);
    }
    Err(VscodeError::OthersSettings { file: settings_file, add: format!("{:#}", Value::Object(ours)) })
}

/// Both files as they'd be written into an empty folder.
pub(crate) fn files(sought: &Sought<'_>) -> [(&'static str, String); 2] {
    [(SETTINGS, format!("{:#}\n", Value::Object(settings()))), (GLUE, glue(sought))]
}

fn read(file: &Path) -> Result<Option<String>, VscodeError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(VscodeError::Io { file: file.to_owned(), source }),
    }
}

fn put(file: &Path, text: &str) -> Result<PathBuf, VscodeError> {
    let trouble = |source| VscodeError::Io { file: file.to_owned(), source };
    fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).map_err(trouble)?;
    fs::write(file, text).map_err(trouble)?;
    Ok(file.to_owned())
}

/// True if nothing would be lost with a settings file: it holds nothing but our names, or all of ours as they are.
fn is_ours(text: &str, ours: &Map<String, Value>) -> bool {
    let only_ours = |there: &Map<String, Value>| there.keys().all(|name| ours.contains_key(name));
    // Settings may have comments, which no reader of JSON reads: those are somebody's.
    let there = serde_json::from_str::<Map<String, Value>>(text);
    there.is_ok_and(|there| only_ours(&there)) || holds(text, ours) || text.trim().is_empty()
}

fn holds(text: &str, ours: &Map<String, Value>) -> bool {
    let there = serde_json::from_str::<Map<String, Value>>(text);
    there.is_ok_and(|there| ours.iter().all(|(name, value)| there.get(name) == Some(value)))
}

fn settings() -> Map<String, Value> {
    let kinds = argument::KINDS.iter().filter(|kind| !BUILT_IN.contains(&kind.name));
    let kinds: Vec<Value> =
        kinds.map(|kind| json!({ "name": kind.name, "regexp": for_javascript(kind.pattern) })).collect();
    let settings = json!({
        "cucumber.features": ["features/**/*.feature"],
        "cucumber.glue": [GLUE],
        "cucumber.parameterTypes": kinds,
    });
    match settings {
        Value::Object(settings) => settings,
        other => panic!("settings are an object, and not {other}"),
    }
}

/// A pattern as the extension reads it: it knows no classes of letters (`\p{L}`), for it doesn't ask for Unicode.
fn for_javascript(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut rest = pattern;
    while let Some(sign) = rest.chars().next() {
        let class = [(r"\p{L}", "A-Za-z\u{00C0}-\u{024F}\u{0370}-\u{03FF}\u{0400}-\u{04FF}"), (r"\p{N}", "0-9")];
        if let Some((class, signs)) = class.iter().find(|(class, _)| rest.starts_with(class)) {
            out.push_str(&if in_class { (*signs).to_owned() } else { format!("[{signs}]") });
            rest = &rest[class.len()..];
            continue;
        }
        match sign {
            '\\' => {
                let escaped = rest.chars().nth(1).map_or(1, char::len_utf8);
                out.push_str(&rest[..1 + escaped.min(rest.len() - 1)]);
                rest = &rest[1 + escaped.min(rest.len() - 1)..];
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        out.push(sign);
        rest = &rest[sign.len_utf8()..];
    }
    out
}

/// The phrases as functions that nobody calls.
fn glue(sought: &Sought<'_>) -> String {
    let mut out = HEAD.to_owned();
    let mut number = 0;
    let mut step = |out: &mut String, doc: &str, keyword: &str, expression: &str| {
        number += 1;
        // A quote can't be escaped for the extension, but it can stand in a raw text.
        let text = match expression.contains('"') {
            true => format!("expr = r#\"{expression}\"#"),
            false => format!("\"{}\"", expression.replace('\\', r"\\")),
        };
        let doc = doc.replace('\n', " ");
        out.push_str(&format!("\n// {doc}\n#[{}({text})]\nfn step_{number}() {{}}\n", keyword.to_lowercase()));
    };
    for (subject, phrases) in &sought.subjects {
        out.push_str(&format!("\n// --- {} ---\n", subject.title));
        for phrase in phrases {
            step(&mut out, phrase.doc, keyword_word(phrase.kind.home()), phrase.expression);
        }
    }
    for phrase in &sought.own {
        let doc = format!("{}: {}", phrase.place(), phrase.doc.as_deref().unwrap_or("made of other phrases"));
        step(&mut out, &doc, keyword_word(phrase.home()), phrase.expression());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{self, Vocabulary};

    #[test]
    fn patterns_lose_what_javascript_reads_otherwise() {
        assert_eq!(for_javascript(r"a\p{N}+[\p{N}_-]\.\S"), r"a[0-9]+[0-9_-]\.\S");
        for kind in argument::KINDS {
            let pattern = for_javascript(kind.pattern);
            assert!(!pattern.contains(r"\p"), "{}: {pattern}", kind.name);
            assert!(!pattern.contains("(?i"), "{}: {pattern}", kind.name);
            regex::Regex::new(&pattern).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        }
    }

    #[test]
    fn every_example_is_found_by_the_patterns_that_the_editor_gets() {
        let vocabulary = Vocabulary::of_this_build();
        for example in vocabulary::built_in().flat_map(|phrase| phrase.examples()) {
            let vocabulary::Found::One(bound) = vocabulary.find(&vocabulary::step_of(example)) else { panic!() };
            let vocabulary::Bound::Phrase(_, matches) = *bound else { panic!() };
            for (kind, words) in matches.arguments() {
                let pattern = format!("^(?:{})$", for_javascript(kind.pattern));
                assert!(regex::Regex::new(&pattern).unwrap().is_match(words), "{}: {words}", kind.name);
            }
        }
    }

    #[test]
    fn the_glue_has_each_phrase_once_as_a_function_of_its_own() {
        let vocabulary = Vocabulary::of_this_build();
        let glue = glue(&Sought::new(&vocabulary, &[], &[]));
        assert_eq!(glue.matches("\nfn step_").count(), vocabulary::built_in().count());
        assert!(glue.contains("#[when(\"{agent} call(s) {callee}\")]\nfn step_"), "{glue}");
        assert!(glue.lines().filter(|line| line.starts_with("#[")).all(|line| line.ends_with(")]")));
    }

    #[test]
    fn settings_are_ours_if_nothing_would_be_lost() {
        let ours = settings();
        assert!(is_ours("", &ours) && is_ours("{}", &ours));
        assert!(is_ours("{\"cucumber.glue\": []}", &ours), "an older one of ours");
        assert!(!is_ours("{\"editor.tabSize\": 2}", &ours));
        assert!(!is_ours("{ // mine\n}", &ours));
        let mut with_more = ours.clone();
        with_more.insert("editor.tabSize".to_owned(), json!(2));
        let text = Value::Object(with_more).to_string();
        assert!(is_ours(&text, &ours) && holds(&text, &ours), "it has all of ours already");
    }
}
