//! What stands around a floor: a phone system, a carrier with customers, phones, and the witnesses.
//!
//! The tests of the floor and those of its switch share it.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};

use busyhour::Universe;
use busyhour::floor::switch::SwitchSettings;
use busyhour::media::tone::{Voice, present};
use busyhour::pbx::{Carrier, CarrierSettings, Server, ServerSettings};
use busyhour::phone::browser::Browser;
use busyhour::phone::webphone::WebphoneSettings;
use busyhour::phone::{AutoAnswer, Phone, PhoneSettings};
use busyhour::trace::{Event, Log, PacketSeen, SimTime};
use busyhour::world::{Host, Tap};
use busyhour_oracle::Panel;

/// Mary's number. She has the voice 3.
pub const MARY: &str = "15551230001";
/// Nick's. He has the voice 4.
pub const NICK: &str = "15551230002";
/// The center's.
pub const SALES: &str = "18005550100";

struct Listening(Panel);

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

/// Plays a scene; no witness may have anything to say. What each has judged comes back with the result, by its name.
pub fn witnessed<T, F, Fut>(seed: u64, scene: F) -> (T, Vec<(String, u64)>)
where
    T: Send + 'static,
    F: FnOnce(Universe) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    let panel = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let outcome = Universe::seeded(seed).tap(panel.clone()).run(scene);
    let result = outcome.result.unwrap_or_else(|cause| panic!("{cause}\n{}", outcome.log.to_text()));
    let panel = &panel.lock().unwrap().0;
    let verdict = panel.verdict(&[]).unwrap();
    assert!(verdict.passed(), "{verdict}");
    let judged = panel.witnesses().map(|witness| (witness.name().to_owned(), witness.judgement().judged)).collect();
    (result, judged)
}

/// A server with accounts for these users and the floor's switch, which gets the calls to the `inbound` numbers; and a
/// carrier, whose customers speak with the voice of the last digits of their number, and two more.
pub fn phone_system(
    u: &Universe,
    users: impl IntoIterator<Item = String>,
    inbound: &[&str],
    settings: CarrierSettings,
) -> (Server, Carrier) {
    let (at_carrier, at_server) = (u.host("carrier"), u.host("server"));
    let server = SocketAddrV4::new(at_server.address(), 5060);
    let settings = CarrierSettings { servers: vec![server], ..settings };
    let carrier = Carrier::install(&at_carrier, settings, {
        let u = u.clone();
        move |number| {
            let host = u.host(&format!("customer-{number}"));
            host.room().say(Voice::number(number[9..].parse::<u32>().unwrap() + 2).sound());
            host
        }
    });
    let settings = ServerSettings::new("pbx.test");
    let mut settings = users.into_iter().fold(settings, |settings, user| settings.user(user, "secret"));
    settings = settings.switch("floor", "the floor's");
    settings.trunk = Some(SocketAddrV4::new(at_carrier.address(), 5060));
    settings.outbound_number = Some("18005550000".into());
    settings.inbound.extend(inbound.iter().map(|number| ((*number).to_owned(), "floor".to_owned())));
    (Server::install(&at_server, settings), carrier)
}

/// How the floor's switch reaches the server.
pub fn switch_settings(server: &Server) -> SwitchSettings {
    SwitchSettings::new(SocketAddrV4::new(server.host().address(), 5060), "pbx.test", "floor", "the floor's")
}

/// A hardphone that answers the floor by itself. It has to be registered, when its host is up.
pub fn hardphone(server: &Server, host: &Host, user: &str, voice: u32) -> Phone {
    let settings = PhoneSettings {
        proxy: Some(SocketAddrV4::new(server.host().address(), 5060)),
        auto_answer: AutoAnswer::From("floor".into()),
        ..PhoneSettings::hardphone(user, "secret", "pbx.test")
    };
    host.room().say(Voice::number(voice).sound());
    Phone::install(host, settings)
}

/// The same in a browser: its tab has to be opened.
pub fn webphone(server: &Server, browser: &Browser, host: &Host, user: &str, voice: u32) -> Phone {
    host.room().say(Voice::number(voice).sound());
    let url = format!("ws://{}:8080/", server.host().address());
    let phone = Phone::webphone(browser, WebphoneSettings::new(user, "secret", "pbx.test").at(url));
    phone.provision(|settings| settings.auto_answer = AutoAnswer::From("floor".into()));
    phone
}

/// What has come out of a host's speaker in the last 400 ms.
pub fn last_samples(host: &Host, now: SimTime) -> Vec<i16> {
    host.room().heard(SimTime(now.as_nanos() - 400_000_000), now).unwrap()
}

/// Which of the voices below `count` sound at each of these ears, all through 400 ms.
pub fn voices_at(ears: &[&Host], count: u32, now: SimTime) -> Vec<Vec<u32>> {
    let voices: Vec<Voice> = (0..count).map(Voice::number).collect();
    let at_ear = |host: &&Host| {
        let present = present(&last_samples(host, now), &voices);
        (0..count).filter(|number| present.contains(&Voice::number(*number))).collect()
    };
    ears.iter().map(at_ear).collect()
}
