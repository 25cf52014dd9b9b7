//! A contact center of a hundred agents: servers, carrier, customers, a CRM, and the people at their desks.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::Universe;
use busyhour::floor::Floor;
use busyhour::floor::screen::AgentScreen;
use busyhour::floor::settings::{Campaign, FloorSettings, Profile, User};
use busyhour::floor::switch::SwitchSettings;
use busyhour::media::tone::Voice;
use busyhour::pbx::customer::Behaviour;
use busyhour::pbx::{Carrier, CarrierSettings, MediaPath, Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings, Tab};
use busyhour::phone::{AutoAnswer, Phone, PhoneSettings};
use busyhour::trace::SimTime;
use busyhour::webhook::crm::{Crm, CrmSettings};
use busyhour::webhook::event::EventKind;
use busyhour::webhook::signature::{Scheme, Secret};
use busyhour::world::{Host, Random};

pub const AGENTS: usize = 100;
pub const CAMPAIGN: &str = "renewals";
/// More than an hour's calls.
pub const LEADS: u64 = 20_000;
const DOMAIN: &str = "pbx.test";
const PASSWORD: &str = "secret";
const LEVEL: f64 = 2.0;
/// Customers share these homes, one after the other: so many are never on the phone at the same time.
const HOMES: usize = 500;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How the center is set up.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// How often each screen polls.
    pub refresh: Duration,
    /// Whether anybody is called; else all agents stay paused.
    pub dials: bool,
}

/// The center.
pub struct Center {
    u: Universe,
    pub server: Server,
    pub floor: Floor,
    pub crm: Crm,
    hook: String,
    agents: Vec<Agent>,
}

/// An agent at her desk: a hardphone and a computer.
struct Agent {
    phone: Phone,
    tab: Tab,
    random: Random,
    /// When she ends the call, or saves what became of it.
    saves_at: Option<SimTime>,
    /// The call for which she does.
    call: String,
}

/// So long, give or take.
fn between(random: &mut Random, from: u64, to: u64) -> Duration {
    Duration::from_millis(from * 1_000 + random.below((to - from) * 1_000))
}

/// What a customer does, as she was drawn.
fn drawn(random: &mut Random) -> Behaviour {
    match random.below(100) {
        0..30 => {
            let after = between(random, 3, 20);
            Behaviour::answers_after(after).talking_for(between(random, 15, 240))
        }
        30..68 => Behaviour::never_answers(),
        68..80 => Behaviour::answering_machine(),
        80..90 => Behaviour::busy(),
        90..96 => Behaviour::disconnected(),
        _ => Behaviour::rejects(),
    }
}

impl Center {
    /// Builds it; everybody is logged in when this returns.
    pub async fn open(u: &Universe, setup: Setup) -> Center {
        u.network().count_pairs(false);
        let places: Vec<[Host; 2]> =
            (0..AGENTS).map(|user| ["desk", "computer"].map(|what| u.host(&format!("{what}{user}")))).collect();
        let (at_carrier, at_server, at_floor) = (u.host("carrier"), u.host("server"), u.host("floor"));
        let sip = SocketAddrV4::new(at_server.address(), 5060);
        let settings = CarrierSettings { servers: vec![sip], ..CarrierSettings::default() };
        let stranger = u.host("stranger");
        let carrier = Carrier::install(&at_carrier, settings, move |_| stranger.clone());
        let mut settings = ServerSettings::new(DOMAIN).switch("floor", PASSWORD);
        for user in 0..AGENTS {
            settings = settings.user(name(user), PASSWORD);
        }
        settings.trunk = Some(SocketAddrV4::new(at_carrier.address(), 5060));
        settings.outbound_number = Some("18005550000".into());
        // Nobody sits behind a NAT box: audio goes straight between the rooms and the phones, and the carrier, as it does
        // where the rooms are the telephone server's own.
        settings.media = MediaPath::Direct;
        let server = Server::install(&at_server, settings);

        let mut settings = FloorSettings::new(Profile::Modern);
        settings.users = (0..AGENTS).map(|user| User::agent(&name(user), PASSWORD)).collect();
        let floor = Floor::install(&at_floor, settings, SwitchSettings::new(sip, DOMAIN, "floor", PASSWORD));
        floor.campaign(Campaign::new(CAMPAIGN, LEVEL));
        floor.leads(CAMPAIGN, LEADS).expect("the floor runs");
        let settings = CrmSettings::default().verifying(Scheme::Standard, Secret::new(SECRET));
        let crm = Crm::install(&u.host("crm"), settings);
        let secret = Some(Secret::new(SECRET));
        let hook = floor
            .sends(CAMPAIGN, EventKind::DispositionSaved, "http://crm/hook", None, secret)
            .expect("the modern profile tells of that");
        u.sleep(Duration::from_secs(1)).await;
        if setup.dials {
            customers(u, &carrier);
        }

        let mut agents = Vec::new();
        for (user, place) in places.iter().enumerate() {
            let random = u.random(&name(user));
            agents.push(Agent::sits_down(place, &server, &floor, user, setup.refresh, random));
            // A minute's beginning of work, and polls that don't come all at once.
            u.sleep(Duration::from_millis(313)).await;
        }
        u.sleep(Duration::from_secs(2)).await;
        for agent in &agents {
            agent.press(|screen, web| screen.log_in(web, CAMPAIGN));
            u.sleep(Duration::from_millis(97)).await;
        }
        u.sleep(Duration::from_secs(4)).await;
        let away: Vec<String> = agents.iter().filter(|agent| !agent.is_in_her_room()).map(Agent::stands).collect();
        assert!(away.is_empty(), "{} aren't in their rooms: {away:#?}", away.len());
        Center { u: u.clone(), server, floor, crm, hook, agents }
    }

