//! Phrases of calls: calling, answering, holding, transferring, and what becomes of it.

use crate::World;
use crate::argument::{
    Agent, Amount, Callee, Customer, Deed, Digits, Moment, Name, Names, OnDevice, Refusal, Server, Speaker, Within,
};
use crate::phrase::{Matches, Phrase, StepFailure, StepResult};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::acts("{agent} call(s) {callee}", |world, matches| Box::pin(calls(world, matches)))
        .doc("Dials, and waits up to 5 seconds for a first sign of progress. A refusal is an outcome.")
        .example("When alice calls bob")
        .variants(&["When alice calls \"15551230001\"", "When alice calls nobody"])
        .twin("Then bob's phone rings")
        .sought_as(&["alice dials bob", "alice phones bob", "alice rings bob", "alice invites bob"]),
    Phrase::acts("{agent} answer(s){device}", |world, matches| Box::pin(answers(world, matches)))
        .doc("Waits up to 10 seconds for the ring, and takes the call.")
        .example("When alice answers")
        .variants(&["When alice answers on her second phone"])
        .twin("Then alice is in a call")
        .sought_as(&["alice picks up", "alice accepts the call", "alice takes the call"]),
    Phrase::acts("{agent} reject(s) the call{device}", |world, matches| Box::pin(rejects(world, matches)))
        .doc("Waits up to 10 seconds for the ring, and declines (486).")
        .example("When alice rejects the call")
        .variants(&["When alice rejects the call on her second phone"])
        .sought_as(&["alice declines the call", "alice refuses the call", "alice is busy"]),
    Phrase::acts("{agent} hang(s) up{device}", |world, matches| Box::pin(hangs_up(world, matches)))
        .doc("Ends the call, or gives up calling.")
        .example("When alice hangs up")
        .variants(&["When alice hangs up on her second phone"])
        .twin("Then the call has ended for everybody within 32 seconds")
        .sought_as(&["alice ends the call", "alice cancels the call", "alice disconnects"]),
    Phrase::acts("{customer} hang(s) up", |world, matches| Box::pin(customer_hangs_up(world, matches)))
        .doc("The customer ends the call.")
        .example("When the customer hangs up")
        .variants(&["When the customer at \"15551230002\" hangs up"])
        .twin("Then the call has ended for everybody within 32 seconds")
        .sought_as(&["the customer ends the call", "the caller hangs up"]),
    Phrase::acts("{agent} put(s) the call on hold", |world, matches| Box::pin(holds(world, matches)))
        .doc("The other side hears music.")
        .example("When alice puts the call on hold")
        .sought_as(&["alice holds the call", "alice puts bob on hold"]),
    Phrase::acts("{agent} take(s) the call off hold", |world, matches| Box::pin(resumes(world, matches)))
        .doc("Both hear each other again.")
        .example("When alice takes the call off hold")
        .sought_as(&["alice resumes the call", "alice unholds the call", "alice retrieves the call"]),
    Phrase::acts("{agent} transfer(s) the call to {callee}", |world, matches| Box::pin(transfers(world, matches)))
        .doc("Hands the call on without asking (a blind transfer). A refusal is an outcome.")
        .example("When alice transfers the call to bob")
        .variants(&["When alice transfers the call to nobody", "When alice transfers the call to \"15551230002\""])
        .sought_as(&["alice does a blind transfer to bob", "alice forwards the call to bob"]),
    Phrase::acts("{agent} consult(s) {callee}", |world, matches| Box::pin(consults(world, matches)))
        .doc("Puts the call on hold and calls somebody to ask first.")
        .example("When alice consults bob")
        .sought_as(&["alice starts an attended transfer to bob", "alice asks bob"]),
    Phrase::acts("{agent} complete(s) the transfer", |world, matches| Box::pin(completes(world, matches)))
        .doc("Connects those whom she talks to, and is out of it.")
        .example("When alice completes the transfer")
        .twin("Then the transfer has failed"),
    Phrase::acts("{agent} take(s) the customer back", |world, matches| Box::pin(takes_back(world, matches)))
        .doc("Drops the consultation, and goes back to whom she had put on hold.")
        .example("When alice takes the customer back")
        .sought_as(&["alice cancels the transfer", "alice returns to the customer"]),
    Phrase::acts("{agent} consult(s) {callee} and complete(s) the transfer", |world, matches| {
        Box::pin(consults_and_completes(world, matches))
    })
    .doc("All of an attended transfer: she asks, the other picks up, she connects the two.")
    .example("When alice consults bob and completes the transfer"),
    Phrase::checks("the transfer has failed{within}", |world, matches| Box::pin(transfer_has_failed(world, matches)))
        .doc("The phone that handed on a call last shows that it came to nothing.")
        .example("Then the transfer has failed")
        .variants(&["Then the transfer has failed within 32 seconds"])
        .twin("When alice completes the transfer")
        .sought_as(&["the transfer fails", "the transfer was refused"]),
    Phrase::acts("{agent} send(s) the digits {digits}", |world, matches| Box::pin(sends_digits(world, matches)))
        .doc("Presses keys during the call (RFC 4733), and waits until they're all sent.")
        .example("When alice sends the digits \"1234\"")
        .twin("Then the customer received the digits \"1234\"")
        .sought_as(&["alice presses 1234", "alice sends DTMF \"1234\"", "alice types \"1234\""]),
    Phrase::checks("{speaker} received the digits {digits}{within}", |world, matches| {
        Box::pin(received_digits(world, matches))
    })
    .doc("All that came in that call, in its order: not one missing, not one twice.")
    .example("Then the customer received the digits \"1234\"")
    .variants(&["Then bob received the digits \"1234\" within 2 seconds"])
    .twin("When alice sends the digits \"1234\"")
    .sought_as(&["the customer got \"1234\"", "bob hears the digits"]),
    Phrase::checks("{agent} is/are in a call{within}", |world, matches| Box::pin(in_a_call(world, matches, true)))
        .doc("Her phone has a call that hasn't ended: one that rings counts.")
        .example("Then alice is in a call")
        .twin("When alice answers")
        .sought_as(&["alice is talking", "alice has a call"]),
    Phrase::checks("{agent} is/are in no call{within}", |world, matches| Box::pin(in_a_call(world, matches, false)))
        .doc("Her phone has no call.")
        .example("Then alice is in no call within 32 seconds")
        .variants(&["Then every agent is in no call"])
        .twin("When alice hangs up")
        .sought_as(&["alice is not in a call", "alice is free", "alice's call is over"]),
    Phrase::checks("the call has ended for everybody{within}", |world, matches| {
        Box::pin(has_ended_for_everybody(world, matches))
    })
    .doc("Of those who were in the call of the agent last named nobody is in it any more, nor is a server.")
    .example("Then the call has ended for everybody")
    .variants(&["Then the call has ended for everybody within 32 seconds"])
    .twin("When alice hangs up")
    .sought_as(&["the call is over", "nobody is in a call", "there is no zombie call"]),
    Phrase::checks("{agent}'s call was refused with {refusal}{within}", |world, matches| {
        Box::pin(was_refused(world, matches))
    })
    .doc("The call that she placed last got that final answer.")
    .example("Then alice's call was refused with 486")
    .variants(&["Then alice's call was refused with 503 within 5 seconds"])
    .sought_as(&["alice hears a busy tone", "alice's call failed", "alice's call was rejected"]),
    Phrase::checks("{server} recorded {amount} answered call(s){within}", |world, matches| {
        Box::pin(recorded(world, matches))
    })
    .doc("Counts the calls in the server's books that are over and that somebody answered: those that are billed.")
    .example("Then the server recorded 1 answered call")
    .variants(&["Then the server recorded no answered calls within 40 seconds"])
    .sought_as(&["1 call is billed", "there is 1 call record"]),
    Phrase::acts("{deed} and {deed} {moment}", |world, matches| Box::pin(races(world, matches)))
        .doc("Two deeds in a row, so far apart. What the first takes away from the second comes too late, as in life.")
        .example("When alice hangs up and bob answers 20 ms later")
        .variants(&[
            "When bob answers and alice hangs up at the same moment",
            "When bob answers and bob answers on his second phone at the same moment",
        ])
        .sought_as(&["alice hangs up while bob answers", "alice and bob press at once", "CANCEL crosses 200"]),
    Phrase::acts("{names} hang up at the same moment", |world, matches| {
        Box::pin(all_at_once(world, matches, crate::argument::Button::HangUp))
    })
    .doc("Each presses the button before any packet of the others has arrived.")
    .example("When alice and bob hang up at the same moment")
    .sought_as(&["alice and bob hang up at once", "both hang up"]),
    Phrase::acts("{names} put the call on hold at the same moment", |world, matches| {
        Box::pin(all_at_once(world, matches, crate::argument::Button::Hold))
    })
    .doc("Each presses the button before any packet of the others has arrived: both offers cross (491).")
    .example("When alice and bob put the call on hold at the same moment"),
    Phrase::acts("{names} take the call off hold at the same moment", |world, matches| {
        Box::pin(all_at_once(world, matches, crate::argument::Button::Resume))
    })
    .doc("Each presses the button before any packet of the others has arrived.")
    .example("When alice and bob take the call off hold at the same moment"),
    Phrase::acts("{name} and {name} call each other at the same moment", |world, matches| {
        Box::pin(call_each_other(world, matches))
    })
    .doc("Each dials before the other's phone can ring.")
    .example("When alice and bob call each other at the same moment"),
];

