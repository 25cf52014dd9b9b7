//! Leads: who is called, and how that went so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::calls::CallId;
use super::table::{Change, Key, RestoreError, Table};

/// A lead's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeadId(pub u64);

impl fmt::Display for LeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Key for LeadId {
    fn to_text(&self) -> String {
        self.0.to_text()
    }

    fn of_text(text: &str) -> Option<LeadId> {
        u64::of_text(text).map(LeadId)
    }
}

/// A lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Its number.
    pub id: LeadId,
    /// The list that it's in.
    pub list: u64,
    /// NEW, SALE, ...
    pub status: String,
    /// The agent who had it last; VDAD: the dialer.
    pub user: String,
    /// The telephone number.
    pub phone_number: String,
    /// The country's code.
    pub phone_code: String,
    /// The number by which the customer's own system knows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub vendor_lead_code: String,
    /// Whatever else is known: first_name, last_name, comments, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// How often it was called.
    #[serde(default)]
    pub called: u32,
    /// How often since its list was reset: 0 is dialable, beyond that only recycling dials it.
    #[serde(default)]
    pub cycle: u32,
    /// When it was last called, in unix milliseconds; 0 never.
    #[serde(default)]
    pub last_call: u64,
    /// When it was added, in unix milliseconds.
    pub added: u64,
    /// When it was last changed, in unix milliseconds.
    pub modified: u64,
    /// How many events of it were told.
    #[serde(default)]
    pub sequence: u64,
}

impl Lead {
    /// A new one.
    pub fn new(id: LeadId, list: u64, phone_number: &str, wall: u64) -> Lead {
        Lead {
            id,
            list,
            status: "NEW".to_owned(),
            user: String::new(),
            phone_number: phone_number.to_owned(),
            phone_code: "1".to_owned(),
            vendor_lead_code: String::new(),
            fields: BTreeMap::new(),
            called: 0,
            cycle: 0,
            last_call: 0,
            added: wall,
            modified: wall,
            sequence: 0,
        }
    }

    /// A field by VICIdial's name for it; empty when nothing is known.
    pub fn field(&self, name: &str) -> String {
        match name {
            "lead_id" => self.id.to_string(),
            "list_id" => self.list.to_string(),
            "status" => self.status.clone(),
            "user" => self.user.clone(),
            "phone_number" => self.phone_number.clone(),
            "phone_code" => self.phone_code.clone(),
            "vendor_lead_code" => self.vendor_lead_code.clone(),
            "called_count" => self.called.to_string(),
            _ => self.fields.get(name).cloned().unwrap_or_default(),
        }
    }

    /// Sets a field that people may change by VICIdial's name for it.
    pub fn set_field(&mut self, name: &str, value: &str) {
        match name {
            "status" => self.status = value.to_owned(),
            "user" => self.user = value.to_owned(),
            "phone_number" => self.phone_number = value.to_owned(),
            "phone_code" => self.phone_code = value.to_owned(),
            "vendor_lead_code" => self.vendor_lead_code = value.to_owned(),
            _ if value.is_empty() => drop(self.fields.remove(name)),
            _ => drop(self.fields.insert(name.to_owned(), value.to_owned())),
        }
    }
}

/// The leads that nobody has taken, by list, status and how often they were called since the list was reset; each such
/// set in the order in which it's dialed: by the last call, then by number.
type Dialable = BTreeMap<(u64, String, u32), BTreeSet<(u64, LeadId)>>;

/// Every lead, found by number, telephone number, vendor's code and list, and ready to be dialed by list and status.
#[derive(Debug)]
pub(super) struct Leads {
    table: Table<LeadId, Lead>,
    by_phone: FxHashMap<String, Vec<LeadId>>,
    by_vendor: FxHashMap<String, Vec<LeadId>>,
    by_list: BTreeMap<u64, BTreeSet<LeadId>>,
    dialable: Dialable,
    /// In the hopper or in a call: nobody else may take them.
    taken: FxHashMap<LeadId, Taken>,
    /// QUEUE or INCALL, by the agent who has them.
    held: BTreeMap<String, BTreeSet<LeadId>>,
    next: u64,
}

