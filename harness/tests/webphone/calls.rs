//! Calls between two webphones: their SIP by a relay, their audio from browser to browser.

use std::time::Duration;

use busyhour::Universe;
use busyhour::media::cadence;
use busyhour::media::tone::{Voice, present};
use busyhour::phone::{AutoAnswer, LineState, Phone, PhoneSettings, TransferState};
use busyhour::simulate;
use busyhour::sip::ua::Ending;

use crate::relay::Relay;
use crate::{calls, millis, one, seconds, webphone, within};

/// Two webphones that talk to each other.
async fn talking(u: &Universe) -> (Relay, Phone, Phone) {
    let relay = Relay::new(u);
    let (alice, bob) = (webphone(u, "alice", &relay.host), webphone(u, "bob", &relay.host));
    seconds(u, 1).await;
    alice.dial("bob").unwrap();
    seconds(u, 1).await;
    assert_eq!(calls(&bob), one("alice", LineState::Ringing), "{alice:?}");
    assert_eq!(calls(&alice), one("bob", LineState::RingingThere));
    bob.answer().unwrap();
    seconds(u, 3).await;
    assert_eq!(calls(&alice), one("bob", LineState::Talking), "{bob:?}");
    assert_eq!(calls(&bob), one("alice", LineState::Talking));
    (relay, alice, bob)
}

/// Who is heard at a phone in the next half second.
async fn heard(u: &Universe, at: &Phone, voices: &[Voice]) -> Vec<Voice> {
    cadence::attend(u.now() + Duration::from_secs(1));
    millis(u, 200).await;
    let from = u.now();
    millis(u, 500).await;
    present(&at.host().room().heard(from, u.now()).unwrap_or_default(), voices)
}

#[test]
fn two_in_their_browsers_hear_each_other() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        let voices = [Voice::number(0), Voice::number(1)];
        alice.host().room().say(voices[0].sound());
        bob.host().room().say(voices[1].sound());
        millis(&u, 300).await;
        assert_eq!(heard(&u, &bob, &voices).await, [voices[0]]);
        assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
        // What was offered and answered: WebRTC, with all candidates, G.711 and digits.
        for description in relay.descriptions() {
            assert!(description.contains("UDP/TLS/RTP/SAVPF"), "{description}");
            assert!(description.contains("a=candidate:"), "{description}");
            assert!(description.contains("telephone-event/8000"), "{description}");
            assert!(description.contains("PCMU/8000"), "{description}");
        }
    });
}

#[test]
fn who_hangs_up_ends_it_for_both() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!((calls(&alice), calls(&bob)), (vec![], vec![]));
        assert_eq!(alice.screen().lines[0].state, LineState::Ended { reason: Ending::PeerHungUp });
        assert_eq!(relay.requests("BYE").len(), 1);
    });
}

#[test]
fn hold_silences_both_and_resume_brings_them_back() {
    simulate(1, |u| async move {
        let (_relay, alice, bob) = talking(&u).await;
        let voices = [Voice::number(0), Voice::number(1)];
        alice.host().room().say(voices[0].sound());
        bob.host().room().say(voices[1].sound());
        alice.hold().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice), one("bob", LineState::OnHold));
        assert_eq!(calls(&bob), one("alice", LineState::HeldByPeer));
        assert_eq!(heard(&u, &bob, &voices).await, []);
        assert_eq!(heard(&u, &alice, &voices).await, []);
        alice.resume().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice), one("bob", LineState::Talking));
        assert_eq!(heard(&u, &bob, &voices).await, [voices[0]]);
        assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
    });
}

/// RFC 4733.
#[test]
fn digits_arrive() {
    simulate(1, |u| async move {
        let (_relay, alice, bob) = talking(&u).await;
        alice.press("12#").unwrap();
        seconds(&u, 2).await;
        assert_eq!(bob.digits_received(), "12#");
    });
}

#[test]
fn a_second_caller_is_heard_to_ring_and_can_be_answered() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        let carol = webphone(&u, "carol", &relay.host);
        seconds(&u, 1).await;
        carol.dial("alice").unwrap();
        seconds(&u, 1).await;
        assert!(alice.screen().rings());
        alice.answer().unwrap();
        seconds(&u, 2).await;
        let states = [("bob".to_owned(), LineState::OnHold), ("carol".to_owned(), LineState::Talking)];
        assert_eq!(calls(&alice), states);
        assert_eq!(calls(&bob), one("alice", LineState::HeldByPeer));
    });
}

#[test]
fn who_is_handed_on_talks_to_the_other() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        let carol = webphone(&u, "carol", &relay.host);
        carol.provision(|settings| settings.auto_answer = AutoAnswer::Always);
        seconds(&u, 1).await;
        alice.transfer("carol").unwrap();
        seconds(&u, 4).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Done), "{alice:?} {bob:?} {carol:?}");
        assert_eq!(calls(&alice), []);
        assert_eq!(calls(&bob), one("carol", LineState::Talking));
        assert_eq!(calls(&carol), one("bob", LineState::Talking));
    });
}

