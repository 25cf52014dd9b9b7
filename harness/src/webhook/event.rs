//! What a webhook tells: something that happened on the floor.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::date;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum EventKind {
    /// An agent's disposition was saved.
    DispositionSaved,
    /// A disposition that counts as a sale was saved.
    SaleClosed,
    /// A callback was scheduled.
    CallbackScheduled,
    /// A call has begun to be an agent's.
    CallStarted,
    /// A call is over.
    CallEnded,
    /// A lead was added.
    LeadAdded,
    /// An agent's state is another one.
    AgentStateChanged,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [EventKind; 7] = [
        EventKind::DispositionSaved,
        EventKind::SaleClosed,
        EventKind::CallbackScheduled,
        EventKind::CallStarted,
        EventKind::CallEnded,
        EventKind::LeadAdded,
        EventKind::AgentStateChanged,
    ];

    /// Its name in payloads and in scenarios: `disposition.saved`.
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
}

impl From<EventKind> for &'static str {
    fn from(kind: EventKind) -> &'static str {
        kind.name()
    }
}

impl TryFrom<String> for EventKind {
    type Error = UnknownEventKind;

    fn try_from(name: String) -> Result<EventKind, UnknownEventKind> {
        name.parse()
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There's no kind of event of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no event {0:?}; there are {all}", all = EventKind::ALL.map(EventKind::name).join(", "))]
pub struct UnknownEventKind(pub String);

impl FromStr for EventKind {
    type Err = UnknownEventKind;

    fn from_str(name: &str) -> Result<EventKind, UnknownEventKind> {
        let known = EventKind::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| UnknownEventKind(name.to_owned()))
    }
}

/// Something that happened.
///
/// ```
/// use busyhour::webhook::event::{Event, EventKind};
///
/// let event = Event::new("evt_1", EventKind::DispositionSaved, 1_795_442_400_250)
///     .numbered(7)
///     .with("lead_id", "1001")
///     .with("status", "SALE");
/// let json = r#"{"id":"evt_1","type":"disposition.saved","timestamp":"2026-11-23T14:00:00.250Z","sequence":7,"#;
/// assert_eq!(event.to_json(), format!(r#"{json}"data":{{"lead_id":"1001","status":"SALE"}}}}"#));
/// assert_eq!(Event::from_json(&event.to_json()).unwrap(), event);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same in each attempt to tell of it, and of no other event. No dot in it: signatures join it to others by
    /// dots.
    pub id: String,
    /// What kind of thing happened.
    pub kind: EventKind,
    /// When, in milliseconds since 1970, by the clock of the host where it did.
    pub occurred_at: u64,
    /// Grows with each event of the same lead (or the same agent, where there's no lead): what's newer has more.
    pub sequence: u64,
    /// What is said about it: `lead_id`, `phone_number`, `status`, `campaign`, `agent`, `call_id`, `list_id`,
    /// `callback_at`, `talk_time`, ...
    pub data: BTreeMap<String, String>,
}

/// An event as JSON has it.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    id: std::borrow::Cow<'a, str>,
    #[serde(rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    timestamp: String,
    sequence: u64,
    data: std::borrow::Cow<'a, BTreeMap<String, String>>,
}

/// Why a body is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It isn't the JSON of one.
    #[error("no event: {0}")]
    Json(String),
    /// Its type is unknown.
    #[error(transparent)]
    Kind(#[from] UnknownEventKind),
    /// Its timestamp is none.
    #[error("{0:?} is no timestamp by RFC 3339")]
    Timestamp(String),
}

impl Event {
    /// An event without data yet.
    pub fn new(id: impl Into<String>, kind: EventKind, occurred_at: u64) -> Event {
        Event { id: id.into(), kind, occurred_at, sequence: 0, data: BTreeMap::new() }
    }

