//! The loop around a dispatcher, on a host.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use ::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION};
use ::http::{Method, Request, Response, Uri};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::http::Client;
use crate::trace::Event as LogEntry;
use crate::world::Host;

use super::dispatcher::{Attempt, Dispatcher, Note, Outcome};
use super::rows::Change;

/// A dispatcher at work on a host. It's cheap to clone.
///
/// What its endpoints are told is claimed in the log: `webhook-delivered`, `webhook-retry`, `webhook-gave-up`,
/// `webhook-disabled`.
#[derive(Clone)]
pub struct Sender(Rc<Inner>);

struct Inner {
    host: Host,
    client: Client,
    dispatcher: RefCell<Dispatcher>,
    /// For the loop: there may be something to do.
    stir: Notify,
    /// For those who wait: something happened.
    happened: Notify,
    attempts: RefCell<BTreeMap<u64, AbortHandle>>,
    next_attempt: Cell<u64>,
}

impl Sender {
    /// A sender; [`Sender::run`] makes it work.
    pub fn new(host: &Host, dispatcher: Dispatcher) -> Sender {
        Sender(Rc::new(Inner {
            host: host.clone(),
            client: Client::new(host),
            dispatcher: RefCell::new(dispatcher),
            stir: Notify::new(),
            happened: Notify::new(),
            attempts: RefCell::default(),
            next_attempt: Cell::new(0),
        }))
    }

    /// A sender at work that keeps its rows in memory: a crash of its host ends it, and what it had.
    pub fn install(host: &Host, dispatcher: Dispatcher) -> Sender {
        let sender = Sender::new(host, dispatcher);
        let works = sender.clone();
        host.spawn(async move {
            let _ = works.run(async |_| Ok(())).await;
        });
        sender
    }

    /// Does something with the dispatcher, at this moment, and sees to what follows from it.
    ///
    /// Whoever commits rows in a transaction of its own takes them here, with what else belongs to it, and tells
    /// [`Dispatcher::saved`] later: the loop takes what's left, and sends nothing that isn't saved.
    pub fn with<R>(&self, act: impl FnOnce(&mut Dispatcher, u64) -> R) -> R {
        let result = act(&mut self.0.dispatcher.borrow_mut(), self.now());
        self.0.stir.notify_one();
        self.0.happened.notify_waiters();
        result
    }

    /// Milliseconds since 1970 by the host's clock.
    pub fn now(&self) -> u64 {
        let since = self.0.host.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until something is true of the dispatcher.
    pub async fn until(&self, condition: impl Fn(&Dispatcher) -> bool) {
        loop {
            let happened = self.0.happened.notified();
            if condition(&self.0.dispatcher.borrow()) {
                return;
            }
            happened.await;
        }
    }

    /// Sends what's due, for ever; `save` commits rows, one call after the other. Dropped, it ends what it was sending.
    ///
    /// # Errors
    /// What `save` said: nothing is sent after that.
    pub async fn run(&self, mut save: impl AsyncFnMut(Vec<Change>) -> io::Result<()>) -> io::Result<()> {
        let _end_attempts = EndAttempts(self);
        loop {
            while self.0.dispatcher.borrow().has_changes() {
                let changes = self.0.dispatcher.borrow_mut().take_changes();
                save(changes.rows).await?;
                self.0.dispatcher.borrow_mut().saved(changes.saving);
            }
            loop {
                let attempt = self.0.dispatcher.borrow_mut().poll_attempt(self.now());
                let Some(attempt) = attempt else { break };
                self.begin(attempt);
            }
            loop {
                let note = self.0.dispatcher.borrow_mut().poll_note();
                let Some(note) = note else { break };
                self.claim(&note);
            }
            if self.0.dispatcher.borrow().has_changes() {
                // A request that couldn't even be written.
                continue;
            }
            self.0.happened.notify_waiters();
            let timeout = self.0.dispatcher.borrow().poll_timeout();
            match timeout {
                Some(due) => {
                    let wait = Duration::from_millis(due.saturating_sub(self.now()));
                    let _ = tokio::time::timeout(wait, self.0.stir.notified()).await;
                }
                None => self.0.stir.notified().await,
            }
        }
    }

    fn begin(&self, attempt: Attempt) {
        let number = self.0.next_attempt.replace(self.0.next_attempt.get() + 1);
        let sender = self.clone();
        let task = self.0.host.spawn(async move {
            let delivery = attempt.delivery;
            let outcome = perform(&sender.0.client, attempt).await;
            sender.0.attempts.borrow_mut().remove(&number);
            sender.with(|dispatcher, now| dispatcher.finished(now, delivery, outcome));
        });
        self.0.attempts.borrow_mut().insert(number, task.abort_handle());
    }

    fn claim(&self, note: &Note) {
        let told = |entry: LogEntry, endpoint: &str, event: &str, attempts: u32| {
            entry.with("endpoint", endpoint).with("event", event).with("attempts", attempts)
        };
        let host = &self.0.host;
        match note {
            Note::Delivered { endpoint, event, attempts, .. } => {
                host.claim("webhook-delivered", |entry| told(entry, endpoint, event, *attempts));
            }
            Note::WillRetry { endpoint, event, attempts, failure, .. } => {
                host.claim("webhook-retry", |entry| {
                    told(entry, endpoint, event, *attempts).with("failure", failure.name())
                });
            }
            Note::GaveUp { endpoint, event, attempts, why, .. } => {
                host.claim("webhook-gave-up", |entry| {
                    told(entry, endpoint, event, *attempts).with("why", format!("{why:?}"))
                });
            }
            Note::Disabled { endpoint, why } => {
                host.claim("webhook-disabled", |entry| {
                    entry.with("endpoint", endpoint.as_str()).with("why", format!("{why:?}"))
                });
            }
        }
    }
}

/// Ends the attempts of a loop that ends.
struct EndAttempts<'a>(&'a Sender);

impl Drop for EndAttempts<'_> {
    fn drop(&mut self) {
        for task in std::mem::take(&mut *self.0.0.attempts.borrow_mut()).into_values() {
            task.abort();
        }
    }
}

/// Makes an attempt: sends its request, and follows the answer to where it points as often as the contract does.
pub async fn perform(client: &Client, attempt: Attempt) -> Outcome {
    let mut request = attempt.request;
    let mut redirects = attempt.follow_redirects;
    let deadline = client.now() + attempt.limits.total;
    loop {
        let mut limits = attempt.limits;
        limits.total = deadline.since(client.now());
        let result = client.send(request.clone(), limits).await;
        match result.as_ref().ok().filter(|_| redirects > 0).and_then(|response| redirect(&request, response)) {
            Some(next) => {
                redirects -= 1;
                request = next;
            }
            None => return result.into(),
        }
    }
}

/// Where an answer points: with the same method and body for 307 and 308, as a GET for the others.
fn redirect(request: &Request<Bytes>, response: &Response<Bytes>) -> Option<Request<Bytes>> {
    let status = response.status().as_u16();
    if !matches!(status, 301..=303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let location: Uri = if location.starts_with('/') {
        format!("http://{}{location}", request.uri().authority()?).parse().ok()?
    } else {
        location.parse().ok()?
    };
    let mut next = request.clone();
    *next.uri_mut() = location;
    next.headers_mut().remove(HOST);
    if !matches!(status, 307 | 308) {
        *next.method_mut() = Method::GET;
        *next.body_mut() = Bytes::new();
        next.headers_mut().remove(CONTENT_TYPE);
        next.headers_mut().remove(CONTENT_LENGTH);
    }
    Some(next)
}
