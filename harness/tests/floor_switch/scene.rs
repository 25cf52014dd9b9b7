//! A floor of one switch: its server, its carrier, its agents.

use std::collections::BTreeMap;
use std::time::Duration;

use busyhour::floor::switch::{LegId, Order, Part, Report, RoomId, Switch};
use busyhour::media::cadence;
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::pbx::{Carrier, CarrierSettings, Server};
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::{Phone, Registration};
use busyhour::trace::SimTime;
use busyhour::world::Host;
use busyhour::{Universe, simulate};

pub use crate::surroundings::{MARY, NICK, SALES};
use crate::surroundings::{hardphone, last_samples, phone_system, switch_settings, voices_at, webphone, witnessed};

pub const SERVICE: &str = "18005550200";
/// Nobody is heard.
pub const NOBODY: Vec<u32> = Vec::new();
pub const ROOM: RoomId = RoomId(1);
pub const OTHER: RoomId = RoomId(2);

/// Plays a scene with a floor; no witness may have anything to say. What each judged comes back with the result.
pub fn play<T, F, Fut>(seed: u64, scene: F) -> (T, BTreeMap<String, u64>)
where
    T: Send + 'static,
    F: FnOnce(Floor) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    let (result, judged) =
        witnessed(seed, |u| async move { scene(Floor::open(u, CarrierSettings::default()).await).await });
    (result, judged.into_iter().collect())
}

/// The same, where what the witnesses judged is of no interest.
pub fn scene<F, Fut>(scene: F)
where
    F: FnOnce(Floor) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    play(1, scene);
}

/// One that the witnesses aren't asked about: something in it is broken on purpose.
pub fn unwitnessed<F, Fut>(scene: F)
where
    F: FnOnce(Floor) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    simulate(1, |u| async move { scene(Floor::open(u, CarrierSettings::default()).await).await });
}

pub struct Floor {
    pub u: Universe,
    pub server: Server,
    pub carrier: Carrier,
    pub host: Host,
    pub switch: Switch,
    /// What the switch has told, and when.
    pub told: Vec<(SimTime, Report)>,
    legs: u64,
}

impl Floor {
    pub async fn open(u: Universe, settings: CarrierSettings) -> Floor {
        let named = ["alice", "bob", "carol"].map(str::to_owned);
        let users = named.into_iter().chain((0..20).map(|number| format!("agent{number}")));
        let (server, carrier) = phone_system(&u, users, &[SALES, SERVICE], settings);
        let host = u.host("floor");
        u.sleep(Duration::from_millis(10)).await;
        let switch = open_switch(&host, &server).await;
        let mut floor = Floor { u, server, carrier, host, switch, told: Vec::new(), legs: 0 };
        floor.pass_ms(500).await;
        assert!(floor.switch.is_registered());
        floor
    }

    /// Another life of the switch.
    pub async fn open_again(&mut self) {
        self.switch = open_switch(&self.host, &self.server).await;
        self.pass_ms(500).await;
    }

    /// Time goes by, and what the switch tells meanwhile is written down.
    pub async fn pass(&mut self, seconds: u64) {
        self.pass_ms(seconds * 1_000).await;
    }

    pub async fn pass_ms(&mut self, ms: u64) {
        let until = self.u.now() + Duration::from_millis(ms);
        while let Ok(report) = tokio::time::timeout(until.since(self.u.now()), self.switch.next()).await {
            self.told.push((self.u.now(), report));
        }
    }

    /// What was told since it was asked for last.
    pub fn reports(&mut self) -> Vec<Report> {
        self.told.drain(..).map(|(_, report)| report).collect()
    }

    /// When something was told, and how long after `since` that was.
    pub fn told_after(&self, report: &Report, since: SimTime) -> Option<Duration> {
        self.told.iter().find(|(_, told)| told == report).map(|(at, _)| at.since(since))
    }

    pub fn order(&mut self, order: Order) {
        self.switch.order(order);
    }

    pub fn number(&mut self) -> LegId {
        self.legs += 1;
        LegId(self.legs)
    }

    /// Calls somebody, for as long as it takes.
    pub fn calls(&mut self, to: &str) -> LegId {
        let leg = self.number();
        self.order(Order::Call { leg, to: to.into(), from: None, timeout: None });
        leg
    }

    pub fn joins(&mut self, leg: LegId, room: RoomId) {
        self.order(Order::Join { leg, room, part: Part::Talks });
    }

    pub fn hangs_up(&mut self, leg: LegId) {
        self.order(Order::HangUp { leg });
    }

    /// An agent at a hardphone that answers the floor by itself, registered; with the voice of that number.
    pub async fn agent(&mut self, user: &str, voice: u32) -> Phone {
        let phone = hardphone(&self.server, &self.u.host(user), user, voice);
        self.pass_ms(10).await;
        phone.register().unwrap();
        self.pass(1).await;
        assert_eq!(phone.screen().registration, Registration::Registered);
        phone
    }

    /// The same, in a browser.
    pub async fn web_agent(&mut self, user: &str, voice: u32) -> Phone {
        let host = self.u.host(user);
        let browser = Browser::install(&host, BrowserSettings::default());
        let phone = webphone(&self.server, &browser, &host, user, voice);
        phone.open_tab().unwrap();
        self.pass(2).await;
        assert_eq!(phone.screen().registration, Registration::Registered);
        phone
    }

    /// An agent logs in: she's called into her room.
    pub async fn logs_in(&mut self, phone: &Phone, room: RoomId) -> LegId {
        let leg = self.calls(&phone.settings().user);
        self.pass(2).await;
        assert_eq!(self.reports(), [Report::Ringing { leg }, Report::Answered { leg }]);
        self.joins(leg, room);
        self.pass(1).await;
        leg
    }

    /// A customer is called, answers after two seconds and joins the room.
    pub async fn reaches(&mut self, number: &str, room: RoomId) -> LegId {
        let leg = self.calls(number);
        self.pass(3).await;
        assert_eq!(self.reports(), [Report::Ringing { leg }, Report::Answered { leg }]);
        self.joins(leg, room);
        self.pass(1).await;
        leg
    }

    pub fn mary(&self, behaviour: Customer) -> Host {
        self.carrier.behave(MARY, behaviour);
        self.carrier.devices(MARY)
    }

    /// Whose voices sound at each of these ears, all through 400 ms.
    pub async fn heard(&mut self, ears: &[&Host]) -> Vec<Vec<u32>> {
        cadence::attend(self.u.now() + Duration::from_secs(1));
        self.pass(1).await;
        voices_at(ears, 40, self.u.now())
    }

    pub fn is_loud(&self, host: &Host) -> bool {
        last_samples(host, self.u.now()).iter().any(|sample| sample.abs() > 500)
    }

    /// When it's over, it's over: for the server, the carrier and the switch.
    pub async fn nothing_is_left(&mut self) {
        self.pass(45).await;
        assert_eq!(self.server.calls(), [], "calls");
        assert_eq!(self.server.zombies(), 0, "zombies");
        assert_eq!(self.server.transactions(), 0, "transactions");
        assert_eq!(self.switch.legs(), 0, "legs");
        for call in self.carrier.all_calls() {
            assert!(call.ended.is_some(), "{call:?}");
        }
    }
}

pub async fn open_switch(host: &Host, server: &Server) -> Switch {
    Switch::open(host, switch_settings(server)).await.unwrap()
}
