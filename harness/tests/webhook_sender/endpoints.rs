//! Order, fallback, other URLs, other secrets.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use busyhour::webhook::signature::{DEFAULT_TOLERANCE, Received, Rejection, Secret};

use crate::support::{
    HOUR, Journal, MINUTE, SECOND, a_sender, always, contract, endpoint, events, preset, receiver, seconds, secret,
    status, tell,
};

/// The first event fails twice; the others go through at once.
#[test]
fn in_parallel_a_late_retry_is_overtaken_and_in_order_everybody_waits() {
    for (order, expected) in [
        ("parallel", ["evt_1", "evt_2", "evt_3", "evt_1", "evt_1"]),
        ("in order", ["evt_1", "evt_1", "evt_1", "evt_2", "evt_3"]),
    ] {
        busyhour::simulate(1, move |u| async move {
            let failures = Rc::new(Cell::new(0));
            let (_, journal) = receiver(&u, "crm", move |_, incoming| {
                let is_first = String::from_utf8_lossy(incoming.request.body()).contains("evt_1");
                let fails = is_first && failures.get() < 2;
                failures.set(failures.get() + u32::from(fails));
                (Duration::ZERO, status(if fails { 500 } else { 200 }))
            });
            let lines = format!("order = \"{order}\"\n[[retry]]\non = [\"all\"]\nwaits = [\"1m\", \"1m\"]");
            let sender = a_sender(&u, endpoint("http://crm/", contract(&lines)));
            u.sleep(SECOND).await;
            for number in 1..=3 {
                tell(&sender, number);
                u.sleep(Duration::from_millis(100)).await;
            }
            u.sleep(HOUR).await;
            assert_eq!(events(&journal), expected, "{order}");
            assert_eq!(sender.with(|dispatcher, _| dispatcher.pending()), 0);
        });
    }
}

#[test]
fn in_order_an_event_that_is_given_up_lets_the_next_one_go() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = always(&u, "crm", status(500));
        let lines = "order = \"in order\"\n[[retry]]\non = [\"all\"]\nwaits = [\"10s\"]";
        let sender = a_sender(&u, endpoint("http://crm/", contract(lines)));
        u.sleep(SECOND).await;
        (1..=3).for_each(|number| tell(&sender, number));
        u.sleep(HOUR).await;
        assert_eq!(events(&journal), ["evt_1", "evt_1", "evt_2", "evt_2", "evt_3", "evt_3"]);
        assert_eq!(seconds(&journal), [0, 10, 10, 20, 20, 30]);
    });
}

#[test]
fn one_endpoint_that_fails_does_not_stop_another() {
    // travis-ci#3192: the first endpoint's time-out stopped the rest.
    busyhour::simulate(1, |u| async move {
        always(&u, "dead", busyhour::http::Answer::Hang);
        let (_, journal) = always(&u, "crm", status(200));
        let sender = a_sender(&u, endpoint("http://crm/", preset("standard")));
        sender
            .with(|dispatcher, _| dispatcher.add_endpoint("a-dead-one", endpoint("http://dead/", preset("standard"))));
        u.sleep(SECOND).await;
        sender.with(|dispatcher, now| {
            for name in ["a-dead-one", "crm"] {
                dispatcher.enqueue(now, name, crate::support::event(1, now)).expect("it takes it");
            }
        });
        u.sleep(SECOND).await;
        assert_eq!(journal.borrow().len(), 1);
    });
}

/// Twilio: when the first URL has failed, the fallback URL is told.
#[test]
fn what_fails_is_told_to_the_fallback_url() {
    for (first, fallback, expected) in [(500, 200, (1, 1, 1)), (200, 200, (1, 0, 1)), (500, 500, (1, 1, 0))] {
        busyhour::simulate(1, move |u| async move {
            let (_, one) = always(&u, "crm", status(first));
            let (_, other) = always(&u, "spare", status(fallback));
            let sender = a_sender(&u, endpoint("http://crm/", preset("twilio")).falling_back_to("http://spare/"));
            u.sleep(SECOND).await;
            tell(&sender, 1);
            u.sleep(HOUR).await;
            let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
            assert_eq!((one.borrow().len(), other.borrow().len(), tally.delivered), expected);
            assert_eq!(tally.pending, 0);
        });
    }
}

