//! TCP as programs see it: real HTTP and WebSocket libraries over loss, partitions, crashes.

use std::io::ErrorKind;
use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::net::Patience;
use busyhour::world::Host;
use busyhour_tests::{fetch, lived, serve_http, serve_websocket, websocket_echo};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECOND: Duration = Duration::from_secs(1);

fn web(host: &Host, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(host.address(), port)
}

#[test]
fn http_and_websockets_work_over_a_network_that_loses_5_and_20_percent() {
    for (seed, loss) in [(1, 0.05), (2, 0.05), (3, 0.2), (4, 0.2), (5, 0.2)] {
        let outcome = lived(seed, move |u| async move {
            let (a, b) = (u.host("a"), u.host("b"));
            u.network().between(&a, &b).loses(loss).unwrap();
            b.boot(serve_http);
            b.boot(serve_websocket);
            u.sleep(SECOND).await;
            for _ in 0..10 {
                assert_eq!(fetch(&a, web(&b, 80), "/hello", Bytes::new()).await.unwrap(), (200, "hello".into()));
                assert_eq!(websocket_echo(&a, web(&b, 81), &["one", "two"]).await.unwrap(), ["one", "two"]);
            }
            let big = Bytes::from(vec![7u8; 300_000]);
            // axum takes bodies of up to 2 MB.
            assert_eq!(fetch(&a, web(&b, 80), "/echo", big.clone()).await.unwrap(), (200, big));
        });
        assert_eq!(outcome.faults_that_met_nothing().count(), 0);
        assert!(outcome.packets.lost > 0);
    }
}

#[test]
fn a_partition_of_10_seconds_delays_requests_and_breaks_none() {
    let outcome = lived(3, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(serve_http);
        b.boot(serve_websocket);
        u.sleep(SECOND).await;
        let between = u.network().between(&a, &b);
        between.cut();
        let healing = {
            let (u, a, b) = (u.clone(), a.clone(), b.clone());
            tokio::task::spawn_local(async move {
                u.sleep(10 * SECOND).await;
                assert_eq!(u.network().between(&a, &b).heal(), 2);
            })
        };
        let before = u.now();
        assert_eq!(fetch(&a, web(&b, 80), "/hello", Bytes::new()).await.unwrap(), (200, "hello".into()));
        let took = u.now() - before;
        // A SYN is repeated after 1, 3, 7 and 15 s: the fourth repetition is the first after the heal.
        assert!((15 * SECOND..16 * SECOND).contains(&took), "{took:?}");
        healing.await.unwrap();
        assert_eq!(websocket_echo(&a, web(&b, 81), &["still there?"]).await.unwrap(), ["still there?"]);
    });
    assert_eq!(outcome.faults_that_met_nothing().count(), 0);
}

/// turmoil-net's window never opens again for a reader of less than 32 KiB at once: ours reads ahead.
#[test]
fn a_slow_reader_gets_all_of_10_mib_in_small_reads() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        const SIZE: usize = 10 << 20;
        b.boot(|b| async move {
            let listener = b.listen(80).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let pattern: Vec<u8> = (0..SIZE).map(|i| (i % 251) as u8).collect();
            stream.write_all(&pattern).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let mut stream = a.connect(web(&b, 80)).await.unwrap();
        let mut read = 0;
        let mut buffer = [0u8; 1000];
        loop {
            let length = stream.read(&mut buffer).await.unwrap();
            if length == 0 {
                break;
            }
            for (i, byte) in buffer[..length].iter().enumerate() {
                assert_eq!(*byte, ((read + i) % 251) as u8);
            }
            read += length;
            if read % 100_000 < 1000 {
                u.sleep(Duration::from_millis(5)).await;
            }
        }
        assert_eq!(read, SIZE);
    });
}

#[test]
fn nobody_listening_is_refused_and_a_black_hole_times_out_after_127_seconds() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let before = u.now();
        assert_eq!(a.connect(web(&b, 80)).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert!(u.now() - before < SECOND);
        u.network().between(&a, &b).cut();
        let before = u.now();
        assert_eq!(a.connect(web(&b, 80)).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!((u.now() - before).as_secs(), 127);
    });
}

/// Linux gives data up after 924 s; the peer, to whom nothing came, still believes in the connection.
#[test]
fn unacknowledged_data_times_out_after_924_seconds_and_the_peer_stays_half_open() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let idle = b.clone();
        let peer = b.spawn(async move {
            let listener = idle.listen(80).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            let first = tokio::time::timeout(3600 * SECOND, stream.read(&mut byte)).await;
            assert!(first.is_err(), "nothing came, no error either: {first:?}");
        });
        u.sleep(SECOND).await;
        let mut stream = a.connect(web(&b, 80)).await.unwrap();
        u.sleep(SECOND).await;
        u.network().between(&a, &b).cut();
        let before = u.now();
        stream.write_all(b"is anybody there?").await.unwrap();
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!((u.now() - before).as_secs(), 924);
        peer.await.unwrap();
    });
}

#[test]
fn patience_can_be_set() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        u.network().set_patience(Patience { connect: 5 * SECOND, data: 9 * SECOND });
        u.network().between(&a, &b).cut();
        let before = u.now();
        assert_eq!(a.connect(web(&b, 80)).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!((u.now() - before).as_secs(), 5);
    });
}

