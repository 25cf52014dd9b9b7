//! Messages, read without copying them.

use std::fmt;
use std::ops::Range;
use std::str;
use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr, memchr2, memrchr};

use super::text::{self, Cursor, Flaw, TOKEN};
use super::values::{self, Address, CSeq, Via};
use super::{Field, Header, Method, Name, Problem, ReadError, Uri};

/// As many headers as are found without a second allocation.
const FEW: usize = 24;

/// A request or a response: its bytes, and where its headers are in them. What a header says is read when it's asked
/// for, so that a message can be kept, looked at and sent on even if some of its values are nonsense;
/// [`Message::check`] judges them all. A clone shares the bytes.
///
/// ```
/// use busyhour::sip::{Message, Method, Name};
///
/// let message = Message::read(
///     "OPTIONS sip:bob@example.com SIP/2.0\r\n\
///      v: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n\
///      From: <sip:alice@example.com>;tag=a\r\n\
///      To: <sip:bob@example.com>\r\n\
///      Call-ID: 1@10.0.0.1\r\n\
///      CSeq: 7 OPTIONS\r\n\
///      Content-Length: 0\r\n\r\n",
/// )?;
/// assert_eq!(message.method(), Method::Options);
/// assert_eq!(message.via()?.branch(), Some("z9hG4bK1"));
/// assert_eq!(message.from()?.tag(), Some("a"));
/// assert_eq!(message.first(Name::CallId), Some("1@10.0.0.1"));
/// message.check()?;
/// # Ok::<(), busyhour::sip::ReadError>(())
/// ```
#[derive(Clone)]
pub struct Message {
    raw: Bytes,
    start: Start,
    lines: Arc<[Line]>,
    body: u32,
}

/// Where something is in the message.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A message is shorter than 4 GiB: [`Message::read`] looks first.
    #[inline]
    fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    #[inline]
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[derive(Clone, Copy)]
enum Start {
    Request { method: Span, target: Span },
    Response { status: u16, reason: Span },
}

/// A header line.
#[derive(Clone, Copy)]
struct Line {
    name: Name,
    raw_name: Span,
    value: Span,
}

/// The header lines while they're found.
struct Lines {
    few: [Line; FEW],
    count: usize,
    many: Vec<Line>,
}

impl Lines {
    fn new() -> Lines {
        let empty = Line { name: Name::Other, raw_name: Span::default(), value: Span::default() };
        Lines { few: [empty; FEW], count: 0, many: Vec::new() }
    }

    #[inline]
    fn push(&mut self, line: Line) {
        if self.count < FEW {
            self.few[self.count] = line;
            self.count += 1;
        } else {
            if self.many.is_empty() {
                self.many.extend_from_slice(&self.few);
            }
            self.many.push(line);
        }
    }

    fn finish(self) -> Arc<[Line]> {
        if self.many.is_empty() { Arc::from(&self.few[..self.count]) } else { Arc::from(self.many) }
    }
}

impl Message {
    /// Reads a datagram, or whatever else holds one message. Content-Length cuts the body and what's behind it is
    /// dropped (RFC 3261 18.3); without it the body is all the rest. Line breaks before the message are skipped.
    ///
    /// # Errors
    /// It isn't SIP, or can't be told where its parts are. Values aren't looked at, but for Content-Length.
    pub fn read(raw: impl Into<Bytes>) -> Result<Message, ReadError> {
        let mut raw = raw.into();
        if u32::try_from(raw.len()).is_err() {
            return Err(ReadError::new(Field::Body, Problem::TooLong, u32::MAX as usize));
        }
        let blank = leading_line_breaks(&raw);
        if blank > 0 {
            raw = raw.slice(blank..);
        }
        let (start, at) = read_start(&raw)?;
        let due = |error: ReadError| if start.is_answered(&raw) { error.due() } else { error };
        let mut lines = Lines::new();
        let (body, length) = read_headers(&raw, at, &mut lines).map_err(due)?;
        if let Err(error) = str::from_utf8(&raw[..body]) {
            return Err(due(ReadError::new(Field::Headers, Problem::NotUtf8, error.valid_up_to())));
        }
        if let Some((length, at)) = length {
            let end = usize::try_from(length).ok().and_then(|length| body.checked_add(length));
            let Some(end) = end.filter(|end| *end <= raw.len()) else {
                return Err(due(ReadError::new(Field::Header(Name::ContentLength), Problem::BodyTooShort, at)));
            };
            raw.truncate(end);
        }
        Ok(Message { raw, start, lines: lines.finish(), body: body as u32 })
    }

