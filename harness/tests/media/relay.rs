//! A relay between two hosts.

use std::net::SocketAddrV4;

use busyhour::media::tone::music;
use busyhour::media::{AudioLine, Codec, Direction, Feed, Relay, Remote, Side};
use busyhour::net::nat::NatKind;
use busyhour::world::{Host, Random};
use busyhour::{Universe, simulate};

use crate::support::*;

struct Call {
    alice: Host,
    bob: Host,
    server: Host,
    relay: Relay,
    one: AudioLine,
    other: AudioLine,
}

impl Call {
    fn leg(&self, side: Side) -> SocketAddrV4 {
        SocketAddrV4::new(self.server.address(), self.relay.port(side))
    }
}

/// Alice at leg A, bob at leg B, everybody latching at the server.
async fn call(u: &Universe) -> Call {
    let server = u.host("server");
    let ((alice, one), (bob, other)) = (party(u, "alice", 0).await, party(u, "bob", 1).await);
    let relay = Relay::open(&server, Random::stream(1, "relay")).await.unwrap();
    let call = Call { alice, bob, server, relay, one, other };
    call.relay.connect(Side::A, pcmu(call.one.address()).latching());
    call.relay.connect(Side::B, pcmu(call.other.address()).latching());
    call.one.connect(pcmu(call.leg(Side::A)));
    call.other.connect(pcmu(call.leg(Side::B)));
    u.sleep(ms(300)).await;
    call
}

#[test]
fn both_hear_each_other_through_a_relay() {
    simulate(1, |u| async move {
        let call = call(&u).await;
        let from = u.now();
        assert_eq!(hears(&u, &call.alice).await, [1]);
        assert_eq!(heard(&call.bob, from, u.now()), [0]);
        u.sleep(ms(20_000)).await;
        let (a, b) = (call.relay.leg(Side::A), call.relay.leg(Side::B));
        assert!(a.received > 250 && a.received.abs_diff(b.sent) <= 2 && a.lost == 0, "{a:?} {b:?}");
        assert_eq!(a.source, Some(call.one.address()));
        assert!(call.one.stats().round_trip.is_some(), "reports go through as well");
    });
}

/// RFC 3550 5.1: nothing of a packet changes if nothing must.
#[test]
fn digits_and_codecs_are_translated_where_the_legs_differ() {
    simulate(1, |u| async move {
        let call = call(&u).await;
        let a_law = |address| Remote::new(address, Codec::Pcma).with_events(96);
        call.relay.connect(Side::B, a_law(call.other.address()).latching());
        call.other.connect(a_law(call.leg(Side::B)));
        u.sleep(ms(300)).await;
        let from = u.now();
        assert_eq!(hears(&u, &call.alice).await, [1]);
        assert_eq!(heard(&call.bob, from, u.now()), [0]);
        call.one.send_digits("42");
        call.other.send_digits("7#");
        u.sleep(ms(2_000)).await;
        assert_eq!((call.other.digits(), call.one.digits()), ("42".to_owned(), "7#".to_owned()));
    });
}

#[test]
fn a_leg_behind_nat_is_followed_and_a_stranger_is_not() {
    simulate(1, |u| async move {
        let call = call(&u).await;
        let nat = u.network().nat("office", NatKind::Symmetric, None);
        u.network().put_behind(&call.alice, nat);
        u.sleep(ms(1_500)).await;
        assert_eq!(hears(&u, &call.alice).await, [1]);
        u.network().forget_bindings(nat);
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &call.alice).await, [1]);
        let (mallory, third) = party(&u, "mallory", 2).await;
        third.connect(pcmu(call.leg(Side::A)));
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &call.bob).await, [0]);
        assert_eq!(hears(&u, &mallory).await, NOBODY);
        assert!(call.relay.leg(Side::A).refused > 10);
    });
}

#[test]
fn a_leg_on_hold_hears_music_and_the_other_is_not_heard() {
    simulate(1, |u| async move {
        let call = call(&u).await;
        // Alice holds: she neither sends nor listens; bob hears the server's music.
        call.relay.connect(Side::A, pcmu(call.one.address()).latching().with_direction(Direction::Inactive));
        call.one.connect(pcmu(call.leg(Side::A)).with_direction(Direction::Inactive));
        call.relay.feed(Side::B, Feed::Music(music()));
        u.sleep(ms(300)).await;
        let from = u.now();
        assert_eq!(hears(&u, &call.bob).await, NOBODY);
        assert_eq!(heard(&call.alice, from, u.now()), NOBODY);
        let sounds = call.bob.room().heard(from, u.now()).unwrap();
        assert!(sounds.iter().filter(|sample| sample.unsigned_abs() > 500).count() > 2_000);
        u.sleep(ms(90_000)).await;
        assert!(tokio::time::timeout(ms(1), call.relay.timed_out()).await.is_err());
        assert!(tokio::time::timeout(ms(1), call.other.event()).await.is_err(), "music is something");
        call.relay.feed(Side::B, Feed::Other);
        call.relay.connect(Side::A, pcmu(call.one.address()).latching());
        call.one.connect(pcmu(call.leg(Side::A)));
        u.sleep(ms(300)).await;
        busyhour::media::cadence::attend(u.now() + ms(2_000));
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &call.bob).await, [0]);
        assert_eq!(hears(&u, &call.alice).await, [1]);
    });
}

/// A transfer: leg A is somebody else from now on.
#[test]
fn a_leg_can_be_pointed_elsewhere() {
    simulate(1, |u| async move {
        let call = call(&u).await;
        let (carol, third) = party(&u, "carol", 2).await;
        call.relay.connect(Side::A, pcmu(third.address()).latching());
        third.connect(pcmu(call.leg(Side::A)));
        call.one.close().await;
        u.sleep(ms(300)).await;
        assert_eq!(hears(&u, &call.bob).await, [2]);
        assert_eq!(hears(&u, &carol).await, [1]);
        assert_eq!(hears(&u, &call.alice).await, NOBODY);
        assert_eq!(call.other.stats().lost, 0);
    });
}

#[test]
fn a_silent_leg_is_told_after_the_timeout() {
    simulate(1, |u| async move {
        let call = call(&u).await;
        call.relay.set_timeout(Some(ms(10_000)));
        call.bob.crash();
        let crashed = u.now();
        assert_eq!(call.relay.timed_out().await, Side::B);
        let after = u.now() - crashed;
        assert!(after >= ms(9_900) && after <= ms(11_100), "{after:?}");
        call.relay.close();
        u.sleep(ms(100)).await;
        assert_eq!(call.server.socket_count(), 0);
    });
}

#[test]
fn nothing_passes_before_both_legs_are_known() {
    simulate(1, |u| async move {
        let server = u.host("server");
        let relay = Relay::open(&server, Random::stream(1, "relay")).await.unwrap();
        let (_, one) = party(&u, "alice", 0).await;
        one.connect(pcmu(SocketAddrV4::new(server.address(), relay.port(Side::A))));
        u.sleep(ms(500)).await;
        let leg = relay.leg(Side::A);
        assert_eq!((leg.received, leg.source), (0, None));
        assert!(leg.refused > 20);
        assert_eq!(relay.silent_for(Side::A, u.now()), None);
    });
}
