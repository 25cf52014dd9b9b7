//! What the documents show works: each command is run and prints what stands there, each feature passes, each piece of Rust
//! is part of a file that's built, each TOML file is read.
//!
//! A document is a session in one folder. A comment above a block says more of it: `<!-- file: PATH -->` puts the block
//! into a file, `<!-- fails -->` says that it isn't meant to pass, and `<!-- exits 1 -->` how its last command ends, where
//! that isn't with 0. In what a command prints, `...` stands for anything,
//! within a line or for lines.

#[path = "home/mod.rs"]
mod home;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A fenced block.
#[derive(Debug)]
struct Block {
    language: String,
    text: String,
    line: usize,
    file: Option<String>,
    fails: bool,
    exits: i32,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut file, mut fails, mut exits) = (None::<Block>, None, false, 0);
    for (number, line) in document.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let language = language.to_owned();
                open = Some(Block { language, text: String::new(), line: number + 1, file: file.take(), fails, exits });
                (fails, exits) = (false, 0);
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.push_str(&format!("{line}\n")),
            (None, None) => {
                let comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
                if let Some(path) = comment.and_then(|comment| comment.strip_prefix("file: ")) {
                    file = Some(path.to_owned());
                }
                fails |= comment == Some("fails");
                if let Some(code) = comment.and_then(|comment| comment.strip_prefix("exits ")) {
                    exits = code.parse().unwrap();
                }
            }
        }
    }
    assert!(open.is_none(), "a block isn't closed");
    blocks
}

/// A folder in which a document's commands are run: features and fixtures of ours stand in it.
fn home(name: &str) -> PathBuf {
    let home = home::Home::new(name).0;
    for folder in ["features", "fixtures"] {
        std::os::unix::fs::symlink(root().join(folder), home.join(folder)).unwrap();
    }
    home
}

