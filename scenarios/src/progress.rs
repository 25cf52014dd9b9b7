//! How far a run has come: a line at the foot of a terminal, or, where nobody would see that, a line now and then.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::outcome::{ScenarioResult, Verdict};
use crate::report::{grouped, time_shown};

/// How wide the bar is.
const BAR_WIDTH: usize = 12;
/// Scenarios may end faster than a terminal can draw.
const REDRAWN_EVERY: Duration = Duration::from_millis(50);
/// A log that's read later needs no more; a run that's shorter needs none.
const TOLD_EVERY: Duration = Duration::from_secs(30);
/// A longer line would wrap in a narrow terminal, and a wrapped line can't be taken back.
const LINE_MAX: usize = 78;
/// What is left is told when this much is known of how long things take.
const KNOWN_AFTER: Duration = Duration::from_secs(2);

/// What is known of a run that goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many jobs there are.
    pub total: usize,
    /// How many are done: each is a scenario with a seed.
    pub done: usize,
    /// How many of those failed.
    pub failed: usize,
    /// How much time they simulated.
    pub simulated: Duration,
    /// How many packets there were.
    pub packets: u64,
}

impl Figures {
    /// Counts one more result.
    pub fn add(&mut self, result: &ScenarioResult) {
        self.done += 1;
        self.failed += usize::from(result.verdict >= Verdict::Failed);
        self.simulated = self.simulated.saturating_add(result.account.sim_time);
        self.packets += result.account.packets.unwrap_or(0);
    }

    /// Jobs a second so far.
    fn rate(&self, elapsed: Duration) -> f64 {
        self.done as f64 / elapsed.as_secs_f64().max(1e-9)
    }

    /// How long the rest will take if it goes on so; nothing as long as that is a guess.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        if self.done == 0 || elapsed < KNOWN_AFTER {
            return None;
        }
        let seconds = (self.total.saturating_sub(self.done)) as f64 / self.rate(elapsed);
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The line at the foot of a terminal: as much as there's room for, the most wanted first, and what is being run if
    /// some is left.
    pub fn drawn(&self, elapsed: Duration, doing: &str) -> String {
        let filled = (BAR_WIDTH * self.done).checked_div(self.total).unwrap_or(BAR_WIDTH).min(BAR_WIDTH);
        let bar = format!("[{}{}]", "#".repeat(filled), ".".repeat(BAR_WIDTH - filled));
        let mut line = format!("{bar} {} of {}, {} failed", self.done, self.total, self.failed);
        let left = self.left(elapsed).map(|left| format!("{} left", about(left)));
        let parts = [
            left,
            Some(format!("{} simulated", hours(self.simulated))),
            Some(format!("{} packets", abbreviated(self.packets))),
            Some(format!("{}/s", rate_shown(self.rate(elapsed)))),
        ];
        for part in parts.into_iter().flatten() {
            if line.chars().count() + part.chars().count() + 2 <= LINE_MAX {
                line = format!("{line}, {part}");
            }
        }
        if line.chars().count() + 10 <= LINE_MAX {
            line = format!("{line}  {doing}");
        }
        line.chars().take(LINE_MAX).collect()
    }

    /// The line for a log.
    pub fn told(&self, elapsed: Duration) -> String {
        let left = self.left(elapsed).map(|left| format!(", about {} left", about(left))).unwrap_or_default();
        format!(
            "busyhour: {} of {} done, {} failed; {} simulated, {} packets; {} seeds a second{left}",
            grouped(self.done as u64),
            grouped(self.total as u64),
            grouped(self.failed as u64),
            hours(self.simulated),
            grouped(self.packets),
            rate_shown(self.rate(elapsed)),
        )
    }
}

/// A time that is a guess, in its greatest unit or its two greatest.
fn about(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 { format!("{} s", seconds.max(1)) } else { time_shown(time) }
}

/// Simulated time, told in hours as call-hours are.
fn hours(time: Duration) -> String {
    let hours = time.as_secs_f64() / 3_600.0;
    if hours < 100.0 { format!("{hours:.1} h") } else { format!("{} h", grouped(hours.round() as u64)) }
}

fn rate_shown(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// A number in as few signs as it can be told.
fn abbreviated(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}k", number / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1}M", number as f64 / 1e6),
        _ => format!("{:.1}G", number as f64 / 1e9),
    }
}

/// Tells on standard error how far a run has come.
pub struct Progress {
    on_terminal: bool,
    shown: bool,
    drawn: Option<Instant>,
    began: Instant,
    figures: Arc<Mutex<Figures>>,
    teller: Option<Teller>,
}

impl Progress {
    /// Of a run of so many jobs. A line is redrawn if standard error is a terminal and this is no build server (`CI`).
    pub fn new(total: usize) -> Progress {
        let on_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let on_terminal = io::stderr().is_terminal() && !on_ci && !dumb;
        let figures = Arc::new(Mutex::new(Figures { total, ..Figures::default() }));
        let began = Instant::now();
        let teller = (!on_terminal).then(|| Teller::start(Arc::clone(&figures), began, TOLD_EVERY, io::stderr()));
        Progress { on_terminal, shown: false, drawn: None, began, figures, teller }
    }

