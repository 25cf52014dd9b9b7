//! What nobody meant to feed it: each ends with a message that says what's wrong and where, and never with a panic.

mod home;

use std::fs;

use home::{Home, shown};

/// What a run says that takes a minute of CPU time at most, however many others want the machine: else it's killed.
fn told_soon(home: &Home) -> String {
    shown(home.shell("ulimit -t 60; exec \"$BUSYHOUR\" run").output().unwrap())
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
    let told = told_soon(&home);
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

    more than 100 problems; nothing was run.
    "#);
}

#[test]
fn a_table_of_a_million_rows() {
    let mut feature = String::from("Feature: f\n\n  Scenario: s\n    Given network records\n");
    for row in 0..1_000_000 {
        feature.push_str(&format!("      | a{row} | b |\n"));
    }
    let home = Home::new("million-rows").with("features/table.feature", feature);
    let told = told_soon(&home);
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
    fs::create_dir(home.0.join("features")).unwrap();
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
    fs::create_dir(home.0.join("features")).unwrap();
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

/// A scenario that passes, as people write it on a system of theirs.
const PLAIN: &str = "Feature: f\n\n  Scenario: s\n    Given machines a and b\n    When a sends 1 datagram to b\n    Then b received all of them\n";

#[test]
fn line_ends_of_windows_a_mark_before_utf_8_and_indents_of_tabs_change_nothing() {
    let phrases = "[[phrase]]\nphrase = \"a page is fetched\"\nsteps = [\"When a fetches \\\"/hello\\\" from b\"]\n";
    let network = "name = \"my van\"\n[up]\nlatency_ms = 10\n[down]\nlatency_ms = 10\n";
    let feature = PLAIN.replace("When a sends", "When a page is fetched\n    And a is on \"my van\"\n    And a sends");
    let feature = feature.replace(
        "    When a page is fetched\n    And a is on \"my van\"\n",
        "    And a is on \"my van\"\n    When a page is fetched\n",
    );
    let files = |dress: &dyn Fn(&str) -> String, name: &str| {
        let home = Home::new(name)
            .with("features/f.feature", dress(&feature))
            .with("features/phrases.toml", dress(phrases))
            .with("features/networks/van.toml", dress(network))
            .with("busyhour.toml", dress("[run]\nseed = 7\n"))
            .with("gate.toml", dress("minimum_tests = 1\n"));
        home.all_told(&["check", "run", "gate"])
    };
    let plain = files(&str::to_owned, "plain");
    assert!(plain.contains("1 scenario: 1 passed; seed 7") && plain.contains("ACCEPTED"), "{plain}");
    assert_eq!(files(&|text| text.replace('\n', "\r\n"), "windows"), plain);
    assert_eq!(files(&|text| format!("\u{feff}{text}"), "mark"), plain);
    assert_eq!(files(&|text| text.replace("    ", "\t\t").replace("  ", "\t"), "tabs"), plain);
}

#[test]
fn bytes_that_are_no_utf_8_are_named_with_their_line_in_whatever_file() {
    let broken = b"# Caf\xc3\xa9\n# Caf\xe9\n".as_slice();
    for (file, line) in [
        ("busyhour.toml", "run"),
        ("gate.toml", "gate"),
        ("features/phrases.toml", "run"),
        ("features/networks/van.toml", "run"),
        ("features/networks/van.toml", "check"),
        ("features/senders/own.toml", "run"),
    ] {
        let home = Home::new("no-text").with("features/f.feature", PLAIN);
        home.told("run");
        home.save(file, broken);
        let told = home.told(line);
        let names_it = told.contains(file) && told.contains("byte 0xe9") && told.contains("UTF-8");
        assert!(told.starts_with("exit 2") && names_it, "{file}: {told}");
        assert!(told.contains("line 2") || told.contains(&format!("{file}:2:")), "{file}: {told}");
    }
}

#[test]
fn a_file_with_line_ends_of_old_machines_is_told_so() {
    let home = Home::new("old-line-ends").with("features/f.feature", PLAIN.replace('\n', "\r"));
    let told = home.told("run");
    assert!(told.contains("features/f.feature:1:1: a carriage return stands alone in this line"), "{told}");
}

#[test]
fn a_folder_with_spaces_and_umlauts_is_one_like_any_other() {
    let home = Home::new("Größe & Preis")
        .with("mein Ordner/features/Vertrag täglich.feature", PLAIN.replace("received all", "received none"));
    let run = |line: &str| shown(home.shell(&format!("cd 'mein Ordner' && {line}")).output().unwrap());
    let told = run("\"$BUSYHOUR\" run --out 'mein Ergebnis'");
    let record =
        told.lines().find_map(|line| line.trim().strip_prefix("record    ")).unwrap_or_else(|| panic!("{told}"));
    assert!(home.0.join("mein Ordner").join(record).join("wire.pcapng").exists(), "{record}");
    let replay = told.lines().find_map(|line| line.trim().strip_prefix("replay    busyhour ")).unwrap();
    let again = run(&format!("\"$BUSYHOUR\" {replay}"));
    assert!(again.contains("1 scenario: 0 passed, 1 failed"), "{again}");
}

/// Whoever runs this may be allowed to write everywhere, so it's done as somebody who isn't, where that's possible.
#[test]
fn a_folder_that_may_be_read_and_not_written_to_is_named() {
    let home = Home::new("read-only").with("features/f.feature", PLAIN);
    fs::set_permissions(&home.0, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let refused = fs::write(home.0.join("probe"), "").is_err();
    // Root may do all; the system's own folder of processes takes no file of anybody's.
    let (out, dir) = if refused { ("out", "made") } else { ("/proc/out", "/proc/made") };
    for (line, names) in [
        (format!("run --out {out}"), format!("no record can be put into `{out}`")),
        (format!("init {dir}"), format!("`{dir}/features/first_call.feature` can't be written")),
        (format!("steps --format vscode --out {dir}"), format!("{dir}/.vscode")),
    ] {
        let told = home.told(&line);
        assert!(!told.starts_with("exit 0") && told.contains(&names), "{line}: {told}");
    }
    assert!(home.told("check").contains("no problems"));
    fs::set_permissions(&home.0, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn nobody_needs_a_home_folder() {
    let home = Home::new("homeless").with("features/f.feature", PLAIN);
    let mut command = home.command("run");
    command.env_clear();
    let told = shown(command.output().unwrap());
    assert!(told.starts_with("exit 0"), "{told}");
}
