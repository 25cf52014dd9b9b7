//! Giving a customer away, and asking a third for advice first.

use super::Core;
use super::agent_log::Phase;
use super::calls::{CallId, Direction, Stage};
use super::clock::Now;
use super::leads::Taken;
use super::legs::Owner;
use super::screen::{ScreenReply, Transfer};
use super::sessions::{Advice, Customer, Phone, Session, Status, Sub, Third};
use crate::floor::switch::{LegId, Order, Part};

/// The pause code of an agent who advises another.
const ADVISES: &str = "CONSLT";

/// Where a customer can be given to.
enum Target {
    /// An agent who is logged in.
    Agent(String),
    /// A phone of the house or a number.
    Outside(String),
}

impl Core {
    /// An agent gives her customer away, or talks to a third first.
    pub(super) fn transfer(&mut self, now: Now, user: &str, transfer: Transfer) -> ScreenReply {
        let Some(session) = self.sessions.get(user).cloned() else { return ScreenReply::done() };
        let (Some(leg), Some(id)) = (self.live_leg(user), session.call.clone()) else {
            return match transfer {
                // The customer has gone meanwhile: only the third is to be sent home.
                Transfer::TakeBack if session.third.is_some() => {
                    self.drop_third(now, user);
                    ScreenReply::done()
                }
                _ => ScreenReply::refused("there's no customer on the line"),
            };
        };
        match transfer {
            Transfer::Blind { to } => self.blind(now, user, &id, &to),
            Transfer::Consult { to } => self.ask(now, &session, &to, Some(leg)),
            Transfer::Conference { to } => self.ask(now, &session, &to, None),
            Transfer::Complete => self.complete(now, &session, &id, leg),
            Transfer::TakeBack => {
                self.drop_third(now, user);
                self.orders.push_back(Order::Join { leg, room: session.room, part: Part::Talks });
                self.sessions.edit(user, |session| session.customer = Customer::Live);
                ScreenReply::done()
            }
        }
    }

    /// Who is meant; nobody is an answer too.
    fn target(&self, user: &str, to: &str) -> Result<Target, String> {
        let nobody = || format!("there's nobody called {to}");
        if to == user {
            return Err("that's the agent herself".to_owned());
        }
        if self.sessions.get(to).is_some() {
            return Ok(Target::Agent(to.to_owned()));
        }
        match self.user(to) {
            Some(user) if !user.phone.is_empty() => Ok(Target::Outside(user.phone.clone())),
            Some(_) => Err(nobody()),
            None if to.len() >= 3 && to.bytes().all(|digit| digit.is_ascii_digit()) => {
                Ok(Target::Outside(to.to_owned()))
            }
            None => Err(nobody()),
        }
    }

    fn blind(&mut self, now: Now, user: &str, id: &CallId, to: &str) -> ScreenReply {
        let target = match self.target(user, to) {
            Ok(target) => target,
            Err(why) => return ScreenReply::refused(why),
        };
        self.drop_third(now, user);
        match target {
            Target::Agent(agent) => {
                if let Some(next) = self.hand_over(now, id, Some(agent)) {
                    self.begin_disposition(now, user);
                    self.queue_up(now, &next);
                }
            }
            Target::Outside(number) => {
                self.give_away(id, &number);
                self.begin_disposition(now, user);
            }
        }
        ScreenReply::done()
    }

    /// The customer of a call is connected elsewhere: he hears music until somebody answers there.
    pub(super) fn give_away(&mut self, id: &CallId, to: &str) {
        let Some(call) = self.calls.get(id) else { return };
        let (leg, from, campaign) = (call.leg, call.phone_number.clone(), call.campaign.clone());
        let third = self.legs.place(Owner::Taker(id.clone()));
        let room = self.legs.room();
        self.stage(id, Stage::GivenAway { room, third });
        self.orders.push_back(Order::Park { leg, music: true });
        let timeout = self.settings.campaign(&campaign).map(|campaign| campaign.dial_timeout);
        // Who is called there sees who wants to talk to him.
        self.orders.push_back(Order::Call { leg: third, to: to.to_owned(), from: Some(from), timeout });
    }

    pub(super) fn taker_answered(&mut self, id: &CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let Stage::GivenAway { room, third } = call.stage else { return };
        for leg in [call.leg, third] {
            self.orders.push_back(Order::Join { leg, room, part: Part::Talks });
        }
    }

    /// Who was to take a customer hasn't answered, or is done with him: the customer's call is over.
    pub(super) fn taker_gone(&mut self, now: Now, id: &CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let leg = call.leg;
        self.finish(now, id, "XFER", None);
        self.hang_up(leg);
    }

    /// The customer's leg goes on in a call of its own, which begins now; the former is over.
    fn hand_over(&mut self, now: Now, id: &CallId, only: Option<String>) -> Option<CallId> {
        let before = self.finish(now, id, "XFER", None)?;
        let next = self.calls.name(now, self.settings.utc_offset_minutes, Direction::Transfer, before.lead);
        self.legs.own(before.leg, Owner::Customer(next.clone()));
        self.leads.take(before.lead, Taken::Call(next.clone()));
        let campaign = only.as_ref().and_then(|agent| self.sessions.get(agent)).map(|agent| agent.campaign.clone());
        let campaign = campaign.unwrap_or(before.campaign);
        let direction = Direction::Transfer;
        self.begin(now, next.clone(), &campaign, before.lead, before.leg, direction, Stage::Waiting);
        if let Some(call) = self.calls.get_mut(&next) {
            call.only = only;
        }
        if let Some(record) = self.calls.edit_record(&next) {
            record.answered = Some(now.wall);
        }
        Some(next)
    }

