//! What the APIs do in the core.

use super::play::{OPENING, Play, Script, number};
use crate::floor::core::{
    Action, AddLead, AddLeadError, CallbackStatus, Civil, DuplicateCheck, External, ExternalError, ExternalRequest,
    LeadCallback, LeadId, Likeness, Scope, UpdateLead, UpdateLeadError,
};
use crate::floor::settings::{Profile, Quirks, User};

fn add(play: &mut Play, lead: AddLead) -> Result<LeadId, AddLeadError> {
    let added = play.core.add_lead(play.now, "6666", lead).map(|added| added.lead);
    play.pump();
    added
}

#[test]
fn a_phone_number_has_six_to_sixteen_digits() {
    let mut play = Play::new(|_| {});
    for (number, fits) in [
        ("12345", false),
        ("123456", true),
        ("1234567890123456", true),
        ("12345678901234567", false),
        ("555123400x", false),
    ] {
        assert_eq!(add(&mut play, AddLead::new(999, number)).is_ok(), fits, "{number}");
    }
}

#[test]
fn duplicates_are_refused_where_they_are_looked_for() {
    let by = Likeness::Phone;
    let check = |scope| vec![DuplicateCheck { by, scope, days: None }];
    for (scope, list, refused) in [
        (Scope::List, 101, true),
        (Scope::List, 102, false),
        (Scope::Campaign, 102, true),
        (Scope::Campaign, 999, false),
        (Scope::System, 999, true),
    ] {
        let mut play = Play::new(|settings| settings.campaigns[0].lists = vec![101, 102]).with_leads(1);
        let lead = AddLead { duplicates: check(scope), ..AddLead::new(list, &number(1001)) };
        let expected = if refused {
            Err(AddLeadError::Duplicate { by, as_alt: false, scope, lead: LeadId(1001), list: 101 })
        } else {
            Ok(LeadId(1002))
        };
        assert_eq!(add(&mut play, lead), expected, "{scope:?} in {list}");
    }
}

/// NON-AGENT_API.txt, add_lead, duplicate_check: by number, other number, title and name.
#[test]
fn a_lead_is_like_another_by_what_is_asked_for() {
    let fields = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let known = [("title", "Dr"), ("first_name", "Ann"), ("last_name", "Lee"), ("alt_phone", "15551239999")];
    let other = "15551238888";
    for (by, phone, given, refused) in [
        (Likeness::Phone, "15551239999", &[][..], None),
        (Likeness::PhoneOrAlt, "15551239999", &[], Some(true)),
        (Likeness::PhoneOrAlt, "15551237777", &[], Some(false)),
        (Likeness::PhoneOrAlt, other, &[], None),
        (Likeness::TitleAndAlt, other, &[("title", "Dr"), ("alt_phone", "15551239999")], Some(false)),
        (Likeness::TitleAndAlt, other, &[("title", "Mr"), ("alt_phone", "15551239999")], None),
        (Likeness::NameAndPhone, "15551237777", &[("first_name", "Ann"), ("last_name", "Lee")], Some(false)),
        (Likeness::NameAndPhone, "15551237777", &[("first_name", "Joe"), ("last_name", "Lee")], None),
        (Likeness::NameAndPhone, other, &[("first_name", "Ann"), ("last_name", "Lee")], None),
    ] {
        let mut play = Play::new(|_| {});
        let first = add(&mut play, AddLead { fields: fields(&known), ..AddLead::new(101, "15551237777") }).unwrap();
        let scope = Scope::System;
        let duplicates = vec![DuplicateCheck { by, scope, days: None }];
        let lead = AddLead { duplicates, fields: fields(given), ..AddLead::new(101, phone) };
        let expected = refused.map(|as_alt| AddLeadError::Duplicate { by, as_alt, scope, lead: first, list: 101 });
        assert_eq!(add(&mut play, lead).err(), expected, "{by:?} {phone} {given:?}");
    }
}

#[test]
fn a_duplicate_that_is_older_than_the_days_asked_for_is_none() {
    let mut play = Play::new(|_| {}).with_leads(1);
    let lead = AddLead {
        duplicates: vec![DuplicateCheck { by: Likeness::Phone, scope: Scope::System, days: Some(1) }],
        ..AddLead::new(101, &number(1001))
    };
    play.run(86_300.0);
    assert!(add(&mut play, lead.clone()).is_err());
    play.run(101.0);
    assert!(add(&mut play, lead).is_ok());
}

