//! A receiver that is down for three days: what its sender's schedule costs.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use busyhour::http::{self, Answer, Response};
use busyhour::trace::SimTime;
use busyhour::webhook::contract::Contracts;
use busyhour::webhook::event::{Event, EventKind};
use busyhour::webhook::sender::{Dispatcher, Endpoint, Sender, Tally};
use busyhour::webhook::signature::Secret;
use bytes::Bytes;

use crate::bench::measure::Measurement;
use crate::bench::sip::universe;

const EVENTS: u64 = 1_000;
/// The attempts of the standard contract: the first, and nine of its schedule, the last of which is 75.6 h later.
const ATTEMPTS: u64 = 10;

/// One event each second; every attempt is answered 500, as by a CRM behind a proxy that is up.
pub fn run() -> Measurement {
    let (outcome, cpu) = universe(false, move |u| async move {
        let answered = Rc::new(Cell::new(0));
        let counted = Rc::clone(&answered);
        u.host("crm").boot(move |host| {
            let counted = Rc::clone(&counted);
            async move {
                let handler = move |_| {
                    counted.set(counted.get() + 1);
                    let refusal = Response::builder().status(500).body(Bytes::from_static(b"down")).expect("in order");
                    std::future::ready(Answer::from(refusal))
                };
                let _ = http::serve(&host, 80, handler).await;
            }
        });
        let contract = Contracts::builtin().get("standard").expect("a preset").clone();
        let sender = Sender::install(&u.host("floor"), Dispatcher::new(u.random("sender")));
        let endpoint = Endpoint::new("http://crm/hook", contract)
            .signed_with(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        sender.with(|dispatcher, _| dispatcher.add_endpoint("crm", endpoint));
        for number in 0..EVENTS {
            u.sleep(Duration::from_secs(1)).await;
            sender.with(|dispatcher, now| {
                let event = Event::new(format!("evt_{number}"), EventKind::DispositionSaved, now)
                    .numbered(number)
                    .with("lead_id", number)
                    .with("phone_number", "15551230001")
                    .with("status", "SALE")
                    .with("agent", "alice");
                dispatcher.enqueue(now, "crm", event).expect("the endpoint takes it");
            });
        }
        u.sleep(Duration::from_secs(4 * 86_400)).await;
        let tally = sender.with(|dispatcher, _| dispatcher.tally("crm"));
        let expected = Tally { attempts: EVENTS * ATTEMPTS, delivered: 0, given_up: EVENTS, pending: 0 };
        assert_eq!(tally, Some(expected), "every event was tried to the end of its schedule");
        assert_eq!(answered.get(), EVENTS * ATTEMPTS, "every attempt reached the receiver");
    });
    let each = cpu.as_secs_f64() * 1e6 / (EVENTS * ATTEMPTS) as f64;
    Measurement::new("three days of retries", 2, outcome.ended_at.since(SimTime::ZERO), cpu, outcome.packets.sent)
        .with("events", EVENTS as f64)
        .with("attempts", (EVENTS * ATTEMPTS) as f64)
        .with("us_an_attempt", each)
}
