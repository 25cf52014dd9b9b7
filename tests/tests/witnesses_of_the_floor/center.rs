//! A small contact center whose witnesses are asked, and a man in the middle who may alter what the floor is asked and says.

use std::cell::Cell;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::floor::Floor;
use busyhour::floor::core::{AddLead, LeadId};
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::{Campaign, FloorSettings, Profile, User};
use busyhour::floor::switch::SwitchSettings;
use busyhour::http::{self, Answer, Client, Limits, Request};
use busyhour::media::tone::Voice;
use busyhour::pbx::{Carrier, CarrierSettings, Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings, Tab, Web};
use busyhour::phone::{AutoAnswer, Phone, PhoneSettings};
use busyhour::webhook::crm::{Crm, CrmSettings};
use busyhour::webhook::event::EventKind;
use busyhour::webhook::signature::Secret;
use busyhour::world::Host;
use busyhour_oracle::Panel;
use busyhour_tests::Listening;
use bytes::Bytes;
use serde_json::Value;

pub const STATE: &str = "one_state_per_agent";
pub const AGENT: &str = "no_agent_in_two_calls";
pub const LEAD: &str = "no_lead_in_two_calls";
pub const BLOCKED: &str = "no_do_not_call_number_dialed";
pub const DISPOSITION: &str = "one_disposition_for_each_call";
pub const PLACED: &str = "calls_placed_are_accounted_for";
pub const TIME: &str = "session_time_adds_up";
pub const LOST: &str = "no_event_lost_at_rest";
pub const ONCE: &str = "effects_exactly_once";
pub const DROPS: &str = "drop_rate_within_target";
pub const FORGED: &str = "no_forged_effect";

pub const NICK: &str = "15551230002";
pub const MARY: &str = "15551230001";
pub const LEAD_1001: LeadId = LeadId(1001);

/// Stands before a floor, on its own host, and hands to and fro what screens ask and are answered. Once he lies he may
/// alter both: to whoever looks at the wire it's the floor that misbehaves.
#[derive(Clone, Copy)]
pub struct Man {
    /// What the floor is asked instead.
    pub asks: fn(&str) -> String,
    /// What the screen is answered instead: what was asked, and the floor's answer.
    pub answers: fn(&str, &mut Value),
}

const DAY: Duration = Duration::from_secs(86_400);

/// The port of the man in the middle.
const MIDDLE: u16 = 8080;

impl Man {
    /// One who alters nothing but answers.
    pub fn answering(answers: fn(&str, &mut Value)) -> Man {
        Man { asks: str::to_owned, answers }
    }

    fn stand_before(self, floor: &Host, lies: Rc<Cell<bool>>) {
        floor.boot(move |host| {
            let lies = lies.clone();
            async move {
                let client = Client::keeping(&host);
                let hand_on = move |incoming: http::Incoming| {
                    let (client, lies) = (client.clone(), lies.clone());
                    async move { self.hand_on(&client, lies.get(), incoming.request).await }
                };
                let _ = http::serve(&host, MIDDLE, hand_on).await;
            }
        });
    }

    async fn hand_on(self, client: &Client, lies: bool, mut request: Request<Bytes>) -> Answer {
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        let path = request.uri().path().to_owned();
        *request.uri_mut() = format!("http://127.0.0.1{path}").parse().unwrap();
        request.headers_mut().clear();
        if lies {
            *request.body_mut() = (self.asks)(&form).into();
        }
        let mut response = client.send(request, Limits::default()).await.unwrap();
        if lies {
            let mut answer = serde_json::from_slice(response.body()).unwrap();
            (self.answers)(&form, &mut answer);
            *response.body_mut() = serde_json::to_vec(&answer).unwrap().into();
            response.headers_mut().remove(http::header::CONTENT_LENGTH);
        }
        response.into()
    }
}

/// A contact center with alice, who has a hardphone.
pub struct Center {
    pub u: Universe,
    pub carrier: Carrier,
    pub floor: Floor,
    pub crm: Crm,
    pub tab: Tab,
    lies: Rc<Cell<bool>>,
}

