//! Audio as bands: from one host to another, how much of it was lost, and how that sounds.

use std::collections::BTreeMap;
use std::time::Duration;

use busyhour::media::mos;
use busyhour_oracle::read::ipv4::{self, Packet};
use busyhour_oracle::read::{rtp, stun, udp};
use busyhour_trace::{HostId, Loss, PacketSeen, SimTime, Stage};

/// A pause of this length ends a band. Where only one frame in ten is sent, they are 200 ms apart; where nobody is to be
/// heard, a second.
const PAUSE: Duration = Duration::from_secs(3);
/// So many packets may be on their way when a call is hung up, to a port that is closed: that's no loss.
const FAREWELL_MAX: u64 = 5;
/// A way has about so many windows at the most.
const WINDOWS_MAX: u64 = 400;
/// How long a window may be, in milliseconds. In the shortest there's one frame where only one in ten is sent.
const WIDTHS: [u64; 10] = [200, 1_000, 2_000, 5_000, 10_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000];
/// The ports of names and of STUN and TURN servers.
const DNS: u16 = 53;
const TURN: u16 = 3478;

/// A stretch of audio one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// The sender.
    pub from: HostId,
    /// The receiver.
    pub to: HostId,
    /// When its first packet was sent.
    pub begin: SimTime,
    /// When its last packet was sent.
    pub end: SimTime,
    /// Packets that arrived.
    pub arrived: u64,
    /// Packets that were lost.
    pub lost: u64,
    /// Why, for most of them.
    pub why: Option<Loss>,
    /// The same over time.
    pub windows: Vec<Window>,
}

/// A part of a band: as long as all is well, or all is lost, or for a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// When it begins.
    pub begin: SimTime,
    /// How long it is.
    pub width: Duration,
    /// Packets that arrived.
    pub arrived: u64,
    /// Packets that were lost.
    pub lost: u64,
}

impl Window {
    /// The share that was lost.
    pub fn loss(&self) -> f64 {
        self.lost as f64 / (self.arrived + self.lost).max(1) as f64
    }

    /// How it sounds to a listener, by the E-model (G.107) for what the network lost alone.
    pub fn mos(&self) -> f64 {
        mos::score(mos::rating(self.loss(), 1.0, mos::BPL_CONCEALED))
    }
}

impl Band {
    /// The share that was lost.
    pub fn loss(&self) -> f64 {
        self.lost as f64 / (self.arrived + self.lost).max(1) as f64
    }

    /// How it sounds on the whole.
    pub fn mos(&self) -> f64 {
        mos::score(mos::rating(self.loss(), 1.0, mos::BPL_CONCEALED))
    }
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    sent: SimTime,
    lost: Option<Loss>,
}

/// All audio of a run: feed it what has ended.
#[derive(Debug, Default)]
pub(super) struct Audio {
    ways: BTreeMap<(HostId, HostId), Vec<Heard>>,
}

impl Audio {
    /// Takes a sighting of a packet that left at `sent`.
    pub(super) fn ended(&mut self, seen: &PacketSeen<'_>, sent: SimTime) {
        let lost = match seen.stage {
            Stage::Arrived => None,
            Stage::Lost(Loss::StillInFlight) => return,
            Stage::Lost(loss) => Some(loss),
            _ => return,
        };
        let (Some(from), Some(to)) = (seen.from, seen.to) else { return };
        if is_audio(seen.bytes) {
            self.ways.entry((from, to)).or_default().push(Heard { sent, lost });
        }
    }

    /// The bands, by their beginning.
    pub(super) fn bands(self) -> Vec<Band> {
        let mut bands = Vec::new();
        for ((from, to), mut heard) in self.ways {
            heard.sort_by_key(|one| one.sent);
            let whole = match (heard.first(), heard.last()) {
                (Some(first), Some(last)) => last.sent.since(first.sent).as_millis() as u64,
                _ => continue,
            };
            let width = WIDTHS.into_iter().find(|width| whole / width <= WINDOWS_MAX).unwrap_or(86_400_000);
            let mut rest = heard.as_slice();
            while !rest.is_empty() {
                let pause = rest.windows(2).position(|pair| pair[1].sent.since(pair[0].sent) >= PAUSE);
                let (stretch, behind) = rest.split_at(pause.map_or(rest.len(), |at| at + 1));
                bands.extend(band(from, to, without_farewell(stretch), Duration::from_millis(width)));
                rest = behind;
            }
        }
        bands.sort_by_key(|band| (band.begin, band.from, band.to));
        bands
    }
}

