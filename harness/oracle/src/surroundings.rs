//! What happens around those whom the witnesses watch: which hosts are up, whose an address is, where the network
//! has failed. Learned from the world's entries, and from packets.
//!
//! A witness asks it before it complains: who was down, asleep or moved isn't to blame for what it left undone.

use std::net::{Ipv4Addr, SocketAddrV4};

use busyhour_trace::{Event, HostId, Log, Loss, PacketSeen, SimTime, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::floor::Floor;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Surroundings {
    hosts: Vec<Host>,
    owners: FxHashMap<Ipv4Addr, HostId>,
    /// When TCP between two hosts was last in trouble: a segment lost, a connection reset or closed.
    tcp_trouble: FxHashMap<(HostId, HostId), SimTime>,
    /// When any host was last disturbed.
    anybody: Option<SimTime>,
    /// When the network was last tampered with.
    network: Option<SimTime>,
    cuts: FxHashSet<i64>,
    /// When a datagram last reached a port that was closed.
    closed: FxHashMap<(HostId, u16), SimTime>,
    /// The ports that ever sent SIP.
    speakers: FxHashSet<(HostId, u16)>,
    /// The calls in which a host is a proxy.
    forwarding: FxHashSet<(HostId, u64)>,
    /// The ICE session that a host's address was last used for.
    sessions: FxHashMap<(HostId, SocketAddrV4), IceSession>,
    /// The addresses that were ever given to a relay's clients.
    relayed: FxHashMap<SocketAddrV4, HostId>,
    /// WebSocket connections that are over, as a host sees them: its own address and the other's; and since when.
    over: FxHashMap<(HostId, SocketAddrV4, SocketAddrV4), SimTime>,
    floor: Floor,
}

/// An ICE session, by digests of the fragments of its user name (RFC 8445 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IceSession {
    /// The host's own.
    pub local: u64,
    /// The other's.
    pub remote: u64,
}

#[derive(Debug, Clone, Default)]
struct Host {
    name: String,
    life: u32,
    down: bool,
    asleep: bool,
    disturbed: Option<SimTime>,
    unreachable: Option<SimTime>,
    media_lost: Option<SimTime>,
    skewed: bool,
}

fn since(last: Option<SimTime>, since: SimTime) -> bool {
    last.is_some_and(|last| last >= since)
}

impl Surroundings {
    fn host(&self, host: HostId) -> Option<&Host> {
        self.hosts.get(usize::from(host.0))
    }

    fn host_mut(&mut self, host: HostId) -> &mut Host {
        let place = usize::from(host.0);
        if self.hosts.len() <= place {
            self.hosts.resize_with(place + 1, Host::default);
        }
        &mut self.hosts[place]
    }

    /// What to call a host.
    pub fn name(&self, host: HostId) -> String {
        match self.host(host) {
            Some(host) if !host.name.is_empty() => host.name.clone(),
            _ => format!("host {}", host.0),
        }
    }

    /// What is known of the floor.
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    pub(crate) fn floor_mut(&mut self) -> &mut Floor {
        &mut self.floor
    }

    /// Whose name it is, or whose address.
    pub fn host_called(&self, name: &str) -> Option<HostId> {
        if let Ok(address) = name.parse() {
            return self.owner(address);
        }
        // Names in a universe may have a domain behind them.
        let named = |name: &str| self.hosts.iter().position(|host| host.name == name);
        let place = named(name).or_else(|| named(name.split('.').next().unwrap_or(name)))?;
        Some(HostId(u16::try_from(place).ok()?))
    }

    /// How often it crashed: what a host knew in another life it needn't know in this one.
    pub fn life(&self, host: HostId) -> u32 {
        self.host(host).map_or(0, |host| host.life)
    }

    /// True if it runs.
    pub fn is_up(&self, host: HostId) -> bool {
        self.host(host).is_none_or(|host| !host.down && !host.asleep)
    }

    /// True if it's down or asleep, or has been at `moment` or since, or got another address since.
    pub fn disturbed(&self, host: HostId, moment: SimTime) -> bool {
        self.host(host).is_some_and(|host| host.down || host.asleep || since(host.disturbed, moment))
    }

    /// True if this was so for any host.
    pub fn anybody_disturbed(&self, moment: SimTime) -> bool {
        since(self.anybody, moment)
    }

    /// True if a network is cut, or was tampered with at `moment` or since.
    pub fn network_disturbed(&self, moment: SimTime) -> bool {
        !self.cuts.is_empty() || since(self.network, moment)
    }

