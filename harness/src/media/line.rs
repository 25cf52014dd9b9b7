//! A line: a call's audio between a host's sockets, its microphone and its speaker.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddrV4;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::AbortHandle;
use tokio::time::Sleep;

use super::latch::{Latch, reports_at};
use super::ports::Ports;
use super::stream::{FRAME_TIME, Heard, Remote, Stream, StreamStats};
use super::way::Way;
use super::webrtc::Peer;
use super::{FRAME, Frame, cadence};
use crate::trace::SimTime;
use crate::world::audio::Sound;
use crate::world::kernel::kernel_here;
use crate::world::{Host, HostMicrophone, HostSpeaker, Random};

/// How long nothing may come before a line tells of it, unless another time is set.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a line rests at most where somebody may listen.
pub(super) const REST: Duration = Duration::from_millis(20 * cadence::ONE_IN as u64);
/// And where nobody does.
const UNHEARD_REST: Duration = Duration::from_millis(20 * cadence::ONE_IN_UNHEARD as u64);
/// Nobody rests for longer who has something to play.
const LONGEST_REST: Duration = Duration::from_millis(1_200);

/// What happens on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEvent {
    /// Nothing has come for so long, though something should.
    Timeout {
        /// For how long.
        silent_for: Duration,
    },
    /// The other side pressed a key.
    Digit(char),
    /// The other side's RTP said farewell; its call may well go on.
    Bye,
    /// The microphone was unplugged: silence is sent.
    MicrophoneLost,
}

/// What a line does that it shouldn't, for tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Goes on sending when it's closed, for ever.
    pub keep_sending_after_close: bool,
    /// Plays nothing of what comes.
    pub deaf: bool,
    /// Sends nothing.
    pub dumb: bool,
}

/// A call's audio on a host. Cheap to clone; when the last clone is dropped its sockets are closed.
///
/// ```
/// use busyhour::media::tone::{Voice, present};
/// use busyhour::media::{AudioLine, Codec, Remote};
/// use busyhour::world::Random;
/// use std::time::Duration;
///
/// busyhour::simulate(1, |u| async move {
///     let (alice, bob) = (u.host("alice"), u.host("bob"));
///     let one = AudioLine::open(&alice, &alice, Random::stream(1, "one")).await?;
///     let other = AudioLine::open(&bob, &bob, Random::stream(1, "other")).await?;
///     one.connect(Remote::new(other.address(), Codec::Pcmu));
///     other.connect(Remote::new(one.address(), Codec::Pcmu));
///     alice.room().say(Voice::number(0).sound());
///     u.sleep(Duration::from_secs(1)).await;
///     let from = u.now();
///     u.sleep(Duration::from_millis(100)).await;
///     let heard = bob.room().heard(from, u.now()).unwrap_or_default();
///     assert_eq!(present(&heard, &[Voice::number(0)]), [Voice::number(0)]);
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct AudioLine(Rc<Handle>);

/// Ends the tasks with the last handle.
struct Handle {
    shared: Rc<Shared>,
    tasks: RefCell<Vec<AbortHandle>>,
}

struct Shared {
    host: Host,
    microphone: HostMicrophone,
    speaker: HostSpeaker,
    address: SocketAddrV4,
    /// Until it's closed.
    way: RefCell<Option<Way>>,
    state: RefCell<State>,
    /// When the beat will look again by itself.
    planned: Cell<SimTime>,
    changed: Rc<Notify>,
    happened: Notify,
    cadence: Rc<cadence::Setting>,
}

struct State {
    stream: Stream,
    latch: Option<Latch>,
    reports: Option<Latch>,
    /// When something about the media changed last.
    changed: SimTime,
    playing: Option<(Sound, SimTime)>,
    muted: bool,
    microphone_lost: bool,
    behaviour: Behaviour,
    timeout: Option<Duration>,
    timed_out: bool,
    closed: bool,
    events: VecDeque<LineEvent>,
    /// The last tick up to which what came was played.
    played: SimTime,
}

