//! The Agent API: flags for a screen, which it carries out after its next poll (docs/AGENT_API.txt).

use busyhour::floor::settings::Profile;

use crate::scene::{Center, LEAD, MARY, play, scene, unwitnessed};

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
        let stands = center.ask("agent_status", &[("agent_user", "alice")]).await;
        assert_eq!((stands.split('|').next(), stands.split('|').nth(9)), (Some("INCALL"), Some("PARK")), "{stands}");
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

/// A number outside that nobody's lead has; there sits the voice 9.
const TOM: &str = "15551230007";

/// What the Agent API answers to that choice of the transfer panel; carried out by the screen's next poll.
async fn transfers(center: &Center, value: &str, to: &str) {
    let asked = [("value", value), ("phone_number", to)];
    let answer = center.ask_agent("transfer_conference", "alice", &asked).await;
    assert!(
        answer.starts_with(&format!("SUCCESS: transfer_conference function set - {value}||{to}||alice|")),
        "{answer}"
    );
    center.pass(5).await;
}

/// VICIdial's three-way call: all three in the agent's room, and what's left when she leaves it.
#[test]
fn a_third_is_dialed_with_the_customer_and_both_talk_on_when_the_agent_leaves() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let mary = center.carrier.devices(MARY);
        transfers(&center, "DIAL_WITH_CUSTOMER", TOM).await;
        let tom = center.carrier.devices(TOM);
        assert_eq!(center.heard(&[&alice.host, &mary, &tom]).await, [[3, 9], [1, 9], [1, 3]]);
        assert_eq!(alice.screen().unwrap().third, "LIVE");
        transfers(&center, "LEAVE_3WAY_CALL", "").await;
        assert_eq!(center.heard(&[&alice.host, &mary, &tom]).await, [vec![], vec![9], vec![3]]);
        assert_eq!(alice.shows(), "DISPO");
        alice.saves("XFER");
        center.pass(3).await;
        assert_eq!(alice.shows(), "READY");
        assert_eq!(center.heard(&[&mary, &tom]).await, [[9], [3]], "they don't need her");
        center.carrier.hang_up(MARY).unwrap();
        center.only_sessions_are_left(1).await;
    });
}

/// The customer on hold hears music, which is nobody's voice, and is taken back when the third has been sent away.
#[test]
fn a_third_is_asked_while_the_customer_is_parked_and_is_hung_up_on() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let mary = center.carrier.devices(MARY);
        transfers(&center, "PARK_CUSTOMER_DIAL", TOM).await;
        let tom = center.carrier.devices(TOM);
        assert_eq!(center.heard(&[&alice.host, &mary, &tom]).await, [vec![9], vec![], vec![1]]);
        assert_eq!(alice.screen().unwrap().customer, "PARKED");
        transfers(&center, "HANGUP_XFER", "").await;
        assert_eq!(center.heard(&[&alice.host, &mary, &tom]).await, [vec![3], vec![1], vec![]]);
        assert!(center.carrier.calls(TOM).last().unwrap().ended.is_some());
        assert_eq!((alice.shows(), alice.screen().unwrap().third), ("INCALL".to_owned(), String::new()));
    });
}

#[test]
fn a_customer_is_given_away_from_outside() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let mary = center.carrier.devices(MARY);
        transfers(&center, "BLIND_TRANSFER", TOM).await;
        let tom = center.carrier.devices(TOM);
        assert_eq!(center.heard(&[&alice.host, &mary, &tom]).await, [vec![], vec![9], vec![3]]);
        assert_eq!(alice.shows(), "DISPO");
    });
}

#[test]
fn a_number_is_dialed_from_outside() {
    scene(|center| async move {
        let alice = center.agent("alice", 1).await;
        center.log_in(&alice).await;
        let answer = center.ask_agent("external_dial", "alice", &[("value", MARY), SEARCH, PREVIEW, FOCUS]).await;
        let done = "SUCCESS: external_dial function set - 15551230001|alice|1|YES|NO|NO||";
        assert!(answer.starts_with(done), "{answer}");
        center.pass(6).await;
        assert_eq!((alice.shows().as_str(), alice.screen().unwrap().lead_id), ("INCALL", 1001));
        let answer = center.ask_agent("external_dial", "alice", &[("lead_id", "7"), SEARCH, PREVIEW, FOCUS]).await;
        assert_eq!(answer, "ERROR: lead_id is not valid - alice|7\n");
    });
}

const SEARCH: (&str, &str) = ("search", "YES");
const PREVIEW: (&str, &str) = ("preview", "NO");
const FOCUS: (&str, &str) = ("focus", "NO");

