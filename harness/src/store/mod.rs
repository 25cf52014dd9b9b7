//! Durable tables on a host's disk: what [`Store::commit`] has returned for is there after a crash.
//!
//! A store is one file, a journal of transactions, and its tables in memory. A transaction is one record at the
//! journal's end, with a checksum, followed by a sync; on opening, the records are played back.
//!
//! - A crash in the middle of a commit leaves a torn record at the end: it's dropped, as the commit never returned. (It
//!   may also leave a whole one: then the transaction is there although nobody was told. Whoever must know looks.)
//! - Anything wrong before the end is no crash's work: such a file is refused, by a [`StoreError`] that says where.
//! - A journal that has grown much longer than what its tables hold is written anew: a fresh file is written, synced,
//!   and then renamed over the old one, so that a crash finds the one or the other.
//!
//! A lookup and a committed row cost O(log n). Writing the journal anew costs O(n), once in so many commits that it's
//! O(1) a row on the average.
//!
//! - `journal`: records as bytes. `tables`: the rows in memory.

mod journal;
mod tables;

use std::io;
use std::ops::Bound;

use crate::world::Disk;

use self::journal::{HEADER, Reading};
use self::tables::Tables;

/// A journal is written anew once it's longer than this many times what its tables hold ...
const SLACK: u64 = 4;
/// ... and longer than this.
const LEAST: u64 = 64 * 1024;

/// Tables on a disk. One program at a time has a store open.
///
/// ```
/// use busyhour::store::{Batch, Store};
///
/// # #[cfg(tokio_unstable)] {
/// let left = busyhour::simulate(1, |u| async move {
///     let crm = u.host("crm");
///     let mut store = Store::open(crm.disk(), "crm").unwrap();
///     store.commit(Batch::new().put("leads", "1001", b"NEW").put("leads", "1002", b"NEW")).unwrap();
///     store.commit(Batch::new().put("leads", "1001", b"SALE").remove("leads", "1002")).unwrap();
///
///     crm.crash();
///     crm.restart();
///     let store = Store::open(crm.disk(), "crm").unwrap();
///     store.iter("leads").map(|(lead, status)| (lead.to_owned(), status.to_vec())).collect::<Vec<_>>()
/// });
/// assert_eq!(left, [("1001".to_owned(), b"SALE".to_vec())]);
/// # }
/// ```
#[derive(Debug)]
pub struct Store {
    disk: Disk,
    path: String,
    /// How long the journal is, all of it synced.
    length: u64,
    /// How many transactions its file has seen, the one that began it included.
    sequence: u64,
    tables: Tables,
    /// The disk is in a state that isn't known: nothing more is committed.
    lost_track: bool,
}

/// How far the synced journal reaches: what a claim of an effect quotes, so that the disk can confirm it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The journal's path on its host's disk.
    pub path: String,
    /// Its length when it was synced.
    pub length: u64,
}

/// Why a store couldn't be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("the store {path} can't be opened: {source}")]
    Disk {
        /// The journal.
        path: String,
        /// What the disk said.
        source: io::Error,
    },
    /// The file is no journal of a store.
    #[error("{path} is no store: it doesn't begin as one")]
    NoStore {
        /// The file.
        path: String,
    },
    /// The journal is damaged before its end, which no crash does.
    #[error("the store {path} is damaged at byte {offset} of {length}: {what}")]
    Damaged {
        /// The journal.
        path: String,
        /// Where.
        offset: u64,
        /// How long the file is.
        length: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

/// Changes that are made together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<Change>,
}

/// One row's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// What it holds from now on; nothing removes it.
    pub value: Option<Vec<u8>>,
}

impl Batch {
    /// No changes yet.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// The same changes, and a row that holds `value` from now on.
    #[must_use]
    pub fn put(mut self, table: &str, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Batch {
        self.push(Change { table: table.to_owned(), key: key.into(), value: Some(value.into()) });
        self
    }

    /// The same changes, and a row that's gone. One that isn't there may be removed.
    #[must_use]
    pub fn remove(mut self, table: &str, key: impl Into<String>) -> Batch {
        self.push(Change { table: table.to_owned(), key: key.into(), value: None });
        self
    }

    /// Adds a change.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Adds all changes of another, behind.
    pub fn append(&mut self, mut other: Batch) {
        self.changes.append(&mut other.changes);
    }

    /// Its changes, in their order: of several to one row the last counts.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Extend<Change> for Batch {
    fn extend<T: IntoIterator<Item = Change>>(&mut self, changes: T) {
        self.changes.extend(changes);
    }
}

impl FromIterator<Change> for Batch {
    fn from_iter<T: IntoIterator<Item = Change>>(changes: T) -> Batch {
        Batch { changes: changes.into_iter().collect() }
    }
}

impl Store {
    /// Opens the store called `name`, or begins it. Everything it then holds is synced.
    ///
    /// # Errors
    /// The disk refuses, or what's there is no store, or a damaged one.
    pub fn open(disk: Disk, name: &str) -> Result<Store, StoreError> {
        let path = format!("{name}.store");
        let refused = |source| StoreError::Disk { path: path.clone(), source };
        let fresh = fresh(&path);
        if disk.exists(&fresh) {
            // Left by a crash while the journal was written anew: the old one still counts.
            disk.remove(&fresh).map_err(refused)?;
        }
        let bytes = if disk.exists(&path) { disk.read(&path).map_err(refused)? } else { Vec::new() };
        let mut store =
            Store { disk, path: path.clone(), length: 0, sequence: 0, tables: Tables::default(), lost_track: false };
        if HEADER.starts_with(&bytes) {
            // Nothing yet, or a crash at its very beginning.
            store.disk.write(&path, HEADER).map_err(refused)?;
            store.length = HEADER.len() as u64;
        } else {
            store.play(&bytes)?;
            if store.length < bytes.len() as u64 {
                store.disk.set_len(&path, store.length).map_err(refused)?;
            }
        }
        // A whole record whose sync a crash forestalled counts from now on.
        store.disk.sync(&path).map_err(refused)?;
        Ok(store)
    }

