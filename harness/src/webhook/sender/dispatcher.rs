//! The queue: what's to be sent, when, and what comes of it. It does no I/O (law 2).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use ::http::header::RETRY_AFTER;
use ::http::{Request, Response};
use bytes::Bytes;

use crate::http::{Limits, SendError};
use crate::webhook::contract::{BadOverride, Contract, Contracts, Failure, Order};
use crate::webhook::date;
use crate::webhook::event::Event;
use crate::webhook::signature::Secret;
use crate::world::Random;

use super::endpoint::{Disabled, Endpoint, State, Tally, ms};
use super::request::compose;
use super::rows::{Change, Changes, DELIVERIES, Delivery, ENDPOINTS, RestoreError, Saving, key_of};

/// An event's way to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// Something to send now. [`Dispatcher::finished`] wants to know what came of it.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Whose attempt it is.
    pub delivery: DeliveryId,
    /// Its endpoint.
    pub endpoint: String,
    /// Which one, from 1.
    pub number: u32,
    /// What to send, and where.
    pub request: Request<Bytes>,
    /// How long it may take.
    pub limits: Limits,
    /// How many redirects to follow.
    pub follow_redirects: u32,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answered {
        /// Its status.
        status: u16,
        /// Whether there's something in its body.
        has_body: bool,
        /// Its `Retry-After` field.
        retry_after: Option<String>,
    },
    /// None.
    Failed(SendError),
}

impl From<Result<Response<Bytes>, SendError>> for Outcome {
    fn from(result: Result<Response<Bytes>, SendError>) -> Outcome {
        match result {
            Ok(response) => {
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                Outcome::Answered {
                    status: response.status().as_u16(),
                    has_body: !response.body().is_empty(),
                    retry_after: retry_after.map(str::to_owned),
                }
            }
            Err(error) => Outcome::Failed(error),
        }
    }
}

impl Outcome {
    fn judge(&self, contract: &Contract) -> Result<(), Failure> {
        match self {
            Outcome::Answered { status, has_body, .. } => contract.judge(*status, *has_body),
            Outcome::Failed(error) => Err(Contract::failure(error)),
        }
    }

    /// How long the receiver asks to wait (RFC 9110, section 10.2.3).
    fn retry_after(&self, now: u64) -> Option<Duration> {
        let Outcome::Answered { retry_after: Some(text), .. } = self else { return None };
        if let Ok(seconds) = text.trim().parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = date::parse_http_date(text.trim())?;
        Some(Duration::from_millis((at * 1000).saturating_sub(now)))
    }
}

/// Why an event was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    /// The contract has no further attempt after this failure.
    After(Failure),
    /// Its endpoint is disabled.
    Disabled,
}

/// What happened to an event or an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It's delivered.
    Delivered {
        /// The delivery.
        delivery: DeliveryId,
        /// Its endpoint.
        endpoint: String,
        /// Its event's id.
        event: String,
        /// By how many attempts.
        attempts: u32,
    },
    /// It failed and is tried again.
    WillRetry {
        /// The delivery.
        delivery: DeliveryId,
        /// Its endpoint.
        endpoint: String,
        /// Its event's id.
        event: String,
        /// After how many attempts.
        attempts: u32,
        /// What the last one met.
        failure: Failure,
        /// When, in milliseconds since 1970.
        at: u64,
    },
    /// It never will be.
    GaveUp {
        /// The delivery.
        delivery: DeliveryId,
        /// Its endpoint.
        endpoint: String,
        /// Its event's id.
        event: String,
        /// After how many attempts.
        attempts: u32,
        /// Why.
        why: GaveUp,
    },
    /// An endpoint gets nothing any more.
    Disabled {
        /// The endpoint.
        endpoint: String,
        /// Why.
        why: Disabled,
    },
}

/// There's no endpoint of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no endpoint {0:?}")]
pub struct UnknownEndpoint(pub String);

/// Why an event isn't taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueError {
    /// There's no such endpoint.
    #[error(transparent)]
    Unknown(#[from] UnknownEndpoint),
    /// It's disabled.
    #[error("the endpoint {0:?} is disabled")]
    Disabled(String),
}

