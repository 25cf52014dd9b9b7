//! Datagrams, faults and what they hit, as programs on hosts see them.

use std::io::ErrorKind;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::net::packet::Protocol;
use busyhour::net::{Only, PacketCounts, UdpSocket};
use busyhour::trace::{Event, Log, PacketSeen, SimTime, Stage};
use busyhour::world::{FaultOutcome, Host, Tap};
use busyhour::{Outcome, Universe};
use busyhour_tests::lived;
use bytes::Bytes;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

async fn pair(u: &Universe) -> (Host, Host, UdpSocket, UdpSocket, SocketAddrV4) {
    let (a, b) = (u.host("a"), u.host("b"));
    let (from, to) = (a.udp(4000).await.unwrap(), b.udp(4000).await.unwrap());
    let address = to.local_addr();
    (a, b, from, to, address)
}

/// Everything that has come within a second, with when it came.
async fn drain(u: &Universe, socket: &UdpSocket) -> Vec<(SimTime, Bytes)> {
    let mut got = Vec::new();
    while let Ok(Ok((payload, _))) = tokio::time::timeout(SECOND, socket.recv()).await {
        got.push((u.now(), payload));
    }
    got
}

fn number(bytes: &Bytes) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

async fn send_numbers(u: &Universe, socket: &UdpSocket, to: SocketAddrV4, count: u32) {
    for number in 0..count {
        socket.send_to(Bytes::copy_from_slice(&number.to_be_bytes()), to).await.unwrap();
        u.sleep(MS).await;
    }
}

/// Sends numbered datagrams over a network that was made worse, and returns the numbers that came.
fn numbers_over(seed: u64, worsen: impl FnOnce(&Universe, &Host, &Host) + Send + 'static) -> Outcome<Vec<u32>> {
    lived(seed, |u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        worsen(&u, &a, &b);
        let receiving = {
            let u = u.clone();
            tokio::task::spawn_local(async move { drain(&u, &to).await })
        };
        send_numbers(&u, &from, address, 1000).await;
        receiving.await.unwrap().iter().map(|(_, payload)| number(payload)).collect()
    })
}

/// Of 1,000 draws with probability p, 5 standard deviations either way hold in all but one in a million runs.
fn about(count: usize, probability: f64) -> bool {
    let expected = 1000.0 * probability;
    (count as f64 - expected).abs() <= 5.0 * (expected * (1.0 - probability)).sqrt()
}

#[test]
fn a_network_without_faults_delivers_everything_once_and_in_order() {
    let got = numbers_over(1, |_, _, _| ()).result.unwrap();
    assert_eq!(got, (0..1000).collect::<Vec<_>>());
}

#[test]
fn loss_takes_its_share_over_many_seeds() {
    for seed in 0..20 {
        let outcome = numbers_over(seed, |u, a, b| {
            u.network().between(a, b).loses(0.05).unwrap();
        });
        let lost = 1000 - outcome.result.as_ref().unwrap().len();
        assert!(about(lost, 0.05), "seed {seed}: {lost}");
        assert_eq!(outcome.faults[0].hits, lost as u64);
        assert_eq!(outcome.faults[0].seen, 1000);
    }
}

#[test]
fn losses_on_one_link_add_up() {
    let got = numbers_over(1, |u, a, b| {
        u.network().between(a, b).loses(0.5).unwrap();
        u.network().everywhere().loses(0.5).unwrap();
    });
    let lost = 1000 - got.result.unwrap().len();
    assert!(about(lost, 0.75), "{lost}");
}

