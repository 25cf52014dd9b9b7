//! Giving customers away.

use super::play::{Play, Script, number};
use crate::floor::core::{Action, LeadId, Transfer};
use crate::floor::settings::{Profile, Quirks};

const OUTSIDE: &str = "8005550199";

fn talking() -> Play {
    let mut play = Play::new(|_| {}).with_leads(2);
    play.talking("alice", 1001);
    play
}

fn to(name: &str) -> String {
    name.to_owned()
}

#[test]
fn a_blind_transfer_to_a_number_leaves_customer_and_number_talking() {
    let mut play = talking();
    assert!(play.act("alice", Action::Transfer(Transfer::Blind { to: to(OUTSIDE) })).is_ok());
    assert_eq!(play.core.agent_status(play.now, "alice").unwrap().sub_status, "DISPO");
    play.run(3.0);
    assert!(play.together(&number(1001), OUTSIDE));
    assert!(!play.together(&number(1001), "alice"));
    play.dispose("alice", "XFER");
    assert_eq!((play.status("alice"), play.lead_status(1001)), ("READY", "XFER"));
    play.hangs_up(&number(1001));
    play.run(1.0);
    assert_eq!(play.leg(OUTSIDE), None);
    assert_eq!((play.core.running_calls().count(), play.lead_status(1001)), (0, "XFER"));
}

#[test]
fn a_blind_transfer_that_nobody_answers_ends_the_customers_call() {
    let mut play = talking();
    play.scripts.insert(to(OUTSIDE), Script::Refuses(486, Some(17)));
    play.act("alice", Action::Transfer(Transfer::Blind { to: to(OUTSIDE) }));
    play.run(1.0);
    assert_eq!(play.leg(&number(1001)), None);
}

#[test]
fn a_transfer_to_nobody_is_refused_and_the_customer_stays() {
    let mut play = talking();
    for nobody in ["mallory", "", "12", "alice"] {
        assert!(!play.act("alice", Action::Transfer(Transfer::Blind { to: to(nobody) })).is_ok(), "{nobody}");
        assert!(!play.act("alice", Action::Transfer(Transfer::Consult { to: to(nobody) })).is_ok(), "{nobody}");
    }
    assert!(play.together("alice", &number(1001)));
}

#[test]
fn a_blind_transfer_to_an_agent_is_a_call_of_its_own_for_her() {
    let mut play = talking();
    play.ready("bob");
    play.act("alice", Action::Transfer(Transfer::Blind { to: to("bob") }));
    play.run(2.0);
    assert!(play.together("bob", &number(1001)));
    assert_eq!(play.status("bob"), "INCALL");
    play.dispose("alice", "XFER");
    assert_eq!(play.lead_status(1001), "INCALL", "the lead is bob's by now");
    play.dispose("bob", "SALE");
    assert_eq!(play.lead_status(1001), "SALE");
    let statuses: Vec<String> = play.core.calls_of_lead(LeadId(1001)).map(|call| call.status.clone()).collect();
    assert_eq!(statuses, ["XFER", "SALE"]);
}

#[test]
fn the_first_agents_late_disposition_does_not_undo_the_seconds() {
    let mut play = talking();
    play.ready("bob");
    play.act("alice", Action::Transfer(Transfer::Blind { to: to("bob") }));
    play.run(2.0);
    play.dispose("bob", "SALE");
    play.dispose("alice", "XFER");
    assert_eq!(play.lead_status(1001), "SALE");
}

#[test]
fn a_customer_given_to_an_agent_who_is_busy_waits_for_her_with_music() {
    let mut play = talking();
    play.log_in("bob");
    play.ready("carol");
    play.act("alice", Action::Transfer(Transfer::Blind { to: to("bob") }));
    play.run(10.0);
    assert_eq!(play.status("carol"), "READY", "he's meant for bob");
    let leg = play.leg(&number(1001)).unwrap();
    assert!(play.legs[&leg].music);
    play.act("bob", Action::Ready);
    assert!(play.together("bob", &number(1001)));
}

#[test]
fn a_consulted_number_takes_the_customer() {
    let mut play = talking();
    assert!(play.act("alice", Action::Transfer(Transfer::Consult { to: to(OUTSIDE) })).is_ok());
    assert!(!play.act("alice", Action::Transfer(Transfer::Complete)).is_ok(), "it still rings");
    play.run(3.0);
    assert!(play.together("alice", OUTSIDE) && !play.together("alice", &number(1001)));
    assert_eq!(play.screens["alice"].last.as_ref().unwrap().third, "LIVE");
    assert!(play.act("alice", Action::Transfer(Transfer::Complete)).is_ok());
    assert!(play.together(OUTSIDE, &number(1001)) && !play.together("alice", OUTSIDE));
    assert_eq!(play.core.agent_status(play.now, "alice").unwrap().sub_status, "DISPO");
}

