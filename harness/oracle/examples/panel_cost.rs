//! What the witnesses that always sit cost a packet: `cargo run --release -p busyhour-oracle --example panel_cost`.

use std::hint::black_box;
use std::time::Instant;

use busyhour_oracle::Panel;
use busyhour_trace::{HostId, PacketId, PacketSeen, SimTime, Stage};

const PACKETS: u64 = 4_000_000;
/// So many packets are on their way at any moment.
const FLYING: u64 = 1_000;

fn main() {
    let mut bytes = vec![0x45, 0, 0, 200, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    bytes.extend([0x13, 0xc4, 0x13, 0xc4, 0, 180, 0, 0]);
    bytes.extend([0x7f; 172]);
    let mut panel = Panel::always_on();
    let start = Instant::now();
    for n in 0..PACKETS + FLYING {
        let mut show = |id: u64, stage| {
            let (from, to) = (Some(HostId(0)), Some(HostId(1)));
            panel.packet(&PacketSeen { at: SimTime(n), id: PacketId(id), stage, from, to, bytes: black_box(&bytes) });
        };
        if n < PACKETS {
            show(n, Stage::Sent);
        }
        if n >= FLYING {
            show(n - FLYING, Stage::Arrived);
        }
    }
    let each = start.elapsed().as_nanos() as f64 / PACKETS as f64;
    assert!(panel.verdict(&[]).is_ok_and(|verdict| verdict.passed()));
    println!("{each:.1} ns a packet, sent and arrived");
}
