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

#[test]
fn what_is_not_there_or_no_text_exits_2() {
    let home = Home::new("check-bad").with("notes.txt", "");
    home.save("features/a.feature", FINE);
    std::fs::write(home.0.join("features/b.feature"), b"Feature: \xff\xfe\n").unwrap();
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