/// Which row has changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Endpoint(String),
    Delivery(u64),
}

/// The queue of a sender: see [the module](super).
pub struct Dispatcher {
    endpoints: BTreeMap<String, State>,
    deliveries: BTreeMap<u64, Delivery>,
    /// When each delivery is due that may be attempted then.
    due: BTreeSet<(u64, u64)>,
    /// What was handed over since rows were last taken, and what's being saved.
    fresh: Vec<u64>,
    saving: VecDeque<(Saving, Vec<u64>)>,
    changed: BTreeSet<Row>,
    notes: VecDeque<Note>,
    next_delivery: u64,
    next_saving: u64,
    random: Random,
}

impl Dispatcher {
    /// An empty one; its jitter comes from this stream.
    pub fn new(random: Random) -> Dispatcher {
        Dispatcher {
            endpoints: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            due: BTreeSet::new(),
            fresh: Vec::new(),
            saving: VecDeque::new(),
            changed: BTreeSet::new(),
            notes: VecDeque::new(),
            next_delivery: 1,
            next_saving: 0,
            random,
        }
    }

    /// The one that these rows (table, key, value) were saved of; rows of other tables are passed over. What was being
    /// sent is due as it was before.
    ///
    /// # Errors
    /// A row can't be read, or names a contract that isn't there.
    pub fn restore<'a>(
        random: Random,
        contracts: &Contracts,
        rows: impl IntoIterator<Item = (&'a str, &'a str, &'a [u8])>,
    ) -> Result<Dispatcher, RestoreError> {
        let mut this = Dispatcher::new(random);
        for (table, key, value) in rows {
            if table == ENDPOINTS {
                this.endpoints.insert(key.to_owned(), State::from_row(contracts, key, value)?);
            } else if table == DELIVERIES {
                let (number, delivery) = Delivery::from_row(key, value)?;
                this.deliveries.insert(number, delivery);
            }
        }
        this.next_delivery = this.deliveries.last_key_value().map_or(1, |(number, _)| number + 1);
        let orphan = this.deliveries.iter().find(|(_, delivery)| !this.endpoints.contains_key(&delivery.endpoint));
        if let Some((number, delivery)) = orphan {
            let why = UnknownEndpoint(delivery.endpoint.clone()).to_string();
            return Err(RestoreError::Row { table: DELIVERIES.to_owned(), key: key_of(*number), why });
        }
        for (number, delivery) in &this.deliveries {
            let state = this.endpoints.get_mut(&delivery.endpoint).expect("it was just looked for");
            state.queue.insert(*number);
        }
        for number in this.deliveries.keys().copied().collect::<Vec<_>>() {
            this.release(number);
        }
        Ok(this)
    }

    /// Adds an endpoint, or gives one another URL, contract and secrets. What waits there goes on waiting.
    pub fn add_endpoint(&mut self, name: &str, endpoint: Endpoint) {
        let mut state = State::new(endpoint);
        if let Some(before) = self.endpoints.remove(name) {
            state.queue = before.queue;
            state.tally = before.tally;
            state.health = before.health;
            state.disabled = before.disabled;
        }
        let queue: Vec<u64> = state.queue.iter().copied().collect();
        self.endpoints.insert(name.to_owned(), state);
        self.changed.insert(Row::Endpoint(name.to_owned()));
        // With another order others may come first.
        for number in queue {
            let delivery = self.deliveries.get(&number).expect("what's in a queue is there");
            self.due.remove(&(delivery.due, number));
            if !self.is_unsaved(number) {
                self.release(number);
            }
        }
    }

    /// Hands an event over. It's due at once, as soon as its row is saved.
    ///
    /// # Errors
    /// There's no such endpoint, or it's disabled.
    pub fn enqueue(&mut self, now: u64, endpoint: &str, event: Event) -> Result<DeliveryId, EnqueueError> {
        let Some(state) = self.endpoints.get_mut(endpoint) else {
            return Err(UnknownEndpoint(endpoint.to_owned()).into());
        };
        if state.disabled.is_some() {
            return Err(EnqueueError::Disabled(endpoint.to_owned()));
        }
        let number = self.next_delivery;
        self.next_delivery += 1;
        let delivery = Delivery {
            endpoint: endpoint.to_owned(),
            event,
            url: state.contract.keeps_url.then(|| state.url.clone()),
            began: now,
            first_tried: None,
            due: now,
            attempts: 0,
            failures: vec![0; state.contract.retries.len()],
            falls_back: false,
            in_flight: false,
        };
        state.queue.insert(number);
        self.deliveries.insert(number, delivery);
        self.fresh.push(number);
        self.changed.insert(Row::Delivery(number));
        Ok(DeliveryId(number))
    }