async fn calls(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let callee: Callee = matches.get(1)?;
    world.scene()?.call(&agent, &callee).await
}

async fn answers(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let device: OnDevice = matches.get(1)?;
    world.scene()?.answer(&agent, device.0).await
}

async fn rejects(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let device: OnDevice = matches.get(1)?;
    world.scene()?.reject(&agent, device.0).await
}

async fn hangs_up(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let device: OnDevice = matches.get(1)?;
    world.scene()?.hang_up(&agent, device.0).await
}

async fn customer_hangs_up(world: &mut World, matches: Matches) -> StepResult {
    let customer: Customer = matches.get(0)?;
    world.scene()?.customer_hangs_up(&customer)
}

async fn holds(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.hold(&agent).await
}

async fn resumes(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.resume(&agent).await
}

async fn transfers(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let callee: Callee = matches.get(1)?;
    world.scene()?.transfer(&agent, &callee).await
}

async fn consults(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let callee: Callee = matches.get(1)?;
    world.scene()?.consult(&agent, &callee).await
}

async fn completes(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.complete_transfer(&agent).await
}

async fn takes_back(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.take_back(&agent).await
}

async fn consults_and_completes(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let callee: Callee = matches.get(1)?;
    world.scene()?.consult_and_complete(&agent, &callee).await
}

