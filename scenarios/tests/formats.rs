//! What a run leaves for other programs: JUnit's XML, Cucumber's messages, annotations, results.

mod home;

use std::fs;
use std::path::Path;
use std::process::Command;

use busyhour_scenarios::results::Results;
use home::{Home, MIXED, own_steps, shown};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus};
use serde_json::Value;

/// A call whose answer is not what the scenario says: its diagram has something to show.
const CALL: &str = "\
@calls
Feature: Calls
  Background:
    Given agents alice and bob with hardphones
    And every agent's phone registers

  @held
  Scenario Outline: <who> is called
    When alice calls <who>
    Then <who>'s phone rings
    And alice and <who> hear each other within 2 seconds

    Examples:
      | who |
      | bob |
";

const SPARED: &str = "\
Feature: Chance
  Scenario: A datagram is lost
    Given machines a and b
    And every network loses 0.0001% of packets
    When a sends 10 datagrams to b
";

const NONDETERMINISTIC: &str = "\
Feature: Gossip
  Scenario: A secret
    Given machines a and b
    When a greets b
    And a tells b its process number
    And b greets a
";

fn read(home: &Home, file: &str) -> String {
    home.read(file)
}

/// The tests of a JUnit file, by their suites.
fn junit(home: &Home, file: &str) -> Vec<(String, Vec<TestCase>)> {
    let report = Report::deserialize_from_str(&read(home, file)).unwrap();
    report.test_suites.into_iter().map(|suite| (suite.name.to_string(), suite.test_cases)).collect()
}

/// CPU time, the only thing in such a file that differs from run to run.
fn without_time(xml: &str) -> String {
    let parts: Vec<&str> = xml.split(" time=\"").collect();
    let rest = parts[1..].iter().map(|part| part.split_once('"').unwrap().1);
    std::iter::once(parts[0]).chain(rest).collect()
}

#[test]
fn junit_tells_each_run_with_its_place_its_failure_and_its_files() {
    let home = Home::new("junit").with("features/shop/mixed.feature", MIXED).with("features/chance.feature", SPARED);
    let told = home.told_by(&own_steps(), &["run", "--format", "junit"]);
    assert!(told.starts_with("exit 1"), "{told}");
    assert!(told.contains("3 scenarios: 1 passed, 1 not exercised, 1 failed"), "a person is told as ever: {told}");
    insta::assert_snapshot!(without_time(&read(&home, "target/busyhour/junit.xml")));
}

#[test]
fn no_two_tests_of_a_junit_file_have_one_name_and_all_have_their_seed() {
    let home = Home::new("junit-names").with("features/calls.feature", CALL).with("features/mixed.feature", MIXED);
    home.told_by(&own_steps(), &["run", "--seeds", "0..3", "--format", "junit=junit.xml"]);
    let mut names: Vec<(String, String)> = Vec::new();
    for (_, tests) in junit(&home, "junit.xml") {
        for test in tests {
            names.push((test.classname.unwrap().to_string(), test.name.to_string()));
        }
    }
    assert_eq!(names.len(), 9);
    assert!(names.contains(&("features.calls".into(), "Calls > bob is called [bob] (seed 2)".into())), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 9, "{names:?}");
}

#[test]
fn a_junit_file_holds_any_character_that_a_failure_may_have() {
    let home = Home::new("junit-characters").with(
        "features/f.feature",
        "Feature: f <&> \"\u{1b}[31m\" ]]>\n  Scenario: s\n    When the clerk shouts every character\n",
    );
    home.told_by(&own_steps(), &["run", "--format", "junit=junit.xml"]);
    let suites = junit(&home, "junit.xml");
    let test = &suites[0].1[0];
    assert_eq!(test.name.as_str(), "f <&> \"␛[31m\" ]]> > s (seed 0)");
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, description: Some(text), .. } = &test.status else {
        panic!("{test:?}");
    };
    assert!(text.as_str().contains("␀␁␂"), "{text:?}");
    assert!(text.as_str().contains("␟ !\"#$%&'()"), "{text:?}");
    let bad =
        |sign: char| sign.is_control() && sign != '\n' && sign != '\t' || ['\u{fffe}', '\u{ffff}'].contains(&sign);
    assert!(!read(&home, "junit.xml").contains(bad));
}

