//! The Web APIs, as a page calls them.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::error::{Exception, WebError};
use super::event::{Data, ElementId, PeerId, ReadyState, RequestId, SocketId, TabId, TimerId, WebEvent};
use super::fetch::{self, FetchError, FetchRequest, LONGEST_KEEPALIVE};
use super::media::{MediaStream, TrackSource};
use super::peer_connection::{PeerConnection, RtcConfiguration, Seat, SignalingState};
use super::socket::Socket;
use super::window::{Window, Wish};
use crate::trace::{Event, SimTime};
use crate::world::Random;

/// A page's window: the Web APIs. The handle is cheap to clone; when the page is gone, its calls do nothing any more.
#[derive(Clone)]
pub struct Web {
    pub(super) window: Rc<Window>,
}

impl Web {
    // --- WebSocket -------------------------------------------------------------------------------------------------

    /// `new WebSocket(url, protocols)`: `ws://host:port/path`, by name or address.
    ///
    /// # Errors
    /// `SyntaxError`: no such address, or a subprotocol that's none or is named twice. `NotSupportedError`: there's no
    /// TLS here, so no `wss`.
    pub fn web_socket(&self, url: &str, protocols: &[&str]) -> Result<SocketId, WebError> {
        let id = SocketId(self.window.next_id());
        if !self.window.is_alive() {
            return Ok(id);
        }
        let socket = Socket::open(&self.window, id, url, protocols)?;
        let mut state = self.window.state.borrow_mut();
        state.sockets.retain(|_, socket| socket.state() != ReadyState::Closed);
        state.sockets.insert(id, socket);
        Ok(id)
    }

    /// `socket.send(data)`. Once the socket is closing, it's dropped, and only counted.
    ///
    /// # Errors
    /// `InvalidStateError`: the socket isn't open yet.
    pub fn socket_send(&self, socket: SocketId, data: impl Into<Data>) -> Result<(), WebError> {
        self.socket(socket).map_or(Ok(()), |socket| socket.send(data.into()))
    }

    /// `socket.close(code, reason)`: the Close follows what was sent before.
    ///
    /// # Errors
    /// `InvalidAccessError`: a code other than 1000 and 3000 to 4999. `SyntaxError`: a reason of more than 123 bytes.
    pub fn socket_close(&self, socket: SocketId, code: Option<u16>, reason: &str) -> Result<(), WebError> {
        self.socket(socket).map_or(Ok(()), |socket| socket.close(code, reason))
    }

    /// `socket.bufferedAmount`: the bytes of messages that the network hasn't taken yet.
    pub fn socket_buffered_amount(&self, socket: SocketId) -> u64 {
        self.socket(socket).map_or(0, |socket| socket.buffered())
    }

    /// `socket.readyState`.
    pub fn socket_state(&self, socket: SocketId) -> ReadyState {
        self.socket(socket).map_or(ReadyState::Closed, |socket| socket.state())
    }

    // --- timers and clocks -----------------------------------------------------------------------------------------

    /// `setTimeout`.
    pub fn set_timeout(&self, after: Duration) -> TimerId {
        self.set_timer(after, false)
    }

    /// `setInterval`.
    pub fn set_interval(&self, every: Duration) -> TimerId {
        self.set_timer(every, true)
    }

    /// `clearTimeout` and `clearInterval`: a timer that's over is no error.
    pub fn clear_timer(&self, timer: TimerId) {
        self.window.state.borrow_mut().timers.clear(timer);
        self.window.ring();
    }

    /// A clock that only goes forward, as `performance.now()`.
    pub fn now(&self) -> SimTime {
        self.window.host.now()
    }

    /// The time of day, as `Date.now()`.
    pub fn date(&self) -> SystemTime {
        self.window.host.wall_clock()
    }

    /// Draws random numbers, as `Math.random` and `crypto.getRandomValues`.
    pub fn random<R>(&self, draw: impl FnOnce(&mut Random) -> R) -> R {
        draw(&mut self.window.state.borrow_mut().random)
    }

    // --- sound -----------------------------------------------------------------------------------------------------

