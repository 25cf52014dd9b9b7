//! Cucumber's messages: an object a line, of which Cucumber's own HTML formatter makes a page.
//!
//! A run of a scenario with a seed is a scenario, a pickle and a test case of its own. It is never a second attempt: the
//! same seed gives the same, and another seed is another test. Behind the steps stands a hook for what is judged when a scenario
//! has ended: the invariants, the faults, and whether the run was the same a second time. Times are simulated: each
//! scenario begins when universes are born if nothing else is said, so the same run leaves the same bytes.
//!
//! A feature file's messages are written when all of it was told: the tree of what ran stands before what came of it.

mod document;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use busyhour::DEFAULT_BIRTH;
use busyhour_trace::SimTime;
use gherkin::StepType;
use serde_json::{Value, json};

use self::document::Document;
use super::telling::{Closed, Counts, One, Told};
use super::{End, FormatError, Word, Writer, visible};
use crate::build;
use crate::outcome::{StepOutcome, StepStatus};
use crate::report::{self, Launcher};
use crate::run::Plan;
use crate::script::{Case, ScriptStep};
use crate::vocabulary::Bound;

/// The version of the messages' schema that these are written by.
const PROTOCOL: &str = "34.2.1";
/// The only run that is told of.
const RUN: &str = "run";

/// Numbers what is referred to.
#[derive(Debug, Default)]
struct Ids(u64);

impl Ids {
    fn next(&mut self) -> String {
        self.0 += 1;
        self.0.to_string()
    }
}

/// A test case that is being told.
struct Playing<'a> {
    case: &'a Case,
    started: String,
    /// The test steps, as the test case lists them.
    steps: Vec<Value>,
    pickle_steps: Vec<Value>,
    /// What tells it from the scenario's other runs; nothing if there are none.
    run: String,
    nodes: Vec<String>,
    tags: Vec<Value>,
}

/// Writes messages as the run goes on.
pub struct Messages {
    out: Box<dyn Write>,
    launcher: Launcher,
    many_seeds: bool,
    ids: Ids,
    /// The feature files that weren't told yet, by their names.
    documents: BTreeMap<Arc<str>, Document>,
    /// The feature file that is being told.
    current: Option<Arc<str>>,
    /// What came of it, which is written behind its tree.
    behind: Vec<u8>,
    /// The phrases that were told, by their expressions.
    definitions: BTreeMap<String, String>,
    /// The hooks that were told, by their names.
    hooks: BTreeMap<&'static str, String>,
    success: bool,
    last: SimTime,
}

/// What is judged when a scenario has ended.
const AT_THE_END: &str = "the invariants and the faults";
/// Whether it was the same a second time.
const A_SECOND_TIME: &str = "the same seed in a second process";
/// The seeds that aren't told one by one.
const OTHER_SEEDS: &str = "the other seeds";
/// What must be hit with at least one of the seeds.
const ALL_SEEDS: &str = "what chance must not spare with every seed";

impl Messages {
    /// Into there; the feature files of the plan are read again, for their texts are part of it.
    ///
    /// # Errors
    /// A feature file can't be read any more.
    pub fn new(out: Box<dyn Write>, plan: &Plan, launcher: Launcher) -> Result<Messages, FormatError> {
        let mut messages = Messages {
            out,
            launcher,
            many_seeds: plan.seeds_count() > 1,
            ids: Ids::default(),
            documents: BTreeMap::new(),
            current: None,
            behind: Vec::new(),
            definitions: BTreeMap::new(),
            hooks: BTreeMap::new(),
            success: true,
            last: SimTime::ZERO,
        };
        for case in &plan.cases {
            let file = &case.feature.file;
            if !messages.documents.contains_key(file) {
                let document = Document::read(file, &mut messages.ids)
                    .map_err(|why| FormatError::Source { file: file.to_string(), why })?;
                messages.documents.insert(Arc::clone(file), document);
            }
        }
        Ok(messages)
    }

    /// Says something of the feature file that is being told.
    fn say(&mut self, kind: &str, message: Value) -> io::Result<()> {
        write_message(&mut self.behind, kind, message)
    }

    /// Turns to a feature file: what was said of the one before is written.
    fn turn_to(&mut self, file: Option<&Arc<str>>) -> io::Result<()> {
        if self.current.as_ref() == file {
            return Ok(());
        }
        if let Some(document) = self.current.take().and_then(|file| self.documents.remove(&file)) {
            write_message(&mut self.out, "source", document.source())?;
            write_message(&mut self.out, "gherkinDocument", document.ast())?;
        }
        self.out.write_all(&self.behind)?;
        self.behind.clear();
        self.current = file.cloned();
        Ok(())
    }

