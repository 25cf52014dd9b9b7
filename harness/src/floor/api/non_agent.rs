//! The Non-Agent API: `/vicidial/non_agent_api.php`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Params, has_valid_source, identify, may_use, moment, on_the_wall, zone};
use crate::floor::core::{
    AddLead, AddLeadError, AgentStatus, AuthError, CallbackStatus, Civil, Core, DuplicateCheck, Lead, LeadCallback,
    LeadId, Likeness, Monitoring, Now, Recipient, Scope, UpdateCallback, UpdateLead, UpdateLeadError,
};
use crate::floor::settings::{Method, User};

/// The fields of a lead that people give it, by VICIdial's names.
const FIELDS: [&str; 21] = [
    "source_id",
    "title",
    "first_name",
    "middle_initial",
    "last_name",
    "address1",
    "address2",
    "address3",
    "city",
    "state",
    "province",
    "postal_code",
    "country_code",
    "gender",
    "date_of_birth",
    "alt_phone",
    "email",
    "security_phrase",
    "comments",
    "rank",
    "owner",
];

/// Why a callback that's asked for can't be.
enum NoCallback {
    Campaign,
    /// It's for one agent alone, and there's no such agent.
    User,
    Moment,
}

/// What `lead_all_info` prints, in this order.
const ALL_INFO: [&str; 32] = [
    "status",
    "user",
    "vendor_lead_code",
    "source_id",
    "list_id",
    "gmt_offset_now",
    "phone_code",
    "phone_number",
    "title",
    "first_name",
    "middle_initial",
    "last_name",
    "address1",
    "address2",
    "address3",
    "city",
    "state",
    "province",
    "postal_code",
    "country_code",
    "gender",
    "date_of_birth",
    "alt_phone",
    "email",
    "security_phrase",
    "comments",
    "called_count",
    "last_local_call_time",
    "rank",
    "owner",
    "entry_list_id",
    "lead_id",
];

pub(super) fn answer(core: &mut Core, now: Now, params: &Params) -> String {
    let function = params.get("function");
    let user = match identify(core, now, params) {
        Ok(user) => user,
        Err(AuthError::LockedOut) => {
            let minutes = core.settings().timing.lock_out.as_secs() / 60;
            let user = params.get("user");
            return format!("ERROR: Too many login attempts, try again in {minutes} minutes: |{user}|LOCK|\n");
        }
        Err(AuthError::Wrong) => {
            let (user, pass) = (params.get("user"), params.get("pass"));
            return format!("ERROR: Login incorrect, please try again: |{user}|{pass}|BAD|\n");
        }
    };
    if function.is_empty() {
        return "ERROR: NO FUNCTION SPECIFIED\n".to_owned();
    }
    if !has_valid_source(params) {
        return format!("ERROR: Invalid Source: |{}|\n", params.get("source"));
    }
    let ask = Ask { now, params, user: &user, function };
    if !may_use(&user, function) {
        return format!(
            "ERROR: auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION - {}|{function}|{}\n",
            user.user, user.group
        );
    }
    match function {
        "add_lead" => ask.add_lead(core),
        "update_lead" => ask.update_lead(core),
        "lead_field_info" => ask.lead_field_info(core),
        "lead_all_info" => ask.lead_all_info(core),
        "lead_search" => ask.lead_search(core),
        "lead_callback_info" => ask.lead_callback_info(core),
        "agent_status" => ask.agent_status(core),
        "logged_in_agents" => ask.logged_in_agents(core),
        "campaigns_list" => ask.campaigns_list(core),
        "call_status_stats" => ask.call_status_stats(core),
        "call_dispo_report" => ask.call_dispo_report(core),
        "user_group_status" => ask.user_group_status(core),
        "add_user" => ask.add_user(core),
        "blind_monitor" => ask.blind_monitor(core),
        _ => "ERROR: NO FUNCTION SPECIFIED\n".to_owned(),
    }
}

/// A request by somebody who is who she says.
struct Ask<'a> {
    now: Now,
    params: &'a Params,
    user: &'a User,
    function: &'a str,
}

