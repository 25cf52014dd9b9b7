//! A folder of one test, in which commands are started.
#![allow(dead_code, reason = "each file of tests needs some of it")]

use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// One scenario that passes and one that fails, in the steps of `own_steps`.
pub const MIXED: &str = "\
Feature: Mixed
  Scenario: fine
    Given 1 open order
    When an order is closed after 90 seconds
    Then 0 orders are open

  Scenario: it's broken (badly)
    Given 1 open order
    When an order is closed after 90 seconds
    And an order is closed after 1 second
    Then 0 orders are open
";

pub struct Home(pub PathBuf);

/// What a command is told: a line without quotes, or word by word.
pub trait Arguments {
    fn words(&self) -> Vec<String>;
}

impl Arguments for str {
    fn words(&self) -> Vec<String> {
        self.split_whitespace().map(str::to_owned).collect()
    }
}

impl Arguments for String {
    fn words(&self) -> Vec<String> {
        self.as_str().words()
    }
}

impl Arguments for [&str] {
    fn words(&self) -> Vec<String> {
        self.iter().map(|word| (*word).to_owned()).collect()
    }
}

impl<const N: usize> Arguments for [&str; N] {
    fn words(&self) -> Vec<String> {
        self.as_slice().words()
    }
}

impl Arguments for Vec<&str> {
    fn words(&self) -> Vec<String> {
        self.as_slice().words()
    }
}

impl<A: Arguments + ?Sized> Arguments for &A {
    fn words(&self) -> Vec<String> {
        (**self).words()
    }
}

impl Home {
    /// A fresh folder of that name, among those of this file of tests.
    pub fn new(name: &str) -> Home {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(name);
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        // Nobody's busyhour.toml further up is in force here.
        fs::create_dir(home.join(".git")).unwrap();
        Home(home)
    }

    pub fn with(self, file: &str, bytes: impl AsRef<[u8]>) -> Home {
        self.save(file, bytes);
        self
    }

    pub fn save(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The command, to be started here.
    pub fn command(&self, arguments: &(impl Arguments + ?Sized)) -> Command {
        self.command_of(&busyhour(), arguments)
    }

    /// Another program.
    pub fn command_of(&self, program: &Path, arguments: &(impl Arguments + ?Sized)) -> Command {
        let mut command = Command::new(program);
        command.args(arguments.words()).current_dir(&self.0).env("CI", "true").env_remove("RUST_BACKTRACE");
        // Whoever is started by cargo replays by cargo.
        command.env_remove("CARGO").stdin(Stdio::null());
        command
    }

    /// A line of the shell; `$BUSYHOUR` is the command.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = self.command_of(Path::new("sh"), &["-c", line]);
        command.env("BUSYHOUR", busyhour());
        command
    }

    /// Exit code, standard output and standard error as one text; wall time is taken out.
    pub fn told(&self, arguments: &(impl Arguments + ?Sized)) -> String {
        self.told_by(&busyhour(), arguments)
    }

    /// The same of another program.
    pub fn told_by(&self, program: &Path, arguments: &(impl Arguments + ?Sized)) -> String {
        shown(self.command_of(program, arguments).output().unwrap())
    }

    /// The same of several lines, each behind itself.
    pub fn all_told(&self, lines: &[&str]) -> String {
        let told = lines.iter().map(|line| format!("$ busyhour {line}\n{}", self.told(line)));
        told.collect::<Vec<_>>().join("\n")
    }
}

pub fn shown(output: Output) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr: String = text(output.stderr)
        .lines()
        .map(|line| if line.starts_with("Took ") { "Took (wall time)\n".to_owned() } else { format!("{line}\n") })
        .collect();
    assert!(!stderr.contains("thread 'main'") || !stderr.contains("panicked"), "{stderr}");
    let code = output.status.code().map_or_else(|| output.status.to_string(), |code| code.to_string());
    format!("exit {code}\n--- stdout\n{}--- stderr\n{stderr}", text(output.stdout))
}

pub fn busyhour() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_busyhour"))
}

/// The example with steps of its own, which lies beside the tests.
pub fn own_steps() -> PathBuf {
    example("own_steps")
}

/// An example that was built with this test.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(example.exists(), "build {} too: cargo test --workspace, without --test", example.display());
    example
}

/// The lines of a stream as they come, up to one that holds `words`.
pub fn read_until(stream: &mut impl BufRead, words: &str) -> String {
    let mut read = String::new();
    while !read.contains(words) {
        let count = stream.read_line(&mut read).unwrap();
        assert!(count > 0, "the command ended before it said `{words}`:\n{read}");
    }
    read
}
