//! Agents' sessions.

use super::play::{OPENING, Play, Script, number};
use crate::floor::core::{Action, LeadId};
use crate::floor::settings::{Profile, Quirks};
use crate::floor::switch::{Order, Part};

#[test]
fn a_login_calls_the_agents_phone_into_a_room_of_her_own_and_she_is_paused() {
    let mut play = Play::new(|_| {});
    play.log_in("alice");
    play.log_in("bob");
    let agent = play.core.agent_status(play.now, "alice").unwrap();
    assert_eq!((agent.status, agent.pause_code.as_str(), agent.phone_in_session), ("PAUSED", "LOGIN", true));
    assert!(!play.together("alice", "bob"));
}

#[test]
fn a_login_whose_phone_does_not_answer_is_a_session_without_a_phone() {
    let mut play = Play::new(|_| {});
    play.scripts.insert("alice".into(), Script::Never);
    play.log_in("alice");
    play.run(61.0);
    assert!(!play.core.agent_status(play.now, "alice").unwrap().phone_in_session);
    play.scripts.clear();
    assert!(play.act("alice", Action::CallPhone).is_ok());
    play.run(1.0);
    assert!(play.core.agent_status(play.now, "alice").unwrap().phone_in_session);
}

#[test]
fn a_wrong_password_begins_no_session_and_ten_of_them_lock_the_name_out_for_a_quarter_of_an_hour() {
    let mut play = Play::new(|_| {});
    let login =
        |password: &str| Action::Login { user: "alice".into(), password: password.into(), campaign: "renewals".into() };
    for _ in 0..9 {
        assert!(!play.act_as("", login("guess")).is_ok());
    }
    assert!(play.act_as("", login("secret")).is_ok());
    for _ in 0..10 {
        assert!(!play.act_as("", login("guess")).is_ok());
    }
    assert!(!play.act_as("", login("secret")).is_ok());
    play.run(899.0);
    assert!(!play.act_as("", login("secret")).is_ok());
    play.run(1.0);
    assert!(play.act_as("", login("secret")).is_ok());
}

/// The customer is in the room when the call is assigned; the screen's next poll finds the row QUEUE and makes it INCALL.
#[test]
fn a_call_is_queue_until_the_screen_has_picked_it_up() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.ready("alice");
    assert_eq!(play.status("alice"), "READY");
    play.dialer_calls(1001);
    play.closes_tab("alice");
    play.run(2.001);
    assert_eq!((play.status("alice"), play.lead_status(1001)), ("QUEUE", "QUEUE"));
    assert!(play.together("alice", &number(1001)));
    let shown = play.poll("alice");
    assert_eq!((shown.status.as_str(), shown.lead_id, shown.phone_number.as_str()), ("INCALL", 1001, "15551231001"));
    assert_eq!(play.lead_status(1001), "INCALL");
}

#[test]
fn a_disposition_ends_the_call_and_makes_the_agent_ready_again() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    assert!(play.dispose("alice", "SALE").is_ok());
    play.run(0.1);
    assert_eq!((play.status("alice"), play.lead_status(1001)), ("READY", "SALE"));
    assert_eq!(play.leg(&number(1001)), None, "saving in a live call hangs up first");
}

#[test]
fn who_wants_to_pause_in_a_call_pauses_after_it() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    assert!(play.act("alice", Action::Pause { code: Some("LUNCH".into()) }).is_ok());
    assert_eq!(play.status("alice"), "INCALL");
    play.dispose("alice", "NI");
    let agent = play.core.agent_status(play.now, "alice").unwrap();
    assert_eq!((agent.status, agent.pause_code.as_str(), agent.sub_status), ("PAUSED", "LUNCH", ""));
}

/// `conf_exten_check`: INCALL and no call any more, seen on two polls.
#[test]
fn an_agent_whose_customer_has_gone_is_dead_after_two_polls() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    play.closes_tab("alice");
    play.hangs_up(&number(1001));
    assert_eq!(play.poll("alice").sub_status, "");
    let shown = play.poll("alice");
    assert_eq!((shown.status.as_str(), shown.sub_status.as_str()), ("INCALL", "DEAD"));
    assert!(play.act("alice", Action::HangUp).is_ok());
    let agent = play.core.agent_status(play.now, "alice").unwrap();
    assert_eq!((agent.status, agent.sub_status, play.lead_status(1001)), ("PAUSED", "DISPO", "DISPO"));
}

