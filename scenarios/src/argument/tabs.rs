//! What stands in phrases of browsers: tabs, networks that somebody changes to, candidates.

use std::fmt;

use super::people::Agent;
use super::{Argument, ArgumentError};

/// The place of a tab among an agent's, by the words before `tab`.
fn place(words: &str) -> Option<usize> {
    match words {
        "" | "first" => Some(0),
        "second" => Some(1),
        _ => None,
    }
}

/// Which of her own tabs somebody does something with: `the tab`, `the second tab`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhichTab(pub usize);

impl Argument for WhichTab {
    const NAME: &'static str = "which_tab";
    const PATTERN: &'static str = r"the (?:\p{L}+ )?tab";
    const SHOWN: Option<&'static str> = Some("the [first|second] tab");
    const DOC: &'static str = "one of her tabs: the tab (the first one), the second tab";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let which = words.strip_prefix("the ").and_then(|rest| rest.strip_suffix("tab"));
        let tab = which.and_then(|which| place(which.trim_end())).map(WhichTab);
        tab.ok_or_else(|| ArgumentError::NotATab(words.to_owned()))
    }
}

/// An agent's tab: the first one unless it's said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTab {
    /// Whose.
    pub agent: Agent,
    /// The first has 0.
    pub tab: usize,
}

impl Argument for AgentTab {
    const NAME: &'static str = "tab";
    const PATTERN: &'static str = r"(?:every )?[\p{L}\p{N}][\p{L}\p{N}_-]*'s? (?:\p{L}+ )?tab";
    const DOC: &'static str = "an agent's tab: alice's tab, alice's second tab, every agent's tab";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotATab(words.to_owned());
        let (owner, which) = words.split_once("'s ").or_else(|| words.split_once("' ")).ok_or_else(not_one)?;
        let tab = which.strip_suffix("tab").and_then(|which| place(which.trim_end())).ok_or_else(not_one)?;
        Ok(AgentTab { agent: Agent::read(owner)?, tab })
    }
}

impl fmt::Display for AgentTab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = if self.tab == 0 { "tab" } else { "second tab" };
        write!(f, "{}'s {which}", self.agent)
    }
}

/// To which network somebody changes: the optional tail ` to "4G"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToNetwork(pub Option<String>);

impl Argument for ToNetwork {
    const NAME: &'static str = "to";
    const PATTERN: &'static str = r#"(?: to (?:"[^"]*"|[^\s"]+))?"#;
    const SHOWN: Option<&'static str> = Some(" [to {string}]");
    const DOC: &'static str = "nothing, or the profile of the network: to \"4G\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let Some(profile) = words.trim().strip_prefix("to ") else { return Ok(ToNetwork(None)) };
        let inner = profile.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inner.map(|name| ToNetwork(Some(name.to_owned()))).ok_or_else(|| ArgumentError::NotQuoted(profile.to_owned()))
    }
}

/// A kind of ICE candidate, in double quotes: by which address a browser is reached (RFC 8445 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateName {
    /// The computer's own address.
    Host,
    /// What a STUN server saw.
    ServerReflexive,
    /// What the other side saw, and nobody had known.
    PeerReflexive,
    /// A TURN server's.
    Relay,
}

impl Argument for CandidateName {
    const NAME: &'static str = "candidate";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "a kind of ICE candidate in double quotes: \"host\", \"srflx\", \"prflx\", \"relay\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.trim_matches('"') {
            "host" => Ok(CandidateName::Host),
            "srflx" => Ok(CandidateName::ServerReflexive),
            "prflx" => Ok(CandidateName::PeerReflexive),
            "relay" => Ok(CandidateName::Relay),
            other => Err(ArgumentError::NotACandidate(other.to_owned())),
        }
    }
}

impl CandidateName {
    /// As a description writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            CandidateName::Host => "host",
            CandidateName::ServerReflexive => "srflx",
            CandidateName::PeerReflexive => "prflx",
            CandidateName::Relay => "relay",
        }
    }
}

impl fmt::Display for CandidateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_is_the_first_one_or_the_second() {
        assert_eq!(WhichTab::read("the tab"), Ok(WhichTab(0)));
        assert_eq!(WhichTab::read("the first tab"), Ok(WhichTab(0)));
        assert_eq!(WhichTab::read("the second tab"), Ok(WhichTab(1)));
        assert_eq!(WhichTab::read("the third tab"), Err(ArgumentError::NotATab("the third tab".into())));
        let alices = |tab| Ok(AgentTab { agent: Agent::Named("alice".into()), tab });
        assert_eq!(AgentTab::read("alice's tab"), alices(0));
        assert_eq!(AgentTab::read("alice's second tab"), alices(1));
        assert_eq!(AgentTab::read("every agent's tab"), Ok(AgentTab { agent: Agent::Every, tab: 0 }));
        assert!(AgentTab::read("alice's last tab").is_err());
    }

    #[test]
    fn a_network_that_one_changes_to_is_free_text() {
        assert_eq!(ToNetwork::read(""), Ok(ToNetwork(None)));
        assert_eq!(ToNetwork::read(" to \"4G\""), Ok(ToNetwork(Some("4G".into()))));
        assert_eq!(ToNetwork::read(" to 4G"), Err(ArgumentError::NotQuoted("4G".into())));
    }

    #[test]
    fn candidates_are_named_as_descriptions_name_them() {
        for (words, kind) in [
            ("\"host\"", CandidateName::Host),
            ("\"srflx\"", CandidateName::ServerReflexive),
            ("\"prflx\"", CandidateName::PeerReflexive),
            ("\"relay\"", CandidateName::Relay),
        ] {
            assert_eq!(CandidateName::read(words), Ok(kind));
            assert_eq!(format!("\"{kind}\""), words);
        }
        assert_eq!(CandidateName::read("\"turn\""), Err(ArgumentError::NotACandidate("turn".into())));
    }
}
