//! Phrases of agents at work: sessions, states, dispositions, callbacks, and who listens in.

use std::time::Duration;

use crate::World;
use crate::argument::{
    Agent, AgentState, AgentTab, Breakdown, Code, HerselfOnly, InCampaign, InTab, LeadName, Name, PauseCode,
    ToCampaign, Within,
};
use crate::phrase::{Matches, Phrase, StepResult};
use crate::scene::floor::{Callback, Listening, Saving};

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::acts("{agent} log(s) in{to_campaign}{in_tab}", |world, matches| Box::pin(logs_in(world, matches)))
        .doc("She logs in by her screen, and the session calls her phone. It waits up to 10 seconds for the outcome.")
        .example("When alice logs in to renewals")
        .variants(&["When alice logs in to renewals in the second tab", "When every agent logs in"])
        .twin("Then alice is \"PAUSED\" within 5 seconds")
        .sought_as(&["alice signs in", "alice starts her session", "alice logs into the campaign"]),
    Phrase::acts("{agent} log(s) in{to_campaign} over {duration}", |world, matches| Box::pin(log_in_over(world, matches)))
        .doc("They log in one after the other, spread over that time.")
        .example("When every agent logs in to renewals over 1 minute")
        .sought_as(&["agents log in one after the other", "the shift begins"]),
    Phrase::acts("{agent} log(s) out", |world, matches| Box::pin(logs_out(world, matches)))
        .doc("By her screen's button. With a customer on the line the floor refuses it, which is an outcome.")
        .example("When alice logs out")
        .twin("Then alice is logged out within 1 minute")
        .sought_as(&["alice signs out", "alice ends her session", "alice goes home"]),
    Phrase::acts("{agent} become(s) ready", |world, matches| Box::pin(becomes_ready(world, matches)))
        .doc("She takes calls from now on.")
        .example("When alice becomes ready")
        .twin("Then alice is \"READY\" within 5 seconds")
        .sought_as(&["alice goes ready", "alice is available", "alice unpauses", "alice resumes"]),
    Phrase::acts("{agent} pause(s){pause_code}", |world, matches| Box::pin(pauses(world, matches)))
        .doc("She takes no more calls; during one it counts for afterwards.")
        .example("When alice pauses with pause code \"LUNCH\"")
        .variants(&["When alice pauses"])
        .twin("Then alice is paused with pause code \"LUNCH\"")
        .sought_as(&["alice takes a break", "alice goes on a break", "alice goes to lunch"]),
    Phrase::arranges("{agent} is/are ready{in_campaign}", |world, matches| Box::pin(is_ready(world, matches)))
        .doc("All that it takes: phone registered, logged in, her phone in the session, ready.")
        .example("Given alice is ready in renewals")
        .variants(&["Given every agent is ready in renewals", "Given alice is ready"])
        .twin("Then alice is \"READY\" within 5 seconds")
        .sought_as(&["alice is available", "alice waits for calls", "alice is logged in"]),
    Phrase::arranges("{agent} is/are talking to lead {lead}", |world, matches| Box::pin(is_talking(world, matches)))
        .doc("All that it takes: she's ready, the lead is dialed and answers, and both hear each other.")
        .example("Given alice is talking to lead 1001")
        .twin("Then alice is \"INCALL\"")
        .sought_as(&["alice is in a call with lead 1001", "alice talks to a customer"]),
    Phrase::acts("{agent} save(s) disposition {code}", |world, matches| {
        Box::pin(saves(world, matches, Saving::Once))
    })
    .doc("By her screen, waiting up to 10 seconds for it. In a live call it hangs up first.")
    .example("When alice saves disposition \"SALE\"")
    .twin("Then lead 1001 has status \"SALE\" within 10 seconds")
    .sought_as(&["alice disposes the call", "alice dispositions the call as SALE", "alice makes a sale", "alice marks the call"]),
    Phrase::acts("{agent} save(s) disposition {code} twice at once", |world, matches| {
        Box::pin(saves(world, matches, Saving::Twice))
    })
    .doc("An impatient click: two requests leave her screen before the first is answered.")
    .example("When alice saves disposition \"SALE\" twice at once")
    .sought_as(&["alice double-clicks the disposition", "alice clicks twice"]),
    Phrase::acts("{agent} save(s) disposition {code} and close(s) the tab at once", |world, matches| {
        Box::pin(saves(world, matches, Saving::AndClosesTheTab))
    })
    .doc("The disposition is saved, and the tab is gone before it does anything more.")
    .example("When alice saves disposition \"SALE\" and closes the tab at once")
    .sought_as(&["alice closes the tab right after saving", "alice saves and leaves"]),
    Phrase::acts("{agent} save(s) disposition {code} with a callback in {duration}{only}", |world, matches| {
        Box::pin(saves_with_a_callback(world, matches))
    })
    .doc("The customer is to be called again at that time: by whoever is free, or by her alone.")
    .example("When alice saves disposition \"CALLBK\" with a callback in 2 hours")
    .variants(&["When alice saves disposition \"CALLBK\" with a callback in 2 hours for herself only"])
    .sought_as(&["alice schedules a callback", "the customer wants to be called back", "alice promises to call back"]),
    Phrase::acts("{name} listen(s) in on {agent}", |world, matches| {
        Box::pin(listens(world, matches, Listening::Silently))
    })
    .doc("A supervisor with a phone of her own hears the call; nobody hears her.")
    .example("When sam listens in on alice")
    .sought_as(&["sam monitors alice", "a supervisor listens", "sam spies on alice"]),
    Phrase::acts("{name} whisper(s) to {agent}", |world, matches| {
        Box::pin(listens(world, matches, Listening::Whispering))
    })
    .doc("A supervisor hears the call; the agent alone hears her.")
    .example("When sam whispers to alice")
    .sought_as(&["sam coaches alice", "a supervisor whispers"]),
    Phrase::acts("{name} barge(s) in on {agent}", |world, matches| Box::pin(listens(world, matches, Listening::Barging)))
        .doc("A supervisor joins the call: everybody hears everybody.")
        .example("When sam barges in on alice")
        .sought_as(&["sam joins alice's call", "a supervisor barges in"]),
    Phrase::checks("{agent} is/are {state}{within}", |world, matches| Box::pin(is_in_state(world, matches)))
        .doc("How she stands in the server's view; DEAD and DISPO are sub-states of a call.")
        .example("Then alice is \"READY\" within 40 seconds")
        .variants(&["Then alice is \"INCALL\"", "Then every agent is \"PAUSED\""])
        .twin("When alice becomes ready")
        .sought_as(&["alice is ready", "alice's status is READY", "alice's state is INCALL", "alice is in the state PAUSED"]),
    Phrase::checks("{agent} is/are paused with (the )pause code {code}{within}", |world, matches| {
        Box::pin(is_paused_with(world, matches))
    })
    .doc("She's PAUSED in the server's view, for that reason.")
    .example("Then alice is paused with pause code \"LAGGED\" within 40 seconds")
    .twin("When alice pauses with pause code \"LUNCH\"")
    .sought_as(&["alice is lagged", "alice's pause code is LUNCH", "alice is paused"]),
    Phrase::checks("{agent} is/are logged out{within}", |world, matches| Box::pin(is_logged_out(world, matches)))
        .doc("The server has no live row of hers. LAGGED is not logged out.")
        .example("Then alice is logged out within 1 minute")
        .twin("When alice logs out")
        .sought_as(&["alice is not logged in", "alice's session is over"]),
    Phrase::checks("{agent}'s agent screen shows {state}{within}", |world, matches| Box::pin(screen_shows(world, matches)))
        .doc("What stands on her screen, which may be older than what the server knows.")
        .example("Then alice's agent screen shows \"INCALL\"")
        .variants(&["Then alice's agent screen shows \"DISPO\" within 5 seconds"])
        .twin("When alice becomes ready")
        .sought_as(&["alice sees INCALL", "the screen of alice shows READY"]),
    Phrase::checks("{tab} is disabled{within}", |world, matches| Box::pin(tab_is_disabled(world, matches)))
        .doc("The agent screen in it says that its session is over: she has logged in elsewhere.")
        .example("Then alice's first tab is disabled within 10 seconds")
        .twin("When alice logs in to renewals in the second tab")
        .sought_as(&["alice's session is disabled", "alice is kicked out of the first tab"]),
    Phrase::checks("the callback for lead {lead} rings {agent}{within}", |world, matches| {
        Box::pin(callback_rings(world, matches))
    })
    .doc("A callback for anyone: the lead is dialed, and connected to her as to any agent who is ready.")
    .example("Then the callback for lead 1001 rings alice within 2 minutes")
    .sought_as(&["lead 1001 is called back", "alice gets the callback"]),
    Phrase::checks("the callback for lead {lead} is due for {agent}{within}", |world, matches| {
        Box::pin(callback_is_due(world, matches))
    })
    .doc("A callback for her alone: her screen alerts her, and she dials.")
    .example("Then the callback for lead 1001 is due for alice within 2 minutes")
    .twin("When alice dials lead 1001 by hand")
    .sought_as(&["alice is alerted of the callback", "alice is reminded of the callback"]),
    Phrase::checks("the callback for lead {lead} does not ring {agent}{within}", |world, matches| {
        Box::pin(callback_does_not_ring(world, matches))
    })
    .doc("She has not got that callback, nor will she within that time.")
    .example("Then the callback for lead 1001 does not ring bob within 5 minutes")
    .variants(&["Then the callback for lead 1001 does not ring bob"])
    .sought_as(&["bob doesn't get the callback"]),
    Phrase::checks("{agent}'s session lasted {duration} in all{breakdown}", |world, matches| {
        Box::pin(session_lasted(world, matches))
    })
    .doc("What the session's record says, give or take 2 seconds; the parts that it has must add up to the whole.")
    .example(
        "Then alice's session lasted 12 minutes in all: 3 minutes in calls, 1 minute in wrap-up, 6 minutes waiting, 2 minutes paused",
    )
    .variants(&[
        "Then alice's session lasted 10 minutes in all",
        "Then alice's session lasted 10 minutes in all: 2 minutes paused",
    ])
    .sought_as(&["alice worked for 10 minutes", "alice's talk time is 3 minutes", "alice's session time adds up"]),
];