/// Shopify: a retry goes where the first attempt went, whatever the endpoint's URL is by now.
#[test]
fn after_a_move_retries_go_to_the_old_url_or_to_the_new_one_as_the_contract_says() {
    for (name, expected) in [("shopify", (9, 0)), ("standard", (2, 8))] {
        busyhour::simulate(1, move |u| async move {
            let (_, old) = always(&u, "old", status(500));
            let (_, new) = always(&u, "new", status(500));
            let sender = a_sender(&u, endpoint("http://old/", preset(name)));
            u.sleep(SECOND).await;
            tell(&sender, 1);
            u.sleep(30 * SECOND).await;
            sender.with(|dispatcher, _| dispatcher.set_url("crm", "http://new/")).expect("it's there");
            // What happens after the move goes to the new URL.
            tell(&sender, 2);
            u.sleep(80 * HOUR).await;
            let firsts = |journal| events(journal).iter().filter(|id| *id == "evt_1").count();
            assert_eq!((firsts(&old), firsts(&new)), expected, "{name}");
            assert!(
                events(&new).contains(&"evt_2".to_owned()) && !events(&old).contains(&"evt_2".to_owned()),
                "{name}"
            );
        });
    }
}

/// How each request verifies with the old secret and with the new one.
fn verdicts(journal: &Journal, name: &str, secrets: [Secret; 2]) -> Vec<[Result<(), Rejection>; 2]> {
    let scheme = preset(name).signature;
    let verify = |incoming: &busyhour::http::Incoming, at: u64, secret: &Secret| {
        let received = Received::of(&incoming.request);
        scheme.verify(at, std::slice::from_ref(secret), DEFAULT_TOLERANCE, &received)
    };
    let journal = journal.borrow();
    journal
        .iter()
        .map(|(at, incoming)| {
            let at = busyhour::DEFAULT_BIRTH + at.as_nanos() / 1_000_000_000;
            secrets.each_ref().map(|secret| verify(incoming, at, secret))
        })
        .collect()
}

/// The spec of Standard Webhooks: at a rotation both secrets sign, so that no receiver has to change at the same time.
#[test]
fn while_a_rotation_overlaps_both_secrets_sign_and_afterwards_the_new_one_alone() {
    const WRONG: Result<(), Rejection> = Err(Rejection::WrongSignature);
    for (name, during) in [
        ("standard", [Ok(()), Ok(())]),
        ("svix", [Ok(()), Ok(())]),
        ("stripe", [Ok(()), Ok(())]),
        ("github", [WRONG, Ok(())]),
        ("shopify", [WRONG, Ok(())]),
        ("twilio", [WRONG, Ok(())]),
        ("dialpad", [WRONG, Ok(())]),
        ("didww", [WRONG, Ok(())]),
    ] {
        busyhour::simulate(1, move |u| async move {
            let (_, journal) = always(&u, "crm", status(200));
            let sender = a_sender(&u, endpoint("http://crm/hook?a=1", preset(name)));
            u.sleep(SECOND).await;
            tell(&sender, 1);
            u.sleep(SECOND).await;
            sender.with(|dispatcher, now| dispatcher.rotate_secret(now, "crm", secret(2))).expect("it's there");
            u.sleep(24 * HOUR - MINUTE).await;
            tell(&sender, 2);
            u.sleep(2 * MINUTE).await;
            tell(&sender, 3);
            u.sleep(SECOND).await;
            let expected = [[Ok(()), WRONG], during, [WRONG, Ok(())]];
            assert_eq!(verdicts(&journal, name, [secret(1), secret(2)]), expected, "{name}");
        });
    }
}

/// The timestamp is that of the attempt: a retry after an hour isn't taken for a replay.
#[test]
fn a_retry_is_signed_anew_and_bears_the_same_id() {
    for name in ["standard", "svix", "stripe"] {
        busyhour::simulate(1, move |u| async move {
            let (_, journal) =
                receiver(&u, "crm", |number, _| (Duration::ZERO, status(if number < 5 { 500 } else { 200 })));
            let sender = a_sender(&u, endpoint("http://crm/", preset(name)));
            u.sleep(SECOND).await;
            tell(&sender, 1);
            u.sleep(24 * HOUR).await;
            assert_eq!(events(&journal), vec!["evt_1"; 5]);
            let good =
                verdicts(&journal, name, [secret(1), secret(2)]).into_iter().filter(|[old, _]| old.is_ok()).count();
            assert_eq!(good, 5, "{name}");
            let journal = journal.borrow();
            assert!(journal.iter().all(|(_, one)| one.request.body() == journal[0].1.request.body()), "the same bytes");
        });
    }
}
