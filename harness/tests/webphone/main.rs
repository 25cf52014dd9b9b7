//! Webphones: pages in browsers' tabs, by their buttons and screens, against the SIP server's WebSocket.

mod calls;
mod connection;
mod direct;
mod docs;
mod gateway;
mod habits;
mod microphone;
mod registration;
mod relay;
mod tab_ends;
mod tabs;
mod traversal;
mod wire;

use std::time::Duration;

use busyhour::Universe;
use busyhour::pbx::{Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::webphone::WebphoneSettings;
use busyhour::phone::{Line, LineState, Phone, Registration};

const DOMAIN: &str = "pbx.test";

/// A server with alice and bob.
fn server(u: &Universe) -> Server {
    Server::install(&u.host("server"), ServerSettings::new(DOMAIN).user("alice", "secret").user("bob", "secret"))
}

/// How a webphone is set up whose server is on that host.
fn settings(user: &str, server: &busyhour::world::Host) -> WebphoneSettings {
    WebphoneSettings::new(user, "secret", DOMAIN).at(format!("ws://{}:8080/", server.address()))
}

/// A webphone in a browser on a host of its own, with its tab open.
fn webphone(u: &Universe, user: &str, server: &busyhour::world::Host) -> Phone {
    let browser = Browser::install(&u.host(user), BrowserSettings::default());
    let phone = Phone::webphone(&browser, settings(user, server));
    phone.open_tab().unwrap();
    phone
}

async fn seconds(u: &Universe, seconds: u64) {
    u.sleep(Duration::from_secs(seconds)).await;
}

async fn millis(u: &Universe, millis: u64) {
    u.sleep(Duration::from_millis(millis)).await;
}

/// Waits for something that's to happen within that time; how long it took.
async fn within(u: &Universe, limit: Duration, what: impl Fn() -> bool) -> Option<Duration> {
    let begun = u.now();
    while !what() {
        if u.now().since(begun) > limit {
            return None;
        }
        millis(u, 10).await;
    }
    Some(u.now().since(begun))
}

fn is_registered(phone: &Phone) -> bool {
    phone.screen().registration == Registration::Registered
}

/// The states of the calls that haven't ended, with whom.
fn calls(phone: &Phone) -> Vec<(String, LineState)> {
    phone.screen().calls().map(|Line { peer, state, .. }| (peer.clone(), state.clone())).collect()
}

fn one(peer: &str, state: LineState) -> Vec<(String, LineState)> {
    vec![(peer.to_owned(), state)]
}
