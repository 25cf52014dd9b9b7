//! A page's window: everything that belongs to one loading of one page, and goes with it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::event::{ElementId, PeerId, RequestId, SocketId, TabId, WebEvent};
use super::media::{MediaError, MediaStream, MediaStreamTrack, TrackId, TrackSource};
use super::peer_connection::PeerConnection;
use super::profile::Profile;
use super::settings::{Autoplay, Permission};
use super::socket::{Ending, Socket};
use super::timers::{Pace, Timers};
use crate::trace::SimTime;
use crate::world::{Host, Power, Random};

/// How long a page counts as one that plays after it has fallen silent (Chrome 88).
const SOUND_LASTS: Duration = Duration::from_secs(30);
/// How long a page is hidden before its timers run once a minute (Chrome 88).
const INTENSIVE: Duration = Duration::from_secs(300);
/// How long it takes to open a microphone, in milliseconds [modelled].
const MICROPHONE: (u64, u64) = (50, 150);

/// What a page wants done with its own tab, when its handler is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Reload,
    Close,
}

/// One loading of one page.
pub(super) struct Window {
    pub(super) host: Host,
    pub(super) profile: Rc<Profile>,
    pub(super) origin: Rc<str>,
    pub(super) tab: TabId,
    /// The host's life that it belongs to.
    epoch: u32,
    alive: Cell<bool>,
    bell: Notify,
    pub(super) state: RefCell<State>,
}

/// What a page has, and how it is.
pub(super) struct State {
    inbox: VecDeque<WebEvent>,
    pub(super) timers: Timers,
    pub(super) sockets: BTreeMap<SocketId, Rc<Socket>>,
    pub(super) peers: BTreeMap<PeerId, PeerConnection>,
    /// What it has asked servers, and whether that goes on without it.
    pub(super) fetches: BTreeMap<RequestId, (AbortHandle, bool)>,
    elements: BTreeMap<ElementId, MediaStream>,
    /// The tracks that listen to the microphone.
    capturing: Vec<MediaStreamTrack>,
    /// The requests that wait for the user's answer.
    asking: Vec<RequestId>,
    hidden_since: Option<SimTime>,
    frozen: bool,
    /// The user has clicked or typed in it.
    pub(super) active: bool,
    pub(super) online: bool,
    /// When it was last heard.
    sounded: Option<SimTime>,
    wish: Option<Wish>,
    next_id: u32,
    pub(super) random: Random,
}

impl Window {
    pub(super) fn new(profile: &Rc<Profile>, origin: &str, tab: TabId, hidden: bool) -> Rc<Window> {
        let host = &profile.host;
        let now = host.now();
        let window = Rc::new(Window {
            host: host.clone(),
            profile: profile.clone(),
            origin: origin.into(),
            tab,
            epoch: host.epoch(),
            alive: Cell::new(true),
            bell: Notify::new(),
            state: RefCell::new(State {
                inbox: VecDeque::new(),
                timers: Timers::default(),
                sockets: BTreeMap::new(),
                peers: BTreeMap::new(),
                fetches: BTreeMap::new(),
                elements: BTreeMap::new(),
                capturing: Vec::new(),
                asking: Vec::new(),
                hidden_since: hidden.then_some(now),
                frozen: false,
                active: false,
                online: true,
                sounded: None,
                wish: None,
                next_id: 0,
                random: host.random(|random| Random::stream(random.next_u64(), "page")),
            }),
        });
        profile.join(&window);
        window
    }

    /// Whether the page can run and be seen: it's there, and the computer is on.
    pub(super) fn is_alive(&self) -> bool {
        self.alive.get() && {
            let state = self.host.state();
            state.epoch() == self.epoch && state.power() != Power::Down
        }
    }

    pub(super) fn next_id(&self) -> u32 {
        let mut state = self.state.borrow_mut();
        state.next_id += 1;
        state.next_id
    }

    // --- the way in ------------------------------------------------------------------------------------------------

    /// Something has happened: the page will hear it, in its turn.
    pub(super) fn post(&self, event: WebEvent) {
        if self.alive.get() {
            self.state.borrow_mut().inbox.push_back(event);
            self.ring();
        }
    }

    /// The task looks again at what is due.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// What the page is to hear next, if anything is due now.
    pub(super) fn next_event(&self, now: SimTime) -> Option<WebEvent> {
        let mut state = self.state.borrow_mut();
        if state.frozen {
            return None;
        }
        if let Some(event) = state.inbox.pop_front() {
            match event {
                WebEvent::Offline => state.online = false,
                WebEvent::Online => state.online = true,
                _ => {}
            }
            return Some(event);
        }
        let pace = state.pace(now, self.profile.settings.throttling);
        state.timers.pop_due(now, pace).map(WebEvent::Timer)
    }

