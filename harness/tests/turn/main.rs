//! STUN and TURN between hosts of a universe (RFC 8489, RFC 8656).

mod allocations;
mod foreign;
mod mapped;
mod refusals;
mod relaying;
mod support;
mod trouble;
