//! Callbacks (VICIdial's CALLBACKS_PROCESS: those for ANYONE go through the hopper, those USERONLY don't).

use super::play::{OPENING, Play, Script, number};
use crate::floor::core::{Action, CallbackId, CallbackStatus, CallbackWish, Dialed, Disposition, LeadId};

fn scheduled(only_me: bool, hours: u64) -> Play {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    let at = OPENING + hours * 3_600_000;
    let callback = Some(CallbackWish { at, only_me, ..CallbackWish::default() });
    let wish =
        Disposition { status: "CALLBK".into(), callback, comments: "in the evening".into(), ..Default::default() };
    assert!(play.act("alice", Action::Dispose(wish)).is_ok());
    assert_eq!(play.lead_status(1001), "CBHOLD");
    play
}

#[test]
fn a_callback_for_anyone_rings_whoever_is_ready_when_it_is_due_and_not_before() {
    let mut play = scheduled(false, 2);
    play.act("alice", Action::Logout);
    play.ready("bob");
    play.run(7100.0);
    assert_eq!(play.dialed().len(), 1);
    assert_eq!(play.core.open_callback_of(LeadId(1001)).unwrap().status, CallbackStatus::Active);
    play.run(220.0);
    assert_eq!(play.dialed().len(), 2, "though the dialer is idle");
    assert_eq!((play.status("bob"), play.lead_status(1001)), ("INCALL", "INCALL"));
    assert_eq!(play.core.open_callback_of(LeadId(1001)), None);
    play.dispose("bob", "SALE");
    play.run(7200.0);
    assert_eq!(play.dialed().len(), 2, "nobody is called back twice");
}

#[test]
fn a_due_callback_for_anyone_waits_until_an_agent_is_there() {
    let mut play = scheduled(false, 2);
    play.act("alice", Action::Pause { code: None });
    play.run(3.0 * 3600.0);
    assert_eq!((play.dialed().len(), play.lead_status(1001)), (1, "CALLBK"));
    play.act("alice", Action::Ready);
    play.run(120.0);
    assert_eq!((play.dialed().len(), play.status("alice")), (2, "INCALL"));
}

#[test]
fn a_callback_of_one_agent_is_shown_to_her_alone_and_she_dials_it() {
    let mut play = scheduled(true, 1);
    play.ready("bob");
    play.run(3700.0);
    assert_eq!(play.dialed().len(), 1, "the dialer leaves it alone");
    assert_eq!(play.lead_status(1001), "CBHOLD");
    let shown = |play: &Play, user: &str| play.screens[user].last.as_ref().unwrap().callbacks;
    assert_eq!((shown(&play, "alice"), shown(&play, "bob")), (1, 0));
    let list = play.act("alice", Action::Callbacks).callback_list;
    assert_eq!((list[0].lead_id, list[0].comments.as_str()), (1001, "in the evening"));
    let dial = Action::Dial(Dialed::Callback(CallbackId(list[0].callback_id)));
    assert!(!play.act("bob", dial.clone()).is_ok());
    assert!(play.act("alice", dial).is_ok());
    play.run(3.0);
    assert!(play.together("alice", &number(1001)));
    assert_eq!(shown(&play, "alice"), 0);
}

#[test]
fn a_callback_of_an_agent_who_is_away_waits_for_her() {
    let mut play = scheduled(true, 1);
    play.act("alice", Action::Logout);
    play.closes_tab("alice");
    play.run(8.0 * 3600.0);
    play.log_in("alice");
    play.run(2.0);
    assert_eq!(play.screens["alice"].last.as_ref().unwrap().callbacks, 1);
}

#[test]
fn a_callback_whose_number_may_not_be_called_any_more_is_dead() {
    let mut play = scheduled(false, 1);
    play.core.add_dnc(play.now, &number(1001), None);
    play.run(3800.0);
    assert_eq!((play.dialed().len(), play.lead_status(1001)), (1, "DNCL"));
    assert_eq!(play.core.callbacks_of(LeadId(1001))[0].status, CallbackStatus::Dead);
}

#[test]
fn a_callback_survives_a_crash_before_and_after_it_is_due() {
    for crash_at in [1800.0, 3700.0] {
        let mut play = scheduled(false, 1);
        play.act("alice", Action::Pause { code: None });
        play.run(crash_at);
        play.crashes();
        play.run(4000.0 - crash_at);
        play.act("alice", Action::CallPhone);
        play.act("alice", Action::Ready);
        play.run(130.0);
        assert_eq!((play.dialed().len(), play.status("alice")), (2, "INCALL"), "crashed after {crash_at} s");
    }
}

#[test]
fn a_callback_that_nobody_answers_is_done_with() {
    let mut play = scheduled(false, 1);
    play.script(1001, Script::Never);
    play.run(3.0 * 3600.0);
    assert_eq!((play.dialed().len(), play.lead_status(1001)), (2, "NA"));
}
