//! Bare machines: they send datagrams and fetch pages, for scenarios of the network itself.

use std::cell::RefCell;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use busyhour::world::Host;
use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::{LOOK_AGAIN, PATIENCE, Scene, judge_amount};
use crate::argument::Amount;
use crate::phrase::{StepFailure, StepResult};

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

impl Scene {
    /// Adds a machine, switched on.
    pub(crate) fn add_machine(&mut self, name: &str) -> StepResult {
        let host = self.new_host(name, "machine")?;
        let memory = Rc::<RefCell<Memory>>::default();
        host.boot({
            let memory = memory.clone();
            move |host| take_datagrams(host, memory.clone())
        });
        host.boot(serve_page);
        self.machines.push(Machine { host, memory });
        Ok(())
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
    pub(crate) fn answer_to(&self, machine: &str) -> Result<Answer, StepFailure> {
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
