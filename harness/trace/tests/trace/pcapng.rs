//! The capture file, block by block, as draft-ietf-opsawg-pcapng section 4 lays them out.

use std::fmt::Write as _;

use busyhour_trace::{Event, Log, Loss, PacketId, PacketSeen, PcapngWriter, SimTime, Source, Stage};

use crate::packets::{ALICE, SERVER, tcp, udp};

/// Monday 2026-11-23 09:00 in New York.
const EPOCH_NS: u64 = 1_795_442_400_000_000_000;

fn cast() -> Log {
    let mut log = Log::default();
    log.name_host("alice");
    log.name_host("server");
    log.push(Event::new(SimTime::ZERO, Source::World, "born"));
    log
}

fn seen<'a>(log: &Log, at: u64, id: u64, stage: Stage, bytes: &'a [u8]) -> PacketSeen<'a> {
    let (from, to) = (log.host_called("alice"), log.host_called("server"));
    PacketSeen { at: SimTime(at), id: PacketId(id), stage, from, to, bytes }
}

/// A small story: one datagram arrives, its copy is lost, a connection is refused by the network's cut.
fn story() -> Vec<u8> {
    let log = cast();
    let datagram = udp(ALICE, SERVER, b"OPTIONS sip:server SIP/2.0\r\n\r\n");
    let syn = tcp(ALICE, SERVER, 1000, 0x02, b"");
    let mut capture = PcapngWriter::new(Vec::new(), EPOCH_NS, "seed 7").unwrap();
    let mut take = |sighting: PacketSeen<'_>| capture.packet(&sighting, &log).unwrap();
    take(seen(&log, 0, 0, Stage::Sent, &datagram));
    take(seen(&log, 0, 1, Stage::Copied { of: PacketId(0) }, &datagram));
    take(seen(&log, 1_000_001, 0, Stage::Arrived, &datagram));
    take(seen(&log, 1_000_001, 1, Stage::Lost(Loss::BufferFull), &datagram));
    take(seen(&log, 2_000_000, 2, Stage::Sent, &syn));
    take(seen(&log, 2_000_000, 2, Stage::Lost(Loss::Cut), &syn));
    assert_eq!(capture.packets(), 3);
    capture.finish().unwrap()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The options of a block, and whether they end as they must.
fn options(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while !bytes.is_empty() {
        let (code, length) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
        if code == 0 {
            assert_eq!(bytes, [0; 4], "the end of the options is the end of the block");
            return text;
        }
        let value = &bytes[4..4 + length];
        match std::str::from_utf8(value) {
            Ok(value) if code != 9 => write!(text, " {code}={value:?}").unwrap(),
            _ => write!(text, " {code}={value:?}").unwrap(),
        }
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
    panic!("the options have no end: {text}");
}

/// A file in words, a line a block. Whatever a reader might stumble over is asserted.
fn describe(mut file: &[u8]) -> String {
    let mut text = String::new();
    while !file.is_empty() {
        let length = u32_at(file, 4) as usize;
        assert_eq!(length % 4, 0, "blocks are whole words");
        assert_eq!(u32_at(file, length - 4) as usize, length, "the length stands at both ends");
        let body = &file[8..length - 4];
        match u32_at(file, 0) {
            0x0a0d_0d0a => {
                assert_eq!(u32_at(body, 0), 0x1a2b_3c4d);
                let version = (u16_at(body, 4), u16_at(body, 6));
                writeln!(text, "section, version {version:?}, options{}", options(&body[16..])).unwrap();
            }
            1 => {
                let (link, limit) = (u16_at(body, 0), u32_at(body, 4));
                writeln!(text, "interface, link type {link}, limit {limit}, options{}", options(&body[8..])).unwrap();
            }
            6 => {
                let at = u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8));
                let (captured, length) = (u32_at(body, 12), u32_at(body, 16));
                assert_eq!(captured, length);
                let rest = &body[20 + (captured as usize).next_multiple_of(4)..];
                writeln!(text, "packet at {at}, {length} bytes, options{}", options(rest)).unwrap();
            }
            other => panic!("a block of type {other}"),
        }
        file = &file[length..];
    }
    text
}

#[test]
fn a_packet_is_written_once_when_its_fate_is_known_with_its_fate_as_comment() {
    insta::assert_snapshot!(describe(&story()), @r#"
    section, version (1, 0), options 1="seed 7" 4="busyhour"
    interface, link type 101, limit 0, options 2="wire" 9=[9]
    packet at 1795442400001000001, 58 bytes, options 1="arrived: alice -> server, packet 0, sent 1000001 ns before"
    packet at 1795442400001000001, 58 bytes, options 1="lost: the receive buffer was full (alice -> server), packet 1, copied from 0 1000001 ns before"
    packet at 1795442400002000000, 40 bytes, options 1="lost: the network was cut (alice -> server), packet 2, sent 0 ns before"
    "#);
}

#[test]
fn packets_of_every_length_are_filled_up_to_whole_words() {
    let log = cast();
    for length in 0..9 {
        let bytes = udp(ALICE, SERVER, &vec![7; length]);
        let mut capture = PcapngWriter::new(Vec::new(), EPOCH_NS, "").unwrap();
        capture.packet(&seen(&log, 5, 0, Stage::Arrived, &bytes), &log).unwrap();
        let text = describe(&capture.finish().unwrap());
        assert!(text.contains(&format!(", {} bytes,", 28 + length)), "{text}");
    }
}

#[test]
fn a_sender_or_receiver_that_is_no_host_is_named_for_what_it_is() {
    let log = cast();
    let bytes = udp(ALICE, SERVER, b"");
    let mut capture = PcapngWriter::new(Vec::new(), EPOCH_NS, "").unwrap();
    let sighting = PacketSeen { from: None, to: None, ..seen(&log, 0, 0, Stage::Lost(Loss::NoRoute), &bytes) };
    capture.packet(&sighting, &log).unwrap();
    let text = describe(&capture.finish().unwrap());
    assert!(text.contains(r#"1="lost: nobody has that address (network -> unknown)""#), "{text}");
}

#[test]
fn the_same_moment_twice_is_in_order() {
    let log = cast();
    let mut capture = PcapngWriter::new(Vec::new(), EPOCH_NS, "").unwrap();
    capture.packet(&seen(&log, 5, 0, Stage::Arrived, &[0x45]), &log).unwrap();
    capture.packet(&seen(&log, 5, 1, Stage::Arrived, &[0x45]), &log).unwrap();
}

#[test]
#[should_panic(expected = "packet #1 at 0.000000s is seen after 0.000000s")]
fn a_moment_earlier_is_out_of_order() {
    let log = cast();
    let mut capture = PcapngWriter::new(Vec::new(), EPOCH_NS, "").unwrap();
    capture.packet(&seen(&log, 5, 0, Stage::Arrived, &[0x45]), &log).unwrap();
    capture.packet(&seen(&log, 4, 1, Stage::Arrived, &[0x45]), &log).unwrap();
}
