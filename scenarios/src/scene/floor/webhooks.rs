//! Receivers of webhooks, what their senders make of them, and strangers.

use std::time::Duration;

use busyhour::floor::Floor;
use busyhour::floor::core::LeadId;
use busyhour::http::{Client, Limits, Request};
use busyhour::webhook::contract::{BodyForm, Contract, UnknownContract};
use busyhour::webhook::crm::{Crm, CrmSettings, Delivery, Verifies};
use busyhour::webhook::event::{Event, EventKind};
use busyhour::webhook::sender::compose;
use busyhour::webhook::signature::{Scheme, Secret};
use busyhour::world::{Host, Power, Random};
use bytes::Bytes;

use super::super::center::failed;
use super::super::{Scene, judge_amount, judge_level, wait_until};
use super::{Asked, BREATH, Deliveries};
use crate::argument::Amount;
use crate::phrase::{StepFailure, StepResult};
use crate::report::clock_shown;

/// The host of whoever shouldn't be here.
const STRANGER: &str = "stranger";
/// Receivers are found by their name, and by that with this behind it.
const TEST: &str = "test";
/// A lead that a stranger makes up if there's none.
const SOME_LEAD: u64 = 1001;
/// How long a stranger waits for an answer.
const PATIENCE_OF_STRANGERS: Duration = Duration::from_secs(10);

/// A webhook receiver: a CRM, and what was said of it.
pub(in crate::scene) struct Receiver {
    pub(super) name: String,
    crm: Crm,
    verifies: bool,
    hooks: Vec<Told>,
    random: Random,
}

/// By which hook it's told of what.
struct Told {
    hook: String,
    campaign: String,
    event: EventKind,
    contract: Contract,
    /// What it's signed with, the newest last.
    secrets: Vec<Secret>,
}

impl Receiver {
    pub(super) fn host(&self) -> &Host {
        self.crm.host()
    }

    pub(super) fn crm(&self) -> &Crm {
        &self.crm
    }

    /// True if anything is sent to it.
    pub(super) fn is_told(&self) -> bool {
        !self.hooks.is_empty()
    }

    fn url(&self) -> String {
        format!("http://{}.{TEST}/hook", self.name)
    }

    /// It verifies what its first sender signs.
    fn set_keys(&mut self) {
        if !self.verifies {
            return;
        }
        let (scheme, secret) = match self.hooks.first() {
            Some(told) => (told.contract.signature, told.secrets.first().cloned()),
            None => (Scheme::Standard, None),
        };
        // One who verifies what nobody signs believes nobody.
        let scheme = if scheme == Scheme::None { Scheme::Standard } else { scheme };
        let secret = secret.unwrap_or_else(|| scheme.draw_secret(&mut self.random));
        self.crm.change(|settings| settings.verifies = Some(Verifies::new(scheme, secret.for_receiver())));
    }
}

/// Where none is near it's no slip of the pen: somebody looks for a sender of their own.
fn no_sender(unknown: UnknownContract) -> StepFailure {
    let hint = match unknown.nearest.len() {
        ..=2 => "",
        _ => "; your own stand in a folder `senders` beside the feature files",
    };
    StepFailure::because(format!("{unknown}{hint}"))
}

impl Scene {
    fn receivers(&mut self) -> Result<&mut Vec<Receiver>, StepFailure> {
        Ok(&mut self.center()?.outside.receivers)
    }

    fn receiver(&mut self, name: &str) -> Result<&mut Receiver, StepFailure> {
        let is_other = self.hosts_of(name).is_ok();
        let receivers = self.receivers()?;
        let names: Vec<String> = receivers.iter().map(|receiver| receiver.name.clone()).collect();
        match receivers.iter_mut().find(|receiver| receiver.name == name) {
            Some(receiver) => Ok(receiver),
            None if is_other => Err(StepFailure::because(format!("{name} is no webhook receiver"))),
            None if names.is_empty() => {
                let why = format!("no receiver is called {name}: `Given a webhook receiver {name}` puts one there");
                Err(StepFailure::because(why))
            }
            None => Err(StepFailure::because(format!("no receiver is called {name}; there is {}", names.join(", ")))),
        }
    }

