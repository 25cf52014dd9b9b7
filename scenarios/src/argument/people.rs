//! Who, in a contact center: agents and their phones, customers, servers, and whom one calls or hears.

use std::fmt;

use super::names::{Name, Party};
use super::{Argument, ArgumentError};

/// An agent, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agent {
    /// The one of that name.
    Named(String),
    /// Each of them.
    Every,
}

impl Argument for Agent {
    const NAME: &'static str = "agent";
    const PATTERN: &'static str = r"(?:every )?[\p{L}\p{N}][\p{L}\p{N}_-]*";
    const DOC: &'static str = "the name of an agent, or every agent";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words {
            "every agent" => Ok(Agent::Every),
            name if !name.contains(' ') => Name::read(name).map(|name| Agent::Named(name.0)),
            _ => Err(ArgumentError::NotAnAgent(words.to_owned())),
        }
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Agent::Named(name) => name,
            Agent::Every => "every agent",
        })
    }
}

/// Names of things that are made at once: `alice`, `alice and bob`, `alice, bob and carol`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Argument for Names {
    const NAME: &'static str = "names";
    const PATTERN: &'static str = r"[^\s,]+(?:, [^\s,]+)*(?:,? and [^\s,]+)?";
    const DOC: &'static str = "names: alice and bob, or alice, bob and carol";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let (front, last) = match words.rsplit_once(" and ") {
            Some((front, last)) => (front.trim_end_matches(','), Some(last)),
            None => (words, None),
        };
        let mut names: Vec<String> = Vec::new();
        for word in front.split(", ").chain(last) {
            let Name(name) = Name::read(word)?;
            if names.contains(&name) {
                return Err(ArgumentError::NamedTwice(name));
            }
            names.push(name);
        }
        Ok(Names(names))
    }
}

/// Which of an agent's phones: the first one unless it's said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPhone {
    /// Whose.
    pub agent: Agent,
    /// The first has 0.
    pub device: usize,
}

impl Argument for AgentPhone {
    const NAME: &'static str = "phone";
    const PATTERN: &'static str = r"(?:every )?[\p{L}\p{N}][\p{L}\p{N}_-]*'s? (?:\p{L}+ )?phone";
    const DOC: &'static str = "an agent's phone: alice's phone, alice's second phone, every agent's phone";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotAPhone(words.to_owned());
        let (owner, phone) = words.split_once("'s ").or_else(|| words.split_once("' ")).ok_or_else(not_one)?;
        let device = match phone {
            "phone" | "first phone" => 0,
            "second phone" => 1,
            _ => return Err(not_one()),
        };
        Ok(AgentPhone { agent: Agent::read(owner)?, device })
    }
}

impl fmt::Display for AgentPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = if self.device == 0 { "phone" } else { "second phone" };
        write!(f, "{}'s {which}", self.agent)
    }
}

/// On which of her phones somebody does it: the optional tail ` on her second phone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDevice(pub Option<usize>);

impl Argument for OnDevice {
    const NAME: &'static str = "device";
    const PATTERN: &'static str = r"(?: on (?:her|his|their) (?:\p{L}+ )?phone)?";
    const SHOWN: Option<&'static str> = Some(" [on her second phone]");
    const DOC: &'static str = "nothing, or which of her phones: on her second phone";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.trim().rsplit_once(' ').map_or("", |(front, _)| front).rsplit(' ').next() {
            None | Some("") => Ok(OnDevice(None)),
            Some("her" | "his" | "their" | "first") => Ok(OnDevice(Some(0))),
            Some("second") => Ok(OnDevice(Some(1))),
            Some(_) => Err(ArgumentError::NotAPhone(words.trim().to_owned())),
        }
    }
}

/// A telephone number, in double quotes.
fn quoted(words: &str) -> Result<&str, ArgumentError> {
    let inner = words.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.ok_or_else(|| ArgumentError::NotQuoted(words.to_owned()))
}

/// A customer's number, as the carrier knows it: 10 to 15 digits (E.164 without its plus).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub String);

impl Argument for Number {
    const NAME: &'static str = "number";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "a customer's number in double quotes, 10 to 15 digits: \"15551230001\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let number = quoted(words)?;
        if (10..=15).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Number(number.to_owned()));
        }
        Err(ArgumentError::NotANumber(number.to_owned()))
    }
}

