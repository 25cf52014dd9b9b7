//! Calls through the server: every order in which two phones and a server can act on one.

use std::time::Duration;

use busyhour::media::sdp::Description;
use busyhour::media::{Codec, Direction};
use busyhour::pbx::{CallEnding, MediaPath};
use busyhour::simulate;
use busyhour::sip::Message;
use busyhour::sip::ua::{Ending, Event};

use crate::phone::{Manner, Phone};
use crate::{install, nothing_is_left, registered, settings};

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Where a description says that its audio is, and which way it flows.
fn audio(body: &[u8]) -> (String, String) {
    let description = Description::read(body).unwrap();
    let direction = ["sendonly", "recvonly", "inactive"]
        .into_iter()
        .find(|direction| description.audio().unwrap().attributes.iter().any(|line| line == direction));
    let connection = description.lines.iter().find(|(kind, _)| *kind == 'c').map(|(_, line)| line.clone());
    (connection.unwrap_or_default(), direction.unwrap_or("sendrecv").to_owned())
}

fn version(body: &[u8]) -> u64 {
    Description::read(body).unwrap().origin().unwrap().version
}

#[test]
fn a_call_is_answered_and_its_end_reaches_the_other_side() {
    for caller_ends in [true, false] {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
            let out = alice.calls("bob");
            let answer = alice.is_answered(out).await;
            let inside = bob.rings().await;
            bob.is_confirmed(inside).await;
            // Each talks to the server, not to the other.
            let server_is = format!("IN IP4 {}", server.host().address());
            assert_eq!(audio(answer.body()).0, server_is);
            assert_eq!(audio(&bob.offer_of(inside)).0, server_is);
            let calls = server.calls();
            assert_eq!(calls.len(), 1);
            assert_eq!(
                (&*calls[0].caller, &*calls[0].called, calls[0].callee.as_deref()),
                ("alice", "bob", Some("bob"))
            );
            u.sleep(second(10)).await;
            if caller_ends {
                alice.hangs_up(out);
                assert_eq!(bob.ends(inside).await, Ending::PeerHungUp);
            } else {
                bob.hangs_up(inside);
                assert_eq!(alice.ends(out).await, Ending::PeerHungUp);
            }
            nothing_is_left(&u, &server, &[&alice, &bob]).await;
            let records = server.records();
            assert_eq!(records.len(), 1);
            let ending = if caller_ends { CallEnding::CallerHungUp } else { CallEnding::CalleeHungUp };
            assert_eq!(records[0].ending, ending);
            let talked = records[0].talked().as_millis();
            assert!((9_990..10_050).contains(&talked), "{talked} ms");
        });
    }
}

/// What each phone shows of the other.
#[test]
fn the_callee_sees_who_calls_and_the_hops_are_counted() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let mut outgoing = alice.outgoing("bob");
        outgoing.max_forwards = 1;
        let out = alice.act(|ua, now| ua.call(now, outgoing));
        alice.is_answered(out).await;
        let invite = bob
            .until("the INVITE", |event| match event {
                Event::Incoming { request, .. } => Some(request.clone()),
                _ => None,
            })
            .await;
        let from = invite.from().unwrap();
        assert_eq!((from.display_name().as_ref(), from.uri.user), ("alice", Some("alice")));
        assert_eq!(invite.max_forwards().unwrap(), Some(0));
        // RFC 3261 16.3: none is left.
        let mut outgoing = alice.outgoing("bob");
        outgoing.max_forwards = 0;
        let out = alice.act(|ua, now| ua.call(now, outgoing));
        assert_eq!(alice.ends(out).await, Ending::Refused(483));
    });
}

#[test]
fn nobody_there_nobody_known_and_whoever_refuses_is_told_apart() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let carol = alice.calls("carol");
        assert_eq!(alice.ends(carol).await, Ending::Refused(480), "carol isn't registered");
        let zoe = alice.calls("zoe");
        assert_eq!(alice.ends(zoe).await, Ending::Refused(404), "there is no zoe");
        let number = alice.calls("15551230001");
        assert_eq!(alice.ends(number).await, Ending::Refused(404), "there is no trunk");
        let herself = alice.calls("alice");
        assert_eq!(alice.ends(herself).await, Ending::Refused(486), "she's on the phone");
        for status in [486, 603, 488, 500] {
            bob.manner(Manner::Refuses(status));
            let out = alice.calls("bob");
            assert_eq!(alice.ends(out).await, Ending::Refused(status));
        }
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
        assert_eq!(server.records().len(), 8);
        assert!(server.records().iter().all(|record| matches!(record.ending, CallEnding::Refused(_))));
    });
}

