//! What the floor speaks of: campaigns, leads, codes, states, and what follows a deed of an agent.

use std::fmt;
use std::time::Duration;

use super::measures::Count;
use super::names::Name;
use super::{Argument, ArgumentError};

/// What stands in double quotes.
pub(super) fn quoted(words: &str) -> Result<&str, ArgumentError> {
    let inner = words.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.ok_or_else(|| ArgumentError::NotQuoted(words.to_owned()))
}

/// The words behind one of these, if there are any.
fn behind<'a>(words: &'a str, leads: &[&str]) -> Option<&'a str> {
    let said = words.trim();
    leads.iter().find_map(|lead| said.strip_prefix(lead)?.strip_prefix(' '))
}

/// Whose behaviour a floor has, in double quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileName {
    /// VICIdial's, quirks included.
    Vicidial,
    /// One with an outbox, signed webhooks, idempotent APIs.
    Modern,
}

impl Argument for ProfileName {
    const NAME: &'static str = "profile";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "whose behaviour a floor has, in double quotes: \"vicidial\", \"modern\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match quoted(words)? {
            "vicidial" => Ok(ProfileName::Vicidial),
            "modern" => Ok(ProfileName::Modern),
            other => Err(ArgumentError::NotAProfile(other.to_owned())),
        }
    }
}

/// A campaign, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign(pub String);

impl Argument for Campaign {
    const NAME: &'static str = "campaign";
    const PATTERN: &'static str = Name::PATTERN;
    const DOC: &'static str = "the name of a campaign: renewals";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        Name::read(words).map(|name| Campaign(name.0))
    }
}

/// A campaign behind a preposition, or nothing: with one campaign it needn't be named.
fn optional_campaign(words: &str, lead: &str) -> Result<Option<String>, ArgumentError> {
    behind(words, &[lead]).map(|name| Campaign::read(name).map(|name| name.0)).transpose()
}

/// The optional tail ` in renewals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InCampaign(pub Option<String>);

impl Argument for InCampaign {
    const NAME: &'static str = "in_campaign";
    const PATTERN: &'static str = r"(?: in [\p{L}\p{N}][\p{L}\p{N}_-]*)?";
    const SHOWN: Option<&'static str> = Some(" [in {campaign}]");
    const DOC: &'static str = "nothing, if there's one campaign, or in which: in renewals";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        optional_campaign(words, "in").map(InCampaign)
    }
}

/// The optional tail ` to renewals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToCampaign(pub Option<String>);

impl Argument for ToCampaign {
    const NAME: &'static str = "to_campaign";
    const PATTERN: &'static str = r"(?: to [\p{L}\p{N}][\p{L}\p{N}_-]*)?";
    const SHOWN: Option<&'static str> = Some(" [to {campaign}]");
    const DOC: &'static str = "nothing, if there's one campaign, or to which: to renewals";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        optional_campaign(words, "to").map(ToCampaign)
    }
}

/// The optional tail ` for renewals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForCampaign(pub Option<String>);

impl Argument for ForCampaign {
    const NAME: &'static str = "for_campaign";
    const PATTERN: &'static str = r"(?: for [\p{L}\p{N}][\p{L}\p{N}_-]*)?";
    const SHOWN: Option<&'static str> = Some(" [for {campaign}]");
    const DOC: &'static str = "nothing, if there's one campaign, or for which: for renewals";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        optional_campaign(words, "for").map(ForCampaign)
    }
}

/// The optional tail ` of renewals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfCampaign(pub Option<String>);

impl Argument for OfCampaign {
    const NAME: &'static str = "of_campaign";
    const PATTERN: &'static str = r"(?: of [\p{L}\p{N}][\p{L}\p{N}_-]*)?";
    const SHOWN: Option<&'static str> = Some(" [of {campaign}]");
    const DOC: &'static str = "nothing, if there's one campaign, or of which: of renewals";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        optional_campaign(words, "of").map(OfCampaign)
    }
}

/// How many lines an agent are dialed, in hundredths: the optional tail ` with dial level 2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialLevel {
    /// 100 is one line an agent.
    pub hundredths: u32,
}

/// More lines an agent than that nobody dials.
const LEVEL_MAX: u32 = 20;

