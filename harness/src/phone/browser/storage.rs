//! What sites store: kept on the host's disk, a file a site.
//!
//! A file is a log of changes, so that a power cut in the middle of one takes that one, and none before it. It's in the
//! system's hands at once (a killed browser loses nothing) and synced 5 s later, as Chrome commits it [modelled].

use std::collections::BTreeMap;
use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::error::{Exception, WebError};
use crate::world::Disk;

/// What a site may store, in bytes.
const QUOTA: usize = 5 << 20;
/// The length of a removed value.
const REMOVED: u32 = u32::MAX;
/// A log is written anew when it's longer than this, and four times what it holds.
const LONG: usize = 64 << 10;
const SUM: usize = 8;

/// A site's store.
pub(super) struct Store {
    path: String,
    entries: BTreeMap<String, String>,
    /// What the entries have in bytes.
    size: usize,
    /// What the log has.
    logged: usize,
    pub(super) sync_is_due: bool,
}

impl Store {
    /// Reads what is on the disk: nothing, for a site that never stored anything.
    pub(super) fn load(disk: &Disk, folder: &str, origin: &str) -> Store {
        let path = format!("browser/{folder}/{}", file_name(origin));
        let log = disk.read(&path).unwrap_or_default();
        let mut store = Store { path, entries: BTreeMap::new(), size: 0, logged: 0, sync_is_due: false };
        let mut rest = log.as_slice();
        while let Some((key, value, after)) = read_record(rest) {
            store.put(key, value);
            rest = after;
        }
        store.logged = log.len() - rest.len();
        if !rest.is_empty() {
            // A torn end: what follows it would never be read.
            let _ = disk.set_len(&store.path, store.logged as u64);
        }
        store
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// Sets or removes a value; false if that changes nothing.
    pub(super) fn set(&mut self, disk: &Disk, key: &str, value: Option<&str>) -> Result<bool, WebError> {
        if self.get(key) == value {
            return Ok(false);
        }
        let before = self.get(key).map_or(0, |before| key.len() + before.len());
        let after = value.map_or(0, |value| key.len() + value.len());
        if self.size - before + after > QUOTA {
            return Err(Exception::QuotaExceeded.because(format!("a site may store {QUOTA} bytes")));
        }
        let full = |error: io::Error| Exception::QuotaExceeded.because(error.to_string());
        let mut record = Vec::new();
        write_record(&mut record, key, value);
        disk.append(&self.path, &record).map_err(full)?;
        self.logged += record.len();
        self.put(key.to_owned(), value.map(str::to_owned));
        if self.logged > LONG.max(4 * self.size) {
            // The log as it is will do, if the disk has no room for another.
            let _ = self.compact(disk);
        }
        Ok(true)
    }

    fn put(&mut self, key: String, value: Option<String>) {
        let length = key.len();
        let after = value.as_ref().map_or(0, |value| length + value.len());
        let before = match value {
            Some(value) => self.entries.insert(key, value),
            None => self.entries.remove(&key),
        };
        self.size = self.size + after - before.map_or(0, |before| length + before.len());
    }

    fn compact(&mut self, disk: &Disk) -> io::Result<()> {
        let mut log = Vec::new();
        for (key, value) in &self.entries {
            write_record(&mut log, key, Some(value));
        }
        let fresh = format!("{}.new", self.path);
        disk.write(&fresh, &log)?;
        disk.sync(&fresh)?;
        disk.rename(&fresh, &self.path)?;
        self.logged = log.len();
        Ok(())
    }
}

/// A file's name for an origin: no two have the same.
fn file_name(origin: &str) -> String {
    let mut name = String::new();
    for byte in origin.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => name.push(char::from(byte)),
            _ => name.push_str(&format!("_{byte:02x}")),
        }
    }
    name
}

fn write_record(out: &mut Vec<u8>, key: &str, value: Option<&str>) {
    let start = out.len();
    let length = |text: &str| u32::try_from(text.len()).expect("the quota is smaller");
    out.extend(length(key).to_le_bytes());
    out.extend(value.map_or(REMOVED, length).to_le_bytes());
    out.extend(key.as_bytes());
    out.extend(value.unwrap_or_default().as_bytes());
    let sum = xxh3_64(&out[start..]);
    out.extend(sum.to_le_bytes());
}

/// The first record of a log, and what follows it; none if it's torn, or there's no more.
fn read_record(log: &[u8]) -> Option<(String, Option<String>, &[u8])> {
    let (lengths, rest) = log.split_at_checked(8)?;
    let length = |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]);
    let (key, value) = (length(0), length(4));
    let (key, rest) = rest.split_at_checked(usize::try_from(key).ok()?)?;
    let kept = value != REMOVED;
    let (value, rest) = rest.split_at_checked(if kept { usize::try_from(value).ok()? } else { 0 })?;
    let (sum, rest) = rest.split_at_checked(SUM)?;
    let record = &log[..8 + key.len() + value.len()];
    if xxh3_64(record).to_le_bytes() != sum {
        return None;
    }
    let value = if kept { Some(String::from_utf8(value.to_vec()).ok()?) } else { None };
    Some((String::from_utf8(key.to_vec()).ok()?, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_up_to_where_it_is_torn() {
        let mut log = Vec::new();
        write_record(&mut log, "a", Some("1"));
        let whole = log.len();
        write_record(&mut log, "a", None);
        let (key, value, rest) = read_record(&log).unwrap();
        assert_eq!((key.as_str(), value.as_deref()), ("a", Some("1")));
        assert_eq!(read_record(rest).unwrap().1, None);
        for torn in whole..log.len() {
            let (.., rest) = read_record(&log[..torn]).unwrap();
            assert!(read_record(rest).is_none());
        }
        let mut bent = log.clone();
        bent[8] ^= 1;
        assert!(read_record(&bent).is_none(), "a block that the disk made up isn't believed");
    }

    #[test]
    fn no_two_origins_share_a_file() {
        assert_eq!(file_name("http://a.test:80"), "http_3a_2f_2fa.test_3a80");
        assert_ne!(file_name("a:b"), file_name("a_3ab"));
    }
}