/// Whom one calls: an agent, a number, or a number that nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee {
    /// An agent.
    Agent(String),
    /// What is typed on the keypad.
    Number(String),
    /// A number that nobody has.
    Nobody,
}

impl Argument for Callee {
    const NAME: &'static str = "callee";
    const PATTERN: &'static str = r#"(?:"[^"]*"|[\p{L}\p{N}][\p{L}\p{N}_-]*)"#;
    const DOC: &'static str = "whom to call: an agent's name, a number in double quotes, nobody";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        if words == "nobody" {
            return Ok(Callee::Nobody);
        }
        if !words.starts_with('"') {
            return Name::read(words).map(|name| Callee::Agent(name.0));
        }
        let number = quoted(words)?;
        let dialable = (1..=15).contains(&number.len()) && number.bytes().all(|sign| sign.is_ascii_digit());
        if dialable {
            Ok(Callee::Number(number.to_owned()))
        } else {
            Err(ArgumentError::NotDialable(number.to_owned()))
        }
    }
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Callee::Agent(name) | Callee::Number(name) => name,
            Callee::Nobody => "nobody",
        })
    }
}

/// A customer: the one of the call that is spoken of, or the one of a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Customer {
    /// The one that the agent last named talks to.
    OfTheCall,
    /// The one who has that number.
    At(String),
}

impl Argument for Customer {
    const NAME: &'static str = "customer";
    const PATTERN: &'static str = r#"the customer(?: at "[^"]*")?"#;
    const DOC: &'static str = "the customer (of the agent last named), or the customer at \"15551230001\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.strip_prefix("the customer at ") {
            Some(number) => Number::read(number).map(|number| Customer::At(number.0)),
            None => Ok(Customer::OfTheCall),
        }
    }
}

impl fmt::Display for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Customer::OfTheCall => f.pad("the customer"),
            Customer::At(number) => write!(f, "the customer at {number:?}"),
        }
    }
}

/// Somebody who speaks and hears: an agent or a customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaker {
    /// An agent, or each of them.
    Agent(Agent),
    /// A customer.
    Customer(Customer),
}

impl Argument for Speaker {
    const NAME: &'static str = "speaker";
    const PATTERN: &'static str = r#"(?:the customer(?: at "[^"]*")?|(?:every )?[\p{L}\p{N}][\p{L}\p{N}_-]*)"#;
    const DOC: &'static str = "somebody who speaks and hears: alice, every agent, the customer";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        if words.starts_with("the customer") {
            return Customer::read(words).map(Speaker::Customer);
        }
        Agent::read(words).map(Speaker::Agent)
    }
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speaker::Agent(agent) => agent.fmt(f),
            Speaker::Customer(customer) => customer.fmt(f),
        }
    }
}

/// Whom one hears: somebody, or nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// That one.
    Somebody(Speaker),
    /// No voice at all.
    Nobody,
}

impl Argument for Heard {
    const NAME: &'static str = "heard";
    const PATTERN: &'static str = Speaker::PATTERN;
    const DOC: &'static str = "whom one hears: bob, the customer, nobody";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        if words == "nobody" {
            return Ok(Heard::Nobody);
        }
        Speaker::read(words).map(Heard::Somebody)
    }
}

/// A SIP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The one that is active.
    Active,
    /// The one that was there first.
    First,
    /// The one that takes over.
    Second,
}

impl Argument for Server {
    const NAME: &'static str = "server";
    const PATTERN: &'static str = r"the (?:\p{L}+ )?server";
    const DOC: &'static str = "the server (the active one), the first server, the second server";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words {
            "the server" => Ok(Server::Active),
            "the first server" => Ok(Server::First),
            "the second server" => Ok(Server::Second),
            _ => Err(ArgumentError::NotAServer(words.to_owned())),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Server::Active => "the server",
            Server::First => "the first server",
            Server::Second => "the second server",
        })
    }
}

/// Which messages a fault is aimed at: those that somebody sends, or those that are sent to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// What it sends.
    From(Party),
    /// What is sent to it.
    To(Party),
}

