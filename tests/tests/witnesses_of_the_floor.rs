//! The witnesses of the floor and its webhooks, in whole universes: none complains where all is well, and each notices the
//! quirk, or the naive receiver, that it's there for.

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
use busyhour::media::tone::Voice;
use busyhour::pbx::{Carrier, CarrierSettings, Server, ServerSettings};
use busyhour::phone::browser::{Browser, BrowserSettings, Tab, Web};
use busyhour::phone::{AutoAnswer, Phone, PhoneSettings};
use busyhour::webhook::crm::{Crm, CrmSettings};
use busyhour::webhook::event::{Event, EventKind};
use busyhour::webhook::signature::{Scheme, Secret};
use busyhour_oracle::Panel;
use busyhour_tests::Listening;
use bytes::Bytes;

const STATE: &str = "one_state_per_agent";
const AGENT: &str = "no_agent_in_two_calls";
const LEAD: &str = "no_lead_in_two_calls";
const BLOCKED: &str = "no_do_not_call_number_dialed";
const DISPOSITION: &str = "one_disposition_for_each_call";
const PLACED: &str = "calls_placed_are_accounted_for";
const TIME: &str = "session_time_adds_up";
const LOST: &str = "no_event_lost_at_rest";
const ONCE: &str = "effects_exactly_once";
const FORGED: &str = "no_forged_effect";

const MARY: &str = "15551230001";
const LEAD_1001: LeadId = LeadId(1001);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A contact center with alice, who has a hardphone.
struct Center {
    u: Universe,
    carrier: Carrier,
    floor: Floor,
    crm: Crm,
    tab: Tab,
}

impl Center {
    async fn open(u: Universe, profile: Profile, crm: CrmSettings) -> Center {
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
        Server::install(&at_server, settings);
        let switch = SwitchSettings::new(server, "pbx.test", "floor", "the floor's");
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
        let tab = browser.open(&AgentScreen::site(floor.screen_of("alice"))).unwrap();
        u.sleep(Duration::from_secs(1)).await;
        Center { u, carrier, floor, crm, tab }
    }

    async fn pass(&self, seconds: u64) {
        self.u.sleep(Duration::from_secs(seconds)).await;
    }

    fn press(&self, button: impl FnOnce(&mut AgentScreen, &Web)) {
        self.tab.press(button).expect("the screen is there");
    }

    fn saves(&self, status: &'static str) {
        self.press(move |screen, web| screen.save_disposition(web, status, None));
    }

    /// The CRM is told of dispositions.
    fn tells(&self, sender: Option<&str>, secret: Option<Secret>) {
        self.floor.sends("renewals", EventKind::DispositionSaved, "http://crm/hook", sender, secret).unwrap();
    }

    /// Alice is ready, is given Mary, and talks to her.
    async fn talks(&self) {
        self.press(|screen, web| screen.log_in(web, "renewals"));
        self.pass(3).await;
        self.press(AgentScreen::ready);
        self.pass(1).await;
        self.floor.dial_lead("renewals", LEAD_1001).unwrap();
        self.pass(6).await;
    }

    /// A stranger sends the CRM this.
    async fn stranger(&self, request: Request<Bytes>) {
        let client = Client::new(&self.u.host("stranger"));
        client.send(request, Limits::default()).await.unwrap();
        self.pass(2).await;
    }

    /// What was delivered last, for whoever wants to send it again.
    fn last(&self) -> Request<Bytes> {
        let mut request = self.crm.deliveries(None, None).pop().expect("something was delivered").request;
        let target = request.uri().path_and_query().unwrap().as_str().to_owned();
        *request.uri_mut() = format!("http://crm{target}").parse().unwrap();
        request
    }
}

/// What the witnesses say of a story: the complaints, a line each.
fn story<F, Fut>(profile: Profile, crm: CrmSettings, tell: F) -> (String, Panel)
where
    F: FnOnce(Center) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let ears = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let run = async move |u: Universe| tell(Center::open(u, profile, crm).await).await;
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

fn sample() -> CrmSettings {
    CrmSettings::default()
}

#[track_caller]
fn holds((told, panel): &(String, Panel), names: &[&str]) {
    assert_eq!(told, "");
    for name in names {
        assert!(panel.get(name).unwrap().judgement().judged > 0, "{name} has judged nothing");
    }
}

/// These fire, and no other.
#[track_caller]
fn breaks((told, _): &(String, Panel), names: &[&str], says: &str) {
    assert!(told.contains(says), "{told}");
    assert!(told.lines().all(|line| names.iter().any(|name| line.starts_with(&format!("{name}: ")))), "{told}");
    for name in names {
        assert!(told.contains(&format!("{name}: ")), "{name} is silent: {told}");
    }
}

