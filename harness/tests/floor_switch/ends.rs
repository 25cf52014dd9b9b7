//! Ends that nobody ordered: a phone that's lost, a server or a switch that crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use busyhour::floor::switch::{LegId, Report};
use busyhour::pbx::CallEnding;
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::phone::LineState;
use busyhour::sip::ua::Ending;

use crate::scene::*;

/// The server notices that nothing is heard of her any more after a minute, and hangs up.
#[test]
fn a_phone_that_is_lost_is_told_by_the_server_and_the_customer_stays() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        let agent = floor.logs_in(&alice, ROOM).await;
        let customer = floor.reaches(MARY, ROOM).await;
        alice.host().crash();
        let gone = floor.u.now();
        floor.pass(70).await;
        let lost = Report::Ended { leg: agent, why: "bye".into() };
        let after = floor.told_after(&lost, gone).unwrap();
        assert!((Duration::from_secs(59)..Duration::from_secs(62)).contains(&after), "{after:?}");
        assert_eq!(floor.reports(), [lost]);
        assert_eq!(floor.server.records().last().unwrap().ending, CallEnding::NoAudio);
        // She gets another one, and goes on with the same customer.
        alice.host().restart();
        floor.pass(5).await;
        let again = floor.calls("alice");
        floor.joins(again, ROOM);
        floor.pass(2).await;
        let mary = floor.carrier.devices(MARY);
        assert_eq!(floor.heard(&[alice.host(), &mary]).await, [[3], [1]]);
        floor.hangs_up(customer);
        floor.hangs_up(again);
        floor.nothing_is_left().await;
    });
}

/// What a real one does: it knows nothing. Its calls are silent, and the server ends them for the others after a
/// minute; the BYE that it gets is for a call that it has never heard of.
#[test]
fn when_the_switch_crashes_its_calls_end_and_the_next_life_starts_afresh() {
    let (_, judged) = play(1, |mut floor| async move {
        let (alice, bob) = (floor.agent("alice", 1).await, floor.agent("bob", 2).await);
        floor.logs_in(&alice, ROOM).await;
        floor.logs_in(&bob, OTHER).await;
        floor.reaches(MARY, ROOM).await;
        // One that rings as well.
        floor.carrier.behave(NICK, Customer::never_answers());
        floor.calls(NICK);
        floor.pass(1).await;
        floor.host.crash();
        floor.u.sleep(Duration::from_secs(5)).await;
        floor.host.restart();
        let restarted = floor.u.now();
        floor.told.clear();
        floor.open_again().await;
        assert!(floor.switch.is_registered());
        assert_eq!((floor.switch.legs(), floor.server.contacts("floor").len()), (0, 1));
        // Bob hangs up himself, and logs in again. Alice waits, and it's done for her.
        bob.hang_up().unwrap();
        floor.pass(1).await;
        let second = floor.logs_in(&bob, OTHER).await;
        floor.pass(62).await;
        assert_eq!(floor.reports(), [], "of what was before nobody is told");
        assert!(matches!(alice.screen().lines[0].state, LineState::Ended { reason: Ending::PeerHungUp }), "{alice:?}");
        let mary = floor.carrier.calls(MARY).pop().unwrap();
        assert!(mary.ended.unwrap().since(restarted) < Duration::from_secs(61));
        let nick = floor.carrier.calls(NICK).pop().unwrap();
        assert_eq!(nick.ending, Some(Ending::Cancelled), "the server's patience with one that rings is a minute too");
        let third = floor.logs_in(&alice, ROOM).await;
        assert_eq!(floor.server.calls().len(), 2);
        let again = floor.reaches(MARY, ROOM).await;
        let devices = floor.carrier.devices(MARY);
        assert_eq!(floor.heard(&[alice.host(), &devices]).await, [[3], [1]]);
        for leg in [second, third, again] {
            floor.hangs_up(leg);
        }
        floor.nothing_is_left().await;
    });
    for witness in ["when_one_leg_ends_the_other_ends", "no_zombie_calls", "every_request_is_answered"] {
        assert!(judged[witness] > 0, "{witness} judged nothing");
    }
}

#[test]
fn when_the_server_crashes_the_legs_are_lost() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        let agent = floor.logs_in(&alice, ROOM).await;
        floor.server.host().crash();
        floor.pass(5).await;
        floor.server.host().restart();
        floor.pass(80).await;
        assert_eq!(floor.reports(), []);
        floor.pass(10).await;
        assert_eq!(floor.reports(), [Report::Ended { leg: agent, why: "lost".into() }]);
        assert_eq!(floor.switch.legs(), 0);
        // Its binding survived, or was made anew: it can be called.
        floor.pass(300).await;
        assert_eq!(floor.server.contacts("floor").len(), 1);
    });
}

/// Without a way to the server, a call fails by itself (RFC 3261 timer B).
#[test]
fn without_a_server_a_call_fails() {
    scene(|mut floor| async move {
        floor.server.host().crash();
        let leg = floor.calls(MARY);
        floor.pass(40).await;
        let told = floor.reports();
        assert!(
            matches!(told[..], [Report::Failed { leg: failed, status: 408 | 503, cause: None }] if failed == leg),
            "{told:?}"
        );
    });
}

#[test]
fn a_switch_that_is_dropped_is_gone_and_can_be_opened_again() {
    unwitnessed(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        floor.logs_in(&alice, ROOM).await;
        let Floor { u, server, host, switch, .. } = floor;
        drop(switch);
        u.sleep(Duration::from_millis(1)).await;
        assert_eq!(host.socket_count(), 0);
        let switch = open_switch(&host, &server).await;
        u.sleep(Duration::from_secs(70)).await;
        assert!(switch.is_registered());
        assert_eq!((switch.legs(), host.socket_count()), (0, 1));
        assert_eq!(server.calls(), []);
    });
}

/// What is lost is repeated, and crosses what was sent since: in the end each call is over for all, and is told so once.
#[test]
fn on_a_bad_network_each_call_is_told_once_that_it_is_over() {
    let (_, judged) = play(3, |mut floor| async move {
        let network = floor.u.network();
        network.between(&floor.host, floor.server.host()).loses(0.2).unwrap();
        floor
            .carrier
            .default_customer(Customer::answers_after(Duration::from_millis(700)).talking_for(Duration::from_secs(4)));
        let mut last: BTreeMap<LegId, u32> = BTreeMap::new();
        for round in 0..20 {
            let legs: Vec<LegId> = (1..=3).map(|n| floor.calls(&format!("1555123{n:04}"))).collect();
            // Given up while it rings, as it's answered, or later; the third is left to the customer.
            floor.pass_ms(200 + 37 * round).await;
            floor.hangs_up(legs[0]);
            floor.pass_ms(500 + 91 * round).await;
            floor.hangs_up(legs[1]);
            floor.pass(12).await;
            last.extend(legs.into_iter().map(|leg| (leg, 0)));
        }
        floor.nothing_is_left().await;
        for report in floor.reports() {
            if matches!(report, Report::Failed { .. } | Report::Ended { .. }) {
                *last.get_mut(&report.leg()).unwrap() += 1;
            }
        }
        assert!(last.len() == 60 && last.values().all(|times| *times == 1), "{last:?}");
    });
    assert!(judged["no_zombie_calls"] > 50, "{judged:?}");
}
