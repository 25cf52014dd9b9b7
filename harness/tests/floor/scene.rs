//! A small contact center.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::floor::Floor;
use busyhour::floor::core::{AddLead, LeadId};
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::{Campaign, FloorSettings, Profile, User};
use busyhour::floor::switch::SwitchSettings;
use busyhour::http::{Client, Limits, Request};
use busyhour::media::cadence;
use busyhour::media::tone::{Voice, present};
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::pbx::{Carrier, CarrierSettings, Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings, Tab, Web};
use busyhour::phone::webphone::WebphoneSettings;
use busyhour::phone::{AutoAnswer, Phone, PhoneSettings, Registration};
use busyhour::trace::{Event, Log, PacketSeen, SimTime};
use busyhour::world::{Host, Tap};
use busyhour_oracle::Panel;
use bytes::Bytes;

/// Mary's number, of lead 1001. She has the voice 3.
pub const MARY: &str = "15551230001";
/// Nick's, of lead 1002. He has the voice 4.
pub const NICK: &str = "15551230002";
pub const LEAD: LeadId = LeadId(1001);
pub const OTHER: LeadId = LeadId(1002);
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

/// Plays a scene; no witness may have anything to say.
pub fn play<T, F, Fut>(profile: Profile, scene: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    let panel = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let outcome =
        Universe::seeded(1).tap(panel.clone()).run(move |u| async move { scene(Center::open(u, profile).await).await });
    let result = outcome.result.unwrap_or_else(|cause| panic!("{cause}\n{}", outcome.log.to_text()));
    let verdict = panel.lock().unwrap().0.verdict(&[]).unwrap();
    assert!(verdict.passed(), "{verdict}");
    result
}

/// One in which something is broken on purpose: the witnesses aren't asked.
pub fn unwitnessed<T, F, Fut>(profile: Profile, scene: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    busyhour::simulate(1, move |u| async move { scene(Center::open(u, profile).await).await })
}

/// The vicidial profile.
pub fn scene<F, Fut>(scene: F)
where
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    play(Profile::Vicidial, scene);
}

pub struct Center {
    pub u: Universe,
    pub server: Server,
    pub carrier: Carrier,
    pub floor: Floor,
    pub client: Client,
}

pub struct Agent {
    pub host: Host,
    pub phone: Phone,
    pub browser: Browser,
    pub tab: Tab,
}

impl Center {
    pub async fn open(u: Universe, profile: Profile) -> Center {
        let (at_carrier, at_server) = (u.host("carrier"), u.host("server"));
        let server = SocketAddrV4::new(at_server.address(), 5060);
        let settings = CarrierSettings { servers: vec![server], ..CarrierSettings::default() };
        let carrier = Carrier::install(&at_carrier, settings, {
            let u = u.clone();
            move |number| {
                let host = u.host(&format!("customer-{number}"));
                host.room().say(Voice::number(number[9..].parse::<u32>().unwrap() + 2).sound());
                host
            }
        });
        let mut settings = ["alice", "bob", "sam"]
            .into_iter()
            .fold(ServerSettings::new("pbx.test"), |settings, user| settings.user(user, "secret"))
            .switch("floor", "the floor's");
        settings.trunk = Some(SocketAddrV4::new(at_carrier.address(), 5060));
        settings.outbound_number = Some("18005550000".into());
        settings.inbound.insert(SALES.to_owned(), "floor".to_owned());
        let server = Server::install(&at_server, settings);
        let host = u.host("floor");
        let at = SocketAddrV4::new(server.host().address(), 5060);
        let switch = SwitchSettings::new(at, "pbx.test", "floor", "the floor's");
        let floor = Floor::install(&host, FloorSettings::new(profile), switch);
        for user in ["alice", "bob", "sam"] {
            floor.user(User::agent(user, "secret"));
        }
        floor.user(User::api("crm", "its secret"));
        floor.campaign(Campaign::new("renewals", 1.0));
        let list = floor.list_of("renewals").unwrap();
        for (lead, number) in [(LEAD, MARY), (OTHER, NICK)] {
            floor.lead(AddLead { id: Some(lead), ..AddLead::new(list, number) }).unwrap();
        }
        let client = Client::keeping(&u.host("crm-office"));
        u.sleep(Duration::from_secs(1)).await;
        Center { u, server, carrier, floor, client }
    }

    pub async fn pass(&self, seconds: u64) {
        self.u.sleep(Duration::from_secs(seconds)).await;
    }

    pub async fn pass_ms(&self, ms: u64) {
        self.u.sleep(Duration::from_millis(ms)).await;
    }

    /// An agent at a hardphone, registered, her screen open on a computer of her own.
    pub async fn agent(&self, user: &str, voice: u32) -> Agent {
        let settings = PhoneSettings {
            proxy: Some(SocketAddrV4::new(self.server.host().address(), 5060)),
            auto_answer: AutoAnswer::From("floor".into()),
            ..PhoneSettings::hardphone(user, "secret", "pbx.test")
        };
        let host = self.u.host(&format!("{user}-desk"));
        host.room().say(Voice::number(voice).sound());
        let phone = Phone::install(&host, settings);
        self.pass_ms(10).await;
        phone.register().unwrap();
        let browser = Browser::install(&self.u.host(&format!("{user}-computer")), BrowserSettings::default());
        let tab = browser.open(&AgentScreen::site(self.floor.screen_of(user))).unwrap();
        self.pass(1).await;
        assert_eq!(phone.screen().registration, Registration::Registered);
        Agent { host, phone, browser, tab }
    }

