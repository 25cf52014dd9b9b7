//! The account: RFC 3261 section 10 and RFC 5626 as a phone keeps them.

use std::time::Duration;

use busyhour::net::nat::NatKind;
use busyhour::phone::{Phone, PhoneSettings, Registration};
use busyhour::simulate;
use busyhour::sip::Transport;
use busyhour::trace::SimTime;

use crate::exchange::{Exchange, is_at};
use crate::{hardphone, millis, seconds, settings};

#[test]
fn nothing_is_registered_until_somebody_asks_for_it() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        seconds(&u, 600).await;
        assert_eq!(server.registers("alice"), []);
        alice.register().unwrap();
        seconds(&u, 1).await;
        assert!(server.has("alice"));
        assert_eq!(alice.screen().registration, Registration::Registered);
        alice.unregister().unwrap();
        assert_eq!(alice.screen().registration, Registration::Trying);
        seconds(&u, 1).await;
        assert!(!server.has("alice"));
        assert_eq!(alice.screen().registration, Registration::Off);
        seconds(&u, 600).await;
        assert_eq!(server.registers("alice").len(), 2);
    });
}

#[test]
fn a_challenge_is_answered_and_a_wrong_password_is_seen_on_the_screen() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        server.book.borrow_mut().challenges = true;
        let alice = hardphone(&u, "alice");
        seconds(&u, 1).await;
        alice.register_with("wrong").unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().registration, Registration::Refused(403));
        assert_eq!(alice.screen().message, "registration refused: 403 Forbidden");
        // It isn't tried again by itself: that locks accounts.
        seconds(&u, 3_600).await;
        assert_eq!(server.registers("alice").len(), 1);
        alice.register().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn a_registration_is_refreshed_a_fifth_before_its_end() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 1).await;
        let first = server.registers("alice")[0].at;
        let due = first + Duration::from_secs(240);
        u.sleep(due - u.now() - Duration::from_millis(5)).await;
        assert_eq!(server.registers("alice").len(), 1);
        millis(&u, 20).await;
        assert_eq!(server.registers("alice").len(), 2);
        seconds(&u, 3_000).await;
        let all: Vec<SimTime> = server.registers("alice").iter().map(|one| one.at).collect();
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] < Duration::from_secs(300)), "{all:?}");
    });
}

#[test]
fn a_phone_whose_server_is_silent_says_so_and_comes_back_by_itself() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        let cut = u.network().between(alice.host(), &server.host).cut();
        alice.register().unwrap();
        seconds(&u, 5).await;
        assert_eq!(alice.screen().registration, Registration::Trying);
        seconds(&u, 35).await;
        assert_eq!(alice.screen().registration, Registration::Unreachable);
        u.network().lift(cut);
        seconds(&u, 60).await;
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn a_domain_that_nobody_knows_is_unreachable() {
    simulate(1, |u| async move {
        let alice = hardphone(&u, "alice");
        seconds(&u, 1).await;
        alice.register().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().registration, Registration::Unreachable);
        // And found when DNS knows it.
        let server = Exchange::new(&u);
        seconds(&u, 15).await;
        assert!(server.has("alice"));
    });
}

