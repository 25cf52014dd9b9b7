//! RTCP (RFC 3550 6): reports on what was sent and what came, names, and farewells.

use std::time::Duration;

use bytes::Bytes;

use crate::trace::SimTime;
use crate::world::Random;

/// The least that lies between two reports of one participant, before chance (RFC 3550 6.2).
pub const MINIMUM: Duration = Duration::from_secs(5);

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;

/// How long until the next report: 5 s, half as long before the first one, times 0.5 to 1.5.
///
/// For a call's two participants the minimum beats the share of the bandwidth. Timer reconsideration (6.3.3) is for
/// groups whose size changes; without it the factor that makes up for it (1.21828) isn't due.
pub fn interval(first: bool, random: &mut Random) -> Duration {
    (if first { MINIMUM / 2 } else { MINIMUM }).mul_f64(0.5 + random.unit())
}

/// A moment as an NTP timestamp: seconds and their 2^-32nds, since the universe's birth, which 6.4.1 permits.
pub fn ntp(at: SimTime) -> u64 {
    let (seconds, nanos) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
    (seconds << 32) | ((nanos << 32) / 1_000_000_000)
}

/// The middle 32 bits of an NTP timestamp: in 65,536ths of a second.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// What a receiver tells of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Whose packets.
    pub ssrc: u32,
    /// Which share was lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// How many are lost in all; duplicates can make it negative.
    pub lost: i32,
    /// The highest sequence number, counted on across wraps.
    pub highest: u32,
    /// The interarrival jitter, in samples.
    pub jitter: u32,
    /// When the source's last report was sent, by its clock; 0 if none came.
    pub last_report: u32,
    /// How long ago that came, in 65,536ths of a second.
    pub since: u32,
}

impl Report {
    /// How long a packet takes there and back, as the source finds when this report comes (6.4.1).
    pub fn round_trip(&self, now: SimTime) -> Option<Duration> {
        if self.last_report == 0 {
            return None;
        }
        let units = middle(ntp(now)).wrapping_sub(self.last_report).wrapping_sub(self.since);
        // A peer's clock that runs fast makes it negative.
        (units < 1 << 31).then(|| Duration::from_nanos(u64::from(units) * 1_000_000_000 / 65_536))
    }
}

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rtcp {
    /// From one who sends.
    Sender {
        /// Who.
        ssrc: u32,
        /// When, as [`ntp`] has it.
        ntp: u64,
        /// The same moment on the clock of its RTP timestamps.
        timestamp: u32,
        /// How many packets it has sent.
        packets: u32,
        /// How many bytes of payload.
        octets: u32,
        /// What it hears.
        reports: Vec<Report>,
    },
    /// From one who only listens.
    Receiver {
        /// Who.
        ssrc: u32,
        /// What it hears.
        reports: Vec<Report>,
    },
    /// Names of sources.
    Names(Vec<(u32, String)>),
    /// Sources that leave.
    Bye {
        /// Which.
        ssrcs: Vec<u32>,
        /// Why, if it's said.
        reason: Option<String>,
    },
    /// Something else: its type and its bytes behind the header.
    Other(u8, Bytes),
}

/// Why a datagram is no RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// Cut short.
    #[error("the RTCP packet at byte {0} is cut short")]
    Short(usize),
    /// Another version.
    #[error("the RTCP packet at byte {0} isn't of version 2")]
    Version(usize),
    /// The first of a compound must be a report (6.1).
    #[error("a compound of RTCP begins with a report, not with type {0}")]
    NoReport(u8),
}