async fn logs_in(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let ToCampaign(campaign) = matches.get(1)?;
    let InTab(tab) = matches.get(2)?;
    world.scene()?.log_in(&agent, campaign.as_deref(), tab).await
}

async fn log_in_over(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let ToCampaign(campaign) = matches.get(1)?;
    let over: Duration = matches.get(2)?;
    world.scene()?.log_in_over(&agent, campaign.as_deref(), over).await
}

async fn logs_out(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.log_out(&agent).await
}

async fn becomes_ready(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    world.scene()?.become_ready(&agent).await
}

async fn pauses(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let PauseCode(code) = matches.get(1)?;
    world.scene()?.pause(&agent, code.as_deref()).await
}

async fn is_ready(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let InCampaign(campaign) = matches.get(1)?;
    world.scene()?.is_ready(&agent, campaign.as_deref()).await
}

async fn is_talking(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let lead: LeadName = matches.get(1)?;
    world.scene()?.is_talking_to(&agent, lead.0).await
}

async fn saves(world: &mut World, matches: Matches, how: Saving) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let Code(code) = matches.get(1)?;
    world.scene()?.save_disposition(&agent, &code, None, how).await
}

async fn saves_with_a_callback(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let Code(code) = matches.get(1)?;
    let after: Duration = matches.get(2)?;
    let HerselfOnly(only_me) = matches.get(3)?;
    world.scene()?.save_disposition(&agent, &code, Some(Callback { after, only_me }), Saving::Once).await
}

