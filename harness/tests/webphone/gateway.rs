//! Webphones through the server: its gateway has WebRTC on one side and whatever the other speaks on the other.

use std::time::Duration;

use busyhour::Universe;
use busyhour::media::cadence;
use busyhour::media::tone::{Voice, present};
use busyhour::pbx::Server;
use busyhour::phone::{LineState, Phone, PhoneSettings};
use busyhour::simulate;

use crate::{DOMAIN, calls, is_registered, millis, one, seconds, server, webphone, within};

/// A webphone and a hardphone that talk by the server.
pub(crate) async fn talking(u: &Universe) -> (Server, Phone, Phone) {
    let server = server(u);
    let alice = webphone(u, "alice", server.host());
    let mut desk = PhoneSettings::hardphone("bob", "secret", DOMAIN);
    desk.proxy = Some(std::net::SocketAddrV4::new(server.host().address(), 5060));
    let bob = Phone::install(&u.host("bob"), desk);
    seconds(u, 1).await;
    bob.register().unwrap();
    seconds(u, 1).await;
    alice.dial("bob").unwrap();
    seconds(u, 1).await;
    assert!(bob.screen().rings(), "{alice:?} {bob:?}");
    bob.answer().unwrap();
    seconds(u, 3).await;
    assert_eq!((calls(&alice), calls(&bob)), (one("bob", LineState::Talking), one("alice", LineState::Talking)));
    (server, alice, bob)
}

async fn heard(u: &Universe, at: &Phone, voices: &[Voice]) -> Vec<Voice> {
    cadence::attend(u.now() + Duration::from_secs(1));
    millis(u, 200).await;
    let from = u.now();
    millis(u, 500).await;
    present(&at.host().room().heard(from, u.now()).unwrap_or_default(), voices)
}

async fn both_speak(u: &Universe, one: &Phone, other: &Phone) -> [Voice; 2] {
    let voices = [Voice::number(0), Voice::number(1)];
    one.host().room().say(voices[0].sound());
    other.host().room().say(voices[1].sound());
    millis(u, 500).await;
    voices
}

#[test]
fn a_webphone_and_a_hardphone_hear_each_other() {
    simulate(1, |u| async move {
        let (_server, alice, bob) = talking(&u).await;
        let voices = both_speak(&u, &alice, &bob).await;
        assert_eq!(heard(&u, &bob, &voices).await, [voices[0]]);
        assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
        alice.press("7").unwrap();
        seconds(&u, 1).await;
        assert_eq!(bob.digits_received(), "7");
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!((calls(&alice), calls(&bob)), (vec![], vec![]));
    });
}

#[test]
fn a_hardphone_calls_a_webphone_and_is_put_on_hold_by_it() {
    simulate(1, |u| async move {
        let (server, alice, bob) = talking(&u).await;
        alice.hang_up().unwrap();
        seconds(&u, 1).await;
        bob.dial("alice").unwrap();
        seconds(&u, 1).await;
        alice.answer().unwrap();
        seconds(&u, 3).await;
        let voices = both_speak(&u, &alice, &bob).await;
        assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
        alice.hold().unwrap();
        seconds(&u, 2).await;
        assert_eq!(calls(&alice), one("bob", LineState::OnHold));
        assert!(!heard(&u, &bob, &voices).await.contains(&voices[0]));
        alice.resume().unwrap();
        seconds(&u, 2).await;
        assert_eq!(heard(&u, &bob, &voices).await, [voices[0]], "{:?}", server.calls());
    });
}

/// The network of the webphone is another one: a new connection, the same device, new candidates.
#[test]
fn a_call_by_the_server_goes_on_in_another_network() {
    simulate(1, |u| async move {
        let (server, alice, bob) = talking(&u).await;
        let voices = both_speak(&u, &alice, &bob).await;
        u.network().move_host(alice.host(), "office-lan").unwrap();
        seconds(&u, 4).await;
        assert!(is_registered(&alice));
        assert_eq!(server.contacts("alice").len(), 1);
        assert_eq!(heard(&u, &bob, &voices).await, [voices[0]], "{alice:?} {bob:?}");
        assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
        bob.hang_up().unwrap();
        assert!(within(&u, Duration::from_secs(2), || calls(&alice).is_empty()).await.is_some(), "{alice:?}");
    });
}

