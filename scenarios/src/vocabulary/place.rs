//! Phrases of the place: the servers, the agents and their phones, the customers, the carrier.

use std::time::Duration;

use busyhour::media::Codec;
use busyhour::pbx::customer::Behaviour;

use crate::World;
use crate::argument::{Agent, CodecName, Count, Lifetime, Name, Names, Nat, Number, PhoneKind, Refusal};
use crate::phrase::{Matches, Phrase, StepFailure, StepResult};

/// More agents than this make a scenario that nobody waits for.
const AGENTS_MAX: u64 = 5_000;
/// A customer of whom it isn't said when she answers does so after this time.
const ANSWERS_AFTER: Duration = Duration::from_secs(2);

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges("a contact center", |world, matches| Box::pin(a_contact_center(world, matches)))
        .doc("Says that there is one. It's implied: a SIP server, a carrier, an office LAN between all.")
        .example("Given a contact center")
        .sought_as(&["a call center", "a SIP server", "a PBX"]),
    Phrase::arranges("a second SIP server that takes over when the first is down", |world, matches| {
        Box::pin(a_second_server(world, matches))
    })
    .doc("A standby with registrations of its own; phones find it by DNS when the first doesn't answer.")
    .example("Given a second SIP server that takes over when the first is down")
    .sought_as(&["two SIP servers", "a standby server", "a backup server", "a failover server"]),
    Phrase::arranges("agent {name} with a(n) {kind}", |world, matches| Box::pin(an_agent(world, matches)))
        .doc("An agent whose phone stands on a host of her name, with an account of her name. It's not registered yet.")
        .example("Given agent alice with a hardphone")
        .variants(&["Given agent bob with a softphone", "Given agent carol with a webphone"])
        .sought_as(&["alice has a phone", "alice has a browser", "a user alice", "an agent called alice", "alice is an agent"]),
    Phrase::arranges("agents {names} with {kind}", |world, matches| Box::pin(agents(world, matches)))
        .doc("Several agents at once.")
        .example("Given agents alice, bob and carol with hardphones")
        .variants(&["Given agents alice and bob with softphones", "Given agents alice and bob with webphones"])
        .sought_as(&["agents alice and bob", "alice and bob have phones"]),
    Phrase::arranges("{count} agent(s) with (a ){kind}", |world, matches| Box::pin(many_agents(world, matches)))
        .doc("That many agents: agent1, agent2, and so on.")
        .example("Given 20 agents with hardphones")
        .sought_as(&["20 agents", "20 phones", "a floor of 20 agents"]),
    Phrase::arranges("{agent} has a second {kind}", |world, matches| Box::pin(a_second_phone(world, matches)))
        .doc("One more phone with the same account, on a host of its own: `alice's second phone`.")
        .example("Given alice has a second hardphone")
        .variants(&["Given bob has a second softphone", "Given carol has a second webphone"])
        .sought_as(&["alice has two phones", "alice has a phone at home too", "two devices"]),
    Phrase::arranges("the server keeps contacts of lost connections until they expire", |world, matches| {
        Box::pin(keeps_lost_contacts(world, matches))
    })
    .doc("A registrar that takes no notice when a connection is lost: calls are still sent after it. Else it drops them.")
    .example("Given the server keeps contacts of lost connections until they expire")
    .sought_as(&["the server doesn't notice lost connections", "stale contacts stay until they expire"]),
    Phrase::arranges("{agent} work(s) behind a(n) {nat} NAT{lifetime}", |world, matches| {
        Box::pin(works_behind_a_nat(world, matches))
    })
    .fault()
    .doc("Puts her phones on a private network behind a NAT box.")
    .example("Given alice works behind a symmetric NAT")
    .variants(&[
        "Given alice works behind a port-restricted NAT with a binding lifetime of 30 seconds",
        "Given every agent works behind a full-cone NAT",
    ])
    .sought_as(&["alice is behind a NAT", "alice works from home behind a router"]),
    Phrase::arranges_around("the customer at {number} answers after {duration}", |world, matches| {
        Box::pin(customer_answers(world, matches))
    })
    .doc("The customer rings for that long, answers, and talks until hung up on.")
    .example("Given the customer at \"15551230001\" answers after 3 seconds")
    .sought_as(&["the customer answers", "the customer at \"15551230001\" answers"]),
    Phrase::arranges_around("the customer at {number} answers and hangs up after {duration}", |world, matches| {
        Box::pin(customer_answers_briefly(world, matches))
    })
    .doc("The customer answers after 2 seconds, talks for that long, and hangs up.")
    .example("Given the customer at \"15551230001\" answers and hangs up after 10 seconds"),
    Phrase::arranges_around("the customer at {number} is busy", |world, matches| {
        Box::pin(customer(world, matches, Behaviour::busy()))
    })
    .doc("A call there is refused with 486.")
    .example("Given the customer at \"15551230001\" is busy"),
    Phrase::arranges_around("the customer at {number} never answers", |world, matches| {
        Box::pin(customer(world, matches, Behaviour::never_answers()))
    })
    .doc("It rings there until somebody gives up.")
    .example("Given the customer at \"15551230001\" never answers")
    .sought_as(&["the customer doesn't answer", "nobody answers at \"15551230001\""]),
    Phrase::arranges_around("the customer at {number} rejects the call", |world, matches| {
        Box::pin(customer(world, matches, Behaviour::rejects()))
    })
    .doc("The customer hears it ring and declines.")
    .example("Given the customer at \"15551230001\" rejects the call"),
    Phrase::arranges_around("the customer at {number} has an answering machine", |world, matches| {
        Box::pin(customer(world, matches, Behaviour::answering_machine()))
    })
    .doc("A machine answers, speaks its greeting, and listens.")
    .example("Given the customer at \"15551230001\" has an answering machine")
    .sought_as(&["voicemail answers at \"15551230001\""]),
    Phrase::arranges_around("the customer at {number} is disconnected", |world, matches| {
        Box::pin(customer(world, matches, Behaviour::disconnected()))
    })
    .doc("The number isn't in service: the carrier answers 404 (Q.850 cause 1).")
    .example("Given the customer at \"15551230001\" is disconnected")
    .sought_as(&["the number \"15551230001\" doesn't exist", "the number is out of service"]),
    Phrase::arranges_around("the carrier answers {refusal} to the next {count} call(s)", |world, matches| {
        Box::pin(carrier_refuses(world, matches))
    })
    .doc("The carrier refuses the calls that come next, without asking its customers.")
    .example("Given the carrier answers 503 to the next 3 calls")
    .sought_as(&["the carrier is overloaded", "the trunk is down", "the carrier rejects calls"]),
    Phrase::arranges_around("the carrier speaks only {codec}", |world, matches| {
        Box::pin(carrier_speaks_only(world, matches))
    })
    .doc("In offers and answers the carrier names that codec alone.")
    .example("Given the carrier speaks only \"PCMA\"")
    .sought_as(&["the carrier supports only G.711 A-law"]),
];

