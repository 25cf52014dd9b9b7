//! Logging in and out, and what becomes of a session that nobody has ended.

use super::Core;
use super::agent_log::Phase;
use super::api::AuthError;
use super::calls::Stage;
use super::clock::Now;
use super::leads::{LeadId, Taken};
use super::screen::ScreenReply;
use super::sessions::{Customer, Phone, Session, Status, Sub};
use crate::floor::switch::Order;

impl Core {
    /// An agent logs in: the floor calls her phone into a room of her own, and she's paused.
    pub(super) fn log_in(&mut self, now: Now, user: &str, password: &str, campaign: &str) -> ScreenReply {
        let found = match self.authenticate(now, user, password) {
            Ok(found) => found,
            Err(AuthError::Wrong) => return ScreenReply::refused("Login incorrect, please try again"),
            Err(AuthError::LockedOut) => {
                return ScreenReply::refused("Too many login attempts, try again in 15 minutes");
            }
        };
        if self.settings.campaign(campaign).is_none() {
            return ScreenReply::refused(format!("there's no campaign {campaign}"));
        }
        if found.phone.is_empty() {
            return ScreenReply::refused(format!("{user} has no phone"));
        }
        // Who logs in again ends what was left of her: the old screen is disabled by that, the old room closed.
        self.end_session(now, user, "LOGIN");
        for lead in self.leads.held_by(user) {
            self.abandoned(now, user, lead);
        }
        let room = self.legs.room();
        let name = format!("{}_{}{:08}", now.wall / 1_000, room.0, self.random.below(100_000_000));
        let stretch = self.agent_log.begin(user, &name, campaign, now.wall, Phase::Paused, "LOGIN");
        self.sessions.add(Session {
            user: user.to_owned(),
            name: name.clone(),
            campaign: campaign.to_owned(),
            phone_user: found.phone,
            room,
            status: Status::Paused,
            sub: Sub::None,
            pause_code: "LOGIN".to_owned(),
            call: None,
            lead: None,
            phone_number: String::new(),
            pop_url: String::new(),
            pause_next: None,
            calls_today: 0,
            logged_in: now.wall,
            since: now.wall,
            last_wanted: 0,
            wanted: Vec::new(),
            stretch,
            last_seen: now.at,
            waits_since: now.at,
            phone: Phone::Away,
            customer: Customer::None,
            dead_polls: 0,
            third: None,
            monitors: Vec::new(),
            advises: None,
            wraps_until: None,
        });
        self.call_phone(user);
        if let Some(session) = self.sessions.get(user).cloned() {
            self.tell_state(now, &session, session.status.name());
        }
        ScreenReply { session_name: Some(name), ..ScreenReply::done() }
    }

    /// An agent logs out. Nobody leaves a customer behind on the line; an open disposition stays open for ever.
    pub(super) fn log_out(&mut self, now: Now, user: &str) -> ScreenReply {
        let Some(session) = self.sessions.get(user) else { return ScreenReply::done() };
        if session.has_live_customer() {
            return ScreenReply::refused("STILL A LIVE CALL");
        }
        self.end_session(now, user, "LOGOUT");
        ScreenReply::done()
    }

    /// Ends a session, whatever runs in it.
    pub(super) fn end_session(&mut self, now: Now, user: &str, why: &str) {
        let Some(session) = self.sessions.get(user).cloned() else { return };
        self.leave_consultations(now, &session);
        if let Some(call) = session.call.as_ref().and_then(|call| self.calls.get(call))
            && session.has_live_customer()
        {
            let (id, leg) = (call.id.clone(), call.leg);
            self.finish(now, &id, "NONE", None);
            self.hang_up(leg);
        }
        match session.phone {
            Phone::There(leg) | Phone::Called(leg) => self.hang_up(leg),
            Phone::Away => {}
        }
        for (leg, _) in &session.monitors {
            self.hang_up(*leg);
        }
        self.orders.push_back(Order::CloseRoom { room: session.room });
        self.agent_log.end(session.stretch, now.wall);
        self.sessions.remove(user);
        self.tell_state(now, &session, why);
        if !self.settings.quirks.leads_left_in_call {
            self.gives_up(now, &session);
        }
    }

    /// An agent has vanished from a lead without saying what became of the call: ERI, nobody's.
    fn abandoned(&mut self, now: Now, user: &str, lead: LeadId) {
        if let Some(Taken::Call(call)) = self.leads.taken(lead)
            && let Some(call) = self.calls.get(call)
        {
            // It was given to somebody else meanwhile, and is his matter.
            if !matches!(&call.stage, Stage::WithAgent { user: with } if with == user) {
                return;
            }
            let (id, leg) = (call.id.clone(), call.leg);
            self.finish(now, &id, "NONE", None);
            self.hang_up(leg);
        }
        if let Some(call) = self.calls.of_lead(lead).last().cloned() {
            self.outcome(&call, "ERI");
        }
        self.out_of_hopper(lead);
        self.leads.edit(lead, now.wall, |lead| {
            lead.status = "ERI".to_owned();
            lead.user.clear();
        });
    }

    /// What becomes of the call that a session leaves without a disposition, where leads aren't left in calls.
    fn gives_up(&mut self, now: Now, session: &Session) {
        let (Some(call), Some(lead)) = (&session.call, session.lead) else { return };
        if self.calls.of_lead(lead).last() == Some(call) {
            self.abandoned(now, &session.user, lead);
        }
        // Whoever has the lead now: of this call nobody has said anything.
        self.outcome(call, "ERI");
    }

    /// Agents whose screens have been silent too long lag: they're paused, and whatever they had stays as it is. Rows of
    /// those who have paused for ever without being seen are removed some day.
    pub(super) fn look_for_laggards(&mut self, now: Now) {
        let timing = self.settings.timing;
        let unseen = |session: &Session| now.at.since(session.last_seen);
        let lag = |session: &&Session| session.status != Status::Paused && unseen(session) > timing.lagged;
        let stale = |session: &&Session| session.status == Status::Paused && unseen(session) > timing.stale;
        let laggards: Vec<String> = self.sessions.iter().filter(lag).map(|session| session.user.clone()).collect();
        let stale: Vec<String> = self.sessions.iter().filter(stale).map(|session| session.user.clone()).collect();
        for user in laggards {
            self.stretch(now, &user, Phase::Paused, "LAGGED");
            self.stand(now, &user, Status::Paused, Sub::None, "LAGGED", |_| {});
            self.settle_ghost(now, &user);
        }
        for user in stale {
            self.end_session(now, &user, "STALE");
        }
    }

    /// Where leads aren't left in calls: a laggard whose customer has gone gives her lead up.
    pub(super) fn settle_ghost(&mut self, now: Now, user: &str) {
        if self.settings.quirks.leads_left_in_call {
            return;
        }
        let Some(session) = self.sessions.get(user).cloned() else { return };
        if session.pause_code != "LAGGED" || session.status != Status::Paused || session.has_live_customer() {
            return;
        }
        self.gives_up(now, &session);
        self.sessions.edit(user, |session| session.clear_call());
    }
}
