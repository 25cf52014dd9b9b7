//! What may stand in the gaps of a phrase: names, parties, durations, shares, counts.
//!
//! Each kind of argument is a type that reads itself from the words of a step. The pattern by which a phrase finds
//! an argument is wider than what the argument accepts, on purpose: `loses 5 percent of packets` should be told
//! "write 5%", not "no such phrase". Every argument is read once before anything runs (see [`crate::lint`]), and
//! again by the step that uses it.

mod floor;
mod measures;
mod moments;
mod names;
mod network;
mod people;
mod tabs;
mod telephony;
mod webhooks;

use std::fmt::Debug;

pub use floor::{
    AgentState, Breakdown, Campaign, Code, DialLevel, Dialed, ForCampaign, ForLead, HerselfOnly, InCampaign, InTab,
    LeadName, OfCampaign, Often, PauseCode, ProfileName, ToCampaign,
};
pub use measures::{Amount, Count, For, Rate, Share, Skew, Status, Within};
pub use moments::{LocalTime, Zone};
pub use names::{Machine, Machines, Name, Party, Quoted, RESERVED};
pub use network::{Jitter, Link, Route};
pub use people::{Agent, AgentPhone, Callee, Customer, Heard, Names, Number, OnDevice, Server, Speaker, Way};
pub use tabs::{AgentTab, CandidateName, ToNetwork, WhichTab};
pub use telephony::{
    Button, CodecName, Deed, Digits, Lifetime, MessageName, Moment, Nat, Ordinal, PhoneKind, Refusal, Score,
};
pub use webhooks::{ApiFunction, BySender, Event, OfEvent, Receiver, Url};