#[test]
fn a_call_needs_the_callers_own_password() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        alice.act(|ua, _| ua.set_credentials(None));
        let out = alice.calls("bob");
        assert_eq!(alice.ends(out).await, Ending::Refused(407));
        let credentials =
            busyhour::sip::digest::Credentials { user: "carol".into(), password: "carol's secret".into() };
        alice.act(|ua, _| ua.set_credentials(Some(credentials)));
        let out = alice.calls("bob");
        assert_eq!(alice.ends(out).await, Ending::Refused(403));
        assert_eq!(bob.count(|event| matches!(event, Event::Incoming { .. })), 0);
        assert_eq!(server.records(), [], "what was never let in is no call");
    });
}

#[test]
fn ringing_is_passed_on_and_giving_up_too() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.manner(Manner::Rings);
        let out = alice.calls("bob");
        alice
            .until("ringing", |event| match event {
                Event::Progress { response, .. } if response.status() == Some(180) => Some(()),
                _ => None,
            })
            .await;
        let inside = bob.rings().await;
        u.sleep(second(3)).await;
        alice.hangs_up(out);
        assert_eq!(bob.ends(inside).await, Ending::Cancelled);
        assert_eq!(alice.ends(out).await, Ending::Abandoned);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
        assert_eq!(server.records()[0].ending, CallEnding::Cancelled);
        assert_eq!(server.records()[0].talked(), Duration::ZERO);
    });
}

#[test]
fn it_rings_for_sixty_seconds_and_no_longer() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.manner(Manner::Rings);
        let out = alice.calls("bob");
        let inside = bob.rings().await;
        let began = server.calls()[0].began;
        crate::wait_until(&u, began + Duration::from_millis(59_990)).await;
        assert!(!bob.has_ended(inside));
        assert_eq!(alice.ends(out).await, Ending::Refused(480));
        assert_eq!(bob.ends(inside).await, Ending::Cancelled);
        assert!(u.now() < began + Duration::from_millis(60_100));
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// Early media (RFC 3960): what is played before the answer is heard, through the relay.
#[test]
fn early_media_has_the_servers_address_and_the_answer_agrees_with_it() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.manner(Manner::Waits);
        let out = alice.calls("bob");
        let inside = bob.rings().await;
        let early = busyhour::media::sdp::Local::new(bob.host.address(), 4000, 1).answer(&bob.offer_of(inside));
        let early = early.unwrap().0;
        bob.act(|ua, now| ua.ring(now, inside, 183, Some(early)));
        let progress: Message = alice
            .until("early media", |event| match event {
                Event::Progress { response, .. } if !response.body().is_empty() => Some(response.clone()),
                _ => None,
            })
            .await;
        assert_eq!(progress.status(), Some(183));
        bob.answers(inside);
        let answer = alice.is_answered(out).await;
        assert_eq!(answer.body(), progress.body(), "RFC 3261 13.2.1: what was said reliably isn't said differently");
        alice.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// CANCEL and 200 cross at the server (JsSIP#597, #836, OpenSIPS#1388): for each moment, both sides end in the same
/// place.
#[test]
fn a_cancel_that_crosses_an_answer_leaves_nobody_in_a_call() {
    for millis in 0..8 {
        simulate(1, move |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
            bob.manner(Manner::Rings);
            let out = alice.calls("bob");
            let inside = bob.rings().await;
            u.sleep(second(1)).await;
            bob.answers(inside);
            u.sleep(Duration::from_millis(millis)).await;
            alice.hangs_up(out);
            alice.ends(out).await;
            bob.ends(inside).await;
            nothing_is_left(&u, &server, &[&alice, &bob]).await;
            assert_eq!(server.records().len(), 1);
        });
    }
}

