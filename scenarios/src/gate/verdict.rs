//! What the gate says of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use busyhour_oracle::Panel;
use serde::Serialize;

use super::day::Day;
use super::rules::{Quarantine, Rules, Whom};
use crate::keys::suggestion;
use crate::report::{counted, grouped, time_shown};
use crate::results::{FaultKind, Results, Scenario, Verdict};

/// So many scenarios are named before the rest is counted.
const NAMED_MAX: usize = 10;

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ruling {
    /// Whether it accepts the run.
    pub accepted: bool,
    /// The verdict, as it can be quoted.
    pub sentence: String,
    /// Why it refuses; nothing if it doesn't.
    pub refusals: Vec<String>,
    /// What else should be known.
    pub remarks: Vec<String>,
    /// What was counted.
    pub figures: Figures,
}

/// What was counted in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Scenarios that were run.
    pub scenarios: u64,
    /// Runs: each scenario with each seed is one.
    pub runs: u64,
    /// Of these, those that passed.
    pub passed: u64,
    /// Of these, those that failed, whatever way.
    pub failed: u64,
    /// Scenarios that failed.
    pub scenarios_failed: u64,
    /// Of these, those in quarantine.
    pub scenarios_excused: u64,
    /// Hours of simulated time.
    pub simulated_hours: f64,
    /// Packets on the wire.
    pub packets: u64,
    /// How often faults struck, by what they are.
    pub faults: BTreeMap<String, u64>,
    /// How much each invariant judged.
    pub oracles: BTreeMap<String, u64>,
    /// The share of runs that fail is below this, at 95% confidence; nothing if a run failed, or none passed.
    pub failure_rate_below: Option<f64>,
}

/// Why no verdict is possible.
#[derive(Debug, thiserror::Error)]
pub enum RulingError {
    /// A quarantine excuses nobody.
    #[error("{place}: this quarantine names no scenario of the run: there is no {what}; {nearest}")]
    Nobody {
        /// Where it's written.
        place: String,
        /// How it names its scenario.
        what: String,
        /// Who may be meant.
        nearest: String,
    },
    /// An invariant that isn't there.
    #[error("{place}: required_oracles.{name}: there is no such invariant; {nearest}")]
    NoOracle {
        /// Where it's written.
        place: String,
        /// Its name.
        name: String,
        /// Which may be meant.
        nearest: String,
    },
}

/// The share of runs that fail, which `clean` runs without a failure leave possible at 95% confidence: were it greater,
/// so many clean runs would be seen less than once in twenty times. For many runs it's 3 in `clean`, the rule of three.
///
/// ```
/// use busyhour_scenarios::gate::verdict::failure_rate_below;
///
/// assert!((failure_rate_below(1) - 0.95).abs() < 1e-12);
/// assert!((failure_rate_below(59) - 0.05).abs() < 1e-3);
/// assert!((failure_rate_below(1_000_000) - 3e-6).abs() < 1e-8);
/// ```
pub fn failure_rate_below(clean: u64) -> f64 {
    // 1 - 0.05^(1/n), without the digits that a difference from 1 would cost.
    -(0.05_f64.ln() / clean as f64).exp_m1()
}

impl Ruling {
    /// Judges a run by these rules, on that day.
    pub fn of(results: &Results, rules: &Rules, today: Day) -> Result<Ruling, RulingError> {
        let mut judge = Judge { results, rules, today, excused: Vec::new(), refusals: Vec::new(), remarks: Vec::new() };
        judge.whole();
        judge.quarantines()?;
        judge.failures();
        judge.must_pass();
        judge.extent();
        judge.exercise()?;
        let figures = judge.figures();
        let Judge { refusals, remarks, .. } = judge;
        let sentence = sentence(results, &figures, refusals.len());
        Ok(Ruling { accepted: refusals.is_empty(), sentence, refusals, remarks, figures })
    }

