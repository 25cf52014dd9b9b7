//! The way to the wire: UDP, TCP and WebSocket (RFC 7118) on a host's sockets. The only I/O in this room.
//!
//! - `stream`: a TCP connection's tasks; `websocket`: a WebSocket's.
//! - `stamp`: what a server adds to the Via of a request ([`stamp`]).
//!
//! All of it lives in tasks of its host, and dies with it.

mod stamp;
mod stream;
mod websocket;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::transaction::Transmit;
use super::{ConnectionId, Flow, Framed, Message, ReadError, Transport};
use crate::net::{TcpListener, TcpStream, UdpSocket};
use crate::world::{Host, Power};

pub use stamp::stamp;

/// RFC 5626 section 4.4.1: asks if somebody is there.
const PING: Bytes = Bytes::from_static(b"\r\n\r\n");
/// And says so.
const PONG: Bytes = Bytes::from_static(b"\r\n");
/// How long the other end may take to begin a WebSocket once it's connected.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The ports that a host listens on for SIP; 0 is any free one. Without a TCP or WebSocket port it can still connect.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// For datagrams.
    pub udp: Option<u16>,
    /// For TCP connections.
    pub tcp: Option<u16>,
    /// For WebSockets.
    pub ws: Option<u16>,
}

/// What has come, or has become of a connection.
#[derive(Debug, Clone)]
pub enum Received {
    /// A message; a request has been stamped ([`stamp`]).
    Message {
        /// The message.
        message: Message,
        /// Where it came from, and an answer goes.
        flow: Flow,
    },
    /// Something that was meant to be a message.
    Malformed {
        /// What came.
        raw: Bytes,
        /// What is wrong with it.
        error: ReadError,
        /// Where it came from.
        flow: Flow,
    },
    /// Somebody asked if we're there, and was answered.
    Ping {
        /// Who.
        flow: Flow,
    },
    /// The answer to [`Transports::ping`].
    Pong {
        /// Whose.
        flow: Flow,
    },
    /// A connection is there: one of ours was opened, or one of theirs came in.
    Connected {
        /// The connection.
        flow: Flow,
    },
    /// A connection broke or was closed by the other end, couldn't be opened, or isn't there any more; or a datagram
    /// couldn't be sent.
    Broken {
        /// The connection, as it was given to [`Transports::send`] if it never was there.
        flow: Flow,
        /// What happened.
        why: String,
    },
}

/// What a connection's tasks report.
enum News {
    Accepted(Transport, TcpStream),
    Opened(ConnectionId),
    Framed(ConnectionId, Framed),
    Malformed(ConnectionId, Bytes, ReadError),
    Closed(ConnectionId, String),
    /// A datagram that had to wait couldn't be sent either.
    Unsent(SocketAddrV4, io::Error),
}

