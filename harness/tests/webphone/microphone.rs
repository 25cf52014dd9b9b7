//! The microphone: not allowed, not there, gone in a call.

use std::time::Duration;

use busyhour::phone::browser::Permission;
use busyhour::phone::{LineState, Phone};
use busyhour::simulate;
use busyhour::sip::ua::Ending;

use crate::relay::Relay;
use crate::{calls, one, seconds, webphone, within};

fn deny(phone: &Phone) {
    phone.browser().unwrap().set_microphone(phone.site().unwrap(), Permission::Denied);
}

#[test]
fn without_a_microphone_nobody_is_called() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let (alice, _bob) = (webphone(&u, "alice", &relay.host), webphone(&u, "bob", &relay.host));
        seconds(&u, 1).await;
        deny(&alice);
        alice.dial("bob").unwrap();
        seconds(&u, 1).await;
        assert_eq!(alice.screen().message, "the microphone isn't allowed");
        assert_eq!(alice.screen().lines[0].state, LineState::Ended { reason: Ending::Abandoned });
        assert_eq!(relay.requests("INVITE").len(), 0);
    });
}

#[test]
fn who_answers_without_a_microphone_is_away() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let (alice, bob) = (webphone(&u, "alice", &relay.host), webphone(&u, "bob", &relay.host));
        seconds(&u, 1).await;
        deny(&alice);
        bob.dial("alice").unwrap();
        seconds(&u, 1).await;
        // It rings all the same: nobody is asked before she wants to talk.
        alice.answer().unwrap();
        seconds(&u, 1).await;
        assert_eq!(relay.answers(), [480]);
        assert_eq!(alice.screen().message, "the microphone isn't allowed");
        assert_eq!((calls(&alice), calls(&bob)), (vec![], vec![]));
    });
}

#[test]
fn who_is_asked_for_her_microphone_can_take_her_time() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let (alice, bob) = (webphone(&u, "alice", &relay.host), webphone(&u, "bob", &relay.host));
        seconds(&u, 1).await;
        alice.browser().unwrap().set_microphone(alice.site().unwrap(), Permission::Ask);
        alice.dial("bob").unwrap();
        seconds(&u, 10).await;
        let tab = alice.tab().unwrap();
        assert!(tab.asks_for_microphone());
        assert_eq!(relay.requests("INVITE").len(), 0);
        assert_eq!(calls(&alice), one("bob", LineState::Dialing));
        tab.answer_microphone(true).unwrap();
        seconds(&u, 1).await;
        assert!(bob.screen().rings());
    });
}

#[test]
fn a_microphone_that_is_unplugged_in_a_call_is_told_and_taken_again() {
    simulate(1, |u| async move {
        let relay = Relay::new(&u);
        let (alice, bob) = (webphone(&u, "alice", &relay.host), webphone(&u, "bob", &relay.host));
        seconds(&u, 1).await;
        alice.dial("bob").unwrap();
        seconds(&u, 1).await;
        bob.answer().unwrap();
        seconds(&u, 2).await;
        alice.host().room().unplug_microphone();
        let gone = "the microphone is gone: nobody hears you";
        assert!(within(&u, Duration::from_secs(2), || alice.screen().message == gone).await.is_some(), "{alice:?}");
        assert_eq!(calls(&alice), one("bob", LineState::Talking), "the call goes on");
        alice.host().room().plug_in_microphone();
        assert!(within(&u, Duration::from_secs(2), || alice.screen().message != gone).await.is_some(), "{alice:?}");
    });
}