    /// One whose phone is a page in the same tab as her screen.
    pub async fn web_agent(&self, user: &str, voice: u32) -> Agent {
        let host = self.u.host(&format!("{user}-computer"));
        host.room().say(Voice::number(voice).sound());
        let browser = Browser::install(&host, BrowserSettings::default());
        let url = format!("ws://{}:8080/", self.server.host().address());
        let phone = Phone::webphone(&browser, WebphoneSettings::new(user, "secret", "pbx.test").at(url));
        phone.provision(|settings| settings.auto_answer = AutoAnswer::From("floor".into()));
        let phone = phone.framed_in(&AgentScreen::site(self.floor.screen_of(user)));
        let tab = phone.open_tab().unwrap();
        self.pass(2).await;
        assert_eq!(phone.screen().registration, Registration::Registered);
        Agent { host, phone, browser, tab }
    }

    /// Logs an agent in; her phone is in her room then.
    pub async fn log_in(&self, agent: &Agent) {
        agent.press(|screen, web| screen.log_in(web, "renewals"));
        self.pass(3).await;
        assert!(agent.screen().is_some_and(|screen| screen.phone_in_session), "{:?}", agent.screen());
    }

    /// The same, and ready.
    pub async fn ready(&self, agent: &Agent) {
        self.log_in(agent).await;
        agent.press(AgentScreen::ready);
        self.pass(1).await;
        assert_eq!(agent.shows(), "READY");
    }

    /// A ready agent at a hardphone who talks to Mary: dialed, connected.
    pub async fn talking(&self, user: &str) -> Agent {
        let agent = self.agent(user, 1).await;
        self.ready(&agent).await;
        self.floor.dial_lead("renewals", LEAD).unwrap();
        self.pass(5).await;
        assert_eq!(agent.shows(), "INCALL");
        agent
    }

    pub fn status(&self, lead: LeadId) -> String {
        self.floor.lead_view(lead).unwrap().lead.status
    }

    pub fn behaves(&self, number: &str, behaviour: Customer) -> Host {
        self.carrier.behave(number, behaviour);
        self.carrier.devices(number)
    }

    /// Whose voices sound at each of these ears, all through 400 ms.
    pub async fn heard(&self, ears: &[&Host]) -> Vec<Vec<u32>> {
        cadence::attend(self.u.now() + Duration::from_secs(1));
        self.pass(1).await;
        let voices: Vec<Voice> = (0..10).map(Voice::number).collect();
        let from = SimTime(self.u.now().as_nanos() - 400_000_000);
        let at_ear = |host: &&Host| {
            let present = present(&host.room().heard(from, self.u.now()).unwrap(), &voices);
            (0..10).filter(|number| present.contains(&Voice::number(*number))).collect()
        };
        ears.iter().map(at_ear).collect()
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, String) {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let url = format!("http://{}{path}?{query}", self.floor.host().address());
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let response = self.client.send(request, Limits::default()).await.unwrap();
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    }

    /// What the Non-Agent API answers the CRM.
    pub async fn ask(&self, function: &str, parameters: &[(&str, &str)]) -> String {
        let who = [("source", "test"), ("user", "crm"), ("pass", "its secret"), ("function", function)];
        self.ask_as(&[&who, parameters].concat()).await
    }

    /// What the Non-Agent API answers to just that.
    pub async fn ask_as(&self, parameters: &[(&str, &str)]) -> String {
        self.get("/vicidial/non_agent_api.php", parameters).await.1
    }

    pub async fn status_of(&self, function: &str) -> u16 {
        self.get("/vicidial/non_agent_api.php", &[("function", function)]).await.0
    }

    /// What the Agent API answers the CRM.
    pub async fn ask_agent(&self, function: &str, agent: &str, parameters: &[(&str, &str)]) -> String {
        let who = [("source", "test"), ("user", "crm"), ("pass", "its secret"), ("function", function)];
        let all = [&who[..], &[("agent_user", agent)], parameters].concat();
        self.get("/agc/api.php", &all).await.1
    }

    /// When it's over, it's over: for the server and the carrier. Only sessions' calls may be left.
    pub async fn only_sessions_are_left(&self, sessions: usize) {
        self.pass(45).await;
        assert_eq!(self.server.calls().len(), sessions, "calls: {:?}", self.server.calls());
        assert_eq!(self.server.zombies(), 0, "zombies");
        for call in self.carrier.all_calls() {
            assert!(call.ended.is_some(), "{call:?}");
        }
    }
}

impl Agent {
    pub fn press(&self, button: impl FnOnce(&mut AgentScreen, &Web)) {
        self.tab.press(button).expect("the screen is there");
    }

    pub fn shows(&self) -> String {
        self.tab.page(|screen: &AgentScreen| screen.shows().to_owned()).unwrap_or_else(|| "nothing".to_owned())
    }

    pub fn screen(&self) -> Option<busyhour::floor::core::Screen> {
        self.tab.page(|screen: &AgentScreen| screen.screen().cloned()).flatten()
    }

    pub fn alerts(&self) -> Vec<String> {
        let alerts = |screen: &AgentScreen| screen.alerts().iter().map(|alert| alert.text.clone()).collect();
        self.tab.page(alerts).unwrap_or_default()
    }

    pub fn opened(&self) -> Vec<String> {
        self.tab.page(|screen: &AgentScreen| screen.opened_urls().to_vec()).unwrap_or_default()
    }

    pub fn saves(&self, status: &str) {
        let status = status.to_owned();
        self.press(move |screen, web| screen.save_disposition(web, &status, None));
    }
}