    /// The rows that have changed since they were last taken.
    pub fn take_changes(&mut self) -> Changes {
        self.next_saving += 1;
        let saving = Saving(self.next_saving);
        let rows = std::mem::take(&mut self.changed).into_iter().map(|row| match row {
            Row::Endpoint(name) => {
                let value = self.endpoints.get(&name).map(State::to_row);
                Change { table: ENDPOINTS, key: name, value }
            }
            Row::Delivery(number) => {
                let value = self.deliveries.get(&number).map(Delivery::to_row);
                Change { table: DELIVERIES, key: key_of(number), value }
            }
        });
        let rows = rows.collect();
        if !self.fresh.is_empty() {
            self.saving.push_back((saving, std::mem::take(&mut self.fresh)));
        }
        Changes { saving, rows }
    }

    /// Whether rows have changed since they were last taken.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty() || !self.fresh.is_empty()
    }

    /// These rows are saved: what's new in them may be sent. Rows are to be saved in the order in which they were taken.
    pub fn saved(&mut self, saving: Saving) {
        let Some(place) = self.saving.iter().position(|(one, _)| *one == saving) else { return };
        let (_, numbers) = self.saving.remove(place).expect("it was just found");
        for number in numbers {
            self.release(number);
        }
    }

    fn is_unsaved(&self, number: u64) -> bool {
        self.fresh.contains(&number) || self.saving.iter().any(|(_, numbers)| numbers.contains(&number))
    }

    /// Lets a delivery be attempted when it's due, if nothing before it has to be done first.
    fn release(&mut self, number: u64) {
        let Some(delivery) = self.deliveries.get(&number).filter(|delivery| !delivery.in_flight) else { return };
        let Some(state) = self.endpoints.get(&delivery.endpoint) else { return };
        if state.contract.order == Order::Parallel || state.queue.first() == Some(&number) {
            self.due.insert((delivery.due, number));
        }
    }

    /// The next attempt that's due by now.
    pub fn poll_attempt(&mut self, now: u64) -> Option<Attempt> {
        loop {
            let (due, number) = *self.due.first()?;
            if due > now {
                return None;
            }
            self.due.pop_first();
            let delivery = self.deliveries.get_mut(&number).expect("what's due is there");
            let state = self.endpoints.get_mut(&delivery.endpoint).expect("a delivery's endpoint is there");
            delivery.in_flight = true;
            state.tally.attempts += 1;
            let url = url_of(delivery, state);
            let attempt = delivery.attempts + 1;
            let contract = contract_at(&state.contract, url);
            let request = match &contract {
                Err(bad) => Err(bad.to_string()),
                Ok(_) if !state.can_sign(now) => Err(format!("{} signs, and there's no secret", state.contract.name)),
                Ok(contract) => compose(contract, url, &delivery.event, &state.signing(now), now, attempt),
            };
            let limits = contract.map_or(state.contract.limits, |contract| {
                let gone = Duration::from_millis(now.saturating_sub(*delivery.first_tried.get_or_insert(now)));
                let left = contract.budget.map_or(contract.limits.total, |budget| budget.saturating_sub(gone));
                Limits { total: contract.limits.total.min(left), ..contract.limits }
            });
            match request {
                Ok(request) => {
                    return Some(Attempt {
                        delivery: DeliveryId(number),
                        endpoint: delivery.endpoint.clone(),
                        number: attempt,
                        request,
                        limits,
                        follow_redirects: state.contract.follow_redirects,
                    });
                }
                Err(why) => self.finished(now, DeliveryId(number), Outcome::Failed(SendError::BadUrl(why))),
            }
        }
    }

    /// An attempt is over.
    ///
    /// # Panics
    /// Nothing of this delivery was being attempted.
    pub fn finished(&mut self, now: u64, delivery: DeliveryId, outcome: Outcome) {
        let number = delivery.0;
        let one = self.deliveries.get_mut(&number).filter(|delivery| delivery.in_flight);
        let one = one.expect("an attempt is finished once, after it was begun");
        one.in_flight = false;
        one.attempts += 1;
        let attempts = one.attempts;
        self.changed.insert(Row::Delivery(number));
        let name = one.endpoint.clone();
        let event = one.event.id.clone();
        let state = self.endpoints.get_mut(&name).expect("a delivery's endpoint is there");
        // What overrides it for this URL wrongly has made it fail already.
        let at_url = contract_at(&state.contract, url_of(one, state));
        let contract = at_url.unwrap_or_else(|_| Rc::clone(&state.contract));

        let Err(failure) = outcome.judge(&contract) else {
            if state.health.succeeded() {
                self.changed.insert(Row::Endpoint(name.clone()));
            }
            state.tally.delivered += 1;
            self.notes.push_back(Note::Delivered { delivery, endpoint: name, event, attempts });
            self.forget(number);
            return;
        };

        let too_many = state.health.failed(now, &contract.disable);
        if contract.disable.after.is_some() {
            self.changed.insert(Row::Endpoint(name.clone()));
        }
        let is_gone = contract.gone_disables && matches!(outcome, Outcome::Answered { status: 410, .. });
        if is_gone || too_many || state.disabled.is_some() {
            self.give_up(number, GaveUp::After(failure));
            self.disable_for(&name, if is_gone { Disabled::Gone } else { Disabled::Failing });
            return;
        }

        let next = contract.rule_for(failure).and_then(|rule| {
            // A contract may have more rules by now than it had when the event was handed over.
            if one.failures.len() <= rule {
                one.failures.resize(rule + 1, 0);
            }
            one.failures[rule] += 1;
            let since = Duration::from_millis(now.saturating_sub(one.began));
            let wait = contract.retries[rule].schedule.wait(one.failures[rule], since, &mut self.random)?;
            let tried = Duration::from_millis(one.first_tried.map_or(0, |first| now.saturating_sub(first)));
            contract.budget.is_none_or(|budget| tried + wait < budget).then_some(wait)
        });
        match next {
            Some(wait) => {
                let asked = outcome.retry_after(now).filter(|_| contract.retry_after).unwrap_or_default();
                one.due = now + ms(wait.max(asked));
                let at = one.due;
                self.notes.push_back(Note::WillRetry { delivery, endpoint: name, event, attempts, failure, at });
                self.release(number);
            }
            None if contract.fallback && state.fallback.is_some() && !one.falls_back => {
                one.falls_back = true;
                one.failures.fill(0);
                one.first_tried = None;
                one.due = now;
                let note = Note::WillRetry { delivery, endpoint: name, event, attempts, failure, at: now };
                self.notes.push_back(note);
                self.release(number);
            }
            None => {
                self.give_up(number, GaveUp::After(failure));
                if contract.disable.exhausted {
                    self.disable_for(&name, Disabled::Exhausted);
                }
            }
        }
    }

    fn give_up(&mut self, number: u64, why: GaveUp) {
        let delivery = self.deliveries.get(&number).expect("it's there until it's given up");
        let (endpoint, event, attempts) = (delivery.endpoint.clone(), delivery.event.id.clone(), delivery.attempts);
        if let Some(state) = self.endpoints.get_mut(&endpoint) {
            state.tally.given_up += 1;
        }
        self.notes.push_back(Note::GaveUp { delivery: DeliveryId(number), endpoint, event, attempts, why });
        self.forget(number);
    }

    /// Takes a delivery out of everything, and lets the next one of its endpoint have its turn.
    fn forget(&mut self, number: u64) {
        let delivery = self.deliveries.remove(&number).expect("it's there until it's forgotten");
        self.changed.insert(Row::Delivery(number));
        self.due.remove(&(delivery.due, number));
        self.fresh.retain(|fresh| *fresh != number);
        let Some(state) = self.endpoints.get_mut(&delivery.endpoint) else { return };
        let was_first = state.queue.first() == Some(&number);
        state.queue.remove(&number);
        let next = state.queue.first().copied().filter(|_| was_first && state.contract.order == Order::InOrder);
        if let Some(next) = next.filter(|next| !self.is_unsaved(*next)) {
            self.release(next);
        }
    }

    fn disable_for(&mut self, name: &str, why: Disabled) {
        let state = self.endpoints.get_mut(name).expect("an endpoint that's disabled is there");
        if state.disabled.is_some() {
            return;
        }
        state.disabled = Some(why);
        let waiting: Vec<u64> = state.queue.iter().copied().collect();
        self.changed.insert(Row::Endpoint(name.to_owned()));
        self.notes.push_back(Note::Disabled { endpoint: name.to_owned(), why });
        for number in waiting {
            // What's being sent is given up when it has failed.
            if self.deliveries.get(&number).is_some_and(|delivery| !delivery.in_flight) {
                self.give_up(number, GaveUp::Disabled);
            }
        }
    }

    /// Disables an endpoint by hand: what waits there is given up.
    ///
    /// # Errors
    /// There's none of that name.
    pub fn disable(&mut self, endpoint: &str) -> Result<(), UnknownEndpoint> {
        self.endpoint_mut(endpoint)?;
        self.disable_for(endpoint, Disabled::ByHand);
        Ok(())
    }

    /// Enables an endpoint again; what it has missed it has missed.
    ///
    /// # Errors
    /// There's none of that name.
    pub fn enable(&mut self, endpoint: &str) -> Result<(), UnknownEndpoint> {
        let state = self.endpoint_mut(endpoint)?;
        state.disabled = None;
        state.health.succeeded();
        Ok(())
    }

    /// Signs with another secret from now on; the one before signs beside it for as long as the contract says, if the
    /// scheme can bear two.
    ///
    /// # Errors
    /// There's no such endpoint.
    pub fn rotate_secret(&mut self, now: u64, endpoint: &str, secret: Secret) -> Result<(), UnknownEndpoint> {
        self.endpoint_mut(endpoint)?.rotate(now, secret);
        Ok(())
    }

    /// Sends to another URL from now on.
    ///
    /// # Errors
    /// There's no such endpoint.
    pub fn set_url(&mut self, endpoint: &str, url: impl Into<String>) -> Result<(), UnknownEndpoint> {
        self.endpoint_mut(endpoint)?.url = url.into();
        Ok(())
    }

    /// An endpoint that's about to be changed.
    fn endpoint_mut(&mut self, name: &str) -> Result<&mut State, UnknownEndpoint> {
        let state = self.endpoints.get_mut(name).ok_or_else(|| UnknownEndpoint(name.to_owned()))?;
        self.changed.insert(Row::Endpoint(name.to_owned()));
        Ok(state)
    }

    /// When the next attempt is due, in milliseconds since 1970.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// What happened.
    pub fn poll_note(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// How many events wait or are being sent.
    pub fn pending(&self) -> usize {
        self.deliveries.len()
    }

    /// Why an endpoint is disabled; nothing if it isn't, or isn't there.
    pub fn disabled(&self, endpoint: &str) -> Option<Disabled> {
        self.endpoints.get(endpoint).and_then(|state| state.disabled)
    }

    /// What came of an endpoint's events since the dispatcher was made.
    pub fn tally(&self, endpoint: &str) -> Option<Tally> {
        let state = self.endpoints.get(endpoint)?;
        Some(Tally { pending: state.queue.len(), ..state.tally })
    }

    /// The endpoints' names.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.endpoints.keys().map(String::as_str)
    }
}

/// Where a delivery goes now.
fn url_of<'a>(delivery: &'a Delivery, state: &'a State) -> &'a str {
    let fallback = state.fallback.as_ref().filter(|_| delivery.falls_back);
    fallback.or(delivery.url.as_ref()).unwrap_or(&state.url)
}

/// The contract as a URL has it.
fn contract_at(contract: &Rc<Contract>, url: &str) -> Result<Rc<Contract>, BadOverride> {
    Ok(match contract.at(url)? {
        Cow::Borrowed(_) => Rc::clone(contract),
        Cow::Owned(own) => Rc::new(own),
    })
}
