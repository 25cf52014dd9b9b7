//! Five calls that everybody in this trade can draw by heart, as sequence diagrams: what our phones and our server say
//! to each other, message by message, and when. A change of a snapshot is a change on the wire: it's to be looked at.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::net::packet::Packet;
use busyhour::pbx::{Server, ServerSettings};
use busyhour::phone::{Phone, PhoneSettings};
use busyhour_scenarios::diagram::Collector;

const SECOND: Duration = Duration::from_secs(1);

/// A server, and phones that aren't registered yet.
struct Center {
    u: Universe,
    alice: Phone,
    bob: Phone,
    carol: Phone,
}

impl Center {
    async fn new(u: Universe) -> Center {
        let users = ["alice", "bob", "carol"];
        let settings = ServerSettings::new("pbx.test");
        let settings = users.iter().fold(settings, |settings, user| settings.user(*user, format!("{user}'s secret")));
        let server = u.host("server");
        Server::install(&server, settings);
        let proxy = Some(SocketAddrV4::new(server.address(), 5060));
        let [alice, bob, carol] = users.map(|user| {
            let settings = PhoneSettings::hardphone(user, &format!("{user}'s secret"), "pbx.test");
            Phone::install(&u.host(user), PhoneSettings { proxy, keepalive: None, ..settings })
        });
        u.sleep(SECOND).await;
        Center { u, alice, bob, carol }
    }

    /// Time for a message to get around, and for a person to look up.
    async fn pause(&self) {
        self.u.sleep(SECOND).await;
    }

    /// These are registered; what comes now is shown.
    async fn ready(&self, phones: &[&Phone]) {
        for phone in phones {
            phone.register().unwrap();
            self.pause().await;
        }
        self.u.note("step", |event| event.with("text", READY));
    }

    /// Alice has called bob, and he has answered.
    async fn talk(&self) {
        self.alice.dial("bob").unwrap();
        self.pause().await;
        self.bob.answer().unwrap();
        self.pause().await;
    }
}

/// The diagram of what is played, from where everybody is ready.
fn diagram<Fut: Future<Output = ()>>(play: impl FnOnce(Center) -> Fut + Send + 'static) -> String {
    let collector = Arc::new(Mutex::new(Collector::default()));
    let outcome =
        Universe::seeded(4).tap(Arc::clone(&collector)).run(|u| async move { play(Center::new(u).await).await });
    if let Err(cause) = outcome.result {
        panic!("{cause}");
    }
    let whole = std::mem::take(&mut *collector.lock().unwrap()).into_diagram(&outcome.log).whole();
    let names = whole.lines().next().unwrap();
    match whole.split_once(&format!("-- {READY}\n")) {
        Some((_, shown)) => format!("{names}\n{shown}"),
        None => whole,
    }
}

const READY: &str = "everybody is ready";

/// RFC 3261 section 10, RFC 8760: asked for a password, she proves that she has it.
#[test]
fn a_registration_is_challenged_and_granted_and_taken_back() {
    let diagram = diagram(|center| async move {
        center.alice.register().unwrap();
        center.pause().await;
        center.alice.unregister().unwrap();
        center.pause().await;
    });
    insta::assert_snapshot!(diagram);
}

/// RFC 3264 section 8.4: hold is a direction.
#[test]
fn a_call_with_a_hold() {
    let diagram = diagram(|center| async move {
        center.ready(&[&center.alice, &center.bob]).await;
        center.talk().await;
        center.alice.hold().unwrap();
        center.u.sleep(3 * SECOND).await;
        center.alice.resume().unwrap();
        center.u.sleep(3 * SECOND).await;
        center.bob.hang_up().unwrap();
        center.pause().await;
    });
    insta::assert_snapshot!(diagram);
}

/// RFC 3261 sections 9 and 13.2.2.4: she gives up in the moment in which he answers.
#[test]
fn a_cancel_that_races_the_answer() {
    let diagram = diagram(|center| async move {
        center.ready(&[&center.alice, &center.bob]).await;
        center.alice.dial("bob").unwrap();
        center.pause().await;
        center.alice.hang_up().unwrap();
        center.bob.answer().unwrap();
        center.u.sleep(5 * SECOND).await;
    });
    insta::assert_snapshot!(diagram);
}

/// RFC 5589: she consults carol, and leaves the two of them to each other.
#[test]
fn an_attended_transfer() {
    let diagram = diagram(|center| async move {
        center.ready(&[&center.alice, &center.bob, &center.carol]).await;
        center.talk().await;
        center.alice.consult("carol").unwrap();
        center.pause().await;
        center.carol.answer().unwrap();
        center.u.sleep(2 * SECOND).await;
        center.alice.complete_transfer().unwrap();
        center.u.sleep(5 * SECOND).await;
        center.carol.hang_up().unwrap();
        center.pause().await;
    });
    insta::assert_snapshot!(diagram);
}

/// RFC 3261 section 13.3.1.4: the answer comes again until its ACK does.
#[test]
fn a_lost_ack() {
    let diagram = diagram(|center| async move {
        center.ready(&[&center.alice, &center.bob]).await;
        let alice = center.alice.host().clone();
        let is_ack = |packet: &Packet| packet.payload().starts_with(b"ACK ");
        center.u.network().lose(1, std::slice::from_ref(&alice), &[], "the next \"ACK\" from alice is lost", is_ack);
        center.talk().await;
        center.u.sleep(3 * SECOND).await;
        center.alice.hang_up().unwrap();
        center.pause().await;
    });
    insta::assert_snapshot!(diagram);
}
