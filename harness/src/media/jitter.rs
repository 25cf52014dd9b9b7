//! The playout buffer: packets go in as the network brings them, samples come out in step.
//!
//! A packet is played when its timestamp is due: so long after its arrival as the buffer is deep, if it was as quick as
//! the quickest. What is missing between two packets whose sequence numbers follow each other was never sent: silence,
//! not loss, and nothing is played for it. A gap in the numbers is loss, and is concealed (by the method of G.711 Appendix I); to know
//! it while it's due the buffer must be deeper than the gap, so it's three frames deep at least, as long as a gap can be
//! concealed at all.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use super::conceal::Concealer;
use super::{Codec, FRAME, Frame};
use crate::trace::SimTime;

/// A sample's time.
const NANOS_OF_A_SAMPLE: u64 = 125_000;
/// A packet this much too late, or too early, belongs to another time line: the source's clock was set.
const LOST_THE_THREAD: i64 = 4_000;
/// How many packets are kept; more means that somebody floods.
const CAPACITY: usize = 256;
/// How long the buffer watches before it dares to become shallower.
const WATCHES: Duration = Duration::from_secs(10);

/// How long packets wait before they're played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Always so long. Packets later than that are lost.
    Fixed(Duration),
    /// As long as the network makes it necessary, within these bounds.
    Adaptive {
        /// At least so long.
        least: Duration,
        /// At most so long.
        most: Duration,
    },
}

impl Default for Depth {
    /// From three frames to ten.
    fn default() -> Depth {
        Depth::Adaptive { least: Duration::from_millis(60), most: Duration::from_millis(200) }
    }
}

impl Depth {
    fn bounds(self) -> (u64, u64) {
        let samples = |duration: Duration| duration.as_nanos() as u64 / NANOS_OF_A_SAMPLE;
        match self {
            Depth::Fixed(depth) => (samples(depth), samples(depth)),
            Depth::Adaptive { least, most } => (samples(least), samples(most.max(least))),
        }
    }
}

/// What a playout buffer has seen go by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Playout {
    /// Packets that were played, or heard as events.
    pub played: u64,
    /// Packets that weren't there when they were due.
    pub missing: u64,
    /// In how many gaps.
    pub gaps: u64,
    /// Packets that came when they had been due already.
    pub late: u64,
    /// Samples that were made up.
    pub concealed: u64,
}

impl Playout {
    /// The share of packets that weren't there in time, from 0 to 1.
    pub fn missing_share(&self) -> f64 {
        let due = self.played + self.missing;
        if due == 0 { 0.0 } else { self.missing as f64 / due as f64 }
    }

    /// How many times longer the gaps are than chance would make them (BurstR of G.107): 1 is chance.
    pub fn burst_ratio(&self) -> f64 {
        if self.gaps == 0 {
            return 1.0;
        }
        let mean = self.missing as f64 / self.gaps as f64;
        mean * (1.0 - self.missing_share())
    }
}

#[derive(Debug, Clone)]
struct Waiting {
    number: u64,
    /// Its first sample, counted on across wraps; none for what isn't audio.
    audio: Option<(u64, Codec, Bytes)>,
}

/// The buffer for one source.
#[derive(Debug, Clone)]
pub struct Buffer {
    depth: Depth,
    least: u64,
    most: u64,
    /// How deep it is now, in samples.
    delay: u64,
    /// In the order of their numbers.
    waiting: VecDeque<Waiting>,
    /// Which sample arrives (undelayed) at which moment; the quickest packet sets it.
    anchor: Option<(u64, u64)>,
    /// The timestamp of the last packet that came, and where it lies.
    last_timestamp: (u32, u64),
    /// The number of the last packet that was taken out.
    taken: Option<u64>,
    /// Up to where samples were played, or left out for good.
    played_until: u64,
    /// The least time to spare since when, in samples.
    spare: (u64, SimTime),
    /// How long the gap has lasted that nothing is known about yet.
    starved: u64,
    concealer: Concealer,
    /// What went by.
    pub playout: Playout,
}

fn samples_at(now: SimTime) -> u64 {
    now.0 / NANOS_OF_A_SAMPLE
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer::new(Depth::default())
    }
}

impl Buffer {
    /// An empty one.
    pub fn new(depth: Depth) -> Buffer {
        let (least, most) = depth.bounds();
        Buffer {
            depth,
            least,
            most,
            delay: least,
            waiting: VecDeque::new(),
            anchor: None,
            last_timestamp: (0, 0),
            taken: None,
            played_until: 0,
            spare: (u64::MAX, SimTime::ZERO),
            starved: 0,
            concealer: Concealer::default(),
            playout: Playout::default(),
        }
    }