/// Tasks wake at whole milliseconds, and packets arrive between two: what is lost as it's sent mustn't be seen before
/// what had arrived by then.
#[test]
fn a_tap_sees_what_becomes_of_packets_in_the_order_of_their_times() {
    let times = Arc::new(Mutex::new(Times::default()));
    let universe = Universe::seeded(3).tap(Arc::clone(&times));
    let outcome = universe.run(|u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        u.network().between(&a, &b).has_jitter(5 * MS, 2 * MS).unwrap();
        u.network().between(&a, &b).loses(0.2).unwrap();
        let nobody = SocketAddrV4::new([203, 0, 113, 99].into(), 9);
        for number in 0..1000u32 {
            from.send_to(Bytes::copy_from_slice(&number.to_be_bytes()), address).await.unwrap();
            to.send_to(Bytes::new(), nobody).await.unwrap();
            u.sleep(MS).await;
        }
    });
    outcome.result.unwrap();
    let times = times.lock().unwrap();
    assert!(times.arrived > 700 && times.lost > 1100, "{times:?}");
    assert_eq!(times.backwards, 0, "{times:?}");
}

#[derive(Debug, Default)]
struct Times {
    last: SimTime,
    arrived: u64,
    lost: u64,
    backwards: u64,
}

impl Tap for Times {
    fn packet(&mut self, seen: &PacketSeen<'_>, _: &Log) {
        match seen.stage {
            Stage::Sent | Stage::Copied { .. } => return,
            Stage::Arrived => self.arrived += 1,
            Stage::Lost(_) => self.lost += 1,
        }
        self.backwards += u64::from(seen.at < self.last);
        self.last = seen.at;
    }

    fn event(&mut self, _: &Event, _: &Log) {}

    fn finish(&mut self, _: SimTime, _: &Log) {}
}

#[test]
fn duplicates_come_twice_reordered_ones_late_and_corrupt_ones_never() {
    let twice = numbers_over(1, |u, a, b| {
        u.network().between(a, b).duplicates(0.1).unwrap();
    });
    let count = twice.result.unwrap().len() - 1000;
    assert!(about(count, 0.1), "{count}");
    assert_eq!(twice.packets.copied, count as u64);

    let late = numbers_over(1, |u, a, b| {
        u.network().between(a, b).reorders(0.02).unwrap();
    });
    let got = late.result.unwrap();
    assert_eq!(got.len(), 1000);
    let overtaken = got.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(overtaken > 0 && overtaken as u64 <= late.faults[0].hits, "{overtaken}");

    let corrupt = numbers_over(1, |u, a, b| {
        u.network().between(a, b).corrupts(0.1).unwrap();
    });
    let got = corrupt.result.unwrap();
    assert!(about(1000 - got.len(), 0.1));
    assert!(got.windows(2).all(|pair| pair[0] < pair[1]), "what comes is whole");
}

#[test]
fn latency_and_jitter_keep_their_bounds_and_the_order() {
    lived(1, |u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        u.network().between(&a, &b).has_jitter(80 * MS, 20 * MS).unwrap();
        let mut seen = Vec::new();
        for _ in 0..200 {
            let before = u.now();
            from.send_to(&b"x"[..], address).await.unwrap();
            to.recv().await.unwrap();
            seen.push(u.now() - before);
        }
        // The office LAN's millisecond comes on top, and a timer's whole millisecond.
        assert!(seen.iter().all(|delay| (61 * MS..=102 * MS).contains(delay)), "{seen:?}");
        assert!(seen.iter().any(|delay| *delay < 70 * MS) && seen.iter().any(|delay| *delay > 90 * MS));
    });
}

/// 172 bytes of payload are 200 on the wire: at 256 kbit a second, one each 6.25 ms.
#[test]
fn a_slow_line_spaces_packets_by_its_rate_and_drops_what_its_queue_cant_hold() {
    lived(1, |u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        u.network().between(&a, &b).carries_at_most_with_queue(256_000, 2_000).unwrap();
        for _ in 0..20 {
            from.send_to(vec![0u8; 172], address).await.unwrap();
        }
        let got = drain(&u, &to).await;
        // One is on the line, ten wait.
        assert_eq!(got.len(), 11);
        let took = got[10].0 - got[0].0;
        assert!((62 * MS..=64 * MS).contains(&took), "{took:?}");
    });
}