impl Ask<'_> {
    fn error(&self, why: &str, data: impl AsRef<str>) -> String {
        format!("ERROR: {} {why} - {}\n", self.function, data.as_ref())
    }

    fn success(&self, what: &str, data: impl AsRef<str>) -> String {
        format!("SUCCESS: {} {what} - {}\n", self.function, data.as_ref())
    }

    fn notice(&self, what: &str, data: impl AsRef<str>) -> String {
        format!("NOTICE: {} {what} - {}\n", self.function, data.as_ref())
    }

    /// Refuses whoever's level is too low.
    fn needs(&self, level: u8, what: &str) -> Result<(), String> {
        if self.user.level >= level {
            return Ok(());
        }
        Err(self.error(&format!("USER DOES NOT HAVE PERMISSION TO {what}"), format!("{}|0", self.user.user)))
    }

    /// Rows in the form that's asked for, with a head if that's asked for.
    fn rows(&self, head: &str, rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let between = match self.params.get("stage") {
            "csv" => ",",
            "tab" => "\t",
            "newline" => "\n",
            _ => "|",
        };
        let mut out = String::new();
        if self.params.is_yes("header") {
            out.push_str(&head.replace('|', between));
            out.push('\n');
        }
        for row in rows {
            out.push_str(&row.join(between));
            out.push('\n');
        }
        out
    }

    // --- leads -----------------------------------------------------------------------------------------------------

    fn add_lead(&self, core: &mut Core) -> String {
        self.add_lead_or_say(core).unwrap_or_else(|line| line)
    }

    fn add_lead_or_say(&self, core: &mut Core) -> Result<String, String> {
        let (params, me) = (self.params, &self.user.user);
        self.needs(8, "ADD LEADS TO THE SYSTEM")?;
        let phone = params.get("phone_number");
        let is_number = phone.bytes().all(|byte| byte.is_ascii_digit());
        if !(6..=16).contains(&phone.len()) || !is_number {
            return Err(self.error("INVALID PHONE NUMBER LENGTH", format!("{phone}|{me}")));
        }
        // The fourth digit of a number of the USA or Canada, and its area, never begin with 0 or 1.
        let digit = |at: usize| phone.as_bytes().get(at).is_some_and(|digit| (b'2'..=b'9').contains(digit));
        if params.is_yes("usacan_prefix_check") && !digit(3) {
            return Err(self.error("INVALID PHONE NUMBER PREFIX", format!("{phone}|{me}")));
        }
        if params.is_yes("usacan_areacode_check") && (phone.len() != 10 || !digit(0)) {
            return Err(self.error("INVALID PHONE NUMBER AREACODE", format!("{phone}|{me}")));
        }
        let list = params.number("list_id").unwrap_or(999);
        if params.is_yes("list_exists_check") && !is_list(core, list) {
            let why = "NOT A DEFINED LIST ID, LIST EXISTS CHECK ENABLED";
            return Err(self.error(why, format!("{phone}|{list}")));
        }
        let mut lead = AddLead::new(list, phone);
        lead.phone_code = params.given("phone_code").unwrap_or("1").to_owned();
        lead.vendor_lead_code = params.get("vendor_lead_code").to_owned();
        let given = |name: &&str| params.given(name).map(|value| ((*name).to_owned(), value.to_owned()));
        lead.fields = FIELDS.iter().filter_map(given).collect();
        lead.duplicates = duplicates(params.get("duplicate_check"));
        lead.dnc_check = params.is_yes("dnc_check");
        let campaign = params.given("campaign_id");
        if params.is_yes("campaign_dnc_check") {
            lead.campaign_dnc_check = campaign.map(str::to_owned);
        }
        if params.is_yes("add_to_hopper") {
            lead.hopper_priority = Some(self.hopper_priority()?);
        }
        let mut no_callback = None;
        if params.get("callback") == "Y" {
            match self.callback(core) {
                Ok(callback) => lead.callback = Some(callback),
                Err(why) => no_callback = Some(why),
            }
        }
        let given = |name: &str| params.get(name).to_owned();
        let name = format!("{}|{}", given("first_name"), given("last_name"));
        let title = format!("{}|{}", given("title"), given("alt_phone"));
        let callback = lead.callback.clone();
        let hopper = lead.hopper_priority;
        let added = core.add_lead(self.now, me, lead).map_err(|error| match error {
            AddLeadError::NoNumber(phone) => self.error("INVALID PHONE NUMBER LENGTH", format!("{phone}|{me}")),
            AddLeadError::Duplicate { by, as_alt, scope, lead, list: of } => {
                let place = match scope {
                    Scope::List => "LIST",
                    Scope::Campaign => "CAMPAIGN LISTS",
                    Scope::System => "SYSTEM",
                };
                let found = if scope == Scope::List { format!("{lead}") } else { format!("{lead}|{of}") };
                let alt = if as_alt { "ALT" } else { "PHONE" };
                match by {
                    Likeness::Phone => {
                        self.error(&format!("DUPLICATE PHONE NUMBER IN {place}"), format!("{phone}|{list}|{found}"))
                    }
                    Likeness::PhoneOrAlt => {
                        let data = format!("{phone}|{list}|{found}|{alt}");
                        self.error(&format!("DUPLICATE PHONE NUMBER IN {place}"), data)
                    }
                    Likeness::TitleAndAlt => {
                        self.error(&format!("DUPLICATE TITLE ALT_PHONE IN {place}"), format!("{title}|{list}|{found}"))
                    }
                    Likeness::NameAndPhone => {
                        let data = format!("{name}|{phone}|{list}|{lead}|{of}");
                        self.error(&format!("DUPLICATE NAME PHONE IN {place}"), data)
                    }
                }
            }
            AddLeadError::Dnc(phone) => self.error("PHONE NUMBER IN DNC", format!("{phone}|{me}")),
            AddLeadError::CampaignDnc(phone, campaign) => {
                self.error("PHONE NUMBER IN CAMPAIGN DNC", format!("{phone}|{campaign}|{me}"))
            }
            AddLeadError::NumberTaken(lead) => self.error("LEAD ID IN USE", format!("{lead}|{me}")),
        })?;
        let id = added.lead;
        let mut out = self.success("LEAD HAS BEEN ADDED", format!("{phone}|{me}|{list}|{id}|{}", zone(core)));
        match (added.in_hopper, hopper) {
            (Some(true), Some(_)) => out.push_str(&self.notice("ADDED TO HOPPER", format!("{phone}|{me}|{id}|{id}"))),
            (Some(false), _) => out.push_str(&self.notice("NOT ADDED TO HOPPER", format!("{phone}|{me}|{id}|0"))),
            _ => {}
        }
        if let (Some(true), Some(callback)) = (added.callback, &callback) {
            out.push_str(&self.callback_notice(core, "SCHEDULED CALLBACK ADDED", id, callback));
        } else if added.callback == Some(false) {
            let campaign = campaign.unwrap_or_default();
            out.push_str(&self.notice("SCHEDULED CALLBACK NOT ADDED, CAMPAIGN NOT VALID", format!("{id}|{campaign}")));
        }
        if let Some(why) = no_callback {
            out.push_str(&self.no_callback(why, id));
        }
        Ok(out)
    }

    /// Why a lead is added or changed, and nobody calls it back.
    fn no_callback(&self, why: NoCallback, lead: LeadId) -> String {
        let campaign = self.params.get("campaign_id");
        let data = format!("{lead}|{campaign}");
        match why {
            NoCallback::Campaign => self.notice("SCHEDULED CALLBACK NOT ADDED, CAMPAIGN NOT VALID", data),
            NoCallback::User => {
                let data = format!("{data}|{}|", self.params.get("callback_user"));
                self.notice("SCHEDULED CALLBACK NOT ADDED, USER NOT VALID", data)
            }
            NoCallback::Moment => self.notice("SCHEDULED CALLBACK NOT ADDED, DATETIME NOT VALID", data),
        }
    }

    /// Puts a lead into the hopper, or takes it out, as it's asked for.
    fn hop(&self, core: &mut Core, id: LeadId) -> Result<String, String> {
        let (params, me) = (self.params, &self.user.user);
        let phone = core.lead(id).map(|lead| lead.phone_number.clone()).unwrap_or_default();
        let mut told = String::new();
        if params.is_yes("add_to_hopper") {
            let priority = self.hopper_priority()?;
            if core.is_in_hopper(id) {
                let what = "NOT ADDED TO HOPPER, LEAD IS ALREADY IN THE HOPPER";
                return Ok(self.notice(what, format!("{phone}|{id}|{me}")));
            }
            let change = UpdateLead { hopper_priority: Some(priority), ..UpdateLead::default() };
            let _ = core.update_lead(self.now, me, id, change);
            told.push_str(&match core.is_in_hopper(id) {
                true => self.notice("ADDED TO HOPPER", format!("{phone}|{me}|{id}|{id}")),
                false => self.notice("NOT ADDED TO HOPPER", format!("{phone}|{me}|{id}|0")),
            });
        } else if params.is_yes("remove_from_hopper") {
            if !core.is_in_hopper(id) {
                let what = "NOT REMOVED FROM HOPPER, LEAD IS NOT IN THE HOPPER";
                return Ok(self.notice(what, format!("{phone}|{id}|{me}")));
            }
            let change = UpdateLead { leaves_hopper: true, ..UpdateLead::default() };
            let _ = core.update_lead(self.now, me, id, change);
            told.push_str(&self.notice("REMOVED FROM HOPPER", format!("{phone}|{id}|READY|{me}")));
        }
        Ok(told)
    }

    fn hopper_priority(&self) -> Result<i32, String> {
        let text = self.params.given("hopper_priority").unwrap_or("0");
        let priority = text.parse().ok().filter(|priority| (-99..=99).contains(priority));
        priority.ok_or_else(|| self.error("INVALID HOPPER PRIORITY", format!("{text}|{}", self.user.user)))
    }

    /// The callback that's asked for, or what's wrong with it.
    fn callback(&self, core: &Core) -> Result<LeadCallback, NoCallback> {
        let params = self.params;
        let campaign = params.given("campaign_id").filter(|name| core.settings().campaign(name).is_some());
        let campaign = campaign.ok_or(NoCallback::Campaign)?;
        let only = match params.get("callback_type") {
            "USERONLY" => {
                let agent = params.given("callback_user").filter(|user| core.user(user).is_some());
                Some(agent.ok_or(NoCallback::User)?.to_owned())
            }
            _ => None,
        };
        Ok(LeadCallback {
            at: moment(core, self.now, params.get("callback_datetime")).ok_or(NoCallback::Moment)?,
            only,
            campaign: Some(campaign.to_owned()),
            status: params.given("callback_status").unwrap_or("CALLBK").to_owned(),
            comments: params.get("callback_comments").to_owned(),
        })
    }

    fn callback_notice(&self, core: &Core, what: &str, lead: LeadId, callback: &LeadCallback) -> String {
        let campaign = callback.campaign.as_deref().unwrap_or_default();
        let at = on_the_wall(core, callback.at);
        let (user, recipient) = match &callback.only {
            Some(user) => (user.as_str(), "USERONLY"),
            None => (self.user.user.as_str(), "ANYONE"),
        };
        self.notice(what, format!("{lead}|{at}|{campaign}|{user}|{recipient}|{}", callback.status))
    }

    fn update_lead(&self, core: &mut Core) -> String {
        self.update_lead_or_say(core).unwrap_or_else(|line| line)
    }

    fn update_lead_or_say(&self, core: &mut Core) -> Result<String, String> {
        let (params, me) = (self.params, &self.user.user);
        self.needs(8, "UPDATE LEADS IN THE SYSTEM")?;
        let (lead_id, vendor, phone) =
            (params.get("lead_id"), params.get("vendor_lead_code"), params.get("phone_number"));
        let search = params.given("search_method").unwrap_or("LEAD_ID");
        let by = |name: &str| search.contains(name);
        if !by("LEAD_ID") && !by("VENDOR_LEAD_CODE") && !by("PHONE_NUMBER") {
            let place = params.given("search_location").unwrap_or("SYSTEM");
            return Err(self.error("NO VALID SEARCH METHOD", format!("{me}|{place}|{lead_id}|{vendor}|{phone}")));
        }
        let mut found: Vec<LeadId> = Vec::new();
        if by("LEAD_ID") {
            found.extend(params.number("lead_id").map(LeadId).filter(|lead| core.lead(*lead).is_some()));
        }
        if found.is_empty() && by("VENDOR_LEAD_CODE") && !vendor.is_empty() {
            found.extend(core.leads_with_vendor_code(vendor));
        }
        if found.is_empty() && by("PHONE_NUMBER") && !phone.is_empty() {
            found.extend(core.leads_with_phone(phone));
        }
        if let Some(list) = params.number("list_id") {
            let campaigns = &core.settings().campaigns;
            let beside = |of: u64| campaigns.iter().any(|one| one.lists.contains(&of) && one.lists.contains(&list));
            let fits = |of: u64| match params.get("search_location") {
                "LIST" => of == list,
                "CAMPAIGN" => of == list || beside(of),
                _ => true,
            };
            found.retain(|lead| core.lead(*lead).is_some_and(|lead| fits(lead.list)));
        }
        // The most recently loaded first, and one unless more are asked for.
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(usize::try_from(params.number("records").unwrap_or(1)).unwrap_or(usize::MAX));
        if found.is_empty() {
            let nothing = format!("{me}|{lead_id}|{vendor}|{phone}");
            if !params.is_yes("insert_if_not_found") {
                return Err(self.error("NO MATCHES FOUND IN THE SYSTEM", nothing));
            }
            let mut out = self.notice("NO MATCHES FOUND IN THE SYSTEM", nothing);
            if phone.is_empty() || params.get("list_id").is_empty() || params.get("phone_code").is_empty() {
                let data = format!("{me}|{phone}|{}|{}", params.get("phone_code"), params.get("list_id"));
                return Err(self.error("INVALID DATA FOR LEAD INSERTION", data));
            }
            out.push_str(&self.add_lead_or_say(core)?);
            return Ok(out);
        }
        if params.is_yes("no_update") {
            let mut out = String::new();
            for lead in found.iter().filter_map(|lead| core.lead(*lead)) {
                let data = format!("{}|{}|{}|{}|0", lead.id, lead.vendor_lead_code, lead.phone_number, lead.list);
                let _ = writeln!(out, "NOTICE: update_lead LEADS FOUND IN THE SYSTEM: |{me}|{data}");
            }
            for lead in found {
                out.push_str(&self.hop(core, lead)?);
            }
            return Ok(out);
        }
        let mut out = String::new();
        for lead in found {
            out.push_str(&self.update_one(core, lead)?);
        }
        Ok(out)
    }

    fn update_one(&self, core: &mut Core, id: LeadId) -> Result<String, String> {
        let (params, me) = (self.params, &self.user.user);
        let mut change = UpdateLead::default();
        for (name, field) in [("status", "status"), ("user_field", "user"), ("phone_code", "phone_code")] {
            if let Some(value) = params.given(name) {
                change.fields.push((field.to_owned(), unblanked(value)));
            }
        }
        let search = params.given("search_method").unwrap_or("LEAD_ID");
        if let Some(value) = params.given("vendor_lead_code").filter(|_| !search.contains("VENDOR_LEAD_CODE")) {
            change.fields.push(("vendor_lead_code".to_owned(), unblanked(value)));
        }
        if let Some(value) = params.given("phone_number").filter(|_| params.is_yes("update_phone_number")) {
            change.fields.push(("phone_number".to_owned(), value.to_owned()));
        }
        for name in FIELDS {
            if let Some(value) = params.given(name) {
                change.fields.push((name.to_owned(), unblanked(value)));
            }
        }
        change.list = params.number("list_id_field");
        if let Some(list) = change.list.filter(|list| params.is_yes("list_exists_check") && !is_list(core, *list)) {
            let why = "NOT A DEFINED LIST ID, LIST EXISTS CHECK ENABLED";
            return Err(self.error(why, format!("{me}|{list}")));
        }
        change.reset = params.is_yes("reset_lead");
        change.delete = params.is_yes("delete_lead");
        let mut notices = String::new();
        let had_callback = !core.callbacks_of(id).is_empty();
        match params.get("callback") {
            "Y" => match self.callback(core) {
                Ok(callback) => {
                    let what = if had_callback { "SCHEDULED CALLBACK UPDATED" } else { "SCHEDULED CALLBACK ADDED" };
                    notices.push_str(&self.callback_notice(core, what, id, &callback));
                    change.callback = Some(UpdateCallback::Set(callback));
                }
                Err(why) => notices.push_str(&self.no_callback(why, id)),
            },
            "REMOVE" => change.callback = Some(UpdateCallback::Remove),
            _ => {}
        }
        let deleted = change.delete.then(|| core.lead(id).cloned()).flatten();
        let (vendor, phone) = (params.get("vendor_lead_code"), params.get("phone_number"));
        core.update_lead(self.now, me, id, change).map_err(|error| match error {
            UpdateLeadError::Unknown(_) => {
                self.error("NO MATCHES FOUND IN THE SYSTEM", format!("{me}|{id}|{vendor}|{phone}"))
            }
            UpdateLeadError::InCall(_) => self.error("LEAD IS IN A LIVE CALL", format!("{me}|{id}|{vendor}|{phone}")),
        })?;
        let mut out = match deleted {
            Some(Lead { phone_number, list, .. }) => {
                self.success("LEAD HAS BEEN DELETED", format!("{phone_number}|{me}|{list}|{id}|{}", zone(core)))
            }
            None => self.success("LEAD HAS BEEN UPDATED", format!("{me}|{id}")),
        };
        if core.lead(id).is_some() {
            out.push_str(&self.hop(core, id)?);
        }
        out.push_str(&notices);
        Ok(out)
    }

    fn lead(&self, core: &Core) -> Option<Lead> {
        let lead = self.params.number("lead_id").map(LeadId);
        lead.and_then(|lead| core.lead(lead)).cloned()
    }

    fn lead_field_info(&self, core: &Core) -> String {
        let (me, field) = (&self.user.user, self.params.get("field_name"));
        let data = format!("{me}|{}|{field}", self.params.get("lead_id"));
        if let Err(line) = self.needs(7, "GET LEAD INFO") {
            return line;
        }
        if field.is_empty() || self.params.get("lead_id").is_empty() {
            return self.error("INVALID SEARCH PARAMETERS", data);
        }
        let Some(lead) = self.lead(core) else { return self.error("LEAD NOT FOUND", data) };
        if !ALL_INFO.contains(&field) && !lead.fields.contains_key(field) {
            return self.error("LEAD FIELD NOT FOUND", data);
        }
        format!("{}\n", field_of(core, &lead, field))
    }

    fn lead_all_info(&self, core: &Core) -> String {
        let (lead_id, phone) = (self.params.get("lead_id"), self.params.get("phone_number"));
        if let Err(line) = self.needs(7, "GET LEAD INFO") {
            return line;
        }
        let mut leads: Vec<Lead> = self.lead(core).into_iter().collect();
        if lead_id.is_empty() && !phone.is_empty() {
            leads = core.leads_with_phone(phone).iter().rev().filter_map(|lead| core.lead(*lead)).cloned().collect();
        }
        if leads.is_empty() {
            return self.error("LEAD NOT FOUND", format!("{}|{lead_id}|{phone}|", self.user.user));
        }
        let row = |lead: &Lead| ALL_INFO.iter().map(|field| field_of(core, lead, field)).collect();
        self.rows(&ALL_INFO.join("|"), leads.iter().map(row))
    }

    fn lead_search(&self, core: &Core) -> String {
        let asked = self.params.get("phone_number");
        if let Err(line) = self.needs(7, "SEARCH FOR LEADS") {
            return line;
        }
        let data = format!("{}|{asked}||", self.user.user);
        let most = usize::try_from(self.params.number("records").unwrap_or(1_000)).unwrap_or(usize::MAX);
        let phones: Vec<&str> = asked.split(',').filter(|phone| !phone.is_empty()).collect();
        if phones.is_empty() {
            return self.error("NO VALID SEARCH METHOD", data);
        }
        let found = |phone: &&str| {
            let leads: Vec<String> =
                core.leads_with_phone(phone).iter().rev().take(most).map(LeadId::to_string).collect();
            vec![(*phone).to_owned(), leads.len().to_string(), leads.join("-")]
        };
        let rows: Vec<Vec<String>> = phones.iter().map(found).collect();
        if rows.iter().all(|row| row[1] == "0") {
            return self.error("NO MATCHES FOUND IN THE SYSTEM", data);
        }
        self.rows("search_key|records_found|lead_ids", rows)
    }

    fn lead_callback_info(&self, core: &Core) -> String {
        let data = format!("{}|{}|", self.user.user, self.params.get("lead_id"));
        if let Err(line) = self.needs(7, "GET LEAD INFO") {
            return line;
        }
        if self.params.number("lead_id").is_none() {
            return self.error("INVALID SEARCH PARAMETERS", data);
        }
        let Some(lead) = self.lead(core) else { return self.error("LEAD NOT FOUND", data) };
        let callbacks = core.callbacks_of(lead.id);
        if callbacks.is_empty() {
            return self.error("CALLBACK NOT FOUND", data);
        }
        let head = "lead_id|callback_type|recipient|callback_status|lead_status|callback_date|entry_date|user|list_id|\
                    campaign_id|user_group|customer_timezone|customer_time|comments";
        let rows = callbacks.into_iter().map(|callback| {
            let is_over = !matches!(callback.status, CallbackStatus::Active | CallbackStatus::Live);
            let at = on_the_wall(core, callback.at);
            let group = core.user(&callback.user).map(|user| user.group.clone()).unwrap_or_default();
            vec![
                callback.lead.to_string(),
                (if is_over { "ARCHIVE" } else { "CURRENT" }).to_owned(),
                (if callback.recipient == Recipient::Anyone { "ANYONE" } else { "USERONLY" }).to_owned(),
                callback.status.name().to_owned(),
                callback.lead_status.clone(),
                at.clone(),
                on_the_wall(core, callback.entered),
                callback.user.clone(),
                callback.list.to_string(),
                callback.campaign.clone(),
                group,
                String::new(),
                at,
                callback.comments.clone(),
            ]
        });
        self.rows(head, rows)
    }

    // --- agents ----------------------------------------------------------------------------------------------------

    fn agent_status(&self, core: &Core) -> String {
        let agent = self.params.get("agent_user");
        let data = format!("{}|{agent}|", self.user.user);
        if let Err(line) = self.needs(7, "GET AGENT INFO") {
            return line;
        }
        if agent.is_empty() {
            return self.error("INVALID SEARCH PARAMETERS", data);
        }
        if core.user(agent).is_none() {
            return self.error("AGENT NOT FOUND", data);
        }
        let Some(status) = core.agent_status(self.now, agent) else {
            return self.error("AGENT NOT LOGGED IN", data);
        };
        let head = "status|call_id|lead_id|campaign_id|calls_today|full_name|user_group|user_level|pause_code|\
                    real_time_sub_status|phone_number|vendor_lead_code|session_id";
        let row = vec![
            status.status.to_owned(),
            status.call.map(|call| call.0).unwrap_or_default(),
            status.lead.map_or_else(|| "0".to_owned(), |lead| lead.to_string()),
            status.campaign,
            status.calls_today.to_string(),
            status.full_name,
            status.group,
            status.level.to_string(),
            status.pause_code,
            status.real_time_sub_status.to_owned(),
            status.phone_number,
            status.vendor_lead_code,
            status.session_id.to_string(),
        ];
        self.rows(head, [row])
    }

    fn logged_in_agents(&self, core: &Core) -> String {
        if let Err(line) = self.needs(7, "GET AGENT INFO") {
            return line;
        }
        let campaigns: Vec<&str> = self.params.get("campaigns").split('|').filter(|name| !name.is_empty()).collect();
        let groups: Vec<&str> = self.params.get("user_groups").split('|').filter(|name| !name.is_empty()).collect();
        let with_sub = self.params.is_yes("show_sub_status");
        let agents = core.logged_in_agents(self.now, None).into_iter();
        let agents = agents.filter(|agent| campaigns.is_empty() || campaigns.contains(&agent.campaign.as_str()));
        let agents = agents.filter(|agent| groups.is_empty() || groups.contains(&agent.group.as_str()));
        let rows: Vec<Vec<String>> = agents
            .map(|agent| {
                let mut row = vec![
                    agent.user,
                    agent.campaign,
                    agent.session_id.to_string(),
                    agent.status.to_owned(),
                    agent.lead.map_or_else(|| "0".to_owned(), |lead| lead.to_string()),
                    agent.call.map(|call| call.0).unwrap_or_default(),
                    agent.calls_today.to_string(),
                    agent.full_name,
                    agent.group,
                    agent.level.to_string(),
                ];
                if with_sub {
                    row.extend([agent.pause_code, agent.real_time_sub_status.to_owned()]);
                }
                row
            })
            .collect();
        if rows.is_empty() {
            return "ERROR: logged_in_agents NO LOGGED IN AGENTS\n".to_owned();
        }
        let mut head =
            "user|campaign_id|session_id|status|lead_id|callerid|calls_today|full_name|user_group|user_level"
                .to_owned();
        if with_sub {
            head.push_str("|pause_code|sub_status");
        }
        self.rows(&head, rows)
    }

    fn user_group_status(&self, core: &Core) -> String {
        let asked = self.params.get("user_groups");
        if let Err(line) = self.needs(7, "GET USER GROUP INFO") {
            return line;
        }
        let groups: Vec<&str> = asked.split('|').filter(|name| !name.is_empty()).collect();
        if groups.is_empty() {
            return self.error("INVALID SEARCH PARAMETERS", format!("{}|{asked}|", self.user.user));
        }
        let agents = core.logged_in_agents(self.now, None);
        let agents: Vec<_> = agents.iter().filter(|agent| groups.contains(&agent.group.as_str())).collect();
        let count = |status: &str, sub: &str| {
            let is = |agent: &&&AgentStatus| agent.status == status && agent.real_time_sub_status == sub;
            agents.iter().filter(is).count().to_string()
        };
        let talks =
            |agent: &&&AgentStatus| agent.status == "INCALL" && !matches!(agent.real_time_sub_status, "DEAD" | "DIAL");
        let in_calls = agents.iter().filter(talks).count();
        let waiting: usize =
            core.settings().campaigns.iter().map(|campaign| core.campaign_stats(&campaign.name).waiting).sum();
        let idle = agents.iter().filter(|agent| matches!(agent.status, "READY" | "CLOSER")).count();
        let row = vec![
            groups.join(" "),
            waiting.to_string(),
            agents.len().to_string(),
            in_calls.to_string(),
            idle.to_string(),
            count("PAUSED", ""),
            count("INCALL", "DEAD"),
            count("PAUSED", "DISPO"),
            count("INCALL", "DIAL"),
        ];
        let head = "usergroups|calls_waiting|agents_logged_in|agents_in_calls|agents_waiting|agents_paused|\
                    agents_in_dead_calls|agents_in_dispo|agents_in_dial";
        self.rows(head, [row])
    }

    fn add_user(&self, core: &mut Core) -> String {
        let (params, me) = (self.params, &self.user.user);
        let [agent, pass, level, name, group] =
            ["agent_user", "agent_pass", "agent_user_level", "agent_full_name", "agent_user_group"]
                .map(|name| params.get(name));
        if let Err(line) = self.needs(8, "ADD USERS") {
            return line;
        }
        let is_complete = ![agent, pass, level, name, group].contains(&"");
        let Some(level) = level.parse::<u8>().ok().filter(|level| (1..=9).contains(level) && is_complete) else {
            return self
                .error("YOU MUST USE ALL REQUIRED FIELDS", format!("{me}|{agent}|{pass}|{level}|{name}|{group}"));
        };
        if level > self.user.level {
            let why = "USER DOES NOT HAVE PERMISSION TO ADD USERS IN THIS USER LEVEL";
            return self.error(why, format!("{me}|{level}"));
        }
        let user = User {
            full_name: name.to_owned(),
            group: group.to_owned(),
            level,
            phone: params.given("phone_login").unwrap_or(agent).to_owned(),
            ..User::agent(agent, pass)
        };
        match core.add_user(self.now, user) {
            Ok(()) => self.success("USER HAS BEEN ADDED", format!("{me}|{agent}|{pass}|{level}|{name}|{group}")),
            Err(_) => self.error("USER ALREADY EXISTS", format!("{me}|{agent}")),
        }
    }

    /// Calls a phone into an agent's session. VICIdial knows MONITOR and BARGE; WHISPER is as useful.
    fn blind_monitor(&self, core: &mut Core) -> String {
        let (params, me) = (self.params, &self.user.user);
        let (phone, session) = (params.get("phone_login"), params.get("session_id"));
        if let Err(line) = self.needs(7, "BLIND MONITOR") {
            return line;
        }
        if phone.is_empty() {
            return self.error("INVALID PHONE LOGIN", phone);
        }
        let agents = core.logged_in_agents(self.now, None);
        let agent = agents.into_iter().find(|agent| params.number("session_id") == Some(agent.session_id));
        let Some(agent) = agent else { return self.error("INVALID SESSION ID", session) };
        let how = match params.get("stage") {
            "" | "MONITOR" => Monitoring::Listen,
            "WHISPER" => Monitoring::Whisper,
            "BARGE" | "BARGESWAP" => Monitoring::Barge,
            stage => return self.error("INVALID STAGE", format!("{me}|{stage}")),
        };
        match core.monitor(self.now, phone, &agent.user, how) {
            Ok(()) => self.success("HAS BEEN LAUNCHED", format!("{phone}||{session}")),
            Err(_) => self.error("INVALID SESSION ID", session),
        }
    }

    // --- figures ---------------------------------------------------------------------------------------------------

    fn campaigns_list(&self, core: &Core) -> String {
        if let Err(line) = self.needs(8, "GET CAMPAIGN INFO") {
            return line;
        }
        let only = self.params.given("campaign_id");
        let campaigns = core.settings().campaigns.iter();
        let rows: Vec<Vec<String>> = campaigns
            .filter(|campaign| only.is_none_or(|only| only == campaign.name))
            .map(|campaign| {
                let method = match campaign.method {
                    Method::Ratio { .. } => "RATIO",
                    Method::Predictive { .. } => "ADAPT_AVERAGE",
                    Method::Manual => "MANUAL",
                };
                let level = core.campaign_stats(&campaign.name).dial_level;
                vec![
                    campaign.name.clone(),
                    campaign.name.clone(),
                    "Y".to_owned(),
                    "---ALL---".to_owned(),
                    method.to_owned(),
                    level.to_string(),
                    "DOWN".to_owned(),
                    format!(" {} -", campaign.dial_statuses.join(" ")),
                    campaign.dial_timeout.as_secs().to_string(),
                    String::new(),
                    String::new(),
                    String::new(),
                ]
            })
            .collect();
        if rows.is_empty() {
            return self.error("THIS USER HAS NO VIEWABLE CAMPAIGNS", &self.user.user);
        }
        let head = "campaign_id|campaign_name|active|user_group|dial_method|dial_level|lead_order|dial_statuses|\
                    dial_timeout|dial_prefix|manual_dial_prefix|three_way_dial_prefix";
        self.rows(head, rows)
    }

    /// The campaigns that a report is about: names with dashes between them, or all.
    fn campaigns(&self, core: &Core) -> Vec<String> {
        let known = core.settings().campaigns.iter().map(|campaign| campaign.name.clone());
        match self.params.get("campaigns") {
            "---ALL---" | "ALLCAMPAIGNS" => known.collect(),
            asked => {
                let asked: Vec<&str> = asked.split('-').collect();
                known.filter(|name| asked.contains(&name.as_str())).collect()
            }
        }
    }

    fn call_status_stats(&self, core: &Core) -> String {
        if self.user.level < 8 {
            return "ERROR: call_status_stats USER DOES NOT HAVE PERMISSION TO VIEW STATS\n".to_owned();
        }
        let campaigns = self.campaigns(core);
        if campaigns.is_empty() {
            return "ERROR: call_status_stats INVALID OR MISSING CAMPAIGNS\n".to_owned();
        }
        let asked: Vec<&str> = self.params.get("statuses").split('-').filter(|status| !status.is_empty()).collect();
        let offset = core.settings().utc_offset_minutes;
        let today = Civil::of(self.now.wall, offset).to_string();
        let day = self.params.given("query_date").unwrap_or(&today[..10]);
        let mut out = String::new();
        for campaign in campaigns {
            let (mut total, mut answered, mut hours) = (0u64, 0u64, [0u64; 24]);
            let mut statuses: BTreeMap<&str, u64> = BTreeMap::new();
            for call in core.call_records().filter(|call| call.campaign == campaign && call.ended.is_some()) {
                let began = Civil::of(call.began, offset);
                let is_asked = asked.is_empty() || asked.contains(&call.status.as_str());
                if began.to_string()[..10] != *day || !is_asked {
                    continue;
                }
                total += 1;
                answered += u64::from(call.answered.is_some());
                hours[began.hour as usize] += 1;
                *statuses.entry(&call.status).or_default() += 1;
            }
            let hours: Vec<String> =
                hours.iter().enumerate().map(|(hour, calls)| format!("{hour:02}-{calls}")).collect();
            let statuses: Vec<String> = statuses.iter().map(|(status, calls)| format!("{status}-{calls}")).collect();
            let _ = writeln!(out, "{campaign}|{total}|{answered}|{}|{}|", hours.join(","), statuses.join(","));
        }
        out
    }

    fn call_dispo_report(&self, core: &Core) -> String {
        if self.user.level < 9 {
            return "ERROR: call_dispo_report USER DOES NOT HAVE PERMISSION TO VIEW STATS\n".to_owned();
        }
        let campaigns = self.campaigns(core);
        if campaigns.is_empty() {
            return "ERROR: call_dispo_report INVALID OR MISSING CAMPAIGNS, INGROUPS, OR DIDS\n".to_owned();
        }
        let params = self.params;
        let offset = core.settings().utc_offset_minutes;
        let today = Civil::of(self.now.wall, offset).to_string();
        let from = params.given("query_date").unwrap_or(&today[..10]);
        // Without an end it's today, as in VICIdial, and not the day that was asked for.
        let to = params.given("end_date").unwrap_or(&today[..10]);
        let asked = |name: &str| -> Vec<&str> { params.get(name).split('-').filter(|one| !one.is_empty()).collect() };
        let (statuses, users) = (asked("statuses"), asked("users"));
        let mut counts: Vec<BTreeMap<&str, u64>> = vec![BTreeMap::new(); campaigns.len()];
        let mut all: BTreeMap<&str, u64> = BTreeMap::new();
        for call in core.call_records().filter(|call| call.ended.is_some()) {
            let Some(place) = campaigns.iter().position(|name| *name == call.campaign) else { continue };
            let began = Civil::of(call.began, offset).to_string();
            let is_asked = (from..=to).contains(&&began[..10])
                && (statuses.is_empty() || statuses.contains(&call.status.as_str()))
                && (users.is_empty() || users.contains(&call.user.as_str()));
            if is_asked {
                *counts[place].entry(&call.status).or_default() += 1;
                *all.entry(&call.status).or_default() += 1;
            }
        }
        let broken_down = params.get("status_breakdown") == "1";
        let with_shares = broken_down && params.get("show_percentages") == "1";
        let mut out = "CAMPAIGN,TOTAL CALLS".to_owned();
        if broken_down {
            all.keys().for_each(|status| {
                let _ = write!(out, ",{status}");
            });
        }
        out.push('\n');
        let mut row = |name: &str, of: &dyn Fn(&str) -> u64| {
            let total = all.keys().map(|status| of(status)).sum::<u64>();
            let _ = write!(out, "{name},{total}");
            if broken_down {
                all.keys().for_each(|status| {
                    let calls = of(status);
                    let _ = write!(out, ",{calls}");
                    if with_shares {
                        let _ = write!(out, " ({:.1}%)", 100.0 * calls as f64 / total.max(1) as f64);
                    }
                });
            }
            out.push('\n');
        };
        for (name, counts) in campaigns.iter().zip(&counts) {
            row(name, &|status| counts.get(status).copied().unwrap_or(0));
        }
        row("TOTAL", &|status| all.get(status).copied().unwrap_or(0));
        out
    }
}

