//! Phrases of webhooks: receivers and what they do, senders and what they promise, strangers.

use std::time::Duration;

use crate::World;
use crate::argument::{
    Amount, BySender, Campaign, Code, Count, Event, ForLead, LeadName, OfEvent, Receiver, Status, Within,
};
use crate::phrase::{Matches, Phrase, StepFailure, StepResult};
use crate::scene::floor::{Asked, Deliveries};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges("a webhook receiver {receiver}", |world, matches| Box::pin(receiver(world, matches, true)))
        .doc("A CRM on a host of that name that counts each event once, however often it comes, and answers 200 at once.")
        .example("Given a webhook receiver crm")
        .sought_as(&["a CRM", "an endpoint crm", "a server that receives webhooks", "a webhook endpoint"]),
    Phrase::arranges("a webhook receiver {receiver} that counts every delivery as new", |world, matches| {
        Box::pin(receiver(world, matches, false))
    })
    .doc("The naive receiver: what comes twice counts twice, and what comes late overwrites what is newer.")
    .example("Given a webhook receiver crm that counts every delivery as new")
    .sought_as(&["a naive receiver", "a receiver without deduplication", "a CRM that doesn't dedupe"]),
    Phrase::arranges("{receiver} verifies signatures", |world, matches| Box::pin(verifies(world, matches)))
        .doc("It accepts what its sender has signed within five minutes, and rejects everything else.")
        .example("Given crm verifies signatures")
        .sought_as(&["crm checks signatures", "webhooks are signed"]),
    Phrase::arranges("{campaign} sends {event} to {receiver}{by_sender}", |world, matches| Box::pin(sends(world, matches)))
        .doc("Which event goes to whom, by which contract: the profile's own, or a preset. See docs/webhooks.md.")
        .example("Given renewals sends \"disposition.saved\" to crm")
        .variants(&["Given renewals sends \"disposition.saved\" to crm by the \"standard\" sender"])
        .sought_as(&["a webhook for disposition.saved", "crm subscribes to sale.closed", "a dispo call URL"]),
    Phrase::arranges_around("{receiver} answers {status} to the next {count} delivery/deliveries", |world, matches| {
        Box::pin(answers(world, matches))
    })
    .fault()
    .doc("Refuses what comes next before it does any work.")
    .example("Given crm answers 500 to the next 3 deliveries")
    .variants(&["When crm answers 503 to the next 1 delivery"])
    .sought_as(&["crm fails 3 times", "crm is overloaded", "crm returns 500", "the webhook endpoint fails"]),
    Phrase::arranges_around("{receiver} takes {duration} to answer", |world, matches| Box::pin(takes(world, matches)))
        .fault()
        .doc("It does the work at once and answers that late: beyond its patience the sender takes it for a failure.")
        .example("Given crm takes 40 seconds to answer")
        .sought_as(&["crm is slow", "crm answers after 40 seconds", "a slow webhook handler"]),
    Phrase::arranges_around("{receiver} answers at once again", |world, matches| Box::pin(at_once(world, matches)))
        .fault()
        .doc("It isn't slow any more.")
        .example("When crm answers at once again")
        .sought_as(&["crm is fast again"]),
    Phrase::arranges_around("{receiver} goes down", |world, matches| Box::pin(goes_down(world, matches)))
        .fault()
        .doc("Connections to it are refused.")
        .example("When crm goes down")
        .sought_as(&["crm is down", "crm is unreachable", "the webhook endpoint is down"]),
    Phrase::arranges_around("{receiver} comes back", |world, matches| Box::pin(comes_back(world, matches)))
        .fault()
        .doc("It takes connections again, with all that it knew.")
        .example("When crm comes back")
        .sought_as(&["crm is up again", "crm recovers"]),
    Phrase::arranges_around("the reply to the next delivery is lost", |world, matches| {
        Box::pin(next_delivery(world, matches, Asked::ReplyLost))
    })
    .fault()
    .doc("The receiver does the work, and the sender never learns of it.")
    .example("When the reply to the next delivery is lost")
    .sought_as(&["the sender doesn't get the 200", "the response is lost", "the connection breaks after the work"]),
    Phrase::arranges_around("the next delivery arrives twice at once", |world, matches| {
        Box::pin(next_delivery(world, matches, Asked::TwiceAtOnce))
    })
    .fault()
    .doc("Two copies of one request are worked on at the same instant, as behind a load balancer that tries again.")
    .example("When the next delivery arrives twice at once")
    .sought_as(&["the next delivery is duplicated", "a concurrent duplicate", "two copies at the same instant"]),
    Phrase::arranges_around("the next delivery is held back until the one after it has arrived", |world, matches| {
        Box::pin(next_delivery(world, matches, Asked::HeldBack))
    })
    .fault()
    .doc("Two deliveries come in the wrong order.")
    .example("When the next delivery is held back until the one after it has arrived")
    .sought_as(&["deliveries arrive out of order", "two deliveries are reordered"]),
    Phrase::arranges_around("the last delivery is sent again after {duration}", |world, matches| {
        Box::pin(sent_again(world, matches))
    })
    .fault()
    .doc("A stranger who has seen it sends the same bytes once more; the time is over when the step is.")
    .example("When the last delivery is sent again after 10 minutes")
    .sought_as(&["a replay attack", "a stranger replays the last delivery", "the last delivery is replayed"]),
    Phrase::arranges_around("a stranger posts a forged {event} to {receiver}", |world, matches| {
        Box::pin(forged(world, matches))
    })
    .fault()
    .doc("A well-formed event that nobody's sender has sent, signed with a guess.")
    .example("When a stranger posts a forged \"disposition.saved\" to crm")
    .sought_as(&["a forged webhook", "an attacker sends an event to crm", "a fake delivery"]),
    Phrase::arranges_around("a stranger posts the last delivery with a changed body", |world, matches| {
        Box::pin(changed(world, matches))
    })
    .fault()
    .doc("The headers of a true delivery, its signature included, over a body that was tampered with.")
    .example("When a stranger posts the last delivery with a changed body")
    .sought_as(&["a tampered delivery", "the body is changed", "an attacker changes the body"]),
    Phrase::arranges_around("the sender's secret is rotated", |world, matches| Box::pin(rotated(world, matches)))
        .doc("The sender signs with a new secret, and for 24 hours with the old one too.")
        .example("When the sender's secret is rotated")
        .sought_as(&["the secret changes", "the webhook secret is rotated"]),
    Phrase::arranges_around("{receiver} learns the new secret", |world, matches| Box::pin(learns(world, matches)))
        .doc("From now on it verifies with the newest secret.")
        .example("When crm learns the new secret")
        .sought_as(&["crm is given the new secret", "the secret is updated in crm"]),
    Phrase::checks("{receiver} got {amount} delivery/deliveries{of_event}{for_lead}{within}", |world, matches| {
        Box::pin(got(world, matches))
    })
    .doc("Requests that reached it, rejected and repeated ones included.")
    .example("Then crm got 2 deliveries of \"disposition.saved\" for lead 1001 within 1 hour")
    .variants(&["Then crm got no deliveries", "Then crm got at least 1 delivery for lead 1001 within 10 seconds"])
    .sought_as(&["crm received 2 webhooks", "crm was called twice", "2 webhooks arrived"]),
    Phrase::checks("{receiver} accepted {amount} delivery/deliveries{within}", |world, matches| {
        Box::pin(counts(world, matches, Deliveries::Accepted))
    })
    .doc("Of those, the ones that it took for its sender's own.")
    .example("Then crm accepted 2 deliveries")
    .variants(&["Then crm accepted 1 delivery within 10 seconds"])
    .sought_as(&["crm took 2 deliveries"]),
    Phrase::checks("{receiver} rejected {amount} delivery/deliveries{within}", |world, matches| {
        Box::pin(counts(world, matches, Deliveries::Rejected))
    })
    .doc("Of those, the ones whose signature or time it refused.")
    .example("Then crm rejected 1 delivery")
    .variants(&["Then crm rejected no deliveries"])
    .sought_as(&["crm refuses the forged delivery", "the signature is invalid"]),
    Phrase::checks("both deliveries carry the same id", |world, matches| Box::pin(same_id(world, matches)))
        .doc("The last two deliveries: that's how a receiver knows one for the other's repetition.")
        .example("Then both deliveries carry the same id")
        .sought_as(&["the ids are equal", "the retry has the same id"]),
    Phrase::checks("{receiver} recorded {amount} sale(s) for lead {lead}{within}", |world, matches| {
        Box::pin(recorded(world, matches))
    })
    .doc("What its books count: a sale is one per call, whichever events tell of it.")
    .example("Then crm recorded 1 sale for lead 1001 within 10 seconds")
    .variants(&["Then crm recorded no sales for lead 1001"])
    .sought_as(&["the sale is counted once", "crm has 1 sale", "the sale was counted twice"]),
    Phrase::checks("{receiver}'s record of lead {lead} says {code}{within}", |world, matches| {
        Box::pin(record_says(world, matches))
    })
    .doc("What its books say of that lead.")
    .example("Then crm's record of lead 1001 says \"SALE\" within 10 seconds")
    .sought_as(&["crm knows that lead 1001 is a sale", "crm has lead 1001 as SALE"]),
    Phrase::checks("the sender gave up on {receiver}{within}", |world, matches| Box::pin(gave_up(world, matches)))
        .doc("A delivery's schedule is spent and it was not delivered.")
        .example("Then the sender gave up on crm within 4 days")
        .sought_as(&["the sender stops retrying", "the retries are exhausted"]),
    Phrase::checks("the sender disabled {receiver}{within}", |world, matches| Box::pin(disabled(world, matches)))
        .doc("After so many failures the contract says that nothing is sent there any more.")
        .example("Then the sender disabled crm within 6 days")
        .sought_as(&["the endpoint is disabled", "the webhook is switched off"]),
    Phrase::checks("no event is lost{within}", |world, matches| Box::pin(none_lost(world, matches)))
        .doc("Each event that the floor has told of is at its receivers once all schedules are spent or the time is over.")
        .example("Then no event is lost within 3 days")
        .variants(&["Then no event is lost"])
        .sought_as(&["all events arrive", "every webhook is delivered", "nothing is lost"]),
];

