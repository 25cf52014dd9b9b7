//! The Agent API: flags for a screen, which it carries out after its next poll (docs/AGENT_API.txt).

use busyhour::floor::settings::Profile;

use crate::scene::{LEAD, MARY, play, scene, unwitnessed};

/// In the documented order: pause, hang up, status.
#[test]
fn a_call_is_paused_hung_up_and_given_a_status_from_outside() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let answer = center.ask_agent("external_pause", "alice", &[("value", "PAUSE")]).await;
        assert!(answer.starts_with("SUCCESS: external_pause function set - PAUSE|17954424"), "{answer}");
        let answer = center.ask_agent("external_hangup", "alice", &[("value", "1")]).await;
        assert_eq!(answer, "SUCCESS: external_hangup function set - 1|alice\n");
        let answer = center.ask_agent("external_status", "alice", &[("value", "SALE")]).await;
        assert_eq!(answer, "SUCCESS: external_status function set - SALE|alice\n");
        assert_eq!(alice.shows(), "INCALL", "the screen hasn't polled yet");
        center.pass(3).await;
        assert_eq!((alice.shows(), center.status(LEAD)), ("PAUSED".to_owned(), "SALE".to_owned()));
        let answer = center.ask_agent("external_pause", "alice", &[("value", "RESUME")]).await;
        assert!(answer.starts_with("SUCCESS: "), "{answer}");
        center.pass(3).await;
        assert_eq!(alice.shows(), "READY");
        let answer = center.ask_agent("logout", "alice", &[("value", "LOGOUT")]).await;
        assert!(answer.starts_with("SUCCESS: logout function set - LOGOUT|"), "{answer}");
        center.pass(3).await;
        assert_eq!((alice.shows(), center.floor.agent("alice")), ("LOGIN".to_owned(), None));
    });
}

#[test]
fn a_customer_is_parked_grabbed_and_sent_digits() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let answer = center.ask_agent("park_call", "alice", &[("value", "PARK_CUSTOMER")]).await;
        assert_eq!(answer, "SUCCESS: park_call function set - PARK_CUSTOMER|alice\n");
        center.pass(3).await;
        assert_eq!(alice.screen().unwrap().customer, "PARKED");
        center.ask_agent("park_call", "alice", &[("value", "GRAB_CUSTOMER")]).await;
        center.pass(3).await;
        assert_eq!(alice.screen().unwrap().customer, "LIVE");
        let answer = center.ask_agent("send_dtmf", "alice", &[("value", "Q12PS")]).await;
        assert_eq!(answer, "SUCCESS: send_dtmf function set - Q12PS|alice\n");
        center.pass(5).await;
        assert_eq!(center.carrier.digits_received(MARY), "12#*");
        let answer = center.ask_agent("send_dtmf", "alice", &[("value", "QQ")]).await;
        assert_eq!(answer, "ERROR: send_dtmf not valid - QQ|alice\n");
        let answer =
            center.ask_agent("transfer_conference", "alice", &[("value", "BLIND_TRANSFER"), ("phone_number", "bob")]);
        let call = center.floor.agent("alice").unwrap().call.unwrap().0;
        let expected = format!("SUCCESS: transfer_conference function set - BLIND_TRANSFER||bob||alice|{call}|\n");
        assert_eq!(answer.await, expected);
    });
}

#[test]
fn a_number_is_dialed_from_outside() {
    scene(|center| async move {
        let alice = center.agent("alice", 1).await;
        center.log_in(&alice).await;
        let answer = center.ask_agent("external_dial", "alice", &[("value", MARY), ("search", "YES")]).await;
        assert!(answer.starts_with("SUCCESS: external_dial function set - 15551230001|alice|1|YES|||"), "{answer}");
        center.pass(6).await;
        assert_eq!((alice.shows().as_str(), alice.screen().unwrap().lead_id), ("INCALL", 1001));
        let answer = center.ask_agent("external_dial", "alice", &[("lead_id", "7")]).await;
        assert_eq!(answer, "ERROR: lead_id is not valid - alice|7\n");
    });
}

#[test]
fn what_is_wrong_is_said_in_vicidials_words() {
    scene(|center| async move {
        let ask = async |function: &'static str, agent: &'static str, value: &'static str| {
            center.ask_agent(function, agent, &[("value", value)]).await
        };
        assert_eq!(ask("external_hangup", "alice", "1").await, "ERROR: agent_user is not logged in - alice\n");
        assert_eq!(ask("external_hangup", "nobody", "1").await, "ERROR: no user found - nobody\n");
        let alice = center.agent("alice", 1).await;
        center.ready(&alice).await;
        assert_eq!(ask("external_hangup", "alice", "2").await, "ERROR: external_hangup not valid - 2|alice\n");
        assert_eq!(ask("external_pause", "alice", "NAP").await, "ERROR: external_pause not valid - NAP|alice\n");
        assert_eq!(
            ask("pause_code", "alice", "BREAK").await,
            "ERROR: pause_code error - agent is not paused - alice\n"
        );
        assert_eq!(ask("park_call", "alice", "PARK_BENCH").await, "ERROR: park_call not valid - PARK_BENCH|alice\n");
        assert_eq!(ask("dance", "alice", "1").await, "ERROR: NO FUNCTION SPECIFIED\n");
        let wrong = [("source", "t"), ("user", "crm"), ("pass", "x"), ("function", "logout"), ("agent_user", "alice")];
        let answer = center.ask_agent("logout", "alice", &wrong).await;
        assert_eq!(answer, "ERROR: Invalid Username/Password: |crm|x|0|0|BAD|\n");
    });
}

/// SUCCESS means that a flag is written: with a dead tab nothing happens. The modern profile looks.
#[test]
fn a_dead_tab_answers_success_and_does_nothing() {
    for (profile, success) in [(Profile::Vicidial, true), (Profile::Modern, false)] {
        unwitnessed(profile, move |center| async move {
            let alice = center.talking("alice").await;
            alice.tab.crash().unwrap();
            center.pass(10).await;
            let answer = center.ask_agent("external_hangup", "alice", &[("value", "1")]).await;
            assert_eq!(answer.starts_with("SUCCESS: "), success, "{profile:?} {answer}");
            center.pass(5).await;
            assert_eq!(center.carrier.calls(MARY).last().unwrap().ended, None);
        });
    }
}

#[test]
fn a_pause_code_is_set_for_who_pauses() {
    play(Profile::Modern, |center| async move {
        let alice = center.agent("alice", 1).await;
        center.log_in(&alice).await;
        let answer = center.ask_agent("pause_code", "alice", &[("value", "LUNCH")]).await;
        assert_eq!(answer, "SUCCESS: pause_code function sent - alice\n");
        center.pass(3).await;
        assert_eq!(center.floor.agent("alice").unwrap().pause_code, "LUNCH");
        let answer = center.ask_agent("pause_code", "alice", &[("value", "LUNCHTIME")]).await;
        assert_eq!(answer, "ERROR: pause_code not valid - alice|LUNCHTIME\n");
    });
}
