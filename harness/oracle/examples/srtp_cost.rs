//! What all witnesses cost an SRTP packet, beside an RTP packet:
//! `cargo run --release -p busyhour-oracle --example srtp_cost`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use busyhour_oracle::Panel;
use busyhour_trace::{Event, HostId, Log, PacketId, PacketSeen, SimTime, Source, Stage};

#[expect(dead_code, reason = "control isn't measured")]
#[path = "../tests/oracle/sealer.rs"]
mod sealer;

use sealer::{Sealer, rtp};

/// One less than a round of sequence numbers.
const PACKETS: u16 = 65_000;
/// So many packets are measured at once.
const LOT: usize = 50;
const FROM: [u8; 6] = [10, 0, 0, 1, 0x0f, 0xa0];
const TO: [u8; 6] = [10, 0, 0, 2, 0x13, 0x88];

fn udp(from: [u8; 6], to: [u8; 6], payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() + 28) as u16;
    let mut bytes = vec![0x45, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    bytes.extend(&from[..4]);
    bytes.extend(&to[..4]);
    bytes.extend(&from[4..]);
    bytes.extend(&to[4..]);
    bytes.extend((length - 20).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// An ICE check or the answer to it, between a and b.
fn stun(kind: u16) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend([0, 8, 0x21, 0x12, 0xa4, 0x42]);
    bytes.extend([7; 12]);
    bytes.extend([0, 6, 0, 3, b'b', b':', b'a', 0]);
    bytes
}

struct Wire {
    panel: Panel,
    next: u64,
    spent: Duration,
}

impl Wire {
    fn pass(&mut self, from: [u8; 6], to: [u8; 6], payload: &[u8]) {
        let bytes = udp(from, to, payload);
        let host = |end: [u8; 6]| Some(HostId(u16::from(end[3])));
        self.next += 1;
        let (at, id) = (SimTime(self.next * 10_000), PacketId(self.next));
        let start = Instant::now();
        for stage in [Stage::Sent, Stage::Arrived] {
            let (from, to) = (host(from), host(to));
            self.panel.packet(&PacketSeen { at, id, stage, from, to, bytes: black_box(&bytes) });
        }
        self.spent += start.elapsed();
    }
}

fn measure(sealer: Option<&Sealer>) -> f64 {
    let mut wire = Wire { panel: Panel::always_on(), next: 0, spent: Duration::ZERO };
    if let Some(sealer) = sealer {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut log = Log::default();
        for name in ["nobody", "alice", "server"] {
            log.name_host(name);
        }
        let mut claim = Event::new(SimTime::ZERO, Source::Claim, "webrtc-keys").on(HostId(1));
        let profile = if sealer.is_gcm { "aead-aes-128-gcm" } else { "aes128-cm-sha1-80" };
        let (key, salt) = (hex(&sealer.key), hex(&sealer.salt));
        for (name, value) in [
            ("local", ""),
            ("remote", ""),
            ("profile", profile),
            ("client_random", ""),
            ("server_random", ""),
            ("master_secret", ""),
            ("client_key", &key),
            ("client_salt", &salt),
            ("server_key", &key),
            ("server_salt", &salt),
        ] {
            claim = claim.with(name, value);
        }
        wire.panel.event(&claim, &log);
        wire.pass(FROM, TO, &stun(0x0001));
        wire.pass(TO, FROM, &stun(0x0101));
        wire.pass(TO, FROM, &[22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 9, 9]);
    }
    let packets: Vec<Vec<u8>> = (0..PACKETS)
        .map(|sequence| {
            let plain = rtp(1, sequence, 0x55);
            sealer.map_or(plain.clone(), |sealer| sealer.seal(&plain, 0))
        })
        .collect();
    // The median of small lots: whatever else the machine does is in few of them.
    let mut lots: Vec<Duration> = Vec::new();
    for lot in packets.chunks_exact(LOT) {
        wire.spent = Duration::ZERO;
        lot.iter().for_each(|packet| wire.pass(FROM, TO, packet));
        lots.push(wire.spent);
    }
    lots.sort_unstable();
    let verdict = wire.panel.verdict(&[]).expect("no name was said");
    assert!(verdict.passed(), "{verdict}");
    lots[lots.len() / 2].as_nanos() as f64 / LOT as f64
}

fn main() {
    let plain = measure(None);
    println!("{plain:.0} ns an RTP packet, sent and arrived");
    for (name, is_gcm) in [("AES-CM with HMAC-SHA1", false), ("AES-GCM", true)] {
        let secured = measure(Some(&Sealer::new(is_gcm, 7)));
        println!("{secured:.0} ns an SRTP packet by {name}: {:.0} ns more", secured - plain);
    }
}
