//! `busyhour steps`.

use std::path::Path;
use std::{env, fs};

use crate::home::Home;

const BOOK: &str = "[[phrase]]\nphrase = \"{agent} sells to lead {lead}\"\ndoc = \"A sale, from the ring to the books.\"\nsteps = [\n  \"When the dialer calls lead {lead}\",\n  \"And {agent} saves disposition \\\"SALE\\\"\",\n]\n";

#[test]
fn words_choose_phrases_wherever_they_stand_in_them() {
    let home = Home::new("steps-words").with("features/phrases.toml", BOOK);
    insta::assert_snapshot!(home.told(&["steps", "hold"]));
    let several = home.told(&["steps", "Sale", "LEAD"]);
    assert!(
        several.contains("features/phrases.toml\n\n  {agent} sells to lead {lead}\n      A sale, from"),
        "{several}"
    );
    assert!(several.contains("recorded {amount} sale(s) for lead {lead}"), "{several}");
    assert!(!several.contains("hang(s) up") && !several.contains("Network profiles"), "{several}");
}

#[test]
fn words_that_no_phrase_has_are_answered_with_the_nearest_and_exit_4() {
    let home = Home::new("steps-miss");
    let told = [&["steps", "ambulance"][..], &["steps", "the", "sever", "crashed"], &["steps", "registres"]];
    insta::assert_snapshot!(told.map(|arguments| home.told(arguments)).join("\n"));
}

#[test]
fn a_book_that_is_broken_is_told_instead_of_listed() {
    let home = Home::new("steps-broken").with("features/phrases.toml", "[[phrase]]\nphrase = \"x\"\nsteps = []\n");
    insta::assert_snapshot!(home.told(&["steps", "hold"]));
}

#[test]
fn the_page_of_the_vocabulary_is_what_this_build_knows() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/vocabulary.md");
    let home = Home::new("steps-page");
    let output = home.command(&["steps", "--format", "markdown"]).output().unwrap();
    let made = String::from_utf8(output.stdout).unwrap();
    if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&page, &made).unwrap();
    }
    let there = fs::read_to_string(&page).unwrap_or_default();
    assert!(there == made, "write it anew: busyhour steps --format markdown > docs/vocabulary.md");
}

#[test]
fn an_editor_gets_its_settings_and_the_phrases_as_functions() {
    let home = Home::new("steps-vscode").with("features/phrases.toml", BOOK);
    let told = home.told(&["steps", "--format", "vscode"]);
    assert_eq!(
        told,
        "exit 0\n--- stdout\nWrote ./.vscode/busyhour_steps.rs.\nWrote ./.vscode/settings.json.\n--- stderr\n"
    );
    let settings: serde_json::Value = serde_json::from_str(&home.read(".vscode/settings.json")).unwrap();
    assert_eq!(settings["cucumber.features"][0], "features/**/*.feature");
    assert_eq!(settings["cucumber.glue"][0], ".vscode/busyhour_steps.rs");
    let kinds = settings["cucumber.parameterTypes"].as_array().unwrap();
    assert!(kinds.iter().any(|kind| kind["name"] == "agent") && !kinds.iter().any(|kind| kind["name"] == "string"));
    let glue = home.read(".vscode/busyhour_steps.rs");
    assert!(glue.contains("\n// features/phrases.toml:2: A sale, from the ring to the books.\n#[when(\"{agent} sells to lead {lead}\")]\nfn step_"), "{glue}");
    // Once more: the settings are there already.
    let again = home.told(&["steps", "--format", "vscode"]);
    assert_eq!(again, "exit 0\n--- stdout\nWrote ./.vscode/busyhour_steps.rs.\n--- stderr\n");
}

#[test]
fn settings_of_somebody_elses_are_left_as_they_are_and_what_to_add_is_printed() {
    let theirs = "{\n  // mine\n  \"editor.tabSize\": 2\n}\n";
    let home = Home::new("steps-theirs").with("there/.vscode/settings.json", theirs);
    let told = home.told(&["steps", "--format", "vscode", "--out", "there"]);
    assert!(told.starts_with("exit 2\n--- stdout\n--- stderr\nbusyhour: there/.vscode/settings.json has settings of yours and is left as it is; add these to it"), "{told}");
    assert!(told.contains("\"cucumber.glue\": ["), "{told}");
    assert_eq!(home.read("there/.vscode/settings.json"), theirs);
    assert!(home.0.join("there/.vscode/busyhour_steps.rs").exists(), "the glue they point to is there");
    let home = home.with("other/.vscode/busyhour_steps.rs", "fn main() {}\n");
    assert_eq!(
        home.told(&["steps", "--format", "vscode", "--out", "other"]),
        "exit 2\n--- stdout\n--- stderr\nbusyhour: other/.vscode/busyhour_steps.rs wasn't made by busyhour and is left as it is: move it away\n"
    );
}

#[test]
fn a_folder_of_phrases_that_is_not_there_is_told() {
    let told = Home::new("steps-nowhere").told("steps --in nowhere");
    assert_eq!(told, "exit 2\n--- stdout\n--- stderr\nbusyhour: there is no folder `nowhere`\n");
}
