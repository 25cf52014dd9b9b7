//! What telephony speaks of: kinds of phones and NATs, messages, digits, codecs, scores, and deeds that race.

use std::fmt;
use std::time::Duration;

use busyhour::net::nat::NatKind;

use super::people::Agent;
use super::{Argument, ArgumentError};

fn quoted(words: &str) -> Result<&str, ArgumentError> {
    let inner = words.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.ok_or_else(|| ArgumentError::NotQuoted(words.to_owned()))
}

/// What kind of phone an agent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneKind {
    /// A telephone on the desk.
    Hardphone,
    /// A program on a computer.
    Softphone,
    /// A page in a browser's tab.
    Webphone,
}

impl Argument for PhoneKind {
    const NAME: &'static str = "kind";
    const PATTERN: &'static str = r"\S+";
    const DOC: &'static str = "a kind of phone: hardphone, softphone, webphone";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words {
            "hardphone" | "hardphones" => Ok(PhoneKind::Hardphone),
            "softphone" | "softphones" => Ok(PhoneKind::Softphone),
            "webphone" | "webphones" => Ok(PhoneKind::Webphone),
            _ => Err(ArgumentError::NotAPhoneKind(words.to_owned())),
        }
    }
}

/// What kind of NAT somebody works behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat(pub NatKind);

impl Argument for Nat {
    const NAME: &'static str = "nat";
    const PATTERN: &'static str = r"[^\s\x22]+";
    const DOC: &'static str = "a kind of NAT: full-cone, restricted, port-restricted, symmetric";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words {
            "full-cone" => Ok(Nat(NatKind::FullCone)),
            "restricted" => Ok(Nat(NatKind::Restricted)),
            "port-restricted" => Ok(Nat(NatKind::PortRestricted)),
            "symmetric" => Ok(Nat(NatKind::Symmetric)),
            _ => Err(ArgumentError::NotANat(words.to_owned())),
        }
    }
}

/// How long a NAT's binding lasts: the optional tail ` with a binding lifetime of 30 seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(pub Option<Duration>);

impl Argument for Lifetime {
    const NAME: &'static str = "lifetime";
    const PATTERN: &'static str = r"(?: with a binding lifetime of \S*\d\S*(?: \p{L}+)?)?";
    const SHOWN: Option<&'static str> = Some(" [with a binding lifetime of {duration}]");
    const DOC: &'static str = "nothing, or how long a binding lasts: with a binding lifetime of 30 seconds";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.trim().strip_prefix("with a binding lifetime of ") {
            None => Ok(Lifetime(None)),
            Some(lifetime) => match Duration::read(lifetime)? {
                Duration::ZERO => Err(ArgumentError::NotADuration(lifetime.to_owned())),
                lifetime => Ok(Lifetime(Some(lifetime))),
            },
        }
    }
}

/// Which of the messages to come, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ordinal(pub u32);

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

impl Argument for Ordinal {
    const NAME: &'static str = "ordinal";
    const PATTERN: &'static str = r"[\p{L}\p{N}]+";
    const DOC: &'static str = "which one, counted from here: next, first, second, third";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        if words == "next" {
            return Ok(Ordinal(1));
        }
        let place = ORDINALS.iter().position(|ordinal| *ordinal == words);
        place.map(|place| Ordinal(place as u32 + 1)).ok_or_else(|| ArgumentError::NotAnOrdinal(words.to_owned()))
    }
}

/// A SIP message by what its first line says: a request's method or a response's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageName {
    /// Requests of that method.
    Method(String),
    /// Responses of that status.
    Status(u16),
}

/// The methods of SIP and its extensions.
const METHODS: &[&str] = &[
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "PRACK",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "INFO",
    "MESSAGE",
    "PUBLISH",
];

impl Argument for MessageName {
    const NAME: &'static str = "message";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "a SIP message in double quotes: a method such as \"ACK\", a status such as \"200\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let name = quoted(words)?;
        if METHODS.contains(&name) {
            return Ok(MessageName::Method(name.to_owned()));
        }
        match name.parse::<u16>() {
            Ok(status @ 100..=699) => Ok(MessageName::Status(status)),
            _ => Err(ArgumentError::NotAMessage(name.to_owned())),
        }
    }
}

impl fmt::Display for MessageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageName::Method(method) => write!(f, "{method:?}"),
            MessageName::Status(status) => write!(f, "\"{status}\""),
        }
    }
}

/// The keys of a telephone, in double quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits(pub String);

impl Argument for Digits {
    const NAME: &'static str = "digits";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "keys of a telephone in double quotes: \"1234\", \"*9#\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let digits = quoted(words)?;
        if !digits.is_empty() && digits.chars().all(|key| key.is_ascii_digit() || "*#ABCD".contains(key)) {
            return Ok(Digits(digits.to_owned()));
        }
        Err(ArgumentError::NotDigits(digits.to_owned()))
    }
}

