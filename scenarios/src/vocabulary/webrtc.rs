//! Phrases of WebRTC: how media is protected, which way it takes, messages from browser to browser.

use crate::World;
use crate::argument::{Agent, CandidateName, Name, Route, Within};
use crate::phrase::{Matches, Phrase, StepResult};
use crate::scene::webrtc::MediaWay;

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges_around("only TURN relays reach {agent}", |world, matches| {
        Box::pin(only_turn_reaches(world, matches))
    })
    .fault()
    .doc("A firewall stops all her datagrams but those to the TURN server and to DNS. SIP over a WebSocket gets through.")
    .example("Given only TURN relays reach alice")
    .sought_as(&["alice needs a TURN relay", "alice is behind a firewall", "media must be relayed"]),
    Phrase::arranges_around("{agent}'s network blocks UDP", |world, matches| Box::pin(blocks_udp(world, matches)))
        .fault()
        .doc("A firewall stops all her datagrams but those to DNS: media is left with TURN over TCP.")
        .example("Given alice's network blocks UDP")
        .sought_as(&["alice's browser has no UDP", "UDP is blocked", "only TCP reaches alice"]),
    Phrase::arranges("there is no TURN server", |world, matches| Box::pin(no_turn_server(world, matches)))
        .doc("Whoever would be given a STUN and TURN server has none.")
        .example("Given there is no TURN server")
        .sought_as(&["without a TURN server", "the TURN server doesn't exist", "no STUN server"]),
    Phrase::arranges("{agent}'s TURN password is wrong", |world, matches| {
        Box::pin(turn_password_is_wrong(world, matches))
    })
    .doc("The TURN server refuses her (401), as it does when credentials have expired. STUN still answers.")
    .example("Given alice's TURN password is wrong")
    .sought_as(&["alice's TURN credentials have expired", "the TURN server refuses alice"]),
    Phrase::checks("media {route} is encrypted{within}", |world, matches| Box::pin(is_encrypted(world, matches)))
        .doc("Every packet of media seen there so far is SRTP under the keys of its handshake; none seen is a failure.")
        .example("Then media between alice and the server is encrypted")
        .variants(&["Then media from alice to the server is encrypted within 3 seconds"])
        .sought_as(&["the audio is encrypted", "media is SRTP", "no plain RTP between alice and the server"]),
    Phrase::checks("{agent}'s media goes through the TURN relay{within}", |world, matches| {
        Box::pin(takes_way(world, matches, MediaWay::Relayed))
    })
    .doc("For a second her media travels wrapped to the TURN server and back, and none goes another way.")
    .example("Then alice's media goes through the TURN relay")
    .variants(&["Then alice's media goes through the TURN relay within 5 seconds"])
    .twin("Given only TURN relays reach alice")
    .sought_as(&["alice's audio is relayed", "alice uses TURN"]),
    Phrase::checks("{agent}'s media is direct{within}", |world, matches| {
        Box::pin(takes_way(world, matches, MediaWay::Direct))
    })
    .doc("For a second her media travels to the other end and back without a TURN relay.")
    .example("Then alice's media is direct")
    .variants(&["Then alice's media is direct within 5 seconds"])
    .sought_as(&["alice's media is not relayed", "alice's media goes without TURN"]),
    Phrase::checks("{agent}'s media uses a(n) {candidate} candidate{within}", |world, matches| {
        Box::pin(uses_candidate(world, matches))
    })
    .doc("Her media begins at a candidate of that kind: by the address from which it arrived last at the other end.")
    .example("Then alice's media uses a \"relay\" candidate")
    .variants(&["Then alice's media uses a \"prflx\" candidate within 5 seconds"])
    .sought_as(&["the selected candidate is srflx", "alice's ICE candidate is relay"]),
    Phrase::acts("{name} open(s) a data channel to {name}", |world, matches| {
        Box::pin(opens_a_channel(world, matches))
    })
    .doc("Both browsers open a page for messages; they find each other through the server, and talk without it.")
    .example("When alice opens a data channel to bob")
    .twin("Then alice and bob exchange messages over a data channel")
    .sought_as(&["alice connects to bob's browser", "alice sends bob a file", "alice chats with bob"]),
    Phrase::checks("{name} and {name} exchange messages over a data channel{within}", |world, matches| {
        Box::pin(exchange_messages(world, matches, true))
    })
    .doc("Each writes the other a message now, and it's read there: up to 5 seconds unless it's said.")
    .example("Then alice and bob exchange messages over a data channel")
    .variants(&["Then alice and bob exchange messages over a data channel within 10 seconds"])
    .twin("When alice opens a data channel to bob")
    .sought_as(&["messages get through between the browsers", "the data channel works"]),
    Phrase::checks("{name} and {name} exchange no messages over a data channel{within}", |world, matches| {
        Box::pin(exchange_messages(world, matches, false))
    })
    .doc("Neither can write the other a message now, nor will within that time: up to 5 seconds unless it's said.")
    .example("Then alice and bob exchange no messages over a data channel")
    .sought_as(&["the data channel is broken", "the browsers can't reach each other"]),
];

async fn only_turn_reaches(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.only_turn_reaches(&agent)
}

async fn blocks_udp(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.blocks_udp(&agent)
}

async fn no_turn_server(world: &mut World, _: Matches) -> StepResult {
    world.center()?.has_no_turn_server()
}

async fn turn_password_is_wrong(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.turn_password_is_wrong(&agent)
}

async fn is_encrypted(world: &mut World, matches: Matches) -> StepResult {
    let route: Route = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.is_encrypted(&route, within.0).await
}

async fn takes_way(world: &mut World, matches: Matches, way: MediaWay) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.takes_way(&agent, way, within.0).await
}

async fn uses_candidate(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let kind: CandidateName = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.uses_candidate(&agent, kind, within.0).await
}

async fn opens_a_channel(world: &mut World, matches: Matches) -> StepResult {
    let from: Name = matches.get(0)?;
    let to: Name = matches.get(1)?;
    world.scene()?.open_channel(&from.0, &to.0).await
}

async fn exchange_messages(world: &mut World, matches: Matches, wanted: bool) -> StepResult {
    let one: Name = matches.get(0)?;
    let other: Name = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.exchange_messages(&one.0, &other.0, wanted, within.0).await
}