/// True if a text is what was printed, where `...` stands for anything.
fn matches(shown: &str, printed: &str) -> bool {
    fn line_matches(shown: &str, printed: &str) -> bool {
        let mut parts = shown.trim_end().split("...");
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = printed.trim_end().strip_prefix(first) else { return false };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
    fn lines_match(shown: &[&str], printed: &[&str]) -> bool {
        match (shown, printed) {
            ([], []) => true,
            ([], _) => false,
            (["...", more @ ..], _) => (0..=printed.len()).any(|skipped| lines_match(more, &printed[skipped..])),
            ([line, more @ ..], [one, others @ ..]) => line_matches(line, one) && lines_match(more, others),
            (_, []) => false,
        }
    }
    let (shown, printed): (Vec<&str>, Vec<&str>) = (shown.trim().lines().collect(), printed.trim().lines().collect());
    lines_match(&shown, &printed)
}

/// The words of a command, as a shell reads them.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), false, false);
    for sign in command.chars() {
        match sign {
            '\'' => (quote, begun) = (!quote, true),
            ' ' if !quote => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            sign => {
                word.push(sign);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// What is known of a command by its words.
enum Known {
    Run(PathBuf, Vec<String>, bool),
    ChangesFolder(String),
    /// It's run elsewhere: by that file.
    RunBy(&'static str),
}

fn known(command: &str) -> Known {
    let all = words(command.split('#').next().unwrap_or_default());
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let busyhour = || PathBuf::from(env!("CARGO_BIN_EXE_busyhour"));
    match all.as_slice() {
        ["cd", folder] => Known::ChangesFolder((*folder).to_owned()),
        // What takes long is run by the gate, word for word.
        ["cargo", "test"]
        | ["cargo", "run", "--release", "--", "run"]
        | ["cargo", "run", "--release", "--", "run", "--live"] => Known::RunBy(".ci/run"),
        // Here the command has that name anyway.
        ["alias", _] => Known::ChangesFolder(".".to_owned()),
        ["cargo", "run", "--release", "--", rest @ ..] => Known::Run(busyhour(), owned(rest), true),
        ["cargo", "run", "--release", "--example", example, "--", rest @ ..] => {
            Known::Run(home::example(example), owned(rest), true)
        }
        ["cargo", "run", "--example", example] => Known::Run(home::example(example), Vec::new(), true),
        ["busyhour", rest @ ..] => Known::Run(busyhour(), owned(rest), false),
        _ => panic!("nobody knows how to run `{command}`"),
    }
}

fn run_session(folder: &mut PathBuf, block: &Block, place: &str) {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => commands.push((command.to_owned(), String::new())),
            None => {
                let (_, shown) = commands.last_mut().unwrap_or_else(|| panic!("{place}: begins with no command"));
                shown.push_str(&format!("{line}\n"));
            }
        }
    }
    let last = commands.len() - 1;
    for (at, (command, shown)) in commands.into_iter().enumerate() {
        let (program, arguments, by_cargo) = match known(&command) {
            Known::ChangesFolder(to) => {
                folder.push(to);
                assert!(folder.is_dir(), "{place}: `{command}`: there's no such folder");
                continue;
            }
            Known::RunBy(file) => {
                let gate = fs::read_to_string(root().join(file)).unwrap();
                let command = command.trim().replace("cargo test", "cargo test --workspace --locked");
                let command = command.replace("cargo run --release --", "cargo run --release --locked --");
                assert!(gate.lines().any(|line| line.trim() == command), "{place}: {file} doesn't run `{command}`");
                continue;
            }
            Known::Run(program, arguments, by_cargo) => (program, arguments, by_cargo),
        };
        let mut run = Command::new(program);
        run.args(&arguments).current_dir(&folder).env("CI", "true").stdin(Stdio::null());
        if by_cargo {
            run.env("CARGO", "cargo")
        } else {
            run.env_remove("CARGO")
        };
        let output = run.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        // What's told of a mistake goes to standard error, and a document shows the one or the other.
        let is_shown = shown.trim().is_empty() || matches(&shown, &stdout) || matches(&shown, &stderr);
        assert!(
            is_shown,
            "{place}: `{command}` printed\n{stdout}\n--- and on standard error\n{stderr}\n--- not\n{shown}"
        );
        let exits = if at == last { block.exits } else { 0 };
        assert_eq!(output.status.code(), Some(exits), "{place}: `{command}`\n{stdout}\n{stderr}");
    }
}

fn run_feature(folder: &Path, block: &Block, place: &str) {
    let text = match block.text.trim_start().starts_with("Feature:") || block.text.trim_start().starts_with('#') {
        true => block.text.clone(),
        false => format!("Feature: A document\n\n{}", block.text),
    };
    let file = match &block.file {
        Some(file) => folder.join(file),
        None => folder.join(format!("line-{}.feature", block.line)),
    };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_busyhour")).arg("run").arg(&file).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.success(), !block.fails, "{place}\n{said}");
}

/// All Rust of the repository that's built by its tests, and the examples in the documentation of that.
fn sources() -> String {
    fn collect(folder: &Path, into: &mut String) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() && !path.ends_with("target") {
                collect(&path, into);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                into.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut all = String::new();
    ["harness", "scenarios", "tests"].iter().for_each(|folder| collect(&root().join(folder), &mut all));
    all
}

/// Without any space, since lines are broken where there's room, and without what makes a line one of documentation.
fn squeezed(text: &str) -> String {
    let bare = |line: &str| -> String {
        let line = line.trim_start();
        let line = ["/// ", "//! "].iter().find_map(|doc| line.strip_prefix(doc)).unwrap_or(line);
        line.strip_prefix("# ").unwrap_or(line).chars().filter(|sign| !sign.is_whitespace()).collect()
    };
    text.lines().map(bare).collect()
}

fn read_toml(folder: &Path, block: &Block, place: &str) {
    let named = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
    let path = block.file.as_deref().or(named).unwrap_or_else(|| panic!("{place}: which file is it?"));
    let home = folder;
    let file = folder.join("read").join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, &block.text).unwrap();
    let folder = file.parent().unwrap();
    let count = match folder.file_name().and_then(|name| name.to_str()) {
        Some("networks") => busyhour::net::profile::Profiles::builtin().with_folder(folder).map_err(|e| e.to_string()),
        Some("senders") => {
            busyhour::webhook::contract::Contracts::builtin().with_folder(folder).map_err(|e| e.to_string())
        }
        // The commands of the document read these.
        _ if ["busyhour.toml", "gate.toml", "phrases.toml"].iter().any(|name| path.ends_with(name)) => {
            let to = home.join(path);
            fs::write(to, &block.text).unwrap();
            return;
        }
        _ => panic!("{place}: nobody knows how to read {path}"),
    };
    assert!(count.as_ref().is_ok_and(|count| *count > 0), "{place}: {count:?}");
}

/// Everything in one document.
fn follow(document: &str) {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let home = home(&document.replace(['/', '.'], "-"));
    let mut folder = home;
    let sources = squeezed(&sources());
    for block in blocks(&text) {
        let place = format!("{document}:{}", block.line);
        match block.language.as_str() {
            "gherkin" => run_feature(&folder, &block, &place),
            "console" => run_session(&mut folder, &block, &place),
            "rust" => {
                assert!(sources.contains(&squeezed(&block.text)), "{place}: this stands in no file that's built");
            }
            "toml" => read_toml(&folder, &block, &place),
            "json" => {
                serde_json::from_str::<serde_json::Value>(&block.text)
                    .unwrap_or_else(|error| panic!("{place}: {error}"));
            }
            "text" => {}
            other => panic!("{place}: a block of `{other}`, which nobody checks"),
        }
    }
}

/// Every document has a test of its own below.
#[test]
fn no_document_is_left_out() {
    let this = include_str!("docs.rs");
    let mut documents: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    documents.push("README.md".to_owned());
    // Made of the vocabulary itself, whose tests hold it to that and try its examples.
    documents.retain(|document| document != "docs/vocabulary.md");
    for document in documents {
        assert!(this.contains(&format!("follow(\"{document}\")")), "{document} is followed by no test");
    }
}

/// Every link of a document leads somewhere.
#[test]
fn no_link_is_broken() {
    let mut documents: Vec<PathBuf> =
        fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.push(root().join("README.md"));
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") {
                let there = document.parent().unwrap().join(path);
                assert!(there.exists(), "{}: {link} leads nowhere", document.display());
            }
        }
    }
}

