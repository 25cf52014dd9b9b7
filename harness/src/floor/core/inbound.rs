//! Customers who call: whose line they have dialed, who they are, and where they go when nobody has time.

use super::Core;
use super::calls::{CallId, Direction, Stage};
use super::clock::Now;
use super::leads::{Lead, LeadId, Taken};
use super::legs::Owner;
use crate::floor::settings::InboundLine;
use crate::floor::switch::{LegId, Order};

impl Core {
    /// Somebody calls the floor.
    pub(super) fn somebody_calls(&mut self, now: Now, leg: LegId, from: &str, dialed: &str) {
        let Some(line) = self.settings.inbound.iter().find(|line| line.number == dialed).cloned() else {
            self.orders.push_back(Order::Refuse { leg, status: 404 });
            return;
        };
        let lead = self.caller(now, &line, from);
        let id = self.calls.name(now, self.settings.utc_offset_minutes, Direction::Inbound, lead);
        self.out_of_hopper(lead);
        self.legs.own(leg, Owner::Customer(id.clone()));
        self.leads.take(lead, Taken::Call(id.clone()));
        self.begin(now, id.clone(), &line.campaign, lead, leg, Direction::Inbound, Stage::Arriving);
        if let Some(call) = self.calls.get_mut(&id) {
            call.line = Some(line.number);
        }
        self.orders.push_back(Order::Answer { leg });
    }

    /// The lead that a caller is: the last one with his number that isn't in a call already. One whom nobody knows
    /// becomes a lead.
    fn caller(&mut self, now: Now, line: &InboundLine, from: &str) -> LeadId {
        let free = |lead: &&LeadId| !matches!(self.leads.taken(**lead), Some(Taken::Call(_)));
        let known = self.leads.with_phone(from).iter().filter(|_| !from.is_empty()).rfind(free);
        known.copied().unwrap_or_else(|| {
            let id = self.leads.number();
            let mut lead = Lead::new(id, line.list, from, now.wall);
            lead.status = "INBND".to_owned();
            self.leads.add(lead);
            self.tell_lead_added(now, id);
            id
        })
    }

    /// A caller has waited as long as callers wait: he goes where his line says, or is hung up on.
    pub(super) fn overflow(&mut self, now: Now, id: &CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let (leg, campaign) = (call.leg, call.campaign.clone());
        let line = call.line.as_ref().and_then(|line| self.settings.inbound.iter().find(|found| found.number == *line));
        let Some(to) = line.and_then(|line| line.then_to.clone()) else {
            self.finish(now, id, "QUEUETIMEOUT", Some("XDROP"));
            return self.hang_up(leg);
        };
        if let Some(queue) = self.queues.get_mut(&campaign) {
            queue.retain(|waiting| waiting != id);
        }
        if let Some(next) = self.settings.inbound.iter().find(|line| line.number == to).cloned() {
            // A line of our own: he waits there anew.
            if let Some(call) = self.calls.get_mut(id) {
                call.line = Some(next.number);
            }
            self.calls.moves(id, &next.campaign);
            return self.queue_up(now, id);
        }
        self.lead_of_call(now, id, "TIMEOT", None);
        self.outcome(id, "TIMEOT");
        self.give_away(id, &to);
    }
}
