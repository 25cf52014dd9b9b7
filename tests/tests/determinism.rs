//! Law 1: the same seed, the same bytes; in one process twice, on parallel threads, across processes.

use std::process::Command;

use busyhour_tests::digest_of_everything;

/// Set in the processes that this test starts.
const CHILD: &str = "BUSYHOUR_TEST_DIGEST_OF_SEED";

#[test]
fn the_same_seed_gives_the_same_run_twice_in_a_process() {
    let (first, again) = (digest_of_everything(42), digest_of_everything(42));
    assert_eq!(first.1, again.1);
    assert_eq!(first.0, again.0);
}

#[test]
fn another_seed_gives_another_run() {
    let (one, other) = (digest_of_everything(42), digest_of_everything(43));
    assert_ne!(one.0, other.0);
    assert_ne!(one.1, other.1);
}

#[test]
fn the_same_seed_gives_the_same_run_on_four_threads_at_once() {
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| digest_of_everything(7))).collect();
    let runs: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:?}");
}

/// The child of the next test: prints its digest and nothing else that counts.
#[test]
fn a_process_prints_its_digest() {
    let Ok(seed) = std::env::var(CHILD) else { return };
    let (digest, _) = digest_of_everything(seed.parse().unwrap());
    println!("\ndigest={digest}");
}

#[test]
fn the_same_seed_gives_the_same_run_in_two_processes() {
    let (digest, _) = digest_of_everything(42);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_prints_its_digest", "--nocapture"])
        .env(CHILD, "42")
        .output()
        .unwrap();
    let printed = String::from_utf8(child.stdout).unwrap();
    assert!(printed.contains(&format!("digest={digest}")), "{digest}, but the other process: {printed}");
}
