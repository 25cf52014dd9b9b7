//! What a description says of a transport, until the descriptions themselves say it.

use std::fmt;
use std::net::SocketAddrV4;

/// How a candidate's address was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// An address of the machine itself.
    Host,
    /// As a STUN server saw it.
    ServerReflexive,
    /// As the peer saw it.
    PeerReflexive,
    /// On a TURN server.
    Relay,
}

/// Where a candidate is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateAddress {
    /// An address.
    Ip(SocketAddrV4),
    /// An mDNS name, and the port.
    Name(String, u16),
}

/// A candidate's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// One way to reach an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The same for candidates that share base, kind and server.
    pub foundation: String,
    /// 1: RTP with multiplexed RTCP.
    pub component: u8,
    /// UDP or TCP.
    pub protocol: Protocol,
    /// RFC 8445 5.1.2.
    pub priority: u32,
    /// Where it's reached.
    pub address: CandidateAddress,
    /// How it was learnt.
    pub kind: CandidateKind,
    /// What it belongs to.
    pub related: Option<SocketAddrV4>,
}

impl Candidate {
    fn of(kind: CandidateKind, preference: u32, address: SocketAddrV4, related: Option<SocketAddrV4>) -> Candidate {
        Candidate {
            foundation: format!("{preference}"),
            component: 1,
            protocol: Protocol::Udp,
            priority: (preference << 24) | (65_535 << 8) | 255,
            address: CandidateAddress::Ip(address),
            kind,
            related,
        }
    }

    /// A host candidate.
    pub fn host(address: SocketAddrV4) -> Candidate {
        Candidate::of(CandidateKind::Host, 126, address, None)
    }

    /// A server-reflexive candidate.
    pub fn server_reflexive(address: SocketAddrV4, base: SocketAddrV4) -> Candidate {
        Candidate::of(CandidateKind::ServerReflexive, 100, address, Some(base))
    }

    /// A relay candidate.
    pub fn relay(address: SocketAddrV4, base: SocketAddrV4) -> Candidate {
        Candidate::of(CandidateKind::Relay, 0, address, Some(base))
    }

    /// The address, where it's one.
    pub fn ip(&self) -> Option<SocketAddrV4> {
        match self.address {
            CandidateAddress::Ip(address) => Some(address),
            CandidateAddress::Name(..) => None,
        }
    }
}

/// Who opens the DTLS handshake (RFC 8842).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Either.
    Actpass,
    /// This end.
    Active,
    /// The other end.
    Passive,
    /// Nobody yet.
    HoldConn,
}

/// A certificate's fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// `sha-256`.
    pub algorithm: String,
    /// The hash.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.bytes.iter().enumerate() {
            if i > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// What a description says of its transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secure {
    /// The ICE user fragment.
    pub ufrag: String,
    /// The ICE password.
    pub pwd: String,
    /// Of the certificate.
    pub fingerprint: Fingerprint,
    /// Who opens the handshake.
    pub setup: Setup,
    /// Those known so far.
    pub candidates: Vec<Candidate>,
    /// That no more will come.
    pub end_of_candidates: bool,
    /// ICE-lite.
    pub lite: bool,
    /// More candidates may come.
    pub trickle: bool,
}
