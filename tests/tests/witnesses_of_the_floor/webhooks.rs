//! What's told, and what becomes of it at the receiver.

use busyhour::floor::core::{AddLead, LeadId};
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::Profile;
use busyhour::http::Request;
use busyhour::webhook::crm::CrmSettings;
use busyhour::webhook::event::{Event, EventKind};
use busyhour::webhook::signature::{Scheme, Secret};

use crate::center::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Domain Part 2, Webhooks: the disposition's URL goes by the screen.
#[test]
fn a_tab_closed_between_saving_and_telling_loses_the_event() {
    let closes = |profile| {
        story(profile, sample(), |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.carrier.hang_up(MARY).unwrap();
            center.pass(3).await;
            center.saves("SALE");
            center.tab.close().unwrap();
            center.pass(90).await;
        })
    };
    breaks(&closes(Profile::Vicidial), &[LOST], "SALE of ");
    holds(&closes(Profile::Modern), &[LOST]);
}

/// The work is done and the answer lost: the sender tells it again.
#[test]
fn the_naive_crm_counts_what_is_told_again() {
    let loses = |settings| {
        story(Profile::Modern, settings, |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.crm.lose_reply_of_next();
            center.saves("SALE");
            center.pass(90).await;
        })
    };
    breaks(&loses(CrmSettings::naive()), &[ONCE], "crm has done sale ");
    holds(&loses(sample()), &[ONCE, LOST]);
}

#[test]
fn a_replay_by_a_stranger_has_an_effect_on_the_naive_crm() {
    let replays = |settings| {
        story(Profile::Modern, settings, |center| async move {
            center.tells(None, Some(Secret::new(SECRET)));
            center.talks().await;
            center.saves("SALE");
            center.pass(600).await;
            let request = center.last();
            center.stranger(request).await;
            center.pass(10).await;
        })
    };
    breaks(&replays(CrmSettings::naive()), &[ONCE, FORGED], "for a replayed request");
    holds(&replays(sample().verifying(Scheme::Standard, Secret::new(SECRET))), &[ONCE, FORGED]);
}

#[test]
fn a_forged_event_has_an_effect_on_a_crm_that_verifies_nothing() {
    let forges = |settings| {
        story(Profile::Modern, settings, |center| async move {
            center.tells(None, Some(Secret::new(SECRET)));
            let event = Event::new("evt_forged", EventKind::DispositionSaved, 1_795_442_400_000);
            let event = event.with("lead_id", 1001).with("call_id", "M1").with("status", "SALE");
            let request = Request::post("http://crm/hook").body(event.to_json()).unwrap();
            center.stranger(request).await;
        })
    };
    breaks(&forges(sample()), &[FORGED], "for a forged request");
    holds(&forges(sample().verifying(Scheme::Standard, Secret::new(SECRET))), &[FORGED]);
}

/// An agent's hour, with everything in it that's told of.
async fn lives(center: &Center) {
    center.talks().await;
    let answer = center.ask("function=add_lead&phone_number=15551230009&list_id=101").await;
    assert!(answer.starts_with("SUCCESS: add_lead LEAD HAS BEEN ADDED - 15551230009|crm|101|"), "{answer}");
    center.carrier.hang_up(MARY).unwrap();
    center.pass(3).await;
    center.saves("NI");
    center.pass(2).await;
    center.press(|screen: &mut AgentScreen, web| screen.pause(web, Some("LUNCH")));
    center.pass(2).await;
    // Nobody is there who could take him.
    let list = center.floor.list_of("renewals").unwrap();
    center.floor.lead(AddLead { id: Some(LeadId(2000)), ..AddLead::new(list, NICK) }).unwrap();
    center.floor.dial_lead("renewals", LeadId(2000)).unwrap();
    center.pass(90).await;
}

/// What the wire shows to have happened, and what was told of it: by an outbox, and by a floor that tells nobody.
#[test]
fn what_happens_on_the_floor_is_told_or_noticed_to_be_lost() {
    for (kind, events, says) in [
        (EventKind::CallStarted, 1, " began with alice at "),
        (EventKind::CallEnded, 2, "the call of 15551230002 ended at "),
        (EventKind::LeadAdded, 1, "lead 1002 was added at "),
        (EventKind::AgentStateChanged, 6, "alice became PAUSED LUNCH at "),
    ] {
        let told = story(Profile::Modern, sample(), move |center| async move {
            center.floor.sends("renewals", kind, "http://crm/hook", None, None).unwrap();
            lives(&center).await;
        });
        holds(&told, &[LOST]);
        let judged = told.1.get(LOST).unwrap().judgement().judged;
        assert_eq!((kind, judged, exempt(&told, LOST)), (kind, events, 0));
        let untold = story(Profile::Modern, sample(), move |center| async move {
            center.says_that_it_tells(kind, "at-once");
            lives(&center).await;
        });
        breaks(&untold, &[LOST], says);
        breaks(&untold, &[LOST], &format!("{kind} to http://crm/hook was never sent"));
        assert_eq!(untold.0.lines().count(), events as usize, "{}", untold.0);
    }
}

/// VICIdial's Call URLs, each on its own occasion; none of them says which event it tells.
#[test]
fn a_call_url_is_called_on_its_occasion_or_noticed_to_be_lost() {
    for (kind, sender, trigger, says) in [
        (EventKind::CallStarted, None, "at-once", " began with alice at "),
        (EventKind::CallEnded, Some("vicidial-no-agent"), "no-agent", "the call of 15551230002 ended at "),
        (EventKind::LeadAdded, None, "at-once", "lead 1002 was added at "),
    ] {
        let told = story(Profile::Vicidial, sample(), move |center| async move {
            center.floor.sends("renewals", kind, "http://crm/hook", sender, None).unwrap();
            lives(&center).await;
        });
        holds(&told, &[LOST]);
        assert_eq!((kind, told.1.get(LOST).unwrap().judgement().judged), (kind, 1));
        let untold = story(Profile::Vicidial, sample(), move |center| async move {
            center.says_that_it_tells(kind, trigger);
            lives(&center).await;
        });
        breaks(&untold, &[LOST], says);
    }
}
