//! Steps of a shop, which busyhour knows nothing of.

use std::time::Duration;

use busyhour_scenarios::World;
use busyhour_scenarios::phrase::StepFailure;
use cucumber::{given, then, when};

/// How many orders are open.
#[derive(Default)]
struct Orders(u32);

#[given(regex = r"^(\d+) open orders?$")]
async fn open_orders(world: &mut World, count: u32) {
    world.slot::<Orders>().0 = count;
}

#[when(expr = "an order is closed after {int} second(s)")]
async fn an_order_is_closed(world: &mut World, seconds: u64) -> Result<(), StepFailure> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let orders = world.slot::<Orders>();
    orders.0 = orders.0.checked_sub(1).ok_or_else(|| StepFailure::because("there is no open order to close"))?;
    Ok(())
}

#[when(expr = "the clerk counts sheep")]
async fn the_clerk_counts(world: &mut World) -> Result<(), StepFailure> {
    // Takes its time on any machine, without a clock: the test of an interrupt needs a run that is long.
    for _ in 0..100_000 {
        world.scene()?.universe.sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Somebody sweeps away what a run is about to write into.
#[when(expr = "the clerk throws away {string}")]
async fn the_clerk_throws_away(_: &mut World, folder: String) -> Result<(), StepFailure> {
    std::fs::remove_dir_all(&folder).map_err(|error| StepFailure::because(format!("{folder}: {error}")))
}

/// Fails with words that few files can hold.
#[when(expr = "the clerk shouts every character")]
async fn the_clerk_shouts(_: &mut World) -> Result<(), StepFailure> {
    let every: String = ('\0'..='\u{ff}').chain(['\u{fffe}', '\u{ffff}', '🕾']).collect();
    Err(StepFailure::because(every))
}

#[then(expr = "{int} order(s) is/are open")]
async fn orders_are_open(world: &mut World, expected: u32) {
    assert_eq!(world.slot::<Orders>().0, expected, "open orders");
}
