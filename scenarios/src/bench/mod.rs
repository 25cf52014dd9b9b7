//! `busyhour bench`: what a simulated second costs, measured in CPU seconds.

pub mod floor;
mod measure;
pub mod sip;
mod sipp;
#[cfg(feature = "against-turmoil")]
mod turmoil;
pub mod webrtc;
pub mod wire;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::{EXIT_BUG, EXIT_PASSED, EXIT_USAGE};

pub use measure::Measurement;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// The kernel and the wire: idle hosts, datagrams, a small call center, universes side by side
    Wire(WireArgs),
    /// SIP: messages read, calls between two agents and through the server, phones that register, media
    Sip(SipArgs),
    /// WebRTC: calls set up, SRTP packets, memory, connections over lossy networks, calls through the gateway
    Webrtc(WebrtcArgs),
    /// The floor: an hour of 100 agents, three days of retries, a campaign of 100,000 leads
    Floor(FloorArgs),
}

/// How to measure the floor.
#[derive(Debug, Args)]
pub struct FloorArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    /// Measure this part alone
    #[arg(long, value_name = "PART")]
    only: Option<floor::Part>,

    /// How many minutes the agents work
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
}

/// How to measure WebRTC.
#[derive(Debug, Args)]
pub struct WebrtcArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// How to measure SIP.
#[derive(Debug, Args)]
pub struct SipArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    /// Make the calls of two agents with this as well, and compare
    #[arg(long, value_name = "TOOL")]
    against: Option<Tool>,
}

/// What calls can be compared with.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Tool {
    /// SIPp's built-in caller and its built-in answerer, on the loopback network
    Sipp,
}

/// How to measure the wire.
#[derive(Debug, Args)]
pub struct WireArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    /// Run the same workloads with 10 and 50 hosts on this as well, and compare
    #[arg(long, value_name = "BASELINE")]
    against: Option<Baseline>,
}

/// What the wire can be compared with.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Baseline {
    /// turmoil 0.7, which moves every host each millisecond
    Turmoil,
}

/// Runs the benches that were asked for.
pub fn run(bench: &Bench) -> ExitCode {
    let json = match bench {
        Bench::Wire(arguments) => arguments.json,
        Bench::Sip(arguments) => arguments.json,
        Bench::Webrtc(arguments) => arguments.json,
        Bench::Floor(arguments) => arguments.json,
    };
    let mut written = Ok(());
    let mut print = |line: &Measurement| {
        let text =
            if json { serde_json::to_string(line).expect("a measurement is plain data") } else { line.to_string() };
        // A line at a time: the longest bench takes a while.
        let result = writeln!(io::stdout(), "{text}");
        written = std::mem::replace(&mut written, Ok(())).and(result);
    };
    match bench {
        Bench::Wire(WireArgs { against: None, .. }) => wire::run(&mut print),
        Bench::Wire(WireArgs { against: Some(Baseline::Turmoil), .. }) => {
            #[cfg(feature = "against-turmoil")]
            wire::run_against_turmoil(&mut print);
            #[cfg(not(feature = "against-turmoil"))]
            {
                eprintln!(
                    "busyhour: this build has no turmoil to measure against; build it with --features against-turmoil"
                );
                return ExitCode::from(EXIT_USAGE);
            }
        }
        Bench::Webrtc(_) => webrtc::run(&mut print),
        Bench::Floor(arguments) => floor::run(arguments.only, arguments.minutes, &mut print),
        Bench::Sip(SipArgs { against: None, .. }) => sip::run(&mut print),
        Bench::Sip(SipArgs { against: Some(Tool::Sipp), .. }) => {
            if let Err(error) = sipp::run(&mut print) {
                eprintln!("busyhour: {error}");
                return ExitCode::from(EXIT_USAGE);
            }
        }
    }
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("busyhour: the output can't be written: {error}");
            ExitCode::from(EXIT_BUG)
        }
        _ => ExitCode::from(EXIT_PASSED),
    }
}