#[test]
fn what_is_shown_matches_what_is_printed() {
    assert!(matches("a ... c\n...\nend\n", "a b c\nx\ny\nend\n"));
    assert!(matches("...", "anything\nat all\n"));
    assert!(!matches("a ... c\n", "a b d\n"));
    assert!(!matches("a\n", "a\nb\n"));
    assert!(!matches("a\n...\nb\n", "a\n"));
}

#[test]
fn the_readme_holds() {
    follow("README.md");
}

#[test]
fn the_ci_holds() {
    follow("docs/ci.md");
}

#[test]
fn the_architecture_holds() {
    follow("docs/architecture.md");
}

#[test]
fn the_determinism_holds() {
    follow("docs/determinism.md");
}

#[test]
fn the_faults_holds() {
    follow("docs/faults.md");
}

#[test]
fn the_floor_holds() {
    follow("docs/floor.md");
}

#[test]
fn the_networks_holds() {
    follow("docs/networks.md");
}

#[test]
fn the_oracles_holds() {
    follow("docs/oracles.md");
}

#[test]
fn the_tutorial_developers_holds() {
    follow("docs/tutorial-developers.md");
}

#[test]
fn the_tutorial_qa_holds() {
    follow("docs/tutorial-qa.md");
}

#[test]
fn the_webhooks_holds() {
    follow("docs/webhooks.md");
}

#[test]
fn the_webphones_holds() {
    follow("docs/webphones.md");
}

#[test]
fn the_live_holds() {
    follow("docs/live.md");
}

#[test]
fn the_results_holds() {
    follow("docs/results.md");
}
