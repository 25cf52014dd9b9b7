//! The queue by itself: no network, no clock, rows that are saved, and lost, and read again.

use std::collections::BTreeMap;

use busyhour::webhook::contract::{Contract, Contracts};
use busyhour::webhook::sender::{
    Change, DELIVERIES, DeliveryId, Disabled, Dispatcher, Endpoint, GaveUp, Note, Outcome,
};
use busyhour::world::Random;

use crate::support::{contract, endpoint, event, preset, secret};

const NOW: u64 = busyhour::DEFAULT_BIRTH * 1000;

fn answered(status: u16) -> Outcome {
    Outcome::Answered { status, has_body: true, retry_after: None }
}

/// A store: what was saved.
#[derive(Default)]
struct Rows(BTreeMap<(&'static str, String), Vec<u8>>);

impl Rows {
    fn apply(&mut self, changes: Vec<Change>) {
        for Change { table, key, value } in changes {
            match value {
                Some(value) => self.0.insert((table, key), value),
                None => self.0.remove(&(table, key)),
            };
        }
    }

    fn save(&mut self, dispatcher: &mut Dispatcher) {
        let changes = dispatcher.take_changes();
        self.apply(changes.rows);
        dispatcher.saved(changes.saving);
    }

    fn restore(&self) -> Dispatcher {
        let rows = self.0.iter().map(|((table, key), value)| (*table, key.as_str(), value.as_slice()));
        Dispatcher::restore(Random::stream(1, "jitter"), &contracts(), rows).expect("good rows")
    }
}

fn contracts() -> Contracts {
    Contracts::builtin()
}

fn dispatcher(contract: Contract) -> Dispatcher {
    let mut dispatcher = Dispatcher::new(Random::stream(1, "jitter"));
    dispatcher.add_endpoint("crm", endpoint("http://crm/", contract));
    dispatcher
}

fn enqueue(dispatcher: &mut Dispatcher, number: usize) -> DeliveryId {
    dispatcher.enqueue(NOW, "crm", event(number, NOW)).expect("it takes it")
}

fn notes(dispatcher: &mut Dispatcher) -> Vec<Note> {
    std::iter::from_fn(|| dispatcher.poll_note()).collect()
}

#[test]
fn nothing_is_sent_before_its_row_is_saved() {
    let mut dispatcher = dispatcher(preset("standard"));
    let first = enqueue(&mut dispatcher, 1);
    assert!(dispatcher.poll_attempt(NOW).is_none() && dispatcher.poll_timeout().is_none());
    let one = dispatcher.take_changes();
    let second = enqueue(&mut dispatcher, 2);
    let other = dispatcher.take_changes();
    assert!(dispatcher.poll_attempt(NOW).is_none(), "taken isn't saved");
    dispatcher.saved(one.saving);
    assert_eq!(dispatcher.poll_attempt(NOW).map(|attempt| attempt.delivery), Some(first));
    assert!(dispatcher.poll_attempt(NOW).is_none(), "the second one isn't saved yet");
    dispatcher.saved(other.saving);
    assert_eq!(dispatcher.poll_attempt(NOW).map(|attempt| attempt.delivery), Some(second));
}

/// A floor's own transaction isn't committed by that of the sender's loop.
#[test]
fn each_saving_lets_out_its_own_rows_and_no_others() {
    let mut dispatcher = dispatcher(preset("standard"));
    let first = enqueue(&mut dispatcher, 1);
    let one = dispatcher.take_changes();
    let second = enqueue(&mut dispatcher, 2);
    let other = dispatcher.take_changes();
    dispatcher.saved(other.saving);
    assert_eq!(dispatcher.poll_attempt(NOW).map(|attempt| attempt.delivery), Some(second));
    assert!(dispatcher.poll_attempt(NOW).is_none());
    dispatcher.saved(one.saving);
    assert_eq!(dispatcher.poll_attempt(NOW).map(|attempt| attempt.delivery), Some(first));
}

/// Stores that lose everything after the k-th saving, for every k: what was saved is delivered at least once, and what
/// was delivered and saved never again.
#[test]
fn a_crash_after_any_saving_loses_nothing_that_was_saved() {
    for crash_after in 0.. {
        let mut rows = Rows::default();
        let mut dispatcher = dispatcher(preset("standard"));
        let (mut savings, mut delivered, mut saved_events) = (0, Vec::new(), Vec::new());
        let mut now = NOW;
        let mut crashed = false;
        for step in 0..12 {
            if step < 4 {
                let id = event(step, now).id;
                dispatcher.enqueue(now, "crm", event(step, now)).expect("it takes it");
                rows.save(&mut dispatcher);
                savings += 1;
                saved_events.push(id);
            }
            if savings == crash_after && !crashed {
                crashed = true;
                dispatcher = rows.restore();
            }
            while let Some(attempt) = dispatcher.poll_attempt(now) {
                // Each event fails once.
                let outcome = answered(if attempt.number == 1 { 500 } else { 200 });
                if attempt.number > 1 {
                    let body = attempt.request.body();
                    delivered.push(busyhour::webhook::event::Event::from_json(body).expect("an event").id);
                }
                dispatcher.finished(now, attempt.delivery, outcome);
                rows.save(&mut dispatcher);
                savings += 1;
                if savings == crash_after {
                    crashed = true;
                    dispatcher = rows.restore();
                }
            }
            now += 5000;
        }
        delivered.sort();
        assert_eq!(delivered, saved_events, "a crash after saving {crash_after}");
        assert!(rows.0.keys().all(|(table, _)| *table != DELIVERIES), "nothing is left");
        if !crashed && crash_after > 0 {
            assert_eq!(crash_after, 13, "four events, two attempts each, were saved one by one");
            break;
        }
    }
}

#[test]
fn what_was_being_sent_at_a_crash_is_sent_again_by_its_number() {
    let mut rows = Rows::default();
    let mut dispatcher = dispatcher(preset("standard"));
    let id = enqueue(&mut dispatcher, 1);
    rows.save(&mut dispatcher);
    let attempt = dispatcher.poll_attempt(NOW).expect("it's due");
    dispatcher.finished(NOW, attempt.delivery, answered(503));
    rows.save(&mut dispatcher);
    assert_eq!(dispatcher.poll_attempt(NOW + 5000).map(|attempt| attempt.number), Some(2));
    let mut again = rows.restore();
    assert!(again.poll_attempt(NOW + 4999).is_none());
    let attempt = again.poll_attempt(NOW + 5000).expect("it's due as it was");
    assert_eq!((attempt.delivery, attempt.number), (id, 2), "the attempt that nobody finished isn't counted");
    let next = again.enqueue(NOW, "crm", event(2, NOW)).expect("it takes it");
    assert!(next > id);
}

#[test]
fn secrets_health_and_being_disabled_outlive_a_crash() {
    let mut rows = Rows::default();
    let mut dispatcher = dispatcher(preset("standard"));
    dispatcher.rotate_secret(NOW, "crm", secret(2)).expect("it's there");
    dispatcher.add_endpoint("gone", endpoint("http://gone/", preset("svix")));
    dispatcher.disable("gone").expect("it's there");
    enqueue(&mut dispatcher, 1);
    rows.save(&mut dispatcher);
    let mut again = rows.restore();
    assert_eq!((again.disabled("gone"), again.disabled("crm")), (Some(Disabled::ByHand), None));
    let request = again.poll_attempt(NOW).expect("it's due").request;
    let signatures = request.headers()["webhook-signature"].to_str().expect("a text").split(' ').count();
    assert_eq!(signatures, 2, "the old secret still signs");
}

#[test]
fn rows_that_are_none_are_refused() {
    let restore = |rows: &[(&str, &str, &str)]| {
        let rows = rows.iter().map(|(table, key, value)| (*table, *key, value.as_bytes()));
        Dispatcher::restore(Random::stream(1, "jitter"), &contracts(), rows)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(restore(&[("leads", "1001", "{}")]), Ok(()), "another room's");
    let error = restore(&[(DELIVERIES, "1", "{")]).expect_err("no row");
    assert!(error.starts_with("the row \"1\" of webhook-deliveries can't be read: "), "{error}");

    let mut rows = Rows::default();
    let mut homemade = dispatcher(contract("retry = []"));
    enqueue(&mut homemade, 1);
    rows.save(&mut homemade);
    let rows: Vec<_> = rows.0.iter().map(|((table, key), value)| (*table, key.as_str(), value.as_slice())).collect();
    let restored = |rows| Dispatcher::restore(Random::stream(1, "jitter"), &contracts(), rows).map(|_| ());
    let error = restored(rows.clone()).expect_err("its contract isn't there").to_string();
    assert!(error.starts_with("there is no sender \"test\"; "), "{error}");
    let orphans: Vec<_> = rows.into_iter().filter(|(table, ..)| *table == DELIVERIES).collect();
    let error = restored(orphans).expect_err("its endpoint isn't there").to_string();
    assert!(error.ends_with("can't be read: there is no endpoint \"crm\""), "{error}");
}

#[test]
fn a_failure_that_one_rule_counts_does_not_use_up_anothers() {
    let lines = "[[retry]]\non = [\"connection\"]\nwaits = [\"1s\", \"1s\"]\n\
                 [[retry]]\non = [\"5xx\"]\nwaits = [\"10s\", \"20s\"]";
    let mut dispatcher = dispatcher(contract(lines));
    enqueue(&mut dispatcher, 1);
    Rows::default().save(&mut dispatcher);
    let mut now = NOW;
    let mut waits = Vec::new();
    let refused = || Outcome::Failed(busyhour::http::SendError::Refused(String::new()));
    for outcome in [refused(), answered(500), refused(), answered(500), answered(500)] {
        let attempt = dispatcher.poll_attempt(now).expect("it's due");
        dispatcher.finished(now, attempt.delivery, outcome);
        let Some(at) = dispatcher.poll_timeout() else { break };
        waits.push((at - now) / 1000);
        now = at;
    }
    assert_eq!(waits, [1, 10, 1, 20]);
    let last = notes(&mut dispatcher).pop().expect("there are notes");
    assert!(matches!(last, Note::GaveUp { attempts: 5, why: GaveUp::After(_), .. }), "{last:?}");
}

#[test]
fn what_is_in_flight_when_its_endpoint_is_disabled_may_still_be_delivered_and_is_not_tried_again() {
    for (status, delivered) in [(200, true), (500, false)] {
        let mut dispatcher = dispatcher(preset("standard"));
        enqueue(&mut dispatcher, 1);
        enqueue(&mut dispatcher, 2);
        Rows::default().save(&mut dispatcher);
        let attempt = dispatcher.poll_attempt(NOW).expect("it's due");
        dispatcher.disable("crm").expect("it's there");
        assert_eq!(dispatcher.pending(), 1, "the other one is given up");
        dispatcher.finished(NOW, attempt.delivery, answered(status));
        assert_eq!(dispatcher.pending(), 0);
        let last = notes(&mut dispatcher).pop().expect("there are notes");
        assert_eq!(matches!(last, Note::Delivered { .. }), delivered, "{last:?}");
    }
}

#[test]
fn an_endpoint_that_signs_and_has_no_secret_sends_nothing() {
    let mut dispatcher = Dispatcher::new(Random::stream(1, "jitter"));
    dispatcher.add_endpoint("crm", Endpoint::new("http://crm/", preset("github")));
    enqueue(&mut dispatcher, 1);
    Rows::default().save(&mut dispatcher);
    assert!(dispatcher.poll_attempt(NOW).is_none());
    assert_eq!(dispatcher.pending(), 0, "it's given up: GitHub tries once");
}

#[test]
#[should_panic(expected = "an attempt is finished once, after it was begun")]
fn an_attempt_that_is_finished_twice_is_a_bug() {
    let mut dispatcher = dispatcher(preset("standard"));
    let id = enqueue(&mut dispatcher, 1);
    Rows::default().save(&mut dispatcher);
    let _ = dispatcher.poll_attempt(NOW);
    dispatcher.finished(NOW, id, answered(500));
    dispatcher.finished(NOW, id, answered(500));
}
