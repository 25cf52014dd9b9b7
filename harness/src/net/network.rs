//! What a test does to the network: links, cuts, NAT boxes, faults aimed at a packet.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use crate::trace::HostId;
use crate::world::{FaultId, FaultKind, Host, Mode, in_words};

use super::dns::{DnsError, Service};
use super::fault::{Aim, Cut, Only, Sabotage};
use super::link::{GilbertElliott, Impairment, Impossible, Segment};
use super::nat::{self, Nat, NatKind};
use super::packet::Packet;
use super::profile::{Profile, Profiles, UnknownProfile};
use super::wire::{Access, NatBox, Owner, PairCounts, Patience};
use super::{Net, PacketCounts};

/// How long a packet that is to be overtaken is held back. At the 20 ms between two packets of a call, at least two
/// others pass it.
const HELD_BACK: Duration = Duration::from_millis(50);
/// A slow line's queue: what home routers' buffers were measured to hold is 100 ms to some seconds; this is one.
const QUEUE: Duration = Duration::from_secs(1);

/// The network of a universe, as a test sees it: see [`Universe::network`](crate::Universe::network).
#[derive(Clone)]
pub struct Network(pub(crate) Rc<Net>);

/// A NAT box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatHandle(usize);

impl Network {
    fn assert_simulated(&self) {
        assert!(self.0.kernel.mode() == Mode::Simulated, "live has no faults of its own");
    }

    /// The network between two hosts, both ways.
    pub fn between(&self, a: &Host, b: &Host) -> Between {
        self.between_groups(std::slice::from_ref(a), std::slice::from_ref(b))
    }

    /// The network between the hosts of two groups, both ways.
    pub fn between_groups(&self, a: &[Host], b: &[Host]) -> Between {
        let (a_ids, b_ids) = (ids(a), ids(b));
        let mut ways = pairs(&a_ids, &b_ids);
        ways.extend(pairs(&b_ids, &a_ids));
        ways.dedup();
        let name = format!("the network between {} and {}", names(a), names(b));
        Between { network: self.clone(), ways: Ways::These(ways), name }
    }

    /// The network from one host to another, that way only.
    pub fn one_way(&self, from: &Host, to: &Host) -> Between {
        self.one_way_groups(std::slice::from_ref(from), std::slice::from_ref(to))
    }

    /// The network from the hosts of one group to those of another, that way only.
    pub fn one_way_groups(&self, from: &[Host], to: &[Host]) -> Between {
        let name = format!("the network from {} to {}", names(from), names(to));
        Between { network: self.clone(), ways: Ways::These(pairs(&ids(from), &ids(to))), name }
    }

    /// Every network, between any two hosts.
    pub fn everywhere(&self) -> Between {
        Between { network: self.clone(), ways: Ways::All, name: "every network".to_owned() }
    }

