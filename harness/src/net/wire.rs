//! The one wire that every packet crosses.
//!
//! A packet leaves its host, passes the sender's NAT box, is judged by the links on its path, waits on a heap of
//! deliveries until it's due, and reaches its receiver's socket; the taps see it leave, and see what became of it.
//! Due times are kept in nanoseconds and served in the order (due, sequence), although tokio's timers know whole
//! milliseconds only.
//!
//! TCP's segments are judged like any packet, but a lost one is tried again after its retransmission timeout, as the
//! sender's TCP would (RFC 6298): each attempt is a packet of its own. What arrives early waits in the receiver's
//! reassembly, so that the TCP above, which knows no gaps, sees segments in order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::trace::record::PacketCounts;
use crate::trace::{HostId, Loss, PacketId, PacketSeen, SimTime, Stage};
use crate::world::crash::{self, Happening};
use crate::world::{FaultId, HostState, Kernel, Power, Random};

use super::fault::{Aim, Cut, Sabotage};
use super::link::{Impairment, Impossible, Segment as Link, Touch, Verdict};
use super::nat::{self, Mapping, Nat};
use super::packet::{Body, DEFAULT_MTU, Fragment, IPV4_HEADER, Packet, Protocol, Segment, UDP_HEADER};
use super::udp::UdpPort;

/// How long the pieces of a datagram wait for each other (RFC 791 section 3.2 advises 15 s, Linux takes 30).
const REASSEMBLY: Duration = Duration::from_secs(30);
/// RFC 6298 section 5.7: a lost SYN is repeated after 1 s at first.
const SYN_RTO: Duration = Duration::from_secs(1);
/// Linux's smallest retransmission timeout; the path's round trip is added.
const DATA_RTO: Duration = Duration::from_millis(200);
/// Linux's largest.
const MAX_RTO: Duration = Duration::from_secs(120);

/// When TCP gives up on a peer that never answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// For an answer to a SYN: Linux's six repetitions end after 127 s.
    pub connect: Duration,
    /// For an acknowledgement of data: Linux's fifteen repetitions end after 924 s.
    pub data: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { connect: Duration::from_secs(127), data: Duration::from_secs(924) }
    }
}

/// Counts of one direction between two hosts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PairCounts {
    /// Put on the wire.
    pub sent: u64,
    /// Reached the other.
    pub arrived: u64,
    /// Never will.
    pub lost: u64,
    /// Second copies that the network made.
    pub copied: u64,
    /// Dropped by the receiver for a wrong checksum.
    pub corrupt: u64,
    /// Arrived behind a packet of the same flow that was sent later.
    pub overtaken: u64,
    newest_arrived: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Host(HostId),
    Nat(usize),
}

/// A host's place on the network.
pub(crate) struct Attachment {
    /// Its addresses; it sends from the first.
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// The NAT box that it sits behind.
    pub(crate) lan: Option<usize>,
    pub(crate) access: Access,
    pub(crate) ports: FxHashMap<u16, Rc<UdpPort>>,
    pub(crate) next_port: u16,
    pieces: BTreeMap<(SocketAddrV4, u16), Pieces>,
}

/// What connects a host to the network.
pub(crate) enum Access {
    /// A plain line: every packet takes this many nanoseconds each way. Most hosts have one, so it's worth a path of
    /// its own.
    Plain(u64),
    /// A line with faults of its own, away from the host and towards it.
    Profile { up: Link, down: Link },
}

impl Access {
    fn mtu(&self, up: bool) -> Option<u32> {
        match self {
            Access::Plain(_) => None,
            Access::Profile { up: link, .. } if up => link.mtu().map(|(mtu, _)| mtu),
            Access::Profile { down, .. } => down.mtu().map(|(mtu, _)| mtu),
        }
    }

    fn latency(&self, up: bool) -> Duration {
        match self {
            Access::Plain(nanos) => Duration::from_nanos(*nanos),
            Access::Profile { up: link, .. } if up => link.latency(),
            Access::Profile { down, .. } => down.latency(),
        }
    }
}

struct Pieces {
    got: Vec<(u32, u32)>,
    total: Option<u32>,
    until: SimTime,
}

pub(crate) struct NatBox {
    pub(crate) name: String,
    pub(crate) nat: Nat,
}

/// One direction of a TCP connection, as its sender names it.
type Flow = (SocketAddrV4, SocketAddrV4);

struct FlowState {
    /// Which connection of these two ends it is: what is still on its way from the one before isn't of this.
    connection: u64,
    sender: HostId,
    /// Whoever has got something of it, and the connection's ends as the receiver names them, itself first; unknown
    /// until then, since a NAT box may stand in front.
    receiver: Option<(HostId, Flow)>,
    /// The number of the next segment to be sent, and of the next to be handed to the receiver's TCP.
    next_sent: u64,
    next_delivered: u64,
    early: BTreeMap<u64, Packet>,
    /// How far the receiver has acknowledged, as far as the sender knows.
    acknowledged: Option<u32>,
    /// The newest segment that wants an acknowledgement, until it has one.
    unacknowledged: Option<(Packet, TcpAttempt)>,
    /// The sender reset the connection, gave up or crashed: nothing of it is repeated.
    dead: bool,
    /// The receiver crashed: what still comes meets a TCP that knows nothing of the connection.
    forgotten: bool,
    finished: bool,
}