    /// What stands before the first test case.
    fn begin(&mut self) -> io::Result<()> {
        if self.ids_of_run_told() {
            return Ok(());
        }
        let product = |name: &str, version: &str| json!({ "name": name, "version": version });
        self.say(
            "meta",
            json!({
                "protocolVersion": PROTOCOL,
                "implementation": product("busyhour", env!("CARGO_PKG_VERSION")),
                "runtime": product("commit", build::COMMIT),
                "os": { "name": std::env::consts::OS },
                "cpu": { "name": std::env::consts::ARCH },
            }),
        )?;
        self.hook(AT_THE_END)?;
        self.say("testRunStarted", json!({ "id": RUN, "timestamp": clock(SimTime::ZERO) }))?;
        self.turn_to_nothing()
    }

    /// What doesn't belong to any feature file is written at once.
    fn turn_to_nothing(&mut self) -> io::Result<()> {
        self.out.write_all(&std::mem::take(&mut self.behind))
    }

    fn ids_of_run_told(&self) -> bool {
        self.hooks.contains_key(AT_THE_END)
    }

    fn hook(&mut self, name: &'static str) -> io::Result<String> {
        if let Some(id) = self.hooks.get(name) {
            return Ok(id.clone());
        }
        let id = self.ids.next();
        self.hooks.insert(name, id.clone());
        let hook = json!({ "id": id, "name": name, "type": "AFTER_TEST_CASE", "sourceReference": {} });
        self.say("hook", hook)?;
        Ok(id)
    }

    /// The phrase behind a step; nothing for a step of another crate, of which no expression is known.
    fn definition(&mut self, step: &ScriptStep) -> io::Result<Option<String>> {
        let (expression, uri, location) = match &step.bound {
            Bound::Phrase(phrase, _) => {
                let declared = phrase.declared;
                (phrase.expression, declared.path, json!({ "line": declared.line, "column": declared.column }))
            }
            Bound::Composed(composed) => {
                let phrase = &composed.phrase;
                (phrase.expression(), &*phrase.file, json!({ "line": phrase.line }))
            }
            Bound::Foreign(..) => return Ok(None),
        };
        // Two books may have a phrase of the same words.
        let key = format!("{expression} {uri} {location}");
        if let Some(id) = self.definitions.get(&key) {
            return Ok(Some(id.clone()));
        }
        let id = self.ids.next();
        self.definitions.insert(key, id.clone());
        self.say(
            "stepDefinition",
            json!({
                "id": id,
                "pattern": { "source": expression, "type": "CUCUMBER_EXPRESSION" },
                "sourceReference": { "uri": uri, "location": location },
            }),
        )?;
        Ok(Some(id))
    }

