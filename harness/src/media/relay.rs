//! A relay: both legs of a call meet at a server, which forwards their packets.
//!
//! Packets are forwarded as they are, their bytes not even copied, unless the legs number digits differently or speak
//! different codecs. One task a leg does that. What a server plays to a leg itself (music on hold, silence) goes out
//! under an SSRC of its own. To a gateway's leg all of it goes as one stream: see [`OneStream`](super::OneStream).

use std::cell::RefCell;
use std::io;
use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::latch::{Latch, reports_at};
use super::line::{REST, ssrc_of};
use super::mos;
use super::ports::Ports;
use super::rtp::{Arrival, HEADER, Packet, Reception};
use super::stream::{FRAME_TIME, Remote, Stream};
use super::way::Way;
use super::webrtc::Peer;
use super::{FRAME, cadence};
use crate::trace::SimTime;
use crate::world::audio::Sound;
use crate::world::kernel::kernel_here;
use crate::world::{Host, Random};

/// How long a leg may be silent unless another time is set.
pub const RELAY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often silence is looked for at least.
const WATCH: Duration = Duration::from_secs(1);

/// One of the two legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one, mostly the caller's.
    A,
    /// The other.
    B,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// What a leg hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Feed {
    /// The other leg.
    Other,
    /// This, from its beginning on: music on hold, an announcement. Silence is sent as well, if that is it.
    Music(Sound),
    /// Nothing: no packet is sent.
    Nothing,
}

/// What a relay has seen of a leg.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LegStats {
    /// Packets that came from it.
    pub received: u64,
    /// Packets of it that were lost on the way here.
    pub lost: u64,
    /// Packets that were sent to it.
    pub sent: u64,
    /// Packets that came from somebody else, or were no RTP.
    pub refused: u64,
    /// The interarrival jitter.
    pub jitter: Duration,
    /// What came of it would score so much where it's heard with concealment.
    pub mos: f64,
    /// Where its packets come from.
    pub source: Option<SocketAddrV4>,
}

/// The relay of a call. Cheap to clone; when the last clone is dropped its ports are closed.
#[derive(Clone)]
pub struct Relay(Rc<Handle>);

struct Handle {
    shared: Rc<Shared>,
    tasks: RefCell<Vec<AbortHandle>>,
    /// Those that listen to a side.
    listeners: RefCell<[Vec<AbortHandle>; 2]>,
}

struct Shared {
    host: Host,
    legs: [RefCell<Leg>; 2],
    numbers: [u16; 2],
    /// Each side's own ports, until it's closed.
    ports: RefCell<Vec<Ports>>,
    /// How each side's packets go, until it's closed.
    ways: RefCell<Vec<Way>>,
    timeout: RefCell<Option<Duration>>,
    timed_out: RefCell<Vec<Side>>,
    happened: Notify,
    /// Another timeout is set.
    awaited: Notify,
    fed: Rc<Notify>,
    cadence: Rc<cadence::Setting>,
}

struct Leg {
    remote: Option<Remote>,
    latch: Latch,
    reports: Latch,
    reception: Option<Reception>,
    earlier: (u64, u64),
    sent: u64,
    refused: u64,
    last_heard: SimTime,
    expects_since: Option<SimTime>,
    timed_out: bool,
    feed: Feed,
    /// Since when it's fed.
    fed_since: SimTime,
    /// Makes the packets of what it's fed.
    own: Stream,
}

impl Relay {
    /// Opens one: two ports, each with its own for reports.
    ///
    /// # Errors
    /// The host doesn't run, or has no ports left.
    pub async fn open(host: &Host, mut random: Random) -> io::Result<Relay> {
        let ports = [Ports::open(host).await?, Ports::open(host).await?];
        let nowhere = SocketAddrV4::new([0, 0, 0, 0].into(), 0);
        let mut leg = || {
            RefCell::new(Leg {
                remote: None,
                latch: Latch::new(nowhere, false),
                reports: Latch::new(nowhere, false),
                reception: None,
                earlier: (0, 0),
                sent: 0,
                refused: 0,
                last_heard: SimTime::ZERO,
                expects_since: None,
                timed_out: false,
                feed: Feed::Other,
                fed_since: SimTime::ZERO,
                own: Stream::new(Random::stream(random.next_u64(), "leg"), host.name()),
            })
        };
        let shared = Rc::new(Shared {
            host: host.clone(),
            legs: [leg(), leg()],
            numbers: [ports[0].port(), ports[1].port()],
            ways: RefCell::new(ports.iter().cloned().map(Way::Ports).collect()),
            ports: RefCell::new(ports.to_vec()),
            timeout: RefCell::new(Some(RELAY_TIMEOUT)),
            timed_out: RefCell::default(),
            happened: Notify::new(),
            awaited: Notify::new(),
            fed: Rc::default(),
            cadence: cadence::here(),
        });
        shared.cadence.rests(&shared.fed);
        let relay =
            Relay(Rc::new(Handle { shared: shared.clone(), tasks: RefCell::default(), listeners: RefCell::default() }));
        relay.listen();
        let tasks = [host.spawn(watch(shared.clone())).abort_handle(), host.spawn(feed(shared)).abort_handle()];
        relay.0.tasks.borrow_mut().extend(tasks);
        Ok(relay)
    }