struct Connection {
    flow: Flow,
    outbox: UnboundedSender<Bytes>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// One host's way to the wire.
///
/// ```
/// use busyhour::sip::transaction::Transmit;
/// use busyhour::sip::transport::{Ports, Received, Transports};
/// use busyhour::sip::{Flow, Transport, Writer};
/// use std::net::SocketAddrV4;
///
/// # #[cfg(tokio_unstable)]
/// let status = busyhour::simulate(1, |u| async move {
///     let (phone, server) = (u.host("phone"), u.host("server"));
///     server.boot(|server| async move {
///         let ports = Ports { tcp: Some(5060), ..Ports::default() };
///         let mut transports = Transports::open(&server, ports).await.unwrap();
///         loop {
///             if let Received::Message { message, flow } = transports.receive().await {
///                 let payload = Writer::answer(&message, 200, "OK", Some("1")).end();
///                 transports.send(Transmit { flow, payload });
///             }
///         }
///     });
///
///     let mut transports = Transports::open(&phone, Ports::default()).await.unwrap();
///     let request = "OPTIONS sip:server SIP/2.0\r\nVia: SIP/2.0/TCP phone;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n\
///          To: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
///     let flow = Flow::to(Transport::Tcp, SocketAddrV4::new(server.address(), 5060));
///     transports.send(Transmit { flow, payload: request.into() });
///     loop {
///         if let Received::Message { message, .. } = transports.receive().await {
///             return message.status();
///         }
///     }
/// });
/// # #[cfg(tokio_unstable)]
/// assert_eq!(status, Some(200));
/// ```
pub struct Transports {
    host: Host,
    udp: Option<Rc<UdpSocket>>,
    /// Datagrams that couldn't leave at once, while there are some; the task that sends them.
    late: UnboundedSender<(Bytes, SocketAddrV4)>,
    late_count: Rc<std::cell::Cell<usize>>,
    tcp_port: Option<u16>,
    ws_port: Option<u16>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The connection to use where any to that address will do: the last that came to be.
    by_address: BTreeMap<(Transport, SocketAddrV4), ConnectionId>,
    last_id: u64,
    /// What was found out while sending.
    own_news: std::collections::VecDeque<Received>,
    news: UnboundedReceiver<News>,
    reporter: UnboundedSender<News>,
    tasks: Vec<JoinHandle<()>>,
    /// Whose turn it is, so that a flood on one transport doesn't shut out the others.
    datagrams_first: bool,
}

impl Transports {
    /// Opens what `ports` says.
    ///
    /// # Errors
    /// A port is taken, or the host has crashed.
    pub async fn open(host: &Host, ports: Ports) -> io::Result<Transports> {
        let (reporter, news) = unbounded_channel();
        let udp = match ports.udp {
            Some(port) => Some(Rc::new(host.udp(port).await?)),
            None => None,
        };
        let mut tasks = Vec::new();
        let mut listen = async |port: Option<u16>, transport| {
            let Some(port) = port else { return Ok(None) };
            let listener = host.listen(port).await?;
            let port = listener.local_addr().port();
            tasks.push(host.spawn(accept(listener, transport, reporter.clone())));
            Ok::<_, io::Error>(Some(port))
        };
        let tcp_port = listen(ports.tcp, Transport::Tcp).await?;
        let ws_port = listen(ports.ws, Transport::Ws).await?;
        let (late, waiting) = unbounded_channel();
        let late_count = Rc::default();
        if let Some(udp) = &udp {
            tasks.push(host.spawn(send_late(udp.clone(), waiting, Rc::clone(&late_count), reporter.clone())));
        }
        Ok(Transports {
            host: host.clone(),
            udp,
            late,
            late_count,
            tcp_port,
            ws_port,
            connections: BTreeMap::new(),
            by_address: BTreeMap::new(),
            last_id: 0,
            own_news: std::collections::VecDeque::new(),
            news,
            reporter,
            tasks,
            datagrams_first: true,
        })
    }

