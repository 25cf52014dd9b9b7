//! One stream of many: what a gateway's leg sends is its own, whoever speaks behind it.
//!
//! WebRTC tells of a stream by its SSRC before its first packet comes (RFC 8829 5.2.1, RFC 8843 9.2), and who speaks may
//! change: another party after a transfer, music on hold, a conference room. So the leg is a source of its own, as a mixer is
//! that hears one at a time (RFC 3550 2.3): its SSRC stays, its numbers and timestamps go on, and where another begins to
//! speak the marker says so (RFC 3551 4.1). Reports are translated both ways, so that each side learns what the other hears.

use bytes::Bytes;

use super::rtcp::{self, Rtcp};
use super::rtp::HEADER;
use super::{FRAME, sdp};
use crate::trace::SimTime;
use crate::world::Random;

const NANOS_OF_A_SAMPLE: u64 = 125_000;
/// A source whose numbers go further ahead, or further back, has begun anew (RFC 3550 A.1).
const DROPOUT: u16 = 3_000;
const MISORDER: u16 = 100;

/// The stream: packets and reports of others go in, its own come out.
///
/// ```
/// use busyhour::media::{OneStream, rtp::Packet};
/// use busyhour::trace::SimTime;
/// use busyhour::world::Random;
///
/// let mut stream = OneStream::new(&mut Random::stream(1, "leg"), "gateway");
/// let of = |ssrc, sequence| {
///     let (csrc, extension, payload) = (vec![], None, vec![0; 160].into());
///     Packet { marker: false, payload_type: 0, sequence, timestamp: 7, ssrc, csrc, extension, payload }.write()
/// };
/// let mut leaves = |packet: bytes::Bytes| Packet::read(stream.packet(SimTime::ZERO, &packet).unwrap().into()).unwrap();
/// let (alice, bob) = (leaves(of(1, 100)), leaves(of(2, 9_000)));
/// assert_eq!(bob.ssrc, alice.ssrc);
/// assert_eq!((bob.sequence, bob.timestamp, bob.marker), (alice.sequence + 1, alice.timestamp + 160, true));
/// ```
#[derive(Debug, Clone)]
pub struct OneStream {
    ssrc: u32,
    name: String,
    /// The timestamp of the universe's birth.
    clock: u32,
    /// The number of the next packet of somebody new.
    next: u16,
    /// The latest timestamp that was sent.
    latest: Option<u32>,
    source: Option<Source>,
    packets: u32,
    octets: u32,
}

/// Who speaks now.
#[derive(Debug, Clone, Copy)]
struct Source {
    ssrc: u32,
    /// What is added to his numbers.
    numbers: u16,
    /// What is added to his timestamps.
    times: u32,
    /// The first of his numbers, where another one spoke before: that one's numbers are used.
    first: Option<u16>,
    /// His highest number, counted on across wraps.
    highest: u32,
}

impl OneStream {
    /// One that hasn't said anything. `name` is told in its reports (CNAME).
    pub fn new(random: &mut Random, name: &str) -> OneStream {
        let (ssrc, start) = (random.next_u64(), random.next_u64());
        OneStream {
            ssrc: ssrc as u32,
            name: name.to_owned(),
            clock: (start >> 32) as u32,
            // RFC 3711 3.3.1: in the lower half, and with room for what comes late.
            next: start as u16 & 0x7FFF | 0x400,
            latest: None,
            source: None,
            packets: 0,
            octets: 0,
        }
    }

    /// How a description tells of it.
    pub fn source(&self) -> sdp::Source {
        let stream = format!("{:08x}", self.ssrc);
        sdp::Source { ssrc: self.ssrc, cname: self.name.clone(), stream, track: "audio".to_owned() }
    }

    /// Somebody's RTP packet, as this stream's next; none if it's no such packet, or comes too late.
    pub fn packet(&mut self, now: SimTime, packet: &[u8]) -> Option<Vec<u8>> {
        if packet.len() < HEADER || packet[0] >> 6 != 2 {
            return None;
        }
        let word = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let (sequence, timestamp, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), word(4), word(8));
        let known = self.source.as_mut().filter(|source| source.ssrc == ssrc && source.goes_on(sequence));
        let begins = known.is_none();
        let source = match known {
            Some(source) => source,
            None => {
                let times = self.begins_at(now).wrapping_sub(timestamp);
                let (numbers, highest) = (self.next.wrapping_sub(sequence), u32::from(sequence));
                let first = self.latest.map(|_| sequence);
                self.source.insert(Source { ssrc, numbers, times, first, highest })
            }
        };
        if source.first.is_some_and(|first| (sequence.wrapping_sub(first) as i16) < 0) {
            return None;
        }
        let ahead = sequence.wrapping_sub(source.highest as u16) as i16;
        if ahead > 0 {
            source.highest += ahead as u32;
            if source.highest >= source.first.map_or(0, u32::from) + 0x4000 {
                // It's long ago.
                source.first = None;
            }
        }
        let (number, time) = (sequence.wrapping_add(source.numbers), timestamp.wrapping_add(source.times));
        self.next = (source.highest as u16).wrapping_add(source.numbers).wrapping_add(1);
        if self.latest.is_none_or(|latest| (time.wrapping_sub(latest) as i32) > 0) {
            self.latest = Some(time);
        }
        let mut own = packet.to_vec();
        own[1] |= u8::from(begins) << 7;
        own[2..4].copy_from_slice(&number.to_be_bytes());
        own[4..8].copy_from_slice(&time.to_be_bytes());
        own[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        Some(own)
    }