    /// Makes the steps of a test case, each a pickle step and a test step.
    fn steps<'a>(&mut self, case: &'a Case, run: String) -> io::Result<Playing<'a>> {
        self.begin()?;
        self.turn_to(Some(&case.feature.file))?;
        let (mut steps, mut pickle_steps) = (Vec::new(), Vec::new());
        let (mut nodes_of_steps, mut nodes_of_scenario, mut tags) = (Vec::new(), Vec::new(), Vec::new());
        let document = self.documents.get_mut(&case.feature.file);
        if let Some(nodes) = document.and_then(|document| document.nodes(case.line, &run, &mut self.ids)) {
            let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect::<Vec<String>>();
            nodes_of_scenario = owned(nodes.scenario());
            tags = nodes.tags(&case.tags);
            nodes_of_steps =
                case.script.steps.iter().map(|step| owned(nodes.step(step.line, step.background))).collect();
        }
        for (index, step) in case.script.steps.iter().enumerate() {
            let definition = self.definition(step)?;
            let nodes = nodes_of_steps.get(index).cloned().unwrap_or_default();
            let pickle_step = self.ids.next();
            let mut pickled = json!({
                "id": pickle_step,
                "text": step.text,
                "type": match step.counts_as {
                    StepType::Given => "Context",
                    StepType::When => "Action",
                    StepType::Then => "Outcome",
                },
                "astNodeIds": nodes,
            });
            if let Some(argument) = argument(&step.bound) {
                pickled["argument"] = argument;
            }
            pickle_steps.push(pickled);
            let mut test_step = json!({ "id": self.ids.next(), "pickleStepId": pickle_step });
            if let Some(definition) = definition {
                test_step["stepDefinitionIds"] = json!([definition]);
                test_step["stepMatchArgumentsLists"] = json!([{ "stepMatchArguments": arguments(step) }]);
            }
            steps.push(test_step);
        }
        Ok(Playing { case, started: self.ids.next(), steps, pickle_steps, run, nodes: nodes_of_scenario, tags })
    }

    fn hook_step(&mut self, playing: &mut Playing<'_>, name: &'static str) -> io::Result<String> {
        let (hook, id) = (self.hook(name)?, self.ids.next());
        playing.steps.push(json!({ "id": id, "hookId": hook }));
        Ok(id)
    }

    /// Tells of the pickle and its test case, and that it began.
    fn start(&mut self, playing: &mut Playing<'_>) -> io::Result<()> {
        let case = playing.case;
        let (pickle, test_case) = (self.ids.next(), self.ids.next());
        let language = self.documents.get(&case.feature.file).map_or("en", Document::language);
        let message = json!({
            "id": pickle,
            "uri": &*case.feature.file,
            "location": { "line": case.line },
            "name": named(&case.title(), &playing.run),
            "language": language,
            "steps": std::mem::take(&mut playing.pickle_steps),
            "tags": std::mem::take(&mut playing.tags),
            "astNodeIds": std::mem::take(&mut playing.nodes),
        });
        self.say("pickle", message)?;
        let steps = std::mem::take(&mut playing.steps);
        let message = json!({ "id": test_case, "pickleId": pickle, "testRunStartedId": RUN, "testSteps": steps });
        self.say("testCase", message)?;
        self.say(
            "testCaseStarted",
            json!({
                "id": playing.started,
                "testCaseId": test_case,
                "attempt": 0,
                "timestamp": clock(SimTime::ZERO),
            }),
        )
    }

    fn step(&mut self, started: &str, id: &str, at: (SimTime, SimTime), came_to: &CameTo) -> io::Result<()> {
        let (from, to) = at;
        self.say(
            "testStepStarted",
            json!({ "testCaseStartedId": started, "testStepId": id, "timestamp": clock(from) }),
        )?;
        for (media_type, file_name, body) in &came_to.attachments {
            let mut attachment = json!({
                "testCaseStartedId": started,
                "testStepId": id,
                "body": body,
                "contentEncoding": "IDENTITY",
                "mediaType": media_type,
                "timestamp": clock(to),
            });
            if let Some(file_name) = file_name {
                attachment["fileName"] = json!(file_name);
            }
            self.say("attachment", attachment)?;
        }
        let mut result = json!({ "status": came_to.status, "duration": time(SimTime(to.0 - from.0)) });
        if let Some(message) = &came_to.message {
            result["message"] = json!(visible(message));
        }
        self.say(
            "testStepFinished",
            json!({
                "testCaseStartedId": started,
                "testStepId": id,
                "testStepResult": result,
                "timestamp": clock(to),
            }),
        )
    }

    fn end(&mut self, playing: &Playing<'_>, at: SimTime) -> io::Result<()> {
        self.last = self.last.max(at);
        self.say(
            "testCaseFinished",
            json!({ "testCaseStartedId": playing.started, "willBeRetried": false, "timestamp": clock(at) }),
        )
    }

    fn one(&mut self, one: &One<'_>) -> io::Result<()> {
        let One { job, result, different, .. } = *one;
        let word = one.word();
        self.success &= !word.is_bad();
        let run = if self.many_seeds { format!("seed {}", job.seed) } else { String::new() };
        let mut playing = self.steps(&job.case, run)?;
        let ids: Vec<String> = playing.steps.iter().map(id_of).collect();
        let at_the_end = self.hook_step(&mut playing, AT_THE_END)?;
        let second = match different {
            Some(_) => Some(self.hook_step(&mut playing, A_SECOND_TIME)?),
            None => None,
        };
        self.start(&mut playing)?;
        let mut at = SimTime::ZERO;
        let mut step_failed = false;
        for (index, id) in ids.iter().enumerate() {
            let outcome = result.account.steps.get(index);
            let (from, to) = (at_or(outcome.and_then(|o| o.started), at), at_or(outcome.and_then(|o| o.ended), at));
            // A step that was broken off ended with its universe.
            let to = match outcome {
                Some(StepOutcome { status: StepStatus::Failed, ended: None, .. }) => end_of(one),
                _ => to,
            };
            at = to.max(from);
            let came_to = match outcome {
                Some(step) if step.status == StepStatus::Failed => {
                    step_failed = true;
                    CameTo { attachments: self.attachments(one), ..CameTo::failed(why(step)) }
                }
                // A page shows one line for a step: what it's made of hangs below it.
                Some(step) if step.status == StepStatus::Passed && !step.inner.is_empty() => {
                    CameTo::noting(made_of(step))
                }
                Some(step) if step.status == StepStatus::Passed => CameTo::passed(),
                _ => CameTo::skipped(None),
            };
            self.step(&playing.started, id, (from, at), &came_to)?;
        }
        let end = end_of(one).max(at);
        let came_to = match result.reasons.as_slice() {
            [] if word == Word::NotExercised => CameTo::skipped(Some(result.spared().join("\n"))),
            [] => CameTo::passed(),
            reasons => {
                let attachments = if step_failed { Vec::new() } else { self.attachments(one) };
                CameTo { attachments, ..CameTo::failed(reasons.join("\n")) }
            }
        };
        self.step(&playing.started, &at_the_end, (end, end), &came_to)?;
        if let (Some(id), Some(different)) = (second, different) {
            let message =
                format!("{}: another result with the same seed\n{different}", Word::Nondeterministic.as_str());
            self.step(&playing.started, &id, (end, end), &CameTo::failed(message))?;
        }
        self.end(&playing, end)
    }

    /// What goes with a failure: who said what to whom, and how to run it again.
    fn attachments(&self, one: &One<'_>) -> Vec<Attachment> {
        let account = &one.result.account;
        let mut attachments: Vec<Attachment> = Vec::new();
        if one.at_length && !account.diagram.is_empty() {
            attachments.push(("text/plain", Some("diagram.txt"), visible(&account.diagram.join("\n"))));
        }
        let mut lines =
            vec![format!("replay  {}", report::replay_shown(&one.job.case, &one.job.flag(), self.launcher))];
        lines.extend(account.record_folder.iter().map(|folder| format!("record  {}", folder.display())));
        attachments.push(("text/x.cucumber.log+plain", None, visible(&lines.join("\n"))));
        attachments
    }

    /// What a scenario comes to beyond the runs that were told: a test case of a hook alone, for its steps were played
    /// many times.
    fn closed(&mut self, closed: &Closed) -> io::Result<()> {
        self.success &= !closed.word().is_bad();
        if closed.untold.all() > 0 {
            let told = format!("{} seeds that are not told one by one: {}", closed.untold.all(), closed.untold.told());
            let came_to = match closed.untold.worst() {
                Word::Passed => CameTo::noting(told),
                Word::NotExercised => CameTo::skipped(Some(told)),
                Word::Failed | Word::Nondeterministic | Word::Bug => CameTo::failed(told),
            };
            self.sum(&closed.case, OTHER_SEEDS, &closed.untold, &came_to)?;
        }
        if !closed.never_hit.is_empty() {
            self.sum(&closed.case, ALL_SEEDS, &closed.counts, &CameTo::failed(closed.never_hit.join("\n")))?;
        }
        Ok(())
    }

    fn sum(&mut self, case: &Case, hook: &'static str, counts: &Counts, came_to: &CameTo) -> io::Result<()> {
        let mut playing = self.steps(case, hook.to_owned())?;
        let ids: Vec<String> = playing.steps.iter().map(id_of).collect();
        let id = self.hook_step(&mut playing, hook)?;
        self.start(&mut playing)?;
        let steps = if counts.worst() == Word::Passed { CameTo::passed() } else { CameTo::skipped(None) };
        for step in &ids {
            self.step(&playing.started, step, (SimTime::ZERO, SimTime::ZERO), &steps)?;
        }
        self.step(&playing.started, &id, (SimTime::ZERO, SimTime::ZERO), came_to)?;
        self.end(&playing, SimTime::ZERO)
    }
}

