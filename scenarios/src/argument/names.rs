//! Who: names and parties.

use std::fmt;

use super::{Argument, ArgumentError};

/// Words of the language, which can't be names.
///
/// The article `a` is among them, yet a machine may be called `a`: the phrases of the bare network speak of machines
/// `a` and `b`. See [`Machine`].
pub const RESERVED: &[&str] = &[
    "the", "a", "an", "every", "no", "nobody", "and", "server", "carrier", "customer", "lead", "network", "campaign",
    "agent",
];

fn is_bare(word: &str) -> bool {
    word.starts_with(char::is_alphanumeric) && word.chars().all(|sign| sign.is_alphanumeric() || "-_".contains(sign))
}

/// A bare word that isn't reserved; `allowed` lifts the ban on one word.
fn bare_word(word: &str, allowed: &str) -> Result<String, ArgumentError> {
    let reserved = RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word));
    if reserved && word != allowed {
        return Err(ArgumentError::Reserved(word.to_owned()));
    }
    if !is_bare(word) {
        return Err(ArgumentError::NotAName(word.to_owned()));
    }
    Ok(word.to_owned())
}

/// The name of a thing: `alice`, `renewals`, `crm`, `1001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub String);

impl Argument for Name {
    const NAME: &'static str = "name";
    const PATTERN: &'static str = r"[\p{L}\p{N}][\p{L}\p{N}_-]*";
    const DOC: &'static str = "a name, one bare word: alice, renewals, 1001";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        bare_word(words, "").map(Name)
    }
}

/// The name of a machine, which may be the single letter `a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine(pub String);

impl Argument for Machine {
    const NAME: &'static str = "machine";
    const PATTERN: &'static str = Name::PATTERN;
    const DOC: &'static str = "the name of a machine: a, b, crm";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        bare_word(words, "a").map(Machine)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A list of machines: `a`, `a and b`, `a, b and c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines(pub Vec<Machine>);

impl Argument for Machines {
    const NAME: &'static str = "machines";
    const PATTERN: &'static str = r"[^\s,]+(?:, [^\s,]+)*(?:,? and [^\s,]+)?";
    const DOC: &'static str = "names of machines: a and b, or a, b and c";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let (front, last) = match words.rsplit_once(" and ") {
            Some((front, last)) => (front.trim_end_matches(','), Some(last)),
            None => (words, None),
        };
        let mut machines: Vec<Machine> = Vec::new();
        for word in front.split(", ").chain(last) {
            let machine = Machine::read(word)?;
            if machines.contains(&machine) {
                return Err(ArgumentError::NamedTwice(machine.0));
            }
            machines.push(machine);
        }
        Ok(Machines(machines))
    }
}

/// Somebody who has a place on the network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// An agent, a receiver or a machine, by name.
    Named(String),
    /// The SIP server that is active.
    Server,
    /// The SIP server that was there first, active or not.
    FirstServer,
    /// The SIP server that takes over.
    SecondServer,
    /// The carrier.
    Carrier,
    /// The STUN and TURN server.
    TurnServer,
    /// The dialer's server alone, without the SIP server.
    Floor,
    /// The host that the CRM calls the APIs from.
    Crm,
    /// Each of the agents.
    EveryAgent,
}

impl Argument for Party {
    const NAME: &'static str = "party";
    const PATTERN: &'static str = r"(?:the (?:first |second |TURN )?|every )?[\p{L}\p{N}][\p{L}\p{N}_-]*";
    const DOC: &'static str = "a name, the server, the first server, the second server, the carrier, the TURN server, the floor, the CRM, every agent";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words {
            "the server" => Ok(Party::Server),
            "the first server" => Ok(Party::FirstServer),
            "the second server" => Ok(Party::SecondServer),
            "the carrier" => Ok(Party::Carrier),
            "the TURN server" => Ok(Party::TurnServer),
            "the floor" => Ok(Party::Floor),
            "the CRM" => Ok(Party::Crm),
            "every agent" => Ok(Party::EveryAgent),
            name if !name.contains(' ') => Machine::read(name).map(|machine| Party::Named(machine.0)),
            _ => Err(ArgumentError::NotAParty(words.to_owned())),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Party::Named(name) => name,
            Party::Server => "the server",
            Party::FirstServer => "the first server",
            Party::SecondServer => "the second server",
            Party::Carrier => "the carrier",
            Party::TurnServer => "the TURN server",
            Party::Floor => "the floor",
            Party::Crm => "the CRM",
            Party::EveryAgent => "every agent",
        })
    }
}

/// Free text in double quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(pub String);

impl Argument for Quoted {
    // The name that cucumber's own expressions give to quoted text, so that editors know it.
    const NAME: &'static str = "string";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "free text in \"double quotes\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        words
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .map(|text| Quoted(text.to_owned()))
            .ok_or_else(|| ArgumentError::NotQuoted(words.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_word_is_no_name_however_it_is_written() {
        for word in RESERVED.iter().copied().chain(["The", "SERVER"]) {
            assert_eq!(Name::read(word), Err(ArgumentError::Reserved(word.to_owned())));
        }
        assert_eq!(Name::read("servers"), Ok(Name("servers".into())));
    }

    #[test]
    fn a_machine_may_be_called_a_and_nothing_else_may() {
        assert_eq!(Machine::read("a"), Ok(Machine("a".into())));
        assert_eq!(Party::read("a"), Ok(Party::Named("a".into())));
        assert!(Machine::read("an").is_err());
        assert!(Name::read("a").is_err());
    }

    #[test]
    fn machines_are_listed_as_people_list_things() {
        let named = |names: &[&str]| Ok(Machines(names.iter().map(|name| Machine((*name).into())).collect()));
        assert_eq!(Machines::read("a"), named(&["a"]));
        assert_eq!(Machines::read("a and b"), named(&["a", "b"]));
        assert_eq!(Machines::read("a, b and c"), named(&["a", "b", "c"]));
        assert_eq!(Machines::read("a, b, and c"), named(&["a", "b", "c"]));
        assert_eq!(Machines::read("a, b and a"), Err(ArgumentError::NamedTwice("a".into())));
        assert_eq!(Machines::read("a and the"), Err(ArgumentError::Reserved("the".into())));
    }

    #[test]
    fn a_party_is_a_name_or_one_of_the_known_roles() {
        assert_eq!(Party::read("the server"), Ok(Party::Server));
        assert_eq!(Party::read("the second server"), Ok(Party::SecondServer));
        assert_eq!(Party::read("the TURN server"), Ok(Party::TurnServer));
        assert_eq!(Party::read("every agent"), Ok(Party::EveryAgent));
        assert_eq!(Party::read("server"), Err(ArgumentError::Reserved("server".into())));
        assert_eq!(Party::read("the customer"), Err(ArgumentError::NotAParty("the customer".into())));
        assert_eq!(Party::read("every lead"), Err(ArgumentError::NotAParty("every lead".into())));
    }
}
