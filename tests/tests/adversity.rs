//! What must hold when everything goes wrong at once: lives that end at the worst moment, lids that close on half-sent
//! bytes, handles that outlive their universe, and libraries that reach for the real world.

use std::cell::Cell;
use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddrV4, ToSocketAddrs as _};
use std::rc::Rc;
use std::slice::from_ref;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use busyhour::net::Patience;
use busyhour::net::nat::NatKind;
use busyhour::net::packet::Packet;
use busyhour::trace::{Event, Log, PacketSeen, SimTime, Stage};
use busyhour::world::{Cause, FaultOutcome, Host, Limits, Tap};
use busyhour::{Universe, simulate};
use busyhour_tests::{fetch, lived, serve_http, serve_websocket};
use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn at(host: &Host, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(host.address(), port)
}

/// Accepts connections on a port and keeps them open, saying nothing.
async fn keep_connections(host: Host) {
    let listener = host.listen(80).await.unwrap();
    let mut kept = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        kept.push(stream);
    }
}

// --- lives and their ends -----------------------------------------------------------------------------------------

#[test]
fn a_host_can_crash_itself_and_nothing_of_that_life_goes_on() {
    lived(1, |u| async move {
        let crm = u.host("crm");
        let went_on = Rc::new(Cell::new(false));
        let (me, after) = (crm.clone(), went_on.clone());
        let task = crm.spawn(async move {
            let socket = me.udp(5060).await.unwrap();
            let listener = me.listen(80).await.unwrap();
            me.crash();
            assert_eq!(socket.recv().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
            assert_eq!(listener.accept().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
            assert_eq!(me.udp(5060).await.map(|_| ()).unwrap_err().kind(), ErrorKind::ConnectionAborted);
            assert_eq!(me.disk().write("a", "x").unwrap_err().kind(), ErrorKind::ConnectionAborted);
            me.restart();
            assert_eq!(me.disk().write("a", "x").unwrap_err().kind(), ErrorKind::ConnectionAborted);
            me.sleep(MS).await;
            after.set(true);
        });
        u.sleep(SECOND).await;
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!went_on.get());
        assert_eq!(crm.socket_count(), 0);
        assert!(!crm.disk().exists("a"));
    });
}

#[test]
fn a_machine_without_power_runs_nothing() {
    lived(1, |u| async move {
        let crm = u.host("crm");
        crm.crash();
        let ran = Rc::new(Cell::new(0));
        let count = ran.clone();
        let task = crm.spawn(async move { count.set(count.get() + 1) });
        let count = ran.clone();
        crm.boot(move |_| {
            let count = count.clone();
            async move { count.set(count.get() + 10) }
        });
        u.sleep(SECOND).await;
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(crm.disk().write("a", "x").unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(ran.get(), 0);
        crm.restart();
        crm.restart();
        u.sleep(SECOND).await;
        assert_eq!(ran.get(), 10, "the program that it boots has run once");
    });
}

/// A receiver that answers 200 and does the work afterwards, in a task that a library spawned, is what integrators
/// write. Power loss ends that work as well: it must not be finished by the machine's next life.
#[test]
fn what_a_library_spawned_before_a_crash_does_nothing_in_the_next_life() {
    lived(1, |u| async move {
        let (crm, peer) = (u.host("crm"), u.host("peer"));
        let heard = peer.udp(9).await.unwrap();
        let to = at(&peer, 9);
        crm.spawn({
            let crm = crm.clone();
            async move {
                tokio::spawn(async move {
                    tokio::time::sleep(2 * SECOND).await;
                    let disk = crm.disk().append("sales.log", "a ghost's sale").map_err(|error| error.kind());
                    assert_eq!(disk, Err(ErrorKind::ConnectionAborted));
                    assert_eq!(crm.udp(0).await.map(|_| ()).unwrap_err().kind(), ErrorKind::ConnectionAborted);
                    assert_eq!(crm.listen(80).await.map(|_| ()).unwrap_err().kind(), ErrorKind::ConnectionAborted);
                    assert_eq!(crm.connect(to).await.map(|_| ()).unwrap_err().kind(), ErrorKind::ConnectionAborted);
                    crm.claim("sold", |claim| claim);
                });
            }
        });
        u.sleep(SECOND).await;
        crm.crash();
        crm.restart();
        u.sleep(5 * SECOND).await;
        assert!(!crm.disk().exists("sales.log"));
        assert_eq!(heard.try_recv().unwrap(), None);
        assert!(!u.log_text().contains("sold"), "{}", u.log_text());
    });
}

/// Whoever waits on a socket of a machine learns of its end, also if the lid was closed when it came.
#[test]
fn a_crash_behind_a_closed_lid_ends_every_wait_on_its_sockets() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(keep_connections);
        u.sleep(SECOND).await;
        let udp = a.udp(5060).await.unwrap();
        let listener = a.listen(80).await.unwrap();
        let mut stream = a.connect(at(&b, 80)).await.unwrap();
        a.pause();
        let (dialer, to) = (a.clone(), at(&b, 80));
        let waits = [
            tokio::task::spawn_local(async move { udp.recv().await.map(|_| ()) }),
            tokio::task::spawn_local(async move { listener.accept().await.map(|_| ()) }),
            tokio::task::spawn_local(async move { stream.read_u8().await.map(|_| ()) }),
            tokio::task::spawn_local(async move { dialer.connect(to).await.map(|_| ()) }),
        ];
        u.sleep(SECOND).await;
        a.crash();
        a.resume();
        assert_eq!(a.socket_count(), 0);
        for wait in waits {
            let ended = tokio::time::timeout(SECOND, wait).await.expect("the wait has ended").unwrap();
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        }
        a.restart();
        a.listen(80).await.unwrap();
    });
}

