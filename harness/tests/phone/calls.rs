//! Calls between phones, each in good and bad order (RFC 3261 9, 13, 15).

use busyhour::phone::{AutoAnswer, Direction, LineState, Phone, PhoneSettings};
use busyhour::sip::Transport;
use busyhour::sip::ua::Ending;
use busyhour::{Universe, simulate};

use crate::exchange::Exchange;
use crate::{calls, connect, hardphone, millis, one, seconds, settings, states, straight, talking};

fn ended(reason: Ending) -> Vec<LineState> {
    vec![LineState::Ended { reason }]
}

#[test]
fn a_call_rings_is_answered_carries_audio_both_ways_and_ends_for_both() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        let line = &alice.screen().lines[0];
        assert_eq!((line.peer.as_str(), line.direction), ("bob", Direction::Outgoing));
        let line = &bob.screen().lines[0];
        assert_eq!((line.peer.as_str(), line.direction), ("alice", Direction::Incoming));
        seconds(&u, 3).await;
        for phone in [&alice, &bob] {
            assert!(phone.audio().unwrap().received > 10, "{phone:?}");
            assert_eq!(phone.screen().message, "");
        }
        alice.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(states(&alice), ended(Ending::HungUp));
        assert_eq!(states(&bob), ended(Ending::PeerHungUp));
        assert!(alice.audio().is_none() && bob.audio().is_none());
        // Its ports are free again: all that's open is SIP's.
        seconds(&u, 40).await;
        assert_eq!((alice.host().socket_count(), bob.host().socket_count()), (1, 1));
    });
}

#[test]
fn who_is_called_can_hang_up_too_and_both_at_once() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(states(&alice), ended(Ending::PeerHungUp));
        connect(&u, &bob, &alice).await;
        alice.hang_up().unwrap();
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().calls().count() + bob.screen().calls().count(), 0);
    });
}

#[test]
fn a_rejected_call_is_busy_for_the_caller() {
    simulate(1, |u| async move {
        let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        bob.reject().unwrap();
        seconds(&u, 1).await;
        assert_eq!(states(&alice), ended(Ending::Refused(486)));
        assert_eq!(states(&bob), ended(Ending::Rejected(486)));
    });
}

#[test]
fn a_caller_who_gives_up_leaves_a_missed_call() {
    simulate(1, |u| async move {
        let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        alice.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(states(&bob), ended(Ending::Cancelled));
        assert_eq!(alice.screen().calls().count(), 0);
        // And in the very moment of dialing, before anything was sent.
        alice.dial(&straight(&bob)).unwrap();
        alice.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().calls().count() + bob.screen().calls().count(), 0);
    });
}

/// CANCEL crosses 200 (15 and 9.1): whoever is first on the wire, nobody is left in a call.
#[test]
fn giving_up_and_answering_at_once_leaves_nobody_in_a_call() {
    for (gives_up_after, answers_after) in [(0, 0), (0, 1), (1, 0), (2, 0), (0, 2)] {
        simulate(1, move |u| async move {
            let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
            seconds(&u, 1).await;
            alice.dial(&straight(&bob)).unwrap();
            seconds(&u, 1).await;
            let (a, b) = (alice.clone(), bob.clone());
            let gives_up = async {
                millis(&u, gives_up_after).await;
                // Too late to press it if it was answered and hung up already.
                let _ = a.hang_up();
            };
            let answers = async {
                millis(&u, answers_after).await;
                let _ = b.answer();
            };
            tokio::join!(gives_up, answers);
            seconds(&u, 2).await;
            assert_eq!(calls(&alice.screen()), []);
            assert_eq!(calls(&bob.screen()), []);
        });
    }
}

#[test]
fn a_number_that_nobody_has_is_not_found_and_a_server_that_is_silent_times_out() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 1).await;
        alice.dial("nobody").unwrap();
        seconds(&u, 1).await;
        assert_eq!(states(&alice), ended(Ending::Refused(404)));
        server.host.crash();
        alice.dial("nobody").unwrap();
        seconds(&u, 31).await;
        assert_eq!(states(&alice), [LineState::Dialing]);
        seconds(&u, 2).await;
        assert_eq!(states(&alice), ended(Ending::Refused(408)));
    });
}

#[test]
fn through_a_server_over_udp_and_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        simulate(1, move |u| async move {
            let server = Exchange::new(&u);
            let phone = |name: &str| Phone::install(&u.host(name), PhoneSettings { transport, ..settings(name) });
            let (alice, bob) = (phone("alice"), phone("bob"));
            alice.register().unwrap();
            bob.register().unwrap();
            seconds(&u, 1).await;
            alice.dial("bob").unwrap();
            seconds(&u, 1).await;
            bob.answer().unwrap();
            seconds(&u, 3).await;
            assert!(alice.audio().unwrap().received > 10 && bob.audio().unwrap().received > 10);
            bob.hang_up().unwrap();
            seconds(&u, 1).await;
            assert_eq!(states(&alice), ended(Ending::PeerHungUp));
            assert_eq!((server.passed("INVITE"), server.passed("BYE")), (1, 1));
        });
    }
}

#[test]
fn a_call_goes_to_the_second_server_when_the_first_is_dead() {
    simulate(1, |u| async move {
        let (first, second) = (Exchange::at(&u, "server1", 10), Exchange::at(&u, "server2", 20));
        let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
        alice.register().unwrap();
        seconds(&u, 1).await;
        first.host.crash();
        bob.register().unwrap();
        seconds(&u, 40).await;
        assert!(second.has("bob") && !second.has("alice"));
        alice.dial("bob").unwrap();
        seconds(&u, 31).await;
        assert!(!bob.screen().rings());
        seconds(&u, 3).await;
        assert!(bob.screen().rings());
        assert!(second.has("alice"), "what the call found out, the registration knows too");
    });
}

