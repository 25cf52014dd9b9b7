//! The vocabulary: every phrase of this build, found by the words of a step.
//!
//! Each file holds the phrases of one subject. All of them are registered under all three keywords, so that a check
//! under `When` is an error that says so, and not a step that nobody knows.

mod apis;
mod audio;
mod browser;
mod calls;
mod dialer;
mod faults;
mod floor;
mod machines;
mod network;
mod phones;
mod place;
mod sessions;
mod time;
mod webhooks;
mod webrtc;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(crate) use floor::IT_IS;
pub(crate) use time::PASSES;

use cucumber::World as _;
use cucumber::codegen::{StepConstructor, WorldInventory, inventory};
use cucumber::step;
use cucumber_expressions::Expression;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use gherkin::StepType;
use regex::Regex;

use crate::World;
use crate::argument::{self, ArgumentKind};
use crate::phrase::{Matches, Phrase, StepResult};
use crate::phrasebook::Composed;

/// The phrases of one subject.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The heading under which they are listed.
    pub title: &'static str,
    /// The phrases, in the order in which they are listed.
    pub phrases: &'static [Phrase],
}

/// The built-in phrases by subject.
pub const SUBJECTS: &[Subject] = &[
    Subject { title: "The place", phrases: place::PHRASES },
    Subject { title: "Phones and registration", phrases: phones::PHRASES },
    Subject { title: "Calls", phrases: calls::PHRASES },
    Subject { title: "Audio", phrases: audio::PHRASES },
    Subject { title: "The browser tab", phrases: browser::PHRASES },
    Subject { title: "WebRTC", phrases: webrtc::PHRASES },
    Subject { title: "The floor", phrases: floor::PHRASES },
    Subject { title: "Agents at work", phrases: sessions::PHRASES },
    Subject { title: "The dialer", phrases: dialer::PHRASES },
    Subject { title: "The APIs", phrases: apis::PHRASES },
    Subject { title: "Webhooks", phrases: webhooks::PHRASES },
    Subject { title: "Aimed faults", phrases: faults::PHRASES },
    Subject { title: "The machines", phrases: machines::PHRASES },
    Subject { title: "The network", phrases: network::PHRASES },
    Subject { title: "Time", phrases: time::PHRASES },
];

/// A step that another crate brought with `#[given]`, `#[when]` or `#[then]` on [`World`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignStep {
    /// Where its function stands.
    pub location: step::Location,
    /// The one keyword that it's registered under.
    pub keyword: &'static str,
    /// Its pattern.
    pub pattern: String,
}

/// What a step is bound to.
#[derive(Debug, Clone)]
pub enum Bound {
    /// A phrase of ours.
    Phrase(&'static Phrase, Matches),
    /// The step of another crate.
    Foreign(step::Step<World>, step::Context),
    /// A phrase that is made of others.
    Composed(Arc<Composed>),
}

impl Bound {
    /// Does what the step says.
    pub fn perform<'a>(&self, world: &'a mut World) -> LocalBoxFuture<'a, StepResult> {
        match self {
            Bound::Phrase(phrase, matches) => (phrase.step)(world, matches.clone()),
            Bound::Foreign(step, context) => step(world, context.clone()).map(Ok).boxed_local(),
            Bound::Composed(composed) => {
                let steps = composed.steps.clone();
                async move {
                    for step in steps {
                        step.bound.perform(world).await?;
                    }
                    Ok(())
                }
                .boxed_local()
            }
        }
    }
}

/// What is known of the words of a step.
#[derive(Debug, Clone)]
pub enum Found {
    /// No phrase reads so.
    Nothing,
    /// One does.
    One(Box<Bound>),
    /// Several do; each is named as the lists name it.
    Several(Vec<String>),
}

/// Every phrase of this build.
pub struct Vocabulary {
    collection: step::Collection<World>,
    phrases: BTreeMap<step::Location, (&'static Phrase, Vec<&'static ArgumentKind>)>,
    foreign: Vec<ForeignStep>,
}

impl Vocabulary {
    /// The built-in phrases, and the steps of all crates that are linked into this build.
    pub fn of_this_build() -> Vocabulary {
        let mut vocabulary =
            Vocabulary { collection: World::collection(), phrases: BTreeMap::new(), foreign: foreign_steps() };
        for phrase in SUBJECTS.iter().flat_map(|subject| subject.phrases) {
            vocabulary.add(phrase);
        }
        vocabulary
    }

