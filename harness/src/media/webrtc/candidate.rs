//! ICE candidates (RFC 8445 5.1, RFC 8839 5.1): addresses that a side may be reached at.

use std::fmt::{self, Display};
use std::net::SocketAddrV4;

use xxhash_rust::xxh3::xxh3_64;

use crate::media::sdp::SdpError;

/// The one component that we have: RTP and RTCP share a port (RFC 8834 4.5).
const COMPONENT: u8 = 1;

/// How a candidate was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// An address of the host itself.
    Host,
    /// What a STUN server saw it come from: the outside of a NAT.
    ServerReflexive,
    /// What the other side saw a check come from.
    PeerReflexive,
    /// An address of a TURN server, that passes packets on.
    Relay,
}

impl CandidateKind {
    /// Each of them.
    pub const ALL: [CandidateKind; 4] =
        [CandidateKind::Host, CandidateKind::ServerReflexive, CandidateKind::PeerReflexive, CandidateKind::Relay];

    /// Its word in a description.
    pub fn as_str(self) -> &'static str {
        match self {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::PeerReflexive => "prflx",
            CandidateKind::Relay => "relay",
        }
    }

    /// How much it's preferred to others (RFC 8445 5.1.2.2).
    pub fn type_preference(self) -> u8 {
        match self {
            CandidateKind::Host => 126,
            CandidateKind::PeerReflexive => 110,
            CandidateKind::ServerReflexive => 100,
            CandidateKind::Relay => 0,
        }
    }
}

impl Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a candidate's packets travel by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// The only one that we check.
    Udp,
    /// ICE over TCP (RFC 6544): read, and not used.
    Tcp,
}

impl Protocol {
    /// Its word in a description.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        }
    }
}

/// Where a candidate is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateAddress {
    /// An address that can be checked.
    Ip(SocketAddrV4),
    /// Anything else with its port: a name of mDNS (`x.local`), by which browsers hide their addresses, or an IPv6
    /// address. It's kept as it stands, and nobody checks it.
    Name(String, u16),
}

/// One candidate.
///
/// ```
/// use busyhour::media::webrtc::candidate::{Candidate, CandidateKind};
///
/// let line = "candidate:1 1 udp 1694498815 198.51.100.7 40001 typ srflx raddr 10.0.0.1 rport 4000";
/// let candidate = Candidate::read(line)?;
/// assert_eq!(candidate.kind, CandidateKind::ServerReflexive);
/// assert_eq!(candidate.related, Some("10.0.0.1:4000".parse().unwrap()));
/// assert_eq!(candidate.to_string(), line);
/// # Ok::<(), busyhour::media::sdp::SdpError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The same for candidates that were found in the same way from the same base (RFC 8445 5.1.1.3).
    pub foundation: String,
    /// 1: RTP, and RTCP with it.
    pub component: u8,
    /// What it travels by.
    pub protocol: Protocol,
    /// The higher, the sooner it's checked.
    pub priority: u32,
    /// Where it is.
    pub address: CandidateAddress,
    /// How it was found.
    pub kind: CandidateKind,
    /// Of a reflexive one its base, of a relayed one the address that the TURN server saw.
    pub related: Option<SocketAddrV4>,
}

impl Candidate {
    /// An address of the host's own.
    pub fn host(address: SocketAddrV4) -> Candidate {
        Candidate::new(CandidateKind::Host, address, address, None)
    }

    /// The address that a STUN server saw packets of `base` come from.
    pub fn server_reflexive(address: SocketAddrV4, base: SocketAddrV4) -> Candidate {
        Candidate::new(CandidateKind::ServerReflexive, address, base, Some(base))
    }

    /// An address that a TURN server allocated to who comes to it from `mapped`.
    pub fn relay(address: SocketAddrV4, mapped: SocketAddrV4) -> Candidate {
        Candidate::new(CandidateKind::Relay, address, address, Some(mapped))
    }

    fn new(kind: CandidateKind, address: SocketAddrV4, base: SocketAddrV4, related: Option<SocketAddrV4>) -> Candidate {
        let seed = [base.ip().octets().as_slice(), kind.as_str().as_bytes()].concat();
        Candidate {
            foundation: (xxh3_64(&seed) as u32).to_string(),
            component: COMPONENT,
            protocol: Protocol::Udp,
            priority: priority(kind, u16::MAX),
            address: CandidateAddress::Ip(address),
            kind,
            related,
        }
    }

    /// The same with this preference among the addresses of a host that has several: each must have another
    /// (RFC 8445 5.1.2.1). 65535 is what one alone has.
    #[must_use]
    pub fn preferred(self, local_preference: u16) -> Candidate {
        Candidate { priority: priority(self.kind, local_preference), ..self }
    }

    /// Reads one, as it stands in a description (`a=candidate:...`), or is trickled (`candidate:...`). Extensions that
    /// we don't know are passed over (RFC 8839 5.1).
    ///
    /// # Errors
    /// It's none.
    pub fn read(line: &str) -> Result<Candidate, SdpError> {
        read(line).ok_or_else(|| SdpError::Attribute("candidate", line.to_owned()))
    }

    /// Its address, if it's one that can be checked.
    pub fn ip(&self) -> Option<SocketAddrV4> {
        match (&self.address, self.protocol) {
            (CandidateAddress::Ip(address), Protocol::Udp) => Some(*address),
            _ => None,
        }
    }
}

/// RFC 8445 5.1.2.1.
fn priority(kind: CandidateKind, local_preference: u16) -> u32 {
    u32::from(kind.type_preference()) << 24 | u32::from(local_preference) << 8 | (256 - u32::from(COMPONENT))
}