async fn receiver(world: &mut World, matches: Matches, careful: bool) -> StepResult {
    let Receiver(name) = matches.get(0)?;
    world.scene()?.add_receiver(&name, careful)
}

async fn verifies(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(name) = matches.get(0)?;
    world.scene()?.verifies_signatures(&name).await
}

async fn sends(world: &mut World, matches: Matches) -> StepResult {
    let Campaign(campaign) = matches.get(0)?;
    let Event(event) = matches.get(1)?;
    let Receiver(receiver) = matches.get(2)?;
    let BySender(preset) = matches.get(3)?;
    world.scene()?.sends(&campaign, event, &receiver, preset.as_deref()).await
}

async fn answers(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let Status(status) = matches.get(1)?;
    let Count(count) = matches.get(2)?;
    let count = u32::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| StepFailure::because("say how many deliveries it answers so: 1 or more"))?;
    world.scene()?.receiver_answers(&receiver, status, count)
}

async fn takes(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let time: Duration = matches.get(1)?;
    world.scene()?.receiver_takes(&receiver, time)
}

async fn at_once(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    world.scene()?.receiver_answers_at_once(&receiver)
}

async fn goes_down(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    world.scene()?.receiver_goes_down(&receiver)
}

async fn comes_back(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    world.scene()?.receiver_comes_back(&receiver)
}

