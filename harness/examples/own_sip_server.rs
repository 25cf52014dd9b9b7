//! Bring your own SIP server: the feature files, with a server in it that busyhour has never seen.
//!
//! ```console
//! $ cargo run --release --example own_sip_server -- run features/calls.feature --name 'Two agents talk$|rejects the call'
//! ```
//!
//! The server below is what a developer might have: a registrar and a stateless proxy (RFC 3261 10.3 and 16.11) with a
//! text parser of its own, over UDP and TCP. It uses a host's sockets and nothing else of busyhour. Its `main` is the
//! `busyhour` command with that server in the place of ours: every phone, every step, every witness is the same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use busyhour::net::{TcpStream, UdpSocket};
use busyhour::world::Host;
use busyhour_scenarios::cli;
use busyhour_scenarios::stage::UniverseStage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The command, with this server.
#[allow(dead_code)]
fn main() -> ExitCode {
    cli::main_on(Arc::new(UniverseStage::default().with_server(my_server)))
}

/// The program that runs on the server's host, now and again after each restart.
pub async fn my_server(host: Host) {
    let socket = host.udp(5060).await.expect("the port is free");
    let listener = host.listen(5060).await.expect("the port is free");
    let proxy = Rc::new(Proxy {
        address: format!("{}:5060", host.address()),
        socket,
        connections: RefCell::default(),
        locations: RefCell::default(),
    });
    let accepting = Rc::clone(&proxy);
    let here = host.clone();
    host.spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            here.spawn(Rc::clone(&accepting).serve(here.clone(), stream, peer));
        }
    });
    while let Ok((datagram, from)) = proxy.socket.recv().await {
        if let Some(message) = Message::parse(&datagram) {
            proxy.receive(message, Way { tcp: false, peer: from }).await;
        }
    }
}

/// How a message came, and an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    tcp: bool,
    peer: SocketAddrV4,
}

struct Proxy {
    address: String,
    socket: UdpSocket,
    connections: RefCell<BTreeMap<SocketAddrV4, UnboundedSender<Vec<u8>>>>,
    /// For each user who ever registered: the contact and the way to it, while there is one.
    locations: RefCell<BTreeMap<String, Option<(String, Way)>>>,
}

