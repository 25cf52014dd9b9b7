//! A page's window: everything that belongs to one loading of one page.

use super::media::MediaStreamTrack;

pub(super) struct Window {}

impl Window {
    pub(super) fn track_changed(&self, _track: &MediaStreamTrack) {}
}
