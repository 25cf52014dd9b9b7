//! The command as a person meets it: what it prints, and how it exits.

mod home;

use std::fs;
use std::io::{BufReader, Read as _};
use std::process::{Command, Stdio};

use home::{Home, MIXED, own_steps, read_until, shown};

const ORDERS: &str = include_str!("features/orders.feature");

#[test]
fn a_run_that_passes_exits_0() {
    let home = Home::new("passes").with("features/shop/orders.feature", ORDERS);
    insta::assert_snapshot!(home.told_by(&own_steps(), &["run"]));
}

#[test]
fn a_failure_exits_1_and_its_replay_line_runs_it_again() {
    let home = Home::new("fails").with("features/mixed.feature", MIXED);
    let told = home.told_by(&own_steps(), &["run", "--seed", "7"]);
    insta::assert_snapshot!(told);
    let replay = told.lines().find_map(|line| line.trim().strip_prefix("replay    busyhour ")).unwrap();
    let line = format!("{} {replay}", own_steps().display());
    let again = shown(home.shell(&line).output().unwrap());
    let details = |told: &str| told[told.find("Failures").unwrap()..told.find("replay").unwrap()].to_owned();
    assert_eq!(details(&again), details(&told), "{again}");
    assert!(again.contains("1 scenario: 0 passed, 1 failed"), "{again}");
}

#[test]
fn many_seeds_are_told_in_one_line_a_scenario() {
    let home = Home::new("seeds").with("features/mixed.feature", MIXED);
    insta::assert_snapshot!(home.told_by(&own_steps(), &["run", "--seeds", "0..50"]));
}

