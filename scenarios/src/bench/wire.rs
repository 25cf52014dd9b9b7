//! The wire's benches: idle hosts, datagrams, a small call center's hour, universes side by side.

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use busyhour::Universe;
use busyhour::world::Host;
use bytes::Bytes;

use super::measure::{Measurement, measured};

/// A frame of G.711: 12 bytes of RTP header and 160 of sound.
const FRAME: usize = 172;
const FRAME_TIME: Duration = Duration::from_millis(20);

/// A workload, as a list of (hosts, simulated time).
struct Load {
    name: &'static str,
    hosts: usize,
    time: Duration,
    run: fn(Universe, usize, Duration) -> std::pin::Pin<Box<dyn Future<Output = ()>>>,
}

const LOADS: [Load; 3] = [
    Load {
        name: "idle hosts",
        hosts: 1000,
        time: Duration::from_secs(3600),
        run: |u, hosts, time| Box::pin(idle(u, hosts, time)),
    },
    Load {
        name: "udp, 50 a second each",
        hosts: 1000,
        time: Duration::from_secs(60),
        run: |u, hosts, time| Box::pin(datagrams(u, hosts, time)),
    },
    Load {
        name: "4 calls among 12 hosts",
        hosts: 12,
        time: Duration::from_secs(600),
        run: |u, hosts, time| Box::pin(calls(u, hosts, time)),
    },
];

/// Runs all of the wire's benches.
pub fn run(mut print: impl FnMut(&Measurement)) {
    for load in &LOADS {
        print(&one(load, load.hosts, load.time));
    }
    print(&side_by_side());
}

fn one(load: &Load, hosts: usize, time: Duration) -> Measurement {
    let run = load.run;
    let (outcome, cpu) = measured(|| {
        Universe::seeded(1).run(move |u| async move {
            u.network().count_pairs(false);
            run(u, hosts, time).await;
        })
    });
    if let Err(cause) = &outcome.result {
        panic!("the bench {} failed: {cause}", load.name);
    }
    Measurement::new(load.name, hosts, time, cpu, outcome.packets.sent)
}

fn cast(u: &Universe, hosts: usize) -> Vec<Host> {
    (0..hosts).map(|number| u.host(&format!("h{number}"))).collect()
}

/// Hosts that wait: a UDP socket bound, a TCP listener, a timer each 30 s.
async fn idle(u: Universe, hosts: usize, time: Duration) {
    for host in cast(&u, hosts) {
        host.boot(|host| async move {
            let socket = host.udp(5060).await.expect("the port is free");
            let listener = host.listen(5060).await.expect("the port is free");
            host.spawn(async move { while socket.recv().await.is_ok() {} });
            host.spawn(async move { while listener.accept().await.is_ok() {} });
            loop {
                host.sleep(Duration::from_secs(30)).await;
            }
        });
    }
    u.sleep(time).await;
}

async fn send_frames(host: Host, to: SocketAddrV4, offset: Duration, frames: u64) {
    let socket = host.udp(0).await.expect("a port is free");
    host.sleep(offset).await;
    let frame = Bytes::from_static(&[0x5a; FRAME]);
    let start = tokio::time::Instant::now();
    for number in 0..frames {
        // A deadline a frame, as a media clock has it: a sleep between frames would drift.
        tokio::time::sleep_until(start + FRAME_TIME * u32::try_from(number).expect("less than 2^32 frames")).await;
        socket.send_to(frame.clone(), to).await.expect("the host is up");
    }
}

fn receive(host: &Host, port: u16) {
    host.boot(move |host| async move {
        let socket = host.udp(port).await.expect("the port is free");
        while socket.recv().await.is_ok() {}
    });
}

/// Every host sends 50 frames a second to its neighbour.
async fn datagrams(u: Universe, hosts: usize, time: Duration) {
    let cast = cast(&u, hosts);
    let frames = u64::try_from(time.as_millis() / FRAME_TIME.as_millis()).expect("a short bench");
    for (index, host) in cast.iter().enumerate() {
        receive(host, 4000);
        let to = SocketAddrV4::new(cast[(index + 1) % hosts].address(), 4000);
        let offset = Duration::from_millis(index as u64 % 20);
        host.spawn(send_frames(host.clone(), to, offset, frames));
    }
    u.sleep(time + Duration::from_millis(100)).await;
}

/// Twelve hosts that keep their bindings alive each 30 s; four calls of a minute each way among them.
async fn calls(u: Universe, hosts: usize, time: Duration) {
    let cast = cast(&u, hosts);
    for (index, host) in cast.iter().enumerate() {
        receive(host, 5060);
        receive(host, 4000);
        let to = SocketAddrV4::new(cast[0].address(), 5060);
        let offset = Duration::from_millis(997 * index as u64);
        let host = host.clone();
        host.clone().spawn(async move {
            let socket = host.udp(0).await.expect("a port is free");
            host.sleep(offset).await;
            loop {
                socket.send_to(&b"\r\n\r\n"[..], to).await.expect("the host is up");
                host.sleep(Duration::from_secs(30)).await;
            }
        });
    }
    for call in 0..4usize.min(hosts / 2) {
        let (a, b) = (&cast[hosts - 1 - 2 * call], &cast[hosts - 2 - 2 * call]);
        let start = Duration::from_secs(60 + 100 * call as u64);
        let frames = 60 * 50;
        a.spawn(send_frames(a.clone(), SocketAddrV4::new(b.address(), 4000), start, frames));
        b.spawn(send_frames(b.clone(), SocketAddrV4::new(a.address(), 4000), start, frames));
    }
    u.sleep(time).await;
}

/// 64 universes, one after the other and on two threads: the gain is that of the second core.
fn side_by_side() -> Measurement {
    const UNIVERSES: usize = 64;
    let time = Duration::from_secs(600);
    let once = |seed: usize| {
        let outcome = Universe::seeded(seed as u64).run(move |u| calls(u, 12, time));
        outcome.result.expect("the bench doesn't fail");
        outcome.packets.sent
    };
    let alone = Instant::now();
    let packets: u64 = (0..UNIVERSES).map(once).sum();
    let alone = alone.elapsed();
    let together = Instant::now();
    let ((), cpu) = measured(|| {
        std::thread::scope(|scope| {
            for half in 0..2 {
                scope.spawn(move || {
                    for seed in (half..UNIVERSES).step_by(2) {
                        once(seed);
                    }
                });
            }
        });
    });
    let together = together.elapsed();
    let gain = alone.as_secs_f64() / together.as_secs_f64();
    let simulated = time * u32::try_from(UNIVERSES).expect("few");
    Measurement::new("64 universes on 2 threads", 12, simulated, cpu, packets)
        .noting(format!("{gain:.2} times the throughput of one thread"))
}
