//! The user agent core, driven with `now`: each order in which two sides can act on one call, each timer just before
//! and just after, and properties over wires that lose, repeat and overtake.

mod calls;
mod offers;
mod pair;
mod properties;
mod provisionals;
mod registrations;
mod sessions;
mod transfers;
