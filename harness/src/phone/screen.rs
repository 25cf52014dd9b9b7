//! What a phone shows.

use std::fmt;

use crate::sip;
use crate::sip::ua::Ending;

/// How the phone's registration looks to who stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registration {
    /// The account is switched off, or what was registered has run out.
    #[default]
    Off,
    /// It's on its way.
    Trying,
    /// It's there.
    Registered,
    /// The server refused with that status: a wrong password, for instance (401 or 403).
    Refused(u16),
    /// No server answers, or none can. It's tried again.
    Unreachable,
}

/// Who began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Somebody called.
    Incoming,
    /// We called.
    Outgoing,
}

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineState {
    /// Somebody calls, and it rings.
    Ringing,
    /// We call, and nothing is heard of it yet.
    Dialing,
    /// It rings at the other side.
    RingingThere,
    /// Both talk.
    Talking,
    /// We've put the other side on hold.
    OnHold,
    /// The other side has put us on hold.
    HeldByPeer,
    /// It's over.
    Ended {
        /// How it came to its end.
        reason: Ending,
    },
}

/// One call on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How far it is.
    pub state: LineState,
    /// Who is on the other side: a user or a number.
    pub peer: String,
    /// Who began.
    pub direction: Direction,
}

/// What became of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferState {
    /// Nobody knows yet.
    Trying,
    /// The others talk to each other.
    Done,
    /// It came to nothing, for that reason.
    Failed(u16),
}

/// What a phone shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Screen {
    /// It's lit.
    pub power: bool,
    /// The registration's icon.
    pub registration: Registration,
    /// The calls, the oldest first; those that ended stay until another begins.
    pub lines: Vec<Line>,
    /// The last transfer.
    pub transfer: Option<TransferState>,
    /// The line at the bottom.
    pub message: String,
}

impl Screen {
    /// The calls that haven't ended.
    pub fn calls(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !matches!(line.state, LineState::Ended { .. }))
    }

    /// True if somebody calls.
    pub fn rings(&self) -> bool {
        self.lines.iter().any(|line| line.state == LineState::Ringing)
    }

    /// The calls that were answered and haven't ended, held ones included.
    pub fn answered(&self) -> impl Iterator<Item = &Line> {
        use LineState::{HeldByPeer, OnHold, Talking};
        self.lines.iter().filter(|line| matches!(line.state, Talking | OnHold | HeldByPeer))
    }
}

impl fmt::Display for LineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineState::Ringing => f.write_str("ringing"),
            LineState::Dialing => f.write_str("dialing"),
            LineState::RingingThere => f.write_str("ringing there"),
            LineState::Talking => f.write_str("talking"),
            LineState::OnHold => f.write_str("on hold"),
            LineState::HeldByPeer => f.write_str("held by the other side"),
            LineState::Ended { reason } => write!(f, "ended: {}", in_words(reason)),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.peer, self.state)
    }
}

impl fmt::Display for Screen {
    /// What is seen, in a sentence's tail: `registered, bob (talking)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.power {
            f.write_str("a dark screen")?;
            return if self.message.is_empty() { Ok(()) } else { write!(f, ", {:?}", self.message) };
        }
        match self.registration {
            Registration::Off => f.write_str("not registered")?,
            Registration::Trying => f.write_str("registering")?,
            Registration::Registered => f.write_str("registered")?,
            Registration::Refused(status) => write!(f, "registration refused ({status})")?,
            Registration::Unreachable => f.write_str("no server answers")?,
        }
        for line in &self.lines {
            write!(f, ", {line}")?;
        }
        if self.lines.is_empty() {
            f.write_str(", no call")?;
        }
        if !self.message.is_empty() {
            write!(f, ", {:?}", self.message)?;
        }
        Ok(())
    }
}

/// An ending as a screen says it.
pub(super) fn in_words(ending: &Ending) -> String {
    match ending {
        Ending::HungUp => "hung up".into(),
        Ending::PeerHungUp => "the other side hung up".into(),
        Ending::Cancelled => "missed".into(),
        Ending::Abandoned => "given up".into(),
        Ending::Rejected(status) => format!("rejected ({status})"),
        Ending::Refused(status) => format!("{status} {}", sip::reason(*status)),
        Ending::Unacknowledged => "the answer was never confirmed".into(),
        Ending::SessionExpired => "the session ran out".into(),
        Ending::Lost => "the connection is lost".into(),
    }
}
