//! Calls that the floor makes: how they're shown, how they fail, and how they're given up.

use std::time::Duration;

use busyhour::floor::switch::{Order, Report};
use busyhour::pbx::customer::{Behaviour as Customer, EarlyMedia};
use busyhour::phone::LineState;
use busyhour::sip::ua::Ending;

use crate::scene::*;

/// What comes of a call is told by its status and by the telephone network's cause (RFC 3398 7.2.4.1).
#[test]
fn what_the_carrier_refuses_with_is_told_with_its_cause() {
    scene(|mut floor| async move {
        for (behaviour, rings, status, cause) in [
            (Customer::busy(), false, 486, 17),
            (Customer::disconnected(), false, 404, 1),
            (Customer::congested(), false, 503, 34),
            (Customer::rejects(), true, 603, 21),
        ] {
            floor.mary(behaviour);
            let leg = floor.calls(MARY);
            floor.pass(3).await;
            let mut told = Vec::from_iter(rings.then_some(Report::Ringing { leg }));
            told.push(Report::Failed { leg, status, cause: Some(cause) });
            assert_eq!(floor.reports(), told);
        }
        // Nobody at the server, and nobody registered: no cause is known.
        for (to, status) in [("zoe", 404), ("bob", 480)] {
            let leg = floor.calls(to);
            floor.pass(1).await;
            assert_eq!(floor.reports(), [Report::Failed { leg, status, cause: None }], "{to}");
        }
        floor.nothing_is_left().await;
    });
}

#[test]
fn a_call_that_nobody_answers_is_given_up_after_its_time_and_the_customer_is_rung_no_longer() {
    scene(|mut floor| async move {
        floor.mary(Customer::never_answers());
        let leg = floor.number();
        let timeout = Some(Duration::from_secs(20));
        floor.order(Order::Call { leg, to: MARY.into(), from: None, timeout });
        let began = floor.u.now();
        floor.pass(30).await;
        let given_up = Report::Failed { leg, status: 487, cause: Some(19) };
        assert_eq!(floor.told_after(&given_up, began), timeout);
        assert_eq!(floor.reports(), [Report::Ringing { leg }, given_up]);
        let call = floor.carrier.calls(MARY).pop().unwrap();
        assert_eq!(call.ending, Some(Ending::Cancelled));
        assert!(call.ended.unwrap().since(began) < Duration::from_millis(20_200));
        // The server's own patience is a minute.
        let leg = floor.calls(MARY);
        floor.pass(61).await;
        assert_eq!(floor.reports(), [Report::Ringing { leg }, Report::Failed { leg, status: 480, cause: None }]);
        floor.nothing_is_left().await;
    });
}

/// RFC 3261 9.1: whoever cancels may be answered all the same. At whatever moment it is, the call is over for both.
#[test]
fn a_call_is_given_up_at_any_moment_of_its_answer() {
    scene(|mut floor| async move {
        floor.mary(Customer::answers_after(Duration::from_millis(500)));
        for ms in [0, 1, 2, 5, 100, 204, 205, 499, 500, 501, 502, 503, 504, 505, 506, 508, 510, 520, 600] {
            let leg = floor.calls(MARY);
            floor.pass_ms(ms).await;
            floor.hangs_up(leg);
            floor.pass(2).await;
            let told = floor.reports();
            let answered = told.contains(&Report::Answered { leg });
            let last = if answered {
                Report::Ended { leg, why: "hung up".into() }
            } else {
                Report::Failed { leg, status: 487, cause: None }
            };
            assert_eq!(told.last(), Some(&last), "after {ms} ms: {told:?}");
            let ends = |report: &&Report| matches!(report, Report::Failed { .. } | Report::Ended { .. });
            assert_eq!(told.iter().filter(ends).count(), 1, "{told:?}");
        }
        floor.nothing_is_left().await;
    });
}

#[test]
fn the_number_that_is_shown_is_the_one_that_was_ordered() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        for (from, shown) in
            [(Some("12125550142"), "12125550142"), (None, "18005550000"), (Some("no number"), "18005550000")]
        {
            let leg = floor.number();
            floor.order(Order::Call { leg, to: MARY.into(), from: from.map(str::to_owned), timeout: None });
            floor.pass(4).await;
            assert_eq!(floor.carrier.calls(MARY).pop().unwrap().other, shown);
            floor.hangs_up(leg);
            floor.pass(1).await;
        }
        // An agent's phone knows the floor by its account, whoever is shown.
        let leg = floor.number();
        floor.order(Order::Call { leg, to: "alice".into(), from: Some("12125550142".into()), timeout: None });
        floor.pass(1).await;
        assert_eq!(alice.screen().lines[0].peer, "floor");
        floor.hangs_up(leg);
        floor.nothing_is_left().await;
    });
}

