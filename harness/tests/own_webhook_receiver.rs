//! The example that a newcomer copies does what it says.

#[allow(dead_code)]
#[path = "../examples/own_webhook_receiver.rs"]
mod example;

#[test]
fn the_sale_is_counted_once_over_a_retry_and_a_crash() {
    let (answers, sales) = example::three_deliveries(1);
    assert_eq!(answers, ["200 sold to Jane", "200 known: Jane", "200 known: Jane"]);
    assert_eq!(sales, 1);
}

#[test]
fn an_application_that_leaves_the_universe_is_told_so() {
    assert_eq!(example::outside(), "a real socket was used on crm, where everything is simulated: use the host's own");
}
