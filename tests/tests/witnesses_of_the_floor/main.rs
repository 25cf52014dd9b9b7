//! The witnesses of the floor and its webhooks, in whole universes: none complains where all is well, and each notices the
//! quirk, the misbehaviour, or the naive receiver, that it's there for.

mod calls;
mod center;
mod sessions;
mod webhooks;
