//! What a CRM holds on its disk, and what a delivery changes in it.
//!
//! | table | key | row |
//! |---|---|---|
//! | `inbox` | a growing number | a delivery that was taken, the work not done yet |
//! | `seen` | an event's key | nothing: the event was taken |
//! | `sales` | lead, `/`, call | the effect that it is |
//! | `records` | lead | its status, and how new that is |
//! | `effects` | a growing number | what was done in the world: a sale counted, a status set |
//! | `meta` | `told` | the last effect that was told of |
//!
//! A delivery is taken by one transaction (`inbox` and `seen`) and worked on by another, which also empties its place in
//! the inbox: so a crash anywhere leaves it untaken, or waiting, or done. What's told of an effect is told after its
//! transaction; a crash in between is made up for at the next start.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::settings::CrmSettings;
use super::told::Told;
use crate::store::{Batch, Receipt, Store};
use crate::webhook::event::EventKind;

/// A call that nobody has told of: the sale was seen by asking for the lead's status.
const UNKNOWN_CALL: &str = "?";

/// Something that was done in the world: it must be done once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its place among all effects of this CRM.
    #[serde(skip)]
    pub number: u64,
    /// What it is: `sale`, `status`.
    pub what: String,
    /// Equal for what should be one effect: a sale's is its call, a status's the event that set it.
    pub key: String,
    /// Whose record it concerns.
    pub lead_id: String,
    /// A status's value.
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sale {
    effect: u64,
}

/// A lead's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    status: String,
    sequence: u64,
    occurred_at: Option<u64>,
    /// By asking, not by a webhook.
    asked: bool,
}

impl Record {
    /// Whether what's told is newer. A sender that counts is believed its numbers, else the times; who tells neither is
    /// believed to tell in order.
    fn is_older_than(&self, told: &Told) -> bool {
        if !self.asked && self.sequence > 0 && told.sequence > 0 {
            return told.sequence > self.sequence;
        }
        match (self.occurred_at, told.occurred_at) {
            (Some(known), Some(told)) => told >= known,
            _ => true,
        }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    New,
    Repeated,
}

pub(super) struct Books {
    store: Store,
    /// The last effect that was told of. The next transaction puts it on the disk.
    told: u64,
}

fn number(number: u64) -> String {
    format!("{number:020}")
}

fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("texts and numbers can be written")
}

impl Books {
    pub(super) fn new(store: Store) -> Books {
        Books { store, told: 0 }
    }

    fn row<T: DeserializeOwned>(&self, table: &str, key: &str) -> Option<T> {
        // What doesn't read as a row of ours was written by nobody: the store has checksums.
        self.store.get(table, key).and_then(|row| serde_json::from_slice(row).ok())
    }

    fn next(&self, table: &str) -> u64 {
        self.store.iter(table).next_back().and_then(|(key, _)| key.parse::<u64>().ok()).map_or(1, |last| last + 1)
    }

    /// Takes a delivery: from now on it will be worked on, once.
    pub(super) fn take(&mut self, told: &Told) -> io::Result<Taken> {
        if self.store.get("seen", &told.key).is_some() {
            return Ok(Taken::Repeated);
        }
        let batch = Batch::new().put("seen", told.key.as_str(), b"");
        self.store.commit(batch.put("inbox", number(self.next("inbox")), json(told)))?;
        Ok(Taken::New)
    }

    /// Works on the delivery that has waited longest: its effects; none if nothing waits.
    pub(super) fn work(&mut self, settings: &CrmSettings) -> io::Result<Option<(Vec<Effect>, Receipt)>> {
        let Some((place, row)) = self.store.iter("inbox").next() else { return Ok(None) };
        let (place, told) = (place.to_owned(), serde_json::from_slice::<Told>(row));
        let done = Batch::new().remove("inbox", place);
        let Ok(told) = told else { return self.commit(done, Vec::new()).map(Some) };
        let mut effects = Vec::new();
        let done = self.act(&told, settings, done, &mut effects);
        self.commit(done, effects).map(Some)
    }

    /// Acts on a delivery at once, and as often as it comes.
    pub(super) fn act_naively(&mut self, told: &Told, settings: &CrmSettings) -> io::Result<(Vec<Effect>, Receipt)> {
        let mut effects = Vec::new();
        let done = self.act(told, settings, Batch::new(), &mut effects);
        self.commit(done, effects)
    }

    fn commit(&mut self, batch: Batch, effects: Vec<Effect>) -> io::Result<(Vec<Effect>, Receipt)> {
        if batch.is_empty() {
            return Ok((effects, self.store.receipt()));
        }
        let receipt = self.store.commit(batch.put("meta", "told", self.told.to_string()))?;
        Ok((effects, receipt))
    }

