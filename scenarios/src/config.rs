//! `busyhour.toml`: what `busyhour run` is told when the command line says nothing. `busyhour watch` is told the same,
//! `busyhour check` the paths, `busyhour gate` and `busyhour show` where the run is.
//!
//! It's looked for in the working folder and those around it, up to the one that holds a repository. Its values go the
//! way of flags: each is read by the flag's own reader, and a flag that was typed wins. Paths in it are seen from its
//! folder.
//!
//! ```toml
//! [run]
//! paths = ["features"]
//! seeds = "0..50"
//! out = "target/busyhour"
//! formats = ["pretty", "junit"]
//! ```

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::keys::{Entry, KeyError, Source};

/// The file's name.
pub const CONFIG: &str = "busyhour.toml";

/// What a value of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// A count, or a text that the flag reads.
    Number,
    /// A path, seen from the file's folder.
    Place,
    /// One text or several, for a flag that may be repeated.
    Texts,
    /// The same, where `KIND=FILE` names a file that's seen from the file's folder.
    Formats,
    Flag,
}

/// A key of `[run]`, and the flag that it stands for.
struct Key {
    key: &'static str,
    /// As clap calls it.
    flag: &'static str,
    kind: Kind,
    /// Flags that it has to give way to as well.
    yields_to: &'static [&'static str],
}

const fn key(key: &'static str, flag: &'static str, kind: Kind, yields_to: &'static [&'static str]) -> Key {
    Key { key, flag, kind, yields_to }
}

/// Every key. One whose flag this build doesn't have is unknown.
const KEYS: &[Key] = &[
    key("paths", PATHS, Kind::Texts, &["live"]),
    key("seed", "seed", Kind::Number, &["seeds", "live"]),
    key("seeds", "seeds", Kind::Text, &["seed", "live"]),
    key("jobs", "jobs", Kind::Number, &[]),
    key("tags", "tags", Kind::Text, &[]),
    key("name", "name", Kind::Text, &[]),
    key("out", "out", Kind::Place, &[]),
    key("cadence", "cadence", Kind::Text, &[]),
    key("formats", "formats", Kind::Formats, &[]),
    key("check_determinism", "check_determinism", Kind::Flag, &["live"]),
];
/// The feature files: they have no flag, and come last.
const PATHS: &str = "paths";

/// What a file says.
#[derive(Debug, Clone, Default)]
pub struct Config {
    settings: Vec<Setting>,
}

/// What it says of one flag.
#[derive(Debug, Clone)]
struct Setting {
    flag: &'static str,
    yields_to: &'static [&'static str],
    /// As `file:line`.
    place: String,
    /// The arguments that say the same on a command line.
    arguments: Vec<OsString>,
    /// The values, for people.
    values: Vec<String>,
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was typed.
    Flag,
    /// A line of the file.
    File(String),
    /// Nobody said anything.
    Default,
}

impl Config {
    /// The file that's in force in that folder, and what it says; nothing if there is none.
    pub fn find(folder: &Path, run: &clap::Command) -> Result<Config, KeyError> {
        for (up, around) in folder.ancestors().enumerate() {
            let file = around.join(CONFIG);
            // Whatever has that name is meant, be it a link that leads nowhere: reading it says what's wrong.
            if file.symlink_metadata().is_ok() {
                // As a person in the folder would name it.
                let way: PathBuf = std::iter::repeat_n("..", up).collect();
                let source = Source::read_as(&file, &way.join(CONFIG))?;
                return Config::read(&source, &way, run);
            }
            if around.join(".git").exists() {
                break;
            }
        }
        Ok(Config::default())
    }

    /// Reads a file whose folder is reached by `way`.
    fn read(source: &Source, way: &Path, run: &clap::Command) -> Result<Config, KeyError> {
        let parsed = source.parsed().map_err(|error| with_quotes(error, source))?;
        let known: Vec<&Key> = KEYS.iter().filter(|key| has(run, key.flag)).collect();
        let mut config = Config::default();
        for entry in source.table(&parsed).entries() {
            if entry.key != "run" && known.iter().any(|key| key.key == entry.key) {
                return Err(entry.wrong("this key stands below a line `[run]`"));
            }
            if entry.key != "run" {
                return Err(entry.unknown(&["run"]));
            }
            for entry in entry.table()?.entries() {
                let Some(key) = known.iter().find(|key| key.key == entry.key) else {
                    return Err(entry.unknown(&known.iter().map(|key| key.key).collect::<Vec<_>>()));
                };
                config.settings.push(setting(key, &entry, way, run)?);
            }
        }
        let of = |flag: &str| config.settings.iter().find(|setting| setting.flag == flag);
        if let (Some(seed), Some(_)) = (of("seed"), of("seeds")) {
            let what = "run.seed: `seed` and `seeds` are two ways to say the same: keep one".to_owned();
            return Err(KeyError::Wrong { place: seed.place.clone(), what });
        }
        Ok(config)
    }

