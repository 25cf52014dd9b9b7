//! The command as a person meets it: what it prints, and how it exits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A folder of one test, in which its command is started.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Home {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command").join(name);
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        Home(home)
    }

    fn with(self, file: &str, text: &str) -> Home {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env("CI", "true").env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null());
        command
    }

    /// Exit code, standard output and standard error as one text; wall time is taken out.
    fn told(&self, program: &Path, arguments: &[&str]) -> String {
        shown(self.command(program, arguments).output().unwrap())
    }
}

fn shown(output: Output) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stderr: String = text(output.stderr)
        .lines()
        .map(|line| if line.starts_with("Took ") { "Took (wall time)\n".to_owned() } else { format!("{line}\n") })
        .collect();
    format!("exit {}\n--- stdout\n{}--- stderr\n{stderr}", output.status.code().unwrap(), text(output.stdout))
}

fn busyhour() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_busyhour"))
}

/// The example with steps of its own, which lies beside the tests.
fn own_steps() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join("own_steps");
    assert!(example.exists(), "build the example too: cargo test -p busyhour-scenarios, without --test");
    example
}

const ORDERS: &str = include_str!("features/orders.feature");

const MIXED: &str = "\
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

#[test]
fn a_run_that_passes_exits_0() {
    let home = Home::new("passes").with("features/shop/orders.feature", ORDERS);
    insta::assert_snapshot!(home.told(&own_steps(), &["run"]));
}

#[test]
fn a_failure_exits_1_and_its_replay_line_runs_it_again() {
    let home = Home::new("fails").with("features/mixed.feature", MIXED);
    let told = home.told(&own_steps(), &["run", "--seed", "7"]);
    insta::assert_snapshot!(told);
    let replay = told.lines().find_map(|line| line.trim().strip_prefix("replay    busyhour ")).unwrap();
    let line = format!("{} {replay}", own_steps().display());
    let again = shown(home.command(Path::new("sh"), &["-c", &line]).output().unwrap());
    let details = |told: &str| told[told.find("Failures").unwrap()..told.find("replay").unwrap()].to_owned();
    assert_eq!(details(&again), details(&told), "{again}");
    assert!(again.contains("1 scenario: 0 passed, 1 failed"), "{again}");
}

#[test]
fn many_seeds_are_told_in_one_line_a_scenario() {
    let home = Home::new("seeds").with("features/mixed.feature", MIXED);
    insta::assert_snapshot!(home.told(&own_steps(), &["run", "--seeds", "0..50"]));
}