fn read(line: &str) -> Option<Candidate> {
    let line = line.trim();
    let line = line.strip_prefix("a=").unwrap_or(line);
    let mut words = line.strip_prefix("candidate:").unwrap_or(line).split_ascii_whitespace();
    let foundation = words.next().filter(|word| word.len() <= 32)?.to_owned();
    let component = words.next()?.parse().ok()?;
    let protocol = words.next()?;
    let protocol =
        [Protocol::Udp, Protocol::Tcp].into_iter().find(|one| one.as_str().eq_ignore_ascii_case(protocol))?;
    let priority = words.next()?.parse().ok()?;
    let (address, port) = (words.next()?, words.next()?.parse().ok()?);
    let address = match address.parse() {
        Ok(ip) => CandidateAddress::Ip(SocketAddrV4::new(ip, port)),
        Err(_) => CandidateAddress::Name(address.to_owned(), port),
    };
    if words.next()? != "typ" {
        return None;
    }
    let kind = words.next()?;
    let kind = CandidateKind::ALL.into_iter().find(|one| one.as_str() == kind)?;
    let (mut ip, mut port) = (None, None);
    // What follows are names, each with a value.
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        match name {
            "raddr" => ip = value.parse().ok(),
            "rport" => port = value.parse().ok(),
            _ => {}
        }
    }
    let related = ip.zip(port).map(|(ip, port)| SocketAddrV4::new(ip, port));
    Some(Candidate { foundation, component, protocol, priority, address, kind, related })
}

impl Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Candidate { foundation, component, protocol, priority, address, kind, related } = self;
        write!(f, "candidate:{foundation} {component} {} {priority} ", protocol.as_str())?;
        match address {
            CandidateAddress::Ip(address) => write!(f, "{} {}", address.ip(), address.port())?,
            CandidateAddress::Name(name, port) => write!(f, "{name} {port}")?,
        }
        write!(f, " typ {kind}")?;
        if let Some(related) = related {
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8445 5.1.2.1.
    #[test]
    fn candidates_of_our_own_have_the_priorities_of_their_kinds() {
        let (address, base) = ("198.51.100.7:5000".parse().unwrap(), "10.0.0.1:4000".parse().unwrap());
        let all = [
            Candidate::host(base),
            Candidate::server_reflexive(address, base),
            Candidate::relay(address, base),
            Candidate::host(base).preferred(0),
        ];
        let priorities = all.each_ref().map(|candidate| candidate.priority);
        assert_eq!(priorities, [2_130_706_431, 1_694_498_815, 16_777_215, 2_113_929_471]);
        assert_eq!(all.each_ref().map(|candidate| candidate.related), [None, Some(base), Some(base), None]);
    }

    /// RFC 8445 5.1.1.3: the ports don't matter, kind and base do.
    #[test]
    fn a_foundation_is_shared_by_candidates_of_one_kind_and_base() {
        let host = |address: &str| Candidate::host(address.parse().unwrap()).foundation;
        assert_eq!(host("10.0.0.1:4000"), host("10.0.0.1:4002"));
        assert_ne!(host("10.0.0.1:4000"), host("10.0.0.2:4000"));
        let base = "10.0.0.1:4000".parse().unwrap();
        assert_ne!(Candidate::server_reflexive(base, base).foundation, host("10.0.0.1:4000"));
    }

    /// RFC 8839 5.1, RFC 6544 4.5, RFC 8828: what others write, with extensions that nobody knows.
    #[test]
    fn candidates_that_we_cannot_use_are_read_all_the_same() {
        let tcp = Candidate::read("a=candidate:3 1 TCP 2105524479 10.0.0.2 9 typ host tcptype active").unwrap();
        assert_eq!((tcp.protocol, tcp.ip()), (Protocol::Tcp, None));
        let line = "candidate:4 1 udp 2113937151 0b7ce9d1-5c3c.local 50321 typ host generation 0 network-cost 999 odd";
        let named = Candidate::read(line).unwrap();
        assert_eq!((named.ip(), &named.address), (None, &CandidateAddress::Name("0b7ce9d1-5c3c.local".into(), 50321)));
        let six = Candidate::read("5 1 udp 1 2001:db8::1 5 typ srflx raddr :: rport 9").unwrap();
        assert_eq!((six.ip(), six.related), (None, None));
        let hidden = Candidate::read("candidate:6 2 udp 1 192.0.2.1 5 typ relay raddr 0.0.0.0 rport 0\r\n").unwrap();
        assert_eq!((hidden.component, hidden.related), (2, Some("0.0.0.0:0".parse().unwrap())));
    }

    #[test]
    fn what_is_no_candidate_is_refused() {
        for line in [
            "",
            "candidate:",
            "candidate:1 1 udp 1 10.0.0.1 5000",
            "candidate:1 1 udp 1 10.0.0.1 5000 typ",
            "candidate:1 1 udp 1 10.0.0.1 5000 host typ",
            "candidate:1 1 udp 1 10.0.0.1 5000 typ ghost",
            "candidate:1 1 udp 1 10.0.0.1 70000 typ host",
            "candidate:1 1 udp -1 10.0.0.1 5000 typ host",
            "candidate:1 256 udp 1 10.0.0.1 5000 typ host",
            "candidate:1 1 sctp 1 10.0.0.1 5000 typ host",
            "candidate:123456789012345678901234567890123 1 udp 1 10.0.0.1 5000 typ host",
        ] {
            assert_eq!(Candidate::read(line), Err(SdpError::Attribute("candidate", line.to_owned())));
        }
    }
}
