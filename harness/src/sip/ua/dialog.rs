//! Dialogs (RFC 3261 section 12): who the other side is, and the way to it.

use super::super::{Message, Name, ReadError};

/// What a dialog knows of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialog {
    /// The other side's tag; empty from one that predates them (RFC 2543).
    pub remote_tag: String,
    /// The other side as it stands in To or From, tag included.
    pub remote: String,
    /// The remote target: where requests are addressed to.
    pub target: String,
    /// The route set.
    pub routes: Vec<String>,
    /// The last RSeq that was acknowledged.
    pub rseq: Option<u32>,
}

impl Dialog {
    /// The dialog that a response makes, for the caller (12.1.2).
    pub(super) fn of_response(response: &Message) -> Result<Dialog, ReadError> {
        let mut routes = header_list(response, Name::RecordRoute);
        routes.reverse();
        Ok(Dialog {
            remote_tag: response.to()?.tag().unwrap_or_default().to_owned(),
            remote: response.first(Name::To).unwrap_or_default().to_owned(),
            target: target_of(response)?.unwrap_or_default(),
            routes,
            rseq: None,
        })
    }

    /// The dialog that a request makes, for the one who's called (12.1.1).
    pub(super) fn of_request(request: &Message) -> Result<Dialog, ReadError> {
        Ok(Dialog {
            remote_tag: request.from()?.tag().unwrap_or_default().to_owned(),
            remote: request.first(Name::From).unwrap_or_default().to_owned(),
            target: target_of(request)?.unwrap_or_default(),
            routes: header_list(request, Name::RecordRoute),
            rseq: None,
        })
    }

    /// A target refresh (12.2.1.2): the other side has moved.
    pub(super) fn refresh(&mut self, message: &Message) {
        if let Ok(Some(target)) = target_of(message) {
            self.target = target;
        }
    }
}

/// The URI of the first Contact.
pub(super) fn target_of(message: &Message) -> Result<Option<String>, ReadError> {
    Ok(message.contacts()?.first().map(|contact| contact.uri.raw.to_owned()))
}

/// Each value of a header that lists name-addrs, as it stands. Only a comma outside of angle brackets and quotes parts
/// two of them.
fn header_list(message: &Message, name: Name) -> Vec<String> {
    let mut values = Vec::new();
    for line in message.all(name) {
        let (mut depth, mut quoted, mut escaped, mut start) = (0u32, false, false, 0);
        for (at, sign) in line.char_indices() {
            match sign {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '<' if !quoted => depth += 1,
                '>' if !quoted => depth = depth.saturating_sub(1),
                ',' if !quoted && depth == 0 => {
                    values.push(line[start..at].trim().to_owned());
                    start = at + 1;
                }
                _ => {}
            }
        }
        values.push(line[start..].trim().to_owned());
    }
    values.retain(|value| !value.is_empty());
    values
}