/// RTP, in whatever it is wrapped; what's encrypted has the same header.
fn is_audio(bytes: &[u8]) -> bool {
    let Ok(packet) = Packet::read(bytes) else { return false };
    if packet.protocol != ipv4::UDP || packet.is_fragment() {
        return false;
    }
    let Ok(datagram) = udp::Datagram::read(packet.payload) else { return false };
    let ports = [datagram.source_port, datagram.destination_port];
    if ports.contains(&DNS) {
        return false;
    }
    let is_rtp = |bytes: &[u8]| matches!(rtp::read(bytes), Some(rtp::Packet::Rtp(_)));
    let wrapped = || {
        if !ports.contains(&TURN) {
            return None;
        }
        match stun::ChannelData::read(datagram.payload) {
            Some(channel) => Some(channel.data),
            None => stun::Message::read(datagram.payload).ok()?.data,
        }
    };
    is_rtp(datagram.payload) || wrapped().is_some_and(is_rtp)
}

fn without_farewell(stretch: &[Heard]) -> &[Heard] {
    let arrived = stretch.iter().rposition(|one| one.lost.is_none()).map_or(0, |at| at + 1);
    let farewell = &stretch[arrived..];
    let is_one = arrived > 0
        && farewell.len() as u64 <= FAREWELL_MAX
        && farewell.iter().all(|one| one.lost == Some(Loss::NoSocket));
    if is_one { &stretch[..arrived] } else { stretch }
}

fn band(from: HostId, to: HostId, heard: &[Heard], width: Duration) -> Option<Band> {
    let (first, last) = (heard.first()?, heard.last()?);
    let lost = heard.iter().filter(|one| one.lost.is_some()).count() as u64;
    let mut reasons: BTreeMap<Loss, u64> = BTreeMap::new();
    heard.iter().filter_map(|one| one.lost).for_each(|loss| *reasons.entry(loss).or_default() += 1);
    let why = reasons.into_iter().max_by_key(|(loss, count)| (*count, std::cmp::Reverse(*loss))).map(|(loss, _)| loss);
    let mut windows: Vec<Window> = Vec::new();
    for one in heard {
        let at = SimTime(one.sent.0 - one.sent.0 % width.as_nanos() as u64);
        if windows.last().is_none_or(|last| last.begin != at) {
            windows.push(Window { begin: at, width, arrived: 0, lost: 0 });
        }
        if let Some(window) = windows.last_mut() {
            window.arrived += u64::from(one.lost.is_none());
            window.lost += u64::from(one.lost.is_some());
        }
    }
    windows.dedup_by(|next, window| {
        let same = next.lost == 0 && window.lost == 0 || next.arrived == 0 && window.arrived == 0;
        if same {
            window.width = next.begin.since(window.begin) + next.width;
            window.arrived += next.arrived;
            window.lost += next.lost;
        }
        same
    });
    let (begin, end) = (first.sent, last.sent);
    Some(Band { from, to, begin, end, arrived: heard.len() as u64 - lost, lost, why, windows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lost: impl Fn(u64) -> Option<Loss>, count: u64) -> Audio {
        let heard = (0..count).map(|n| Heard { sent: SimTime(n * 20_000_000), lost: lost(n) }).collect();
        Audio { ways: BTreeMap::from([((HostId(0), HostId(1)), heard)]) }
    }

    #[test]
    fn loss_is_told_moment_by_moment_and_lowers_the_score() {
        // Ten packets a window: the third loses every other one, the fourth all.
        let lost = |n: u64| (30..40).contains(&n) || (20..30).contains(&n) && n.is_multiple_of(2);
        let bands = heard(|n| lost(n).then_some(Loss::Random), 60).bands();
        assert_eq!(bands.len(), 1);
        assert_eq!((bands[0].arrived, bands[0].lost, bands[0].why), (45, 15, Some(Loss::Random)));
        let windows: Vec<(u64, u64, u128)> =
            bands[0].windows.iter().map(|one| (one.arrived, one.lost, one.width.as_millis())).collect();
        assert_eq!(windows, [(20, 0, 400), (5, 5, 200), (0, 10, 200), (20, 0, 400)]);
        assert!(bands[0].windows[0].mos() > 4.4 && bands[0].windows[1].mos() < 1.7, "{:?}", bands[0].windows[1].mos());
    }

    #[test]
    fn a_pause_of_three_seconds_ends_a_band_and_a_shorter_one_does_not() {
        let two = |pause: u64| {
            let sent = [0, pause * 1_000_000];
            let heard = sent.map(|at| Heard { sent: SimTime(at), lost: None }).to_vec();
            Audio { ways: BTreeMap::from([((HostId(0), HostId(1)), heard)]) }.bands().len()
        };
        assert_eq!((two(2_999), two(3_000)), (1, 2));
    }

    #[test]
    fn the_last_packets_to_a_closed_port_are_no_loss_and_six_of_them_are() {
        let ends = |from: u64| heard(move |n| (n >= from).then_some(Loss::NoSocket), 50).bands()[0].lost;
        assert_eq!((ends(45), ends(44)), (0, 6));
    }
}
