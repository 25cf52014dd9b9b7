//! `busyhour run`: the scenarios of feature files, performed and told of.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use busyhour::media::Cadence;
use clap::Args;
use regex::Regex;

use super::{
    EXIT_BUG, EXIT_INTERRUPTED, EXIT_NOTHING_CHOSEN, EXIT_PASSED, EXIT_USAGE, complain, exit_code_of, exit_unless_read,
};
use crate::determinism::{self, Compared, Twin};
use crate::format::{self, Format, Formats};
use crate::live;
use crate::lock::Lock;
use crate::outcome::ScenarioResult;
use crate::partition::Partition;
use crate::progress::Progress;
use crate::report::{self, Launcher, Report};
use crate::report_html;
use crate::results::{Gathering, Results};
use crate::run::{self, Event, Job, Plan};
use crate::scene::Elsewhere;
use crate::stage::Stage;
use crate::suite::{Choice, Suite};
use crate::tags::TagExpression;
use crate::vocabulary::Vocabulary;

/// What `run` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// Feature files and folders of them [default: features]
    pub(super) paths: Vec<PathBuf>,

    /// Run each scenario with this seed [default: 0]
    #[arg(long, value_name = "N", conflicts_with = "seeds", allow_negative_numbers = true, value_parser = one_seed)]
    seed: Option<u64>,

    /// Run each scenario with each of these seeds; B is not among them
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<Range<u64>>,

    /// Run so many scenarios at once; it changes nothing but the time it takes [default: all cores, 16 with --live, 1 with --server]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = jobs)]
    jobs: Option<NonZeroUsize>,

    /// Run this part of the whole: the first of three is 1/3; `busyhour merge` puts them together
    #[arg(long, value_name = "I/N", conflicts_with = "live")]
    partition: Option<Partition>,

    /// Run on real sockets and in real time [default features: registration and calls]
    #[arg(long, conflicts_with_all = ["seed", "seeds", "check_determinism", "fingerprints"])]
    live: bool,

    /// With --live: somebody else's SIP server, as udp:HOST:PORT or tcp:HOST:PORT
    #[arg(long, value_name = "SERVER", requires = "live")]
    server: Option<Elsewhere>,

    /// Run the scenarios with such tags, as in '@slow and not (@nightly or @live)'
    #[arg(long, value_name = "EXPR")]
    tags: Option<Typed<TagExpression>>,

    /// Run the scenarios whose name matches
    #[arg(long, value_name = "REGEX")]
    name: Option<Typed<Regex>>,

    /// Put the records of the run below this folder
    #[arg(long, value_name = "DIR", default_value = "target/busyhour")]
    out: PathBuf,

    /// Send these frames of audio: as many as anybody could notice, all of them, or one in ten
    #[arg(long, value_name = "auto|full|probe", default_value = "auto", hide_default_value = true, value_parser = cadence)]
    cadence: Cadence,

    /// Tell of the run so, in a file if one is named; may be given several times [default: pretty]
    #[arg(long = "format", value_name = "KIND[=FILE]")]
    formats: Vec<Format>,

    /// Run each scenario a second time, in another process, and compare
    #[arg(long)]
    check_determinism: bool,

    /// Print a fingerprint for each job and nothing else
    #[arg(long, hide = true)]
    fingerprints: bool,
}

impl RunArgs {
    /// The same for other paths.
    pub(super) fn with_paths(&self, paths: Vec<PathBuf>) -> RunArgs {
        RunArgs { paths, ..self.clone() }
    }
}

/// What was read of an argument, and what was typed: an expression can't be written back from what was read.
#[derive(Debug, Clone)]
struct Typed<T> {
    typed: String,
    read: T,
}

impl<T: FromStr> FromStr for Typed<T> {
    type Err = T::Err;

    fn from_str(typed: &str) -> Result<Self, T::Err> {
        Ok(Typed { typed: typed.to_owned(), read: typed.parse()? })
    }
}