    /// The line as it was typed, with what the file adds of the flags that `verb` has. `matches` is what was read of the
    /// line.
    ///
    /// # Errors
    /// A path in force leads nowhere.
    pub fn complete(
        &self,
        typed: &[OsString],
        matches: &ArgMatches,
        verb: &clap::Command,
    ) -> Result<Vec<OsString>, KeyError> {
        let in_force = self.settings.iter().filter(|setting| {
            has(verb, setting.flag) && self.origin(setting.flag, matches) != Origin::Flag && !setting.gives_way(matches)
        });
        let (paths, flags): (Vec<&Setting>, Vec<&Setting>) = in_force.partition(|setting| setting.flag == PATHS);
        // The program and its verb; behind them flags may stand wherever the typed ones do.
        let (head, tail) = typed.split_at(typed.len().min(2));
        let mut line = head.to_vec();
        line.extend(flags.iter().flat_map(|setting| setting.arguments.iter().cloned()));
        line.extend(tail.iter().cloned());
        if !paths.is_empty() && !tail.iter().any(|word| word == "--") {
            line.push("--".into());
        }
        for setting in paths {
            if let Some(gone) = setting.values.iter().find(|path| !Path::new(path).exists()) {
                let what = format!("run.paths: there is no file or folder `{gone}`");
                return Err(KeyError::Wrong { place: setting.place.clone(), what });
            }
            line.extend(setting.arguments.iter().cloned());
        }
        Ok(line)
    }

    /// Where the value of a flag is from.
    pub fn origin(&self, flag: &str, matches: &ArgMatches) -> Origin {
        if is_typed(flag, matches) {
            return Origin::Flag;
        }
        match self.settings.iter().find(|setting| setting.flag == flag) {
            Some(setting) if !setting.gives_way(matches) => Origin::File(setting.place.clone()),
            _ => Origin::Default,
        }
    }

    /// What the file says of a flag.
    pub fn values(&self, flag: &str) -> Option<String> {
        let setting = self.settings.iter().find(|setting| setting.flag == flag)?;
        Some(setting.values.join(", "))
    }
}

/// Whether a verb has that flag.
fn has(verb: &clap::Command, flag: &str) -> bool {
    verb.get_arguments().any(|argument| argument.get_id() == flag)
}

/// A range is what's likeliest to stand there without its quotes.
fn with_quotes(error: KeyError, source: &Source) -> KeyError {
    let KeyError::Wrong { place, what } = error else { return error };
    let line = source.line_at(&place).and_then(|line| line.split_once('='));
    let what = match line {
        Some((key, value)) if value.contains("..") && !value.contains(['"', '\'']) => {
            format!("{what}; a range stands in quotes: {} = {:?}", key.trim(), value.trim())
        }
        _ => what,
    };
    KeyError::Wrong { place, what }
}

impl Setting {
    fn gives_way(&self, matches: &ArgMatches) -> bool {
        self.yields_to.iter().any(|flag| is_typed(flag, matches))
    }
}

fn is_typed(flag: &str, matches: &ArgMatches) -> bool {
    matches.try_contains_id(flag).is_ok() && matches.value_source(flag) == Some(ValueSource::CommandLine)
}

fn setting(key: &Key, entry: &Entry<'_>, way: &Path, run: &clap::Command) -> Result<Setting, KeyError> {
    let values: Vec<String> = match key.kind {
        Kind::Text => vec![entry.text()?.to_owned()],
        Kind::Number => vec![entry.count()?.to_string()],
        Kind::Place => vec![seen_from_here(way, entry.text()?)],
        Kind::Texts | Kind::Formats if entry.texts()?.is_empty() => {
            return Err(entry.wrong("this list says nothing; leave the key out for what's done without it"));
        }
        Kind::Texts if key.flag == PATHS => entry.texts()?.iter().map(|path| seen_from_here(way, path)).collect(),
        Kind::Formats => entry.texts()?.iter().map(|format| format_from_here(way, format)).collect(),
        Kind::Texts => entry.texts()?.iter().map(|&text| text.to_owned()).collect(),
        Kind::Flag if entry.flag()? => vec!["true".to_owned()],
        Kind::Flag => Vec::new(),
    };
    let flag = run.get_arguments().find(|argument| argument.get_id() == key.flag);
    let long = flag.and_then(clap::Arg::get_long).unwrap_or(key.flag);
    let arguments: Vec<OsString> = match key.kind {
        Kind::Flag => values.iter().map(|_| format!("--{long}").into()).collect(),
        _ if key.flag == PATHS => values.iter().map(OsString::from).collect(),
        _ => values.iter().map(|value| format!("--{long}={value}").into()).collect(),
    };
    // The flag's own reader says what's wrong; which line it's on is known here alone.
    let line =
        [OsString::from("run")].into_iter().chain((key.flag == PATHS).then(|| "--".into())).chain(arguments.clone());
    if let Err(error) = run.clone().try_get_matches_from(line) {
        let told = std::error::Error::source(&error).map(ToString::to_string);
        let whole = error.to_string();
        let first = whole.lines().next().unwrap_or_default();
        return Err(entry.wrong(told.unwrap_or_else(|| first.trim_start_matches("error: ").to_owned())));
    }
    let values = if key.kind == Kind::Flag && values.is_empty() { vec!["false".to_owned()] } else { values };
    Ok(Setting { flag: key.flag, yields_to: key.yields_to, place: entry.place(), arguments, values })
}

fn seen_from_here(way: &Path, path: &str) -> String {
    way.join(path).display().to_string()
}

fn format_from_here(way: &Path, format: &str) -> String {
    match format.split_once('=') {
        Some((kind, file)) if !file.is_empty() => format!("{kind}={}", seen_from_here(way, file)),
        _ => format.to_owned(),
    }
}

/// What was typed for a flag, for people.
pub fn typed(flag: &str, matches: &ArgMatches) -> String {
    let values = matches.get_raw(flag).into_iter().flatten();
    values.map(|value: &OsStr| value.to_string_lossy()).collect::<Vec<_>>().join(", ")
}
