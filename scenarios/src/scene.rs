//! The scene of a scenario: its universe, and who plays in it by which name.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use busyhour::Universe;
use busyhour::net::{Between, DNS_HOST};
use busyhour::world::Host;
use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::World;
use crate::argument::{Amount, Link, Party, Route};
use crate::phrase::{StepFailure, StepResult};
use crate::similar;

/// The port on which machines take datagrams.
const DATAGRAMS: u16 = 4000;
/// The port on which they serve their page.
const WEB: u16 = 80;
/// A datagram of a machine: its batch, its number, and as much more as makes a frame of G.711's size.
const DATAGRAM: usize = 160;
/// Between two datagrams.
const SPACING: Duration = Duration::from_millis(1);
/// What is still on its way when the last datagram has left gets this long to arrive.
const STRAGGLERS: Duration = Duration::from_secs(1);
/// How long a step waits for the outcome of a request, good or bad.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a check that waits looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What the steps of a scenario share: see [`World`].
///
/// A step of another crate reaches the universe through it:
///
/// ```
/// use std::net::SocketAddrV4;
///
/// use busyhour_scenarios::{StepFailure, StepResult, World};
/// use cucumber::when;
///
/// #[when(expr = "{word} waves to {word} after a second")]
/// async fn waves(world: &mut World, from: String, to: String) -> StepResult {
///     let scene = world.scene()?;
///     let (from, to) = (scene.host(&from)?, scene.host(&to)?);
///     scene.universe.sleep(std::time::Duration::from_secs(1)).await;
///     let failed = |error: std::io::Error| StepFailure::because(format!("{} can't wave: {error}", from.name()));
///     let socket = from.udp(0).await.map_err(failed)?;
///     socket.send_to(&b"hello"[..], SocketAddrV4::new(to.address(), 4000)).await.map_err(failed)?;
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub struct Scene {
    /// The universe: its time, its network and its faults, and hosts of your own.
    pub universe: Universe,
    machines: Vec<Machine>,
    batches: u32,
}

/// A bare machine: it takes datagrams and serves a page.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) host: Host,
    memory: Rc<RefCell<Memory>>,
}

/// What a person can see of a machine: what it got.
#[derive(Default)]
struct Memory {
    /// The batch of datagrams that was last sent to it, and how many that were.
    batch: u32,
    batch_size: u64,
    received: u64,
    answer: Option<Answer>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing yet.
    None,
    /// A status.
    Status(u16),
    /// The connection failed.
    Failed(String),
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Answer::None => f.write_str("no answer"),
            Answer::Status(status) => write!(f, "status {status}"),
            Answer::Failed(why) => write!(f, "no answer: {why}"),
        }
    }
}

impl World {
    /// The scene that the scenario plays in.
    ///
    /// # Errors
    /// The step isn't played in a universe.
    pub fn scene(&mut self) -> Result<&mut Scene, StepFailure> {
        self.filled::<Scene>().ok_or_else(|| StepFailure::because("this step needs a universe, and there is none"))
    }
}

impl Scene {
    /// The scene in `universe`, with nobody there yet.
    pub fn new(universe: Universe) -> Scene {
        Scene { universe, machines: Vec::new(), batches: 0 }
    }

    /// Adds a machine, switched on.
    pub(crate) fn add_machine(&mut self, name: &str) -> StepResult {
        if name == DNS_HOST {
            let why = format!("`{name}` is the host that answers for names: call the machine something else");
            return Err(StepFailure::because(why));
        }
        let host = self.universe.try_host(name).map_err(|error| StepFailure::because(error.to_string()))?;
        let memory = Rc::<RefCell<Memory>>::default();
        host.boot({
            let memory = memory.clone();
            move |host| take_datagrams(host, memory.clone())
        });
        host.boot(serve_page);
        self.machines.push(Machine { host, memory });
        Ok(())
    }

    /// The host of the machine of that name.
    ///
    /// # Errors
    /// Nobody has that name.
    pub fn host(&self, name: &str) -> Result<Host, StepFailure> {
        Ok(self.machine(name)?.host)
    }