    /// Adds something that's said about it.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl fmt::Display) -> Event {
        self.data.insert(field.to_owned(), value.to_string());
        self
    }

    /// Sets its place among the events of its lead or agent.
    #[must_use]
    pub fn numbered(mut self, sequence: u64) -> Event {
        self.sequence = sequence;
        self
    }

    /// The JSON that's sent, always the same bytes.
    pub fn to_json(&self) -> Bytes {
        let written = Written {
            id: self.id.as_str().into(),
            kind: self.kind.name().into(),
            timestamp: date::rfc3339(self.occurred_at),
            sequence: self.sequence,
            data: std::borrow::Cow::Borrowed(&self.data),
        };
        serde_json::to_vec(&written).expect("texts and numbers can be written").into()
    }

    /// Reads what [`Event::to_json`] writes; whatever else stands there is passed over.
    ///
    /// # Errors
    /// It's something else.
    pub fn from_json(body: &[u8]) -> Result<Event, EventError> {
        let written: Written<'_> = serde_json::from_slice(body).map_err(|error| EventError::Json(error.to_string()))?;
        Ok(Event {
            kind: written.kind.parse()?,
            occurred_at: date::parse_rfc3339(&written.timestamp).ok_or(EventError::Timestamp(written.timestamp))?,
            id: written.id.into_owned(),
            sequence: written.sequence,
            data: written.data.into_owned(),
        })
    }

    /// A field of the event by the name that forms and templates use: its data, and `id`, `type`, `timestamp` and
    /// `sequence`; or by VICIdial's names for some of them, `dispo`, `user` and `uniqueid`.
    pub fn field(&self, name: &str) -> Option<String> {
        if let Some(value) = self.data.get(name) {
            return Some(value.clone());
        }
        match name {
            "id" => Some(self.id.clone()),
            "type" => Some(self.kind.name().to_owned()),
            "timestamp" => Some(date::rfc3339(self.occurred_at)),
            "sequence" => Some(self.sequence.to_string()),
            "dispo" => self.data.get("status").cloned(),
            "user" => self.data.get("agent").cloned(),
            "uniqueid" => self.data.get("call_id").cloned(),
            _ => None,
        }
    }
}

/// Fills a VICIdial URL: `VAR` at its beginning goes, and each `--A--field--B--` becomes the field's value, encoded as
/// in a form. A field that's unknown becomes nothing.
///
/// ```
/// let url = "VARhttp://crm.test/pop?phone=--A--phone_number--B--&x=--A--nonsense--B--";
/// let filled = busyhour::webhook::event::fill_url(url, |field| (field == "phone_number").then(|| "+1 555".to_owned()));
/// assert_eq!(filled, "http://crm.test/pop?phone=%2B1+555&x=");
/// ```
pub fn fill_url(template: &str, field: impl Fn(&str) -> Option<String>) -> String {
    let mut rest = template.strip_prefix("VAR").unwrap_or(template);
    let mut filled = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once("--A--") {
        let Some((name, after)) = after.split_once("--B--") else { break };
        filled.push_str(before);
        filled.extend(form_urlencoded::byte_serialize(field(name).unwrap_or_default().as_bytes()));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let error = "call.over".parse::<EventKind>().expect_err("there's none").to_string();
        assert!(error.starts_with("there is no event \"call.over\"; there are disposition.saved, "), "{error}");
    }

    #[test]
    fn what_is_no_event_is_refused_and_says_why() {
        let event = |kind: &str, at: &str| {
            let text = format!(r#"{{"id":"a","type":"{kind}","timestamp":"{at}","sequence":1,"data":{{}},"more":[]}}"#);
            Event::from_json(text.as_bytes())
        };
        assert!(event("call.ended", "2026-11-23T14:00:00Z").is_ok(), "what's unknown is passed over");
        assert!(matches!(event("call.over", "2026-11-23T14:00:00Z"), Err(EventError::Kind(_))));
        assert!(matches!(event("call.ended", "NaN"), Err(EventError::Timestamp(_))));
        assert!(matches!(Event::from_json(b"{"), Err(EventError::Json(_))));
    }

    #[test]
    fn a_url_without_an_end_of_a_placeholder_keeps_it() {
        assert_eq!(fill_url("http://crm/?a=--A--lead_id", |_| Some("1".into())), "http://crm/?a=--A--lead_id");
    }
}
