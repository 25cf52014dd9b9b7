//! A conference: its members' audio is mixed, and each hears all the others.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::latch::{Latch, reports_at};
use super::line::{REST, catch_up, on_the_grid, ssrc_of};
use super::mixer::Mix;
use super::ports::Ports;
use super::stream::{FRAME_TIME, Heard, Remote, Stream, StreamStats};
use super::way::Way;
use super::webrtc::Peer;
use super::{FRAME, Frame, cadence};
use crate::trace::SimTime;
use crate::world::audio::Sound;
use crate::world::kernel::kernel_here;
use crate::world::{Host, Random};

/// How often a member is sent silence who is alone and has nothing to hear: so that she knows that somebody is there, and
/// a NAT between.
const ALONE: Duration = Duration::from_secs(1);

/// A member's place in a conference: never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(u32);

/// Who hears what a member says. She herself hears everybody who's heard by all, and who is heard by her only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeardBy {
    /// All the others: she talks.
    #[default]
    All,
    /// Nobody: she listens.
    Nobody,
    /// One other, if that one is here: she whispers.
    Only(MemberId),
}

/// Somebody who listens to what comes from a member, in a room or out of it. It's called in the middle of the mixing: it
/// may take notes, and must leave the conference alone.
pub trait Ear {
    /// This is what the member says now: a frame, or nothing. Asked at each frame that comes, and each 200 ms at least
    /// while it listens. Where frames are spared it's told of each up to 200 ms late, with the time that it was due.
    fn hear(&mut self, now: SimTime, frame: Option<&[i16; FRAME]>);

    /// Whether it wants to know. A room rests for longer where nobody does; who listens again tells it so
    /// ([`Conference::listen_again`]).
    fn listens(&self) -> bool {
        true
    }

    /// The member pressed a key.
    fn pressed(&mut self, digit: char);
}

/// A conference on a server. Cheap to clone; when the last clone is dropped its ports are closed.
///
/// Digits that a member presses are pressed for all who hear her.
#[derive(Clone)]
pub struct Conference(Rc<Handle>);

struct Handle {
    shared: Rc<Shared>,
    task: AbortHandle,
}

struct Shared {
    host: Host,
    members: RefCell<BTreeMap<MemberId, Member>>,
    next: Cell<u32>,
    random: RefCell<Random>,
    changed: Rc<Notify>,
    /// When those were sent something last who aren't sent every frame.
    spared: Cell<SimTime>,
    cadence: Rc<cadence::Setting>,
}

struct Member {
    way: Way,
    stream: Stream,
    latch: Option<Latch>,
    reports: Option<Latch>,
    playing: Option<(Sound, SimTime)>,
    heard_by: HeardBy,
    ear: Option<Box<dyn Ear>>,
    changed: SimTime,
    /// The last tick up to which what came was heard.
    heard: SimTime,
    /// The last frame that those weren't sent yet who aren't sent every frame, and whether it's heard now.
    lately: Option<Frame>,
    says_it_now: bool,
    tasks: Vec<AbortHandle>,
}

impl Drop for Member {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Conference {
    /// Opens an empty one.
    ///
    /// # Errors
    /// The host doesn't run.
    pub async fn open(host: &Host, random: Random) -> io::Result<Conference> {
        let shared = Rc::new(Shared {
            host: host.clone(),
            members: RefCell::default(),
            next: Cell::new(0),
            random: RefCell::new(random),
            changed: Rc::default(),
            spared: Cell::new(SimTime::ZERO),
            cadence: cadence::here(),
        });
        shared.cadence.rests(&shared.changed);
        let task = host.spawn(beat(shared.clone())).abort_handle();
        Ok(Conference(Rc::new(Handle { shared, task })))
    }

    /// Somebody joins: with a pair of ports of her own, and silent until she's connected.
    ///
    /// # Errors
    /// The host doesn't run, or has no ports left.
    pub async fn join(&self) -> io::Result<MemberId> {
        let ports = Ports::open(&self.0.shared.host).await?;
        Ok(self.join_by(Way::Ports(ports)))
    }

