//! Whose a leg is.

use rustc_hash::FxHashMap;

use super::calls::CallId;
use crate::floor::switch::{LegId, RoomId};

/// Whose a leg is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// The customer's of a call.
    Customer(CallId),
    /// Of somebody to whom the customer of a call was given.
    Taker(CallId),
    /// An agent's own phone.
    Phone(String),
    /// Of a third whom an agent has called.
    Third(String),
    /// Of somebody who listens to an agent.
    Monitor(String),
}

/// The legs that are there, and the numbers for new ones and for rooms.
#[derive(Debug)]
pub(super) struct Legs {
    owners: FxHashMap<LegId, Owner>,
    next_leg: u64,
    next_room: u64,
}

/// The first room's number: VICIdial's first conference.
const FIRST_ROOM: u64 = 8_600_051;

impl Legs {
    /// Each life of the floor has numbers of its own, so that a report of a former life's leg means nothing.
    pub(super) fn new(life: u64) -> Legs {
        Legs { owners: FxHashMap::default(), next_leg: (life << 32) + 1, next_room: FIRST_ROOM }
    }

    pub(super) fn owner(&self, leg: LegId) -> Option<&Owner> {
        self.owners.get(&leg)
    }

    /// A new leg.
    pub(super) fn place(&mut self, owner: Owner) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        assert!(leg.0 < LegId::INCOMING, "there are more legs than numbers");
        self.own(leg, owner);
        leg
    }

    /// A leg is somebody's from now on.
    pub(super) fn own(&mut self, leg: LegId, owner: Owner) {
        self.owners.insert(leg, owner);
    }

    /// A leg is nobody's any more: what's reported of it means nothing.
    pub(super) fn forget(&mut self, leg: LegId) -> Option<Owner> {
        self.owners.remove(&leg)
    }

    pub(super) fn room(&mut self) -> RoomId {
        let room = RoomId(self.next_room);
        self.next_room += 1;
        room
    }

    /// A room of a former life has that number.
    pub(super) fn room_was(&mut self, room: RoomId) {
        self.next_room = self.next_room.max(room.0 + 1);
    }

    pub(super) fn count(&self) -> usize {
        self.owners.len()
    }
}
