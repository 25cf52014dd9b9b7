//! A computer that sleeps, wakes, and changes networks.

use busyhour::phone::{LineState, Phone, PhoneSettings, Registration};
use busyhour::sip::Transport;
use busyhour::{Universe, simulate};

use crate::exchange::{DOMAIN, Exchange, is_at};
use crate::{calls, connect, hardphone, one, seconds};

fn softphone(u: &Universe, user: &str) -> Phone {
    Phone::install(&u.host(user), PhoneSettings::softphone(user, "secret", DOMAIN))
}

#[test]
fn it_registers_at_once_when_its_computer_wakes() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = softphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 10).await;
        alice.host().pause();
        assert!(!alice.screen().power);
        seconds(&u, 60).await;
        assert_eq!(server.registers("alice").len(), 1);
        alice.host().resume();
        seconds(&u, 1).await;
        assert_eq!(server.registers("alice").len(), 2);
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn it_is_back_after_a_night() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = softphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 10).await;
        alice.host().pause();
        seconds(&u, 8 * 3_600).await;
        alice.host().resume();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().registration, Registration::Registered);
        let bob = hardphone(&u, "bob");
        seconds(&u, 1).await;
        bob.dial("alice").unwrap();
        seconds(&u, 1).await;
        assert!(alice.screen().rings());
        assert!(server.has("alice"));
    });
}

#[test]
fn its_connection_is_made_anew_after_sleep_and_on_another_network() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let tcp = PhoneSettings { transport: Transport::Tcp, ..PhoneSettings::softphone("alice", "secret", DOMAIN) };
        let alice = Phone::install(&u.host("alice"), tcp.clone());
        let bob = Phone::install(&u.host("bob"), PhoneSettings { user: "bob".into(), ..tcp });
        alice.register().unwrap();
        bob.register().unwrap();
        seconds(&u, 10).await;
        alice.host().pause();
        seconds(&u, 1_200).await;
        alice.host().resume();
        seconds(&u, 2).await;
        assert_eq!(alice.screen().registration, Registration::Registered);
        bob.dial("alice").unwrap();
        seconds(&u, 1).await;
        alice.answer().unwrap();
        seconds(&u, 2).await;
        u.network().move_host(alice.host(), "4G").unwrap();
        seconds(&u, 5).await;
        assert_eq!(alice.screen().registration, Registration::Registered);
        assert!(is_at(&server.registers("alice").last().unwrap().contact, alice.host().address()));
        assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
        for phone in [&alice, &bob] {
            let before = phone.audio().unwrap().received;
            seconds(&u, 2).await;
            assert!(phone.audio().unwrap().received > before, "{phone:?}");
        }
        alice.hang_up().unwrap();
        seconds(&u, 2).await;
        assert_eq!(calls(&bob.screen()), []);
    });
}

#[test]
fn it_may_wake_on_another_network() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let (alice, bob) = (softphone(&u, "alice"), hardphone(&u, "bob"));
        alice.register().unwrap();
        connect(&u, &alice, &bob).await;
        alice.host().pause();
        seconds(&u, 20).await;
        u.network().move_host(alice.host(), "4G").unwrap();
        alice.host().resume();
        seconds(&u, 3).await;
        assert!(is_at(&server.registers("alice").last().unwrap().contact, alice.host().address()));
        assert_eq!((alice.screen().message, bob.screen().message), (String::new(), String::new()));
        assert_eq!(calls(&bob.screen()), one("alice", LineState::Talking));
    });
}

/// A lid that's closed for a moment is nothing to speak of.
#[test]
fn a_nap_of_a_second_is_not_noticed() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = softphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 10).await;
        alice.host().pause();
        u.sleep(std::time::Duration::from_millis(900)).await;
        alice.host().resume();
        seconds(&u, 10).await;
        assert_eq!(server.registers("alice").len(), 1);
    });
}

#[test]
fn on_another_network_it_registers_from_there_and_takes_the_old_binding_back() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = softphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 10).await;
        let old = alice.host().address();
        u.network().move_host(alice.host(), "4G").unwrap();
        seconds(&u, 5).await;
        let seen: Vec<(bool, bool)> =
            server.registers("alice").iter().map(|one| (is_at(&one.contact, old), one.expires > 0)).collect();
        assert_eq!(seen[0], (true, true));
        assert!(seen.contains(&(true, false)), "the old one goes: {seen:?}");
        assert!(seen.contains(&(false, true)), "the new one comes: {seen:?}");
        assert!(server.has("alice"));
        assert_eq!(alice.screen().registration, Registration::Registered);
        let bob = hardphone(&u, "bob");
        seconds(&u, 1).await;
        bob.dial("alice").unwrap();
        seconds(&u, 2).await;
        assert!(alice.screen().rings());
    });
}

#[test]
fn a_call_goes_on_at_the_new_address() {
    simulate(1, |u| async move {
        let (alice, bob) = (softphone(&u, "alice"), hardphone(&u, "bob"));
        connect(&u, &alice, &bob).await;
        u.network().move_host(alice.host(), "4G").unwrap();
        seconds(&u, 5).await;
        for phone in [&alice, &bob] {
            let before = phone.audio().unwrap().received;
            seconds(&u, 2).await;
            assert!(phone.audio().unwrap().received > before, "{phone:?}");
        }
        // Requests of the other side find it too.
        bob.hang_up().unwrap();
        seconds(&u, 2).await;
        assert_eq!(calls(&alice.screen()), []);
    });
}

#[test]
fn a_call_that_ended_while_it_slept_is_over_when_it_wakes() {
    simulate(1, |u| async move {
        let (alice, bob) = (softphone(&u, "alice"), hardphone(&u, "bob"));
        connect(&u, &alice, &bob).await;
        alice.host().pause();
        seconds(&u, 10).await;
        bob.hang_up().unwrap();
        seconds(&u, 50).await;
        alice.host().resume();
        seconds(&u, 2).await;
        assert_eq!(calls(&alice.screen()), []);
    });
}

#[test]
fn a_call_that_waited_for_it_goes_on() {
    simulate(1, |u| async move {
        let (alice, bob) = (softphone(&u, "alice"), hardphone(&u, "bob"));
        connect(&u, &alice, &bob).await;
        alice.host().pause();
        seconds(&u, 20).await;
        assert_eq!(bob.screen().message, "no audio from alice");
        alice.host().resume();
        seconds(&u, 3).await;
        assert_eq!(calls(&alice.screen()), one("bob", LineState::Talking));
        assert_eq!(bob.screen().message, "");
    });
}
