//! Which scenarios can be played on real sockets, in real time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::problem;
use crate::report::counted;
use crate::script::{Case, ScriptStep};
use crate::vocabulary::{Bound, PASSES};

/// What is played when nothing else is said.
pub const FEATURES: [&str; 2] = ["features/registration.feature", "features/calls.feature"];

/// How many are played at once: mostly they wait.
pub const AT_ONCE: NonZeroUsize = NonZeroUsize::new(16).expect("sixteen is some");

/// Nobody waits longer for a scenario that wasn't asked for by its file.
const LONGEST: Duration = Duration::from_secs(30);

/// Those that can be played, and what is to be told of the others. If their files were named, a fault is an error.
///
/// # Errors
/// The faults, each with its file and line.
pub fn playable(cases: Vec<Arc<Case>>, named: bool) -> Result<(Vec<Arc<Case>>, Option<String>), String> {
    let (mut playable, mut faulty, mut long) = (Vec::new(), 0, 0);
    let mut problems: Vec<String> = Vec::new();
    for case in cases {
        let faults: Vec<&ScriptStep> = case.script.leaves().filter(|step| is_fault(step)).collect();
        if !faults.is_empty() {
            faulty += 1;
            let told = faults.iter().map(|step| {
                let ScriptStep { file, line, keyword, text, .. } = step;
                format!("{file}:{line}: `{keyword} {text}` is a fault, and live mode has none")
            });
            problems.extend(told);
        } else if !named && case.script.leaves().filter_map(passes).sum::<Duration>() > LONGEST {
            long += 1;
        } else {
            playable.push(case);
        }
    }
    if named && !problems.is_empty() {
        // A background's fault is told once, however many scenarios have it.
        let mut seen = std::collections::BTreeSet::new();
        problems.retain(|problem| seen.insert(problem.clone()));
        return Err(format!("{}\n{}", problems.join("\n"), problem::count_shown(problems.len())));
    }
    let told = (faulty + long > 0).then(|| {
        format!(
            "Left out: {} with faults, which need a simulated universe, and {} in which more than {} seconds pass.",
            counted(faulty, "scenario"),
            counted(long, "scenario"),
            LONGEST.as_secs()
        )
    });
    Ok((playable, told))
}

fn is_fault(step: &ScriptStep) -> bool {
    matches!(&step.bound, Bound::Phrase(phrase, _) if phrase.fault)
}

/// How long the step lets pass.
fn passes(step: &ScriptStep) -> Option<Duration> {
    match &step.bound {
        Bound::Phrase(phrase, matches) if phrase.expression == PASSES => matches.get(0).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Choice, Suite};
    use crate::vocabulary::Vocabulary;

    fn cases(of: &str) -> Vec<Arc<Case>> {
        let text = "Feature: f\n  Background:\n    Given agents alice and bob with hardphones\n\
            \x20 Scenario: short\n    When 30 seconds pass\n    Then alice is in no call\n\
            \x20 Scenario: long\n    When 20 seconds pass\n    And 11 seconds pass\n    Then alice is in no call\n\
            \x20 Scenario: faulty\n    When the server crashes\n    And the server crashes\n    Then alice is in no call\n";
        let file = std::env::temp_dir().join(format!("busyhour-live-{}-{of}.feature", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let suite = Suite::load(std::slice::from_ref(&file), &Vocabulary::of_this_build());
        std::fs::remove_file(&file).unwrap();
        suite.unwrap().chosen(&Choice::default())
    }

    #[test]
    fn what_has_faults_or_takes_too_long_is_left_out_and_counted() {
        let (left, told) = playable(cases("short"), false).unwrap();
        let names: Vec<&str> = left.iter().map(|case| case.scenario.as_str()).collect();
        assert_eq!(names, ["short"]);
        let told = told.unwrap();
        assert!(told.contains("1 scenario with faults") && told.contains("1 scenario in which more than 30"), "{told}");
    }

    #[test]
    fn a_fault_in_a_file_that_was_named_is_an_error_with_its_line() {
        let problems = playable(cases("faults"), true).unwrap_err();
        assert!(problems.contains(":12: `When the server crashes` is a fault"), "{problems}");
        assert!(problems.contains(":13: `And the server crashes` is a fault"), "{problems}");
        assert!(problems.contains("2 problems"), "{problems}");
    }

    #[test]
    fn a_long_scenario_is_played_when_its_file_was_named() {
        let named: Vec<Arc<Case>> = cases("long").into_iter().filter(|case| case.scenario != "faulty").collect();
        let (left, told) = playable(named, true).unwrap();
        assert_eq!((left.len(), told), (2, None));
    }
}
