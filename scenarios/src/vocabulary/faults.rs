//! Phrases of faults that are aimed: at a message, at audio, at a NAT box.

use crate::World;
use crate::argument::{Agent, ArgumentKind, For, MessageName, Ordinal, Route, Way};
use crate::phrase::{Matches, Phrase, StepResult};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges_around("the {ordinal} {message} {way} is lost", |world, matches| {
        Box::pin(is_lost(world, matches))
    })
    .fault()
        .doc("Loses that one SIP message, counted from this step, repetitions included. It must come, or the scenario fails.")
    .example("When the second \"ACK\" from alice is lost")
    .variants(&[
        "When the next \"200\" to alice is lost",
        "Given the first \"BYE\" from the server is lost",
        "When the third \"REGISTER\" from alice is lost",
    ])
    .twin("Then at least 1 packet was lost between alice and the server")
    .sought_as(&["the ACK is lost", "the network drops the second ACK", "the BYE never arrives"]),
    Phrase::arranges_around("audio {route} is cut{for}", |world, matches| Box::pin(audio_is_cut(world, matches)))
        .fault()
        .doc("All datagrams but SIP's are stopped on that way, for that time or until the network heals.")
        .example("When audio from alice to the server is cut")
        .variants(&["When audio between alice and the server is cut for 10 seconds"])
        .twin("Then the customer does not hear alice")
        .sought_as(&["alice's audio is lost", "RTP from alice is blocked", "one-way audio", "a firewall blocks RTP"]),
    Phrase::arranges_around("{agent}'s NAT forgets its bindings", |world, matches| {
        Box::pin(nat_forgets(world, matches))
    })
    .fault()
        .doc("The NAT box is as after a restart: what comes in for an old binding is dropped, what goes out gets a new one.")
    .example("When alice's NAT forgets its bindings")
    .sought_as(&["alice's router reboots", "alice's NAT is reset", "alice's NAT binding expires"]),
];

async fn is_lost(world: &mut World, matches: Matches) -> StepResult {
    let which: Ordinal = matches.get(0)?;
    let message: MessageName = matches.get(1)?;
    let way: Way = matches.get(2)?;
    let mut words = matches.arguments().map(|(_, words): (&ArgumentKind, &str)| words);
    let ordinal = words.next().unwrap_or_default();
    let what = format!("the {ordinal} {message} {way} is lost");
    world.scene()?.lose(which, message, &way, &what)
}

async fn audio_is_cut(world: &mut World, matches: Matches) -> StepResult {
    let route: Route = matches.get(0)?;
    let lasts: For = matches.get(1)?;
    world.scene()?.cut_audio(&route, lasts.0).await
}

async fn nat_forgets(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let scene = world.scene()?;
    for name in scene.names_of(&agent)? {
        let nat = scene.center()?.nat_of(&name)?;
        scene.universe.network().forget_bindings(nat);
    }
    Ok(())
}