    /// Calls a third into the agent's room; the customer is put aside for that, or stays.
    fn ask(&mut self, now: Now, session: &Session, to: &str, aside: Option<LegId>) -> ScreenReply {
        if session.third.is_some() {
            return ScreenReply::refused("a third has been called already");
        }
        let user = &session.user;
        let third = match self.target(user, to) {
            Err(why) => return ScreenReply::refused(why),
            Ok(Target::Agent(agent)) => {
                let Some(adviser) = self.sessions.get(&agent) else { return ScreenReply::done() };
                let Phone::There(leg) = adviser.phone else {
                    return ScreenReply::refused(format!("the phone of {agent} isn't in her session"));
                };
                if adviser.call.is_some() || adviser.advises.is_some() {
                    return ScreenReply::refused(format!("{agent} is in a call"));
                }
                let paused = (adviser.status == Status::Paused).then(|| adviser.pause_code.clone());
                let advice = Advice { asked_by: user.clone(), paused };
                self.stretch(now, &agent, Phase::Paused, ADVISES);
                self.stand(now, &agent, Status::Paused, Sub::None, ADVISES, |adviser| adviser.advises = Some(advice));
                self.orders.push_back(Order::Join { leg, room: session.room, part: Part::Talks });
                Third { leg, answered: true, agent: Some(agent) }
            }
            Ok(Target::Outside(number)) => {
                let leg = self.legs.place(Owner::Third(user.clone()));
                let campaign = self.settings.campaign(&session.campaign);
                let (from, timeout) =
                    campaign.map_or((None, None), |campaign| (campaign.caller_id.clone(), Some(campaign.dial_timeout)));
                self.orders.push_back(Order::Call { leg, to: number, from, timeout });
                Third { leg, answered: false, agent: None }
            }
        };
        if let Some(leg) = aside {
            self.orders.push_back(Order::Park { leg, music: true });
        }
        self.sessions.edit(user, |session| {
            session.third = Some(third);
            if aside.is_some() {
                session.customer = Customer::Parked;
            }
        });
        ScreenReply::done()
    }

    pub(super) fn third_answered(&mut self, user: &str, leg: LegId) {
        let Some(room) = self.sessions.get(user).map(|session| session.room) else { return };
        self.orders.push_back(Order::Join { leg, room, part: Part::Talks });
        self.sessions.edit(user, |session| {
            if let Some(third) = session.third.as_mut().filter(|third| third.leg == leg) {
                third.answered = true;
            }
        });
    }

    pub(super) fn third_gone(&mut self, _now: Now, user: &str, leg: LegId) {
        self.sessions.edit(user, |session| {
            if session.third.as_ref().is_some_and(|third| third.leg == leg) {
                session.third = None;
            }
        });
    }

    /// The customer goes to whom was asked.
    fn complete(&mut self, now: Now, session: &Session, id: &CallId, leg: LegId) -> ScreenReply {
        let user = &session.user;
        let Some(third) = session.third.clone().filter(|third| third.answered) else {
            return ScreenReply::refused("nobody has answered who could take the customer");
        };
        self.sessions.edit(user, |session| session.third = None);
        match third.agent {
            Some(agent) => {
                let paused = self.adviser_returns(&agent);
                let Some(next) = self.hand_over(now, id, Some(agent.clone())) else { return ScreenReply::done() };
                self.begin_disposition(now, user);
                self.stretch(now, &agent, Phase::Waiting, "");
                self.assign(now, &next, &agent);
                // Who was pausing when she was asked pauses on after the customer.
                self.sessions.edit(&agent, |adviser| adviser.pause_next = paused);
            }
            None => {
                let room = self.legs.room();
                self.legs.own(third.leg, Owner::Taker(id.clone()));
                self.stage(id, Stage::GivenAway { room, third: third.leg });
                for leg in [leg, third.leg] {
                    self.orders.push_back(Order::Join { leg, room, part: Part::Talks });
                }
                self.begin_disposition(now, user);
            }
        }
        ScreenReply::done()
    }

    /// An adviser's phone is back in her own room; the pause that she was called from.
    fn adviser_returns(&mut self, agent: &str) -> Option<String> {
        let adviser = self.sessions.get(agent)?;
        if let Phone::There(leg) = adviser.phone {
            self.orders.push_back(Order::Join { leg, room: adviser.room, part: Part::Talks });
        }
        let advice = self.sessions.edit(agent, |adviser| adviser.advises.take()).flatten();
        advice.and_then(|advice| advice.paused)
    }

    /// Sends the third of an agent home.
    pub(super) fn drop_third(&mut self, now: Now, user: &str) {
        let Some(third) = self.sessions.edit(user, |session| session.third.take()).flatten() else { return };
        match third.agent {
            None => self.hang_up(third.leg),
            Some(agent) => match self.adviser_returns(&agent) {
                Some(code) => {
                    self.stretch(now, &agent, Phase::Paused, &code);
                    self.stand(now, &agent, Status::Paused, Sub::None, &code, |_| {});
                }
                None => {
                    self.stretch(now, &agent, Phase::Waiting, "");
                    self.become_ready(now, &agent);
                }
            },
        }
    }

    /// A session is over, or its phone is lost: whom it had called goes home, and whom it advised is alone again.
    pub(super) fn leave_consultations(&mut self, now: Now, session: &Session) {
        let user = &session.user;
        if let Some(advice) = &session.advises {
            self.sessions.edit(&advice.asked_by, |asking| {
                if asking.third.as_ref().is_some_and(|third| third.agent.as_deref() == Some(user)) {
                    asking.third = None;
                }
            });
            self.sessions.edit(user, |adviser| adviser.advises = None);
        }
        self.drop_third(now, user);
    }
}
