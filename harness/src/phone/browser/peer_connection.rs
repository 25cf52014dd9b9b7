//! RTCPeerConnection, as a page has it.

use super::event::PeerId;
use super::media::MediaStreamTrack;
use super::web::Web;

/// How a page wants its connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RtcConfiguration {}

/// What a connection tells its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerConnectionEvent {}

/// An RTCPeerConnection. Clones are the same connection; when the last is dropped its sockets close, and nothing is
/// sent.
#[derive(Debug, Clone)]
pub struct PeerConnection {}

impl PeerConnection {
    pub(super) fn new(_web: &Web, _id: PeerId, _configuration: RtcConfiguration) -> PeerConnection {
        PeerConnection {}
    }

    /// Ends it: the other side is told, and its sockets close.
    pub fn close(&self) {}

    /// Whether it is why a browser keeps a page awake: it isn't closed, and has a live track or an open data channel.
    pub(super) fn is_in_use(&self) -> bool {
        false
    }

    /// A track of the page's was muted, stopped, or is played.
    pub(super) fn track_changed(&self, _track: &MediaStreamTrack) {}
}
