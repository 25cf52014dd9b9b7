//! How each status of a lead comes about.

use super::play::{Play, Script, number};
use crate::floor::core::{Action, LeadId};

fn after(script: Script, detects: bool, agents: &[&str], seconds: f64) -> Play {
    let mut play = Play::new(|settings| settings.campaigns[0].detects_machines = detects).with_leads(1);
    for agent in agents {
        play.ready(agent);
    }
    play.script(1001, script);
    play.dialer_calls(1001);
    play.run(seconds);
    play
}

#[test]
fn a_call_that_comes_to_nothing_says_why() {
    for (script, seconds, status) in [
        (Script::Refuses(486, Some(17)), 1.0, "AB"),
        (Script::Refuses(404, Some(1)), 1.0, "ADC"),
        (Script::Refuses(503, Some(34)), 1.0, "ADCT"),
        (Script::Refuses(603, Some(21)), 1.0, "ADCT"),
        (Script::Refuses(480, Some(18)), 1.0, "NA"),
        (Script::Refuses(0, None), 1.0, "LRERR"),
        (Script::Never, 60.1, "NA"),
    ] {
        let play = after(script, false, &["alice"], seconds);
        assert_eq!(play.lead_status(1001), status, "{script:?}");
        let record = play.core.calls_of_lead(LeadId(1001)).next().unwrap();
        assert_eq!((record.status.as_str(), record.ended.is_some()), (status, true));
        assert_eq!(play.status("alice"), "READY");
    }
}

#[test]
fn it_rings_for_sixty_seconds_and_no_shorter() {
    let play = after(Script::Never, false, &["alice"], 59.9);
    assert_eq!(play.lead_status(1001), "NEW");
    assert_eq!(play.core.running_calls().count(), 1);
}

#[test]
fn an_answered_customer_without_an_agent_is_dropped_after_five_seconds() {
    let play = after(Script::Answers(2.0, None), false, &[], 6.9);
    assert_eq!(play.lead_status(1001), "PU");
    let play = after(Script::Answers(2.0, None), false, &[], 7.1);
    assert_eq!(play.lead_status(1001), "DROP");
    assert_eq!(play.legs.len(), 0);
    let stats = play.core.campaign_stats("renewals");
    assert_eq!((stats.placed, stats.answered, stats.dropped), (1, 1, 1));
}

#[test]
fn who_hangs_up_while_he_waits_is_a_drop_too() {
    let play = after(Script::Answers(2.0, Some(1.0)), false, &[], 3.5);
    assert_eq!(play.lead_status(1001), "DROP");
    assert_eq!(play.core.calls_of_lead(LeadId(1001)).next().unwrap().ended_by, "ABANDON");
}

/// Answered and hung up before the routing had begun: while the machine detection listens.
#[test]
fn who_hangs_up_before_the_routing_is_pdrop() {
    let play = after(Script::Answers(2.0, Some(0.5)), true, &["alice"], 3.0);
    assert_eq!(play.lead_status(1001), "PDROP");
    assert_eq!(play.status("alice"), "READY");
    assert_eq!(play.core.campaign_stats("renewals").dropped, 1);
}

#[test]
fn a_machine_is_aa_and_no_agent_hears_it_where_machines_are_detected() {
    let play = after(Script::Machine, true, &["alice"], 5.0);
    assert_eq!((play.lead_status(1001), play.status("alice")), ("AA", "READY"));
    let stats = play.core.campaign_stats("renewals");
    assert_eq!((stats.answered, stats.dropped), (0, 0), "a machine isn't a customer");
    let play = after(Script::Machine, false, &["alice"], 5.0);
    assert_eq!(play.status("alice"), "INCALL");
}

#[test]
fn a_man_is_passed_on_after_the_detection() {
    let play = after(Script::Answers(2.0, None), true, &["alice"], 5.0);
    assert_eq!((play.lead_status(1001), play.status("alice")), ("INCALL", "INCALL"));
}

#[test]
fn an_agents_own_statuses_are_written_as_they_are() {
    for status in ["SALE", "NI", "NP", "N", "DEC", "B", "A", "DC", "XFER"] {
        let mut play = Play::new(|_| {}).with_leads(1);
        play.talking("alice", 1001);
        assert!(play.dispose("alice", status).is_ok());
        assert_eq!(play.lead_status(1001), status);
    }
}

#[test]
fn the_disposition_dnc_puts_the_number_on_the_list_and_it_is_dialed_never_again() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    play.dispose("alice", "DNC");
    assert!(play.core.is_dnc(&number(1001), None));
    assert!(play.core.call_lead(play.now, "renewals", LeadId(1001)).is_err());
    assert_eq!(play.lead_status(1001), "DNCL");
    assert_eq!(play.dialed().len(), 1);
}

#[test]
fn two_saves_of_one_disposition_are_one_call_with_one_status() {
    let mut play = Play::new(|_| {}).with_leads(2);
    play.talking("alice", 1001);
    play.dispose("alice", "SALE");
    assert!(!play.dispose("alice", "SALE").is_ok(), "an empty lead at submit: there's nothing to be saved");
    assert_eq!(play.core.status_counts("renewals"), [("SALE".to_owned(), 1)].into());
    assert_eq!(play.core.campaign_stats("renewals").sales, 1);
}

#[test]
fn a_customer_who_hangs_up_first_is_disposed_of_as_any_other() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.script(1001, Script::Answers(2.0, Some(10.0)));
    play.ready("alice");
    play.screens.get_mut("alice").unwrap().saves = Some(("NI", 5.0));
    play.dialer_calls(1001);
    play.run(30.0);
    assert_eq!((play.lead_status(1001), play.status("alice")), ("NI", "READY"));
    let record = play.core.calls_of_lead(LeadId(1001)).next().unwrap();
    assert_eq!((record.ended_by.as_str(), record.user.as_str()), ("CALLER", "alice"));
}

#[test]
fn an_agent_in_an_open_call_or_disposition_cannot_become_ready() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    assert!(!play.act("alice", Action::Ready).is_ok());
    play.act("alice", Action::HangUp);
    assert!(!play.act("alice", Action::Ready).is_ok());
    assert_eq!(play.core.agent_status(play.now, "alice").unwrap().sub_status, "DISPO");
}
