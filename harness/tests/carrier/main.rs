//! The carrier and its customers, over the trunk: what a contact center's server gets to hear of a call, and when.

mod support;

use std::time::Duration;

use busyhour::media::{Codec, Direction};
use busyhour::net::Only;
use busyhour::pbx::CarrierSettings;
use busyhour::pbx::carrier::{self, CallState};
use busyhour::pbx::customer::{BEEP_HZ, Behaviour, EarlyMedia, GREETING_HZ};
use busyhour::sip::Name;
use busyhour::sip::ua::Ending;

use support::{
    Answer, MARY, MARYS, MS, NOBODY, SECOND, STRANGER, Scene, Server, TRIP, all, first_format, scene, with_mary,
};

/// Vocabulary, Defaults: a customer of whom nothing is said answers after 2 s and talks until she's hung up on.
#[test]
fn somebody_of_whom_nothing_is_said_answers_after_two_seconds_and_talks_until_hung_up_on() {
    scene(CarrierSettings::default(), |scene| async move {
        let began = scene.u.now();
        let call = scene.server.calls(&scene, STRANGER).await;
        scene.pass(2 * SECOND - MS).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE"]));
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE", "200 INVITE"]));
        assert_eq!(
            (scene.server.ms_until(began, "180 INVITE"), scene.server.ms_until(began, "200 INVITE")),
            (200, 2_000)
        );
        scene.hear_each_other(STRANGER, 9_999 % 20).await;
        scene.pass(3_600 * SECOND).await;
        assert_eq!(scene.carrier.calls(STRANGER)[0].state, CallState::Talking);
        scene.server.ends(call);
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard().last().unwrap(), "200 BYE");
        let books = scene.carrier.calls(STRANGER);
        assert_eq!((books[0].state, books[0].ending.clone()), (CallState::Ended, Some(Ending::PeerHungUp)));
        assert_eq!(scene.voices(&scene.carrier.devices(STRANGER)).await, NOBODY);
    });
}

#[test]
fn a_customer_answers_when_she_is_said_to_and_not_before() {
    with_mary(Behaviour::answers_after(3 * SECOND), |scene| async move {
        scene.server.calls(&scene, MARY).await;
        scene.pass(3 * SECOND - MS).await;
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Ringing);
        scene.pass(3 * MS).await;
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Talking);
        scene.pass(TRIP).await;
        scene.hear_each_other(MARY, MARYS).await;
    });
}

/// The number is looked for first: for 200 ms nothing rings.
#[test]
fn who_answers_before_it_could_ring_is_never_heard_ringing() {
    for (after, rings) in [(199, false), (200, true), (201, true)] {
        with_mary(Behaviour::answers_after(after * MS), move |scene| async move {
            scene.server.calls(&scene, MARY).await;
            scene.pass(SECOND).await;
            let rang = scene.server.heard().contains(&"180 INVITE".to_owned());
            assert_eq!(rang, rings, "{after} ms: {:?}", scene.server.heard());
        });
    }
}

/// RFC 3326, RFC 3398 section 7.2.4.1: the status says what the cause in the telephone network was.
#[test]
fn a_refusal_comes_at_once_with_its_status_and_its_cause_and_nothing_rings() {
    for (behaviour, status, cause) in [
        (Behaviour::busy(), 486, "Q.850;cause=17;text=\"User busy\""),
        (Behaviour::disconnected(), 404, "Q.850;cause=1;text=\"Unallocated (unassigned) number\""),
        (Behaviour::congested(), 503, "Q.850;cause=34;text=\"No circuit/channel available\""),
    ] {
        with_mary(behaviour, move |scene| async move {
            scene.server.calls(&scene, MARY).await;
            scene.pass(TRIP).await;
            let refused = format!("{status} INVITE");
            assert_eq!(scene.server.heard(), all(&[&refused]));
            assert_eq!(scene.server.reason(&refused), cause);
            scene.pass(60 * SECOND).await;
            assert_eq!(scene.server.heard(), all(&[&refused]), "its ACK was heard");
            let books = scene.carrier.calls(MARY);
            assert_eq!((books[0].state, books[0].ending.clone()), (CallState::Ended, Some(Ending::Rejected(status))));
        });
    }
}

