//! Where a scenario is performed: a universe of its own, from which its record is made.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use busyhour::world::audio::wav;
use busyhour::world::{Host, Tap, thread_cpu_time};
use busyhour::{DEFAULT_BIRTH, Outcome, Universe};
use busyhour_oracle::Panel;
use busyhour_oracle::decryption::{Announcer, Decryption};
use busyhour_trace::pcapng::{PcapngReader, PcapngWriter};
use busyhour_trace::record::{self, Named, Record, RecordError, RecordWriter, Seeds};
use busyhour_trace::{Event, Log, MediaKeys, PacketSeen, RunHash, SimTime};
use cucumber::World as _;

use crate::World;
use crate::argument::{LocalTime, Zone};
use crate::beside::{Beside, Shelf};
use crate::build;
use crate::diagram::{Collector, Diagram, Focus};
use crate::outcome::{Account, FaultOutcome, OracleOutcome, ScenarioResult, StepOutcome, StepStatus, Verdict};
use crate::play::{self, Observer};
use crate::problem;
use crate::report;
use crate::run::Job;
use crate::scene::{Elsewhere, Recording, Scene, ServerChoice};
use crate::script::{Case, Script, ScriptStep};
use crate::traffic::Traffic;
use crate::vocabulary::{Bound, IT_IS};
use crate::wiretap::SharedWiretap;

/// The file of a record that holds its sequence diagram.
pub const DIAGRAM: &str = "diagram.txt";

/// A scenario may take this much simulated time: longer than any schedule that is known to us (webhooks are retried
/// for days), shorter than for ever.
const DEADLINE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Runs one scenario in a universe of its own and says what came of it.
///
/// It is called on a worker's thread, from several of them at once. The universe's own thread is the stage's affair (law
/// 1), and so is the record that it leaves in [`Job::record_folder`]. A stage that panics is a bug of the harness.
pub trait Stage: Send + Sync {
    /// Looks at what is about to be performed, before anything is.
    ///
    /// # Errors
    /// What makes it impossible, in a sentence that names the file.
    fn prepare(&self, _cases: &[Arc<Case>]) -> Result<(), String> {
        Ok(())
    }

    /// The same stage on real sockets and in real time, if it can; with that server, if one is given.
    fn live(&self, _server: Option<Elsewhere>) -> Option<Box<dyn Stage>> {
        None
    }

    /// Forgets what it has read of what stands beside feature files: it may have changed since.
    fn forget(&self) {}

    /// Runs the scenario of this job.
    fn perform(&self, job: &Job) -> ScenarioResult;
}

/// The stage that scenarios are made for.
#[derive(Debug, Default)]
pub struct UniverseStage {
    shelf: Shelf,
    server: ServerChoice,
    is_live: bool,
}

impl UniverseStage {
    /// With a SIP server of your own in the place of ours: a program that runs on the server's host. Every account's
    /// password is its name.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use busyhour::world::Host;
    /// use busyhour_scenarios::stage::UniverseStage;
    ///
    /// async fn my_server(host: Host) {
    ///     let socket = host.udp(5060).await.unwrap();
    ///     while let Ok((_request, _from)) = socket.recv().await {
    ///         // ...
    ///     }
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     busyhour_scenarios::cli::main_on(Arc::new(UniverseStage::default().with_server(my_server)))
    /// }
    /// ```
    #[must_use]
    pub fn with_server<F, Fut>(mut self, program: F) -> UniverseStage
    where
        F: Fn(Host) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        self.server = ServerChoice::program(program);
        self
    }
}

/// What the taps feed: the witnesses, the counts, the diagram and the capture.
struct Ears {
    panel: Panel,
    traffic: Traffic,
    messages: Collector,
    capture: Option<PcapngWriter<BufWriter<File>>>,
    trouble: Option<std::io::Error>,
}

impl Ears {
    fn new(panel: Panel) -> Ears {
        Ears { panel, traffic: Traffic::default(), messages: Collector::default(), capture: None, trouble: None }
    }
}

impl Tap for Ears {
    fn packet(&mut self, seen: &PacketSeen<'_>, log: &Log) {
        self.panel.packet(seen);
        self.traffic.packet(seen);
        self.messages.packet(seen);
        if let Some(capture) = &mut self.capture
            && let Err(error) = capture.packet(seen, log)
        {
            self.trouble.get_or_insert(error);
            self.capture = None;
        }
    }