/// `--BLANK--` empties a field.
fn unblanked(value: &str) -> String {
    if value == "--BLANK--" { String::new() } else { value.to_owned() }
}

/// A lead's field as the APIs print it.
fn field_of(core: &Core, lead: &Lead, field: &str) -> String {
    match field {
        "gmt_offset_now" => format!("{:.2}", f64::from(core.settings().utc_offset_minutes) / 60.0),
        "last_local_call_time" if lead.last_call > 0 => on_the_wall(core, lead.last_call),
        "last_local_call_time" => String::new(),
        "entry_list_id" | "rank" if lead.field(field).is_empty() => "0".to_owned(),
        _ => lead.field(field),
    }
}

/// Whether somebody calls from that list, or callers and numbers that were dialed by hand get into it.
fn is_list(core: &Core, list: u64) -> bool {
    let settings = core.settings();
    let is_callers = settings.inbound.iter().any(|line| line.list == list);
    is_callers || matches!(list, 998 | 999) || settings.campaigns.iter().any(|one| one.lists.contains(&list))
}

/// Which duplicates are refused: DUPLIST, DUPNAMEPHONECAMP, DUPSYS90DAY, and several with dashes between them.
fn duplicates(text: &str) -> Vec<DuplicateCheck> {
    let ways = [
        ("DUPPHONEALT", Likeness::PhoneOrAlt),
        ("DUPTITLEALTPHONE", Likeness::TitleAndAlt),
        ("DUPNAMEPHONE", Likeness::NameAndPhone),
        ("DUP", Likeness::Phone),
    ];
    let scopes = [("LIST", Scope::List), ("CAMP", Scope::Campaign), ("SYS", Scope::System)];
    let one = |word: &str| {
        let (rest, by) = ways.into_iter().find_map(|(name, by)| Some((word.strip_prefix(name)?, by)))?;
        let (rest, scope) = scopes.into_iter().find_map(|(name, scope)| Some((rest.strip_prefix(name)?, scope)))?;
        let days = rest.strip_suffix("DAY").and_then(|days| days.parse().ok());
        Some(DuplicateCheck { by, scope, days })
    };
    text.split('-').filter_map(one).collect()
}