/// RFC 3398 section 7.2.4.1: that it was the user who declined makes it a 603.
#[test]
fn who_rejects_a_call_is_heard_ringing_first() {
    with_mary(Behaviour::rejects(), |scene| async move {
        let began = scene.u.now();
        scene.server.calls(&scene, MARY).await;
        scene.pass(3 * SECOND).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE", "603 INVITE"]));
        assert_eq!(scene.server.ms_until(began, "603 INVITE"), 2_000);
        assert_eq!(scene.server.reason("603 INVITE"), "Q.850;cause=21;text=\"Call rejected\"");
    });
}

#[test]
fn who_never_answers_rings_until_the_caller_gives_up() {
    with_mary(Behaviour::never_answers(), |scene| async move {
        let call = scene.server.calls(&scene, MARY).await;
        scene.pass(170 * SECOND).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE"]));
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Ringing);
        scene.server.ends(call);
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE", "200 CANCEL", "487 INVITE"]));
        assert_eq!(scene.carrier.calls(MARY)[0].ending, Some(Ending::Cancelled));
    });
}

#[test]
fn who_hangs_up_after_ten_seconds_does_it_then_and_not_before() {
    with_mary(Behaviour::answers_after(2 * SECOND).talking_for(10 * SECOND), |scene| async move {
        let began = scene.u.now();
        scene.server.calls(&scene, MARY).await;
        scene.pass(12 * SECOND - MS).await;
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Talking);
        scene.pass(TRIP).await;
        assert_eq!(scene.server.ms_until(began, "BYE"), 12_000);
        let books = scene.carrier.calls(MARY);
        assert_eq!((books[0].state, books[0].ending.clone()), (CallState::Ended, Some(Ending::HungUp)));
    });
}

/// A machine answers after 4 s, greets for 8 s, beeps, and records for a minute. Its greeting is nobody's voice.
#[test]
fn an_answering_machine_greets_beeps_records_for_a_minute_and_hangs_up() {
    with_mary(Behaviour::answering_machine(), |scene| async move {
        let began = scene.u.now();
        scene.server.calls(&scene, MARY).await;
        scene.pass(4 * SECOND - MS).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE"]));
        scene.pass(SECOND).await;
        assert_eq!(scene.server.ms_until(began, "200 INVITE"), 4_000);
        assert!(scene.server_hears(GREETING_HZ[0]).await);
        assert_eq!(scene.voices(&scene.server.host).await, NOBODY, "nobody is there");
        assert!(!scene.server_hears(BEEP_HZ).await);
        // Just after 12 s: a jitter buffer may hold the beep back for a moment.
        scene.pass((12_200 * MS).saturating_sub(scene.u.now().since(began))).await;
        assert!(scene.server_hears(BEEP_HZ).await);
        scene.pass(SECOND).await;
        assert!(!scene.server_hears(BEEP_HZ).await && !scene.server_hears(GREETING_HZ[0]).await);
        assert_eq!(scene.voices(&scene.u.find_host("mary").unwrap()).await, [0], "it records what is said");
        scene.pass((72_499 * MS).saturating_sub(scene.u.now().since(began))).await;
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Talking);
        scene.pass(TRIP).await;
        assert_eq!(scene.server.ms_until(began, "BYE"), 72_500);
    });
}

/// RFC 3960: 183 with a session, and the network's own tone in it; no voice before there's an answer.
#[test]
fn early_media_is_heard_before_the_answer_and_is_nobodys_voice() {
    let behaviour = Behaviour::answers_after(5 * SECOND).with_early_media(EarlyMedia::Ringback);
    with_mary(behaviour, |scene| async move {
        scene.server.calls(&scene, MARY).await;
        scene.pass(SECOND).await;
        assert_eq!(scene.server.heard(), all(&["183 INVITE"]));
        assert_eq!(first_format(&scene.server.first("183 INVITE").message), "0");
        assert!(scene.server_hears(340.0).await);
        assert_eq!(scene.voices(&scene.server.host).await, NOBODY);
        scene.pass(4 * SECOND).await;
        assert_eq!(scene.server.heard(), all(&["183 INVITE", "200 INVITE"]));
        assert!(!scene.server_hears(340.0).await, "the tone ends with the answer");
        scene.hear_each_other(MARY, MARYS).await;
    });
}