    /// Somebody joins whose RTP goes by a WebRTC transport.
    pub fn join_over(&self, peer: &Peer) -> MemberId {
        self.join_by(Way::over(peer))
    }

    fn join_by(&self, way: Way) -> MemberId {
        let shared = &self.0.shared;
        let id = shared.number();
        let seed = shared.random.borrow_mut().next_u64();
        let tasks = shared.listen_to(id, &way);
        let stream = Stream::new(Random::stream(seed, "member"), shared.host.name());
        let changed = shared.host.now();
        let member = Member {
            way,
            stream,
            latch: None,
            reports: None,
            playing: None,
            heard_by: HeardBy::All,
            ear: None,
            changed,
            heard: changed,
            lately: None,
            says_it_now: false,
            tasks,
        };
        shared.members.borrow_mut().insert(id, member);
        id
    }

    /// A member goes to another conference of the same host, and keeps her ports: she notices nothing but whom she hears.
    /// There she's another member, who talks and has nothing of her own to hear. None if she isn't here.
    pub fn move_to(&self, member: MemberId, other: &Conference) -> Option<MemberId> {
        if Rc::ptr_eq(&self.0, &other.0) {
            return self.with(member, |_| member);
        }
        let mut moved = self.0.shared.members.borrow_mut().remove(&member)?;
        moved.tasks.iter().for_each(AbortHandle::abort);
        let shared = &other.0.shared;
        let id = shared.number();
        moved.tasks = shared.listen_to(id, &moved.way);
        moved.heard_by = HeardBy::All;
        if moved.playing.take().is_some() {
            moved.changed = shared.host.now();
        }
        shared.members.borrow_mut().insert(id, moved);
        shared.changed.notify_one();
        Some(id)
    }

    /// From now on a member is heard by them.
    pub fn set_heard_by(&self, member: MemberId, heard_by: HeardBy) {
        self.adjust(member, |member, _| member.heard_by = heard_by);
    }

    /// Somebody listens to what comes from a member, wherever she's moved to; or nobody.
    pub fn set_ear(&self, member: MemberId, ear: Option<Box<dyn Ear>>) {
        self.adjust(member, |member, _| member.ear = ear);
    }

    /// An ear listens again that didn't.
    pub fn listen_again(&self) {
        self.0.shared.changed.notify_one();
    }

    /// The port that a member sends to; 0 if she has left.
    pub fn port(&self, member: MemberId) -> u16 {
        self.with(member, |member| member.way.port()).unwrap_or_default()
    }

    /// A member is there, or elsewhere from now on. The direction is the conference's.
    pub fn connect(&self, member: MemberId, remote: Remote) {
        self.adjust(member, |member, now| {
            let remote = member.way.remote(remote);
            if !member.stream.is_connected_to(&remote) {
                member.changed = now;
            }
            member.stream.connect(now, &remote);
            for (latch, address) in
                [(&mut member.latch, remote.address), (&mut member.reports, reports_at(remote.address))]
            {
                match latch {
                    Some(latch) => latch.describe(address, remote.latch),
                    None => *latch = Some(Latch::new(address, remote.latch)),
                }
            }
        });
    }

    /// A member leaves: she's told so by RTCP, and her ports are free.
    pub async fn leave(&self, member: MemberId) {
        let Some(mut member) = self.0.shared.members.borrow_mut().remove(&member) else { return };
        let farewell = member.stream.goodbye(self.0.shared.host.now());
        if let (Some(to), Some(farewell)) = (member.reports.as_ref().and_then(Latch::to), farewell) {
            member.way.send_report(farewell, to).await;
        }
    }

    /// How many are in it.
    pub fn members(&self) -> usize {
        self.0.shared.members.borrow().len()
    }

    /// A member alone hears this too, from its beginning on: music while she waits; nothing ends it.
    pub fn play(&self, member: MemberId, sound: Option<Sound>) {
        self.adjust(member, |member, now| {
            if sound.is_some() || member.playing.is_some() {
                member.changed = now;
            }
            member.playing = sound.map(|sound| (sound, now));
        });
    }

