//! The CRM as a program on its host.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::Notify;

use super::books::{Books, Effect, Taken};
use super::poll::Poll;
use super::settings::CrmSettings;
use super::told::{self, Told};
use super::{Delivery, How, Verdict};
use crate::http::{Answer, Client, Incoming, Request};
use crate::store::{Receipt, Store};
use crate::trace::SimTime;
use crate::webhook::receiver::Reply;
use crate::webhook::receiver::door::Door;
use crate::webhook::signature::{Received, Rejection, Scheme};
use crate::world::Host;

/// The name of its store.
const STORE: &str = "crm";
/// How long a worker waits after its disk has refused.
const RETRY: Duration = Duration::from_secs(1);

/// What program and operator share: settings go in, a view comes out.
pub(super) struct Shared {
    pub(super) settings: RefCell<CrmSettings>,
    pub(super) behaviour: RefCell<Behaviour>,
    pub(super) door: Door,
    /// The books of this life; a crash leaves those of the last, for the view.
    pub(super) books: RefCell<Option<Books>>,
    pub(super) deliveries: RefCell<Vec<Delivery>>,
    /// When it first knew of a lead's status, and how.
    pub(super) knew: RefCell<BTreeMap<(String, String, How), SimTime>>,
    polls: RefCell<Vec<Poll>>,
    pub(super) asked: Cell<u64>,
    /// Deliveries that were handled to the end.
    handled: Cell<u64>,
    has_handled: Notify,
    has_work: Notify,
    has_polls: Notify,
}

/// How it behaves for the time being.
#[derive(Debug, Default)]
pub(super) struct Behaviour {
    /// What happens to deliveries in the place of work.
    pub(super) refusing: Option<(Reply, u64)>,
    /// It works first and replies so much later.
    pub(super) takes: Option<Duration>,
    /// The replies to so many deliveries are lost, the work is done.
    pub(super) lost_replies: u64,
    /// So many deliveries come twice.
    pub(super) doubled: u64,
    /// So many deliveries wait until another one is through.
    pub(super) held_back: u64,
}

/// Takes one off a number of times that are left.
fn one_of(left: &mut u64) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

impl Shared {
    pub(super) fn new(settings: CrmSettings) -> Rc<Shared> {
        Rc::new(Shared {
            settings: RefCell::new(settings),
            behaviour: RefCell::default(),
            door: Door::default(),
            books: RefCell::default(),
            deliveries: RefCell::default(),
            knew: RefCell::default(),
            polls: RefCell::default(),
            asked: Cell::new(0),
            handled: Cell::new(0),
            has_handled: Notify::new(),
            has_work: Notify::new(),
            has_polls: Notify::new(),
        })
    }

    /// The program: its disk first, then whatever waits, then the door.
    pub(super) async fn run(self: Rc<Self>, host: Host) {
        let books = match Store::open(host.disk(), STORE) {
            Ok(store) => Books::new(store),
            Err(_) if host.check_alive().is_err() => return,
            Err(error) => panic!("{}: {error}", host.name()),
        };
        // Told before the crash, perhaps, and perhaps not: their numbers say which they are.
        self.tell(&host, &books.untold(), &books.receipt(), true);
        let last = books.effects().last().map_or(0, |effect| effect.number);
        let port = self.settings.borrow().port;
        self.books.borrow_mut().insert(books).told_up_to(last);
        host.spawn(self.clone().work(host.clone()));
        host.spawn(self.clone().ask_for_all(host.clone()));
        let here = (self.clone(), host.clone());
        let handler = move |incoming| {
            let (shared, host) = here.clone();
            async move { shared.receive(&host, incoming).await }
        };
        self.door.serve(&host, port, handler).await;
    }

    fn with_books<R>(&self, change: impl FnOnce(&mut Books, &CrmSettings) -> R) -> R {
        let mut books = self.books.borrow_mut();
        change(books.as_mut().expect("the program opens its books before its door"), &self.settings.borrow())
    }