impl Proxy {
    /// A connection, until its other end closes it.
    async fn serve(self: Rc<Self>, host: Host, stream: TcpStream, peer: SocketAddrV4) {
        let (mut reading, mut writing) = tokio::io::split(stream);
        let (outbox, mut to_write) = unbounded_channel::<Vec<u8>>();
        self.connections.borrow_mut().insert(peer, outbox);
        host.spawn(async move {
            while let Some(bytes) = to_write.recv().await {
                if writing.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        let (mut pending, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = reading.read(&mut chunk).await {
            pending.extend_from_slice(&chunk[..count]);
            while let Some(length) = Message::length(&pending) {
                let bytes: Vec<u8> = pending.drain(..length).collect();
                if let Some(message) = Message::parse(&bytes) {
                    self.receive(message, Way { tcp: true, peer }).await;
                }
            }
        }
        self.connections.borrow_mut().remove(&peer);
    }

    async fn send(&self, message: &Message, way: Way) {
        if way.tcp {
            if let Some(connection) = self.connections.borrow().get(&way.peer) {
                let _ = connection.send(message.bytes());
            }
        } else {
            let _ = self.socket.send_to(message.bytes(), way.peer).await;
        }
    }

    async fn receive(&self, message: Message, from: Way) {
        if message.start.starts_with("SIP/2.0 ") {
            self.pass_back(message).await;
        } else if message.start.starts_with("REGISTER ") {
            self.register(&message, from).await;
        } else {
            self.pass_on(message, from).await;
        }
    }

    async fn register(&self, request: &Message, from: Way) {
        let user = user_of(request.get("To").unwrap_or_default());
        let contact = request.get("Contact").unwrap_or_default().to_owned();
        let expires = parameter(&contact, "expires").or(request.get("Expires")).unwrap_or("3600").to_owned();
        let kept = (expires != "0").then(|| (uri_of(&contact).to_owned(), from));
        self.locations.borrow_mut().insert(user.to_owned(), kept.clone());
        let mut answer = request.answer("200 OK", from);
        if let Some((uri, _)) = kept {
            answer.headers.push(("Contact".into(), format!("<{uri}>;expires={expires}")));
        }
        self.send(&answer, from).await;
    }

    /// A request for somebody: by the route that was recorded, else by where its user is.
    async fn pass_on(&self, mut request: Message, from: Way) {
        let method = request.start.split(' ').next().unwrap_or_default().to_owned();
        let target = request.start.split(' ').nth(1).unwrap_or_default().to_owned();
        let hops: u8 = request.get("Max-Forwards").and_then(|hops| hops.parse().ok()).unwrap_or(70);
        let routed = request.get("Route").is_some_and(|route| route.contains(&self.address));
        let location = self.locations.borrow().get(user_of(&target)).cloned();
        let refusal = match &location {
            _ if hops == 0 => Some("483 Too Many Hops"),
            None if !routed => Some("404 Not Found"),
            Some(None) if !routed => Some("480 Temporarily Unavailable"),
            _ => None,
        };
        if let Some(refusal) = refusal {
            if method != "ACK" {
                self.send(&request.answer(refusal, from), from).await;
            }
            return;
        }
        let found = self.locations.borrow().values().flatten().find(|(uri, _)| *uri == target).cloned();
        let (uri, way) = match (routed, found, location.flatten()) {
            // Within a call the target is a contact.
            (true, Some(contact), _) | (false, _, Some(contact)) => contact,
            _ => match address_of(&target) {
                Some(peer) => (target.clone(), Way { tcp: target.contains("transport=tcp"), peer }),
                None => return,
            },
        };
        if routed {
            request.remove("Route");
        } else if method == "INVITE" {
            request.headers.insert(0, ("Record-Route".into(), format!("<sip:{};lr>", self.address)));
        }
        request.start = format!("{method} {uri} SIP/2.0");
        request.set("Max-Forwards", &(hops - 1).to_string());
        // A stateless proxy's branch hangs on that of the request, so that a repetition, a CANCEL and an ACK have the
        // same (16.11). It remembers in it where the answer goes.
        let branch = request.get("Via").and_then(|via| parameter(via, "branch")).unwrap_or("none").to_owned();
        let carrier = if from.tcp { "tcp" } else { "udp" };
        let (transport, peer) = (if way.tcp { "TCP" } else { "UDP" }, from.peer.to_string().replace([':', '.'], "-"));
        let via = format!("SIP/2.0/{transport} {};branch={branch}-{carrier}-{peer}", self.address);
        request.headers.insert(0, ("Via".into(), via));
        self.send(&request, way).await;
    }

    /// An answer goes back to where our Via says that its request came from.
    async fn pass_back(&self, mut response: Message) {
        let Some(via) = response.remove("Via") else { return };
        let branch = parameter(&via, "branch").unwrap_or_default();
        let Some((carrier, peer)) = branch
            .split_once("-udp-")
            .map(|(_, peer)| (false, peer))
            .or_else(|| branch.split_once("-tcp-").map(|(_, peer)| (true, peer)))
        else {
            return;
        };
        let numbers: Vec<&str> = peer.split('-').collect();
        let [a, b, c, d, port] = numbers[..] else { return };
        if let Ok(peer) = format!("{a}.{b}.{c}.{d}:{port}").parse() {
            self.send(&response, Way { tcp: carrier, peer }).await;
        }
    }
}

/// A message: its first line, its headers in their order, its body.
struct Message {
    start: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    fn parse(bytes: &[u8]) -> Option<Message> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.trim().into(), value.trim().into()));
        Some(Message { start, headers: lines.filter_map(header).collect(), body: bytes[end + 4..].to_vec() })
    }

    /// How long the message at the front of a stream is, once it's whole. Empty lines are keepalives.
    fn length(stream: &[u8]) -> Option<usize> {
        if stream.starts_with(b"\r\n") {
            return Some(2);
        }
        let head = stream.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let body = Message::parse(&stream[..head])?.get("Content-Length")?.parse::<usize>().ok()?;
        (stream.len() >= head + body).then_some(head + body)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        self.headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        [text.as_bytes(), b"\r\n", &self.body].concat()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.into(), value.into()));
    }

    fn remove(&mut self, name: &str) -> Option<String> {
        let index = self.headers.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(self.headers.remove(index).1)
    }

    /// An answer of our own to this request.
    fn answer(&self, status: &str, from: Way) -> Message {
        let same = ["Via", "From", "To", "Call-ID", "CSeq"];
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in
            self.headers.iter().filter(|(name, _)| same.iter().any(|one| one.eq_ignore_ascii_case(name)))
        {
            let mut value = value.clone();
            if name.eq_ignore_ascii_case("To") && parameter(&value, "tag").is_none() {
                // The same for a repetition: nothing is remembered.
                let branch = self.get("Via").and_then(|via| parameter(via, "branch")).unwrap_or("none");
                value.push_str(&format!(";tag=mine-{branch}"));
            }
            if name.eq_ignore_ascii_case("Via") && headers.iter().all(|(name, _)| name != "Via") {
                value = value.replacen(";rport", &format!(";rport={}", from.peer.port()), 1);
                value.push_str(&format!(";received={}", from.peer.ip()));
            }
            headers.push((name.clone(), value));
        }
        headers.push(("Content-Length".into(), "0".into()));
        Message { start: format!("SIP/2.0 {status}"), headers, body: Vec::new() }
    }
}

/// What is between angle brackets, or all of it without its parameters.
fn uri_of(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => value.split(';').next().unwrap_or_default(),
    }
}

fn user_of(value: &str) -> &str {
    uri_of(value).trim_start_matches("sip:").split(['@', ';']).next().unwrap_or_default()
}

fn address_of(uri: &str) -> Option<SocketAddrV4> {
    let host = uri.trim_start_matches("sip:").rsplit('@').next()?.split(';').next()?;
    if host.contains(':') { host.parse().ok() } else { format!("{host}:5060").parse().ok() }
}

/// A parameter of a header, behind its URI.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let behind = value.split_once('>').map_or(value, |(_, behind)| behind);
    let mut parameters = behind.split(';').skip(1).filter_map(|one| one.split_once('='));
    parameters.find(|(known, _)| known.trim() == name).map(|(_, value)| value.trim())
}