impl Center {
    async fn open(u: Universe, profile: Profile, crm: CrmSettings, man: Option<Man>) -> Center {
        let (at_carrier, at_server) = (u.host("carrier"), u.host("server"));
        let server = SocketAddrV4::new(at_server.address(), 5060);
        let settings = CarrierSettings { servers: vec![server], ..CarrierSettings::default() };
        let carrier = Carrier::install(&at_carrier, settings, {
            let u = u.clone();
            move |number| {
                let host = u.host(&format!("customer-{number}"));
                host.room().say(Voice::number(3).sound());
                host
            }
        });
        let mut settings = ServerSettings::new("pbx.test").user("alice", "secret").switch("floor", "the floor's");
        settings.trunk = Some(SocketAddrV4::new(at_carrier.address(), 5060));
        settings.outbound_number = Some("18005550000".into());
        // What rings rings until the floor gives it up: nobody else does within a day.
        settings.ring_timeout = DAY;
        settings.timers.c = DAY;
        Server::install(&at_server, settings);
        let mut switch = SwitchSettings::new(server, "pbx.test", "floor", "the floor's");
        switch.timers.c = DAY;
        let floor = Floor::install(&u.host("floor"), FloorSettings::new(profile), switch);
        floor.user(User::agent("alice", "secret"));
        floor.user(User::api("crm", "its secret"));
        floor.campaign(Campaign::new("renewals", 1.0));
        let list = floor.list_of("renewals").unwrap();
        floor.lead(AddLead { id: Some(LEAD_1001), ..AddLead::new(list, MARY) }).unwrap();
        let crm = Crm::install(&u.host("crm"), crm);
        let settings = PhoneSettings {
            proxy: Some(server),
            auto_answer: AutoAnswer::From("floor".into()),
            ..PhoneSettings::hardphone("alice", "secret", "pbx.test")
        };
        let desk = u.host("alice-desk");
        desk.room().say(Voice::number(1).sound());
        let phone = Phone::install(&desk, settings);
        u.sleep(Duration::from_secs(1)).await;
        phone.register().unwrap();
        let browser = Browser::install(&u.host("alice-computer"), BrowserSettings::default());
        let mut screen = floor.screen_of("alice");
        let lies = Rc::new(Cell::new(false));
        if let Some(man) = man {
            man.stand_before(floor.host(), lies.clone());
            screen.floor = format!("http://{}:{MIDDLE}", floor.host().address());
        }
        let tab = browser.open(&AgentScreen::site(screen)).unwrap();
        u.sleep(Duration::from_secs(1)).await;
        Center { u, carrier, floor, crm, tab, lies }
    }

    pub async fn pass(&self, seconds: u64) {
        self.u.sleep(Duration::from_secs(seconds)).await;
    }

    pub fn press(&self, button: impl FnOnce(&mut AgentScreen, &Web)) {
        self.tab.press(button).expect("the screen is there");
    }

    pub fn saves(&self, status: &'static str) {
        self.press(move |screen, web| screen.save_disposition(web, status, None));
    }

    /// Somebody says of the campaign what the floor hasn't heard: that it dials so, and drops after five seconds.
    pub fn says_of_renewals(&self, method: &str) {
        self.floor.host().set_up("campaign", |event| {
            event
                .with("name", "renewals")
                .with("method", method)
                .with("drop_target", "0.03")
                .with("drop_after_ms", 5_000)
        });
    }

    /// Somebody says that the CRM is told of that, which the floor hasn't heard.
    pub fn says_that_it_tells(&self, event: EventKind, trigger: &str) {
        self.floor.host().set_up("hook", |entry| {
            let entry = entry.with("name", "rumour").with("campaign", "renewals").with("event", event.name());
            entry.with("url", "http://crm/hook").with("sender", "standard").with("trigger", trigger)
        });
    }

    /// From now on the man in the middle lies.
    pub fn lie(&self) {
        self.lies.set(true);
    }

    /// What alice's screen shows.
    pub fn shows(&self) -> String {
        self.tab.page(|screen: &AgentScreen| screen.shows().to_owned()).expect("the screen is there")
    }

