//! Phrases of the floor's set-up: its profile, campaigns, inbound lines, leads, how customers behave, and what time it is.

use std::time::Duration;

use crate::World;
use crate::argument::{
    Agent, Amount, Campaign, Code, Count, DialLevel, InCampaign, LeadName, LocalTime, Number, ProfileName, Share,
    Within, Zone,
};
use crate::phrase::{Matches, Phrase, StepFailure, StepResult};
use crate::scene::floor::{Dialing, LeadRow, Shares};

/// The phrase that says when a universe is born.
pub(crate) const IT_IS: &str = "it is {local_time} in {zone}";

/// More leads than this are loaded by a bench and not by a scenario.
const LEADS_MAX: u64 = 100_000;

pub(super) const PHRASES: &[Phrase] = &[
    Phrase::arranges("a contact center with the {profile} profile", |world, matches| Box::pin(profile(world, matches)))
        .doc("Whose behaviour the floor has: VICIdial's, quirks included (unless it's said), or a modern one's.")
        .example("Given a contact center with the \"vicidial\" profile")
        .variants(&["Given a contact center with the \"modern\" profile"])
        .sought_as(&["VICIdial", "a modern contact center", "the floor has the modern profile", "a dialer"]),
    Phrase::arranges(IT_IS, |world, matches| Box::pin(it_is(world, matches)))
        .doc("When the scenario begins; Monday 2026-11-23 09:00 in America/New_York unless it's said. Agents' clocks follow.")
        .example("Given it is \"2026-11-23 08:59\" in \"America/New_York\"")
        .sought_as(&["the time is 08:59", "it is Monday morning", "today is 2026-11-23"]),
    Phrase::arranges("a campaign {campaign}{dial_level}", |world, matches| Box::pin(campaign(world, matches)))
        .doc("A campaign whose dialer calls so many leads for each agent who is active.")
        .example("Given a campaign renewals with dial level 2")
        .variants(&["Given a campaign renewals"])
        .sought_as(&["a campaign called renewals", "the dialer calls two lines per agent", "an outbound campaign"]),
    Phrase::arranges("a campaign {campaign} that dials manually", |world, matches| {
        Box::pin(campaign_that_dials(world, matches, Dialing::Manual))
    })
    .doc("A campaign whose agents dial by hand: its dialer calls nobody.")
    .example("Given a campaign renewals that dials manually")
    .sought_as(&["a manual campaign", "agents dial manually"]),
    Phrase::arranges("a campaign {campaign} that dials predictively", |world, matches| {
        Box::pin(campaign_that_dials(world, matches, Dialing::Predictive))
    })
    .doc("The dialer calls as many leads as agents will be free for, and keeps to a drop rate of 3%.")
    .example("Given a campaign renewals that dials predictively")
    .sought_as(&["a predictive campaign", "a predictive dialer", "adaptive dialing"]),
    Phrase::arranges_around("{campaign} detects answering machines", |world, matches| {
        Box::pin(detects_machines(world, matches))
    })
    .doc("Machines are told from people before an agent gets the call; they become AA.")
    .example("Given renewals detects answering machines")
    .sought_as(&["answering machine detection", "AMD is on", "renewals uses AMD"]),
    Phrase::arranges("an inbound line {number} that rings (campaign ){campaign}", |world, matches| {
        Box::pin(inbound_line(world, matches))
    })
    .doc("A number that customers can call: they wait for an agent of that campaign.")
    .example("Given an inbound line \"8005550100\" that rings campaign renewals")
    .sought_as(&["an inbound number", "a queue", "a DID that rings renewals", "customers can call \"8005550100\""]),
    Phrase::arranges_around("callers to {number} wait at most {duration} and then go to {number}", |world, matches| {
        Box::pin(callers_wait(world, matches))
    })
    .doc("How long a caller waits for an agent, and to which number outside the call goes then.")
    .example("Given callers to \"8005550100\" wait at most 60 seconds and then go to \"8005550199\"")
    .sought_as(&["the queue times out after 60 seconds", "callers overflow to \"8005550199\""]),
    Phrase::arranges("a lead {lead}{in_campaign} with phone number {number}", |world, matches| {
        Box::pin(a_lead(world, matches))
    })
    .doc("A lead that's NEW. Without a campaign it's in the only one's list.")
    .example("Given a lead 1001 with phone number \"15551230001\"")
    .variants(&["Given a lead 1001 in renewals with phone number \"15551230001\""])
    .twin("Then there is 1 lead with phone number \"15551230001\"")
    .sought_as(&["lead 1001 has phone number \"15551230001\"", "a contact 1001", "a prospect 1001"]),
    Phrase::arranges("these leads{in_campaign}:", |world, matches| Box::pin(these_leads(world, matches)))
        .doc("Leads from a table: lead_id and phone_number, and whatever else is known of them.")
        .example("Given these leads:")
        .variants(&["Given these leads in renewals:"])
        .sought_as(&["the following leads", "a list of leads"])
        .takes_a_table(),
    Phrase::arranges("{count} lead(s){in_campaign}", |world, matches| Box::pin(many_leads(world, matches)))
        .doc("Leads 1, 2, 3 and so on, with phone numbers from \"15550000001\".")
        .example("Given 500 leads in renewals")
        .variants(&["Given 3 leads"])
        .twin("Then at most 50 leads have status \"NA\"")
        .sought_as(&["renewals has 500 leads", "a list of 500 leads"]),
    Phrase::arranges("lead {lead} is on the do-not-call list", |world, matches| Box::pin(do_not_call(world, matches)))
        .doc("Nobody may call her number any more, by dialer or by hand.")
        .example("Given lead 1001 is on the do-not-call list")
        .twin("Then lead 1001 is blocked as do-not-call")
        .sought_as(&["lead 1001 is do-not-call", "lead 1001 is on the DNC list", "lead 1001 opted out"]),
    Phrase::arranges_around("every customer answers after {duration} and talks for {duration}", |world, matches| {
        Box::pin(every_customer(world, matches))
    })
    .doc("What customers do of whom nothing else is said.")
    .example("Given every customer answers after 2 seconds and talks for 40 seconds")
    .sought_as(&["customers answer after 2 seconds", "all customers answer", "calls last 40 seconds"]),
    Phrase::arranges_around(
        "{share} of customers answer, {share} are busy, {share} have an answering machine and the others never answer",
        |world, matches| Box::pin(shares_of_customers(world, matches)),
    )
    .doc("What each customer of whom nothing else is said does is drawn by the seed.")
    .example("Given 30% of customers answer, 10% are busy, 15% have an answering machine and the others never answer")
    .sought_as(&["30% of customers answer", "a third of the customers answers"]),
    Phrase::arranges("{agent} save(s) disposition {code} {duration} after a call", |world, matches| {
        Box::pin(saves_after_each_call(world, matches))
    })
    .doc("From now on she does that after each call, so that many can be watched at once.")
    .example("Given every agent saves disposition \"NI\" 5 seconds after a call")
    .sought_as(&["agents save a disposition after each call", "every agent takes 5 seconds to wrap up"]),
    Phrase::checks("lead {lead} has status {code}{within}", |world, matches| Box::pin(lead_has_status(world, matches)))
        .doc("What the floor's books say of her.")
        .example("Then lead 1001 has status \"SALE\" within 10 seconds")
        .variants(&["Then lead 1001 has status \"NEW\""])
        .twin("When alice saves disposition \"SALE\"")
        .sought_as(&["the status of lead 1001 is SALE", "lead 1001 is a sale", "lead 1001 is SALE"]),
    Phrase::checks("{amount} lead(s) have/has status {code}{within}", |world, matches| {
        Box::pin(leads_have_status(world, matches))
    })
    .doc("Counts the leads of that status.")
    .example("Then at most 50 leads have status \"NA\"")
    .variants(&["Then 1 lead has status \"SALE\" within 10 seconds", "Then no leads have status \"DROP\""])
    .sought_as(&["less than 50 leads are NA", "no lead was dropped"]),
    Phrase::checks("there are/is {amount} lead(s) with phone number {number}{within}", |world, matches| {
        Box::pin(leads_with_number(world, matches))
    })
    .doc("Counts the leads with that number, whoever has added them.")
    .example("Then there are 2 leads with phone number \"15557654321\"")
    .variants(&["Then there is 1 lead with phone number \"15557654321\""])
    .twin("Given a lead 1001 with phone number \"15551230001\"")
    .sought_as(&["the lead was added once", "the lead is there twice"]),
    Phrase::checks("lead {lead} is blocked as do-not-call{within}", |world, matches| Box::pin(is_blocked(world, matches)))
        .doc("Her number is on the do-not-call list.")
        .example("Then lead 1001 is blocked as do-not-call")
        .twin("Given lead 1001 is on the do-not-call list")
        .sought_as(&["lead 1001 is on the DNC list", "lead 1001 can't be called"]),
];

