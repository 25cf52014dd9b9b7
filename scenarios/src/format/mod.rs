//! What a run leaves for others to read: `busyhour run --format KIND[=FILE]`, several at once.
//!
//! - `pretty` is what [`crate::report`] prints.
//! - [`junit`] is for build servers, in the dialect that Jenkins and GitLab read.
//! - [`messages`] are Cucumber's, of which its own HTML formatter makes a page.
//! - [`github`] annotates the lines of feature files, and writes the summary of a workflow's step.
//! - `json` is the document that each run leaves as `results.json`.
//!
//! Each is made of what [`telling`] tells: every run of a scenario while there are few, and beyond that those that didn't
//! pass and the sum of the rest. The writers share the words that a [`Word`] has for what came of a run: a run that wasn't
//! the same a second time is `nondeterministic` in all of them, and nothing is ever called flaky.

pub mod github;
pub mod junit;
pub mod messages;
pub mod telling;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use self::telling::{Telling, Told};
use crate::outcome::{ScenarioResult, Verdict};
use crate::paint::Paint;
use crate::report::Launcher;
use crate::run::{Job, Plan};

/// A way to tell of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What a person reads.
    Pretty,
    /// JUnit's XML.
    Junit,
    /// Cucumber's messages.
    Messages,
    /// Annotations and a step summary.
    Github,
    /// The results.
    Json,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Pretty, Kind::Junit, Kind::Messages, Kind::Github, Kind::Json];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pretty => "pretty",
            Kind::Junit => "junit",
            Kind::Messages => "messages",
            Kind::Github => "github",
            Kind::Json => "json",
        }
    }

    /// Where it goes if no file is named.
    fn default_outlet(self, out: &Path) -> Outlet {
        match self {
            Kind::Junit => Outlet::File(out.join("junit.xml")),
            Kind::Messages => Outlet::File(out.join("messages.ndjson")),
            Kind::Pretty | Kind::Github | Kind::Json => Outlet::Stdout,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `--format` was told: `junit`, or `junit=report.xml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The way.
    pub kind: Kind,
    /// The file, `-` being standard output.
    pub file: Option<PathBuf>,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Format, String> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(file)),
            None => (text, None),
        };
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == name) else {
            return Err(format!("`{name}` is no format: write pretty, junit, messages, github or json"));
        };
        if file == Some("") {
            return Err(format!("a file must stand behind `=`, as in {kind}=FILE"));
        }
        Ok(Format { kind, file: file.map(PathBuf::from) })
    }
}

/// Where a format goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlet {
    /// Standard output.
    Stdout,
    /// A file, which is made anew.
    File(PathBuf),
}

/// Why formats can't be written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Two of them want standard output.
    #[error("{one} and {other} both want standard output: give one of them a file, as in --format {other}=FILE{hint}")]
    BothWantStdout {
        /// The one.
        one: Kind,
        /// The other.
        other: Kind,
        /// What else may help.
        hint: &'static str,
    },
    /// Two of them want the same file.
    #[error("{one} and {other} would both be written to `{}`", .file.display())]
    SameFile {
        /// The one.
        one: Kind,
        /// The other.
        other: Kind,
        /// The file.
        file: PathBuf,
    },
    /// A file can't be made.
    #[error("{kind} can't be written to `{}`: {source}", .file.display())]
    Unwritable {
        /// The format.
        kind: Kind,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A feature file can't be read a second time.
    #[error("messages hold the feature files, and `{file}` can't be read any more: {why}")]
    Source {
        /// The feature file.
        file: String,
        /// What's wrong.
        why: String,
    },
}

/// Which formats go where. What a person reads goes to standard output unless another format does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Where the report for people goes. Annotations on standard output stand below it.
    pub pretty: Vec<Outlet>,
    others: Vec<(Kind, Outlet)>,
}

impl Choice {
    /// Sorts out what was asked for; `out` is the folder of the run.
    ///
    /// # Errors
    /// Two formats want the same place.
    pub fn of(formats: &[Format], out: &Path) -> Result<Choice, FormatError> {
        let mut chosen: Vec<(Kind, Outlet)> = Vec::new();
        for format in formats {
            let outlet = match &format.file {
                None => format.kind.default_outlet(out),
                Some(file) if file.as_os_str() == "-" => Outlet::Stdout,
                Some(file) => Outlet::File(file.clone()),
            };
            // Asked for twice, it's still written once.
            if !chosen.contains(&(format.kind, outlet.clone())) {
                chosen.push((format.kind, outlet));
            }
        }
        for (index, (other, outlet)) in chosen.iter().enumerate() {
            let Some((one, _)) = chosen[..index].iter().find(|(_, taken)| taken == outlet) else { continue };
            let (one, other) = (*one, *other);
            return Err(match outlet {
                Outlet::Stdout => FormatError::BothWantStdout { one, other, hint: hint(one, other) },
                Outlet::File(file) => FormatError::SameFile { one, other, file: file.clone() },
            });
        }
        let stdout = chosen.iter().find(|(_, outlet)| *outlet == Outlet::Stdout).map(|(kind, _)| *kind);
        let (pretty, others): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|(kind, _)| *kind == Kind::Pretty);
        let mut pretty: Vec<Outlet> = pretty.into_iter().map(|(_, outlet)| outlet).collect();
        if pretty.is_empty() && matches!(stdout, None | Some(Kind::Github)) {
            pretty.push(Outlet::Stdout);
        }
        Ok(Choice { pretty, others })
    }

    /// True if standard output holds a document and nothing else may be printed there.
    pub fn stdout_is_a_document(&self) -> bool {
        self.others.iter().any(|(kind, outlet)| *outlet == Outlet::Stdout && *kind != Kind::Github)
    }

    /// Makes the files, empty, so that a run doesn't find out at its end that it can't.
    ///
    /// # Errors
    /// A file can't be made, or a feature file can't be read.
    pub fn open(&self, plan: &Plan, launcher: Launcher) -> Result<Formats, FormatError> {
        let stdout_alone = self.pretty.iter().all(|outlet| *outlet == Outlet::Stdout);
        let paint = if stdout_alone { Paint::on(&io::stdout()) } else { Paint::OFF };
        let pretty = self.pretty.iter().map(|outlet| open(Kind::Pretty, outlet)).collect::<Result<_, _>>()?;
        let mut writers: Vec<Named> = Vec::new();
        for (kind, outlet) in &self.others {
            let out = open(*kind, outlet)?;
            let name = match outlet {
                Outlet::Stdout => kind.to_string(),
                Outlet::File(file) => format!("{kind}, to `{}`", file.display()),
            };
            let writer: Box<dyn Writer> = match kind {
                Kind::Pretty => unreachable!("what people read was set apart"),
                Kind::Junit => Box::new(junit::Junit::new(out, launcher)),
                Kind::Messages => Box::new(messages::Messages::new(out, plan, launcher)?),
                Kind::Github => Box::new(github::Github::new(out, plan, launcher)),
                Kind::Json => Box::new(Json(out)),
            };
            let file = match outlet {
                Outlet::Stdout => None,
                Outlet::File(file) => Some(file.clone()),
            };
            writers.push(Named { name, file, writer, failed: false });
        }
        let telling = Telling::of(plan);
        Ok(Formats { pretty: Some((Everywhere::of(pretty), paint)), writers, telling, trouble: Ok(()) })
    }
}

/// What may help where two formats want standard output.
fn hint(one: Kind, other: Kind) -> &'static str {
    let both = [one.min(other), one.max(other)];
    if both == [Kind::Pretty, Kind::Github] {
        "; github alone prints what pretty prints, and its annotations below"
    } else if both.contains(&Kind::Json) {
        "; results.json is in the folder of the run anyway"
    } else {
        ""
    }
}

fn open(kind: Kind, outlet: &Outlet) -> Result<Box<dyn Write>, FormatError> {
    let Outlet::File(file) = outlet else { return Ok(Box::new(io::stdout())) };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), fs::create_dir_all).and_then(|()| File::create(file));
    let made = made.map_err(|source| FormatError::Unwritable { kind, file: file.clone(), source })?;
    Ok(Box::new(BufWriter::new(made)))
}

/// What came of a run, in the words that all formats share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// It passed.
    Passed,
    /// Chance spared what a random fault was to strike.
    NotExercised,
    /// It failed.
    Failed,
    /// It wasn't the same when it was run again with the same seed: nothing that it says can be relied on.
    Nondeterministic,
    /// The harness itself failed.
    Bug,
}

impl Word {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Word::Passed => "passed",
            Word::NotExercised => "not exercised",
            Word::Failed => "failed",
            Word::Nondeterministic => "nondeterministic",
            Word::Bug => "bug",
        }
    }

    /// What came of a run; `different` if it was another when it was run again.
    pub fn of(verdict: Verdict, different: bool) -> Word {
        match verdict {
            Verdict::Bug => Word::Bug,
            _ if different => Word::Nondeterministic,
            Verdict::Failed => Word::Failed,
            Verdict::NotExercised => Word::NotExercised,
            Verdict::Passed => Word::Passed,
        }
    }

    /// Whether it's held against the run.
    pub fn is_bad(self) -> bool {
        self >= Word::Failed
    }
}

/// Somebody who writes a format.
pub trait Writer {
    /// Takes in what's told.
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()>;

    /// Writes what is left to be written.
    fn finish(&mut self, end: &End<'_>) -> io::Result<()>;
}

/// The end of a run.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Whether an interrupt came before all was run.
    pub cut_short: bool,
    /// The document that lies in the folder of the run as `results.json`.
    pub results: &'a str,
}

/// Hands on the results.
struct Json(Box<dyn Write>);

impl Writer for Json {
    fn tell(&mut self, _: &Told<'_>) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, end: &End<'_>) -> io::Result<()> {
        self.0.write_all(end.results.as_bytes())?;
        self.0.flush()
    }
}

/// A writer, what it's called where it fails, and its file.
struct Named {
    name: String,
    file: Option<PathBuf>,
    writer: Box<dyn Writer>,
    failed: bool,
}

impl Named {
    fn named(&mut self, written: io::Result<()>) -> io::Result<()> {
        self.failed |= written.is_err();
        written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.name)))
    }

    /// One that has failed once has said so, and is left as it is.
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        let written = if self.failed { Ok(()) } else { self.writer.tell(told) };
        self.named(written)
    }

    fn finish(&mut self, end: &End<'_>) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        // A file that somebody has swept away takes all that's written, and nobody will ever read it.
        let is_there = |file: &PathBuf| fs::metadata(file).map(|_| ());
        let written = self.writer.finish(end).and_then(|()| self.file.as_ref().map_or(Ok(()), is_there));
        self.named(written)
    }
}

/// Several places that get the same; nowhere, if there are none. One that takes no more keeps nothing from the others:
/// what's wrong with it is told when all is flushed.
pub struct Everywhere {
    outs: Vec<Box<dyn Write>>,
    trouble: io::Result<()>,
}

impl Everywhere {
    fn of(outs: Vec<Box<dyn Write>>) -> Everywhere {
        Everywhere { outs, trouble: Ok(()) }
    }

    fn each(&mut self, write: impl Fn(&mut Box<dyn Write>) -> io::Result<()>) {
        for out in &mut self.outs {
            let written = write(out);
            self.trouble = std::mem::replace(&mut self.trouble, Ok(())).and(written);
        }
    }
}

impl Write for Everywhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.each(|out| out.write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.each(|out| out.flush());
        std::mem::replace(&mut self.trouble, Ok(()))
    }
}

/// The formats of a run.
pub struct Formats {
    pretty: Option<(Everywhere, Paint)>,
    writers: Vec<Named>,
    telling: Telling,
    trouble: io::Result<()>,
}

impl Formats {
    /// Where the report for people goes, and in which colours. It's asked for once.
    pub fn take_pretty(&mut self) -> (Everywhere, Paint) {
        self.pretty.take().unwrap_or((Everywhere::of(Vec::new()), Paint::OFF))
    }

    /// Takes in one result, in the order of jobs, and how it differed from its second run, if it did.
    pub fn add(&mut self, job: &Job, result: &ScenarioResult, different: Option<&str>) {
        if self.writers.is_empty() {
            return;
        }
        let writers = &mut self.writers;
        let told = self.telling.add(job, result, different, &mut |told| tell_all(writers, told));
        self.trouble = std::mem::replace(&mut self.trouble, Ok(())).and(told);
    }

    /// Writes all that's left.
    ///
    /// # Errors
    /// Something couldn't be written; all else is.
    pub fn finish(mut self, end: &End<'_>) -> io::Result<()> {
        let writers = &mut self.writers;
        let last = self.telling.close(&mut |told| tell_all(writers, told));
        let mut written = self.trouble.and(last);
        for writer in &mut self.writers {
            written = written.and(writer.finish(end));
        }
        written
    }
}

/// Tells each of them, whatever becomes of the others.
fn tell_all(writers: &mut [Named], told: &Told<'_>) -> io::Result<()> {
    writers.iter_mut().map(|writer| writer.tell(told)).fold(Ok(()), Result::and)
}

/// A text in which every character can be seen: those that control a terminal, or that XML can't hold, have pictures in
/// their places. Line ends and tabs stay.
pub fn visible(text: &str) -> String {
    let picture = |sign: char| match sign {
        '\n' | '\t' => sign,
        '\0'..='\x1f' => char::from_u32(0x2400 + sign as u32).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        _ => sign,
    };
    // A line's end as Windows writes it is a line's end.
    text.replace("\r\n", "\n").chars().map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(formats: &[&str]) -> Result<Choice, String> {
        let formats: Vec<Format> = formats.iter().map(|text| text.parse().unwrap()).collect();
        Choice::of(&formats, Path::new("out")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_person_reads_on_standard_output_unless_another_format_is_there() {
        let pretty = |formats: &[&str]| choice(formats).unwrap().pretty;
        assert_eq!(pretty(&[]), [Outlet::Stdout]);
        assert_eq!(pretty(&["junit", "messages"]), [Outlet::Stdout]);
        assert_eq!(pretty(&["github"]), [Outlet::Stdout], "annotations stand below it");
        assert_eq!(pretty(&["json"]), []);
        assert_eq!(pretty(&["json", "pretty=a.txt"]), [Outlet::File("a.txt".into())]);
        assert_eq!(pretty(&["pretty=a.txt", "pretty"]), [Outlet::File("a.txt".into()), Outlet::Stdout]);
        assert_eq!(pretty(&["json=results.json"]), [Outlet::Stdout]);
        assert!(choice(&["json"]).unwrap().stdout_is_a_document());
        assert!(!choice(&["github", "junit"]).unwrap().stdout_is_a_document());
    }

    /// Takes so many bytes, and is full then.
    struct Small(usize, std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1.borrow().len() + bytes.len() > self.0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_place_that_is_full_keeps_nothing_from_the_others_and_is_told_of() {
        type Kept = std::rc::Rc<std::cell::RefCell<Vec<u8>>>;
        let (small, large) = (Kept::default(), Kept::default());
        let outs: Vec<Box<dyn Write>> =
            vec![Box::new(Small(3, std::rc::Rc::clone(&small))), Box::new(Small(99, std::rc::Rc::clone(&large)))];
        let mut all = Everywhere::of(outs);
        write!(all, "1").unwrap();
        writeln!(all, " of 2 passed").unwrap();
        assert_eq!(all.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((small.borrow().as_slice(), large.borrow().as_slice()), (&b"1"[..], &b"1 of 2 passed\n"[..]));
    }

    #[test]
    fn formats_without_a_file_go_to_the_folder_of_the_run() {
        let others = choice(&["junit", "messages", "junit"]).unwrap().others;
        let file = |name: &str| Outlet::File(Path::new("out").join(name));
        assert_eq!(others, [(Kind::Junit, file("junit.xml")), (Kind::Messages, file("messages.ndjson"))]);
    }

    #[test]
    fn what_can_not_be_written_is_said() {
        let said: Vec<String> = [
            &["pretty", "json"][..],
            &["pretty", "github"],
            &["json", "github"],
            &["junit=-", "messages=-"],
            &["junit=x", "messages=x"],
        ]
        .iter()
        .map(|formats| choice(formats).unwrap_err())
        .chain(["xml", "junit=", ""].map(|text| text.parse::<Format>().unwrap_err()))
        .collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn every_control_character_can_be_seen() {
        assert_eq!(visible("a\0b\x1b[31m\tc\r\nd\re\x7f\u{85}\u{ffff}é"), "a␀b␛[31m\tc\nd␍e␡\u{fffd}\u{fffd}é");
    }

    #[test]
    fn a_bug_outweighs_a_difference_and_a_difference_a_failure() {
        assert_eq!(Word::of(Verdict::Passed, true), Word::Nondeterministic);
        assert_eq!(Word::of(Verdict::Failed, true), Word::Nondeterministic);
        assert_eq!(Word::of(Verdict::Bug, true), Word::Bug);
        assert!(Word::Nondeterministic.is_bad() && !Word::NotExercised.is_bad());
    }
}
