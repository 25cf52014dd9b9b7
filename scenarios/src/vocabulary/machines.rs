//! Phrases of bare machines: datagrams, a page fetched, crash and restart.

use busyhour::world::Power;

use crate::World;
use crate::argument::{Amount, Count, Machine, Machines, Party, Quoted, Status, Within};
use crate::phrase::{Matches, Phrase, StepFailure, StepResult};
use crate::scene::{Answer, wait_until};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges("(a )machine(s) {machines}", |world, matches| Box::pin(machines(world, matches)))
        .doc("Machines that send and answer datagrams and serve a page, for scenarios of the network itself.")
        .example("Given machines a and b")
        .variants(&["Given machines a, b and c", "Given a machine b"])
        .sought_as(&["two machines", "hosts a and b", "a server a"]),
    Phrase::acts("{machine} sends {count} datagram(s) to {machine}", |world, matches| Box::pin(sends(world, matches)))
        .doc("Sends UDP datagrams, one each millisecond.")
        .example("When a sends 1000 datagrams to b")
        .variants(&["When a sends 1 datagram to b"])
        .twin("Then b received between 930 and 970 of them")
        .sought_as(&["a sends 1000 packets to b", "a pings b"]),
    Phrase::checks("{machine} received {amount} of them{within}", |world, matches| Box::pin(received(world, matches)))
        .doc("How many of the datagrams last sent to it arrived.")
        .example("Then b received between 930 and 970 of them")
        .variants(&[
            "Then b received all of them within 2 seconds",
            "Then b received none of them",
            "Then b received at least 1 of them",
        ])
        .twin("When a sends 1000 datagrams to b")
        .sought_as(&["b received 950 datagrams", "b got 950 packets"]),
    Phrase::acts("{machine} fetches {string} from {machine}", |world, matches| Box::pin(fetches(world, matches)))
        .doc("Asks for a page by HTTP, on a connection of its own.")
        .example("When a fetches \"/hello\" from b")
        .twin("Then a got status 200")
        .sought_as(&["a requests \"/hello\" from b", "a gets \"/hello\" from b"]),
    Phrase::checks("{machine} got status {status}{within}", |world, matches| Box::pin(got_status(world, matches)))
        .doc("The answer to what it fetched last.")
        .example("Then a got status 200 within 2 seconds")
        .variants(&["Then a got status 404"])
        .twin("When a fetches \"/hello\" from b")
        .sought_as(&["the status is 200", "a received a 200"]),
    Phrase::checks("{machine} got no answer{within}", |world, matches| Box::pin(got_no_answer(world, matches)))
        .doc("What it fetched last was not answered, nor will be within that time.")
        .example("Then a got no answer within 5 seconds")
        .variants(&["Then a got no answer"])
        .twin("When a fetches \"/hello\" from b")
        .sought_as(&["the request timed out", "the request failed"]),
    Phrase::arranges_around("{party} crashes", |world, matches| Box::pin(crashes(world, matches)))
        .fault()
        .doc("The machine stops at once: memory is gone, its disk keeps what was synced.")
        .example("When a crashes")
        .variants(&["When the server crashes"])
        .sought_as(&["a dies", "a goes down", "a is killed", "the server loses power"]),
    Phrase::arranges_around("{party} restarts", |world, matches| Box::pin(restarts(world, matches)))
        .fault()
        .doc("The machine starts again after a crash, or is rebooted, with what its disk kept.")
        .example("When a restarts")
        .variants(&["When the server restarts"])
        .sought_as(&["a comes back up", "a boots", "the server starts again"]),
];

async fn machines(world: &mut World, matches: Matches) -> StepResult {
    let machines: Machines = matches.get(0)?;
    let scene = world.scene()?;
    machines.0.iter().try_for_each(|machine| scene.add_machine(&machine.0))
}

async fn sends(world: &mut World, matches: Matches) -> StepResult {
    let from: Machine = matches.get(0)?;
    let datagrams: Count = matches.get(1)?;
    let to: Machine = matches.get(2)?;
    world.scene()?.send(&from.0, datagrams.0, &to.0).await
}

async fn received(world: &mut World, matches: Matches) -> StepResult {
    let machine: Machine = matches.get(0)?;
    let amount: Amount = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.received(&machine.0, amount, within.0).await
}

async fn fetches(world: &mut World, matches: Matches) -> StepResult {
    let machine: Machine = matches.get(0)?;
    let page: Quoted = matches.get(1)?;
    let from: Machine = matches.get(2)?;
    world.scene()?.fetch(&machine.0, &page.0, &from.0).await
}

async fn got_status(world: &mut World, matches: Matches) -> StepResult {
    let machine: Machine = matches.get(0)?;
    let status: Status = matches.get(1)?;
    let within: Within = matches.get(2)?;
    let scene = world.scene()?;
    let wanted = Answer::Status(status.0);
    let answer = || scene.answer_to(&machine.0);
    answer()?;
    wait_until(&scene.universe, within.0, || answer().is_ok_and(|answer| answer != Answer::None)).await;
    match answer()? {
        seen if seen == wanted => Ok(()),
        seen => Err(StepFailure::differs(wanted.to_string(), seen.to_string())),
    }
}

async fn got_no_answer(world: &mut World, matches: Matches) -> StepResult {
    let machine: Machine = matches.get(0)?;
    let within: Within = matches.get(1)?;
    let scene = world.scene()?;
    scene.answer_to(&machine.0)?;
    let answered = || matches!(scene.answer_to(&machine.0), Ok(Answer::Status(_)));
    if wait_until(&scene.universe, within.0, answered).await {
        return Err(StepFailure::differs("no answer", scene.answer_to(&machine.0)?.to_string()));
    }
    Ok(())
}

async fn crashes(world: &mut World, matches: Matches) -> StepResult {
    let party: Party = matches.get(0)?;
    for host in world.scene()?.hosts(&party)? {
        if host.power() == Power::Down {
            return Err(StepFailure::because(format!("{} is down already", host.name())));
        }
        host.crash();
    }
    Ok(())
}

async fn restarts(world: &mut World, matches: Matches) -> StepResult {
    let party: Party = matches.get(0)?;
    for host in world.scene()?.hosts(&party)? {
        // One that runs is rebooted.
        host.crash();
        host.restart();
    }
    Ok(())
}