    /// One of its packets has really left: its reports tell how many did.
    pub fn has_sent(&mut self, packet: &[u8]) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.len().saturating_sub(HEADER) as u32);
    }

    /// The timestamp of somebody's first packet: that of now, and later than all before.
    fn begins_at(&self, now: SimTime) -> u32 {
        let by_clock = self.clock.wrapping_add((now.0 / NANOS_OF_A_SAMPLE) as u32);
        let Some(least) = self.latest.map(|latest| latest.wrapping_add(FRAME as u32)) else { return by_clock };
        if (by_clock.wrapping_sub(least) as i32) < 0 { least } else { by_clock }
    }

    /// Somebody's reports, as this stream's; none if nothing of them is left. That he leaves isn't this one's end.
    pub fn reports(&self, compound: &[u8]) -> Option<Vec<u8>> {
        let read = rtcp::read(&Bytes::copy_from_slice(compound)).ok()?;
        let mut own = Vec::with_capacity(read.len());
        for packet in read {
            match packet {
                Rtcp::Sender { ssrc, ntp, timestamp, reports, .. } => {
                    own.push(match self.source.filter(|source| source.ssrc == ssrc) {
                        Some(source) => Rtcp::Sender {
                            ssrc: self.ssrc,
                            ntp,
                            timestamp: timestamp.wrapping_add(source.times),
                            packets: self.packets,
                            octets: self.octets,
                            reports,
                        },
                        None => Rtcp::Receiver { ssrc: self.ssrc, reports },
                    });
                }
                Rtcp::Receiver { reports, .. } => own.push(Rtcp::Receiver { ssrc: self.ssrc, reports }),
                Rtcp::Names(_) => own.push(Rtcp::Names(vec![(self.ssrc, self.name.clone())])),
                Rtcp::Bye { .. } => {}
                // Feedback and the like, which names sources at places of its own.
                Rtcp::Other(..) => {}
            }
        }
        (!own.is_empty()).then(|| rtcp::write(&own).to_vec())
    }

    /// Reports of who hears this stream, as they are about who speaks.
    pub fn reports_back(&self, compound: Bytes) -> Bytes {
        let (Some(source), Ok(mut read)) = (&self.source, rtcp::read(&compound)) else { return compound };
        for packet in &mut read {
            if let Rtcp::Sender { reports, .. } | Rtcp::Receiver { reports, .. } = packet {
                for report in reports.iter_mut().filter(|report| report.ssrc == self.ssrc) {
                    report.ssrc = source.ssrc;
                    report.highest = source.highest_of(report.highest as u16);
                }
            }
        }
        rtcp::write(&read)
    }
}

impl Source {
    /// True if that's the number of a packet of the same stream: a bit ahead, or a bit late.
    fn goes_on(&self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        !(DROPOUT..=u16::MAX - MISORDER).contains(&ahead)
    }

    /// His own number of a packet that was sent with that one.
    fn highest_of(&self, sent: u16) -> u32 {
        let behind = (self.highest as u16).wrapping_sub(sent.wrapping_sub(self.numbers));
        self.highest.wrapping_sub(u32::from(behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtcp::Report;
    use crate::media::rtp::Packet;

    fn stream() -> OneStream {
        OneStream::new(&mut Random::stream(1, "leg"), "gateway")
    }

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Bytes {
        let payload = Bytes::from_static(&[0x55; FRAME]);
        let (csrc, extension) = (vec![], None);
        Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc, csrc, extension, payload }.write()
    }

    fn at(stream: &mut OneStream, millis: u64, packet: Bytes) -> Option<Packet> {
        stream.packet(SimTime(millis * 1_000_000), &packet).map(|own| {
            stream.has_sent(&own);
            Packet::read(own.into()).unwrap()
        })
    }

    /// RFC 3550 5.1, RFC 3551 4.1.
    #[test]
    fn numbers_and_times_go_on_when_somebody_else_speaks() {
        let mut stream = stream();
        let mut sent = Vec::new();
        for n in 0..50u16 {
            sent.push(at(&mut stream, u64::from(n) * 20, packet(1, 65_530u16.wrapping_add(n), 9 + u32::from(n) * 160)));
        }
        for n in 0..50u16 {
            sent.push(at(&mut stream, 1_000 + u64::from(n) * 20, packet(2, n, 77 + u32::from(n) * 160)));
        }
        let sent: Vec<Packet> = sent.into_iter().flatten().collect();
        assert_eq!(sent.len(), 100);
        for (n, pair) in sent.windows(2).enumerate() {
            assert_eq!(pair[1].ssrc, stream.ssrc);
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "{n}");
            assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 160, "{n}");
            assert_eq!(pair[1].marker, n == 49, "{n}");
        }
        assert!(sent[0].marker && sent[0].sequence <= 0x7FFF);
    }

