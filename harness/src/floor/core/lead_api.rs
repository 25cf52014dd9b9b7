//! Adding and changing leads by the Non-Agent API.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::Core;
use super::api::{
    AddLead, AddLeadError, Added, DuplicateCheck, LeadCallback, Likeness, Scope, UpdateCallback, UpdateLead,
    UpdateLeadError,
};
use super::callbacks::{Callback, CallbackId, CallbackStatus, Recipient};
use super::clock::Now;
use super::hopper::Source;
use super::leads::{Lead, LeadId, Taken};

/// How long a repeated request is known for one.
const REPEATED_WITHIN: u64 = 24 * 3_600 * 1_000;
const DAY: u64 = 24 * 3_600 * 1_000;

/// A request that was done.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Request {
    lead: LeadId,
    at: u64,
    in_hopper: Option<bool>,
    callback: Option<bool>,
}

impl Core {
    /// Adds a lead.
    pub fn add_lead(&mut self, now: Now, user: &str, lead: AddLead) -> Result<Added, AddLeadError> {
        let digits = lead.phone_number.len();
        if !(6..=16).contains(&digits) || !lead.phone_number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(AddLeadError::NoNumber(lead.phone_number));
        }
        let request = (!self.settings.quirks.retried_add_lead)
            .then(|| format!("{:032x}", xxh3_128(format!("{user} {lead:?}").as_bytes())));
        if let Some(done) = request.as_ref().and_then(|request| self.requests.get(request)).copied()
            && now.wall.saturating_sub(done.at) <= REPEATED_WITHIN
            && self.leads.get(done.lead).is_some()
        {
            let Request { lead, in_hopper, callback, .. } = done;
            return Ok(Added { lead, in_hopper, callback, repeated: true });
        }
        if lead.id.is_some_and(|id| self.leads.get(id).is_some()) {
            return Err(AddLeadError::NumberTaken(lead.id.unwrap_or(LeadId(0))));
        }
        if lead.dnc_check && self.dnc.everywhere(&lead.phone_number) {
            return Err(AddLeadError::Dnc(lead.phone_number));
        }
        if let Some(campaign) = &lead.campaign_dnc_check
            && self.dnc.in_campaign(&lead.phone_number, campaign)
        {
            return Err(AddLeadError::CampaignDnc(lead.phone_number, campaign.clone()));
        }
        for check in &lead.duplicates {
            if let Some((found, list, as_alt)) = self.duplicate(now, *check, &lead) {
                let DuplicateCheck { by, scope, .. } = *check;
                return Err(AddLeadError::Duplicate { by, as_alt, scope, lead: found, list });
            }
        }
        let added = self.enter(now, user, lead);
        if let Some(request) = request {
            let Added { lead, in_hopper, callback, .. } = added;
            self.requests.insert(request, Request { lead, at: now.wall, in_hopper, callback });
        }
        self.keep_rounds(now);
        Ok(added)
    }

    /// The lead that this one is like, its list, and whether it was found by its other number.
    fn duplicate(&self, now: Now, check: DuplicateCheck, lead: &AddLead) -> Option<(LeadId, u64, bool)> {
        let campaigns = self.campaigns_of_list(lead.list);
        let among = |found: &Lead| match check.scope {
            Scope::System => true,
            Scope::List => found.list == lead.list,
            Scope::Campaign => {
                found.list == lead.list
                    || self.campaigns_of_list(found.list).iter().any(|campaign| campaigns.contains(campaign))
            }
        };
        let recent = |found: &Lead| check.days.is_none_or(|days| now.wall.saturating_sub(found.added) <= days * DAY);
        let of = |name: &str| {
            let given = lead.fields.iter().find(|(field, _)| field == name);
            given.map_or("", |(_, value)| value.as_str())
        };
        let same = |found: &Lead, name: &str| found.field(name) == of(name);
        let with_phone = || self.leads.with_phone(&lead.phone_number).iter().filter_map(|id| self.leads.get(*id));
        let fits = |found: &&Lead| among(found) && recent(found);
        let told = |as_alt| move |found: &Lead| (found.id, found.list, as_alt);
        match check.by {
            Likeness::Phone => with_phone().find(fits).map(told(false)),
            // Only numbers have an index: everybody has to be asked for the other one.
            Likeness::PhoneOrAlt => with_phone().find(fits).map(told(false)).or_else(|| {
                let alike = |found: &&Lead| found.field("alt_phone") == lead.phone_number;
                self.leads.iter().filter(alike).find(fits).map(told(true))
            }),
            Likeness::TitleAndAlt => {
                let alike = |found: &&Lead| same(found, "title") && same(found, "alt_phone");
                self.leads.iter().filter(alike).find(fits).map(told(false))
            }
            Likeness::NameAndPhone => {
                let alike = |found: &&Lead| same(found, "first_name") && same(found, "last_name");
                with_phone().filter(alike).find(fits).map(told(false))
            }
        }
    }

    fn enter(&mut self, now: Now, user: &str, wanted: AddLead) -> Added {
        let id = wanted.id.unwrap_or_else(|| self.leads.number());
        let mut lead = Lead::new(id, wanted.list, &wanted.phone_number, now.wall);
        lead.phone_code = wanted.phone_code;
        lead.vendor_lead_code = wanted.vendor_lead_code;
        lead.user = user.to_owned();
        for (name, value) in &wanted.fields {
            lead.set_field(name, value);
        }
        if let Some(status) = wanted.status {
            lead.status = status;
        }
        self.leads.add(lead);
        let campaign = self.campaigns_of_list(wanted.list).into_iter().next();
        let in_hopper = wanted.hopper_priority.map(|priority| {
            let campaign = campaign.clone().unwrap_or_default();
            !campaign.is_empty() && self.put_in_hopper(now, id, &campaign, priority, Source::Api)
        });
        let callback = wanted.callback.map(|callback| self.schedule_for(now, user, id, callback));
        self.tell_lead_added(now, id);
        Added { lead: id, in_hopper, callback, repeated: false }
    }

    /// Has a lead called back; false if no campaign could do that.
    fn schedule_for(&mut self, now: Now, user: &str, lead: LeadId, wanted: LeadCallback) -> bool {
        let Some(list) = self.leads.get(lead).map(|lead| lead.list) else { return false };
        let Some(campaign) = wanted.campaign.or_else(|| self.campaigns_of_list(list).into_iter().next()) else {
            return false;
        };
        if self.settings.campaign(&campaign).is_none() {
            return false;
        }
        self.callbacks.schedule(Callback {
            id: CallbackId(0),
            lead,
            list,
            campaign,
            status: CallbackStatus::Active,
            entered: now.wall,
            at: wanted.at,
            user: wanted.only.clone().unwrap_or_else(|| user.to_owned()),
            recipient: if wanted.only.is_some() { Recipient::UserOnly } else { Recipient::Anyone },
            comments: wanted.comments,
            lead_status: wanted.status,
        });
        if !matches!(self.leads.taken(lead), Some(Taken::Call(_))) {
            self.out_of_hopper(lead);
            self.leads.edit(lead, now.wall, |lead| lead.status = "CBHOLD".to_owned());
        }
        true
    }

    /// Changes a lead, or removes it.
    pub fn update_lead(
        &mut self,
        now: Now,
        user: &str,
        lead: LeadId,
        change: UpdateLead,
    ) -> Result<(), UpdateLeadError> {
        if self.leads.get(lead).is_none() {
            return Err(UpdateLeadError::Unknown(lead));
        }
        let in_call = matches!(self.leads.taken(lead), Some(Taken::Call(_)));
        if change.delete {
            if in_call {
                return Err(UpdateLeadError::InCall(lead));
            }
            self.out_of_hopper(lead);
            self.callbacks.close(lead, CallbackStatus::Dead);
            self.leads.remove(lead);
            return Ok(());
        }
        let before = self.leads.get(lead).map(|lead| (lead.status.clone(), lead.list));
        self.leads.edit(lead, now.wall, |lead| {
            for (name, value) in &change.fields {
                lead.set_field(name, value);
            }
            if let Some(list) = change.list {
                lead.list = list;
            }
            if change.reset {
                lead.cycle = 0;
            }
        });
        // It was in the hopper for what it was: the next fill decides anew.
        if !in_call && before != self.leads.get(lead).map(|lead| (lead.status.clone(), lead.list)) {
            self.out_of_hopper(lead);
        }
        match change.callback {
            Some(UpdateCallback::Set(callback)) => drop(self.schedule_for(now, user, lead, callback)),
            Some(UpdateCallback::Remove) => {
                self.out_of_hopper(lead);
                self.callbacks.close(lead, CallbackStatus::Dead);
            }
            None => {}
        }
        if change.leaves_hopper {
            self.out_of_hopper(lead);
        }
        if let Some(priority) = change.hopper_priority
            && let Some(campaign) =
                self.leads.get(lead).and_then(|lead| self.campaigns_of_list(lead.list).into_iter().next())
        {
            self.put_in_hopper(now, lead, &campaign, priority, Source::Api);
        }
        self.keep_rounds(now);
        Ok(())
    }

    /// Whether a lead waits in the hopper.
    pub fn is_in_hopper(&self, lead: LeadId) -> bool {
        matches!(self.leads.taken(lead), Some(Taken::Hopper))
    }

    /// From now on nobody, or one campaign not, calls a number.
    pub fn add_dnc(&mut self, now: Now, phone: &str, campaign: Option<&str>) {
        self.dnc.add(phone, campaign, now.wall);
    }

    /// Whether a number may not be called: by anybody, or by this campaign.
    pub fn is_dnc(&self, phone: &str, campaign: Option<&str>) -> bool {
        self.dnc.everywhere(phone) || campaign.is_some_and(|campaign| self.dnc.in_campaign(phone, campaign))
    }
}