#[derive(Clone, Copy)]
struct TcpAttempt {
    flow: Flow,
    connection: u64,
    number: u64,
    attempt: u32,
    first_sent: SimTime,
    rto: Duration,
}

struct Flight {
    packet: Packet,
    from: Option<(HostId, u32)>,
    to: HostId,
    /// Where it goes behind the receiver's NAT box; `packet.dst` elsewhere.
    inside: SocketAddrV4,
    tcp: Option<TcpAttempt>,
    copy: bool,
    /// A lost segment's next attempt rather than an arrival.
    retry: bool,
}

impl FlowState {
    fn new(connection: u64, sender: HostId) -> FlowState {
        FlowState {
            connection,
            sender,
            receiver: None,
            next_sent: 0,
            next_delivered: 0,
            early: BTreeMap::new(),
            acknowledged: None,
            unacknowledged: None,
            dead: false,
            forgotten: false,
            finished: false,
        }
    }

    /// An acknowledgement has come back.
    fn acknowledge(&mut self, ack: u32) {
        // Sequence numbers wrap around: half of them are behind each.
        if self.acknowledged.is_none_or(|before| ack.wrapping_sub(before) < 1 << 31) {
            self.acknowledged = Some(ack);
        }
        if self.unacknowledged.as_ref().and_then(|(sent, _)| sent.segment()).is_some_and(|sent| self.has_ack_of(sent)) {
            self.unacknowledged = None;
        }
    }

    fn has_ack_of(&self, segment: &Segment) -> bool {
        self.acknowledged.is_some_and(|ack| segment.is_covered_by(ack))
    }
}

/// What the TCP stacks must be told; collected while the wire is busy.
pub(crate) enum ForTcp {
    Deliver { host: HostId, packet: Packet },
    GaveUp { host: HostId, packet: Packet },
}

pub(crate) struct Wire {
    kernel: Rc<Kernel>,
    queue: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<Option<Flight>>,
    free: Vec<u32>,
    sequence: u64,
    next_id: u64,
    next_ident: u16,
    pub(crate) owners: FxHashMap<Ipv4Addr, Owner>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) nats: Vec<NatBox>,
    pub(crate) cuts: BTreeMap<(HostId, HostId), Vec<Cut>>,
    pub(crate) next_cut: u32,
    pub(crate) aims: Vec<Aim>,
    /// Impairments between two hosts, one way, beside those of their access links.
    overlays: BTreeMap<(HostId, HostId), Link>,
    everywhere: Vec<(FaultId, Impairment)>,
    flows: FxHashMap<Flow, FlowState>,
    next_connection: u64,
    pub(crate) patience: Patience,
    network: Random,
    nat_ports: Random,
    verdict: Verdict,
    pub(crate) counts: PacketCounts,
    pairs: BTreeMap<(HostId, HostId), PairCounts>,
    /// Pairs are counted once somebody asks for them or installs a fault: it costs a look-up a packet.
    pub(crate) count_pairs: bool,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) for_tcp: Vec<ForTcp>,
    /// What is to be taken at once; collected while the wire is busy.
    pub(crate) for_takers: VecDeque<(Rc<UdpPort>, SocketAddrV4, Bytes)>,
    asleep: BTreeMap<HostId, Vec<Flight>>,
    /// Losses that aren't told yet, since something that was due before them hasn't been moved.
    untold: VecDeque<Untold>,
    bytes: Vec<u8>,
}

/// A packet that was lost as it was sent.
struct Untold {
    at: SimTime,
    packet: Packet,
    from: Option<HostId>,
    to: Option<HostId>,
    loss: Loss,
}

impl Wire {
    pub(crate) fn new(kernel: Rc<Kernel>) -> Wire {
        let network = kernel.stream("network");
        let nat_ports = kernel.stream("nat ports");
        Wire {
            kernel,
            queue: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            sequence: 0,
            next_id: 0,
            next_ident: 0,
            owners: FxHashMap::default(),
            attachments: Vec::new(),
            nats: Vec::new(),
            cuts: BTreeMap::new(),
            next_cut: 0,
            aims: Vec::new(),
            overlays: BTreeMap::new(),
            everywhere: Vec::new(),
            flows: FxHashMap::default(),
            next_connection: 0,
            patience: Patience::default(),
            network,
            nat_ports,
            verdict: Verdict::default(),
            counts: PacketCounts::default(),
            pairs: BTreeMap::new(),
            count_pairs: true,
            sabotage: None,
            for_tcp: Vec::new(),
            for_takers: VecDeque::new(),
            asleep: BTreeMap::new(),
            untold: VecDeque::new(),
            bytes: Vec::new(),
        }
    }

    pub(crate) fn attach(&mut self, host: HostId, address: Ipv4Addr, access: Access) {
        assert_eq!(usize::from(host.0), self.attachments.len(), "hosts join in order");
        let before = self.owners.insert(address, Owner::Host(host));
        assert!(before.is_none(), "{address} is taken");
        self.attachments.push(Attachment {
            addresses: vec![address],
            lan: None,
            access,
            ports: FxHashMap::default(),
            next_port: 49_152,
            pieces: BTreeMap::new(),
        });
    }

    pub(crate) fn attachment(&mut self, host: HostId) -> &mut Attachment {
        &mut self.attachments[usize::from(host.0)]
    }

    pub(crate) fn address(&self, host: HostId) -> Ipv4Addr {
        self.attachments[usize::from(host.0)].addresses[0]
    }

