//! The connection to the server: kept alive, found dead, opened again (RFC 5626 4.4, 4.5).

use std::time::Duration;

use busyhour::pbx::LostConnection;
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::{Phone, Registration};
use busyhour::simulate;

use crate::relay::Relay;
use crate::{is_registered, millis, seconds, server, settings, webphone, within};

/// RFC 5626 4.4.1: at random times between 80 and 100 percent of two minutes.
#[test]
fn a_quiet_connection_is_asked_for_every_two_minutes_at_most() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let _alice = webphone(&u, "alice", &relay.host);
        seconds(&u, 1_200).await;
        let pings = relay.book.borrow().pings;
        assert!((9..=12).contains(&pings), "{pings}");
    });
}

/// Without a FIN only an unanswered keepalive can tell (RFC 5626 4.4.1: after 10 s).
#[test]
fn a_connection_that_hangs_is_given_up_when_its_keepalive_is_not_answered() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let browser = Browser::install(&u.host("alice"), BrowserSettings::default());
        let mut seldom = settings("alice", &relay.host);
        // No refresh comes before.
        seldom.phone.expires = Duration::from_secs(3_600);
        let alice = Phone::webphone(&browser, seldom);
        alice.open_tab().unwrap();
        seconds(&u, 1).await;
        let cut = u.network().between(alice.host(), &relay.host).cut();
        let noticed = within(&u, Duration::from_secs(131), || !is_registered(&alice)).await;
        assert!(noticed.is_some_and(|after| after > Duration::from_secs(104)), "{noticed:?}");
        u.network().lift(cut);
        assert!(within(&u, Duration::from_secs(60), || is_registered(&alice)).await.is_some(), "{alice:?}");
        assert_eq!(relay.requests("REGISTER").len(), 2);
    });
}

#[test]
fn a_connection_that_the_server_closes_is_opened_again_at_once() {
    simulate(1, |u| async move {
        let server = server(&u);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        server.host().crash();
        millis(&u, 50).await;
        server.host().restart();
        let back = within(&u, Duration::from_secs(60), || server.contacts("alice").len() == 1 && is_registered(&alice));
        assert!(back.await.is_some(), "{alice:?}");
    });
}

/// RFC 5626 4.5: random waits that double, from up to 30 s to up to half an hour.
#[test]
fn a_server_that_is_gone_for_long_is_tried_less_and_less() {
    simulate(1, |u| async move {
        let server = server(&u);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        server.host().crash();
        // Nobody sees a crash before something is sent: a keepalive or a refresh.
        assert!(
            within(&u, Duration::from_secs(150), || alice.screen().registration == Registration::Unreachable)
                .await
                .is_some()
        );
        seconds(&u, 4 * 3_600).await;
        assert_eq!(alice.screen().registration, Registration::Unreachable);
        server.host().restart();
        let back = within(&u, Duration::from_secs(1_800), || is_registered(&alice)).await;
        assert!(back.is_some(), "{alice:?}");
    });
}

/// The computer says that it has a network again: that's a reason not to wait.
#[test]
fn when_the_network_is_back_nobody_waits_for_the_next_attempt() {
    simulate(1, |u| async move {
        let server = server(&u);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        let cut = u.network().between(alice.host(), server.host()).cut();
        seconds(&u, 1_500).await;
        assert!(!is_registered(&alice));
        u.network().lift(cut);
        u.network().move_host(alice.host(), "office-lan").unwrap();
        let back = within(&u, Duration::from_secs(20), || is_registered(&alice)).await;
        assert!(back.is_some(), "{alice:?}");
    });
}

/// RFC 5626 4.4: what carries no answer is no way to the server.
#[test]
fn a_server_that_answers_no_register_is_left_for_another_connection() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let alice = webphone(&u, "alice", &relay.host);
        seconds(&u, 1).await;
        relay.book.borrow_mut().is_mute = true;
        // The refresh leaves after 83 s, and nobody waits for longer than 32 s.
        seconds(&u, 125).await;
        assert!(relay.book.borrow().connections > 1);
        assert!(!is_registered(&alice));
        relay.book.borrow_mut().is_mute = false;
        assert!(within(&u, Duration::from_secs(90), || is_registered(&alice)).await.is_some(), "{alice:?}");
    });
}

/// RFC 5626 4.2: the same device by another flow replaces what was there.
#[test]
fn who_comes_back_by_another_connection_is_one_contact() {
    simulate(1, |u| async move {
        let server = server(&u);
        server.change(|settings| settings.lost_connection = LostConnection::KeepsUntilExpiry);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        let first = server.contacts("alice");
        u.network().move_host(alice.host(), "office-lan").unwrap();
        let moved = || server.contacts("alice").iter().any(|contact| contact.flow != first[0].flow);
        assert!(within(&u, Duration::from_secs(5), moved).await.is_some(), "{:?}", server.contacts("alice"));
        assert_eq!(server.contacts("alice").len(), 1);
        assert_eq!(server.contacts("alice")[0].instance, first[0].instance);
    });
}

#[test]
fn the_waits_between_attempts_are_not_everybodys() {
    let back_after = |seed| {
        simulate(seed, |u| async move {
            let server = server(&u);
            let alice = webphone(&u, "alice", server.host());
            seconds(&u, 1).await;
            server.host().crash();
            seconds(&u, 150).await;
            server.host().restart();
            let restarted = u.now();
            within(&u, Duration::from_secs(600), || is_registered(&alice)).await.unwrap();
            u.now().since(restarted)
        })
    };
    let all: Vec<Duration> = (0..4).map(back_after).collect();
    assert!(all.windows(2).any(|pair| pair[0] != pair[1]), "{all:?}");
    assert_eq!(back_after(3), all[3]);
}
