//! What these tests share: a host that uses a relay.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use busyhour::Universe;
use busyhour::media::turn::{
    StunClient, StunEvent, StunTurnServer, TurnAccount, TurnBehaviour, TurnClient, TurnError, TurnEvent, TurnSettings,
    TurnTransport,
};
use busyhour::net::UdpSocket;
use busyhour::trace::SimTime;
use busyhour::world::Host;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

pub const SECOND: Duration = Duration::from_secs(1);
/// On a connection every read and every write is of so many bytes at most.
const MORSEL: usize = 7;

pub fn settings() -> TurnSettings {
    TurnSettings::new("turn.test").user("alice", "secret").user("bob", "hidden")
}

pub async fn a_server(u: &Universe, settings: TurnSettings) -> StunTurnServer {
    let server = StunTurnServer::install(&u.host("turn"), settings);
    u.sleep(Duration::from_millis(1)).await;
    server
}

/// A host's relay: a client, its socket or connection, and the task between them.
#[derive(Clone)]
pub struct Party(Rc<Inner>);

struct Inner {
    host: Host,
    client: RefCell<TurnClient>,
    events: RefCell<VecDeque<TurnEvent>>,
    stir: Notify,
    happened: Notify,
}

impl Party {
    /// Begins to allocate as alice.
    pub fn new(host: &Host, server: &StunTurnServer, transport: TurnTransport) -> Party {
        Party::with_password(host, server, transport, "secret")
    }

    pub fn with_password(host: &Host, server: &StunTurnServer, transport: TurnTransport, password: &str) -> Party {
        let server = server.address();
        Party::of(host, TurnAccount { server, transport, user: "alice".into(), password: password.into() })
    }

    pub fn of(host: &Host, account: TurnAccount) -> Party {
        let (server, transport) = (account.server, account.transport);
        let client = host.random(|random| TurnClient::new(host.now(), account, random));
        let party = Party(Rc::new(Inner {
            host: host.clone(),
            client: RefCell::new(client),
            events: RefCell::default(),
            stir: Notify::new(),
            happened: Notify::new(),
        }));
        match transport {
            TurnTransport::Udp => host.spawn(party.clone().by_datagrams(server)),
            TurnTransport::Tcp => host.spawn(party.clone().by_a_connection(server)),
        };
        party
    }

    pub fn lazy(self) -> Party {
        let behaviour = TurnBehaviour { never_refreshes: true, ..TurnBehaviour::default() };
        self.0.client.borrow_mut().set_behaviour(behaviour);
        self
    }

    pub fn behaves(self, behaviour: TurnBehaviour) -> Party {
        self.0.client.borrow_mut().set_behaviour(behaviour);
        self
    }

    async fn by_datagrams(self, server: SocketAddrV4) {
        let socket = self.0.host.udp(0).await.unwrap();
        loop {
            while let Some(packet) = self.next_transmit() {
                socket.send_to(packet, server).await.unwrap();
            }
            tokio::select! {
                biased;
                received = socket.recv() => {
                    let (datagram, from) = received.unwrap();
                    assert_eq!(from, server);
                    self.act(|now, client| client.handle(now, &datagram));
                }
                () = self.due() => {}
            }
        }
    }

    async fn by_a_connection(self, server: SocketAddrV4) {
        let Ok(mut stream) = self.0.host.connect(server).await else {
            return self.act(|now, client| client.connection_lost(now));
        };
        let mut buffer = [0; MORSEL];
        loop {
            while let Some(packet) = self.next_transmit() {
                for morsel in packet.chunks(MORSEL) {
                    if stream.write_all(morsel).await.is_err() {
                        return self.act(|now, client| client.connection_lost(now));
                    }
                    // Each goes as a segment of its own.
                    self.0.host.sleep(Duration::from_millis(1)).await;
                }
            }
            tokio::select! {
                biased;
                read = stream.read(&mut buffer) => match read {
                    Ok(length @ 1..) => {
                        self.act(|now, client| client.handle(now, &buffer[..length]));
                    }
                    _ => return self.act(|now, client| client.connection_lost(now)),
                },
                () = self.due() => {}
            }
        }
    }