    /// The one receiver that there is.
    fn only_receiver(&mut self) -> Result<&mut Receiver, StepFailure> {
        let receivers = self.receivers()?;
        match receivers.as_mut_slice() {
            [only] => Ok(only),
            [] => {
                Err(StepFailure::because("there is no webhook receiver: `Given a webhook receiver crm` puts one there"))
            }
            _ => Err(StepFailure::because("there are several webhook receivers, and it isn't said which is meant")),
        }
    }

    // --- what is arranged ----------------------------------------------------------------------------------------

    /// Adds a receiver.
    pub(crate) fn add_receiver(&mut self, name: &str, careful: bool) -> StepResult {
        let host = self.new_host(name, "receiver")?;
        self.universe.network().name_address(&format!("{name}.{TEST}"), host.address()).map_err(failed)?;
        let random = self.universe.random(&format!("secrets of {name}"));
        let crm = Crm::install(&host, if careful { CrmSettings::default() } else { CrmSettings::naive() });
        self.receivers()?.push(Receiver { name: name.to_owned(), crm, verifies: false, hooks: Vec::new(), random });
        Ok(())
    }

    /// A receiver believes signatures alone.
    pub(crate) async fn verifies_signatures(&mut self, receiver: &str) -> StepResult {
        let receiver = self.receiver(receiver)?;
        receiver.verifies = true;
        receiver.set_keys();
        Ok(())
    }

    /// Tells a receiver of an event from now on.
    pub(crate) async fn sends(
        &mut self,
        campaign: &str,
        event: EventKind,
        receiver: &str,
        preset: Option<&str>,
    ) -> StepResult {
        let campaign = self.campaign(Some(campaign))?;
        let floor = self.floor().await?;
        let way = busyhour::floor::urls::way(floor.profile(), event, preset).map_err(failed)?;
        let contract = self.contracts.get(&way.sender).map_err(no_sender)?.clone();
        let receiver = self.receiver(receiver)?;
        let secret = match contract.signature {
            Scheme::None => None,
            scheme => Some(match receiver.hooks.iter().flat_map(|told| told.secrets.first()).next() {
                // One secret a receiver: it verifies by one.
                Some(secret) => secret.clone(),
                None => scheme.draw_secret(&mut receiver.random),
            }),
        };
        let mut url = receiver.url();
        if contract.body == BodyForm::Query {
            // Who tells things in a URL alone has one for each thing.
            url.push_str(&format!("?event={}", event.name()));
        }
        let hook = floor.sends(&campaign, event, &url, preset, secret.clone())?;
        receiver.hooks.push(Told { hook, campaign, event, contract, secrets: secret.into_iter().collect() });
        receiver.set_keys();
        Ok(())
    }

    /// The next deliveries are refused.
    pub(crate) fn receiver_answers(&mut self, receiver: &str, status: u16, count: u32) -> StepResult {
        self.receiver(receiver)?.crm.answers(status, u64::from(count));
        Ok(())
    }

    /// It works first, and answers late.
    pub(crate) fn receiver_takes(&mut self, receiver: &str, time: Duration) -> StepResult {
        self.receiver(receiver)?.crm.takes(time);
        Ok(())
    }

    /// It answers at once.
    pub(crate) fn receiver_answers_at_once(&mut self, receiver: &str) -> StepResult {
        self.receiver(receiver)?.crm.at_once();
        Ok(())
    }

    /// It refuses connections.
    pub(crate) fn receiver_goes_down(&mut self, receiver: &str) -> StepResult {
        self.receiver(receiver)?.crm.down();
        Ok(())
    }

    /// It takes them again.
    pub(crate) fn receiver_comes_back(&mut self, receiver: &str) -> StepResult {
        let receiver = self.receiver(receiver)?;
        if receiver.host().power() == Power::Down {
            receiver.host().restart();
        }
        receiver.crm.up();
        Ok(())
    }

