//! The same jobs as a cucumber `Runner`, so that every writer that speaks cucumber's events (JUnit, JSON, Basic) works.
//!
//! ```no_run
//! use std::sync::Arc;
//! use busyhour_scenarios::cucumber_runner::{SuiteParser, UniverseRunner};
//! use busyhour_scenarios::{World, stage::UniverseStage, suite::Suite, vocabulary::Vocabulary};
//! use cucumber::{Cucumber, WriterExt as _, writer};
//!
//! let suite = Arc::new(Suite::load(&["features".into()], &Vocabulary::of_this_build())?);
//! let parser = SuiteParser::new(Arc::clone(&suite));
//! let runner = UniverseRunner::new(suite, Arc::new(UniverseStage::default()));
//! let writer = writer::Basic::stdout().summarized();
//! futures::executor::block_on(Cucumber::<World, _, _, _, _>::custom(parser, runner, writer).run_and_exit(()));
//! # Ok::<(), busyhour_scenarios::suite::LoadError>(())
//! ```

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use busyhour::media::Cadence;
use cucumber::event::{self, HookType, Source, StepError};
use cucumber::{Event, Parser, Runner, cli, parser};
use futures::channel::mpsc;
use futures::stream::{self, LocalBoxStream};
use futures::{FutureExt as _, Stream, StreamExt as _};

use crate::World;
use crate::outcome::{ScenarioResult, StepOutcome, StepStatus};
use crate::run::{self, Plan};
use crate::script::Case;
use crate::stage::Stage;
use crate::suite::Suite;
use crate::vocabulary::Vocabulary;

/// Hands the features of a suite to cucumber. They have been read and looked through already.
pub struct SuiteParser {
    suite: Arc<Suite>,
}

impl SuiteParser {
    /// Of that suite.
    pub fn new(suite: Arc<Suite>) -> SuiteParser {
        SuiteParser { suite }
    }
}

impl Parser<()> for SuiteParser {
    type Cli = cli::Empty;
    type Output = stream::Iter<std::vec::IntoIter<parser::Result<gherkin::Feature>>>;

    fn parse(self, _input: (), _cli: cli::Empty) -> Self::Output {
        let features: Vec<_> = self.suite.features.iter().map(|feature| Ok(feature.gherkin.clone())).collect();
        stream::iter(features)
    }
}

/// Runs the scenarios of a suite, each in a universe of its own, and tells of them in cucumber's events.
///
/// What is said of a scenario as a whole (a fault that met nothing, a broken invariant) comes as the failure of a hook
/// after it, for cucumber knows no other place.
pub struct UniverseRunner {
    suite: Arc<Suite>,
    stage: Arc<dyn Stage>,
    seed: u64,
    workers: NonZeroUsize,
    out: PathBuf,
}

impl UniverseRunner {
    /// On that stage, with seed 0, on all cores, with the records in [`run::records_of_tests`].
    pub fn new(suite: Arc<Suite>, stage: Arc<dyn Stage>) -> UniverseRunner {
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        UniverseRunner { suite, stage, seed: 0, workers, out: run::records_of_tests() }
    }

    /// With another seed.
    pub fn seed(mut self, seed: u64) -> UniverseRunner {
        self.seed = seed;
        self
    }

    /// On so many threads.
    pub fn workers(mut self, workers: NonZeroUsize) -> UniverseRunner {
        self.workers = workers;
        self
    }

    /// With the records below another folder.
    pub fn out(mut self, out: impl Into<PathBuf>) -> UniverseRunner {
        self.out = out.into();
        self
    }

    /// The case of a scenario that came out of [`SuiteParser`], perhaps through cucumber's own filters.
    fn case_of(&self, feature: &gherkin::Feature, scenario: &gherkin::Scenario) -> Option<Arc<Case>> {
        let read = self.suite.features.iter().find(|read| read.gherkin.path == feature.path)?;
        let in_rules = read.gherkin.rules.iter().flat_map(|rule| &rule.scenarios);
        let at = read.gherkin.scenarios.iter().chain(in_rules).position(|one| one == scenario)?;
        read.cases.get(at).cloned()
    }
}

