//! NAT traversal from every kind of place: which candidates are used, and that both are heard. From a browser to the server's
//! gateway, which is ICE-lite with an address of its own (RFC 8445 2.5); and from browser to browser, where the server carries
//! their descriptions alone. Browsers have a STUN server, and a TURN server mostly.

use std::fmt::Write as _;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};

use busyhour::Universe;
use busyhour::media::cadence::{self, Cadence};
use busyhour::media::tone::{Voice, present};
use busyhour::media::turn::{PORT, StunTurnServer, TurnAccount, TurnSettings, TurnTransport};
use busyhour::media::webrtc::Reach;
use busyhour::net::Only;
use busyhour::net::nat::NatKind;
use busyhour::net::packet::Protocol;
use busyhour::pbx::{CallEnding, MediaPath};
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::{LineState, Phone, PhoneSettings};
use busyhour::world::Host;

use crate::wire::{Wire, Word};
use crate::{DOMAIN, calls, is_registered, millis, one, seconds, server, settings};

/// Where the browser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Public,
    Behind(NatKind),
    /// Nothing but TCP gets out; with a TURN server that is reached by it, or without.
    UdpBlocked {
        turn: bool,
    },
}

const PLACES: [(&str, Place); 7] = [
    ("public", Place::Public),
    ("full-cone", Place::Behind(NatKind::FullCone)),
    ("restricted", Place::Behind(NatKind::Restricted)),
    ("port-restricted", Place::Behind(NatKind::PortRestricted)),
    ("symmetric", Place::Behind(NatKind::Symmetric)),
    ("UDP blocked, TURN over TCP", Place::UdpBlocked { turn: true }),
    ("UDP blocked, no TURN", Place::UdpBlocked { turn: false }),
];

fn relay_on(turn: &Host) -> StunTurnServer {
    StunTurnServer::install(turn, TurnSettings::new("turn.test").user("user", "secret"))
}

/// The computer stands there, seen from the others.
fn put(u: &Universe, host: &Host, place: Place, others: &[Host]) {
    match place {
        Place::Public => {}
        Place::Behind(kind) => {
            u.network().put_behind(host, u.network().nat(&format!("{}'s box", host.name()), kind, None));
        }
        Place::UdpBlocked { .. } => {
            let only = Only { protocol: Some(Protocol::Udp), ..Only::default() };
            u.network().between_groups(std::slice::from_ref(host), others).cut_only(only);
        }
    }
}

/// A STUN server, and a TURN server or none.
fn reach(turn: &Host, relays: bool) -> Reach {
    let server = SocketAddrV4::new(turn.address(), PORT);
    let account = |transport| TurnAccount { server, transport, user: "user".to_owned(), password: "secret".to_owned() };
    let transports: &[TurnTransport] = if relays { &[TurnTransport::Udp, TurnTransport::Tcp] } else { &[] };
    Reach {
        stun: Some(server),
        turn: transports.iter().map(|transport| account(*transport)).collect(),
        only_relay: false,
    }
}

/// What became of a call.
struct Outcome {
    /// The kinds of the candidates: the browser's, and the gateway's.
    pair: String,
    heard: &'static str,
}