    /// What the Non-Agent API answers the CRM.
    pub async fn ask(&self, query: &str) -> String {
        let client = Client::new(&self.u.host("crm-office"));
        let who = "source=test&user=crm&pass=its+secret";
        let url = format!("http://{}/vicidial/non_agent_api.php?{who}&{query}", self.floor.host().address());
        let response = client.send(Request::get(url).body(Bytes::new()).unwrap(), Limits::default()).await.unwrap();
        String::from_utf8(response.into_body().to_vec()).unwrap()
    }

    /// The CRM is told of dispositions.
    pub fn tells(&self, sender: Option<&str>, secret: Option<Secret>) {
        self.floor.sends("renewals", EventKind::DispositionSaved, "http://crm/hook", sender, secret).unwrap();
    }

    /// Alice is ready, is given Mary, and talks to her.
    pub async fn talks(&self) {
        self.press(|screen, web| screen.log_in(web, "renewals"));
        self.pass(3).await;
        self.press(AgentScreen::ready);
        self.pass(1).await;
        self.floor.dial_lead("renewals", LEAD_1001).unwrap();
        self.pass(6).await;
    }

    /// A stranger sends the CRM this.
    pub async fn stranger(&self, request: Request<Bytes>) {
        let client = Client::new(&self.u.host("stranger"));
        client.send(request, Limits::default()).await.unwrap();
        self.pass(2).await;
    }

    /// What was delivered last, for whoever wants to send it again.
    pub fn last(&self) -> Request<Bytes> {
        let mut request = self.crm.deliveries(None, None).pop().expect("something was delivered").request;
        let target = request.uri().path_and_query().unwrap().as_str().to_owned();
        *request.uri_mut() = format!("http://crm{target}").parse().unwrap();
        request
    }
}

/// What the witnesses say of a story: the complaints, a line each.
pub fn story<F, Fut>(profile: Profile, crm: CrmSettings, tell: F) -> (String, Panel)
where
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    told(profile, crm, None, tell)
}

/// The same of a floor with a man in the middle.
pub fn story_behind<F, Fut>(man: Man, tell: F) -> (String, Panel)
where
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    told(Profile::Vicidial, sample(), Some(man), tell)
}

fn told<F, Fut>(profile: Profile, crm: CrmSettings, man: Option<Man>, tell: F) -> (String, Panel)
where
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let ears = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let run = async move |u: Universe| tell(Center::open(u, profile, crm, man).await).await;
    let outcome = Universe::seeded(1).tap(Arc::clone(&ears)).run(run);
    outcome.result.unwrap_or_else(|cause| panic!("{cause}\n{}", outcome.log.to_text()));
    let panel = std::mem::replace(&mut ears.lock().unwrap().0, Panel::new(Vec::new()));
    let mut told = String::new();
    for witness in panel.witnesses() {
        for violation in &witness.judgement().violations {
            told.push_str(&format!("{}: {} {}\n", witness.name(), violation.at, violation.what));
        }
    }
    (told, panel)
}

pub fn sample() -> CrmSettings {
    CrmSettings::default()
}

#[track_caller]
pub fn holds((told, panel): &(String, Panel), names: &[&str]) {
    assert_eq!(told, "");
    for name in names {
        assert!(panel.get(name).unwrap().judgement().judged > 0, "{name} has judged nothing");
    }
}

/// These fire, and no other.
#[track_caller]
pub fn breaks((told, _): &(String, Panel), names: &[&str], says: &str) {
    assert!(told.contains(says), "{told}");
    assert!(told.lines().all(|line| names.iter().any(|name| line.starts_with(&format!("{name}: ")))), "{told}");
    for name in names {
        assert!(told.contains(&format!("{name}: ")), "{name} is silent: {told}");
    }
}

/// How much that witness has exempted.
pub fn exempt((_, panel): &(String, Panel), name: &str) -> u64 {
    panel.get(name).unwrap().judgement().exemptions.iter().map(|exemption| exemption.count).sum()
}
