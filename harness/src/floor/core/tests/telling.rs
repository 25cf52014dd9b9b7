//! What others are told: hooks, the two-step URL, who is told twice and who never.

use std::collections::BTreeMap;

use super::play::{OPENING, Play, Script};
use crate::floor::core::{Action, CallbackWish, Disposition, LeadId};
use crate::floor::settings::{Hook, Profile, Quirks, Trigger};
use crate::webhook::event::{EventKind, fill_url};

fn hooked(profile: Profile, hooks: &[(EventKind, Trigger)]) -> Play {
    let hooks: Vec<Hook> = hooks
        .iter()
        .map(|(event, trigger)| Hook { name: event.name().into(), event: *event, trigger: *trigger })
        .collect();
    Play::new(|settings| {
        settings.profile = profile;
        settings.quirks = Quirks::of(profile);
        settings.campaigns[0].hooks = hooks;
    })
    .with_leads(2)
}

fn kinds(play: &Play) -> Vec<EventKind> {
    play.events.iter().map(|event| event.kind).collect()
}

/// updateDISPO returns the URLs' ids to the browser, which has them called by RUNurls.
#[test]
fn a_disposition_url_is_called_when_the_screen_asks_for_it() {
    let mut play = hooked(Profile::Vicidial, &[(EventKind::DispositionSaved, Trigger::Screen)]);
    play.talking("alice", 1001);
    play.run(10.0);
    let reply = play.dispose("alice", "SALE");
    assert_eq!((reply.urls.len(), play.events.len()), (1, 0));
    assert!(play.act("alice", Action::RunUrls { ids: reply.urls.clone() }).is_ok());
    let event = &play.events[0];
    assert_eq!(event.url, Some(reply.urls[0]));
    for (field, value) in [
        ("lead_id", "1001"),
        ("phone_number", "15551231001"),
        ("status", "SALE"),
        ("dispo", "SALE"),
        ("agent", "alice"),
        ("campaign", "renewals"),
        ("list_id", "101"),
        ("talk_time", "12"),
        ("term_reason", "AGENT"),
    ] {
        assert_eq!(event.data.get(field).map(String::as_str), Some(value), "{field}");
    }
    assert!(event.data["call_id"].starts_with("V1123"));
}

#[test]
fn a_tab_closed_between_the_two_steps_leaves_a_saved_disposition_of_which_nobody_is_told() {
    let mut play = hooked(Profile::Vicidial, &[(EventKind::DispositionSaved, Trigger::Screen)]);
    play.talking("alice", 1001);
    play.dispose("alice", "SALE");
    play.closes_tab("alice");
    play.run(3600.0);
    assert_eq!((play.lead_status(1001), play.events.len()), ("SALE", 0));
}

#[test]
fn a_url_that_is_run_twice_is_called_twice_by_a_quirk_only() {
    for (repeats, calls) in [(true, 2), (false, 1)] {
        let mut play = hooked(Profile::Vicidial, &[(EventKind::DispositionSaved, Trigger::Screen)]);
        play.core.configure(play.now, |settings| settings.quirks.repeated_run_urls = repeats);
        play.talking("alice", 1001);
        let ids = play.dispose("alice", "SALE").urls;
        play.act("alice", Action::RunUrls { ids: ids.clone() });
        play.act("alice", Action::RunUrls { ids });
        assert_eq!(play.events.len(), calls);
        assert!(play.events.windows(2).all(|pair| pair[0] == pair[1]), "it's the same event");
    }
}

#[test]
fn the_modern_profile_tells_of_a_disposition_at_once_and_once() {
    let mut play = hooked(Profile::Modern, &[(EventKind::DispositionSaved, Trigger::AtOnce)]);
    play.talking("alice", 1001);
    let call = play.core.agent_status(play.now, "alice").unwrap().call;
    let save = Disposition { status: "SALE".into(), call, lead: Some(LeadId(1001)), ..Default::default() };
    assert!(play.act("alice", Action::Dispose(save.clone())).is_ok());
    assert_eq!(play.events.len(), 1);
    assert!(play.act("alice", Action::Dispose(save)).is_ok(), "what's asked for is so already");
    assert_eq!(play.events.len(), 1);
}

#[test]
fn a_disposition_saved_twice_is_told_twice_by_a_quirk() {
    let mut play = hooked(Profile::Vicidial, &[(EventKind::DispositionSaved, Trigger::Screen)]);
    play.talking("alice", 1001);
    let save = Disposition { status: "SALE".into(), lead: Some(LeadId(1001)), ..Default::default() };
    let first = play.act("alice", Action::Dispose(save.clone())).urls;
    let second = play.act("alice", Action::Dispose(save)).urls;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert_eq!(play.core.campaign_stats("renewals").sales, 1);
}

