//! The witnesses of calls, in universes: none complains where everybody does what the RFCs say, however bad the network
//! is, and each one notices the switch that it's there for.

mod healthy;
mod proxy;
mod soak;
mod stage;
mod wrong;