    /// When something is due by itself.
    pub(super) fn next_due(&self, now: SimTime) -> Option<SimTime> {
        let state = self.state.borrow();
        if state.frozen {
            return None;
        }
        let due = state.timers.next_due(state.pace(now, self.profile.settings.throttling));
        [due, self.freezes_at(&state)].into_iter().flatten().min()
    }

    pub(super) fn handler_over(&self) {
        self.state.borrow_mut().timers.handler_over();
    }

    pub(super) fn wish(&self, wish: Wish) {
        self.state.borrow_mut().wish = Some(wish);
        self.ring();
    }

    pub(super) fn take_wish(&self) -> Option<Wish> {
        self.state.borrow_mut().wish.take()
    }

    // --- seen, hidden, frozen --------------------------------------------------------------------------------------

    pub(super) fn is_hidden(&self) -> bool {
        self.state.borrow().hidden_since.is_some()
    }

    /// Returns whether that changes anything.
    pub(super) fn set_hidden(&self, hidden: bool) -> bool {
        let mut state = self.state.borrow_mut();
        if state.hidden_since.is_some() == hidden {
            return false;
        }
        state.hidden_since = hidden.then(|| self.host.now());
        drop(state);
        self.ring();
        true
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.state.borrow().frozen
    }

    pub(super) fn set_frozen(&self, frozen: bool) {
        self.state.borrow_mut().frozen = frozen;
        self.ring();
    }

    /// When the browser freezes the page by itself.
    fn freezes_at(&self, state: &State) -> Option<SimTime> {
        let hidden = state.hidden_since?;
        let after = self.profile.settings.freeze_after?;
        (!state.is_in_call() && !state.is_audible()).then_some(hidden + after)
    }

    pub(super) fn freezes_now(&self, now: SimTime) -> bool {
        let state = self.state.borrow();
        !state.frozen && self.freezes_at(&state).is_some_and(|at| at <= now)
    }

    // --- sound -----------------------------------------------------------------------------------------------------

    pub(super) fn has_microphone(&self) -> bool {
        self.host.microphone().said(self.host.now(), &mut []).is_ok()
    }

    /// A request for the microphone.
    pub(super) fn ask_for_microphone(self: &Rc<Self>, request: RequestId) {
        if !self.has_microphone() {
            return self.post(WebEvent::UserMedia { request, outcome: Err(MediaError::NotFound) });
        }
        match self.profile.microphone(&self.origin) {
            Permission::Granted => self.open_microphone(request),
            Permission::Denied => self.post(WebEvent::UserMedia { request, outcome: Err(MediaError::NotAllowed) }),
            Permission::Ask => self.state.borrow_mut().asking.push(request),
        }
    }

    pub(super) fn asks_for_microphone(&self) -> bool {
        !self.state.borrow().asking.is_empty()
    }

    /// The user has answered.
    pub(super) fn answer_microphone(self: &Rc<Self>, allowed: bool) {
        let permission = if allowed { Permission::Granted } else { Permission::Denied };
        self.profile.set_microphone(&self.origin, permission);
        let asking = std::mem::take(&mut self.state.borrow_mut().asking);
        for request in asking {
            self.ask_for_microphone(request);
        }
    }

    fn open_microphone(self: &Rc<Self>, request: RequestId) {
        let (least, most) = MICROPHONE;
        let takes = self.host.random(|random| least + random.below(most - least + 1));
        let (window, host) = (Rc::downgrade(self), self.host.clone());
        self.host.spawn(async move {
            host.sleep(Duration::from_millis(takes)).await;
            let Some(window) = window.upgrade().filter(|window| window.alive.get()) else { return };
            let outcome = if window.has_microphone() {
                let track = window.new_track(TrackSource::Microphone);
                window.state.borrow_mut().capturing.push(track.clone());
                Ok(MediaStream::of([track]))
            } else {
                Err(MediaError::NotFound)
            };
            window.post(WebEvent::UserMedia { request, outcome });
        });
    }

    /// A track of this page.
    pub(super) fn new_track(self: &Rc<Self>, source: TrackSource) -> MediaStreamTrack {
        MediaStreamTrack::new(self, TrackId(self.next_id()), source)
    }

    pub(super) fn is_capturing(&self) -> bool {
        self.state.borrow().capturing.iter().any(MediaStreamTrack::is_live)
    }

    /// The microphone is gone, or isn't allowed any more: the tracks that listen to it end.
    pub(super) fn lose_microphone(&self) {
        let capturing = std::mem::take(&mut self.state.borrow_mut().capturing);
        for track in capturing.iter().filter(|track| track.is_live()) {
            track.stop();
            self.post(WebEvent::TrackEnded { track: track.id() });
        }
    }

