//! A host's files, as its programs see them: on a simulated disk, or in a folder in live mode.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

use super::crash::{self, Happening};
use super::disk::{CrashReport, Filesystem};
use super::fault::{FaultId, FaultKind};
use super::host::{Host, HostState, Power, crashed};
use super::kernel::{Mode, kernel_here};
use crate::trace::HostId;

/// A simulated disk holds this much unless it's told otherwise.
pub(crate) const CAPACITY: u64 = 64 << 30;

/// The disk of a host: see [`Host::disk`]. Paths are flat, with folders: `calls/1.wav`.
///
/// What was synced survives a crash. Of the rest the seed decides what is kept, lost or torn; in live mode nothing
/// crashes.
#[derive(Debug, Clone)]
pub struct Disk {
    host: HostId,
    epoch: u32,
}

impl Host {
    /// The host's disk.
    pub fn disk(&self) -> Disk {
        Disk { host: self.id(), epoch: self.epoch() }
    }

    /// The disk holds no more than `bytes` from now on: what doesn't fit is refused. It has hit once a write was.
    pub fn limit_disk(&self, bytes: u64) -> FaultId {
        self.assert_simulated("fill the disk of");
        let kernel = self.kernel();
        let what = format!("{}'s disk holds {bytes} bytes", self.name());
        let fault = kernel.faults.install(what, FaultKind::Aimed, kernel.now());
        let state = self.state();
        state.disk.borrow_mut().set_capacity(bytes);
        state.disk_faults.borrow_mut().push((fault, WaitsFor::Space));
        kernel.record(kernel.world_event("disk-full").on(self.id()).with("capacity", bytes));
        fault
    }

    /// The next `count` operations on the disk fail. It has hit once one has.
    pub fn fail_disk(&self, count: u64, kind: io::ErrorKind) -> FaultId {
        self.assert_simulated("break the disk of");
        let kernel = self.kernel();
        let what = format!("the next {count} operations on {}'s disk fail", self.name());
        let fault = kernel.faults.install(what, FaultKind::Aimed, kernel.now());
        let state = self.state();
        let waits_for = WaitsFor::Failure(state.disk.borrow_mut().fail_next(count, kind));
        state.disk_faults.borrow_mut().push((fault, waits_for));
        kernel.record(kernel.world_event("disk-error").on(self.id()).with("operations", count));
        fault
    }
}

/// What a disk fault is counted by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WaitsFor {
    Space,
    Failure(super::disk::DiskFault),
}

/// The host lost power: says what that did to its files.
pub(crate) fn crash(host: &HostState) -> CrashReport {
    let mut random = host.crash_random.borrow_mut();
    host.disk.borrow_mut().crash(&mut random)
}

/// How often each disk fault of a host was met.
pub(crate) fn met(host: &HostState) -> Vec<(FaultId, u64)> {
    let disk = host.disk.borrow();
    let faults = host.disk_faults.borrow();
    faults
        .iter()
        .map(|(fault, waits_for)| match waits_for {
            WaitsFor::Space => (*fault, disk.refused_for_space()),
            WaitsFor::Failure(failure) => (*fault, disk.met(*failure)),
        })
        .collect()
}

impl Disk {
    fn run<R>(
        &self,
        simulated: impl FnOnce(&mut Filesystem) -> io::Result<R>,
        live: impl FnOnce(&PathBuf) -> io::Result<R>,
    ) -> io::Result<R> {
        let kernel = kernel_here();
        let host: Rc<HostState> = kernel.host(self.host);
        if host.epoch() != self.epoch || host.power() == Power::Down {
            return Err(crashed());
        }
        match kernel.mode() {
            Mode::Simulated => simulated(&mut host.disk.borrow_mut()),
            Mode::Live => live(&kernel.files().join(host.name())),
        }
    }