    /// The port that it listens on, or sends datagrams from.
    pub fn local_port(&self, transport: Transport) -> Option<u16> {
        match transport {
            Transport::Udp => self.udp.as_ref().map(|udp| udp.local_addr().port()),
            Transport::Tcp => self.tcp_port,
            Transport::Ws => self.ws_port,
        }
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Waits for the next thing to happen. Nothing is lost if the future is dropped. Once the host has crashed nothing
    /// happens any more.
    pub async fn receive(&mut self) -> Received {
        loop {
            if let Some(received) = self.own_news.pop_front() {
                return received;
            }
            self.datagrams_first = !self.datagrams_first;
            let arrived = match (&self.udp, self.datagrams_first) {
                (Some(udp), true) => tokio::select! {
                    biased;
                    datagram = udp.recv() => Arrived::Datagram(datagram),
                    Some(news) = self.news.recv() => Arrived::News(news),
                },
                (Some(udp), false) => tokio::select! {
                    biased;
                    Some(news) = self.news.recv() => Arrived::News(news),
                    datagram = udp.recv() => Arrived::Datagram(datagram),
                },
                (None, _) => Arrived::News(self.news.recv().await.expect("there's a reporter here")),
            };
            let received = match arrived {
                Arrived::Datagram(Ok((raw, from))) => read(raw, Flow::udp(from)),
                // The host's life is over, and with it ours; or the socket is of no more use.
                Arrived::Datagram(Err(_)) => {
                    self.udp = None;
                    None
                }
                Arrived::News(news) => self.learn(news),
            };
            if let Some(received) = received {
                return received;
            }
        }
    }

    fn learn(&mut self, news: News) -> Option<Received> {
        let known = |id| self.connections.get(id).map(|connection| connection.flow);
        match news {
            News::Accepted(transport, stream) => {
                self.accepted(transport, stream);
                None
            }
            News::Opened(id) => Some(Received::Connected { flow: known(&id)? }),
            News::Framed(id, Framed::Message(message)) => {
                let flow = known(&id)?;
                Some(Received::Message { message: stamp(message, flow), flow })
            }
            News::Framed(id, Framed::Ping) => {
                let connection = self.connections.get(&id)?;
                // If it's gone meanwhile, its end is reported next.
                let _ = connection.outbox.send(PONG);
                Some(Received::Ping { flow: connection.flow })
            }
            News::Framed(id, Framed::Pong) => Some(Received::Pong { flow: known(&id)? }),
            News::Malformed(id, raw, error) => Some(Received::Malformed { raw, error, flow: known(&id)? }),
            News::Closed(id, why) => {
                let flow = self.drop_connection(id)?;
                Some(Received::Broken { flow, why })
            }
            News::Unsent(to, error) => Some(Received::Broken { flow: Flow::udp(to), why: error.to_string() }),
        }
    }

    /// Sends one message. A connection is opened if there's none to the address; one that is named is used, or it's
    /// [`Received::Broken`].
    pub fn send(&mut self, Transmit { flow, payload }: Transmit) {
        if flow.transport == Transport::Udp {
            return self.send_datagram(payload, flow.remote);
        }
        let id = match flow.connection {
            Some(id) => id,
            None => match self.by_address.get(&(flow.transport, flow.remote)) {
                Some(id) => *id,
                None => self.connect(flow),
            },
        };
        let sent = self.connections.get(&id).is_some_and(|connection| connection.outbox.send(payload).is_ok());
        // A connection whose writer has ended reports that itself.
        if !sent && !self.connections.contains_key(&id) {
            self.own_news.push_back(Received::Broken { flow, why: "the connection isn't there any more".to_owned() });
        }
    }

    fn send_datagram(&mut self, payload: Bytes, to: SocketAddrV4) {
        let Some(udp) = &self.udp else {
            let why = "there's no socket for datagrams".to_owned();
            return self.own_news.push_back(Received::Broken { flow: Flow::udp(to), why });
        };
        if self.late_count.get() == 0 && self.host.power() == Power::Up {
            let sending = pin!(udp.send_to(payload.clone(), to));
            match sending.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => return,
                Poll::Ready(Err(error)) => {
                    let why = error.to_string();
                    return self.own_news.push_back(Received::Broken { flow: Flow::udp(to), why });
                }
                Poll::Pending => {}
            }
        }
        self.late_count.set(self.late_count.get() + 1);
        // Its task ends with the host only.
        let _ = self.late.send((payload, to));
    }

    /// Asks the other end if it's there (RFC 5626 section 4.4.1); it answers by [`Received::Pong`]. Over UDP nobody
    /// answers, but a NAT box between sees that the binding is in use.
    pub fn ping(&mut self, flow: Flow) {
        self.send(Transmit { flow, payload: PING });
    }

