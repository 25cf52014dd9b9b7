//! The mapped address of a socket (RFC 8489), behind every kind of NAT (RFC 4787).

use std::net::SocketAddrV4;

use busyhour::media::turn::{StunEvent, TurnSettings, TurnTransport};
use busyhour::net::nat::NatKind;
use busyhour::simulate;

use crate::support::*;

/// Alice's socket as the STUN server sees it, as another host does, and her NAT's address.
fn seen_behind(kind: NatKind) -> (SocketAddrV4, SocketAddrV4, SocketAddrV4) {
    simulate(1, move |u| async move {
        let server = a_server(&u, TurnSettings::stun()).await;
        let alice = u.host("alice");
        let nat = u.network().nat("alice's box", kind, None);
        u.network().put_behind(&alice, nat);
        let socket = alice.udp(4000).await.unwrap();
        let StunEvent::Mapped(mapped) = ask(&u, &alice, &socket, server.address()).await else { panic!("no answer") };
        let other = u.host("other").udp(5000).await.unwrap();
        say(&socket, other.local_addr(), "hello").await;
        let (seen, _) = heard(&other).await.unwrap();
        (mapped, seen, SocketAddrV4::new(u.network().nat_address(nat), mapped.port()))
    })
}

#[test]
fn behind_each_kind_of_cone_the_mapped_address_is_the_one_that_everybody_sees() {
    for kind in [NatKind::FullCone, NatKind::Restricted, NatKind::PortRestricted] {
        let (mapped, seen, outside) = seen_behind(kind);
        assert_eq!((mapped, mapped), (seen, outside), "{kind}");
    }
}

#[test]
fn behind_a_symmetric_nat_the_mapped_address_is_the_servers_alone() {
    let (mapped, seen, outside) = seen_behind(NatKind::Symmetric);
    assert_eq!(mapped, outside);
    assert_ne!(mapped, seen);
}

#[test]
fn without_a_nat_the_mapped_address_is_the_sockets_own() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        let alice = u.host("alice");
        let socket = alice.udp(4000).await.unwrap();
        assert_eq!(ask(&u, &alice, &socket, server.address()).await, StunEvent::Mapped(socket.local_addr()));
        assert_eq!(server.counters().bindings, 1);
    });
}

/// RFC 8489 6.2.1.
#[test]
fn a_server_that_is_down_is_given_up_after_39_and_a_half_seconds() {
    simulate(1, |u| async move {
        let server = a_server(&u, settings()).await;
        server.host().crash();
        let alice = u.host("alice");
        let socket = alice.udp(4000).await.unwrap();
        let begun = u.now();
        assert_eq!(ask(&u, &alice, &socket, server.address()).await, StunEvent::NoAnswer);
        assert_eq!(u.now().since(begun).as_millis(), 39_500);
    });
}

#[test]
fn a_request_that_a_bad_network_loses_is_repeated() {
    for seed in 0..20 {
        simulate(seed, |u| async move {
            let server = a_server(&u, settings()).await;
            let alice = u.host("alice");
            u.network().everywhere().loses(0.2).unwrap();
            let socket = alice.udp(4000).await.unwrap();
            assert_eq!(ask(&u, &alice, &socket, server.address()).await, StunEvent::Mapped(socket.local_addr()));
        });
    }
}

#[test]
fn a_server_of_stun_alone_allocates_nothing() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp] {
        simulate(1, move |u| async move {
            let server = a_server(&u, TurnSettings { stun_only: true, ..settings() }).await;
            let alice = Party::new(&u.host("alice"), &server, transport);
            assert_eq!(alice.fails().await, refused(400, "Bad Request"));
            assert_eq!(server.allocations(), []);
        });
    }
}