    fn next_transmit(&self) -> Option<Bytes> {
        self.0.client.borrow_mut().poll_transmit()
    }

    /// Lets the client's timers run; ready when there may be something to send.
    async fn due(&self) {
        let due = self.0.client.borrow().poll_timeout();
        let wait = due.map_or(Duration::MAX, |due| due.since(self.0.host.now()));
        let mut timer = pin!(tokio::time::sleep(wait.min(3600 * SECOND)));
        tokio::select! {
            biased;
            () = self.0.stir.notified() => {}
            () = timer.as_mut() => self.act(|now, client| client.handle_timeout(now)),
        }
    }

    fn act<R>(&self, act: impl FnOnce(SimTime, &mut TurnClient) -> R) -> R {
        let mut client = self.0.client.borrow_mut();
        let result = act(self.0.host.now(), &mut client);
        while let Some(event) = client.poll_event() {
            self.0.events.borrow_mut().push_back(event);
            self.0.happened.notify_one();
        }
        self.0.stir.notify_one();
        result
    }

    pub fn permit(&self, peer: SocketAddrV4) {
        self.act(|now, client| client.permit(now, peer));
    }

    pub fn send(&self, peer: SocketAddrV4, payload: &str) -> bool {
        self.act(|now, client| client.send(now, peer, payload.as_bytes()))
    }

    pub fn close(&self) {
        self.act(|now, client| client.close(now));
    }

    /// The next thing that happens, within ten minutes and a bit.
    pub async fn event(&self) -> TurnEvent {
        self.event_within(700 * SECOND).await.expect("something happens in time")
    }

    pub async fn event_within(&self, time: Duration) -> Option<TurnEvent> {
        tokio::time::timeout(time, async {
            loop {
                if let Some(event) = self.0.events.borrow_mut().pop_front() {
                    return event;
                }
                self.0.happened.notified().await;
            }
        })
        .await
        .ok()
    }

    /// Its allocation's relayed and mapped address.
    pub async fn allocated(&self) -> (SocketAddrV4, SocketAddrV4) {
        match self.event().await {
            TurnEvent::Allocated { relayed, mapped } => (relayed, mapped),
            other => panic!("there's no allocation: {other:?}"),
        }
    }

    pub async fn fails(&self) -> TurnError {
        match self.event().await {
            TurnEvent::Failed(error) => error,
            other => panic!("it doesn't fail: {other:?}"),
        }
    }

    /// What comes by the relay within two seconds.
    pub async fn hears(&self) -> Option<(SocketAddrV4, String)> {
        match self.event_within(2 * SECOND).await? {
            TurnEvent::Data { from, payload } => Some((from, String::from_utf8(payload.to_vec()).unwrap())),
            other => panic!("no data came, but {other:?}"),
        }
    }
}

pub fn refused(code: u16, reason: &str) -> TurnError {
    TurnError::Refused { code, reason: reason.to_owned() }
}

/// What comes to a plain socket within two seconds.
pub async fn heard(socket: &UdpSocket) -> Option<(SocketAddrV4, String)> {
    let (payload, from) = tokio::time::timeout(2 * SECOND, socket.recv()).await.ok()?.unwrap();
    Some((from, String::from_utf8(payload.to_vec()).unwrap()))
}

pub async fn say(socket: &UdpSocket, to: SocketAddrV4, text: &str) {
    socket.send_to(text.as_bytes().to_vec(), to).await.unwrap();
}

/// Asks a STUN server for the mapped address of a socket.
pub async fn ask(u: &Universe, host: &Host, socket: &UdpSocket, server: SocketAddrV4) -> StunEvent {
    let mut client = host.random(|random| StunClient::new(u.now(), server, random));
    loop {
        while let Some(request) = client.poll_transmit() {
            socket.send_to(request, server).await.unwrap();
        }
        if let Some(event) = client.poll_event() {
            return event;
        }
        let wait = client.poll_timeout().unwrap().since(u.now());
        match tokio::time::timeout(wait, socket.recv()).await {
            Ok(received) => drop(client.handle(u.now(), &received.unwrap().0)),
            Err(_) => client.handle_timeout(u.now()),
        }
    }
}
