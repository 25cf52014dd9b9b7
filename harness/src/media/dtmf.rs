//! Digits as RTP events (RFC 4733): how they're sent, and how they're counted once whatever the network does.

use std::collections::VecDeque;

use bytes::Bytes;

/// The longest that one packet can tell, in samples (RFC 4733 2.5.1.3).
pub const LONGEST: u32 = 0xFFFF;
/// How often the last packet of an event is sent (RFC 4733 2.5.1.4).
pub const ENDS: u8 = 3;
/// How long a key is pressed unless it's said: 100 ms.
pub const PRESS: u32 = 800;
/// The pause after a digit, in frames of 20 ms: ITU-T Q.24 wants 40 ms between signals at least.
const PAUSE: u8 = 2;
/// -10 dBm0, as phones send.
const VOLUME: u8 = 10;
/// A frame, in samples.
const STEP: u32 = super::FRAME as u32;

const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// Which event a key is.
pub fn event_of(digit: char) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    DIGITS.iter().position(|&one| char::from(one) == digit).map(|event| event as u8)
}

/// Which key an event is; there are others (flash, fax tones).
pub fn digit_of(event: u8) -> Option<char> {
    DIGITS.get(usize::from(event)).map(|&digit| char::from(digit))
}

/// The four bytes of a telephone-event payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// Which event.
    pub event: u8,
    /// Whether it's over.
    pub end: bool,
    /// How loud, in -dBm0.
    pub volume: u8,
    /// How long so far, in samples.
    pub duration: u16,
}

impl Payload {
    /// Reads a payload's first block; none if it's too short.
    pub fn read(bytes: &[u8]) -> Option<Payload> {
        let &[event, flags, high, low, ..] = bytes else { return None };
        let duration = u16::from_be_bytes([high, low]);
        Some(Payload { event, end: flags & 0x80 != 0, volume: flags & 0x3F, duration })
    }

    /// Writes it.
    pub fn write(self) -> Bytes {
        let [high, low] = self.duration.to_be_bytes();
        Bytes::copy_from_slice(&[self.event, u8::from(self.end) << 7 | self.volume & 0x3F, high, low])
    }
}

/// A packet that the sender wants sent in the place of a frame of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// The event's first packet.
    pub marker: bool,
    /// When the event, or this part of a long one, began.
    pub timestamp: u32,
    /// What it says.
    pub payload: Payload,
}

/// Sends digits one after the other: asked once a frame, it says what to send instead of audio.
///
/// An update goes out each 20 ms, as RFC 4733 2.5.1.2 wants where audio has that rhythm, and the end three times.
///
/// ```
/// use busyhour::media::dtmf::Sender;
///
/// let mut sender = Sender::default();
/// sender.press('5', 800);
/// let packets: Vec<_> = (0..10).filter_map(|n| sender.frame(n * 160)).collect();
/// let said: Vec<_> = packets.iter().map(|packet| (packet.payload.duration, packet.payload.end)).collect();
/// assert_eq!(said, [(160, false), (320, false), (480, false), (640, false), (800, true), (800, true), (800, true)]);
/// assert!(packets.iter().all(|packet| packet.timestamp == 0), "all of one event carry its beginning");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Sender {
    queue: VecDeque<(u8, u32)>,
    pressed: Option<Pressed>,
    pause: u8,
}

#[derive(Debug, Clone)]
struct Pressed {
    event: u8,
    /// When this segment began.
    start: u32,
    /// How long the event is from this segment's beginning on.
    length: u32,
    /// How much of the segment is over.
    elapsed: u32,
    /// How often its end was said.
    ended: u8,
    first: bool,
}

impl Sender {
    /// Presses a key for so many samples, after those that are pressed already. What is no key is left out.
    pub fn press(&mut self, digit: char, samples: u32) {
        self.queue.extend(event_of(digit).map(|event| (event, samples.max(1))));
    }

    /// Whether all is sent.
    pub fn is_idle(&self) -> bool {
        self.pressed.is_none() && self.queue.is_empty()
    }

    /// Lets go of everything, said or not.
    pub fn clear(&mut self) {
        *self = Sender::default();
    }

    /// What goes out instead of the frame of audio that begins at `timestamp`.
    pub fn frame(&mut self, timestamp: u32) -> Option<Outgoing> {
        if self.pause > 0 && self.pressed.is_none() {
            self.pause -= 1;
            return None;
        }
        if self.pressed.is_none() {
            let (event, length) = self.queue.pop_front()?;
            self.pressed = Some(Pressed { event, start: timestamp, length, elapsed: 0, ended: 0, first: true });
        }
        let pressed = self.pressed.as_mut()?;
        if pressed.elapsed == LONGEST && pressed.length > LONGEST {
            // The segment before is full: the event goes on in one that begins where that one ended.
            pressed.start = pressed.start.wrapping_add(LONGEST);
            pressed.length -= LONGEST;
            pressed.elapsed = timestamp.wrapping_sub(pressed.start);
        }
        pressed.elapsed = (pressed.elapsed + STEP).min(pressed.length).min(LONGEST);
        let end = pressed.elapsed == pressed.length;
        let payload = Payload { event: pressed.event, end, volume: VOLUME, duration: pressed.elapsed as u16 };
        let packet = Outgoing { marker: std::mem::take(&mut pressed.first), timestamp: pressed.start, payload };
        if end {
            pressed.ended += 1;
            if pressed.ended == ENDS {
                self.pressed = None;
                self.pause = PAUSE;
            }
        }
        Some(packet)
    }
}

