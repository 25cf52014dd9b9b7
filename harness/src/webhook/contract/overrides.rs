//! What a URL's fragment overrides of a contract: Twilio's connection overrides.
//!
//! `http://crm.test/hook#ct=1000&rp=ct,rt` asks for a connection within a second, and for one more try where there's none
//! in time, nor an answer (twilio.com/docs/usage/webhooks/webhooks-connection-overrides).

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::webhook::schedule::{Jitter, Schedule, Waits};

use super::{Contract, Failure, RetryRule};

/// A URL overrides something that can't be overridden, or by what it can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} overrides {name:?}: {what}")]
pub struct BadOverride {
    /// The URL.
    pub url: String,
    /// What it overrides.
    pub name: String,
    /// What's wrong with that.
    pub what: String,
}

const CONNECT_MS: RangeInclusive<u64> = 100..=10_000;
const ANSWER_MS: RangeInclusive<u64> = 100..=15_000;
const RETRIES: RangeInclusive<u64> = 0..=5;

impl Contract {
    /// The contract as it is for this URL: another one, if contract and URL have overrides.
    ///
    /// # Errors
    /// The URL overrides what can't be overridden so.
    pub fn at(&self, url: &str) -> Result<Cow<'_, Contract>, BadOverride> {
        let Some((_, fragment)) = url.split_once('#').filter(|_| self.url_overrides) else {
            return Ok(Cow::Borrowed(self));
        };
        let bad = |name: &str, what: String| BadOverride { url: url.to_owned(), name: name.to_owned(), what };
        let mut contract = self.clone();
        let (mut count, mut policy) = (None, None);
        for pair in fragment.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number = |range: RangeInclusive<u64>| {
                let (least, most) = (range.start(), range.end());
                let number = value.parse().ok().filter(|number| range.contains(number));
                number.ok_or_else(|| bad(name, format!("{value:?} is no number from {least} to {most}")))
            };
            let flag = |known: &[&str]| match known.contains(&value) {
                true => Ok(()),
                false => Err(bad(name, format!("{value:?} is unknown; there are {}", known.join(", ")))),
            };
            match name {
                "ct" => contract.limits.connect = Duration::from_millis(number(CONNECT_MS)?),
                "rt" => contract.limits.answer = Some(Duration::from_millis(number(ANSWER_MS)?)),
                "tt" => {
                    contract.limits.total = Duration::from_millis(number(ANSWER_MS)?);
                    contract.budget = Some(contract.limits.total);
                }
                "rc" => count = Some(number(RETRIES)?),
                "rp" => policy = Some(failures(value).map_err(|what| bad(name, what))?),
                // There's no TLS here, and one way out.
                "sni" => flag(&["y", "n"])?,
                "e" => {}
                _ => return Err(bad(name, "there are ct, rt, tt, rc, rp, sni and e".to_owned())),
            }
        }
        if count.is_some() || policy.is_some() {
            let waits = Waits::List(vec![Duration::ZERO; usize::try_from(count.unwrap_or(1)).unwrap_or(0)]);
            let schedule = Schedule { waits, jitter: Jitter::None, retries: None, within: None };
            contract.retries = vec![RetryRule { on: policy.unwrap_or(Failure::CONNECTION.to_vec()), schedule }];
        }
        Ok(Cow::Owned(contract))
    }
}

