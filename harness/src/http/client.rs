//! The asking end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ::http::header::{CONNECTION, HOST, HeaderValue};
use ::http::{Request, Response, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use crate::trace::SimTime;
use crate::world::Host;

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the beginning until there's a connection, its server's name resolved.
    pub connect: Duration,
    /// From there until the whole answer has come, if that's limited by itself.
    pub answer: Option<Duration>,
    /// From the beginning until the whole answer has come.
    pub total: Duration,
}

impl Limits {
    /// Limits of the connection and of the whole.
    pub fn new(connect: Duration, total: Duration) -> Limits {
        Limits { connect, answer: None, total }
    }
}

/// Ten seconds to connect, thirty in all.
impl Default for Limits {
    fn default() -> Limits {
        Limits::new(Duration::from_secs(10), Duration::from_secs(30))
    }
}

/// What a request waited for when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// For a connection.
    Connection,
    /// For the answer, or for the rest of it.
    Answer,
}

/// Why there's no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The URL is none that a request can go to.
    #[error("{0}")]
    BadUrl(String),
    /// The server's name has no address, or DNS doesn't answer.
    #[error("{0}")]
    Unresolved(String),
    /// Nobody listens there.
    #[error("{0}")]
    Refused(String),
    /// The time was up.
    #[error("there was no {} within {} s", match waiting { Waiting::Connection => "connection", Waiting::Answer => "answer" }, within.as_secs_f64())]
    NoAnswer {
        /// What it waited for.
        waiting: Waiting,
        /// How long.
        within: Duration,
    },
    /// The server has reset the connection, or the way to it has given up.
    #[error("the connection was reset")]
    Reset,
    /// The server has closed the connection before its answer began.
    #[error("the connection was closed without an answer")]
    Closed,
    /// The server has closed the connection in the middle of its answer.
    #[error("the answer breaks off")]
    Cut,
    /// What the server says is no HTTP.
    #[error("the answer is no HTTP: {0}")]
    Malformed(String),
    /// The host itself can't: it has no port left, say.
    #[error("{0}")]
    Unable(String),
}

/// Asks servers from a host. It's cheap to clone; clones share the connections that are kept.
#[derive(Clone)]
pub struct Client {
    host: Host,
    /// The connections that nobody uses at the moment, by their server's name and port.
    kept: Option<Rc<RefCell<Kept>>>,
}

type Kept = BTreeMap<(String, u16), Vec<Line>>;

impl Client {
    /// A client that opens a connection for each request, and says so (`Connection: close`).
    pub fn new(host: &Host) -> Client {
        Client { host: host.clone(), kept: None }
    }

    /// A client that keeps its connections, for as long as their servers do.
    pub fn keeping(host: &Host) -> Client {
        Client { host: host.clone(), kept: Some(Rc::default()) }
    }

