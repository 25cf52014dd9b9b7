//! What is withheld is really withheld, and what is slowed takes that long: each beside the phone as it should be.

use std::time::Duration;

use busyhour::phone::{Behaviour, LineState, Phone, PhoneSettings, Registration, TransferState};
use busyhour::sip::ua::Quirks;
use busyhour::{Universe, simulate};

use crate::exchange::{DOMAIN, Exchange};
use crate::{calls, connect, hardphone, millis, seconds, settings, straight};

/// A phone with a change of its behaviour, or without.
fn phone(u: &Universe, user: &str, changed: bool, change: fn(&mut Behaviour)) -> Phone {
    let mut settings = settings(user);
    if changed {
        change(&mut settings.behaviour);
    }
    Phone::install(&u.host(user), settings)
}

#[test]
fn never_refreshes() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let server = Exchange::new(&u);
            let alice = phone(&u, "alice", withheld, |b| b.never_refreshes = true);
            alice.register().unwrap();
            seconds(&u, 1_000).await;
            assert_eq!(server.registers("alice").len() == 1, withheld);
            let shown = if withheld { Registration::Off } else { Registration::Registered };
            assert_eq!(alice.screen().registration, shown);
        });
    }
}

#[test]
fn forgets_to_unregister() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let server = Exchange::new(&u);
            let alice = phone(&u, "alice", withheld, |b| b.forgets_to_unregister = true);
            alice.register().unwrap();
            seconds(&u, 1).await;
            alice.unregister().unwrap();
            seconds(&u, 1).await;
            assert_eq!(server.has("alice"), withheld);
            assert_eq!(alice.screen().registration, Registration::Off);
            alice.register().unwrap();
            seconds(&u, 1).await;
            assert_eq!(alice.screen().registration, Registration::Registered);
        });
    }
}

#[test]
fn never_fails_over() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let (first, second) = (Exchange::at(&u, "server1", 10), Exchange::at(&u, "server2", 20));
            first.book.borrow_mut().refuses = Some(503);
            let alice = phone(&u, "alice", withheld, |b| b.never_fails_over = true);
            alice.register().unwrap();
            seconds(&u, 100).await;
            assert_eq!(second.has("alice"), !withheld);
        });
    }
}

#[test]
fn never_rings() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let alice = hardphone(&u, "alice");
            let bob = phone(&u, "bob", withheld, |b| b.never_rings = true);
            seconds(&u, 1).await;
            alice.dial(&straight(&bob)).unwrap();
            seconds(&u, 1).await;
            assert_eq!(bob.screen().rings(), !withheld);
            let state = if withheld { LineState::Dialing } else { LineState::RingingThere };
            assert_eq!(alice.screen().lines[0].state, state);
            assert_eq!(bob.answer().is_err(), withheld);
        });
    }
}

#[test]
fn rings_and_answers_as_late_as_it_is_set_to() {
    simulate(1, |u| async move {
        let alice = hardphone(&u, "alice");
        let bob = phone(&u, "bob", true, |b| {
            b.rings_after = Duration::from_secs(3);
            b.answers_after = Duration::from_secs(4);
        });
        seconds(&u, 1).await;
        alice.dial(&straight(&bob)).unwrap();
        millis(&u, 2_990).await;
        assert!(!bob.screen().rings());
        millis(&u, 20).await;
        assert!(bob.screen().rings());
        bob.answer().unwrap();
        millis(&u, 3_990).await;
        assert!(bob.screen().rings());
        millis(&u, 20).await;
        assert_eq!(bob.screen().answered().count(), 1);
    });
}

#[test]
fn registers_as_late_as_it_is_set_to() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = phone(&u, "alice", true, |b| b.registers_after = Duration::from_secs(7));
        seconds(&u, 1).await;
        alice.register().unwrap();
        millis(&u, 6_990).await;
        assert!(!server.has("alice"));
        millis(&u, 20).await;
        assert!(server.has("alice"));
    });
}

#[test]
fn ignores_bye() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let alice = hardphone(&u, "alice");
            let bob = phone(&u, "bob", withheld, |b| b.ignores_bye = true);
            connect(&u, &alice, &bob).await;
            alice.hang_up().unwrap();
            seconds(&u, 40).await;
            assert_eq!(bob.screen().calls().count() == 1, withheld);
            assert_eq!(calls(&alice.screen()), []);
        });
    }
}

#[test]
fn keeps_sending_audio_after_bye() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let alice = hardphone(&u, "alice");
            let bob = phone(&u, "bob", withheld, |b| b.keeps_sending_audio_after_bye = true);
            connect(&u, &alice, &bob).await;
            alice.hang_up().unwrap();
            seconds(&u, 40).await;
            u.network().count_pairs(true);
            let sent = || u.network().counts_between(bob.host(), alice.host()).sent;
            let before = sent();
            seconds(&u, 2).await;
            assert_eq!(sent() > before, withheld);
        });
    }
}

