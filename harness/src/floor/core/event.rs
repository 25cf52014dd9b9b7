//! What the floor tells others of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Now;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// An agent has saved what became of a call.
    #[serde(rename = "disposition.saved")]
    DispositionSaved,
    /// The same, when it's a sale.
    #[serde(rename = "sale.closed")]
    SaleClosed,
    /// A callback was scheduled.
    #[serde(rename = "callback.scheduled")]
    CallbackScheduled,
    /// An agent has got a call.
    #[serde(rename = "call.started")]
    CallStarted,
    /// A call is over.
    #[serde(rename = "call.ended")]
    CallEnded,
    /// A lead was added.
    #[serde(rename = "lead.added")]
    LeadAdded,
    /// An agent's state is another.
    #[serde(rename = "agent.state_changed")]
    AgentStateChanged,
}

impl EventKind {
    /// All of them.
    pub const ALL: [EventKind; 7] = [
        EventKind::DispositionSaved,
        EventKind::SaleClosed,
        EventKind::CallbackScheduled,
        EventKind::CallStarted,
        EventKind::CallEnded,
        EventKind::LeadAdded,
        EventKind::AgentStateChanged,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::DispositionSaved => "disposition.saved",
            EventKind::SaleClosed => "sale.closed",
            EventKind::CallbackScheduled => "callback.scheduled",
            EventKind::CallStarted => "call.started",
            EventKind::CallEnded => "call.ended",
            EventKind::LeadAdded => "lead.added",
            EventKind::AgentStateChanged => "agent.state_changed",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<EventKind> {
        EventKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An event for one hook. Those of [`Trigger::Screen`](super::super::settings::Trigger::Screen) come when the screen has
/// asked for them, each time it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurred {
    /// The event's own id: the same for every hook, and whenever it's told again. Unique for ever.
    pub id: String,
    /// What kind.
    pub kind: EventKind,
    /// The campaign.
    pub campaign: String,
    /// The name of the hook that it's for.
    pub hook: String,
    /// When it happened, in unix milliseconds.
    pub at: u64,
    /// Grows with each event of the same lead, or of the same agent for `agent.state_changed`.
    pub sequence: u64,
    /// lead_id, phone_number, status, campaign, agent, call_id, list_id, callback_at, talk_time and the lead's fields.
    pub data: BTreeMap<String, String>,
    /// The row of the URL log that a screen had called.
    pub url: Option<u64>,
}

/// A URL with the data in place of `--A--field--B--`; a field that isn't there becomes empty. A leading `VAR` goes.
///
/// ```
/// use busyhour::floor::core::filled;
///
/// let data = [("phone_number".to_owned(), "15551230001".to_owned())].into();
/// assert_eq!(filled("VARhttp://crm.test/pop?phone=--A--phone_number--B--", &data), "http://crm.test/pop?phone=15551230001");
/// ```
pub fn filled(template: &str, data: &BTreeMap<String, String>) -> String {
    let mut rest = template.strip_prefix("VAR").unwrap_or(template);
    let mut out = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once("--A--") {
        let Some((field, after)) = after.split_once("--B--") else { break };
        out.push_str(before);
        if let Some(value) = data.get(field) {
            out.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Numbers events, so that none is ever numbered twice: the floor's life is part of it.
pub(super) fn event_id(life: u64, number: u64, now: Now) -> String {
    format!("evt_{:x}_{life}_{number}", now.wall)
}