/// Whom the server doesn't trust can't say that she's somebody else.
#[test]
fn a_number_is_believed_to_those_only_whom_the_server_trusts() {
    scene(|mut floor| async move {
        floor.server.change(|settings| settings.trusted.clear());
        let leg = floor.number();
        floor.order(Order::Call { leg, to: MARY.into(), from: Some("12125550142".into()), timeout: None });
        floor.pass(1).await;
        assert_eq!(floor.carrier.calls(MARY).pop().unwrap().other, "18005550000");
        floor.hangs_up(leg);
        floor.nothing_is_left().await;
    });
}

#[test]
fn a_phone_answers_the_floor_by_itself_and_nobody_else() {
    scene(|mut floor| async move {
        let (alice, bob) = (floor.agent("alice", 1).await, floor.agent("bob", 2).await);
        bob.dial("alice").unwrap();
        floor.pass(3).await;
        assert_eq!(alice.screen().lines[0].state, LineState::Ringing);
        bob.hang_up().unwrap();
        floor.pass(1).await;
        let leg = floor.calls("alice");
        floor.pass(1).await;
        assert_eq!(alice.screen().lines[0].state, LineState::Talking);
        // One that's talking isn't interrupted.
        let second = floor.calls("alice");
        floor.pass(3).await;
        assert_eq!(alice.screen().lines[1].state, LineState::Ringing);
        floor.hangs_up(second);
        floor.hangs_up(leg);
        floor.nothing_is_left().await;
    });
}

/// What the network plays before an answer is heard by whoever is in the room already, as at any phone.
#[test]
fn an_agent_who_dials_by_hand_hears_it_ring() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        floor.logs_in(&alice, ROOM).await;
        floor.mary(Customer::answers_after(Duration::from_secs(6)).with_early_media(EarlyMedia::Ringback));
        let leg = floor.calls(MARY);
        floor.joins(leg, ROOM);
        floor.pass(3).await;
        assert_eq!(floor.heard(&[alice.host()]).await, [NOBODY]);
        assert!(floor.is_loud(alice.host()));
        floor.pass(4).await;
        assert_eq!(floor.reports(), [Report::Ringing { leg }, Report::Answered { leg }]);
        assert_eq!(floor.heard(&[alice.host()]).await, [[3]]);
        floor.order(Order::CloseRoom { room: ROOM });
        floor.nothing_is_left().await;
    });
}

#[test]
fn twenty_calls_at_once_are_twenty_calls() {
    let (_, judged) = play(1, |mut floor| async move {
        let legs: Vec<_> = (0..20).map(|n| (floor.calls(&format!("1555123{:04}", n + 1)), n)).collect();
        floor.pass(4).await;
        let told = floor.reports();
        for (leg, n) in &legs {
            assert!(told.contains(&Report::Answered { leg: *leg }), "call {n}: {told:?}");
            let room = busyhour::floor::switch::RoomId(100 + n);
            floor.joins(*leg, room);
        }
        floor.pass(1).await;
        assert_eq!((floor.switch.legs(), floor.switch.rooms()), (20, 20));
        // Two by two they talk, and nobody hears anybody else.
        for pair in legs.chunks(2) {
            floor.joins(pair[0].0, busyhour::floor::switch::RoomId(100 + pair[1].1));
        }
        floor.pass(1).await;
        let hosts: Vec<_> = (0..20).map(|n| floor.carrier.devices(&format!("1555123{:04}", n + 1))).collect();
        let heard = floor.heard(&hosts.iter().collect::<Vec<_>>()).await;
        for (n, heard) in heard.iter().enumerate() {
            assert_eq!(heard, &[(n as u32 ^ 1) + 3], "customer {n}");
        }
        for n in 0..20 {
            floor.order(Order::CloseRoom { room: busyhour::floor::switch::RoomId(100 + n) });
        }
        floor.pass(1).await;
        let told = floor.reports();
        assert_eq!(told.len(), 20);
        assert!(told.iter().all(|report| matches!(report, Report::Ended { why, .. } if why == "hung up")), "{told:?}");
        assert_eq!(floor.switch.rooms(), 0);
        floor.nothing_is_left().await;
        assert_eq!(floor.host.socket_count(), 1, "only SIP's");
    });
    for witness in ["every_request_is_answered", "no_zombie_calls", "established_means_heard", "after_the_end_no_rtp"] {
        assert!(judged[witness] >= 20, "{witness} judged {}", judged[witness]);
    }
}
