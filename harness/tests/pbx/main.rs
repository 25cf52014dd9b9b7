//! The SIP server in universes, with phones of the tests: who can register, who reaches whom, who is told what, and
//! that nothing is left when it's over.

mod calls;
mod gateway;
mod gateway_ends;
mod hearing;
mod limits;
mod phone;
mod registering;
mod restarts;
mod transfers;
mod trunk;
mod websocket;

use std::time::Duration;

use busyhour::Universe;
use busyhour::pbx::{Server, ServerSettings};
use busyhour::trace::SimTime;
use phone::Phone;

/// A server for alice, bob, carol and dave, whose passwords are "alice's secret" and so on.
fn settings() -> ServerSettings {
    ["alice", "bob", "carol", "dave"]
        .into_iter()
        .fold(ServerSettings::new("pbx.test"), |settings, user| settings.user(user, format!("{user}'s secret")))
}

async fn install(u: &Universe, settings: ServerSettings) -> Server {
    let server = Server::install(&u.host("server"), settings);
    // Its ports are open before anybody knocks.
    u.sleep(Duration::from_millis(10)).await;
    server
}

/// A phone that's registered for five minutes.
async fn registered(u: &Universe, server: &Server, user: &str) -> Phone {
    let phone = Phone::on(&u.host(user), server.host(), user).await;
    assert_eq!(phone.register().await, 200, "{user} registers");
    phone
}

async fn wait_until(u: &Universe, time: SimTime) {
    u.sleep(time.since(u.now())).await;
}

/// When it's over, it's over: no call, no dialog, and after 64*T1 and some seconds no transaction either. And the books
/// agree with each other.
async fn nothing_is_left(u: &Universe, server: &Server, phones: &[&Phone]) {
    u.sleep(Duration::from_secs(40)).await;
    assert_eq!(server.calls(), [], "calls");
    assert_eq!(server.zombies(), 0, "zombies");
    assert_eq!(server.transactions(), 0, "transactions");
    for phone in phones {
        assert_eq!(phone.dialogs(), 0, "{}'s dialogs", phone.user);
    }
    for record in server.records() {
        assert!(record.began <= record.answered.unwrap_or(record.ended), "{record:?}");
        assert!(record.answered.unwrap_or(record.began) <= record.ended, "{record:?}");
        assert_eq!(record.answered.is_some(), record.answered_by.is_some(), "{record:?}");
    }
}
