//! Others' TURN against ours: the client of `rtc-turn`, and the server of `turn-server-proto`, whom nobody here wrote.

use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4};
use std::rc::Rc;
use std::time::Instant;

use busyhour::media::turn::{TurnAccount, TurnEvent, TurnSettings, TurnTransport};
use busyhour::net::UdpSocket;
use busyhour::simulate;
use busyhour::world::Host;
use bytes::{Bytes, BytesMut};
use rtc_shared::{TransportContext, TransportMessage, TransportProtocol};
use rtc_turn::client::{Client, ClientConfig, Event};
use sansio::Protocol;
use tokio::sync::mpsc;
use turn_server_proto::api::{TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_server_proto::stun::agent::Transmit;
use turn_server_proto::types::TransportType;

use crate::support::*;

type Arrived = (u16, SocketAddrV4, Bytes);

/// Runs their server on UDP port 3478.
async fn their_server(host: Host) {
    let local = SocketAddrV4::new(host.address(), 3478);
    let mut server = TurnServer::new(TransportType::Udp, local.into(), "turn.test".to_owned());
    server.add_user("alice".to_owned(), "secret".to_owned());
    let (arrived, mut arrivals) = mpsc::unbounded_channel::<Arrived>();
    let mut sockets = BTreeMap::from([(3478, listen(&host, 3478, &arrived).await)]);
    while let Some((port, from, payload)) = arrivals.recv().await {
        let now = || turn_server_proto::types::Instant::from_nanos(host.now().0.try_into().unwrap());
        let to = SocketAddrV4::new(host.address(), port);
        let mut out = Vec::new();
        let transmit = Transmit::new(payload.to_vec(), TransportType::Udp, from.into(), to.into());
        if let Some(answer) = server.recv(transmit, now()) {
            let answer = answer.build();
            out.push((answer.from, answer.to, answer.data));
        }
        loop {
            match server.poll(now()) {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    let port = 50_000 + sockets.len() as u16;
                    sockets.insert(port, listen(&host, port, &arrived).await);
                    let relayed = SocketAddr::from((host.address(), port));
                    server.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        Ok(relayed),
                        now(),
                    );
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => drop(sockets.remove(&listen_addr.port())),
                _ => break,
            }
        }
        while let Some(transmit) = server.poll_transmit(now()) {
            out.push((transmit.from, transmit.to, transmit.data));
        }
        for (from, to, payload) in out {
            let SocketAddr::V4(to) = to else { panic!("IPv4 only") };
            sockets[&from.port()].send_to(payload, to).await.unwrap();
        }
    }
}

async fn listen(host: &Host, port: u16, arrived: &mpsc::UnboundedSender<Arrived>) -> Rc<UdpSocket> {
    let socket = Rc::new(host.udp(port).await.unwrap());
    let (reading, arrived) = (socket.clone(), arrived.clone());
    host.spawn(async move {
        while let Ok((payload, from)) = reading.recv().await {
            if arrived.send((port, from, payload)).is_err() {
                break;
            }
        }
    });
    socket
}

#[test]
fn our_client_relays_by_their_server() {
    simulate(1, |u| async move {
        let turn = u.host("turn");
        turn.boot(their_server);
        u.sleep(SECOND).await;
        let peer = u.host("peer").udp(6000).await.unwrap();
        let account = |password: &str| TurnAccount {
            server: SocketAddrV4::new(turn.address(), 3478),
            transport: TurnTransport::Udp,
            user: "alice".into(),
            password: password.into(),
        };
        let alice = Party::of(&u.host("alice"), account("secret"));
        let (relayed, _) = alice.allocated().await;
        // Two lives of an allocation.
        for second in 0..1200 {
            assert!(alice.send(peer.local_addr(), "ping"));
            assert_eq!(heard(&peer).await, Some((relayed, "ping".to_owned())), "in second {second}");
            say(&peer, relayed, "pong").await;
            assert_eq!(alice.hears().await, Some((peer.local_addr(), "pong".to_owned())), "in second {second}");
            u.sleep(SECOND).await;
        }
        alice.close();
        assert_eq!(alice.event().await, TurnEvent::Released);
        let stranger = Party::of(&u.host("stranger"), account("guess"));
        assert_eq!(stranger.fails().await, refused(401, "Unauthorized"));
    });
}