    /// The bytes of this message, and of no other.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// True for a request, false for a response.
    #[inline]
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// What a request asks for; of a response, what it answers (by its CSeq; empty if that can't be read).
    #[inline]
    pub fn method(&self) -> Method<'_> {
        match self.start {
            Start::Request { method, .. } => Method::of(self.text(method)),
            Start::Response { .. } => self.cseq().map_or(Method::Other(""), |cseq| cseq.method),
        }
    }

    /// A response's status.
    #[inline]
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The words behind a response's status; empty for a request.
    pub fn reason(&self) -> &str {
        match self.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => self.text(reason),
        }
    }

    /// A request's target as written; empty for a response.
    pub fn target(&self) -> &str {
        match self.start {
            Start::Request { target, .. } => self.text(target),
            Start::Response { .. } => "",
        }
    }

    /// A request's target.
    ///
    /// # Errors
    /// It's no URI, or has headers (RFC 3261 19.1.1), or this is a response.
    pub fn target_uri(&self) -> Result<Uri<'_>, ReadError> {
        let offset = match self.start {
            Start::Request { target, .. } => target.start as usize,
            Start::Response { .. } => 0,
        };
        let target = self.target();
        let headers = |uri: &Uri<'_>| target.len() - uri.headers.len() - 1;
        let uri = Uri::parse(target).and_then(|uri| match uri.headers {
            "" => Ok(uri),
            _ => Err(Flaw { problem: Problem::UriHeaders, at: headers(&uri) }),
        });
        uri.map_err(|flaw| self.due(ReadError::new(Field::Target, flaw.problem, offset + flaw.at)))
    }

    /// Each header line, in their order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.lines.iter().map(|line| self.header(line))
    }

    /// The value of the first header of that name, as written.
    #[inline]
    pub fn first(&self, name: Name) -> Option<&str> {
        self.lines.iter().find(|line| line.name == name).map(|line| self.text(line.value))
    }

    /// The values of all headers of that name, as written; each may be a list.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |line| line.name == name).map(|line| self.text(line.value))
    }

    /// The value of the first header called `name`, for those without a [`Name`].
    pub fn named(&self, name: &str) -> Option<&str> {
        match Name::of(name) {
            Name::Other => {
                self.headers().find(|header| header.raw_name.eq_ignore_ascii_case(name)).map(|header| header.value)
            }
            known => self.first(known),
        }
    }

    /// Every header line of that name.
    pub fn headers_named(&self, name: Name) -> impl Iterator<Item = Header<'_>> {
        self.lines.iter().filter(move |line| line.name == name).map(|line| self.header(line))
    }

    /// The members of the comma-separated lists in all headers of that name: of Supported, Require, Allow, Accept.
    pub fn listed(&self, name: Name) -> impl Iterator<Item = &str> {
        self.all(name).flat_map(|value| value.split(',')).map(text::trim).filter(|member| !member.is_empty())
    }

    /// True if a header of that name (Supported, Require, ...) lists the option.
    pub fn has_option(&self, name: Name, tag: &str) -> bool {
        self.listed(name).any(|listed| listed.eq_ignore_ascii_case(tag))
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// It's missing, or isn't one.
    #[inline]
    pub fn via(&self) -> Result<Via<'_>, ReadError> {
        self.first_of(Name::Via, Via::parse)
    }

    /// All Vias, from the top; several headers, or several in one.
    ///
    /// # Errors
    /// None is there, or one isn't one.
    pub fn vias(&self) -> Result<Vec<Via<'_>>, ReadError> {
        match self.list_of(Name::Via, Via::parse)? {
            vias if vias.is_empty() => Err(self.missing(Name::Via)),
            vias => Ok(vias),
        }
    }

    /// Who asks.
    ///
    /// # Errors
    /// It's missing, or isn't an address.
    #[inline]
    pub fn from(&self) -> Result<Address<'_>, ReadError> {
        self.only(Name::From, Address::parse)
    }

    /// Who is asked.
    ///
    /// # Errors
    /// It's missing, or isn't an address.
    #[inline]
    pub fn to(&self) -> Result<Address<'_>, ReadError> {
        self.only(Name::To, Address::parse)
    }

    /// Where to go, of a REFER.
    ///
    /// # Errors
    /// It's missing, or isn't an address.
    pub fn refer_to(&self) -> Result<Address<'_>, ReadError> {
        self.only(Name::ReferTo, Address::parse)
    }

    /// All contacts; none if there are none, and none for `*`.
    ///
    /// # Errors
    /// One isn't an address.
    pub fn contacts(&self) -> Result<Vec<Address<'_>>, ReadError> {
        if self.contact_is_star() {
            return Ok(Vec::new());
        }
        self.list_of(Name::Contact, Address::parse)
    }

    /// True for `Contact: *`: all bindings (RFC 3261 10.2.2).
    pub fn contact_is_star(&self) -> bool {
        let mut contacts = self.all(Name::Contact);
        contacts.next() == Some("*") && contacts.next().is_none()
    }

    /// The hops to come, first the next.
    ///
    /// # Errors
    /// One isn't an address.
    pub fn routes(&self) -> Result<Vec<Address<'_>>, ReadError> {
        self.list_of(Name::Route, Address::parse)
    }

    /// The hops that want to stay, as they stand.
    ///
    /// # Errors
    /// One isn't an address.
    pub fn record_routes(&self) -> Result<Vec<Address<'_>>, ReadError> {
        self.list_of(Name::RecordRoute, Address::parse)
    }

    /// What belongs together.
    ///
    /// # Errors
    /// It's missing, or has white space in it.
    pub fn call_id(&self) -> Result<&str, ReadError> {
        self.only(Name::CallId, |cursor| {
            let id = cursor.take_until(b" \t\r\n");
            if id.is_empty() { Err(cursor.flaw(Problem::Unexpected)) } else { Ok(id) }
        })
    }

    /// The request's number and method.
    ///
    /// # Errors
    /// It's missing, or isn't one.
    #[inline]
    pub fn cseq(&self) -> Result<CSeq<'_>, ReadError> {
        self.only(Name::CSeq, CSeq::parse)
    }

    /// How many hops are left, if it says.
    ///
    /// # Errors
    /// It's no number up to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, ReadError> {
        self.optional(Name::MaxForwards, |value| text::number(value, 255).map(|hops| hops as u8))
    }

    /// The seconds in Expires, if it's there; more than 2^32-1 is that (RFC 4475 3.1.2.4).
    ///
    /// # Errors
    /// It's no number.
    pub fn expires(&self) -> Result<Option<u32>, ReadError> {
        self.optional(Name::Expires, |value| values::seconds(value).ok_or(Problem::NotANumber))
    }

    /// The body.
    #[inline]
    pub fn body(&self) -> &[u8] {
        &self.raw[self.body as usize..]
    }

    /// The body, shared with the message.
    pub fn body_bytes(&self) -> Bytes {
        self.raw.slice(self.body as usize..)
    }

    /// What the body is.
    pub fn content_type(&self) -> Option<&str> {
        self.first(Name::ContentType)
    }

    /// Judges what RFC 3261 8.2 and 16.3 want of a message's syntax beyond its lines: headers that must be there, those
    /// that can be there once, the method in CSeq, the target, and each value that this room can read.
    ///
    /// What is left to those who know more: whether the target's scheme, the extensions and the body are understood
    /// (416, 420, 415), credentials, a loop, the hops left.
    ///
    /// # Errors
    /// The first of those that isn't right; [`ReadError::status`] has the response that is due.
    pub fn check(&self) -> Result<(), ReadError> {
        self.check_counts()?;
        self.vias()?;
        self.from()?;
        self.to()?;
        self.call_id()?;
        let cseq = self.cseq()?;
        if self.is_request() {
            if cseq.method != self.method() {
                return Err(self.error(Name::CSeq, Problem::OtherMethod, 0));
            }
            self.target_uri()?;
        }
        self.max_forwards()?;
        self.expires()?;
        self.contacts()?;
        self.routes()?;
        self.record_routes()?;
        for name in [Name::ReferTo, Name::ReferredBy] {
            if self.first(name).is_some() {
                self.only(name, Address::parse)?;
            }
        }
        self.optional(Name::MinExpires, |value| values::seconds(value).ok_or(Problem::NotANumber))?;
        self.optional(Name::Date, |value| if is_date(value) { Ok(()) } else { Err(Problem::NotADate) })?;
        Ok(())
    }

    fn check_counts(&self) -> Result<(), ReadError> {
        const MANDATORY: [Name; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];
        const SINGLE: [Name; 22] = [
            Name::From,
            Name::To,
            Name::CallId,
            Name::CSeq,
            Name::MaxForwards,
            Name::ContentLength,
            Name::ContentType,
            Name::Expires,
            Name::MinExpires,
            Name::Date,
            Name::Event,
            Name::ReferTo,
            Name::ReferredBy,
            Name::SessionExpires,
            Name::MinSe,
            Name::RAck,
            Name::RSeq,
            Name::Replaces,
            Name::RetryAfter,
            Name::SubscriptionState,
            Name::Timestamp,
            Name::Subject,
        ];
        let mut seen = 0u64;
        for line in self.lines.iter() {
            let bit = 1 << line.name as u64;
            if seen & bit != 0 && SINGLE.contains(&line.name) {
                let error = ReadError::new(Field::Header(line.name), Problem::Repeated, line.raw_name.start as usize);
                return Err(self.due(error));
            }
            seen |= bit;
        }
        match MANDATORY.into_iter().find(|name| seen & (1 << *name as u64) == 0) {
            Some(name) => Err(self.missing(name)),
            None => Ok(()),
        }
    }

    #[inline]
    fn text(&self, span: Span) -> &str {
        str::from_utf8(&self.raw[span.range()]).expect("the headers are UTF-8, and were cut beside ASCII only")
    }

    #[inline]
    fn header(&self, line: &Line) -> Header<'_> {
        Header { name: line.name, raw_name: self.text(line.raw_name), value: self.text(line.value) }
    }

    #[inline]
    fn line(&self, name: Name) -> Result<&Line, ReadError> {
        self.lines.iter().find(|line| line.name == name).ok_or_else(|| self.missing(name))
    }

    /// The value of a header that has one.
    #[inline]
    fn only<'a, T>(&'a self, name: Name, parse: impl Fn(&mut Cursor<'a>) -> Result<T, Flaw>) -> Result<T, ReadError> {
        let line = self.line(name)?;
        values::whole(self.text(line.value), parse).map_err(|flaw| self.flawed(line, flaw))
    }

    /// The first value of a header that is a list.
    #[inline]
    fn first_of<'a, T>(
        &'a self,
        name: Name,
        parse: impl Fn(&mut Cursor<'a>) -> Result<T, Flaw>,
    ) -> Result<T, ReadError> {
        let line = self.line(name)?;
        values::first(self.text(line.value), parse).map_err(|flaw| self.flawed(line, flaw))
    }

    fn list_of<'a, T>(
        &'a self,
        name: Name,
        parse: impl Fn(&mut Cursor<'a>) -> Result<T, Flaw> + Copy,
    ) -> Result<Vec<T>, ReadError> {
        let mut list = Vec::new();
        for line in self.lines.iter().filter(|line| line.name == name) {
            values::list(self.text(line.value), &mut list, parse).map_err(|flaw| self.flawed(line, flaw))?;
        }
        Ok(list)
    }

    fn optional<T>(&self, name: Name, read: impl Fn(&str) -> Result<T, Problem>) -> Result<Option<T>, ReadError> {
        let value = self.first(name).map(read).transpose();
        value.map_err(|problem| self.error(name, problem, 0))
    }

    fn missing(&self, name: Name) -> ReadError {
        self.due(ReadError::new(Field::Header(name), Problem::Missing, self.body as usize))
    }

    /// An error in the first header of that name.
    fn error(&self, name: Name, problem: Problem, at: usize) -> ReadError {
        match self.line(name) {
            Ok(line) => self.flawed(line, Flaw { problem, at }),
            Err(missing) => missing,
        }
    }

    fn flawed(&self, line: &Line, flaw: Flaw) -> ReadError {
        let offset = line.value.start as usize + flaw.at;
        // A version 2.0 message with another version in a Via is malformed, not of another version.
        let problem = if flaw.problem == Problem::UnknownVersion { Problem::Unexpected } else { flaw.problem };
        self.due(ReadError::new(Field::Header(line.name), problem, offset))
    }

    fn due(&self, error: ReadError) -> ReadError {
        if self.start.is_answered(&self.raw) { error.due() } else { error }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?})", String::from_utf8_lossy(&self.raw))
    }
}