#[test]
fn a_connection_attempt_ends_with_its_host() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        u.network().between(&a, &b).cut();
        let (dialer, to) = (a.clone(), at(&b, 80));
        let attempt = tokio::task::spawn_local(async move { dialer.connect(to).await.map(|_| ()) });
        u.sleep(SECOND).await;
        a.crash();
        let ended = tokio::time::timeout(SECOND, attempt).await.expect("the attempt has ended").unwrap();
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(a.socket_count(), 0);
    });
}

#[test]
fn connections_over_loopback_are_gone_after_a_crash_as_well() {
    lived(1, |u| async move {
        let a = u.host("a");
        a.boot(keep_connections);
        u.sleep(SECOND).await;
        let mut inside = a.connect(SocketAddrV4::new([127, 0, 0, 1].into(), 80)).await.unwrap();
        let mut outside = a.connect(at(&a, 80)).await.unwrap();
        inside.write_all(b"hello").await.unwrap();
        outside.write_all(b"hello").await.unwrap();
        u.sleep(SECOND).await;
        a.crash();
        assert_eq!(a.socket_count(), 0);
        assert_eq!(inside.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        a.restart();
        u.sleep(SECOND).await;
        assert_eq!(a.socket_count(), 1);
    });
}

#[test]
fn a_program_that_is_installed_behind_a_closed_lid_starts_when_it_opens() {
    lived(1, |u| async move {
        let laptop = u.host("laptop");
        laptop.pause();
        let started = Rc::new(Cell::new(None));
        let (note, clock) = (started.clone(), u.clone());
        laptop.boot(move |_| {
            let (note, clock) = (note.clone(), clock.clone());
            async move { note.set(Some(clock.now())) }
        });
        u.sleep(SECOND).await;
        assert_eq!(started.get(), None);
        laptop.resume();
        u.sleep(SECOND).await;
        assert_eq!(started.get(), Some(SimTime(1_000_000_000)));
    });
}

/// What each end sees when the machine that works on a request loses power: the caller hears nothing, for TCP knows no
/// difference between a dead peer and a slow one (RFC 9293 section 3.8.4), until the machine is back and answers what
/// it doesn't know with a reset (section 3.5.1); the work is done by nobody.
#[test]
fn a_crash_while_a_request_is_in_flight_is_silence_until_the_caller_speaks_to_the_next_life() {
    let worked = Arc::new(Mutex::new(0));
    let works = worked.clone();
    lived(1, move |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(move |b| {
            let works = works.clone();
            async move {
                let work = axum::routing::get(move || async move {
                    tokio::time::sleep(2 * SECOND).await;
                    *works.lock().unwrap() += 1;
                    "done"
                });
                let listener = b.listen(80).await.unwrap();
                axum::serve(listener, axum::Router::new().route("/work", work)).await.unwrap();
            }
        });
        u.sleep(SECOND).await;
        let mut stream = a.connect(at(&b, 80)).await.unwrap();
        stream.write_all(b"GET /work HTTP/1.1\r\nhost: b\r\n\r\n").await.unwrap();
        u.sleep(SECOND).await;
        b.crash();
        u.sleep(SECOND / 10).await;
        b.restart();
        assert!(tokio::time::timeout(3600 * SECOND, stream.read_u8()).await.is_err(), "nobody says anything");
        stream.write_all(b"GET /work HTTP/1.1\r\nhost: b\r\n\r\n").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(fetch(&a, at(&b, 80), "/work", Bytes::new()).await.unwrap(), (200, "done".into()));
    });
    assert_eq!(*worked.lock().unwrap(), 1, "the work of the first life was done by nobody");
}

