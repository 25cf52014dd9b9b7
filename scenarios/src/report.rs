//! What a run prints: a line for each scenario as it ends, each failure whole, and a summary.
//!
//! All of it goes to standard output and holds nothing that differs between two runs of the same build: no wall time, no
//! order in which threads ended.

use std::env;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use busyhour_trace::SimTime;

use crate::format::Word;
use crate::outcome::{ScenarioResult, StepStatus, Verdict};
use crate::paint::{Paint, Tone};
use crate::partition::Partition;
use crate::run::{Job, Plan};
use crate::script::Case;
use crate::tally::Tally;

/// A longer name pushes its own line out and no other.
const NAME_WIDTH_MAX: usize = 60;
/// What stands where a verdict should, if an interrupt came before all seeds were run and none of them failed.
const CUT_SHORT: &str = "cut short";
/// How many seeds are named before the rest is counted.
const SEEDS_SHOWN_MAX: usize = 8;

/// How a run was started: the line that replays it is shown as whoever reads it would write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher {
    /// As the command itself.
    Busyhour,
    /// By cargo, as `cargo run` or `cargo test`.
    Cargo,
}

impl Launcher {
    /// How this process was started: cargo tells its children where it is.
    pub fn of_this_process() -> Launcher {
        if env::var_os("CARGO").is_some() { Launcher::Cargo } else { Launcher::Busyhour }
    }
}

/// Prints a run.
pub struct Report<W> {
    out: W,
    paint: Paint,
    launcher: Launcher,
    seeds: Range<u64>,
    partition: Option<Partition>,
    name_width: usize,
    case_count: usize,
    heading: Option<String>,
    current: Option<(Arc<Case>, Tally)>,
    told: Vec<(Arc<Case>, Tally)>,
}

impl<W: Write> Report<W> {
    /// A report of that plan.
    pub fn new(out: W, paint: Paint, launcher: Launcher, plan: &Plan) -> Report<W> {
        let widths = plan.cases.iter().map(|case| case.title().chars().count());
        Report {
            out,
            paint,
            launcher,
            seeds: plan.seeds.clone(),
            partition: plan.partition,
            name_width: widths.max().unwrap_or(0).min(NAME_WIDTH_MAX),
            case_count: plan.case_count(),
            heading: None,
            current: None,
            told: Vec::new(),
        }
    }

    fn seeds_count(&self) -> u64 {
        self.seeds.end - self.seeds.start
    }

    /// Takes in one result, and how it differed from its second run, if it did. True if a line is due: all seeds of its
    /// scenario are done.
    pub fn add(&mut self, job: &Job, result: &ScenarioResult, different: Option<&str>) -> bool {
        let fresh = || (Arc::clone(&job.case), Tally::of(job.seeds).in_part(self.partition.is_some()));
        let (_, tally) = self.current.get_or_insert_with(fresh);
        tally.add(job, result, different);
        tally.is_whole()
    }

    /// Prints the line of the scenario whose seeds are all done.
    pub fn tell(&mut self) -> io::Result<()> {
        let Some((case, tally)) = self.current.take() else { return Ok(()) };
        let file = case.feature.file.to_string();
        if self.heading.as_ref() != Some(&file) {
            writeln!(self.out, "{}", self.paint.tone(Tone::Strong, &file))?;
            self.heading = Some(file);
        }
        let (tone, verdict) = match tally.word() {
            // Longer than its column: it happens to nobody whose build is in order, and isn't to be overlooked.
            Word::Nondeterministic => (Tone::Bad, Word::Nondeterministic.as_str().to_uppercase()),
            Word::Failed | Word::Bug => (Tone::Bad, tally.verdict().to_string()),
            _ if !tally.is_whole() => (Tone::Doubtful, CUT_SHORT.to_owned()),
            Word::NotExercised => (Tone::Doubtful, tally.verdict().to_string()),
            Word::Passed => (Tone::Good, tally.verdict().to_string()),
        };
        let verdict = self.paint.tone(tone, &format!("{verdict:13}"));
        let remark = self.remark(&tally);
        let title = case.title();
        writeln!(self.out, "  {verdict} {title:width$}  {remark}", width = self.name_width)?;
        let spared = if self.seeds_count() == 1 { tally.spared.as_slice() } else { &[] };
        for note in spared.iter().chain(&tally.notes) {
            writeln!(self.out, "                {}", self.paint.tone(Tone::Faint, note))?;
        }
        self.told.push((case, tally));
        self.out.flush()
    }

