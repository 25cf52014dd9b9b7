//! The drop rate is within its target.
//!
//! Who answers a predictive dialer and gets no agent is dropped; of those who answer that may happen to 3% (domain Part 2:
//! `adaptive_dropped_percentage` 3; FCC DA-03-2832: three percent, measured against answered calls).
//!
//! Judged are the answered calls of a floor's dialer, if there are a hundred of them at the end: dropped is who was shown on
//! no screen, and was hung up on when the campaign's drop seconds were over, or has hung up himself. One drop more than
//! the share is chance. Where machines are told from men, who is hung up on before is a machine, and counts for nothing.
//!
//! Not judged: floors without a predictive campaign, since a ratio is the supervisor's own choice; floors with several
//! campaigns that dial, since an INVITE doesn't tell its campaign; calls by hand and to whom a customer is transferred;
//! calls of a floor that was down meanwhile; fewer than a hundred answers.

use std::time::Duration;

use busyhour_trace::{HostId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::Dues;
use crate::floor::{Leg, LegChange};
use crate::surroundings::Surroundings;
use crate::web::{Screen, Web};
use crate::witness::{Judgement, Witness};

/// Fewer answers tell nothing of a share of three percent.
const ENOUGH: u64 = 100;
/// By then a screen has shown a customer who is gone.
const SHOWN: Duration = Duration::from_secs(3);
/// A floor's timer and a message on its way.
const MARGIN: Duration = Duration::from_millis(500);

type Key = (HostId, u64);

/// The witness of this rule; see the [module](self).
#[derive(Debug)]
pub struct DropRateWithinTarget {
    judgement: Judgement,
    calls: FxHashMap<Key, Call>,
    /// Calls that may be shown on a screen still, by the customer's number.
    by_number: FxHashMap<String, Vec<Key>>,
    over: Dues<Key>,
    takers: FxHashSet<String>,
    answers: u64,
    drops: u64,
}

#[derive(Debug)]
struct Call {
    number: String,
    since: SimTime,
    answered: Option<SimTime>,
    /// Was with an agent; before it was answered, if she has dialed it.
    has_agent: bool,
    is_by_hand: bool,
    ended: Option<(SimTime, LegChange)>,
}

impl Default for DropRateWithinTarget {
    fn default() -> Self {
        DropRateWithinTarget {
            judgement: Judgement::default(),
            calls: FxHashMap::default(),
            by_number: FxHashMap::default(),
            over: Dues::after(SHOWN),
            takers: FxHashSet::default(),
            answers: 0,
            drops: 0,
        }
    }
}

impl Witness for DropRateWithinTarget {
    fn name(&self) -> &'static str {
        "drop_rate_within_target"
    }

    fn rule(&self) -> &'static str {
        "a predictive dialer drops no more of the answered calls than its target says (VICIdial, \
         adaptive_dropped_percentage; FCC DA-03-2832)"
    }

    fn leg(&mut self, at: SimTime, leg: &Leg, change: LegChange, around: &Surroundings) {
        if !around.floor().campaigns().iter().any(|campaign| campaign.is_predictive) {
            return;
        }
        let key = (leg.host, leg.call);
        if change == LegChange::Placed {
            let call = Call {
                number: leg.number.clone(),
                since: at,
                answered: None,
                has_agent: false,
                is_by_hand: self.takers.contains(&leg.number),
                ended: None,
            };
            self.calls.insert(key, call);
            self.by_number.entry(leg.number.clone()).or_default().push(key);
            return;
        }
        let Some(call) = self.calls.get_mut(&key) else { return };
        if change == LegChange::Answered {
            call.answered = Some(at);
            call.is_by_hand |= call.has_agent;
        } else if change.is_end() {
            call.ended = Some((at, change));
            self.over.push(at, key);
        }
    }

    fn asked(&mut self, web: &Web<'_>, _around: &Surroundings) {
        self.takers.extend(web.transfers_to());
    }

    fn screen(&mut self, screen: &Screen<'_>, _around: &Surroundings) {
        let number = screen.shown.phone_number.trim_start_matches('+');
        if number.is_empty() || self.by_number.is_empty() {
            return;
        }
        for key in self.by_number.get(number).into_iter().flatten() {
            if let Some(call) = self.calls.get_mut(key) {
                call.has_agent = true;
            }
        }
    }

    fn due(&mut self, now: SimTime, around: &Surroundings) {
        while let Some((_, key)) = self.over.pop(now) {
            let Some(call) = self.calls.remove(&key) else { continue };
            if let Some(keys) = self.by_number.get_mut(&call.number) {
                keys.retain(|known| *known != key);
                if keys.is_empty() {
                    self.by_number.remove(&call.number);
                }
            }
            let (Some(answered), Some((ended, how))) = (call.answered, call.ended) else { continue };
            let campaign = around.floor().campaigns().iter().find(|campaign| campaign.is_predictive);
            let Some(campaign) = campaign.filter(|_| !call.is_by_hand) else { continue };
            if around.disturbed(key.0, call.since) {
                self.judgement.exempt("the floor was down meanwhile");
                continue;
            }
            let waited_enough = ended.since(answered) + MARGIN >= campaign.drop_after;
            let is_machine = campaign.detects_machines && !call.has_agent && !waited_enough;
            if is_machine {
                continue;
            }
            self.answers += 1;
            if !call.has_agent && (how == LegChange::EndedByCustomer || waited_enough) {
                self.drops += 1;
            }
        }
    }

    fn ending(&mut self, at: SimTime, around: &Surroundings) {
        let mut dialing = around.floor().campaigns().iter().filter(|campaign| !campaign.is_manual);
        let (Some(campaign), None) = (dialing.next(), dialing.next()) else {
            if self.answers > 0 {
                self.judgement.exempt("several campaigns dial");
            }
            return;
        };
        if self.answers < ENOUGH {
            if self.answers > 0 {
                self.judgement.exempt("fewer than a hundred answers");
            }
            return;
        }
        self.judgement.judged += self.answers;
        let (answers, drops) = (self.answers, self.drops);
        if drops as f64 > campaign.drop_target * answers as f64 + 1.0 {
            let (share, target) = (100.0 * drops as f64 / answers as f64, 100.0 * campaign.drop_target);
            let what = format!(
                "{} has dropped {drops} of {answers} answered calls, {share:.1}%: more than {target}%",
                campaign.name
            );
            self.judgement.violate(at, what, []);
        }
    }

    fn judgement(&self) -> &Judgement {
        &self.judgement
    }
}
