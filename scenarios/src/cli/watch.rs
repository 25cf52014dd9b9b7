//! `busyhour watch`: the scenarios of each feature file that is saved, run again.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;

use clap::Args;

use super::run::{self, RunArgs};
use super::{EXIT_BUG, EXIT_INTERRUPTED, complain};
use crate::report::counted;
use crate::stage::Stage;
use crate::watch::{LOOKED_AT_EVERY, Touched, Watch};

/// What `watch` is told.
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    run: RunArgs,
}

/// Runs all, and then what each saved file touches, until it's interrupted.
pub(super) fn watch_features(arguments: &WatchArgs, stage: &dyn Stage) -> ExitCode {
    let interrupted = match run::interrupts(true) {
        Ok(interrupted) => interrupted,
        Err(error) => {
            complain(&format!("busyhour: interrupts can't be listened for: {error}"));
            return ExitCode::from(EXIT_BUG);
        }
    };
    let mut watch = Watch::new(&arguments.run.paths);
    clear();
    // What is wrong with a file is told by the run, and can be mended while we watch.
    let _ = run::run_features(&arguments.run, stage);
    tell(&format!("\nWatching {}; Ctrl-C ends it.", counted(watch.files(), "feature file")));
    while !interrupted.load(Ordering::Relaxed) {
        thread::sleep(LOOKED_AT_EVERY);
        let Some(touched) = watch.look() else { continue };
        stage.forget();
        clear();
        let (saved, paths) = match touched {
            Touched::Features(files) => (files.clone(), files),
            Touched::Everything(files) => (files, arguments.run.paths.clone()),
        };
        tell(&format!("\nSaved: {}", shown(&saved)));
        let _ = run::run_features(&arguments.run.with_paths(paths), stage);
    }
    ExitCode::from(EXIT_INTERRUPTED)
}

fn shown(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A line for whoever watches; one who has gone away ends the watch by other means.
fn tell(line: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Begins with an empty screen, where there is one.
fn clear() {
    let mut out = io::stdout();
    if out.is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb") {
        let _ = write!(out, "\x1b[2J\x1b[H").and_then(|()| out.flush());
    }
}
