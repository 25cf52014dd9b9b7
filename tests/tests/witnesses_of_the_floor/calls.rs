//! Customers' calls: whom the floor calls, and what becomes of them.

use std::time::Duration;

use busyhour::floor::core::{AddLead, LeadId};
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::{Method, Profile};
use busyhour::pbx::carrier::CallState;
use busyhour::pbx::customer::Behaviour;

use crate::center::*;

/// The list that was put up, and a floor that hasn't heard of it.
#[test]
fn a_call_to_a_number_on_the_list_is_noticed() {
    let told = story(Profile::Vicidial, sample(), |center| async move {
        center.floor.host().set_up("do-not-call", |event| event.with("number", MARY));
        center.pass(1).await;
        center.talks().await;
    });
    breaks(&told, &[BLOCKED], "15551230001 is called, and is on the do-not-call list");
}

/// Two leads that are one customer: by a fixture nobody knows, by the API the quirk is known.
#[test]
fn one_customer_in_two_calls_is_noticed() {
    let told = story(Profile::Vicidial, sample(), |center| async move {
        let list = center.floor.list_of("renewals").unwrap();
        center.floor.lead(AddLead { id: Some(LeadId(1002)), ..AddLead::new(list, MARY) }).unwrap();
        center.floor.dial_lead("renewals", LEAD_1001).unwrap();
        center.floor.dial_lead("renewals", LeadId(1002)).unwrap();
        center.pass(60).await;
    });
    breaks(&told, &[LEAD], "15551230001 is called, and is in a call since");
}

/// AVA-AI-Voice-Agent#405: the campaign says five seconds, and the floor keeps customers for ever.
#[test]
fn a_customer_whom_nobody_gets_and_nobody_drops_is_noticed() {
    let waits = |keeps_its_word: bool| {
        story(Profile::Vicidial, sample(), move |center| async move {
            if !keeps_its_word {
                center
                    .floor
                    .change_campaign("renewals", |campaign| campaign.drop_after = Duration::from_secs(600))
                    .unwrap();
                center.says_of_renewals("ratio");
            }
            center.floor.dial_lead("renewals", LEAD_1001).unwrap();
            center.pass(90).await;
        })
    };
    breaks(&waits(false), &[PLACED], "15551230001 has answered at ");
    holds(&waits(true), &[PLACED]);
}

/// VICIdial's dial_timeout is 60 s. The campaign of this floor has one of a day, and the customer is out: her phone rings
/// for as long as somebody lets it, and nobody else gives up either.
#[test]
fn a_call_that_rings_for_ever_is_noticed() {
    let rings = |dial_timeout: Duration| {
        story(Profile::Vicidial, sample(), move |center| async move {
            center.carrier.default_customer(Behaviour::never_answers());
            center.floor.change_campaign("renewals", |campaign| campaign.dial_timeout = dial_timeout).unwrap();
            center.floor.dial_lead("renewals", LEAD_1001).unwrap();
            center.pass(300).await;
            let calls = center.carrier.calls(MARY);
            let rings = calls.last().unwrap().state == CallState::Ringing;
            assert_eq!((calls.len(), rings), (1, dial_timeout > Duration::from_secs(300)));
        })
    };
    breaks(&rings(Duration::from_secs(86_400)), &[PLACED], "15551230001 is called since ");
    holds(&rings(Duration::from_secs(60)), &[PLACED]);
}

/// FCC DA-03-2832: alice takes a call each ten seconds, and the floor dials five lines for her, though its campaign is said to
/// dial by a drop target. The one that really does stays within it.
#[test]
fn a_dialer_that_drops_more_than_its_target_is_noticed() {
    let dials = |method: Method| {
        story(Profile::Vicidial, sample(), move |center| async move {
            center.floor.leads("renewals", 200).unwrap();
            center.floor.change_campaign("renewals", |campaign| campaign.method = method).unwrap();
            center.says_of_renewals("predictive");
            center.press(|screen, web| screen.log_in(web, "renewals"));
            center.pass(3).await;
            center.press(AgentScreen::ready);
            center.floor.dialer_on("renewals").unwrap();
            while center.floor.stats("renewals").answered < 110 {
                center.pass(10).await;
                if center.shows() == "INCALL" {
                    center.saves("NI");
                }
            }
            center.floor.dialer_off("renewals");
            center.pass(30).await;
        })
    };
    breaks(&dials(Method::Ratio { level: 5.0 }), &[DROPS], "answered calls, ");
    holds(&dials(Method::Predictive { most: 5.0 }), &[DROPS, PLACED]);
}
