//! Data channels between two ends in memory (RFC 8831, RFC 8832), over a path that is as bad as a test wants it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::world::Random;

/// A path between two ends, alice (the DTLS client) and bob.
struct Path {
    now: SimTime,
    random: Random,
    loss: f64,
    /// Up to so much is added to 20 ms: packets overtake each other.
    jitter: Duration,
    ends: [DataChannels; 2],
    under_way: BTreeMap<(SimTime, u64), (usize, Bytes)>,
    sent: u64,
    told: [Vec<DataEvent>; 2],
    largest: usize,
    wire: Vec<(SimTime, usize, Bytes)>,
}

const ALICE: usize = 0;
const BOB: usize = 1;

impl Path {
    fn new(seed: u64, loss: f64, jitter: Duration) -> Path {
        let now = SimTime::ZERO;
        let clock = Clock::new(std::time::Instant::now(), now);
        let ends = [true, false].map(|is_client| DataChannels::new(clock, now, is_client));
        let random = Random::stream(seed, "path");
        let (under_way, told) = (BTreeMap::new(), [Vec::new(), Vec::new()]);
        Path { now, random, loss, jitter, ends, under_way, sent: 0, told, largest: 0, wire: Vec::new() }
    }

    fn perfect() -> Path {
        Path::new(0, 0.0, Duration::ZERO)
    }

    fn alice(&mut self) -> &mut DataChannels {
        &mut self.ends[ALICE]
    }

    fn bob(&mut self) -> &mut DataChannels {
        &mut self.ends[BOB]
    }

    fn collect(&mut self) {
        for end in [ALICE, BOB] {
            while let Some(packet) = self.ends[end].poll_transmit() {
                self.largest = self.largest.max(packet.len());
                self.wire.push((self.now, end, packet.clone()));
                self.sent += 1;
                if self.random.chance(self.loss) {
                    continue;
                }
                let jitter = self.random.below(self.jitter.as_nanos() as u64 + 1);
                let due = self.now + Duration::from_millis(20) + Duration::from_nanos(jitter);
                self.under_way.insert((due, self.sent), (1 - end, packet));
            }
            while let Some(event) = self.ends[end].poll_event() {
                self.told[end].push(event);
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect();
            let arrival = self.under_way.keys().next().map(|(due, _)| *due);
            let timer = self.ends.iter().filter_map(DataChannels::poll_timeout).min();
            let Some(next) = arrival.into_iter().chain(timer).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for end in &mut self.ends {
                if end.poll_timeout().is_some_and(|due| due <= self.now) {
                    end.handle_timeout(self.now);
                }
            }
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, packet) = entry.remove();
                self.ends[to].receive(self.now, &packet);
            }
        }
        self.now = end;
    }

    fn seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    fn messages(&self, end: usize) -> Vec<&[u8]> {
        let message = |event: &'_ DataEvent| matches!(event, DataEvent::Message { .. });
        self.told[end].iter().filter(|event| message(event)).map(payload).collect()
    }
}

fn payload(event: &DataEvent) -> &[u8] {
    match event {
        DataEvent::Message { payload, .. } => payload,
        _ => &[],
    }
}

fn open(id: ChannelId, label: &str) -> DataEvent {
    DataEvent::Open { id, label: label.to_owned() }
}

fn text(id: ChannelId, text: &'static str) -> DataEvent {
    DataEvent::Message { id, text: true, payload: text.into() }
}

fn binary(id: ChannelId, bytes: &'static [u8]) -> DataEvent {
    DataEvent::Message { id, text: false, payload: Bytes::from_static(bytes) }
}