/// A client that connected before the crash and goes on sending after it: its packets reach a machine that knows
/// nothing of the connection, whatever was lost, copied or delayed in between.
#[test]
fn a_server_that_writes_to_a_restarted_client_behind_a_nat_is_reset() {
    lived(1, |u| async move {
        let (alice, server) = (u.host("alice"), u.host("server"));
        let nat = u.network().nat("alice's box", NatKind::PortRestricted, None);
        u.network().put_behind(&alice, nat);
        let listener = server.listen(80).await.unwrap();
        let mut mine = alice.connect(at(&server, 80)).await.unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        u.sleep(SECOND).await;
        mine.write_all(b"last words").await.unwrap();
        u.sleep(MS).await;
        // The acknowledgement is on its way to her when she loses power, and is never repeated.
        alice.crash();
        u.sleep(SECOND).await;
        theirs.write_all(b"still there?").await.unwrap();
        u.sleep(SECOND).await;
        alice.restart();
        let mut words = Vec::new();
        let ended = tokio::time::timeout(60 * SECOND, theirs.read_to_end(&mut words)).await.expect("it has ended");
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

/// What was received and not acknowledged is repeated (RFC 9293 section 3.8.1): a crash that comes with a lost
/// acknowledgement leaves nobody waiting for ever.
#[test]
fn a_lost_acknowledgement_and_a_crash_leave_nobody_hanging() {
    let answer = |what: &'static str, wanted: fn(&Packet) -> bool| {
        lived(1, move |u| async move {
            let (a, b) = (u.host("a"), u.host("b"));
            b.boot(keep_connections);
            u.sleep(SECOND).await;
            u.network().lose(1, from_ref(&b), from_ref(&a), what, wanted);
            let (dialer, to) = (a.clone(), at(&b, 80));
            let call = tokio::task::spawn_local(async move {
                let mut stream = dialer.connect(to).await.map_err(|error| error.kind())?;
                stream.write_all(b"hello").await.map_err(|error| error.kind())?;
                stream.read_u8().await.map_err(|error| error.kind())
            });
            u.sleep(100 * MS).await;
            b.crash();
            u.sleep(3 * SECOND).await;
            b.restart();
            tokio::time::timeout(30 * SECOND, call).await.map(Result::unwrap)
        })
        .result
        .unwrap()
    };
    let syn_lost = answer("the SYN-ACK is lost", |packet| packet.segment().is_some_and(|s| s.flags.syn));
    assert!(syn_lost.is_err(), "the connection is made with the next life, which says nothing: {syn_lost:?}");
    let ack_lost =
        answer("the request's acknowledgement is lost", |packet| packet.segment().is_some_and(|s| !s.flags.syn));
    assert_eq!(ack_lost, Ok(Err(ErrorKind::ConnectionReset)));
}

/// With a lost reset, too: the SYN is repeated after a second, and refused again.
#[test]
fn a_lost_refusal_is_given_again() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let reset = |packet: &Packet| packet.segment().is_some_and(|segment| segment.flags.rst);
        u.network().lose(1, from_ref(&b), from_ref(&a), "the refusal is lost", reset);
        let refused = tokio::time::timeout(10 * SECOND, a.connect(at(&b, 80))).await.expect("an answer");
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(u.now().as_nanos() / 1_000_000_000, 1);
    });
}

/// A SYN that is in the air while its receiver loses power reaches the next life: the connection that it opens is as
/// good as any other, on a network that reorders and copies.
#[test]
fn a_connection_that_began_before_the_peers_crash_delivers_everything_in_order() {
    for seed in 0..10 {
        lived(seed, move |u| async move {
            let (a, b) = (u.host("a"), u.host("b"));
            b.boot(|b| async move {
                let listener = b.listen(80).await.unwrap();
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await.unwrap();
                    stream.write_all(&all).await.unwrap();
                }
            });
            u.sleep(SECOND).await;
            let between = u.network().between(&a, &b);
            between.cut();
            let (dialer, to) = (a.clone(), at(&b, 80));
            let attempt = tokio::task::spawn_local(async move { dialer.connect(to).await });
            u.sleep(SECOND / 2).await;
            b.crash();
            b.restart();
            between.heal();
            between.reorders(0.3).unwrap();
            between.duplicates(0.3).unwrap();
            between.loses(0.1).unwrap();
            let mut stream = attempt.await.unwrap().unwrap();
            let sent: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
            let (mut reader, mut writer) = tokio::io::split(&mut stream);
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
            let mut back = Vec::new();
            tokio::time::timeout(3600 * SECOND, reader.read_to_end(&mut back)).await.expect("it all comes").unwrap();
            assert!(back == sent, "seed {seed}");
        });
    }
}

// --- connections and what the network does to them ------------------------------------------------------------------

/// RFC 9293 section 3.4: segments that come twice, late, or with a wrong checksum are TCP's business, not its users'.
#[test]
fn tcp_delivers_exactly_what_was_sent_over_links_that_copy_reorder_corrupt_and_lose() {
    for seed in 0..8 {
        let outcome = lived(seed, |u| async move {
            let (a, b) = (u.host("a"), u.host("b"));
            let between = u.network().between(&a, &b);
            between.duplicates(0.2).unwrap();
            between.reorders(0.2).unwrap();
            between.corrupts(0.2).unwrap();
            between.loses(0.1).unwrap();
            between.has_jitter(30 * MS, 25 * MS).unwrap();
            b.boot(|b| async move {
                let listener = b.listen(80).await.unwrap();
                while let Ok((mut stream, _)) = listener.accept().await {
                    b.spawn(async move {
                        let (mut reader, mut writer) = tokio::io::split(&mut stream);
                        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
                        writer.shutdown().await.unwrap();
                    });
                }
            });
            u.sleep(SECOND).await;
            for round in 0..20u32 {
                let mut stream = a.connect(at(&b, 80)).await.unwrap();
                let sent: Vec<u8> = (0..20_000u32).map(|i| ((i + round) % 251) as u8).collect();
                stream.write_all(&sent).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut back = Vec::new();
                stream.read_to_end(&mut back).await.unwrap();
                assert!(back == sent);
            }
            u.sleep(600 * SECOND).await;
            assert_eq!(
                (a.socket_count(), b.socket_count()),
                (0, 1),
                "every connection has closed, the listener is left"
            );
        });
        assert_eq!(outcome.faults_that_met_nothing().count(), 0);
    }
}

/// RFC 1122 section 4.2.2.13: nobody reads on a closed connection, so who writes to it is told; what its peer had still
/// to say comes first.
#[test]
fn who_goes_on_writing_to_a_connection_that_its_peer_has_closed_is_reset() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(|b| async move {
            let listener = b.listen(80).await.unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(b"goodbye").await.unwrap();
            }
        });
        u.sleep(SECOND).await;
        let mut stream = a.connect(at(&b, 80)).await.unwrap();
        let mut words = Vec::new();
        stream.read_to_end(&mut words).await.unwrap();
        assert_eq!(words, b"goodbye");
        stream.write_all(b"but").await.unwrap();
        u.sleep(SECOND).await;
        assert_eq!(stream.write_all(b"wait").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!((a.socket_count(), b.socket_count()), (0, 1), "the listener is left");
    });
}

