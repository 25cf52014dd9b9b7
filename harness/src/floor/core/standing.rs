//! How an agent stands, and the phases of her record that go with it.

use super::Core;
use super::agent_log::Phase;
use super::clock::Now;
use super::sessions::{Customer, Session, Status, Sub};
use super::timers::Due;

impl Session {
    /// There's no call any more, and none to be disposed of.
    pub(super) fn clear_call(&mut self) {
        self.call = None;
        self.lead = None;
        self.phone_number.clear();
        self.pop_url.clear();
        self.customer = Customer::None;
        self.dead_polls = 0;
    }
}

impl Core {
    /// An agent stands so from now on.
    pub(super) fn stand(
        &mut self,
        now: Now,
        user: &str,
        status: Status,
        sub: Sub,
        pause_code: &str,
        also: impl FnOnce(&mut Session),
    ) {
        let changed = self.sessions.edit(user, |session| {
            also(session);
            let changed = session.status != status || session.sub != sub || session.pause_code != pause_code;
            if changed {
                assert!(
                    legal(session.status, status),
                    "{user} can't become {} from {}",
                    status.name(),
                    session.status.name()
                );
                session.status = status;
                session.sub = sub;
                pause_code.clone_into(&mut session.pause_code);
                session.since = now.wall;
                session.waits_since = now.at;
            }
            changed
        });
        if changed == Some(true)
            && let Some(session) = self.sessions.get(user).cloned()
        {
            self.tell_state(now, &session, status.name());
        }
    }

    /// The status in which an agent of a campaign waits: where customers call in, it's CLOSER.
    fn waiting_status(&self, campaign: &str) -> Status {
        if self.settings.inbound.iter().any(|line| line.campaign == campaign) { Status::Closer } else { Status::Ready }
    }

    /// From now on it's another phase of the same stretch.
    pub(super) fn phase(&mut self, now: Now, user: &str, phase: Phase) {
        if let Some(session) = self.sessions.get(user) {
            self.agent_log.turn(session.stretch, now.wall, phase);
        }
    }

    /// A new stretch of an agent's session begins.
    pub(super) fn stretch(&mut self, now: Now, user: &str, phase: Phase, code: &str) {
        let Some(session) = self.sessions.get(user) else { return };
        self.agent_log.end(session.stretch, now.wall);
        let next = self.agent_log.begin(user, &session.name, &session.campaign, now.wall, phase, code);
        self.sessions.edit(user, |session| session.stretch = next);
    }

    /// An agent waits for calls from now on.
    pub(super) fn become_ready(&mut self, now: Now, user: &str) {
        let Some(campaign) = self.sessions.get(user).map(|session| session.campaign.clone()) else { return };
        let status = self.waiting_status(&campaign);
        self.stand(now, user, status, Sub::None, "", |session| {
            assert!(session.call.is_none(), "{user} has {:?} and is to wait for another", session.call);
            session.pause_next = None;
        });
        self.route(now, &campaign);
    }

    /// An agent's wrap-up is over.
    pub(super) fn wrapped_up(&mut self, now: Now, user: &str) {
        if let Some(campaign) = self.sessions.get(user).map(|session| session.campaign.clone()) {
            self.route(now, &campaign);
        }
    }

    /// After a call: paused, if she wished so, or ready once her wrap-up is over.
    pub(super) fn after_call(&mut self, now: Now, user: &str, pause: bool) {
        let Some(session) = self.sessions.get(user) else { return };
        let wrap_up = self.settings.campaign(&session.campaign).map(|campaign| campaign.wrap_up).unwrap_or_default();
        let pause = session.pause_next.clone().or_else(|| pause.then(String::new));
        match pause {
            Some(code) => {
                self.stretch(now, user, Phase::Paused, &code);
                self.stand(now, user, Status::Paused, Sub::None, &code, |session| session.pause_next = None);
            }
            None => {
                self.stretch(now, user, Phase::Waiting, "");
                if !wrap_up.is_zero() {
                    let until = now.at + wrap_up;
                    self.sessions.edit(user, |session| session.wraps_until = Some(until));
                    self.timers.set(until, Due::Wrapped(user.to_owned()));
                }
                self.become_ready(now, user);
            }
        }
    }
}

/// Which status can follow which. A call is offered to who waits, and picked up or lost track of; every way back to
/// waiting leads over a pause or the disposition, which is one.
fn legal(from: Status, to: Status) -> bool {
    match to {
        Status::Ready | Status::Closer => matches!(from, Status::Paused | Status::Ready | Status::Closer),
        // Who was asked for advice is paused while she's given the customer.
        Status::Queue => from != Status::InCall,
        // By hand, from a pause or from waiting.
        Status::InCall => true,
        Status::Paused => true,
    }
}