    /// Begins to listen to both sides, by the ways that they have now.
    fn listen(&self) {
        let shared = &self.0.shared;
        for ports in shared.ports.borrow().iter() {
            ports.rtp.keep();
        }
        let ports_alone = shared.ways.borrow().iter().all(|way| matches!(way, Way::Ports(_)));
        for side in [Side::A, Side::B] {
            let Some(way) = shared.way(side) else { return };
            let mut tasks = vec![shared.host.spawn(forward_reports(shared.clone(), side, way.clone())).abort_handle()];
            let weak = Rc::downgrade(shared);
            // A WebRTC transport's packets have to wait for it.
            let taken = ports_alone
                && way.give_to(move |datagram, from| {
                    if let Some(shared) = weak.upgrade() {
                        shared.forward_now(side, datagram, from);
                    }
                });
            if !taken {
                tasks.push(shared.host.spawn(forward(shared.clone(), side, way)).abort_handle());
            }
            for task in std::mem::replace(&mut self.0.listeners.borrow_mut()[side as usize], tasks) {
                task.abort();
            }
        }
    }

    /// From now on a side's RTP goes by a WebRTC transport, which the relay uses and doesn't close.
    pub fn replace_side(&self, side: Side, peer: &Peer) {
        self.go_by(side, Way::over(peer));
    }

    /// From now on a side's RTP goes by its own ports again.
    pub fn restore_side(&self, side: Side) {
        let own = self.0.shared.ports.borrow().get(side as usize).cloned();
        if let (Some(Way::Peer(..)), Some(own)) = (self.0.shared.way(side), own) {
            self.go_by(side, Way::Ports(own));
        }
    }

    fn go_by(&self, side: Side, way: Way) {
        match self.0.shared.ways.borrow_mut().get_mut(side as usize) {
            Some(by) => *by = way,
            // It's closed.
            None => return,
        }
        self.listen();
        let remote = self.leg_of(side).borrow().remote;
        if let Some(remote) = remote {
            self.connect(side, remote);
        }
    }

    fn leg_of(&self, side: Side) -> &RefCell<Leg> {
        &self.0.shared.legs[side as usize]
    }

    /// The port that a leg sends to.
    pub fn port(&self, side: Side) -> u16 {
        self.0.shared.numbers[side as usize]
    }

    /// A leg is there, or elsewhere from now on: after an answer, a re-INVITE, a transfer. The direction is ours: on hold
    /// by that leg we don't send to it.
    pub fn connect(&self, side: Side, remote: Remote) {
        let now = self.0.shared.host.now();
        let Some(remote) = self.0.shared.way(side).map(|way| way.remote(remote)) else { return };
        let mut leg = self.leg_of(side).borrow_mut();
        if leg.remote.is_some_and(|before| before.address != remote.address) {
            leg.forget_source();
        }
        leg.latch.describe(remote.address, remote.latch);
        leg.reports.describe(reports_at(remote.address), remote.latch);
        leg.expects_since = (remote.answered && remote.direction.receives()).then_some(now);
        leg.timed_out = false;
        leg.remote = Some(remote);
        leg.own.connect(now, &remote);
        leg.fed_since = now;
        drop(leg);
        self.0.shared.fed.notify_one();
    }

    /// What a leg hears from now on.
    pub fn feed(&self, side: Side, feed: Feed) {
        let mut leg = self.leg_of(side).borrow_mut();
        leg.feed = feed;
        leg.fed_since = self.0.shared.host.now();
        drop(leg);
        self.0.shared.fed.notify_one();
    }

    /// What was seen of a leg.
    pub fn leg(&self, side: Side) -> LegStats {
        let leg = self.leg_of(side).borrow();
        let reception = leg.reception.as_ref();
        let (received, lost) = (reception.map_or(0, Reception::received), reception.map_or(0, Reception::lost));
        let (received, lost) = (leg.earlier.0 + received, leg.earlier.1 + lost);
        let share = lost as f64 / (received + lost).max(1) as f64;
        LegStats {
            received,
            lost,
            sent: leg.sent,
            refused: leg.refused,
            jitter: Duration::from_nanos((reception.map_or(0.0, Reception::jitter) * 125_000.0) as u64),
            mos: mos::score(mos::rating(share, 1.0, mos::BPL_CONCEALED)),
            source: leg.latch.source(),
        }
    }

