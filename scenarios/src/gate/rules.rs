//! The rules of a gate, as `gate.toml` has them.
//!
//! ```toml
//! must_pass = ["@release and not @slow"]   # these pass, and there are some
//! seeds = 100                              # each scenario was run with so many at least
//! minimum_tests = 500                      # so many scenarios were run
//! maximum_failures = 0                     # so many may fail, those in quarantine apart; 0 if nothing is said
//! maximum_duration = "2h"                  # of CPU time
//! check_determinism = true                 # each ran twice, in two processes
//!
//! [required_faults]                        # by what they are, or by what they owe (aimed, random, always)
//! loss = 10000
//! cut = 10
//!
//! [required_oracles]                       # each judged so much at least
//! established_means_heard = 1000
//!
//! [[quarantine]]
//! scenario = "A call survives a reload"    # or id = "features/calls.feature::A call survives a reload"
//! reason = "the carrier's answer is late, TICKET-7"
//! owner = "alice"
//! expires = 2027-01-31                     # the last day on which it's excused
//! ```

use std::path::Path;
use std::time::Duration;

use super::day::Day;
use crate::keys::{Entry, KeyError, Source, Table};
use crate::results::FAMILIES;
use crate::tags::TagExpression;

/// What a run must have shown.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Scenarios with such tags pass, each of them, and there is at least one for each expression.
    pub must_pass: Vec<Rule<(String, TagExpression)>>,
    /// Each scenario was run with so many seeds.
    pub seeds: Option<Rule<u64>>,
    /// So many scenarios were run.
    pub minimum_tests: Option<Rule<u64>>,
    /// So many scenarios may fail, those in quarantine apart.
    pub maximum_failures: Option<Rule<u64>>,
    /// The run took so much CPU time at most.
    pub maximum_duration: Option<Rule<Duration>>,
    /// Each scenario was run twice, in two processes.
    pub check_determinism: Option<Rule<bool>>,
    /// Faults of a sort struck so often.
    pub required_faults: Vec<Rule<(String, u64)>>,
    /// Invariants judged so much.
    pub required_oracles: Vec<Rule<(String, u64)>>,
    /// Scenarios that may fail for the time being.
    pub quarantine: Vec<Rule<Quarantine>>,
}

/// A rule, and where it's written.
#[derive(Debug, Clone)]
pub struct Rule<T> {
    /// As `file:line`.
    pub place: String,
    /// What it says.
    pub says: T,
}

/// A scenario that may fail for the time being.
#[derive(Debug, Clone)]
pub struct Quarantine {
    /// Which.
    pub whom: Whom,
    /// Why.
    pub reason: String,
    /// Who sees to it.
    pub owner: String,
    /// The last day on which it's excused.
    pub expires: Day,
}

/// How a quarantine names its scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// By what names it among all others.
    Id(String),
    /// By its name; all rows of an outline have the same.
    Scenario(String),
}

const KEYS: &[&str] = &[
    "must_pass",
    "seeds",
    "minimum_tests",
    "maximum_failures",
    "maximum_duration",
    "check_determinism",
    "required_faults",
    "required_oracles",
    "quarantine",
];
const QUARANTINE_KEYS: &[&str] = &["id", "scenario", "reason", "owner", "expires"];
/// What faults owe, by which they may be required as well.
const KINDS: &[&str] = &["aimed", "random", "always"];

impl Rules {
    /// Reads a file.
    pub fn load(file: &Path) -> Result<Rules, KeyError> {
        Rules::read(&Source::read(file)?)
    }

