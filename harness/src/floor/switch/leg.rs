//! One call of the switch.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use super::detector::{Detector, Verdict};
use super::{LegId, Part, Report, RoomId, Shared};
use crate::media::sdp::{Agreed, Local};
use crate::media::{Conference, Ear, FRAME, MemberId, Remote};
use crate::sip::ua::CallId;
use crate::trace::SimTime;

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// We call, and nothing is heard of it.
    Calling,
    /// It rings there.
    Ringing,
    /// She calls.
    Coming,
    Up,
}

pub(super) struct Leg {
    pub call: CallId,
    pub stage: Stage,
    /// The room that she's in; nobody else is where she is, if it's none.
    pub room: Option<RoomId>,
    pub part: Part,
    pub conference: Conference,
    pub member: MemberId,
    pub local: Local,
    /// What we say of the session.
    pub description: Option<Bytes>,
    pub remote: Option<Remote>,
    /// The offer is ours, and its answer comes with the ACK.
    pub offers: bool,
    pub detection: Rc<RefCell<Detection>>,
}

/// What is asked about somebody.
#[derive(Debug, Default)]
pub(super) enum Detection {
    #[default]
    No,
    /// From the answer on.
    Wanted,
    Runs(Detector),
}

impl Leg {
    /// Answers an offer; false if there's nothing that both can.
    pub(super) fn answer(&mut self, offer: &[u8]) -> bool {
        let Ok((description, agreed)) = self.local.answer(offer) else { return false };
        self.description = Some(description);
        self.take(agreed)
    }

    /// Takes the answer to our offer; false if it makes no session.
    pub(super) fn agree(&mut self, answer: &[u8]) -> bool {
        self.local.agree(answer).is_ok_and(|agreed| self.take(agreed))
    }

    fn take(&mut self, agreed: Option<Agreed>) -> bool {
        let Some(agreed) = agreed else { return false };
        self.local.settle(&agreed);
        self.remote = Some(agreed.remote());
        true
    }

    /// Her audio goes where she says.
    pub(super) fn connect(&self) {
        if let Some(remote) = self.remote {
            let remote = if self.stage == Stage::Up { remote } else { remote.early() };
            self.conference.connect(self.member, remote);
        }
    }
}

/// Listens to what a leg sends.
pub(super) struct LegEar {
    pub leg: LegId,
    pub detection: Rc<RefCell<Detection>>,
    pub shared: Rc<Shared>,
}

impl Ear for LegEar {
    fn hear(&mut self, now: SimTime, frame: Option<&[i16; FRAME]>) {
        let mut detection = self.detection.borrow_mut();
        let Detection::Runs(detector) = &mut *detection else { return };
        let Some(verdict) = detector.hear(now, frame) else { return };
        *detection = Detection::No;
        let leg = self.leg;
        self.shared.tell(match verdict {
            Verdict::Human => Report::Human { leg },
            Verdict::Machine => Report::Machine { leg },
            Verdict::Silence => Report::Silent { leg },
        });
    }

    fn listens(&self) -> bool {
        matches!(*self.detection.borrow(), Detection::Runs(_))
    }

    fn pressed(&mut self, digit: char) {
        self.shared.tell(Report::Pressed { leg: self.leg, digits: digit.to_string() });
    }
}