    /// Forgets what waits: another source begins. What went by stays counted.
    pub fn restart(&mut self) {
        *self = Buffer { playout: self.playout, ..Buffer::new(self.depth) };
    }

    /// How deep it is now.
    pub fn depth(&self) -> Duration {
        Duration::from_nanos(self.delay * NANOS_OF_A_SAMPLE)
    }

    /// Puts a packet of audio in. `number` is its sequence number, counted on across wraps.
    pub fn insert(&mut self, now: SimTime, number: u64, timestamp: u32, codec: Codec, payload: Bytes) {
        let arrived = samples_at(now);
        let at = match self.anchor {
            // Far from zero, so that what was sent before has its place too.
            None => u64::from(u32::MAX) + u64::from(timestamp),
            Some(_) => {
                let (before, place) = self.last_timestamp;
                place.saturating_add_signed(i64::from(timestamp.wrapping_sub(before) as i32))
            }
        };
        let lateness = self.anchor.map(|(place, moment)| {
            // When it arrived, less when it would have, had it been as quick as the quickest.
            (arrived as i64 - moment as i64) - (at as i64 - place as i64)
        });
        let too_late = self.taken.is_some_and(|taken| number <= taken);
        match lateness {
            Some(late) if late.abs() < LOST_THE_THREAD => {
                if late < 0 {
                    self.anchor = Some((at, arrived));
                }
                let late = late.max(0) as u64;
                if late > self.delay && self.delay < self.most {
                    // It comes too late: deeper, by whole frames.
                    self.delay = late.next_multiple_of(FRAME as u64).min(self.most);
                    self.spare = (u64::MAX, now);
                }
                self.spare.0 = self.spare.0.min(self.delay.saturating_sub(late));
            }
            _ if too_late => {}
            _ => {
                if lateness.is_some() {
                    self.abandon();
                }
                self.anchor = Some((at, arrived));
                self.played_until = self.played_until.min(at);
                if self.taken.is_none() || lateness.is_some() {
                    self.played_until = at;
                }
                self.spare = (u64::MAX, now);
            }
        }
        if too_late {
            self.playout.late += 1;
            return;
        }
        self.last_timestamp = (timestamp, at);
        if now.since(self.spare.1) > WATCHES {
            // Everything came with a frame to spare and more for a while: one frame shallower.
            if self.spare.0 > 2 * FRAME as u64 && self.spare.0 != u64::MAX && self.delay >= self.least + FRAME as u64 {
                self.delay -= FRAME as u64;
            }
            self.spare = (u64::MAX, now);
        }
        self.put(Waiting { number, audio: Some((at, codec, payload)) });
    }

    /// A packet came that isn't audio (an event): its number isn't missing.
    pub fn pass(&mut self, number: u64) {
        if self.taken.is_none_or(|taken| number > taken) {
            self.put(Waiting { number, audio: None });
        }
    }

    fn put(&mut self, packet: Waiting) {
        // Mostly it's the newest.
        let newer = self.waiting.iter().rev().take_while(|other| other.number >= packet.number).count();
        let place = self.waiting.len() - newer;
        if self.waiting.get(place).is_none_or(|other| other.number != packet.number) {
            self.waiting.insert(place, packet);
        }
        if self.waiting.len() > CAPACITY {
            self.take_first();
        }
    }

    /// Another time line begins: what waits will never be due.
    fn abandon(&mut self) {
        while !self.waiting.is_empty() {
            self.take_first();
        }
        self.concealer.forget();
    }

    fn take_first(&mut self) {
        if let Some(Waiting { number, .. }) = self.waiting.pop_front() {
            self.count_gap(number);
            self.playout.played += 1;
            self.taken = Some(number);
        }
    }

    fn missing_before(&self, number: u64) -> u64 {
        self.taken.map_or(0, |taken| number.saturating_sub(taken + 1))
    }

    fn count_gap(&mut self, number: u64) {
        let missing = self.missing_before(number);
        self.playout.missing += missing;
        self.playout.gaps += u64::from(missing > 0);
    }

    /// When the next frame could be due that has something in it; none if nothing waits.
    pub fn next_due(&self) -> Option<SimTime> {
        let (place, moment) = self.anchor?;
        let first = self.waiting.iter().find_map(|packet| packet.audio.as_ref())?.0.max(self.played_until);
        let due = (moment + self.delay).saturating_add_signed(first as i64 - place as i64);
        Some(SimTime(due * NANOS_OF_A_SAMPLE))
    }

