//! Typed values of headers, read when they're asked for.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::text::{self, Cursor, Flaw, SPACE, TOKEN};
use super::{Field, Method, Params, Problem, ReadError, Uri, uri};

/// The largest CSeq number (RFC 3261 8.1.1.5).
const LARGEST_CSEQ: u64 = (1 << 31) - 1;

/// Where a response goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `WS`, ..., as written.
    pub transport: &'a str,
    /// The host, as in a [`Uri`].
    pub host: &'a str,
    /// The port, if it's written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads a value that stands by itself.
    ///
    /// # Errors
    /// It isn't one.
    pub fn read(text: &'a str) -> Result<Via<'a>, ReadError> {
        alone(text, Via::parse)
    }

    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Via<'a>, Flaw> {
        cursor.skip_space();
        let protocol = cursor.flaw(Problem::Unexpected);
        if !cursor.take(TOKEN).eq_ignore_ascii_case("SIP") || !cursor.eat_spaced(b'/') {
            return Err(protocol);
        }
        let version = cursor.flaw(Problem::UnknownVersion);
        if cursor.take(TOKEN) != "2.0" || !cursor.eat_spaced(b'/') {
            return Err(version);
        }
        let transport = cursor.take(TOKEN);
        if transport.is_empty() || cursor.take(SPACE).is_empty() {
            return Err(cursor.flaw(Problem::Unexpected));
        }
        let host = uri::host(cursor)?;
        let port = if cursor.eat_spaced(b':') { Some(uri::port(cursor)?) } else { None };
        let params = Params::read(cursor)?;
        Ok(Via { transport, host, port, params })
    }

    /// Names the transaction, if RFC 3261's magic cookie is in front.
    #[inline]
    pub fn branch(&self) -> Option<&'a str> {
        self.params.value("branch")
    }

    /// Where the request came from, as its receiver saw it; IPv6 with or without brackets (RFC 5118 4.5).
    pub fn received(&self) -> Option<&'a str> {
        self.params.value("received")
    }

    /// The same as an address.
    pub fn received_ip(&self) -> Option<IpAddr> {
        let received = self.received()?;
        uri::ip(received).or_else(|| received.parse().ok())
    }

    /// RFC 3581: nothing without the parameter, `Some(None)` if it asks, the port in an answer.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|value| value.and_then(|port| port.parse().ok()))
    }

    /// Host and port as they stand: RFC 3261 17.2.3 compares them.
    pub fn sent_by(&self) -> SentBy<'a> {
        SentBy { host: self.host, port: self.port }
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}{}", self.transport, self.sent_by(), self.params)
    }
}

/// The `sent-by` of a Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SentBy<'a> {
    /// The host.
    pub host: &'a str,
    /// The port, if it's written.
    pub port: Option<u16>,
}

impl SentBy<'_> {
    /// True if both name the same place: hosts in any case, a missing port being 5060.
    pub fn same_as(&self, other: &SentBy<'_>) -> bool {
        self.host.eq_ignore_ascii_case(other.host) && self.port.unwrap_or(5060) == other.port.unwrap_or(5060)
    }
}

impl fmt::Display for SentBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(self.host),
        }
    }
}

/// Somebody: a URI, perhaps with a name, and the parameters behind it.
///
/// ```
/// use busyhour::sip::Address;
/// let bob = Address::read(r#""Bob \"B\" <b>" <sip:bob@10.0.0.1;lr>;tag=1;q=0.5"#).unwrap();
/// assert_eq!(bob.display_name(), r#"Bob "B" <b>"#);
/// assert_eq!(bob.uri.raw, "sip:bob@10.0.0.1;lr");
/// assert_eq!((bob.tag(), bob.q()), (Some("1"), Some(500)));
/// // Without brackets what's behind a semicolon belongs to the header.
/// assert_eq!(Address::read("sip:bob@10.0.0.1;tag=2").unwrap().tag(), Some("2"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// The name as written, with its quotes; empty if there's none.
    pub display: &'a str,
    /// The URI.
    pub uri: Uri<'a>,
    /// The header's parameters.
    pub params: Params<'a>,
}

impl<'a> Address<'a> {
    /// Reads a value that stands by itself.
    ///
    /// # Errors
    /// It isn't one.
    pub fn read(text: &'a str) -> Result<Address<'a>, ReadError> {
        alone(text, Address::parse)
    }

    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Address<'a>, Flaw> {
        cursor.skip_space();
        let start = cursor.at();
        let quoted = cursor.peek() == Some(b'"');
        if quoted {
            cursor.quoted()?;
            cursor.skip_space();
        } else {
            cursor.take(TOKEN | SPACE);
        }
        let (display, uri) = if cursor.peek() == Some(b'<') {
            let display = text::trim(cursor.since(start));
            cursor.eat(b'<');
            (display, Address::bracketed(cursor)?)
        } else if quoted {
            return Err(cursor.flaw(Problem::Unexpected));
        } else {
            // The tokens were no name: the first of them is the scheme.
            *cursor = cursor.back_to(start);
            ("", Address::bare(cursor)?)
        };
        Ok(Address { display, uri, params: Params::read(cursor)? })
    }

