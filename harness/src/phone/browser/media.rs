//! Microphones and sound, as a page has them: streams and their tracks.

use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use super::event::PeerId;
use super::window::Window;

/// A track of a page's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u32);

/// Why a page gets no microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The user doesn't want it.
    #[error("NotAllowedError: the microphone is denied to this site")]
    NotAllowed,
    /// There's none.
    #[error("NotFoundError: no microphone is plugged in")]
    NotFound,
}

impl MediaError {
    /// Its name, as `error.name` has it.
    pub fn name(self) -> &'static str {
        match self {
            MediaError::NotAllowed => "NotAllowedError",
            MediaError::NotFound => "NotFoundError",
        }
    }
}

/// Where a track's sound comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackSource {
    /// The computer's microphone.
    Microphone,
    /// The other side of a call.
    Peer(PeerId),
}

/// A MediaStreamTrack of audio. Clones are the same track.
#[derive(Clone)]
pub struct MediaStreamTrack(Rc<Track>);

struct Track {
    id: TrackId,
    source: TrackSource,
    enabled: Cell<bool>,
    ended: Cell<bool>,
    /// How many elements play it.
    played: Cell<u32>,
    window: Weak<Window>,
}

impl MediaStreamTrack {
    pub(super) fn new(window: &Rc<Window>, id: TrackId, source: TrackSource) -> MediaStreamTrack {
        MediaStreamTrack(Rc::new(Track {
            id,
            source,
            enabled: Cell::new(true),
            ended: Cell::new(false),
            played: Cell::new(0),
            window: Rc::downgrade(window),
        }))
    }

    /// Which it is.
    pub fn id(&self) -> TrackId {
        self.0.id
    }

    /// Where its sound comes from.
    pub fn source(&self) -> TrackSource {
        self.0.source
    }

    /// Whether it isn't muted by the page (`enabled`).
    pub fn is_enabled(&self) -> bool {
        self.0.enabled.get()
    }

    /// Mutes it, or not: a muted track gives silence.
    pub fn set_enabled(&self, enabled: bool) {
        if self.0.enabled.replace(enabled) != enabled {
            self.tell();
        }
    }

    /// Whether it can still give sound (`readyState` is "live").
    pub fn is_live(&self) -> bool {
        !self.0.ended.get()
    }

    /// Whether what's said can be heard in it: it's live and enabled.
    pub fn gives_sound(&self) -> bool {
        self.is_live() && self.is_enabled()
    }

    /// Whether an element of the page plays it.
    pub fn is_played(&self) -> bool {
        self.0.played.get() > 0
    }

    /// Ends it. No event tells of it: the page has done it itself.
    pub fn stop(&self) {
        if !self.0.ended.replace(true) {
            self.tell();
        }
    }

    pub(super) fn played(&self, by: i32) {
        self.0.played.set(self.0.played.get().saturating_add_signed(by));
        self.tell();
    }

    /// The page's calls learn that the track isn't as it was.
    fn tell(&self) {
        if let Some(window) = self.0.window.upgrade() {
            window.track_changed(self);
        }
    }
}

impl fmt::Debug for MediaStreamTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_live() { "live" } else { "ended" };
        write!(f, "track {} of {:?}, {state}", self.0.id.0, self.0.source)
    }
}

/// A MediaStream: audio tracks that belong together. Clones share their tracks.
#[derive(Debug, Clone, Default)]
pub struct MediaStream {
    tracks: Vec<MediaStreamTrack>,
}

impl MediaStream {
    /// A stream of these tracks.
    pub fn of(tracks: impl IntoIterator<Item = MediaStreamTrack>) -> MediaStream {
        MediaStream { tracks: tracks.into_iter().collect() }
    }

    /// Its tracks, all of audio.
    pub fn audio_tracks(&self) -> &[MediaStreamTrack] {
        &self.tracks
    }

    /// Whether a track of it is live.
    pub fn is_active(&self) -> bool {
        self.tracks.iter().any(MediaStreamTrack::is_live)
    }

    /// Mutes or unmutes all its tracks.
    pub fn set_enabled(&self, enabled: bool) {
        self.tracks.iter().for_each(|track| track.set_enabled(enabled));
    }

    /// Ends all its tracks.
    pub fn stop(&self) {
        self.tracks.iter().for_each(MediaStreamTrack::stop);
    }
}
