//! RTP (RFC 3550 5): packets, and the arithmetic of their sequence numbers.

use bytes::{Buf as _, Bytes};

/// The header that every packet has.
pub const HEADER: usize = 12;
/// The version that RFC 3550 defines.
const VERSION: u8 = 2;

/// A packet as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The start of a talkspurt, or of an event.
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// One more than the packet before.
    pub sequence: u16,
    /// When its first sample was taken, in samples.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// Who contributed to it (a mixer's sources).
    pub csrc: Vec<u32>,
    /// A header extension: what its profile says that it is, and its words.
    pub extension: Option<(u16, Bytes)>,
    /// The payload, without padding.
    pub payload: Bytes,
}

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Cut short.
    #[error("{0} bytes are too few for an RTP packet with such a header")]
    Short(usize),
    /// Another protocol, or another version.
    #[error("an RTP packet is of version 2, not {0}")]
    Version(u8),
    /// The padding is longer than what it pads.
    #[error("the packet says {says} bytes of padding, and {holds} are there")]
    Padding {
        /// What the last byte says.
        says: u8,
        /// How many bytes stand behind the header.
        holds: usize,
    },
}

impl Packet {
    /// A packet without contributors and extension.
    pub fn new(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: Bytes) -> Packet {
        Packet { marker: false, payload_type, sequence, timestamp, ssrc, csrc: Vec::new(), extension: None, payload }
    }

    /// Reads a datagram. The payload is what is left of it behind the header: nothing is copied.
    ///
    /// ```
    /// use busyhour::media::rtp::Packet;
    /// use bytes::Bytes;
    ///
    /// let packet = Packet::new(0, 65_535, 160, 0xCAFE, Bytes::from_static(&[0xFF; 160]));
    /// assert_eq!(Packet::read(packet.write())?, packet);
    /// # Ok::<(), busyhour::media::rtp::RtpError>(())
    /// ```
    ///
    /// # Errors
    /// It's no RTP packet.
    pub fn read(mut datagram: Bytes) -> Result<Packet, RtpError> {
        let bytes = datagram.as_ref();
        let short = RtpError::Short(bytes.len());
        if bytes.len() < HEADER {
            return Err(short);
        }
        if bytes[0] >> 6 != VERSION {
            return Err(RtpError::Version(bytes[0] >> 6));
        }
        let word =
            |at: usize| bytes.get(at..at + 4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        let mut start = HEADER;
        let mut csrc = Vec::new();
        for _ in 0..bytes[0] & 0x0F {
            csrc.push(word(start).ok_or(short)?);
            start += 4;
        }
        let mut extension = None;
        if bytes[0] & 0x10 != 0 {
            let head = word(start).ok_or(short)?;
            let end = start + 4 + 4 * (head & 0xFFFF) as usize;
            if end > bytes.len() {
                return Err(short);
            }
            extension = Some(((head >> 16) as u16, datagram.slice(start + 4..end)));
            start = end;
        }
        let mut end = bytes.len();
        if bytes[0] & 0x20 != 0 {
            let (says, holds) = (bytes[end - 1], end - start);
            if says == 0 || usize::from(says) > holds {
                return Err(RtpError::Padding { says, holds });
            }
            end -= usize::from(says);
        }
        let packet = Packet {
            marker: bytes[1] & 0x80 != 0,
            payload_type: bytes[1] & 0x7F,
            sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
            timestamp: word(4).ok_or(short)?,
            ssrc: word(8).ok_or(short)?,
            csrc,
            extension,
            payload: Bytes::new(),
        };
        datagram.truncate(end);
        datagram.advance(start);
        Ok(Packet { payload: datagram, ..packet })
    }

    /// Writes it, without padding.
    pub fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER + 4 * self.csrc.len() + self.payload.len() + 16);
        let extended = u8::from(self.extension.is_some()) << 4;
        // Four bits count the contributors; more can't be told.
        let contributors = self.csrc.len().min(15);
        out.push(VERSION << 6 | extended | contributors as u8);
        out.push(u8::from(self.marker) << 7 | self.payload_type & 0x7F);
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
        for csrc in &self.csrc[..contributors] {
            out.extend(csrc.to_be_bytes());
        }
        if let Some((profile, words)) = &self.extension {
            out.extend(profile.to_be_bytes());
            out.extend((words.len().div_ceil(4) as u16).to_be_bytes());
            out.extend(words.as_ref());
            out.resize(out.len() + words.len().next_multiple_of(4) - words.len(), 0);
        }
        out.extend(self.payload.as_ref());
        out.into()
    }
}