    /// Writes a file, whole: what it held before is gone.
    ///
    /// # Errors
    /// The disk is full or broken.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        self.run(
            |disk| disk.write(path, bytes),
            |root| {
                let mut file = create(root, path)?;
                file.set_len(0)?;
                file.write_all(bytes)
            },
        )
    }

    /// Writes at the end of a file, which is made if it isn't there.
    ///
    /// # Errors
    /// As [`Disk::write`].
    pub fn append(&self, path: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        self.run(
            |disk| disk.append(path, bytes),
            |root| {
                let mut file = create(root, path)?;
                file.seek(SeekFrom::End(0))?;
                file.write_all(bytes)
            },
        )
    }

    /// Writes somewhere in a file, which is made if it isn't there.
    ///
    /// # Errors
    /// As [`Disk::write`].
    pub fn write_at(&self, path: &str, offset: u64, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        self.run(
            |disk| disk.write_at(path, offset, bytes),
            |root| {
                let mut file = create(root, path)?;
                file.seek(SeekFrom::Start(offset))?;
                file.write_all(bytes)
            },
        )
    }

    /// Makes a file longer, with zeros, or shorter.
    ///
    /// # Errors
    /// As [`Disk::write`].
    pub fn set_len(&self, path: &str, length: u64) -> io::Result<()> {
        self.run(|disk| disk.set_len(path, length), |root| create(root, path)?.set_len(length))
    }

    /// Reads a file, whole.
    ///
    /// # Errors
    /// It isn't there, or the disk is broken.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.run(|disk| disk.read(path), |root| std::fs::read(at(root, path)?).map_err(|error| named(error, path)))
    }

    /// Reads from somewhere in a file, and says how much there was.
    ///
    /// # Errors
    /// As [`Disk::read`].
    pub fn read_at(&self, path: &str, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        // Both worlds' closures fill it; one of them runs.
        let out = RefCell::new(out);
        self.run(
            |disk| disk.read_at(path, offset, &mut out.borrow_mut()),
            |root| {
                let mut out = out.borrow_mut();
                let mut file = File::open(at(root, path)?).map_err(|error| named(error, path))?;
                file.seek(SeekFrom::Start(offset))?;
                let mut filled = 0;
                while filled < out.len() {
                    match file.read(&mut out[filled..])? {
                        0 => break,
                        more => filled += more,
                    }
                }
                Ok(filled)
            },
        )
    }

    /// The length of a file.
    ///
    /// # Errors
    /// It isn't there.
    pub fn len(&self, path: &str) -> io::Result<u64> {
        self.run(
            |disk| disk.len(path),
            |root| std::fs::metadata(at(root, path)?).map(|data| data.len()).map_err(|error| named(error, path)),
        )
    }

    /// Whether a file is there.
    pub fn exists(&self, path: &str) -> bool {
        self.len(path).is_ok()
    }

    /// The files whose paths begin so, sorted.
    ///
    /// # Errors
    /// The host has crashed, or (live) the folder can't be read.
    pub fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        self.run(
            |disk| Ok(disk.list(prefix)),
            |root| {
                let mut found = Vec::new();
                walk(root, String::new(), &mut found)?;
                found.retain(|path| path.starts_with(prefix));
                found.sort();
                Ok(found)
            },
        )
    }

    /// Gives a file another name; what had that name is gone. After a crash it has the old or the new one.
    ///
    /// # Errors
    /// It isn't there.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.run(
            |disk| disk.rename(from, to),
            |root| {
                let target = at(root, to)?;
                make_folder(&target)?;
                std::fs::rename(at(root, from)?, target).map_err(|error| named(error, from))
            },
        )
    }

    /// Removes a file.
    ///
    /// # Errors
    /// It isn't there.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        self.run(
            |disk| disk.remove(path),
            |root| std::fs::remove_file(at(root, path)?).map_err(|error| named(error, path)),
        )
    }

    /// Waits until a file is safe: no crash takes it any more. The log says so, with the file's length (`disk-sync`).
    ///
    /// # Errors
    /// It isn't there, or the disk is broken.
    pub fn sync(&self, path: &str) -> io::Result<()> {
        self.run(
            |disk| disk.sync(path),
            |root| File::open(at(root, path)?).and_then(|file| file.sync_all()).map_err(|error| named(error, path)),
        )?;
        self.note_sync(path)?;
        self.count_sync()
    }

    /// What is safe is the world's to say: a claim of an effect quotes path and length, and an oracle looks here.
    fn note_sync(&self, path: &str) -> io::Result<()> {
        let length = self.len(path)?;
        let kernel = kernel_here();
        let event = kernel.world_event("disk-sync").on(self.host);
        kernel.record(event.with("path", path).with("length", length));
        Ok(())
    }

    /// The host may have been waiting for this one to crash: then whoever has synced never learns.
    fn count_sync(&self) -> io::Result<()> {
        crash::count(&kernel_here(), self.host, Happening::Sync);
        crash::carry_out();
        self.run(|_| Ok(()), |_| Ok(()))
    }

    /// Waits until every file is safe.
    ///
    /// # Errors
    /// The disk is broken.
    pub fn sync_all(&self) -> io::Result<()> {
        self.run(Filesystem::sync_all, |root| {
            let mut found = Vec::new();
            walk(root, String::new(), &mut found)?;
            found.iter().try_for_each(|path| File::open(at(root, path)?)?.sync_all())
        })?;
        for path in self.list("")? {
            self.note_sync(&path)?;
        }
        self.count_sync()
    }
}

fn named(error: io::Error, path: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

/// Where a path is in the host's folder: never outside of it.
fn at(root: &std::path::Path, path: &str) -> io::Result<PathBuf> {
    let good = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if good {
        Ok(root.join(path))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path:?} is no path on a disk: write `folder/file`")))
    }
}

fn make_folder(file: &std::path::Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), std::fs::create_dir_all)
}

fn create(root: &std::path::Path, path: &str) -> io::Result<File> {
    let file = at(root, path)?;
    make_folder(&file)?;
    OpenOptions::new().create(true).truncate(false).write(true).open(file).map_err(|error| named(error, path))
}

fn walk(root: &std::path::Path, below: String, found: &mut Vec<String>) -> io::Result<()> {
    let folder = root.join(&below);
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            walk(root, path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}
