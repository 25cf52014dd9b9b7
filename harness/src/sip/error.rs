//! What can be wrong with a message, and which response says so.

use std::fmt;

use super::Name;
use super::text::Flaw;
use super::write::reason;

/// The part of a message that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The first line as a whole.
    StartLine,
    /// A request's method.
    Method,
    /// A request's target.
    Target,
    /// The version in the first line.
    Version,
    /// A response's status code.
    Status,
    /// The headers as lines: where they end, what their names are made of.
    Headers,
    /// A header.
    Header(Name),
    /// The body.
    Body,
    /// A value that was read by itself.
    Value,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::StartLine => "first line",
            Field::Method => "method",
            Field::Target => "Request-URI",
            Field::Version => "version",
            Field::Status => "status code",
            Field::Headers => "headers",
            Field::Header(Name::Other) => "header",
            Field::Header(name) => name.as_str(),
            Field::Body => "body",
            Field::Value => "value",
        })
    }
}

/// What's wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// Neither a SIP request nor a SIP response.
    #[error("this isn't SIP")]
    NotSip,
    /// The message stops in the headers.
    #[error("the message ends before the empty line behind the headers")]
    CutShort,
    /// A version that isn't 2.0.
    #[error("the SIP version isn't 2.0")]
    UnknownVersion,
    /// White space where none may be, or more of it.
    #[error("there's white space where none may be")]
    StraySpace,
    /// A status that isn't 100 to 699.
    #[error("the status isn't one of 100 to 699")]
    UnknownStatus,
    /// Line breaks are CR LF.
    #[error("a line doesn't end with CR LF")]
    LineEnd,
    /// Headers are UTF-8.
    #[error("the headers aren't UTF-8")]
    NotUtf8,
    /// A header line has a token, and a colon.
    #[error("a header line doesn't begin with a name and a colon")]
    NoHeaderName,
    /// Digits were due.
    #[error("this isn't a number")]
    NotANumber,
    /// More than its header allows.
    #[error("the number is too large")]
    NumberTooLarge,
    /// Content-Length announces more than there is.
    #[error("the body is shorter than Content-Length says")]
    BodyTooShort,
    /// A header that must be there isn't.
    #[error("it's missing")]
    Missing,
    /// A header that can be there once is there again.
    #[error("it's there more than once")]
    Repeated,
    /// CSeq names another method than the request.
    #[error("its method isn't the request's")]
    OtherMethod,
    /// A quoted string that doesn't end.
    #[error("a quoted string doesn't end")]
    UnclosedQuote,
    /// A URI begins with a scheme and a colon.
    #[error("a URI has no scheme")]
    NoScheme,
    /// A URI has a character that must be escaped, or an escape without two hex digits.
    #[error("a URI has a character that isn't allowed there")]
    UriCharacter,
    /// Neither a name nor an address.
    #[error("the host is neither a name nor an address")]
    NotAHost,
    /// Not a port.
    #[error("the port isn't one of 0 to 65535")]
    NotAPort,
    /// RFC 3261 19.1.1: headers have no place in a Request-URI.
    #[error("the URI has headers, which have no place here")]
    UriHeaders,
    /// RFC 3261 20: a URI with a comma, question mark or semicolon stands in angle brackets.
    #[error("the URI must stand in angle brackets")]
    NeedsBrackets,
    /// An angle bracket that isn't closed.
    #[error("an angle bracket isn't closed")]
    UnclosedBracket,
    /// Something else was due here.
    #[error("there's something that doesn't belong here")]
    Unexpected,
    /// Not a date in GMT.
    #[error("this isn't a date in GMT")]
    NotADate,
    /// More than is read.
    #[error("it's too long")]
    TooLong,
}

/// A message, or a value in it, that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{field} (byte {offset}): {problem}")]
pub struct ReadError {
    field: Field,
    problem: Problem,
    offset: usize,
    due: Option<u16>,
}

impl ReadError {
    pub(super) fn new(field: Field, problem: Problem, offset: usize) -> ReadError {
        ReadError { field, problem, offset, due: None }
    }

    pub(super) fn of(field: Field, flaw: Flaw) -> ReadError {
        ReadError::new(field, flaw.problem, flaw.at)
    }

    /// The same, about a request that has a response to come.
    pub(super) fn due(mut self) -> ReadError {
        self.due = Some(match self.problem {
            Problem::UnknownVersion => 505,
            Problem::TooLong => 513,
            _ => 400,
        });
        self
    }

    /// Which part of the message it's about.
    pub fn field(&self) -> Field {
        self.field
    }

    /// What's wrong with that part.
    pub fn problem(&self) -> Problem {
        self.problem
    }

    /// At which byte of the message (of the value, for one that was read by itself).
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The response that is due: none to a response, an ACK, or what isn't SIP.
    pub fn status(&self) -> Option<(u16, &'static str)> {
        self.due.map(|status| (status, reason(status)))
    }
}
