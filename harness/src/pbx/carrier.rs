//! The carrier: the trunk that a contact center reaches the telephone network by, and the customers behind it.
//!
//! It's one program on one host: SIP over UDP, and the RTP of every customer. A customer's own host has her microphone
//! and her speaker, and nothing else. What customers do is told by [`Carrier::customer`] and
//! [`Carrier::default_customer`]; what they do at a moment of a test's choosing by the carrier's Hand
//! ([`Carrier::hang_up`], [`Carrier::place_call`]); what has become of their calls is its View ([`Carrier::calls`]).

mod program;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::customer::{AnsweringMachine, Behaviour, Refusal};
use crate::media::{AudioLine, Codec, StreamStats};
use crate::sip::ua::{Ending, Quirks, ReliableProvisionals};
use crate::trace::SimTime;
use crate::world::Host;

/// How a carrier is.
#[derive(Debug, Clone)]
pub struct CarrierSettings {
    /// The port that it listens on.
    pub port: u16,
    /// Where calls of customers go: the other end of the trunk, the preferred one first. The next is tried where one
    /// doesn't answer, or has no line left.
    pub servers: Vec<SocketAddrV4>,
    /// What it speaks, the preferred first.
    pub codecs: Vec<Codec>,
    /// How long the network looks for a number before it rings there.
    pub post_dial_delay: Duration,
    /// How answering machines work.
    pub machine: AnsweringMachine,
    /// A call in which nothing is heard for so long, though something should be, is hung up.
    pub rtp_timeout: Option<Duration>,
    /// Whether its provisional responses are acknowledged (RFC 3262), where nobody requires it.
    pub reliable_provisionals: ReliableProvisionals,
    /// What it does wrong.
    pub quirks: Quirks,
}

impl Default for CarrierSettings {
    fn default() -> CarrierSettings {
        CarrierSettings {
            port: 5060,
            servers: Vec::new(),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            post_dial_delay: Duration::from_millis(200),
            machine: AnsweringMachine::default(),
            rtp_timeout: Some(Duration::from_secs(60)),
            reliable_provisionals: ReliableProvisionals::No,
            quirks: Quirks::default(),
        }
    }
}

/// Who began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The customer is called.
    ToCustomer,
    /// The customer calls.
    FromCustomer,
}

/// How far a customer's call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// Nothing is heard of it yet.
    Trying,
    /// It rings, there or here; or something is played before an answer.
    Ringing,
    /// They talk.
    Talking,
    /// It's over.
    Ended,
}

/// A customer's call, as the carrier's books have it.
#[derive(Debug, Clone)]
pub struct CallView {
    /// The customer.
    pub number: String,
    /// The other side: whom she calls, or who calls her.
    pub other: String,
    /// Who began.
    pub direction: Direction,
    /// How far it is.
    pub state: CallState,
    /// True while the other side has put her on hold.
    pub held: bool,
    /// When it began.
    pub began: SimTime,
    /// When it was answered.
    pub answered: Option<SimTime>,
    /// When it ended.
    pub ended: Option<SimTime>,
    /// How it ended, seen from the customer's side.
    pub ending: Option<Ending>,
    /// The digits that she received.
    pub digits: String,
    /// What she hears, and how well; nothing before there is a session.
    pub audio: Option<StreamStats>,
}

/// Why somebody can't hang up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the customer at {number} is in no call")]
pub struct NoCall {
    /// The customer.
    pub number: String,
}

/// A carrier, and the hand and view of whoever stands behind it. It's a handle: clones are the same carrier.
#[derive(Clone)]
pub struct Carrier(Rc<Shared>);

struct Customer {
    devices: Host,
    /// Without one of her own, she does what every customer does.
    behaviour: Option<Behaviour>,
}

type Factory = Box<dyn FnMut(&str) -> Host>;

/// What the program on the carrier's host and its handles share: settings that outlive a crash, and what was asked.
struct Shared {
    host: Host,
    settings: RefCell<CarrierSettings>,
    customers: RefCell<BTreeMap<String, Customer>>,
    default: RefCell<Behaviour>,
    factory: RefCell<Factory>,
    refuses: Cell<Option<(Refusal, u32)>>,
    orders: RefCell<VecDeque<Order>>,
    ordered: Notify,
    calls: RefCell<Vec<Book>>,
}

/// A call in the carrier's books, with the line whose counts are asked for when somebody looks.
struct Book {
    view: CallView,
    line: Option<AudioLine>,
}

/// What somebody asked of the program.
enum Order {
    HangUp(String),
    PlaceCall {
        from: String,
        to: String,
    },
    /// Nothing is heard in that call any more: the place in the books.
    Silent(usize),
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the carrier on {:?}, {} calls", self.0.host, self.0.calls.borrow().len())
    }
}