#[test]
fn the_number_of_jobs_changes_no_byte_of_standard_output() {
    let home = Home::new("jobs").with("features/mixed.feature", MIXED).with("features/orders.feature", ORDERS);
    let stdout = |jobs: &str| {
        let output = home.command(&own_steps(), &["run", "--seeds", "3..20", "--jobs", jobs]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let one = stdout("1");
    assert!(one.contains("5 scenarios"), "{one}");
    assert_eq!(one, stdout("4"));
    assert_eq!(one, stdout("64"));
}

#[test]
fn scenarios_are_chosen_by_tags_and_by_name() {
    let home = Home::new("choice").with("features/mixed.feature", MIXED).with("features/orders.feature", ORDERS);
    let summary = |arguments: &[&str]| {
        let told = home.told(&own_steps(), &[&["run"], arguments].concat());
        told.lines().find(|line| line.contains("scenario")).unwrap().to_owned()
    };
    assert_eq!(summary(&["--tags", "@quick"]), "1 scenario: 1 passed; seed 0; 3.000 s simulated");
    assert_eq!(summary(&["--name", "^fine$"]), "1 scenario: 1 passed; seed 0; 1 min 30 s simulated");
    assert_eq!(summary(&["--name", r"\[5, 86400, 3\]"]), "1 scenario: 1 passed; seed 0; 2 d 0 h simulated");
    assert_eq!(
        summary(&["--tags", "not @quick", "--name", "order"]),
        "2 scenarios: 2 passed; seed 0; 2 d 2 h simulated"
    );
}

#[test]
fn nothing_chosen_exits_4() {
    let home = Home::new("nothing").with("features/mixed.feature", MIXED);
    insta::assert_snapshot!(home.told(&own_steps(), &["run", "--tags", "@nobody"]));
}

#[test]
fn what_is_wrong_with_feature_files_exits_2_and_runs_nothing() {
    let home = Home::new("problems")
        .with("features/a.feature", "Feature: a\n  Scenario: s\n    Givn machines a and b\n")
        .with(
            "features/deep/b.feature",
            "Feature: b\n  Scenario: s\n    Given machines a and b\n    When wait 90 seconds\n    Then a crashes\n",
        );
    insta::assert_snapshot!(home.told(&busyhour(), &["run"]));
}

#[test]
fn a_path_without_features_exits_2() {
    let home = Home::new("paths").with("empty/readme.txt", "").with("notes.txt", "");
    let told: Vec<String> = [&["run"][..], &["run", "empty"], &["run", "nowhere"], &["run", "notes.txt"]]
        .iter()
        .map(|arguments| format!("$ busyhour {}\n{}", arguments.join(" "), home.told(&busyhour(), arguments)))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn wrong_use_exits_2_and_says_what_is_wrong() {
    let home = Home::new("usage");
    let told: Vec<String> = [
        &["run", "--seeds", "5..5"][..],
        &["run", "--seeds", "5"],
        &["run", "--seed", "1", "--seeds", "0..5"],
        &["run", "--seed", "18446744073709551615"],
        &["run", "--jobs", "0"],
        &["run", "--tags", "@a and"],
        &["run", "--name", "("],
        &["run", "--sed", "1"],
        &["walk"],
        &["bench", "wire", "--json"],
    ]
    .iter()
    .map(|arguments| format!("$ busyhour {}\n{}", arguments.join(" "), home.told(&busyhour(), arguments)))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn help_says_what_there_is() {
    let home = Home::new("help");
    insta::assert_snapshot!(format!(
        "{}\n{}",
        home.told(&busyhour(), &["--help"]),
        home.told(&busyhour(), &["run", "--help"])
    ));
}

#[test]
fn the_steps_of_other_crates_are_listed_with_their_places() {
    let told = Home::new("steps").told(&own_steps(), &["steps"]);
    assert!(told.contains("Steps of other crates in this build"), "{told}");
    assert!(told.contains("orders.rs:"), "{told}");
    assert!(told.contains("When 90 seconds pass"), "{told}");
}

#[test]
fn a_step_of_another_crate_under_another_keyword_is_an_error_that_says_so() {
    let home = Home::new("foreign").with("features/f.feature", "Feature: f\n  Scenario: s\n    When 2 open orders\n");
    let told = home.told(&own_steps(), &["run"]);
    assert!(told.starts_with("exit 2"), "{told}");
    assert!(told.contains("this step is known under Given alone, and here it stands under When"), "{told}");
}

#[test]
fn a_deterministic_run_is_the_same_in_a_second_process() {
    let home = Home::new("deterministic").with("features/orders.feature", ORDERS);
    insta::assert_snapshot!(
        home.told(&own_steps(), &["run", "--check-determinism", "--seeds", "0..3", "--name", "order"])
    );
}

#[test]
fn a_difference_between_two_processes_exits_5() {
    let clock = "Feature: f\n  Scenario: s\n    When the clerk asks the real clock\n";
    let home = Home::new("not-deterministic").with("features/f.feature", clock);
    let told = home.told(&own_steps(), &["run", "--check-determinism"]);
    assert!(told.starts_with("exit 5"), "{told}");
    assert!(told.contains("not deterministic: features/f.feature::s with seed 0"), "{told}");
    assert!(told.contains("Not deterministic: 1 of 1 run came out differently."), "{told}");
}

#[test]
fn an_interrupt_prints_what_is_done_and_exits_130() {
    let slow = "Feature: f\n  Scenario: s\n    When the clerk dawdles\n  Scenario: t\n    When the clerk dawdles\n";
    let home = Home::new("interrupt").with("features/f.feature", slow);
    let mut command = home.command(&own_steps(), &["run", "--jobs", "1", "--seeds", "0..100"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let told = shown(child.wait_with_output().unwrap());
    assert!(told.starts_with("exit 130"), "{told}");
    assert!(told.contains("of 100 seeds"), "{told}");
    assert!(told.contains("Interrupted: 2 scenarios not run, or not with all seeds."), "{told}");
}