fn call(place: Place, browser_calls: bool) -> Outcome {
    let wire = Arc::new(Mutex::new(Wire::default()));
    let tapped = wire.clone();
    let outcome = Universe::seeded(1).tap(wire).run(move |u| async move {
        cadence::set(Cadence::Full);
        let server = server(&u);
        let (laptop, turn) = (u.host("alice"), u.host("turn"));
        let _turn = relay_on(&turn);
        put(&u, &laptop, place, &[server.host().clone(), turn.clone()]);
        let mut provided = settings("alice", server.host());
        provided.rtc.reach = reach(&turn, place != Place::UdpBlocked { turn: false });
        let alice = Phone::webphone(&Browser::install(&laptop, BrowserSettings::default()), provided);
        alice.open_tab().unwrap();
        let mut desk = PhoneSettings::hardphone("bob", "secret", DOMAIN);
        desk.proxy = Some(SocketAddrV4::new(server.host().address(), 5060));
        let bob = Phone::install(&u.host("bob"), desk);
        seconds(&u, 1).await;
        bob.register().unwrap();
        seconds(&u, 1).await;
        assert!(is_registered(&alice), "{alice:?}");
        let (caller, callee) = if browser_calls { (&alice, &bob) } else { (&bob, &alice) };
        caller.dial(callee.host().name()).unwrap();
        seconds(&u, 8).await;
        assert!(callee.screen().rings(), "{place:?}: {caller:?} {callee:?}");
        callee.answer().unwrap();
        seconds(&u, 12).await;

        let voices = [Voice::number(0), Voice::number(1)];
        alice.host().room().say(voices[0].sound());
        bob.host().room().say(voices[1].sound());
        millis(&u, 500).await;
        let from = u.now();
        seconds(&u, 1).await;
        let hears = |phone: &Phone, voice| {
            present(&phone.host().room().heard(from, u.now()).unwrap_or_default(), &voices) == [voice]
        };
        let heard = match [hears(&bob, voices[0]), hears(&alice, voices[1])] {
            [true, true] => "both ways",
            [false, false] => "no",
            one => panic!("{place:?}: heard one way only: {one:?}"),
        };

        // By where her media comes from at the server, and what she has told of that address.
        let pair = {
            let wire = tapped.lock().unwrap();
            let sources = wire.sources(server.host().id(), from);
            let hers: Vec<SocketAddrV4> = sources.into_iter().filter(|at| *at.ip() != bob.host().address()).collect();
            let told = |address: &SocketAddrV4, kind: &str| {
                let line = format!("{} {} typ {kind}", address.ip(), address.port());
                wire.of(laptop.id(), busyhour::trace::SimTime::ZERO)
                    .any(|said| matches!(&said.what, Word::Sip(message) if message.contains(&line)))
            };
            match hers[..] {
                [] => "none".to_owned(),
                [address] => {
                    let kinds = ["host", "srflx", "relay"];
                    let kind = kinds.into_iter().find(|kind| told(&address, kind)).unwrap_or("prflx");
                    format!("{kind}-host")
                }
                ref several => panic!("{place:?}: her media comes from {several:?}"),
            }
        };
        if pair == "none" {
            // RFC 8445: what can't connect is over within half a minute of its answer, and for both.
            seconds(&u, 30).await;
            assert_eq!((calls(&alice), calls(&bob)), (vec![], vec![]));
            let ending = server.records()[0].ending;
            let by_her = [CallEnding::CallerHungUp, CallEnding::CalleeHungUp];
            assert!(ending == CallEnding::NeverConnected || by_her.contains(&ending), "{ending:?}");
        }
        Outcome { pair, heard }
    });
    outcome.result.unwrap_or_else(|cause| panic!("{place:?}: {cause}"))
}

/// The gateway learns where the browser is by its checks, so that no NAT needs a relay: only where no datagram gets out
/// TURN does it, over TCP (RFC 8656 2.1).
#[test]
fn from_every_place_the_gateway_is_reached() {
    let width = PLACES.map(|(name, _)| name.len()).into_iter().max().unwrap();
    let mut table = format!("{:<width$}  {:<12}  {:<12}  heard", "the browser", "it calls", "it's called");
    for (name, place) in PLACES {
        let [calls, called] = [call(place, true), call(place, false)];
        assert_eq!(calls.heard, called.heard, "{name}");
        assert_eq!(calls.heard == "no", place == Place::UdpBlocked { turn: false }, "{name}");
        table += &format!("\n{name:<width$}  {:<12}  {:<12}  {}", calls.pair, called.pair, calls.heard);
    }
    insta::assert_snapshot!("to_the_gateway", table);
}

