//! What goes by the relay, and what doesn't (RFC 8656 9 to 12).

use std::time::Duration;

use busyhour::media::turn::{TurnBehaviour, TurnSettings, TurnTransport};
use busyhour::net::nat::NatKind;
use busyhour::net::packet::Protocol;
use busyhour::net::{Only, UdpSocket};
use busyhour::trace::SimTime;
use busyhour::{Universe, simulate};

use crate::support::*;

const BOTH: [TurnTransport; 2] = [TurnTransport::Udp, TurnTransport::Tcp];

async fn a_peer(u: &Universe, name: &str) -> UdpSocket {
    u.host(name).udp(6000).await.unwrap()
}

#[test]
fn data_goes_both_ways_through_a_symmetric_nat() {
    for transport in BOTH {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            let (alice, peer) = (u.host("alice"), a_peer(&u, "peer").await);
            let nat = u.network().nat("alice's box", NatKind::Symmetric, None);
            u.network().put_behind(&alice, nat);
            let alice = Party::new(&alice, &server, transport);
            let (relayed, _) = alice.allocated().await;
            for round in ["indications", "a channel", "still the channel"] {
                assert!(alice.send(peer.local_addr(), round));
                assert_eq!(heard(&peer).await, Some((relayed, round.to_owned())));
                say(&peer, relayed, round).await;
                assert_eq!(alice.hears().await, Some((peer.local_addr(), round.to_owned())));
            }
            let counters = server.counters();
            assert_eq!((counters.relayed_out, counters.relayed_in, counters.dropped), (3, 3, 0));
        });
    }
}

#[test]
fn two_behind_symmetric_nats_meet_by_their_relays() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let parties = ["alice", "bob"].map(|name| {
            let host = u.host(name);
            let nat = u.network().nat(&format!("{name}'s box"), NatKind::Symmetric, None);
            u.network().put_behind(&host, nat);
            Party::new(&host, &server, TurnTransport::Udp)
        });
        let [alice, bob] = &parties;
        let (at_alices, at_bobs) = (alice.allocated().await.0, bob.allocated().await.0);
        bob.permit(at_alices);
        u.sleep(SECOND).await;
        alice.send(at_bobs, "hello");
        assert_eq!(bob.hears().await, Some((at_alices, "hello".to_owned())));
        bob.send(at_alices, "hello yourself");
        assert_eq!(alice.hears().await, Some((at_bobs, "hello yourself".to_owned())));
    });
}

#[test]
fn where_udp_is_blocked_a_connection_carries_it() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let (host, peer) = (u.host("alice"), a_peer(&u, "peer").await);
        u.network().between(&host, server.host()).cut_only(Only { protocol: Some(Protocol::Udp), ..Only::default() });
        let blocked = Party::new(&host, &server, TurnTransport::Udp);
        let alice = Party::new(&host, &server, TurnTransport::Tcp);
        let (relayed, _) = alice.allocated().await;
        alice.send(peer.local_addr(), "hello");
        assert_eq!(heard(&peer).await, Some((relayed, "hello".to_owned())));
        assert_eq!(blocked.fails().await, busyhour::media::turn::TurnError::NoAnswer);
    });
}

#[test]
fn a_stranger_doesnt_get_in() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let (peer, stranger) = (a_peer(&u, "peer").await, a_peer(&u, "stranger").await);
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        let (relayed, _) = alice.allocated().await;
        alice.permit(peer.local_addr());
        u.sleep(SECOND).await;
        say(&stranger, relayed, "let me in").await;
        assert_eq!(alice.hears().await, None);
        assert_eq!(server.counters().dropped, 1);
        say(&peer, relayed, "it's me").await;
        assert_eq!(alice.hears().await, Some((peer.local_addr(), "it's me".to_owned())));
    });
}

/// RFC 8656 9: a permission is for an address, whatever the port.
#[test]
fn a_permission_is_for_all_ports_of_an_address() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let host = u.host("peer");
        let (permitted, other) = (host.udp(6000).await.unwrap(), host.udp(7000).await.unwrap());
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        let (relayed, _) = alice.allocated().await;
        alice.permit(permitted.local_addr());
        u.sleep(SECOND).await;
        say(&other, relayed, "hello").await;
        assert_eq!(alice.hears().await, Some((other.local_addr(), "hello".to_owned())));
    });
}

/// RFC 8656 9: 300 seconds.
#[test]
fn a_permission_without_a_refresh_lives_299_seconds_and_not_301() {
    for (wait, gets_in) in [(299, true), (301, false)] {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            let peer = a_peer(&u, "peer").await;
            let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp).lazy();
            let (relayed, _) = alice.allocated().await;
            alice.permit(peer.local_addr());
            u.sleep(wait * SECOND).await;
            say(&peer, relayed, "hello").await;
            assert_eq!(alice.hears().await.is_some(), gets_in, "after {wait} s");
            assert_eq!(server.allocations()[0].permissions.len(), usize::from(gets_in));
        });
    }
}