impl Carrier {
    /// Makes a host a carrier: now, and again whenever it restarts. `customers` makes the devices of customers whom
    /// nobody named before they were called.
    pub fn install(host: &Host, settings: CarrierSettings, customers: impl FnMut(&str) -> Host + 'static) -> Carrier {
        let shared = Rc::new(Shared {
            host: host.clone(),
            settings: RefCell::new(settings),
            customers: RefCell::default(),
            default: RefCell::default(),
            factory: RefCell::new(Box::new(customers)),
            refuses: Cell::new(None),
            orders: RefCell::default(),
            ordered: Notify::new(),
            calls: RefCell::default(),
        });
        host.boot({
            let shared = Rc::clone(&shared);
            move |host| program::run(host, Rc::clone(&shared))
        });
        Carrier(shared)
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// Names a customer, her devices and what she does, from her next call on.
    pub fn customer(&self, number: &str, devices: Host, behaviour: Behaviour) {
        let customer = Customer { devices, behaviour: Some(behaviour) };
        self.0.customers.borrow_mut().insert(number.to_owned(), customer);
    }

    /// Changes what a customer does, from her next call on.
    pub fn behave(&self, number: &str, behaviour: Behaviour) {
        self.0.devices(number);
        if let Some(customer) = self.0.customers.borrow_mut().get_mut(number) {
            customer.behaviour = Some(behaviour);
        }
    }

    /// What every customer does of whom nothing else is said.
    pub fn default_customer(&self, behaviour: Behaviour) {
        *self.0.default.borrow_mut() = behaviour;
    }

    /// A customer's devices: who has none yet gets some.
    pub fn devices(&self, number: &str) -> Host {
        self.0.devices(number)
    }

    /// Refuses the next `count` calls with that status, whoever is called.
    ///
    /// # Panics
    /// The status refuses nothing.
    pub fn answer_next_with(&self, status: u16, count: u32) {
        self.0.refuses.set((count > 0).then(|| (Refusal::with_status(status), count)));
    }

    /// How many calls are still to be refused by [`Carrier::answer_next_with`].
    pub fn still_refuses(&self) -> u32 {
        self.0.refuses.get().map_or(0, |(_, count)| count)
    }

    /// Speaks that codec and no other, from the next call on.
    pub fn speaks_only(&self, codec: Codec) {
        self.0.settings.borrow_mut().codecs = vec![codec];
    }

    /// Where calls of customers go, from the next one on.
    pub fn set_servers(&self, servers: Vec<SocketAddrV4>) {
        self.0.settings.borrow_mut().servers = servers;
    }

    /// A customer hangs up, declines a call that rings, or gives up calling.
    ///
    /// # Errors
    /// She's in no call.
    pub fn hang_up(&self, number: &str) -> Result<(), NoCall> {
        let is_live = |book: &Book| book.view.number == number && book.view.state != CallState::Ended;
        if !self.0.calls.borrow().iter().any(is_live) {
            return Err(NoCall { number: number.to_owned() });
        }
        self.0.order(Order::HangUp(number.to_owned()));
        Ok(())
    }

    /// A customer calls a number of the contact center.
    pub fn place_call(&self, from: &str, to: &str) {
        self.0.devices(from);
        self.0.order(Order::PlaceCall { from: from.to_owned(), to: to.to_owned() });
    }

    /// A customer's calls, the oldest first.
    pub fn calls(&self, number: &str) -> Vec<CallView> {
        let mut calls = self.all_calls();
        calls.retain(|call| call.number == number);
        calls
    }

    /// Everybody's calls, the oldest first.
    pub fn all_calls(&self) -> Vec<CallView> {
        self.0.calls.borrow().iter().map(Book::seen).collect()
    }

    /// The digits that a customer received in her last call.
    pub fn digits_received(&self, number: &str) -> String {
        self.calls(number).pop().map(|call| call.digits).unwrap_or_default()
    }
}

impl Book {
    fn seen(&self) -> CallView {
        let mut view = self.view.clone();
        if let Some(line) = &self.line {
            view.digits = line.digits();
            view.audio = Some(line.stats());
        }
        view
    }
}

impl Shared {
    fn devices(&self, number: &str) -> Host {
        if let Some(customer) = self.customers.borrow().get(number) {
            return customer.devices.clone();
        }
        let devices = (self.factory.borrow_mut())(number);
        let customer = Customer { devices: devices.clone(), behaviour: None };
        self.customers.borrow_mut().insert(number.to_owned(), customer);
        devices
    }

    fn behaviour(&self, number: &str) -> Behaviour {
        let own = self.customers.borrow().get(number).and_then(|customer| customer.behaviour.clone());
        own.unwrap_or_else(|| self.default.borrow().clone())
    }

    fn order(&self, order: Order) {
        self.orders.borrow_mut().push_back(order);
        self.ordered.notify_one();
    }

    /// The refusal that the next call gets whatever it is, if any.
    fn refusal(&self) -> Option<Refusal> {
        let (refusal, left) = self.refuses.get()?;
        self.refuses.set((left > 1).then_some((refusal, left - 1)));
        Some(refusal)
    }
}
