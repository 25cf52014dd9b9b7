//! A scenario, bound and ready to be played.

use std::fmt;
use std::sync::Arc;

use gherkin::StepType;

use crate::feature::Row;
use crate::vocabulary::Bound;

/// One step, bound to what it does.
#[derive(Debug, Clone)]
pub struct ScriptStep {
    /// The keyword as it was written: `Given`, `And`, `*`.
    pub keyword: String,
    /// The keyword that it counts as.
    pub counts_as: StepType,
    /// The words behind the keyword.
    pub text: String,
    /// The feature file; of a step within a phrase that's made of others, the book of phrases.
    pub file: Arc<str>,
    /// Its line.
    pub line: usize,
    /// Its column, counted in characters from 1.
    pub column: usize,
    /// Whether it stands in a background.
    pub background: bool,
    /// What it does.
    pub bound: Bound,
}

impl ScriptStep {
    /// The steps that it's made of, if its phrase is made of others.
    pub fn inner(&self) -> &[ScriptStep] {
        match &self.bound {
            Bound::Composed(composed) => &composed.steps,
            Bound::Phrase(..) | Bound::Foreign(..) => &[],
        }
    }
}

/// The steps of one scenario in their order, those of the backgrounds first.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The steps.
    pub steps: Vec<ScriptStep>,
}

impl Script {
    /// The steps that do something themselves, those within phrases that are made of others included, in the order in which
    /// they're done.
    pub fn leaves(&self) -> impl Iterator<Item = &ScriptStep> {
        leaves(&self.steps)
    }
}

/// The steps that do something themselves.
pub(crate) fn leaves(steps: &[ScriptStep]) -> Box<dyn Iterator<Item = &ScriptStep> + '_> {
    Box::new(steps.iter().flat_map(|step| match step.inner() {
        [] => Box::new(std::iter::once(step)),
        inner => leaves(inner),
    }))
}

/// A feature, as far as its scenarios need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureHead {
    /// Its title.
    pub name: String,
    /// Its file as it was given or found.
    pub file: Arc<str>,
    /// What its file is called in seeds and test names: see [`crate::feature::key`].
    pub key: String,
}

/// One scenario that can be run; an outline makes one of each row.
#[derive(Debug, Clone)]
pub struct Case {
    /// The feature it stands in.
    pub feature: Arc<FeatureHead>,
    /// The rule it stands in.
    pub rule: Option<String>,
    /// Its name, with the values of the row in place.
    pub scenario: String,
    /// The row that it's made from.
    pub row: Option<Row>,
    /// The tags of the feature, the rule, the scenario and the examples, without their `@`.
    pub tags: Vec<String>,
    /// The line of the scenario, or of the row.
    pub line: usize,
    /// What it does.
    pub script: Script,
}

impl Case {
    /// The name and the row, by which it can be chosen: `Packets are lost [5%, 930]`.
    pub fn title(&self) -> String {
        match &self.row {
            Some(row) => format!("{} [{}]", self.scenario, row.values.join(", ")),
            None => self.scenario.clone(),
        }
    }

    /// The seed of this scenario's universe in a run with that seed. It hangs on nothing but the names of the feature
    /// file, the scenario and the row, so that a scenario that's added moves no other.
    pub fn seed(&self, run_seed: u64) -> u64 {
        let mut named = Vec::new();
        let row = self.row.iter().flat_map(|row| &row.values);
        for part in [&self.feature.key, &self.scenario].into_iter().chain(row) {
            // Each part behind its length, so that no two lists of parts are written alike.
            named.extend_from_slice(&(part.len() as u64).to_le_bytes());
            named.extend_from_slice(part.as_bytes());
        }
        xxhash_rust::xxh3::xxh3_64_with_seed(&named, run_seed)
    }

    /// The invariants that the scenario is meant to break, by its tags `@breaks:NAME`; `-` stands for `_` in them.
    pub fn breaks(&self) -> impl Iterator<Item = String> {
        self.tags.iter().filter_map(|tag| tag.strip_prefix("breaks:")).map(|name| name.replace('-', "_"))
    }
}

/// What names a case among all others of a test binary: `features/network.feature::Rule::Scenario [row]`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.feature.key)?;
        if let Some(rule) = &self.rule {
            write!(f, "::{rule}")?;
        }
        write!(f, "::{}", self.title())
    }
}