/// A partition of ten seconds is shorter than any TCP's patience (RFC 9293 section 3.8.3: at least 100 s), so what is
/// connected stays connected: the same HTTP connection answers, the same WebSocket echoes.
#[test]
fn a_kept_alive_http_connection_and_a_websocket_survive_a_partition_of_10_seconds() {
    let outcome = lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.boot(serve_http);
        b.boot(serve_websocket);
        u.sleep(SECOND).await;
        let stream = a.connect(at(&b, 80)).await.unwrap();
        let (mut http, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::task::spawn_local(connection);
        let stream = a.connect(at(&b, 81)).await.unwrap();
        let (mut websocket, _) = tokio_tungstenite::client_async("ws://b/", stream).await.unwrap();
        let get = || hyper::Request::get("/hello").header("host", "b").body(Empty::<Bytes>::new()).unwrap();
        for round in 0..3 {
            let between = u.network().between(&a, &b);
            if round == 1 {
                between.cut();
                let u = u.clone();
                tokio::task::spawn_local(async move {
                    u.sleep(10 * SECOND).await;
                    between.heal();
                });
            }
            let before = u.now();
            let answer = http.send_request(get()).await.unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
            websocket.send(Message::text("still there?")).await.unwrap();
            assert_eq!(websocket.next().await.unwrap().unwrap(), Message::text("still there?"));
            assert_eq!(u.now() - before > 10 * SECOND, round == 1);
        }
        assert_eq!(a.socket_count(), 2, "no connection was opened beside the first two");
    });
    assert_eq!(outcome.faults_that_met_nothing().count(), 0);
}

/// A machine that sleeps hasn't forgotten what it was about to send: its TCP sends it on waking.
#[test]
fn bytes_that_were_written_as_the_lid_closed_leave_when_it_opens() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let listener = b.listen(80).await.unwrap();
        let mut mine = a.connect(at(&b, 80)).await.unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        u.sleep(SECOND).await;
        mine.write_all(b"good night").await.unwrap();
        a.pause();
        let mut words = [0; 10];
        assert!(tokio::time::timeout(60 * SECOND, theirs.read_exact(&mut words)).await.is_err());
        a.resume();
        tokio::time::timeout(SECOND, theirs.read_exact(&mut words)).await.expect("they leave on waking").unwrap();
        assert_eq!(&words, b"good night");

        let mut attempt = Box::pin(a.connect(at(&b, 80)));
        assert!(attempt.as_mut().now_or_never().is_none());
        a.pause();
        assert!(tokio::time::timeout(60 * SECOND, attempt.as_mut()).await.is_err());
        a.resume();
        tokio::time::timeout(SECOND, attempt).await.expect("so does a SYN").unwrap();

        // Closed by somebody else while it sleeps, the connection ends when it wakes.
        a.pause();
        drop(mine);
        u.sleep(SECOND).await;
        a.resume();
        let ended = tokio::time::timeout(SECOND, theirs.read(&mut words)).await.expect("so does a FIN");
        assert_eq!(ended.unwrap(), 0);
    });
}

#[test]
fn a_connection_attempt_that_its_caller_gave_up_knocks_no_more() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        b.crash();
        assert!(tokio::time::timeout(2 * SECOND, a.connect(at(&b, 80))).await.is_err());
        b.restart();
        let before = u.network().counts().sent;
        u.sleep(200 * SECOND).await;
        assert_eq!(u.network().counts().sent, before);
        assert_eq!(a.connect(at(&b, 80)).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_refusal_is_a_refusal_also_after_earlier_connections_to_that_peer_timed_out() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        u.network().set_patience(Patience { connect: 5 * SECOND, data: 9 * SECOND });
        let between = u.network().between(&a, &b);
        let listener = b.listen(80).await.unwrap();
        let mut stream = a.connect(at(&b, 80)).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        u.sleep(SECOND).await;
        between.cut();
        stream.write_all(b"anybody?").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(a.connect(at(&b, 80)).await.unwrap_err().kind(), ErrorKind::TimedOut);
        drop((accepted, listener));
        between.heal();
        u.sleep(SECOND).await;
        assert_eq!(a.connect(at(&b, 80)).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

/// RFC 1122 section 4.1.3.1 makes no difference by size.
#[test]
fn a_fragmented_datagram_to_a_closed_port_is_refused_like_a_small_one() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let socket = a.udp(5060).await.unwrap();
        socket.connect(at(&b, 5060)).await.unwrap();
        socket.send_to(vec![7; 4000], at(&b, 5060)).await.unwrap();
        let heard = tokio::time::timeout(SECOND, socket.recv()).await.expect("the refusal comes");
        assert_eq!(heard.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(u.network().counts_between(&a, &b).lost, 1, "the datagram reached nobody");
    });
}

/// What befalls one of three machines at some moment.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Crash,
    Restart,
    Pause,
    Resume,
    Move,
    ForgetBindings,
    Cut,
    Heal,
}

