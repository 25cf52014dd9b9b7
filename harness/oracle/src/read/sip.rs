//! SIP messages (RFC 3261), as far as the witnesses need them.
//!
//! A [`Message`] borrows its bytes: where each header that matters stands is noted while its lines are gone through
//! once, and a value is read when somebody asks. Compact names (section 20), folded lines (7.3.1) and several values
//! in one line are understood. The reader is lenient where a receiver would be, and says of what it lets pass that
//! it's not [regular](Message::is_regular): a witness doesn't judge what anybody may make of that.
//!
//! In a datagram a message ends with the datagram, or before it ([`Message::read`]); on a stream its Content-Length
//! says where (18.3: [`Message::read_framed`]). A WebSocket frame holds one message (RFC 7118 section 5): what a frame
//! carries is read as a datagram is.

use std::fmt;
use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::Finder;

use super::{Fault, Layer, Unreadable};

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is called as it's written")]
pub enum Method<'a> {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Prack,
    Update,
    Refer,
    Notify,
    Subscribe,
    Info,
    Message,
    Publish,
    /// Any other.
    Other(&'a str),
}

impl<'a> Method<'a> {
    /// The method of that name; case matters (section 7.1).
    pub fn of(name: &'a str) -> Method<'a> {
        match name {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "REGISTER" => Method::Register,
            "OPTIONS" => Method::Options,
            "PRACK" => Method::Prack,
            "UPDATE" => Method::Update,
            "REFER" => Method::Refer,
            "NOTIFY" => Method::Notify,
            "SUBSCRIBE" => Method::Subscribe,
            "INFO" => Method::Info,
            "MESSAGE" => Method::Message,
            "PUBLISH" => Method::Publish,
            other => Method::Other(other),
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'a str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Register => "REGISTER",
            Method::Options => "OPTIONS",
            Method::Prack => "PRACK",
            Method::Update => "UPDATE",
            Method::Refer => "REFER",
            Method::Notify => "NOTIFY",
            Method::Subscribe => "SUBSCRIBE",
            Method::Info => "INFO",
            Method::Message => "MESSAGE",
            Method::Publish => "PUBLISH",
            Method::Other(name) => name,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A message's first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request's.
    Request {
        /// What is asked for.
        method: Method<'a>,
        /// The Request-URI.
        target: &'a str,
    },
    /// A response's.
    Response {
        /// The status code.
        status: u16,
        /// What it means, in words.
        reason: &'a str,
    },
}

/// The headers whose places are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is called as it's written")]
pub enum Name {
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    MaxForwards,
    ContentLength,
    ContentType,
    Route,
    RecordRoute,
    Authorization,
    ProxyAuthorization,
    WwwAuthenticate,
    ProxyAuthenticate,
    Expires,
    RAck,
    RSeq,
    Replaces,
    ReferTo,
    Require,
    Identity,
    Event,
    Reason,
}

impl Name {
    /// The header of that name, in any case, long or compact; most headers are none that matter here.
    fn of(name: &str) -> Option<Name> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        // By its length, so that most names are compared once.
        match (name.len(), name.as_bytes()[0] | 0x20) {
            (1, b'v') => Some(Name::Via),
            (1, b'f') => Some(Name::From),
            (1, b't') => Some(Name::To),
            (1, b'i') => Some(Name::CallId),
            (1, b'm') => Some(Name::Contact),
            (1, b'l') => Some(Name::ContentLength),
            (1, b'c') => Some(Name::ContentType),
            (1, b'r') => Some(Name::ReferTo),
            (1, b'o') => Some(Name::Event),
            (2, _) if is("To") => Some(Name::To),
            (3, _) if is("Via") => Some(Name::Via),
            (4, b'f') if is("From") => Some(Name::From),
            (4, b'c') if is("CSeq") => Some(Name::CSeq),
            (4, b'r') if is("RAck") => Some(Name::RAck),
            (4, b'r') if is("RSeq") => Some(Name::RSeq),
            (5, b'r') if is("Route") => Some(Name::Route),
            (5, b'e') if is("Event") => Some(Name::Event),
            (6, _) if is("Reason") => Some(Name::Reason),
            (7, b'c') if is("Call-ID") => Some(Name::CallId),
            (7, b'c') if is("Contact") => Some(Name::Contact),
            (7, b'e') if is("Expires") => Some(Name::Expires),
            (7, b'r') if is("Require") => Some(Name::Require),
            (8, b'r') if is("Replaces") => Some(Name::Replaces),
            (8, b'r') if is("Refer-To") => Some(Name::ReferTo),
            (12, b'm') if is("Max-Forwards") => Some(Name::MaxForwards),
            (12, b'c') if is("Content-Type") => Some(Name::ContentType),
            (12, b'r') if is("Record-Route") => Some(Name::RecordRoute),
            (13, b'a') if is("Authorization") => Some(Name::Authorization),
            (14, b'c') if is("Content-Length") => Some(Name::ContentLength),
            (16, b'w') if is("WWW-Authenticate") => Some(Name::WwwAuthenticate),
            (18, b'p') if is("Proxy-Authenticate") => Some(Name::ProxyAuthenticate),
            (19, b'p') if is("Proxy-Authorization") => Some(Name::ProxyAuthorization),
            (19, b'p') if is("P-Asserted-Identity") => Some(Name::Identity),
            _ => None,
        }
    }

    /// True for a header that a message has at most once.
    fn is_single(self) -> bool {
        use Name::{CSeq, CallId, ContentLength, ContentType, Expires, From, MaxForwards, To};
        matches!(self, From | To | CallId | CSeq | MaxForwards | ContentLength | ContentType | Expires)
    }
}

/// So many headers are noted without an allocation.
const NOTED: usize = 24;

/// The longest header section that is read.
const LONGEST: usize = 65_536;

/// Where headers stand in the header section: name, begin and end.
#[derive(Clone)]
struct Places {
    first: [(Name, u32, u32); NOTED],
    count: usize,
    more: Vec<(Name, u32, u32)>,
}

impl Places {
    fn note(&mut self, name: Name, begin: usize, length: usize) {
        // The section is no longer than LONGEST.
        let noted = (name, begin as u32, (begin + length) as u32);
        match self.first.get_mut(self.count) {
            Some(place) => {
                *place = noted;
                self.count += 1;
            }
            None => self.more.push(noted),
        }
    }

    fn all(&self, name: Name) -> impl Iterator<Item = (usize, usize)> + '_ {
        let noted = self.first[..self.count].iter().chain(&self.more);
        noted.filter(move |(noted, ..)| *noted == name).map(|(_, begin, end)| (*begin as usize, *end as usize))
    }
}

/// A message.
///
/// ```
/// use busyhour_oracle::read::sip::{Message, Method, Name};
///
/// let ring = b"INVITE sip:bob@10.0.0.2 SIP/2.0\r\n\
///     v: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\n\
///     f: \"Alice, at home\" <sip:alice@a.test>;tag=a1\r\nt: <sip:bob@b.test>\r\n\
///     i: 1@10.0.0.1\r\nCSeq: 7 INVITE\r\nm: <sip:alice@10.0.0.1>\r\nl: 0\r\n\r\n";
/// let message = Message::read(ring)?;
/// assert_eq!((message.method(), message.target()), (Method::Invite, "sip:bob@10.0.0.2"));
/// assert_eq!((message.call_id(), message.cseq().unwrap().number), (Some("1@10.0.0.1"), 7));
/// assert_eq!((message.from().unwrap().tag(), message.to().unwrap().tag()), (Some("a1"), None));
/// assert_eq!(message.via().unwrap().branch(), Some("z9hG4bK1"));
/// assert!(message.is_regular());
/// assert_eq!(message.to_string(), "INVITE");
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
#[derive(Clone)]
pub struct Message<'a> {
    raw: &'a [u8],
    start: Start<'a>,
    /// The header section behind the start line.
    section: &'a str,
    places: Places,
    call_id: Option<&'a str>,
    cseq: Option<CSeq<'a>>,
    from: Option<Address<'a>>,
    to: Option<Address<'a>>,
    via: Option<Via<'a>>,
    body: &'a [u8],
    regular: bool,
}

