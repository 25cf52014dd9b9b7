//! Telling others what has happened: which hooks an event sets off, and the log of URLs that screens have called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Core;
use super::calls::{CallId, Direction};
use super::clock::Now;
use super::event::{Occurred, event_id};
use super::leads::LeadId;
use super::screen::ScreenReply;
use super::sessions::Session;
use super::table::{Change, RestoreError, Table};
use crate::floor::settings::{Hook, Profile, Trigger};
use crate::webhook::event::EventKind;

/// A URL that a screen was given to have it called.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    occurred: Occurred,
    /// How often it was called.
    called: u32,
}

/// The URLs that screens were given, and the numbers of events.
#[derive(Debug)]
pub(super) struct Urls {
    table: Table<u64, Row>,
    next: u64,
    next_event: u64,
}

impl Urls {
    pub(super) fn new() -> Urls {
        Urls { table: Table::new("url"), next: 1, next_event: 1 }
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)?;
        if let Some((last, _)) = self.table.iter().next_back() {
            self.next = self.next.max(last + 1);
        }
        Ok(())
    }
}

impl Core {
    /// Tells whom it concerns of an event; the URLs that the screen must have called come back.
    pub(super) fn tell(
        &mut self,
        now: Now,
        kind: EventKind,
        campaign: &str,
        sequence: impl FnOnce(&mut Core) -> u64,
        data: impl FnOnce(&Core) -> BTreeMap<String, String>,
    ) -> Vec<u64> {
        let hooks = self.hooks(campaign, |hook| hook.event == kind && hook.trigger != Trigger::NoAgent);
        self.tell_hooks(now, kind, campaign, hooks, sequence, data)
    }

    fn hooks(&self, campaign: &str, wanted: impl Fn(&Hook) -> bool) -> Vec<Hook> {
        let campaign = self.settings.campaign(campaign);
        campaign
            .map(|campaign| campaign.hooks.iter().filter(|hook| wanted(hook)).cloned().collect())
            .unwrap_or_default()
    }

    fn tell_hooks(
        &mut self,
        now: Now,
        kind: EventKind,
        campaign: &str,
        hooks: Vec<Hook>,
        sequence: impl FnOnce(&mut Core) -> u64,
        data: impl FnOnce(&Core) -> BTreeMap<String, String>,
    ) -> Vec<u64> {
        // Nobody wants to know: an event that isn't told isn't counted either.
        if hooks.is_empty() {
            return Vec::new();
        }
        let sequence = sequence(self);
        let data = data(self);
        let id = event_id(self.life, self.urls.next_event, now);
        self.urls.next_event += 1;
        let mut urls = Vec::new();
        for hook in hooks {
            let mut occurred = Occurred {
                id: id.clone(),
                kind,
                campaign: campaign.to_owned(),
                hook: hook.name,
                at: now.wall,
                sequence,
                data: data.clone(),
                url: None,
            };
            if hook.trigger == Trigger::Screen && self.settings.quirks.two_step_urls {
                let url = self.urls.next;
                self.urls.next += 1;
                occurred.url = Some(url);
                self.urls.table.insert(url, Row { occurred, called: 0 });
                urls.push(url);
            } else {
                self.events.push_back(occurred);
            }
        }
        urls
    }

    /// A screen has the URLs called that it was given.
    pub(super) fn run_urls(&mut self, ids: &[u64]) -> ScreenReply {
        for id in ids {
            let again = self.settings.quirks.repeated_run_urls;
            if self.urls.table.get(id).is_none_or(|row| row.called > 0 && !again) {
                continue;
            }
            let Some(row) = self.urls.table.edit(id) else { continue };
            row.called += 1;
            self.events.push_back(row.occurred.clone());
        }
        ScreenReply::done()
    }