/// A codec of the telephone network, in double quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodecName {
    /// G.711 u-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Argument for CodecName {
    const NAME: &'static str = "codec";
    const PATTERN: &'static str = r#""[^"]*""#;
    const DOC: &'static str = "a codec in double quotes: \"PCMU\", \"PCMA\"";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match quoted(words)? {
            "PCMU" => Ok(CodecName::Pcmu),
            "PCMA" => Ok(CodecName::Pcma),
            other => Err(ArgumentError::NotACodec(other.to_owned())),
        }
    }
}

/// How good audio must be, or may be at most: hundredths of a mean opinion score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// That good or better.
    AtLeast(u16),
    /// That good or worse.
    AtMost(u16),
}

impl Score {
    /// Is a score right? It is judged as it's shown, to a hundredth.
    pub fn admits(self, score: f64) -> bool {
        let hundredths = (score * 100.0).round();
        match self {
            Score::AtLeast(least) => hundredths >= f64::from(least),
            Score::AtMost(most) => hundredths <= f64::from(most),
        }
    }
}

impl Argument for Score {
    const NAME: &'static str = "score";
    const PATTERN: &'static str = r"(?:at least |at most |exactly |more than |less than )?\S*\d\S*";
    const DOC: &'static str = "a mean opinion score from 1 to 4.5: at least 4.0, at most 3.5";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotAScore(words.to_owned());
        let number = words.strip_prefix("at least ").or_else(|| words.strip_prefix("at most ")).ok_or_else(not_one)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(not_one());
        }
        let hundredths: u16 = format!("{whole}{fraction:0<2}").parse().map_err(|_| not_one())?;
        if !(100..=450).contains(&hundredths) {
            return Err(not_one());
        }
        Ok(if words.starts_with("at least ") { Score::AtLeast(hundredths) } else { Score::AtMost(hundredths) })
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Score::AtLeast(least) => write!(f, "at least {:.2}", f64::from(*least) / 100.0),
            Score::AtMost(most) => write!(f, "at most {:.2}", f64::from(*most) / 100.0),
        }
    }
}

/// A final answer that refuses: 300 to 699.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(pub u16);

impl Argument for Refusal {
    const NAME: &'static str = "refusal";
    const PATTERN: &'static str = r"\S*\d\S*";
    const DOC: &'static str = "a SIP status that refuses: 404, 486, 503";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        match words.parse::<u16>() {
            Ok(status @ 300..=699) => Ok(Refusal(status)),
            _ => Err(ArgumentError::NotARefusal(words.to_owned())),
        }
    }
}

/// What a person does with a phone, for scenarios in which two do something at almost the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// She takes the call.
    Answer,
    /// She declines it.
    Reject,
    /// She ends the call, or gives up calling.
    HangUp,
    /// She puts the call on hold.
    Hold,
    /// She takes it off hold.
    Resume,
}

impl Button {
    /// Reads `hangs up`, `hang up`.
    fn read(words: &str) -> Option<Button> {
        Some(match words {
            "answers" | "answer" => Button::Answer,
            "rejects the call" | "reject the call" => Button::Reject,
            "hangs up" | "hang up" => Button::HangUp,
            "puts the call on hold" | "put the call on hold" => Button::Hold,
            "takes the call off hold" | "take the call off hold" => Button::Resume,
            _ => return None,
        })
    }
}

/// What one agent does in a race: `alice hangs up`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Who.
    pub agent: Agent,
    /// What.
    pub button: Button,
    /// With which of her phones; whichever can, unless it's said.
    pub device: Option<usize>,
}

impl Argument for Deed {
    const NAME: &'static str = "deed";
    const PATTERN: &'static str = r"[\p{L}\p{N}][\p{L}\p{N}_-]* (?:answers|rejects|hangs|puts|takes)(?: [\p{L}]+)*?";
    const DOC: &'static str =
        "what one does: alice answers [on her second phone], rejects the call, hangs up, puts the call on hold";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        let not_one = || ArgumentError::NotADeed(words.to_owned());
        let (agent, deed) = words.split_once(' ').ok_or_else(not_one)?;
        let (deed, device) = match [" on her ", " on his ", " on their "].iter().find_map(|on| deed.split_once(on)) {
            Some((deed, "phone" | "first phone")) => (deed, Some(0)),
            Some((deed, "second phone")) => (deed, Some(1)),
            Some(_) => return Err(not_one()),
            None => (deed, None),
        };
        Ok(Deed { agent: Agent::read(agent)?, button: Button::read(deed).ok_or_else(not_one)?, device })
    }
}

