//! SDP (RFC 8866): what a call's ends tell each other of their audio, and what they agree on (RFC 3264); the same for
//! plain RTP and for WebRTC (RFC 8829), as far as one section of audio and one of data need it.
//!
//! - [`Description`]: a description as it's written.
//! - [`Local`]: what a side says of itself, its offers and answers; [`Agreed`]: what these come to.
//! - [`Secure`]: what a description says of a WebRTC transport.

mod description;
mod local;
mod secure;

pub use description::{Description, Media, Origin};
pub use local::{Agreed, Carries, Local, Section, Source};
pub use secure::{Fingerprint, Secure, Setup, restarts, secure_of};

use super::noise;

/// The payload type that we offer digits with: dynamic (RFC 3551 3), and the customary one.
pub const TELEPHONE_EVENT: u8 = 101;
/// The MIME type.
pub const CONTENT_TYPE: &str = "application/sdp";

/// Which way audio flows, from one side's view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// It only sends: the other is on hold.
    SendOnly,
    /// It only listens: it's on hold.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The one of these two flags.
    pub fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether this side sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether this side listens.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same from the other side's view.
    #[must_use]
    pub fn reversed(self) -> Direction {
        Direction::of(self.receives(), self.sends())
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Direction) -> Direction {
        Direction::of(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// Its attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn of_attribute(name: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| direction.as_str() == name)
    }
}

/// Why a description can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// No text.
    #[error("the description isn't UTF-8")]
    NotText,
    /// A line that isn't `x=...`, or in the wrong place.
    #[error("line {line} of the description isn't one: {text:?}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// A line that must be there.
    #[error("the description has no {0}= line")]
    Missing(char),
    /// A section of WebRTC lacks what it can't do without.
    #[error("the {section} section has no a={attribute}")]
    Lacks {
        /// `audio`, `application`.
        section: String,
        /// What is missing.
        attribute: &'static str,
    },
    /// An attribute that can't be read, or says what can't be.
    #[error("a={0} can't be {1:?}")]
    Attribute(&'static str, String),
    /// A medium of the answer stands where none was offered, or the other way round.
    #[error("the answer has {answered} media where {offered} were offered")]
    Media {
        /// How many were offered.
        offered: usize,
        /// How many the answer has.
        answered: usize,
    },
}

/// Whether a payload type can be comfort noise here.
pub fn is_noise(payload_type: u8) -> bool {
    payload_type == noise::PAYLOAD_TYPE
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod webrtc_tests;