fn one_seed(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        // A run is a range of seeds, and there is none that holds the greatest number alone.
        Ok(u64::MAX) => Err(format!("the greatest seed is {}", u64::MAX - 1)),
        Ok(seed) => Ok(seed),
        Err(_) => Err(format!("`{text}` is not a seed: seeds are whole numbers")),
    }
}

fn cadence(text: &str) -> Result<Cadence, String> {
    Cadence::of(text).ok_or_else(|| format!("`{text}` is no cadence: write auto, full or probe"))
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write how many scenarios may run at once, at least 1".to_owned())
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or("write a range such as 0..50")?;
    let number =
        |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is not a seed: seeds are whole numbers"));
    let (start, end) = (number(start)?, number(end)?);
    if start < end { Ok(start..end) } else { Err(format!("no seed lies in {start}..{end}: the end is not among them")) }
}

/// Runs the scenarios that the arguments choose.
pub(super) fn run_features(arguments: &RunArgs, stage: &dyn Stage) -> ExitCode {
    if !arguments.live {
        return run_on(arguments, &arguments.paths, stage);
    }
    let Some(stage) = stage.live(arguments.server) else {
        complain("busyhour: this stage has no live mode");
        return ExitCode::from(EXIT_USAGE);
    };
    let default = || live::FEATURES.iter().map(PathBuf::from).collect();
    let paths = if arguments.paths.is_empty() { default() } else { arguments.paths.clone() };
    run_on(arguments, &paths, &*stage)
}