#[test]
fn a_sale_and_a_callback_are_events_of_their_own_and_share_the_leads_sequence() {
    let all = [
        (EventKind::DispositionSaved, Trigger::AtOnce),
        (EventKind::SaleClosed, Trigger::AtOnce),
        (EventKind::CallbackScheduled, Trigger::AtOnce),
        (EventKind::CallStarted, Trigger::AtOnce),
        (EventKind::CallEnded, Trigger::AtOnce),
    ];
    let mut play = hooked(Profile::Modern, &all);
    play.talking("alice", 1001);
    let callback = Some(CallbackWish { at: OPENING + 7_200_000, only_me: true, ..CallbackWish::default() });
    let save = Disposition { status: "SALE".into(), callback, ..Default::default() };
    play.act("alice", Action::Dispose(save));
    assert_eq!(
        kinds(&play),
        [
            EventKind::CallStarted,
            EventKind::CallEnded,
            EventKind::DispositionSaved,
            EventKind::SaleClosed,
            EventKind::CallbackScheduled
        ]
    );
    let sequences: Vec<u64> = play.events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    assert_eq!(play.events[4].data["callback_at"], (OPENING + 7_200_000).to_string());
    let ids: std::collections::BTreeSet<&String> = play.events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), 5);
}

/// Start-call URLs aren't for calls that are dialed by hand.
#[test]
fn the_start_of_a_call_by_hand_is_told_by_the_modern_profile_only() {
    for (profile, told) in [(Profile::Vicidial, 0), (Profile::Modern, 1)] {
        let mut play = hooked(profile, &[(EventKind::CallStarted, Trigger::AtOnce)]);
        play.log_in("alice");
        let dial = crate::floor::core::Dialed::Lead(LeadId(1001));
        assert!(play.act("alice", Action::Dial(dial)).is_ok());
        play.run(4.0);
        assert_eq!(play.events.len(), told);
    }
}

/// DROP, NA, B and the like; not for calls by hand.
#[test]
fn calls_that_no_agent_had_are_told_by_the_no_agent_url() {
    let mut play = hooked(Profile::Vicidial, &[(EventKind::CallEnded, Trigger::NoAgent)]);
    play.script(1001, Script::Refuses(486, Some(17)));
    play.dialer_calls(1001);
    play.run(1.0);
    assert_eq!(play.events.len(), 1);
    assert_eq!(play.events[0].data["status"], "AB");
    play.talking("alice", 1002);
    play.dispose("alice", "SALE");
    assert_eq!(play.events.len(), 1);
}

#[test]
fn states_of_an_agent_are_told_in_their_order() {
    let mut play = hooked(Profile::Modern, &[(EventKind::AgentStateChanged, Trigger::AtOnce)]);
    play.talking("alice", 1001);
    play.dispose("alice", "NI");
    play.act("alice", Action::Logout);
    let states: Vec<(&str, u64)> =
        play.events.iter().map(|event| (event.data["status"].as_str(), event.sequence)).collect();
    assert_eq!(
        states,
        [("PAUSED", 1), ("READY", 2), ("QUEUE", 3), ("INCALL", 4), ("PAUSED", 5), ("READY", 6), ("LOGOUT", 7)]
    );
}

#[test]
fn a_url_is_filled_with_the_fields_and_escaped() {
    let data: BTreeMap<String, String> =
        [("first_name", "Åsa & co"), ("lead_id", "7")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let template = "VARhttp://crm.test/?n=--A--first_name--B--&l=--A--lead_id--B--&x=--A--nothing--B--";
    assert_eq!(fill_url(template, |field| data.get(field).cloned()), "http://crm.test/?n=%C3%85sa+%26+co&l=7&x=");
    assert_eq!(
        fill_url("http://crm.test/--A--broken", |field| data.get(field).cloned()),
        "http://crm.test/--A--broken"
    );
}

#[test]
fn a_call_brings_the_url_that_the_screen_opens() {
    let mut play = Play::new(|settings| {
        settings.campaigns[0].pop_url = Some("http://crm.test/pop?phone=--A--phone_number--B--".into());
    })
    .with_leads(1);
    play.talking("alice", 1001);
    let shown = play.screens["alice"].last.clone().unwrap();
    assert_eq!(shown.pop_url, "http://crm.test/pop?phone=15551231001");
    play.dispose("alice", "NI");
    play.run(1.0);
    assert_eq!(play.screens["alice"].last.as_ref().unwrap().pop_url, "");
}