impl Writer for Messages {
    fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
        match told {
            Told::One(one) => self.one(one),
            Told::Closed(closed) => self.closed(closed),
        }
    }

    fn finish(&mut self, end: &End<'_>) -> io::Result<()> {
        self.begin()?;
        let mut message = json!({
            "testRunStartedId": RUN,
            "success": self.success && !end.cut_short,
            "timestamp": clock(self.last),
        });
        if end.cut_short {
            message["message"] = json!("interrupted before all scenarios were run");
        }
        self.turn_to(None)?;
        write_message(&mut self.out, "testRunFinished", message)?;
        self.out.flush()
    }
}

/// Writes a message as a line.
fn write_message(out: &mut dyn Write, kind: &str, message: Value) -> io::Result<()> {
    let mut envelope = serde_json::Map::new();
    envelope.insert(kind.to_owned(), message);
    serde_json::to_writer(&mut *out, &envelope)?;
    out.write_all(b"\n")
}

/// A scenario's name with what tells one of its runs from the others.
fn named(name: &str, run: &str) -> String {
    if run.is_empty() { name.to_owned() } else { format!("{name} ({run})") }
}

/// Media type, file name, body.
type Attachment = (&'static str, Option<&'static str>, String);

/// What a step came to.
struct CameTo {
    status: &'static str,
    message: Option<String>,
    attachments: Vec<Attachment>,
}