#[derive(Debug, Clone)]
struct Misfortune {
    seed: u64,
    behind_nat: bool,
    impairments: [bool; 4],
    /// Milliseconds, whom, what.
    blows: Vec<(u64, usize, Blow)>,
    /// Milliseconds, from whom, to whom.
    calls: Vec<(u64, usize, usize)>,
}

fn misfortunes() -> impl Strategy<Value = Misfortune> {
    use Blow::*;
    let blow = prop::sample::select(vec![Crash, Restart, Pause, Resume, Move, ForgetBindings, Cut, Heal]);
    (
        any::<u64>(),
        any::<bool>(),
        any::<[bool; 4]>(),
        prop::collection::vec((0u64..20_000, 0usize..3, blow), 0..12),
        prop::collection::vec((0u64..20_000, 0usize..3, 0usize..2), 1..6),
    )
        .prop_map(|(seed, behind_nat, impairments, mut blows, calls)| {
            blows.sort_by_key(|(at, ..)| *at);
            Misfortune { seed, behind_nat, impairments, blows, calls }
        })
}

/// Echoes what it gets.
async fn echo(host: Host) {
    let listener = host.listen(80).await.unwrap();
    while let Ok((mut stream, _)) = listener.accept().await {
        host.spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(&mut stream);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
    }
}

/// Goes on talking until the connection answers or ends, once the world is whole again.
async fn talk(u: Universe, from: Host, to: SocketAddrV4, whole_again: SimTime) -> Result<(), ErrorKind> {
    let mut stream = from.connect(to).await.map_err(|error| error.kind())?;
    let mut heard = vec![0; 4096];
    let (mut said, mut echoed) = (0u8, 0u8);
    loop {
        let words: Vec<u8> = (0..500)
            .map(|_| {
                said = said.wrapping_add(1);
                said
            })
            .collect();
        stream.write_all(&words).await.map_err(|error| error.kind())?;
        match tokio::time::timeout(5 * SECOND, stream.read(&mut heard)).await {
            Ok(Ok(0)) => return Err(ErrorKind::UnexpectedEof),
            Ok(Ok(length)) => {
                for byte in &heard[..length] {
                    echoed = echoed.wrapping_add(1);
                    assert_eq!(*byte, echoed, "an echo says what was said");
                }
                if u.now() > whole_again {
                    return Ok(());
                }
                u.sleep(SECOND).await;
            }
            Ok(Err(error)) => return Err(error.kind()),
            Err(_) => {}
        }
    }
}

async fn suffer(u: Universe, plan: Misfortune) {
    let cast = [u.host("a"), u.host("b"), u.host("c")];
    let nat = u.network().nat("the box", NatKind::PortRestricted, None);
    if plan.behind_nat {
        u.network().put_behind(&cast[2], nat);
    }
    cast.iter().for_each(|host| host.boot(echo));
    let everywhere = u.network().everywhere();
    for (_, how) in plan.impairments.iter().zip(0..).filter(|(wanted, _)| **wanted) {
        match how {
            0 => everywhere.loses(0.1),
            1 => everywhere.duplicates(0.2),
            2 => everywhere.reorders(0.2),
            _ => everywhere.corrupts(0.1),
        }
        .unwrap();
    }
    let whole_again = SimTime(30_000_000_000);
    let calls: Vec<_> = plan
        .calls
        .into_iter()
        .filter(|(_, from, to)| from != to)
        .map(|(at, from, to)| {
            let (u, from, to) = (u.clone(), cast[from].clone(), cast[to].clone());
            tokio::task::spawn_local(async move {
                u.sleep(u32::try_from(at).unwrap() * MS).await;
                let to = SocketAddrV4::new(to.address(), 80);
                // 127 s for a SYN, 924 s for data, and a while to notice.
                let ended = tokio::time::timeout(3000 * SECOND, talk(u, from, to, whole_again)).await;
                assert!(ended.is_ok(), "whoever talks hears an answer or an end");
            })
        })
        .collect();
    for (at, whom, blow) in plan.blows {
        tokio::time::sleep(Duration::from_millis(at).saturating_sub(u.now().since(SimTime::ZERO))).await;
        let (host, next) = (&cast[whom], &cast[(whom + 1) % 3]);
        match blow {
            Blow::Crash => host.crash(),
            Blow::Restart => host.restart(),
            Blow::Pause => host.pause(),
            Blow::Resume => host.resume(),
            Blow::Move => {
                u.network().move_host(host, "4G").unwrap();
            }
            Blow::ForgetBindings => {
                u.network().forget_bindings(nat);
            }
            Blow::Cut => {
                u.network().between(host, next).cut();
            }
            Blow::Heal => {
                u.network().between(host, next).heal();
            }
        }
    }
    tokio::time::sleep(whole_again.since(u.now())).await;
    for host in &cast {
        host.resume();
        host.restart();
    }
    everywhere.heal();
    for call in calls {
        call.await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Whatever happens to machines, lids, addresses, bindings and packets, in whatever order: nobody's connection
    /// hangs, nothing is heard that wasn't said, and every packet is accounted for.
    #[test]
    fn whoever_goes_on_talking_is_answered_or_told_that_its_over(plan in misfortunes()) {
        let outcome = Universe::seeded(plan.seed).run(move |u| suffer(u, plan));
        prop_assert_eq!(outcome.result.clone(), Ok(()));
        let packets = outcome.packets;
        prop_assert_eq!(packets.sent + packets.copied, packets.arrived + packets.lost);
    }
}

// --- lids and clocks ------------------------------------------------------------------------------------------------

/// Keeps the moments at which each address sent.
#[derive(Default)]
struct Senders(Vec<(SimTime, std::net::Ipv4Addr)>);

impl Tap for Senders {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        if seen.stage == Stage::Sent {
            self.0.push((
                seen.at,
                std::net::Ipv4Addr::new(seen.bytes[12], seen.bytes[13], seen.bytes[14], seen.bytes[15]),
            ));
        }
    }

    fn event(&mut self, _: &Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

#[test]
fn what_libraries_spawned_on_a_laptop_sends_nothing_while_the_lid_is_closed() {
    let senders = Arc::new(Mutex::new(Senders::default()));
    let outcome = Universe::seeded(1).tap(senders.clone()).run(|u| async move {
        let (laptop, server) = (u.host("laptop"), u.host("server"));
        server.boot(serve_http);
        server.boot(|server| async move {
            let socket = server.udp(9).await.unwrap();
            while socket.recv().await.is_ok() {}
        });
        u.sleep(SECOND).await;
        let (udp, web) = (at(&server, 9), at(&server, 80));
        let me = laptop.clone();
        laptop.spawn(async move {
            let socket = me.udp(5060).await.unwrap();
            let stream = me.connect(web).await.unwrap();
            let (mut http, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(20 * MS).await;
                    socket.send_to(&b"keepalive"[..], udp).await.unwrap();
                }
            });
            tokio::spawn(async move {
                loop {
                    let get = hyper::Request::get("/hello").header("host", "b").body(Empty::<Bytes>::new()).unwrap();
                    http.send_request(get).await.unwrap().into_body().collect().await.unwrap();
                    tokio::time::sleep(100 * MS).await;
                }
            });
        });
        u.sleep(9 * SECOND).await;
        laptop.pause();
        u.sleep(20 * SECOND).await;
        laptop.resume();
        u.sleep(10 * SECOND).await;
        laptop.address()
    });
    let laptop = outcome.result.unwrap();
    let seconds = |from: u64, to: u64| {
        let span = SimTime(from * 1_000_000_000)..SimTime(to * 1_000_000_000);
        senders.lock().unwrap().0.iter().filter(|(at, who)| span.contains(at) && *who == laptop).count()
    };
    assert!(seconds(1, 10) > 400);
    assert_eq!(seconds(10, 30), 0);
    assert!(seconds(30, 40) > 400, "the timers fire, the connection goes on: {}", seconds(30, 40));
}

