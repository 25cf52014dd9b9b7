//! The wire's benches: idle hosts, datagrams, a small call center's hour, universes side by side.

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use busyhour::Universe;
use busyhour::world::Host;
use bytes::Bytes;

use super::measure::{Measurement, measured};

/// A frame of G.711: 12 bytes of RTP header and 160 of sound.
pub(super) const FRAME: usize = 172;
pub(super) const FRAME_TIME: Duration = Duration::from_millis(20);

/// A workload, and how large it is when it's not compared with anything.
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    hosts: usize,
    time: Duration,
}

/// What the hosts of a workload do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Idle,
    Datagrams,
    Calls,
}

const LOADS: [Load; 3] = [
    Load { name: "idle hosts", kind: Kind::Idle, hosts: 1000, time: Duration::from_secs(3600) },
    Load { name: "udp, 50 a second each", kind: Kind::Datagrams, hosts: 1000, time: Duration::from_secs(60) },
    Load { name: "4 calls and keepalives", kind: Kind::Calls, hosts: 12, time: Duration::from_secs(600) },
];

/// Runs all of the wire's benches.
pub fn run(mut print: impl FnMut(&Measurement)) {
    for load in &LOADS {
        print(&one(load, load.hosts, load.time));
    }
    print(&side_by_side());
}

/// Runs the wire's benches with 10 and 50 hosts, each beside the same on classic turmoil.
#[cfg(feature = "against-turmoil")]
pub fn run_against_turmoil(mut print: impl FnMut(&Measurement)) {
    const TIME: Duration = Duration::from_secs(30);
    for load in &LOADS {
        for hosts in [10, 50] {
            let ours = one(load, hosts, TIME);
            let theirs = super::turmoil::run(load, hosts, TIME);
            let times = theirs.cpu_s / ours.cpu_s.max(1e-4);
            print(&ours);
            print(&theirs.noting(format!("{times:.0} times our CPU time")));
        }
    }
}

fn one(load: &Load, hosts: usize, time: Duration) -> Measurement {
    let kind = load.kind;
    let (outcome, cpu) = measured(|| {
        Universe::seeded(1).run(move |u| async move {
            u.network().count_pairs(false);
            match kind {
                Kind::Idle => idle(u, hosts, time).await,
                Kind::Datagrams => datagrams(u, hosts, time).await,
                Kind::Calls => calls(u, hosts, time).await,
            }
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

/// Hosts that keep their bindings alive each 30 s; four calls among them, each a tenth of the time long.
async fn calls(u: Universe, hosts: usize, time: Duration) {
    let cast = cast(&u, hosts);
    for (index, host) in cast.iter().enumerate() {
        receive(host, 5060);
        receive(host, 4000);
        let to = SocketAddrV4::new(cast[0].address(), 5060);
        let offset = Duration::from_millis(997 * index as u64 % 30_000);
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
        let start = time / 10 + time / 6 * u32::try_from(call).expect("four calls");
        let frames = (time.as_millis() / 10 / FRAME_TIME.as_millis()) as u64;
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
