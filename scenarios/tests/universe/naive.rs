//! What the sample CRM is for: the scenarios that it passes, with the naive receiver in its place.

use std::fmt::Write as _;

use busyhour_scenarios::outcome::Verdict;

use crate::stage::{cases, perform};

const DUPLICATES: &str = include_str!("../../../features/duplicate_webhooks.feature");
const SECURITY: &str = include_str!("../../../features/webhook_security.feature");
const SAMPLE: &str = "a webhook receiver crm\n";
const NAIVE: &str = "a webhook receiver crm that counts every delivery as new\n";
const VERIFIES: &str = "    And crm verifies signatures\n";

/// What becomes of each scenario of a feature, with either receiver. Those that show a broken rule are left out.
fn compared(feature: &str) -> String {
    assert!(feature.contains(SAMPLE), "the feature has no receiver that could be another");
    let naive = feature.replace(SAMPLE, NAIVE).replace(VERIFIES, "");
    let mut table = String::new();
    for (sample, naive) in cases(feature).iter().zip(cases(&naive)) {
        if sample.tags.iter().any(|tag| tag.starts_with("breaks:")) {
            continue;
        }
        let [sample, naive] = [sample, &naive].map(|case| (case, perform("naive", case, 0).1.verdict));
        assert_eq!(sample.1, Verdict::Passed, "{}", sample.0);
        writeln!(table, "{:?}  {}", naive.1, sample.0.scenario).unwrap();
    }
    table
}

/// Domain, group J: copies, replies that are lost, what is late.
#[test]
fn a_receiver_that_counts_each_delivery_fails_where_one_comes_twice() {
    insta::assert_snapshot!(compared(DUPLICATES));
}

/// Domain, Part 6: who verifies nothing believes everybody.
#[test]
fn a_receiver_that_verifies_nothing_fails_where_a_stranger_posts() {
    insta::assert_snapshot!(compared(SECURITY));
}