/// The number of a request among its sender's, and its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number.
    pub number: u32,
    /// The method.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    fn read(value: &'a str) -> Option<CSeq<'a>> {
        let mut words = value.split_ascii_whitespace();
        let (number, method) = (words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        Some(CSeq { number: number.parse().ok()?, method: Method::of(method) })
    }
}

/// True if these bytes begin as a SIP message does: a start line with the protocol's name in it.
pub fn begins_like_sip(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"SIP/") {
        return true;
    }
    if !bytes.first().is_some_and(u8::is_ascii_uppercase) {
        return false;
    }
    let line = &bytes[..memchr(b'\n', bytes).unwrap_or(bytes.len())];
    PROTOCOL.find(line).is_some()
}

impl<'a> Message<'a> {
    /// Reads the message in a datagram: its Content-Length may end the body before the datagram ends (18.3).
    pub fn read(bytes: &'a [u8]) -> Result<Message<'a>, Unreadable> {
        // Empty lines before a message are ignored (7.5).
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (mut message, head) = Message::head(&bytes[blank..])?;
        let rest = &bytes[blank + head..];
        let announced = message.content_length();
        let length = announced.unwrap_or(rest.len());
        if length > rest.len() {
            message.regular = false;
        }
        message.body = &rest[..length.min(rest.len())];
        message.raw = &bytes[blank..blank + head + message.body.len()];
        Ok(message)
    }

    /// Reads the first message of a stream, and how many bytes it took, empty lines before it included; nothing as
    /// long as it isn't there whole.
    pub fn read_framed(bytes: &'a [u8]) -> Result<Option<(Message<'a>, usize)>, Unreadable> {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let whole = &bytes[blank..];
        if section_end(whole).is_none() {
            return if whole.len() > LONGEST { Err(unreadable(blank, Fault::NoEnd)) } else { Ok(None) };
        }
        let (mut message, head) = Message::head(whole)?;
        // Without one, nobody knows where the next message begins (20.14).
        let length = message.content_length().ok_or(unreadable(blank, Fault::ContentLength))?;
        let Some(body) = whole.get(head..head + length) else { return Ok(None) };
        message.body = body;
        message.raw = &whole[..head + length];
        Ok(Some((message, blank + head + length)))
    }

    /// Reads the start line and the header section; says how long they are, with the empty line.
    fn head(bytes: &'a [u8]) -> Result<(Message<'a>, usize), Unreadable> {
        let end = section_end(bytes).ok_or(unreadable(bytes.len(), Fault::NoEnd))?;
        let section =
            std::str::from_utf8(&bytes[..end]).map_err(|error| unreadable(error.valid_up_to(), Fault::NotUtf8))?;
        let first = memchr(b'\n', section.as_bytes()).ok_or(unreadable(0, Fault::StartLine))?;
        let start = read_start(section[..first].trim_end_matches('\r'))?;
        let places = Places { first: [(Name::Via, 0, 0); NOTED], count: 0, more: Vec::new() };
        let section = &section[first + 1..];
        let (call_id, cseq, from, to, via) = (None, None, None, None, None);
        let (raw, body, regular) = (bytes, &bytes[..0], true);
        let mut message = Message { raw, start, section, places, call_id, cseq, from, to, via, body, regular };
        message.read_headers();
        let via = message.values(Name::Via).next().and_then(Via::read);
        message.via = via;
        message.regular &= message.has_what_it_must();
        Ok((message, end))
    }

    fn read_headers(&mut self) {
        let section = self.section;
        let bytes = section.as_bytes();
        let mut line = 0;
        while line < bytes.len() {
            // A line that begins with a blank goes on with the one before (7.3.1).
            let mut end = line;
            loop {
                end += memchr(b'\n', &bytes[end..]).map_or(bytes.len() - end, |place| place + 1);
                if !matches!(bytes.get(end), Some(b' ' | b'\t')) {
                    break;
                }
            }
            let header = &section[line..end];
            line = end;
            let Some(colon) = memchr(b':', header.as_bytes()) else {
                self.regular &= header.trim().is_empty();
                continue;
            };
            let name = header[..colon].trim_end_matches([' ', '\t']);
            if name.is_empty() || name.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                self.regular = false;
                continue;
            }
            if let Some(name) = Name::of(name) {
                let value = header[colon + 1..].trim_ascii_start();
                let begin = end - value.len();
                self.header(name, value.trim_ascii_end(), begin);
            }
        }
    }

