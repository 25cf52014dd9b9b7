//! Agents' own phones, and the phones of those who listen to them.

use super::Core;
use super::agent_log::Phase;
use super::api::{ExternalError, Monitoring};
use super::clock::Now;
use super::legs::Owner;
use super::screen::ScreenReply;
use super::sessions::{Phone, Status, Sub};
use crate::floor::switch::{LegId, Order, Part};

impl Core {
    /// Calls an agent's phone into her room.
    pub(super) fn call_phone(&mut self, user: &str) {
        let Some(session) = self.sessions.get(user) else { return };
        let to = session.phone_user.clone();
        let leg = self.legs.place(Owner::Phone(user.to_owned()));
        let timeout = Some(self.settings.timing.phone);
        self.orders.push_back(Order::Call { leg, to, from: None, timeout });
        self.sessions.edit(user, |session| session.phone = Phone::Called(leg));
    }

    pub(super) fn phone_answered(&mut self, now: Now, user: &str, leg: LegId) {
        let Some(room) = self.sessions.get(user).map(|session| session.room) else { return };
        self.orders.push_back(Order::Join { leg, room, part: Part::Talks });
        self.sessions.edit(user, |session| session.phone = Phone::There(leg));
        self.wrapped_up(now, user);
    }

    /// An agent's phone is lost. Her customer stays in the room: a lone member is nobody's fault there.
    pub(super) fn phone_gone(&mut self, now: Now, user: &str) {
        if let Some(session) = self.sessions.get(user).cloned() {
            self.sessions.edit(user, |session| session.phone = Phone::Away);
            if session.advises.is_some() {
                self.leave_consultations(now, &session);
            }
        }
    }

    /// "Call Agent Again": pauses her, if she wasn't.
    pub(super) fn call_phone_again(&mut self, now: Now, user: &str) -> ScreenReply {
        let Some(session) = self.sessions.get(user) else { return ScreenReply::done() };
        if session.phone != Phone::Away {
            return ScreenReply::refused("the phone is in the session, or being called");
        }
        if session.waits() {
            self.stretch(now, user, Phase::Paused, "");
            self.stand(now, user, Status::Paused, Sub::None, "", |_| {});
        }
        self.call_phone(user);
        ScreenReply::done()
    }

    /// Calls the phone of `listener`, a user or a phone, into the room of an agent.
    pub fn monitor(&mut self, _now: Now, listener: &str, agent: &str, how: Monitoring) -> Result<(), ExternalError> {
        if self.sessions.get(agent).is_none() {
            return Err(ExternalError::NotLoggedIn(agent.to_owned()));
        }
        let phone = self.user(listener).map(|user| user.phone.clone()).filter(|phone| !phone.is_empty());
        let to = phone.unwrap_or_else(|| listener.to_owned());
        let leg = self.legs.place(Owner::Monitor(agent.to_owned()));
        let timeout = Some(self.settings.timing.phone);
        self.orders.push_back(Order::Call { leg, to, from: None, timeout });
        self.sessions.edit(agent, |session| session.monitors.push((leg, how)));
        Ok(())
    }

    pub(super) fn monitor_answered(&mut self, agent: &str, leg: LegId) {
        let Some(session) = self.sessions.get(agent) else { return };
        let Some((_, how)) = session.monitors.iter().find(|(monitor, _)| *monitor == leg) else { return };
        let part = match (how, session.phone) {
            (Monitoring::Barge, _) => Part::Talks,
            (Monitoring::Whisper, Phone::There(to)) => Part::Whispers { to },
            // There's nobody to whisper to.
            (Monitoring::Whisper | Monitoring::Listen, _) => Part::Listens,
        };
        self.orders.push_back(Order::Join { leg, room: session.room, part });
    }

    pub(super) fn monitor_gone(&mut self, agent: &str, leg: LegId) {
        self.sessions.edit(agent, |session| session.monitors.retain(|(monitor, _)| *monitor != leg));
    }
}
