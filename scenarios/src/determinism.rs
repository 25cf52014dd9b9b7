//! Is a run the same when it's run again? Each scenario is run a second time, in another process, while the first run
//! goes on; what differs is reported with the first event that does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use busyhour_trace::{Trail, first_difference};

use crate::outcome::ScenarioResult;
use crate::report::{self, Launcher};
use crate::run::Job;

/// Where the trail of a job lies: beside its record, which may not stay.
pub fn trail_file(record_folder: &Path) -> PathBuf {
    record_folder.with_extension("trail")
}

/// The flag that makes a run print fingerprints and nothing else.
pub const FINGERPRINTS_FLAG: &str = "--fingerprints";

/// The line by which the second run tells of a job.
pub fn line(index: usize, result: &ScenarioResult) -> String {
    format!("{index} {:016x}", result.fingerprint())
}

/// Why the second run could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// The second process could not be started or read.
    #[error("the second run, for the check of determinism, can't be started: {0}")]
    Start(#[from] io::Error),
    /// It ended before its time.
    #[error("the second run, for the check of determinism, ended early ({status}) with {told} of {expected} scenarios")]
    EndedEarly {
        /// How it ended.
        status: String,
        /// How many jobs it told of.
        told: usize,
        /// How many there are.
        expected: usize,
    },
    /// It printed something else.
    #[error("the second run, for the check of determinism, printed `{0}` where a fingerprint should stand")]
    Unreadable(String),
}

/// The second run, under way.
pub struct Twin {
    child: Child,
    reader: JoinHandle<Result<(), TwinError>>,
    told: Arc<Mutex<Told>>,
}

impl Twin {
    /// Starts this program a second time with those flags and feature files, its records below `out`.
    pub fn start(flags: &[String], features: &[PathBuf], out: &Path) -> Result<Twin, TwinError> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("run")
            .args(flags)
            .arg("--out")
            .arg(out)
            .arg(FINGERPRINTS_FLAG)
            .arg("--")
            .args(features)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let stdout = child.stdout.take().expect("the output was asked for as a pipe");
        let told = Arc::new(Mutex::new(Told { fingerprints: BTreeMap::new(), out: out.to_owned() }));
        let heard = Arc::clone(&told);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line?;
                let (index, fingerprint) = read(&line).ok_or_else(|| TwinError::Unreadable(line.clone()))?;
                heard.lock().unwrap_or_else(PoisonError::into_inner).fingerprints.insert(index, fingerprint);
            }
            Ok(())
        });
        Ok(Twin { child, reader, told })
    }

    /// Compares the job at a place in the order with what the second run has told of it so far.
    pub fn compare(&self, index: usize, job: &Job, fingerprint: u64, launcher: Launcher) -> Compared {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).compare(index, job, fingerprint, launcher)
    }

    /// Waits for its end; what it told of so many jobs is there then.
    pub fn finish(mut self, expected: usize) -> (Told, Result<(), TwinError>) {
        let read = self.reader.join().expect("reading lines does not panic");
        let status = self.child.wait();
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = read.and_then(|()| {
            let status = status?;
            match told.fingerprints.len() {
                all if all == expected => Ok(()),
                some => Err(TwinError::EndedEarly { status: status.to_string(), told: some, expected }),
            }
        });
        (told, ended)
    }

    /// Ends it before its time.
    pub fn abandon(mut self) {
        // It may have ended by itself, for an interrupt at the keyboard reaches both.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reader.join();
    }
}

fn read(line: &str) -> Option<(usize, u64)> {
    let (index, fingerprint) = line.split_once(' ')?;
    Some((index.parse().ok()?, u64::from_str_radix(fingerprint, 16).ok()?))
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// The second run hasn't come so far.
    NotYet,
    /// It was the same.
    Same,
    /// It wasn't: what to print of that.
    Different(String),
}

/// What the second run told.
#[derive(Debug, Default)]
pub struct Told {
    fingerprints: BTreeMap<usize, u64>,
    out: PathBuf,
}

impl Told {
    /// Compares the job at a place in the order. Equal trails are swept away.
    pub fn compare(&self, index: usize, job: &Job, fingerprint: u64, launcher: Launcher) -> Compared {
        let Some(second) = self.fingerprints.get(&index).copied() else { return Compared::NotYet };
        let trails =
            [&job.record_folder, &Job::new(&job.case, job.seed, &self.out).record_folder].map(|f| trail_file(f));
        if second == fingerprint {
            for trail in trails {
                // One that stays is in nobody's way.
                let _ = fs::remove_file(trail);
            }
            return Compared::Same;
        }
        let mut lines = vec![
            format!("not deterministic: {} with seed {}", job.case, job.seed),
            format!("  first run   {fingerprint:016x}"),
            format!("  second run  {second:016x}"),
        ];
        let [first, second] = &trails;
        match (Trail::load(first), Trail::load(second)) {
            (Ok(first), Ok(second)) => match first_difference(&first, &second) {
                Some(difference) => lines.push(format!("  {difference}")),
                None => lines.push("  No event and no packet differs; the outcome does.".to_owned()),
            },
            (Err(error), _) | (_, Err(error)) => lines.push(format!("  The first difference isn't known: {error}")),
        }
        let seed = format!("--seed {} --check-determinism", job.seed);
        lines.push(format!("  replay      {}", report::replay_shown(&job.case, &seed, launcher)));
        Compared::Different(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Account;
    use crate::run::tests::job;

    #[test]
    fn a_difference_is_reported_with_both_fingerprints_and_a_replay() {
        let job = job("s", &[], 7);
        let told = Told { fingerprints: BTreeMap::from([(0, 1), (1, 2)]), out: "out/second".into() };
        assert_eq!(told.compare(0, &job, 1, Launcher::Busyhour), Compared::Same);
        assert_eq!(told.compare(2, &job, 1, Launcher::Busyhour), Compared::NotYet);
        let Compared::Different(said) = told.compare(1, &job, 0xabc, Launcher::Busyhour) else { panic!("1 isn't abc") };
        insta::assert_snapshot!(said);
    }

    #[test]
    fn a_fingerprint_takes_in_the_hash_and_leaves_out_the_paths() {
        let of = |hash: &str, folder: &str| {
            let account = Account { hash: Some(hash.into()), record_folder: Some(folder.into()), ..Account::default() };
            account.conclude(&job("s", &[], 7)).fingerprint()
        };
        assert_eq!(of("1", "here"), of("1", "there"));
        assert_ne!(of("1", "here"), of("2", "here"));
        let result = Account::default().conclude(&job("s", &[], 7));
        assert_eq!(read(&line(3, &result)), Some((3, result.fingerprint())));
    }
}
