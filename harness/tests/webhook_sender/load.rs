//! A thousand events at a receiver that's down for three days.

use std::time::Duration;

use busyhour::trace::SimTime;
use busyhour::webhook::sender::Tally;
use busyhour::world::process_cpu_time;
use busyhour::{Outcome, Universe};

use crate::support::{DAY, HOUR, MINUTE, SECOND, a_sender, always, contract, endpoint, preset, receiver, status, tell};

/// What three days of failures cost is printed; that nobody was forgotten is asserted. An event comes every second, as
/// on a busy floor.
#[test]
fn a_thousand_events_are_tried_for_three_days_and_given_up() {
    let before = process_cpu_time();
    busyhour::simulate(1, |u| async move {
        let (_, journal) = always(&u, "crm", status(500));
        let sender = a_sender(&u, endpoint("http://crm/", preset("standard")));
        for number in 0..1000 {
            u.sleep(SECOND).await;
            tell(&sender, number);
        }
        u.sleep(4 * DAY).await;
        assert_eq!(journal.borrow().len(), 10_000);
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm"));
        assert_eq!(tally, Some(Tally { attempts: 10_000, delivered: 0, given_up: 1000, pending: 0 }));
    });
    println!("1,000 events, 10,000 attempts in three days: {:?} of CPU", process_cpu_time() - before);
}

/// A thousand connections at the same moment.
#[test]
fn a_thousand_events_at_once_are_all_delivered() {
    busyhour::simulate(1, |u| async move {
        let (_, journal) = always(&u, "crm", status(200));
        let sender = a_sender(&u, endpoint("http://crm/", preset("standard")));
        u.sleep(SECOND).await;
        (0..1000).for_each(|number| tell(&sender, number));
        u.sleep(MINUTE).await;
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm"));
        assert_eq!(tally, Some(Tally { attempts: 1000, delivered: 1000, given_up: 0, pending: 0 }));
        assert_eq!(journal.borrow().len(), 1000);
    });
}

/// Events that come while a receiver is away for three days all arrive when it's back, each of them once.
#[test]
fn a_receiver_that_comes_back_after_three_days_gets_every_event() {
    busyhour::simulate(1, |u| async move {
        let back = SimTime::ZERO + 3 * DAY;
        let host = u.clone();
        let (_, journal) =
            receiver(&u, "crm", move |_, _| (Duration::ZERO, status(if host.now() < back { 503 } else { 200 })));
        let sender = a_sender(&u, endpoint("http://crm/", preset("standard")));
        u.sleep(SECOND).await;
        for number in 0..100 {
            tell(&sender, number);
            u.sleep(MINUTE).await;
        }
        u.sleep(4 * DAY).await;
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm")).expect("it's there");
        assert_eq!((tally.delivered, tally.given_up, tally.pending), (100, 0, 0));
        let good = journal.borrow().iter().filter(|(at, _)| *at >= back).count();
        assert_eq!(good, 100);
    });
}

fn jittery(seed: u64) -> Outcome<usize> {
    Universe::seeded(seed).run(|u| async move {
        let (_, journal) = always(&u, "crm", status(500));
        let lines = "[[retry]]\non = [\"all\"]\nfirst = \"1s\"\nmost = \"1h\"\njitter = \"full\"\nretries = 20";
        let sender = a_sender(&u, endpoint("http://crm/", contract(lines)));
        u.sleep(SECOND).await;
        (0..5).for_each(|number| tell(&sender, number));
        u.sleep(24 * HOUR).await;
        journal.borrow().len()
    })
}

#[test]
fn the_same_seed_draws_the_same_jitter() {
    let (one, other, another) = (jittery(5), jittery(5), jittery(6));
    assert_eq!(one.digest(), other.digest());
    assert_ne!(one.digest(), another.digest());
    assert_eq!(one.result.ok(), Some(105), "21 attempts each");
}