impl Start {
    /// True if a response is due to it: not to a response, not to an ACK.
    fn is_answered(&self, raw: &[u8]) -> bool {
        match self {
            Start::Request { method, .. } => &raw[method.range()] != b"ACK",
            Start::Response { .. } => false,
        }
    }
}

/// True if `raw` begins with a request that has a response to come.
pub(super) fn asks_for_an_answer(raw: &[u8]) -> bool {
    read_start(raw).is_ok_and(|(start, _)| start.is_answered(raw))
}

fn leading_line_breaks(raw: &[u8]) -> usize {
    raw.chunks(2).take_while(|pair| *pair == b"\r\n").count() * 2
}

/// Reads the first line; returns where the next one begins.
fn read_start(raw: &[u8]) -> Result<(Start, usize), ReadError> {
    let newline = memchr(b'\n', raw);
    let line = &raw[..newline.unwrap_or(raw.len())];
    let error = |problem| Err(ReadError::new(Field::StartLine, problem, line.len()));
    let is_request = is_version(last_word(line));
    if !is_version(line) && !is_request {
        return error(Problem::NotSip);
    }
    if newline.is_none() {
        return error(Problem::CutShort);
    }
    let Some(line) = line.strip_suffix(b"\r").filter(|line| memchr(b'\r', line).is_none()) else {
        let answered = is_request && !line.starts_with(b"ACK ");
        return error(Problem::LineEnd).map_err(|error| if answered { error.due() } else { error });
    };
    let next = line.len() + 2;
    if is_version(line) { read_status_line(line, next) } else { read_request_line(line, next) }
}

