//! WebRTC's benches: calls set up, SRTP packets, memory, connections over lossy networks, calls through the gateway.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::Universe;
use busyhour::media::sdp::{Local, Setup};
use busyhour::media::tone::Voice;
use busyhour::media::webrtc::{Certificate, DtlsState, Peer, PeerSettings};
use busyhour::media::{AudioLine, Cadence, Codec, cadence};
use busyhour::phone::Phone;
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::webphone::WebphoneSettings;
use busyhour::trace::SimTime;
use busyhour::world::{Host, Random};

use super::measure::{Measurement, measured, rss_kb};
use super::sip::{DOMAIN, PASSWORD, phone, server_for, universe};

/// So many calls are set up one after the other.
const SETUPS: u32 = 300;
/// So many packets cross the wire.
const PACKETS: u32 = 50_000;
/// So many calls, each in a universe of its own, over a network that loses packets.
const CONNECTIONS: u64 = 200;
/// A connection that isn't there by then has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs all of WebRTC's benches.
pub fn run(mut print: impl FnMut(&Measurement)) {
    print(&memory());
    print(&setting_up());
    for oracles in [false, true] {
        print(&packets(oracles));
    }
    for loss in [0, 10, 30] {
        print(&connecting(loss));
    }
    print(&through_the_gateway(100));
}

/// One side of a call.
struct End {
    peer: Peer,
    local: Local,
}

fn end(host: &Host, certificate: &Certificate, offers: bool) -> End {
    let mut settings = PeerSettings::default();
    settings.transport.controlling = offers;
    let random = host.random(|random| Random::stream(random.next_u64(), "peer"));
    let peer = Peer::new(host, settings, certificate.clone(), random);
    peer.gather();
    let mut local = Local::new([0, 0, 0, 0].into(), 9, 1);
    local.codecs = vec![Codec::Pcmu];
    End { peer, local }
}

/// An offer and its answer; what was agreed on is what both go by.
async fn join(caller: &mut End, callee: &mut End) {
    caller.peer.gathered().await;
    callee.peer.gathered().await;
    caller.local.secure = Some(caller.peer.secure(Setup::Actpass));
    callee.local.secure = Some(callee.peer.secure(Setup::Actpass));
    let offer = caller.local.offer();
    let (answer, theirs) = callee.local.answer(&offer).expect("it can answer its own kind");
    let ours = caller.local.agree(&answer).expect("it can read its own kind");
    for (end, agreed) in [(caller, ours), (callee, theirs)] {
        let agreed = agreed.expect("they have PCMU in common");
        let secure = agreed.secure.as_ref().expect("both speak WebRTC");
        end.peer.connect(secure, agreed.dtls_client);
    }
}

fn is_up(end: &End) -> bool {
    end.peer.dtls() == DtlsState::Connected
}

/// Waits until both are up, or for so long.
async fn both_up(u: &Universe, one: &End, other: &End, patience: Duration) -> bool {
    let until = u.now() + patience;
    while !(is_up(one) && is_up(other)) {
        if u.now() >= until {
            return false;
        }
        u.sleep(Duration::from_millis(20)).await;
    }
    true
}

/// Calls between two browsers, one after the other: SDP, ICE, DTLS and SRTP of both ends. A browser has its certificate.
fn setting_up() -> Measurement {
    let setup = |calls: u32| {
        universe(false, move |u| async move {
            let (alice, bob) = (u.host("alice"), u.host("bob"));
            let certificates = [Certificate::generate(), Certificate::generate()];
            for _ in 0..calls {
                let (mut one, mut other) = (end(&alice, &certificates[0], true), end(&bob, &certificates[1], false));
                join(&mut one, &mut other).await;
                assert!(both_up(&u, &one, &other, PATIENCE).await, "a call without loss is set up");
                one.peer.close();
                other.peer.close();
                u.sleep(Duration::from_millis(20)).await;
            }
        })
    };
    let (_, idle) = setup(0);
    let (outcome, cpu) = setup(SETUPS);
    let cpu = cpu.saturating_sub(idle);
    let each = cpu.as_secs_f64() * 1_000.0 / f64::from(SETUPS);
    let simulated = outcome.ended_at.since(SimTime::ZERO);
    Measurement::new("WebRTC calls set up", 2, simulated, cpu, outcome.packets.sent)
        .noting(format!("{each:.2} ms a call, both ends"))
}