/// RFC 8832 6: the DTLS client's are the even ones.
#[test]
fn either_side_opens_channels_on_streams_of_its_own_parity() {
    let mut path = Path::perfect();
    let now = path.now;
    let early = path.alice().open(now, "early").unwrap();
    path.alice().send_text(now, early, "before anything stands").unwrap();
    path.seconds(1);
    let now = path.now;
    let late = path.alice().open(now, "late").unwrap();
    let back = path.bob().open(now, "back").unwrap();
    path.bob().send(now, back, &[0, 255]).unwrap();
    path.seconds(1);
    assert_eq!((early, late, back), (ChannelId(0), ChannelId(2), ChannelId(1)));
    let alice = [open(early, "early"), open(late, "late"), open(back, "back"), binary(back, &[0, 255])];
    let bob = [open(early, "early"), text(early, "before anything stands"), open(back, "back"), open(late, "late")];
    assert_eq!(path.told, [alice.to_vec(), bob.to_vec()]);
    assert_eq!(path.bob().label(early), Some("early"));
}

#[test]
fn the_server_side_may_open_first_and_waits_for_the_client() {
    let mut path = Path::perfect();
    let now = path.now;
    let id = path.bob().open(now, "b").unwrap();
    path.bob().send_text(now, id, "x").unwrap();
    assert_eq!(path.bob().poll_transmit(), None);
    path.seconds(1);
    assert_eq!(path.told, [vec![open(id, "b"), text(id, "x")], vec![open(id, "b")]]);
}

/// RFC 8831 6.6: SCTP has no empty messages.
#[test]
fn empty_messages_arrive_empty_and_as_what_they_are() {
    let mut path = Path::perfect();
    let now = path.now;
    let id = path.alice().open(now, "").unwrap();
    path.alice().send_text(now, id, "").unwrap();
    path.alice().send(now, id, &[]).unwrap();
    path.alice().send(now, id, &[0]).unwrap();
    path.seconds(1);
    assert_eq!(path.told[BOB], [open(id, ""), text(id, ""), binary(id, &[]), binary(id, &[0])]);
    assert_eq!(path.alice().buffered(id), 0);
}

#[test]
fn the_largest_message_arrives_and_one_byte_more_is_refused() {
    let mut path = Path::perfect();
    let now = path.now;
    let id = path.alice().open(now, "bulk").unwrap();
    let bytes: Vec<u8> = (0..MAX_MESSAGE).map(|index| (index % 251) as u8).collect();
    path.alice().send(now, id, &bytes).unwrap();
    assert_eq!(path.alice().send(now, id, &[0; MAX_MESSAGE + 1]), Err(DataError::TooLong(MAX_MESSAGE + 1)));
    assert_eq!(path.alice().buffered(id), MAX_MESSAGE);
    path.seconds(5);
    assert_eq!(path.messages(BOB), [bytes]);
    assert_eq!(path.alice().buffered(id), 0);
    // Full ones are as large as they may be, and no packet is larger than a record takes.
    assert!((MTU - 3..=MTU).contains(&path.largest), "{}", path.largest);
}

/// RFC 8831 6.7: what was sent before arrives, and both learn of it.
#[test]
fn a_closed_channel_is_closed_on_both_sides_and_its_neighbour_is_not() {
    for closer in [ALICE, BOB] {
        let mut path = Path::perfect();
        let now = path.now;
        let (one, other) = (path.alice().open(now, "one").unwrap(), path.alice().open(now, "other").unwrap());
        path.seconds(1);
        path.told = [Vec::new(), Vec::new()];
        let now = path.now;
        path.ends[closer].send_text(now, one, "farewell").unwrap();
        path.ends[closer].close(now, one);
        path.ends[closer].close(now, one);
        assert_eq!(path.ends[closer].send_text(now, one, "x"), Err(DataError::Closed(one)));
        path.seconds(1);
        assert_eq!(path.told[closer], [DataEvent::Closed { id: one }]);
        assert_eq!(path.told[1 - closer], [text(one, "farewell"), DataEvent::Closed { id: one }]);
        assert_eq!(path.ends[1 - closer].send_text(now, one, "x"), Err(DataError::Closed(one)));
        let now = path.now;
        path.ends[1 - closer].send_text(now, other, "still here").unwrap();
        path.seconds(1);
        assert_eq!(path.told[closer].last(), Some(&text(other, "still here")));
        let now = path.now;
        // A stream isn't used a second time.
        assert_eq!(path.alice().open(now, "third"), Ok(ChannelId(4)));
    }
}