    fn remark(&self, tally: &Tally) -> String {
        let time = time_shown(tally.sim_time);
        if self.seeds_count() == 1 {
            return time;
        }
        let seeds = match tally.runs as u64 {
            some if self.partition.is_some() && tally.is_whole() => counted(some as usize, "seed"),
            all if all == self.seeds_count() => format!("{all} seeds"),
            some => format!("{some} of {} seeds", self.seeds_count()),
        };
        let mut remark = match tally.failed.len() {
            0 => format!("{seeds}, {time}"),
            failed => format!("{failed} of {seeds}: {}; {time}", seeds_shown(&tally.failed)),
        };
        if !tally.different.is_empty() {
            remark.push_str(&format!("; came out differently: {}", seeds_shown(&tally.different)));
        }
        if !tally.not_exercised.is_empty() {
            remark.push_str(&format!("; not exercised with {} of them", tally.not_exercised.len()));
        }
        remark
    }

    /// Prints the failures and the summary. `told` is how many jobs were done, `interrupted` whether that's not all.
    pub fn finish(&mut self, interrupted: bool) -> io::Result<()> {
        // What was interrupted between two of its seeds is told as far as it came.
        self.tell()?;
        let told = std::mem::take(&mut self.told);
        let failures: Vec<_> = told.iter().filter(|(_, tally)| tally.word().is_bad()).collect();
        if !failures.is_empty() {
            writeln!(self.out, "\n{}", self.paint.tone(Tone::Strong, "Failures"))?;
        }
        for (case, tally) in &failures {
            writeln!(self.out)?;
            self.failure(case, tally)?;
        }
        writeln!(self.out)?;
        self.summary(&told, interrupted)?;
        self.told = told;
        self.out.flush()
    }

    fn failure(&mut self, case: &Case, tally: &Tally) -> io::Result<()> {
        let place = format!("{}:{}", case.feature.file, case.line);
        writeln!(self.out, "{}  {place}", self.paint.tone(Tone::Bad, &case.title()))?;
        for sentence in tally.never_hit() {
            writeln!(self.out, "  {sentence}")?;
        }
        if let Some((_, _, said)) = &tally.first_difference {
            said.lines().try_for_each(|line| writeln!(self.out, "  {line}"))?;
            let more: Vec<u64> = tally.different.iter().skip(1).copied().collect();
            if !more.is_empty() {
                writeln!(self.out, "  it came out differently with {} too", seeds_shown(&more))?;
            }
        }
        // Nobody can rely on what such a run says of itself, but it may be what somebody is looking for.
        let other = tally.first_difference.as_ref().map(|(job, result, _)| (job, result));
        let other = other.filter(|(_, result)| result.verdict >= Verdict::Failed);
        if let Some((job, result)) = tally.first_failure.as_ref().map(|(job, result)| (job, result)).or(other) {
            write!(self.out, "{}", failure_shown(job, result, self.paint, self.launcher))?;
        } else if tally.first_difference.is_none() {
            let seeds = format!("--seeds {}..{}", self.seeds.start, self.seeds.end);
            writeln!(self.out, "  replay    {}", replay_shown(case, &seeds, self.launcher))?;
        }
        Ok(())
    }