/// A webphone that calls a hardphone, which rings.
async fn ringing(u: &Universe) -> (Server, Phone, Phone) {
    let (server, alice, bob) = talking(u).await;
    bob.hang_up().unwrap();
    seconds(u, 1).await;
    alice.dial("bob").unwrap();
    seconds(u, 1).await;
    assert!(bob.screen().rings(), "{alice:?} {bob:?}");
    (server, alice, bob)
}

/// The next page registers as the same device at once, and the call that it never made is over (RFC 3261 10.2.4).
#[test]
fn nobody_rings_for_a_page_that_was_loaded_again() {
    simulate(1, |u| async move {
        let (_server, alice, bob) = ringing(&u).await;
        alice.tab().unwrap().reload().unwrap();
        assert!(within(&u, Duration::from_secs(6), || calls(&bob).is_empty()).await.is_some(), "{bob:?}");
        assert!(is_registered(&alice));
    });
}

/// JsSIP#771: the offers cross, and each is refused with 491. A page whose own offer is open can take no other, so that one
/// has to be rolled back (RFC 3261 14.1, RFC 9429 4.1.10.2).
#[test]
fn both_hold_at_the_same_moment_and_both_resume() {
    for seed in 0..10 {
        simulate(seed, move |u| async move {
            let (_server, alice, bob) = talking(&u).await;
            let voices = both_speak(&u, &alice, &bob).await;
            alice.hold().unwrap();
            bob.hold().unwrap();
            seconds(&u, 6).await;
            let held = (one("bob", LineState::OnHold), one("alice", LineState::OnHold));
            assert_eq!((calls(&alice), calls(&bob)), held, "seed {seed}");
            assert!(heard(&u, &bob, &voices).await.is_empty() && heard(&u, &alice, &voices).await.is_empty());
            alice.resume().unwrap();
            bob.resume().unwrap();
            seconds(&u, 6).await;
            let up = (one("bob", LineState::Talking), one("alice", LineState::Talking));
            assert_eq!((calls(&alice), calls(&bob)), up, "seed {seed}");
            assert_eq!(heard(&u, &bob, &voices).await, [voices[0]], "seed {seed}");
            assert_eq!(heard(&u, &alice, &voices).await, [voices[1]], "seed {seed}");
        });
    }
}

/// Who changes her mind before the other side has answered gets what she wanted last.
#[test]
fn hold_that_is_taken_back_at_once_leaves_both_talking() {
    simulate(1, |u| async move {
        let (_server, alice, bob) = talking(&u).await;
        let voices = both_speak(&u, &alice, &bob).await;
        alice.hold().unwrap();
        alice.resume().unwrap();
        seconds(&u, 2).await;
        assert_eq!((calls(&alice), calls(&bob)), (one("bob", LineState::Talking), one("alice", LineState::Talking)));
        assert_eq!(heard(&u, &bob, &voices).await, [voices[0]]);
        bob.hold().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice), one("bob", LineState::HeldByPeer));
        bob.resume().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice), one("bob", LineState::Talking));
        assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
    });
}

#[test]
fn whatever_the_seed_they_hear_each_other() {
    for seed in 0..20 {
        simulate(seed, |u| async move {
            let (_server, alice, bob) = talking(&u).await;
            let voices = both_speak(&u, &alice, &bob).await;
            assert_eq!(heard(&u, &bob, &voices).await, [voices[0]]);
            assert_eq!(heard(&u, &alice, &voices).await, [voices[1]]);
            alice.tab().unwrap().reload().unwrap();
            seconds(&u, 2).await;
            assert!(is_registered(&alice));
            assert_eq!((calls(&alice), calls(&bob)), (vec![], vec![]), "the media's farewell ends it for both");
        });
    }
}