    /// Works on what was taken, one after the other, for ever.
    async fn work(self: Rc<Self>, host: Host) {
        loop {
            match self.work_once(&host) {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => self.has_work.notified().await,
                Err(_) => host.sleep(RETRY).await,
            }
        }
    }

    /// Works on what has waited longest; false if nothing waits.
    fn work_once(&self, host: &Host) -> std::io::Result<bool> {
        let Some((effects, receipt)) = self.with_books(Books::work)? else { return Ok(false) };
        self.tell(host, &effects, &receipt, false);
        Ok(true)
    }

    /// Says what was done. The receipt is what the claim stands on: the disk says how far it's synced.
    fn tell(&self, host: &Host, effects: &[Effect], receipt: &Receipt, again: bool) {
        for effect in effects {
            host.claim("effect", |event| {
                let event = event.with("what", effect.what.as_str()).with("key", effect.key.as_str());
                let event = event.with("lead_id", effect.lead_id.as_str()).with("value", effect.value.as_str());
                let event = event.with("number", effect.number).with("again", u8::from(again));
                event.with("path", receipt.path.as_str()).with("length", receipt.length)
            });
        }
        if let (Some(books), Some(last)) = (self.books.borrow_mut().as_mut(), effects.last()) {
            books.told_up_to(last.number);
        }
    }

    /// A delivery, or two.
    async fn receive(self: Rc<Self>, host: &Host, incoming: Incoming) -> Answer {
        if incoming.request.uri().path() != self.settings.borrow().path {
            return Reply::status(404).into_answer();
        }
        if one_of(&mut self.behaviour.borrow_mut().doubled) {
            let (copy, shared, on) = (incoming.clone(), self.clone(), host.clone());
            host.spawn(async move { shared.handle(&on, copy).await });
        }
        self.handle(host, incoming).await
    }

    async fn handle(&self, host: &Host, incoming: Incoming) -> Answer {
        let place = self.note(host, &incoming);
        if one_of(&mut self.behaviour.borrow_mut().held_back) {
            let before = self.handled.get();
            while self.handled.get() == before {
                self.has_handled.notified().await;
            }
        }
        let (verdict, reply) = self.judge(host, &incoming);
        self.deliveries.borrow_mut()[place].verdict = verdict;
        self.handled.set(self.handled.get() + 1);
        self.has_handled.notify_waiters();
        if !reply.delay().is_zero() {
            host.sleep(reply.delay()).await;
        }
        reply.into_answer()
    }

    /// Enters a delivery in the list that the operator sees.
    fn note(&self, host: &Host, incoming: &Incoming) -> usize {
        let told = Self::read(&incoming.request).ok();
        let mut deliveries = self.deliveries.borrow_mut();
        deliveries.push(Delivery {
            at: host.now(),
            from: incoming.from,
            kind: told.as_ref().and_then(Told::kind),
            id: told.as_ref().and_then(|told| told.id.clone()),
            key: told.as_ref().map(|told| told.key.clone()),
            lead_id: told.and_then(|told| told.lead_id),
            verdict: Verdict::Waits,
            request: incoming.request.clone(),
        });
        deliveries.len() - 1
    }

    fn read(request: &Request<Bytes>) -> Result<Told, String> {
        // A token shows what it is, whether or not anybody looks at its signature.
        let is_token = request.body().starts_with(b"eyJ");
        let payload = if is_token { Scheme::Dialpad.payload(request.body()) } else { Some(request.body().clone()) };
        told::read(request, &payload.ok_or("the token can't be read")?)
    }

    fn verify(&self, host: &Host, request: &Request<Bytes>) -> Result<(), Rejection> {
        let settings = self.settings.borrow();
        let Some(verifies) = &settings.verifies else { return Ok(()) };
        let now = host.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        verifies.scheme.verify(now, &verifies.secrets, verifies.tolerance, &Received::of(request))
    }