async fn profile(world: &mut World, matches: Matches) -> StepResult {
    let profile: ProfileName = matches.get(0)?;
    world.scene()?.floor_profile(profile)
}

async fn it_is(world: &mut World, matches: Matches) -> StepResult {
    let time: LocalTime = matches.get(0)?;
    let zone: Zone = matches.get(1)?;
    world.scene()?.it_is(time, zone)
}

async fn campaign(world: &mut World, matches: Matches) -> StepResult {
    let Campaign(name) = matches.get(0)?;
    let level: DialLevel = matches.get(1)?;
    world.scene()?.add_campaign(&name, Dialing::Ratio(level.lines())).await
}

async fn campaign_that_dials(world: &mut World, matches: Matches, dialing: Dialing) -> StepResult {
    let Campaign(name) = matches.get(0)?;
    world.scene()?.add_campaign(&name, dialing).await
}

async fn detects_machines(world: &mut World, matches: Matches) -> StepResult {
    let Campaign(name) = matches.get(0)?;
    world.scene()?.detects_machines(&name).await
}

async fn inbound_line(world: &mut World, matches: Matches) -> StepResult {
    let Number(number) = matches.get(0)?;
    let Campaign(campaign) = matches.get(1)?;
    world.scene()?.add_inbound_line(&number, &campaign).await
}