/// Why some words can't stand where they stand. Each is a sentence for the person who wrote the feature file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// A word of the language used as a name.
    #[error("`{0}` is a word of the language and can't be a name")]
    Reserved(String),
    /// A name with signs that a bare word doesn't have.
    #[error("`{0}` is not a name: a name is one bare word of letters, digits, `-` and `_`")]
    NotAName(String),
    /// One name given to two things at once.
    #[error("`{0}` is named twice")]
    NamedTwice(String),
    /// Nobody whom the network knows.
    #[error(
        "`{0}` is nobody on the network: write a name (`alice`, `crm`), `the server`, `the first server`, `the second server`, `the carrier`, `the TURN server`, `the floor`, `the CRM` or `every agent`"
    )]
    NotAParty(String),
    /// A network between one party and itself.
    #[error("both ends of this network are `{0}`: name two parties")]
    SameEnds(String),
    /// Text that doesn't stand in double quotes.
    #[error("`{0}` is free text: put it in \"double quotes\"")]
    NotQuoted(String),
    /// Not a duration.
    #[error(
        "`{0}` is not a duration: write a number and a unit, such as `500 ms`, `3 seconds`, `2 minutes`, `1 hour`, `2 days`"
    )]
    NotADuration(String),
    /// Finer than a millisecond.
    #[error("`{0}` is finer than a millisecond, which is the finest that a timer keeps")]
    TooFine(String),
    /// Longer than any simulation.
    #[error("`{0}` is too long: the longest duration is 10000 days")]
    TooLong(String),
    /// Not a share.
    #[error("`{0}` is not a share: write a number with a percent sign, such as `5%` or `2.5%`")]
    NotAShare(String),
    /// A share that is none.
    #[error("`{0}` is not between 0% and 100%")]
    ShareOutOfRange(String),
    /// Not a count.
    #[error("`{0}` is not a count: write digits without a separator, or `no`, `once`, `twice`, `never`")]
    NotACount(String),
    /// Not an amount.
    #[error(
        "`{0}` is not an amount: write a count, or `at least 5`, `at most 5`, `between 930 and 970`, `all`, `none`"
    )]
    NotAnAmount(String),
    /// A range that nothing lies in.
    #[error("nothing lies between {least} and {most}: put the smaller number first")]
    EmptyRange {
        /// The number that was written first.
        least: u64,
        /// The number that was written second.
        most: u64,
    },
    /// Not an HTTP status.
    #[error("`{0}` is not an HTTP status: those are the numbers 100 to 599")]
    NotAStatus(String),
    /// Not a rate.
    #[error("`{0}` is not a rate: write a number and a unit, such as `256 kbit per second` or `2 Mbit per second`")]
    NotARate(String),
    /// A clock that is neither ahead nor behind.
    #[error("`{0}` is no place for a clock: write a duration and `ahead` or `behind`, such as `10 minutes ahead`")]
    NotASkew(String),
    /// Not a piece of network.
    #[error(
        "`{0}` is not a network: write `the network between alice and the server`, `the network from alice to the server` or `every network`"
    )]
    NotALink(String),
    /// Not a route.
    #[error("`{0}` is not a route: write `between alice and the server` or `from alice to the server`")]
    NotARoute(String),
    /// Nobody who could be an agent.
    #[error("`{0}` is no agent: write a name (`alice`) or `every agent`")]
    NotAnAgent(String),
    /// Not a phone.
    #[error("`{0}` is no phone: write `alice's phone`, `alice's second phone` or `every agent's phone`")]
    NotAPhone(String),
    /// A kind of phone that nobody makes.
    #[error("`{0}` is not a kind of phone: there are `hardphone`, `softphone` and `webphone`")]
    NotAPhoneKind(String),
    /// A number that no customer can have.
    #[error("`{0}` is not a customer's number: those have 10 to 15 digits and nothing else, such as \"15551230001\"")]
    NotANumber(String),
    /// What no keypad can type.
    #[error("`{0}` can't be dialed: put 1 to 15 digits in the quotes, or write an agent's name without them")]
    NotDialable(String),
    /// Not a SIP server.
    #[error("`{0}` is no server: there are `the server`, `the first server` and `the second server`")]
    NotAServer(String),
    /// Not a kind of NAT.
    #[error("`{0}` is not a kind of NAT: there are `full-cone`, `restricted`, `port-restricted` and `symmetric`")]
    NotANat(String),
    /// Not an ordinal.
    #[error("`{0}` is not a place in a row: write `next`, `first`, `second`, `third`, `fourth` or `fifth`")]
    NotAnOrdinal(String),
    /// Not a SIP message.
    #[error(
        "`{0}` is no SIP message: write a method in capitals such as \"ACK\", or a status from 100 to 699 such as \"200\""
    )]
    NotAMessage(String),
    /// What no telephone has keys for.
    #[error("`{0}` can't be typed on a telephone: its keys are 0 to 9, `*`, `#` and A to D")]
    NotDigits(String),
    /// Not a codec of the telephone network.
    #[error("`{0}` is no codec that is spoken here: there are \"PCMU\" and \"PCMA\"")]
    NotACodec(String),
    /// Not a score.
    #[error("`{0}` is not a score: write `at least 4.0` or `at most 3.5`, from 1 to 4.5 and to the hundredth at most")]
    NotAScore(String),
    /// A status that refuses nothing.
    #[error("`{0}` is no SIP status that refuses: those are the numbers 300 to 699")]
    NotARefusal(String),
    /// Nothing that two people could do in a race.
    #[error(
        "`{0}` is nothing that is done in a race: write `alice answers`, `alice rejects the call`, `alice hangs up`, `alice puts the call on hold` or `alice takes the call off hold`"
    )]
    NotADeed(String),
    /// Not a tab.
    #[error("`{0}` is no tab: an agent has `the tab`, which is the first one, and maybe `the second tab`")]
    NotATab(String),
    /// Not a kind of ICE candidate.
    #[error("`{0}` is no kind of candidate: there are \"host\", \"srflx\", \"prflx\" and \"relay\"")]
    NotACandidate(String),
    /// Not a moment.
    #[error("`{0}` is no moment: write `at the same moment` or a duration and `later`, such as `20 ms later`")]
    NotAMoment(String),
    /// Not a profile of a floor.
    #[error("`{0}` is no profile of a contact center: there are \"vicidial\" and \"modern\"")]
    NotAProfile(String),
    /// Not a dial level.
    #[error("`{0}` is no dial level: write how many lines an agent are dialed, from 0.1 to 20, such as `2` or `1.5`")]
    NotADialLevel(String),
    /// Not a lead.
    #[error("`{0}` is no lead: leads are named by numbers of up to nine digits, such as 1001")]
    NotALead(String),
    /// Not a code.
    #[error(
        "`{0}` is no code: dispositions, statuses and pause codes are 1 to 6 capital letters and digits, such as \"SALE\""
    )]
    NotACode(String),
    /// Not a state of an agent.
    #[error(
        "`{0}` is no state of an agent: there are \"READY\", \"QUEUE\", \"INCALL\", \"PAUSED\", \"CLOSER\", \"DEAD\" and \"DISPO\" (LAGGED and LUNCH are pause codes: `alice is paused with pause code \"LAGGED\"`)"
    )]
    NotAState(String),
    /// Not how often.
    #[error("`{0}` is not how often: write `once`, `twice`, `3 times` or `never`")]
    NotOften(String),
    /// A callback for somebody else.
    #[error("`{0}`: a callback is for whoever is free, or `for herself only`")]
    NotHerself(String),
    /// Not a part of a session.
    #[error(
        "`{0}` is no part of a session: write a duration and `in calls`, `in wrap-up`, `waiting` or `paused`, such as `3 minutes in calls`"
    )]
    NotAPart(String),
    /// Not an event.
    #[error(
        "`{0}` is no event: there are \"disposition.saved\", \"sale.closed\", \"callback.scheduled\", \"call.started\", \"call.ended\", \"lead.added\" and \"agent.state_changed\""
    )]
    NotAnEvent(String),
    /// Not the name of a sender.
    #[error("`{0}` is no name of a sender preset: write one such as \"standard\" or \"vicidial-dispo\"")]
    NotASender(String),
    /// Not a function of an API.
    #[error("`{0}` is no name of an API function: those are small letters and `_`, such as \"add_lead\"")]
    NotAFunction(String),
    /// Not a URL.
    #[error("`{0}` is no URL that is opened here: write one such as \"http://crm.test/pop\" (there is no TLS)")]
    NotAUrl(String),
    /// Not a date and a time.
    #[error("`{0}` is no time on the wall: write date, hour and minute, such as \"2026-11-23 08:59\"")]
    NotALocalTime(String),
    /// Not a time zone.
    #[error("`{written}` is no time zone that is known here: there are {all}")]
    NotAZone {
        /// What was written.
        written: String,
        /// Those that are known.
        all: String,
    },
}