#[test]
fn whoever_consults_can_take_the_customer_back() {
    let mut play = talking();
    play.act("alice", Action::Transfer(Transfer::Consult { to: to(OUTSIDE) }));
    play.run(3.0);
    assert!(play.act("alice", Action::Transfer(Transfer::TakeBack)).is_ok());
    play.run(0.1);
    assert!(play.together("alice", &number(1001)));
    assert_eq!(play.leg(OUTSIDE), None);
}

#[test]
fn a_consulted_agent_takes_the_customer_into_her_own_room() {
    let mut play = talking();
    play.ready("bob");
    assert!(play.act("alice", Action::Transfer(Transfer::Consult { to: to("bob") })).is_ok());
    assert!(play.together("alice", "bob"));
    assert_eq!(play.core.agent_status(play.now, "bob").unwrap().pause_code, "CONSLT");
    assert!(!play.act("bob", Action::Ready).is_ok());
    assert!(play.act("alice", Action::Transfer(Transfer::Complete)).is_ok());
    assert!(play.together("bob", &number(1001)) && !play.together("alice", "bob"));
    play.run(1.5);
    assert_eq!(play.status("bob"), "INCALL");
    play.dispose("alice", "XFER");
    play.dispose("bob", "SALE");
    assert_eq!((play.lead_status(1001), play.status("bob"), play.status("alice")), ("SALE", "READY", "READY"));
}

#[test]
fn a_consulted_agent_who_is_not_needed_is_ready_again() {
    let mut play = talking();
    play.ready("bob");
    play.act("alice", Action::Transfer(Transfer::Consult { to: to("bob") }));
    play.act("alice", Action::Transfer(Transfer::TakeBack));
    assert_eq!(play.status("bob"), "READY");
    assert!(play.together("alice", &number(1001)) && !play.together("alice", "bob"));
}

#[test]
fn a_consulted_agent_who_was_pausing_pauses_on() {
    for completes in [true, false] {
        let mut play = talking();
        play.log_in("bob");
        play.act("bob", Action::Pause { code: Some("LUNCH".into()) });
        assert!(play.act("alice", Action::Transfer(Transfer::Consult { to: to("bob") })).is_ok());
        if completes {
            play.act("alice", Action::Transfer(Transfer::Complete));
            play.run(2.0);
            assert_eq!(play.status("bob"), "INCALL");
            play.dispose("bob", "SALE");
        } else {
            play.act("alice", Action::Transfer(Transfer::TakeBack));
        }
        assert_eq!(play.core.agent_status(play.now, "bob").unwrap().pause_code, "LUNCH");
    }
}

/// The modern floor gives up the lead of an agent who logs out without a disposition: not if somebody else has it.
#[test]
fn an_agent_who_leaves_without_a_disposition_takes_no_customer_from_whom_she_has_given_him_to() {
    for to_agent in [true, false] {
        let mut play = Play::new(|settings| settings.quirks = Quirks::of(Profile::Modern)).with_leads(1);
        play.talking("alice", 1001);
        play.ready("bob");
        let whom = if to_agent { "bob" } else { OUTSIDE };
        play.act("alice", Action::Transfer(Transfer::Blind { to: to(whom) }));
        play.run(3.0);
        assert!(play.act("alice", Action::Logout).is_ok());
        assert!(play.together(whom, &number(1001)));
        assert_eq!(play.core.calls_of_lead(LeadId(1001)).next().unwrap().status, "ERI");
    }
}

#[test]
fn an_adviser_whose_phone_is_lost_is_no_third_any_more() {
    let mut play = talking();
    play.ready("bob");
    play.act("alice", Action::Transfer(Transfer::Consult { to: to("bob") }));
    play.hangs_up("bob");
    assert!(!play.act("alice", Action::Transfer(Transfer::Complete)).is_ok());
    assert!(play.act("alice", Action::Transfer(Transfer::TakeBack)).is_ok());
    assert!(play.together("alice", &number(1001)));
}

#[test]
fn in_a_conference_all_three_are_in_one_room() {
    let mut play = talking();
    play.act("alice", Action::Transfer(Transfer::Conference { to: to(OUTSIDE) }));
    play.run(3.0);
    assert!(play.together("alice", OUTSIDE) && play.together("alice", &number(1001)));
    play.act("alice", Action::HangUp);
    play.run(0.1);
    assert_eq!((play.leg(OUTSIDE), play.leg(&number(1001))), (None, None));
}

#[test]
fn a_customer_who_goes_during_a_consultation_leaves_the_agent_with_the_third() {
    let mut play = talking();
    play.act("alice", Action::Transfer(Transfer::Consult { to: to(OUTSIDE) }));
    play.run(3.0);
    play.hangs_up(&number(1001));
    play.run(3.0);
    assert_eq!(play.core.agent_status(play.now, "alice").unwrap().sub_status, "DEAD");
    assert!(play.act("alice", Action::Transfer(Transfer::TakeBack)).is_ok());
    play.dispose("alice", "NI");
    play.run(1.0);
    assert_eq!((play.status("alice"), play.leg(OUTSIDE)), ("READY", None));
}