    fn summary(&mut self, told: &[(Arc<Case>, Tally)], interrupted: bool) -> io::Result<()> {
        let failed = |tally: &Tally| tally.word().is_bad();
        let (settled, cut_short): (Vec<_>, Vec<_>) =
            told.iter().map(|(_, tally)| tally).partition(|tally| failed(tally) || tally.is_whole());
        let count = |word: Word| settled.iter().filter(|tally| tally.word() == word).count();
        let mut parts = vec![format!("{} passed", count(Word::Passed))];
        for (count, word) in [
            (count(Word::NotExercised), "not exercised"),
            (count(Word::Failed), "failed"),
            (count(Word::Nondeterministic), Word::Nondeterministic.as_str()),
            (count(Word::Bug), "ended in a bug of busyhour"),
            (cut_short.len(), CUT_SHORT),
        ] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        let scenarios = counted(told.len(), "scenario");
        let seeds = match self.seeds_count() {
            1 => format!("seed {}", self.seeds.start),
            _ => format!("seeds {}..{}", self.seeds.start, self.seeds.end),
        };
        let part = self.partition.map(|partition| format!(", part {} of {}", partition.part, partition.of));
        let seeds = format!("{seeds}{}", part.unwrap_or_default());
        let packets = told.iter().filter_map(|(_, tally)| tally.packets).reduce(|sum, more| sum + more);
        let packets = packets.map(|packets| format!("; {} packets", grouped(packets))).unwrap_or_default();
        let time = told.iter().map(|(_, tally)| tally.sim_time).sum();
        writeln!(self.out, "{scenarios}: {}; {seeds}{packets}; {} simulated", parts.join(", "), time_shown(time))?;
        if interrupted {
            let whole = told.iter().filter(|(_, tally)| tally.is_whole()).count();
            let left = counted(self.case_count - whole, "scenario");
            writeln!(self.out, "Interrupted: {left} not run, or not with all seeds.")?;
        }
        Ok(())
    }

    /// Says something more, below all else.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// How much time was simulated.
    pub fn sim_time(&self) -> Duration {
        self.told.iter().map(|(_, tally)| tally.sim_time).sum()
    }
}