    /// True if a network is cut.
    pub fn is_cut(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// True if TCP between the two lost a segment or closed a connection at `moment` or since: what one wrote may
    /// never have become a packet.
    pub fn tcp_in_trouble(&self, a: HostId, b: Option<HostId>, moment: SimTime) -> bool {
        let Some(b) = b else { return true };
        since(self.tcp_trouble.get(&(a.min(b), a.max(b))).copied(), moment)
    }

    /// True if the network told the host at `moment` or since that something can't be reached.
    pub fn told_unreachable(&self, host: HostId, moment: SimTime) -> bool {
        self.host(host).is_some_and(|host| since(host.unreachable, moment))
    }

    /// True if a datagram found that port of the host closed at `moment` or since.
    pub fn socket_gone(&self, host: HostId, port: u16, moment: SimTime) -> bool {
        since(self.closed.get(&(host, port)).copied(), moment)
    }

    /// True if the network lost media from or to the host at `moment` or since.
    pub fn media_lost(&self, host: HostId, moment: SimTime) -> bool {
        self.host(host).is_some_and(|host| since(host.media_lost, moment))
    }

    /// True if its clock was ever set wrong.
    pub fn is_skewed(&self, host: HostId) -> bool {
        self.host(host).is_some_and(|host| host.skewed)
    }

    /// Whose address it is; a NAT box's is no host's.
    pub fn owner(&self, address: Ipv4Addr) -> Option<HostId> {
        self.owners.get(&address).copied()
    }

    /// True if SIP was ever sent from there.
    pub fn speaks_sip(&self, host: HostId, port: u16) -> bool {
        self.speakers.contains(&(host, port))
    }

    /// The ICE session for which an address of the host's was last used, as the user names of its checks say.
    pub fn ice_session(&self, host: HostId, here: SocketAddrV4) -> Option<IceSession> {
        self.sessions.get(&(host, here)).copied()
    }

    /// True if the address is one that a relay (RFC 8656) lends: what leaves it was said by somebody else.
    pub fn is_relayed(&self, address: SocketAddrV4) -> bool {
        self.relayed.contains_key(&address)
    }

    /// Since when that WebSocket connection is over, if it is: a Close, a FIN or an RST was sent, or has arrived.
    pub fn web_socket_over(&self, host: HostId, here: SocketAddrV4, there: SocketAddrV4) -> Option<SimTime> {
        self.over.get(&(host, here, there)).copied()
    }

    pub(crate) fn checks(&mut self, host: HostId, here: SocketAddrV4, session: IceSession) {
        if !self.is_relayed(here) {
            self.sessions.insert((host, here), session);
        }
    }

    pub(crate) fn lends(&mut self, relay: HostId, address: SocketAddrV4) {
        self.relayed.insert(address, relay);
    }

    pub(crate) fn relay_of(&self, address: SocketAddrV4) -> Option<HostId> {
        if self.relayed.is_empty() { None } else { self.relayed.get(&address).copied() }
    }

    pub(crate) fn web_socket_opens(&mut self, host: HostId, here: SocketAddrV4, there: SocketAddrV4) {
        self.over.remove(&(host, here, there));
    }

    pub(crate) fn web_socket_ends(&mut self, at: SimTime, host: HostId, here: SocketAddrV4, there: SocketAddrV4) {
        self.over.entry((host, here, there)).or_insert(at);
    }

    /// True if the host is a proxy in the call whose Call-ID has this digest: it has sent on what others said.
    pub fn forwards(&self, host: HostId, call: u64) -> bool {
        !self.forwarding.is_empty() && self.forwarding.contains(&(host, call))
    }

    pub(crate) fn has_forwarded(&mut self, host: HostId, call: u64) {
        self.forwarding.insert((host, call));
    }

    pub(crate) fn has_spoken(&mut self, host: HostId, port: u16) {
        self.speakers.insert((host, port));
    }

    pub(crate) fn event(&mut self, event: &Event, log: &Log) {
        self.floor.event(event);
        if event.source != Source::World {
            return;
        }
        match &*event.kind {
            "heal" => {
                // What it kept from arriving is missing for a while still.
                self.network = Some(event.at);
                if let Some(cut) = event.number("cut") {
                    self.cuts.remove(&cut);
                }
            }
            "cut" => {
                self.network = Some(event.at);
                self.cuts.extend(event.number("cut"));
            }
            "impaired" | "aimed-fault" | "nat-reset" | "access" => self.network = Some(event.at),
            _ => {}
        }
        let Some(id) = event.host else { return };
        let host = self.host_mut(id);
        if host.name.is_empty() {
            host.name = log.host_name(id).to_owned();
        }
        match &*event.kind {
            "crash" => {
                host.life += 1;
                host.down = true;
            }
            "restart" => (host.down, host.asleep) = (false, false),
            "sleep" => host.asleep = true,
            "wake" => host.asleep = false,
            "clock-skew" => host.skewed = true,
            "joined" | "address" => {}
            _ => return,
        }
        if event.kind != "joined" {
            host.disturbed = Some(event.at);
            self.anybody = Some(event.at);
        }
        if let Some(address) = event.text("address").and_then(|address| address.parse().ok()) {
            self.owners.insert(address, id);
        }
    }

    pub(crate) fn icmp_arrived(&mut self, at: SimTime, host: HostId) {
        self.host_mut(host).unreachable = Some(at);
    }

    pub(crate) fn tcp_troubled(&mut self, at: SimTime, a: Option<HostId>, b: Option<HostId>) {
        if let (Some(a), Some(b)) = (a, b) {
            self.tcp_trouble.insert((a.min(b), a.max(b)), at);
        }
    }

    /// A packet was lost; `port` is the one that a datagram was for.
    pub(crate) fn lost(&mut self, seen: &PacketSeen<'_>, why: Loss, port: Option<u16>, is_media: bool) {
        let PacketSeen { at, from, to, .. } = *seen;
        match why {
            Loss::NoSocket => {
                if let (Some(to), Some(port)) = (to, port) {
                    self.closed.insert((to, port), at);
                }
            }
            // Of these the parties, or those who set up their addresses, are the cause.
            Loss::NoRoute | Loss::NatRefused | Loss::StillInFlight => {}
            _ if is_media => {
                for host in [from, to].into_iter().flatten() {
                    self.host_mut(host).media_lost = Some(at);
                }
            }
            _ => {}
        }
    }
}
