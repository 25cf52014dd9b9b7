//! The hopper: the leads that the dialer takes next. Filled each minute and when a campaign starts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Core;
use super::clock::Now;
use super::leads::{LeadId, Taken};
use super::table::{Change, Key, RestoreError, Table};
use crate::floor::settings::Campaign;

/// The priority of a callback that's due.
pub(super) const CALLBACK_PRIORITY: i32 = 50;
/// The user that the books name for what the dialer did.
pub(super) const DIALER: &str = "VDAD";

/// How a lead came into the hopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Source {
    /// By the minute's fill.
    #[serde(rename = "S")]
    Fill,
    /// As a callback that's due: called whether or not the dialer runs.
    #[serde(rename = "C")]
    Callback,
    /// Through the API.
    #[serde(rename = "P")]
    Api,
}

/// A lead that waits to be dialed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) campaign: String,
    pub(super) priority: i32,
    pub(super) source: Source,
    number: u64,
}

/// Who is dialed next: the highest priority, then who came first.
type Next = (Reverse<i32>, u64, LeadId);

/// The leads of every campaign that wait to be dialed. Those that are dialed are the calls' matter.
#[derive(Debug)]
pub(super) struct Hopper {
    table: Table<LeadId, Waiting>,
    order: BTreeMap<String, BTreeSet<Next>>,
    next: u64,
}

impl Hopper {
    pub(super) fn new() -> Hopper {
        Hopper { table: Table::new("hopper"), order: BTreeMap::new(), next: 1 }
    }

    /// Whether a lead waits as a callback.
    pub(super) fn calls_back(&self, lead: LeadId) -> bool {
        self.table.get(&lead).is_some_and(|waiting| waiting.source == Source::Callback)
    }

    pub(super) fn count(&self, campaign: &str) -> usize {
        self.order.get(campaign).map_or(0, BTreeSet::len)
    }

    pub(super) fn add(&mut self, lead: LeadId, campaign: &str, priority: i32, source: Source) {
        let waiting = Waiting { campaign: campaign.to_owned(), priority, source, number: self.next };
        assert!(!self.table.contains(&lead), "lead {lead} is in the hopper already");
        self.index(lead, &waiting);
        self.table.insert(lead, waiting);
    }

    pub(super) fn remove(&mut self, lead: LeadId) -> Option<Waiting> {
        let waiting = self.table.remove(&lead)?;
        if let Some(order) = self.order.get_mut(&waiting.campaign) {
            order.remove(&(Reverse(waiting.priority), waiting.number, lead));
        }
        Some(waiting)
    }

    /// Takes who is next; of callbacks only, if the dialer is idle.
    pub(super) fn pop(&mut self, campaign: &str, only_callbacks: bool) -> Option<LeadId> {
        let order = self.order.get(campaign)?;
        // Callbacks stand at the head, but for what the API has put before them.
        let head = order.iter().take_while(|(Reverse(priority), ..)| !only_callbacks || *priority >= CALLBACK_PRIORITY);
        let mut wanted = head.filter(|(.., lead)| !only_callbacks || self.calls_back(*lead));
        let (.., lead) = *wanted.next()?;
        self.remove(lead);
        Some(lead)
    }

    pub(super) fn campaigns(&self) -> impl Iterator<Item = &String> {
        self.order.iter().filter(|(_, order)| !order.is_empty()).map(|(campaign, _)| campaign)
    }

    fn index(&mut self, lead: LeadId, waiting: &Waiting) {
        self.next = self.next.max(waiting.number + 1);
        let order = self.order.entry(waiting.campaign.clone()).or_default();
        order.insert((Reverse(waiting.priority), waiting.number, lead));
    }

    pub(super) fn leads(&self) -> Vec<LeadId> {
        self.table.iter().map(|(lead, _)| *lead).collect()
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)?;
        if let Some(lead) = LeadId::of_text(key)
            && let Some(waiting) = self.table.get(&lead).cloned()
        {
            self.index(lead, &waiting);
        }
        Ok(())
    }
}

impl Core {
    /// Brings a lead into the hopper, unless it's there, in a call, or may not be called.
    pub(super) fn put_in_hopper(
        &mut self,
        now: Now,
        lead: LeadId,
        campaign: &str,
        priority: i32,
        source: Source,
    ) -> bool {
        if self.leads.taken(lead).is_some() || self.leads.get(lead).is_none() || self.blocks(now, lead, campaign) {
            return false;
        }
        self.leads.take(lead, Taken::Hopper);
        self.hopper.add(lead, campaign, priority, source);
        true
    }

    /// Takes a lead out of the hopper without calling it.
    pub(super) fn out_of_hopper(&mut self, lead: LeadId) {
        if self.hopper.remove(lead).is_some() {
            self.leads.release(lead);
        }
    }

    /// Whether a lead's number may not be called; the lead's status tells so then.
    pub(super) fn blocks(&mut self, now: Now, lead: LeadId, campaign: &str) -> bool {
        let status = match (self.settings.campaign(campaign), self.leads.get(lead)) {
            (Some(settings), Some(found)) if settings.uses_dnc => self.dnc.status(&found.phone_number, campaign),
            _ => None,
        };
        let Some(status) = status else { return false };
        self.leads.edit(lead, now.wall, |lead| lead.status = status.to_owned());
        true
    }

    /// The minute's work: callbacks come due, and every campaign that runs has its hopper filled.
    pub(super) fn hopper_minute(&mut self, now: Now) {
        self.callbacks_come_due(now);
        let running: Vec<String> = self.dialers.running().map(str::to_owned).collect();
        for campaign in running {
            self.fill_hopper(now, &campaign);
        }
    }

    /// Fills a campaign's hopper from its lists: who was never called first, then who is to be recycled.
    pub(super) fn fill_hopper(&mut self, now: Now, campaign: &str) {
        let Some(settings) = self.settings.campaign(campaign).cloned() else { return };
        let level = self.hopper_level(&settings);
        let wanted = level.saturating_sub(self.hopper.count(campaign));
        let mut found: Vec<LeadId> = Vec::new();
        for list in &settings.lists {
            for status in &settings.dial_statuses {
                found.extend(self.leads.fresh(*list, status).take(wanted - found.len()));
            }
        }
        let recycled = self.to_recycle(now, &settings, wanted - found.len());
        for lead in found.into_iter().chain(recycled) {
            // Who may not be called leaves the index by its new status: the next minute doesn't meet it again.
            self.put_in_hopper(now, lead, campaign, 0, Source::Fill);
        }
    }

    /// How many leads a minute's calls can need: without a figure, ten rounds of all lines.
    fn hopper_level(&self, settings: &Campaign) -> usize {
        settings.hopper_level.unwrap_or_else(|| {
            let agents = self.sessions.of_campaign(&settings.name).count();
            (10.0 * agents as f64 * self.dialers.level(settings)).ceil().max(20.0) as usize
        })
    }
}