type Told = parser::Result<Event<event::Cucumber<World>>>;

/// A scenario in the events of cucumber.
#[derive(Clone)]
struct Cast {
    feature: Source<gherkin::Feature>,
    rule: Option<Source<gherkin::Rule>>,
    scenario: Source<gherkin::Scenario>,
    /// Whether it's the first and the last of its feature, and the first and the last of its rule.
    ends: Ends,
}

#[derive(Clone, Copy, Default)]
struct Ends {
    opens_feature: bool,
    closes_feature: bool,
    opens_rule: bool,
    closes_rule: bool,
}

impl Runner<World> for UniverseRunner {
    type Cli = cli::Empty;
    type EventStream = LocalBoxStream<'static, Told>;

    fn run<S>(self, features: S, _cli: cli::Empty) -> Self::EventStream
    where
        S: Stream<Item = parser::Result<gherkin::Feature>> + 'static,
    {
        async move {
            let mut opening: Vec<Told> = vec![Ok(Event::new(event::Cucumber::Started))];
            let mut cases = Vec::new();
            let mut casts = Vec::new();
            let (mut feature_count, mut rules, mut steps, mut parser_errors) = (0, 0, 0, 0);
            let read: Vec<_> = features.collect().await;
            for feature in read {
                match feature {
                    Err(error) => {
                        parser_errors += 1;
                        opening.push(Err(error));
                    }
                    Ok(feature) => {
                        feature_count += 1;
                        rules += feature.rules.len();
                        for (cast, case) in self.cast(feature) {
                            steps += case.script.steps.iter().filter(|step| !step.background).count();
                            casts.push(cast);
                            cases.push(case);
                        }
                    }
                }
            }
            opening.push(Ok(Event::new(event::Cucumber::ParsingFinished {
                features: feature_count,
                rules,
                scenarios: cases.len(),
                steps,
                parser_errors,
            })));
            let Some(end) = self.seed.checked_add(1) else {
                panic!("{} can't be a seed: it's the one number with none after it", self.seed)
            };
            let plan = Plan {
                cases,
                seeds: self.seed..end,
                workers: self.workers,
                out: self.out,
                trails: false,
                cadence: Cadence::Auto,
                partition: None,
                live: false,
            };
            let results = results(plan, self.stage);
            let vocabulary = Vocabulary::of_this_build();
            let told = results.zip(stream::iter(casts)).flat_map(move |(result, cast)| {
                let events = scenario_told(&cast, &result, &vocabulary);
                stream::iter(events.into_iter().map(|event| Ok(Event::new(event))))
            });
            let end = stream::once(async { Ok(Event::new(event::Cucumber::Finished)) });
            stream::iter(opening).chain(told).chain(end)
        }
        .flatten_stream()
        .boxed_local()
    }
}

impl UniverseRunner {
    /// The scenarios of a feature as cucumber tells of them, each with its case.
    fn cast(&self, feature: gherkin::Feature) -> Vec<(Cast, Arc<Case>)> {
        let feature = Source::new(feature);
        let bare = feature.scenarios.iter().map(|scenario| (None, scenario));
        let rules: Vec<_> = feature.rules.iter().map(|rule| Source::new(rule.clone())).collect();
        let in_rules = rules.iter().flat_map(|rule| rule.scenarios.iter().map(move |scenario| (Some(rule), scenario)));
        let mut cast: Vec<(Cast, Arc<Case>)> = Vec::new();
        for (rule, scenario) in bare.chain(in_rules) {
            let case = self.case_of(&feature, scenario).unwrap_or_else(|| {
                panic!("the scenario `{}` doesn't belong to the suite of this runner", scenario.name)
            });
            let ends = Ends::default();
            let scenario = Source::new(scenario.clone());
            cast.push((Cast { feature: feature.clone(), rule: rule.cloned(), scenario, ends }, case));
        }
        let rules: Vec<_> = cast.iter().map(|(cast, _)| cast.rule.clone()).collect();
        let last = cast.len().saturating_sub(1);
        for (at, (cast, _)) in cast.iter_mut().enumerate() {
            cast.ends = Ends {
                opens_feature: at == 0,
                closes_feature: at == last,
                opens_rule: cast.rule.is_some() && (at == 0 || rules[at - 1] != cast.rule),
                closes_rule: cast.rule.is_some() && (at == last || rules[at + 1] != cast.rule),
            };
        }
        cast
    }
}

