//! `busyhour init`: what it makes works at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn home(name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("init").join(name);
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).unwrap();
    home
}

/// Exit code, standard output and standard error.
fn told(program: &Path, folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("CI", "true").env_remove("CARGO").stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn busyhour(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    told(Path::new(env!("CARGO_BIN_EXE_busyhour")), folder, arguments)
}

/// The crate that `init --rust` makes, built as an example of ours.
fn own_crate() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join("init_rust");
    assert!(example.exists(), "build the example too: cargo test --workspace, without --test");
    example
}

#[test]
fn what_is_made_passes_as_it_is() {
    let home = home("works");
    let (code, said, _) = busyhour(&home, &["init", "ours"]);
    insta::assert_snapshot!(format!("exit {code}\n{said}"));
    let (code, said, complaints) = busyhour(&home.join("ours"), &["run"]);
    assert_eq!(code, 0, "{said}{complaints}");
    assert!(said.contains("7 scenarios: 7 passed"), "{said}");
}

#[test]
fn the_scenario_that_shows_a_broken_rule_fails_without_its_tag() {
    let home = home("untagged");
    busyhour(&home, &["init", "."]);
    let file = home.join("features/sale_told_twice.feature");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("  @breaks:effects_exactly_once\n"));
    fs::write(&file, text.replace("  @breaks:effects_exactly_once\n", "")).unwrap();
    let (code, said, _) = busyhour(&home, &["run", "features/sale_told_twice.feature"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("1 passed, 1 failed") && said.contains("effects_exactly_once"), "{said}");
}

#[test]
fn the_crate_that_is_made_has_its_steps_and_passes() {
    let home = home("crate");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_str().unwrap();
    let (code, said, complaints) = busyhour(&home, &["init", ".", "--rust", "--path", sources]);
    assert_eq!(code, 0, "{said}{complaints}");
    let (code, said, complaints) = told(&own_crate(), &home, &["run"]);
    assert_eq!(code, 0, "{said}{complaints}");
    assert!(said.contains("A slow network delays a greeting and loses nothing") && said.contains("8 passed"), "{said}");
    // The command without those steps doesn't know them.
    let (code, _, complaints) = busyhour(&home, &["run"]);
    assert!(code == 2 && complaints.contains("door greets whoever connects"), "{complaints}");
}

/// A crate that asks for other versions than ours would have two of them, and its steps would be nobody's.
#[test]
fn the_crate_that_is_made_asks_for_the_versions_that_are_ours() {
    let made = include_str!("../src/init/rust/Cargo.toml.in");
    let ours = include_str!("../Cargo.toml");
    let workspace = include_str!("../../Cargo.toml");
    let version = |manifest: &str, name: &str| -> Option<String> {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = {{ version")))?;
        line.split('"').nth(1).map(str::to_owned)
    };
    assert!(version(made, "cucumber").is_some());
    assert_eq!(version(made, "cucumber"), version(ours, "cucumber"));
    assert_eq!(version(made, "tokio"), version(workspace, "tokio"));
    let flags = include_str!("../src/init/rust/config.toml");
    assert!(flags.contains("tokio_unstable"), "without that flag the order of select! isn't seeded");
}

#[test]
fn nothing_is_overwritten_and_nothing_is_half_made() {
    let home = home("there");
    fs::create_dir_all(home.join("features")).unwrap();
    fs::write(home.join("features/first_call.feature"), "ours").unwrap();
    let (code, _, complaints) = busyhour(&home, &["init", "."]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(complaints.trim(), @"busyhour: nothing was made, since this is there already: ./features/first_call.feature");
    assert_eq!(fs::read_to_string(home.join("features/first_call.feature")).unwrap(), "ours");
    assert!(!home.join("busyhour.toml").exists());
}

#[test]
fn a_crate_must_be_told_where_busyhour_is() {
    let home = home("nowhere");
    insta::assert_snapshot!(busyhour(&home, &["init", "x", "--rust"]).2.trim(), @"busyhour: --rust makes a crate that depends on busyhour, which isn't published: say where it is with --path DIR or --git URL");
    insta::assert_snapshot!(busyhour(&home, &["init", "x", "--rust", "--path", "elsewhere"]).2.trim(), @"busyhour: `elsewhere` is not the folder of busyhour's sources: there is no `elsewhere/scenarios/Cargo.toml`");
    fs::write(home.join("file"), "").unwrap();
    insta::assert_snapshot!(busyhour(&home, &["init", "file"]).2.trim(), @"busyhour: `file` is a file: name a folder");
    assert!(!home.join("x").exists());
}
