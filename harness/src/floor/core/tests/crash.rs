//! The floor's machine crashes: what was committed is there, its calls aren't. And a long, wild day.

use super::play::{Play, Script, number};
use crate::floor::core::{Action, CallbackWish, Dialed, Disposition, LeadId, Transfer};
use crate::floor::settings::{Profile, Quirks};
use crate::world::Random;

#[test]
fn an_agent_in_a_call_saves_its_disposition_after_the_floors_crash() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    play.crashes();
    play.run(3.0);
    let agent = play.core.agent_status(play.now, "alice").unwrap();
    assert_eq!((agent.status, agent.sub_status, agent.phone_in_session), ("INCALL", "DEAD", false));
    assert_eq!(play.lead_status(1001), "INCALL");
    assert!(play.dispose("alice", "SALE").is_ok());
    assert_eq!((play.lead_status(1001), play.status("alice")), ("SALE", "READY"));
    assert_eq!(play.core.status_counts("renewals"), [("SALE".to_owned(), 1)].into());
}

#[test]
fn customers_whom_no_agent_had_are_accounted_for_after_a_crash() {
    for (script, after, status) in [(Script::Never, 5.0, "NA"), (Script::Answers(2.0, None), 4.0, "DROP")] {
        let mut play = Play::new(|_| {}).with_leads(1);
        play.script(1001, script);
        play.dialer_calls(1001);
        play.run(after);
        play.crashes();
        assert_eq!(play.lead_status(1001), status);
        assert_eq!(play.core.running_calls().count(), 0);
        play.ready("alice");
        play.runs_dialer();
        play.run(100.0);
        assert_eq!(play.dialed().len(), 1, "it isn't called again");
    }
}

#[test]
fn a_running_dialer_runs_on_after_a_crash_and_calls_nobody_twice() {
    let mut play = Play::new(|_| {}).with_leads(30);
    play.otherwise = Script::Refuses(486, Some(17));
    play.ready("alice");
    play.runs_dialer();
    for _ in 0..5 {
        play.run(9.0);
        play.crashes();
    }
    play.run(300.0);
    let mut dialed = play.dialed();
    assert_eq!(dialed.len(), 30);
    dialed.dedup();
    assert_eq!(dialed.len(), 30);
}

#[test]
fn a_url_that_waits_for_its_screen_survives_a_crash() {
    use crate::floor::settings::{Hook, Trigger};
    use crate::webhook::event::EventKind;
    let mut play = Play::new(|settings| {
        let hook = Hook { name: "crm".into(), event: EventKind::DispositionSaved, trigger: Trigger::Screen };
        settings.campaigns[0].hooks.push(hook);
    })
    .with_leads(2);
    play.talking("alice", 1001);
    let ids = play.dispose("alice", "SALE").urls;
    play.crashes();
    play.act("alice", Action::RunUrls { ids });
    assert_eq!(play.events[0].data["status"], "SALE");
}

/// From every state that was ever on the disk the floor starts, its day goes on, and it ends with every call accounted
/// for and every session adding up.
#[test]
fn the_floor_starts_from_whatever_it_has_committed() {
    let mut play = Play::new(|_| {}).with_leads(12);
    play.snapshots = Some(Vec::new());
    play.script(1002, Script::Refuses(486, Some(17)));
    play.script(1003, Script::Never);
    for user in ["alice", "bob"] {
        play.ready(user);
        play.screens.get_mut(user).unwrap().saves = Some(("NI", 3.0));
    }
    play.otherwise = Script::Answers(2.0, Some(20.0));
    play.runs_dialer();
    play.run(20.0);
    play.act("alice", Action::Pause { code: Some("LUNCH".into()) });
    play.run(160.0);
    let snapshots = play.snapshots.take().unwrap();
    assert!(snapshots.len() > 40, "{} states", snapshots.len());
    for (n, (now, disk)) in snapshots.into_iter().enumerate() {
        let mut again = Play::new(|_| {});
        again.otherwise = Script::Answers(2.0, Some(5.0));
        again.now = now;
        again.restart_from(disk);
        for user in ["alice", "bob"] {
            again.log_in(user);
            again.screens.get_mut(user).unwrap().saves = Some(("NI", 1.0));
            again.act(user, Action::Ready);
        }
        again.runs_dialer();
        again.run(400.0);
        again.core.stop_dialer(again.now, "renewals");
        again.run(60.0);
        for lead in again.core.leads() {
            assert_eq!(lead.called, 1, "state {n}: lead {} was called {} times", lead.id, lead.called);
            assert!(!matches!(&*lead.status, "NEW" | "QUEUE" | "INCALL" | "DISPO" | "PU"), "state {n}: {lead:?}");
        }
        for record in again.core.call_records() {
            assert!(record.ended.is_some() && !record.status.is_empty(), "state {n}: {record:?}");
        }
        for user in ["alice", "bob"] {
            for session in again.core.session_times(again.now, user) {
                let end = session.ended.unwrap_or(again.now.wall);
                assert_eq!(session.times.total(), end - session.began, "state {n}: {session:?}");
            }
        }
    }
}

