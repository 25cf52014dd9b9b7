//! A conference room.

use std::net::SocketAddrV4;

use busyhour::media::tone::music;
use busyhour::media::{AudioLine, Conference, MemberId, cadence};
use busyhour::world::{Host, Random};
use busyhour::{Universe, simulate};

use crate::support::*;

async fn joins(u: &Universe, room: &Conference, server: &Host, name: &str, voice: u32) -> (Host, AudioLine, MemberId) {
    let (host, line) = party(u, name, voice).await;
    let member = room.join().await.unwrap();
    room.connect(member, pcmu(line.address()).latching());
    line.connect(pcmu(SocketAddrV4::new(server.address(), room.port(member))));
    (host, line, member)
}

async fn conference(u: &Universe) -> (Host, Conference) {
    let server = u.host("server");
    let room = Conference::open(&server, Random::stream(1, "room")).await.unwrap();
    (server, room)
}

#[test]
fn each_hears_all_the_others_and_nobody_herself() {
    simulate(1, |u| async move {
        let (server, room) = conference(&u).await;
        let (alice, one, _) = joins(&u, &room, &server, "alice", 0).await;
        let (bob, _other, _) = joins(&u, &room, &server, "bob", 1).await;
        let (carol, third, member) = joins(&u, &room, &server, "carol", 2).await;
        u.sleep(ms(400)).await;
        let from = u.now();
        assert_eq!(hears(&u, &alice).await, [1, 2]);
        assert_eq!(heard(&bob, from, u.now()), [0, 2]);
        assert_eq!(heard(&carol, from, u.now()), [0, 1]);
        one.send_digits("90");
        u.sleep(ms(1_000)).await;
        assert_eq!((third.digits(), room.digits(member)), ("90".to_owned(), String::new()));
        room.leave(member).await;
        u.sleep(ms(400)).await;
        assert_eq!(hears(&u, &alice).await, [1]);
        assert_eq!(hears(&u, &carol).await, NOBODY);
        assert_eq!((room.members(), server.socket_count()), (2, 4));
        room.close().await;
        u.sleep(ms(100)).await;
        assert_eq!(server.socket_count(), 0);
    });
}

#[test]
fn a_quiet_room_costs_little_and_wakes_when_somebody_measures() {
    simulate(1, |u| async move {
        let (server, room) = conference(&u).await;
        let (alice, one, member) = joins(&u, &room, &server, "alice", 0).await;
        let (bob, other, _) = joins(&u, &room, &server, "bob", 1).await;
        u.sleep(ms(10_000)).await;
        let before = (one.stats(), room.stats(member).unwrap());
        u.sleep(ms(20_000)).await;
        let after = (one.stats(), room.stats(member).unwrap());
        assert!(after.0.sent - before.0.sent <= 101, "{}", after.0.sent - before.0.sent);
        assert!(after.1.sent - before.1.sent <= 201, "{}", after.1.sent - before.1.sent);
        assert_eq!((after.0.lost, after.1.lost, other.stats().loss_share), (0, 0, 0.0));
        cadence::attend(u.now() + ms(2_000));
        u.sleep(ms(600)).await;
        let from = u.now();
        assert_eq!(hears(&u, &alice).await, [1]);
        assert_eq!(heard(&bob, from, u.now()), [0]);
    });
}

#[test]
fn a_lone_member_hears_music_and_no_voice() {
    simulate(1, |u| async move {
        let (server, room) = conference(&u).await;
        let (alice, one, member) = joins(&u, &room, &server, "alice", 0).await;
        room.play(member, Some(music()));
        u.sleep(ms(400)).await;
        let from = u.now();
        assert_eq!(hears(&u, &alice).await, NOBODY);
        assert!(alice.room().heard(from, u.now()).unwrap().iter().any(|sample| sample.abs() > 1_000));
        room.play(member, None);
        u.sleep(ms(400)).await;
        let from = u.now();
        u.sleep(ms(500)).await;
        assert!(alice.room().heard(from, u.now()).unwrap().iter().all(|sample| sample.abs() < 16));
        u.sleep(ms(60_000)).await;
        assert!(tokio::time::timeout(ms(1), one.event()).await.is_err(), "silence is sent, so nothing times out");
        assert!(room.silent_for(member, u.now()).unwrap() < ms(300));
    });
}
