//! Phrases of audio: who is heard by whom, and how well.

use crate::World;
use crate::argument::{Agent, Heard, Score, Speaker, Within};
use crate::phrase::{Matches, Phrase, StepResult};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::checks("{speaker} and {speaker} hear each other{within}", |world, matches| {
        Box::pin(hear_each_other(world, matches))
    })
    .doc("Each hears the other and nobody else: judged on the sound that comes out of their speakers.")
    .example("Then alice and bob hear each other within 3 seconds")
    .variants(&[
        "Then alice and the customer hear each other",
        "Then the customer and alice hear each other within 3 seconds",
    ])
    .twin("When alice answers")
    .sought_as(&["audio flows both ways", "alice and bob can talk", "there is two-way audio"]),
    Phrase::checks("{speaker} hear(s) {heard}{within}", |world, matches| Box::pin(hears(world, matches)))
        .doc("Somebody hears somebody; or nobody: no voice for a second, while music doesn't count.")
        .example("Then alice hears bob")
        .variants(&[
            "Then alice hears the customer",
            "Then the customer hears alice within 3 seconds",
            "Then alice hears nobody",
            "Then the customer hears nobody",
        ])
        .sought_as(&["alice can hear bob", "bob is heard by alice", "alice hears silence"]),
    Phrase::checks("{speaker} does/do not hear {speaker}{within}", |world, matches| {
        Box::pin(does_not_hear(world, matches))
    })
    .doc("For a second nothing of the other is heard.")
    .example("Then alice does not hear bob")
    .variants(&["Then the customer does not hear alice within 2 seconds"])
    .twin("When the network from bob to alice is cut")
    .sought_as(&["alice can't hear bob", "there is one-way audio", "alice doesn't hear bob"]),
    Phrase::checks("the audio {agent} hear(s) scores {score}", |world, matches| Box::pin(scores(world, matches)))
        .doc("The mean opinion score of all that she heard in the call, by the E-model (G.107).")
        .example("Then the audio alice hears scores at least 4.0")
        .variants(&["Then the audio alice hears scores at most 3.5"])
        .sought_as(&["the MOS is at least 4.0", "the call quality is good", "alice's audio is bad"]),
];

async fn hear_each_other(world: &mut World, matches: Matches) -> StepResult {
    let one: Speaker = matches.get(0)?;
    let other: Speaker = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.hear_each_other(&one, &other, within.0).await
}

async fn hears(world: &mut World, matches: Matches) -> StepResult {
    let who: Speaker = matches.get(0)?;
    let heard: Heard = matches.get(1)?;
    let within: Within = matches.get(2)?;
    let scene = world.scene()?;
    match heard {
        Heard::Somebody(whom) => scene.hears(&who, &whom, within.0).await,
        Heard::Nobody => scene.hears_nobody(&who, within.0).await,
    }
}

async fn does_not_hear(world: &mut World, matches: Matches) -> StepResult {
    let who: Speaker = matches.get(0)?;
    let whom: Speaker = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.does_not_hear(&who, &whom, within.0).await
}

async fn scores(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let score: Score = matches.get(1)?;
    world.scene()?.scores(&agent, score).await
}
