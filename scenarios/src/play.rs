//! The step loop: plays a script against a world.
//!
//! It runs inside a universe, on the universe's thread, so that a step can await whatever happens there. It knows of the
//! universe nothing but the time, which its observer tells.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;

use busyhour_trace::SimTime;
use futures::future::LocalBoxFuture;

use crate::World;
use crate::outcome::{StepOutcome, StepStatus};
use crate::phrase::{StepFailure, StepResult};
use crate::script::{Script, ScriptStep};

/// Somebody who watches the steps go by, and knows the time.
pub trait Observer {
    /// The simulated time.
    fn now(&self) -> SimTime;

    /// A step is about to begin.
    fn begins(&mut self, _index: usize, _step: &ScriptStep) {}

    /// A step has ended.
    fn ended(&mut self, _index: usize, _outcome: &StepOutcome) {}

    /// A step that another is made of is about to begin.
    fn begins_within(&mut self, _step: &ScriptStep) {}

    /// One of those that the running step is made of has ended.
    fn ended_within(&mut self, _outcome: &StepOutcome) {}
}

/// Plays the steps in their order up to the first that fails; the outcome has an entry for each of them.
pub async fn play(world: &mut World, script: &Script, observer: &mut dyn Observer) -> Vec<StepOutcome> {
    play_all(world, &script.steps, observer, 0).await
}

/// Plays steps that lie so deep: those of a script lie at 0, those that one of them is made of at 1.
fn play_all<'a>(
    world: &'a mut World,
    steps: &'a [ScriptStep],
    observer: &'a mut dyn Observer,
    depth: usize,
) -> LocalBoxFuture<'a, Vec<StepOutcome>> {
    Box::pin(async move {
        let mut outcomes: Vec<StepOutcome> = Vec::with_capacity(steps.len());
        let mut failed = false;
        for (index, step) in steps.iter().enumerate() {
            let mut outcome = unreached(step);
            if !failed {
                match depth {
                    0 => observer.begins(index, step),
                    _ => observer.begins_within(step),
                }
                outcome.started = Some(observer.now());
                if step.inner().is_empty() {
                    outcome.failure = caught(async { step.bound.perform(world).await }).await.err();
                } else {
                    outcome.inner = play_all(world, step.inner(), &mut *observer, depth + 1).await;
                    outcome.failure = failure_within(&outcome.inner);
                }
                outcome.ended = Some(observer.now());
                failed = outcome.failure.is_some();
                outcome.status = if failed { StepStatus::Failed } else { StepStatus::Passed };
                match depth {
                    0 => observer.ended(index, &outcome),
                    1 => observer.ended_within(&outcome),
                    _ => {}
                }
            }
            outcomes.push(outcome);
        }
        outcomes
    })
}

/// Why a step failed that is made of these: for the one of them that did, which is named with its place.
fn failure_within(inner: &[StepOutcome]) -> Option<StepFailure> {
    let failed = inner.iter().find(|step| step.status == StepStatus::Failed)?;
    let culprit = failed.culprit();
    let failure = culprit.failure.clone()?;
    let StepOutcome { keyword, text, file, line, .. } = culprit;
    Some(StepFailure { message: format!("in `{keyword} {text}` ({file}:{line}): {}", failure.message), ..failure })
}

/// What is known of the steps when the universe has ended before the last of them: the one that ran failed with it, and
/// for the same reason. `within` is what's known of those that the running step is made of.
pub fn broken_off(
    outcomes: Vec<StepOutcome>,
    within: Vec<StepOutcome>,
    script: &Script,
    why: &str,
) -> Vec<StepOutcome> {
    broken_off_at(outcomes, within, &script.steps, why)
}

fn broken_off_at(
    mut outcomes: Vec<StepOutcome>,
    mut within: Vec<StepOutcome>,
    steps: &[ScriptStep],
    why: &str,
) -> Vec<StepOutcome> {
    for step in steps.iter().skip(outcomes.len()) {
        let running = outcomes.iter().all(|outcome| outcome.status == StepStatus::Passed);
        let mut outcome = unreached(step);
        if running {
            outcome.status = StepStatus::Failed;
            outcome.failure = Some(StepFailure::because(why));
            if !step.inner().is_empty() {
                outcome.inner = broken_off_at(std::mem::take(&mut within), Vec::new(), step.inner(), why);
                outcome.failure = failure_within(&outcome.inner).or(outcome.failure);
            }
        }
        outcomes.push(outcome);
    }
    outcomes
}

