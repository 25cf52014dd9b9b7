//! The floor: campaigns, leads, agents and their dispositions, on the calls that it makes.
//!
//! - [`switch`]: its telephony: a SIP user agent with conference rooms.

pub mod switch;
