//! Predictive dialing: more lines than agents, as far as the drop target bears it.

use super::Core;
use super::clock::Now;
use crate::floor::settings::{Campaign, Method};

/// A level moves so much of the way to what the answers suggest, each time it's adapted.
const STEP: f64 = 0.25;

impl Core {
    /// Adapts the levels of the campaigns that dial predictively.
    ///
    /// At or above the drop target a level falls to one line an agent. Below two thirds of it, while agents wait, it moves
    /// towards the number of lines that bring one answer.
    pub(super) fn adapt(&mut self) {
        let running: Vec<String> = self.dialers.running().map(str::to_owned).collect();
        for name in running {
            let Some(campaign) = self.settings.campaign(&name) else { continue };
            let Method::Predictive { most } = campaign.method else { continue };
            let level = self.dialers.level(campaign);
            let target = campaign.drop_target;
            let stats = self.campaign_stats(&name);
            let finished = stats.placed.saturating_sub(stats.running as u64).max(stats.answered);
            let level = if stats.answered > 0 && stats.drop_rate() >= target {
                1.0
            } else if stats.answered > 0 && stats.drop_rate() < target * 2.0 / 3.0 && stats.agents[1] > 0 {
                let wanted = (finished as f64 / stats.answered as f64).clamp(1.0, most.max(1.0));
                level + (wanted - level) * STEP
            } else {
                level
            };
            self.dialers.set_level(&name, level);
        }
    }

    /// How many calls may be without an agent at once: one for each agent who is free, and as many more as may be
    /// dropped altogether without missing the target, so that not even the worst moment misses it.
    pub(super) fn affordable(&self, now: Now, campaign: &Campaign) -> usize {
        let stats = self.tallies.get(&campaign.name).cloned().unwrap_or_default();
        let allowed = (stats.answered as f64 * campaign.drop_target).floor() as u64;
        let spare = usize::try_from(allowed.saturating_sub(stats.dropped)).unwrap_or(usize::MAX);
        self.free_agents(now, &campaign.name).saturating_add(spare)
    }
}
