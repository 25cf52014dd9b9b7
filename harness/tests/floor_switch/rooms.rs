//! Rooms: who hears whom in them, what's pressed, and what a lone agent costs.

use std::time::Duration;

use busyhour::floor::switch::{Order, Part, Report};
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::phone::{LineState, Phone};

use crate::scene::*;

/// An agent's session: her phone is called into a room, customers come and go, she stays.
#[test]
fn customers_come_into_the_agents_room_and_go_and_she_stays() {
    for web in [false, true] {
        scene(move |mut floor| async move {
            let alice: Phone = if web { floor.web_agent("alice", 1).await } else { floor.agent("alice", 1).await };
            let agent = floor.logs_in(&alice, ROOM).await;
            assert_eq!(floor.heard(&[alice.host()]).await, [NOBODY], "alone");
            for (number, voice) in [(MARY, 3), (NICK, 4)] {
                let customer = floor.reaches(number, ROOM).await;
                let devices = floor.carrier.devices(number);
                assert_eq!(floor.heard(&[alice.host(), &devices]).await, [[voice], [1]]);
                floor.carrier.hang_up(number).unwrap();
                floor.pass(2).await;
                assert_eq!(floor.reports(), [Report::Ended { leg: customer, why: "bye".into() }]);
                assert_eq!(floor.heard(&[alice.host(), &devices]).await, [NOBODY, NOBODY]);
                assert_eq!((floor.switch.legs(), floor.switch.rooms()), (1, 1));
            }
            floor.pass(600).await;
            assert_eq!(floor.reports(), [], "she sits there");
            assert_eq!(alice.screen().lines[0].state, LineState::Talking);
            floor.order(Order::CloseRoom { room: ROOM });
            floor.pass(1).await;
            assert_eq!(floor.reports(), [Report::Ended { leg: agent, why: "hung up".into() }]);
            assert_eq!((floor.switch.legs(), floor.switch.rooms()), (0, 0));
            floor.nothing_is_left().await;
        });
    }
}

#[test]
fn who_is_parked_hears_music_and_is_grabbed_again() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        floor.logs_in(&alice, ROOM).await;
        let customer = floor.reaches(MARY, ROOM).await;
        let mary = floor.carrier.devices(MARY);
        for music in [true, false] {
            floor.order(Order::Park { leg: customer, music });
            floor.pass(1).await;
            assert_eq!(floor.heard(&[alice.host(), &mary]).await, [NOBODY, NOBODY]);
            assert_eq!((floor.is_loud(&mary), floor.is_loud(alice.host())), (music, false));
        }
        // For as long as it takes: nobody takes the silence for the end.
        floor.pass(120).await;
        floor.joins(customer, ROOM);
        floor.pass(1).await;
        assert_eq!(floor.heard(&[alice.host(), &mary]).await, [[3], [1]]);
        assert_eq!(floor.reports(), []);
        floor.order(Order::CloseRoom { room: ROOM });
        floor.nothing_is_left().await;
    });
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in() {
    scene(|mut floor| async move {
        let (alice, carol) = (floor.agent("alice", 1).await, floor.agent("carol", 2).await);
        let agent = floor.logs_in(&alice, ROOM).await;
        floor.reaches(MARY, ROOM).await;
        let mary = floor.carrier.devices(MARY);
        let supervisor = floor.logs_in(&carol, OTHER).await;
        let parts = [
            (Part::Listens, [vec![3], vec![1], vec![1, 3]]),
            (Part::Whispers { to: agent }, [vec![2, 3], vec![1], vec![1, 3]]),
            (Part::Talks, [vec![2, 3], vec![1, 2], vec![1, 3]]),
            (Part::Listens, [vec![3], vec![1], vec![1, 3]]),
        ];
        for (part, heard) in parts {
            floor.order(Order::Join { leg: supervisor, room: ROOM, part });
            floor.pass(1).await;
            assert_eq!(floor.heard(&[alice.host(), &mary, carol.host()]).await, heard, "{part:?}");
        }
        // Whom she whispers to is out, and back.
        floor.order(Order::Join { leg: supervisor, room: ROOM, part: Part::Whispers { to: agent } });
        floor.order(Order::Park { leg: agent, music: false });
        floor.pass(1).await;
        assert_eq!(floor.heard(&[alice.host(), &mary, carol.host()]).await, [NOBODY, NOBODY, vec![3]]);
        floor.joins(agent, ROOM);
        floor.pass(1).await;
        assert_eq!(floor.heard(&[alice.host(), &mary, carol.host()]).await, [vec![2, 3], vec![1], vec![1, 3]]);
        // And leaves the three.
        floor.order(Order::Join { leg: supervisor, room: OTHER, part: Part::Talks });
        floor.pass(1).await;
        assert_eq!(floor.heard(&[alice.host(), &mary, carol.host()]).await, [vec![3], vec![1], NOBODY]);
        for room in [ROOM, OTHER] {
            floor.order(Order::CloseRoom { room });
        }
        floor.nothing_is_left().await;
    });
}

