//! Performs feature texts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use busyhour_scenarios::feature::FeatureText;
use busyhour_scenarios::lint;
use busyhour_scenarios::outcome::ScenarioResult;
use busyhour_scenarios::paint::Paint;
use busyhour_scenarios::problem;
use busyhour_scenarios::report::{self, Launcher};
use busyhour_scenarios::run::Job;
use busyhour_scenarios::script::Case;
use busyhour_scenarios::stage::{Stage as _, UniverseStage};
use busyhour_scenarios::vocabulary::Vocabulary;

/// The scenarios of a text, which must be in order.
pub fn cases(text: &str) -> Vec<Arc<Case>> {
    let file = "features/f.feature";
    let text = FeatureText { path: file.into(), shown: file.into(), key: file.into(), text: text.to_owned() };
    match lint::read(&text, &Vocabulary::of_this_build()) {
        Ok(feature) => feature.cases,
        Err(problems) => panic!("{}", problem::shown(&problems)),
    }
}

/// One scenario of these steps, with these tags.
pub fn case(tags: &str, steps: &str) -> Arc<Case> {
    let mut cases = cases(&format!("Feature: f\n  {tags}\n  Scenario: s\n{steps}"));
    assert_eq!(cases.len(), 1);
    cases.remove(0)
}

/// Where the records of a test belong.
pub fn out(test: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("universe").join(test)
}

/// Performs a scenario; its record goes into a folder of the test's own.
pub fn perform(test: &str, case: &Arc<Case>, seed: u64) -> (Job, ScenarioResult) {
    let job = Job::new(case, seed, &out(test));
    let result = UniverseStage::default().perform(&job);
    (job, result)
}

/// Performs a scenario with seed 0; what is reported if it fails, without what hangs on the place of its record.
pub fn told(test: &str, case: &Arc<Case>) -> String {
    let (job, result) = perform(test, case, 0);
    let shown = report::failure_shown(&job, &result, Paint::OFF, Launcher::Busyhour);
    let lines = shown.lines().take_while(|line| !line.starts_with("  ended at"));
    format!("{}\n{}\n", result.verdict, lines.collect::<Vec<_>>().join("\n"))
}