impl Argument for Way {
    const NAME: &'static str = "way";
    const PATTERN: &'static str = r"(?:from|to) (?:the (?:first |second |TURN )?|every )?[\p{L}\p{N}][\p{L}\p{N}_-]*";
    const DOC: &'static str = "whose messages: from alice, to alice, from the server";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.split_once(' ') {
            Some(("from", party)) => Party::read(party).map(Way::From),
            Some(("to", party)) => Party::read(party).map(Way::To),
            _ => Err(ArgumentError::NotAParty(words.to_owned())),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::From(party) => write!(f, "from {party}"),
            Way::To(party) => write!(f, "to {party}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_a_name_or_each_of_them() {
        assert_eq!(Agent::read("alice"), Ok(Agent::Named("alice".into())));
        assert_eq!(Agent::read("every agent"), Ok(Agent::Every));
        assert_eq!(Agent::read("every lead"), Err(ArgumentError::NotAnAgent("every lead".into())));
        assert_eq!(Agent::read("nobody"), Err(ArgumentError::Reserved("nobody".into())));
    }

    #[test]
    fn a_phone_is_its_agents_first_or_second() {
        let phone = |agent, device| Ok(AgentPhone { agent, device });
        assert_eq!(AgentPhone::read("alice's phone"), phone(Agent::Named("alice".into()), 0));
        assert_eq!(AgentPhone::read("alice's second phone"), phone(Agent::Named("alice".into()), 1));
        assert_eq!(AgentPhone::read("every agent's phone"), phone(Agent::Every, 0));
        assert_eq!(AgentPhone::read("chris' phone"), phone(Agent::Named("chris".into()), 0));
        assert_eq!(AgentPhone::read("alice's red phone"), Err(ArgumentError::NotAPhone("alice's red phone".into())));
        assert_eq!(OnDevice::read(""), Ok(OnDevice(None)));
        assert_eq!(OnDevice::read(" on her second phone"), Ok(OnDevice(Some(1))));
        assert_eq!(OnDevice::read(" on his phone"), Ok(OnDevice(Some(0))));
        assert!(OnDevice::read(" on her third phone").is_err());
    }

    #[test]
    fn a_customers_number_has_ten_to_fifteen_digits() {
        assert_eq!(Number::read("\"5551230001\""), Ok(Number("5551230001".into())));
        assert_eq!(Number::read("\"155512300011234\""), Ok(Number("155512300011234".into())));
        for wrong in ["555123000", "1555123000112345", "+15551230001", "555-123-0001", ""] {
            assert_eq!(Number::read(&format!("\"{wrong}\"")), Err(ArgumentError::NotANumber(wrong.into())));
        }
    }

    #[test]
    fn one_calls_a_name_a_number_or_nobody() {
        assert_eq!(Callee::read("bob"), Ok(Callee::Agent("bob".into())));
        assert_eq!(Callee::read("\"8600051\""), Ok(Callee::Number("8600051".into())));
        assert_eq!(Callee::read("nobody"), Ok(Callee::Nobody));
        assert_eq!(Callee::read("\"bob\""), Err(ArgumentError::NotDialable("bob".into())));
        assert_eq!(Callee::read("server"), Err(ArgumentError::Reserved("server".into())));
    }

    #[test]
    fn who_speaks_is_an_agent_or_a_customer_and_nobody_only_isnt_heard() {
        assert_eq!(Speaker::read("the customer"), Ok(Speaker::Customer(Customer::OfTheCall)));
        assert_eq!(
            Speaker::read("the customer at \"15551230001\""),
            Ok(Speaker::Customer(Customer::At("15551230001".into())))
        );
        assert_eq!(Heard::read("nobody"), Ok(Heard::Nobody));
        assert!(Speaker::read("nobody").is_err());
    }

    #[test]
    fn a_way_leads_from_somebody_or_to_somebody() {
        assert_eq!(Way::read("from alice"), Ok(Way::From(Party::Named("alice".into()))));
        assert_eq!(Way::read("to the second server"), Ok(Way::To(Party::SecondServer)));
        assert_eq!(Way::read("to the customer"), Err(ArgumentError::NotAParty("the customer".into())));
        assert_eq!(Server::read("the third server"), Err(ArgumentError::NotAServer("the third server".into())));
    }
}