/// AGENT_API.txt, external_dial: who isn't told to look for the number makes a new lead of it. api.php refuses a request
/// that doesn't say all three, and an agent who isn't paused.
#[test]
fn a_number_that_is_not_looked_for_becomes_a_new_lead() {
    scene(|center| async move {
        let alice = center.agent("alice", 1).await;
        center.ready(&alice).await;
        let dial = async |parameters: &[(&'static str, &'static str)]| {
            center.ask_agent("external_dial", "alice", &[&[("value", MARY)], parameters].concat()).await
        };
        let not_paused = dial(&[("search", "NO"), PREVIEW, FOCUS]).await;
        assert_eq!(not_paused, "ERROR: agent_user is not paused - alice\n");
        alice.press(|screen, web| screen.pause(web, None));
        center.pass(2).await;
        let not_valid = |search: &str| format!("ERROR: external_dial not valid - {MARY}|1|{search}|alice\n");
        assert_eq!(dial(&[SEARCH, PREVIEW]).await, not_valid("YES"));
        assert_eq!(dial(&[PREVIEW, FOCUS]).await, not_valid(""));
        assert_eq!(dial(&[SEARCH, ("preview", "YES"), FOCUS]).await, not_valid("YES"), "nothing is shown first here");
        assert!(dial(&[("search", "NO"), PREVIEW, FOCUS]).await.starts_with("SUCCESS: "));
        center.pass_ms(1_500).await;
        let group = center.ask("user_group_status", &[("user_groups", "AGENTS")]).await;
        assert_eq!(group, "AGENTS|0|1|0|0|0|0|0|1\n", "she dials");
        center.pass(5).await;
        assert_eq!((alice.shows().as_str(), alice.screen().unwrap().lead_id), ("INCALL", 1003));
        assert_eq!(center.floor.leads_with_number(MARY).len(), 2);
    });
}

/// AGENT_API.txt, logout: "will logout after the live call is dispositioned". Until then she talks on, and no other call
/// comes in between.
#[test]
fn who_is_logged_out_in_a_call_goes_when_it_has_its_disposition() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        let answer = center.ask_agent("logout", "alice", &[("value", "LOGOUT")]).await;
        assert!(answer.starts_with("SUCCESS: logout function set - LOGOUT|"), "{answer}");
        center.pass(5).await;
        assert_eq!((alice.shows().as_str(), alice.alerts().len()), ("INCALL", 0));
        center.floor.dialer_on("renewals").unwrap();
        alice.saves("NI");
        center.pass(3).await;
        assert_eq!((alice.shows(), center.floor.agent("alice")), ("LOGIN".to_owned(), None));
        assert_eq!(center.status(LEAD), "NI");
        // Whoever logs in again stays.
        center.log_in(&alice).await;
        center.pass(5).await;
        assert_eq!(alice.shows(), "PAUSED");
    });
}

/// AGENT_API.txt, external_status: when to call back, who, and what to say then.
#[test]
fn a_callback_is_scheduled_from_outside_with_its_comments() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        center.ask_agent("external_hangup", "alice", &[("value", "1")]).await;
        center.pass(2).await;
        let status = [
            ("value", "CALLBK"),
            ("callback_datetime", "2026-11-25 12:00:00"),
            ("callback_type", "USERONLY"),
            ("callback_comments", "ask for the wife"),
        ];
        let answer = center.ask_agent("external_status", "alice", &status).await;
        assert_eq!(answer, "SUCCESS: external_status function set - CALLBK|alice\n");
        center.pass(3).await;
        assert_eq!((alice.shows().as_str(), center.status(LEAD)), ("READY", "CBHOLD".to_owned()));
        let answer = center.ask("lead_callback_info", &[("lead_id", "1001")]).await;
        let start = "1001|CURRENT|USERONLY|ACTIVE|CALLBK|2026-11-25 12:00:00|";
        assert!(answer.starts_with(start) && answer.contains("|ask for the wife"), "{answer}");
        let wrong = [("value", "CALLBK"), ("callback_datetime", "tomorrow")];
        let answer = center.ask_agent("external_status", "alice", &wrong).await;
        assert_eq!(answer, "ERROR: external_status not valid - CALLBK|alice\n");
    });
}

/// HANGUP_BOTH: the customer and the third. HANGUP_XFER_GRAB_CUSTOMER: the third, and the customer is taken back.
#[test]
fn customer_and_third_are_hung_up_on_together_or_the_third_alone() {
    scene(|center| async move {
        let alice = center.talking("alice").await;
        transfers(&center, "PARK_CUSTOMER_DIAL", TOM).await;
        let answer = center.ask_agent("park_call", "alice", &[("value", "HANGUP_XFER_GRAB_CUSTOMER")]).await;
        assert_eq!(answer, "SUCCESS: park_call function set - HANGUP_XFER_GRAB_CUSTOMER|alice\n");
        center.pass(3).await;
        assert_eq!((alice.shows(), alice.screen().unwrap().third), ("INCALL".to_owned(), String::new()));
        transfers(&center, "DIAL_WITH_CUSTOMER", TOM).await;
        assert_eq!(alice.screen().unwrap().third, "LIVE");
        transfers(&center, "HANGUP_BOTH", "").await;
        assert_eq!(alice.shows(), "DISPO");
        for number in [MARY, TOM] {
            assert!(center.carrier.calls(number).last().unwrap().ended.is_some(), "{number}");
        }
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