#[test]
fn both_hang_up_at_once() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        let inside = bob.rings().await;
        bob.is_confirmed(inside).await;
        alice.hangs_up(out);
        bob.hangs_up(inside);
        alice.ends(out).await;
        bob.ends(inside).await;
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// Two phones of hers, both with the call: whoever answers first has it.
#[test]
fn every_phone_of_a_user_rings_and_the_first_answer_wins() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        let desk = Phone::on(&u.host("desk"), server.host(), "bob").await;
        let home = Phone::on(&u.host("home"), server.host(), "bob").await;
        desk.register().await;
        home.register().await;
        desk.manner(Manner::Rings);
        home.manner(Manner::Rings);
        let out = alice.calls("bob");
        let (at_desk, at_home) = (desk.rings().await, home.rings().await);
        u.sleep(second(2)).await;
        home.answers(at_home);
        alice.is_answered(out).await;
        assert_eq!(desk.ends(at_desk).await, Ending::Cancelled);
        assert!(!home.has_ended(at_home));
        let rang = alice.count(|event| matches!(event, Event::Progress { .. }));
        assert_eq!(rang, 1, "one ringing is told once");
        alice.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &desk, &home]).await;
    });
}

/// kamailio#570, JsSIP#114: answered twice, at the same moment.
#[test]
fn of_two_that_answer_at_once_one_has_the_call_and_the_other_is_hung_up_on() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        let desk = Phone::on(&u.host("desk"), server.host(), "bob").await;
        let home = Phone::on(&u.host("home"), server.host(), "bob").await;
        desk.register().await;
        home.register().await;
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        let (at_desk, at_home) = (desk.rings().await, home.rings().await);
        u.sleep(second(5)).await;
        assert_eq!([desk.has_ended(at_desk), home.has_ended(at_home)].iter().filter(|&&ended| ended).count(), 1);
        assert_eq!(desk.dialogs() + home.dialogs(), 1);
        alice.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &desk, &home]).await;
    });
}

/// kamailio#3985: one stale location made the whole call fail.
#[test]
fn a_phone_that_is_dead_does_not_keep_the_others_from_answering() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        let (host, home) = (u.host("desk"), u.host("home"));
        let desk = Phone::on(&host, server.host(), "bob").await;
        let home = Phone::on(&home, server.host(), "bob").await;
        desk.register().await;
        home.register().await;
        host.crash();
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        alice.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &home]).await;
    });
}

#[test]
fn a_hunt_group_rings_all_and_the_best_refusal_is_told() {
    simulate(1, |u| async move {
        let server = install(&u, settings().hunt_group("sales", &["bob", "carol", "sales", "dave"])).await;
        let alice = registered(&u, &server, "alice").await;
        let (bob, carol) = (registered(&u, &server, "bob").await, registered(&u, &server, "carol").await);
        // The better one comes first, so that the last isn't simply told.
        bob.manner(Manner::Refuses(486));
        carol.manner(Manner::Refuses(480));
        let out = alice.calls("sales");
        assert_eq!(alice.ends(out).await, Ending::Refused(486));
        // A decline is for the whole group (RFC 3261 21.6.2).
        bob.manner(Manner::Rings);
        carol.manner(Manner::Refuses(603));
        bob.looks_away();
        let out = alice.calls("sales");
        assert_eq!(alice.ends(out).await, Ending::Refused(603));
        let inside = bob.rings().await;
        assert_eq!(bob.ends(inside).await, Ending::Cancelled);
        // One answers.
        bob.looks_away();
        carol.manner(Manner::Answers);
        let out = alice.calls("sales");
        alice.is_answered(out).await;
        assert_eq!(server.calls()[0].callee.as_deref(), Some("carol"));
        alice.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &bob, &carol]).await;
    });
}