    /// Closes a connection, or all to the address if none is named. What was given to [`Transports::send`] before is
    /// still sent.
    pub fn close(&mut self, flow: Flow) {
        let meant = |connection: &Connection| {
            let is_there = connection.flow.transport == flow.transport && connection.flow.remote == flow.remote;
            is_there && (flow.connection.is_none() || flow.connection == connection.flow.connection)
        };
        let ids: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, connection)| meant(connection)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(connection) = self.connections.get_mut(&id) {
                // The writer takes its leave once its outbox is empty; nothing that comes is heard any more.
                connection.tasks.clear();
            }
            self.drop_connection(id);
        }
    }

    /// How many connections there are, those included that are being opened.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    fn drop_connection(&mut self, id: ConnectionId) -> Option<Flow> {
        let flow = self.connections.remove(&id)?.flow;
        let place = (flow.transport, flow.remote);
        if self.by_address.get(&place) == Some(&id) {
            let other = self.connections.iter().rev().find(|(_, one)| (one.flow.transport, one.flow.remote) == place);
            match other {
                Some((id, _)) => self.by_address.insert(place, *id),
                None => self.by_address.remove(&place),
            };
        }
        Some(flow)
    }

    fn keep(&mut self, transport: Transport, remote: SocketAddrV4) -> (ConnectionId, Flow) {
        self.last_id += 1;
        let id = ConnectionId(self.last_id);
        self.by_address.insert((transport, remote), id);
        (id, Flow { transport, remote, connection: Some(id) })
    }

    fn accepted(&mut self, transport: Transport, stream: TcpStream) {
        let (id, flow) = self.keep(transport, stream.peer_addr());
        let (outbox, mail) = unbounded_channel();
        let line = Line { id, mail, reporter: self.reporter.clone(), host: self.host.clone() };
        let task = match transport {
            Transport::Ws => self.host.spawn(websocket::serve(line, stream)),
            _ => self.host.spawn(stream::serve(line, stream)),
        };
        self.connections.insert(id, Connection { flow, outbox, tasks: vec![task] });
    }

    fn connect(&mut self, flow: Flow) -> ConnectionId {
        let (id, flow) = self.keep(flow.transport, flow.remote);
        let (outbox, mail) = unbounded_channel();
        let line = Line { id, mail, reporter: self.reporter.clone(), host: self.host.clone() };
        let task = match flow.transport {
            Transport::Ws => self.host.spawn(websocket::open(line, flow.remote)),
            _ => self.host.spawn(stream::open(line, flow.remote)),
        };
        self.connections.insert(id, Connection { flow, outbox, tasks: vec![task] });
        id
    }
}

impl Drop for Transports {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Transports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transports").field("host", &self.host).field("connections", &self.connections.len()).finish()
    }
}

enum Arrived {
    Datagram(io::Result<(Bytes, SocketAddrV4)>),
    News(News),
}

/// What a connection's task has of the rest.
struct Line {
    id: ConnectionId,
    mail: UnboundedReceiver<Bytes>,
    reporter: UnboundedSender<News>,
    host: Host,
}

impl Line {
    fn report(&self, news: News) {
        // Nobody listens any more when the transports are dropped, and their tasks with them.
        let _ = self.reporter.send(news);
    }
}

/// A datagram, or a WebSocket's message. Line breaks alone are noise: they keep a NAT box awake.
fn read(raw: Bytes, flow: Flow) -> Option<Received> {
    if raw.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0)) {
        return None;
    }
    Some(match Message::read(raw.clone()) {
        Ok(message) => Received::Message { message: stamp(message, flow), flow },
        Err(error) => Received::Malformed { raw, error, flow },
    })
}

async fn accept(listener: TcpListener, transport: Transport, reporter: UnboundedSender<News>) {
    // It ends in an error when the host's life does.
    while let Ok((stream, _)) = listener.accept().await {
        if reporter.send(News::Accepted(transport, stream)).is_err() {
            return;
        }
    }
}

/// Sends what had to wait: a live socket's buffer was full, or the lid was closed.
async fn send_late(
    udp: Rc<UdpSocket>,
    mut waiting: UnboundedReceiver<(Bytes, SocketAddrV4)>,
    count: Rc<std::cell::Cell<usize>>,
    reporter: UnboundedSender<News>,
) {
    while let Some((payload, to)) = waiting.recv().await {
        let sent = udp.send_to(payload, to).await;
        count.set(count.get() - 1);
        if let Err(error) = sent
            && reporter.send(News::Unsent(to, error)).is_err()
        {
            return;
        }
    }
}
