//! An endpoint: where events go, by which contract, signed with which secrets; and how it fares.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::webhook::contract::{Contract, DisableRule};
use crate::webhook::signature::{Scheme, Secret};

/// Failures are remembered by the hour.
const HOUR: u64 = 3_600_000;

/// Where events go, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// The URL; VICIdial's has `--A--field--B--` in it.
    pub url: String,
    /// Where it's told in the end, if the contract has that.
    pub fallback: Option<String>,
    /// The contract.
    pub contract: Contract,
    /// The secrets, the newest first.
    pub secrets: Vec<Secret>,
}

impl Endpoint {
    /// An endpoint without secrets.
    pub fn new(url: impl Into<String>, contract: Contract) -> Endpoint {
        Endpoint { url: url.into(), fallback: None, contract, secrets: Vec::new() }
    }

    /// Signs with this secret, too: it's the newest.
    #[must_use]
    pub fn signed_with(mut self, secret: Secret) -> Endpoint {
        self.secrets.insert(0, secret);
        self
    }

    /// Tells this URL in the end.
    #[must_use]
    pub fn falling_back_to(mut self, url: impl Into<String>) -> Endpoint {
        self.fallback = Some(url.into());
        self
    }
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disabled {
    /// It answered 410.
    Gone,
    /// Nothing but failures for too long.
    Failing,
    /// An event was given up.
    Exhausted,
    /// Somebody wanted it so.
    ByHand,
}

/// What came of an endpoint's events since the sender started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Attempts.
    pub attempts: u64,
    /// Events that were delivered.
    pub delivered: u64,
    /// Events that were given up.
    pub given_up: u64,
    /// Events that wait, or are being sent.
    pub pending: usize,
}

/// A secret, and until when it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    secret: Secret,
    until: Option<u64>,
}

pub(super) struct State {
    pub url: String,
    pub fallback: Option<String>,
    pub contract: Rc<Contract>,
    pub secrets: Vec<Held>,
    pub disabled: Option<Disabled>,
    pub health: Health,
    /// Its deliveries, in the order of their events.
    pub queue: BTreeSet<u64>,
    pub tally: Tally,
}

impl State {
    pub fn new(endpoint: Endpoint) -> State {
        let secrets = endpoint.secrets.into_iter().map(|secret| Held { secret, until: None }).collect();
        State {
            url: endpoint.url,
            fallback: endpoint.fallback,
            contract: Rc::new(endpoint.contract),
            secrets,
            disabled: None,
            health: Health::default(),
            queue: BTreeSet::new(),
            tally: Tally::default(),
        }
    }

    /// The secrets that sign now, the newest first.
    pub fn signing(&self, now: u64) -> Vec<Secret> {
        let valid = self.secrets.iter().filter(|held| held.until.is_none_or(|until| now < until));
        valid.map(|held| held.secret.clone()).collect()
    }

    /// Whether it can sign at all.
    pub fn can_sign(&self, now: u64) -> bool {
        self.contract.signature == Scheme::None || !self.signing(now).is_empty()
    }

    pub fn rotate(&mut self, now: u64, secret: Secret) {
        let until = now + ms(self.contract.rotation_overlap);
        for held in &mut self.secrets {
            held.until = Some(held.until.unwrap_or(until).min(until));
        }
        self.secrets.retain(|held| held.until.is_some_and(|until| now < until));
        self.secrets.insert(0, Held { secret, until: None });
    }
}

/// How long an endpoint has done nothing but fail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Health {
    /// When it failed, at most once an hour, since the last success.
    failures: VecDeque<u64>,
    /// Since when its failures count.
    clock: Option<u64>,
}

impl Health {
    /// Forgets the failures; says whether there were any.
    pub fn succeeded(&mut self) -> bool {
        let there_were_any = *self != Health::default();
        *self = Health::default();
        there_were_any
    }

    /// Whether a failure is one too many. Where nothing depends on it nothing is remembered.
    pub fn failed(&mut self, now: u64, rule: &DisableRule) -> bool {
        let Some(after) = rule.after else { return false };
        let started = match rule.clock {
            _ if self.clock.is_some() => true,
            None => true,
            Some((apart, among)) => {
                while self.failures.front().is_some_and(|first| first + ms(among) < now) {
                    self.failures.pop_front();
                }
                self.failures.front().is_some_and(|first| first + ms(apart) <= now)
            }
        };
        if started {
            let since = *self.clock.get_or_insert(now);
            self.failures.clear();
            return since + ms(after) <= now;
        }
        if self.failures.back().is_none_or(|last| last + HOUR <= now) {
            self.failures.push_back(now);
        }
        false
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * HOUR;

    fn rule(clock: Option<(u64, u64)>) -> DisableRule {
        let hours = |hours: u64| Duration::from_millis(hours * HOUR);
        let clock = clock.map(|(apart, among)| (hours(apart), hours(among)));
        DisableRule { after: Some(hours(120)), clock, exhausted: false }
    }

    #[test]
    fn after_five_days_of_failures_it_is_one_too_many_and_a_success_starts_anew() {
        let (mut health, rule) = (Health::default(), rule(None));
        assert!(!health.failed(0, &rule));
        assert!(!health.failed(5 * DAY - 1, &rule));
        assert!(health.clone().failed(5 * DAY, &rule));
        assert!(health.succeeded());
        assert!(!health.succeeded(), "there was nothing to forget");
        assert!(!health.failed(5 * DAY, &rule));
    }

    /// Svix: the clock starts once failures lie 12 hours apart within 24.
    #[test]
    fn the_clock_starts_when_two_failures_lie_far_enough_apart_and_near_enough() {
        let rule = rule(Some((12, 24)));
        let mut health = Health::default();
        assert!(!health.failed(0, &rule));
        assert!(!health.failed(12 * HOUR - 1, &rule), "too near");
        assert_eq!(health.clock, None);
        assert!(!health.failed(25 * HOUR, &rule));
        assert_eq!(health.clock, Some(25 * HOUR), "13 hours after the second; the first is too long ago");
        assert!(!health.failed(25 * HOUR + 5 * DAY - 1, &rule));
        assert!(health.failed(25 * HOUR + 5 * DAY, &rule));

        let mut rare = Health::default();
        for day in 0..20 {
            assert!(!rare.failed(day * 25 * HOUR, &rule), "never two within 24 hours");
        }
    }

    #[test]
    fn failures_of_many_days_are_remembered_by_few_words() {
        let rule = rule(Some((12, 13)));
        let mut health = Health::default();
        for minute in 0..12 * 60 {
            health.failed(minute * 60_000, &rule);
        }
        assert_eq!(health.failures.len(), 12);
    }
}