#[test]
fn a_run_that_differs_from_itself_is_nondeterministic_in_every_format() {
    let home = Home::new("nondeterministic").with("features/gossip.feature", NONDETERMINISTIC);
    let told = home.told_by(
        &own_steps(),
        &["run", "--check-determinism", "--format=junit=j.xml", "--format=messages=m.ndjson", "--format=github"],
    );
    assert!(told.starts_with("exit 5"), "{told}");
    let suites = junit(&home, "j.xml");
    let TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, ty: Some(ty), description: Some(text), .. } =
        &suites[0].1[0].status
    else {
        panic!("{suites:?}");
    };
    assert_eq!(ty.as_str(), "nondeterministic");
    assert!(text.as_str().contains("event 9 differs"), "{text:?}");
    let messages = messages(&home, "m.ndjson");
    let failed: Vec<&Value> = of(&messages, "testStepFinished")
        .into_iter()
        .map(|finished| &finished["testStepResult"])
        .filter(|result| result["status"] == "FAILED")
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0]["message"].as_str().unwrap().starts_with("nondeterministic: "), "{failed:?}");
    assert_eq!(of(&messages, "testRunFinished")[0]["success"], false);
    // Nowhere is it told as one that passed: on its own line, in the sum, on the page, in the results.
    let line = told.lines().find(|line| line.trim_end().contains(" A secret  ")).expect("it has a line of its own");
    assert!(line.starts_with("  NONDETERMINISTIC A secret  "), "{line}");
    assert!(told.contains("1 scenario: 0 passed, 1 nondeterministic; seed 0"), "{told}");
    let page = read(&home, "target/busyhour/report.html");
    assert!(page.contains("\"different\":1,") && page.contains("\"passed\":0,"), "the page counts it by itself");
    assert!(
        page.contains("\"kind\":\"nondeterministic\"") && page.contains("event 9 differs"),
        "and says how it differs"
    );
    let results: Results = serde_json::from_str(&read(&home, "target/busyhour/results.json")).unwrap();
    let scenario = &results.scenarios[0];
    assert_eq!((scenario.passed, scenario.nondeterministic, scenario.failed), (0, 1, 0));
    assert_eq!(scenario.failures[0].verdict, busyhour_scenarios::results::Verdict::Nondeterministic);
    let annotation = told.lines().find(|line| line.starts_with("::error ")).expect("there is an annotation");
    assert!(annotation.contains("title=nondeterministic%3A A secret (seed 0)"), "{annotation}");
    assert!(annotation.contains("event 9 differs"), "{annotation}");
    for file in ["j.xml", "m.ndjson"] {
        assert!(!read(&home, file).to_lowercase().contains("flak"), "nothing is ever called flaky");
    }
}

