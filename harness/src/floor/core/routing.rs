//! Who gets whom: customers who wait and agents who wait.

use std::time::Duration;

use super::Core;
use super::agent_log::Phase;
use super::callbacks::CallbackStatus;
use super::calls::{CallId, Direction, Stage};
use super::clock::Now;
use super::sessions::{Customer, Phone, Session, Status, Sub};
use super::timers::Due;
use crate::floor::settings::InboundLine;
use crate::floor::switch::{Order, Part};
use crate::trace::SimTime;
use crate::webhook::event::fill_url;

impl Core {
    /// A customer is there and waits for an agent.
    pub(super) fn wait_for_agent(&mut self, now: Now, id: &CallId) {
        self.tally_answer(id);
        self.queue_up(now, id);
    }

    /// A customer waits in the queue of the call's campaign.
    pub(super) fn queue_up(&mut self, now: Now, id: &CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.stage = Stage::Waiting;
        call.waits_since = now.at;
        let (campaign, leg, direction) = (call.campaign.clone(), call.leg, call.direction);
        // A customer who called doesn't wait for one who was called, and nobody for one who is the later of his kind.
        let queue = self.queues.entry(campaign.clone()).or_default();
        let before = |waiting: &CallId| {
            direction == Direction::Auto
                || self.calls.get(waiting).is_some_and(|waiting| waiting.direction != Direction::Auto)
        };
        let at = queue.iter().position(|waiting| !before(waiting)).unwrap_or(queue.len());
        queue.insert(at, id.clone());
        self.lead_of_call(now, id, "PU", None);
        self.route(now, &campaign);
        if self.calls.get(id).is_some_and(|call| call.stage == Stage::Waiting) {
            // Who called hears music. Who was called hears nothing, and won't for long.
            self.orders.push_back(Order::Park { leg, music: direction != Direction::Auto });
            let limit = self.waits_at_most(id);
            self.timers.set(now.at + limit, Due::Waited(id.clone()));
        }
    }

    /// How long a customer may wait in the queue where he is.
    fn waits_at_most(&self, id: &CallId) -> Duration {
        let Some(call) = self.calls.get(id) else { return Duration::ZERO };
        let line = call.line.as_ref().and_then(|line| self.settings.inbound.iter().find(|found| found.number == *line));
        match (line, self.settings.campaign(&call.campaign)) {
            (Some(line), _) => line.wait_at_most,
            (None, Some(campaign)) if call.direction == Direction::Auto => campaign.drop_after,
            // Who was handed over waits as long as an inbound group lets its callers wait.
            _ => InboundLine::new("", "").wait_at_most,
        }
    }

    /// A customer may have waited too long.
    pub(super) fn waited(&mut self, now: Now, id: &CallId) {
        let limit = self.waits_at_most(id);
        let Some(call) = self.calls.get(id) else { return };
        if call.stage != Stage::Waiting || now.at.since(call.waits_since) < limit {
            return;
        }
        if call.direction == Direction::Auto {
            let leg = call.leg;
            self.finish(now, id, "QUEUETIMEOUT", Some("DROP"));
            self.hang_up(leg);
        } else {
            self.overflow(now, id);
        }
    }

    /// Whether an agent can get a call now.
    fn is_free(&self, now: SimTime, session: &Session) -> bool {
        session.waits()
            // A ghost's window: a screen that has died is given calls for five seconds still.
            && now.since(session.last_seen) <= self.settings.timing.seen
            && session.wraps_until.is_none_or(|until| until <= now)
            && (self.settings.quirks.calls_to_empty_rooms || matches!(session.phone, Phone::There(_)))
    }

    /// How many agents of a campaign can get a call now.
    pub(super) fn free_agents(&self, now: Now, campaign: &str) -> usize {
        self.sessions.waiting(campaign).filter(|session| self.is_free(now.at, session)).count()
    }

    /// Brings customers who wait to agents who wait, the longest first.
    pub(super) fn route(&mut self, now: Now, campaign: &str) {
        loop {
            let Some(queue) = self.queues.get(campaign) else { return };
            let found = queue.iter().find_map(|id| {
                let call = self.calls.get(id)?;
                let agent = match &call.only {
                    Some(user) => self.sessions.get(user).filter(|session| self.is_free(now.at, session)),
                    None => self.sessions.waiting(campaign).find(|session| self.is_free(now.at, session)),
                };
                Some((id.clone(), agent?.user.clone()))
            });
            let Some((id, user)) = found else { return };
            self.assign(now, &id, &user);
        }
    }

    /// Whether anybody waits in a queue where this agent could help.
    pub(super) fn could_help(&self, campaign: &str) -> bool {
        self.queues.get(campaign).is_some_and(|queue| !queue.is_empty())
    }

    /// An agent gets a call: she hears the customer at once, her screen learns of it by its next poll.
    pub(super) fn assign(&mut self, now: Now, id: &CallId, user: &str) {
        let Some(session) = self.sessions.get(user) else { return };
        assert!(session.call.is_none(), "{user} has {:?} and is given {id} too", session.call);
        let (room, stretch) = (session.room, session.stretch);
        let Some(call) = self.calls.get_mut(id) else { return };
        call.stage = Stage::WithAgent { user: user.to_owned() };
        let (leg, lead, campaign, number) = (call.leg, call.lead, call.campaign.clone(), call.phone_number.clone());
        if let Some(queue) = self.queues.get_mut(&campaign) {
            queue.retain(|waiting| waiting != id);
        }
        self.orders.push_back(Order::Join { leg, room, part: Part::Talks });
        if let Some(record) = self.calls.edit_record(id) {
            record.user = user.to_owned();
            record.routed = Some(now.wall);
        }
        self.lead_of_call(now, id, "QUEUE", Some(user));
        self.callbacks.close(lead, CallbackStatus::Inactive);
        let pop_url = self.pop_url(id, &campaign);
        self.stand(now, user, Status::Queue, Sub::None, "", |session| {
            session.call = Some(id.clone());
            session.lead = Some(lead);
            session.phone_number = number;
            session.pop_url = pop_url;
            session.customer = Customer::Live;
            session.dead_polls = 0;
            session.calls_today += 1;
        });
        if let Some(stretch) = self.agent_log.edit(stretch) {
            stretch.lead = Some(lead);
            stretch.call = Some(id.clone());
        }
    }

    /// What the screen opens for a call.
    pub(super) fn pop_url(&self, id: &CallId, campaign: &str) -> String {
        let template = self.settings.campaign(campaign).and_then(|campaign| campaign.pop_url.as_deref());
        let lead = self.calls.record(id).map(|record| record.lead);
        match (template, lead) {
            (Some(template), Some(lead)) => {
                let data = self.lead_data(lead, Some(id));
                fill_url(template, |field| data.get(field).cloned())
            }
            _ => String::new(),
        }
    }

    /// The screen has learned of the call.
    pub(super) fn picks_up(&mut self, now: Now, user: &str) {
        let Some(id) = self.sessions.get(user).and_then(|session| session.call.clone()) else { return };
        self.stand(now, user, Status::InCall, Sub::None, "", |_| {});
        self.phase(now, user, Phase::Talking);
        self.lead_of_call(now, &id, "INCALL", Some(user));
        self.tell_call_started(now, &id);
    }
}
