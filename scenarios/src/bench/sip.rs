//! SIP's benches: messages read, calls between two agents and through the server, phones that register, media.

use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::ua::{Event, Outgoing, ReliableProvisionals, SessionSettings, Settings, UserAgent};
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
    for oracles in [false, true] {
        print(&between_two_agents(oracles));
    }
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

/// INVITE, 180, 200, ACK, BYE, 200: a thousand calls a second from one agent to another.
pub(super) fn between_two_agents(oracles: bool) -> Measurement {
    let ended = Arc::new(Mutex::new(0u64));
    let counted = Arc::clone(&ended);
    let (outcome, cpu) = universe(oracles, move |u| async move {
        let (alice, bob) = (u.host("alice"), u.host("bob"));
        let settings = plain(&bob);
        bob.boot(move |host| {
            drive(host, settings.clone(), |ua, now, event| {
                if let Some(Event::Incoming { call, .. }) = event {
                    ua.ring(now, call, 180, None);
                    ua.accept(now, call, Some(OFFER.into()));
                }
                true
            })
        });
        let to = SocketAddrV4::new(bob.address(), 5060);
        let settings = plain(&alice);
        let done = Rc::new(Cell::new(0));
        let calling = Rc::clone(&done);
        alice.boot(move |host| {
            let contact = format!("<sip:alice@{}:5060>", host.address());
            let (mut begun, done) = (0, Rc::clone(&calling));
            drive(host, settings.clone(), move |ua, now, event| {
                match event {
                    None if begun < CALLS => {
                        begun += 1;
                        let target = format!("sip:bob@{to}");
                        let call = Outgoing::new(target, "<sip:alice@agents.test>", contact.clone(), Flow::udp(to));
                        ua.call(now, call.offering(OFFER));
                    }
                    Some(Event::Answered { call, .. }) => ua.end(now, call),
                    Some(Event::Ended { .. }) => done.set(done.get() + 1),
                    _ => {}
                }
                true
            })
        });
        u.sleep(SPACING * u32::try_from(CALLS).expect("few") + Duration::from_secs(40)).await;
        *counted.lock().expect("nobody panics while counting") = done.get();
    });
    assert_eq!(*ended.lock().expect("nobody panics while counting"), CALLS, "every call has ended");
    let name = if oracles { "calls of two agents, oracles on" } else { "calls of two agents, oracles off" };
    let per_cpu = CALLS as f64 / cpu.as_secs_f64();
    let simulated = Duration::from_nanos(outcome.ended_at.as_nanos());
    Measurement::new(name, 2, simulated, cpu, outcome.packets.sent).noting(format!("{per_cpu:.0} calls a CPU second"))
}