/// Writes a compound.
///
/// ```
/// use busyhour::media::rtcp::{Rtcp, read, write};
///
/// let compound = [
///     Rtcp::Receiver { ssrc: 7, reports: vec![] },
///     Rtcp::Names(vec![(7, "alice@desk".into())]),
///     Rtcp::Bye { ssrcs: vec![7], reason: None },
/// ];
/// assert_eq!(read(&write(&compound))?, compound);
/// # Ok::<(), busyhour::media::rtcp::RtcpError>(())
/// ```
pub fn write(compound: &[Rtcp]) -> Bytes {
    let mut out = Vec::with_capacity(128);
    for packet in compound {
        let start = out.len();
        out.extend([0; 4]);
        let (count, packet_type) = match packet {
            Rtcp::Sender { ssrc, ntp, timestamp, packets, octets, reports } => {
                out.extend(ssrc.to_be_bytes());
                out.extend(ntp.to_be_bytes());
                for word in [timestamp, packets, octets] {
                    out.extend(word.to_be_bytes());
                }
                write_reports(reports, &mut out);
                (reports.len(), SENDER_REPORT)
            }
            Rtcp::Receiver { ssrc, reports } => {
                out.extend(ssrc.to_be_bytes());
                write_reports(reports, &mut out);
                (reports.len(), RECEIVER_REPORT)
            }
            Rtcp::Names(names) => {
                for (ssrc, name) in names {
                    let name = &name.as_bytes()[..name.len().min(255)];
                    out.extend(ssrc.to_be_bytes());
                    out.extend([CNAME, name.len() as u8]);
                    out.extend(name);
                    // One zero byte ends the list, more fill the word.
                    out.resize(start + (out.len() - start + 1).next_multiple_of(4), 0);
                }
                (names.len(), DESCRIPTION)
            }
            Rtcp::Bye { ssrcs, reason } => {
                for ssrc in ssrcs {
                    out.extend(ssrc.to_be_bytes());
                }
                if let Some(reason) = reason {
                    let reason = &reason.as_bytes()[..reason.len().min(255)];
                    out.push(reason.len() as u8);
                    out.extend(reason);
                    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
                }
                (ssrcs.len(), GOODBYE)
            }
            Rtcp::Other(packet_type, bytes) => {
                out.extend(bytes.as_ref());
                out.resize(start + (out.len() - start).next_multiple_of(4), 0);
                (0, *packet_type)
            }
        };
        let words = ((out.len() - start) / 4 - 1) as u16;
        out[start] = 2 << 6 | (count & 0x1F) as u8;
        out[start + 1] = packet_type;
        out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    }
    out.into()
}

fn write_reports(reports: &[Report], out: &mut Vec<u8>) {
    for report in reports {
        out.extend(report.ssrc.to_be_bytes());
        let lost = report.lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
        out.extend((u32::from(report.fraction_lost) << 24 | lost).to_be_bytes());
        for word in [report.highest, report.jitter, report.last_report, report.since] {
            out.extend(word.to_be_bytes());
        }
    }
}

/// Reads a compound.
///
/// # Errors
/// It's none, or cut short.
pub fn read(datagram: &Bytes) -> Result<Vec<Rtcp>, RtcpError> {
    let mut compound = Vec::new();
    let mut at = 0;
    while at < datagram.len() || at == 0 {
        let bytes = &datagram[at..];
        let short = RtcpError::Short(at);
        let &[flags, packet_type, high, low, ..] = bytes else { return Err(short) };
        if flags >> 6 != 2 {
            return Err(RtcpError::Version(at));
        }
        if at == 0 && packet_type != SENDER_REPORT && packet_type != RECEIVER_REPORT {
            return Err(RtcpError::NoReport(packet_type));
        }
        let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        if length > bytes.len() {
            return Err(short);
        }
        let count = usize::from(flags & 0x1F);
        let mut words = Words { bytes: &bytes[4..length] };
        compound.push(match packet_type {
            SENDER_REPORT => Rtcp::Sender {
                ssrc: words.next().ok_or(short)?,
                ntp: u64::from(words.next().ok_or(short)?) << 32 | u64::from(words.next().ok_or(short)?),
                timestamp: words.next().ok_or(short)?,
                packets: words.next().ok_or(short)?,
                octets: words.next().ok_or(short)?,
                reports: words.reports(count).ok_or(short)?,
            },
            RECEIVER_REPORT => {
                Rtcp::Receiver { ssrc: words.next().ok_or(short)?, reports: words.reports(count).ok_or(short)? }
            }
            DESCRIPTION => Rtcp::Names(words.names(count).ok_or(short)?),
            GOODBYE => {
                let ssrcs = (0..count).map(|_| words.next()).collect::<Option<Vec<u32>>>().ok_or(short)?;
                let reason = words.bytes.split_first().and_then(|(&length, rest)| rest.get(..usize::from(length)));
                Rtcp::Bye { ssrcs, reason: reason.map(|reason| String::from_utf8_lossy(reason).into_owned()) }
            }
            other => Rtcp::Other(other, datagram.slice(at + 4..at + length)),
        });
        at += length;
    }
    Ok(compound)
}

struct Words<'a> {
    bytes: &'a [u8],
}

