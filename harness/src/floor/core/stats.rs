//! A campaign's figures, counted as calls go.

use std::collections::BTreeMap;

use super::Core;
use super::api::CampaignStats;
use super::calls::{CallRecord, Direction};
use super::sessions::Status;

/// What is counted of a campaign's calls.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) placed: u64,
    pub(super) manual: u64,
    pub(super) inbound: u64,
    pub(super) answered: u64,
    pub(super) dropped: u64,
    pub(super) sales: u64,
    pub(super) statuses: BTreeMap<String, u64>,
}

/// Whether a call of the dialer came to nothing though a customer was there.
fn is_drop(status: &str) -> bool {
    matches!(status, "DROP" | "PDROP")
}

impl Tally {
    /// A call has begun.
    pub(super) fn began(&mut self, direction: Direction) {
        match direction {
            Direction::Auto => self.placed += 1,
            Direction::Manual => self.manual += 1,
            Direction::Inbound => self.inbound += 1,
            Direction::Transfer => {}
        }
    }

    /// A call's status is another.
    pub(super) fn turned(&mut self, direction: Direction, from: &str, to: &str, is_sale: impl Fn(&str) -> bool) {
        if let Some(count) = self.statuses.get_mut(from) {
            *count -= 1;
        }
        if !to.is_empty() {
            *self.statuses.entry(to.to_owned()).or_default() += 1;
        }
        if direction == Direction::Auto {
            self.dropped = self.dropped + u64::from(is_drop(to)) - u64::from(is_drop(from));
        }
        self.sales = self.sales + u64::from(is_sale(to)) - u64::from(is_sale(from));
    }
}

impl Core {
    pub(super) fn tally(&mut self, campaign: &str) -> &mut Tally {
        if !self.tallies.contains_key(campaign) {
            self.tallies.insert(campaign.to_owned(), Tally::default());
        }
        self.tallies.get_mut(campaign).expect("it was put there")
    }

    /// Counts a call that a former life has logged.
    pub(super) fn count_logged(&mut self, record: &CallRecord) {
        let sales = self.sale_statuses(&record.campaign);
        let tally = self.tally(&record.campaign);
        tally.began(record.direction);
        tally.turned(record.direction, "", &record.status, |status| sales.iter().any(|sale| sale == status));
        if record.direction == Direction::Auto && record.answered.is_some() && record.status != "AA" {
            tally.answered += 1;
        }
    }

    pub(super) fn sale_statuses(&self, campaign: &str) -> Vec<String> {
        self.settings.campaign(campaign).map(|campaign| campaign.sale_statuses.clone()).unwrap_or_default()
    }

    /// A campaign's figures.
    pub fn campaign_stats(&self, campaign: &str) -> CampaignStats {
        let tally = self.tallies.get(campaign).cloned().unwrap_or_default();
        let mut agents = [0; 4];
        for session in self.sessions.of_campaign(campaign) {
            agents[0] += 1;
            match session.status {
                Status::Ready | Status::Closer => agents[1] += 1,
                Status::Queue | Status::InCall => agents[2] += 1,
                Status::Paused => agents[3] += 1,
            }
        }
        CampaignStats {
            placed: tally.placed,
            manual: tally.manual,
            inbound: tally.inbound,
            answered: tally.answered,
            dropped: tally.dropped,
            sales: tally.sales,
            agents,
            running: self.calls.count(campaign),
            waiting: self.queues.get(campaign).map_or(0, std::collections::VecDeque::len),
            hopper: self.hopper.count(campaign),
            dial_level: self.settings.campaign(campaign).map_or(0.0, |settings| self.dialers.level(settings)),
        }
    }

    /// How many of a campaign's calls have come to each status.
    pub fn status_counts(&self, campaign: &str) -> BTreeMap<String, u64> {
        let mut counts = self.tallies.get(campaign).map(|tally| tally.statuses.clone()).unwrap_or_default();
        counts.retain(|_, count| *count > 0);
        counts
    }
}
