//! The line at the foot of a terminal that says how far a run has come.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How wide the bar is.
const BAR_WIDTH: usize = 24;
/// Scenarios may end faster than a terminal can draw.
const REDRAWN_EVERY: Duration = Duration::from_millis(50);
/// A longer line would wrap in a narrow terminal, and a wrapped line can't be taken back.
const LINE_MAX: usize = 78;

/// A progress bar on standard error, or nothing where nobody would see it.
pub struct Progress {
    on: bool,
    shown: bool,
    drawn: Option<Instant>,
    total: usize,
    done: usize,
}

impl Progress {
    /// A bar for so many jobs, if standard error is a terminal and this is no build server (`CI`).
    pub fn new(total: usize) -> Progress {
        let on_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Progress { on: io::stderr().is_terminal() && !on_ci && !dumb, shown: false, drawn: None, total, done: 0 }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.done += 1;
    }

    /// Draws the bar with what is being run.
    pub fn draw(&mut self, doing: &str) {
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAWN_EVERY);
        if self.on && due {
            self.drawn = Some(Instant::now());
            // A terminal that has gone away is no reason to end the run.
            let _ = write!(io::stderr(), "\r\x1b[2K{}", line(self.done, self.total, doing));
            self.shown = true;
        }
    }

    /// Takes the bar away, so that a line can be printed where it stood.
    pub fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[2K");
            let _ = io::stderr().flush();
            self.shown = false;
            self.drawn = None;
        }
    }
}

fn line(done: usize, total: usize, doing: &str) -> String {
    let filled = (BAR_WIDTH * done).checked_div(total).unwrap_or(BAR_WIDTH).min(BAR_WIDTH);
    let bar = format!("{}{}", "#".repeat(filled), ".".repeat(BAR_WIDTH - filled));
    let line = format!("[{bar}] {done} of {total}  {doing}");
    line.chars().take(LINE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_bar_fills_up_and_never_wraps() {
        assert_eq!(line(0, 4, "x"), "[........................] 0 of 4  x");
        assert_eq!(line(2, 4, "x"), "[############............] 2 of 4  x");
        assert_eq!(line(4, 4, "x"), "[########################] 4 of 4  x");
        assert_eq!(line(9, 4, &"x".repeat(200)).chars().count(), 78);
    }
}
