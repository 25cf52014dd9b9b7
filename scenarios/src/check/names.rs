//! Who is there: names that steps use, and whether an earlier step introduced them.

use std::collections::BTreeMap;

use crate::argument::{
    Agent, AgentPhone, AgentTab, Argument, BySender, Callee, Campaign, Count, Deed, ForCampaign, Heard, InCampaign,
    Link, Machine, Machines, Name, Names, OfCampaign, Party, Quoted, Receiver, Route, Speaker, ToCampaign, ToNetwork,
    Way,
};
use crate::phrase::{Matches, Phrase};
use crate::script::{self, Script, ScriptStep};
use crate::similar;
use crate::vocabulary::Bound;

/// What somebody is who has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Agent,
    Machine,
    Receiver,
    Campaign,
}

impl What {
    fn called(self) -> &'static str {
        match self {
            What::Agent => "an agent",
            What::Machine => "a machine",
            What::Receiver => "a webhook receiver",
            What::Campaign => "a campaign",
        }
    }

    fn introduced_by(self, name: &str) -> String {
        match self {
            What::Agent => format!("`Given agent {name} with a hardphone`"),
            What::Machine => format!("`Given a machine {name}`"),
            What::Receiver => format!("`Given a webhook receiver {name}`"),
            What::Campaign => format!("`Given a campaign {name}`"),
        }
    }
}

/// A name that a step uses: what it must be the name of, or nothing if it may be anybody's on the network.
type Used = (String, Option<What>);

/// A name that nobody introduced.
pub(super) struct Stranger<'a> {
    /// The step of the scenario, by its place.
    pub(super) at: usize,
    /// The step that uses it: that one, or one within it.
    pub(super) leaf: &'a ScriptStep,
    /// The name.
    pub(super) name: String,
    /// What is to be said.
    pub(super) sentence: String,
}

/// The phrases that introduce somebody, and whom: their first argument.
const INTRODUCTIONS: &[(&str, What)] = &[
    ("agent {name} with a(n) {kind}", What::Agent),
    ("agents {names} with {kind}", What::Agent),
    ("{count} agent(s) with (a ){kind}", What::Agent),
    ("(a )machine(s) {machines}", What::Machine),
    ("a webhook receiver {receiver}", What::Receiver),
    ("a webhook receiver {receiver} that counts every delivery as new", What::Receiver),
    ("a campaign {campaign}{dial_level}", What::Campaign),
    ("a campaign {campaign} that dials manually", What::Campaign),
    ("a campaign {campaign} that dials predictively", What::Campaign),
];

/// A supervisor comes into being when she first listens.
const SUPERVISORS: &[&str] =
    &["{name} listen(s) in on {agent}", "{name} whisper(s) to {agent}", "{name} barge(s) in on {agent}"];

/// The names in a scenario that nobody introduced before they are used. None if a step of another crate is among its steps.
pub(super) fn strangers(script: &Script) -> Vec<Stranger<'_>> {
    if script.leaves().any(|step| matches!(step.bound, Bound::Foreign(..))) {
        return Vec::new();
    }
    let mut known: BTreeMap<String, What> = BTreeMap::new();
    let mut strangers = Vec::new();
    for (at, step) in script.steps.iter().enumerate() {
        for leaf in script::leaves(std::slice::from_ref(step)) {
            let Bound::Phrase(phrase, matches) = &leaf.bound else { continue };
            let introduced = introduced(phrase, matches);
            if introduced.is_empty() {
                let speaks_of_agents = says_every_agent(matches);
                if speaks_of_agents && !known.values().any(|what| *what == What::Agent) {
                    let sentence = "there are no agents here: `Given 3 agents with hardphones` names three".to_owned();
                    strangers.push(Stranger { at, leaf, name: "every".to_owned(), sentence });
                }
            }
            let greets = SUPERVISORS.contains(&phrase.expression);
            for (index, (name, what)) in used(matches).into_iter().enumerate() {
                if introduced.iter().any(|(introduced, _)| *introduced == name) {
                    continue;
                }
                if let Some(sentence) = complaint(&name, what, &known) {
                    if greets && index == 0 && !known.contains_key(&name) {
                        continue;
                    }
                    strangers.push(Stranger { at, leaf, name, sentence });
                }
            }
            known.extend(introduced);
            if greets && let Ok(Name(supervisor)) = matches.get(0) {
                known.entry(supervisor).or_insert(What::Agent);
            }
        }
    }
    // One who is missing is missing wherever she's named; the first place says it.
    let mut said: Vec<String> = Vec::new();
    strangers.retain(|stranger| {
        let fresh = !said.contains(&stranger.name);
        said.push(stranger.name.clone());
        fresh
    });
    strangers
}