/// SRTP packets of 172 bytes from one to the other: encrypted, through the wire, decrypted.
fn packets(oracles: bool) -> Measurement {
    let run = |count: u32| {
        universe(oracles, move |u| async move {
            let (alice, bob) = (u.host("alice"), u.host("bob"));
            let certificate = Certificate::generate();
            let (mut one, mut other) = (end(&alice, &certificate, true), end(&bob, &certificate, false));
            join(&mut one, &mut other).await;
            assert!(both_up(&u, &one, &other, PATIENCE).await);
            let receiver = other.peer.clone();
            let received = bob.spawn(async move {
                let listener = receiver.listen();
                for _ in 0..count {
                    receiver.receive_rtp(listener).await;
                }
            });
            let mut packet = vec![0x7F; 172];
            packet[..2].copy_from_slice(&[0x80, 0]);
            packet[8..12].copy_from_slice(&7u32.to_be_bytes());
            for index in 0..count {
                packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
                packet[4..8].copy_from_slice(&(index * 160).to_be_bytes());
                one.peer.send_rtp(&packet).await;
                // A millisecond each: ten calls at once, both ways.
                u.sleep(Duration::from_millis(1)).await;
            }
            received.await.expect("all packets arrive where none is lost");
        })
    };
    let (_, idle) = run(0);
    let (outcome, cpu) = run(PACKETS);
    let cpu = cpu.saturating_sub(idle);
    let each = cpu.as_secs_f64() * 1e6 / f64::from(PACKETS);
    let simulated = outcome.ended_at.since(SimTime::ZERO);
    let with = if oracles { "with oracles" } else { "without oracles" };
    Measurement::new(&format!("SRTP packets, {with}"), 2, simulated, cpu, outcome.packets.sent)
        .noting(format!("{each:.2} us a packet, sent and received"))
}

/// What a WebRTC call takes of memory, on each side: its transport, its sockets, its audio line.
fn memory() -> Measurement {
    const PAIRS: usize = 500;
    let ((outcome, cpu), each) = {
        let grown = Arc::new(Mutex::new(0.0));
        let told = grown.clone();
        let measured = universe(false, move |u| async move {
            let (alice, bob) = (u.host("alice"), u.host("bob"));
            let certificate = Certificate::generate();
            let mut ends: Vec<(End, Option<AudioLine>)> = Vec::new();
            let mut before = 0.0;
            for index in 0..PAIRS + 50 {
                // The first ones warm up what is there once.
                if index == 50 {
                    before = rss_kb();
                }
                let (mut one, mut other) = (end(&alice, &certificate, true), end(&bob, &certificate, false));
                join(&mut one, &mut other).await;
                assert!(both_up(&u, &one, &other, PATIENCE).await);
                for (end, host) in [(one, &alice), (other, &bob)] {
                    let random = host.random(|random| Random::stream(random.next_u64(), "line"));
                    let line = AudioLine::over(&end.peer, host, random);
                    ends.push((end, Some(line)));
                }
            }
            *told.lock().expect("nobody panics here") = (rss_kb() - before) / (2 * PAIRS) as f64;
            drop(ends);
        });
        let each = *grown.lock().expect("nobody panics here");
        (measured, each)
    };
    let simulated = outcome.ended_at.since(SimTime::ZERO);
    Measurement::new("WebRTC calls that are up", 2, simulated, cpu, outcome.packets.sent)
        .noting(format!("{each:.1} KB a side"))
}

