//! The floor's benches: an hour of a hundred agents, three days of retries, a campaign of a hundred thousand leads.
//!
//! - `hour`: the agents' hour, and where its CPU time goes. `center`: who works in it.
//! - `retries`: a schedule of three days. `books`: many leads.

mod books;
mod center;
mod hour;
mod retries;

use clap::ValueEnum;

use super::measure::Measurement;

/// A part of the floor's benches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The agents' hour, rules watched, and where its CPU time goes
    Hour,
    /// The same hour once, rules not watched: for a profiler
    Once,
    /// And with the rules watched
    Watched,
    /// A thousand events whose receiver is down for three days
    Retries,
    /// Campaigns of 1,000 to 100,000 leads
    Leads,
}

/// Runs the floor's benches, or one of them; the agents work so many minutes.
pub fn run(only: Option<Part>, minutes: u32, mut print: impl FnMut(&Measurement)) {
    let wanted = |part: Part| only == Some(part) || (only.is_none() && !matches!(part, Part::Once | Part::Watched));
    if wanted(Part::Hour) {
        hour::run(minutes, &mut print);
    }
    for (part, watched) in [(Part::Once, false), (Part::Watched, true)] {
        if wanted(part) {
            print(&hour::once(minutes, watched));
        }
    }
    if wanted(Part::Retries) {
        print(&retries::run());
    }
    if wanted(Part::Leads) {
        books::run(&mut print);
    }
}