    /// One more is done.
    pub fn step(&mut self, result: &ScenarioResult) {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).add(result);
    }

    /// Draws the line with what is being run.
    pub fn draw(&mut self, doing: &str) {
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAWN_EVERY);
        if self.on_terminal && due {
            self.drawn = Some(Instant::now());
            let figures = *self.figures.lock().unwrap_or_else(PoisonError::into_inner);
            // A terminal that has gone away is no reason to end the run.
            let _ = write!(io::stderr(), "\r\x1b[2K{}", figures.drawn(self.began.elapsed(), doing));
            self.shown = true;
        }
    }

    /// Takes the line away, so that another can be printed where it stood.
    pub fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[2K");
            let _ = io::stderr().flush();
            self.shown = false;
            self.drawn = None;
        }
    }

    /// Ends it: nothing more is told.
    pub fn end(&mut self) {
        self.clear();
        self.teller = None;
    }
}

/// Tells now and then, even while no scenario ends. It falls silent when it's dropped.
struct Teller {
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    fn start(
        figures: Arc<Mutex<Figures>>,
        began: Instant,
        every: Duration,
        mut out: impl Write + Send + 'static,
    ) -> Teller {
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let listening = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let (over, changed) = &*listening;
            let mut is_over = over.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let waited = changed.wait_timeout_while(is_over, every, |is_over| !*is_over);
                let (still, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
                is_over = still;
                if !timed_out.timed_out() {
                    break;
                }
                let figures = *figures.lock().unwrap_or_else(PoisonError::into_inner);
                // A log that has gone away is no reason to end the run.
                let _ = writeln!(out, "{}", figures.told(began.elapsed()));
            }
        });
        Teller { over, thread: Some(thread) }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let (over, changed) = &*self.over;
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It does nothing that could panic but write.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    fn figures(done: usize, total: usize) -> Figures {
        let simulated = Duration::from_secs(720 * done as u64);
        Figures { total, done, failed: done / 50, simulated, packets: 12_345 * done as u64 }
    }

    #[test]
    fn the_line_says_what_there_is_room_for_and_never_wraps() {
        let second = Duration::from_secs(1);
        let lines = [
            figures(0, 4).drawn(second, "A call is held"),
            figures(2, 4).drawn(second, "A call is held"),
            figures(2, 4).drawn(10 * second, "A call is held"),
            figures(120, 400).drawn(30 * second, "A call is held"),
            figures(400, 400).drawn(90 * second, "A call is held"),
            figures(123_456, 1_000_000).drawn(3_600 * second, "A call is held"),
            figures(9, 4).drawn(second, &"x".repeat(200)),
        ];
        assert!(lines.iter().all(|line| line.chars().count() <= LINE_MAX), "{lines:#?}");
        insta::assert_snapshot!(lines.join("\n"), @r#"
        [............] 0 of 4, 0 failed, 0.0 h simulated, 0 packets, 0.0/s  A call is 
        [######......] 2 of 4, 0 failed, 0.4 h simulated, 24k packets, 2.0/s  A call i
        [######......] 2 of 4, 0 failed, 10 s left, 0.4 h simulated, 24k packets
        [###.........] 120 of 400, 2 failed, 1 min 10 s left, 24.0 h simulated, 4.0/s
        [############] 400 of 400, 8 failed, 1 s left, 80.0 h simulated, 4.9M packets
        [#...........] 123456 of 1000000, 2469 failed, 7 h 6 min left, 1.5G packets
        [############] 9 of 4, 0 failed, 1.8 h simulated, 111k packets, 9.0/s
        "#);
    }

    #[test]
    fn a_log_is_told_all_of_it() {
        let lines = [(0, 400, 30), (120, 400, 30), (123_456, 1_000_000, 3_600)]
            .map(|(done, total, seconds)| figures(done, total).told(Duration::from_secs(seconds)));
        insta::assert_snapshot!(lines.join("\n"), @r#"
        busyhour: 0 of 400 done, 0 failed; 0.0 h simulated, 0 packets; 0.0 seeds a second
        busyhour: 120 of 400 done, 2 failed; 24.0 h simulated, 1,481,400 packets; 4.0 seeds a second, about 1 min 10 s left
        busyhour: 123,456 of 1,000,000 done, 2,469 failed; 24,691 h simulated, 1,524,064,320 packets; 34 seeds a second, about 7 h 6 min left
        "#);
    }

    /// Hands on each line as it's written.
    struct Lines(Sender<String>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Whoever has heard enough hears no more.
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_is_told_again_and_again_though_nothing_ends_and_no_more_once_the_run_is_over() {
        let (lines, heard) = channel();
        let figures = Arc::new(Mutex::new(figures(1, 4)));
        let teller = Teller::start(figures, Instant::now(), Duration::from_millis(5), Lines(lines));
        let said: String = heard.iter().take(20).collect();
        assert!(said.matches("busyhour: 1 of 4 done, 0 failed").count() >= 2, "{said}");
        drop(teller);
        // The line is closed only when whoever wrote to it has gone.
        assert!(heard.iter().all(|_| true));
    }

    #[test]
    fn a_run_that_ends_before_the_first_line_is_due_says_nothing() {
        let (lines, heard) = channel();
        let teller = Teller::start(Arc::default(), Instant::now(), Duration::from_secs(3_600), Lines(lines));
        drop(teller);
        assert_eq!(heard.iter().count(), 0);
    }
}
