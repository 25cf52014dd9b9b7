//! Where a scenario is performed.

use std::thread;
use std::time::Duration;

use busyhour_trace::SimTime;
use cucumber::World as _;

use crate::World;
use crate::outcome::{Account, ScenarioResult};
use crate::play::{self, Observer};
use crate::run::Job;

/// Runs one scenario in a universe of its own and says what came of it.
///
/// It is called on a worker's thread, from several of them at once. The universe's own thread is the stage's affair (law
/// 1), and so is the record that it leaves in [`Job::record_folder`]. A stage that panics is a bug of the harness.
pub trait Stage: Send + Sync {
    /// Runs the scenario of this job.
    fn perform(&self, job: &Job) -> ScenarioResult;
}

/// A stage without a universe: a clock that jumps from timer to timer, and nobody there.
#[derive(Debug, Default, Clone, Copy)]
pub struct EmptyStage;

struct Clock(tokio::time::Instant);

impl Observer for Clock {
    fn now(&self) -> SimTime {
        SimTime::ZERO + self.0.elapsed()
    }
}

impl Stage for EmptyStage {
    fn perform(&self, job: &Job) -> ScenarioResult {
        let script = job.case.script.clone();
        let universe = thread::Builder::new().name(job.case.title()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .map_err(|error| format!("no runtime can be started: {error}"))?;
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, async {
                let mut world = World::new().await.map_err(|error| format!("no world can be made: {error}"))?;
                let mut clock = Clock(tokio::time::Instant::now());
                let steps = play::play(&mut world, &script, &mut clock).await;
                let sim_time = Duration::from_nanos(clock.now().as_nanos());
                Ok(Account { steps, sim_time, ..Account::default() })
            })
        });
        match universe.map(thread::JoinHandle::join) {
            Ok(Ok(Ok(account))) => account.conclude(job),
            Ok(Ok(Err(error))) => ScenarioResult::bug(job, error),
            Ok(Err(_)) => ScenarioResult::bug(job, "the thread of the scenario panicked".to_owned()),
            Err(error) => ScenarioResult::bug(job, format!("no thread can be started: {error}")),
        }
    }
}