/// A live agent who isn't paused and hasn't been seen for more than 30 s; the dialer looks each 2.5 s.
#[test]
fn a_silent_screen_lags_after_thirty_seconds_and_not_before() {
    let mut play = Play::new(|_| {});
    play.ready("alice");
    play.closes_tab("alice");
    play.run(29.0);
    assert_eq!(play.status("alice"), "READY");
    play.run(4.0);
    let agent = play.core.agent_status(play.now, "alice").unwrap();
    assert_eq!((agent.status, agent.pause_code.as_str()), ("PAUSED", "LAGGED"));
}

#[test]
fn a_paused_agent_never_lags() {
    let mut play = Play::new(|_| {});
    play.log_in("alice");
    play.closes_tab("alice");
    play.run(120.0);
    assert_eq!(play.core.agent_status(play.now, "alice").unwrap().pause_code, "LOGIN");
}

#[test]
fn only_agents_seen_within_five_seconds_get_calls() {
    for (silent, status) in [(2.9, "QUEUE"), (3.2, "READY")] {
        let mut play = Play::new(|_| {}).with_leads(1);
        play.ready("alice");
        play.poll("alice");
        play.closes_tab("alice");
        play.run(silent);
        play.dialer_calls(1001);
        play.run(2.0);
        assert_eq!(play.status("alice"), status, "silent for {silent} s before the call");
    }
}

/// The tab is closed in a call: the customer stays in the room, no disposition screen comes, the lead stays INCALL until
/// the same user logs in again.
#[test]
fn a_tab_closed_in_a_call_leaves_the_customer_in_the_room_and_the_lead_incall_until_the_next_login() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    let old = play.screens["alice"].session.clone();
    play.closes_tab("alice");
    assert_eq!(play.act("alice", Action::Logout).error.as_deref(), Some("STILL A LIVE CALL"));
    play.run(3600.0);
    assert_eq!(play.core.agent_status(play.now, "alice").unwrap().pause_code, "LAGGED");
    assert!(play.together("alice", &number(1001)));
    assert_eq!(play.lead_status(1001), "INCALL");
    play.log_in("bob");
    assert_eq!(play.lead_status(1001), "INCALL", "another's login changes nothing");
    play.log_in("alice");
    assert_eq!(play.lead_status(1001), "ERI");
    assert_eq!(play.core.lead(LeadId(1001)).unwrap().user, "");
    assert_eq!(play.leg(&number(1001)), None);
    assert_eq!(play.act_as(&old, Action::Poll { executed: 0 }).screen.unwrap().session, "disabled");
}

#[test]
fn the_modern_profile_gives_a_ghosts_lead_up_once_the_customer_has_gone() {
    let mut play = Play::new(|settings| settings.quirks = Quirks::of(Profile::Modern)).with_leads(1);
    play.talking("alice", 1001);
    play.closes_tab("alice");
    play.run(40.0);
    assert_eq!(play.lead_status(1001), "INCALL", "they may still talk: only the tab is gone");
    play.hangs_up(&number(1001));
    assert_eq!(play.lead_status(1001), "ERI");
}

#[test]
fn a_browser_closed_on_the_disposition_screen_leaves_the_lead_dispo() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    play.act("alice", Action::HangUp);
    assert!(play.act("alice", Action::Logout).is_ok(), "no customer is on the line: the unload handler gets through");
    assert_eq!(play.status("alice"), "");
    play.log_in("alice");
    assert_eq!(play.lead_status(1001), "DISPO");
}

#[test]
fn a_second_login_disables_the_first_screen() {
    let mut play = Play::new(|_| {});
    let first = play.log_in("alice");
    let second = play.log_in("alice");
    let shown =
        |play: &mut Play, session: &str| play.act_as(session, Action::Poll { executed: 0 }).screen.unwrap().session;
    assert_eq!(shown(&mut play, &first), "disabled");
    assert_eq!(shown(&mut play, &second), "ok");
    assert!(!play.act_as(&first, Action::Ready).is_ok());
    assert_eq!(play.legs.values().filter(|leg| leg.to == "alice").count(), 1, "the old room is closed");
}

#[test]
fn a_logout_closes_the_room_and_leaves_no_leg() {
    let mut play = Play::new(|_| {});
    play.ready("alice");
    assert!(play.act("alice", Action::Logout).is_ok());
    play.run(1.0);
    assert_eq!((play.status("alice"), play.legs.len(), play.core.legs()), ("", 0, 0));
}

