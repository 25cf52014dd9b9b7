//! A registrar and proxy for WebSockets that keeps out of the media: what two webphones say to each other is theirs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use busyhour::Universe;
use busyhour::sip::transaction::Transmit;
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::{self, Flow, Message, Method, Name, Transport, Uri, Writer};
use busyhour::trace::SimTime;
use busyhour::world::Host;

use crate::DOMAIN;

/// What the relay has seen.
#[derive(Default)]
pub(crate) struct Book {
    /// Who is where: the contact, and the connection to it.
    pub(crate) contacts: BTreeMap<String, (String, Flow)>,
    /// The requests that came, with the time: `INVITE`.
    pub(crate) requests: Vec<(SimTime, String, Message)>,
    /// The responses that came.
    pub(crate) responses: Vec<(u16, Message)>,
    /// Which way the request with that branch came.
    ways: BTreeMap<String, Flow>,
    /// Answers nothing.
    pub(crate) is_mute: bool,
    /// The connections that came.
    pub(crate) connections: usize,
    /// The keepalives that came.
    pub(crate) pings: usize,
}

#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) host: Host,
    pub(crate) book: Rc<RefCell<Book>>,
}

impl Relay {
    pub(crate) fn new(u: &Universe) -> Relay {
        let host = u.host("server");
        let book = Rc::new(RefCell::new(Book::default()));
        let shared = book.clone();
        host.boot(move |host| serve(host, shared.clone()));
        Relay { host, book }
    }

    /// The requests of a method, with when they came.
    pub(crate) fn requests(&self, method: &str) -> Vec<(SimTime, Message)> {
        let book = self.book.borrow();
        let of = |(_, name, _): &&(SimTime, String, Message)| name == method;
        book.requests.iter().filter(of).map(|(at, _, message)| (*at, message.clone())).collect()
    }

    /// The statuses that INVITEs were answered with finally.
    pub(crate) fn answers(&self) -> Vec<u16> {
        let book = self.book.borrow();
        let of = |(status, message): &&(u16, Message)| message.method() == Method::Invite && *status >= 200;
        book.responses.iter().filter(of).map(|(status, _)| *status).collect()
    }

    /// The bodies of all INVITEs and their answers, as text.
    pub(crate) fn descriptions(&self) -> Vec<String> {
        let book = self.book.borrow();
        let requests = book.requests.iter().map(|(_, _, message)| message);
        let all = requests.chain(book.responses.iter().map(|(_, message)| message));
        all.filter(|message| !message.body().is_empty())
            .map(|message| String::from_utf8_lossy(message.body()).into_owned())
            .collect()
    }
}

async fn serve(host: Host, book: Rc<RefCell<Book>>) {
    let mut transports = Transports::open(&host, Ports { ws: Some(8080), ..Ports::default() }).await.unwrap();
    loop {
        let received = transports.receive().await;
        let mut book = book.borrow_mut();
        match received {
            Received::Connected { .. } => book.connections += 1,
            _ if book.is_mute => {}
            Received::Message { message, .. } if !message.is_request() => {
                book.responses.push((message.status().unwrap(), message.clone()));
                pass_back(&mut transports, &book, &message);
            }
            Received::Message { message, flow } => {
                let method = message.method().to_string();
                book.requests.push((host.now(), method, message.clone()));
                if message.method() == Method::Register {
                    let payload = register(&mut book, &message, flow);
                    transports.send(Transmit { flow, payload });
                } else {
                    pass_on(&mut transports, &host, &mut book, &message, flow);
                }
            }
            Received::Ping { .. } => book.pings += 1,
            _ => {}
        }
    }
}

fn register(book: &mut Book, request: &Message, flow: Flow) -> bytes::Bytes {
    let user = request.to().unwrap().uri.user.unwrap().to_owned();
    let contacts = request.contacts().unwrap();
    let contact = contacts[0].uri.raw.to_owned();
    let expires = contacts[0].expires().or(request.expires().unwrap()).unwrap_or(3_600);
    let answer = Writer::answer(request, 200, "OK", Some("relay"));
    if expires == 0 {
        book.contacts.remove(&user);
        return answer.end();
    }
    book.contacts.insert(user, (contact.clone(), flow));
    answer.header(Name::Contact, format_args!("<{contact}>;expires={expires}")).end()
}

/// A request goes to whom it's for; the way within a dialog leads back through us.
fn pass_on(transports: &mut Transports, host: &Host, book: &mut Book, request: &Message, flow: Flow) {
    let target = request.target_uri().unwrap();
    let method = request.method();
    let found = if target.host == DOMAIN {
        target.user.and_then(|user| book.contacts.get(user)).cloned()
    } else {
        let is = |contact: &str| Uri::read(contact).unwrap().host == target.host;
        let known = book.contacts.values().find(|(contact, _)| is(contact));
        known.map(|(_, flow)| (target.raw.to_owned(), *flow))
    };
    let Some((target, way)) = found else {
        if method != Method::Ack {
            let payload = Writer::answer(request, 404, sip::reason(404), Some("relay")).end();
            transports.send(Transmit { flow, payload });
        }
        return;
    };
    let branch = format!("{}x", request.via().unwrap().branch().unwrap());
    book.ways.insert(branch.clone(), flow);
    let via = format!("SIP/2.0/WS {}:8080;branch={branch}", host.address());
    let mut writer = Writer::request(method, &target).header(Name::Via, via).copy(request, Name::Via);
    if method == Method::Invite {
        writer = writer.header(Name::RecordRoute, format_args!("<sip:{}:8080;lr;transport=ws>", host.address()));
    }
    for header in request.headers() {
        writer = match header.name {
            Name::Via | Name::Route | Name::ContentLength | Name::ContentType => writer,
            _ => writer.header(header.raw_name, header.value),
        };
    }
    let payload = match request.content_type() {
        Some(kind) => writer.body(kind, request.body()),
        None => writer.end(),
    };
    transports.send(Transmit { flow: way, payload });
}

/// A response goes back the way its request came.
fn pass_back(transports: &mut Transports, book: &Book, response: &Message) {
    let Some(way) = response.via().ok().and_then(|via| book.ways.get(via.branch()?)).copied() else { return };
    let mut writer = Writer::response(response.status().unwrap(), response.reason());
    let mut skipped = false;
    for header in response.headers() {
        writer = match header.name {
            Name::Via if !std::mem::replace(&mut skipped, true) => writer,
            Name::ContentLength | Name::ContentType => writer,
            _ => writer.header(header.raw_name, header.value),
        };
    }
    let payload = match response.content_type() {
        Some(kind) => writer.body(kind, response.body()),
        None => writer.end(),
    };
    debug_assert_eq!(way.transport, Transport::Ws);
    transports.send(Transmit { flow: way, payload });
}
