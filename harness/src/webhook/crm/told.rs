//! What a delivery tells a CRM, whatever its sender writes like.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::http::Request;
use crate::webhook::date;
use crate::webhook::event::{Event, EventKind};
use bytes::Bytes;

/// A delivery as far as the CRM cares. It's kept on its disk like this until the work is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Equal for all copies of one event, different for any two events.
    pub(super) key: String,
    /// The sender's own id of the event, where it has one.
    pub(super) id: Option<String>,
    /// An event's name.
    pub(super) kind: Option<String>,
    pub(super) lead_id: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) status: Option<String>,
    /// Grows with each event of a lead; 0 if the sender doesn't count.
    pub(super) sequence: u64,
    /// In milliseconds since 1970, where the sender says it.
    pub(super) occurred_at: Option<u64>,
}

impl Told {
    pub(super) fn kind(&self) -> Option<EventKind> {
        self.kind.as_ref()?.parse().ok()
    }
}

/// Reads a delivery. `body` is what the signature vouches for, unwrapped if it was wrapped.
///
/// The idempotency key is the event's id. Senders without ids (VICIdial's URLs) get one from what they say: the call and
/// the status that it was given. So one call that is given the same status twice counts once, and another status is
/// another event. Where not even that is told, the key is a hash of what was sent.
pub(super) fn read(request: &Request<Bytes>, body: &[u8]) -> Result<Told, String> {
    let is_json = body.trim_ascii_start().starts_with(b"{");
    let (said, event) = if is_json {
        let event = Event::from_json(body).map_err(|error| error.to_string())?;
        (event.data.clone(), Some(event))
    } else {
        (said(request, body), None)
    };
    let of = |names: &[&str]| names.iter().find_map(|name| said.get(*name)).filter(|text| !text.is_empty()).cloned();
    let lead_id = of(&["lead_id"]);
    let call_id = of(&["call_id", "uniqueid", "CallSid"]);
    let status = of(&["dispo", "status"]);
    let Some(event) = event else {
        if said.is_empty() {
            return Err("nothing is told".to_owned());
        }
        let id = of(&["id", "event_id"]);
        let by_status = status.as_ref().map(|_| EventKind::DispositionSaved.name().to_owned());
        let kind = of(&["type", "event"]).filter(|kind| kind.parse::<EventKind>().is_ok()).or(by_status);
        let key = match (&id, &call_id, &status) {
            (Some(id), ..) => id.clone(),
            (None, Some(call), Some(status)) => format!("{call}/{status}"),
            _ => format!("{:016x}", xxh3_64(format!("{:?}/{}", said, request.uri().path()).as_bytes())),
        };
        let occurred_at = of(&["timestamp"]).and_then(|text| date::parse_rfc3339(&text));
        let sequence = of(&["sequence"]).and_then(|text| text.parse().ok()).unwrap_or(0);
        return Ok(Told { key, id, kind, lead_id, call_id, status, sequence, occurred_at });
    };
    Ok(Told {
        key: event.id.clone(),
        id: Some(event.id),
        kind: Some(event.kind.name().to_owned()),
        lead_id,
        call_id,
        status,
        sequence: event.sequence,
        occurred_at: Some(event.occurred_at),
    })
}

/// The fields of a form, or of the query where there's no body. Never of both: most schemes sign one of them.
fn said(request: &Request<Bytes>, body: &[u8]) -> BTreeMap<String, String> {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let said = if body.is_empty() { query } else { body };
    form_urlencoded::parse(said).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Result<Told, String> {
        read(&Request::get(target).body(Bytes::new()).unwrap(), b"")
    }

    fn post(body: &[u8]) -> Result<Told, String> {
        read(&Request::post("/hook").body(Bytes::copy_from_slice(body)).unwrap(), body)
    }

    /// Domain: Part 2, Webhooks: VICIdial's URLs have no id, no signature, no time.
    #[test]
    fn a_sender_without_ids_gets_a_key_from_the_call_and_its_status() {
        let told = get("/hook?lead_id=1001&dispo=SALE&call_id=M1&talk_time=12").unwrap();
        assert_eq!((told.key.as_str(), told.id.as_deref()), ("M1/SALE", None));
        assert_eq!(told.kind(), Some(EventKind::DispositionSaved));
        assert_eq!(get("/hook?lead_id=1001&dispo=SALE&call_id=M1&talk_time=13").unwrap().key, told.key);
        assert_ne!(get("/hook?lead_id=1001&dispo=NI&call_id=M1").unwrap().key, told.key, "another status");
        assert_ne!(get("/hook?lead_id=1001&dispo=SALE&call_id=M2").unwrap().key, told.key, "another call");
    }

    #[test]
    fn where_no_call_is_told_only_an_equal_request_has_an_equal_key() {
        let one = get("/hook?lead_id=1001&dispo=SALE").unwrap().key;
        assert_eq!(get("/hook?lead_id=1001&dispo=SALE").unwrap().key, one);
        assert_ne!(get("/hook?lead_id=1002&dispo=SALE").unwrap().key, one);
    }

    #[test]
    fn an_events_id_is_its_key_in_json_and_in_a_form() {
        let event = Event::new("evt_1", EventKind::SaleClosed, 1_795_442_400_250).numbered(4).with("lead_id", 7);
        let told = post(&event.to_json()).unwrap();
        assert_eq!((told.key.as_str(), told.kind(), told.sequence), ("evt_1", Some(EventKind::SaleClosed), 4));
        assert_eq!((told.occurred_at, told.lead_id.as_deref()), (Some(1_795_442_400_250), Some("7")));
        let form = b"id=evt_1&type=sale.closed&timestamp=2026-11-23T14%3A00%3A00.250Z&sequence=4&lead_id=7";
        assert_eq!(post(form).unwrap(), told);
    }

    #[test]
    fn what_tells_nothing_is_refused() {
        assert!(get("/hook").is_err());
        assert!(post(b"{\"lead_id\":").is_err());
    }
}
