//! The same workloads on classic turmoil, in the same run: the baseline that our wire is measured against.
//!
//! turmoil moves every host each tick (a millisecond, its default) whether or not anything happens, so its cost grows
//! with time and with the square of the hosts.

use std::net::Ipv4Addr;
use std::time::Duration;

use turmoil::net::{TcpListener, UdpSocket};

use super::measure::{Measurement, measured};
use super::wire::{FRAME, FRAME_TIME, Load};

type Failure = Box<dyn std::error::Error>;

/// Runs `load` on classic turmoil.
pub(super) fn run(load: &Load, hosts: usize, time: Duration) -> Measurement {
    let (packets, cpu) = measured(|| {
        let mut sim = turmoil::Builder::new()
            .simulation_duration(time + Duration::from_secs(1))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(1))
            .enable_random_order()
            .rng_seed(1)
            .udp_capacity(10_000)
            .build();
        let packets = match load.kind {
            super::wire::Kind::Idle => idle(&mut sim, hosts),
            super::wire::Kind::Datagrams => datagrams(&mut sim, hosts, time),
            super::wire::Kind::Calls => calls(&mut sim, hosts, time),
        };
        sim.client("clock", async move {
            tokio::time::sleep(time).await;
            Ok(())
        });
        sim.run().expect("the baseline runs to its end");
        packets
    });
    Measurement::new(&format!("turmoil: {}", load.name), hosts, time, cpu, packets)
}

fn name(host: usize) -> String {
    format!("h{host}")
}

fn idle(sim: &mut turmoil::Sim<'_>, hosts: usize) -> u64 {
    for host in 0..hosts {
        sim.host(name(host), || async {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5060)).await?;
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 5060)).await?;
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                while socket.recv_from(&mut buffer).await.is_ok() {}
            });
            tokio::spawn(async move { while listener.accept().await.is_ok() {} });
            loop {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        });
    }
    0
}

async fn send_frames(to: String, offset: Duration, frames: u64) -> Result<(), Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    tokio::time::sleep(offset).await;
    let start = tokio::time::Instant::now();
    for number in 0..frames {
        tokio::time::sleep_until(start + FRAME_TIME * u32::try_from(number)?).await;
        socket.send_to(&[0x5a; FRAME], (to.as_str(), 4000)).await?;
    }
    Ok(())
}

async fn receive(port: u16) -> Result<(), Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let mut buffer = [0; 2048];
    loop {
        socket.recv_from(&mut buffer).await?;
    }
}

fn datagrams(sim: &mut turmoil::Sim<'_>, hosts: usize, time: Duration) -> u64 {
    let frames = (time.as_millis() / FRAME_TIME.as_millis()) as u64;
    for host in 0..hosts {
        let to = name((host + 1) % hosts);
        let offset = Duration::from_millis(host as u64 % 20);
        sim.host(name(host), move || {
            let to = to.clone();
            async move {
                let _receiver = tokio::task::spawn_local(receive(4000));
                // The neighbour binds its port first.
                tokio::time::sleep(Duration::from_millis(1)).await;
                send_frames(to, offset, frames).await?;
                std::future::pending().await
            }
        });
    }
    frames * hosts as u64
}

fn calls(sim: &mut turmoil::Sim<'_>, hosts: usize, time: Duration) -> u64 {
    let pairs = 4.min(hosts / 2);
    let frames = (time.as_millis() / 10 / FRAME_TIME.as_millis()) as u64;
    for host in 0..hosts {
        // Counted from the last host: 0 and 1 talk to each other, then 2 and 3, as in our own bench.
        let place = hosts - 1 - host;
        let peer = (place < 2 * pairs).then(|| name(hosts - 1 - (place ^ 1)));
        let start = time / 10 + time / 6 * (place as u32 / 2);
        let offset = Duration::from_millis(997 * host as u64 % 30_000);
        sim.host(name(host), move || {
            let peer = peer.clone();
            async move {
                let _signalling = tokio::task::spawn_local(receive(5060));
                let _media = tokio::task::spawn_local(receive(4000));
                tokio::task::spawn_local(async move {
                    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
                    tokio::time::sleep(offset).await;
                    loop {
                        socket.send_to(b"\r\n\r\n", ("h0", 5060)).await?;
                        tokio::time::sleep(Duration::from_secs(30)).await;
                    }
                    #[expect(unreachable_code, reason = "it says what `?` returns")]
                    Ok::<(), Failure>(())
                });
                if let Some(peer) = peer {
                    send_frames(peer, start, frames).await?;
                }
                std::future::pending().await
            }
        });
    }
    frames * 2 * pairs as u64
}