/// Their client, with what it needs of the world.
struct Theirs {
    host: Host,
    socket: UdpSocket,
    client: Client,
}

impl Theirs {
    async fn new(host: &Host, server: SocketAddrV4) -> Theirs {
        let socket = host.udp(4000).await.unwrap();
        let config = ClientConfig {
            turn_serv_addr: server.to_string(),
            local_addr: socket.local_addr().into(),
            username: "alice".to_owned(),
            password: "secret".to_owned(),
            ..ClientConfig::default()
        };
        let client = Client::new(config, rtc_crypto::default_provider().unwrap()).unwrap();
        Theirs { host: host.clone(), socket, client }
    }

    /// Until something happens that is wanted.
    async fn until<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        loop {
            while let Some(transmit) = self.client.poll_write() {
                let SocketAddr::V4(to) = transmit.transport.peer_addr else { panic!("IPv4 only") };
                self.socket.send_to(transmit.message.freeze(), to).await.unwrap();
            }
            while let Some(event) = self.client.poll_event() {
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
            let wait = self.client.poll_timeout().map_or(SECOND, |due| due.duration_since(Instant::now()));
            match tokio::time::timeout(wait, self.socket.recv()).await {
                Ok(received) => {
                    let (payload, from) = received.unwrap();
                    let transport = TransportContext {
                        local_addr: self.socket.local_addr().into(),
                        peer_addr: from.into(),
                        transport_protocol: TransportProtocol::UDP,
                        ecn: None,
                    };
                    let message = BytesMut::from(&payload[..]);
                    drop(self.client.handle_read(TransportMessage { now: Instant::now(), transport, message }));
                }
                Err(_) => self.client.handle_timeout(Instant::now()).unwrap(),
            }
        }
    }
}

#[test]
fn their_client_relays_by_our_server() {
    simulate(1, |u| async move {
        // Its last request isn't repeated with a fresh nonce.
        let server = a_server(&u, TurnSettings { nonce_lifetime: 3600 * SECOND, ..settings() }).await;
        let peer = u.host("peer").udp(6000).await.unwrap();
        let peers_address = SocketAddr::from(peer.local_addr());
        let mut alice = Theirs::new(&u.host("alice"), server.address()).await;
        alice.client.allocate(Instant::now()).unwrap();
        let relayed = alice
            .until(|event| match event {
                Event::AllocateResponse(_, relayed) => Some(relayed),
                other => panic!("there's no allocation: {other:?}"),
            })
            .await;
        let SocketAddr::V4(at_server) = relayed else { panic!("IPv4 only") };
        assert_eq!(server.allocations()[0].relayed, at_server);
        alice.client.relay(relayed).unwrap().create_permission(Instant::now(), peers_address).unwrap();
        let permitted = alice
            .until(|event| match event {
                Event::CreatePermissionResponse(_, permitted) => Some(permitted),
                other => panic!("there's no permission: {other:?}"),
            })
            .await;
        assert_eq!(permitted, peers_address);
        // It refreshes everything itself, and binds a channel.
        for second in 0..1200 {
            alice.client.relay(relayed).unwrap().send_to(Instant::now(), b"ping", peers_address).unwrap();
            say(&peer, at_server, "pong").await;
            let from = alice
                .until(|event| match event {
                    Event::DataIndicationOrChannelData(_, from, payload) => Some((from, payload)),
                    _ => None,
                })
                .await;
            assert_eq!(from, (peers_address, BytesMut::from("pong")));
            assert_eq!(heard(&peer).await, Some((at_server, "ping".to_owned())), "in second {second}");
            alice.host.sleep(SECOND).await;
        }
        assert_eq!(server.allocations()[0].channels.len(), 1);
        alice.client.relay(relayed).unwrap().close(Instant::now()).unwrap();
        let _ = tokio::time::timeout(SECOND, alice.until(|_| None::<()>)).await;
        assert_eq!((server.allocations(), server.counters().dropped), (vec![], 0));
    });
}
