//! What a floor has to tell of, as far as the wire shows that it happened: see
//! [`no_event_lost_at_rest`](crate::no_event_lost_at_rest), which asks whether it was told.

use std::time::Duration;

use busyhour_trace::{HostId, PacketId, SimTime};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::Dues;
use crate::floor::{Leg, LegChange};
use crate::surroundings::Surroundings;
use crate::web::{NON_AGENT_API, Screen, Web};
use crate::witness::Judgement;

/// By then a screen has shown a customer who is gone.
const SHOWN: Duration = Duration::from_secs(3);
/// A screen that is there asks once a second.
const SILENT: Duration = Duration::from_secs(2);

/// Whom or what an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A call, and its lead where an event doesn't name the call.
    Call { call: String, lead: String },
    /// A call of which the number alone is known.
    Number(String),
    /// A lead, and no call of it.
    Lead(String),
    /// An agent.
    Agent { user: String, sub_status: String, pause_code: String },
}

/// Where an event belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Campaigns {
    /// To this one.
    One(String),
    /// To those that dial this list.
    OfList(String),
}

/// Something has happened of which somebody may want to be told.
#[derive(Debug, Clone)]
pub(crate) struct Occasion {
    pub(crate) event: &'static str,
    pub(crate) host: HostId,
    pub(crate) campaigns: Campaigns,
    pub(crate) subject: Subject,
    /// The status that's told, where it's known.
    pub(crate) status: Option<String>,
    /// In words.
    pub(crate) what: String,
    pub(crate) at: SimTime,
    /// Nothing that came before that tells of it.
    pub(crate) from: SimTime,
    pub(crate) packet: PacketId,
    /// A call that the dialer has placed, and no agent has had.
    pub(crate) is_without_agent: bool,
}

/// Looks for occasions.
#[derive(Debug)]
pub(crate) struct Occasions {
    sessions: FxHashMap<String, Session>,
    /// Calls whose beginning, or whose disposition, was told of already.
    started: FxHashSet<String>,
    disposed: FxHashSet<String>,
    added: FxHashSet<String>,
    customers: FxHashMap<Key, Customer>,
    by_number: FxHashMap<String, Vec<Key>>,
    over: Dues<Key>,
    /// Numbers that agents have given customers to.
    takers: FxHashSet<String>,
    found: Vec<Occasion>,
}

type Key = (HostId, u64);

#[derive(Debug, Default)]
struct Session {
    user: String,
    campaign: String,
    call: String,
    lead: String,
    number: String,
    /// Status, sub-status and pause code, as shown last.
    state: Option<[String; 3]>,
    asked: SimTime,
    seen: SimTime,
}

/// A customer's call with a floor.
#[derive(Debug)]
struct Customer {
    number: String,
    since: SimTime,
    packet: PacketId,
    is_inbound: bool,
    is_answered: bool,
    /// The call that a screen has shown him as last, with its lead and campaign.
    shown: Option<[String; 3]>,
    ended: SimTime,
}

impl Default for Occasions {
    fn default() -> Self {
        Occasions {
            sessions: FxHashMap::default(),
            started: FxHashSet::default(),
            disposed: FxHashSet::default(),
            added: FxHashSet::default(),
            customers: FxHashMap::default(),
            by_number: FxHashMap::default(),
            over: Dues::after(SHOWN),
            takers: FxHashSet::default(),
            found: Vec::new(),
        }
    }
}

impl Occasions {
    /// What was found since the last time.
    pub(crate) fn take(&mut self) -> Vec<Occasion> {
        std::mem::take(&mut self.found)
    }

    pub(crate) fn asked(&mut self, web: &Web<'_>) {
        self.takers.extend(web.transfers_to());
    }