    /// Presses keys for a member alone.
    pub fn send_digits(&self, member: MemberId, digits: &str) {
        self.adjust(member, |member, _| digits.chars().for_each(|digit| member.stream.press(digit)));
    }

    /// What a member sent and was sent.
    pub fn stats(&self, member: MemberId) -> Option<StreamStats> {
        self.with(member, |member| member.stream.stats())
    }

    /// For how long nothing has come from a member though something should.
    pub fn silent_for(&self, member: MemberId, now: SimTime) -> Option<Duration> {
        self.with(member, |member| member.stream.silent_for(now)).flatten()
    }

    /// The digits that a member pressed.
    pub fn digits(&self, member: MemberId) -> String {
        self.with(member, |member| member.stream.digits().to_owned()).unwrap_or_default()
    }

    /// Everybody leaves.
    pub async fn close(&self) {
        let members: Vec<MemberId> = self.0.shared.members.borrow().keys().copied().collect();
        for member in members {
            self.leave(member).await;
        }
        self.0.task.abort();
    }

    fn with<R>(&self, member: MemberId, look: impl FnOnce(&Member) -> R) -> Option<R> {
        self.0.shared.members.borrow().get(&member).map(look)
    }

    fn adjust(&self, member: MemberId, adjust: impl FnOnce(&mut Member, SimTime)) {
        let now = self.0.shared.host.now();
        if let Some(member) = self.0.shared.members.borrow_mut().get_mut(&member) {
            adjust(member, now);
        }
        self.0.shared.changed.notify_one();
    }
}

impl Shared {
    fn number(&self) -> MemberId {
        let id = MemberId(self.next.get());
        self.next.set(id.0 + 1);
        id
    }

    fn listen_to(self: &Rc<Self>, id: MemberId, way: &Way) -> Vec<AbortHandle> {
        let mut tasks = vec![self.host.spawn(listen_to_reports(self.clone(), id, way.clone())).abort_handle()];
        let weak = Rc::downgrade(self);
        let taken = way.give_to(move |datagram, from| {
            if let Some(shared) = weak.upgrade() {
                shared.take(id, datagram, from);
            }
        });
        if !taken {
            tasks.push(self.host.spawn(listen(self.clone(), id, way.clone())).abort_handle());
        }
        tasks
    }

