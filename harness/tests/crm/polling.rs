//! Asking for what no webhook has told: the poller beside the webhook.

use std::time::Duration;

use busyhour::simulate;
use busyhour::webhook::crm::{Crm, CrmSettings, How, Poll};
use busyhour::webhook::receiver::matchers::{path, query_param};
use busyhour::webhook::receiver::{Receiver, Reply};

use super::{SECOND, disposed, place, tell};

fn poll(lead: &str) -> Poll {
    Poll {
        url: "http://floor/vicidial/non_agent_api.php".to_owned(),
        user: "api".to_owned(),
        password: "a secret&more".to_owned(),
        lead_id: lead.to_owned(),
        every: Duration::from_secs(5),
    }
}

/// A floor that says this of lead 1001 from now on.
fn says(floor: &Receiver, status: &str) {
    floor.reset();
    floor
        .given(path("/vicidial/non_agent_api.php"))
        .and(query_param("function", "lead_field_info"))
        .and(query_param("lead_id", "1001"))
        .and(query_param("field_name", "status"))
        .and(query_param("pass", "a secret&more"))
        .respond_with(Reply::status(200).body(format!("{status}\n")));
}

fn what(crm: &Crm) -> (usize, Option<String>) {
    (crm.sales("1001"), crm.status("1001"))
}

#[test]
fn a_sale_that_no_webhook_told_of_is_found_by_asking() {
    simulate(1, |u| async move {
        let (crm, _) = place(&u, CrmSettings::default());
        let floor = Receiver::install(&u.host("floor"), 80);
        says(&floor, "INCALL");
        crm.polls(poll("1001"));
        u.sleep(SECOND).await;
        assert_eq!(what(&crm), (0, Some("INCALL".to_owned())));
        says(&floor, "SALE");
        u.sleep(30 * SECOND).await;
        assert_eq!(what(&crm), (1, Some("SALE".to_owned())));
        assert_eq!(crm.effects().len(), 3, "asked again and again, it's still the same");
        assert_eq!(crm.requests(How::Poller), 7);
        assert_eq!(crm.requests(How::Webhook), 0);
    });
}

#[test]
fn the_webhook_that_comes_after_the_poller_doubles_nothing() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, CrmSettings::default());
        let floor = Receiver::install(&u.host("floor"), 80);
        says(&floor, "SALE");
        crm.polls(poll("1001"));
        u.sleep(SECOND).await;
        assert_eq!(crm.sales("1001"), 1);
        tell(&sender, &disposed("evt_1", 7, "SALE")).await;
        u.sleep(SECOND).await;
        assert_eq!(crm.sales("1001"), 1);
        // And the next call's sale is another one.
        tell(&sender, &disposed("evt_2", 8, "SALE")).await;
        u.sleep(SECOND).await;
        assert_eq!(crm.sales("1001"), 2);
    });
}

#[test]
fn what_was_asked_for_later_isnt_undone_by_an_event_that_is_late() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, CrmSettings::default());
        let floor = Receiver::install(&u.host("floor"), 80);
        tell(&sender, &disposed("evt_1", 1, "NI")).await;
        u.sleep(60 * SECOND).await;
        says(&floor, "SALE");
        crm.polls(poll("1001"));
        u.sleep(SECOND).await;
        // It happened half a minute before the CRM asked.
        tell(&sender, &disposed("evt_2", 30, "CALLBK")).await;
        u.sleep(SECOND).await;
        assert_eq!(what(&crm), (1, Some("SALE".to_owned())));
        // This one happened after.
        tell(&sender, &disposed("evt_3", 90, "DNC")).await;
        u.sleep(SECOND).await;
        assert_eq!(crm.status("1001").as_deref(), Some("DNC"));
    });
}

#[test]
fn who_knew_first_can_be_seen() {
    simulate(1, |u| async move {
        let (crm, sender) = place(&u, CrmSettings::default());
        let floor = Receiver::install(&u.host("floor"), 80);
        says(&floor, "INCALL");
        crm.polls(poll("1001"));
        u.sleep(6 * SECOND).await;
        says(&floor, "SALE");
        tell(&sender, &disposed("evt_1", 1, "SALE")).await;
        u.sleep(6 * SECOND).await;
        let (told, asked) =
            (crm.first_knew("1001", How::Webhook).unwrap(), crm.first_knew("1001", How::Poller).unwrap());
        assert!(told < asked, "{told} {asked}");
        assert!(crm.first_knew_that("1001", "INCALL", How::Poller).unwrap() < told);
        assert_eq!(crm.first_knew_that("1001", "INCALL", How::Webhook), None);
    });
}

#[test]
fn an_api_that_refuses_says_nothing_of_the_lead() {
    for refusal in
        ["ERROR: Login incorrect, please try again: |api|x|BAD|", "ERROR: lead_field_info LEAD NOT FOUND", ""]
    {
        simulate(1, move |u| async move {
            let (crm, _) = place(&u, CrmSettings::default());
            let floor = Receiver::install(&u.host("floor"), 80);
            says(&floor, refusal);
            crm.polls(poll("1001"));
            u.sleep(SECOND).await;
            assert_eq!(what(&crm), (0, None), "{refusal}");
        });
    }
}

#[test]
fn it_goes_on_asking_after_a_crash() {
    simulate(1, |u| async move {
        let (crm, _) = place(&u, CrmSettings::default());
        let floor = Receiver::install(&u.host("floor"), 80);
        says(&floor, "NI");
        crm.polls(poll("1001"));
        u.sleep(SECOND).await;
        crm.host().crash();
        u.sleep(60 * SECOND).await;
        assert_eq!(crm.requests(How::Poller), 1);
        says(&floor, "SALE");
        crm.host().restart();
        u.sleep(12 * SECOND).await;
        assert_eq!((crm.requests(How::Poller), what(&crm)), (4, (1, Some("SALE".to_owned()))));
    });
}