    /// Something happens to the next delivery.
    pub(crate) fn ask_of_next_delivery(&mut self, what: Asked) -> StepResult {
        let crm = &self.only_receiver()?.crm;
        match what {
            Asked::ReplyLost => crm.lose_reply_of_next(),
            Asked::TwiceAtOnce => crm.double_next(),
            Asked::HeldBack => crm.hold_next(),
        }
        Ok(())
    }

    /// The sender signs with another secret.
    pub(crate) async fn rotate_secret(&mut self) -> StepResult {
        let floor = self.floor().await?;
        let receiver = self.only_receiver()?;
        let Some(scheme) = receiver.hooks.iter().map(|told| told.contract.signature).find(|one| *one != Scheme::None)
        else {
            return Err(StepFailure::because("nothing that is sent is signed, so there is no secret to rotate"));
        };
        let secret = scheme.draw_secret(&mut receiver.random);
        for told in receiver.hooks.iter_mut().filter(|told| told.contract.signature != Scheme::None) {
            floor.rotate_secret(&told.hook, secret.clone())?;
            told.secrets.push(secret.clone());
        }
        Ok(())
    }

    /// A receiver knows the newest secret, and forgets those before it.
    pub(crate) fn learn_secret(&mut self, receiver: &str) -> StepResult {
        let receiver = self.receiver(receiver)?;
        let newest =
            receiver.hooks.iter().find(|told| told.secrets.len() > 1).and_then(|told| told.secrets.last()).cloned();
        let Some(newest) = newest else {
            return Err(StepFailure::because("no secret was rotated, so there is none to learn"));
        };
        receiver.crm.change(|settings| {
            if let Some(verifies) = &mut settings.verifies {
                verifies.secrets = vec![newest.for_receiver()];
            }
        });
        Ok(())
    }

    // --- strangers -----------------------------------------------------------------------------------------------

    async fn stranger_sends(&mut self, url: &str, request: Request<Bytes>) -> StepResult {
        let universe = self.universe.clone();
        let outside = &mut self.center()?.outside;
        let host = match &outside.stranger {
            Some(host) => host.clone(),
            None => outside.stranger.insert(universe.try_host(STRANGER).map_err(failed)?).clone(),
        };
        let (mut parts, body) = request.into_parts();
        parts.uri = url.parse().map_err(|error| StepFailure::because(format!("{url:?} is no URL: {error}")))?;
        for name in ["connection", "content-length", "transfer-encoding"] {
            parts.headers.remove(name);
        }
        let request = Request::from_parts(parts, body);
        let sender = host.clone();
        let limits = Limits::new(PATIENCE_OF_STRANGERS, PATIENCE_OF_STRANGERS);
        // What comes of it is an outcome.
        let _ = host.spawn(async move { Client::new(&sender).send(request, limits).await }).await;
        self.universe.sleep(BREATH).await;
        Ok(())
    }

    fn last_delivery(&mut self) -> Result<(String, Delivery), StepFailure> {
        let receiver = self.only_receiver()?;
        let name = receiver.name.clone();
        let last = receiver.crm.deliveries(None, None).pop();
        let last = last.ok_or_else(|| StepFailure::because(format!("nothing was delivered to {name} yet")))?;
        let target = last.request.uri().path_and_query().map_or("/hook", |target| target.as_str());
        Ok((format!("http://{name}.{TEST}{target}"), last))
    }

    /// Somebody sends the last delivery again.
    pub(crate) async fn replay_last_delivery(&mut self, after: Duration) -> StepResult {
        let (url, last) = self.last_delivery()?;
        self.universe.sleep(after).await;
        self.stranger_sends(&url, last.request).await
    }