/// RFC 791 section 3.2: a datagram of 4,000 bytes crosses a 1,500 byte link in three fragments; one lost is all lost.
#[test]
fn a_large_datagram_travels_in_fragments_and_dies_with_any_of_them() {
    let whole = lived(1, |u| async move {
        let (_, _, from, to, address) = pair(&u).await;
        let large = Bytes::from((0..4000u32).map(|i| i as u8).collect::<Vec<_>>());
        from.send_to(large.clone(), address).await.unwrap();
        assert_eq!(to.recv().await.unwrap().0, large);
    });
    assert_eq!(whole.packets.sent, 3);
    let broken = lived(1, |u| async move {
        let (a, _, from, to, address) = pair(&u).await;
        u.network().lose(2, &[a], &[], "the second fragment is lost", |packet| packet.fragment.is_some());
        from.send_to(vec![1u8; 4000], address).await.unwrap();
        assert_eq!(drain(&u, &to).await.len(), 0);
    });
    assert_eq!((broken.packets.sent, broken.packets.lost), (3, 1));
}

#[test]
fn a_datagram_that_just_fits_isnt_fragmented() {
    for (size, packets) in [(1472, 1), (1473, 2)] {
        let outcome = lived(1, move |u| async move {
            let (_, _, from, to, address) = pair(&u).await;
            from.send_to(vec![1u8; size], address).await.unwrap();
            assert_eq!(to.recv().await.unwrap().0.len(), size);
        });
        assert_eq!(outcome.packets.sent, packets);
    }
    for (size, packets) in [(1372, 1), (1373, 2)] {
        let outcome = lived(1, move |u| async move {
            let (a, b, from, to, address) = pair(&u).await;
            u.network().between(&a, &b).has_mtu(1400).unwrap();
            from.send_to(vec![1u8; size], address).await.unwrap();
            assert_eq!(to.recv().await.unwrap().0.len(), size);
        });
        assert_eq!(outcome.packets.sent, packets);
    }
}

/// RFC 1122 section 4.1.3.1; on Linux only a connected socket hears of it.
#[test]
fn a_closed_port_is_answered_and_a_connected_socket_hears_it() {
    lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let nobody = SocketAddrV4::new(b.address(), 9);
        let deaf = a.udp(0).await.unwrap();
        deaf.send_to(&b"x"[..], nobody).await.unwrap();
        assert!(tokio::time::timeout(SECOND, deaf.recv()).await.is_err());
        let connected = a.udp(0).await.unwrap();
        connected.connect(nobody).await.unwrap();
        connected.send_to(&b"x"[..], nobody).await.unwrap();
        assert_eq!(connected.recv().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

/// Linux gives a socket 212,992 bytes.
#[test]
fn a_receiver_that_never_reads_loses_what_doesnt_fit() {
    lived(1, |u| async move {
        let (_, _, from, to, address) = pair(&u).await;
        for _ in 0..300 {
            from.send_to(vec![1u8; 1000], address).await.unwrap();
        }
        u.sleep(SECOND).await;
        assert_eq!(drain(&u, &to).await.len(), 212);
    });
}

#[test]
fn a_port_is_bound_once_and_free_again_after_its_socket() {
    lived(1, |u| async move {
        let a = u.host("a");
        let first = a.udp(5060).await.unwrap();
        let error = a.udp(5060).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert_eq!(error.to_string(), "UDP port 5060 of a is taken");
        drop(first);
        a.udp(5060).await.unwrap();
    });
}

#[test]
fn a_one_way_cut_stops_one_way_and_what_is_on_its_way_is_lost() {
    lived(1, |u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        let back = from.local_addr();
        from.send_to(&b"in flight"[..], address).await.unwrap();
        let cut = u.network().one_way(&a, &b).cut();
        assert_eq!(drain(&u, &to).await.len(), 0, "it was on its way when the cut came");
        to.send_to(&b"other way"[..], back).await.unwrap();
        assert_eq!(drain(&u, &from).await.len(), 1);
        assert_eq!(u.faults()[cut.0 as usize].hits, 1);
        assert_eq!(u.network().between(&a, &b).heal(), 1);
        from.send_to(&b"healed"[..], address).await.unwrap();
        assert_eq!(drain(&u, &to).await.len(), 1);
    });
}

#[test]
fn lifting_one_cut_leaves_the_others() {
    lived(1, |u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        u.network().one_way(&a, &b).cut();
        let both = u.network().between(&a, &b).cut();
        assert_eq!(u.network().lift(both), 2);
        from.send_to(&b"still cut"[..], address).await.unwrap();
        to.send_to(&b"open"[..], from.local_addr()).await.unwrap();
        assert_eq!((drain(&u, &to).await.len(), drain(&u, &from).await.len()), (0, 1));
    });
}

