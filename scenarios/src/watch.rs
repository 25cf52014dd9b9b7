//! What a saved file touches: the feature files and what stands beside them, looked at again and again.
//!
//! Files are polled rather than listened for, so that it works on every file system (those of containers and of other
//! machines send no notices). A file is taken for saved when two looks in a row find it the same, and other than before:
//! editors write in several steps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::beside::{self, NETWORKS, SENDERS};
use crate::feature;
use crate::phrasebook::PHRASES;

/// How often the files are looked at.
pub const LOOKED_AT_EVERY: Duration = Duration::from_millis(200);

/// What tells that a file was saved.
type Stamp = (SystemTime, u64);

/// The files at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Glance {
    features: BTreeMap<PathBuf, Stamp>,
    beside: BTreeMap<PathBuf, Stamp>,
}

/// What must be run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// These feature files were saved.
    Features(Vec<PathBuf>),
    /// A file that stands beside them was: all of them are touched.
    Everything(Vec<PathBuf>),
}

/// Somebody who watches the feature files of some paths.
#[derive(Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    /// What was run.
    run: Glance,
    /// The last look.
    last: Glance,
}

impl Watch {
    /// Watches from now on; what is there now counts as run.
    pub fn new(paths: &[PathBuf]) -> Watch {
        let now = glance(paths);
        Watch { paths: paths.to_vec(), run: now.clone(), last: now }
    }

    /// How many feature files there are.
    pub fn files(&self) -> usize {
        self.run.features.len()
    }

    /// Looks once. Something is touched when it has changed since it was run, and hasn't since the last look.
    pub fn look(&mut self) -> Option<Touched> {
        let now = glance(&self.paths);
        let settled = now == self.last;
        self.last = now;
        if !settled || self.last == self.run {
            return None;
        }
        let saved = |now: &BTreeMap<PathBuf, Stamp>, run: &BTreeMap<PathBuf, Stamp>| -> Vec<PathBuf> {
            let gone = run.keys().filter(|file| !now.contains_key(*file));
            let fresh = now.iter().filter(|(file, stamp)| run.get(*file) != Some(stamp)).map(|(file, _)| file);
            gone.chain(fresh).cloned().collect()
        };
        let beside = saved(&self.last.beside, &self.run.beside);
        let features = saved(&self.last.features, &self.run.features);
        self.run = self.last.clone();
        if !beside.is_empty() {
            return Some(Touched::Everything(beside));
        }
        // One that was deleted can't be run.
        let features: Vec<PathBuf> = features.into_iter().filter(|file| self.run.features.contains_key(file)).collect();
        (!features.is_empty()).then_some(Touched::Features(features))
    }
}

/// The files of some paths, as they are now. One that can't be read just now isn't there.
fn glance(paths: &[PathBuf]) -> Glance {
    let default = [PathBuf::from(feature::FEATURES)];
    let paths = if paths.is_empty() { &default[..] } else { paths };
    let mut glance = Glance::default();
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for file in feature::files(paths) {
        folders.insert(file.parent().unwrap_or(Path::new("")).to_owned());
        if let Some(stamp) = stamp(&file) {
            glance.features.insert(file, stamp);
        }
    }
    // A folder without a feature file, yet.
    folders.extend(paths.iter().filter(|path| path.is_dir()).cloned());
    for folder in folders {
        let books = beside::in_force(&folder, PHRASES, Path::is_file);
        let listed = [NETWORKS, SENDERS].into_iter().flat_map(|name| beside::in_force(&folder, name, Path::is_dir));
        let in_folders = listed.flat_map(|folder| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).filter(|file| file.extension().is_some_and(|end| end == "toml"))
        });
        for file in books.into_iter().chain(in_folders) {
            if let Some(stamp) = stamp(&file) {
                glance.beside.insert(file, stamp);
            }
        }
    }
    glance
}

fn stamp(file: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("busyhour-watch-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("features/networks")).unwrap();
        folder
    }

    /// Saves a text with a time of its own: two saves may fall into one tick of the file system's clock.
    fn save(file: &Path, text: &str, seconds: u64) {
        fs::write(file, text).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
        fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_saved_feature_file_is_touched_once_it_has_settled_and_no_other_is() {
        let home = folder("one");
        let features = home.join("features");
        let (a, b) = (features.join("a.feature"), features.join("b.feature"));
        save(&a, "Feature: a\n", 0);
        save(&b, "Feature: b\n", 0);
        let mut watch = Watch::new(std::slice::from_ref(&features));
        assert_eq!((watch.files(), watch.look()), (2, None));
        save(&b, "Feature: c\n", 1);
        assert_eq!(watch.look(), None, "it may still be written to");
        assert_eq!(watch.look(), Some(Touched::Features(vec![b.clone()])));
        assert_eq!(watch.look(), None, "once is enough");
        fs::remove_file(&b).unwrap();
        assert_eq!([watch.look(), watch.look(), watch.look()], [None, None, None], "what is gone can't be run");
        save(&b, "Feature: b\n", 2);
        assert_eq!([watch.look(), watch.look()], [None, Some(Touched::Features(vec![b]))], "and may come back");
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn what_stands_beside_the_features_touches_all_of_them() {
        let home = folder("beside");
        let features = home.join("features");
        save(&features.join("a.feature"), "Feature: a\n", 0);
        let mut watch = Watch::new(std::slice::from_ref(&features));
        for (at, name) in ["phrases.toml", "networks/van.toml"].into_iter().enumerate() {
            save(&features.join(name), "", at as u64);
            watch.look();
            let Some(Touched::Everything(files)) = watch.look() else { panic!("{name} touches nothing") };
            assert!(files[0].ends_with(name), "{files:?}");
        }
        save(&features.join("notes.txt"), "", 9);
        assert_eq!([watch.look(), watch.look()], [None, None]);
        fs::remove_dir_all(home).unwrap();
    }
}
