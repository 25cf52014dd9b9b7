//! Steps on the machines of a scenario, which they reach through its scene. Some of them do what no step should, so that
//! the tests can show how it is found.

use std::net::SocketAddrV4;
use std::time::Duration;

use busyhour_scenarios::{StepFailure, StepResult, World};
use cucumber::when;

/// Where machines take datagrams.
const GOSSIP: u16 = 4000;

/// Sends one datagram from one machine to another.
async fn tell(world: &mut World, from: &str, to: &str, words: Vec<u8>) -> StepResult {
    let scene = world.scene()?;
    let (from, to) = (scene.host(from)?, scene.host(to)?);
    let failed = |error: std::io::Error| StepFailure::because(format!("{} can't speak: {error}", from.name()));
    let socket = from.udp(0).await.map_err(failed)?;
    socket.send_to(words, SocketAddrV4::new(to.address(), GOSSIP)).await.map_err(failed)?;
    scene.universe.sleep(Duration::from_millis(10)).await;
    Ok(())
}

#[when(expr = "{word} greets {word}")]
async fn greets(world: &mut World, from: String, to: String) -> StepResult {
    tell(world, &from, &to, b"hello".to_vec()).await
}

/// Not deterministic: no two processes have the same number.
#[when(expr = "{word} tells {word} its process number")]
async fn tells_its_process_number(world: &mut World, from: String, to: String) -> StepResult {
    tell(world, &from, &to, std::process::id().to_be_bytes().to_vec()).await
}

/// Not deterministic: a process that is started to check another has a longer command line.
#[when(expr = "{word} tells {word} each word of its command line")]
async fn tells_each_word_of_its_command_line(world: &mut World, from: String, to: String) -> StepResult {
    for _ in std::env::args_os() {
        tell(world, &from, &to, b"word".to_vec()).await?;
    }
    Ok(())
}

/// A program that panics, on a machine.
#[when(expr = "{word} chokes on a rumour")]
async fn chokes(world: &mut World, name: String) -> StepResult {
    let scene = world.scene()?;
    let universe = scene.universe.clone();
    scene.host(&name)?.spawn(async { panic!("that can't be true") });
    universe.sleep(Duration::from_secs(1)).await;
    Ok(())
}

/// Blocks the thread of its universe, which no step may.
#[when(expr = "{word} holds its breath")]
async fn holds_its_breath(_world: &mut World, _name: String) {
    std::thread::sleep(Duration::from_millis(1));
}
