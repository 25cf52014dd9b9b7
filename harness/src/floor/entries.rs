//! How a floor was set up, as the log has it: steps, since a person did it. Oracles read them; none is a program's claim.

use std::borrow::Cow;
use std::time::Duration;

use super::settings::{Campaign, FloorSettings, Hook, Method, Profile, Quirks, Trigger};
use crate::webhook::contract::{Contract, Failure};
use crate::webhook::sender::Endpoint;
use crate::world::Host;

/// The floor itself, with its profile and quirks, and each of its campaigns.
pub(super) fn settings(host: &Host, settings: &FloorSettings) {
    host.set_up("floor", |event| {
        event.with("profile", settings.profile.name()).with("quirks", quirks(settings.quirks))
    });
    settings.campaigns.iter().for_each(|campaign| self::campaign(host, campaign));
    for line in &settings.inbound {
        let then_to = line.then_to.as_deref().unwrap_or_default();
        host.set_up("inbound-line", |event| event.with("number", line.number.as_str()).with("then_to", then_to));
    }
}

fn quirks(quirks: Quirks) -> Vec<String> {
    let Quirks {
        two_step_urls,
        repeated_run_urls,
        saves_twice,
        success_from_dead_tabs,
        retried_add_lead,
        leads_left_in_call,
        calls_to_empty_rooms,
    } = quirks;
    let all = [
        (two_step_urls, "two-step-urls"),
        (repeated_run_urls, "repeated-run-urls"),
        (saves_twice, "saves-twice"),
        (success_from_dead_tabs, "success-from-dead-tabs"),
        (retried_add_lead, "retried-add-lead"),
        (leads_left_in_call, "leads-left-in-call"),
        (calls_to_empty_rooms, "calls-to-empty-rooms"),
    ];
    all.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned()).collect()
}

fn campaign(host: &Host, campaign: &Campaign) {
    let method = match campaign.method {
        Method::Ratio { .. } => "ratio",
        Method::Predictive { .. } => "predictive",
        Method::Manual => "manual",
    };
    host.set_up("campaign", |event| {
        let event = event.with("name", campaign.name.as_str()).with("method", method);
        let event = event.with("drop_target", campaign.drop_target.to_string());
        let event = event.with("drop_after_ms", millis(campaign.drop_after));
        let event = event.with("detects_machines", u8::from(campaign.detects_machines));
        let lists: Vec<String> = campaign.lists.iter().map(u64::to_string).collect();
        let event = event.with("uses_dnc", u8::from(campaign.uses_dnc)).with("lists", lists);
        event.with("sale_statuses", campaign.sale_statuses.clone())
    });
}

/// Nobody may call that number any more.
pub(super) fn do_not_call(host: &Host, number: &str) {
    host.set_up("do-not-call", |event| event.with("number", number));
}

/// Somebody is told of something.
pub(super) fn hook(host: &Host, campaign: &str, profile: Profile, hook: &Hook, endpoint: &Endpoint) {
    let trigger = match hook.trigger {
        Trigger::AtOnce => "at-once",
        Trigger::Screen => "screen",
        Trigger::NoAgent => "no-agent",
    };
    // An override that's wrong was refused before.
    let contract = &*endpoint.contract.at(&endpoint.url).unwrap_or(Cow::Borrowed(&endpoint.contract));
    host.set_up("hook", |event| {
        let event = event.with("name", hook.name.as_str()).with("campaign", campaign).with("profile", profile.name());
        // What overrides the contract stays with the sender.
        let url = endpoint.url.split_once('#').map_or(endpoint.url.as_str(), |(url, _)| url);
        let event = event.with("event", hook.event.name()).with("url", url);
        let event = event.with("sender", contract.name.as_str()).with("trigger", trigger);
        let event = event.with("spent_after_ms", millis(spent_after(contract))).with("tries", tries(contract));
        let disable = contract.disable;
        let disables = contract.gone_disables || disable.after.is_some() || disable.exhausted;
        event.with("disables", u8::from(disables)).with("fallback", u8::from(contract.fallback))
    });
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// More tries than this are as good as endless.
const MANY: usize = 1_000;

/// How often an event is tried, by the failure that it meets each time: `5xx=10`.
fn tries(contract: &Contract) -> Vec<String> {
    let tries = |failure: &Failure| {
        let limits = contract.limits;
        let takes = match failure {
            Failure::NoConnection => limits.connect,
            Failure::NoAnswer => limits.answer.unwrap_or(limits.total),
            _ => Duration::ZERO,
        };
        let mut gone = takes;
        let waits = contract.rule_for(*failure).map(|rule| contract.retries[rule].schedule.longest().take(MANY));
        let in_time = waits.into_iter().flatten().take_while(|wait| {
            let begins = gone.saturating_add(*wait);
            gone = begins.saturating_add(takes);
            contract.budget.is_none_or(|budget| begins < budget)
        });
        format!("{}={}", failure.name(), in_time.count() + 1)
    };
    Failure::ALL.iter().map(tries).collect()
}

/// So long after an event no contract tries any more: every wait at its longest, every attempt to its limit.
fn spent_after(contract: &Contract) -> Duration {
    let of_rule = |rule: &crate::webhook::contract::RetryRule| {
        let waits = rule.schedule.longest().take(MANY);
        waits.fold(contract.limits.total, |gone, wait| gone.saturating_add(wait).saturating_add(contract.limits.total))
    };
    contract.retries.iter().map(of_rule).max().unwrap_or(contract.limits.total)
}