impl DialLevel {
    /// Lines an agent.
    pub fn lines(self) -> f64 {
        f64::from(self.hundredths) / 100.0
    }
}

impl Argument for DialLevel {
    const NAME: &'static str = "dial_level";
    const PATTERN: &'static str = r"(?: with dial level \S+)?";
    const SHOWN: Option<&'static str> = Some(" [with dial level 2]");
    const DOC: &'static str = "nothing (one line an agent), or how many lines an agent are dialed: with dial level 2";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let Some(level) = behind(words, &["with dial level"]) else { return Ok(DialLevel { hundredths: 100 }) };
        let not_one = || ArgumentError::NotADialLevel(level.to_owned());
        let (whole, fraction) = level.split_once('.').unwrap_or((level, "0"));
        let digits = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(not_one());
        }
        let hundredths: u32 = format!("{whole}{fraction:0<2}").parse().map_err(|_| not_one())?;
        if !(10..=LEVEL_MAX * 100).contains(&hundredths) {
            return Err(not_one());
        }
        Ok(DialLevel { hundredths })
    }
}

/// A lead, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeadName(pub u64);

/// As many digits as VICIdial's lead ids have.
const LEAD_DIGITS_MAX: usize = 9;

impl Argument for LeadName {
    const NAME: &'static str = "lead";
    const PATTERN: &'static str = r"[\p{L}\p{N}][\p{L}\p{N}_-]*";
    const DOC: &'static str = "a lead, named by its number: 1001";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotALead(words.to_owned());
        let is_number = words.len() <= LEAD_DIGITS_MAX && words.bytes().all(|byte| byte.is_ascii_digit());
        // One number, one way to write it: 0001 would be another name for 1.
        if !is_number || words.starts_with('0') {
            return Err(not_one());
        }
        words.parse().map(LeadName).map_err(|_| not_one())
    }
}

impl fmt::Display for LeadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The optional tail ` for lead 1001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForLead(pub Option<LeadName>);

impl Argument for ForLead {
    const NAME: &'static str = "for_lead";
    const PATTERN: &'static str = r"(?: for lead [\p{L}\p{N}][\p{L}\p{N}_-]*)?";
    const SHOWN: Option<&'static str> = Some(" [for lead {lead}]");
    const DOC: &'static str = "nothing, or for which lead: for lead 1001";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        behind(words, &["for lead"]).map(LeadName::read).transpose().map(ForLead)
    }
}

/// A disposition, a lead's status or a pause code, in double quotes: one to six capital letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code(pub String);

const CODE_MAX: usize = 6;

impl Argument for Code {
    const NAME: &'static str = "code";
    const PATTERN: &'static str = r#"(?:"[^"]*"|[\p{L}\p{N}]+)"#;
    const DOC: &'static str =
        "a disposition, a lead's status or a pause code in double quotes: \"SALE\", \"NA\", \"LUNCH\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let code = quoted(words)?;
        let is_one = (1..=CODE_MAX).contains(&code.len())
            && code.bytes().all(|sign| sign.is_ascii_uppercase() || sign.is_ascii_digit());
        if is_one { Ok(Code(code.to_owned())) } else { Err(ArgumentError::NotACode(code.to_owned())) }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Why somebody pauses: the optional tail ` with pause code "LUNCH"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseCode(pub Option<String>);

impl Argument for PauseCode {
    const NAME: &'static str = "pause_code";
    const PATTERN: &'static str = r#"(?: with (?:the )?pause code (?:"[^"]*"|[\p{L}\p{N}]+))?"#;
    const SHOWN: Option<&'static str> = Some(" [with pause code {code}]");
    const DOC: &'static str = "nothing, or why: with pause code \"LUNCH\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let code = behind(words, &["with pause code", "with the pause code"]);
        code.map(|code| Code::read(code).map(|code| code.0)).transpose().map(PauseCode)
    }
}

/// How an agent stands, as the floor sees it, in double quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// She waits for a call that goes out.
    Ready,
    /// A call is hers, and her screen hasn't picked it up.
    Queue,
    /// She has a call.
    InCall,
    /// She gets no calls.
    Paused,
    /// She waits for a call that comes in.
    Closer,
    /// She has a call, and the customer is gone.
    Dead,
    /// The call is over, and she hasn't said what came of it.
    Dispo,
}

