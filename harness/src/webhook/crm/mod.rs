//! The sample CRM: a webhook receiver as it should be, and the naive one that most begin with.
//!
//! What makes it right, each by a test that goes red without it:
//!
//! - It verifies signature and timestamp on the raw body, before it reads it.
//! - It dedupes by the event's id, durably, before it acts. Senders without ids get an idempotency key from what they
//!   tell: see [`Delivery::key`].
//! - It puts a delivery on its disk, answers, and works after: what's acknowledged is safe, and the answer is fast.
//! - An effect and the end of its delivery are one transaction: a crash at any point loses none and doubles none.
//! - A status that's older never overwrites a newer one. By the sender's sequence numbers if it counts, else by its
//!   times; who tells neither (VICIdial's URLs) is believed to tell in order.
//! - One call is one sale, whichever events tell of it.
//! - It asks the floor's API for what no webhook has told it ([`Crm::polls`]).
//!
//! [`CrmSettings::naive`] does none of that.
//!
//! Each effect is claimed in the log as `effect`, with `what`, `key`, `lead_id`, `value`, its `number` among the CRM's
//! effects, and `path` and `length` of the store behind it: the world's own `disk-sync` confirms them. A crash between
//! transaction and claim is made up for at the next start: such claims say `again=1`, and of those that were made before
//! they repeat the number.
//!
//! - `told`: what a delivery says. `books`: the disk. `program`: the rest. `poll`: asking.

mod books;
mod poll;
mod program;
mod settings;
mod told;

use std::fmt;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

pub use books::Effect;
pub use poll::Poll;
pub use settings::{CrmSettings, Verifies};

use self::books::Books;
use self::program::Shared;
use super::event::EventKind;
use super::receiver::Reply;
use super::signature::Secret;
use crate::http::Request;
use crate::trace::SimTime;
use crate::world::Host;

/// A CRM's operator: what she can change, and what she sees. Cheap to clone.
///
/// ```
/// use busyhour::http::{Client, Limits, Request};
/// use busyhour::webhook::crm::{Crm, CrmSettings};
/// use busyhour::webhook::event::{Event, EventKind};
/// use std::time::Duration;
///
/// # #[cfg(tokio_unstable)] {
/// let sales = |settings: CrmSettings| {
///     busyhour::simulate(1, |u| async move {
///         let crm = Crm::install(&u.host("crm"), settings);
///         let client = Client::new(&u.host("sender"));
///         let event = Event::new("evt_1", EventKind::DispositionSaved, 1_795_442_400_000);
///         let event = event.with("lead_id", 1001).with("call_id", "M1").with("status", "SALE");
///         for _copy in 0..2 {
///             let request = Request::post("http://crm/hook").body(event.to_json()).unwrap();
///             client.send(request, Limits::default()).await.unwrap();
///         }
///         u.sleep(Duration::from_secs(1)).await;
///         crm.sales("1001")
///     })
/// };
/// assert_eq!(sales(CrmSettings::default()), 1);
/// assert_eq!(sales(CrmSettings::naive()), 2);
/// # }
/// ```
#[derive(Clone)]
pub struct Crm {
    host: Host,
    shared: Rc<Shared>,
}

/// A request that reached the CRM's webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// When it was whole.
    pub at: SimTime,
    /// Whose connection it came by.
    pub from: SocketAddrV4,
    /// What it tells of, as far as it could be read.
    pub kind: Option<EventKind>,
    /// The sender's id of the event, if it has one.
    pub id: Option<String>,
    /// Equal for all copies of one event: the id; where there's none, the call and the status that it was given; where
    /// there's no call either, a hash of what was sent.
    pub key: Option<String>,
    /// The lead that it's about.
    pub lead_id: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
    /// All of it, for whoever wants to send it again.
    pub request: Request<Bytes>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It's held back, or a crash came in between.
    Waits,
    /// It was taken as new.
    Accepted,
    /// It was taken, and known already.
    Repeated,
    /// It wasn't believed, or couldn't be read, and why.
    Rejected(String),
    /// It failed before any work was done, and how: `500`, `reset`.
    Failed(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Waits => f.write_str("held back"),
            Verdict::Accepted => f.write_str("accepted"),
            Verdict::Repeated => f.write_str("accepted as a repetition"),
            Verdict::Rejected(why) => write!(f, "rejected: {why}"),
            Verdict::Failed(how) => write!(f, "failed: {how}"),
        }
    }
}

impl Delivery {
    /// Whether it was taken, as new or as a repetition.
    pub fn is_accepted(&self) -> bool {
        matches!(self.verdict, Verdict::Accepted | Verdict::Repeated)
    }

    /// Whether it was turned away for what it is.
    pub fn is_rejected(&self) -> bool {
        matches!(self.verdict, Verdict::Rejected(_))
    }
}

/// By which way a CRM learned something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It was told.
    Webhook,
    /// It asked.
    Poller,
}