#[test]
fn a_retried_add_lead_makes_a_second_lead_by_a_quirk_only() {
    for (profile, leads) in [(Profile::Vicidial, 2), (Profile::Modern, 1)] {
        let mut play = Play::new(|settings| settings.quirks = Quirks::of(profile));
        let first = add(&mut play, AddLead::new(101, "15557654321")).unwrap();
        play.crashes();
        let second = add(&mut play, AddLead::new(101, "15557654321")).unwrap();
        assert_eq!(play.core.leads_with_phone("15557654321").len(), leads);
        assert_eq!(first == second, leads == 1);
        let another = AddLead { vendor_lead_code: "A7".into(), ..AddLead::new(101, "15557654321") };
        add(&mut play, another).unwrap();
        assert_eq!(play.core.leads_with_phone("15557654321").len(), leads + 1, "another request is another lead");
    }
}

#[test]
fn numbers_on_a_do_not_call_list_are_refused_if_that_is_asked() {
    let mut play = Play::new(|_| {});
    play.core.add_dnc(play.now, "15550000001", None);
    play.core.add_dnc(play.now, "15550000002", Some("renewals"));
    let checked = |number: &str| AddLead {
        dnc_check: true,
        campaign_dnc_check: Some("renewals".into()),
        ..AddLead::new(101, number)
    };
    assert!(matches!(add(&mut play, checked("15550000001")), Err(AddLeadError::Dnc(_))));
    assert!(matches!(add(&mut play, checked("15550000002")), Err(AddLeadError::CampaignDnc(..))));
    assert!(add(&mut play, checked("15550000003")).is_ok());
    assert!(add(&mut play, AddLead::new(101, "15550000001")).is_ok());
}

#[test]
fn a_lead_put_into_the_hopper_is_called_by_its_priority() {
    let mut play = Play::new(|_| {}).with_leads(3);
    play.otherwise = Script::Refuses(486, Some(17));
    for (number, priority) in [("15550000001", 5), ("15550000002", 99), ("15550000003", -5)] {
        add(&mut play, AddLead { hopper_priority: Some(priority), ..AddLead::new(101, number) }).unwrap();
    }
    play.ready("alice");
    play.runs_dialer();
    play.run(30.0);
    let dialed = play.dialed();
    assert_eq!(dialed[..2], ["15550000002", "15550000001"]);
    assert_eq!(*dialed.last().unwrap(), "15550000003");
    assert_eq!(dialed.len(), 6);
}

#[test]
fn a_lead_can_be_added_with_a_callback() {
    let mut play = Play::new(|_| {});
    let callback = LeadCallback {
        at: OPENING + 600_000,
        only: None,
        campaign: None,
        status: "CALLBK".into(),
        comments: String::new(),
    };
    let lead = add(&mut play, AddLead { callback: Some(callback), ..AddLead::new(101, "15550000001") }).unwrap();
    play.ready("alice");
    play.run(590.0);
    assert!(play.dialed().is_empty());
    play.run(80.0);
    assert_eq!(play.dialed(), ["15550000001"]);
    assert_eq!(play.core.callbacks_of(lead)[0].status, CallbackStatus::Inactive);
}

#[test]
fn a_lead_is_changed_emptied_moved_reset_and_removed() {
    let mut play = Play::new(|_| {}).with_leads(1);
    let lead = LeadId(1001);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let change = UpdateLead {
        fields: vec![field("first_name", "Ada"), field("phone_number", "15550000009"), field("status", "NI")],
        list: Some(102),
        ..Default::default()
    };
    play.core.update_lead(play.now, "6666", lead, change).unwrap();
    let found = play.core.lead(lead).unwrap();
    assert_eq!((found.field("first_name"), found.list, found.status.as_str()), ("Ada".into(), 102, "NI"));
    assert_eq!(play.core.leads_with_phone("15550000009"), [lead]);
    assert!(play.core.leads_with_phone(&number(1001)).is_empty());
    let empty = UpdateLead { fields: vec![field("first_name", "")], ..Default::default() };
    play.core.update_lead(play.now, "6666", lead, empty).unwrap();
    assert_eq!(play.core.lead(lead).unwrap().field("first_name"), "");
    let delete = UpdateLead { delete: true, ..Default::default() };
    play.core.update_lead(play.now, "6666", lead, delete.clone()).unwrap();
    assert_eq!(play.core.update_lead(play.now, "6666", lead, delete), Err(UpdateLeadError::Unknown(lead)));
}

#[test]
fn a_lead_in_a_call_is_not_removed() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    let delete = UpdateLead { delete: true, ..Default::default() };
    let refused = play.core.update_lead(play.now, "6666", LeadId(1001), delete);
    assert_eq!(refused, Err(UpdateLeadError::InCall(LeadId(1001))));
}

