//! What a webhook tells of, whatever its sender writes like: a JSON event, a form, a query, or a JSON Web Token's claims.
//!
//! The names are those of our event's JSON (`id`, `type`, `data`), and of VICIdial's URLs (`dispo`, `uniqueid`).

use serde_json::Value;

use super::form::Form;
use super::http::Request;

/// What is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The event's own id; VICIdial's URLs have none.
    pub id: Option<String>,
    /// `disposition.saved`, ...
    pub kind: Option<String>,
    /// The lead.
    pub lead_id: Option<String>,
    /// The call.
    pub call_id: Option<String>,
    /// The status that the call was given; of an agent, how she stands.
    pub status: Option<String>,
    /// The customer's number.
    pub phone_number: Option<String>,
    /// The agent.
    pub agent: Option<String>,
    /// Of an agent: what her status doesn't tell.
    pub sub_status: Option<String>,
    /// Of an agent: why she pauses.
    pub pause_code: Option<String>,
}

impl Told {
    /// Reads a request; nothing if it tells of no lead, call or event.
    ///
    /// ```
    /// use busyhour_oracle::read::http::read_request;
    /// use busyhour_oracle::read::telling::Told;
    ///
    /// let bytes = b"GET /hook?lead_id=1001&dispo=SALE&call_id=M1 HTTP/1.1\r\n\r\n";
    /// let told = Told::read(&read_request(bytes)?.unwrap().0).unwrap();
    /// assert_eq!((told.call_id.as_deref(), told.status.as_deref()), (Some("M1"), Some("SALE")));
    /// assert!(told.is_about("M1/SALE") && told.is_about("M1") && !told.is_about("M2"));
    /// # Ok::<(), busyhour_oracle::read::Unreadable>(())
    /// ```
    pub fn read(request: &Request) -> Option<Told> {
        let body = request.message.body.trim_ascii();
        let told = if body.first() == Some(&b'{') {
            of_json(body)?
        } else if let Some(claims) = claims(body) {
            of_json(&claims)?
        } else {
            let query = request.target.split_once('?').map_or("", |(_, query)| query);
            of_form(&Form::read(if body.is_empty() { query.as_bytes() } else { body }))
        };
        let Told { id, lead_id, call_id, .. } = &told;
        (id.is_some() || lead_id.is_some() || call_id.is_some()).then_some(told)
    }

    /// True if an effect with this key may be one of what is told: the key is the event's id, its call, or its call with
    /// the status that it was given.
    pub fn is_about(&self, key: &str) -> bool {
        let is = |text: &Option<String>| text.as_deref() == Some(key);
        if is(&self.id) || is(&self.call_id) {
            return true;
        }
        let (Some(call), Some(status)) = (&self.call_id, &self.status) else { return false };
        key.strip_prefix(&**call).and_then(|rest| rest.strip_prefix('/')) == Some(status)
    }

    /// True if it tells that a disposition was saved.
    pub fn is_disposition(&self) -> bool {
        match self.kind.as_deref() {
            Some(kind) => matches!(kind, "disposition.saved" | "sale.closed"),
            None => self.status.is_some(),
        }
    }
}

/// A number without the sign before it.
fn plain(number: String) -> String {
    number.trim_start_matches('+').to_owned()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn of_json(body: &[u8]) -> Option<Told> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let data = json.get("data").filter(|data| data.is_object()).unwrap_or(&json);
    let of = |names: &[&str]| names.iter().find_map(|name| data.get(name).and_then(text));
    Some(Told {
        id: ["id", "event_id"].iter().find_map(|name| json.get(name).and_then(text)),
        kind: ["type", "event"].iter().find_map(|name| json.get(name).and_then(text)),
        lead_id: of(&["lead_id"]),
        call_id: of(&["call_id", "uniqueid", "CallSid"]),
        status: of(&["status", "dispo"]),
        phone_number: of(&["phone_number"]).map(plain),
        agent: of(&["agent", "user"]),
        sub_status: of(&["sub_status"]),
        pause_code: of(&["pause_code"]),
    })
}

fn of_form(form: &Form) -> Told {
    let of = |names: &[&str]| form.any(names).map(str::to_owned);
    Told {
        id: of(&["id", "event_id"]),
        kind: of(&["type", "event"]).filter(|kind| kind.contains('.')),
        lead_id: of(&["lead_id"]),
        call_id: of(&["call_id", "uniqueid", "CallSid"]),
        status: of(&["status", "dispo"]),
        phone_number: of(&["phone_number"]).map(plain),
        agent: of(&["agent", "user"]),
        sub_status: of(&["sub_status"]),
        pause_code: of(&["pause_code"]),
    }
}

/// The claims of a JSON Web Token (RFC 7519): what stands between its dots, in base64 for URLs.
fn claims(token: &[u8]) -> Option<Vec<u8>> {
    let mut parts = token.split(|byte| *byte == b'.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else { return None };
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in claims {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
