//! URIs: `sip:`, `sips:`, `tel:`, and others as they stand.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::{self, Cursor, Flaw, HOST, SCHEME, URI, URI_PARAM, USER};
use super::{Field, Params, Problem, ReadError};

/// A URI, its parts as written (escapes are still in them).
///
/// ```
/// use busyhour::sip::Uri;
/// let uri = Uri::read("sip:al%69ce:secret@10.0.0.1:5070;transport=tcp?subject=hello").unwrap();
/// assert_eq!((uri.user, uri.password, uri.host, uri.port), (Some("al%69ce"), Some("secret"), "10.0.0.1", Some(5070)));
/// assert_eq!(uri.user_name().unwrap(), "alice");
/// assert_eq!(uri.params.value("transport"), Some("tcp"));
/// assert_eq!(uri.headers, "subject=hello");
///
/// let number = Uri::read("tel:+15551234;phone-context=example.com").unwrap();
/// assert_eq!((number.user, number.host), (Some("+15551234"), ""));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uri<'a> {
    /// All of it.
    pub raw: &'a str,
    /// The scheme as written, without its colon.
    pub scheme: &'a str,
    /// The user part, if there is one; the number of a `tel:`.
    pub user: Option<&'a str>,
    /// The password behind the user, if there is one.
    pub password: Option<&'a str>,
    /// The host: a name, an IPv4 address, an IPv6 address in its brackets. Empty if the scheme has none.
    pub host: &'a str,
    /// The port, if it's written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
    /// What's behind the question mark.
    pub headers: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI that stands by itself.
    ///
    /// # Errors
    /// It isn't one.
    pub fn read(text: &'a str) -> Result<Uri<'a>, ReadError> {
        Uri::parse(text).map_err(|flaw| ReadError::of(Field::Value, flaw))
    }

    pub(super) fn parse(raw: &'a str) -> Result<Uri<'a>, Flaw> {
        let mut cursor = Cursor::new(raw);
        let scheme = cursor.take(SCHEME);
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !cursor.eat(b':') {
            return Err(Flaw { problem: Problem::NoScheme, at: 0 });
        }
        let empty = Uri {
            raw,
            scheme,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::default(),
            headers: "",
        };
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            return empty.sip(cursor);
        }
        let start = cursor.at();
        if cursor.is_at_end() {
            return Err(cursor.flaw(Problem::NotAHost));
        }
        cursor.take(URI);
        if !cursor.is_at_end() {
            return Err(cursor.flaw(Problem::UriCharacter));
        }
        if !scheme.eq_ignore_ascii_case("tel") {
            return Ok(empty);
        }
        let (number, params) = split_at_byte(&raw[start..], b';');
        Ok(Uri { user: Some(number), params: Params::of_uri(params), ..empty })
    }

    fn sip(self, mut cursor: Cursor<'a>) -> Result<Uri<'a>, Flaw> {
        let mut uri = self;
        let rest = cursor.rest();
        if let Some(at) = memchr::memchr(b'@', rest.as_bytes()) {
            let start = cursor.at();
            escaped(&mut cursor, USER)?;
            let userinfo = cursor.since(start);
            if at == 0 || userinfo.len() != at || !cursor.eat(b'@') {
                return Err(cursor.flaw(Problem::UriCharacter));
            }
            let (user, password) = split_at_byte(userinfo, b':');
            uri.user = Some(user);
            uri.password = password.strip_prefix(':');
        }
        uri.host = host(&mut cursor)?;
        if cursor.eat(b':') {
            uri.port = Some(port(&mut cursor)?);
        }
        let tail = cursor.at();
        match cursor.peek() {
            None => return Ok(uri),
            Some(b';' | b'?') => {}
            Some(_) => return Err(cursor.flaw(Problem::UriCharacter)),
        }
        escaped(&mut cursor, URI_PARAM)?;
        let (params, headers) = split_at_byte(cursor.since(tail), b'?');
        if !cursor.is_at_end() {
            return Err(cursor.flaw(Problem::UriCharacter));
        }
        uri.params = Params::of_uri(params);
        uri.headers = headers.strip_prefix('?').unwrap_or_default();
        Ok(uri)
    }

    /// True for `sip:` and `sips:`.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.scheme.eq_ignore_ascii_case("sips")
    }

    /// The host's address, if it isn't a name.
    pub fn ip(&self) -> Option<IpAddr> {
        ip(self.host)
    }

    /// The user without its escapes.
    pub fn user_name(&self) -> Option<Cow<'a, str>> {
        self.user.map(unescape)
    }

    /// True if both mean the same: RFC 3261 19.1.4 for `sip:` and `sips:`, RFC 3966 5 for `tel:`; others must be
    /// equal but for their scheme's case.
    ///
    /// ```
    /// use busyhour::sip::Uri;
    /// let alice = Uri::read("sip:%61lice@AtlantA.com;transport=TCP").unwrap();
    /// assert!(alice.same_as(&Uri::read("sip:alice@atlanta.com;Transport=tcp").unwrap()));
    /// assert!(!alice.same_as(&Uri::read("sip:alice@atlanta.com:5060;transport=tcp").unwrap()));
    /// ```
    pub fn same_as(&self, other: &Uri<'_>) -> bool {
        if self.raw == other.raw {
            return true;
        }
        if !self.scheme.eq_ignore_ascii_case(other.scheme) {
            return false;
        }
        if self.scheme.eq_ignore_ascii_case("tel") {
            return self.same_number(other);
        }
        if !self.is_sip() {
            return self.raw[self.scheme.len()..] == other.raw[other.scheme.len()..];
        }
        let same_host = match (self.ip(), other.ip()) {
            (Some(mine), Some(its)) => mine == its,
            _ => self.host.eq_ignore_ascii_case(other.host),
        };
        same_host
            && self.port == other.port
            && same_part(self.user, other.user)
            && same_part(self.password, other.password)
            && covers(self.params, other.params)
            && covers(other.params, self.params)
            && same_headers(self.headers, other.headers)
    }

    fn same_number(&self, other: &Uri<'_>) -> bool {
        let digits = |uri: &Uri<'_>| -> String {
            let number = uri.user.unwrap_or_default();
            number.chars().filter(|c| !"-.()".contains(*c)).map(|c| c.to_ascii_lowercase()).collect()
        };
        let params = |uri: &Uri<'_>| {
            let mut params: Vec<_> = uri
                .params
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.map(str::to_ascii_lowercase)))
                .collect();
            params.sort();
            params
        };
        digits(self) == digits(other) && params(self) == params(other)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.raw)
    }
}

