//! HTTP/1.1 messages (RFC 9112) on reassembled streams.
//!
//! The reader is strict where leniency lets two readers see two different messages: a body whose end is ambiguous is
//! an error (RFC 9112 section 6.3), as is a folded header field or a space before the colon (section 5).

use std::collections::VecDeque;
use std::str;

use busyhour_trace::{PacketId, SimTime};

use super::stream::{End, Stream};
use super::{Fault, Layer, Unreadable};

/// The longest line that is read: no peer of ours sends a longer one.
pub const LONGEST_LINE: usize = 64 * 1024;

/// A header or trailer field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, as written.
    pub name: String,
    /// Its value, without the white space around it.
    pub value: Vec<u8>,
}

/// What requests and responses have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The header fields, in their order.
    pub fields: Vec<Field>,
    /// The body, without its chunks' frames.
    pub body: Vec<u8>,
    /// The fields behind a chunked body.
    pub trailers: Vec<Field>,
}

impl Message {
    /// The values of the fields called `name`, in their order; case doesn't matter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| &field.value[..])
    }

    /// The text of the first field called `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        let first = self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(&first.value).ok()
    }

    /// True if a field called `name` has `token` in its list.
    fn lists(&self, name: &str, token: &str) -> bool {
        tokens(self.all(name)).any(|listed| listed.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The members of comma-separated lists.
fn tokens<'a>(values: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    values.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The target, as written.
    pub target: String,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// Fields and body.
    pub message: Message,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// `200`, `404`, ...
    pub status: u16,
    /// The words behind the status.
    pub reason: String,
    /// Fields and body.
    pub message: Message,
}

/// Reads the request at the beginning of `bytes`: it, and how many bytes it takes; nothing if it isn't whole yet.
///
/// ```
/// use busyhour_oracle::read::http::read_request;
///
/// let bytes = b"POST /hook HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 2\r\n\r\n{}GET";
/// let (request, length) = read_request(bytes)?.unwrap();
/// assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/hook"));
/// assert_eq!((request.message.text("host"), &request.message.body[..]), (Some("crm.test"), &b"{}"[..]));
/// assert_eq!(&bytes[length..], b"GET");
/// assert_eq!(read_request(&bytes[..40])?, None);
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
pub fn read_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, Unreadable> {
    let mut cursor = Cursor { bytes, offset: 0 };
    // RFC 9112 section 2.2: empty lines before a request are to be ignored.
    while cursor.rest().starts_with(b"\r\n") {
        cursor.offset += 2;
    }
    whole(request(&mut cursor)).map(|request| request.map(|request| (request, cursor.offset)))
}

/// Reads the response at the beginning of `bytes` to a request of this method: it, and how many bytes it takes;
/// nothing if it isn't whole yet. A body without a length goes on to the stream's end: `ended` says that it's there.
///
/// ```
/// use busyhour_oracle::read::http::read_response;
///
/// let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n";
/// let (response, length) = read_response(bytes, "GET", false)?.unwrap();
/// assert_eq!((response.status, &response.message.body[..], length), (200, &b"yes"[..], bytes.len()));
/// # Ok::<(), busyhour_oracle::read::Unreadable>(())
/// ```
pub fn read_response(bytes: &[u8], method: &str, ended: bool) -> Result<Option<(Response, usize)>, Unreadable> {
    let mut cursor = Cursor { bytes, offset: 0 };
    whole(response(&mut cursor, method, ended)).map(|response| response.map(|response| (response, cursor.offset)))
}

/// Why a message couldn't be read to its end.
enum Stop {
    /// More bytes have to come.
    More,
    /// No bytes that may come make sense of it.
    Never(Unreadable),
}

fn whole<T>(result: Result<T, Stop>) -> Result<Option<T>, Unreadable> {
    match result {
        Ok(message) => Ok(Some(message)),
        Err(Stop::More) => Ok(None),
        Err(Stop::Never(unreadable)) => Err(unreadable),
    }
}

fn never<T>(offset: usize, fault: Fault) -> Result<T, Stop> {
    Err(Stop::Never(Unreadable { layer: Layer::Http, offset, fault }))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = self.rest();
        let window = &rest[..rest.len().min(LONGEST_LINE + 2)];
        match memchr::memmem::find(window, b"\r\n") {
            Some(length) => {
                self.offset += length + 2;
                Ok(&rest[..length])
            }
            None if rest.len() >= LONGEST_LINE + 2 => never(self.offset, Fault::LineTooLong(LONGEST_LINE)),
            None => Err(Stop::More),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Stop> {
        let length = usize::try_from(length).map_err(|_| Stop::More)?;
        let taken = self.rest().get(..length).ok_or(Stop::More)?;
        self.offset += length;
        Ok(taken)
    }
}

fn request(cursor: &mut Cursor<'_>) -> Result<Request, Stop> {
    let start = cursor.offset;
    let line = cursor.line()?;
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return never(start, Fault::StartLine);
    };
    if method.is_empty() || !method.iter().copied().all(is_token) || target.is_empty() {
        return never(start, Fault::StartLine);
    }
    let Some(target) = str::from_utf8(target).ok().filter(|target| !target.contains(char::is_control)) else {
        return never(start + method.len() + 1, Fault::StartLine);
    };
    let minor = minor_version(version, start + method.len() + target.len() + 2)?;
    let fields_at = cursor.offset;
    let mut message = Message { fields: fields(cursor)?, ..Message::default() };
    match framing(&message, fields_at)? {
        Framing::Chunked => chunks(cursor, &mut message)?,
        Framing::Length(length) => message.body = cursor.take(length)?.to_vec(),
        Framing::Unsaid => {}
    }
    let method = text(method);
    Ok(Request { method, target: target.to_owned(), minor, message })
}

fn response(cursor: &mut Cursor<'_>, method: &str, ended: bool) -> Result<Response, Stop> {
    let start = cursor.offset;
    let line = cursor.line()?;
    let Some((version, rest)) = line.split_first_chunk::<8>() else {
        return never(start, Fault::StartLine);
    };
    let minor = minor_version(version, start)?;
    let (status, reason) = match rest {
        [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', reason @ ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            (digit(a) * 100 + digit(b) * 10 + digit(c), reason)
        }
        _ => return never(start + 8, Fault::StartLine),
    };
    let reason = match reason {
        [] => "",
        // The words mean nothing to a machine (RFC 9112 section 4): what isn't UTF-8 is left out.
        [b' ', words @ ..] => str::from_utf8(words).unwrap_or_default(),
        _ => return never(start + 12, Fault::StartLine),
    };
    let fields_at = cursor.offset;
    let mut message = Message { fields: fields(cursor)?, ..Message::default() };
    // RFC 9112 section 6.3: these have no body, whatever their fields announce.
    let bodiless = method == "HEAD" || status < 200 || status == 204 || status == 304;
    let tunnel = method == "CONNECT" && (200..300).contains(&status);
    if !bodiless && !tunnel {
        match framing(&message, fields_at)? {
            Framing::Chunked => chunks(cursor, &mut message)?,
            Framing::Length(length) => message.body = cursor.take(length)?.to_vec(),
            Framing::Unsaid if ended => message.body = cursor.take(cursor.rest().len() as u64)?.to_vec(),
            Framing::Unsaid => return Err(Stop::More),
        }
    }
    Ok(Response { minor, status, reason: reason.to_owned(), message })
}

fn minor_version(version: &[u8], offset: usize) -> Result<u8, Stop> {
    match version {
        b"HTTP/1.1" => Ok(1),
        b"HTTP/1.0" => Ok(0),
        _ => never(offset, Fault::HttpVersion),
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    TOKENS[usize::from(byte)]
}

/// The bytes of a token.
static TOKENS: [bool; 256] = {
    let mut tokens = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        tokens[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut place = 0;
    while place < others.len() {
        tokens[others[place] as usize] = true;
        place += 1;
    }
    tokens
};

/// A token as text: all of its bytes are ASCII.
fn text(token: &[u8]) -> String {
    str::from_utf8(token).expect("a token is ASCII").to_owned()
}

fn fields(cursor: &mut Cursor<'_>) -> Result<Vec<Field>, Stop> {
    let mut fields = Vec::new();
    loop {
        let start = cursor.offset;
        let line = cursor.line()?;
        if line.is_empty() {
            return Ok(fields);
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return never(start, Fault::HeaderField);
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return never(start, Fault::HeaderField);
        }
        if let Some(place) = value.iter().position(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return never(start + colon + 1 + place, Fault::HeaderField);
        }
        fields.push(Field { name: text(name), value: value.trim_ascii().to_vec() });
    }
}

/// How a body's end is found.
enum Framing {
    Chunked,
    Length(u64),
    Unsaid,
}

fn framing(message: &Message, offset: usize) -> Result<Framing, Stop> {
    let mut codings = tokens(message.all("Transfer-Encoding"));
    let coding = codings.next();
    // A list of equal lengths is one length (RFC 9112 section 6.3, rule 5).
    let mut lengths = tokens(message.all("Content-Length"));
    let length = match lengths.next() {
        None if message.all("Content-Length").next().is_some() => return never(offset, Fault::ContentLength),
        None => None,
        Some(first) => {
            if lengths.any(|other| other != first) {
                return never(offset, Fault::ContentLength);
            }
            match number(first, 10) {
                Some(length) => Some(length),
                None => return never(offset, Fault::ContentLength),
            }
        }
    };
    match (coding, length) {
        (None, None) => Ok(Framing::Unsaid),
        (None, Some(length)) => Ok(Framing::Length(length)),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none() => {
            Ok(Framing::Chunked)
        }
        _ => never(offset, Fault::Framing),
    }
}

/// Digits, and nothing else.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(|byte| char::from(*byte).is_digit(radix));
    plain.then(|| u64::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()).flatten()
}

/// RFC 9112 section 7.1.
fn chunks(cursor: &mut Cursor<'_>, message: &mut Message) -> Result<(), Stop> {
    loop {
        let start = cursor.offset;
        let line = cursor.line()?;
        // Extensions mean nothing to us.
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
        let Some(size) = number(size, 16) else {
            return never(start, Fault::Chunk);
        };
        if size == 0 {
            message.trailers = fields(cursor)?;
            return Ok(());
        }
        message.body.extend_from_slice(cursor.take(size)?);
        let end = cursor.offset;
        if cursor.take(2)? != b"\r\n" {
            return never(end, Fault::Chunk);
        }
    }
}

/// A request with the response to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// When its first byte came and in which packet.
    pub request_began: Option<(SimTime, PacketId)>,
    /// When its last byte came and in which packet.
    pub request_ended: Option<(SimTime, PacketId)>,
    /// The responses that weren't final: `100 Continue`.
    pub interim: Vec<Response>,
    /// The response; nothing if the connection ended without one.
    pub response: Option<Response>,
    /// When its last byte came and in which packet.
    pub response_ended: Option<(SimTime, PacketId)>,
}

/// Reads a connection's two streams as exchanges, also when requests are pipelined: responses come in the order of
/// the requests (RFC 9112 section 9.3.2).
///
/// Call [`advance`](Connection::advance) whenever one of the streams has grown, then
/// [`take_answered`](Connection::take_answered).
///
/// ```no_run
/// # use busyhour_oracle::read::{http::Connection, stream::{Flow, Streams}, Unreadable};
/// # fn example(mut streams: Streams, flow: Flow, mut connection: Connection) -> Result<(), Unreadable> {
/// let requests_and_responses = streams.both_mut(flow);
/// if let Some((requests, responses)) = requests_and_responses {
///     connection.advance(requests, responses)?;
///     for exchange in connection.take_answered() {
///         println!("{} {}", exchange.request.method, exchange.request.target);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Connection {
    waiting: VecDeque<Exchange>,
    answered: Vec<Exchange>,
    switched: bool,
}

