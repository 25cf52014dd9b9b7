//! The Web APIs, as a page calls them.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::error::WebError;
use super::event::{Data, ElementId, PeerId, ReadyState, RequestId, SocketId, TabId, TimerId};
use super::fetch::FetchRequest;
use super::media::MediaStream;
use super::peer_connection::{PeerConnection, RtcConfiguration};
use super::window::Window;
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
        let _ = (url, protocols);
        unimplemented!()
    }

    /// `socket.send(data)`. Once the socket is closing, it's dropped, and only counted.
    ///
    /// # Errors
    /// `InvalidStateError`: the socket isn't open yet.
    pub fn socket_send(&self, socket: SocketId, data: impl Into<Data>) -> Result<(), WebError> {
        let _ = (socket, data.into());
        unimplemented!()
    }

    /// `socket.close(code, reason)`: the Close follows what was sent before.
    ///
    /// # Errors
    /// `InvalidAccessError`: a code other than 1000 and 3000 to 4999. `SyntaxError`: a reason of more than 123 bytes.
    pub fn socket_close(&self, socket: SocketId, code: Option<u16>, reason: &str) -> Result<(), WebError> {
        let _ = (socket, code, reason);
        unimplemented!()
    }

    /// `socket.bufferedAmount`: the bytes of messages that the network hasn't taken yet.
    pub fn socket_buffered_amount(&self, socket: SocketId) -> u64 {
        let _ = socket;
        unimplemented!()
    }

    /// `socket.readyState`.
    pub fn socket_state(&self, socket: SocketId) -> ReadyState {
        let _ = socket;
        unimplemented!()
    }

    // --- timers and clocks -----------------------------------------------------------------------------------------

    /// `setTimeout`.
    pub fn set_timeout(&self, after: Duration) -> TimerId {
        let _ = after;
        unimplemented!()
    }

    /// `setInterval`.
    pub fn set_interval(&self, every: Duration) -> TimerId {
        let _ = every;
        unimplemented!()
    }

    /// `clearTimeout` and `clearInterval`: a timer that's over is no error.
    pub fn clear_timer(&self, timer: TimerId) {
        let _ = timer;
        unimplemented!()
    }

    /// A clock that only goes forward, as `performance.now()`.
    pub fn now(&self) -> SimTime {
        unimplemented!()
    }

    /// The time of day, as `Date.now()`.
    pub fn date(&self) -> SystemTime {
        unimplemented!()
    }

    /// Draws random numbers, as `Math.random` and `crypto.getRandomValues`.
    pub fn random<R>(&self, draw: impl FnOnce(&mut Random) -> R) -> R {
        let _ = draw;
        unimplemented!()
    }

    // --- sound -----------------------------------------------------------------------------------------------------

    /// `navigator.mediaDevices.getUserMedia({ audio: true })`; [`WebEvent::UserMedia`](super::WebEvent::UserMedia)
    /// answers.
    pub fn get_user_media(&self) -> RequestId {
        unimplemented!()
    }

    /// Whether a microphone is there (`enumerateDevices`).
    pub fn has_microphone(&self) -> bool {
        unimplemented!()
    }

    /// Plays a stream in a new audio element (`audio.srcObject = stream; audio.play()`).
    ///
    /// # Errors
    /// `NotAllowedError`: the autoplay policy doesn't allow it yet.
    pub fn play(&self, stream: &MediaStream) -> Result<ElementId, WebError> {
        let _ = stream;
        unimplemented!()
    }

    /// Stops an audio element.
    pub fn pause(&self, element: ElementId) {
        let _ = element;
        unimplemented!()
    }

    // --- calls -----------------------------------------------------------------------------------------------------

    /// `new RTCPeerConnection(configuration)`.
    pub fn peer_connection(&self, configuration: RtcConfiguration) -> PeerId {
        let _ = configuration;
        unimplemented!()
    }

    /// A connection of the page's.
    pub fn peer(&self, peer: PeerId) -> Option<PeerConnection> {
        let _ = peer;
        unimplemented!()
    }

    // --- storage and other tabs ------------------------------------------------------------------------------------

    /// `localStorage.getItem`.
    pub fn local_storage_get(&self, key: &str) -> Option<String> {
        let _ = key;
        unimplemented!()
    }

    /// `localStorage.setItem`. The other tabs of this site learn of it; it's safe from a power cut 5 s later.
    ///
    /// # Errors
    /// `QuotaExceededError`: the site has stored 5 MiB, or the disk is full.
    pub fn local_storage_set(&self, key: &str, value: &str) -> Result<(), WebError> {
        let _ = (key, value);
        unimplemented!()
    }

    /// `localStorage.removeItem`.
    pub fn local_storage_remove(&self, key: &str) {
        let _ = key;
        unimplemented!()
    }

    /// The keys of the store, sorted.
    pub fn local_storage_keys(&self) -> Vec<String> {
        unimplemented!()
    }

    /// `navigator.locks.request(name)`: [`WebEvent::LockGranted`](super::WebEvent::LockGranted) comes when no other
    /// page of this site holds it. A page that's gone holds none.
    pub fn request_lock(&self, name: &str) -> RequestId {
        let _ = name;
        unimplemented!()
    }

    /// Gives a lock back, or stops waiting for it.
    pub fn release_lock(&self, request: RequestId) {
        let _ = request;
        unimplemented!()
    }

    // --- fetch -----------------------------------------------------------------------------------------------------

    /// `fetch(request)`; [`WebEvent::Fetched`](super::WebEvent::Fetched) answers.
    pub fn fetch(&self, request: FetchRequest) -> RequestId {
        let _ = request;
        unimplemented!()
    }

    /// Gives a request up (`AbortController.abort`).
    pub fn abort_fetch(&self, request: RequestId) {
        let _ = request;
        unimplemented!()
    }

    /// `navigator.sendBeacon`: a POST that outlives the tab, and nobody hears what became of it. False: it's too long.
    pub fn send_beacon(&self, url: &str, body: impl Into<Bytes>) -> bool {
        let _ = (url, body.into());
        unimplemented!()
    }

    // --- the tab ---------------------------------------------------------------------------------------------------

    /// Which tab it is in.
    pub fn tab(&self) -> TabId {
        unimplemented!()
    }

    /// Whether nobody sees the page (`document.hidden`).
    pub fn is_hidden(&self) -> bool {
        unimplemented!()
    }

    /// Whether there's a network (`navigator.onLine`).
    pub fn is_online(&self) -> bool {
        unimplemented!()
    }

    /// Whether the user has clicked or typed in the page (`navigator.userActivation.hasBeenActive`).
    pub fn has_been_active(&self) -> bool {
        unimplemented!()
    }

    /// `location.reload()`, when this handler is over.
    pub fn reload(&self) {
        unimplemented!()
    }

    /// `window.close()`, when this handler is over.
    pub fn close(&self) {
        unimplemented!()
    }

    /// `console.log`, with fields: a claim of the page's in the event log.
    pub fn console(&self, kind: &'static str, fields: impl FnOnce(Event) -> Event) {
        let _ = (kind, fields);
        unimplemented!()
    }
}
