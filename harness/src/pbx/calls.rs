//! Calls as people count them, and the attempts to reach somebody.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::bridge::Bridge;
use super::leg::Wish;
use super::records::RecordId;
use super::registrar::Device;
use crate::sip::ua::CallId;
use crate::sip::{Flow, Transport};
use crate::trace::SimTime;

/// A call between two parties, or of one with a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SessionId(pub u64);

/// An attempt to reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct DialId(pub u64);

/// Two legs and what joins them. The caller's audio is at the relay's side A.
pub(super) struct Session {
    pub caller: CallId,
    /// Who answered.
    pub callee: Option<CallId>,
    pub record: RecordId,
    /// It rings.
    pub dial: Option<DialId>,
    pub relay: Option<Bridge>,
    pub transfer: Option<Transfer>,
    /// Relays that its parties still send to, until they know where else.
    pub retired: Vec<Bridge>,
}

impl Session {
    /// The other of the two.
    pub(super) fn other(&self, leg: CallId) -> Option<CallId> {
        if leg == self.caller { self.callee } else { Some(self.caller) }
    }
}

/// One of the two asked for somebody else to take its place.
pub(super) struct Transfer {
    /// Who asked; nobody once she has hung up.
    pub transferor: Option<CallId>,
    /// Who she is: whom a failed transfer comes back to.
    pub party: Rc<str>,
    /// Who stays.
    pub survivor: CallId,
    pub dial: DialId,
    /// What will join the survivor and whoever answers.
    pub relay: Option<Bridge>,
    pub target: Rc<str>,
    pub told_of_ringing: bool,
    /// It failed, she had hung up, and is called back.
    pub is_recall: bool,
}

/// Whom an attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The caller of that call.
    Call(SessionId),
    /// The one who stays when the other is replaced.
    Transfer(SessionId),
}

/// Phones that ring at once.
#[derive(Debug)]
pub(super) struct Dial {
    pub purpose: Purpose,
    pub branches: Vec<CallId>,
    /// So many phones more are called as soon as their audio has a way.
    pub opening: usize,
    /// The best refusal so far.
    pub best: Option<Refusal>,
    /// The one whose early media is heard.
    pub early: Option<CallId>,
    /// The caller was told that it rings.
    pub rang: bool,
}

/// Why somebody couldn't be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    /// As the carrier explains it: `Q.850;cause=1`.
    pub reason: Option<String>,
    pub retry_after: Option<String>,
}

impl Refusal {
    pub(super) fn of(status: u16) -> Refusal {
        Refusal { status, reason: None, retry_after: None }
    }

    /// The less, the more it says about the callee rather than about one of her phones. (RFC 3261 16.7 step 6, where a
    /// phone that's busy says more than one that's off.)
    fn rank(&self) -> u16 {
        match self.status {
            600..=699 => 0,
            486 => 1,
            480 => 3,
            408 => 5,
            503 => 7,
            500..=599 => 6,
            400..=499 => 2,
            _ => 4,
        }
    }

    /// True if it ends the whole attempt: nobody else is to be tried (RFC 3261 21.6).
    pub(super) fn is_final(&self) -> bool {
        self.status >= 600
    }

    pub(super) fn better(one: Option<Refusal>, other: Refusal) -> Refusal {
        match one {
            Some(one) if one.rank() <= other.rank() => one,
            _ => other,
        }
    }
}

/// Where a phone, or the carrier, is to be called.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub party: Rc<str>,
    /// The Request-URI.
    pub target: String,
    pub to: String,
    pub flow: Flow,
    /// The phone as the registrar knows it, wherever it is.
    pub device: Option<Device>,
}

/// On whose behalf phones are called, and with what.
#[derive(Debug, Clone)]
pub(super) struct Invitation {
    pub party: Rc<str>,
    pub from: Rc<str>,
    /// The number that she calls by, if she may choose one.
    pub number: Option<Rc<str>>,
    pub hops: u8,
    pub wish: Wish,
    /// What is passed on where audio goes from phone to phone; whether that ends a hold.
    pub passed: Option<(Bytes, bool)>,
    /// The relay's port, where audio is relayed.
    pub port: Option<u16>,
}

impl Destination {
    /// The parameter of our Contact that brings requests back by the same transport.
    pub(super) fn transport_parameter(&self) -> &'static str {
        match self.flow.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Ws => ";transport=ws",
        }
    }
}

/// What somebody dialed leads to.
#[derive(Debug, Clone)]
pub(super) enum Route {
    Phones(Vec<Destination>),
    Room(Rc<str>),
    /// To nobody, with that status.
    Nobody(u16),
}

/// What is due at a certain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// It has rung for long enough.
    RingTimeout(DialId),
    /// A leg that has had time to hear how its transfer went.
    HangUp(CallId),
    /// Is the call heard?
    Audio(SessionId),
    /// Is there still a sign of that leg's party?
    Signs(CallId),
}

/// How long a transferor gets to hang up by herself.
pub(super) const COURTESY: Duration = Duration::from_millis(500);

/// A call as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// Who called.
    pub caller: Rc<str>,
    /// What was dialed.
    pub called: Rc<str>,
    /// Who answered.
    pub callee: Option<Rc<str>>,
    /// Since when it is a call.
    pub began: SimTime,
    /// Since when they talk.
    pub answered: Option<SimTime>,
    /// The room that it is in.
    pub room: Option<Rc<str>>,
}