impl Connection {
    /// Reads on; what was read is consumed from the streams. After an error the connection can't be read further.
    ///
    /// The two directions are seen at different places, so a response may be here before the packet that its
    /// request's last bytes were in: it then waits.
    pub fn advance(&mut self, requests: &mut Stream, responses: &mut Stream) -> Result<(), Unreadable> {
        loop {
            let before = (requests.consumed(), responses.consumed());
            self.read_requests(requests)?;
            self.read_responses(requests, responses)?;
            if before == (requests.consumed(), responses.consumed()) {
                return Ok(());
            }
        }
    }

    /// The exchanges that got their response since this was last called.
    pub fn take_answered(&mut self) -> Vec<Exchange> {
        std::mem::take(&mut self.answered)
    }

    /// The requests that have no response yet.
    pub fn unanswered(&self) -> impl Iterator<Item = &Exchange> {
        self.waiting.iter()
    }

    /// True once the connection speaks another protocol: WebSocket (RFC 6455), or whatever a tunnel carries. The
    /// streams' remaining bytes belong to it.
    pub fn has_switched(&self) -> bool {
        self.switched
    }

    fn read_requests(&mut self, requests: &mut Stream) -> Result<(), Unreadable> {
        // What stands behind a request that may switch protocols can't be read before that one is answered.
        while !self.switched && !self.waiting.back().is_some_and(Exchange::may_switch) {
            let Some((request, length)) = read_request(requests.bytes())? else { break };
            let began = requests.consumed();
            self.waiting.push_back(Exchange {
                request,
                request_began: requests.brought(began),
                request_ended: requests.brought(began + length as u64 - 1),
                interim: Vec::new(),
                response: None,
                response_ended: None,
            });
            requests.consume(length);
        }
        Ok(())
    }

