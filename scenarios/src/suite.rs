//! The scenarios of some feature files, and those of them that are chosen.

use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;

use crate::feature::{self, FindError};
use crate::lint::{self, ReadFeature};
use crate::phrasebook::Bookshelf;
use crate::problem::{self, Problem};
use crate::script::Case;
use crate::tags::TagExpression;
use crate::vocabulary::Vocabulary;

/// Why no scenario can be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No feature file could be read.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The feature files have problems, all of which are here.
    #[error("{}", problem::shown(.0).trim_end())]
    Problems(Vec<Problem>),
}

/// Feature files that were read and found in order.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The features, in the order of their files.
    pub features: Vec<ReadFeature>,
}

impl Suite {
    /// Reads the feature files of some paths; without a path, those of the folder `features`.
    pub fn load(paths: &[PathBuf], vocabulary: &Vocabulary) -> Result<Suite, LoadError> {
        let mut features = Vec::new();
        let mut problems = Vec::new();
        let mut books = Bookshelf::default();
        for text in feature::find(paths)? {
            let (book, amiss) = books.of(&text.path, vocabulary);
            problems.extend(amiss);
            match lint::read_with(&text, vocabulary, book) {
                Ok(feature) => features.push(feature),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(Suite { features }) } else { Err(LoadError::Problems(problems)) }
    }

    /// Every scenario.
    pub fn cases(&self) -> impl Iterator<Item = &Arc<Case>> {
        self.features.iter().flat_map(|feature| &feature.cases)
    }

    /// The scenarios that are chosen.
    pub fn chosen(&self, choice: &Choice) -> Vec<Arc<Case>> {
        self.cases().filter(|case| choice.holds(case)).cloned().collect()
    }
}

/// Which scenarios are chosen. Nothing said chooses all.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Those with such tags.
    pub tags: Option<TagExpression>,
    /// Those whose name is so, with or without its row.
    pub name: Option<Regex>,
}

impl Choice {
    fn holds(&self, case: &Case) -> bool {
        let tagged = self.tags.as_ref().is_none_or(|tags| tags.holds(&case.tags));
        let named = self.name.as_ref().is_none_or(|name| name.is_match(&case.scenario) || name.is_match(&case.title()));
        tagged && named
    }
}