    /// Adds what's to be done.
    fn act(&self, told: &Told, settings: &CrmSettings, mut batch: Batch, effects: &mut Vec<Effect>) -> Batch {
        let Some(lead) = &told.lead_id else { return batch };
        let mut next = self.next("effects");
        let mut effect = |what: &str, key: &str, value: &str| {
            let effect =
                Effect { number: next, what: what.into(), key: key.into(), lead_id: lead.clone(), value: value.into() };
            next += 1;
            effects.push(effect);
            next - 1
        };
        let kind = told.kind();
        let status = told.status.clone().or((kind == Some(EventKind::SaleClosed)).then(|| "SALE".to_owned()));
        let disposed = matches!(kind, Some(EventKind::DispositionSaved | EventKind::SaleClosed));
        let is_sale = disposed && status.as_ref().is_some_and(|status| settings.sale_statuses.contains(status));
        if is_sale {
            let call = told.call_id.as_ref().unwrap_or(&told.key);
            let (place, unknown) = (format!("{lead}/{call}"), format!("{lead}/{UNKNOWN_CALL}"));
            if !settings.dedupes {
                let sale = effect("sale", call, "");
                batch = batch.put("sales", format!("{lead}/{call}/{sale}"), json(&Sale { effect: sale }));
            } else if let Some(seen) = self.store.get("sales", &unknown) {
                // It's the sale that the lead's status told of.
                batch = batch.remove("sales", unknown).put("sales", place, seen);
            } else if self.store.get("sales", &place).is_none() {
                let sale = effect("sale", call, "");
                batch = batch.put("sales", place, json(&Sale { effect: sale }));
            }
        }
        let tells_status = disposed || matches!(kind, Some(EventKind::CallbackScheduled | EventKind::LeadAdded));
        let known: Option<Record> = self.row("records", lead);
        let newer = !settings.keeps_order || known.as_ref().is_none_or(|known| known.is_older_than(told));
        if let Some(status) = status.filter(|_| tells_status && newer) {
            effect("status", &told.key, &status);
            let sequence = known.map_or(0, |known| known.sequence).max(told.sequence);
            let record = Record { status, sequence, occurred_at: told.occurred_at, asked: false };
            batch = batch.put("records", lead, json(&record));
        }
        self.with_effects(batch, effects)
    }

    fn with_effects(&self, batch: Batch, effects: &[Effect]) -> Batch {
        effects.iter().fold(batch, |batch, effect| batch.put("effects", number(effect.number), json(effect)))
    }

    /// The lead's status was asked for: makes the record agree with it, and counts a sale that no webhook told of.
    pub(super) fn reconcile(
        &mut self,
        lead: &str,
        status: &str,
        asked_at: u64,
        settings: &CrmSettings,
    ) -> io::Result<(Vec<Effect>, Receipt)> {
        let known: Option<Record> = self.row("records", lead);
        let mut effects = Vec::new();
        let mut next = self.next("effects");
        let mut effect = |what: &str, key: String, value: &str| {
            effects.push(Effect { number: next, what: what.into(), key, lead_id: lead.into(), value: value.into() });
            next += 1;
            next - 1
        };
        let mut batch = Batch::new();
        if known.as_ref().is_none_or(|known| known.status != status) {
            effect("status", format!("{lead}@{asked_at}"), status);
            let sequence = known.map_or(0, |known| known.sequence);
            let record = Record { status: status.to_owned(), sequence, occurred_at: Some(asked_at), asked: true };
            batch = batch.put("records", lead, json(&record));
        }
        let is_sale = settings.sale_statuses.contains(status);
        if is_sale && settings.dedupes && self.sales(lead) == 0 && !self.waits_with_sale(lead, settings) {
            let sale = effect("sale", format!("{lead}/{UNKNOWN_CALL}"), "");
            batch = batch.put("sales", format!("{lead}/{UNKNOWN_CALL}"), json(&Sale { effect: sale }));
        }
        let batch = self.with_effects(batch, &effects);
        self.commit(batch, effects)
    }

    fn waits_with_sale(&self, lead: &str, settings: &CrmSettings) -> bool {
        let waiting = self.store.iter("inbox").filter_map(|(_, row)| serde_json::from_slice::<Told>(row).ok());
        waiting.filter(|told| told.lead_id.as_deref() == Some(lead)).any(|told| {
            told.kind() == Some(EventKind::SaleClosed)
                || told.status.is_some_and(|status| settings.sale_statuses.contains(&status))
        })
    }

    /// The effects behind the last one that was surely told of.
    pub(super) fn untold(&self) -> Vec<Effect> {
        let told = self.store.get("meta", "told").and_then(|row| std::str::from_utf8(row).ok()?.parse::<u64>().ok());
        self.effects().into_iter().filter(|effect| effect.number > told.unwrap_or(0)).collect()
    }

    /// Every effect up to this one was told of.
    pub(super) fn told_up_to(&mut self, number: u64) {
        self.told = self.told.max(number);
    }

    pub(super) fn receipt(&self) -> Receipt {
        self.store.receipt()
    }

    pub(super) fn effects(&self) -> Vec<Effect> {
        let rows = self.store.iter("effects");
        let read = |(key, row): (&str, &[u8])| {
            let effect: Effect = serde_json::from_slice(row).ok()?;
            Some(Effect { number: key.parse().ok()?, ..effect })
        };
        rows.filter_map(read).collect()
    }

    pub(super) fn sales(&self, lead: &str) -> usize {
        self.store.starting("sales", &format!("{lead}/")).count()
    }

    pub(super) fn all_sales(&self) -> usize {
        self.store.count("sales")
    }

    pub(super) fn status(&self, lead: &str) -> Option<String> {
        self.row("records", lead).map(|record: Record| record.status)
    }

    pub(super) fn waiting(&self) -> usize {
        self.store.count("inbox")
    }
}
