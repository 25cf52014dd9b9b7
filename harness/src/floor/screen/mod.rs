//! The agent's screen: a page in a browser's tab, written against the Web APIs alone.
//!
//! It asks the floor by `fetch` and knows nothing but the replies. Each second it asks how its agent stands; what she
//! presses is a request of its own. It's alone in a tab on the computer of an agent with a hardphone, or has her webphone
//! in a frame ([`Phone::framed_in`](crate::phone::Phone::framed_in)).
//!
//! - `page`: [`AgentScreen`]: its buttons, and what it shows; [`form`]: what it says to the floor.

pub mod form;
mod page;

pub use page::{AgentScreen, Alert, ScreenSettings};
