//! `busyhour init`: what it makes works at once.

mod home;

use std::fs;
use std::path::Path;

use home::{Home, example, shown};
use yaml_rust2::YamlLoader;

/// Where the sources are.
fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn what_is_made_passes_as_it_is() {
    let home = Home::new("works");
    insta::assert_snapshot!(home.told("init ours"));
    let ours = Home(home.0.join("ours"));
    let told = ours.told("run");
    assert!(told.starts_with("exit 0") && told.contains("7 scenarios: 7 passed"), "{told}");
    let told = ours.told("check");
    assert!(told.contains("7 scenarios in 2 files: no problems"), "{told}");
    assert!(ours.told("config").contains("busyhour.toml:3"));
    // The editor's settings name the file of phrases that lies beside them.
    let settings: serde_json::Value = serde_json::from_str(&ours.read(".vscode/settings.json")).unwrap();
    let glue = ours.read(settings["cucumber.glue"][0].as_str().unwrap());
    assert!(glue.contains("{agent} call(s) {callee}"), "{glue}");
    assert_eq!(
        ours.told("steps --format vscode"),
        "exit 0\n--- stdout\nWrote ./.vscode/busyhour_steps.rs.\n--- stderr\n",
        "the settings are as this would write them"
    );
    assert_eq!(ours.read(".gitignore"), "target/\n");
}

#[test]
fn the_scenario_that_shows_a_broken_rule_fails_without_its_tag() {
    let home = Home::new("untagged");
    home.told("init .");
    let file = "features/sale_told_twice.feature";
    let text = home.read(file);
    assert!(text.contains("  @breaks:effects_exactly_once\n"));
    home.save(file, text.replace("  @breaks:effects_exactly_once\n", ""));
    let told = home.told(&["run", file]);
    assert!(told.starts_with("exit 1"), "{told}");
    assert!(told.contains("1 passed, 1 failed") && told.contains("effects_exactly_once"), "{told}");
}

/// That it's built as a crate of its own is seen by .ci/newcomer.
#[test]
fn the_crate_that_is_made_has_its_steps_and_passes() {
    let home = Home::new("crate");
    let told = home.told(&["init", ".", "--rust", "--path", sources().to_str().unwrap()]);
    assert!(told.starts_with("exit 0") && told.contains("  cargo run --release -- run"), "{told}");
    let told = home.told_by(&example("init_rust"), "run");
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(told.contains("A slow network delays a greeting and loses nothing") && told.contains("8 passed"), "{told}");
    // The command without those steps doesn't know them.
    let told = home.told("run");
    assert!(told.starts_with("exit 2") && told.contains("door greets whoever connects"), "{told}");
}

/// `cargo install --git` reads no .cargo/config.toml of what it installs, and of two packages with programs it must be
/// told which; a path leads somewhere on one machine alone.
#[test]
fn the_workflow_gets_busyhour_from_where_it_can_be_had_and_uses_flags_that_it_has() {
    let runs = |name: &str, arguments: &[&str]| -> Vec<(String, Option<String>)> {
        let home = Home::new(name);
        let told = home.told(&[&["init", "."], arguments].concat());
        assert!(told.starts_with("exit 0"), "{told}");
        let workflow = YamlLoader::load_from_str(&home.read(".github/workflows/busyhour.yml")).unwrap().remove(0);
        let steps = workflow["jobs"]["scenarios"]["steps"].as_vec().unwrap();
        let run = |step: &yaml_rust2::Yaml| {
            let flags = step["env"]["RUSTFLAGS"].as_str().map(str::to_owned);
            Some((step["run"].as_str()?.to_owned(), flags))
        };
        steps.iter().filter_map(run).collect()
    };
    let bare = runs("workflow", &[]);
    let install = "cargo install --git \"$BUSYHOUR_GIT\" busyhour-scenarios --locked";
    assert_eq!(bare[0], (install.to_owned(), Some("--cfg tokio_unstable".to_owned())));
    assert!(bare[1].0.starts_with("busyhour check") && bare[2].0.starts_with("busyhour run"), "{bare:?}");
    let git = runs("workflow-git", &["--rust", "--git", "https://git.test/busyhour"]);
    assert!(git[0].0.starts_with("cargo run --release -- check"), "{git:?}");
    let path = runs("workflow-path", &["--rust", "--path", sources().to_str().unwrap()]);
    assert_eq!(path[0].0, "cargo add --git \"$BUSYHOUR_GIT\" busyhour busyhour-scenarios");
    // What it says to the command, the command reads.
    let home = Home::new("workflow-flags");
    home.told("init .");
    for (line, _) in &bare[1..] {
        let line = line.strip_prefix("busyhour ").unwrap().replace("0..20", "0..1");
        let told = home.told(&line);
        assert!(told.starts_with("exit 0"), "{line}: {told}");
    }
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

/// Its versions are those of this build, so that it needs nothing that this build didn't need.
#[test]
fn the_crate_that_is_made_comes_with_the_versions_of_this_build() {
    let home = Home::new("versions");
    home.told(&["init", ".", "--rust", "--path", sources().to_str().unwrap()]);
    assert_eq!(home.read("Cargo.lock"), fs::read_to_string(sources().join("Cargo.lock")).unwrap());
}

#[test]
fn nothing_is_overwritten_and_nothing_is_half_made() {
    let home = Home::new("there").with("features/first_call.feature", "ours");
    let told = home.told("init .");
    insta::assert_snapshot!(told, @r"
    exit 2
    --- stdout
    --- stderr
    busyhour: nothing was made, since this is there already: ./features/first_call.feature
    ");
    assert_eq!(home.read("features/first_call.feature"), "ours");
    assert!(!home.0.join("busyhour.toml").exists());
}

#[test]
fn what_a_repository_has_already_is_left_as_it_is_and_said() {
    let home = Home::new("repository").with(".gitignore", "*.o\n").with(".vscode/settings.json", "{ // mine\n}\n");
    insta::assert_snapshot!(home.told("init ."));
    assert_eq!(
        (home.read(".gitignore"), home.read(".vscode/settings.json")),
        ("*.o\n".into(), "{ // mine\n}\n".into())
    );
}

/// A folder in which one file can't be made: nothing is left of those before it.
#[test]
fn what_cannot_be_made_whole_is_not_made() {
    let home = Home::new("half");
    // A process that may write files of a few kilobytes at most has written some when it meets a longer one.
    let told = shown(home.shell("ulimit -f 8; trap '' XFSZ; exec \"$BUSYHOUR\" init made").output().unwrap());
    assert!(told.starts_with("exit 70") && told.contains("can't be written: File too large"), "{told}");
    assert!(!home.0.join("made").exists(), "{told}");
}

#[test]
fn a_crate_must_be_told_where_busyhour_is() {
    let home = Home::new("nowhere").with("file", "");
    insta::assert_snapshot!(home.all_told(&[
        "init x --rust",
        "init x --rust --path elsewhere",
        "init file",
        "init file/below",
    ]));
    assert!(!home.0.join("x").exists());
}

#[test]
fn the_way_to_a_folder_with_a_space_is_told_as_a_shell_reads_it() {
    let home = Home::new("space");
    let told = home.told(&["init", "mein Ordner"]);
    assert!(told.contains("\n  cd 'mein Ordner'\n"), "{told}");
}