#[test]
fn a_permission_that_is_refreshed_lives_on() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let peer = a_peer(&u, "peer").await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        let (relayed, _) = alice.allocated().await;
        alice.permit(peer.local_addr());
        for _ in 0..20 {
            u.sleep(119 * SECOND).await;
            say(&peer, relayed, "hello").await;
            assert!(alice.hears().await.is_some(), "at {}", u.now());
        }
    });
}

/// RFC 8656 12: 600 seconds. The allocation lasts longer here.
#[test]
fn a_channel_without_a_refresh_lives_599_seconds_and_not_601() {
    for (wait, gets_out) in [(599, true), (601, false)] {
        simulate(1, move |u| async move {
            let server = a_server(&u, TurnSettings { lifetime: 3600 * SECOND, ..settings() }).await;
            let peer = a_peer(&u, "peer").await;
            let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp).lazy();
            alice.allocated().await;
            alice.send(peer.local_addr(), "bind a channel");
            assert!(heard(&peer).await.is_some());
            let [(number, bound)] = server.allocations()[0].channels[..] else { panic!("there's one channel") };
            assert_eq!((number, bound), (0x4000, peer.local_addr()));
            u.sleep_until_second(wait).await;
            alice.send(peer.local_addr(), "by the channel");
            assert_eq!(heard(&peer).await.is_some(), gets_out, "after {wait} s");
        });
    }
}

trait SleepUntil {
    async fn sleep_until_second(&self, second: u32);
}

impl SleepUntil for Universe {
    async fn sleep_until_second(&self, second: u32) {
        self.sleep((SimTime::ZERO + second * SECOND).since(self.now())).await;
    }
}

/// Every second for half an hour: three channels' lives, six permissions', three nonces'.
#[test]
fn a_channel_that_is_refreshed_loses_nothing() {
    for transport in BOTH {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            let peer = a_peer(&u, "peer").await;
            let alice = Party::new(&u.host("alice"), &server, transport);
            let (relayed, _) = alice.allocated().await;
            for second in 0..1800 {
                alice.send(peer.local_addr(), "ping");
                assert!(heard(&peer).await.is_some(), "in second {second}");
                say(&peer, relayed, "pong").await;
                assert!(alice.hears().await.is_some(), "in second {second}");
                u.sleep(SECOND).await;
            }
            assert_eq!(server.counters().dropped, 0);
            let [view] = &server.allocations()[..] else { panic!("there's one allocation") };
            assert_eq!((view.channels.len(), view.permissions.len()), (1, 1));
        });
    }
}

/// RFC 8656 3.5: 4 bytes around the data instead of 36; ICE's checks go to many and need no channel.
#[test]
fn checks_bind_no_channel_and_neither_does_a_client_that_wont() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let peer = a_peer(&u, "peer").await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        alice.allocated().await;
        alice.send(peer.local_addr(), "\0\u{1}a check");
        assert!(heard(&peer).await.is_some());
        assert_eq!(server.allocations()[0].channels, []);
        alice.send(peer.local_addr(), "audio");
        assert!(heard(&peer).await.is_some());
        assert_eq!(server.allocations()[0].channels.len(), 1);

        let never = TurnBehaviour { never_binds_channels: true, ..TurnBehaviour::default() };
        let other = Party::new(&u.host("other"), &server, TurnTransport::Udp).behaves(never);
        other.allocated().await;
        other.send(peer.local_addr(), "audio");
        assert!(heard(&peer).await.is_some());
        assert_eq!(server.allocations()[1].channels, []);
    });
}

/// RFC 8656 12.5: on a connection the data of a channel is filled up to four bytes, and the length doesn't tell.
#[test]
fn data_of_any_length_passes_a_connection_unchanged() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let peer = a_peer(&u, "peer").await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Tcp);
        let (relayed, _) = alice.allocated().await;
        for length in (1..40).chain([1200]) {
            let text = "x".repeat(length);
            alice.send(peer.local_addr(), &text);
            assert_eq!(heard(&peer).await, Some((relayed, text.clone())));
            say(&peer, relayed, &text).await;
            assert_eq!(alice.hears().await, Some((peer.local_addr(), text)));
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let digest = |seed| {
        let outcome = Universe::seeded(seed).run(|u| async move {
            let server = a_server(&u, settings()).await;
            let peer = a_peer(&u, "peer").await;
            u.network().everywhere().loses(0.1).unwrap();
            for transport in BOTH {
                let alice = Party::new(&u.host(&format!("{transport:?}")), &server, transport);
                alice.allocated().await;
                for _ in 0..10 {
                    alice.send(peer.local_addr(), "hello");
                    u.sleep(Duration::from_millis(100)).await;
                }
            }
        });
        outcome.digest()
    };
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}
