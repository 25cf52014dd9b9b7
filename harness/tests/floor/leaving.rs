//! Agents who leave without a word: tabs that close, phones that die, second logins. Domain facts, part 2.

use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::Profile;

use crate::scene::{LEAD, MARY, play, scene, unwitnessed};

/// With a customer on the line the unload handler only alerts: nobody logs out, the customer stays in the room, the agent
/// lags after 30 s, and the lead becomes ERI when she comes back.
#[test]
fn a_tab_closed_in_a_call_leaves_the_customer_in_the_room_and_the_lead_to_the_next_login() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        alice.tab.close().unwrap();
        center.pass(10).await;
        assert_eq!(center.floor.agent("alice").unwrap().status, "INCALL");
        let mary = center.carrier.devices(MARY);
        assert_eq!(center.heard(&[&alice.host, &mary]).await, [[3], [1]], "their phones talk on");
        center.pass(25).await;
        let status = center.floor.agent("alice").unwrap();
        assert_eq!((status.status, status.pause_code.as_str()), ("PAUSED", "LAGGED"));
        assert_eq!(center.status(LEAD), "INCALL");

        let tab = alice.browser.open(&AgentScreen::site(center.floor.screen_of("alice"))).unwrap();
        center.pass(1).await;
        tab.press(|screen: &mut AgentScreen, web| screen.log_in(web, "renewals")).unwrap();
        center.pass(4).await;
        assert_eq!(center.status(LEAD), "ERI");
        assert_eq!(tab.page(|screen: &AgentScreen| screen.shows().to_owned()).as_deref(), Some("PAUSED"));
        center.only_sessions_are_left(1).await;
    });
}

#[test]
fn a_tab_closed_between_calls_logs_out() {
    scene(|center| async move {
        let alice = center.agent("alice", 1).await;
        center.ready(&alice).await;
        alice.tab.close().unwrap();
        center.pass(2).await;
        assert_eq!(center.floor.agent("alice"), None);
        center.only_sessions_are_left(0).await;
    });
}

/// A crash runs no handler: she lags.
#[test]
fn a_tab_that_crashes_between_calls_lags() {
    scene(|center| async move {
        let alice = center.agent("alice", 1).await;
        center.ready(&alice).await;
        alice.tab.crash().unwrap();
        center.pass(28).await;
        assert_eq!(center.floor.agent("alice").unwrap().status, "READY");
        center.pass(8).await;
        assert_eq!(center.floor.agent("alice").unwrap().pause_code, "LAGGED");
    });
}

#[test]
fn a_second_login_disables_the_first_screen() {
    scene(|center| async move {
        let alice = center.agent("alice", 1).await;
        center.ready(&alice).await;
        let second = alice.browser.open(&AgentScreen::site(center.floor.screen_of("alice"))).unwrap();
        center.pass(1).await;
        second.press(|screen: &mut AgentScreen, web| screen.log_in(web, "renewals")).unwrap();
        center.pass(4).await;
        assert_eq!(alice.shows(), "DISABLED");
        let shows = second.page(|screen: &AgentScreen| screen.shows().to_owned());
        assert_eq!(shows.as_deref(), Some("PAUSED"));
        assert!(second.page(|screen: &AgentScreen| screen.screen().unwrap().phone_in_session).unwrap());
        center.only_sessions_are_left(1).await;
    });
}

/// The phone loses power in a call: the customer hears nobody, the screen says that the phone isn't there, and "call my
/// phone again" brings it back.
#[test]
fn a_phone_that_was_lost_in_a_call_is_called_again() {
    unwitnessed(Profile::Vicidial, |center| async move {
        let alice = center.talking("alice").await;
        let mary = center.carrier.devices(MARY);
        alice.phone.host().crash();
        center.pass(2).await;
        assert_eq!(center.heard(&[&mary]).await, [Vec::<u32>::new()]);
        alice.phone.host().restart();
        // Nothing comes from it: the server or the switch gives it up.
        center.pass(90).await;
        assert!(!alice.screen().unwrap().phone_in_session);
        assert_eq!(alice.shows(), "INCALL");
        alice.press(AgentScreen::call_phone);
        center.pass(5).await;
        assert!(alice.screen().unwrap().phone_in_session);
        assert_eq!(center.heard(&[&alice.host, &mary]).await, [[3], [1]]);
    });
}

/// Where leads aren't left in calls, a lagging agent's lead is given up as soon as its customer has gone.
#[test]
fn the_modern_profile_gives_up_the_lead_of_an_agent_who_vanished() {
    play(Profile::Modern, |center| async move {
        let alice = center.talking("alice").await;
        alice.tab.close().unwrap();
        center.pass(36).await;
        center.carrier.hang_up(MARY).unwrap();
        center.pass(5).await;
        assert_eq!(center.status(LEAD), "ERI");
    });
}