/// A thousand turns behind a closed lid leave no thousand wake-ups to serve when it opens.
#[test]
fn a_library_that_polls_behind_a_closed_lid_all_night_costs_nothing_in_the_morning() {
    let limits = Limits { events: 5_000_000, ..Limits::default() };
    let outcome = Universe::seeded(1).limits(limits).run(|u| async move {
        let laptop = u.host("laptop");
        let polls = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let count = polls.clone();
        let socket = laptop.udp(5060).await.unwrap();
        laptop.spawn(async move {
            tokio::spawn(async move {
                loop {
                    let _ = tokio::time::timeout(20 * MS, socket.recv()).await;
                    count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        });
        u.sleep(SECOND).await;
        laptop.pause();
        u.sleep(8 * 3600 * SECOND).await;
        laptop.resume();
        polls.load(std::sync::atomic::Ordering::Relaxed)
    });
    assert!(outcome.result.unwrap() > 1_000_000);
}

#[test]
fn a_skewed_clock_is_seen_by_library_tasks_of_its_host_and_by_nobody_else() {
    let outcome = lived(1, |u| async move {
        let (skewed, straight) = (u.host("skewed"), u.host("straight"));
        skewed.set_clock_ahead(3600 * SECOND);
        let read = |host: &Host| {
            host.spawn(async {
                let deep = async { tokio::spawn(async { SystemTime::now() }).await.unwrap() };
                tokio::spawn(deep).await.unwrap()
            })
        };
        let (ahead, right) = (read(&skewed).await.unwrap(), read(&straight).await.unwrap());
        assert_eq!(ahead.duration_since(right).unwrap(), 3600 * SECOND);
        assert_eq!(SystemTime::now(), right, "the test's own clock is the true one");
    });
    assert_eq!(outcome.faults[0].outcome(), FaultOutcome::Hit);
}

// --- one seed, separate streams -------------------------------------------------------------------------------------

/// What `b` draws, in every way that a program can, while `a` draws so often.
fn draws_of_b(draws_on_a: usize) -> Vec<u64> {
    lived(7, move |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let me = a.clone();
        a.spawn(async move {
            for _ in 0..draws_on_a {
                me.random(|random| random.next_u64());
                let _ = uuid::Uuid::new_v4();
                let mut entropy = [0u8; 8];
                ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut entropy).unwrap();
            }
        });
        u.sleep(SECOND).await;
        let me = b.clone();
        let mut seen = b
            .spawn(async move {
                let mut entropy = [0u8; 8];
                ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut entropy).unwrap();
                let uuid = uuid::Uuid::new_v4().as_u64_pair();
                vec![me.random(|random| random.next_u64()), u64::from_le_bytes(entropy), uuid.0, uuid.1]
            })
            .await
            .unwrap();
        seen.push(u.random("workload").next_u64());
        seen
    })
    .result
    .unwrap()
}