/// Splits before the first `byte`.
fn split_at_byte(text: &str, byte: u8) -> (&str, &str) {
    text.split_at(memchr::memchr(byte, text.as_bytes()).unwrap_or(text.len()))
}

/// Passes what is of the `classes`, and escapes.
fn escaped(cursor: &mut Cursor<'_>, classes: u8) -> Result<(), Flaw> {
    loop {
        cursor.take(classes);
        let flaw = cursor.flaw(Problem::UriCharacter);
        if !cursor.eat(b'%') {
            return Ok(());
        }
        for _ in 0..2 {
            match cursor.peek() {
                Some(digit) if digit.is_ascii_hexdigit() => cursor.eat(digit),
                _ => return Err(flaw),
            };
        }
    }
}

/// Passes a host: a name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn host<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Flaw> {
    let start = cursor.at();
    let flaw = cursor.flaw(Problem::NotAHost);
    if cursor.peek() == Some(b'[') {
        cursor.take_until(b"]");
        let reference = if cursor.eat(b']') { cursor.since(start) } else { "" };
        return ip(reference).map(|_| reference).ok_or(flaw);
    }
    let name = cursor.take(HOST);
    if name.is_empty() { Err(flaw) } else { Ok(name) }
}

/// Passes a port.
pub(super) fn port(cursor: &mut Cursor<'_>) -> Result<u16, Flaw> {
    let flaw = cursor.flaw(Problem::NotAPort);
    let start = cursor.at();
    while cursor.eat_digit() {}
    text::number(cursor.since(start), u64::from(u16::MAX)).map(|port| port as u16).map_err(|_| flaw)
}

