//! A small contact center: a server, three phones, a carrier with a customer, and the panel at the tap.

use std::net::SocketAddrV4;
use std::slice;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::net::packet::Packet;
use busyhour::pbx::carrier::CarrierSettings;
use busyhour::pbx::customer::Behaviour;
use busyhour::pbx::{Carrier, Server, ServerSettings};
use busyhour::phone::{Phone, PhoneSettings};
use busyhour::sip::digest::{Algorithm, Credentials};
use busyhour::trace::record::Oracle;
use busyhour::world::Host;
use busyhour_oracle::Panel;
use busyhour_tests::Listening;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const DOMAIN: &str = "pbx.test";
/// A customer who answers after two seconds.
pub(crate) const NUMBER: &str = "15551230001";

/// Who plays, and how each is set up.
pub(crate) struct Cast {
    pub(crate) server: ServerSettings,
    pub(crate) alice: PhoneSettings,
    pub(crate) bob: PhoneSettings,
    pub(crate) carol: PhoneSettings,
}

fn password(user: &str) -> String {
    format!("{user}'s secret word")
}

impl Cast {
    /// Everybody does what's right.
    pub(crate) fn healthy() -> Cast {
        let phone = |user: &str| PhoneSettings::hardphone(user, &password(user), DOMAIN);
        let server = ["alice", "bob", "carol"]
            .into_iter()
            .fold(ServerSettings::new(DOMAIN), |server, user| server.user(user, password(user)));
        let server = server.hunt_group("sales", &["bob", "carol"]).room("8600051");
        Cast { server, alice: phone("alice"), bob: phone("bob"), carol: phone("carol") }
    }
}

/// The stage, with everybody switched on. Nobody is registered yet.
pub(crate) struct Stage {
    pub(crate) u: Universe,
    pub(crate) server: Server,
    pub(crate) alice: Phone,
    pub(crate) bob: Phone,
    pub(crate) carol: Phone,
    pub(crate) carrier: Carrier,
}

impl Stage {
    pub(crate) async fn open(u: &Universe, mut cast: Cast) -> Stage {
        for (user, password) in cast.server.users.clone() {
            let account = Credentials { user, password };
            let ha1 = [Algorithm::Md5, Algorithm::Sha256].map(|algorithm| account.ha1(algorithm, &cast.server.domain));
            u.note("secret", |event| event.with("value", account.password).with("ha1", ha1.to_vec()));
        }
        let (server, carrier) = (u.host("server"), u.host("carrier"));
        for service in ["_sip._udp.pbx.test", "_sip._tcp.pbx.test"] {
            u.network().announce(service, 10, 0, 5060, "server").unwrap();
        }
        cast.server.trunk = Some(SocketAddrV4::new(carrier.address(), 5060));
        cast.server.inbound.insert("8005550100".into(), "bob".into());
        let servers = vec![SocketAddrV4::new(server.address(), 5060)];
        let settings = CarrierSettings { servers, ..CarrierSettings::default() };
        let universe = u.clone();
        let carrier = Carrier::install(&carrier, settings, move |number| universe.host(&format!("customer-{number}")));
        carrier.customer(NUMBER, u.host("customer"), Behaviour::answers_after(2 * SECOND));
        let server = Server::install(&server, cast.server);
        let install = |settings: PhoneSettings| Phone::install(&u.host(&settings.user), settings);
        let (alice, bob, carol) = (install(cast.alice), install(cast.bob), install(cast.carol));
        let stage = Stage { u: u.clone(), server, alice, bob, carol, carrier };
        // Its ports are open before anybody knocks.
        stage.millis(100).await;
        stage
    }

    /// The stage, with everybody registered.
    pub(crate) async fn registered(u: &Universe, cast: Cast) -> Stage {
        let stage = Stage::open(u, cast).await;
        for phone in [&stage.alice, &stage.bob, &stage.carol] {
            phone.register().unwrap();
        }
        stage.seconds(1).await;
        stage
    }

    pub(crate) async fn seconds(&self, seconds: u64) {
        self.u.sleep(Duration::from_secs(seconds)).await;
    }

    pub(crate) async fn millis(&self, millis: u64) {
        self.u.sleep(Duration::from_millis(millis)).await;
    }

    /// One calls another, who answers after a second; then they talk for so long.
    pub(crate) async fn call(&self, caller: &Phone, callee: &Phone, seconds: u64) {
        caller.dial(&callee.settings().user).unwrap();
        self.seconds(1).await;
        callee.answer().unwrap();
        self.seconds(seconds).await;
    }

    /// Loses one of the messages to come from one host to another whose first lines begin so.
    pub(crate) fn lose(&self, which: u32, from: &Host, to: &Host, front: &'static str) {
        let matches = move |packet: &Packet| packet.payload().starts_with(front.as_bytes());
        self.u.network().lose(which, slice::from_ref(from), slice::from_ref(to), front, matches);
    }
}

/// What each witness says of a story.
pub(crate) fn judged<F, Fut>(seed: u64, story: F) -> Vec<Oracle>
where
    F: FnOnce(Universe) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let panel = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let outcome = Universe::seeded(seed).tap(panel.clone()).run(story);
    if let Err(cause) = &outcome.result {
        panic!("seed {seed}: {cause}\n{}", outcome.log.to_text());
    }
    let panel = panel.lock().unwrap();
    panel.0.oracles()
}

/// The witnesses that complain, with their first complaint.
pub(crate) fn complaints(oracles: &[Oracle]) -> Vec<(String, String)> {
    let first = |oracle: &Oracle| {
        let first = oracle.violations.first()?;
        Some((oracle.name.clone(), format!("at {}: {} {:?}", first.at, first.what, first.packets)))
    };
    oracles.iter().filter_map(first).collect()
}