/// One failure whole: the steps, what was expected and seen, what became of the packets, who said what, the time, the seed, how to
/// replay it, where its record is.
pub fn failure_shown(job: &Job, result: &ScenarioResult, paint: Paint, launcher: Launcher) -> String {
    let mut lines = Vec::new();
    let account = &result.account;
    let said = |depth: usize, step: &crate::outcome::StepOutcome| {
        format!("{}{} {}", "  ".repeat(depth), step.keyword, step.text)
    };
    let steps: Vec<_> = account.steps.iter().flat_map(|step| step.unfolded()).collect();
    let width = steps.iter().map(|(depth, step)| said(*depth, step).chars().count()).max().unwrap_or(0);
    let width = width.min(NAME_WIDTH_MAX);
    for (depth, step) in steps {
        let said = said(depth, step);
        let at = step.ended.map(clock_shown).unwrap_or_default();
        lines.push(match step.status {
            StepStatus::Passed => format!("    {said:width$}  {at}"),
            StepStatus::Failed => {
                let place = format!("{}:{}", step.file, step.line);
                format!("  > {}  {at}  {place}", paint.tone(Tone::Bad, &format!("{said:width$}")))
            }
            StepStatus::NotReached => {
                format!("    {}", paint.tone(Tone::Faint, &format!("{said:width$}  not reached")))
            }
        });
    }
    if let Some(failure) = result.failed_step().and_then(|step| step.culprit().failure.as_ref()) {
        match (&failure.expected, &failure.seen) {
            (Some(expected), Some(seen)) => {
                lines.push(format!("  expected  {expected}"));
                lines.push(format!("  seen      {seen}"));
            }
            _ => lines.push(format!("  because   {}", indented(&failure.to_string()))),
        }
    }
    for reason in &result.reasons {
        lines.push(format!("  because   {}", indented(reason)));
    }
    for spared in result.spared() {
        lines.push(format!("  spared    {spared}"));
    }
    for (index, way) in account.traffic.iter().enumerate() {
        lines.push(format!("  {:9} {way}", if index == 0 { "packets" } else { "" }));
    }
    if !account.diagram.is_empty() {
        lines.push("  messages".to_owned());
        lines.extend(account.diagram.iter().map(|line| format!("  {line}")));
    }
    let ended = SimTime::ZERO + account.sim_time;
    lines.push(format!("  ended at  {} of simulated time", clock_shown(ended)));
    lines.push(format!("  seed      {} (the scenario's own: {:#018x})", result.seed, result.scenario_seed));
    lines.push(format!("  replay    {}", replay_shown(&job.case, &job.flag(), launcher)));
    if let Some(folder) = &account.record_folder {
        lines.push(format!("  record    {}", folder.display()));
    }
    for file in &account.record_files {
        lines.push(format!("            {}", file.display()));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The line that runs a scenario again, as the person who reads it would write it.
pub fn replay_shown(case: &Case, seeds: &str, launcher: Launcher) -> String {
    let line = replay(case, seeds);
    match (launcher, line.strip_prefix("busyhour ")) {
        (Launcher::Cargo, Some(rest)) => format!("cargo run --release -- {rest}"),
        _ => line,
    }
}

/// The one line that runs a scenario again, as a record keeps it: it holds nothing of how the run was started.
pub fn replay(case: &Case, seeds: &str) -> String {
    let name = format!("^{}$", regex::escape(&case.title()));
    format!("busyhour run {} --name {} {seeds}", shell_quoted(&case.feature.file), always_quoted(&name))
}

/// A word as a shell reads it back.
pub(crate) fn shell_quoted(word: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "/._-".contains(sign);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    // A path that begins with a dash would be taken for a flag.
    let anchored = if word.starts_with('-') { format!("./{word}") } else { word.to_owned() };
    always_quoted(&anchored)
}

fn always_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n            ")
}

/// A number with what it counts: `1 seed`, `2 seeds`.
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn seeds_shown(seeds: &[u64]) -> String {
    let shown: Vec<String> = seeds.iter().take(SEEDS_SHOWN_MAX).map(u64::to_string).collect();
    match seeds.len().saturating_sub(SEEDS_SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A number in groups of three digits: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A moment as a stopwatch shows it, in seconds since the scenario began.
pub(crate) fn clock_shown(at: SimTime) -> String {
    let ms = at.as_nanos() / 1_000_000;
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// A span as people say it, in its two greatest units.
pub fn time_shown(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if seconds < 60 => format!("{seconds}.{:03} s", time.subsec_millis()),
        () if minutes < 60 => format!("{minutes} min {} s", seconds % 60),
        () if hours < 24 => format!("{hours} h {} min", minutes % 60),
        () => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Account, FaultKind, FaultOutcome, StepOutcome};
    use crate::phrase::StepFailure;
    use crate::run::tests::{job, plan};

    fn steps(failing: Option<StepFailure>) -> Vec<StepOutcome> {
        let step = |index: u64, keyword: &str, text: &str| StepOutcome {
            keyword: keyword.into(),
            text: text.into(),
            file: "features/f.feature".into(),
            line: 3 + index as usize,
            background: index == 0,
            status: StepStatus::Passed,
            started: Some(SimTime(index * 1_500_000_000)),
            ended: Some(SimTime((index + 1) * 1_500_000_000)),
            failure: None,
            inner: Vec::new(),
        };
        let mut steps = vec![
            step(0, "Given", "machines a and b"),
            step(1, "When", "a fetches \"/hello\" from b"),
            step(2, "Then", "a got status 200 within 2 seconds"),
        ];
        if let Some(failure) = failing {
            steps[1].status = StepStatus::Failed;
            steps[1].failure = Some(failure);
            steps[2].status = StepStatus::NotReached;
            (steps[2].started, steps[2].ended) = (None, None);
        }
        steps
    }

    fn account(steps: Vec<StepOutcome>) -> Account {
        Account { steps, sim_time: Duration::from_millis(4_500), packets: Some(1_234), ..Account::default() }
    }

    fn printed(names: &[&str], seeds: Range<u64>, result: impl Fn(&Job) -> Account, stop_after: usize) -> String {
        printed_twice(names, seeds, result, |_| None, stop_after)
    }

    fn printed_twice(
        names: &[&str],
        seeds: Range<u64>,
        result: impl Fn(&Job) -> Account,
        different: impl Fn(&Job) -> Option<&'static str>,
        stop_after: usize,
    ) -> String {
        let plan = plan(names, seeds.clone(), 1);
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, Paint::OFF, Launcher::Busyhour, &plan);
        let count = plan.seeds_count();
        let of = |name: &str, seed| Job { seeds: count, ..job(name, &[], seed) };
        let jobs = names.iter().flat_map(|name| seeds.clone().map(move |seed| of(name, seed)));
        for job in jobs.take(stop_after) {
            if report.add(&job, &result(&job).conclude(&job), different(&job)) {
                report.tell().unwrap();
            }
        }
        report.finish(stop_after < usize::MAX).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_failure_is_shown_with_all_that_repeats_and_explains_it() {
        let result = |job: &Job| match job.case.scenario.as_str() {
            "fine" => account(steps(None)),
            "it's [odd] & so on" => Account {
                record_folder: Some("target/busyhour/f/odd/seed-3".into()),
                record_files: vec!["target/busyhour/f/odd/seed-3/packets.pcap".into()],
                traffic: vec!["a -> b: 0 arrived, 3 lost: the network was cut".into(), "b -> a: 9 arrived".into()],
                ..account(steps(Some(StepFailure::differs("status 200", "no answer"))))
            },
            _ => Account {
                faults: vec![FaultOutcome::new("the network between a and b is cut", FaultKind::Aimed, 0, 0)],
                ..account(steps(None))
            },
        };
        insta::assert_snapshot!(printed(&["fine", "it's [odd] & so on", "vacuous"], 3..4, result, usize::MAX));
    }

    #[test]
    fn many_seeds_are_one_line_a_scenario() {
        let result = |job: &Job| match (job.case.scenario.as_str(), job.seed) {
            ("shaky", 4 | 17) => account(steps(Some(StepFailure::because("the phone is dead")))),
            ("spared at times", 0..=2) => {
                Account { faults: vec![FaultOutcome::new("x", FaultKind::Random, 5, 0)], ..account(steps(None)) }
            }
            ("spared at times", _) => {
                Account { faults: vec![FaultOutcome::new("x", FaultKind::Random, 5, 1)], ..account(steps(None)) }
            }
            ("never hit", _) => {
                Account { faults: vec![FaultOutcome::new("y", FaultKind::Random, 5, 0)], ..account(steps(None)) }
            }
            _ => account(steps(None)),
        };
        insta::assert_snapshot!(printed(&["fine", "shaky", "spared at times", "never hit"], 0..50, result, usize::MAX));
    }

    /// Neither may it say "passed" of itself, nor "failed": it's worse than both.
    #[test]
    fn a_scenario_that_came_out_differently_says_so_on_its_own_line_and_in_the_sum() {
        let result = |job: &Job| match job.case.scenario.as_str() {
            "broken too" => account(steps(Some(StepFailure::because("the phone is dead")))),
            _ => account(steps(None)),
        };
        let different = |job: &Job| match (job.case.scenario.as_str(), job.seed) {
            ("fine", _) => None,
            (_, seed) => (seed > 0).then_some("not deterministic: so and so\n  event 9 differs"),
        };
        let told = printed_twice(&["fine", "gossip", "broken too"], 0..3, result, different, usize::MAX);
        insta::assert_snapshot!(told);
    }

    #[test]
    fn what_chance_spared_is_told_with_a_single_seed() {
        let faults = |seen| vec![FaultOutcome::new("every network loses 5% of packets", FaultKind::Random, seen, 0)];
        let result = |_: &Job| Account { faults: faults(12), ..account(steps(None)) };
        insta::assert_snapshot!(printed(&["lossy"], 0..1, result, usize::MAX));
    }

    #[test]
    fn an_interrupted_run_tells_what_is_done() {
        insta::assert_snapshot!(printed(&["one", "two", "three"], 0..2, |_| account(steps(None)), 3));
    }

    #[test]
    fn a_replay_line_survives_the_shell_and_the_regex() {
        let job = job("it's [odd] (50%) * $HOME", &[], 0);
        let line = replay(&job.case, "--seed 0");
        assert_eq!(line, r"busyhour run features/f.feature --name '^it'\''s \[odd\] \(50%\) \* \$HOME$' --seed 0");
        let typed = replay_shown(&job.case, "--seed 0", Launcher::Cargo);
        assert_eq!(typed, line.replacen("busyhour", "cargo run --release --", 1));
        assert_eq!(shell_quoted("my features/x.feature"), "'my features/x.feature'");
        assert_eq!(shell_quoted("-x.feature"), "'./-x.feature'");
    }

    #[test]
    fn time_is_told_in_its_two_greatest_units() {
        let shown: Vec<_> = [0.25, 59.9994, 60.0, 3_599.0, 3_600.0, 86_399.0, 259_200.0]
            .map(|seconds| time_shown(Duration::from_secs_f64(seconds)))
            .into();
        assert_eq!(shown, ["0.250 s", "59.999 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "23 h 59 min", "3 d 0 h"]);
        assert_eq!([grouped(999), grouped(1_000), grouped(1_234_567)], ["999", "1,000", "1,234,567"]);
    }
}
