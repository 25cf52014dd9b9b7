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

#[when(expr = "the clerk asks the real clock")]
async fn the_clerk_asks_the_real_clock(world: &mut World) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("the clock is past 1970");
    // Not the same when it's run again, which the check of determinism must find.
    tokio::time::sleep(Duration::from_nanos(u64::from(now.subsec_nanos()) * 7_919)).await;
    world.slot::<Orders>();
}

#[when(expr = "the clerk dawdles")]
async fn the_clerk_dawdles(_world: &mut World) {
    // Blocks the thread, as no step should: the test of an interrupt needs a run that takes its time.
    std::thread::sleep(Duration::from_millis(200));
}

#[then(expr = "{int} order(s) is/are open")]
async fn orders_are_open(world: &mut World, expected: u32) {
    assert_eq!(world.slot::<Orders>().0, expected, "open orders");
}
