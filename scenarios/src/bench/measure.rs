//! Measuring: CPU seconds of the process, and its peak memory.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// One line of a bench's output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The workload.
    pub name: String,
    /// How many hosts.
    pub hosts: usize,
    /// Simulated seconds.
    pub sim_s: f64,
    /// CPU seconds, user and system.
    pub cpu_s: f64,
    /// Simulated seconds a CPU second.
    pub ratio: f64,
    /// Packets that crossed the wire.
    pub packets: u64,
    /// Packets a CPU second.
    pub packets_per_cpu_s: f64,
    /// The process's largest memory so far, in MB.
    pub peak_rss_mb: f64,
    /// Further figures, by their names.
    #[serde(flatten)]
    pub figures: BTreeMap<&'static str, f64>,
    /// What is special about this line, if something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Measurement {
    /// Puts a line together.
    pub fn new(name: &str, hosts: usize, simulated: Duration, cpu: Duration, packets: u64) -> Measurement {
        let (sim_s, cpu_s) = (simulated.as_secs_f64(), cpu.as_secs_f64());
        let per_cpu = |amount: f64| if cpu_s > 0.0 { amount / cpu_s } else { 0.0 };
        Measurement {
            name: name.to_owned(),
            hosts,
            sim_s,
            cpu_s: round(cpu_s, 4),
            ratio: round(per_cpu(sim_s), 1),
            packets,
            packets_per_cpu_s: per_cpu(packets as f64).round(),
            peak_rss_mb: round(peak_rss_mb(), 1),
            figures: BTreeMap::new(),
            note: None,
        }
    }

    /// The same line with one more figure.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: f64) -> Measurement {
        self.figures.insert(name, round(value, 3));
        self
    }

    /// The same line with a remark.
    #[must_use]
    pub fn noting(mut self, note: String) -> Measurement {
        self.note = Some(note);
        self
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<34} {:>5} hosts  {:>7} sim s  {:>8.3} cpu s  {:>10.0} x real time  {:>9} packets  {:>9.0}/cpu s  {:>6.1} MB",
            self.name,
            self.hosts,
            self.sim_s,
            self.cpu_s,
            self.ratio,
            self.packets,
            self.packets_per_cpu_s,
            self.peak_rss_mb
        )?;
        for (name, value) in &self.figures {
            write!(f, "  {name} {value}")?;
        }
        match &self.note {
            Some(note) => write!(f, "  {note}"),
            None => Ok(()),
        }
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

/// The fields of a `/proc/self` file, by their names.
fn proc_field(file: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn peak_rss_mb() -> f64 {
    proc_field("status", "VmHWM:").unwrap_or(0.0) / 1024.0
}

/// Lets the most memory be told anew from now on, where the system can do that.
pub fn forget_peak() {
    // What Linux calls resetting the high water mark; elsewhere the peak stays that of the whole process.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The process's memory now, in KB.
pub fn rss_kb() -> f64 {
    proc_field("status", "VmRSS:").unwrap_or(0.0)
}

/// CPU time of the whole process so far, user and system, in nanoseconds' resolution where the system has it.
pub fn cpu_time() -> Duration {
    busyhour::world::process_cpu_time()
}

/// Runs `work` and says how much CPU time the process took meanwhile.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = cpu_time();
    let result = work();
    (result, cpu_time() - before)
}