    fn read_responses(&mut self, requests: &Stream, responses: &mut Stream) -> Result<(), Unreadable> {
        let ended = matches!(responses.end(), Some(End::Finished(_)));
        while !self.switched && !responses.bytes().is_empty() {
            let Some(asked) = self.waiting.front_mut() else {
                // The request may be in a packet that isn't seen yet, unless its stream is over.
                if requests.end().is_some() && requests.bytes().is_empty() {
                    return Err(Unreadable { layer: Layer::Http, offset: 0, fault: Fault::Unasked });
                }
                break;
            };
            let read = read_response(responses.bytes(), &asked.request.method, ended)?;
            let Some((response, length)) = read else { break };
            let response_ended = responses.brought(responses.consumed() + length as u64 - 1);
            responses.consume(length);
            let tunnel = asked.request.method == "CONNECT" && (200..300).contains(&response.status);
            self.switched = response.status == 101 || tunnel;
            if response.status < 200 && !self.switched {
                asked.interim.push(response);
                continue;
            }
            asked.response = Some(response);
            asked.response_ended = response_ended;
            self.answered.extend(self.waiting.pop_front());
        }
        Ok(())
    }
}

impl Exchange {
    fn may_switch(&self) -> bool {
        self.request.method == "CONNECT" || self.request.message.lists("Connection", "Upgrade")
    }
}
