//! What all witnesses cost a SIP message and an RTP packet: `cargo run --release -p busyhour-oracle --example sip_cost`.

use std::hint::black_box;
use std::time::Instant;

use busyhour_oracle::Panel;
use busyhour_trace::{HostId, PacketId, PacketSeen, SimTime, Stage};

const CALLS: u64 = 50_000;
const FRAMES: u64 = 3_000_000;

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

const ALICE: [u8; 6] = [10, 0, 0, 1, 0x13, 0xc4];
const BOB: [u8; 6] = [10, 0, 0, 2, 0x13, 0xc4];

struct Wire {
    panel: Panel,
    now: u64,
    next: u64,
    spent: std::time::Duration,
}

impl Wire {
    fn pass(&mut self, from_alice: bool, payload: &[u8]) {
        let (from, to) = if from_alice { (ALICE, BOB) } else { (BOB, ALICE) };
        let bytes = udp(from, to, payload);
        let (from, to) = if from_alice { (HostId(0), HostId(1)) } else { (HostId(1), HostId(0)) };
        self.next += 1;
        self.now += 1_000_000;
        let id = PacketId(self.next);
        let start = Instant::now();
        for stage in [Stage::Sent, Stage::Arrived] {
            let (from, to) = (Some(from), Some(to));
            self.panel.packet(&PacketSeen { at: SimTime(self.now), id, stage, from, to, bytes: black_box(&bytes) });
        }
        self.spent += start.elapsed();
    }
}

fn message(start: &str, method: &str, cseq: u32, call: u64, from_alice: bool, to_tag: bool, sdp: &str) -> String {
    let to_tag = if to_tag { format!(";tag=bob{call}") } else { String::new() };
    let via = if from_alice { "10.0.0.1" } else { "10.0.0.2" };
    let body = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{start}\r\nVia: SIP/2.0/UDP {via}:5060;rport;branch=z9hG4bK-{call}-{method}-{cseq}\r\nMax-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@sim.test>;tag=alice{call}\r\nTo: <sip:bob@sim.test>{to_tag}\r\n\
         Call-ID: {call}-0123456789abcdef@10.0.0.1\r\nCSeq: {cseq} {method}\r\nContact: <sip:alice@10.0.0.1:5060>\r\n\
         User-Agent: busyhour\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, REFER\r\nSupported: replaces, timer\r\n\
         {body}Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

fn main() {
    let mut wire = Wire { panel: Panel::always_on(), now: 0, next: 0, spent: Default::default() };
    let sdp = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n\
        a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
    for call in 0..CALLS {
        let ok = "SIP/2.0 200 OK";
        wire.pass(true, message("INVITE sip:bob@10.0.0.2 SIP/2.0", "INVITE", 1, call, true, false, sdp).as_bytes());
        wire.pass(false, message("SIP/2.0 180 Ringing", "INVITE", 1, call, true, true, "").as_bytes());
        wire.pass(false, message(ok, "INVITE", 1, call, true, true, sdp).as_bytes());
        let ack = message("ACK sip:bob@10.0.0.2 SIP/2.0", "ACK", 1, call, true, true, "");
        wire.pass(true, ack.as_bytes());
        wire.pass(true, message("BYE sip:bob@10.0.0.2 SIP/2.0", "BYE", 2, call, true, true, "").as_bytes());
        wire.pass(false, message(ok, "BYE", 2, call, true, true, "").as_bytes());
    }
    println!("{:.0} ns a SIP message, sent and arrived", wire.spent.as_nanos() as f64 / (CALLS * 6) as f64);
    let mut rtp = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    rtp.extend([0x55; 160]);
    wire.spent = Default::default();
    let start = Instant::now();
    for _ in 0..FRAMES {
        wire.pass(true, &rtp);
    }
    let clocks = start.elapsed() - wire.spent;
    println!("{:.0} ns an RTP packet, sent and arrived", wire.spent.as_nanos() as f64 / FRAMES as f64);
    println!("({:.0} ns for making it and asking the time, not counted)", clocks.as_nanos() as f64 / FRAMES as f64);
    wire.panel.finish(SimTime(wire.now));
    let verdict = wire.panel.verdict(&[]).expect("no names are asked for");
    println!("{}", if verdict.passed() { "nothing is broken".to_owned() } else { verdict.to_string() });
}