/// A type that reads itself from the words of a step.
pub trait Argument: Sized + Debug {
    /// How an expression calls it: `{duration}` has the name `duration`.
    const NAME: &'static str;
    /// The pattern by which a phrase finds it; no capturing groups, and wider than what [`Argument::read`] accepts.
    const PATTERN: &'static str;
    /// How a list of phrases shows it where `{duration}` alone would not do: an optional tail.
    const SHOWN: Option<&'static str> = None;
    /// One line: what may be written here.
    const DOC: &'static str;

    /// Reads the words.
    fn read(words: &str) -> Result<Self, ArgumentError>;
}

/// A kind of argument, without its type: what the registry of phrases knows of it.
#[derive(Debug, Clone, Copy)]
pub struct ArgumentKind {
    /// See [`Argument::NAME`].
    pub name: &'static str,
    /// See [`Argument::PATTERN`].
    pub pattern: &'static str,
    /// See [`Argument::SHOWN`].
    pub shown: Option<&'static str>,
    /// See [`Argument::DOC`].
    pub doc: &'static str,
    /// Reads the words, and shows what was read as a programmer sees it: is this argument in order?
    pub read: fn(&str) -> Result<String, ArgumentError>,
}

impl ArgumentKind {
    const fn of<T: Argument>() -> ArgumentKind {
        fn read<T: Argument>(words: &str) -> Result<String, ArgumentError> {
            T::read(words).map(|argument| format!("{argument:?}"))
        }
        ArgumentKind { name: T::NAME, pattern: T::PATTERN, shown: T::SHOWN, doc: T::DOC, read: read::<T> }
    }
}

