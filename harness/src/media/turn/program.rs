//! The server's program: its sockets, and the tasks that feed the books.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::books::{Books, Flow, Work};
use super::message::Frames;
use super::{TurnCounters, TurnSettings, TurnTransport};
use crate::net::{TcpListener, TcpStream, UdpSocket};
use crate::world::kernel::kernel_here;
use crate::world::{Host, Random};

/// How many messages wait for a connection that's slow to take them; more are lost, as media must be.
const MAIL: usize = 256;
/// A connection without an allocation is closed after so much silence.
const IDLE: Duration = Duration::from_secs(60);

/// What the program shares with its operator.
pub(super) struct Shared {
    pub(super) settings: TurnSettings,
    pub(super) counters: TurnCounters,
    /// What it knows in this life.
    pub(super) books: Option<Books>,
}

impl Shared {
    pub(super) fn new(settings: TurnSettings) -> Shared {
        Shared { settings, counters: TurnCounters::default(), books: None }
    }
}

/// One life of the server.
struct Life {
    host: Host,
    shared: Rc<RefCell<Shared>>,
    udp: UdpSocket,
    connections: RefCell<BTreeMap<Flow, mpsc::Sender<Bytes>>>,
    relays: RefCell<BTreeMap<u16, Relay>>,
    /// The first expiry may be another one.
    alarm: Notify,
}

struct Relay {
    socket: Rc<UdpSocket>,
    task: JoinHandle<()>,
}

/// Runs the server until its host crashes.
pub(super) async fn serve(host: Host, shared: Rc<RefCell<Shared>>) {
    let port = {
        let mut shared = shared.borrow_mut();
        let seed = host.random(Random::next_u64);
        shared.books = Some(Books::new(host.address(), Random::stream(seed, "turn server")));
        shared.settings.port
    };
    // Without sockets there is no server; a host that crashed meanwhile has none.
    let Ok(udp) = host.udp(port).await else { return };
    let Ok(listener) = host.listen(port).await else { return };
    let life = Rc::new(Life {
        host: host.clone(),
        shared,
        udp,
        connections: RefCell::default(),
        relays: RefCell::default(),
        alarm: Notify::new(),
    });
    host.spawn(life.clone().accept(listener));
    host.spawn(life.clone().keep_time());
    life.read().await;
}

impl Life {
    fn with(&self, work: impl FnOnce(&mut Books, &TurnSettings, &mut TurnCounters)) {
        let shared = &mut *self.shared.borrow_mut();
        if let Some(books) = &mut shared.books {
            work(books, &shared.settings, &mut shared.counters);
        }
    }

    /// Lets something happen, and does what follows from it.
    async fn happen(self: &Rc<Self>, what: impl FnOnce(&mut Books, &TurnSettings, &mut TurnCounters)) {
        let mut before = None;
        self.with(|books, settings, counters| {
            before = books.poll_timeout();
            what(books, settings, counters);
        });
        loop {
            let mut work = None;
            self.with(|books, _, _| work = books.poll_work());
            match work {
                None => break,
                Some(work) => self.do_work(work).await,
            }
        }
        let mut after = None;
        self.with(|books, _, _| after = books.poll_timeout());
        if after != before {
            self.alarm.notify_one();
        }
    }

    async fn do_work(self: &Rc<Self>, work: Work) {
        match work {
            Work::ToClient(flow, packet) => match flow.transport {
                // Nobody hears of a packet that couldn't leave: the network loses some anyway.
                TurnTransport::Udp => drop(self.udp.send_to(packet, flow.client).await),
                TurnTransport::Tcp => {
                    let connection = self.connections.borrow().get(&flow).cloned();
                    drop(connection.map(|connection| connection.try_send(packet)));
                }
            },
            Work::ToPeer(port, peer, payload) => {
                let socket = self.relays.borrow().get(&port).map(|relay| relay.socket.clone());
                if let Some(socket) = socket {
                    drop(socket.send_to(payload, peer).await);
                }
            }
            Work::Open(flow, ports) => {
                let port = self.open(ports).await;
                let now = self.host.now();
                self.with(|books, _, counters| books.opened(now, counters, flow, port));
            }
            Work::Close(port) => {
                if let Some(relay) = self.relays.borrow_mut().remove(&port) {
                    relay.task.abort();
                }
            }
        }
    }

