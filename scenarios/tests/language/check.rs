//! `busyhour check`.

use std::path::Path;

use busyhour_scenarios::check;
use busyhour_scenarios::vocabulary::Vocabulary;

use crate::home::Home;

const FINE: &str = "Feature: Fine\n  Scenario: A page is fetched\n    Given machines a and b\n    When a fetches \"/hello\" from b\n    Then a got status 200\n";

/// A file with one of everything that a run doesn't refuse.
const AMISS: &str = r#"Feature: Amiss
  Background:
    Given agents alice and bob with hardphones

  @breaks:no-zombie-call
  Scenario: Strangers
    Given alice is on "hotel wfi"
    And carol is on "4G"
    And a webhook receiver crm
    And a campaign renewals
    And bob is ready in renewal
    And renewals sends "sale.closed" to crn by the "standart" sender
    When alicia calls bob
    And bob's phone rings
    And crm calls alice
    And the first "ACK" from the server is lost
    And the second "ACK" to dave is lost
    And sam listens in on alice
    And sam hangs up
    Then alice hears sam

  Scenario: Tables
    Given a campaign renewals
    And these leads:
      | lead | phone_number |
      | 1001 | 15551230001  |
    And these leads in renewals:
      | lead_id | phone_number |
      | 1002    | 15551230002  |
      | 1003    | 1555         |
    When the CRM calls the Non-Agent API function "add_lead" with:
      | phone_number |
      | 15557654321  |
    Then no lead was dialed more than once

  Scenario Outline: Columns <n>
    When <time> pass

    Examples:
      | n | time      | why       |
      | 1 | 5 seconds | no reason |
      | 2 | 6 seconds | for fun   |

  Scenario: Columns 3 [3, 7 seconds]
    When 1 second passes

  Scenario Outline: Columns 3
    When <time> pass
    Examples:
      | n | time      |
      | 3 | 7 seconds |
"#;

#[test]
fn a_folder_in_order_is_told_in_one_line_and_exits_0() {
    let home = Home::new("check-fine").with("features/a.feature", FINE).with("features/b/b.feature", FINE);
    insta::assert_snapshot!(home.told(&["check"]), @r"
    exit 0
    --- stdout
    2 scenarios in 2 files: no problems
    --- stderr
    ");
    assert_eq!(home.told(&["check", "--format", "github"]), "exit 0\n--- stdout\n--- stderr\n");
}

#[test]
fn what_a_run_would_find_out_step_by_step_is_told_with_its_place() {
    let home = Home::new("check-amiss").with("features/amiss.feature", AMISS);
    insta::assert_snapshot!(home.told(&["check"]));
}

#[test]
fn what_a_run_refuses_is_told_too() {
    let home = Home::new("check-refused")
        .with("features/a.feature", "Feature: a\n  Scenario: s\n    Givn machines a and b\n    When wait 90 seconds\n    Then a crashes\n  Scenario: empty\n")
        .with("features/networks/van.toml", "name = \"my van\"\n[up]\nlatency = 5\n[down]\n");
    insta::assert_snapshot!(home.told(&["check"]));
}

#[test]
fn problems_are_told_to_programs_and_to_github() {
    let home = Home::new("check-formats").with(
        "features/a, b.feature",
        "Feature: a\n  Scenario: s\n    Given machines a and b\n    When wait 90% of\n    And c crashes\n",
    );
    insta::assert_snapshot!(
        [home.told(&["check", "--format", "json"]), home.told(&["check", "--format", "github"])].join("\n")
    );
}

/// What editors and word processors put in the place of signs, and what people do with tables and tags.
#[test]
fn what_looks_right_and_is_not_is_told_with_what_to_write() {
    let feature = "Feature: f\n  @Breaks:no_zombie_calls @break:\n  Scenario: s\n    Given\tagents alice and bob with hardphones\n    And every\u{a0}agent's phone registers\n    When alice calls  bob\n    And bob answers.\n    And bob calls \u{201c}15551230001\u{201d}\n    Then alice\u{2019}s phone rings\n  @slow fast\n  Scenario: t\n    Given a campaign renewals\n    And these leads in renewals:\n      | lead_id | phone_number |\n      | 1001 | 15551230001\n  @late\n";
    let home = Home::new("check-looks-right").with("features/a.feature", feature);
    insta::assert_snapshot!(home.told("check"));
}

#[test]
fn a_scenario_without_its_feature_is_told_so() {
    let home = Home::new("check-no-feature").with("features/a.feature", "Scenario: s\n  When 1 second passes\n");
    insta::assert_snapshot!(home.told("check"));
}

#[test]
fn more_problems_than_are_told_are_said_to_be_more() {
    let with = |problems: usize| {
        let steps: String = (0..problems).map(|at| format!("    When it rains {at} frogs on us all\n")).collect();
        let home = Home::new("check-many").with("features/a.feature", format!("Feature: f\n  Scenario: s\n{steps}"));
        let told = home.told("check");
        told.lines().find(|line| line.contains(" in 1 file: ")).unwrap().to_owned()
    };
    assert_eq!(with(100), "1 scenario in 1 file: 100 problems in 1 file");
    assert_eq!(with(101), "1 scenario in 1 file: more than 100 problems in 1 file");
}

#[test]
fn what_is_not_there_or_no_text_exits_2() {
    let home = Home::new("check-bad").with("notes.txt", "");
    home.save("features/a.feature", FINE);
    home.save("features/b.feature", b"Feature: \xff\xfe\n");
    let told: Vec<String> =
        [&["check", "nowhere"][..], &["check", "notes.txt"], &["check"], &["check", "--format", "xml"]]
            .iter()
            .map(|arguments| format!("$ busyhour {}\n{}", arguments.join(" "), home.told(arguments)))
            .collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// The features of this repository are in order, and checked in well under the second that is promised for 500 scenarios
/// (a build for release takes a tenth of the time of one for debugging).
#[test]
fn our_own_features_are_in_order() {
    let features = Path::new(env!("CARGO_MANIFEST_DIR")).join("../features");
    let checked = check::check(&[features], &Vocabulary::of_this_build()).unwrap();
    assert!(checked.problems.is_empty(), "{}", check::text(&checked));
    assert!(checked.scenarios > 400, "{}", checked.scenarios);
}
