//! A NAT box, in the terms of RFC 4787 (UDP) and RFC 5382 (TCP).
//!
//! A pure state machine: addresses and the time go in, translated addresses or a refusal come out.
//!
//! - **Mapping** (RFC 4787, section 4.1): which external port an inside endpoint gets. Endpoint-independent: one for
//!   all it talks to. Address-and-port-dependent: another for each remote endpoint.
//! - **Filtering** (section 5): whose packets are let in through it. Each remote that was sent to is let in for the
//!   lifetime, counted from the last packet to it, whatever keeps the mapping itself alive.
//! - **Lifetime**: 300 s for UDP (section 4.3, REQ-5), 7,440 s for TCP (RFC 5382, REQ-5: 2 hours 4 minutes). Outbound
//!   packets refresh it (REQ-6); inbound ones only where a box is told so. A TCP binding isn't shortened by FIN or RST:
//!   the box reads no flags.
//! - **Ports**: drawn from 1024 to 65535, odd for odd and even for even as RTP likes it (REQ-4) while there are such. No
//!   two live bindings of a protocol share a port (REQ-3). A binding that expired or was forgotten comes back on another
//!   port than it had: that's what a phone notices of a box that was rebooted. So ports are never preserved, as behind a
//!   box that many share.
//! - **Hairpinning** (section 6, REQ-9): two inside endpoints reach each other by their external addresses, and see
//!   those, where the mapping is endpoint-independent.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;
use std::time::Duration;

use crate::trace::SimTime;
use crate::world::Random;

/// The transport of a binding; each has ports of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// Which external port an inside endpoint gets (RFC 4787, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// One, whoever it talks to.
    EndpointIndependent,
    /// Another for each remote address and port.
    AddressAndPortDependent,
}

/// Whose packets get in through a binding (RFC 4787, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtering {
    /// Anybody's.
    EndpointIndependent,
    /// Those from addresses that were sent to, whatever the port.
    AddressDependent,
    /// Those from addresses and ports that were sent to.
    AddressAndPortDependent,
}

/// The four kinds of RFC 3489, section 5, by the words that people use for them.
///
/// ```
/// use busyhour::net::nat::{Filtering, NatKind};
///
/// let kind: NatKind = "port-restricted".parse()?;
/// assert_eq!(kind.behaviour().filtering, Filtering::AddressAndPortDependent);
/// assert_eq!(
///     "conical".parse::<NatKind>().unwrap_err().to_string(),
///     "\"conical\" is no kind of NAT: there are full-cone, restricted, port-restricted and symmetric",
/// );
/// # Ok::<(), busyhour::net::nat::UnknownKind>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatKind {
    /// One mapping, open to anybody.
    FullCone,
    /// One mapping, open to the addresses that were sent to.
    Restricted,
    /// One mapping, open to the addresses and ports that were sent to.
    PortRestricted,
    /// A mapping for each remote endpoint, open to that one.
    Symmetric,
}

impl NatKind {
    /// What a box of this kind does.
    pub fn behaviour(self) -> Behaviour {
        let (mapping, filtering) = match self {
            NatKind::FullCone => (Mapping::EndpointIndependent, Filtering::EndpointIndependent),
            NatKind::Restricted => (Mapping::EndpointIndependent, Filtering::AddressDependent),
            NatKind::PortRestricted => (Mapping::EndpointIndependent, Filtering::AddressAndPortDependent),
            NatKind::Symmetric => (Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent),
        };
        Behaviour {
            mapping,
            filtering,
            udp_lifetime: Duration::from_secs(300),
            tcp_lifetime: Duration::from_secs(7440),
            inbound_refreshes: false,
        }
    }
}

impl fmt::Display for NatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            NatKind::FullCone => "full-cone",
            NatKind::Restricted => "restricted",
            NatKind::PortRestricted => "port-restricted",
            NatKind::Symmetric => "symmetric",
        })
    }
}

