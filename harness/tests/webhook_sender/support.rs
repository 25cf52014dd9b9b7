//! What these tests share: a sender on one host, a receiver on another that answers by rote.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use busyhour::Universe;
use busyhour::http::{self, Answer, Incoming, Response};
use busyhour::trace::SimTime;
use busyhour::webhook::contract::{Contract, Contracts};
use busyhour::webhook::event::{Event, EventKind};
use busyhour::webhook::sender::{Dispatcher, Endpoint, Sender};
use busyhour::webhook::signature::{Scheme, Secret};
use busyhour::world::Host;
use bytes::Bytes;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

pub fn preset(name: &str) -> Contract {
    Contracts::builtin().get(name).expect("a preset").clone()
}

/// A contract of a few lines.
pub fn contract(lines: &str) -> Contract {
    let text = format!("name = \"test\"\ntimeouts = {{ total = \"5s\" }}\n{lines}");
    Contract::read(std::path::Path::new("test.toml"), &text).expect("a good contract")
}

pub fn status(status: u16) -> Answer {
    Response::builder().status(status).body(Bytes::from_static(b"body")).expect("an answer").into()
}

pub fn with_header(status: u16, name: &str, value: &str) -> Answer {
    Response::builder().status(status).header(name, value).body(Bytes::new()).expect("an answer").into()
}

/// What a receiver got: when, and what.
pub type Journal = Rc<RefCell<Vec<(SimTime, Incoming)>>>;

/// A receiver: what it answers to its first, second, ... request, and how long it takes for that.
pub fn receiver(
    u: &Universe,
    name: &str,
    answer: impl Fn(usize, &Incoming) -> (Duration, Answer) + Clone + 'static,
) -> (Host, Journal) {
    let (host, journal) = (u.host(name), Journal::default());
    let written = journal.clone();
    host.boot(move |host| {
        let (written, answer) = (written.clone(), answer.clone());
        async move {
            let worker = host.clone();
            let handler = move |incoming: Incoming| {
                let (after, answer) = answer(written.borrow().len() + 1, &incoming);
                written.borrow_mut().push((worker.now(), incoming));
                let worker = worker.clone();
                async move {
                    worker.sleep(after).await;
                    answer
                }
            };
            let _ = http::serve(&host, 80, handler).await;
        }
    });
    (host, journal)
}

/// A receiver that always answers the same.
pub fn always(u: &Universe, name: &str, answer: Answer) -> (Host, Journal) {
    receiver(u, name, move |_, _| (Duration::ZERO, answer.clone()))
}

pub fn secret(number: u8) -> Secret {
    Secret::new(format!("whsec_{number}2FVsBQIhrscChlQIMV+b5sSYspob7oD"))
}

pub fn endpoint(url: &str, contract: Contract) -> Endpoint {
    let endpoint = Endpoint::new(url, contract);
    if endpoint.contract.signature == Scheme::None { endpoint } else { endpoint.signed_with(secret(1)) }
}

/// A sender with one endpoint, `crm`.
pub fn a_sender(u: &Universe, endpoint: Endpoint) -> Sender {
    let sender = Sender::install(&u.host("floor"), Dispatcher::new(u.random("sender")));
    sender.with(|dispatcher, _| dispatcher.add_endpoint("crm", endpoint));
    sender
}

pub fn event(number: usize, now: u64) -> Event {
    Event::new(format!("evt_{number}"), EventKind::DispositionSaved, now)
        .numbered(number as u64)
        .with("lead_id", 1000 + number)
        .with("phone_number", "15551230001")
        .with("status", "SALE")
        .with("agent", "alice")
}

/// Tells of one event.
pub fn tell(sender: &Sender, number: usize) {
    sender.with(|dispatcher, now| {
        dispatcher.enqueue(now, "crm", event(number, now)).expect("the endpoint takes it");
    });
}

/// When requests came, in seconds after the first one.
pub fn seconds(journal: &Journal) -> Vec<u64> {
    let journal = journal.borrow();
    let first = journal.first().map_or(SimTime::ZERO, |(at, _)| *at);
    journal.iter().map(|(at, _)| at.since(first).as_secs_f64().round() as u64).collect()
}

/// The names of the events that came, in order.
pub fn events(journal: &Journal) -> Vec<String> {
    let id = |incoming: &Incoming| Event::from_json(incoming.request.body()).expect("an event").id;
    journal.borrow().iter().map(|(_, incoming)| id(incoming)).collect()
}
