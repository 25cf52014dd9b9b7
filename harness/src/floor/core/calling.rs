//! A call's way: placed, ringing, answered, over. What the switch reports of customers' legs.

use super::Core;
use super::callbacks::CallbackStatus;
use super::calls::{Call, CallId, CallRecord, Direction, Stage};
use super::clock::Now;
use super::hopper::DIALER;
use super::leads::{LeadId, Taken};
use super::legs::Owner;
use super::outcome;
use super::sessions::Customer;
use crate::floor::settings::Campaign;
use crate::floor::switch::{LegId, Order, Part, Report};

impl Core {
    /// Something has happened to a leg.
    pub fn report(&mut self, now: Now, report: Report) {
        if let Report::Incoming { leg, from, dialed } = report {
            return self.somebody_calls(now, leg, &from, &dialed);
        }
        let leg = report.leg();
        let Some(owner) = self.legs.owner(leg).cloned() else {
            // It was given up while it was being answered.
            if matches!(report, Report::Answered { .. }) {
                self.orders.push_back(Order::HangUp { leg });
            }
            return;
        };
        if matches!(report, Report::Failed { .. } | Report::Ended { .. }) {
            self.legs.forget(leg);
        }
        match (owner, report) {
            (Owner::Customer(call), report) => self.customer_reported(now, &call, report),
            (Owner::Taker(call), Report::Answered { .. }) => self.taker_answered(&call),
            (Owner::Taker(call), Report::Failed { .. } | Report::Ended { .. }) => self.taker_gone(now, &call),
            (Owner::Phone(user), Report::Answered { .. }) => self.phone_answered(now, &user, leg),
            (Owner::Phone(user), Report::Failed { .. } | Report::Ended { .. }) => self.phone_gone(now, &user),
            (Owner::Third(user), Report::Answered { .. }) => self.third_answered(&user, leg),
            (Owner::Third(user), Report::Failed { .. } | Report::Ended { .. }) => self.third_gone(now, &user, leg),
            (Owner::Monitor(user), Report::Answered { .. }) => self.monitor_answered(&user, leg),
            (Owner::Monitor(user), Report::Failed { .. } | Report::Ended { .. }) => self.monitor_gone(&user, leg),
            _ => {}
        }
    }

    fn customer_reported(&mut self, now: Now, id: &CallId, report: Report) {
        let Some(call) = self.calls.get(id) else { return };
        let (stage, direction, leg) = (call.stage.clone(), call.direction, call.leg);
        match (report, stage) {
            (Report::Ringing { .. }, Stage::Sent) => self.stage(id, Stage::Ringing),
            (Report::Answered { .. }, Stage::Sent | Stage::Ringing | Stage::Arriving) => {
                self.answered(now, id);
                let campaign = self.calls.get(id).and_then(|call| self.settings.campaign(&call.campaign));
                if direction == Direction::Auto && campaign.is_some_and(|campaign| campaign.detects_machines) {
                    self.stage(id, Stage::Detecting);
                    self.lead_of_call(now, id, "PU", None);
                    self.orders.push_back(Order::Detect { leg });
                } else {
                    self.wait_for_agent(now, id);
                }
            }
            (Report::Answered { .. }, Stage::WithAgent { user }) => {
                self.answered(now, id);
                let Some(room) = self.sessions.get(&user).map(|session| session.room) else { return };
                self.orders.push_back(Order::Join { leg, room, part: Part::Talks });
                self.sessions.edit(&user, |session| session.customer = Customer::Live);
                self.tell_call_started(now, id);
            }
            (Report::Machine { .. }, Stage::Detecting) => {
                self.orders.push_back(Order::HangUp { leg });
                self.finish(now, id, "NONE", Some("AA"));
            }
            (Report::Human { .. } | Report::Silent { .. }, Stage::Detecting) => self.wait_for_agent(now, id),
            (Report::Failed { status, cause, .. }, stage) => {
                let outcome = outcome::of_failure(status, cause);
                match stage {
                    Stage::WithAgent { user } => {
                        // An agent who has dialed by hand says herself what became of it.
                        self.finish(now, id, "NONE", None);
                        self.outcome(id, outcome);
                        self.sessions.edit(&user, |session| session.customer = Customer::Failed(outcome.to_owned()));
                    }
                    Stage::Arriving => drop(self.finish(now, id, "CALLER", Some("XDROP"))),
                    _ => drop(self.finish(now, id, "NONE", Some(outcome))),
                }
            }
            (Report::Ended { .. }, stage) => self.customer_gone(now, id, direction, stage),
            _ => {}
        }
    }

    /// The customer has ended the call, or was lost.
    fn customer_gone(&mut self, now: Now, id: &CallId, direction: Direction, stage: Stage) {
        match stage {
            Stage::WithAgent { user } => {
                self.finish(now, id, "CALLER", None);
                self.sessions.edit(&user, |session| {
                    session.customer = Customer::Ended;
                    session.dead_polls = 0;
                });
                self.settle_ghost(now, &user);
            }
            Stage::GivenAway { third, .. } => {
                self.hang_up(third);
                self.finish(now, id, "CALLER", None);
            }
            Stage::Detecting => {
                self.tally_answer(id);
                self.finish(now, id, "CALLER", Some("PDROP"));
            }
            Stage::Sent | Stage::Ringing | Stage::Arriving | Stage::Waiting => {
                let status = if direction == Direction::Auto { "DROP" } else { "XDROP" };
                self.finish(now, id, "ABANDON", Some(status));
            }
        }
    }

