//! Recycling: leads of some statuses are called again after a while, so and so often.

use super::Core;
use super::clock::{Now, millis};
use super::leads::LeadId;
use crate::floor::settings::Campaign;

impl Core {
    /// The leads whose time has come again, those with the fewest calls first.
    pub(super) fn to_recycle(&self, now: Now, campaign: &Campaign, wanted: usize) -> Vec<LeadId> {
        let mut found = Vec::new();
        for rule in &campaign.recycling {
            let Some(before) = now.wall.checked_sub(millis(rule.after)) else { continue };
            for list in &campaign.lists {
                // The first call isn't a repetition: who was called once has all repetitions before him.
                for cycle in 1..=rule.at_most {
                    found.extend(self.leads.called_by(*list, &rule.status, cycle, before).take(wanted - found.len()));
                }
            }
        }
        found
    }
}