#[test]
fn sends_no_audio() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let alice = hardphone(&u, "alice");
            let bob = phone(&u, "bob", withheld, |b| b.sends_no_audio = true);
            connect(&u, &alice, &bob).await;
            seconds(&u, 6).await;
            assert_eq!(alice.audio().unwrap().received == 0, withheld);
            assert_eq!(alice.screen().message == "no audio from bob", withheld);
            assert!(bob.audio().unwrap().received > 0);
        });
    }
}

#[test]
fn a_change_of_behaviour_counts_in_a_running_call() {
    simulate(1, |u| async move {
        let (alice, bob) = crate::talking(&u).await;
        bob.behave(|behaviour| behaviour.sends_no_audio = true);
        seconds(&u, 7).await;
        assert_eq!(alice.screen().message, "no audio from bob");
        bob.behave(|behaviour| behaviour.sends_no_audio = false);
        seconds(&u, 2).await;
        assert_eq!(alice.screen().message, "");
    });
}

#[test]
fn refuses_transfers() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let (alice, carol) = (hardphone(&u, "alice"), hardphone(&u, "carol"));
            let bob = phone(&u, "bob", withheld, |b| b.refuses_transfers = true);
            connect(&u, &alice, &bob).await;
            alice.transfer(&straight(&carol)).unwrap();
            seconds(&u, 2).await;
            assert_eq!(carol.screen().rings(), !withheld);
            if withheld {
                assert_eq!(alice.screen().transfer, Some(TransferState::Failed(603)));
                assert_eq!(alice.screen().lines[0].state, LineState::Talking);
            }
        });
    }
}

#[test]
fn clings_after_transfer() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let (bob, carol) = (hardphone(&u, "bob"), hardphone(&u, "carol"));
            let alice = phone(&u, "alice", withheld, |b| b.clings_after_transfer = true);
            connect(&u, &alice, &bob).await;
            alice.transfer(&straight(&carol)).unwrap();
            seconds(&u, 1).await;
            carol.answer().unwrap();
            seconds(&u, 2).await;
            assert_eq!(alice.screen().transfer, Some(TransferState::Done));
            assert_eq!(alice.screen().calls().count() == 1, withheld);
        });
    }
}

/// RFC 3891 section 3: whose call was replaced ends the old one himself, whatever the transferor does.
#[test]
fn a_replaced_call_is_ended_by_who_was_called_though_the_transferor_clings_to_it() {
    simulate(1, |u| async move {
        let (bob, carol) = (hardphone(&u, "bob"), hardphone(&u, "carol"));
        let alice = phone(&u, "alice", true, |b| b.clings_after_transfer = true);
        connect(&u, &alice, &bob).await;
        alice.consult(&straight(&carol)).unwrap();
        seconds(&u, 1).await;
        carol.answer().unwrap();
        seconds(&u, 1).await;
        alice.complete_transfer().unwrap();
        seconds(&u, 2).await;
        assert_eq!(calls(&carol.screen()), [("bob".to_owned(), LineState::Talking)]);
        assert_eq!(calls(&alice.screen()), [("bob".to_owned(), LineState::OnHold)]);
    });
}

#[test]
fn never_notices_moves() {
    for withheld in [false, true] {
        simulate(1, move |u| async move {
            let server = Exchange::new(&u);
            let mut settings = PhoneSettings::softphone("alice", "secret", DOMAIN);
            settings.behaviour.never_notices_moves = withheld;
            let alice = Phone::install(&u.host("alice"), settings);
            alice.register().unwrap();
            seconds(&u, 5).await;
            alice.host().pause();
            seconds(&u, 20).await;
            alice.host().resume();
            seconds(&u, 2).await;
            assert_eq!(server.registers("alice").len() == 1, withheld);
            u.network().move_host(alice.host(), "4G").unwrap();
            seconds(&u, 5).await;
            assert_eq!(server.registers("alice").len() == 1, withheld);
        });
    }
}

/// A quirk of the SIP stack gets through to it.
#[test]
fn never_hangs_up() {
    simulate(1, |u| async move {
        let quirks = Quirks { never_hangs_up: true, ..Quirks::default() };
        let alice = Phone::install(&u.host("alice"), PhoneSettings { quirks, ..settings("alice") });
        let bob = hardphone(&u, "bob");
        connect(&u, &alice, &bob).await;
        alice.hang_up().unwrap();
        seconds(&u, 10).await;
        assert_eq!(calls(&alice.screen()), []);
        assert_eq!(bob.screen().calls().count(), 1);
    });
}