#[test]
fn a_number_that_is_gone_may_be_announced_before_it_is_refused() {
    let behaviour = Behaviour::disconnected().with_early_media(EarlyMedia::Announcement);
    with_mary(behaviour, |scene| async move {
        let began = scene.u.now();
        scene.server.calls(&scene, MARY).await;
        scene.pass(SECOND).await;
        assert!(scene.server_hears(200.0).await);
        scene.pass(4 * SECOND).await;
        assert_eq!(scene.server.heard(), all(&["183 INVITE", "404 INVITE"]));
        assert_eq!(scene.server.ms_until(began, "404 INVITE"), 4_200);
    });
}

#[test]
fn the_next_three_calls_are_refused_whoever_is_called_and_the_fourth_is_not() {
    scene(CarrierSettings::default(), |scene| async move {
        scene.carrier.answer_next_with(503, 3);
        for number in [MARY, STRANGER, MARY] {
            scene.server.calls(&scene, number).await;
            scene.pass(TRIP).await;
        }
        assert_eq!(scene.server.heard(), all(&["503 INVITE"; 3]));
        assert_eq!(scene.carrier.still_refuses(), 0);
        scene.server.calls(&scene, MARY).await;
        scene.pass(3 * SECOND).await;
        assert_eq!(scene.server.heard().last().unwrap(), "200 INVITE");
    });
}

/// RFC 3264: an offer without a codec that's shared can't be answered.
#[test]
fn a_carrier_that_speaks_only_one_codec_agrees_on_it_or_says_488() {
    for (offered, agreed) in
        [(vec![Codec::Pcmu, Codec::Pcma], Some("8")), (vec![Codec::Pcma], Some("8")), (vec![Codec::Pcmu], None)]
    {
        scene(CarrierSettings::default(), move |scene| async move {
            scene.carrier.speaks_only(Codec::Pcma);
            scene.server.inner.borrow_mut().codecs = Some(offered);
            scene.mary(Behaviour::answers_after(SECOND));
            scene.server.calls(&scene, MARY).await;
            scene.pass(1_500 * MS).await;
            let Some(agreed) = agreed else {
                assert_eq!(scene.server.heard(), all(&["488 INVITE"]));
                assert!(scene.server.reason("488 INVITE").starts_with("Q.850;cause=65"));
                return;
            };
            assert_eq!(first_format(&scene.server.first("200 INVITE").message), agreed);
            scene.hear_each_other(MARY, MARYS).await;
        });
    }
}

/// RFC 3261 13.2.1: an INVITE without an offer gets it in the 2xx, and answers in the ACK.
#[test]
fn a_call_without_an_offer_is_offered_a_session() {
    with_mary(Behaviour::default(), |scene| async move {
        scene.server.inner.borrow_mut().codecs = None;
        scene.server.calls(&scene, MARY).await;
        scene.pass(3 * SECOND).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE", "200 INVITE"]));
        scene.hear_each_other(MARY, MARYS).await;
    });
}

#[test]
fn a_customer_receives_the_digits_that_are_pressed() {
    with_mary(Behaviour::answers_after(SECOND), |scene| async move {
        scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        assert_eq!(scene.carrier.digits_received(MARY), "");
        scene.server.presses("1234*#");
        scene.pass(3 * SECOND).await;
        assert_eq!(scene.carrier.digits_received(MARY), "1234*#");
        scene.carrier.hang_up(MARY).unwrap();
        scene.pass(SECOND).await;
        assert_eq!(scene.carrier.digits_received(MARY), "1234*#", "the books keep them");
    });
}