    /// Whether packets wait that aren't due yet, so that whatever is due before them is silence or loss.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The frame that begins now, some of it made up perhaps; none if nothing was sent for it, or nothing is here.
    pub fn frame(&mut self, now: SimTime) -> Option<&Frame> {
        let (place, moment) = self.anchor?;
        let begin = place as i64 + samples_at(now) as i64 - moment as i64 - self.delay as i64;
        let begin = u64::try_from(begin).ok()?;
        let end = begin + FRAME as u64;
        // What a deeper buffer would play a second time.
        let mut at = begin.max(self.played_until).min(end);
        let window = |from: u64, until: u64| (from - begin) as usize..(until - begin) as usize;
        let mut sounds = false;
        if !self.waiting.is_empty() {
            self.concealer.begin();
        }
        while at < end {
            let Some(Waiting { number, audio }) = self.waiting.front() else { break };
            let Some((start, codec, payload)) = audio else {
                self.take_first();
                continue;
            };
            let (start, over) = (*start, start + payload.len() as u64);
            if start > at {
                let until = start.min(end);
                if self.missing_before(*number) > 0 {
                    self.conceal(window(at, until));
                    sounds = true;
                } else {
                    self.concealer.forget_gap();
                }
                at = until;
                continue;
            }
            if over > at {
                let until = over.min(end);
                let window = window(at, until);
                let coded = &payload[(at - start) as usize..(until - start) as usize];
                self.concealer.frame().put(window.start, *codec, coded);
                self.concealer.resume(window);
                self.starved = 0;
                sounds = true;
                at = until;
            }
            if over <= at {
                self.take_first();
            }
        }
        if at < end && self.taken.is_some() {
            // Nobody knows yet whether something is missing here.
            self.starved += end - at;
        }
        self.played_until = self.played_until.max(at);
        sounds.then(|| self.concealer.played())
    }