#[test]
fn a_draw_added_on_one_host_moves_no_draw_of_another_or_of_the_test() {
    let before = draws_of_b(0);
    assert_eq!(before, draws_of_b(1));
    assert_eq!(before, draws_of_b(100));
}

#[test]
fn a_draw_added_on_a_host_moves_no_packets_fate() {
    let fates = |draws: u64| {
        lived(7, move |u| async move {
            let (a, b) = (u.host("a"), u.host("b"));
            u.network().between(&a, &b).loses(0.3).unwrap();
            let receiver = b.udp(9).await.unwrap();
            let (me, to) = (a.clone(), at(&b, 9));
            a.spawn(async move {
                let socket = me.udp(0).await.unwrap();
                for number in 0..100u8 {
                    for _ in 0..draws {
                        me.random(|random| random.next_u64());
                    }
                    socket.send_to(vec![number], to).await.unwrap();
                }
            });
            u.sleep(SECOND).await;
            let mut arrived = Vec::new();
            while let Ok(Some((payload, _))) = receiver.try_recv() {
                arrived.push(payload[0]);
            }
            arrived
        })
        .result
        .unwrap()
    };
    assert_eq!(fates(0), fates(3));
}

// --- the real world -------------------------------------------------------------------------------------------------

fn forbidden(what: impl FnOnce() + Send + 'static) -> &'static str {
    let outcome = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async move { what() });
        u.sleep(SECOND).await;
    });
    match outcome.result {
        Err(Cause::Forbidden { host: Some(host), what }) if host == "crm" => what,
        other => panic!("{other:?}"),
    }
}

/// glibc resolves names through sockets of its own, which no other refusal sees.
#[test]
fn a_look_up_in_the_real_dns_fails_the_run() {
    assert!(forbidden(|| drop(("localhost", 80).to_socket_addrs())).contains("look-up"));
}

#[test]
fn a_real_pair_of_sockets_fails_the_run() {
    assert!(forbidden(|| drop(std::os::unix::net::UnixStream::pair())).contains("socket"));
}

/// A wait with a time-out lasts as long as the real clock says.
#[test]
fn a_blocking_wait_with_a_time_out_fails_the_run() {
    let waited = forbidden(|| {
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(3600 * SECOND);
    });
    assert!(waited.contains("blocking"), "{waited}");
    assert!(forbidden(|| std::thread::park_timeout(3600 * SECOND)).contains("blocking"));
    let until_a_moment = || {
        let begun = std::time::Instant::now();
        while begun.elapsed() < 3600 * SECOND {
            std::thread::sleep(SECOND);
        }
    };
    assert_eq!(forbidden(until_a_moment), "a blocking sleep");
}

/// Not every library asks by clock_gettime: C code calls time and gettimeofday, which glibc answers by itself.
#[test]
fn the_older_clocks_of_libc_tell_the_universes_time() {
    lived(1, |u| async move {
        u.sleep(90 * SECOND).await;
        let skewed = u.host("skewed");
        skewed.set_clock_ahead(3600 * SECOND);
        let read = || {
            let mut time = libc::timeval { tv_sec: 0, tv_usec: 0 };
            // SAFETY: `time` is writable, and no time zone is asked for; `time` takes no pointer here.
            let seconds = unsafe {
                assert_eq!(libc::gettimeofday(&mut time, std::ptr::null_mut()), 0);
                libc::time(std::ptr::null_mut())
            };
            (seconds as u64, time.tv_sec as u64)
        };
        let now = busyhour::DEFAULT_BIRTH + 90;
        assert_eq!(read(), (now, now));
        assert_eq!(skewed.spawn(async move { read() }).await.unwrap(), (now + 3600, now + 3600));
    });
}

/// getrandom with no buffer is how libraries ask whether there is one.
#[test]
fn asking_for_no_entropy_at_all_is_answered() {
    lived(1, |_| async {
        // SAFETY: nothing is written to a buffer of no bytes.
        unsafe {
            assert_eq!(libc::getrandom(std::ptr::null_mut(), 0, libc::GRND_NONBLOCK), 0);
            assert_eq!(libc::syscall(libc::SYS_getrandom, std::ptr::null_mut::<u8>(), 0usize, 0u32), 0);
        }
    });
}

// --- how universes end ----------------------------------------------------------------------------------------------

#[test]
fn sockets_and_hosts_may_leave_their_universe_and_be_dropped_anywhere() {
    let left = simulate(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let listener = b.listen(80).await.unwrap();
        let stream = a.connect(at(&b, 80)).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        (a.udp(9).await.unwrap(), stream, accepted, listener, a)
    });
    std::thread::spawn(move || drop(left)).join().unwrap();
    // One that nobody will ever drop keeps no universe from ending.
    simulate(1, |u| async move {
        let a = u.host("a");
        std::mem::forget(a.listen(80).await.unwrap());
        std::mem::forget(a.udp(9).await.unwrap());
    });
}

#[test]
fn a_host_used_on_another_thread_says_what_is_wrong() {
    let host = simulate(1, |u| async move { u.host("a") });
    let message = std::thread::spawn(move || {
        let payload = std::panic::catch_unwind(|| host.address()).unwrap_err();
        payload.downcast_ref::<String>().cloned().or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
    });
    assert_eq!(message.join().unwrap().unwrap(), "a host is used on the thread of its universe, while it lasts");
}

