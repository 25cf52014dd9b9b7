//! Bring your own webhook receiver: an axum application that busyhour has never seen, in a universe.
//!
//! ```console
//! $ cargo run --example own_webhook_receiver
//! ```
//!
//! [`app`] is what a developer might have: it takes `disposition.saved` events, counts each sale once, and asks the
//! floor's API who the customer was. What it needed for busyhour are two lines: its HTTP client is built on
//! `own::client`, and a [`Probe`] names its effect. The rest is axum, as it is.
//!
//! `main` delivers a sale three times: once well, once more as a retry, and once more after the machine lost power.
//! Then it shows what happens to an application that leaves the universe: the run fails and says so.

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use busyhour::http::{Client, Limits, Request, header};
use busyhour::store::{Batch, Store};
use busyhour::webhook::event::{Event, EventKind};
use busyhour::webhook::own::{self, Probe};
use busyhour::webhook::receiver::matchers::{path, query_param};
use busyhour::webhook::receiver::{Receiver, Reply};
use busyhour::world::Host;
use busyhour::{Universe, simulate};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use serde_json::Value;
use std::sync::{Arc, Mutex};

// --- the application -------------------------------------------------------------------------------------------------

type Floor = hyper_util::client::legacy::Client<own::Connector, Empty<Bytes>>;

/// What its handlers share.
#[derive(Clone)]
struct App {
    /// Its database.
    sales: Arc<Mutex<Store>>,
    /// How it asks the floor.
    floor: Floor,
    /// How it says what it did.
    probe: Probe,
}

/// The application on its host. After a crash it's made afresh: what it must still know is in its database.
pub fn app(host: &Host) -> Router {
    let sales = Store::open(host.disk(), "sales").expect("the disk is there");
    let app = App { sales: Arc::new(Mutex::new(sales)), floor: own::client(host), probe: Probe::new(host) };
    Router::new().route("/hook", post(receive)).with_state(app)
}

async fn receive(State(app): State<App>, body: String) -> (StatusCode, String) {
    let Ok(event) = serde_json::from_str::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "no JSON".to_owned());
    };
    let of = |field: &str| event["data"][field].as_str().unwrap_or_default().to_owned();
    let (id, lead) = (event["id"].as_str().unwrap_or_default().to_owned(), of("lead_id"));
    if of("status") != "SALE" {
        return (StatusCode::OK, "no sale".to_owned());
    }
    let Some(name) = name_of(&app.floor, &lead).await else {
        return (StatusCode::BAD_GATEWAY, "the floor doesn't say who it was".to_owned());
    };
    let mut sales = app.sales.lock().expect("nobody panics while holding it");
    if sales.get("sales", &id).is_some() {
        return (StatusCode::OK, format!("known: {name}"));
    }
    // The event's id is what makes it once: looked for and written down in one go, with no `await` between.
    let counted = sales.commit(Batch::new().put("sales", id.as_str(), name.as_str()));
    if counted.and_then(|_| app.probe.effect_on(&lead, "sale", &id)).is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the database is down".to_owned());
    }
    (StatusCode::OK, format!("sold to {name}"))
}

async fn name_of(floor: &Floor, lead: &str) -> Option<String> {
    let url = format!("http://floor/vicidial/non_agent_api.php?function=lead_field_info&lead_id={lead}");
    let answer = floor.get(url.parse().ok()?).await.ok()?;
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some(String::from_utf8_lossy(&body).trim().to_owned())
}

// --- its test ----------------------------------------------------------------------------------------------------------

/// Delivers the same sale three times: what was answered, and how many sales there are.
pub fn three_deliveries(seed: u64) -> (Vec<String>, usize) {
    simulate(seed, |u| async move {
        let (crm, sender) = (u.host("crm"), u.host("sender"));
        let floor = Receiver::install(&u.host("floor"), 80);
        floor
            .given(path("/vicidial/non_agent_api.php"))
            .and(query_param("lead_id", "1001"))
            .respond_with(Reply::status(200).body("Jane\n").after(Duration::from_millis(30)))
            .expect(3);
        own::install(&crm, 80, |host| app(&host));

        let event = Event::new("evt_1", EventKind::DispositionSaved, 1_795_442_400_000);
        let event = event.with("lead_id", 1001).with("call_id", "M1").with("status", "SALE");
        let mut answers = Vec::new();
        for attempt in 1..=3 {
            if attempt == 3 {
                crm.crash();
                crm.restart();
            }
            let request = Request::post("http://crm/hook").header(header::CONTENT_TYPE, "application/json");
            let request = request.body(event.to_json()).expect("that's a request");
            let answer = Client::new(&sender).send(request, Limits::default()).await;
            answers.push(match answer {
                Ok(answer) => format!("{} {}", answer.status().as_u16(), String::from_utf8_lossy(answer.body())),
                Err(error) => error.to_string(),
            });
            u.sleep(Duration::from_secs(60)).await;
        }
        (answers, Probe::new(&crm).count("sale", "evt_1"))
    })
}

/// An application that talks to a real database: how its run ends.
pub fn outside() -> String {
    let run = Universe::seeded(1).run(|u| async move {
        let handler = || async { std::net::TcpStream::connect("127.0.0.1:5432").is_ok().to_string() };
        own::install(&u.host("crm"), 80, move |_| Router::new().route("/hook", post(handler)));
        let request = Request::post("http://crm/hook").body(Bytes::new()).expect("that's a request");
        Client::new(&u.host("sender")).send(request, Limits::default()).await.is_ok()
    });
    run.result.map_or_else(|cause| cause.to_string(), |_| "it went through".to_owned())
}

fn main() -> ExitCode {
    let (answers, sales) = three_deliveries(1);
    for (attempt, answer) in answers.iter().enumerate() {
        println!("delivery {}: {answer}", attempt + 1);
    }
    println!("sales: {sales}");
    let outside = outside();
    println!("an application with a socket of its own: {outside}");
    let well = sales == 1 && answers.iter().all(|answer| answer.starts_with("200 "));
    if well && outside.contains("a real socket") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