/// The address that a host is: IPv4, or IPv6 in brackets. RFC 3261's grammar allows a third colon before an
/// embedded IPv4 address, and RFC 5118 4.10 wants it understood.
pub(super) fn ip(host: &str) -> Option<IpAddr> {
    let Some(reference) = host.strip_prefix('[') else {
        return host.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    };
    let address = reference.strip_suffix(']')?;
    let parsed = address.parse::<Ipv6Addr>().ok();
    parsed.or_else(|| address.contains('.').then(|| address.replacen(":::", "::", 1).parse().ok())?).map(IpAddr::V6)
}

/// A text as its characters, each with whether it was escaped though it could stand for something else: RFC 3261
/// 19.1.4 has an escape equal its character but for reserved ones.
fn characters(text: &str) -> impl Iterator<Item = (u8, bool)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        if byte == b'%'
            && let Some(escaped) = hex_pair(bytes.get(at + 1..at + 3))
        {
            at += 3;
            return Some((escaped, b";/?:@&=+$,".contains(&escaped)));
        }
        at += 1;
        Some((byte, false))
    })
}

fn hex_pair(digits: Option<&[u8]>) -> Option<u8> {
    let [high, low] = digits? else { return None };
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    Some((value(high)? * 16 + value(low)?) as u8)
}

fn same_text(one: &str, other: &str) -> bool {
    characters(one).eq(characters(other))
}

fn same_text_ignoring_case(one: &str, other: &str) -> bool {
    let lower = |(byte, reserved): (u8, bool)| (byte.to_ascii_lowercase(), reserved);
    characters(one).map(lower).eq(characters(other).map(lower))
}

fn same_part(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_text(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// True if each of `params` has its equal in `others`, or may be missing there. RFC 3261's text names user, ttl,
/// method and maddr as those that may not; its examples add transport.
fn covers(params: Params<'_>, others: Params<'_>) -> bool {
    params.iter().all(|(name, value)| match others.iter().find(|(other, _)| same_text_ignoring_case(name, other)) {
        Some((_, other)) => same_text_ignoring_case(value.unwrap_or_default(), other.unwrap_or_default()),
        None => !["user", "ttl", "method", "maddr", "transport"].iter().any(|kept| same_text_ignoring_case(name, kept)),
    })
}

fn same_headers(one: &str, other: &str) -> bool {
    let sorted = |headers: &str| {
        let parts = headers.split('&').map(|header| {
            let (name, value) = split_at_byte(header, b'=');
            let name: Vec<u8> = characters(name).map(|(byte, _)| byte.to_ascii_lowercase()).collect();
            (name, characters(value).collect::<Vec<_>>())
        });
        let mut parts: Vec<_> = parts.collect();
        parts.sort();
        parts
    };
    one == other || sorted(one) == sorted(other)
}

/// Text that may hold escapes, without them. What isn't UTF-8 then is replaced by U+FFFD.
///
/// ```
/// assert_eq!(busyhour::sip::unescape("caf%C3%A9%20"), "café ");
/// ```
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes: Vec<u8> = characters(text).map(|(byte, _)| byte).collect();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Any text as a URI's user part: what may not stand there is escaped, the colon too, which would begin a password.
///
/// ```
/// assert_eq!(busyhour::sip::escape_user("alice smith@home"), "alice%20smith%40home");
/// assert_eq!(busyhour::sip::escape_user("+1555"), "+1555");
/// ```
pub fn escape_user(text: &str) -> Cow<'_, str> {
    let stands = |byte: u8| text::is(byte, USER) && byte != b':' && byte != b'#';
    if text.bytes().all(stands) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if stands(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(escaped)
}
