//! Loss, crashes, and connections that end.

use busyhour::media::turn::{TurnError, TurnEvent, TurnSettings, TurnTransport};
use busyhour::simulate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

/// RFC 8489 6.2.1; RFC 8656 7.2: who loses the answer to an Allocate gets it again, and no 437.
#[test]
fn with_a_fifth_of_all_packets_lost_there_is_an_allocation_and_it_stays() {
    for seed in 0..30 {
        simulate(seed, move |u| async move {
            let server = a_server(&u, settings()).await;
            let peer = u.host("peer").udp(6000).await.unwrap();
            let alice = u.host("alice");
            u.network().between(&alice, server.host()).loses(0.2).unwrap();
            let alice = Party::new(&alice, &server, TurnTransport::Udp);
            let (relayed, _) = alice.allocated().await;
            let (mut there, mut back) = (0, 0);
            for _ in 0..100 {
                alice.send(peer.local_addr(), "ping");
                u.sleep(10 * SECOND).await;
                while heard(&peer).await.is_some() {
                    there += 1;
                }
                say(&peer, relayed, "pong").await;
                back += usize::from(alice.hears().await.is_some());
            }
            assert!(there > 60 && back > 60, "seed {seed}: {there} there, {back} back");
            assert_eq!((server.allocations().len(), server.counters().allocated), (1, 1));
            alice.close();
            assert_eq!(alice.event().await, TurnEvent::Released);
            assert_eq!(server.allocations(), []);
        });
    }
}

#[test]
fn a_connection_over_a_bad_network_repeats_no_request() {
    for seed in 0..10 {
        simulate(seed, |u| async move {
            let server = a_server(&u, settings()).await;
            let peer = u.host("peer").udp(6000).await.unwrap();
            let alice = u.host("alice");
            u.network().between(&alice, server.host()).loses(0.1).unwrap();
            let alice = Party::new(&alice, &server, TurnTransport::Tcp);
            alice.allocated().await;
            alice.send(peer.local_addr(), "hello");
            assert!(matches!(tokio::time::timeout(60 * SECOND, peer.recv()).await, Ok(Ok(_))));
            assert_eq!(server.counters().allocated, 1);
        });
    }
}

/// Its nonces are as unknown after the crash as its allocations: 438, then 437.
#[test]
fn a_server_that_crashed_has_forgotten_all_and_allocates_anew() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let peer = u.host("peer").udp(6000).await.unwrap();
        let host = u.host("alice");
        let alice = Party::new(&host, &server, TurnTransport::Udp);
        let (relayed, _) = alice.allocated().await;
        alice.send(peer.local_addr(), "hello");
        assert!(heard(&peer).await.is_some());
        server.host().crash();
        assert_eq!(server.allocations(), []);
        u.sleep(SECOND).await;
        server.host().restart();
        u.sleep(SECOND).await;
        alice.send(peer.local_addr(), "hello?");
        say(&peer, relayed, "hello?").await;
        assert_eq!((heard(&peer).await, alice.hears().await), (None, None));
        assert_eq!(alice.event().await, TurnEvent::Expired(refused(437, "Allocation Mismatch")));
        assert!(!alice.send(peer.local_addr(), "hello?"));
        let again = Party::new(&host, &server, TurnTransport::Udp);
        let (relayed, _) = again.allocated().await;
        again.send(peer.local_addr(), "hello");
        assert_eq!(heard(&peer).await, Some((relayed, "hello".to_owned())));
        assert_eq!((server.counters().allocated, server.allocations().len()), (2, 1));
    });
}

#[test]
fn a_server_that_stays_away_loses_the_allocation_when_its_time_is_over() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        alice.allocated().await;
        server.host().crash();
        assert_eq!(alice.event_within(599 * SECOND).await, None);
        assert_eq!(alice.event_within(2 * SECOND).await, Some(TurnEvent::Expired(TurnError::NoAnswer)));
    });
}

/// RFC 8656 3.1: an allocation over TCP is its connection's.
#[test]
fn an_allocation_ends_with_its_connection() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let sockets = server.host().socket_count();
        let host = u.host("alice");
        let alice = Party::new(&host, &server, TurnTransport::Tcp);
        alice.allocated().await;
        server.host().crash();
        server.host().restart();
        u.sleep(SECOND).await;
        alice.permit(host.udp(0).await.unwrap().local_addr());
        assert_eq!(alice.event().await, TurnEvent::Expired(TurnError::ConnectionLost));

        let again = Party::new(&host, &server, TurnTransport::Tcp);
        again.allocated().await;
        assert_eq!(server.allocations().len(), 1);
        u.network().move_host(&host, "4G").unwrap();
        // It runs out, its connection is closed a minute of silence later, and TCP waits 924 s for the FIN's ACK.
        u.sleep(2000 * SECOND).await;
        assert_eq!((server.allocations(), server.host().socket_count()), (vec![], sockets), "nobody refreshes it");
    });
}

#[test]
fn a_connection_that_wants_nothing_is_closed_after_a_minute() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let mut stream = u.host("alice").connect(server.address()).await.unwrap();
        let begun = u.now();
        assert_eq!(stream.read(&mut [0; 10]).await.unwrap(), 0);
        let lasted = u.now().since(begun);
        assert!(lasted >= 60 * SECOND && lasted < 61 * SECOND, "{lasted:?}");
    });
}

#[test]
fn what_is_no_turn_harms_nobody() {
    simulate(1, |u| async move {
        let server = a_server(&u, TurnSettings { quota: Some(1), ..settings() }).await;
        let noise = u.host("noise");
        let socket = noise.udp(0).await.unwrap();
        for length in 0..64 {
            let mut bytes = vec![0; length];
            noise.random(|random| random.fill(&mut bytes));
            socket.send_to(bytes.clone(), server.address()).await.unwrap();
            // A STUN header with attributes that make no sense.
            let mut header = vec![0x00, 0x03, 0, (length & 0xfc) as u8, 0x21, 0x12, 0xa4, 0x42];
            header.extend([7; 12]);
            header.extend(&bytes[..length & 0xfc]);
            socket.send_to(header, server.address()).await.unwrap();
        }
        let mut stream = noise.connect(server.address()).await.unwrap();
        stream.write_all(b"\xffGET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(stream.read(&mut [0; 10]).await.unwrap_or(0), 0, "it's closed");
        u.sleep(SECOND).await;
        Party::new(&u.host("alice"), &server, TurnTransport::Tcp).allocated().await;
    });
}