/// RFC 3264 8.4: hold is an offer, and the other side hears of it.
#[test]
fn hold_and_resume_reach_the_other_phone() {
    for path in [MediaPath::Relay, MediaPath::Direct] {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.media = path;
            let server = install(&u, settings).await;
            let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
            let out = alice.calls("bob");
            let first = alice.is_answered(out).await;
            let inside = bob.rings().await;
            let mut versions = vec![version(&bob.offer_of(inside))];
            for (direction, seen, answered) in
                [(Direction::SendOnly, "sendonly", "recvonly"), (Direction::SendRecv, "sendrecv", "sendrecv")]
            {
                u.sleep(second(2)).await;
                alice.looks_away();
                bob.looks_away();
                alice.offers(out, direction);
                let answer: Message = alice
                    .until("the answer to the offer", |event| match event {
                        Event::OfferAnswered { response, .. } => Some(response.clone()),
                        _ => None,
                    })
                    .await;
                let offer: Message = bob
                    .seen(|event| match event {
                        Event::Offered { request, .. } => Some(request.clone()),
                        _ => None,
                    })
                    .expect("bob was offered it");
                assert_eq!(audio(offer.body()).1, seen);
                assert_eq!(audio(answer.body()).1, answered);
                versions.push(version(offer.body()));
                if path == MediaPath::Direct {
                    let where_bob_is = format!("IN IP4 {}", bob.host.address());
                    assert_eq!(audio(first.body()).0, where_bob_is);
                }
            }
            assert!(versions.windows(2).all(|pair| pair[1] == pair[0] + 1), "{versions:?}");
            alice.hangs_up(out);
            nothing_is_left(&u, &server, &[&alice, &bob]).await;
        });
    }
}

/// pjproject#3886, JsSIP#771, drachtio#318: both offer at once, both are answered in the end.
#[test]
fn both_hold_at_once_and_both_are_answered() {
    for seed in 0..5 {
        simulate(seed, |u| async move {
            let server = install(&u, settings()).await;
            let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
            let out = alice.calls("bob");
            alice.is_answered(out).await;
            let inside = bob.rings().await;
            bob.is_confirmed(inside).await;
            u.sleep(second(1)).await;
            alice.offers(out, Direction::SendOnly);
            bob.offers(inside, Direction::SendOnly);
            for phone in [&alice, &bob] {
                phone
                    .within("the answer to the hold", 20, |event| {
                        matches!(event, Event::OfferAnswered { .. }).then_some(())
                    })
                    .await;
            }
            bob.hangs_up(inside);
            nothing_is_left(&u, &server, &[&alice, &bob]).await;
        });
    }
}

#[test]
fn an_offer_that_the_other_phone_refuses_leaves_the_call_as_it_was() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.speaks_only(Codec::Pcma);
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        // She offers what bob can't.
        alice.speaks_only(Codec::Pcmu);
        alice.offers(out, Direction::SendRecv);
        alice.until("the refusal", |event| matches!(event, Event::OfferRefused { .. }).then_some(())).await;
        assert_eq!(server.calls().len(), 1);
        alice.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// A caller may leave the offer to the other side (RFC 3261 13.2.1).
#[test]
fn a_call_without_an_offer_is_offered_one() {
    for path in [MediaPath::Relay, MediaPath::Direct] {
        simulate(1, move |u| async move {
            let mut settings = settings();
            settings.media = path;
            let server = install(&u, settings).await;
            let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
            let mut outgoing = alice.outgoing("bob");
            outgoing.offer = None;
            let out = alice.act(|ua, now| ua.call(now, outgoing));
            let answer = alice.is_answered(out).await;
            assert!(!answer.body().is_empty());
            let inside = bob.rings().await;
            bob.is_confirmed(inside).await;
            bob.hangs_up(inside);
            nothing_is_left(&u, &server, &[&alice, &bob]).await;
        });
    }
}

/// siphon-ai#402: these phones send nothing at all. While one holds the other, nothing is expected of either.
#[test]
fn a_holder_who_sends_nothing_keeps_the_call_and_a_talker_who_sends_nothing_does_not() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        alice.offers(out, Direction::SendOnly);
        u.sleep(second(200)).await;
        assert!(!alice.has_ended(out));
        alice.offers(out, Direction::SendRecv);
        u.sleep(second(59)).await;
        assert!(!alice.has_ended(out));
        alice.ends(out).await;
        assert_eq!(server.records()[0].ending, CallEnding::NoAudio);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// Every request has an answer, also one that asks somebody who is gone.
#[test]
fn an_offer_to_a_phone_that_died_is_answered_when_the_call_ends() {
    simulate(1, |u| async move {
        let mut settings = settings();
        settings.rtp_timeout = None;
        let server = install(&u, settings).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        let inside = bob.rings().await;
        bob.is_confirmed(inside).await;
        bob.host.crash();
        alice.offers(out, Direction::SendOnly);
        assert_eq!(alice.ends(out).await, Ending::PeerHungUp);
        alice.until("an answer", |event| matches!(event, Event::OfferRefused { .. }).then_some(())).await;
        nothing_is_left(&u, &server, &[&alice]).await;
        assert_eq!(server.records()[0].ending, CallEnding::Lost);
    });
}

