//! What webhooks and APIs speak of: events, senders, receivers, functions, URLs.

use busyhour::webhook::event::EventKind;

use super::floor::quoted;
use super::names::Name;
use super::{Argument, ArgumentError};

/// A webhook receiver, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver(pub String);

impl Argument for Receiver {
    const NAME: &'static str = "receiver";
    const PATTERN: &'static str = Name::PATTERN;
    const DOC: &'static str = "the name of a webhook receiver: crm";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        Name::read(words).map(|name| Receiver(name.0))
    }
}

/// A kind of event, in double quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event(pub EventKind);

impl Argument for Event {
    const NAME: &'static str = "event";
    const PATTERN: &'static str = r#"(?:"[^"]*"|\p{L}+\.[\p{L}_]+)"#;
    const DOC: &'static str = "an event in double quotes: \"disposition.saved\", \"sale.closed\", \"call.started\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let name = quoted(words)?;
        name.parse().map(Event).map_err(|_| ArgumentError::NotAnEvent(name.to_owned()))
    }
}

/// Of which event: the optional tail ` of "disposition.saved"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfEvent(pub Option<EventKind>);

impl Argument for OfEvent {
    const NAME: &'static str = "of_event";
    const PATTERN: &'static str = r#"(?: of (?:"[^"]*"|\p{L}+\.[\p{L}_]+))?"#;
    const SHOWN: Option<&'static str> = Some(" [of {event}]");
    const DOC: &'static str = "nothing (any), or of which event: of \"disposition.saved\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let event = words.trim().strip_prefix("of ");
        event.map(|event| Event::read(event).map(|event| event.0)).transpose().map(OfEvent)
    }
}

/// By which contract: the optional tail ` by the "standard" sender`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BySender(pub Option<String>);

impl Argument for BySender {
    const NAME: &'static str = "by_sender";
    const PATTERN: &'static str = r#"(?: by the (?:"[^"]*"|\S+) sender)?"#;
    const SHOWN: Option<&'static str> = Some(" [by the {string} sender]");
    const DOC: &'static str = "nothing (the profile's own), or by which sender preset: by the \"standard\" sender";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let preset = words.trim().strip_prefix("by the ").and_then(|rest| rest.strip_suffix(" sender"));
        let Some(preset) = preset else { return Ok(BySender(None)) };
        let name = quoted(preset)?;
        let is_one = !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_ ".contains(sign));
        if is_one { Ok(BySender(Some(name.to_owned()))) } else { Err(ArgumentError::NotASender(name.to_owned())) }
    }
}

/// A function of an API, in double quotes. Whether there is one of that name is for the API to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiFunction(pub String);

impl Argument for ApiFunction {
    const NAME: &'static str = "function";
    const PATTERN: &'static str = r#"(?:"[^"]*"|[a-z]+_[a-z_]+)"#;
    const DOC: &'static str = "a function of an API in double quotes: \"add_lead\", \"external_hangup\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let name = quoted(words)?;
        let is_one = !name.is_empty() && name.bytes().all(|sign| sign.is_ascii_lowercase() || sign == b'_');
        if is_one { Ok(ApiFunction(name.to_owned())) } else { Err(ArgumentError::NotAFunction(name.to_owned())) }
    }
}

/// A URL of the web in double quotes; `--A--field--B--` may stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

impl Argument for Url {
    const NAME: &'static str = "url";
    const PATTERN: &'static str = r#"(?:"[^"]*"|\S+://\S+)"#;
    const DOC: &'static str = "a URL in double quotes: \"http://crm.test/pop?phone=--A--phone_number--B--\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let url = quoted(words)?;
        let not_one = || ArgumentError::NotAUrl(url.to_owned());
        let rest = url.strip_prefix("VAR").unwrap_or(url).strip_prefix("http://").ok_or_else(not_one)?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() || url.contains(char::is_whitespace) {
            return Err(not_one());
        }
        Ok(Url(url.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_of_those_there_are() {
        assert_eq!(Event::read("\"disposition.saved\""), Ok(Event(EventKind::DispositionSaved)));
        assert_eq!(Event::read("\"call.over\""), Err(ArgumentError::NotAnEvent("call.over".into())));
        assert_eq!(Event::read("sale.closed"), Err(ArgumentError::NotQuoted("sale.closed".into())));
        assert_eq!(OfEvent::read(""), Ok(OfEvent(None)));
        assert_eq!(OfEvent::read(" of \"lead.added\""), Ok(OfEvent(Some(EventKind::LeadAdded))));
        let listed = ArgumentError::NotAnEvent(String::new()).to_string();
        assert!(EventKind::ALL.iter().all(|kind| listed.contains(kind.name())), "{listed}");
    }

    #[test]
    fn a_sender_is_a_preset_of_whoever_wrote_it() {
        assert_eq!(BySender::read(""), Ok(BySender(None)));
        assert_eq!(BySender::read(" by the \"vicidial-dispo\" sender"), Ok(BySender(Some("vicidial-dispo".into()))));
        assert_eq!(BySender::read(" by the standard sender"), Err(ArgumentError::NotQuoted("standard".into())));
        assert_eq!(BySender::read(" by the \"../x\" sender"), Err(ArgumentError::NotASender("../x".into())));
    }

    #[test]
    fn a_function_is_written_as_the_apis_write_it() {
        assert_eq!(ApiFunction::read("\"add_lead\""), Ok(ApiFunction("add_lead".into())));
        assert_eq!(ApiFunction::read("\"Add lead\""), Err(ArgumentError::NotAFunction("Add lead".into())));
        assert_eq!(ApiFunction::read("add_lead"), Err(ArgumentError::NotQuoted("add_lead".into())));
    }

    #[test]
    fn a_url_is_one_without_tls() {
        let pop = "http://crm.test/pop?phone=--A--phone_number--B--";
        assert_eq!(Url::read(&format!("{pop:?}")), Ok(Url(pop.into())));
        assert!(Url::read(&format!("\"VAR{pop}\"")).is_ok());
        for wrong in ["https://crm.test/", "crm.test/pop", "http://", "http:///pop", "http://crm.test/a b"] {
            assert_eq!(Url::read(&format!("{wrong:?}")), Err(ArgumentError::NotAUrl(wrong.into())));
        }
    }
}