fn read_status_line(line: &[u8], next: usize) -> Result<(Start, usize), ReadError> {
    let version = &line[..memchr(b' ', line).unwrap_or(line.len())];
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(ReadError::new(Field::Version, Problem::UnknownVersion, 0));
    }
    let at = version.len() + 1;
    let unknown = ReadError::new(Field::Status, Problem::UnknownStatus, at);
    let rest = line.get(at..).unwrap_or_default();
    let (digits, reason) = rest.split_at(memchr(b' ', rest).unwrap_or(rest.len()));
    let [hundreds @ b'1'..=b'6', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = digits else {
        return Err(unknown);
    };
    let status = [hundreds, tens, ones].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    // Some leave out the space before an empty reason.
    let reason = Span::new(line.len() - reason.len().saturating_sub(1), line.len());
    Ok((Start::Response { status, reason }, next))
}

fn read_request_line(line: &[u8], next: usize) -> Result<(Start, usize), ReadError> {
    let version = last_word(line);
    let answered = !line.starts_with(b"ACK ");
    let error = |field, problem, at| {
        let error = ReadError::new(field, problem, at);
        Err(if answered { error.due() } else { error })
    };
    let method = &line[..memchr(b' ', line).unwrap_or(line.len())];
    if !text::all(method, TOKEN) {
        return error(Field::Method, Problem::Unexpected, 0);
    }
    let version_at = line.trim_ascii_end().len() - version.len();
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return error(Field::Version, Problem::UnknownVersion, version_at);
    }
    if version_at + version.len() != line.len() {
        return error(Field::StartLine, Problem::StraySpace, version_at + version.len());
    }
    // One space on each side of the target, and none in it (RFC 3261 7.1).
    let target = Span::new(method.len() + 1, (version_at - 1).max(method.len() + 1));
    let text = &line[target.range()];
    if text.first().is_none_or(u8::is_ascii_whitespace) || text.last().is_some_and(u8::is_ascii_whitespace) {
        return error(Field::StartLine, Problem::StraySpace, target.start as usize);
    }
    if let Some(at) = text.iter().position(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
        return error(Field::Target, Problem::StraySpace, target.start as usize + at);
    }
    Ok((Start::Request { method: Span::new(0, method.len()), target }, next))
}