/// How far `sequence` is ahead of `before`, the short way around: negative if it's behind.
pub fn ahead(sequence: u16, before: u16) -> i16 {
    sequence.wrapping_sub(before) as i16
}

/// How far a timestamp is ahead of another, the short way around.
pub fn later(timestamp: u32, before: u32) -> i32 {
    timestamp.wrapping_sub(before) as i32
}

/// What a receiver knows of one source (RFC 3550 A.1, A.3, A.8): what came, what is lost, how it jitters.
#[derive(Debug, Clone)]
pub struct Reception {
    /// Whose packets they are.
    pub ssrc: u32,
    first: u64,
    highest: u64,
    received: u64,
    repeated: u64,
    /// Which of the last 64 numbers up to the highest have come.
    seen: u64,
    /// The transit time of the packet before, in samples.
    transit: Option<i64>,
    jitter: f64,
    expected_before: u64,
    received_before: u64,
}

/// What a packet is to its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Newer than all before; its number, counted on across wraps.
    New(u64),
    /// Overtaken by others.
    Reordered(u64),
    /// It came before.
    Repeated,
    /// So far off that the source must have begun anew.
    Restarted,
}

/// How far ahead a number may be (RFC 3550 A.1).
const MAX_DROPOUT: i16 = 3_000;
/// How far behind (RFC 3550 A.1).
const MAX_MISORDER: i16 = 100;

impl Reception {
    /// Begins with a source's first packet, which counts.
    pub fn new(ssrc: u32, sequence: u16) -> Reception {
        // A cycle above zero, so that a packet that was overtaken by the first has a number too.
        let first = 0x1_0000 + u64::from(sequence);
        Reception {
            ssrc,
            first,
            highest: first,
            received: 1,
            repeated: 0,
            seen: 1,
            transit: None,
            jitter: 0.0,
            expected_before: 0,
            received_before: 0,
        }
    }

    /// Counts a packet.
    pub fn count(&mut self, sequence: u16) -> Arrival {
        let step = ahead(sequence, self.highest as u16);
        if step > 0 {
            if step > MAX_DROPOUT {
                return Arrival::Restarted;
            }
            self.highest += step as u64;
            self.seen = if step >= 64 { 0 } else { self.seen << step } | 1;
            self.received += 1;
            return Arrival::New(self.highest);
        }
        if step < -MAX_MISORDER {
            return Arrival::Restarted;
        }
        let behind = u64::from(step.unsigned_abs());
        if behind < 64 && self.seen & (1 << behind) != 0 {
            self.repeated += 1;
            return Arrival::Repeated;
        }
        if behind < 64 {
            self.seen |= 1 << behind;
        }
        self.received += 1;
        let number = self.highest - behind;
        self.first = self.first.min(number);
        Arrival::Reordered(number)
    }

