//! Stretches of audio: packets that follow each other closely, from one host to another.

use std::time::Duration;

use busyhour_oracle::read::rtp;
use busyhour_trace::{HostId, Loss, PacketSeen, SimTime};
use rustc_hash::FxHashMap;

use super::collect::Fate;

/// A pause of this length ends a stretch. Where only one frame in ten is sent, they are 200 ms apart.
const PAUSE: Duration = Duration::from_secs(1);
/// What one side sends so shortly before or after the other is no stretch of its own.
const EDGE: Duration = Duration::from_millis(500);
/// So many packets may be on their way when a call is hung up.
const FAREWELL_MAX: u64 = 5;
/// Longer runs keep no more.
const STRETCHES_MAX: usize = 10_000;

/// Packets one way.
#[derive(Debug, Clone)]
struct Stretch {
    begin: SimTime,
    end: SimTime,
    arrived: u64,
    lost: u64,
    /// Those of them that were lost behind the last one that arrived.
    trailing: u64,
    why: Option<Loss>,
}

impl Stretch {
    fn beginning(at: SimTime) -> Stretch {
        Stretch { begin: at, end: at, arrived: 0, lost: 0, trailing: 0, why: None }
    }

    /// The last packets of a call come when the other side has hung up, and its port is closed: that's no loss.
    fn forget_the_farewell(&mut self) {
        if self.arrived > 0 && self.why == Some(Loss::NoSocket) && self.trailing <= FAREWELL_MAX {
            self.lost -= self.trailing;
        }
    }
}

/// All audio of a run.
#[derive(Debug, Default)]
pub(super) struct Audios {
    /// From and to: the stretches so far.
    ways: FxHashMap<(HostId, HostId), Vec<Stretch>>,
    count: usize,
}

/// Audio between two hosts, in the way that it's drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audio {
    pub begin: SimTime,
    pub end: SimTime,
    pub from: HostId,
    pub to: HostId,
    /// The other way too.
    pub both: bool,
    /// Some of it arrived.
    pub heard: bool,
    pub arrived: u64,
    pub lost: u64,
    pub why: Option<Loss>,
}

impl Audios {
    /// Takes a packet of RTP, encrypted or not: the header is the same.
    pub(super) fn packet(&mut self, seen: &PacketSeen<'_>, payload: &[u8], fate: Fate) {
        let (Some(from), Some(to)) = (seen.from, seen.to) else { return };
        let Some(rtp::Packet::Rtp(_)) = rtp::read(payload) else { return };
        if fate == Fate::Lost(Loss::StillInFlight) {
            return;
        }
        let stretches = self.ways.entry((from, to)).or_default();
        let goes_on = stretches.last().is_some_and(|last| seen.at.since(last.end) < PAUSE);
        // All is lost from here on, or nothing any more: that's to be told apart.
        let turns = stretches.last().is_some_and(|last| match fate {
            Fate::Lost(_) => false,
            _ => last.arrived == 0 && last.end.since(last.begin) >= PAUSE,
        });
        if !goes_on || turns {
            if self.count >= STRETCHES_MAX {
                return;
            }
            self.count += 1;
            stretches.push(Stretch::beginning(seen.at));
        }
        let stretch = stretches.last_mut().expect("there is one now");
        match fate {
            Fate::Lost(why) => {
                stretch.lost += 1;
                stretch.trailing += 1;
                stretch.why = Some(why);
                // Behind the last that arrived, a pause says that nothing does any more.
                if stretch.arrived == 0 {
                    stretch.end = seen.at;
                }
            }
            _ => {
                stretch.arrived += 1;
                stretch.trailing = 0;
                stretch.end = seen.at;
            }
        }
    }

