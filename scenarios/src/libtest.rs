//! Scenarios as tests: `cargo test NAME` and `cargo nextest run` see each scenario by itself.
//!
//! ```no_run
//! // tests/features.rs, with `harness = false` in its [[test]] section
//! fn main() -> std::process::ExitCode {
//!     busyhour_scenarios::libtest::main(&["features"])
//! }
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::cli::EXIT_USAGE;
use crate::outcome::Verdict;
use crate::paint::Paint;
use crate::report::{self, Launcher};
use crate::run::{self, Job};
use crate::script::Case;
use crate::stage::{Stage, UniverseStage};
use crate::suite::Suite;
use crate::vocabulary::Vocabulary;

/// Lists or runs the scenarios of some feature files and folders as the arguments of the test binary ask, each with
/// seed 0, in universes; their records go to [`run::records_of_tests`].
pub fn main<P: AsRef<Path>>(paths: &[P]) -> ExitCode {
    main_on(Arc::new(UniverseStage::default()), paths, &run::records_of_tests())
}

/// The same on that stage, with the records below `out`.
pub fn main_on<P: AsRef<Path>>(stage: Arc<dyn Stage>, paths: &[P], out: &Path) -> ExitCode {
    let arguments = Arguments::from_args();
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.as_ref().to_owned()).collect();
    match Suite::load(&paths, &Vocabulary::of_this_build()) {
        Ok(suite) => {
            let cases: Vec<Arc<Case>> = suite.cases().cloned().collect();
            if let Err(problem) = stage.prepare(&cases) {
                eprintln!("{problem}");
                return ExitCode::from(EXIT_USAGE);
            }
            libtest_mimic::run(&arguments, trials(&suite, &stage, out)).exit_code()
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Each scenario as a test of its own, named `features/network.feature::Rule::Scenario [row]`; its record goes below
/// `out`.
pub fn trials(suite: &Suite, stage: &Arc<dyn Stage>, out: &Path) -> Vec<Trial> {
    let trial = |case: &Arc<Case>| {
        let (job, stage) = (Job::new(case, 0, out), Arc::clone(stage));
        Trial::test(case.to_string(), move || perform(&job, &*stage))
    };
    suite.cases().map(trial).collect()
}

fn perform(job: &Job, stage: &dyn Stage) -> Result<(), Failed> {
    let result = stage.perform(job);
    match result.verdict {
        Verdict::Passed => Ok(()),
        Verdict::NotExercised => {
            // One seed says nothing of chance; a run over several does, and fails where nothing is ever hit.
            for spared in result.spared() {
                eprintln!("not exercised: {}: {spared}", job.case);
            }
            Ok(())
        }
        Verdict::Failed | Verdict::Bug => {
            let place = format!("{}:{}", job.case.feature.file, job.case.line);
            let shown = report::failure_shown(job, &result, Paint::OFF, Launcher::of_this_process());
            Err(format!("{}  {place}\n{shown}", job.case.title()).into())
        }
    }
}
