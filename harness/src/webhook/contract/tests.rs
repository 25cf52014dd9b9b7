//! A contract's file: what it says, and what is refused.

use super::*;

const GOOD: &str = "name = \"slow\"\ntimeouts = { total = \"5s\" }\n";

fn contract(text: &str) -> Contract {
    Contract::read(Path::new("slow.toml"), text).expect("a good contract")
}

/// The error of a contract with these lines besides what it must have.
fn error(lines: &str) -> String {
    Contract::read(Path::new("slow.toml"), &format!("{GOOD}{lines}\n")).expect_err("a bad contract").to_string()
}

#[test]
fn the_example_of_the_documentation_is_read_as_it_says() {
    let page = include_str!("../contract.rs");
    let lines = page.lines().skip_while(|line| *line != "//! ```toml").skip(1).take_while(|line| *line != "//! ```");
    let example: String =
        lines.map(|line| format!("{}\n", line.strip_prefix("//!").expect("a comment").trim_start())).collect();
    // A form has fields, JSON hasn't: the example names both.
    let contract = contract(&example.replace("fields = [\"lead_id\"]", "# "));
    assert_eq!((contract.name.as_str(), contract.method, contract.body), ("careful", MethodRule::Post, BodyForm::Json));
    let seconds = Duration::from_secs;
    assert_eq!(contract.limits, Limits { connect: seconds(5), answer: Some(seconds(10)), total: seconds(15) });
    assert_eq!(contract.retries[0].on, Failure::CONNECTION);
    assert_eq!(contract.retries[0].schedule.waits, Waits::List(vec![seconds(1), seconds(2)]));
    let most = seconds(12 * 3600);
    assert_eq!(contract.retries[1].schedule.waits, Waits::Exponential { first: seconds(60), factor: 2.0, most });
    assert_eq!((contract.retries[1].schedule.jitter, contract.retries[1].schedule.retries), (Jitter::Half, Some(20)));
    assert_eq!(contract.budget, Some(seconds(60)));
    let clock = Some((seconds(12 * 3600), seconds(24 * 3600)));
    assert_eq!(contract.disable, DisableRule { after: Some(seconds(5 * 86_400)), clock, exhausted: false });
    assert_eq!((contract.rule_for(Failure::Refused), contract.rule_for(Failure::Redirect)), (Some(0), Some(1)));
    assert!(contract.retry_after && contract.gone_disables && !contract.keeps_url && !contract.fallback);
    assert_eq!(contract.headers, [(HeaderName::from_static("user-agent"), "careful/1.0".to_owned())]);
}

#[test]
fn what_is_left_out_is_not_promised() {
    let contract = contract(GOOD);
    assert_eq!((contract.retries.len(), contract.follow_redirects, contract.signature), (0, 0, Scheme::None));
    assert_eq!((contract.success, contract.order), (Success::Any2xx, Order::Parallel));
    assert_eq!(contract.disable, DisableRule::default());
    assert_eq!(contract.limits.connect, Duration::from_secs(5), "as long as the whole");
}

#[test]
fn unknown_fields_and_words_are_answered_with_the_nearest_and_their_line() {
    assert_eq!(error("metod = \"GET\""), "slow.toml:3: metod: there is no such field; did you mean \"method\"?");
    assert_eq!(error("[timeout]"), "slow.toml:3: timeout: there is no such field; did you mean \"timeouts\"?");
    let method = "slow.toml:3: method: \"PUT\" is unknown; did you mean \"GET\" or \"POST\"?";
    assert_eq!(error("method = \"PUT\""), method);
    let signature = "slow.toml:3: signature: \"strip\" is unknown; did you mean \"stripe\"?";
    assert_eq!(error("signature = \"strip\""), signature);
    let retry = error("[[retry]]\non = [\"6xx\"]\nwaits = [\"1s\"]");
    assert_eq!(retry, "slow.toml:4: retry.on: \"6xx\" is unknown; there are \"3xx\", \"4xx\", \"5xx\"");
    assert_eq!(
        error("[[retry]]\non = [\"all\"]\nwait = [\"1s\"]"),
        "slow.toml:5: retry.wait: there is no such field; did you mean \"waits\"?"
    );
    assert_eq!(
        error("[disable]\nafer = \"5d\""),
        "slow.toml:4: disable.afer: there is no such field; did you mean \"after\"?"
    );
}

