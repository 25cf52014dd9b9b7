//! A small contact center.

use std::time::Duration;

use busyhour::Universe;
use busyhour::floor::Floor;
use busyhour::floor::core::{AddLead, LeadId};
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::{Campaign, FloorSettings, Profile, User};
use busyhour::http::{Client, Limits, Request};
use busyhour::media::cadence;
use busyhour::pbx::customer::Behaviour as Customer;
use busyhour::pbx::{Carrier, CarrierSettings, Server};
use busyhour::phone::browser::{Browser, BrowserSettings, Tab, Web};
use busyhour::phone::{Phone, Registration};
use busyhour::world::Host;
use bytes::Bytes;

pub use crate::surroundings::{MARY, NICK, SALES};
use crate::surroundings::{hardphone, phone_system, switch_settings, voices_at, webphone, witnessed};

/// Mary's lead.
pub const LEAD: LeadId = LeadId(1001);
/// Nick's.
pub const OTHER: LeadId = LeadId(1002);

/// Plays a scene; no witness may have anything to say.
pub fn play<T, F, Fut>(profile: Profile, scene: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
{
    witnessed(1, move |u| async move { scene(Center::open(u, profile).await).await }).0
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
        let users = ["alice", "bob", "sam"];
        let (server, carrier) = phone_system(&u, users.map(str::to_owned), &[SALES], CarrierSettings::default());
        let host = u.host("floor");
        let floor = Floor::install(&host, FloorSettings::new(profile), switch_settings(&server));
        for user in users {
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
        let host = self.u.host(&format!("{user}-desk"));
        let phone = hardphone(&self.server, &host, user, voice);
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
        let browser = Browser::install(&host, BrowserSettings::default());
        let phone = webphone(&self.server, &browser, &host, user, voice);
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
        voices_at(ears, 10, self.u.now())
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
