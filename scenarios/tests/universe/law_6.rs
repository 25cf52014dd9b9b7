//! Nothing passes vacuously, on the real stage.

use busyhour::net::Sabotage;
use busyhour_scenarios::outcome::Verdict;
use busyhour_scenarios::stage::{Stage as _, UniverseStage};
use busyhour_scenarios::tally::Tally;
use busyhour_scenarios::{StepResult, World};
use cucumber::given;

use crate::stage::{case, perform, told};

#[test]
fn a_cut_that_refused_nothing_fails_and_says_which() {
    let steps = "    Given machines a, b and c\n    When the network between a and b is cut\n    \
                 And a sends 10 datagrams to c\n    Then c received all of them\n";
    insta::assert_snapshot!(told("law_6/cut", &case("", steps)), @r"
    FAILED
        Given machines a, b and c                0.000 s
        When the network between a and b is cut  0.000 s
        And a sends 10 datagrams to c            1.010 s
        Then c received all of them              1.010 s
      because   a fault was never hit: `the network between a and b is cut` met nothing
      packets   a -> c: 10 arrived
    ");
}

#[test]
fn of_two_cuts_the_one_that_refused_nothing_is_named() {
    let steps = "    Given machines a and b\n    When the network from a to b is cut\n    \
                 And a sends 10 datagrams to b\n    Then b received none of them\n    \
                 When the network between a and b heals\n    And the network from b to a is cut\n    \
                 And a sends 10 datagrams to b\n    Then b received all of them\n";
    insta::assert_snapshot!(told("law_6/two-cuts", &case("", steps)), @r"
    FAILED
        Given machines a and b                  0.000 s
        When the network from a to b is cut     0.000 s
        And a sends 10 datagrams to b           1.010 s
        Then b received none of them            1.010 s
        When the network between a and b heals  1.010 s
        And the network from b to a is cut      1.010 s
        And a sends 10 datagrams to b           2.020 s
        Then b received all of them             2.020 s
      because   a fault was never hit: `the network from b to a is cut` met nothing
      packets   a -> b: 10 arrived, 10 lost: the network was cut
    ");
}

#[test]
fn a_wrong_clock_that_nobody_read_fails_and_says_which() {
    let steps = "    Given machines a and b\n    When a's clock is 10 minutes ahead\n    \
                 And a sends 10 datagrams to b\n    Then b received all of them\n";
    insta::assert_snapshot!(told("law_6/clock", &case("", steps)), @r"
    FAILED
        Given machines a and b              0.000 s
        When a's clock is 10 minutes ahead  0.000 s
        And a sends 10 datagrams to b       1.010 s
        Then b received all of them         1.010 s
      because   a fault was never hit: `a's clock is 10 minutes ahead` met nothing
      packets   a -> b: 10 arrived
    ");
}

#[test]
fn a_bad_network_without_traffic_fails_whatever_is_bad_about_it() {
    for bad in [
        "the network between a and b loses 5% of packets",
        "the network between a and b duplicates 2% of packets",
        "the network between a and b reorders 2% of packets",
        "the network between a and b corrupts 1% of packets",
        "the network between a and b has 80 ms latency",
        "the network between a and b carries at most 256 kbit per second",
        "a is on \"hotel wifi\"",
    ] {
        let quiet = format!(
            "    Given machines a, b and c\n    And {bad}\n    When b sends 10 datagrams to c\n    Then c received all of them\n"
        );
        let (_, result) = perform("law_6/quiet", &case("", &quiet), 0);
        assert_eq!(result.verdict, Verdict::Failed, "{bad}");
        assert_eq!(result.reasons, [format!("a fault was never hit: `{bad}` saw no traffic")]);
    }
}

/// So rare a loss that ten packets are spared by every seed that is tried here.
const RARE: &str = "    Given machines a and b\n    And the network between a and b loses 0.0001% of packets\n    \
                    When a sends 10 datagrams to b\n    Then b received all of them\n";

#[test]
fn what_chance_spared_is_not_exercised_with_one_seed() {
    insta::assert_snapshot!(told("law_6/spared", &case("", RARE)), @r"
    not exercised
        Given machines a and b                                    0.000 s
        And the network between a and b loses 0.0001% of packets  0.000 s
        When a sends 10 datagrams to b                            1.010 s
        Then b received all of them                               1.010 s
      spared    `the network between a and b loses 0.0001% of packets` hit none of 10 with this seed
      packets   a -> b: 10 arrived
    ");
}

#[test]
fn what_chance_spared_with_every_seed_fails() {
    let case = case("", RARE);
    let mut tally = Tally::of(3);
    for seed in 0..3 {
        let (job, result) = perform("law_6/never", &case, seed);
        assert_eq!(result.verdict, Verdict::NotExercised);
        tally.add(&job, &result, None);
    }
    assert_eq!(tally.verdict(), Verdict::Failed);
    insta::assert_snapshot!(tally.never_hit().join("\n"), @"`the network between a and b loses 0.0001% of packets` hit nothing with any of 3 seeds, though 30 could have been hit");
}

const HEALTHY: &str = "    Given machines a and b\n    When the network between a and b is cut\n    \
                       And a sends 10 datagrams to b\n    Then b received none of them\n";

#[test]
fn a_scenario_that_is_to_break_an_invariant_fails_if_it_held() {
    insta::assert_snapshot!(told("law_6/held", &case("@breaks:nothing_crosses_a_cut", HEALTHY)), @r"
    FAILED
        Given machines a and b                   0.000 s
        When the network between a and b is cut  0.000 s
        And a sends 10 datagrams to b            1.010 s
        Then b received none of them             1.010 s
      because   the scenario is to break nothing_crosses_a_cut, and it held each of 10 times
      packets   a -> b: 0 arrived, 10 lost: the network was cut
    ");
    let dashes = told("law_6/held", &case("@breaks:nothing-crosses-a-cut", HEALTHY));
    assert_eq!(dashes, told("law_6/held", &case("@breaks:nothing_crosses_a_cut", HEALTHY)));
}

/// Breaks a rule of the wire, which no phrase can.
#[given(expr = "crashed machines go on hearing")]
async fn crashed_machines_go_on_hearing(world: &mut World) -> StepResult {
    world.scene()?.universe.network().sabotage(Sabotage::DeliverToTheDead);
    Ok(())
}

#[test]
fn a_broken_rule_fails_a_scenario_unless_it_is_to_be_broken() {
    let steps = "    Given machines a and b\n    And crashed machines go on hearing\n    When b crashes\n    \
                 And a sends 10 datagrams to b\n    Then b received none of them\n";
    insta::assert_snapshot!(told("law_6/broken", &case("", steps)), @r"
    FAILED
        Given machines a and b              0.000 s
        And crashed machines go on hearing  0.000 s
        When b crashes                      0.000 s
        And a sends 10 datagrams to b       1.010 s
        Then b received none of them        1.010 s
      because   a_crashed_host_is_silent is broken, at 0.001000s: packet #3 left b, which is down since 0.000000s (and 9 times more)
                the rule: between its crash and its restart a host sends nothing and nothing arrives at it, and likewise in its sleep (Cristian 1991: crash failures)
      packets   a -> b: 0 arrived, 10 lost: no socket on that port
                b -> a: 10 arrived
    ");
    let (_, result) = perform("law_6/broken", &case("@breaks:a_crashed_host_is_silent", steps), 0);
    assert_eq!(result.verdict, Verdict::Passed, "{:?}", result.reasons);
    let (_, result) = perform("law_6/broken", &case("@breaks:nothing_crosses_a_cut", steps), 0);
    assert_eq!(result.verdict, Verdict::Failed, "another rule is broken, and this one isn't");
}

#[test]
fn an_invariant_that_judged_nothing_is_not_broken_either() {
    let steps = "    Given machines a and b\n    When a sends 10 datagrams to b\n    Then b received all of them\n";
    let (_, result) = perform("law_6/judged-nothing", &case("@breaks:nothing_crosses_a_cut", steps), 0);
    assert_eq!(result.reasons, ["the scenario is to break nothing_crosses_a_cut, which judged nothing at all"]);
}

#[test]
fn the_same_scenario_passes_where_nothing_is_to_be_broken() {
    let (_, result) = perform("law_6/healthy", &case("", HEALTHY), 0);
    assert_eq!(result.verdict, Verdict::Passed, "{:?}", result.reasons);
    let cuts = result.account.oracles.iter().find(|oracle| oracle.name == "nothing_crosses_a_cut").unwrap();
    assert_eq!(cuts.judged, 10, "each datagram was judged");
}

#[test]
fn an_invariant_that_nobody_knows_is_refused_before_anything_runs() {
    let cases = [
        case("@breaks:nothing_crosses_the_cut", HEALTHY),
        case("@breaks:gravity @breaks:nothing_unsent_arrive", HEALTHY),
        case("@breaks:nothing-crosses-a-cut", HEALTHY),
    ];
    insta::assert_snapshot!(UniverseStage::default().prepare(&cases).unwrap_err(), @r#"
    features/f.feature:3: `s` has a tag @breaks:nothing_crosses_the_cut: no invariant is called "nothing_crosses_the_cut"; did you mean nothing_crosses_a_cut?
    features/f.feature:3: `s` has a tag @breaks:gravity: no invariant is called "gravity"; there are nothing_unsent_arrives, nothing_crosses_a_cut, a_crashed_host_is_silent, every_request_is_answered, every_2xx_to_invite_is_acknowledged, when_one_leg_ends_the_other_ends, cseq_grows_and_tags_stay, no_zombie_calls, bindings_expire, established_means_heard, after_the_end_no_rtp, no_password_on_a_wire, retransmissions_follow_their_timers, webrtc_media_is_encrypted, no_index_is_sent_twice, no_two_handshakes_share_randoms, no_media_before_dtls, fingerprints_match, without_consent_no_media, a_gone_tab_is_not_rung, a_gone_tab_ends_its_calls, no_relaying_after_expiry, nothing_outlives_its_call, one_contact_per_tab, one_state_per_agent, no_agent_in_two_calls, no_lead_in_two_calls, no_do_not_call_number_dialed, one_disposition_for_each_call, calls_placed_are_accounted_for, session_time_adds_up, drop_rate_within_target, no_event_lost_at_rest, effects_exactly_once, no_forged_effect
    features/f.feature:3: `s` has a tag @breaks:nothing_unsent_arrive: no invariant is called "nothing_unsent_arrive"; did you mean nothing_unsent_arrives?
    3 problems; nothing was run.
    "#);
}