    async fn open(self: &Rc<Self>, ports: Vec<u16>) -> Option<u16> {
        for port in ports {
            if let Ok(socket) = self.host.udp(port).await {
                let socket = Rc::new(socket);
                let task = self.host.spawn(self.clone().read_relay(port, socket.clone()));
                self.relays.borrow_mut().insert(port, Relay { socket, task });
                return Some(port);
            }
        }
        None
    }

    async fn read(self: Rc<Self>) {
        while let Ok((datagram, client)) = self.udp.recv().await {
            let flow = Flow { transport: TurnTransport::Udp, client };
            self.take(flow, &datagram).await;
        }
    }

    async fn take(self: &Rc<Self>, flow: Flow, frame: &[u8]) {
        let now = self.host.now();
        self.happen(|books, settings, counters| books.take_message(now, settings, counters, flow, frame)).await;
    }

    async fn read_relay(self: Rc<Self>, port: u16, socket: Rc<UdpSocket>) {
        while let Ok((payload, from)) = socket.recv().await {
            let now = self.host.now();
            self.happen(|books, _, counters| books.take_from_peer(now, counters, port, from, &payload)).await;
        }
    }

    async fn keep_time(self: Rc<Self>) {
        loop {
            let mut due = None;
            self.with(|books, _, _| due = books.poll_timeout());
            let Some(due) = due else {
                self.alarm.notified().await;
                continue;
            };
            let mut timer = pin!(tokio::time::sleep_until(kernel_here().instant(due)));
            tokio::select! {
                biased;
                () = timer.as_mut() => {
                    let now = self.host.now();
                    self.happen(|books, settings, counters| books.handle_timeout(now, settings, counters)).await;
                }
                () = self.alarm.notified() => {}
            }
        }
    }

    async fn accept(self: Rc<Self>, listener: TcpListener) {
        while let Ok((stream, client)) = listener.accept().await {
            let flow = Flow { transport: TurnTransport::Tcp, client };
            self.host.spawn(self.clone().talk(flow, stream));
        }
    }

    /// A connection, from its beginning to its end.
    async fn talk(self: Rc<Self>, flow: Flow, stream: TcpStream) {
        let (sender, mail) = mpsc::channel(MAIL);
        self.connections.borrow_mut().insert(flow, sender);
        let (reader, writer) = tokio::io::split(stream);
        {
            let writing = pin!(write(writer, mail));
            let reading = pin!(self.read_stream(flow, reader));
            tokio::select! {
                biased;
                _ = reading => {}
                _ = writing => {}
            }
        }
        self.connections.borrow_mut().remove(&flow);
        self.happen(|books, settings, counters| books.lost(settings, counters, flow)).await;
    }

    /// Ends with the connection, with what is no TURN, or with too long a silence.
    async fn read_stream(self: &Rc<Self>, flow: Flow, mut reader: ReadHalf<TcpStream>) -> io::Result<()> {
        let (mut frames, mut buffer) = (Frames::default(), vec![0; 4096]);
        loop {
            let length = match tokio::time::timeout(IDLE, reader.read(&mut buffer)).await {
                Ok(read) => read?,
                Err(_) => {
                    let mut busy = false;
                    self.with(|books, _, _| busy = books.has_allocation(flow));
                    if !busy {
                        return Ok(());
                    }
                    continue;
                }
            };
            if length == 0 {
                return Ok(());
            }
            frames.push(&buffer[..length]);
            while let Some(frame) = frames.next().map_err(io::Error::other)? {
                self.take(flow, &frame).await;
            }
        }
    }
}

async fn write(mut writer: WriteHalf<TcpStream>, mut mail: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(packet) = mail.recv().await {
        writer.write_all(&packet).await?;
    }
    Ok(())
}