    /// What becomes of a delivery. When this returns, what's acknowledged by the reply is safe.
    fn judge(&self, host: &Host, incoming: &Incoming) -> (Verdict, Reply) {
        if let Some(reply) = self.behaviour.borrow_mut().refusal() {
            return (Verdict::Failed(reply.in_words()), reply);
        }
        if let Err(rejection) = self.verify(host, &incoming.request) {
            let why = rejection.to_string();
            return (Verdict::Rejected(why.clone()), Reply::status(401).body(why + "\n"));
        }
        let told = match Self::read(&incoming.request) {
            Ok(told) => told,
            Err(why) => return (Verdict::Rejected(why.clone()), Reply::status(400).body(why + "\n")),
        };
        let taken = match self.take(host, &told) {
            Ok(taken) => taken,
            // Whether it was taken is on the disk.
            Err(_) if host.check_alive().is_err() => return (Verdict::Waits, Reply::reset()),
            Err(error) => return (Verdict::Failed(error.to_string()), Reply::status(503).body("not now\n")),
        };
        if let (Some(lead), Some(status)) = (told.lead_id, told.status) {
            self.knows(host, lead, status, How::Webhook);
        }
        let verdict = if taken == Taken::New { Verdict::Accepted } else { Verdict::Repeated };
        let mut behaviour = self.behaviour.borrow_mut();
        if one_of(&mut behaviour.lost_replies) {
            return (verdict, Reply::work_done_reply_lost());
        }
        // Not empty: some senders take an empty 200 for a failure.
        (verdict, Reply::status(200).body("OK\n").after(behaviour.takes.unwrap_or_default()))
    }

    fn take(&self, host: &Host, told: &Told) -> std::io::Result<Taken> {
        if !self.settings.borrow().dedupes {
            let (effects, receipt) = self.with_books(|books, settings| books.act_naively(told, settings))?;
            self.tell(host, &effects, &receipt, false);
            return Ok(Taken::New);
        }
        let taken = self.with_books(|books, _| books.take(told))?;
        let works_first = {
            let behaviour = self.behaviour.borrow();
            behaviour.takes.is_some() || behaviour.lost_replies > 0
        };
        if works_first {
            while self.work_once(host)? {}
        } else {
            self.has_work.notify_one();
        }
        Ok(taken)
    }

    fn knows(&self, host: &Host, lead: String, status: String, how: How) {
        self.knew.borrow_mut().entry((lead, status, how)).or_insert_with(|| host.now());
    }

    /// It has one more thing to ask for.
    pub(super) fn add_poll(&self, poll: Poll) {
        self.polls.borrow_mut().push(poll);
        self.has_polls.notify_one();
    }

    async fn ask_for_all(self: Rc<Self>, host: Host) {
        let mut begun = 0;
        loop {
            let polls = self.polls.borrow()[begun..].to_vec();
            begun += polls.len();
            for poll in polls {
                host.spawn(self.clone().ask(host.clone(), poll));
            }
            self.has_polls.notified().await;
        }
    }

    /// Asks for a lead's status again and again, and makes its record agree.
    async fn ask(self: Rc<Self>, host: Host, poll: Poll) {
        let client = Client::new(&host);
        loop {
            let asked_at = host.wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            let asked_at = u64::try_from(asked_at).unwrap_or(u64::MAX);
            self.asked.set(self.asked.get() + 1);
            if let Some(status) = poll.ask(&client).await {
                self.knows(&host, poll.lead_id.clone(), status.clone(), How::Poller);
                let reconcile = |books: &mut Books, settings: &CrmSettings| {
                    books.reconcile(&poll.lead_id, &status, asked_at, settings)
                };
                // A disk that refuses is asked again with the next answer.
                if let Ok((effects, receipt)) = self.with_books(reconcile) {
                    self.tell(&host, &effects, &receipt, false);
                }
            }
            host.sleep(poll.every).await;
        }
    }
}

impl Behaviour {
    fn refusal(&mut self) -> Option<Reply> {
        let (reply, left) = self.refusing.as_mut()?;
        let reply = reply.clone();
        *left -= 1;
        if *left == 0 {
            self.refusing = None;
        }
        Some(reply)
    }
}