/// A word that names no kind of NAT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of NAT: there are full-cone, restricted, port-restricted and symmetric")]
pub struct UnknownKind(pub String);

impl FromStr for NatKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<NatKind, UnknownKind> {
        match word {
            "full-cone" => Ok(NatKind::FullCone),
            "restricted" => Ok(NatKind::Restricted),
            "port-restricted" => Ok(NatKind::PortRestricted),
            "symmetric" => Ok(NatKind::Symmetric),
            _ => Err(UnknownKind(word.to_owned())),
        }
    }
}

/// What a NAT box does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// Which external ports it gives.
    pub mapping: Mapping,
    /// Whom it lets in.
    pub filtering: Filtering,
    /// How long a UDP binding lives without a refresh. Boxes with 30 s are common, whatever the RFC says.
    pub udp_lifetime: Duration,
    /// How long a TCP binding lives without a refresh.
    pub tcp_lifetime: Duration,
    /// Whether a packet that it lets in refreshes the binding, too (RFC 4787, REQ-6b).
    pub inbound_refreshes: bool,
}

impl Behaviour {
    fn lifetime(&self, protocol: Protocol) -> Duration {
        match protocol {
            Protocol::Udp => self.udp_lifetime,
            Protocol::Tcp => self.tcp_lifetime,
        }
    }
}

/// Why a packet doesn't get through the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address isn't the box's own.
    #[error("{0} is not an address of this NAT")]
    NotItsAddress(SocketAddrV4),
    /// Nobody inside ever sent from behind that port, or another has it now.
    #[error("the NAT has no binding for {0}")]
    NoBinding(SocketAddrV4),
    /// There was a binding, but too long without a refresh, or the box forgot it.
    #[error("the NAT's binding for {0} is over")]
    BindingOver(SocketAddrV4),
    /// The filter refuses the sender.
    #[error("the NAT lets {remote} not in through {external}: nothing was sent to it from there")]
    Filtered {
        /// The external endpoint that was written to.
        external: SocketAddrV4,
        /// The stranger.
        remote: SocketAddrV4,
    },
    /// One inside endpoint wrote to another's external address, and the box turns nothing around.
    #[error("the NAT turns no packet to {0} around: its mapping depends on the remote endpoint")]
    NoHairpin(SocketAddrV4),
    /// Every port is taken.
    #[error("the NAT has no port left")]
    OutOfPorts,
}

/// A NAT box with one external address.
///
/// ```
/// use busyhour::net::nat::{Nat, NatKind, Protocol, Refusal};
/// use busyhour::trace::SimTime;
/// use busyhour::world::Random;
///
/// let mut nat = Nat::new("198.51.100.7".parse()?, NatKind::PortRestricted.behaviour());
/// let (phone, server) = ("192.168.1.20:5060".parse()?, "203.0.113.5:5060".parse()?);
///
/// let seen = nat.outbound(SimTime::ZERO, Protocol::Udp, phone, server, &mut Random::stream(0, "network"))?;
/// assert_eq!(*seen.ip(), nat.external());
/// assert_eq!(nat.inbound(SimTime::ZERO, Protocol::Udp, seen, server), Ok(phone));
///
/// let stranger = "203.0.113.5:7000".parse()?;
/// let refused = nat.inbound(SimTime::ZERO, Protocol::Udp, seen, stranger);
/// assert_eq!(refused, Err(Refusal::Filtered { external: seen, remote: stranger }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Nat {
    external: Ipv4Addr,
    behaviour: Behaviour,
    bindings: BTreeMap<Key, Binding>,
    /// Who has an external port, or had it last.
    ports: BTreeMap<(Protocol, u16), Key>,
    /// How many odd ports it has, and how many even ones.
    ports_of_a_parity: u16,
}

/// What a binding is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    protocol: Protocol,
    inside: SocketAddrV4,
    /// The remote endpoint, where the mapping depends on it.
    remote: Option<SocketAddrV4>,
}

