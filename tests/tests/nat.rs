//! NAT boxes in a universe: RFC 4787's filtering and mapping, as two hosts on either side see them.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::Universe;
use busyhour::net::nat::NatKind;
use busyhour::net::{NatHandle, UdpSocket};
use busyhour::world::{FaultOutcome, Host};
use busyhour_tests::{fetch, lived, serve_http};
use bytes::Bytes;

const SECOND: Duration = Duration::from_secs(1);

struct Home {
    alice: Host,
    socket: UdpSocket,
    nat: NatHandle,
}

async fn home(u: &Universe, kind: NatKind, lifetime: Option<Duration>) -> Home {
    let alice = u.host("alice");
    let nat = u.network().nat("alice's box", kind, lifetime);
    u.network().put_behind(&alice, nat);
    let socket = alice.udp(5060).await.unwrap();
    Home { alice, socket, nat }
}

/// Alice sends to `to`; who she is to them.
async fn seen_as(home: &Home, to: &UdpSocket) -> SocketAddrV4 {
    home.socket.send_to(&b"hello"[..], to.local_addr()).await.unwrap();
    to.recv().await.unwrap().1
}

async fn gets_in(home: &Home, from: &UdpSocket, external: SocketAddrV4) -> bool {
    from.send_to(&b"knock"[..], external).await.unwrap();
    tokio::time::timeout(SECOND, home.socket.recv()).await.is_ok()
}

/// Who gets in: the host that was sent to from the same port, from another port, and a stranger.
fn filtering(kind: NatKind) -> [bool; 3] {
    lived(1, move |u| async move {
        let home = home(&u, kind, None).await;
        let (server, stranger) = (u.host("server"), u.host("stranger"));
        let (same, other, strange) =
            (server.udp(5060).await.unwrap(), server.udp(6000).await.unwrap(), stranger.udp(5060).await.unwrap());
        let external = seen_as(&home, &same).await;
        assert_eq!(*external.ip(), u.network().nat_address(home.nat));
        let mut allowed = [false; 3];
        for (place, from) in [&same, &other, &strange].into_iter().enumerate() {
            allowed[place] = gets_in(&home, from, external).await;
        }
        allowed
    })
    .result
    .unwrap()
}

/// RFC 4787 section 5.
#[test]
fn each_kind_lets_in_whom_its_filtering_names() {
    assert_eq!(filtering(NatKind::FullCone), [true, true, true]);
    assert_eq!(filtering(NatKind::Restricted), [true, true, false]);
    assert_eq!(filtering(NatKind::PortRestricted), [true, false, false]);
    assert_eq!(filtering(NatKind::Symmetric), [true, false, false]);
}

/// RFC 4787 section 4.1.
#[test]
fn a_cone_is_one_port_to_all_a_symmetric_nat_another_to_each() {
    for (kind, same_port) in [(NatKind::FullCone, true), (NatKind::PortRestricted, true), (NatKind::Symmetric, false)] {
        lived(1, move |u| async move {
            let home = home(&u, kind, None).await;
            let (one, other) = (u.host("one").udp(5060).await.unwrap(), u.host("other").udp(5060).await.unwrap());
            assert_eq!(seen_as(&home, &one).await == seen_as(&home, &other).await, same_port, "{kind}");
        });
    }
}

#[test]
fn a_binding_of_30_seconds_lives_29_and_not_31() {
    for (wait, alive) in [(29, true), (31, false)] {
        lived(1, move |u| async move {
            let home = home(&u, NatKind::FullCone, Some(30 * SECOND)).await;
            let server = u.host("server").udp(5060).await.unwrap();
            let external = seen_as(&home, &server).await;
            u.sleep(wait * SECOND).await;
            assert_eq!(gets_in(&home, &server, external).await, alive);
            assert_eq!(seen_as(&home, &server).await == external, alive, "a new binding is on a new port");
        });
    }
}

#[test]
fn a_nat_that_forgets_its_bindings_has_hit_if_there_was_one() {
    let outcome = lived(1, |u| async move {
        let home = home(&u, NatKind::FullCone, None).await;
        u.network().forget_bindings(home.nat);
        let server = u.host("server").udp(5060).await.unwrap();
        let external = seen_as(&home, &server).await;
        u.network().forget_bindings(home.nat);
        assert!(!gets_in(&home, &server, external).await);
        assert_ne!(seen_as(&home, &server).await, external);
    });
    let outcomes: Vec<_> = outcome.faults.iter().map(|fault| fault.outcome()).collect();
    assert_eq!(outcomes, [FaultOutcome::MetNothing, FaultOutcome::Hit]);
}

#[test]
fn a_private_address_means_nothing_outside_and_tcp_works_from_inside() {
    lived(1, |u| async move {
        let home = home(&u, NatKind::PortRestricted, None).await;
        let server = u.host("server");
        server.boot(serve_http);
        let knocking = server.udp(0).await.unwrap();
        knocking.send_to(&b"x"[..], SocketAddrV4::new(home.alice.address(), 5060)).await.unwrap();
        assert!(tokio::time::timeout(SECOND, home.socket.recv()).await.is_err());
        let web = SocketAddrV4::new(server.address(), 80);
        assert_eq!(fetch(&home.alice, web, "/hello", Bytes::new()).await.unwrap(), (200, "hello".into()));
    });
}

#[test]
fn hosts_behind_one_nat_reach_each_other_directly_and_through_a_hairpin() {
    lived(1, |u| async move {
        let home = home(&u, NatKind::FullCone, None).await;
        let bob = u.host("bob");
        u.network().put_behind(&bob, home.nat);
        let bobs = bob.udp(5060).await.unwrap();
        let server = u.host("server").udp(5060).await.unwrap();
        assert_eq!(*seen_as(&home, &bobs).await.ip(), home.alice.address());
        let external = seen_as(&home, &server).await;
        bobs.send_to(&b"hairpin"[..], external).await.unwrap();
        let (payload, from) = home.socket.recv().await.unwrap();
        assert_eq!((&payload[..], *from.ip()), (&b"hairpin"[..], u.network().nat_address(home.nat)));
    });
}

#[test]
fn a_host_that_moves_keeps_its_sockets_and_loses_its_connections() {
    lived(1, |u| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (alice, server) = (u.host("alice"), u.host("server"));
        server.boot(serve_http);
        let socket = server.udp(5060).await.unwrap();
        let mine = alice.udp(5060).await.unwrap();
        u.sleep(SECOND).await;
        let mut stream = alice.connect(SocketAddrV4::new(server.address(), 80)).await.unwrap();
        u.sleep(SECOND).await;
        let before = alice.address();
        u.network().move_host(&alice, "4G").unwrap();
        assert_ne!(alice.address(), before);
        mine.send_to(&b"from my new address"[..], socket.local_addr()).await.unwrap();
        assert_eq!(*socket.recv().await.unwrap().1.ip(), alice.address());
        stream.write_all(b"GET /hello HTTP/1.1\r\nhost: b\r\n\r\n").await.unwrap();
        let mut byte = [0];
        let answer = tokio::time::timeout(60 * SECOND, stream.read(&mut byte)).await;
        assert!(answer.is_err(), "nobody has the old address: {answer:?}");
    });
}