    fn add(&mut self, phrase: &'static Phrase) {
        let pattern = pattern(phrase.expression);
        let kinds = parameters(phrase.expression);
        let at = Some(phrase.declared);
        self.collection = std::mem::take(&mut self.collection)
            .given(at, pattern.clone(), perform_or_panic)
            .when(at, pattern.clone(), perform_or_panic)
            .then(at, pattern, perform_or_panic);
        let earlier = self.phrases.insert(phrase.declared, (phrase, kinds));
        assert!(earlier.is_none(), "two phrases are declared at {}: give each a line of its own", phrase.declared);
    }

    /// What reads as this step does. Does not ask whether it may stand under its keyword.
    pub fn find(&self, step: &gherkin::Step) -> Found {
        match self.collection.find(step) {
            Ok(None) => Found::Nothing,
            Ok(Some((function, _, location, context))) => {
                Found::One(Box::new(self.bound(*function, location, context)))
            }
            Err(ambiguous) => Found::Several(
                ambiguous
                    .possible_matches
                    .iter()
                    .map(|(pattern, location)| self.name_of(pattern.as_str(), *location))
                    .collect(),
            ),
        }
    }

    fn bound(&self, function: step::Step<World>, location: Option<step::Location>, context: step::Context) -> Bound {
        let Some((phrase, kinds)) = location.and_then(|location| self.phrases.get(&location)) else {
            return Bound::Foreign(function, context);
        };
        // The first match is the whole step; each parameter is one group after it, for no pattern has groups of its own.
        let words = context.matches.into_iter().skip(1).map(|(_, words)| words);
        let matches = Matches::new(phrase.expression, kinds.iter().copied().zip(words).collect());
        let matches = matches.under(context.step.ty);
        Bound::Phrase(phrase, matches.below(context.step.table.as_ref(), context.step.docstring.as_deref()))
    }

    fn name_of(&self, pattern: &str, location: Option<step::Location>) -> String {
        match location.and_then(|location| self.phrases.get(&location)) {
            Some((phrase, _)) => shown(phrase.expression),
            None => match location {
                Some(location) => format!("/{pattern}/ ({location})"),
                None => format!("/{pattern}/"),
            },
        }
    }

    /// The steps of other crates, in the order of their places.
    pub fn foreign(&self) -> &[ForeignStep] {
        &self.foreign
    }

    /// The phrases as cucumber keeps them, for a runner that isn't ours.
    pub fn collection(&self) -> &step::Collection<World> {
        &self.collection
    }
}

/// The built-in phrases, one after the other.
pub fn built_in() -> impl Iterator<Item = &'static Phrase> {
    SUBJECTS.iter().flat_map(|subject| subject.phrases)
}

/// The step of a built-in phrase as cucumber's own runners call it: a failure becomes a panic, for they know no other.
fn perform_or_panic(world: &mut World, context: step::Context) -> LocalBoxFuture<'_, ()> {
    async move {
        let vocabulary = Vocabulary::of_this_build();
        let Found::One(bound) = vocabulary.find(&context.step) else {
            panic!("cucumber found the step `{}`, and the vocabulary does not", context.step.value)
        };
        if let Err(failure) = bound.perform(world).await {
            panic!("{failure}");
        }
    }
    .boxed_local()
}

fn foreign_steps() -> Vec<ForeignStep> {
    fn listed<S: StepConstructor<World>>(keyword: &'static str, step: &S) -> ForeignStep {
        let (location, pattern, _) = step.inner();
        ForeignStep { location, keyword, pattern: pattern().as_str().to_owned() }
    }
    let given = inventory::iter::<<World as WorldInventory>::Given>.into_iter().map(|step| listed("Given", step));
    let when = inventory::iter::<<World as WorldInventory>::When>.into_iter().map(|step| listed("When", step));
    let then = inventory::iter::<<World as WorldInventory>::Then>.into_iter().map(|step| listed("Then", step));
    let mut steps: Vec<_> = given.chain(when).chain(then).collect();
    // The linker decides in which order they come.
    steps.sort();
    steps
}

fn parameter_marks() -> Regex {
    Regex::new(r"\{(\w*)\}").expect("the pattern of a parameter is in order")
}

