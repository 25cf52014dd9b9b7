//! What nobody meant to feed it: each ends with a message that says what's wrong and where, and never with a panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Home {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad-input").join(name);
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(home.join("features")).unwrap();
        Home(home)
    }

    fn with(self, file: &str, bytes: impl AsRef<[u8]>) -> Home {
        fs::write(self.0.join(file), bytes).unwrap();
        self
    }

    /// Exit code, standard output and standard error as one text.
    fn told(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_busyhour"));
        command.args(arguments).current_dir(&self.0).env("CI", "true").env_remove("CARGO").stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("it isn't killed by a signal");
        let stderr = text(output.stderr);
        assert!(!stderr.contains("panicked"), "{stderr}");
        let stderr: String =
            stderr.lines().filter(|line| !line.starts_with("Took ")).map(|l| format!("{l}\n")).collect();
        format!("exit {code}\n--- stdout\n{}--- stderr\n{stderr}", text(output.stdout))
    }
}

#[test]
fn a_binary_file_that_is_named_feature() {
    let bytes: Vec<u8> = (0..=255).cycle().take(4_096).collect();
    let home =
        Home::new("binary").with("features/logo.feature", [b"\x89PNG\r\n\x1a\n\0\0\0".as_slice(), &bytes].concat());
    insta::assert_snapshot!(home.told(&["run"]), @r#"
    exit 2
    --- stdout
    --- stderr
    busyhour: `features/logo.feature` can't be read: line 1 holds the byte 0x89, which is no UTF-8: save the file as UTF-8
    "#);
}

#[test]
fn a_file_whose_bytes_are_no_utf_8_is_named_with_the_line() {
    let feature = b"Feature: f\n\n  # Caf\xe9\n  Scenario: s\n    When 1 second passes\n";
    let home = Home::new("latin-1").with("features/cafe.feature", feature);
    insta::assert_snapshot!(home.told(&["run"]), @r#"
    exit 2
    --- stdout
    --- stderr
    busyhour: `features/cafe.feature` can't be read: line 3 holds the byte 0xe9, which is no UTF-8: save the file as UTF-8
    "#);
}

#[test]
fn ten_megabytes_of_steps_that_nobody_knows() {
    let mut feature = String::from("Feature: f\n\n  Scenario: s\n");
    while feature.len() < 10 << 20 {
        feature.push_str("    When the moon is full and the dialer dials nobody at all\n");
    }
    let home = Home::new("ten-megabytes").with("features/long.feature", feature);
    let began = Instant::now();
    let told = home.told(&["run"]);
    assert!(began.elapsed().as_secs() < 60, "it took {:?}", began.elapsed());
    let lines: Vec<&str> = told.lines().collect();
    let shown = [&lines[..12], &["..."], &lines[lines.len() - 2..]].concat();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    exit 2
    --- stdout
    --- stderr
    features/long.feature:4:5: no phrase reads like this
        When the moon is full and the dialer dials nobody at all
        ^
        nearest phrases:
          When the dialer runs for 2 minutes
          When the dialer calls lead 1001

    features/long.feature:5:5: no phrase reads like this
        When the moon is full and the dialer dials nobody at all
    ...

    101 problems; nothing was run.
    "#);
}

#[test]
fn a_table_of_a_million_rows() {
    let mut feature = String::from("Feature: f\n\n  Scenario: s\n    Given network records\n");
    for row in 0..1_000_000 {
        feature.push_str(&format!("      | a{row} | b |\n"));
    }
    let home = Home::new("million-rows").with("features/table.feature", feature);
    let began = Instant::now();
    let told = home.told(&["run"]);
    assert!(began.elapsed().as_secs() < 60, "it took {:?}", began.elapsed());
    insta::assert_snapshot!(told, @r#"
    exit 2
    --- stdout
    --- stderr
    features/table.feature:5:7: a table of more than 150000 rows is read by nobody: cut it into several
        | a0 | b |
        ^

    1 problem; nothing was run.
    "#);
}

/// An outline of that many examples is that many scenarios: it's run, or refused, but the message is one that can be read.
#[test]
fn an_outline_of_a_hundred_thousand_rows_with_a_typo_is_one_problem() {
    let mut feature =
        String::from("Feature: f\n\n  Scenario Outline: s\n    When <n> seconds pas\n\n    Examples:\n      | n |\n");
    for row in 0..100_000 {
        feature.push_str(&format!("      | {row} |\n"));
    }
    let home = Home::new("long-outline").with("features/outline.feature", feature);
    insta::assert_snapshot!(home.told(&["run"]), @r#"
    exit 2
    --- stdout
    --- stderr
    features/outline.feature:4:5: no phrase reads like this; with a row it reads `0 seconds pas`
        When <n> seconds pas
        ^
        nearest phrases:
          Then alice is "READY" within 40 seconds
          When 90 seconds pass

    1 problem; nothing was run.
    "#);
}

/// Whoever runs this may be allowed to read everything: a link to itself is a folder that nobody can read.
#[test]
fn a_folder_that_cannot_be_read() {
    let home = Home::new("unreadable");
    std::os::unix::fs::symlink("loop", home.0.join("features/loop")).unwrap();
    insta::assert_snapshot!(home.told(&["run", "features/loop"]), @r#"
    exit 2
    --- stdout
    --- stderr
    busyhour: there is no file or folder `features/loop`
    "#);
}

#[test]
fn a_folder_without_features_and_a_file_that_is_not_there() {
    let home = Home::new("empty");
    insta::assert_snapshot!(home.told(&["run"]), @r#"
    exit 2
    --- stdout
    --- stderr
    busyhour: there is no feature file in the folder `features`: their names end with .feature
    "#);
    insta::assert_snapshot!(home.told(&["run", "features/gone.feature"]), @r#"
    exit 2
    --- stdout
    --- stderr
    busyhour: there is no file or folder `features/gone.feature`
    "#);
}

#[test]
fn seeds_that_run_backwards() {
    insta::assert_snapshot!(Home::new("seeds").told(&["run", "--seeds", "9..2"]), @r#"
    exit 2
    --- stdout
    --- stderr
    error: invalid value '9..2' for '--seeds <A..B>': no seed lies in 9..2: the end is not among them

    For more information, try '--help'.
    "#);
}

#[test]
fn a_folder_for_records_that_is_a_file() {
    let home = Home::new("out-is-a-file")
        .with("features/f.feature", "Feature: f\n\n  Scenario: s\n    Given machines a and b\n    When a sends 1 datagram to b\n    Then b received all of them\n")
        .with("out", "");
    insta::assert_snapshot!(home.told(&["run", "--out", "out"]), @r#"
    exit 2
    --- stdout
    --- stderr
    busyhour: no record can be put into `out`: it is a file; name another folder with --out
    "#);
}
