//! What may stand beside feature files: folders of network profiles and of senders' contracts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use busyhour::net::profile::{ProfileError, Profiles};
use busyhour::webhook::contract::{ContractError, Contracts};

use crate::feature::FEATURES;
use crate::text::{self, TextError};

/// The folder of network profiles beside feature files, or beside a folder of them.
pub const NETWORKS: &str = "networks";
/// The folder of senders beside feature files, or beside a folder of them.
pub const SENDERS: &str = "senders";

/// What a feature's scenarios can name: what's built in, and what stands beside the feature.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    /// Access networks.
    pub(crate) profiles: Profiles,
    /// Senders.
    pub(crate) contracts: Contracts,
}

impl Default for Beside {
    fn default() -> Self {
        Beside { profiles: Profiles::builtin(), contracts: Contracts::builtin() }
    }
}

/// Why it can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BesideError {
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error("{}:{line}: the byte {byte:#04x} is no UTF-8: save the file as UTF-8", .file.display())]
    NotUtf8 { file: PathBuf, line: usize, byte: u8 },
}

/// What stands beside features, by their folder; each is read once.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<BTreeMap<PathBuf, Beside>>);

impl Shelf {
    /// Forgets all that was read.
    pub(crate) fn clear(&self) {
        self.0.lock().expect("nobody panics while folders are read").clear();
    }

    /// What stands beside that feature file.
    pub(crate) fn of(&self, feature: &str) -> Result<Beside, BesideError> {
        let folder = Path::new(feature).parent().unwrap_or(Path::new(""));
        let mut known = self.0.lock().expect("nobody panics while folders are read");
        if let Some(beside) = known.get(folder) {
            return Ok(beside.clone());
        }
        for file in files(folder) {
            if let Err(TextError::NotUtf8 { line, byte }) = text::read(&file) {
                return Err(BesideError::NotUtf8 { file, line, byte });
            }
        }
        let mut beside = Beside::default();
        for networks in folders(folder, NETWORKS) {
            beside.profiles.with_folder(&networks)?;
        }
        for senders in folders(folder, SENDERS) {
            beside.contracts.with_folder(&senders)?;
        }
        known.insert(folder.to_owned(), beside.clone());
        Ok(beside)
    }
}

/// The files beside the feature files of `folder` that are in force for them.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let folders = [NETWORKS, SENDERS].into_iter().flat_map(|name| folders(folder, name));
    let mut files: Vec<PathBuf> = folders
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

/// The folders of that name that are in force for the feature files of `folder`.
fn folders(folder: &Path, name: &str) -> Vec<PathBuf> {
    in_force(folder, name, Path::is_dir)
}

/// The files or folders of that name that are in force for the feature files of `folder`: its own, and before it those of
/// the folders around it, up to the one that is named `features`.
pub(crate) fn in_force(folder: &Path, name: &str, is_one: fn(&Path) -> bool) -> Vec<PathBuf> {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    // From wherever the run was started: the folders around it needn't be in the path that was given.
    let whole = here.join(folder).canonicalize().unwrap_or_else(|_| folder.to_owned());
    let is_features = |folder: &Path| folder.file_name().is_some_and(|name| name == FEATURES);
    let up_to = whole.ancestors().position(is_features).unwrap_or(0);
    let mut folders: Vec<PathBuf> = whole.ancestors().take(up_to + 1).map(|folder| folder.join(name)).collect();
    folders.retain(|folder| is_one(folder));
    folders.reverse();
    // An error names the file as a person there would.
    folders.into_iter().map(|path| path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path)).collect()
}
