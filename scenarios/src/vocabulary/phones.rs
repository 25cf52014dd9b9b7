//! Phrases of phones and their registrations.

use std::time::Duration;

use gherkin::StepType;

use crate::World;
use crate::argument::{Agent, AgentPhone, Amount, Server, Within};
use crate::phrase::{Matches, Phrase, StepFailure, StepResult};

/// What is typed in where the password is wrong.
const WRONG: &str = "wrong-password";
/// How long a person waits for the ring.
const RING: Duration = Duration::from_secs(10);

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges_around("registrations last {duration}", |world, matches| {
        Box::pin(registrations_last(world, matches))
    })
    .doc("The server grants no registration for longer than that; phones ask for 300 seconds, webphones for 120.")
    .example("Given registrations last 60 seconds")
    .sought_as(&["registrations expire after 60 seconds", "the registration timeout is 60 seconds"]),
    Phrase::acts("{phone} register(s)", |world, matches| Box::pin(registers(world, matches)))
        .doc("Switches the account on, in a webphone's tab that's opened for it. It waits up to 5 seconds for an outcome.")
        .example("When alice's phone registers")
        .variants(&["Given every agent's phone registers", "When alice's second phone registers"])
        .twin("Then alice's phone is registered")
        .sought_as(&["alice registers", "alice logs in to her phone", "the phone registers with the server"]),
    Phrase::acts("{phone} register(s) with the wrong password", |world, matches| {
        Box::pin(registers_wrongly(world, matches))
    })
    .doc("Types a wrong password in and switches the account on. That it's refused is an outcome, not a failed step.")
    .example("When alice's phone registers with the wrong password")
    .twin("Then alice's phone is not registered"),
    Phrase::acts("{phone} unregister(s)", |world, matches| Box::pin(unregisters(world, matches)))
        .doc("Switches the account off: the phone takes its registration back.")
        .example("When alice's phone unregisters")
        .twin("Then alice's phone is not registered")
        .sought_as(&["alice's phone logs out", "alice's phone deregisters"]),
    Phrase::acts("{phone} lose(s) power", |world, matches| Box::pin(loses_power(world, matches)))
        .fault()
        .doc("The phone is off at once, or the computer under it, and tells nobody.")
        .example("When alice's phone loses power")
        .sought_as(&["alice's phone is switched off", "alice's phone crashes", "alice's phone is unplugged"]),
    Phrase::acts("{phone} come(s) back", |world, matches| Box::pin(comes_back(world, matches)))
        .fault()
        .doc("It has power again: it boots, and registers if it did before; a webphone's tab is opened again.")
        .example("When alice's phone comes back")
        .sought_as(&["alice's phone reboots", "alice's phone has power again", "alice's phone is switched on"]),
    Phrase::checks("{phone} is/are registered{within}", |world, matches| Box::pin(is_registered(world, matches)))
        .doc("A call would ring it now: the active server has a contact by which a packet would reach the phone.")
        .example("Then alice's phone is registered")
        .variants(&["Then every agent's phone is registered within 5 seconds"])
        .twin("When alice's phone registers")
        .sought_as(&["alice is registered", "alice's phone is online", "the registration succeeds"]),
    Phrase::checks("{phone} is/are not registered{within}", |world, matches| {
        Box::pin(is_not_registered(world, matches))
    })
    .doc("No call would ring it now.")
    .example("Then alice's phone is not registered within 2 minutes")
    .variants(&["Then alice's phone is not registered"])
    .twin("When alice's phone unregisters")
    .sought_as(&["alice's phone is unregistered", "alice's phone is offline", "the registration fails"]),
    Phrase::checks("{server} has {amount} contact(s) for {agent}{within}", |world, matches| {
        Box::pin(has_contacts(world, matches))
    })
    .doc("Counts the contacts that the server's registrar has for her and that haven't expired.")
    .example("Then the server has 1 contact for alice")
    .variants(&[
        "Then the server has at most 5 contacts for alice",
        "Then the second server has 1 contact for alice within 2 minutes",
        "Then the server has no contacts for alice",
    ])
    .twin("When alice's phone registers")
    .sought_as(&["alice has 1 registration", "there are no ghost contacts", "the server has 1 binding for alice"]),
    Phrase::checks("a call to {agent} rings only phones that are alive", |world, matches| {
        Box::pin(rings_only_the_living(world, matches))
    })
    .doc("Calls her from a test phone, looks at what is rung, and gives up. None rung fails too, unless all are dead.")
    .example("Then a call to alice rings only phones that are alive")
    .sought_as(&["no dead phone is rung", "there are no ghost phones"]),
    Phrase::waits("{phone} ring(s){within}", |world, matches| Box::pin(rings(world, matches)))
        .doc("Under When it's waited for, up to 10 seconds.")
        .example("Then alice's phone rings within 5 seconds")
        .variants(&["Then alice's phone rings", "When bob's phone rings"])
        .sought_as(&["alice is called", "alice gets a call", "the phone of alice rings"]),
    Phrase::checks("{phone} does/do not ring{within}", |world, matches| Box::pin(does_not_ring(world, matches)))
        .doc("It doesn't ring now, nor within that time.")
        .example("Then bob's phone does not ring within 5 seconds")
        .variants(&["Then alice's second phone does not ring"])
        .sought_as(&["bob's phone is silent", "bob isn't called"]),
    Phrase::acts("{phone} hang(s) up", |world, matches| Box::pin(hangs_up(world, matches)))
        .doc("Hangs up with the handset, whoever is on the line.")
        .example("When alice's phone hangs up"),
];

async fn registrations_last(world: &mut World, matches: Matches) -> StepResult {
    let expires: Duration = matches.get(0)?;
    if expires.is_zero() || expires.subsec_nanos() != 0 {
        return Err(StepFailure::because("a registration lasts a whole number of seconds, and at least one"));
    }
    world.center()?.registrations_last(expires);
    Ok(())
}

async fn registers(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    world.scene()?.register(&phone, None).await
}

async fn registers_wrongly(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    world.scene()?.register(&phone, Some(WRONG)).await
}

async fn unregisters(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    world.scene()?.unregister(&phone).await
}

async fn loses_power(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    world.scene()?.lose_power(&phone)
}

async fn comes_back(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    world.scene()?.come_back(&phone).await
}

async fn is_registered(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.is_registered(&phone, true, within.0).await
}

async fn is_not_registered(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.is_registered(&phone, false, within.0).await
}

async fn has_contacts(world: &mut World, matches: Matches) -> StepResult {
    let server: Server = matches.get(0)?;
    let amount: Amount = matches.get(1)?;
    let agent: Agent = matches.get(2)?;
    let within: Within = matches.get(3)?;
    world.scene()?.has_contacts(server, amount, &agent, within.0).await
}

async fn rings_only_the_living(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.rings_only_the_living(&agent).await
}

async fn rings(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    let within: Within = matches.get(1)?;
    let patience = if matches.keyword == StepType::Then { within.0 } else { within.0.or(Some(RING)) };
    world.scene()?.rings(&phone, patience).await
}

async fn does_not_ring(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.does_not_ring(&phone, within.0).await
}

async fn hangs_up(world: &mut World, matches: Matches) -> StepResult {
    let phone: AgentPhone = matches.get(0)?;
    world.scene()?.hang_up(&phone.agent, Some(phone.device)).await
}
