//! SIP's benches: messages read, calls between two agents and through the server, phones that register, media.

use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::media::Cadence;
use busyhour::media::tone::Voice;
use busyhour::pbx::{MediaPath, Server, ServerSettings};
use busyhour::phone::{Phone, PhoneSettings};
use busyhour::sip::digest::Credentials;
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::ua::{
    Event, Outgoing, ReliableProvisionals, Request, RequestMethod, SessionSettings, Settings, UserAgent,
};
use busyhour::sip::{Flow, Message};
use busyhour::trace::{self, Log, PacketSeen, SimTime};
use busyhour::world::{Host, Tap};
use busyhour::{Outcome, Universe};
use busyhour_oracle::Panel;
use bytes::Bytes;
use tokio::select;

use super::measure::{Measurement, measured};

/// So many calls make a measurement that doesn't wobble.
pub(super) const CALLS: u64 = 20_000;
/// One begins each millisecond.
const SPACING: Duration = Duration::from_millis(1);
pub(super) const DOMAIN: &str = "pbx.test";
pub(super) const PASSWORD: &str = "open sesame";
/// A phone refreshes a binding of this length 37 s before its end: time for one that fails.
const REFRESHED_EACH_MINUTE: Duration = Duration::from_secs(97);

pub(super) const OFFER: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\n\
    t=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// The panel of oracles as a tap.
struct Listening(Panel);

impl Tap for Listening {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        self.0.packet(seen);
    }

    fn event(&mut self, event: &trace::Event, log: &Log) {
        self.0.event(event, log);
    }

    fn finish(&mut self, at: SimTime, _: &Log) {
        self.0.finish(at);
    }
}

/// Runs all of SIP's benches.
pub fn run(mut print: impl FnMut(&Measurement)) {
    print(&reading());
    // First, since memory is told as the most that the process ever had.
    let few = phones_registering(1_000);
    let many = phones_registering(10_000);
    let growth = many.cpu_s / few.cpu_s.max(1e-4);
    print(&few);
    print(&many.noting(format!("{growth:.1} times the CPU time of a thousand")));
    for oracles in [false, true] {
        print(&between_two_agents(oracles));
    }
    for oracles in [false, true] {
        print(&through_the_server(oracles));
    }
    print(&talking(100));
}

/// Runs a universe, with oracles or without, and asserts that none of them found anything.
pub(super) fn universe<F, Fut>(oracles: bool, scenario: F) -> (Outcome<()>, Duration)
where
    F: FnOnce(Universe) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let panel = Arc::new(Mutex::new(Listening(Panel::always_on())));
    let builder = Universe::seeded(1);
    let builder = if oracles { builder.tap(Arc::clone(&panel)) } else { builder };
    let (outcome, cpu) = measured(|| builder.run(scenario));
    if let Err(cause) = &outcome.result {
        panic!("the bench failed: {cause}");
    }
    let broken: Vec<String> = panel
        .lock()
        .expect("nobody panics while holding the panel")
        .0
        .oracles()
        .into_iter()
        .filter(|oracle| !oracle.violations.is_empty())
        .map(|oracle| format!("{}: {}", oracle.name, oracle.violations[0].what))
        .collect();
    assert!(broken.is_empty(), "a bench must keep the rules: {broken:?}");
    (outcome, cpu)
}

/// An INVITE of 840 bytes: read, and read with five of its values.
fn reading() -> Measurement {
    const ROUNDS: u32 = 400_000;
    let invite = invite_of_840_bytes();
    let (_, read) = measured(|| {
        for _ in 0..ROUNDS {
            black_box(Message::read(black_box(invite.clone())).expect("it's in order"));
        }
    });
    let (_, typed) = measured(|| {
        for _ in 0..ROUNDS {
            let message = Message::read(black_box(invite.clone())).expect("it's in order");
            black_box(message.via().expect("in order"));
            black_box(message.from().expect("in order"));
            black_box(message.to().expect("in order"));
            black_box(message.cseq().expect("in order"));
            black_box(message.contacts().expect("in order"));
        }
    });
    let each = |time: Duration| time.as_nanos() / u128::from(ROUNDS);
    Measurement::new("an INVITE of 840 bytes is read", 0, Duration::ZERO, read + typed, 0).noting(format!(
        "{} ns to read, {} ns with Via, From, To, CSeq and Contact",
        each(read),
        each(typed)
    ))
}