const STATES: [(&str, AgentState); 7] = [
    ("READY", AgentState::Ready),
    ("QUEUE", AgentState::Queue),
    ("INCALL", AgentState::InCall),
    ("PAUSED", AgentState::Paused),
    ("CLOSER", AgentState::Closer),
    ("DEAD", AgentState::Dead),
    ("DISPO", AgentState::Dispo),
];

impl AgentState {
    /// As the floor writes it.
    pub fn as_str(self) -> &'static str {
        STATES.iter().find(|(_, state)| *state == self).map_or("", |(name, _)| *name)
    }

    /// Is an agent of that status and that sub-state so? DEAD and DISPO are sub-states; of the others one that has a
    /// sub-state is in that alone.
    pub fn is_shown_by(self, status: &str, sub_status: &str) -> bool {
        match self {
            AgentState::Dead | AgentState::Dispo => sub_status == self.as_str(),
            _ => sub_status.is_empty() && status == self.as_str(),
        }
    }
}

impl Argument for AgentState {
    const NAME: &'static str = "state";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "how an agent stands, in double quotes: \"READY\", \"QUEUE\", \"INCALL\", \"PAUSED\", \"CLOSER\", \"DEAD\", \"DISPO\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let state = quoted(words)?;
        let found = STATES.iter().find(|(name, _)| *name == state).map(|(_, state)| *state);
        found.ok_or_else(|| ArgumentError::NotAState(state.to_owned()))
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// How often a lead was dialed: `dialed once`, `dialed 3 times`, `never dialed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialed(pub u64);

impl Argument for Dialed {
    const NAME: &'static str = "dialed";
    const PATTERN: &'static str = r"(?:never dialed|dialed \S+(?: times?)?)";
    const SHOWN: Option<&'static str> = Some("[never] dialed [once|twice|3 times]");
    const DOC: &'static str = "how often a lead was dialed: dialed once, dialed twice, dialed 3 times, never dialed";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.strip_prefix("dialed ") {
            None => Ok(Dialed(0)),
            Some(times) => often(times).map(Dialed),
        }
    }
}

/// Reads `once`, `twice`, `3 times`, `never`.
fn often(words: &str) -> Result<u64, ArgumentError> {
    let not_one = || ArgumentError::NotOften(words.to_owned());
    let number = match words.strip_suffix(" times").or_else(|| words.strip_suffix(" time")) {
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => number,
        None if ["once", "twice", "never"].contains(&words) => words,
        _ => return Err(not_one()),
    };
    Count::read(number).map(|count| count.0).map_err(|_| not_one())
}

/// How often something was opened: the optional tail ` once`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Often(pub Option<u64>);

impl Argument for Often {
    const NAME: &'static str = "often";
    const PATTERN: &'static str = r"(?: (?:once|twice|never|\S*\d\S* times?))?";
    const SHOWN: Option<&'static str> = Some(" [once|twice|3 times]");
    const DOC: &'static str = "nothing (at least once), or how often: once, twice, 3 times, never";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.trim() {
            "" => Ok(Often(None)),
            said => often(said).map(|times| Often(Some(times))),
        }
    }
}

/// Who alone calls back: the optional tail ` for herself only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HerselfOnly(pub bool);

impl Argument for HerselfOnly {
    const NAME: &'static str = "only";
    const PATTERN: &'static str = r"(?: for \p{L}+ only)?";
    const SHOWN: Option<&'static str> = Some(" [for herself only]");
    const DOC: &'static str = "nothing (whoever is free calls), or: for herself only";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.trim() {
            "" => Ok(HerselfOnly(false)),
            "for herself only" | "for himself only" | "for themselves only" => Ok(HerselfOnly(true)),
            other => Err(ArgumentError::NotHerself(other.to_owned())),
        }
    }
}

/// Which tab somebody logs in by: the optional tail ` in the second tab`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InTab(pub usize);

impl Argument for InTab {
    const NAME: &'static str = "in_tab";
    const PATTERN: &'static str = r"(?: in the (?:\p{L}+ )?tab)?";
    const SHOWN: Option<&'static str> = Some(" [in the second tab]");
    const DOC: &'static str = "nothing (the first one), or by which tab: in the second tab";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.trim() {
            "" | "in the tab" | "in the first tab" => Ok(InTab(0)),
            "in the second tab" => Ok(InTab(1)),
            other => Err(ArgumentError::NotATab(other.trim_start_matches("in ").to_owned())),
        }
    }
}

