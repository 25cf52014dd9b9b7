//! Hold (RFC 3264 section 8.4), from both sides and in every order.

use busyhour::phone::{LineState, Phone};
use busyhour::{Universe, simulate};

use crate::{calls, one, seconds, talking};

/// How many packets a phone gets in two seconds.
async fn hears(u: &Universe, phone: &Phone) -> bool {
    seconds(u, 1).await;
    let before = phone.audio().unwrap().received;
    seconds(u, 2).await;
    phone.audio().unwrap().received > before
}

fn state(phone: &Phone) -> LineState {
    phone.screen().lines[0].state.clone()
}

#[test]
fn who_holds_hears_nothing_and_is_shown_as_holding_until_it_resumes() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        alice.hold().unwrap();
        assert!(!hears(&u, &alice).await);
        assert_eq!(calls(&alice.screen()), one("bob", LineState::OnHold));
        assert_eq!(calls(&bob.screen()), one("alice", LineState::HeldByPeer));
        alice.resume().unwrap();
        assert!(hears(&u, &alice).await && hears(&u, &bob).await);
        assert_eq!((state(&alice), state(&bob)), (LineState::Talking, LineState::Talking));
    });
}

#[test]
fn who_is_held_can_hold_too_and_the_call_is_back_when_both_have_resumed() {
    for alice_is_first in [true, false] {
        simulate(1, move |u| async move {
            let (alice, bob) = talking(&u).await;
            alice.hold().unwrap();
            seconds(&u, 1).await;
            bob.hold().unwrap();
            seconds(&u, 1).await;
            assert_eq!((state(&alice), state(&bob)), (LineState::OnHold, LineState::OnHold));
            assert!(!hears(&u, &alice).await && !hears(&u, &bob).await);
            let (first, second) = if alice_is_first { (&alice, &bob) } else { (&bob, &alice) };
            first.resume().unwrap();
            seconds(&u, 1).await;
            assert_eq!((state(first), state(second)), (LineState::HeldByPeer, LineState::OnHold));
            second.resume().unwrap();
            seconds(&u, 1).await;
            assert_eq!((state(first), state(second)), (LineState::Talking, LineState::Talking));
            assert!(hears(&u, &alice).await && hears(&u, &bob).await);
        });
    }
}

/// Both offer at once: 491, and each tries again after a wait of its own (RFC 3261 14.1).
#[test]
fn both_hold_at_once_and_both_get_it() {
    for seed in 0..5 {
        simulate(seed, |u| async move {
            let (alice, bob) = talking(&u).await;
            alice.hold().unwrap();
            bob.hold().unwrap();
            seconds(&u, 10).await;
            assert_eq!((state(&alice), state(&bob)), (LineState::OnHold, LineState::OnHold));
            alice.resume().unwrap();
            bob.resume().unwrap();
            seconds(&u, 10).await;
            assert_eq!((state(&alice), state(&bob)), (LineState::Talking, LineState::Talking));
            assert!(hears(&u, &alice).await && hears(&u, &bob).await);
        });
    }
}

#[test]
fn hold_and_resume_in_one_breath_is_no_hold() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        alice.hold().unwrap();
        alice.resume().unwrap();
        alice.hold().unwrap();
        alice.resume().unwrap();
        seconds(&u, 5).await;
        assert_eq!((state(&alice), state(&bob)), (LineState::Talking, LineState::Talking));
        assert!(hears(&u, &alice).await && hears(&u, &bob).await);
    });
}

#[test]
fn a_held_call_can_be_hung_up_by_either() {
    for alice_hangs_up in [true, false] {
        simulate(1, move |u| async move {
            let (alice, bob) = talking(&u).await;
            alice.hold().unwrap();
            seconds(&u, 1).await;
            if alice_hangs_up { &alice } else { &bob }.hang_up().unwrap();
            seconds(&u, 1).await;
            assert_eq!(alice.screen().calls().count() + bob.screen().calls().count(), 0);
        });
    }
}

#[test]
fn hold_whose_request_is_lost_is_repeated() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        let cut = u.network().between(alice.host(), bob.host()).cut();
        alice.hold().unwrap();
        seconds(&u, 1).await;
        assert_eq!(state(&bob), LineState::Talking);
        u.network().lift(cut);
        seconds(&u, 3).await;
        assert_eq!((state(&alice), state(&bob)), (LineState::OnHold, LineState::HeldByPeer));
    });
}