#[test]
fn durations_and_types_that_are_wrong_are_refused() {
    let durations = "they're written as 200ms, 5s, 30m, 2h, 1h30m or 3d";
    assert_eq!(
        error("rotation_overlap = \"a day\""),
        format!("slow.toml:3: rotation_overlap: \"a day\" is no duration: {durations}")
    );
    assert_eq!(
        error("rotation_overlap = 5"),
        "slow.toml:3: rotation_overlap: a string is needed here, not a TOML integer"
    );
    assert_eq!(error("retry_after = 1"), "slow.toml:3: retry_after: true or false is needed here, not a TOML integer");
    assert_eq!(error("follow_redirects = 101"), "slow.toml:3: follow_redirects: 101 is over 100");
    assert_eq!(
        error("follow_redirects = 1.5"),
        "slow.toml:3: follow_redirects: a whole number is needed here, not a TOML float"
    );
    assert_eq!(error("retry = 3"), "slow.toml:3: retry: a list is needed here, not a TOML integer");
}

#[test]
fn what_must_be_there_and_what_cannot_be_together_is_named() {
    let of = |text: &str| Contract::read(Path::new("slow.toml"), text).expect_err("a bad contract").to_string();
    assert_eq!(of(""), "slow.toml:1: name: is missing: how do scenarios call it?");
    assert_eq!(of("name = \"slow\""), "slow.toml:1: timeouts: is missing: a sender has the table [timeouts]");
    assert_eq!(of("name = \"slow\"\n[timeouts]\nconnect = \"1s\""), "slow.toml:2: timeouts.total: is missing");
    assert_eq!(error("fields = []"), "slow.toml:3: fields: JSON has all fields");
    assert_eq!(
        error("signature = \"didww\""),
        "slow.toml:3: signature: didww signs parameters: the body is a form or a query"
    );
    assert_eq!(error("method = \"GET\""), "slow.toml:1: body: is missing: what is got is in the URL: body = \"query\"");
    assert_eq!(
        error("[[retry]]\non = [\"all\"]\nwaits = [\"1s\"]\nfirst = \"1s\""),
        "slow.toml:3: retry.waits: there must be one of waits, first and step"
    );
    assert_eq!(
        error("[[retry]]\non = [\"all\"]\nfirst = \"1s\""),
        "slow.toml:3: retry.within: is missing, and so is retries: this goes on for ever"
    );
    assert_eq!(error("[disable]\napart = \"12h\""), "slow.toml:3: disable.among: is missing beside apart");
}

#[test]
fn success_is_what_the_contract_says() {
    let judge = |success, status, has_body| Contract { success, ..contract(GOOD) }.judge(status, has_body);
    assert_eq!(judge(Success::Any2xx, 204, false), Ok(()));
    assert_eq!(judge(Success::Only200, 204, true), Err(Failure::Empty));
    assert_eq!(judge(Success::WithBody, 200, true), Ok(()));
    assert_eq!(judge(Success::WithBody, 200, false), Err(Failure::Empty));
    assert_eq!(judge(Success::AnyAnswer, 500, false), Ok(()));
    for (status, failure) in [
        (300, Failure::Redirect),
        (399, Failure::Redirect),
        (400, Failure::ClientError),
        (428, Failure::ClientError),
        (429, Failure::TooMany),
        (430, Failure::ClientError),
        (500, Failure::ServerError),
        (599, Failure::ServerError),
    ] {
        assert_eq!(judge(Success::Any2xx, status, true), Err(failure), "{status}");
    }
}

#[test]
fn a_folder_overrides_a_preset_and_adds_others() {
    let texts = [
        (PathBuf::from("mine.toml"), "name = \"Standard\"\n[timeouts]\ntotal = \"3s\"\n".to_owned()),
        (PathBuf::from("slow.toml"), GOOD.to_owned()),
    ];
    let mut contracts = Contracts::builtin();
    assert_eq!(contracts.with_texts(&texts).expect("good ones"), 2);
    assert_eq!(contracts.get("standard").expect("it's there").limits.total, Duration::from_secs(3));
    assert_eq!(contracts.iter().count(), BUILTIN.len() + 1);
    let twice = [texts[1].clone(), (PathBuf::from("too.toml"), GOOD.to_owned())];
    let error = contracts.with_texts(&twice).expect_err("one name twice").to_string();
    assert_eq!(error, "too.toml:1: name: slow.toml is called \"slow\", too");
}