/// RFC 3263 and 2782: the servers in the order of their priorities.
#[test]
fn when_the_first_server_is_dead_the_second_has_the_phone() {
    simulate(1, |u| async move {
        let (second, first) = (Exchange::at(&u, "server2", 20), Exchange::at(&u, "server1", 10));
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 1).await;
        assert!(first.has("alice") && !second.has("alice"));
        first.host.crash();
        // The refresh at 240 s, and its patience of 32 s.
        seconds(&u, 240 + 31).await;
        assert!(!second.has("alice"));
        seconds(&u, 3).await;
        assert!(second.has("alice"));
        assert_eq!(alice.screen().registration, Registration::Registered);
        // It stays there as long as the first is away, and goes back with a refresh when that is there again.
        first.book.borrow_mut().contacts.clear();
        seconds(&u, 1_000).await;
        assert!(!first.has("alice"));
        first.host.restart();
        seconds(&u, 300).await;
        assert!(first.has("alice"));
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn after_a_reboot_the_first_server_is_preferred_again() {
    simulate(1, |u| async move {
        let (first, second) = (Exchange::at(&u, "server1", 10), Exchange::at(&u, "server2", 20));
        let alice = hardphone(&u, "alice");
        first.host.crash();
        alice.register().unwrap();
        seconds(&u, 40).await;
        assert!(second.has("alice"));
        first.host.restart();
        alice.host().crash();
        alice.host().restart();
        seconds(&u, 5).await;
        assert!(first.has("alice"));
    });
}

#[test]
fn a_server_that_says_503_is_left_for_the_next_at_once() {
    simulate(1, |u| async move {
        let (first, second) = (Exchange::at(&u, "server1", 10), Exchange::at(&u, "server2", 20));
        first.book.borrow_mut().refuses = Some(503);
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 1).await;
        assert!(second.has("alice"));
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn when_all_servers_fail_the_phone_waits_before_it_asks_them_again() {
    simulate(1, |u| async move {
        let (first, second) = (Exchange::at(&u, "server1", 10), Exchange::at(&u, "server2", 20));
        for server in [&first, &second] {
            server.book.borrow_mut().refuses = Some(503);
        }
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 10).await;
        assert_eq!(alice.screen().registration, Registration::Unreachable);
        assert_eq!((first.registers("alice").len(), second.registers("alice").len()), (1, 1));
        seconds(&u, 600).await;
        assert!(first.registers("alice").len() < 10, "{}", first.registers("alice").len());
    });
}

/// RFC 4787 5: a binding without traffic from inside is forgotten; the keepalive is that traffic.
#[test]
fn a_keepalive_keeps_the_binding_in_a_nat_box() {
    for (keepalive, reachable) in [(Some(Duration::from_secs(25)), true), (None, false)] {
        simulate(1, move |u| async move {
            let server = Exchange::new(&u);
            let nat = u.network().nat("home", NatKind::PortRestricted, Some(Duration::from_secs(30)));
            let desk = u.host("alice");
            u.network().put_behind(&desk, nat);
            let alice = Phone::install(&desk, PhoneSettings { keepalive, ..settings("alice") });
            let bob = hardphone(&u, "bob");
            alice.register().unwrap();
            bob.register().unwrap();
            seconds(&u, 200).await;
            bob.dial("alice").unwrap();
            seconds(&u, 1).await;
            assert_eq!(alice.screen().rings(), reachable);
            drop(server);
        });
    }
}

#[test]
fn keepalives_come_every_25_seconds_as_long_as_the_account_is_on() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 24).await;
        u.network().count_pairs(true);
        let count = || u.network().counts_between(alice.host(), &server.host).sent;
        let before = count();
        let sent = || count() - before;
        seconds(&u, 2).await;
        assert_eq!(sent(), 1);
        seconds(&u, 25).await;
        assert_eq!(sent(), 2);
        alice.unregister().unwrap();
        seconds(&u, 100).await;
        assert_eq!(sent(), 3, "the last was the REGISTER that took it back");
    });
}

#[test]
fn a_phone_on_tcp_registers_again_when_its_connection_is_lost() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = Phone::install(&u.host("alice"), PhoneSettings { transport: Transport::Tcp, ..settings("alice") });
        alice.register().unwrap();
        seconds(&u, 2).await;
        assert!(server.has("alice"));
        server.host.crash();
        server.host.restart();
        server.book.borrow_mut().contacts.clear();
        // The next keepalive meets a connection that the server no longer knows.
        seconds(&u, 50).await;
        assert!(server.has("alice"));
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn a_connection_that_answers_no_keepalive_is_given_up() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = Phone::install(&u.host("alice"), PhoneSettings { transport: Transport::Tcp, ..settings("alice") });
        alice.register().unwrap();
        seconds(&u, 2).await;
        // Nothing is reset: what is sent just vanishes.
        let cut = u.network().between(alice.host(), &server.host).cut();
        seconds(&u, 36).await;
        let before = server.registers("alice").len();
        u.network().lift(cut);
        seconds(&u, 60).await;
        assert_eq!(before, 1);
        assert!(server.registers("alice").len() > 1, "the keepalive at 25 s had 10 s to be answered");
        assert_eq!(alice.screen().registration, Registration::Registered);
    });
}

#[test]
fn what_is_registered_is_where_the_phone_is() {
    simulate(1, |u| async move {
        let server = Exchange::new(&u);
        let alice = hardphone(&u, "alice");
        alice.register().unwrap();
        seconds(&u, 1).await;
        let contact = &server.registers("alice")[0].contact;
        assert!(is_at(contact, alice.host().address()));
        assert_eq!(alice.contact().as_ref(), Some(contact));
    });
}
