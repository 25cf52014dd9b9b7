//! Fetching: HTTP/1.1 as a page has it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::url::{Url, is_printable};
use crate::net::TcpStream;
use crate::trace::SimTime;
use crate::world::Host;

/// What an answer's head may have, in bytes, and what its body may.
const LONGEST_HEAD: usize = 256 << 10;
const LONGEST_BODY: usize = 64 << 20;
/// How many bytes it reads at once, at least.
const AT_A_TIME: usize = 4 << 10;
/// How often a browser follows a redirect (Fetch, "HTTP-redirect fetch").
const REDIRECTS: usize = 20;
/// What a request that outlives its page may carry (Fetch, "HTTP-network-or-cache fetch").
pub(super) const LONGEST_KEEPALIVE: usize = 64 << 10;
/// How long a browser waits for a connection: Chrome's limit.
const CONNECT: Duration = Duration::from_secs(240);
/// How many connections to a server are kept, and for how long nobody may have used one: Chrome's limits.
const KEPT: usize = 6;
const IDLE: Duration = Duration::from_secs(300);

/// What a page asks a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// `GET`, `POST`, ...
    pub method: String,
    /// `http://host:port/path`, by name or address.
    pub url: String,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Whether it goes on when the tab is gone.
    pub keepalive: bool,
}

impl FetchRequest {
    /// A GET.
    pub fn get(url: impl Into<String>) -> FetchRequest {
        FetchRequest {
            method: "GET".to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            keepalive: false,
        }
    }

    /// A POST with a body of some type.
    pub fn post(url: impl Into<String>, content_type: &str, body: impl Into<Bytes>) -> FetchRequest {
        let request = FetchRequest { method: "POST".to_owned(), body: body.into(), ..FetchRequest::get(url) };
        request.header("Content-Type", content_type)
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> FetchRequest {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets it outlive the tab.
    #[must_use]
    pub fn keepalive(mut self) -> FetchRequest {
        self.keepalive = true;
        self
    }
}

/// What a server has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// Its status.
    pub status: u16,
    /// The status's words.
    pub status_text: String,
    /// Its header fields, in their order.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

impl FetchResponse {
    /// Whether the status is 200 to 299.
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header field, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why nothing came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server can't be reached, or what it says is no HTTP. Pages see no more than `TypeError: Failed to fetch`.
    #[error("failed to fetch: {0}")]
    Network(String),
    /// The page has given it up.
    #[error("the request was aborted")]
    Aborted,
}

fn network(why: impl Into<String>) -> FetchError {
    FetchError::Network(why.into())
}

fn failed(error: io::Error) -> FetchError {
    network(error.to_string())
}

/// Asks a server, and follows it to where it points.
pub(super) async fn fetch(
    host: &Host,
    pool: &Pool,
    mut request: FetchRequest,
    origin: &str,
    user_agent: &str,
) -> Result<FetchResponse, FetchError> {
    for _ in 0..=REDIRECTS {
        let url = Url::read(&request.url, "http", "https").map_err(|error| network(error.message))?;
        let mut message = write_head(&url, &request, origin, user_agent)?;
        message.extend_from_slice(&request.body);
        let response = exchange(host, pool, &url, &message, request.method == "HEAD").await?;
        let Some(location) = response.header("Location").filter(|_| matches!(response.status, 301..=303 | 307 | 308))
        else {
            return Ok(response);
        };
        request.url = url.join(location);
        let becomes_get = match response.status {
            303 => request.method != "HEAD",
            301 | 302 => request.method == "POST",
            _ => false,
        };
        if becomes_get {
            request.method = "GET".to_owned();
            request.body = Bytes::new();
            request.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
        }
    }
    Err(network(format!("more than {REDIRECTS} redirects")))
}

/// One request and its answer. A kept connection that turns out to be gone says nothing about the server: another is
/// made, and the request is sent again, as browsers do.
async fn exchange(
    host: &Host,
    pool: &Pool,
    url: &Url,
    message: &[u8],
    no_body: bool,
) -> Result<FetchResponse, FetchError> {
    loop {
        let kept = pool.take(url);
        let is_kept = kept.is_some();
        let stream = match kept {
            Some(stream) => stream,
            None => tokio::select! {
                biased;
                connected = host.connect((url.host.as_str(), url.port)) => connected.map_err(failed)?,
                () = host.sleep(CONNECT) => return Err(network("nobody answers")),
            },
        };
        let mut reader = Reader { stream, read: Vec::new(), used: 0, heard: false, persists: false };
        // What can't be written may still be answered: a server may refuse a body that it hasn't read.
        let written = reader.stream.write_all(message).await;
        let answer = reader.response(no_body).await;
        match (answer, written) {
            (Err(_), _) if is_kept && !reader.heard => {}
            (Err(_), Err(error)) => return Err(failed(error)),
            (Err(error), Ok(())) => return Err(error),
            (Ok(response), _) => {
                if reader.persists && reader.unused().is_empty() {
                    pool.keep(url, reader.stream, host.now());
                }
                return Ok(response);
            }
        }
    }
}

/// The connections that are kept for another request.
#[derive(Default)]
pub(super) struct Pool(RefCell<Vec<Kept>>);

struct Kept {
    host: String,
    port: u16,
    stream: TcpStream,
    since: SimTime,
}

impl Kept {
    /// Whether the server has neither closed it nor said anything that nobody asked for.
    fn is_quiet(&mut self) -> bool {
        let mut buffer = [0; 1];
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut buffer)).is_pending()
    }
}

