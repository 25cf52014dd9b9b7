//! What webphones do badly: each habit is seen, and is the only thing that has changed.

use std::time::Duration;

use busyhour::Universe;
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::webphone::WebphoneBehaviour;
use busyhour::phone::{LineState, Phone, Registration};
use busyhour::simulate;

use crate::relay::Relay;
use crate::{calls, is_registered, millis, one, seconds, settings, webphone, within};

/// A webphone with a habit, registered.
async fn with(u: &Universe, relay: &Relay, user: &str, habit: impl FnOnce(&mut WebphoneBehaviour)) -> Phone {
    let browser = Browser::install(&u.host(user), BrowserSettings::default());
    let mut settings = settings(user, &relay.host);
    habit(&mut settings.phone.behaviour.web);
    let phone = Phone::webphone(&browser, settings);
    phone.open_tab().unwrap();
    seconds(u, 1).await;
    assert!(is_registered(&phone));
    phone
}

/// The server is away for a moment, and forgets its connections.
async fn restarts(u: &Universe, relay: &Relay) {
    relay.host.crash();
    millis(u, 100).await;
    relay.host.restart();
}

#[test]
fn one_that_sends_no_keepalives_is_not_heard_between_its_refreshes() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let _alice = with(&u, &relay, "alice", |web| web.never_sends_keepalives = true).await;
        seconds(&u, 600).await;
        assert_eq!(relay.book.borrow().pings, 0);
    });
}

#[test]
fn one_that_never_reconnects_stays_away() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let alice = with(&u, &relay, "alice", |web| web.never_reconnects = true).await;
        restarts(&u, &relay).await;
        seconds(&u, 3_600).await;
        assert_eq!(alice.screen().registration, Registration::Unreachable);
        assert_eq!(relay.book.borrow().contacts.len(), 1, "and its old contact stays");
    });
}

/// SIP.js#244.
#[test]
fn one_that_forgets_to_register_again_is_connected_and_cannot_be_called() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let alice = with(&u, &relay, "alice", |web| web.forgets_to_register_again = true).await;
        let flow = relay.book.borrow().contacts["alice"].1;
        // Cut off between two refreshes.
        restarts(&u, &relay).await;
        seconds(&u, 300).await;
        assert_eq!(relay.book.borrow().contacts["alice"].1, flow);
        assert!(!is_registered(&alice));
    });
}

/// JsSIP#337: the old registration says nothing about the new connection.
#[test]
fn one_that_shows_its_old_registration_does_so_before_the_server_has_confirmed_the_new_one() {
    let shows = |habit: fn(&mut WebphoneBehaviour)| {
        simulate(1, move |u| async move {
            let relay = Relay::new(&u);
            let browser = Browser::install(&u.host("alice"), BrowserSettings::default());
            let mut settings = settings("alice", &relay.host);
            // A keepalive notices before the next refresh.
            settings.phone.expires = Duration::from_secs(600);
            habit(&mut settings.phone.behaviour.web);
            let alice = Phone::webphone(&browser, settings);
            alice.open_tab().unwrap();
            seconds(&u, 1).await;
            relay.host.crash();
            relay.book.borrow_mut().is_mute = true;
            relay.host.restart();
            let back = || relay.book.borrow().connections == 2;
            assert!(within(&u, Duration::from_secs(130), back).await.is_some());
            seconds(&u, 5).await;
            is_registered(&alice)
        })
    };
    assert!(shows(|web| web.shows_old_registration = true));
    assert!(!shows(|_| {}));
}

/// JsSIP#929.
#[test]
fn one_with_a_new_call_id_each_time_is_a_stranger_at_each_refresh() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let _alice = with(&u, &relay, "alice", |web| web.new_call_id_each_refresh = true).await;
        seconds(&u, 300).await;
        let all = relay.requests("REGISTER");
        let mut ids: Vec<&str> = all.iter().map(|(_, request)| request.call_id().unwrap()).collect();
        ids.dedup();
        assert!(all.len() >= 4 && ids.len() == all.len(), "{ids:?}");
    });
}

/// Metaswitch/sprout#1200.
#[test]
fn one_that_waits_for_the_last_moment_refreshes_a_tenth_of_a_second_before_the_end() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let _alice = with(&u, &relay, "alice", |web| web.refreshes_at_the_last_moment = true).await;
        seconds(&u, 250).await;
        let all = relay.requests("REGISTER");
        assert_eq!(all.len(), 3);
        for pair in all.windows(2) {
            let between = pair[1].0.since(pair[0].0);
            assert!((Duration::from_millis(119_800)..Duration::from_secs(120)).contains(&between), "{between:?}");
        }
    });
}

async fn talking(u: &Universe, alice: &Phone, bob: &Phone) {
    alice.dial("bob").unwrap();
    seconds(u, 1).await;
    bob.answer().unwrap();
    seconds(u, 3).await;
    assert_eq!((calls(alice), calls(bob)), (one("bob", LineState::Talking), one("alice", LineState::Talking)));
}

#[test]
fn one_that_drops_its_calls_with_its_connection_leaves_the_other_side_alone() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let alice = with(&u, &relay, "alice", |web| web.drops_calls_with_connection = true).await;
        let bob = webphone(&u, "bob", &relay.host);
        seconds(&u, 1).await;
        talking(&u, &alice, &bob).await;
        restarts(&u, &relay).await;
        assert!(within(&u, Duration::from_secs(130), || calls(&alice).is_empty()).await.is_some());
        assert_eq!(relay.requests("BYE").len(), 0);
    });
}

/// ringcentral-softphone-ts#65.
#[test]
fn one_that_never_renews_its_calls_offers_nothing_after_it_has_come_back() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let habit = |web: &mut WebphoneBehaviour| web.never_renews_calls = true;
        let (alice, bob) = (with(&u, &relay, "alice", habit).await, with(&u, &relay, "bob", habit).await);
        talking(&u, &alice, &bob).await;
        let before = relay.requests("INVITE").len();
        restarts(&u, &relay).await;
        seconds(&u, 240).await;
        assert_eq!(relay.requests("INVITE").len(), before);
        assert!(relay.requests("REGISTER").len() > 4);
    });
}

/// SIP.js#436.
#[test]
fn one_that_ignores_lost_media_sits_in_a_dead_call() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let habit = |web: &mut WebphoneBehaviour| web.ignores_lost_media = true;
        let (alice, bob) = (with(&u, &relay, "alice", habit).await, with(&u, &relay, "bob", habit).await);
        talking(&u, &alice, &bob).await;
        u.network().between(alice.host(), bob.host()).cut();
        seconds(&u, 120).await;
        assert_eq!((calls(&alice), calls(&bob)), (one("bob", LineState::Talking), one("alice", LineState::Talking)));
        assert_eq!(alice.screen().message, "no audio from bob");
    });
}

/// SIP.js#1024.
#[test]
fn one_that_never_restarts_ice_gives_a_call_up_when_its_network_is_another() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        // Both: one who does it mends the call for two.
        let habit = |web: &mut WebphoneBehaviour| web.never_restarts_ice = true;
        let (alice, bob) = (with(&u, &relay, "alice", habit).await, with(&u, &relay, "bob", habit).await);
        talking(&u, &alice, &bob).await;
        u.network().move_host(alice.host(), "office-lan").unwrap();
        assert!(within(&u, Duration::from_secs(40), || calls(&alice).is_empty()).await.is_some(), "{alice:?}");
    });
}