/// When the second of two deeds follows the first: `at the same moment`, `20 ms later`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub Duration);

impl Argument for Moment {
    const NAME: &'static str = "moment";
    const PATTERN: &'static str = r"(?:at the same \p{L}+|\S*\d\S*(?: \p{L}+)? (?:later|after|earlier))";
    const DOC: &'static str = "when the second follows: at the same moment, 20 ms later";

    fn read(words: &str) -> Result<Self, ArgumentError> {
        if words == "at the same moment" {
            return Ok(Moment(Duration::ZERO));
        }
        let later = words.strip_suffix(" later").ok_or_else(|| ArgumentError::NotAMoment(words.to_owned()))?;
        Duration::read(later).map(Moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_method_or_a_status_as_the_wire_writes_it() {
        assert_eq!(MessageName::read("\"ACK\""), Ok(MessageName::Method("ACK".into())));
        assert_eq!(MessageName::read("\"100\""), Ok(MessageName::Status(100)));
        assert_eq!(MessageName::read("\"699\""), Ok(MessageName::Status(699)));
        for wrong in ["ack", "700", "99", "OK", ""] {
            assert_eq!(MessageName::read(&format!("\"{wrong}\"")), Err(ArgumentError::NotAMessage(wrong.into())));
        }
    }

    #[test]
    fn ordinals_are_counted_from_the_next_one() {
        assert_eq!(Ordinal::read("next"), Ok(Ordinal(1)));
        assert_eq!(Ordinal::read("first"), Ok(Ordinal(1)));
        assert_eq!(Ordinal::read("third"), Ok(Ordinal(3)));
        assert_eq!(Ordinal::read("2nd"), Err(ArgumentError::NotAnOrdinal("2nd".into())));
    }

    #[test]
    fn a_score_is_judged_to_the_hundredth() {
        assert_eq!(Score::read("at least 4.0"), Ok(Score::AtLeast(400)));
        assert_eq!(Score::read("at most 3.55"), Ok(Score::AtMost(355)));
        assert!(Score::AtLeast(400).admits(3.995) && !Score::AtLeast(400).admits(3.994));
        assert!(Score::AtMost(355).admits(3.554) && !Score::AtMost(355).admits(3.556));
        for wrong in ["4.0", "at least 4.6", "at least 0.9", "at most 4.123", "exactly 4.0", "at least 4,0"] {
            assert_eq!(Score::read(wrong), Err(ArgumentError::NotAScore(wrong.into())));
        }
    }

    #[test]
    fn what_people_do_at_almost_the_same_moment_is_read_whole() {
        let alice = || Agent::Named("alice".into());
        assert_eq!(Deed::read("alice hangs up"), Ok(Deed { agent: alice(), button: Button::HangUp, device: None }));
        assert_eq!(
            Deed::read("alice answers on her second phone"),
            Ok(Deed { agent: alice(), button: Button::Answer, device: Some(1) })
        );
        assert!(Deed::read("alice answers the door").is_err());
        assert_eq!(Moment::read("at the same moment"), Ok(Moment(Duration::ZERO)));
        assert_eq!(Moment::read("20 ms later"), Ok(Moment(Duration::from_millis(20))));
        assert_eq!(Moment::read("20 ms earlier"), Err(ArgumentError::NotAMoment("20 ms earlier".into())));
    }

    #[test]
    fn kinds_of_things_are_named_as_the_trade_names_them() {
        assert_eq!(PhoneKind::read("hardphones"), Ok(PhoneKind::Hardphone));
        assert_eq!(PhoneKind::read("webphone"), Ok(PhoneKind::Webphone));
        assert!(PhoneKind::read("smartphone").is_err());
        assert_eq!(Nat::read("port-restricted"), Ok(Nat(NatKind::PortRestricted)));
        assert!(Nat::read("cone").is_err());
        assert_eq!(Lifetime::read(""), Ok(Lifetime(None)));
        assert_eq!(
            Lifetime::read(" with a binding lifetime of 30 seconds"),
            Ok(Lifetime(Some(Duration::from_secs(30))))
        );
        assert!(Lifetime::read(" with a binding lifetime of 0 seconds").is_err());
        assert_eq!(Digits::read("\"*9#\""), Ok(Digits("*9#".into())));
        assert!(Digits::read("\"12x\"").is_err() && Digits::read("\"\"").is_err());
        assert_eq!(CodecName::read("\"opus\""), Err(ArgumentError::NotACodec("opus".into())));
        assert_eq!(Refusal::read("486"), Ok(Refusal(486)));
        assert!(Refusal::read("200").is_err() && Refusal::read("700").is_err());
    }
}
