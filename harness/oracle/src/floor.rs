//! What is known of a floor: how it was set up, and which customers' calls it has.
//!
//! How it was set up is what a person did, and stands in the log as steps on the floor's host:
//!
//! | entry | with |
//! |---|---|
//! | `floor` | `profile`, the list `quirks` |
//! | `campaign` | `name`, `method` (ratio, predictive, manual), `drop_target` (a share, as text), `drop_after_ms`, `detects_machines` and `uses_dnc` (0 or 1), the lists `sale_statuses` and `lists` (whose leads it dials) |
//! | `inbound-line` | `number`, `then_to`: where callers go who have waited too long |
//! | `do-not-call` | `number`: nobody may call it from now on |
//! | `hook` | `name`, `campaign`, `event`, `url`, `sender` (the contract), `trigger` (at-once, screen, no-agent), `spent_after_ms` (by then the contract has given up), the list `tries` (how often it tries, by the failure that it meets: `5xx=10`), `disables` and `fallback` (0 or 1) |
//!
//! `hook` also stands on the host of a sender without a floor. An entry of the same name takes the place of the former.
//!
//! A customer's call is a SIP call between a floor and a telephone number: six digits or more.

use std::time::Duration;

use busyhour_trace::{Event, HostId, PacketId, SimTime, Source};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::dues::PATIENCE;
use crate::hearing::Heard;
use crate::read::sip::{Method, Uri};

/// A campaign, as far as witnesses care.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// Its floor.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its dialer works by a drop target.
    pub is_predictive: bool,
    /// Agents dial by hand.
    pub is_manual: bool,
    /// Of the calls that are answered, the share that may be dropped.
    pub drop_target: f64,
    /// How long an answered customer waits for an agent.
    pub drop_after: Duration,
    /// Machines are hung up on.
    pub detects_machines: bool,
    /// The do-not-call list is heeded.
    pub uses_dnc: bool,
    /// Dispositions that are a sale.
    pub sale_statuses: Vec<String>,
    /// The lists whose leads it dials.
    pub lists: Vec<String>,
}

/// Who is told of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Whose hook it is.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// The campaign; empty for all.
    pub campaign: String,
    /// `disposition.saved`, ...
    pub event: String,
    /// Where to.
    pub url: String,
    /// By which contract.
    pub sender: String,
    /// What sets it off: `at-once`, `screen`, `no-agent`.
    pub trigger: String,
    /// Since when.
    pub since: SimTime,
    /// By then the contract has given up.
    pub spent_after: Duration,
    /// How often it tries, by the failure that it meets: `5xx`.
    pub tries: Vec<(String, u64)>,
    /// It stops for good when an endpoint fails too much.
    pub disables: bool,
    /// In the end it's told elsewhere.
    pub fallback: bool,
}

impl Hook {
    /// The host's name or address that it leads to.
    pub fn receiver(&self) -> &str {
        let rest = self.url.split_once("://").map_or(&*self.url, |(_, rest)| rest);
        rest.split(['/', ':', '?']).next().unwrap_or_default()
    }

    /// The path that it leads to.
    pub fn path(&self) -> &str {
        let rest = self.url.split_once("://").map_or(&*self.url, |(_, rest)| rest);
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        path.split(['?', '#']).next().unwrap_or_default()
    }

    /// How often it tries what is always answered so.
    pub fn tries(&self, status: u16) -> u64 {
        let failure = match status {
            300..400 => "3xx",
            429 => "429",
            400..500 => "4xx",
            500.. => "5xx",
            _ => "empty",
        };
        self.tries.iter().find(|(name, _)| name == failure).map_or(1, |(_, tries)| *tries)
    }
}

/// What became of a customer's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegChange {
    /// The floor calls him.
    Placed,
    /// He calls the floor.
    Came,
    /// It's answered, by either.
    Answered,
    /// The floor ends it.
    EndedByFloor,
    /// He ends it, or whoever is between.
    EndedByCustomer,
    /// It was refused, with that status.
    Failed(u16),
}

impl LegChange {
    /// True if the call is over with it.
    pub fn is_end(self) -> bool {
        matches!(self, LegChange::EndedByFloor | LegChange::EndedByCustomer | LegChange::Failed(_))
    }
}