    /// When the next thing is due.
    pub(crate) fn next_due(&self) -> Option<SimTime> {
        self.queue.peek().map(|Reverse((due, ..))| SimTime(*due))
    }

    // --- sending -------------------------------------------------------------------------------------------------

    /// A datagram leaves `host`. A large one leaves in fragments.
    pub(crate) fn send_udp(&mut self, host: &HostState, src: SocketAddrV4, dst: SocketAddrV4, payload: Bytes) {
        let now = self.kernel.now();
        self.next_ident = self.next_ident.wrapping_add(1);
        let packet = Packet {
            id: PacketId(0),
            src,
            dst,
            ident: self.next_ident,
            body: Body::Udp(payload),
            fragment: None,
            corrupt: None,
        };
        let from = Some((host.id(), host.epoch()));
        if packet.size() > 576 {
            let mtu = self.path_mtu(host.id(), dst);
            if packet.size() > mtu {
                return self.send_fragments(now, packet, mtu, from);
            }
        }
        self.launch(now, packet, from, None);
    }

    fn path_mtu(&mut self, from: HostId, dst: SocketAddrV4) -> u32 {
        let mut mtu = self.attachment(from).access.mtu(true).unwrap_or(DEFAULT_MTU);
        if let Some(Owner::Host(to)) = self.owners.get(dst.ip()).copied() {
            mtu = mtu.min(self.path_mtu_between(from, to));
        }
        mtu
    }

    fn path_mtu_between(&mut self, from: HostId, to: HostId) -> u32 {
        let ends = [self.attachment(from).access.mtu(true), self.attachment(to).access.mtu(false)];
        let between = self.overlay(from, to).and_then(|overlay| overlay.mtu()).map(|(mtu, _)| mtu);
        ends.into_iter().chain([between]).flatten().fold(DEFAULT_MTU, u32::min)
    }

    fn send_fragments(&mut self, now: SimTime, packet: Packet, mtu: u32, from: Option<(HostId, u32)>) {
        let total = (UDP_HEADER + packet.payload().len()) as u32;
        // RFC 791: every fragment but the last carries a multiple of eight bytes.
        let step = ((mtu - IPV4_HEADER as u32) & !7).max(8);
        let mut offset = 0;
        while offset < total {
            let length = step.min(total - offset);
            let more = offset + length < total;
            let piece = Packet { fragment: Some(Fragment { offset, length, more }), ..packet.clone() };
            self.launch(now, piece, from, None);
            offset += length;
        }
    }

    /// A TCP segment leaves `host`.
    pub(crate) fn send_tcp(&mut self, host: &HostState, src: SocketAddrV4, dst: SocketAddrV4, segment: Segment) {
        let now = self.kernel.now();
        if host.power() == Power::Down {
            return;
        }
        let flow = (src, dst);
        let resets = segment.flags.rst;
        let finishes = segment.flags.fin;
        if segment.flags.syn {
            self.flows.remove(&flow);
        }
        let next_connection = &mut self.next_connection;
        let state = self.flows.entry(flow).or_insert_with(|| {
            *next_connection += 1;
            FlowState::new(*next_connection, host.id())
        });
        let connection = state.connection;
        let number = state.next_sent;
        state.next_sent += 1;
        state.dead |= resets;
        state.finished |= finishes;
        let tcp = TcpAttempt { flow, connection, number, attempt: 0, first_sent: now, rto: Duration::ZERO };
        self.next_ident = self.next_ident.wrapping_add(1);
        let packet = Packet {
            id: PacketId(0),
            src,
            dst,
            ident: self.next_ident,
            body: Body::Tcp(segment),
            fragment: None,
            corrupt: None,
        };
        if packet.segment().is_some_and(Segment::wants_ack) {
            state.unacknowledged = Some((packet.clone(), tcp));
        }
        let from = Some((host.id(), host.epoch()));
        if host.power() == Power::Asleep {
            // What was written as the lid closed isn't forgotten: the stack sends it on waking.
            let flight = Flight { inside: dst, packet, from, to: host.id(), tcp: Some(tcp), copy: false, retry: true };
            self.asleep.entry(host.id()).or_default().push(flight);
            return;
        }
        self.launch(now, packet, from, Some(tcp));
    }

    /// The sender has dropped the connection without a word: nothing of it is repeated.
    pub(crate) fn abandon(&mut self, flow: Flow) {
        if let Some(state) = self.flows.get_mut(&flow) {
            state.dead = true;
        }
    }

    /// The connection that an attempt belongs to, unless its sender has done with it.
    fn living_flow(&self, tcp: &TcpAttempt) -> Option<&FlowState> {
        self.flows.get(&tcp.flow).filter(|flow| flow.connection == tcp.connection && !flow.dead)
    }