    /// Somebody makes up an event.
    pub(crate) async fn post_forged(&mut self, event: EventKind, receiver: &str) -> StepResult {
        let lead = self.first_lead();
        let standard = self.contracts.get("standard").map_err(failed)?.clone();
        let receiver = self.receiver(receiver)?;
        let url = receiver.url();
        let contract = receiver.hooks.first().map_or(standard, |told| told.contract.clone());
        let guess = contract.signature.draw_secret(&mut receiver.random);
        let now = receiver.host().wall_clock().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let forged = Event::new("evt_forged_1", event, now)
            .numbered(1_000)
            .with("lead_id", lead)
            .with("call_id", "M0000000000000000001")
            .with("status", "SALE")
            .with("campaign", "forged")
            .with("agent", "nobody");
        let request = compose(&contract, &url, &forged, &[guess], now, 1).map_err(StepFailure::because)?;
        let url = request.uri().to_string();
        self.stranger_sends(&url, request).await
    }

    fn first_lead(&mut self) -> u64 {
        let place = self.center().ok().and_then(|center| center.place());
        let first = |core: &busyhour::floor::core::Core, _| core.leads().next().map(|lead| lead.id.0);
        place.and_then(|place| place.floor.see(first).flatten()).unwrap_or(SOME_LEAD)
    }

    /// Somebody changes what was delivered, and sends it with its signature.
    pub(crate) async fn post_changed(&mut self) -> StepResult {
        let (url, last) = self.last_delivery()?;
        let (parts, body) = last.request.into_parts();
        let text = String::from_utf8_lossy(&body).into_owned();
        // What a thief would want: another status, in JSON, in a form or in the URL.
        let changed =
            with_status(&text, "\"status\":\"", '"', "SALE").or_else(|| with_status(&text, "status=", '&', "SALE"));
        let changed = changed.filter(|changed| *changed != text).unwrap_or_else(|| format!("{text} "));
        let url = if body.is_empty() { with_status(&url, "status=", '&', "SALE").unwrap_or(url) } else { url };
        let body = if body.is_empty() { body } else { Bytes::from(changed) };
        self.stranger_sends(&url, Request::from_parts(parts, body)).await
    }

    // --- what is seen --------------------------------------------------------------------------------------------

    /// So many deliveries of that kind came.
    pub(crate) async fn counts_deliveries(
        &mut self,
        receiver: &str,
        amount: Amount,
        what: Deliveries,
        within: Option<Duration>,
    ) -> StepResult {
        let universe = self.universe.clone();
        let receiver = self.receiver(receiver)?;
        let crm = receiver.crm.clone();
        let name = receiver.name.clone();
        let (event, lead) = match what {
            Deliveries::Reached { event, lead } => (event, lead.map(|lead| lead.to_string())),
            Deliveries::Accepted | Deliveries::Rejected => (None, None),
        };
        let counts = |delivery: &Delivery| match what {
            Deliveries::Reached { .. } => true,
            Deliveries::Accepted => delivery.is_accepted(),
            Deliveries::Rejected => delivery.is_rejected(),
        };
        let count = || crm.deliveries(event, lead.as_deref()).iter().filter(|one| counts(one)).count() as u64;
        let words = match what {
            Deliveries::Reached { .. } => format!("deliveries to {name}"),
            Deliveries::Accepted => format!("deliveries that {name} accepted"),
            Deliveries::Rejected => format!("deliveries that {name} rejected"),
        };
        let judged = judge_amount(&universe, amount, 0, within, count, &words).await;
        judged.map_err(|_| {
            let all = crm.deliveries(None, None);
            let told: Vec<String> = all.iter().rev().take(5).rev().map(told).collect();
            let seen = match told.as_slice() {
                [] => "none at all".to_owned(),
                told => format!("{} of these: {}", count(), told.join("; ")),
            };
            StepFailure::differs(format!("{amount} {words}"), seen)
        })
    }