    fn header(&mut self, name: Name, value: &'a str, begin: usize) {
        let again = match name {
            Name::CallId => self.call_id.replace(value).is_some(),
            Name::From => std::mem::replace(&mut self.from, Address::read(value)).is_some(),
            Name::To => std::mem::replace(&mut self.to, Address::read(value)).is_some(),
            Name::CSeq => {
                let cseq = CSeq::read(value);
                self.regular &= cseq.is_some();
                std::mem::replace(&mut self.cseq, cseq).is_some()
            }
            _ => {
                let again = name.is_single() && self.places.all(name).next().is_some();
                self.places.note(name, begin, value.len());
                again
            }
        };
        self.regular &= !again;
    }

    /// The six headers that every request must have (8.1.1), all but Max-Forwards in every response too; Max-Forwards
    /// may be wanting in the requests of older stacks (16.3).
    fn has_what_it_must(&self) -> bool {
        let is_set = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
        let fits = match (self.start, self.cseq) {
            (Start::Request { method, .. }, Some(cseq)) => method == cseq.method,
            (Start::Response { .. }, Some(_)) => true,
            (_, None) => false,
        };
        let length = self.first(Name::ContentLength).is_none_or(|value| value.parse::<u32>().is_ok());
        let hops = self.first(Name::MaxForwards).is_none_or(|value| value.parse::<u8>().is_ok());
        let ends =
            self.from().is_some_and(|from| !from.uri.is_empty()) && self.to().is_some_and(|to| !to.uri.is_empty());
        fits && length && hops && is_set(self.call_id) && ends && self.via().is_some()
    }

