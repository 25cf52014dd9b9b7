//! `busyhour watch`, as a process.

use std::io::{BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use crate::home::{Home, read_until};

fn feature(name: &str, steps: &str) -> String {
    format!("Feature: f\n  Scenario: {name}\n    Given machines a and b\n    {steps}\n")
}

/// The watch, ended with the test.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn a_saved_file_is_run_again_a_broken_one_is_told_and_an_interrupt_exits_130() {
    let home = Home::new("watch")
        .with("features/one.feature", feature("first", "When 1 second passes"))
        .with("features/two.feature", feature("second", "When a page is fetched"))
        .with(
            "features/phrases.toml",
            "[[phrase]]\nphrase = \"a page is fetched\"\nsteps = [\"When a fetches \\\"/hello\\\" from b\"]\n",
        );
    let mut command = home.command(&["watch", "features", "--seed", "3"]);
    let errors = std::fs::File::create(home.0.join("errors")).unwrap();
    let mut watching = Watching(command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap());
    let mut out = BufReader::new(watching.0.stdout.take().unwrap());

    let first = read_until(&mut out, "Watching 2 feature files; Ctrl-C ends it.");
    assert!(first.contains("2 scenarios: 2 passed; seed 3"), "{first}");
    assert!(!first.contains('\x1b'), "nothing is cleared where there's no screen: {first:?}");

    // One file is saved, and run alone, with the flags of the watch.
    home.save("features/one.feature", feature("third", "When 12 seconds pass"));
    let told = read_until(&mut out, "simulated");
    assert!(told.contains("Saved: features/one.feature"), "{told}");
    assert!(told.contains("third") && told.contains("1 scenario: 1 passed; seed 3"), "{told}");

    // A broken one is told of, and the watch goes on.
    home.save("features/one.feature", feature("fourth", "When it rains frogs and toads"));
    read_until(&mut out, "Saved: features/one.feature");
    home.save("features/two.feature", feature("fifth", "When 2 days pass"));
    let told = read_until(&mut out, "simulated");
    assert!(told.contains("Saved: features/two.feature") && told.contains("fifth"), "{told}");
    assert!(home.read("errors").contains("features/one.feature:4:5: no phrase reads like this"));

    // What stands beside all of them runs all of them.
    home.save("features/one.feature", feature("sixth", "When a page is fetched"));
    read_until(&mut out, "simulated");
    let book = home.read("features/phrases.toml");
    home.save("features/phrases.toml", book.replace("steps = [", "steps = [\"When 1 day passes\", "));
    let told = read_until(&mut out, "simulated");
    assert!(told.contains("Saved: features/phrases.toml") && told.contains("2 scenarios: 2 passed"), "{told}");
    assert!(told.contains("sixth  1 d 0 h"), "{told}");

    let kill = Command::new("kill").args(["-INT", &watching.0.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(watching.0.wait().unwrap().code(), Some(130), "{rest}");
}

#[test]
fn a_network_profile_that_is_saved_is_read_anew() {
    let van = |ms: u32| format!("name = \"my van\"\n[up]\nlatency_ms = {ms}\n[down]\nlatency_ms = {ms}\n");
    let home = Home::new("watch-networks")
        .with("features/networks/van.toml", van(1000))
        .with("features/a.feature", feature("A page", "And a is on \"my van\"\n    When a fetches \"/hello\" from b"));
    let mut command = home.command(&["watch"]);
    let mut watching = Watching(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut out = BufReader::new(watching.0.stdout.take().unwrap());
    let first = read_until(&mut out, "Watching 1 feature file");
    assert!(first.contains("A page  4.010 s"), "{first}");
    home.save("features/networks/van.toml", van(250));
    let told = read_until(&mut out, "simulated");
    assert!(told.contains("A page  1.010 s"), "{told}");
}

#[test]
fn busyhour_toml_is_in_force_for_a_watch_too() {
    let home = Home::new("watch-config")
        .with("specs/one.feature", feature("first", "When 1 second passes"))
        .with("busyhour.toml", "[run]\npaths = [\"specs\"]\nseeds = \"4..6\"\n");
    let mut command = home.command("watch");
    let mut watching = Watching(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut out = BufReader::new(watching.0.stdout.take().unwrap());
    let first = read_until(&mut out, "Watching 1 feature file;");
    assert!(first.contains("1 scenario: 1 passed; seeds 4..6"), "{first}");
}
