//! Where on the network: links and routes.

use std::fmt;
use std::time::Duration;

use super::{Argument, ArgumentError, Party};

/// A pair of parties, both ways or one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Both ways.
    Between(Party, Party),
    /// One way.
    From(Party, Party),
}

/// `(between|from) PARTY (and|to) PARTY`, with the pattern of a party written out: a const can't be formatted.
const ROUTE_PATTERN: &str = r"(?:between|from) (?:the (?:first |second |TURN )?|every )?[\p{L}\p{N}][\p{L}\p{N}_-]* (?:and|to) (?:the (?:first |second |TURN )?|every )?[\p{L}\p{N}][\p{L}\p{N}_-]*";

impl Argument for Route {
    const NAME: &'static str = "route";
    const PATTERN: &'static str = ROUTE_PATTERN;
    const DOC: &'static str = "between alice and the server (both ways), from alice to the server (one way)";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let ends = |rest: &str, joint: &str| -> Result<(Party, Party), ArgumentError> {
            let (one, other) = rest.split_once(joint).ok_or_else(|| ArgumentError::NotARoute(words.to_owned()))?;
            let (one, other) = (Party::read(one)?, Party::read(other)?);
            // Between every agent and every agent there is a network, between alice and alice there is none.
            if one == other && one != Party::EveryAgent {
                return Err(ArgumentError::SameEnds(one.to_string()));
            }
            Ok((one, other))
        };
        if let Some(rest) = words.strip_prefix("between ") {
            return ends(rest, " and ").map(|(one, other)| Route::Between(one, other));
        }
        if let Some(rest) = words.strip_prefix("from ") {
            return ends(rest, " to ").map(|(from, to)| Route::From(from, to));
        }
        Err(ArgumentError::NotARoute(words.to_owned()))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Between(one, other) => write!(f, "between {one} and {other}"),
            Route::From(from, to) => write!(f, "from {from} to {to}"),
        }
    }
}

/// A piece of the network that a fault may lie on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// All that lies between two parties, both ways or one way.
    On(Route),
    /// All there is.
    Every,
}

impl Argument for Link {
    const NAME: &'static str = "link";
    const PATTERN: &'static str = r"(?:every network|the network (?:between|from) (?:the (?:first |second |TURN )?|every )?[\p{L}\p{N}][\p{L}\p{N}_-]* (?:and|to) (?:the (?:first |second |TURN )?|every )?[\p{L}\p{N}][\p{L}\p{N}_-]*)";
    const DOC: &'static str =
        "the network between alice and the server, the network from alice to the server, every network";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        if words == "every network" {
            return Ok(Link::Every);
        }
        let route = words.strip_prefix("the network ").ok_or_else(|| ArgumentError::NotALink(words.to_owned()))?;
        Route::read(route).map(Link::On).map_err(|error| match error {
            ArgumentError::NotARoute(_) => ArgumentError::NotALink(words.to_owned()),
            other => other,
        })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::On(route) => write!(f, "the network {route}"),
            Link::Every => f.write_str("every network"),
        }
    }
}

/// How far a latency wavers: the optional tail ` and 20 ms jitter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(pub Duration);

impl Argument for Jitter {
    const NAME: &'static str = "jitter";
    const PATTERN: &'static str = r"(?: and \S*\d\S*(?: \p{L}+)? jitter)?";
    const SHOWN: Option<&'static str> = Some(" [and {duration} jitter]");
    const DOC: &'static str = "nothing, or how far the latency wavers: and 20 ms jitter";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let said = words.trim();
        if said.is_empty() {
            return Ok(Jitter(Duration::ZERO));
        }
        let by = said.strip_prefix("and ").unwrap_or(said);
        Duration::read(by.strip_suffix(" jitter").unwrap_or(by)).map(Jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lies_between_two_parties_or_one_way_or_everywhere() {
        let alice = || Party::Named("alice".into());
        assert_eq!(
            Link::read("the network between alice and the server"),
            Ok(Link::On(Route::Between(alice(), Party::Server)))
        );
        assert_eq!(
            Link::read("the network from the server to alice"),
            Ok(Link::On(Route::From(Party::Server, alice())))
        );
        assert_eq!(Link::read("every network"), Ok(Link::Every));
    }

    #[test]
    fn the_joint_must_fit_the_way() {
        assert_eq!(
            Link::read("the network between alice to the server"),
            Err(ArgumentError::NotALink("the network between alice to the server".into()))
        );
        assert_eq!(Route::read("from a and b"), Err(ArgumentError::NotARoute("from a and b".into())));
    }

    #[test]
    fn nobody_has_a_network_to_themselves_but_all_agents_together_do() {
        assert_eq!(Route::read("between a and a"), Err(ArgumentError::SameEnds("a".into())));
        assert!(Route::read("between every agent and every agent").is_ok());
        assert_eq!(Route::read("between a and the customer"), Err(ArgumentError::NotAParty("the customer".into())));
    }

    #[test]
    fn a_latency_without_jitter_wavers_by_nothing() {
        assert_eq!(Jitter::read(""), Ok(Jitter(Duration::ZERO)));
        assert_eq!(Jitter::read(" and 20 ms jitter"), Ok(Jitter(Duration::from_millis(20))));
    }
}
