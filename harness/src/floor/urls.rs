//! Which event goes by which URL.
//!
//! VICIdial tells others of what happens by "Call URLs", each with an occasion of its own; a disposition's is called when
//! the agent's screen asks for it. The modern profile tells everything from its own outbox. In either, the contract of a
//! sender can be named: then its delivery is that contract's.

use std::fmt::Write;

use super::settings::{Profile, Trigger};
use crate::webhook::event::EventKind;

/// The contract of the URLs that PHP calls.
pub const DISPO: &str = "vicidial-dispo";
/// The contract of the URLs that a script gives to wget.
pub const NO_AGENT: &str = "vicidial-no-agent";
/// The contract of the modern profile.
pub const STANDARD: &str = "standard";

/// How an event gets out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What it's called in the profile's own words.
    pub name: &'static str,
    /// What sets it off.
    pub trigger: Trigger,
    /// The contract that's kept.
    pub sender: String,
    /// Whether what's to be sent survives a crash of the floor, in the transaction of what happened.
    pub durable: bool,
}

/// An event that a profile can't tell of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {} profile can't send {event:?} {}: {why}; docs/webhooks.md has the table", profile.name(), by(sender))]
pub struct NoWay {
    /// The profile.
    pub profile: Profile,
    /// The event.
    pub event: &'static str,
    /// The sender that was named.
    pub sender: Option<String>,
    /// Why not.
    pub why: &'static str,
}

fn by(sender: &Option<String>) -> String {
    sender.as_ref().map_or_else(|| "by a URL of its own".to_owned(), |sender| format!("by the {sender:?} sender"))
}

/// How a profile tells of an event: by its own contract, or by the one that's named.
///
/// # Errors
/// It can't.
pub fn way(profile: Profile, event: EventKind, sender: Option<&str>) -> Result<Way, NoWay> {
    let refused = |why| NoWay { profile, event: event.name(), sender: sender.map(str::to_owned), why };
    if profile == Profile::Modern {
        let sender = sender.unwrap_or(STANDARD).to_owned();
        return Ok(Way { name: "outbox", trigger: Trigger::AtOnce, sender, durable: true });
    }
    let url = |name, trigger, sender: &str| Way { name, trigger, sender: sender.to_owned(), durable: false };
    let dispo = matches!(event, EventKind::DispositionSaved | EventKind::SaleClosed | EventKind::CallbackScheduled);
    match (event, sender) {
        (EventKind::DispositionSaved, None | Some(DISPO)) => Ok(url("Dispo Call URL", Trigger::Screen, DISPO)),
        (EventKind::SaleClosed | EventKind::CallbackScheduled, None | Some(DISPO)) => {
            Ok(url("Dispo Call URL with a status filter", Trigger::Screen, DISPO))
        }
        (EventKind::CallStarted, None | Some(DISPO)) => Ok(url("Start Call URL", Trigger::AtOnce, DISPO)),
        (EventKind::LeadAdded, None | Some(NO_AGENT)) => Ok(url("Add Lead URL", Trigger::AtOnce, NO_AGENT)),
        (EventKind::CallEnded, Some(NO_AGENT)) => Ok(url("No Agent Call URL", Trigger::NoAgent, NO_AGENT)),
        (EventKind::CallEnded, None) => Err(refused(
            "it has none for the end of a call; the No Agent Call URL (vicidial-no-agent) tells of calls that \
                         no agent had",
        )),
        (EventKind::AgentStateChanged, None) => {
            Err(refused("its agent events leave the agent's browser, not the server"))
        }
        (EventKind::CallEnded | EventKind::AgentStateChanged, _) => Err(refused("nothing there sets it off")),
        (_, Some(DISPO | NO_AGENT)) => Err(refused("that URL is called on another occasion")),
        (_, Some(named)) => {
            let name = if dispo { "plug-in at the disposition" } else { "plug-in" };
            Ok(Way { name, trigger: Trigger::AtOnce, sender: named.to_owned(), durable: true })
        }
    }
}

/// The table of the docs.
pub fn table() -> String {
    let mut out = "| event | `vicidial` profile | by | `vicidial` with another sender named | `modern` profile |\n\
                   |---|---|---|---|---|\n"
        .to_owned();
    let told = |way: Result<Way, NoWay>| match way {
        Ok(way) => {
            let when = match way.trigger {
                Trigger::AtOnce => "at once",
                Trigger::Screen => "when the screen asks for it",
                Trigger::NoAgent => "when a call is over that no agent had",
            };
            (format!("{}, {when}", way.name), format!("`{}`", way.sender))
        }
        Err(_) => ("no".to_owned(), String::new()),
    };
    for event in EventKind::ALL {
        let own = way(Profile::Vicidial, event, None).or_else(|_| way(Profile::Vicidial, event, Some(NO_AGENT)));
        let only_named = way(Profile::Vicidial, event, None).is_err() && own.is_ok();
        let (mut own, sender) = told(own);
        if only_named {
            own.push_str(" (named only)");
        }
        let (other, _) = told(way(Profile::Vicidial, event, Some(STANDARD)));
        let (modern, contract) = told(way(Profile::Modern, event, None));
        let _ =
            writeln!(out, "| {} | {own} | {sender} | {other} | {modern}, by {contract} or any other |", event.name());
    }
    out
}
