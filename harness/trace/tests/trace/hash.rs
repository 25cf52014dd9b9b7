//! The run's hash takes every header and payload byte, every fate and every event, in their order.

use busyhour_trace::{Digest, Event, HostId, Log, Loss, PacketId, RunHash, SimTime, Source, Stage};

const HEADER: [u8; 28] = [0x45; 28];
const PAYLOAD: [u8; 172] = [0x80; 172];

fn sent(at: u64, id: u64, header: &[u8], payload: &[u8]) -> Digest {
    let mut hash = RunHash::default();
    hash.sent(SimTime(at), PacketId(id), header, payload);
    hash.digest()
}

fn fate(at: u64, id: u64, stage: Stage) -> Digest {
    let mut hash = RunHash::default();
    hash.fate(SimTime(at), PacketId(id), stage);
    hash.digest()
}

fn event(event: Event) -> Digest {
    let mut log = Log::default();
    log.name_host("alice");
    log.name_host("bob");
    log.push(event);
    let mut hash = RunHash::default();
    hash.event(&log);
    hash.digest()
}

#[test]
fn every_byte_of_a_packet_counts() {
    let whole = sent(1, 2, &HEADER, &PAYLOAD);
    assert_eq!(whole, sent(1, 2, &HEADER, &PAYLOAD));
    for place in 0..HEADER.len() {
        let mut header = HEADER;
        header[place] ^= 1;
        assert_ne!(whole, sent(1, 2, &header, &PAYLOAD), "header byte {place}");
    }
    for place in 0..PAYLOAD.len() {
        let mut payload = PAYLOAD;
        payload[place] ^= 1;
        assert_ne!(whole, sent(1, 2, &HEADER, &payload), "payload byte {place}");
    }
}

#[test]
fn time_number_and_the_line_between_header_and_payload_count() {
    let both = [&HEADER[..], &PAYLOAD[..]].concat();
    let whole = sent(1, 2, &both[..28], &both[28..]);
    assert_ne!(whole, sent(2, 2, &both[..28], &both[28..]));
    assert_ne!(whole, sent(1, 3, &both[..28], &both[28..]));
    assert_ne!(whole, sent(1, 2, &both[..29], &both[29..]));
}

#[test]
fn every_fate_is_told_apart() {
    let mut digests = vec![
        fate(1, 2, Stage::Sent),
        fate(1, 2, Stage::Arrived),
        fate(2, 2, Stage::Arrived),
        fate(1, 3, Stage::Arrived),
        fate(1, 2, Stage::Copied { of: PacketId(0) }),
        fate(1, 2, Stage::Copied { of: PacketId(1) }),
    ];
    digests.extend(Loss::ALL.map(|loss| fate(1, 2, Stage::Lost(loss))));
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn every_part_of_an_event_counts() {
    let plain = || Event::new(SimTime(1), Source::World, "crash").on(HostId(0)).with("life", 1u64);
    let mut digests = vec![
        event(plain()),
        event(Event { at: SimTime(2), ..plain() }),
        event(Event { source: Source::Claim, ..plain() }),
        event(Event { host: None, ..plain() }),
        event(plain().on(HostId(1))),
        event(Event { kind: "restart".into(), ..plain() }),
        event(plain().with("by", "seed")),
        event(Event { fields: Vec::new(), ..plain() }),
    ];
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn the_order_counts() {
    let run = |first, second| {
        let mut hash = RunHash::default();
        hash.fate(SimTime(1), PacketId(first), Stage::Arrived);
        hash.fate(SimTime(1), PacketId(second), Stage::Arrived);
        assert_eq!(hash.entries(), 2);
        hash.digest()
    };
    assert_ne!(run(1, 2), run(2, 1));
}

#[test]
fn a_trail_changes_no_digest() {
    let mut plain = RunHash::default();
    let mut trailed = RunHash::with_trail();
    for hash in [&mut plain, &mut trailed] {
        hash.sent(SimTime(1), PacketId(0), &HEADER, &PAYLOAD);
        hash.fate(SimTime(2), PacketId(0), Stage::Arrived);
    }
    assert_eq!(plain.digest(), trailed.digest());
    assert!(plain.take_trail().is_none());
    assert_eq!(trailed.take_trail().unwrap().len(), 2);
}

#[test]
fn a_digest_reads_back_from_its_text() {
    let digest = Digest(0x00ab_cdef);
    assert_eq!(digest.to_string(), "00000000000000000000000000abcdef");
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert!("xyz".parse::<Digest>().is_err());
}
