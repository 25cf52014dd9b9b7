//! What became of the packets of a run, way by way: the first thing that's asked of a failure on a bad network.

use std::collections::BTreeMap;
use std::fmt;

use busyhour_trace::{HostId, Log, Loss, PacketSeen, Stage};

use crate::report::grouped;

/// More ways than these are summed up in one line.
const WAYS_SHOWN_MAX: usize = 6;

/// Counts of the packets whose fate is known.
#[derive(Debug, Default)]
pub struct Traffic {
    ways: BTreeMap<(Option<HostId>, Option<HostId>), Fates>,
}

#[derive(Debug, Default, Clone)]
struct Fates {
    arrived: u64,
    /// By the reason's place in [`Loss::ALL`].
    lost: [u64; Loss::ALL.len()],
}

impl Fates {
    fn lost(&self) -> u64 {
        self.lost.iter().sum()
    }

    fn add(&mut self, other: &Fates) {
        self.arrived += other.arrived;
        self.lost.iter_mut().zip(other.lost).for_each(|(sum, more)| *sum += more);
    }
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} arrived", grouped(self.arrived))?;
        let mut reasons: Vec<(u64, Loss)> =
            self.lost.iter().copied().zip(Loss::ALL).filter(|(count, _)| *count > 0).collect();
        // The sort is stable: reasons of one count stay in their own order.
        reasons.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        match reasons.as_slice() {
            [] => Ok(()),
            [(count, reason)] => write!(f, ", {} lost: {reason}", grouped(*count)),
            several => {
                let each: Vec<_> = several.iter().map(|(count, why)| format!("{why} ({})", grouped(*count))).collect();
                write!(f, ", {} lost: {}", grouped(self.lost()), each.join(", "))
            }
        }
    }
}

impl Traffic {
    /// Counts a sighting.
    pub fn packet(&mut self, seen: &PacketSeen<'_>) {
        match seen.stage {
            // Each packet comes by once more, when its fate is known.
            Stage::Sent | Stage::Copied { .. } => {}
            Stage::Arrived => self.ways.entry((seen.from, seen.to)).or_default().arrived += 1,
            Stage::Lost(loss) => self.ways.entry((seen.from, seen.to)).or_default().lost[loss as usize] += 1,
        }
    }

    /// A line for each way between two hosts, the way that lost most first.
    pub fn told(&self, log: &Log) -> Vec<String> {
        // A universe that never came back, for a busy loop in it, leaves no names.
        let name = |id: HostId| log.hosts().get(usize::from(id.0)).cloned().unwrap_or_else(|| format!("host {}", id.0));
        let host = |host: Option<HostId>, nobody: &str| host.map_or(nobody.to_owned(), name);
        let mut ways: Vec<_> = self.ways.iter().collect();
        ways.sort_by_key(|(_, fates)| std::cmp::Reverse(fates.lost()));
        let (shown, rest) = ways.split_at(ways.len().min(WAYS_SHOWN_MAX));
        let way = |((from, to), fates): &(&(Option<HostId>, Option<HostId>), &Fates)| {
            format!("{} -> {}: {fates}", host(*from, "the network"), host(*to, "nobody"))
        };
        let mut lines: Vec<String> = shown.iter().map(way).collect();
        if !rest.is_empty() {
            let mut sum = Fates::default();
            rest.iter().for_each(|(_, fates)| sum.add(fates));
            lines.push(format!("{} more ways: {sum}", rest.len()));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busyhour_trace::{PacketId, SimTime};

    fn told(sightings: &[(u16, u16, Stage, u64)], hosts: usize) -> String {
        let mut log = Log::default();
        for host in 0..hosts {
            log.name_host(format!("h{host}"));
        }
        let mut traffic = Traffic::default();
        for (from, to, stage, times) in sightings {
            for _ in 0..*times {
                let (from, to) = (Some(HostId(*from)), Some(HostId(*to)));
                traffic.packet(&PacketSeen { at: SimTime::ZERO, id: PacketId(0), stage: *stage, from, to, bytes: &[] });
            }
        }
        traffic.told(&log).join("\n")
    }

    #[test]
    fn the_way_that_lost_most_comes_first_and_says_why() {
        let sightings = [
            (0, 1, Stage::Sent, 1_200),
            (0, 1, Stage::Arrived, 1_100),
            (0, 1, Stage::Lost(Loss::Random), 3),
            (1, 0, Stage::Arrived, 5),
            (1, 0, Stage::Lost(Loss::Random), 1),
            (1, 0, Stage::Lost(Loss::Cut), 96),
        ];
        insta::assert_snapshot!(told(&sightings, 2), @r"
        h1 -> h0: 5 arrived, 97 lost: the network was cut (96), dropped at random (1)
        h0 -> h1: 1,100 arrived, 3 lost: dropped at random
        ");
    }

    #[test]
    fn a_universe_that_left_no_names_is_told_by_numbers() {
        assert_eq!(told(&[(0, 1, Stage::Arrived, 2)], 0), "host 0 -> host 1: 2 arrived");
    }

    #[test]
    fn a_crowd_is_summed_up() {
        let sightings: Vec<_> = (1..=9).map(|host| (0, host, Stage::Arrived, 2)).collect();
        let told = told(&sightings, 10);
        assert_eq!(told.lines().count(), WAYS_SHOWN_MAX + 1, "{told}");
        assert!(told.ends_with("\n3 more ways: 6 arrived"), "{told}");
    }
}