    /// Takes a packet's timing into the jitter (RFC 3550 6.4.1), both in samples. Packets of one event share their
    /// timestamp and say nothing: leave them out.
    pub fn time(&mut self, arrived: u64, timestamp: u32) {
        let transit = i64::from((arrived as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let difference = i64::from((transit as i32).wrapping_sub(before as i32)).unsigned_abs();
            self.jitter += (difference as f64 - self.jitter) / 16.0;
        }
    }

    /// The interarrival jitter, in samples.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// How many packets came, repeated ones not counted.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many came again.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How many there should have been by now.
    pub fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    /// How many are missing.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// The extended highest sequence number, as a report tells it.
    pub fn highest(&self) -> u32 {
        (self.highest - 0x1_0000) as u32
    }

    /// Which share was lost since this was last asked, in 256ths (RFC 3550 A.3).
    pub fn fraction_lost(&mut self) -> u8 {
        let (expected, received) = (self.expected() - self.expected_before, self.received - self.received_before);
        (self.expected_before, self.received_before) = (self.expected(), self.received);
        let lost = expected.saturating_sub(received);
        (lost * 256).checked_div(expected).map_or(0, |share| share.min(255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_with_contributors_and_extension() {
        let mut packet = Packet::new(101, 7, 0xFFFF_FF60, 1, Bytes::from_static(b"payload"));
        packet.marker = true;
        packet.csrc = vec![2, 3];
        packet.extension = Some((0xBEDE, Bytes::from_static(&[1, 2, 3, 4])));
        assert_eq!(Packet::read(packet.write()), Ok(packet));
    }

    /// RFC 3550 5.1: the last byte of padding counts itself.
    #[test]
    fn padding_is_taken_off_and_may_not_be_longer_than_the_payload() {
        let mut bytes = Packet::new(0, 1, 2, 3, Bytes::from_static(&[9, 9, 0, 2])).write().to_vec();
        bytes[0] |= 0x20;
        assert_eq!(Packet::read(bytes.clone().into()).unwrap().payload.as_ref(), [9, 9]);
        for (says, holds) in [(0, 4), (5, 4)] {
            *bytes.last_mut().unwrap() = says;
            assert_eq!(Packet::read(bytes.clone().into()), Err(RtpError::Padding { says, holds }));
        }
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_refused() {
        let whole = Packet {
            csrc: vec![1],
            extension: Some((0, Bytes::from_static(&[0; 4]))),
            ..Packet::new(0, 1, 2, 3, Bytes::new())
        };
        let whole = whole.write();
        for length in 0..whole.len() {
            assert_eq!(Packet::read(whole.slice(..length)), Err(RtpError::Short(length)));
        }
        assert_eq!(Packet::read(Bytes::from_static(&[0x40; 12])), Err(RtpError::Version(1)));
    }

    #[test]
    fn numbers_go_on_across_the_wrap() {
        let mut reception = Reception::new(1, 65_534);
        assert_eq!(reception.count(65_535), Arrival::New(0x1_0000 + 65_535));
        assert_eq!(reception.count(1), Arrival::New(0x2_0000 + 1));
        assert_eq!((reception.expected(), reception.lost()), (4, 1));
        assert_eq!(reception.count(0), Arrival::Reordered(0x2_0000));
        assert_eq!(reception.count(0), Arrival::Repeated);
        assert_eq!((reception.lost(), reception.received(), reception.repeated()), (0, 4, 1));
        assert_eq!(reception.highest(), 0x1_0001);
    }

    #[test]
    fn a_leap_is_a_source_that_began_anew_and_a_gap_is_loss() {
        let mut reception = Reception::new(1, 1000);
        assert_eq!(reception.clone().count(1000 + 3000), Arrival::New(0x1_0000 + 4000));
        assert_eq!(reception.clone().count(1000 + 3001), Arrival::Restarted);
        assert_eq!(reception.clone().count(900), Arrival::Reordered(0x1_0000 + 900));
        assert_eq!(reception.count(899), Arrival::Restarted);
    }

    /// RFC 3550 A.3: of the packets since the last report.
    #[test]
    fn the_share_lost_is_that_of_the_last_interval() {
        let mut reception = Reception::new(1, 0);
        reception.count(1);
        reception.count(3);
        assert_eq!(reception.fraction_lost(), 64);
        assert_eq!(reception.fraction_lost(), 0);
        reception.count(4);
        assert_eq!(reception.fraction_lost(), 0);
    }

    /// RFC 3550 6.4.1: a sixteenth of each difference.
    #[test]
    fn jitter_is_a_running_mean_of_differences_in_transit() {
        let mut reception = Reception::new(1, 0);
        reception.time(1000, 0);
        reception.time(1160, 160);
        assert_eq!(reception.jitter(), 0.0);
        reception.time(1320 + 32, 320);
        assert_eq!(reception.jitter(), 2.0);
        // Across the wrap of the timestamp nothing happens.
        let mut reception = Reception::new(1, 0);
        reception.time(1000, 0xFFFF_FFFF - 79);
        reception.time(1160, 80);
        assert_eq!(reception.jitter(), 0.0);
    }
}
