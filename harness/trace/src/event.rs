//! The append-only event log.
//!
//! Law 5 stands on [`Source`]: an oracle builds on what the *world* did, may confront an actor with its *claim*, and
//! never believes it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tap::HostId;
use crate::time::SimTime;

/// Whose word an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The kernel's own: a crash, a cut, a fault that was installed.
    World,
    /// What a person did, by a step or a test.
    Step,
    /// What an actor says of itself. Nobody has to believe it.
    Claim,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Source::World => "world",
            Source::Step => "step",
            Source::Claim => "claim",
        })
    }
}

/// The value of a [`Field`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
    /// Several texts, in an order that means nothing: the hosts of a group, say.
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(n) => write!(f, "{n}"),
            // A log line stays one line, and its fields can be told apart.
            Value::Text(t) if t.is_empty() || t.contains(|c: char| c.is_control() || [' ', '"', '='].contains(&c)) => {
                write!(f, "{t:?}")
            }
            Value::Text(t) => f.write_str(t),
            Value::List(l) => write!(f, "[{}]", l.join(" ")),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Value {
        Value::List(list)
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Value {
            /// Saturates: no field of ours counts to 2^63.
            fn from(n: $number) -> Value {
                Value::Number(i64::try_from(n).unwrap_or(i64::MAX))
            }
        }
    )*};
}
whole_numbers!(u8, u16, u32, u64, usize, i32, i64);

/// A named value of an [`Event`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The field's name.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: Value,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: SimTime,
    /// Whose word it is.
    pub source: Source,
    /// The host that it happened on, if on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// What happened, in a word: `crash`, `cut`, `registered`.
    pub kind: Cow<'static, str>,
    /// The rest of it, in a fixed order.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "as_object")]
    pub fields: Vec<Field>,
}

/// Fields as one JSON object, in their order: `.fields.epoch` is what somebody with `jq` wants to write.
pub(crate) mod as_object {
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::ser::SerializeMap;
    use serde::{Deserializer, Serializer};

    use super::{Field, Value};

    pub(crate) fn serialize<S: Serializer>(fields: &[Field], serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(fields.len()))?;
        for field in fields {
            object.serialize_entry(&field.name, &field.value)?;
        }
        object.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Field>, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<Field>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Vec<Field>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = object.next_entry::<String, Value>()? {
                    fields.push(Field { name: name.into(), value });
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Event {
    /// An entry without host or fields.
    pub fn new(at: SimTime, source: Source, kind: impl Into<Cow<'static, str>>) -> Event {
        Event { at, source, host: None, kind: kind.into(), fields: Vec::new() }
    }

    /// The same entry, on `host`.
    #[must_use]
    pub fn on(mut self, host: HostId) -> Event {
        self.host = Some(host);
        self
    }

    /// The same entry with one more field.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Event {
        self.fields.push(Field { name: name.into(), value: value.into() });
        self
    }

    /// The value of the field called `name`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|f| f.name == name).map(|f| &f.value)
    }

    /// The text of the field called `name`, if it is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of the field called `name`, if it is one.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.field(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The texts of the field called `name`, if it is a list.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.field(name)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }
}

/// The log of one universe: entries in the order in which they happened.
///
/// ```
/// use busyhour_trace::{Event, Log, SimTime, Source};
///
/// let mut log = Log::default();
/// let crm = log.name_host("crm");
/// log.push(Event::new(SimTime(2_000_000_000), Source::World, "crash").on(crm).with("epoch", 1u64));
/// assert_eq!(log.to_text(), "    2.000000s  world  crm           crash epoch=1\n");
/// ```
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    hosts: Vec<String>,
    events: Vec<Event>,
}

impl Log {
    /// Adds a host's name; its id is its place in the list.
    pub fn name_host(&mut self, name: impl Into<String>) -> HostId {
        let id = u16::try_from(self.hosts.len()).expect("a universe has fewer than 65,536 hosts");
        self.hosts.push(name.into());
        HostId(id)
    }

    /// The names of all hosts, by id.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The host called `name`.
    pub fn host_called(&self, name: &str) -> Option<HostId> {
        let place = self.hosts.iter().position(|host| host == name)?;
        Some(HostId(u16::try_from(place).expect("a universe has fewer than 65,536 hosts")))
    }

    /// The name of `host`.
    pub fn host_name(&self, host: HostId) -> &str {
        self.hosts.get(usize::from(host.0)).map_or("?", String::as_str)
    }

    /// Appends an entry. Time only goes forward.
    pub fn push(&mut self, event: Event) {
        debug_assert!(self.events.last().is_none_or(|last| last.at <= event.at), "the log only grows forward in time");
        self.events.push(event);
    }

    /// The entries so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// One entry as a line that a person reads, without the line's end.
    pub fn line(&self, event: &Event) -> String {
        use std::fmt::Write as _;
        let host = event.host.map_or("-", |h| self.host_name(h));
        let mut line = format!("{:>13}  {:<5}  {host:<12}  {}", event.at, event.source, event.kind);
        for field in &event.fields {
            write!(line, " {}={}", field.name, field.value).expect("writing to a string succeeds");
        }
        line
    }

    /// The whole log as text, a line an entry.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            text.push_str(&self.line(event));
            text.push('\n');
        }
        text
    }
}