    /// Takes in what comes from a member.
    fn take(&self, id: MemberId, datagram: Bytes, from: SocketAddrV4) {
        let now = self.host.now();
        let mut members = self.members.borrow_mut();
        let Some(member) = members.get_mut(&id) else { return };
        if !member.latch.as_mut().is_some_and(|latch| latch.takes(now, from, ssrc_of(&datagram))) {
            return;
        }
        if let Heard::Digit(digit) = member.stream.receive(now, datagram) {
            let heard_by = member.heard_by;
            if let Some(ear) = &mut member.ear {
                ear.pressed(digit);
            }
            let hears = |other: MemberId| match heard_by {
                HeardBy::All => other != id,
                HeardBy::Nobody => false,
                HeardBy::Only(one) => other == one,
            };
            for (_, other) in members.iter_mut().filter(|(other, _)| hears(**other)) {
                other.stream.press(digit);
            }
            self.changed.notify_one();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
        // Their tasks hold on to the room.
        self.shared.members.borrow_mut().clear();
    }
}

async fn listen(shared: Rc<Shared>, id: MemberId, way: Way) {
    while let Ok((datagram, from)) = way.receive().await {
        shared.take(id, datagram, from);
    }
}

async fn listen_to_reports(shared: Rc<Shared>, id: MemberId, way: Way) {
    while let Ok((datagram, from)) = way.receive_report().await {
        let now = shared.host.now();
        let mut members = shared.members.borrow_mut();
        let Some(member) = members.get_mut(&id) else { return };
        if member.reports.as_mut().is_some_and(|latch| latch.takes(now, from, 0)) {
            member.stream.receive_report(now, &datagram);
        }
    }
}

/// Mixes, on a grid of 20 ms from the first connection on.
async fn beat(shared: Rc<Shared>) {
    while !shared.members.borrow().values().any(|member| member.latch.is_some()) {
        shared.changed.notified().await;
    }
    let mut tick = shared.host.now();
    let mut outgoing = Vec::new();
    // Both are used again for each tick.
    let mut timer = pin!(tokio::time::sleep_until(kernel_here().instant(tick)));
    let mut changed = pin!(shared.changed.notified());
    loop {
        if shared.members.borrow().is_empty() {
            // Nobody is there: no reason to wake up until somebody is.
            while shared.members.borrow().is_empty() {
                changed.as_mut().await;
                changed.set(shared.changed.notified());
            }
            tick = on_the_grid(tick, shared.host.now());
            tokio::time::sleep_until(kernel_here().instant(tick)).await;
        }
        let next = mix(&shared, tick, &mut outgoing);
        for Outgoing { way, packet, report } in outgoing.drain(..) {
            if let Some((packet, to)) = packet {
                way.send(packet, to).await;
            }
            if let Some((report, to)) = report {
                way.send_report(report, to).await;
            }
        }
        let mut target = next;
        timer.as_mut().reset(kernel_here().instant(next));
        tokio::select! {
            biased;
            () = &mut timer => {}
            () = &mut changed => {
                changed.set(shared.changed.notified());
                target = on_the_grid(tick, shared.host.now()).max(tick + FRAME_TIME).min(next);
                timer.set(tokio::time::sleep_until(kernel_here().instant(target)));
                timer.as_mut().await;
            }
        }
        let now = shared.host.now();
        tick = if now.since(target) > REST { on_the_grid(tick, now) } else { target };
    }
}

struct Outgoing {
    way: Way,
    packet: Option<(Bytes, SocketAddrV4)>,
    report: Option<(Bytes, SocketAddrV4)>,
}

impl Member {
    /// Takes what came since the last tick.
    fn listen(&mut self, tick: SimTime) {
        let Member { stream, ear, lately, .. } = self;
        let mut ear = ear.as_mut().filter(|ear| ear.listens());
        let mut now = false;
        catch_up(stream, self.heard, tick, |at, said| {
            *lately = Some(said.clone());
            now = at == tick;
            if let Some(ear) = ear.as_mut().filter(|_| at != tick) {
                ear.hear(at, Some(&said.samples()));
            }
        });
        if let Some(ear) = ear {
            ear.hear(tick, lately.as_ref().filter(|_| now).map(Frame::samples).as_ref());
        }
        self.says_it_now = now;
        self.heard = tick;
    }

    /// What others may hear of her: all that she says, or what wasn't heard yet of it.
    fn says(&self, lately: bool) -> Option<&Frame> {
        self.lately.as_ref().filter(|_| lately || self.says_it_now)
    }
}

/// What is said in a room, for whoever hears it.
struct Said {
    voices: Vec<Voice>,
    /// All who talk, together: made when somebody hears several.
    mix: OnceCell<Mix>,
}

struct Voice {
    of: MemberId,
    heard_by: HeardBy,
    frame: Frame,
}

impl Said {
    fn by(members: &BTreeMap<MemberId, Member>, lately: bool) -> Said {
        let mut voices = Vec::with_capacity(members.len());
        for (of, member) in members {
            if let Some(frame) = member.says(lately) {
                voices.push(Voice { of: *of, heard_by: member.heard_by, frame: frame.clone() });
            }
        }
        Said { voices, mix: OnceCell::new() }
    }

    fn whispers(&self, id: MemberId) -> impl Iterator<Item = &Frame> {
        self.voices.iter().filter(move |voice| voice.heard_by == HeardBy::Only(id)).map(|voice| &voice.frame)
    }

    fn talk(&self) -> impl Iterator<Item = &Voice> {
        self.voices.iter().filter(|voice| voice.heard_by == HeardBy::All)
    }

    /// Whether there's anything for her.
    fn has_something_for(&self, id: MemberId) -> bool {
        self.talk().any(|voice| voice.of != id) || self.whispers(id).next().is_some()
    }