    fn event(&mut self, event: &Event, log: &Log) {
        self.panel.event(event, log);
    }

    fn finish(&mut self, at: SimTime, _: &Log) {
        self.panel.finish(at);
    }
}

/// Reads off what a universe has cost when its scenario ends, whichever way: the thread is the universe's own.
struct Meter(Arc<Mutex<Duration>>);

impl Drop for Meter {
    fn drop(&mut self) {
        if let Ok(mut taken) = self.0.lock() {
            *taken = thread_cpu_time();
        }
    }
}

/// Writes each step into the universe's log, tells the time, and keeps what was played where it outlives the universe.
struct Narrator {
    universe: Universe,
    played: Arc<Mutex<Played>>,
}

/// What was played.
#[derive(Default)]
struct Played {
    /// The steps that have ended.
    steps: Vec<StepOutcome>,
    /// Of those that the running step is made of, the ones that have ended.
    within: Vec<StepOutcome>,
}

impl Observer for Narrator {
    fn now(&self) -> SimTime {
        self.universe.now()
    }

    fn ended(&mut self, _: usize, outcome: &StepOutcome) {
        let mut played = self.played.lock().expect("nobody panics while holding the steps");
        played.within.clear();
        played.steps.push(outcome.clone());
    }

    fn ended_within(&mut self, outcome: &StepOutcome) {
        self.played.lock().expect("nobody panics while holding the steps").within.push(outcome.clone());
    }

    fn begins_within(&mut self, step: &ScriptStep) {
        self.universe.note("step", |event| {
            let text = format!("{} {}", step.keyword, step.text);
            event.with("file", &*step.file).with("line", step.line).with("text", text)
        });
    }

    fn begins(&mut self, _: usize, step: &ScriptStep) {
        self.universe.note("step", |event| {
            event.with("line", step.line).with("text", format!("{} {}", step.keyword, step.text))
        });
    }
}

