//! NAT traversal from a browser to the server's gateway, from every kind of place: which candidates are used, and that both
//! are heard. The gateway is ICE-lite with an address of its own (RFC 8445 2.5); the browser has a STUN and a TURN server.

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
use busyhour::pbx::CallEnding;
use busyhour::phone::browser::{Browser, BrowserSettings};
use busyhour::phone::{Phone, PhoneSettings};

use crate::wire::{Wire, Word};
use crate::{DOMAIN, calls, is_registered, millis, seconds, server, settings};

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
        let _turn = StunTurnServer::install(&turn, TurnSettings::new("turn.test").user("user", "secret"));
        match place {
            Place::Public => {}
            Place::Behind(kind) => u.network().put_behind(&laptop, u.network().nat("alice's box", kind, None)),
            Place::UdpBlocked { .. } => {
                let only = Only { protocol: Some(Protocol::Udp), ..Only::default() };
                u.network()
                    .between_groups(std::slice::from_ref(&laptop), &[server.host().clone(), turn.clone()])
                    .cut_only(only);
            }
        }
        let address = SocketAddrV4::new(turn.address(), PORT);
        let account = |transport| TurnAccount {
            server: address,
            transport,
            user: "user".to_owned(),
            password: "secret".to_owned(),
        };
        let relays = match place {
            Place::UdpBlocked { turn: false } => Vec::new(),
            _ => vec![account(TurnTransport::Udp), account(TurnTransport::Tcp)],
        };
        let mut provided = settings("alice", server.host());
        provided.rtc.reach = Reach { stun: Some(address), turn: relays, only_relay: false };
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
