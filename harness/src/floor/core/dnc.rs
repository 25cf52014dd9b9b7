//! Numbers that aren't called.

use super::table::{Change, RestoreError, Table};

/// Numbers that nobody calls, and those that a campaign doesn't.
#[derive(Debug)]
pub(super) struct Dnc {
    table: Table<String, u64>,
}

fn key(phone: &str, campaign: Option<&str>) -> String {
    format!("{phone}/{}", campaign.unwrap_or_default())
}

impl Dnc {
    pub(super) fn new() -> Dnc {
        Dnc { table: Table::new("dnc") }
    }

    /// From now on nobody, or this campaign not, calls a number.
    pub(super) fn add(&mut self, phone: &str, campaign: Option<&str>, wall: u64) {
        let key = key(phone, campaign);
        if !self.table.contains(&key) {
            self.table.insert(key, wall);
        }
    }

    /// Whether nobody may call a number.
    pub(super) fn everywhere(&self, phone: &str) -> bool {
        self.table.contains(&key(phone, None))
    }

    /// Whether a campaign may not, though others may.
    pub(super) fn in_campaign(&self, phone: &str, campaign: &str) -> bool {
        self.table.contains(&key(phone, Some(campaign)))
    }

    /// The status that a lead gets whose number may not be called by a campaign.
    pub(super) fn status(&self, phone: &str, campaign: &str) -> Option<&'static str> {
        if self.everywhere(phone) {
            Some("DNCL")
        } else if self.in_campaign(phone, campaign) {
            Some("DNCC")
        } else {
            None
        }
    }

    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.table.take_changes(into);
    }

    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        self.table.load(key, value)
    }
}