#[derive(Debug, Clone)]
struct Binding {
    port: u16,
    /// The last refresh; nothing if the box forgot it.
    refreshed: Option<SimTime>,
    /// To whom something was sent, and when last. Empty where anybody may come in.
    sent_to: BTreeMap<SocketAddrV4, SimTime>,
}

impl Binding {
    fn lives(&self, now: SimTime, lifetime: Duration) -> bool {
        self.refreshed.is_some_and(|at| now.since(at) < lifetime)
    }
}

const FIRST_PORT: u16 = 1024;

impl Nat {
    /// A box with this external address.
    pub fn new(external: Ipv4Addr, behaviour: Behaviour) -> Nat {
        Nat {
            external,
            behaviour,
            bindings: BTreeMap::new(),
            ports: BTreeMap::new(),
            ports_of_a_parity: (u16::MAX - FIRST_PORT) / 2 + 1,
        }
    }

    /// Its external address.
    pub fn external(&self) -> Ipv4Addr {
        self.external
    }

    /// What it does.
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// How many bindings are alive.
    pub fn bindings(&self, now: SimTime) -> usize {
        let lives = |(key, binding): &(&Key, &Binding)| binding.lives(now, self.behaviour.lifetime(key.protocol));
        self.bindings.iter().filter(lives).count()
    }

    /// Translates a packet from `inside` to `remote`: the external endpoint that `remote` sees. It makes the binding or
    /// refreshes it, and lets the remote's answers in. Draws only for a new binding.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutOfPorts`], when 64,512 bindings of the protocol are alive.
    pub fn outbound(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        inside: SocketAddrV4,
        remote: SocketAddrV4,
        random: &mut Random,
    ) -> Result<SocketAddrV4, Refusal> {
        let remote_of_key = match self.behaviour.mapping {
            Mapping::EndpointIndependent => None,
            Mapping::AddressAndPortDependent => Some(remote),
        };
        let key = Key { protocol, inside, remote: remote_of_key };
        let lifetime = self.behaviour.lifetime(protocol);
        if !self.bindings.get(&key).is_some_and(|binding| binding.lives(now, lifetime)) {
            self.bind(now, key, random)?;
        }
        let binding = self.bindings.get_mut(&key).expect("it was there or has just been made");
        binding.refreshed = Some(now);
        if self.behaviour.filtering != Filtering::EndpointIndependent {
            // Who talks to thousands leaves thousands of dead permissions: they are swept now and then.
            if binding.sent_to.len() % 64 == 63 && !binding.sent_to.contains_key(&remote) {
                binding.sent_to.retain(|_, sent| now.since(*sent) < lifetime);
            }
            binding.sent_to.insert(remote, now);
        }
        Ok(SocketAddrV4::new(self.external, binding.port))
    }

    /// Gives `key` a port that it didn't have just before.
    fn bind(&mut self, now: SimTime, key: Key, random: &mut Random) -> Result<(), Refusal> {
        let before = self.bindings.get(&key).map(|binding| binding.port);
        let parity = key.inside.port() % 2;
        let ports = self.ports_of_a_parity;
        let start = u16::try_from(random.below(u64::from(ports))).expect("it's below a u16");
        // From the drawn port upwards and around; then, with REQ-4 out of reach, the ports of the other parity; and the
        // one that it had only if no other is left.
        let place_to_port = |place: u16, parity| FIRST_PORT + 2 * place + parity;
        let candidates = [parity, 1 - parity]
            .into_iter()
            .flat_map(|parity| (start..ports).chain(0..start).map(move |place| place_to_port(place, parity)));
        let others = candidates.filter(|&port| Some(port) != before);
        let port =
            others.chain(before).find(|&port| !self.taken(now, key.protocol, port)).ok_or(Refusal::OutOfPorts)?;
        if let Some(before) = before.map(|port| (key.protocol, port))
            && self.ports.get(&before) == Some(&key)
        {
            self.ports.remove(&before);
        }
        self.ports.insert((key.protocol, port), key);
        self.bindings.insert(key, Binding { port, refreshed: Some(now), sent_to: BTreeMap::new() });
        Ok(())
    }