fn run_on(arguments: &RunArgs, paths: &[PathBuf], stage: &dyn Stage) -> ExitCode {
    let formats = match format::Choice::of(&arguments.formats, &arguments.out) {
        Ok(formats) => formats,
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let suite = match Suite::load(paths, &Vocabulary::of_this_build()) {
        Ok(suite) => suite,
        Err(error) => {
            let lead = if matches!(error, crate::suite::LoadError::Find(_)) { "busyhour: " } else { "" };
            complain(&format!("{lead}{error}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let choice = Choice {
        tags: arguments.tags.clone().map(|tags| tags.read),
        name: arguments.name.clone().map(|name| name.read),
    };
    let mut cases = suite.chosen(&choice);
    if cases.is_empty() {
        let all = suite.cases().count();
        complain(&format!("busyhour: none of {all} scenarios is chosen by these --tags and --name"));
        return ExitCode::from(EXIT_NOTHING_CHOSEN);
    }
    let mut left_out = None;
    if arguments.live {
        match live::playable(cases, !arguments.paths.is_empty()) {
            Ok((playable, told)) => (cases, left_out) = (playable, told),
            Err(problems) => {
                complain(&problems.to_string());
                return ExitCode::from(EXIT_USAGE);
            }
        }
        if cases.is_empty() {
            complain(&format!("busyhour: no scenario is left. {}", left_out.unwrap_or_default()));
            return ExitCode::from(EXIT_NOTHING_CHOSEN);
        }
    }
    if let Err(problem) = stage.prepare(&cases) {
        complain(&problem);
        return ExitCode::from(EXIT_USAGE);
    }
    let seeds = arguments.seeds.clone().unwrap_or_else(|| {
        let seed = arguments.seed.unwrap_or(0);
        seed..seed + 1
    });
    let all_cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers = arguments.jobs.unwrap_or(match (arguments.live, arguments.server) {
        // All scenarios share its accounts.
        (_, Some(_)) => NonZeroUsize::MIN,
        (true, None) => live::AT_ONCE,
        (false, None) => all_cores,
    });
    let trails = arguments.check_determinism || arguments.fingerprints;
    let plan = Plan {
        cases,
        seeds,
        workers,
        out: arguments.out.clone(),
        trails,
        cadence: arguments.cadence,
        partition: arguments.partition,
        live: arguments.live,
    };
    if let Err(error) = try_out(&plan.out) {
        complain(&format!(
            "busyhour: no record can be put into `{}`: {error}; name another folder with --out",
            plan.out.display()
        ));
        return ExitCode::from(EXIT_USAGE);
    }
    let _lock = match Lock::take(&plan.out) {
        Ok(lock) => lock,
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    // What an earlier run has left says nothing of this one, should this one be killed.
    Results::forget(&plan.out);
    let interrupted = match interrupts(!arguments.fingerprints) {
        Ok(interrupted) => interrupted,
        Err(error) => {
            complain(&format!("busyhour: interrupts can't be listened for: {error}"));
            return ExitCode::from(EXIT_BUG);
        }
    };
    if arguments.fingerprints {
        print_fingerprints(&plan, stage, &interrupted)
    } else {
        let opened = match formats.open(&plan, Launcher::of_this_process()) {
            Ok(opened) => opened,
            Err(error) => {
                complain(&format!("busyhour: {error}"));
                return ExitCode::from(EXIT_USAGE);
            }
        };
        let code = print_report(arguments, &plan, stage, &interrupted, opened);
        match left_out {
            Some(left_out) if formats.stdout_is_a_document() => complain(&left_out),
            Some(left_out) => {
                // Whoever has read enough has gone.
                let _ = writeln!(io::stdout(), "{left_out}");
            }
            None => {}
        }
        code
    }
}

/// Makes the folder of the records and writes to it, so that a run doesn't find out by and by that it can't.
fn try_out(out: &Path) -> io::Result<()> {
    if out.is_file() {
        return Err(io::Error::other("it is a file"));
    }
    fs::create_dir_all(out)?;
    let probe = out.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

/// Whether this process was interrupted. It's listened for from the first call on, whoever asks later.
pub(super) fn interrupts(aloud: bool) -> io::Result<Arc<AtomicBool>> {
    static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(interrupted) = INTERRUPTED.get() {
        return Ok(Arc::clone(interrupted));
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    listen_for_interrupts(&interrupted, aloud)?;
    Ok(Arc::clone(INTERRUPTED.get_or_init(|| interrupted)))
}

/// The first interrupt ends the run behind the scenarios that are under way, and says so if `aloud`; the second ends the
/// program at once.
fn listen_for_interrupts(interrupted: &Arc<AtomicBool>, aloud: bool) -> io::Result<()> {
    use signal_hook::consts::SIGINT;
    // In this order: at the first interrupt the first action finds the flag down, and the second raises it.
    signal_hook::flag::register_conditional_shutdown(SIGINT, i32::from(EXIT_INTERRUPTED), Arc::clone(interrupted))?;
    signal_hook::flag::register(SIGINT, Arc::clone(interrupted))?;
    let mut signals = signal_hook::iterator::Signals::new([SIGINT])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() && aloud {
            complain("\nInterrupted: what is under way is seen to its end. A second interrupt ends it at once.");
        }
    });
    Ok(())
}

fn print_fingerprints(plan: &Plan, stage: &dyn Stage, interrupted: &AtomicBool) -> ExitCode {
    let mut written = Ok(());
    let mut index = 0;
    run::run(plan, stage, interrupted, |event| {
        if let Event::Done(_, result) = event {
            let line = writeln!(io::stdout(), "{}", determinism::line(index, result));
            written = std::mem::replace(&mut written, Ok(())).and(line);
            index += 1;
        }
    });
    exit_unless_read(written, EXIT_PASSED)
}

fn print_report(
    arguments: &RunArgs,
    plan: &Plan,
    stage: &dyn Stage,
    interrupted: &AtomicBool,
    formats: Formats,
) -> ExitCode {
    let began = Instant::now();
    let twin = match arguments.check_determinism.then(|| start_twin(arguments, plan)).transpose() {
        Ok(twin) => twin,
        Err(error) => {
            complain(&format!("busyhour: {error}"));
            return ExitCode::from(EXIT_BUG);
        }
    };
    let mut desk = Desk::of(plan, formats, twin);
    let done = run::run(plan, stage, interrupted, |event| match event {
        Event::TakenUp(job) => desk.progress.draw(&job.case.title()),
        Event::Done(job, result) => desk.take(job, result),
    });
    let cut_short = done < plan.job_count();
    let mut trouble = desk.hear_the_rest(done, cut_short, &second_out(plan));
    // An interrupt at the keyboard reaches the second process as well.
    let compared_in_part = interrupted.load(Ordering::Relaxed) && !trouble.is_empty();
    if compared_in_part {
        trouble.clear();
    }
    let Desk { mut report, formats, gathering, mut page, written, told_of_twice, .. } = desk;
    let results = gathering.finish(cut_short || compared_in_part);
    page.add_never_hit(&results);
    // Live, scenarios that wait side by side aren't faster than time.
    let sim_time = if arguments.live { Duration::ZERO } else { report.sim_time() };
    // A person is told first: whatever can't be written then, the verdict was read.
    let mut written = written.and(report.finish(cut_short));
    if let (Some(said), false) = (told_of_twice, compared_in_part) {
        written = written.and(report.say(&said));
    }
    if let Err(error) = results.write(&plan.out) {
        trouble.push(error.to_string());
    }
    let page = page.write(&plan.out);
    complain(&wall_time_shown(began.elapsed(), sim_time));
    match page {
        Ok(file) => complain(&format!("The report is in {}", file.display())),
        Err(error) => trouble.push(error.to_string()),
    }
    let told = formats.finish(&format::End { cut_short, results: &results.to_json() });
    let code = exit_unless_read(written.and(told), exit_code_of(&results));
    if trouble.is_empty() {
        return code;
    }
    trouble.iter().for_each(|trouble| complain(&format!("busyhour: {trouble}")));
    ExitCode::from(EXIT_BUG)
}

/// Where results come in, and all who are told of them: once it's known, if that is asked, whether each was the same a
/// second time.
struct Desk {
    report: Report<format::Everywhere>,
    formats: Formats,
    gathering: Gathering,
    page: report_html::Gathered,
    progress: Progress,
    written: io::Result<()>,
    twin: Option<Twin>,
    /// Those that the second run hasn't told of, in the order of jobs.
    waiting: VecDeque<(Job, ScenarioResult)>,
    /// How many were told of.
    told: usize,
    /// How many of those were another the second time.
    different: usize,
    /// What is said of that at the end.
    told_of_twice: Option<String>,
}

impl Desk {
    fn of(plan: &Plan, mut formats: Formats, twin: Option<Twin>) -> Desk {
        let (out, paint) = formats.take_pretty();
        Desk {
            report: Report::new(out, paint, Launcher::of_this_process(), plan),
            formats,
            gathering: Gathering::of(plan, twin.is_some()),
            page: report_html::Gathered::default(),
            progress: Progress::new(plan.job_count()),
            written: Ok(()),
            twin,
            waiting: VecDeque::new(),
            told: 0,
            different: 0,
            told_of_twice: None,
        }
    }

    fn take(&mut self, job: &Job, result: &ScenarioResult) {
        self.progress.step(result);
        match self.twin.take() {
            None => self.tell(job, result, None),
            Some(twin) => {
                self.waiting.push_back((job.clone(), result.clone()));
                self.tell_compared(|index, job, print| twin.compare(index, job, print, Launcher::of_this_process()));
                self.twin = Some(twin);
            }
        }
        self.progress.draw(&job.case.title());
    }

    /// Tells of those that can be compared, in the order of jobs.
    fn tell_compared(&mut self, compare: impl Fn(usize, &Job, u64) -> Compared) {
        while let Some((job, result)) = self.waiting.pop_front() {
            match compare(self.told, &job, result.fingerprint()) {
                Compared::NotYet => return self.waiting.push_front((job, result)),
                Compared::Same => self.tell(&job, &result, None),
                Compared::Different(said) => self.tell(&job, &result, Some(&said)),
            }
        }
    }

    fn tell(&mut self, job: &Job, result: &ScenarioResult, different: Option<&str>) {
        self.told += 1;
        self.formats.add(job, result, different);
        let mut entry = report_html::Entry::of_result(job, result);
        if !self.gathering.add(job, result) && entry.folder.take().is_some() {
            // One that can't be swept away is in nobody's way.
            let _ = fs::remove_dir_all(&job.record_folder);
        }
        if let Some(said) = different {
            self.different += 1;
            self.gathering.different(job, result.verdict, said);
            entry.is_different(said);
        }
        self.page.add(entry);
        if self.report.add(job, result, different) {
            self.progress.clear();
            let told = self.report.tell();
            self.written = std::mem::replace(&mut self.written, Ok(())).and(told);
        }
    }

    /// The run is over: waits for the second, and tells of all that wasn't told. Returns what is wrong with the second.
    fn hear_the_rest(&mut self, done: usize, cut_short: bool, second: &Path) -> Vec<String> {
        let mut trouble = Vec::new();
        match self.twin.take() {
            None => {}
            Some(twin) if cut_short => twin.abandon(),
            Some(twin) => {
                let (told, ended) = twin.finish(done);
                let launcher = Launcher::of_this_process();
                self.tell_compared(|index, job, print| told.compare(index, job, print, launcher));
                let runs = report::counted(done, "run");
                self.told_of_twice = Some(match (&ended, self.different) {
                    (_, some @ 1..) => format!("\nNot deterministic: {some} of {runs} came out differently.\n"),
                    (Ok(()), 0) => format!("\nDeterministic: the same in two processes ({runs}).\n"),
                    (Err(_), 0) => "\nWhether it's deterministic isn't known.\n".to_owned(),
                });
                if self.different == 0 && ended.is_ok() {
                    // The same records again; one that can't be swept away is in nobody's way.
                    let _ = fs::remove_dir_all(second);
                }
                trouble.extend(ended.err().map(|error| error.to_string()));
            }
        }
        // What can't be compared any more is told as it is.
        while let Some((job, result)) = self.waiting.pop_front() {
            self.tell(&job, &result, None);
        }
        self.progress.end();
        trouble
    }
}

/// Where the second run leaves its records. No scenario's folder begins with a dot.
fn second_out(plan: &Plan) -> PathBuf {
    plan.out.join(".second")
}

fn start_twin(arguments: &RunArgs, plan: &Plan) -> Result<Twin, determinism::TwinError> {
    let mut flags = vec![format!("--seeds={}..{}", plan.seeds.start, plan.seeds.end)];
    flags.push(format!("--jobs={}", plan.workers));
    flags.push(format!("--cadence={}", arguments.cadence.as_str()));
    flags.extend(arguments.partition.iter().map(|partition| format!("--partition={partition}")));
    flags.extend(arguments.tags.iter().map(|tags| format!("--tags={}", tags.typed)));
    flags.extend(arguments.name.iter().map(|name| format!("--name={}", name.typed)));
    Twin::start(&flags, &arguments.paths, &second_out(plan))
}

/// Wall time goes to standard error, so that standard output is the same from run to run.
fn wall_time_shown(wall: Duration, simulated: Duration) -> String {
    let ratio = simulated.as_secs_f64() / wall.as_secs_f64().max(1e-6);
    let took = format!("Took {}", report::time_shown(wall));
    if ratio >= 1.0 { format!("{took}, {ratio:.0} times faster than real time.") } else { format!("{took}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_leaves_out_its_end_and_is_never_empty() {
        assert_eq!(seeds("0..50"), Ok(0..50));
        assert!(seeds("5..5").unwrap_err().contains("no seed lies in 5..5"));
        assert!(seeds("5").unwrap_err().contains("write a range"));
        assert!(seeds("a..5").unwrap_err().contains("`a` is not a seed"));
        assert!(seeds("-1..5").is_err());
    }
}
