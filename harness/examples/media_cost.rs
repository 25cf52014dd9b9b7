//! What audio costs: 100 calls through relays for a minute, every frame sent, both ends in one universe; and the same
//! calls with the cadence that's the default.
//!
//! `cargo run --release -p busyhour --example media_cost`

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour::media::tone::Voice;
use busyhour::media::{AudioLine, Cadence, Codec, Relay, Remote, Side, cadence};
use busyhour::world::{Random, process_cpu_time};
use busyhour::{Universe, simulate};

const CALLS: u32 = 100;
const MINUTE: Duration = Duration::from_secs(60);

fn main() {
    for cadence in [Cadence::Full, Cadence::Auto] {
        let before = process_cpu_time();
        let packets = simulate(1, move |u| calls(u, cadence));
        let spent = process_cpu_time() - before;
        println!(
            "{}: {spent:.2?} of CPU for {CALLS} call-minutes, {:.1?} each; {packets} packets sent, {:.2?} each from \
             microphone to speaker",
            cadence.as_str(),
            spent / CALLS,
            spent / packets.max(1) as u32,
        );
    }
}

async fn calls(u: Universe, cadence: Cadence) -> u64 {
    cadence::set(cadence);
    let server = u.host("server");
    let mut calls = Vec::new();
    for n in 0..CALLS {
        let random = |who: &str| Random::stream(u64::from(n), who);
        let relay = Relay::open(&server, random("relay")).await.expect("ports are free");
        let mut lines = Vec::new();
        for (side, who) in [(Side::A, "caller"), (Side::B, "callee")] {
            let host = u.host(&format!("{who}{n}"));
            host.room().say(Voice::number(2 * n + side as u32).sound());
            let line = AudioLine::open(&host, &host, random(who)).await.expect("ports are free");
            let leg = SocketAddrV4::new(server.address(), relay.port(side));
            line.connect(Remote::new(leg, Codec::Pcmu).with_events(101));
            relay.connect(side, Remote::new(line.address(), Codec::Pcmu).with_events(101).latching());
            lines.push(line);
        }
        calls.push((relay, lines));
    }
    u.sleep(MINUTE).await;
    calls.iter().flat_map(|(_, lines)| lines).map(|line| line.stats().sent).sum()
}