impl Pool {
    /// A connection to that server, the one that was used last.
    fn take(&self, url: &Url) -> Option<TcpStream> {
        let mut kept = self.0.borrow_mut();
        loop {
            let place = kept.iter().rposition(|kept| kept.host == url.host && kept.port == url.port)?;
            let mut found = kept.remove(place);
            if found.is_quiet() {
                return Some(found.stream);
            }
        }
    }

    fn keep(&self, url: &Url, stream: TcpStream, now: SimTime) {
        let mut kept = self.0.borrow_mut();
        if kept.iter().filter(|kept| kept.host == url.host && kept.port == url.port).count() < KEPT {
            kept.push(Kept { host: url.host.clone(), port: url.port, stream, since: now });
        }
    }

    /// Closes those that the server has closed, and those that nobody has used for long.
    pub(super) fn tidy(&self, now: SimTime) {
        self.0.borrow_mut().retain_mut(|kept| now < kept.since + IDLE && kept.is_quiet());
    }

    /// Closes all.
    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn write_head(url: &Url, request: &FetchRequest, origin: &str, user_agent: &str) -> Result<Vec<u8>, FetchError> {
    if !is_token(&request.method) {
        return Err(network(format!("{:?} is no method", request.method)));
    }
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, url.path, url.authority());
    let mut field = |name: &str, value: &str| {
        if !is_token(name) || !value.split('\t').all(is_printable) {
            return Err(network(format!("{name:?} is no header field, or its value has a line break")));
        }
        for piece in [name, ": ", value, "\r\n"] {
            head.push_str(piece);
        }
        Ok(())
    };
    for (name, value) in &request.headers {
        // What a page may not say (Fetch, "forbidden request-header").
        let forbidden = ["host", "connection", "content-length", "transfer-encoding", "origin"];
        if !forbidden.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden)) {
            field(name, value)?;
        }
    }
    let gives = |name: &str| request.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    if !gives("User-Agent") {
        field("User-Agent", user_agent)?;
    }
    if !gives("Accept") {
        field("Accept", "*/*")?;
    }
    let sends = !matches!(request.method.as_str(), "GET" | "HEAD");
    if sends {
        field("Origin", origin)?;
    }
    if sends || !request.body.is_empty() {
        field("Content-Length", &request.body.len().to_string())?;
    }
    field("Connection", "keep-alive")?;
    head.push_str("\r\n");
    Ok(head.into_bytes())
}

