//! A machine's disk, and what a crash leaves of it.
//!
//! [`Filesystem`] is a pure model: calls change it at once, but what they changed is only safe once it's synced. A crash
//! keeps what was synced, exactly, and of the rest a part that the seed chooses:
//!
//! - Changes of **names** (a file made, renamed, removed) are one ordered journal, as in ext4: of those not yet synced a
//!   prefix survives. A rename is atomic: afterwards the name leads to the old file or to the new one, never to neither.
//!   It says nothing of the new file's bytes; who wants those syncs them before.
//! - Changes of **bytes** are ordered within a file, not between files: of those not yet synced a prefix of each file
//!   survives, and the last of them may be torn: only its first sectors of 512 bytes are there. A write within one sector
//!   is atomic. A torn [`write`](Filesystem::write), which replaces the file, leaves a shorter one, or an empty one.
//!
//! [`sync`](Filesystem::sync) makes a file's bytes safe, and every change of names so far (the journal is committed up to
//! there): its own name first of all.
//!
//! Paths are relative and flat: a folder is there as long as a file is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};

use crate::world::Random;

/// The unit that a disk writes wholly or not at all.
const SECTOR: u64 = 512;

/// The space of a disk of which nothing is said: 1 GiB.
pub const DEFAULT_CAPACITY: u64 = 1 << 30;

/// No disk is larger than what memory can address: a length within a disk's capacity is one of a slice.
const LARGEST: u64 = isize::MAX as u64;

/// What a crash did to the changes that weren't synced: writes, changes of length, renames and removals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CrashReport {
    /// They survived.
    pub kept: usize,
    /// They are gone.
    pub lost: usize,
    /// They survived in part.
    pub torn: usize,
}

/// An injected fault's handle, to ask what it met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskFault(usize);

/// The files of one machine.
///
/// ```
/// use busyhour::world::disk::Filesystem;
/// use busyhour::world::Random;
///
/// let mut disk = Filesystem::default();
/// disk.write("outbox/1.json", b"{}")?;
/// disk.sync("outbox/1.json")?;
/// disk.append("outbox/1.json", b"\n")?;
///
/// disk.crash(&mut Random::stream(0, "crash"));
/// assert!(disk.read("outbox/1.json")?.starts_with(b"{}"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Filesystem {
    capacity: u64,
    /// The lengths of all files together.
    used: u64,
    /// What is seen now, and what a crash can count on.
    names: BTreeMap<String, FileId>,
    synced_names: BTreeMap<String, FileId>,
    /// What leads from the one to the other.
    journal: Vec<NameChange>,
    files: BTreeMap<FileId, File>,
    next_file: u64,
    faults: Vec<Fault>,
    refused_for_space: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FileId(u64);

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    /// What leads from `synced` to `bytes`.
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Replace(Vec<u8>),
    Write { offset: u64, bytes: Vec<u8> },
    SetLen(u64),
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(String, FileId),
    Rename { from: String, to: String },
    Remove(String),
}

#[derive(Debug, Clone)]
struct Fault {
    left: u64,
    kind: ErrorKind,
    met: u64,
}

fn to_len(length: u64) -> usize {
    usize::try_from(length).expect("the disk's capacity was checked, and it's held in memory")
}

