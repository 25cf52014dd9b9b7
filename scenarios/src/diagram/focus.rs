//! The part of a diagram that matters for a failure.

use std::collections::BTreeSet;
use std::time::Duration;

use busyhour_trace::{HostId, PacketId, SimTime};

use super::Diagram;
use super::rows::{Row, What};

/// More lines don't fit on a screen.
const LINES_MAX: usize = 60;
/// How much of the beginning is shown where some is left out: how it came to the call.
const BEGINNING: usize = 8;
/// How much is shown after the failure at most.
const AFTERMATH: usize = 8;
/// Calls of which nothing was heard for so long before the failure have nothing to do with it.
const LONG_AGO: Duration = Duration::from_secs(300);

/// What a failure is about.
#[derive(Debug, Clone, Default)]
pub struct Focus {
    /// When it was noticed.
    pub at: SimTime,
    /// What was said of it: the step, the oracle's sentence. Hosts are looked for in it.
    pub text: String,
    /// The packets that prove it.
    pub packets: Vec<PacketId>,
}

impl Diagram {
    /// The calls that the failure concerns, in about 60 lines, without what lies far from it. No lines if nothing was
    /// said.
    pub fn part(&self, focus: &Focus) -> Vec<String> {
        let rows = self.concerned(focus);
        let messages = |rows: &[&Row]| rows.iter().filter(|row| matches!(row.what, What::Message(_))).count();
        if messages(&rows) == 0 {
            return Vec::new();
        }
        // The head is a line, and so is each gap.
        let budget = LINES_MAX - 3;
        if rows.len() <= budget + 2 {
            return self.drawn(&rows, |_| None);
        }
        let failure = rows.partition_point(|row| row.at <= focus.at);
        let end = (failure + AFTERMATH).min(rows.len());
        let begin = end.saturating_sub(budget - BEGINNING).max(BEGINNING);
        let end = (begin + budget - BEGINNING).min(rows.len());
        let (left_out, cut_off) = (messages(&rows[BEGINNING..begin]), messages(&rows[end..]));
        let shown: Vec<&Row> = rows[..BEGINNING].iter().chain(&rows[begin..end]).copied().collect();
        let gap = |count: usize| (count > 0).then(|| format!("{:>14}... {} ...", "", left_out_words(count)));
        self.drawn(&shown, |index| match index {
            BEGINNING => gap(left_out),
            _ if index == shown.len() => gap(cut_off),
            _ => None,
        })
    }

    /// The rows of calls that the failure concerns.
    fn concerned(&self, focus: &Focus) -> Vec<&Row> {
        let named: Vec<HostId> = (0..)
            .map(HostId)
            .zip(&self.hosts)
            .filter(|(_, name)| focus.text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == *name))
            .map(|(host, _)| host)
            .collect();
        let proofs: BTreeSet<PacketId> = focus.packets.iter().copied().collect();
        let proven: BTreeSet<usize> = self
            .rows
            .iter()
            .filter_map(|row| match &row.what {
                What::Message(said) if proofs.contains(&said.packet) => said.call,
                _ => None,
            })
            .collect();
        let is_one_of = |hosts: &[HostId]| named.is_empty() || hosts.iter().any(|host| named.contains(host));
        let recent = |last: SimTime| focus.at.since(last.min(focus.at)) <= LONG_AGO;
        let mut calls: BTreeSet<usize> = if proven.is_empty() {
            let legs = self.legs.iter().enumerate();
            legs.filter(|(_, leg)| is_one_of(&leg.hosts) && recent(leg.last)).map(|(call, _)| call).collect()
        } else {
            proven.clone()
        };
        // Where there are calls, bindings are of interest only to who asks for them.
        let asked = focus.text.contains("regist") || focus.text.contains("contact");
        let has_call = calls.iter().any(|call| !self.legs[*call].outside);
        if has_call && !asked {
            calls.retain(|call| !self.legs[*call].outside || proven.contains(call));
        }
        self.extend_to_other_legs(&mut calls);
        let mut hosts: BTreeSet<HostId> = calls.iter().flat_map(|call| self.legs[*call].hosts.clone()).collect();
        hosts.extend(&named);
        let begin = calls.iter().map(|call| self.legs[*call].first).min().unwrap_or_default();
        let rows = self.rows.iter().filter(|row| match &row.what {
            What::Message(said) => match said.call {
                Some(call) => calls.contains(&call),
                None => proofs.contains(&said.packet) || said.from.is_some_and(|from| named.contains(&from)),
            },
            What::Audio(audio) => hosts.contains(&audio.from) && hosts.contains(&audio.to) && audio.end >= begin,
            What::Step(_) | What::Gap(_) => true,
            What::World(_, whom) => whom.is_empty() || whom.iter().any(|host| hosts.contains(host)),
        });
        rows.collect()
    }

    /// A server has two legs of one call: the other one begins within it, at a host of it, and has a user of it.
    fn extend_to_other_legs(&self, calls: &mut BTreeSet<usize>) {
        let mut wave: Vec<usize> = calls.iter().copied().filter(|call| !self.legs[*call].outside).collect();
        while let Some(call) = wave.pop() {
            let leg = &self.legs[call];
            for (other, candidate) in self.legs.iter().enumerate() {
                let overlaps = candidate.first <= leg.last && candidate.last >= leg.first;
                let meets = candidate.hosts.iter().any(|host| leg.hosts.contains(host));
                let of_one = candidate.users.iter().any(|user| !user.is_empty() && leg.users.contains(user));
                if !candidate.outside && overlaps && meets && of_one && calls.insert(other) {
                    wave.push(other);
                }
            }
        }
    }
}

fn left_out_words(count: usize) -> String {
    match count {
        1 => "1 message left out".to_owned(),
        count => format!("{count} messages left out"),
    }
}