#[test]
fn a_cut_can_be_for_one_protocol_and_one_port() {
    lived(1, |u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        let other = b.udp(4001).await.unwrap();
        u.network().between(&a, &b).cut_only(Only { protocol: Some(Protocol::Udp), port: Some(4001), but_port: None });
        from.send_to(&b"x"[..], address).await.unwrap();
        from.send_to(&b"x"[..], other.local_addr()).await.unwrap();
        assert_eq!(drain(&u, &to).await.len(), 1);
        assert_eq!(drain(&u, &other).await.len(), 0);
    });
}

#[test]
fn a_cut_can_spare_one_port_of_a_protocol() {
    lived(1, |u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        let other = b.udp(4001).await.unwrap();
        let only = Only { protocol: Some(Protocol::Udp), port: None, but_port: Some(4001) };
        u.network().between(&a, &b).cut_only(only);
        from.send_to(&b"x"[..], address).await.unwrap();
        from.send_to(&b"x"[..], other.local_addr()).await.unwrap();
        assert_eq!(drain(&u, &to).await.len(), 0);
        assert_eq!(drain(&u, &other).await.len(), 1);
    });
}

#[test]
fn whom_a_packet_would_reach_is_known_without_sending_one() {
    use busyhour::net::nat::{NatKind, Protocol as Kind};
    lived(1, |u| async move {
        let (server, phone) = (u.host("server"), u.host("phone"));
        let nat = u.network().nat("the phone's NAT", NatKind::PortRestricted, None);
        u.network().put_behind(&phone, nat);
        let (there, here) = (server.udp(5060).await.unwrap(), phone.udp(5060).await.unwrap());
        here.send_to(&b"x"[..], there.local_addr()).await.unwrap();
        let (_, seen) = there.recv().await.unwrap();
        let reached = |port| u.network().would_reach(&server, port, Kind::Udp, seen);
        assert_eq!(reached(5060), Some(phone.id()));
        assert_eq!(reached(5061), None, "the box lets in whom something was sent to");
        u.network().between(&server, &phone).cut();
        assert_eq!(reached(5060), None, "the way is cut");
        u.network().between(&server, &phone).heal();
        u.network().forget_bindings(nat);
        assert_eq!(reached(5060), None, "the box has forgotten it");
    });
}

#[test]
fn a_cut_that_meets_nothing_is_told_apart_from_one_that_does() {
    let outcome = lived(1, |u| async move {
        let (a, b, from, _, address) = pair(&u).await;
        let c = u.host("c");
        u.network().between(&a, &b).cut();
        u.network().between(&a, &c).cut();
        u.network().between(&b, &c).loses(0.5).unwrap();
        from.send_to(&b"x"[..], address).await.unwrap();
    });
    let outcomes: Vec<_> = outcome.faults.iter().map(|fault| fault.outcome()).collect();
    assert_eq!(outcomes, [FaultOutcome::Hit, FaultOutcome::MetNothing, FaultOutcome::MetNothing]);
}

