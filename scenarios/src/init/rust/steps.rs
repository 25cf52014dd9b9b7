//! Steps of our own: a page of ours on a machine in the simulation.

use std::time::Duration;

use busyhour::world::Host;
use busyhour_scenarios::{StepFailure, StepResult, World};
use cucumber::{given, then};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PORT: u16 = 8080;

/// A program that runs on a machine: sockets, clock, disk and entropy are that machine's.
async fn greeter(host: Host) {
    let Ok(listener) = host.listen(PORT).await else { return };
    while let Ok((mut stream, _)) = listener.accept().await {
        // What can't be written wasn't wanted any more.
        let _ = stream.write_all(b"hello").await;
    }
}

#[given(expr = "{word} greets whoever connects")]
async fn greets(world: &mut World, machine: String) -> StepResult {
    world.scene()?.host(&machine)?.boot(greeter);
    Ok(())
}

#[then(expr = "{word} is greeted by {word} within {int} second(s)")]
async fn is_greeted(world: &mut World, guest: String, machine: String, seconds: u64) -> StepResult {
    let scene = world.scene()?;
    let (guest, machine) = (scene.host(&guest)?, scene.host(&machine)?);
    let greeting = async {
        let mut stream = guest.connect((machine.name(), PORT)).await?;
        let mut words = [0; 5];
        stream.read_exact(&mut words).await?;
        Ok::<_, std::io::Error>(words)
    };
    match tokio::time::timeout(Duration::from_secs(seconds), greeting).await {
        Ok(Ok(words)) if &words == b"hello" => Ok(()),
        Ok(Ok(words)) => Err(StepFailure::differs("hello", String::from_utf8_lossy(&words))),
        Ok(Err(error)) => Err(StepFailure::because(error.to_string())),
        Err(_) => Err(StepFailure::because(format!("no greeting came within {seconds} s"))),
    }
}
