//! What webhooks have told, whom, and how that was answered.

use busyhour_trace::{HostId, SimTime};
use rustc_hash::FxHashMap;

use crate::floor::Hook;
use crate::occasions::Subject;
use crate::read::telling::Told;
use crate::web::Web;

/// A request that has reached a receiver.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) told: Told,
    pub(crate) server: HostId,
    pub(crate) client: Option<HostId>,
    /// Of one that doesn't say what kind of event it tells: the URLs' path tells it.
    path: Option<String>,
    pub(crate) at: SimTime,
    /// How it was answered, and when.
    pub(crate) answer: Option<(SimTime, u16)>,
}

/// All of them, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Tellings {
    all: Vec<Telling>,
    open: FxHashMap<u64, usize>,
    by: FxHashMap<Key, Vec<usize>>,
    /// When a receiver has claimed an effect on a lead last, that its disk confirms.
    effects: FxHashMap<(HostId, String), SimTime>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Call(String),
    /// Of a lead, and of none of its calls.
    Lead(String),
    Number(String),
    Agent(String),
}

impl Tellings {
    /// A request that tells of something has come.
    pub(crate) fn asked(&mut self, web: &Web<'_>, told: &Told) {
        let place = self.all.len();
        let mut under = |key: Key| self.by.entry(key).or_default().push(place);
        match (&told.call_id, &told.lead_id) {
            (Some(call), _) => under(Key::Call(call.clone())),
            (None, Some(lead)) => under(Key::Lead(lead.clone())),
            (None, None) => {}
        }
        if told.kind.as_deref() == Some("agent.state_changed") {
            told.agent.iter().for_each(|agent| under(Key::Agent(agent.clone())));
        } else {
            // Who doesn't say which number may mean any.
            under(Key::Number(told.phone_number.clone().unwrap_or_default()));
        }
        self.open.insert(web.number, place);
        self.all.push(Telling {
            told: told.clone(),
            server: web.server,
            client: web.client,
            path: told.kind.is_none().then(|| web.path.to_owned()),
            at: web.at,
            answer: None,
        });
    }

    /// It's answered.
    pub(crate) fn answered(&mut self, web: &Web<'_>, status: u16) {
        if let Some(place) = self.open.remove(&web.number) {
            self.all[place].answer = Some((web.at, status));
        }
    }

    /// A receiver has done something for a lead.
    pub(crate) fn effect(&mut self, host: HostId, lead: &str, at: SimTime) {
        self.effects.insert((host, lead.to_owned()), at);
    }

    /// True if the receiver has done something for a lead since.
    pub(crate) fn has_effect(&self, host: HostId, lead: &str, since: SimTime) -> bool {
        self.effects.get(&(host, lead.to_owned())).is_some_and(|at| *at >= since)
    }

    /// Those that may be about that, the oldest first.
    pub(crate) fn about<'a>(&'a self, subject: &'a Subject, from: SimTime) -> impl Iterator<Item = &'a Telling> {
        let keys = match subject {
            Subject::Call { call, lead } => [Some(Key::Call(call.clone())), Some(Key::Lead(lead.clone()))],
            Subject::Lead(lead) => [Some(Key::Lead(lead.clone())), None],
            Subject::Number(number) => [Some(Key::Number(number.clone())), Some(Key::Number(String::new()))],
            Subject::Agent { user, .. } => [Some(Key::Agent(user.clone())), None],
        };
        let mut places = Vec::new();
        for found in keys.iter().flatten().filter_map(|key| self.by.get(key)) {
            places.extend_from_slice(&found[found.partition_point(|place| self.all[*place].at < from)..]);
        }
        places.sort_unstable();
        places.into_iter().map(|place| &self.all[place])
    }
}

impl Telling {
    /// True if it was answered with a 2xx.
    pub(crate) fn is_taken(&self) -> bool {
        self.answer.is_some_and(|(_, status)| (200..300).contains(&status))
    }

    /// True if it comes by that hook, as far as can be told: `others` are all hooks there are.
    pub(crate) fn is_by(&self, hook: &Hook, receiver: Option<HostId>, others: &[Hook]) -> bool {
        let is_kind = self.told.kind.as_ref().is_none_or(|kind| *kind == hook.event);
        let is_receiver = hook.fallback || receiver.is_none_or(|receiver| receiver == self.server);
        let is_genuine = self.client.is_none_or(|client| client == hook.host);
        // What doesn't say its kind, and comes where another event is told, tells of that.
        let is_elsewhere = self.path.as_deref().is_some_and(|path| {
            hook.path() != path && others.iter().any(|other| other.event != hook.event && other.path() == path)
        });
        is_kind && is_receiver && is_genuine && !is_elsewhere
    }

    /// True if it tells of that.
    pub(crate) fn is_about(&self, subject: &Subject, status: Option<&str>) -> bool {
        let told = &self.told;
        let same = |told: &Option<String>, known: &str| told.as_ref().is_none_or(|told| told == known);
        let is_subject = match subject {
            Subject::Agent { sub_status, pause_code, .. } => {
                told.sub_status.as_deref().unwrap_or_default() == sub_status
                    && told.pause_code.as_deref().unwrap_or_default() == pause_code
            }
            _ => true,
        };
        is_subject && status.is_none_or(|status| same(&told.status, status))
    }
}