#[test]
fn a_customer_hangs_up_when_she_is_told_to_wherever_her_call_is() {
    with_mary(Behaviour::answers_after(5 * SECOND), |scene| async move {
        assert!(scene.carrier.hang_up(MARY).is_err(), "she's in no call");
        scene.server.calls(&scene, MARY).await;
        scene.pass(SECOND).await;
        scene.carrier.hang_up(MARY).unwrap();
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard(), all(&["180 INVITE", "603 INVITE"]));
        scene.server.calls(&scene, MARY).await;
        scene.pass(6 * SECOND).await;
        scene.carrier.hang_up(MARY).unwrap();
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard().last().unwrap(), "BYE");
        assert!(scene.carrier.hang_up(MARY).is_err(), "she has hung up");
    });
}

#[test]
fn a_customer_who_talks_is_busy_for_everybody_else_and_others_are_not() {
    with_mary(Behaviour::answers_after(SECOND), |scene| async move {
        scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        scene.server.calls(&scene, MARY).await;
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard().last().unwrap(), "486 INVITE");
        scene.server.calls(&scene, STRANGER).await;
        scene.pass(3 * SECOND).await;
        assert_eq!(scene.server.heard().iter().filter(|what| *what == "200 INVITE").count(), 2);
        scene.carrier.hang_up(MARY).unwrap();
        scene.pass(SECOND).await;
        scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        assert_eq!(scene.carrier.calls(MARY).last().unwrap().state, CallState::Talking);
    });
}

#[test]
fn one_named_customers_rule_beats_the_rule_for_all() {
    with_mary(Behaviour::busy(), |scene| async move {
        scene.carrier.default_customer(Behaviour::disconnected());
        scene.server.calls(&scene, MARY).await;
        scene.server.calls(&scene, STRANGER).await;
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard(), all(&["486 INVITE", "404 INVITE"]));
        scene.carrier.default_customer(Behaviour::default());
        for _ in 0..2 {
            let call = scene.server.calls(&scene, STRANGER).await;
            scene.pass(3 * SECOND).await;
            scene.server.ends(call);
            scene.pass(SECOND).await;
        }
        assert_eq!(*scene.made.borrow(), [STRANGER], "her devices are made once, and Mary's never");
    });
}

/// RFC 3264 section 8.4: hold is a direction, and it's heard.
#[test]
fn a_customer_on_hold_hears_nobody_and_hears_again_afterwards() {
    with_mary(Behaviour::answers_after(SECOND), |scene| async move {
        let mary = scene.u.find_host("mary").unwrap();
        let call = scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        scene.server.offers(call, Direction::Inactive);
        scene.pass(SECOND).await;
        assert!(scene.carrier.calls(MARY)[0].held);
        assert_eq!((scene.voices(&mary).await, scene.voices(&scene.server.host).await), (vec![], vec![]));
        // A hold is no silence: nobody hangs up for it.
        scene.pass(120 * SECOND).await;
        scene.server.offers(call, Direction::SendRecv);
        scene.pass(SECOND).await;
        assert!(!scene.carrier.calls(MARY)[0].held);
        scene.hear_each_other(MARY, MARYS).await;
    });
}

#[test]
fn a_customer_calls_and_is_heard_when_she_is_answered() {
    with_mary(Behaviour::default(), |scene| async move {
        scene.carrier.place_call(MARY, "8005550100");
        scene.pass(SECOND).await;
        let invite = scene.server.first("INVITE").message;
        assert_eq!(invite.target_uri().unwrap().user, Some("8005550100"));
        assert_eq!(invite.from().unwrap().uri.user, Some(MARY));
        scene.hear_each_other(MARY, MARYS).await;
        let books = scene.carrier.calls(MARY);
        assert_eq!((books[0].state, books[0].direction), (CallState::Talking, carrier::Direction::FromCustomer));
        scene.carrier.hang_up(MARY).unwrap();
        scene.pass(SECOND).await;
        assert_eq!(scene.server.heard(), all(&["INVITE", "ACK", "BYE"]));
    });
}

