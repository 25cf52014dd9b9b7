//! Cucumber's stock writers take the events of our runner.

#[path = "../examples/own_steps/orders.rs"]
mod orders;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use busyhour_scenarios::World;
use busyhour_scenarios::cucumber_runner::{SuiteParser, UniverseRunner};
use busyhour_scenarios::outcome::{FaultKind, FaultOutcome, ScenarioResult};
use busyhour_scenarios::run::Job;
use busyhour_scenarios::stage::{Stage, UniverseStage};
use busyhour_scenarios::suite::Suite;
use busyhour_scenarios::vocabulary::Vocabulary;
use cucumber::writer::{self, Stats as _};
use cucumber::{Cucumber, WriterExt as _, cli};

const FAILING: &str = "\
Feature: Failures
  Scenario: A step fails
    Given 1 open order
    When an order is closed after 1 second
    And an order is closed after 1 second
    Then 0 orders are open

  Scenario: A check fails
    Given 1 open order
    Then 2 orders are open

  Scenario: A fault meets nothing
    Given 1 open order
";

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cucumber_writers").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn suite(name: &str) -> Arc<Suite> {
    let folder = folder(name);
    fs::write(folder.join("failures.feature"), FAILING).unwrap();
    let paths = [folder, Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/features")];
    Arc::new(Suite::load(&paths, &Vocabulary::of_this_build()).unwrap())
}

/// As if one scenario had cut a network that nobody used.
struct Cutting;

impl Stage for Cutting {
    fn perform(&self, job: &Job) -> ScenarioResult {
        let mut account = UniverseStage::default().perform(job).account;
        if job.case.scenario.contains("meets nothing") {
            account.faults.push(FaultOutcome::new("every network is cut", FaultKind::Aimed, 0, 0));
        }
        account.conclude(job)
    }
}

#[test]
fn the_junit_writer_tells_of_every_scenario_in_order() {
    let suite = suite("junit");
    let file = folder("junit-out").join("junit.xml");
    let runner = UniverseRunner::new(Arc::clone(&suite), Arc::new(Cutting))
        .workers(NonZeroUsize::new(3).unwrap())
        .out(folder("junit-records"));
    let writer = writer::JUnit::new(fs::File::create(&file).unwrap(), writer::Verbosity::Default);
    futures::executor::block_on(
        Cucumber::<World, _, _, _, _>::custom(SuiteParser::new(suite), runner, writer)
            .with_cli(cli::Opts::<_, _, _, cli::Empty>::default())
            .run(()),
    );
    let xml = fs::read_to_string(&file).unwrap();
    let cases: Vec<&str> = xml.split("<testcase ").skip(1).collect();
    let names: Vec<&str> = cases.iter().map(|case| case.split('"').nth(1).unwrap()).collect();
    // The writer names each file by its whole path.
    let bare = |name: &&str| match (name.rsplit_once(": "), name.rsplit_once('/')) {
        (Some((title, _)), Some((_, file))) => format!("{title}: {file}"),
        _ => (*name).to_owned(),
    };
    insta::assert_snapshot!(names.iter().map(bare).collect::<Vec<_>>().join("\n"));
    let failed = |case: &&&str| case.contains("<failure");
    assert_eq!(cases.iter().filter(failed).count(), 3, "{xml}");
    assert!(cases[0].contains("there is no open order to close"), "{xml}");
    assert!(cases[2].contains("every network is cut"), "{xml}");
}

#[test]
fn a_summary_counts_what_came_of_the_steps() {
    let suite = suite("summary");
    let runner = UniverseRunner::new(Arc::clone(&suite), Arc::new(Cutting)).seed(4).out(folder("summary-records"));
    let writer =
        writer::Basic::raw(Vec::new(), writer::Coloring::Never, writer::Verbosity::Default).normalized().summarized();
    let summary = futures::executor::block_on(
        Cucumber::<World, _, _, _, _>::custom(SuiteParser::new(suite), runner, writer)
            .with_cli(cli::Opts::<_, _, _, cli::Empty>::default())
            .run(()),
    );
    assert_eq!(summary.failed_steps(), 2);
    assert_eq!(summary.hook_errors(), 1);
    assert_eq!(summary.skipped_steps(), 0);
    assert!(summary.execution_has_failed());
}
