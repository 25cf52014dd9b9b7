//! Messages become rsip's and come from them, for programs that speak rsip.

use super::{Message, Name, ReadError, Writer};

/// What rsip 0.4 can't hold is an error or is lost: it knows 14 methods, `sip:` and `sips:` URIs and no IPv6; the words
/// behind a status that it knows become its own. Names get their long form and folds become spaces on the way, as rsip
/// reads neither; what it makes of white space around a semicolon is its own affair.
///
/// ```
/// use busyhour::sip::{Message, Method, Name, Writer};
///
/// let ours = Message::read(Writer::request(Method::Bye, "sip:a@b").header(Name::CallId, "1").end())?;
/// let theirs = rsip::SipMessage::try_from(&ours)?;
/// assert!(theirs.is_request());
/// let back = Message::try_from(&theirs)?;
/// assert_eq!((back.method(), back.call_id()?), (Method::Bye, "1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl TryFrom<&Message> for rsip::SipMessage {
    type Error = rsip::Error;

    fn try_from(message: &Message) -> Result<rsip::SipMessage, rsip::Error> {
        let mut writer = match message.status() {
            Some(status) => Writer::response(status, message.reason()),
            None => Writer::request(message.method(), message.target()),
        };
        for header in message.headers().filter(|header| header.name != Name::ContentLength) {
            let name = if header.name == Name::Other { header.raw_name } else { header.name.as_str() };
            writer = writer.header(name, header.unfolded());
        }
        let mut theirs = rsip::SipMessage::try_from(&writer.end()[..])?;
        if !message.body().is_empty() {
            use rsip::message::HasHeaders;

            // rsip has one Content-Length as well as the others; it's the body's.
            let length = rsip::headers::ContentLength::from(message.body().len() as u32);
            theirs.headers_mut().unique_push(length.into());
            *theirs.body_mut() = message.body().to_vec();
        }
        Ok(theirs)
    }
}

/// Each header as rsip writes it, and the body byte for byte.
impl TryFrom<&rsip::SipMessage> for Message {
    type Error = ReadError;

    fn try_from(theirs: &rsip::SipMessage) -> Result<Message, ReadError> {
        use rsip::message::HasHeaders;

        let start = match theirs {
            rsip::SipMessage::Request(request) => format!("{} {} {}", request.method, request.uri, request.version),
            rsip::SipMessage::Response(response) => format!("{} {}", response.version, response.status_code),
        };
        let mut raw = start.into_bytes();
        raw.extend_from_slice(b"\r\n");
        for header in theirs.headers().iter() {
            raw.extend_from_slice(header.to_string().as_bytes());
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(theirs.body());
        Message::read(raw)
    }
}