    /// The Non-Agent API says that a lead was added.
    pub(crate) fn answered(&mut self, web: &Web<'_>) {
        let Some(response) = web.response.filter(|_| web.is_taken() && web.path == NON_AGENT_API) else { return };
        let text = String::from_utf8_lossy(&response.message.body);
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("SUCCESS: add_lead LEAD HAS BEEN ADDED - "))
        else {
            return;
        };
        // The number, who asked, the list, the lead.
        let mut fields = line.split('|');
        let (Some(_), Some(_), Some(list), Some(lead)) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        if !self.added.insert(lead.to_owned()) {
            return;
        }
        self.found.push(Occasion {
            event: "lead.added",
            host: web.server,
            campaigns: Campaigns::OfList(list.to_owned()),
            subject: Subject::Lead(lead.to_owned()),
            status: None,
            what: format!("lead {lead} was added"),
            at: web.at,
            from: SimTime::ZERO,
            packet: web.packet,
            is_without_agent: false,
        });
    }

    pub(crate) fn screen(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let shown = screen.shown;
        if screen.action == "login" && shown.is_ok {
            let session = self.sessions.entry(screen.session.to_owned()).or_default();
            screen.user.clone_into(&mut session.user);
            screen.form.get("campaign").unwrap_or_default().clone_into(&mut session.campaign);
            session.asked = screen.asked_at;
        }
        if screen.action == "updateDISPO" && shown.is_ok {
            self.saved(screen, around);
        }
        if screen.is_overtaken {
            return;
        }
        if shown.session == "disabled" {
            self.sessions.remove(screen.session);
            return;
        }
        let Some(session) = self.sessions.get_mut(screen.session) else { return };
        session.seen = screen.at;
        let before = std::mem::replace(&mut session.asked, screen.asked_at);
        if !shown.call_id.is_empty() && session.call != shown.call_id {
            session.call.clone_from(&shown.call_id);
            session.lead = shown.lead_id.to_string();
            shown.phone_number.trim_start_matches('+').clone_into(&mut session.number);
            for key in self.by_number.get(&session.number).into_iter().flatten().filter(|key| key.0 == screen.host) {
                if let Some(customer) = self.customers.get_mut(key) {
                    customer.shown = Some(session.names());
                }
            }
        }
        let state = [&*shown.status, &shown.sub_status, &shown.pause_code];
        if !shown.status.is_empty() && session.state.as_ref().is_none_or(|known| *known != state) {
            let [status, sub_status, pause_code] = state.map(str::to_owned);
            let user = session.user.clone();
            let mut what = format!("{user} became {status}");
            for more in [&sub_status, &pause_code].into_iter().filter(|more| !more.is_empty()) {
                what.push(' ');
                what.push_str(more);
            }
            self.found.push(Occasion {
                event: "agent.state_changed",
                host: screen.host,
                campaigns: Campaigns::One(session.campaign.clone()),
                subject: Subject::Agent { user, sub_status, pause_code },
                status: Some(status),
                what,
                at: screen.at,
                from: before,
                packet: screen.packet,
                is_without_agent: false,
            });
            session.state = Some(state.map(str::to_owned));
        }
        let is_by_hand = shown.call_id.starts_with('M');
        let has_started = shown.status == "INCALL" && shown.customer == "LIVE" && !shown.call_id.is_empty();
        // VICIdial has no Start Call URL for calls that are dialed by hand.
        if has_started
            && !(is_by_hand && around.floor().profile() == "vicidial")
            && !self.started.contains(&session.call)
        {
            self.started.insert(session.call.clone());
            self.found.push(Occasion {
                event: "call.started",
                host: screen.host,
                campaigns: Campaigns::One(session.campaign.clone()),
                subject: Subject::Call { call: session.call.clone(), lead: session.lead.clone() },
                status: None,
                what: format!("{} began with {}", session.call, session.user),
                at: screen.at,
                from: SimTime::ZERO,
                packet: screen.packet,
                is_without_agent: false,
            });
        }
    }

    /// A disposition was saved.
    fn saved(&mut self, screen: &Screen<'_>, around: &Surroundings) {
        let Some(session) = self.sessions.get(screen.session) else { return };
        let named = |name: &str| screen.form.get(name).filter(|value| !value.is_empty());
        let call = named("call_id").unwrap_or(&session.call).to_owned();
        let lead = named("lead_id").unwrap_or(&session.lead).to_owned();
        if call.is_empty() || !self.disposed.insert(call.clone()) {
            return;
        }
        let status = screen.form.get("dispo_choice").unwrap_or_default();
        let all = [
            ("disposition.saved", true),
            ("sale.closed", around.floor().is_sale(status)),
            ("callback.scheduled", screen.form.get("callback_at").is_some()),
        ];
        for (event, _) in all.into_iter().filter(|(_, is_meant)| *is_meant) {
            self.found.push(Occasion {
                event,
                host: screen.host,
                campaigns: Campaigns::One(session.campaign.clone()),
                subject: Subject::Call { call: call.clone(), lead: lead.clone() },
                status: Some(status.to_owned()),
                what: format!("{status} of {call} was saved"),
                at: screen.at,
                from: screen.asked_at,
                packet: screen.packet,
                is_without_agent: false,
            });
        }
    }

    pub(crate) fn leg(&mut self, at: SimTime, leg: &Leg, change: LegChange) {
        let key = (leg.host, leg.call);
        match change {
            LegChange::Placed | LegChange::Came => {
                let has_him = |session: &&Session| session.number == leg.number && session.has_call();
                let on_screen = self.sessions.values().filter(has_him).max_by_key(|session| session.asked);
                let customer = Customer {
                    number: leg.number.clone(),
                    since: at,
                    packet: leg.packet,
                    is_inbound: leg.is_inbound,
                    is_answered: false,
                    shown: on_screen.map(Session::names),
                    ended: at,
                };
                self.customers.insert(key, customer);
                self.by_number.entry(leg.number.clone()).or_default().push(key);
            }
            LegChange::Answered => {
                if let Some(customer) = self.customers.get_mut(&key) {
                    customer.is_answered = true;
                }
            }
            LegChange::EndedByFloor | LegChange::EndedByCustomer | LegChange::Failed(_) => {
                if let Some(customer) = self.customers.get_mut(&key) {
                    customer.ended = at;
                    self.over.push(at, key);
                }
            }
        }
    }

    /// Calls that have been over for a while: whether an agent had them is known by now.
    pub(crate) fn due(&mut self, now: SimTime, around: &Surroundings, judgement: &mut Judgement) {
        while let Some((_, key)) = self.over.pop(now) {
            let Some(customer) = self.customers.remove(&key) else { continue };
            if let Some(keys) = self.by_number.get_mut(&customer.number) {
                keys.retain(|known| *known != key);
                if keys.is_empty() {
                    self.by_number.remove(&customer.number);
                }
            }
            let wanted = around.floor().hooks().iter().any(|hook| hook.event == "call.ended" && hook.host == key.0);
            if wanted && let Err(why) = self.ended(key.0, customer, around) {
                judgement.exempt(why);
            }
        }
    }

    fn ended(&mut self, host: HostId, customer: Customer, around: &Surroundings) -> Result<(), &'static str> {
        let Customer { number, since, packet, is_inbound, is_answered, shown, ended } = customer;
        let floor = around.floor();
        if is_inbound && !is_answered {
            return Err("a caller who wasn't answered may have dialed no line");
        }
        if self.takers.contains(&number) || floor.is_overflow(&number) {
            return Err("a customer was given to this number");
        }
        if around.disturbed(host, since) {
            return Err("the floor was down during the call");
        }
        let (campaign, subject, what) = match shown {
            Some([call, lead, campaign]) => {
                let what = format!("{call} ended");
                (campaign, Subject::Call { call, lead }, what)
            }
            None => {
                let vanished = |session: &Session| session.seen + SILENT < ended;
                if self.sessions.values().any(vanished) {
                    return Err("an agent who has vanished may have had the call");
                }
                let mut campaigns = floor.campaigns().iter().filter(|campaign| campaign.host == host);
                let (Some(campaign), None) = (campaigns.next(), campaigns.next()) else {
                    return Err("an INVITE doesn't tell its campaign, and there are several");
                };
                let what = format!("the call of {number} ended");
                (campaign.name.clone(), Subject::Number(number), what)
            }
        };
        let is_without_agent = !is_inbound && matches!(subject, Subject::Number(_));
        self.found.push(Occasion {
            event: "call.ended",
            host,
            campaigns: Campaigns::One(campaign),
            subject,
            status: None,
            what,
            at: ended,
            from: since,
            packet,
            is_without_agent,
        });
        Ok(())
    }
}

impl Session {
    /// Her call, its lead and its campaign.
    fn names(&self) -> [String; 3] {
        [self.call.clone(), self.lead.clone(), self.campaign.clone()]
    }

    /// True if her screen shows a call still.
    fn has_call(&self) -> bool {
        self.state.as_ref().is_some_and(|[status, sub, _]| matches!(&**status, "QUEUE" | "INCALL") || sub == "DISPO")
    }
}