impl AudioLine {
    /// Opens one on a free pair of ports of `host`, with the microphone and speaker of `devices`: mostly the same. It's
    /// silent until it's connected.
    ///
    /// # Errors
    /// The host doesn't run, or has no ports left.
    pub async fn open(host: &Host, devices: &Host, random: Random) -> io::Result<AudioLine> {
        let ports = Ports::open(host).await?;
        Ok(AudioLine::by(Way::Ports(ports), host, devices, random))
    }

    /// One whose RTP goes by a WebRTC transport: it's heard as soon as that is up, and ends with it.
    pub fn over(peer: &Peer, devices: &Host, random: Random) -> AudioLine {
        AudioLine::by(Way::over(peer), &peer.host(), devices, random)
    }

    fn by(way: Way, host: &Host, devices: &Host, random: Random) -> AudioLine {
        let shared = Rc::new(Shared {
            host: host.clone(),
            microphone: devices.microphone(),
            speaker: devices.speaker(),
            address: SocketAddrV4::new(host.address(), way.port()),
            way: RefCell::new(Some(way.clone())),
            state: RefCell::new(State {
                stream: Stream::new(random, devices.name()),
                latch: None,
                reports: None,
                changed: host.now(),
                playing: None,
                muted: false,
                microphone_lost: false,
                behaviour: Behaviour::default(),
                timeout: Some(TIMEOUT),
                timed_out: false,
                closed: false,
                events: VecDeque::new(),
                played: host.now(),
            }),
            planned: Cell::new(SimTime(u64::MAX)),
            changed: Rc::default(),
            happened: Notify::new(),
            cadence: cadence::here(),
        });
        shared.cadence.rests(&shared.changed);
        let mut tasks = Vec::new();
        let weak = Rc::downgrade(&shared);
        let taken = way.give_to(move |datagram, from| {
            if let Some(shared) = weak.upgrade() {
                shared.take(datagram, from);
            }
        });
        if !taken {
            tasks.push(host.spawn(listen(shared.clone(), way.clone())).abort_handle());
        }
        tasks.push(host.spawn(listen_to_reports(shared.clone(), way.clone())).abort_handle());
        tasks.push(host.spawn(beat(shared.clone(), way)).abort_handle());
        AudioLine(Rc::new(Handle { shared, tasks: RefCell::new(tasks) }))
    }

    /// The port of its RTP.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// Where its RTP arrives.
    pub fn address(&self) -> SocketAddrV4 {
        self.0.shared.address
    }

    /// The source of its packets.
    pub fn ssrc(&self) -> u32 {
        self.0.shared.state.borrow().stream.ssrc()
    }

    /// An offer was answered: from now on the other side is this. Hold is a direction.
    pub fn connect(&self, remote: Remote) {
        let Some(remote) = self.0.shared.way.borrow().as_ref().map(|way| way.remote(remote)) else { return };
        self.adjust(|state, now| {
            if !state.stream.is_connected_to(&remote) {
                state.changed = now;
            }
            state.stream.connect(now, &remote);
            for (latch, address) in
                [(&mut state.latch, remote.address), (&mut state.reports, reports_at(remote.address))]
            {
                match latch {
                    Some(latch) => latch.describe(address, remote.latch),
                    None => *latch = Some(Latch::new(address, remote.latch)),
                }
            }
            state.timed_out = false;
        });
    }

    /// Sends and plays nothing, and keeps its ports: another call has the devices now.
    pub fn disconnect(&self) {
        self.change(|state, _| {
            state.stream.disconnect();
            (state.latch, state.reports) = (None, None);
        });
    }

    /// Sends silence instead of what is said.
    pub fn mute(&self, muted: bool) {
        self.change(|state, _| state.muted = muted);
    }