/// What a session's time went into: `: 3 minutes in calls, 1 minute in wrap-up, 6 minutes waiting, 2 minutes paused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breakdown {
    /// In calls.
    pub calls: Option<Duration>,
    /// Between a call and its disposition.
    pub wrap_up: Option<Duration>,
    /// Waiting for calls.
    pub waiting: Option<Duration>,
    /// Paused.
    pub paused: Option<Duration>,
}

impl Argument for Breakdown {
    const NAME: &'static str = "breakdown";
    const PATTERN: &'static str = r"(?:: [^:]+)?";
    const SHOWN: Option<&'static str> =
        Some("[: {duration} in calls, {duration} in wrap-up, {duration} waiting, {duration} paused]");
    const DOC: &'static str = "nothing, or what the time went into: `: 3 minutes in calls, 1 minute in wrap-up, 6 minutes waiting, 2 minutes paused`";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let mut breakdown = Breakdown::default();
        let Some(said) = words.strip_prefix(": ") else { return Ok(breakdown) };
        for part in said.replace(" and ", ", ").split(", ") {
            let not_one = || ArgumentError::NotAPart(part.to_owned());
            let parts = [
                (" in calls", &mut breakdown.calls),
                (" in wrap-up", &mut breakdown.wrap_up),
                (" waiting", &mut breakdown.waiting),
                (" paused", &mut breakdown.paused),
            ];
            let found = parts.into_iter().find_map(|(tail, place)| Some((part.strip_suffix(tail)?, place)));
            let (duration, place) = found.ok_or_else(not_one)?;
            if place.replace(Duration::read(duration)?).is_some() {
                return Err(ArgumentError::NamedTwice(part.to_owned()));
            }
        }
        Ok(breakdown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_is_a_name_and_may_be_left_out_where_there_is_one() {
        assert_eq!(Campaign::read("renewals"), Ok(Campaign("renewals".into())));
        assert_eq!(Campaign::read("campaign"), Err(ArgumentError::Reserved("campaign".into())));
        assert_eq!(InCampaign::read(""), Ok(InCampaign(None)));
        assert_eq!(InCampaign::read(" in renewals"), Ok(InCampaign(Some("renewals".into()))));
        assert_eq!(ToCampaign::read(" to renewals"), Ok(ToCampaign(Some("renewals".into()))));
        assert_eq!(ForCampaign::read(" for renewals"), Ok(ForCampaign(Some("renewals".into()))));
        assert_eq!(OfCampaign::read(" of the"), Err(ArgumentError::Reserved("the".into())));
    }

    #[test]
    fn a_dial_level_is_one_unless_it_is_said() {
        assert_eq!(DialLevel::read(""), Ok(DialLevel { hundredths: 100 }));
        assert_eq!(DialLevel::read(" with dial level 2"), Ok(DialLevel { hundredths: 200 }));
        assert_eq!(DialLevel::read(" with dial level 1.25"), Ok(DialLevel { hundredths: 125 }));
        assert_eq!(DialLevel::read(" with dial level 20"), Ok(DialLevel { hundredths: 2_000 }));
        for wrong in ["0", "20.01", "two", "1,5", "-1", "1.234"] {
            let read = DialLevel::read(&format!(" with dial level {wrong}"));
            assert_eq!(read, Err(ArgumentError::NotADialLevel(wrong.into())));
        }
    }

    #[test]
    fn a_lead_is_named_by_its_number_alone() {
        assert_eq!(LeadName::read("1001"), Ok(LeadName(1001)));
        assert_eq!(LeadName::read("999999999"), Ok(LeadName(999_999_999)));
        for wrong in ["alice", "0", "0001", "10a", "1000000000"] {
            assert_eq!(LeadName::read(wrong), Err(ArgumentError::NotALead(wrong.into())));
        }
        assert_eq!(ForLead::read(" for lead 7"), Ok(ForLead(Some(LeadName(7)))));
        assert_eq!(ForLead::read(""), Ok(ForLead(None)));
    }

    #[test]
    fn codes_are_capitals_in_quotes_as_the_floor_has_them() {
        assert_eq!(Code::read("\"SALE\""), Ok(Code("SALE".into())));
        assert_eq!(Code::read("\"LAGGED\""), Ok(Code("LAGGED".into())));
        assert_eq!(Code::read("SALE"), Err(ArgumentError::NotQuoted("SALE".into())));
        for wrong in ["sale", "", "NOT SOLD", "TOOLONG"] {
            assert_eq!(Code::read(&format!("\"{wrong}\"")), Err(ArgumentError::NotACode(wrong.into())));
        }
        assert_eq!(PauseCode::read(""), Ok(PauseCode(None)));
        assert_eq!(PauseCode::read(" with pause code \"LUNCH\""), Ok(PauseCode(Some("LUNCH".into()))));
        assert!(PauseCode::read(" with pause code LUNCH").is_err());
    }

    #[test]
    fn a_sub_state_hides_the_state_that_it_belongs_to() {
        assert_eq!(AgentState::read("\"INCALL\""), Ok(AgentState::InCall));
        assert_eq!(AgentState::read("\"LAGGED\""), Err(ArgumentError::NotAState("LAGGED".into())));
        assert!(AgentState::InCall.is_shown_by("INCALL", "") && !AgentState::InCall.is_shown_by("INCALL", "DEAD"));
        assert!(AgentState::Dead.is_shown_by("INCALL", "DEAD") && !AgentState::Dead.is_shown_by("INCALL", ""));
        assert!(AgentState::Dispo.is_shown_by("INCALL", "DISPO"));
    }

    #[test]
    fn how_often_is_said_as_people_say_it() {
        for (words, times) in [("dialed once", 1), ("dialed twice", 2), ("dialed 3 times", 3), ("never dialed", 0)] {
            assert_eq!(Dialed::read(words), Ok(Dialed(times)));
        }
        assert_eq!(Dialed::read("dialed never"), Ok(Dialed(0)));
        assert_eq!(Dialed::read("dialed 1 time"), Ok(Dialed(1)));
        assert_eq!(Dialed::read("dialed thrice"), Err(ArgumentError::NotOften("thrice".into())));
        assert_eq!(Dialed::read("dialed 3"), Err(ArgumentError::NotOften("3".into())));
        assert_eq!(Often::read(""), Ok(Often(None)));
        assert_eq!(Often::read(" once"), Ok(Often(Some(1))));
    }

    #[test]
    fn a_callback_is_for_anyone_or_for_herself() {
        assert_eq!(HerselfOnly::read(""), Ok(HerselfOnly(false)));
        for words in [" for herself only", " for himself only", " for themselves only"] {
            assert_eq!(HerselfOnly::read(words), Ok(HerselfOnly(true)));
        }
        assert_eq!(HerselfOnly::read(" for bob only"), Err(ArgumentError::NotHerself("for bob only".into())));
        assert_eq!(InTab::read(" in the second tab"), Ok(InTab(1)));
        assert_eq!(InTab::read(" in the third tab"), Err(ArgumentError::NotATab("the third tab".into())));
    }

    #[test]
    fn any_part_of_a_session_may_be_left_out_and_none_is_told_twice() {
        let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
        let all = ": 3 minutes in calls, 1 minute in wrap-up, 6 minutes waiting, 2 minutes paused";
        let breakdown = Breakdown { calls: minutes(3), wrap_up: minutes(1), waiting: minutes(6), paused: minutes(2) };
        assert_eq!(Breakdown::read(all), Ok(breakdown));
        assert_eq!(Breakdown::read(""), Ok(Breakdown::default()));
        let paused = Breakdown { paused: minutes(2), ..Breakdown::default() };
        assert_eq!(Breakdown::read(": 2 minutes paused"), Ok(paused));
        assert!(Breakdown::read(": 2 minutes paused, 1 minute paused").is_err());
        assert_eq!(Breakdown::read(": 2 minutes idle"), Err(ArgumentError::NotAPart("2 minutes idle".into())));
    }

    #[test]
    fn a_profile_is_one_of_two() {
        assert_eq!(ProfileName::read("\"modern\""), Ok(ProfileName::Modern));
        assert_eq!(ProfileName::read("\"Vicidial\""), Err(ArgumentError::NotAProfile("Vicidial".into())));
    }
}
