//! `busyhour show` as a person meets it.

mod home;

use home::Home;

const CUT: &str = "\
Feature: Cuts
  Scenario: Nothing gets through
    Given machines a and b
    When the network between a and b is cut
    And a sends 3 datagrams to b
    Then b received none of them

  Scenario: All of it gets through
    Given machines a and b
    When a sends 3 datagrams to b
    Then b received all of them
";

/// A folder in which those scenarios were run.
fn home(name: &str) -> Home {
    let home = Home::new(name).with("features/cuts.feature", CUT);
    home.told("run --out out");
    home
}

#[test]
fn a_run_of_several_scenarios_is_listed_with_the_numbers_that_choose_them() {
    insta::assert_snapshot!(home("list").told(&["show", "out"]));
}

#[test]
fn a_scenario_is_chosen_by_its_number_or_by_a_part_of_its_name() {
    let home = home("choice");
    let by_number = home.told(&["show", "out", "--scenario", "1", "--format", "mermaid"]);
    assert!(by_number.contains("⚡ the network between a and b is cut"), "{by_number}");
    assert_eq!(by_number, home.told(&["show", "out", "--scenario", "nothing gets", "--format", "mermaid"]));
    let other = home.told(&["show", "out", "--scenario", "2", "--format", "svg"]);
    assert!(other.contains("<svg ") && other.contains("All of it gets through"), "{other}");
}

#[test]
fn a_scenario_that_is_not_there_or_is_several_exits_with_what_there_is() {
    let home = home("refused");
    insta::assert_snapshot!(home.told(&["show", "out", "--scenario", "3"]));
    insta::assert_snapshot!(home.told(&["show", "out", "--scenario", "gets through"]));
    insta::assert_snapshot!(home.told(&["show", "features"]));
    insta::assert_snapshot!(home.told(&["show", "nowhere"]));
}

#[test]
fn a_run_leaves_its_report_beside_its_records_and_says_where() {
    let home = home("report");
    let run = home.told(&["run", "--out", "out"]);
    assert!(run.contains("\nThe report is in out/report.html\n"), "{run}");
    let page = home.read("out/report.html");
    assert!(page.contains("id=\"chart-1\"") && page.contains("\"passed\":2"), "both are in it");
    let shown = home.told(&["show", "out", "--format", "html"]);
    assert!(shown.contains("<!doctype html>") && shown.contains("id=\"chart-1\""));
}