#[test]
fn who_was_asked_first_takes_the_call_over() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        let carol = webphone(&u, "carol", &relay.host);
        carol.provision(|settings| settings.auto_answer = AutoAnswer::Always);
        seconds(&u, 1).await;
        alice.consult("carol").unwrap();
        seconds(&u, 3).await;
        alice.complete_transfer().unwrap();
        seconds(&u, 4).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Done), "{alice:?} {bob:?} {carol:?}");
        assert_eq!(calls(&bob), one("carol", LineState::Talking));
        assert_eq!(calls(&carol), one("bob", LineState::Talking));
    });
}

/// A browser has no plain RTP.
#[test]
fn an_offer_of_plain_rtp_is_refused() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let alice = webphone(&u, "alice", &relay.host);
        let mut plain = PhoneSettings::hardphone("bob", "secret", crate::DOMAIN);
        plain.transport = busyhour::sip::Transport::Ws;
        plain.proxy = Some(std::net::SocketAddrV4::new(relay.host.address(), 8080));
        let bob = Phone::install(&u.host("bob"), plain);
        seconds(&u, 1).await;
        bob.register().unwrap();
        seconds(&u, 1).await;
        bob.dial("alice").unwrap();
        seconds(&u, 1).await;
        alice.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(relay.answers(), [488]);
        assert_eq!(calls(&alice), []);
        // And the other way.
        alice.dial("bob").unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(relay.answers(), [488, 488]);
        assert_eq!((calls(&alice), calls(&bob)), (vec![], vec![]));
    });
}

/// Bugs of dialogs that are tied to a dead connection (freeswitch#1558, ringcentral-softphone-ts#65, SIP.js#1024).
#[test]
fn a_call_outlives_its_connection_to_the_server() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        let before = relay.requests("INVITE").len();
        relay.host.crash();
        millis(&u, 100).await;
        relay.host.restart();
        // Both come back, and each tells the other where it is.
        let renewed = || relay.requests("INVITE").len() >= before + 2;
        assert!(within(&u, Duration::from_secs(240), renewed).await.is_some(), "{alice:?} {bob:?}");
        seconds(&u, 5).await;
        assert_eq!(calls(&alice), one("bob", LineState::Talking));
        assert_eq!(calls(&bob), one("alice", LineState::Talking));
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice), [], "the BYE finds its way");
    });
}

/// Another network, another address: ICE begins anew (RFC 8445 9), and the call is heard again.
#[test]
fn a_call_goes_on_in_another_network() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        let before = relay.descriptions().len();
        u.network().move_host(alice.host(), "office-lan").unwrap();
        let voices = [Voice::number(0), Voice::number(1)];
        alice.host().room().say(voices[0].sound());
        bob.host().room().say(voices[1].sound());
        seconds(&u, 1).await;
        assert_eq!(relay.descriptions().len(), before + 2, "one offer, and its answer");
        seconds(&u, 1).await;
        assert_eq!(heard(&u, &bob, &voices).await, [voices[0]], "{alice:?} {bob:?}");
        assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
        assert_eq!(calls(&alice), one("bob", LineState::Talking));
    });
}

/// SIP.js#436: who finds no way any more doesn't sit in a dead call.
#[test]
fn a_call_whose_audio_finds_no_way_is_hung_up() {
    simulate(1, |u| async move {
        let (_relay, alice, bob) = talking(&u).await;
        u.network().between(alice.host(), bob.host()).cut();
        let over = within(&u, Duration::from_secs(60), || calls(&alice).is_empty() && calls(&bob).is_empty()).await;
        assert!(over.is_some_and(|after| after > Duration::from_secs(6)), "{over:?} {alice:?}");
        assert!([alice.screen().message, bob.screen().message].contains(&"the audio's connection is lost".to_owned()));
    });
}

/// While there's no connection nothing can be offered: what was pressed then is offered when there is one.
#[test]
fn hold_that_was_pressed_without_a_connection_is_asked_for_with_the_next() {
    simulate(1, |u| async move {
        let (relay, alice, bob) = talking(&u).await;
        let cut = u.network().between(alice.host(), &relay.host).cut();
        // Both sides of it are gone for good when the computer moves.
        u.network().move_host(alice.host(), "office-lan").unwrap();
        seconds(&u, 1).await;
        alice.hold().unwrap();
        assert_eq!(calls(&alice), one("bob", LineState::OnHold));
        u.network().lift(cut);
        assert!(
            within(&u, Duration::from_secs(60), || calls(&bob) == one("alice", LineState::HeldByPeer)).await.is_some()
        );
        assert_eq!(calls(&alice), one("bob", LineState::OnHold));
    });
}

#[test]
fn the_same_seed_is_the_same_call_to_the_last_claim() {
    let run = |seed| {
        simulate(seed, |u| async move {
            let (_relay, alice, _bob) = talking(&u).await;
            alice.hang_up().unwrap();
            seconds(&u, 1).await;
            u.log_text()
        })
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