/// The answer to the caller names the codec that the callee chose: nobody transcodes.
#[test]
fn both_legs_have_the_codec_that_both_phones_speak() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        bob.speaks_only(Codec::Pcma);
        let out = alice.calls("bob");
        let answer = alice.is_answered(out).await;
        let description = Description::read(answer.body()).unwrap();
        assert_eq!(description.audio().unwrap().formats[0], "8");
        alice.hangs_up(out);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
    });
}

/// A phone that vanished without a word: its session runs out (RFC 4028), and the other side is hung up on.
#[test]
fn when_a_phone_vanishes_the_other_is_not_left_alone_for_ever() {
    simulate(1, |u| async move {
        let mut settings = settings();
        settings.rtp_timeout = None;
        settings.session.interval = Some(second(90));
        let server = install(&u, settings).await;
        let alice = registered(&u, &server, "alice").await;
        let host = u.host("bob");
        let bob = Phone::on(&host, server.host(), "bob").await;
        bob.register().await;
        let out = alice.calls("bob");
        alice.is_answered(out).await;
        host.crash();
        alice.ends(out).await;
        u.sleep(second(64)).await;
        nothing_is_left(&u, &server, &[&alice]).await;
        assert_eq!(server.records()[0].ending, CallEnding::Lost);
        let _ = bob;
    });
}

#[test]
fn a_room_is_for_everybody_and_is_left_by_each() {
    simulate(1, |u| async move {
        let server = install(&u, settings().room("8600051")).await;
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let (hers, his) = (alice.calls("8600051"), bob.calls("8600051"));
        alice.is_answered(hers).await;
        bob.is_answered(his).await;
        assert_eq!(server.members("8600051"), 2);
        assert_eq!(server.calls().iter().filter(|call| call.room.as_deref() == Some("8600051")).count(), 2);
        alice.hangs_up(hers);
        alice.ends(hers).await;
        assert!(!bob.has_ended(his));
        u.sleep(second(1)).await;
        assert_eq!(server.members("8600051"), 1);
        bob.hangs_up(his);
        nothing_is_left(&u, &server, &[&alice, &bob]).await;
        assert_eq!(server.members("8600051"), 0);
        assert_eq!(
            server.records().iter().filter(|record| record.answered_by.as_deref() == Some("8600051")).count(),
            2
        );
    });
}

#[test]
fn an_invite_without_a_user_or_for_elsewhere_is_not_found() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        let alice = registered(&u, &server, "alice").await;
        for target in ["sip:pbx.test", "sip:bob@elsewhere.test"] {
            let mut outgoing = alice.outgoing("bob");
            outgoing.target = target.to_owned();
            let out = alice.act(|ua, now| ua.call(now, outgoing));
            assert_eq!(alice.ends(out).await, Ending::Refused(404), "{target}");
        }
    });
}

/// RFC 3264 5.1: a codec is what its rtpmap says, whatever its number; and digits have the clock of the audio that they come
/// with, though browsers offer them with others too.
#[test]
fn codecs_and_digits_are_known_by_their_names_and_rates() {
    simulate(1, |u| async move {
        let server = install(&u, settings()).await;
        server.change(|settings| settings.media = MediaPath::Relay);
        let (alice, bob) = (registered(&u, &server, "alice").await, registered(&u, &server, "bob").await);
        let address = alice.host.address();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 96 97 126 110\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 PCMA/8000/1\r\n\
             a=rtpmap:126 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
        );
        let outgoing = alice.outgoing("bob").offering(offer);
        let call = alice.act(|ua, now| ua.call(now, outgoing));
        let inside = bob.rings().await;
        let offered = String::from_utf8(bob.offer_of(inside).to_vec()).unwrap();
        assert!(offered.contains(" RTP/AVP 8 126\r\n"), "{offered}");
        let answer = String::from_utf8(alice.is_answered(call).await.body().to_vec()).unwrap();
        assert!(answer.contains("a=rtpmap:97 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n"), "{answer}");
    });
}