/// The failures of a retry policy: `ct,5xx`. A part of an answer is never tried again.
fn failures(policy: &str) -> Result<Vec<Failure>, String> {
    let clients = [Failure::ClientError, Failure::TooMany];
    let mut named = Vec::new();
    for word in policy.split(',') {
        match word {
            "ct" => named.extend(Failure::CONNECTION),
            "rt" => named.push(Failure::NoAnswer),
            "4xx" => named.extend(clients),
            "5xx" => named.push(Failure::ServerError),
            "all" => {
                named.extend(Failure::CONNECTION);
                named.extend(clients);
                named.extend([Failure::NoAnswer, Failure::ServerError]);
            }
            _ => return Err(format!("{word:?} is unknown; there are 4xx, 5xx, ct, rt, all")),
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::contract::Contracts;

    fn at(fragment: &str) -> Result<Contract, String> {
        let twilio = Contracts::builtin().get("twilio").expect("a preset").clone();
        let url = format!("http://crm.test/hook?a=1{fragment}");
        twilio.at(&url).map(Cow::into_owned).map_err(|bad| bad.to_string())
    }

    fn tries(contract: &Contract, failure: Failure) -> usize {
        1 + contract.rule_for(failure).map_or(0, |rule| contract.retries[rule].schedule.longest().count())
    }

    /// The examples of Twilio's page.
    #[test]
    fn a_fragment_overrides_timeouts_and_retries() {
        let (plain, ms) = (at("").expect("nothing is overridden"), Duration::from_millis);
        assert_eq!((plain.limits.connect, plain.limits.answer, plain.limits.total), (ms(5_000), None, ms(15_000)));
        assert_eq!((tries(&plain, Failure::NoConnection), tries(&plain, Failure::NoAnswer)), (2, 1));

        let quick = at("#ct=1000&rt=2000").expect("good ones");
        assert_eq!((quick.limits.connect, quick.limits.answer), (ms(1_000), Some(ms(2_000))));
        assert_eq!(tries(&quick, Failure::NoConnection), 2, "what isn't named stays");

        let answers = at("#rt=5000&rp=ct,rt").expect("good ones");
        assert_eq!((tries(&answers, Failure::NoConnection), tries(&answers, Failure::NoAnswer)), (2, 2));
        assert_eq!(tries(&answers, Failure::ServerError), 1);

        let thrice = at("#rc=2&ct=1000").expect("good ones");
        assert_eq!((tries(&thrice, Failure::Refused), tries(&thrice, Failure::NoAnswer)), (3, 1));

        let all = at("#rc=5&rp=all&tt=3000&sni=n&e=ashburn,umatilla").expect("good ones");
        for failure in [Failure::NoConnection, Failure::NoAnswer, Failure::TooMany, Failure::ServerError] {
            assert_eq!(tries(&all, failure), 6, "{failure}");
        }
        assert_eq!(tries(&all, Failure::Cut), 1, "a part of an answer is never tried again");
        assert_eq!((all.limits.total, all.budget), (ms(3_000), Some(ms(3_000))));
        assert_eq!(tries(&at("#rc=0").expect("a good one"), Failure::Refused), 1);
    }

    #[test]
    fn what_cannot_be_overridden_so_is_named() {
        let url = "http://crm.test/hook?a=1";
        for (fragment, what) in [
            ("#ct=99", "\"ct\": \"99\" is no number from 100 to 10000"),
            ("#tt=15001", "\"tt\": \"15001\" is no number from 100 to 15000"),
            ("#rc=6", "\"rc\": \"6\" is no number from 0 to 5"),
            ("#rc", "\"rc\": \"\" is no number from 0 to 5"),
            ("#rp=3xx", "\"rp\": \"3xx\" is unknown; there are 4xx, 5xx, ct, rt, all"),
            ("#sni=no", "\"sni\": \"no\" is unknown; there are y, n"),
            ("#retries=2", "\"retries\": there are ct, rt, tt, rc, rp, sni and e"),
        ] {
            assert_eq!(at(fragment).expect_err("a bad one"), format!("\"{url}{fragment}\" overrides {what}"));
        }
        assert!(at("#ct=100").is_ok() && at("#ct=10000").is_ok() && at("#tt=15000").is_ok());
    }

    #[test]
    fn who_has_no_overrides_takes_no_notice_of_a_fragment() {
        let standard = Contracts::builtin().get("standard").expect("a preset").clone();
        assert_eq!(standard.at("http://crm.test/#rc=9").as_deref(), Ok(&standard));
    }
}
