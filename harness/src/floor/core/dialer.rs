//! The dialer: how many calls a campaign's agents need, and whom to call.

use std::collections::BTreeMap;

use super::Core;
use super::calls::{CallId, Direction, Stage};
use super::clock::Now;
use super::leads::{LeadId, Taken};
use super::sessions::{Status, Sub};
use super::table::{Change, RestoreError, Table};
use crate::floor::settings::{Campaign, Method};

/// Which campaigns' dialers run, and their levels.
#[derive(Debug)]
pub(super) struct Dialers {
    /// The campaigns that run: a crash stops none.
    running: Table<String, u64>,
    /// What predictive dialing has found.
    levels: BTreeMap<String, f64>,
}

impl Dialers {
    pub(super) fn new() -> Dialers {
        Dialers { running: Table::new("dialer"), levels: BTreeMap::new() }
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &str> {
        self.running.iter().map(|(campaign, _)| campaign.as_str())
    }

    fn runs(&self, campaign: &str) -> bool {
        self.running.contains(&campaign.to_owned())
    }

    /// Lines an agent.
    pub(super) fn level(&self, campaign: &Campaign) -> f64 {
        match campaign.method {
            Method::Ratio { level } => level,
            // Never below one: an agent who is free is always worth a call.
            Method::Predictive { .. } => self.levels.get(&campaign.name).copied().unwrap_or(1.0),
            Method::Manual => 0.0,
        }
    }

    pub(super) fn set_level(&mut self, campaign: &str, level: f64) {
        self.levels.insert(campaign.to_owned(), level);
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.running.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.running.load(key, value)
    }
}

/// Why a lead isn't called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// There's no such campaign.
    #[error("there's no campaign {0}")]
    NoCampaign(String),
    /// There's no such lead.
    #[error("there's no lead {0}")]
    NoLead(LeadId),
    /// Nobody may call it.
    #[error("lead {0} is on the do-not-call list")]
    DoNotCall(LeadId),
    /// It's in a call already.
    #[error("lead {0} is in the call {1}")]
    InCall(LeadId, CallId),
}

impl Core {
    /// Runs a campaign's dialer from now on; its hopper is filled at once. Running twice is running once. An idle dialer
    /// calls nobody but the callbacks that are due.
    pub fn run_dialer(&mut self, now: Now, campaign: &str) -> Result<(), DialError> {
        let Some(settings) = self.settings.campaign(campaign).cloned() else {
            return Err(DialError::NoCampaign(campaign.to_owned()));
        };
        if !self.dialers.runs(campaign) {
            self.dialers.running.insert(campaign.to_owned(), now.wall);
            self.callbacks_come_due(now);
            self.fill_hopper(now, campaign);
            self.place_calls(now, &settings);
        }
        self.keep_rounds(now);
        Ok(())
    }

    /// Lets a campaign's dialer be idle. The calls that it has placed go on; what's in its hopper stays there.
    pub fn stop_dialer(&mut self, _now: Now, campaign: &str) {
        self.dialers.running.remove(&campaign.to_owned());
    }

    /// Whether a campaign's dialer runs.
    pub fn dialer_runs(&self, campaign: &str) -> bool {
        self.dialers.runs(campaign)
    }

    /// The dialer calls this lead now, whether it runs or not and whoever is ready.
    pub fn call_lead(&mut self, now: Now, campaign: &str, lead: LeadId) -> Result<CallId, DialError> {
        let Some(settings) = self.settings.campaign(campaign).cloned() else {
            return Err(DialError::NoCampaign(campaign.to_owned()));
        };
        self.may_dial(now, campaign, lead)?;
        let call = self.place(now, &settings, lead, None);
        self.keep_rounds(now);
        Ok(call)
    }

    /// Whether a lead can be called now.
    pub(super) fn may_dial(&mut self, now: Now, campaign: &str, lead: LeadId) -> Result<(), DialError> {
        if self.leads.get(lead).is_none() {
            return Err(DialError::NoLead(lead));
        }
        if let Some(Taken::Call(call)) = self.leads.taken(lead) {
            return Err(DialError::InCall(lead, call.clone()));
        }
        if self.blocks(now, lead, campaign) {
            self.out_of_hopper(lead);
            return Err(DialError::DoNotCall(lead));
        }
        Ok(())
    }

    /// A round: who lags, then each campaign's calls.
    pub(super) fn dialer_round(&mut self, now: Now) {
        self.look_for_laggards(now);
        let mut campaigns: Vec<String> = self.dialers.running().map(str::to_owned).collect();
        campaigns.extend(self.hopper.campaigns().filter(|campaign| !self.dialers.runs(campaign)).cloned());
        for campaign in campaigns {
            if let Some(settings) = self.settings.campaign(&campaign).cloned() {
                self.place_calls(now, &settings);
            }
        }
    }

    /// Places the calls that a campaign's agents need: the level times the active agents, less what runs already.
    fn place_calls(&mut self, now: Now, campaign: &Campaign) {
        if campaign.method == Method::Manual {
            return;
        }
        let active = self.active_agents(now, &campaign.name);
        let (mut existing, mut pending) = (0, 0);
        for call in self.calls.running().filter(|call| call.campaign == campaign.name) {
            match call.stage {
                Stage::GivenAway { .. } => {}
                Stage::WithAgent { .. } => existing += 1,
                _ => {
                    existing += 1;
                    pending += usize::from(call.direction == Direction::Auto);
                }
            }
        }
        let goal = (self.dialers.level(campaign) * active as f64).round() as usize;
        let mut calls = goal.saturating_sub(existing);
        if matches!(campaign.method, Method::Predictive { .. }) {
            calls = calls.min(self.affordable(now, campaign).saturating_sub(pending));
        }
        let only_callbacks = !self.dialers.runs(&campaign.name);
        while calls > 0 {
            let Some(lead) = self.hopper.pop(&campaign.name, only_callbacks) else { return };
            if self.blocks(now, lead, &campaign.name) {
                self.leads.release(lead);
                continue;
            }
            self.place(now, campaign, lead, None);
            calls -= 1;
        }
    }

    /// The agents for whom lines are kept: those who wait and those who talk. Who is left by her customer has no line,
    /// and needs none before she's ready again.
    pub(super) fn active_agents(&self, now: Now, campaign: &str) -> usize {
        let lagged = self.settings.timing.lagged;
        let active = self.sessions.of_campaign(campaign).filter(|session| {
            session.status != Status::Paused && session.sub != Sub::Dead && now.at.since(session.last_seen) <= lagged
        });
        active.count()
    }
}