/// Runs a plan on threads of its own; its results come in the order of jobs.
fn results(plan: Plan, stage: Arc<dyn Stage>) -> mpsc::UnboundedReceiver<ScenarioResult> {
    let (sender, receiver) = mpsc::unbounded();
    thread::spawn(move || {
        run::run(&plan, &*stage, &AtomicBool::new(false), |event| {
            if let run::Event::Done(_, result) = event {
                // Whoever listened may have gone away; the run goes on to its end all the same.
                let _ = sender.unbounded_send(result.clone());
            }
        });
    });
    receiver
}

fn scenario_told(cast: &Cast, result: &ScenarioResult, vocabulary: &Vocabulary) -> Vec<event::Cucumber<World>> {
    let (feature, rule) = (cast.feature.clone(), cast.rule.clone());
    let mut events = Vec::new();
    if cast.ends.opens_feature {
        events.push(event::Cucumber::feature_started(feature.clone()));
    }
    if let Some(rule) = rule.clone().filter(|_| cast.ends.opens_rule) {
        events.push(event::Cucumber::rule_started(feature.clone(), rule));
    }
    let mut scenes = vec![event::Scenario::Started];
    let rule_background = cast.rule.iter().filter_map(|rule| rule.background.as_ref());
    let backgrounds = cast.feature.background.iter().chain(rule_background).flat_map(|background| &background.steps);
    let steps = backgrounds.chain(&cast.scenario.steps);
    for (step, outcome) in steps.zip(&result.account.steps) {
        scenes.extend(step_told(step, outcome, vocabulary).into_iter().flatten());
    }
    if !result.reasons.is_empty() {
        let info: event::Info = Arc::new(result.reasons.join("\n"));
        scenes.push(event::Scenario::hook_started(HookType::After));
        scenes.push(event::Scenario::hook_failed(HookType::After, None, info));
    }
    scenes.push(event::Scenario::Finished);
    events.extend(scenes.into_iter().map(|scene| {
        event::Cucumber::scenario(feature.clone(), rule.clone(), cast.scenario.clone(), scene.with_retries(None))
    }));
    if let Some(rule) = rule.filter(|_| cast.ends.closes_rule) {
        events.push(event::Cucumber::rule_finished(feature.clone(), rule));
    }
    if cast.ends.closes_feature {
        events.push(event::Cucumber::feature_finished(feature));
    }
    events
}

fn step_told(
    step: &gherkin::Step,
    outcome: &StepOutcome,
    vocabulary: &Vocabulary,
) -> Option<[event::Scenario<World>; 2]> {
    let found = vocabulary.collection().find(step).ok().flatten();
    let (captures, location) = found.map(|(_, captures, location, _)| (captures, location)).unzip();
    let location = location.flatten();
    let source = Source::new(step.clone());
    let ended = match outcome.status {
        // A step that wasn't reached is not told of; cucumber's own runner does the same.
        StepStatus::NotReached => return None,
        StepStatus::Passed => event::Step::Passed(captures?, location),
        StepStatus::Failed => {
            let message = outcome.failure.as_ref().map(ToString::to_string).unwrap_or_default();
            let info: event::Info = Arc::new(message);
            event::Step::Failed(captures, location, None, StepError::Panic(info))
        }
    };
    Some([event::Step::Started, ended].map(|event| match outcome.background {
        true => event::Scenario::Background(source.clone(), event),
        false => event::Scenario::Step(source.clone(), event),
    }))
}
