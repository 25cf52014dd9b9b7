//! A pair of ports: RTP on an even one, RTCP on the next (RFC 3550 11).

use std::io;
use std::rc::Rc;

use crate::net::UdpSocket;
use crate::world::Host;

/// How many ports are tried until two stand side by side.
const ATTEMPTS: usize = 200;

/// Both sockets.
#[derive(Clone)]
pub(super) struct Ports {
    pub(super) rtp: Rc<UdpSocket>,
    pub(super) rtcp: Rc<UdpSocket>,
}

impl Ports {
    /// Binds a free pair.
    pub(super) async fn open(host: &Host) -> io::Result<Ports> {
        // Ports that won't do are held until the end, so that others are tried.
        let mut unfit = Vec::new();
        for _ in 0..ATTEMPTS {
            let socket = host.udp(0).await?;
            let port = socket.local_addr().port();
            if port.is_multiple_of(2)
                && let Some(next) = port.checked_add(1)
                && let Ok(rtcp) = host.udp(next).await
            {
                return Ok(Ports { rtp: Rc::new(socket), rtcp: Rc::new(rtcp) });
            }
            unfit.push(socket);
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{} has no two UDP ports side by side", host.name())))
    }

    pub(super) fn port(&self) -> u16 {
        self.rtp.local_addr().port()
    }
}
