//! What the floor tells others of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Now;
use crate::webhook::event::EventKind;

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

/// Numbers events, so that none is ever numbered twice: the floor's life is part of it.
pub(super) fn event_id(life: u64, number: u64, now: Now) -> String {
    format!("evt_{:x}_{life}_{number}", now.wall)
}