/// Buttons pressed at random, tabs closed, phones lost, machines crashed: the core's own assertions and those of the
/// play hold, and in the end nothing is left over.
#[test]
fn a_wild_day_breaks_no_rule() {
    for seed in 0..40 {
        let profile = if seed % 2 == 0 { Profile::Vicidial } else { Profile::Modern };
        let mut play = Play::new(|settings| {
            settings.profile = profile;
            settings.quirks = Quirks::of(profile);
            settings.inbound.push(crate::floor::settings::InboundLine::new("8005550100", "renewals"));
        })
        .with_leads(40);
        let mut random = Random::stream(seed, "wild");
        let users = ["alice", "bob", "carol"];
        for n in 0..40 {
            let script = match random.below(4) {
                0 => Script::Refuses(486, Some(17)),
                1 => Script::Never,
                _ => Script::Answers(1.0 + random.unit() * 4.0, Some(random.unit() * 40.0)),
            };
            play.script(1001 + n, script);
        }
        play.scripts.insert("8005550199".into(), Script::Answers(2.0, Some(20.0)));
        for user in users {
            play.ready(user);
        }
        play.runs_dialer();
        for _ in 0..400 {
            let user = users[random.below(3) as usize];
            let other = users[random.below(3) as usize].to_owned();
            let to = if random.chance(0.5) { other } else { "8005550199".to_owned() };
            let lead = 1001 + random.below(40);
            match random.below(24) {
                0 => drop(play.log_in(user)),
                1 | 2 => drop(play.act(user, Action::Ready)),
                3 => drop(play.act(user, Action::Pause { code: Some("BREAK".into()) })),
                4 => drop(play.act(user, Action::HangUp)),
                5..8 => drop(play.dispose(user, "NI")),
                8 => drop(play.act(user, Action::Park)),
                9 => drop(play.act(user, Action::Grab)),
                10 => drop(play.act(user, Action::Transfer(Transfer::Blind { to }))),
                11 => drop(play.act(user, Action::Transfer(Transfer::Consult { to }))),
                12 => drop(play.act(user, Action::Transfer(Transfer::Conference { to }))),
                13 => drop(play.act(user, Action::Transfer(Transfer::Complete))),
                14 => drop(play.act(user, Action::Transfer(Transfer::TakeBack))),
                15 => drop(play.act(user, Action::Logout)),
                16 => play.closes_tab(user),
                17 => play.screens.get_mut(user).unwrap().open = true,
                18 => drop(play.act(user, Action::Dial(Dialed::Lead(LeadId(lead))))),
                19 => play.calls_in(&number(lead), "8005550100"),
                20 => drop(play.act(user, Action::CallPhone)),
                21 => {
                    if play.leg(user).is_some() {
                        play.hangs_up(user);
                    }
                }
                22 => {
                    let callback = Some(CallbackWish {
                        at: play.now.wall + 60_000,
                        only_me: random.chance(0.5),
                        ..CallbackWish::default()
                    });
                    let save = Disposition { status: "CALLBK".into(), callback, ..Default::default() };
                    play.act(user, Action::Dispose(save));
                }
                _ => {
                    if random.chance(0.2) {
                        play.crashes();
                    }
                }
            }
            play.run(random.unit() * 8.0);
        }
        play.core.stop_dialer(play.now, "renewals");
        for user in users {
            play.log_in(user);
            play.act(user, Action::Logout);
        }
        play.run(500.0);
        assert_eq!((play.legs.len(), play.core.legs()), (0, 0), "seed {seed}: {:?}", play.legs);
        assert_eq!(play.core.running_calls().count(), 0, "seed {seed}");
        for record in play.core.call_records() {
            assert!(record.ended.is_some() && !record.status.is_empty(), "seed {seed}: {record:?}");
        }
        for user in users {
            for session in play.core.session_times(play.now, user) {
                assert_eq!(Some(session.began + session.times.total()), session.ended, "seed {seed}: {session:?}");
            }
        }
        let sum: u64 = play.core.status_counts("renewals").values().sum();
        assert_eq!(sum, play.core.call_records().count() as u64, "seed {seed}");
    }
}