    /// `navigator.mediaDevices.getUserMedia({ audio: true })`; [`WebEvent::UserMedia`](super::WebEvent::UserMedia)
    /// answers.
    pub fn get_user_media(&self) -> RequestId {
        let request = RequestId(self.window.next_id());
        if self.window.is_alive() {
            self.window.ask_for_microphone(request);
        }
        request
    }

    /// Whether a microphone is there (`enumerateDevices`).
    pub fn has_microphone(&self) -> bool {
        self.window.is_alive() && self.window.has_microphone()
    }

    /// Plays a stream in a new audio element (`audio.srcObject = stream; audio.play()`).
    ///
    /// # Errors
    /// `NotAllowedError`: the autoplay policy doesn't allow it yet.
    pub fn play(&self, stream: &MediaStream) -> Result<ElementId, WebError> {
        if !self.window.is_alive() || !self.window.may_play() {
            return Err(Exception::NotAllowed.because("the user hasn't done anything in this page yet"));
        }
        let element = ElementId(self.window.next_id());
        self.window.play(element, stream);
        Ok(element)
    }

    /// Stops an audio element.
    pub fn pause(&self, element: ElementId) {
        self.window.pause(element);
    }

    // --- calls -----------------------------------------------------------------------------------------------------

    /// `new RTCPeerConnection(configuration)`. Those that are closed can be asked nothing more from then on.
    pub fn peer_connection(&self, configuration: RtcConfiguration) -> PeerId {
        let id = PeerId(self.window.next_id());
        if self.window.is_alive() {
            let peer = PeerConnection::new(self.seat(id), configuration);
            let mut state = self.window.state.borrow_mut();
            // Nobody collects garbage here: what is closed is forgotten when there's something new.
            state.peers.retain(|_, peer| peer.signaling_state() != SignalingState::Closed);
            state.peers.insert(id, peer);
        }
        id
    }

    /// A connection of the page's.
    pub fn peer(&self, peer: PeerId) -> Option<PeerConnection> {
        self.window.state.borrow().peers.get(&peer).cloned()
    }

    // --- storage and other tabs ------------------------------------------------------------------------------------

    /// `localStorage.getItem`.
    pub fn local_storage_get(&self, key: &str) -> Option<String> {
        if !self.window.is_alive() {
            return None;
        }
        self.window.profile.store(&self.window.origin, |store| store.get(key).map(str::to_owned))
    }

    /// `localStorage.setItem`. The other tabs of this site learn of it; it's safe from a power cut 5 s later.
    ///
    /// # Errors
    /// `QuotaExceededError`: the site has stored 5 MiB, or the disk is full.
    pub fn local_storage_set(&self, key: &str, value: &str) -> Result<(), WebError> {
        if !self.window.is_alive() {
            return Ok(());
        }
        self.window.profile.set(&self.window, key, Some(value))
    }

    /// `localStorage.removeItem`.
    pub fn local_storage_remove(&self, key: &str) {
        if self.window.is_alive() {
            // On a full disk it comes back at the next start.
            let _ = self.window.profile.set(&self.window, key, None);
        }
    }

    /// The keys of the store, sorted.
    pub fn local_storage_keys(&self) -> Vec<String> {
        if !self.window.is_alive() {
            return Vec::new();
        }
        self.window.profile.store(&self.window.origin, |store| store.keys())
    }

    /// `navigator.locks.request(name)`: [`WebEvent::LockGranted`](super::WebEvent::LockGranted) comes when no other
    /// page of this site holds it. A page that's gone holds none.
    pub fn request_lock(&self, name: &str) -> RequestId {
        let request = RequestId(self.window.next_id());
        if self.window.is_alive() {
            self.window.profile.request(&self.window, name, request);
        }
        request
    }

    /// Gives a lock back, or stops waiting for it.
    pub fn release_lock(&self, request: RequestId) {
        self.window.profile.release(&self.window, Some(request));
    }

    // --- fetch -----------------------------------------------------------------------------------------------------

    /// `fetch(request)`; [`WebEvent::Fetched`](super::WebEvent::Fetched) answers.
    pub fn fetch(&self, request: FetchRequest) -> RequestId {
        let id = RequestId(self.window.next_id());
        if self.window.is_alive() {
            self.start_fetch(id, request);
        }
        id
    }

