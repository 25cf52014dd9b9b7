//! The whole way of one call, thinly: from the login to the webhook.

use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::Profile;
use busyhour::webhook::crm::{Crm, CrmSettings};
use busyhour::webhook::event::EventKind;

use crate::scene::{Center, LEAD, MARY, play, scene};

async fn a_sale(center: Center, web: bool) {
    let crm = Crm::install(&center.u.host("crm"), CrmSettings::default());
    center.floor.sends("renewals", EventKind::DispositionSaved, "http://crm/hook", None, None).unwrap();
    let alice = if web { center.web_agent("alice", 1).await } else { center.agent("alice", 1).await };
    assert_eq!(alice.shows(), "LOGIN");
    center.log_in(&alice).await;
    assert_eq!(alice.shows(), "PAUSED");
    assert_eq!(center.floor.agent("alice").unwrap().pause_code, "LOGIN");
    alice.press(AgentScreen::ready);
    center.pass(1).await;
    assert_eq!(alice.shows(), "READY");

    center.floor.dial_lead("renewals", LEAD).unwrap();
    center.pass(5).await;
    assert_eq!(alice.shows(), "INCALL");
    assert_eq!(alice.screen().unwrap().phone_number, MARY);
    assert_eq!(center.status(LEAD), "INCALL");
    let mary = center.carrier.devices(MARY);
    assert_eq!(center.heard(&[&alice.host, &mary]).await, [[3], [1]]);

    center.carrier.hang_up(MARY).unwrap();
    center.pass(3).await;
    assert_eq!(alice.shows(), "DEAD");
    alice.saves("SALE");
    center.pass(2).await;
    assert_eq!(center.status(LEAD), "SALE");
    assert_eq!(alice.shows(), "READY");
    let deliveries = crm.deliveries(Some(EventKind::DispositionSaved), Some("1001"));
    assert_eq!(deliveries.len(), 1);
    let method = deliveries[0].request.method().as_str();
    assert_eq!(method, if center.floor.profile() == Profile::Modern { "POST" } else { "GET" });
    assert_eq!((crm.sales("1001"), crm.status("1001").as_deref()), (1, Some("SALE")));

    alice.press(AgentScreen::log_out);
    center.pass(2).await;
    assert_eq!(alice.shows(), "LOGIN");
    assert_eq!(center.floor.agent("alice"), None);
    center.only_sessions_are_left(0).await;
}

#[test]
fn a_sale_finds_its_way_from_the_dialer_to_the_crm() {
    scene(|center| a_sale(center, false));
}

#[test]
fn and_with_a_webphone_in_the_same_tab() {
    scene(|center| a_sale(center, true));
}

#[test]
fn and_in_the_modern_profile() {
    play(Profile::Modern, |center| a_sale(center, false));
}

/// The screen opens its URL when the call begins, once, with the lead's fields in it.
#[test]
fn a_call_pops_a_screen() {
    scene(|center| async move {
        let crm = Crm::install(&center.u.host("crm"), CrmSettings::default());
        let url = "http://crm/pop?phone=--A--phone_number--B--&lead=--A--lead_id--B--";
        center.floor.change_campaign("renewals", |campaign| campaign.pop_url = Some(url.to_owned())).unwrap();
        let alice = center.talking("alice").await;
        center.pass(5).await;
        assert_eq!(alice.opened(), ["http://crm/pop?phone=15551230001&lead=1001"]);
        drop(crm);
    });
}