async fn listens(world: &mut World, matches: Matches, how: Listening) -> StepResult {
    let Name(supervisor) = matches.get(0)?;
    let agent: Agent = matches.get(1)?;
    world.scene()?.listen_in(&supervisor, &agent, how).await
}

async fn is_in_state(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let state: AgentState = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.is_in_state(&agent, state, within.0).await
}

async fn is_paused_with(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let Code(code) = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.is_paused_with(&agent, &code, within.0).await
}

async fn is_logged_out(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.is_logged_out(&agent, within.0).await
}

async fn screen_shows(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let state: AgentState = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.screen_shows(&agent, state, within.0).await
}

async fn tab_is_disabled(world: &mut World, matches: Matches) -> StepResult {
    let tab: AgentTab = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.tab_is_disabled(&tab, within.0).await
}

async fn callback_rings(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    let agent: Agent = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.callback_rings(lead.0, &agent, true, within.0).await
}

async fn callback_does_not_ring(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    let agent: Agent = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.callback_rings(lead.0, &agent, false, within.0).await
}

async fn callback_is_due(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    let agent: Agent = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.callback_is_due(lead.0, &agent, within.0).await
}

async fn session_lasted(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let whole: Duration = matches.get(1)?;
    let parts: Breakdown = matches.get(2)?;
    world.scene()?.session_lasted(&agent, whole, parts).await
}
