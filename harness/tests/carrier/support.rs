//! What these tests share: a carrier, and a server on the other end of its trunk that does what a test says.

use std::cell::RefCell;
use std::future::pending;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use busyhour::media::sdp::Local;
use busyhour::media::tone::{self, Voice};
use busyhour::media::{AudioLine, Codec, Direction, cadence};
use busyhour::pbx::customer::Behaviour;
use busyhour::pbx::{Carrier, CarrierSettings};
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::ua::{CallId, Event, Outgoing, Request, RequestMethod, Settings, UserAgent};
use busyhour::sip::{Flow, Message, Name};
use busyhour::trace::SimTime;
use busyhour::world::audio::goertzel;
use busyhour::world::{Host, Random};
use busyhour::{Universe, simulate};
use tokio::sync::Notify;

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);
/// There and back again takes less.
pub const TRIP: Duration = Duration::from_millis(20);

/// A customer of whom something is said, and what her voice is.
pub const MARY: &str = "15551230001";
pub const MARYS: u32 = 1;
/// One of whom nothing is said.
pub const STRANGER: &str = "15551239999";
/// Every further customer has the voice of her last four digits.
const AGENTS: u32 = 0;

/// Something that the server heard over SIP: the time, and `200 INVITE` or `BYE`.
#[derive(Clone)]
pub struct Heard {
    pub at: SimTime,
    pub what: String,
    pub message: Message,
}

/// How the server answers calls of customers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    AtOnce,
    Rings,
    Refuses(u16),
}

/// One end of a call at the server.
pub struct Leg {
    pub id: CallId,
    pub line: AudioLine,
    pub local: Local,
}

pub struct Inner {
    pub ua: UserAgent,
    pub heard: Vec<Heard>,
    pub legs: Vec<Leg>,
    pub answer: Answer,
    /// What is offered; nothing for a call without an offer.
    pub codecs: Option<Vec<Codec>>,
}

/// The server: a user agent with a line for each call, whose every call is heard at its one speaker.
#[derive(Clone)]
pub struct Server {
    pub host: Host,
    pub inner: Rc<RefCell<Inner>>,
    asked: Rc<Notify>,
}

/// The carrier, the server, and the customers' devices.
pub struct Scene {
    pub u: Universe,
    pub carrier: Carrier,
    pub server: Server,
    /// Which devices the carrier asked for.
    pub made: Rc<RefCell<Vec<String>>>,
}