/// The kinds of the parameters of an expression, in their order.
fn parameters(expression: &str) -> Vec<&'static ArgumentKind> {
    parameter_marks()
        .captures_iter(expression)
        .map(|mark| {
            argument::kind(&mark[1])
                .unwrap_or_else(|| panic!("`{expression}` names a kind of argument that isn't there: {}", &mark[0]))
        })
        .collect()
}

fn pattern(expression: &'static str) -> Regex {
    let kinds: HashMap<&str, &str> = argument::KINDS.iter().map(|kind| (kind.name, kind.pattern)).collect();
    match Expression::regex_with_parameters(expression, &kinds) {
        Ok(pattern) => pattern,
        Err(error) => panic!("`{expression}` is no cucumber expression: {error}"),
    }
}

/// An expression as the lists show it: optional tails in square brackets.
pub fn shown(expression: &str) -> String {
    parameter_marks()
        .replace_all(expression, |mark: &regex::Captures<'_>| {
            argument::kind(&mark[1]).and_then(|kind| kind.shown).map_or_else(|| mark[0].to_owned(), str::to_owned)
        })
        .into_owned()
}

/// Reads one line such as `When 90 seconds pass` as a step.
pub(crate) fn step_of(line: &str) -> gherkin::Step {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let keyword = match word {
        "When" => StepType::When,
        "Then" => StepType::Then,
        _ => StepType::Given,
    };
    gherkin::Step::builder().keyword(word.to_owned()).ty(keyword).value(rest.to_owned()).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(vocabulary: &Vocabulary, line: &str) -> (&'static Phrase, Matches) {
        match vocabulary.find(&step_of(line)) {
            Found::One(bound) => match *bound {
                Bound::Phrase(phrase, matches) => (phrase, matches),
                other => panic!("`{line}` is {other:?}"),
            },
            other => panic!("`{line}` found {other:?}"),
        }
    }

    #[test]
    fn every_example_is_read_by_its_own_phrase_and_no_other() {
        let vocabulary = Vocabulary::of_this_build();
        for phrase in built_in() {
            for example in phrase.examples() {
                let (found, _) = bound(&vocabulary, example);
                assert_eq!(found.expression, phrase.expression, "for the example `{example}`");
                let keyword = step_of(example).ty;
                assert!(phrase.kind.stands_under(keyword), "`{example}` {} under {keyword:?}", phrase.kind.word());
            }
        }
    }

    #[test]
    fn every_twin_is_a_phrase_that_may_stand_where_its_sibling_may_not() {
        let vocabulary = Vocabulary::of_this_build();
        for phrase in built_in() {
            let Some(twin) = phrase.twin else { continue };
            let (found, _) = bound(&vocabulary, twin);
            let keyword = step_of(twin).ty;
            assert!(found.kind.stands_under(keyword), "`{twin}` is offered and can't stand");
            assert!(!phrase.kind.stands_under(keyword), "`{twin}` mends nothing that `{}` can't do", phrase.expression);
        }
    }

    #[test]
    fn every_phrase_is_documented_in_one_line() {
        for phrase in built_in() {
            assert!(!phrase.doc.is_empty() && !phrase.doc.contains('\n'), "{}", phrase.expression);
            assert!(phrase.doc.ends_with('.'), "{}: {}", phrase.expression, phrase.doc);
        }
    }

    /// The lines of rounds 1 to 4 of the contract, letter by letter, in every variant that it names. The tests of whole
    /// universes perform them.
    const CONTRACT: &[&str] = &[
        "Given alice is on \"hotel wifi\"",
        "Given machines a and b",
        "When a sends 1000 datagrams to b",
        "Then b received between 930 and 970 of them",
        "When a fetches \"/hello\" from b",
        "Then a got status 200",
        "Then a got status 200 within 2 seconds",
        "Then a got no answer",
        "Then a got no answer within 2 seconds",
        "Given the network between alice and the server loses 5% of packets",
        "Given every network loses 5% of packets",
        "Given the network between alice and the server duplicates 2% of packets",
        "Given the network between alice and the server reorders 2% of packets",
        "Given the network between alice and the server corrupts 1% of packets",
        "Given the network between alice and the server has 80 ms latency and 20 ms jitter",
        "Given the network between alice and the server carries at most 256 kbit per second",
        "When the network between alice and the server is cut",
        "When the network between alice and the server is cut for 10 seconds",
        "When the network from alice to the server is cut",
        "When the network between alice and the server heals",
        "When a crashes",
        "When a restarts",
        "When the server crashes",
        "When the server's clock is 10 minutes ahead",
        "When the server's clock is 10 minutes behind",
        "When a's clock is 10 minutes ahead",
        "When 90 seconds pass",
        "When 1 second passes",
        "Then at least 1 packet was lost between alice and the server",
        "Given a contact center",
        "Given a second SIP server that takes over when the first is down",
        "Given agent alice with a hardphone",
        "Given agent alice with a softphone",
        "Given agents alice, bob and carol with hardphones",
        "Given 20 agents with hardphones",
        "Given alice works behind a symmetric NAT",
        "Given alice works behind a full-cone NAT",
        "Given alice works behind a restricted NAT",
        "Given alice works behind a port-restricted NAT",
        "Given alice works behind a symmetric NAT with a binding lifetime of 30 seconds",
        "Given the customer at \"15551230001\" answers after 3 seconds",
        "Given the customer at \"15551230001\" is busy",
        "Given the customer at \"15551230001\" never answers",
        "Given the customer at \"15551230001\" rejects the call",
        "Given the customer at \"15551230001\" has an answering machine",
        "Given the customer at \"15551230001\" is disconnected",
        "Given the customer at \"15551230001\" answers and hangs up after 10 seconds",
        "Given the carrier answers 503 to the next 3 calls",
        "Given the carrier answers 503 to the next 1 call",
        "Given the carrier speaks only \"PCMA\"",
        "Given registrations last 60 seconds",
        "When alice's phone registers",
        "When every agent's phone registers",
        "When alice's phone registers with the wrong password",
        "When alice's phone unregisters",
        "When alice's phone loses power",
        "When alice's phone comes back",
        "When alice's phone hangs up",
        "Then alice's phone is registered",
        "Then alice's phone is registered within 5 seconds",
        "Then alice's phone is not registered",
        "Then alice's phone is not registered within 2 minutes",
        "Then the server has 1 contact for alice",
        "Then the server has 1 contact for alice within 5 seconds",
        "Then the server has 2 contacts for alice",
        "Then the server has at most 5 contacts for alice",
        "Then a call to alice rings only phones that are alive",
        "When alice calls bob",
        "When alice calls \"15551230001\"",
        "Then alice's phone rings",
        "Then alice's phone rings within 5 seconds",
        "When alice's phone rings",
        "When alice answers",
        "When alice rejects the call",
        "When alice hangs up",
        "When alice puts the call on hold",
        "When alice takes the call off hold",
        "When alice transfers the call to bob",
        "When alice consults bob",
        "When alice completes the transfer",
        "When alice takes the customer back",
        "When alice consults bob and completes the transfer",
        "Then the transfer has failed",
        "When alice sends the digits \"1234\"",
        "Then the customer received the digits \"1234\"",
        "Then bob received the digits \"1234\"",
        "Then alice and bob hear each other",
        "Then alice and bob hear each other within 3 seconds",
        "Then alice and the customer hear each other",
        "Then alice and the customer hear each other within 3 seconds",
        "Then the customer and alice hear each other",
        "Then alice hears bob",
        "Then alice does not hear bob",
        "Then alice hears the customer",
        "Then the customer hears alice",
        "Then alice hears nobody",
        "Then the customer hears nobody",
        "Then alice is in a call",
        "Then alice is in no call",
        "Then alice is in no call within 32 seconds",
        "Then the call has ended for everybody",
        "Then the call has ended for everybody within 32 seconds",
        "Then the audio alice hears scores at least 4.0",
        "Then the audio alice hears scores at most 4.0",
        "When audio from alice to the server is cut",
        "When alice's NAT forgets its bindings",
        "When the first \"ACK\" from alice is lost",
        "When the second \"ACK\" from alice is lost",
        "When the third \"ACK\" from alice is lost",
        "When the next \"ACK\" from alice is lost",
        "When the next \"200\" to alice is lost",
        "When the server restarts",
        "When the first server restarts",
        "Then the second server has 1 contact for alice",
        "Given agent alice with a webphone",
        "Given agents alice, bob and carol with webphones",
        "Given 20 agents with webphones",
        "Given only TURN relays reach alice",
        "Then media between alice and the server is encrypted",
        "Then alice's media goes through the TURN relay",
        "Given alice denies the microphone",
        "When alice closes the tab",
        "When alice reloads the tab",
        "When alice's tab crashes",
        "When alice's browser is killed",
        "When alice opens the tab again",
        "When alice opens a second tab",
        "When alice's laptop sleeps",
        "When alice's laptop sleeps for 2 minutes",
        "When alice's laptop wakes",
        "When alice's tab is in the background for 10 minutes",
        "When alice changes network",
        "When alice changes network to \"4G\"",
        "Given a contact center with the \"vicidial\" profile",
        "Given a contact center with the \"modern\" profile",
        "Given a campaign renewals with dial level 2",
        "Given a campaign renewals",
        "Given a campaign renewals that dials manually",
        "Given renewals detects answering machines",
        "Given an inbound line \"8005550100\" that rings campaign renewals",
        "Given callers to \"8005550100\" wait at most 60 seconds and then go to \"8005550199\"",
        "Given every agent is ready in renewals",
        "Given every agent saves disposition \"NI\" 5 seconds after a call",
        "Given a lead 1001 with phone number \"15551230001\"",
        "Given these leads:",
        "Given 500 leads in renewals",
        "Given lead 1001 is on the do-not-call list",
        "Given every customer answers after 2 seconds and talks for 40 seconds",
        "Given 30% of customers answer, 10% are busy, 15% have an answering machine and the others never answer",
        "Given it is \"2026-11-23 08:59\" in \"America/New_York\"",
        "When alice logs in to renewals in the second tab",
        "Then alice's first tab is disabled",
        "Then alice's first tab is disabled within 10 seconds",
        "Then alice's agent screen shows \"INCALL\"",
        "Then alice's agent screen shows \"INCALL\" within 2 seconds",
        "When alice logs in to renewals",
        "When every agent logs in to renewals over 1 minute",
        "When alice logs out",
        "When alice becomes ready",
        "When alice pauses",
        "When alice pauses with pause code \"LUNCH\"",
        "Given alice is ready in renewals",
        "Given alice is talking to lead 1001",
        "When the dialer runs for 2 minutes",
        "When the dialer runs",
        "When the dialer calls lead 1001",
        "When alice dials lead 1001 by hand",
        "When the customer at \"15551230009\" calls \"8005550100\"",
        "When the customer hangs up",
        "When the customer at \"15551230002\" hangs up",
        "When alice saves disposition \"SALE\"",
        "When alice saves disposition \"SALE\" twice at once",
        "When alice saves disposition \"SALE\" and closes the tab at once",
        "When alice saves disposition \"CALLBK\" with a callback in 2 hours",
        "When alice saves disposition \"CALLBK\" with a callback in 2 hours for herself only",
        "When alice saves disposition \"CALLBK\" with a callback in 2 hours for himself only",
        "When renewals recycles leads with status \"ERI\" after 5 minutes",
        "When sam listens in on alice",
        "When sam whispers to alice",
        "When sam barges in on alice",
        "Then alice is \"READY\"",
        "Then alice is \"READY\" within 40 seconds",
        "Then alice is \"QUEUE\"",
        "Then alice is \"INCALL\"",
        "Then alice is \"PAUSED\"",
        "Then alice is \"CLOSER\"",
        "Then alice is \"DEAD\"",
        "Then alice is \"DISPO\"",
        "Then alice is paused with pause code \"LAGGED\"",
        "Then alice is paused with pause code \"LAGGED\" within 40 seconds",
        "Then alice is logged out",
        "Then alice is logged out within 1 minute",
        "Then lead 1001 has status \"SALE\"",
        "Then lead 1001 has status \"SALE\" within 10 seconds",
        "Then lead 1001 was dialed once",
        "Then lead 1001 was dialed twice",
        "Then lead 1001 was dialed 3 times",
        "Then lead 1001 was dialed never",
        "Then lead 1001 was never dialed",
        "Then no lead was dialed more than once",
        "Then at most 50 leads have status \"NA\"",
        "Then lead 1001 is blocked as do-not-call",
        "Then the callback for lead 1001 rings alice",
        "Then the callback for lead 1001 rings alice within 2 minutes",
        "Then the callback for lead 1001 is due for alice",
        "Then the callback for lead 1001 is due for alice within 2 minutes",
        "Then the callback for lead 1001 does not ring bob",
        "Then the callback for lead 1001 does not ring bob within 5 minutes",
        "Then 2 customers wait for renewals",
        "Then 1 customer waits for renewals",
        "Then the drop rate of renewals is at most 3%",
        "Then alice's session lasted 10 minutes in all: 3 minutes in calls, 1 minute in wrap-up, 6 minutes waiting, 2 minutes paused",
        "Then alice's session lasted 10 minutes in all: 3 minutes in calls",
        "Then alice's session lasted 10 minutes in all: 1 minute in wrap-up, 2 minutes paused",
        "When the CRM calls the Non-Agent API function \"add_lead\" with:",
        "When the CRM repeats the last API call",
        "When the reply to the next API call is lost",
        "When the CRM calls the Agent API function \"external_hangup\" for alice with value \"1\"",
        "Then the API answers \"SUCCESS: add_lead LEAD HAS BEEN ADDED\"",
        "Then there are 2 leads with phone number \"15557654321\"",
        "Then there is 1 lead with phone number \"15557654321\"",
        "Given a poller asks the Non-Agent API for lead 1001 every 5 seconds",
        "Then the webhook told the CRM before the poller did",
        "Given renewals opens the URL \"http://crm.test/pop?phone=--A--phone_number--B--\" when a call starts",
        "Then alice's agent screen opened \"http://crm.test/pop?phone=15551230001\"",
        "Then alice's agent screen opened \"http://crm.test/pop?phone=15551230001\" once",
        "Given a webhook receiver crm",
        "Given a webhook receiver crm that counts every delivery as new",
        "Given crm verifies signatures",
        "Given renewals sends \"disposition.saved\" to crm",
        "Given renewals sends \"disposition.saved\" to crm by the \"standard\" sender",
        "Given crm answers 500 to the next 3 deliveries",
        "Given crm answers 503 to the next 1 delivery",
        "Given crm takes 40 seconds to answer",
        "When crm answers at once again",
        "When crm goes down",
        "When crm comes back",
        "When the reply to the next delivery is lost",
        "When the next delivery arrives twice at once",
        "When the next delivery is held back until the one after it has arrived",
        "When the last delivery is sent again after 10 minutes",
        "When a stranger posts a forged \"disposition.saved\" to crm",
        "When a stranger posts the last delivery with a changed body",
        "When the sender's secret is rotated",
        "When crm learns the new secret",
        "Then crm got 2 deliveries of \"disposition.saved\" for lead 1001",
        "Then crm got 2 deliveries of \"disposition.saved\" for lead 1001 within 1 hour",
        "Then crm got 1 delivery of \"disposition.saved\" for lead 1001",
        "Then crm accepted 2 deliveries",
        "Then crm rejected 1 delivery",
        "Then both deliveries carry the same id",
        "Then crm recorded 1 sale for lead 1001",
        "Then crm recorded 1 sale for lead 1001 within 10 seconds",
        "Then crm recorded no sales for lead 1001",
        "Then crm's record of lead 1001 says \"SALE\"",
        "Then crm's record of lead 1001 says \"SALE\" within 10 seconds",
        "Then the sender gave up on crm",
        "Then the sender gave up on crm within 4 days",
        "Then the sender disabled crm",
        "Then the sender disabled crm within 6 days",
        "Then no event is lost",
        "Then no event is lost within 3 days",
    ];

    /// A line, its phrase, and what was read of its words; nothing is performed.
    fn read(vocabulary: &Vocabulary, line: &str) -> String {
        let (phrase, matches) = bound(vocabulary, line);
        let arguments = matches.arguments().map(|(kind, words)| match (kind.read)(words) {
            Ok(read) => format!("\n    {{{}}} {read}", kind.name),
            Err(error) => panic!("`{line}`: {error}"),
        });
        format!("{line}\n    {}{}", phrase.expression, arguments.collect::<String>())
    }

    #[test]
    fn the_contract_is_read_letter_by_letter() {
        let vocabulary = Vocabulary::of_this_build();
        for line in CONTRACT {
            let (phrase, _) = bound(&vocabulary, line);
            assert!(phrase.kind.stands_under(step_of(line).ty), "`{line}` {}", phrase.kind.word());
        }
        let said: Vec<_> = CONTRACT.iter().map(|line| read(&vocabulary, line)).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn every_example_is_read_down_to_its_arguments() {
        let vocabulary = Vocabulary::of_this_build();
        let examples = built_in().flat_map(Phrase::examples);
        let said: Vec<_> = examples.map(|line| read(&vocabulary, line)).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn optional_tails_stand_in_square_brackets() {
        assert_eq!(shown("{link} is cut{for}"), "{link} is cut [for {duration}]");
    }
}