async fn callers_wait(world: &mut World, matches: Matches) -> StepResult {
    let Number(number) = matches.get(0)?;
    let longest: Duration = matches.get(1)?;
    let Number(then_to) = matches.get(2)?;
    world.scene()?.callers_wait(&number, longest, &then_to).await
}

async fn a_lead(world: &mut World, matches: Matches) -> StepResult {
    let id: LeadName = matches.get(0)?;
    let InCampaign(campaign) = matches.get(1)?;
    let Number(number) = matches.get(2)?;
    let row = LeadRow { id: id.0, phone_number: number, fields: Vec::new() };
    world.scene()?.add_leads(campaign.as_deref(), vec![row]).await
}

async fn these_leads(world: &mut World, matches: Matches) -> StepResult {
    let InCampaign(campaign) = matches.get(0)?;
    let rows = LeadRow::of_table(matches.table().unwrap_or_default())?;
    world.scene()?.add_leads(campaign.as_deref(), rows).await
}

async fn many_leads(world: &mut World, matches: Matches) -> StepResult {
    let count: Count = matches.get(0)?;
    let InCampaign(campaign) = matches.get(1)?;
    if !(1..=LEADS_MAX).contains(&count.0) {
        return Err(StepFailure::because(format!("there may be 1 to {LEADS_MAX} leads, and not {}", count.0)));
    }
    let number = |id: u64| LeadRow { id, phone_number: (15_550_000_000 + id).to_string(), fields: Vec::new() };
    world.scene()?.add_leads(campaign.as_deref(), (1..=count.0).map(number).collect()).await
}

async fn do_not_call(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    world.scene()?.do_not_call(lead.0).await
}

async fn every_customer(world: &mut World, matches: Matches) -> StepResult {
    let after: Duration = matches.get(0)?;
    let talks_for: Duration = matches.get(1)?;
    world.scene()?.every_customer(after, talks_for).await
}

async fn shares_of_customers(world: &mut World, matches: Matches) -> StepResult {
    let [answer, busy, machine] = [matches.get::<Share>(0)?, matches.get::<Share>(1)?, matches.get::<Share>(2)?];
    let all: u64 = [answer, busy, machine].iter().map(|share| u64::from(share.parts_per_million())).sum();
    if all > 1_000_000 {
        return Err(StepFailure::because("these shares are more than all customers: together they are 100% at most"));
    }
    let [answer, busy, machine] = [answer, busy, machine].map(Share::probability);
    world.scene()?.shares_of_customers(Shares { answer, busy, machine }).await
}

async fn saves_after_each_call(world: &mut World, matches: Matches) -> StepResult {
    let agent: Agent = matches.get(0)?;
    let Code(code) = matches.get(1)?;
    let after: Duration = matches.get(2)?;
    world.scene()?.saves_after_each_call(&agent, &code, after).await
}

async fn lead_has_status(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    let Code(status) = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.lead_has_status(lead.0, &status, within.0).await
}

async fn leads_have_status(world: &mut World, matches: Matches) -> StepResult {
    let amount: Amount = matches.get(0)?;
    let Code(status) = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.leads_have_status(amount, &status, within.0).await
}

async fn leads_with_number(world: &mut World, matches: Matches) -> StepResult {
    let amount: Amount = matches.get(0)?;
    let Number(number) = matches.get(1)?;
    let within: Within = matches.get(2)?;
    world.scene()?.leads_with_number(amount, &number, within.0).await
}

async fn is_blocked(world: &mut World, matches: Matches) -> StepResult {
    let lead: LeadName = matches.get(0)?;
    let within: Within = matches.get(1)?;
    world.scene()?.is_blocked(lead.0, within.0).await
}
