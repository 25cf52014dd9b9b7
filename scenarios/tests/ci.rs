//! What a build server wants of the command: results, a verdict, parts and their sum, defaults, and no harm done when
//! the disk is full or somebody else is at work.

mod home;

use std::fs;
use std::process::Stdio;

use busyhour_scenarios::lock::Lock;
use home::{Home, shown};
use serde_json::Value;

/// One that passes, one that fails with some seeds, one that chance spares with each.
const MIXED: &str = "\
@net
Feature: Mixed

  @release
  Scenario: Everything arrives
    Given machines a and b
    When a sends 10 datagrams to b
    Then b received all of them within 2 seconds

  Scenario: Nearly everything arrives
    Given machines a and b
    And every network loses 10% of packets
    When a sends 20 datagrams to b
    Then b received at least 18 of them within 2 seconds

  Scenario: Nothing is ever lost
    Given machines a and b
    And every network loses 0.0001% of packets
    When a sends 10 datagrams to b

  @release
  Scenario: A cut is a cut
    Given machines a and b
    When a sends 10 datagrams to b
    Then b received all of them within 2 seconds
    When the network between a and b is cut
    And a sends 10 datagrams to b
    Then b received none of them within 2 seconds
";

/// What passes of it.
const FINE: &str = "--tags @release";

fn code(home: &Home, line: &str) -> i32 {
    home.command(line).output().unwrap().status.code().unwrap()
}

/// A results document without the one thing in it that differs from run to run.
fn results(home: &Home, out: &str) -> Value {
    let mut results: Value = serde_json::from_str(&home.read(&format!("{out}/results.json"))).unwrap();
    for scenario in results["scenarios"].as_array_mut().unwrap() {
        scenario["cpu_us"] = 0.into();
    }
    results
}

#[test]
fn every_run_leaves_its_results() {
    let home = Home::new("results").with("features/mixed.feature", MIXED);
    assert_eq!(code(&home, "run --seeds 0..12 --out out"), 1);
    let mut results = results(&home, "out");
    assert_eq!(results["product"]["build"].as_str().unwrap().len(), 16);
    results["product"] = "(product)".into();
    // A failure more or less is the same again.
    for scenario in results["scenarios"].as_array_mut().unwrap() {
        let failures = scenario["failures"].as_array_mut().unwrap();
        for failure in &*failures {
            let record = home.0.join("out").join(failure["record"].as_str().unwrap());
            assert!(record.join("record.json").is_file(), "{}", record.display());
        }
        failures.truncate(1);
        let oracles = scenario["oracles"].as_array_mut().unwrap();
        assert!(oracles.len() > 20, "each invariant that listens is counted");
        oracles.retain(|oracle| oracle["name"] == "nothing_unsent_arrives");
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&results).unwrap());
}

#[test]
fn parts_merged_are_the_whole_in_results_verdict_gate_and_exit_code() {
    let home =
        Home::new("parts").with("features/mixed.feature", MIXED).with("gate.toml", "seeds = 12\nminimum_tests = 4\n");
    let whole = code(&home, "run --seeds 0..12 --out whole");
    let gate = |out: &str| home.told(&format!("gate {out}"));
    assert_eq!(whole, 1);
    assert!(gate("whole").starts_with("exit 3"), "{}", gate("whole"));
    for of in [1, 2, 5] {
        let parts: Vec<String> = (1..=of).map(|part| format!("parts-{of}/{part}")).collect();
        for (index, out) in parts.iter().enumerate() {
            let part = index + 1;
            let code = code(&home, &format!("run --seeds 0..12 --partition {part}/{of} --out {out}"));
            assert!([0, 1].contains(&code), "part {part} of {of} exits {code}");
        }
        let out = format!("merged-{of}");
        let merged = home.told(&format!("merge {} --out {out}", parts.join(" ")));
        assert!(merged.starts_with(&format!("exit {whole}\n")), "{merged}");
        assert_eq!(results(&home, &out), results(&home, "whole"), "{of} parts");
        assert_eq!(gate(&out), gate("whole"));
        for scenario in results(&home, &out)["scenarios"].as_array().unwrap() {
            for failure in scenario["failures"].as_array().unwrap() {
                let record = failure["record"].as_str().unwrap();
                let [whole, merged] = ["whole", &out].map(|out| home.read(&format!("{out}/{record}/record.json")));
                assert_eq!(whole, merged);
            }
        }
    }
    insta::assert_snapshot!(format!(
        "{}\n{}",
        home.told("merge parts-2/1 parts-2/2 --out merged-2"),
        home.told("run --seeds 0..12 --partition 2/5 --out parts-5/2")
    ));
}