#[test]
fn a_second_caller_waits_and_a_third_is_told_that_its_busy() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        let (carol, dave) = (hardphone(&u, "carol"), hardphone(&u, "dave"));
        seconds(&u, 1).await;
        carol.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&bob.screen()), [("alice".into(), LineState::Talking), ("carol".into(), LineState::Ringing)]);
        dave.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        assert_eq!(states(&dave), ended(Ending::Refused(486)));
        // Who talked is on hold while the other is answered.
        bob.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&bob.screen()), [("alice".into(), LineState::OnHold), ("carol".into(), LineState::Talking)]);
        assert_eq!(calls(&alice.screen()), one("bob", LineState::HeldByPeer));
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&bob.screen()), one("alice", LineState::OnHold));
        assert_eq!(states(&carol), ended(Ending::PeerHungUp));
        bob.resume().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
    });
}

#[test]
fn digits_arrive_in_their_order() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        alice.press("12#").unwrap();
        seconds(&u, 3).await;
        alice.press("*0").unwrap();
        seconds(&u, 3).await;
        assert_eq!(bob.digits_received(), "12#*0");
        assert_eq!(alice.digits_received(), "");
        alice.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(bob.digits_received(), "12#*0", "they're shown until the next call");
    });
}

#[test]
fn a_phone_that_answers_by_itself_does_so_at_once() {
    simulate(1, |u| async move {
        let alice = hardphone(&u, "alice");
        let bob = Phone::install(&u.host("bob"), PhoneSettings { auto_answer: AutoAnswer::Always, ..settings("bob") });
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
    });
}

#[test]
fn it_does_not_by_itself_put_somebody_on_hold_for_another() {
    simulate(1, |u| async move {
        let (alice, carol) = (hardphone(&u, "alice"), hardphone(&u, "carol"));
        let bob = Phone::install(&u.host("bob"), PhoneSettings { auto_answer: AutoAnswer::Always, ..settings("bob") });
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        carol.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&bob.screen()), [("alice".into(), LineState::Talking), ("carol".into(), LineState::Ringing)]);
    });
}

#[test]
fn audio_that_stops_coming_is_seen_on_the_screen_and_only_where_it_is_missed() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        let cut = u.network().one_way(bob.host(), alice.host()).cut();
        seconds(&u, 4).await;
        assert_eq!(alice.screen().message, "");
        seconds(&u, 2).await;
        assert_eq!(alice.screen().message, "no audio from bob");
        assert_eq!(bob.screen().message, "");
        u.network().lift(cut);
        seconds(&u, 1).await;
        assert_eq!(alice.screen().message, "");
        // Who is on hold is silent, and nobody minds.
        alice.hold().unwrap();
        seconds(&u, 30).await;
        assert_eq!((alice.screen().message, bob.screen().message), (String::new(), String::new()));
    });
}

#[test]
fn the_log_tells_of_each_call_in_its_order() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        alice.hang_up().unwrap();
        seconds(&u, 1).await;
        drop(bob);
        let log = u.log_text();
        let kinds: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("claim"))
            .filter_map(|line| line.split_whitespace().find(|word| word.contains('-')))
            .collect();
        assert_eq!(kinds, ["phone-rings", "call-answered", "call-answered", "call-ended", "call-ended"]);
    });
}

/// RFC 4028: a call whose other end is gone without a word comes to its end.
#[test]
fn a_peer_that_lost_power_is_noticed_when_the_session_is_not_refreshed() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        bob.host().crash();
        seconds(&u, 600).await;
        assert_eq!(alice.screen().calls().count(), 1);
        assert_eq!(alice.screen().message, "no audio from bob");
        seconds(&u, 1_300).await;
        assert_eq!(alice.screen().calls().count(), 0);
    });
}

#[test]
fn nothing_in_common_to_speak_is_488() {
    use busyhour::media::Codec;
    simulate(1, |u| async move {
        let alice = Phone::install(&u.host("alice"), PhoneSettings { codecs: vec![Codec::Pcma], ..settings("alice") });
        let bob = Phone::install(&u.host("bob"), PhoneSettings { codecs: vec![Codec::Pcmu], ..settings("bob") });
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(states(&alice), ended(Ending::Refused(488)));
        assert_eq!(bob.screen().calls().count(), 0);
    });
}

/// Law 1: the same seed, the same bytes on every wire.
#[test]
fn a_day_of_calls_is_the_same_again() {
    let day = |seed| {
        let outcome = Universe::seeded(seed).run(|u| async move {
            let server = Exchange::new(&u);
            server.book.borrow_mut().challenges = true;
            let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
            u.network().everywhere().loses(0.1).unwrap();
            for phone in [&alice, &bob] {
                phone.register().unwrap();
            }
            seconds(&u, 60).await;
            for _ in 0..5 {
                // Ten packets in a hundred are lost: some of these can't be pressed.
                let _ = alice.dial("bob");
                seconds(&u, 4).await;
                let _ = bob.answer();
                seconds(&u, 4).await;
                let _ = bob.hold();
                seconds(&u, 4).await;
                let _ = alice.hang_up();
                seconds(&u, 4).await;
            }
            server.passed("INVITE")
        });
        let invites = outcome.result.as_ref().map_or(0, |invites| *invites);
        assert!(invites >= 5, "{:?}", outcome.result);
        outcome.digest()
    };
    assert_eq!(day(7), day(7));
    assert_ne!(day(7), day(8));
}