    /// Gives a request up (`AbortController.abort`).
    pub fn abort_fetch(&self, request: RequestId) {
        let fetch = self.window.state.borrow_mut().fetches.remove(&request);
        if let Some((fetch, _)) = fetch {
            fetch.abort();
            self.window.post(WebEvent::Fetched { request, outcome: Err(FetchError::Aborted) });
        }
    }

    /// `navigator.sendBeacon`: a POST that outlives the tab, and nobody hears what became of it. False: it's too long.
    pub fn send_beacon(&self, url: &str, body: impl Into<Bytes>) -> bool {
        let body = body.into();
        let fits = self.window.is_alive() && body.len() <= LONGEST_KEEPALIVE;
        if fits {
            self.fetch(FetchRequest::post(url, "text/plain;charset=UTF-8", body).keepalive());
        }
        fits
    }

    // --- the tab ---------------------------------------------------------------------------------------------------

    /// Which tab it is in.
    pub fn tab(&self) -> TabId {
        self.window.tab
    }

    /// Whether nobody sees the page (`document.hidden`).
    pub fn is_hidden(&self) -> bool {
        self.window.is_hidden()
    }

    /// Whether there's a network (`navigator.onLine`).
    pub fn is_online(&self) -> bool {
        self.window.state.borrow().online
    }

    /// Whether the user has clicked or typed in the page (`navigator.userActivation.hasBeenActive`).
    pub fn has_been_active(&self) -> bool {
        self.window.state.borrow().active
    }

    /// `location.reload()`, when this handler is over.
    pub fn reload(&self) {
        self.window.wish(Wish::Reload);
    }

    /// `window.close()`, when this handler is over.
    pub fn close(&self) {
        self.window.wish(Wish::Close);
    }

    /// `console.log`, with fields: a claim of the page's in the event log.
    pub fn console(&self, kind: &'static str, fields: impl FnOnce(Event) -> Event) {
        if self.window.is_alive() {
            self.window.host.claim(kind, fields);
        }
    }

    // --- for the other rooms of the browser ------------------------------------------------------------------------

    fn socket(&self, socket: SocketId) -> Option<Rc<Socket>> {
        if !self.window.is_alive() {
            return None;
        }
        self.window.state.borrow().sockets.get(&socket).cloned()
    }

    fn seat(&self, peer: PeerId) -> Seat {
        let window = &self.window;
        let page = Rc::downgrade(window);
        Seat {
            host: window.host.clone(),
            certificate: window.profile.certificate(),
            random: self.random(|random| Random::stream(random.next_u64(), "peer connection")),
            incoming: window.new_track(TrackSource::Peer(peer)),
            tell: Rc::new(move |event| {
                if let Some(window) = page.upgrade() {
                    window.post(WebEvent::Peer { peer, event });
                }
            }),
        }
    }

    fn set_timer(&self, wait: Duration, repeats: bool) -> TimerId {
        let id = TimerId(self.window.next_id());
        if self.window.is_alive() {
            self.window.state.borrow_mut().timers.set(self.window.host.now(), id, wait, repeats);
            self.window.ring();
        }
        id
    }

    fn start_fetch(&self, id: RequestId, request: FetchRequest) {
        let window = &self.window;
        let keepalive = request.keepalive;
        if keepalive && request.body.len() > LONGEST_KEEPALIVE {
            let why = format!("a request that outlives its page has {LONGEST_KEEPALIVE} bytes at most");
            return window.post(WebEvent::Fetched { request: id, outcome: Err(FetchError::Network(why)) });
        }
        let (host, origin) = (window.host.clone(), window.origin.clone());
        let profile = window.profile.clone();
        let page = Rc::downgrade(window);
        let task = window.host.spawn(async move {
            let outcome = fetch::fetch(&host, &profile.pool, request, &origin, &profile.settings.user_agent).await;
            let Some(window) = page.upgrade() else { return };
            let asked = window.state.borrow_mut().fetches.remove(&id).is_some();
            if asked {
                window.post(WebEvent::Fetched { request: id, outcome });
            }
        });
        let task = task.abort_handle();
        if keepalive {
            window.profile.carries_on(task.clone());
        }
        window.state.borrow_mut().fetches.insert(id, (task, keepalive));
    }
}