    /// The access networks that are known by name.
    pub fn profiles(&self) -> std::cell::RefMut<'_, Profiles> {
        self.0.profiles.borrow_mut()
    }

    /// Connects a host by the named access network: `"hotel wifi"`.
    ///
    /// # Errors
    /// There is none of that name; the error offers the nearest.
    pub fn put_on(&self, host: &Host, profile: &str) -> Result<FaultId, UnknownProfile> {
        self.assert_simulated();
        let profile = self.0.profiles.borrow().get(profile)?.clone();
        Ok(self.connect_by(host, &profile))
    }

    fn connect_by(&self, host: &Host, profile: &Profile) -> FaultId {
        let kernel = &self.0.kernel;
        let what = format!("{} is on {:?}", host.name(), profile.name);
        let fault = kernel.faults.install(what, FaultKind::Always, kernel.now());
        let build = |impairments: Vec<Impairment>| {
            let mut segment = Segment::default();
            for impairment in impairments {
                segment.install(fault, impairment).expect("a profile was checked when it was read");
            }
            segment
        };
        let access = Access::Profile { up: build(profile.up.impairments()), down: build(profile.down.impairments()) };
        self.0.wire.borrow_mut().attachment(host.id()).access = access;
        let event = kernel.world_event("access").on(host.id()).with("profile", profile.name.clone());
        kernel.record(event);
        fault
    }

    /// Moves a host to another access network, where it gets another address. Its sockets stay; its TCP connections
    /// don't survive, since nobody has the old address any more.
    ///
    /// # Errors
    /// There is no profile of that name.
    pub fn move_host(&self, host: &Host, profile: &str) -> Result<FaultId, UnknownProfile> {
        let fault = self.put_on(host, profile)?;
        let address = self.spare_address(host);
        self.0.readdress(&host.state(), address, None);
        Ok(fault)
    }

    /// An address that nobody has: 10.1.0.0/16 and up is kept for hosts that move.
    fn spare_address(&self, host: &Host) -> Ipv4Addr {
        let wire = self.0.wire.borrow();
        let index = u32::from(host.id().0) + 1;
        (1..=199u32)
            .map(|block| Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + (block << 16) + index))
            .find(|address| !wire.owners.contains_key(address))
            .expect("a host moves fewer than 199 times before its first address is free again")
    }

    /// Sets up a NAT box. `lifetime` is how long a UDP binding lasts without traffic from inside.
    pub fn nat(&self, name: &str, kind: NatKind, lifetime: Option<Duration>) -> NatHandle {
        self.assert_simulated();
        let mut wire = self.0.wire.borrow_mut();
        let index = wire.nats.len();
        let number = u8::try_from(index + 1).expect("a universe has at most 255 NAT boxes");
        let outside = Ipv4Addr::new(10, 200, 0, number);
        let mut behaviour = kind.behaviour();
        if let Some(lifetime) = lifetime {
            behaviour.udp_lifetime = lifetime;
        }
        let nat = Nat::new(outside, behaviour);
        wire.owners.insert(outside, Owner::Nat(index));
        wire.nats.push(NatBox { name: name.to_owned(), nat });
        drop(wire);
        let kernel = &self.0.kernel;
        let event = kernel.world_event("nat").with("name", name).with("kind", kind.to_string());
        kernel.record(event.with("address", outside.to_string()));
        NatHandle(index)
    }

    /// Puts a host behind a NAT box, with a private address.
    pub fn put_behind(&self, host: &Host, nat: NatHandle) {
        self.assert_simulated();
        let index = u32::from(host.id().0) + 1;
        // Each box has a private network of its own, so that no address is there twice.
        let private = u32::from(Ipv4Addr::new(172, 16, 0, 0)) + ((nat.0 as u32) << 12) + index;
        assert!(index < 4096 && nat.0 < 256, "172.16.0.0/12 holds 256 private networks of 4,095 hosts");
        self.0.readdress(&host.state(), Ipv4Addr::from(private), Some(nat.0));
    }

    /// A NAT box's outside address.
    pub fn nat_address(&self, nat: NatHandle) -> Ipv4Addr {
        self.0.wire.borrow().nats[nat.0].nat.external()
    }

    /// The NAT box forgets its bindings, as one that restarts does. It has hit if there was one to lose.
    pub fn forget_bindings(&self, nat: NatHandle) -> FaultId {
        let kernel = &self.0.kernel;
        let mut wire = self.0.wire.borrow_mut();
        let what = format!("{} forgets its bindings", wire.nats[nat.0].name);
        let fault = kernel.faults.install(what, FaultKind::Aimed, kernel.now());
        let lost = wire.nats[nat.0].nat.forget_bindings(kernel.now());
        for _ in 0..lost {
            kernel.faults.hit(fault);
        }
        drop(wire);
        kernel.record(kernel.world_event("nat-reset").with("bindings", lost));
        fault
    }

    /// Loses one packet: the `nth` from now on (1 is the next) that goes from one of `from` to one of `to` and
    /// `matches`. Empty groups mean anybody; repetitions count. `what` says it in words. While `matches` is asked the
    /// packet is on the wire: it can't ask the network for an address, say, and takes along what it needs.
    pub fn lose(
        &self,
        nth: u32,
        from: &[Host],
        to: &[Host],
        what: &str,
        matches: impl Fn(&Packet) -> bool + 'static,
    ) -> FaultId {
        self.assert_simulated();
        assert!(nth > 0, "packets are counted from one");
        let kernel = &self.0.kernel;
        let fault = kernel.faults.install(what, FaultKind::Aimed, kernel.now());
        let aim = Aim { fault, from: ids(from), to: ids(to), matches: Box::new(matches), countdown: nth };
        self.0.wire.borrow_mut().aims.push(aim);
        kernel.record(kernel.world_event("aimed-fault").with("what", what));
        fault
    }

    /// Whom a packet would reach that a host sends now from that port: through NAT boxes as they stand, unless the way is
    /// cut for everything. Nothing is sent, no binding is refreshed, and no chance is asked.
    pub fn would_reach(
        &self,
        from: &Host,
        from_port: u16,
        protocol: nat::Protocol,
        to: SocketAddrV4,
    ) -> Option<HostId> {
        let wire = self.0.wire.borrow();
        let now = self.0.kernel.now();
        let reached = match wire.owners.get(to.ip())? {
            Owner::Host(host) => *host,
            Owner::Nat(index) => {
                let remote = SocketAddrV4::new(wire.address(from.id()), from_port);
                let inside = wire.nats[*index].nat.leads_to(now, protocol, to, remote)?;
                match wire.owners.get(inside.ip())? {
                    Owner::Host(host) => *host,
                    Owner::Nat(_) => return None,
                }
            }
        };
        let is_cut =
            wire.cuts.get(&(from.id(), reached)).is_some_and(|cuts| cuts.iter().any(|cut| cut.only == Only::default()));
        (!is_cut).then_some(reached)
    }

    /// Lifts one cut, both ways if it has two, and says how many ways that were. What others cut stays cut.
    pub fn lift(&self, cut: FaultId) -> usize {
        let kernel = &self.0.kernel;
        let mut lifted = Vec::new();
        self.0.wire.borrow_mut().cuts.retain(|_, cuts| {
            cuts.retain(|one| {
                if one.fault == cut {
                    lifted.push(one.id);
                }
                one.fault != cut
            });
            !cuts.is_empty()
        });
        for id in &lifted {
            kernel.record(kernel.world_event("heal").with("cut", *id));
        }
        lifted.len()
    }

    /// Sets how long TCP waits for a peer that never answers.
    pub fn set_patience(&self, patience: Patience) {
        self.0.wire.borrow_mut().patience = patience;
    }

    /// How many packets became what.
    pub fn counts(&self) -> PacketCounts {
        self.0.wire.borrow().counts
    }

    /// Counts, or stops to count, packets by pairs of hosts: it costs a look-up a packet, and is on at first.
    pub fn count_pairs(&self, on: bool) {
        self.0.wire.borrow_mut().count_pairs = on;
    }

    /// Counts of the way from one host to another.
    pub fn counts_between(&self, from: &Host, to: &Host) -> PairCounts {
        self.0.wire.borrow().pair_counts(from.id(), to.id())
    }

    /// Adds an SRV record to DNS: `service` is `_sip._udp.example.test`, `target` a host's name.
    ///
    /// # Errors
    /// One of the names is none that DNS can write.
    pub fn announce(&self, service: &str, priority: u16, weight: u16, port: u16, target: &str) -> Result<(), DnsError> {
        let record = Service { priority, weight, port, target: target.to_owned(), ttl: 60 };
        self.0.zone.borrow_mut().srv(service, record)
    }

    /// Gives a name to an address, in DNS: a server that isn't one of the hosts, or another name of one that is.
    ///
    /// # Errors
    /// It is no name for DNS.
    pub fn name_address(&self, name: &str, address: Ipv4Addr) -> Result<(), DnsError> {
        self.0.zone.borrow_mut().a(name, address, 60)
    }

    /// Breaks a rule of the kernel, for the proof that an oracle notices.
    pub fn sabotage(&self, how: Sabotage) {
        self.0.wire.borrow_mut().sabotage = Some(how);
    }
}