    /// Sends this, from its beginning on, instead of what the microphone hears; nothing lets that be heard again.
    pub fn play(&self, sound: Option<Sound>) {
        self.change(|state, now| state.playing = sound.map(|sound| (sound, now)));
    }

    /// Presses keys: 0 to 9, *, #, A to D; others are left out, and all are where the other side takes none.
    pub fn send_digits(&self, digits: &str) {
        self.adjust(|state, _| digits.chars().for_each(|digit| state.stream.press(digit)));
    }

    /// The digits that came so far.
    pub fn digits(&self) -> String {
        self.0.shared.state.borrow().stream.digits().to_owned()
    }

    /// What was sent and heard so far.
    pub fn stats(&self) -> StreamStats {
        self.0.shared.state.borrow().stream.stats()
    }

    /// Scores what is heard from now on only.
    pub fn score_anew(&self) {
        self.0.shared.state.borrow_mut().stream.score_anew();
    }

    /// For how long nothing has come though something should; none while nothing is expected.
    pub fn silent_for(&self, now: SimTime) -> Option<Duration> {
        self.0.shared.state.borrow().stream.silent_for(now)
    }

    /// Tells of silence that lasts so long, or never.
    pub fn set_timeout(&self, after: Option<Duration>) {
        self.adjust(|state, _| state.timeout = after);
    }

    /// Waits for the next thing that happens. Nothing is missed if it's asked for later.
    pub async fn event(&self) -> LineEvent {
        loop {
            if let Some(event) = self.0.shared.state.borrow_mut().events.pop_front() {
                return event;
            }
            self.0.shared.happened.notified().await;
        }
    }

    /// Lets it do what it shouldn't.
    pub fn behave(&self, behaviour: Behaviour) {
        self.change(|state, _| state.behaviour = behaviour);
    }

    /// The call is over: says farewell to the other side and lets go of the ports.
    pub async fn close(&self) {
        let shared = &self.0.shared;
        let farewell = {
            let mut state = shared.state.borrow_mut();
            if std::mem::replace(&mut state.closed, true) {
                return;
            }
            let to = state.reports.as_ref().and_then(Latch::to);
            to.zip(state.stream.goodbye(shared.host.now()))
        };
        let way = shared.way.borrow().clone();
        if let (Some((to, farewell)), Some(way)) = (farewell, way) {
            way.send_report(farewell, to).await;
        }
        if !shared.state.borrow().behaviour.keep_sending_after_close {
            self.0.stop();
        }
    }

    /// Changes the media: every frame is sent for a while.
    fn change(&self, change: impl FnOnce(&mut State, SimTime)) {
        self.adjust(|state, now| {
            change(state, now);
            state.changed = now;
        });
    }

    fn adjust(&self, adjust: impl FnOnce(&mut State, SimTime)) {
        let now = self.0.shared.host.now();
        adjust(&mut self.0.shared.state.borrow_mut(), now);
        self.0.shared.changed.notify_one();
    }
}

impl Handle {
    fn stop(&self) {
        self.shared.way.borrow_mut().take();
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let state = self.shared.state.borrow();
        let haunts = state.closed && state.behaviour.keep_sending_after_close;
        drop(state);
        if !haunts {
            self.stop();
        }
    }
}

impl Shared {
    fn tell(&self, state: &mut State, event: LineEvent) {
        state.events.push_back(event);
        self.happened.notify_one();
    }

    /// Takes in what arrives.
    fn take(&self, datagram: Bytes, from: SocketAddrV4) {
        let now = self.host.now();
        let mut state = self.state.borrow_mut();
        if state.closed || state.behaviour.deaf {
            return;
        }
        let ssrc = ssrc_of(&datagram);
        if !state.latch.as_mut().is_some_and(|latch| latch.takes(now, from, ssrc)) {
            return;
        }
        match state.stream.receive(now, datagram) {
            Heard::Digit(digit) => self.tell(&mut state, LineEvent::Digit(digit)),
            Heard::Media => state.timed_out = false,
            Heard::Ignored | Heard::Not(_) => {}
        }
        // What came is played when the next frame is sent, or in step where every one is: only one that nobody heard
        // until now may have to be sent sooner.
        if state.stream.last_sent().is_some_and(|last| last + state.rest() < self.planned.get()) {
            self.changed.notify_one();
        }
    }
}