    /// Puts a packet on the wire: numbers it, shows it to the taps, judges it, and schedules what becomes of it.
    fn launch(&mut self, now: SimTime, mut packet: Packet, from: Option<(HostId, u32)>, tcp: Option<TcpAttempt>) {
        packet.id = self.take_id();
        let sender = from.map(|(host, _)| host);
        self.note_sent(now, &packet, sender);

        let (to, inside) = match self.route(now, &mut packet, sender) {
            Ok(target) => target,
            Err(loss) => {
                self.lose_at_once(now, &packet, sender, None, loss);
                self.retry_later(now, packet, from, tcp, None);
                return;
            }
        };
        if self.sabotage == Some(Sabotage::DeliverUnsent) {
            self.forge_arrival(now, &packet, from, to, inside);
        }
        if !self.aims.is_empty() && self.aimed_at(&packet, sender, to) {
            self.lose_at_once(now, &packet, sender, Some(to), Loss::Aimed);
            self.retry_later(now, packet, from, tcp, Some(to));
            return;
        }
        if self.is_cut(&packet, sender, to) {
            self.lose_at_once(now, &packet, sender, Some(to), Loss::Cut);
            self.retry_later(now, packet, from, tcp, Some(to));
            return;
        }

        let mut verdict = std::mem::take(&mut self.verdict);
        verdict.clear();
        self.judge(now, &packet, sender, to, &mut verdict);
        for &(fault, touch) in &verdict.touches {
            match touch {
                Touch::Hit => self.kernel.faults.hit(fault),
                Touch::Spared => self.kernel.faults.spare(fault),
            }
        }
        if let Some((loss, _)) = verdict.lost {
            self.verdict = verdict;
            self.lose_at_once(now, &packet, sender, Some(to), loss);
            self.retry_later(now, packet, from, tcp, Some(to));
            return;
        }
        let due = now + Duration::from_nanos(verdict.delay_ns);
        for _ in 0..verdict.copies {
            let mut second = packet.clone();
            second.id = self.take_id();
            self.note_copied(now, &second, packet.id, sender, to);
            self.schedule(due, Flight { packet: second, from, to, inside, tcp, copy: true, retry: false });
        }
        packet.corrupt = verdict.corrupt.map(|corruption| corruption.seed as u32);
        self.verdict = verdict;
        self.schedule(due, Flight { packet, from, to, inside, tcp, copy: false, retry: false });
    }

    /// Finds the receiver, passing the sender's NAT box on the way out and the receiver's on the way in.
    fn route(
        &mut self,
        now: SimTime,
        packet: &mut Packet,
        sender: Option<HostId>,
    ) -> Result<(HostId, SocketAddrV4), Loss> {
        let lan = sender.and_then(|host| self.attachments[usize::from(host.0)].lan);
        if let Some(host) = sender
            && !self.attachments[usize::from(host.0)].addresses.contains(packet.src.ip())
        {
            return Err(Loss::AddressGone);
        }
        let owner = self.owners.get(packet.dst.ip()).copied().ok_or(Loss::NoRoute)?;
        if let Owner::Host(to) = owner {
            let to_lan = self.attachments[usize::from(to.0)].lan;
            if to_lan == lan {
                return Ok((to, packet.dst));
            }
            if to_lan.is_some() {
                // A private address means nothing outside its own network.
                return Err(Loss::NoRoute);
            }
        }
        let protocol = match packet.protocol() {
            Protocol::Tcp => nat::Protocol::Tcp,
            Protocol::Udp | Protocol::Icmp => nat::Protocol::Udp,
        };
        if let Some(lan) = lan {
            let nat = &mut self.nats[lan].nat;
            if owner == Owner::Nat(lan) && nat.behaviour().mapping != Mapping::EndpointIndependent {
                // RFC 4787 REQ-9: such a box has no address that its own hosts could be reached at from inside.
                return Err(Loss::NatRefused);
            }
            if let Body::PortUnreachable { dst, .. } = &mut packet.body {
                // The quoted datagram was addressed to the outside of the binding; its inside is our sender.
                let inside = SocketAddrV4::new(*packet.src.ip(), dst.port());
                *dst = nat
                    .outbound(now, protocol, inside, packet.dst, &mut self.nat_ports)
                    .map_err(|_| Loss::NatRefused)?;
                packet.src = SocketAddrV4::new(*dst.ip(), packet.src.port());
            } else {
                packet.src = nat
                    .outbound(now, protocol, packet.src, packet.dst, &mut self.nat_ports)
                    .map_err(|_| Loss::NatRefused)?;
            }
        }
        match owner {
            Owner::Host(to) => Ok((to, packet.dst)),
            Owner::Nat(nat) => {
                let about = match &packet.body {
                    Body::PortUnreachable { dst, .. } => *dst,
                    _ => packet.src,
                };
                let inside =
                    self.nats[nat].nat.inbound(now, protocol, packet.dst, about).map_err(|_| Loss::NatRefused)?;
                match self.owners.get(inside.ip()) {
                    Some(Owner::Host(to)) => Ok((*to, inside)),
                    _ => Err(Loss::NoRoute),
                }
            }
        }
    }

    fn judge(&mut self, now: SimTime, packet: &Packet, from: Option<HostId>, to: HostId, verdict: &mut Verdict) {
        let Some(from) = from.filter(|from| *from != to) else { return };
        let mut size = packet.size();
        if packet.protocol() == Protocol::Tcp && size > 576 {
            // A TCP would have made its segments fit: an MTU is no fault to it.
            size = size.min(self.path_mtu_between(from, to));
        }
        let between = !(self.overlays.is_empty() && self.everywhere.is_empty());
        match &mut self.attachments[usize::from(from.0)].access {
            Access::Plain(nanos) => verdict.delay_ns += *nanos,
            Access::Profile { up, .. } => up.pass(now, size, &mut self.network, verdict),
        }
        if between {
            let overlay = overlay_of(&mut self.overlays, &self.everywhere, from, to);
            overlay.pass(now, size, &mut self.network, verdict);
        }
        match &mut self.attachments[usize::from(to.0)].access {
            Access::Plain(nanos) => verdict.delay_ns += *nanos,
            Access::Profile { down, .. } => down.pass(now, size, &mut self.network, verdict),
        }
    }