    /// The machine of that name.
    pub(crate) fn machine(&self, name: &str) -> Result<Machine, StepFailure> {
        let found = self.machines.iter().find(|machine| machine.host.name() == name);
        found.cloned().ok_or_else(|| self.nobody(name))
    }

    fn nobody(&self, name: &str) -> StepFailure {
        let names: Vec<&str> = self.machines.iter().map(|machine| machine.host.name()).collect();
        let nearest = names
            .iter()
            .min_by_key(|known| similar::distance(name, known))
            .filter(|known| similar::distance(name, known) * 2 <= name.chars().count());
        let hint = match (nearest, names.is_empty()) {
            (Some(nearest), _) => format!("; did you mean {nearest}?"),
            (None, false) if names.len() == 1 => format!("; there is {}", names[0]),
            (None, true) => "; nobody has been named yet: `Given machines a and b` names two".to_owned(),
            (None, false) => format!("; there are {}", names.join(", ")),
        };
        StepFailure::because(format!("nobody here is called {name}{hint}"))
    }

    /// The hosts of a party.
    pub(crate) fn hosts(&self, party: &Party) -> Result<Vec<Host>, StepFailure> {
        match party {
            Party::Named(name) => Ok(vec![self.machine(name)?.host]),
            Party::EveryAgent => Err(StepFailure::because("there are no agents here: this place has machines only")),
            role => Err(StepFailure::because(format!("{role} isn't here: this place has machines only"))),
        }
    }

    /// A stretch of the network.
    pub(crate) fn link(&self, link: &Link) -> Result<Between, StepFailure> {
        match link {
            Link::Every => Ok(self.universe.network().everywhere()),
            Link::On(route) => self.route(route),
        }
    }

    /// The network between two parties.
    pub(crate) fn route(&self, route: &Route) -> Result<Between, StepFailure> {
        let network = self.universe.network();
        Ok(match route {
            Route::Between(a, b) => network.between_groups(&self.hosts(a)?, &self.hosts(b)?),
            Route::From(from, to) => network.one_way_groups(&self.hosts(from)?, &self.hosts(to)?),
        })
    }