    fn play(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(records) = bytes.strip_prefix(HEADER) else {
            return Err(StoreError::NoStore { path: self.path.clone() });
        };
        let length = bytes.len() as u64;
        let damaged = |offset, what| StoreError::Damaged { path: self.path.clone(), offset, length, what };
        let mut rest = records;
        loop {
            let offset = length - rest.len() as u64;
            match journal::read(rest, self.sequence) {
                Reading::Record { changes, size } => {
                    for change in changes {
                        self.tables.apply(change);
                    }
                    self.sequence += 1;
                    rest = &rest[size..];
                }
                Reading::End | Reading::Torn => {
                    self.length = offset;
                    return Ok(());
                }
                Reading::Damaged(what) => return Err(damaged(offset, what)),
            }
        }
    }

    /// What a row holds.
    pub fn get(&self, table: &str, key: &str) -> Option<&[u8]> {
        self.tables.get(table, key)
    }

    /// All rows of a table, in the order of their keys.
    pub fn iter(&self, table: &str) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        self.range(table, (Bound::Unbounded, Bound::Unbounded))
    }

    /// The rows of a table whose keys are within bounds, in the order of their keys.
    pub fn range<'s>(
        &'s self,
        table: &str,
        keys: (Bound<&str>, Bound<&str>),
    ) -> impl DoubleEndedIterator<Item = (&'s str, &'s [u8])> {
        self.tables.range(table, keys)
    }

    /// The rows of a table whose keys begin so, in the order of their keys.
    pub fn starting<'s>(&'s self, table: &str, prefix: &str) -> impl Iterator<Item = (&'s str, &'s [u8])> {
        let prefix = prefix.to_owned();
        self.tables
            .range(table, (Bound::Included(prefix.as_str()), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> usize {
        self.tables.count(table)
    }

    /// Makes all changes of `batch`, and returns once no crash can undo them. An error means that none was made.
    ///
    /// # Errors
    /// The disk is full or broken, or the host has crashed.
    pub fn commit(&mut self, batch: Batch) -> io::Result<Receipt> {
        if self.lost_track {
            return Err(io::Error::other(format!("{} couldn't be mended after an error: open it anew", self.path)));
        }
        if batch.is_empty() {
            return Ok(self.receipt());
        }
        let record = journal::write(self.sequence, &batch.changes);
        self.disk.append(&self.path, &record)?;
        if let Err(error) = self.disk.sync(&self.path) {
            // The record mustn't be found there later: its transaction has failed.
            let mended = self.disk.set_len(&self.path, self.length).and_then(|()| self.disk.sync(&self.path));
            self.lost_track = mended.is_err();
            return Err(error);
        }
        self.length += record.len() as u64;
        self.sequence += 1;
        let receipt = self.receipt();
        for change in batch.changes {
            self.tables.apply(change);
        }
        if self.length > LEAST && self.length > SLACK * self.tables.size() {
            // A full disk refuses the fresh file: the old one goes on.
            let _ = self.write_anew();
        }
        Ok(receipt)
    }

    /// How far the synced journal reaches now.
    pub fn receipt(&self) -> Receipt {
        Receipt { path: self.path.clone(), length: self.length }
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let fresh = fresh(&self.path);
        let rows: Vec<Change> = self.tables.rows().collect();
        let bytes = [HEADER, &journal::write(0, &rows)].concat();
        let length = bytes.len() as u64;
        let written = self.disk.write(&fresh, bytes).and_then(|()| self.disk.sync(&fresh));
        let renamed = written.and_then(|()| self.disk.rename(&fresh, &self.path));
        if let Err(error) = renamed {
            let _ = self.disk.remove(&fresh);
            return Err(error);
        }
        // A crash may undo the renaming, until the next sync: the old journal is as good as the fresh one.
        self.length = length;
        self.sequence = 1;
        Ok(())
    }
}

fn fresh(path: &str) -> String {
    format!("{path}.new")
}
