//! A host crashes at the point of its life that was named, and nowhere else.

use std::cell::Cell;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use busyhour::world::{FaultOutcome, Point};
use busyhour::{Universe, simulate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_host_takes_as_many_turns_as_it_was_given() {
    let turns = |k| {
        simulate(1, move |u| async move {
            let host = u.host("a");
            let turns = Rc::new(Cell::new(0));
            let fault = host.crash_after(Point::Poll(k));
            let counted = turns.clone();
            host.spawn(async move {
                for _ in 0..5 {
                    counted.set(counted.get() + 1);
                    tokio::task::yield_now().await;
                }
            });
            u.sleep(SECOND).await;
            (turns.get(), u.fault(fault).outcome())
        })
    };
    assert_eq!(turns(0), (0, FaultOutcome::Hit));
    assert_eq!(turns(1), (1, FaultOutcome::Hit));
    assert_eq!(turns(5), (5, FaultOutcome::Hit));
    // The last turn finds that the loop is over.
    assert_eq!(turns(6), (5, FaultOutcome::Hit));
    assert_eq!(turns(7), (5, FaultOutcome::MetNothing));
}

#[test]
fn turns_of_tasks_that_a_library_spawned_count_and_other_hosts_dont() {
    simulate(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let fault = a.crash_after(Point::Poll(10));
        b.spawn(async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        });
        u.sleep(SECOND).await;
        assert_eq!(u.fault(fault).outcome(), FaultOutcome::MetNothing);
        a.spawn(async {
            drop(tokio::spawn(async {
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
            }));
        });
        u.sleep(SECOND).await;
        assert_eq!(u.fault(fault).outcome(), FaultOutcome::Hit);
    });
}

/// How many datagrams of five get to b if a crashes after its k-th packet; and how many b had of it.
fn datagrams(k: u64) -> u64 {
    simulate(1, move |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        a.crash_after(Point::Packet(k));
        let got = Rc::new(Cell::new(0));
        let counted = got.clone();
        b.boot(move |b| {
            let counted = counted.clone();
            async move {
                let socket = b.udp(9).await.unwrap();
                while socket.recv().await.is_ok() {
                    counted.set(counted.get() + 1);
                }
            }
        });
        let to = SocketAddrV4::new(b.address(), 9);
        let sender = a.clone();
        a.spawn(async move {
            let socket = sender.udp(0).await.unwrap();
            // All in one turn: the crash comes in the middle of it.
            for _ in 0..5 {
                if socket.send_to(&b"x"[..], to).await.is_err() {
                    return;
                }
            }
        });
        u.sleep(SECOND).await;
        got.get()
    })
}

#[test]
fn the_packet_that_is_named_still_leaves_and_the_next_doesnt() {
    assert_eq!((0..7).map(datagrams).collect::<Vec<u64>>(), [0, 1, 2, 3, 4, 5, 5]);
}

/// A question and an answer over TCP: what the server's program had read, and whether the asker had its answer, if the
/// server crashes after its k-th packet.
fn question(k: u64) -> (bool, bool, bool) {
    simulate(1, move |u| async move {
        let (asker, server) = (u.host("asker"), u.host("server"));
        let fault = server.crash_after(Point::Packet(k));
        let read = Rc::new(Cell::new(false));
        let noted = read.clone();
        server.boot(move |server| {
            let noted = noted.clone();
            async move {
                let Ok(listener) = server.listen(80).await else { return };
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let mut question = [0; 1];
                if stream.read_exact(&mut question).await.is_ok() {
                    noted.set(true);
                    let _ = stream.write_all(b"!").await;
                    // It stays open until the asker has gone.
                    let _ = stream.read(&mut question).await;
                }
            }
        });
        let asking = async {
            let mut stream = asker.connect(SocketAddrV4::new(server.address(), 80)).await?;
            stream.write_all(b"?").await?;
            let mut answer = [0; 1];
            stream.read_exact(&mut answer).await?;
            std::io::Result::Ok(())
        };
        let answered = tokio::time::timeout(20 * SECOND, asking).await.is_ok_and(|answer| answer.is_ok());
        u.sleep(SECOND).await;
        (read.get(), answered, u.fault(fault).outcome() == FaultOutcome::Hit)
    })
}

#[test]
fn each_packet_of_a_tcp_connection_is_a_point() {
    let mut seen = Vec::new();
    for k in 0.. {
        let (read, answered, hit) = question(k);
        seen.push((read, answered));
        if !hit {
            break;
        }
    }
    // SYN, SYN-ACK and ACK, the question, the answer that takes its ACK along, the answer's ACK, and the goodbye.
    assert!(seen.len() > 6, "{seen:?}");
    let (before, after) = seen.split_at(5);
    assert!(before.iter().all(|point| *point == (false, false)), "nothing is read before it's there: {seen:?}");
    assert!(after.iter().all(|point| *point == (true, true)), "the answer has left: {seen:?}");
}

fn lines_after_syncs(u: &Universe, k: u64) -> (usize, bool) {
    let host = u.host("a");
    let fault = host.crash_after(Point::Sync(k));
    let disk = host.disk();
    let mut all_well = true;
    for _ in 0..3 {
        let written = disk.append("lines", b"a line\n").and_then(|()| disk.sync("lines"));
        all_well &= written.is_ok();
    }
    assert_eq!(u.fault(fault).hits > 0, !all_well, "whoever has synced never learns");
    host.restart();
    (host.disk().read("lines").map_or(0, |text| text.len() / 7), all_well)
}

#[test]
fn what_the_last_sync_made_safe_is_there_and_nothing_behind_it() {
    let seen: Vec<_> = (0..5).map(|k| simulate(1, move |u| async move { lines_after_syncs(&u, k) })).collect();
    assert_eq!(seen, [(0, false), (1, false), (2, false), (3, false), (3, true)]);
}

#[test]
fn a_crash_that_came_is_over_and_the_next_life_goes_on() {
    simulate(1, |u| async move {
        let host = u.host("a");
        let lives = Rc::new(Cell::new(0));
        let counted = lives.clone();
        host.boot(move |_| {
            counted.set(counted.get() + 1);
            async {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            }
        });
        let fault = host.crash_after(Point::Poll(3));
        u.sleep(SECOND).await;
        host.restart();
        u.sleep(SECOND).await;
        assert_eq!((lives.get(), u.fault(fault).hits), (2, 1));
        assert_eq!(host.power(), busyhour::world::Power::Up);
    });
}
