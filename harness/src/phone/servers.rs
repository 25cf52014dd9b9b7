//! Finding a domain's servers (RFC 3263, as far as phones go).

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::sip::Transport;
use crate::world::Host;

/// SIP's port.
pub(super) const SIP_PORT: u16 = 5060;

/// The servers of a domain, best first: those that its SRV records name in the order of their priorities, or else its
/// own address. A port that was given asks for no records (RFC 3263 4.2).
pub(super) async fn find(
    host: &Host,
    domain: &str,
    port: Option<u16>,
    transport: Transport,
) -> io::Result<Vec<SocketAddrV4>> {
    if let Ok(address) = domain.parse::<Ipv4Addr>() {
        return Ok(vec![SocketAddrV4::new(address, port.unwrap_or(SIP_PORT))]);
    }
    let mut servers = Vec::new();
    if port.is_none() {
        let name = format!("_sip._{}.{domain}", if transport == Transport::Udp { "udp" } else { "tcp" });
        // Without records there is still the domain's own address.
        for service in host.resolve_service(&name).await.unwrap_or_default() {
            let addresses = match service.addresses {
                some if !some.is_empty() => some,
                _ => host.resolve(&service.target).await.unwrap_or_default(),
            };
            servers.extend(addresses.into_iter().map(|address| SocketAddrV4::new(address, service.port)));
        }
    }
    if servers.is_empty() {
        let addresses = host.resolve(domain).await?;
        servers.extend(addresses.into_iter().map(|address| SocketAddrV4::new(address, port.unwrap_or(SIP_PORT))));
    }
    if servers.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{domain:?} has no server")));
    }
    Ok(servers)
}