    /// Everybody is ready, the dialer dials, and all work for so long.
    pub async fn work(&mut self, time: Duration) {
        for agent in &self.agents {
            agent.press(AgentScreen::ready);
        }
        self.floor.dialer_on(CAMPAIGN).expect("there's such a campaign");
        let until = self.u.now() + time;
        let mut turn = 0;
        // Everybody looks at her screen once a second, ten of them at a time.
        while self.u.now() < until {
            self.u.sleep(Duration::from_millis(100)).await;
            let now = self.u.now();
            self.agents.iter_mut().skip(turn % 10).step_by(10).for_each(|agent| agent.looks(now));
            turn += 1;
        }
        let working = self.agents.iter().filter(|agent| agent.sees(AgentScreen::is_logged_in)).count();
        assert_eq!(working, AGENTS, "everybody is still logged in");
        let registered = self.agents.iter().filter(|agent| !agent.phone.screen().lines.is_empty()).count();
        assert_eq!(registered, AGENTS, "everybody's phone is in her room");
    }

    /// How many events were delivered.
    pub fn delivered(&self) -> u64 {
        self.floor.tally(&self.hook).map_or(0, |tally| tally.delivered)
    }
}

fn name(user: usize) -> String {
    format!("agent{user}")
}

/// Everybody who can be called.
fn customers(u: &Universe, carrier: &Carrier) {
    let homes: Vec<Host> = (0..HOMES).map(|home| u.host(&format!("home{home}"))).collect();
    for (number, home) in homes.iter().enumerate() {
        home.room().say(Voice::number((AGENTS + number) as u32).sound());
    }
    let mut random = u.random("customers");
    for (number, home) in (1..=LEADS).zip(homes.iter().cycle()) {
        carrier.customer(&(15_550_000_000 + number).to_string(), home.clone(), drawn(&mut random));
    }
}

impl Agent {
    fn sits_down(
        [desk, computer]: &[Host; 2],
        server: &Server,
        floor: &Floor,
        user: usize,
        refresh: Duration,
        random: Random,
    ) -> Agent {
        let settings = PhoneSettings {
            proxy: Some(SocketAddrV4::new(server.host().address(), 5060)),
            auto_answer: AutoAnswer::From("floor".into()),
            ..PhoneSettings::hardphone(&name(user), PASSWORD, DOMAIN)
        };
        desk.room().say(Voice::number(user as u32).sound());
        let phone = Phone::install(desk, settings);
        phone.register().expect("it's switched on");
        let browser = Browser::install(computer, BrowserSettings::default());
        let mut screen = floor.screen_of(&name(user));
        screen.refresh = refresh;
        let tab = browser.open(&AgentScreen::site(screen)).expect("the computer is on");
        Agent { phone, tab, random, saves_at: None, call: String::new() }
    }

    fn press(&self, button: impl FnOnce(&mut AgentScreen, &busyhour::phone::browser::Web)) {
        self.tab.press(button).expect("her screen is there");
    }

    fn sees<R>(&self, look: impl FnOnce(&AgentScreen) -> R) -> R {
        self.tab.page(look).expect("her screen is there")
    }

    fn is_in_her_room(&self) -> bool {
        self.sees(|screen| screen.screen().is_some_and(|screen| screen.phone_in_session))
    }

    /// How she stands, for whoever wonders.
    fn stands(&self) -> String {
        self.sees(|screen| format!("{} {:?} {:?}", screen.shows(), screen.alerts(), self.phone.screen()))
    }

    /// She talks for a while, or until the customer has gone; then she saves what became of it.
    fn looks(&mut self, now: SimTime) {
        let (shows, call) = self.sees(|screen| match screen.shows() {
            shows @ ("INCALL" | "DEAD" | "DISPO") => {
                (shows.to_owned(), screen.screen().map(|screen| screen.call_id.clone()).unwrap_or_default())
            }
            _ => (String::new(), String::new()),
        });
        if shows.is_empty() {
            self.saves_at = None;
            return;
        }
        if self.saves_at.is_none() || self.call != call {
            self.saves_at = Some(now + between(&mut self.random, 30, 210));
            self.call = call;
        }
        if shows != "INCALL" {
            let soon = now + between(&mut self.random, 2, 8);
            self.saves_at = self.saves_at.map(|at| at.min(soon));
        }
        if self.saves_at.is_some_and(|at| at <= now) && !self.sees(AgentScreen::is_busy) {
            let status = ["SALE", "NI", "NI", "NI", "A", "A", "N"][self.random.below(7) as usize];
            self.press(move |screen, web| screen.save_disposition(web, status, None));
            self.saves_at = None;
        }
    }
}
