//! Phrases of time.

use std::time::Duration;

use crate::World;
use crate::argument::{Party, Skew};
use crate::phrase::{Matches, Phrase, StepResult};

/// The phrase that lets time go by.
pub(crate) const PASSES: &str = "{duration} pass(es)";

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::acts(PASSES, |world, matches| Box::pin(pass(world, matches)))
        .doc("Lets that much simulated time go by.")
        .example("When 90 seconds pass")
        .variants(&["When 1 second passes", "When 3 days pass"])
        .sought_as(&["wait 90 seconds", "sleep for 90 seconds", "90 seconds later", "pause for 90 seconds"]),
    Phrase::arranges_around("{party}'s clock is {skew}", |world, matches| Box::pin(clock_is(world, matches)))
        .fault()
        .doc("Sets the clock on the wall of one host apart from the true time.")
        .example("When the server's clock is 10 minutes ahead")
        .variants(&["When a's clock is 1 hour behind"])
        .sought_as(&["the server's clock is wrong", "the server's time drifts by 10 minutes"]),
];

async fn pass(world: &mut World, matches: Matches) -> StepResult {
    let duration: Duration = matches.get(0)?;
    world.scene()?.universe.sleep(duration).await;
    Ok(())
}

async fn clock_is(world: &mut World, matches: Matches) -> StepResult {
    let party: Party = matches.get(0)?;
    let skew: Skew = matches.get(1)?;
    for host in world.scene()?.hosts(&party)? {
        match skew {
            Skew::Ahead(by) => host.set_clock_ahead(by),
            Skew::Behind(by) => host.set_clock_behind(by),
        };
    }
    Ok(())
}
