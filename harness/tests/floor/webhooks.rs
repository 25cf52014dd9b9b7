//! What the floor tells others, by the profile's own ways and by named contracts.

use std::time::Duration;

use busyhour::floor::settings::Profile;
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::webhook::crm::{Crm, CrmSettings};
use busyhour::webhook::event::EventKind;
use busyhour::webhook::signature::{Scheme, Secret};

use crate::scene::{Center, LEAD, MARY, play, scene, unwitnessed};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn crm(center: &Center) -> Crm {
    Crm::install(&center.u.host("crm"), CrmSettings::default())
}

fn told(center: &Center, event: EventKind, sender: Option<&str>) -> String {
    center.floor.sends("renewals", event, "http://crm/hook", sender, None).unwrap()
}

/// The two steps of VICIdial's disposition URL (domain facts: vicidial.php:17319): the tab is closed between them.
#[test]
fn a_tab_closed_at_once_leaves_a_saved_disposition_of_which_nobody_is_told() {
    for (profile, deliveries) in [(Profile::Vicidial, 0), (Profile::Modern, 1)] {
        unwitnessed(profile, move |center| async move {
            let crm = crm(&center);
            told(&center, EventKind::DispositionSaved, None);
            let alice = center.talking("alice").await;
            center.carrier.hang_up(MARY).unwrap();
            center.pass(3).await;
            alice.saves("SALE");
            alice.tab.close().unwrap();
            center.pass(60).await;
            assert_eq!(center.status(LEAD), "SALE");
            assert_eq!(crm.deliveries(None, Some("1001")).len(), deliveries, "{profile:?}");
        });
    }
}

/// RUNurls has no already-sent guard, and updateDISPO none either.
#[test]
fn two_saves_at_once_are_two_deliveries_and_one_sale_of_a_crm_that_dedupes() {
    for (profile, deliveries) in [(Profile::Vicidial, 2), (Profile::Modern, 1)] {
        play(profile, move |center| async move {
            let crm = crm(&center);
            told(&center, EventKind::DispositionSaved, None);
            let alice = center.talking("alice").await;
            alice.saves("SALE");
            alice.saves("SALE");
            center.pass(10).await;
            assert_eq!(crm.deliveries(None, Some("1001")).len(), deliveries, "{profile:?}");
            assert_eq!(crm.sales("1001"), 1);
        });
    }
}

#[test]
fn the_modern_profile_tells_again_until_the_crm_is_back() {
    play(Profile::Modern, |center| async move {
        let crm = crm(&center);
        let hook = told(&center, EventKind::DispositionSaved, None);
        crm.answers(500, 2);
        let alice = center.talking("alice").await;
        alice.saves("SALE");
        center.pass(10).await;
        assert_eq!(crm.deliveries(None, None).len(), 2);
        assert_eq!(center.floor.tally(&hook).unwrap().pending, 1);
        center.pass(310).await;
        assert_eq!((crm.deliveries(None, None).len(), crm.sales("1001")), (3, 1));
        assert_eq!(center.floor.untold(), 0);
    });
}

/// By the vicidial-dispo contract there's one try; a named contract is kept in that profile, too.
#[test]
fn the_vicidial_profile_tries_once_unless_another_sender_is_named() {
    for (sender, sales) in [(None, 0), (Some("standard"), 1)] {
        scene(move |center| async move {
            let crm = crm(&center);
            told(&center, EventKind::DispositionSaved, sender);
            crm.answers(500, 1);
            let alice = center.talking("alice").await;
            alice.saves("SALE");
            center.pass(600).await;
            assert_eq!(crm.sales("1001"), sales, "{sender:?}");
        });
    }
}

#[test]
fn signed_events_are_verified_and_a_rotated_secret_is_learned() {
    play(Profile::Modern, |center| async move {
        let secret = Secret::new(SECRET);
        let settings = CrmSettings::default().verifying(Scheme::Standard, secret.clone());
        let crm = Crm::install(&center.u.host("crm"), settings);
        let (kind, url) = (EventKind::DispositionSaved, "http://crm/hook");
        let hook = center.floor.sends("renewals", kind, url, None, Some(secret)).unwrap();
        let alice = center.talking("alice").await;
        alice.saves("SALE");
        center.pass(5).await;
        assert_eq!(crm.sales("1001"), 1);
        center.floor.rotate_secret(&hook, Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")).unwrap();
        center.floor.dial_lead("renewals", LEAD).unwrap();
        center.pass(5).await;
        alice.saves("NI");
        center.pass(5).await;
        let rejected = crm.deliveries(None, None).iter().filter(|delivery| delivery.is_rejected()).count();
        assert_eq!((crm.status("1001").as_deref(), rejected), (Some("NI"), 0), "both sign for a day");
    });
}

#[test]
fn start_and_no_agent_urls_tell_of_their_own_occasions() {
    scene(|center| async move {
        let crm = crm(&center);
        told(&center, EventKind::CallStarted, None);
        told(&center, EventKind::CallEnded, Some("vicidial-no-agent"));
        center.behaves("15551230002", Customer::busy());
        let alice = center.talking("alice").await;
        assert_eq!(crm.deliveries(None, Some("1001")).len(), 1);
        alice.saves("NI");
        center.floor.dial_lead("renewals", crate::scene::OTHER).unwrap();
        center.pass(10).await;
        assert_eq!(crm.deliveries(None, Some("1001")).len(), 1, "an agent had that call");
        let no_agent = crm.deliveries(None, Some("1002"));
        assert_eq!(no_agent.len(), 1);
        assert!(no_agent[0].request.uri().query().unwrap().contains("status=AB"), "{:?}", no_agent[0].request);
    });
}

#[test]
fn every_event_of_the_modern_profile_arrives() {
    play(Profile::Modern, |center| async move {
        let crm = crm(&center);
        for event in EventKind::ALL {
            told(&center, event, None);
        }
        let alice = center.talking("alice").await;
        let wish = busyhour::floor::core::CallbackWish { at: 1_895_442_400_000, ..Default::default() };
        alice.press(|screen, web| screen.save_disposition(web, "SALE", Some(wish)));
        center.ask("add_lead", &[("phone_number", "7275551111"), ("list_id", "101")]).await;
        center.u.sleep(Duration::from_secs(5)).await;
        for event in EventKind::ALL {
            assert!(!crm.deliveries(Some(event), None).is_empty(), "{event}");
        }
        assert_eq!(crm.sales("1001"), 1);
    });
}
