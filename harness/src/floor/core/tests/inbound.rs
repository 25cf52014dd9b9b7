//! Customers who call.

use std::time::Duration;

use super::play::{Play, Script, number};
use crate::floor::core::{Action, LeadId};
use crate::floor::settings::{Campaign, InboundLine};
use crate::floor::switch::Order;

const LINE: &str = "8005550100";

fn line(change: impl FnOnce(&mut InboundLine)) -> Play {
    Play::new(|settings| {
        let mut line = InboundLine::new(LINE, "renewals");
        change(&mut line);
        settings.inbound.push(line);
    })
    .with_leads(3)
}

#[test]
fn a_caller_reaches_an_agent_who_waits_as_closer() {
    let mut play = line(|_| {});
    play.ready("alice");
    assert_eq!(play.status("alice"), "CLOSER");
    play.calls_in(&number(1002), LINE);
    play.run(2.0);
    assert_eq!((play.status("alice"), play.lead_status(1002)), ("INCALL", "INCALL"));
    assert!(play.together("alice", &number(1002)));
    play.dispose("alice", "SALE");
    assert_eq!((play.status("alice"), play.lead_status(1002)), ("CLOSER", "SALE"));
}

#[test]
fn callers_wait_with_music_and_are_served_in_their_order() {
    let mut play = line(|_| {});
    play.calls_in(&number(1002), LINE);
    play.run(1.0);
    play.calls_in(&number(1001), LINE);
    play.run(10.0);
    assert_eq!(play.core.campaign_stats("renewals").waiting, 2);
    assert!(play.legs.values().all(|leg| leg.music));
    play.ready("alice");
    assert!(play.together("alice", &number(1002)));
    assert_eq!(play.core.campaign_stats("renewals").waiting, 1);
    play.run(1.0);
    play.dispose("alice", "NI");
    assert!(play.together("alice", &number(1001)));
}

#[test]
fn a_caller_nobody_knows_becomes_a_lead() {
    let mut play = line(|_| {});
    play.ready("alice");
    play.calls_in("15559990000", LINE);
    play.run(2.0);
    let [lead] = play.core.leads_with_phone("15559990000") else { panic!("one lead") };
    assert_eq!(play.core.lead(*lead).unwrap().list, 999);
    assert_eq!(play.status("alice"), "INCALL");
}

#[test]
fn two_callers_with_one_number_are_two_leads_in_two_calls() {
    let mut play = line(|_| {});
    play.calls_in(&number(1001), LINE);
    play.calls_in(&number(1001), LINE);
    play.run(1.0);
    assert_eq!(play.core.leads_with_phone(&number(1001)).len(), 2);
}

#[test]
fn a_caller_who_gives_up_is_xdrop() {
    let mut play = line(|_| {});
    play.calls_in(&number(1001), LINE);
    play.run(30.0);
    play.hangs_up(&number(1001));
    assert_eq!(play.lead_status(1001), "XDROP");
}

#[test]
fn a_caller_waits_six_minutes_and_then_is_hung_up_on() {
    let mut play = line(|_| {});
    play.calls_in(&number(1001), LINE);
    play.run(359.0);
    assert_eq!(play.legs.len(), 1);
    play.run(2.0);
    assert_eq!((play.legs.len(), play.lead_status(1001)), (0, "XDROP"));
}

#[test]
fn a_caller_who_has_waited_long_enough_goes_elsewhere() {
    let mut play = line(|line| {
        line.wait_at_most = Duration::from_secs(60);
        line.then_to = Some("8005550199".into());
    });
    play.calls_in(&number(1001), LINE);
    play.run(59.0);
    assert_eq!(play.leg("8005550199"), None);
    play.run(4.0);
    assert!(play.together(&number(1001), "8005550199"));
    assert_eq!(play.lead_status(1001), "TIMEOT");
    play.ready("alice");
    play.run(5.0);
    assert_eq!(play.status("alice"), "CLOSER", "he's gone elsewhere");
    play.hangs_up("8005550199");
    play.run(1.0);
    assert_eq!(play.leg(&number(1001)), None);
    assert_eq!((play.lead_status(1001), play.core.running_calls().count()), ("TIMEOT", 0));
}

#[test]
fn a_caller_whom_nobody_wants_elsewhere_either_is_hung_up_on() {
    let mut play = line(|line| {
        line.wait_at_most = Duration::from_secs(60);
        line.then_to = Some("8005550199".into());
    });
    play.scripts.insert("8005550199".into(), Script::Refuses(486, Some(17)));
    play.calls_in(&number(1001), LINE);
    play.run(62.0);
    assert_eq!((play.legs.len(), play.core.running_calls().count()), (0, 0));
}

#[test]
fn a_line_may_lead_to_another_line_of_the_house() {
    let mut play = Play::new(|settings| {
        settings.campaigns.push(Campaign::new("sales", 1.0));
        let mut first = InboundLine::new(LINE, "sales");
        first.wait_at_most = Duration::from_secs(60);
        first.then_to = Some("8005550199".into());
        settings.inbound = vec![first, InboundLine::new("8005550199", "renewals")];
    })
    .with_leads(1);
    play.ready("alice");
    play.calls_in(&number(1001), LINE);
    play.run(62.0);
    assert!(play.together("alice", &number(1001)));
    assert_eq!(play.core.calls_of_lead(LeadId(1001)).next().unwrap().campaign, "renewals");
}

#[test]
fn a_number_that_is_no_line_is_refused() {
    let mut play = line(|_| {});
    play.calls_in(&number(1001), "8005550123");
    assert!(matches!(play.orders.last(), Some(Order::Refuse { status: 404, .. })));
}

#[test]
fn who_calls_comes_before_who_was_called() {
    let mut play = line(|_| {});
    play.dialer_calls(1001);
    play.run(3.0);
    play.calls_in(&number(1002), LINE);
    play.run(0.5);
    play.ready("alice");
    assert!(play.together("alice", &number(1002)));
    play.run(5.0);
    assert_eq!(play.lead_status(1001), "DROP");
}

#[test]
fn a_lead_in_the_hopper_who_calls_is_not_called_meanwhile() {
    let mut play = line(|_| {});
    play.ready("alice");
    play.ready("bob");
    play.closes_tab("bob");
    play.calls_in(&number(1001), LINE);
    play.run(2.0);
    play.runs_dialer();
    play.run(20.0);
    assert!(!play.dialed().contains(&number(1001).as_str()));
    play.act("alice", Action::HangUp);
}
