//! The register of faults: what was installed, what it met, whom it hit.
//!
//! Law 6: a fault that met nothing proves nothing. Whoever installs a fault enters it here, whoever carries it out
//! counts here, and the end of a run reads the outcome.

use std::cell::RefCell;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::trace::record::{FaultKind, FaultOutcome};

use crate::trace::SimTime;
use crate::trace::record;

/// A fault's number in its universe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u32);

/// A duration as a scenario writes it, in the largest unit that leaves nothing over: `10 minutes`, `80 ms`.
///
/// ```
/// use busyhour::world::in_words;
/// use std::time::Duration;
///
/// assert_eq!(in_words(Duration::from_secs(600)), "10 minutes");
/// assert_eq!(in_words(Duration::from_secs(61)), "61 seconds");
/// assert_eq!(in_words(Duration::from_millis(80)), "80 ms");
/// ```
pub fn in_words(duration: Duration) -> String {
    let units = [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000)];
    let ms = duration.as_millis();
    let whole = duration.subsec_nanos().is_multiple_of(1_000_000);
    match units.into_iter().find(|(_, unit)| whole && ms >= *unit && ms.is_multiple_of(*unit)) {
        Some((name, unit)) if ms == unit => format!("1 {name}"),
        Some((name, unit)) => format!("{} {name}s", ms / unit),
        None => format!("{} ms", duration.as_secs_f64() * 1000.0),
    }
}

/// A fault and its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number.
    pub id: FaultId,
    /// What it does, in words: `the network between a and b loses 5% of packets`.
    pub what: String,
    /// What it owes.
    pub kind: FaultKind,
    /// When it was installed.
    pub installed_at: SimTime,
    /// How much came its way.
    pub seen: u64,
    /// How much of that it struck.
    pub hits: u64,
}

impl Fault {
    /// What became of it so far.
    pub fn outcome(&self) -> FaultOutcome {
        match (self.kind, self.hits, self.seen) {
            (_, 1.., _) => FaultOutcome::Hit,
            (FaultKind::Random, 0, 1..) => FaultOutcome::Spared,
            _ => FaultOutcome::MetNothing,
        }
    }

    /// As a run record holds it.
    pub fn record(&self) -> record::Fault {
        record::Fault {
            id: self.id.0,
            what: self.what.clone(),
            kind: self.kind,
            installed_at: self.installed_at,
            seen: self.seen,
            hits: self.hits,
            outcome: self.outcome(),
        }
    }
}

/// All faults of a universe.
#[derive(Debug, Default)]
pub struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Enters a fault.
    pub fn install(&self, what: impl Into<String>, kind: FaultKind, at: SimTime) -> FaultId {
        let mut faults = self.0.borrow_mut();
        let id = FaultId(u32::try_from(faults.len()).expect("a universe has fewer than 2^32 faults"));
        faults.push(Fault { id, what: what.into(), kind, installed_at: at, seen: 0, hits: 0 });
        id
    }

    /// Something came the fault's way and was spared.
    pub fn spare(&self, id: FaultId) {
        self.0.borrow_mut()[id.0 as usize].seen += 1;
    }

    /// Something came the fault's way and was struck.
    pub fn hit(&self, id: FaultId) {
        let fault = &mut self.0.borrow_mut()[id.0 as usize];
        fault.seen += 1;
        fault.hits += 1;
    }

    /// So many things came the fault's way and were struck.
    pub fn hit_times(&self, id: FaultId, times: u64) {
        let fault = &mut self.0.borrow_mut()[id.0 as usize];
        fault.seen += times;
        fault.hits += times;
    }

    /// How often the fault has struck.
    pub fn hits(&self, id: FaultId) -> u64 {
        self.0.borrow()[id.0 as usize].hits
    }

    /// All faults so far, in the order of their installation.
    pub fn all(&self) -> Vec<Fault> {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aimed_fault_that_struck_nothing_met_nothing_whatever_it_saw() {
        let faults = Faults::default();
        let id = faults.install("the second ACK from a is lost", FaultKind::Aimed, SimTime::ZERO);
        faults.spare(id);
        assert_eq!(faults.all()[0].outcome(), FaultOutcome::MetNothing);
        faults.hit(id);
        assert_eq!(faults.all()[0].outcome(), FaultOutcome::Hit);
    }

    #[test]
    fn a_random_fault_tells_chance_from_emptiness() {
        let faults = Faults::default();
        let id = faults.install("the network loses 1% of packets", FaultKind::Random, SimTime::ZERO);
        assert_eq!(faults.all()[0].outcome(), FaultOutcome::MetNothing);
        faults.spare(id);
        assert_eq!(faults.all()[0].outcome(), FaultOutcome::Spared);
        faults.hit(id);
        assert_eq!(faults.all()[0].outcome(), FaultOutcome::Hit);
    }
}
