//! Steps of other crates beside the built-in phrases.

use std::fs;
use std::path::{Path, PathBuf};

use busyhour_scenarios::World;
use busyhour_scenarios::suite::Suite;
use busyhour_scenarios::vocabulary::Vocabulary;
use cucumber::{given, when};

#[given(expr = "{int} lost order(s)")]
async fn lost_orders(_world: &mut World, _count: u32) {}

#[given(regex = r"^(\d+) lost orders?$")]
async fn orders_that_are_lost(_world: &mut World, _count: u32) {}

#[when(expr = "a crashes")]
async fn a_crash_of_our_own(_world: &mut World) {}

fn problems(name: &str, steps: &str) -> String {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign_steps").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let feature = folder.join("f.feature");
    fs::write(&feature, format!("Feature: f\n  Scenario: s\n{steps}")).unwrap();
    match Suite::load(&[feature], &Vocabulary::of_this_build()) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.to_string().replace(&format!("{}/", folder.display()), ""),
    }
}

#[test]
fn a_step_that_two_of_them_read_is_an_error_that_names_both() {
    insta::assert_snapshot!(problems("two", "    Given 3 lost orders\n"));
}

#[test]
fn a_step_that_a_built_in_phrase_reads_too_is_an_error_and_never_a_silent_choice() {
    insta::assert_snapshot!(problems("built-in", "    Given machines a and b\n    When a crashes\n"));
}
