//! Dialing by hand.

use super::Core;
use super::agent_log::Phase;
use super::clock::Now;
use super::leads::{Lead, LeadId};
use super::screen::{Dialed, ScreenReply};
use super::sessions::{Customer, Status, Sub};

/// The list of leads that agents have made by dialing a number.
pub(super) const MANUAL_LIST: u64 = 998;

impl Core {
    /// An agent dials: she's in the call from its beginning.
    pub(super) fn dial_by_hand(&mut self, now: Now, user: &str, dialed: Dialed) -> ScreenReply {
        let Some(session) = self.sessions.get(user).cloned() else { return ScreenReply::done() };
        if session.call.is_some() {
            return ScreenReply::refused("there's a call already");
        }
        if session.advises.is_some() {
            return ScreenReply::refused("a colleague is being advised");
        }
        let Some(campaign) = self.settings.campaign(&session.campaign).cloned() else {
            return ScreenReply::refused(format!("there's no campaign {}", session.campaign));
        };
        let lead = match self.lead_to_dial(now, &session.campaign, user, dialed) {
            Ok(lead) => lead,
            Err(why) => return ScreenReply::refused(why),
        };
        if let Err(why) = self.may_dial(now, &campaign.name, lead) {
            return ScreenReply::refused(why.to_string());
        }
        let id = self.place(now, &campaign, lead, Some(user));
        let number = self.calls.get(&id).map(|call| call.phone_number.clone()).unwrap_or_default();
        let pop_url = self.pop_url(&id, &campaign.name);
        // Who dials from a pause pauses on afterwards.
        let pause_next = (session.status == Status::Paused).then(|| session.pause_code.clone());
        self.stand(now, user, Status::InCall, Sub::None, "", |session| {
            session.call = Some(id.clone());
            session.lead = Some(lead);
            session.phone_number = number;
            session.pop_url = pop_url;
            session.customer = Customer::Dialing;
            session.dead_polls = 0;
            session.calls_today += 1;
            session.pause_next = pause_next;
        });
        self.phase(now, user, Phase::Talking);
        if let Some(stretch) = self.agent_log.edit(session.stretch) {
            stretch.lead = Some(lead);
            stretch.call = Some(id);
        }
        ScreenReply::done()
    }

    fn lead_to_dial(&mut self, now: Now, campaign: &str, user: &str, dialed: Dialed) -> Result<LeadId, String> {
        let is_new = matches!(dialed, Dialed::NewLead(_));
        match dialed {
            Dialed::Lead(lead) => Ok(lead),
            Dialed::Next => {
                if self.hopper.count(campaign) == 0 {
                    self.callbacks_come_due(now);
                    self.fill_hopper(now, campaign);
                }
                loop {
                    let lead = self.hopper.pop(campaign, false).ok_or("the hopper is empty")?;
                    self.leads.release(lead);
                    if !self.blocks(now, lead, campaign) {
                        return Ok(lead);
                    }
                }
            }
            Dialed::Callback(id) => match self.callbacks.get(id) {
                Some(callback) if callback.user == user => Ok(callback.lead),
                Some(_) => Err("that's another agent's callback".to_owned()),
                None => Err(format!("there's no callback {}", id.0)),
            },
            Dialed::Number(number) | Dialed::NewLead(number) => {
                if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
                    return Err(format!("{number} is no number"));
                }
                if let (Some(lead), false) = (self.leads.with_phone(&number).last(), is_new) {
                    return Ok(*lead);
                }
                // A number that may not be called doesn't become a lead either.
                let uses_dnc = self.settings.campaign(campaign).is_some_and(|campaign| campaign.uses_dnc);
                if uses_dnc && self.dnc.status(&number, campaign).is_some() {
                    return Err(format!("{number} is on the do-not-call list"));
                }
                let lead = self.leads.number();
                self.leads.add(Lead::new(lead, MANUAL_LIST, &number, now.wall));
                Ok(lead)
            }
        }
    }
}