    fn overlay(&mut self, from: HostId, to: HostId) -> Option<&mut Link> {
        if self.overlays.is_empty() && self.everywhere.is_empty() {
            return None;
        }
        Some(overlay_of(&mut self.overlays, &self.everywhere, from, to))
    }

    /// Impairs the way from one host to another.
    pub(crate) fn impair(
        &mut self,
        from: HostId,
        to: HostId,
        fault: FaultId,
        impairment: Impairment,
    ) -> Result<(), Impossible> {
        overlay_of(&mut self.overlays, &self.everywhere, from, to).install(fault, impairment)
    }

    /// Impairs every way between two hosts, those of hosts that join later included.
    pub(crate) fn impair_everywhere(&mut self, fault: FaultId, impairment: Impairment) -> Result<(), Impossible> {
        impairment.check()?;
        for overlay in self.overlays.values_mut() {
            overlay.install(fault, impairment)?;
        }
        self.everywhere.push((fault, impairment));
        Ok(())
    }

    fn aimed_at(&mut self, packet: &Packet, from: Option<HostId>, to: HostId) -> bool {
        let mut struck = false;
        for aim in &mut self.aims {
            if let Some(fault) = aim.meets(packet, from, to) {
                self.kernel.faults.hit(fault);
                struck = true;
            }
        }
        self.aims.retain(|aim| !aim.is_spent());
        struck
    }

    fn is_cut(&self, packet: &Packet, from: Option<HostId>, to: HostId) -> bool {
        if self.cuts.is_empty() || self.sabotage == Some(Sabotage::LeakThroughCuts) {
            return false;
        }
        let Some(cuts) = from.and_then(|from| self.cuts.get(&(from, to))) else { return false };
        let mut cut = false;
        for one in cuts.iter().filter(|one| one.stops(packet)) {
            self.kernel.faults.hit(one.fault);
            cut = true;
        }
        cut
    }