/// What its operator does.
impl Crm {
    /// Installs a CRM on a host: it runs now, and again whenever the host restarts.
    pub fn install(host: &Host, settings: CrmSettings) -> Crm {
        let shared = Shared::new(settings);
        let program = shared.clone();
        host.boot(move |host| program.clone().run(host));
        Crm { host: host.clone(), shared }
    }

    /// Where it runs.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Changes its set-up, for deliveries that come from now on. The port is read at its start.
    pub fn change(&self, change: impl FnOnce(&mut CrmSettings)) {
        change(&mut self.shared.settings.borrow_mut());
    }

    /// The next `count` deliveries are answered with this status, before any work is done.
    pub fn answers(&self, status: u16, count: u64) {
        self.replies(Reply::status(status), count);
    }

    /// This happens to the next `count` deliveries in the place of any work.
    pub fn replies(&self, reply: Reply, count: u64) {
        self.shared.behaviour.borrow_mut().refusing = (count > 0).then_some((reply, count));
    }

    /// It works first and replies so much later.
    pub fn takes(&self, time: Duration) {
        self.shared.behaviour.borrow_mut().takes = Some(time);
    }

    /// It answers at once again, and well.
    pub fn at_once(&self) {
        let mut behaviour = self.shared.behaviour.borrow_mut();
        behaviour.takes = None;
        behaviour.refusing = None;
    }

    /// It goes down: connections are refused, those that are open are closed. The machine runs on.
    pub fn down(&self) {
        self.shared.door.set(true);
    }

    /// It's back.
    pub fn up(&self) {
        self.shared.door.set(false);
    }

    /// The next delivery's work is done, and its reply lost: the connection is reset.
    pub fn lose_reply_of_next(&self) {
        self.shared.behaviour.borrow_mut().lost_replies += 1;
    }

    /// The next delivery is taken twice at once, as if two copies had come.
    pub fn double_next(&self) {
        self.shared.behaviour.borrow_mut().doubled += 1;
    }

    /// The next delivery waits inside until the one after it is through.
    pub fn hold_next(&self) {
        self.shared.behaviour.borrow_mut().held_back += 1;
    }

    /// Signatures by this secret are believed too. It must verify some already.
    pub fn learn_secret(&self, secret: Secret) {
        if let Some(verifies) = &mut self.shared.settings.borrow_mut().verifies {
            verifies.secrets.push(secret);
        }
    }

    /// It asks for a lead's status from now on, also after a restart, and makes its record agree with the answer.
    pub fn polls(&self, poll: Poll) {
        self.shared.add_poll(poll);
    }
}

/// What its operator sees. What's on its disk is seen as its program last knew it.
impl Crm {
    fn see<R: Default>(&self, look: impl FnOnce(&Books) -> R) -> R {
        self.shared.books.borrow().as_ref().map(look).unwrap_or_default()
    }

    /// Every request that reached its webhook, repeated and rejected ones included, in the order in which they came: of
    /// one kind, of one lead, or of all.
    pub fn deliveries(&self, kind: Option<EventKind>, lead: Option<&str>) -> Vec<Delivery> {
        let wanted = |delivery: &&Delivery| {
            kind.is_none_or(|kind| delivery.kind == Some(kind))
                && lead.is_none_or(|lead| delivery.lead_id.as_deref() == Some(lead))
        };
        self.shared.deliveries.borrow().iter().filter(wanted).cloned().collect()
    }

    /// How many sales it has counted for a lead.
    pub fn sales(&self, lead: &str) -> usize {
        self.see(|books| books.sales(lead))
    }

    /// How many sales it has counted in all.
    pub fn all_sales(&self) -> usize {
        self.see(Books::all_sales)
    }

    /// What its record of a lead says.
    pub fn status(&self, lead: &str) -> Option<String> {
        self.see(|books| books.status(lead))
    }

    /// Every effect that it had, in their order.
    pub fn effects(&self) -> Vec<Effect> {
        self.see(Books::effects)
    }

    /// How many deliveries were taken whose work isn't done yet.
    pub fn waiting(&self) -> usize {
        self.see(Books::waiting)
    }

    /// When it first knew, by this way, of the status that its record of the lead has now.
    pub fn first_knew(&self, lead: &str, how: How) -> Option<SimTime> {
        let status = self.status(lead)?;
        self.first_knew_that(lead, &status, how)
    }

    /// When it first knew, by this way, that a lead has this status.
    pub fn first_knew_that(&self, lead: &str, status: &str, how: How) -> Option<SimTime> {
        self.shared.knew.borrow().get(&(lead.to_owned(), status.to_owned(), how)).copied()
    }

    /// How many requests it took to learn what it knows: those that came, or those that it made.
    pub fn requests(&self, how: How) -> u64 {
        match how {
            How::Webhook => self.shared.deliveries.borrow().len() as u64,
            How::Poller => self.shared.asked.get(),
        }
    }
}
