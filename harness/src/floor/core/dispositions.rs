//! Hanging up, and saying what became of a call.

use super::Core;
use super::agent_log::Phase;
use super::callbacks::{Callback, CallbackId, CallbackStatus, Recipient};
use super::calls::CallId;
use super::clock::Now;
use super::hopper::{CALLBACK_PRIORITY, Source};
use super::leads::{LeadId, Taken};
use super::screen::{CallbackWish, Disposition, ScreenReply};
use super::sessions::{Customer, Status, Sub};
use crate::webhook::event::EventKind;

impl Core {
    /// An agent ends her customer's call, or leaves one that has ended: the disposition is next.
    pub(super) fn hang_up_customer(&mut self, now: Now, user: &str) -> ScreenReply {
        let Some(session) = self.sessions.get(user).cloned() else { return ScreenReply::done() };
        let Some(id) = session.call.clone() else { return ScreenReply::refused("there's no call") };
        if session.sub == Sub::Dispo {
            return ScreenReply::done();
        }
        self.drop_third(now, user);
        if session.has_live_customer()
            && let Some(leg) = self.calls.get(&id).map(|call| call.leg)
        {
            self.hang_up(leg);
            self.finish(now, &id, "AGENT", None);
        }
        self.begin_disposition(now, user);
        ScreenReply::done()
    }

    /// The call is over for the agent: what became of it is to be said.
    pub(super) fn begin_disposition(&mut self, now: Now, user: &str) {
        let Some(session) = self.sessions.get(user) else { return };
        if let Some(id) = session.call.clone() {
            self.lead_of_call_unless_elsewhere(now, &id, "DISPO");
            self.outcome(&id, "DISPO");
        }
        self.stand(now, user, Status::Paused, Sub::Dispo, "", |session| session.customer = Customer::None);
        self.phase(now, user, Phase::Wrapping);
    }

    /// An agent says what became of a call. In a live call that hangs up first.
    pub(super) fn dispose(&mut self, now: Now, user: &str, disposition: Disposition) -> ScreenReply {
        if disposition.status.is_empty() {
            return ScreenReply::refused("a disposition needs a status");
        }
        let Some(session) = self.sessions.get(user) else { return ScreenReply::done() };
        let open = session.call.clone();
        let means_open = match (&open, &disposition.call, disposition.lead) {
            (None, ..) => false,
            (Some(open), Some(call), _) => open == call,
            (Some(_), None, lead) => lead.is_none() || lead == session.lead,
        };
        if !means_open {
            return self.dispose_again(now, user, &disposition);
        }
        let Some(id) = open else { return ScreenReply::done() };
        if session.sub != Sub::Dispo {
            self.hang_up_customer(now, user);
        }
        let urls = self.save(now, user, &id, &disposition);
        let stretch = self.sessions.get(user).map(|session| session.stretch);
        if let Some(stretch) = stretch.and_then(|stretch| self.agent_log.edit(stretch)) {
            stretch.status.clone_from(&disposition.status);
        }
        self.sessions.edit(user, |session| session.clear_call());
        self.after_call(now, user, disposition.pause);
        ScreenReply { urls, ..ScreenReply::done() }
    }

    /// A disposition of a call that has one already, or that isn't this agent's: the second of two copies.
    fn dispose_again(&mut self, now: Now, user: &str, disposition: &Disposition) -> ScreenReply {
        let last = disposition.lead.and_then(|lead| self.calls.of_lead(lead).last().cloned());
        let Some(id) = disposition.call.clone().or(last) else {
            return ScreenReply::refused("there's no call to dispose of");
        };
        match self.calls.record(&id) {
            Some(record) if record.user == user && record.ended.is_some() => {}
            _ => return ScreenReply::refused("there's no call to dispose of"),
        }
        if !self.settings.quirks.saves_twice {
            // It's saved: that's what was asked for. Nobody is told again.
            return ScreenReply::done();
        }
        let urls = self.save(now, user, &id, disposition);
        ScreenReply { urls, ..ScreenReply::done() }
    }