/// Plays in a scene with a customer who does this.
pub fn with_mary<T, Fut>(behaviour: Behaviour, play: impl FnOnce(Scene) -> Fut + Send + 'static) -> T
where
    T: Send + 'static,
    Fut: Future<Output = T>,
{
    scene(CarrierSettings::default(), move |scene| async move {
        scene.mary(behaviour);
        play(scene).await
    })
}

pub fn scene<T, Fut>(settings: CarrierSettings, play: impl FnOnce(Scene) -> Fut + Send + 'static) -> T
where
    T: Send + 'static,
    Fut: Future<Output = T>,
{
    simulate(3, |u| async move { play(Scene::new(u, settings).await).await })
}

impl Scene {
    pub async fn new(u: Universe, settings: CarrierSettings) -> Scene {
        let server = Server::named(&u, "server").await;
        let servers = if settings.servers.is_empty() { vec![server.address()] } else { settings.servers.clone() };
        let made: Rc<RefCell<Vec<String>>> = Rc::default();
        let carrier = Carrier::install(&u.host("carrier"), CarrierSettings { servers, ..settings }, {
            let (u, made) = (u.clone(), Rc::clone(&made));
            move |number| {
                made.borrow_mut().push(number.to_owned());
                devices(&u, number)
            }
        });
        u.sleep(MS).await;
        Scene { u, carrier, server, made }
    }

    pub fn mary(&self, behaviour: Behaviour) {
        let devices = self.u.find_host("mary").unwrap_or_else(|| self.u.host("mary"));
        devices.room().say(Voice::number(MARYS).sound());
        self.carrier.customer(MARY, devices, behaviour);
    }

    pub async fn pass(&self, time: Duration) {
        self.u.sleep(time).await;
    }

    /// Which voices a host hears in the next half second.
    pub async fn voices(&self, host: &Host) -> Vec<u32> {
        // Lines notice within 200 ms that somebody listens.
        cadence::attend(self.u.now() + SECOND);
        self.pass(250 * MS).await;
        let from = self.u.now();
        self.pass(500 * MS).await;
        let samples = host.room().heard(from, self.u.now()).unwrap();
        let everybody: Vec<Voice> = (0..20).map(Voice::number).collect();
        let heard = tone::ever(&samples, &everybody);
        (0..20).filter(|number| heard.contains(&Voice::number(*number))).collect()
    }

    /// Whether a tone is what the server hears in the next 100 ms.
    pub async fn server_hears(&self, hz: f64) -> bool {
        cadence::attend(self.u.now() + SECOND);
        let from = self.u.now();
        self.pass(100 * MS).await;
        goertzel(&self.server.host.room().heard(from, self.u.now()).unwrap(), hz) > 0.0005
    }

    /// Sees that the two hear each other, and nobody else.
    pub async fn hear_each_other(&self, number: &str, voice: u32) {
        let devices = self.carrier.devices(number);
        assert_eq!(self.voices(&devices).await, [AGENTS], "what the customer hears");
        assert_eq!(self.voices(&self.server.host).await, [voice], "what the server hears");
    }
}

fn devices(u: &Universe, number: &str) -> Host {
    let host = u.host(&format!("customer-{number}"));
    let voice = number[number.len() - 4..].parse::<u32>().unwrap() % 20;
    host.room().say(Voice::number(voice).sound());
    host
}

impl Server {
    pub async fn named(u: &Universe, name: &str) -> Server {
        let host = u.host(name);
        host.room().say(Voice::number(AGENTS).sound());
        let ua = UserAgent::new(Settings::at(format!("{}:5060", host.address())), Random::stream(5, name));
        let codecs = Some(vec![Codec::Pcmu, Codec::Pcma]);
        let inner = Inner { ua, heard: Vec::new(), legs: Vec::new(), answer: Answer::AtOnce, codecs };
        let server = Server { host: host.clone(), inner: Rc::new(RefCell::new(inner)), asked: Rc::default() };
        host.spawn(server.clone().run());
        u.sleep(MS).await;
        server
    }

    pub fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.host.address(), 5060)
    }

    async fn run(self) {
        let ports = Ports { udp: Some(5060), ..Ports::default() };
        let mut transports = Transports::open(&self.host, ports).await.unwrap();
        loop {
            while let Some(event) = { self.inner.borrow_mut().ua.poll_event() } {
                self.event(event).await;
            }
            while let Some(transmit) = { self.inner.borrow_mut().ua.poll_transmit() } {
                transports.send(transmit);
            }
            let wake = self.inner.borrow_mut().ua.poll_timeout();
            tokio::select! {
                biased;
                received = transports.receive() => {
                    if let Received::Message { message, flow } = received {
                        let at = self.host.now();
                        let mut inner = self.inner.borrow_mut();
                        let what = message.status().map(|status| format!("{status} ")).unwrap_or_default();
                        let what = format!("{what}{}", message.method());
                        inner.heard.push(Heard { at, what, message: message.clone() });
                        inner.ua.receive(at, message, flow);
                    }
                }
                () = self.asked.notified() => {}
                () = self.until(wake) => self.inner.borrow_mut().ua.handle_timeout(self.host.now()),
            }
        }
    }

    async fn until(&self, at: Option<SimTime>) {
        match at {
            Some(at) => self.host.sleep(at.since(self.host.now())).await,
            None => pending().await,
        }
    }

    async fn event(&self, event: Event) {
        let now = self.host.now();
        match event {
            Event::Progress { call, response } | Event::Answered { call, response, .. }
                if !response.body().is_empty() =>
            {
                let wants_answer = self.inner.borrow().codecs.is_none();
                let inner = &mut *self.inner.borrow_mut();
                let leg = inner.legs.iter().find(|leg| leg.id == call).unwrap();
                if wants_answer {
                    let (answer, agreed) = leg.local.answer(response.body()).unwrap();
                    leg.line.connect(agreed.unwrap().remote());
                    inner.ua.acknowledge(call, Some(answer));
                } else {
                    leg.line.connect(leg.local.agree(response.body()).unwrap().unwrap().remote());
                }
            }
            // A refresh of the session says nothing new.
            Event::OfferAnswered { call, response } if !response.body().is_empty() => {
                let inner = self.inner.borrow();
                let leg = inner.legs.iter().find(|leg| leg.id == call).unwrap();
                leg.line.connect(leg.local.agree(response.body()).unwrap().unwrap().remote());
            }
            Event::Incoming { call, request, .. } => {
                let (line, local) = self.line().await;
                let inner = &mut *self.inner.borrow_mut();
                let (answer, agreed) = local.answer(request.body()).unwrap();
                match inner.answer {
                    Answer::AtOnce => {
                        line.connect(agreed.unwrap().remote());
                        inner.ua.accept(now, call, Some(answer));
                    }
                    Answer::Rings => inner.ua.ring(now, call, 180, None),
                    Answer::Refuses(status) => inner.ua.reject(now, call, status, &[]),
                }
                inner.legs.push(Leg { id: call, line, local });
            }
            Event::Ended { call, .. } => {
                let leg = {
                    let inner = &mut *self.inner.borrow_mut();
                    inner.legs.iter().position(|leg| leg.id == call).map(|place| inner.legs.remove(place))
                };
                if let Some(leg) = leg {
                    leg.line.close().await;
                }
            }
            _ => {}
        }
    }

    async fn line(&self) -> (AudioLine, Local) {
        let random = Random::stream(self.host.now().as_nanos(), "line");
        let line = AudioLine::open(&self.host, &self.host, random).await.unwrap();
        let mut local = Local::new(self.host.address(), line.port(), 1);
        if let Some(codecs) = &self.inner.borrow().codecs {
            local.codecs.clone_from(codecs);
        }
        (line, local)
    }

    /// Calls a number over the trunk.
    pub async fn calls(&self, scene: &Scene, number: &str) -> CallId {
        let (line, local) = self.line().await;
        let carrier = SocketAddrV4::new(scene.carrier.host().address(), 5060);
        let own = format!("<sip:8005550100@{}>", self.address());
        let mut outgoing = Outgoing::new(format!("sip:{number}@{carrier}"), &own, &own, Flow::udp(carrier));
        let inner = &mut *self.inner.borrow_mut();
        outgoing.offer = inner.codecs.is_some().then(|| local.offer());
        let id = inner.ua.call(self.host.now(), outgoing);
        inner.legs.push(Leg { id, line, local });
        self.asked.notify_one();
        id
    }

    /// Hangs up, or gives up.
    pub fn ends(&self, call: CallId) {
        self.inner.borrow_mut().ua.end(self.host.now(), call);
        self.asked.notify_one();
    }

    /// Offers another direction of audio.
    pub fn offers(&self, call: CallId, direction: Direction) {
        let inner = &mut *self.inner.borrow_mut();
        let leg = inner.legs.iter_mut().find(|leg| leg.id == call).unwrap();
        leg.local.direction = direction;
        leg.local.version += 1;
        let offer = leg.local.offer();
        inner.ua.offer(self.host.now(), call, Some(offer));
        self.asked.notify_one();
    }

    pub fn asks_whether_it_is_up(&self, scene: &Scene) {
        let carrier = SocketAddrV4::new(scene.carrier.host().address(), 5060);
        let own = format!("<sip:8005550100@{}>", self.address());
        let request = Request {
            method: RequestMethod::Options,
            target: format!("sip:{carrier}"),
            to: format!("<sip:{carrier}>"),
            from: own,
            flow: Flow::udp(carrier),
            call_id: "up".into(),
            cseq: 1,
            headers: Vec::new(),
            body: None,
        };
        self.inner.borrow_mut().ua.request(self.host.now(), request);
        self.asked.notify_one();
    }

    pub fn presses(&self, digits: &str) {
        self.inner.borrow().legs[0].line.send_digits(digits);
    }

    /// All that it heard, in order; 100 is left out.
    pub fn heard(&self) -> Vec<String> {
        let inner = self.inner.borrow();
        let all = inner.heard.iter().map(|heard| heard.what.clone());
        all.filter(|what| !what.starts_with("100 ")).collect()
    }

    /// The first of these that it heard.
    pub fn first(&self, what: &str) -> Heard {
        let inner = self.inner.borrow();
        let found = inner.heard.iter().find(|heard| heard.what == what).cloned();
        found.unwrap_or_else(|| panic!("no {what} among {:?}", inner.heard.iter().map(|h| &h.what).collect::<Vec<_>>()))
    }

    /// The Reason header of the first of these that it heard.
    pub fn reason(&self, what: &str) -> String {
        self.first(what).message.first(Name::Reason).unwrap_or_default().to_owned()
    }

    /// When it heard that, in milliseconds since another moment; a trip over the wire is taken off.
    pub fn ms_until(&self, from: SimTime, what: &str) -> u64 {
        self.first(what).at.since(from).as_millis() as u64 / 10 * 10
    }
}

/// The codec of a description's first format.
pub fn first_format(message: &Message) -> &str {
    let body = std::str::from_utf8(message.body()).unwrap();
    let media = body.lines().find(|line| line.starts_with("m=audio")).unwrap();
    media.split(' ').nth(3).unwrap()
}

/// The methods and statuses, to compare.
pub fn all(what: &[&str]) -> Vec<String> {
    what.iter().map(|what| (*what).to_owned()).collect()
}

/// Whom somebody hears who hears nobody.
pub const NOBODY: [u32; 0] = [];
