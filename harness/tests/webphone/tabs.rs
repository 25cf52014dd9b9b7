//! What becomes of the phone when something becomes of its tab (domain facts, Part 5).

use std::time::Duration;

use busyhour::pbx::LostConnection;
use busyhour::phone::webphone::Instance;
use busyhour::phone::{LineState, Phone};
use busyhour::simulate;

use crate::relay::Relay;
use crate::{calls, is_registered, one, seconds, server, settings, webphone, within};

#[test]
fn a_page_that_is_loaded_again_is_the_same_device() {
    simulate(1, |u| async move {
        let server = server(&u);
        // So that only the new registration can make the old one go.
        server.change(|settings| settings.lost_connection = LostConnection::KeepsUntilExpiry);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        let before = server.contacts("alice");
        alice.tab().unwrap().reload().unwrap();
        seconds(&u, 1).await;
        let after = server.contacts("alice");
        assert_eq!(after.len(), 1, "{after:?}");
        assert_eq!(after[0].instance, before[0].instance);
        assert_ne!(after[0].flow, before[0].flow);
        assert!(is_registered(&alice));
    });
}

/// As JsSIP does it, and as it was measured: the old contact stays until it expires.
#[test]
fn a_page_with_a_fresh_instance_leaves_its_old_contact_behind() {
    simulate(1, |u| async move {
        let server = server(&u);
        server.change(|settings| settings.lost_connection = LostConnection::KeepsUntilExpiry);
        let browser = busyhour::phone::browser::Browser::install(&u.host("alice"), Default::default());
        let mut fresh = settings("alice", server.host());
        fresh.instance = Instance::Fresh;
        let alice = Phone::webphone(&browser, fresh);
        alice.open_tab().unwrap();
        seconds(&u, 1).await;
        alice.tab().unwrap().reload().unwrap();
        seconds(&u, 1).await;
        assert_eq!(server.contacts("alice").len(), 2);
        seconds(&u, 120).await;
        assert_eq!(server.contacts("alice").len(), 1);
    });
}

#[test]
fn two_tabs_are_two_devices_and_each_is_its_own_phone() {
    simulate(1, |u| async move {
        let server = server(&u);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        let first = alice.in_tab(&alice.tab().unwrap());
        let second = alice.in_tab(&alice.open_tab().unwrap());
        seconds(&u, 1).await;
        assert_eq!(server.contacts("alice").len(), 2);
        assert!(is_registered(&first) && is_registered(&second));
        // The handle means the newest.
        assert_eq!(alice.contact(), second.contact());
        assert_ne!(alice.contact(), first.contact());
        second.tab().unwrap().close().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.contact(), first.contact());
        assert_eq!(second.screen().message, "no tab");
        assert_eq!(server.contacts("alice").len(), 1);
        // A third has the instance that is free again.
        alice.open_tab().unwrap();
        seconds(&u, 1).await;
        assert_eq!(server.contacts("alice").len(), 2);
    });
}

#[test]
fn a_tab_that_crashed_shows_nothing_until_it_is_loaded_again() {
    simulate(1, |u| async move {
        let server = server(&u);
        let alice = webphone(&u, "alice", server.host());
        seconds(&u, 1).await;
        alice.tab().unwrap().crash().unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().message, "no page in the tab");
        alice.tab().unwrap().reload().unwrap();
        seconds(&u, 1).await;
        assert!(is_registered(&alice));
        assert_eq!(server.contacts("alice").len(), 1);
    });
}

#[test]
fn a_page_that_is_loaded_again_in_a_call_is_registered_and_has_no_call() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let (alice, bob) = (webphone(&u, "alice", &relay.host), webphone(&u, "bob", &relay.host));
        seconds(&u, 1).await;
        alice.dial("bob").unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        seconds(&u, 2).await;
        assert_eq!(calls(&alice), one("bob", LineState::Talking));
        alice.tab().unwrap().reload().unwrap();
        assert!(within(&u, Duration::from_secs(2), || is_registered(&alice)).await.is_some());
        assert_eq!(calls(&alice), []);
        // No SIP was sent: the other side learns of it by the farewell of the media.
        assert_eq!(relay.requests("BYE").len(), 0);
        assert!(within(&u, Duration::from_secs(5), || calls(&bob).is_empty()).await.is_some(), "{bob:?}");
    });
}

/// The BYE gets out; nobody is there any more to answer the challenge of the un-REGISTER.
#[test]
fn a_page_that_says_goodbye_hangs_up_and_its_contact_stays() {
    simulate(1, |u| async move {
        let server = server(&u);
        server.change(|settings| settings.lost_connection = LostConnection::KeepsUntilExpiry);
        let alice = webphone(&u, "alice", server.host());
        alice.behave(|behaviour| behaviour.web.says_goodbye = true);
        seconds(&u, 1).await;
        let challenged = server.counters().challenged;
        alice.tab().unwrap().close().unwrap();
        seconds(&u, 1).await;
        assert_eq!(server.counters().challenged, challenged + 1);
        assert_eq!(server.contacts("alice").len(), 1);
    });
}

#[test]
fn a_page_that_says_nothing_sends_nothing_when_it_is_left() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let (alice, bob) = (webphone(&u, "alice", &relay.host), webphone(&u, "bob", &relay.host));
        seconds(&u, 1).await;
        alice.dial("bob").unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        seconds(&u, 2).await;
        let before = relay.requests("REGISTER").len();
        alice.tab().unwrap().close().unwrap();
        seconds(&u, 30).await;
        assert!(relay.requests("REGISTER").len() <= before + 1, "bob's refresh at most");
        // And who says goodbye does.
        let alice_again = webphone_again(&alice);
        seconds(&u, 2).await;
        alice_again.behave(|behaviour| behaviour.web.says_goodbye = true);
        alice_again.dial("bob").unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        seconds(&u, 2).await;
        let byes = relay.requests("BYE").len();
        alice_again.tab().unwrap().close().unwrap();
        seconds(&u, 1).await;
        assert_eq!(relay.requests("BYE").len(), byes + 1);
        assert_eq!(calls(&bob), []);
    });
}

fn webphone_again(phone: &Phone) -> Phone {
    phone.open_tab().unwrap();
    phone.clone()
}