fn ids(hosts: &[Host]) -> Vec<HostId> {
    hosts.iter().map(Host::id).collect()
}

fn names(hosts: &[Host]) -> String {
    hosts.iter().map(Host::name).collect::<Vec<_>>().join(", ")
}

fn pairs(from: &[HostId], to: &[HostId]) -> Vec<(HostId, HostId)> {
    from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))).filter(|(from, to)| from != to).collect()
}

enum Ways {
    These(Vec<(HostId, HostId)>),
    All,
}

/// A stretch of network, to be made worse, cut or healed. Faults add up.
///
/// ```
/// # #[cfg(tokio_unstable)]
/// busyhour::simulate(1, |u| async move {
///     let (a, b) = (u.host("a"), u.host("b"));
///     let between = u.network().between(&a, &b);
///     between.loses(0.05)?;
///     between.has_latency(std::time::Duration::from_millis(80))?;
///     # let socket = b.udp(9).await?;
///     # a.udp(0).await?.send_to(&b"x"[..], socket.local_addr()).await?;
///     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// })
/// .unwrap();
/// ```
pub struct Between {
    network: Network,
    ways: Ways,
    name: String,
}

impl Between {
    /// Loses packets with this probability.
    ///
    /// # Errors
    /// The probability isn't one.
    pub fn loses(&self, probability: f64) -> Result<FaultId, Impossible> {
        let what = format!("loses {} of packets", percent(probability));
        self.impair(&what, FaultKind::Random, &[Impairment::Loss(probability)])
    }

