//! The rows in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Change, journal};

#[derive(Debug, Default)]
pub(super) struct Tables {
    tables: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// How long a journal would be that holds these rows and nothing else.
    size: u64,
}

impl Tables {
    pub(super) fn apply(&mut self, change: Change) {
        let Change { table, key, value } = change;
        let (of_table, of_key) = (table.len(), key.len());
        let size = |value: &Vec<u8>| journal::size_of_row(of_table, of_key, value.len());
        match value {
            Some(value) => {
                self.size += size(&value);
                let before = self.tables.entry(table).or_default().insert(key, value);
                self.size -= before.as_ref().map_or(0, size);
            }
            None => {
                let Some(rows) = self.tables.get_mut(&table) else { return };
                self.size -= rows.remove(&key).as_ref().map_or(0, size);
                if rows.is_empty() {
                    self.tables.remove(&table);
                }
            }
        }
    }

    pub(super) fn get(&self, table: &str, key: &str) -> Option<&[u8]> {
        self.tables.get(table)?.get(key).map(Vec::as_slice)
    }

    pub(super) fn range<'s>(
        &'s self,
        table: &str,
        keys: (Bound<&str>, Bound<&str>),
    ) -> impl DoubleEndedIterator<Item = (&'s str, &'s [u8])> + use<'s> {
        // A range that's the wrong way round holds nothing; BTreeMap would panic.
        let empty = match keys {
            (Bound::Excluded(from), Bound::Excluded(to)) => from >= to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from > to,
            _ => false,
        };
        let rows = self.tables.get(table).filter(|_| !empty).map(|rows| rows.range::<str, _>(keys));
        rows.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    pub(super) fn count(&self, table: &str) -> usize {
        self.tables.get(table).map_or(0, BTreeMap::len)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Every row, as a change that makes it.
    pub(super) fn rows(&self) -> impl Iterator<Item = Change> {
        self.tables.iter().flat_map(|(table, rows)| {
            rows.iter().map(move |(key, value)| Change {
                table: table.clone(),
                key: key.clone(),
                value: Some(value.clone()),
            })
        })
    }
}