#[test]
fn parts_of_one_seed_share_the_scenarios_among_them() {
    let home = Home::new("one-seed").with("features/mixed.feature", MIXED);
    let whole = code(&home, "run --out whole");
    for part in 1..=3 {
        let code = code(&home, &format!("run --tags @net --partition {part}/3 --out parts/{part}"));
        assert!(code <= whole, "part {part} exits {code}");
    }
    assert_eq!(code(&home, "merge parts/1 parts/2 parts/3 --out merged"), whole);
    assert_eq!(results(&home, "merged"), results(&home, "whole"));
}

#[test]
fn parts_that_are_not_one_run_are_refused() {
    let home = Home::new("not-one").with("features/mixed.feature", MIXED);
    for (out, arguments) in [
        ("a", "--partition 1/2"),
        ("b", "--partition 2/2"),
        ("b3", "--partition 2/3"),
        ("other", "--seed 1 --partition 2/2"),
        ("whole", ""),
    ] {
        assert_eq!(code(&home, &format!("run {FINE} {arguments} --out {out}")), 0);
    }
    home.save("changed/features/mixed.feature", MIXED.replace("10 datagrams", "11 datagrams"));
    assert_eq!(code(&home, &format!("run changed {FINE} --partition 2/2 --out changed/out")), 0);
    home.save("broken/results.json", "{ \"format\": 1,\n \"product\": 3 }\n");
    home.save("newer/results.json", "{ \"format\": 2 }\n");
    insta::assert_snapshot!(home.all_told(&[
        "merge a --out out",
        "merge a a --out out",
        "merge a b3 --out out",
        "merge a other --out out",
        "merge a changed/out --out out",
        "merge a whole --out out",
        "merge a b --out a",
        "merge a nowhere --out out",
        "merge a broken --out out",
        "merge a newer --out out",
        "merge a b --out out",
    ]));
}

#[test]
fn the_gate_accepts_with_a_sentence_and_refuses_with_reasons() {
    let home = Home::new("gate").with("features/mixed.feature", MIXED);
    home.save("gate.toml", "must_pass = [\"@release\"]\nseeds = 12\nminimum_tests = 2\n[required_faults]\ncut = 12\n");
    assert_eq!(code(&home, &format!("run {FINE} --seeds 0..12 --out fine")), 0);
    assert_eq!(code(&home, "run --seeds 0..12 --out mixed"), 1);
    assert_eq!(code(&home, "run --seeds 0..12 --partition 1/2 --out part"), 1);
    home.save(
        "strict.toml",
        "must_pass = [\"@release\", \"@gold\", \"@net and not @release\"]\nseeds = 100\nminimum_tests = 500\n\
        check_determinism = true\n[required_faults]\ncut = 100000\nrandom = 1\nnat = 1\n\
        [required_oracles]\nnothing_unsent_arrives = 1\neffects_exactly_once = 1\n",
    );
    home.save("lenient.toml", "maximum_failures = 2\n");
    let told = home.all_told(&[
        "gate fine",
        "gate mixed",
        "gate fine --gate strict.toml",
        "gate mixed --gate lenient.toml",
        "gate part",
    ]);
    insta::assert_snapshot!(told);
    let json: Value =
        serde_json::from_slice(&home.command("gate fine --format json").output().unwrap().stdout).unwrap();
    assert_eq!(json["accepted"], true);
    assert_eq!(json["figures"]["runs"], 24);
    let below = json["figures"]["failure_rate_below"].as_f64().unwrap();
    assert!((below - 0.117).abs() < 0.001, "24 clean runs: {below}");
}