async fn next_delivery(world: &mut World, _: Matches, what: Asked) -> StepResult {
    world.scene()?.ask_of_next_delivery(what)
}

async fn sent_again(world: &mut World, matches: Matches) -> StepResult {
    let after: Duration = matches.get(0)?;
    world.scene()?.replay_last_delivery(after).await
}

async fn forged(world: &mut World, matches: Matches) -> StepResult {
    let Event(event) = matches.get(0)?;
    let Receiver(receiver) = matches.get(1)?;
    world.scene()?.post_forged(event, &receiver).await
}

async fn changed(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.post_changed().await
}

async fn rotated(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.rotate_secret().await
}

async fn learns(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    world.scene()?.learn_secret(&receiver)
}

async fn got(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let amount: Amount = matches.get(1)?;
    let OfEvent(event) = matches.get(2)?;
    let ForLead(lead) = matches.get(3)?;
    let within: Within = matches.get(4)?;
    let what = Deliveries::Reached { event, lead: lead.map(|lead| lead.0) };
    world.scene()?.counts_deliveries(&receiver, amount, what, within.0).await
}

async fn counts(world: &mut World, matches: Matches, what: Deliveries) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let amount: Amount = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.counts_deliveries(&receiver, amount, what, within.0).await
}

async fn same_id(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.both_carry_the_same_id()
}

async fn recorded(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let amount: Amount = matches.get(1)?;
    let lead: LeadName = matches.get(2)?;
    let within: Within = matches.get(3)?;
    world.scene()?.recorded_sales(&receiver, amount, lead.0, within.0).await
}

async fn record_says(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let lead: LeadName = matches.get(1)?;
    let Code(status) = matches.get(2)?;
    let within: Within = matches.get(3)?;
    world.scene()?.record_says(&receiver, lead.0, &status, within.0).await
}

async fn gave_up(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.sender_gave_up(&receiver, within.0).await
}

async fn disabled(world: &mut World, matches: Matches) -> StepResult {
    let Receiver(receiver) = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.sender_disabled(&receiver, within.0).await
}

async fn none_lost(world: &mut World, matches: Matches) -> StepResult {
    let within: Within = matches.get(0)?;
    world.scene()?.no_event_is_lost(within.0).await
}
