//! A journal's records as bytes.
//!
//! A journal begins with [`HEADER`]. A record is a head and a body:
//!
//! ```text
//! head: "txn:", the body's length (u32), the transaction's number (u64), a checksum of these (u32)
//! body: a checksum of the rest (u64), then for each change
//!       1 put or 0 remove (u8), the lengths of table (u16) and key (u32), and of the value if it's put (u32); then these
//! ```
//!
//! Numbers are little-endian. The head has a checksum of its own, so that a length that's wrong isn't taken for a record
//! that's cut off.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Change;

/// What a journal begins with.
pub(super) const HEADER: &[u8] = b"busyhour store 1\n";

const MARK: &[u8; 4] = b"txn:";
const HEAD: usize = 4 + 4 + 8 + 4;
const SUM: usize = 8;

/// What is at a place of a journal.
#[derive(Debug)]
pub(super) enum Reading {
    /// A transaction, and the bytes that it takes.
    Record { changes: Vec<Change>, size: usize },
    /// Nothing more.
    End,
    /// The beginning of a record, at the file's end.
    Torn,
    /// No record.
    Damaged(&'static str),
}

fn sum_of_head(head: &[u8]) -> [u8; 4] {
    (xxh3_64_with_seed(head, 0) as u32).to_le_bytes()
}

fn sum_of_body(sequence: u64, rest: &[u8]) -> [u8; SUM] {
    xxh3_64_with_seed(rest, sequence).to_le_bytes()
}

/// The bytes of a row in a record.
pub(super) fn size_of_row(table: usize, key: usize, value: usize) -> u64 {
    (1 + 2 + 4 + 4 + table + key + value) as u64
}

/// The transaction of this number as a record.
///
/// # Panics
/// A name or a value is longer than its length can say.
pub(super) fn write(sequence: u64, changes: &[Change]) -> Vec<u8> {
    let mut record = vec![0; HEAD + SUM];
    for Change { table, key, value } in changes {
        record.push(u8::from(value.is_some()));
        record.extend(u16::try_from(table.len()).expect("a table's name is short").to_le_bytes());
        record.extend(length(key.len()));
        record.extend(value.as_ref().map(|value| length(value.len())).into_iter().flatten());
        record.extend(table.as_bytes());
        record.extend(key.as_bytes());
        record.extend(value.iter().flatten());
    }
    let body = length(record.len() - HEAD);
    record[..4].copy_from_slice(MARK);
    record[4..8].copy_from_slice(&body);
    record[8..16].copy_from_slice(&sequence.to_le_bytes());
    let sum = sum_of_head(&record[..16]);
    record[16..HEAD].copy_from_slice(&sum);
    let sum = sum_of_body(sequence, &record[HEAD + SUM..]);
    record[HEAD..HEAD + SUM].copy_from_slice(&sum);
    record
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a transaction is shorter than 4 GiB").to_le_bytes()
}

/// Reads what is at the beginning of `bytes`: the transaction of this number, if all is well.
pub(super) fn read(bytes: &[u8], sequence: u64) -> Reading {
    if bytes.is_empty() {
        return Reading::End;
    }
    // Space that was given to the file and never written.
    if bytes.iter().all(|byte| *byte == 0) {
        return Reading::Torn;
    }
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        let as_far = bytes.len().min(MARK.len());
        let begins = bytes[..as_far] == MARK[..as_far];
        return if begins { Reading::Torn } else { Reading::Damaged("no record begins here") };
    };
    if &head[..4] != MARK {
        return Reading::Damaged("no record begins here");
    }
    if head[16..] != sum_of_head(&head[..16]) {
        return Reading::Damaged("a record's head has a wrong checksum");
    }
    let mut head = Cursor(&head[4..]);
    let (size, number) = (head.u32(), head.u64());
    if number != Some(sequence) {
        return Reading::Damaged("a transaction is missing before this one");
    }
    let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
    let Some((body, behind)) = rest.split_at_checked(size) else { return Reading::Torn };
    let Some((sum, changes)) = body.split_at_checked(SUM) else { return Reading::Damaged("a record is too short") };
    if *sum != sum_of_body(sequence, changes) {
        // A disk may write a record's last sector before the others: the last record, then, is as good as cut off.
        return if behind.is_empty() { Reading::Torn } else { Reading::Damaged("a record has a wrong checksum") };
    }
    match parse(Cursor(changes)) {
        Some(changes) => Reading::Record { changes, size: HEAD + size },
        None => Reading::Damaged("a record says what makes no sense"),
    }
}

fn parse(mut rest: Cursor<'_>) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while !rest.0.is_empty() {
        let put = match rest.take(1)? {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let table = usize::from(u16::from_le_bytes(rest.take(2)?.try_into().ok()?));
        let key = usize::try_from(rest.u32()?).ok()?;
        let value = if put { Some(usize::try_from(rest.u32()?).ok()?) } else { None };
        let table = String::from_utf8(rest.take(table)?.to_vec()).ok()?;
        let key = String::from_utf8(rest.take(key)?.to_vec()).ok()?;
        let value = match value {
            Some(length) => Some(rest.take(length)?.to_vec()),
            None => None,
        };
        changes.push(Change { table, key, value });
    }
    Some(changes)
}

struct Cursor<'b>(&'b [u8]);

impl<'b> Cursor<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}