#[test]
fn a_quarantine_excuses_until_it_expires_and_names_somebody() {
    let home = Home::new("quarantine").with("features/mixed.feature", MIXED);
    assert_eq!(code(&home, "run --seeds 0..12 --out out"), 1);
    let of = |name: &str| {
        format!(
            "[[quarantine]]\nscenario = \"{name}\"\nreason = \"TICKET-7\"\nowner = \"alice\"\nexpires = 2027-01-31\n"
        )
    };
    let both = of("Nearly everything arrives") + &of("Nothing is ever lost");
    home.save("gate.toml", &both);
    home.save("passes.toml", &(both.clone() + &of("A cut is a cut")));
    home.save("must.toml", format!("must_pass = \"@net\"\n{both}"));
    home.save("nobody.toml", of("Nearly everything arives"));
    home.save("key.toml", "\nminimum_test = 5\n");
    home.save("oracle.toml", "[required_oracles]\nnothing_unsent_arrive = 1\n");
    insta::assert_snapshot!(home.all_told(&[
        "gate out --today 2027-01-31",
        "gate out --today 2027-02-01",
        "gate out --today 2027-01-01 --gate passes.toml",
        "gate out --today 2027-01-01 --gate must.toml",
        "gate out --today 2027-01-01 --gate nobody.toml",
        "gate out --gate key.toml",
        "gate out --gate oracle.toml",
        "gate out --gate nowhere.toml",
        "gate nowhere",
        "gate out --today tomorrow",
    ]));
}

#[test]
fn two_outcomes_of_one_seed_are_refused_whoever_is_in_quarantine() {
    let home = Home::new("nondeterministic").with("features/mixed.feature", MIXED);
    assert_eq!(code(&home, &format!("run {FINE} --seeds 0..2 --out out")), 0);
    let mut results: Value = serde_json::from_str(&home.read("out/results.json")).unwrap();
    let scenario = &mut results["scenarios"][0];
    (scenario["passed"], scenario["nondeterministic"]) = (1.into(), 1.into());
    scenario["verdict"] = "nondeterministic".into();
    scenario["cpu_us"] = 7_200_000_000_u64.into();
    home.save("out/results.json", results.to_string());
    home.save(
        "gate.toml",
        "maximum_failures = 5\nmaximum_duration = \"1h\"\n[[quarantine]]\nscenario = \"Everything arrives\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2027-01-31\n",
    );
    insta::assert_snapshot!(home.told("gate out --today 2027-01-01"));
}

#[test]
fn busyhour_toml_says_what_the_command_line_does_not() {
    let home = Home::new("config").with("specs/mixed.feature", MIXED);
    home.save(
        "busyhour.toml",
        "[run]\npaths = [\"specs\"]\nseeds = \"0..3\"\ntags = \"@release\"\nout = \"records\"\njobs = 2\n",
    );
    fs::create_dir_all(home.0.join("deep/er")).unwrap();
    let deeper = |line: &str| shown(home.command(line).current_dir(home.0.join("deep/er")).output().unwrap());
    insta::assert_snapshot!(
        [
            home.told("run"),
            home.told("run --seed 7 --name cut"),
            home.told("config"),
            home.told("config other.feature --seed 7 --out here --check-determinism"),
            deeper("config"),
            deeper("run"),
        ]
        .join("\n")
    );
    assert!(home.0.join("records/results.json").is_file());
    assert_eq!(code(&home, "run --seeds 0..2 --check-determinism"), 0, "the second process is told what the first was");
    // Other verbs are told what concerns them.
    assert!(home.told("check").contains("4 scenarios in 1 file: no problems"));
    assert!(deeper("check").contains("4 scenarios in 1 file: no problems"));
    assert!(home.told("show").contains("Given machines a and b"), "the records are where the file says");
    home.save("gate.toml", "minimum_tests = 1\n");
    assert!(home.told("gate").contains("ACCEPTED"));
    assert!(home.told("gate elsewhere").contains("there is no results.json in `elsewhere`"), "what is typed wins");
}

#[test]
fn formats_of_busyhour_toml_are_those_of_the_flag_and_their_files_are_seen_from_its_folder() {
    let home = Home::new("config-formats").with("features/mixed.feature", MIXED);
    home.save("busyhour.toml", "[run]\ntags = \"@release\"\nformats = [\"pretty\", \"junit=results.xml\"]\n");
    fs::create_dir(home.0.join("deep")).unwrap();
    let deeper = |line: &str| shown(home.command(line).current_dir(home.0.join("deep")).output().unwrap());
    let told = deeper("run ../features");
    assert!(told.starts_with("exit 0") && told.contains("2 scenarios: 2 passed"), "{told}");
    assert!(home.read("results.xml").contains("<testsuite"));
    let config = deeper("config");
    assert!(config.contains("formats            pretty, junit=../results.xml  ../busyhour.toml:3\n"), "{config}");
    fs::remove_file(home.0.join("results.xml")).unwrap();
    assert!(deeper("run ../features --format pretty").starts_with("exit 0"));
    assert!(!home.0.join("results.xml").exists(), "what is typed wins");
}

