//! A failed scenario shows the calls that it failed for.

use std::fs;

use crate::stage::{case, perform, told};

const REJECTED: &str = "Given agents alice, bob and carol with hardphones
    When alice's phone registers
    And bob's phone registers
    And carol's phone registers
    When alice calls bob
    And bob rejects the call";

#[test]
fn a_failed_check_shows_who_said_what_in_the_calls_of_those_it_names() {
    let case = case("", &format!("{REJECTED}\n    Then alice is in a call"));
    let told = told("diagram-of-a-failure", &case);
    let (_, diagram) = told.split_once("  messages\n").expect("there is a diagram");
    let head = diagram.lines().next().unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(head, ["alice", "server", "bob"], "carol has no part in it:\n{diagram}");
    for expected in ["INVITE bob", "486 Busy Here (INVITE)", "-- When alice calls bob"] {
        assert!(diagram.contains(expected), "{expected}:\n{diagram}");
    }
    assert!(!diagram.contains("REGISTER"), "{diagram}");
}

#[test]
fn a_failed_registration_shows_the_registrations_of_the_one_it_names() {
    let case = case("", &format!("{REJECTED}\n    Then carol's phone is not registered"));
    let told = told("diagram-of-a-registration", &case);
    let (_, diagram) = told.split_once("  messages\n").expect("there is a diagram");
    assert!(diagram.contains("REGISTER") && !diagram.contains("alice  "), "{diagram}");
}

#[test]
fn every_record_of_a_call_has_its_diagram_and_one_without_messages_has_none() {
    let with = case("", &format!("{REJECTED}\n    Then alice is in no call"));
    let (job, result) = perform("diagram-in-a-record", &with, 0);
    assert!(result.account.diagram.is_empty(), "nobody asks when nothing is wrong");
    let text = fs::read_to_string(job.record_folder.join("diagram.txt")).unwrap();
    assert!(text.contains("REGISTER") && text.contains("486 Busy Here (INVITE)"), "{text}");
    let without =
        case("", "Given machines a and b\n    When a sends 3 datagrams to b\n    Then b received all of them");
    let (job, _) = perform("no-diagram-in-a-record", &without, 0);
    assert!(!job.record_folder.join("diagram.txt").exists());
}