fn invite_of_840_bytes() -> Bytes {
    let head = "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK74bf9b2c1f0a77de\r\n\
        From: \"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n\
        To: \"Bob\" <sip:bob@biloxi.example.com>\r\nCall-ID: 3848276298220188511@atlanta.example.com\r\n\
        CSeq: 2 INVITE\r\nContact: <sip:alice@10.0.0.1:5060>\r\nMax-Forwards: 70\r\nUser-Agent: busyhour\r\n\
        Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, INFO\r\n\
        Supported: timer, replaces\r\nContent-Type: application/sdp\r\n";
    let padding = 840 - head.len() - OFFER.len() - "Content-Length: 000\r\n\r\n".len() - "Subject: \r\n".len();
    let text = format!("{head}Subject: {}\r\nContent-Length: {}\r\n\r\n{OFFER}", "x".repeat(padding), OFFER.len());
    assert_eq!(text.len(), 840);
    text.into()
}

/// The settings of an agent that does nothing that isn't needed: six messages a call.
fn plain(host: &Host) -> Settings {
    Settings {
        reliable_provisionals: ReliableProvisionals::No,
        session: SessionSettings { interval: None, ..SessionSettings::default() },
        ..Settings::at(format!("{}:5060", host.address()))
    }
}

/// Drives a user agent until `act`, which hears its events, says that it's enough.
pub(super) async fn drive(
    host: Host,
    settings: Settings,
    mut act: impl FnMut(&mut UserAgent, SimTime, Option<Event>) -> bool,
) {
    let ports = Ports { udp: Some(5060), ..Ports::default() };
    let mut transports = Transports::open(&host, ports).await.expect("the port is free");
    let mut ua =
        UserAgent::new(settings, host.random(|random| busyhour::world::Random::stream(random.next_u64(), "sip")));
    let mut wakes = host.now();
    loop {
        while let Some(event) = ua.poll_event() {
            act(&mut ua, host.now(), Some(event));
        }
        while let Some(transmit) = ua.poll_transmit() {
            transports.send(transmit);
        }
        let due = ua.poll_timeout().map_or(wakes, |due| due.min(wakes));
        select! {
            biased;
            received = transports.receive() => {
                if let Received::Message { message, flow } = received {
                    ua.receive(host.now(), message, flow);
                }
            }
            () = host.sleep(due.since(host.now())) => {
                let now = host.now();
                ua.handle_timeout(now);
                if now >= wakes {
                    wakes = now + SPACING;
                    if !act(&mut ua, now, None) {
                        return;
                    }
                }
            }
        }
    }
}

/// Who is called, rings and answers at once.
fn answers(ua: &mut UserAgent, now: SimTime, event: Option<Event>) -> bool {
    if let Some(Event::Incoming { call, .. }) = event {
        ua.ring(now, call, 180, None);
        ua.accept(now, call, Some(OFFER.into()));
    }
    true
}

/// Who calls: one call each millisecond, hung up as soon as it's answered; `done` counts those that ended.
fn calls(
    target: String,
    to: SocketAddrV4,
    contact: String,
    done: Rc<Cell<u64>>,
) -> impl FnMut(&mut UserAgent, SimTime, Option<Event>) -> bool {
    let mut begun = 0;
    move |ua, now, event| {
        match event {
            None if begun < CALLS => {
                begun += 1;
                let call = Outgoing::new(&target, "<sip:15551230001@agents.test>", &contact, Flow::udp(to));
                ua.call(now, call.offering(OFFER));
            }
            Some(Event::Answered { call, .. }) => ua.end(now, call),
            Some(Event::Ended { .. }) => done.set(done.get() + 1),
            _ => {}
        }
        true
    }
}

