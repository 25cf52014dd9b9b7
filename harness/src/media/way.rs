//! How a call's RTP gets out and in: by a pair of ports, or by a WebRTC transport.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::ports::Ports;
use super::stream::Remote;
use super::webrtc::{Listener, Peer};

/// Where the other end of a WebRTC transport stands for those who want an address: the transport knows where it really
/// is, and lets nothing of anybody else's through (TEST-NET-1, RFC 5737).
const THE_PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 9);

/// One end's way. Cheap to clone.
#[derive(Clone)]
pub(super) enum Way {
    Ports(Ports),
    /// Whoever was given the peer last gets what comes by it.
    Peer(Peer, Listener),
}

impl Way {
    /// By a WebRTC transport: from now on nobody else gets what comes by it.
    pub(super) fn over(peer: &Peer) -> Way {
        Way::Peer(peer.clone(), peer.listen())
    }

    /// The port that the other side sends to, as a description of plain RTP says it.
    pub(super) fn port(&self) -> u16 {
        match self {
            Way::Ports(ports) => ports.port(),
            // RFC 8840 4.1.1: where the candidates say it, the port is the discard service's.
            Way::Peer(..) => THE_PEER.port(),
        }
    }

    /// The other end, as those see it who send by this way.
    pub(super) fn remote(&self, remote: Remote) -> Remote {
        match self {
            Way::Ports(_) => remote,
            Way::Peer(..) => Remote { address: THE_PEER, latch: false, ..remote },
        }
    }

    pub(super) async fn receive(&self) -> io::Result<(Bytes, SocketAddrV4)> {
        match self {
            Way::Ports(ports) => ports.rtp.recv().await,
            Way::Peer(peer, listener) => Ok((peer.receive_rtp(*listener).await, THE_PEER)),
        }
    }

    /// Lets `taker` have each packet as it comes; false where somebody must wait for them.
    pub(super) fn give_to(&self, taker: impl Fn(Bytes, SocketAddrV4) + 'static) -> bool {
        match self {
            Way::Ports(ports) => ports.rtp.give_to(taker),
            Way::Peer(..) => false,
        }
    }

    pub(super) async fn receive_report(&self) -> io::Result<(Bytes, SocketAddrV4)> {
        match self {
            Way::Ports(ports) => ports.rtcp.recv().await,
            Way::Peer(peer, listener) => Ok((peer.receive_rtcp(*listener).await, THE_PEER)),
        }
    }

    /// Sends a packet. A host that is down sends nothing, nor does a transport that isn't up.
    pub(super) async fn send(&self, packet: Bytes, to: SocketAddrV4) {
        match self {
            Way::Ports(ports) => drop(ports.rtp.send_to(packet, to).await),
            Way::Peer(peer, _) => peer.send_rtp(&packet).await,
        }
    }

    pub(super) async fn send_report(&self, report: Bytes, to: SocketAddrV4) {
        match self {
            Way::Ports(ports) => drop(ports.rtcp.send_to(report, to).await),
            Way::Peer(peer, _) => peer.send_rtcp(&report).await,
        }
    }
}
