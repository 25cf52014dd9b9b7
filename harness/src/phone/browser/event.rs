//! What happens to a page.

use bytes::Bytes;

use super::fetch::{FetchError, FetchResponse};
use super::media::{MediaError, MediaStream, TrackId};
use super::peer_connection::PeerConnectionEvent;

/// A WebSocket of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);

/// A timer of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u32);

/// Something that a page has asked for, and that takes time: a microphone, a resource, a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// An RTCPeerConnection of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// An audio element of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(pub u32);

/// A tab of a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TabId(pub u32);

/// What a WebSocket's message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

impl Data {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        match self {
            Data::Text(text) => text.len(),
            Data::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Data::Text(text) => text.as_bytes(),
            Data::Binary(bytes) => bytes,
        }
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::Text(text.to_owned())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Data {
        Data::Text(text)
    }
}

impl From<Bytes> for Data {
    fn from(bytes: Bytes) -> Data {
        Data::Binary(bytes)
    }
}

/// A WebSocket's `readyState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyState {
    /// It isn't there yet.
    Connecting,
    /// Messages go both ways.
    Open,
    /// The page has closed it; the other end hasn't yet.
    Closing,
    /// It's over, or never began.
    Closed,
}

/// What happens to a page. Handlers run one at a time.
#[derive(Debug, Clone)]
pub enum WebEvent {
    /// The page is there: its scripts run.
    Load,
    /// A WebSocket is open (`open`).
    SocketOpen {
        /// Which.
        socket: SocketId,
        /// The subprotocol that the server has picked; empty for none.
        protocol: String,
    },
    /// A message has come (`message`).
    SocketMessage {
        /// By which WebSocket.
        socket: SocketId,
        /// What it holds.
        data: Data,
    },
    /// A WebSocket has failed (`error`); [`WebEvent::SocketClose`] follows.
    SocketError {
        /// Which.
        socket: SocketId,
    },
    /// A WebSocket is over (`close`).
    SocketClose {
        /// Which.
        socket: SocketId,
        /// What the other end has sent; 1005 if it sent no code, 1006 if it sent no Close at all.
        code: u16,
        /// The other end's words.
        reason: String,
        /// Whether both ends have said Close.
        clean: bool,
    },
    /// A timer is due.
    Timer(TimerId),
    /// The page is about to be left (`beforeunload`). Nothing can hold the user back here.
    BeforeUnload,
    /// The page is left (`pagehide`).
    PageHide {
        /// Whether it may come back as it is. It never does here: pages with WebSockets or calls aren't kept.
        persisted: bool,
    },
    /// The last that a page hears (`unload`).
    Unload,
    /// The tab was covered, or is seen again (`visibilitychange`).
    VisibilityChange {
        /// Whether nobody sees it now.
        hidden: bool,
    },
    /// Nothing of the page will run until [`WebEvent::Resume`].
    Freeze,
    /// The page runs again.
    Resume,
    /// There is a network (`online`).
    Online,
    /// There is none (`offline`).
    Offline,
    /// `getUserMedia` has an answer.
    UserMedia {
        /// Which request.
        request: RequestId,
        /// The microphone, or why there's none.
        outcome: Result<MediaStream, MediaError>,
    },
    /// A track ended that the page hasn't stopped itself (`ended`): its device is gone.
    TrackEnded {
        /// Which.
        track: TrackId,
    },
    /// An audio device came or went (`devicechange`).
    DeviceChange,
    /// A resource is there, whole, or isn't.
    Fetched {
        /// Which request.
        request: RequestId,
        /// What came.
        outcome: Result<FetchResponse, FetchError>,
    },
    /// Another tab of this site has changed the store (`storage`).
    Storage {
        /// Which key; none if everything was cleared.
        key: Option<String>,
        /// Its value now.
        value: Option<String>,
    },
    /// A lock that the page waited for is its own now.
    LockGranted {
        /// Which request: it is what gives the lock back.
        request: RequestId,
    },
    /// Something of an RTCPeerConnection.
    Peer {
        /// Which.
        peer: PeerId,
        /// What.
        event: PeerConnectionEvent,
    },
}
