//! A SIP server that busyhour has never seen takes the place of ours, under the same feature files.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use busyhour::media::Cadence;
use busyhour_scenarios::outcome::Verdict;
use busyhour_scenarios::run::{self, Event, Plan};
use busyhour_scenarios::stage::UniverseStage;
use busyhour_scenarios::suite::{Choice, Suite};
use busyhour_scenarios::vocabulary::Vocabulary;
use regex::Regex;

#[path = "../examples/own_sip_server.rs"]
mod own_sip_server;

/// The scenarios of the calls' feature whose names match, with what came of each and why.
fn played(names: &str) -> Vec<(String, Verdict, String)> {
    let features = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../features/calls.feature"));
    let suite = Suite::load(&[features], &Vocabulary::of_this_build()).unwrap();
    let choice = Choice { name: Some(Regex::new(names).unwrap()), ..Choice::default() };
    let out = run::records_of_tests().join("own_sip_server");
    let plan = Plan {
        cases: suite.chosen(&choice),
        seeds: 0..2,
        workers: NonZeroUsize::MIN,
        out,
        trails: false,
        cadence: Cadence::Auto,
        partition: None,
        live: false,
    };
    let stage = UniverseStage::default().with_server(own_sip_server::my_server);
    let mut told = Vec::new();
    run::run(&plan, &stage, &AtomicBool::new(false), |event| {
        if let Event::Done(job, result) = event {
            let failures = result.account.steps.iter().filter_map(|step| step.failure.as_ref());
            let mut why: Vec<String> = failures.map(|failure| failure.to_string()).collect();
            why.extend(result.account.oracles.iter().flat_map(|oracle| oracle.breaches.clone()));
            told.push((job.case.title(), result.verdict, why.join("; ")));
        }
    });
    told
}

#[test]
fn the_same_scenarios_pass_with_it() {
    let told = played("Two agents talk$|rejects the call|nobody has|isn't registered can't|softphone calls");
    assert_eq!(told.len(), 10, "five scenarios, two seeds: {told:?}");
    for (title, verdict, why) in told {
        assert_eq!(verdict, Verdict::Passed, "{title}: {why}");
    }
}

#[test]
fn a_step_that_looks_into_our_server_says_that_this_is_another() {
    let told = played("The caller hangs up");
    assert_eq!(told.len(), 2, "{told:?}");
    for (title, verdict, why) in told {
        assert_eq!(verdict, Verdict::Failed, "{title}");
        assert!(why.contains("the server here is another one"), "{why}");
    }
}