/// Writes `bytes` at `offset`, with zeros before it where there was nothing.
fn patch(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let (start, end) = (to_len(offset), to_len(offset) + bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    content[start..end].copy_from_slice(bytes);
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Replace(bytes) => content.clone_from(bytes),
            Change::Write { offset, bytes } => patch(content, *offset, bytes),
            Change::SetLen(length) => content.resize(to_len(*length), 0),
        }
    }

    /// How many ways there are to tear it: sector bounds within it, the beginning of a replacement among them (the old
    /// bytes are gone, the new ones not there yet).
    fn tears(&self) -> u64 {
        match self {
            Change::Replace(bytes) => (bytes.len() as u64).div_ceil(SECTOR),
            Change::Write { offset, bytes } if !bytes.is_empty() => {
                let last = *offset + bytes.len() as u64 - 1;
                last / SECTOR - *offset / SECTOR
            }
            Change::Write { .. } | Change::SetLen(_) => 0,
        }
    }

    /// Applies what of it comes before the bound of this number, which is below [`tears`](Change::tears).
    fn apply_torn(&self, tear: u64, content: &mut Vec<u8>) {
        match self {
            Change::Replace(bytes) => {
                content.clear();
                content.extend_from_slice(&bytes[..to_len(tear * SECTOR)]);
            }
            Change::Write { offset, bytes } => {
                let bound = (*offset / SECTOR + 1 + tear) * SECTOR;
                patch(content, *offset, &bytes[..to_len(bound - offset)]);
            }
            Change::SetLen(_) => unreachable!("a change of length is atomic"),
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, FileId>) {
        match self {
            NameChange::Create(name, file) => {
                names.insert(name.clone(), *file);
            }
            NameChange::Rename { from, to } => {
                let file = names.remove(from).expect("the journal renames what is there");
                names.insert(to.clone(), file);
            }
            NameChange::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Default for Filesystem {
    fn default() -> Filesystem {
        Filesystem::new(DEFAULT_CAPACITY)
    }
}

impl Filesystem {
    /// An empty disk that holds `capacity` bytes. Only the bytes of files count, not their names.
    pub fn new(capacity: u64) -> Filesystem {
        Filesystem {
            capacity: capacity.min(LARGEST),
            used: 0,
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            journal: Vec::new(),
            files: BTreeMap::new(),
            next_file: 0,
            faults: Vec::new(),
            refused_for_space: 0,
        }
    }

    /// Makes the disk smaller or larger. One that is smaller than its files only refuses to grow.
    pub fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity.min(LARGEST);
    }

    /// How many bytes its files have.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How many changes it refused because it was full.
    pub fn refused_for_space(&self) -> u64 {
        self.refused_for_space
    }

    /// Lets the next `count` operations fail that touch the disk (reads, writes, changes of length, renames, removals
    /// and syncs): they change nothing. Faults wait for each other in the order in which they were injected.
    pub fn fail_next(&mut self, count: u64, kind: ErrorKind) -> DiskFault {
        self.faults.push(Fault { left: count, kind, met: 0 });
        DiskFault(self.faults.len() - 1)
    }

    /// How many operations `fault` has let fail.
    pub fn met(&self, fault: DiskFault) -> u64 {
        self.faults.get(fault.0).map_or(0, |fault| fault.met)
    }

    /// Makes the file's bytes these; makes the file where there is none.
    ///
    /// # Errors
    ///
    /// The path is bad, the disk is full, or a fault says so.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.touch("write", path)?;
        let before = self.length_or_none(path);
        self.make_room("write", path, before, bytes.len() as u64)?;
        self.change(path, Change::Replace(bytes.to_vec()));
        Ok(())
    }

    /// Writes behind the file's last byte; makes the file where there is none.
    ///
    /// # Errors
    ///
    /// The path is bad, the disk is full, or a fault says so.
    pub fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.touch("append to", path)?;
        let before = self.length_or_none(path);
        self.make_room("append to", path, before, before.saturating_add(bytes.len() as u64))?;
        self.change(path, Change::Write { offset: before, bytes: bytes.to_vec() });
        Ok(())
    }

    /// Writes at a place of the file, which grows as needed, with zeros before the place; makes the file where there is
    /// none.
    ///
    /// # Errors
    ///
    /// The path is bad, the disk is full, or a fault says so.
    pub fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.touch("write to", path)?;
        let before = self.length_or_none(path);
        // Writing nothing far behind the end doesn't make a file longer, here as in POSIX.
        let after = if bytes.is_empty() { before } else { before.max(offset.saturating_add(bytes.len() as u64)) };
        self.make_room("write to", path, before, after)?;
        self.change(path, Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    /// Cuts the file off or fills it up with zeros.
    ///
    /// # Errors
    ///
    /// There is no such file, the disk is full, or a fault says so.
    pub fn set_len(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.touch("set the length of", path)?;
        let before = self.file("set the length of", path)?.bytes.len() as u64;
        self.make_room("set the length of", path, before, length)?;
        self.change(path, Change::SetLen(length));
        Ok(())
    }

    /// All bytes of the file.
    ///
    /// # Errors
    ///
    /// There is no such file, or a fault says so.
    pub fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.touch("read", path)?;
        Ok(self.file("read", path)?.bytes.clone())
    }

    /// Fills `out` from a place of the file on, and says how much there was: less only at the file's end.
    ///
    /// # Errors
    ///
    /// There is no such file, or a fault says so.
    pub fn read_at(&mut self, path: &str, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.touch("read", path)?;
        let bytes = &self.file("read", path)?.bytes;
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    /// The file's length.
    ///
    /// # Errors
    ///
    /// There is no such file.
    pub fn len(&self, path: &str) -> io::Result<u64> {
        self.file("look at", path).map(|file| file.bytes.len() as u64)
    }

    /// Whether there is such a file.
    pub fn exists(&self, path: &str) -> bool {
        self.names.contains_key(path)
    }

    /// The paths of all files that start like this, in order. `"calls/"` lists a folder.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        let from_there = self.names.range(prefix.to_owned()..).map(|(path, _)| path);
        from_there.take_while(|path| path.starts_with(prefix)).cloned().collect()
    }

    /// Gives the file another name; a file that has that name already is gone.
    ///
    /// # Errors
    ///
    /// There is no such file, the new path is bad, or a fault says so.
    pub fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.touch("rename", from)?;
        self.file("rename", from)?;
        if from == to {
            return Ok(());
        }
        // A file becomes no folder of itself: while it's being renamed it still stands in its own way.
        self.check_path("rename to", to)?;
        if let Some(replaced) = self.names.get(to) {
            self.used -= self.files[replaced].bytes.len() as u64;
        }
        self.change_names(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    /// Removes the file.
    ///
    /// # Errors
    ///
    /// There is no such file, or a fault says so.
    pub fn remove(&mut self, path: &str) -> io::Result<()> {
        self.touch("remove", path)?;
        self.used -= self.file("remove", path)?.bytes.len() as u64;
        self.change_names(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    /// Makes the file's bytes safe, and all names.
    ///
    /// # Errors
    ///
    /// There is no such file, or a fault says so; then nothing is safer than it was.
    pub fn sync(&mut self, path: &str) -> io::Result<()> {
        self.touch("sync", path)?;
        self.file("sync", path)?;
        let id = self.names[path];
        self.files.get_mut(&id).expect("every name leads to a file").sync();
        self.commit_names();
        Ok(())
    }

    /// Makes everything safe.
    ///
    /// # Errors
    ///
    /// A fault says so; then nothing is safer than it was.
    pub fn sync_all(&mut self) -> io::Result<()> {
        self.meet_fault("sync", "the disk")?;
        for id in self.names.values() {
            self.files.get_mut(id).expect("every name leads to a file").sync();
        }
        self.commit_names();
        Ok(())
    }

    /// The machine crashes: what is left is what was synced and, of the rest, what the seed lets survive.
    pub fn crash(&mut self, random: &mut Random) -> CrashReport {
        let mut report = CrashReport::default();
        let journal = std::mem::take(&mut self.journal);
        let surviving = random.below(journal.len() as u64 + 1) as usize;
        for (index, change) in journal.iter().enumerate() {
            let survives = index < surviving;
            if survives {
                change.apply(&mut self.synced_names);
            }
            match change {
                // That a file was made shows in its writes.
                NameChange::Create(..) => {}
                _ if survives => report.kept += 1,
                _ => report.lost += 1,
            }
        }
        let seen_before = std::mem::replace(&mut self.names, self.synced_names.clone());
        let seen_before: BTreeSet<FileId> = seen_before.into_values().collect();
        let left: BTreeSet<FileId> = self.names.values().copied().collect();
        for (id, file) in &mut self.files {
            if left.contains(id) {
                file.crash(random, &mut report);
            } else if seen_before.contains(id) {
                report.lost += file.unsynced.len();
            }
        }
        self.forget_nameless_files();
        self.used = self.names.values().map(|id| self.files[id].bytes.len() as u64).sum();
        report
    }

    /// What every operation on a file begins with.
    fn touch(&mut self, operation: &str, path: &str) -> io::Result<()> {
        self.meet_fault(operation, path)?;
        if self.names.contains_key(path) { Ok(()) } else { self.check_path(operation, path) }
    }

    fn meet_fault(&mut self, operation: &str, what: &str) -> io::Result<()> {
        let Some(fault) = self.faults.iter_mut().find(|fault| fault.left > 0) else {
            return Ok(());
        };
        fault.left -= 1;
        fault.met += 1;
        Err(io::Error::new(fault.kind, format!("can't {operation} {what}: {} (an injected fault)", fault.kind)))
    }

    /// Whether a file could have this path, as far as the path and the other files go.
    fn check_path(&self, operation: &str, path: &str) -> io::Result<()> {
        let refuse = |kind, why: &str| Err(io::Error::new(kind, format!("can't {operation} {path:?}: {why}")));
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse(ErrorKind::InvalidInput, "a path is made of names with slashes between them");
        }
        if path.match_indices('/').any(|(slash, _)| self.names.contains_key(&path[..slash])) {
            return refuse(ErrorKind::NotADirectory, "a part of it is a file, not a folder");
        }
        if !self.names.contains_key(path) && !self.list(&format!("{path}/")).is_empty() {
            return refuse(ErrorKind::IsADirectory, "it's a folder");
        }
        Ok(())
    }

    fn file(&self, operation: &str, path: &str) -> io::Result<&File> {
        let missing =
            || io::Error::new(ErrorKind::NotFound, format!("can't {operation} {path}: there is no such file"));
        let id = self.names.get(path).ok_or_else(missing)?;
        Ok(&self.files[id])
    }

    fn length_or_none(&self, path: &str) -> u64 {
        self.names.get(path).map_or(0, |id| self.files[id].bytes.len() as u64)
    }

    /// Accounts for a file's change of length, or refuses it. What doesn't grow is never refused.
    fn make_room(&mut self, operation: &str, path: &str, before: u64, after: u64) -> io::Result<()> {
        let used = (self.used - before).saturating_add(after);
        if used > self.capacity && after > before {
            self.refused_for_space += 1;
            let why = format!(
                "can't {operation} {path}: the disk is full ({} of {} bytes used, {} more needed)",
                self.used,
                self.capacity,
                after - before
            );
            return Err(io::Error::new(ErrorKind::StorageFull, why));
        }
        self.used = used;
        Ok(())
    }

    fn change(&mut self, path: &str, change: Change) {
        let id = match self.names.get(path) {
            Some(&id) => id,
            None => {
                let id = FileId(self.next_file);
                self.next_file += 1;
                self.files.insert(id, File::default());
                self.change_names(NameChange::Create(path.to_owned(), id));
                id
            }
        };
        let file = self.files.get_mut(&id).expect("every name leads to a file");
        change.apply(&mut file.bytes);
        file.unsynced.push(change);
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.journal.push(change);
    }

    fn commit_names(&mut self) {
        let mut unnames = false;
        for change in self.journal.drain(..) {
            unnames |= !matches!(change, NameChange::Create(..));
            change.apply(&mut self.synced_names);
        }
        if unnames {
            self.forget_nameless_files();
        }
    }

    /// Drops the files that no name leads to any more, now or after a crash.
    fn forget_nameless_files(&mut self) {
        debug_assert!(self.journal.is_empty(), "a journal may still bring back a name");
        let named: BTreeSet<FileId> = self.names.values().copied().collect();
        self.files.retain(|id, _| named.contains(id));
    }
}

impl File {
    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.synced);
        }
    }

    fn crash(&mut self, random: &mut Random, report: &mut CrashReport) {
        let changes = std::mem::take(&mut self.unsynced);
        if !changes.is_empty() {
            let surviving = random.below(changes.len() as u64 + 1) as usize;
            let last = surviving.checked_sub(1);
            for (index, change) in changes[..surviving].iter().enumerate() {
                let tears = if Some(index) == last { change.tears() } else { 0 };
                // As likely whole as torn.
                if tears > 0 && random.chance(0.5) {
                    change.apply_torn(random.below(tears), &mut self.synced);
                    report.torn += 1;
                } else {
                    change.apply(&mut self.synced);
                    report.kept += 1;
                }
            }
            report.lost += changes.len() - surviving;
        }
        self.bytes.clone_from(&self.synced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: std::ops::Range<u64> = 0..500;

    fn crash(disk: &Filesystem, seed: u64) -> (Filesystem, CrashReport) {
        let mut disk = disk.clone();
        let report = disk.crash(&mut Random::stream(seed, "crash"));
        (disk, report)
    }

    /// What each seed leaves of a file; nothing where the file is gone.
    fn outcomes(disk: &Filesystem, path: &str) -> BTreeSet<Option<Vec<u8>>> {
        SEEDS.map(|seed| crash(disk, seed).0.read(path).ok()).collect()
    }

    fn text(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }

    fn refused<T: std::fmt::Debug>(result: io::Result<T>) -> (ErrorKind, String) {
        let error = result.expect_err("it must be refused");
        (error.kind(), error.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let mut disk = Filesystem::default();
        disk.write("a", b"hello").unwrap();
        disk.append("a", b" world").unwrap();
        disk.write_at("a", 0, b"J").unwrap();
        disk.write_at("a", 13, b"!").unwrap();
        assert_eq!(disk.read("a").unwrap(), b"Jello world\0\0!");
        assert_eq!((disk.len("a").unwrap(), disk.used()), (14, 14));
        disk.set_len("a", 3).unwrap();
        disk.set_len("a", 5).unwrap();
        assert_eq!(disk.read("a").unwrap(), b"Jel\0\0");
        disk.write("a", b"x").unwrap();
        assert_eq!((disk.read("a").unwrap(), disk.used()), (b"x".to_vec(), 1));
        disk.append("b", b"made by appending").unwrap();
        disk.write_at("c", 2, b"made by writing").unwrap();
        assert_eq!(disk.read("c").unwrap(), b"\0\0made by writing");
        assert_eq!(disk.list(""), ["a", "b", "c"]);
    }

    #[test]
    fn a_read_at_a_place_fills_what_there_is() {
        let mut disk = Filesystem::default();
        disk.write("a", b"0123456789").unwrap();
        let mut out = [0; 4];
        assert_eq!((disk.read_at("a", 2, &mut out).unwrap(), &out), (4, b"2345"));
        assert_eq!((disk.read_at("a", 8, &mut out).unwrap(), &out), (2, b"8945"));
        assert_eq!(disk.read_at("a", 10, &mut out).unwrap(), 0);
        assert_eq!(disk.read_at("a", u64::MAX, &mut out).unwrap(), 0);
    }

    #[test]
    fn writing_nothing_behind_the_end_makes_no_file_longer() {
        let mut disk = Filesystem::default();
        disk.write_at("a", u64::MAX, b"").unwrap();
        assert_eq!((disk.len("a").unwrap(), disk.used()), (0, 0));
    }

    #[test]
    fn folders_are_what_paths_say() {
        let mut disk = Filesystem::default();
        for path in ["calls/2.wav", "calls/1.wav", "calls.txt", "calls/old/0.wav"] {
            disk.write(path, b"").unwrap();
        }
        assert_eq!(disk.list("calls/"), ["calls/1.wav", "calls/2.wav", "calls/old/0.wav"]);
        assert_eq!(disk.list("nothing/"), Vec::<String>::new());
        let (kind, why) = refused(disk.write("calls", b""));
        assert_eq!((kind, why.as_str()), (ErrorKind::IsADirectory, "can't write \"calls\": it's a folder"));
        let (kind, why) = refused(disk.write("calls.txt/1", b""));
        assert_eq!(
            (kind, why.as_str()),
            (ErrorKind::NotADirectory, "can't write \"calls.txt/1\": a part of it is a file, not a folder")
        );
        assert_eq!(refused(disk.rename("calls.txt", "calls")).0, ErrorKind::IsADirectory);
        assert_eq!(refused(disk.rename("calls.txt", "calls.txt/1")).0, ErrorKind::NotADirectory);
        disk.remove("calls.txt").unwrap();
        disk.write("calls.txt/1", b"").unwrap();
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        let mut disk = Filesystem::default();
        for path in ["", "/etc/passwd", "a//b", "a/", "./a", "../a", "a/../b"] {
            let (kind, why) = refused(disk.write(path, b""));
            let expected = format!("can't write {path:?}: a path is made of names with slashes between them");
            assert_eq!((kind, why), (ErrorKind::InvalidInput, expected));
        }
        assert_eq!(disk.list(""), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_there_is_not_found_and_the_error_names_path_and_operation() {
        let mut disk = Filesystem::default();
        let expected = |operation| (ErrorKind::NotFound, format!("can't {operation} a/b: there is no such file"));
        assert_eq!(refused(disk.read("a/b")), expected("read"));
        assert_eq!(refused(disk.read_at("a/b", 0, &mut [])), expected("read"));
        assert_eq!(refused(disk.len("a/b")), expected("look at"));
        assert_eq!(refused(disk.set_len("a/b", 1)), expected("set the length of"));
        assert_eq!(refused(disk.rename("a/b", "c")), expected("rename"));
        assert_eq!(refused(disk.remove("a/b")), expected("remove"));
        assert_eq!(refused(disk.sync("a/b")), expected("sync"));
        assert!(!disk.exists("a/b"));
    }

    #[test]
    fn a_rename_moves_a_file_over_another() {
        let mut disk = Filesystem::default();
        disk.write("old", b"12345").unwrap();
        disk.write("new", b"123").unwrap();
        disk.rename("new", "old").unwrap();
        assert_eq!(
            (disk.read("old").unwrap(), disk.list(""), disk.used()),
            (b"123".to_vec(), vec!["old".to_owned()], 3)
        );
        disk.rename("old", "old").unwrap();
        assert_eq!((disk.read("old").unwrap(), disk.used()), (b"123".to_vec(), 3));
    }

    #[test]
    fn a_file_that_just_fits_is_written_and_one_byte_more_is_refused_and_changes_nothing() {
        let mut disk = Filesystem::new(10);
        disk.write("a", b"12345").unwrap();
        disk.append("b", b"12345").unwrap();
        let full = "the disk is full (10 of 10 bytes used, 1 more needed)";
        assert_eq!(refused(disk.append("a", b"6")), (ErrorKind::StorageFull, format!("can't append to a: {full}")));
        assert_eq!(refused(disk.write_at("a", 4, b"56")).1, format!("can't write to a: {full}"));
        assert_eq!(refused(disk.write("c", b"1")).1, format!("can't write c: {full}"));
        assert_eq!(refused(disk.set_len("a", 6)).1, format!("can't set the length of a: {full}"));
        assert_eq!((disk.refused_for_space(), disk.list(""), disk.used()), (4, vec!["a".into(), "b".into()], 10));
        assert_eq!(disk.read("a").unwrap(), b"12345");
        disk.write_at("a", 0, b"54321").unwrap();
        disk.write("b", b"1234").unwrap();
        disk.append("a", b"6").unwrap();
        disk.remove("b").unwrap();
        disk.append("a", b"7890").unwrap();
        assert_eq!(refused(disk.write_at("a", u64::MAX, b"1")).0, ErrorKind::StorageFull);
    }

    #[test]
    fn a_disk_that_shrinks_below_its_files_only_refuses_to_grow() {
        let mut disk = Filesystem::new(10);
        disk.write("a", b"1234567890").unwrap();
        disk.set_capacity(5);
        assert!(disk.append("a", b"1").is_err());
        disk.write_at("a", 0, b"x").unwrap();
        disk.write("a", b"1234567").unwrap();
        disk.set_capacity(8);
        disk.append("a", b"8").unwrap();
    }

    #[test]
    fn an_injected_fault_lets_so_many_operations_fail_and_counts_them() {
        let mut disk = Filesystem::default();
        disk.write("a", b"1").unwrap();
        let broken = disk.fail_next(2, ErrorKind::Other);
        let read_only = disk.fail_next(1, ErrorKind::ReadOnlyFilesystem);
        assert_eq!(disk.met(broken), 0);
        assert_eq!(refused(disk.read("a")), (ErrorKind::Other, "can't read a: other error (an injected fault)".into()));
        assert_eq!((disk.len("a").unwrap(), disk.list("").len()), (1, 1), "looking around touches no disk");
        assert_eq!(refused(disk.write("a", b"22")).0, ErrorKind::Other);
        assert_eq!(refused(disk.sync_all()).0, ErrorKind::ReadOnlyFilesystem);
        assert_eq!(disk.read("a").unwrap(), b"1", "nothing has changed");
        assert_eq!((disk.met(broken), disk.met(read_only)), (2, 1));
    }

    #[test]
    fn every_operation_that_touches_the_disk_meets_a_fault_and_changes_nothing() {
        type Operation = fn(&mut Filesystem) -> io::Result<()>;
        let operations: [(&str, Operation); 10] = [
            ("write", |disk| disk.write("a", b"2")),
            ("append", |disk| disk.append("a", b"2")),
            ("write_at", |disk| disk.write_at("a", 0, b"2")),
            ("set_len", |disk| disk.set_len("a", 0)),
            ("read", |disk| disk.read("a").map(drop)),
            ("read_at", |disk| disk.read_at("a", 0, &mut []).map(drop)),
            ("rename", |disk| disk.rename("a", "b")),
            ("remove", |disk| disk.remove("a")),
            ("sync", |disk| disk.sync("a")),
            ("sync_all", Filesystem::sync_all),
        ];
        for (name, operation) in operations {
            let mut disk = Filesystem::default();
            disk.write("a", b"1").unwrap();
            let fault = disk.fail_next(1, ErrorKind::Other);
            assert!(operation(&mut disk).is_err(), "{name}");
            assert_eq!((disk.met(fault), disk.read("a").unwrap()), (1, b"1".to_vec()), "{name}");
            assert!(outcomes(&disk, "a").contains(&None), "{name}: nothing is synced");
        }
    }

    #[test]
    fn what_was_synced_survives_every_crash_exactly() {
        let mut disk = Filesystem::default();
        disk.write("a", &[7; 5000]).unwrap();
        disk.sync("a").unwrap();
        disk.write("b", &[8; 5000]).unwrap();
        disk.set_len("b", 4000).unwrap();
        disk.sync_all().unwrap();
        for seed in SEEDS {
            let (mut after, report) = crash(&disk, seed);
            assert_eq!(report, CrashReport::default());
            assert_eq!((after.read("a").unwrap(), after.read("b").unwrap()), (vec![7; 5000], vec![8; 4000]));
            assert_eq!(after.used(), 9000);
        }
    }

    #[test]
    fn syncing_one_file_leaves_the_bytes_of_others_unsafe() {
        let mut disk = Filesystem::default();
        disk.write("a", b"a").unwrap();
        disk.write("b", b"b").unwrap();
        disk.sync("a").unwrap();
        assert_eq!(outcomes(&disk, "a"), BTreeSet::from([text(b"a")]));
        assert_eq!(outcomes(&disk, "b"), BTreeSet::from([text(b""), text(b"b")]), "its name is safe, its bytes aren't");
    }

    #[test]
    fn of_unsynced_writes_a_prefix_survives_and_lost_kept_and_torn_ones_all_occur() {
        let mut disk = Filesystem::default();
        disk.write("a", b"").unwrap();
        disk.sync("a").unwrap();
        let rounds: Vec<Vec<u8>> = (1..=4).map(|n| vec![n; 700]).collect();
        for bytes in &rounds {
            disk.append("a", bytes).unwrap();
        }
        let whole = rounds.concat();
        let mut total = CrashReport::default();
        for seed in SEEDS {
            let (mut after, report) = crash(&disk, seed);
            let left = after.read("a").unwrap();
            assert_eq!(left, whole[..left.len()], "seed {seed}: in order, without a gap");
            assert_eq!(report.kept + report.lost + report.torn, 4);
            assert_eq!(report.kept, left.len() / 700);
            assert_eq!(report.torn, usize::from(!left.len().is_multiple_of(700)));
            assert!(report.torn == 0 || left.len().is_multiple_of(512), "seed {seed}: torn at {}", left.len());
            total = CrashReport {
                kept: total.kept + report.kept,
                lost: total.lost + report.lost,
                torn: total.torn + report.torn,
            };
        }
        assert!(total.kept > 100 && total.lost > 100 && total.torn > 50, "{total:?}");
    }

    #[test]
    fn a_write_is_torn_at_each_sector_bound_within_it_and_nowhere_else() {
        let mut disk = Filesystem::default();
        disk.write("a", &[0; 3000]).unwrap();
        disk.sync("a").unwrap();
        disk.write_at("a", 500, &[1; 1100]).unwrap();
        let ends: BTreeSet<usize> = outcomes(&disk, "a")
            .into_iter()
            .map(|bytes| bytes.expect("synced before").iter().rposition(|&byte| byte == 1).map_or(0, |last| last + 1))
            .collect();
        assert_eq!(ends, BTreeSet::from([0, 512, 1024, 1536, 1600]));
    }

    #[test]
    fn a_write_within_one_sector_is_atomic_and_one_byte_over_the_bound_is_not() {
        let mut disk = Filesystem::default();
        disk.write("a", &[0; 1024]).unwrap();
        disk.sync("a").unwrap();
        let mut within = disk.clone();
        within.write_at("a", 512, &[1; 512]).unwrap();
        assert_eq!(outcomes(&within, "a").len(), 2, "old or new");
        assert_eq!(SEEDS.map(|seed| crash(&within, seed).1.torn).max(), Some(0));
        disk.write_at("a", 511, &[1; 513]).unwrap();
        assert_eq!(outcomes(&disk, "a").len(), 3, "old, torn or new");
    }

    #[test]
    fn a_torn_replacement_leaves_a_shorter_or_an_empty_file() {
        let mut disk = Filesystem::default();
        disk.write("a", b"old").unwrap();
        disk.sync("a").unwrap();
        disk.write("a", &[1; 600]).unwrap();
        let expected = [text(b"old"), text(&[1; 600]), text(&[1; 512]), text(b"")];
        assert_eq!(outcomes(&disk, "a"), BTreeSet::from(expected));
    }

    #[test]
    fn a_change_of_length_survives_or_not() {
        let mut disk = Filesystem::default();
        disk.write("a", &[1; 2000]).unwrap();
        disk.sync("a").unwrap();
        disk.set_len("a", 100).unwrap();
        assert_eq!(outcomes(&disk, "a"), BTreeSet::from([text(&[1; 2000]), text(&[1; 100])]));
    }

    #[test]
    fn a_file_that_was_never_synced_may_be_gone_empty_or_there() {
        let mut disk = Filesystem::default();
        disk.write("a", b"new").unwrap();
        assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None, text(b""), text(b"new")]));
        let gone = SEEDS.map(|seed| crash(&disk, seed)).find(|(after, _)| !after.exists("a")).expect("some seed");
        assert_eq!(gone.1, CrashReport { kept: 0, lost: 1, torn: 0 });
        assert_eq!(gone.0.used(), 0);
    }

    #[test]
    fn after_a_crash_a_rename_left_the_old_file_or_the_new_one() {
        let mut disk = Filesystem::default();
        disk.write("state", &[1; 2000]).unwrap();
        disk.sync("state").unwrap();
        disk.write("state.new", &[2; 2000]).unwrap();
        disk.sync("state.new").unwrap();
        disk.rename("state.new", "state").unwrap();
        assert_eq!(outcomes(&disk, "state"), BTreeSet::from([text(&[1; 2000]), text(&[2; 2000])]));
        for seed in SEEDS {
            let (mut after, report) = crash(&disk, seed);
            let renamed = after.read("state").unwrap()[0] == 2;
            assert_eq!(after.exists("state.new"), !renamed, "one file, one name");
            assert_eq!((report.kept, report.lost), if renamed { (1, 0) } else { (0, 1) });
            assert_eq!(after.used(), if renamed { 2000 } else { 4000 });
        }
        disk.sync("state").unwrap();
        assert_eq!(outcomes(&disk, "state"), BTreeSet::from([text(&[2; 2000])]), "a sync makes the name safe, too");
    }

    #[test]
    fn renaming_before_syncing_puts_a_name_on_bytes_that_may_not_be_there() {
        let mut disk = Filesystem::default();
        disk.write("state", b"old").unwrap();
        disk.sync("state").unwrap();
        disk.write("state.new", b"new").unwrap();
        disk.rename("state.new", "state").unwrap();
        let expected = [text(b"old"), text(b"new"), text(b"")];
        assert_eq!(outcomes(&disk, "state"), BTreeSet::from(expected), "the mistake that this disk is here to show");
    }

    #[test]
    fn a_removed_file_may_come_back_until_the_removal_is_synced() {
        let mut disk = Filesystem::default();
        disk.write("a", b"a").unwrap();
        disk.sync("a").unwrap();
        disk.remove("a").unwrap();
        assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None, text(b"a")]));
        disk.write("b", b"b").unwrap();
        disk.sync("b").unwrap();
        assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None]), "any sync commits all names");
    }

    #[test]
    fn a_file_without_a_name_takes_memory_only_while_a_crash_may_bring_it_back() {
        let mut disk = Filesystem::default();
        disk.write("a", b"a").unwrap();
        disk.write("b", b"b").unwrap();
        disk.sync_all().unwrap();
        disk.remove("a").unwrap();
        disk.rename("b", "c").unwrap();
        disk.write("d", b"d").unwrap();
        assert_eq!(disk.files.len(), 3);
        for seed in SEEDS {
            let (after, _) = crash(&disk, seed);
            assert_eq!(after.files.len(), after.list("").len());
        }
        disk.sync("c").unwrap();
        assert_eq!(disk.files.len(), 2);
    }

    #[test]
    fn names_survive_in_the_order_in_which_they_changed() {
        let mut disk = Filesystem::default();
        disk.write("a", b"").unwrap();
        disk.sync_all().unwrap();
        disk.rename("a", "b").unwrap();
        disk.rename("b", "c").unwrap();
        disk.write("a", b"").unwrap();
        let names: BTreeSet<Vec<String>> = SEEDS.map(|seed| crash(&disk, seed).0.list("")).collect();
        let expected = [vec!["a"], vec!["b"], vec!["c"], vec!["a", "c"]];
        assert_eq!(names, expected.map(|names| names.into_iter().map(str::to_owned).collect()).into());
    }

    #[test]
    fn what_survived_a_crash_survives_the_next_one() {
        let mut disk = Filesystem::default();
        for n in 0..10 {
            disk.append("a", &[n; 300]).unwrap();
        }
        for seed in SEEDS {
            let (once, _) = crash(&disk, seed);
            let (mut twice, report) = crash(&once, seed + 1);
            assert_eq!(report, CrashReport::default());
            assert_eq!(once.clone().read("a").ok(), twice.read("a").ok());
        }
    }

    #[test]
    fn the_same_seed_leaves_the_same() {
        let mut disk = Filesystem::default();
        for n in 0..20 {
            disk.append(&format!("{}", n % 3), &[n; 800]).unwrap();
        }
        let left = |seed| {
            let (mut after, report) = crash(&disk, seed);
            (after.list("").iter().map(|path| after.read(path).unwrap()).collect::<Vec<_>>(), report)
        };
        assert_eq!(left(1), left(1));
        assert!(SEEDS.map(left).collect::<Vec<_>>().windows(2).any(|pair| pair[0] != pair[1]));
    }

    /// A store that writes pages in place and a header that says which is valid, as redb does, and syncs after each
    /// round: how many of the seeds leave a header whose page isn't whole.
    fn unsound_stores(header_first: bool) -> usize {
        let page_of = |round: u8| 4096 * usize::from(1 + round % 2);
        let unsound = SEEDS.filter(|&seed| {
            let mut random = Random::stream(seed, "crash");
            let mut disk = Filesystem::default();
            disk.write("db", b"").unwrap();
            disk.set_len("db", 3 * 4096).unwrap();
            disk.sync("db").unwrap();
            let rounds = 1 + random.below(5) as u8;
            for round in 1..=rounds {
                let mut writes = [(page_of(round) as u64, vec![round; 4096]), (0, vec![round])];
                if header_first {
                    writes.reverse();
                }
                for (offset, bytes) in writes {
                    disk.write_at("db", offset, &bytes).unwrap();
                }
                if round < rounds {
                    disk.sync("db").unwrap();
                }
            }
            disk.crash(&mut random);
            let bytes = disk.read("db").unwrap();
            let round = bytes[0];
            assert!(round == rounds || round == rounds - 1, "what was committed before is still there");
            round > 0 && bytes[page_of(round)..][..4096] != [round; 4096]
        });
        unsound.count()
    }

    #[test]
    fn a_store_that_writes_its_header_last_is_sound_after_every_crash_and_one_that_writes_it_first_is_not() {
        assert_eq!(unsound_stores(false), 0);
        assert!(unsound_stores(true) > 50);
    }
}