    /// Sends a request to the server that its URL names (`http://` only) and waits for the whole answer. Dropped, it
    /// closes the request's connection.
    ///
    /// A kept connection that turns out to be closed before anything of the request went out is replaced; otherwise
    /// nothing is ever sent twice. Redirects aren't followed.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, SendError> {
        let began = self.host.now();
        let server = Server::of(request.uri())?;
        let request = self.dress(request, &server)?;
        let connected = Cell::new(false);
        let exchange = self.exchange(&server, request, limits, began, &connected);
        self.until(began + limits.total, exchange).await.unwrap_or_else(|| {
            let waiting = if connected.get() { Waiting::Answer } else { Waiting::Connection };
            Err(SendError::NoAnswer { waiting, within: limits.total })
        })
    }

    /// What its host's clock shows.
    pub(crate) fn now(&self) -> SimTime {
        self.host.now()
    }

    /// What comes of it until then: nothing, if the time is up first.
    async fn until<T>(&self, until: SimTime, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.host.sleep(until.since(self.host.now())) => None,
        }
    }

    /// The request as it's written on a connection to its server.
    fn dress(&self, request: Request<Bytes>, server: &Server) -> Result<Request<Full<Bytes>>, SendError> {
        let mut request = request.map(Full::new);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let bad = |what: &str| SendError::BadUrl(format!("{what:?} can't stand in a request"));
        *request.uri_mut() = target.parse().map_err(|_| bad(&target))?;
        if !request.headers().contains_key(HOST) {
            let authority = server.authority();
            request.headers_mut().insert(HOST, HeaderValue::from_str(&authority).map_err(|_| bad(&authority))?);
        }
        if self.kept.is_none() {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(request)
    }

    async fn exchange(
        &self,
        server: &Server,
        mut request: Request<Full<Bytes>>,
        limits: Limits,
        began: SimTime,
        connected: &Cell<bool>,
    ) -> Result<Response<Bytes>, SendError> {
        loop {
            let (mut line, is_new) = match self.take_kept(server) {
                Some(line) => (line, false),
                None => {
                    let line = self.until(began + limits.connect, self.connect(server)).await;
                    let within = limits.connect;
                    (line.ok_or(SendError::NoAnswer { waiting: Waiting::Connection, within })??, true)
                }
            };
            connected.set(true);
            let answered = async {
                let mut sent = line.sender.try_send_request(request).await;
                if let Err(unsent) = &mut sent
                    && !is_new
                    && let Some(message) = unsent.take_message()
                {
                    return Err(Unanswered::Unsent(Box::new(message)));
                }
                let response = sent.map_err(|error| Unanswered::Failed(explain(&error.into_error(), false)))?;
                let (head, body) = response.into_parts();
                let body = body.collect().await.map_err(|error| Unanswered::Failed(explain(&error, true)))?;
                Ok(Response::from_parts(head, body.to_bytes()))
            };
            let answered = match limits.answer {
                Some(within) => self
                    .until(self.host.now() + within, answered)
                    .await
                    .ok_or(SendError::NoAnswer { waiting: Waiting::Answer, within })?,
                None => answered.await,
            };
            match answered {
                Ok(response) => {
                    self.keep(server, line).await;
                    return Ok(response);
                }
                Err(Unanswered::Failed(error)) => return Err(error),
                Err(Unanswered::Unsent(message)) => request = *message,
            }
        }
    }

    fn take_kept(&self, server: &Server) -> Option<Line> {
        let mut kept = self.kept.as_ref()?.borrow_mut();
        let lines = kept.get_mut(&(server.name.clone(), server.port))?;
        while let Some(line) = lines.pop() {
            if line.sender.is_ready() {
                return Some(line);
            }
        }
        None
    }

    async fn keep(&self, server: &Server, mut line: Line) {
        let Some(kept) = &self.kept else { return };
        // It's ready as soon as the connection has seen the answer's end, or closed if the server has said so.
        if line.sender.ready().await.is_ok() {
            kept.borrow_mut().entry((server.name.clone(), server.port)).or_default().push(line);
        }
    }

    async fn connect(&self, server: &Server) -> Result<Line, SendError> {
        let began = self.host.now();
        let stream =
            self.host.connect((server.name.as_str(), server.port)).await.map_err(|error| match error.kind() {
                io::ErrorKind::ConnectionRefused => SendError::Refused(error.to_string()),
                io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    SendError::Unresolved(error.to_string())
                }
                io::ErrorKind::TimedOut if error.to_string().starts_with("DNS") => {
                    SendError::Unresolved(error.to_string())
                }
                // TCP has given up by itself.
                io::ErrorKind::TimedOut => {
                    SendError::NoAnswer { waiting: Waiting::Connection, within: self.host.now().since(began) }
                }
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => SendError::Reset,
                _ => SendError::Unable(error.to_string()),
            })?;
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| explain(&error, false))?;
        let task = self.host.spawn(async move {
            // What fails is told to whoever waits for the answer.
            let _ = connection.await;
        });
        Ok(Line { sender, task: task.abort_handle() })
    }
}

/// Why a connection gave no answer: it failed, or nothing of the request was ever written.
enum Unanswered {
    Failed(SendError),
    Unsent(Box<Request<Full<Bytes>>>),
}

/// An open connection: it's closed with this.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where a request goes.
struct Server {
    name: String,
    port: u16,
}

impl Server {
    fn of(uri: &Uri) -> Result<Server, SendError> {
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(name)) => Ok(Server { name: name.to_owned(), port: uri.port_u16().unwrap_or(80) }),
            (Some("https"), _) => Err(SendError::BadUrl(format!("{uri} needs TLS, which isn't simulated"))),
            _ => Err(SendError::BadUrl(format!("{uri} is no address of a server: it begins with http:// and a name"))),
        }
    }

    fn authority(&self) -> String {
        if self.port == 80 { self.name.clone() } else { format!("{}:{}", self.name, self.port) }
    }
}

/// What hyper says, in our words.
fn explain(error: &hyper::Error, has_begun: bool) -> SendError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::UnexpectedEof => return if has_begun { SendError::Cut } else { SendError::Closed },
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    return SendError::Malformed(io.to_string());
                }
                _ => return SendError::Reset,
            }
        }
        cause = error.source();
    }
    if error.is_parse() {
        SendError::Malformed(error.to_string())
    } else if has_begun {
        SendError::Cut
    } else {
        // A connection that ends before its answer; one that was lost before the request was written as well.
        SendError::Closed
    }
}
