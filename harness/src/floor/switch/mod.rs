//! The telephone side of the floor: legs and rooms, by orders and reports.

mod order;

pub use order::{LegId, Order, Part, Report, RoomId};