fn messages(home: &Home, file: &str) -> Vec<Value> {
    read(home, file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter_map(|message| message.get(kind)).collect()
}

#[test]
fn messages_tell_of_every_step_and_hang_the_diagram_on_the_one_that_failed() {
    let home = Home::new("messages").with("features/calls.feature", CALL);
    let told = home.told(&["run", "--format", "messages"]);
    assert!(told.starts_with("exit 1"), "{told}");
    let messages = messages(&home, "target/busyhour/messages.ndjson");
    let kinds: Vec<&str> =
        messages.iter().map(|message| message.as_object().unwrap().keys().next().unwrap().as_str()).collect();
    insta::assert_snapshot!(kinds.join("\n"));
    let pickle = of(&messages, "pickle")[0];
    assert_eq!(pickle["name"], "bob is called [bob]");
    assert_eq!(pickle["tags"].as_array().unwrap().len(), 2);
    let statuses: Vec<&Value> =
        of(&messages, "testStepFinished").into_iter().map(|finished| &finished["testStepResult"]["status"]).collect();
    assert_eq!(statuses, ["PASSED", "PASSED", "PASSED", "PASSED", "FAILED", "PASSED"]);
    let attachments = of(&messages, "attachment");
    let failed =
        of(&messages, "testStepFinished").into_iter().find(|f| f["testStepResult"]["status"] == "FAILED").unwrap();
    assert_eq!(attachments[0]["testStepId"], failed["testStepId"]);
    assert!(attachments[0]["body"].as_str().unwrap().contains("INVITE"), "{attachments:?}");
    assert!(attachments[1]["body"].as_str().unwrap().contains("replay  busyhour run features/calls.feature"));
}

const BOOK: &str = "\
[[phrase]]
phrase = \"two machines\"
steps = [\"Given machines a and b\"]

[[phrase]]
phrase = \"{fetcher:machine} visits {host:machine}\"
steps = [
  'When {fetcher} fetches \"/hello\" from {host}',
  \"And 2 seconds pass\",
]

[[phrase]]
phrase = \"{machine} was served twice\"
steps = [
  \"Then {machine} got status 200\",
  \"And {machine} got status 404\",
  \"And {machine} got status 500\",
]
";

const VISIT: &str = "\
Feature: Visits
  Scenario: Somebody visits
    Given two machines
    When a visits b
    Then a was served twice
";

/// A page has one line for a step: what it's made of is told below it, and why it failed at the inner step that did.
#[test]
fn messages_tell_what_a_composed_step_is_made_of_and_which_of_it_failed() {
    let home =
        Home::new("messages-composed").with("features/phrases.toml", BOOK).with("features/visits.feature", VISIT);
    let told = home.told(&["run", "--format", "messages=m.ndjson"]);
    assert!(told.starts_with("exit 1"), "{told}");
    let messages = messages(&home, "m.ndjson");
    let definitions: Vec<String> = of(&messages, "stepDefinition")
        .into_iter()
        .map(|definition| {
            let source = &definition["sourceReference"];
            format!("{} {}:{}", definition["pattern"]["source"], source["uri"], source["location"]["line"])
        })
        .collect();
    let steps = of(&messages, "testCase")[0]["testSteps"].as_array().unwrap().clone();
    let defined = steps.iter().filter(|step| step["pickleStepId"].is_string());
    assert!(defined.clone().all(|step| step["stepDefinitionIds"][0].is_string()), "none is undefined: {steps:?}");
    let results: Vec<String> = of(&messages, "testStepFinished")
        .into_iter()
        .map(|finished| &finished["testStepResult"])
        .map(|result| format!("{} {}", result["status"], result["message"].as_str().unwrap_or_default()))
        .collect();
    let attached: Vec<&str> =
        of(&messages, "attachment").into_iter().filter_map(|attachment| attachment["body"].as_str()).collect();
    let made_of: Vec<&str> = attached.into_iter().filter(|body| body.contains("phrases.toml")).collect();
    insta::assert_snapshot!(
        [definitions, results, made_of.into_iter().map(str::to_owned).collect()].concat().join("\n")
    );
}

/// Each number that a message refers to is one that another message has.
#[test]
fn whatever_a_message_refers_to_was_told_before() {
    let home = Home::new("messages-references")
        .with("features/calls.feature", CALL)
        .with("features/chance.feature", SPARED)
        .with("features/mixed.feature", MIXED);
    home.told_by(&own_steps(), &["run", "--seeds", "0..2", "--format", "messages=m.ndjson"]);
    let mut known = std::collections::BTreeSet::new();
    let mut referred = 0;
    for message in messages(&home, "m.ndjson") {
        let mut wanted = Vec::new();
        look(&message, &mut known, &mut wanted);
        for id in wanted {
            assert!(known.contains(&id), "{id} isn't known yet: {message}");
            referred += 1;
        }
    }
    assert!(referred > 200, "{referred}");
}

fn look(value: &Value, known: &mut std::collections::BTreeSet<String>, wanted: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(id) if name == "id" => assert!(known.insert(id.clone()), "{id} is there twice"),
                    Value::String(id) if name.ends_with("Id") => wanted.push(id.clone()),
                    Value::Array(ids) if name.ends_with("Ids") => {
                        wanted.extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
                    }
                    value => look(value, known, wanted),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| look(value, known, wanted)),
        _ => {}
    }
}