/// Nobody raises an alarm for a lone customer; "Call Agent Again" calls the phone into the same room.
#[test]
fn a_phone_lost_in_a_call_can_be_called_again_into_the_same_room() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    play.hangs_up("alice");
    play.run(60.0);
    assert_eq!((play.status("alice"), play.lead_status(1001)), ("INCALL", "INCALL"));
    assert!(!play.screens["alice"].last.as_ref().unwrap().phone_in_session);
    assert!(play.act("alice", Action::CallPhone).is_ok());
    play.run(1.0);
    assert!(play.together("alice", &number(1001)));
    assert_eq!(play.status("alice"), "INCALL");
}

#[test]
fn calling_the_phone_again_pauses_an_agent_who_waits() {
    let mut play = Play::new(|_| {});
    play.ready("alice");
    play.hangs_up("alice");
    play.act("alice", Action::CallPhone);
    assert_eq!(play.status("alice"), "PAUSED");
}

#[test]
fn an_agent_without_a_phone_gets_calls_by_a_quirk_only() {
    for profile in [Profile::Vicidial, Profile::Modern] {
        let mut play = Play::new(|settings| settings.quirks = Quirks::of(profile)).with_leads(1);
        play.ready("alice");
        play.hangs_up("alice");
        play.dialer_calls(1001);
        play.run(4.0);
        let expected = if profile == Profile::Vicidial { "INCALL" } else { "READY" };
        assert_eq!(play.status("alice"), expected);
    }
}

#[test]
fn the_record_of_a_session_adds_up_to_its_length() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.log_in("alice");
    play.run(119.5);
    play.act("alice", Action::Ready);
    play.run(60.0);
    play.dialer_calls(1001);
    play.run(2.6);
    assert_eq!(play.status("alice"), "INCALL");
    play.run(180.0);
    play.act("alice", Action::HangUp);
    play.run(30.0);
    play.dispose("alice", "SALE");
    play.run(10.0);
    play.act("alice", Action::Logout);
    let sessions = play.core.session_times(play.now, "alice");
    let [session] = sessions.as_slice() else { panic!("one session, not {sessions:?}") };
    let times = session.times;
    assert_eq!(session.began, OPENING);
    assert_eq!(Some(session.began + times.total()), session.ended);
    let about =
        |time: u64, seconds: u64| assert!(time.abs_diff(seconds * 1000) <= 1000, "{time} ms aren't {seconds} s");
    about(times.paused, 120);
    about(times.waiting, 60 + 2 + 10);
    about(times.talking, 180);
    about(times.wrapping, 30);
}

#[test]
fn listeners_whisperers_and_barging_managers_have_their_parts() {
    use crate::floor::core::Monitoring;
    for how in [Monitoring::Listen, Monitoring::Whisper, Monitoring::Barge] {
        let mut play = Play::new(|_| {}).with_leads(1);
        play.talking("alice", 1001);
        play.core.monitor(play.now, "bob", "alice", how).unwrap();
        play.pump();
        play.run(1.0);
        let alice = play.leg("alice").unwrap();
        let expected = match how {
            Monitoring::Listen => Part::Listens,
            Monitoring::Whisper => Part::Whispers { to: alice },
            Monitoring::Barge => Part::Talks,
        };
        let bob = &play.legs[&play.leg("bob").unwrap()];
        assert!(play.together("bob", "alice"));
        assert_eq!(bob.room.as_ref().unwrap().1, expected);
        play.dispose("alice", "NI");
        play.act("alice", Action::Logout);
        play.run(1.0);
        assert!(play.legs.is_empty(), "who listened goes with the room");
    }
}

#[test]
fn park_gives_the_customer_music_and_grab_brings_him_back() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    assert!(play.act("alice", Action::Park).is_ok());
    let leg = play.leg(&number(1001)).unwrap();
    assert!(play.legs[&leg].music && !play.together("alice", &number(1001)));
    assert!(!play.act("alice", Action::Park).is_ok());
    assert!(play.act("alice", Action::Grab).is_ok());
    assert!(play.together("alice", &number(1001)));
    assert!(play.act("alice", Action::Digits { digits: "12".into() }).is_ok());
    assert!(play.orders.contains(&Order::Digits { leg, digits: "12".into() }));
}

/// A paused row that nobody has looked at for hours is removed by the keepalive, one that's polled never.
#[test]
fn a_paused_row_without_a_screen_is_removed_some_day() {
    let mut play = Play::new(|_| {});
    play.log_in("alice");
    play.log_in("bob");
    play.closes_tab("alice");
    play.run(12.0 * 3600.0 - 60.0);
    assert_eq!(play.status("alice"), "PAUSED");
    play.run(120.0);
    assert_eq!((play.status("alice"), play.status("bob")), ("", "PAUSED"));
}