#[test]
fn what_is_wrong_with_busyhour_toml_exits_2_and_names_its_line() {
    let home = Home::new("config-wrong").with("features/mixed.feature", MIXED);
    let told: Vec<String> = [
        "[run]\nseds = \"0..3\"\n",
        "seeds = \"0..3\"\n",
        "[rum]\n",
        "[run]\nseeds = \"3..0\"\n",
        "[run]\nseeds = 3\n",
        "[run]\njobs = 0\n",
        "[run]\ncadence = \"some\"\n",
        "[run]\nseed = 1\nseeds = \"0..3\"\n",
        "[run]\ntags = \"@a and\"\n",
        "[run\n",
        "[run]\nseeds = 0..3\n",
        "[run]\npaths = []\n",
        "[run]\npaths = [\"nowhere\"]\n",
        "[run]\nformats = [\"xml\"]\n",
    ]
    .iter()
    .map(|text| {
        home.save("busyhour.toml", text);
        format!("{text}{}", home.told("run"))
    })
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn whatever_is_called_busyhour_toml_is_read_or_told() {
    let home = Home::new("config-odd").with("features/mixed.feature", MIXED).with("busyhour.toml/file", "");
    let told = home.told("run");
    assert!(told.starts_with("exit 2") && told.contains("`busyhour.toml` can't be read"), "{told}");
    fs::remove_dir_all(home.0.join("busyhour.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", home.0.join("busyhour.toml")).unwrap();
    let told = home.told("config");
    assert!(told.starts_with("exit 2") && told.contains("`busyhour.toml` can't be read"), "{told}");
}

#[test]
fn the_gate_without_rules_says_which_file_is_missing() {
    let home = Home::new("no-rules");
    insta::assert_snapshot!(home.told("gate"));
}

/// A run that is killed has no results: those of an earlier one would be taken for its own.
#[test]
fn results_are_gone_as_soon_as_another_run_begins() {
    let home = Home::new("killed").with("features/mixed.feature", MIXED).with("gate.toml", "minimum_tests = 1\n");
    assert_eq!(code(&home, &format!("run {FINE}")), 0);
    assert!(home.told("gate").contains("ACCEPTED"));
    // It would run for hours; should it never forget, it's killed after some seconds of CPU time.
    let mut run = home.shell("ulimit -t 20; exec \"$BUSYHOUR\" run --seeds 0..1000000 --jobs 1");
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let results = home.0.join("target/busyhour/results.json");
    while results.exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // It may be gone already.
    let _ = child.kill();
    child.wait().unwrap();
    let told = home.told("gate");
    assert!(told.starts_with("exit 2") && told.contains("there is no results.json"), "{told}");
}

#[test]
fn completions_and_manual_pages_name_every_verb() {
    let home = Home::new("completions");
    let help = home.told("--help");
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.contains(&"run") && verbs.contains(&"gate") && verbs.len() > 5, "{help}");
    for line in [
        "completions bash",
        "completions zsh",
        "completions fish",
        "completions powershell",
        "completions elvish",
        "man",
    ] {
        let told = home.told(line);
        assert!(told.starts_with("exit 0"), "{line}: {told}");
        for verb in &verbs {
            assert!(told.contains(verb), "{line} says nothing of {verb}");
        }
    }
    for verb in &verbs {
        assert!(home.told(&format!("man {verb}")).contains(".TH busyhour"), "{verb}");
    }
    assert!(home.told("man bench wire").contains(".TH busyhour-bench-wire"), "{}", home.told("man bench wire"));
    insta::assert_snapshot!(home.all_told(&["man gat", "man bench wirr", "completions tcsh"]));
}

#[test]
fn of_two_runs_into_one_folder_the_second_is_told_so() {
    let home = Home::new("lock").with("features/mixed.feature", MIXED);
    let run = format!("run {FINE} --out out");
    assert_eq!(code(&home, &run), 0);
    let other = Lock::take(&home.0.join("out")).unwrap();
    let told = home.told(&run).replace(&std::process::id().to_string(), "(number)");
    insta::assert_snapshot!(told, @r"
    exit 2
    --- stdout
    --- stderr
    busyhour: another run (process (number)) is writing into `out`: wait for its end, or name another folder with --out
    ");
    drop(other);
    assert_eq!(code(&home, &run), 0);
    // What a process leaves that was killed keeps nobody out.
    home.save("out/.lock", "1\n");
    assert_eq!(code(&home, &run), 0);
}

#[test]
fn a_full_disk_is_said_in_a_sentence_and_exits_70() {
    let home = Home::new("full").with("features/mixed.feature", MIXED);
    let told = |line: &str| {
        let told = shown(home.shell(line).output().unwrap());
        assert!(!told.contains("panicked"), "{told}");
        assert!(told.starts_with("exit 70"), "{told}");
        told
    };
    // The output.
    let output = told(&format!("$BUSYHOUR run {FINE} > /dev/full"));
    assert!(output.contains("busyhour: the output can't be written: No space left on device"), "{output}");
    // The records: no file may be greater than a few kilobytes.
    let record = told(&format!("ulimit -f 4; $BUSYHOUR run {FINE} --out small"));
    assert!(record.contains("ended in a bug of busyhour"), "{record}");
    assert!(record.contains("can't be written") && record.contains("File too large"), "{record}");
    assert!(record.contains("small/features-mixed/"), "the file is named: {record}");
    // The results.
    fs::create_dir_all(home.0.join("taken/results.json/by")).unwrap();
    let results = told(&format!("$BUSYHOUR run {FINE} --out taken"));
    assert!(results.contains("busyhour: the results can't be written: taken/results.json: "), "{results}");
    assert_eq!(
        fs::read_dir(home.0.join("taken"))
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part") })
            .count(),
        0,
        "nothing half is left"
    );
    assert!(results.contains("2 scenarios: 2 passed;"), "the verdict was told: {results}");
    assert!(home.0.join("taken/report.html").is_file(), "and what can be written is");
    // The report: greater by far than all else.
    let report = told(&format!("ulimit -f 100; $BUSYHOUR run {FINE} --out mid --format junit --format pretty"));
    assert!(report.contains("busyhour: the report can't be written: mid/report.html: File too large"), "{report}");
    assert!(report.contains("2 scenarios: 2 passed;") && home.0.join("mid/results.json").is_file(), "{report}");
    assert!(home.0.join("mid/junit.xml").is_file() && !home.0.join("mid/report.html").exists(), "{report}");
    let left: Vec<_> = fs::read_dir(home.0.join("mid")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
    // What was merged.
    assert_eq!(code(&home, &format!("run {FINE} --partition 1/1 --out one")), 0);
    let merged = told("ulimit -f 100; $BUSYHOUR merge one --out merged");
    assert!(merged.contains("merged/report.html: File too large") && merged.contains("2 passed"), "{merged}");
}

/// Whoever reads no further (`| head -1`) ends nothing, and a terminal that takes nothing is no reason to panic.
#[test]
fn standard_output_and_standard_error_may_be_closed_or_full() {
    let home = Home::new("closed").with("features/mixed.feature", MIXED);
    let code_of = |line: &str| {
        let told = shown(home.shell(&format!("({line}; echo $? > code)")).output().unwrap());
        assert!(!told.contains("panicked"), "{line}: {told}");
        home.read("code").trim().to_owned()
    };
    let failing = "$BUSYHOUR run --seeds 0..12 --out out";
    let fine = format!("$BUSYHOUR run {FINE} --out fine");
    for (line, code) in [
        (format!("{fine} 2>/dev/full"), "0"),
        (format!("{failing} 2>/dev/full"), "1"),
        (format!("{failing} 2>&-"), "1"),
        (format!("{fine} >&-"), "0"),
        (format!("{fine} >/dev/full 2>/dev/full"), "70"),
        (format!("{fine} --check-determinism 2>/dev/full"), "0"),
        ("$BUSYHOUR run nowhere 2>/dev/full".to_owned(), "2"),
        ("$BUSYHOUR run --tags @nobody 2>/dev/full".to_owned(), "4"),
        ("$BUSYHOUR walk 2>/dev/full".to_owned(), "2"),
        ("$BUSYHOUR steps nosuchword 2>/dev/full".to_owned(), "4"),
        ("$BUSYHOUR steps >/dev/full".to_owned(), "70"),
        ("$BUSYHOUR check features 2>/dev/full".to_owned(), "0"),
        ("$BUSYHOUR merge nowhere --out x 2>/dev/full".to_owned(), "2"),
        ("$BUSYHOUR gate nowhere 2>/dev/full".to_owned(), "2"),
        ("$BUSYHOUR show out >/dev/full 2>/dev/full".to_owned(), "70"),
        ("$BUSYHOUR config >/dev/full".to_owned(), "70"),
        ("$BUSYHOUR init new >/dev/full".to_owned(), "70"),
    ] {
        assert_eq!(code_of(&line), code, "{line}");
    }
    // The reader has gone after the first line; the run goes on, and its verdict is what it would have been.
    let told = shown(home.shell(&format!("({failing}; echo $? > code) | head -1")).output().unwrap());
    assert!(told.contains("features/mixed.feature\n") && !told.contains("panicked"), "{told}");
    assert_eq!(home.read("code").trim(), "1");
    assert!(home.0.join("out/report.html").is_file());
}

/// What a page tells of a run, without the CPU time: it differs from run to run.
fn page(home: &Home, out: &str) -> Value {
    let page = home.read(&format!("{out}/report.html"));
    let data = page.split_once("id=\"run\">").unwrap().1.split_once("</script>").unwrap().0;
    let mut run: Value = serde_json::from_str(data).unwrap();
    run["cpu"] = Value::Null;
    for scenario in run["scenarios"].as_array_mut().unwrap() {
        scenario["cpu"] = Value::Null;
    }
    run
}

/// The charts of a page, by the scenarios and seeds that they're of.
fn charts(home: &Home, out: &str) -> std::collections::BTreeMap<String, Value> {
    let page_ = page(home, out);
    let text = home.read(&format!("{out}/report.html"));
    let scenarios = page_["scenarios"].as_array().unwrap().iter().enumerate();
    let chart = |index: usize| {
        let (_, rest) = text.split_once(&format!("id=\"chart-{index}\">"))?;
        serde_json::from_str::<Value>(rest.split_once("</script>")?.0).ok()
    };
    scenarios
        .filter_map(|(index, one)| Some((format!("{} seed {}", one["title"], one["seed"]), chart(index)?)))
        .collect()
}

#[test]
fn the_page_of_parts_that_were_merged_is_the_page_of_the_whole() {
    let home = Home::new("merged-page").with("features/mixed.feature", MIXED);
    // With one seed each run has its record, and the page is the same to the last chart.
    code(&home, "run --out whole");
    for part in 1..=3 {
        code(&home, &format!("run --partition {part}/3 --out parts/{part}"));
    }
    let told = home.told("merge parts/1 parts/2 parts/3 --out merged");
    assert!(told.contains("The report is in merged/report.html"), "{told}");
    assert_eq!(page(&home, "merged"), page(&home, "whole"));
    assert_eq!(charts(&home, "merged"), charts(&home, "whole"));
    assert_eq!(charts(&home, "merged").len(), 4);
    // With many, what failed is there with its chart, and the rest as a sum.
    assert_eq!(code(&home, "run --seeds 0..12 --out whole-12"), 1);
    for part in 1..=2 {
        code(&home, &format!("run --seeds 0..12 --partition {part}/2 --out parts-12/{part}"));
    }
    assert_eq!(code(&home, "merge parts-12/1 parts-12/2 --out merged-12"), 1);
    let (whole, merged) = (page(&home, "whole-12"), page(&home, "merged-12"));
    let figures =
        ["passed", "notExercised", "failed", "different", "neverHit", "seeds", "simulated", "packets", "judged"];
    for figure in figures {
        assert_eq!(merged[figure], whole[figure], "{figure}");
    }
    assert!(merged["failed"].as_u64() > Some(0) && merged["neverHit"] == 1, "{merged}");
    let of = |page: &Value, kind: &str| -> Vec<String> {
        let scenarios = page["scenarios"].as_array().unwrap().iter().filter(|one| one["kind"] == kind);
        scenarios.map(|one| format!("{} {} {} {}", one["title"], one["seed"], one["runs"], one["reasons"])).collect()
    };
    assert_eq!(of(&merged, "failed"), of(&whole, "failed"));
    assert_eq!(of(&merged, "not-exercised"), of(&whole, "not-exercised"));
    assert_eq!(charts(&home, "merged-12"), charts(&home, "whole-12"));
    let passed: Vec<u64> = merged["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == "passed")
        .map(|one| one["runs"].as_u64().unwrap())
        .collect();
    assert_eq!(passed.iter().sum::<u64>(), merged["passed"].as_u64().unwrap(), "each is in one of the sums");
}
