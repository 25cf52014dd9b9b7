//! What a server refuses, and how its client says so (RFC 8489 9.2, RFC 8656 19).

use std::net::Ipv4Addr;

use busyhour::media::turn::{TurnEvent, TurnSettings, TurnTransport};
use busyhour::simulate;

use crate::support::*;

#[test]
fn a_wrong_password_is_401() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            let alice = Party::with_password(&u.host("alice"), &server, transport, "sekret");
            assert_eq!(alice.fails().await, refused(401, "Unauthorized"));
            assert_eq!((server.allocations(), server.counters().refused), (vec![], 1));
        });
    }
}

#[test]
fn a_user_whom_the_server_doesnt_know_is_401() {
    simulate(1, |u| async move {
        let server = a_server(&u, TurnSettings::new("turn.test").user("bob", "secret")).await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        assert_eq!(alice.fails().await, refused(401, "Unauthorized"));
    });
}

/// RFC 8656 7.2: 486.
#[test]
fn a_user_has_as_many_allocations_as_her_quota_and_not_one_more() {
    simulate(1, |u| async move {
        let server = a_server(&u, TurnSettings { quota: Some(2), ..settings() }).await;
        let [first, _second] = ["one", "two"].map(|name| Party::new(&u.host(name), &server, TurnTransport::Udp));
        first.allocated().await;
        u.sleep(SECOND).await;
        let third = Party::new(&u.host("three"), &server, TurnTransport::Udp);
        assert_eq!(third.fails().await, refused(486, "Allocation Quota Reached"));
        first.close();
        assert_eq!(first.event().await, TurnEvent::Released);
        Party::new(&u.host("four"), &server, TurnTransport::Udp).allocated().await;
        assert_eq!((server.allocations().len(), server.counters().refused), (2, 1));
    });
}

#[test]
fn a_server_without_a_free_port_says_508() {
    simulate(1, |u| async move {
        let server = a_server(&u, TurnSettings { relay_ports: 50_000..=50_001, ..settings() }).await;
        let _another_programs = server.host().udp(50_001).await.unwrap();
        let first = Party::new(&u.host("one"), &server, TurnTransport::Udp);
        assert_eq!(first.allocated().await.0.port(), 50_000);
        let second = Party::new(&u.host("two"), &server, TurnTransport::Udp);
        assert_eq!(second.fails().await, refused(508, "Insufficient Capacity"));
    });
}

#[test]
fn a_peer_who_is_forbidden_is_403_and_others_arent() {
    simulate(1, |u| async move {
        let (forbidden, peer) = (u.host("forbidden").udp(6000).await.unwrap(), u.host("peer").udp(6000).await.unwrap());
        let mut settings = settings();
        settings.forbidden_peers.insert(*forbidden.local_addr().ip());
        let server = a_server(&u, settings).await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        alice.allocated().await;
        alice.send(forbidden.local_addr(), "hello");
        let error = refused(403, "Forbidden");
        assert_eq!(alice.event().await, TurnEvent::Forbidden { peer: forbidden.local_addr(), error: error.clone() });
        assert!(!alice.send(forbidden.local_addr(), "hello?"));
        let loopback = std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 3478);
        alice.permit(loopback);
        assert_eq!(alice.event().await, TurnEvent::Forbidden { peer: loopback, error });
        alice.send(peer.local_addr(), "hello");
        assert!(heard(&peer).await.is_some());
        assert_eq!(heard(&forbidden).await, None);
    });
}

/// RFC 8489 9.2.4, domain fact: coturn's nonces are stale after 600 s by default.
#[test]
fn a_stale_nonce_costs_a_round_trip_and_a_live_channel_nothing() {
    simulate(1, |u| async move {
        let server = a_server(&u, TurnSettings { nonce_lifetime: 60 * SECOND, ..settings() }).await;
        let peer = u.host("peer").udp(6000).await.unwrap();
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        let (relayed, _) = alice.allocated().await;
        for _ in 0..700 {
            alice.send(peer.local_addr(), "ping");
            assert!(heard(&peer).await.is_some());
            say(&peer, relayed, "pong").await;
            assert!(alice.hears().await.is_some());
            u.sleep(SECOND).await;
        }
        let counters = server.counters();
        assert_eq!((counters.refused, counters.dropped, server.allocations().len()), (0, 0, 1));
    });
}

/// Real deployments hand out passwords for a day: pion/turn#102, nextcloud/spreed#6323.
#[test]
fn credentials_that_end_in_a_call_let_the_allocation_run_out() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        alice.allocated().await;
        server.change(|settings| drop(settings.users.insert("alice".to_owned(), "another".to_owned())));
        assert_eq!(alice.event_within(590 * SECOND).await, None);
        assert_eq!(alice.event().await, TurnEvent::Expired(refused(401, "Unauthorized")));
        assert_eq!(server.allocations(), []);
    });
}