fn complaint(name: &str, what: Option<What>, known: &BTreeMap<String, What>) -> Option<String> {
    match (known.get(name), what) {
        // A campaign has no place on the network.
        (Some(What::Campaign), None) => Some(format!("{name} is a campaign, and has no place on the network")),
        (Some(_), None) => None,
        (Some(is), Some(wanted)) if *is == wanted => None,
        (Some(is), Some(wanted)) => Some(format!("{name} is {}, and here {} is meant", is.called(), wanted.called())),
        (None, wanted) => {
            let fits = |what: What| wanted.map_or(what != What::Campaign, |wanted| wanted == what);
            let names: Vec<&str> =
                known.iter().filter(|(_, what)| fits(**what)).map(|(name, _)| name.as_str()).collect();
            let nearest = names
                .iter()
                .min_by_key(|known| similar::distance(name, known))
                .filter(|known| similar::distance(name, known) * 2 <= name.chars().count());
            let hint = match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => {
                    let introduced = wanted.unwrap_or(What::Agent).introduced_by(name);
                    format!("{introduced} before it would introduce it")
                }
            };
            let who = match wanted {
                Some(What::Campaign) => format!("no campaign here is called {name}"),
                Some(What::Receiver) => format!("no webhook receiver here is called {name}"),
                _ => format!("nobody here is called {name}"),
            };
            Some(format!("{who}; {hint}"))
        }
    }
}

fn introduced(phrase: &Phrase, matches: &Matches) -> Vec<(String, What)> {
    let Some((expression, what)) = INTRODUCTIONS.iter().find(|(expression, _)| *expression == phrase.expression) else {
        return Vec::new();
    };
    let names: Vec<String> = match matches.arguments().next().map(|(kind, _)| kind.name) {
        Some(Name::NAME) => matches.get(0).map(|Name(name)| vec![name]).unwrap_or_default(),
        Some(Names::NAME) => matches.get(0).map(|Names(names)| names).unwrap_or_default(),
        Some(Machines::NAME) => {
            let machines = matches.get(0).map(|Machines(machines)| machines).unwrap_or_default();
            machines.into_iter().map(|Machine(name)| name).collect()
        }
        Some(Receiver::NAME) => matches.get(0).map(|Receiver(name)| vec![name]).unwrap_or_default(),
        Some(Campaign::NAME) => matches.get(0).map(|Campaign(name)| vec![name]).unwrap_or_default(),
        Some(Count::NAME) => {
            let count = matches.get(0).map(|Count(count)| count).unwrap_or_default();
            // More than a center holds: no run gets that far.
            (1..=count.min(10_000)).map(|number| format!("agent{number}")).collect()
        }
        other => panic!("`{expression}` introduces somebody by {other:?}"),
    };
    names.into_iter().map(|name| (name, *what)).collect()
}

fn says_every_agent(matches: &Matches) -> bool {
    matches.arguments().any(|(kind, words)| kind.name != Quoted::NAME && words.contains("every agent"))
}