/// Every kind of argument that an expression may name.
pub const KINDS: &[ArgumentKind] = &[
    ArgumentKind::of::<Name>(),
    ArgumentKind::of::<Machine>(),
    ArgumentKind::of::<Machines>(),
    ArgumentKind::of::<Party>(),
    ArgumentKind::of::<Quoted>(),
    ArgumentKind::of::<std::time::Duration>(),
    ArgumentKind::of::<Within>(),
    ArgumentKind::of::<For>(),
    ArgumentKind::of::<Share>(),
    ArgumentKind::of::<Count>(),
    ArgumentKind::of::<Amount>(),
    ArgumentKind::of::<Status>(),
    ArgumentKind::of::<Rate>(),
    ArgumentKind::of::<Skew>(),
    ArgumentKind::of::<Link>(),
    ArgumentKind::of::<Route>(),
    ArgumentKind::of::<Jitter>(),
    ArgumentKind::of::<Agent>(),
    ArgumentKind::of::<Names>(),
    ArgumentKind::of::<AgentPhone>(),
    ArgumentKind::of::<OnDevice>(),
    ArgumentKind::of::<PhoneKind>(),
    ArgumentKind::of::<Number>(),
    ArgumentKind::of::<Callee>(),
    ArgumentKind::of::<Customer>(),
    ArgumentKind::of::<Speaker>(),
    ArgumentKind::of::<Heard>(),
    ArgumentKind::of::<Server>(),
    ArgumentKind::of::<Way>(),
    ArgumentKind::of::<Nat>(),
    ArgumentKind::of::<Lifetime>(),
    ArgumentKind::of::<Ordinal>(),
    ArgumentKind::of::<MessageName>(),
    ArgumentKind::of::<Digits>(),
    ArgumentKind::of::<CodecName>(),
    ArgumentKind::of::<Score>(),
    ArgumentKind::of::<Refusal>(),
    ArgumentKind::of::<Deed>(),
    ArgumentKind::of::<Moment>(),
    ArgumentKind::of::<WhichTab>(),
    ArgumentKind::of::<AgentTab>(),
    ArgumentKind::of::<ToNetwork>(),
    ArgumentKind::of::<CandidateName>(),
    ArgumentKind::of::<ProfileName>(),
    ArgumentKind::of::<Campaign>(),
    ArgumentKind::of::<InCampaign>(),
    ArgumentKind::of::<ToCampaign>(),
    ArgumentKind::of::<ForCampaign>(),
    ArgumentKind::of::<OfCampaign>(),
    ArgumentKind::of::<DialLevel>(),
    ArgumentKind::of::<LeadName>(),
    ArgumentKind::of::<ForLead>(),
    ArgumentKind::of::<Code>(),
    ArgumentKind::of::<PauseCode>(),
    ArgumentKind::of::<AgentState>(),
    ArgumentKind::of::<Dialed>(),
    ArgumentKind::of::<Often>(),
    ArgumentKind::of::<HerselfOnly>(),
    ArgumentKind::of::<InTab>(),
    ArgumentKind::of::<Breakdown>(),
    ArgumentKind::of::<Receiver>(),
    ArgumentKind::of::<Event>(),
    ArgumentKind::of::<OfEvent>(),
    ArgumentKind::of::<BySender>(),
    ArgumentKind::of::<ApiFunction>(),
    ArgumentKind::of::<Url>(),
    ArgumentKind::of::<LocalTime>(),
    ArgumentKind::of::<Zone>(),
];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static ArgumentKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    /// What a kind says to some words: `None` if its pattern doesn't even find them.
    fn ask<T: Argument>(words: &str) -> Option<Result<T, ArgumentError>> {
        let found = Regex::new(&format!("^(?:{})$", T::PATTERN)).unwrap().is_match(words);
        found.then(|| T::read(words))
    }

    #[test]
    fn no_two_kinds_share_a_name() {
        let mut names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn no_pattern_captures_a_group_of_its_own() {
        for kind in KINDS {
            let pattern = Regex::new(kind.pattern).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            assert_eq!(pattern.captures_len(), 1, "{} would shift the arguments after it", kind.name);
        }
    }

    #[test]
    fn the_pattern_of_a_kind_finds_the_mistakes_that_people_make_too() {
        assert_eq!(
            ask::<Share>("5 percent"),
            Some(Err(ArgumentError::NotAShare("5 percent".into()))),
            "so that the error can name the mend"
        );
        assert_eq!(ask::<Count>("1,000"), Some(Err(ArgumentError::NotACount("1,000".into()))));
        assert_eq!(ask::<std::time::Duration>("5 sec"), Some(Err(ArgumentError::NotADuration("5 sec".into()))));
        assert_eq!(ask::<Rate>("256 kbps"), Some(Err(ArgumentError::NotARate("256 kbps".into()))));
    }
}
