//! The code of docs/tutorial-developers.md and other documents: what stands there stands here too, and is built and run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use busyhour::http::{Client, Limits, Request};
use busyhour::webhook::own::{self, Probe};
use busyhour::world::Host;
use busyhour::{Universe, simulate};

/// Your application: an axum router, as you have it.
fn router(seen: Arc<Mutex<BTreeSet<String>>>, probe: Probe) -> Router {
    Router::new().route("/hook", post(receive)).with_state((seen, probe))
}

type Shared = (Arc<Mutex<BTreeSet<String>>>, Probe);

async fn receive(State((seen, probe)): State<Shared>, headers: HeaderMap) -> StatusCode {
    let Some(id) = headers.get("webhook-id").and_then(|id| id.to_str().ok()) else { return StatusCode::BAD_REQUEST };
    if seen.lock().unwrap().insert(id.to_owned()) {
        // What it does in the world is named, so that exactly once can be judged.
        probe.effect("sale", id).unwrap();
    }
    StatusCode::OK
}

/// On its host: a fresh one whenever the host starts.
fn app(host: &Host) -> Router {
    router(Arc::default(), Probe::new(host))
}

async fn deliver(sender: &Host, id: &str) -> u16 {
    let request = Request::post("http://crm/hook").header("webhook-id", id).body("{}".into()).unwrap();
    Client::new(sender).send(request, Limits::default()).await.map_or(0, |answer| answer.status().as_u16())
}

#[test]
fn a_delivery_that_comes_twice_over_a_bad_network_is_one_sale() {
    simulate(1, |u| async move {
        let (crm, sender) = (u.host("crm"), u.host("sender"));
        own::install(&crm, 80, |host| app(&host));
        u.network().between(&sender, &crm).loses(0.2).unwrap();
        assert_eq!(deliver(&sender, "evt_1").await, 200);
        assert_eq!(deliver(&sender, "evt_1").await, 200);
        assert_eq!(Probe::new(&crm).count("sale", "evt_1"), 1);
    });
}

#[test]
fn what_only_memory_knows_a_crash_forgets() {
    simulate(1, |u| async move {
        let (crm, sender) = (u.host("crm"), u.host("sender"));
        own::install(&crm, 80, |host| app(&host));
        assert_eq!(deliver(&sender, "evt_1").await, 200);
        crm.crash();
        crm.restart();
        assert_eq!(deliver(&sender, "evt_1").await, 200);
        // It should be 1: this is the bug that the tutorial finds.
        assert_eq!(Probe::new(&crm).count("sale", "evt_1"), 2);
    });
}

#[test]
fn a_run_is_captured_with_its_seed() {
    let capture = std::env::temp_dir().join(format!("busyhour-tutorial-{}.pcapng", std::process::id()));
    let outcome = Universe::seeded(7).capture(&capture).unwrap().run(|u| async move {
        own::install(&u.host("crm"), 80, |host| app(&host));
        u.sleep(Duration::from_secs(1)).await;
        deliver(&u.host("sender"), "evt_1").await
    });
    let written = std::fs::metadata(&capture).unwrap().len();
    std::fs::remove_file(&capture).unwrap();
    assert_eq!(outcome.result.unwrap(), 200);
    assert!(written > 1_000, "{written} bytes of packets");
}

/// docs/floor.md.
#[test]
fn a_floor_is_installed_in_a_few_lines() {
    use busyhour::floor::Floor;
    use busyhour::floor::settings::{Campaign, FloorSettings, Profile, User};
    use busyhour::floor::switch::SwitchSettings;
    use busyhour::pbx::{Server, ServerSettings};

    let leads = simulate(1, |u| async move {
        let host = u.host("server");
        let sip_address = std::net::SocketAddrV4::new(host.address(), 5060);
        let server = Server::install(&host, ServerSettings::new("pbx.test").switch("floor", "its secret"));
        let switch = SwitchSettings::new(sip_address, "pbx.test", "floor", "its secret");
        let floor = Floor::install(&u.host("floor"), FloorSettings::new(Profile::Vicidial), switch);
        floor.user(User::agent("alice", "secret"));
        floor.campaign(Campaign::new("renewals", 2.0));
        floor.leads("renewals", 500)?;
        u.sleep(Duration::from_secs(1)).await;
        drop(server);
        Ok::<_, busyhour::floor::FloorError>(floor.stats("renewals").placed)
    });
    assert_eq!(leads.unwrap(), 0, "nobody is logged in, so nobody is called");
}

/// docs/webhooks.md.
#[test]
fn a_receiver_says_what_it_answers() {
    use busyhour::webhook::receiver::matchers::{method, path};
    use busyhour::webhook::receiver::{Receiver, Reply};

    let answers = simulate(1, |u| async move {
        let crm = Receiver::install(&u.host("crm"), 80);
        crm.given(method("POST")).and(path("/hook")).respond_with(Reply::status(500)).up_to_n_times(2).with_priority(1);
        crm.given(method("POST"))
            .and(path("/hook"))
            .respond_with(Reply::status(200).after(Duration::from_secs(3)))
            .expect(1..)
            .named("a delivery that works");
        let sender = u.host("sender");
        [deliver(&sender, "1").await, deliver(&sender, "1").await, deliver(&sender, "1").await]
    });
    assert_eq!(answers, [500, 500, 200]);
}