impl Words<'_> {
    fn next(&mut self) -> Option<u32> {
        let (word, rest) = self.bytes.split_first_chunk::<4>()?;
        self.bytes = rest;
        Some(u32::from_be_bytes(*word))
    }

    fn reports(&mut self, count: usize) -> Option<Vec<Report>> {
        (0..count)
            .map(|_| {
                let ssrc = self.next()?;
                let loss = self.next()?;
                Some(Report {
                    ssrc,
                    fraction_lost: (loss >> 24) as u8,
                    // 24 bits with a sign.
                    lost: (loss << 8) as i32 >> 8,
                    highest: self.next()?,
                    jitter: self.next()?,
                    last_report: self.next()?,
                    since: self.next()?,
                })
            })
            .collect()
    }

    fn names(&mut self, count: usize) -> Option<Vec<(u32, String)>> {
        let mut names = Vec::new();
        for _ in 0..count {
            let whole = self.bytes.len();
            let ssrc = self.next()?;
            while *self.bytes.first()? != 0 {
                let (item, length) = (self.bytes[0], usize::from(*self.bytes.get(1)?));
                let value = self.bytes.get(2..2 + length)?;
                if item == CNAME {
                    names.push((ssrc, String::from_utf8_lossy(value).into_owned()));
                }
                self.bytes = &self.bytes[2 + length..];
            }
            let used = (whole - self.bytes.len() + 1).next_multiple_of(4);
            self.bytes = self.bytes.get(used - (whole - self.bytes.len())..)?;
        }
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compound() -> Vec<Rtcp> {
        let report =
            Report { ssrc: 2, fraction_lost: 64, lost: -3, highest: 0x1_0002, jitter: 4, last_report: 5, since: 6 };
        vec![
            Rtcp::Sender {
                ssrc: 1,
                ntp: 0x1234_5678_9ABC_DEF0,
                timestamp: 160,
                packets: 2,
                octets: 320,
                reports: vec![report; 2],
            },
            Rtcp::Names(vec![(1, "a".into()), (2, "abcd".into()), (3, String::new())]),
            Rtcp::Other(204, Bytes::from_static(b"APP.")),
            Rtcp::Bye { ssrcs: vec![1, 2], reason: Some("the call is over".into()) },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&write(&compound())), Ok(compound()));
    }

    #[test]
    fn whatever_is_cut_off_is_noticed_or_whole_packets_are_gone() {
        let whole = write(&compound());
        for length in 0..whole.len() {
            if let Ok(some) = read(&whole.slice(..length)) {
                assert!(!some.is_empty() && some[..] == compound()[..some.len()], "at {length}");
            }
        }
    }

    /// RFC 3550 6.1: the first packet is a report.
    #[test]
    fn a_compound_begins_with_a_report() {
        let bye = write(&[Rtcp::Bye { ssrcs: vec![1], reason: None }]);
        assert_eq!(read(&bye), Err(RtcpError::NoReport(GOODBYE)));
        assert_eq!(
            read(&Bytes::from_static(&[0x80, 201, 0, 1, 0, 0, 0, 1, 0x40, 0, 0, 0])),
            Err(RtcpError::Version(8))
        );
    }

    /// RFC 3550 6.2: never under half of 5 s, never over one and a half; half of that before the first.
    #[test]
    fn reports_keep_their_distance() {
        let mut random = Random::stream(1, "rtcp");
        let drawn: Vec<f64> = (0..1000).map(|_| interval(false, &mut random).as_secs_f64()).collect();
        assert!(drawn.iter().all(|&s| (2.5..7.5).contains(&s)));
        assert!(drawn.iter().any(|&s| s < 2.6) && drawn.iter().any(|&s| s > 7.4));
        assert!((0..1000).all(|_| (1.25..3.75).contains(&interval(true, &mut random).as_secs_f64())));
    }

    /// RFC 3550 6.4.1, figure 2: what is left of the time since one's report when the other's delay is taken off.
    #[test]
    fn a_round_trip_is_found_from_both_clocks() {
        let sent = SimTime(10_000_000_000);
        let report = Report { last_report: middle(ntp(sent)), since: 65_536 * 5, ..Report::default() };
        let trip = report.round_trip(SimTime(15_080_000_000)).unwrap();
        assert!(trip.abs_diff(Duration::from_millis(80)) < Duration::from_micros(40), "{trip:?}");
        assert_eq!(report.round_trip(SimTime(14_000_000_000)), None);
        assert_eq!(Report::default().round_trip(sent), None);
    }
}
