//! The floor: campaigns, leads, the dialer, agents and their screens, dispositions, callbacks and the APIs.
//!
//! What contact-center people call "the system", modelled on VICIdial's observable behaviour. Its parts:
//!
//! - [`settings`]: campaigns, users, profiles and quirks.
//! - [`core`](self::core): the books, the dialer and the agents' sessions. Does no I/O and reads no clock.
//! - [`switch`]: the floor's SIP user agent and its conference rooms, which do what the core orders and report to it.
//! - `program`: the server process: books on the disk, HTTP in front, the switch and the senders behind. [`Floor`] is its
//!   handle.
//! - [`api`]: the Non-Agent API and the Agent API. [`urls`]: which event goes by which URL.
//! - [`screen`]: the agent's screen, a page in a browser's tab.

pub mod api;
pub mod core;
mod entries;
mod handle;
mod program;
pub mod screen;
pub mod settings;
pub mod switch;
pub mod urls;

pub use handle::{Floor, FloorError, LeadView};