    fn bracketed(cursor: &mut Cursor<'a>) -> Result<Uri<'a>, Flaw> {
        let start = cursor.at();
        let uri = cursor.take_until(b">");
        if !cursor.eat(b'>') {
            return Err(Flaw { problem: Problem::UnclosedBracket, at: start });
        }
        Uri::parse(uri).map_err(|flaw| Flaw { at: start + flaw.at, ..flaw })
    }

    fn bare(cursor: &mut Cursor<'a>) -> Result<Uri<'a>, Flaw> {
        let start = cursor.at();
        let uri = cursor.take_until(b" \t\r\n;,<>\"");
        if let Some(at) = uri.find('?') {
            return Err(Flaw { problem: Problem::NeedsBrackets, at: start + at });
        }
        Uri::parse(uri).map_err(|flaw| Flaw { at: start + flaw.at, ..flaw })
    }

    /// The name without quotes and backslashes.
    pub fn display_name(&self) -> Cow<'a, str> {
        unquote(self.display)
    }

    /// The dialog's tag.
    #[inline]
    pub fn tag(&self) -> Option<&'a str> {
        self.params.value("tag")
    }

    /// A contact's seconds; more than 2^32-1 is that (RFC 4475 3.1.2.4), and what isn't a number isn't there.
    pub fn expires(&self) -> Option<u32> {
        self.params.value("expires").and_then(seconds)
    }

    /// A contact's preference, in thousandths: `q=0.7` is 700.
    pub fn q(&self) -> Option<u16> {
        let (whole, fraction) = match self.params.value("q")?.split_once('.') {
            Some((whole, fraction)) => (whole, fraction),
            None => (self.params.value("q")?, ""),
        };
        if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let thousandths =
            fraction.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        match (whole, thousandths) {
            ("0" | "", thousandths) => Some(thousandths),
            ("1", 0) => Some(1000),
            _ => None,
        }
    }

    /// The device, as outbound registrations name it (RFC 5626), without its quotes: `<urn:uuid:...>`.
    pub fn instance(&self) -> Option<Cow<'a, str>> {
        self.params.unquoted("+sip.instance")
    }

    /// Which of the device's flows this is (RFC 5626).
    pub fn reg_id(&self) -> Option<u32> {
        self.params.value("reg-id").and_then(|id| id.parse().ok())
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.display.is_empty() { "" } else { " " };
        write!(f, "{}{space}<{}>{}", self.display, self.uri, self.params)
    }
}

/// The number of a request in its dialog, and its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number.
    pub number: u32,
    /// The method.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a value that stands by itself.
    ///
    /// # Errors
    /// It isn't one.
    pub fn read(text: &'a str) -> Result<CSeq<'a>, ReadError> {
        alone(text, CSeq::parse)
    }

    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<CSeq<'a>, Flaw> {
        cursor.skip_space();
        let flaw = cursor.flaw(Problem::NotANumber);
        let digits = cursor.take_until(b" \t\r\n");
        let number = text::number(digits, LARGEST_CSEQ).map_err(|problem| Flaw { problem, ..flaw })?;
        cursor.skip_space();
        let method = cursor.take(TOKEN);
        if method.is_empty() {
            return Err(cursor.flaw(Problem::Unexpected));
        }
        Ok(CSeq { number: number as u32, method: Method::of(method) })
    }
}

impl fmt::Display for CSeq<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// Reads a value that nothing follows.
fn alone<'a, T>(text: &'a str, parse: impl Fn(&mut Cursor<'a>) -> Result<T, Flaw>) -> Result<T, ReadError> {
    whole(text, parse).map_err(|flaw| ReadError::of(Field::Value, flaw))
}

/// Reads a value that has its header to itself.
#[inline]
pub(super) fn whole<'a, T>(text: &'a str, parse: impl Fn(&mut Cursor<'a>) -> Result<T, Flaw>) -> Result<T, Flaw> {
    let mut cursor = Cursor::new(text);
    let value = parse(&mut cursor)?;
    cursor.skip_space();
    if cursor.is_at_end() { Ok(value) } else { Err(cursor.flaw(Problem::Unexpected)) }
}

/// Reads the first value of a list.
#[inline]
pub(super) fn first<'a, T>(text: &'a str, parse: impl Fn(&mut Cursor<'a>) -> Result<T, Flaw>) -> Result<T, Flaw> {
    let mut cursor = Cursor::new(text);
    let value = parse(&mut cursor)?;
    cursor.skip_space();
    if cursor.is_at_end() || cursor.eat(b',') { Ok(value) } else { Err(cursor.flaw(Problem::Unexpected)) }
}

/// Reads all values of a list.
pub(super) fn list<'a, T>(
    text: &'a str,
    values: &mut Vec<T>,
    parse: impl Fn(&mut Cursor<'a>) -> Result<T, Flaw>,
) -> Result<(), Flaw> {
    let mut cursor = Cursor::new(text);
    loop {
        values.push(parse(&mut cursor)?);
        cursor.skip_space();
        if cursor.is_at_end() {
            return Ok(());
        }
        if !cursor.eat(b',') {
            return Err(cursor.flaw(Problem::Unexpected));
        }
    }
}

/// Seconds of any length; more than 2^32-1 is that.
pub(super) fn seconds(digits: &str) -> Option<u32> {
    text::saturating_number(digits).map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// A quoted string without its quotes and backslashes; anything else as it stands.
pub(super) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut characters = inner.chars();
    let mut plain = String::with_capacity(inner.len());
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Cow::Owned(plain)
}

/// Any text as a quoted string. Line breaks, which can't stand in one, become spaces.
///
/// ```
/// assert_eq!(busyhour::sip::quote(r#"Bob "B""#), r#""Bob \"B\"""#);
/// ```
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\r' | '\n' => quoted.push(' '),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