/// Reads an answer (RFC 9112).
struct Reader {
    stream: TcpStream,
    /// What has come.
    read: Vec<u8>,
    /// How much of that is used.
    used: usize,
    /// Something has come.
    heard: bool,
    /// The connection can be used again (RFC 9112 section 9.3).
    persists: bool,
}

impl Reader {
    async fn response(&mut self, no_body: bool) -> Result<FetchResponse, FetchError> {
        let mut response = loop {
            let response = self.head().await?;
            // Interim answers are for others.
            if response.status >= 200 {
                break response;
            }
        };
        let closes = |value: &str| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
        self.persists &= !response.header("Connection").is_some_and(closes);
        if no_body || matches!(response.status, 204 | 304) {
            return Ok(response);
        }
        let chunked = response.header("Transfer-Encoding").is_some_and(|coding| {
            coding.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
        });
        let body = if chunked {
            self.chunks().await?
        } else if let Some(length) = response.header("Content-Length") {
            let length = length.parse().map_err(|_| network("the answer's length is no number"))?;
            self.take(length).await?
        } else {
            self.persists = false;
            self.rest().await?
        };
        response.body = body.into();
        Ok(response)
    }

    fn unused(&self) -> &[u8] {
        &self.read[self.used..]
    }

    async fn more(&mut self) -> Result<bool, FetchError> {
        self.read.drain(..std::mem::take(&mut self.used));
        self.read.reserve(AT_A_TIME);
        let count = self.stream.read_buf(&mut self.read).await.map_err(failed)?;
        self.heard |= count > 0;
        Ok(count > 0)
    }

    /// A line, without its end.
    async fn line(&mut self) -> Result<&str, FetchError> {
        let end = loop {
            if let Some(end) = memchr::memchr(b'\n', self.unused()) {
                break self.used + end;
            }
            if self.unused().len() > LONGEST_HEAD {
                return Err(network("the answer's head doesn't end"));
            }
            if !self.more().await? {
                return Err(network("the server has closed the connection without an answer"));
            }
        };
        let line = &self.read[self.used..end];
        self.used = end + 1;
        str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).map_err(|_| network("the answer's head is no text"))
    }

    async fn head(&mut self) -> Result<FetchResponse, FetchError> {
        let start = self.line().await?;
        let no_http = || network(format!("this is no HTTP: {start:?}"));
        let persists = start.starts_with("HTTP/1.1 ");
        let rest = start.strip_prefix("HTTP/1.").and_then(|rest| rest.split_once(' ')).ok_or_else(no_http)?.1;
        let (status, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let good = status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
        let status: u16 = status.parse().ok().filter(|status| good && *status >= 100).ok_or_else(no_http)?;
        let mut response =
            FetchResponse { status, status_text: text.to_owned(), headers: Vec::new(), body: Bytes::new() };
        self.persists = persists;
        let mut size = 0;
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(response);
            }
            size += line.len();
            if size > LONGEST_HEAD {
                return Err(network("the answer's head doesn't end"));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| network(format!("{line:?} is no header field")))?;
            response.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, FetchError> {
        if length > LONGEST_BODY {
            return Err(network(format!("the answer has more than {LONGEST_BODY} bytes")));
        }
        while self.unused().len() < length {
            if !self.more().await? {
                return Err(network("the answer is shorter than it says"));
            }
        }
        let taken = self.unused()[..length].to_vec();
        self.used += length;
        Ok(taken)
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| network("a chunk's size is no number"))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if size > LONGEST_BODY || body.len() + size > LONGEST_BODY {
                return Err(network(format!("the answer has more than {LONGEST_BODY} bytes")));
            }
            body.extend(self.take(size).await?);
            if !self.line().await?.is_empty() {
                return Err(network("a chunk is longer than it says"));
            }
        }
    }

    async fn rest(&mut self) -> Result<Vec<u8>, FetchError> {
        while self.more().await? {
            if self.read.len() > LONGEST_BODY {
                return Err(network(format!("the answer has more than {LONGEST_BODY} bytes")));
            }
        }
        Ok(self.unused().to_vec())
    }
}