/// By what two webphones talk that call each other by SIP: the kinds of the candidates that they use, or nothing.
fn between(caller: Place, callee: Place, relays: bool) -> String {
    let outcome = Universe::seeded(1).run(move |u| async move {
        cadence::set(Cadence::Full);
        let server = server(&u);
        server.change(|settings| settings.media = MediaPath::Direct);
        let turn = u.host("turn");
        let _turn = relay_on(&turn);
        let hosts = [u.host("alice"), u.host("bob")];
        let mut phones = Vec::new();
        for (host, place, other) in [(&hosts[0], caller, &hosts[1]), (&hosts[1], callee, &hosts[0])] {
            put(&u, host, place, &[server.host().clone(), turn.clone(), other.clone()]);
            let mut provided = settings(host.name(), server.host());
            provided.rtc.reach = reach(&turn, relays);
            provided.data_channel = host.name() == "alice";
            phones.push(Phone::webphone(&Browser::install(host, BrowserSettings::default()), provided));
        }
        let [alice, bob] = [&phones[0], &phones[1]];
        alice.open_tab().unwrap();
        bob.open_tab().unwrap();
        seconds(&u, 1).await;
        assert!(is_registered(alice) && is_registered(bob));
        alice.dial("bob").unwrap();
        // Where no datagram gets out, what's known after some seconds is what is offered, and what is answered.
        seconds(&u, 8).await;
        assert!(bob.screen().rings(), "{alice:?} {bob:?}");
        bob.answer().unwrap();
        seconds(&u, 10).await;
        if let (Some((hers, _)), Some((his, _))) = (alice.media_way(), bob.media_way()) {
            assert_eq!((calls(alice), calls(bob)), (one("bob", LineState::Talking), one("alice", LineState::Talking)));
            assert_eq!(server.peers(), 0);
            let voices = [Voice::number(0), Voice::number(1)];
            alice.host().room().say(voices[0].sound());
            bob.host().room().say(voices[1].sound());
            alice.write("hello").unwrap();
            bob.write("hello yourself").unwrap();
            millis(&u, 500).await;
            let from = u.now();
            seconds(&u, 1).await;
            let hears = |phone: &Phone| present(&phone.host().room().heard(from, u.now()).unwrap_or_default(), &voices);
            assert_eq!((hears(bob), hears(alice)), (vec![voices[0]], vec![voices[1]]));
            assert_eq!((bob.messages(), alice.messages()), (vec!["hello".into()], vec!["hello yourself".to_owned()]));
            return format!("{}-{}", hers.as_str(), his.as_str());
        }
        assert_eq!((alice.media_way(), bob.media_way()), (None, None));
        // Whoever finds no way looks for another once, and hangs up then: within a minute of the answer.
        seconds(&u, 50).await;
        assert_eq!((calls(alice), calls(bob), server.calls()), (vec![], vec![], vec![]));
        "none".to_owned()
    });
    outcome.result.unwrap_or_else(|cause| panic!("{caller:?} {callee:?}: {cause}"))
}

/// The rows call, the columns are called.
fn table(relays: bool) -> String {
    let blocked = ("UDP blocked", Place::UdpBlocked { turn: relays });
    let places: Vec<(&str, Place)> = PLACES.into_iter().take(5).chain([blocked]).collect();
    let mut table = format!("{:<16}", "");
    places.iter().for_each(|(name, _)| write!(table, "{name:<16}").unwrap());
    for (name, caller) in &places {
        write!(table, "\n{name:<16}").unwrap();
        for (_, callee) in &places {
            write!(table, "{:<16}", between(*caller, *callee, relays)).unwrap();
        }
    }
    table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// RFC 4787 5 with RFC 8445: without a relay, a symmetric NAT meets only those that let strangers in.
#[test]
fn between_browsers_without_a_relay() {
    insta::assert_snapshot!("between_browsers_without_a_relay", table(false));
}

/// RFC 8656: with one, everybody meets everybody.
#[test]
fn between_browsers_with_a_relay() {
    insta::assert_snapshot!("between_browsers_with_a_relay", table(true));
}