    fn conceal(&mut self, window: Range<usize>) {
        let starved = std::mem::take(&mut self.starved);
        if starved > 0 {
            self.concealer.skip(starved as usize);
        }
        self.playout.concealed += window.len() as u64;
        self.concealer.conceal(window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::audio::Sound;

    const TONE: Sound = Sound::Tones { hz: [400.0, 1_000.0], level: 0.5 };
    const MS: u64 = 1_000_000;

    fn ms(at: u64) -> SimTime {
        SimTime(at * MS)
    }

    fn said(frame: u64) -> [i16; FRAME] {
        let mut samples = [0; FRAME];
        TONE.fill(frame * FRAME as u64, &mut samples);
        let mut bytes = Vec::new();
        Codec::Pcmu.encode(&samples, &mut bytes);
        Codec::Pcmu.decode_into(&bytes, &mut samples);
        samples
    }

    fn insert(buffer: &mut Buffer, at: SimTime, number: u64, frame: u64) {
        let mut payload = Vec::new();
        Codec::Pcmu.encode(&said(frame), &mut payload);
        // Close to the wrap.
        let timestamp = (u32::MAX - 500).wrapping_add(frame as u32 * FRAME as u32);
        buffer.insert(at, 0x1_0000 + number, timestamp, Codec::Pcmu, payload.into());
    }

    /// Plays frames of 20 ms; `arrivals` are (ms, number, frame).
    fn play(buffer: &mut Buffer, arrivals: &[(u64, u64, u64)], frames: u64) -> Vec<Option<[i16; FRAME]>> {
        (0..frames)
            .map(|n| {
                for &(at, number, frame) in arrivals {
                    if (at > n.wrapping_sub(1).wrapping_mul(20) || n == 0) && at <= n * 20 {
                        insert(buffer, ms(at), number, frame);
                    }
                }
                buffer.frame(ms(n * 20)).map(|frame| frame.samples())
            })
            .collect()
    }

    fn fixed() -> Buffer {
        Buffer::new(Depth::Fixed(Duration::from_millis(60)))
    }

    #[test]
    fn what_is_reordered_or_repeated_is_played_once_in_its_place() {
        let arrivals = [(0, 0, 0), (40, 2, 2), (42, 1, 1), (43, 1, 1), (60, 3, 3)];
        let mut buffer = fixed();
        let played = play(&mut buffer, &arrivals, 8);
        let expected: Vec<Option<[i16; FRAME]>> = (0..4).map(|n| Some(said(n))).collect();
        assert_eq!(played[3..7], expected);
        assert_eq!((played[2], played[7]), (None, None));
        assert_eq!(buffer.playout, Playout { played: 4, ..Playout::default() });
    }

    #[test]
    fn a_lost_frame_is_concealed_and_counted() {
        let arrivals = [(0, 0, 0), (20, 1, 1), (60, 3, 3), (80, 4, 4)];
        let mut buffer = fixed();
        let played = play(&mut buffer, &arrivals, 9);
        assert_eq!(played[4], Some(said(1)));
        let (Some(made_up), Some(after)) = (played[5], played[6]) else { panic!("something is played") };
        assert!(made_up.iter().any(|&sample| sample.abs() > 1000));
        assert_eq!(after[80..], said(3)[80..]);
        assert_eq!(buffer.playout, Playout { played: 4, missing: 1, gaps: 1, concealed: 160, late: 0 });
    }

    /// RFC 3550 5.1 and 3551 4.1: a gap in the timestamps alone is silence.
    #[test]
    fn what_was_never_sent_is_neither_lost_nor_concealed() {
        let arrivals: Vec<(u64, u64, u64)> = (0..6).map(|n| (n * 200, n, n * 10)).collect();
        let mut buffer = fixed();
        let played = play(&mut buffer, &arrivals, 56);
        for (n, due) in played.iter().enumerate() {
            let expected = if n % 10 == 3 { Some(said(n as u64 - 3)) } else { None };
            assert_eq!(*due, expected, "frame {n}");
        }
        assert_eq!(buffer.playout, Playout { played: 6, ..Playout::default() });
    }

    #[test]
    fn a_lost_probe_is_loss_all_the_same() {
        let arrivals = [(0, 0, 0), (400, 2, 20), (600, 3, 30)];
        let mut buffer = fixed();
        play(&mut buffer, &arrivals, 40);
        assert_eq!((buffer.playout.missing, buffer.playout.gaps, buffer.playout.played), (1, 1, 3));
    }

    /// In pairs: what comes when it's just due is played, what comes later is lost.
    #[test]
    fn a_fixed_buffer_loses_what_comes_later_than_it_is_deep() {
        for (at, late, missing) in [(80, 0, 0), (101, 1, 1)] {
            let arrivals = [(0, 0, 0), (40, 2, 2), (60, 3, 3), (at, 1, 1)];
            let mut buffer = fixed();
            play(&mut buffer, &arrivals, 9);
            assert_eq!((buffer.playout.late, buffer.playout.missing), (late, missing), "it came at {at} ms");
        }
    }

    #[test]
    fn an_adaptive_buffer_becomes_deeper_and_shallower_again() {
        let mut buffer = Buffer::default();
        let arrivals: Vec<(u64, u64, u64)> = (0..20).map(|n| (n * 20 + if n == 10 { 90 } else { 0 }, n, n)).collect();
        play(&mut buffer, &arrivals, 30);
        assert_eq!(buffer.depth(), Duration::from_millis(100));
        for n in 30..2_000 {
            insert(&mut buffer, ms(n * 20), n, n);
            buffer.frame(ms(n * 20));
        }
        assert_eq!(buffer.depth(), Duration::from_millis(60));
        assert!(buffer.playout.missing >= 10, "the numbers 20 to 29 never came");
    }

    #[test]
    fn a_source_whose_clock_was_set_is_heard_on() {
        let mut buffer = fixed();
        let mut heard = 0;
        for n in 0..100 {
            let frame = if n < 50 { n } else { n + 5_000 };
            insert(&mut buffer, ms(n * 20), n, frame);
            heard += u32::from(buffer.frame(ms(n * 20)).is_some());
        }
        assert!(heard >= 93, "{heard}");
        assert_eq!(buffer.playout.missing, 0);
    }

    #[test]
    fn packets_of_ten_and_thirty_milliseconds_are_played_without_a_seam() {
        for length in [80, 240] {
            let mut buffer = fixed();
            let mut samples = Vec::new();
            let whole: Vec<i16> = (0..12).flat_map(said).collect();
            for n in 0..15u64 {
                for (number, part) in whole.chunks(length).enumerate() {
                    let at = number * length / 8;
                    if at as u64 <= n * 20 && at as u64 + 20 > n * 20 {
                        let mut payload = Vec::new();
                        Codec::Pcma.encode(part, &mut payload);
                        buffer.insert(
                            ms(at as u64),
                            number as u64,
                            (number * length) as u32,
                            Codec::Pcma,
                            payload.into(),
                        );
                    }
                }
                if let Some(frame) = buffer.frame(ms(n * 20)) {
                    samples.extend(frame.samples());
                }
            }
            let mut expected = Vec::new();
            Codec::Pcma.encode(&whole, &mut expected);
            let expected: Vec<i16> = expected.into_iter().map(|byte| Codec::Pcma.decode(byte)).collect();
            assert_eq!(samples[..], expected[..], "packets of {length} samples");
        }
    }

    /// G.107: the mean gap over the mean gap of chance, 1 / (1 - share).
    #[test]
    fn bursts_are_told_from_chance() {
        let scattered = Playout { played: 90, missing: 10, gaps: 9, ..Playout::default() };
        assert!((scattered.burst_ratio() - 1.0).abs() < 0.01);
        let burst = Playout { played: 90, missing: 10, gaps: 2, ..Playout::default() };
        assert!((burst.burst_ratio() - 4.5).abs() < 0.01);
        assert_eq!(Playout::default().burst_ratio(), 1.0);
    }
}
