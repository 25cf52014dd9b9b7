//! Power: what a cut takes away, and what is there again by itself.

use std::time::Duration;

use busyhour::phone::{LineState, Phone, PhoneSettings, Registration};
use busyhour::simulate;

use crate::exchange::Exchange;
use crate::{calls, hardphone, millis, one, seconds, settings, states, talking};

#[test]
fn a_phone_boots_by_itself_and_registers_if_its_account_was_on() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
        alice.register().unwrap();
        seconds(&u, 1).await;
        for phone in [&alice, &bob] {
            phone.host().crash();
        }
        assert!(!alice.screen().power);
        seconds(&u, 10).await;
        for phone in [&alice, &bob] {
            phone.host().restart();
        }
        assert_eq!(alice.screen().message, "starting");
        millis(&u, 1_999).await;
        assert_eq!(server.registers("alice").len(), 1);
        millis(&u, 20).await;
        assert_eq!(server.registers("alice").len(), 2);
        assert_eq!(alice.screen().registration, Registration::Registered);
        assert_eq!(bob.screen().registration, Registration::Off);
        assert_eq!(server.registers("bob"), []);
    });
}

#[test]
fn an_account_that_was_switched_off_stays_off() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 1).await;
        alice.unregister().unwrap();
        alice.host().crash();
        alice.host().restart();
        seconds(&u, 10).await;
        assert_eq!(alice.screen().registration, Registration::Off);
        assert_eq!(server.registers("alice").len(), 1, "the cut was quicker than what it had to say");
    });
}

#[test]
fn a_password_that_was_typed_in_survives_too() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        server.book.borrow_mut().challenges = true;
        let wrong = PhoneSettings { password: "old".into(), ..settings("alice") };
        let alice = Phone::install(&u.host("alice"), wrong);
        alice.register_with("secret").unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().registration, Registration::Registered);
        alice.host().crash();
        alice.host().restart();
        seconds(&u, 5).await;
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn a_button_pressed_while_it_starts_is_not_forgotten_if_it_is_the_accounts() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        seconds(&u, 1).await;
        alice.host().crash();
        alice.host().restart();
        millis(&u, 500).await;
        alice.register().unwrap();
        assert_eq!(alice.dial("bob").unwrap_err().seen, "not registered, no call, \"starting\"");
        seconds(&u, 3).await;
        assert!(server.has("alice"));
    });
}

#[test]
fn a_power_cut_in_a_call_leaves_the_other_without_audio_and_the_phone_without_a_call() {
    simulate(1, |u| async move {
        let (alice, bob) = talking(&u).await;
        bob.host().crash();
        bob.host().restart();
        seconds(&u, 10).await;
        assert_eq!(states(&bob), []);
        assert_eq!(alice.screen().message, "no audio from bob");
        // Its BYE meets a phone that knows nothing of it.
        alice.hang_up().unwrap();
        seconds(&u, 1).await;
        assert_eq!(calls(&alice.screen()), []);
    });
}

#[test]
fn a_cut_at_any_moment_of_a_call_leaves_a_phone_that_works() {
    for after in [0, 1, 2, 5, 50, 1_000] {
        simulate(1, move |u| async move {
            let (alice, bob) = (hardphone(&u, "alice"), hardphone(&u, "bob"));
            seconds(&u, 1).await;
            alice.dial(&crate::straight(&bob)).unwrap();
            millis(&u, after).await;
            bob.host().crash();
            alice.host().crash();
            alice.host().restart();
            bob.host().restart();
            // One more, in the middle of booting.
            millis(&u, 700).await;
            bob.host().crash();
            bob.host().restart();
            seconds(&u, 4).await;
            crate::connect(&u, &alice, &bob).await;
            assert_eq!(calls(&bob.screen()), one("alice", LineState::Talking));
        });
    }
}

#[test]
fn the_boot_takes_as_long_as_it_is_set_to() {
    simulate(1, |u| async move {
        let alice = hardphone(&u, "alice");
        alice.behave(|behaviour| behaviour.boot_time = Duration::from_secs(40));
        seconds(&u, 1).await;
        alice.host().crash();
        alice.host().restart();
        millis(&u, 39_990).await;
        assert_eq!(alice.screen().message, "starting");
        millis(&u, 20).await;
        assert_eq!(alice.screen().message, "");
    });
}