impl Stage for UniverseStage {
    /// Reads the network profiles and senders beside the feature files, and sees that each `@breaks:NAME` names an invariant.
    fn prepare(&self, cases: &[Arc<Case>]) -> Result<(), String> {
        let panel = Panel::always_on();
        let mut problems: Vec<String> = Vec::new();
        for case in cases {
            let beside = self.shelf.of(&case.feature.file).map(|_| ()).map_err(|error| error.to_string());
            let breaks = case.breaks().filter_map(|name| {
                let unknown = panel.get(&name).err()?;
                let all: Vec<&str> = panel.witnesses().map(|witness| witness.name()).collect();
                let hint =
                    if unknown.nearest.is_empty() { format!("; there are {}", all.join(", ")) } else { "".into() };
                Some(format!(
                    "{}:{}: `{}` has a tag @breaks:{name}: {unknown}{hint}",
                    case.feature.file, case.line, case.scenario
                ))
            });
            for problem in beside.err().into_iter().chain(breaks) {
                // A broken profile is the same for each scenario of its folder.
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(format!("{}\n{}", problems.join("\n"), problem::count_shown(problems.len())))
    }

    fn live(&self, server: Option<Elsewhere>) -> Option<Box<dyn Stage>> {
        let server = server.map_or_else(|| self.server.clone(), ServerChoice::Elsewhere);
        Some(Box::new(UniverseStage { server, is_live: true, ..UniverseStage::default() }))
    }

    fn forget(&self) {
        self.shelf.clear();
    }

    fn perform(&self, job: &Job) -> ScenarioResult {
        let Beside { profiles, contracts } = match self.shelf.of(&job.case.feature.file) {
            Ok(beside) => beside,
            Err(error) => return ScenarioResult::bug(job, error.to_string()),
        };
        let born_at = match birth(&job.case.script) {
            Ok(born_at) => born_at,
            Err(error) => return ScenarioResult::bug(job, error),
        };
        let begun = RecordWriter::create(&job.record_folder).and_then(|mut record| {
            let capture = record.capture(born_at * 1_000_000_000, &job.case.to_string())?;
            Ok((record, capture))
        });
        let (record, capture) = match begun {
            Ok(begun) => begun,
            Err(error) => return ScenarioResult::bug(job, format!("the record can't be written: {error}")),
        };
        let panel = match self.server {
            // Nobody here sees what leaves a server that runs outside.
            ServerChoice::Elsewhere(_) => Panel::always_on().without("nothing_unsent_arrives"),
            _ => Panel::always_on(),
        };
        let ears = Arc::new(Mutex::new(Ears { capture: Some(capture), ..Ears::new(panel) }));
        let hash = if job.trail.is_some() { RunHash::with_trail() } else { RunHash::default() };
        let script = job.case.script.clone();
        // Shared with the universe, so that steps that were played are known even if it ends before its time.
        let played: Arc<Mutex<Played>> = Arc::default();
        let playing = Arc::clone(&played);
        let heard: Arc<Mutex<Vec<Recording>>> = Arc::default();
        let hearing = Arc::clone(&heard);
        let cadence = job.cadence;
        let universe = if self.is_live {
            Universe::live().files(job.record_folder.join("files"))
        } else {
            Universe::seeded(job.scenario_seed)
        };
        let server = self.server.clone();
        let wiretap = SharedWiretap::default();
        let universe = universe.tap(Arc::clone(&ears)).tap(Arc::clone(&wiretap));
        let taken: Arc<Mutex<Duration>> = Arc::default();
        let meter = Meter(Arc::clone(&taken));
        let outcome = universe.born_at(born_at).deadline(DEADLINE).profiles(profiles).hash(hash).run(
            move |universe| async move {
                let _meter = meter;
                let mut world = World::new().await.map_err(|error| format!("no world can be made: {error}"))?;
                busyhour::media::cadence::set(cadence);
                world.fill(Scene::with_server(universe.clone(), server).tapped(wiretap).with_senders(contracts));
                play::play(&mut world, &script, &mut Narrator { universe, played: playing }).await;
                if let Some(scene) = world.filled::<Scene>() {
                    *hearing.lock().expect("nobody panics while holding what was heard") = scene.recordings();
                }
                Ok::<(), String>(())
            },
        );
        let deaf = Ears::new(Panel::new(Vec::new()));
        let ears = std::mem::replace(&mut *ears.lock().expect("no tap panics"), deaf);
        let played = std::mem::take(&mut *played.lock().expect("nobody panics while holding the steps"));
        let heard = std::mem::take(&mut *heard.lock().expect("nobody panics while holding what was heard"));
        let mut result = conclude(job, outcome, ears, played, &heard, record);
        result.account.cpu_time = *taken.lock().expect("nobody panics while reading a clock");
        result
    }
}

/// When the universe of a scenario is born, in seconds since 1970: what the first step says that tells the time.
fn birth(script: &Script) -> Result<u64, String> {
    let told = script.leaves().find_map(|step| match &step.bound {
        Bound::Phrase(phrase, matches) if phrase.expression == IT_IS => Some(matches),
        _ => None,
    });
    let Some(matches) = told else { return Ok(DEFAULT_BIRTH) };
    let time: LocalTime = matches.get(0).map_err(|error| error.to_string())?;
    let zone: Zone = matches.get(1).map_err(|error| error.to_string())?;
    Ok(zone.at(time).1)
}

/// Judges what happened and writes the record of it.
fn conclude(
    job: &Job,
    mut outcome: Outcome<Result<(), String>>,
    mut ears: Ears,
    played: Played,
    heard: &[Recording],
    record: RecordWriter,
) -> ScenarioResult {
    let ruin = match &outcome.result {
        Ok(Ok(())) => None,
        Ok(Err(error)) => return ScenarioResult::bug(job, error.clone()),
        Err(cause) => Some(cause.to_string()),
    };
    let why = ruin.as_deref().unwrap_or("the universe ended while this step ran");
    let steps = play::broken_off(played.steps, played.within, &job.case.script, why);
    if let Some(trail) = outcome.hash.take_trail()
        && let Some(file) = &job.trail
        && let Err(error) = trail.save(file)
    {
        return ScenarioResult::bug(job, error.to_string());
    }
    let capture = ears.capture.take().map(|capture| capture.finish()).transpose();
    if let Some(error) = ears.trouble.or(capture.err()) {
        let file = job.record_folder.join(record::WIRE);
        return ScenarioResult::bug(job, format!("the capture can't be written: {}: {error}", file.display()));
    }
    let oracles = ears.panel.oracles();
    let faults: Vec<record::Fault> = outcome.faults.iter().map(|fault| fault.record()).collect();
    let account = Account {
        steps,
        ruin,
        hash: Some(outcome.digest().to_string()),
        sim_time: Duration::from_nanos(outcome.ended_at.as_nanos()),
        packets: Some(outcome.packets.sent),
        traffic: ears.traffic.told(&outcome.log),
        faults: faults.iter().map(FaultOutcome::from).collect(),
        oracles: oracles.iter().map(OracleOutcome::from).collect(),
        ..Account::default()
    };
    let mut result = account.conclude(job);
    if result.verdict == Verdict::Passed && !job.keep_if_passed {
        // Dropped, the record leaves nothing behind.
        return result;
    }
    let diagram = ears.messages.into_diagram(&outcome.log);
    if result.verdict == Verdict::Failed {
        result.account.diagram = diagram.part(&focus(job, &result, &oracles));
    }
    let about = describe(job, &outcome, &result, faults, oracles);
    // What people heard last is of interest where something went wrong.
    let heard = if result.verdict == Verdict::Failed { heard } else { &[] };
    match write(record, about, &diagram, heard, &outcome.log) {
        Ok(files) => {
            result.account.record_folder = Some(job.record_folder.clone());
            result.account.record_files = files.iter().map(|file| job.record_folder.join(file)).collect();
            result
        }
        Err(error) => ScenarioResult::bug(job, format!("the record can't be written: {error}")),
    }
}

/// What the failure is about: the rule that's broken and the packets that prove it, or the step.
fn focus(job: &Job, result: &ScenarioResult, oracles: &[record::Oracle]) -> Focus {
    let end = SimTime::ZERO + result.account.sim_time;
    if let Some(step) = result.failed_step() {
        let culprit = step.culprit();
        return Focus { at: step.ended.unwrap_or(end), text: culprit.text.clone(), packets: Vec::new() };
    }
    let breaks: Vec<String> = job.case.breaks().collect();
    let broken = oracles.iter().filter(|oracle| !breaks.contains(&oracle.name));
    match broken.filter_map(|oracle| oracle.violations.first()).next() {
        Some(first) => Focus { at: first.at, text: first.what.clone(), packets: first.packets.clone() },
        None => Focus { at: end, text: result.reasons.join("; "), packets: Vec::new() },
    }
}

fn write(
    mut record: RecordWriter,
    about: Record,
    diagram: &Diagram,
    heard: &[Recording],
    log: &Log,
) -> Result<Vec<String>, RecordError> {
    let mut files = vec![record::WIRE.to_owned(), record::EVENTS_TEXT.to_owned()];
    if !diagram.is_empty() {
        let text = diagram.whole();
        let written = record.file(DIAGRAM)?.write_all(text.as_bytes());
        written.map_err(|source| RecordError::Io { doing: "writing", file: DIAGRAM.into(), source })?;
        files.push(DIAGRAM.to_owned());
    }
    for Recording { by, samples } in heard {
        let name = format!("heard-{by}.wav");
        let written = record.file(&name)?.write_all(&wav::write(samples));
        written.map_err(|source| RecordError::Io { doing: "writing", file: name.clone().into(), source })?;
        files.push(name);
    }
    files.extend(decrypt(&mut record, &about, log)?);
    record.finish(about, log)?;
    Ok(files)
}

/// Leaves what was encrypted in the clear, and what others need to open the rest; nothing where nothing was encrypted.
fn decrypt(record: &mut RecordWriter, about: &Record, log: &Log) -> Result<Vec<String>, RecordError> {
    let keys = MediaKeys::all(log);
    let mut files = Vec::new();
    if keys.is_empty() {
        return Ok(files);
    }
    let trouble = |file: &'static str| move |source| RecordError::Io { doing: "writing", file: file.into(), source };
    let written = record.file(record::KEY_LOG)?.write_all(MediaKeys::key_log(&keys).as_bytes());
    written.map_err(trouble(record::KEY_LOG))?;
    files.push(record::KEY_LOG.to_owned());
    let mut decryption = Decryption::new(&keys);
    let mut announcer = Announcer::default();
    let mut capture = None;
    for packet in PcapngReader::new(record.written(record::WIRE)?) {
        for clear in decryption.packet(&packet.map_err(trouble(record::WIRE))?) {
            let capture = match &mut capture {
                Some(capture) => capture,
                None => {
                    let comment = format!("{}: what was encrypted", about.scenario);
                    capture.insert(record.capture_called(record::DECRYPTED, 0, &comment)?)
                }
            };
            for packet in announcer.before(&clear).iter().chain([&clear]) {
                let written = capture.copy(packet.at_ns, &packet.bytes, &packet.comment);
                written.map_err(trouble(record::DECRYPTED))?;
            }
        }
    }
    if let Some(capture) = capture {
        capture.finish().map_err(trouble(record::DECRYPTED))?;
        files.push(record::DECRYPTED.to_owned());
    }
    Ok(files)
}

fn describe<T>(
    job: &Job,
    outcome: &Outcome<T>,
    result: &ScenarioResult,
    faults: Vec<record::Fault>,
    oracles: Vec<record::Oracle>,
) -> Record {
    let case = &job.case;
    let seeds = Seeds { run: job.seed, scenario: job.scenario_seed };
    let line = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
    let mut about = Record::new(case.feature.key.clone(), case.scenario.clone(), seeds);
    about.line = line(case.line);
    about.example = case.row.iter().flat_map(|row| row.named()).map(|(name, value)| Named::new(name, value)).collect();
    about.tags = case.tags.clone();
    about.product.build = build::id().to_owned();
    about.product.commit = build::COMMIT.to_owned();
    let patience = busyhour::net::Patience::default();
    about.parameters = vec![
        Named::new("born_at", birth(&case.script).unwrap_or(DEFAULT_BIRTH)),
        Named::new("deadline_s", DEADLINE.as_secs()),
        Named::new("default_access", "office LAN, 0.5 ms each way"),
        Named::new("cadence", job.cadence.as_str()),
        Named::new("tcp_connect_gives_up_s", patience.connect.as_secs()),
        Named::new("tcp_data_gives_up_s", patience.data.as_secs()),
        Named::new("udp_receive_buffer_bytes", busyhour::net::RECEIVE_BUFFER),
        Named::new("mtu_bytes", busyhour::net::packet::DEFAULT_MTU),
    ];
    about.profiles = outcome
        .log
        .events()
        .iter()
        .filter(|event| event.kind == "access")
        .filter_map(|event| event.text("profile").map(str::to_owned))
        .collect();
    about.verdict = match result.verdict {
        Verdict::Passed => record::Verdict::Passed,
        Verdict::NotExercised => record::Verdict::NotExercised,
        Verdict::Failed | Verdict::Bug => record::Verdict::Failed,
    };
    about.reasons = result.reasons.clone();
    about.hash = outcome.digest();
    about.simulated = outcome.ended_at;
    about.packets = outcome.packets;
    about.steps = result
        .account
        .steps
        .iter()
        .flat_map(|step| step.unfolded())
        .map(|(depth, step)| record::Step {
            keyword: step.keyword.clone(),
            text: step.text.clone(),
            file: step.file.to_string(),
            line: line(step.line),
            status: match step.status {
                StepStatus::Passed => record::StepStatus::Passed,
                StepStatus::Failed => record::StepStatus::Failed,
                StepStatus::NotReached => record::StepStatus::Skipped,
            },
            started_at: step.started,
            ended_at: step.ended,
            message: step.failure.as_ref().map(ToString::to_string),
            depth: depth as u64,
        })
        .collect();
    about.faults = faults;
    about.oracles = oracles;
    about.replay = report::replay(case, &job.flag());
    about
}

impl From<&record::Oracle> for OracleOutcome {
    fn from(oracle: &record::Oracle) -> OracleOutcome {
        let breaches = oracle.violations.iter().map(|violation| format!("at {}: {}", violation.at, violation.what));
        OracleOutcome {
            name: oracle.name.clone(),
            rule: oracle.rule.clone(),
            judged: oracle.judged,
            breaches: breaches.collect(),
            breach_count: oracle.violations.len() as u64 + oracle.unlisted,
            exempt: oracle.exemptions.iter().map(|exemption| exemption.count).sum(),
        }
    }
}