    /// The last two deliveries are of one event.
    pub(crate) fn both_carry_the_same_id(&mut self) -> StepResult {
        let receiver = self.only_receiver()?;
        let deliveries = receiver.crm.deliveries(None, None);
        let [.., one, other] = deliveries.as_slice() else {
            let why = format!("{} got {} deliveries, and it takes two", receiver.name, deliveries.len());
            return Err(StepFailure::because(why));
        };
        match (&one.id, &other.id) {
            (Some(one), Some(other)) if one == other => Ok(()),
            (one, other) => {
                let shown = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
                let seen = format!("{} and {}", shown(one), shown(other));
                Err(StepFailure::differs("two deliveries with the same id".to_owned(), seen))
            }
        }
    }

    /// A receiver has counted so many sales.
    pub(crate) async fn recorded_sales(
        &mut self,
        receiver: &str,
        amount: Amount,
        lead: u64,
        within: Option<Duration>,
    ) -> StepResult {
        let universe = self.universe.clone();
        let receiver = self.receiver(receiver)?;
        let (crm, lead) = (receiver.crm.clone(), lead.to_string());
        let what = format!("sales for lead {lead} in {}'s books", receiver.name);
        judge_level(&universe, amount, within, || crm.sales(&lead) as u64, &what).await
    }

    /// A receiver's record says that.
    pub(crate) async fn record_says(
        &mut self,
        receiver: &str,
        lead: u64,
        status: &str,
        within: Option<Duration>,
    ) -> StepResult {
        let universe = self.universe.clone();
        let receiver = self.receiver(receiver)?;
        let (crm, name) = (receiver.crm.clone(), receiver.name.clone());
        let seen = || crm.status(&lead.to_string());
        if wait_until(&universe, within, || seen().as_deref() == Some(status)).await {
            return Ok(());
        }
        let seen = seen().map_or_else(|| "it has none".to_owned(), |seen| format!("{seen:?}"));
        Err(StepFailure::differs(format!("{name}'s record of lead {lead} saying {status:?}"), seen))
    }

    /// The hooks by which a receiver is told.
    fn hooks(&mut self, receiver: &str) -> Result<Vec<String>, StepFailure> {
        let receiver = self.receiver(receiver)?;
        let hooks: Vec<String> = receiver.hooks.iter().map(|told| told.hook.clone()).collect();
        if hooks.is_empty() {
            let name = &receiver.name;
            let why = format!("nothing is sent to {name}: `Given renewals sends \"disposition.saved\" to {name}`");
            return Err(StepFailure::because(why));
        }
        Ok(hooks)
    }

    /// The sender has given up a delivery.
    pub(crate) async fn sender_gave_up(&mut self, receiver: &str, within: Option<Duration>) -> StepResult {
        let hooks = self.hooks(receiver)?;
        let floor = self.floor().await?;
        let gave_up = || hooks.iter().filter_map(|hook| floor.tally(hook)).any(|tally| tally.given_up > 0);
        if wait_until(&self.universe, within, gave_up).await {
            return Ok(());
        }
        Err(StepFailure::differs(format!("a sender that gave up on {receiver}"), tallied(&floor, &hooks)))
    }

    /// The sender sends nothing there any more.
    pub(crate) async fn sender_disabled(&mut self, receiver: &str, within: Option<Duration>) -> StepResult {
        let hooks = self.hooks(receiver)?;
        let floor = self.floor().await?;
        let disabled = || hooks.iter().any(|hook| floor.disabled(hook).is_some());
        if wait_until(&self.universe, within, disabled).await {
            return Ok(());
        }
        Err(StepFailure::differs(format!("a sender that disabled {receiver}"), tallied(&floor, &hooks)))
    }