/// How many events a receiver remembers, to know their stragglers.
const REMEMBERED: usize = 8;

/// Counts digits: each once, whichever of its packets come, and however often.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    /// The newest last.
    known: VecDeque<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    event: u8,
    start: u32,
    ended: bool,
}

impl Receiver {
    /// Takes a packet in; the digit if it's the first that is heard of it.
    pub fn receive(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let payload = Payload::read(payload)?;
        if let Some(known) = self.known.iter_mut().find(|one| one.start == timestamp && one.event == payload.event) {
            known.ended |= payload.end;
            return None;
        }
        // A long event goes on in segments, each as long as a packet can tell.
        let goes_on = self.known.back().is_some_and(|last| {
            let since = timestamp.wrapping_sub(last.start);
            last.event == payload.event && !last.ended && since != 0 && since.is_multiple_of(LONGEST)
        });
        if self.known.len() == REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back(Known { event: payload.event, start: timestamp, ended: payload.end });
        if goes_on { None } else { digit_of(payload.event) }
    }

    /// Forgets everything: another source speaks, with a clock of its own.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Random;

    fn send(digits: &[(char, u32)], frames: u32) -> Vec<Outgoing> {
        let mut sender = Sender::default();
        for &(digit, samples) in digits {
            sender.press(digit, samples);
        }
        // Close to the wrap of the timestamp.
        let packets = (0..frames).filter_map(|n| sender.frame((n * STEP).wrapping_sub(1000))).collect();
        assert!(sender.is_idle());
        packets
    }

    fn received<'a>(packets: impl IntoIterator<Item = &'a Outgoing>) -> String {
        let mut receiver = Receiver::default();
        packets.into_iter().filter_map(|packet| receiver.receive(packet.timestamp, &packet.payload.write())).collect()
    }

    #[test]
    fn an_event_starts_with_a_marker_and_ends_three_times() {
        let packets = send(&[('7', PRESS), ('7', PRESS)], 40);
        assert_eq!(packets.len(), 14);
        for event in packets.chunks(7) {
            assert_eq!(
                event.iter().map(|packet| packet.marker).collect::<Vec<_>>(),
                [true, false, false, false, false, false, false]
            );
            assert_eq!(event.iter().filter(|packet| packet.payload.end).count(), 3);
        }
        let apart = packets[7].timestamp.wrapping_sub(packets[0].timestamp);
        assert_eq!(apart, PRESS + 2 * STEP + u32::from(PAUSE) * STEP, "the ends and the pause lie between");
    }

    #[test]
    fn every_key_is_sent_and_others_are_not() {
        let keys: Vec<(char, u32)> = "0123456789*#ABCDx ".chars().map(|key| (key, PRESS)).collect();
        assert_eq!(received(&send(&keys, 400)), "0123456789*#ABCD");
    }

    /// RFC 4733 2.5.1.3: no packet tells more than 0xFFFF, and a part that goes on says no end.
    #[test]
    fn a_long_event_is_split_and_counted_once() {
        let length = LONGEST + 1000;
        let packets = send(&[('1', length)], 500);
        let starts: Vec<u32> = packets.iter().map(|packet| packet.timestamp).collect();
        let second = starts.iter().position(|&start| start != starts[0]).unwrap();
        assert_eq!(starts[second].wrapping_sub(starts[0]), LONGEST);
        assert_eq!((packets[second - 1].payload.duration, packets[second - 1].payload.end), (0xFFFF, false));
        assert!(!packets[second].marker);
        assert_eq!(packets.last().unwrap().payload.duration, 1000);
        assert_eq!(received(&packets), "1");
        assert_eq!(received(&packets[second..]), "1", "the first part may be lost altogether");
        // One that just fits isn't split.
        assert!(send(&[('1', LONGEST)], 500).iter().all(|packet| packet.timestamp == starts[0]));
    }

    #[test]
    fn whatever_is_lost_repeated_or_overtaken_a_digit_counts_once() {
        let packets = send(&[('1', PRESS), ('1', PRESS), ('2', PRESS)], 60);
        for kept in 0..7 {
            let some: Vec<&Outgoing> = packets.iter().skip(kept).step_by(7).collect();
            assert_eq!(received(some), "112", "of each event only packet {kept} came");
        }
        let twice: Vec<&Outgoing> = packets.iter().flat_map(|packet| [packet, packet]).collect();
        assert_eq!(received(twice), "112");
        let mut random = Random::stream(5, "order");
        for _ in 0..200 {
            let mut late = packets.clone();
            // Some end packets come after the next event's beginning.
            for at in 0..late.len() - 2 {
                if random.chance(0.3) {
                    late.swap(at, at + 2);
                }
            }
            let mut counted: Vec<char> = received(&late).chars().collect();
            counted.sort_unstable();
            assert_eq!(counted, ['1', '1', '2']);
        }
    }

    #[test]
    fn a_payload_too_short_is_none() {
        assert_eq!(Payload::read(&[1, 2, 3]), None);
        assert_eq!(Receiver::default().receive(0, &[]), None);
        assert_eq!(Receiver::default().receive(0, &[16, 0, 0, 0]), None, "a hook flash is no digit");
    }
}