#[test]
fn a_customer_who_calls_gives_up_when_her_patience_is_over_and_not_before() {
    with_mary(Behaviour::default().waiting_for(20 * SECOND), |scene| async move {
        scene.server.inner.borrow_mut().answer = Answer::Rings;
        scene.carrier.place_call(MARY, "8005550100");
        scene.pass(20 * SECOND - MS).await;
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Ringing);
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard(), all(&["INVITE", "CANCEL", "ACK"]));
        assert_eq!(scene.carrier.calls(MARY)[0].ending, Some(Ending::Abandoned));
        // Her patience is for ringing alone.
        scene.server.inner.borrow_mut().answer = Answer::AtOnce;
        scene.carrier.place_call(MARY, "8005550100");
        scene.pass(60 * SECOND).await;
        assert_eq!(scene.carrier.calls(MARY)[1].state, CallState::Talking);
    });
}

#[test]
fn a_call_that_one_server_refuses_goes_to_the_next_one() {
    scene(CarrierSettings::default(), |scene| async move {
        let second = Server::named(&scene.u, "server2").await;
        scene.carrier.set_servers(vec![scene.server.address(), second.address()]);
        scene.mary(Behaviour::default());
        scene.server.inner.borrow_mut().answer = Answer::Refuses(503);
        scene.carrier.place_call(MARY, "8005550100");
        scene.pass(SECOND).await;
        assert_eq!((scene.server.heard(), second.heard()), (all(&["INVITE", "ACK"]), all(&["INVITE", "ACK"])));
        assert_eq!(scene.carrier.calls(MARY).len(), 1);
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Talking);
        scene.carrier.hang_up(MARY).unwrap();
        // Who is busy is busy everywhere.
        scene.server.inner.borrow_mut().answer = Answer::Refuses(486);
        scene.pass(SECOND).await;
        scene.carrier.place_call(MARY, "8005550100");
        scene.pass(SECOND).await;
        assert_eq!(scene.carrier.calls(MARY)[1].ending, Some(Ending::Refused(486)));
        // With nobody left to try, the last refusal stands.
        second.inner.borrow_mut().answer = Answer::Refuses(503);
        scene.server.inner.borrow_mut().answer = Answer::Refuses(503);
        scene.carrier.place_call(MARY, "8005550100");
        scene.pass(SECOND).await;
        assert_eq!(scene.carrier.calls(MARY)[2].ending, Some(Ending::Refused(503)));
    });
}

/// A gateway doesn't keep a line for a call that's dead: after a minute without a packet it hangs up.
#[test]
fn a_call_in_which_nothing_is_heard_for_a_minute_is_hung_up_and_not_before() {
    with_mary(Behaviour::answers_after(SECOND), |scene| async move {
        scene.server.calls(&scene, MARY).await;
        scene.pass(3 * SECOND).await;
        assert!(scene.carrier.calls(MARY)[0].audio.unwrap().received > 0);
        for leg in &scene.server.inner.borrow().legs {
            leg.line.disconnect();
        }
        let cut = scene.u.now();
        scene.pass(59 * SECOND).await;
        assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Talking);
        scene.pass(2 * SECOND).await;
        let silent = scene.server.first("BYE").at.since(cut);
        assert!((Duration::from_secs(59)..=Duration::from_secs(61)).contains(&silent), "{silent:?}");
    });
}

#[test]
fn what_is_no_number_is_refused_and_an_option_is_granted() {
    scene(CarrierSettings::default(), |scene| async move {
        scene.server.calls(&scene, "alice").await;
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard(), all(&["484 INVITE"]));
        scene.server.asks_whether_it_is_up(&scene);
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard(), all(&["484 INVITE", "200 OPTIONS"]));
        scene.mary(Behaviour::busy());
        scene.server.calls(&scene, &format!("+{MARY}")).await;
        scene.pass(TRIP).await;
        assert_eq!(scene.server.heard().last().unwrap(), "486 INVITE");
    });
}

