//! The Agent API: a flag is written, and the agent's screen does what it says after its next poll.

use super::Core;
use super::api::{ExternalError, ExternalRequest};
use super::clock::{Now, millis};
use super::screen::{External, Wanted};
use super::sessions::{Session, Status};

impl Core {
    /// Passes a request of the Agent API to an agent's screen. Done means: the flag is written.
    pub fn external(&mut self, now: Now, request: ExternalRequest) -> Result<(), ExternalError> {
        let user = request.user;
        let Some(session) = self.sessions.get(&user) else { return Err(ExternalError::NotLoggedIn(user)) };
        let unseen = now.at.since(session.last_seen);
        if !self.settings.quirks.success_from_dead_tabs && unseen > self.settings.timing.seen {
            return Err(ExternalError::ScreenGone(user, millis(unseen)));
        }
        fits(session, &request.what)?;
        self.sessions.edit(&user, |session| {
            session.last_wanted += 1;
            let id = session.last_wanted;
            session.wanted.push(Wanted { id, what: request.what });
        });
        Ok(())
    }
}

/// Whether that can be asked of an agent as she stands.
fn fits(session: &Session, what: &External) -> Result<(), ExternalError> {
    let user = || session.user.clone();
    match what {
        External::Park | External::Grab | External::Transfer { .. } if !session.has_live_customer() => {
            Err(ExternalError::NoCall(user()))
        }
        External::Dial { .. } if session.status != Status::Paused || session.call.is_some() => {
            Err(ExternalError::WrongState(user(), session.status.name()))
        }
        // Whether there's a call to be ended or named is the screen's matter.
        _ => Ok(()),
    }
}
