//! The dialer, its hopper, recycling and predictive levels; dialing by hand.

use std::collections::BTreeSet;
use std::time::Duration;

use super::play::{Play, Script, number};
use crate::floor::core::{Action, Dialed, LeadId};
use crate::floor::settings::{Campaign, Method, Recycling, User};

fn level(level: f64) -> impl FnOnce(&mut crate::floor::settings::FloorSettings) {
    move |settings| settings.campaigns[0].method = Method::Ratio { level }
}

/// goalcalls = round(dial level x active agents), less the calls that exist.
#[test]
fn the_dialer_keeps_the_level_times_the_active_agents_lines() {
    for (lines, agents, expected) in [(1.0, 1, 1), (2.0, 2, 4), (1.5, 1, 2), (2.4, 1, 2)] {
        let mut play = Play::new(level(lines)).with_leads(20);
        play.otherwise = Script::Never;
        for agent in &["alice", "bob"][..agents] {
            play.ready(agent);
        }
        play.runs_dialer();
        play.run(10.0);
        assert_eq!(play.dialed().len(), expected, "{lines} lines for each of {agents}");
    }
}

#[test]
fn an_agent_in_a_call_has_her_line_in_it() {
    let mut play = Play::new(level(1.0)).with_leads(20);
    play.ready("alice");
    play.runs_dialer();
    play.run(120.0);
    assert_eq!(play.dialed().len(), 1);
    play.dispose("alice", "NI");
    play.run(5.0);
    assert_eq!(play.dialed().len(), 2);
}

#[test]
fn without_agents_nobody_is_called() {
    let mut play = Play::new(level(3.0)).with_leads(20);
    play.log_in("alice");
    play.runs_dialer();
    play.run(120.0);
    assert!(play.dialed().is_empty(), "she pauses");
}

#[test]
fn an_idle_dialer_calls_no_lead() {
    let mut play = Play::new(level(1.0)).with_leads(20);
    play.ready("alice");
    play.run(300.0);
    assert!(play.dialed().is_empty());
    play.runs_dialer();
    play.run(3.0);
    play.core.stop_dialer(play.now, "renewals");
    play.dispose("alice", "NI");
    play.run(300.0);
    assert_eq!(play.dialed().len(), 1);
}

/// Overlapping runs have dialed 51 calls instead of 3 elsewhere (juspay/clairvoyance#668).
#[test]
fn two_runs_at_once_call_nobody_twice() {
    let mut play = Play::new(level(3.0)).with_leads(3);
    play.otherwise = Script::Never;
    play.ready("alice");
    play.runs_dialer();
    play.runs_dialer();
    for lead in 1001..=1003 {
        assert!(play.core.call_lead(play.now, "renewals", LeadId(lead)).is_err(), "it's being called");
    }
    play.run(50.0);
    assert_eq!(play.dialed().len(), 3);
}

#[test]
fn a_thousand_leads_are_called_once_each() {
    let mut play = Play::new(level(2.0)).with_leads(1000);
    play.otherwise = Script::Refuses(486, Some(17));
    for agent in ["alice", "bob", "carol"] {
        play.ready(agent);
    }
    play.runs_dialer();
    play.run(3600.0);
    let dialed = play.dialed();
    assert_eq!((dialed.len(), dialed.iter().collect::<BTreeSet<_>>().len()), (1000, 1000));
    assert_eq!(play.core.status_counts("renewals"), [("AB".to_owned(), 1000)].into());
}

#[test]
fn the_hopper_is_filled_each_minute_and_when_the_campaign_starts() {
    let mut play = Play::new(|settings| {
        level(1.0)(settings);
        settings.campaigns[0].hopper_level = Some(2);
    })
    .with_leads(10);
    play.otherwise = Script::Refuses(486, Some(17));
    play.ready("alice");
    play.runs_dialer();
    play.run(59.0);
    assert_eq!(play.dialed().len(), 2, "the hopper is empty until the minute is over");
    play.run(10.0);
    assert_eq!(play.dialed().len(), 4);
}