    fn content_length(&self) -> Option<usize> {
        self.first(Name::ContentLength)?.parse().ok()
    }

    /// The message's bytes.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Its first line.
    pub fn start(&self) -> Start<'a> {
        self.start
    }

    /// True of a request.
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// A request's method; of a response, the method of the request that it answers (its CSeq's).
    pub fn method(&self) -> Method<'a> {
        match (self.start, self.cseq) {
            (Start::Request { method, .. }, _) => method,
            (_, Some(cseq)) => cseq.method,
            (_, None) => Method::Other(""),
        }
    }

    /// The Request-URI; empty in a response.
    pub fn target(&self) -> &'a str {
        match self.start {
            Start::Request { target, .. } => target,
            Start::Response { .. } => "",
        }
    }

    /// A response's status.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// A response's reason phrase; empty in a request.
    pub fn reason(&self) -> &'a str {
        match self.start {
            Start::Response { reason, .. } => reason,
            Start::Request { .. } => "",
        }
    }

    /// True if a receiver has no reason to refuse it as malformed: all that it must have is there, once and readable,
    /// and its body is as long as it says.
    pub fn is_regular(&self) -> bool {
        self.regular
    }

    /// The value of the first header of that name. Of a folded one, with the line breaks.
    pub fn first(&self, name: Name) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of all header lines of that name; a line may hold several values ([`values`](Message::values)). For
    /// Call-ID, CSeq, From and To there are readers of their own.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &'a str> + '_ {
        let section = self.section;
        self.places.all(name).map(move |(begin, end)| &section[begin..end])
    }

    /// All values of the headers of that name, those of one line too.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a str> + '_ {
        self.all(name).flat_map(|line| Values { rest: Some(line) })
    }

    /// Call-ID.
    pub fn call_id(&self) -> Option<&'a str> {
        self.call_id
    }

    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        self.cseq
    }

    /// From.
    pub fn from(&self) -> Option<Address<'a>> {
        self.from
    }

    /// To.
    pub fn to(&self) -> Option<Address<'a>> {
        self.to
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via<'a>> {
        self.via
    }

    /// All Vias, the topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> + '_ {
        self.values(Name::Via).filter_map(Via::read)
    }

    /// All Contacts, but for `*`.
    pub fn contacts(&self) -> impl Iterator<Item = Address<'a>> + '_ {
        self.values(Name::Contact).filter(|value| *value != "*").filter_map(Address::read)
    }

    /// True if all contacts are meant: `Contact: *` (10.2.2).
    pub fn contact_is_star(&self) -> bool {
        self.first(Name::Contact) == Some("*")
    }

    /// The Routes, in their order.
    pub fn routes(&self) -> impl Iterator<Item = Address<'a>> + '_ {
        self.values(Name::Route).filter_map(Address::read)
    }

    /// The Record-Routes, in their order.
    pub fn record_routes(&self) -> impl Iterator<Item = Address<'a>> + '_ {
        self.values(Name::RecordRoute).filter_map(Address::read)
    }

    /// Expires, in seconds.
    pub fn expires(&self) -> Option<u32> {
        self.first(Name::Expires)?.parse().ok()
    }

    /// RSeq: this provisional response is sent until it's acknowledged (RFC 3262 section 3).
    pub fn rseq(&self) -> Option<u32> {
        self.first(Name::RSeq)?.parse().ok()
    }

    /// RAck: the RSeq, and the CSeq, of the response that a PRACK acknowledges (RFC 3262 section 7.2).
    pub fn rack(&self) -> Option<(u32, CSeq<'a>)> {
        let (rseq, cseq) = self.first(Name::RAck)?.split_once([' ', '\t'])?;
        Some((rseq.parse().ok()?, CSeq::read(cseq)?))
    }

    /// Replaces: Call-ID, to-tag and from-tag of the dialog that this one stands in for (RFC 3891 section 6.1).
    pub fn replaces(&self) -> Option<(&'a str, &'a str, &'a str)> {
        let (call_id, params) = self.first(Name::Replaces)?.split_once(';')?;
        Some((call_id.trim_ascii(), param(params, "to-tag")??, param(params, "from-tag")??))
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body, if it's said to be SDP.
    pub fn sdp(&self) -> Option<&'a [u8]> {
        let kind = self.first(Name::ContentType)?;
        let kind = kind.split(';').next().unwrap_or(kind).trim_ascii();
        (kind.eq_ignore_ascii_case("application/sdp") && !self.body.is_empty()).then_some(self.body)
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("start", &self.start).field("call_id", &self.call_id).finish_non_exhaustive()
    }
}

