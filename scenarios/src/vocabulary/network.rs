//! Phrases of the network: its faults, its cuts, and what was lost on it.

use std::time::Duration;

use busyhour::media::cadence;
use busyhour::net::PairCounts;
use busyhour::net::link::{GilbertElliott, Impossible};

use crate::World;
use crate::argument::{Amount, For, Jitter, Link, Party, Quoted, Rate, Route, Share, Within};
use crate::phrase::{Matches, Phrase, StepFailure, StepResult};
use crate::scene::judge_amount;

/// The chance that a burst of losses ends with the next packet: it lasts five on average.
const BURST_ENDS: f64 = 0.2;
const LOST: &str = "Then at least 1 packet was lost between alice and the server";

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges("{party} is on {string}", |world, matches| Box::pin(is_on(world, matches)))
        .fault()
        .doc("Puts a machine behind a network profile: one that is built in, or a file of yours beside the features.")
        .example("Given alice is on \"hotel wifi\"")
        .variants(&["Given every agent is on \"home wifi\""])
        .sought_as(&["alice uses hotel wifi", "alice works from home", "alice has a bad network"]),
    Phrase::arranges_around("{link} loses {share} of packets", |world, matches| Box::pin(loses(world, matches)))
        .fault()
        .doc("Each packet is lost with that chance. Several faults on one network add up.")
        .example("Given the network between alice and the server loses 5% of packets")
        .variants(&[
            "Given every network loses 2.5% of packets",
            "When the network from alice to the server loses 5% of packets",
        ])
        .twin(LOST)
        .sought_as(&["packet loss is 5%", "5% of packets are lost", "the network drops 5% of packets"]),
    Phrase::arranges_around("{link} loses {share} of packets in bursts", |world, matches| {
        Box::pin(loses_in_bursts(world, matches))
    })
    .fault()
    .doc("That share is lost in all, about five packets in a row: as a radio link loses them (Gilbert and Elliott).")
    .example("Given the network between alice and the server loses 5% of packets in bursts")
    .twin(LOST)
    .sought_as(&["packets are lost in bursts", "burst loss of 5%"]),
    Phrase::arranges_around("{link} duplicates {share} of packets", |world, matches| {
        Box::pin(duplicates(world, matches))
    })
    .fault()
    .doc("Each packet arrives twice with that chance.")
    .example("Given the network between alice and the server duplicates 2% of packets"),
    Phrase::arranges_around("{link} reorders {share} of packets", |world, matches| Box::pin(reorders(world, matches)))
        .fault()
        .doc("Each packet is overtaken by later ones with that chance.")
        .example("Given the network between alice and the server reorders 2% of packets"),
    Phrase::arranges_around("{link} corrupts {share} of packets", |world, matches| Box::pin(corrupts(world, matches)))
        .fault()
        .doc("Bits of a packet flip with that chance; its checksum gives it away and the receiver drops it.")
        .example("Given the network between alice and the server corrupts 1% of packets"),
    Phrase::arranges_around("{link} has {duration} latency{jitter}", |world, matches| {
        Box::pin(has_latency(world, matches))
    })
    .fault()
    .doc("Every packet takes that long, give or take the jitter.")
    .example("Given the network between alice and the server has 80 ms latency and 20 ms jitter")
    .variants(&["Given every network has 80 ms latency"])
    .sought_as(&[
        "the network is slow",
        "the ping is 80 ms",
        "the network has a delay of 80 ms",
        "jitter is 20 ms",
    ]),
    Phrase::arranges_around("{link} carries at most {rate}", |world, matches| {
        Box::pin(carries_at_most(world, matches))
    })
    .fault()
    .doc("Bounds the bandwidth; what doesn't fit waits in a queue, and what the queue can't hold is lost.")
    .example("Given the network between alice and the server carries at most 256 kbit per second")
    .sought_as(&["the bandwidth is 256 kbit per second", "the network is limited to 256 kbit per second"]),
    Phrase::arranges_around("{link} is cut{for}", |world, matches| Box::pin(is_cut(world, matches)))
        .fault()
        .doc("Nothing gets through, for that time or until the network heals.")
        .example("When the network between alice and the server is cut for 10 seconds")
        .variants(&[
            "When the network between alice and the server is cut",
            "When the network from alice to the server is cut",
            "When every network is cut",
        ])
        .twin(LOST)
        .sought_as(&[
            "alice loses the network",
            "the network goes down",
            "alice is offline",
            "a partition between alice and the server",
            "the network is partitioned",
        ]),
    Phrase::arranges_around("{link} heals", |world, matches| Box::pin(heals(world, matches)))
        .fault()
        .doc("Lifts every cut between the two, both ways.")
        .example("When the network between alice and the server heals")
        .variants(&["When every network heals"])
        .sought_as(&["the network comes back", "alice is online again", "the network is restored"]),
    Phrase::checks("{amount} packet(s) was/were lost {route}{within}", |world, matches| {
        Box::pin(were_lost(world, matches))
    })
    .fault()
    .doc("Counts the packets that the wire lost there since the scenario began.")
    .example(LOST)
    .variants(&[
        "Then no packets were lost from a to b",
        "Then between 30 and 70 packets were lost between a and b within 5 seconds",
    ])
    .twin("Given the network between alice and the server loses 5% of packets")
    .sought_as(&["packets were lost", "some packets are lost between alice and the server"]),
    Phrase::checks("{amount} packet(s) was/were duplicated {route}{within}", |world, matches| {
        Box::pin(were_duplicated(world, matches))
    })
    .fault()
    .doc("Counts the second copies that the wire made there since the scenario began.")
    .example("Then at least 1 packet was duplicated between alice and the server")
    .twin("Given the network between alice and the server duplicates 2% of packets"),
    Phrase::checks("{amount} packet(s) was/were reordered {route}{within}", |world, matches| {
        Box::pin(were_reordered(world, matches))
    })
    .fault()
    .doc("Counts the packets that arrived there behind one that was sent later.")
    .example("Then at least 1 packet was reordered between alice and the server")
    .twin("Given the network between alice and the server reorders 2% of packets"),
    Phrase::checks("{amount} packet(s) was/were corrupted {route}{within}", |world, matches| {
        Box::pin(were_corrupted(world, matches))
    })
    .fault()
    .doc("Counts the packets that were dropped there for a wrong checksum; they count as lost, too.")
    .example("Then at least 1 packet was corrupted between alice and the server")
    .twin("Given the network between alice and the server corrupts 1% of packets"),
];

