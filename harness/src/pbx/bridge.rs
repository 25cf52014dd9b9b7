//! A relay and who stands at its sides: by the relay's own ports, or by a WebRTC transport of theirs.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use super::leg::Leg;
use crate::media::{Relay, Side};
use crate::sip::ua::CallId;

/// A call's relay. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bridge {
    relay: Relay,
    /// Whose transport carries a side.
    carriers: Rc<[Cell<Option<CallId>>; 2]>,
}

impl Bridge {
    pub(super) fn new(relay: Relay) -> Bridge {
        Bridge { relay, carriers: Rc::default() }
    }

    /// That leg stands at this side from now on.
    pub(super) fn stand(&self, side: Side, call: CallId, leg: &Leg) {
        let carrier = leg.line.gate.as_ref().map(|_| call);
        if self.carriers[side as usize].replace(carrier) == carrier {
            return;
        }
        match &leg.line.gate {
            Some(gate) => self.relay.replace_side(side, gate.peer()),
            None => self.relay.restore_side(side),
        }
    }

    /// A leg goes to another relay, or to none: what its transport brings isn't for this one any more.
    pub(super) fn release(&self, call: CallId) {
        for side in [Side::A, Side::B] {
            let carrier = &self.carriers[side as usize];
            if carrier.get() == Some(call) {
                carrier.set(None);
                self.relay.restore_side(side);
            }
        }
    }
}

impl Deref for Bridge {
    type Target = Relay;

    fn deref(&self) -> &Relay {
        &self.relay
    }
}