/// Waits for the end of all calls, and says that each had one.
async fn all_ended(u: &Universe, done: &Cell<u64>) {
    u.sleep(SPACING * u32::try_from(CALLS).expect("few") + Duration::from_secs(40)).await;
    assert_eq!(done.get(), CALLS, "every call has ended");
}

fn calls_measured(name: &str, oracles: bool, hosts: usize, cpu: Duration, outcome: &Outcome<()>) -> Measurement {
    let name = format!("{name}, oracles {}", if oracles { "on" } else { "off" });
    let per_cpu = CALLS as f64 / cpu.as_secs_f64();
    let simulated = Duration::from_nanos(outcome.ended_at.as_nanos());
    Measurement::new(&name, hosts, simulated, cpu, outcome.packets.sent)
        .noting(format!("{per_cpu:.0} calls a CPU second"))
}

/// INVITE, 180, 200, ACK, BYE, 200: a thousand calls a second from one agent to another.
pub(super) fn between_two_agents(oracles: bool) -> Measurement {
    let (outcome, cpu) = universe(oracles, move |u| async move {
        let (alice, bob) = (u.host("alice"), u.host("bob"));
        let settings = plain(&bob);
        bob.boot(move |host| drive(host, settings.clone(), answers));
        let to = SocketAddrV4::new(bob.address(), 5060);
        let settings = plain(&alice);
        let done = Rc::new(Cell::new(0));
        let counted = Rc::clone(&done);
        alice.boot(move |host| {
            let contact = format!("<sip:alice@{}:5060>", host.address());
            drive(host, settings.clone(), calls(format!("sip:bob@{to}"), to, contact, Rc::clone(&counted)))
        });
        all_ended(&u, &done).await;
    });
    calls_measured("calls of two agents", oracles, 2, cpu, &outcome)
}

/// The same calls through the server: one that comes from its carrier is passed on to an agent who is registered. The
/// audio, of which there is none, would go from one to the other.
pub(super) fn through_the_server(oracles: bool) -> Measurement {
    let (outcome, cpu) = universe(oracles, move |u| async move {
        let (carrier, bob) = (u.host("carrier"), u.host("bob"));
        let host = u.host("server");
        let to = SocketAddrV4::new(host.address(), 5060);
        let mut settings = ServerSettings::new(DOMAIN).user("bob", PASSWORD);
        settings.trunk = Some(SocketAddrV4::new(carrier.address(), 5060));
        settings.inbound.insert("8005550100".into(), "bob".into());
        settings.media = MediaPath::Direct;
        settings.session.interval = None;
        let server = Server::install(&host, settings);
        let settings = Settings {
            credentials: Some(Credentials { user: "bob".into(), password: PASSWORD.into() }),
            ..plain(&bob)
        };
        bob.boot(move |host| {
            let contact = format!("sip:bob@{}:5060", host.address());
            let mut registered = false;
            drive(host, settings.clone(), move |ua, now, event| {
                if !std::mem::replace(&mut registered, true) {
                    ua.request(now, register(&contact, to));
                }
                answers(ua, now, event)
            })
        });
        u.sleep(Duration::from_secs(1)).await;
        assert_eq!(server.contacts("bob").len(), 1, "the agent is registered");
        let settings = plain(&carrier);
        let done = Rc::new(Cell::new(0));
        let counted = Rc::clone(&done);
        carrier.boot(move |host| {
            let contact = format!("<sip:{}:5060>", host.address());
            drive(host, settings.clone(), calls(format!("sip:8005550100@{to}"), to, contact, Rc::clone(&counted)))
        });
        all_ended(&u, &done).await;
    });
    calls_measured("calls through the server", oracles, 3, cpu, &outcome)
}

