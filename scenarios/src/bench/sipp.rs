//! The calls of two agents beside the same calls made by SIPp: its built-in caller and answerer say the same six
//! messages. Of both sides all CPU time is counted, that of the system included: sending is part of the work.

use std::io;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::measure::Measurement;
use super::sip;

/// So many calls a second: less than SIPp can make, so that none fails.
const RATE: u64 = 2_000;
/// After this SIPp isn't waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a second: what the system counts CPU time in.
const TICK: Duration = Duration::from_millis(10);

/// Why there is nothing to compare with.
#[derive(Debug, thiserror::Error)]
pub(super) enum SippError {
    /// It isn't there.
    #[error("sipp can't be started: {0}; on Debian it's in the package sip-tester")]
    Missing(io::Error),
    /// It didn't do its work.
    #[error("sipp failed: {0}")]
    Failed(String),
}

/// Makes the calls both ways, and says how they compare.
pub(super) fn run(mut print: impl FnMut(&Measurement)) -> Result<(), SippError> {
    let theirs = calls(sip::CALLS)?;
    for oracles in [false, true] {
        let ours = sip::between_two_agents(oracles);
        let note = ours.note.clone().unwrap_or_default();
        let times = theirs.cpu_s / ours.cpu_s.max(1e-4);
        print(&ours.noting(format!("{note}; {times:.1} times as many as sipp's")));
    }
    print(&theirs);
    Ok(())
}

fn calls(count: u64) -> Result<Measurement, SippError> {
    let port = free_port().map_err(|error| SippError::Failed(error.to_string()))?;
    let mut answerer = start(&["-sn", "uas", "-i", "127.0.0.1", "-p", &port.to_string()])?;
    let calling = caller(count, port);
    // It would answer for ever.
    let _ = answerer.kill();
    let answering = zombie_time(&mut answerer);
    let cpu = calling? + answering?;
    let simulated = Duration::from_secs_f64(count as f64 / RATE as f64);
    let per_cpu = count as f64 / cpu.as_secs_f64();
    Ok(Measurement::new("the same by sipp, uac and uas", 2, simulated, cpu, count * 6)
        .noting(format!("{per_cpu:.0} calls a CPU second")))
}

fn caller(count: u64, port: u16) -> Result<Duration, SippError> {
    let (to, count, rate) = (format!("127.0.0.1:{port}"), count.to_string(), RATE.to_string());
    let mut caller =
        start(&["-sn", "uac", &to, "-i", "127.0.0.1", "-m", &count, "-r", &rate, "-d", "0", "-l", "5000"])?;
    let time = zombie_time(&mut caller)?;
    let status = caller.wait().map_err(|error| SippError::Failed(error.to_string()))?;
    if status.success() { Ok(time) } else { Err(SippError::Failed(format!("its caller ended with {status}"))) }
}

fn start(arguments: &[&str]) -> Result<Child, SippError> {
    let mut sipp = Command::new("sipp");
    sipp.args(arguments).args(["-nostdin", "-trace_err", "-error_file", "/dev/null"]);
    sipp.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(SippError::Missing)
}

fn free_port() -> io::Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits for the end of a process and says what CPU time it took: the system knows it up to the moment in which
/// somebody asks for the exit status.
fn zombie_time(child: &mut Child) -> Result<Duration, SippError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))
            .map_err(|error| SippError::Failed(format!("its CPU time can't be read: {error}")))?;
        // The name in brackets may hold spaces; behind it: the state, and as 12th and 13th the times.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).unwrap_or(0);
        if fields.first() == Some(&"Z") {
            return Ok(TICK * (ticks(11) + ticks(12)));
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            return Err(SippError::Failed(format!("it wasn't done after {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