/// Why a lead can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Taken {
    /// It waits in the hopper.
    Hopper,
    /// It's in that call.
    Call(CallId),
}

impl Leads {
    pub(super) fn new() -> Leads {
        Leads {
            table: Table::new("lead"),
            by_phone: FxHashMap::default(),
            by_vendor: FxHashMap::default(),
            by_list: BTreeMap::new(),
            dialable: BTreeMap::new(),
            taken: FxHashMap::default(),
            held: BTreeMap::new(),
            next: 1,
        }
    }

    pub(super) fn get(&self, id: LeadId) -> Option<&Lead> {
        self.table.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Lead> {
        self.table.iter().map(|(_, lead)| lead)
    }

    /// A number that no lead has.
    pub(super) fn number(&mut self) -> LeadId {
        while self.table.contains(&LeadId(self.next)) {
            self.next += 1;
        }
        LeadId(self.next)
    }

    /// Those with a telephone number, oldest first.
    pub(super) fn with_phone(&self, phone: &str) -> &[LeadId] {
        self.by_phone.get(phone).map_or(&[], Vec::as_slice)
    }

    /// Those with a vendor's code, oldest first.
    pub(super) fn with_vendor_code(&self, code: &str) -> &[LeadId] {
        self.by_vendor.get(code).map_or(&[], Vec::as_slice)
    }

    /// Those of a list.
    pub(super) fn of_list(&self, list: u64) -> impl Iterator<Item = LeadId> {
        self.by_list.get(&list).into_iter().flatten().copied()
    }

    /// Adds a lead, whose number is new.
    pub(super) fn add(&mut self, lead: Lead) {
        assert!(!self.table.contains(&lead.id), "a lead's number is given once");
        self.index(&lead);
        self.table.insert(lead.id, lead);
    }

    /// Changes a lead, with all indexes.
    pub(super) fn edit(&mut self, id: LeadId, wall: u64, change: impl FnOnce(&mut Lead)) -> bool {
        let Some(lead) = self.table.edit(&id) else { return false };
        let before = Where::of(lead);
        change(lead);
        assert_eq!(lead.id, id, "a lead keeps its number");
        lead.modified = wall;
        let after = Where::of(lead);
        if before != after {
            let free = !self.taken.contains_key(&id);
            if free {
                remove_from(&mut self.dialable, &before.key, (before.order, id));
            }
            if before.phone != after.phone {
                forget(&mut self.by_phone, &before.phone, id);
                self.by_phone.entry(after.phone.clone()).or_default().push(id);
            }
            if before.vendor != after.vendor {
                forget(&mut self.by_vendor, &before.vendor, id);
                if !after.vendor.is_empty() {
                    self.by_vendor.entry(after.vendor.clone()).or_default().push(id);
                }
            }
            if before.key.0 != after.key.0 {
                remove_from(&mut self.by_list, &before.key.0, id);
                self.by_list.entry(after.key.0).or_default().insert(id);
            }
            if before.held != after.held {
                if let Some(user) = &before.held {
                    remove_from(&mut self.held, user, id);
                }
                if let Some(user) = &after.held {
                    self.held.entry(user.clone()).or_default().insert(id);
                }
            }
            if free {
                self.dialable.entry(after.key).or_default().insert((after.order, id));
            }
        }
        true
    }

    /// Counts an event of a lead.
    pub(super) fn count_event(&mut self, id: LeadId) -> u64 {
        self.table.edit(&id).map_or(0, |lead| {
            lead.sequence += 1;
            lead.sequence
        })
    }

    pub(super) fn remove(&mut self, id: LeadId) -> Option<Lead> {
        assert!(!self.taken.contains_key(&id), "a lead that's in the hopper or a call isn't removed");
        let lead = self.table.remove(&id)?;
        let stood = Where::of(&lead);
        remove_from(&mut self.dialable, &stood.key, (stood.order, id));
        forget(&mut self.by_phone, &stood.phone, id);
        forget(&mut self.by_vendor, &stood.vendor, id);
        remove_from(&mut self.by_list, &stood.key.0, id);
        if let Some(user) = &stood.held {
            remove_from(&mut self.held, user, id);
        }
        Some(lead)
    }

    /// Why nobody may take a lead now.
    pub(super) fn taken(&self, id: LeadId) -> Option<&Taken> {
        self.taken.get(&id)
    }

    /// Takes a lead for the hopper or a call. From the hopper it goes on into a call; a call gives way to none.
    pub(super) fn take(&mut self, id: LeadId, by: Taken) {
        let before = self.taken.insert(id, by);
        assert!(!matches!(before, Some(Taken::Call(_))), "lead {id} was in {before:?} when something else took it");
        if before.is_none()
            && let Some(lead) = self.table.get(&id)
        {
            let stands = Where::of(lead);
            remove_from(&mut self.dialable, &stands.key, (stands.order, id));
        }
    }

    /// Lets a lead go.
    pub(super) fn release(&mut self, id: LeadId) {
        if self.taken.remove(&id).is_some()
            && let Some(lead) = self.table.get(&id)
        {
            let stands = Where::of(lead);
            self.dialable.entry(stands.key).or_default().insert((stands.order, id));
        }
    }

    /// The leads that an agent has, as the books say: QUEUE or INCALL.
    pub(super) fn held_by(&self, user: &str) -> Vec<LeadId> {
        self.held.get(user).into_iter().flatten().copied().collect()
    }

    /// The leads of a list and status that haven't been called since it was reset, in their order.
    pub(super) fn fresh(&self, list: u64, status: &str) -> impl Iterator<Item = LeadId> {
        self.dialable.get(&(list, status.to_owned(), 0)).into_iter().flatten().map(|(_, id)| *id)
    }

    /// The leads of a list and status that have been called so often since it was reset, and not after that time.
    pub(super) fn called_by(&self, list: u64, status: &str, cycle: u32, wall: u64) -> impl Iterator<Item = LeadId> {
        let leads = self.dialable.get(&(list, status.to_owned(), cycle));
        leads.into_iter().flat_map(move |leads| leads.range(..=(wall, LeadId(u64::MAX)))).map(|(_, id)| *id)
    }

    fn index(&mut self, lead: &Lead) {
        let stands = Where::of(lead);
        self.by_phone.entry(stands.phone.clone()).or_default().push(lead.id);
        if !stands.vendor.is_empty() {
            self.by_vendor.entry(stands.vendor.clone()).or_default().push(lead.id);
        }
        self.by_list.entry(lead.list).or_default().insert(lead.id);
        if let Some(user) = &stands.held {
            self.held.entry(user.clone()).or_default().insert(lead.id);
        }
        self.dialable.entry(stands.key).or_default().insert((stands.order, lead.id));
        self.next = self.next.max(lead.id.0 + 1);
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)?;
        if let Some(lead) = LeadId::of_text(key).and_then(|id| self.table.get(&id)).cloned() {
            self.index(&lead);
        }
        Ok(())
    }
}

/// What a lead is found by.
#[derive(PartialEq)]
struct Where {
    key: (u64, String, u32),
    phone: String,
    vendor: String,
    held: Option<String>,
    order: u64,
}

impl Where {
    fn of(lead: &Lead) -> Where {
        Where {
            key: (lead.list, lead.status.clone(), lead.cycle),
            phone: lead.phone_number.clone(),
            vendor: lead.vendor_lead_code.clone(),
            held: (matches!(&*lead.status, "QUEUE" | "INCALL") && !lead.user.is_empty()).then(|| lead.user.clone()),
            order: if lead.cycle == 0 { 0 } else { lead.last_call },
        }
    }
}

fn remove_from<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: V) {
    if let Some(set) = index.get_mut(key) {
        set.remove(&value);
        if set.is_empty() {
            index.remove(key);
        }
    }
}

fn forget(index: &mut FxHashMap<String, Vec<LeadId>>, key: &str, id: LeadId) {
    if let Some(ids) = index.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