#[test]
fn a_lead_that_is_reset_is_dialed_again() {
    let mut play = Play::new(|settings| settings.campaigns[0].dial_statuses.push("AB".into())).with_leads(1);
    play.otherwise = Script::Refuses(486, Some(17));
    play.ready("alice");
    play.runs_dialer();
    play.run(130.0);
    assert_eq!(play.dialed().len(), 1);
    let reset = UpdateLead { reset: true, ..Default::default() };
    play.core.update_lead(play.now, "6666", LeadId(1001), reset).unwrap();
    play.run(130.0);
    assert_eq!(play.dialed().len(), 2);
}

fn ask(play: &mut Play, what: External) -> Result<(), ExternalError> {
    let asked = play.core.external(play.now, ExternalRequest { user: "alice".into(), what });
    play.pump();
    asked
}

/// SUCCESS means that the flag is written; the screen does it after its next poll. Order as documented: pause, hangup,
/// status.
#[test]
fn what_the_agent_api_wants_is_shown_until_the_screen_has_executed_it() {
    let mut play = Play::new(|_| {}).with_leads(1);
    play.talking("alice", 1001);
    ask(&mut play, External::Pause { code: None }).unwrap();
    ask(&mut play, External::HangUp).unwrap();
    let status = External::Status { status: "SALE".into(), callback_at: None, only_me: false, comments: String::new() };
    ask(&mut play, status.clone()).unwrap();
    assert_eq!(play.status("alice"), "INCALL", "a flag ends no call");
    let wanted = play.poll("alice").wanted;
    let what: Vec<&External> = wanted.iter().map(|wanted| &wanted.what).collect();
    assert_eq!(what, [&External::Pause { code: None }, &External::HangUp, &status]);
    assert_eq!(play.poll("alice").wanted.len(), 3, "the reply may have been lost");
    play.screens.get_mut("alice").unwrap().executed = wanted[1].id;
    assert_eq!(play.poll("alice").wanted.len(), 1);
}

#[test]
fn a_dead_tab_gets_its_success_by_a_quirk_only() {
    for profile in [Profile::Vicidial, Profile::Modern] {
        let mut play = Play::new(|settings| settings.quirks = Quirks::of(profile)).with_leads(1);
        play.talking("alice", 1001);
        play.closes_tab("alice");
        play.run(20.0);
        assert_eq!(ask(&mut play, External::HangUp).is_ok(), profile == Profile::Vicidial);
        play.run(20.0);
        assert!(play.together("alice", &number(1001)), "nothing happens either way");
    }
}

#[test]
fn the_agent_api_refuses_what_cannot_be() {
    let mut play = Play::new(|_| {}).with_leads(1);
    assert!(matches!(ask(&mut play, External::HangUp), Err(ExternalError::NotLoggedIn(_))));
    play.ready("alice");
    assert!(matches!(ask(&mut play, External::Park), Err(ExternalError::NoCall(_))));
    let dial = External::Dial { number: number(1001), lead: None, new: false };
    assert!(matches!(ask(&mut play, dial.clone()), Err(ExternalError::WrongState(_, "READY"))));
    play.act("alice", Action::Pause { code: None });
    assert!(ask(&mut play, dial).is_ok());
}

#[test]
fn a_user_is_added_once_and_is_there_after_a_crash() {
    let mut play = Play::new(|_| {});
    let dora = User::agent("dora", "secret");
    assert!(play.core.add_user(play.now, dora.clone()).is_ok());
    assert!(play.core.add_user(play.now, dora.clone()).is_err());
    assert!(play.core.add_user(play.now, User::agent("alice", "other")).is_err());
    play.pump();
    play.crashes();
    assert_eq!(play.core.user("dora"), Some(&dora));
    play.log_in("dora");
}

#[test]
fn a_date_is_read_and_one_that_is_none_is_not() {
    let at = |text: &str| Civil::read(text).map(|civil| civil.to_unix_ms(-300));
    assert_eq!(at("2026-11-23 09:00:00"), Some(OPENING));
    assert_eq!(at("2026-11-23+09:00"), Some(OPENING));
    assert_eq!(Civil::of(OPENING, -300).to_string(), "2026-11-23 09:00:00");
    assert_eq!(Civil::of(951_782_400_000, 0).to_string(), "2000-02-29 00:00:00");
    for wrong in
        ["2026-02-30 09:00:00", "2026-13-01 09:00:00", "2026-11-23 24:00:00", "2026-11-23", "soon", "0-0-0 0:0:0"]
    {
        assert_eq!(at(wrong), None, "{wrong}");
    }
}
