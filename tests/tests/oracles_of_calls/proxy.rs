//! A proxy that records its route (RFC 3261 section 16), without memory: as simple as it can be, so that what is seen
//! are those who call through it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use busyhour::Universe;
use busyhour::sip::transaction::Transmit;
use busyhour::sip::transport::{Ports, Received, Transports};
use busyhour::sip::{Flow, Message, Method, Name, Writer};
use busyhour::world::Host;
use bytes::Bytes;

/// Installs it: who is called by name is at that address.
pub(crate) fn install(u: &Universe, users: BTreeMap<String, Ipv4Addr>) -> SocketAddrV4 {
    let host = u.host("proxy");
    host.boot(move |host| serve(host, users.clone()));
    SocketAddrV4::new(host.address(), 5060)
}

async fn serve(host: Host, users: BTreeMap<String, Ipv4Addr>) {
    let mut transports = Transports::open(&host, Ports { udp: Some(5060), ..Ports::default() }).await.unwrap();
    loop {
        let Received::Message { message, .. } = transports.receive().await else { continue };
        let passed = if message.is_request() { pass_on(&host, &users, &message) } else { pass_back(&message) };
        if let Some((to, payload)) = passed {
            transports.send(Transmit { flow: Flow::udp(to), payload });
        }
    }
}

/// A request goes on to whom it's for (16.6).
fn pass_on(host: &Host, users: &BTreeMap<String, Ipv4Addr>, request: &Message) -> Option<(SocketAddrV4, Bytes)> {
    let target = request.target_uri().ok()?;
    let address = users.get(target.user?).copied().or_else(|| target.host.parse().ok())?;
    // The branch tells our hop from theirs, and a repeated request from the next one (16.11).
    let via = request.via().ok()?;
    let own = format!("SIP/2.0/UDP {}:5060;branch={}-p", host.address(), via.branch()?);
    let mut writer = Writer::request(request.method(), target.raw).header(Name::Via, own).copy(request, Name::Via);
    if request.method() == Method::Invite {
        writer = writer.header(Name::RecordRoute, format_args!("<sip:{}:5060;lr>", host.address()));
    }
    // The one route is ours.
    Some((SocketAddrV4::new(address, 5060), copy(writer, request, &[Name::Via, Name::Route])))
}

/// A response goes back the way its request came (16.7).
fn pass_back(response: &Message) -> Option<(SocketAddrV4, Bytes)> {
    let vias = response.vias().ok()?;
    let next = vias.get(1)?;
    let to = SocketAddrV4::new(next.host.parse().ok()?, next.port.unwrap_or(5060));
    let mut writer = Writer::response(response.status()?, response.reason());
    for via in response.all(Name::Via).skip(1) {
        writer = writer.header(Name::Via, via);
    }
    Some((to, copy(writer, response, &[Name::Via])))
}

/// Copies the headers but those, and the body.
fn copy(mut writer: Writer, message: &Message, but: &[Name]) -> Bytes {
    for header in message.headers() {
        if !but.contains(&header.name) && !matches!(header.name, Name::ContentLength | Name::ContentType) {
            writer = writer.header(header.raw_name, header.value);
        }
    }
    match message.content_type() {
        Some(kind) => writer.body(kind, message.body()),
        None => writer.end(),
    }
}