#[test]
fn a_sale_from_login_to_logout_breaks_nothing() {
    for profile in [Profile::Vicidial, Profile::Modern] {
        let told = story(profile, sample(), |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.press(AgentScreen::hang_up);
            center.pass(3).await;
            center.saves("SALE");
            center.pass(5).await;
            assert_eq!(center.crm.sales("1001"), 1);
            center.press(|screen, web| screen.pause(web, Some("LUNCH")));
            center.pass(20).await;
            center.press(AgentScreen::log_out);
            center.pass(70).await;
        });
        holds(&told, &[STATE, AGENT, LEAD, BLOCKED, DISPOSITION, PLACED, TIME, LOST, ONCE]);
    }
}

/// Domain Part 2, Webhooks: the disposition's URL goes by the screen.
#[test]
fn a_tab_closed_between_saving_and_telling_loses_the_event() {
    let closes = |profile| {
        story(profile, sample(), |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.carrier.hang_up(MARY).unwrap();
            center.pass(3).await;
            center.saves("SALE");
            center.tab.close().unwrap();
            center.pass(90).await;
        })
    };
    breaks(&closes(Profile::Vicidial), &[LOST], "SALE of ");
    holds(&closes(Profile::Modern), &[LOST]);
}

#[test]
fn a_disposition_that_is_saved_twice_is_noticed_where_the_floor_saves_twice() {
    let twice = |profile| {
        story(profile, sample(), |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.saves("SALE");
            center.saves("SALE");
            center.pass(10).await;
        })
    };
    breaks(&twice(Profile::Vicidial), &[DISPOSITION], "was saved twice: SALE, then SALE");
    holds(&twice(Profile::Modern), &[DISPOSITION, ONCE]);
}

/// The work is done and the answer lost: the sender tells it again.
#[test]
fn the_naive_crm_counts_what_is_told_again() {
    let loses = |settings| {
        story(Profile::Modern, settings, |center| async move {
            center.tells(None, None);
            center.talks().await;
            center.crm.lose_reply_of_next();
            center.saves("SALE");
            center.pass(90).await;
        })
    };
    breaks(&loses(CrmSettings::naive()), &[ONCE], "crm has done sale ");
    holds(&loses(sample()), &[ONCE, LOST]);
}

#[test]
fn a_replay_by_a_stranger_has_an_effect_on_the_naive_crm() {
    let replays = |settings| {
        story(Profile::Modern, settings, |center| async move {
            center.tells(None, Some(Secret::new(SECRET)));
            center.talks().await;
            center.saves("SALE");
            center.pass(600).await;
            let request = center.last();
            center.stranger(request).await;
            center.pass(10).await;
        })
    };
    breaks(&replays(CrmSettings::naive()), &[ONCE, FORGED], "for a replayed request");
    holds(&replays(sample().verifying(Scheme::Standard, Secret::new(SECRET))), &[ONCE, FORGED]);
}

#[test]
fn a_forged_event_has_an_effect_on_a_crm_that_verifies_nothing() {
    let forges = |settings| {
        story(Profile::Modern, settings, |center| async move {
            center.tells(None, Some(Secret::new(SECRET)));
            let event = Event::new("evt_forged", EventKind::DispositionSaved, 1_795_442_400_000);
            let event = event.with("lead_id", 1001).with("call_id", "M1").with("status", "SALE");
            let request = Request::post("http://crm/hook").body(event.to_json()).unwrap();
            center.stranger(request).await;
        })
    };
    breaks(&forges(sample()), &[FORGED], "for a forged request");
    holds(&forges(sample().verifying(Scheme::Standard, Secret::new(SECRET))), &[FORGED]);
}

/// The list that was put up, and a floor that hasn't heard of it.
#[test]
fn a_call_to_a_number_on_the_list_is_noticed() {
    let told = story(Profile::Vicidial, sample(), |center| async move {
        center.floor.host().set_up("do-not-call", |event| event.with("number", MARY));
        center.pass(1).await;
        center.talks().await;
    });
    breaks(&told, &[BLOCKED], "15551230001 is called, and is on the do-not-call list");
}

/// Two leads that are one customer: by a fixture nobody knows, by the API the quirk is known.
#[test]
fn one_customer_in_two_calls_is_noticed() {
    let told = story(Profile::Vicidial, sample(), |center| async move {
        let list = center.floor.list_of("renewals").unwrap();
        center.floor.lead(AddLead { id: Some(LeadId(1002)), ..AddLead::new(list, MARY) }).unwrap();
        center.floor.dial_lead("renewals", LEAD_1001).unwrap();
        center.floor.dial_lead("renewals", LeadId(1002)).unwrap();
        center.pass(60).await;
    });
    breaks(&told, &[LEAD], "15551230001 is called, and is in a call since");
}