    /// Calls a lead: by the dialer, or by the hand of an agent who has the call then from its beginning.
    pub(super) fn place(&mut self, now: Now, campaign: &Campaign, lead: LeadId, by: Option<&str>) -> CallId {
        let direction = if by.is_some() { Direction::Manual } else { Direction::Auto };
        let id = self.calls.name(now, self.settings.utc_offset_minutes, direction, lead);
        let leg = self.legs.place(Owner::Customer(id.clone()));
        self.hopper.remove(lead);
        self.leads.take(lead, Taken::Call(id.clone()));
        self.leads.edit(lead, now.wall, |lead| {
            lead.called += 1;
            lead.cycle += 1;
            lead.last_call = now.wall;
            lead.user = by.unwrap_or(DIALER).to_owned();
            if by.is_some() {
                lead.status = "INCALL".to_owned();
            }
        });
        self.callbacks.close(lead, CallbackStatus::Inactive);
        let stage = by.map_or(Stage::Sent, |user| Stage::WithAgent { user: user.to_owned() });
        let number = self.begin(now, id.clone(), &campaign.name, lead, leg, direction, stage);
        if let Some(user) = by
            && let Some(record) = self.calls.edit_record(&id)
        {
            record.user = user.to_owned();
            record.routed = Some(now.wall);
        }
        let timeout = Some(campaign.dial_timeout);
        self.orders.push_back(Order::Call { leg, to: number, from: campaign.caller_id.clone(), timeout });
        id
    }

    /// Enters a call into the books; tells the customer's number.
    #[expect(clippy::too_many_arguments, reason = "a call has so many sides, and three callers")]
    pub(super) fn begin(
        &mut self,
        now: Now,
        id: CallId,
        campaign: &str,
        lead: LeadId,
        leg: LegId,
        direction: Direction,
        stage: Stage,
    ) -> String {
        let (list, number) =
            self.leads.get(lead).map_or((0, String::new()), |lead| (lead.list, lead.phone_number.clone()));
        let call = Call {
            id: id.clone(),
            lead,
            campaign: campaign.to_owned(),
            direction,
            leg,
            stage,
            waits_since: now.at,
            only: None,
            line: None,
            phone_number: number.clone(),
        };
        let record = CallRecord {
            id,
            lead,
            list,
            campaign: campaign.to_owned(),
            direction,
            phone_number: number.clone(),
            began: now.wall,
            answered: None,
            routed: None,
            ended: None,
            user: String::new(),
            status: String::new(),
            ended_by: String::new(),
        };
        self.calls.begin(call, record);
        self.tally(campaign).began(direction);
        number
    }

    pub(super) fn stage(&mut self, id: &CallId, stage: Stage) {
        if let Some(call) = self.calls.get_mut(id) {
            call.stage = stage;
        }
    }

    fn answered(&mut self, now: Now, id: &CallId) {
        if let Some(record) = self.calls.edit_record(id) {
            record.answered = Some(now.wall);
        }
    }

    /// Counts an answer of one of the dialer's calls.
    pub(super) fn tally_answer(&mut self, id: &CallId) {
        let Some(call) = self.calls.get(id) else { return };
        if call.direction == Direction::Auto {
            let campaign = call.campaign.clone();
            self.tally(&campaign).answered += 1;
        }
    }

    /// The lead of a call has that status now, and that user if one is told.
    pub(super) fn lead_of_call(&mut self, now: Now, id: &CallId, status: &str, user: Option<&str>) {
        let Some(lead) = self.calls.record(id).map(|record| record.lead) else { return };
        self.leads.edit(lead, now.wall, |lead| {
            lead.status = status.to_owned();
            if let Some(user) = user {
                lead.user = user.to_owned();
            }
        });
    }

    /// What became of a call.
    pub(super) fn outcome(&mut self, id: &CallId, status: &str) {
        let Some(record) = self.calls.edit_record(id) else { return };
        let (before, direction, campaign) =
            (std::mem::replace(&mut record.status, status.to_owned()), record.direction, record.campaign.clone());
        let sales = self.sale_statuses(&campaign);
        self.tally(&campaign).turned(direction, &before, status, |status| sales.iter().any(|sale| sale == status));
    }

    /// A call is over: the books are closed, its lead is free. The leg is somebody else's matter.
    pub(super) fn finish(&mut self, now: Now, id: &CallId, by: &str, status: Option<&str>) -> Option<Call> {
        let call = self.calls.end(id, now.wall, by)?;
        self.legs.forget(call.leg);
        if let Some(queue) = self.queues.get_mut(&call.campaign) {
            queue.retain(|waiting| waiting != id);
        }
        if let Some(status) = status {
            self.outcome(id, status);
            self.leads.edit(call.lead, now.wall, |lead| lead.status = status.to_owned());
        }
        assert_eq!(self.leads.taken(call.lead), Some(&Taken::Call(id.clone())), "a call's lead is the call's");
        self.leads.release(call.lead);
        self.tell_call_ended(now, id);
        Some(call)
    }

    /// Ends a leg, which is nobody's from now on.
    pub(super) fn hang_up(&mut self, leg: LegId) {
        self.legs.forget(leg);
        self.orders.push_back(Order::HangUp { leg });
    }
}