async fn is_on(world: &mut World, matches: Matches) -> StepResult {
    let party: Party = matches.get(0)?;
    let profile: Quoted = matches.get(1)?;
    let scene = world.scene()?;
    cadence::under_fault();
    for host in scene.hosts(&party)? {
        scene.universe.network().put_on(&host, &profile.0).map_err(|unknown| {
            // Where none is near it's no slip of the pen: somebody looks for a profile of their own.
            let hint = match unknown.nearest.len() {
                ..=2 => "",
                _ => "; your own stand in a folder `networks` beside the feature files",
            };
            StepFailure::because(format!("{unknown}{hint}"))
        })?;
    }
    Ok(())
}

/// What the network said to a fault: a number that it can't be.
fn installed<T>(result: Result<T, Impossible>) -> StepResult {
    // Every frame of every call flows on a network that isn't as it should be.
    cadence::under_fault();
    result.map(|_| ()).map_err(|error| StepFailure::because(error.to_string()))
}

async fn loses(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let share: Share = matches.get(1)?;
    installed(world.scene()?.link(&link)?.loses(share.probability()))
}

async fn loses_in_bursts(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let share: Share = matches.get(1)?;
    let lost = share.probability();
    if lost >= 1.0 {
        return Err(StepFailure::because("what loses all packets has no bursts: cut the network instead"));
    }
    // The share of time in the bad state is p/(p+r), where r ends a burst and p begins one.
    let model = GilbertElliott {
        p_good_to_bad: (BURST_ENDS * lost / (1.0 - lost)).min(1.0),
        p_bad_to_good: BURST_ENDS,
        loss_good: 0.0,
        loss_bad: 1.0,
    };
    installed(world.scene()?.link(&link)?.loses_in_bursts(model))
}

async fn duplicates(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let share: Share = matches.get(1)?;
    installed(world.scene()?.link(&link)?.duplicates(share.probability()))
}

async fn reorders(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let share: Share = matches.get(1)?;
    installed(world.scene()?.link(&link)?.reorders(share.probability()))
}

async fn corrupts(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let share: Share = matches.get(1)?;
    installed(world.scene()?.link(&link)?.corrupts(share.probability()))
}

async fn has_latency(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let latency: Duration = matches.get(1)?;
    let jitter: Jitter = matches.get(2)?;
    let link = world.scene()?.link(&link)?;
    installed(if jitter.0.is_zero() { link.has_latency(latency) } else { link.has_jitter(latency, jitter.0) })
}

async fn carries_at_most(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let rate: Rate = matches.get(1)?;
    installed(world.scene()?.link(&link)?.carries_at_most(rate.bits_per_second))
}

async fn is_cut(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    let lasts: For = matches.get(1)?;
    let scene = world.scene()?;
    cadence::under_fault();
    let cut = scene.link(&link)?.cut();
    if let Some(lasts) = lasts.0 {
        scene.universe.sleep(lasts).await;
        scene.universe.network().lift(cut);
    }
    Ok(())
}

async fn heals(world: &mut World, matches: Matches) -> StepResult {
    let link: Link = matches.get(0)?;
    match (world.scene()?.link(&link)?.heal(), &link) {
        (0, Link::Every) => Err(StepFailure::because("there is nothing to heal: no network is cut")),
        (0, Link::On(_)) => Err(StepFailure::because(format!("there is nothing to heal: {link} isn't cut"))),
        _ => Ok(()),
    }
}

/// Judges how many packets of a kind there were on a route.
async fn count(world: &mut World, matches: Matches, what: &str, of: fn(&PairCounts) -> u64) -> StepResult {
    let amount: Amount = matches.get(0)?;
    let route: Route = matches.get(1)?;
    let within: Within = matches.get(2)?;
    let scene = world.scene()?;
    let between = scene.route(&route)?;
    let sent = between.counts().iter().map(|counts| counts.sent).sum();
    let count = || between.counts().iter().map(of).sum();
    judge_amount(&scene.universe, amount, sent, within.0, count, &format!("packets {what} {route}")).await
}

async fn were_lost(world: &mut World, matches: Matches) -> StepResult {
    count(world, matches, "lost", |counts| counts.lost).await
}

async fn were_duplicated(world: &mut World, matches: Matches) -> StepResult {
    count(world, matches, "duplicated", |counts| counts.copied).await
}

async fn were_reordered(world: &mut World, matches: Matches) -> StepResult {
    count(world, matches, "reordered", |counts| counts.overtaken).await
}

async fn were_corrupted(world: &mut World, matches: Matches) -> StepResult {
    count(world, matches, "corrupted", |counts| counts.corrupt).await
}