#[test]
fn a_number_on_the_do_not_call_list_is_never_called_though_its_lead_was_in_the_hopper() {
    let mut play = Play::new(level(1.0)).with_leads(3);
    play.core.add_dnc(play.now, &number(1001), None);
    play.ready("alice");
    play.runs_dialer();
    play.core.add_dnc(play.now, &number(1003), None);
    play.run(4.0);
    play.dispose("alice", "NI");
    play.run(200.0);
    assert_eq!(play.dialed(), [number(1002)]);
    assert_eq!((play.lead_status(1001), play.lead_status(1003)), ("DNCL", "DNCL"));
}

#[test]
fn a_recycled_status_is_called_again_after_its_time_and_so_often_as_it_may() {
    let recycle = Recycling { status: "AB".into(), after: Duration::from_secs(300), at_most: 2 };
    let mut play = Play::new(move |settings| settings.campaigns[0].recycling = vec![recycle]).with_leads(1);
    play.otherwise = Script::Refuses(486, Some(17));
    play.ready("alice");
    play.runs_dialer();
    play.run(299.0);
    assert_eq!(play.dialed().len(), 1);
    play.run(70.0);
    assert_eq!(play.dialed().len(), 2);
    play.run(4000.0);
    assert_eq!(play.dialed().len(), 3, "the first call and two repetitions");
}

#[test]
fn a_status_that_is_not_recycled_is_not_called_again() {
    let recycle = Recycling { status: "ERI".into(), after: Duration::from_secs(300), at_most: 2 };
    let mut play = Play::new(move |settings| settings.campaigns[0].recycling = vec![recycle]).with_leads(1);
    play.otherwise = Script::Refuses(486, Some(17));
    play.ready("alice");
    play.runs_dialer();
    play.run(4000.0);
    assert_eq!(play.dialed().len(), 1);
}

/// A drawn crowd: one in three answers and talks for a while, one in ten is busy, the others don't answer.
fn crowd(play: &mut Play, leads: u64) {
    for n in 0..leads {
        let script = match n * 7 % 10 {
            0 | 3 | 6 => Script::Answers(2.0 + (n % 5) as f64, Some(20.0 + (n % 40) as f64)),
            1 => Script::Refuses(486, Some(17)),
            _ => Script::Never,
        };
        play.scripts.insert(number(1001 + n), script);
    }
}

fn hour(method: Method, agents: usize) -> Play {
    let mut play = Play::new(move |settings| {
        settings.campaigns[0].method = method;
        settings.campaigns[0].dial_timeout = Duration::from_secs(20);
        for n in 0..agents {
            settings.users.push(User::agent(&format!("agent{n}"), "secret"));
        }
    })
    .with_leads(8000);
    crowd(&mut play, 8000);
    for n in 0..agents {
        let name = format!("agent{n}");
        play.ready(&name);
        play.screens.get_mut(&name).unwrap().saves = Some(("NI", 5.0));
    }
    play.runs_dialer();
    play.run(3600.0);
    play
}

/// The drop target is 3% of answers.
#[test]
fn predictive_dialing_keeps_more_lines_than_agents_and_the_drop_target_all_the_same() {
    let play = hour(Method::Predictive { most: 4.0 }, 20);
    let stats = play.core.campaign_stats("renewals");
    assert!(stats.answered > 400, "{stats:?}");
    assert!(stats.drop_rate() <= 0.03, "{stats:?}");
    assert!(stats.dial_level > 1.0, "{stats:?}");
    let cautious = hour(Method::Ratio { level: 1.0 }, 20).core.campaign_stats("renewals");
    assert!(stats.answered > cautious.answered, "{stats:?} against {cautious:?}");
    let bold = hour(Method::Ratio { level: 4.0 }, 20).core.campaign_stats("renewals");
    assert!(bold.drop_rate() > 0.03, "a ratio knows no target: {bold:?}");
}

#[test]
fn every_call_of_an_hour_is_accounted_for_and_every_session_adds_up() {
    let mut play = hour(Method::Ratio { level: 2.0 }, 10);
    play.core.stop_dialer(play.now, "renewals");
    play.run(200.0);
    assert_eq!(play.core.running_calls().count(), 0);
    let placed = play.core.campaign_stats("renewals").placed;
    assert_eq!(play.core.status_counts("renewals").values().sum::<u64>(), placed);
    assert_eq!(play.dialed().len() as u64, placed);
    for n in 0..10 {
        for session in play.core.session_times(play.now, &format!("agent{n}")) {
            assert_eq!(session.times.total(), play.now.wall - session.began);
        }
    }
}