fn register(contact: &str, to: SocketAddrV4) -> Request {
    Request {
        method: RequestMethod::Register,
        target: format!("sip:{DOMAIN}"),
        to: format!("<sip:bob@{DOMAIN}>"),
        from: format!("<sip:bob@{DOMAIN}>"),
        flow: Flow::udp(to),
        call_id: "bob".into(),
        cseq: 1,
        headers: vec![("Contact".into(), format!("<{contact}>")), ("Expires".into(), "300".into())],
        body: None,
    }
}

/// A phone in a universe with that server.
pub(super) fn phone(u: &Universe, name: &str, server: &Host) -> Phone {
    let mut settings = PhoneSettings::hardphone(name, PASSWORD, DOMAIN);
    settings.proxy = Some(SocketAddrV4::new(server.address(), 5060));
    settings.expires = REFRESHED_EACH_MINUTE;
    Phone::install(&u.host(name), settings)
}

/// A server for so many users.
pub(super) fn server_for(u: &Universe, users: usize) -> Server {
    let mut settings = ServerSettings::new(DOMAIN);
    for user in 0..users {
        settings.users.insert(format!("p{user}"), PASSWORD.into());
    }
    // On disk each binding would be written each time.
    settings.keeps_registrations = false;
    Server::install(&u.host("server"), settings)
}

/// Hardphones that register within a minute and refresh their bindings each minute, for an hour.
fn phones_registering(phones: usize) -> Measurement {
    let time = Duration::from_secs(3_600);
    let (outcome, cpu) = universe(false, move |u| async move {
        u.network().count_pairs(false);
        let server = server_for(&u, phones);
        let phones: Vec<Phone> = (0..phones).map(|user| phone(&u, &format!("p{user}"), server.host())).collect();
        let spacing = Duration::from_secs(60) / u32::try_from(phones.len()).expect("few");
        for phone in &phones {
            phone.register().expect("it's switched on");
            u.sleep(spacing).await;
        }
        u.sleep(time - Duration::from_secs(60)).await;
        let registered = (0..phones.len()).filter(|user| server.contacts(&format!("p{user}")).len() == 1).count();
        assert_eq!(registered, phones.len(), "every phone is registered at the end");
    });
    Measurement::new("phones that refresh each minute", phones, time, cpu, outcome.packets.sent)
}

/// Calls with every frame of their audio through the server's relay, from microphone to speaker.
fn talking(count: usize) -> Measurement {
    let time = Duration::from_secs(60);
    let (outcome, cpu) = universe(false, move |u| async move {
        busyhour::media::cadence::set(Cadence::Full);
        let server = server_for(&u, 2 * count);
        let phones: Vec<Phone> = (0..2 * count).map(|user| phone(&u, &format!("p{user}"), server.host())).collect();
        for (number, phone) in phones.iter().enumerate() {
            phone.host().room().say(Voice::number(number as u32).sound());
            phone.register().expect("it's switched on");
        }
        u.sleep(Duration::from_secs(5)).await;
        for (caller, callee) in (0..count).map(|call| (2 * call, 2 * call + 1)) {
            phones[caller].dial(&format!("p{callee}")).expect("it's registered");
        }
        u.sleep(Duration::from_secs(1)).await;
        for callee in phones.iter().skip(1).step_by(2) {
            callee.answer().expect("it rings");
        }
        u.sleep(time).await;
        assert_eq!(server.calls().len(), count, "every call is up at the end");
    });
    let per_call = cpu.as_secs_f64() * 1e3 / count as f64;
    let simulated = Duration::from_nanos(outcome.ended_at.as_nanos());
    Measurement::new("calls of a minute, full media", 2 * count + 1, simulated, cpu, outcome.packets.sent)
        .noting(format!("{per_call:.1} CPU ms a call-minute"))
}