    fn taken(&self, now: SimTime, protocol: Protocol, port: u16) -> bool {
        let holder = self.ports.get(&(protocol, port)).and_then(|key| self.bindings.get(key));
        holder.is_some_and(|binding| binding.lives(now, self.behaviour.lifetime(protocol)))
    }

    /// Translates a packet from `remote` to `external`: the inside endpoint that it's for.
    ///
    /// # Errors
    ///
    /// Every [`Refusal`] but the last two.
    pub fn inbound(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        external: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<SocketAddrV4, Refusal> {
        let key = self.admit(now, protocol, external, remote)?;
        let binding = self.bindings.get_mut(&key).expect("a port is held by a binding");
        if self.behaviour.inbound_refreshes {
            binding.refreshed = Some(now);
            if self.behaviour.filtering != Filtering::EndpointIndependent {
                binding.sent_to.insert(remote, now);
            }
        }
        Ok(key.inside)
    }

    /// Whom a packet from `remote` to `external` would come to, if anybody.
    fn admit(
        &self,
        now: SimTime,
        protocol: Protocol,
        external: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Result<Key, Refusal> {
        if *external.ip() != self.external {
            return Err(Refusal::NotItsAddress(external));
        }
        let key = *self.ports.get(&(protocol, external.port())).ok_or(Refusal::NoBinding(external))?;
        let lifetime = self.behaviour.lifetime(protocol);
        let binding = self.bindings.get(&key).expect("a port is held by a binding");
        if !binding.lives(now, lifetime) {
            return Err(Refusal::BindingOver(external));
        }
        let fresh = |sent: &SimTime| now.since(*sent) < lifetime;
        let welcome = match self.behaviour.filtering {
            Filtering::EndpointIndependent => true,
            Filtering::AddressDependent => {
                let of_its_address = SocketAddrV4::new(*remote.ip(), 0)..=SocketAddrV4::new(*remote.ip(), u16::MAX);
                binding.sent_to.range(of_its_address).any(|(_, sent)| fresh(sent))
            }
            Filtering::AddressAndPortDependent => binding.sent_to.get(&remote).is_some_and(fresh),
        };
        if welcome { Ok(key) } else { Err(Refusal::Filtered { external, remote }) }
    }

    /// The inside endpoint that a packet from `remote` to `external` would come to now. It refreshes nothing.
    pub fn leads_to(
        &self,
        now: SimTime,
        protocol: Protocol,
        external: SocketAddrV4,
        remote: SocketAddrV4,
    ) -> Option<SocketAddrV4> {
        self.admit(now, protocol, external, remote).ok().map(|key| key.inside)
    }

    /// Turns a packet around that `inside` sent to another inside endpoint's `external` one: the external endpoint that
    /// it comes from, and the inside one that it's for. The filter stands here, too, so with any but a full-cone box
    /// both must have sent to each other.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoHairpin`] where the mapping depends on the remote endpoint, else those of both directions.
    pub fn hairpin(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        inside: SocketAddrV4,
        external: SocketAddrV4,
        random: &mut Random,
    ) -> Result<(SocketAddrV4, SocketAddrV4), Refusal> {
        if self.behaviour.mapping != Mapping::EndpointIndependent {
            return Err(Refusal::NoHairpin(external));
        }
        let from = self.outbound(now, protocol, inside, external, random)?;
        let to = self.inbound(now, protocol, external, from)?;
        Ok((from, to))
    }

    /// Forgets every binding, as a reboot does, and says how many living ones that lost.
    pub fn forget_bindings(&mut self, now: SimTime) -> usize {
        let lost = self.bindings(now);
        for binding in self.bindings.values_mut() {
            binding.refreshed = None;
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Tcp, Udp};

    fn a(text: &str) -> SocketAddrV4 {
        text.parse().expect("an address")
    }

    fn s(seconds: u64) -> SimTime {
        SimTime(seconds * 1_000_000_000)
    }

    fn phone() -> SocketAddrV4 {
        a("192.168.1.20:5060")
    }

    fn server() -> SocketAddrV4 {
        a("203.0.113.5:5060")
    }

    struct Box {
        nat: Nat,
        random: Random,
    }

    impl Box {
        fn new(behaviour: Behaviour) -> Box {
            Box { nat: Nat::new(Ipv4Addr::new(198, 51, 100, 7), behaviour), random: Random::stream(1, "network") }
        }

        fn of(kind: NatKind) -> Box {
            Box::new(kind.behaviour())
        }

        fn out(
            &mut self,
            now: SimTime,
            protocol: Protocol,
            inside: SocketAddrV4,
            remote: SocketAddrV4,
        ) -> SocketAddrV4 {
            self.nat.outbound(now, protocol, inside, remote, &mut self.random).expect("there are ports")
        }
    }

    /// The phone has sent to the server. Who gets in: the server, its host by another port, a stranger?
    fn gets_in(kind: NatKind) -> [bool; 3] {
        let mut it = Box::of(kind);
        let external = it.out(s(0), Udp, phone(), server());
        [server(), a("203.0.113.5:7000"), a("203.0.113.99:5060")].map(|remote| {
            let answer = it.nat.inbound(s(1), Udp, external, remote);
            assert!(matches!(answer, Ok(to) if to == phone()) || answer == Err(Refusal::Filtered { external, remote }));
            answer.is_ok()
        })
    }

    #[test]
    fn a_full_cone_nat_lets_a_stranger_in() {
        assert_eq!(gets_in(NatKind::FullCone), [true, true, true]);
    }

    #[test]
    fn a_restricted_nat_lets_any_port_of_a_known_address_in_but_no_stranger() {
        assert_eq!(gets_in(NatKind::Restricted), [true, true, false]);
    }

    #[test]
    fn a_port_restricted_nat_lets_only_the_known_port_in() {
        assert_eq!(gets_in(NatKind::PortRestricted), [true, false, false]);
    }

    #[test]
    fn a_symmetric_nat_lets_only_the_known_port_in() {
        assert_eq!(gets_in(NatKind::Symmetric), [true, false, false]);
    }

    #[test]
    fn a_cone_shows_one_endpoint_to_all_and_a_symmetric_nat_another_to_each() {
        let seen = |kind| {
            let mut it = Box::of(kind);
            let first = it.out(s(0), Udp, phone(), server());
            [first == it.out(s(1), Udp, phone(), server()), first == it.out(s(1), Udp, phone(), a("203.0.113.5:7000"))]
        };
        for cone in [NatKind::FullCone, NatKind::Restricted, NatKind::PortRestricted] {
            assert_eq!(seen(cone), [true, true], "{cone}");
        }
        assert_eq!(seen(NatKind::Symmetric), [true, false]);
    }

    #[test]
    fn behind_a_symmetric_nat_each_remote_is_let_in_only_where_it_was_sent_to() {
        let mut it = Box::of(NatKind::Symmetric);
        let other = a("203.0.113.6:3478");
        let (for_server, for_other) = (it.out(s(0), Udp, phone(), server()), it.out(s(0), Udp, phone(), other));
        assert_eq!(it.nat.inbound(s(0), Udp, for_other, other), Ok(phone()));
        assert_eq!(
            it.nat.inbound(s(0), Udp, for_server, other),
            Err(Refusal::Filtered { external: for_server, remote: other })
        );
    }

    #[test]
    fn two_endpoints_inside_never_share_a_port() {
        let mut it = Box::of(NatKind::FullCone);
        let mut seen: Vec<u16> =
            (1..=2000).map(|p| it.out(s(0), Udp, a(&format!("10.0.0.1:{p}")), server()).port()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 2000);
    }

    #[test]
    fn ports_keep_their_parity_and_stay_above_the_well_known_ones() {
        let mut it = Box::of(NatKind::FullCone);
        for port in 1..1000 {
            let external = it.out(s(0), Udp, a(&format!("10.0.0.1:{port}")), server()).port();
            assert!(external >= 1024 && external % 2 == port % 2, "{port} became {external}");
        }
    }

    #[test]
    fn a_udp_binding_lives_just_under_its_lifetime() {
        let answer = |after| {
            let mut it = Box::new(Behaviour { udp_lifetime: Duration::from_secs(30), ..NatKind::FullCone.behaviour() });
            let external = it.out(s(10), Udp, phone(), server());
            (it.nat.bindings(after), it.nat.inbound(after, Udp, external, server()), external)
        };
        let (alive, just_before, _) = answer(SimTime(s(40).0 - 1));
        assert_eq!((alive, just_before), (1, Ok(phone())));
        let (alive, just_after, external) = answer(s(40));
        assert_eq!((alive, just_after), (0, Err(Refusal::BindingOver(external))));
    }

    #[test]
    fn udp_lives_300_seconds_and_tcp_7440() {
        for (protocol, lifetime) in [(Udp, 300), (Tcp, 7440)] {
            let mut it = Box::of(NatKind::PortRestricted);
            let external = it.out(s(0), protocol, phone(), server());
            assert!(it.nat.inbound(SimTime(s(lifetime).0 - 1), protocol, external, server()).is_ok());
            assert!(it.nat.inbound(s(lifetime), protocol, external, server()).is_err());
        }
    }

    #[test]
    fn outbound_packets_refresh_and_inbound_ones_only_where_told_so() {
        for kind in [NatKind::FullCone, NatKind::PortRestricted] {
            let mut it = Box::of(kind);
            let external = it.out(s(0), Udp, phone(), server());
            assert_eq!(it.out(s(299), Udp, phone(), server()), external);
            assert!(it.nat.inbound(s(598), Udp, external, server()).is_ok(), "sent at 299");
            assert!(it.nat.inbound(s(599), Udp, external, server()).is_err(), "received at 598");

            let mut it = Box::new(Behaviour { inbound_refreshes: true, ..kind.behaviour() });
            let external = it.out(s(0), Udp, phone(), server());
            for at in [299, 598, 897] {
                assert!(it.nat.inbound(s(at), Udp, external, server()).is_ok(), "{kind} at {at}");
            }
        }
    }

    #[test]
    fn a_refused_packet_refreshes_nothing() {
        let mut it = Box::new(Behaviour { inbound_refreshes: true, ..NatKind::PortRestricted.behaviour() });
        let external = it.out(s(0), Udp, phone(), server());
        assert!(it.nat.inbound(s(299), Udp, external, a("203.0.113.99:1")).is_err());
        assert_eq!(it.nat.inbound(s(300), Udp, external, server()), Err(Refusal::BindingOver(external)));
    }

    #[test]
    fn a_remote_is_let_in_for_a_lifetime_after_the_last_packet_to_it() {
        for kind in [NatKind::Restricted, NatKind::PortRestricted] {
            let mut it = Box::of(kind);
            let external = it.out(s(0), Udp, phone(), server());
            it.out(s(200), Udp, phone(), a("203.0.113.6:5060"));
            assert!(it.nat.inbound(s(299), Udp, external, server()).is_ok());
            let refused = Err(Refusal::Filtered { external, remote: server() });
            assert_eq!(
                it.nat.inbound(s(300), Udp, external, server()),
                refused,
                "{kind}: the mapping lives, it doesn't"
            );
        }
    }

    #[test]
    fn who_talks_to_thousands_keeps_only_the_living() {
        let mut it = Box::of(NatKind::PortRestricted);
        for n in 0..5000u16 {
            it.out(s(u64::from(n)), Udp, phone(), a(&format!("203.0.113.5:{}", n + 1)));
        }
        let kept = it.nat.bindings.values().next().expect("one binding").sent_to.len();
        assert!((300..=364).contains(&kept), "{kept}");
        let external = it.out(s(5000), Udp, phone(), server());
        assert!(it.nat.inbound(s(5000), Udp, external, a("203.0.113.5:4990")).is_ok());
    }

    #[test]
    fn after_a_binding_is_over_the_next_packet_gets_another_port() {
        for seed in 0..200 {
            let mut it = Box::of(NatKind::PortRestricted);
            it.random = Random::stream(seed, "network");
            let before = it.out(s(0), Udp, phone(), server());
            let after = it.out(s(300), Udp, phone(), server());
            assert_ne!(before, after);
            assert_eq!(it.nat.inbound(s(300), Udp, before, server()), Err(Refusal::NoBinding(before)));
            assert_eq!(it.nat.inbound(s(300), Udp, after, server()), Ok(phone()));
        }
    }

    #[test]
    fn forgetting_loses_the_living_bindings_and_counts_them() {
        let mut it = Box::of(NatKind::FullCone);
        it.out(s(0), Udp, a("10.0.0.1:1"), server());
        let external = it.out(s(100), Udp, phone(), server());
        it.out(s(100), Tcp, phone(), server());
        assert_eq!(it.nat.forget_bindings(s(300)), 2, "the first had expired by itself");
        assert_eq!(it.nat.forget_bindings(s(300)), 0);
        assert_eq!(it.nat.inbound(s(300), Udp, external, server()), Err(Refusal::BindingOver(external)));
        assert_ne!(it.out(s(300), Udp, phone(), server()), external);
    }

    #[test]
    fn what_was_allowed_before_the_box_forgot_is_not_allowed_after() {
        let mut it = Box::of(NatKind::PortRestricted);
        let other = a("203.0.113.6:5060");
        it.out(s(0), Udp, phone(), server());
        it.nat.forget_bindings(s(1));
        let external = it.out(s(2), Udp, phone(), other);
        assert!(it.nat.inbound(s(2), Udp, external, other).is_ok());
        assert!(it.nat.inbound(s(2), Udp, external, server()).is_err());
    }

    #[test]
    fn udp_and_tcp_have_bindings_of_their_own() {
        let mut it = Box::of(NatKind::FullCone);
        let udp = it.out(s(0), Udp, phone(), server());
        assert_eq!(it.nat.inbound(s(0), Udp, udp, server()), Ok(phone()));
        assert_eq!(it.nat.inbound(s(0), Tcp, udp, server()), Err(Refusal::NoBinding(udp)));
    }

    #[test]
    fn a_packet_to_an_address_that_is_not_its_own_is_refused() {
        let mut it = Box::of(NatKind::FullCone);
        let external = it.out(s(0), Udp, phone(), server());
        let elsewhere = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 8), external.port());
        assert_eq!(it.nat.inbound(s(0), Udp, elsewhere, server()), Err(Refusal::NotItsAddress(elsewhere)));
    }

    #[test]
    fn a_full_cone_nat_turns_a_packet_around_and_shows_the_external_address() {
        let mut it = Box::of(NatKind::FullCone);
        let (alice, bob) = (a("192.168.1.20:5060"), a("192.168.1.21:5060"));
        let of_bob = it.out(s(0), Udp, bob, server());
        let (from, to) = it.nat.hairpin(s(1), Udp, alice, of_bob, &mut it.random).expect("hairpinning");
        assert_eq!((from.ip(), to), (&it.nat.external(), bob));
        assert_eq!(it.nat.inbound(s(1), Udp, from, server()), Ok(alice), "that's alice's own binding");
    }

    #[test]
    fn a_port_restricted_nat_turns_around_only_what_both_sides_opened() {
        let mut it = Box::of(NatKind::PortRestricted);
        let (alice, bob) = (a("192.168.1.20:5060"), a("192.168.1.21:5060"));
        let of_alice = it.out(s(0), Udp, alice, server());
        let of_bob = it.out(s(0), Udp, bob, server());
        let refused = it.nat.hairpin(s(1), Udp, alice, of_bob, &mut it.random);
        assert_eq!(refused, Err(Refusal::Filtered { external: of_bob, remote: of_alice }));
        assert_eq!(it.nat.hairpin(s(1), Udp, bob, of_alice, &mut it.random), Ok((of_bob, alice)), "alice tried before");
    }

    #[test]
    fn a_symmetric_nat_turns_nothing_around() {
        let mut it = Box::of(NatKind::Symmetric);
        let of_bob = it.out(s(0), Udp, a("192.168.1.21:5060"), server());
        assert_eq!(it.nat.hairpin(s(1), Udp, phone(), of_bob, &mut it.random), Err(Refusal::NoHairpin(of_bob)));
    }

    #[test]
    fn a_box_without_a_free_port_says_so_until_one_expires() {
        let mut it = Box::of(NatKind::FullCone);
        it.nat.ports_of_a_parity = 50;
        let inside = |n: u8| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 5060);
        let first = it.out(s(0), Udp, inside(0), server());
        let mut parities = [0, 0];
        for n in 1..100 {
            parities[usize::from(it.out(s(1), Udp, inside(n), server()).port() % 2)] += 1;
        }
        assert_eq!(parities, [49, 50], "with the even ones gone, the odd ones served");
        let one_more = |it: &mut Box, now| it.nat.outbound(now, Udp, inside(200), server(), &mut it.random);
        assert_eq!(one_more(&mut it, SimTime(s(300).0 - 1)), Err(Refusal::OutOfPorts));
        assert_eq!(one_more(&mut it, s(300)), Ok(first), "the first binding is over");
        assert_eq!(it.nat.inbound(s(300), Udp, first, server()), Ok(inside(200)));
        assert_eq!(it.nat.bindings(s(300)), 100);
    }