#[test]
fn a_crash_leaves_no_socket_behind_and_a_restart_binds_the_same_ports() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(serve_http);
        b.boot(serve_websocket);
        b.boot(|b| async move {
            let socket = b.udp(5060).await.unwrap();
            while socket.recv().await.is_ok() {}
        });
        u.sleep(SECOND).await;
        // A connection that axum's own task serves, half-way through a request.
        let request = {
            let (a, to) = (a.clone(), web(&b, 80));
            tokio::task::spawn_local(async move { fetch(&a, to, "/wait", Bytes::new()).await })
        };
        u.sleep(SECOND / 2).await;
        assert!(b.socket_count() >= 4, "{}", b.socket_count());
        b.crash();
        assert_eq!(b.socket_count(), 0);
        u.sleep(5 * SECOND).await;
        assert_eq!(b.socket_count(), 0);
        assert!(!request.is_finished(), "to the client, a crashed server is silence");
        b.restart();
        u.sleep(SECOND).await;
        assert_eq!(b.socket_count(), 3);
        assert_eq!(fetch(&a, web(&b, 80), "/hello", Bytes::new()).await.unwrap(), (200, "hello".into()));
    });
}

/// What each peer sees of a crash: who sends is reset by the restarted host, who is idle notices nothing, who
/// connects while it's down gets through when it's up again.
#[test]
fn after_a_crash_an_active_peer_is_reset_an_idle_one_stays_half_open_and_a_patient_one_connects() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(|b| async move {
            let listener = b.listen(80).await.unwrap();
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                kept.push(stream);
            }
        });
        u.sleep(SECOND).await;
        let mut active = a.connect(web(&b, 80)).await.unwrap();
        let mut idle = a.connect(web(&b, 80)).await.unwrap();
        b.crash();
        active.write_all(b"hello?").await.unwrap();
        let patient = {
            let (a, to) = (a.clone(), web(&b, 80));
            tokio::task::spawn_local(async move { a.connect(to).await })
        };
        u.sleep(5 * SECOND).await;
        assert!(!patient.is_finished());
        b.restart();
        let before = u.now();
        let mut byte = [0];
        assert_eq!(active.read(&mut byte).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(u.now() - before < 10 * SECOND);
        patient.await.unwrap().unwrap();
        let nothing = tokio::time::timeout(60 * SECOND, idle.read(&mut byte)).await;
        assert!(nothing.is_err(), "{nothing:?}");
        idle.write_all(b"still there?").await.unwrap();
        assert_eq!(idle.read(&mut byte).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_closed_lid_delays_what_is_sent_to_it_until_it_opens() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(serve_http);
        u.sleep(SECOND).await;
        b.pause();
        let request = {
            let (a, to) = (a.clone(), web(&b, 80));
            tokio::task::spawn_local(async move { fetch(&a, to, "/hello", Bytes::new()).await })
        };
        u.sleep(20 * SECOND).await;
        assert!(!request.is_finished());
        b.resume();
        assert_eq!(request.await.unwrap().unwrap(), (200, "hello".into()));
    });
}

/// A server that stops listening and listens again, while a connection of before is still open: SO_REUSEADDR, as
/// tokio's listeners set it.
#[test]
fn a_port_can_be_listened_on_again_while_old_connections_linger() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let mut kept = Vec::new();
        for _ in 0..5 {
            let listener = b.listen(80).await.unwrap();
            assert_eq!(b.listen(80).await.unwrap_err().kind(), ErrorKind::AddrInUse);
            let mut mine = a.connect(web(&b, 80)).await.unwrap();
            let (mut theirs, _) = listener.accept().await.unwrap();
            assert_eq!((theirs.local_addr(), mine.peer_addr()), (web(&b, 80), web(&b, 80)));
            drop(listener);
            assert_eq!(a.connect(web(&b, 80)).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
            mine.write_all(b"still here").await.unwrap();
            let mut text = [0; 10];
            theirs.read_exact(&mut text).await.unwrap();
            kept.push((mine, theirs));
        }
    });
}

/// RFC 1122 section 4.2.3.2: an acknowledgement may wait for something to ride on. Ours waits for no time at all: what a
/// program answers at the same instant takes it along.
#[test]
fn an_acknowledgement_rides_on_an_answer_that_comes_at_once_and_leaves_alone_before_a_later_one() {
    const ROUNDS: usize = 10;
    let packets_when_answered_after = |delay: Duration| {
        let outcome = lived(1, move |u| async move {
            let (a, b) = (u.host("a"), u.host("b"));
            b.boot(move |b| async move {
                let listener = b.listen(80).await.unwrap();
                let (mut stream, _) = listener.accept().await.unwrap();
                for _ in 0..ROUNDS {
                    let mut asked = [0; 4];
                    stream.read_exact(&mut asked).await.unwrap();
                    if !delay.is_zero() {
                        b.sleep(delay).await;
                    }
                    stream.write_all(b"pong").await.unwrap();
                }
                // Both stay open: nobody's end is counted.
                std::future::pending::<()>().await;
            });
            let mut stream = a.connect(web(&b, 80)).await.unwrap();
            for _ in 0..ROUNDS {
                stream.write_all(b"ping").await.unwrap();
                let mut answer = [0; 4];
                stream.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"pong");
                u.sleep(SECOND).await;
            }
        });
        outcome.packets.sent
    };
    // The handshake's three, and of each round the request, the answer, and the acknowledgement of that; and what the
    // end of the universe makes of it.
    let at_once = packets_when_answered_after(Duration::ZERO);
    let later = packets_when_answered_after(SECOND);
    assert_eq!(at_once, 3 + 3 * ROUNDS as u64);
    assert_eq!(later, at_once + ROUNDS as u64);
}