impl CameTo {
    fn passed() -> CameTo {
        CameTo { status: "PASSED", message: None, attachments: Vec::new() }
    }

    fn skipped(message: Option<String>) -> CameTo {
        CameTo { status: "SKIPPED", message, attachments: Vec::new() }
    }

    fn failed(message: String) -> CameTo {
        CameTo { status: "FAILED", message: Some(message), attachments: Vec::new() }
    }

    /// A page shows no message of what passed.
    fn noting(message: String) -> CameTo {
        CameTo { attachments: vec![("text/x.cucumber.log+plain", None, message)], ..CameTo::passed() }
    }
}

fn id_of(step: &Value) -> String {
    step["id"].as_str().unwrap_or_default().to_owned()
}

fn at_or(time: Option<SimTime>, otherwise: SimTime) -> SimTime {
    time.unwrap_or(otherwise)
}

fn end_of(one: &One<'_>) -> SimTime {
    SimTime::ZERO + one.result.account.sim_time
}

fn why(step: &StepOutcome) -> String {
    let Some(failure) = &step.failure else { return String::new() };
    let why = match (&failure.expected, &failure.seen) {
        (Some(expected), Some(seen)) => format!("expected  {expected}\nseen      {seen}"),
        _ => failure.to_string(),
    };
    if step.inner.is_empty() { why } else { format!("{why}\n\n{}", made_of(step)) }
}

/// The steps that a step is made of, what came of each, and where it stands.
fn made_of(step: &StepOutcome) -> String {
    let lines = step.unfolded().into_iter().skip(1).map(|(depth, step)| {
        let StepOutcome { keyword, text, file, line, .. } = step;
        let mark = match step.status {
            StepStatus::Passed => "✓",
            StepStatus::Failed => "✗",
            StepStatus::NotReached => "–",
        };
        format!("{}{mark} {keyword} {text}  ({file}:{line})", "  ".repeat(depth - 1))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn time(at: SimTime) -> Value {
    let nanos = at.as_nanos();
    json!({ "seconds": nanos / 1_000_000_000, "nanos": nanos % 1_000_000_000 })
}

/// What the clocks of a universe show then, if nothing was said of the time.
fn clock(at: SimTime) -> Value {
    time(SimTime(DEFAULT_BIRTH * 1_000_000_000 + at.as_nanos()))
}

/// What hangs below a step.
fn argument(bound: &Bound) -> Option<Value> {
    let (table, text) = match bound {
        Bound::Phrase(_, matches) => (matches.table().map(<[_]>::to_vec), matches.text().map(str::to_owned)),
        Bound::Foreign(_, context) => {
            (context.step.table.as_ref().map(|table| table.rows.clone()), context.step.docstring.clone())
        }
        // Nothing hangs below what's made of others.
        Bound::Composed(_) => (None, None),
    };
    if let Some(text) = text {
        return Some(json!({ "docString": { "content": text } }));
    }
    let row =
        |row: &Vec<String>| json!({ "cells": row.iter().map(|cell| json!({ "value": cell })).collect::<Vec<_>>() });
    table.map(|rows| json!({ "dataTable": { "rows": rows.iter().map(row).collect::<Vec<_>>() } }))
}

/// What filled the gaps of a phrase, with where it stands. Places are counted as JavaScript does.
fn arguments(step: &ScriptStep) -> Vec<Value> {
    let Bound::Phrase(_, matches) = &step.bound else { return Vec::new() };
    let mut found = Vec::new();
    let mut from = 0;
    for (kind, words) in matches.arguments() {
        let Some(at) = step.text[from..].find(words).map(|at| from + at) else { continue };
        from = at + words.len();
        let start = step.text[..at].encode_utf16().count();
        found.push(json!({
            "group": { "start": start, "value": words, "children": [] },
            "parameterTypeName": kind.name,
        }));
    }
    found
}
