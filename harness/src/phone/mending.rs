//! Calls whose packets no longer arrive, as far as the phone can know: mended once, or given up.

use std::time::Duration;

use super::call::{LegId, Stage};
use super::core::{Core, Due};
use super::place::MediaState;
use crate::trace::SimTime;

/// Packets that were away for a moment mostly come back by themselves.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a mended way has to carry something.
const MENDED_WITHIN: Duration = Duration::from_secs(20);

impl Core {
    /// The transport of a call says how its packets fare.
    pub(super) fn media_changed(&mut self, now: SimTime, id: LegId, state: MediaState) {
        if self.behaviour().web.ignores_lost_media {
            return;
        }
        let Some(leg) = self.leg(id).filter(|leg| leg.stage == Stage::Up) else { return };
        let mending = leg.mending;
        match state {
            MediaState::Well => {
                leg.mending = false;
                self.stop(Due::Media(id));
            }
            MediaState::Unsteady if !mending => self.set(now + PATIENCE, Due::Media(id)),
            MediaState::Unsteady => {}
            MediaState::Lost => self.media_still_lost(now, id),
            MediaState::Closed => {
                // Mostly the BYE comes a moment later.
                leg.mending = true;
                self.set(now + PATIENCE, Due::Media(id));
            }
        }
    }

    /// They didn't come back: another way is looked for, once.
    pub(super) fn media_still_lost(&mut self, now: SimTime, id: LegId) {
        let online = !self.is_offline();
        let Some(leg) = self.leg(id).filter(|leg| leg.stage == Stage::Up) else { return };
        if leg.mending {
            return self.give_up_media(now, id);
        }
        leg.mending = true;
        if self.behaviour().web.never_restarts_ice {
            return self.give_up_media(now, id);
        }
        self.set(now + MENDED_WITHIN, Due::Media(id));
        // Without a connection to the server it's done as soon as there is one.
        if online {
            self.refresh_call(now, id);
        }
    }

    fn give_up_media(&mut self, now: SimTime, id: LegId) {
        self.message = "the audio's connection is lost".into();
        self.end(now, id);
    }
}