/// The closure runs before its future does.
#[test]
fn a_panic_before_the_first_await_is_an_outcome_like_any_other() {
    let outcome = Universe::seeded(1).run(|u| {
        u.host("a");
        u.host("a");
        async {}
    });
    match outcome.result {
        Err(Cause::Panicked { host: None, message, .. }) => {
            assert!(message.contains("there is a host called"), "{message}")
        }
        other => panic!("{other:?}"),
    }
}

struct Verified(&'static str);

impl Drop for Verified {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("{} was never called", self.0);
        }
    }
}

/// Mocks verify in Drop what they expected: for a server, that's when its universe ends.
#[test]
fn a_panic_in_a_drop_at_the_universes_end_fails_the_run_and_names_the_host() {
    let outcome = Universe::seeded(1).run(|u| async move {
        u.host("crm").spawn(async {
            let _mock = Verified("POST /calls");
            std::future::pending::<()>().await;
        });
        u.sleep(SECOND).await;
    });
    match outcome.result {
        Err(Cause::Panicked { message, .. }) => assert_eq!(message, "POST /calls was never called"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_in_a_drop_of_the_test_doesnt_hide_why_the_run_ended() {
    let outcome = Universe::seeded(1).deadline(SECOND).run(|_| async {
        let _mock = Verified("POST /calls");
        std::future::pending::<()>().await;
    });
    assert_eq!(outcome.result, Err(Cause::Deadline { limit: SECOND }));
    assert_eq!(outcome.ended_at, SimTime(1_000_000_000));
}

/// The test's own code counts as progress, though no task takes a turn.
#[test]
fn a_long_run_in_which_only_the_test_itself_moves_isnt_taken_for_a_busy_loop() {
    let limits = Limits { stall: Duration::from_millis(200), ..Limits::default() };
    let outcome = Universe::seeded(1).limits(limits).run(|u| async move {
        let (mut turns, cpu) = (0u64, busyhour::world::process_cpu_time());
        while busyhour::world::process_cpu_time() - cpu < Duration::from_millis(800) {
            u.sleep(MS).await;
            turns += 1;
        }
        turns
    });
    assert!(outcome.result.unwrap() > 100);
}

#[test]
fn a_test_that_yields_for_ever_in_one_instant_is_a_livelock() {
    let limits = Limits { turns_in_an_instant: 100_000, ..Limits::default() };
    let outcome = Universe::seeded(1).limits(limits).run(|_| async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let result: Result<(), Cause> = outcome.result;
    assert!(matches!(result, Err(Cause::Livelock { host: None, .. })), "{result:?}");
}

/// A thousand hosts that wake at the same moment are busy, not stuck.
#[test]
fn a_thousand_hosts_that_move_at_once_are_no_livelock() {
    let limits = Limits { turns_in_an_instant: 20_000, ..Limits::default() };
    let outcome = Universe::seeded(1).limits(limits).run(|u| async move {
        for number in 0..1000 {
            u.host(&format!("h{number}")).boot(|host| async move {
                loop {
                    host.sleep(SECOND).await;
                }
            });
        }
        u.sleep(100 * SECOND).await;
    });
    outcome.result.unwrap();
}

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The child of the next test: lives many universes, each with handles of itself wherever they can be kept.
#[test]
fn a_process_lives_many_universes() {
    if std::env::var("BUSYHOUR_TEST_MANY_UNIVERSES").is_err() {
        return;
    }
    let live = |count: u64| {
        for seed in 0..count {
            simulate(seed, |u| async move {
                let (a, b) = (u.host("a"), u.host("b"));
                let mine = u.clone();
                u.network().lose(99, &[], &[], "never", move |_| mine.now() > SimTime::ZERO);
                let keeps = u.clone();
                b.boot(move |b| {
                    let keeps = keeps.clone();
                    async move {
                        let listener = b.listen(80).await.unwrap();
                        while let Ok((mut stream, _)) = listener.accept().await {
                            let (me, keeps) = (b.clone(), keeps.clone());
                            b.spawn(async move {
                                let _ = stream.read_u8().await;
                                me.sleep(3600 * SECOND).await;
                                drop(keeps);
                            });
                        }
                    }
                });
                u.sleep(MS).await;
                let mut stream = a.connect(at(&b, 80)).await.unwrap();
                stream.write_all(&vec![7; 20_000]).await.unwrap();
                let inbox = b.udp(9).await.unwrap();
                a.udp(9).await.unwrap().send_to(vec![7; 60_000], at(&b, 9)).await.unwrap();
                let waits = u.clone();
                a.spawn(async move {
                    let _ = inbox.recv().await;
                    waits.sleep(3600 * SECOND).await;
                });
                u.sleep(SECOND).await;
                b.crash();
            });
        }
    };
    live(500);
    let before = resident_kilobytes();
    live(2000);
    let after = resident_kilobytes();
    println!("\ngrown={}", after.saturating_sub(before));
    let _ = std::io::stdout().flush();
}

/// In a process of its own: other tests' memory is not its business.
#[test]
fn universes_leave_nothing_behind_in_memory() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_lives_many_universes", "--nocapture"])
        .env("BUSYHOUR_TEST_MANY_UNIVERSES", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(child.stdout).unwrap();
    let grown = printed.lines().find_map(|line| line.strip_prefix("grown=")).expect(&printed);
    // A universe of these holds a hundred kilobytes and more: two thousand that stayed would be 200 MB.
    assert!(grown.parse::<u64>().unwrap() < 20_000, "{grown} kB stayed behind of 2,000 universes");
}