#[test]
fn an_agent_who_dials_by_hand_is_in_the_call_from_its_beginning() {
    let mut play =
        Play::new(|settings| settings.campaigns[0] = Campaign { lists: vec![101], ..Campaign::manual("renewals") })
            .with_leads(2);
    play.log_in("alice");
    assert!(play.act("alice", Action::Dial(Dialed::Lead(LeadId(1001)))).is_ok());
    assert_eq!(play.status("alice"), "INCALL");
    play.run(1.0);
    assert_eq!(play.screens["alice"].last.as_ref().unwrap().customer, "DIALING");
    play.run(2.0);
    assert!(play.together("alice", &number(1001)));
    assert!(!play.act("alice", Action::Dial(Dialed::Next)).is_ok(), "one call at a time");
    play.dispose("alice", "SALE");
    assert_eq!((play.lead_status(1001), play.status("alice")), ("SALE", "PAUSED"));
    assert!(play.act("alice", Action::Dial(Dialed::Next)).is_ok());
    play.run(3.0);
    assert!(play.together("alice", &number(1002)));
}

#[test]
fn a_call_by_hand_that_fails_says_why_and_the_agent_says_what_became_of_it() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.script(1001, Script::Refuses(486, Some(17)));
    play.log_in("alice");
    play.act("alice", Action::Dial(Dialed::Number(number(1001))));
    play.run(2.0);
    assert_eq!(play.screens["alice"].last.as_ref().unwrap().customer, "AB");
    assert!(play.dispose("alice", "B").is_ok());
    assert_eq!(play.lead_status(1001), "B");
    assert_eq!(play.core.status_counts("renewals"), [("B".to_owned(), 1)].into());
}

#[test]
fn a_do_not_call_number_dialed_by_hand_is_refused() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.core.add_dnc(play.now, &number(1001), None);
    play.core.add_dnc(play.now, "15559999999", None);
    play.log_in("alice");
    assert!(!play.act("alice", Action::Dial(Dialed::Lead(LeadId(1001)))).is_ok());
    assert!(!play.act("alice", Action::Dial(Dialed::Number("15559999999".into()))).is_ok());
    assert!(play.dialed().is_empty());
    assert_eq!(play.status("alice"), "PAUSED");
}

#[test]
fn a_lead_that_the_dialer_calls_cannot_be_dialed_by_hand() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.otherwise = Script::Never;
    play.log_in("alice");
    play.dialer_calls(1001);
    assert!(!play.act("alice", Action::Dial(Dialed::Lead(LeadId(1001)))).is_ok());
    assert_eq!(play.dialed().len(), 1);
}

/// The longest wait first.
#[test]
fn who_has_waited_longest_gets_the_call() {
    let mut play = Play::new(|_| {}).with_leads(2);
    play.ready("bob");
    play.run(1.0);
    play.ready("alice");
    play.dialer_calls(1001);
    play.run(4.0);
    assert_eq!((play.status("bob"), play.status("alice")), ("INCALL", "READY"));
    play.dispose("bob", "NI");
    play.dialer_calls(1002);
    play.run(4.0);
    assert_eq!((play.status("bob"), play.status("alice")), ("READY", "INCALL"));
}

#[test]
fn an_agent_in_her_wrap_up_gets_no_call() {
    let mut play = Play::new(|settings| settings.campaigns[0].wrap_up = Duration::from_secs(20)).with_leads(2);
    play.talking("alice", 1001);
    play.dispose("alice", "NI");
    play.dialer_calls(1002);
    play.run(8.0);
    assert_eq!((play.lead_status(1002), play.status("alice")), ("DROP", "READY"));
    let mut play = Play::new(|settings| settings.campaigns[0].wrap_up = Duration::from_secs(4)).with_leads(2);
    play.talking("alice", 1001);
    play.dispose("alice", "NI");
    play.dialer_calls(1002);
    play.run(8.0);
    assert_eq!(play.lead_status(1002), "INCALL");
}