/// A crash tells nobody; the books know of it, and the next call is a new one.
#[test]
fn a_carrier_that_restarts_has_lost_its_calls_and_takes_new_ones() {
    with_mary(Behaviour::answers_after(SECOND), |scene| async move {
        scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        scene.carrier.host().crash();
        scene.pass(SECOND).await;
        scene.carrier.host().restart();
        scene.pass(SECOND).await;
        let books = scene.carrier.calls(MARY);
        assert_eq!((books[0].state, books[0].ending.clone()), (CallState::Ended, Some(Ending::Lost)));
        for leg in scene.server.inner.borrow_mut().legs.drain(..) {
            leg.line.disconnect();
        }
        scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        scene.hear_each_other(MARY, MARYS).await;
    });
}

/// Lost messages are repeated: what comes of a call doesn't depend on the network, only when.
#[test]
fn over_a_network_that_loses_a_fifth_every_behaviour_comes_to_its_end() {
    for (behaviour, last) in [
        (Behaviour::answers_after(SECOND).talking_for(5 * SECOND), "BYE"),
        (Behaviour::busy(), "486 INVITE"),
        (Behaviour::rejects(), "603 INVITE"),
    ] {
        with_mary(behaviour, move |scene| async move {
            let carrier = scene.carrier.host().clone();
            scene.u.network().between(&scene.server.host, &carrier).loses(0.2).unwrap();
            scene.server.calls(&scene, MARY).await;
            scene.pass(60 * SECOND).await;
            assert!(scene.server.heard().contains(&last.to_owned()), "{:?}", scene.server.heard());
            assert_eq!(scene.carrier.calls(MARY)[0].state, CallState::Ended);
            assert_eq!(scene.server.inner.borrow().ua.calls(), 0);
        });
    }
}

/// The network between is cut for audio alone, so that only one of them hears.
#[test]
fn a_cut_of_one_way_leaves_the_other() {
    with_mary(Behaviour::answers_after(SECOND), |scene| async move {
        scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        let mary = scene.u.find_host("mary").unwrap();
        let port = scene.server.inner.borrow().legs[0].line.port();
        let carrier = scene.carrier.host().clone();
        let only = Only { port: Some(port), ..Only::default() };
        scene.u.network().one_way(&carrier, &scene.server.host).cut_only(only);
        scene.pass(SECOND).await;
        assert_eq!((scene.voices(&mary).await, scene.voices(&scene.server.host).await), (vec![0], vec![]));
    });
}

/// Law 1.
#[test]
fn the_same_seed_gives_the_same_packets() {
    let run = || {
        let outcome = busyhour::Universe::seeded(11).run(|u| async move {
            let scene = Scene::new(u, CarrierSettings::default()).await;
            scene.server.calls(&scene, MARY).await;
            scene.carrier.place_call(STRANGER, "8005550100");
            scene.pass(5 * SECOND).await;
            scene.carrier.hang_up(MARY).unwrap();
            scene.pass(SECOND).await;
        });
        outcome.result.as_ref().unwrap_or_else(|cause| panic!("{cause}"));
        outcome.digest()
    };
    assert_eq!(run(), run());
}

/// RFC 3262: where it's asked for, what rings is acknowledged.
#[test]
fn a_caller_that_wants_ringing_acknowledged_gets_it_so() {
    use busyhour::sip::ua::ReliableProvisionals;
    let settings =
        CarrierSettings { reliable_provisionals: ReliableProvisionals::Supported, ..CarrierSettings::default() };
    scene(settings, |scene| async move {
        scene.mary(Behaviour::answers_after(SECOND).with_early_media(EarlyMedia::Ringback));
        scene.server.calls(&scene, MARY).await;
        scene.pass(2 * SECOND).await;
        let early = scene.server.first("183 INVITE").message;
        assert_eq!(early.first(Name::Require), Some("100rel"));
        assert_eq!(scene.server.heard(), all(&["183 INVITE", "200 PRACK", "200 INVITE"]));
        scene.hear_each_other(MARY, MARYS).await;
    });
}