    /// What there is to draw: where both sides are heard they're one.
    pub(super) fn drawn(mut self) -> Vec<Audio> {
        self.ways.values_mut().flatten().for_each(Stretch::forget_the_farewell);
        let mut pairs: Vec<(HostId, HostId)> =
            self.ways.keys().map(|(from, to)| (*from.min(to), *from.max(to))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let none = Vec::new();
        let mut drawn = Vec::new();
        for (low, high) in pairs {
            let there = self.ways.get(&(low, high)).unwrap_or(&none);
            let back = self.ways.get(&(high, low)).unwrap_or(&none);
            between(low, high, there, back, &mut drawn);
        }
        drawn.sort_by_key(|audio: &Audio| (audio.begin, audio.from, audio.to));
        drawn
    }
}

/// Cuts the stretches of two ways at each other's ends.
fn between(low: HostId, high: HostId, there: &[Stretch], back: &[Stretch], drawn: &mut Vec<Audio>) {
    let mut moments: Vec<SimTime> =
        there.iter().chain(back).filter(|one| one.arrived > 0).flat_map(|one| [one.begin, one.end]).collect();
    moments.sort_unstable();
    moments.dedup();
    let covering = |stretches: &[Stretch], from: SimTime, to: SimTime| {
        stretches.iter().position(|one| one.arrived > 0 && one.begin <= from && one.end >= to)
    };
    let mut told = (vec![false; there.len()], vec![false; back.len()]);
    let mut pieces: Vec<(SimTime, SimTime, Option<usize>, Option<usize>)> = Vec::new();
    for pair in moments.windows(2) {
        let (begin, end) = (pair[0], pair[1]);
        let piece = (covering(there, begin, end), covering(back, begin, end));
        if piece == (None, None) {
            continue;
        }
        pieces.push((begin, end, piece.0, piece.1));
    }
    // An edge that one side alone fills is the other's beginning or end.
    let mut whole: Vec<(SimTime, SimTime, Option<usize>, Option<usize>)> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let one_way = piece.2.is_none() || piece.3.is_none();
        let touches = |other: Option<&(SimTime, SimTime, Option<usize>, Option<usize>)>| {
            other.is_some_and(|other| {
                (piece.2.is_some() && other.2 == piece.2) || (piece.3.is_some() && other.3 == piece.3)
            })
        };
        let edge = one_way && piece.1.since(piece.0) < EDGE;
        if edge
            && (touches(index.checked_sub(1).and_then(|before| pieces.get(before))) || touches(pieces.get(index + 1)))
        {
            continue;
        }
        whole.push(*piece);
    }
    for (begin, end, one, other) in whole {
        let mut audio = Audio {
            begin,
            end,
            from: if one.is_some() { low } else { high },
            to: if one.is_some() { high } else { low },
            both: one.is_some() && other.is_some(),
            heard: true,
            arrived: 0,
            lost: 0,
            why: None,
        };
        // What was lost of a stretch is told once.
        let mut tell = |told: &mut Vec<bool>, stretches: &[Stretch], index: Option<usize>| {
            let Some(index) = index else { return };
            if !std::mem::replace(&mut told[index], true) {
                audio.arrived += stretches[index].arrived;
                audio.lost += stretches[index].lost;
                audio.why = audio.why.or(stretches[index].why);
            }
        };
        tell(&mut told.0, there, one);
        tell(&mut told.1, back, other);
        drawn.push(audio);
    }
    // What is shorter than a moment, and what never arrived.
    let ways = [(low, high, there, &told.0), (high, low, back, &told.1)];
    for (from, to, stretches, told) in ways {
        for (stretch, told) in stretches.iter().zip(told) {
            if !told && (stretch.arrived == 0 || there.is_empty() || back.is_empty() || stretch.end == stretch.begin) {
                drawn.push(Audio {
                    begin: stretch.begin,
                    end: stretch.end,
                    from,
                    to,
                    both: false,
                    heard: stretch.arrived > 0,
                    arrived: stretch.arrived,
                    lost: stretch.lost,
                    why: stretch.why,
                });
            }
        }
    }
}