    /// For people: the sentence, then why not, then what else should be known.
    pub fn shown(&self) -> String {
        let mut lines = vec![self.sentence.clone()];
        for (lead, listed) in [("Why it is refused", &self.refusals), ("To be known", &self.remarks)] {
            if !listed.is_empty() {
                lines.push(format!("\n{lead}:"));
                lines.extend(listed.iter().map(|one| format!("  - {}", one.replace('\n', "\n    "))));
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

struct Judge<'a> {
    results: &'a Results,
    rules: &'a Rules,
    today: Day,
    /// The places of the scenarios that are in quarantine today.
    excused: Vec<usize>,
    refusals: Vec<String>,
    remarks: Vec<String>,
}

impl Judge<'_> {
    fn refuse(&mut self, why: impl Into<String>) {
        self.refusals.push(why.into());
    }

    /// Is it a whole run?
    fn whole(&mut self) {
        if let Some(part) = self.results.partition {
            self.refuse(format!("this is part {} of {}: `busyhour merge` puts the parts together", part.part, part.of));
        }
        if self.results.interrupted {
            self.refuse("the run was broken off");
        }
        if self.results.runs() == 0 {
            self.refuse("nothing was run");
        }
    }

    fn quarantines(&mut self) -> Result<(), RulingError> {
        for rule in &self.rules.quarantine {
            let Quarantine { whom, reason, owner, expires } = &rule.says;
            let scenarios = &self.results.scenarios;
            let named: Vec<usize> = (0..scenarios.len()).filter(|place| is_meant(whom, &scenarios[*place])).collect();
            if named.is_empty() {
                let (what, known): (String, Vec<&str>) = match whom {
                    Whom::Id(id) => (format!("id {id:?}"), scenarios.iter().map(|one| one.id.as_str()).collect()),
                    Whom::Scenario(name) => {
                        (format!("scenario {name:?}"), scenarios.iter().map(|one| one.scenario.as_str()).collect())
                    }
                };
                let (Whom::Id(typed) | Whom::Scenario(typed)) = whom;
                let nearest = near(typed, &known);
                return Err(RulingError::Nobody { place: rule.place.clone(), what, nearest });
            }
            let shown = match whom {
                Whom::Id(id) => id,
                Whom::Scenario(name) => name,
            };
            if *expires < self.today {
                self.refuse(format!(
                    "{}: the quarantine of `{shown}` expired on {expires}; {owner} was to see to it ({reason})",
                    rule.place
                ));
                continue;
            }
            // What is worse than a failure is no quarantine's to excuse, and is told elsewhere.
            match named.iter().map(|place| self.results.scenarios[*place].verdict).max() {
                Some(Verdict::Failed) => {
                    let until = format!("is in quarantine until {expires}: {reason} ({owner})");
                    self.remarks.push(format!("`{shown}` fails, and {until}"));
                }
                Some(Verdict::Passed | Verdict::NotExercised) => {
                    self.remarks.push(format!("{}: `{shown}` is in quarantine, and passes: take it out", rule.place));
                }
                _ => {}
            }
            self.excused.extend(named);
        }
        Ok(())
    }

    fn failures(&mut self) {
        let results = self.results;
        // A quarantine excuses what is known to be broken. Of a bug and of two outcomes of one seed nothing is known.
        for scenario in results.scenarios.iter().filter(|scenario| scenario.nondeterministic > 0) {
            let times = counted(scenario.nondeterministic as usize, "seed");
            self.refuse(format!("`{}` is not deterministic: with {times} it was another the second time", scenario.id));
        }
        for scenario in results.scenarios.iter().filter(|scenario| scenario.bugs > 0) {
            let why = scenario.failures.iter().find(|failure| failure.verdict == Verdict::Bug);
            let why = why.and_then(|failure| failure.reasons.first()).map_or("", String::as_str);
            self.refuse(format!("`{}` met a bug of busyhour: {why}", scenario.id));
        }
        let failing: Vec<&Scenario> = results
            .scenarios
            .iter()
            .enumerate()
            .filter(|(place, scenario)| scenario.verdict == Verdict::Failed && !self.excused.contains(place))
            .map(|(_, scenario)| scenario)
            .collect();
        let (allowed, place) = match &self.rules.maximum_failures {
            Some(rule) => (rule.says, format!("{}: ", rule.place)),
            None => (0, String::new()),
        };
        if failing.len() as u64 > allowed {
            let most = if allowed == 0 { "none may".to_owned() } else { format!("{allowed} may") };
            let mut lines = vec![format!("{place}{} failed, and {most}", counted(failing.len(), "scenario"))];
            lines.extend(failing.iter().take(NAMED_MAX).map(|scenario| failure_told(scenario, results)));
            if failing.len() > NAMED_MAX {
                lines.push(format!("and {} more", failing.len() - NAMED_MAX));
            }
            self.refuse(lines.join("\n"));
        } else if !failing.is_empty() {
            let mut lines = vec![format!("{place}{} failed, which is allowed", counted(failing.len(), "scenario"))];
            lines.extend(failing.iter().take(NAMED_MAX).map(|scenario| failure_told(scenario, results)));
            self.remarks.push(lines.join("\n"));
        }
    }

    fn must_pass(&mut self) {
        for rule in &self.rules.must_pass {
            let (typed, tags) = &rule.says;
            let meant: Vec<&Scenario> =
                self.results.scenarios.iter().filter(|scenario| tags.holds(&scenario.tags)).collect();
            if meant.is_empty() {
                self.refuse(format!("{}: must_pass: no scenario is tagged {typed}", rule.place));
            }
            let not: Vec<&&Scenario> = meant.iter().filter(|scenario| scenario.verdict != Verdict::Passed).collect();
            if !not.is_empty() {
                let all = meant.len();
                let mut lines =
                    vec![format!("{}: must_pass: {} of {all} tagged {typed} did not pass", rule.place, not.len())];
                lines.extend(not.iter().take(NAMED_MAX).map(|one| format!("{}: {}", one.id, one.verdict.word())));
                if not.len() > NAMED_MAX {
                    lines.push(format!("and {} more", not.len() - NAMED_MAX));
                }
                self.refuse(lines.join("\n"));
            }
        }
    }

    /// Was enough run, and not for too long?
    fn extent(&mut self) {
        let results = self.results;
        let ran = results.scenarios.iter().filter(|scenario| scenario.runs > 0);
        if let Some(rule) = &self.rules.minimum_tests {
            let count = ran.clone().count() as u64;
            if count < rule.says {
                let what = counted(count as usize, "scenario");
                self.refuse(format!("{}: minimum_tests: {what} ran, and at least {} must", rule.place, rule.says));
            }
        }
        if let Some(rule) = &self.rules.seeds {
            let short: Vec<&Scenario> = results.scenarios.iter().filter(|scenario| scenario.runs < rule.says).collect();
            if let Some(least) = short.iter().min_by_key(|scenario| scenario.runs) {
                self.refuse(format!(
                    "{}: seeds: {} ran with fewer than {} seeds; `{}` with {}",
                    rule.place,
                    counted(short.len(), "scenario"),
                    rule.says,
                    least.id,
                    least.runs
                ));
            }
        }
        if let Some(rule) = &self.rules.maximum_duration {
            let took = results.scenarios.iter().fold(0u64, |sum, scenario| sum.saturating_add(scenario.cpu_us));
            let took = Duration::from_micros(took);
            if took > rule.says {
                self.refuse(format!(
                    "{}: maximum_duration: the run took {} of CPU time, and {} at most is allowed",
                    rule.place,
                    time_shown(took),
                    time_shown(rule.says)
                ));
            }
        }
        if let Some(rule) = &self.rules.check_determinism
            && rule.says
            && !results.checked_determinism
        {
            self.refuse(format!("{}: check_determinism: the run was without --check-determinism", rule.place));
        }
    }

    /// Did it meet what it must have met (law 6, over the whole run)?
    fn exercise(&mut self) -> Result<(), RulingError> {
        for rule in &self.rules.required_faults {
            let (name, least) = &rule.says;
            let faults = self.results.scenarios.iter().flat_map(|scenario| &scenario.faults);
            let meant = faults.filter(|fault| fault.family == *name || kind_word(fault.kind) == name);
            let hits: u64 = meant.map(|fault| fault.hits).sum();
            if hits < *least {
                self.refuse(format!(
                    "{}: required_faults: {name} struck {} times, and must at least {}",
                    rule.place,
                    grouped(hits),
                    grouped(*least)
                ));
            }
        }
        let judged = judged(self.results);
        for rule in &self.rules.required_oracles {
            let (name, least) = &rule.says;
            let Some(count) = judged.get(name) else {
                let panel = Panel::always_on();
                let mut known: Vec<&str> = panel.witnesses().map(|witness| witness.name()).collect();
                if !known.contains(&name.as_str()) {
                    known.extend(judged.keys().map(String::as_str));
                    known.sort_unstable();
                    known.dedup();
                    let nearest = near(name, &known);
                    return Err(RulingError::NoOracle { place: rule.place.clone(), name: name.clone(), nearest });
                }
                self.refuse(format!("{}: required_oracles: {name} never listened", rule.place));
                continue;
            };
            if count < least {
                self.refuse(format!(
                    "{}: required_oracles: {name} judged {} times, and must at least {}",
                    rule.place,
                    grouped(*count),
                    grouped(*least)
                ));
            }
        }
        Ok(())
    }

    fn figures(&self) -> Figures {
        let scenarios = &self.results.scenarios;
        let sum = |of: fn(&Scenario) -> u64| scenarios.iter().map(of).fold(0u64, u64::saturating_add);
        let failing = |place: &usize| scenarios[*place].verdict >= Verdict::Failed;
        let excusable = |place: &usize| scenarios[*place].verdict == Verdict::Failed;
        let mut excused: Vec<usize> = self.excused.iter().copied().filter(excusable).collect();
        excused.sort_unstable();
        excused.dedup();
        let mut faults: BTreeMap<String, u64> = BTreeMap::new();
        for fault in scenarios.iter().flat_map(|scenario| &scenario.faults) {
            *faults.entry(fault.family.clone()).or_default() += fault.hits;
        }
        let passed = sum(|scenario| scenario.passed);
        let failed = sum(|scenario| scenario.failed + scenario.bugs + scenario.nondeterministic);
        let scenarios_failed = (0..scenarios.len()).filter(failing).count() as u64;
        Figures {
            scenarios: scenarios.iter().filter(|scenario| scenario.runs > 0).count() as u64,
            runs: self.results.runs(),
            passed,
            failed,
            scenarios_failed,
            scenarios_excused: excused.len() as u64,
            simulated_hours: (sum(|scenario| scenario.simulated_us) as f64 / 3.6e9 * 1e3).round() / 1e3,
            packets: sum(|scenario| scenario.packets),
            faults,
            oracles: judged(self.results),
            failure_rate_below: (scenarios_failed == 0 && passed > 0).then(|| failure_rate_below(passed)),
        }
    }
}

/// How much each invariant judged.
fn judged(results: &Results) -> BTreeMap<String, u64> {
    let mut judged: BTreeMap<String, u64> = BTreeMap::new();
    for oracle in results.scenarios.iter().flat_map(|scenario| &scenario.oracles) {
        *judged.entry(oracle.name.clone()).or_default() += oracle.judged;
    }
    judged
}

fn is_meant(whom: &Whom, scenario: &Scenario) -> bool {
    match whom {
        Whom::Id(id) => scenario.id == *id,
        Whom::Scenario(name) => scenario.scenario == *name || scenario.title() == *name,
    }
}

fn kind_word(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Aimed => "aimed",
        FaultKind::Random => "random",
        FaultKind::Always => "always",
    }
}

/// The nearest of many names; too many to list them all.
fn near(typed: &str, known: &[&str]) -> String {
    match known.len() {
        0 => "there are none at all".to_owned(),
        _ => match suggestion(typed, known) {
            all if all.starts_with("there are ") && known.len() > NAMED_MAX => format!("there are {}", known.len()),
            near => near,
        },
    }
}

/// One scenario that failed, in a line.
fn failure_told(scenario: &Scenario, results: &Results) -> String {
    let place = format!("{}:{} {}", scenario.file, scenario.line, scenario.title());
    let Some(first) = scenario.failures.first() else {
        let never = scenario.never_hit(results.seeds.count());
        let what = never.first().map_or(String::new(), |fault| format!(": `{}` hit nothing with any seed", fault.what));
        return format!("{place}{what}");
    };
    let of =
        if scenario.runs > 1 { format!(" with {} of {} seeds", scenario.failed, scenario.runs) } else { String::new() };
    format!("{place}{of}: {}", first.replay)
}

/// The verdict in a few sentences that can be quoted.
fn sentence(results: &Results, figures: &Figures, refusals: usize) -> String {
    let verdict = match refusals {
        0 => "ACCEPTED".to_owned(),
        some => format!("REFUSED for {}", counted(some, "reason")),
    };
    let seeds = match results.seeds.count() {
        1 => format!("seed {}", results.seeds.from),
        _ => format!("seeds {}..{}", results.seeds.from, results.seeds.to),
    };
    let scenarios = counted(figures.scenarios as usize, "scenario");
    let mut said = vec![format!(
        "{verdict}: {scenarios} with {seeds}, {} in {} simulated hours, {} packets.",
        counted_big(figures.runs, "run"),
        hours(figures.simulated_hours),
        grouped(figures.packets)
    )];
    let struck: u64 = figures.faults.values().sum();
    let by_family: Vec<String> = figures
        .faults
        .iter()
        .filter(|(_, hits)| **hits > 0)
        .map(|(family, hits)| format!("{family} {}", grouped(*hits)))
        .collect();
    said.push(match struck {
        0 => "No fault struck.".to_owned(),
        _ => format!("Faults struck {} times: {}.", grouped(struck), by_family.join(", ")),
    });
    let checks: u64 = figures.oracles.values().sum();
    let rules = figures.oracles.values().filter(|judged| **judged > 0).count();
    said.push(match checks {
        0 => "No invariant judged anything.".to_owned(),
        _ => format!("{} judged {} times.", counted(rules, "invariant"), grouped(checks)),
    });
    said.push(match figures.failure_rate_below {
        Some(below) => {
            format!("No run failed: at 95% confidence fewer than {} would.", share(below))
        }
        None => {
            let failed = counted(figures.scenarios_failed as usize, "scenario");
            let excused = match figures.scenarios_excused {
                0 => String::new(),
                some => format!(", {some} of them in quarantine"),
            };
            format!("{} failed, in {failed}{excused}.", counted_big(figures.failed, "run"))
        }
    });
    said.join("\n")
}

/// A share of runs, as people weigh it: one in how many, and in percent to two digits that count.
fn share(share: f64) -> String {
    let percent = share * 100.0;
    let digits = (1.0 - percent.log10().floor()).clamp(0.0, 12.0) as usize;
    match (1.0 / share).floor() as u64 {
        0 | 1 => format!("{percent:.digits$}% of runs"),
        one_in => format!("1 run in {} ({percent:.digits$}%)", grouped(one_in)),
    }
}

fn hours(hours: f64) -> String {
    if hours < 100.0 { format!("{hours:.2}") } else { grouped(hours.round() as u64) }
}

fn counted_big(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(count)) }
}
