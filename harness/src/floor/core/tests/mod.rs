//! Switch, screens and customers, played against the core in virtual time. The facts are VICIdial's, as its source and
//! documents have them; a test's comment says which where its name doesn't.

mod apis;
mod callbacks;
mod crash;
mod dialing;
mod inbound;
mod play;
mod sessions;
mod statuses;
mod telling;
mod transfers;