async fn listen(shared: Rc<Shared>, way: Way) {
    while let Ok((datagram, from)) = way.receive().await {
        shared.take(datagram, from);
    }
}

impl State {
    /// How long it rests between its frames, unless every one is sent.
    fn rest(&self) -> Duration {
        if self.stream.is_unheard() { UNHEARD_REST } else { REST }
    }
}

/// The SSRC of a datagram, if it's RTP.
pub(super) fn ssrc_of(datagram: &Bytes) -> u32 {
    datagram.get(8..12).map_or(0, |word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

async fn listen_to_reports(shared: Rc<Shared>, way: Way) {
    while let Ok((datagram, from)) = way.receive_report().await {
        let now = shared.host.now();
        let mut state = shared.state.borrow_mut();
        if state.closed || !state.reports.as_mut().is_some_and(|latch| latch.takes(now, from, 0)) {
            continue;
        }
        if state.stream.receive_report(now, &datagram) {
            shared.tell(&mut state, LineEvent::Bye);
        }
    }
}

/// Sends and plays, on a grid of 20 ms from its first connection on.
async fn beat(shared: Rc<Shared>, way: Way) {
    while shared.state.borrow().latch.is_none() {
        shared.changed.notified().await;
    }
    let mut tick = shared.host.now();
    shared.state.borrow_mut().played = tick;
    // Both are used again for each tick.
    let mut timer = pin!(tokio::time::sleep_until(kernel_here().instant(tick)));
    let mut changed = pin!(shared.changed.notified());
    loop {
        let next = turn(&shared, &way, tick).await;
        tick = rest(&shared, tick, next, timer.as_mut(), changed.as_mut()).await;
    }
}

/// Waits for a tick of the grid, or for the first one after a change.
async fn rest<'a>(
    shared: &'a Shared,
    from: SimTime,
    next: SimTime,
    mut timer: Pin<&mut Sleep>,
    mut changed: Pin<&mut Notified<'a>>,
) -> SimTime {
    shared.planned.set(next);
    timer.as_mut().reset(kernel_here().instant(next));
    tokio::select! {
        biased;
        () = &mut timer => {}
        () = &mut changed => {
            changed.set(shared.changed.notified());
            let soon = on_the_grid(from, shared.host.now()).max(from + FRAME_TIME).min(next);
            shared.planned.set(soon);
            timer.set(tokio::time::sleep_until(kernel_here().instant(soon)));
            timer.await;
            return soon;
        }
    }
    // Who was asleep goes on from now.
    let now = shared.host.now();
    if now.since(next) > REST { on_the_grid(from, now) } else { next }
}

/// The first tick at or after a moment.
pub(super) fn on_the_grid(from: SimTime, at: SimTime) -> SimTime {
    let frame = FRAME_TIME.as_nanos() as u64;
    SimTime(from.0 + at.0.saturating_sub(from.0).div_ceil(frame) * frame)
}

/// One tick: what is due is sent and played. Says when the next one is.
async fn turn(shared: &Shared, way: &Way, tick: SimTime) -> SimTime {
    let (packet, report, next) = {
        let mut guard = shared.state.borrow_mut();
        let state = &mut *guard;
        let full = shared.cadence.every_frame(tick, state.changed) || state.stream.is_pressing();
        let rest = state.rest();
        let rested = state.stream.last_sent().is_none_or(|last| tick.since(last) >= rest);
        let to = state.latch.as_ref().and_then(Latch::to);
        let mut packet = None;
        if (full || rested)
            && state.stream.sends()
            && !state.behaviour.dumb
            && let Some(to) = to
        {
            let mut samples = [0; FRAME];
            say(shared, state, tick, &mut samples);
            packet = state.stream.frame_to_send(tick, &samples).map(|packet| (packet, to));
        }
        if !state.behaviour.deaf && !state.closed {
            let ago = shared.host.now().since(tick);
            catch_up(&mut state.stream, state.played, tick, |at, frame| {
                // A host that is down plays nothing, and this task ends with it.
                let _ = match frame.codes() {
                    Some((codec, codes)) => shared.speaker.play_codes_from(at + ago, codec.levels(), codes),
                    None => shared.speaker.play_from(at + ago, &frame.samples()),
                };
            });
        }
        state.played = tick;
        let times_out = watch(shared, state, tick);
        let report = state.stream.report_to_send(tick).zip(state.reports.as_ref().and_then(Latch::to));
        let next = if full || state.stream.is_pressing() {
            tick + FRAME_TIME
        } else {
            let next = state.stream.last_sent().map(|last| last + rest).filter(|next| *next > tick);
            next.unwrap_or(tick + rest).min(times_out.unwrap_or(SimTime(u64::MAX)))
        };
        (packet, report, next)
    };
    if let Some((packet, to)) = packet {
        way.send(packet, to).await;
    }
    if let Some((report, to)) = report {
        way.send_report(report, to).await;
    }
    next
}

/// Takes what is to be played from a stream, frame by frame, on the ticks behind `after` up to this one. Who rests
/// between the frames that it sends doesn't wake for those that come; it was awake a second ago, though, or asleep with
/// its host, and what came before that is missed.
pub(super) fn catch_up(stream: &mut Stream, after: SimTime, tick: SimTime, mut play: impl FnMut(SimTime, &Frame)) {
    let frame_time = FRAME_TIME.as_nanos() as u64;
    let mut after = after.max(SimTime(tick.0.saturating_sub(LONGEST_REST.as_nanos() as u64)));
    while let Some(due) = stream.next_to_play().filter(|due| *due < tick) {
        // The tick whose frame has that moment in it, unless it's over.
        let back = (tick.0 - due.0).div_ceil(frame_time).min(tick.0.saturating_sub(after.0 + 1) / frame_time);
        if back == 0 {
            break;
        }
        after = SimTime(tick.0 - back * frame_time);
        if let Some(frame) = stream.frame_heard(after) {
            play(after, frame);
        }
    }
    if let Some(frame) = stream.frame_heard(tick) {
        play(tick, frame);
    }
}

/// Puts what goes out into silence: the frame that is over now.
fn say(shared: &Shared, state: &mut State, tick: SimTime, samples: &mut [i16; FRAME]) {
    if state.muted {
        return;
    }
    if let Some((sound, since)) = &state.playing {
        sound.fill(tick.since(*since).as_nanos() as u64 / 125_000, samples);
        return;
    }
    let from = SimTime(tick.0.saturating_sub(FRAME_TIME.as_nanos() as u64));
    let lost = shared.microphone.said(from, samples).is_err();
    if lost && !std::mem::replace(&mut state.microphone_lost, lost) {
        shared.tell(state, LineEvent::MicrophoneLost);
    }
    state.microphone_lost = lost;
}

/// Tells of silence, once; says when it would, if nothing comes until then.
fn watch(shared: &Shared, state: &mut State, tick: SimTime) -> Option<SimTime> {
    let (timeout, silent_for) = (state.timeout?, state.stream.silent_for(tick)?);
    if silent_for < timeout {
        return Some(on_the_grid(tick, tick + (timeout - silent_for)));
    }
    if !std::mem::replace(&mut state.timed_out, true) {
        shared.tell(state, LineEvent::Timeout { silent_for });
    }
    None
}