#[test]
fn the_number_of_jobs_changes_no_byte_of_standard_output() {
    let home = Home::new("jobs").with("features/mixed.feature", MIXED).with("features/orders.feature", ORDERS);
    let stdout = |jobs: &str| {
        let output = home.command_of(&own_steps(), &["run", "--seeds", "3..20", "--jobs", jobs]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let one = stdout("1");
    assert!(one.contains("5 scenarios"), "{one}");
    assert_eq!(one, stdout("4"));
    assert_eq!(one, stdout("64"));
}

#[test]
fn scenarios_are_chosen_by_tags_and_by_name() {
    let home = Home::new("choice").with("features/mixed.feature", MIXED).with("features/orders.feature", ORDERS);
    let summary = |arguments: &[&str]| {
        let told = home.told_by(&own_steps(), &[&["run"], arguments].concat());
        told.lines().find(|line| line.contains("scenario")).unwrap().to_owned()
    };
    assert_eq!(summary(&["--tags", "@quick"]), "1 scenario: 1 passed; seed 0; 0 packets; 3.000 s simulated");
    assert_eq!(summary(&["--name", "^fine$"]), "1 scenario: 1 passed; seed 0; 0 packets; 1 min 30 s simulated");
    assert_eq!(summary(&["--name", r"\[5, 86400, 3\]"]), "1 scenario: 1 passed; seed 0; 0 packets; 2 d 0 h simulated");
    assert_eq!(
        summary(&["--tags", "not @quick", "--name", "order"]),
        "2 scenarios: 2 passed; seed 0; 0 packets; 2 d 2 h simulated"
    );
}

#[test]
fn nothing_chosen_exits_4() {
    let home = Home::new("nothing").with("features/mixed.feature", MIXED);
    insta::assert_snapshot!(home.told_by(&own_steps(), &["run", "--tags", "@nobody"]));
}

#[test]
fn what_is_wrong_with_feature_files_exits_2_and_runs_nothing() {
    let home = Home::new("problems")
        .with("features/a.feature", "Feature: a\n  Scenario: s\n    Givn machines a and b\n")
        .with(
            "features/deep/b.feature",
            "Feature: b\n  Scenario: s\n    Given machines a and b\n    When wait 90 seconds\n    Then a crashes\n",
        );
    insta::assert_snapshot!(home.told(&["run"]));
}

#[test]
fn a_path_without_features_exits_2() {
    let home = Home::new("paths").with("empty/readme.txt", "").with("notes.txt", "");
    let told: Vec<String> = [&["run"][..], &["run", "empty"], &["run", "nowhere"], &["run", "notes.txt"]]
        .iter()
        .map(|arguments| format!("$ busyhour {}\n{}", arguments.join(" "), home.told(arguments)))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn records_that_can_not_be_written_are_found_out_before_anything_runs() {
    let home = Home::new("out").with("features/orders.feature", ORDERS).with("file", "");
    insta::assert_snapshot!(home.told_by(&own_steps(), &["run", "--out", "file"]), @r"
    exit 2
    --- stdout
    --- stderr
    busyhour: no record can be put into `file`: it is a file; name another folder with --out
    ");
    assert!(home.told_by(&own_steps(), &["run", "--out", "file/below"]).starts_with("exit 2"));
    assert!(home.told_by(&own_steps(), &["run", "--out", "new/folder"]).starts_with("exit 0"));
}

#[test]
fn two_files_that_seeds_and_records_could_not_tell_apart_exit_2() {
    let home = Home::new("twice").with("a/features/x.feature", ORDERS).with("b/features/x.feature", ORDERS);
    insta::assert_snapshot!(home.told_by(&own_steps(), &["run", "a", "b"]), @r"
    exit 2
    --- stdout
    --- stderr
    busyhour: `a/features/x.feature` and `b/features/x.feature` are both called `features/x.feature` in seeds and records: run them apart
    ");
    assert!(home.told_by(&own_steps(), &["run", "a"]).starts_with("exit 0"));
}

const MY_VAN: &str = "\
Feature: On the road
  Scenario: A page is fetched
    Given machines a and b
    And a is on \"my van\"
    When a fetches \"/hello\" from b
    Then a got status 200
";

/// A profile of two seconds each way.
const SLOW: &str = "name = \"my van\"\n[up]\nlatency_ms = 1000\n[down]\nlatency_ms = 1000\n";

#[test]
fn a_network_profile_beside_the_features_is_used_from_wherever_the_run_is_started() {
    let home = Home::new("networks")
        .with("features/networks/my-van.toml", SLOW)
        .with("features/road/deep/van.feature", MY_VAN);
    let line = |folder: &str, path: &str| {
        let mut command = home.command(&["run", path]);
        let told = shown(command.current_dir(home.0.join(folder)).output().unwrap());
        told.lines().find(|line| line.contains("A page is fetched")).unwrap().to_owned()
    };
    // Two round trips of two seconds.
    assert_eq!(line("", "features"), "  passed        A page is fetched  4.010 s");
    assert_eq!(line("features", "road"), line("", "features"));
    assert_eq!(line("features/road/deep", "van.feature"), line("", "features"));
}

#[test]
fn the_nearest_folder_of_network_profiles_overrides_those_around_it() {
    let home = Home::new("networks-nearest")
        .with("features/networks/my-van.toml", SLOW)
        .with("features/road/networks/my-van.toml", SLOW.replace("1000", "250"))
        .with("features/road/van.feature", MY_VAN);
    assert!(home.told(&["run"]).contains("  passed        A page is fetched  1.010 s"));
}

#[test]
fn what_is_wrong_with_a_network_profile_exits_2_and_names_its_line() {
    let home = Home::new("networks-broken")
        .with("features/networks/my-van.toml", SLOW.replacen("latency_ms", "latency", 1))
        .with("features/van.feature", MY_VAN);
    insta::assert_snapshot!(home.told(&["run"]), @r#"
    exit 2
    --- stdout
    --- stderr
    features/networks/my-van.toml:3: up.latency: there is no such field; did you mean "latency_ms"?
    1 problem; nothing was run.
    "#);
}

/// A sender that tries again once, after ten seconds.
const CAREFUL: &str = r#"
name = "careful"
about = "ours"
source = "our runbook"
method = "POST"
body = "json"
signature = "standard"
[timeouts]
total = "10s"
[[retry]]
on = ["all"]
waits = ["10s"]
"#;

/// Two refusals are one too many for it.
const REFUSED_TWICE: &str = r#"Feature: Webhooks

  Scenario: A receiver refuses once
    Given a contact center with the "modern" profile
    And a campaign renewals
    And agent alice with a hardphone
    And a lead 1001 with phone number "15551230001"
    And a webhook receiver crm
    And renewals sends "disposition.saved" to crm by the "careful" sender
    And crm answers 503 to the next 1 delivery
    And alice is talking to lead 1001
    When alice saves disposition "SALE"
    And alice logs out
    Then crm got 2 deliveries of "disposition.saved" for lead 1001 within 30 seconds
    And crm recorded 1 sale for lead 1001
"#;

#[test]
fn a_sender_beside_the_features_is_a_contract_like_those_that_are_built_in() {
    let home =
        Home::new("senders").with("features/senders/careful.toml", CAREFUL).with("features/crm.feature", REFUSED_TWICE);
    let told = home.told(&["run"]);
    assert!(told.contains("1 scenario: 1 passed"), "{told}");
    let never = CAREFUL.replace("[[retry]]\non = [\"all\"]\nwaits = [\"10s\"]\n", "");
    let home = Home::new("senders-once")
        .with("features/senders/careful.toml", &never)
        .with("features/crm.feature", REFUSED_TWICE);
    let told = home.told(&["run"]);
    assert!(told.contains("1 scenario: 0 passed, 1 failed"), "one that never tries again delivers once: {told}");
}

#[test]
fn what_is_wrong_with_a_sender_exits_2_and_names_its_line() {
    let home = Home::new("senders-broken")
        .with("features/senders/careful.toml", CAREFUL.replace("signature", "signatur"))
        .with("features/crm.feature", REFUSED_TWICE);
    insta::assert_snapshot!(home.told(&["run"]), @r#"
    exit 2
    --- stdout
    --- stderr
    features/senders/careful.toml:7: signatur: there is no such field; did you mean "signature"?
    1 problem; nothing was run.
    "#);
}

#[test]
fn a_sender_that_nobody_knows_fails_with_the_names_of_those_there_are() {
    let home = Home::new("senders-unknown").with("features/crm.feature", REFUSED_TWICE);
    let told = home.told(&["run"]);
    let line = told.lines().find(|line| line.contains("there is no sender")).unwrap_or(&told);
    insta::assert_snapshot!(line.trim(), @r#"because   there is no sender "careful"; there are "dialpad", "didww", "github", "shopify", "standard", "standard-v1a", "stripe", "svix", "twilio", "vicidial-dispo", "vicidial-no-agent"; your own stand in a folder `senders` beside the feature files"#);
}

#[test]
fn an_invariant_that_nobody_knows_exits_2_with_the_line_of_its_scenario() {
    let feature = "Feature: f\n\n  @breaks:nothing_crosses_cut\n  Scenario: s\n    When 1 second passes\n";
    let home = Home::new("breaks").with("features/f.feature", feature);
    insta::assert_snapshot!(home.told(&["run"]), @r#"
    exit 2
    --- stdout
    --- stderr
    features/f.feature:4: `s` has a tag @breaks:nothing_crosses_cut: no invariant is called "nothing_crosses_cut"; did you mean nothing_crosses_a_cut?
    1 problem; nothing was run.
    "#);
}

#[test]
fn what_chance_spared_fails_over_several_seeds_and_not_with_one() {
    let feature = "Feature: f\n  Scenario: s\n    Given machines a and b\n    \
                   And every network loses 0.0001% of packets\n    When a sends 10 datagrams to b\n";
    let home = Home::new("spared").with("features/f.feature", feature);
    insta::assert_snapshot!(home.told(&["run"]), @r"
    exit 0
    --- stdout
    features/f.feature
      not exercised s  1.010 s
                    `every network loses 0.0001% of packets` hit none of 10 with this seed

    1 scenario: 0 passed, 1 not exercised; seed 0; 10 packets; 1.010 s simulated
    --- stderr
    Took (wall time)
    The report is in target/busyhour/report.html
    ");
    insta::assert_snapshot!(home.told(&["run", "--seeds", "0..3"]), @r"
    exit 1
    --- stdout
    features/f.feature
      FAILED        s  3 seeds, 3.030 s; not exercised with 3 of them

    Failures

    s  features/f.feature:2
      `every network loses 0.0001% of packets` hit nothing with any of 3 seeds, though 30 could have been hit
      replay    busyhour run features/f.feature --name '^s$' --seeds 0..3

    1 scenario: 0 passed, 1 failed; seeds 0..3; 30 packets; 3.030 s simulated
    --- stderr
    Took (wall time)
    The report is in target/busyhour/report.html
    ");
}

#[test]
fn wrong_use_exits_2_and_says_what_is_wrong() {
    let home = Home::new("usage");
    let told: Vec<String> = [
        &["run", "--seeds", "5..5"][..],
        &["run", "--seeds", "5"],
        &["run", "--seed", "1", "--seeds", "0..5"],
        &["run", "--seed", "18446744073709551615"],
        &["run", "--seed", "-1"],
        &["run", "--jobs", "-1"],
        &["run", "--jobs", "0"],
        &["run", "--tags", "@a and"],
        &["run", "--name", "("],
        &["run", "--sed", "1"],
        &["walk"],
        &["bench", "wire", "--against", "the wind"],
    ]
    .iter()
    .map(|arguments| format!("$ busyhour {}\n{}", arguments.join(" "), home.told(arguments)))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn help_says_what_there_is() {
    let home = Home::new("help");
    insta::assert_snapshot!(format!("{}\n{}", home.told(&["--help"]), home.told(&["run", "--help"])));
}

#[test]
fn the_steps_of_other_crates_are_listed_with_their_places() {
    let told = Home::new("steps").told_by(&own_steps(), &["steps"]);
    assert!(told.contains("Steps of other crates in this build"), "{told}");
    assert!(told.contains("orders.rs:"), "{told}");
    assert!(told.contains("When 90 seconds pass"), "{told}");
}

#[test]
fn a_step_of_another_crate_under_another_keyword_is_an_error_that_says_so() {
    let home = Home::new("foreign").with("features/f.feature", "Feature: f\n  Scenario: s\n    When 2 open orders\n");
    let told = home.told_by(&own_steps(), &["run"]);
    assert!(told.starts_with("exit 2"), "{told}");
    assert!(told.contains("this step is known under Given alone, and here it stands under When"), "{told}");
}

#[test]
fn a_deterministic_run_is_the_same_in_a_second_process() {
    let home = Home::new("deterministic").with("features/orders.feature", ORDERS);
    insta::assert_snapshot!(
        home.told_by(&own_steps(), &["run", "--check-determinism", "--seeds", "0..3", "--name", "order"])
    );
}

/// What a check of determinism prints of a scenario of machines a and b with this step, which must be found out.
fn found_out(name: &str, step: &str) -> String {
    let feature = format!(
        "Feature: f\n  Scenario: s\n    Given machines a and b\n    When a greets b\n    And {step}\n    And b greets a\n"
    );
    let home = Home::new(name).with("features/f.feature", &feature);
    let told = home.told_by(&own_steps(), &["run", "--check-determinism"]);
    assert!(told.starts_with("exit 5"), "{told}");
    assert!(told.contains("not deterministic: features/f.feature::s with seed 0"), "{told}");
    assert!(told.contains("Not deterministic: 1 of 1 run came out differently."), "{told}");
    let trails = ["seed-0.trail", "seed-0"].map(|file| {
        let scenario = fs::read_dir(home.0.join("target/busyhour/features-f")).unwrap().next().unwrap().unwrap();
        scenario.path().join(file).exists()
    });
    assert_eq!(trails, [true, true], "the trail stays where runs differ, and the record too");
    let line =
        told.lines().find(|line| line.trim_start().starts_with("event ")).expect("the first difference is named");
    line.trim().to_owned()
}

#[test]
fn a_payload_that_differs_between_two_processes_exits_5_and_the_packet_is_named() {
    let line = found_out("other-bytes", "a tells b its process number");
    // How a packet is described is the trail's own affair.
    assert!(line.starts_with("event 9 differs: at 0.010000s "), "{line}");
    assert!(line.ends_with(", 4 bytes, but with other bytes"), "{line}");
}

#[test]
fn a_packet_that_only_one_of_two_processes_sends_exits_5_and_is_named() {
    let line = found_out("more-packets", "a tells b each word of its command line");
    assert!(line.starts_with("event 15 differs: at 0.040000s "), "{line}");
    let (one, other) = line.split_once(", against ").expect("both runs are told of");
    assert!(one.ends_with("step - step line=6 text=\"And b greets a\""), "the first run goes on: {line}");
    assert!(other.ends_with(", 4 bytes"), "the second has one more word to tell: {line}");
}

#[test]
fn a_greeting_is_the_same_in_a_second_process_and_leaves_no_trail() {
    let feature = "Feature: f\n  Scenario: s\n    Given machines a and b\n    When a greets b\n";
    let home = Home::new("greeting").with("features/f.feature", feature);
    let told = home.told_by(&own_steps(), &["run", "--check-determinism"]);
    assert!(told.starts_with("exit 0"), "{told}");
    assert!(told.contains("Deterministic: the same in two processes (1 run)."), "{told}");
    let scenario = fs::read_dir(home.0.join("target/busyhour/features-f")).unwrap().next().unwrap().unwrap();
    assert!(!scenario.path().join("seed-0.trail").exists());
    assert!(!home.0.join("target/busyhour/.second").exists(), "what was the same twice is kept once");
}

#[test]
fn whoever_came_by_cargo_replays_by_cargo_and_the_record_knows_nothing_of_it() {
    let home = Home::new("by-cargo").with("features/mixed.feature", MIXED);
    let mut command = home.command_of(&own_steps(), &["run", "--name", "broken"]);
    let told = shown(command.env("CARGO", "/usr/bin/cargo").output().unwrap());
    let replay = told.lines().find_map(|line| line.trim().strip_prefix("replay    ")).unwrap();
    assert!(replay.starts_with("cargo run --release -- run features/mixed.feature --name "), "{told}");
    let record = told.lines().find_map(|line| line.trim().strip_prefix("record    ")).unwrap();
    let record = fs::read_to_string(home.0.join(record).join("record.json")).unwrap();
    assert!(record.contains(r#""replay": "busyhour run features/mixed.feature "#), "{record}");
}

#[test]
fn an_interrupt_prints_what_is_done_and_exits_130() {
    let slow = "Feature: f\n  Scenario: s\n    When 1 second passes\n  Scenario: t\n    When the clerk counts sheep\n";
    let home = Home::new("interrupt").with("features/f.feature", slow);
    let mut command = home.command_of(&own_steps(), &["run", "--jobs", "1", "--seeds", "0..1000"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // The first scenario is done, and the second takes far longer than the interrupt.
    let mut told = read_until(&mut stdout, "  passed");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    stdout.read_to_string(&mut told).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{told}");
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(stderr.contains("Interrupted: what is under way is seen to its end."), "{stderr}");
    assert!(told.contains("  passed        s  1000 seeds"), "{told}");
    assert!(told.contains("  cut short     t  ") && told.contains(" of 1000 seeds"), "{told}");
    assert!(told.contains("2 scenarios: 1 passed, 1 cut short"), "{told}");
    assert!(told.contains("Interrupted: 1 scenario not run, or not with all seeds."), "{told}");
}

/// Ten attempts for each of a thousand events, spread over three days by the schedule of Standard Webhooks, all refused.
#[test]
fn the_floors_bench_tells_what_it_has_lived_through_in_one_object_a_line() {
    let home = Home::new("bench-floor");
    let output = home.command(&["bench", "floor", "--only", "retries", "--json"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [line] = lines.as_slice() else { panic!("{said}") };
    let of = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {said}"));
    assert_eq!((of("events"), of("attempts")), (1_000.0, 10_000.0));
    assert!(of("sim_s") >= 3.0 * 86_400.0 && of("cpu_s") > 0.0 && of("peak_rss_mb") > 0.0, "{said}");
}

#[test]
fn the_version_names_the_commit_and_so_does_each_record() {
    let home = Home::new("version").with("features/f.feature", "Feature: f\n  Scenario: s\n    When 1 second passes\n");
    let told = home.told(&["--version"]);
    let line = told.lines().find(|line| line.starts_with("busyhour ")).unwrap_or(&told);
    let commit = line.split_once(" (commit ").and_then(|(_, rest)| rest.strip_suffix(')')).expect(line).to_owned();
    assert!(commit == "unknown" || commit.len() >= 12, "{line}");
    assert!(line.starts_with(concat!("busyhour ", env!("CARGO_PKG_VERSION"), " (")), "{line}");
    assert!(home.told(&["run"]).starts_with("exit 0"));
    let scenario = fs::read_dir(home.0.join("target/busyhour/features-f")).unwrap().next().unwrap().unwrap();
    let record = fs::read_to_string(scenario.path().join("seed-0/record.json")).unwrap();
    assert!(record.contains(&format!("\"commit\": \"{commit}\"")), "{record}");
}