    pub(crate) fn read(source: &Source) -> Result<Rules, KeyError> {
        let parsed = source.parsed()?;
        let mut rules = Rules::default();
        for entry in source.table(&parsed).entries() {
            match entry.key {
                "must_pass" => {
                    for text in entry.texts()? {
                        let read: TagExpression =
                            text.parse().map_err(|error| entry.wrong(format!("`{text}`: {error}")))?;
                        rules.must_pass.push(rule(&entry, (text.to_owned(), read)));
                    }
                }
                "seeds" => rules.seeds = Some(rule(&entry, entry.count()?)),
                "minimum_tests" => rules.minimum_tests = Some(rule(&entry, entry.count()?)),
                "maximum_failures" => rules.maximum_failures = Some(rule(&entry, entry.count()?)),
                "maximum_duration" => {
                    let duration = duration(entry.text()?).map_err(|error| entry.wrong(error))?;
                    rules.maximum_duration = Some(rule(&entry, duration));
                }
                "check_determinism" => rules.check_determinism = Some(rule(&entry, entry.flag()?)),
                "required_faults" => {
                    for fault in entry.table()?.entries() {
                        if !FAMILIES.contains(&fault.key) && !KINDS.contains(&fault.key) {
                            return Err(fault.unknown(&[FAMILIES, KINDS].concat()));
                        }
                        rules.required_faults.push(rule(&fault, (fault.key.to_owned(), fault.count()?)));
                    }
                }
                "required_oracles" => {
                    for oracle in entry.table()?.entries() {
                        rules.required_oracles.push(rule(&oracle, (oracle.key.to_owned(), oracle.count()?)));
                    }
                }
                "quarantine" => {
                    for table in entry.tables()? {
                        rules.quarantine.push(Rule { place: table.place(), says: quarantine(&table)? });
                    }
                }
                _ => return Err(entry.unknown(KEYS)),
            }
        }
        Ok(rules)
    }
}

fn rule<T>(entry: &Entry<'_>, says: T) -> Rule<T> {
    Rule { place: entry.place(), says }
}

fn quarantine(table: &Table<'_>) -> Result<Quarantine, KeyError> {
    let (mut id, mut scenario, mut reason, mut owner, mut expires) = (None, None, None, None, None);
    for entry in table.entries() {
        match entry.key {
            "id" => id = Some(entry.words()?),
            "scenario" => scenario = Some(entry.words()?),
            "reason" => reason = Some(entry.words()?),
            "owner" => owner = Some(entry.words()?),
            "expires" => expires = Some(entry.day()?.parse().map_err(|error: String| entry.wrong(error))?),
            _ => return Err(entry.unknown(QUARANTINE_KEYS)),
        }
    }
    let missing = |what: &str| table.wrong(format!("a quarantine has {what}"));
    let whom = match (id, scenario) {
        (Some(id), None) => Whom::Id(id),
        (None, Some(scenario)) => Whom::Scenario(scenario),
        (None, None) => return Err(missing("an `id` or a `scenario`: whom does it excuse?")),
        (Some(_), Some(_)) => return Err(missing("an `id` or a `scenario`, and not both")),
    };
    Ok(Quarantine {
        whom,
        reason: reason.ok_or_else(|| missing("a `reason`"))?,
        owner: owner.ok_or_else(|| missing("an `owner`, who sees to it"))?,
        expires: expires.ok_or_else(|| missing("a day on which it `expires`"))?,
    })
}

/// A span: `90s`, `30m`, `2h`, `1d`.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("`{text}` is no duration: write 90s, 30m, 2h or 1d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Rules::read(&Source::of("gate.toml", text)).expect_err("bad rules").to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_was_meant() {
        let quarantine = "[[quarantine]]\nscenario = \"s\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2027-01-31\n";
        Rules::read(&Source::of("gate.toml", quarantine)).unwrap();
        let errors = [
            "\nminimum_test = 5",
            "seeds = \"many\"",
            "seeds = -1",
            "seeds = 1\nseeds = 2",
            "must_pass = \"@release and\"",
            "must_pass = [1]",
            "maximum_duration = \"soon\"",
            "maximum_duration = \"0s\"",
            "check_determinism = 1",
            "[required_faults]\nlos = 1",
            "[required_faults]\nloss = 1.5",
            "[quarantine]\nid = \"x\"",
            &quarantine.replace("owner", "owners"),
            &quarantine.replace("reason = \"r\"\n", ""),
            &quarantine.replace("\"r\"", "\" \""),
            &quarantine.replace("scenario = \"s\"\n", ""),
            &quarantine.replace("scenario", "id = \"i\"\nscenario"),
            &quarantine.replace("2027-01-31", "\"2027-02-31\""),
            &quarantine.replace("2027-01-31", "2027-01-31T00:00:00Z"),
            "seeds",
        ]
        .map(error);
        insta::assert_snapshot!(errors.join("\n"));
    }
}
