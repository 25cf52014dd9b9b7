//! The queue as rows of a store.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::webhook::contract::{Contracts, UnknownContract};
use crate::webhook::event::{Event, EventError};

use super::endpoint::{Disabled, Health, Held, State, Tally};

/// The table of endpoints, by their names.
pub const ENDPOINTS: &str = "webhook-endpoints";
/// The table of events that are neither delivered nor given up, by their numbers.
pub const DELIVERIES: &str = "webhook-deliveries";

/// A row that's another one now, or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its table.
    pub table: &'static str,
    /// Its key.
    pub key: String,
    /// What it holds; nothing if it's gone.
    pub value: Option<Vec<u8>>,
}

/// Rows to be saved together. What they let out waits until [`Dispatcher::saved`](super::Dispatcher::saved) is told so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nothing new is sent before its rows are saved"]
pub struct Changes {
    /// What to tell when they're saved.
    pub saving: Saving,
    /// The rows.
    pub rows: Vec<Change>,
}

/// Which rows are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saving(pub(super) u64);

/// Why rows are no queue.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A row can't be read.
    #[error("the row {key:?} of {table} can't be read: {why}")]
    Row {
        /// Its table.
        table: String,
        /// Its key.
        key: String,
        /// What's wrong.
        why: String,
    },
    /// An endpoint's contract is none that's known.
    #[error(transparent)]
    Contract(#[from] UnknownContract),
}

/// An event on its way to an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delivery {
    pub endpoint: String,
    pub event: Event,
    /// Where it goes, if that was settled when the event happened.
    pub url: Option<String>,
    /// When it was handed over.
    pub began: u64,
    /// When it was first tried at the URL where it goes now, in this life of the sender.
    pub first_tried: Option<u64>,
    /// When it's to be tried.
    pub due: u64,
    pub attempts: u32,
    /// The failures that each of the contract's rules has counted.
    pub failures: Vec<u32>,
    /// It's told to the fallback URL by now.
    pub falls_back: bool,
    pub in_flight: bool,
}

#[derive(Serialize, Deserialize)]
struct DeliveryRow {
    endpoint: String,
    event: String,
    url: Option<String>,
    began: u64,
    due: u64,
    attempts: u32,
    failures: Vec<u32>,
    falls_back: bool,
}

#[derive(Serialize, Deserialize)]
struct EndpointRow {
    url: String,
    fallback: Option<String>,
    contract: String,
    secrets: Vec<Held>,
    disabled: Option<Disabled>,
    health: Health,
}

/// Keys sort as their numbers do.
pub(super) fn key_of(delivery: u64) -> String {
    format!("{delivery:020}")
}

fn wrong(table: &str, key: &str, why: impl ToString) -> RestoreError {
    RestoreError::Row { table: table.to_owned(), key: key.to_owned(), why: why.to_string() }
}

impl Delivery {
    pub fn to_row(&self) -> Vec<u8> {
        let row = DeliveryRow {
            endpoint: self.endpoint.clone(),
            event: String::from_utf8_lossy(&self.event.to_json()).into_owned(),
            url: self.url.clone(),
            began: self.began,
            due: self.due,
            attempts: self.attempts,
            failures: self.failures.clone(),
            falls_back: self.falls_back,
        };
        serde_json::to_vec(&row).expect("texts and numbers can be written")
    }

    pub fn from_row(key: &str, value: &[u8]) -> Result<(u64, Delivery), RestoreError> {
        let number = key.parse().map_err(|error| wrong(DELIVERIES, key, error))?;
        let row: DeliveryRow = serde_json::from_slice(value).map_err(|error| wrong(DELIVERIES, key, error))?;
        let event = Event::from_json(row.event.as_bytes());
        let event = event.map_err(|error: EventError| wrong(DELIVERIES, key, error))?;
        let DeliveryRow { endpoint, url, began, due, attempts, failures, falls_back, .. } = row;
        let (first_tried, in_flight) = (None, false);
        let delivery =
            Delivery { endpoint, event, url, began, first_tried, due, attempts, failures, falls_back, in_flight };
        Ok((number, delivery))
    }
}

impl State {
    pub fn to_row(&self) -> Vec<u8> {
        let row = EndpointRow {
            url: self.url.clone(),
            fallback: self.fallback.clone(),
            contract: self.contract.name.clone(),
            secrets: self.secrets.clone(),
            disabled: self.disabled,
            health: self.health.clone(),
        };
        serde_json::to_vec(&row).expect("texts and numbers can be written")
    }

    pub fn from_row(contracts: &Contracts, key: &str, value: &[u8]) -> Result<State, RestoreError> {
        let row: EndpointRow = serde_json::from_slice(value).map_err(|error| wrong(ENDPOINTS, key, error))?;
        Ok(State {
            url: row.url,
            fallback: row.fallback,
            contract: Rc::new(contracts.get(&row.contract)?.clone()),
            secrets: row.secrets,
            disabled: row.disabled,
            health: row.health,
            queue: Default::default(),
            tally: Tally::default(),
        })
    }
}