impl fmt::Display for Message<'_> {
    /// As an arrow's label: `INVITE`, `200 OK (INVITE)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.start {
            Start::Request { method, .. } => write!(f, "{method}"),
            Start::Response { status, reason: "" } => write!(f, "{status} ({})", self.method()),
            Start::Response { status, reason } => write!(f, "{status} {reason} ({})", self.method()),
        }
    }
}

fn unreadable(offset: usize, fault: Fault) -> Unreadable {
    Unreadable { layer: Layer::Sip, offset, fault }
}

/// Where the body begins: behind the first empty line.
fn section_end(bytes: &[u8]) -> Option<usize> {
    let within = &bytes[..bytes.len().min(LONGEST)];
    let usual = EMPTY_LINE.find(within).map(|place| place + 4);
    // A stack that ends its lines with a bare LF is understood too, as many receivers do.
    let bare = BARE_EMPTY_LINE.find(&within[..usual.unwrap_or(within.len())]).map(|place| place + 2);
    bare.or(usual)
}

static EMPTY_LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\r\n\r\n"));
static BARE_EMPTY_LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\n\n"));
static PROTOCOL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" SIP/"));

fn read_start(line: &str) -> Result<Start<'_>, Unreadable> {
    let bad = unreadable(0, Fault::StartLine);
    if let Some(rest) = line.strip_prefix("SIP/") {
        let (version, rest) = rest.split_once(' ').ok_or(bad)?;
        if version != "2.0" {
            return Err(unreadable(0, Fault::SipVersion));
        }
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status: u16 = status.parse().map_err(|_| bad)?;
        return if (100..700).contains(&status) { Ok(Start::Response { status, reason }) } else { Err(bad) };
    }
    let (method, rest) = line.split_once(' ').ok_or(bad)?;
    let (target, version) = rest.rsplit_once(' ').ok_or(bad)?;
    if version != "SIP/2.0" {
        return Err(unreadable(0, if version.starts_with("SIP/") { Fault::SipVersion } else { Fault::StartLine }));
    }
    if method.is_empty() || target.is_empty() || target.contains([' ', '\t']) {
        return Err(bad);
    }
    Ok(Start::Request { method: Method::of(method), target })
}

