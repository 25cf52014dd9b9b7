//! What a feature file asks that can't be done: found while it is performed, and told so that it can be mended.

use busyhour_scenarios::outcome::Verdict;

use crate::stage::{case, perform, told};

/// What is said of the step at which a scenario of these steps fails.
fn because(test: &str, steps: &str) -> String {
    let steps: String = steps.lines().map(|step| format!("    {}\n", step.trim())).collect();
    let (_, result) = perform(&format!("mistakes/{test}"), &case("", &steps), 0);
    assert_eq!(result.verdict, Verdict::Failed);
    let failed = result.failed_step().expect("a step fails");
    let failure = failed.failure.as_ref().map(ToString::to_string);
    format!("{} {}\n    {}\n", failed.keyword, failed.text, failure.unwrap_or_default())
}

#[test]
fn a_name_that_nobody_has_offers_the_nearest() {
    let said = [
        "Given machines alice and bob\nWhen alcie sends 1 datagram to bob\nThen bob received all of them",
        "Given machines alice and bob\nWhen the network between alice and rob is cut",
        "Given machines a and b\nWhen c crashes",
        "Given a machine crm\nWhen zoe crashes",
        "Given machines a and b\nWhen the server crashes",
        "Given machines a and b\nAnd every agent is on \"4G\"",
    ]
    .map(|steps| because("name", steps));
    insta::assert_snapshot!(said.concat(), @r#"
    When alcie sends 1 datagram to bob
        nobody here is called alcie; did you mean alice?
    When the network between alice and rob is cut
        nobody here is called rob; did you mean bob?
    When c crashes
        nobody here is called c; there are a, b
    When zoe crashes
        nobody here is called zoe; there is crm
    When the server crashes
        the server isn't here: this place has machines only
    And every agent is on "4G"
        there are no agents here: this place has machines only
    "#);
}

#[test]
fn a_machine_that_is_used_before_it_is_named_is_nobody() {
    let said = [
        "When a sends 1 datagram to b",
        "Given a is on \"4G\"\nAnd machines a and b",
        "Given a machine a\nWhen a sends 1 datagram to b\nGiven a machine b",
    ]
    .map(|steps| because("early", steps));
    insta::assert_snapshot!(said.concat(), @r#"
    When a sends 1 datagram to b
        nobody here is called a; nobody has been named yet: `Given machines a and b` names two machines, `Given agents alice and bob with hardphones` two agents
    Given a is on "4G"
        nobody here is called a; nobody has been named yet: `Given machines a and b` names two machines, `Given agents alice and bob with hardphones` two agents
    When a sends 1 datagram to b
        nobody here is called b; there is a
    "#);
}

#[test]
fn a_name_is_given_once() {
    let said =
        ["Given machines a and b\nAnd machines b and c", "Given a machine dns"].map(|steps| because("twice", steps));
    insta::assert_snapshot!(said.concat(), @r#"
    And machines b and c
        there is a host called "b" already
    Given a machine dns
        `dns` is the host that answers for names: call the machine something else
    "#);
}

#[test]
fn what_was_never_done_can_not_be_asked_for() {
    let said = [
        "Given machines a and b\nWhen the network between a and b heals",
        "Given machines a and b\nWhen the network between a and b is cut\nAnd the network between a and b heals\nAnd every network heals",
        "Given machines a and b\nThen a got status 200",
        "Given machines a and b\nWhen a fetches \"/hello\" from b\nThen b got no answer",
        "Given machines a and b\nWhen a sends 3 datagrams to b\nThen a received none of them",
        "Given machines a and b\nWhen a fetches \"hello\" from b",
    ]
    .map(|steps| because("never", steps));
    insta::assert_snapshot!(said.concat(), @r#"
    When the network between a and b heals
        there is nothing to heal: the network between a and b isn't cut
    And every network heals
        there is nothing to heal: no network is cut
    Then a got status 200
        a has fetched nothing
    Then b got no answer
        b has fetched nothing
    Then a received none of them
        nobody has sent anything to a
    When a fetches "hello" from b
        "hello" is no path of a page: it begins with a slash
    "#);
}

#[test]
fn a_machine_that_is_down_does_nothing() {
    let said = [
        "Given machines a and b\nWhen a crashes\nAnd a sends 1 datagram to b",
        "Given machines a and b\nWhen a crashes\nAnd a fetches \"/hello\" from b",
        "Given machines a and b\nWhen a crashes\nAnd a crashes",
    ]
    .map(|steps| because("down", steps));
    insta::assert_snapshot!(said.concat(), @r#"
    And a sends 1 datagram to b
        a is down; `When a restarts` starts it again
    And a fetches "/hello" from b
        a is down; `When a restarts` starts it again
    And a crashes
        a is down already
    "#);
}

#[test]
fn a_network_that_nobody_knows_offers_the_nearest() {
    let said =
        ["Given machines a and b\nAnd a is on \"hotel wify\"", "Given machines a and b\nAnd a is on \"dial-up\""]
            .map(|steps| because("profile", steps));
    insta::assert_snapshot!(said.concat(), @r#"
    And a is on "hotel wify"
        there is no network profile "hotel wify"; did you mean "hotel wifi"?
    And a is on "dial-up"
        there is no network profile "dial-up"; there are "4G", "home wifi", "hotel wifi", "office LAN", "satellite"; your own stand in a folder `networks` beside the feature files
    "#);
}

#[test]
fn a_check_that_fails_says_what_it_wanted_and_saw_and_where_the_packets_went() {
    let steps = "    Given machines a and b\n    And the network between a and b loses 30% of packets\n    \
                 When the network from a to b is cut\n    And a sends 100 datagrams to b\n    \
                 And b sends 100 datagrams to a\n    And a fetches \"/hello\" from b\n    Then a got status 200\n    \
                 And 1 packet was lost from b to a\n";
    insta::assert_snapshot!(told("mistakes/packets", &case("", steps)), @r#"
    FAILED
        Given machines a and b                                0.000 s
        And the network between a and b loses 30% of packets  0.000 s
        When the network from a to b is cut                   0.000 s
        And a sends 100 datagrams to b                        1.100 s
        And b sends 100 datagrams to a                        2.200 s
        And a fetches "/hello" from b                         7.200 s
      > Then a got status 200                                 7.200 s  features/f.feature:10
        And 1 packet was lost from b to a                     not reached
      expected  status 200
      seen      no answer
      packets   a -> b: 0 arrived, 103 lost: the network was cut
                b -> a: 74 arrived, 26 lost: dropped at random
    "#);
}

#[test]
fn a_machine_that_panics_fails_the_scenario_by_its_name() {
    let steps = "    Given machines a and b\n    When b chokes on a rumour\n    And a sends 1 datagram to b\n    \
                 Then b received all of them\n";
    insta::assert_snapshot!(told("mistakes/panic", &case("", steps)), @r"
    FAILED
        Given machines a and b       0.000 s
      > When b chokes on a rumour      features/f.feature:5
        And a sends 1 datagram to b  not reached
        Then b received all of them  not reached
      because   a task on b panicked at scenarios/tests/universe/../../examples/own_steps/gossip.rs:49:38: that can't be true
    ");
}

#[test]
fn a_step_that_blocks_the_thread_fails_the_scenario_and_says_so() {
    let steps = "    Given machines a and b\n    When a holds its breath\n";
    insta::assert_snapshot!(told("mistakes/blocks", &case("", steps)), @r"
    FAILED
        Given machines a and b   0.000 s
        When a holds its breath  0.000 s
      because   a blocking sleep was used by the test or step itself, where everything is simulated: use the host's own
    ");
}

#[test]
fn a_campaign_that_nobody_knows_offers_the_nearest_and_of_several_one_is_named() {
    let said = [
        "Given agent alice with a hardphone\nAnd alice is ready in renewals",
        "Given a campaign renewals\nAnd agent alice with a hardphone\nAnd alice is ready in renewal",
        "Given a campaign renewals\nAnd a campaign support\nAnd a lead 1001 with phone number \"15551230001\"",
        "Given a campaign renewals\nAnd a campaign renewals",
        "Given agent alice with a hardphone\nAnd a campaign alice",
    ]
    .map(|steps| because("campaign", steps));
    insta::assert_snapshot!(said.concat());
}

#[test]
fn what_is_no_lead_no_receiver_and_no_sender_is_said_to_be_none() {
    let said = [
        "Given a campaign renewals\nWhen the dialer calls lead 1001",
        "Given a campaign renewals\nAnd renewals sends \"disposition.saved\" to crm",
        "Given a campaign renewals\nAnd a webhook receiver crm\nAnd renewals sends \"call.ended\" to crm",
        "Given a campaign renewals\nAnd a webhook receiver crm\nAnd renewals sends \"disposition.saved\" to crm by the \"stripes\" sender",
        "Given a webhook receiver crm\nWhen crm hangs up",
        "Given a campaign renewals\nAnd agent alice with a hardphone\nWhen alice goes down",
        "Given a webhook receiver crm\nWhen the last delivery is sent again after 10 minutes",
        "Given a campaign renewals\nThen the API answers \"SUCCESS\"",
        "Given a campaign renewals\nThen the drop rate is at most 3%",
        "Given a campaign renewals\nAnd a webhook receiver crm\nAnd renewals sends \"disposition.saved\" to crm\nThen no event is lost",
        "Given a campaign renewals\nAnd agent alice with a hardphone\nWhen alice saves disposition \"SALE\"",
    ]
    .map(|steps| because("floor", steps));
    insta::assert_snapshot!(said.concat());
}

#[test]
fn a_scenario_begins_once() {
    let said = ["When 1 minute passes\nGiven it is \"2026-11-23 08:59\" in \"America/New_York\""]
        .map(|steps| because("beginning", steps));
    insta::assert_snapshot!(said.concat());
}