    /// What's told of a lead and its call.
    pub(super) fn lead_data(&self, lead: LeadId, call: Option<&CallId>) -> BTreeMap<String, String> {
        let mut data = BTreeMap::new();
        if let Some(lead) = self.leads.get(lead) {
            data.extend(lead.fields.clone());
            for field in
                ["lead_id", "list_id", "status", "phone_number", "phone_code", "vendor_lead_code", "called_count"]
            {
                data.insert(field.to_owned(), lead.field(field));
            }
            data.insert("agent".to_owned(), lead.user.clone());
        }
        if let Some(record) = call.and_then(|call| self.calls.record(call)) {
            data.insert("call_id".to_owned(), record.id.to_string());
            data.insert("campaign".to_owned(), record.campaign.clone());
            data.insert("agent".to_owned(), record.user.clone());
            // The talk is with an agent: what the customer waited isn't part of it.
            if let (Some(routed), Some(ended)) = (record.routed.or(record.answered), record.ended) {
                data.insert("talk_time".to_owned(), (ended.saturating_sub(routed) / 1_000).to_string());
            }
            if !record.ended_by.is_empty() {
                data.insert("term_reason".to_owned(), record.ended_by.clone());
            }
        }
        data
    }

    /// An agent has a call now.
    pub(super) fn tell_call_started(&mut self, now: Now, call: &CallId) {
        let Some(record) = self.calls.record(call) else { return };
        // VICIdial has no start-call URL for calls that are dialed by hand.
        if record.direction == Direction::Manual && self.settings.profile == Profile::Vicidial {
            return;
        }
        let (campaign, lead, call) = (record.campaign.clone(), record.lead, call.clone());
        let count = move |core: &mut Core| core.leads.count_event(lead);
        self.tell(now, EventKind::CallStarted, &campaign, count, |core| core.lead_data(lead, Some(&call)));
    }

    /// A call is over.
    pub(super) fn tell_call_ended(&mut self, now: Now, call: &CallId) {
        let Some(record) = self.calls.record(call) else { return };
        let (campaign, lead, call) = (record.campaign.clone(), record.lead, call.clone());
        let without_agent = record.direction == Direction::Auto && record.routed.is_none();
        self.tell(
            now,
            EventKind::CallEnded,
            &campaign,
            move |core| core.leads.count_event(lead),
            |core| core.lead_data(lead, Some(&call)),
        );
        if !without_agent {
            return;
        }
        for hook in self.hooks(&campaign, |hook| hook.trigger == Trigger::NoAgent) {
            let (kind, call) = (hook.event, call.clone());
            self.tell_hooks(
                now,
                kind,
                &campaign,
                vec![hook],
                move |core| core.leads.count_event(lead),
                |core| core.lead_data(lead, Some(&call)),
            );
        }
    }

    /// A lead was added.
    pub(super) fn tell_lead_added(&mut self, now: Now, lead: LeadId) {
        let Some(list) = self.leads.get(lead).map(|lead| lead.list) else { return };
        for campaign in self.campaigns_of_list(list) {
            self.tell(
                now,
                EventKind::LeadAdded,
                &campaign,
                move |core| core.leads.count_event(lead),
                |core| {
                    let mut data = core.lead_data(lead, None);
                    data.insert("campaign".to_owned(), campaign.clone());
                    data
                },
            );
        }
    }

    /// The campaigns that dial a list.
    pub(super) fn campaigns_of_list(&self, list: u64) -> Vec<String> {
        let campaigns = self.settings.campaigns.iter().filter(|campaign| campaign.lists.contains(&list));
        campaigns.map(|campaign| campaign.name.clone()).collect()
    }

    /// An agent stands otherwise now.
    pub(super) fn tell_state(&mut self, now: Now, session: &Session, status: &str) {
        let user = session.user.clone();
        let count = |core: &mut Core| {
            let key = format!("events of {user}");
            let next = core.meta.get(&key).copied().unwrap_or(0) + 1;
            core.meta.insert(key, next);
            next
        };
        self.tell(now, EventKind::AgentStateChanged, &session.campaign, count, |_| {
            [
                ("agent", session.user.as_str()),
                ("campaign", &session.campaign),
                ("status", status),
                ("sub_status", session.sub.name()),
                ("pause_code", &session.pause_code),
                ("lead_id", &session.lead.map(|lead| lead.to_string()).unwrap_or_default()),
                ("call_id", session.call.as_ref().map_or("", |call| &call.0)),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
        });
    }
}
