//! Scenarios in universes: feature texts, performed on the stage that they are made for.

mod chart;
mod contract;
mod diagrams;
mod law_6;
mod mistakes;
mod naive;
mod stage;

#[path = "../../examples/own_steps/gossip.rs"]
mod gossip;