/// The names that a step uses.
fn used(matches: &Matches) -> Vec<Used> {
    let agent = |agent: Agent| match agent {
        Agent::Named(name) => Some((name, Some(What::Agent))),
        Agent::Every => None,
    };
    let party = |party: Party| match party {
        Party::Named(name) => vec![(name, None)],
        _ => Vec::new(),
    };
    let speaker = |speaker: Speaker| match speaker {
        Speaker::Agent(named) => agent(named),
        Speaker::Customer(_) => None,
    };
    let campaign = |name: Option<String>| name.map(|name| (name, Some(What::Campaign)));
    let of_route = |route: Route| match route {
        Route::Between(one, other) | Route::From(one, other) => [party(one), party(other)].concat(),
    };
    let mut used: Vec<Used> = Vec::new();
    for (index, (kind, _)) in matches.arguments().enumerate() {
        match kind.name {
            Agent::NAME => used.extend(matches.get(index).ok().and_then(agent)),
            AgentPhone::NAME => used.extend(matches.get(index).ok().and_then(|phone: AgentPhone| agent(phone.agent))),
            AgentTab::NAME => used.extend(matches.get(index).ok().and_then(|tab: AgentTab| agent(tab.agent))),
            Speaker::NAME => used.extend(matches.get(index).ok().and_then(speaker)),
            Heard::NAME => {
                if let Ok(Heard::Somebody(somebody)) = matches.get(index) {
                    used.extend(speaker(somebody));
                }
            }
            Callee::NAME => {
                if let Ok(Callee::Agent(name)) = matches.get(index) {
                    used.push((name, Some(What::Agent)));
                }
            }
            Deed::NAME => used.extend(matches.get(index).ok().and_then(|deed: Deed| agent(deed.agent))),
            Party::NAME => used.extend(matches.get(index).map(party).unwrap_or_default()),
            Route::NAME => used.extend(matches.get(index).map(of_route).unwrap_or_default()),
            Link::NAME => {
                if let Ok(Link::On(route)) = matches.get(index) {
                    used.extend(of_route(route));
                }
            }
            Way::NAME => {
                if let Ok(Way::From(one) | Way::To(one)) = matches.get(index) {
                    used.extend(party(one));
                }
            }
            Machine::NAME => {
                used.extend(matches.get(index).ok().map(|Machine(name)| (name, Some(What::Machine))));
            }
            Receiver::NAME => {
                used.extend(matches.get(index).ok().map(|Receiver(name)| (name, Some(What::Receiver))));
            }
            Campaign::NAME => used.extend(matches.get(index).ok().and_then(|Campaign(name)| campaign(Some(name)))),
            InCampaign::NAME => used.extend(matches.get(index).ok().and_then(|InCampaign(name)| campaign(name))),
            ToCampaign::NAME => used.extend(matches.get(index).ok().and_then(|ToCampaign(name)| campaign(name))),
            ForCampaign::NAME => used.extend(matches.get(index).ok().and_then(|ForCampaign(name)| campaign(name))),
            OfCampaign::NAME => used.extend(matches.get(index).ok().and_then(|OfCampaign(name)| campaign(name))),
            // Wherever a bare name doesn't introduce somebody, it's an agent's.
            Name::NAME => used.extend(matches.get(index).ok().map(|Name(name)| (name, Some(What::Agent)))),
            Names::NAME => {
                let names = matches.get(index).map(|Names(names)| names).unwrap_or_default();
                used.extend(names.into_iter().map(|name| (name, Some(What::Agent))));
            }
            _ => {}
        }
    }
    used
}

/// The network profile that a step names.
pub(super) fn profile_of(leaf: &ScriptStep) -> Option<String> {
    let Bound::Phrase(phrase, matches) = &leaf.bound else { return None };
    if phrase.expression == "{party} is on {string}" {
        return matches.get(1).ok().map(|Quoted(name)| name);
    }
    let at = matches.arguments().position(|(kind, _)| kind.name == ToNetwork::NAME)?;
    matches.get(at).ok().and_then(|ToNetwork(name)| name)
}

/// The sender that a step names.
pub(super) fn sender_of(leaf: &ScriptStep) -> Option<String> {
    let Bound::Phrase(_, matches) = &leaf.bound else { return None };
    let at = matches.arguments().position(|(kind, _)| kind.name == BySender::NAME)?;
    matches.get(at).ok().and_then(|BySender(name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary;

    #[test]
    fn whoever_is_introduced_is_introduced_by_a_phrase_that_there_is() {
        let all: Vec<&str> = vocabulary::built_in().map(|phrase| phrase.expression).collect();
        let named = INTRODUCTIONS.iter().map(|(expression, _)| expression).chain(SUPERVISORS);
        for expression in named.chain(&["{party} is on {string}"]) {
            assert!(all.contains(expression), "`{expression}` is no phrase any more");
        }
    }
}