#[test]
fn digits_go_both_ways_and_a_listeners_to_nobody() {
    scene(|mut floor| async move {
        let (alice, carol) = (floor.agent("alice", 1).await, floor.agent("carol", 2).await);
        let agent = floor.logs_in(&alice, ROOM).await;
        let customer = floor.reaches(MARY, ROOM).await;
        floor.order(Order::Digits { leg: customer, digits: "42#".into() });
        floor.pass(2).await;
        assert_eq!(floor.carrier.digits_received(MARY), "42#");
        assert_eq!(alice.digits_received(), "", "they were for the customer");
        alice.press("7*").unwrap();
        floor.pass(2).await;
        assert_eq!(floor.carrier.digits_received(MARY), "42#7*");
        let pressed = |leg, digit: &str| Report::Pressed { leg, digits: digit.into() };
        assert_eq!(floor.reports(), [pressed(agent, "7"), pressed(agent, "*")]);
        let supervisor = floor.calls("carol");
        floor.order(Order::Join { leg: supervisor, room: ROOM, part: Part::Listens });
        floor.pass(2).await;
        floor.reports();
        carol.press("9").unwrap();
        floor.pass(2).await;
        assert_eq!(floor.reports(), [pressed(supervisor, "9")]);
        assert_eq!((floor.carrier.digits_received(MARY).as_str(), alice.digits_received().as_str()), ("42#7*", ""));
        floor.order(Order::CloseRoom { room: ROOM });
        floor.nothing_is_left().await;
    });
}

/// An agent sits in her room all day. What she costs while nobody talks to her is a trickle.
#[test]
fn a_lone_agent_costs_next_to_nothing() {
    scene(|mut floor| async move {
        let alice = floor.agent("alice", 1).await;
        floor.logs_in(&alice, ROOM).await;
        floor.pass(10).await;
        let pairs = |floor: &Floor| {
            let counts = |from, to| floor.u.network().counts_between(from, to).sent;
            let server = floor.server.host();
            [
                counts(alice.host(), server),
                counts(server, alice.host()),
                counts(&floor.host, server),
                counts(server, &floor.host),
            ]
        };
        let before = pairs(&floor);
        floor.pass(600).await;
        let after = pairs(&floor);
        let each: Vec<u64> = before.iter().zip(after).map(|(before, after)| (after - before) / 10).collect();
        println!("packets a minute, alice to server, back, floor to server, back: {each:?}");
        // Her phone sends five frames a second, the room one; and there are reports, registrations and keepalives.
        let most = [320, 80, 80, 320];
        assert!(each.iter().zip(most).all(|(packets, most)| *packets <= most), "{each:?}");
        floor.order(Order::CloseRoom { room: ROOM });
        floor.nothing_is_left().await;
    });
}

#[test]
fn orders_for_those_who_are_gone_are_no_mistake() {
    scene(|mut floor| async move {
        floor.mary(Customer::default().talking_for(Duration::from_secs(3)));
        let leg = floor.reaches(MARY, ROOM).await;
        floor.pass(4).await;
        assert_eq!(floor.reports(), [Report::Ended { leg, why: "bye".into() }]);
        for order in [
            Order::HangUp { leg },
            Order::Join { leg, room: OTHER, part: Part::Talks },
            Order::Park { leg, music: true },
            Order::Answer { leg },
            Order::Refuse { leg, status: 486 },
            Order::Digits { leg, digits: "1".into() },
            Order::Detect { leg },
            Order::CloseRoom { room: OTHER },
        ] {
            floor.order(order);
        }
        floor.pass(1).await;
        assert_eq!(floor.reports(), []);
        assert_eq!((floor.switch.legs(), floor.switch.rooms()), (0, 1), "a room is there until it's closed");
        floor.nothing_is_left().await;
    });
}
