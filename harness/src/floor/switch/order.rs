//! What the core orders of the switch, and what the switch reports to it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A leg: one call between the floor and somebody. The core numbers those that it places, the switch those that come in
/// (from [`LegId::INCOMING`] on), so that neither waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u64);

impl LegId {
    /// The first number of a leg that comes in. The core's own stay below.
    pub const INCOMING: u64 = 1 << 62;
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg {}", self.0)
    }
}

/// A conference room. It's there from the first leg that joins it until it's closed: a lone member stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomId(pub u64);

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "room {}", self.0)
    }
}

/// What a leg does in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Is heard by everybody and hears everybody.
    Talks,
    /// Hears everybody and is heard by nobody.
    Listens,
    /// Hears everybody and is heard by one leg only.
    Whispers {
        /// Who hears it.
        to: LegId,
    },
}

/// What the switch is to do. Orders for a leg that is gone are ignored: its end is on the way to the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Call somebody: a user of the server, or a number behind its trunk.
    Call {
        /// The new leg.
        leg: LegId,
        /// A user's name or a number.
        to: String,
        /// The caller's number that is shown. Without one, the floor's own name.
        from: Option<String>,
        /// Give up when it hasn't been answered by then.
        timeout: Option<Duration>,
    },
    /// Answer a leg that came in.
    Answer {
        /// Which.
        leg: LegId,
    },
    /// Refuse a leg that came in.
    Refuse {
        /// Which.
        leg: LegId,
        /// The SIP status, from 400 on.
        status: u16,
    },
    /// Put an answered leg into a room; it leaves the one that it was in, or its music.
    Join {
        /// Which.
        leg: LegId,
        /// Where to.
        room: RoomId,
        /// What it does there.
        part: Part,
    },
    /// Take an answered leg out of its room and keep it.
    Park {
        /// Which.
        leg: LegId,
        /// It hears music; else silence.
        music: bool,
    },
    /// End a leg, however far it has come. [`Report::Ended`] or [`Report::Failed`] follows.
    HangUp {
        /// Which.
        leg: LegId,
    },
    /// Send digits to a leg.
    Digits {
        /// Which.
        leg: LegId,
        /// 0-9, A-D, * and #.
        digits: String,
    },
    /// Tell whether a man or a machine has answered: [`Report::Human`], [`Report::Machine`] or [`Report::Silent`].
    Detect {
        /// Which.
        leg: LegId,
    },
    /// End every leg that is in a room, and the room.
    CloseRoom {
        /// Which.
        room: RoomId,
    },
}

/// What has happened to a leg. After [`Report::Failed`] or [`Report::Ended`] nothing more is reported of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It rings there.
    Ringing {
        /// Which.
        leg: LegId,
    },
    /// A leg that was called has answered, or one that came in is connected after [`Order::Answer`].
    Answered {
        /// Which.
        leg: LegId,
    },
    /// It was never answered.
    Failed {
        /// Which.
        leg: LegId,
        /// The SIP status; 487 for a call that was given up, 0 when it couldn't be placed at all.
        status: u16,
        /// The Q.850 cause of the Reason header.
        cause: Option<u8>,
    },
    /// An answered leg is over.
    Ended {
        /// Which.
        leg: LegId,
        /// In a word: "bye", "hung up" when it was ordered, "lost".
        why: String,
    },
    /// Somebody calls the floor.
    Incoming {
        /// The new leg.
        leg: LegId,
        /// The caller's number.
        from: String,
        /// The number that was dialed.
        dialed: String,
    },
    /// Digits came.
    Pressed {
        /// From whom.
        leg: LegId,
        /// Which.
        digits: String,
    },
    /// A machine has answered ([`Order::Detect`]).
    Machine {
        /// Which leg.
        leg: LegId,
    },
    /// A man has answered ([`Order::Detect`]).
    Human {
        /// Which leg.
        leg: LegId,
    },
    /// Nobody speaks ([`Order::Detect`]).
    Silent {
        /// Which leg.
        leg: LegId,
    },
}

impl Report {
    /// The leg that it's about.
    pub fn leg(&self) -> LegId {
        match self {
            Report::Ringing { leg }
            | Report::Answered { leg }
            | Report::Failed { leg, .. }
            | Report::Ended { leg, .. }
            | Report::Incoming { leg, .. }
            | Report::Pressed { leg, .. }
            | Report::Machine { leg }
            | Report::Human { leg }
            | Report::Silent { leg } => *leg,
        }
    }
}