#[test]
fn a_fault_can_be_aimed_at_the_third_datagram_that_matches() {
    lived(1, |u| async move {
        let (a, _, from, to, address) = pair(&u).await;
        u.network().lose(3, &[a], &[], "the third even number is lost", |packet| {
            packet.payload().len() == 4 && number(packet.payload()).is_multiple_of(2)
        });
        send_numbers(&u, &from, address, 10).await;
        let got: Vec<u32> = drain(&u, &to).await.iter().map(|(_, payload)| number(payload)).collect();
        assert_eq!(got, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    });
}

#[test]
fn a_closed_lid_loses_datagrams_and_fires_timers_on_waking() {
    lived(1, |u| async move {
        let (_, b, from, to, address) = pair(&u).await;
        let (host, now) = (b.clone(), u.clone());
        let timer = b.spawn(async move {
            host.sleep(5 * SECOND).await;
            now.now()
        });
        u.sleep(MS).await;
        b.pause();
        from.send_to(&b"unheard"[..], address).await.unwrap();
        u.sleep(60 * SECOND).await;
        assert!(!timer.is_finished());
        b.resume();
        assert_eq!(timer.await.unwrap().as_nanos(), 60_001_000_000);
        from.send_to(&b"heard"[..], address).await.unwrap();
        assert_eq!(&to.recv().await.unwrap().0[..], b"heard");
    });
}

#[test]
fn a_skewed_clock_has_hit_once_a_program_has_read_it() {
    let outcome = lived(1, |u| async move {
        let (a, b) = (u.host("a"), u.host("b"));
        let true_time = a.wall_clock();
        a.set_clock_ahead(600 * SECOND);
        b.set_clock_behind(600 * SECOND);
        assert_eq!(a.wall_clock().duration_since(true_time).unwrap(), 600 * SECOND);
        let read = a.spawn(async { std::time::SystemTime::now() }).await.unwrap();
        assert_eq!(read.duration_since(true_time).unwrap(), 600 * SECOND);
    });
    assert_eq!(outcome.faults[0].outcome(), FaultOutcome::Hit);
    assert_eq!(outcome.faults[1].outcome(), FaultOutcome::MetNothing, "nobody looked at b's clock");
}

#[test]
fn a_capture_holds_every_packet_the_lost_ones_too() {
    let file = std::env::temp_dir().join(format!("busyhour-capture-{}.pcapng", std::process::id()));
    let outcome = Universe::seeded(1).capture(&file).unwrap().run(|u| async move {
        let (a, b, from, to, address) = pair(&u).await;
        u.network().between(&a, &b).loses(0.5).unwrap();
        send_numbers(&u, &from, address, 100).await;
        drain(&u, &to).await.len()
    });
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(bytes[..4], 0x0a0d_0d0au32.to_le_bytes(), "pcapng begins with a section header");
    let count = |needle: &[u8]| bytes.windows(needle.len()).filter(|window| *window == needle).count();
    let arrived = outcome.result.unwrap();
    assert_eq!((count(b"arrived: a -> b"), count(b"lost: dropped at random (a -> b)")), (arrived, 100 - arrived));
}

/// A random network: some hosts, some faults, some traffic.
#[derive(Debug, Clone)]
struct Plan {
    seed: u64,
    hosts: usize,
    worsenings: Vec<(usize, usize, u8)>,
    sends: Vec<(usize, usize, u16, u16)>,
    connections: Vec<(usize, usize, u16)>,
    crashes: Vec<(usize, u16, u16)>,
}

fn plans() -> impl Strategy<Value = Plan> {
    (2usize..6).prop_flat_map(|hosts| {
        let host = 0..hosts;
        (
            any::<u64>(),
            prop::collection::vec((host.clone(), host.clone(), 0u8..9), 0..6),
            prop::collection::vec((host.clone(), host.clone(), 0u16..5000, 0u16..2000), 0..60),
            prop::collection::vec((host.clone(), host.clone(), 0u16..20_000), 0..4),
            prop::collection::vec((host, 0u16..3000, 0u16..3000), 0..3),
        )
            .prop_map(move |(seed, worsenings, sends, connections, crashes)| Plan {
                seed,
                hosts,
                worsenings,
                sends,
                connections,
                crashes,
            })
    })
}

fn worsen(u: &Universe, a: &Host, b: &Host, how: u8) {
    let between = u.network().between(a, b);
    match how {
        0 => between.loses(0.3),
        1 => between.duplicates(0.3),
        2 => between.reorders(0.3),
        3 => between.corrupts(0.3),
        4 => between.has_jitter(50 * MS, 50 * MS),
        5 => between.carries_at_most(64_000),
        6 => between.has_mtu(576),
        7 => Ok(between.cut()),
        _ => Ok(u.network().one_way(a, b).cut()),
    }
    .unwrap();
}

async fn carry_out(u: Universe, plan: Plan) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cast: Vec<Host> = (0..plan.hosts).map(|number| u.host(&format!("h{number}"))).collect();
    for host in &cast {
        host.boot(|host| async move {
            let socket = host.udp(4000).await.unwrap();
            while socket.recv().await.is_ok() {}
        });
        host.boot(|host| async move {
            let listener = host.listen(80).await.unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                host.spawn(async move {
                    let mut buffer = vec![0; 4096];
                    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                        if stream.write_all(&buffer[..length]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
    }
    for &(a, b, how) in &plan.worsenings {
        worsen(&u, &cast[a], &cast[b], how);
    }
    for (a, b, at, size) in plan.sends {
        let (host, to) = (cast[a].clone(), SocketAddrV4::new(cast[b].address(), 4000));
        cast[a].spawn(async move {
            host.sleep(u32::from(at) * MS).await;
            if let Ok(socket) = host.udp(0).await {
                let _ = socket.send_to(vec![7u8; usize::from(size)], to).await;
            }
        });
    }
    for (a, b, size) in plan.connections {
        let (host, to) = (cast[a].clone(), SocketAddrV4::new(cast[b].address(), 80));
        cast[a].spawn(async move {
            let Ok(mut stream) = host.connect(to).await else { return };
            let _ = stream.write_all(&vec![1; usize::from(size)]).await;
            let mut back = vec![0; usize::from(size)];
            if stream.read_exact(&mut back).await.is_ok() {
                assert!(back.iter().all(|byte| *byte == 1), "TCP delivers what was sent");
            }
        });
    }
    for (host, at, down) in plan.crashes {
        let (host, u) = (cast[host].clone(), u.clone());
        tokio::task::spawn_local(async move {
            u.sleep(u32::from(at) * MS).await;
            host.crash();
            u.sleep(u32::from(down) * MS).await;
            host.restart();
        });
    }
    u.sleep(10 * SECOND).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Whatever the topology and the faults: no panic, no packet unaccounted for, and the same again with the seed.
    #[test]
    fn whatever_happens_every_packet_is_delivered_lost_or_in_flight(plan in plans()) {
        let run = |plan: Plan| Universe::seeded(plan.seed).run(move |u| async move {
            let network = u.network();
            carry_out(u, plan).await;
            network.counts()
        });
        let outcome = run(plan.clone());
        let at_the_end = outcome.result.clone().unwrap();
        prop_assert_eq!(at_the_end.sent + at_the_end.copied, at_the_end.arrived + at_the_end.lost + at_the_end.in_flight());
        let PacketCounts { sent, copied, arrived, lost } = outcome.packets;
        prop_assert_eq!(sent + copied, arrived + lost, "what was in flight at the end is accounted for as lost");
        prop_assert_eq!(outcome.digest(), run(plan).digest());
    }
}
