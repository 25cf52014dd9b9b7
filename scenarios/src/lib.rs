//! Scenarios: the language that QA writes, and the command that runs it.
//!
//! A feature file goes through these rooms, in this order:
//!
//! - [`feature`] finds and reads the files, and unfolds outlines into scenarios; [`suite`] holds what was read, and
//!   chooses from it by name and by [`tags`].
//! - [`lint`] finds all that's wrong before anything runs ([`problem`] says it), with [`similar`] to guess what was
//!   meant, and binds each step to what it does: a [`script`]. [`check`] asks for more, and runs nothing.
//! - [`vocabulary`] holds the phrases, a file a subject; a [`phrase`] is declared in one place, and each of its gaps is an
//!   [`argument`] that reads itself. A [`phrasebook`] holds those that QA made of others.
//! - [`run`] makes a job of each scenario and seed, and performs them on a [`stage`], with what stands [`beside`] the
//!   feature: there the step loop, [`play`], runs
//!   inside a universe against a [`World`] with a [`scene`].
//! - [`outcome`] judges one scenario with one seed, [`tally`] one scenario over all its seeds (law 6 is judged in these
//!   two and nowhere else); [`results`] are the sums of a whole run or of a [`partition`] of it, [`mod@merge`] puts parts
//!   together, and the [`gate`] says whether a run will do. [`config`] is what `busyhour.toml` says, read by its [`keys`].
//! - [`format`] writes what build servers and other programs read, [`mod@build`] says which build it was.
//! - [`report`] prints, with [`paint`] and [`progress`] where there's a terminal; [`traffic`] tells what became of the
//!   packets, a [`diagram`] who said what to whom; checks look at packets by a `wiretap`; [`determinism`] compares two processes.
//! - [`records`] finds what a run has left; a [`chart`] is made of one record, and drawn as text, SVG and Mermaid;
//!   [`report_html`] is a page of all.
//!
//! Three front ends stand before the same jobs: [`cli`] (the `busyhour` command, with [`steps`], [`watch`] and [`mod@bench`]),
//! [`libtest`] (each scenario a test) and [`cucumber_runner`] (cucumber's own writers).

pub mod argument;
pub mod bench;
pub mod beside;
mod binder;
pub mod build;
pub mod chart;
pub mod check;
pub mod cli;
pub mod config;
pub mod cucumber_runner;
pub mod determinism;
pub mod diagram;
pub mod feature;
pub mod format;
pub mod gate;
pub mod keys;
mod keywords;
pub mod libtest;
pub mod lint;
pub mod live;
pub mod lock;
pub mod merge;
pub mod outcome;
pub mod paint;
pub mod partition;
pub mod phrase;
pub mod phrasebook;
pub mod play;
pub mod problem;
pub mod progress;
pub mod records;
pub mod report;
pub mod report_html;
pub mod results;
pub mod run;
mod scan;
pub mod scene;
pub mod script;
pub mod similar;
pub mod stage;
pub mod steps;
pub mod suite;
pub mod tags;
pub mod tally;
mod text;
pub mod traffic;
pub mod vocabulary;
pub mod watch;
mod wiretap;
pub mod world;

pub use phrase::{StepFailure, StepResult};
pub use world::World;
