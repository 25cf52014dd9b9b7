//! How allocations begin, last and end (RFC 8656 7 and 8).

use std::time::Duration;

use busyhour::media::turn::{TurnBehaviour, TurnError, TurnEvent, TurnSettings, TurnTransport};
use busyhour::net::nat::NatKind;
use busyhour::simulate;

use crate::support::*;

#[test]
fn an_allocation_is_a_port_of_the_server_and_tells_the_mapped_address() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            let alice = u.host("alice");
            let nat = u.network().nat("alice's box", NatKind::Symmetric, None);
            u.network().put_behind(&alice, nat);
            let (relayed, mapped) = Party::new(&alice, &server, transport).allocated().await;
            assert_eq!((*relayed.ip(), *mapped.ip()), (server.host().address(), u.network().nat_address(nat)));
            assert!(server.settings().relay_ports.contains(&relayed.port()));
            let [view] = &server.allocations()[..] else { panic!("there's one allocation") };
            assert_eq!((view.user.as_str(), view.transport), ("alice", transport));
            assert_eq!((view.client, view.relayed), (mapped, relayed));
            let left = view.expires.since(u.now());
            assert!(left > 599 * SECOND && left <= 600 * SECOND, "{left:?}");
        });
    }
}

/// RFC 8656 7.2: 600 seconds, unless it's refreshed.
#[test]
fn an_allocation_without_a_refresh_lives_599_seconds_and_not_601() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let sockets = server.host().socket_count();
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp).lazy();
        alice.allocated().await;
        u.sleep(599 * SECOND).await;
        assert_eq!(server.allocations().len(), 1);
        assert_eq!(server.host().socket_count(), sockets + 1);
        u.sleep(2 * SECOND).await;
        assert_eq!(server.allocations(), []);
        assert_eq!(server.host().socket_count(), sockets, "the relay's socket is closed");
        assert_eq!(server.counters().expired, 1);
        assert_eq!(alice.event().await, TurnEvent::Expired(TurnError::RanOut));
    });
}

#[test]
fn an_allocation_that_is_refreshed_lives_on() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            let alice = Party::new(&u.host("alice"), &server, transport);
            alice.allocated().await;
            assert_eq!(alice.event_within(7200 * SECOND).await, None);
            assert_eq!(server.allocations().len(), 1);
        });
    }
}

#[test]
fn a_short_lifetime_is_refreshed_in_time_and_silence_is_noticed_at_its_end() {
    simulate(1, |u| async move {
        let server = a_server(&u, TurnSettings { lifetime: 20 * SECOND, ..settings() }).await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        alice.allocated().await;
        assert_eq!(alice.event_within(300 * SECOND).await, None);
        assert_eq!(server.allocations().len(), 1);
        server.host().crash();
        assert_eq!(alice.event_within(20 * SECOND).await, Some(TurnEvent::Expired(TurnError::NoAnswer)));
    });
}

#[test]
fn who_gives_back_leaves_nothing_behind() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            let sockets = server.host().socket_count();
            let alice = Party::new(&u.host("alice"), &server, transport);
            alice.allocated().await;
            alice.close();
            assert_eq!(alice.event().await, TurnEvent::Released);
            u.sleep(100 * SECOND).await;
            assert_eq!((server.allocations(), server.host().socket_count()), (vec![], sockets));
            assert_eq!((server.counters().given_back, server.counters().expired), (1, 0));
        });
    }
}

/// The server makes an allocation that its client doesn't want any more when it hears of it.
#[test]
fn who_closes_while_allocating_leaves_nothing_behind() {
    for wait in 0..100 {
        simulate(1, move |u| async move {
            let server = a_server(&u, settings()).await;
            u.network().everywhere().has_latency(Duration::from_millis(20)).unwrap();
            let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
            u.sleep(Duration::from_millis(wait)).await;
            alice.close();
            u.sleep(SECOND).await;
            assert_eq!(server.allocations(), [], "closed after {wait} ms");
        });
    }
}

#[test]
fn a_client_that_never_gives_back_leaves_its_allocation_until_it_runs_out() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let alice = Party::new(&u.host("alice"), &server, TurnTransport::Udp);
        let alice = alice.behaves(TurnBehaviour { never_gives_back: true, ..TurnBehaviour::default() });
        alice.allocated().await;
        alice.close();
        assert_eq!(alice.event().await, TurnEvent::Released);
        u.sleep(599 * SECOND).await;
        assert_eq!(server.allocations().len(), 1);
        u.sleep(2 * SECOND).await;
        assert_eq!(server.allocations(), []);
    });
}

#[test]
fn a_server_that_keeps_for_ever_has_what_was_given_back_and_what_ran_out() {
    simulate(1, |u| async move {
        let server = a_server(&u, TurnSettings { keeps_for_ever: true, ..settings() }).await;
        let (one, other) = (u.host("one"), u.host("other"));
        let polite = Party::new(&one, &server, TurnTransport::Udp);
        let (relayed, _) = polite.allocated().await;
        let lazy = Party::new(&other, &server, TurnTransport::Udp).lazy();
        lazy.allocated().await;
        polite.close();
        assert_eq!(polite.event().await, TurnEvent::Released);
        u.sleep(5000 * SECOND).await;
        let kept = server.allocations();
        assert_eq!((kept.len(), kept[0].relayed), (2, relayed));
    });
}

#[test]
fn many_clients_that_come_and_go_leave_nothing_behind() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let sockets = server.host().socket_count();
        for number in 0..30 {
            let host = u.host(&format!("client {number}"));
            let transport = [TurnTransport::Udp, TurnTransport::Tcp][number % 2];
            let party = Party::new(&host, &server, transport);
            let (relayed, _) = party.allocated().await;
            party.permit(relayed);
            match number % 3 {
                0 => party.close(),
                1 => host.crash(),
                _ => drop(party.lazy()),
            }
        }
        assert!(server.allocations().len() >= 20);
        // Those that crashed acknowledge no FIN: TCP gives them up after 924 s.
        u.sleep(2000 * SECOND).await;
        assert_eq!((server.allocations(), server.host().socket_count()), (vec![], sockets));
        let counters = server.counters();
        assert_eq!((counters.allocated, counters.given_back + counters.expired), (30, 30));
    });
}