/// The place of the first of `wanted` that stands neither in quotes nor in angle brackets.
fn outside(text: &str, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    for (place, byte) in text.bytes().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        if !bracketed && wanted(byte) {
            return Some(place);
        }
        match byte {
            b'"' if !bracketed => quoted = true,
            b'<' => bracketed = true,
            b'>' => bracketed = false,
            _ => {}
        }
    }
    None
}

/// The values of a line, between commas.
struct Values<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let rest = self.rest?;
            // Most lines hold one value: looking for a comma is cheaper than looking at every byte.
            let comma = match memchr(b',', rest.as_bytes()) {
                None => None,
                Some(_) => outside(rest, |byte| byte == b','),
            };
            let value = match comma {
                Some(place) => {
                    self.rest = Some(&rest[place + 1..]);
                    &rest[..place]
                }
                None => {
                    self.rest = None;
                    rest
                }
            };
            let value = value.trim_ascii();
            if !value.is_empty() {
                return Some(value);
            }
        }
    }
}

/// The value of the parameter called `name` of `;name=value;name`: `Some(None)` if it has none.
fn param<'a>(params: &'a str, name: &str) -> Option<Option<&'a str>> {
    let mut rest = params;
    loop {
        let end = match memchr(b'"', rest.as_bytes()) {
            None => memchr(b';', rest.as_bytes()),
            Some(_) => outside(rest, |byte| byte == b';'),
        };
        let one = &rest[..end.unwrap_or(rest.len())];
        let (found, value) = match memchr(b'=', one.as_bytes()) {
            Some(place) => (&one[..place], Some(one[place + 1..].trim_ascii())),
            None => (one, None),
        };
        if found.trim_ascii().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = &rest[end? + 1..];
    }
}

/// A name and an address, with parameters: what From, To, Contact and the Routes hold (20.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// The name to show, as written, with its quotes.
    pub display: &'a str,
    /// The URI, without brackets.
    pub uri: &'a str,
    /// The header's parameters, as written.
    pub params: &'a str,
}

impl<'a> Address<'a> {
    /// Reads `"Alice" <sip:alice@a.test>;tag=1`, or `sip:alice@a.test;tag=1`, whose parameters are the header's.
    pub fn read(value: &'a str) -> Option<Address<'a>> {
        let open = match value.as_bytes().first()? {
            b'<' => Some(0),
            b'"' => outside_quotes(value, b'<'),
            _ => memchr(b'<', value.as_bytes()),
        };
        let Some(open) = open else {
            let end = memchr(b';', value.as_bytes()).unwrap_or(value.len());
            return Some(Address { display: "", uri: value[..end].trim_ascii(), params: &value[end..] });
        };
        let close = open + memchr(b'>', &value.as_bytes()[open..])?;
        Some(Address {
            display: value[..open].trim_ascii(),
            uri: value[open + 1..close].trim_ascii(),
            params: &value[close + 1..],
        })
    }

    /// The tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag")?
    }

    /// How long a contact is good, in seconds.
    pub fn expires(&self) -> Option<u32> {
        self.param("expires")??.parse().ok()
    }