#[test]
fn both_may_close_at_once_and_with_messages_under_way() {
    let mut path = Path::perfect();
    let now = path.now;
    let id = path.alice().open(now, "x").unwrap();
    path.seconds(1);
    path.told = [Vec::new(), Vec::new()];
    let now = path.now;
    for end in &mut path.ends {
        end.send_text(now, id, "under way").unwrap();
        end.close(now, id);
    }
    path.seconds(1);
    for told in &path.told {
        assert_eq!(told.iter().filter(|event| **event == DataEvent::Closed { id }).count(), 1, "{told:?}");
    }
    // One of them only: the other's message meets a side that doesn't listen any more.
    let now = path.now;
    let id = path.bob().open(now, "y").unwrap();
    path.seconds(1);
    path.told = [Vec::new(), Vec::new()];
    let now = path.now;
    path.alice().close(now, id);
    path.bob().send_text(now, id, "under way").unwrap();
    path.seconds(1);
    assert_eq!(path.told, [vec![DataEvent::Closed { id }], vec![DataEvent::Closed { id }]]);
}

#[test]
fn a_channel_that_is_closed_before_anything_stands_is_opened_and_closed() {
    let mut path = Path::perfect();
    let now = path.now;
    let id = path.alice().open(now, "brief").unwrap();
    path.alice().send_text(now, id, "hello").unwrap();
    path.alice().close(now, id);
    path.seconds(1);
    assert_eq!(path.told[ALICE], [open(id, "brief"), DataEvent::Closed { id }]);
    assert_eq!(path.told[BOB], [open(id, "brief"), text(id, "hello"), DataEvent::Closed { id }]);
}

/// Everything arrives once and in order over any path that lets something through, and every channel ends on both sides.
#[test]
fn loss_and_reordering_are_survived() {
    for seed in 0..60 {
        let loss = [0.0, 0.1, 0.3][seed as usize % 3];
        let mut path = Path::new(seed, loss, Duration::from_millis(60));
        let mut ids = [ChannelId(0); 2];
        for end in [ALICE, BOB] {
            let now = path.now;
            ids[end] = path.ends[end].open(now, if end == ALICE { "a" } else { "b" }).unwrap();
        }
        let sent: Vec<Vec<u8>> = (0..40u8).map(|index| vec![index; usize::from(index) * 90]).collect();
        for message in &sent {
            for end in [ALICE, BOB] {
                let now = path.now;
                path.ends[end].send(now, ids[end], message).unwrap();
            }
            path.run(Duration::from_millis(37));
        }
        path.seconds(1000);
        for end in [ALICE, BOB] {
            assert!(path.messages(1 - end) == sent, "seed {seed}: {} arrived", path.messages(1 - end).len());
            assert_eq!(path.ends[end].buffered(ids[end]), 0, "seed {seed}");
        }
        path.told = [Vec::new(), Vec::new()];
        for end in [ALICE, BOB] {
            let now = path.now;
            path.ends[end].send_text(now, ids[end], "end").unwrap();
            path.ends[end].close(now, ids[end]);
        }
        path.seconds(1000);
        for end in [ALICE, BOB] {
            let mut closed = path.told[end].clone();
            closed.retain(|event| matches!(event, DataEvent::Closed { .. }));
            assert_eq!(closed.len(), 2, "seed {seed}: {:?}", path.told[end]);
            assert!(path.told[1 - end].contains(&text(ids[end], "end")), "seed {seed}");
        }
        assert!(path.largest <= MTU);
    }
}

