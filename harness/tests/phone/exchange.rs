//! A small exchange: a registrar and a proxy that records its route. It's as simple as phones let it be, so that what is
//! seen here is theirs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use busyhour::Universe;
use busyhour::sip::digest::{Algorithm, Server, Verdict};
use busyhour::sip::transaction::Transmit;
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::{self, Flow, Message, Method, Name, Uri, Writer};
use busyhour::trace::SimTime;
use busyhour::world::Host;

pub(crate) const DOMAIN: &str = "pbx.test";

/// A REGISTER that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) at: SimTime,
    pub(crate) user: String,
    /// The contact's URI.
    pub(crate) contact: String,
    pub(crate) expires: u32,
    /// With what it was answered.
    pub(crate) status: u16,
}

/// What the exchange knows, and what it's told to do.
#[derive(Default)]
pub(crate) struct Book {
    /// Every REGISTER but those that were challenged.
    pub(crate) registered: Vec<Registered>,
    /// Who is where, and which way the REGISTER came.
    pub(crate) contacts: BTreeMap<String, (String, Flow)>,
    /// Every request that was passed on, by its method and its first header of interest.
    pub(crate) passed: Vec<String>,
    /// Answers each REGISTER with that.
    pub(crate) refuses: Option<u16>,
    /// Asks for passwords.
    pub(crate) challenges: bool,
}

#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) host: Host,
    pub(crate) book: Rc<RefCell<Book>>,
}

impl Exchange {
    /// An exchange on a host of that name, found by an SRV record of that priority.
    pub(crate) fn at(u: &Universe, name: &str, priority: u16) -> Exchange {
        let host = u.host(name);
        for service in ["_sip._udp.pbx.test", "_sip._tcp.pbx.test"] {
            u.network().announce(service, priority, 0, 5060, name).unwrap();
        }
        let book = Rc::new(RefCell::new(Book::default()));
        let shared = book.clone();
        host.boot(move |host| serve(host, shared.clone()));
        Exchange { host, book }
    }

    /// The one exchange of a universe.
    pub(crate) fn new(u: &Universe) -> Exchange {
        Exchange::at(u, "server", 10)
    }

    /// The REGISTERs of a user.
    pub(crate) fn registers(&self, user: &str) -> Vec<Registered> {
        self.book.borrow().registered.iter().filter(|one| one.user == user).cloned().collect()
    }

    pub(crate) fn has(&self, user: &str) -> bool {
        self.book.borrow().contacts.contains_key(user)
    }

    /// How many requests of a method it has passed on.
    pub(crate) fn passed(&self, method: &str) -> usize {
        self.book.borrow().passed.iter().filter(|one| *one == method).count()
    }
}

async fn serve(host: Host, book: Rc<RefCell<Book>>) {
    let ports = Ports { udp: Some(5060), tcp: Some(5060), ..Ports::default() };
    let mut transports = Transports::open(&host, ports).await.unwrap();
    let random = host.random(|random| random.clone());
    let mut digest = Server::new(DOMAIN, vec![Algorithm::Md5], Duration::from_secs(3_600), random);
    loop {
        match transports.receive().await {
            Received::Message { message, flow } if !message.is_request() => pass_back(&mut transports, &message, flow),
            Received::Message { message, flow } if message.method() == Method::Register => {
                let response = register(&mut book.borrow_mut(), &mut digest, host.now(), &message, flow);
                transports.send(Transmit { flow, payload: response });
            }
            Received::Message { message, flow } => pass_on(&mut transports, &host, &book, &message, flow),
            _ => {}
        }
    }
}

fn register(book: &mut Book, digest: &mut Server, now: SimTime, request: &Message, flow: Flow) -> bytes::Bytes {
    let to = request.to().unwrap();
    let user = to.uri.user.unwrap().to_owned();
    let answer = |status| Writer::answer(request, status, sip::reason(status), Some("exchange"));
    let mut log = |contact: &str, expires, status| {
        let contact = contact.to_owned();
        book.registered.push(Registered { at: now, user: user.clone(), contact, expires, status });
    };
    let contacts = request.contacts().unwrap();
    let contact = contacts[0].uri.raw;
    let expires = contacts[0].expires().or(request.expires().unwrap()).unwrap_or(3_600);
    if let Some(status) = book.refuses {
        log(contact, expires, status);
        return answer(status).end();
    }
    if book.challenges {
        match digest.check(now, request, |_| Some("secret".into())) {
            Verdict::Authentic { .. } => {}
            Verdict::Wrong { .. } => {
                log(contact, expires, 403);
                return answer(403).end();
            }
            verdict => {
                let challenges = digest.challenge(now, verdict == Verdict::Stale);
                let writer = challenges.iter().fold(answer(401), |w, value| w.header(Name::WwwAuthenticate, value));
                return writer.end();
            }
        }
    }
    log(contact, expires, 200);
    if expires == 0 {
        if book.contacts.get(&user).is_some_and(|(known, _)| known == contact) {
            book.contacts.remove(&user);
        }
        return answer(200).end();
    }
    book.contacts.insert(user, (contact.to_owned(), flow));
    answer(200).header(Name::Contact, format_args!("<{contact}>;expires={expires}")).end()
}

/// A request goes on to whom it's for; its way leads back through us.
fn pass_on(transports: &mut Transports, host: &Host, book: &Rc<RefCell<Book>>, request: &Message, flow: Flow) {
    let mut book = book.borrow_mut();
    let target = request.target_uri().unwrap();
    let method = request.method();
    let own = format!("<sip:{}:5060;lr;transport={}>", host.address(), flow.transport.parameter());
    let (target, way) = if target.host == DOMAIN {
        match target.user.and_then(|user| book.contacts.get(user)) {
            Some((contact, flow)) => (contact.clone(), *flow),
            None => {
                if method != Method::Ack {
                    let response = Writer::answer(request, 404, "Not Found", Some("exchange")).end();
                    transports.send(Transmit { flow, payload: response });
                }
                return;
            }
        }
    } else {
        let known = book.contacts.values().find(|(contact, _)| *contact == target.raw);
        let way = known.map(|(_, flow)| *flow).unwrap_or_else(|| {
            let address: Ipv4Addr = target.host.parse().unwrap();
            Flow::to(flow.transport, SocketAddrV4::new(address, target.port.unwrap_or(5060)))
        });
        (target.raw.to_owned(), way)
    };
    book.passed.push(method.to_string());
    // The branch tells our hop from theirs, and a repeated request from the next one (16.11).
    let branch = request.via().unwrap().branch().unwrap().to_owned();
    let via = format!("SIP/2.0/{} {}:5060;branch={branch}x", way.transport, host.address());
    let mut writer = Writer::request(method, &target).header(Name::Via, via).copy(request, Name::Via);
    if method == Method::Invite {
        writer = writer.header(Name::RecordRoute, own);
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
fn pass_back(transports: &mut Transports, response: &Message, flow: Flow) {
    let vias = response.vias().unwrap();
    let Some(next) = vias.get(1) else { return };
    let host = next.received().unwrap_or(next.host).parse().unwrap();
    let port = next.rport().flatten().or(next.port).unwrap_or(5060);
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
    transports.send(Transmit { flow: Flow::to(flow.transport, SocketAddrV4::new(host, port)), payload });
}

/// True if a URI is at that address.
pub(crate) fn is_at(uri: &str, address: Ipv4Addr) -> bool {
    Uri::read(uri).unwrap().host == address.to_string()
}
