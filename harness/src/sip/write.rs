//! Writing messages.

use std::fmt::Display;
use std::io::Write;

use bytes::Bytes;
use memchr::{memchr, memchr2};

use super::{Address, Message, Method, Name, ReadError, text};

/// Most messages fit, and a datagram in a frame of 1,500 bytes does.
const USUAL_LENGTH: usize = 1024;

/// Writes a message, header by header. Content-Length comes by itself, last.
///
/// ```
/// use busyhour::sip::{Message, Method, Name, Writer};
///
/// let request = Writer::request(Method::Options, "sip:bob@10.0.0.2")
///     .header(Name::Via, "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1")
///     .header(Name::From, "<sip:alice@10.0.0.1>;tag=a")
///     .header(Name::To, "<sip:bob@10.0.0.2>")
///     .header(Name::CallId, "1")
///     .header(Name::CSeq, format_args!("{} OPTIONS", 1))
///     .header("X-Mood", "good")
///     .end();
/// let request = Message::read(request)?;
/// let answer = Message::read(Writer::answer(&request, 200, "OK", Some("b")).end())?;
/// assert_eq!(answer.to()?.tag(), Some("b"));
/// # Ok::<(), busyhour::sip::ReadError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a message is written when it's ended"]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A request to `target`.
    pub fn request(method: Method<'_>, target: &str) -> Writer {
        let mut writer = Writer { bytes: Vec::with_capacity(USUAL_LENGTH) };
        writer.push(&[method.as_str(), " ", target, " SIP/2.0\r\n"]);
        writer
    }

    /// A response, without any header.
    pub fn response(status: u16, reason: &str) -> Writer {
        let mut writer = Writer { bytes: Vec::with_capacity(USUAL_LENGTH) };
        // A vector takes whatever it's given.
        let _ = write!(writer.bytes, "SIP/2.0 {status} ");
        writer.one_line(reason);
        writer.push(&["\r\n"]);
        writer
    }

    /// The response to a request, with what RFC 3261 8.2.6 and 12.1.1 have it take over as it stands: Via, From, To
    /// (with the tag, if it has none), Call-ID, CSeq; Record-Route if the response makes a dialog; Timestamp in a 100.
    pub fn answer(request: &Message, status: u16, reason: &str, to_tag: Option<&str>) -> Writer {
        let mut writer = Writer::response(status, reason).copy(request, Name::Via).copy(request, Name::From);
        for to in request.all(Name::To) {
            writer.push(&["To: ", to]);
            if let Some(tag) = to_tag
                && Address::read(to).is_ok_and(|to| to.tag().is_none())
            {
                writer.push(&[";tag=", tag]);
            }
            writer.push(&["\r\n"]);
        }
        writer = writer.copy(request, Name::CallId).copy(request, Name::CSeq);
        match status {
            100 => writer.copy(request, Name::Timestamp),
            101..300 if request.method().makes_a_dialog() => writer.copy(request, Name::RecordRoute),
            _ => writer,
        }
    }

    /// Writes a header: [`Name`] or any other name. A line break in the value becomes spaces, so that a value never
    /// ends its line.
    pub fn header(mut self, name: impl AsRef<str>, value: impl Display) -> Writer {
        let name = name.as_ref();
        debug_assert!(text::all(name.as_bytes(), text::TOKEN), "{name:?} can't be the name of a header");
        self.push(&[name, ": "]);
        let start = self.bytes.len();
        let _ = write!(self.bytes, "{value}");
        self.mend_line_breaks(start);
        self.push(&["\r\n"]);
        self
    }

    /// Writes every header of that name as it stands in `from`, under its long name.
    pub fn copy(mut self, from: &Message, name: Name) -> Writer {
        for header in from.headers_named(name) {
            let name = if name == Name::Other { header.raw_name } else { name.as_str() };
            self.push(&[name, ": ", header.value, "\r\n"]);
        }
        self
    }

    /// Ends the message with a body.
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Bytes {
        self = self.header(Name::ContentType, content_type);
        let _ = write!(self.bytes, "Content-Length: {}\r\n\r\n", body.len());
        self.bytes.extend_from_slice(body);
        self.bytes.into()
    }

    /// Ends the message without a body.
    pub fn end(mut self) -> Bytes {
        self.push(&["Content-Length: 0\r\n\r\n"]);
        self.bytes.into()
    }

    fn push(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
    }

    fn one_line(&mut self, text: &str) {
        let start = self.bytes.len();
        self.push(&[text]);
        self.mend_line_breaks(start);
    }

    fn mend_line_breaks(&mut self, start: usize) {
        let written = &mut self.bytes[start..];
        if memchr2(b'\r', b'\n', written).is_some() {
            for byte in written.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')) {
                *byte = b' ';
            }
        }
    }
}

/// The response to a request that can't be read, as far as one is due and the request shows where it goes: its Vias,
/// and the first From, To, Call-ID and CSeq, as they stand.
pub fn answer_unreadable(raw: &[u8], error: &ReadError, to_tag: &str) -> Option<Bytes> {
    let (status, reason) = error.status()?;
    let mut writer = Writer::response(status, reason);
    let mut copied: Vec<Name> = Vec::new();
    let mut rest = &raw[memchr(b'\n', raw)? + 1..];
    while let Some(end) = line_end(rest) {
        let (line, behind) = rest.split_at(end);
        let line = line.trim_ascii_end();
        rest = behind;
        if line.is_empty() {
            break;
        }
        let Some(colon) = memchr(b':', line) else { continue };
        let name = std::str::from_utf8(line[..colon].trim_ascii()).map_or(Name::Other, Name::of);
        let wanted = [Name::From, Name::To, Name::CallId, Name::CSeq].contains(&name) && !copied.contains(&name);
        if wanted || name == Name::Via {
            copied.push(name);
            writer.push(&[name.as_str(), ": "]);
            writer.bytes.extend_from_slice(line[colon + 1..].trim_ascii());
            if name == Name::To && !line.windows(4).any(|word| word.eq_ignore_ascii_case(b"tag=")) {
                writer.push(&[";tag=", to_tag]);
            }
            writer.push(&["\r\n"]);
        }
    }
    copied.contains(&Name::Via).then(|| writer.end())
}

/// Where the first line ends, its folds included.
fn line_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr(b'\n', &text[at..])? + 1;
        let blank = text[..at].trim_ascii().is_empty();
        if blank || !matches!(text.get(at), Some(b' ' | b'\t')) {
            return Some(at);
        }
    }
}

/// The words that RFCs put behind a status; for one that's unknown, its class's.
///
/// ```
/// assert_eq!(busyhour::sip::reason(486), "Busy Here");
/// ```
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        417 => "Unknown Resource-Priority",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        428 => "Use Identity Header",
        429 => "Provide Referrer Identity",
        430 => "Flow Failed",
        433 => "Anonymity Disallowed",
        439 => "First Hop Lacks Outbound Support",
        440 => "Max-Breadth Exceeded",
        469 => "Bad Info Package",
        470 => "Consent Needed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        555 => "Push Notification Service Not Supported",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ => match status / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            5 => "Server Error",
            6 => "Global Failure",
            _ => "Unknown",
        },
    }
}
