//! What the tests share.

pub mod agent;
pub mod foreign;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant, SystemTime};

use axum::extract::State;
use axum::routing::{get, post};
use busyhour::trace::{Digest, Event, Log, PacketSeen, SimTime};
use busyhour::world::{Host, Tap};
use busyhour::{Outcome, Universe};
use busyhour_oracle::Panel;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::Message;

/// A panel at a universe's tap.
pub struct Listening(pub Panel);

impl Tap for Listening {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        self.0.packet(seen);
    }

    fn event(&mut self, event: &Event, log: &Log) {
        self.0.event(event, log);
    }

    fn finish(&mut self, at: SimTime, _: &Log) {
        self.0.finish(at);
    }
}

/// Runs a scenario that must succeed.
pub fn lived<T, F, Fut>(seed: u64, scenario: F) -> Outcome<T>
where
    T: Send + 'static,
    F: FnOnce(Universe) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    let outcome = Universe::seeded(seed).run(scenario);
    if let Err(cause) = &outcome.result {
        panic!("seed {seed}: {cause}\n{}", outcome.log.to_text());
    }
    outcome
}

/// One HTTP request on a connection of its own; the answer's status and body.
///
/// # Errors
/// The connection or the exchange failed.
pub async fn fetch(host: &Host, to: SocketAddrV4, path: &str, body: Bytes) -> Result<(u16, Bytes), String> {
    let stream = host.connect(to).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let connection = tokio::task::spawn_local(connection);
    let method = if body.is_empty() { hyper::Method::GET } else { hyper::Method::POST };
    let request = hyper::Request::builder().method(method).uri(path).header("host", "b").body(Full::new(body));
    let response = sender.send_request(request.expect("a good request")).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    drop(sender);
    let _ = connection.await;
    Ok((status, body))
}

/// A small web service: `/hello`, `/echo`, and `/wait`, which takes a second.
pub fn router() -> axum::Router {
    axum::Router::new()
        .route("/hello", get(|State(greeting): State<&'static str>| async move { greeting }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route(
            "/wait",
            get(|| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                "done"
            }),
        )
        .with_state("hello")
}

/// Serves [`router`] by `axum::serve`, on port 80.
pub async fn serve_http(host: Host) {
    let listener = host.listen(80).await.expect("port 80 is free");
    axum::serve(listener, router()).await.expect("axum::serve never ends");
}

/// Echoes WebSocket messages on port 81, by tokio-tungstenite.
pub async fn serve_websocket(host: Host) {
    let listener = host.listen(81).await.expect("port 81 is free");
    while let Ok((stream, _)) = listener.accept().await {
        host.spawn(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Sends a text and waits for its echo, on a connection of its own.
///
/// # Errors
/// The connection or the exchange failed.
pub async fn websocket_echo(host: &Host, to: SocketAddrV4, texts: &[&str]) -> Result<Vec<String>, String> {
    let stream = host.connect(to).await.map_err(|error| error.to_string())?;
    let (mut socket, _) =
        tokio_tungstenite::client_async("ws://b/", stream).await.map_err(|error| error.to_string())?;
    let mut echoes = Vec::new();
    for text in texts {
        socket.send(Message::text(*text)).await.map_err(|error| error.to_string())?;
        match socket.next().await {
            Some(Ok(message)) => echoes.push(message.to_string()),
            other => return Err(format!("{other:?} instead of an echo")),
        }
    }
    Ok(echoes)
}

/// A workload that draws on everything that could differ between two runs: hash maps' order, random numbers of three
/// libraries, both clocks, the order of `select!`, ring's entropy, and axum over a lossy network.
pub async fn everything_that_could_differ(u: Universe) -> String {
    let (a, b) = (u.host("a"), u.host("b"));
    u.network().between(&a, &b).loses(0.05).expect("a probability");
    u.network()
        .between(&a, &b)
        .has_jitter(Duration::from_millis(20), Duration::from_millis(10))
        .expect("any duration does");
    b.boot(serve_http);
    let web = SocketAddrV4::new(b.address(), 80);
    let me = a.clone();
    a.spawn(async move {
        let mut seen = String::new();
        for round in 0..10u8 {
            let map: HashMap<u64, u8> = (0..8).map(|key| (key * 7919, round)).collect();
            seen.push_str(&format!("{:?} ", map.keys().collect::<Vec<_>>()));
            seen.push_str(&format!("{} {} ", rand::random::<u64>(), uuid::Uuid::new_v4()));
            // Not `now_v7`: it counts in a variable of the whole process, which other universes share.
            let version_7 = uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext));
            seen.push_str(&format!("{version_7} "));
            let mut entropy = [0u8; 8];
            ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut entropy).expect("entropy");
            seen.push_str(&format!("{entropy:?} {:?} ", SystemTime::now()));
            let started = Instant::now();
            let winner = tokio::select! {
                () = std::future::ready(()) => 1,
                () = std::future::ready(()) => 2,
                () = std::future::ready(()) => 3,
            };
            let answer =
                fetch(&me, web, "/echo", Bytes::from(seen.clone())).await.map(|(status, body)| (status, body.len()));
            seen.push_str(&format!("{winner} {answer:?} {:?}\n", started.elapsed()));
            me.sleep(Duration::from_millis(me.random(|random| random.below(500)))).await;
        }
        seen
    })
    .await
    .expect("the workload doesn't panic")
}

/// What a run of [`everything_that_could_differ`] came to.
pub fn digest_of_everything(seed: u64) -> (Digest, String) {
    let outcome = lived(seed, everything_that_could_differ);
    (outcome.digest(), outcome.result.expect("it succeeded"))
}