    /// The parameter called `name`: `Some(None)` if it has no value.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        param(self.params, name)
    }

    /// The URI's parts.
    pub fn parts(&self) -> Option<Uri<'a>> {
        Uri::read(self.uri)
    }

    /// The URI's user; empty if it has none.
    pub fn user(&self) -> &'a str {
        self.parts().map_or("", |uri| uri.user)
    }
}

fn outside_quotes(value: &str, wanted: u8) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (place, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == wanted && !quoted => return Some(place),
            _ => {}
        }
    }
    None
}

/// A URI's parts, without passwords and headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// `sip`, `sips` or `tel`, as written.
    pub scheme: &'a str,
    /// The user, or the number of a `tel:` URI; empty if there's none.
    pub user: &'a str,
    /// The host, in its brackets if it's IPv6; empty in a `tel:` URI.
    pub host: &'a str,
    /// The port, if one is named.
    pub port: Option<u16>,
    /// The parameters, as written.
    pub params: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a `sip:`, `sips:` or `tel:` URI.
    pub fn read(uri: &'a str) -> Option<Uri<'a>> {
        let (scheme, rest) = uri.split_once(':')?;
        if scheme.eq_ignore_ascii_case("tel") {
            let (user, params) = split_at_byte(rest, b';');
            return Some(Uri { scheme, user, host: "", port: None, params });
        }
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return None;
        }
        // A user may hold `;` and `?`, so the `@` is looked for first (25.1: userinfo).
        let (user, rest) = match rest.rfind('@') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => ("", rest),
        };
        let user = split_at_byte(user, b':').0;
        let (rest, _headers) = split_at_byte(rest, b'?');
        let (place, params) = split_at_byte(rest, b';');
        let (host, port) = host_and_port(place)?;
        Some(Uri { scheme, user, host, port, params })
    }

    /// The parameter called `name`: `Some(None)` if it has no value.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        param(self.params, name)
    }
}

fn split_at_byte(text: &str, byte: u8) -> (&str, &str) {
    text.split_at(memchr(byte, text.as_bytes()).unwrap_or(text.len()))
}

fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let place = place.trim_ascii();
    let host_end = if place.starts_with('[') {
        memchr(b']', place.as_bytes())? + 1
    } else {
        memchr(b':', place.as_bytes()).unwrap_or(place.len())
    };
    let (host, rest) = place.split_at(host_end);
    let host = host.trim_ascii();
    if host.is_empty() {
        return None;
    }
    match rest.trim_ascii().strip_prefix(':') {
        None => Some((host, None)),
        Some(port) => Some((host, Some(port.trim_ascii().parse().ok()?))),
    }
}

/// A station that a request has passed, or began at (20.42).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `WS`, ..., as written.
    pub transport: &'a str,
    /// The host and the port, as written: where its sender wants responses.
    pub sent_by: &'a str,
    /// The parameters, as written.
    pub params: &'a str,
}

impl<'a> Via<'a> {
    /// Reads `SIP/2.0/UDP host:port;branch=...`. Blanks may stand around its slashes.
    pub fn read(value: &'a str) -> Option<Via<'a>> {
        let (head, params) = split_at_byte(value, b';');
        let (name, rest) = head.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !name.trim_ascii().eq_ignore_ascii_case("SIP") || version.trim_ascii() != "2.0" {
            return None;
        }
        let rest = rest.trim_ascii();
        let (transport, sent_by) = rest.split_once(|c: char| c.is_ascii_whitespace())?;
        Some(Via { transport, sent_by: sent_by.trim_ascii(), params })
    }

    /// The transaction's name.
    pub fn branch(&self) -> Option<&'a str> {
        self.param("branch")?
    }

    /// Where the request really came from.
    pub fn received(&self) -> Option<&'a str> {
        self.param("received")?
    }

    /// The host.
    pub fn host(&self) -> &'a str {
        host_and_port(self.sent_by).map_or("", |(host, _)| host)
    }

    /// The port, if one is named.
    pub fn port(&self) -> Option<u16> {
        host_and_port(self.sent_by)?.1
    }

    /// The parameter called `name`: `Some(None)` if it has no value.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        param(self.params, name)
    }
}