async fn a_contact_center(world: &mut World, _: Matches) -> StepResult {
    world.center().map(|_| ())
}

async fn a_second_server(world: &mut World, _: Matches) -> StepResult {
    world.center()?.add_second_server()
}

async fn an_agent(world: &mut World, matches: Matches) -> StepResult {
    let name: Name = matches.get(0)?;
    world.scene()?.add_agent(&name.0, matches.get(1)?)
}

async fn agents(world: &mut World, matches: Matches) -> StepResult {
    let names: Names = matches.get(0)?;
    let kind: PhoneKind = matches.get(1)?;
    let scene = world.scene()?;
    names.0.iter().try_for_each(|name| scene.add_agent(name, kind))
}

async fn many_agents(world: &mut World, matches: Matches) -> StepResult {
    let count: Count = matches.get(0)?;
    let kind: PhoneKind = matches.get(1)?;
    if !(1..=AGENTS_MAX).contains(&count.0) {
        return Err(StepFailure::because(format!("there may be 1 to {AGENTS_MAX} agents, and not {}", count.0)));
    }
    let scene = world.scene()?;
    (1..=count.0).try_for_each(|number| scene.add_agent(&format!("agent{number}"), kind))
}

async fn a_second_phone(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let kind: PhoneKind = matches.get(1)?;
    let scene = world.scene()?;
    let names = scene.names_of(&agent)?;
    names.iter().try_for_each(|name| scene.center()?.add_second_phone(name, kind))
}

async fn keeps_lost_contacts(world: &mut World, _: Matches) -> StepResult {
    world.center()?.keeps_lost_contacts();
    Ok(())
}

async fn works_behind_a_nat(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let nat: Nat = matches.get(1)?;
    let lifetime: Lifetime = matches.get(2)?;
    let scene = world.scene()?;
    let names = scene.names_of(&agent)?;
    names.iter().try_for_each(|name| scene.center()?.put_behind_nat(name, nat.0, lifetime.0))
}

async fn customer(world: &mut World, matches: Matches, behaviour: Behaviour) -> StepResult {
    let number: Number = matches.get(0)?;
    world.center()?.customer_behaves(&number.0, behaviour)
}

async fn customer_answers(world: &mut World, matches: Matches) -> StepResult {
    let after: Duration = matches.get(1)?;
    customer(world, matches, Behaviour::answers_after(after)).await
}

async fn customer_answers_briefly(world: &mut World, matches: Matches) -> StepResult {
    let talks_for: Duration = matches.get(1)?;
    customer(world, matches, Behaviour::answers_after(ANSWERS_AFTER).talking_for(talks_for)).await
}

async fn carrier_refuses(world: &mut World, matches: Matches) -> StepResult {
    let status: Refusal = matches.get(0)?;
    let calls: Count = matches.get(1)?;
    let calls = u32::try_from(calls.0).ok().filter(|calls| *calls > 0);
    let calls = calls.ok_or_else(|| StepFailure::because("say how many calls the carrier refuses: 1 or more"))?;
    world.center()?.carrier_refuses(status.0, calls);
    Ok(())
}

async fn carrier_speaks_only(world: &mut World, matches: Matches) -> StepResult {
    let codec = match matches.get(0)? {
        CodecName::Pcmu => Codec::Pcmu,
        CodecName::Pcma => Codec::Pcma,
    };
    world.center()?.carrier_speaks_only(codec);
    Ok(())
}
