//! The phrases of the contract, performed letter by letter.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use busyhour_scenarios::outcome::Verdict;
use busyhour_scenarios::paint::Paint;
use busyhour_scenarios::phrase::keyword_word;
use busyhour_scenarios::report::{self, Launcher};
use busyhour_scenarios::script::{Case, Script};
use busyhour_scenarios::vocabulary::{Bound, built_in};
use gherkin::StepType;

use crate::stage::{case, cases, perform};

const ROUND_1: &str = include_str!("round-1.feature");
const ROUND_2: &str = include_str!("round-2.feature");
const ROUND_3: &str = include_str!("round-3.feature");
const ROUND_4: &str = include_str!("round-4.feature");

/// What the contract has for round 1, with machines where it has agents and servers.
const CONTRACT: &[&str] = &[
    "Given a is on \"hotel wifi\"",
    "Given machines a and b",
    "When a sends 1000 datagrams to b",
    "Then b received between 930 and 970 of them",
    "When a fetches \"/hello\" from b",
    "Then a got status 200",
    "Then a got status 200 within 2 seconds",
    "Then a got no answer",
    "Then a got no answer within 1 second",
    "Given the network between a and b loses 5% of packets",
    "Given every network loses 5% of packets",
    "Given the network between a and b duplicates 2% of packets",
    "Given the network between a and b reorders 2% of packets",
    "Given the network between a and b corrupts 1% of packets",
    "Given the network between a and b has 80 ms latency and 20 ms jitter",
    "Given the network between a and b carries at most 256 kbit per second",
    "When the network between a and b is cut",
    "When the network between a and b is cut for 9 seconds",
    "When the network from a to b is cut",
    "When the network between a and b heals",
    "When b crashes",
    "When b restarts",
    "When b's clock is 10 minutes ahead",
    "When b's clock is 10 minutes behind",
    "When 90 seconds pass",
    "When 1 second passes",
    "Then at least 1 packet was lost between a and b",
];

#[test]
fn every_line_of_the_contract_and_every_phrase_is_performed() {
    let cases = cases(ROUND_1);
    let steps: Vec<_> = cases.iter().flat_map(|case| &case.script.steps).collect();
    let written: BTreeSet<String> =
        steps.iter().map(|step| format!("{} {}", keyword_word(step.counts_as), step.text)).collect();
    let missing: Vec<_> = CONTRACT.iter().filter(|line| !written.contains(**line)).collect();
    assert!(missing.is_empty(), "nobody performs {missing:?}");
    let later: Vec<_> = [ROUND_2, ROUND_3, ROUND_4].into_iter().flat_map(self::cases).collect();
    let performed: BTreeSet<&str> = steps
        .into_iter()
        .chain(later.iter().flat_map(|case| &case.script.steps))
        .filter_map(|step| match &step.bound {
            Bound::Phrase(phrase, _) => Some(phrase.expression),
            Bound::Foreign(..) | Bound::Composed(_) => None,
        })
        .collect();
    let missing: Vec<_> = built_in().map(|phrase| phrase.expression).filter(|one| !performed.contains(one)).collect();
    assert!(missing.is_empty(), "nobody performs {missing:?}");
}

#[test]
fn every_phrase_of_round_1_does_what_it_says() {
    for case in cases(ROUND_1) {
        let (job, result) = perform("contract", &case, 0);
        let shown = report::failure_shown(&job, &result, Paint::OFF, Launcher::Busyhour);
        assert_eq!(result.verdict, Verdict::Passed, "{case}\n{shown}");
    }
}

#[test]
fn every_phrase_of_round_2_does_what_it_says() {
    for case in cases(ROUND_2) {
        let (job, result) = perform("contract-2", &case, 0);
        let shown = report::failure_shown(&job, &result, Paint::OFF, Launcher::Busyhour);
        assert_eq!(result.verdict, Verdict::Passed, "{case}\n{shown}");
    }
}

#[test]
fn every_phrase_of_round_3_does_what_it_says() {
    for case in cases(ROUND_3) {
        let (job, result) = perform("contract-3", &case, 0);
        let shown = report::failure_shown(&job, &result, Paint::OFF, Launcher::Busyhour);
        assert_eq!(result.verdict, Verdict::Passed, "{case}\n{shown}");
    }
}