/// How many calls connect within a minute over a network that loses so much, each seed another universe.
fn connecting(loss: u32) -> Measurement {
    let attempt = move |seed: u64| {
        let up = Universe::seeded(seed).run(move |u| async move {
            let (alice, bob) = (u.host("alice"), u.host("bob"));
            let link = u.network().between(&alice, &bob);
            link.has_latency(Duration::from_millis(20)).expect("that's possible");
            link.loses(f64::from(loss) / 100.0).expect("that's possible");
            let (mut one, mut other) =
                (end(&alice, &Certificate::generate(), true), end(&bob, &Certificate::generate(), false));
            join(&mut one, &mut other).await;
            both_up(&u, &one, &other, PATIENCE).await
        });
        (up.packets.sent, up.result.unwrap_or_else(|cause| panic!("seed {seed}: {cause}")))
    };
    let (outcomes, cpu) = measured(|| (0..CONNECTIONS).map(attempt).collect::<Vec<_>>());
    let sent = outcomes.iter().map(|(sent, _)| sent).sum();
    let failed: Vec<String> =
        (0..).zip(&outcomes).filter(|(_, (_, up))| !up).map(|(seed, _): (u64, _)| seed.to_string()).collect();
    let up = outcomes.len() - failed.len();
    let note = match failed.is_empty() {
        true => format!("{up} of {CONNECTIONS} within 60 s"),
        false => format!("{up} of {CONNECTIONS} within 60 s; seeds that weren't: {}", failed.join(", ")),
    };
    Measurement::new(&format!("connecting at {loss}% loss"), 2, Duration::ZERO, cpu, sent).noting(note)
}

/// Webphones that talk with hardphones through the gateway for a minute, every frame sent: SRTP on one side, RTP on the
/// other.
fn through_the_gateway(count: usize) -> Measurement {
    let time = Duration::from_secs(60);
    let (outcome, cpu) = universe(false, move |u| async move {
        cadence::set(Cadence::Full);
        let server = server_for(&u, 2 * count);
        let url = format!("ws://{}:8080/", server.host().address());
        let mut webphones = Vec::new();
        let mut hardphones = Vec::new();
        for call in 0..count {
            let (caller, callee) = (format!("p{}", 2 * call), format!("p{}", 2 * call + 1));
            let browser = Browser::install(&u.host(&caller), BrowserSettings::default());
            let page = Phone::webphone(&browser, WebphoneSettings::new(&caller, PASSWORD, DOMAIN).at(&url));
            page.open_tab().expect("the computer is on");
            webphones.push(page);
            let hardphone = phone(&u, &callee, server.host());
            hardphone.register().expect("it's switched on");
            hardphones.push(hardphone);
        }
        for (number, phone) in webphones.iter().chain(&hardphones).enumerate() {
            phone.host().room().say(Voice::number(number as u32).sound());
        }
        u.sleep(Duration::from_secs(5)).await;
        for (call, webphone) in webphones.iter().enumerate() {
            webphone.dial(&format!("p{}", 2 * call + 1)).expect("its page is there");
        }
        u.sleep(Duration::from_secs(2)).await;
        hardphones.iter().for_each(|callee| callee.answer().expect("it rings"));
        u.sleep(time).await;
        assert_eq!(server.calls().len(), count, "every call is up at the end");
        let heard = hardphones.iter().filter_map(Phone::audio).all(|audio| audio.received > 2_500);
        assert!(heard, "every webphone is heard at the hardphone that it called");
    });
    let per_call = cpu.as_secs_f64() * 1e3 / count as f64;
    let simulated = outcome.ended_at.since(SimTime::ZERO);
    Measurement::new("webphone to hardphone, full media", 2 * count + 1, simulated, cpu, outcome.packets.sent)
        .noting(format!("{per_call:.1} CPU ms a call-minute"))
}