    /// Writes a disposition into the books and tells whom it concerns; the URLs that the screen is to have called.
    fn save(&mut self, now: Now, user: &str, id: &CallId, disposition: &Disposition) -> Vec<u64> {
        let Some(record) = self.calls.record(id) else { return Vec::new() };
        let (lead, list, campaign, number) =
            (record.lead, record.list, record.campaign.clone(), record.phone_number.clone());
        let status = disposition.status.as_str();
        self.outcome(id, status);
        // A lead that was called back waits for that under another name.
        let of_lead = if disposition.callback.is_some() && status == "CALLBK" { "CBHOLD" } else { status };
        self.lead_of_call_unless_elsewhere(now, id, of_lead);
        if !disposition.comments.is_empty() {
            self.leads.edit(lead, now.wall, |lead| lead.set_field("comments", &disposition.comments));
        }
        if status == "DNC" && self.settings.campaign(&campaign).is_some_and(|campaign| campaign.uses_dnc) {
            self.dnc.add(&number, None, now.wall);
        }
        match &disposition.callback {
            Some(wish) => {
                self.schedule(now, user, lead, list, &campaign, wish, disposition);
            }
            None => self.callbacks.close(lead, CallbackStatus::Dead),
        }
        self.tell_disposition(now, user, id, lead, &campaign, disposition)
    }

    #[expect(clippy::too_many_arguments, reason = "a callback has so many sides, and one caller")]
    fn schedule(
        &mut self,
        now: Now,
        user: &str,
        lead: LeadId,
        list: u64,
        campaign: &str,
        wish: &CallbackWish,
        disposition: &Disposition,
    ) {
        let callback = Callback {
            id: CallbackId(0),
            lead,
            list,
            campaign: campaign.to_owned(),
            status: CallbackStatus::Active,
            entered: now.wall,
            at: wish.at,
            user: user.to_owned(),
            recipient: if wish.only_me { Recipient::UserOnly } else { Recipient::Anyone },
            comments: if wish.comments.is_empty() { disposition.comments.clone() } else { wish.comments.clone() },
            lead_status: disposition.status.clone(),
        };
        self.callbacks.schedule(callback);
    }

    fn tell_disposition(
        &mut self,
        now: Now,
        user: &str,
        id: &CallId,
        lead: LeadId,
        campaign: &str,
        disposition: &Disposition,
    ) -> Vec<u64> {
        let mut kinds = vec![EventKind::DispositionSaved];
        if self.sale_statuses(campaign).contains(&disposition.status) {
            kinds.push(EventKind::SaleClosed);
        }
        if disposition.callback.is_some() {
            kinds.push(EventKind::CallbackScheduled);
        }
        let mut urls = Vec::new();
        for kind in kinds {
            let data = |core: &Core| {
                let mut data = core.lead_data(lead, Some(id));
                let mut set = |name: &str, value: String| drop(data.insert(name.to_owned(), value));
                set("agent", user.to_owned());
                set("status", disposition.status.clone());
                set("dispo", disposition.status.clone());
                set("call_notes", disposition.comments.clone());
                if let Some(wish) = &disposition.callback {
                    set("callback_at", wish.at.to_string());
                    set("callback_lead_status", disposition.status.clone());
                }
                data
            };
            urls.extend(self.tell(now, kind, campaign, move |core| core.leads.count_event(lead), data));
        }
        urls
    }

    /// The lead of a call has that status now, unless a later call has the lead: a customer who was given away is
    /// somebody else's by now.
    fn lead_of_call_unless_elsewhere(&mut self, now: Now, id: &CallId, status: &str) {
        let Some(lead) = self.calls.record(id).map(|record| record.lead) else { return };
        let elsewhere = matches!(self.leads.taken(lead), Some(Taken::Call(other)) if other != id);
        if !elsewhere && self.calls.of_lead(lead).last() == Some(id) {
            self.lead_of_call(now, id, status, None);
        }
    }

    /// The minute's look at callbacks: those for anyone go into the hopper, those of one agent onto her screen. One whose
    /// lead is in a call waits for the next minute.
    pub(super) fn callbacks_come_due(&mut self, now: Now) {
        self.callbacks.come_due(now.wall);
        for callback in self.callbacks.live() {
            let lead = callback.lead;
            if matches!(self.leads.taken(lead), Some(Taken::Call(_))) || self.hopper.calls_back(lead) {
                continue;
            }
            // The fill may have taken it as an ordinary lead.
            self.out_of_hopper(lead);
            self.leads.edit(lead, now.wall, |lead| {
                if lead.status == "CBHOLD" {
                    lead.status = "CALLBK".to_owned();
                }
            });
            if !self.put_in_hopper(now, lead, &callback.campaign, CALLBACK_PRIORITY, Source::Callback) {
                // The number may not be called any more, or the lead is gone.
                self.callbacks.close(lead, CallbackStatus::Dead);
            }
        }
    }
}