/// A customer's call with a floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The floor.
    pub host: HostId,
    /// A digest of its Call-ID.
    pub call: u64,
    /// The customer's number.
    pub number: String,
    /// He has called.
    pub is_inbound: bool,
    /// Its first INVITE.
    pub packet: PacketId,
    /// Since when.
    pub since: SimTime,
    /// When it was answered.
    pub answered: Option<SimTime>,
    /// Somebody has said something to it.
    is_heard_of: bool,
}

impl Leg {
    /// True once somebody has said something to it.
    pub fn is_heard_of(&self) -> bool {
        self.is_heard_of
    }

    /// True if it may still be up: what nobody has ever answered to is given up after 64*T1.
    fn is_live(&self, now: SimTime) -> bool {
        self.is_heard_of || self.is_inbound || now.since(self.since) <= PATIENCE
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Floor {
    hosts: FxHashSet<HostId>,
    profile: String,
    quirks: Vec<String>,
    campaigns: Vec<Campaign>,
    hooks: Vec<Hook>,
    blocked: FxHashMap<String, SimTime>,
    overflows: FxHashSet<String>,
    legs: FxHashMap<(HostId, u64), Leg>,
    by_number: FxHashMap<String, Vec<(HostId, u64)>>,
}

/// The customer's number, if it's one that can be dialed.
fn number(user: &str) -> Option<&str> {
    let digits = user.strip_prefix('+').unwrap_or(user);
    (digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn read_tries(tries: &str) -> Option<(String, u64)> {
    let (name, count) = tries.split_once('=')?;
    Some((name.to_owned(), count.parse().ok()?))
}

impl Floor {
    /// True if a floor runs on that host.
    pub fn is_floor(&self, host: HostId) -> bool {
        self.hosts.contains(&host)
    }

    /// True if somebody said that this host sends webhooks.
    pub fn is_sender(&self, host: HostId) -> bool {
        self.hosts.contains(&host) || self.hooks.iter().any(|hook| hook.host == host)
    }

    /// True if it's known who sends webhooks.
    pub fn has_senders(&self) -> bool {
        !self.hosts.is_empty() || !self.hooks.is_empty()
    }

    /// `vicidial`, `modern`, or nothing if nobody has said it.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// True if the floor has that quirk.
    pub fn has_quirk(&self, quirk: &str) -> bool {
        self.quirks.iter().any(|known| known == quirk)
    }

    /// The campaigns that were told of.
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// Who is told of what.
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// True if a disposition of that status is a sale.
    pub fn is_sale(&self, status: &str) -> bool {
        let mut listed = self.campaigns.iter().filter(|campaign| !campaign.sale_statuses.is_empty()).peekable();
        match listed.peek() {
            None => status == "SALE",
            Some(_) => listed.any(|campaign| campaign.sale_statuses.iter().any(|sale| sale == status)),
        }
    }

    /// Since when nobody may call that number.
    pub fn blocked(&self, number: &str) -> Option<SimTime> {
        self.blocked.get(number).copied()
    }

    /// True if callers who have waited too long go to that number.
    pub fn is_overflow(&self, number: &str) -> bool {
        self.overflows.contains(number)
    }

    /// The calls that customers with that number have with floors.
    pub fn live<'a>(&'a self, number: &str, now: SimTime) -> impl Iterator<Item = &'a Leg> + use<'a> {
        let keys = self.by_number.get(number).map_or(&[][..], |keys| keys);
        keys.iter().filter_map(|key| self.legs.get(key)).filter(move |leg| leg.is_live(now))
    }

    /// That call, if it's still up.
    pub fn leg(&self, host: HostId, call: u64) -> Option<&Leg> {
        self.legs.get(&(host, call))
    }

    /// From now on nobody may call that number.
    fn block(&mut self, at: SimTime, number: &str) {
        self.blocked.entry(number.to_owned()).or_insert(at);
    }

    /// A host answers agents' screens.
    pub(crate) fn serves_screens(&mut self, host: HostId) {
        self.hosts.insert(host);
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let Some(host) = event.host else { return };
        if event.source == Source::World && event.kind == "crash" && self.hosts.contains(&host) {
            self.legs.retain(|(of, _), _| *of != host);
            let legs = &self.legs;
            self.by_number.retain(|_, keys| {
                keys.retain(|key| legs.contains_key(key));
                !keys.is_empty()
            });
        }
        if event.source != Source::Step {
            return;
        }
        let text = |name: &str| event.text(name).unwrap_or_default().to_owned();
        let list = |name: &str| event.list(name).unwrap_or_default().to_vec();
        let number = |name: &str, otherwise: i64| event.number(name).unwrap_or(otherwise).max(0) as u64;
        match &*event.kind {
            "floor" => {
                self.hosts.insert(host);
                self.profile = text("profile");
                self.quirks = list("quirks");
            }
            "campaign" => {
                let campaign = Campaign {
                    host,
                    name: text("name"),
                    is_predictive: event.text("method") == Some("predictive"),
                    is_manual: event.text("method") == Some("manual"),
                    drop_target: text("drop_target").parse().unwrap_or(0.03),
                    drop_after: Duration::from_millis(number("drop_after_ms", 5_000)),
                    detects_machines: number("detects_machines", 0) != 0,
                    uses_dnc: number("uses_dnc", 1) != 0,
                    sale_statuses: list("sale_statuses"),
                    lists: list("lists"),
                };
                self.hosts.insert(host);
                self.campaigns.retain(|known| known.host != host || known.name != campaign.name);
                self.campaigns.push(campaign);
            }
            "inbound-line" => {
                self.overflows.insert(text("then_to"));
            }
            "do-not-call" => self.block(event.at, &text("number")),
            "hook" => {
                let name = text("name");
                let known = self.hooks.iter().position(|hook| hook.host == host && hook.name == name);
                let hook = Hook {
                    host,
                    name,
                    campaign: text("campaign"),
                    event: text("event"),
                    url: text("url"),
                    sender: text("sender"),
                    trigger: text("trigger"),
                    since: known.map_or(event.at, |known| self.hooks[known].since),
                    spent_after: Duration::from_millis(number("spent_after_ms", 0)),
                    tries: list("tries").iter().filter_map(|tries| read_tries(tries)).collect(),
                    disables: number("disables", 0) != 0,
                    fallback: number("fallback", 0) != 0,
                };
                match known {
                    Some(known) => self.hooks[known] = hook,
                    None => self.hooks.push(hook),
                }
            }
            _ => {}
        }
    }

    /// Follows customers' calls; tells what changed.
    pub(crate) fn message(&mut self, heard: &Heard<'_>) -> Option<(Leg, LegChange)> {
        if self.hosts.is_empty() || !self.hosts.contains(&heard.host) || heard.is_forwarding {
            return None;
        }
        let key = (heard.host, heard.call);
        let Some(leg) = self.legs.get_mut(&key) else {
            if !heard.is(Method::Invite) || heard.to_tag != 0 {
                return None;
            }
            let is_inbound = heard.has_arrived();
            let from = heard.message.from().filter(|_| is_inbound);
            let user = match &from {
                Some(from) => from.user(),
                None => Uri::read(heard.message.target())?.user,
            };
            let leg = Leg {
                host: heard.host,
                call: heard.call,
                number: number(user)?.to_owned(),
                is_inbound,
                packet: heard.packet,
                since: heard.at,
                answered: None,
                is_heard_of: false,
            };
            self.by_number.entry(leg.number.clone()).or_default().push(key);
            self.legs.insert(key, leg.clone());
            return Some((leg, if is_inbound { LegChange::Came } else { LegChange::Placed }));
        };
        // Who is asked answers: the floor where the customer calls.
        let is_answer = !heard.is_request() && heard.method == Method::Invite && heard.is_sent() == leg.is_inbound;
        leg.is_heard_of |= heard.has_arrived();
        let change =
            match heard.status {
                0 if heard.is(Method::Bye) || (heard.is(Method::Cancel) && leg.answered.is_none()) => {
                    if heard.is_sent() { LegChange::EndedByFloor } else { LegChange::EndedByCustomer }
                }
                200..300 if is_answer && leg.answered.is_none() => LegChange::Answered,
                // It's asked again, with a password.
                401 | 407 => return None,
                300.. if is_answer && leg.answered.is_none() => LegChange::Failed(heard.status),
                _ => return None,
            };
        if change == LegChange::Answered {
            leg.answered = Some(heard.at);
            return Some((leg.clone(), change));
        }
        let leg = self.legs.remove(&key)?;
        if let Some(keys) = self.by_number.get_mut(&leg.number) {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.by_number.remove(&leg.number);
            }
        }
        Some((leg, change))
    }
}