    #[test]
    fn a_pause_before_somebody_else_speaks_is_one_in_the_timestamps() {
        let mut stream = stream();
        let first = at(&mut stream, 0, packet(1, 5, 0)).unwrap();
        let after = at(&mut stream, 500, packet(2, 5, 0)).unwrap();
        assert_eq!(after.timestamp.wrapping_sub(first.timestamp), 4_000);
        assert_eq!(after.sequence, first.sequence + 1);
        // Within a frame of the one before it's a frame all the same.
        let at_once = at(&mut stream, 501, packet(1, 6, 160)).unwrap();
        assert_eq!(at_once.timestamp.wrapping_sub(after.timestamp), 160);
    }

    /// RFC 3711 9.1: what has been sent with a number isn't sent with it again as something else.
    #[test]
    fn what_comes_out_of_order_keeps_its_place_and_takes_nobody_elses() {
        let mut stream = stream();
        let numbers = |stream: &mut OneStream, ssrc, sequences: &[u16]| {
            let of = |&sequence: &u16| at(stream, 0, packet(ssrc, sequence, 0)).map(|packet| packet.sequence);
            sequences.iter().map(of).collect::<Vec<_>>()
        };
        let start = stream.next;
        let of = |numbers: [u16; 4]| numbers.map(|number| Some(start + number)).to_vec();
        assert_eq!(numbers(&mut stream, 1, &[10, 12, 11, 13]), of([0, 2, 1, 3]));
        assert_eq!(numbers(&mut stream, 1, &[13, 15, 15, 16]), of([3, 5, 5, 6]), "a copy is a copy, a gap a gap");
        // The first of the other's was overtaken, and its place is somebody's.
        assert_eq!(numbers(&mut stream, 2, &[701, 700, 702]), [Some(start + 7), None, Some(start + 8)]);
    }

    #[test]
    fn who_begins_anew_under_the_same_name_goes_on_here() {
        let mut stream = stream();
        let first = at(&mut stream, 0, packet(1, 40_000, 0)).unwrap();
        for sequence in [100, 30_000, 26_000] {
            let before = stream.next;
            let next = at(&mut stream, 1_000, packet(1, sequence, 99)).unwrap();
            assert_eq!((next.sequence, next.marker), (before, true), "{sequence}");
            assert!(next.sequence > first.sequence);
        }
    }

    #[test]
    fn what_is_no_packet_does_not_leave() {
        assert_eq!(stream().packet(SimTime::ZERO, &[0x80; 11]), None);
        assert_eq!(stream().packet(SimTime::ZERO, &[0x40; 40]), None);
    }

    /// RFC 3550 6.4, 7.2: reports are about the stream, its numbers and its clock.
    #[test]
    fn reports_are_translated_both_ways() {
        let mut stream = stream();
        let mut sent = Vec::new();
        for n in 0..3u16 {
            sent.push(
                at(&mut stream, 20 * u64::from(n), packet(1, 65_534u16.wrapping_add(n), u32::from(n) * 160)).unwrap(),
            );
        }
        let hears = Report { ssrc: 9, highest: 7, ..Report::default() };
        let theirs = [
            Rtcp::Sender { ssrc: 1, ntp: 5, timestamp: 320, packets: 99, octets: 9, reports: vec![hears] },
            Rtcp::Names(vec![(1, "bob".into())]),
            Rtcp::Bye { ssrcs: vec![1], reason: None },
        ];
        let own = rtcp::read(&stream.reports(&rtcp::write(&theirs)).unwrap().into()).unwrap();
        let ssrc = stream.ssrc;
        let timestamp = sent[2].timestamp;
        let sender = Rtcp::Sender { ssrc, ntp: 5, timestamp, packets: 3, octets: 480, reports: vec![hears] };
        assert_eq!(own, [sender, Rtcp::Names(vec![(ssrc, "gateway".into())])]);
        // Of one who doesn't speak, only what he hears.
        let other = Rtcp::Sender { ssrc: 2, ntp: 5, timestamp: 0, packets: 9, octets: 9, reports: vec![] };
        let own = rtcp::read(&stream.reports(&rtcp::write(&[other])).unwrap().into()).unwrap();
        assert_eq!(own, [Rtcp::Receiver { ssrc, reports: vec![] }]);

        let of =
            |ssrc, highest| Rtcp::Receiver { ssrc: 4, reports: vec![Report { ssrc, highest, ..Report::default() }] };
        let back = |report| rtcp::read(&stream.reports_back(rtcp::write(&[report]))).unwrap();
        // The last, which is behind the wrap, and the first, which is before.
        assert_eq!(back(of(ssrc, sent[2].sequence.into())), [of(1, 0x1_0000)]);
        assert_eq!(back(of(ssrc, sent[0].sequence.into())), [of(1, 65_534)]);
        assert_eq!(back(of(8, 3)), [of(8, 3)], "somebody else's");
    }
}
