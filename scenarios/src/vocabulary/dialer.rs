//! Phrases of the dialer: what it calls and how often, who dials by hand, who calls in.

use std::time::Duration;

use crate::World;
use crate::argument::{
    Agent, Amount, Campaign, Code, Customer, Dialed, For, ForCampaign, LeadName, Number, OfCampaign, Share, Within,
};
use crate::phrase::{Matches, Phrase, StepResult};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::acts("the dialer runs{for}", |world, matches| Box::pin(runs(world, matches)))
        .doc("The dialer of each campaign calls leads: for that time, which is over with the step, or until the end.")
        .example("When the dialer runs for 2 minutes")
        .variants(&["When the dialer runs"])
        .sought_as(&["the dialer starts", "the dialer dials", "the campaign is active", "dialing begins"]),
    Phrase::acts("the dialer stops", |world, matches| Box::pin(stops(world, matches)))
        .doc("It places no more calls; those that there are go on.")
        .example("When the dialer stops")
        .sought_as(&["the campaign is paused", "dialing ends"]),
    Phrase::acts("the dialer calls lead {lead}", |world, matches| Box::pin(calls_lead(world, matches)))
        .doc("One call of the dialer's, as it would place it; it waits up to 10 seconds until something comes of it.")
        .example("When the dialer calls lead 1001")
        .twin("Then lead 1001 was dialed once")
        .sought_as(&["lead 1001 is dialed", "the dialer dials lead 1001", "lead 1001 is called"]),
    Phrase::acts("{agent} dial(s) lead {lead} by hand", |world, matches| Box::pin(dials_by_hand(world, matches)))
        .doc("By her screen, from PAUSED. That it's refused for a do-not-call number is an outcome.")
        .example("When alice dials lead 1001 by hand")
        .twin("Then lead 1001 was dialed once")
        .sought_as(&["alice dials lead 1001 manually", "alice calls lead 1001", "manual dial"]),
    Phrase::acts("{customer} calls {number}", |world, matches| Box::pin(customer_calls(world, matches)))
        .doc("A customer calls the contact center, and waits.")
        .example("When the customer at \"15551230009\" calls \"8005550100\"")
        .sought_as(&["a customer calls in", "somebody calls the hotline", "an inbound call"]),
    Phrase::arranges_around("{campaign} recycles leads with status {code} after {duration}", |world, matches| {
        Box::pin(recycles(world, matches))
    })
    .doc("Leads of that status are dialed again, so long after their last call.")
    .example("When renewals recycles leads with status \"ERI\" after 5 minutes")
    .sought_as(&["leads with status NA are dialed again", "lead recycling"]),
    Phrase::checks("lead {lead} was {dialed}{within}", |world, matches| Box::pin(was_dialed(world, matches)))
        .doc("How often the floor has called her, by dialer or by hand.")
        .example("Then lead 1001 was dialed once")
        .variants(&[
            "Then lead 1001 was dialed twice within 10 minutes",
            "Then lead 1001 was dialed 3 times",
            "Then lead 1001 was never dialed",
        ])
        .twin("When the dialer calls lead 1001")
        .sought_as(&["lead 1001 was called once", "lead 1001 was not dialed"]),
    Phrase::checks("no lead was dialed more than once", |world, matches| Box::pin(none_twice(world, matches)))
        .doc("Of all leads not one was called a second time; at least one was called.")
        .example("Then no lead was dialed more than once")
        .sought_as(&["every lead was dialed once", "no lead is dialed twice", "no duplicate calls"]),
    Phrase::checks("{amount} customer(s) wait(s){for_campaign}{within}", |world, matches| {
        Box::pin(wait(world, matches))
    })
    .doc("Customers who are on the line and have no agent yet.")
    .example("Then 2 customers wait for renewals")
    .variants(&["Then no customers wait within 10 seconds"])
    .sought_as(&["the queue has 2 customers", "2 calls are queued", "the queue is empty"]),
    Phrase::checks("the drop rate{of_campaign} is at most {share}", |world, matches| {
        Box::pin(drop_rate(world, matches))
    })
    .doc("Calls that a customer answered and no agent got, of all that were answered. None answered is a failure.")
    .example("Then the drop rate of renewals is at most 3%")
    .variants(&["Then the drop rate is at most 3%"])
    .sought_as(&["fewer than 3% of calls are dropped", "the abandonment rate is at most 3%"]),
];

async fn runs(world: &mut World, matches: Matches) -> StepResult {
    let lasts: For = matches.get(0)?;
    world.scene()?.dialer_runs(lasts.0).await
}

async fn stops(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.dialer_stops().await
}

async fn calls_lead(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    world.scene()?.dialer_calls(lead.0).await
}

async fn dials_by_hand(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let lead: LeadName = matches.get(1)?;
    world.scene()?.dial_by_hand(&agent, lead.0).await
}

async fn customer_calls(world: &mut World, matches: Matches) -> StepResult {
    let customer: Customer = matches.get(0)?;
    let Number(number) = matches.get(1)?;
    world.scene()?.customer_calls(&customer, &number).await
}

async fn recycles(world: &mut World, matches: Matches) -> StepResult {
    let Campaign(campaign) = matches.get(0)?;
    let Code(status) = matches.get(1)?;
    let after: Duration = matches.get(2)?;
    world.scene()?.recycle(&campaign, &status, after).await
}

async fn was_dialed(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    let times: Dialed = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.was_dialed(lead.0, times.0, within.0).await
}

async fn none_twice(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.no_lead_was_dialed_twice().await
}

async fn wait(world: &mut World, matches: Matches) -> StepResult {
    let amount: Amount = matches.get(0)?;
    let ForCampaign(campaign) = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.customers_wait(amount, campaign.as_deref(), within.0).await
}

async fn drop_rate(world: &mut World, matches: Matches) -> StepResult {
    let OfCampaign(campaign) = matches.get(0)?;
    let share: Share = matches.get(1)?;
    world.scene()?.drop_rate_is_at_most(campaign.as_deref(), share).await
}