    /// What she hears, with the music that is hers alone: somebody's frame, or one that is mixed of several.
    fn heard_by<'a>(&'a self, id: MemberId, music: Option<&Frame>, mixed: &'a mut Frame) -> &'a Frame {
        let mut more = music.into_iter().chain(self.whispers(id)).peekable();
        if more.peek().is_none() {
            return self.talk_heard_by(id, mixed);
        }
        let mut all = Mix::default();
        all.add(&self.talk_heard_by(id, mixed).samples());
        more.for_each(|frame| all.add(&frame.samples()));
        *mixed = Frame::Samples(all.all());
        mixed
    }

    fn talk_heard_by<'a>(&'a self, id: MemberId, mixed: &'a mut Frame) -> &'a Frame {
        let mut others = self.talk().filter(|voice| voice.of != id);
        match (others.next(), others.next()) {
            (None, _) => &Frame::Silence,
            // Mostly two are in a room: there's nothing to mix.
            (Some(other), None) => &other.frame,
            _ => {
                let mix = self.mix.get_or_init(|| {
                    let mut mix = Mix::default();
                    self.talk().for_each(|voice| mix.add(&voice.frame.samples()));
                    mix
                });
                let own = self.talk().find(|voice| voice.of == id);
                let heard = own.map_or_else(|| mix.all(), |own| mix.without(&own.frame.samples()));
                *mixed = Frame::Samples(heard);
                mixed
            }
        }
    }
}

/// One tick: everybody's frame is taken and mixed for the others. Says when the next one is.
///
/// Those who are spared packets are sent one at the same time, each 200 ms: what the others said last of all that they
/// said since. It need not wake for each frame that comes.
fn mix(shared: &Shared, tick: SimTime, outgoing: &mut Vec<Outgoing>) -> SimTime {
    let mut members = shared.members.borrow_mut();
    let every_frame = |member: &Member| shared.cadence.every_frame(tick, member.changed) || member.stream.is_pressing();
    let mut anybody_every_frame = false;
    for member in members.values_mut() {
        member.listen(tick);
        anybody_every_frame |= every_frame(member);
    }
    let spares = tick.since(shared.spared.get()) >= REST;
    let now = anybody_every_frame.then(|| Said::by(&members, false));
    let since = spares.then(|| Said::by(&members, true));
    let alone = members.len() == 1;
    let mut next = tick + ALONE;
    for (id, member) in members.iter_mut() {
        let full = every_frame(member);
        let lonely = alone && member.playing.is_none();
        let said = if full { now.as_ref() } else { since.as_ref() };
        let mut packet = None;
        if let Some(said) = said
            && let Some(to) = member.latch.as_ref().and_then(Latch::to)
        {
            let rested = || member.stream.last_sent().is_none_or(|last| tick.since(last) >= ALONE);
            if full || !lonely || said.has_something_for(*id) || rested() {
                let music = member.playing.as_ref().map(|(sound, since)| {
                    let mut samples = [0; FRAME];
                    sound.fill(tick.since(*since).as_nanos() as u64 / 125_000, &mut samples);
                    Frame::Samples(samples)
                });
                let mut mixed = Frame::Silence;
                let frame = said.heard_by(*id, music.as_ref(), &mut mixed);
                packet = member.stream.frame_to_hand_on(tick, frame).map(|packet| (packet, to));
            }
        }
        let report = member.stream.report_to_send(tick).zip(member.reports.as_ref().and_then(Latch::to));
        if packet.is_some() || report.is_some() {
            outgoing.push(Outgoing { way: member.way.clone(), packet, report });
        }
        let soon = if full || member.stream.is_pressing() {
            tick + FRAME_TIME
        } else if !lonely || member.ear.as_ref().is_some_and(|ear| ear.listens()) {
            let spared = if spares { tick } else { shared.spared.get() };
            spared + REST
        } else {
            let last = member.stream.last_sent().filter(|_| member.latch.is_some());
            last.map(|last| last + ALONE).filter(|next| *next > tick).unwrap_or(tick + ALONE)
        };
        next = next.min(soon);
    }
    if spares {
        shared.spared.set(tick);
        members.values_mut().for_each(|member| member.lately = None);
    }
    next
}
