//! NAT traversal between two peers, every pair of places, with and without a TURN server.

use std::fmt::Write as _;
use std::net::SocketAddrV4;

use busyhour::Universe;
use busyhour::media::turn::{PORT, StunTurnServer, TurnAccount, TurnSettings, TurnTransport};
use busyhour::media::webrtc::{CandidateKind, IceState, PeerSettings, Reach};
use busyhour::net::Only;
use busyhour::net::nat::NatKind;
use busyhour::net::packet::Protocol;
use busyhour::world::Host;

use crate::support::{End, join, secs, talk};

/// Where a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Public,
    Behind(NatKind),
    /// Nothing but TCP gets out.
    UdpBlocked,
}

const PLACES: [Place; 6] = [
    Place::Public,
    Place::Behind(NatKind::FullCone),
    Place::Behind(NatKind::Restricted),
    Place::Behind(NatKind::PortRestricted),
    Place::Behind(NatKind::Symmetric),
    Place::UdpBlocked,
];

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Public => "public",
            Place::Behind(NatKind::FullCone) => "full-cone",
            Place::Behind(NatKind::Restricted) => "restricted",
            Place::Behind(NatKind::PortRestricted) => "port-restricted",
            Place::Behind(NatKind::Symmetric) => "symmetric",
            Place::UdpBlocked => "UDP blocked",
        }
    }
}

fn put(u: &Universe, host: &Host, place: Place) {
    match place {
        Place::Public => {}
        Place::Behind(kind) => {
            u.network().put_behind(host, u.network().nat(&format!("{}'s box", host.name()), kind, None))
        }
        Place::UdpBlocked => {
            let everywhere: Vec<Host> = ["alice", "bob", "turn"]
                .iter()
                .filter_map(|name| u.find_host(name))
                .filter(|other| other != host)
                .collect();
            u.network()
                .between_groups(std::slice::from_ref(host), &everywhere)
                .cut_only(Only { protocol: Some(Protocol::Udp), ..Only::default() });
        }
    }
}

/// By what the two talk: the kinds of the candidates that they use, or nothing.
fn pair(one: Place, other: Place, relays: bool) -> String {
    busyhour::simulate(1, move |u| async move {
        let (alice, bob, server) = (u.host("alice"), u.host("bob"), u.host("turn"));
        let _turn = StunTurnServer::install(&server, TurnSettings::new("turn.test").user("user", "secret"));
        put(&u, &alice, one);
        put(&u, &bob, other);
        let address = SocketAddrV4::new(server.address(), PORT);
        let account = |transport| TurnAccount {
            server: address,
            transport,
            user: "user".to_owned(),
            password: "secret".to_owned(),
        };
        let turn = match relays {
            true => vec![account(TurnTransport::Udp), account(TurnTransport::Tcp)],
            false => Vec::new(),
        };
        let reach = Reach { stun: Some(address), turn, only_relay: false };
        let settings = || PeerSettings { reach: reach.clone(), ..PeerSettings::default() };
        let mut alice = End::on(&alice, 0, settings(), true).await;
        let mut bob = End::on(&bob, 1, settings(), false).await;
        (alice.local.data, bob.local.data) = (true, true);
        join(&mut alice, &mut bob).await;
        u.sleep(secs(20)).await;
        let (Some(ours), Some(theirs)) = (alice.peer.selected(), bob.peer.selected()) else {
            assert_ne!(alice.peer.ice(), IceState::Connected);
            return "none".to_owned();
        };
        assert_eq!(talk(&u, &alice, &bob).await, [true, true], "{one:?} {other:?}");
        let channel = alice.peer.open_channel("chat").expect("the handshake is done");
        assert!(alice.peer.send_text(channel, "hello"));
        u.sleep(secs(2)).await;
        assert!(bob.events().iter().any(|event| format!("{event:?}").contains("hello")), "{one:?} {other:?}");
        let word = |kind: CandidateKind| kind.as_str().to_owned();
        format!("{}-{}", word(ours.local), word(theirs.local))
    })
}

fn table(relays: bool) -> String {
    let mut table = format!("{:<16}", "");
    for other in PLACES {
        write!(table, "{:<16}", other.name()).unwrap();
    }
    for one in PLACES {
        write!(table, "\n{:<16}", one.name()).unwrap();
        for other in PLACES {
            write!(table, "{:<16}", pair(one, other, relays)).unwrap();
        }
    }
    table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// RFC 4787 5 with RFC 8445: without a relay, a symmetric NAT meets only those that let strangers in.
#[test]
fn without_a_relay() {
    insta::assert_snapshot!(table(false));
}

/// RFC 8656: with one, everybody meets everybody.
#[test]
fn with_a_relay() {
    insta::assert_snapshot!(table(true));
}