    /// Sends datagrams from one machine to another, and waits for stragglers.
    pub(crate) async fn send(&mut self, from: &str, count: u64, to: &str) -> StepResult {
        let (from, to) = (self.machine(from)?, self.machine(to)?);
        must_run(&from.host)?;
        self.batches += 1;
        let batch = self.batches;
        {
            let mut memory = to.memory.borrow_mut();
            (memory.batch, memory.batch_size, memory.received) = (batch, count, 0);
        }
        let address = SocketAddrV4::new(to.host.address(), DATAGRAMS);
        let host = from.host.clone();
        let sending = from.host.spawn(async move {
            let socket = host.udp(0).await?;
            for number in 0..count {
                let mut datagram = vec![0u8; DATAGRAM];
                datagram[..4].copy_from_slice(&batch.to_be_bytes());
                datagram[4..12].copy_from_slice(&number.to_be_bytes());
                socket.send_to(datagram, address).await?;
                host.sleep(SPACING).await;
            }
            Ok::<(), std::io::Error>(())
        });
        match sending.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(StepFailure::because(format!("{} couldn't send: {error}", from.host.name()))),
            Err(_) => return Err(StepFailure::because(format!("{} stopped while it was sending", from.host.name()))),
        }
        self.universe.sleep(STRAGGLERS).await;
        Ok(())
    }

    /// How many of the datagrams last sent to it a machine has received.
    pub(crate) async fn received(&self, machine: &str, amount: Amount, within: Option<Duration>) -> StepResult {
        let machine = self.machine(machine)?;
        let size = machine.memory.borrow().batch_size;
        if machine.memory.borrow().batch == 0 {
            return Err(StepFailure::because(format!("nobody has sent anything to {}", machine.host.name())));
        }
        let count = || machine.memory.borrow().received;
        judge_amount(&self.universe, amount, size, within, count, &format!("of {size} datagrams")).await
    }

    /// Asks a machine for a page, and waits for the outcome as long as a person would.
    pub(crate) async fn fetch(&mut self, from: &str, path: &str, of: &str) -> StepResult {
        let (client, server) = (self.machine(from)?, self.machine(of)?);
        must_run(&client.host)?;
        if !path.starts_with('/') {
            return Err(StepFailure::because(format!("{path:?} is no path of a page: it begins with a slash")));
        }
        client.memory.borrow_mut().answer = Some(Answer::None);
        let address = SocketAddrV4::new(server.host.address(), WEB);
        let (host, memory, path) = (client.host.clone(), client.memory.clone(), path.to_owned());
        client.host.spawn(async move {
            let answer = match get(&host, address, &path).await {
                Ok(status) => Answer::Status(status),
                Err(error) => Answer::Failed(error),
            };
            memory.borrow_mut().answer = Some(answer);
        });
        let deadline = self.universe.now() + PATIENCE;
        while client.memory.borrow().answer == Some(Answer::None) && self.universe.now() < deadline {
            self.universe.sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// What became of a machine's last request.
    pub(crate) fn answer(&self, machine: &str) -> Result<Answer, StepFailure> {
        let machine = self.machine(machine)?;
        let answer = machine.memory.borrow().answer.clone();
        answer.ok_or_else(|| StepFailure::because(format!("{} has fetched nothing", machine.host.name())))
    }
}

fn must_run(host: &Host) -> StepResult {
    match host.power() {
        busyhour::world::Power::Up => Ok(()),
        busyhour::world::Power::Down => {
            Err(StepFailure::because(format!("{0} is down; `When {0} restarts` starts it again", host.name())))
        }
        busyhour::world::Power::Asleep => Err(StepFailure::because(format!("{} is asleep", host.name()))),
    }
}

/// Judges a count, now or while time goes by.
///
/// With `within`, too many fail as soon as they're there, and an amount that more can't spoil passes as soon as it is
/// reached; any other waits the whole time, since one more might still come.
pub(crate) async fn judge_amount(
    universe: &Universe,
    amount: Amount,
    of: u64,
    within: Option<Duration>,
    count: impl Fn() -> u64,
    what: &str,
) -> StepResult {
    let deadline = universe.now() + within.unwrap_or(Duration::ZERO);
    loop {
        let seen = count();
        let wrong = || StepFailure::differs(format!("{amount} {what}"), format!("{seen}"));
        if amount.is_exceeded_by(seen) {
            return Err(wrong());
        }
        let settled = matches!(amount, Amount::AtLeast(_)) && amount.admits(seen, of);
        if settled || universe.now() >= deadline {
            return if amount.admits(seen, of) { Ok(()) } else { Err(wrong()) };
        }
        universe.sleep(LOOK_AGAIN.min(deadline.since(universe.now()))).await;
    }
}

/// Waits until `holds`, at most `within`; without it, asks once.
pub(crate) async fn wait_until(universe: &Universe, within: Option<Duration>, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = universe.now() + within.unwrap_or(Duration::ZERO);
    loop {
        if holds() {
            return true;
        }
        if universe.now() >= deadline {
            return false;
        }
        universe.sleep(LOOK_AGAIN.min(deadline.since(universe.now()))).await;
    }
}

async fn take_datagrams(host: Host, memory: Rc<RefCell<Memory>>) {
    let Ok(socket) = host.udp(DATAGRAMS).await else { return };
    while let Ok((payload, _)) = socket.recv().await {
        let Some(batch) = payload.first_chunk::<4>() else { continue };
        let mut memory = memory.borrow_mut();
        if u32::from_be_bytes(*batch) == memory.batch {
            memory.received += 1;
        }
    }
}

async fn serve_page(host: Host) {
    let Ok(listener) = host.listen(WEB).await else { return };
    while let Ok((stream, _)) = listener.accept().await {
        host.spawn(async move {
            let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                let (status, text) = match request.uri().path() {
                    "/hello" => (StatusCode::OK, "hello\n"),
                    _ => (StatusCode::NOT_FOUND, "there is only /hello\n"),
                };
                let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
                *response.status_mut() = status;
                Ok::<_, std::convert::Infallible>(response)
            });
            // A client that goes away in the middle is its own affair.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn get(host: &Host, address: SocketAddrV4, path: &str) -> Result<u16, String> {
    let stream = host.connect(address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    host.spawn(connection);
    let request = Request::get(path).header("host", address.ip().to_string()).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    Ok(response.status().as_u16())
}
