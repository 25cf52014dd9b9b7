//! Names: a host that answers DNS, and the question a host asks it.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use crate::world::{Host, Mode};

use super::dns::{self, Answer, DnsError, Query, Zone, parse_answer};
use super::the_net;

/// DNS's port (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;
/// How often, and how long each time, a resolver asks: glibc's defaults are 2 attempts of 5 s.
const ATTEMPTS: u32 = 2;
const ATTEMPT: Duration = Duration::from_secs(5);

/// Where a connection goes: an address, or a name and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An address and a port.
    Address(SocketAddrV4),
    /// A name, which the host asks DNS for, and a port.
    Name(String, u16),
}

impl From<SocketAddrV4> for Endpoint {
    fn from(address: SocketAddrV4) -> Endpoint {
        Endpoint::Address(address)
    }
}

impl From<(&str, u16)> for Endpoint {
    fn from((name, port): (&str, u16)) -> Endpoint {
        match name.parse::<Ipv4Addr>() {
            Ok(address) => Endpoint::Address(SocketAddrV4::new(address, port)),
            Err(_) => Endpoint::Name(name.to_owned(), port),
        }
    }
}

/// A service's instance, as DNS names it (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Lower ones are tried first.
    pub priority: u16,
    /// Among those of one priority, how often it's chosen.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its host's name.
    pub target: String,
    /// The addresses of that host that came along.
    pub addresses: Vec<Ipv4Addr>,
}

/// The program of the host that answers DNS.
pub(crate) async fn serve(host: Host, zone: Rc<RefCell<Zone>>) {
    let Ok(socket) = host.udp(DNS_PORT).await else { return };
    while let Ok((query, from)) = socket.recv().await {
        let answer = zone.borrow().answer(&query);
        if let Some(answer) = answer {
            // Lost or refused: the resolver asks again.
            let _ = socket.send_to(answer, from).await;
        }
    }
}

/// Asks DNS, as `host`, over UDP.
async fn ask(host: &Host, make: impl Fn(u16) -> Result<Query, DnsError>, name: &str) -> io::Result<Answer> {
    let socket = host.udp(0).await?;
    let server = SocketAddrV4::new(the_net().dns_address(), DNS_PORT);
    socket.connect(server).await?;
    for _ in 0..ATTEMPTS {
        let id = host.random(|random| random.next_u64()) as u16;
        let query = make(id).map_err(|error| explain(error, name))?;
        socket.send_to(query.to_bytes(), server).await?;
        let answer = tokio::time::timeout(ATTEMPT, async {
            loop {
                let (bytes, _) = socket.recv().await?;
                match parse_answer(&bytes, id, name) {
                    // Something else came to this port: an old answer, a stranger.
                    Err(DnsError::OtherId { .. } | DnsError::OtherQuestion { .. }) => {}
                    answer => return Ok::<_, io::Error>(answer),
                }
            }
        })
        .await;
        match answer {
            Ok(Ok(Ok(answer))) => return Ok(answer),
            Ok(Ok(Err(error))) => return Err(explain(error, name)),
            // Nobody listens on port 53: no better than no answer.
            Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionRefused => return Err(error),
            Ok(Err(_)) | Err(_) => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("DNS doesn't answer for {name:?}")))
}

fn explain(error: DnsError, name: &str) -> io::Error {
    match error {
        DnsError::BadName { .. } => io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
        DnsError::NoSuchName(_) => io::Error::new(io::ErrorKind::NotFound, format!("there is no host called {name:?}")),
        other => io::Error::new(io::ErrorKind::InvalidData, format!("DNS answered nonsense for {name:?}: {other}")),
    }
}

/// What the zone says, by the wire; in live mode, where nobody runs our DNS host, by itself.
async fn look_up(host: &Host, query: impl Fn(u16) -> Result<Query, DnsError>, name: &str) -> io::Result<dns::Answer> {
    if host.kernel().mode() == Mode::Simulated {
        return ask(host, query, name).await;
    }
    let query = query(0).map_err(|error| explain(error, name))?;
    let answer = the_net().zone.borrow().answer(&query.to_bytes()).expect("the zone answers every query of ours");
    parse_answer(&answer, 0, name).map_err(|error| explain(error, name))
}

/// See [`Host::resolve`](crate::world::Host::resolve).
pub(crate) async fn resolve(host: &Host, name: &str) -> io::Result<Vec<Ipv4Addr>> {
    let answer = look_up(host, |id| Query::a(id, name), name).await?;
    Ok(answer.addresses.iter().map(|found| found.address).collect())
}

/// See [`Host::resolve_service`](crate::world::Host::resolve_service).
pub(crate) async fn resolve_service(host: &Host, name: &str) -> io::Result<Vec<Service>> {
    let answer = look_up(host, |id| Query::srv(id, name), name).await?;
    let mut services: Vec<Service> = answer
        .services
        .into_iter()
        .map(|dns::Service { priority, weight, port, target, .. }| {
            let addresses = answer.additional.get(&target).map(Vec::as_slice).unwrap_or_default();
            let addresses = addresses.iter().map(|found| found.address).collect();
            Service { priority, weight, port, target, addresses }
        })
        .collect();
    services.sort_by_key(|service| service.priority);
    Ok(services)
}