    fn schedule(&mut self, due: SimTime, flight: Flight) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(flight);
                slot
            }
            None => {
                self.slots.push(Some(flight));
                (self.slots.len() - 1) as u32
            }
        };
        self.sequence += 1;
        self.queue.push(Reverse((due.0, self.sequence, slot)));
    }

    /// A lost TCP segment is sent again when its timeout has run out; a lost datagram is gone.
    fn retry_later(
        &mut self,
        now: SimTime,
        packet: Packet,
        from: Option<(HostId, u32)>,
        tcp: Option<TcpAttempt>,
        to: Option<HostId>,
    ) {
        let (Some(mut tcp), Some((host, _)), Some(segment)) = (tcp, from, packet.segment()) else { return };
        if segment.flags.rst {
            // It isn't acknowledged, so nobody would know that it's missing: whoever it was for asks again.
            self.repeat_what_reached(now, host, Some(tcp.flow));
            return;
        }
        if self.living_flow(&tcp).is_none() {
            return;
        }
        let limit = if segment.flags.syn { self.patience.connect } else { self.patience.data };
        tcp.rto = if tcp.attempt > 0 {
            (tcp.rto * 2).min(MAX_RTO)
        } else if segment.flags.syn {
            SYN_RTO
        } else {
            DATA_RTO + to.map_or(Duration::ZERO, |to| self.round_trip(host, to))
        };
        tcp.attempt += 1;
        // The repetition is the sender's own packet again: as it left, before any NAT box.
        let packet = Packet { src: tcp.flow.0, dst: tcp.flow.1, corrupt: None, ..packet };
        if now + tcp.rto > tcp.first_sent + limit {
            let wait = (tcp.first_sent + limit).since(now);
            tcp.rto = Duration::MAX;
            let flight =
                Flight { inside: packet.dst, packet, from, to: host, tcp: Some(tcp), copy: false, retry: true };
            self.schedule(now + wait, flight);
            return;
        }
        let flight = Flight { inside: packet.dst, packet, from, to: host, tcp: Some(tcp), copy: false, retry: true };
        self.schedule(now + tcp.rto, flight);
    }

    fn round_trip(&mut self, a: HostId, b: HostId) -> Duration {
        let way = |wire: &mut Wire, from: HostId, to: HostId| {
            let ends = wire.attachment(from).access.latency(true) + wire.attachment(to).access.latency(false);
            ends + wire.overlay(from, to).map_or(Duration::ZERO, |overlay| overlay.latency())
        };
        way(self, a, b) + way(self, b, a)
    }

    // --- what is due ---------------------------------------------------------------------------------------------

    /// Takes the next thing that's due by `now` through; false if nothing is.
    pub(crate) fn step(&mut self, now: SimTime) -> bool {
        let next = self.next_due();
        if self.untold.front().is_some_and(|lost| next.is_none_or(|next| next >= lost.at)) {
            return self.tell_loss();
        }
        let Some(&Reverse((due, _, slot))) = self.queue.peek() else { return false };
        if due > now.0 {
            return false;
        }
        self.queue.pop();
        let flight = self.slots[slot as usize].take().expect("a queued slot holds a flight");
        self.free.push(slot);
        if flight.retry {
            self.try_again(SimTime(due), flight);
        } else {
            self.arrive(SimTime(due), flight);
        }
        true
    }

    /// A packet is lost as it's sent. Tasks wake at whole milliseconds, and what was due within the last one may not be
    /// moved yet: that comes first, so that nobody at a tap sees time go backwards.
    fn lose_at_once(&mut self, at: SimTime, packet: &Packet, from: Option<HostId>, to: Option<HostId>, loss: Loss) {
        if self.untold.is_empty() && self.next_due().is_none_or(|next| next >= at) {
            return self.note_lost(at, packet, from, to, loss);
        }
        self.untold.push_back(Untold { at, packet: packet.clone(), from, to, loss });
    }

    fn tell_loss(&mut self) -> bool {
        let Some(Untold { at, packet, from, to, loss }) = self.untold.pop_front() else { return false };
        self.note_lost(at, &packet, from, to, loss);
        true
    }

    fn try_again(&mut self, now: SimTime, flight: Flight) {
        let (Some((host, epoch)), Some(tcp)) = (flight.from, flight.tcp) else { return };
        let state = self.kernel.host(host);
        let Some(flow) = self.living_flow(&tcp) else { return };
        // A copy of it may have come through, or an acknowledgement that was late.
        let needless = flight.packet.segment().is_some_and(|segment| segment.wants_ack() && flow.has_ack_of(segment));
        if state.epoch() != epoch || needless {
            return;
        }
        if state.power() == Power::Asleep {
            self.asleep.entry(host).or_default().push(flight);
            return;
        }
        if tcp.rto == Duration::MAX {
            self.abandon(tcp.flow);
            self.repeat_what_reached(now, host, Some(tcp.flow));
            self.for_tcp.push(ForTcp::GaveUp { host, packet: flight.packet });
            return;
        }
        self.launch(now, flight.packet, flight.from, flight.tcp);
    }

    fn arrive(&mut self, at: SimTime, mut flight: Flight) {
        let sender = flight.from.map(|(host, _)| host);
        let to = flight.to;
        let loss = match self.kernel.power_of(to) {
            Power::Down if self.sabotage != Some(Sabotage::DeliverToTheDead) => Some(Loss::HostDown),
            Power::Asleep => Some(Loss::HostAsleep),
            _ if self.is_cut(&flight.packet, sender, to) => Some(Loss::Cut),
            _ if flight.packet.corrupt.is_some() => Some(Loss::Corrupt),
            _ => None,
        };
        if let Some(loss) = loss {
            self.note_lost(at, &flight.packet, sender, Some(to), loss);
            // Nobody repeats a bare acknowledgement: here a repetition stands for the one that the receiver's own
            // repeated data would have called for, and a receiver that's down sends none.
            let in_vain = loss == Loss::HostDown && flight.packet.segment().is_some_and(Segment::is_bare_ack);
            if !flight.copy && !in_vain {
                self.retry_later(at, flight.packet, flight.from, flight.tcp, Some(to));
            }
            return;
        }
        match &flight.packet.body {
            Body::Udp(_) => self.arrive_udp(at, flight, sender),
            Body::Tcp(_) => {
                // It's shown as it reaches the host: a NAT box has put the inside address in.
                let outside = std::mem::replace(&mut flight.packet.dst, flight.inside);
                self.note_arrived(at, &flight.packet, sender, to);
                flight.packet.dst = outside;
                self.reassemble(flight);
            }
            Body::PortUnreachable { src, dst } => {
                self.note_arrived(at, &flight.packet, sender, to);
                // Through a NAT box the socket is the one behind the binding.
                let port = if flight.inside.port() == 0 { src.port() } else { flight.inside.port() };
                if let Some(socket) = self.attachments[usize::from(to.0)].ports.get(&port) {
                    socket.refuse(*dst);
                }
            }
        }
    }

    fn arrive_udp(&mut self, at: SimTime, flight: Flight, sender: Option<HostId>) {
        let to = flight.to;
        let mut packet = flight.packet;
        if let Some(fragment) = packet.fragment
            && !self.collect(at, to, &packet, fragment)
        {
            packet.dst = flight.inside;
            self.note_arrived(at, &packet, sender, to);
            return;
        }
        // Of a datagram in fragments, the last to come has the fate of the whole.
        match self.socket_for(to, flight.inside, &packet) {
            Ok(socket) => {
                packet.dst = flight.inside;
                self.note_arrived(at, &packet, sender, to);
                let Body::Udp(payload) = packet.body else { unreachable!("it's a datagram") };
                if socket.has_taker() {
                    self.for_takers.push_back((socket, packet.src, payload));
                } else {
                    socket.push(packet.src, payload);
                }
            }
            Err(loss) => {
                self.note_lost(at, &packet, sender, Some(to), loss);
                if loss == Loss::NoSocket {
                    self.answer_unreachable(at, to, flight.inside, &packet);
                }
            }
        }
    }

    /// Whose a datagram is, if he takes it.
    fn socket_for(&self, to: HostId, inside: SocketAddrV4, packet: &Packet) -> Result<Rc<UdpPort>, Loss> {
        let ports = &self.attachments[usize::from(to.0)].ports;
        let socket = ports.get(&inside.port()).filter(|socket| socket.takes(*inside.ip())).ok_or(Loss::NoSocket)?;
        socket.wants(packet.src, packet.payload().len())?;
        Ok(socket.clone())
    }

    /// RFC 1122 section 4.1.3.1: a datagram to a port that nobody listens on is answered.
    fn answer_unreachable(&mut self, at: SimTime, host: HostId, inside: SocketAddrV4, about: &Packet) {
        let body = Body::PortUnreachable { src: about.src, dst: inside };
        let packet = Packet {
            id: PacketId(0),
            src: SocketAddrV4::new(*inside.ip(), 0),
            dst: about.src,
            ident: 0,
            body,
            fragment: None,
            corrupt: None,
        };
        let epoch = self.kernel.host(host).epoch();
        self.launch(at, packet, Some((host, epoch)), None);
    }

    /// Keeps a fragment; true once the datagram is whole.
    fn collect(&mut self, at: SimTime, to: HostId, packet: &Packet, fragment: Fragment) -> bool {
        let pieces = &mut self.attachment(to).pieces;
        pieces.retain(|_, waiting| waiting.until > at);
        let key = (packet.src, packet.ident);
        let waiting =
            pieces.entry(key).or_insert_with(|| Pieces { got: Vec::new(), total: None, until: at + REASSEMBLY });
        let piece = (fragment.offset, fragment.length);
        if !waiting.got.contains(&piece) {
            waiting.got.push(piece);
        }
        if !fragment.more {
            waiting.total = Some(fragment.offset + fragment.length);
        }
        let have: u32 = waiting.got.iter().map(|(_, length)| length).sum();
        if waiting.total == Some(have) {
            pieces.remove(&key);
            return true;
        }
        false
    }

    /// Hands a segment to the receiver's TCP once all before it have been.
    fn reassemble(&mut self, flight: Flight) {
        let Some(tcp) = flight.tcp else { return };
        let mut packet = flight.packet;
        packet.dst = flight.inside;
        let host = flight.to;
        let segment = packet.segment().expect("only TCP is put together again");
        let (flags, ack) = (segment.flags, segment.ack);
        if flags.ack
            && let Some(back) = self.flows.get_mut(&(packet.dst, packet.src))
        {
            back.acknowledge(ack);
        }
        let Some(flow) = self.flows.get_mut(&tcp.flow).filter(|flow| flow.connection == tcp.connection) else { return };
        flow.receiver = Some((host, (packet.dst, packet.src)));
        if flow.forgotten && flags.syn {
            // The receiver's next life: as far as it knows, this is where the connection begins.
            flow.forgotten = false;
            flow.next_delivered = tcp.number;
        }
        if flags.rst {
            self.flows.remove(&tcp.flow);
            self.abandon((packet.dst, packet.src));
            self.for_tcp.push(ForTcp::Deliver { host, packet });
            return;
        }
        if flow.forgotten {
            self.for_tcp.push(ForTcp::Deliver { host, packet });
            return;
        }
        if tcp.number < flow.next_delivered {
            // A copy of what the receiver has: TCP drops it.
            return;
        }
        flow.early.insert(tcp.number, packet);
        while let Some(packet) = flow.early.remove(&flow.next_delivered) {
            flow.next_delivered += 1;
            self.for_tcp.push(ForTcp::Deliver { host, packet });
        }
        if flow.finished && flow.next_delivered == flow.next_sent {
            self.flows.remove(&tcp.flow);
        }
    }

    // --- hosts come and go ---------------------------------------------------------------------------------------

    /// The host lost power: its sockets close, what it sent before is on its way already, the rest never leaves.
    pub(crate) fn crashed(&mut self, host: HostId) {
        let attachment = self.attachment(host);
        // The order doesn't matter: closing wakes tasks that are about to be dropped.
        let mut ports: Vec<_> = attachment.ports.drain().collect();
        ports.sort_by_key(|(port, _)| *port);
        for (_, socket) in ports {
            socket.close();
        }
        attachment.pieces.clear();
        attachment.next_port = 49_152;
        self.asleep.remove(&host);
        for state in self.flows.values_mut().filter(|state| state.sender == host) {
            state.dead = true;
        }
        self.repeat_what_reached(self.kernel.now(), host, None);
    }

    /// The TCP of `host` knows nothing any more of the connection that it names so, or of any: it has crashed, given up,
    /// or reset it. What has arrived isn't repeated by itself; but the answer to it may be lost, and now for good: so
    /// whoever still waits for one asks again.
    fn repeat_what_reached(&mut self, now: SimTime, host: HostId, which: Option<Flow>) {
        let mut unanswered = Vec::new();
        for state in self.flows.values_mut() {
            let Some((receiver, ends)) = state.receiver else { continue };
            if receiver != host || which.is_some_and(|which| which != ends) {
                continue;
            }
            let arrived = |number: u64| number < state.next_delivered || state.early.contains_key(&number);
            if let Some((packet, tcp)) = state.unacknowledged.as_ref().filter(|(_, tcp)| arrived(tcp.number)) {
                unanswered.push((state.sender, packet.clone(), *tcp));
            }
            state.forgotten = true;
            state.early.clear();
        }
        // The map's order mustn't be seen.
        unanswered.sort_by_key(|(.., tcp)| tcp.connection);
        for (sender, packet, tcp) in unanswered {
            let from = Some((sender, self.kernel.host(sender).epoch()));
            self.retry_later(now, packet, from, Some(tcp), Some(host));
        }
    }

    /// The lid is open again: repetitions whose time came while it was closed go out now.
    pub(crate) fn resumed(&mut self, host: HostId) {
        let now = self.kernel.now();
        for mut flight in self.asleep.remove(&host).unwrap_or_default() {
            if let Some(tcp) = flight.tcp.as_mut().filter(|tcp| tcp.attempt == 0) {
                // It was never sent, so nobody has waited for its acknowledgement yet.
                tcp.first_sent = now;
            }
            self.schedule(now, flight);
        }
    }

    /// The run is over: what's still on its way is accounted for.
    pub(crate) fn finish(&mut self, now: SimTime) {
        // A predicate may hold on to the universe, which would hold on to it.
        self.aims.clear();
        while self.tell_loss() {}
        while let Some(Reverse((_, _, slot))) = self.queue.pop() {
            let flight = self.slots[slot as usize].take().expect("a queued slot holds a flight");
            if !flight.retry {
                let sender = flight.from.map(|(host, _)| host);
                self.note_lost(now, &flight.packet, sender, Some(flight.to), Loss::StillInFlight);
            }
        }
    }

    // --- taps and counts -----------------------------------------------------------------------------------------

    fn take_id(&mut self) -> PacketId {
        self.next_id += 1;
        PacketId(self.next_id)
    }

    fn note_sent(&mut self, now: SimTime, packet: &Packet, from: Option<HostId>) {
        self.counts.sent += 1;
        if let Some(host) = from {
            crash::count(&self.kernel, host, Happening::Packet);
        }
        let mut headers = [0u8; 48];
        let length = packet.headers(&mut headers);
        self.kernel.hash().sent(now, packet.id, &headers[..length], packet.carried());
        if self.kernel.is_tapped() {
            packet.encode_with(&headers[..length], &mut self.bytes);
            self.show(now, packet, from, None, Stage::Sent);
        }
    }

    fn note_copied(&mut self, now: SimTime, packet: &Packet, of: PacketId, from: Option<HostId>, to: HostId) {
        self.counts.copied += 1;
        if let Some(pair) = self.pair(from, Some(to)) {
            pair.copied += 1;
        }
        self.note_fate(now, packet, from, Some(to), Stage::Copied { of });
    }

    fn note_arrived(&mut self, at: SimTime, packet: &Packet, from: Option<HostId>, to: HostId) {
        self.counts.arrived += 1;
        crash::count(&self.kernel, to, Happening::Packet);
        let number = packet.id.0;
        if let Some(pair) = self.pair(from, Some(to)) {
            pair.sent += 1;
            pair.arrived += 1;
            if pair.newest_arrived > number {
                pair.overtaken += 1;
            } else {
                pair.newest_arrived = number;
            }
        }
        self.note_fate(at, packet, from, Some(to), Stage::Arrived);
    }

    fn note_lost(&mut self, at: SimTime, packet: &Packet, from: Option<HostId>, to: Option<HostId>, loss: Loss) {
        self.counts.lost += 1;
        if let Some(pair) = self.pair(from, to) {
            pair.sent += 1;
            pair.lost += 1;
            pair.corrupt += u64::from(loss == Loss::Corrupt);
        }
        self.note_fate(at, packet, from, to, Stage::Lost(loss));
    }

    fn pair(&mut self, from: Option<HostId>, to: Option<HostId>) -> Option<&mut PairCounts> {
        if !self.count_pairs {
            return None;
        }
        Some(self.pairs.entry((from?, to?)).or_default())
    }

    /// The counts of the way from one host to another.
    pub(crate) fn pair_counts(&self, from: HostId, to: HostId) -> PairCounts {
        self.pairs.get(&(from, to)).copied().unwrap_or_default()
    }

    fn note_fate(&mut self, at: SimTime, packet: &Packet, from: Option<HostId>, to: Option<HostId>, stage: Stage) {
        self.kernel.hash().fate(at, packet.id, stage);
        if self.kernel.is_tapped() {
            packet.encode(&mut self.bytes);
            self.show(at, packet, from, to, stage);
        }
    }

    /// Shows a packet to the taps, whose bytes were just written.
    fn show(&self, at: SimTime, packet: &Packet, from: Option<HostId>, to: Option<HostId>, stage: Stage) {
        self.kernel.show_packet(&PacketSeen { at, id: packet.id, stage, from, to, bytes: &self.bytes });
    }

    /// An arrival that nobody sent, for the proof that an oracle notices.
    fn forge_arrival(
        &mut self,
        now: SimTime,
        packet: &Packet,
        from: Option<(HostId, u32)>,
        to: HostId,
        inside: SocketAddrV4,
    ) {
        if packet.protocol() != Protocol::Udp {
            return;
        }
        self.sabotage = None;
        let mut forged = packet.clone();
        forged.id = self.take_id();
        self.counts.sent += 1;
        self.schedule(now, Flight { packet: forged, from, to, inside, tcp: None, copy: true, retry: false });
    }
}

fn overlay_of<'a>(
    overlays: &'a mut BTreeMap<(HostId, HostId), Link>,
    everywhere: &[(FaultId, Impairment)],
    from: HostId,
    to: HostId,
) -> &'a mut Link {
    overlays.entry((from, to)).or_insert_with(|| {
        let mut link = Link::default();
        for (fault, impairment) in everywhere {
            link.install(*fault, *impairment).expect("checked when it was installed everywhere");
        }
        link
    })
}

impl Attachment {
    /// The next free port of the dynamic range (RFC 6335 section 6).
    pub(crate) fn free_port(&mut self) -> Option<u16> {
        for _ in 49_152..=u16::MAX {
            let port = self.next_port;
            self.next_port = if port == u16::MAX { 49_152 } else { port + 1 };
            if !self.ports.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }
}
