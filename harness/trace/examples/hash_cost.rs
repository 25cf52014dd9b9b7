//! What the run's hash costs a packet: `cargo run --release -p busyhour-trace --example hash_cost`.
//!
//! The simulator's target is 1.2 million packets of 172 bytes of payload a CPU second, 830 ns each, for everything.

use std::hint::black_box;
use std::time::Instant;

use busyhour_trace::{PacketId, RunHash, SimTime, Stage};

const PACKETS: u64 = 4_000_000;

fn main() {
    let header = [0x45u8; 28];
    let payload = [0x7fu8; 172];
    for (what, make) in [("hash", RunHash::default as fn() -> RunHash), ("hash and trail", RunHash::with_trail)] {
        let mut hash = make();
        let start = Instant::now();
        for n in 0..PACKETS {
            hash.sent(SimTime(n * 20), PacketId(n), black_box(&header), black_box(&payload));
            hash.fate(SimTime(n * 20 + 7), PacketId(n), Stage::Arrived);
        }
        let digest = black_box(hash.digest());
        let each = start.elapsed().as_nanos() as f64 / PACKETS as f64;
        println!("{what}: {each:.1} ns a packet, sent and arrived ({digest})");
    }
}
