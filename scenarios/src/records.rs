//! The records that a run has left: found, and told apart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use busyhour_trace::record::{RECORD, Record, RecordError};

/// A record and where it is.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its folder.
    pub folder: PathBuf,
    /// What it says.
    pub record: Record,
}

impl Found {
    /// The scenario's name, with its row of examples.
    pub fn title(&self) -> String {
        title(&self.record)
    }
}

/// The name of a record's scenario, with its row of examples.
pub fn title(record: &Record) -> String {
    if record.example.is_empty() {
        return record.scenario.clone();
    }
    let cells: Vec<&str> = record.example.iter().map(|cell| cell.value.as_str()).collect();
    format!("{} [{}]", record.scenario, cells.join(", "))
}

/// Why no records are found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// A folder can't be read.
    #[error("reading {}: {source}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It isn't there.
    #[error("there is no folder `{}`: `busyhour run` leaves its records below its --out, and `busyhour show` looks there", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// There are none.
    #[error("{}: there's no record of a run in it; `busyhour run` leaves them below its --out", folder.display())]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// A record can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Every record in that folder or below it, in the order of features, lines, examples and seeds.
///
/// # Errors
/// If there's none, or one can't be read.
pub fn below(folder: &Path) -> Result<Vec<Found>, FindError> {
    if !folder.is_dir() {
        return Err(FindError::Missing { folder: folder.to_owned() });
    }
    let mut folders = Vec::new();
    search(folder, &mut folders).map_err(|source| FindError::Io { folder: folder.to_owned(), source })?;
    if folders.is_empty() {
        return Err(FindError::None { folder: folder.to_owned() });
    }
    let mut found = Vec::new();
    for folder in folders {
        let record = Record::load(&folder)?;
        found.push(Found { folder, record });
    }
    found.sort_by(|a, b| {
        let place = |one: &Found| (one.record.feature.clone(), one.record.line, one.title(), one.record.seed.run);
        place(a).cmp(&place(b)).then_with(|| a.folder.cmp(&b.folder))
    });
    Ok(found)
}

fn search(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if folder.join(RECORD).is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // What a run that was killed has left is no record, nor is a second run's.
        let is_other = name.starts_with('.') || name.ends_with(".part") || name.ends_with(".old");
        if path.is_dir() && !is_other {
            search(&path, found)?;
        }
    }
    Ok(())
}
