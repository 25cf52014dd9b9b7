//! Phones, by their buttons and screens: in universes of their own, with a small exchange between them where they need
//! a server.

mod buttons;
mod calls;
mod exchange;
mod hearing;
mod hold;
mod power;
mod registration;
mod softphone;
mod strangers;
mod transfers;
mod withheld;

use std::time::Duration;

use busyhour::Universe;
use busyhour::phone::{Line, LineState, Phone, PhoneSettings, Screen};

/// A hardphone for a user whose host has the same name.
fn settings(user: &str) -> PhoneSettings {
    PhoneSettings::hardphone(user, "secret", exchange::DOMAIN)
}

/// A hardphone on a host of its own.
fn hardphone(u: &Universe, user: &str) -> Phone {
    Phone::install(&u.host(user), settings(user))
}

/// The address that calls a phone without a server.
fn straight(to: &Phone) -> String {
    format!("sip:{}@{}:5060", to.settings().user, to.host().address())
}

async fn seconds(u: &Universe, seconds: u64) {
    u.sleep(Duration::from_secs(seconds)).await;
}

async fn millis(u: &Universe, millis: u64) {
    u.sleep(Duration::from_millis(millis)).await;
}

/// The states of the lines that a screen shows.
fn states(phone: &Phone) -> Vec<LineState> {
    phone.screen().lines.into_iter().map(|line| line.state).collect()
}

/// The states of the calls that haven't ended, with whom.
fn calls(screen: &Screen) -> Vec<(String, LineState)> {
    screen.calls().map(|Line { peer, state, .. }| (peer.clone(), state.clone())).collect()
}

fn one(peer: &str, state: LineState) -> Vec<(String, LineState)> {
    vec![(peer.to_owned(), state)]
}

/// Two phones that talk to each other, without a server.
async fn talking(u: &Universe) -> (Phone, Phone) {
    let (alice, bob) = (hardphone(u, "alice"), hardphone(u, "bob"));
    connect(u, &alice, &bob).await;
    (alice, bob)
}

/// One calls the other straight, who answers.
async fn connect(u: &Universe, caller: &Phone, callee: &Phone) {
    seconds(u, 1).await;
    caller.dial(&straight(callee)).unwrap();
    seconds(u, 1).await;
    callee.answer().unwrap();
    seconds(u, 1).await;
    let talks = |phone: &Phone| calls(&phone.screen()).iter().any(|(_, state)| *state == LineState::Talking);
    assert!(talks(caller) && talks(callee), "{caller:?}; {callee:?}");
}
