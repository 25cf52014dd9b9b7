//! A conference room.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::rc::Rc;

use busyhour::media::tone::music;
use busyhour::media::{AudioLine, Conference, Ear, FRAME, HeardBy, MemberId, cadence};
use busyhour::trace::SimTime;
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
        assert!(room.silent_for(member, u.now()).unwrap() < ms(900));
    });
}

#[test]
fn a_member_is_heard_by_all_by_one_or_by_nobody() {
    simulate(1, |u| async move {
        let (server, room) = conference(&u).await;
        let (alice, one, _) = joins(&u, &room, &server, "alice", 0).await;
        let (bob, other, member) = joins(&u, &room, &server, "bob", 1).await;
        let (carol, third, supervisor) = joins(&u, &room, &server, "carol", 2).await;
        for (heard_by, heard_there) in [
            (HeardBy::Nobody, [vec![1], vec![0], vec![0, 1]]),
            (HeardBy::Only(member), [vec![1], vec![0, 2], vec![0, 1]]),
            (HeardBy::All, [vec![1, 2], vec![0, 2], vec![0, 1]]),
        ] {
            room.set_heard_by(supervisor, heard_by);
            u.sleep(ms(400)).await;
            let from = u.now();
            u.sleep(ms(500)).await;
            let heard = [&alice, &bob, &carol].map(|host| heard(host, from, u.now()));
            assert_eq!(heard, heard_there, "{heard_by:?}");
            third.send_digits("5");
            u.sleep(ms(1_000)).await;
        }
        assert_eq!((one.digits().as_str(), other.digits().as_str()), ("5", "55"));
        // Whom she whispers to leaves.
        room.set_heard_by(supervisor, HeardBy::Only(member));
        room.leave(member).await;
        u.sleep(ms(400)).await;
        assert_eq!(hears(&u, &alice).await, NOBODY);
    });
}

/// What comes from a member, as an ear has it.
#[derive(Default)]
struct Notes(Rc<RefCell<(u32, u32, String)>>);

impl Ear for Notes {
    fn hear(&mut self, _: SimTime, frame: Option<&[i16; FRAME]>) {
        let mut notes = self.0.borrow_mut();
        match frame {
            Some(_) => notes.0 += 1,
            None => notes.1 += 1,
        }
    }

    fn pressed(&mut self, digit: char) {
        self.0.borrow_mut().2.push(digit);
    }
}

#[test]
fn who_is_moved_to_another_room_keeps_her_ports_and_whoever_listens_to_her() {
    simulate(1, |u| async move {
        let (server, room) = conference(&u).await;
        let other = Conference::open(&server, Random::stream(2, "room")).await.unwrap();
        let (alice, line_of_alice, member) = joins(&u, &room, &server, "alice", 0).await;
        let (bob, line, _) = joins(&u, &other, &server, "bob", 1).await;
        room.play(member, Some(music()));
        room.set_heard_by(member, HeardBy::Nobody);
        let notes = Notes::default();
        let noted = notes.0.clone();
        room.set_ear(member, Some(Box::new(notes)));
        u.sleep(ms(400)).await;
        let port = room.port(member);
        let moved = room.move_to(member, &other).unwrap();
        assert_eq!((other.port(moved), room.members(), other.members()), (port, 0, 2));
        assert_eq!(room.move_to(member, &other), None, "she isn't here any more");
        assert_eq!(other.move_to(moved, &other), Some(moved));
        u.sleep(ms(400)).await;
        let from = u.now();
        assert_eq!(hears(&u, &alice).await, [1], "no music");
        assert_eq!(heard(&bob, from, u.now()), [0]);
        line.send_digits("8");
        u.sleep(ms(1_000)).await;
        line_of_alice.send_digits("6");
        u.sleep(ms(1_000)).await;
        assert_eq!(noted.borrow().2, "6");
        let before = noted.borrow().0;
        u.sleep(ms(1_000)).await;
        assert_eq!(noted.borrow().0 - before, 50, "every frame, once");
        // A room that's empty is one to come back to.
        u.sleep(ms(5_000)).await;
        let back = other.move_to(moved, &room).unwrap();
        u.sleep(ms(400)).await;
        assert_eq!(hears(&u, &alice).await, NOBODY);
        room.play(back, Some(music()));
        u.sleep(ms(400)).await;
        let from = u.now();
        u.sleep(ms(400)).await;
        assert!(alice.room().heard(from, u.now()).unwrap().iter().any(|sample| sample.abs() > 1_000));
        room.close().await;
        other.close().await;
        u.sleep(ms(100)).await;
        assert_eq!(server.socket_count(), 0);
    });
}

/// She's sent a packet a second, and what she sends wakes the room.
#[test]
fn who_is_alone_costs_least() {
    simulate(1, |u| async move {
        let (server, room) = conference(&u).await;
        let (_alice, one, member) = joins(&u, &room, &server, "alice", 0).await;
        u.sleep(ms(10_000)).await;
        let before = room.stats(member).unwrap().sent;
        u.sleep(ms(20_000)).await;
        let sent = room.stats(member).unwrap().sent - before;
        assert!((19..=21).contains(&sent), "{sent}");
        assert!(one.silent_for(u.now()).unwrap() <= ms(1_100));
        // Somebody comes, and it's listened to: they hear each other at once.
        cadence::attend(u.now() + ms(2_000));
        let (bob, _other, _) = joins(&u, &room, &server, "bob", 1).await;
        u.sleep(ms(600)).await;
        assert_eq!(hears(&u, &bob).await, [0]);
    });
}

/// design.md, media: every frame is sent after a change of one's own media, and nobody's is changed by who comes.
#[test]
fn a_line_that_nobody_hears_is_most_sparing_until_somebody_comes() {
    simulate(1, |u| async move {
        let (server, room) = conference(&u).await;
        let (_alice, one, _) = joins(&u, &room, &server, "alice", 0).await;
        u.sleep(ms(10_000)).await;
        let before = one.stats().sent;
        u.sleep(ms(20_000)).await;
        let sent = one.stats().sent - before;
        assert!((24..=26).contains(&sent), "one in forty: {sent}");
        let (_bob, other, _) = joins(&u, &room, &server, "bob", 1).await;
        u.sleep(ms(500)).await;
        let before = (one.stats().sent, other.stats().sent);
        u.sleep(ms(4_000)).await;
        let sent = (one.stats().sent - before.0, other.stats().sent - before.1);
        assert!((19..=21).contains(&sent.0), "one in ten, since nothing of hers was changed: {}", sent.0);
        assert!((199..=201).contains(&sent.1), "and all of whoever has come: {}", sent.1);
    });
}
