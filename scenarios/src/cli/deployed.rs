//! The files of `deploy/` name this command with flags that it has.

use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use yaml_rust2::{Yaml, YamlLoader};

use super::Command;

/// Every text of a document.
fn texts(yaml: &Yaml, found: &mut Vec<String>) {
    match yaml {
        Yaml::String(text) => found.push(text.clone()),
        Yaml::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Yaml::Hash(entries) => entries.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

/// What a shell or a CI host puts into a line before the command sees it, is a number here.
fn filled(text: &str) -> String {
    let mut filled = text.to_owned();
    for (open, close) in [("${{", "}}"), ("$((", "))")] {
        while let Some(from) = filled.find(open) {
            let length =
                filled[from..].find(close).unwrap_or_else(|| panic!("`{text}` opens {open} and never closes it"));
            filled.replace_range(from..from + length + close.len(), "1");
        }
    }
    filled
}

/// The lines of a text in which a shell would start this command.
fn lines(text: &str) -> Vec<Vec<String>> {
    let filled = filled(text);
    filled
        .split(['\n', ';', '|', '&'])
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(|word| word.trim_matches('"').to_owned());
            let first = words.find(|word| word != "exec")?;
            let rest: Vec<String> = words.collect();
            // The name alone is somebody's name.
            let starts = Path::new(&first).file_name()? == "busyhour" && !rest.is_empty();
            starts.then(|| [first].into_iter().chain(rest).collect())
        })
        .collect()
}

/// The lines in which a file starts this command.
fn lines_of(file: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if file.ends_with(".md") {
        return text.lines().filter_map(|line| line.strip_prefix("$ ")).flat_map(lines).collect();
    }
    let documents = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut found = Vec::new();
    documents.iter().for_each(|document| texts(document, &mut found));
    found.iter().flat_map(|text| lines(text)).collect()
}

#[test]
fn every_line_of_deploy_that_starts_the_command_is_read_by_it() {
    for (file, verbs) in [
        ("job.yaml", &["run"][..]),
        ("verdict.yaml", &["merge", "gate"]),
        ("github.yml", &["run", "merge", "gate"]),
        ("README.md", &["run", "merge", "gate"]),
    ] {
        let lines = lines_of(file);
        let begun: Vec<&str> = lines.iter().map(|line| line[1].as_str()).collect();
        assert_eq!(begun, verbs, "{file}");
        for line in lines {
            if let Err(error) = Command::try_parse_from(&line) {
                panic!("{file}: {}\n{error}", line.join(" "));
            }
        }
    }
    let misspelt = Command::try_parse_from(&lines("exec busyhour run --sed 1")[0]);
    assert!(misspelt.is_err(), "a flag that isn't there is found out");
    Command::command().debug_assert();
}

#[test]
fn the_job_has_as_many_parts_as_its_partition() {
    let text = include_str!("../../../deploy/job.yaml");
    let job = &YamlLoader::load_from_str(text).unwrap()[0];
    let spec = &job["spec"];
    let completions = spec["completions"].as_i64().unwrap();
    let partition = format!("--partition \"$((JOB_COMPLETION_INDEX + 1))/{completions}\"");
    assert!(text.contains(&partition), "{partition}");
    assert_eq!(spec["completionMode"].as_str(), Some("Indexed"));
    // What fails an index alone, and what ends the whole job.
    let rule = |action: &str| {
        let rules = spec["podFailurePolicy"]["rules"].as_vec().unwrap();
        let rule = rules.iter().find(|rule| rule["action"].as_str() == Some(action)).unwrap();
        rule["onExitCodes"]["values"]
            .as_vec()
            .unwrap()
            .iter()
            .map(|code| code.as_i64().unwrap() as u8)
            .collect::<Vec<_>>()
    };
    assert_eq!(rule("FailIndex"), [super::EXIT_FAILED, super::EXIT_NOT_DETERMINISTIC]);
    assert_eq!(rule("FailJob"), [super::EXIT_USAGE, super::EXIT_NOTHING_CHOSEN]);
    assert!(spec["backoffLimitPerIndex"].as_i64().is_some());
}

#[test]
fn the_rules_to_begin_with_are_rules() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/gate.toml");
    crate::gate::Rules::load(&file).unwrap();
    // What is left out there by a `#` is right, too.
    let text = std::fs::read_to_string(&file).unwrap();
    let bare: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rule) if rule.contains(" = ") || rule.starts_with("[[") => format!("{rule}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(bare, text);
    crate::gate::Rules::read(&crate::keys::Source::of("gate.toml", &bare)).unwrap();
}