    /// Loses packets in bursts.
    ///
    /// # Errors
    /// One of the probabilities isn't one.
    pub fn loses_in_bursts(&self, model: GilbertElliott) -> Result<FaultId, Impossible> {
        self.impair("loses packets in bursts", FaultKind::Random, &[Impairment::Burst(model)])
    }

    /// Delivers packets twice with this probability.
    ///
    /// # Errors
    /// The probability isn't one.
    pub fn duplicates(&self, probability: f64) -> Result<FaultId, Impossible> {
        let what = format!("duplicates {} of packets", percent(probability));
        self.impair(&what, FaultKind::Random, &[Impairment::Duplicate(probability)])
    }

    /// Holds packets back with this probability, so that others overtake them.
    ///
    /// # Errors
    /// The probability isn't one.
    pub fn reorders(&self, probability: f64) -> Result<FaultId, Impossible> {
        let what = format!("reorders {} of packets", percent(probability));
        self.impair(&what, FaultKind::Random, &[Impairment::Reorder { probability, hold: HELD_BACK }])
    }

    /// Flips a bit of packets with this probability; the receiver drops them.
    ///
    /// # Errors
    /// The probability isn't one.
    pub fn corrupts(&self, probability: f64) -> Result<FaultId, Impossible> {
        let what = format!("corrupts {} of packets", percent(probability));
        self.impair(&what, FaultKind::Random, &[Impairment::Corrupt(probability)])
    }

    /// Adds latency.
    ///
    /// # Errors
    /// None today.
    pub fn has_latency(&self, latency: Duration) -> Result<FaultId, Impossible> {
        let what = format!("has {} latency", in_words(latency));
        self.impair(&what, FaultKind::Always, &[Impairment::Latency(latency)])
    }

    /// Adds latency that varies by up to `jitter` either way.
    ///
    /// # Errors
    /// None today.
    pub fn has_jitter(&self, latency: Duration, jitter: Duration) -> Result<FaultId, Impossible> {
        let what = format!("has {} latency and {} jitter", in_words(latency), in_words(jitter));
        self.impair(&what, FaultKind::Always, &[Impairment::Latency(latency), Impairment::Jitter(jitter)])
    }

    /// Carries no more than this, with a queue of one second in front.
    ///
    /// # Errors
    /// A line that carries nothing.
    pub fn carries_at_most(&self, bits_per_second: u64) -> Result<FaultId, Impossible> {
        let queue_bytes = (bits_per_second / 8 * QUEUE.as_secs()).max(3_000);
        self.carries_at_most_with_queue(bits_per_second, queue_bytes)
    }

    /// Carries no more than this, with a queue of so many bytes in front.
    ///
    /// # Errors
    /// A line that carries nothing.
    pub fn carries_at_most_with_queue(&self, bits_per_second: u64, queue_bytes: u64) -> Result<FaultId, Impossible> {
        let what = format!("carries at most {} kbit per second", bits_per_second as f64 / 1000.0);
        self.impair(&what, FaultKind::Random, &[Impairment::Bandwidth { bits_per_second, queue_bytes }])
    }

