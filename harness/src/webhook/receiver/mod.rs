//! A webhook receiver whose behaviour is written in wiremock's words, with wiremock's matchers.
//!
//! wiremock itself needs a real socket and a thread of its own. A [`Receiver`] is a program on a host of the universe:
//! it takes [`matchers`], functions and every other [`Match`] of wiremock's, chooses as wiremock does (priority, then
//! order of mounting, used-up ones passed over, 404 otherwise), and verifies in the same words. Its [`Reply`] can do what
//! wiremock's can't: come later in the universe's time, reset, hang, break off, or be lost after the work was done.
//!
//! - `mocks`: the choice. `times`: how often. `reply`: what happens. `door`: whether anybody is in.

pub(in crate::webhook) mod door;
mod mocks;
mod reply;
mod times;

use std::cell::{Cell, RefCell};
use std::net::SocketAddrV4;
use std::rc::Rc;

pub use wiremock::{Match, Request, matchers};

pub use reply::{Reply, Respond};
pub use times::Times;

use self::door::Door;
use self::mocks::{Mock, Mocks};
use crate::http::{Answer, HeaderMap, Incoming, header};
use crate::trace::SimTime;
use crate::world::Host;

/// A receiver's operator: says what it does, and sees what it got. Cheap to clone.
///
/// When the last handle is dropped, what was expected is verified, and a panic says what isn't so: at the end of a test
/// that means that the run has failed. [`Receiver::verify`] says it earlier and more quietly.
///
/// ```
/// use busyhour::http::{Client, Limits, Request};
/// use busyhour::webhook::receiver::matchers::{method, path};
/// use busyhour::webhook::receiver::{Receiver, Reply};
/// use bytes::Bytes;
/// use std::time::Duration;
///
/// # #[cfg(tokio_unstable)] {
/// let statuses = busyhour::simulate(1, |u| async move {
///     let crm = Receiver::install(&u.host("crm"), 80);
///     crm.given(method("POST")).and(path("/hook")).respond_with(Reply::status(500)).up_to_n_times(1).expect(1);
///     crm.given(method("POST"))
///         .and(path("/hook"))
///         .respond_with(Reply::status(200).after(Duration::from_secs(3)))
///         .expect(1..)
///         .named("a delivery that works");
///
///     let client = Client::new(&u.host("sender"));
///     let mut statuses = Vec::new();
///     for _ in 0..2 {
///         let request = Request::post("http://crm/hook").body(Bytes::from("{}")).unwrap();
///         statuses.push(client.send(request, Limits::default()).await.unwrap().status().as_u16());
///     }
///     assert_eq!(crm.received().len(), 2);
///     statuses
/// });
/// assert_eq!(statuses, [500, 200]);
/// # }
/// ```
#[derive(Clone)]
pub struct Receiver(Rc<Operator>);

struct Operator {
    host: Host,
    shared: Rc<Shared>,
    /// A failed verification was told already.
    told: Cell<bool>,
}

#[derive(Default)]
struct Shared {
    mocks: RefCell<Mocks>,
    journal: RefCell<Vec<Received>>,
    door: Door,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// When it was whole.
    pub at: SimTime,
    /// Whose connection it came by.
    pub from: SocketAddrV4,
    /// The request.
    pub request: Request,
    /// What was done, in a word or two: `200`, `reset`.
    pub answer: String,
    /// Which mock took it, counted from 0 in the order of mounting; none did if it's a 404.
    pub mock: Option<usize>,
}

/// What was expected of a receiver and didn't come, in wiremock's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unverified(pub String);

impl Receiver {
    /// Installs a receiver on a host: it serves the port now, and again whenever the host restarts.
    pub fn install(host: &Host, port: u16) -> Receiver {
        let shared = Rc::<Shared>::default();
        let program = shared.clone();
        host.boot(move |host| {
            let shared = program.clone();
            async move {
                let here = (host.clone(), shared.clone());
                let handler = move |incoming| {
                    let (host, shared) = here.clone();
                    async move { shared.answer(&host, &incoming).await }
                };
                shared.door.serve(&host, port, handler).await;
            }
        });
        Receiver(Rc::new(Operator { host: host.clone(), shared, told: Cell::new(false) }))
    }

    /// Where it runs.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// Begins a mock: requests that this matches, and all that's added by [`Given::and`].
    pub fn given(&self, matcher: impl Match + 'static) -> Given {
        Given { shared: self.0.shared.clone(), matchers: vec![Box::new(matcher)] }
    }

    /// Every request that came, also in lives before the last crash, in the order in which they came.
    pub fn received(&self) -> Vec<Received> {
        self.0.shared.journal.borrow().clone()
    }