#[test]
fn messages_are_the_same_bytes_from_run_to_run_and_however_many_run_at_once() {
    let home = Home::new("messages-same").with("features/calls.feature", CALL).with("features/mixed.feature", MIXED);
    let run = |jobs: &str, file: &str| {
        let format = format!("--format=messages={file}");
        home.told_by(&own_steps(), &["run", "--seeds", "0..4", "--jobs", jobs, &format]);
        read(&home, file)
    };
    let one = run("1", "one.ndjson");
    assert!(one.contains("(seed 3)"), "{one}");
    assert_eq!(one, run("8", "eight.ndjson"));
}

#[test]
fn a_page_of_a_feature_in_another_language_has_its_own_keywords() {
    let german = "# language: de\nFunktionalität: Uhr\n  Szenario: Eine Sekunde\n    Wenn 1 second passes\n";
    let home = Home::new("messages-german").with("features/uhr.feature", german);
    let told = home.told(&["run", "--format", "messages=m.ndjson"]);
    assert!(told.starts_with("exit 0"), "{told}");
    let messages = messages(&home, "m.ndjson");
    let feature = &of(&messages, "gherkinDocument")[0]["feature"];
    assert_eq!(feature["language"], "de");
    assert_eq!(feature["children"][0]["scenario"]["keyword"], "Szenario");
    assert_eq!(feature["children"][0]["scenario"]["steps"][0]["keyword"], "Wenn ");
}

/// The command of a step of a workflow, with its summary's file.
fn on_github(home: &Home, program: &Path, arguments: &[&str]) -> (String, String) {
    let summary = home.0.join("summary.md");
    let mut command: Command = home.command_of(program, arguments);
    let told = shown(command.env("GITHUB_STEP_SUMMARY", &summary).output().unwrap());
    (told, fs::read_to_string(summary).unwrap_or_default())
}

#[test]
fn github_is_shown_the_line_that_failed_and_a_summary_with_its_diagram() {
    let home = Home::new("github")
        .with("features/calls.feature", CALL)
        .with("features/chance.feature", SPARED)
        .with("features/mixed.feature", MIXED);
    let (told, summary) = on_github(&home, &own_steps(), &["run", "--format", "github"]);
    let annotations: Vec<&str> = told.lines().filter(|line| line.starts_with("::")).collect();
    insta::assert_snapshot!(annotations.join("\n"));
    insta::assert_snapshot!(summary);
}

#[test]
fn the_summary_of_a_run_that_passed_says_so_in_one_line() {
    let home = Home::new("github-passed").with("features/mixed.feature", MIXED);
    let (told, summary) = on_github(&home, &own_steps(), &["run", "--name", "fine", "--format", "github"]);
    assert!(!told.contains("::"), "{told}");
    insta::assert_snapshot!(summary);
}

#[test]
fn ten_annotations_are_written_and_the_rest_is_counted() {
    let mut feature = "Feature: Many\n".to_owned();
    for number in 1..=13 {
        feature.push_str(&format!("  Scenario: number {number}\n    When an order is closed after {number} seconds\n"));
    }
    let home = Home::new("github-many").with("features/many.feature", &feature);
    let (told, summary) = on_github(&home, &own_steps(), &["run", "--format", "github"]);
    assert_eq!(told.matches("\n::error file=features/many.feature,line=").count(), 10, "{told}");
    assert!(told.contains("::notice title=busyhour::3 more scenarios didn't pass"), "{told}");
    assert_eq!(summary.matches("| **failed** |").count(), 13, "{summary}");
}