    /// For how long nothing has come from a leg though something should; none while nothing is expected: on hold, while
    /// it rings, before it's connected.
    pub fn silent_for(&self, side: Side, now: SimTime) -> Option<Duration> {
        self.leg_of(side).borrow().silent_for(now)
    }

    /// Tells of silence that lasts so long, or never.
    pub fn set_timeout(&self, after: Option<Duration>) {
        *self.0.shared.timeout.borrow_mut() = after;
        self.0.shared.awaited.notify_one();
    }

    /// Waits until a leg has been silent for too long. Each time is told once.
    pub async fn timed_out(&self) -> Side {
        loop {
            if let Some(side) = self.0.shared.timed_out.borrow_mut().pop() {
                return side;
            }
            self.0.shared.happened.notified().await;
        }
    }

    /// The call is over: lets go of the ports.
    pub fn close(&self) {
        self.0.stop();
    }
}

impl Handle {
    fn stop(&self) {
        self.shared.ways.borrow_mut().clear();
        self.shared.ports.borrow_mut().clear();
        let listeners = self.listeners.take().into_iter().flatten();
        for task in self.tasks.borrow_mut().drain(..).chain(listeners) {
            task.abort();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What becomes of a packet's type on its way from one leg to the other.
enum Passage {
    AsItIs,
    Renumbered(u8),
    Translated(&'static [u8; 256], u8),
    Dropped,
}

fn passage(from: &Remote, to: &Remote, payload_type: u8) -> Passage {
    let as_type = |wanted| if wanted == payload_type { Passage::AsItIs } else { Passage::Renumbered(wanted) };
    if from.is_event(payload_type) {
        return to.telephone_event.map_or(Passage::Dropped, as_type);
    }
    match from.codec_of(payload_type) {
        Some(codec) if codec == to.codec => as_type(to.payload_type),
        Some(codec) => Passage::Translated(codec.into_other(to.codec), to.payload_type),
        // Comfort noise, and what else the two may have agreed on between themselves.
        None => Passage::AsItIs,
    }
}

impl Leg {
    fn forget_source(&mut self) {
        if let Some(reception) = self.reception.take() {
            self.earlier.0 += reception.received();
            self.earlier.1 += reception.lost();
        }
    }

    fn silent_for(&self, now: SimTime) -> Option<Duration> {
        self.expects_since.map(|since| now.since(since.max(self.last_heard)))
    }

    /// Counts a packet of this leg; false if it isn't one.
    fn take(&mut self, now: SimTime, datagram: &Bytes, from: SocketAddrV4) -> bool {
        let is_rtp = datagram.len() >= HEADER && datagram[0] >> 6 == 2;
        let ssrc = ssrc_of(datagram);
        if !is_rtp || self.remote.is_none() || !self.latch.takes(now, from, ssrc) {
            self.refused += 1;
            return false;
        }
        let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
        let timestamp = u32::from_be_bytes([datagram[4], datagram[5], datagram[6], datagram[7]]);
        let known = match &mut self.reception {
            Some(reception) if reception.ssrc == ssrc => reception.count(sequence) != Arrival::Restarted,
            _ => false,
        };
        if !known {
            self.forget_source();
            self.reception = Some(Reception::new(ssrc, sequence));
        }
        let is_event = self.remote.is_some_and(|remote| remote.is_event(datagram[1] & 0x7F));
        if let Some(reception) = self.reception.as_mut().filter(|_| !is_event) {
            reception.time(now.0 / 125_000, timestamp);
        }
        self.last_heard = now;
        self.timed_out = false;
        true
    }
}

impl Shared {
    fn way(&self, side: Side) -> Option<Way> {
        self.ways.borrow().get(side as usize).cloned()
    }

    /// What to do with a datagram that came from a leg: what to send to the other, and where.
    fn pass(&self, side: Side, datagram: Bytes, from: SocketAddrV4) -> Option<(Bytes, SocketAddrV4)> {
        let mut leg = self.legs[side as usize].borrow_mut();
        if !leg.take(self.host.now(), &datagram, from) {
            return None;
        }
        let speaker = leg.remote.filter(|remote| remote.direction.receives())?;
        let mut other = self.legs[side.other() as usize].borrow_mut();
        let listener = other.remote.filter(|remote| remote.direction.sends() && other.feed == Feed::Other)?;
        let to = other.latch.to()?;
        let datagram = match passage(&speaker, &listener, datagram[1] & 0x7F) {
            Passage::AsItIs => datagram,
            Passage::Dropped => return None,
            Passage::Renumbered(payload_type) => {
                let mut bytes = datagram.to_vec();
                bytes[1] = bytes[1] & 0x80 | payload_type;
                bytes.into()
            }
            Passage::Translated(table, payload_type) => {
                let mut packet = Packet::read(datagram).ok()?;
                packet.payload_type = payload_type;
                packet.payload = packet.payload.iter().map(|&byte| table[usize::from(byte)]).collect();
                packet.write()
            }
        };
        other.sent += 1;
        Some((datagram, to))
    }

    /// Forwards a packet from one side's ports to the other's.
    fn forward_now(&self, side: Side, datagram: Bytes, from: SocketAddrV4) {
        if let Some((datagram, to)) = self.pass(side, datagram, from)
            && let Some(Way::Ports(ports)) = self.way(side.other())
        {
            ports.rtp.send_now(datagram, to);
        }
    }

    fn pass_report(&self, side: Side, from: SocketAddrV4) -> Option<SocketAddrV4> {
        let mut leg = self.legs[side as usize].borrow_mut();
        if !leg.reports.takes(self.host.now(), from, 0) {
            return None;
        }
        let other = self.legs[side.other() as usize].borrow();
        if other.feed == Feed::Other { other.reports.to() } else { None }
    }
}

async fn forward(shared: Rc<Shared>, side: Side, from: Way) {
    while let Ok((datagram, source)) = from.receive().await {
        if let Some((datagram, address)) = shared.pass(side, datagram, source) {
            let Some(way) = shared.way(side.other()) else { return };
            way.send(datagram, address).await;
        }
    }
}

async fn forward_reports(shared: Rc<Shared>, side: Side, from: Way) {
    while let Ok((datagram, source)) = from.receive_report().await {
        if let Some(address) = shared.pass_report(side, source) {
            let Some(way) = shared.way(side.other()) else { return };
            way.send_report(datagram, address).await;
        }
    }
}

/// Looks for legs that have fallen silent.
async fn watch(shared: Rc<Shared>) {
    loop {
        if shared.timeout.borrow().is_none() {
            shared.awaited.notified().await;
            continue;
        }
        shared.host.sleep(WATCH).await;
        let Some(timeout) = *shared.timeout.borrow() else { continue };
        for side in [Side::A, Side::B] {
            let mut leg = shared.legs[side as usize].borrow_mut();
            let silent = leg.silent_for(shared.host.now()).is_some_and(|silent| silent >= timeout);
            if silent && !std::mem::replace(&mut leg.timed_out, true) {
                shared.timed_out.borrow_mut().insert(0, side);
                shared.happened.notify_one();
            }
        }
    }
}

/// Plays to the legs that hear the server itself.
async fn feed(shared: Rc<Shared>) {
    let mut tick = shared.host.now();
    loop {
        let mut full = false;
        let mut feeds = false;
        let mut packets: [Option<(Bytes, SocketAddrV4)>; 2] = [None, None];
        for (leg, packet) in shared.legs.iter().zip(&mut packets) {
            let mut leg = leg.borrow_mut();
            let sends = leg.remote.is_some_and(|remote| remote.direction.sends());
            let Feed::Music(sound) = &leg.feed else { continue };
            if !sends {
                continue;
            }
            feeds = true;
            let every = shared.cadence.every_frame(tick, leg.fed_since);
            full |= every;
            let rested = leg.own.last_sent().is_none_or(|last| tick.since(last) >= REST);
            if let (true, Some(to)) = (every || rested, leg.latch.to()) {
                let mut samples = [0; FRAME];
                sound.fill(tick.since(leg.fed_since).as_nanos() as u64 / 125_000, &mut samples);
                *packet = leg.own.frame_to_send(tick, &samples).map(|packet| (packet, to));
                leg.sent += u64::from(packet.is_some());
            }
        }
        for (packet, side) in packets.into_iter().zip([Side::A, Side::B]) {
            if let (Some((packet, to)), Some(way)) = (packet, shared.way(side)) {
                way.send(packet, to).await;
            }
        }
        if !feeds {
            shared.fed.notified().await;
            tick = shared.host.now();
            continue;
        }
        let next = tick + if full { FRAME_TIME } else { REST };
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(kernel_here().instant(next)) => {
                // A server that was asleep goes on from now.
                tick = if shared.host.now().since(next) > REST { shared.host.now() } else { next };
            }
            () = shared.fed.notified() => tick = shared.host.now().max(tick + FRAME_TIME),
        }
        tokio::time::sleep_until(kernel_here().instant(tick)).await;
    }
}
