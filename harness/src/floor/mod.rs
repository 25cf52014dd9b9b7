//! The floor: campaigns, leads, the dialer, agents and their screens, dispositions, callbacks and the APIs.
//!
//! What contact-center people call "the system", modelled on VICIdial's observable behaviour. Its parts:
//!
//! - [`settings`]: campaigns, users, profiles and quirks.
//! - [`core`](self::core): the books, the dialer and the agents' sessions. Does no I/O and reads no clock.
//! - [`switch`]: the floor's SIP user agent and its conference rooms, which do what the core orders and report to it.

pub mod core;
pub mod settings;
pub mod switch;