    #[test]
    fn a_box_with_one_port_left_gives_the_same_one_again() {
        let mut it = Box::of(NatKind::FullCone);
        it.nat.ports_of_a_parity = 1;
        let before = it.out(s(0), Udp, phone(), server());
        it.out(s(200), Udp, a("10.0.0.1:5060"), server());
        assert_eq!(it.out(s(300), Udp, phone(), server()), before);
        assert_eq!(it.nat.inbound(s(300), Udp, before, server()), Ok(phone()));
    }

    #[test]
    fn the_other_parity_serves_when_its_own_is_gone() {
        let first_two = |inside: [&str; 2]| {
            let mut it = Box::of(NatKind::FullCone);
            it.nat.ports_of_a_parity = 1;
            inside.map(|inside| it.out(s(0), Udp, a(inside), server()).port())
        };
        assert_eq!(first_two(["10.0.0.1:5061", "10.0.0.2:5061"]), [1025, 1024]);
        assert_eq!(first_two(["10.0.0.1:5060", "10.0.0.2:5060"]), [1024, 1025]);
    }

    #[test]
    fn its_ports_reach_from_1024_to_65535() {
        let mut it = Box::of(NatKind::FullCone);
        let ports: Vec<u16> =
            (0..3000).map(|n| it.out(s(300 * n), Udp, a(&format!("10.0.0.1:{}", n + 1)), server()).port()).collect();
        assert!(
            ports.iter().any(|&port| port < 1124) && ports.iter().any(|&port| port > 65_435),
            "3000 draws of 64,512"
        );
        assert_eq!(FIRST_PORT + 2 * (it.nat.ports_of_a_parity - 1) + 1, u16::MAX);
    }

    #[test]
    fn only_a_new_binding_draws() {
        let mut it = Box::of(NatKind::PortRestricted);
        let external = it.out(s(0), Udp, phone(), server());
        let mut before = it.random.clone();
        it.out(s(1), Udp, phone(), a("203.0.113.6:5060"));
        it.nat.inbound(s(1), Udp, external, server()).expect("known");
        assert_eq!(before.next_u64(), it.random.next_u64());
    }

    #[test]
    fn every_kind_is_named_by_its_word() {
        for kind in [NatKind::FullCone, NatKind::Restricted, NatKind::PortRestricted, NatKind::Symmetric] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }
}
