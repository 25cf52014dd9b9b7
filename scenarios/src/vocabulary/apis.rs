//! Phrases of the APIs: what the CRM asks of the floor, who polls it, and what screens open.

use std::time::Duration;

use crate::World;
use crate::argument::{Agent, ApiFunction, Campaign, LeadName, Often, Quoted, Url, Within};
use crate::phrase::{Matches, Phrase, StepResult};
use crate::scene::floor::parameters_of;

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::acts("the CRM calls the Non-Agent API function {function} with:", |world, matches| {
        Box::pin(calls_non_agent(world, matches))
    })
    .doc("One request, with the parameters of the table: parameter and value. It waits for the answer, good or bad.")
    .example("When the CRM calls the Non-Agent API function \"add_lead\" with:")
    .sought_as(&["the CRM adds a lead", "the CRM updates a lead by the API", "the Non-Agent API is called"])
    .takes_a_table(),
    Phrase::acts("the CRM calls the Non-Agent API function {function}", |world, matches| {
        Box::pin(calls_non_agent(world, matches))
    })
    .doc("The same, with no parameters but the CRM's own name and password.")
    .example("When the CRM calls the Non-Agent API function \"version\""),
    Phrase::acts("the CRM calls the Agent API function {function} for {agent} with value {string}", |world, matches| {
        Box::pin(calls_agent(world, matches))
    })
    .doc("One request for her screen, which carries it out by its next poll: SUCCESS says that it's written down.")
    .example("When the CRM calls the Agent API function \"external_hangup\" for alice with value \"1\"")
    .sought_as(&["the CRM hangs up alice's call", "the CRM pauses alice", "the Agent API is called for alice"]),
    Phrase::acts("the CRM calls the Agent API function {function} for {agent} with:", |world, matches| {
        Box::pin(calls_agent_with_table(world, matches))
    })
    .doc("The same with the parameters of the table: parameter and value.")
    .example("When the CRM calls the Agent API function \"external_status\" for alice with:")
    .takes_a_table(),
    Phrase::acts("the CRM repeats the last API call", |world, matches| Box::pin(repeats(world, matches)))
        .doc("The same request once more, byte by byte: what a client does that has got no answer.")
        .example("When the CRM repeats the last API call")
        .sought_as(&["the CRM retries", "the CRM sends the request again"]),
    Phrase::arranges_around("the reply to the next API call is lost", |world, matches| {
        Box::pin(next_reply_is_lost(world, matches))
    })
    .fault()
    .doc("The floor does what it was asked to, and the CRM never learns of it.")
    .example("When the reply to the next API call is lost")
    .sought_as(&["the API times out", "the CRM doesn't get the answer of the API"]),
    Phrase::checks("the API answers {string}{within}", |world, matches| Box::pin(answers(world, matches)))
        .doc("A line of the answer to the last API call begins with that.")
        .example("Then the API answers \"SUCCESS: add_lead LEAD HAS BEEN ADDED\"")
        .twin("When the CRM calls the Non-Agent API function \"add_lead\" with:")
        .sought_as(&["the API returns SUCCESS", "the API responds with an error", "the API says ERROR"]),
    Phrase::checks("the API does not answer", |world, matches| Box::pin(does_not_answer(world, matches)))
        .doc("The last API call was not answered in time.")
        .example("Then the API does not answer")
        .sought_as(&["the API call times out", "the API call fails"]),
    Phrase::arranges("a poller asks the Non-Agent API for lead {lead} every {duration}", |world, matches| {
        Box::pin(a_poller(world, matches))
    })
    .doc("A program of the CRM's that learns of changes by asking, as often as that.")
    .example("Given a poller asks the Non-Agent API for lead 1001 every 5 seconds")
    .sought_as(&["the CRM polls the API", "a program polls lead 1001 every 5 seconds"]),
    Phrase::checks("the webhook told the CRM before the poller did", |world, matches| {
        Box::pin(webhook_was_first(world, matches))
    })
    .doc("Both have learned of the lead's last status, the webhook receiver first; the message has the cost in requests.")
    .example("Then the webhook told the CRM before the poller did")
    .sought_as(&["the webhook is faster than the poller", "the CRM learned it by the webhook first"]),
    Phrase::arranges("{campaign} opens the URL {url} when a call starts", |world, matches| {
        Box::pin(opens_url(world, matches))
    })
    .doc("A screen pop: the agent's screen opens it, with `--A--field--B--` filled from the call's lead.")
    .example("Given renewals opens the URL \"http://crm.test/pop?phone=--A--phone_number--B--\" when a call starts")
    .sought_as(&["a screen pop", "the agent's screen opens the CRM", "a web form is opened"]),
    Phrase::checks("{agent}'s agent screen opened {url}{often}{within}", |world, matches| Box::pin(opened(world, matches)))
        .doc("The agent's screen has opened that URL: at all, or that often.")
        .example("Then alice's agent screen opened \"http://crm.test/pop?phone=15551230001\"")
        .variants(&[
            "Then alice's agent screen opened \"http://crm.test/pop?phone=15551230001\" once",
            "Then alice's agent screen opened \"http://crm.test/pop?phone=15551230001\" once within 5 seconds",
        ])
        .sought_as(&["the screen pop opens", "alice sees the customer's record"]),
];

async fn calls_non_agent(world: &mut World, matches: Matches) -> StepResult {
    let ApiFunction(function) = matches.get(0)?;
    let parameters = parameters_of(matches.table())?;
    world.scene()?.call_non_agent_api(&function, parameters).await
}

async fn calls_agent(world: &mut World, matches: Matches) -> StepResult {
    let ApiFunction(function) = matches.get(0)?;
    let agent: Agent = matches.get(1)?;
    let Quoted(value) = matches.get(2)?;
    world.scene()?.call_agent_api(&function, &agent, vec![("value".to_owned(), value)]).await
}

async fn calls_agent_with_table(world: &mut World, matches: Matches) -> StepResult {
    let ApiFunction(function) = matches.get(0)?;
    let agent: Agent = matches.get(1)?;
    let parameters = parameters_of(matches.table())?;
    world.scene()?.call_agent_api(&function, &agent, parameters).await
}

async fn repeats(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.repeat_api_call().await
}

async fn next_reply_is_lost(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.lose_next_api_reply().await
}

async fn answers(world: &mut World, matches: Matches) -> StepResult {
    let Quoted(begins) = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.api_answers(&begins, within.0).await
}

async fn does_not_answer(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.api_does_not_answer()
}

async fn a_poller(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    let every: Duration = matches.get(1)?;
    world.scene()?.add_poller(lead.0, every).await
}

async fn webhook_was_first(world: &mut World, _: Matches) -> StepResult {
    world.scene()?.webhook_was_first().await
}

async fn opens_url(world: &mut World, matches: Matches) -> StepResult {
    let Campaign(campaign) = matches.get(0)?;
    let Url(url) = matches.get(1)?;
    world.scene()?.pops(&campaign, &url).await
}

async fn opened(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let Url(url) = matches.get(1)?;
    let Often(times) = matches.get(2)?;
    let within: Within = matches.get(3)?;
    world.scene()?.screen_opened(&agent, &url, times, within.0).await
}
