//! A developer's own receiver: an axum Router as it is, on a host of the universe.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use busyhour::http::{Client, Limits, Request};
use busyhour::webhook::own::{self, Probe};
use busyhour::webhook::receiver::matchers::path;
use busyhour::webhook::receiver::{Receiver, Reply};
use busyhour::world::{Cause, Host};
use busyhour::{Universe, simulate};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};

/// Counts a sale once, and asks the floor who it was.
#[derive(Clone)]
struct App {
    probe: Probe,
    seen: Arc<Mutex<Vec<String>>>,
    floor: hyper_util::client::legacy::Client<own::Connector, Empty<Bytes>>,
}

async fn receive(State(app): State<App>, call: String) -> String {
    let new = {
        let mut seen = app.seen.lock().unwrap();
        let new = !seen.contains(&call);
        seen.push(call.clone());
        new
    };
    if new {
        app.probe.effect("sale", &call).unwrap();
    }
    let answer = app.floor.get("http://floor/who".parse().unwrap()).await.unwrap();
    let who = answer.into_body().collect().await.unwrap().to_bytes();
    // Timers of tokio's are the universe's.
    tokio::time::sleep(Duration::from_secs(3)).await;
    format!("sold to {}", String::from_utf8_lossy(&who))
}

fn app(host: &Host) -> Router {
    let app = App { probe: Probe::new(host), seen: Arc::default(), floor: own::client(host) };
    Router::new().route("/hook", post(receive)).with_state(app)
}

async fn deliver(from: &Host, body: &str) -> Option<String> {
    let request = Request::post("http://crm/hook").body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let answer = Client::new(from).send(request, Limits::default()).await.ok()?;
    Some(String::from_utf8_lossy(answer.body()).into_owned())
}

#[test]
fn an_axum_router_receives_asks_others_and_names_its_effects() {
    simulate(1, |u| async move {
        let (host, sender) = (u.host("crm"), u.host("sender"));
        let floor = Receiver::install(&u.host("floor"), 80);
        floor.given(path("/who")).respond_with(Reply::status(200).body("jane")).expect(3);
        own::install(&host, 80, |host| app(&host));
        let before = u.now();
        assert_eq!(deliver(&sender, "call-1").await.as_deref(), Some("sold to jane"));
        assert!(u.now().since(before) >= Duration::from_secs(3));
        deliver(&sender, "call-1").await.unwrap();
        deliver(&sender, "call-2").await.unwrap();
        let probe = Probe::new(&host);
        assert_eq!((probe.count("sale", "call-1"), probe.count("sale", "call-2")), (1, 1));
        // What it named is on the disk, and the log has both words: the claim and the world's.
        let (log, length) = (u.log_text(), host.disk().len("probe.effects").unwrap());
        assert!(log.contains(&format!("disk-sync path=probe.effects length={length}")), "{log}");
        let claim = format!("effect what=sale key=call-2 lead_id=\"\" value=\"\" number={length} again=0 ");
        assert!(log.contains(&claim), "{log}");
    });
}

/// This one keeps what it has seen in memory alone: a crash is what shows it.
#[test]
fn a_restart_makes_a_fresh_service_and_the_probe_remembers_what_it_did() {
    simulate(1, |u| async move {
        let (host, sender) = (u.host("crm"), u.host("sender"));
        let floor = Receiver::install(&u.host("floor"), 80);
        floor.given(path("/who")).respond_with(Reply::status(200).body("jane"));
        own::install(&host, 80, |host| app(&host));
        deliver(&sender, "call-1").await.unwrap();
        host.crash();
        assert_eq!(deliver(&sender, "call-1").await, None);
        host.restart();
        deliver(&sender, "call-1").await.unwrap();
        assert_eq!(Probe::new(&host).count("sale", "call-1"), 2);
    });
}

/// How a run ends whose receiver does this.
fn with_handler<F>(handler: impl Fn() -> F + Clone + Send + Sync + 'static) -> Cause
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = Universe::seeded(1).run(move |u| async move {
        let handler = handler.clone();
        own::install(&u.host("crm"), 80, move |_| {
            let handler = handler.clone();
            Router::new().route("/hook", post(handler))
        });
        deliver(&u.host("sender"), "").await;
    });
    run.result.expect_err("it left the universe")
}

#[test]
fn a_real_socket_in_it_fails_the_run_and_says_whose() {
    let cause = with_handler(|| async {
        let _ = std::net::TcpStream::connect("127.0.0.1:5432");
    });
    assert!(cause.to_string().contains("a real socket was used on crm"), "{cause}");
}

#[test]
fn a_blocking_task_in_it_fails_the_run_and_says_whose() {
    let cause = with_handler(|| async {
        let _ = tokio::task::spawn_blocking(|| 7).await;
    });
    assert!(cause.to_string().contains("crm"), "{cause}");
    let cause = with_handler(|| async { std::thread::sleep(Duration::from_millis(1)) });
    assert!(cause.to_string().contains("used on crm"), "{cause}");
}

#[test]
fn a_panic_in_it_fails_the_run_and_says_whose() {
    let cause = with_handler(|| async { panic!("the database is gone") });
    assert!(cause.to_string().starts_with("a task on crm panicked at "), "{cause}");
}

#[test]
fn it_serves_several_requests_of_one_connection() {
    simulate(1, |u| async move {
        own::install(&u.host("crm"), 80, |_| Router::new().route("/hook", get(|| async { "here" })));
        let client = Client::keeping(&u.host("sender"));
        for _ in 0..3 {
            let request = Request::get("http://crm/hook").body(Bytes::new()).unwrap();
            assert_eq!(client.send(request, Limits::default()).await.unwrap().into_body(), "here");
        }
    });
}
