//! Two runs into one folder would sweep away each other's records: the first holds a lock, and the second is told so.
//!
//! The lock is the system's own (`flock`) on a file that names its holder, so that the lock of a process which died is
//! nobody's, whatever the file says.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// The file in the folder of a run's records. No scenario's folder begins with a dot.
pub const LOCK: &str = ".lock";

/// A folder's lock; whoever drops it gives the folder free.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing the file gives the lock free")] File);

/// Why a folder can't be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("another run ({holder}) is writing into `{}`: wait for its end, or name another folder with --out", .folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// Who.
        holder: String,
    },
    /// The file system refused.
    #[error("the folder `{}` can't be locked: {source}", .folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Lock {
    /// Locks a folder that exists.
    pub fn take(folder: &Path) -> Result<Lock, LockError> {
        let trouble = |source| LockError::Io { folder: folder.to_owned(), source };
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(folder.join(LOCK));
        let mut file = opened.map_err(trouble)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut said = String::new();
                // A holder that hasn't got as far as to say who it is, is one nevertheless.
                let read = file.read_to_string(&mut said);
                let process = read.ok().and_then(|_| said.trim().parse::<u32>().ok());
                let holder = process.map_or("an unknown process".to_owned(), |process| format!("process {process}"));
                return Err(LockError::Taken { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(trouble(source)),
        }
        let said = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        // On a full disk the lock is held all the same; what comes next will say that the disk is full.
        let _ = said;
        Ok(Lock(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_and_the_lock_of_the_dead_is_nobodys() {
        let folder = std::env::temp_dir().join(format!("busyhour-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // What a run left that was killed.
        std::fs::write(folder.join(LOCK), "4194304999\n").unwrap();
        let first = Lock::take(&folder).unwrap();
        let second = Lock::take(&folder).unwrap_err().to_string();
        assert!(second.contains(&format!("another run (process {}) is writing into", std::process::id())), "{second}");
        drop(first);
        Lock::take(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