/// What's behind the last space, spaces at the end aside.
fn last_word(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_end();
    &line[memrchr(b' ', line).map_or(0, |space| space + 1)..]
}

fn is_version(word: &[u8]) -> bool {
    word.len() > 4 && word[..4].eq_ignore_ascii_case(b"SIP/")
}

/// Content-Length, and where it was found.
type Length = Option<(u64, usize)>;

/// Finds the header lines from `at` on; returns where the body begins, and its length if it's told.
fn read_headers(raw: &[u8], mut at: usize, lines: &mut Lines) -> Result<(usize, Length), ReadError> {
    let error = |problem, at| ReadError::new(Field::Headers, problem, at);
    let mut length: Length = None;
    loop {
        let rest = &raw[at..];
        if rest.starts_with(b"\r\n") {
            return Ok((at + 2, length));
        }
        // Names are short: a look at each byte is faster than a search.
        let raw_name = &rest[..rest.iter().position(|byte| !text::is(*byte, TOKEN)).unwrap_or(rest.len())];
        let gap = rest[raw_name.len()..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let colon = raw_name.len() + gap;
        match rest.get(colon) {
            None => return Err(error(Problem::CutShort, raw.len())),
            Some(b':') if !raw_name.is_empty() => {}
            Some(_) => return Err(error(Problem::NoHeaderName, at)),
        }
        let value_at = at + colon + 1;
        let end = value_end(raw, value_at)?;
        let value = raw[value_at..end].trim_ascii_start();
        let value_at = end - value.len();
        let value = value.trim_ascii_end();
        // A token is ASCII.
        let name = str::from_utf8(raw_name).map_or(Name::Other, Name::of);
        if name == Name::ContentLength {
            let told = content_length(value, value_at)?;
            if length.is_some_and(|(earlier, _)| earlier != told) {
                return Err(ReadError::new(Field::Header(name), Problem::Repeated, at));
            }
            length.get_or_insert((told, value_at));
        }
        let raw_name = Span::new(at, at + raw_name.len());
        lines.push(Line { name, raw_name, value: Span::new(value_at, value_at + value.len()) });
        at = end + 2;
    }
}

/// Where the value from `at` on ends: before a line break behind which no fold goes on.
fn value_end(raw: &[u8], mut at: usize) -> Result<usize, ReadError> {
    let error = |problem, at| Err(ReadError::new(Field::Headers, problem, at));
    loop {
        let Some(found) = memchr2(b'\r', b'\n', &raw[at..]) else {
            return error(Problem::CutShort, raw.len());
        };
        let end = at + found;
        match (raw[end], raw.get(end + 1), raw.get(end + 2)) {
            (b'\r', Some(b'\n'), Some(b' ' | b'\t')) => at = end + 2,
            (b'\r', Some(b'\n'), Some(_)) => return Ok(end),
            (b'\r', None, _) | (b'\r', Some(b'\n'), None) => return error(Problem::CutShort, raw.len()),
            _ => return error(Problem::LineEnd, end),
        }
    }
}

/// What a Content-Length says.
pub(super) fn content_length(value: &[u8], at: usize) -> Result<u64, ReadError> {
    let digits = str::from_utf8(value).unwrap_or_default();
    text::number(digits, u64::from(u32::MAX))
        .map_err(|problem| ReadError::new(Field::Header(Name::ContentLength), problem, at))
}

/// RFC 3261 20.17: an RFC 1123 date, in GMT.
fn is_date(value: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = value.split(' ').collect();
    let [day, date, month, year, time, zone] = words[..] else { return false };
    let below = |text: &str, digits: usize, limit: u64| text.len() == digits && text::number(text, limit - 1).is_ok();
    let time: Vec<&str> = time.split(':').collect();
    let [hours, minutes, seconds] = time[..] else { return false };
    day.strip_suffix(',').is_some_and(|day| DAYS.contains(&day))
        && below(date, 2, 32)
        && MONTHS.contains(&month)
        && below(year, 4, 10_000)
        && below(hours, 2, 24)
        && below(minutes, 2, 60)
        && below(seconds, 2, 61)
        && zone == "GMT"
}