#[test]
fn several_formats_are_written_in_one_run_and_two_on_standard_output_are_an_error() {
    let home = Home::new("several").with("features/mixed.feature", MIXED);
    let told = home.told_by(
        &own_steps(),
        &["run", "--format", "pretty=report/run.txt", "--format", "junit", "--format", "messages"],
    );
    assert!(told.starts_with("exit 1\n--- stdout\n--- stderr\n"), "{told}");
    assert!(read(&home, "report/run.txt").contains("2 scenarios: 1 passed, 1 failed"));
    let told: Vec<String> = [
        &["run", "--format", "pretty", "--format", "github"][..],
        &["run", "--format", "json", "--format", "github"],
        &["run", "--format", "junit=x", "--format", "messages=x"],
        &["run", "--format", "xml"],
        &["run", "--format", "junit="],
        &["run", "--format", "junit=features/mixed.feature/x"],
    ]
    .iter()
    .map(|arguments| format!("$ busyhour {}\n{}", arguments.join(" "), home.told_by(&own_steps(), arguments)))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_disk_that_is_full_is_said_and_is_no_success() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let home = Home::new("full").with("features/mixed.feature", MIXED);
    let told = home.told_by(&own_steps(), &["run", "--name", "fine", "--format", "junit=/dev/full"]);
    assert!(told.starts_with("exit 70"), "{told}");
    assert!(told.contains("busyhour: the output can't be written: "), "{told}");
}

/// The folder is gone before anything is written into it. Whoever looks for a file is told of each that isn't there.
#[test]
fn a_folder_that_vanishes_is_told_file_by_file_and_the_verdict_all_the_same() {
    let feature = "Feature: f\n  Scenario: s\n    When the clerk throws away \"out\"\n";
    let home = Home::new("vanishes").with("features/f.feature", feature);
    let told = home.told_by(&own_steps(), &["run", "--out", "out", "--format", "pretty", "--format", "junit"]);
    assert!(told.starts_with("exit 70"), "{told}");
    assert!(told.contains("1 scenario: 0 passed, 1 ended in a bug of busyhour"), "{told}");
    for file in ["out/features-f/", "out/results.json: ", "out/report.html: ", "junit, to `out/junit.xml`: "] {
        assert!(told.contains(file), "nothing is said of {file}: {told}");
    }
    assert!(!home.0.join("out").exists() && !told.contains("panicked"), "{told}");
}

#[test]
fn results_on_standard_output_are_the_document_and_nothing_else() {
    let home = Home::new("json").with("features/mixed.feature", MIXED);
    let output =
        home.command_of(&own_steps(), &["run", "--format", "json", "--format", "pretty=run.txt"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout, read(&home, "target/busyhour/results.json"));
    let results: Results = serde_json::from_str(&stdout).unwrap();
    assert_eq!((results.runs(), results.scenarios[1].failed), (2, 1));
    assert!(read(&home, "run.txt").contains("2 scenarios: 1 passed, 1 failed"));
}

/// A reader in another language has this page alone.
#[test]
fn the_documented_results_are_those_that_are_written() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results.md")).unwrap();
    let example = page.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    let results: Results = serde_json::from_str(example).unwrap();
    assert_eq!(results.to_json(), example, "every key stands in the example, in its order");
    let home = Home::new("documented").with("features/calls.feature", CALL).with("features/chance.feature", SPARED);
    home.told(&["run", "--check-determinism", "--format", "json=r.json"]);
    let mut keys = std::collections::BTreeSet::new();
    let documents = [example.to_owned(), read(&home, "r.json")];
    for document in documents {
        keys_of(&serde_json::from_str(&document).unwrap(), &mut keys);
    }
    assert!(keys.len() > 40, "{keys:?}");
    let told = |key: &String| {
        page.contains(&format!("`{key}`")) || page.contains(&format!("{key}, ")) || page.contains(&format!("{key}}}"))
    };
    let untold: Vec<&String> = keys.iter().filter(|key| !told(key)).collect();
    assert!(untold.is_empty(), "docs/results.md doesn't tell of {untold:?}");
}

fn keys_of(value: &Value, keys: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                keys.insert(key.clone());
                keys_of(value, keys);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys_of(value, keys)),
        _ => {}
    }
}