    /// What the floor's books have is at its receivers, once there's nothing more to be tried.
    pub(crate) async fn no_event_is_lost(&mut self, within: Option<Duration>) -> StepResult {
        let floor = self.floor().await?;
        if !self.receivers()?.iter().any(Receiver::is_told) {
            return Err(StepFailure::because("nobody is told of anything, so nothing could be lost"));
        }
        let universe = self.universe.clone();
        let receivers = self.receivers()?;
        let missing = || receivers.iter().flat_map(|receiver| missing(&floor, receiver)).collect::<Vec<_>>();
        let is_spent = || floor.is_running() && floor.untold() == 0;
        wait_until(&universe, within, || is_spent() && missing().is_empty()).await;
        let (missing, untold) = (missing(), floor.untold());
        let seen_any =
            receivers.iter().any(|receiver| receiver.crm.deliveries(None, None).iter().any(Delivery::is_accepted));
        if missing.is_empty() && untold == 0 && seen_any {
            return Ok(());
        }
        let mut seen = missing;
        if untold > 0 {
            seen.push(format!("{untold} events still wait to be told"));
        }
        if seen.is_empty() {
            return Err(StepFailure::because("no event has occurred, so none could be lost"));
        }
        seen.truncate(5);
        Err(StepFailure::differs("no event lost".to_owned(), seen.join("; ")))
    }
}

/// A delivery in a few words.
fn told(delivery: &Delivery) -> String {
    let kind = delivery.kind.map_or("something", EventKind::name);
    let lead = delivery.lead_id.as_deref().map_or_else(String::new, |lead| format!(" for lead {lead}"));
    format!("{kind}{lead} at {} ({})", clock_shown(delivery.at), delivery.verdict)
}

fn tallied(floor: &Floor, hooks: &[String]) -> String {
    let of_hook = |hook: &String| {
        let Some(tally) = floor.tally(hook) else { return format!("{hook}: nothing is known") };
        format!(
            "{hook}: {} attempts, {} delivered, {} given up, {} pending",
            tally.attempts, tally.delivered, tally.given_up, tally.pending
        )
    };
    hooks.iter().map(of_hook).collect::<Vec<_>>().join("; ")
}

/// The dispositions in the floor's books that a receiver hasn't taken though it's told of them, and what its senders gave
/// up.
fn missing(floor: &Floor, receiver: &Receiver) -> Vec<String> {
    let mut missing = Vec::new();
    for told in &receiver.hooks {
        if let Some(tally) = floor.tally(&told.hook).filter(|tally| tally.given_up > 0) {
            missing.push(format!(
                "the sender gave up {} of {:?} to {}",
                tally.given_up,
                told.event.name(),
                receiver.name
            ));
        }
        if told.event != EventKind::DispositionSaved {
            continue;
        }
        let disposed = |core: &busyhour::floor::core::Core, _| {
            let of_campaign = core.call_records().filter(|call| call.campaign == told.campaign);
            let disposed = of_campaign
                .filter(|call| call.routed.is_some() && call.ended.is_some() && is_disposition(&call.status));
            disposed.map(|call| (call.lead, call.status.clone())).collect::<Vec<(LeadId, String)>>()
        };
        let mut of_leads = std::collections::BTreeMap::<LeadId, Vec<String>>::new();
        for (lead, status) in floor.see(disposed).unwrap_or_default() {
            of_leads.entry(lead).or_default().push(status);
        }
        for (lead, statuses) in of_leads {
            let deliveries = receiver.crm.deliveries(Some(told.event), Some(&lead.to_string()));
            let taken: std::collections::BTreeSet<&String> =
                deliveries.iter().filter(|one| one.is_accepted()).filter_map(|one| one.key.as_ref()).collect();
            if taken.len() < statuses.len() {
                let all = statuses.join(", ");
                let (name, count) = (&receiver.name, taken.len());
                missing.push(format!("lead {lead} was disposed of as {all}, and {name} has taken {count} of that"));
            }
        }
    }
    missing
}

/// What an agent says became of a call, and not what the floor says of one that isn't over.
fn is_disposition(status: &str) -> bool {
    !["", "NEW", "QUEUE", "INCALL", "DISPO", "ERI", "DROP", "XDROP", "PDROP", "TIMEOT"].contains(&status)
}

/// A text in which the value behind `lead`, up to `end`, is another.
fn with_status(text: &str, lead: &str, end: char, status: &str) -> Option<String> {
    let (before, rest) = text.split_once(lead)?;
    let length = rest.find(end).unwrap_or(rest.len());
    Some(format!("{before}{lead}{status}{}", &rest[length..]))
}
