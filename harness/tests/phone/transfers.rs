//! Transfers between phones (RFC 3515, 3891, 5589): without a server each obeys the other's REFER.

use busyhour::phone::{LineState, Phone, TransferState};
use busyhour::{Universe, simulate};

use crate::{calls, connect, hardphone, one, seconds, straight, talking};

/// Two who talk, and a third.
async fn three(u: &Universe) -> (Phone, Phone, Phone) {
    let (alice, bob) = talking(u).await;
    let carol = hardphone(u, "carol");
    seconds(u, 1).await;
    (alice, bob, carol)
}

async fn audible(u: &Universe, a: &Phone, b: &Phone) {
    for phone in [a, b] {
        let before = phone.audio().unwrap().received;
        seconds(u, 2).await;
        assert!(phone.audio().unwrap().received > before, "{phone:?}");
    }
}

#[test]
fn a_blind_transfer_connects_the_others_and_lets_the_first_go() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.transfer(&straight(&carol)).unwrap();
        assert_eq!(alice.screen().transfer, Some(TransferState::Trying));
        assert!(alice.transfer(&straight(&carol)).is_err(), "one at a time");
        seconds(&u, 1).await;
        assert!(carol.screen().rings());
        assert_eq!(calls(&alice.screen()), one("bob", LineState::OnHold));
        carol.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Done));
        assert_eq!(calls(&alice.screen()), []);
        assert_eq!(calls(&bob.screen()), one("carol", LineState::Talking));
        assert_eq!(calls(&carol.screen()), one("bob", LineState::Talking));
        audible(&u, &bob, &carol).await;
    });
}

#[test]
fn a_blind_transfer_that_fails_gives_the_call_back() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.transfer(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        carol.reject().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Failed(486)));
        assert_eq!(alice.screen().message, "transfer failed: 486 Busy Here");
        assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
        assert_eq!(calls(&bob.screen()), one("alice", LineState::Talking));
        audible(&u, &alice, &bob).await;
    });
}

#[test]
fn a_call_that_was_on_hold_before_the_transfer_failed_stays_on_hold() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.hold().unwrap();
        seconds(&u, 1).await;
        alice.transfer(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        carol.reject().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Failed(486)));
        assert_eq!(calls(&alice.screen()), one("bob", LineState::OnHold));
        drop(bob);
    });
}

#[test]
fn a_transfer_whose_caller_hangs_up_has_failed() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.transfer(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        // He gives up calling carol, then the call that waits.
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert!(!carol.screen().rings());
        assert_eq!(alice.screen().transfer, Some(TransferState::Failed(487)));
        assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), []);
    });
}

#[test]
fn a_transfer_of_which_nothing_is_heard_fails_after_75_seconds() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.transfer(&straight(&carol)).unwrap();
        seconds(&u, 74).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Trying));
        seconds(&u, 2).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Failed(408)));
        assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
        drop((bob, carol));
    });
}

#[test]
fn an_attended_transfer_joins_the_two_who_were_talked_to() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.consult(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&bob.screen()), one("alice", LineState::HeldByPeer));
        carol.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), [("bob".into(), LineState::OnHold), ("carol".into(), LineState::Talking)]);
        audible(&u, &alice, &carol).await;
        alice.complete_transfer().unwrap();
        seconds(&u, 2).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Done));
        assert_eq!(calls(&alice.screen()), []);
        // She needn't answer again: her call was replaced.
        assert_eq!(calls(&bob.screen()), one("carol", LineState::Talking));
        assert_eq!(calls(&carol.screen()), one("bob", LineState::Talking));
        audible(&u, &bob, &carol).await;
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&carol.screen()), []);
        assert!(alice.complete_transfer().is_err() && alice.take_back().is_err());
    });
}

#[test]
fn completing_while_it_still_rings_hands_the_call_on_blindly() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.consult(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        alice.complete_transfer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&carol.screen()), one("bob", LineState::Ringing));
        carol.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Done));
        assert_eq!(calls(&alice.screen()), []);
        audible(&u, &bob, &carol).await;
    });
}

#[test]
fn taking_back_drops_the_consultation_and_resumes_the_call() {
    for answers in [true, false] {
        simulate(1, move |u| async move {
            let (alice, bob, carol) = three(&u).await;
            assert!(alice.take_back().is_err());
            alice.consult(&straight(&carol)).unwrap();
            seconds(&u, 1).await;
            if answers {
                carol.answer().unwrap();
                seconds(&u, 1).await;
            }
            alice.take_back().unwrap();
            seconds(&u, 1).await;
            assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
            assert_eq!(calls(&bob.screen()), one("alice", LineState::Talking));
            assert_eq!(calls(&carol.screen()), []);
            audible(&u, &alice, &bob).await;
        });
    }
}

#[test]
fn a_consultation_that_nobody_answers_leaves_a_call_that_can_be_taken_back() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.consult(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        carol.reject().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().transfer, Some(TransferState::Failed(486)));
        assert_eq!(calls(&alice.screen()), one("bob", LineState::OnHold));
        assert!(alice.complete_transfer().is_err());
        alice.take_back().unwrap();
        seconds(&u, 1).await;
        audible(&u, &alice, &bob).await;
    });
}

#[test]
fn a_caller_who_hangs_up_during_the_consultation_leaves_it_alone() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.consult(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        carol.answer().unwrap();
        seconds(&u, 1).await;
        bob.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), one("carol", LineState::Talking));
        assert!(alice.complete_transfer().is_err() && alice.take_back().is_err());
        audible(&u, &alice, &carol).await;
    });
}

#[test]
fn who_was_transferred_can_be_transferred_again() {
    simulate(1, |u| async move {
        let (alice, bob, carol) = three(&u).await;
        alice.transfer(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        carol.answer().unwrap();
        seconds(&u, 2).await;
        carol.transfer(&straight(&alice)).unwrap();
        seconds(&u, 1).await;
        alice.answer().unwrap();
        seconds(&u, 2).await;
        assert_eq!(carol.screen().transfer, Some(TransferState::Done));
        assert_eq!(calls(&bob.screen()), one("alice", LineState::Talking));
        connect(&u, &carol, &hardphone(&u, "dave")).await;
    });
}
