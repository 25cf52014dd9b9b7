//! A book whose rows are durable: what was changed is remembered until it's fetched for the disk.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A row that's another now, or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: &'static str,
    /// The row's key: keys sort as their rows do.
    pub key: String,
    /// The row in JSON; none: it's gone.
    pub value: Option<Vec<u8>>,
}

/// What a table can be sorted by.
pub(super) trait Key: Ord + Clone {
    /// As the store's key.
    fn to_text(&self) -> String;
    /// From the store's key.
    fn of_text(text: &str) -> Option<Self>;
}

impl Key for u64 {
    fn to_text(&self) -> String {
        format!("{self:020}")
    }

    fn of_text(text: &str) -> Option<u64> {
        text.parse().ok()
    }
}

impl Key for String {
    fn to_text(&self) -> String {
        self.clone()
    }

    fn of_text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}

/// A durable book.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    name: &'static str,
    rows: BTreeMap<K, V>,
    changed: BTreeSet<K>,
}

impl<K: Key, V: Serialize + DeserializeOwned> Table<K, V> {
    /// An empty one.
    pub(super) fn new(name: &'static str) -> Table<K, V> {
        Table { name, rows: BTreeMap::new(), changed: BTreeSet::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The row, to be changed: it will be written.
    pub(super) fn edit(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        if !self.changed.contains(key) {
            self.changed.insert(key.clone());
        }
        Some(row)
    }

    /// The row, to be changed in what isn't worth the disk.
    pub(super) fn touch(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, row: V) -> Option<V> {
        self.changed.insert(key.clone());
        self.rows.insert(key, row)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        self.changed.insert(key.clone());
        Some(row)
    }

    /// Appends what has changed since the last time.
    pub(super) fn take_changes(&mut self, into: &mut Vec<Change>) {
        for key in std::mem::take(&mut self.changed) {
            let value = self.rows.get(&key).map(|row| {
                // Rows are plain data with text for keys: there's nothing in them that JSON couldn't hold.
                serde_json::to_vec(row).expect("a row is plain data")
            });
            into.push(Change { table: self.name, key: key.to_text(), value });
        }
    }

    /// Takes a row from the disk.
    pub(super) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), RestoreError> {
        let unreadable = |why: String| RestoreError { table: self.name.to_owned(), key: key.to_owned(), why };
        let at = K::of_text(key).ok_or_else(|| unreadable("its key is no key of that table".to_owned()))?;
        let row = serde_json::from_slice(value).map_err(|error| unreadable(error.to_string()))?;
        self.rows.insert(at, row);
        Ok(())
    }
}

/// The floor's books can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the row {key} of the floor's table {table} can't be read: {why}")]
pub struct RestoreError {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// What's wrong.
    pub why: String,
}
