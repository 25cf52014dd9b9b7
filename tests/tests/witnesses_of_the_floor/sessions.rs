//! Agents, their states, their time, and what they save.

use busyhour::floor::core::{AddLead, LeadId};
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::Profile;

use crate::center::*;

#[test]
fn a_sale_from_login_to_logout_breaks_nothing() {
    for profile in [Profile::Vicidial, Profile::Modern] {
        let told = story(profile, sample(), |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.press(AgentScreen::hang_up);
            center.pass(3).await;
            center.saves("SALE");
            center.pass(5).await;
            assert_eq!(center.crm.sales("1001"), 1);
            center.press(|screen, web| screen.pause(web, Some("LUNCH")));
            center.pass(20).await;
            center.press(AgentScreen::log_out);
            center.pass(70).await;
        });
        holds(&told, &[STATE, AGENT, LEAD, BLOCKED, DISPOSITION, PLACED, TIME, LOST, ONCE]);
    }
}

#[test]
fn a_disposition_that_is_saved_twice_is_excused_by_the_quirk_alone() {
    let twice = |profile| {
        story(profile, sample(), |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.saves("SALE");
            center.saves("SALE");
            center.pass(10).await;
        })
    };
    let vicidial = twice(Profile::Vicidial);
    holds(&vicidial, &[DISPOSITION, ONCE]);
    assert_eq!(exempt(&vicidial, DISPOSITION), 1, "the quirk is named, and counted");
    let modern = twice(Profile::Modern);
    holds(&modern, &[DISPOSITION, ONCE]);
    assert_eq!(exempt(&modern, DISPOSITION), 0);
}

/// Nobody has pressed a button, and she waits for calls.
#[test]
fn a_pause_that_ends_by_itself_is_noticed() {
    let pauses = |is_left_alone: bool| {
        let man = Man::answering(|_, answer| {
            if answer["status"] == "PAUSED" {
                answer["status"] = "READY".into();
                answer["pause_code"] = "".into();
            }
        });
        story_behind(man, move |center| async move {
            center.press(|screen, web| screen.log_in(web, "renewals"));
            center.pass(5).await;
            if is_left_alone {
                center.lie();
            } else {
                center.press(AgentScreen::ready);
            }
            center.pass(5).await;
            assert_eq!(center.shows(), "READY");
        })
    };
    breaks(&pauses(true), &[STATE], "alice got from PAUSED to waiting, and no way leads there");
    holds(&pauses(false), &[STATE]);
}

/// FreeSWITCH#2540, asterisk#176: the floor says that all is saved, forgets the customer in the room, and gives her another.
#[test]
fn a_customer_who_is_forgotten_in_the_room_is_noticed() {
    let forgets = |lies: bool| {
        let man = Man {
            asks: |form| match form.split('&').find(|field| field.starts_with("session_name=")) {
                Some(session) if form.starts_with("ACTION=updateDISPO") => format!("ACTION=poll&{session}"),
                _ => form.to_owned(),
            },
            answers: |form, answer| {
                let is_saved = form.starts_with("ACTION=updateDISPO");
                let (status, call, lead, number) =
                    if is_saved { ("READY", "", 0, "") } else { ("INCALL", "V1118000000000001002", 1002, NICK) };
                answer["status"] = status.into();
                answer["call_id"] = call.into();
                answer["lead_id"] = lead.into();
                answer["phone_number"] = number.into();
            },
        };
        story_behind(man, move |center| async move {
            let list = center.floor.list_of("renewals").unwrap();
            center.floor.lead(AddLead { id: Some(LeadId(1002)), ..AddLead::new(list, NICK) }).unwrap();
            center.talks().await;
            if lies {
                center.lie();
            }
            center.saves("NI");
            center.pass(1).await;
            if !lies {
                center.floor.dial_lead("renewals", LeadId(1002)).unwrap();
            }
            center.pass(8).await;
            assert_eq!(center.shows(), "INCALL");
        })
    };
    breaks(&forgets(true), &[AGENT], "alice has V1118000000000001002, and the customer 15551230001 of V");
    let two = forgets(false);
    holds(&two, &[AGENT]);
    assert_eq!(two.1.get(AGENT).unwrap().judgement().judged, 2);
}

/// Domain Part 2, `vicidial_agent_log`: the record says that the line was dead, and she was shown a customer all the time.
#[test]
fn a_talk_that_the_record_does_not_have_is_noticed() {
    let talks = |lies: bool| {
        let man = Man::answering(|_, answer| {
            if answer["status"] == "INCALL" {
                answer["sub_status"] = "".into();
                answer["customer"] = "LIVE".into();
            }
        });
        story_behind(man, move |center| async move {
            center.talks().await;
            if lies {
                center.lie();
            }
            center.carrier.hang_up(MARY).unwrap();
            center.pass(20).await;
            center.saves("NI");
            center.pass(2).await;
            center.press(|screen, web| screen.pause(web, None));
            center.pass(2).await;
            center.press(AgentScreen::log_out);
            center.pass(2).await;
            assert_eq!(center.shows(), "LOGIN");
        })
    };
    breaks(&talks(true), &[TIME], "alice talked for ");
    holds(&talks(false), &[TIME, STATE]);
}