    /// Takes no packet larger than this; larger datagrams travel in fragments.
    ///
    /// # Errors
    /// Smaller than IPv4 allows.
    pub fn has_mtu(&self, bytes: u32) -> Result<FaultId, Impossible> {
        self.impair(&format!("takes packets of at most {bytes} bytes"), FaultKind::Random, &[Impairment::Mtu(bytes)])
    }

    fn impair(&self, what: &str, kind: FaultKind, impairments: &[Impairment]) -> Result<FaultId, Impossible> {
        self.network.assert_simulated();
        for impairment in impairments {
            impairment.check()?;
        }
        let kernel = &self.network.0.kernel;
        let what = format!("{} {what}", self.name);
        let fault = kernel.faults.install(what.clone(), kind, kernel.now());
        let mut wire = self.network.0.wire.borrow_mut();
        for impairment in impairments {
            match &self.ways {
                Ways::All => wire.impair_everywhere(fault, *impairment)?,
                Ways::These(ways) => {
                    for (from, to) in ways {
                        wire.impair(*from, *to, fault, *impairment)?;
                    }
                }
            }
        }
        drop(wire);
        kernel.record(kernel.world_event("impaired").with("what", what));
        Ok(fault)
    }

    /// Cuts it: nothing passes until it heals, and what is on its way is lost.
    pub fn cut(&self) -> FaultId {
        self.cut_only(Only::default())
    }

    /// Cuts it for some packets.
    pub fn cut_only(&self, only: Only) -> FaultId {
        self.network.assert_simulated();
        let kernel = &self.network.0.kernel;
        let mut what = match (only.protocol, only.port) {
            (None, None) => format!("{} is cut", self.name),
            (Some(protocol), None) => format!("{} is cut for {protocol}", self.name),
            (None, Some(port)) => format!("{} is cut for port {port}", self.name),
            (Some(protocol), Some(port)) => format!("{} is cut for {protocol} port {port}", self.name),
        };
        if let Some(port) = only.but_port {
            what.push_str(&format!(" but port {port}"));
        }
        let fault = kernel.faults.install(what, FaultKind::Aimed, kernel.now());
        for (from, to) in self.all_ways() {
            let mut wire = self.network.0.wire.borrow_mut();
            wire.next_cut += 1;
            let id = wire.next_cut;
            wire.cuts.entry((from, to)).or_default().push(Cut { id, fault, only });
            drop(wire);
            let mut event = kernel
                .world_event("cut")
                .with("cut", id)
                .with("from", vec![kernel.host_name(from)])
                .with("to", vec![kernel.host_name(to)]);
            if let Some(protocol) = only.protocol {
                event = event.with("protocol", protocol.to_string().to_lowercase());
            }
            if let Some(port) = only.port {
                event = event.with("port", port);
            }
            if let Some(port) = only.but_port {
                event = event.with("but_port", port);
            }
            kernel.record(event);
        }
        fault
    }

    /// Lifts every cut between the two, both ways, and says how many there were.
    pub fn heal(&self) -> usize {
        let kernel = &self.network.0.kernel;
        let mut ways = self.all_ways();
        ways.extend(ways.clone().into_iter().map(|(from, to)| (to, from)));
        let mut lifted = 0;
        for way in ways {
            let cuts = self.network.0.wire.borrow_mut().cuts.remove(&way).unwrap_or_default();
            lifted += cuts.len();
            for cut in cuts {
                kernel.record(kernel.world_event("heal").with("cut", cut.id));
            }
        }
        lifted
    }

    /// Packets that were lost on it so far, both ways where it has two.
    pub fn lost(&self) -> u64 {
        self.counts().iter().map(|counts| counts.lost).sum()
    }

    /// The counts of each of its ways.
    pub fn counts(&self) -> Vec<PairCounts> {
        let wire = self.network.0.wire.borrow();
        self.all_ways().into_iter().map(|(from, to)| wire.pair_counts(from, to)).collect()
    }

    fn all_ways(&self) -> Vec<(HostId, HostId)> {
        match &self.ways {
            Ways::These(ways) => ways.clone(),
            Ways::All => {
                let hosts: Vec<HostId> = self.network.0.kernel.cast().iter().map(|host| host.id()).collect();
                pairs(&hosts, &hosts)
            }
        }
    }
}

fn percent(probability: f64) -> String {
    format!("{}%", (probability * 1e6).round() / 1e4)
}