fn unreached(step: &ScriptStep) -> StepOutcome {
    StepOutcome {
        keyword: step.keyword.clone(),
        text: step.text.clone(),
        file: step.file.clone(),
        line: step.line,
        background: step.background,
        status: StepStatus::NotReached,
        started: None,
        ended: None,
        failure: None,
        inner: step.inner().iter().map(unreached).collect(),
    }
}

/// Awaits a step; a panic in it (an `assert!`) is a failure like any other.
async fn caught(step: impl Future<Output = StepResult>) -> StepResult {
    let mut step = pin!(step);
    std::future::poll_fn(|context| {
        // Listening only while the step itself is polled: a panic of anybody else on this thread is not ours to silence.
        match quietly(|| step.as_mut().poll(context)) {
            Ok(poll) => poll,
            Err(failure) => Poll::Ready(Err(failure)),
        }
    })
    .await
}

thread_local! {
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    static HEARD: RefCell<Option<StepFailure>> = const { RefCell::new(None) };
}

/// Calls `f`; a panic in it is not printed but comes back with its message and place.
pub fn quietly<T>(f: impl FnOnce() -> T) -> Result<T, StepFailure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !LISTENING.get() {
                return before(info);
            }
            let mut failure = StepFailure::because(message(info.payload()));
            failure.at = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            HEARD.set(Some(failure));
        }));
    });
    let outer = LISTENING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    LISTENING.set(outer);
    // A universe puts a hook of its own in front of ours, and knows the place as well.
    result.map_err(|payload| {
        HEARD.take().unwrap_or_else(|| {
            let mut failure = StepFailure::because(message(&*payload));
            failure.at = busyhour::world::last_panic_location().map(|at| line_of(&at).to_owned());
            failure
        })
    })
}

/// A place in the code without its column, which says nothing to a person.
fn line_of(place: &str) -> &str {
    place.rsplit_once(':').map_or(place, |(line, _)| line)
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::script_of;
    use futures::FutureExt as _;

    struct Clock(u64);

    impl Observer for Clock {
        fn now(&self) -> SimTime {
            SimTime(self.0)
        }

        fn ended(&mut self, _index: usize, _outcome: &StepOutcome) {
            self.0 += 1_000;
        }
    }

    fn passes(_: &mut World, _: crate::phrase::Matches) -> LocalBoxFuture<'_, StepResult> {
        async { Ok(()) }.boxed_local()
    }

    fn panics(_: &mut World, _: crate::phrase::Matches) -> LocalBoxFuture<'_, StepResult> {
        async {
            tokio::task::yield_now().await;
            assert_eq!(1 + 1, 3, "arithmetic");
            Ok(())
        }
        .boxed_local()
    }

    fn fails(_: &mut World, _: crate::phrase::Matches) -> LocalBoxFuture<'_, StepResult> {
        async { Err(StepFailure::differs("status 200", "no answer")) }.boxed_local()
    }

    fn played(script: &Script) -> Vec<StepOutcome> {
        futures::executor::block_on(play(&mut World::default(), script, &mut Clock(0)))
    }

    #[test]
    fn the_steps_after_a_failure_are_not_reached() {
        let outcomes = played(&script_of(&[passes, fails, passes]));
        let statuses: Vec<_> = outcomes.iter().map(|outcome| outcome.status).collect();
        assert_eq!(statuses, [StepStatus::Passed, StepStatus::Failed, StepStatus::NotReached]);
        assert_eq!(outcomes[1].failure.as_ref().unwrap().seen.as_deref(), Some("no answer"));
        assert_eq!((outcomes[1].started, outcomes[2].started), (Some(SimTime(1_000)), None));
    }

    #[test]
    fn a_panic_in_a_step_is_its_failure_with_message_and_place() {
        let outcomes = played(&script_of(&[panics]));
        let failure = outcomes[0].failure.as_ref().unwrap();
        assert!(failure.message.contains("arithmetic"), "{failure}");
        assert!(failure.at.as_ref().unwrap().starts_with("scenarios/src/play.rs:"), "{failure:?}");
    }
}
