//! The switch: the floor's telephony, on its own host.
//!
//! It's a SIP user agent with an account at the SIP server, and the conference rooms of whoever it talks to. It decides
//! nothing: what it does is ordered ([`Order`]), and what happens is told ([`Report`]).
//!
//! An agent's session is a room that her phone is called into; a customer's call joins it when it's answered. Who isn't
//! in a room (a call that rings, one that's parked) hears nobody, and music if that was ordered.
//!
//! - `order`: what's ordered and told; `program`: the task that does it; `leg`: one call of it.
//! - [`detector`]: telling people from answering machines.
//!
//! What it tells beyond what [`Report`] says: a call that has rung for its whole [`timeout`](Order::Call) fails with 487
//! and Q.850's cause 19, "no answer from user (user alerted)"; one that was given up by [`Order::HangUp`] with 487 alone.
//! Who calls us and gives up before [`Order::Answer`] fails with 487 as well, who was refused with what she was refused
//! with. Orders before the answer are no mistake: who is taken into a room while it rings is heard there, and hears the
//! room, as soon as she has answered; what's to be heard before that (the ringback tone) is heard in the room.
//!
//! The switch remembers nothing. When its host crashes, its calls are silent and unknown to whoever comes after: the
//! server is answered 481 by the next life, and ends them when nothing is heard any more, as it does with any phone.

pub mod detector;
mod leg;
mod order;
mod program;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub use detector::DetectorSettings;
pub use order::{LegId, Order, Part, Report, RoomId};

use crate::media::Codec;
use crate::sip::transaction::Timers;
use crate::world::Host;

/// How a switch is set up.
#[derive(Debug, Clone)]
pub struct SwitchSettings {
    /// The SIP server.
    pub server: SocketAddrV4,
    /// Its domain.
    pub domain: String,
    /// The account there.
    pub user: String,
    /// The password that goes with it.
    pub password: String,
    /// The port that it listens on.
    pub port: u16,
    /// For how long it registers each time.
    pub expires: Duration,
    /// What it speaks, the preferred first.
    pub codecs: Vec<Codec>,
    /// A leg from which nothing has come for so long, though something should, is lost: it's hung up. It's longer than
    /// the server's own: that one knows more of the phone behind it, and whether there's anybody left to talk to.
    pub rtp_timeout: Option<Duration>,
    /// How it tells people from machines.
    pub detector: DetectorSettings,
    /// The timers of its transactions.
    pub timers: Timers,
}

impl SwitchSettings {
    /// A switch with that account at that server.
    pub fn new(server: SocketAddrV4, domain: &str, user: &str, password: &str) -> SwitchSettings {
        SwitchSettings {
            server,
            domain: domain.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            port: 5060,
            expires: Duration::from_secs(300),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            rtp_timeout: Some(Duration::from_secs(90)),
            detector: DetectorSettings::default(),
            timers: Timers::default(),
        }
    }
}

/// The floor's telephony. When it's dropped it stops, without a word to anybody.
///
/// ```
/// use busyhour::floor::switch::{LegId, Order, Part, Report, RoomId, Switch, SwitchSettings};
/// use busyhour::pbx::{Server, ServerSettings};
/// use busyhour::phone::{AutoAnswer, LineState, Phone, PhoneSettings};
/// use std::net::SocketAddrV4;
/// use std::time::Duration;
///
/// # #[cfg(tokio_unstable)]
/// busyhour::simulate(1, |u| async move {
///     let settings = ServerSettings::new("pbx.test").user("alice", "secret").switch("floor", "its secret");
///     let server = Server::install(&u.host("server"), settings);
///     let at = SocketAddrV4::new(server.host().address(), 5060);
///     let settings = PhoneSettings {
///         proxy: Some(at),
///         auto_answer: AutoAnswer::From("floor".into()),
///         ..PhoneSettings::hardphone("alice", "secret", "pbx.test")
///     };
///     let alice = Phone::install(&u.host("alice"), settings);
///     let settings = SwitchSettings::new(at, "pbx.test", "floor", "its secret");
///     let mut switch = Switch::open(&u.host("floor"), settings).await?;
///     alice.register().unwrap();
///     u.sleep(Duration::from_secs(1)).await;
///
///     // An agent logs in: her phone is called into her room.
///     let leg = LegId(1);
///     switch.order(Order::Call { leg, to: "alice".into(), from: None, timeout: None });
///     switch.order(Order::Join { leg, room: RoomId(1), part: Part::Talks });
///     assert_eq!(switch.next().await, Report::Ringing { leg });
///     assert_eq!(switch.next().await, Report::Answered { leg });
///     assert_eq!(alice.screen().lines[0].state, LineState::Talking);
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Switch {
    shared: Rc<Shared>,
    task: AbortHandle,
}

/// What a switch's task and its owner have in common.
#[derive(Default)]
struct Shared {
    orders: RefCell<VecDeque<Order>>,
    ordered: Notify,
    reports: RefCell<VecDeque<Report>>,
    reported: Notify,
    registered: Cell<bool>,
    legs: Cell<usize>,
    rooms: Cell<usize>,
}

impl Shared {
    fn tell(&self, report: Report) {
        self.reports.borrow_mut().push_back(report);
        self.reported.notify_one();
    }
}

impl Switch {
    /// Opens one on a host, whose SIP port must be free, and registers.
    ///
    /// # Errors
    /// The port is taken, or the host doesn't run.
    pub async fn open(host: &Host, settings: SwitchSettings) -> io::Result<Switch> {
        let shared = Rc::<Shared>::default();
        let program = program::Program::open(host, settings, shared.clone()).await?;
        let task = host.spawn(program.run()).abort_handle();
        Ok(Switch { shared, task })
    }

    /// Does something, soon. What comes of it is told by [`Switch::next`].
    pub fn order(&mut self, order: Order) {
        self.shared.orders.borrow_mut().push_back(order);
        self.shared.ordered.notify_one();
    }

    /// Waits for the next thing that happens. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Report {
        loop {
            if let Some(report) = self.try_next() {
                return report;
            }
            self.shared.reported.notified().await;
        }
    }

    /// What has happened and wasn't told yet, if anything has.
    pub fn try_next(&mut self) -> Option<Report> {
        self.shared.reports.borrow_mut().pop_front()
    }

    /// Whether it's registered at the server, as far as it knows: it can be called then.
    pub fn is_registered(&self) -> bool {
        self.shared.registered.get()
    }

    /// How many calls it has that aren't over.
    pub fn legs(&self) -> usize {
        self.shared.legs.get()
    }

    /// How many rooms it has.
    pub fn rooms(&self) -> usize {
        self.shared.rooms.get()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a switch with {} legs in {} rooms", self.legs(), self.rooms())
    }
}