#[test]
fn every_phrase_of_round_4_does_what_it_says() {
    for case in cases(ROUND_4) {
        let (job, result) = perform("contract-4", &case, 0);
        let shown = report::failure_shown(&job, &result, Paint::OFF, Launcher::Busyhour);
        assert_eq!(result.verdict, Verdict::Passed, "{case}\n{shown}");
    }
}

#[test]
fn no_step_of_those_scenarios_could_be_left_out() {
    for case in cases(ROUND_1) {
        if case.tags.iter().any(|tag| tag == "measured") {
            continue;
        }
        for left_out in 0..case.script.steps.len() {
            if case.script.steps[left_out].counts_as == StepType::Then {
                continue;
            }
            let mut steps = case.script.steps.clone();
            let step = steps.remove(left_out);
            let script = Script { steps };
            let shorter =
                Arc::new(Case { scenario: format!("{} {left_out}", case.scenario), script, ..(*case).clone() });
            let (_, result) = perform("contract-shortened", &shorter, 0);
            assert_eq!(result.verdict, Verdict::Failed, "{case} passes without `{}`", step.text);
        }
    }
}

/// What a program with a clock told the wire.
fn date_told(scenario: &str) -> String {
    let case = cases(ROUND_1).into_iter().find(|case| case.scenario == scenario).unwrap();
    let (job, result) = perform("contract-on-the-wire", &case, 0);
    assert_eq!(result.verdict, Verdict::Passed, "{:?}", result.reasons);
    let capture = fs::read(job.record_folder.join("wire.pcapng")).unwrap();
    let text = String::from_utf8_lossy(&capture);
    let from = text.find("date: ").expect("the answer has a date");
    text[from..].lines().next().unwrap().to_owned()
}

#[test]
fn a_clock_is_ahead_or_behind_by_what_was_said() {
    assert_eq!(date_told("A page is answered"), "date: Mon, 23 Nov 2026 14:00:00 GMT");
    assert_eq!(date_told("A clock is ahead"), "date: Mon, 23 Nov 2026 14:10:00 GMT");
    assert_eq!(date_told("A clock is behind"), "date: Mon, 23 Nov 2026 13:50:00 GMT");
}

/// How long the step with these words took.
fn took(steps: &str, words: &str) -> Duration {
    let (_, result) = perform("contract-time", &case("", steps), 0);
    assert_eq!(result.verdict, Verdict::Passed, "{:?}", result.reasons);
    let step = result.account.steps.iter().find(|step| step.text == words).unwrap();
    Duration::from_nanos(step.ended.unwrap().as_nanos() - step.started.unwrap().as_nanos())
}

#[test]
fn time_passes_by_exactly_what_was_said() {
    assert_eq!(took("    When 90 seconds pass\n", "90 seconds pass"), Duration::from_secs(90));
    assert_eq!(took("    When 1 second passes\n", "1 second passes"), Duration::from_secs(1));
    assert_eq!(took("    When 2.5 days pass\n", "2.5 days pass"), Duration::from_secs(216_000));
}

#[test]
fn a_latency_delays_each_packet_by_what_was_said() {
    let fetched = |fault: &str| {
        let steps = format!(
            "    Given machines a and b\n{fault}    When a fetches \"/hello\" from b\n    Then a got status 200\n"
        );
        took(&steps, "a fetches \"/hello\" from b")
    };
    // To connect and to ask are a round trip each: four packets in a row. The step looks for the answer each 10 ms.
    let office = fetched("");
    assert!(office <= Duration::from_millis(20), "{office:?}");
    let slow = fetched("    And the network between a and b has 80 ms latency\n");
    assert!((320..=340).contains(&slow.as_millis()), "{slow:?}");
    let one_way = fetched("    And the network from a to b has 80 ms latency\n");
    assert!((160..=180).contains(&one_way.as_millis()), "{one_way:?}");
    let wavering = fetched("    And the network between a and b has 80 ms latency and 20 ms jitter\n");
    assert!((240..=420).contains(&wavering.as_millis()) && wavering != slow, "{wavering:?}");
}