    /// A track was muted, stopped, or is played: the calls must know.
    pub(super) fn track_changed(&self, track: &MediaStreamTrack) {
        if !self.alive.get() {
            return;
        }
        let now = self.host.now();
        // A track may be told of from a place that has the state.
        let peers: Vec<PeerConnection> = {
            let Ok(mut state) = self.state.try_borrow_mut() else { return };
            state.capturing.retain(MediaStreamTrack::is_live);
            if matches!(track.source(), TrackSource::Peer(_)) {
                state.sounded = Some(now);
            }
            state.peers.values().cloned().collect()
        };
        for peer in peers {
            peer.track_changed(track);
        }
        self.ring();
    }

    pub(super) fn may_play(&self) -> bool {
        self.profile.settings.autoplay == Autoplay::Always || self.state.borrow().active || self.is_capturing()
    }

    pub(super) fn play(&self, element: ElementId, stream: &MediaStream) {
        self.state.borrow_mut().elements.insert(element, stream.clone());
        stream.audio_tracks().iter().for_each(|track| track.played(1));
    }

    pub(super) fn pause(&self, element: ElementId) {
        let stream = self.state.borrow_mut().elements.remove(&element);
        if let Some(stream) = stream {
            stream.audio_tracks().iter().for_each(|track| track.played(-1));
        }
    }

    // --- the network -----------------------------------------------------------------------------------------------

    /// The computer has another address now.
    pub(super) fn address_changed(&self) {
        let address = self.host.address();
        let cut = self.profile.settings.drops_lost_addresses;
        for socket in self.state.borrow().sockets.values() {
            if cut && socket.local().is_some_and(|local| local != address) {
                socket.end(Ending::AddressLost);
            }
        }
        self.post(WebEvent::Offline);
        self.post(WebEvent::Online);
    }

    // --- the end ---------------------------------------------------------------------------------------------------

    /// The page doesn't run any more, and nothing of its own is left but what the browser does for it: its connections
    /// end so. Whoever has the page drops it afterwards.
    pub(super) fn end(&self, sockets: impl Fn() -> Ending, hang_up: bool) {
        self.alive.set(false);
        self.profile.leave(self);
        let mut state = self.state.borrow_mut();
        state.clear();
        let (peers, connections) = (std::mem::take(&mut state.peers), std::mem::take(&mut state.sockets));
        let elements = std::mem::take(&mut state.elements);
        drop(state);
        for socket in connections.into_values() {
            socket.end(sockets());
            self.profile.sees_off(&socket);
        }
        if hang_up {
            peers.values().for_each(PeerConnection::close);
        }
        drop((peers, elements));
        self.ring();
    }

    /// The computer has lost power: there's nothing to end, and nobody to do it.
    pub(super) fn vanish(&self) {
        self.alive.set(false);
        let mut state = self.state.borrow_mut();
        state.clear();
        let gone =
            (std::mem::take(&mut state.peers), std::mem::take(&mut state.sockets), std::mem::take(&mut state.elements));
        drop(state);
        drop(gone);
    }
}

impl State {
    fn is_in_call(&self) -> bool {
        self.peers.values().any(PeerConnection::is_in_use)
    }

    /// Whether it plays what somebody else says. Chrome listens whether there's sound in it [modelled: there is].
    fn is_audible(&self) -> bool {
        let heard = |track: &MediaStreamTrack| match track.source() {
            TrackSource::Peer(peer) => track.is_live() && self.peers.get(&peer).is_some_and(PeerConnection::is_in_use),
            TrackSource::Microphone => track.is_live(),
        };
        self.elements.values().any(|stream| stream.audio_tracks().iter().any(heard))
    }

    /// How fast its timers run.
    fn pace(&self, now: SimTime, throttling: bool) -> Pace {
        let Some(hidden) = self.hidden_since else { return Pace::Full };
        let sounded = self.sounded.is_some_and(|at| now < at + SOUND_LASTS);
        if !throttling || self.is_audible() || sounded {
            Pace::Full
        } else if now < hidden + INTENSIVE || self.is_in_call() {
            Pace::Seconds
        } else {
            Pace::Minutes
        }
    }

    fn clear(&mut self) {
        self.inbox.clear();
        self.timers.clear_all();
        self.asking.clear();
        self.capturing.clear();
        self.wish = None;
        for (fetch, keepalive) in std::mem::take(&mut self.fetches).into_values() {
            if !keepalive {
                fetch.abort();
            }
        }
    }
}