/// RFC 9260 5.1: T1-init gives up in the end.
#[test]
fn where_nothing_gets_through_the_channels_are_closed_in_the_end() {
    let mut path = Path::new(0, 1.0, Duration::ZERO);
    let now = path.now;
    let id = path.alice().open(now, "nobody").unwrap();
    path.seconds(60);
    assert_eq!(path.told[ALICE], []);
    path.seconds(600);
    assert_eq!(path.told[ALICE], [DataEvent::Closed { id }]);
    let now = path.now;
    assert_eq!(path.alice().open(now, "again"), Err(DataError::Full));
    assert_eq!(path.alice().send_text(now, id, "x"), Err(DataError::Closed(id)));
}

#[test]
fn the_last_stream_is_opened_and_none_after_it() {
    let mut path = Path::perfect();
    let now = path.now;
    path.alice().next = Some(LAST_STREAM - 2);
    path.bob().next = Some(LAST_STREAM - 1);
    assert_eq!(path.alice().open(now, "x"), Ok(ChannelId(65532)));
    assert_eq!(path.alice().open(now, "x"), Ok(ChannelId(65534)));
    assert_eq!(path.alice().open(now, "x"), Err(DataError::Full));
    assert_eq!(path.bob().open(now, "x"), Ok(ChannelId(65533)));
    assert_eq!(path.bob().open(now, "x"), Err(DataError::Full));
}

/// RFC 8832 5.1.
#[test]
fn an_opening_is_read_as_it_was_written() {
    for label in ["", "chat", "Grüße"] {
        assert_eq!(read_open(&write_open(label).unwrap()).as_deref(), Some(label));
    }
    assert_eq!(write_open("ab").unwrap(), [3, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, b'a', b'b'][..]);
    // With a protocol; cut off; not text; an ACK.
    assert_eq!(read_open(&[3, 0x81, 0, 0, 0, 0, 0, 9, 0, 1, 0, 2, b'x', b'p', b'q']).as_deref(), Some("x"));
    assert_eq!(read_open(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, b'x', b'p']), None);
    assert_eq!(read_open(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0xFF]), None);
    assert_eq!(read_open(&[2]), None);
}

#[test]
fn garbage_is_passed_over() {
    let mut random = Random::stream(5, "garbage");
    let mut path = Path::perfect();
    let now = path.now;
    let id = path.alice().open(now, "x").unwrap();
    for length in 0..200 {
        let mut packet = vec![0; length];
        random.fill(&mut packet);
        let now = path.now;
        path.alice().receive(now, &packet);
        path.bob().receive(now, &packet);
    }
    path.seconds(1);
    let now = path.now;
    path.bob().send_text(now, id, "still well").unwrap();
    path.seconds(1);
    assert_eq!(path.messages(ALICE), [b"still well"]);
}

/// Law 1: the tags, cookies and sequence numbers that the association draws are the universe's.
#[test]
fn the_same_seed_gives_the_same_packets() {
    let packets = |seed: u64| {
        crate::simulate(seed, async move |_| {
            let mut path = Path::new(1, 0.2, Duration::from_millis(50));
            let now = path.now;
            let id = path.alice().open(now, "x").unwrap();
            path.alice().send(now, id, &[7; 5000]).unwrap();
            path.seconds(60);
            path.wire
        })
    };
    let first = packets(7);
    assert!(first.len() > 10);
    assert_eq!(first, packets(7));
    assert_ne!(first, packets(8));
}

/// RFC 6525 4.1.
#[test]
fn a_reset_is_found_in_its_packet() {
    let mut packet = vec![0; 12];
    // A SACK with three bytes of padding, then the request for streams 1 and 7.
    packet.extend([3, 0, 0, 5, 9, 0, 0, 0]);
    packet.extend([130, 0, 0, 24, 0, 13, 0, 20, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 0, 7]);
    assert_eq!([1, 7, 3].map(|stream| reset_of(&packet, ChannelId(stream))), [Some(1), Some(1), None]);
    for length in 0..packet.len() {
        assert_eq!(reset_of(&packet[..length], ChannelId(7)), None);
    }
    assert!(!answers(&packet, 1));
    let answer = [&packet[..12], &[130, 0, 0, 16, 0, 16, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1][..]].concat();
    assert!(answers(&answer, 1) && !answers(&answer, 2));
}