async fn transfer_has_failed(world: &mut World, matches: Matches) -> StepResult {
    let within: Within = matches.get(0)?;
    world.scene()?.transfer_has_failed(within.0).await
}

async fn sends_digits(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let digits: Digits = matches.get(1)?;
    world.scene()?.press(&agent, &digits.0).await
}

async fn received_digits(world: &mut World, matches: Matches) -> StepResult {
    let speaker: Speaker = matches.get(0)?;
    let digits: Digits = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.received_digits(&speaker, &digits.0, within.0).await
}

async fn in_a_call(world: &mut World, matches: Matches, wanted: bool) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.in_a_call(&agent, wanted, within.0).await
}

async fn has_ended_for_everybody(world: &mut World, matches: Matches) -> StepResult {
    let within: Within = matches.get(0)?;
    world.scene()?.has_ended_for_everybody(within.0).await
}

async fn was_refused(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let status: Refusal = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.was_refused(&agent, status.0, within.0).await
}

async fn recorded(world: &mut World, matches: Matches) -> StepResult {
    let server: Server = matches.get(0)?;
    let amount: Amount = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.recorded(server, amount, within.0).await
}

async fn races(world: &mut World, matches: Matches) -> StepResult {
    let first: Deed = matches.get(0)?;
    let second: Deed = matches.get(1)?;
    let moment: Moment = matches.get(2)?;
    world.scene()?.race(&first, &second, moment.0).await
}

async fn all_at_once(world: &mut World, matches: Matches, button: crate::argument::Button) -> StepResult {
    let names: Names = matches.get(0)?;
    if names.0.len() < 2 {
        return Err(StepFailure::because("it takes two to do something at the same moment"));
    }
    world.scene()?.all_at_once(&names.0, button).await
}

async fn call_each_other(world: &mut World, matches: Matches) -> StepResult {
    let one: Name = matches.get(0)?;
    let other: Name = matches.get(1)?;
    world.scene()?.call_each_other(&one.0, &other.0).await
}