    /// It goes down: connections are refused, those that are open are closed.
    pub fn down(&self) {
        self.0.shared.door.set(true);
    }

    /// It's back.
    pub fn up(&self) {
        self.0.shared.door.set(false);
    }

    /// Forgets all mocks and all requests.
    pub fn reset(&self) {
        *self.0.shared.mocks.borrow_mut() = Mocks::default();
        self.0.shared.journal.borrow_mut().clear();
    }

    /// Whether every mock was matched as often as expected.
    ///
    /// # Errors
    /// It wasn't.
    pub fn verify(&self) -> Result<(), Unverified> {
        let verified = self.0.shared.verify();
        self.0.told.set(verified.is_err());
        verified
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if !self.told.get()
            && !std::thread::panicking()
            && let Err(unverified) = self.shared.verify()
        {
            panic!("{}: {unverified}", self.host.name());
        }
    }
}

impl Shared {
    async fn answer(&self, host: &Host, incoming: &Incoming) -> Answer {
        let Some(request) = as_wiremock(incoming) else {
            return Reply::status(400).body("the request's target is no URL").into_answer();
        };
        let taken = self.mocks.borrow_mut().take(&request);
        let (mock, reply) = taken.map_or((None, Reply::status(404)), |(place, reply)| (Some(place), reply));
        let answer = reply.in_words();
        self.journal.borrow_mut().push(Received { at: host.now(), from: incoming.from, request, answer, mock });
        if !reply.delay().is_zero() {
            host.sleep(reply.delay()).await;
        }
        reply.into_answer()
    }

    fn verify(&self) -> Result<(), Unverified> {
        let journal = self.journal.borrow();
        let unverified = self.mocks.borrow().unverified(journal.iter().map(|received| &received.request));
        unverified.map_or(Ok(()), |text| Err(Unverified(text)))
    }
}

/// A request as wiremock's matchers see it; none if its target is no URL.
pub fn as_wiremock(incoming: &Incoming) -> Option<Request> {
    let request = &incoming.request;
    let named = |headers: &HeaderMap| headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let server = named(request.headers()).unwrap_or_else(|| "localhost".to_owned());
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    Some(Request {
        url: format!("http://{server}{target}").parse().ok()?,
        method: request.method().clone(),
        headers: request.headers().clone(),
        body: request.body().to_vec(),
    })
}

/// A mock in the making: which requests it takes.
#[must_use = "a mock is mounted by `respond_with`"]
pub struct Given {
    shared: Rc<Shared>,
    matchers: Vec<Box<dyn Match>>,
}

impl Given {
    /// Only requests that this matches too.
    pub fn and(mut self, matcher: impl Match + 'static) -> Given {
        self.matchers.push(Box::new(matcher));
        self
    }

    /// Mounts the mock: it takes requests from now on.
    pub fn respond_with(self, response: impl Respond + 'static) -> Mounted {
        let mocks = &mut self.shared.mocks.borrow_mut().0;
        mocks.push(Mock::new(self.matchers, Box::new(response)));
        Mounted { shared: self.shared.clone(), place: mocks.len() - 1 }
    }
}

/// A mock that takes requests.
pub struct Mounted {
    shared: Rc<Shared>,
    place: usize,
}

impl Mounted {
    fn change(self, change: impl FnOnce(&mut Mock)) -> Mounted {
        // Gone, if the receiver was reset.
        if let Some(mock) = self.shared.mocks.borrow_mut().0.get_mut(self.place) {
            change(mock);
        }
        self
    }

    /// It takes no more than so many requests; then it's passed over.
    ///
    /// # Panics
    /// It would take none.
    pub fn up_to_n_times(self, n: u64) -> Mounted {
        assert!(n > 0, "a mock that takes no request does nothing");
        self.change(|mock| mock.up_to = Some(n))
    }

    /// It's asked before those with a higher number, and after those with a lower one; 5 if nothing is said.
    ///
    /// # Panics
    /// It's zero: 1 is the first.
    pub fn with_priority(self, priority: u8) -> Mounted {
        assert!(priority > 0, "the first priority is 1");
        self.change(|mock| mock.priority = priority)
    }

    /// It's verified that it took so many requests.
    pub fn expect(self, times: impl Into<Times>) -> Mounted {
        self.change(|mock| mock.expected = times.into())
    }

    /// It's called so when it's verified.
    pub fn named(self, name: impl Into<String>) -> Mounted {
        self.change(|mock| mock.name = Some(name.into()))
    }

    /// How many requests it took.
    pub fn matched(&self) -> u64 {
        self.shared.mocks.borrow().0.get(self.place).map_or(0, |mock| mock.matched)
    }
}
