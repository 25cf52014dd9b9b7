//! Audio between hosts of a universe: what is said into one microphone, and heard at another speaker.

mod calls;
mod conference;
mod relay;
mod support;
